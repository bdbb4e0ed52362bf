//! What a selection did, in numbers anyone may see.

use jiff::Timestamp;
use noroshi_evidence::mechanical::{MeasureId, MechanicalRecord};
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, root_of};
use crate::mode::{Mode, SensorId};
use crate::prefix::GeoBasis;
use crate::sighting::Committed;
use crate::signature::{PublicKey, SecretKey, Signature};
use crate::switches::Switches;

/// The name of the form; another form would take another name.
pub const FORM: &str = "noroshi-certificate/3";
/// The form before: it says nothing of sightings. It is read, and no longer made.
pub const FORM_2: &str = "noroshi-certificate/2";
/// The first form: without rules and signature. It is read, and no longer made.
pub const FORM_1: &str = "noroshi-certificate/1";
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

/// By which rules was selected. All of it is fixed before the first record is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Which fields were looked at.
    pub switches: Switches,
    /// The digest of the networks said to be one's own, as canonical JSON; none under a mandate.
    pub networks: Option<Digest>,
    /// The digest of the mandate; none on one's own network.
    pub mandate: Option<Digest>,
    /// The measure; none on one's own network.
    pub measure: Option<MeasureId>,
    /// The prefix table that said where an address lies; none on one's own network.
    pub geo_basis: Option<GeoBasis>,
}

impl Rules {
    /// SHA-256 over the canonical JSON (RFC 8785).
    pub fn digest(&self) -> Result<Digest, serde_json::Error> {
        serde_json_canonicalizer::to_vec(self).map(|bytes| Digest::of(&bytes))
    }

    /// Whether what is there is what the mode needs, no more and no less.
    const fn fit(&self, mode: Mode) -> bool {
        let Self { switches: _, networks, mandate, measure, geo_basis } = self;
        let is_own = matches!(mode, Mode::OwnNetwork);
        networks.is_some() == is_own
            && mandate.is_none() == is_own
            && measure.is_none() == is_own
            && geo_basis.is_none() == is_own
    }
}

/// The certificate of one selection. It names no address and no person.
///
/// An interval in which nothing came in has a certificate too: one that has seen nothing is a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// [`FORM`], [`FORM_2`] or [`FORM_1`].
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
    /// For how many days what was kept is retained.
    pub retention_days: u32,
    /// Where every record went.
    pub tally: Tally,
    /// How many mechanical records were made; one for each selector that matched a kept record.
    pub rows: u64,
    /// The Merkle root over them (RFC 6962 §2.1).
    pub rows_root: Digest,
    /// By which rules was selected; none in the first form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Rules>,
    /// The digest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules_digest: Option<Digest>,
    /// What commits to the sightings that are handed in with it; none in the forms before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sightings: Option<Committed>,
    /// The sensor's signature over all that stands above; none where the sensor is not enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
}

impl Certificate {
    /// SHA-256 over the canonical JSON (RFC 8785) without the signature.
    pub fn digest(&self) -> Result<Digest, serde_json::Error> {
        self.signed_bytes().map(|bytes| Digest::of(&bytes))
    }

