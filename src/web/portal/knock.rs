//! Before you knock: danger, where the children are, who is there, how to visit, what not to say.

use super::sections::View;
use super::words::{Item, Line, alert_mark, born, day, join, visit_mark, whereabouts, words};
use crate::domain::access::Matter;
use crate::domain::records::{AlertKind, RecordId, SafetyAlert, Unborn};
use crate::snapshots::{ChildAt, Whereabouts};

/// The first part of the page.
pub struct BeforeYouKnock {
    /// Tone and words of each mark.
    pub marks: Vec<(&'static str, &'static str)>,
    /// What the alerts say, the gravest first.
    pub alerts: Vec<AlertLine>,
    /// What is said when there is no alert.
    pub no_alerts: Option<String>,
    pub rows: Vec<Item>,
    pub as_of: String,
}

pub struct AlertLine {
    pub kind: &'static str,
    pub text: String,
    pub raised: String,
}

impl BeforeYouKnock {
    #[must_use]
    pub fn new(view: &View<'_>) -> Self {
        let file = view.file;
        let mut marks: Vec<_> = file
            .alerts
            .iter()
            .filter_map(|alert| alert.visit)
            .max()
            .map(visit_mark)
            .into_iter()
            .collect();
        for alert in &file.alerts {
            let mark = alert_mark(alert.kind);
            if alert.kind != AlertKind::Visit && !marks.contains(&mark) {
                marks.push(mark);
            }
        }
        if is_protected(view) {
            marks.push(("intermittent", "PROTECTED ADDRESS"));
        }
        let no_alerts = file.alerts.is_empty().then(|| view.none_of("alerts", Matter::Safety));
        let alerts = file.alerts.iter().map(|alert| AlertLine::new(view, alert));
        Self {
            marks,
            no_alerts,
            alerts: alerts.collect(),
            rows: rows(view),
            as_of: view.as_of(Matter::Safety),
        }
    }
}

impl AlertLine {
    fn new(view: &View<'_>, alert: &SafetyAlert) -> Self {
        let raised = alert.raised_at.map(|at| format!("raised {}", view.moment(at).short()));
        let review = alert.review_on.map(|on| format!("review due {}", day(on)));
        let by = alert.raised_by.as_ref().map(|by| format!("by {by}"));
        let raised = join([raised.as_deref(), by.as_deref(), review.as_deref()], ", ");
        Self { kind: alert_mark(alert.kind).1, text: alert.text.clone(), raised }
    }
}

fn is_protected(view: &View<'_>) -> bool {
    let protected = |at: &Whereabouts| match at {
        Whereabouts::NotInThisCopy | Whereabouts::Withheld { .. } => true,
        Whereabouts::At(home) => home.protected,
        Whereabouts::NotRecorded => false,
    };
    protected(&view.file.home) || view.file.children.iter().any(|child| protected(&child.at))
}

fn rows(view: &View<'_>) -> Vec<Item> {
    let file = view.file;
    let mut rows = Vec::new();
    if file.children.is_empty() {
        let line = Line::text(format!(
            "No child is named in this person's cases. {}",
            view.frame.confirm_with()
        ));
        rows.push(Item { term: "Where the children are", lines: vec![line] });
    }
    for child in &file.children {
        rows.push(Item { term: "Where the child is now", lines: child_lines(view, child) });
    }
    for unborn in &file.unborn {
        rows.push(Item { term: "Unborn child", lines: vec![Line::strong(unborn_words(unborn))] });
    }
    rows.push(Item { term: "How to visit", lines: vec![visit_line(view)] });
    rows.push(Item { term: "Home address", lines: home_lines(view) });
    rows.push(Item { term: "Who lives there", lines: resident_lines(view) });
    let silent = silence_lines(view);
    if !silent.is_empty() {
        rows.push(Item { term: "Must not learn we called", lines: silent });
    }
    rows.push(Item { term: "Interpreter", lines: vec![interpreter_line(view)] });
    let disability = file.person.disability.clone().unwrap_or_else(|| "None recorded".into());
    rows.push(Item { term: "Disability", lines: vec![Line::text(disability)] });
    rows
}

