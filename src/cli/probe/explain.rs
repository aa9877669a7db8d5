//! `holdfast probe explain`: what a probe's verdict is, why, and what would change it.

use super::{CliError, in_words, print, print_json};
use crate::app::explain::{At, CohortStanding, Explanation, explain};
use crate::clock::Clock;
use crate::config::installation::Installation;
use crate::config::targets;
use crate::detection::forecast::{Fault, Forecast};
use crate::domain::ids::{LocationId, ProbeId};
use crate::domain::verdict::Verdict;

/// Says what a probe does, when an outage is told of it, and why its verdict is what it is.
///
/// Thresholds, delays and false alarms come from the code that detects. What it has found is read
/// from the record, beside a service that runs.
///
/// Example: holdfast probe explain intake --at noarlunga
#[derive(Debug, clap::Args)]
pub struct Explain {
    probe: ProbeId,
    /// One location alone; all of its own when left out.
    #[arg(long, value_name = "LOCATION")]
    at: Option<LocationId>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub async fn run(self, service: &Installation) -> Result<(), CliError> {
        let targets = targets::load(service)?;
        let found = targets.iter().find_map(|target| Some((target, target.probe(&self.probe)?)));
        let (target, probe) = found.ok_or_else(|| {
            CliError::Arguments(format!("there is no probe '{}': see 'probe list'", self.probe))
        })?;
        if let Some(at) = self.at.as_ref().filter(|at| !probe.locations.contains(at)) {
            let id = &self.probe;
            return Err(CliError::Arguments(format!(
                "'{id}' does not run at '{at}': see 'probe list'"
            )));
        }
        let now = Clock::system().now();
        let explanation = explain(service, target, probe, self.at.as_ref(), now).await?;
        if self.json {
            return print_json(&explanation);
        }
        what(&explanation)?;
        rules(&explanation)?;
        for at in &explanation.locations {
            found_at(at, service)?;
        }
        for cohort in &explanation.cohorts {
            stands(cohort, service)?;
        }
        for outage in &explanation.open_outages {
            let began = in_words(service, outage.began_at);
            print(format!("\nOpen: {} ({}, since {began})", outage.sentence, outage.id))?;
            let (all, explained) = (outage.failures, outage.failures_explained);
            print(format!("  this explains {explained} of the {all} failures when it was said"))?;
        }
        if explanation.open_outages.is_empty() && explanation.recorded {
            print("\nNo outage of this probe is open.")?;
        }
        Ok(())
    }
}

/// The probe, its steps and its slots.
fn what(explanation: &Explanation) -> Result<(), CliError> {
    let Explanation { target, probe, title, kind, weight, interval_s, timeout_s, .. } = explanation;
    print(format!("{target}/{probe}: {title}, {weight} {kind}"))?;
    print(format!("\nEvery {interval_s} s, with {timeout_s} s to finish:"))?;
    for step in &explanation.steps {
        let effect =
            if step.effect == "read" { String::new() } else { format!(", {}", step.effect) };
        print(format!("  {} ({}{effect})", step.id, step.kind))?;
    }
    let promised = [
        explanation.availability_percent.map(|percent| format!("{percent} % of known time")),
        explanation.latency_s.map(|seconds| format!("an answer within {seconds} s")),
    ];
    let promised: Vec<String> = promised.into_iter().flatten().collect();
    if !promised.is_empty() {
        print(format!("Promised: {}.", promised.join(", ")))?;
    }
    Ok(())
}

/// When its verdict changes, and how often by chance.
fn rules(explanation: &Explanation) -> Result<(), CliError> {
    let rules = &explanation.forecast;
    print("\nAt each location its verdict becomes")?;
    let line = |verdict: &str, count: Option<u32>, how: &str| match count {
        Some(count) => print(format!("  {verdict:<13} after {count} {how}")),
        None => print(format!("  {verdict:<13} never by itself")),
    };
    line("down", rules.failures_to_down, "failures in a row")?;
    let more = "checks of which every fourth fails";
    line("intermittent", rules.samples_to_intermittent, more)?;
    let minutes = rules.spells_within_s / 60;
    print(format!(
        "                or when it was down {} times within {minutes} min",
        rules.spells_to_intermittent
    ))?;
    if let Some(count) = rules.failures_from_intermittent_to_down {
        print(format!("                and down again by {count} failures in a row"))?;
    }
    line("slow", rules.slow_answers_to_slow, "answers in a row over what was promised")?;
    let back = [
        ("down", rules.successes_from_down),
        ("intermittent", rules.successes_from_intermittent),
        ("slow", rules.successes_from_slow),
    ];
    let back = back.iter().filter_map(|(from, count)| Some(format!("{} from {from}", (*count)?)));
    print(format!(
        "  {:<13} after so many successes in a row: {}",
        "up",
        back.collect::<Vec<_>>().join(", ")
    ))?;
    let silent = Some(rules.silent_intervals);
    line("unknown", silent, "intervals without a check that says anything")?;

    chance(explanation)?;
    delays(rules)
}

