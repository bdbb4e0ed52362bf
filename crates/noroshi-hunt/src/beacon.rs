//! Beaconing: does an address call another at regular intervals with messages of regular size?
//!
//! Malware that waits for orders asks for them, and a program that asks by the clock leaves intervals and sizes that
//! hardly differ. So do programs that look for updates, measure, or keep a session open: a high score is an indication
//! that somebody should look, and says nothing of what was sent or why. A low one does not clear anybody, since a
//! program can wait for as long as it pleases.
//!
//! # The method
//! That of RITA (*Real Intelligence Threat Analytics*, as described by its authors at Active Countermeasures): how
//! symmetric and how narrow the distribution of intervals and of sizes is, and how many calls there are. Of the calls
//! of one address to another, `t` are the times in whole seconds, sorted, equal ones once; `d` the differences between
//! neighbours; `s` the bytes of each call. `Q1`, `Q2`, `Q3` are the values at a quarter, half and three quarters of the
//! sorted ones (the place is rounded to the nearest).
//!
//! | part | is |
//! |---|---|
//! | skew of `d`, of `s` | `1 - abs((Q1 + Q3 - 2 Q2) / (Q3 - Q1))`, the skewness of Bowley (*Elements of Statistics*, 1920); 1 where `Q3 - Q1` is below ten, where a rounded second or a few bytes would decide |
//! | spread of `d`, of `s` | `1 - M / Q2`, at least 0, where `M` is the median of `abs(x - Q2)` (median absolute deviation about the median; Hampel, *The Influence Curve*, 1974) |
//! | count | calls there were, of calls there would be if one came every `Q2` seconds from the first to the last; 1 at most |
//!
//! Intervals: the mean of skew, spread and count. Sizes: the mean of skew and spread. The score: the mean of both; of
//! the intervals alone where less than half of the calls say how many bytes they had. All in thousandths, rounded down.
//!
//! Differences to RITA: spread is relative to the median (so that an hourly beacon is not judged by seconds), count is relative
//! to the beat itself instead of to one call in ten seconds, and names are not looked at because none are kept.
//!
//! # What it cannot see
//! Only records that were kept, and on one's own network only those that a selector matched: what nobody looked for is
//! not there. A beacon behind an address that many programs call drowns in them.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use jiff::Timestamp;
use noroshi_evidence::mechanical::Protocol;
use serde::{Deserialize, Serialize};

use crate::communication::{Communication, Looked, Problem, Scope, each};
use crate::shelf::Stored;

/// How many pairs of addresses are counted; what comes after is stated.
pub const PAIRS_MAX: usize = 4_000_000;
/// How many calls of all pairs together are held.
pub const CALLS_MAX: usize = 50_000_000;
/// How many ports of a pair are named; the most used first.
pub const PORTS_MAX: usize = 8;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Pairs with fewer calls are not judged: of a few intervals nothing can be said.
    pub calls_min: u32,
    /// Pairs with a lower score are not named, in thousandths.
    pub score_min: u32,
}

impl Default for Asked {
    fn default() -> Self {
        Self { calls_min: 24, score_min: 700 }
    }
}

/// The parts of a score, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regularity {
    /// How symmetric.
    pub skew: u32,
    /// How narrow.
    pub spread: u32,
    /// The value in the middle: seconds of an interval, or bytes.
    pub median: u64,
    /// The median of how far values are from it.
    pub deviation: u64,
}

/// A pair of addresses whose calls are regular.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beacon {
    /// Who calls.
    pub src: IpAddr,
    /// Who is called.
    pub dst: IpAddr,
    /// The score, in thousandths.
    pub score: u32,
    /// Of the intervals.
    pub intervals: Regularity,
    /// How many calls there were of those expected, in thousandths.
    pub count: u32,
    /// Of the sizes, where enough calls say theirs.
    pub sizes: Option<Regularity>,
    /// How many calls.
    pub calls: u64,
    /// The first.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
    /// Protocols and ports that were called, the most used first, [`PORTS_MAX`] at most.
    pub ports: Vec<(Option<u8>, Option<u16>)>,
}

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// The beacons, highest score first, then by addresses.
    pub beacons: Vec<Beacon>,
    /// Pairs that had enough calls to be judged.
    pub judged: u64,
    /// Pairs of addresses.
    pub pairs: u64,
    /// Communications of pairs that were not taken in because a limit was reached.
    pub beyond_limit: u64,
    /// What was gone through (once; it is gone through twice).
    pub looked: Looked,
    /// Files that could not be read.
    pub problems: Vec<Problem>,
}

type Pair = (IpAddr, IpAddr);

fn pair_of(communication: &Communication) -> Option<Pair> {
    communication.src.zip(communication.dst)
}

