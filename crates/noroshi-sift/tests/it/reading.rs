//! Every kind of input by its content: packed, captured, exported, in tables; whole, broken and hostile.

use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use noroshi_evidence::mechanical::{MechanicalRecord, Protocol};
use noroshi_sift::capture::{CaptureNotes, CaptureSettings, Limits};
use noroshi_sift::engine::{Engine, Outcome};
use noroshi_sift::export::{Collector, ExportNotes};
use noroshi_sift::mode::Mode;
use noroshi_sift::problem::Reason;
use noroshi_sift::reading::Reading;
use noroshi_sift::sealed::Sealed;
use noroshi_sift::store::read_records;
use noroshi_sift::switches::Switches;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::packets::{self, Frame};
use crate::run::{index, records, settings};

pub(crate) struct Read {
    pub(crate) outcome: Outcome<Vec<u8>>,
    pub(crate) capture: CaptureNotes,
    pub(crate) export: ExportNotes,
}

pub(crate) fn read_with(list: &str, reading: &Reading, inputs: &[&[u8]]) -> Read {
    read_under(Switches::of_mode(Mode::OwnNetwork), list, reading, inputs)
}

fn read_under(switches: Switches, list: &str, reading: &Reading, inputs: &[&[u8]]) -> Read {
    let mode = Mode::OwnNetwork;
    let engine = Engine::with_switches(mode, switches, index(list), settings(), Vec::new());
    let mut engine = engine.unwrap();
    let mut collector = Collector::default();
    let mut capture = CaptureNotes::default();
    for (number, input) in inputs.iter().enumerate() {
        let source = format!("input-{number}");
        capture = engine.read_any(&source, *input, reading, &mut collector).unwrap();
    }
    let outcome = engine.finish("2026-11-23T00:01:00Z".parse().unwrap()).unwrap();
    assert!(outcome.certificate.balances(), "{:?}", outcome.certificate);
    let problems = outcome.problems.first.len() as u64 + outcome.problems.omitted;
    assert_eq!(problems, outcome.certificate.tally.errors, "every error is stated");
    assert!(outcome.certificate.covers(&records(&outcome)));
    Read { outcome, capture, export: collector.notes() }
}

pub(crate) fn read(list: &str, inputs: &[&[u8]]) -> Read {
    read_with(list, &Reading::default(), inputs)
}

impl Read {
    fn rows(&self) -> Vec<MechanicalRecord> {
        records(&self.outcome)
    }

    fn reasons(&self) -> Vec<Reason> {
        self.outcome.problems.first.iter().map(|problem| problem.reason).collect()
    }

    /// Kept, unmatched, content, errors.
    fn counts(&self) -> [u64; 4] {
        let tally = self.outcome.certificate.tally;
        [tally.kept, tally.unmatched, tally.content, tally.errors]
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Noise in the message keeps it from being packed to nothing.
pub(crate) fn log(lines: usize) -> String {
    let mut noise = 7_u64;
    let mut log = String::new();
    for number in 0..lines {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (host, second) = (number % 5, 1_790_000_000 + number);
        let line = format!(
            "{{\"ts\":{second}.5,\"id.orig_h\":\"192.0.2.7\",\"id.resp_h\":\"203.0.113.{host}\",\"uid\":\"{noise:x}\"}}\n"
        );
        log += &line;
    }
    log
}

#[test]
fn packed_logs_are_what_is_inside() {
    let log = log(500);
    let plain = read("203.0.113.4", &[log.as_bytes()]);
    let (first, second) = log.split_at(log.len() / 2);
    let members = [gzip(first.as_bytes()), gzip(second.as_bytes())].concat();
    let frames = [
        zstd::encode_all(first.as_bytes(), 1).unwrap(),
        zstd::encode_all(second.as_bytes(), 1).unwrap(),
    ]
    .concat();
    assert_eq!(plain.counts(), [100, 400, 0, 0]);
    for packed in [gzip(log.as_bytes()), members, frames] {
        let inside = read("203.0.113.4", &[&packed]);
        assert_eq!(inside.outcome.certificate.tally, plain.outcome.certificate.tally);
        assert_eq!(inside.outcome.certificate.rows_root, plain.outcome.certificate.rows_root);
    }
}

#[test]
fn half_a_packing_is_read_to_the_break_and_stated() {
    let log = log(2_000);
    for packed in [gzip(log.as_bytes()), zstd::encode_all(log.as_bytes(), 1).unwrap()] {
        for cut in [packed.len() / 2, packed.len() - 4, 12] {
            let half = read("203.0.113.4", &[&packed[..cut]]);
            let [kept, unmatched, _, errors] = half.counts();
            assert!(half.reasons().contains(&Reason::Damaged), "{cut}: {:?}", half.reasons());
            // The record that the break cut in two, and the break.
            assert!((1..=2).contains(&errors), "{cut}: {errors}");
            let whole = usize::try_from(kept + unmatched).unwrap();
            let out: usize = log.lines().take(whole).map(|line| line.len() + 1).sum();
            let tally = half.outcome.certificate.tally;
            assert!(out as u64 <= tally.bytes + 1 && tally.bytes <= log.len() as u64, "{cut}");
        }
    }
}

#[test]
fn what_unpacks_to_too_much_is_stopped() {
    let bomb = zstd::encode_all(std::io::repeat(b' ').take(128 << 20), 1).unwrap();
    let stopped = read("203.0.113.4", &[&bomb]);
    assert!(stopped.reasons().contains(&Reason::TooDense), "{:?}", stopped.reasons());
    assert!(stopped.outcome.certificate.tally.bytes < 80 << 20);
}

use std::io::Read as _;

#[test]
fn a_capture_is_counted_in_flows() {
    let frames = [
        Frame::tcp("192.0.2.7", 4000, "203.0.113.5", 443, packets::SYN, b""),
        Frame::tcp("203.0.113.5", 443, "192.0.2.7", 4000, packets::SYN | packets::ACK, b""),
        Frame::tcp("192.0.2.7", 4000, "203.0.113.5", 443, packets::ACK, b"PLANTED content"),
        Frame::udp("192.0.2.7", 5000, "198.51.100.1", 53, b"PLANTED"),
        Frame::arp(),
        Frame::cut_off(),
    ];
    for file in [
        packets::pcap(&frames, true, false),
        packets::pcap(&frames, false, false),
        packets::pcap(&frames, true, true),
        packets::pcapng(&frames, true),
        packets::pcapng(&frames, false),
    ] {
        let read = read("203.0.113.5", &[&file, &gzip(&file)]);
        assert_eq!(read.counts(), [2, 2, 2, 2], "{:?}", read.reasons());
        assert_eq!(read.reasons(), [Reason::BadPacket, Reason::BadPacket]);
        assert_eq!(read.capture.packets, 6);
        let row = &read.rows()[0];
        assert_eq!((row.src_port, row.dst_port), (Some(4000), Some(443)));
        assert_eq!((row.bytes, row.packets), (Some(40 * 3 + 15), Some(3)));
        assert_eq!(row.ts, "2026-09-21T14:13:20.000001Z".parse().unwrap());
        assert_eq!(row.flow_end.unwrap(), "2026-09-21T14:13:22.000001Z".parse().unwrap());
        assert!(!read.outcome.sink.windows(7).any(|window| window == b"PLANTED"));
    }
}

#[test]
fn a_capture_may_end_anywhere() {
    let frames = vec![Frame::udp("192.0.2.7", 5000, "203.0.113.5", 53, b"content"); 3];
    for file in [packets::pcap(&frames, true, false), packets::pcapng(&frames, true)] {
        for end in 4..file.len() {
            let read = read("203.0.113.5", &[&file[..end]]);
            let torn = read.reasons();
            assert!(torn.is_empty() || torn == [Reason::Interrupted], "{end}: {torn:?}");
            let packets: u64 = read.rows().iter().filter_map(|row| row.packets).sum();
            assert_eq!(packets, read.capture.packets, "{end}");
        }
    }
}

#[test]
fn fragments_of_a_datagram_are_one_flow_with_its_ports() {
    let whole = packets::udp(5000, 53, &[b'x'; 3_000]);
    let frames = Frame::fragments("192.0.2.7", "203.0.113.5", &whole, 1_480);
    assert_eq!(frames.len(), 3);
    let mut shuffled = frames.clone();
    shuffled.rotate_left(1);
    for frames in [frames.clone(), shuffled] {
        let read = read("203.0.113.5", &[&packets::pcap(&frames, true, false)]);
        let rows = read.rows();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].src_port, rows[0].packets), (Some(5000), Some(3)));
        assert_eq!(rows[0].bytes, Some(3_008 + 60));
    }
    // Without the last piece the datagram is still counted, by what its beginning says.
    let read = read("203.0.113.5", &[&packets::pcap(&frames[..2], true, false)]);
    assert_eq!((read.rows()[0].src_port, read.rows()[0].packets), (Some(5000), Some(2)));
    assert_eq!(read.capture.incomplete, 1);
}

