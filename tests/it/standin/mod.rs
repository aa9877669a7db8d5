//! The stand-in seen by its clients: a browser's session, capture, a prober, a mail program.

mod export;
mod faults;
mod journeys;
mod receivers;
mod systems;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use holdfast::clock::Clock;
use holdfast::standin::{Standin, StandinConfig};
use reqwest::redirect::Policy;
use scraper::{Html, Selector};

/// Longer than any answer takes, shorter than anybody's patience.
const TIMEOUT: Duration = Duration::from_secs(10);

async fn standin(people: usize) -> Standin {
    let config = StandinConfig { people, ..StandinConfig::default() };
    Standin::start(config, Clock::system()).await.unwrap()
}

/// A client with cookies that follows no redirects, calling from an office's address.
fn client_at(office: u8) -> reqwest::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder()
        .cookie_store(true)
        .redirect(Policy::none())
        .local_address(IpAddr::V4(Ipv4Addr::new(127, 0, 1, office)))
        .timeout(TIMEOUT)
        .build()
        .unwrap()
}

/// The text of the first element that matches.
fn text(page: &str, selector: &str) -> Option<String> {
    let page = Html::parse_document(page);
    let found = page.select(&Selector::parse(selector).unwrap()).next();
    found.map(|element| element.text().collect::<String>().trim().to_owned())
}

/// An attribute of the first element that matches.
fn attribute(page: &str, selector: &str, name: &str) -> Option<String> {
    let page = Html::parse_document(page);
    let found = page.select(&Selector::parse(selector).unwrap()).next();
    found.and_then(|element| element.attr(name).map(str::to_owned))
}

async fn get(client: &reqwest::Client, url: String) -> reqwest::Response {
    client.get(url).send().await.unwrap()
}

async fn page(client: &reqwest::Client, url: String) -> String {
    let response = get(client, url).await;
    assert_eq!(response.status(), 200);
    response.text().await.unwrap()
}

/// Signs in through the real form and gives the answer to posting it.
async fn sign_in(client: &reqwest::Client, base: &str, password: &str) -> reqwest::Response {
    let form = page(client, format!("{base}/sign-in")).await;
    let csrf = attribute(&form, "input[name=csrf]", "value").unwrap();
    let fields = [("csrf", csrf.as_str()), ("username", "probe-1"), ("password", password)];
    client.post(format!("{base}/sign-in")).form(&fields).send().await.unwrap()
}

/// A client with a session.
async fn signed_in(base: &str, office: u8) -> reqwest::Client {
    let client = client_at(office);
    let answer = sign_in(&client, base, "synthetic-probe").await;
    assert_eq!(answer.status(), 303);
    client
}
