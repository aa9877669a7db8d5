//! What a plan says, as sentences for a card.

use crate::domain::ids::{CohortId, PlaybookStepId, ProbeId, RoleId, TargetId};
use crate::domain::notice::Channel;
use crate::domain::people::People;
use crate::domain::playbook::{
    AcknowledgedBy, Action, Approval, Audience, Checklist, Condition, CopyScope, IfNoAnswer,
    ItemsFrom, Notify, OneActivationPer, Playbook, Resume, StartWhen, Step, Suspend, Until, Verb,
};
use crate::domain::target::Target;
use crate::domain::verdict::Verdict;

/// A line to write on.
const BLANK: &str = "____________________";

/// Finds the names.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub people: &'a People,
    pub playbook: &'a Playbook,
    pub targets: &'a [Target],
}

impl Words<'_> {
    pub(super) fn about(self) -> Vec<String> {
        let plan = self.playbook;
        vec![
            format!("Ground: {}.", plan.ground.title()),
            format!("Answers for it: {}.", self.role(&plan.owner)),
            format!(
                "Version {}, to be reviewed by {}.",
                plan.version,
                plan.review_by.strftime("%-d %B %Y")
            ),
        ]
    }

    pub(super) fn starts(self) -> Vec<String> {
        let plan = self.playbook;
        let by_itself = plan.start_when.as_ref().map_or_else(
            || "Never starts by itself: a person starts it.".to_owned(),
            |when| self.starts_by_itself(when),
        );
        let per = match plan.one_activation_per {
            OneActivationPer::Installation => "once at a time",
            OneActivationPer::Region => "once a region at a time",
            OneActivationPer::Unit => "once a unit at a time",
        };
        let who = self.any_of(&plan.activates);
        vec![by_itself, format!("Started by hand by: {who}. In force {per}.")]
    }

    pub(super) fn ends_when(self) -> Vec<String> {
        let end = &self.playbook.stand_down;
        let mut words = Vec::new();
        words.extend(end.offer_when.as_ref().map(|offer| {
            let (target, held_for) = (self.target(&offer.target), offer.held_for);
            format!("Offered when {target} is {} for {held_for}.", verdict(offer.verdict))
        }));
        words.push(self.decides(&end.approve, "the plan is stood down"));
        words
            .extend(end.resumes_within.map(|within| {
                format!("If it fails again within {within}, the same plan goes on.")
            }));
        words
    }

    /// The condition, the decision and what is done.
    pub(super) fn step(self, step: &Step) -> Vec<String> {
        let mut words = Vec::new();
        words.extend(step.only_if.as_ref().map(|only_if| self.condition(only_if)));
        let then = match &step.verb {
            Verb::Do { action: Action::OpenCopy(_), .. } => "the copy is opened",
            _ => "it goes ahead",
        };
        words.extend(step.approve.as_ref().map(|approval| self.decides(approval, then)));
        match &step.verb {
            Verb::Notify(notify) => words.extend(self.notify(step, notify)),
            // The decision is all there is.
            Verb::Approve => {}
            Verb::Do { action, .. } => words.push(self.action(action)),
            Verb::Checklist(list) => words.extend(self.checklist(list)),
            Verb::Suspend(suspend) => words.extend(self.suspend(suspend)),
            Verb::Resume(Resume::EverythingSuspended) => {
                words.push("Take up again what was set aside.".to_owned());
            }
            Verb::Resume(Resume::Function(function)) => {
                words.push(format!("Take up again: {}.", plain(function.as_str())));
            }
            Verb::UndoOf { steps, not_while } => {
                let steps: Vec<String> = steps.iter().map(|step| self.title(step)).collect();
                words.push(format!("Take back: {}.", steps.join("; ")));
                words.extend(not_while.map(|_| "Not while a visit is open.".to_owned()));
            }
        }
        words
    }

    pub(super) fn checklist(self, list: &Checklist) -> Vec<String> {
        let mut words = vec![format!("{} ticks each line.", self.role(&list.audience))];
        let due = list.items.iter().any(|one| one.items_from == Some(ItemsFrom::DueDuringOutage));
        if due || list.items_from == Some(ItemsFrom::DueDuringOutage) {
            words.push("Holdfast has the list of what falls due: print it too.".to_owned());
        }
        if list.items_from == Some(ItemsFrom::DowntimeJournal) {
            words.push("Every numbered downtime form is entered into the system.".to_owned());
        }
        if list.second_person {
            words.push("A second person checks each line.".to_owned());
        }
        words.extend(list.remind.map(|every| format!("Ask again every {every} until it is done.")));
        words
    }

    fn condition(self, condition: &Condition) -> String {
        match condition {
            Condition::Recovered => "Only if it works again.".to_owned(),
            Condition::NotRecovered => "Only if it does not work yet.".to_owned(),
            Condition::Acknowledged(step) => {
                format!("Only if this was acknowledged: {}.", self.title(step))
            }
            Condition::NotAcknowledged(step) => {
                format!("Only if this was not acknowledged: {}.", self.title(step))
            }
            Condition::Approved(step) => format!("Only if this was agreed: {}", self.asked(step)),
            Condition::NotApproved(step) => {
                format!("Only if this was not agreed: {}", self.asked(step))
            }
        }
    }

    fn decides(self, approval: &Approval, then: &str) -> String {
        let who = self.any_of(&approval.by);
        let who = match approval.votes {
            1 => format!("{who} decides."),
            votes => format!("{votes} of these decide: {who}."),
        };
        let Some(within) = approval.within else { return who };
        let rule = match approval.if_no_answer {
            Some(IfNoAnswer::OpenByRule | IfNoAnswer::ProceedByRule) => {
                format!("{then} by this rule, and the plan owner is told")
            }
            Some(IfNoAnswer::AskAgain) => "ask again".to_owned(),
            Some(IfNoAnswer::Skip) | None => "it is left out".to_owned(),
        };
        format!("{who} Without an answer within {within} {rule}.")
    }

    fn notify(self, step: &Step, notify: &Notify) -> Vec<String> {
        let mut words = vec![match &notify.to {
            Audience::Roles(roles) => format!("Tell {}.", self.roles_with_ways(roles)),
            Audience::EveryoneToldSoFar => "Tell everybody who was told so far.".to_owned(),
        }];
        let Some(must) = &notify.must_acknowledge else { return words };
        let by = match must.by {
            AcknowledgedBy::Any(number) => format!("Any {number} of them"),
            AcknowledgedBy::All => "All of them".to_owned(),
        };
        words.push(format!("{by} must acknowledge within {}.", must.within));
        words.extend(must.if_nobody.as_ref().map(|next| {
            let (every, up_to) = (next.every, next.up_to);
            let who = self.roles(&next.notify);
            format!("If they do not: tell {who}, every {every}, up to {up_to} times.")
        }));
        let number = step.id.as_str();
        words.push(format!("Acknowledged ({number}) by {BLANK} at ____:____"));
        words
    }

    fn action(self, action: &Action) -> String {
        match action {
            Action::CloseCopy => "Holdfast closes the read-only copy.".to_owned(),
            Action::OpenCopy(scope) => {
                let whom = match scope {
                    CopyScope::Everyone => "everybody".to_owned(),
                    CopyScope::Outage => "the offices that are hit".to_owned(),
                    CopyScope::Cohorts(cohorts) => {
                        let names: Vec<_> = cohorts.iter().map(|one| self.cohort(one)).collect();
                        names.join(", ")
                    }
                };
                format!("Holdfast opens the read-only copy for: {whom}.")
            }
        }
    }

    fn suspend(self, suspend: &Suspend) -> Vec<String> {
        let until = match suspend.until {
            Until::StandDown => "until the plan is stood down",
            Until::ResumedByHand => "until somebody takes it up again",
        };
        let mut words = vec![format!("Set aside {until}: {}.", plain(suspend.function.as_str()))];
        let owner = self.role(&suspend.risk_accepted_by);
        words.push(format!("{owner} accepts the risk: {BLANK} at ____:____"));
        if !suspend.told.is_empty() {
            words.push(format!("Tell {}.", self.roles(&suspend.told)));
        }
        words
    }

    fn role(self, id: &RoleId) -> String {
        self.people.roles.get(id).map_or_else(|| id.to_string(), |role| role.title.clone())
    }

    fn roles(self, ids: &[RoleId]) -> String {
        joined(&ids.iter().map(|id| self.role(id)).collect::<Vec<_>>(), "and")
    }

    fn any_of(self, ids: &[RoleId]) -> String {
        joined(&ids.iter().map(|id| self.role(id)).collect::<Vec<_>>(), "or")
    }

    fn roles_with_ways(self, ids: &[RoleId]) -> String {
        let with_ways = |id: &RoleId| {
            let ways: Vec<_> = self.playbook.reach(id).iter().map(|way| channel(*way)).collect();
            format!("{} (by {})", self.role(id), ways.join(", then "))
        };
        joined(&ids.iter().map(with_ways).collect::<Vec<_>>(), "and")
    }

    fn title(self, id: &PlaybookStepId) -> String {
        self.playbook.step(id).map_or_else(|| id.to_string(), |step| step.title.clone())
    }

    fn starts_by_itself(self, when: &StartWhen) -> String {
        let verdicts: Vec<String> =
            when.verdict.iter().map(|one| verdict(*one).to_owned()).collect();
        let evidence = when.confirmed_by.map(|needed| {
            let locations = needed.locations.map(|least| counted(least, "location"));
            let reports = needed.staff_reports.map(|least| counted(least, "staff report"));
            let kinds: Vec<String> = locations.into_iter().chain(reports).collect();
            format!(", confirmed by {}", kinds.join(" or "))
        });
        format!(
            "Starts by itself when {}{} is {} for {}{}.",
            self.target(&when.target),
            self.only(when),
            joined(&verdicts, "or"),
            when.held_for,
            evidence.unwrap_or_default()
        )
    }

    /// What of the target it is, in front of how it is.
    fn only(self, when: &StartWhen) -> String {
        let target = self.targets.iter().find(|target| target.id == when.target);
        let title = |id: &ProbeId| {
            let probe = target.and_then(|target| target.probe(id));
            probe.map_or_else(|| plain(id.as_str()), |probe| probe.title.clone())
        };
        let titles: Vec<String> = when.only.iter().map(title).collect();
        if titles.is_empty() { String::new() } else { format!(", only {},", joined(&titles, "or")) }
    }

    fn target(self, id: &TargetId) -> String {
        let found = self.targets.iter().find(|target| target.id == *id);
        found.map_or_else(|| id.to_string(), |target| target.title.clone())
    }

    fn cohort(self, id: &CohortId) -> String {
        let found = self.targets.iter().find_map(|target| target.cohort(id));
        found.map_or_else(|| plain(id.as_str()), |cohort| cohort.title.clone())
    }

    /// A step's title that may be a question already.
    fn asked(self, id: &PlaybookStepId) -> String {
        let title = self.title(id);
        if title.ends_with('?') { title } else { title + "." }
    }
}

fn counted(count: u32, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Up => "working",
        Verdict::Slow => "slow",
        Verdict::Intermittent => "coming and going",
        Verdict::Down => "down",
        Verdict::Unknown => "not known",
    }
}

fn channel(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "e-mail",
        Channel::Sms => "text message",
        Channel::Console => "the console",
        Channel::Webhook => "webhook",
    }
}

/// "a", "a or b", "a, b or c".
fn joined(names: &[String], word: &str) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} {word} {last}", most.join(", ")),
    }
}

/// An id as words: `non-urgent-assessments` → "non urgent assessments".
fn plain(id: &str) -> String {
    id.replace('-', " ")
}
