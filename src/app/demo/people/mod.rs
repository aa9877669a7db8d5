//! The people of a demo: each does with pages and mail what a person would do, and nothing else.
//!
//! Whoever is interrupted, because the service died, begins again as a person does.

mod browser;
mod office;
mod plan;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use self::browser::Browser;
use super::accounts;
use super::narrator::Narrator;
use crate::clock::Clock;
use crate::crypto::totp::TotpSecret;
use crate::standin::smtp::{ReceivedMail, SmtpReceiver};

/// Between two looks at a page, and before beginning again.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Everything the people have: a browser each, a mailbox each, and the case system.
#[derive(Clone)]
pub struct Stage {
    pub origin: String,
    pub case_system: String,
    /// Addresses that requests of an office come from.
    pub offices: BTreeMap<String, IpAddr>,
    pub mail: Arc<SmtpReceiver>,
    pub clock: Clock,
    pub narrator: Narrator,
}

/// Everybody does their part; returns when the last one has done theirs and all is clear.
pub async fn play(stage: &Stage) {
    tokio::join!(
        stage.persist(|| office::say_it_does_not_work(stage)),
        stage.persist(|| office::read_before_the_visit(stage)),
        stage.persist(|| plan::acknowledge(stage)),
        stage.persist(|| plan::tick_the_checklist(stage)),
        stage.persist(|| plan::agree_to_stand_down(stage)),
    );
    stage.mail("director@example.org", |mail| subject(mail).starts_with("All clear")).await;
}

/// Waits until everybody expected has had mail: how an address and a subject begin.
pub async fn wait_for_mail(stage: &Stage, expected: &[(&str, &str)]) {
    for (to, opening) in expected {
        loop {
            let arrived = stage.mail.messages();
            let is_it = |mail: &ReceivedMail| {
                mail.envelope_to.iter().any(|one| one.starts_with(to))
                    && subject(mail).starts_with(opening)
            };
            if arrived.iter().any(is_it) {
                break;
            }
            stage.clock.sleep(LOOK_INTERVAL).await;
        }
    }
}

/// Tells of every mail that arrives. Ends only with the mail server.
pub async fn tell_of_mail(stage: &Stage) {
    let mut told = 0;
    loop {
        for mail in stage.mail.messages().iter().skip(told) {
            told += 1;
            let to = mail.envelope_to.join(", ");
            stage.narrator.say(&format!("Mail to {to}: {}", subject(mail)));
        }
        stage.clock.sleep(LOOK_INTERVAL).await;
    }
}

fn subject(mail: &ReceivedMail) -> &str {
    mail.header("Subject").unwrap_or_default()
}

impl Stage {
    /// Does something until it has worked.
    async fn persist<F: Future<Output = anyhow::Result<()>>>(&self, part: impl Fn() -> F) {
        while let Err(error) = part().await {
            tracing::debug!(error = format!("{error:#}"), "somebody begins again");
            self.clock.sleep(LOOK_INTERVAL).await;
        }
    }

    fn browser(&self) -> anyhow::Result<Browser> {
        Browser::new(&self.origin)
    }

    /// A browser with `person` signed in, on the page `next`.
    async fn sign_in(&self, person: &str, next: &str) -> anyhow::Result<Browser> {
        let mut browser = self.browser()?;
        browser.open(&format!("/sign-in?next={next}")).await?;
        let code = TotpSecret::from_base32(accounts::TOTP_SECRET)?.code_at(self.clock.now());
        let fields = [("name", person), ("passphrase", accounts::PASSPHRASE), ("code", &code)];
        if let Err(error) = browser.submit("form[action='/sign-in']", &fields).await {
            // A code works once, and tries are counted: the next code comes within half a minute.
            self.clock.sleep(Duration::from_secs(15)).await;
            return Err(error.context("signing in"));
        }
        Ok(browser)
    }

    /// The first mail to `to` that `is_it`, once it has come.
    async fn mail(&self, to: &str, is_it: impl Fn(&ReceivedMail) -> bool) -> ReceivedMail {
        loop {
            let mut arrived = self.mail.messages().into_iter();
            let to_them = |mail: &ReceivedMail| mail.envelope_to.iter().any(|one| one == to);
            if let Some(mail) = arrived.find(|mail| to_them(mail) && is_it(mail)) {
                return mail;
            }
            self.clock.sleep(LOOK_INTERVAL).await;
        }
    }

    /// The first address in a mail that leads to our pages.
    fn link_in(&self, mail: &ReceivedMail) -> anyhow::Result<String> {
        let text = mail.text();
        let link = text.split_whitespace().find(|word| word.starts_with(&self.origin));
        link.map(str::to_owned).context("the mail has no link")
    }
}