#[test]
fn tunnels_are_opened_where_asked() {
    let inner = Frame::udp("198.51.100.9", 5000, "203.0.113.5", 53, b"content");
    let frames =
        [inner.clone().vlan(7).vlan(8), inner.clone().vxlan(), inner.clone().gre(), inner.gtp()];
    let file = packets::pcap(&frames, true, false);
    let closed = read("203.0.113.5", &[&file]);
    let opened = Reading {
        capture: CaptureSettings { tunnels: true, ..CaptureSettings::default() },
        ..Reading::default()
    };
    let opened = read_with("203.0.113.5", &opened, &[&file]);
    // The frame with the tags; opened, the same flow once more for each of the tunnels.
    assert_eq!(closed.rows()[0].packets, Some(1));
    assert_eq!(opened.rows()[0].packets, Some(4));
    assert_eq!(
        closed.counts()[1],
        opened.counts()[1],
        "the tunnels themselves are flows either way"
    );
}

#[test]
fn tunnels_are_opened_also_where_the_capture_cut_them() {
    let inner = Frame::udp("198.51.100.9", 5000, "203.0.113.5", 9, &[b'x'; 800]);
    let datagram = packets::udp(5000, 9, &[b'x'; 800]);
    let teredo = Frame::teredo("2001:db8::5", &datagram);
    let reading = Reading {
        capture: CaptureSettings { tunnels: true, ..CaptureSettings::default() },
        ..Reading::default()
    };
    for (what, frame) in [
        ("VXLAN", inner.clone().vxlan()),
        ("GRE", inner.clone().gre()),
        ("GTP", inner.gtp()),
        ("Teredo", teredo),
    ] {
        for cut in [128, 2_000] {
            let file = packets::pcap(&[frame.clone().cut(cut)], true, false);
            let read = read_with("203.0.113.5\n2001:db8::5", &reading, &[&file]);
            assert_eq!(read.counts(), [1, 1, 0, 0], "{what} {cut} {:?}", read.reasons());
            assert_eq!(read.rows()[0].dst_port, Some(9), "{what} {cut}");
        }
    }
}

#[test]
fn sessions_of_ppp_are_a_link_of_their_own() {
    let frame = Frame::udp("192.0.2.7", 5000, "203.0.113.5", 9, b"content").session();
    let mut file = packets::pcap(&[frame], false, false);
    // The type of the link is the last word of the header.
    file[20..24].copy_from_slice(&51_u32.to_be_bytes());
    assert_eq!(read("203.0.113.5", &[&file]).counts(), [1, 0, 0, 0]);
}

#[test]
fn the_table_of_flows_is_bounded_and_says_what_it_closed() {
    let frames: Vec<Frame> = (0..1_000)
        .map(|number| Frame::udp("192.0.2.7", 5000 + number, "203.0.113.5", 53, b""))
        .collect();
    let limits = Limits { flows_max: 10, ..Limits::default() };
    let reading = Reading {
        capture: CaptureSettings { limits, ..CaptureSettings::default() },
        ..Reading::default()
    };
    let read = read_with("203.0.113.5", &reading, &[&packets::pcap(&frames, true, false)]);
    assert_eq!(read.counts(), [1_000, 0, 0, 0]);
    // A second between packets: what has rested for a minute would have ended anyhow.
    assert_eq!(read.capture.evicted, 990);
}

#[test]
fn a_flow_that_rests_or_lasts_is_recorded_in_parts() {
    let frame = Frame::udp("192.0.2.7", 5000, "203.0.113.5", 9, b"");
    let at = |seconds: u64| frame.clone().at(seconds);
    let rests = packets::pcap(&[at(0), at(30), at(200)], true, false);
    assert_eq!(read("203.0.113.5", &[&rests]).counts(), [2, 0, 0, 0]);
    let lasts: Vec<Frame> = (0..100).map(|number| at(number * 50)).collect();
    let read = read("203.0.113.5", &[&packets::pcap(&lasts, true, false)]);
    assert_eq!(read.counts()[0], 3);
    assert_eq!(read.rows().iter().filter_map(|row| row.packets).sum::<u64>(), 100);
}

