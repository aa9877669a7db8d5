//! A scenario: a timeline of faults in a YAML file, played on the clock.
//!
//! ```yaml
//! format: holdfast/standin-scenario/v1
//! title: One office loses the system
//! offices: { noarlunga: 127.0.1.3 }
//! timeline:
//!   - at: 12 s
//!     say: One office loses the system
//!     fault: { name: office, from: [noarlunga], effect: refuse }
//!   - at: 1500 ms
//!     fault: { name: slow, path: /persons, share: 0.3, effect: { slow: { ms: 4000 } } }
//!   - { at: 30 s, change: 20 }
//!   - { at: 1 min, clear: office }
//!   - { at: 2 min, clear_all: true }
//! ```
//!
//! Entries may stand in any order; of one instant, the earlier one in the file comes first. What an
//! entry has to say is told to whoever watches. This file parses and plays; what a fault does,
//! [`super::faults`] knows.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;

use super::Standin;
use super::faults::{Effect, Fault, InvalidFault};
use crate::clock::Clock;

const FORMAT: &str = "holdfast/standin-scenario/v1";

/// A checked timeline, in the order of its instants.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub title: String,
    /// Addresses that requests of an office come from.
    pub offices: BTreeMap<String, IpAddr>,
    pub timeline: Vec<Moment>,
}

/// One entry of the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// Since the start.
    pub at: Duration,
    pub event: Event,
    /// For whoever watches.
    pub say: Option<String>,
}

/// What happens at an instant.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Fault(Fault),
    /// Ends the fault of this name.
    Clear(String),
    ClearAll,
    /// So many records change.
    Change(usize),
    /// Nothing but what is said.
    Words,
}

