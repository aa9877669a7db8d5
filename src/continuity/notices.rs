//! Puts notices into words and into outbox rows: one a recipient and channel.
//!
//! Plain text, short and calm, from templates in `messages/`. It must not carry case data: what
//! it is given are sentences about systems, ids and the plan's own words.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::{Environment, context};

use super::activation::Activation;
use super::effect::{Act, NoticeRequest, Recipient};
use super::incident::{Incident, IncidentNotice};
use crate::crypto::digest::Digest;
use crate::domain::ids::PersonId;
use crate::domain::notice::{Channel, NoticeKind, Severity};
use crate::domain::people::People;
use crate::store::continuity::commit::NewNotice;

/// A notice that did not get out within this time helps nobody any more.
const GIVE_UP_AFTER: Duration = Duration::from_secs(4 * 3_600);
/// A notice later than this says so.
pub const LATE_AFTER: Duration = Duration::from_secs(120);
/// Steps of the template engine; a message takes a few hundred.
const FUEL: u64 = 50_000;

/// Where the link in a notice leads.
#[derive(Clone, Copy, Debug)]
pub enum Destination<'a> {
    /// To one button that acknowledges this notice, without signing in: a link of its reader.
    Acknowledge { notice: &'a str, person: &'a PersonId },
    /// To a page of ours, for which its reader signs in: more than an acknowledgement is asked.
    Page(&'a str),
}

/// Makes the link in a notice; none when links are off.
pub type LinkMaker = Arc<dyn Fn(Destination) -> Option<String> + Send + Sync>;

/// Writes notices.
pub struct Desk {
    templates: Environment<'static>,
    pub zone: TimeZone,
    /// The right side of Message-IDs: `holdfast.example.org`.
    pub mail_domain: String,
    pub link: LinkMaker,
    /// Addresses of webhooks by name.
    pub webhooks: BTreeMap<String, String>,
}

/// What operations are told that is no outage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    pub kind: NoticeKind,
    /// What it is about: target and office, as in `c3ms/noarlunga`, target, signal and level, or a
    /// location.
    pub step: String,
    pub sentence: String,
    pub recipients: Vec<Recipient>,
}

/// What is the same for every recipient of a notice.
struct Letter<'a> {
    key: String,
    step: &'a str,
    kind: NoticeKind,
    severity: Severity,
    life_safety: bool,
    /// In place of the incident's or the activation's.
    sentence: Option<&'a str>,
    incident: Option<&'a Incident>,
    activation: Option<&'a Activation>,
    say: Option<&'a str>,
    act: Option<&'a Act>,
    due_at: Timestamp,
    now: Timestamp,
}

macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("messages/", $name, ".txt")))),+]
    };
}

const TEMPLATES: [(&str, &str); 19] = templates!(
    "frame",
    "down-first",
    "update",
    "recovered",
    "plan-started",
    "plan-proposed",
    "escalation",
    "approve-request",
    "checklist",
    "reminder",
    "suspended",
    "resumed",
    "stand-down-offer",
    "all-clear",
    "caught-up",
    "staff-reports",
    "signal",
    "agent-silent",
    "agent-heard",
);

impl Desk {
    /// # Panics
    /// Never: a test reads every template that ships.
    #[must_use]
    pub fn new(zone: TimeZone, mail_domain: String, link: LinkMaker) -> Self {
        let mut templates = Environment::new();
        templates.set_fuel(Some(FUEL));
        for (name, source) in TEMPLATES {
            templates.add_template(name, source).expect("every shipped template is tested");
        }
        Self { templates, zone, mail_domain, link, webhooks: BTreeMap::new() }
    }

