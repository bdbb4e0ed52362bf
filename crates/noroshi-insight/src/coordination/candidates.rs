//! Which pairs met, how often: sorted shares, a bounded look back, pairs in partitions that fit into memory.
//!
//! A pair meets when both share one object within the widest window. Meetings are 16 bytes; they are laid into partitions
//! by their pair, sorted there and reduced at once, and only pairs that met twice stay. Where all meetings together would
//! be too large, the shares are walked once for each group of partitions: the engine has no disk.
//!
//! Two posts are one meeting of their accounts, whatever they have in common: ten tags that both carry are ten shares and no
//! ten acts. The first object of two posts counts; the others are kept beside it, because what meets by chance is reckoned
//! from shares, of which each of them is one.

use std::borrow::Cow;

use super::arithmetic::{Draws, at, length, number, place, real};
use super::events::{Event, NO_POST, Traced, sort};
use super::options::{FirstShare, Options, Trace, WINDOWS_MAX};
use super::order::Order;

/// The most slices of time; where more would be needed a slice is longer.
pub(crate) const SLICES_MAX: usize = 1 << 16;

/// A window reaches over so many slices at most; where it would reach further a slice is longer.
const SLICES_OF_A_WINDOW: u32 = 4;

/// Meetings in a partition at most, as far as pairs spread evenly: 4 MiB.
const PART_MEETINGS: u64 = 1 << 18;

/// Partitions at one time at most.
const PARTS_MAX: u64 = 1 << 12;

/// Shares of a trace as the tests see them: of each account and object the first, by object and time.
#[derive(Debug)]
pub(crate) struct Kept {
    /// An object here is a *unit*: the object itself, or the object on one day.
    pub(crate) events: Vec<Event>,
    /// The object of each unit, by the numbers of the records; empty where units are those.
    objects: Vec<u32>,
    /// How many units there are.
    pub(crate) units: u32,
    /// Windows in seconds, narrow to wide.
    pub(crate) windows: Vec<u32>,
    /// Days or what was asked for, by their number since 1970, in order.
    slices: Vec<u32>,
    slice_seconds: u32,
    /// How many accounts there are.
    pub(crate) accounts: u32,
}

impl Kept {
    /// First shares of a trace, with numbers that do not depend on names if an order is given, and the trace's place in it.
    pub(crate) fn of(
        traced: &Traced,
        accounts: u32,
        slice_seconds: u32,
        order: Option<(&Order, usize)>,
    ) -> Self {
        let ordered: Cow<'_, [Event]> = order.map_or(Cow::Borrowed(&traced.events), |order| {
            let (order, trace) = order;
            let mut events: Vec<Event> =
                traced.events.iter().map(|event| order.event(trace, event)).collect();
            sort(&mut events);
            Cow::Owned(events)
        });
        let ranks = order.and_then(|(order, trace)| order.objects.get(trace));
        let (events, objects) = match traced.trace.first_share {
            FirstShare::Once => {
                let objects = ranks.map_or_else(Vec::new, |ranks| ranks.all().to_vec());
                (first_shares(ordered.iter().copied(), accounts), objects)
            }
            FirstShare::Daily => {
                let (events, mut objects) = daily(&ordered, accounts);
                if let Some(ranks) = ranks {
                    for object in &mut objects {
                        *object = ranks.back(*object);
                    }
                }
                (events, objects)
            }
        };
        drop(ordered);
        let units = events.last().map_or(0, |event| event.object.saturating_add(1));
        let windows = windows(&traced.trace);
        let least = windows.last().map_or(0, |widest| widest.div_ceil(SLICES_OF_A_WINDOW));
        let (slices, slice_seconds) = slices(&events, slice_seconds.max(least));
        Self { events, objects, units, windows, slices, slice_seconds, accounts }
    }

    /// The same shares with the accounts of each slice dealt out anew: activity and popularity stay, nobody acts with
    /// anybody. An account that gets an object twice has shared it once, as always.
    pub(crate) fn shuffled(&self, seed: u64) -> Self {
        let mut draws = Draws::new(seed);
        let mut order: Vec<(u16, u32)> = self
            .events
            .iter()
            .zip(0..)
            .map(|(event, index)| (self.slice(event.time), index))
            .collect();
        order.sort_unstable();
        let mut events = self.events.clone();
        for run in order.chunk_by(|left, right| left.0 == right.0) {
            let mut accounts: Vec<u32> =
                run.iter().map(|one| at(&self.events, place(one.1)).account).collect();
            draws.shuffle(&mut accounts);
            for (one, account) in run.iter().zip(accounts) {
                if let Some(event) = events.get_mut(place(one.1)) {
                    event.account = account;
                }
            }
        }
        events.sort_unstable_by_key(|event| (event.object, event.time, event.account, event.post));
        let events = first_shares(events.into_iter(), self.accounts);
        Self {
            events,
            objects: self.objects.clone(),
            units: self.units,
            windows: self.windows.clone(),
            slices: self.slices.clone(),
            slice_seconds: self.slice_seconds,
            accounts: self.accounts,
        }
    }

    /// The object of a unit.
    pub(crate) fn object(&self, unit: u32) -> u32 {
        self.objects.get(place(unit)).copied().unwrap_or(unit)
    }

    /// The slice of a time, as a place.
    pub(crate) fn slice(&self, time: u32) -> u16 {
        let found = self.slices.partition_point(|&slice| slice < time / self.slice_seconds);
        u16::try_from(found).unwrap_or(u16::MAX)
    }

    /// When a slice begins, in seconds since 1970.
    fn begins(&self, slice: usize) -> u32 {
        at(&self.slices, slice).saturating_mul(self.slice_seconds)
    }

    /// How many slices hold anything.
    pub(crate) fn slice_count(&self) -> usize {
        self.slices.len()
    }

    /// The length of a slice that was used.
    pub(crate) fn slice_seconds(&self) -> u32 {
        self.slice_seconds
    }

    /// The widest window.
    pub(crate) fn widest(&self) -> u32 {
        self.windows.last().copied().unwrap_or(0)
    }

    /// The narrowest window that a distance in time fits into, as a place.
    fn class(&self, gap: u32) -> usize {
        self.windows.partition_point(|&window| window < gap)
    }

    /// Units as slices of events, each with the place of its first event.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (usize, &[Event])> {
        let mut start = 0;
        self.events.chunk_by(|left, right| left.object == right.object).map(move |group| {
            start += group.len();
            (start - group.len(), group)
        })
    }
}

