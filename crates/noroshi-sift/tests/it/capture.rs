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
    let mut turned = Vec::new();
    let mut differ = BTreeMap::new();
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
        let unordered = |rows: &BTreeSet<Row>| -> BTreeSet<Row> {
            rows.iter()
                .map(|(src, src_port, dst, dst_port, proto)| {
                    let ((src, src_port), (dst, dst_port)) = if (src, src_port) <= (dst, dst_port) {
                        ((src, src_port), (dst, dst_port))
                    } else {
                        ((dst, dst_port), (src, src_port))
                    };
                    (src.clone(), *src_port, dst.clone(), *dst_port, proto.clone())
                })
                .collect()
        };
        if unordered(&found) == unordered(&expected) {
            turned.push(cells[0].to_owned());
        } else {
            let more: Vec<&Row> = found.difference(&expected).collect();
            let less: Vec<&Row> = expected.difference(&found).collect();
            differ.insert(cells[0].to_owned(), format!("ours {more:?} zeek's {less:?}"));
        }
    }
    println!("equal {equal}, without tuples in the log {without}, only turned {turned:?}");
    for (name, how) in &differ {
        println!("{name}: {how}");
    }
    assert_eq!((index.lines().count(), without), (145, 46));
    // Zeek ran without the scripts that know on which ports servers listen, or looked into the content (NTP).
    assert!(turned.iter().all(|name| TURNED.iter().any(|(known, _)| known == name)), "{turned:?}");
    assert!(
        differ.keys().all(|name| FILTERED.iter().any(|(known, _)| known == name)),
        "{differ:?}"
    );
    assert!(equal >= 86, "{equal}");
}

/// Why Zeek takes the other end for the one that opened.
const TURNED: [(&str, &str); 9] = [
    ("core.tunnels.gre-aruba-amsdu", "the capture begins in the middle, and as below"),
    ("core.vntag-in-vlan", "run without the analyzers that know servers' ports"),
    ("scripts.base.frameworks.logging.field-extension-complex", "the same"),
    ("scripts.base.frameworks.logging.field-extension-optional", "the same"),
    ("scripts.base.frameworks.logging.field-extension", "the same"),
    ("scripts.base.frameworks.logging.field-name-map", "the same"),
    ("scripts.base.frameworks.logging.scope_sep", "the same"),
    ("scripts.base.frameworks.logging.scope_sep_and_field_name_map", "the same"),
    ("scripts.base.protocols.ntp.misordered-ntp", "the message says who serves"),
];

/// Why Zeek's log has fewer rows than the capture has flows.
const FILTERED: [(&str, &str); 4] = [
    ("core.pcap.dynamic-filter", "a filter was set"),
    ("core.pcap.read-trace-with-filter", "a filter was set"),
    ("scripts.base.frameworks.netcontrol.packetfilter", "packets were dropped by a rule"),
    ("core.tunnels.vxlan-unknown-internal-packet", "IGMP inside is not reported"),
];
