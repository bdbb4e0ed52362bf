//! How many of the accepted pairs would be accepted if shared interest were all there is?
//!
//! The activity model does not know that two accounts read the same. The synchrony model does: of the objects a pair has in
//! common at any distance in time it expects `μ = Σ_o min(0.95, q_o·h_a·h_b)` within the window. So what shared interest gives the
//! activity model to accept can be added up beforehand, over all pairs with enough objects in common, whether they met or not.
//! An accepted pair is judged by `z = P(K ≥ k | μ) · p_gap`, how unlikely as many meetings are times how unlikely it is that they
//! are so close in time (`gaps`). Under the null distances within the window are independent of how many they are and `p_gap` is
//! at least uniform, hence
//! `V(t) = Σ_pairs Σ_k P(K = k | μ) · min(1, t / P(K ≥ k | μ))`, k from k* to the number of objects in common and k* the least number of meetings at which the activity model accepts the pair, is at least the number of false pairs to be
//! expected among those that are accepted with z ≤ t. V(t) over their number R(t) is held below the rate, as in the step-up
//! rule (Benjamini and Hochberg 1995), of which this is the form for a null of known discrete laws behind a filter. Where
//! nobody is coordinated, the chance that any edge is named is at most the rate.
//!
//! Testing the synchrony model over all pairs in common instead pays for pairs that the activity model could never accept, and
//! takes a distance of ten seconds for one of ten minutes. The Poisson law bounds the sum of unequal chances above its mean
//! (Hoeffding 1956).

use super::arithmetic::{at, length, ln_poisson_tail, mix, number, place, real};
use super::candidates::{Accounts, Kept};
use super::chance::{Rates, Synchrony, Witnesses};
use super::events::Event;

/// Shares that are looked at for the accused accounts, and as many for the others; where all of them would take more, every
/// second, fourth, … is looked at.
const SHARES_MAX: u64 = 4_000_000;

/// A sample of fewer accounts says nothing.
const SAMPLE_MIN: u64 = 30;

/// Below this a probability adds nothing.
const LN_P_MIN: f64 = -46.0;

/// V.
#[derive(Debug, Clone, Default)]
pub(crate) struct Circles {
    steps: Vec<Step>,
}

/// V at and above the natural logarithm of one P(K ≥ k | μ).
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    ln_p: f64,
    /// Σ P(K = k), here and over all steps up to it.
    whole: f64,
    /// Σ P(K = k) / P(K ≥ k), here and over all steps from it on.
    part: f64,
}

/// What decides whether the activity model accepts a pair.
pub(crate) struct Acceptance<'a> {
    pub(crate) rates: &'a Rates,
    pub(crate) objects_min: u32,
    /// The natural logarithm of the largest accepted probability in this window.
    pub(crate) ln_cut: f64,
}

impl Circles {
    /// Adds up what is expected. Nothing if even a sample of the accounts is too much to look at.
    pub(crate) fn expect(
        kept: &Kept,
        accounts: &Accounts,
        witnesses: &Witnesses,
        synchrony: &Synchrony<'_>,
        acceptance: &Acceptance<'_>,
        seed: u64,
    ) -> Option<Self> {
        let starts = starts(kept);
        let sample = Sample::of(kept, accounts, witnesses, &starts, seed)?;
        let mut steps: Vec<Step> = Vec::new();
        let mut partners: Vec<(u32, u32)> = Vec::new();
        for account in (0..kept.accounts).filter(|&account| sample.holds(account)) {
            let units = accounts.units(account);
            if units.len() < place(acceptance.objects_min) {
                continue;
            }
            partners.clear();
            for &unit in units {
                let others = group(kept, &starts, unit).iter().map(|event| (event.account, unit));
                partners.extend(others.filter(|other| other.0 != account));
            }
            partners.sort_unstable();
            for run in partners.chunk_by(|one, next| one.0 == next.0) {
                let other = run.first().map_or(0, |one| one.0);
                let weight = sample.weight(account, other);
                if weight > 0.0 && run.len() >= place(acceptance.objects_min) {
                    let lambda = acceptance.rates.pair(accounts, account, other);
                    let units = run.iter().map(|one| one.1);
                    let mean = synchrony.mean(account, other, units);
                    acceptance.steps(lambda, mean, number(run.len()), weight, &mut steps);
                }
            }
        }
        Some(Self::of(steps))
    }