/// The calls of one pair.
#[derive(Default)]
struct Calls {
    times_us: Vec<i64>,
    bytes: Vec<u64>,
    ports: BTreeMap<(Option<u8>, Option<u16>), u64>,
}

/// Hunts in stored records: counts first, then reads again what there is enough of.
pub fn hunt(files: &[Stored], scope: &Scope, hunted_at: Timestamp, asked: Asked) -> Found {
    let mut counts: HashMap<Pair, u32> = HashMap::new();
    let mut beyond_limit = 0;
    let (looked, problems) = each(files, scope, hunted_at, |communication| {
        let Some(pair) = pair_of(communication) else { return };
        if let Some(count) = counts.get_mut(&pair) {
            *count = count.saturating_add(1);
        } else if counts.len() < PAIRS_MAX {
            counts.insert(pair, 1);
        } else {
            beyond_limit += 1;
        }
    });
    let pairs = counts.len() as u64;
    let calls_min = asked.calls_min.max(3);
    counts.retain(|_, count| *count >= calls_min);
    let mut calls: HashMap<Pair, Calls> = HashMap::with_capacity(counts.len());
    let mut held = 0;
    each(files, scope, hunted_at, |communication| {
        let Some(pair) = pair_of(communication).filter(|pair| counts.contains_key(pair)) else {
            return;
        };
        if held >= CALLS_MAX {
            beyond_limit += 1;
            return;
        }
        held += 1;
        let calls = calls.entry(pair).or_default();
        calls.times_us.push(communication.ts_us);
        calls.bytes.extend(communication.bytes);
        let port = (communication.proto.map(|Protocol(number)| number), communication.dst_port);
        if calls.ports.len() < 1_024 || calls.ports.contains_key(&port) {
            *calls.ports.entry(port).or_default() += 1;
        }
    });
    let judged = calls.len() as u64;
    let scored = calls.into_iter().filter_map(|(pair, calls)| judge(pair, calls, calls_min));
    let mut beacons: Vec<Beacon> = scored.filter(|one| one.score >= asked.score_min).collect();
    beacons.sort_by_key(|one| (std::cmp::Reverse(one.score), one.src, one.dst));
    Found { beacons, judged, pairs, beyond_limit, looked, problems }
}

fn judge((src, dst): Pair, mut calls: Calls, calls_min: u32) -> Option<Beacon> {
    calls.times_us.sort_unstable();
    let (first, last) = (*calls.times_us.first()?, *calls.times_us.last()?);
    let mut seconds: Vec<i64> = calls.times_us.iter().map(|us| us.div_euclid(1_000_000)).collect();
    seconds.dedup();
    if seconds.len() < calls_min as usize {
        return None;
    }
    let steps = seconds.windows(2).filter_map(|two| match two {
        [one, next] => Some(next.abs_diff(*one)),
        _ => None,
    });
    let intervals = regularity(steps.collect())?;
    let span = seconds.last()?.abs_diff(*seconds.first()?);
    let expected = u128::from(span / intervals.median.max(1)) + 1;
    let count = thousandths(seconds.len() as u128, expected);
    let has_sizes = calls.bytes.len() * 2 >= calls.times_us.len();
    let sizes = if has_sizes { regularity(calls.bytes) } else { None };
    let by_time = (intervals.skew + intervals.spread + count) / 3;
    let score = sizes
        .map_or(by_time, |sizes| u32::midpoint(by_time, u32::midpoint(sizes.skew, sizes.spread)));
    let mut ports: Vec<_> = calls.ports.into_iter().collect();
    ports.sort_by_key(|(port, count)| (std::cmp::Reverse(*count), *port));
    ports.truncate(PORTS_MAX);
    Some(Beacon {
        src,
        dst,
        score,
        intervals,
        count,
        sizes,
        calls: calls.times_us.len() as u64,
        first: Timestamp::from_microsecond(first).ok()?,
        last: Timestamp::from_microsecond(last).ok()?,
        ports: ports.into_iter().map(|(port, _)| port).collect(),
    })
}

/// Below which distance of the outer quartiles skewness says nothing.
const QUARTILES_APART_MIN: u64 = 10;

fn regularity(mut values: Vec<u64>) -> Option<Regularity> {
    values.sort_unstable();
    let (q1, q2, q3) = (quartile(&values, 1)?, quartile(&values, 2)?, quartile(&values, 3)?);
    let apart = q3 - q1;
    let skew = if apart < QUARTILES_APART_MIN {
        1_000
    } else {
        let outer = u128::from(q1) + u128::from(q3);
        let off = outer.abs_diff(2 * u128::from(q2));
        thousandths(u128::from(apart).saturating_sub(off), u128::from(apart))
    };
    let mut distances: Vec<u64> = values.iter().map(|value| value.abs_diff(q2)).collect();
    distances.sort_unstable();
    let deviation = quartile(&distances, 2)?;
    let narrow = u128::from(q2.saturating_sub(deviation));
    let spread = if deviation == 0 { 1_000 } else { thousandths(narrow, q2.max(1).into()) };
    Some(Regularity { skew, spread, median: q2, deviation })
}

