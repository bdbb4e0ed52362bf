//! From a frame to the communications it belongs to.
//!
//! A frame may carry one communication inside another. Each of them is handed on: the tunnel, because its
//! ends may be looked for, and, where tunnels are opened, what goes through it.

use std::net::IpAddr;

use noroshi_evidence::mechanical::Protocol;

use super::community::{Tuple, counterpart};
use super::fragments::{Fragment, Fragments};
use super::tunnel;
use crate::bytes::Bytes;
use crate::problem::Reason;

/// How many headers may follow each other before IP, inside it and between one IP and the next.
const LAYERS_MAX: u32 = 24;
/// The IP protocols that carry another network layer.
const IP_IN_IP: u8 = 4;
const IP6_IN_IP: u8 = 41;
const GRE: u8 = 47;

/// What one packet says of one communication.
///
/// INVARIANT: no `Debug`, so that the payload cannot be printed.
pub(crate) struct Segment<'a> {
    pub(crate) tuple: Tuple,
    /// Bytes on the wire from the IP header on.
    pub(crate) bytes: u64,
    /// One, or the number of fragments.
    pub(crate) packets: u64,
    /// Of TCP: flags and sequence number.
    pub(crate) tcp: Option<(u8, u32)>,
    /// What the transport carries, as far as it was captured.
    pub(crate) payload: &'a [u8],
}

/// Receives what is found in a frame.
pub(crate) type Take<'t> = &'t mut dyn FnMut(&Segment<'_>);

/// Opens frames. Keeps fragments until their datagram is whole.
pub(crate) struct Opener {
    pub(crate) fragments: Fragments,
    /// Whether what goes through a tunnel is looked at.
    pub(crate) tunnels: bool,
}

/// What was in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// At least one communication, or a part of one that is kept until the rest has come.
    Ip,
    /// No IP: the frame is about the link or the sensor.
    Other,
}

/// The outermost IP packet, whose length on the wire and time count for what is inside.
struct Around<'a, 't> {
    opener: &'a mut Opener,
    ts_us: i64,
    take: Take<'t>,
}

impl Opener {
    /// Opens a frame of a link type (libpcap's `LINKTYPE_`).
    pub(crate) fn frame(
        &mut self,
        link: u16,
        ts_us: i64,
        bytes: &[u8],
        take: Take<'_>,
    ) -> Result<Found, Reason> {
        self.fragments.forget(ts_us, take);
        let mut around = Around { opener: self, ts_us, take };
        around.link(link, Bytes(bytes)).map(|found| found.unwrap_or(Found::Other))
    }
}

/// `None`: a layer that is known not to lead to IP.
type Opened = Result<Option<Found>, Reason>;

const CUT: Reason = Reason::BadPacket;

impl Around<'_, '_> {
    fn link(&mut self, link: u16, mut bytes: Bytes<'_>) -> Opened {
        match link {
            1 => self.ethernet(bytes, LAYERS_MAX),
            // BSD loopback: the address family, in the order of the machine or of the network.
            0 | 108 => {
                let family = bytes.array::<4>().ok_or(CUT)?;
                let family = u32::from_be_bytes(family).min(u32::from_le_bytes(family));
                match family {
                    2 | 10 | 24 | 28 | 30 => self.ip(bytes, LAYERS_MAX),
                    _ => Ok(None),
                }
            }
            9 | 50 => self.ppp(bytes, LAYERS_MAX),
            51 => self.over_ethernet(bytes, LAYERS_MAX),
            12 | 14 | 101 | 228 | 229 => self.ip(bytes, LAYERS_MAX),
            105 => self.wireless(bytes, LAYERS_MAX),
            113 => {
                bytes.take(14).ok_or(CUT)?;
                let kind = bytes.u16().ok_or(CUT)?;
                self.network(kind, bytes, LAYERS_MAX)
            }
            // Radiotap, in front of a frame without wires; its length is little-endian.
            127 => {
                let [_, _, low, high] = bytes.array::<4>().ok_or(CUT)?;
                let length = usize::from(u16::from_le_bytes([low, high]));
                bytes.take(length.checked_sub(4).ok_or(CUT)?).ok_or(CUT)?;
                self.wireless(bytes, LAYERS_MAX)
            }
            239 => self.netfilter(bytes),
            276 => {
                let kind = bytes.u16().ok_or(CUT)?;
                bytes.take(18).ok_or(CUT)?;
                self.network(kind, bytes, LAYERS_MAX)
            }
            _ => Err(Reason::UnknownLink),
        }
    }

