//! How often would two accounts meet by chance? Two null models, one for activity and one for shared interest.
//!
//! *Activity* (a configuration model in slices of time, after Saracco et al. 2017 and Neal et al. 2021 with a closed form):
//! in a slice every two shares by different accounts are as likely to be a meeting as any other. The rate of a slice is
//! estimated from pairs that are not suspicious, beginning with those that met once, so that coordinated pairs cannot
//! raise what is expected of them; thin slices are drawn to the common rate.
//!
//! Meetings across the boundary of two slices are counted apart: of those only shares can be part that lie within the window
//! of it, so that every two of these, one on either side, are as likely to be one as any other. Slices and boundaries are
//! the cells of the model,
//! `λ_ab = Σ_s r_s·n_as·n_bs + Σ_s x_s·(b_as·a_bs + a_as·b_bs)`,
//! n shares in a slice, b and a those before and after its beginning no further than the window. Each meeting lies in one
//! cell, and in that cell both accounts have shares: whoever met is expected to have met, however seldom. Without the second
//! sum a crowd at midnight would meet for nothing (00:00 UTC is nine in the morning in Japan).
//!
//! *Synchrony*: pairs that share one object and no other cannot be coordinated repeatedly. How often they are close in time
//! tells how fast an object is shared by people who have nothing to do with each other.

use std::collections::BTreeMap;

use super::arithmetic::{
    Draws, at, length, ln_poisson_tail, ln_q_values, mix, number, place, real,
};
use super::candidates::{Accounts, Candidates, Kept, Pair, Strip, Strips};
use super::events::Event;

/// Pseudo-meetings that draw a slice's rate to the common one.
const SHRINKAGE: f64 = 10.0;

/// Suspicious is what is this unlikely, whatever else was tested.
pub(crate) const WATCH_P: f64 = 1e-4;

/// Suspicious, for the estimate of rates, is what is false this often.
const ROBUST_FALSE_DISCOVERY: f64 = 0.05;

/// How often rates are estimated anew without the suspicious pairs.
const ROUNDS: usize = 2;

/// Control pairs drawn from one object at most.
pub(crate) const CONTROLS_PER_UNIT: u32 = 200;

/// Control pairs of one trace at most, of the objects of tested accounts.
pub(crate) const CONTROLS_MAX: usize = 4_000_000;

/// Other objects are drawn from until there are this many: enough to know what sizes are like.
pub(crate) const CONTROLS_ENOUGH: usize = 300_000;

/// Pairs of accounts with common objects that are counted one by one; above, a sample of accounts is counted.
const EXACT_PAIRS_MAX: u64 = 4_000_000;

/// One account in so many is in the sample.
const SAMPLE_OF: u64 = 100;

/// Shares the sample may look at; above, a bound takes the count's place.
const SAMPLE_SHARES_MAX: usize = 20_000_000;

/// What a null model expects of a pair, and how unlikely what was seen is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Verdict {
    pub(crate) expected: f64,
    pub(crate) ln_p: f64,
}

/// The rates of all cells, for one window, with the shares beside the boundaries.
#[derive(Debug)]
pub(crate) struct Rates {
    /// Meetings within a slice by ordered pair of its shares.
    within: Vec<f64>,
    /// Meetings into a slice by pair of shares on either side of its beginning.
    across: Vec<f64>,
    pub(crate) strips: Strips,
}

/// The activity model for one window.
pub(crate) struct Activity<'a> {
    pub(crate) kept: &'a Kept,
    pub(crate) found: &'a Candidates,
    pub(crate) accounts: &'a Accounts,
    pub(crate) window: usize,
    /// Fewest common objects that are tested.
    pub(crate) objects_min: u32,
    /// Pairs that could have been tested.
    pub(crate) hypotheses: f64,
}

