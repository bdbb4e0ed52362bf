//! The only thing that is ever kept of a communication.
//!
//! The Act lets a selection keep *mechanical information* (Act No. 42 of 2025, art. 2(8)(i): addresses of the
//! sending and receiving equipment, time and other history of the communication) and nothing from which the
//! essential content of what the parties wish to convey can be understood. That is held here by absence:
//! [`MechanicalRecord`] has the fields of [`FIELDS`] and no place where a name, a path, a subject, a header
//! or a byte of payload could be put. Host names that led to a match are not kept either; the selector that
//! matched is named instead.
//!
//! ```
//! use noroshi_evidence::mechanical::{FIELDS, MechanicalRecord};
//! for content in ["subject", "body", "uri", "cookie", "referrer", "server_name", "payload"] {
//!     assert!(!FIELDS.contains(&content));
//! }
//! assert!(serde_json::from_str::<MechanicalRecord>(r#"{"subject":"x"}"#).is_err());
//! ```

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The longest identifier of a selector or of a measure, in bytes.
pub const IDENTIFIER_BYTES_MAX: usize = 128;

/// The first byte of [`MechanicalRecord::encode`]; another layout would take another number.
pub const ENCODING_VERSION: u8 = 1;

/// The closed list of what is kept, in the order in which it is encoded and stored.
pub const FIELDS: [&str; 15] = [
    "selector_id",
    "selector_version",
    "measure_id",
    "ts",
    "src_ip",
    "dst_ip",
    "src_port",
    "dst_port",
    "proto",
    "bytes",
    "packets",
    "flow_start",
    "flow_end",
    "direction",
    "retain_until",
];

/// Why a text is not an identifier of a selector or a measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseIdentifier {
    /// Nothing was given.
    #[error("identifier is empty")]
    Empty,
    /// More than [`IDENTIFIER_BYTES_MAX`] bytes.
    #[error("identifier is longer than `{IDENTIFIER_BYTES_MAX}` bytes")]
    TooLong,
    /// A space, a control character or a character outside ASCII.
    #[error("identifier has a character that is not visible ASCII")]
    NotVisible,
}

/// One to [`IDENTIFIER_BYTES_MAX`] bytes of visible ASCII without spaces.
fn check_identifier(text: &str) -> Result<(), ParseIdentifier> {
    if text.is_empty() {
        Err(ParseIdentifier::Empty)
    } else if text.len() > IDENTIFIER_BYTES_MAX {
        Err(ParseIdentifier::TooLong)
    } else if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(ParseIdentifier::NotVisible)
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// INVARIANT: one to 128 bytes of visible ASCII without spaces.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseIdentifier;

            fn from_str(text: &str) -> Result<Self, ParseIdentifier> {
                check_identifier(text).map(|()| Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdentifier;

            fn try_from(text: String) -> Result<Self, ParseIdentifier> {
                check_identifier(&text).map(|()| Self(text.into()))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

identifier! {
    /// The name of a selector, as the list that brought it names it (often the id of a STIX indicator).
    SelectorId
}

identifier! {
    /// The name of the measure under which something was acquired.
    MeasureId
}

/// The number of a protocol above IP (IANA, Protocol Numbers).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP for IPv4.
    pub const ICMP: Self = Self(1);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// ICMP for IPv6.
    pub const ICMP6: Self = Self(58);
    /// SCTP.
    pub const SCTP: Self = Self(132);

    /// Reads the names sensors write, in any case, or a number.
    pub fn from_name(name: &str) -> Option<Self> {
        const NAMES: [(&str, Protocol); 9] = [
            ("tcp", Protocol::TCP),
            ("udp", Protocol::UDP),
            ("icmp", Protocol::ICMP),
            ("icmp6", Protocol::ICMP6),
            ("ipv6-icmp", Protocol::ICMP6),
            ("icmpv6", Protocol::ICMP6),
            ("sctp", Protocol::SCTP),
            ("gre", Protocol(47)),
            ("esp", Protocol(50)),
        ];
        let known = NAMES.iter().find(|(text, _)| text.eq_ignore_ascii_case(name));
        known.map(|(_, protocol)| *protocol).or_else(|| name.parse().ok().map(Self))
    }

    /// Whether what sensors write in the place of ports is the type and code of a control message.
    pub const fn has_no_ports(self) -> bool {
        matches!(self, Self::ICMP | Self::ICMP6)
    }
}

/// Whose communication it was: the legal ground on which the record exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The network of whoever ran the selection, under its own authority; outside the Act's measures.
    OwnNetwork,
    /// 外外: between equipment abroad, in transit (Act art. 17).
    ForeignToForeign,
    /// 外内: from abroad to Japan (Act arts. 11, 32).
    ForeignToDomestic,
    /// 内外: from Japan to abroad (Act art. 33).
    DomesticToForeign,
}

impl Direction {
    /// All four.
    pub const ALL: [Self; 4] = [
        Self::OwnNetwork,
        Self::ForeignToForeign,
        Self::ForeignToDomestic,
        Self::DomesticToForeign,
    ];

    /// The word under which it is stored and sent.
    pub const fn label(self) -> &'static str {
        match self {
            Self::OwnNetwork => "own-network",
            Self::ForeignToForeign => "foreign-to-foreign",
            Self::ForeignToDomestic => "foreign-to-domestic",
            Self::DomesticToForeign => "domestic-to-foreign",
        }
    }

    /// The direction of a label.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.label() == label)
    }
}