    /// Linux' log of packets: attributes, one of which is the packet.
    fn netfilter(&mut self, mut bytes: Bytes<'_>) -> Opened {
        bytes.take(4).ok_or(CUT)?;
        while let Some([a, b, c, d]) = bytes.array::<4>() {
            let (length, kind) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
            let length = usize::from(length).checked_sub(4).ok_or(CUT)?;
            let value = bytes.take(length.min(bytes.len())).ok_or(CUT)?;
            if kind & 0x7fff == 9 {
                return self.ip(Bytes(value), LAYERS_MAX);
            }
            bytes.take((length.next_multiple_of(4) - length).min(bytes.len()));
        }
        Ok(None)
    }

    fn ethernet(&mut self, mut bytes: Bytes<'_>, layers: u32) -> Opened {
        bytes.take(12).ok_or(CUT)?;
        let kind = bytes.u16().ok_or(CUT)?;
        self.network(kind, bytes, layers)
    }

    /// What stands behind an `EtherType`, or behind a length (IEEE 802.3).
    fn network(&mut self, kind: u16, mut bytes: Bytes<'_>, layers: u32) -> Opened {
        let Some(layers) = layers.checked_sub(1) else { return Ok(None) };
        match kind {
            0x0800 | 0x86dd => self.ip(bytes, layers),
            0..=1_500 => self.logical_link(bytes, layers),
            // Tags: VLAN (IEEE 802.1Q, also stacked) and VN-tag (IEEE 802.1BR).
            0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x8926 => {
                bytes.take(if kind == 0x8926 { 4 } else { 2 }).ok_or(CUT)?;
                let kind = bytes.u16().ok_or(CUT)?;
                self.network(kind, bytes, layers)
            }
            // Frames inside frames: FabricPath and provider backbone bridges (IEEE 802.1ah).
            0x8903 | 0x88e7 => {
                bytes.take(if kind == 0x8903 { 2 } else { 4 }).ok_or(CUT)?;
                self.ethernet(bytes, layers)
            }
            0x8847 | 0x8848 => self.labels(bytes, layers),
            0x8864 => self.over_ethernet(bytes, layers),
            _ => Ok(None),
        }
    }

    /// IEEE 802.2 with the sub-network header that names an `EtherType`.
    fn logical_link(&mut self, mut bytes: Bytes<'_>, layers: u32) -> Opened {
        match bytes.array::<6>() {
            Some([0xaa, 0xaa, 3, ..]) => {
                let kind = bytes.u16().ok_or(CUT)?;
                if kind <= 1_500 { Ok(None) } else { self.network(kind, bytes, layers) }
            }
            _ => Ok(None),
        }
    }

    /// MPLS (RFC 3032): labels to the bottom of the stack; what follows has to be guessed.
    fn labels(&mut self, mut bytes: Bytes<'_>, layers: u32) -> Opened {
        loop {
            let label = bytes.u32().ok_or(CUT)?;
            if label & 0x100 != 0 {
                break;
            }
        }
        match bytes.0.first().map(|byte| byte >> 4) {
            Some(4 | 6) => self.ip(bytes, layers),
            // A control word in front of a frame (RFC 4385).
            Some(0) => {
                bytes.take(4).ok_or(CUT)?;
                self.ethernet(bytes, layers)
            }
            _ => Ok(None),
        }
    }