/// How often it would be told by chance alone.
fn chance(explanation: &Explanation) -> Result<(), CliError> {
    let false_alarms = &explanation.forecast.false_alarms;
    print("\nBy chance alone")?;
    let normal = false_alarms.normal_failures * 100.0;
    let (budget, tests) = (false_alarms.budget_a_year, false_alarms.tests);
    print(format!(
        "  {normal} % of a healthy target's checks may fail. The budget is {budget} false outage a \
         year for a probe at a location, shared by {tests} tests: a sum of log likelihoods of \
         {:.1} is an alarm.",
        false_alarms.threshold
    ))?;
    print(format!(
        "  By the tests' Markov chain that is one in {} years for down and one in {} for \
         intermittent; at {} locations together {:.4} a year.",
        years(false_alarms.down_a_year),
        years(false_alarms.intermittent_a_year),
        explanation.all_locations,
        explanation.false_outages_a_year,
    ))
}

/// How long an outage goes on before it is told.
fn delays(rules: &Forecast) -> Result<(), CliError> {
    print(
        "\nTold after (half of the times · nine times in ten; what failing requests take apart)",
    )?;
    for delay in &rules.delays {
        let fault = match delay.fault {
            Fault::HardDown => "everything fails",
            Fault::OneInFour => "one in four fails",
            Fault::Slow => "everything is slow",
        };
        let seconds =
            |time: Option<f64>| time.map_or("not told".to_owned(), |s| format!("{s:.0} s"));
        let verdicts: Vec<String> = delay
            .told_as
            .iter()
            .map(|(verdict, count)| format!("{verdict} {count} of {}", delay.played))
            .collect();
        let (half, most) = (seconds(delay.median_s), seconds(delay.ninety_percent_s));
        print(format!("  {fault:<18} {half} · {most}  ({})", verdicts.join(", ")))?;
    }
    Ok(())
}

/// So many years between two.
fn years(a_year: f64) -> String {
    if a_year <= 0.0 { "any number of".to_owned() } else { format!("{:.0}", 1.0 / a_year) }
}

/// What it found at a location, and what that makes of it.
fn found_at(at: &At, service: &Installation) -> Result<(), CliError> {
    print(format!("\n{} ({})", at.title, at.location))?;
    let next = at.next_slot_at.to_zoned(service.time_zone.clone()).strftime("%H:%M:%S").to_string();
    print(format!("  its next slot is at {next}"))?;
    let Some(seen) = &at.seen else {
        return print("  nothing is recorded of it yet");
    };
    let since = match seen.verdict {
        Verdict::Unknown => "nothing was heard of it lately".to_owned(),
        _ => format!("since {}", in_words(service, seen.since)),
    };
    print(format!("  {}, {since}", seen.verdict))?;
    let last = in_words(service, seen.last_at);
    let outcomes: Vec<String> =
        seen.outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    print(format!(
        "  because: of its last {} checks {} (confirmations included), the last {last}",
        seen.checks,
        outcomes.join(", ")
    ))?;
    if seen.failed_in_a_row > 0 {
        print(format!("  the last {} failed in a row", seen.failed_in_a_row))?;
    }
    for failure in &seen.failures {
        let step = failure.step.as_deref().unwrap_or("before the first step");
        print(format!("  {} at {step}: {}", in_words(service, failure.at), failure.detail))?;
    }
    for turn in &seen.turns {
        print(format!(
            "  {} more that {} make it {}",
            turn.count,
            ended(turn.checks),
            turn.verdict
        ))?;
    }
    Ok(())
}

fn ended(checks: &str) -> &str {
    match checks {
        "failed" => "fail",
        "slow" => "are slow",
        _ => "pass",
    }
}

/// The verdict in force for a cohort, and whose probe makes it.
fn stands(cohort: &CohortStanding, service: &Installation) -> Result<(), CliError> {
    let CohortStanding { title, verdict, since, detected_at, probe_verdict, .. } = cohort;
    print(format!("\n{title}: the target is {verdict} since {}", in_words(service, *since)))?;
    let said = in_words(service, *detected_at);
    match probe_verdict == verdict {
        true => print(format!("  said {said}; this probe says the same"))?,
        false => print(format!(
            "  said {said}; this probe by itself is {probe_verdict} for it: the target is as bad \
             as its worst essential probe"
        ))?,
    }
    Ok(())
}
