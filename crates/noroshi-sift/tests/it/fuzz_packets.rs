//! Captures and exports out of bytes of any kind.

use std::net::SocketAddr;

use noroshi_sift::capture::{CaptureSettings, Limits, tuples};
use noroshi_sift::export::{Collector, ExportNotes};
use noroshi_sift::reading::Reading;
use noroshi_sift::sealed::Sealed;

use crate::fuzz::{Told, damaged, engine, read_any, seeded, told};
use crate::hostile_core::captures;
use crate::packets::{self, Frame};

/// Everything is opened, and few flows have room.
fn reading() -> Reading {
    let limits = Limits { flows_max: 4, ..Limits::default() };
    let capture = CaptureSettings { tunnels: true, exports: true, limits };
    Reading { capture, ..Reading::default() }
}

/// The data cut into pieces, each as long as the byte before it says.
fn pieces(mut data: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Some((length, rest)) = data.split_first() {
        let (piece, behind) = rest.split_at(rest.len().min(usize::from(*length)));
        pieces.push(piece);
        data = behind;
    }
    pieces
}

/// The first byte, and what stands behind it.
fn chosen(data: &[u8]) -> (usize, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (usize::from(*first), rest))
}

/// A capture of any form. Of what it says is read no more than there is, and with the flows others hear of.
fn capture(file: &[u8]) {
    let whole = read_any(&reading(), file).certificate.tally;
    assert!(whole.bytes <= file.len() as u64);
    let wide = Limits { flows_max: usize::MAX, ..Limits::default() };
    let capture = CaptureSettings { tunnels: true, exports: false, limits: wide };
    let tally = read_any(&Reading { capture, ..Reading::default() }, file).certificate.tally;
    // What is no capture has no tuples.
    let flows = tuples(file, true).map_or(0, |tuples| tuples.len() as u64);
    assert!(flows <= tally.seen, "{flows} {tally:?}");
}

/// The link types that are known, one that is not, and where frames lie under each.
const LINKS: [u16; 18] =
    [1, 0, 9, 12, 14, 50, 51, 101, 105, 108, 113, 127, 228, 229, 239, 276, 147, u16::MAX];

/// Frames of a link, one for each piece.
pub(crate) fn frames(data: &[u8]) {
    let (choice, rest) = chosen(data);
    let frames: Vec<Frame> = pieces(rest).into_iter().map(Frame::raw).collect();
    let mut file = packets::pcap(&frames, false, false);
    file[22..24].copy_from_slice(&LINKS[choice % LINKS.len()].to_be_bytes());
    capture(&file);
}

/// Files with bytes changed, and the bytes behind each beginning of a file.
pub(crate) fn files(data: &[u8]) {
    let (choice, rest) = chosen(data);
    let all = captures();
    capture(&damaged(all[choice % all.len()].clone(), rest));
    let (classic, next) = (packets::pcap(&[], true, false), packets::pcapng(&[], true));
    for begin in [&b""[..], &classic, &next] {
        capture(&[begin, data].concat());
    }
}

/// The bytes behind good headers: under kinds of Ethernet and protocols of IP, on ports that are opened or listened to,
/// in an answer of DNS, in fragments, and in tunnels.
pub(crate) fn carried(data: &[u8]) {
    let data = &data[..data.len().min(4_096)];
    let (one, other) = ("192.0.2.7", "203.0.113.5");
    let kinds = [100, 0x0800, 0x86dd, 0x8100, 0x8847, 0x8864, 0x88e7, 0x8903, 0x8926];
    let mut frames: Vec<Frame> =
        kinds.into_iter().map(|kind| Frame::ethernet(kind, data)).collect();
    frames.extend([1, 4, 41, 47, 58, 132].map(|proto| Frame::ip(one, other, proto, data)));
    for port in [53, 443, 2152, 3544, 4739, 4754, 4789, 5072, 5353, 6081, 8472] {
        frames.push(Frame::udp(one, 5_000, other, port, data));
        frames.push(Frame::udp(other, port, one, 5_000, data));
    }
    for port in [53, 80, 443] {
        let tcp = |payload: &[u8]| Frame::tcp(one, 4_000, other, port, packets::ACK, payload);
        let (first, last) = data.split_at(data.len() / 2);
        frames.push(tcp(first));
        frames.push(tcp(last).sequence(u32::try_from(first.len()).unwrap()));
        frames.push(tcp(&[b"GET / HTTP/1.1\r\nHost: ", data].concat()).sequence(7_000));
    }
    let (kind, rest) = chosen(data);
    let answer = packets::answer("a.evil.example", u16::try_from(kind).unwrap(), rest);
    frames.push(Frame::udp(other, 53, one, 5_000, &answer));
    frames.extend(Frame::fragments(one, other, &packets::udp(5_000, 53, data), 512));
    let inner = Frame::udp(one, 5_000, other, 53, data);
    frames.extend([inner.clone().vlan(7), inner.clone().gre(), inner.clone().gtp(), inner.vxlan()]);
    capture(&packets::pcapng(&frames, false));
}

/// Information elements of fixed length: ends, port, protocol, octets, time.
const FIELDS: [(u16, u16); 6] = [(8, 4), (12, 4), (11, 2), (4, 1), (1, 8), (150, 4)];
const RECORD_BYTES: usize = 23;

