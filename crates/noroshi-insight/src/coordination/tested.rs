//! One trace tested: every pair of the candidates with its verdict, over all windows.
//!
//! The activity model accepts pairs by the least likely of their windows, paid for by their number. Each window in which an
//! accepted pair stays below the same limit is then judged by models that know of shared interest, and the pair is an edge if
//! it survives in one: a window that shared interest explains takes nothing from another that it does not.

use super::arithmetic::{StepUp, at, length, ln_erlang_tail, ln_poisson_tail, place, real};
use super::candidates::{Accounts, Candidates, Kept, Meeting};
use super::chance::{Activity, Rates, Synchrony, Verdict, WATCH_P, Witnesses, pairs_in_common};
use super::circles::{Acceptance, Circles};
use super::gaps::{GAP_SECONDS_MAX, Gaps, Reach};
use super::options::{Models, Options, Trace};

/// What the tests say about a pair. Logarithms are natural ones.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Judged {
    /// The window in which it is least likely, of those in which it is an edge if there are any; as a place.
    pub(crate) window: usize,
    /// Meetings expected in that window by activity.
    pub(crate) expected: f64,
    /// The chance of as many meetings, times the number of windows.
    pub(crate) ln_p: f64,
    /// The false discovery rate at which the pair would be an edge; 0 (certainly false) where it was too rare to test.
    pub(crate) ln_q: f64,
    /// Whether it had the objects to be tested.
    pub(crate) tested: bool,
}

/// What is known of an accepted pair in the window it is told by, beside its activity.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Confirmation {
    /// The pair's place.
    pub(crate) index: usize,
    window: usize,
    expected_activity: f64,
    ln_p_activity: f64,
    objects: u32,
    /// Objects in common at any distance in time.
    pub(crate) common: u32,
    /// Meetings that shared interest explains.
    pub(crate) expected_interest: f64,
    /// The chance of as many by shared interest, times the number of windows, and its rate over all pairs with objects in
    /// common.
    pub(crate) ln_p_interest: f64,
    pub(crate) ln_q_interest: f64,
    /// The chance to be as close in time within the window, times the number of windows, and its rate over accepted pairs.
    pub(crate) ln_p_gap: f64,
    pub(crate) ln_q_gap: f64,
    /// Both chances together (`circles`), and the rate at which accepted pairs as unlikely are false, times the windows.
    ln_z: f64,
    pub(crate) ln_q_circles: f64,
    /// How surprising the distance of each meeting is, stretched; below 0 where it is not tested.
    surprises: Vec<f32>,
    /// Whether the tests that know of shared interest confirm it.
    pub(crate) confirmed: bool,
    /// Whether it is an edge by the models that are asked for.
    pub(crate) is_edge: bool,
}

/// Where acceptance ends, for samples of the objects. Logarithms of probabilities, times the number of windows.
#[derive(Debug, Clone, Default)]
struct Limits {
    activity: f64,
    interest: f64,
    /// The largest z that is accepted, for each window.
    circles: Vec<f64>,
}

/// A trace with everything that was found in it.
#[derive(Debug)]
pub(crate) struct Tested {
    pub(crate) kept: Kept,
    pub(crate) accounts: Accounts,
    pub(crate) found: Candidates,
    pub(crate) judged: Vec<Judged>,
    /// Pairs that the activity model accepts, by their places.
    pub(crate) accepted: Vec<Confirmation>,
    /// Pairs that could have been tested.
    pub(crate) hypotheses: f64,
    pub(crate) objects_min: u32,
    /// For each window the rates of all cells.
    pub(crate) rates: Vec<Rates>,
    limits: Limits,
}

impl Tested {
    /// Tests a trace at a rate of false discovery.
    pub(crate) fn of(kept: Kept, trace: &Trace, options: &Options, rate: f64) -> Self {
        let objects_min = trace.objects_min.max(options.weight_min).max(2);
        let accounts = Accounts::of(&kept);
        let found = Candidates::of(&kept, options, 2);
        let active = real(accounts.active(objects_min));
        let hypotheses = (active * (active - 1.0) / 2.0).max(1.0);
        let windows = kept.windows.len();
        let mut judged: Vec<Judged> = vec![Judged::default(); found.pairs.len()];
        let mut rates = Vec::with_capacity(windows);
        for window in 0..windows {
            let model = Activity {
                kept: &kept,
                found: &found,
                accounts: &accounts,
                window,
                objects_min,
                hypotheses,
            };
            let (verdicts, of_cells) = model.verdicts();
            rates.push(of_cells);
            for ((judged, pair), verdict) in judged.iter_mut().zip(&found.pairs).zip(verdicts) {
                judge(judged, at(&pair.objects, window) >= objects_min, window, verdict);
            }
        }
        let penalty = length(windows).ln();
        for judged in &mut judged {
            judged.ln_p = (judged.ln_p + penalty).min(0.0);
        }
        let tested = |one: &Judged| if one.tested { one.ln_p } else { 0.0 };
        let rule = StepUp::of(judged.iter().map(tested).collect(), hypotheses);
        for one in judged.iter_mut().filter(|one| one.tested) {
            one.ln_q = rule.ln_q(one.ln_p);
        }
        let limits = Limits { activity: rule.ln_cut(rate.ln()), ..Limits::default() };
        let accepted = Vec::new();
        let mut all = Self {
            kept,
            accounts,
            found,
            judged,
            accepted,
            hypotheses,
            objects_min,
            rates,
            limits,
        };
        all.confirm(options, rate);
        all
    }

