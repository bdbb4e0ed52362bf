//! Whether a group of items looks like one campaign, and what speaks for it.
//!
//! A suggestion is an invitation to a person to look. It says how many victims share what, since when and in
//! which sectors, and how its score came about. It never says who: attribution is a decision of people on
//! evidence of another kind, and no type here has a place for it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use noroshi_evidence::observable::Observable;
use serde::{Deserialize, Serialize};

use crate::correlate::{Group, Item, ItemId, Reason, Strength};

/// Fewest harmed organisations.
pub const VICTIMS_MIN: usize = 2;
/// The best score.
pub const SCORE_MAX: u32 = 100;

/// Why there is nothing to suggest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSuggestion {
    /// Fewer than [`VICTIMS_MIN`] organisations.
    #[error("fewer than {VICTIMS_MIN} organisations are concerned")]
    Victims,
    /// No strong link between two organisations.
    #[error("no two organisations name the same observable")]
    Shared,
}

impl NoSuggestion {
    /// The stable code shown to a user.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Victims => "NRS-INSI-0001",
            Self::Shared => "NRS-INSI-0002",
        }
    }
}

/// What counts for the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// How many organisations are concerned: 20 points for two, 5 for each further one, at most 35.
    Victims,
    /// How many observables organisations share: 20 points for one, 5 for each further one, at most 35.
    Shared,
    /// Over how many sectors they spread: 10 points for two, 15 for more.
    Sectors,
    /// How close in time they lie: 15 points within 7 days, 10 within 30, 5 within 90.
    Closeness,
}

/// One part of the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Points {
    /// What was counted.
    pub component: Component,
    /// The count: organisations, observables, sectors, or whole days (rounded up) between first and last.
    pub value: u64,
    /// What it gave.
    pub points: u32,
    /// What it could have given.
    pub points_max: u32,
}

/// A group that looks like one campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The group's key.
    pub key: ItemId,
    /// The organisations concerned, sorted.
    pub victims: Vec<Box<str>>,
    /// Their sectors, sorted.
    pub sectors: Vec<Box<str>>,
    /// The observables that at least two of them share, sorted.
    pub shared: Vec<Observable>,
    /// Earliest time of a member.
    pub first_seen: Option<Timestamp>,
    /// Latest time of a member.
    pub last_seen: Option<Timestamp>,
    /// The sum of the parts, at most [`SCORE_MAX`].
    pub score: u32,
    /// How the score came about, always all four.
    pub parts: Vec<Points>,
}

/// Judges a group. `items` are those that were correlated; others than the group's members do not matter.
pub fn suggest<'i>(
    group: &Group,
    items: impl IntoIterator<Item = &'i Item>,
) -> Result<Suggestion, NoSuggestion> {
    let wanted: BTreeSet<&ItemId> = group.members.iter().collect();
    let mut members: BTreeMap<&ItemId, Vec<&Item>> = BTreeMap::new();
    for item in items.into_iter().filter(|item| wanted.contains(&item.id)) {
        members.entry(&item.id).or_default().push(item);
    }
    let organisations = |ids: &[ItemId]| -> BTreeSet<&str> {
        let found = ids.iter().filter_map(|id| members.get(id)).flatten();
        found.filter_map(|item| item.organisation.as_deref()).collect()
    };
    let victims = organisations(&group.members);
    if victims.len() < VICTIMS_MIN {
        return Err(NoSuggestion::Victims);
    }
    let shared: BTreeSet<&Observable> = group
        .links
        .iter()
        .filter(|link| link.strength == Strength::Strong)
        .filter(|link| organisations(&link.items).len() >= VICTIMS_MIN)
        .filter_map(|link| match &link.reason {
            Reason::Same { observable } => Some(observable),
            Reason::Inside { .. } | Reason::Near { .. } => None,
        })
        .collect();
    if shared.is_empty() {
        return Err(NoSuggestion::Shared);
    }
    let all = || members.values().flatten();
    let sectors: BTreeSet<&str> = all()
        .filter(|item| item.organisation.is_some())
        .filter_map(|item| item.sector.as_deref())
        .collect();
    let first_seen = all().filter_map(|item| item.time).min();
    let last_seen = all().filter_map(|item| item.time).max();
    let parts = vec![
        counted(Component::Victims, victims.len()),
        counted(Component::Shared, shared.len()),
        spread(sectors.len()),
        closeness(first_seen, last_seen),
    ];
    Ok(Suggestion {
        key: group.key.clone(),
        victims: victims.into_iter().map(Into::into).collect(),
        sectors: sectors.into_iter().map(Into::into).collect(),
        shared: shared.into_iter().cloned().collect(),
        first_seen,
        last_seen,
        score: parts.iter().map(|part| part.points).sum(),
        parts,
    })
}

/// 20 points for the least that is required, 5 for each more, at most 35.
fn counted(component: Component, count: usize) -> Points {
    let least = if component == Component::Victims { VICTIMS_MIN } else { 1 };
    let more = u32::try_from(count.saturating_sub(least)).unwrap_or(u32::MAX);
    let points = 20 + more.saturating_mul(5).min(15);
    Points { component, value: count as u64, points, points_max: 35 }
}

fn spread(sectors: usize) -> Points {
    let points = match sectors {
        0 | 1 => 0,
        2 => 10,
        _ => 15,
    };
    Points { component: Component::Sectors, value: sectors as u64, points, points_max: 15 }
}

