//! Inputs that somebody made worse, and what must hold of every one of them.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use noroshi_sift::capture::{CaptureSettings, Limits};
use noroshi_sift::digest::Digest;
use noroshi_sift::engine::{Engine, Link, Settings};
use noroshi_sift::export::Collector;
use noroshi_sift::index::SelectorIndex;
use noroshi_sift::mode::Mode;
use noroshi_sift::reading::Reading;
use noroshi_sift::selector::parse_list;
use noroshi_sift::switches::Switches;

use crate::packets::{self, Frame};

/// Numbers that are the same on every machine.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }
}

/// Frames of every kind as files of every form.
pub(crate) fn captures() -> Vec<Vec<u8>> {
    let inner =
        Frame::udp("198.51.100.9", 5000, "203.0.113.5", 53, &packets::question("a.evil.example"));
    let big = packets::udp(5000, 53, &[b'P'; 3_000]);
    let mut frames = vec![
        Frame::tcp("192.0.2.7", 4000, "203.0.113.5", 443, packets::SYN, b""),
        Frame::tcp(
            "192.0.2.7",
            4000,
            "203.0.113.5",
            443,
            packets::ACK,
            &packets::hello("b.evil.example"),
        ),
        Frame::tcp(
            "192.0.2.7",
            4002,
            "203.0.113.5",
            80,
            packets::ACK,
            b"GET /PLANTED HTTP/1.1\r\nHost: c.evil.example\r\nCookie: PLANTED\r\n\r\n",
        ),
        Frame::tcp("192.0.2.7", 4003, "203.0.113.5", 443, packets::ACK, b"PLANTED")
            .sequence(u32::MAX)
            .at(90),
        Frame::cut_off(),
        Frame::arp(),
        inner.clone().vlan(7),
        inner.clone().vxlan(),
        inner.clone().gre(),
        inner.clone().gtp(),
        inner.clone().gre().vxlan(),
        inner.clone().gtp().cut(80),
        inner.clone().session(),
        Frame::teredo("2001:db8::5", &packets::udp(5000, 53, b"PLANTED")),
        Frame::udp(
            "203.0.113.5",
            53,
            "192.0.2.7",
            5000,
            &packets::answer("d.evil.example", 1, &[203, 0, 113, 5]),
        ),
        Frame::udp("192.0.2.1", 1, "192.0.2.2", 4739, &export(10)),
    ];
    frames.extend(Frame::fragments("192.0.2.7", "203.0.113.5", &big, 1_480));
    vec![
        packets::pcap(&frames, true, false),
        packets::pcap(&frames, false, true),
        packets::pcapng(&frames, true),
        packets::pcapng(&frames, false),
    ]
}

fn export(version: u16) -> Vec<u8> {
    let template = packets::template(256, &[(8, 4), (12, 4), (4, 1), (1, 8), (371, 65_535)]);
    let mut record = vec![192, 0, 2, 7, 203, 0, 113, 5, 6, 0, 0, 0, 0, 0, 0, 1, 0];
    record.push(7);
    record.extend(b"PLANTED");
    let sets = [packets::set_of_version(version, &template), packets::set(256, &record)].concat();
    match version {
        9 => packets::version_9(1, &sets),
        10 => packets::ipfix(1, 7, &sets),
        _ => packets::version_5(&["203.0.113.5", "198.51.100.1"]),
    }
}

fn texts() -> Vec<Vec<u8>> {
    let zeek = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\thttp\n\
        #fields\tts\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\thost\turi\ttx_hosts\n\
        #types\ttime\taddr\tport\taddr\tport\tstring\tstring\tset[addr]\n\
        1790000000.5\t192.0.2.7\t4000\t203.0.113.5\t80\tx.evil.example\t/PLANTED\t192.0.2.1,203.0.113.5\n\
        1790000001.5\t192.0.2.7\t4000\t198.51.100.1\t80\t\\x65vil.example\t/PLANTED\t(empty)\n\
        #close\t2026-11-23-00-00-00\n";
    let eve = "{\"timestamp\":\"2026-09-21T14:13:20.000001+0000\",\"event_type\":\"dns\",\"src_ip\":\"192.0.2.7\",\
        \"dest_ip\":\"203.0.113.5\",\"proto\":\"UDP\",\"dns\":{\"rrname\":\"x.evil.example\",\"answers\":[{\"rdata\":\"PLANTED\"}]}}\n\
        {\"timestamp\":\"2026-09-21T14:13:20.000001+0000\",\"event_type\":\"stats\",\"stats\":{\"PLANTED\":[[[1]]]}}\n";
    let csv = "ts,src,dst,bytes,query,body\n1790000000,192.0.2.7,203.0.113.5,7,x.evil.example,\"PLANTED, \"\"x\"\"\"\n\
        1790000000123,192.0.2.7,198.51.100.1,,,\n";
    vec![zeek.into(), eve.into(), csv.into()]
}

