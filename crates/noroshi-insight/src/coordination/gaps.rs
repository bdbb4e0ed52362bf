//! Are two accounts closer in time than strangers who share the same within the window?
//!
//! The activity model names pairs by *how often* they met within a window W. Circles that read the same meet often too. What
//! circles do not explain is *how close* the meetings are: given that two people shared one object within W of each other,
//! their distance in time follows from how the object spread and from how fast each of them is, whatever else they read in
//! common. That is the argument of conditional (jitter) tests for fine timing (Amarasingham, Harrison, Hatsopoulos and Geman
//! 2012): coarse structure is kept by conditioning on it, and only what is finer than the window is tested.
//!
//! For a pair with meetings 1 to k at distances `δ_i ≤ W`, `x_i = −ln F_o(δ_i)`, where `F_o(δ)` is the chance that strangers
//! who met on the object within W are as close as δ. It is counted from *control meetings*: pairs that share this object and no
//! other, drawn evenly from the meetings of the object (within the window and the look-back, as the counted ones are), drawn to
//! those of objects of its size, drawn to all, and, where hardly any stranger ever met, to even distances. Under the null
//! `x_i` is at most an exponential variable of mean 1 (F includes equality, so ties and times in whole minutes only make it
//! smaller), and their sum follows Fisher's combination (1932), an Erlang law of k steps. An account that is close to strangers
//! too has its own mean h ≥ 1 of x over its control meetings; for a pair the law is stretched by `h_a·h_b`, so that two fast
//! accounts are not accused of being fast. `P(Erlang_k ≥ Σ x_i / (h_a·h_b))` is the probability that is told.
//!
//! Pairs of accounts that are both suspicious are no controls: they would bear witness for each other.
//!
//! In windows wider than ten minutes only meetings within ten minutes are looked at. Two people who are both quick to share are
//! within ten minutes of each other more often than strangers are, of those within an hour, and that shows in neither of them
//! alone; within ten minutes it does not matter. What is left out is left out by being conditioned on, like the rest.
//!
//! *Which pairs are tested* was decided by counts alone, and given that a meeting lies within the window its distance is
//! independent of the counts under the null. So the step-up rule runs over the accepted pairs only and not over all possible
//! ones (independent filtering: Bourgon, Gentleman and Huber 2010).

use std::collections::BTreeMap;

use super::arithmetic::{Draws, at, length, mix, number, place};
use super::candidates::{Accounts, Kept};
use super::chance::{CONTROLS_ENOUGH, CONTROLS_MAX, CONTROLS_PER_UNIT, Witnesses};
use super::events::Event;

/// Nothing coarser than this is tested, in seconds.
pub(crate) const GAP_SECONDS_MAX: u32 = 600;

/// Control meetings of one accused account on one object at most.
const OWN_PER_UNIT: u32 = 8;

/// Pseudo-meetings that draw an object's distances to those of objects of its size.
const LIKE_ITS_SIZE: f64 = 20.0;

/// Pseudo-meetings that draw the distances of a size to those of all.
const LIKE_ALL: f64 = 100.0;

/// Pseudo-meetings of even distances beside all control meetings.
const LIKE_EVEN: f64 = 10.0;

/// Pseudo-meetings that draw an account's closeness to that of everybody.
const LIKE_EVERYBODY: f64 = 2.0;

/// Sizes of objects by powers of two.
const CLASSES: usize = 33;

fn class(size: usize) -> usize {
    place(usize::BITS - size.leading_zeros()).min(CLASSES - 1)
}

/// Distances in time of strangers, for one window.
#[derive(Debug)]
pub(crate) struct Gaps {
    all: Vec<u32>,
    classes: Vec<Vec<u32>>,
    /// Unit and distance, in order, and how large each unit is.
    units: Vec<(u32, u32)>,
    sizes: Vec<u32>,
    seconds: u32,
    /// How much closer than others the accused accounts are to strangers.
    haste: BTreeMap<u32, f64>,
}