fn closeness(first: Option<Timestamp>, last: Option<Timestamp>) -> Points {
    let span = match (first, last) {
        (Some(first), Some(last)) => last.duration_since(first),
        _ => SignedDuration::MAX,
    };
    let seconds = u64::try_from(span.as_secs()).unwrap_or_default();
    let days = seconds.div_ceil(24 * 60 * 60);
    let points = match days {
        0..=7 => 15,
        8..=30 => 10,
        31..=90 => 5,
        _ => 0,
    };
    let known = first.is_some();
    Points {
        component: Component::Closeness,
        value: if known { days } else { 0 },
        points: if known { points } else { 0 },
        points_max: 15,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correlate::{COMMON_ITEMS_DEFAULT, ItemKind, correlate};
    use proptest::prelude::*;

    fn item(id: &str, who: Option<(&str, &str)>, day: i64, seen: &[&str]) -> Item {
        Item {
            id: ItemId::new(id),
            kind: ItemKind::Report,
            organisation: who.map(|(organisation, _)| organisation.into()),
            sector: who.map(|(_, sector)| sector.into()),
            time: Some(Timestamp::from_second(day * 86_400).unwrap()),
            observables: seen.iter().map(|text| text.parse().unwrap()).collect(),
        }
    }

    fn judge(items: &[Item]) -> Result<Suggestion, &'static str> {
        let answer = correlate(items, COMMON_ITEMS_DEFAULT);
        suggest(&answer.groups[0], items).map_err(NoSuggestion::code)
    }

    #[test]
    fn three_victims_and_one_infrastructure_are_a_suggestion() {
        let items = [
            item("1", Some(("Example Electric", "energy")), 10, &["203.0.113.9", "evil.example"]),
            item("2", Some(("Example Hospital", "health")), 12, &["203.0.113.9"]),
            item("3", Some(("Example Logistics", "transport")), 19, &["c2.evil.example"]),
            item("4", None, 1, &["203.0.113.9"]),
        ];
        let suggestion = judge(&items).unwrap();
        assert_eq!(
            serde_json::to_value(&suggestion).unwrap(),
            serde_json::json!({
                "key": "1",
                "victims": ["Example Electric", "Example Hospital", "Example Logistics"],
                "sectors": ["energy", "health", "transport"],
                "shared": ["203.0.113.9"],
                "first_seen": "1970-01-02T00:00:00Z",
                "last_seen": "1970-01-20T00:00:00Z",
                "score": 70,
                "parts": [
                    { "component": "victims", "value": 3, "points": 25, "points_max": 35 },
                    { "component": "shared", "value": 1, "points": 20, "points_max": 35 },
                    { "component": "sectors", "value": 3, "points": 15, "points_max": 15 },
                    { "component": "closeness", "value": 18, "points": 10, "points_max": 15 },
                ],
            })
        );
    }

    #[test]
    fn too_little_is_no_suggestion() {
        let power = Some(("Example Electric", "energy"));
        let water = Some(("Example Water", "water"));
        let same = [
            item("1", power, 1, &["203.0.113.9"]),
            item("2", power, 1, &["203.0.113.9"]),
            item("3", None, 1, &["203.0.113.9"]),
        ];
        assert_eq!(judge(&same).unwrap_err(), "NRS-INSI-0001");
        let related =
            [item("1", power, 1, &["evil.example"]), item("2", water, 1, &["a.evil.example"])];
        assert_eq!(judge(&related).unwrap_err(), "NRS-INSI-0002");
        let through_partner = [
            item("1", power, 1, &["203.0.113.9"]),
            item("2", None, 1, &["203.0.113.9", "203.0.113.77"]),
            item("3", water, 1, &["203.0.113.77"]),
        ];
        assert_eq!(judge(&through_partner).unwrap_err(), "NRS-INSI-0002");
    }

    #[test]
    fn unknown_times_give_no_points() {
        let mut items = [
            item("1", Some(("Example Electric", "energy")), 1, &["203.0.113.9"]),
            item("2", Some(("Example Water", "water")), 2, &["203.0.113.9"]),
        ];
        assert_eq!(judge(&items).unwrap().score, 65);
        for item in &mut items {
            item.time = None;
        }
        assert_eq!(judge(&items).unwrap().score, 50);
    }

    proptest! {
        #[test]
        fn scores_are_the_sum_of_their_parts_and_more_evidence_never_lowers_them(
            victims in 2_usize..12, shared in 1_usize..9, more in 0_usize..4,
        ) {
            let make = |victims: usize, shared: usize| {
                let seen: Vec<String> = (0..shared).map(|n| format!("h{n}.evil.example")).collect();
                let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
                let items: Vec<Item> = (0..victims)
                    .map(|n| {
                        let name = format!("org {n}");
                        item(&format!("{n:02}"), Some((&name, &name)), 3, &seen)
                    })
                    .collect();
                judge(&items).unwrap()
            };
            let (less, rich) = (make(victims, shared), make(victims + more, shared + more));
            prop_assert_eq!(less.score, less.parts.iter().map(|p| p.points).sum::<u32>());
            prop_assert!(less.parts.iter().all(|p| p.points <= p.points_max));
            prop_assert_eq!(less.parts.iter().map(|p| p.points_max).sum::<u32>(), SCORE_MAX);
            prop_assert!(less.score <= rich.score);
        }
    }
}
