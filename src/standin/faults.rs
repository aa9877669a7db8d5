//! Faults on demand: which requests the stand-in fails, and how.
//!
//! A fault holds for source addresses (an office), a path prefix, an application node and a seeded
//! share of requests. This file decides; [`super::accept`] carries out. It must not touch sockets.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::draw::Draw;
use super::register::Register;

/// How many nodes the application pretends to run on; connections go to them in turn.
pub const NODES: usize = 4;
/// More faults than this at once is a mistake in a scenario.
const MAX_FAULTS: usize = 64;
/// A longer delay is a hang and should be written as one.
const MAX_SLOW_MS: u64 = 600_000;

/// What goes wrong, and for whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// For clearing it; a fault of the same name is replaced. `fault-N` when empty.
    #[serde(default)]
    pub name: String,
    /// Source addresses; empty for everybody.
    #[serde(default)]
    pub from: Vec<IpAddr>,
    /// Prefix of the path; none for every path.
    #[serde(default)]
    pub path: Option<String>,
    /// Node from 0 to 3, as in the header `x-c3ms-node`; none for all of them.
    #[serde(default)]
    pub node: Option<usize>,
    /// Share of the matching requests, above 0 and up to 1.
    #[serde(default = "every_request")]
    pub share: f64,
    pub effect: Effect,
}

/// How a request fails. In YAML and JSON: `refuse`, `{slow: {ms: 3000}}`, `{status: 503}`,
/// `{wrong-content: error-page}`, `{surge: {percent: 140}}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// For everybody and every path the port is closed and connecting is refused. For some offices
    /// no program can refuse: their connections are taken and reset at once. With a path or a
    /// node, as reset.
    Refuse,
    /// The request is read, then the connection is reset.
    Reset,
    /// The request is read and never answered while the fault lasts.
    Hang,
    /// The right answer, that much later.
    Slow { ms: u64 },
    /// An error page with this status, from 400 to 599.
    Status(u16),
    /// Status 200 with something else than was asked for.
    WrongContent(WrongContent),
    /// The data of the instant the fault began, whose `as_of` stands still.
    Stale,
    /// The form appears, and nobody gets in.
    SignInBroken,
    /// Counts of work are this much of what they are, as when many fall ill at once.
    Surge { percent: u16 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WrongContent {
    /// A page that says an error occurred.
    ErrorPage,
    /// The right shape with nothing in it.
    EmptyList,
}

/// Why a fault cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFault {
    #[error("share must be above 0 and at most 1")]
    Share,
    #[error("status must be from 400 to 599: write a number like 503")]
    Status,
    #[error("slow takes at most {MAX_SLOW_MS} ms: write `hang` for longer")]
    Slow,
    #[error("path must begin with '/'")]
    Path,
    #[error("node must be from 0 to 3")]
    Node,
    #[error("{MAX_FAULTS} faults are active already: clear some")]
    TooMany,
}

fn every_request() -> f64 {
    1.0
}

impl Fault {
    /// A fault for everybody, every path and every request.
    #[must_use]
    pub fn new(effect: Effect) -> Self {
        Self {
            name: String::new(),
            from: Vec::new(),
            path: None,
            node: None,
            share: every_request(),
            effect,
        }
    }

    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// For one more source address only.
    #[must_use]
    pub fn from(mut self, address: IpAddr) -> Self {
        self.from.push(address);
        self
    }

    #[must_use]
    pub fn path(self, prefix: &str) -> Self {
        Self { path: Some(prefix.to_owned()), ..self }
    }

    #[must_use]
    pub fn share(self, share: f64) -> Self {
        Self { share, ..self }
    }

    /// # Errors
    /// When a value is out of its bounds; the message says what to write.
    pub fn validate(&self) -> Result<(), InvalidFault> {
        if !(self.share > 0.0 && self.share <= 1.0) {
            return Err(InvalidFault::Share);
        }
        if self.path.as_ref().is_some_and(|path| !path.starts_with('/')) {
            return Err(InvalidFault::Path);
        }
        if self.node.is_some_and(|node| node >= NODES) {
            return Err(InvalidFault::Node);
        }
        match self.effect {
            Effect::Status(status) if !(400..600).contains(&status) => Err(InvalidFault::Status),
            Effect::Slow { ms } if ms > MAX_SLOW_MS => Err(InvalidFault::Slow),
            _ => Ok(()),
        }
    }

