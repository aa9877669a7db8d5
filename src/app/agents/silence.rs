//! Whether agents are heard, and whether their clocks go right: operations are told, the target is
//! not blamed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::{mpsc, watch};

use super::{CLOCK, SILENT, Word};
use crate::clock::Clock;
use crate::continuity::command::{Command, Handle};
use crate::domain::agent::{ASK_WAIT, Measured};
use crate::domain::ids::LocationId;
use crate::domain::target::Target;
use crate::store::Store;
use crate::store::agents::{self, Agent};
use crate::telemetry::metrics::Metrics;
use crate::web::agents::Plans;
use crate::web::agents::desk::Desk;

/// How often it is looked.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Silence of this many of a location's shortest intervals.
const SILENT_INTERVALS: u32 = 3;
/// An agent asks at least every [`ASK_WAIT`]: three times in vain is no slow line any more, however
/// short its probes' intervals are.
const LEAST_SILENCE: Duration = Duration::from_secs(3 * ASK_WAIT.as_secs());
/// Continuity is told again so often, for what it could not write before.
const TELL_INTERVAL: Duration = Duration::from_secs(30);
/// When an agent was last heard is written down so often.
const NOTE_INTERVAL: Duration = Duration::from_secs(5);
/// A look that is later than this says that we were away ourselves.
const AWAY: Duration = Duration::from_secs(5);

/// Watches over agents.
pub struct Silence {
    pub store: Store,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub targets: watch::Receiver<Arc<Vec<Arc<Target>>>>,
    pub plans: watch::Receiver<Arc<Plans>>,
    pub desk: Arc<Desk>,
    pub words: mpsc::Sender<Word>,
    /// What is wrong, for the operations page.
    pub say: watch::Sender<Vec<String>>,
    pub continuity: Handle,
    pub zone: TimeZone,
    pub changed: Arc<dyn Fn() + Send + Sync>,
}

/// What is known of one location's agent from one look to the next.
#[derive(Default)]
struct Known {
    silent: bool,
    told: Option<Duration>,
    noted: Option<Duration>,
    /// When it was last heard, by the wall clock.
    heard_at: Option<Timestamp>,
}

impl Silence {
    /// Looks for ever.
    pub async fn keep(self) {
        let mut known: BTreeMap<LocationId, Known> = BTreeMap::new();
        let mut apart = BTreeSet::new();
        let (mut here_since, mut looked) = (self.clock.monotonic(), self.clock.monotonic());
        loop {
            let now = self.clock.monotonic();
            // While we stood still nobody could be heard.
            if now.saturating_sub(looked) > LOOK_INTERVAL + AWAY {
                here_since = now;
            }
            looked = now;
            self.look(&mut known, &mut apart, (here_since, now)).await;
            self.clock.sleep(LOOK_INTERVAL).await;
        }
    }

    async fn look(
        &self,
        known: &mut BTreeMap<LocationId, Known>,
        apart: &mut BTreeSet<LocationId>,
        (here_since, now): (Duration, Duration),
    ) {
        let locations: Vec<LocationId> = self.plans.borrow().keys().cloned().collect();
        let enrolled = match agents::all(&self.store).await {
            Ok(enrolled) => enrolled,
            // What was said before holds until more is known.
            Err(error) => return tracing::error!(%error, "agents cannot be looked up"),
        };
        known.retain(|location, _| locations.contains(location));
        let (mut silent, mut off, mut off_words) = (Vec::new(), BTreeSet::new(), Vec::new());
        for location in locations {
            let agent = enrolled.iter().find(|agent| agent.location == location);
            let (title, interval) = self.of(&location);
            let heard = self.desk.heard(&location);
            let limit = (interval * SILENT_INTERVALS).max(LEAST_SILENCE);
            let quiet = now.saturating_sub(heard.at.unwrap_or_default().max(here_since));
            let one = known.entry(location.clone()).or_default();
            self.note(&location, one, (agent, now)).await;
            if agent.is_none_or(|agent| agent.certified_until.is_none()) {
                silent.push(format!(
                    "No agent is enrolled for {title}, so nobody probes there: invite one with \
                     'holdfast agent invite {location}'."
                ));
            } else if quiet > limit {
                silent.push(self.silent(&title, one.heard_at));
            }
            if agent.is_some() {
                self.tell(&location, one, (quiet > limit, &title), now).await;
            }
            if let Some(measured) = heard.measured.filter(|measured| measured.is_off()) {
                off_words.push(clock_words(&title, measured));
                off.insert(location);
            }
        }
        self.metrics.set_readiness_faults(SILENT, silent.len());
        self.metrics.set_readiness_faults(CLOCK, off.len());
        if *apart != off {
            apart.clone_from(&off);
            let _ = self.words.send(Word::Apart(off)).await;
        }
        self.show(silent.into_iter().chain(off_words).collect());
    }

