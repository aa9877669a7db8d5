//! Values kept from an answer, as text: "00123" stays "00123".

use hyper::header::SET_COOKIE;

use super::Fault;
use super::expect::{Parsed, plain};
use crate::domain::check::FailureReason;
use crate::domain::step::{Capture, CaptureSource};

/// Longer values are not what a journey carries along.
const MAX_VALUE_BYTES: usize = 8 * 1024;

/// Takes a value from the answer.
///
/// # Errors
/// When there is none, or it is absurdly long.
pub fn take(capture: &Capture, parsed: &Parsed<'_>) -> Result<String, Fault> {
    let missing = |detail: String| parsed.fault(FailureReason::Capture, detail);
    let headers = parsed.answer().map(|answer| &answer.headers);
    let found = match &capture.from {
        CaptureSource::Json(path) => {
            parsed.json().and_then(|document| path.query(document).first().map(plain))
        }
        CaptureSource::Html { select, attribute } => parsed.element(select, attribute.as_deref()),
        CaptureSource::Header(name) => {
            let value = headers.and_then(|headers| headers.get(name));
            value.and_then(|value| value.to_str().ok()).map(str::to_owned)
        }
        CaptureSource::Cookie(name) => headers
            .into_iter()
            .flat_map(|headers| headers.get_all(SET_COOKIE))
            .filter_map(|value| value.to_str().ok())
            .filter_map(|cookie| cookie.split(';').next()?.split_once('='))
            .find(|(cookie, _)| cookie.trim() == name)
            .map(|(_, value)| value.to_owned()),
        CaptureSource::Regex(regex) => regex
            .captures(&parsed.text())
            .and_then(|groups| groups.get(1))
            .map(|group| group.as_str().to_owned()),
        CaptureSource::Url => parsed.url().map(ToString::to_string),
        CaptureSource::Fact(fact) => parsed.values_of(fact).first().map(|&value| value.to_owned()),
    };
    let value = found.ok_or_else(|| missing(format!("'{}' is not in the answer", capture.name)))?;
    if value.len() > MAX_VALUE_BYTES {
        return Err(parsed.fault(
            FailureReason::TooLarge,
            format!("'{}' is longer than {MAX_VALUE_BYTES} bytes", capture.name),
        ));
    }
    Ok(value)
}
