//! Frames, captures and exports made by hand.

use std::net::Ipv4Addr;

pub(crate) const SYN: u8 = 2;
pub(crate) const ACK: u8 = 16;
const BEGIN: u64 = 1_790_000_000;

/// A frame of Ethernet and when it was seen, in seconds after the first; by default one a second.
#[derive(Clone)]
pub(crate) struct Frame {
    bytes: Vec<u8>,
    at: Option<u64>,
}

fn ipv4(text: &str) -> [u8; 4] {
    text.parse::<Ipv4Addr>().unwrap().octets()
}

fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap().to_be_bytes()
}

fn ip(src: &str, dst: &str, proto: u8, part: u16, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend(short(20 + body.len()));
    packet.extend([0, 9]);
    packet.extend(part.to_be_bytes());
    packet.extend([64, proto, 0, 0]);
    packet.extend(ipv4(src));
    packet.extend(ipv4(dst));
    packet.extend(body);
    packet
}

fn ethernet(kind: u16, body: &[u8]) -> Frame {
    let bytes = [&[2; 12][..], &kind.to_be_bytes(), body].concat();
    Frame { bytes, at: None }
}

/// A datagram.
pub(crate) fn udp(src_port: u16, dst_port: u16, payload: &[u8]) -> Vec<u8> {
    [
        &src_port.to_be_bytes()[..],
        &dst_port.to_be_bytes(),
        &short(8 + payload.len()),
        &[0, 0],
        payload,
    ]
    .concat()
}

impl Frame {
    /// Whatever its link makes of the bytes.
    pub(crate) fn raw(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), at: None }
    }

    /// Anything under an `EtherType`.
    pub(crate) fn ethernet(kind: u16, body: &[u8]) -> Self {
        ethernet(kind, body)
    }

    /// Anything under a protocol of IP.
    pub(crate) fn ip(src: &str, dst: &str, proto: u8, body: &[u8]) -> Self {
        ethernet(0x0800, &ip(src, dst, proto, 0, body))
    }

    pub(crate) fn udp(src: &str, src_port: u16, dst: &str, dst_port: u16, payload: &[u8]) -> Self {
        ethernet(0x0800, &ip(src, dst, 17, 0, &udp(src_port, dst_port, payload)))
    }

    pub(crate) fn tcp(
        src: &str,
        src_port: u16,
        dst: &str,
        dst_port: u16,
        flags: u8,
        payload: &[u8],
    ) -> Self {
        let mut segment = [src_port.to_be_bytes(), dst_port.to_be_bytes()].concat();
        segment.extend([0; 8]);
        segment.extend([0x50, flags, 1, 0, 0, 0, 0, 0]);
        segment.extend(payload);
        ethernet(0x0800, &ip(src, dst, 6, 0, &segment))
    }

    /// Sets the sequence number of a frame of TCP.
    pub(crate) fn sequence(mut self, sequence: u32) -> Self {
        self.bytes[38..42].copy_from_slice(&sequence.to_be_bytes());
        self
    }

    pub(crate) fn arp() -> Self {
        ethernet(0x0806, &[0; 28])
    }

    /// A header of IP that is not there to its end.
    pub(crate) fn cut_off() -> Self {
        ethernet(0x0800, &[0x45, 0, 0, 40, 0, 0])
    }

    pub(crate) fn fragments(src: &str, dst: &str, datagram: &[u8], size: usize) -> Vec<Self> {
        let pieces = datagram.chunks(size).enumerate();
        pieces
            .map(|(number, body)| {
                let more = if (number + 1) * size < datagram.len() { 0x2000 } else { 0 };
                let part = u16::try_from(number * size / 8).unwrap() | more;
                ethernet(0x0800, &ip(src, dst, 17, part, body))
            })
            .collect()
    }

    pub(crate) fn at(mut self, seconds: u64) -> Self {
        self.at = Some(seconds);
        self
    }

    pub(crate) fn vlan(mut self, id: u16) -> Self {
        let tag = [&[0x81, 0][..], &id.to_be_bytes()].concat();
        self.bytes.splice(12..12, tag);
        self
    }

    pub(crate) fn vxlan(self) -> Self {
        let payload = [&[8, 0, 0, 0, 0, 0, 1, 0][..], &self.bytes].concat();
        Self::udp("192.0.2.1", 60_000, "192.0.2.2", 4789, &payload)
    }

    pub(crate) fn gre(self) -> Self {
        let body = [&[0, 0, 8, 0][..], &self.bytes[14..]].concat();
        ethernet(0x0800, &ip("192.0.2.1", "192.0.2.2", 47, 0, &body))
    }

    /// A datagram of IPv6 in one of IPv4 (RFC 4380).
    pub(crate) fn teredo(dst: &str, datagram: &[u8]) -> Self {
        let v6 = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
        let ends = [v6("2001:0:c000:201::1"), v6(dst)].concat();
        let payload =
            [&[0x60, 0, 0, 0][..], &short(datagram.len()), &[17, 64], &ends, datagram].concat();
        Self::udp("192.0.2.1", 60_000, "192.0.2.2", 3544, &payload)
    }

    /// The frame as a capture has it that keeps so many bytes of each.
    pub(crate) fn cut(mut self, bytes: usize) -> Self {
        self.bytes.truncate(bytes);
        self
    }

    /// The same IP packet in a session of PPP over Ethernet, without the Ethernet in front.
    pub(crate) fn session(mut self) -> Self {
        let head = [&[0x11, 0, 0, 5][..], &short(self.bytes.len() - 12), &[0, 0x21]].concat();
        self.bytes.splice(..14, head);
        self
    }

    pub(crate) fn gtp(self) -> Self {
        let inner = &self.bytes[14..];
        let payload = [&[0x30, 0xff][..], &short(inner.len()), &[0, 0, 0, 1], inner].concat();
        Self::udp("192.0.2.1", 2152, "192.0.2.2", 2152, &payload)
    }
}

