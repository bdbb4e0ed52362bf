//! Which communications may be looked at at all.
//!
//! The question is asked of every record before any selector is looked up: [`Gate::admit`] gives an
//! [`Admitted`] or nothing, and without one nothing is looked up and nothing kept. A gate is made once, from a mode
//! and its terms, and never changes.
//!
//! What cannot be *shown* to be in the direction of the mode is turned away: an end whose jurisdiction the prefix table
//! does not know, a record with one end only, a record from outside the period. (For access and neutralisation an
//! unknown place counts as abroad; there the cautious side is the other one.) 内内, between two ends at home, is
//! outside every measure of the Act.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use noroshi_evidence::mechanical::Direction;

use crate::mandate::{Mandate, Network};
use crate::mode::Mode;
use crate::prefix::{Jurisdiction, PrefixTable, Ranges, ReadTable, UNKNOWN};

/// A record that may be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// What stands in the record that is kept.
    pub(crate) direction: Direction,
    /// Whether source and destination are one's own; under a mandate, at home.
    pub(crate) own: [bool; 2],
}

/// The frozen answer to what may be looked at.
pub(crate) struct Gate(Kind);

enum Kind {
    Own(Ranges),
    Mandated {
        direction: Direction,
        home: Jurisdiction,
        table: Arc<PrefixTable>,
        /// None where the measure is not confined to networks.
        networks: Option<Ranges>,
        from_us: i64,
        to_us: i64,
    },
}

impl Gate {
    /// Everything with an end in one of the networks.
    pub(crate) fn own(networks: &[IpNet]) -> Result<Self, ReadTable> {
        Ranges::of_networks(networks).map(|networks| Self(Kind::Own(networks)))
    }

    /// What the mandate says.
    pub(crate) fn mandated(terms: &Mandate, table: Arc<PrefixTable>) -> Result<Self, ReadTable> {
        let networks: Vec<IpNet> = terms.scope.networks.iter().copied().map(Network::net).collect();
        Ok(Self(Kind::Mandated {
            direction: terms.mode.direction_of_records(),
            home: terms.home,
            table,
            networks: if networks.is_empty() {
                None
            } else {
                Some(Ranges::of_networks(&networks)?)
            },
            from_us: terms.not_before.as_microsecond(),
            to_us: terms.not_after.as_microsecond(),
        }))
    }

    /// Whether a record may be looked at.
    #[inline]
    pub(crate) fn admit(&self, ts_us: i64, ends: [Option<IpAddr>; 2]) -> Option<Admitted> {
        match &self.0 {
            Kind::Own(networks) => {
                let own = ends.map(|end| end.is_some_and(|end| networks.find(end) != UNKNOWN));
                let is_one_own = own != [false, false];
                is_one_own.then_some(Admitted { direction: Direction::OwnNetwork, own })
            }
            Kind::Mandated { direction, home, table, networks, from_us, to_us } => {
                let [src, dst] = ends;
                let (src, dst) = (src?, dst?);
                let own = [table.jurisdiction(src)? == *home, table.jurisdiction(dst)? == *home];
                let inside = |networks: &Ranges| {
                    networks.find(src) != UNKNOWN || networks.find(dst) != UNKNOWN
                };
                let is_admitted = direction_of(own) == Some(*direction)
                    && (*from_us..=*to_us).contains(&ts_us)
                    && networks.as_ref().is_none_or(inside);
                is_admitted.then_some(Admitted { direction: *direction, own })
            }
        }
    }
}

/// The direction between two ends of which is known whether they are at home; none for 内内.
const fn direction_of([src, dst]: [bool; 2]) -> Option<Direction> {
    match (src, dst) {
        (false, false) => Some(Direction::ForeignToForeign),
        (false, true) => Some(Direction::ForeignToDomestic),
        (true, false) => Some(Direction::DomesticToForeign),
        (true, true) => None,
    }
}