    /// PPP (RFC 1661), with or without address and control, perhaps with a one-byte protocol.
    fn ppp(&mut self, mut bytes: Bytes<'_>, layers: u32) -> Opened {
        if bytes.0.starts_with(&[0xff, 3]) {
            bytes.take(2);
        }
        let first = bytes.u8().ok_or(CUT)?;
        let kind = if first & 1 == 1 {
            u16::from(first)
        } else {
            u16::from_be_bytes([first, bytes.u8().ok_or(CUT)?])
        };
        match kind {
            0x21 | 0x57 => self.ip(bytes, layers),
            0x281 => self.labels(bytes, layers),
            // Cisco's HDLC, which libpcap writes under the same link type.
            0x0f00 | 0x8f00 => {
                let kind = bytes.u16().ok_or(CUT)?;
                self.network(kind, bytes, layers)
            }
            _ => Ok(None),
        }
    }

    /// PPP over Ethernet (RFC 2516 §4): version and type, code, session and length stand in front; a code says that it
    /// is about the session.
    fn over_ethernet(&mut self, mut bytes: Bytes<'_>, layers: u32) -> Opened {
        let [_, code, ..] = bytes.array::<6>().ok_or(CUT)?;
        if code == 0 { self.ppp(bytes, layers) } else { Ok(None) }
    }

    /// IEEE 802.11: data frames that are not encrypted.
    fn wireless(&mut self, mut bytes: Bytes<'_>, layers: u32) -> Opened {
        let [kind, flags] = bytes.array::<2>().ok_or(CUT)?;
        let (is_data, has_no_data) = (kind & 0x0c == 0x08, kind & 0x40 != 0);
        if !is_data || has_no_data || flags & 0x40 != 0 {
            return Ok(None);
        }
        bytes.take(22).ok_or(CUT)?;
        if flags & 3 == 3 {
            bytes.take(6).ok_or(CUT)?;
        }
        let mut is_aggregate = false;
        if kind & 0x80 != 0 {
            let [quality, _] = bytes.array::<2>().ok_or(CUT)?;
            is_aggregate = quality & 0x80 != 0;
        }
        if !is_aggregate {
            return self.logical_link(bytes, layers);
        }
        let mut found = None;
        while bytes.take(12).is_some() {
            let length = usize::from(bytes.u16().ok_or(CUT)?);
            let frame = bytes.take(length.min(bytes.len())).unwrap_or_default();
            found = self.logical_link(Bytes(frame), layers)?.or(found);
            bytes.take(((length + 14).next_multiple_of(4) - length - 14).min(bytes.len()));
        }
        Ok(found)
    }

    fn ip(&mut self, bytes: Bytes<'_>, layers: u32) -> Opened {
        let layers = layers.checked_sub(1).ok_or(Reason::TooDeep)?;
        match bytes.0.first().map(|byte| byte >> 4) {
            Some(4) => self.ip4(bytes, layers),
            Some(6) => self.ip6(bytes, layers),
            _ => Err(CUT),
        }
    }

    /// RFC 791.
    fn ip4(&mut self, mut bytes: Bytes<'_>, layers: u32) -> Opened {
        let captured = bytes.len();
        let header = usize::from(bytes.u8().ok_or(CUT)? & 0xf) * 4;
        bytes.u8().ok_or(CUT)?;
        let total = usize::from(bytes.u16().ok_or(CUT)?);
        let id = bytes.u16().ok_or(CUT)?;
        let part = bytes.u16().ok_or(CUT)?;
        let [_, proto, _, _] = bytes.array::<4>().ok_or(CUT)?;
        let (src, dst) = (bytes.ipv4().ok_or(CUT)?, bytes.ipv4().ok_or(CUT)?);
        // Zero is what a card that cuts the packets itself leaves to be filled in.
        let total = if total == 0 { captured } else { total };
        let options = header.checked_sub(20).ok_or(CUT)?;
        let length = total.checked_sub(header).ok_or(CUT)?;
        bytes.take(options).ok_or(CUT)?;
        let body = bytes.take(length.min(bytes.len())).unwrap_or_default();
        let ends = Between { src, dst, bytes: total as u64, packets: 1 };
        // Neither a place in a datagram nor more to come.
        if part.trailing_zeros() >= 14 {
            return self.body(ends, proto, body, layers);
        }
        let fragment = Fragment {
            src,
            dst,
            proto,
            id: u32::from(id),
            at: usize::from(part & 0x1fff) * 8,
            is_last: part & 0x2000 == 0,
            bytes: total as u64,
            body,
            is_whole: body.len() == length,
        };
        self.fragment(&fragment, layers)
    }

