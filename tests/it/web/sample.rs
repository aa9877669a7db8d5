//! A morning in March as rows of a real store: one office down, the report line slow, one office
//! that comes and goes. Everything is synthetic.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use holdfast::clock::Clock;
use holdfast::domain::check::{Check, CheckKind, Evidence, FailureReason, Outcome, StepTiming};
use holdfast::domain::ids::{CohortId, LocationId, OfficeId, ProbeId, SignalId, StepId, TargetId};
use holdfast::domain::outage::{DetectionEvent, Outage, OutageChange, OutageId, VerdictChange};
use holdfast::domain::signal::{Measure, Reading, Signal};
use holdfast::domain::target::{Cohort, Location, Objectives, Probe, ProbeKind, Target, Weight};
use holdfast::domain::verdict::{Scope, Verdict};
use holdfast::store::ledger::{self, Entry};
use holdfast::store::staff_reports::{self, StaffReport};
use holdfast::store::{Store, detection};
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub const OUTAGE: &str = "c3ms-20260302T230109-1";

/// 09:49 on a Tuesday morning in Adelaide.
pub fn now() -> Timestamp {
    "2026-03-03T09:49:12+10:30".parse().unwrap()
}

fn ago(length: Duration) -> Timestamp {
    now() - length
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

const COHORTS: [(&str, &str, u32); 9] = [
    ("report-line", "Report Line", 38),
    ("crisis-team", "Crisis team", 14),
    ("noarlunga", "Noarlunga", 62),
    ("elizabeth", "Elizabeth", 71),
    ("port-augusta", "Port Augusta", 24),
    ("ceduna", "Ceduna", 11),
    ("apy-visiting", "APY visiting team", 6),
    ("youth-justice", "Youth Justice", 45),
    ("court-officers", "Court officers", 12),
];

const PROBES: [(&str, &str); 4] = [
    ("sign-in", "Signing in"),
    ("find-person", "Finding a person"),
    ("case-notes", "Opening case notes"),
    ("intake", "Lodging an intake"),
];

const LOCATIONS: [(&str, &str); 4] = [
    ("city", "Adelaide city"),
    ("noarlunga", "Noarlunga"),
    ("elizabeth", "Elizabeth"),
    ("port-augusta", "Port Augusta"),
];

/// The case system and one feed, as files would configure them.
pub fn targets() -> Vec<Arc<Target>> {
    let zone = TimeZone::get("Australia/Adelaide").unwrap();
    let c3ms = TargetId::new("c3ms").unwrap();
    let police = TargetId::new("police-feed").unwrap();
    vec![
        Arc::new(Target {
            id: c3ms.clone(),
            title: "C3MS".into(),
            base_url: "http://127.0.0.1:9/".parse().unwrap(),
            systems: BTreeMap::new(),
            time_zone: zone.clone(),
            networks: ["127.0.0.0/8".parse().unwrap()].into(),
            locations: locations(),
            cohorts: COHORTS.iter().map(cohort).collect(),
            probes: PROBES.iter().map(|(id, title)| Arc::new(probe(&c3ms, id, title))).collect(),
        }),
        Arc::new(Target {
            id: police.clone(),
            title: "Police feed".into(),
            base_url: "http://127.0.0.1:9/feed/".parse().unwrap(),
            systems: BTreeMap::new(),
            time_zone: zone,
            networks: ["127.0.0.0/8".parse().unwrap()].into(),
            locations: locations(),
            cohorts: COHORTS[..2].iter().map(cohort).collect(),
            probes: vec![Arc::new(Probe {
                signals: signals(),
                ..probe(&police, "police-age", "Age of the police feed")
            })],
        }),
    ]
}

fn locations() -> Vec<Location> {
    LOCATIONS
        .iter()
        .map(|(id, title)| Location {
            id: LocationId::new(id).unwrap(),
            title: (*title).into(),
            source_address: None,
            reference_endpoints: Vec::new(),
        })
        .collect()
}

fn cohort((id, title, head_count): &(&str, &str, u32)) -> Cohort {
    let location = LOCATIONS.iter().find(|(known, _)| known == id).map_or("city", |(id, _)| *id);
    let at = COHORTS.iter().position(|(known, ..)| known == id).unwrap();
    Cohort {
        id: CohortId::new(id).unwrap(),
        title: (*title).into(),
        head_count: *head_count,
        office: OfficeId::new(id).unwrap(),
        locations: vec![LocationId::new(location).unwrap()],
        networks: vec![format!("10.20.{at}.0/24").parse().unwrap()],
        telephone: (at != 6).then(|| format!("(08) 5550 01{at}0")),
    }
}

fn probe(target: &TargetId, id: &str, title: &str) -> Probe {
    Probe {
        id: ProbeId::new(id).unwrap(),
        target: target.clone(),
        title: title.into(),
        kind: ProbeKind::Journey,
        weight: Weight::Essential,
        interval: Duration::from_secs(30),
        timeout: Duration::from_secs(10),
        locations: LOCATIONS.iter().map(|(id, _)| LocationId::new(id).unwrap()).collect(),
        objectives: Objectives { availability: Some(0.995), latency: Some(Duration::from_secs(2)) },
        steps: Vec::new(),
        signals: Vec::new(),
        finally: Vec::new(),
        recover: Vec::new(),
    }
}

/// An age that is too great, a number to be looked at, and one that is as usual.
fn signals() -> Vec<Signal> {
    let counted = |unit: &str| Measure::Captured { name: "n".into(), unit: unit.into() };
    let signal = |id, title: &str, measure, (attention_at, worse_at)| Signal {
        id: SignalId::new(id).unwrap(),
        title: title.into(),
        measure,
        attention_at,
        worse_at,
    };
    vec![
        signal("police-age", "Police feed", Measure::Age, (None, Some(1_800.0))),
        signal(
            "unallocated-cases",
            "Cases with no case worker",
            counted("cases"),
            (Some(1_000.0), Some(1_300.0)),
        ),
        signal(
            "workers-over-18",
            "Workers with more than 18 cases",
            counted("workers"),
            (Some(1.0), None),
        ),
    ]
}

fn readings() -> Vec<Reading> {
    let values =
        [("police-age", 33_120.0), ("unallocated-cases", 1_034.0), ("workers-over-18", 0.0)];
    let reading = |(signal, value)| Reading {
        target: TargetId::new("police-feed").unwrap(),
        signal: SignalId::new(signal).unwrap(),
        value,
        read_at: ago(minutes(2)),
    };
    values.into_iter().map(reading).collect()
}

/// Opens a store in `folder` and fills it through its own functions.
pub async fn fill(folder: &Path) -> Store {
    let store = Store::open(&folder.join("holdfast.db")).await.unwrap();
    let mut events = history();
    events.extend(this_morning());
    for event in &events {
        let at = match event {
            DetectionEvent::Verdict(change) => change.detected_at,
            DetectionEvent::Outage { outage, .. } => outage.ended_at.unwrap_or(outage.detected_at),
        };
        detection::record(&store, std::slice::from_ref(event), at).await.unwrap();
    }
    ledger::append(&store, &checks()).await.unwrap();
    holdfast::store::signals::keep(&store, &readings()).await.unwrap();
    for report in reports() {
        staff_reports::add(&store, &report).await.unwrap();
    }
    store
}

fn change(
    target: &str,
    cohort: &str,
    pair: (Verdict, Verdict),
    since: Timestamp,
) -> DetectionEvent {
    DetectionEvent::Verdict(VerdictChange {
        target: TargetId::new(target).unwrap(),
        cohort: CohortId::new(cohort).unwrap(),
        from: pair.0,
        to: pair.1,
        since,
        detected_at: since + Duration::from_secs(5),
    })
}

/// A week ago everything came up; on Saturday everything came and went for three hours.
fn history() -> Vec<DetectionEvent> {
    use Verdict::{Intermittent, Unknown, Up};
    let mut events = Vec::new();
    for (cohort, ..) in COHORTS {
        events.push(change("c3ms", cohort, (Unknown, Up), ago(minutes(6 * 24 * 60 + 600))));
        events.push(change("c3ms", cohort, (Up, Intermittent), ago(minutes(60 * 66))));
        events.push(change("c3ms", cohort, (Intermittent, Up), ago(minutes(60 * 63))));
    }
    for (cohort, ..) in &COHORTS[..2] {
        events.push(change("police-feed", cohort, (Unknown, Up), ago(minutes(6 * 24 * 60))));
    }
    let began_at = ago(minutes(60 * 66));
    let mut past = outage("c3ms-20260228T081500-1", Verdict::Intermittent, &COHORTS, began_at);
    past.ended_at = Some(ago(minutes(60 * 63)));
    past.scope.everyone = true;
    past.sentence = "C3MS comes and goes everywhere: journeys fail now and then.".into();
    events.push(DetectionEvent::Outage { change: OutageChange::Ended, outage: past });
    events
}

fn this_morning() -> Vec<DetectionEvent> {
    use Verdict::{Down, Intermittent, Slow, Unknown, Up};
    let began_at = ago(minutes(18));
    let mut events = vec![
        change("c3ms", "report-line", (Up, Slow), ago(minutes(16))),
        change("c3ms", "crisis-team", (Up, Slow), ago(minutes(16))),
        change("c3ms", "noarlunga", (Up, Down), began_at),
        change("c3ms", "elizabeth", (Up, Intermittent), ago(minutes(12))),
        change("c3ms", "port-augusta", (Up, Unknown), ago(minutes(4))),
        change("police-feed", "report-line", (Up, Slow), ago(minutes(44))),
        change("police-feed", "crisis-team", (Up, Slow), ago(minutes(44))),
    ];
    let noarlunga = outage(OUTAGE, Down, &COHORTS[2..3], began_at);
    events.push(DetectionEvent::Outage { change: OutageChange::Began, outage: noarlunga });
    let mut slow = outage("c3ms-20260302T230314-1", Slow, &COHORTS[..2], ago(minutes(16)));
    slow.scope.probes = [ProbeId::new("intake").unwrap()].into();
    slow.sentence = "C3MS is slow for Report Line and Crisis team, only lodging an intake.".into();
    events.push(DetectionEvent::Outage { change: OutageChange::Began, outage: slow });
    events
}

fn outage(
    id: &str,
    verdict: Verdict,
    cohorts: &[(&str, &str, u32)],
    began_at: Timestamp,
) -> Outage {
    let ids = cohorts.iter().map(|(id, ..)| CohortId::new(id).unwrap()).collect();
    let scope = Scope { cohorts: ids, ..Scope::default() };
    Outage {
        id: OutageId(id.into()),
        target: TargetId::new("c3ms").unwrap(),
        verdict,
        sentence: scope.sentence(verdict, &targets()[0].titles()),
        scope,
        began_at,
        detected_at: began_at + Duration::from_secs(5),
        ended_at: None,
        head_count: cohorts.iter().map(|(_, _, count)| count).sum(),
        locations: [LocationId::new("noarlunga").unwrap()].into(),
        failures: 214,
        failures_explained: 212,
        confirmations: 4,
        widest: None,
    }
}

fn reports() -> Vec<StaffReport> {
    (0..14_u64)
        .map(|at| StaffReport {
            id: format!("{at:032x}"),
            target: TargetId::new("c3ms").unwrap(),
            cohort: CohortId::new(if at % 7 == 6 { "ceduna" } else { "noarlunga" }).unwrap(),
            task: if at % 3 == 0 { "other" } else { "find-person" }.into(),
            since_at: ago(minutes(17)),
            received_at: ago(minutes(15) - Duration::from_secs(at * 40)),
        })
        .collect()
}

/// Forty minutes of checks from every location, with the morning's failures among them.
fn checks() -> Vec<Entry> {
    let mut entries = Vec::new();
    for slot in (0..80_u64).rev() {
        for (at, (location, _)) in LOCATIONS.iter().enumerate() {
            for (number, (probe, _)) in PROBES.iter().enumerate() {
                let age = Duration::from_secs(slot * 30 + (at * 4 + number) as u64);
                let outcome = outcome(location, age, slot);
                if *location != "port-augusta" || age > minutes(4) {
                    entries.push(entry(location, probe, age, outcome));
                }
            }
        }
    }
    entries
}

fn outcome(location: &str, age: Duration, slot: u64) -> Outcome {
    match location {
        "noarlunga" if age <= minutes(18) => Outcome::Failed(if slot.is_multiple_of(5) {
            FailureReason::ConnectTimeout
        } else {
            FailureReason::Timeout
        }),
        "city" if age <= minutes(16) => Outcome::Slow,
        "elizabeth" if age <= minutes(12) && slot % 4 == 1 => {
            Outcome::Failed(FailureReason::Status)
        }
        _ => Outcome::Passed,
    }
}

fn entry(location: &str, probe: &str, age: Duration, outcome: Outcome) -> Entry {
    let slot_at = ago(age);
    let latency_ms = match outcome {
        Outcome::Passed => 780,
        Outcome::Slow => 4_120,
        _ => 10_000,
    };
    let step = |id: &str, offset_us, total_us| StepTiming {
        step: StepId::new(id).unwrap(),
        offset_us,
        total_us,
        dns_us: (offset_us == 0).then_some(2_100),
        connect_us: (offset_us == 0).then_some(11_400),
        tls_us: (offset_us == 0).then_some(9_800),
        first_byte_us: Some(total_us / 2),
        body_us: Some(total_us / 5),
    };
    let evidence = matches!(outcome, Outcome::Failed(_)).then(|| Evidence {
        step: Some(StepId::new("sign-in").unwrap()),
        address: Some("192.0.2.17:443".into()),
        detail: match outcome {
            Outcome::Failed(FailureReason::Status) => "expected status 200, got 503".into(),
            _ => "no answer within 10 s".into(),
        },
    });
    Entry::Check {
        check: Check {
            target: TargetId::new("c3ms").unwrap(),
            probe: ProbeId::new(probe).unwrap(),
            location: LocationId::new(location).unwrap(),
            kind: CheckKind::Slot,
            slot_at,
            finished_at: slot_at + Duration::from_millis(latency_ms.into()),
            latency_ms,
            outcome,
            steps: vec![
                step("open", 0, 120_000),
                step("sign-in", 121_000, u64::from(latency_ms) * 400),
                step("search", 122_000 + u64::from(latency_ms) * 400, u64::from(latency_ms) * 300),
            ],
            evidence,
        },
        interval_us: 30_000_000,
    }
}

/// The clock of the sample, which stands still.
pub fn clock() -> Clock {
    Clock::manual(now())
}