impl Mode {
    /// The direction that the records of a mode carry.
    pub(crate) const fn direction_of_records(self) -> Direction {
        match self {
            Self::OwnNetwork => Direction::OwnNetwork,
            // An agreement gives the 外内 information of the party (Act arts. 11 to 16).
            Self::PartyAgreement | Self::ForeignToDomestic => Direction::ForeignToDomestic,
            Self::ForeignToForeign => Direction::ForeignToForeign,
            Self::DomesticToForeign => Direction::DomesticToForeign,
        }
    }
}

/// How often this thread has looked something up: tests prove with it what was never looked up.
#[cfg(test)]
pub(crate) mod lookups {
    use std::cell::Cell;

    thread_local! {
        static COUNT: Cell<u64> = const { Cell::new(0) };
    }

    pub(crate) fn count() {
        COUNT.set(COUNT.get() + 1);
    }

    pub(crate) fn during(run: impl FnOnce()) -> u64 {
        let before = COUNT.get();
        run();
        COUNT.get() - before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::engine::{Engine, Link, Settings};
    use crate::index::SelectorIndex;
    use crate::mandate::tests::{mandate, open, table};
    use crate::selector::{Selector, parse_list};

    const HOME: &str = "192.0.2.1";
    const HOME_TOO: &str = "192.0.2.200";
    const ABROAD: &str = "198.51.100.1";
    const NOWHERE: &str = "203.0.113.1";

    fn conn(src: &str, dst: &str) -> String {
        format!(
            r#"{{"ts":1795000000,"id.orig_h":"{src}","id.resp_h":"{dst}","query":"evil.example"}}"#
        ) + "\n"
    }

    /// Everything is looked for, so that whatever is looked up is found.
    fn index() -> SelectorIndex {
        let (list, _) =
            parse_list(b"192.0.2.0/24\n198.51.100.0/24\n203.0.113.0/24\nevil.example\n");
        let measure = Some("measure-1".parse().unwrap());
        let list = list.into_iter().map(|one| Selector { measure: measure.clone(), ..one });
        SelectorIndex::build(list.collect()).unwrap()
    }

    #[test]
    fn between_two_ends_at_home_nothing_is_ever_looked_up() {
        for mode in Mode::ALL.into_iter().filter(|mode| *mode != Mode::OwnNetwork) {
            let settings = Settings {
                sensor: "sensor-1".parse().unwrap(),
                own_networks: Vec::new(),
                retention_days: 30,
                program: Digest::of(b"build"),
                link: Link::FIRST,
                started_at: "2026-11-20T00:00:00Z".parse().unwrap(),
            };
            let mandated = open(mandate(mode)).unwrap();
            let mut engine = Engine::under(mandated, index(), settings, Vec::new()).unwrap();
            let turned_away =
                [(HOME, HOME_TOO), (HOME_TOO, HOME), (HOME, NOWHERE), (NOWHERE, ABROAD)];
            let lines: String = turned_away.iter().map(|(src, dst)| conn(src, dst)).collect();
            let looked_up = lookups::during(|| engine.read("conn.log", lines.as_bytes()).unwrap());
            assert_eq!((looked_up, engine.tally().direction), (0, 4), "{mode:?}");
            // The counter counts: what is in the direction of the mode is looked up and kept.
            let (src, dst) = match mode.direction_of_records() {
                Direction::ForeignToForeign => (ABROAD, "198.51.100.2"),
                Direction::DomesticToForeign => (HOME, ABROAD),
                _ => (ABROAD, HOME),
            };
            let looked_up =
                lookups::during(|| engine.read("x", conn(src, dst).as_bytes()).unwrap());
            assert!(looked_up >= 2 && engine.tally().kept == 1, "{mode:?} {looked_up}");
        }
    }

    #[test]
    fn what_has_one_end_only_is_shown_to_be_in_no_direction() {
        for mode in Mode::ALL.into_iter().filter(|mode| *mode != Mode::OwnNetwork) {
            let gate = Gate::mandated(&mandate(mode), Arc::new(table())).unwrap();
            for address in [HOME, ABROAD, NOWHERE] {
                let end = Some(address.parse().unwrap());
                assert_eq!(gate.admit(1_795_000_000_000_000, [end, None]), None);
                assert_eq!(gate.admit(1_795_000_000_000_000, [None, end]), None);
            }
        }
    }
}