    /// What is signed and digested.
    fn signed_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json_canonicalizer::to_vec(&Self { signature: None, ..self.clone() })
    }

    /// The certificate with the sensor's signature.
    pub fn sign(mut self, key: &SecretKey) -> Result<Self, serde_json::Error> {
        self.signature = Some(key.sign(&self.form, &self.signed_bytes()?));
        Ok(self)
    }

    /// Whether `key` signed it.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        let Some(signature) = self.signature.filter(|signature| signature.key == *key) else {
            return false;
        };
        self.signed_bytes().is_ok_and(|bytes| signature.holds(&self.form, &bytes))
    }

    /// Whether what commits to sightings is there as the form asks: what was kept can be seen, and nothing else.
    fn has_sightings(&self) -> bool {
        match self.sightings {
            None => self.form != FORM,
            Some(committed) => {
                let is_exact = committed.count <= NUMBER_MAX;
                let is_empty = Committed::to(&[]).is_ok_and(|none| none == committed);
                self.form == FORM
                    && is_exact
                    && (committed.count == 0) == is_empty
                    && (committed.count == 0 || self.rows > 0)
            }
        }
    }

    /// Whether the rules are there as the form asks, whole, and those of the mode.
    fn has_rules(&self) -> bool {
        match (&self.rules, self.rules_digest) {
            (Some(rules), Some(digest)) => {
                (self.form == FORM || self.form == FORM_2)
                    && rules.fit(self.mode)
                    && rules.digest().is_ok_and(|found| found == digest)
            }
            (None, None) => {
                self.form == FORM_1 && self.mode == Mode::OwnNetwork && self.signature.is_none()
            }
            _ => false,
        }
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
        self.has_rules()
            && self.has_sightings()
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
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample() -> Certificate {
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
            retention_days: 90,
            tally: Tally { seen: 3, unmatched: 2, errors: 1, ..Tally::default() },
            rows: 0,
            rows_root: Digest::of(b""),
            rules_digest: rules().digest().ok(),
            rules: Some(rules()),
            sightings: Committed::to(&[]).ok(),
            signature: None,
        }
    }

    fn rules() -> Rules {
        let networks = Some(Digest::of(b"networks"));
        let switches = Switches::of_mode(Mode::OwnNetwork);
        Rules { switches, networks, mandate: None, measure: None, geo_basis: None }
    }

    fn basis() -> GeoBasis {
        GeoBasis {
            table: "example".parse().unwrap(),
            version: "7".parse().unwrap(),
            date: "2026-11-01".parse().unwrap(),
            digest: Digest::of(b"table"),
        }
    }

    /// What the form before looked like, byte for byte.
    #[test]
    fn the_form_before_is_read_and_keeps_its_digest() {
        let old = concat!(
            r#"{"finished_at":"2026-09-21T14:13:20Z","form":"noroshi-certificate/1","mode":"own-network","#,
            r#""previous":null,"program":"84f6d6ed1b4f7ac6bd3f8b6d9d1a3f4f5b3a5b9d1d8a6c4b2e0f9c7a5e3d1b0a","#,
            r#""records_from":null,"records_to":null,"retention_days":90,"rows":0,"#,
            r#""rows_root":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","#,
            r#""selectors":"84f6d6ed1b4f7ac6bd3f8b6d9d1a3f4f5b3a5b9d1d8a6c4b2e0f9c7a5e3d1b0a","#,
            r#""selectors_count":2,"sensor":"sensor-1","sequence":0,"started_at":"2026-09-21T14:13:20Z","#,
            r#""tally":{"bytes":0,"content":0,"direction":0,"errors":1,"kept":0,"seen":3,"unmatched":2}}"#,
        );
        let certificate: Certificate = serde_json::from_str(old).unwrap();
        assert!(certificate.balances());
        assert_eq!(certificate.digest().unwrap(), Digest::of(old.as_bytes()));
        // So is the one after it: the same but for what commits to sightings.
        let second = Certificate { form: FORM_2.to_owned(), sightings: None, ..sample() };
        assert!(second.balances());
        let text = serde_json_canonicalizer::to_string(&second).unwrap();
        assert!(!text.contains("sightings"), "{text}");
        // It has no place for what only the later form says.
        assert!(!Certificate { form: FORM.to_owned(), ..certificate.clone() }.balances());
        assert!(!Certificate { rules: Some(rules()), ..certificate.clone() }.balances());
        assert!(!Certificate { mode: Mode::PartyAgreement, ..certificate }.balances());
    }

    #[test]
    fn a_signature_covers_everything_and_changes_no_digest() {
        let (key, other) = (SecretKey::of_seed([7; 32]), SecretKey::of_seed([8; 32]));
        let signed = sample().sign(&key).unwrap();
        assert!(signed.balances() && signed.is_signed_by(&key.public()));
        assert!(!signed.is_signed_by(&other.public()) && !sample().is_signed_by(&key.public()));
        assert_eq!(signed.digest().unwrap(), sample().digest().unwrap());
        let text = serde_json::to_value(&signed).unwrap();
        for name in text.as_object().unwrap().keys().filter(|name| *name != "signature") {
            let mut changed = signed.clone();
            match name.as_str() {
                "form" => changed.form = FORM_1.to_owned(),
                "sensor" => changed.sensor = "sensor-2".parse().unwrap(),
                "mode" => changed.mode = Mode::PartyAgreement,
                "sequence" => changed.sequence = 1,
                "previous" => changed.previous = Some(Digest::of(b"x")),
                "started_at" => changed.started_at = Timestamp::UNIX_EPOCH,
                "finished_at" => changed.finished_at = Timestamp::UNIX_EPOCH,
                "records_from" => changed.records_from = Some(Timestamp::UNIX_EPOCH),
                "records_to" => changed.records_to = Some(Timestamp::UNIX_EPOCH),
                "selectors" => changed.selectors = Digest::of(b"x"),
                "selectors_count" => changed.selectors_count = 3,
                "program" => changed.program = Digest::of(b"x"),
                "retention_days" => changed.retention_days = 91,
                "tally" => changed.tally.seen = 4,
                "rows" => changed.rows = 1,
                "rows_root" => changed.rows_root = Digest::of(b"x"),
                "rules" => changed.rules = None,
                "rules_digest" => changed.rules_digest = None,
                "sightings" => changed.sightings = None,
                other => panic!("`{other}` is signed and not tried"),
            }
            assert!(!changed.is_signed_by(&key.public()), "{name}");
        }
    }

    #[test]
    fn rules_are_those_of_the_mode() {
        let check = |mode: Mode, rules: Rules| {
            let rules_digest = rules.digest().ok();
            Certificate { mode, rules: Some(rules), rules_digest, ..sample() }.balances()
        };
        let mandated = Rules {
            networks: None,
            mandate: Some(Digest::of(b"mandate")),
            measure: Some("measure-1".parse().unwrap()),
            geo_basis: Some(basis()),
            switches: Switches::CLOSED,
        };
        for mode in Mode::ALL {
            let is_own = mode == Mode::OwnNetwork;
            assert_eq!(check(mode, rules()), is_own, "{mode:?}");
            assert_eq!(check(mode, mandated.clone()), !is_own, "{mode:?}");
            assert!(!check(mode, Rules { measure: None, ..mandated.clone() }));
            assert!(!check(mode, Rules { geo_basis: None, ..mandated.clone() }));
            assert!(!check(mode, Rules { mandate: None, ..mandated.clone() }));
        }
    }

    #[test]
    fn the_form_is_fixed_and_read_back() {
        let certificate = sample();
        let json = serde_json_canonicalizer::to_string(&certificate).unwrap();
        let expected = concat!(
            r#"{"finished_at":"2026-09-21T14:13:20Z","form":"noroshi-certificate/3","mode":"own-network","#,
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
        check("form before", |certificate| certificate.form = FORM_1.to_owned());
        check("sightings in a form before", |certificate| certificate.form = FORM_2.to_owned());
        check("no sightings", |certificate| certificate.sightings = None);
        check("sightings of nothing kept", |certificate| {
            certificate.sightings = Some(Committed { count: 1, digest: Digest::of(b"x") });
        });
        check("no sightings, and a digest of some", |certificate| {
            certificate.sightings = Some(Committed { count: 0, digest: Digest::of(b"x") });
        });
        check("no rules", |certificate| certificate.rules = None);
        check("rules", |certificate| certificate.rules_digest = Some(Digest::of(b"other")));
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
