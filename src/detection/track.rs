//! One probe at one location: from its checks to its verdict.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::sequential::{Cusum, Scores, samples_between_alarms, threshold};
use crate::domain::check::{Check, CheckKind, FailureReason, Outcome};
use crate::domain::ids::StepId;
use crate::domain::verdict::Verdict;

/// Failures a healthy target is assumed to have at random.
const NORMAL_FAILURES: f64 = 0.01;
/// How often a target that is down, or that comes and goes, fails at the least.
const DOWN_FAILURES: f64 = 0.95;
const INTERMITTENT_FAILURES: f64 = 0.3;
/// Slow answers of a healthy target, and of a slow one.
const NORMAL_SLOW: f64 = 0.05;
const SLOW_SLOW: f64 = 0.8;
/// Two failure tests share the budget of one false outage a probe-year.
const TESTS: u32 = 2;
const BUDGET_A_YEAR: f64 = 1.0;
/// Every failure is asked again up to six times, and up to eight others with it, or it with them.
const CONFIRMATIONS_A_FAILURE: f64 = 14.0;
/// Recovery from down takes three successes in a row; from coming and going, thirteen.
const RECOVERY_FROM_DOWN: f64 = 8.5;
const RECOVERY_FROM_INTERMITTENT: f64 = 4.4;
/// Being slow is told sooner than being down: nobody is paged by it alone.
const SLOW_THRESHOLD: f64 = 10.0;
/// This many spells of being down within the window are one state: it comes and goes.
pub const FLAPS: usize = 3;
pub const FLAP_WINDOW: Duration = Duration::from_secs(600);
/// A spell this long in failures is down, whatever came before.
const DOWN_FOR_GOOD: u32 = 12;
/// A spell this long is down even where the target comes and goes: there a shorter one is chance.
const DOWN_AMID_UNREST: u32 = 8;
/// How far back a failure that a success followed says that a track comes and goes.
const UNREST_WINDOW: Duration = Duration::from_secs(60);
/// Successes amid the failures, above which it comes and goes rather than being down.
const SUCCESSES_WHEN_DOWN: f64 = 0.15;
/// Silence of this many intervals makes a verdict unknown.
pub const SILENT_INTERVALS: u32 = 3;
/// Samples kept for counting failures.
const RECENT: usize = 64;

/// What is known of one probe at one location.
#[derive(Clone, Debug)]
pub struct Track {
    interval: Duration,
    threshold: f64,
    down: Cusum,
    intermittent: Cusum,
    slow: Cusum,
    recovery: Cusum,
    pub verdict: Verdict,
    /// When the run of samples began that led to the verdict.
    pub since: Timestamp,
    last_conclusive_at: Option<Timestamp>,
    trailing_failures: u32,
    /// Starts of spells of being down, oldest first.
    spells: VecDeque<Timestamp>,
    recent: VecDeque<Sample>,
    /// Where the last failure happened.
    pub failed_step: Option<StepId>,
    /// Whether that was the network of its place, and not the target.
    pub failed_at_site_network: bool,
}

/// How often chance alone makes an outage of a probe at a location.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct ChanceOfAlarm {
    /// The share of checks that a healthy target is taken to fail.
    pub normal_failures: f64,
    /// What the tests may make in a year together.
    pub budget_a_year: f64,
    pub tests: u32,
    /// The sum of log-likelihoods at which each of them alarms.
    pub threshold: f64,
    pub down_a_year: f64,
    pub intermittent_a_year: f64,
    pub a_year: f64,
}

/// A conclusive check, as far as detection looks at it.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Timestamp,
    failed: bool,
    confirmation: bool,
}

