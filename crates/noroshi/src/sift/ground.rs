//! On what ground the command selects: one's own network, or a mandate with its prefix table.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use noroshi_evidence::mechanical::SelectorId;
use noroshi_sift::certificate::Certificate;
use noroshi_sift::mandate::{FILE_BYTES_MAX, Mandated, Signed, SignedWithdrawal};
use noroshi_sift::mode::{Mode, SensorId};
use noroshi_sift::prefix::PrefixTable;
use noroshi_sift::signature::PublicKey;

use super::cli::{io, usage};
use super::folder::{Enrolment, escaped};
use crate::cli::Failed;

/// The files of a ground.
#[derive(Debug, clap::Args)]
pub struct Ground {
    /// The mandate that the platform issued; needed for every mode but own-network.
    #[arg(long, value_name = "FILE", requires = "prefix_table")]
    pub mandate: Option<PathBuf>,
    /// The prefix table that the mandate names.
    #[arg(long, value_name = "FILE", requires = "mandate")]
    pub prefix_table: Option<PathBuf>,
    /// The platform's public key, where the folder has not been enrolled.
    #[arg(long, value_name = "HEX")]
    pub platform_key: Option<PublicKey>,
}

/// Opens the mandate for the sensor of a folder; none where there is no mandate. The mode that was asked for must be the
/// mandate's, and the folder must not know that it was withdrawn.
pub(super) fn open(
    ground: &Ground,
    mode: Mode,
    (dir, enrolment): (Option<&Path>, Option<&Enrolment>),
    now: Timestamp,
) -> Result<Option<Mandated>, Failed> {
    if ground.mandate.is_none() {
        return Ok(None);
    }
    let Some(enrolment) = enrolment else {
        return Err(usage(
            "NRS-SIFT-0085",
            "the folder is not enrolled with a platform; run `noroshi sift enrol` first",
        ));
    };
    let platform = enrolment.platform_key;
    let opened = open_with(ground, &platform, &enrolment.sensor, Some(enrolment.key), now)?;
    match opened {
        Some(mandated) if mandated.terms().mode != mode => Err(usage(
            "NRS-SIFT-0088",
            "the mandate is for another mode than the one that was asked for",
        )),
        Some(mandated) => {
            if let Some(dir) = dir {
                holds_still(dir, &platform, &mandated)?;
            }
            Ok(Some(mandated))
        }
        None => Ok(None),
    }
}

/// Where the folder keeps that a mandate was withdrawn.
pub(super) fn withdrawal_path(dir: &Path, mandate: &SelectorId) -> PathBuf {
    dir.join("mandates").join(format!("{}.withdrawn.json", escaped(mandate.as_str())))
}

fn holds_still(dir: &Path, platform: &PublicKey, mandated: &Mandated) -> Result<(), Failed> {
    let path = withdrawal_path(dir, &mandated.terms().id);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(problem) => return Err(io(&path)(problem)),
    };
    let signed: Option<SignedWithdrawal> = serde_json::from_slice(&bytes).ok();
    match signed.filter(|signed| signed.withdraws(platform, mandated.digest())) {
        Some(signed) => Err(usage(
            "NRS-SIFT-0126",
            format!(
                "the mandate `{}` was withdrawn at {}; nothing is selected under it any more",
                mandated.terms().id,
                signed.withdrawal.at
            ),
        )),
        // Whoever laid it there is not the platform: what it says is not known, so nothing is selected.
        None => Err(usage(
            "NRS-SIFT-0080",
            format!("`{}` is not signed by the platform; fetch again", path.display()),
        )),
    }
}

/// Opens the mandate under which a certificate was made, for its sensor and as of its beginning.
pub(super) fn open_for(
    ground: &Ground,
    certificate: &Certificate,
) -> Result<Option<Mandated>, Failed> {
    if ground.mandate.is_none() {
        return Ok(None);
    }
    let Some(platform) = ground.platform_key else {
        return Err(usage("NRS-SIFT-0085", "give the key of the platform with --platform-key"));
    };
    open_with(ground, &platform, &certificate.sensor, None, certificate.started_at)
}

fn open_with(
    ground: &Ground,
    platform: &PublicKey,
    sensor: &SensorId,
    key: Option<PublicKey>,
    now: Timestamp,
) -> Result<Option<Mandated>, Failed> {
    let (Some(mandate), Some(table)) = (&ground.mandate, &ground.prefix_table) else {
        return Ok(None);
    };
    let bytes = std::fs::read(mandate).map_err(io(mandate))?;
    let signed: Option<Signed> =
        (bytes.len() <= FILE_BYTES_MAX).then(|| serde_json::from_slice(&bytes).ok()).flatten();
    let signed = signed.ok_or_else(|| {
        usage("NRS-SIFT-0081", format!("`{}` is not a mandate", mandate.display()))
    })?;
    let verified = signed.verify(platform).map_err(|problem| unfit(&problem.to_string()))?;
    let bytes = std::fs::read(table).map_err(io(table))?;
    let table = PrefixTable::read(&bytes).map_err(|problem| unfit(&problem.to_string()))?;
    // Who replays has the certificate's signature to say whose key it was.
    let key = key.unwrap_or(verified.terms().sensor_key);
    let opened = verified.open(sensor, &key, &Arc::new(table), now);
    opened.map(Some).map_err(|problem| unfit(&problem.to_string()))
}

/// The words of the crate begin with the code.
fn unfit(words: &str) -> Failed {
    const CODES: [&str; 10] = [
        "NRS-SIFT-0050",
        "NRS-SIFT-0051",
        "NRS-SIFT-0052",
        "NRS-SIFT-0053",
        "NRS-SIFT-0054",
        "NRS-SIFT-0080",
        "NRS-SIFT-0081",
        "NRS-SIFT-0082",
        "NRS-SIFT-0083",
        "NRS-SIFT-0084",
    ];
    let (said, plain) = words.split_once(": ").unwrap_or(("", words));
    let code = CODES.into_iter().find(|code| *code == said).unwrap_or("NRS-SIFT-0081");
    usage(code, plain)
}