    /// The outbox rows of a notice that an activation asks for.
    #[must_use]
    pub fn for_activation(
        &self,
        request: &NoticeRequest,
        (activation, incident): (&Activation, Option<&Incident>),
        people: &People,
        now: Timestamp,
    ) -> Vec<NewNotice> {
        let standing = activation.standing.as_ref();
        let letter = Letter {
            key: request.key.to_string(),
            step: &request.key.step,
            kind: request.kind,
            severity: standing.map_or(Severity::Major, |standing| Severity::of(standing.verdict)),
            life_safety: request.life_safety,
            sentence: None,
            incident,
            activation: Some(activation),
            say: request.say.as_deref(),
            act: request.act.as_ref(),
            due_at: request.due_at,
            now,
        };
        request.recipients.iter().flat_map(|one| self.rows(&letter, one, people)).collect()
    }

    /// The outbox rows of a notice of an incident.
    #[must_use]
    pub fn for_incident(
        &self,
        notice: &IncidentNotice,
        incident: &Incident,
        people: &People,
        now: Timestamp,
    ) -> Vec<NewNotice> {
        let letter = Letter {
            key: format!("{}/{}", incident.id, notice.round),
            step: "",
            kind: notice.kind,
            severity: incident.severity,
            life_safety: notice.kind == NoticeKind::DownFirst,
            sentence: None,
            incident: Some(incident),
            activation: None,
            say: None,
            act: None,
            due_at: now,
            now,
        };
        let people = notice.recipients.iter().flat_map(|one| self.rows(&letter, one, people));
        let webhooks = notice.webhooks.iter().map(|name| {
            let address = self.webhooks.get(name).unwrap_or(name).clone();
            self.row(&letter, None, ("webhook", (Channel::Webhook, address)), Vec::new())
        });
        people.chain(webhooks).collect()
    }

    /// The outbox rows that tell operations of something that is no outage.
    #[must_use]
    pub fn for_operations(&self, said: &Remark, people: &People, now: Timestamp) -> Vec<NewNotice> {
        let letter = Letter {
            key: format!("{}/{}/{}", said.kind.as_str(), said.step, now.as_second()),
            step: &said.step,
            kind: said.kind,
            severity: Severity::Minor,
            life_safety: false,
            sentence: Some(&said.sentence),
            incident: None,
            activation: None,
            say: None,
            act: None,
            due_at: now,
            now,
        };
        said.recipients.iter().flat_map(|one| self.rows(&letter, one, people)).collect()
    }

    /// Life-safety notices go over every channel at once; others over the first that works.
    fn rows(&self, letter: &Letter<'_>, to: &Recipient, people: &People) -> Vec<NewNotice> {
        let Some(person) = people.persons.get(&to.person) else { return Vec::new() };
        let mut ways: Vec<(Channel, String)> = to
            .channels
            .iter()
            .filter_map(|channel| Some((*channel, person.address(*channel)?.to_owned())))
            .collect();
        let role = to.role.as_str();
        if letter.life_safety {
            let row = |way| self.row(letter, Some(&to.person), (role, way), Vec::new());
            return ways.into_iter().map(row).collect();
        }
        if ways.is_empty() {
            return Vec::new();
        }
        let first = ways.remove(0);
        vec![self.row(letter, Some(&to.person), (role, first), ways)]
    }

    fn row(
        &self,
        letter: &Letter<'_>,
        person: Option<&PersonId>,
        (role, (channel, address)): (&str, (Channel, String)),
        fallback: Vec<(Channel, String)>,
    ) -> NewNotice {
        let whom = person.map_or(address.as_str(), PersonId::as_str);
        let idempotency_key = format!("{}/{whom}/{channel}", letter.key);
        let mut id = Digest::of(idempotency_key.as_bytes()).to_hex();
        id.truncate(32);
        let link = person.and_then(|person| self.link(letter, &id, person));
        let (subject, body) = self.words(letter, link.as_deref());
        NewNotice {
            message_id: format!("{id}@{}", self.mail_domain),
            id,
            idempotency_key,
            incident: letter.incident.map(|incident| incident.id.clone()),
            activation: letter.activation.map(|one| one.header.id.clone()),
            step: letter.step.to_owned(),
            person: person.cloned(),
            role: role.to_owned(),
            channel,
            address,
            kind: letter.kind,
            severity: letter.severity,
            life_safety: letter.life_safety,
            subject,
            body,
            link,
            fallback,
            give_up_at: letter.now.checked_add(GIVE_UP_AFTER).unwrap_or(Timestamp::MAX),
        }
    }