#[test]
fn names_are_looked_at_only_where_a_switch_allows_it() {
    let frames = [
        Frame::udp("192.0.2.7", 5000, "198.51.100.1", 53, &packets::question("a.evil.example")),
        Frame::tcp(
            "192.0.2.7",
            4001,
            "198.51.100.2",
            443,
            packets::ACK,
            &packets::hello("b.evil.example"),
        ),
        Frame::tcp(
            "192.0.2.7",
            4002,
            "198.51.100.3",
            80,
            packets::ACK,
            b"GET /PLANTED HTTP/1.1\r\nCookie: PLANTED\r\nHost: c.evil.example\r\n\r\n",
        ),
    ];
    let file = packets::pcap(&frames, true, false);
    let kept = |switches: Switches| {
        let read = read_under(switches, "evil.example", &Reading::default(), &[&file]);
        read.rows().iter().map(|row| row.dst_port.unwrap()).collect::<Vec<u16>>()
    };
    let none = Switches { ports: true, ..Switches::CLOSED };
    assert_eq!(kept(none), [0_u16; 0]);
    assert_eq!(kept(Switches { dns_names: true, ..none }), [53]);
    assert_eq!(kept(Switches { tls_names: true, ..none }), [443]);
    assert_eq!(kept(Switches { http_hosts: true, ..none }), [80]);
}

#[test]
fn a_greeting_in_pieces_still_has_its_name() {
    let hello = packets::hello("b.evil.example");
    let (first, rest) = hello.split_at(40);
    let (second, third) = rest.split_at(30);
    let part = |sequence: u32, bytes: &[u8]| {
        Frame::tcp("192.0.2.7", 4001, "198.51.100.2", 443, packets::ACK, bytes).sequence(sequence)
    };
    let frames = [
        Frame::tcp("192.0.2.7", 4001, "198.51.100.2", 443, packets::SYN, b"").sequence(99),
        part(100, first),
        part(100, first),
        part(140, second),
        part(170, third),
    ];
    let read = read("evil.example", &[&packets::pcap(&frames, true, false)]);
    assert_eq!(read.counts(), [1, 0, 0, 0]);
}

/// However many names come in one flow, and wherever in it, each is looked at.
#[test]
fn no_name_is_one_too_many() {
    let kept = |frames: &[Frame]| {
        let read = read("evil.example", &[&packets::pcap(frames, true, false)]);
        assert_eq!(read.capture.unheard, 0);
        (read.counts(), read.rows().iter().filter_map(|row| row.packets).sum::<u64>())
    };
    // A resolver that asks from one port.
    let ask = |name: &str| {
        Frame::udp("192.0.2.7", 53, "198.51.100.53", 53, &packets::question(name)).at(0)
    };
    let mut frames: Vec<Frame> = (0..64).map(|number| ask(&format!("n{number}.example"))).collect();
    frames.extend(["evil.example", "good.example"].map(ask));
    assert_eq!(kept(&frames), ([1, 1, 0, 0], 2));
    // The last of many addresses in one answer.
    let mut answer = packets::question("good.example");
    answer[7] = 100;
    for host in 0..100 {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 51, 100, host]);
    }
    let frame = Frame::udp("198.51.100.53", 53, "192.0.2.7", 5000, &answer);
    let answered = read("198.51.100.99", &[&packets::pcap(&[frame], true, false)]);
    assert_eq!(answered.counts(), [1, 0, 0, 0]);
    // Over TCP one message behind the other, cut anywhere.
    let message = |name: &str| {
        let message = packets::question(name);
        [&u16::try_from(message.len()).unwrap().to_be_bytes()[..], &message].concat()
    };
    let stream = [message("good.example"), message("evil.example")].concat();
    for cut in 1..stream.len() {
        let (first, second) = stream.split_at(cut);
        let part = |at: usize, bytes: &[u8]| {
            let frame = Frame::tcp("192.0.2.7", 5000, "198.51.100.53", 53, packets::ACK, bytes);
            frame.sequence(u32::try_from(100 + at).unwrap())
        };
        assert_eq!(kept(&[part(0, first), part(cut, second)]).0, [1, 0, 0, 0], "{cut}");
    }
}

/// A message of DNS as it goes over TCP.
fn in_stream(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

/// A question over TCP, and what is answered from a port, in parts one behind the other.
fn asked_over_tcp(port: u16, parts: &[&[u8]]) -> Vec<u8> {
    let mut begin = 0;
    let placed = parts.iter().map(|part| {
        begin += part.len();
        (begin - part.len(), *part)
    });
    asked_with_gaps(port, &placed.collect::<Vec<_>>())
}

/// The same, with where in the answer each part stands.
fn asked_with_gaps(port: u16, parts: &[(usize, &[u8])]) -> Vec<u8> {
    let (client, server) = ("192.0.2.7", "198.51.100.53");
    let question = in_stream(&packets::question("good.example"));
    let mut frames = vec![
        Frame::tcp(client, 5000, server, port, packets::SYN, b"").sequence(1),
        Frame::tcp(server, port, client, 5000, packets::SYN | packets::ACK, b"").sequence(999),
        Frame::tcp(client, 5000, server, port, packets::ACK, &question).sequence(2),
    ];
    for (begin, part) in parts {
        let sequence = 1_000 + u32::try_from(*begin).unwrap();
        let frame = Frame::tcp(server, port, client, 5000, packets::ACK, part);
        // Each is sent twice.
        frames.extend([frame.clone().sequence(sequence), frame.sequence(sequence)]);
    }
    packets::pcap(&frames, true, false)
}

#[test]
fn what_a_name_server_answers_over_tcp_is_heard_as_over_udp() {
    let kept = |list: &str, file: &[u8]| {
        let read = read(list, &[file]);
        (read.counts(), read.capture.unheard)
    };
    let address = packets::answer("good.example", 1, &[203, 0, 113, 5]);
    let name = packets::answer("good.example", 5, b"\x04evil\x07example\0");
    let both = [in_stream(&name), in_stream(&address)].concat();
    for list in ["203.0.113.5", "evil.example"] {
        for cut in 1..both.len() {
            let (first, second) = both.split_at(cut);
            let file = asked_over_tcp(53, &[first, second]);
            assert_eq!(kept(list, &file), ([1, 0, 0, 0], 0), "{list} {cut}");
        }
        // No name server answers there.
        assert_eq!(kept(list, &asked_over_tcp(9_999, &[&both[..]])), ([0, 1, 0, 0], 0));
        // Of an answer whose end is missing counts what stands before.
        let all_but_one = &both[..both.len() - 1];
        let expected = if list == "evil.example" { [1, 0, 0, 0] } else { [0, 1, 0, 0] };
        assert_eq!(kept(list, &asked_over_tcp(53, &[all_but_one])), (expected, 0));
    }
    let mut many = packets::question("good.example");
    many[6..8].copy_from_slice(&1_000_u16.to_be_bytes());
    for host in 0..1_000_u16 {
        let [high, low] = host.to_be_bytes();
        many.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 9, high, low]);
    }
    let many = in_stream(&many);
    let parts: Vec<&[u8]> = many.chunks(1_400).collect();
    // An answer longer than what is held of a stream: what was held counts, and that there was more. With so many addresses
    // the flow is more than one record.
    assert_eq!(kept("10.9.1.200", &asked_over_tcp(53, &parts)), ([1, 1, 0, 0], 1));
    // Only a part of it was captured.
    assert_eq!(kept("10.9.0.20", &asked_over_tcp(53, &parts[..1])), ([1, 0, 0, 0], 0));
}