    fn of(mut steps: Vec<Step>) -> Self {
        steps.sort_unstable_by(|left, right| left.ln_p.total_cmp(&right.ln_p));
        let mut sum = 0.0;
        for step in &mut steps {
            sum += step.whole;
            step.whole = sum;
        }
        let mut sum = 0.0;
        for step in steps.iter_mut().rev() {
            sum += step.part;
            step.part = sum;
        }
        Self { steps }
    }

    /// V: false edges to be expected of accepted pairs whose z is at most this.
    pub(crate) fn expected(&self, ln_z: f64) -> f64 {
        let until = self.steps.partition_point(|step| step.ln_p <= ln_z);
        let below = until.checked_sub(1).and_then(|last| self.steps.get(last));
        let above = self.steps.get(until).map_or(0.0, |step| step.part);
        below.map_or(0.0, |step| step.whole) + ln_z.exp() * above
    }

    /// For each accepted pair, by its z, the rate at which edges as unlikely are false.
    pub(crate) fn ln_q_values(&self, ln_z: &[f64]) -> Vec<f64> {
        let mut order: Vec<usize> = (0..ln_z.len()).collect();
        order.sort_by(|&left, &right| at(ln_z, left).total_cmp(&at(ln_z, right)));
        let mut answer = vec![0.0; ln_z.len()];
        let mut least = 0.0_f64;
        for (rank, &index) in order.iter().enumerate().rev() {
            let expected = self.expected(at(ln_z, index)).max(f64::MIN_POSITIVE);
            least = least.min((expected / (length(rank) + 1.0)).ln());
            if let Some(slot) = answer.get_mut(index) {
                *slot = least;
            }
        }
        answer
    }
}

impl Acceptance<'_> {
    /// What one pair adds to V: at each number of meetings that would be accepted, the chance of exactly that many.
    fn steps(&self, lambda: f64, mean: f64, common: u32, weight: f64, steps: &mut Vec<Step>) {
        let accepts = |objects: u32| ln_poisson_tail(lambda, objects) <= self.ln_cut;
        if !accepts(common) || ln_poisson_tail(mean, self.objects_min) < LN_P_MIN {
            return;
        }
        let mut objects = self.objects_min;
        while objects < common && !accepts(objects) {
            objects += 1;
        }
        let mut ln_p = ln_poisson_tail(mean, objects);
        while objects <= common && ln_p >= LN_P_MIN {
            let next = if objects < common {
                ln_poisson_tail(mean, objects + 1)
            } else {
                f64::NEG_INFINITY
            };
            let exactly = (-(next - ln_p).exp_m1()).max(0.0) * weight;
            steps.push(Step { ln_p, whole: exactly * ln_p.exp(), part: exactly });
            objects += 1;
            ln_p = next;
        }
    }
}

/// Where each unit begins among the events, and where the last one ends.
fn starts(kept: &Kept) -> Vec<u32> {
    let mut starts = vec![0; place(kept.units) + 1];
    let mut next = 0;
    for (start, group) in kept.groups() {
        let unit = group.first().map_or(0, |event| place(event.object));
        let between = starts.get_mut(next..=unit).unwrap_or_default();
        between.fill(number(start));
        next = unit + 1;
    }
    starts.iter_mut().skip(next).for_each(|start| *start = number(kept.events.len()));
    starts
}

/// The shares of a unit.
fn group<'a>(kept: &'a Kept, starts: &[u32], unit: u32) -> &'a [Event] {
    let range = place(at(starts, place(unit)))..place(at(starts, place(unit) + 1));
    kept.events.get(range).unwrap_or_default()
}

/// Which accounts are looked at, of the accused ones and of the others as many as there is room for.
struct Sample<'a> {
    witnesses: &'a Witnesses,
    seed: u64,
    accused: Stratum,
    others: Stratum,
}

/// One account in 2 to the power of `level`, each of which stands for so many.
#[derive(Debug, Clone, Copy)]
struct Stratum {
    level: u32,
    stands_for: f64,
}

