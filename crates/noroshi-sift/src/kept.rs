//! The same list over records that were kept.
//!
//! What a selector finds among kept records is what it would have found live: a record goes the same way through
//! the same code (`worker`), behind a gate that does not ask again what was asked when it was kept. Three things
//! follow from what a record is:
//!
//! - It holds the addresses of its two ends and nothing else that a selector could stand for, so only selectors of
//!   addresses and prefixes can be hunted ([`SelectorIndex::of_addresses`]).
//! - A record kept under a measure is held against the selectors of that measure only, as it was live.
//! - It is retained until when it was to be retained; that somebody found it again does not make that later.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;
use noroshi_evidence::mechanical::{Direction, MeasureId, MechanicalRecord, SelectorId};

use crate::addresses::AddressTable;
use crate::flow::FlowRecord;
use crate::gate::Gate;
use crate::index::{Lookup, Position, SelectorIndex};
use crate::mode::Mode;
use crate::problem::Reason;
use crate::selector::SelectorValue;
use crate::sighting::{Sighting, Sightings};
use crate::switches::Switches;
use crate::text::parse_address;
use crate::view::{Detail, Ends};
use crate::worker::{Findings, Frame, Worker};

/// How many selectors are named one by one by [`Kept::ranges`]; more are not worth comparing with bounds.
pub const RANGES_MAX: usize = 4_096;

/// The span of time in which selectors can match, in microseconds: from the first on, before the second.
pub type Window = (i64, i64);

/// A list held against kept records.
pub struct Kept {
    index: Arc<SelectorIndex>,
    hunted_at: Timestamp,
    own_networks: Vec<IpNet>,
    frames: BTreeMap<(Direction, Option<MeasureId>), Frame>,
    worker: Worker,
    /// For each measure: the ground on which records were acquired goes with what is seen in them.
    sightings: BTreeMap<Option<MeasureId>, Sightings>,
}

impl Kept {
    /// Prepares a list. `hunted_at` stands in the place of the beginning of a selection: what had expired by then
    /// matches nothing. `own_networks` says which ends of records of one's own network are one's own, for the
    /// figures of [`Sighting`]; it decides nothing else.
    pub fn new(index: Arc<SelectorIndex>, hunted_at: Timestamp, own_networks: Vec<IpNet>) -> Self {
        Self {
            index,
            hunted_at,
            own_networks,
            frames: BTreeMap::new(),
            worker: Worker::default(),
            sightings: BTreeMap::new(),
        }
    }

    /// What looks up many addresses at once.
    pub fn probe(&self) -> Probe<'_> {
        Probe {
            lookup: self.index.lookup(),
            hashes: Vec::new(),
            ends: Vec::new(),
            found: Vec::new(),
        }
    }

    /// When any selector can match a record at all; nothing where all have expired.
    pub fn window(&self) -> Option<Window> {
        let (from, until) = self.index.lookup().window();
        let from_and_until = (from, until);
        (until > self.hunted_at.as_microsecond() && from < until).then_some(from_and_until)
    }

    /// The measures of selectors; `None` among them stands for selectors of no measure.
    pub fn measures(&self) -> BTreeSet<Option<MeasureId>> {
        self.index.lookup().measures()
    }

    /// For each selector of addresses the texts between which an address that it contains is written, the bounds
    /// included, sorted; nothing where there are more than [`RANGES_MAX`] selectors.
    pub fn ranges(&self) -> Option<Vec<(String, String)>> {
        if self.index.len() > RANGES_MAX {
            return None;
        }
        let values = self.index.selectors().map(|selector| selector.value);
        let mut ranges: Vec<_> = values.filter_map(|value| range_of(&value)).collect();
        ranges.sort_unstable();
        ranges.dedup();
        Some(ranges)
    }

    /// Hands a record the whole way. The hits are appended, in the order of the index; each has the selector that
    /// matched and all else of the record as it was kept. Those for selectors that are known are not counted as
    /// seen.
    pub fn record(
        &mut self,
        record: &MechanicalRecord,
        is_known: impl Fn(&SelectorId, u32) -> bool,
        hits: &mut Vec<MechanicalRecord>,
    ) -> Result<(), Reason> {
        let Self { index, hunted_at, own_networks, frames, worker, sightings } = self;
        let key = (record.direction, record.measure_id.clone());
        let frame = frames
            .entry(key)
            .or_insert_with(|| frame(Arc::clone(index), *hunted_at, own_networks, record));
        frame.retain_until = record.retain_until;
        let mut found = Findings::default();
        worker.one(frame, view(record), &mut found)?;
        for ((position, ts_us, sides), hit) in found.seen.into_iter().zip(&found.rows) {
            if !is_known(&hit.selector_id, hit.selector_version) {
                let of_measure = sightings.entry(record.measure_id.clone()).or_default();
                of_measure.count(position, ts_us, sides);
            }
        }
        hits.extend(found.rows.into_iter().map(|hit| MechanicalRecord {
            selector_id: hit.selector_id,
            selector_version: hit.selector_version,
            ..record.clone()
        }));
        Ok(())
    }

    /// What was seen, one for each measure and each selector that matched, one's own network first, in the order of the
    /// index.
    pub fn sightings(self) -> Vec<Sighting> {
        let Self { index, sightings, .. } = self;
        let of_measure = sightings.into_iter().flat_map(|(measure, sightings)| {
            let seen = sightings.finish(&index).into_iter();
            seen.map(move |one| Sighting { measure: measure.clone(), ..one }).collect::<Vec<_>>()
        });
        of_measure.collect()
    }
}

