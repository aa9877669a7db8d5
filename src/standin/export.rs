//! The changed-since export: what a read-only capture account may fetch.
//!
//! It only pages and writes; who may ask is decided by the HTTP application.
//!
//! # Requests
//!
//! `Authorization: Bearer TOKEN` (401 without). All answers are `application/json`.
//!
//! `GET /api/export/kinds`
//!
//! ```json
//! {"kinds": [{"kind": "persons", "records": 5000, "deleted": 3}, …], "as_of": "2023-03-01T…Z"}
//! ```
//!
//! `GET /api/export/{kind}?updated_since=INSTANT&after=TOKEN&limit=N`
//!
//! ```json
//! {"records": [ … ], "next": "1677628800000000~P-10432", "as_of": "2023-03-01T…Z"}
//! ```
//!
//! - Records come in the order of `(updated_at, id)`. `updated_since` (RFC 3339) is inclusive;
//!   `after` is the `next` of the page before and wins over it; `limit` is 500 unless given, 2000
//!   at most. `next` is `null` on the last page. An unknown kind is 404, a wrong parameter 400.
//! - A record that changes while somebody pages moves to the end of the order and comes again, so
//!   the last one read of an id is the truth. No change is passed by: each has an instant later
//!   than every change before it.
//! - A deleted record is `{"id": "P-10432", "deleted": true, "updated_at": "…"}` and nothing else.
//! - `as_of` is how current the data is. A stale feed keeps answering and `as_of` stands still.
//!
//! # Records
//!
//! Every record has `id` (stable text) and `updated_at`. Instants are RFC 3339 in UTC, names in
//! `_at` or `since`; dates are `YYYY-MM-DD`, names in `_on`. Every field is always there; absent
//! values are `null` or `[]`. `?` marks what may be null. Coded words are lower-case with hyphens.
//! `sensitivity` is `standard` or `restricted`.
//!
//! ## `persons` (`P-`)
//!
//! `family_name`, `given_names`, `preferred_name`?, `aliases` [{`name`, `kind`: known-as,
//! former-name, other-spelling}], `born_on`?, `born_on_estimated`, `deceased_on`?, `unborn`?
//! {`due_on`, `hospital`, `plan`}, `sex`: female, male, unspecified, `role`: child, adult, carer,
//! `disability`?, `language`, `interpreter`?, `culture` {`identity`?, `said_by`?, `country`?,
//! `language_group`?, `kin`?, `aboriginal_organisation`?, `iwi`?, `hapu`?, `whanau`?, `marae`?},
//! `household_id`?, `phone`?, `email`?, `last_sighted`? {`at`, `by_worker_id`?, `by`, `place`},
//! `missing`? {`since`, `police_told_at`?, `police_reference`?}, `sensitivity`.
//!
//! ## `households` (`H-`)
//!
//! `address` {`street`, `locality`, `postcode`, `state`}, `phone`?, `protected`,
//! `protected_from_ids` [person], `protected_reason`?, `access`?, `sensitivity`.
//!
//! ## `relationships` (`R-`)
//!
//! `person_id` is `kind` (parent, grandparent, sibling, aunt-or-uncle, partner, former-partner,
//! carer, lives-with) of `other_id`, `since_on`?, `ended_on`?, `contact_restricted`,
//! `restriction`?.
//!
//! ## `cases` (`C-`)
//!
//! `title`, `status`: assessment, family-support, reunification, guardianship, youth-justice,
//! closed, `voluntary`, `opened_on`, `closed_on`?, `child_ids`, `adult_ids`, `risk_level`: low,
//! moderate, high, very-high, `risk_assessed_on`?, `accountable_agency`, `case_management_agency`,
//! `contracted_tasks` [{`agency`, `task`, `until_on`?}], `takes_back_if`?, `office`, `team`,
//! `key_worker_id`?, `unallocated`, `supervisor_id`, `sensitivity`, `restricted_reason`?.
//!
//! ## `concern-reports` (`N-`)
//!
//! `received_at`, `child_ids`, `case_id`?, `concern_category`, **`narrative` (intake only)**,
//! **`reporter` {`name`, `phone`, `source_type`} (must never be captured)**, `screening`: waiting,
//! tier1, tier2, tier3, screened-out, `response_due_at`?, `responded_at`?, `outcome`?,
//! `lodged_by_worker_id`?.
//!
//! ## `safety-alerts` (`A-`)
//!
//! `kind`: violence, weapons, dog, visit-with-police, visit-in-pairs, newborn, self-harm,
//! must-not-learn, `person_id`?, `household_id`?, `case_id`?, `text`, `raised_at`, `raised_by`,
//! `review_on`?, `sensitivity`.
//!
//! ## `safety-plans` (`S-`)
//!
//! `case_id`, `agreed_on`, `review_on`, `agreed_with_ids`, `steps` [text], `if_it_fails`.
//!
//! ## `orders` (`O-`)
//!
//! `case_id`, `child_ids`, `kind`: investigation, interim-guardianship,
//! guardianship-to-twelve-months, guardianship-to-eighteen, supervision, intervention, `court`,
//! `file_number`, `made_on`, `expires_at`?, `conditions` [text], `restrains_id`?, `protects_ids`,
//! `next_event`?, `sensitivity`.
//!
//! ## `hearings` (`G-`)
//!
//! `case_id`, `order_id`?, `child_ids`, `kind`, `court`, `room`, `starts_at`, `filing`?,
//! `filing_due_at`?, `filed_at`?, `court_officer_id`, `outcome`?.
//!
//! ## `placements` (`L-`)
//!
//! `child_id`, `case_id`, `kind`: kin, foster, residential, emergency, `began_at`, `ended_at`?,
//! `household_id`?, `carer_ids`, `carer_is`?, `carer_approval`: approved, provisional, not-needed,
//! `placed_by_worker_id`, `consulted`?, `consents` [text], `school`?, `routines`?,
//! `emergency_contact`?, `sensitivity`.
//!
//! ## `health` (`M-`)
//!
//! `person_id`, `medication` [{`name`, `dose`, `given`}], `allergies` [{`to`, `reaction`}],
//! `conditions` [text], `practitioner`?, `last_health_check_on`?.
//!
//! ## `contacts` (`Q-`)
//!
//! `child_id`, `with_id`, `how_often`, `place`, `supervised_by`?, `next_at`?, `suspended`,
//! `conditions`?.
//!
//! ## `notes` (`T-`)
//!
//! `case_id`, `person_ids`, `class`: casework, **intake (intake only)**, **legal-advice
//! (restricted)**, `kind`, `happened_at`, `written_at`, `author_id`, `author`, `text`, `version`,
//! `history` [{`version`, `written_at`, `author_id`, `text`, `corrected_because`}].
//!
//! ## `tasks` (`K-`)
//!
//! `case_id`?, `child_ids`, `concern_report_id`?, `kind`: response, visit, review, filing,
//! health-check, `title`, `clock_started_at`, `due_at`, `assigned_to_id`?, `done_at`?.
//!
//! ## `transfers` (`X-`)
//!
//! `case_id`, `from_office`, `to_office`, `requested_at`, `accepted_at`?,
//! `responsible_until_accepted`, `outstanding` [text].
//!
//! ## `workers` (`w-`)
//!
//! `name`, `office`, `team`, `role`: intake, case-worker, team-leader, crisis, court-officer,
//! youth-justice, student, `supervisor_id`?, `phone`, `left_on`?.
//!
//! ## `conflicts` (`F-`)
//!
//! `worker_id`, `person_ids`, `case_ids`, `relation`, `declared_at`, `ring_instead`.
//!
//! # Withholding
//!
//! A protected address is a household with `protected`: withhold `address` and `phone` from
//! everybody in `protected_from_ids` and their kin. Refuges and protected carers are `restricted`.