/// Costs and numbers of accounts by the sparsest sample in which they still are.
struct Levels([(u64, u64); 65]);

impl Levels {
    fn add(&mut self, level: u32, cost: u64) {
        if let Some(slot) = self.0.get_mut(place(level)) {
            (slot.0, slot.1) = (slot.0 + cost, slot.1 + 1);
        }
    }

    fn stratum(&self) -> Option<Stratum> {
        let from = |level: usize| {
            let each = self.0.iter().skip(level);
            each.fold((0, 0), |sum: (u64, u64), one| (sum.0 + one.0, sum.1 + one.1))
        };
        let (_, all) = from(0);
        let level = (0..self.0.len()).find(|&level| from(level).0 <= SHARES_MAX)?;
        let (_, seen) = from(level);
        let stands_for = real(all) / real(seen.max(1));
        (level == 0 || seen >= SAMPLE_MIN).then_some(Stratum { level: number(level), stands_for })
    }
}

/// In how sparse a sample an account still is.
fn level(seed: u64, account: u32) -> u32 {
    mix(seed ^ mix(u64::from(account))).trailing_zeros()
}

impl<'a> Sample<'a> {
    fn of(
        kept: &Kept,
        accounts: &Accounts,
        witnesses: &'a Witnesses,
        starts: &[u32],
        seed: u64,
    ) -> Option<Self> {
        let (mut accused, mut others) = (Levels([(0, 0); 65]), Levels([(0, 0); 65]));
        for account in 0..kept.accounts {
            let units = accounts.units(account).iter();
            let cost: u64 = units.map(|&unit| group(kept, starts, unit).len() as u64).sum();
            let of = if witnesses.is_accused(account) { &mut accused } else { &mut others };
            of.add(level(seed, account), cost);
        }
        let (accused, others) = (accused.stratum()?, others.stratum()?);
        Some(Self { witnesses, seed, accused, others })
    }

    fn stratum(&self, account: u32) -> Stratum {
        if self.witnesses.is_accused(account) { self.accused } else { self.others }
    }

    fn holds(&self, account: u32) -> bool {
        level(self.seed, account) >= self.stratum(account).level
    }

    /// What a pair counts that is seen from its first account. Pairs of one kind are seen from both.
    fn weight(&self, account: u32, other: u32) -> f64 {
        let stands_for = self.stratum(account).stands_for;
        match (self.witnesses.is_accused(account), self.witnesses.is_accused(other)) {
            (true, false) => stands_for,
            (false, true) => 0.0,
            (true, true) | (false, false) => stands_for / 2.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition, over pairs of made-up means: V(t) is the sum it says.
    #[test]
    fn what_is_expected_is_the_sum_of_the_definition() {
        let pairs = [(0.3, 3, 5), (0.01, 3, 4), (2.0, 4, 9), (1.2, 7, 6)];
        let mut steps = Vec::new();
        for (mean, least, common) in pairs {
            let mut k = least;
            while k <= common {
                let next =
                    if k < common { ln_poisson_tail(mean, k + 1) } else { f64::NEG_INFINITY };
                let ln_p = ln_poisson_tail(mean, k);
                let exactly = -(next - ln_p).exp_m1();
                steps.push(Step { ln_p, whole: exactly * ln_p.exp(), part: exactly });
                k += 1;
            }
        }
        let circles = Circles::of(steps);
        for t in [1e-9, 1e-5, 1e-3, 0.02, 0.3, 1.0_f64] {
            let mut sum = 0.0;
            for (mean, least, common) in pairs {
                for k in least..=common {
                    let tail = |k| if k > common { 0.0 } else { ln_poisson_tail(mean, k).exp() };
                    sum += (tail(k) - tail(k + 1)) * (t / tail(k)).min(1.0);
                }
            }
            let found = circles.expected(t.ln());
            assert!((found - sum).abs() <= 1e-9 * sum.max(1e-12), "{t}: {found}, {sum}");
        }
        // Held against as many as are as unlikely.
        let q = circles.ln_q_values(&[(1e-5_f64).ln(), (1e-4_f64).ln()]);
        assert!((q[1].exp() - circles.expected((1e-4_f64).ln()) / 2.0).abs() < 1e-12);
        assert!(q[0] <= q[1]);
    }
}