    fn show(&self, faults: Vec<String>) {
        let changed = self.say.send_if_modified(|before| {
            let differs = *before != faults;
            *before = faults;
            differs
        });
        if changed {
            (self.changed)();
        }
    }

    /// The title of a location, and the shortest interval of a probe there.
    fn of(&self, location: &LocationId) -> (String, Duration) {
        let targets = self.targets.borrow();
        let title = targets.iter().find_map(|target| target.location(location));
        let title = title.map_or_else(|| location.to_string(), |found| found.title.clone());
        let probes = targets.iter().flat_map(|target| &target.probes);
        let here = probes.filter(|probe| probe.locations.contains(location));
        (title, here.map(|probe| probe.interval).min().unwrap_or_default())
    }

    /// Writes down when an agent was heard, now and then.
    async fn note(
        &self,
        location: &LocationId,
        one: &mut Known,
        (agent, now): (Option<&Agent>, Duration),
    ) {
        let heard = self.desk.heard(location);
        let Some(at) = heard.at else {
            one.heard_at = one.heard_at.or(agent.and_then(|agent| agent.heard_at));
            return;
        };
        let wall = self.clock.now();
        let heard_at = wall.checked_sub(now.saturating_sub(at)).unwrap_or(wall);
        one.heard_at = Some(heard_at);
        self.metrics.record_agent_heard(location, heard_at, heard.measured.map(Measured::offset));
        let is_news = one.noted.is_none_or(|noted| noted < at);
        if !is_news || one.noted.is_some_and(|noted| now.saturating_sub(noted) < NOTE_INTERVAL) {
            return;
        }
        let noted = agents::Heard { at: heard_at, measured: heard.measured };
        match agents::hear(&self.store, location, noted).await {
            Ok(()) => one.noted = Some(now),
            Err(error) => tracing::error!(%error, "that an agent was heard cannot be noted"),
        }
    }

    /// Tells operations that a location falls silent, and that it reports again.
    async fn tell(
        &self,
        location: &LocationId,
        one: &mut Known,
        (silent, title): (bool, &str),
        now: Duration,
    ) {
        let is_news = one.silent != silent;
        if !is_news && one.told.is_some_and(|told| now.saturating_sub(told) < TELL_INTERVAL) {
            return;
        }
        // A start says nothing yet of those it has not heard.
        if !silent && self.desk.heard(location).at.is_none() {
            return;
        }
        let sentence = match silent {
            true => self.silent(title, one.heard_at),
            false => format!("{title} reports again."),
        };
        if is_news {
            tracing::warn!(%location, "{sentence}");
        }
        (one.silent, one.told) = (silent, Some(now));
        let told = Command::Agent { location: location.clone(), silent, sentence };
        if let Err(error) = self.continuity.ask(told).await {
            tracing::error!(%error, %location, "operations are not told of an agent");
        }
    }

    fn silent(&self, title: &str, heard_at: Option<Timestamp>) -> String {
        let Some(at) = heard_at else {
            return format!("{title} is not reporting: its agent was not heard yet.");
        };
        let at = at.to_zoned(self.zone.clone()).strftime("%a %-d %b %H:%M:%S");
        format!("{title} is not reporting: its agent was last heard {at}.")
    }
}

fn clock_words(title: &str, measured: Measured) -> String {
    let offset = measured.offset();
    let way = if offset.is_negative() { "behind" } else { "ahead" };
    let seconds = offset.abs().as_secs_f64();
    format!(
        "The clock at {title} is {seconds:.1} s {way}: what is found there is not compared with \
         other places. Set it by NTP."
    )
}
