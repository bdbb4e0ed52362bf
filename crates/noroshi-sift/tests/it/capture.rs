//! Captures: Community ID, flows against Zeek's, damage, limits, names under switches.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use noroshi_evidence::mechanical::Protocol;
use noroshi_sift::capture::{Tuple, community_id, tuples};

use crate::corpora::corpus;

fn protocol(name: &str, src: &str) -> Protocol {
    match name {
        "tcp" => Protocol::TCP,
        "udp" => Protocol::UDP,
        "sctp" => Protocol::SCTP,
        "icmp" if src.contains(':') => Protocol::ICMP6,
        "icmp" => Protocol::ICMP,
        number => Protocol(number.parse().unwrap()),
    }
}

#[test]
fn community_ids_are_those_of_zeek() {
    let Some(folder) = corpus("vectors-sift") else { return };
    let table = fs::read_to_string(folder.join("community_id.tsv")).unwrap();
    let mut checked = 0;
    for line in table.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let tuple = Tuple {
            src: cells[0].parse().unwrap(),
            src_port: cells[1].parse().unwrap(),
            dst: cells[2].parse().unwrap(),
            dst_port: cells[3].parse().unwrap(),
            proto: protocol(cells[4], cells[0]),
        };
        assert_eq!(community_id(tuple, 0), cells[5], "{line}");
        checked += 1;
    }
    println!("community ids equal: {checked}");
    assert_eq!(checked, 10_447);
}

/// Of every capture of the specification's own set, each id of the baseline and no other.
#[test]
fn the_captures_of_the_specification_give_its_baseline() {
    let Some(folder) = corpus("community-id-spec") else { return };
    let baseline = fs::read(folder.join("baseline/baseline_deflt.json")).unwrap();
    let baseline: Vec<serde_json::Value> = serde_json::from_slice(&baseline).unwrap();
    let seeded = fs::read(folder.join("baseline/baseline_seed1.json")).unwrap();
    let seeded: Vec<serde_json::Value> = serde_json::from_slice(&seeded).unwrap();
    let ids = |list: &[serde_json::Value]| -> BTreeSet<String> {
        list.iter().map(|one| one["communityid"].as_str().unwrap().to_owned()).collect()
    };
    let mut found = [BTreeSet::new(), BTreeSet::new()];
    for name in ["arp", "icmp", "icmp6", "ipv6", "sctp", "tcp", "udp", "rsvp"] {
        let file = fs::read(folder.join(format!("pcaps/{name}.pcap"))).unwrap();
        for tuple in tuples(&file[..], true).unwrap() {
            found[0].insert(community_id(tuple, 0));
            found[1].insert(community_id(tuple, 1));
        }
    }
    println!("ids of the baseline: {}", ids(&baseline).len());
    assert_eq!(found[0], ids(&baseline));
    assert_eq!(found[1], ids(&seeded));
}

type Row = (String, u16, String, u16, String);

/// The tuples of one of Zeek's logs; `None` where it was written without them.
fn golden(table: &str) -> Option<BTreeSet<Row>> {
    let separator = if table.contains("#separator \\x2c") { ',' } else { '\t' };
    let mut at: Option<[usize; 5]> = None;
    let mut rows = BTreeSet::new();
    for line in table.lines() {
        let cells: Vec<&str> = line.split(separator).collect();
        // Some logs went through a tool that leaves the names of the columns only.
        let is_cut = at.is_none() && cells.contains(&"id.orig_h") && cells[0] != "#fields";
        if cells[0] == "#fields" || is_cut {
            let names_from = usize::from(!is_cut);
            let place = |names: &[&str]| {
                cells.iter().skip(names_from).position(|cell| names.contains(cell))
            };
            at = Some([
                place(&["id.orig_h", "id_orig_h", "src", "id*orig_h"])?,
                place(&["id.orig_p", "id_orig_p", "src_port", "id*orig_p"])?,
                place(&["id.resp_h", "id_resp_h", "dst", "id*resp_h"])?,
                place(&["id.resp_p", "id_resp_p", "dst_port", "id*resp_p"])?,
                place(&["proto"])?,
            ]);
        } else if !line.starts_with('#') && !line.is_empty() {
            let [src, src_port, dst, dst_port, proto] = at?;
            rows.insert((
                cells[src].to_owned(),
                cells[src_port].parse().ok()?,
                cells[dst].to_owned(),
                cells[dst_port].parse().ok()?,
                cells[proto].to_owned(),
            ));
        }
    }
    at.map(|_| rows)
}

/// Ours in Zeek's words. Protocols without ports of their own stand there without ports and name.
fn row(tuple: Tuple) -> Row {
    let (proto, ports) = match tuple.proto {
        Protocol::TCP => ("tcp", true),
        Protocol::UDP => ("udp", true),
        Protocol::ICMP | Protocol::ICMP6 => ("icmp", true),
        _ => ("unknown_transport", false),
    };
    let port = |port: u16| if ports { port } else { 0 };
    (
        tuple.src.to_string(),
        port(tuple.src_port),
        tuple.dst.to_string(),
        port(tuple.dst_port),
        proto.to_owned(),
    )
}

