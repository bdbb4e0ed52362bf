//! What the picture learns of a selection: which selector, when, how often, how widely.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use jiff::Timestamp;
use noroshi_evidence::mechanical::{MeasureId, SelectorId};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::index::{Position, SelectorIndex};

/// How many different addresses are counted for one selector on each side.
pub const ADDRESSES_PER_SELECTOR_MAX: usize = 10_000;
/// How many different addresses are counted over all selectors.
pub const ADDRESSES_MAX: usize = 2_000_000;

/// As many sightings as are handed in with one certificate, or one hunt; those seen most often first.
pub const HANDED_IN_MAX: usize = 10_000;

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
    /// The measure under which the records were acquired; none on one's own network. A selection says it once for all,
    /// in its certificate, and not here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<MeasureId>,
}

/// What commits to the sightings that are handed in: they are the sensor's, all of them, as it wrote them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Committed {
    /// How many.
    pub count: u64,
    /// SHA-256 over the canonical JSON (RFC 8785) of the list.
    pub digest: Digest,
}

impl Committed {
    /// To a list as it is handed in.
    pub fn to(sightings: &[Sighting]) -> Result<Self, serde_json::Error> {
        let text = serde_json_canonicalizer::to_vec(&sightings)?;
        Ok(Self { count: sightings.len() as u64, digest: Digest::of(&text) })
    }

    /// Whether this is the list.
    pub fn holds(&self, sightings: &[Sighting]) -> bool {
        Self::to(sightings).is_ok_and(|found| found == *self)
    }
}

/// What of sightings is handed in, and how many are left over.
pub fn handed_in(mut sightings: Vec<Sighting>, max: usize) -> (Vec<Sighting>, usize) {
    let left = sightings.len().saturating_sub(max);
    if left > 0 {
        // Stable: those seen equally often stay in the order of the index.
        sightings.sort_by_key(|sighting| std::cmp::Reverse(sighting.count));
        sightings.truncate(max);
    }
    (sightings, left)
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
                measure: None,
            })
        });
        sightings.collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_most_often_seen_are_handed_in_first() {
        let seen = |number: u8, count: u64| {
            let value = json!({
                "selector_id": format!("selector-{number}"), "selector_version": 1,
                "value": format!("203.0.113.{number}"), "count": count,
                "first_seen": "2026-11-27T00:00:00Z", "last_seen": "2026-11-27T00:00:00Z",
                "own_addresses": 1, "remote_addresses": 1, "more_addresses": false,
            });
            serde_json::from_value::<Sighting>(value).unwrap()
        };
        let all = vec![seen(1, 2), seen(2, 9), seen(3, 2), seen(4, 1)];
        let values = |sightings: &[Sighting]| {
            sightings.iter().map(|one| one.value.clone()).collect::<Vec<_>>()
        };
        assert_eq!(handed_in(all.clone(), 4), (all.clone(), 0));
        let (sent, left) = handed_in(all, 2);
        assert_eq!((values(&sent), left), (vec!["203.0.113.2".into(), "203.0.113.1".into()], 2));
    }

    #[test]
    fn what_commits_to_a_list_holds_for_that_list_only() {
        let one: Sighting = serde_json::from_value(json!({
            "selector_id": "selector-1", "selector_version": 1, "value": "203.0.113.1", "count": 2,
            "first_seen": "2026-11-27T00:00:00Z", "last_seen": "2026-11-27T00:00:00Z",
            "own_addresses": 1, "remote_addresses": 1, "more_addresses": false,
        }))
        .unwrap();
        let list = [one.clone()];
        let committed = Committed::to(&list).unwrap();
        assert!(committed.holds(&list) && !committed.holds(&[]));
        assert!(!committed.holds(&[one.clone(), one.clone()]));
        let measure = Some("measure-7".parse().unwrap());
        for changed in [
            Sighting { count: 1, ..one.clone() },
            Sighting { value: "203.0.113.2".to_owned(), ..one.clone() },
            Sighting { measure, ..one },
        ] {
            assert!(!committed.holds(&[changed]));
        }
        assert_eq!(Committed::to(&[]).unwrap().digest, Digest::of(b"[]"));
    }
}