    /// RFC 8200.
    fn ip6(&mut self, mut bytes: Bytes<'_>, layers: u32) -> Opened {
        bytes.u32().ok_or(CUT)?;
        let length = usize::from(bytes.u16().ok_or(CUT)?);
        let mut next = bytes.u8().ok_or(CUT)?;
        bytes.u8().ok_or(CUT)?;
        let (src, dst) = (bytes.ipv6().ok_or(CUT)?, bytes.ipv6().ok_or(CUT)?);
        let length = if length == 0 { bytes.len() } else { length };
        let total = length as u64 + 40;
        let captured = bytes.len() >= length;
        let mut body = Bytes(bytes.take(length.min(bytes.len())).unwrap_or_default());
        for _ in 0..LAYERS_MAX {
            match next {
                // Options for each hop or for the end, routing, mobility, host identity, shim.
                0 | 43 | 60 | 135 | 139 | 140 => {
                    next = extension(&mut body).ok_or(CUT)?;
                }
                44 => {
                    let [after, _, high, low] = body.array::<4>().ok_or(CUT)?;
                    let part = u16::from_be_bytes([high, low]);
                    let id = body.u32().ok_or(CUT)?;
                    if part & 0xfff9 == 0 {
                        next = after;
                        continue;
                    }
                    let fragment = Fragment {
                        src,
                        dst,
                        proto: after,
                        id,
                        at: usize::from(part & 0xfff8),
                        is_last: part & 1 == 0,
                        bytes: total,
                        body: body.0,
                        is_whole: captured,
                    };
                    return self.fragment(&fragment, layers);
                }
                _ => break,
            }
        }
        self.body(Between { src, dst, bytes: total, packets: 1 }, next, body.0, layers)
    }

    fn fragment(&mut self, fragment: &Fragment<'_>, layers: u32) -> Opened {
        if let Some(whole) = self.opener.fragments.add(fragment, self.ts_us, self.take) {
            let Fragment { src, dst, proto, .. } = *fragment;
            let ends = Between { src, dst, bytes: whole.bytes, packets: whole.packets };
            // A datagram that was put together may again hold options of IPv6.
            let mut body = Bytes(&whole.body);
            let mut next = proto;
            while matches!(next, 0 | 43 | 60 | 135) && src.is_ipv6() {
                next = extension(&mut body).ok_or(CUT)?;
            }
            self.body(ends, next, body.0, layers)?;
        }
        Ok(Some(Found::Ip))
    }

    /// Hands on the communication, then looks whether it carries another one.
    fn body(&mut self, ends: Between, proto: u8, body: &[u8], layers: u32) -> Opened {
        if proto == 51 {
            // Authentication header (RFC 4302): its length is counted in words of four, less two.
            let mut rest = Bytes(body);
            let [next, words] = rest.array::<2>().ok_or(CUT)?;
            rest.take((usize::from(words) + 2) * 4 - 2).ok_or(CUT)?;
            return self.body(ends, next, rest.0, layers);
        }
        let segment = segment(&ends, Protocol(proto), body);
        (self.take)(&segment);
        if self.opener.tunnels {
            // What cannot be opened inside a tunnel does not undo that the tunnel was seen.
            self.inside(&segment, body, layers).unwrap_or_default();
        }
        Ok(Some(Found::Ip))
    }

