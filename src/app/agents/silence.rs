//! Whether agents report, whether their clocks go right, and what keeps them from their work:
//! operations are told, the target is not blamed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::{mpsc, watch};

use super::{CLOCK, SILENT, TROUBLE, Word};
use crate::clock::Clock;
use crate::continuity::command::{Command, Handle};
use crate::domain::agent::{DELIVERY_INTERVAL, Measured, Trouble};
use crate::domain::ids::LocationId;
use crate::domain::target::Target;
use crate::store::Store;
use crate::store::agents::{self, Agent};
use crate::telemetry::metrics::Metrics;
use crate::web::agents::Plans;
use crate::web::agents::desk::{Desk, Heard};

/// How often it is looked.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Silence of this many of a location's shortest intervals.
const SILENT_INTERVALS: u32 = 3;
/// An agent delivers at least every [`DELIVERY_INTERVAL`], be it nothing: three times in vain is no
/// slow line any more, however short its probes' intervals are.
const LEAST_SILENCE: Duration = Duration::from_secs(3 * DELIVERY_INTERVAL.as_secs());
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
    /// When it last delivered, by the wall clock.
    heard_at: Option<Timestamp>,
    /// Whether it speaks, though nothing it finds arrives.
    is_there: bool,
    troubles: Vec<Trouble>,
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
        let (mut silent, mut troubled, mut off) = (Vec::new(), Vec::new(), Vec::new());
        let mut off_at = BTreeSet::new();
        for location in locations {
            let agent = enrolled.iter().find(|agent| agent.location == location);
            let (title, interval) = self.of(&location);
            let heard = self.desk.heard(&location);
            let limit = (interval * SILENT_INTERVALS).max(LEAST_SILENCE);
            let quiet = now.saturating_sub(heard.delivered.unwrap_or_default().max(here_since));
            let one = known.entry(location.clone()).or_default();
            one.is_there = heard.spoken.is_some_and(|at| now.saturating_sub(at) < LEAST_SILENCE);
            self.note((&location, &heard), one, (agent, now)).await;
            if agent.is_none_or(|agent| agent.certified_until.is_none()) {
                silent.push(format!(
                    "No agent is enrolled for {title}, so nobody probes there: invite one with \
                     'holdfast agent invite {location}'."
                ));
            } else if quiet > limit {
                silent.push(self.silent(&title, one));
            } else {
                troubled.extend(one.troubles.iter().map(|trouble| trouble.sentence(&title)));
            }
            if agent.is_some() {
                self.tell(&location, one, (quiet > limit, &title), now).await;
            }
            if let Some(measured) = heard.measured.filter(|measured| measured.is_off()) {
                off.push(clock_words(&title, measured));
                off_at.insert(location);
            }
        }
        for (kind, faults) in [(SILENT, &silent), (TROUBLE, &troubled), (CLOCK, &off)] {
            self.metrics.set_readiness_faults(kind, faults.len());
        }
        if *apart != off_at {
            apart.clone_from(&off_at);
            let _ = self.words.send(Word::Apart(off_at)).await;
        }
        self.show(silent.into_iter().chain(troubled).chain(off).collect());
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

    /// Writes down when an agent last delivered, and what troubles it, now and then.
    async fn note(
        &self,
        (location, heard): (&LocationId, &Heard),
        one: &mut Known,
        (agent, now): (Option<&Agent>, Duration),
    ) {
        let offset = heard.measured.map(Measured::offset);
        self.metrics.record_agent_offset(location, offset);
        let Some(at) = heard.delivered else {
            one.heard_at = one.heard_at.or(agent.and_then(|agent| agent.heard_at));
            return;
        };
        let wall = self.clock.now();
        let heard_at = wall.checked_sub(now.saturating_sub(at)).unwrap_or(wall);
        one.heard_at = Some(heard_at);
        one.troubles.clone_from(&heard.troubles);
        self.metrics.record_agent_heard(location, heard_at);
        let is_news = one.noted.is_none_or(|noted| noted < at);
        if !is_news || one.noted.is_some_and(|noted| now.saturating_sub(noted) < NOTE_INTERVAL) {
            return;
        }
        let (measured, troubles) = (heard.measured, heard.troubles.clone());
        let noted = agents::Heard { at: heard_at, measured, troubles };
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
        if !silent && self.desk.heard(location).delivered.is_none() {
            return;
        }
        let sentence = match silent {
            true => self.silent(title, one),
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

    fn silent(&self, title: &str, one: &Known) -> String {
        let at = one.heard_at.map(|at| at.to_zoned(self.zone.clone()));
        let at = at.map(|at| at.strftime("%a %-d %b %H:%M:%S").to_string());
        let why = match (at, one.is_there) {
            (Some(at), false) => format!("its agent was last heard {at}."),
            (None, false) => "its agent was not heard yet.".to_owned(),
            (at, true) => {
                let since = at.map_or("yet".to_owned(), |at| format!("since {at}"));
                let there = "its agent is there, and nothing of it has arrived";
                format!("{there} {since}. Its log says why.")
            }
        };
        format!("{title} is not reporting: {why}")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::continuity::command::Answer;
    use crate::domain::agent::{Plan, Planned};
    use crate::telemetry::labels::LabelSets;
    use crate::web::agents::Assignment;

    struct Rig {
        silence: Silence,
        faults: watch::Receiver<Vec<String>>,
        known: BTreeMap<LocationId, Known>,
        told: mpsc::UnboundedReceiver<Command>,
        _folder: tempfile::TempDir,
    }

    fn noarlunga() -> LocationId {
        LocationId::new("noarlunga").unwrap()
    }

    impl Rig {
        /// An enrolled agent of Noarlunga, whose probes run every minute or more seldom.
        async fn new() -> Self {
            let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(&folder.path().join("holdfast.db")).await.unwrap();
            let (here, until) = (noarlunga(), now + Duration::from_hours(720));
            agents::invite(&store, &here, "token", until).await.unwrap();
            agents::enrol(&store, "token", (&here, "01", until), now).await.unwrap();
            let text = include_str!("../../../probes/c3ms.yaml");
            let target = crate::config::probes::read("c3ms.yaml", text).unwrap();
            let plan = Plan { location: here.clone(), targets: Vec::new() };
            let planned = Planned { digest: String::new(), plan };
            let assignment =
                Assignment { planned, probes: BTreeSet::new(), signals: BTreeSet::new() };
            let plans = Plans::from([(here, Arc::new(assignment))]);
            let clock = Clock::manual(now);
            let (continuity, mut asked) = Handle::channel();
            let (tell, told) = mpsc::unbounded_channel();
            tokio::spawn(async move {
                while let Some(one) = asked.recv().await {
                    let _ = tell.send(one.command);
                    let _ = one.answer.send(Ok(Answer::Done));
                }
            });
            let (say, faults) = watch::channel(Vec::new());
            let silence = Silence {
                store,
                clock: clock.clone(),
                metrics: Arc::new(Metrics::new(&LabelSets::default()).unwrap()),
                targets: watch::channel(Arc::new(vec![Arc::new(target)])).1,
                plans: watch::channel(Arc::new(plans)).1,
                desk: Arc::new(Desk::new(clock)),
                words: mpsc::channel(8).0,
                say,
                continuity,
                zone: TimeZone::UTC,
                changed: Arc::new(|| {}),
            };
            Self { silence, faults, known: BTreeMap::new(), told, _folder: folder }
        }

        fn pass(&self, time: Duration) {
            self.silence.clock.set(self.silence.clock.now() + time);
        }

        /// What is wrong at a look.
        async fn look(&mut self) -> Vec<String> {
            let now = (Duration::ZERO, self.silence.clock.monotonic());
            self.silence.look(&mut self.known, &mut BTreeSet::new(), now).await;
            self.faults.borrow().clone()
        }

        /// Whether operations were told that it is silent, or that it reports, since the last time.
        fn told(&mut self) -> Vec<bool> {
            let mut told = Vec::new();
            while let Ok(Command::Agent { silent, .. }) = self.told.try_recv() {
                told.push(silent);
            }
            told
        }
    }

    #[tokio::test]
    async fn an_agent_whose_deliveries_fail_is_silent_though_it_asks_for_work() {
        let mut rig = Rig::new().await;
        let here = noarlunga();
        rig.silence.desk.deliver(&here, Vec::new());
        assert_eq!(rig.look().await, [] as [&str; 0]);
        assert_eq!(rig.told(), [false]);
        for _ in 0..60 {
            rig.pass(Duration::from_secs(5));
            rig.silence.desk.speak(&here, None);
        }
        let faults = rig.look().await;
        let [fault] = &faults[..] else { panic!("{faults:?}") };
        let words = "Noarlunga is not reporting: its agent is there, and nothing of it has \
                     arrived since Sun 1 Mar 00:00:00. Its log says why.";
        assert_eq!(fault, words);
        assert_eq!(rig.told(), [true]);
        rig.pass(Duration::from_secs(60));
        assert!(rig.look().await[0].contains("last heard Sun 1 Mar 00:00:00."), "it is gone too");
        rig.silence.desk.deliver(&here, Vec::new());
        assert_eq!(rig.look().await, [] as [&str; 0], "nothing to deliver is no silence");
    }

    #[tokio::test]
    async fn what_keeps_an_agent_from_its_work_is_said_while_it_reports() {
        let mut rig = Rig::new().await;
        let why = "c3ms.yaml:3:1: unknown key 'wishes'".to_owned();
        let trouble = Trouble::Plan { why, has_another: true };
        rig.silence.desk.deliver(&noarlunga(), vec![trouble.clone()]);
        let words = "The agent at Noarlunga cannot use the plan it is sent, and probes by the plan \
                     before it: c3ms.yaml:3:1: unknown key 'wishes'";
        assert_eq!(rig.look().await, [words]);
        let shown = rig.silence.metrics.render().unwrap();
        assert!(shown.contains("holdfast_readiness_faults{kind=\"agent-trouble\"} 1"), "{shown}");
        let listed = agents::all(&rig.silence.store).await.unwrap();
        assert_eq!(listed[0].troubles, [trouble], "for 'agent list' too");
        rig.pass(Duration::from_secs(10));
        rig.silence.desk.deliver(&noarlunga(), Vec::new());
        assert_eq!(rig.look().await, [] as [&str; 0]);
        assert_eq!(agents::all(&rig.silence.store).await.unwrap()[0].troubles, []);
    }

    #[tokio::test]
    async fn while_the_database_cannot_be_read_what_was_said_holds() {
        let mut rig = Rig::new().await;
        rig.silence.desk.deliver(&noarlunga(), Vec::new());
        rig.look().await;
        rig.pass(Duration::from_secs(600));
        let said = rig.look().await;
        assert!(said[0].starts_with("Noarlunga is not reporting"), "{said:?}");
        assert_eq!(rig.told(), [false, true]);
        rig.silence.store.close().await;
        rig.silence.desk.deliver(&noarlunga(), Vec::new());
        rig.pass(Duration::from_secs(1));
        assert_eq!(rig.look().await, said);
        assert_eq!(rig.told(), [] as [bool; 0]);
    }
}