    /// Judges the pairs that the activity model accepts by what knows of shared interest.
    fn confirm(&mut self, options: &Options, rate: f64) {
        let is_accepted = |index: &usize| {
            let one = at(&self.judged, *index);
            one.tested && one.ln_q <= rate.ln()
        };
        let wanted: Vec<usize> = (0..self.judged.len()).filter(is_accepted).collect();
        if wanted.is_empty() {
            return;
        }
        let pairs = wanted.iter().filter_map(|&index| self.found.pairs.get(index));
        let accused = pairs.flat_map(|pair| [pair.a, pair.b]);
        let witnesses = Witnesses::of(&self.kept, &self.accounts, accused, self.suspicious());
        let mut told: Vec<Confirmation> = Vec::new();
        for window in 0..self.kept.windows.len() {
            self.in_window(window, &wanted, &witnesses, options, &mut told);
        }
        told.sort_by_key(|one| (one.index, one.window));
        self.pay(&mut told, length(wanted.len()), options, rate);
        let chosen = told.chunk_by(|one, next| one.index == next.index).filter_map(|windows| {
            let order = |one: &&Confirmation, other: &&Confirmation| {
                other
                    .is_edge
                    .cmp(&one.is_edge)
                    .then(one.ln_p_activity.total_cmp(&other.ln_p_activity))
            };
            windows.iter().min_by(order).cloned()
        });
        self.accepted = chosen.collect();
        let steps = (self.hypotheses / length(wanted.len())).max(1.0).ln();
        for one in &self.accepted {
            if let Some(judged) = self.judged.get_mut(one.index) {
                judged.window = one.window;
                judged.expected = one.expected_activity;
                judged.ln_p = one.ln_p_activity;
                judged.ln_q = judged.ln_q.max((one.ln_p_activity + steps).min(rate.ln()));
            }
        }
    }

    /// Accounts of pairs that are unlikely by activity, tested or not.
    pub(crate) fn suspicious(&self) -> impl Iterator<Item = u32> {
        let pairs = self.found.pairs.iter().zip(&self.judged);
        let odd = pairs.filter(|(_, judged)| judged.ln_p < WATCH_P.ln());
        odd.flat_map(|(pair, _)| [pair.a, pair.b])
    }