/// What holds for the records of one direction and one measure.
fn frame(
    index: Arc<SelectorIndex>,
    hunted_at: Timestamp,
    own_networks: &[IpNet],
    record: &MechanicalRecord,
) -> Frame {
    Frame {
        gate: Gate::kept(record.direction, own_networks),
        index,
        // What the law closed when a record was kept is not in it.
        switches: Switches::of_mode(Mode::OwnNetwork),
        email_key: None,
        measure: record.measure_id.clone(),
        retain_until: record.retain_until,
        started_us: hunted_at.as_microsecond(),
    }
}

fn view(record: &MechanicalRecord) -> FlowRecord {
    let us = |time: Option<Timestamp>| time.map(Timestamp::as_microsecond);
    let detail = Detail {
        src_port: record.src_port,
        dst_port: record.dst_port,
        proto: record.proto,
        bytes: record.bytes,
        packets: record.packets,
        flow_start_us: us(record.flow_start),
        flow_end_us: us(record.flow_end),
    };
    let ends = Ends { ts_us: record.ts.as_microsecond(), src: record.src_ip, dst: record.dst_ip };
    FlowRecord::new(ends, detail)
}

/// Looks up many addresses at once: first all against the filter, then what passed exactly.
pub struct Probe<'a> {
    lookup: Lookup<'a>,
    hashes: Vec<u64>,
    /// For each value, where its hashes end.
    ends: Vec<usize>,
    found: Vec<Position>,
}

impl Probe<'_> {
    /// For each text, whether it is an address that a selector contains, whatever else that selector asks for.
    /// What is no address is contained in none. `wanted` is cleared first; the answer is whether any is wanted.
    pub fn wanted<'t>(
        &mut self,
        texts: impl Iterator<Item = &'t [u8]> + Clone,
        wanted: &mut Vec<bool>,
    ) -> bool {
        let Self { lookup, hashes, ends, found } = self;
        hashes.clear();
        ends.clear();
        wanted.clear();
        for text in texts.clone() {
            if let Some(address) = parse_address(text) {
                lookup.hash_address(address, hashes);
            }
            ends.push(hashes.len());
        }
        let mut begin = 0;
        for end in ends {
            let hashes = hashes.get(begin..*end).unwrap_or_default();
            wanted.push(hashes.iter().any(|hash| lookup.may_hold(*hash)));
            begin = *end;
        }
        let mut any = false;
        for (text, is_wanted) in texts.zip(wanted).filter(|(_, is_wanted)| **is_wanted) {
            found.clear();
            if let Some(address) = parse_address(text) {
                lookup.find_address(address, found);
            }
            *is_wanted = !found.is_empty();
            any |= *is_wanted;
        }
        any
    }
}

