//! What one entry of the log says: who, under which hat, when, which fact, and a commitment to the rest.
//!
//! A leaf holds no personal data, no address and no free text: roles, counts, identifiers and digests only. What the
//! fact was about in full lies outside the log, bound to the leaf by a salted [`commitment`].

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use crate::digest::Digest;

/// Bytes of an encoded leaf; well below the 65,535 of a tlog-tiles entry.
pub const LEAF_BYTES_MAX: usize = 4_096;

/// The version of the leaf that is written and read here.
pub const LEAF_VERSION: u64 = 1;

/// `SHA-256("noroshi/commit/v1" || salt || payload)`: binds the payload without giving it away. The payload is the
/// RFC 8785 form of what happened; salt and payload are kept together, off the log, and can be destroyed together.
/// An unsalted digest of a short value is guessed in minutes, so the salt is 32 random bytes for each leaf.
pub fn commitment(salt: &[u8; 32], payload_jcs: &[u8]) -> Digest {
    Digest::of_parts(&[b"noroshi/commit/v1", salt, payload_jcs])
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// Always [`LEAF_VERSION`].
    pub v: u64,
    /// The machine or office that wrote it.
    pub emitter: String,
    /// Number among the emitter's leaves, from 0 without gaps.
    pub sequence: u64,
    /// Leaf hash of the emitter's leaf before; none for its first.
    pub previous: Option<Digest>,
    /// RFC 3339 in UTC with exactly three fraction digits, `2026-11-23T09:00:00.000Z`.
    pub time: String,
    /// The hat under which the actor acted.
    pub hat: String,
    /// The actor's organisation.
    pub org: String,
    /// What happened.
    pub fact: Fact,
    /// Commitment to everything else about it.
    pub commitment: Digest,
}

/// Why a leaf cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum LeafError {
    /// Longer than [`LEAF_BYTES_MAX`].
    #[error("a leaf of `{0}` bytes is longer than 4096")]
    TooLarge(usize),
    /// Not the JSON of a leaf.
    #[error("not the JSON of a leaf")]
    Json(#[source] serde_json::Error),
    /// Another version.
    #[error("leaf version `{0}` is not 1")]
    Version(u64),
    /// A moment in another form.
    #[error("`{0}` is not a time in UTC of the required form")]
    Time(String),
    /// The bytes are not the RFC 8785 form of what they say, or a number does not survive it (2^53 and above).
    #[error("not in canonical form, or a number of 2^53 or more")]
    NotCanonical,
}

impl Leaf {
    /// The RFC 8785 bytes that become the entry.
    pub fn encode(&self) -> Result<Vec<u8>, LeafError> {
        let bytes = serde_json_canonicalizer::to_vec(self).map_err(LeafError::Json)?;
        // Reading back proves that whoever holds the log reads what was meant.
        if Self::decode(&bytes)? == *self { Ok(bytes) } else { Err(LeafError::NotCanonical) }
    }

    /// The same bytes without reading them back, for a writer whose fact went through [`Leaf::encode`] before and that
    /// only fills in sequence, chain and time.
    pub fn to_entry(&self) -> Result<Vec<u8>, LeafError> {
        let bytes = serde_json_canonicalizer::to_vec(self).map_err(LeafError::Json)?;
        if bytes.len() > LEAF_BYTES_MAX { Err(LeafError::TooLarge(bytes.len())) } else { Ok(bytes) }
    }

    /// Reads an entry strictly: known fields only, sound times, and byte for byte the canonical form.
    pub fn decode(bytes: &[u8]) -> Result<Self, LeafError> {
        if bytes.len() > LEAF_BYTES_MAX {
            return Err(LeafError::TooLarge(bytes.len()));
        }
        let leaf: Self = serde_json::from_slice(bytes).map_err(LeafError::Json)?;
        if leaf.v != LEAF_VERSION {
            return Err(LeafError::Version(leaf.v));
        }
        if leaf.time.len() != "2026-11-23T09:00:00.000Z".len()
            || Moment::parse(&leaf.time).is_none()
        {
            return Err(LeafError::Time(leaf.time));
        }
        if let Some(wrong) = leaf.fact.times().into_iter().find(|t| Moment::parse(t).is_none()) {
            return Err(LeafError::Time(wrong.to_owned()));
        }
        let canonical = serde_json_canonicalizer::to_vec(&leaf).map_err(LeafError::Json)?;
        if canonical == bytes { Ok(leaf) } else { Err(LeafError::NotCanonical) }
    }
}