impl Activity<'_> {
    /// A verdict for each pair of the candidates, in their order, and the rates of all cells.
    pub(crate) fn verdicts(&self) -> (Vec<Verdict>, Rates) {
        let mut calm: Vec<u64> = self.found.tally.once(self.window).to_vec();
        let strips = Strips::of(self.kept, at(&self.kept.windows, self.window));
        let mut rates = Rates { within: Vec::new(), across: Vec::new(), strips };
        let mut verdicts = Vec::new();
        for round in 0..=ROUNDS {
            self.estimate(&calm, &mut rates);
            verdicts = self.found.pairs.iter().map(|pair| self.verdict(pair, &rates)).collect();
            if round < ROUNDS {
                calm = self.calm(&verdicts);
            }
        }
        (verdicts, rates)
    }

    /// The rates of all cells (a gamma prior of `SHRINKAGE` meetings at the common rate of cells of a kind; that of boundaries
    /// begins, with one meeting, at what even times would give).
    fn estimate(&self, calm: &[u64], rates: &mut Rates) {
        let (within, across) = (calm.iter().step_by(2), calm.iter().skip(1).step_by(2));
        let all = real(within.clone().sum());
        let room: f64 = self.accounts.room.iter().sum();
        // Where no slice holds two accounts, everything met across a boundary: then time is one slice.
        let common = if room > 0.0 {
            2.0 * (all + 1.0) / room
        } else {
            2.0 * (real(calm.iter().sum()) + 1.0) / self.accounts.room_all.max(1.0)
        };
        let prior = 2.0 * SHRINKAGE / common;
        let rate = |(&met, &room): (&u64, &f64)| 2.0 * (real(met) + SHRINKAGE) / (room + prior);
        rates.within = within.zip(&self.accounts.room).map(rate).collect();

        let even = (common * rates.strips.closer_than_within(self.kept)).min(1.0);
        let all = real(across.clone().sum());
        let room: f64 = rates.strips.room.iter().sum();
        let prior = SHRINKAGE * (room + 1.0 / even) / (all + 1.0);
        let rate = |(&met, &room): (&u64, &f64)| (real(met) + SHRINKAGE) / (room + prior);
        rates.across = across.zip(&rates.strips.room).map(rate).collect();
    }

    fn verdict(&self, pair: &Pair, rates: &Rates) -> Verdict {
        let objects = at(&pair.objects, self.window);
        if objects < 2 {
            return Verdict { expected: 0.0, ln_p: 0.0 };
        }
        let expected = rates.pair(self.accounts, pair.a, pair.b);
        debug_assert!(expected > 0.0, "accounts {} and {} met", pair.a, pair.b);
        Verdict { expected, ln_p: ln_poisson_tail(expected, objects) }
    }

    /// Meetings by cell without those of suspicious pairs.
    fn calm(&self, verdicts: &[Verdict]) -> Vec<u64> {
        let mut calm = self.found.tally.all(self.window).to_vec();
        let suspicious = self.suspicious(verdicts);
        for (pair, _) in self.found.pairs.iter().zip(suspicious).filter(|(_, odd)| *odd) {
            let within = self.found.shared(pair).iter().filter(|one| one.class() <= self.window);
            for meeting in within {
                if let Some(count) = calm.get_mut(meeting.cell()) {
                    *count = count.saturating_sub(1);
                }
            }
        }
        calm
    }

    fn suspicious(&self, verdicts: &[Verdict]) -> Vec<bool> {
        let tested = |pair: &Pair| at(&pair.objects, self.window) >= self.objects_min;
        let ln_p: Vec<f64> = self
            .found
            .pairs
            .iter()
            .zip(verdicts)
            .map(|(pair, verdict)| if tested(pair) { verdict.ln_p } else { 0.0 })
            .collect();
        let q = ln_q_values(&ln_p, self.hypotheses);
        q.iter()
            .zip(&ln_p)
            .map(|(q, ln_p)| *q <= ROBUST_FALSE_DISCOVERY.ln() || *ln_p < WATCH_P.ln())
            .collect()
    }
}

/// What stands in the place of an account in the activity model: a group's acts, each counted by how long it lasted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weights {
    /// By slice.
    pub(crate) within: BTreeMap<u16, f64>,
    /// By the slice that begins there, before and after its beginning.
    pub(crate) beside: BTreeMap<u16, (f64, f64)>,
}

impl Rates {
    /// How many meetings are expected of two accounts.
    pub(crate) fn pair(&self, accounts: &Accounts, a: u32, b: u32) -> f64 {
        let mut sum = 0.0;
        merge(
            accounts.slices(a),
            accounts.slices(b),
            |one| one.0,
            |one, two| {
                sum += at(&self.within, usize::from(one.0)) * f64::from(one.1) * f64::from(two.1);
            },
        );
        merge(
            self.strips.account(a),
            self.strips.account(b),
            |one| one.slice,
            |one, two| {
                let pairs = f64::from(one.before) * f64::from(two.after)
                    + f64::from(one.after) * f64::from(two.before);
                sum += at(&self.across, usize::from(one.slice)) * pairs;
            },
        );
        sum
    }

