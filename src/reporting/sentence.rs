//! The report's verdict in one sentence, and lengths in words.

use super::accounting::figures::Promise;
use super::report::{Report, TargetReport, UserMinutes};

/// "C3MS missed 1 of 4 promises. 412 user-hours were lost in 3 outages."
#[must_use]
pub fn verdict(report: &Report) -> String {
    if report.targets.iter().all(|target| target.figures.availability.is_none()) {
        return format!("Nothing is known of {}: no check is on record.", report.period.words);
    }
    let each: Vec<String> = report.targets.iter().map(of_target).collect();
    let lost = UserMinutes::sum(report.targets.iter().map(|target| &target.user_minutes));
    let outages = match report.outages.len() {
        0 => "without an outage".to_owned(),
        1 => "in 1 outage".to_owned(),
        n => format!("in {n} outages"),
    };
    let (promises, lost) = (each.join("; "), hours(lost.lost()));
    format!("{}. {} lost {outages}.", capital(&promises), capital(&lost))
}

fn of_target(target: &TargetReport) -> String {
    let title = &target.title;
    let promises: Vec<Promise> =
        target.probes.iter().filter_map(|probe| Some(probe.availability?.promise)).collect();
    let all = promises.len();
    let met = promises.iter().filter(|promise| **promise == Promise::Met).count();
    let missed = promises.iter().filter(|promise| **promise == Promise::Missed).count();
    match (all, met, missed) {
        (0, ..) => match target.figures.availability {
            Some(share) => format!("{title} was available {} of known time", percent(share)),
            None => format!("nothing is known of {title}"),
        },
        (1, _, 1) => format!("{title} missed its promise"),
        (1, 1, _) => format!("{title} kept its promise"),
        (1, ..) => format!("whether {title} kept its promise cannot be proven"),
        (_, _, missed) if missed == all => format!("{title} missed all {all} promises"),
        (_, _, 1..) => format!("{title} missed {missed} of {all} promises"),
        (_, met, _) if met == all => format!("{title} kept all {all} promises"),
        (..) => format!("{title} missed no promise, but {} of {all} cannot be proven", all - met),
    }
}

impl UserMinutes {
    /// Down, intermittent and slow together.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.down + self.intermittent + self.slow
    }

    #[must_use]
    pub fn sum<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            down: sum.down + one.down,
            intermittent: sum.intermittent + one.intermittent,
            slow: sum.slow + one.slow,
            unknown: sum.unknown + one.unknown,
        })
    }
}

/// User-minutes as people say them: "35 user-minutes", "1.5 user-hours", "412 user-hours".
#[must_use]
pub fn hours(minutes: u64) -> String {
    match minutes {
        0 => "no user-hour".to_owned(),
        1 => "1 user-minute".to_owned(),
        2..60 => format!("{minutes} user-minutes"),
        60..600 => format!("{}.{} user-hours", minutes / 60, minutes % 60 / 6),
        _ => format!("{} user-hours", thousands((minutes + 30) / 60)),
    }
}

/// "12 345": with thin spaces that do not break.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A share as a percentage with two digits, cut and not rounded: only all of it is 100 %.
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "a share is between 0 and 1")]
pub fn percent(share: f64) -> String {
    let hundredths = (share * 10_000.0 + 1e-6).floor() as i64;
    match hundredths {
        10_000.. => "100 %".to_owned(),
        _ => format!("{}.{:02} %", hundredths / 100, hundredths % 100),
    }
}

/// A length in its two largest units: "42 s", "3 min 5 s", "9 h 5 min", "3 days 4 h".
#[must_use]
pub fn length(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let two = |first: String, rest: u64, unit: &str| match rest {
        0 => first,
        rest => format!("{first} {rest} {unit}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => two(format!("{minutes} min"), seconds % 60, "s"),
        (0, ..) => two(format!("{hours} h"), minutes % 60, "min"),
        (1, ..) => two("1 day".to_owned(), hours % 24, "h"),
        _ => two(format!("{days} days"), hours % 24, "h"),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_said_as_people_say_them() {
        assert_eq!(percent(0.999_999), "99.99 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.07), "7.00 %");
        assert_eq!(hours(0), "no user-hour");
        assert_eq!(hours(59), "59 user-minutes");
        assert_eq!(hours(90), "1.5 user-hours");
        assert_eq!(hours(60 * 12_345), "12\u{202f}345 user-hours");
        assert_eq!(length(185), "3 min 5 s");
        assert_eq!(length(3_600), "1 h");
        assert_eq!(length(90_000), "1 day 1 h");
    }
}