    fn is_for(&self, request: &Asked<'_>) -> bool {
        (self.from.is_empty() || self.from.contains(&request.peer))
            && self.node.is_none_or(|node| node == request.node)
            && self.path.as_ref().is_none_or(|prefix| request.path.starts_with(prefix.as_str()))
    }

    fn is_at_connecting(&self) -> bool {
        self.effect == Effect::Refuse && self.path.is_none() && self.node.is_none()
    }

    /// Whether the port itself must be closed.
    fn refuses_everybody(&self) -> bool {
        self.is_at_connecting() && self.from.is_empty() && self.share >= 1.0
    }
}

/// What is known of a request when faults are looked up.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub peer: IpAddr,
    pub node: usize,
    pub path: &'a str,
    /// Whether the connection has served a request before, so that refusing at connecting could
    /// not have caught it.
    pub reused: bool,
}

/// The register as it was when a feed went stale.
#[derive(Clone, Debug)]
pub struct Frozen {
    pub register: Arc<Register>,
    pub as_of: Timestamp,
}

/// A fault that strikes one request.
#[derive(Clone, Debug)]
pub struct Hit {
    pub effect: Effect,
    /// Fires when the fault is cleared.
    pub cleared: CancellationToken,
    /// For [`Effect::Stale`].
    pub frozen: Option<Frozen>,
}

/// The active faults.
#[derive(Debug)]
pub struct Faults {
    active: Mutex<Vec<Active>>,
    /// Whether the port is to be open.
    open: watch::Sender<bool>,
    seed: u64,
}

#[derive(Debug)]
struct Active {
    fault: Fault,
    draw: Draw,
    cleared: CancellationToken,
    frozen: Option<Frozen>,
}

impl Drop for Active {
    fn drop(&mut self) {
        self.cleared.cancel();
    }
}