    /// How many acts of a group an account is expected to meet.
    pub(crate) fn acts(&self, accounts: &Accounts, account: u32, acts: &Weights) -> f64 {
        let within = |(slice, shares): &(u16, u32)| {
            let acts = acts.within.get(slice).copied().unwrap_or(0.0);
            at(&self.within, usize::from(*slice)) * f64::from(*shares) * acts
        };
        let across = |strip: &Strip| {
            let (before, after) = acts.beside.get(&strip.slice).copied().unwrap_or_default();
            let pairs = f64::from(strip.before) * after + f64::from(strip.after) * before;
            at(&self.across, usize::from(strip.slice)) * pairs
        };
        accounts.slices(account).iter().map(within).sum::<f64>()
            + self.strips.account(account).iter().map(across).sum::<f64>()
    }
}

/// Calls back for what has the same slice in both lists, which are by slice.
fn merge<T>(
    mut left: &[T],
    mut right: &[T],
    slice: impl Fn(&T) -> u16,
    mut each: impl FnMut(&T, &T),
) {
    while let (Some((one, rest)), Some((two, other))) = (left.split_first(), right.split_first()) {
        match slice(one).cmp(&slice(two)) {
            core::cmp::Ordering::Less => left = rest,
            core::cmp::Ordering::Greater => right = other,
            core::cmp::Ordering::Equal => {
                each(one, two);
                (left, right) = (rest, other);
            }
        }
    }
}

/// Whose shares tell what chance gives: pairs that share one object and no other, unless both are suspicious. Those who act
/// together and missed most of it share one object too, and would bear witness for each other.
#[derive(Debug)]
pub(crate) struct Witnesses {
    accused: Vec<bool>,
    suspicious: Vec<bool>,
    wanted: Vec<bool>,
}

impl Witnesses {
    /// Of the accounts that are accused and of those that are suspicious beside them; what the accused shared is wanted.
    pub(crate) fn of(
        kept: &Kept,
        accounts: &Accounts,
        accused: impl Iterator<Item = u32>,
        suspicious: impl Iterator<Item = u32>,
    ) -> Self {
        let mut all = Self {
            accused: vec![false; place(kept.accounts)],
            suspicious: Vec::new(),
            wanted: vec![false; place(kept.units)],
        };
        for account in accused {
            match all.accused.get_mut(place(account)) {
                Some(slot) if !*slot => *slot = true,
                _ => continue,
            }
            for &unit in accounts.units(account) {
                all.want(unit);
            }
        }
        all.suspicious.clone_from(&all.accused);
        for account in suspicious {
            if let Some(slot) = all.suspicious.get_mut(place(account)) {
                *slot = true;
            }
        }
        all
    }

    /// Wants a unit.
    pub(crate) fn want(&mut self, unit: u32) {
        if let Some(slot) = self.wanted.get_mut(place(unit)) {
            *slot = true;
        }
    }

    pub(crate) fn is_accused(&self, account: u32) -> bool {
        at(&self.accused, place(account))
    }

    pub(crate) fn is_wanted(&self, unit: u32) -> bool {
        at(&self.wanted, place(unit))
    }

    /// Whether two shares of one object are by strangers: accounts that cannot be coordinated repeatedly.
    pub(crate) fn strangers(&self, accounts: &Accounts, one: &Event, two: &Event) -> bool {
        let suspicious = |account: u32| at(&self.suspicious, place(account));
        if suspicious(one.account) && suspicious(two.account) {
            return false;
        }
        let mut common = 0;
        accounts.common(one.account, two.account, |_| {
            common += 1;
            common < 2
        });
        common == 1
    }
}

/// The synchrony model for one window, learnt from control pairs.
pub(crate) struct Synchrony<'a> {
    accounts: &'a Accounts,
    /// For each unit the chance that two strangers meet; below zero where the unit was not looked at.
    units: Vec<f32>,
    /// By account: how much faster than others it is with strangers.
    haste: Vec<f32>,
}

/// How control pairs of a unit, or of units of a size, went.
#[derive(Debug, Clone, Copy, Default)]
struct Controls {
    pairs: u32,
    met: u32,
}

/// How likely two strangers are to meet on an object of which nothing is known: as if its shares lay evenly over ten windows,
/// 2/10 − 1/100. Two pairs of it stand beside all control pairs.
const UNKNOWN: f64 = 0.19;

/// Sizes of units by powers of two.
const CLASSES: usize = 33;

