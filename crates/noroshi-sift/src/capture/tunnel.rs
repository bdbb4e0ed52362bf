//! What a tunnel carries.

use crate::bytes::Bytes;

/// What stands behind the header of a tunnel.
pub(crate) enum Inner<'a> {
    Ip(&'a [u8]),
    Ethernet(&'a [u8]),
    Network(u16, &'a [u8]),
    Ppp(&'a [u8]),
    Wireless(&'a [u8]),
    /// GRE inside UDP.
    Generic(&'a [u8]),
}

/// Behind an `EtherType`, where a whole frame has one too.
fn behind(kind: u16, bytes: &[u8]) -> Inner<'_> {
    if kind == 0x6558 { Inner::Ethernet(bytes) } else { Inner::Network(kind, bytes) }
}

/// GRE (RFC 2784, RFC 2890; version 1: RFC 2637).
pub(crate) fn generic(body: &[u8]) -> Option<Inner<'_>> {
    let mut bytes = Bytes(body);
    let (flags, kind) = (bytes.u16()?, bytes.u16()?);
    let has_sequence = flags & 0x1000 != 0;
    if flags & 7 == 1 {
        bytes.take(4)?;
        bytes.take(if has_sequence { 4 } else { 0 })?;
        bytes.take(if flags & 0x80 == 0 { 0 } else { 4 })?;
        return Some(Inner::Ppp(bytes.0));
    }
    if flags & 0x4000 != 0 {
        // Source routes have no length that could be relied on.
        return None;
    }
    for flag in [0x8000, 0x2000, 0x1000] {
        bytes.take(if flags & flag == 0 { 0 } else { 4 })?;
    }
    match kind {
        // ERSPAN: the first form has no header of its own and no sequence number.
        0x88be => {
            bytes.take(if has_sequence { 8 } else { 0 })?;
            Some(Inner::Ethernet(bytes.0))
        }
        0x22eb => {
            let header = bytes.take(12)?;
            let has_more = header.last().is_some_and(|byte| byte & 1 == 1);
            bytes.take(if has_more { 8 } else { 0 })?;
            Some(Inner::Ethernet(bytes.0))
        }
        0x880b => Some(Inner::Ppp(bytes.0)),
        // Access points of one maker send frames as they were in the air.
        0x8200..=0x82ff | 0x9000 => Some(Inner::Wireless(bytes.0)),
        _ => Some(behind(kind, bytes.0)),
    }
}

/// The tunnels that go in datagrams, by the port that is assigned to them. Of the payload so many bytes were not
/// captured.
pub(crate) fn of_datagram(ports: [u16; 2], payload: &[u8], missing: usize) -> Option<Inner<'_>> {
    let at = |port: u16| ports.contains(&port);
    if at(4789) {
        return virtual_lan(payload);
    }
    if at(6081) {
        return geneve(payload);
    }
    if at(2152) || at(2123) {
        return gtp(payload, missing);
    }
    if at(3544) {
        return teredo(payload, missing);
    }
    if at(5072) {
        return ayiya(payload);
    }
    if at(4754) {
        return Some(Inner::Generic(payload));
    }
    // Teredo's relays listen where they like; their addresses give them away (RFC 4380 §2.6).
    let mut ends = Bytes(payload.get(8..40)?);
    let (src, dst) = (ends.array::<16>()?, ends.array::<16>()?);
    if [src, dst].iter().any(|address| address.starts_with(&[0x20, 1, 0, 0])) {
        return teredo(payload, missing);
    }
    None
}

/// VXLAN (RFC 7348).
fn virtual_lan(payload: &[u8]) -> Option<Inner<'_>> {
    let mut bytes = Bytes(payload);
    let [flags, ..] = bytes.array::<8>()?;
    (flags & 8 != 0).then_some(Inner::Ethernet(bytes.0))
}

/// Geneve (RFC 8926).
fn geneve(payload: &[u8]) -> Option<Inner<'_>> {
    let mut bytes = Bytes(payload);
    let [version, _, high, low, ..] = bytes.array::<8>()?;
    if version >> 6 != 0 {
        return None;
    }
    bytes.take(usize::from(version & 0x3f) * 4)?;
    Some(behind(u16::from_be_bytes([high, low]), bytes.0))
}

/// GTP version 1 (3GPP TS 29.281): packets of users only.
fn gtp(payload: &[u8], missing: usize) -> Option<Inner<'_>> {
    let mut bytes = Bytes(payload);
    let [flags, kind, high, low, ..] = bytes.array::<8>()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if flags >> 4 != 3 || kind != 0xff || length > bytes.len() + missing {
        return None;
    }
    if flags & 7 != 0 {
        let [_, _, _, mut next] = bytes.array::<4>()?;
        while flags & 4 != 0 && next != 0 {
            let words = usize::from(bytes.u8()?);
            let rest = bytes.take((words * 4).checked_sub(1)?)?;
            next = *rest.last()?;
        }
    }
    is_ip(bytes.0).then_some(Inner::Ip(bytes.0))
}

/// Teredo (RFC 4380): a whole IPv6 packet, perhaps behind signs of identity and origin.
fn teredo(payload: &[u8], missing: usize) -> Option<Inner<'_>> {
    let mut bytes = Bytes(payload);
    if bytes.0.starts_with(&[0, 1]) {
        let [_, _, client, proof] = bytes.array::<4>()?;
        bytes.take(usize::from(client) + usize::from(proof) + 9)?;
    }
    if bytes.0.starts_with(&[0, 0]) {
        bytes.take(8)?;
    }
    let is_whole = bytes.0.first()? >> 4 == 6
        && bytes.0.get(4..6)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)) + 40
            == bytes.len() + missing;
    is_whole.then_some(Inner::Ip(bytes.0))
}

/// AYIYA (draft-massar-v6ops-ayiya).
fn ayiya(payload: &[u8]) -> Option<Inner<'_>> {
    let mut bytes = Bytes(payload);
    let [identity, signature, operation, next, ..] = bytes.array::<8>()?;
    bytes.take(1_usize << (identity >> 4))?;
    bytes.take(usize::from(signature >> 4) * 4)?;
    let forwards = operation & 0xf == 1 && matches!(next, 4 | 41);
    (forwards && is_ip(bytes.0)).then_some(Inner::Ip(bytes.0))
}

fn is_ip(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|byte| matches!(byte >> 4, 4 | 6))
}