/// Defines the facts once: the enum, the list of kinds, and the kind of each.
macro_rules! facts {
    ($($(#[$doc:meta])* $kind:literal $variant:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    })*) => {
        /// What happened. The JSON carries the kind beside the fields.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "kind", remote = "Self", deny_unknown_fields)]
        pub enum Fact {
            $(
                $(#[$doc])*
                #[serde(rename = $kind)]
                $variant { $($(#[$field_doc])* $field: $type,)* },
            )*
            /// A kind this version does not know, kept verbatim: the tree can be checked, the rule behind it cannot.
            #[serde(skip)]
            Other(Map<String, Value>),
        }

        /// Every kind that is understood, in the order of definition.
        pub const KINDS: &[&str] = &[$($kind),*];

        impl Fact {
            /// The kind as it stands in the log.
            pub fn kind(&self) -> &str {
                match self {
                    $(Self::$variant { .. } => $kind,)*
                    Self::Other(fields) => {
                        fields.get("kind").and_then(Value::as_str).unwrap_or_default()
                    }
                }
            }
        }
    };
}

facts! {
    /// The log begins.
    "log.opened" LogOpened {
        /// The log's name, as in its checkpoints.
        origin: String,
    }
    /// The office itself changed: people, hats, keys, settings.
    "office.change" OfficeChange {
        /// The command that was carried out.
        command: String,
        /// What it was about.
        subject: String,
    }
    /// A report was begun.
    "intake.draft" IntakeDraft {
        /// Report id.
        report: String,
    }
    /// A report was filed and acknowledged.
    "intake.report" IntakeReport {
        /// Report id.
        report: String,
        /// Receipt number given to the reporter.
        receipt: String,
        /// Which of its stages.
        stage: Stage,
        /// Digest of the filed report.
        digest: Digest,
    }
    /// The evidence graph changed.
    "evidence.change" EvidenceChange {
        /// The command that was carried out.
        command: String,
        /// Objects written.
        objects: u64,
        /// Digest over them.
        digest: Digest,
    }
    /// A sensor's certificate of selection was accepted.
    "sift.batch" SiftBatch {
        /// The sensor.
        sensor: String,
        /// Number among the sensor's certificates, without gaps.
        sequence: u64,
        /// The legal mode of selection.
        mode: String,
        /// Begin of the interval, RFC 3339 UTC.
        from: String,
        /// End of the interval, RFC 3339 UTC.
        to: String,
        /// Records looked at.
        seen: u64,
        /// Records kept, as mechanical information.
        kept: u64,
        /// Records destroyed because no selector matched.
        unmatched: u64,
        /// Records destroyed because of their direction.
        direction: u64,
        /// Records destroyed because they were content.
        content: u64,
        /// Records destroyed because they could not be read.
        errors: u64,
        /// Digest of the selectors in force.
        selectors: Digest,
        /// Digest of the program that selected.
        build: Digest,
        /// Merkle root over the kept records.
        kept_root: Digest,
        /// Digest of the certificate.
        certificate: Digest,
        /// Digest of the sensor's certificate before; none for its first.
        previous: Option<Digest>,
    }
    /// A sensor's certificate of deletion was accepted; it stands in the same chain.
    "sift.deletion" SiftDeletion {
        /// The sensor.
        sensor: String,
        /// Number among the sensor's certificates, without gaps.
        sequence: u64,
        /// When all of it was gone, RFC 3339 UTC.
        at: String,
        /// Files of records that are gone.
        files: u64,
        /// Records that were in them.
        rows: u64,
        /// Digest of the certificate.
        certificate: Digest,
        /// Digest of the sensor's certificate before.
        previous: Digest,
    }
    /// An entry of a sensor's record of hunts was accepted: what stored records were asked, or what came of it. Purpose,
    /// case and question stand in the entry, which its digest commits to.
    "hunt.entry" HuntEntry {
        /// The sensor.
        sensor: String,
        /// Number among the entries of the sensor's record, without gaps.
        sequence: u64,
        /// When the entry was made, RFC 3339 UTC.
        at: String,
        /// What was hunted for: `selectors`, `question`, `beacons` or `first-seen`; `ended` for what came of a hunt.
        hunt: String,
        /// Digest of the entry.
        entry: Digest,
        /// Digest of the entry before.
        previous: Option<Digest>,
    }
    /// A case, assessment or judgement changed.
    "analyse.change" AnalyseChange {
        /// The command that was carried out.
        command: String,
        /// What it was about.
        subject: String,
    }
    /// Approval of a measure was requested.
    "measure.requested" MeasureRequested {
        /// Measure id.
        measure: String,
        /// Digest of exactly what is asked for.
        request: Digest,
        /// Opaque identifier of the person who asks.
        requester: String,
    }
    /// A member of the commission asked back.
    "measure.question" MeasureQuestion {
        /// Measure id.
        measure: String,
        /// The request.
        request: Digest,
        /// Opaque identifier of the member.
        member: String,
    }
    /// A question was answered.
    "measure.answer" MeasureAnswer {
        /// Measure id.
        measure: String,
        /// The request.
        request: Digest,
    }
    /// A member of the commission voted.
    "measure.vote" MeasureVote {
        /// Measure id.
        measure: String,
        /// The request.
        request: Digest,
        /// Opaque identifier of the member.
        member: String,
        /// For or against.
        choice: Choice,
    }
    /// The commission decided.
    "measure.decided" MeasureDecided {
        /// Measure id.
        measure: String,
        /// The request.
        request: Digest,
        /// Approved or refused.
        outcome: Outcome,
        /// Approving votes the decision needs.
        quorum: u32,
        /// Members whose last vote approves.
        approvals: u32,
        /// Members whose last vote refuses.
        refusals: u32,
        /// First moment of the approval, RFC 3339 UTC; not looked at when refused.
        not_before: String,
        /// Last moment of the approval, RFC 3339 UTC; not looked at when refused.
        not_after: String,
        /// Digest of the authorisation object.
        authorisation: Digest,
    }
    /// A measure is about to take effect; written before the effect.
    "measure.execute.begin" MeasureExecuteBegin {
        /// Measure id.
        measure: String,
        /// The request that was approved.
        request: Digest,
        /// The authorisation it acts under.
        authorisation: Digest,
        /// Effect id, within the measure.
        effect: String,
        /// Digest of the command sent to the device.
        command: Digest,
    }
    /// The device was read back.
    "measure.execute.end" MeasureExecuteEnd {
        /// Measure id.
        measure: String,
        /// Effect id.
        effect: String,
        /// Does it stand?
        outcome: Execution,
        /// Digest of what the device said.
        readback: Digest,
    }
    /// An effect is no more.
    "measure.ended" MeasureEnded {
        /// Measure id.
        measure: String,
        /// Effect id.
        effect: String,
        /// Why.
        cause: EndCause,
        /// Digest of what the device said.
        readback: Digest,
    }
    /// The report after the measure.
    "measure.report" MeasureReport {
        /// Measure id.
        measure: String,
        /// Digest of the report.
        digest: Digest,
    }
    /// Information was released to an audience.
    "share.release" ShareRelease {
        /// Release id.
        release: String,
        /// The collection it went to.
        collection: String,
        /// Who can read it; `partner:…` and `public…` are outside the holding organs.
        audience: String,
        /// Legal class.
        class: String,
        /// TLP marking.
        tlp: String,
        /// True when it derives from communications information.
        has_selected_comms: bool,
        /// True when it holds a designated secret.
        has_secret: bool,
        /// Objects released.
        objects: u64,
        /// Salted digest over recipients, versions and the exact bytes each recipient gets.
        digest: Digest,
        /// Derivation reviews it stands on: what they cleared counts as free of what it was made from.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        reviews: Vec<String>,
    }
    /// An audience read a collection.
    "share.read" ShareRead {
        /// The collection.
        collection: String,
        /// Who read.
        audience: String,
        /// Objects handed out.
        objects: u64,
        /// Salted digest over them.
        digest: Digest,
    }
    /// A step of a derivation review was taken.
    "share.review" ShareReview {
        /// Review id.
        review: String,
        /// Salted digest of the one version it is about.
        object: Digest,
        /// The state it led to.
        step: String,
        /// Opaque identifier of the person.
        reviewer: String,
    }
    /// Something that was handed out was taken back, corrected or marked more strictly.
    "share.recall" ShareRecall {
        /// Recall id.
        recall: String,
        /// What sort of message.
        recall_kind: String,
        /// Organisations that had it.
        recipients: u64,
    }
    /// A recipient of a recall has acted on it.
    "share.acknowledge" ShareAcknowledge {
        /// Recall id.
        recall: String,
    }
    /// A release was refused by rule.
    "share.refused" ShareRefused {
        /// Release id.
        release: String,
        /// Code of the refusal.
        code: String,
    }
    /// A person looked at something.
    "access.view" AccessView {
        /// What was looked at.
        subject: String,
        /// The stated purpose.
        purpose: String,
    }
}

impl Fact {
    /// The moments inside the fact that must be readable.
    fn times(&self) -> Vec<&str> {
        match self {
            Self::SiftBatch { from, to, .. } => vec![from, to],
            Self::SiftDeletion { at, .. } | Self::HuntEntry { at, .. } => vec![at],
            Self::MeasureDecided { outcome: Outcome::Approved, not_before, not_after, .. } => {
                vec![not_before, not_after]
            }
            _ => Vec::new(),
        }
    }
}

impl Serialize for Fact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Other(fields) => fields.serialize(serializer),
            known => Self::serialize(known, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Fact {
    /// A known kind is read strictly, so that a malformed execution can never pass as something not understood.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Map::deserialize(deserializer)?;
        let kind = fields.get("kind").and_then(Value::as_str);
        let kind = kind.ok_or_else(|| de::Error::custom("a fact names its `kind`"))?;
        if KINDS.contains(&kind) {
            Self::deserialize(Value::Object(fields)).map_err(de::Error::custom)
        } else {
            Ok(Self::Other(fields))
        }
    }
}

/// Stage of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The first, prompt report.
    Initial,
    /// More of it.
    Supplement,
    /// The last one.
    Final,
}

/// A vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// For the measure.
    Approve,
    /// Against it.
    Refuse,
}

/// A decision of the commission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The measure may be executed inside its window.
    Approved,
    /// The measure may not be executed, or no longer.
    Refused,
}

/// What the device said after execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Execution {
    /// The effect stands.
    Active,
    /// It does not.
    Failed,
}

/// Why an effect ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndCause {
    /// Its time was over.
    Expired,
    /// It was taken back.
    RolledBack,
}

/// A moment to the millisecond; finer digits are cut off, because leaves carry no finer ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Milliseconds since the year 0, every month counted as 31 days: an order, not a duration.
    rank: u64,
}