impl<'a> Synchrony<'a> {
    /// Learns from the wanted units, and from others as far as there is room.
    pub(crate) fn learn(
        kept: &Kept,
        accounts: &'a Accounts,
        witnesses: &Witnesses,
        window_seconds: u32,
        seed: u64,
    ) -> Self {
        let mut controls = vec![Controls::default(); place(kept.units)];
        let mut drawn: Vec<(u32, u32, u32, bool)> = Vec::new();
        for (first, room) in [(true, CONTROLS_MAX), (false, CONTROLS_ENOUGH)] {
            let groups = kept.groups().filter(|(_, group)| {
                let unit = group.first().map_or(0, |event| event.object);
                witnesses.is_wanted(unit) == first
            });
            for (_, group) in groups {
                if drawn.len() >= room {
                    break;
                }
                draw(group, (accounts, witnesses), window_seconds, seed, &mut drawn);
            }
        }
        for &(unit, _, _, met) in &drawn {
            if let Some(one) = controls.get_mut(place(unit)) {
                one.pairs += 1;
                one.met += u32::from(met);
            }
        }
        let units = chances(kept, &controls);
        let haste = haste(kept, &drawn, &units);
        Self { accounts, units, haste }
    }

    /// The chance that an account meets a stranger on a unit that both share.
    pub(crate) fn chance(&self, unit: u32, account: u32) -> f64 {
        f64::from(at(&self.units, place(unit))).max(0.0)
            * f64::from(at(&self.haste, place(account)))
    }

    /// How many meetings shared interest explains, and how many objects both shared at any distance in time.
    pub(crate) fn expected(&self, a: u32, b: u32) -> (f64, u32) {
        let mut units = Vec::new();
        self.accounts.common(a, b, |unit| {
            units.push(unit);
            true
        });
        (self.mean(a, b, units.iter().copied()), number(units.len()))
    }

    /// How many meetings shared interest explains of two accounts that have these units in common, in order.
    pub(crate) fn mean(&self, a: u32, b: u32, units: impl Iterator<Item = u32>) -> f64 {
        let of = |account: u32| f64::from(at(&self.haste, place(account)));
        let fast = of(a.min(b)) * of(a.max(b));
        units.map(|unit| (f64::from(at(&self.units, place(unit))) * fast).min(0.95)).sum()
    }
}

/// Draws up to `CONTROLS_PER_UNIT` pairs of a unit and keeps those that share nothing else.
fn draw(
    group: &[Event],
    (accounts, witnesses): (&Accounts, &Witnesses),
    window_seconds: u32,
    seed: u64,
    drawn: &mut Vec<(u32, u32, u32, bool)>,
) {
    let size = number(group.len());
    let mut take = |first: &Event, second: &Event| {
        if witnesses.strangers(accounts, first, second) {
            let met = first.time.abs_diff(second.time) <= window_seconds;
            drawn.push((first.object, first.account, second.account, met));
        }
    };
    if u64::from(size) * u64::from(size.saturating_sub(1)) / 2 <= u64::from(CONTROLS_PER_UNIT) {
        for (index, second) in group.iter().enumerate() {
            group.iter().take(index).for_each(|first| take(first, second));
        }
        return;
    }
    let unit = group.first().map_or(0, |event| event.object);
    let mut sequence = Draws::new(seed ^ mix(u64::from(unit)));
    for _ in 0..CONTROLS_PER_UNIT {
        let (first, other) = (sequence.below(size), sequence.below(size - 1));
        let second = if other >= first { other + 1 } else { other };
        if let (Some(first), Some(second)) = (group.get(place(first)), group.get(place(second))) {
            take(first, second);
        }
    }
}

/// The chance of each unit: its own controls, drawn to its size's, drawn to that of all.
fn chances(kept: &Kept, controls: &[Controls]) -> Vec<f32> {
    let sizes: Vec<(u32, usize)> = kept
        .groups()
        .map(|(_, group)| (group.first().map_or(0, |event| event.object), group.len()))
        .collect();
    let class = |size: usize| place(usize::BITS - size.leading_zeros()).min(CLASSES - 1);
    let mut classes = [(0.0_f64, 0.0_f64); CLASSES];
    let (mut pairs, mut met) = (0.0, 0.0);
    for &(unit, size) in &sizes {
        let one = at(controls, place(unit));
        if let Some(slot) = classes.get_mut(class(size)) {
            slot.0 += f64::from(one.pairs);
            slot.1 += f64::from(one.met);
        }
        pairs += f64::from(one.pairs);
        met += f64::from(one.met);
    }
    let all = (met + 2.0 * UNKNOWN) / (pairs + 2.0);
    let mut chances = vec![0.0; place(kept.units)];
    for (unit, size) in sizes {
        let (pairs, met) = at(&classes, class(size));
        let like = (met + 100.0 * all) / (pairs + 100.0);
        let one = at(controls, place(unit));
        let chance = (f64::from(one.met) + 20.0 * like) / (f64::from(one.pairs) + 20.0);
        if let Some(slot) = chances.get_mut(place(unit)) {
            *slot = narrow(chance);
        }
    }
    chances
}

