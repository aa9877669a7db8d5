//! Tells whoever watches a demo what happens, with the seconds since it began.

use std::sync::Arc;

use jiff::Timestamp;

use crate::clock::Clock;

/// Says lines; cheap to clone.
#[derive(Clone)]
pub struct Narrator {
    clock: Clock,
    begun_at: Timestamp,
    say: Arc<dyn Fn(String) + Send + Sync>,
}

impl Narrator {
    pub fn new(clock: Clock, say: Arc<dyn Fn(String) + Send + Sync>) -> Self {
        let begun_at = clock.now();
        Self { clock, begun_at, say }
    }

    /// One line about what happened just now.
    pub fn say(&self, words: &str) {
        let seconds = self.clock.now().duration_since(self.begun_at).as_secs();
        (self.say)(format!("{seconds:>5} s  {words}"));
    }

    /// A line that belongs to no instant.
    pub fn print(&self, line: String) {
        (self.say)(line);
    }
}
