//! Probing, detection and recording as the service runs them, without the rest of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use holdfast::app::observe::{self, Observation};
use holdfast::app::parts;
use holdfast::clock::Clock;
use holdfast::config::probes;
use holdfast::domain::outage::{DetectionEvent, Outage, OutageChange};
use holdfast::domain::target::Target;
use holdfast::probing::run::Setting;
use holdfast::store::Store;
use holdfast::telemetry::metrics::Metrics;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub struct Observed {
    pub store: Store,
    pub metrics: Arc<Metrics>,
    events: mpsc::Receiver<DetectionEvent>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Observed {
    pub async fn start(folder: &Path, settings: Vec<Arc<Setting>>, clock: &Clock) -> Self {
        let store = Store::open(&folder.join("holdfast.db")).await.unwrap();
        let (told, events) = mpsc::channel(1_024);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let metrics = Arc::new(Metrics::new(&parts::labels(None, &settings, &[])).unwrap());
        let observation = Observation {
            store: store.clone(),
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
            settings,
            told,
            changed: Arc::new(|| {}),
            agents: None,
        };
        observe::start(observation, &tasks, stop.clone()).await.unwrap();
        Self { store, metrics, events, tasks, stop }
    }

    pub async fn outage(&mut self, wanted: OutageChange) -> Outage {
        let waiting = async {
            loop {
                match self.events.recv().await.unwrap() {
                    DetectionEvent::Outage { change, outage } if change == wanted => return outage,
                    _ => {}
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap()
    }

    /// A metric by name and labels, as it is shown to Prometheus.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let text = self.metrics.render().unwrap();
        let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        lines.find(|(found, _)| *found == name)?.1.parse().ok()
    }

    pub async fn end(mut self) -> Store {
        self.stop.cancel();
        self.events.close();
        self.tasks.close();
        self.tasks.wait().await;
        self.store
    }
}

/// A target seen from the offices at these addresses of this machine, whose probes get `/` with a
/// time to answer of so many seconds, and as often.
pub fn sample(
    (id, base_url): (&str, &str),
    offices: &[(&str, &str)],
    probes_each: usize,
    seconds: u32,
) -> Target {
    let mut locations = String::new();
    let mut cohorts = String::new();
    let mut probes = String::new();
    for (office, address) in offices {
        let title = office.to_uppercase();
        locations.push_str(&format!(
            "  - {{ id: {office}, title: {title}, source_address: {address} }}\n"
        ));
        cohorts.push_str(&format!(
            "  - {{ id: {office}, title: {title}, head_count: 10, office: {office}, \
             locations: [{office}] }}\n"
        ));
    }
    let everywhere: Vec<&str> = offices.iter().map(|(office, _)| *office).collect();
    for number in 1..=probes_each {
        probes.push_str(&format!(
            "  - id: {id}-{number}\n    title: Page {number}\n    kind: journey\n    \
             weight: essential\n    interval: {seconds} s\n    timeout: {seconds} s\n    \
             locations: [{}]\n    steps:\n      - {{ id: page, http: {{ get: / }} }}\n",
            everywhere.join(", ")
        ));
    }
    let text = format!(
        "format: holdfast/probes/v1\ntarget: {id}\ntitle: {}\nbase_url: {base_url}\n\
         time_zone: Australia/Adelaide\nnetworks: [127.0.0.0/8]\nlocations:\n{locations}\
         cohorts:\n{cohorts}probes:\n{probes}",
        id.to_uppercase()
    );
    probes::read("sample.yaml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