impl Probe<'_> {
    /// The same for addresses that stand as numbers in a table.
    pub fn wanted_in(&mut self, table: &AddressTable, wanted: &mut Vec<bool>) -> bool {
        let Self { lookup, found, .. } = self;
        wanted.clear();
        // One that carries an address of IPv4 is that address, as where it is read out of a text.
        let addresses = || table.addresses().map(|address| address.map(|one| one.to_canonical()));
        wanted.extend(
            addresses().map(|address| address.is_some_and(|one| lookup.may_hold_address(one))),
        );
        let mut any = false;
        for (address, is_wanted) in addresses().zip(wanted).filter(|(_, is_wanted)| **is_wanted) {
            found.clear();
            if let Some(address) = address {
                lookup.find_address(address, found);
            }
            *is_wanted = !found.is_empty();
            any |= *is_wanted;
        }
        any
    }
}

/// The texts between which every address lies that the value contains, as they sort byte by byte.
fn range_of(value: &SelectorValue) -> Option<(String, String)> {
    match value {
        SelectorValue::Address(address) => Some((address.to_string(), address.to_string())),
        SelectorValue::Network(net) => {
            let begin = common_begin(net);
            // Behind every character of an address.
            let end = format!("{begin}~");
            Some((begin, end))
        }
        _ => None,
    }
}

