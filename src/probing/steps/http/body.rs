//! What a request carries and what an answer brings, both bounded.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_ENCODING, HeaderMap};

use super::fault::broken;
use crate::domain::check::{FailureReason, Outcome};
use crate::domain::step::{Body, Part};
use crate::probing::steps::Fault;
use crate::probing::values::Values;

/// Larger answers are not what a person waits for, and an endless one must end. It bounds what
/// comes over the line and what that unpacks to.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// A request's body with its type.
pub struct Content {
    pub kind: String,
    pub bytes: Bytes,
}

/// Fills a request's body.
///
/// # Errors
/// When a value is missing.
pub fn content(body: &Body, values: &Values<'_>) -> Result<Option<Content>, Fault> {
    let (kind, bytes) = match body {
        Body::Empty => return Ok(None),
        Body::Form(fields) => {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            for (name, template) in fields {
                form.append_pair(name, &values.fill(template)?);
            }
            ("application/x-www-form-urlencoded".to_owned(), form.finish().into())
        }
        Body::Json(value) => {
            let filled = values.fill_json(value)?;
            let text = serde_json::to_vec(&filled);
            let text = text.map_err(|_| Fault::prober("the JSON body cannot be written"))?;
            ("application/json".to_owned(), text.into())
        }
        Body::Multipart(parts) => multipart(parts, values)?,
        Body::Raw { content_type, text } => (content_type.clone(), values.fill(text)?.into()),
    };
    Ok(Some(Content { kind, bytes }))
}

/// `multipart/form-data`, RFC 7578.
fn multipart(parts: &[Part], values: &Values<'_>) -> Result<(String, Bytes), Fault> {
    // Random, so that no part can contain it but by an accident of one in 2^128.
    let boundary = format!("holdfast-{:032x}", rand::random::<u128>());
    let mut text = String::new();
    for part in parts {
        text.push_str(&format!("--{boundary}\r\ncontent-disposition: form-data; name=\""));
        text.push_str(&quoted(&part.name));
        text.push('"');
        if let Some(file_name) = &part.file_name {
            text.push_str(&format!("; filename=\"{}\"", quoted(file_name)));
        }
        if let Some(content_type) = &part.content_type {
            text.push_str(&format!("\r\ncontent-type: {content_type}"));
        }
        text.push_str("\r\n\r\n");
        text.push_str(&values.fill(&part.text)?);
        text.push_str("\r\n");
    }
    text.push_str(&format!("--{boundary}--\r\n"));
    Ok((format!("multipart/form-data; boundary={boundary}"), text.into()))
}

/// As browsers write names: the HTML standard, "multipart/form-data encoding algorithm".
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// Reads an answer's body to its end and unpacks it.
///
/// # Errors
/// When it is larger than [`MAX_BODY_BYTES`], packed or not, or breaks off.
pub async fn read(mut incoming: Incoming, headers: &HeaderMap) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(chunk) = frame.map_err(|error| broken(&error))?.into_data() else { continue };
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(too_large("the answer is larger"));
        }
        body.extend_from_slice(&chunk);
    }
    let packed = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    match packed.map(str::trim) {
        None | Some("" | "identity") => Ok(body),
        _ if body.is_empty() => Ok(body),
        Some("gzip" | "x-gzip") => unpack(&body),
        Some(_) => Err(Fault::new(
            Outcome::Failed(FailureReason::Protocol),
            "the answer is packed in a way that was not asked for",
        )),
    }
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    let mut bounded = MultiGzDecoder::new(packed).take(MAX_BODY_BYTES as u64 + 1);
    bounded.read_to_end(&mut body).map_err(|_| {
        Fault::new(Outcome::Failed(FailureReason::Protocol), "the answer cannot be unpacked")
    })?;
    if body.len() > MAX_BODY_BYTES {
        return Err(too_large("the answer unpacks to more"));
    }
    Ok(body)
}

fn too_large(what: &str) -> Fault {
    let outcome = Outcome::Failed(FailureReason::TooLarge);
    Fault::new(outcome, format!("{what} than {MAX_BODY_BYTES} bytes"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(length: usize) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&vec![b'a'; length]).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_is_packed_is_unpacked_up_to_the_bound() {
        assert_eq!(unpack(&packed(MAX_BODY_BYTES)).unwrap().len(), MAX_BODY_BYTES);
        let bomb = packed(MAX_BODY_BYTES * 16);
        assert!(bomb.len() < 100_000);
        let fault = unpack(&bomb).unwrap_err();
        assert_eq!(fault.outcome, Outcome::Failed(FailureReason::TooLarge));
        assert!(unpack(b"not gzip").is_err());
    }
}