    fn inside(&mut self, segment: &Segment<'_>, body: &[u8], layers: u32) -> Opened {
        let ports = [segment.tuple.src_port, segment.tuple.dst_port];
        let inner = match segment.tuple.proto {
            Protocol(IP_IN_IP | IP6_IN_IP) => Some(tunnel::Inner::Ip(body)),
            Protocol(GRE) => tunnel::generic(body),
            Protocol::UDP => {
                let said = body.get(4..6).and_then(|length| Bytes(length).u16());
                let whole = said.map_or(0, usize::from).saturating_sub(8);
                let missing = whole.saturating_sub(segment.payload.len());
                tunnel::of_datagram(ports, segment.payload, missing)
            }
            _ => None,
        };
        match inner {
            Some(tunnel::Inner::Ip(bytes)) => self.ip(Bytes(bytes), layers),
            Some(tunnel::Inner::Ethernet(bytes)) => self.ethernet(Bytes(bytes), layers),
            Some(tunnel::Inner::Network(kind, bytes)) => self.network(kind, Bytes(bytes), layers),
            Some(tunnel::Inner::Ppp(bytes)) => self.ppp(Bytes(bytes), layers),
            Some(tunnel::Inner::Wireless(bytes)) => self.wireless(Bytes(bytes), layers),
            Some(tunnel::Inner::Generic(bytes)) => {
                let gre = Segment {
                    tuple: Tuple {
                        proto: Protocol(GRE),
                        src_port: 0,
                        dst_port: 0,
                        ..segment.tuple
                    },
                    bytes: 0,
                    packets: 0,
                    tcp: None,
                    payload: &[],
                };
                match layers.checked_sub(1) {
                    Some(layers) => self.inside(&gre, bytes, layers),
                    None => Ok(None),
                }
            }
            None => Ok(None),
        }
    }
}

/// The two ends of an IP packet and how much it was.
struct Between {
    src: IpAddr,
    dst: IpAddr,
    bytes: u64,
    packets: u64,
}

/// Passes over an extension header and returns what follows it.
fn extension(body: &mut Bytes<'_>) -> Option<u8> {
    let [next, words] = body.array::<2>()?;
    body.take((usize::from(words) + 1) * 8 - 2)?;
    Some(next)
}

/// The transport's ports; the first four bytes suffice for them.
pub(crate) fn segment_of(
    src: IpAddr,
    dst: IpAddr,
    proto: u8,
    (bytes, packets): (u64, u64),
    body: &[u8],
) -> Segment<'_> {
    segment(&Between { src, dst, bytes, packets }, Protocol(proto), body)
}

fn segment<'a>(ends: &Between, proto: Protocol, body: &'a [u8]) -> Segment<'a> {
    let mut rest = Bytes(body);
    let mut ports = (0, 0);
    let mut tcp = None;
    let mut payload: &[u8] = &[];
    match proto {
        Protocol::TCP => {
            ports = rest.u16().zip(rest.u16()).unwrap_or_default();
            tcp = tcp_of(&mut rest);
            payload = rest.0;
        }
        Protocol::UDP => {
            ports = rest.u16().zip(rest.u16()).unwrap_or_default();
            let length = rest.u16().map_or(0, usize::from).saturating_sub(8);
            rest.u16();
            payload = rest.0.get(..length).unwrap_or(rest.0);
        }
        Protocol::SCTP => ports = rest.u16().zip(rest.u16()).unwrap_or_default(),
        Protocol::ICMP | Protocol::ICMP6 => {
            let [kind, code] = rest.array::<2>().unwrap_or_default().map(u16::from);
            ports = (kind, counterpart(proto, kind).unwrap_or(code));
        }
        _ => {}
    }
    let (src_port, dst_port) = ports;
    let tuple = Tuple { src: ends.src, dst: ends.dst, src_port, dst_port, proto };
    Segment { tuple, bytes: ends.bytes, packets: ends.packets, tcp, payload }
}

/// Flags and sequence number; moves on to the payload.
fn tcp_of(rest: &mut Bytes<'_>) -> Option<(u8, u32)> {
    let sequence = rest.u32()?;
    rest.u32()?;
    let [words, flags] = rest.array::<2>()?;
    let options = (usize::from(words >> 4) * 4).saturating_sub(20);
    rest.take(6)?;
    rest.take(options)?;
    Some((flags, sequence))
}