fn number(value: u32, little: bool) -> [u8; 4] {
    if little { value.to_le_bytes() } else { value.to_be_bytes() }
}

/// A file of libpcap; each frame a second after the one before, and a microsecond.
pub(crate) fn pcap(frames: &[Frame], little: bool, nanoseconds: bool) -> Vec<u8> {
    let n = |value: u32| number(value, little);
    let magic = if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let version = if little { [2, 0, 4, 0] } else { [0, 2, 0, 4] };
    let mut file = [n(magic), version, n(0), n(0), n(262_144), n(1)].concat();
    for (count, frame) in frames.iter().enumerate() {
        let seconds = BEGIN + frame.at.unwrap_or(count as u64);
        let length = u32::try_from(frame.bytes.len()).unwrap();
        let fraction = if nanoseconds { 1_999 } else { 1 };
        file.extend(
            [n(u32::try_from(seconds).unwrap()), n(fraction), n(length), n(length)].concat(),
        );
        file.extend(&frame.bytes);
    }
    file
}

/// The same as pcapng, with a clock of nanoseconds and a block nobody knows.
pub(crate) fn pcapng(frames: &[Frame], little: bool) -> Vec<u8> {
    let n = |value: u32| number(value, little);
    let block = |kind: u32, body: &[u8]| {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = n(u32::try_from(body.len() + 12).unwrap());
        [&n(kind)[..], &length, &body, &length].concat()
    };
    let half = |value: u16| if little { value.to_le_bytes() } else { value.to_be_bytes() };
    let mut file = block(0x0a0d_0d0a, &[n(0x1a2b_3c4d), [0; 4], [0xff; 4], [0xff; 4]].concat());
    let resolution = [half(9), half(1), [9, 0], [0, 0], half(0), half(0)].concat();
    let interface = [&half(1)[..], &half(0), &n(0), &resolution].concat();
    file.extend(block(1, &interface));
    file.extend(block(0x0bad_cafe, b"PLANTED"));
    for (count, frame) in frames.iter().enumerate() {
        let ns = (BEGIN + frame.at.unwrap_or(count as u64)) * 1_000_000_000 + 1_999;
        let length = u32::try_from(frame.bytes.len()).unwrap();
        let (high, low) = (u32::try_from(ns >> 32).unwrap(), (ns & 0xffff_ffff) as u32);
        let head = [n(0), n(high), n(low), n(length), n(length)].concat();
        file.extend(block(6, &[head, frame.bytes.clone()].concat()));
    }
    file
}