    fn link(&self, letter: &Letter<'_>, notice: &str, person: &PersonId) -> Option<String> {
        let plan = letter.activation.map(|one| format!("/ops/activations/{}", one.header.id));
        let incident = letter.incident.map(|one| format!("/ops/incidents/{}", one.id));
        let page = match (letter.act, letter.kind) {
            (Some(Act::Acknowledge(_)), _) => None,
            (Some(Act::Answer(step) | Act::Tick(step)), _) => {
                Some(format!("{}#step-{step}", plan?))
            }
            (Some(Act::StandDown | Act::Accept), _) => plan,
            (Some(Act::Reconcile), _) => Some(format!("{}#reconcile", plan?)),
            (None, NoticeKind::DownFirst | NoticeKind::Update) if plan.is_none() => None,
            (
                None,
                NoticeKind::StaffReports
                | NoticeKind::Signal
                | NoticeKind::AgentSilent
                | NoticeKind::AgentHeard,
            ) => Some("/ops".to_owned()),
            (None, _) => plan.or(incident),
        };
        match page {
            Some(page) => (self.link)(Destination::Page(&page)),
            None => (self.link)(Destination::Acknowledge { notice, person }),
        }
    }

    fn words(&self, letter: &Letter<'_>, link: Option<&str>) -> (String, String) {
        let standing = letter.activation.and_then(|one| one.standing.as_ref());
        let header = letter.activation.map(|one| &one.header);
        let sentence = letter
            .sentence
            .or(standing.map(|standing| standing.sentence.as_str()))
            .or(letter.incident.map(|incident| incident.sentence.as_str()))
            .or(header.map(|header| header.reason.as_str()))
            .unwrap_or_default();
        let since = standing.map(|standing| standing.since).unwrap_or_else(|| {
            let incident = letter.incident.map(|incident| incident.began_at);
            incident.or(letter.activation.map(|one| one.t0)).unwrap_or(letter.now)
        });
        let head_count = standing.map(|standing| standing.head_count).or_else(|| {
            letter.incident.and_then(|incident| Some(incident.worst_open()?.head_count))
        });
        let late = letter
            .due_at
            .checked_add(LATE_AFTER)
            .is_ok_and(|latest| latest < letter.now && letter.kind != NoticeKind::CaughtUp);
        let exercise = header.is_some_and(|header| header.exercise);
        let recovered = letter.incident.and_then(|incident| incident.recovered_at);
        let words = context! {
                sentence,
                since => self.time(since),
                recovered => recovered.map(|at| self.time(at)),
                head_count => head_count.filter(|count| *count > 0),
                plan => header.map(|header| &header.title),
                unit => header.map(|header| &header.unit),
                incident => letter.incident.map(|incident| &incident.id.0),
                say => letter.say,
                link,
                ask => ask(letter),
                observed => standing.is_some(),
                late,
                due => self.time(letter.due_at),
                now => self.time(letter.now),
                exercise,
        };
        let body = self.render(letter.kind.as_str(), words.clone());
        let body = body.and_then(|body| self.render("frame", context! { body, ..words }));
        // A notice in plain words is better than none.
        let body = body.unwrap_or_else(|_| format!("{sentence}\n"));
        let marks = if exercise { "EXERCISE - " } else { "" };
        (format!("{marks}{}", subject(letter, sentence)), body)
    }

    fn render(&self, name: &str, words: minijinja::Value) -> Result<String, minijinja::Error> {
        self.templates.get_template(name)?.render(words)
    }

    /// An instant as people read it, where they are.
    #[must_use]
    pub fn time(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%H:%M:%S on %A %-d %B %Y").to_string()
    }
}

