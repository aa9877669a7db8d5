//! A conversation over one TCP connection.

use super::conversation::Conversation;
use super::http::Hop;
use super::lap::Lap;
use super::{Bearings, Fault, Findings};
use crate::domain::step::{Exchange, TcpDialogue};

/// Connects and takes each turn.
///
/// # Errors
/// A [`Fault`] that names the turn that was not answered.
pub async fn converse(
    bearings: &Bearings<'_>,
    tcp: &TcpDialogue,
    hops: &mut Vec<Hop>,
) -> Result<Findings, Fault> {
    let mut lap = Lap::begin(hops, bearings.run);
    let (host, port) = bearings.place(&tcp.server);
    let connected = bearings.reach.connect(host, port).await?;
    lap.connected(&connected);
    let address = connected.address;
    let mut conversation = Conversation::new(connected.stream);
    for turn in &tcp.dialogue {
        let taken = match turn {
            Exchange::Send(template) => conversation.say(bearings.fill(template)?.as_bytes()).await,
            Exchange::Expect(regex) => {
                conversation.until(regex, &mut lap).await.map_err(|fault| unanswered(fault, regex))
            }
        };
        taken.map_err(|fault| fault.at(address))?;
    }
    let mut findings = Findings::at(address);
    findings.text = conversation.into_heard();
    Ok(findings)
}

/// Says what was waited for, beside why it did not come.
fn unanswered(mut fault: Fault, regex: &regex::Regex) -> Fault {
    fault.detail = format!("expected '{regex}': {}", fault.detail);
    fault
}