fn child_lines(view: &View<'_>, child: &ChildAt) -> Vec<Line> {
    let said = born(&child.child, view.frame.times.now(), &view.portal.zone);
    let mut lines = vec![Line::of(&child.child, format!(", {said}"))];
    if let Some(missing) = &child.missing {
        let since = view.moment(missing.since);
        let police = missing.police_reference.as_ref().map(|r| format!(", police reference {r}"));
        lines.push(Line::strong(format!(
            "MISSING since {}{}",
            since.full(),
            police.unwrap_or_default()
        )));
    }
    let placed = child.placed.as_ref().map(|placed| format!("{}: ", words(placed)));
    lines.push(Line::text(format!("{}{}", placed.unwrap_or_default(), whereabouts(&child.at))));
    lines.push(match &child.last_sighted {
        Some(seen) => Line::strong(format!(
            "Last sighted {} by {}{}",
            view.moment(seen.seen_at).full(),
            seen.seen_by,
            seen.place.as_ref().map(|place| format!(", at {place}")).unwrap_or_default()
        )),
        None => Line::strong("No sighting in this copy"),
    });
    lines
}

fn unborn_words(unborn: &Unborn) -> String {
    let due = unborn.due_on.map(|due| format!("due {}", day(due)));
    let plan = unborn.plan.as_ref().map(|plan| format!("plan: {plan}"));
    join([due.as_deref(), unborn.hospital.as_deref(), plan.as_deref()], "; ")
}

fn visit_line(view: &View<'_>) -> Line {
    match view.file.alerts.iter().filter_map(|alert| alert.visit).max() {
        Some(rule) => Line::strong(visit_mark(rule).1),
        None => Line::text(
            "No rule in this copy. Decide with your supervisor: alone, in pairs or with police.",
        ),
    }
}

fn home_lines(view: &View<'_>) -> Vec<Line> {
    let mut lines = vec![Line::text(whereabouts(&view.file.home))];
    if let Whereabouts::At(home) = &view.file.home {
        lines.extend(home.telephone.as_ref().map(|phone| Line::text(format!("Telephone {phone}"))));
        lines.extend(home.access.as_ref().map(|access| Line::text(format!("Access: {access}"))));
    }
    lines
}

fn resident_lines(view: &View<'_>) -> Vec<Line> {
    if view.file.residents.is_empty() {
        return vec![Line::text("Nobody else in this copy")];
    }
    let relation = |id: &RecordId| view.file.relations.iter().find(|one| one.brief.id == *id);
    let lines = view.file.residents.iter().map(|resident| {
        let words = relation(&resident.id).map(|one| format!(" ({})", one.words));
        let said = born(resident, view.frame.times.now(), &view.portal.zone);
        Line::of(resident, format!("{}, {said}", words.unwrap_or_default()))
    });
    lines.collect()
}

/// People with restricted contact, and whoever an alert of that kind names.
fn silence_lines(view: &View<'_>) -> Vec<Line> {
    let restricted = view.file.relations.iter().filter(|one| one.contact_restricted);
    let mut lines: Vec<Line> = restricted
        .map(|one| {
            let why = one.restriction.clone().unwrap_or_else(|| "contact restricted".into());
            Line { strong: true, ..Line::of(&one.brief, format!(" ({}): {why}", one.words)) }
        })
        .collect();
    let alerts = view.file.alerts.iter().filter(|alert| alert.kind == AlertKind::MustNotLearn);
    lines.extend(alerts.map(|alert| Line::strong(alert.text.clone())));
    lines
}

fn interpreter_line(view: &View<'_>) -> Line {
    let person = &view.file.person;
    match (&person.interpreter, &person.language) {
        (Some(interpreter), _) => Line::strong(format!("Bring one for {interpreter}")),
        (None, Some(language)) => Line::text(format!("None needed. Speaks {language}")),
        (None, None) => Line::text("None recorded"),
    }
}
