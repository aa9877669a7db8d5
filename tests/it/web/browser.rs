//! A real Chromium, driven over WebDriver on a port of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use fantoccini::{Client, ClientBuilder};
use serde_json::json;

/// What the browser pretends to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Appearance {
    pub width: u32,
    pub height: u32,
    pub dark: bool,
}

pub const WIDE: Appearance = Appearance { width: 1280, height: 1500, dark: false };
pub const NARROW: Appearance = Appearance { width: 360, height: 2800, dark: false };
pub const WIDE_DARK: Appearance = Appearance { dark: true, ..WIDE };
pub const NARROW_DARK: Appearance = Appearance { dark: true, ..NARROW };

/// One chromedriver and one browser, both ended when closed.
pub struct Browser {
    pub client: Client,
    driver: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    pub async fn start(appearance: Appearance) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed");
        let port = port_of(&mut driver);
        let profile = tempfile::tempdir().unwrap();
        let client = ClientBuilder::rustls()
            .unwrap()
            .capabilities(capabilities(appearance, &profile))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("the browser starts");
        Self { client, driver, _profile: profile }
    }

    pub async fn close(mut self) {
        self.client.clone().close().await.unwrap();
        self.driver.kill().unwrap();
        self.driver.wait().unwrap();
    }
}

/// The port chromedriver chose, which it prints when it is ready.
fn port_of(driver: &mut Child) -> u16 {
    let output = driver.stdout.take().expect("its output is piped");
    BufReader::new(output)
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        })
        .expect("chromedriver says its port")
}

fn capabilities(
    appearance: Appearance,
    profile: &tempfile::TempDir,
) -> serde_json::Map<String, serde_json::Value> {
    let mut arguments = vec![
        "--headless".to_owned(),
        "--no-sandbox".into(),
        "--disable-gpu".into(),
        "--no-first-run".into(),
        "--disable-background-networking".into(),
        "--disable-component-update".into(),
        "--disable-sync".into(),
        "--disable-quic".into(),
        "--hide-scrollbars".into(),
        format!("--user-data-dir={}", profile.path().display()),
        format!("--window-size={},{}", appearance.width, appearance.height),
    ];
    if appearance.dark {
        arguments.push("--force-dark-mode".into());
    }
    let mut options = json!({ "args": arguments });
    if appearance.width < 500 {
        // A headless window is never narrower than 500 px, an emulated telephone is.
        options["mobileEmulation"] = json!({ "deviceMetrics": {
            "width": appearance.width, "height": appearance.height, "pixelRatio": 1.0,
        }});
    }
    let all = json!({ "browserName": "chrome", "goog:chromeOptions": options });
    all.as_object().expect("it is an object").clone()
}
