//! A conversation over one TCP connection.

use super::conversation::Conversation;
use super::{Bearings, Fault, Findings, Hop};
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
    let hop = bearings.hop(hops);
    let (host, port) = bearings.place(&tcp.server);
    let connected = bearings.reach.connect(host, port, hop).await?;
    let address = connected.address;
    let mut conversation = Conversation::over(connected.stream, hop);
    for turn in &tcp.dialogue {
        let taken = match turn {
            Exchange::Send(template) => conversation.say(bearings.fill(template)?.as_bytes()).await,
            Exchange::Expect(regex) => {
                conversation.until(regex, hop).await.map_err(|fault| unanswered(fault, regex))
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