impl Faults {
    /// No faults; shares will be drawn from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { active: Mutex::default(), open: watch::channel(true).0, seed }
    }

    /// Makes a fault active and says its name. `frozen` is what a stale feed will show.
    ///
    /// # Errors
    /// When the fault is not valid or too many are active.
    pub fn apply(&self, mut fault: Fault, frozen: Frozen) -> Result<String, InvalidFault> {
        fault.validate()?;
        let mut active = self.lock();
        if active.len() >= MAX_FAULTS {
            return Err(InvalidFault::TooMany);
        }
        if fault.name.is_empty() {
            let free = |n: &usize| !active.iter().any(|a| a.fault.name == format!("fault-{n}"));
            fault.name = format!("fault-{}", (1..).find(free).unwrap_or(0));
        }
        let name = fault.name.clone();
        active.retain(|other| other.fault.name != name);
        let frozen = (fault.effect == Effect::Stale).then_some(frozen);
        let draw = Draw::new(self.seed);
        active.push(Active { fault, draw, cleared: CancellationToken::new(), frozen });
        self.tell(&active);
        Ok(name)
    }

    /// Ends one fault; false when there is none of that name.
    pub fn clear(&self, name: &str) -> bool {
        let mut active = self.lock();
        let before = active.len();
        active.retain(|other| other.fault.name != name);
        self.tell(&active);
        active.len() < before
    }

    /// Ends every fault.
    pub fn clear_all(&self) {
        let mut active = self.lock();
        active.clear();
        self.tell(&active);
    }

    /// The active faults in the order they were applied.
    #[must_use]
    pub fn list(&self) -> Vec<Fault> {
        self.lock().iter().map(|active| active.fault.clone()).collect()
    }

    /// Tells whenever the port is to be closed or opened.
    pub(super) fn port_open(&self) -> watch::Receiver<bool> {
        self.open.subscribe()
    }

    /// Whether a connection from this address is dropped before it is read.
    pub(super) fn refuses(&self, peer: IpAddr) -> bool {
        self.lock().iter_mut().any(|active| {
            active.fault.is_at_connecting()
                && (active.fault.from.is_empty() || active.fault.from.contains(&peer))
                && active.strikes()
        })
    }

    /// The faults that strike this request, in the order they were applied.
    pub(super) fn hits(&self, asked: &Asked<'_>) -> Vec<Hit> {
        self.lock()
            .iter_mut()
            .filter(|active| active.fault.is_for(asked))
            .filter(|active| asked.reused || !active.fault.is_at_connecting())
            .filter_map(|active| active.strikes().then(|| active.hit()))
            .collect()
    }

    fn tell(&self, active: &[Active]) {
        let open = !active.iter().any(|active| active.fault.refuses_everybody());
        self.open.send_if_modified(|was| std::mem::replace(was, open) != open);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Active {
    fn strikes(&mut self) -> bool {
        self.fault.share >= 1.0 || self.draw.share() < self.fault.share
    }

    fn hit(&self) -> Hit {
        Hit {
            effect: self.fault.effect,
            cleared: self.cleared.clone(),
            frozen: self.frozen.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 1, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 1, 2));

    fn frozen() -> Frozen {
        let as_of = Timestamp::UNIX_EPOCH;
        Frozen { register: Arc::new(Register::new(as_of)), as_of }
    }

    fn struck(faults: &Faults, peer: IpAddr, path: &str) -> bool {
        !faults.hits(&Asked { peer, node: 0, path, reused: true }).is_empty()
    }

    #[test]
    fn a_fault_strikes_its_office_and_path_only() {
        let faults = Faults::new(1);
        let fault = Fault::new(Effect::Status(503)).from(HERE).path("/intake").named("one");
        faults.apply(fault, frozen()).unwrap();
        assert!(struck(&faults, HERE, "/intake/N-1"));
        assert!(!struck(&faults, HERE, "/persons"));
        assert!(!struck(&faults, THERE, "/intake"));
        assert!(faults.clear("one"));
        assert!(!faults.clear("one"));
        assert!(!struck(&faults, HERE, "/intake"));
    }

    #[test]
    fn a_share_is_kept_and_drawn_the_same_again() {
        let draws = |seed| -> Vec<bool> {
            let faults = Faults::new(seed);
            faults.apply(Fault::new(Effect::Reset).share(0.3), frozen()).unwrap();
            (0..1000).map(|_| struck(&faults, HERE, "/")).collect()
        };
        let first = draws(5);
        assert_eq!(first, draws(5));
        let struck = first.iter().filter(|struck| **struck).count();
        assert!((250..350).contains(&struck), "{struck}");
    }

    #[test]
    fn the_port_closes_only_when_everybody_is_refused() {
        let faults = Faults::new(1);
        let open = faults.port_open();
        faults.apply(Fault::new(Effect::Refuse).from(HERE).named("some"), frozen()).unwrap();
        assert!(*open.borrow());
        assert!(faults.refuses(HERE) && !faults.refuses(THERE));
        faults.apply(Fault::new(Effect::Refuse).named("all"), frozen()).unwrap();
        assert!(!*open.borrow());
        faults.clear_all();
        assert!(*open.borrow());
    }

    #[test]
    fn values_out_of_bounds_are_refused() {
        let faults = Faults::new(1);
        for (fault, why) in [
            (Fault::new(Effect::Reset).share(0.0), InvalidFault::Share),
            (Fault::new(Effect::Reset).share(f64::NAN), InvalidFault::Share),
            (Fault::new(Effect::Status(200)), InvalidFault::Status),
            (Fault::new(Effect::Slow { ms: MAX_SLOW_MS + 1 }), InvalidFault::Slow),
            (Fault::new(Effect::Hang).path("intake"), InvalidFault::Path),
        ] {
            assert_eq!(faults.apply(fault, frozen()), Err(why));
        }
    }

    #[test]
    fn a_cleared_fault_lets_go_of_whoever_waits() {
        let faults = Faults::new(1);
        faults.apply(Fault::new(Effect::Hang), frozen()).unwrap();
        let hits = faults.hits(&Asked { peer: HERE, node: 0, path: "/", reused: false });
        assert!(!hits[0].cleared.is_cancelled());
        faults.clear_all();
        assert!(hits[0].cleared.is_cancelled());
    }
}
