//! First seen: which destinations are called now that were never called before, and by how many?
//!
//! A machine that has been taken over often calls where nobody in the network has called before. So does everybody who
//! follows a new link: a destination that is new is an indication that somebody may look, no more. That new or rare destinations are
//! worth a look is an old practice of hunting (*least frequency of occurrence*, *stack counting*; in RITA, *first seen* and
//! *prevalence*); the sum here is plain counting, so that whoever reads it can do it again by hand.
//!
//! # The method
//! The records from `since` on are held against those before it: the baseline. A destination (the end that answered) is
//! new where no communication of the baseline went to it. For each it is said how many different addresses called it,
//! when first and last, how often, and with how many bytes.
//!
//! # What it cannot see
//! The baseline is what was kept, for as long as it was retained, and on one's own network only what a selector matched. So
//! *never* means: not in these records. [`Found`] says how many records the baseline has and from when it is; where it
//! is empty everything is new and nothing is said.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use noroshi_evidence::mechanical::Protocol;
use serde::{Deserialize, Serialize};

use crate::communication::{Communication, Looked, Problem, Scope, each};
use crate::shelf::Stored;

/// How many destinations are held; communications with others are counted as beyond the limit.
pub const DESTINATIONS_MAX: usize = 8_000_000;
/// How many sources of one destination are told apart.
pub const SOURCES_MAX: usize = 10_000;
/// How many sources are told apart over all destinations.
pub const SOURCES_SUM_MAX: usize = 8_000_000;
/// How many ports of a destination are named.
pub const PORTS_MAX: usize = 8;
/// Where nothing is said, the last day of the records is held against those before it.
pub const LAST: SignedDuration = SignedDuration::from_hours(24);

/// A destination that is new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct New {
    /// The destination.
    pub dst: IpAddr,
    /// How many different addresses called it.
    pub sources: u64,
    /// Whether a limit was reached, so that there may be more.
    pub more_sources: bool,
    /// The first call.
    pub first: Timestamp,
    /// The last call.
    pub last: Timestamp,
    /// How many calls.
    pub calls: u64,
    /// Bytes of all calls that say theirs.
    pub bytes: u64,
    /// Protocols and ports that were called, in order, [`PORTS_MAX`] at most.
    pub ports: Vec<(Option<u8>, Option<u16>)>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// From when on records are held against the baseline; none where there is no record.
    pub since: Option<Timestamp>,
    /// The earliest record of the baseline.
    pub baseline_from: Option<Timestamp>,
    /// Communications in the baseline.
    pub baseline: u64,
    /// Communications since.
    pub hunted: u64,
    /// The new destinations: called by most first, then by time and address.
    pub new: Vec<New>,
    /// Destinations called since, new or not.
    pub destinations: u64,
    /// Communications that were not taken in because a limit was reached.
    pub beyond_limit: u64,
    /// What was gone through (once; it may be gone through twice).
    pub looked: Looked,
    /// Files that could not be read.
    pub problems: Vec<Problem>,
}

struct Called {
    sources: HashSet<IpAddr>,
    more_sources: bool,
    first_us: i64,
    last_us: i64,
    calls: u64,
    bytes: u64,
    ports: BTreeSet<(Option<u8>, Option<u16>)>,
}

