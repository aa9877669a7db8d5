//! One plain-text message to one person, as bytes that go over the wire.
//!
//! The same letter gives the same bytes, so that a letter sent again after a doubt is recognised
//! by its Message-ID. It must not carry case data: callers compose it from ids and sentences.

use std::time::SystemTime;

use jiff::Timestamp;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, SinglePart};

/// What is written to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Unique and stable, without angle brackets: `0190e2c1-1@holdfast.example.org`.
    pub message_id: String,
    /// The same for all letters about one incident, without angle brackets; mail programs then
    /// show them as one conversation.
    pub thread_id: Option<String>,
    /// One address, with or without a name before it.
    pub to: String,
    pub subject: String,
    /// Plain text, any language.
    pub body: String,
    /// When the notice was made; a letter that is sent again keeps it.
    pub written_at: Timestamp,
}

/// A letter ready to be sent.
pub(super) struct Composed {
    pub envelope: Envelope,
    pub bytes: Vec<u8>,
}

impl Letter {
    /// # Errors
    /// What is wrong with the recipient's address, in words for the record of the notice.
    pub(super) fn compose(&self, from: &Mailbox) -> Result<Composed, String> {
        let to: Mailbox =
            self.to.parse().map_err(|why| format!("'{}' is not an address: {why}", self.to))?;
        let mut letter = Message::builder()
            .from(from.clone())
            .to(to)
            .date(SystemTime::from(self.written_at))
            .message_id(Some(format!("<{}>", one_line(&self.message_id))))
            .subject(one_line(&self.subject));
        if let Some(thread) = &self.thread_id {
            let thread = format!("<{}>", one_line(thread));
            letter = letter.in_reply_to(thread.clone()).references(thread);
        }
        // RFC 3834: no out-of-office answers to a machine.
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let letter = letter
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .singlepart(
                SinglePart::builder().header(ContentType::TEXT_PLAIN).body(self.body.clone()),
            )
            .map_err(|why| format!("the letter cannot be composed: {why}"))?;
        Ok(Composed { envelope: letter.envelope().clone(), bytes: letter.formatted() })
    }
}

/// A line break in a header would begin another header.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        Letter {
            message_id: "0190e2c1-1@holdfast.example.org".into(),
            thread_id: Some("c3ms-20230301T093109-1@holdfast.example.org".into()),
            to: "Duty Manager <duty@example.org>".into(),
            subject: "C3MS is down\r\nBcc: everybody@example.org".into(),
            body: "Ngāti Porou: ring 111.\n".into(),
            written_at: "2023-03-01T09:31:09Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_letter_is_plain_threaded_and_always_the_same() {
        let from: Mailbox = "Holdfast <holdfast@example.org>".parse().unwrap();
        let composed = letter().compose(&from).unwrap();
        let text = String::from_utf8(composed.bytes.clone()).unwrap();
        for line in [
            "Message-ID: <0190e2c1-1@holdfast.example.org>",
            "References: <c3ms-20230301T093109-1@holdfast.example.org>",
            "In-Reply-To: <c3ms-20230301T093109-1@holdfast.example.org>",
            "Auto-Submitted: auto-generated",
            "Date: Wed, 01 Mar 2023 09:31:09 +0000",
            "Content-Type: text/plain; charset=utf-8",
            "Ng=C4=81ti Porou: ring 111.",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        }
        assert!(!text.lines().any(|line| line.starts_with("Bcc")), "{text}");
        assert!(text.is_ascii());
        assert_eq!(letter().compose(&from).unwrap().bytes, composed.bytes);
        assert_eq!(composed.envelope.to().len(), 1);
    }

    #[test]
    fn an_address_that_is_none_says_so() {
        let from: Mailbox = "holdfast@example.org".parse().unwrap();
        let wrong = Letter { to: "duty at example".into(), ..letter() };
        let why = wrong.compose(&from).err().unwrap();
        assert!(why.starts_with("'duty at example' is not an address"), "{why}");
    }
}
