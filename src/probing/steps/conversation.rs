//! Speaking and listening over one connection, bounded.
//!
//! Nothing of what is heard goes into a fault.

use std::io::ErrorKind;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Fault, Hop};
use crate::domain::check::{FailureReason, Phase};

/// A server that says more than this in one conversation does not answer what was asked.
pub const MAX_BYTES: usize = 64 * 1024;

/// One connection, with what was heard and not yet used.
#[derive(Debug)]
pub struct Conversation<S> {
    stream: S,
    heard: Vec<u8>,
    /// Where the part of `heard` begins that was not used yet.
    used: usize,
    answered: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<S> {
    /// Begins to wait for the first word.
    pub fn over(stream: S, hop: &mut Hop) -> Self {
        hop.begin(Phase::FirstByte);
        Self { stream, heard: Vec::new(), used: 0, answered: false }
    }

    /// # Errors
    /// When the connection is cut.
    pub async fn say(&mut self, words: &[u8]) -> Result<(), Fault> {
        self.stream.write_all(words).await.map_err(|error| cut(&error))?;
        self.stream.flush().await.map_err(|error| cut(&error))
    }

    /// The next line, without its end.
    ///
    /// # Errors
    /// When the connection ends before the line does, or the server says too much.
    pub async fn line(&mut self, hop: &mut Hop) -> Result<String, Fault> {
        loop {
            let fresh = &self.heard[self.used..];
            if let Some(end) = fresh.iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&fresh[..end]).trim_end().to_owned();
                self.used += end + 1;
                return Ok(line);
            }
            self.listen(hop).await?;
        }
    }

    /// Listens until what is new matches; the next turn begins after the match.
    ///
    /// # Errors
    /// As for [`Conversation::line`].
    pub async fn until(&mut self, regex: &regex::Regex, hop: &mut Hop) -> Result<(), Fault> {
        loop {
            let fresh = String::from_utf8_lossy(&self.heard[self.used..]);
            if let Some(found) = regex.find(&fresh) {
                // What is not UTF-8 is wider as text than it was, so the end is kept within.
                self.used = self.heard.len().min(self.used + found.end());
                return Ok(());
            }
            self.listen(hop).await?;
        }
    }

    /// Exactly so many bytes.
    ///
    /// # Errors
    /// As for [`Conversation::line`].
    pub async fn exactly(&mut self, count: usize, hop: &mut Hop) -> Result<&[u8], Fault> {
        while self.heard.len() - self.used < count {
            self.listen(hop).await?;
        }
        self.used += count;
        Ok(&self.heard[self.used - count..self.used])
    }

    async fn listen(&mut self, hop: &mut Hop) -> Result<(), Fault> {
        if self.heard.len() >= MAX_BYTES {
            let detail = format!("the server said more than {MAX_BYTES} bytes");
            return Err(Fault::failed(FailureReason::TooLarge, detail));
        }
        let left = u64::try_from(MAX_BYTES - self.heard.len()).unwrap_or(0);
        let read = (&mut self.stream).take(left).read_buf(&mut self.heard).await;
        match read.map_err(|error| cut(&error))? {
            0 => {
                let detail = "the connection was closed before the expected answer came";
                Err(Fault::failed(FailureReason::Reset, detail))
            }
            _ => {
                if !self.answered {
                    self.answered = true;
                    hop.begin(Phase::Body);
                }
                Ok(())
            }
        }
    }

    /// Everything heard so far.
    #[must_use]
    pub fn into_heard(self) -> Vec<u8> {
        self.heard
    }

    /// The bare connection, to be encrypted.
    ///
    /// # Errors
    /// When the server went on in the clear: words that came before the handshake must not be
    /// taken for words that came after it.
    pub fn into_stream(self) -> Result<S, Fault> {
        if self.used < self.heard.len() {
            let detail = "the server went on in the clear after agreeing to TLS";
            return Err(Fault::failed(FailureReason::Protocol, detail));
        }
        Ok(self.stream)
    }
}

/// What it means that a standing connection broke.
pub fn cut(error: &std::io::Error) -> Fault {
    match error.kind() {
        ErrorKind::TimedOut => Fault::failed(FailureReason::Timeout, "the connection went dead"),
        _ => Fault::failed(FailureReason::Reset, "the connection was cut"),
    }
}