/// What the link is for.
fn ask(letter: &Letter<'_>) -> &'static str {
    match (letter.act, letter.kind) {
        (Some(Act::Acknowledge(_)), NoticeKind::Suspended) => "Accept the risk here:",
        (Some(Act::Acknowledge(_)), _) => "Acknowledge here, so that nobody else has to be woken:",
        (Some(Act::Answer(_) | Act::StandDown), _) => "Agree or refuse here:",
        (Some(Act::Tick(_) | Act::Reconcile), _) => "Open the checklist here:",
        (Some(Act::Accept), _) => "Accept or decline here:",
        (None, NoticeKind::DownFirst | NoticeKind::Update) if letter.activation.is_none() => {
            "Take it here:"
        }
        (None, _) => "See it here:",
    }
}

fn subject(letter: &Letter<'_>, sentence: &str) -> String {
    let plan = letter.activation.map_or("", |one| one.header.title.as_str());
    match letter.kind {
        NoticeKind::DownFirst => sentence.to_owned(),
        NoticeKind::Update => format!("Update: {sentence}"),
        NoticeKind::Recovered => format!("Works again after: {sentence}"),
        NoticeKind::PlanStarted => format!("In force: {plan}"),
        NoticeKind::PlanProposed => format!("Proposed: {plan}"),
        NoticeKind::Escalation => format!("Nobody has acknowledged: {sentence}"),
        NoticeKind::ApproveRequest => match letter.say {
            Some(what) => format!("Decision needed: {what}"),
            None => format!("Decision needed: {plan}"),
        },
        NoticeKind::Checklist => format!("Checklist: {plan}"),
        NoticeKind::Reminder => format!("Still open: {plan}"),
        NoticeKind::Suspended => format!("Set aside: {plan}"),
        NoticeKind::Resumed => format!("Taken up again: {plan}"),
        NoticeKind::StandDownOffer => format!("Stand down? {plan}"),
        NoticeKind::AllClear => format!("All clear: {plan}"),
        NoticeKind::StaffReports => format!("Staff and probes disagree: {sentence}"),
        NoticeKind::Signal => format!("A number to look at: {sentence}"),
        NoticeKind::AgentSilent | NoticeKind::AgentHeard => sentence.to_owned(),
        NoticeKind::CaughtUp => format!("Late, and put together: {plan}"),
    }
}

/// The step that a notice is about: what stands before the first full stop.
#[must_use]
pub fn step_of(notice_step: &str) -> &str {
    notice_step.split('.').next().unwrap_or(notice_step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::people;
    use crate::continuity::event::{Header, StartedBy};
    use crate::domain::ids::{PlaybookId, PlaybookStepId, RoleId};
    use crate::domain::incident::{ActivationId, Phase};
    use crate::domain::playbook::Ground;

    fn desk() -> Desk {
        let link = |to: Destination| {
            Some(match to {
                Destination::Acknowledge { notice, .. } => {
                    format!("https://h.example.org/a/{notice}")
                }
                Destination::Page(page) => format!("https://h.example.org{page}"),
            })
        };
        let zone = TimeZone::get("Australia/Adelaide").unwrap();
        Desk::new(zone, "holdfast.example.org".into(), Arc::new(link))
    }

    fn people() -> People {
        people::parse("p", include_str!("../../playbooks/demo/people.yaml")).unwrap()
    }

    fn activation() -> Activation {
        let header = Header {
            id: ActivationId("case-system-down-20230301-1".into()),
            playbook: PlaybookId::new("case-system-down").unwrap(),
            playbook_version: 1,
            playbook_hash: String::new(),
            title: "Case system down".into(),
            unit: "Southern region".into(),
            owner: RoleId::new("plan-owner").unwrap(),
            ground: Ground::ItOutage,
            reason: "C3MS is down everywhere.".into(),
            started_by: StartedBy::Signal,
            exercise: true,
            incident: None,
        };
        let at = "2023-02-28T23:01:04Z".parse().unwrap();
        Activation::begin(header, Phase::Active, at)
    }

    fn request(kind: NoticeKind, life_safety: bool) -> NoticeRequest {
        let channels = vec![Channel::Email, Channel::Sms];
        NoticeRequest {
            key: activation().key("tell-duty", 1),
            kind,
            recipients: vec![Recipient {
                person: PersonId::new("p-duty-1").unwrap(),
                role: RoleId::new("after-hours-manager").unwrap(),
                channels,
            }],
            due_at: "2023-02-28T23:01:04Z".parse().unwrap(),
            say: Some("Read the copy before any visit.".into()),
            act: Some(Act::Acknowledge(PlaybookStepId::new("tell-duty").unwrap())),
            life_safety,
        }
    }

    #[test]
    fn every_template_says_something_and_leaves_nothing_open() {
        let now = "2023-02-28T23:01:05Z".parse().unwrap();
        for kind in NoticeKind::ALL {
            let rows = desk().for_activation(
                &request(*kind, false),
                (&activation(), None),
                &people(),
                now,
            );
            let body = &rows[0].body;
            assert!(
                body.contains("Sent by Holdfast at 09:31:05 on Wednesday 1 March 2023"),
                "{body}"
            );
            assert!(body.contains("Read the copy before any visit."), "{kind}: {body}");
            assert!(body.contains("https://h.example.org/a/"), "{kind}: {body}");
            assert!(body.contains("This is an exercise."), "{kind}: {body}");
            assert!(!body.contains("{") && !body.contains("none"), "{kind}: {body}");
            assert!(rows[0].subject.starts_with("EXERCISE - "), "{}", rows[0].subject);
        }
    }

    #[test]
    fn what_takes_more_than_an_acknowledgement_leads_to_the_plan() {
        let now = "2023-02-28T23:01:05Z".parse().unwrap();
        let link = |act| {
            let request = NoticeRequest { act, ..request(NoticeKind::ApproveRequest, false) };
            desk().for_activation(&request, (&activation(), None), &people(), now)[0].link.clone()
        };
        let plan = "https://h.example.org/ops/activations/case-system-down-20230301-1";
        let step = PlaybookStepId::new("open-offices").unwrap();
        assert_eq!(link(Some(Act::Answer(step))), Some(format!("{plan}#step-open-offices")));
        assert_eq!(link(Some(Act::StandDown)).as_deref(), Some(plan));
        assert_eq!(link(None).as_deref(), Some(plan));
    }

    #[test]
    fn the_first_notice_reads_like_this() {
        let now = "2023-02-28T23:05:05Z".parse().unwrap();
        let request = request(NoticeKind::DownFirst, true);
        let rows = desk().for_activation(&request, (&activation(), None), &people(), now);
        assert_eq!(rows.len(), 2, "over every channel at once");
        assert_ne!(rows[0].id, rows[1].id);
        let body = rows[0].body.replace(&rows[0].id, "NOTICE");
        assert_eq!(
            body,
            "C3MS is down everywhere.\n\nSince 09:31:04 on Wednesday 1 March 2023.\n\nThe plan \
             \"Case system down\" is in force. Work from paper and the read-only copy until you \
             hear that it is over.\n\nRead the copy before any visit.\n\nAcknowledge here, so that \
             nobody else has to be woken:\nhttps://h.example.org/a/NOTICE\n\nThis notice is late: \
             it was due at 09:31:04 on Wednesday 1 March 2023, and Holdfast could not send it \
             then.\n\n--\nPlan in force: Case system down, Southern region. Sent by Holdfast at \
             09:35:05 on Wednesday 1 March 2023.\nThis is an exercise. Nothing in it is real, and \
             nobody has to act outside it."
        );
    }

    #[test]
    fn an_ordinary_notice_takes_one_channel_and_keeps_the_others_for_when_it_fails() {
        let now = "2023-02-28T23:01:05Z".parse().unwrap();
        let request = request(NoticeKind::AllClear, false);
        let rows = desk().for_activation(&request, (&activation(), None), &people(), now);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].fallback, [(Channel::Sms, "+61 491 570 006".to_owned())]);
    }
}