fn windows(trace: &Trace) -> Vec<u32> {
    let mut windows = trace.windows_seconds.clone();
    windows.sort_unstable();
    windows.dedup();
    windows
}

/// Of events by object and time, the first of each account and object.
fn first_shares(events: impl Iterator<Item = Event>, accounts: u32) -> Vec<Event> {
    let mut last = vec![u32::MAX; place(accounts)];
    let mut kept = Vec::with_capacity(events.size_hint().0);
    for event in events {
        if let Some(seen) = last.get_mut(place(event.account))
            && *seen != event.object
        {
            *seen = event.object;
            kept.push(event);
        }
    }
    kept
}

/// The same with an object on one day as a unit of its own.
fn daily(events: &[Event], accounts: u32) -> (Vec<Event>, Vec<u32>) {
    let mut objects = Vec::new();
    let mut units = Vec::with_capacity(events.len());
    let day = |event: &Event| (event.object, event.time / 86_400);
    for group in events.chunk_by(|left, right| day(left) == day(right)) {
        let unit = number(objects.len());
        objects.extend(group.first().map(|event| event.object));
        units.extend(group.iter().map(|event| Event { object: unit, ..*event }));
    }
    (first_shares(units.into_iter(), accounts), objects)
}

fn slices(events: &[Event], seconds: u32) -> (Vec<u32>, u32) {
    let mut seconds = seconds.max(1);
    loop {
        let mut slices: Vec<u32> = Vec::new();
        for event in events {
            let slice = event.time / seconds;
            // Runs of one slice are common; the list stays near the number of slices.
            if slices.last() != Some(&slice) {
                slices.push(slice);
            }
            if slices.len() > SLICES_MAX * 4 {
                slices.sort_unstable();
                slices.dedup();
                if slices.len() > SLICES_MAX {
                    break;
                }
            }
        }
        slices.sort_unstable();
        slices.dedup();
        if slices.len() <= SLICES_MAX {
            return (slices, seconds);
        }
        seconds = seconds.saturating_mul(2);
    }
}

/// A meeting that is remembered: the later share's place, its slice, whether the earlier share lies in a slice before, the
/// narrowest window, and how far back the other is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Meeting(u64);

/// The bit beside the window of a meeting that reaches over a boundary.
const ACROSS: u64 = 1 << 15;

/// Windows are numbered below this.
const CLASS_MASK: u8 = 0x7f;

impl Meeting {
    fn new(later: u32, slice: u16, class: u8, across: bool, back: u8) -> Self {
        let class = u64::from(class & CLASS_MASK) << 8;
        let low = (u64::from(slice) << 16) | class | u64::from(back);
        Self((u64::from(later) << 32) | low | if across { ACROSS } else { 0 })
    }

    fn later(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Where it is counted: two cells for each slice, one for meetings within it and one for those that reach into it.
    #[expect(clippy::cast_possible_truncation, reason = "sixteen bits were put there")]
    pub(crate) fn cell(self) -> usize {
        usize::from((self.0 >> 16) as u16) * 2 + usize::from(self.0 & ACROSS != 0)
    }

    pub(crate) fn class(self) -> usize {
        usize::from((self.0 >> 8).to_le_bytes()[0] & CLASS_MASK)
    }

    /// Earlier and later share.
    pub(crate) fn shares(self, kept: &Kept) -> (Event, Event) {
        let later = place(self.later());
        let back = usize::from(self.0.to_le_bytes()[0]);
        (at(&kept.events, later.saturating_sub(back)), at(&kept.events, later))
    }
}

/// Two accounts that met at least as often as was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) a: u32,
    pub(crate) b: u32,
    start: usize,
    length: u32,
    /// Meetings of two posts of which one is counted already.
    repeats: u32,
    /// Objects shared together in posts of their own, for each window.
    pub(crate) objects: [u32; WINDOWS_MAX],
}