use std::ops::Bound;

use jiff::Timestamp;
use serde::Serialize;

use super::model::Row;
use super::register::{Change, ChangeKey, Kind, Register, Table, Visitor};

/// Records a page when the request does not say.
pub const DEFAULT_LIMIT: usize = 500;
/// More than this would hold the register's lock for too long.
pub const MAX_LIMIT: usize = 2000;

/// What a request for a page asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    pub updated_since: Option<Timestamp>,
    pub after: Option<ChangeKey>,
    /// Bounded by [`MAX_LIMIT`]; [`DEFAULT_LIMIT`] when none.
    pub limit: Option<usize>,
}

/// One page as JSON.
///
/// # Errors
/// Only when a record cannot be written as JSON, which the record types rule out.
pub fn page(
    register: &Register,
    kind: Kind,
    request: &PageRequest,
    as_of: Timestamp,
) -> Result<Vec<u8>, serde_json::Error> {
    let start = match (&request.after, request.updated_since) {
        (Some(key), _) => Bound::Excluded(key.clone()),
        // An empty id sorts before every other of the same instant.
        (None, Some(since)) => Bound::Included((since, "".into())),
        (None, None) => Bound::Unbounded,
    };
    let limit = request.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    register.visit(kind, WritePage { start, limit, as_of })
}