/// One communication that a selector matched, reduced to mechanical information.
///
/// At least one address is present in every record a selection makes. `bytes` and `packets` are those of
/// both directions together, as the sensor counted them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MechanicalRecord {
    /// The selector that matched.
    pub selector_id: SelectorId,
    /// The version of that selector.
    pub selector_version: u32,
    /// The measure under which it was acquired; none on one's own network.
    pub measure_id: Option<MeasureId>,
    /// When the sensor saw it.
    pub ts: Timestamp,
    /// Address of the equipment that opened the communication.
    pub src_ip: Option<IpAddr>,
    /// Address of the equipment that answered.
    pub dst_ip: Option<IpAddr>,
    /// Port of the opener, where the protocol has ports.
    pub src_port: Option<u16>,
    /// Port of the answerer, where the protocol has ports.
    pub dst_port: Option<u16>,
    /// The protocol above IP.
    pub proto: Option<Protocol>,
    /// Bytes of both directions.
    pub bytes: Option<u64>,
    /// Packets of both directions.
    pub packets: Option<u64>,
    /// First packet of the flow.
    pub flow_start: Option<Timestamp>,
    /// Last packet of the flow.
    pub flow_end: Option<Timestamp>,
    /// The legal ground.
    pub direction: Direction,
    /// When it must be gone.
    pub retain_until: Timestamp,
}

impl MechanicalRecord {
    /// Appends the canonical bytes: two records have the same bytes exactly when they are equal.
    ///
    /// Layout: [`ENCODING_VERSION`], then the fields in the order of [`FIELDS`]. A text is its length (u16)
    /// and its bytes; an optional field is preceded by 0 or 1; an address is 4 or 6 and its bytes; a time is
    /// nanoseconds since the epoch (i128); all integers are big-endian; a direction is its position in
    /// [`Direction::ALL`].
    pub fn encode(&self, out: &mut Vec<u8>) {
        // Without `..`: a field that is added does not compile until it is encoded.
        let Self {
            selector_id,
            selector_version,
            measure_id,
            ts,
            src_ip,
            dst_ip,
            src_port,
            dst_port,
            proto,
            bytes,
            packets,
            flow_start,
            flow_end,
            direction,
            retain_until,
        } = self;
        out.push(ENCODING_VERSION);
        text(out, selector_id.as_str());
        out.extend_from_slice(&selector_version.to_be_bytes());
        optional(out, measure_id.as_ref(), |out, id| text(out, id.as_str()));
        time(out, *ts);
        optional(out, *src_ip, address);
        optional(out, *dst_ip, address);
        optional(out, *src_port, |out, port| out.extend_from_slice(&port.to_be_bytes()));
        optional(out, *dst_port, |out, port| out.extend_from_slice(&port.to_be_bytes()));
        optional(out, *proto, |out, protocol| out.push(protocol.0));
        optional(out, *bytes, |out, count| out.extend_from_slice(&count.to_be_bytes()));
        optional(out, *packets, |out, count| out.extend_from_slice(&count.to_be_bytes()));
        optional(out, *flow_start, time);
        optional(out, *flow_end, time);
        out.push(match direction {
            Direction::OwnNetwork => 0,
            Direction::ForeignToForeign => 1,
            Direction::ForeignToDomestic => 2,
            Direction::DomesticToForeign => 3,
        });
        time(out, *retain_until);
    }

    /// The canonical bytes as a value of their own.
    pub fn to_canonical_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160);
        self.encode(&mut out);
        out
    }
}

/// INVARIANT: `value` is an identifier, so its length fits into two bytes.
fn text(out: &mut Vec<u8>, value: &str) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value.as_bytes());
}

fn time(out: &mut Vec<u8>, value: Timestamp) {
    out.extend_from_slice(&value.as_nanosecond().to_be_bytes());
}

fn address(out: &mut Vec<u8>, value: IpAddr) {
    match value {
        IpAddr::V4(value) => {
            out.push(4);
            out.extend_from_slice(&value.octets());
        }
        IpAddr::V6(value) => {
            out.push(6);
            out.extend_from_slice(&value.octets());
        }
    }
}