/// A datagram out of a piece whose first byte says what is given, and how many records and errors it has where that is
/// known.
fn datagram(number: u32, piece: &[u8]) -> (Vec<u8>, Option<u64>) {
    let (kind, body) = chosen(piece);
    let version = if kind % 2 == 0 { 9 } else { 10 };
    let message = |sets: &[u8]| match version {
        9 => packets::version_9(number, sets),
        _ => packets::ipfix(number, 7, sets),
    };
    let template = packets::set_of_version(version, &packets::template(256, &FIELDS));
    match kind % 10 {
        0 | 1 => (message(body), None),
        2 | 3 => (message(&packets::set_of_version(version, body)), None),
        // Templates of options.
        4 | 5 => (message(&packets::set(if version == 9 { 1 } else { 3 }, body)), None),
        6 | 7 => {
            let records = (body.len() / RECORD_BYTES) as u64;
            let sets = [template, packets::set(256, body)].concat();
            (message(&sets), Some(records.max(u64::from(!body.is_empty()))))
        }
        8 => {
            let (count, records) = chosen(body);
            let mut message = packets::version_5(&[]);
            message[3] = u8::try_from(count).unwrap();
            message.extend(records);
            let is_whole = records.len() == 48 * count;
            (message, Some((records.len() / 48).min(count) as u64 + u64::from(!is_whole)))
        }
        _ => (body.to_vec(), None),
    }
}

/// Datagrams to one collector. Copies that are taken of it between them change nothing.
fn collected(datagrams: &[(Vec<u8>, Option<u64>)], is_copied: bool) -> (Told, ExportNotes) {
    let (mut engine, mut collector) = (engine(), Collector::default());
    for (number, (datagram, expected)) in (1_u16..).zip(datagrams) {
        let before = engine.tally();
        let copy = is_copied.then(|| collector.clone());
        let exporter = SocketAddr::from(([198, 51, 100, 7], 40_000 + number % 2));
        let sealed = Sealed::new(datagram);
        let source = "exporter";
        engine.datagram(&mut collector, source, Some(exporter), number.into(), &sealed).unwrap();
        drop(copy);
        let seen = engine.tally().seen - before.seen;
        assert!(expected.is_none_or(|expected| seen == expected), "{seen} {expected:?}");
    }
    (told(engine), collector.notes())
}

/// Exports as datagrams and, one behind the other, as a file. A good one is read whatever came before it.
pub(crate) fn exports(data: &[u8]) {
    let pieces = pieces(&data[..data.len().min(4_096)]);
    let mut datagrams: Vec<_> =
        (0..).zip(&pieces).map(|(number, piece)| datagram(number, piece)).collect();
    let record = [&[192, 0, 2, 7, 203, 0, 113, 5][..], &[0; RECORD_BYTES - 8]].concat();
    for kind in [6, 7] {
        datagrams.push(datagram(0, &[&[kind][..], &record].concat()));
    }
    let (told, notes) = collected(&datagrams, false);
    let copied = collected(&datagrams, true);
    assert_eq!((&told, notes), (&copied.0, copied.1));
    assert_eq!(notes.datagrams, datagrams.len() as u64);
    assert!(told.certificate.tally.kept >= 2);
    let bytes: Vec<u8> = datagrams.into_iter().flat_map(|(bytes, _)| bytes).collect();
    assert_eq!(told.certificate.tally.bytes, bytes.len() as u64);
    for file in [bytes.as_slice(), data] {
        let read = read_any(&Reading::default(), file);
        assert!(read.problems.first.iter().all(|problem| problem.offset <= file.len() as u64));
    }
}

/// Pieces out of which data is made, so that some of it gets far.
const PIECES: [&[u8]; 24] = [
    b"\x00\x00",
    b"\x08\x00",
    b"\x86\xdd",
    b"\x81\x00\x00\x07",
    b"\x45\x00\x00\x1c\x00\x00\x20\x00\x40\x11\x00\x00\xc0\x00\x02\x07\xcb\x00\x71\x05",
    b"\x60\x00\x00\x00\x00\x08\x2c\x40",
    b"\xc0\x00\x02\x07",
    b"\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02",
    b"\x04evil\x07example\x00",
    b"\xc0\x0c",
    b"\x00\x01\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00",
    b"\x16\x03\x01\x00\x80\x01\x00\x00\x7c\x03\x03",
    b"\r\nHost: evil.example\r\n",
    b"\x01\x00\x00\x02\x00\x08\x00\x04\x00\x0c\x00\x04",
    b"\x01\x00\x00\x0c",
    b"\x00\x09\x00\x01",
    b"\x00\x0a\x00\x14",
    b"\x00\x05\x00\x01",
    b"\xff\xff",
    b"\x00\x10",
    b"\x40",
    b"\x18",
    b"\x06\x00\x00\x00\x20\x00\x00\x00",
    b"PLANTED",
];

#[test]
fn a_fixed_seed_of_frames_is_survived() {
    seeded(&PIECES, frames);
}

#[test]
fn a_fixed_seed_of_captures_is_survived() {
    seeded(&PIECES, files);
}

#[test]
fn a_fixed_seed_of_what_packets_carry_is_survived() {
    seeded(&PIECES, carried);
}

#[test]
fn a_fixed_seed_of_exports_is_survived() {
    seeded(&PIECES, exports);
}