/// Behind a gap nothing says where a message begins. It is not guessed, and that something was not heard is counted.
#[test]
fn a_stream_of_dns_with_a_gap_says_that_not_all_was_heard() {
    let kept = |list: &str, file: &[u8]| {
        let read = read(list, &[file]);
        (read.counts(), read.capture.unheard)
    };
    let name = in_stream(&packets::answer("good.example", 5, b"\x04evil\x07example\0"));
    let address = in_stream(&packets::answer("good.example", 1, &[203, 0, 113, 5]));
    let behind = name.len();
    // Lost: what stands before it is heard, and what comes behind it is not.
    let lost = asked_with_gaps(53, &[(0, &name), (behind + 9, &address), (behind + 99, &address)]);
    assert_eq!(kept("evil.example", &lost), ([1, 0, 0, 0], 1));
    assert_eq!(kept("203.0.113.5", &lost), ([0, 1, 0, 0], 1));
    // From the beginning on.
    let headless = asked_with_gaps(53, &[(behind, &address)]);
    assert_eq!(kept("203.0.113.5", &headless), ([0, 1, 0, 0], 1));
    // What comes late closes the gap again.
    let (first, second) = name.split_at(20);
    let late = asked_with_gaps(53, &[(0, first), (behind, &address), (20, second)]);
    assert_eq!(kept("evil.example", &late), ([1, 0, 0, 0], 1));
    let (first, second) = address.split_at(20);
    let late = asked_with_gaps(53, &[(20, second), (0, first), (20, second)]);
    assert_eq!(kept("203.0.113.5", &late), ([1, 0, 0, 0], 1));
    // What is asked, also where no port says that it is DNS.
    let question = in_stream(&packets::question("evil.example"));
    for port in [53, 9_999] {
        let ask = |sequence: u32| {
            let frame =
                Frame::tcp("192.0.2.7", 5000, "198.51.100.53", port, packets::ACK, &question);
            frame.sequence(sequence)
        };
        let file = packets::pcap(&[ask(1), ask(5_000), ask(9_000)], true, false);
        assert_eq!(kept("evil.example", &file), ([1, 0, 0, 0], 1), "{port}");
    }
    // Of what is no DNS nothing is missing.
    assert_eq!(kept("203.0.113.5", &asked_with_gaps(9_999, &[(9, &address)])), ([0, 1, 0, 0], 0));
}

/// A connection is used for one request after the other, and what lies between them may be missing.
#[test]
fn every_request_of_a_connection_names_its_host() {
    let head = |host: &str| format!("POST / HTTP/1.1\r\nA: b\r\nHost: {host}\r\n\r\n").into_bytes();
    let frames = |parts: &[(u32, &[u8])]| -> Vec<Frame> {
        let frame = |(sequence, bytes): &(u32, &[u8])| {
            Frame::tcp("192.0.2.7", 4002, "198.51.100.3", 80, packets::ACK, bytes)
                .sequence(*sequence)
        };
        parts.iter().map(frame).collect()
    };
    let (good, evil) = (head("good.example"), head("evil.example"));
    let both = [&good[..], &evil].concat();
    let with_content = [&good[..], b"content"].concat();
    let content = vec![b'x'; 1_000];
    for parts in [
        vec![(1, &both[..])],
        vec![(1, &good[..]), (1_000, &content[..]), (5_000, &evil[..])],
        vec![(1, &with_content[..]), (1_000, b"Content"), (5_000, &evil[..])],
        vec![(1, &good[..]), (5_000, &evil[..30]), (5_030, &evil[30..])],
    ] {
        let file = packets::pcap(&frames(&parts), true, false);
        assert_eq!(read("evil.example", &[&file]).counts(), [1, 0, 0, 0], "{}", parts.len());
    }
    // What only looks like a host in the content is none.
    let content = b"content\r\nHost: evil.example\r\n\r\n";
    let file = packets::pcap(&frames(&[(1, &good), (1_000, content)]), true, false);
    assert_eq!(read("evil.example", &[&file]).counts(), [0, 1, 0, 0]);
}

const FIELDS: [(u16, u16); 9] =
    [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 8), (2, 4), (152, 8), (153, 8)];

/// A record of [`FIELDS`].
fn exported(host: u8) -> Vec<u8> {
    let mut record = vec![192, 0, 2, 7, 203, 0, 113, host];
    record.extend(4000_u16.to_be_bytes());
    record.extend(443_u16.to_be_bytes());
    record.push(6);
    record.extend(1_500_u64.to_be_bytes());
    record.extend(3_u32.to_be_bytes());
    record.extend(1_790_000_000_500_u64.to_be_bytes());
    record.extend(1_790_000_001_500_u64.to_be_bytes());
    record
}