/// How many meetings fell into each window and cell ([`Meeting::cell`]), of all pairs and of those that met once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    cells: usize,
    all: Vec<u64>,
    once: Vec<u64>,
}

impl Tally {
    fn new(windows: usize, slices: usize) -> Self {
        let cells = slices * 2;
        Self { cells, all: vec![0; windows * cells], once: vec![0; windows * cells] }
    }

    fn add(&mut self, other: &Self) {
        let both = [(&mut self.all, &other.all), (&mut self.once, &other.once)];
        for (mine, theirs) in both {
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine += theirs);
        }
    }

    /// Meetings within a window by cell.
    pub(crate) fn all(&self, window: usize) -> &[u64] {
        let start = window * self.cells;
        self.all.get(start..start + self.cells).unwrap_or_default()
    }

    /// Meetings within a window by cell, of pairs that met once within it.
    pub(crate) fn once(&self, window: usize) -> &[u64] {
        let start = window * self.cells;
        self.once.get(start..start + self.cells).unwrap_or_default()
    }

    fn meet(counts: &mut [u64], cells: usize, window: usize, cell: usize) {
        if let Some(count) = counts.get_mut(window * cells + cell) {
            *count += 1;
        }
    }
}

/// Everything the candidate stage finds in a trace.
#[derive(Debug)]
pub(crate) struct Candidates {
    /// By the numbers of both accounts.
    pub(crate) pairs: Vec<Pair>,
    meetings: Vec<Meeting>,
    pub(crate) tally: Tally,
    /// Pairs that met at all.
    pub(crate) pairs_met: u64,
    /// Meetings of all pairs.
    pub(crate) meetings_all: u64,
    /// Units whose look-back was cut, each with the meetings that were left out.
    pub(crate) viral: Vec<(u32, u64)>,
}

impl Candidates {
    /// Forms the pairs; those that met fewer than `least` times are counted only.
    pub(crate) fn of(kept: &Kept, options: &Options, least: u32) -> Self {
        let look_back = place(options.look_back);
        let ranges = ranges(kept, options.threads);
        let (meetings_all, viral) = count(kept, look_back);
        let plan = Plan::of(meetings_all, options.pair_bytes_max);
        let mut found = Self {
            pairs: Vec::new(),
            meetings: Vec::new(),
            tally: Tally::new(kept.windows.len(), kept.slice_count()),
            pairs_met: 0,
            meetings_all,
            viral,
        };
        for walk in 0..plan.walks {
            let parts = lay(kept, look_back, &ranges, &plan, walk);
            for part in reduce(kept, parts, least, options.threads) {
                found.take(part);
            }
        }
        found.pairs.sort_unstable_by_key(|pair| (pair.a, pair.b));
        found
    }

    /// The meetings of a pair, by unit; of every two posts one.
    pub(crate) fn meetings(&self, pair: &Pair) -> &[Meeting] {
        self.meetings.get(pair.start..pair.start + place(pair.length)).unwrap_or_default()
    }

    /// The same and all others of the same posts.
    pub(crate) fn shared(&self, pair: &Pair) -> &[Meeting] {
        let length = place(pair.length) + place(pair.repeats);
        self.meetings.get(pair.start..pair.start + length).unwrap_or_default()
    }

    fn take(&mut self, part: Part) {
        let start = self.meetings.len();
        let moved = part.pairs.into_iter().map(|pair| Pair { start: pair.start + start, ..pair });
        self.pairs.extend(moved);
        self.meetings.extend(part.meetings);
        self.tally.add(&part.tally);
        self.pairs_met += part.pairs_met;
    }
}

/// How meetings are laid out: `parts` partitions in each of `walks` walks.
struct Plan {
    walks: u32,
    parts: u32,
}

impl Plan {
    fn of(meetings: u64, bytes_max: usize) -> Self {
        let bytes = meetings.saturating_mul(size_of::<Laid>() as u64);
        let walks = bytes.div_ceil(bytes_max.max(1 << 12) as u64).clamp(1, 1 << 12);
        let parts = (meetings / walks).div_ceil(PART_MEETINGS).clamp(1, PARTS_MAX);
        Self { walks: u32::try_from(walks).unwrap_or(1), parts: u32::try_from(parts).unwrap_or(1) }
    }

