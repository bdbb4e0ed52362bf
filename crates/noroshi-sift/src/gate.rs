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

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ipnet::IpNet;
use noroshi_evidence::mechanical::Direction;

use crate::mandate::{Mandate, Network};
use crate::mode::Mode;
use crate::prefix::{Jurisdiction, PrefixTable};

/// A record that may be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// What stands in the record that is kept.
    pub(crate) direction: Direction,
    /// Whether source and destination are one's own; under a mandate, at home.
    pub(crate) own: [bool; 2],
}

/// The networks of whoever selects, as ranges that neither touch nor overlap.
#[derive(Debug, Default)]
struct OwnNetworks {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl OwnNetworks {
    fn new(nets: &[IpNet]) -> Self {
        let mut own = Self::default();
        for net in nets {
            match net {
                IpNet::V4(net) => {
                    own.v4.push((net.network().to_bits(), net.broadcast().to_bits()));
                }
                IpNet::V6(net) => {
                    own.v6.push((net.network().to_bits(), net.broadcast().to_bits()));
                }
            }
        }
        own.v4.sort_unstable();
        own.v4.dedup_by(|later, kept| joins(later, kept, u32::checked_add, 1));
        own.v6.sort_unstable();
        own.v6.dedup_by(|later, kept| joins(later, kept, u128::checked_add, 1));
        own
    }

    #[inline]
    fn holds(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => in_ranges(&self.v4, address.to_bits()),
            IpAddr::V6(address) => in_ranges(&self.v6, address.to_bits()),
        }
    }
}

fn joins<T: Copy + Ord>(
    later: &(T, T),
    kept: &mut (T, T),
    add: impl Fn(T, T) -> Option<T>,
    one: T,
) -> bool {
    let touches = add(kept.1, one).is_none_or(|next| later.0 <= next);
    if touches {
        kept.1 = kept.1.max(later.1);
    }
    touches
}

#[inline]
fn in_ranges<T: Copy + Ord>(ranges: &[(T, T)], value: T) -> bool {
    if ranges.len() <= 8 {
        return ranges.iter().any(|(first, last)| *first <= value && value <= *last);
    }
    let behind = ranges.partition_point(|(first, _)| *first <= value);
    let range = behind.checked_sub(1).and_then(|at| ranges.get(at));
    range.is_some_and(|(_, last)| value <= *last)
}

/// The frozen answer to what may be looked at.
pub(crate) struct Gate(Kind);

enum Kind {
    Own(OwnNetworks),
    Kept {
        direction: Direction,
        own: OwnNetworks,
    },
    Mandated {
        direction: Direction,
        home: Jurisdiction,
        table: Arc<PrefixTable>,
        /// None where the measure is not confined to networks.
        networks: Option<OwnNetworks>,
        from_us: i64,
        to_us: i64,
    },
}

impl Gate {
    /// Everything with an end in one of the networks.
    pub(crate) fn own(networks: &[IpNet]) -> Self {
        Self(Kind::Own(OwnNetworks::new(networks)))
    }

    /// Records that were admitted when they were kept.
    pub(crate) fn kept(direction: Direction, own_networks: &[IpNet]) -> Self {
        Self(Kind::Kept { direction, own: OwnNetworks::new(own_networks) })
    }

    /// What the mandate says.
    pub(crate) fn mandated(terms: &Mandate, table: Arc<PrefixTable>) -> Self {
        let networks: Vec<IpNet> = terms.scope.networks.iter().copied().map(Network::net).collect();
        Self(Kind::Mandated {
            direction: terms.mode.direction_of_records(),
            home: terms.home,
            table,
            networks: (!networks.is_empty()).then(|| OwnNetworks::new(&networks)),
            from_us: terms.not_before.as_microsecond(),
            to_us: terms.not_after.as_microsecond(),
        })
    }

