//! The chain of a sensor: what it selected, and what it deleted since.
//!
//! Each entry has a number and the digest of the entry before, so that none can be left out, put in or exchanged. A
//! deletion is certified in the same chain as the selection whose records it ends: first the file is gone, then the
//! entry says so.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::certificate::{Certificate, NUMBER_MAX};
use crate::digest::Digest;
use crate::engine::Link;
use crate::mode::SensorId;
use crate::signature::{PublicKey, SecretKey, Signature};

/// The name of the form of a deletion.
pub const DELETION_FORM: &str = "noroshi-deletion/1";
/// The most files that one deletion certifies; more make more entries.
pub const FILES_MAX: usize = 10_000;
/// The longest path of a file, in bytes.
pub const PATH_BYTES_MAX: usize = 1_024;

/// Why records were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The time for which they could be retained is over.
    RetentionOver,
}

/// One file of records that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deleted {
    /// The number of the certificate that covered it.
    pub sequence: u64,
    /// The digest of that certificate.
    pub certificate: Digest,
    /// Where it lay, below the sensor's folder.
    pub path: String,
    /// How many records it held.
    pub rows: u64,
    /// The root over them.
    pub rows_root: Digest,
    /// Until when they could be retained.
    pub retain_until: Timestamp,
    /// Why.
    pub why: Why,
    /// Whether the file was still there. A deletion that was interrupted before it was certified, and a file somebody
    /// else removed, were not.
    pub found: bool,
}

impl Deleted {
    /// What certifies the deletion of what `certificate` covered; none where that certificate covers nothing.
    pub fn of(certificate: &Certificate, path: &str, found: bool) -> Option<Self> {
        Some(Self {
            sequence: certificate.sequence,
            certificate: certificate.digest().ok()?,
            path: path.to_owned(),
            rows: certificate.rows,
            rows_root: certificate.rows_root,
            retain_until: retain_until(certificate)?,
            why: Why::RetentionOver,
            found,
        })
    }
}

/// Until when the records of a selection may be retained: the days count from its beginning. None where that lies
/// outside of what a time can be.
pub fn retain_until(certificate: &Certificate) -> Option<Timestamp> {
    let days = SignedDuration::from_hours(i64::from(certificate.retention_days) * 24);
    certificate.started_at.checked_add(days).ok()
}

/// The certificate of a deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deletion {
    /// [`DELETION_FORM`].
    pub form: String,
    /// Which sensor deleted.
    pub sensor: SensorId,
    /// Its place in the chain.
    pub sequence: u64,
    /// The digest of the entry before; there always is one.
    pub previous: Digest,
    /// When all of it was gone.
    pub deleted_at: Timestamp,
    /// The digest of the program that deleted.
    pub program: Digest,
    /// What is gone.
    pub files: Vec<Deleted>,
    /// The sensor's signature; none where the sensor is not enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
}

/// Why a deletion is not certified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCertified {
    /// Nothing was deleted, or more than one entry can hold.
    #[error("NRS-SIFT-0009: deletion names no file, too many, or one path too long")]
    Files,
    /// Something was deleted whose time was not over.
    #[error("NRS-SIFT-0010: records that could still be retained were deleted")]
    TooEarly,
    /// Nothing comes before it.
    #[error("NRS-SIFT-0004: number and predecessor of the certificate do not fit each other")]
    Link,
}

impl Deletion {
    /// Certifies what is gone.
    pub fn certify(
        sensor: SensorId,
        link: Link,
        program: Digest,
        files: Vec<Deleted>,
        now: Timestamp,
    ) -> Result<Self, NotCertified> {
        let Some(previous) = link.previous.filter(|_| link.sequence > 0) else {
            return Err(NotCertified::Link);
        };
        let deletion = Self {
            form: DELETION_FORM.to_owned(),
            sensor,
            sequence: link.sequence,
            previous,
            deleted_at: now,
            program,
            files,
            signature: None,
        };
        deletion.fault().map_or(Ok(deletion), Err)
    }

    fn fault(&self) -> Option<NotCertified> {
        let too_long = |file: &Deleted| file.path.is_empty() || file.path.len() > PATH_BYTES_MAX;
        if !(1..=FILES_MAX).contains(&self.files.len()) || self.files.iter().any(too_long) {
            return Some(NotCertified::Files);
        }
        let too_early = self.files.iter().any(|file| file.retain_until > self.deleted_at);
        too_early.then_some(NotCertified::TooEarly)
    }

    /// Whether it agrees with itself.
    pub fn balances(&self) -> bool {
        let before = |file: &Deleted| file.sequence < self.sequence && file.rows <= NUMBER_MAX;
        let ascending = self.files.is_sorted_by(|one, next| one.sequence < next.sequence);
        self.form == DELETION_FORM
            && (1..=NUMBER_MAX).contains(&self.sequence)
            && self.fault().is_none()
            && ascending
            && self.files.iter().all(before)
    }

    /// SHA-256 over the canonical JSON (RFC 8785) without the signature.
    pub fn digest(&self) -> Result<Digest, serde_json::Error> {
        self.signed_bytes().map(|bytes| Digest::of(&bytes))
    }

    fn signed_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json_canonicalizer::to_vec(&Self { signature: None, ..self.clone() })
    }

    /// The same with the sensor's signature.
    pub fn sign(mut self, key: &SecretKey) -> Result<Self, serde_json::Error> {
        self.signature = Some(key.sign(DELETION_FORM, &self.signed_bytes()?));
        Ok(self)
    }

    /// Whether `key` signed it.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        let Some(signature) = self.signature.filter(|signature| signature.key == *key) else {
            return false;
        };
        self.signed_bytes().is_ok_and(|bytes| signature.holds(DELETION_FORM, &bytes))
    }
}

