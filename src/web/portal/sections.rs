//! The sections of the person page after "before you knock", from culture to relationships.

use jiff::Timestamp;

use super::PortalWeb;
use super::frame::Frame;
use super::words::{Item, Line, briefs, day, join, whereabouts, words};
use crate::domain::access::Matter;
use crate::domain::records::{Case, Hearing, Order, Party, Placement};
use crate::snapshots::{PersonFile, Whereabouts};
use crate::web::times::Moment;

/// What views are made from.
pub struct View<'a> {
    pub portal: &'a PortalWeb,
    pub frame: &'a Frame,
    pub file: &'a PersonFile,
}

/// A heading with its rows, and how old they are.
pub struct Section {
    pub id: &'static str,
    pub title: &'static str,
    pub items: Vec<Item>,
    /// Said when there are no rows.
    pub empty: String,
    pub as_of: String,
}

/// Culture, responsibility, legal, placement, safety plan, health, relationships: in this order.
#[must_use]
pub fn in_order(view: &View<'_>) -> Vec<Section> {
    vec![
        view.section("culture", "Culture and kin", view.culture(), Matter::Culture),
        view.section(
            "responsible",
            "Who is accountable",
            view.responsible(),
            Matter::Responsibility,
        ),
        view.section("legal", "Legal status and orders", view.legal(), Matter::Legal),
        view.section("placement", "Placement and carer", view.placement(), Matter::Placement),
        view.section("safety-plan", "Safety plan", view.safety_plan(), Matter::SafetyPlan),
        view.section("health", "Health essentials", view.health(), Matter::Health),
        view.section(
            "household",
            "Household and relationships",
            view.relations(),
            Matter::Household,
        ),
    ]
}