/// What the texts of all addresses of a prefix begin with.
fn common_begin(net: &IpNet) -> String {
    let whole_groups = |bits: u8| usize::from(net.prefix_len() / bits);
    match net.addr() {
        IpAddr::V4(address) => {
            let octets = address.octets();
            octets
                .iter()
                .take(whole_groups(8))
                .map(|octet| format!("{octet}."))
                .collect::<Vec<_>>()
                .concat()
        }
        IpAddr::V6(address) => {
            // From the first group of zeros on, how it is written depends on what follows (RFC 5952 §4.2).
            let groups = address.segments();
            let groups = groups.iter().take(whole_groups(16)).take_while(|group| **group != 0);
            groups.map(|group| format!("{group:x}:")).collect::<Vec<_>>().concat()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::digest::Digest;
    use crate::engine::{Engine, Link, Settings};
    use crate::selector::parse_list;

    fn any_address() -> impl Strategy<Value = IpAddr> {
        use std::net::{Ipv4Addr, Ipv6Addr};
        prop_oneof![
            (0_u32..48).prop_map(|bits| IpAddr::from(Ipv4Addr::from_bits(0xc000_0200 | bits))),
            (0_u128..48)
                .prop_map(|bits| IpAddr::from(Ipv6Addr::from_bits(0x2001_0db8 << 96 | bits))),
        ]
    }

    prop_compose! {
        fn any_record()(
            ends in (proptest::option::of(any_address()), any_address(), any::<bool>()),
            ports in any::<(Option<u16>, bool)>(), tcp: bool, second in 0_i64..40,
            counts in any::<(Option<u32>, Option<u32>)>(), direction in 0_usize..4,
        ) -> MechanicalRecord {
            let (one, other, turned) = ends;
            let (src_ip, dst_ip) = if turned { (Some(other), one) } else { (one, Some(other)) };
            let direction = Direction::ALL[direction];
            let is_own = direction == Direction::OwnNetwork;
            MechanicalRecord {
                selector_id: "kept".parse().unwrap(), selector_version: 1,
                measure_id: (!is_own).then(|| "measure-7".parse().unwrap()),
                ts: Timestamp::from_second(1_790_000_000 + second).unwrap(), src_ip, dst_ip,
                src_port: ports.0, dst_port: Some(if ports.1 { 443 } else { 53 }),
                proto: Some(if tcp { noroshi_evidence::mechanical::Protocol::TCP } else { noroshi_evidence::mechanical::Protocol::UDP }),
                bytes: counts.0.map(u64::from), packets: counts.1.map(u64::from), flow_start: None, flow_end: None,
                direction, retain_until: Timestamp::from_second(1_800_000_000).unwrap(),
            }
        }
    }

    fn any_line() -> impl Strategy<Value = String> {
        let value = prop_oneof![
            any_address().prop_map(|address| address.to_string()),
            (any_address(), 24_u8..32)
                .prop_map(|(address, bits)| IpNet::new(address, bits).unwrap().trunc().to_string()),
        ];
        let only = prop_oneof![
            4 => Just(""), 1 => Just(" 443/tcp"), 1 => Just(" dst:*"), 1 => Just(" src:*"), 1 => Just(" */udp")
        ];
        let terms = prop_oneof![
            Just(",,1"),
            Just(",second,2,2026-09-21T14:13:40Z"),
            Just(",third,1,,2026-09-21T14:13:30Z"),
            Just(",fourth,1,2026-09-20T00:00:00Z"),
            Just(",fifth,1,,,measure-7"),
            Just(",sixth,1,,,measure-8"),
        ];
        prop_oneof![
            (value.clone(), only).prop_map(|(value, only)| format!("{value}{only}\n")),
            (value, terms).prop_map(|(value, terms)| {
                let kind = if value.contains('/') {
                    "cidr"
                } else if value.contains(':') {
                    "ipv6"
                } else {
                    "ipv4"
                };
                format!("{kind},{value}{terms}\n")
            }),
        ]
    }

    /// What a selection live makes of records of one's own network.
    fn live(
        index: &SelectorIndex,
        records: &[MechanicalRecord],
        at: Timestamp,
    ) -> Vec<MechanicalRecord> {
        let settings = Settings {
            sensor: "sensor-1".parse().unwrap(),
            own_networks: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()],
            retention_days: 90,
            program: Digest::of(b"build"),
            link: Link::FIRST,
            started_at: at,
        };
        let mut engine =
            Engine::new(Mode::OwnNetwork, index.clone(), settings, Vec::new()).unwrap();
        for record in records {
            engine.take("kept", 0, 0, Ok(view(record))).unwrap();
        }
        let outcome = engine.finish(at).unwrap();
        crate::store::read_records(bytes::Bytes::from(outcome.sink)).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_hunted_is_what_would_have_been_selected(
            records in proptest::collection::vec(any_record(), 0..40),
            lines in proptest::collection::vec(any_line(), 1..20),
        ) {
            let (list, problems) = parse_list(lines.concat().as_bytes());
            prop_assert_eq!(problems, []);
            let index = SelectorIndex::build(list).unwrap();
            let at: Timestamp = "2026-09-21T00:00:00Z".parse().unwrap();
            let mut kept = Kept::new(Arc::new(index.clone()), at, Vec::new());
            let mut texts: Vec<String> = Vec::new();
            let mut hits = Vec::new();
            for record in &records {
                let before = hits.len();
                kept.record(record, |_, _| false, &mut hits).unwrap();
                if hits.len() > before {
                    texts.extend([record.src_ip, record.dst_ip].into_iter().flatten().map(|at| at.to_string()));
                    let (from, until) = kept.window().unwrap();
                    prop_assert!((from..until).contains(&record.ts.as_microsecond()));
                    // One of the two ends lies between the bounds that row groups are held against.
                    let ranges = kept.ranges().unwrap();
                    prop_assert!(texts.iter().rev().take(2).any(|text| ranges.iter().any(|(low, high)| low <= text && text <= high)));
                    let mut wanted = Vec::new();
                    prop_assert!(kept.probe().wanted(texts.iter().rev().take(2).map(String::as_bytes), &mut wanted));
                    // As numbers they are wanted or not as they are as texts.
                    let ends = [record.src_ip, record.dst_ip];
                    let table = crate::addresses::table_of(ends.into_iter());
                    let table = AddressTable::read(&table.into()).unwrap();
                    let (mut by_number, mut by_text) = (Vec::new(), Vec::new());
                    let names: Vec<String> = table.addresses().map(|at| at.unwrap().to_string()).collect();
                    prop_assert!(kept.probe().wanted_in(&table, &mut by_number));
                    kept.probe().wanted(names.iter().map(String::as_bytes), &mut by_text);
                    prop_assert_eq!(by_number, by_text);
                }
            }
            let own: Vec<MechanicalRecord> = records.iter().filter(|one| one.measure_id.is_none()).cloned().collect();
            let until = Timestamp::from_second(1_800_000_000).unwrap();
            let live: Vec<MechanicalRecord> = live(&index, &own, at).into_iter()
                .map(|hit| MechanicalRecord { retain_until: until, ..hit }).collect();
            let (hunted, lawful): (Vec<_>, Vec<_>) = hits.into_iter().partition(|hit| hit.measure_id.is_none());
            prop_assert_eq!(hunted, live);
            let of_measure = index.selectors().filter(|one| one.measure.is_some()).map(|one| one.effective_id());
            let of_measure: BTreeSet<_> = of_measure.collect();
            prop_assert!(lawful.iter().all(|hit| of_measure.contains(&hit.selector_id) && hit.selector_id.as_str() == "fifth"));
        }
    }

    #[test]
    fn what_is_seen_says_under_which_measure_it_was_acquired() {
        let (list, _) = parse_list(b"203.0.113.5\nipv4,203.0.113.5,two,1,,,measure-7\nipv4,203.0.113.5,three,1,,,measure-8\n");
        let index = Arc::new(SelectorIndex::build(list).unwrap());
        let at: Timestamp = "2026-09-21T00:00:00Z".parse().unwrap();
        let mut kept = Kept::new(index, at, Vec::new());
        let record = |measure: Option<&str>| MechanicalRecord {
            selector_id: "kept".parse().unwrap(),
            selector_version: 1,
            measure_id: measure.map(|name| name.parse().unwrap()),
            ts: at,
            src_ip: Some("192.0.2.7".parse().unwrap()),
            dst_ip: Some("203.0.113.5".parse().unwrap()),
            src_port: None,
            dst_port: None,
            proto: None,
            bytes: None,
            packets: None,
            flow_start: None,
            flow_end: None,
            direction: measure.map_or(Direction::OwnNetwork, |_| Direction::ForeignToDomestic),
            retain_until: Timestamp::from_second(1_800_000_000).unwrap(),
        };
        for measure in [Some("measure-8"), None, Some("measure-7"), None] {
            kept.record(&record(measure), |_, _| false, &mut Vec::new()).unwrap();
        }
        let seen = kept.sightings();
        let seen: Vec<_> = seen
            .iter()
            .map(|one| (one.measure.as_ref().map(|name| name.as_str()), one.count))
            .collect();
        // On one's own network whatever is looked for matches; under a measure what was approved for it.
        let own = (None, 2);
        assert_eq!(seen, [own, own, own, (Some("measure-7"), 1), (Some("measure-8"), 1)]);
    }

    #[test]
    fn prefixes_are_bounded_by_what_their_addresses_begin_with() {
        let begin = |net: &str| common_begin(&net.parse().unwrap());
        for (net, expected) in [
            ("203.0.113.0/24", "203.0.113."),
            ("203.0.112.0/20", "203.0."),
            ("2001:db8::/32", "2001:db8:"),
            ("2001:db8:0:1::/64", "2001:db8:"),
            ("2001:0:5::/48", "2001:"),
        ] {
            assert_eq!(begin(net), expected, "{net}");
        }
    }

    #[test]
    fn what_is_no_address_is_not_wanted_and_what_has_expired_has_no_window() {
        let (list, _) = parse_list(b"ipv4,203.0.113.5,one,1,2026-01-01T00:00:00Z\nevil.example\n");
        let index = Arc::new(SelectorIndex::build(list).unwrap());
        assert_eq!((index.of_addresses(), index.len()), (1, 2));
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let kept = Kept::new(Arc::clone(&index), at("2025-12-01T00:00:00Z"), Vec::new());
        let mut wanted = Vec::new();
        let texts = [&b"203.0.113.5"[..], b"evil.example", b"203.0.113.6", b""];
        assert!(kept.probe().wanted(texts.into_iter(), &mut wanted));
        assert_eq!(wanted, [true, false, false, false]);
    }
}