fn capture_bytes(path: &Path) -> Option<Vec<u8>> {
    if path.extension().is_some_and(|end| end == "gz") {
        return Some(Command::new("gzip").arg("-dc").arg(path).output().ok()?.stdout);
    }
    fs::read(path).ok()
}

#[test]
fn flows_are_those_of_zeek() {
    let Some(folder) = corpus("zeek-traces") else { return };
    let index = fs::read_to_string(folder.join("golden-conn/INDEX.tsv")).unwrap();
    let (mut equal, mut without) = (0, 0);
    let mut explained = BTreeMap::new();
    for line in index.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let trace = folder.join("testing/btest/Traces").join(cells[1]);
        let log = fs::read_to_string(folder.join("golden-conn").join(cells[2])).unwrap();
        let Some(expected) = golden(&log) else {
            without += 1;
            continue;
        };
        let bytes = capture_bytes(&trace).unwrap_or_else(|| panic!("{}", trace.display()));
        // Zeek gives a tunnel inside IP, and IPv6 without anything inside, no row of its own; we do, because
        // their ends may be looked for.
        let found: BTreeSet<Row> = tuples(&bytes[..], true)
            .unwrap()
            .into_iter()
            .filter(|tuple| !matches!(tuple.proto.0, 4 | 41 | 47 | 59))
            .map(row)
            .collect();
        if found == expected {
            equal += 1;
            continue;
        }
        let more: BTreeSet<&Row> = found.difference(&expected).collect();
        let less: BTreeSet<&Row> = expected.difference(&found).collect();
        let known = DIFFERENT.iter().find(|(name, _)| *name == cells[0]);
        let why = known.map(|(_, why)| *why).filter(|why| why.explains(&more, &less));
        assert!(why.is_some(), "{}: ours {more:?} zeek's {less:?}", cells[0]);
        *explained.entry(why).or_insert(0) += 1;
    }
    println!("equal {equal}, without tuples in the log {without}, different {explained:?}");
    assert_eq!((index.lines().count(), without), (145, 46));
    assert_eq!((equal, explained.values().sum::<usize>()), (86, DIFFERENT.len()));
}

/// Why Zeek's log has other rows than the capture has flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// Zeek ran bare (`-b`) and knew no port on which servers listen. Where the beginning was not seen it takes whoever
    /// spoke first for the one who opened; we take the one who speaks to such a port.
    Bare,
    /// Zeek reads in a message of NTP who serves, where both ends have the port of servers. We do not look into it.
    Content,
    /// A filter or a rule kept packets from Zeek.
    Dropped,
    /// Zeek has no analyzer for what goes through a tunnel (IGMP), and writes no row for it.
    NoRow,
}

impl Why {
    /// Whether it is the reason for rows that only we, and that only Zeek has.
    fn explains(self, more: &BTreeSet<&Row>, less: &BTreeSet<&Row>) -> bool {
        let is_turned = |(src, src_port, dst, dst_port, proto): &Row| {
            let turned = (dst.clone(), *dst_port, src.clone(), *src_port, proto.clone());
            more.contains(&turned)
        };
        let are_turned = more.len() == less.len() && less.iter().all(|row| is_turned(row));
        match self {
            Self::Bare => are_turned && less.iter().all(|row| SERVERS.contains(&row.1)),
            Self::Content => are_turned && less.iter().all(|row| (row.1, row.3) == (123, 123)),
            Self::Dropped => less.is_empty(),
            Self::NoRow => less.is_empty() && more.iter().all(|row| row.4 == "unknown_transport"),
        }
    }
}

/// The ports of servers in these captures.
const SERVERS: [u16; 3] = [53, 80, 443];

/// Each capture whose flows are not those of Zeek's log.
const DIFFERENT: [(&str, Why); 13] = [
    ("core.tunnels.gre-aruba-amsdu", Why::Bare),
    ("core.vntag-in-vlan", Why::Bare),
    ("scripts.base.frameworks.logging.field-extension-complex", Why::Bare),
    ("scripts.base.frameworks.logging.field-extension-optional", Why::Bare),
    ("scripts.base.frameworks.logging.field-extension", Why::Bare),
    ("scripts.base.frameworks.logging.field-name-map", Why::Bare),
    ("scripts.base.frameworks.logging.scope_sep", Why::Bare),
    ("scripts.base.frameworks.logging.scope_sep_and_field_name_map", Why::Bare),
    ("scripts.base.protocols.ntp.misordered-ntp", Why::Content),
    ("core.pcap.dynamic-filter", Why::Dropped),
    ("core.pcap.read-trace-with-filter", Why::Dropped),
    ("scripts.base.frameworks.netcontrol.packetfilter", Why::Dropped),
    ("core.tunnels.vxlan-unknown-internal-packet", Why::NoRow),
];