    /// Walk and part of a pair, even over all.
    fn part(&self, pair: u64) -> (u32, usize) {
        let spread = pair.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let all = u64::from(self.walks) * u64::from(self.parts);
        let index = u32::try_from((spread * all) >> 32).unwrap_or(0);
        (index / self.parts, place(index % self.parts))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Laid {
    pair: u64,
    meeting: Meeting,
}

/// Even ranges of places that cut no unit in two, one for each thread.
fn ranges(kept: &Kept, threads: usize) -> Vec<core::ops::Range<usize>> {
    let all = kept.events.len();
    let middle = all / 2;
    let object = kept.events.get(middle).map(|event| event.object);
    let cut = kept.events.partition_point(|event| Some(event.object) < object);
    if threads < 2 || cut == 0 {
        core::iter::once(0..all).collect()
    } else {
        vec![0..cut, cut..all]
    }
}

/// All meetings, and the units in which some were left out.
fn count(kept: &Kept, look_back: usize) -> (u64, Vec<(u32, u64)>) {
    let (mut all, mut viral) = (0, Vec::new());
    for (_, group) in kept.groups().filter(|(_, group)| group.len() > 1) {
        let (mut begin, mut cut) = (0, 0);
        for (index, event) in group.iter().enumerate() {
            let from = event.time.saturating_sub(kept.widest());
            while group.get(begin).is_some_and(|earlier| earlier.time < from) {
                begin += 1;
            }
            let within = index - begin;
            all += within.min(look_back) as u64;
            cut += within.saturating_sub(look_back) as u64;
        }
        if cut > 0 {
            viral.extend(group.first().map(|event| (event.object, cut)));
        }
    }
    (all, viral)
}

/// One walk: the meetings of this walk's pairs, by partition, one list for each range.
fn lay(
    kept: &Kept,
    look_back: usize,
    ranges: &[core::ops::Range<usize>],
    plan: &Plan,
    walk: u32,
) -> Vec<Vec<Vec<Laid>>> {
    std::thread::scope(|scope| {
        let work: Vec<_> = ranges
            .iter()
            .map(|range| scope.spawn(|| lay_range(kept, look_back, range.clone(), plan, walk)))
            .collect();
        work.into_iter().map(|one| one.join().unwrap_or_default()).collect()
    })
}

fn lay_range(
    kept: &Kept,
    look_back: usize,
    range: core::ops::Range<usize>,
    plan: &Plan,
    walk: u32,
) -> Vec<Vec<Laid>> {
    let mut parts = vec![Vec::new(); place(plan.parts)];
    let mut base = range.start;
    let events = kept.events.get(range).unwrap_or_default();
    for group in events.chunk_by(|left, right| left.object == right.object) {
        for (index, later) in group.iter().enumerate().skip(1) {
            let slice = kept.slice(later.time);
            let begins = kept.begins(usize::from(slice));
            let behind = group.get(index.saturating_sub(look_back)..index).unwrap_or_default();
            for (back, earlier) in (1_u8..=u8::MAX).zip(behind.iter().rev()) {
                let gap = later.time - earlier.time;
                if gap > kept.widest() {
                    break;
                }
                let (a, b) =
                    (earlier.account.min(later.account), earlier.account.max(later.account));
                let pair = (u64::from(a) << 32) | u64::from(b);
                let (turn, part) = plan.part(pair);
                if turn != walk {
                    continue;
                }
                let class = u8::try_from(kept.class(gap)).unwrap_or(u8::MAX);
                let across = earlier.time < begins;
                let meeting = Meeting::new(number(base + index), slice, class, across, back);
                if let Some(part) = parts.get_mut(part) {
                    part.push(Laid { pair, meeting });
                }
            }
        }
        base += group.len();
    }
    parts
}

/// What a partition leaves.
struct Part {
    pairs: Vec<Pair>,
    meetings: Vec<Meeting>,
    tally: Tally,
    pairs_met: u64,
}

/// Sorts and reduces every partition; the partitions come out in their order.
fn reduce(kept: &Kept, laid: Vec<Vec<Vec<Laid>>>, least: u32, threads: usize) -> Vec<Part> {
    let mut lists = laid.into_iter();
    let mut parts = lists.next().unwrap_or_default();
    for list in lists {
        for (part, more) in parts.iter_mut().zip(list) {
            part.extend(more);
        }
    }
    let each = parts.len().div_ceil(threads.clamp(1, 2)).max(1);
    let mut shares: Vec<Vec<Vec<Laid>>> = Vec::new();
    let mut parts = parts.into_iter();
    while parts.len() > 0 {
        shares.push(parts.by_ref().take(each).collect());
    }
    std::thread::scope(|scope| {
        let work: Vec<_> = shares
            .into_iter()
            .map(|share| scope.spawn(move || reduce_share(kept, share, least)))
            .collect();
        work.into_iter().filter_map(|one| one.join().ok()).collect()
    })
}

fn reduce_share(kept: &Kept, parts: Vec<Vec<Laid>>, least: u32) -> Part {
    let mut done = Part {
        pairs: Vec::new(),
        meetings: Vec::new(),
        tally: Tally::new(kept.windows.len(), kept.slice_count()),
        pairs_met: 0,
    };
    for mut part in parts {
        part.sort_unstable();
        for run in part.chunk_by_mut(|left, right| left.pair == right.pair) {
            let acts = acts_first(kept, run);
            done.reduce(run, acts, kept.windows.len(), least);
        }
    }
    done
}

/// Lays a pair's first meeting of every two posts before the others, each in their order; how many there are of the first.
/// A share without a post is an act of its own.
fn acts_first(kept: &Kept, run: &mut [Laid]) -> usize {
    if run.len() < 2 {
        return run.len();
    }
    let posts = |laid: &Laid| {
        let (earlier, later) = laid.meeting.shares(kept);
        (earlier.post, later.post, earlier.time, later.time)
    };
    let is_post =
        |&(earlier, later, ..): &(u32, u32, u32, u32)| earlier != NO_POST && later != NO_POST;
    let mut of: Vec<((u32, u32, u32, u32), usize)> = run
        .iter()
        .enumerate()
        .map(|(index, laid)| (posts(laid), index))
        .filter(|(posts, _)| is_post(posts))
        .collect();
    of.sort_unstable();
    let mut again: Vec<usize> = of
        .chunk_by(|left, right| left.0 == right.0)
        .flat_map(|same| same.iter().skip(1).map(|one| one.1))
        .collect();
    if again.is_empty() {
        return run.len();
    }
    again.sort_unstable();
    let is_again = |index: &usize| again.binary_search(index).is_ok();
    let (more, first): (Vec<usize>, Vec<usize>) = (0..run.len()).partition(is_again);
    let laid: Vec<Laid> =
        first.iter().chain(&more).filter_map(|index| run.get(*index).copied()).collect();
    run.copy_from_slice(&laid);
    first.len()
}

impl Part {
    /// Counts a pair's meetings, of which the first `acts` are of posts of their own.
    fn reduce(&mut self, run: &[Laid], acts: usize, windows: usize, least: u32) {
        let mut objects = [0_u32; WINDOWS_MAX];
        let cells = self.tally.cells;
        for (index, laid) in run.iter().enumerate() {
            for window in laid.meeting.class()..windows {
                Tally::meet(&mut self.tally.all, cells, window, laid.meeting.cell());
                if let Some(count) = objects.get_mut(window).filter(|_| index < acts) {
                    *count += 1;
                }
            }
        }
        let once = objects.iter().enumerate().take(windows).filter(|(_, count)| **count == 1);
        for (window, _) in once {
            for one in run.iter().filter(|laid| laid.meeting.class() <= window) {
                Tally::meet(&mut self.tally.once, cells, window, one.meeting.cell());
            }
        }
        self.pairs_met += 1;
        let Some(first) = run.first().filter(|_| acts >= place(least)) else { return };
        let (a, b) = ((first.pair >> 32), (first.pair & u64::from(u32::MAX)));
        self.pairs.push(Pair {
            a: u32::try_from(a).unwrap_or(u32::MAX),
            b: u32::try_from(b).unwrap_or(u32::MAX),
            start: self.meetings.len(),
            length: number(acts),
            repeats: number(run.len() - acts),
            objects,
        });
        self.meetings.extend(run.iter().map(|laid| laid.meeting));
    }
}

/// Which objects each account shared, and how many shares it made in each slice.
#[derive(Debug)]
pub(crate) struct Accounts {
    starts: Vec<usize>,
    units: Vec<u32>,
    slice_starts: Vec<usize>,
    slices: Vec<(u16, u32)>,
    /// Ordered pairs of shares by different accounts in each slice: m² − Σn².
    pub(crate) room: Vec<f64>,
    /// The same over all of time.
    pub(crate) room_all: f64,
}

impl Accounts {
    pub(crate) fn of(kept: &Kept) -> Self {
        let mut ends = vec![0_usize; place(kept.accounts) + 1];
        for event in &kept.events {
            if let Some(count) = ends.get_mut(place(event.account) + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum;
        }
        let starts = ends.clone();
        let (mut units, mut slices) = (vec![0; kept.events.len()], vec![0; kept.events.len()]);
        // Events are by unit, so that each account's units come out in order.
        for event in &kept.events {
            let Some(next) = ends.get_mut(place(event.account)) else { continue };
            if let (Some(unit), Some(slice)) = (units.get_mut(*next), slices.get_mut(*next)) {
                (*unit, *slice) = (event.object, kept.slice(event.time));
            }
            *next += 1;
        }
        let mut accounts = Self {
            starts,
            units,
            slice_starts: vec![0],
            slices: Vec::new(),
            room: Vec::new(),
            room_all: 0.0,
        };
        accounts.count_slices(kept, &mut slices);
        accounts
    }

    /// Counts shares by account and slice, out of the slice of each share by account.
    fn count_slices(&mut self, kept: &Kept, slices: &mut [u16]) {
        let mut all = vec![0_u64; kept.slice_count()];
        let mut squares = vec![0.0_f64; kept.slice_count()];
        for account in 0..kept.accounts {
            let own = slices.get_mut(self.range(account)).unwrap_or_default();
            own.sort_unstable();
            for run in own.chunk_by(|left, right| left == right) {
                let (Some(&slice), count) = (run.first(), number(run.len())) else { continue };
                self.slices.push((slice, count));
                if let Some(square) = squares.get_mut(usize::from(slice)) {
                    *square += f64::from(count) * f64::from(count);
                }
                if let Some(sum) = all.get_mut(usize::from(slice)) {
                    *sum += u64::from(count);
                }
            }
            self.slice_starts.push(self.slices.len());
        }
        let room = |(&all, &squares): (&u64, &f64)| {
            let all = real(all);
            (all * all - squares).max(0.0)
        };
        self.room = all.iter().zip(&squares).map(room).collect();
        let own = |account: u32| length(self.range(account).len());
        let squares: f64 = (0..kept.accounts).map(|account| own(account) * own(account)).sum();
        let all = length(kept.events.len());
        self.room_all = (all * all - squares).max(0.0);
    }

    fn range(&self, account: u32) -> core::ops::Range<usize> {
        at(&self.starts, place(account))..at(&self.starts, place(account) + 1)
    }

    /// The units an account shared, in order.
    pub(crate) fn units(&self, account: u32) -> &[u32] {
        self.units.get(self.range(account)).unwrap_or_default()
    }

    /// Shares by slice.
    pub(crate) fn slices(&self, account: u32) -> &[(u16, u32)] {
        let index = place(account);
        let range = at(&self.slice_starts, index)..at(&self.slice_starts, index + 1);
        self.slices.get(range).unwrap_or_default()
    }

    /// Calls back for each unit that both shared, until the answer is `false`.
    pub(crate) fn common(&self, a: u32, b: u32, mut each: impl FnMut(u32) -> bool) {
        let (few, many) = if self.units(a).len() <= self.units(b).len() { (a, b) } else { (b, a) };
        let all = self.units(many);
        let mut from = 0;
        for &unit in self.units(few) {
            from += seek(all.get(from..).unwrap_or_default(), unit);
            let Some(&found) = all.get(from) else { return };
            if found == unit && !each(unit) {
                return;
            }
        }
    }

    /// Accounts with at least `least` objects.
    pub(crate) fn active(&self, least: u32) -> u64 {
        let sizes = self.starts.windows(2).map(|pair| match pair {
            [start, end] => end - start,
            _ => 0,
        });
        sizes.filter(|&size| size >= place(least)).count() as u64
    }
}

/// One account's shares beside the boundary at which a slice begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Strip {
    /// The slice.
    pub(crate) slice: u16,
    /// Shares before it, no further than the window.
    pub(crate) before: u32,
    /// Shares in it, within the window of its beginning.
    pub(crate) after: u32,
}

/// Shares beside the boundaries of slices, for one window: whoever meets across a boundary has a share on either side of it,
/// and nowhere else.
#[derive(Debug)]
pub(crate) struct Strips {
    window_seconds: u32,
    starts: Vec<u32>,
    all: Vec<Strip>,
    /// Pairs of shares by different accounts across the boundary of each slice: BA − Σba.
    pub(crate) room: Vec<f64>,
}

impl Strips {
    pub(crate) fn of(kept: &Kept, window_seconds: u32) -> Self {
        let mut marks: Vec<(u32, u16, bool)> = Vec::new();
        for event in &kept.events {
            beside(kept, event.time, window_seconds, |slice, is_after| {
                marks.push((event.account, slice, is_after));
            });
        }
        marks.sort_unstable();
        let mut starts = Vec::with_capacity(place(kept.accounts) + 1);
        starts.push(0);
        let (mut all, mut sums) =
            (Vec::new(), vec![(0.0_f64, 0.0_f64, 0.0_f64); kept.slice_count()]);
        let mut rest = marks.as_slice();
        for account in 0..kept.accounts {
            let (own, others) = rest.split_at(rest.partition_point(|mark| mark.0 == account));
            rest = others;
            for run in own.chunk_by(|left, right| left.1 == right.1) {
                let after = number(run.iter().filter(|mark| mark.2).count());
                let strip = Strip {
                    slice: run.first().map_or(0, |mark| mark.1),
                    before: number(run.len()) - after,
                    after,
                };
                all.push(strip);
                if let Some(sum) = sums.get_mut(usize::from(strip.slice)) {
                    sum.0 += f64::from(strip.before);
                    sum.1 += f64::from(strip.after);
                    sum.2 += f64::from(strip.before) * f64::from(strip.after);
                }
            }
            starts.push(number(all.len()));
        }
        let room = sums.iter().map(|(before, after, own)| (before * after - own).max(0.0));
        Self { window_seconds, starts, room: room.collect(), all }
    }

    /// The strips of an account, by slice.
    pub(crate) fn account(&self, account: u32) -> &[Strip] {
        let index = place(account);
        let range = place(at(&self.starts, index))..place(at(&self.starts, index + 1));
        self.all.get(range).unwrap_or_default()
    }

    /// How likely a pair of shares on either side of a boundary is to be a meeting, for each such chance of two shares of one
    /// slice, if times were even: ½ within strips as wide as the window δ (in slices), 2δ − δ² within a slice.
    pub(crate) fn closer_than_within(&self, kept: &Kept) -> f64 {
        let part = (f64::from(self.window_seconds) / f64::from(kept.slice_seconds.max(1))).min(1.0);
        0.5 / (2.0 * part - part * part).max(1e-9)
    }
}

/// Calls back for each boundary that a time is near enough to for a meeting across it: the slice that begins there, and whether
/// the time lies in it.
pub(crate) fn beside(kept: &Kept, time: u32, window_seconds: u32, mut each: impl FnMut(u16, bool)) {
    let whole = kept.slice_seconds.max(1);
    let since = time % whole;
    if since < window_seconds {
        each(kept.slice(time), true);
    }
    if whole - since > window_seconds {
        return;
    }
    let next = usize::from(kept.slice(time)) + 1;
    for slice in next..kept.slice_count() {
        if kept.begins(slice).saturating_sub(time) > window_seconds {
            return;
        }
        each(u16::try_from(slice).unwrap_or(u16::MAX), false);
    }
}

/// The place of the first entry not below `wanted`, found by doubling steps: cheap where it is near.
fn seek(list: &[u32], wanted: u32) -> usize {
    let mut step = 1;
    while list.get(step).is_some_and(|&entry| entry < wanted) {
        step *= 2;
    }
    let low = step / 2;
    let within = list.get(low..list.len().min(step + 1)).unwrap_or_default();
    low + within.partition_point(|&entry| entry < wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordination::events::Records;
    use crate::coordination::options::TraceKind;
    use std::collections::{BTreeMap, BTreeSet};

    fn drawn(seed: u64, events: u32, trace: Trace) -> Records {
        let mut draws = Draws::new(seed);
        let rows = (0..events)
            .map(|post| Event {
                object: draws.below(60),
                time: 86_000 + draws.below(2_000),
                account: draws.below(25),
                post,
            })
            .collect();
        Records::numbered(trace, rows)
    }

    /// Pairs by the definition: each unit, each two accounts, the distance of their first shares.
    fn defined(records: &Records, window: u32, daily: bool) -> BTreeMap<(u32, u32), u32> {
        let mut first: BTreeMap<(u32, u32), BTreeMap<u32, u32>> = BTreeMap::new();
        for event in &records.traces()[0].events {
            let day = if daily { event.time / 86_400 } else { 0 };
            let unit = first.entry((event.object, day)).or_default();
            let time = unit.entry(event.account).or_insert(event.time);
            *time = (*time).min(event.time);
        }
        let mut pairs = BTreeMap::new();
        for unit in first.values() {
            for (&a, &time_a) in unit {
                for (&b, &time_b) in unit.range(a + 1..) {
                    if time_a.abs_diff(time_b) <= window {
                        *pairs.entry((a, b)).or_insert(0) += 1;
                    }
                }
            }
        }
        pairs
    }

    fn check(records: &Records, options: &Options) {
        let traced = &records.traces()[0];
        let kept = Kept::of(traced, records.accounts().count(), 600, None);
        let found = Candidates::of(&kept, options, 1);
        let daily = traced.trace.first_share == FirstShare::Daily;
        for (index, &window) in kept.windows.iter().enumerate() {
            let pairs: BTreeMap<(u32, u32), u32> = found
                .pairs
                .iter()
                .filter(|pair| pair.objects[index] > 0)
                .map(|pair| ((pair.a, pair.b), pair.objects[index]))
                .collect();
            assert_eq!(pairs, defined(records, window, daily), "window {window}");
            let once = pairs.values().filter(|&&objects| objects == 1).count() as u64;
            assert_eq!(found.tally.once(index).iter().sum::<u64>(), once);
            let all: u32 = pairs.values().sum();
            assert_eq!(found.tally.all(index).iter().sum::<u64>(), u64::from(all));
        }
    }

    #[test]
    fn pairs_are_those_of_the_definition_in_every_window_however_they_are_laid_out() {
        for seed in 0..6 {
            for first_share in [FirstShare::Once, FirstShare::Daily] {
                let trace = Trace {
                    windows_seconds: vec![100, 5, 30],
                    first_share,
                    ..Trace::of(TraceKind::Other)
                };
                let records = drawn(seed, 900, trace);
                for (threads, pair_bytes_max) in [(1, 1 << 30), (2, 1 << 30), (2, 0)] {
                    let options = Options { threads, pair_bytes_max, ..Options::default() };
                    check(&records, &options);
                }
            }
        }
    }

    /// Posts that carry several objects: of every two of them one meeting counts, and chance is reckoned from all.
    #[test]
    fn two_posts_are_one_meeting_however_much_they_share() {
        let windows_seconds = vec![5, 30, 100];
        for seed in 0..4 {
            let trace =
                Trace { windows_seconds: windows_seconds.clone(), ..Trace::of(TraceKind::Other) };
            let mut draws = Draws::new(seed);
            let mut rows = Vec::new();
            for post in 0..400 {
                let (time, account) = (86_000 + draws.below(2_000), draws.below(20));
                let carried = 1 + draws.below(4);
                rows.extend((0..carried).map(|_| Event {
                    object: draws.below(30),
                    time,
                    account,
                    post,
                }));
            }
            let records = Records::numbered(trace, rows);
            let kept = Kept::of(&records.traces()[0], 20, 600, None);
            let found = Candidates::of(&kept, &Options::default(), 1);
            for pair in &found.pairs {
                let posts = |one: &Meeting| {
                    let (earlier, later) = one.shares(&kept);
                    (earlier.post, later.post)
                };
                let all: BTreeSet<(u32, u32)> = found.shared(pair).iter().map(posts).collect();
                let own: Vec<(u32, u32)> = found.meetings(pair).iter().map(posts).collect();
                assert_eq!(own.iter().copied().collect::<BTreeSet<_>>(), all);
                assert_eq!(own.len(), all.len(), "none twice");
                assert_eq!(pair.objects[2] as usize, own.len());
            }
            let shared: usize = found.pairs.iter().map(|pair| found.shared(pair).len()).sum();
            let own: usize = found.pairs.iter().map(|pair| found.meetings(pair).len()).sum();
            assert!(own < shared && shared as u64 == found.meetings_all, "{own} of {shared}");
            assert_eq!(found.tally.all(2).iter().sum::<u64>(), found.meetings_all);
        }
    }

    #[test]
    fn what_the_look_back_leaves_out_is_counted() {
        let rows = (0..100).map(|i| Event { object: 0, time: 1_000 + i, account: i, post: i });
        let records = Records::numbered(Trace::of(TraceKind::Other), rows.collect());
        let kept = Kept::of(&records.traces()[0], 100, 86_400, None);
        let options = Options { look_back: 10, ..Options::default() };
        let found = Candidates::of(&kept, &options, 1);
        // 60 seconds hold 60 earlier shares, and 1 + 2 + … of the first 60.
        let within: u64 = (0..100_u64).map(|i| i.min(60)).sum();
        assert_eq!(found.meetings_all, (0..100_u64).map(|i| i.min(10)).sum::<u64>());
        assert_eq!(found.viral, [(0, within - found.meetings_all)]);
    }

    /// By the definition: each meeting lies in one cell, and in it both accounts have what it is expected from.
    #[test]
    fn whoever_met_has_shares_in_the_cell_of_the_meeting() {
        for (seed, slice_seconds, windows) in
            [(1, 600, vec![5, 100]), (2, 60, vec![60]), (3, 60, vec![30, 240]), (4, 60, vec![900])]
        {
            let trace = Trace { windows_seconds: windows, ..Trace::of(TraceKind::Other) };
            let records = drawn(seed, 900, trace);
            let kept = Kept::of(&records.traces()[0], 25, slice_seconds, None);
            assert!(kept.slice_seconds() * SLICES_OF_A_WINDOW >= kept.widest());
            let accounts = Accounts::of(&kept);
            let found = Candidates::of(&kept, &Options::default(), 1);
            let mut across = 0;
            for (window, &seconds) in kept.windows.iter().enumerate() {
                let strips = Strips::of(&kept, seconds);
                for pair in &found.pairs {
                    for meeting in found.meetings(pair).iter().filter(|one| one.class() <= window) {
                        let slice = u16::try_from(meeting.cell() / 2).unwrap();
                        let (earlier, later) = meeting.shares(&kept);
                        assert_eq!(slice, kept.slice(later.time));
                        if meeting.cell() % 2 == 0 {
                            let has = |a| accounts.slices(a).iter().any(|one| one.0 == slice);
                            assert!(has(pair.a) && has(pair.b));
                            continue;
                        }
                        across += 1;
                        let strip =
                            |a| *strips.account(a).iter().find(|one| one.slice == slice).unwrap();
                        assert!(kept.slice(earlier.time) < slice);
                        assert!(
                            strip(earlier.account).before > 0 && strip(later.account).after > 0
                        );
                        assert!(strips.room[usize::from(slice)] > 0.0);
                    }
                }
            }
            assert!(across > 0, "seed {seed}");
        }
    }

    #[test]
    fn common_objects_are_found_from_either_side() {
        let records = drawn(3, 400, Trace::of(TraceKind::Other));
        let kept = Kept::of(&records.traces()[0], 25, 86_400, None);
        let accounts = Accounts::of(&kept);
        for a in 0..25 {
            for b in 0..25 {
                let left: BTreeSet<u32> = accounts.units(a).iter().copied().collect();
                let right: BTreeSet<u32> = accounts.units(b).iter().copied().collect();
                let mut common = Vec::new();
                accounts.common(a, b, |unit| {
                    common.push(unit);
                    true
                });
                assert_eq!(common, left.intersection(&right).copied().collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_clock_that_runs_wild_costs_no_memory() {
        let rows = (0..1_000_u32).map(|i| Event {
            object: i % 7,
            time: i.wrapping_mul(4_294_967),
            account: i % 50,
            post: i,
        });
        let records = Records::numbered(Trace::of(TraceKind::Other), rows.collect());
        let kept = Kept::of(&records.traces()[0], 50, 60, None);
        assert!(kept.slice_count() <= 1_000);
        let many = (0..200_000_u32).map(|i| Event { object: i, time: i * 61, account: 0, post: i });
        let records = Records::numbered(Trace::of(TraceKind::Other), many.collect());
        let kept = Kept::of(&records.traces()[0], 1, 60, None);
        assert!(kept.slice_count() <= SLICES_MAX && kept.slice_seconds() > 60);
    }
}