/// Hunts in stored records. Destinations within `inside` are not of interest.
pub fn hunt(
    files: &[Stored],
    scope: &Scope,
    hunted_at: Timestamp,
    since: Option<Timestamp>,
    inside: &[IpNet],
) -> Found {
    let mut times: Option<(i64, i64)> = None;
    let mut before: HashMap<IpAddr, i64> = HashMap::new();
    let mut beyond_limit = 0;
    // The first time that a destination was called says of any moment whether it had been called before.
    let (looked, problems) = each(files, scope, hunted_at, |one| {
        let (first, last) = times.unwrap_or((one.ts_us, one.ts_us));
        times = Some((first.min(one.ts_us), last.max(one.ts_us)));
        let Some(dst) = one.dst.filter(|dst| !inside.iter().any(|net| net.contains(dst))) else {
            return;
        };
        if let Some(first) = before.get_mut(&dst) {
            *first = (*first).min(one.ts_us);
        } else if before.len() < DESTINATIONS_MAX {
            before.insert(dst, one.ts_us);
        } else {
            beyond_limit += 1;
        }
    });
    let Some((first_us, last_us)) = times else {
        return Found { since, beyond_limit, looked, problems, ..Found::default() };
    };
    let last = Timestamp::from_microsecond(last_us).unwrap_or(Timestamp::MAX);
    let since = since.unwrap_or_else(|| last.saturating_sub(LAST).unwrap_or(Timestamp::MIN));
    let mut since_then = Since { from_us: since.as_microsecond(), ..Since::default() };
    each(files, scope, hunted_at, |one| since_then.take(one, &before));
    let Since { baseline, hunted, called, known, .. } = since_then;
    let destinations = (called.len() + known.len()) as u64;
    // Without a baseline everything would be new.
    let has_baseline = baseline > 0;
    let new = called.into_iter().filter(|_| has_baseline);
    let mut new: Vec<New> = new.filter_map(|(dst, called)| called.into_new(dst)).collect();
    new.sort_by_key(|one| (std::cmp::Reverse(one.sources), one.first, one.dst));
    let baseline_from = Timestamp::from_microsecond(first_us).ok().filter(|_| has_baseline);
    let since = Some(since);
    Found {
        since,
        baseline_from,
        baseline,
        hunted,
        new,
        destinations,
        beyond_limit,
        looked,
        problems,
    }
}

/// What is learnt of the time since, when the first call to each destination is known.
#[derive(Default)]
struct Since {
    from_us: i64,
    baseline: u64,
    hunted: u64,
    sources: usize,
    called: HashMap<IpAddr, Called>,
    known: HashSet<IpAddr>,
}

impl Since {
    fn take(&mut self, one: &Communication, first_calls: &HashMap<IpAddr, i64>) {
        if one.ts_us < self.from_us {
            self.baseline += 1;
            return;
        }
        self.hunted += 1;
        let Some((dst, first)) = one.dst.and_then(|dst| first_calls.get_key_value(&dst)) else {
            return;
        };
        if *first < self.from_us {
            self.known.insert(*dst);
        } else {
            let called = self.called.entry(*dst).or_insert_with(|| Called::at(one.ts_us));
            called.take(one, &mut self.sources);
        }
    }
}

impl Called {
    fn at(ts_us: i64) -> Self {
        Self {
            sources: HashSet::new(),
            more_sources: false,
            first_us: ts_us,
            last_us: ts_us,
            calls: 0,
            bytes: 0,
            ports: BTreeSet::new(),
        }
    }

    fn take(&mut self, one: &Communication, sources: &mut usize) {
        self.first_us = self.first_us.min(one.ts_us);
        self.last_us = self.last_us.max(one.ts_us);
        self.calls += 1;
        self.bytes = self.bytes.saturating_add(one.bytes.unwrap_or_default());
        let port = (one.proto.map(|Protocol(number)| number), one.dst_port);
        self.ports.insert(port);
        // The lowest stay, whatever the order.
        if self.ports.len() > PORTS_MAX {
            self.ports.pop_last();
        }
        let Some(src) = one.src.filter(|src| !self.sources.contains(src)) else { return };
        if self.sources.len() < SOURCES_MAX && *sources < SOURCES_SUM_MAX {
            *sources += 1;
            self.sources.insert(src);
        } else {
            self.more_sources = true;
        }
    }

    fn into_new(self, dst: IpAddr) -> Option<New> {
        Some(New {
            dst,
            sources: self.sources.len() as u64,
            more_sources: self.more_sources,
            first: Timestamp::from_microsecond(self.first_us).ok()?,
            last: Timestamp::from_microsecond(self.last_us).ok()?,
            calls: self.calls,
            bytes: self.bytes,
            ports: self.ports.into_iter().collect(),
        })
    }
}