/// Why a scenario cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum InvalidScenario {
    /// The message names line and column.
    #[error("{0}")]
    Yaml(#[from] serde_saphyr::Error),
    #[error("format is '{0}': write '{FORMAT}'")]
    Format(String),
    /// `entry` counts from 1.
    #[error("entry {entry} of the timeline: {why}")]
    Entry { entry: usize, why: InvalidEntry },
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEntry {
    #[error("'{0}' is not a time: write '12 s', '1500 ms' or '2 min'")]
    At(String),
    #[error("write exactly one of fault, clear, clear_all: true and change, or say alone")]
    NotOne,
    #[error("'{0}' is neither an address nor one of the offices")]
    Office(String),
    #[error("nothing before it has the name '{0}'")]
    NothingToClear(String),
    #[error(transparent)]
    Fault(#[from] InvalidFault),
}

impl Scenario {
    /// Reads and checks a scenario file.
    ///
    /// # Errors
    /// Says where the fault is and what to write.
    pub fn parse(text: &str) -> Result<Self, InvalidScenario> {
        let file: File = serde_saphyr::from_str(text)?;
        if file.format != FORMAT {
            return Err(InvalidScenario::Format(file.format));
        }
        let mut timeline = Vec::new();
        for (position, entry) in file.timeline.into_iter().enumerate() {
            let checked = entry
                .check(&file.offices)
                .map_err(|why| InvalidScenario::Entry { entry: position + 1, why })?;
            timeline.push((position + 1, checked));
        }
        // Stable: entries of one instant stay in the order of the file.
        timeline.sort_by_key(|(_, moment): &(usize, Moment)| moment.at);
        let mut named: Vec<&str> = Vec::new();
        for (entry, moment) in &timeline {
            match &moment.event {
                Event::Fault(fault) => named.push(&fault.name),
                Event::Clear(name) if !named.contains(&name.as_str()) => {
                    let why = InvalidEntry::NothingToClear(name.clone());
                    return Err(InvalidScenario::Entry { entry: *entry, why });
                }
                Event::Clear(_) | Event::ClearAll | Event::Change(_) | Event::Words => {}
            }
        }
        let timeline = timeline.into_iter().map(|(_, checked)| checked).collect();
        Ok(Self { title: file.title, offices: file.offices, timeline })
    }

    /// Plays the timeline from now on and returns after its last entry; `said` hears what the
    /// entries have to say.
    ///
    /// # Errors
    /// When the stand-in does not take a fault, which only too many at once can cause.
    pub async fn play(
        &self,
        standin: &Standin,
        clock: &Clock,
        said: impl Fn(&str),
    ) -> Result<(), InvalidFault> {
        let started_at = clock.now();
        for Moment { at, event, say } in &self.timeline {
            clock.sleep_until(started_at.checked_add(*at).unwrap_or(started_at)).await;
            if let Some(words) = say {
                said(words);
            }
            match event {
                Event::Fault(fault) => {
                    standin.apply(fault.clone())?;
                }
                // A fault may have been cleared by hand while the scenario ran.
                Event::Clear(name) => {
                    standin.clear(name);
                }
                Event::ClearAll => standin.clear_all(),
                Event::Change(count) => {
                    standin.change(*count);
                }
                Event::Words => {}
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    title: String,
    #[serde(default)]
    offices: BTreeMap<String, IpAddr>,
    timeline: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    at: String,
    say: Option<String>,
    fault: Option<FaultEntry>,
    clear: Option<String>,
    clear_all: Option<bool>,
    change: Option<usize>,
}

/// A fault whose addresses may be names of offices.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultEntry {
    #[serde(default)]
    name: String,
    #[serde(default)]
    from: Vec<String>,
    path: Option<String>,
    node: Option<usize>,
    share: Option<f64>,
    effect: Effect,
}

impl Entry {
    fn check(self, offices: &BTreeMap<String, IpAddr>) -> Result<Moment, InvalidEntry> {
        let at = duration(&self.at).ok_or_else(|| InvalidEntry::At(self.at.clone()))?;
        let event = match (self.fault, self.clear, self.clear_all, self.change) {
            (Some(fault), None, None, None) => Event::Fault(fault.check(offices)?),
            (None, Some(name), None, None) => Event::Clear(name),
            (None, None, Some(true), None) => Event::ClearAll,
            (None, None, None, Some(count)) => Event::Change(count),
            (None, None, None, None) if self.say.is_some() => Event::Words,
            _ => return Err(InvalidEntry::NotOne),
        };
        Ok(Moment { at, event, say: self.say })
    }
}

impl FaultEntry {
    fn check(self, offices: &BTreeMap<String, IpAddr>) -> Result<Fault, InvalidEntry> {
        let address = |name: String| {
            let office = offices.get(&name).copied();
            office.or_else(|| name.parse().ok()).ok_or(InvalidEntry::Office(name))
        };
        let fault = Fault {
            name: self.name,
            from: self.from.into_iter().map(address).collect::<Result<_, _>>()?,
            path: self.path,
            node: self.node,
            share: self.share.unwrap_or(1.0),
            effect: self.effect,
        };
        fault.validate()?;
        Ok(fault)
    }
}

/// Reads `12 s`, `1500 ms` and `2 min`.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.trim().split_once(' ')?;
    let number: u64 = number.parse().ok()?;
    match unit.trim() {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "min" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "format: holdfast/standin-scenario/v1\ntitle: Test\n\
                        offices: { noarlunga: 127.0.1.3 }\ntimeline:\n";

    fn parse(entries: &str) -> Result<Scenario, InvalidScenario> {
        Scenario::parse(&format!("{HEAD}{entries}"))
    }

    #[test]
    fn the_example_above_parses_in_the_order_of_its_instants() {
        let example: String = include_str!("scenario.rs")
            .lines()
            .skip_while(|line| *line != "//! ```yaml")
            .skip(1)
            .take_while(|line| *line != "//! ```")
            .map(|line| format!("{}\n", line.strip_prefix("//! ").unwrap()))
            .collect();
        let scenario = Scenario::parse(&example).unwrap();
        let instants: Vec<u128> = scenario.timeline.iter().map(|one| one.at.as_millis()).collect();
        assert_eq!(instants, [1500, 12_000, 30_000, 60_000, 120_000]);
        let Event::Fault(office) = &scenario.timeline[1].event else { panic!("{scenario:?}") };
        assert_eq!(office.from, ["127.0.1.3".parse::<IpAddr>().unwrap()]);
        assert_eq!(office.effect, Effect::Refuse);
        assert_eq!(scenario.timeline[1].say.as_deref(), Some("One office loses the system"));
    }

    #[test]
    fn a_wrong_word_is_told_with_its_line() {
        let error = parse("  - { at: 1 s, fault: { efect: hang } }\n").unwrap_err();
        assert!(error.to_string().contains("efect"), "{error}");
        let InvalidScenario::Yaml(error) = error else { panic!("{error}") };
        assert_eq!(error.location().map(|place| place.line()), Some(5));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (entry, why) in [
            ("{ at: soon, clear_all: true }", InvalidEntry::At("soon".into())),
            ("{ at: 1 s }", InvalidEntry::NotOne),
            ("{ at: 1 s, change: 1, clear_all: true }", InvalidEntry::NotOne),
            ("{ at: 1 s, clear: x }", InvalidEntry::NothingToClear("x".into())),
            (
                "{ at: 1 s, fault: { from: [perth], effect: hang } }",
                InvalidEntry::Office("perth".into()),
            ),
            (
                "{ at: 1 s, fault: { share: 2, effect: hang } }",
                InvalidEntry::Fault(InvalidFault::Share),
            ),
        ] {
            match parse(&format!("  - {entry}\n")) {
                Err(InvalidScenario::Entry { entry: 1, why: told }) => assert_eq!(told, why),
                other => panic!("{entry}: {other:?}"),
            }
        }
    }
}