/// One control meeting.
#[derive(Debug, Clone, Copy)]
struct Control {
    account: u32,
    unit: u32,
    gap: u32,
}

/// What a meeting is: within the window, and not further back than is looked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    pub(crate) seconds: u32,
    pub(crate) look_back: usize,
}

impl Gaps {
    /// Learns from the wanted units, and from others as far as there is room.
    pub(crate) fn learn(
        kept: &Kept,
        accounts: &Accounts,
        witnesses: &Witnesses,
        reach: Reach,
        seed: u64,
    ) -> Self {
        let (mut drawn, mut own): (Vec<Control>, Vec<Control>) = (Vec::new(), Vec::new());
        let mut sizes = vec![0_u32; place(kept.units)];
        let is_control = |one: &Event, two: &Event| witnesses.strangers(accounts, one, two);
        for (first, room) in [(true, CONTROLS_MAX), (false, CONTROLS_ENOUGH)] {
            for (_, group) in kept.groups().filter(|(_, group)| group.len() > 1) {
                let unit = group.first().map_or(0, |event| event.object);
                if witnesses.is_wanted(unit) != first {
                    continue;
                }
                if let Some(size) = sizes.get_mut(place(unit)) {
                    *size = number(group.len());
                }
                if drawn.len() < room {
                    draw(group, reach, seed ^ mix(u64::from(unit)), is_control, &mut drawn);
                }
                if first {
                    draw_own(group, reach, seed, witnesses, is_control, &mut own);
                }
            }
        }
        let mut classes = vec![Vec::new(); CLASSES];
        for one in &drawn {
            let size = at(&sizes, place(one.unit));
            if let Some(list) = classes.get_mut(class(place(size))) {
                list.push(one.gap);
            }
        }
        for list in &mut classes {
            list.sort_unstable();
        }
        let mut all: Vec<u32> = drawn.iter().map(|one| one.gap).collect();
        all.sort_unstable();
        let mut units: Vec<(u32, u32)> = drawn.iter().map(|one| (one.unit, one.gap)).collect();
        units.sort_unstable();
        let mut gaps =
            Self { all, classes, units, sizes, seconds: reach.seconds, haste: BTreeMap::new() };
        gaps.haste = gaps.hastes(own);
        gaps
    }

    fn hastes(&self, mut own: Vec<Control>) -> BTreeMap<u32, f64> {
        own.sort_unstable_by_key(|one| (one.account, one.unit, one.gap));
        own.chunk_by(|one, next| one.account == next.account)
            .filter_map(|all| {
                let sum: f64 = all.iter().map(|one| self.surprise(one.unit, one.gap)).sum();
                let mean = (sum + LIKE_EVERYBODY) / (length(all.len()) + LIKE_EVERYBODY);
                Some((all.first()?.account, mean.max(1.0)))
            })
            .collect()
    }

    /// −ln of the chance that strangers who meet on a unit are as close as that.
    pub(crate) fn surprise(&self, unit: u32, gap: u32) -> f64 {
        let below = |list: &[u32]| length(list.partition_point(|one| *one <= gap));
        let even = (f64::from(gap) + 1.0) / (f64::from(self.seconds) + 1.0);
        let all = (below(&self.all) + LIKE_EVEN * even) / (length(self.all.len()) + LIKE_EVEN);
        let class = class(place(at(&self.sizes, place(unit))));
        let like = self.classes.get(class).map_or(&[][..], Vec::as_slice);
        let like = (below(like) + LIKE_ALL * all) / (length(like.len()) + LIKE_ALL);
        let from = self.units.partition_point(|one| one.0 < unit);
        let own = self.units.get(from..).unwrap_or_default();
        let (end, near) = (
            own.partition_point(|one| one.0 == unit),
            own.partition_point(|one| *one <= (unit, gap)),
        );
        let own = (length(near) + LIKE_ITS_SIZE * like) / (length(end) + LIKE_ITS_SIZE);
        -own.clamp(f64::MIN_POSITIVE, 1.0).ln()
    }

