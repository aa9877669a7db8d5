//! People with a part in the plan: the director at night, a regional lead, the plan's owner.

use anyhow::Context;

use super::{Stage, subject};
use crate::standin::smtp::ReceivedMail;

/// The director is told when nobody before her answers, and acknowledges by the link.
pub async fn acknowledge(stage: &Stage) -> anyhow::Result<()> {
    let mail = stage.mail("director@example.org", |mail| mail.text().contains("/ack/")).await;
    let mut browser = stage.browser()?;
    browser.open(&stage.link_in(&mail)?).await?;
    browser.submit("form[action^='/ack/']", &[]).await?;
    stage.narrator.say("The director, told because nobody answered, has it");
    Ok(())
}

/// A regional lead ticks what has been done.
pub async fn tick_the_checklist(stage: &Stage) -> anyhow::Result<()> {
    const LINE: &str = "#timeline form[action$='/tick']";
    let mail = stage.mail("region-south@example.org", is("Checklist:")).await;
    let link = stage.link_in(&mail)?;
    let mut browser = stage.sign_in("p-region-south", "/ops").await?;
    browser.open(&link).await?;
    let mut ticked = 0;
    while browser.text(LINE).is_some() {
        browser.submit(LINE, &[("proof", "40 forms, numbers 1 to 40")]).await?;
        ticked += 1;
    }
    stage.narrator.say(&format!("A regional lead ticked {ticked} lines of the checklist"));
    Ok(())
}

/// The plan's owner agrees that it is over.
pub async fn agree_to_stand_down(stage: &Stage) -> anyhow::Result<()> {
    let mail = stage.mail("plan-owner@example.org", is("Stand down?")).await;
    let link = stage.link_in(&mail)?;
    let mut browser = stage.sign_in("p-plan-owner", "/ops").await?;
    browser.open(&link).await?;
    let answer = browser.submit("#phase form[action$='/answer']", &[("answer", "yes")]).await;
    answer.context("standing down")?;
    stage.narrator.say("The plan's owner agreed to stand down");
    Ok(())
}

fn is(opening: &'static str) -> impl Fn(&ReceivedMail) -> bool {
    move |mail| subject(mail).starts_with(opening)
}