#[test]
fn exports_of_three_versions_are_read_from_files_and_datagrams() {
    let template = packets::template(256, &FIELDS);
    let data = packets::set(256, &[exported(5), exported(6), vec![0; 3]].concat());
    let sets = [packets::set_of_version(10, &template), data.clone()].concat();
    let ipfix = packets::ipfix(0, 7, &sets);
    let later = packets::ipfix(2, 7, &data);
    let file = [ipfix.clone(), later].concat();
    let read = read("203.0.113.5", &[&file]);
    assert_eq!(read.counts(), [2, 2, 0, 0], "{:?}", read.reasons());
    let row = &read.rows()[0];
    assert_eq!(
        (row.src_port, row.dst_port, row.proto),
        (Some(4000), Some(443), Some(Protocol::TCP))
    );
    assert_eq!((row.bytes, row.packets), (Some(1_500), Some(3)));
    assert_eq!(row.flow_start.unwrap(), "2026-09-21T14:13:20.5Z".parse().unwrap());
    assert_eq!(read.export, ExportNotes { datagrams: 2, templates: 1, ..ExportNotes::default() });

    let nine = packets::version_9(0, &[packets::set_of_version(9, &template), data].concat());
    let nine = [nine.clone(), nine].concat();
    let read = super::reading::read("203.0.113.5", &[&nine]);
    assert_eq!(read.counts(), [2, 2, 0, 0], "{:?}", read.reasons());
    assert_eq!(read.export.restarts, 1, "the same sequence number came twice");

    let old = packets::version_5(&["203.0.113.5", "203.0.113.6"]);
    let read = super::reading::read("203.0.113.5", &[&old]);
    assert_eq!(read.counts(), [1, 1, 0, 0]);
    let row = &read.rows()[0];
    assert_eq!((row.bytes, row.packets), (Some(900), Some(2)));
    assert_eq!(row.flow_start.unwrap(), "2026-09-21T14:13:10Z".parse().unwrap());
}

#[test]
fn what_an_export_lacks_is_stated() {
    let data = packets::set(256, &exported(5));
    let template = packets::set_of_version(10, &packets::template(256, &FIELDS));
    let mut engine =
        Engine::new(Mode::OwnNetwork, index("203.0.113.5"), settings(), Vec::new()).unwrap();
    let mut collector = Collector::default();
    let mut number = 0;
    let mut take = |sequence: u32, sets: &[u8]| {
        number += 1;
        let datagram = packets::ipfix(sequence, 7, sets);
        let sealed = Sealed::new(&datagram);
        let exporter = Some("198.51.100.77:40000".parse().unwrap());
        engine.datagram(&mut collector, "udp", exporter, number, &sealed).unwrap();
    };
    take(0, &data);
    take(1, &template);
    take(1, &data);
    take(12, &data);
    take(3, &data);
    // A withdrawn template is not used any more.
    take(4, &[packets::set_of_version(10, &packets::template(256, &[])), data.clone()].concat());
    // Half a record is what a contradiction looks like.
    take(4, &[template.clone(), vec![1, 0, 0, 99]].concat());
    let notes = collector.notes();
    assert_eq!((notes.lost_records, notes.restarts), (10, 1));
    let outcome = engine.finish("2026-11-23T00:01:00Z".parse().unwrap()).unwrap();
    let reasons: Vec<Reason> = outcome.problems.first.iter().map(|one| one.reason).collect();
    assert_eq!(reasons, [Reason::NoTemplate, Reason::NoTemplate, Reason::BadExport]);
    assert_eq!(outcome.certificate.tally.kept, 3);
    assert!(outcome.certificate.balances());
}

#[test]
fn an_end_is_the_address_that_was_used_and_never_wrapped() {
    let fields = [(8, 4), (12, 4), (27, 16), (28, 16)];
    let v6 = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
    let (none, wrapped) = (v6("::"), v6("::ffff:203.0.113.5"));
    let (own, remote) = (v6("2001:db8::7"), v6("2001:db8::5"));
    let (v4_own, v4_remote) = ([192, 0, 2, 7], [203, 0, 113, 5]);
    let check = |fields: &[(u16, u16)], record: &[u8], list: &str, ends: [&str; 2]| {
        let template = packets::set_of_version(10, &packets::template(256, fields));
        let sets = [template, packets::set(256, record)].concat();
        let read = read(list, &[&packets::ipfix(0, 7, &sets)]);
        assert_eq!(read.counts(), [1, 0, 0, 0], "{list} {:?}", read.reasons());
        let row = &read.rows()[0];
        assert_eq!([row.src_ip, row.dst_ip], ends.map(|end| end.parse().ok()), "{list}");
    };
    let zeroes = [0; 8];
    let six = [&zeroes[..], &own, &remote].concat();
    check(&fields, &six, "2001:db8::5", ["2001:db8::7", "2001:db8::5"]);
    let turned = [fields[2], fields[3], fields[0], fields[1]];
    let four = [&none[..], &none, &v4_own, &v4_remote].concat();
    check(&turned, &four, "203.0.113.5", ["192.0.2.7", "203.0.113.5"]);
    let both = [&v4_own[..], &v4_remote, &own, &remote].concat();
    check(&fields, &both, "2001:db8::5", ["192.0.2.7", "203.0.113.5"]);
    let inside = [&own[..], &wrapped].concat();
    check(&fields[2..], &inside, "203.0.113.5", ["2001:db8::7", "203.0.113.5"]);
    // Nothing but zeroes is what it is: who has no address yet asks for one.
    check(
        &fields[..2],
        &[&[0; 4][..], &v4_remote].concat(),
        "203.0.113.5",
        ["0.0.0.0", "203.0.113.5"],
    );
}

#[test]
fn exporters_do_not_share_templates() {
    let template = packets::set_of_version(10, &packets::template(256, &FIELDS));
    let data = packets::set(256, &exported(5));
    let mut engine =
        Engine::new(Mode::OwnNetwork, index("203.0.113.5"), settings(), Vec::new()).unwrap();
    let mut collector = Collector::default();
    let learn = packets::ipfix(0, 7, &template);
    let use_it = packets::ipfix(0, 7, &data);
    let mut take = |exporter: &str, bytes: &[u8]| {
        let exporter = Some(exporter.parse().unwrap());
        engine.datagram(&mut collector, "udp", exporter, 1, &Sealed::new(bytes)).unwrap();
    };
    take("198.51.100.77:40000", &learn);
    take("198.51.100.78:40000", &use_it);
    take("198.51.100.77:40001", &use_it);
    take("198.51.100.77:40000", &use_it);
    assert_eq!(engine.tally().kept, 1);
    assert_eq!(engine.tally().errors, 2);
}