impl Track {
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            threshold: threshold(slots_a_year(interval) * f64::from(TESTS) / BUDGET_A_YEAR),
            down: Cusum::default(),
            intermittent: Cusum::default(),
            slow: Cusum::default(),
            recovery: Cusum::default(),
            verdict: Verdict::Unknown,
            since: Timestamp::UNIX_EPOCH,
            last_conclusive_at: None,
            trailing_failures: 0,
            spells: VecDeque::new(),
            recent: VecDeque::new(),
            failed_step: None,
            failed_at_site_network: false,
        }
    }

    /// How often a probe with this interval would be told down or intermittent by chance alone, by
    /// the exact chain of both tests, confirmations counted.
    #[must_use]
    pub fn chance_of_alarm(interval: Duration) -> ChanceOfAlarm {
        let threshold = Self::new(interval).threshold;
        let slots = slots_a_year(interval);
        let samples = slots * CONFIRMATIONS_A_FAILURE.mul_add(NORMAL_FAILURES, 1.0);
        let a_year = |alternative| {
            let scores = Scores::telling(alternative, NORMAL_FAILURES);
            samples / samples_between_alarms(scores, threshold, NORMAL_FAILURES)
        };
        let (down, intermittent) = (a_year(DOWN_FAILURES), a_year(INTERMITTENT_FAILURES));
        ChanceOfAlarm {
            normal_failures: NORMAL_FAILURES,
            budget_a_year: BUDGET_A_YEAR,
            tests: TESTS,
            threshold,
            down_a_year: down,
            intermittent_a_year: intermittent,
            a_year: down + intermittent,
        }
    }

    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    #[must_use]
    pub fn last_conclusive_at(&self) -> Option<Timestamp> {
        self.last_conclusive_at
    }

    /// Failures since the last success.
    #[must_use]
    pub fn failed_in_a_row(&self) -> u32 {
        self.trailing_failures
    }

    /// Takes a check in, once. Returns whether it leaves a suspicion that a confirmation would
    /// settle; none when it is from before everything that is remembered, and so says nothing of
    /// what holds now.
    ///
    /// Amid `unrest`, when other tracks of the target come and go, it takes more failures in a row
    /// to be down.
    pub fn take(&mut self, check: &Check, unrest: bool) -> Option<bool> {
        let (failed, is_slow) = match check.outcome {
            Outcome::Passed => (false, false),
            Outcome::Slow => (false, true),
            Outcome::Failed(_) => (true, false),
            Outcome::Inconclusive(_) | Outcome::Missed => return Some(false),
        };
        let at = check.slot_at;
        let confirmation = check.kind == CheckKind::Confirmation;
        if self.recent.iter().any(|seen| seen.at == at && seen.confirmation == confirmation) {
            return Some(false);
        }
        if self.recent.len() == RECENT && self.recent.iter().all(|seen| at < seen.at) {
            return None;
        }
        self.last_conclusive_at = self.last_conclusive_at.max(Some(check.finished_at));
        self.remember(Sample { at, failed, confirmation });
        self.trailing_failures = if failed { self.trailing_failures + 1 } else { 0 };
        self.down.take(Scores::telling(DOWN_FAILURES, NORMAL_FAILURES), failed, at);
        self.intermittent.take(Scores::telling(INTERMITTENT_FAILURES, NORMAL_FAILURES), failed, at);
        if failed {
            let site_network = Outcome::Failed(FailureReason::SiteNetwork);
            self.failed_at_site_network = check.outcome == site_network;
            self.failed_step = check.evidence.as_ref().and_then(|seen| seen.step.clone());
        } else {
            self.slow.take(Scores::telling(SLOW_SLOW, NORMAL_SLOW), is_slow, at);
        }
        self.recover(failed, at);
        let verdict = self.judge(at, unrest);
        self.settle_on(verdict, at);
        Some(self.is_suspicious(failed))
    }

    /// Something was heard at `now`. An instant that is ahead of that, or one of a clock that is
    /// not ours and `strange`, says nothing of how long ago it was.
    pub fn heard(&mut self, now: Timestamp, strange: bool) {
        self.last_conclusive_at = self.last_conclusive_at.map(|last| match strange {
            true => now,
            false => last.min(now),
        });
    }

    /// Silence makes a verdict unknown.
    pub fn tick(&mut self, now: Timestamp) {
        let silent = self.last_conclusive_at.is_none_or(|last| {
            let silence = Duration::try_from(now.duration_since(last)).unwrap_or_default();
            silence > self.interval * SILENT_INTERVALS
        });
        if silent && self.verdict != Verdict::Unknown {
            *self = Self { spells: std::mem::take(&mut self.spells), ..Self::new(self.interval) };
            self.since = now;
        }
    }

    /// Failures since `from`, confirmations apart: (failed, of them confirmations).
    #[must_use]
    pub fn failures_since(&self, from: Timestamp) -> (u32, u32) {
        self.recent
            .iter()
            .filter(|sample| sample.failed && sample.at >= from)
            .fold((0, 0), |(failed, confirmed), sample| {
                (failed + 1, confirmed + u32::from(sample.confirmation))
            })
    }

    /// Whether a success followed a failure of late.
    #[must_use]
    pub fn comes_and_goes(&self, now: Timestamp) -> bool {
        let from = now.checked_sub(UNREST_WINDOW).unwrap_or(now);
        let mut late = self.recent.iter().filter(|sample| sample.at >= from);
        late.any(|sample| sample.failed) && late.any(|sample| !sample.failed)
    }

    fn remember(&mut self, sample: Sample) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(sample);
    }

    /// The test for being well again runs only while it is not.
    fn recover(&mut self, failed: bool, at: Timestamp) {
        let from = match self.verdict {
            Verdict::Down => DOWN_FAILURES,
            Verdict::Intermittent => INTERMITTENT_FAILURES,
            _ => return,
        };
        // A success is what speaks for recovery, so it is the "bad" sample of this test.
        let scores = Scores::telling(1.0 - NORMAL_FAILURES, 1.0 - from);
        self.recovery.take(scores, !failed, at);
    }

    fn judge(&self, at: Timestamp, unrest: bool) -> Verdict {
        let by_chance = unrest && self.trailing_failures < DOWN_AMID_UNREST;
        match self.verdict {
            Verdict::Down if self.recovery.crossed(RECOVERY_FROM_DOWN) => {
                if self.flaps(at) {
                    Verdict::Intermittent
                } else {
                    self.working()
                }
            }
            // A success, and a failure before three of them: neither up nor down.
            Verdict::Down if self.trailing_failures == 1 && !self.is_one_spell() => {
                Verdict::Intermittent
            }
            Verdict::Down => Verdict::Down,
            Verdict::Intermittent if self.trailing_failures >= DOWN_FOR_GOOD => Verdict::Down,
            Verdict::Intermittent if self.recovery.crossed(RECOVERY_FROM_INTERMITTENT) => {
                self.working()
            }
            Verdict::Intermittent => Verdict::Intermittent,
            _ if self.down.crossed(self.threshold) || self.intermittent.crossed(self.threshold) => {
                match self.is_one_spell() && !self.flaps(at) {
                    true if by_chance => self.working(),
                    true => Verdict::Down,
                    false => Verdict::Intermittent,
                }
            }
            _ => self.working(),
        }
    }

    /// Up or slow, for a track that does not fail. That it works is not known while nothing but
    /// failures were seen.
    fn working(&self) -> Verdict {
        if self.verdict == Verdict::Unknown && self.trailing_failures > 0 {
            return Verdict::Unknown;
        }
        let still_slow = self.verdict == Verdict::Slow && !self.slow.is_quiet();
        if still_slow || self.slow.crossed(SLOW_THRESHOLD) { Verdict::Slow } else { Verdict::Up }
    }

    /// Whether nearly everything failed since the failures began.
    fn is_one_spell(&self) -> bool {
        let Some(onset) = self.intermittent.onset().or(self.down.onset()) else { return true };
        let since = self.recent.iter().filter(|sample| sample.at >= onset);
        let (all, passed) = since.fold((0_u32, 0_u32), |(all, passed), sample| {
            (all + 1, passed + u32::from(!sample.failed))
        });
        f64::from(passed) <= SUCCESSES_WHEN_DOWN * f64::from(all)
    }

    /// Whether it was down so often of late that being up again is no news. The spell that is
    /// being told now counts.
    fn flaps(&self, at: Timestamp) -> bool {
        let now = usize::from(self.verdict != Verdict::Down);
        let recent = self.spells.iter().filter(|start| {
            Duration::try_from(at.duration_since(**start)).unwrap_or_default() <= FLAP_WINDOW
        });
        recent.count() + now >= FLAPS
    }

    fn settle_on(&mut self, verdict: Verdict, at: Timestamp) {
        if verdict == self.verdict {
            return;
        }
        self.since = match verdict {
            Verdict::Down | Verdict::Intermittent if !self.verdict.is_outage() => {
                self.down.onset().or(self.intermittent.onset()).unwrap_or(at)
            }
            Verdict::Slow => self.slow.onset().unwrap_or(at),
            Verdict::Up if matches!(self.verdict, Verdict::Down | Verdict::Intermittent) => {
                self.recovery.onset().unwrap_or(at)
            }
            _ => at,
        };
        if verdict == Verdict::Down || (verdict == Verdict::Intermittent && self.is_one_spell()) {
            if self.spells.len() == FLAPS {
                self.spells.pop_front();
            }
            self.spells.push_back(self.since);
        }
        if !matches!(verdict, Verdict::Down | Verdict::Intermittent) {
            self.down.reset();
            self.intermittent.reset();
        }
        self.recovery.reset();
        self.verdict = verdict;
    }

    fn is_suspicious(&self, failed: bool) -> bool {
        match self.verdict {
            Verdict::Up | Verdict::Slow | Verdict::Unknown => failed,
            // A sign of recovery is followed up as a sign of failure is.
            Verdict::Down => !failed,
            Verdict::Intermittent => !self.recovery.is_quiet(),
        }
    }
}