impl View<'_> {
    #[must_use]
    pub fn moment(&self, at: Timestamp) -> Moment {
        self.frame.times.moment(at)
    }

    fn section(
        &self,
        id: &'static str,
        title: &'static str,
        items: Vec<Item>,
        matter: Matter,
    ) -> Section {
        let empty = self.none_of(&title.to_lowercase(), matter);
        Section { id, title, items, empty, as_of: self.as_of(matter) }
    }

    /// What is said where a section has nothing: not for this reader, or not in this copy.
    #[must_use]
    pub fn none_of(&self, what: &str, matter: Matter) -> String {
        if self.file.not_for_you.contains(&matter) {
            return format!("There is something on {what} that your role does not open.");
        }
        let made = self.frame.banner.made.short();
        format!("Nothing on {what} in this copy as of {made}. {}", self.frame.confirm_with())
    }

    /// How old a section is and where it comes from.
    #[must_use]
    pub fn as_of(&self, matter: Matter) -> String {
        // Culture stands in the person's own record.
        let matter = if matter == Matter::Culture { Matter::Identity } else { matter };
        match self.file.ages.get(&matter) {
            Some(age) => format!(
                "As of {} from {}; last changed there {}.",
                self.frame.banner.made.short(),
                age.source,
                self.moment(age.updated_at).short()
            ),
            None => format!("As of {}.", self.frame.banner.made.short()),
        }
    }

    fn culture(&self) -> Vec<Item> {
        let Some(culture) = &self.file.person.culture else { return Vec::new() };
        let mut items = Vec::new();
        let said = culture.stated_by.as_ref().map(|by| format!("said by {by}"));
        let identity = join([culture.identity.as_deref(), said.as_deref()], ", ");
        add(&mut items, "Identity", Some(&identity));
        add(&mut items, "Country", culture.country.as_ref());
        add(&mut items, "Language group", culture.language_group.as_ref());
        add(&mut items, "Iwi", culture.iwi.as_ref());
        add(&mut items, "Hapū", culture.hapu.as_ref());
        add(&mut items, "Whānau", culture.whanau.as_ref());
        add(&mut items, "Marae", culture.marae.as_ref());
        add(&mut items, "Kin to speak with", culture.kin.as_ref());
        add(&mut items, "Organisation", culture.organisation.as_ref());
        if !items.is_empty() {
            add(&mut items, "Cultural lead on call", self.frame.phones.cultural_lead.as_ref());
            add(&mut items, "Community partner", self.frame.phones.community_partner.as_ref());
        }
        items
    }

    fn responsible(&self) -> Vec<Item> {
        let mut items = Vec::new();
        for case in &self.file.cases {
            items.extend(self.case_items(case));
        }
        for transfer in self.file.transfers.iter().filter(|one| one.accepted_at.is_none()) {
            let until = transfer.responsible_until_accepted.as_ref();
            let until = until.map(|who| format!("; until accepted, {who} answers"));
            let mut lines = vec![Line::strong(format!(
                "From {} to {}, not accepted yet{}",
                transfer.from,
                transfer.to,
                until.unwrap_or_default()
            ))];
            lines.extend(transfer.outstanding.iter().map(|text| Line::text(text.clone())));
            items.push(Item { term: "Transfer under way", lines });
        }
        if !items.is_empty() {
            add(&mut items, "Emergency removal", self.frame.phones.removal_approver.as_ref());
        }
        items
    }

    fn case_items(&self, case: &Case) -> Vec<Item> {
        let mut items = Vec::new();
        let voluntary = if case.voluntary { "voluntary, not statutory" } else { "" };
        let stage = case.stage.as_deref().map(words);
        let head = join([Some(case.number.as_str()), stage.as_deref(), Some(voluntary)], ", ");
        let risk = case.risk.map(|risk| {
            let assessed = case.risk_assessed_on.map(|on| format!(", assessed {}", day(on)));
            format!("Risk {risk:?}{}", assessed.unwrap_or_default())
                .replace("VeryHigh", "very high")
        });
        let mut lines = vec![Line::strong(head)];
        lines.extend(risk.map(Line::text));
        lines.extend(case.summary.as_ref().map(|text| Line::text(text.clone())));
        items.push(Item { term: "Case", lines });
        let accountable = &case.accountability;
        add(&mut items, "Accountable for safety", accountable.safety.as_ref().map(party).as_ref());
        let managed = accountable.case_management.as_ref().map(party);
        add(&mut items, "Manages the case", managed.as_ref());
        let tasks: Vec<Line> =
            accountable.contracted_tasks.iter().map(|one| Line::text(party(one))).collect();
        if !tasks.is_empty() {
            items.push(Item { term: "Contracted tasks", lines: tasks });
        }
        add(&mut items, "Taken back if", accountable.takes_back_if.as_ref());
        let team = join([case.team.as_deref(), case.office.as_deref()], ", ");
        add(&mut items, "Team", Some(&team));
        let staff = |reference: &crate::domain::records::StaffRef| {
            self.file.staff.get(&reference.id).cloned()
        };
        let worker = case.key_worker.as_ref().map(|one| staff(one).unwrap_or_default());
        let worker = worker.unwrap_or_else(|| "UNALLOCATED: the supervisor answers".to_owned());
        add(&mut items, "Key worker", Some(&worker));
        add(&mut items, "Supervisor", case.supervisor.as_ref().and_then(staff).as_ref());
        items
    }

    fn legal(&self) -> Vec<Item> {
        let orders = self.file.orders.iter().map(|order| self.order(order));
        let hearings = self.file.hearings.iter().map(|hearing| self.hearing(hearing));
        orders.chain(hearings).collect()
    }

    fn order(&self, order: &Order) -> Item {
        let court = join([order.court.as_deref(), order.file_number.as_deref()], ", ");
        let mut lines = vec![Line::strong(format!("{}. {court}", words(&order.kind)))];
        if let Some(expires_at) = order.expires_at {
            let expires = self.moment(expires_at);
            let verb = if expires_at <= self.frame.times.now() { "EXPIRED" } else { "Expires" };
            lines.push(Line::strong(format!("{verb} {}", expires.full())));
        }
        if let Some(who) = order.restrains.as_ref().and_then(|id| self.file.people.get(id)) {
            lines.push(Line { before: "Restrains".into(), ..Line::of(who, "") });
        }
        for who in briefs(&order.protects, &self.file.people) {
            lines.push(Line { before: "Protects".into(), ..Line::of(who, "") });
        }
        lines.extend(order.conditions.iter().map(|text| Line::text(text.clone())));
        lines.extend(order.next_event.as_ref().map(|next| Line::text(format!("Next: {next}"))));
        Item { term: "Order", lines }
    }

    fn hearing(&self, hearing: &Hearing) -> Item {
        let place = join([hearing.court.as_deref(), hearing.room.as_deref()], ", ");
        let at = self.moment(hearing.starts_at).full();
        let mut lines = vec![Line::strong(format!("{}, {at}", words(&hearing.kind)))];
        lines.push(Line::text(place));
        if let Some(due) = hearing.filing_due_at.filter(|_| hearing.filed_at.is_none()) {
            let what = hearing.filing.as_deref().unwrap_or("Filing");
            lines.push(Line::strong(format!("{what} due {}", self.moment(due).full())));
        }
        let officer = hearing.officer.as_ref().and_then(|one| self.file.staff.get(&one.id));
        lines.extend(officer.map(|officer| Line::text(format!("Appears: {officer}"))));
        Item { term: "Hearing", lines }
    }

    fn placement(&self) -> Vec<Item> {
        self.file.placements.iter().map(|(placement, at)| self.placed(placement, at)).collect()
    }

    fn placed(&self, placement: &Placement, at: &Whereabouts) -> Item {
        let began = self.moment(placement.began_at);
        let ended = placement.ended_at.map(|end| format!(", ended {}", self.moment(end).short()));
        let since = format!(
            "{}, since {}{}",
            words(&placement.kind),
            began.full(),
            ended.clone().unwrap_or_default()
        );
        let mut lines = vec![Line { strong: ended.is_none(), ..Line::text(since) }];
        let what = [placement.carer_is.as_deref(), placement.carer_approval.as_deref()];
        let what = join(what, ", ");
        for carer in briefs(&placement.carers, &self.file.people) {
            let what = if what.is_empty() { String::new() } else { format!(" ({what})") };
            lines.push(Line { before: "Carer".into(), ..Line::of(carer, what) });
        }
        lines.push(Line::text(format!("At: {}", whereabouts(at))));
        lines.extend(placement.agency.as_ref().map(|agency| Line::text(party(agency))));
        lines.extend(
            placement.consulted.as_ref().map(|who| Line::text(format!("Consulted: {who}"))),
        );
        Item { term: if ended.is_none() { "Placed now" } else { "Placed before" }, lines }
    }

    fn safety_plan(&self) -> Vec<Item> {
        let plans = self.file.plans.iter().map(|plan| {
            let agreed = plan.agreed_on.map(|on| format!("Agreed {}", day(on)));
            let review = plan.review_on.map(|on| format!("review {}", day(on)));
            let mut lines: Vec<Line> = (1..)
                .zip(&plan.steps)
                .map(|(n, step)| Line::text(format!("{n}. {step}")))
                .collect();
            let fails = plan.if_it_fails.as_ref();
            lines.extend(fails.map(|text| Line::strong(format!("If it fails: {text}"))));
            for who in briefs(&plan.agreed_with, &self.file.people) {
                lines.push(Line { before: "Agreed with".into(), ..Line::of(who, "") });
            }
            lines.push(Line::text(join([agreed.as_deref(), review.as_deref()], ", ")));
            Item { term: "Plan", lines }
        });
        plans.collect()
    }

    fn health(&self) -> Vec<Item> {
        let mut items = Vec::new();
        for health in &self.file.health {
            let allergies: Vec<Line> = health
                .allergies
                .iter()
                .map(|one| {
                    let reaction = one.reaction.as_ref().map(|how| format!(": {how}"));
                    Line::strong(format!("{}{}", one.to, reaction.unwrap_or_default()))
                })
                .collect();
            let medications: Vec<Line> = health
                .medications
                .iter()
                .map(|one| {
                    Line::text(join(
                        [Some(one.name.as_str()), one.dose.as_deref(), one.given.as_deref()],
                        ", ",
                    ))
                })
                .collect();
            for (term, lines) in [("Allergies", allergies), ("Medication", medications)] {
                let none = || vec![Line::text("None recorded")];
                items.push(Item { term, lines: if lines.is_empty() { none() } else { lines } });
            }
            add(&mut items, "Conditions", Some(&health.conditions.join("; ")));
            add(&mut items, "Practitioner", health.practitioner.as_ref());
            add(&mut items, "Last check", health.last_check_on.map(day).as_ref());
        }
        items
    }

    fn relations(&self) -> Vec<Item> {
        let lines: Vec<Line> = self
            .file
            .relations
            .iter()
            .map(|one| {
                let restricted = one.contact_restricted.then(|| {
                    one.restriction.clone().unwrap_or_else(|| "contact restricted".into())
                });
                let ended = one.ended_on.map(|on| format!("until {}", day(on)));
                let lives = one.lives_with.then_some("lives with");
                let carer = one.carer.then_some("carer");
                let words = join(
                    [
                        Some(one.words.as_str()),
                        lives,
                        carer,
                        ended.as_deref(),
                        restricted.as_deref(),
                    ],
                    ", ",
                );
                Line {
                    strong: one.contact_restricted,
                    ..Line::of(&one.brief, format!(": {words}"))
                }
            })
            .collect();
        if lines.is_empty() { Vec::new() } else { vec![Item { term: "Related", lines }] }
    }
}

fn add(items: &mut Vec<Item>, term: &'static str, text: Option<&String>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        items.push(Item { term, lines: vec![Line::text(text.clone())] });
    }
}

fn party(party: &Party) -> String {
    let task = party.task.as_ref().map(|task| format!("for {task}"));
    let until = party.until_on.map(|on| format!("until {}", day(on)));
    let name = Some(party.name.as_str());
    join([name, task.as_deref(), until.as_deref(), party.telephone.as_deref()], ", ")
}