/// One entry of a sensor's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Entry {
    /// What was selected.
    Selection(Box<Certificate>),
    /// What was deleted.
    Deletion(Box<Deletion>),
}

impl Entry {
    /// Which sensor's.
    pub const fn sensor(&self) -> &SensorId {
        match self {
            Self::Selection(entry) => &entry.sensor,
            Self::Deletion(entry) => &entry.sensor,
        }
    }

    /// Its number.
    pub const fn sequence(&self) -> u64 {
        match self {
            Self::Selection(entry) => entry.sequence,
            Self::Deletion(entry) => entry.sequence,
        }
    }

    /// The digest of the entry before.
    pub const fn previous(&self) -> Option<Digest> {
        match self {
            Self::Selection(entry) => entry.previous,
            Self::Deletion(entry) => Some(entry.previous),
        }
    }

    /// Its own digest.
    pub fn digest(&self) -> Result<Digest, serde_json::Error> {
        match self {
            Self::Selection(entry) => entry.digest(),
            Self::Deletion(entry) => entry.digest(),
        }
    }

    /// From when to when it speaks.
    pub const fn times(&self) -> (Timestamp, Timestamp) {
        match self {
            Self::Selection(entry) => (entry.started_at, entry.finished_at),
            Self::Deletion(entry) => (entry.deleted_at, entry.deleted_at),
        }
    }

    /// The sensor's signature.
    pub const fn signature(&self) -> Option<Signature> {
        match self {
            Self::Selection(entry) => entry.signature,
            Self::Deletion(entry) => entry.signature,
        }
    }

    /// Whether `key` signed it.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        match self {
            Self::Selection(entry) => entry.is_signed_by(key),
            Self::Deletion(entry) => entry.is_signed_by(key),
        }
    }

    /// Whether it agrees with itself.
    pub fn balances(&self) -> bool {
        match self {
            Self::Selection(entry) => entry.balances(),
            Self::Deletion(entry) => entry.balances(),
        }
    }

    /// Whether this is the entry that comes directly after `before`.
    pub fn follows(&self, before: &Self) -> bool {
        self.sensor() == before.sensor()
            && before.sequence().checked_add(1) == Some(self.sequence())
            && before.times().1 <= self.times().0
            && before.digest().is_ok_and(|digest| self.previous() == Some(digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::tests::sample;

    fn certificate() -> Certificate {
        Certificate { rows: 0, ..sample() }
    }

    fn deleted() -> Deleted {
        Deleted::of(&certificate(), "records/day=2026-09-21/measure=own-network/0.parquet", true)
            .unwrap()
    }

    fn link() -> Link {
        Link::after(&certificate()).unwrap()
    }

    fn after(days: i64) -> Timestamp {
        certificate().started_at.checked_add(SignedDuration::from_hours(24 * days)).unwrap()
    }

    fn deletion() -> Deletion {
        let (sensor, program) = (certificate().sensor, Digest::of(b"program"));
        Deletion::certify(sensor, link(), program, vec![deleted()], after(90)).unwrap()
    }

    #[test]
    fn a_deletion_goes_on_with_the_chain_and_is_read_back() {
        let key = SecretKey::of_seed([7; 32]);
        let entry = Entry::Deletion(Box::new(deletion().sign(&key).unwrap()));
        assert!(entry.balances() && entry.is_signed_by(&key.public()));
        let first = Entry::Selection(Box::new(certificate()));
        assert!(entry.follows(&first) && !first.follows(&entry));
        for entry in [&entry, &first] {
            let text = serde_json::to_string(entry).unwrap();
            assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), *entry);
            let next = Link::after_entry(entry).unwrap();
            assert_eq!(next.sequence, entry.sequence() + 1);
        }
        assert!(serde_json::from_str::<Entry>(r#"{"form":"noroshi-deletion/1"}"#).is_err());
    }

    #[test]
    fn nothing_is_certified_that_should_still_be_there() {
        let certify = |link: Link, files: Vec<Deleted>, now: Timestamp| {
            Deletion::certify(certificate().sensor, link, Digest::of(b""), files, now).err()
        };
        assert_eq!(certify(link(), vec![deleted()], after(90)), None);
        let one_before = after(90).checked_sub(SignedDuration::from_nanos(1)).unwrap();
        assert_eq!(certify(link(), vec![deleted()], one_before), Some(NotCertified::TooEarly));
        assert_eq!(certify(link(), Vec::new(), after(90)), Some(NotCertified::Files));
        assert_eq!(certify(Link::FIRST, vec![deleted()], after(90)), Some(NotCertified::Link));
    }

    #[test]
    fn a_false_deletion_is_noticed() {
        let check = |change: fn(&mut Deletion)| {
            let mut deletion = deletion();
            change(&mut deletion);
            assert!(!deletion.balances());
        };
        check(|deletion| deletion.form = "noroshi-deletion/2".to_owned());
        check(|deletion| deletion.sequence = 0);
        check(|deletion| deletion.files.push(deletion.files[0].clone()));
        check(|deletion| deletion.files[0].sequence = 1);
        check(|deletion| deletion.files[0].path.clear());
        check(|deletion| deletion.files[0].retain_until = Timestamp::MAX);
        check(|deletion| deletion.files.clear());
    }
}
