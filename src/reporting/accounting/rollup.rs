//! From probes to people: what a cohort had at each moment.
//!
//! At each moment a cohort has the worst of its essential probes; supporting ones cap at slow. What
//! is known to fail outweighs what is not known, which outweighs what works. Where several
//! locations speak for a cohort, a probe is down when all that know anything say so, and comes and
//! goes when only some do.

use std::collections::BTreeMap;
use std::ops::Range;

use super::track::Track;
use super::{Span, Tally, TimeState};
use crate::domain::ids::{LocationId, ProbeId};
use crate::domain::target::{Cohort, Target, Weight};
use crate::domain::verdict::Verdict;

/// The tracks of one target.
pub type Tracks = BTreeMap<(ProbeId, LocationId), Track>;

/// What one cohort had over a period.
#[derive(Clone, Debug)]
pub struct CohortTime {
    /// In order and without a gap.
    pub spans: Vec<Span<Moment>>,
    /// Known slots of the essential probe that has the fewest: as many independent looks as the
    /// roll-up can claim.
    pub looks: u64,
}

/// What a cohort had in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub state: TimeState,
    /// Whether checks failed, as far as known.
    pub failed: bool,
}

/// One probe as a cohort sees it: the tracks of the locations that speak for it.
struct Seen<'a> {
    weight: Weight,
    tracks: Vec<Cursor<'a>>,
}

/// A place in a track's stretches that only moves forward.
struct Cursor<'a> {
    spans: &'a [Span<TimeState>],
    at: usize,
}

/// Rolls a target's tracks up to one cohort. `verdicts` are detection's for that cohort: while it
/// said *intermittent*, known time counts as that, whichever check of it passed.
#[must_use]
pub fn cohort_time(
    target: &Target,
    cohort: &Cohort,
    tracks: &Tracks,
    verdicts: &[Span<Verdict>],
    period: &Range<i64>,
) -> CohortTime {
    let mut seen = Vec::new();
    let mut looks = None;
    for probe in target.probes.iter().filter(|probe| cohort.sees(probe)) {
        let tracks: Vec<&Track> = cohort
            .locations
            .iter()
            .filter_map(|location| tracks.get(&(probe.id.clone(), location.clone())))
            .collect();
        if probe.weight == Weight::Essential {
            let known = tracks.iter().map(|track| track.slots.known()).sum();
            looks = Some(looks.map_or(known, |least: u64| least.min(known)));
        }
        let tracks = tracks.iter().map(|track| Cursor { spans: &track.spans, at: 0 }).collect();
        seen.push(Seen { weight: probe.weight, tracks });
    }
    let edges = edges(&seen, verdicts, period);
    CohortTime { spans: sweep(&mut seen, verdicts, &edges), looks: looks.unwrap_or(0) }
}

impl CohortTime {
    /// Time by state, for one member of staff.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for span in &self.spans {
            tally.add(span.state.state, span.length(), span.state.failed);
        }
        tally
    }

    /// Time by state in `range` alone.
    #[must_use]
    pub fn tally_in(&self, range: &Range<i64>) -> Tally {
        let mut tally = Tally::default();
        let first = self.spans.partition_point(|span| span.to <= range.start);
        for span in self.spans[first..].iter().take_while(|span| span.from < range.end) {
            let within = Span {
                from: span.from.max(range.start),
                to: span.to.min(range.end),
                state: span.state,
            };
            tally.add(span.state.state, within.length(), span.state.failed);
        }
        tally
    }
}

/// Every instant at which anything may change, both ends of the period included.
fn edges(seen: &[Seen], verdicts: &[Span<Verdict>], period: &Range<i64>) -> Vec<i64> {
    let of_tracks = seen
        .iter()
        .flat_map(|seen| &seen.tracks)
        .flat_map(|track| track.spans.iter().map(|span| span.from));
    let mut edges: Vec<i64> = of_tracks
        .chain(verdicts.iter().map(|span| span.from))
        .filter(|at| period.contains(at))
        .chain([period.start, period.end])
        .collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

fn sweep(seen: &mut [Seen], verdicts: &[Span<Verdict>], edges: &[i64]) -> Vec<Span<Moment>> {
    let mut spans: Vec<Span<Moment>> = Vec::new();
    let mut verdict = verdicts.iter().peekable();
    for pair in edges.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        while verdict.next_if(|span| span.to <= from).is_some() {}
        let said = verdict.peek().map_or(Verdict::Unknown, |span| span.state);
        let state = moment(seen, from, said);
        match spans.last_mut() {
            Some(last) if last.state == state => last.to = to,
            _ => spans.push(Span { from, to, state }),
        }
    }
    spans
}

fn moment(seen: &mut [Seen], at: i64, said: Verdict) -> Moment {
    let mut worst = None;
    for probe in seen {
        let state = probe.state(at);
        let state = match probe.weight {
            Weight::Essential => state,
            Weight::Supporting if state == TimeState::Unknown => continue,
            Weight::Supporting => state.min(TimeState::Slow),
        };
        worst = worst.max(Some(state));
    }
    let state = worst.unwrap_or(TimeState::Unknown);
    let failed = state > TimeState::Unknown;
    if said == Verdict::Intermittent && state != TimeState::Unknown {
        return Moment { state: TimeState::Intermittent, failed };
    }
    Moment { state, failed }
}

impl Seen<'_> {
    fn state(&mut self, at: i64) -> TimeState {
        let (mut known, mut down, mut worst) = (0, 0, TimeState::Unknown);
        for track in &mut self.tracks {
            let state = track.state(at);
            if state == TimeState::Unknown {
                continue;
            }
            worst = if known == 0 { state } else { worst.max(state) };
            known += 1;
            down += usize::from(state == TimeState::Down);
        }
        if down > 0 && down < known { TimeState::Intermittent } else { worst }
    }
}

impl Cursor<'_> {
    fn state(&mut self, at: i64) -> TimeState {
        while self.spans.get(self.at).is_some_and(|span| span.to <= at) {
            self.at += 1;
        }
        match self.spans.get(self.at) {
            Some(span) if span.from <= at => span.state,
            _ => TimeState::Unknown,
        }
    }
}