    /// What one window says of the accepted pairs that stay below the limit of the activity model in it.
    fn in_window(
        &mut self,
        window: usize,
        wanted: &[usize],
        witnesses: &Witnesses,
        options: &Options,
        told: &mut Vec<Confirmation>,
    ) {
        let penalty = length(self.kept.windows.len()).ln();
        let Some(rates) = self.rates.get(window) else { return };
        let below = |&index: &usize| {
            let pair = self.found.pairs.get(index)?;
            let objects = at(&pair.objects, window);
            let expected_activity = rates.pair(&self.accounts, pair.a, pair.b);
            let ln_p = (ln_poisson_tail(expected_activity, objects) + penalty).min(0.0);
            (objects >= self.objects_min && ln_p <= self.limits.activity + 1e-9).then_some(
                Confirmation {
                    index,
                    window,
                    expected_activity,
                    ln_p_activity: ln_p,
                    objects,
                    ..Confirmation::default()
                },
            )
        };
        let mut here: Vec<Confirmation> = wanted.iter().filter_map(below).collect();
        if here.is_empty() {
            return;
        }
        let (kept, accounts) = (&self.kept, &self.accounts);
        let seconds = at(&kept.windows, window);
        let synchrony = Synchrony::learn(kept, accounts, witnesses, seconds, options.seed);
        let fine = seconds.min(GAP_SECONDS_MAX);
        let reach = Reach { seconds: fine, look_back: place(options.look_back) };
        let gaps = Gaps::learn(kept, accounts, witnesses, reach, options.seed);
        for one in &mut here {
            let Some(pair) = self.found.pairs.get(one.index) else { continue };
            (one.expected_interest, one.common) = synchrony.expected(pair.a, pair.b);
            let ln_p = ln_poisson_tail(one.expected_interest, one.objects);
            one.ln_p_interest = (ln_p + penalty).min(0.0);
            let haste = gaps.haste(pair.a, pair.b);
            let within = self.found.meetings(pair).iter().filter(|one| one.class() <= window);
            let surprise = |meeting: &Meeting| {
                let (earlier, later) = meeting.shares(kept);
                let gap = later.time - earlier.time;
                if gap > fine { -1.0 } else { narrow(gaps.surprise(later.object, gap) / haste) }
            };
            one.surprises = within.map(surprise).collect();
            let ln_p_gap = gap_tail(one.surprises.iter().map(|x| (1, *x)));
            (one.ln_z, one.ln_p_gap) = (ln_p + ln_p_gap, (ln_p_gap + penalty).min(0.0));
        }
        let acceptance = Acceptance {
            rates,
            objects_min: self.objects_min,
            ln_cut: self.limits.activity - penalty,
        };
        let circles =
            Circles::expect(kept, accounts, witnesses, &synchrony, &acceptance, options.seed);
        if let Some(circles) = circles {
            let ln_z: Vec<f64> = here.iter().map(|one| one.ln_z).collect();
            for (one, ln_q) in here.iter_mut().zip(circles.ln_q_values(&ln_z)) {
                one.ln_q_circles = (ln_q + penalty).min(0.0);
            }
        }
        told.extend(here);
    }

    /// Holds the probabilities of all windows against their rates, and says which pairs are edges.
    fn pay(&mut self, told: &mut [Confirmation], accepted: f64, options: &Options, rate: f64) {
        let common = pairs_in_common(
            &self.kept,
            &self.accounts,
            self.objects_min,
            self.hypotheses,
            options.seed,
        );
        let least = |of: fn(&Confirmation) -> f64| {
            let pairs = told.chunk_by(|one, next| one.index == next.index);
            pairs.map(|windows| windows.iter().map(of).fold(0.0, f64::min)).collect()
        };
        let interest = StepUp::of(least(|one| one.ln_p_interest), common);
        let gap = StepUp::of(least(|one| one.ln_p_gap), accepted);
        let synchrony_rate = options.synchrony_false_discovery_max.ln();
        self.limits.interest = interest.ln_cut(synchrony_rate);
        self.limits.circles = vec![f64::NEG_INFINITY; self.kept.windows.len()];
        for one in told {
            one.ln_q_interest = interest.ln_q(one.ln_p_interest);
            one.ln_q_gap = gap.ln_q(one.ln_p_gap);
            one.confirmed = one.ln_q_circles <= rate.ln();
            one.is_edge = match options.models {
                Models::Activity => true,
                Models::Confirmed => one.confirmed,
                Models::Both => one.ln_q_interest <= synchrony_rate,
            };
            if one.confirmed
                && let Some(limit) = self.limits.circles.get_mut(one.window)
            {
                *limit = limit.max(one.ln_z);
            }
        }
    }

    /// What is known of the pair at a place, if the activity model accepts it.
    pub(crate) fn confirmation(&self, index: usize) -> Option<&Confirmation> {
        let found = self.accepted.binary_search_by_key(&index, |one| one.index).ok();
        found.and_then(|found| self.accepted.get(found))
    }

    /// Whether the pair at a place is an edge.
    pub(crate) fn is_edge(&self, index: usize) -> bool {
        self.confirmation(index).is_some_and(|one| one.is_edge)
    }

    /// How many pairs are edges.
    pub(crate) fn edges(&self) -> u64 {
        self.accepted.iter().filter(|one| one.is_edge).count() as u64
    }

    /// Whether it is only to be watched.
    pub(crate) fn watched(&self, index: usize) -> bool {
        at(&self.judged, index).ln_p < WATCH_P.ln() && !self.is_edge(index)
    }

    /// The place of a pair.
    pub(crate) fn find(&self, a: u32, b: u32) -> Option<usize> {
        self.found.pairs.binary_search_by_key(&(a, b), |pair| (pair.a, pair.b)).ok()
    }

    /// A pair's meetings within the window it was judged by.
    pub(crate) fn meetings(&self, index: usize) -> impl Iterator<Item = &Meeting> {
        let window = at(&self.judged, index).window;
        let pair = self.found.pairs.get(index);
        let all = pair.map_or(&[][..], |pair| self.found.meetings(pair));
        all.iter().filter(move |meeting| meeting.class() <= window)
    }