/// Two exporters behind one address, each with its own template of the same number.
#[test]
fn exporters_behind_one_address_do_not_overwrite_each_other() {
    let short = packets::template(256, &[(8, 4), (12, 4)]);
    let long = packets::template(256, &[(1, 8), (2, 8), (8, 4), (12, 4)]);
    let ends = |own: u8| [192, 0, 2, own, 203, 0, 113, 5];
    let counters = [0; 16];
    for version in [9, 10] {
        let mut engine =
            Engine::new(Mode::OwnNetwork, index("203.0.113.5"), settings(), Vec::new()).unwrap();
        let mut collector = Collector::default();
        let mut take = |port: u16, sets: &[u8]| {
            let datagram = match version {
                9 => packets::version_9(0, sets),
                _ => packets::ipfix(0, 7, sets),
            };
            let exporter = Some(([198, 51, 100, 77], port).into());
            let sealed = Sealed::new(&datagram);
            engine.datagram(&mut collector, "udp", exporter, 1, &sealed).unwrap();
        };
        take(40_001, &packets::set_of_version(version, &short));
        take(40_002, &packets::set_of_version(version, &long));
        for _ in 0..10 {
            take(40_001, &packets::set(256, &ends(7)));
            take(40_002, &packets::set(256, &[&counters[..], &ends(8)].concat()));
        }
        let tally = engine.tally();
        assert_eq!((tally.seen, tally.kept, tally.errors), (20, 20, 0), "{version}");
        let rows = records(&engine.finish("2026-11-23T00:01:00Z".parse().unwrap()).unwrap());
        let own = |host: &str| rows.iter().filter(|row| row.src_ip == host.parse().ok()).count();
        assert_eq!((own("192.0.2.7"), own("192.0.2.8")), (10, 10), "{version}");
    }
}

/// Version 9 tells exporters apart by address and source: a template holds for another port, unless two ports disagree.
#[test]
fn a_template_of_version_9_holds_for_the_other_ports_of_its_exporter() {
    let template = |fields: &[(u16, u16)]| {
        packets::version_9(0, &packets::set_of_version(9, &packets::template(256, fields)))
    };
    let data = packets::version_9(0, &packets::set(256, &[192, 0, 2, 7, 203, 0, 113, 5]));
    let mut engine =
        Engine::new(Mode::OwnNetwork, index("203.0.113.5"), settings(), Vec::new()).unwrap();
    let mut collector = Collector::default();
    let mut take = |port: u16, bytes: &[u8]| {
        let exporter = Some(([198, 51, 100, 77], port).into());
        engine.datagram(&mut collector, "udp", exporter, 1, &Sealed::new(bytes)).unwrap();
        (engine.tally().kept, engine.tally().errors)
    };
    take(40_001, &template(&[(8, 4), (12, 4)]));
    assert_eq!(take(40_002, &data), (1, 0));
    take(40_003, &template(&[(12, 4), (8, 4)]));
    assert_eq!(take(40_002, &data), (1, 1), "one of two could be meant");
    assert_eq!(take(40_001, &data), (2, 1));
}

#[test]
fn a_set_of_data_without_a_whole_record_is_an_error() {
    let template = packets::set_of_version(10, &packets::template(256, &FIELDS));
    let cut = packets::set(256, &exported(5)[..20]);
    let sets = [template, cut, packets::set(256, &[]), packets::set(256, &exported(5))].concat();
    let read = read("203.0.113.5", &[&packets::ipfix(0, 7, &sets)]);
    assert_eq!((read.counts(), read.reasons()), ([1, 0, 0, 1], vec![Reason::BadExport]));
}

#[test]
fn exports_are_read_out_of_a_capture() {
    let template = packets::set_of_version(10, &packets::template(256, &FIELDS));
    let export = packets::ipfix(0, 7, &[template, packets::set(256, &exported(5))].concat());
    let frames = [Frame::udp("198.51.100.77", 40_000, "192.0.2.9", 4739, &export)];
    let file = packets::pcap(&frames, true, false);
    assert_eq!(read("203.0.113.5", &[&file]).counts(), [0, 1, 0, 0]);
    let reading = Reading {
        capture: CaptureSettings { exports: true, ..CaptureSettings::default() },
        ..Reading::default()
    };
    assert_eq!(read_with("203.0.113.5", &reading, &[&file]).counts(), [1, 1, 0, 0]);
}

const CSV: &str = "ts,id.orig_h,id.orig_p,id.resp_h,id.resp_p,proto,duration,orig_ip_bytes,resp_ip_bytes,query,note\n\
    1790000000.5,192.0.2.7,4000,203.0.113.5,443,tcp,2.0,100,200,,\"a, \"\"quoted\"\"\nPLANTED\"\n\
    1790000001,192.0.2.7,4001,203.0.113.6,443,tcp,-,,,x.evil.example,\n\
    1790000002,192.0.2.7,4001,PLANTED,443,tcp,-,,,,\n\
    1790000003,192.0.2.7,4001\n\
    1790000004,,,,,,,,,,\n";

#[test]
fn a_table_is_read_by_the_names_of_its_columns() {
    for delimiter in [",", ";", "|"] {
        let text = CSV.replace("a, ", "a ").replace(',', delimiter);
        let read = read("203.0.113.5\nevil.example", &[text.as_bytes()]);
        assert_eq!(read.counts(), [2, 0, 1, 2], "{delimiter}: {:?}", read.reasons());
        assert_eq!(read.reasons(), [Reason::BadAddress, Reason::FieldCount]);
        let row = &read.rows()[0];
        assert_eq!((row.bytes, row.src_port), (Some(300), Some(4000)));
        assert_eq!(row.flow_end.unwrap(), "2026-09-21T14:13:22.5Z".parse().unwrap());
        // The offset leads to the record.
        let offset = usize::try_from(read.outcome.problems.first[0].offset).unwrap();
        assert!(text.as_bytes().get(offset..).unwrap().starts_with(b"1790000002"), "{offset}");
        assert_eq!(read.outcome.certificate.tally.bytes, text.len() as u64);
    }
}