fn slots_a_year(interval: Duration) -> f64 {
    365.25 * 86_400.0 / interval.as_secs_f64().max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{LocationId, ProbeId, TargetId};

    fn feed(track: &mut Track, second: &mut i64, pattern: &str) -> Verdict {
        for mark in pattern.chars() {
            let at = Timestamp::from_second(*second).unwrap();
            *second += 1;
            let check = Check {
                target: TargetId::new("c3ms").unwrap(),
                probe: ProbeId::new("sign-in").unwrap(),
                location: LocationId::new("noarlunga").unwrap(),
                kind: CheckKind::Slot,
                slot_at: at,
                finished_at: at,
                latency_ms: 1,
                outcome: match mark {
                    '.' => Outcome::Passed,
                    's' => Outcome::Slow,
                    'x' => Outcome::Failed(FailureReason::Refused),
                    _ => Outcome::Missed,
                },
                steps: Vec::new(),
                evidence: None,
            };
            track.take(&check, false);
        }
        track.verdict
    }

    #[test]
    fn a_check_that_comes_again_counts_once() {
        let (mut track, mut second) = (Track::new(Duration::from_secs(1)), 1_000);
        feed(&mut track, &mut second, "..xx");
        for _ in 0..3 {
            second -= 2;
            assert_eq!(feed(&mut track, &mut second, "xx"), Verdict::Up);
        }
        assert_eq!(feed(&mut track, &mut second, "xx"), Verdict::Down);
    }

    #[test]
    fn what_is_older_than_all_it_remembers_is_no_evidence() {
        let (mut track, mut second) = (Track::new(Duration::from_secs(1)), 1_000);
        feed(&mut track, &mut second, &".".repeat(RECENT));
        let mut over = 900;
        assert_eq!(feed(&mut track, &mut over, "xxxxxxxx"), Verdict::Up);
        assert_eq!(feed(&mut track, &mut second, "xxxx"), Verdict::Down);
        // A clock that was set back is heard again once it was silent.
        let mut back = 500;
        assert_eq!(feed(&mut track, &mut back, "...."), Verdict::Down);
        track.tick(Timestamp::from_second(second + 4).unwrap());
        assert_eq!(feed(&mut track, &mut back, "...."), Verdict::Up);
    }

    #[test]
    fn silence_is_reckoned_by_when_something_was_heard() {
        let now = |second| Timestamp::from_second(second).unwrap();
        // A clock an hour ahead, then one that stands apart and is an hour behind.
        let (mut track, mut second) = (Track::new(Duration::from_secs(1)), 4_600);
        feed(&mut track, &mut second, "..");
        track.heard(now(1_000), false);
        track.tick(now(1_002));
        assert_eq!(track.verdict, Verdict::Up);
        track.tick(now(1_010));
        assert_eq!(track.verdict, Verdict::Unknown, "its own instants would keep it up");

        let mut second = 1_000;
        feed(&mut track, &mut second, "..");
        track.heard(now(4_600), true);
        track.tick(now(4_602));
        assert_eq!(track.verdict, Verdict::Up, "it was heard a moment ago");
    }

    #[test]
    fn patterns_have_the_verdict_a_person_would_give() {
        for (pattern, expected) in [
            ("", Verdict::Unknown),
            ("m", Verdict::Unknown),
            (".", Verdict::Up),
            ("xx", Verdict::Unknown),
            ("x.", Verdict::Up),
            ("xxxx", Verdict::Down),
            ("..x..", Verdict::Up),
            ("..xx.......", Verdict::Up),
            ("..xxxx", Verdict::Down),
            ("..xxxx..", Verdict::Down),
            ("..xxxx...", Verdict::Up),
            ("..xxxx.x", Verdict::Intermittent),
            (".x.x.x.x.x.x.x.x", Verdict::Intermittent),
            (".x.x.x.x.x.x.x.x.............", Verdict::Up),
            ("..xxxx...xxxx...xxxx", Verdict::Intermittent),
            ("..xxxx...xxxx...xxxxxxxxxxxx", Verdict::Down),
            ("...ssss", Verdict::Slow),
            ("...ssss.........", Verdict::Up),
            ("...s..s..", Verdict::Up),
        ] {
            let (mut track, mut second) = (Track::new(Duration::from_secs(5)), 1_000);
            assert_eq!(feed(&mut track, &mut second, pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn an_outage_began_with_its_first_failure() {
        let (mut track, mut second) = (Track::new(Duration::from_secs(5)), 1_000);
        feed(&mut track, &mut second, "..xxxx");
        assert_eq!(track.since.as_second(), 1_002);
        feed(&mut track, &mut second, "xx...");
        assert_eq!((track.verdict, track.since.as_second()), (Verdict::Up, 1_008));
    }

    #[test]
    fn silence_is_unknown_and_never_up() {
        let (mut track, mut second) = (Track::new(Duration::from_secs(5)), 1_000);
        feed(&mut track, &mut second, "...");
        track.tick(Timestamp::from_second(1_010).unwrap());
        assert_eq!(track.verdict, Verdict::Up);
        track.tick(Timestamp::from_second(1_018).unwrap());
        assert_eq!(track.verdict, Verdict::Unknown);
    }
}