    /// Whether the pair at a place would be an edge if each object were there as often as `copies` says: what is expected and
    /// where acceptance ends stay those of all objects.
    pub(crate) fn again(&self, index: usize, models: Models, copies: impl Fn(u32) -> u32) -> bool {
        let Some(one) = self.confirmation(index).filter(|one| one.is_edge) else { return false };
        let drawn: Vec<u32> = self
            .meetings(index)
            .map(|meeting| copies(meeting.shares(&self.kept).1.object))
            .collect();
        let objects: u32 = drawn.iter().sum();
        let penalty = length(self.kept.windows.len()).ln();
        let below = |expected: f64, limit: f64| {
            ln_poisson_tail(expected, objects) + penalty <= limit + 1e-9
        };
        if objects < self.objects_min || !below(one.expected_activity, self.limits.activity) {
            return false;
        }
        match models {
            Models::Activity => true,
            Models::Both => below(one.expected_interest, self.limits.interest),
            Models::Confirmed => {
                let gap = gap_tail(drawn.into_iter().zip(one.surprises.iter().copied()));
                let ln_z = ln_poisson_tail(one.expected_interest, objects) + gap;
                ln_z <= at(&self.limits.circles, one.window) + 1e-9
            }
        }
    }
}

/// The chance of distances as surprising as these, each taken so many times.
fn gap_tail(surprises: impl Iterator<Item = (u32, f32)>) -> f64 {
    let (mut meetings, mut sum) = (0, 0.0);
    for (copies, surprise) in surprises.filter(|one| one.1 >= 0.0) {
        meetings += copies;
        sum += f64::from(copies) * f64::from(surprise);
    }
    ln_erlang_tail(meetings, sum)
}

#[expect(clippy::cast_possible_truncation, reason = "a logarithm; seven digits are enough")]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// Keeps the window in which a pair is least likely; one in which it can be tested goes before one in which it cannot.
fn judge(judged: &mut Judged, tested: bool, window: usize, verdict: Verdict) {
    let better = (tested, -verdict.ln_p) > (judged.tested, -judged.ln_p);
    if better || window == 0 {
        *judged =
            Judged { window, expected: verdict.expected, ln_p: verdict.ln_p, ln_q: 0.0, tested };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordination::candidates::Pair;
    use crate::coordination::events::Records;
    use crate::coordination::generate::{self, Family};
    use crate::coordination::options::TraceKind;

    /// Where nobody is coordinated, pairs that met twice or more within ten minutes are no closer in time than their law
    /// says, in circles and with accounts of very unequal speed too: the law is an upper bound.
    #[test]
    fn distances_within_the_window_follow_their_law_where_nobody_is_coordinated() {
        for family in [Family::Organic, Family::Blocks] {
            let trace = Trace::of(TraceKind::Other).window(600).objects_min(3);
            let records = Records::numbered(trace, generate::background(family, 91));
            let traced = &records.traces()[0];
            let kept = Kept::of(traced, records.accounts().count(), 86_400, None);
            let accounts = Accounts::of(&kept);
            let found = Candidates::of(&kept, &Options::default(), 2);
            let step = found.pairs.len().div_ceil(1_500);
            let pairs: Vec<&Pair> = found.pairs.iter().step_by(step).collect();
            let accused = pairs.iter().flat_map(|pair| [pair.a, pair.b]);
            let witnesses = Witnesses::of(&kept, &accounts, accused, core::iter::empty());
            let reach = Reach { seconds: 600, look_back: 64 };
            let gaps = Gaps::learn(&kept, &accounts, &witnesses, reach, 0);
            let ln_p: Vec<f64> = pairs
                .iter()
                .map(|pair| {
                    let haste = gaps.haste(pair.a, pair.b);
                    gap_tail(found.meetings(pair).iter().map(|meeting| {
                        let (earlier, later) = meeting.shares(&kept);
                        let gap = later.time - earlier.time;
                        (1, narrow(gaps.surprise(later.object, gap) / haste))
                    }))
                })
                .collect();
            let share = |p: f64| {
                length(ln_p.iter().filter(|one| **one <= p.ln()).count()) / length(ln_p.len())
            };
            assert!(ln_p.len() > 300, "{family:?}: {}", ln_p.len());
            println!(
                "{family:?}: {} pairs, {} {} {}",
                ln_p.len(),
                share(0.1),
                share(0.01),
                share(0.001)
            );
            assert!(
                share(0.1) < 0.12 && share(0.01) < 0.02,
                "{family:?}: {} {}",
                share(0.1),
                share(0.01)
            );
            assert!(share(0.5) > 0.2, "{family:?}: it says something");
        }
    }
}
