//! No secret comes out: whatever a probe's target does, nothing that Holdfast says or keeps holds
//! one, not even a log that says everything.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use holdfast::clock::Clock;
use holdfast::standin::c3ms::Account;
use holdfast::standin::faults::{Effect, Fault};
use holdfast::standin::{Standin, StandinConfig};
use secrecy::SecretString;

use crate::command::{holdfast, set_up};
use crate::support::eventually;

const USER: &str = "planted-user-6b1f";
const PASSWORD: &str = "planted-password-9d3a";
/// Says it in its answers and redirects, where a careless probe would pick it up.
const ECHO: &str = "planted-echo-44c7";
const PLANTED: [&str; 3] = [USER, PASSWORD, ECHO];

/// A probe that puts the secrets everywhere a request has room, and expects what never comes.
fn careless(base_url: &str) -> String {
    let steps = [
        r#"http: { get: "/sign-in?u=${secret.username}" }, expect: { text: { contains: "${secret.password}" } }"#,
        r#"http: { get: /sign-in, headers: { Authorization: "Basic ${secret.echo}" } }, expect: { html: [{ select: h1, test: { equals: "${secret.echo}" } }] }"#,
        r#"http: { post: "/${secret.echo}", json: { "password": "${secret.password}" } }"#,
        r#"http: { get: "/persons/${secret.echo}" }"#,
        r#"http: { post: /sign-in, form: { username: "${secret.username}", password: "${secret.password}" }, version: "2" }"#,
    ];
    let mut text = format!(
        "format: holdfast/probes/v1\ntarget: careless\ntitle: Careless\nbase_url: {base_url}\n\
         time_zone: Australia/Adelaide\nnetworks: [127.0.0.0/8]\n\
         locations: [{{ id: here, title: Here }}]\n\
         cohorts: [{{ id: careless-office, title: Office, head_count: 1, office: office, \
         locations: [here] }}]\nsecrets: [username, password, echo]\nprobes:\n"
    );
    for (number, step) in steps.iter().enumerate() {
        text.push_str(&format!(
            "  - {{ id: careless-{number}, title: Careless {number}, kind: journey, weight: \
             essential, interval: 1 s, timeout: 900 ms, steps: [{{ id: one, {step} }}] }}\n"
        ));
    }
    text
}

/// An installation whose probes have the planted secrets.
fn installation(care: &Path, base_url: &str) -> PathBuf {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = care.join("holdfast.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace("127.0.0.1:8080", &free.to_string());
    let text = text.replace("https://c3ms.example.gov", base_url).replace(
        "targets:\n",
        "targets:\n  careless:\n    secrets:\n      username: { file: secrets/probe-username }\n      \
         password: { file: secrets/probe-password }\n      echo: { file: secrets/echo }\n",
    );
    std::fs::write(&config, text).unwrap();
    std::fs::write(care.join("probes/careless.yaml"), careless(base_url)).unwrap();
    std::fs::create_dir_all(care.join("secrets")).unwrap();
    for (name, secret) in [("probe-username", USER), ("probe-password", PASSWORD), ("echo", ECHO)] {
        std::fs::write(care.join("secrets").join(name), format!("{secret}\n")).unwrap();
    }
    config
}

/// Every file below a folder with its bytes, those that are meant to hold secrets apart.
fn files(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("secrets") {
            files(&path, found);
        } else if path.is_file() {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
}

/// A process that does not outlive the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn holds(bytes: &[u8], planted: &str) -> bool {
    bytes.windows(planted.len()).any(|window| window == planted.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_output_holds_a_secret_whatever_goes_wrong() {
    let account =
        Account { username: USER.to_owned(), password: SecretString::from(PASSWORD.to_owned()) };
    let config = StandinConfig { people: 200, accounts: vec![account], ..StandinConfig::default() };
    let standin = Standin::start(config, Clock::system()).await.unwrap();
    let folder = set_up();
    let care = folder.path().join("care");
    let config = installation(&care, &standin.url());

    let log = care.join("serve.log");
    let serve = Command::new(env!("CARGO_BIN_EXE_holdfast"))
        .args(["serve", "--config"])
        .arg(&config)
        .env("HOLDFAST_LOG", "trace")
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut serve = Killed(serve);
    let text = std::fs::read_to_string(&config).unwrap();
    let origin = text.lines().find_map(|line| line.strip_prefix("origin: ")).unwrap().to_owned();
    // For this test's own client.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let page = |path: &str| {
        let url = format!("{}/{path}", origin.trim_end_matches('/'));
        async move { reqwest::get(url).await.ok()?.text().await.ok() }
    };
    let failed = r#"holdfast_checks_total{location="here",outcome="failed",probe="careless-"#;
    let metrics = eventually("every careless probe's failure", async || {
        let text = page("metrics").await?;
        let lines = text.lines().filter(|l| l.starts_with(failed) && !l.ends_with(" 0"));
        (lines.count() == 5).then_some(text)
    })
    .await;
    let share = Fault {
        name: "half".to_owned(),
        from: Vec::new(),
        path: None,
        node: None,
        share: 0.5,
        effect: Effect::SignInBroken,
    };
    standin.apply(share).unwrap();

    let mut said = vec![("metrics".to_owned(), metrics.into_bytes())];
    said.push(("staff page".to_owned(), page("").await.unwrap().into_bytes()));
    for arguments in [
        &["validate", "."][..],
        &["schema", "probes"],
        &["probe", "list"],
        &["probe", "run", "search"],
        &["probe", "run", "search", "--json"],
        &["probe", "run", "careless-0"],
        &["probe", "run", "careless-1", "--json"],
        &["probe", "run", "careless-2"],
        &["probe", "run", "careless-4", "--json"],
    ] {
        let output = holdfast(&care, arguments);
        said.push((format!("{arguments:?}"), [output.stdout, output.stderr].concat()));
    }
    let _ = Command::new("kill").arg(serve.0.id().to_string()).status();
    eventually("the end", || std::future::ready(serve.0.try_wait().unwrap())).await;

    let mut kept = Vec::new();
    files(&care, &mut kept);
    assert!(kept.iter().any(|(path, bytes)| path.ends_with("holdfast.db") && !bytes.is_empty()));
    said.extend(kept.into_iter().map(|(path, bytes)| (path.display().to_string(), bytes)));
    for (what, bytes) in &said {
        assert!(!bytes.is_empty() || what.contains("/data/"), "{what} said nothing");
        for planted in PLANTED {
            assert!(!holds(bytes, planted), "{what} holds {planted}");
        }
    }
}