impl Moment {
    /// Reads `YYYY-MM-DDTHH:MM:SS[.fraction]Z` (RFC 3339 §5.6 in UTC, up to nine fraction digits, no leap second).
    pub fn parse(text: &str) -> Option<Self> {
        let (head, tail) = text.as_bytes().split_first_chunk::<19>()?;
        let number = |from: usize, to: usize| -> Option<u64> {
            let digits = head.get(from..to)?;
            digits.iter().try_fold(0, |sum, digit| {
                digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0'))
            })
        };
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if marks.iter().any(|(place, mark)| head.get(*place) != Some(mark)) {
            return None;
        }
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let sound =
            day >= 1 && day <= days(year, month)? && hour < 24 && minute < 60 && second < 60;
        let milli = fraction_milli(tail)?;
        let whole_days = (year * 12 + month) * 31 + day;
        sound.then(|| Self {
            rank: ((whole_days * 24 + hour) * 3_600 + minute * 60 + second) * 1_000 + milli,
        })
    }
}

impl fmt::Display for EndCause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Expired => "expired",
            Self::RolledBack => "rolled_back",
        })
    }
}

/// Days of a month of the Gregorian calendar; none for a month that does not exist.
fn days(year: u64, month: u64) -> Option<u64> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            Some(29)
        }
        2 => Some(28),
        _ => None,
    }
}