/// The value at so many quarters of the sorted ones.
fn quartile(sorted: &[u64], quarters: usize) -> Option<u64> {
    let place = (sorted.len().checked_sub(1)? * quarters + 2) / 4;
    sorted.get(place).copied()
}

/// A ratio in thousandths, rounded down, 1,000 at most; of nothing it is 1,000.
fn thousandths(part: u128, whole: u128) -> u32 {
    let ratio = (part * 1_000).checked_div(whole).unwrap_or(1_000);
    u32::try_from(ratio.min(1_000)).unwrap_or(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls at these seconds with these sizes.
    fn judged(seconds: &[i64], bytes: &[u64]) -> Option<Beacon> {
        let calls = Calls {
            times_us: seconds.iter().map(|at| at * 1_000_000 + 250_000).collect(),
            bytes: bytes.to_vec(),
            ports: BTreeMap::from([((Some(6), Some(443)), 1)]),
        };
        judge(("192.0.2.7".parse().unwrap(), "203.0.113.5".parse().unwrap()), calls, 3)
    }

    #[test]
    fn what_comes_by_the_clock_with_one_size_has_the_whole_score() {
        let times: Vec<i64> = (0..100).map(|beat| beat * 60).collect();
        let beacon = judged(&times, &[512; 100]).unwrap();
        assert_eq!((beacon.score, beacon.intervals.median, beacon.count), (1_000, 60, 1_000));
        // A tenth of a minute of jitter costs a tenth of the spread and little else.
        let times: Vec<i64> = (0..100)
            .zip([0, 6, 1, 5, 3, 2, 4].into_iter().cycle())
            .map(|(beat, late)| beat * 60 + late)
            .collect();
        let beacon = judged(&times, &[512; 100]).unwrap();
        assert!((900..1_000).contains(&beacon.score), "{beacon:?}");
    }

    #[test]
    fn parts_are_what_the_page_says() {
        // Intervals 10, 20, 30, 40, 100: Q1 20, Q2 30, Q3 40; skew 0; distances 20, 10, 0, 10, 70: M 10.
        let beacon = judged(&[0, 10, 30, 60, 100, 200], &[]).unwrap();
        let Regularity { skew, spread, median, deviation } = beacon.intervals;
        assert_eq!((skew, median, deviation, spread), (1_000, 30, 10, 666));
        // Six calls in 200 seconds, one every thirty expected: 6 of 7.
        assert_eq!((beacon.count, beacon.sizes), (857, None));
        assert_eq!(beacon.score, (1_000 + 666 + 857) / 3);
        // Sizes 0, 10, 30, 41, 41: Q1 10, Q2 30, Q3 41: off by 9 of 31; M 11 of 30.
        let sizes = regularity(vec![0, 10, 30, 41, 41]).unwrap();
        assert_eq!((sizes.skew, sizes.spread), (22_000 / 31, 19_000 / 30));
        // Sizes 100, 100, 100, 200, 900: Q1 100, Q2 100, Q3 200: as skewed as can be.
        let sizes = regularity(vec![100, 900, 100, 200, 100]).unwrap();
        assert_eq!((sizes.skew, sizes.spread), (0, 1_000));
    }

    #[test]
    fn what_comes_at_random_has_a_low_score() {
        // Gaps drawn from a fixed sequence between 1 and 3,000 seconds, sizes between 100 and 60,000.
        let mut seed = 7_u64;
        let mut draw = |most: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % most
        };
        let mut at = 0;
        let times: Vec<i64> = (0..400)
            .map(|_| {
                at += 1 + i64::try_from(draw(54).pow(2)).unwrap();
                at
            })
            .collect();
        let sizes: Vec<u64> = (0..400).map(|_| 100 + draw(40).pow(3)).collect();
        let beacon = judged(&times, &sizes).unwrap();
        assert!(beacon.score < 600, "{beacon:?}");
    }

    #[test]
    fn calls_in_the_same_second_are_one_beat() {
        assert!(judged(&[5, 5, 5, 5], &[1; 4]).is_none());
        let beacon = judged(&[0, 0, 60, 60, 120, 120, 180, 180], &[1; 8]).unwrap();
        assert_eq!((beacon.intervals.median, beacon.calls), (60, 8));
    }
}
