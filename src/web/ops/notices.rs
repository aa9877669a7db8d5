//! Notices with their attempts: who was told what, over which channel, and how it went.

use crate::domain::notice::{Channel, NoticeKind, NoticeState};
use crate::store::continuity::find;
use crate::store::continuity::outbox::OutboxRow;
use crate::store::{Store, StoreError};

use super::super::names::{Names, in_plain};
use super::super::states::Progress;
use super::super::times::{Moment, Times};

/// Notices whose attempts are read; more are listed without.
const WITH_ATTEMPTS: usize = 200;

/// One notice to one person over one channel.
pub struct NoticeLine {
    pub progress: Progress,
    pub in_doubt: bool,
    pub who: String,
    pub what: &'static str,
    pub channel: &'static str,
    pub created: Moment,
    pub state: &'static str,
    /// What the receiver said, or why it failed.
    pub answer: String,
    pub attempts: Vec<String>,
}

/// The lines of `rows`, those in doubt first, then newest first.
///
/// # Errors
/// When the attempts cannot be read.
pub async fn lines(
    store: &Store,
    rows: &[OutboxRow],
    names: Names<'_>,
    times: &Times,
) -> Result<Vec<NoticeLine>, StoreError> {
    let mut lines = Vec::with_capacity(rows.len());
    for (at, row) in rows.iter().rev().enumerate() {
        let attempts = if at < WITH_ATTEMPTS && row.attempts > 0 {
            find::attempts(store, &row.id).await?
        } else {
            Vec::new()
        };
        let attempts = attempts
            .iter()
            .map(|attempt| {
                let when = times.moment(attempt.at).to_the_second();
                match attempt.detail.as_str() {
                    "" => format!("{when} {}", in_plain(&attempt.outcome)),
                    detail => format!("{when} {}: {detail}", in_plain(&attempt.outcome)),
                }
            })
            .collect();
        lines.push(line(row, attempts, names, times));
    }
    lines.sort_by_key(|line| !line.in_doubt);
    Ok(lines)
}

fn line(row: &OutboxRow, attempts: Vec<String>, names: Names<'_>, times: &Times) -> NoticeLine {
    let (progress, state) = shown(row.state);
    NoticeLine {
        progress,
        in_doubt: row.state == NoticeState::InDoubt,
        who: match &row.person {
            Some(person) => names.person(person),
            None => row.address.clone(),
        },
        what: kind_in_words(row.kind),
        channel: match row.channel {
            Channel::Email => "e-mail",
            Channel::Sms => "text message",
            Channel::Console => "console",
            Channel::Webhook => "webhook",
        },
        created: times.moment(row.created_at),
        state,
        answer: row.answer.clone(),
        attempts,
    }
}

fn shown(state: NoticeState) -> (Progress, &'static str) {
    match state {
        NoticeState::Queued => (Progress::Waiting, "waiting to be sent"),
        NoticeState::Claimed | NoticeState::DataSent => (Progress::Due, "being sent"),
        NoticeState::Sent => (Progress::Done, "taken by the receiver"),
        NoticeState::Failed => (Progress::Failed, "failed"),
        NoticeState::InDoubt => (Progress::Late, "in doubt: it may have arrived"),
        NoticeState::Cancelled => (Progress::Skipped, "no longer needed"),
    }
}

fn kind_in_words(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::DownFirst => "First word",
        NoticeKind::Update => "Update",
        NoticeKind::Recovered => "It works again",
        NoticeKind::PlanStarted => "Plan in force",
        NoticeKind::PlanProposed => "Plan proposed",
        NoticeKind::Escalation => "Nobody acknowledged",
        NoticeKind::ApproveRequest => "Decision asked",
        NoticeKind::Checklist => "Checklist",
        NoticeKind::Reminder => "Reminder",
        NoticeKind::Suspended => "Function suspended",
        NoticeKind::Resumed => "Function resumed",
        NoticeKind::StandDownOffer => "May it stand down?",
        NoticeKind::AllClear => "All clear",
        NoticeKind::CaughtUp => "Several, late",
    }
}
