//! One trace tested: every pair of the candidates with its verdict, over all windows.

use super::arithmetic::{at, length, ln_poisson_tail, ln_q_values, number, place, real};
use super::candidates::{Accounts, Candidates, Kept, Meeting, Pair};
use super::chance::{Activity, Rates, Synchrony, Verdict, WATCH_P, pairs_in_common};
use super::options::{Options, Trace};

/// What the tests say about a pair. Logarithms are natural ones.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Judged {
    /// The window in which it is least likely, as a place.
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

/// What shared interest explains of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Interest {
    pub(crate) expected: f64,
    pub(crate) common: u32,
    pub(crate) ln_p: f64,
    pub(crate) ln_q: f64,
}

/// A trace with everything that was found in it.
#[derive(Debug)]
pub(crate) struct Tested {
    pub(crate) kept: Kept,
    pub(crate) accounts: Accounts,
    pub(crate) found: Candidates,
    pub(crate) judged: Vec<Judged>,
    /// Pairs that could have been tested.
    pub(crate) hypotheses: f64,
    /// Where acceptance ends: rate x accepted / hypotheses, the limit of the step-up rule (Benjamini and Hochberg 1995).
    /// The least likely accepted pair may lie far below it.
    pub(crate) ln_cut: f64,
    pub(crate) objects_min: u32,
    /// For each window the rates of all cells.
    pub(crate) rates: Vec<Rates>,
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
        let penalty = f64::from(number(windows)).ln();
        for judged in &mut judged {
            judged.ln_p = (judged.ln_p + penalty).min(0.0);
        }
        let ln_p: Vec<f64> =
            judged.iter().map(|one| if one.tested { one.ln_p } else { 0.0 }).collect();
        let ln_q = ln_q_values(&ln_p, hypotheses);
        judged
            .iter_mut()
            .zip(ln_q)
            .for_each(|(one, ln_q)| one.ln_q = if one.tested { ln_q } else { 0.0 });
        let accepted = judged.iter().filter(|one| one.tested && one.ln_q <= rate.ln()).count();
        let ln_cut = (rate * length(accepted) / hypotheses.max(1.0)).ln();
        Self { kept, accounts, found, judged, hypotheses, ln_cut, objects_min, rates }
    }

    /// Whether the pair at a place is an edge at a rate.
    pub(crate) fn accepted(&self, index: usize, rate: f64) -> bool {
        let one = at(&self.judged, index);
        one.tested && one.ln_q <= rate.ln()
    }

    /// Whether it is only to be watched.
    pub(crate) fn watched(&self, index: usize, rate: f64) -> bool {
        at(&self.judged, index).ln_p < WATCH_P.ln() && !self.accepted(index, rate)
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

    /// What shared interest explains of the pairs at the given places, in their order.
    pub(crate) fn interest(&self, wanted: &[usize], options: &Options) -> Vec<Interest> {
        let mut answer = vec![Interest::default(); wanted.len()];
        let pairs: Vec<Option<&Pair>> =
            wanted.iter().map(|&index| self.found.pairs.get(index)).collect();
        let units = self.wanted_units(&pairs);
        for (window, &seconds) in self.kept.windows.iter().enumerate() {
            let used = |index: &usize| at(&self.judged, *index).window == window;
            if !wanted.iter().any(used) {
                continue;
            }
            let model = Synchrony::learn(&self.kept, &self.accounts, &units, seconds, options.seed);
            let here =
                answer.iter_mut().zip(wanted).zip(&pairs).filter(|((_, index), _)| used(index));
            for ((slot, _), pair) in here {
                let Some(pair) = pair else { continue };
                let (expected, common) = model.expected(pair.a, pair.b);
                let windows = f64::from(number(self.kept.windows.len()));
                let ln_p = ln_poisson_tail(expected, at(&pair.objects, window)) + windows.ln();
                *slot = Interest { expected, common, ln_p: ln_p.min(0.0), ln_q: 0.0 };
            }
        }
        let possible = pairs_in_common(
            &self.kept,
            &self.accounts,
            self.objects_min,
            self.hypotheses,
            options.seed,
        );
        let ln_p: Vec<f64> = answer.iter().map(|one| one.ln_p).collect();
        let ln_q = ln_q_values(&ln_p, possible.max(1.0));
        answer.iter_mut().zip(ln_q).for_each(|(one, ln_q)| one.ln_q = ln_q);
        answer
    }

    /// Everything the accounts of the given pairs shared.
    fn wanted_units(&self, pairs: &[Option<&Pair>]) -> Vec<bool> {
        let mut units = vec![false; place(self.kept.units)];
        let mut accounts: Vec<u32> =
            pairs.iter().flatten().flat_map(|pair| [pair.a, pair.b]).collect();
        accounts.sort_unstable();
        accounts.dedup();
        for &unit in accounts.iter().flat_map(|&account| self.accounts.units(account)) {
            if let Some(slot) = units.get_mut(place(unit)) {
                *slot = true;
            }
        }
        units
    }
}

/// Keeps the window in which a pair is least likely; one in which it can be tested goes before one in which it cannot.
fn judge(judged: &mut Judged, tested: bool, window: usize, verdict: Verdict) {
    let better = (tested, -verdict.ln_p) > (judged.tested, -judged.ln_p);
    if better || window == 0 {
        *judged =
            Judged { window, expected: verdict.expected, ln_p: verdict.ln_p, ln_q: 0.0, tested };
    }
}