/// One input of every kind, and each of them packed.
pub(crate) fn seeds(parquet: Vec<u8>) -> Vec<Vec<u8>> {
    let mut plain = captures();
    plain.extend(texts());
    plain.extend([5, 9, 10].map(export));
    plain.push(parquet);
    let packed: Vec<Vec<u8>> = plain
        .iter()
        .flat_map(|bytes| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(bytes).unwrap();
            [encoder.finish().unwrap(), zstd::encode_all(&bytes[..], 1).unwrap()]
        })
        .collect();
    plain.extend(packed);
    plain
}

/// One to eight changes of the kinds that break readers: bits, lengths, cuts, copies.
pub(crate) fn worsen(seed: &[u8], other: &[u8], noise: &mut Noise) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=noise.below(8) {
        let length = bytes.len();
        let at = noise.below(length);
        let end = (at + 1 + noise.below(16)).min(length);
        match noise.below(9) {
            0 | 1 if at < length => bytes[at] ^= 1 << noise.below(8),
            2 if at < length => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][noise.below(5)],
            3 if at < end => bytes[at..end].fill([0, 0xff][noise.below(2)]),
            4 => bytes.truncate(at),
            5 if at < end => drop(bytes.drain(at..end)),
            6 if at < end => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            7 => {
                let from = noise.below(other.len());
                let to = (from + noise.below(64)).min(other.len());
                bytes.splice(at..at, other[from..to].to_vec());
            }
            _ => {
                let number = [0_u32, 1, 0xffff, 0x7fff_ffff, u32::MAX][noise.below(5)];
                let to = (at + 4).min(length);
                bytes.splice(at..to, number.to_be_bytes());
            }
        }
    }
    bytes
}

pub(crate) fn index() -> SelectorIndex {
    let (selectors, _) = parse_list(b"203.0.113.5\nevil.example\n192.0.2.0/25\n");
    SelectorIndex::build(selectors).unwrap()
}

/// Reads an input with everything switched on. Whatever it is: no panic, every record in one place, every error
/// stated, no content.
pub(crate) fn check(index: SelectorIndex, input: &[u8]) {
    let settings = Settings {
        sensor: "sensor-1".parse().unwrap(),
        own_networks: vec!["192.0.2.0/24".parse().unwrap()],
        retention_days: 90,
        program: Digest::of(b"build"),
        link: Link::FIRST,
        started_at: "2026-11-23T00:00:00Z".parse().unwrap(),
    };
    let capture = CaptureSettings {
        tunnels: true,
        exports: true,
        limits: Limits { flows_max: 4, ..Limits::default() },
    };
    let reading = Reading { capture, mapping: None };
    let switches = Switches::of_mode(Mode::OwnNetwork);
    let engine = Engine::with_switches(Mode::OwnNetwork, switches, index, settings, Vec::new());
    let mut engine = engine.unwrap();
    engine.read_any("hostile", input, &reading, &mut Collector::default()).unwrap();
    let outcome = engine.finish("2026-11-23T00:01:00Z".parse().unwrap()).unwrap();
    let tally = outcome.certificate.tally;
    assert!(outcome.certificate.balances(), "{tally:?}");
    assert_eq!(outcome.problems.first.len() as u64 + outcome.problems.omitted, tally.errors);
    let said = serde_json::to_string(&(&outcome.certificate, &outcome.problems)).unwrap();
    assert!(!said.contains("PLANTED") && !said.contains("evil"));
    assert!(!outcome.sink.windows(7).any(|window| window == b"PLANTED"));
}