    /// By how much the law of a pair's surprises is stretched.
    pub(crate) fn haste(&self, a: u32, b: u32) -> f64 {
        let of = |account: u32| self.haste.get(&account).copied().unwrap_or(1.0);
        of(a) * of(b)
    }
}

/// For each share of a unit how many earlier ones it meets, added up.
fn meetings(group: &[Event], reach: Reach) -> Vec<u64> {
    let (mut begin, mut sum) = (0, 0);
    let each = group.iter().enumerate().map(|(index, event)| {
        let from = event.time.saturating_sub(reach.seconds);
        while group.get(begin).is_some_and(|earlier| earlier.time < from) {
            begin += 1;
        }
        sum += (index - begin).min(reach.look_back) as u64;
        sum
    });
    each.collect()
}

/// Draws meetings of a unit evenly, all of them where there are few, and keeps those of strangers.
fn draw(
    group: &[Event],
    reach: Reach,
    seed: u64,
    is_control: impl Fn(&Event, &Event) -> bool,
    drawn: &mut Vec<Control>,
) {
    let sums = meetings(group, reach);
    let all = sums.last().copied().unwrap_or(0);
    let mut take = |rank: u64| {
        let later = sums.partition_point(|sum| *sum <= rank);
        let before = later.checked_sub(1).map_or(0, |one| sums.get(one).copied().unwrap_or(0));
        let back = usize::try_from(rank - before).unwrap_or(usize::MAX).saturating_add(1);
        let earlier = later.checked_sub(back).and_then(|earlier| group.get(earlier));
        if let (Some(one), Some(two)) = (earlier, group.get(later))
            && is_control(one, two)
        {
            let gap = two.time - one.time;
            drawn.push(Control { account: two.account, unit: two.object, gap });
        }
    };
    if all <= u64::from(CONTROLS_PER_UNIT) {
        (0..all).for_each(take);
        return;
    }
    let mut sequence = Draws::new(seed);
    let most = u32::try_from(all).unwrap_or(u32::MAX);
    (0..CONTROLS_PER_UNIT).for_each(|_| take(u64::from(sequence.below(most))));
}

/// Draws meetings of each accused account on a unit.
fn draw_own(
    group: &[Event],
    reach: Reach,
    seed: u64,
    witnesses: &Witnesses,
    is_control: impl Fn(&Event, &Event) -> bool,
    own: &mut Vec<Control>,
) {
    let (mut begin, mut end) = (0, 0);
    for (index, event) in group.iter().enumerate() {
        let near = |other: &Event| other.time.abs_diff(event.time) <= reach.seconds;
        while group.get(begin).is_some_and(|earlier| !near(earlier)) {
            begin += 1;
        }
        while group.get(end).is_some_and(|later| later.time < event.time || near(later)) {
            end += 1;
        }
        if !witnesses.is_accused(event.account) {
            continue;
        }
        let from = begin.max(index.saturating_sub(reach.look_back));
        let until = end.min(index.saturating_add(reach.look_back).saturating_add(1));
        let others = number((until - from).saturating_sub(1));
        let mut take = |other: u32| {
            let other = from + place(other);
            let other = if other >= index { other + 1 } else { other };
            if let Some(other) = group.get(other)
                && is_control(event, other)
            {
                let gap = other.time.abs_diff(event.time);
                own.push(Control { account: event.account, unit: event.object, gap });
            }
        };
        if others <= OWN_PER_UNIT {
            (0..others).for_each(take);
            continue;
        }
        let mark = (u64::from(event.object) << 32) | u64::from(event.account);
        let mut draws = Draws::new(seed ^ mix(mark));
        (0..OWN_PER_UNIT).for_each(|_| take(draws.below(others)));
    }
}
