//! What the picture learns of a selection: which selector, when, how often, how widely.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use jiff::Timestamp;
use noroshi_evidence::mechanical::SelectorId;
use serde::{Deserialize, Serialize};

use crate::index::{Position, SelectorIndex};

/// How many different addresses are counted for one selector on each side.
pub const ADDRESSES_PER_SELECTOR_MAX: usize = 10_000;
/// How many different addresses are counted over all selectors.
pub const ADDRESSES_MAX: usize = 2_000_000;

/// One selector that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sighting {
    /// The selector.
    pub selector_id: SelectorId,
    /// Its version.
    pub selector_version: u32,
    /// What it looks for, in the text form of a list.
    pub value: String,
    /// The time of the earliest record.
    pub first_seen: Timestamp,
    /// The time of the latest record.
    pub last_seen: Timestamp,
    /// How many records it matched.
    pub count: u64,
    /// How many different addresses of one's own network took part.
    pub own_addresses: u64,
    /// How many different other addresses took part.
    pub remote_addresses: u64,
    /// Whether a limit was reached, so that there may be more addresses than the two figures say.
    pub more_addresses: bool,
}

struct Seen {
    first_us: i64,
    last_us: i64,
    count: u64,
    own: HashSet<IpAddr>,
    remote: HashSet<IpAddr>,
    more: bool,
}

/// The sightings of a selection under way.
#[derive(Default)]
pub(crate) struct Sightings {
    seen: BTreeMap<Position, Seen>,
    addresses: usize,
}

impl Sightings {
    /// Counts one record for one selector; the ends say whether they are one's own.
    pub(crate) fn count(
        &mut self,
        position: Position,
        ts_us: i64,
        ends: [Option<(IpAddr, bool)>; 2],
    ) {
        let seen = self.seen.entry(position).or_insert_with(|| Seen {
            first_us: ts_us,
            last_us: ts_us,
            count: 0,
            own: HashSet::new(),
            remote: HashSet::new(),
            more: false,
        });
        seen.first_us = seen.first_us.min(ts_us);
        seen.last_us = seen.last_us.max(ts_us);
        seen.count = seen.count.saturating_add(1);
        for (address, is_own) in ends.into_iter().flatten() {
            let side = if is_own { &mut seen.own } else { &mut seen.remote };
            if side.contains(&address) {
                continue;
            }
            if side.len() < ADDRESSES_PER_SELECTOR_MAX && self.addresses < ADDRESSES_MAX {
                side.insert(address);
                self.addresses += 1;
            } else {
                seen.more = true;
            }
        }
    }

    /// In the order of the index.
    pub(crate) fn finish(self, index: &SelectorIndex) -> Vec<Sighting> {
        let sightings = self.seen.into_iter().filter_map(|(position, seen)| {
            let selector = index.selector(position)?;
            Some(Sighting {
                selector_id: selector.effective_id(),
                selector_version: selector.version,
                value: selector.value.to_string(),
                first_seen: Timestamp::from_microsecond(seen.first_us).ok()?,
                last_seen: Timestamp::from_microsecond(seen.last_us).ok()?,
                count: seen.count,
                own_addresses: seen.own.len() as u64,
                remote_addresses: seen.remote.len() as u64,
                more_addresses: seen.more,
            })
        });
        sightings.collect()
    }
}