#[test]
fn a_table_is_read_by_a_mapping() {
    let mapping = "# a table of ours\nts = when (ms)\nsrc = from\ndst = to\nbytes = in + out\nhttp_host = site\ndns_name = asked\n";
    let table = "when;from;to;in;out;site;asked;other\n\
        1790000000500;192.0.2.7;203.0.113.9;1;2;x.evil.example;;PLANTED\n\
        1790000000500;192.0.2.7;203.0.113.9;1;2;;evil.example;PLANTED\n";
    let reading = Reading { mapping: Some(mapping.parse().unwrap()), ..Reading::default() };
    let read = read_with("evil.example", &reading, &[table.as_bytes()]);
    assert_eq!(read.counts(), [2, 0, 0, 0], "{:?}", read.reasons());
    assert_eq!(read.rows()[0].bytes, Some(3));
    // Another table than the mapping is for is no table.
    let other = read_with("evil.example", &reading, &[CSV.as_bytes()]);
    assert_eq!(other.counts()[0], 0);
    assert_eq!(other.counts()[3], other.outcome.certificate.tally.seen);
}

#[test]
fn a_mapping_says_what_is_wrong_with_it() {
    let check = |text: &str, line: usize, code: &str| {
        let wrong = text.parse::<noroshi_sift::table::Mapping>().unwrap_err();
        assert_eq!((wrong.line, wrong.reason.code()), (line, code), "{text}");
    };
    check("ts = a\n", 0, "NRS-SIFT-0144");
    check("src = a\n", 0, "NRS-SIFT-0144");
    check("ts = a\n\nwho = b", 3, "NRS-SIFT-0141");
    check("ts = a (h)", 1, "NRS-SIFT-0142");
    check("ts = a\nts = b", 2, "NRS-SIFT-0143");
    check("ts =", 1, "NRS-SIFT-0141");
    check(&"#".repeat(100_000), 0, "NRS-SIFT-0140");
}

/// Two row groups; times as microseconds, one name absent, and a column that is never looked at.
pub(crate) fn parquet_file(compression: parquet::basic::Compression) -> Vec<u8> {
    parquet_with(compression, "x.evil.example")
}

/// The same with another name in the place of the one that is asked for.
pub(crate) fn parquet_of(name: &str) -> Vec<u8> {
    parquet_with(parquet::basic::Compression::UNCOMPRESSED, name)
}

fn parquet_with(compression: parquet::basic::Compression, name: &str) -> Vec<u8> {
    let schema = "message m { REQUIRED INT64 ts (TIMESTAMP(MICROS,true)); REQUIRED group id { REQUIRED BYTE_ARRAY orig_h (STRING);
        REQUIRED BYTE_ARRAY resp_h (STRING); REQUIRED INT64 resp_p; } OPTIONAL DOUBLE duration;
        OPTIONAL BYTE_ARRAY query (STRING); REQUIRED BYTE_ARRAY body; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    let text = |values: &[&str]| -> Vec<ByteArray> {
        values.iter().map(|value| ByteArray::from(*value)).collect()
    };
    for _ in 0..2 {
        let mut group = writer.next_row_group().unwrap();
        let mut number = 0;
        while let Some(mut column) = group.next_column().unwrap() {
            match number {
                0 => {
                    let times = [1_790_000_000_500_000, 1_790_000_001_500_000];
                    column.typed::<Int64Type>().write_batch(&times, None, None).unwrap();
                }
                1 | 2 => {
                    let hosts = [["192.0.2.7", "192.0.2.8"], ["203.0.113.5", "203.0.113.6"]];
                    let values = text(&hosts[number - 1]);
                    column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
                }
                3 => {
                    column.typed::<Int64Type>().write_batch(&[443, 53], None, None).unwrap();
                }
                4 => {
                    let column = column.typed::<DoubleType>();
                    column.write_batch(&[0.25], Some(&[1, 0]), None).unwrap();
                }
                5 => {
                    let values = text(&[name]);
                    column
                        .typed::<ByteArrayType>()
                        .write_batch(&values, Some(&[0, 1]), None)
                        .unwrap();
                }
                _ => {
                    let values = text(&["PLANTED", "PLANTED"]);
                    column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
                }
            }
            column.close().unwrap();
            number += 1;
        }
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
fn parquet_is_read_by_its_columns() {
    use parquet::basic::Compression;
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(parquet::basic::GzipLevel::default()),
        Compression::ZSTD(parquet::basic::ZstdLevel::default()),
    ] {
        let file = parquet_file(compression);
        let read = read("203.0.113.5\nevil.example", &[&file]);
        assert_eq!(read.counts(), [4, 0, 0, 0], "{:?}", read.reasons());
        let row = &read.rows()[0];
        assert_eq!((row.dst_port, row.ts), (Some(443), "2026-09-21T14:13:20.5Z".parse().unwrap()));
        assert_eq!(row.flow_end.unwrap(), "2026-09-21T14:13:20.75Z".parse().unwrap());
        assert_eq!(read.rows()[1].flow_end, None);
        assert!(!read.outcome.sink.windows(7).any(|window| window == b"PLANTED"));
    }
}

#[test]
fn numbers_without_a_sign_are_read_as_such() {
    let schema =
        "message m { REQUIRED INT64 ts (TIMESTAMP(MICROS,true)); REQUIRED BYTE_ARRAY dst (STRING);
        REQUIRED INT64 bytes (INTEGER(64,false)); REQUIRED INT32 packets (INTEGER(32,false)); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut number = 0;
    while let Some(mut column) = group.next_column().unwrap() {
        let written = match number {
            0 => column.typed::<Int64Type>().write_batch(&[1_790_000_000_000_000], None, None),
            1 => {
                let host = [ByteArray::from("203.0.113.5")];
                column.typed::<ByteArrayType>().write_batch(&host, None, None)
            }
            2 => column.typed::<Int64Type>().write_batch(&[-1], None, None),
            _ => column.typed::<Int32Type>().write_batch(&[-1], None, None),
        };
        assert_eq!(written.unwrap(), 1);
        column.close().unwrap();
        number += 1;
    }
    group.close().unwrap();
    let read = read("203.0.113.5", &[&writer.into_inner().unwrap()]);
    assert_eq!(read.counts(), [1, 0, 0, 0], "{:?}", read.reasons());
    let row = &read.rows()[0];
    assert_eq!((row.bytes, row.packets), (Some(u64::MAX >> 1), Some(u64::from(u32::MAX))));
}

