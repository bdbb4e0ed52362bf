//! Community ID: the same communication has the same name at every sensor.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use noroshi_evidence::mechanical::Protocol;
use sha1::{Digest as _, Sha1};

/// The five things that name a communication. Control messages carry type and code in the place of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    /// Who opened it.
    pub src: IpAddr,
    /// Who answered.
    pub dst: IpAddr,
    /// The opener's port, or the type of the message.
    pub src_port: u16,
    /// The answerer's port, or what answers that type, or the code.
    pub dst_port: u16,
    /// The protocol above IP.
    pub proto: Protocol,
}

/// What a control message of a type is answered by (RFC 792, RFC 950, RFC 1256).
const ANSWERS_4: [(u16, u16); 5] = [(8, 0), (13, 14), (15, 16), (17, 18), (10, 9)];
/// The same for IPv6 (RFC 4443, RFC 2710, RFC 4861, RFC 4620, RFC 4065).
const ANSWERS_6: [(u16, u16); 6] =
    [(128, 129), (133, 134), (135, 136), (130, 131), (139, 140), (144, 145)];

/// The type that belongs to `kind` on the other side; `None` where there is no other side.
pub(crate) fn counterpart(proto: Protocol, kind: u16) -> Option<u16> {
    let pairs: &[(u16, u16)] = match proto {
        Protocol::ICMP => &ANSWERS_4,
        Protocol::ICMP6 => &ANSWERS_6,
        _ => return None,
    };
    let forth = pairs.iter().find(|(ask, _)| *ask == kind).map(|(_, answer)| *answer);
    forth.or_else(|| pairs.iter().find(|(_, answer)| *answer == kind).map(|(ask, _)| *ask))
}

/// Community ID, version 1, of a communication (Corelight, Community ID specification).
///
/// ```
/// use noroshi_sift::capture::{Tuple, community_id};
/// use noroshi_evidence::mechanical::Protocol;
/// let tuple = Tuple { src: "128.232.110.120".parse()?, dst: "66.35.250.204".parse()?,
///     src_port: 34855, dst_port: 80, proto: Protocol::TCP };
/// assert_eq!(community_id(tuple, 0), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn community_id(tuple: Tuple, seed: u16) -> String {
    let Tuple { src, dst, src_port, dst_port, proto } = tuple;
    let is_control = matches!(proto, Protocol::ICMP | Protocol::ICMP6);
    // A message that nothing answers has no other side to be put in order with.
    let one_way = is_control && counterpart(proto, src_port).is_none();
    let has_ports = is_control || matches!(proto, Protocol::TCP | Protocol::UDP | Protocol::SCTP);
    let forth = (octets(src), src_port);
    let back = (octets(dst), dst_port);
    let ordered = one_way || (&forth.0, forth.1) < (&back.0, back.1);
    let ((first, first_port), (second, second_port)) =
        if ordered { (forth, back) } else { (back, forth) };
    let mut hash = Sha1::new().chain_update(seed.to_be_bytes());
    hash.update(first);
    hash.update(second);
    hash.update([proto.0, 0]);
    if has_ports {
        hash.update(first_port.to_be_bytes());
        hash.update(second_port.to_be_bytes());
    }
    format!("1:{}", STANDARD.encode(hash.finalize()))
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