/// Milliseconds of `Z` or `.fractionZ`.
fn fraction_milli(tail: &[u8]) -> Option<u64> {
    let digits = match tail.strip_suffix(b"Z")? {
        [] => return Some(0),
        [b'.', digits @ ..] => digits,
        _ => return None,
    };
    if !(1..=9).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let padded = digits.iter().copied().chain([b'0'; 2]).take(3);
    Some(padded.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leaf(fact: Fact) -> Leaf {
        Leaf {
            v: 1,
            emitter: "office-1".to_owned(),
            sequence: 0,
            previous: None,
            time: "2026-11-23T09:00:00.000Z".to_owned(),
            hat: "office".to_owned(),
            org: "nco.example".to_owned(),
            fact,
            commitment: commitment(&[9; 32], b"{}"),
        }
    }

    fn viewed() -> Leaf {
        leaf(Fact::AccessView { subject: "case-1".to_owned(), purpose: "inspection".to_owned() })
    }

    fn other(json: &str) -> Fact {
        Fact::Other(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn the_bytes_of_a_leaf() {
        let text = String::from_utf8(viewed().encode().unwrap()).unwrap();
        let sealed = commitment(&[9; 32], b"{}");
        assert_eq!(
            text,
            format!(
                "{{\"commitment\":\"{sealed}\",\"emitter\":\"office-1\",\"fact\":{{\
                 \"kind\":\"access.view\",\"purpose\":\"inspection\",\"subject\":\"case-1\"}},\
                 \"hat\":\"office\",\"org\":\"nco.example\",\"previous\":null,\"sequence\":0,\
                 \"time\":\"2026-11-23T09:00:00.000Z\",\"v\":1}}"
            )
        );
        assert_eq!(Leaf::decode(text.as_bytes()).unwrap(), viewed());
    }

    #[test]
    fn a_commitment_binds_salt_and_payload() {
        let mut whole = b"noroshi/commit/v1".to_vec();
        whole.extend([9; 32]);
        whole.extend(b"{}");
        assert_eq!(commitment(&[9; 32], b"{}"), Digest::of(&whole));
        assert_ne!(commitment(&[9; 32], b"{}"), commitment(&[8; 32], b"{}"));
    }

    #[test]
    fn unknown_kinds_are_kept_verbatim() {
        let fact = other(r#"{"kind":"moon.phase","full":true,"n":[1,{"deep":null}]}"#);
        assert_eq!(fact.kind(), "moon.phase");
        let bytes = leaf(fact.clone()).encode().unwrap();
        assert_eq!(Leaf::decode(&bytes).unwrap().fact, fact);
    }

    #[test]
    fn a_known_kind_cannot_hide_as_unknown() {
        for wrong in [
            r#"{"kind":"access.view"}"#,
            r#"{"kind":"access.view","subject":"a","purpose":"b","more":1}"#,
            r#"{"kind":"access.view","subject":1,"purpose":"b"}"#,
        ] {
            assert!(leaf(other(wrong)).encode().is_err(), "{wrong}");
        }
        let disguised = other(r#"{"kind":"access.view","subject":"a","purpose":"b"}"#);
        assert!(matches!(leaf(disguised).encode(), Err(LeafError::NotCanonical)));
        assert!(leaf(other(r#"{"name":"without kind"}"#)).encode().is_err());
    }

    #[test]
    fn one_leaf_has_one_spelling() {
        let text = String::from_utf8(viewed().encode().unwrap()).unwrap();
        for wrong in [
            text.replace(":0,", ": 0,"),
            text.replace("\"v\":1", "\"v\":1.0"),
            text.replace("\"v\":1", "\"v\":2"),
            text.replace("\"previous\":null,", ""),
            text.replace("\"v\":1", "\"v\":1,\"w\":1"),
            text.replace("\"hat\":\"office\"", "\"hat\":\"office\",\"hat\":\"office\""),
            text.replace("case-1", "\\u0063ase-1"),
            text.replace("\"subject\":\"case-1\"", "\"subject\":\"case-1\",\"subject\":\"case-1\""),
            text.replace(".000Z", "Z"),
            text.replace(".000Z", ".0000Z"),
            text.replace("2026-11-23", "2026-11-31"),
            format!("{text}\n"),
        ] {
            assert!(Leaf::decode(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn limits() {
        let mut long = viewed();
        long.org = "o".repeat(LEAF_BYTES_MAX);
        assert!(matches!(long.encode(), Err(LeafError::TooLarge(_))));
        let mut large = viewed();
        large.sequence = (1 << 53) + 1;
        assert!(matches!(large.encode(), Err(LeafError::NotCanonical)));
        let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
        assert!(matches!(Leaf::decode(deep.as_bytes()), Err(LeafError::Json(_))));
    }

    #[test]
    fn moments_are_ordered_and_checked() {
        let ordered = [
            "2024-02-29T23:59:59.999Z",
            "2024-03-01T00:00:00Z",
            "2024-03-01T00:00:00.001999999Z",
            "2024-03-01T00:00:00.1Z",
            "2024-12-31T00:00:00Z",
            "2025-01-01T00:00:00Z",
        ];
        let moments: Vec<_> = ordered.iter().map(|t| Moment::parse(t).unwrap()).collect();
        assert!(moments.is_sorted_by(|a, b| a < b));
        let same = Moment::parse("2024-03-01T00:00:00.001Z");
        assert_eq!(same, Moment::parse(ordered[2]));
        for wrong in [
            "",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T23:59:60Z",
            "2024-01-01T00:00:00+00:00",
            "2024-01-01 00:00:00Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00.0123456789Z",
            "\u{ff12}024-01-01T00:00:00Z",
        ] {
            assert_eq!(Moment::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,40}") {
            prop_assert!(Leaf::decode(&bytes).is_err());
            prop_assert!(Moment::parse(&text).is_none());
        }

        #[test]
        fn names_of_any_kind_survive(text in "\\PC{0,60}", sequence in 0u64..1 << 53) {
            let mut written = viewed();
            written.emitter = text;
            written.sequence = sequence;
            prop_assert_eq!(Leaf::decode(&written.encode().unwrap()).unwrap(), written);
        }
    }
}