#[test]
fn parquet_that_cannot_be_read_is_stated() {
    let file = parquet_file(parquet::basic::Compression::UNCOMPRESSED);
    let cut = read("203.0.113.5", &[&file[..file.len() / 2]]);
    assert_eq!((cut.counts(), cut.reasons()), ([0, 0, 0, 1], vec![Reason::BadTable]));
    let reading =
        Reading { mapping: Some("ts = a\nsrc = b".parse().unwrap()), ..Reading::default() };
    let other = read_with("203.0.113.5", &reading, &[&file]);
    assert_eq!((other.counts(), other.reasons()), ([0, 0, 0, 1], vec![Reason::BadTable]));
    let deep = read("203.0.113.5", &[&chain_of_groups(300_000)]);
    assert_eq!((deep.counts(), deep.reasons()), ([0, 0, 0, 1], vec![Reason::BadTable]));
    assert!(read_records(bytes::Bytes::from(chain_of_groups(300_000))).is_err());
}

/// A file whose schema is a chain of so many groups: a decoder that calls itself for each ends the program.
fn chain_of_groups(depth: usize) -> Vec<u8> {
    // Thrift, compact: field 1 a number, field 2 a list of structs, each with the name `a` and one child.
    let mut footer = vec![0x15, 0x02, 0x19, 0xfc];
    let mut count = depth;
    while count >= 0x80 {
        footer.push(u8::try_from(count & 0x7f).unwrap() | 0x80);
        count >>= 7;
    }
    footer.push(u8::try_from(count).unwrap());
    footer.extend([0x48, 0x01, b'a', 0x15, 0x02, 0x00].repeat(depth));
    footer.extend([0x16, 0x00, 0x19, 0x0c, 0x00]);
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    [b"PAR1", footer.as_slice(), &length, b"PAR1"].concat()
}

/// The decoder asserts some of what the end of a file says, as that a column is not shorter than nothing.
#[test]
fn whatever_the_end_of_a_table_says_the_next_file_is_read() {
    let file = parquet_file(parquet::basic::Compression::UNCOMPRESSED);
    let said = file.last_chunk::<8>().unwrap();
    let footer = u32::from_le_bytes(*said.first_chunk().unwrap()) as usize;
    let mut others = Vec::new();
    for at in file.len() - 8 - footer..file.len() {
        for bit in [0, 6, 7] {
            let mut other = file.clone();
            other[at] ^= 1 << bit;
            others.push(other);
        }
    }
    let last = b"{\"ts\":1790000000,\"id.orig_h\":\"192.0.2.7\",\"id.resp_h\":\"198.51.100.9\"}\n";
    let inputs: Vec<&[u8]> = others.iter().map(Vec::as_slice).chain([&last[..]]).collect();
    let read = read("203.0.113.5\nevil.example\n198.51.100.9", &inputs);
    assert!(read.counts()[3] > 1_000, "{:?}", read.counts());
    assert_eq!(read.rows().last().unwrap().dst_ip, "198.51.100.9".parse().ok());
    let problems = &read.outcome.problems;
    // Each row group once, or the file.
    let tables = problems.first.iter().filter(|problem| problem.reason == Reason::BadTable);
    let mut of_file = std::collections::BTreeMap::<&str, u32>::new();
    tables.for_each(|problem| *of_file.entry(&problem.source).or_default() += 1);
    assert!(of_file.values().all(|count| *count <= 2), "{of_file:?}");
}

#[test]
fn whole_datagrams_before_a_break_of_the_packing_are_read() {
    let template = packets::set(2, &packets::template(256, &FIELDS));
    let data = packets::set(256, &[exported(5), exported(6)].concat());
    let mut file = packets::ipfix(0, 7, &[template, data.clone()].concat());
    for number in 1..200 {
        file.extend(packets::ipfix(2 * number, 7, &data));
    }
    let packed = gzip(&file);
    // Off goes the end of the packing, behind what can be unpacked.
    let torn = read("203.0.113.5", &[&packed[..packed.len() - 8]]).outcome;
    let whole = read("203.0.113.5", &[&packed]).outcome;
    assert_eq!((whole.certificate.tally.kept, whole.certificate.tally.errors), (200, 0));
    assert_eq!(torn.certificate.tally.kept, 200, "{:?}", torn.certificate.tally);
    assert!(torn.problems.first.iter().any(|problem| problem.reason == Reason::Damaged));
}

#[test]
fn a_time_that_cannot_be_stated_is_an_error_of_its_record() {
    // Information element 150 (flowStartSeconds) in eight bytes, as an exporter may not send it and a broken one does.
    let fields: &[(u16, u16)] = &[(8, 4), (12, 4), (150, 8)];
    let template = packets::set(2, &packets::template(256, fields));
    let record =
        |seconds: u64| [&[192, 0, 2, 7, 203, 0, 113, 5][..], &seconds.to_be_bytes()].concat();
    let data = [record(9_000_000_000_000), record(1_790_000_000)].concat();
    let file = packets::ipfix(0, 7, &[template, packets::set(256, &data)].concat());
    let outcome = read("203.0.113.5", &[&file]).outcome;
    let certificate = &outcome.certificate;
    assert_eq!((certificate.tally.kept, certificate.tally.errors), (1, 1));
    assert_eq!(outcome.problems.first[0].reason, Reason::BadTime);
    let expected = jiff::Timestamp::from_second(1_790_000_000).unwrap();
    assert_eq!(
        (certificate.records_from, certificate.records_to),
        (Some(expected), Some(expected))
    );
}

/// Many open flows, and beside them one whose ends begin anew and break off with every packet.
#[test]
fn flows_that_are_broken_off_again_and_again_cost_each_the_same() {
    let time = |rounds: u32| {
        let mut frames = Vec::new();
        for host in 0..50_u32 {
            for port in 0..100_u16 {
                let src = format!("198.51.100.{host}");
                frames.push(Frame::tcp(&src, 1_024 + port, "203.0.113.5", 80, packets::SYN, b""));
            }
        }
        for _ in 0..rounds {
            for flags in [packets::SYN, 4] {
                frames.push(Frame::tcp("192.0.2.7", 4_000, "203.0.113.6", 81, flags, b""));
            }
        }
        let frames: Vec<Frame> = frames.into_iter().map(|frame| frame.at(1)).collect();
        let begun = std::time::Instant::now();
        let done = read("203.0.113.6", &[&packets::pcap(&frames, true, false)]).outcome;
        assert_eq!(done.certificate.tally.kept, u64::from(rounds), "each is a flow of its own");
        begun.elapsed()
    };
    time(1);
    let (few, many) = (time(100), time(4_000));
    // Forty times as many beside the five thousand; with a search through these for each, many would take far longer.
    let bound = few * 5 + std::time::Duration::from_secs(3);
    assert!(many < bound, "{few:?} {many:?}");
}