    /// [`Gate::admit`] of a record between two addresses of IPv4, where nothing but the answer is wanted.
    #[inline]
    pub(crate) fn admits_v4(&self, ts_us: i64, ends: [Ipv4Addr; 2]) -> bool {
        match &self.0 {
            Kind::Own(networks) => ends.iter().any(|end| in_ranges(&networks.v4, end.to_bits())),
            Kind::Kept { .. } => true,
            Kind::Mandated { .. } => self.admit(ts_us, ends.map(|end| Some(end.into()))).is_some(),
        }
    }

    /// Whether a record may be looked at.
    #[inline]
    pub(crate) fn admit(&self, ts_us: i64, ends: [Option<IpAddr>; 2]) -> Option<Admitted> {
        match &self.0 {
            Kind::Own(networks) => {
                let own = ends.map(|end| end.is_some_and(|end| networks.holds(end)));
                let is_one_own = own != [false, false];
                is_one_own.then_some(Admitted { direction: Direction::OwnNetwork, own })
            }
            Kind::Kept { direction, own } => {
                let own = match direction {
                    Direction::OwnNetwork => ends.map(|end| end.is_some_and(|end| own.holds(end))),
                    Direction::ForeignToForeign => [false, false],
                    Direction::ForeignToDomestic => [false, true],
                    Direction::DomesticToForeign => [true, false],
                };
                Some(Admitted { direction: *direction, own })
            }
            Kind::Mandated { direction, home, table, networks, from_us, to_us } => {
                let [src, dst] = ends;
                let (src, dst) = (src?.to_canonical(), dst?.to_canonical());
                let own = [table.jurisdiction(src)? == *home, table.jurisdiction(dst)? == *home];
                let inside = |networks: &OwnNetworks| networks.holds(src) || networks.holds(dst);
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
    fn own_networks_are_ranges() {
        let nets = ["10.0.0.0/9", "10.128.0.0/9", "192.0.2.0/25", "192.0.2.64/26", "2001:db8::/32"];
        let own = OwnNetworks::new(&nets.map(|net| net.parse().unwrap()));
        assert_eq!(own.v4.len(), 2, "{:?}", own.v4);
        let holds = |address: &str| own.holds(address.parse().unwrap());
        assert!(holds("10.255.255.255") && holds("192.0.2.127") && holds("2001:db8::1"));
        assert!(!holds("11.0.0.0") && !holds("192.0.2.128") && !holds("2001:db9::"));
        // An address of IPv4 is one in whatever clothes.
        assert!(holds("::ffff:10.255.255.255") && !holds("::ffff:11.0.0.0"));
        let many: Vec<IpNet> =
            (0..40).map(|net| format!("10.{}.0.0/16", net * 2).parse().unwrap()).collect();
        let own = OwnNetworks::new(&many);
        for block in 0_u8..80 {
            assert_eq!(own.holds(IpAddr::from([10, block, 1, 1])), block % 2 == 0, "{block}");
        }
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
    fn an_address_inside_of_another_is_where_it_is() {
        let gate = Gate::mandated(&mandate(Mode::ForeignToDomestic), Arc::new(table()));
        let ends = |text: [&str; 2]| text.map(|text| Some(text.parse().unwrap()));
        let plain = gate.admit(1_795_000_000_000_000, ends([ABROAD, HOME]));
        let wrapped = ends(["::ffff:198.51.100.1", "::ffff:192.0.2.1"]);
        assert!(plain.is_some());
        assert_eq!(gate.admit(1_795_000_000_000_000, wrapped), plain);
    }

    #[test]
    fn what_has_one_end_only_is_shown_to_be_in_no_direction() {
        for mode in Mode::ALL.into_iter().filter(|mode| *mode != Mode::OwnNetwork) {
            let gate = Gate::mandated(&mandate(mode), Arc::new(table()));
            for address in [HOME, ABROAD, NOWHERE] {
                let end = Some(address.parse().unwrap());
                assert_eq!(gate.admit(1_795_000_000_000_000, [end, None]), None);
                assert_eq!(gate.admit(1_795_000_000_000_000, [None, end]), None);
            }
        }
    }
}