/// How many records there are of every kind.
#[must_use]
pub fn kinds(register: &Register, as_of: Timestamp) -> serde_json::Value {
    let kinds: Vec<_> = Kind::ALL
        .iter()
        .map(|kind| {
            let (records, deleted) = register.counts(*kind);
            serde_json::json!({ "kind": kind.as_str(), "records": records, "deleted": deleted })
        })
        .collect();
    serde_json::json!({ "kinds": kinds, "as_of": as_of })
}

/// Reads the `next` of an earlier page.
#[must_use]
pub fn parse_token(token: &str) -> Option<ChangeKey> {
    let (micros, id) = token.split_once('~')?;
    let at = Timestamp::from_microsecond(micros.parse().ok()?).ok()?;
    Some((at, id.into()))
}

fn token(key: &ChangeKey) -> String {
    format!("{}~{}", key.0.as_microsecond(), key.1)
}

struct WritePage {
    start: Bound<ChangeKey>,
    limit: usize,
    as_of: Timestamp,
}

#[derive(Serialize)]
struct Page<'a, T> {
    records: Vec<Change<'a, T>>,
    next: Option<String>,
    as_of: Timestamp,
}

impl Visitor for WritePage {
    type Output = Result<Vec<u8>, serde_json::Error>;

    fn visit<T: Row>(self, table: &Table<T>) -> Self::Output {
        let page = table.changes(self.start, self.limit);
        serde_json::to_vec(&Page {
            records: page.changes,
            next: page.next.as_ref().map(token),
            as_of: self.as_of,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::standin::families::{Settings, generate};

    #[test]
    fn a_token_reads_back_whatever_the_id() {
        let at = Timestamp::from_microsecond(1_677_628_800_000_001).unwrap();
        let key: ChangeKey = (at, "P-1~odd".into());
        assert_eq!(parse_token(&token(&key)), Some(key));
        assert_eq!(parse_token("P-1"), None);
        assert_eq!(parse_token("x~P-1"), None);
    }

    /// The field names that the section of a kind above names, without those in braces.
    fn documented(kind: Kind) -> BTreeSet<String> {
        let heading = format!("//! ## `{}`", kind.as_str());
        let section: String = include_str!("export.rs")
            .lines()
            .skip_while(|line| !line.starts_with(&heading))
            .skip(1)
            .take_while(|line| !line.starts_with("//! ## ") && *line != "//! # Withholding")
            .collect();
        let (mut depth, mut outside) = (0, String::new());
        for c in section.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ if depth == 0 => outside.push(c),
                _ => {}
            }
        }
        outside.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_field_is_documented_and_every_documented_field_is_there() {
        let now = "2023-03-01T22:30:00Z".parse().unwrap();
        let register = generate(Settings { seed: 1, people: 400, now });
        for kind in Kind::ALL {
            let page = page(&register, *kind, &PageRequest::default(), now).unwrap();
            let page: serde_json::Value = serde_json::from_slice(&page).unwrap();
            let mut fields: BTreeSet<String> =
                page["records"][0].as_object().unwrap().keys().cloned().collect();
            assert!(fields.remove("id") && fields.remove("updated_at"));
            assert_eq!(fields, documented(*kind), "{}", kind.as_str());
        }
    }
}