fn optional<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        write(out, value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> MechanicalRecord {
        MechanicalRecord {
            selector_id: "indicator--1".parse().unwrap(),
            selector_version: 3,
            measure_id: None,
            ts: Timestamp::from_microsecond(1_790_000_000_000_001).unwrap(),
            src_ip: Some("192.0.2.7".parse().unwrap()),
            dst_ip: Some("2001:db8::5".parse().unwrap()),
            src_port: Some(49152),
            dst_port: Some(443),
            proto: Some(Protocol::TCP),
            bytes: Some(1200),
            packets: Some(9),
            flow_start: None,
            flow_end: None,
            direction: Direction::OwnNetwork,
            retain_until: Timestamp::from_second(1_800_000_000).unwrap(),
        }
    }

    /// The golden list. A change here is a change of what the state may keep: it needs a decision of its own.
    #[test]
    fn the_list_of_fields_is_closed() {
        let golden = "bytes direction dst_ip dst_port flow_end flow_start measure_id packets proto \
                      retain_until selector_id selector_version src_ip src_port ts";
        let value = serde_json::to_value(sample()).unwrap();
        let mut stored: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        stored.sort_unstable();
        assert_eq!(stored.join(" "), golden);
        let mut listed = FIELDS.to_vec();
        listed.sort_unstable();
        assert_eq!(listed.join(" "), golden);
    }

    #[test]
    fn an_unknown_field_is_refused_and_json_round_trips() {
        let mut value = serde_json::to_value(sample()).unwrap();
        assert_eq!(serde_json::from_value::<MechanicalRecord>(value.clone()).unwrap(), sample());
        value["subject"] = "x".into();
        assert!(serde_json::from_value::<MechanicalRecord>(value).is_err());
    }

    #[test]
    fn the_encoding_is_fixed() {
        let bytes = sample().to_canonical_bytes();
        let hex: String =
            bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        // Written down by another program from the layout above.
        let golden = [
            "01000c696e64696361746f722d2d310000000300000000000000000018d75b8423f303e80104c0000207",
            "010620010db800000000000000000000000501c0000101bb01060100000000000004b001000000000000",
            "0009000000000000000000000018fae27693b40000",
        ];
        assert_eq!(hex, golden.concat());
        assert_eq!(bytes[0], ENCODING_VERSION);
    }

    #[test]
    fn labels_and_names_are_read_back() {
        for direction in Direction::ALL {
            assert_eq!(Direction::from_label(direction.label()), Some(direction));
            let json = serde_json::to_string(&direction).unwrap();
            assert_eq!(json, format!("\"{}\"", direction.label()));
        }
        assert_eq!(Protocol::from_name("TCP"), Some(Protocol::TCP));
        assert_eq!(Protocol::from_name("IPv6-ICMP"), Some(Protocol::ICMP6));
        assert_eq!(Protocol::from_name("89"), Some(Protocol(89)));
        assert_eq!(Protocol::from_name("unknown_transport"), None);
    }

    #[test]
    fn identifiers_have_limits() {
        assert_eq!("".parse::<SelectorId>(), Err(ParseIdentifier::Empty));
        assert_eq!("a b".parse::<SelectorId>(), Err(ParseIdentifier::NotVisible));
        assert_eq!("狼煙".parse::<MeasureId>(), Err(ParseIdentifier::NotVisible));
        assert_eq!("x".repeat(129).parse::<MeasureId>(), Err(ParseIdentifier::TooLong));
        assert!("x".repeat(128).parse::<MeasureId>().is_ok());
    }

    fn any_time() -> impl Strategy<Value = Timestamp> {
        (0_i64..3_000_000_000_000_000).prop_map(|us| Timestamp::from_microsecond(us).unwrap())
    }

    prop_compose! {
        fn any_record()(
            id in "[a-c]{1,3}", version in 0_u32..3, measure in proptest::option::of("[a-c]{1,3}"),
            ts in any_time(), src in any::<Option<IpAddr>>(), dst in any::<Option<IpAddr>>(),
            ports in any::<(Option<u16>, Option<u16>)>(), proto in any::<Option<u8>>(),
            counts in any::<(Option<u64>, Option<u64>)>(),
            flow in proptest::option::of((any_time(), any_time())), direction in 0_usize..4,
        ) -> MechanicalRecord {
            MechanicalRecord {
                selector_id: id.parse().unwrap(), selector_version: version,
                measure_id: measure.map(|text| text.parse().unwrap()), ts, src_ip: src, dst_ip: dst,
                src_port: ports.0, dst_port: ports.1, proto: proto.map(Protocol), bytes: counts.0,
                packets: counts.1, flow_start: flow.map(|(start, _)| start),
                flow_end: flow.map(|(_, end)| end), direction: Direction::ALL[direction],
                retain_until: ts,
            }
        }
    }

    proptest! {
        #[test]
        fn equal_bytes_mean_equal_records(one in any_record(), other in any_record()) {
            prop_assert_eq!(one == other, one.to_canonical_bytes() == other.to_canonical_bytes());
            let mut ported = one.clone();
            ported.src_port = one.dst_port;
            ported.dst_port = one.src_port;
            prop_assert_eq!(one == ported, one.to_canonical_bytes() == ported.to_canonical_bytes());
        }
    }
}