#[expect(clippy::cast_possible_truncation, reason = "a ratio; seven digits are enough")]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// An account that is fast with strangers too is not thereby coordinated: seen over expected, with two pseudo-meetings.
fn haste(kept: &Kept, drawn: &[(u32, u32, u32, bool)], units: &[f32]) -> Vec<f32> {
    let mut seen = vec![(0.0_f64, 0.0_f64); place(kept.accounts)];
    for &(unit, a, b, met) in drawn {
        let expected = f64::from(at(units, place(unit)));
        for account in [a, b] {
            if let Some(slot) = seen.get_mut(place(account)) {
                slot.0 += f64::from(u8::from(met));
                slot.1 += expected;
            }
        }
    }
    seen.iter().map(|(met, expected)| narrow(((met + 2.0) / (expected + 2.0)).max(1.0))).collect()
}

/// Pairs that share at least `least` objects at any distance in time: counted, or estimated from a sample of accounts with
/// its upper 95 % limit, or a bound above that number. No more pairs exist than are `possible`.
pub(crate) fn pairs_in_common(
    kept: &Kept,
    accounts: &Accounts,
    least: u32,
    possible: f64,
    seed: u64,
) -> f64 {
    let pairs_of = |group: &[Event]| group.len() as u64 * (group.len() as u64 - 1) / 2;
    let all: u64 = kept.groups().map(|(_, group)| pairs_of(group)).sum();
    if all > EXACT_PAIRS_MAX {
        // Each such pair takes `least` of the pairs that share an object.
        let bound = possible.min(real(all) / f64::from(least.max(1)));
        return sampled(kept, accounts, least, seed).map_or(bound, |estimate| estimate.min(bound));
    }
    let active = |event: &&Event| accounts.units(event.account).len() >= place(least);
    let mut pairs: Vec<u64> = Vec::new();
    for (_, group) in kept.groups() {
        let group: Vec<u32> = group.iter().filter(active).map(|event| event.account).collect();
        for (index, &second) in group.iter().enumerate() {
            let ordered =
                |&first: &u32| (u64::from(first.min(second)) << 32) | u64::from(first.max(second));
            pairs.extend(group.iter().take(index).map(ordered));
        }
    }
    pairs.sort_unstable();
    let runs = pairs.chunk_by(|left, right| left == right);
    length(runs.filter(|run| run.len() >= place(least)).count())
}

/// The partners of one account in a hundred, made up to all; nothing if that were too much to look at.
fn sampled(kept: &Kept, accounts: &Accounts, least: u32, seed: u64) -> Option<f64> {
    let starts: Vec<(usize, &[Event])> = kept.groups().collect();
    let group = |unit: u32| {
        let found =
            starts.binary_search_by_key(&unit, |one| one.1.first().map_or(0, |event| event.object));
        found.ok().and_then(|found| starts.get(found)).map_or(&[][..], |one| one.1)
    };
    let drawn = |account: &u32| mix(seed ^ mix(u64::from(*account))).is_multiple_of(SAMPLE_OF);
    let (mut looked, mut count, mut sum, mut squares) = (0, 0_u64, 0.0, 0.0);
    let mut partners: Vec<u32> = Vec::new();
    for account in (0..kept.accounts).filter(drawn) {
        count += 1;
        let units = accounts.units(account);
        if units.len() < place(least) {
            continue;
        }
        partners.clear();
        for &unit in units {
            looked += group(unit).len();
            if looked > SAMPLE_SHARES_MAX {
                return None;
            }
            partners.extend(
                group(unit).iter().map(|event| event.account).filter(|&other| other != account),
            );
        }
        partners.sort_unstable();
        let runs = partners.chunk_by(|left, right| left == right);
        let own = length(runs.filter(|run| run.len() >= place(least)).count());
        (sum, squares) = (sum + own, squares + own * own);
    }
    let drawn = real(count);
    let mean = sum / drawn.max(1.0);
    let spread = ((squares / drawn.max(1.0) - mean * mean).max(0.0) / drawn.max(1.0)).sqrt();
    // Three in the sample is the upper limit where none was seen (the rule of three).
    let upper = mean + 1.645 * spread + 3.0 / drawn.max(1.0);
    (count >= 30).then(|| upper * f64::from(kept.accounts) / 2.0)
}
