//! Shows some of the kept records, and that they belong to what was certified.
//!
//! A proof names the certificate, and for each record its place, its canonical bytes
//! ([`MechanicalRecord::encode`]) and the audit path to the root (RFC 6962 §2.1.1). Whoever checks it needs no other
//! record.

use noroshi_evidence::mechanical::MechanicalRecord;
use serde::{Deserialize, Serialize};

use crate::certificate::Certificate;
use crate::digest::{Digest, Levels, leaf, to_hex};

/// The name of the form.
pub const FORM: &str = "noroshi-proof/1";
/// The most records that one proof shows.
pub const RECORDS_MAX: usize = 100_000;

/// One record and its way to the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// Its place among the kept records, from zero.
    pub index: u64,
    /// Its canonical bytes, hexadecimal.
    pub record: String,
    /// The siblings on the way to the root, nearest first.
    pub path: Vec<Digest>,
}

/// Some of the kept records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// [`FORM`].
    pub form: String,
    /// The digest of the certificate.
    pub certificate: Digest,
    /// How many records it certifies.
    pub rows: u64,
    /// The root over them.
    pub rows_root: Digest,
    /// Those shown, in ascending order.
    pub shown: Vec<Shown>,
}

/// Why there is no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotProved {
    /// These are not the records that were certified.
    #[error("NRS-SIFT-0060: records are not those the certificate covers")]
    OtherRecords,
    /// No record, too many, or one that is not there was asked for.
    #[error("NRS-SIFT-0061: records asked for are none, too many, or not there")]
    NoSuchRecord,
}

/// Proves that the records at `places` are among those `certificate` covers; `records` are all of them.
pub fn prove(
    certificate: &Certificate,
    records: &[MechanicalRecord],
    places: &[u64],
) -> Result<Proof, NotProved> {
    let leaves: Vec<[u8; 32]> =
        records.iter().map(|record| leaf(&record.to_canonical_bytes())).collect();
    let levels = Levels::over(leaves);
    let is_whole = certificate.rows == records.len() as u64;
    if !is_whole || levels.root() != certificate.rows_root {
        return Err(NotProved::OtherRecords);
    }
    let mut places = places.to_vec();
    places.sort_unstable();
    places.dedup();
    if !(1..=RECORDS_MAX).contains(&places.len()) {
        return Err(NotProved::NoSuchRecord);
    }
    let show = |index: u64| {
        let place = usize::try_from(index).ok()?;
        let record = to_hex(&records.get(place)?.to_canonical_bytes());
        Some(Shown { index, record, path: levels.path(place)? })
    };
    let shown: Option<Vec<Shown>> = places.into_iter().map(show).collect();
    Ok(Proof {
        form: FORM.to_owned(),
        certificate: certificate.digest().map_err(|_| NotProved::OtherRecords)?,
        rows: certificate.rows,
        rows_root: certificate.rows_root,
        shown: shown.ok_or(NotProved::NoSuchRecord)?,
    })
}