/// A question of DNS.
pub(crate) fn question(name: &str) -> Vec<u8> {
    let mut message = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message
}

/// An answer of DNS with one record.
pub(crate) fn answer(name: &str, kind: u16, data: &[u8]) -> Vec<u8> {
    let mut message = question(name);
    message[7] = 1;
    message.extend([0xc0, 12]);
    message.extend(kind.to_be_bytes());
    message.extend([0, 1, 0, 0, 0, 60]);
    message.extend(short(data.len()));
    message.extend(data);
    message
}

/// The first message of TLS.
pub(crate) fn hello(name: &str) -> Vec<u8> {
    let entry = [&[0][..], &short(name.len()), name.as_bytes()].concat();
    let list = [&short(entry.len())[..], &entry].concat();
    let extension = [&[0, 0][..], &short(list.len()), &list].concat();
    let other = [0, 23, 0, 0];
    let extensions = [&other[..], &extension].concat();
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend(short(extensions.len()));
    body.extend(extensions);
    let message = [&[1, 0][..], &short(body.len()), &body].concat();
    [&[0x16, 3, 1][..], &short(message.len()), &message].concat()
}

/// A template record.
pub(crate) fn template(id: u16, fields: &[(u16, u16)]) -> Vec<u8> {
    let mut record = id.to_be_bytes().to_vec();
    record.extend(short(fields.len()));
    for (kind, length) in fields {
        record.extend([kind.to_be_bytes(), length.to_be_bytes()].concat());
    }
    record
}

pub(crate) fn set(id: u16, body: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes()[..], &short(body.len() + 4), body].concat()
}

/// The set of templates of a version.
pub(crate) fn set_of_version(version: u16, template: &[u8]) -> Vec<u8> {
    set(if version == 9 { 0 } else { 2 }, template)
}

pub(crate) fn ipfix(sequence: u32, domain: u32, sets: &[u8]) -> Vec<u8> {
    let time = u32::try_from(BEGIN).unwrap();
    let words = [time.to_be_bytes(), sequence.to_be_bytes(), domain.to_be_bytes()].concat();
    [&[0, 10][..], &short(16 + sets.len()), &words, sets].concat()
}

pub(crate) fn version_9(sequence: u32, sets: &[u8]) -> Vec<u8> {
    let time = u32::try_from(BEGIN).unwrap();
    let words = [60_000_u32, time, sequence, 7].map(u32::to_be_bytes).concat();
    [&[0, 9, 0, 3][..], &words, sets].concat()
}

/// Flows to these, each begun ten seconds before it was exported.
pub(crate) fn version_5(hosts: &[&str]) -> Vec<u8> {
    let time = u32::try_from(BEGIN).unwrap();
    let mut datagram = [&[0, 5][..], &short(hosts.len())].concat();
    datagram.extend([60_000_u32, time, 0, 0, 0].map(u32::to_be_bytes).concat());
    for host in hosts {
        datagram.extend(ipv4("192.0.2.7"));
        datagram.extend(ipv4(host));
        datagram.extend([0; 8]);
        datagram.extend([2_u32, 900, 50_000, 59_000].map(u32::to_be_bytes).concat());
        datagram.extend([4000_u16, 443].map(u16::to_be_bytes).concat());
        datagram.extend([0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
    datagram
}
