//! What a selection did, in numbers anyone may see.

use jiff::Timestamp;
use noroshi_evidence::mechanical::MechanicalRecord;
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, root_of};
use crate::mode::{Mode, SensorId};

/// The name of the form; another form would take another name.
pub const FORM: &str = "noroshi-certificate/1";
/// The largest number that JSON carries exactly (RFC 8785 §3.2.2.3).
pub const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Where every record of the input went. Header lines and blank lines are not records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Records looked at.
    pub seen: u64,
    /// Records that a selector matched; the mechanical fields of these, and nothing else, are left.
    pub kept: u64,
    /// Records that no selector matched.
    pub unmatched: u64,
    /// Records of communications that the mode has no business with, turned away before any look-up.
    pub direction: u64,
    /// Records without any address: they are about content (files, certificates, programs) or about the
    /// sensor itself, and are not looked into.
    pub content: u64,
    /// Records that could not be read.
    pub errors: u64,
    /// Bytes of input, headers included.
    pub bytes: u64,
}

impl Tally {
    /// Whether every record seen went to exactly one place.
    pub fn balances(&self) -> bool {
        let places = [self.kept, self.unmatched, self.direction, self.content, self.errors];
        places.iter().try_fold(0_u64, |sum, place| sum.checked_add(*place)) == Some(self.seen)
    }
}

/// The certificate of one selection. It names no address and no person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// [`FORM`].
    pub form: String,
    /// Which sensor selected.
    pub sensor: SensorId,
    /// On what legal ground.
    pub mode: Mode,
    /// Counted from zero for each sensor, without gaps.
    pub sequence: u64,
    /// The digest of the certificate before; none for the first.
    pub previous: Option<Digest>,
    /// When the selection began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// The time of the earliest record that was read.
    pub records_from: Option<Timestamp>,
    /// The time of the latest record that was read.
    pub records_to: Option<Timestamp>,
    /// The digest of the list of selectors.
    pub selectors: Digest,
    /// How many selectors the list has.
    pub selectors_count: u64,
    /// The digest of the program that selected.
    pub program: Digest,
    /// The digest of what decided besides the list: mode, fields looked at, networks, retention. Certificates made
    /// before there was one have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Digest>,
    /// For how many days what was kept is retained.
    pub retention_days: u32,
    /// Where every record went.
    pub tally: Tally,
    /// How many mechanical records were made; one for each selector that matched a kept record.
    pub rows: u64,
    /// The Merkle root over them (RFC 6962 §2.1).
    pub rows_root: Digest,
}

impl Certificate {
    /// SHA-256 over the canonical JSON (RFC 8785).
    pub fn digest(&self) -> Result<Digest, serde_json::Error> {
        serde_json_canonicalizer::to_vec(self).map(|bytes| Digest::of(&bytes))
    }

    /// Whether the figures agree with each other.
    pub fn balances(&self) -> bool {
        let times_in_order = self.started_at <= self.finished_at
            && self.records_from.is_some() == self.records_to.is_some()
            && self.records_from <= self.records_to;
        let rows_in_order = self.rows >= self.tally.kept
            && (self.tally.kept > 0 || self.rows == 0)
            && (self.rows > 0 || self.rows_root == Digest::of(b""));
        let Tally { seen, bytes, .. } = self.tally;
        let exact = [seen, bytes, self.rows, self.sequence, self.selectors_count];
        self.form == FORM
            && self.tally.balances()
            && times_in_order
            && rows_in_order
            && (self.sequence == 0) == self.previous.is_none()
            && exact.into_iter().all(|number| number <= NUMBER_MAX)
    }

    /// Whether this is the certificate that comes directly after `before`.
    pub fn follows(&self, before: &Self) -> bool {
        self.sensor == before.sensor
            && before.sequence.checked_add(1) == Some(self.sequence)
            && before.finished_at <= self.started_at
            && before.digest().is_ok_and(|digest| self.previous == Some(digest))
    }

    /// Whether these are the records it certifies, all of them and in their order.
    pub fn covers(&self, records: &[MechanicalRecord]) -> bool {
        self.rows == records.len() as u64 && self.rows_root == root_of(records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Certificate {
        let time = Timestamp::from_second(1_790_000_000).unwrap();
        Certificate {
            form: FORM.to_owned(),
            sensor: "sensor-1".parse().unwrap(),
            mode: Mode::OwnNetwork,
            sequence: 0,
            previous: None,
            started_at: time,
            finished_at: time,
            records_from: None,
            records_to: None,
            selectors: Digest::of(b"selectors"),
            selectors_count: 2,
            program: Digest::of(b"program"),
            rules: None,
            retention_days: 90,
            tally: Tally { seen: 3, unmatched: 2, errors: 1, ..Tally::default() },
            rows: 0,
            rows_root: Digest::of(b""),
        }
    }

    #[test]
    fn the_form_is_fixed_and_read_back() {
        let certificate = sample();
        let json = serde_json_canonicalizer::to_string(&certificate).unwrap();
        let expected = concat!(
            r#"{"finished_at":"2026-09-21T14:13:20Z","form":"noroshi-certificate/1","mode":"own-network","#,
            r#""previous":null,"program":"#,
        );
        assert!(json.starts_with(expected), "{json}");
        assert_eq!(serde_json::from_str::<Certificate>(&json).unwrap(), certificate);
        assert_eq!(certificate.digest().unwrap(), Digest::of(json.as_bytes()));
    }

    #[test]
    fn every_false_figure_is_noticed() {
        assert!(sample().balances());
        let check = |what: &str, change: fn(&mut Certificate)| {
            let mut certificate = sample();
            change(&mut certificate);
            assert!(!certificate.balances(), "{what}");
        };
        check("seen", |certificate| certificate.tally.seen = 4);
        check("kept without rows", |certificate| {
            certificate.tally.kept = 1;
            certificate.tally.unmatched = 1;
        });
        check("rows without kept", |certificate| certificate.rows = 1);
        check("root", |certificate| certificate.rows_root = Digest::of(b"other"));
        check("sequence", |certificate| certificate.sequence = 1);
        check("previous", |certificate| certificate.previous = Some(Digest::of(b"other")));
        check("form", |certificate| certificate.form = "other".to_owned());
        check("overflow", |certificate| certificate.tally.kept = u64::MAX);
        check("time", |certificate| certificate.records_from = Some(certificate.started_at));
        check("backwards", |certificate| certificate.finished_at = Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn a_chain_has_no_gap_and_no_other_branch() {
        let first = sample();
        let second =
            Certificate { sequence: 1, previous: Some(first.digest().unwrap()), ..sample() };
        assert!(second.follows(&first) && second.balances());
        let other = Certificate { retention_days: 91, ..first.clone() };
        assert!(!second.follows(&other));
        assert!(!Certificate { sequence: 2, ..second.clone() }.follows(&first));
        assert!(!Certificate { sensor: "sensor-2".parse().unwrap(), ..second }.follows(&first));
    }
}
