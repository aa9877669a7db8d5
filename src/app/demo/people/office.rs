//! Staff in offices: they say that it does not work, and read the copy before they knock.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::{LOOK_INTERVAL, Stage};

/// One office is hit, and so many of its people say so.
const OFFICE: &str = "noarlunga";
const REPORTS: usize = 3;
/// Who goes on the visit, and as the surname was heard on the telephone.
const WORKER: &str = "p-crisis";
const SURNAME_AS_HEARD: &str = "Merick";

/// Three people at Noarlunga find that they cannot sign in, and say so.
pub async fn say_it_does_not_work(stage: &Stage) -> anyhow::Result<()> {
    let address = stage.offices.get(OFFICE).context("the scenario names no such office")?;
    let client = reqwest::Client::builder()
        .local_address(*address)
        .timeout(Duration::from_secs(2))
        .build()?;
    while client.get(&stage.case_system).send().await.is_ok() {
        stage.clock.sleep(LOOK_INTERVAL).await;
    }
    for _ in 0..REPORTS {
        let mut browser = stage.browser()?;
        browser.open(&format!("/?office={OFFICE}")).await?;
        browser.submit("form[action='/report']", &[]).await?;
    }
    stage.narrator.say("Noarlunga: three people say that it does not work for them");
    Ok(())
}

/// A crisis worker finds the way to the copy, the family by a misspelt name, and reads the page.
pub async fn read_before_the_visit(stage: &Stage) -> anyhow::Result<()> {
    let mut staff_page = stage.browser()?;
    loop {
        staff_page.open("/?office=crisis-team").await?;
        if staff_page.link("#todo a[href='/portal']").is_some() {
            break;
        }
        stage.clock.sleep(LOOK_INTERVAL).await;
    }
    let mut browser = stage.sign_in(WORKER, "/portal").await?;
    browser.submit("form[action='/portal/find']", &[("text", SURNAME_AS_HEARD)]).await?;
    let first = browser.link(".results__name a").context("nobody was found")?;
    browser.open(&first).await?;
    let read = browser.text("#knock").unwrap_or_default();
    ensure!(read == "Before you knock", "the page does not say what to know before knocking");
    stage.narrator.say(
        "A crisis worker found a family by a misspelt name and read what to know before knocking",
    );
    Ok(())
}
