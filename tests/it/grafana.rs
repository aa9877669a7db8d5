//! Dashboards and rules against a real Prometheus that scrapes real metrics.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use holdfast::app::parts;
use holdfast::clock::Clock;
use holdfast::config::targets;
use holdfast::domain::ids::{PlaybookId, TargetId};
use holdfast::domain::signal::{Measure, Signal};
use holdfast::probing::run::Setting;
use holdfast::standin::Standin;
use holdfast::standin::faults::{Effect, Fault};
use holdfast::telemetry::labels::LabelSets;
use holdfast::telemetry::metrics::Metrics;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::support::observed::Observed;
use crate::support::{c3ms, setting, standin};

const GRAFANA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/grafana");

/// What Grafana puts in for its variables, in a test that scrapes every second.
const VARIABLES: [(&str, &str); 4] =
    [("$__rate_interval", "10s"), ("$__range", "60s"), ("$target", ".*"), ("[1h]", "[10s]")];

/// A Prometheus of Debian's, ended with this value.
pub struct Prometheus {
    process: Child,
    url: String,
    client: reqwest::Client,
    _folder: TempDir,
}

impl Prometheus {
    /// Scrapes `target`, as in `127.0.0.1:8080`, every second, and evaluates our rules.
    pub async fn scraping(target: &str) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = TempDir::new().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
             rule_files: [{GRAFANA}/rules/holdfast.rules.yaml]\n\
             scrape_configs:\n  - job_name: holdfast\n    static_configs: [{{ targets: ['{target}'] }}]\n"
        );
        std::fs::write(folder.path().join("prometheus.yaml"), config).unwrap();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", folder.path().join("prometheus.yaml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is Debian's package, which tests/run installs");
        let client = reqwest::Client::new();
        Self { process, url: format!("http://127.0.0.1:{port}"), client, _folder: folder }
    }

    /// The result of an instant query; null while Prometheus is not ready.
    async fn query(&self, expression: &str) -> Value {
        let query = self.client.get(format!("{}/api/v1/query", self.url));
        match query.query(&[("query", expression)]).send().await {
            Ok(answer) => answer.json().await.unwrap_or_default(),
            Err(_) => Value::Null,
        }
    }

    /// Waits until a query has an answer with a number in it.
    pub async fn number(&self, expression: &str, within: Duration) -> Result<f64, Value> {
        let mut last = Value::Null;
        let asking = async {
            loop {
                last = self.query(expression).await;
                if let Some(number) = first_number(&last) {
                    return number;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let answer = tokio::time::timeout(within, asking).await;
        answer.map_err(|_| last)
    }

    /// Every query of the wallboard has a number in its answer.
    pub async fn shows_every_panel(&self) {
        self.shows_every_panel_of("wallboard").await;
    }

    /// Every query of a dashboard has a number in its answer.
    pub async fn shows_every_panel_of(&self, name: &str) {
        for (title, expression) in queries(&dashboard(name)) {
            let shown = self.number(&expression, Duration::from_secs(15)).await;
            assert!(shown.is_ok(), "'{title}' shows nothing: {expression}: {shown:?}");
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The first value that is a number: an empty answer and NaN show as an empty panel.
fn first_number(answer: &Value) -> Option<f64> {
    let series = answer["data"]["result"].as_array()?;
    let mut numbers = series.iter().filter_map(|one| one["value"][1].as_str()?.parse().ok());
    numbers.find(|number: &f64| number.is_finite())
}

fn wallboard() -> Value {
    dashboard("wallboard")
}

fn dashboard(name: &str) -> Value {
    let text = std::fs::read_to_string(format!("{GRAFANA}/dashboards/{name}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Every panel that shows something, rows apart.
fn panels(dashboard: &Value) -> Vec<&Value> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    panels.filter(|panel| panel["type"] != "row").collect()
}

/// Title and expression of every query.
fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for panel in panels(dashboard) {
        for target in panel["targets"].as_array().unwrap() {
            let mut expression = target["expr"].as_str().unwrap().to_owned();
            for (name, value) in VARIABLES {
                expression = expression.replace(name, value);
            }
            queries.push((panel["title"].as_str().unwrap().to_owned(), expression));
        }
    }
    queries
}

#[test]
fn every_panel_says_what_it_shows_and_never_bridges_a_gap() {
    let boards = [wallboard(), dashboard("numbers")];
    assert!(panels(&boards[0]).len() > 10);
    for panel in boards.iter().flat_map(panels) {
        let title = &panel["title"];
        assert!(panel["description"].as_str().is_some_and(|text| text.len() > 20), "{title}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        let defaults = &panel["fieldConfig"]["defaults"];
        assert!(defaults["unit"].is_string(), "{title} has no unit");
        assert!(defaults["noValue"].is_string(), "{title} shows nothing when nothing is known");
        let spans = &defaults["custom"]["spanNulls"];
        assert!(spans.is_null() || spans == false, "{title} joins what is not known");
        let mapped = defaults["mappings"].to_string();
        assert!(mapped.contains("null+nan"), "{title} does not say that it is not known");
        // Named colours are green and red by habit; the palette is chosen for all eyes.
        for colour in colours(panel) {
            assert!(colour.starts_with('#'), "{title}: {colour}");
        }
    }
}

fn colours(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("color").and_then(Value::as_str);
            own.into_iter().chain(fields.values().flat_map(colours)).collect()
        }
        Value::Array(items) => items.iter().flat_map(colours).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn rules_do_what_their_cases_say() {
    let test = |folder: &std::path::Path| {
        Command::new("promtool")
            .args(["test", "rules", "holdfast.rules.test.yaml"])
            .current_dir(folder)
            .output()
            .expect("promtool is in Debian's package prometheus, which tests/run installs")
    };
    let passed = test(format!("{GRAFANA}/rules").as_ref());
    assert!(passed.status.success(), "{}", String::from_utf8_lossy(&passed.stderr));
    // And the cases would notice: with another threshold they fail.
    let changed = TempDir::new().unwrap();
    for name in ["holdfast.rules.yaml", "holdfast.rules.test.yaml"] {
        let text = std::fs::read_to_string(format!("{GRAFANA}/rules/{name}")).unwrap();
        let text = text.replace("timestamp_seconds > 60\n", "timestamp_seconds > 600\n");
        std::fs::write(changed.path().join(name), text).unwrap();
    }
    assert!(!test(changed.path()).status.success());
}

/// Probes of a stand-in with their metrics on a page, as the service has them.
struct Watched {
    standin: Standin,
    address: String,
    page: JoinHandle<()>,
    /// Nobody acts on outages here.
    observed: Observed,
    _folder: TempDir,
}

impl Watched {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Clock::system();
        let standin = standin(&clock).await;
        let settings = vec![setting(c3ms(&standin, Duration::from_secs(1)), &clock, None)];
        let labels = LabelSets {
            playbooks: vec![PlaybookId::new("case-system-down").unwrap()],
            readiness_kinds: vec!["drill-overdue".into()],
            ..parts::labels(None, &settings, &[])
        };
        let observed = Observed::start(folder.path(), settings, &clock).await;
        let metrics = Arc::clone(&observed.metrics);
        metrics.declare(&labels);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let show = move || async move { metrics.render().unwrap() };
        let routes = Router::new().route("/metrics", get(show));
        let page = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { standin, address, page, observed, _folder: folder }
    }

    /// Every journey of one office fails from now on.
    fn cut_off_noarlunga(&self) {
        let fault = Fault {
            name: "cut-off".to_owned(),
            from: vec!["127.0.1.2".parse().unwrap()],
            path: None,
            node: None,
            share: 1.0,
            effect: Effect::Status(503),
        };
        self.standin.apply(fault).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_shows_something_and_silence_is_never_shown_as_working() {
    let watched = Watched::start().await;
    let prometheus = Prometheus::scraping(&watched.address).await;
    let noarlunga = r#"holdfast:verdict:code{cohort="noarlunga"}"#;
    let patience = Duration::from_secs(60);
    let up = prometheus.number(&format!("{noarlunga} == 1"), patience).await;
    assert!(up.is_ok(), "never up: {up:?}");
    watched.cut_off_noarlunga();
    let down = prometheus.number(&format!("{noarlunga} == 4"), patience).await;
    assert!(down.is_ok(), "never down: {down:?}");

    prometheus.shows_every_panel().await;
    let lines = queries(&wallboard());
    let query = |title: &str| &lines.iter().find(|(shown, _)| shown == title).unwrap().1;
    let affected = prometheus.number(query("Staff affected"), patience).await;
    assert_eq!(affected, Ok(62.0));

    // Holdfast goes away: the wallboard says so and says nothing else.
    watched.page.abort();
    let answers = query("Answers");
    let silent = prometheus.number(&format!("({answers}) == 0"), patience).await;
    assert!(silent.is_ok(), "{silent:?}");
    let verdicts = query("How it stands, for each office or team");
    let stood = prometheus.query(verdicts).await;
    assert_eq!(first_number(&stood), None, "silence is shown as a verdict: {stood}");
    watched.observed.end().await;
}

/// Every number that is read of a target.
fn numbers(setting: &Arc<Setting>) -> impl Iterator<Item = (&TargetId, &Signal)> {
    setting.target.signals().map(|signal| (&setting.target.id, signal))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_feeds_and_numbers_shows_something_and_its_rules_fire() {
    let file = |name: &str| {
        let path = crate::support::root().join(format!("probes/{name}.yaml"));
        setting(targets::load_file(&path).unwrap(), &Clock::system(), None)
    };
    let settings = [file("care"), file("wa")];
    let metrics = Arc::new(Metrics::new(&parts::labels(None, &settings, &[])).unwrap());
    let now = Clock::system().now();
    for (target, signal) in settings.iter().flat_map(numbers) {
        // Twice the worst of it, and read now.
        let value = 2.0 * signal.worse_at.or(signal.attention_at).unwrap_or(1.0);
        match signal.measure {
            Measure::Age => metrics.set_feed_age(target, &signal.id, value),
            Measure::Captured { .. } => metrics.set_signal(target, &signal.id, value),
        }
        metrics.set_signal_read(target, &signal.id, now);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let show = move || async move { metrics.render().unwrap() };
    let routes = Router::new().route("/metrics", get(show));
    let page = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });

    let prometheus = Prometheus::scraping(&address).await;
    prometheus.shows_every_panel_of("numbers").await;
    let patience = Duration::from_secs(30);
    for alert in ["HoldfastFeedStale", "HoldfastNumberCrossed"] {
        let pending = format!("count(ALERTS{{alertname=\"{alert}\"}})");
        let count = prometheus.number(&pending, patience).await;
        assert!(count.is_ok(), "{alert}: {count:?}");
    }
    let unread = prometheus.query("count(ALERTS{alertname=\"HoldfastNumberUnread\"})").await;
    assert_eq!(first_number(&unread), None, "{unread}");
    page.abort();
}
