//! The time of one exchange, phase by phase.
//!
//! It stands among the hops from its start on and is closed when dropped, so that an exchange that
//! fails, or is cut off by the journey's timeout, shows how far it came.

use super::http::Hop;
use super::reach::Connected;
use crate::clock::Stopwatch;

/// One exchange under way.
#[derive(Debug)]
pub struct Lap<'h> {
    hops: &'h mut Vec<Hop>,
    at: usize,
    watch: Stopwatch,
    /// Since the last phase ended.
    phase: Stopwatch,
}

impl<'h> Lap<'h> {
    /// Begins now; `run` counts since the run began.
    pub fn begin(hops: &'h mut Vec<Hop>, run: Stopwatch) -> Self {
        let at = hops.len();
        hops.push(Hop {
            offset_us: run.elapsed_us(),
            total_us: 0,
            dns_us: None,
            connect_us: None,
            tls_us: None,
            first_byte_us: None,
            body_us: None,
        });
        Self { hops, at, watch: Stopwatch::start(), phase: Stopwatch::start() }
    }

    /// The name was resolved.
    pub fn resolved(&mut self, dns_us: Option<u64>) {
        self.hop().dns_us = dns_us;
        self.phase = Stopwatch::start();
    }

    /// The connection stands.
    pub fn connected(&mut self, connected: &Connected) {
        self.reached(connected.dns_us, Some(connected.connect_us));
    }

    /// Somebody else measured how the connection came about.
    pub fn reached(&mut self, dns_us: Option<u64>, connect_us: Option<u64>) {
        let hop = self.hop();
        hop.dns_us = dns_us;
        hop.connect_us = connect_us;
        self.phase = Stopwatch::start();
    }

    /// The handshake of TLS begins: what was said in the clear before is no part of it.
    pub fn securing(&mut self) {
        self.phase = Stopwatch::start();
    }

    /// The handshake of TLS is over.
    pub fn secured(&mut self) {
        self.hop().tls_us = Some(self.phase.elapsed_us().max(1));
        self.phase = Stopwatch::start();
    }

    /// Something of the answer is there; only the first time counts.
    pub fn first_byte(&mut self) {
        if self.hops[self.at].first_byte_us.is_none() {
            self.hop().first_byte_us = Some(self.phase.elapsed_us().max(1));
            self.phase = Stopwatch::start();
        }
    }

    fn hop(&mut self) -> &mut Hop {
        &mut self.hops[self.at]
    }
}

impl Drop for Lap<'_> {
    fn drop(&mut self) {
        let (total_us, body_us) = (self.watch.elapsed_us(), self.phase.elapsed_us());
        let hop = self.hop();
        hop.total_us = total_us;
        if hop.first_byte_us.is_some() {
            hop.body_us = Some(body_us);
        }
    }
}
