//! `noroshi sift prove` shows some of the kept records so that a stranger can see that they belong; `noroshi sift replay`
//! selects a disclosed input again and says whether the same comes of it.

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use ipnet::IpNet;
use noroshi_sift::certificate::Certificate;
use noroshi_sift::chain::Entry;
use noroshi_sift::engine::{Engine, Link, Settings};
use noroshi_sift::proof::{Proof, prove};
use noroshi_sift::store::read_records;
use serde_json::json;

use super::cli::{begin_failed, finish_failed, io as failed_io, own_networks, usage};
use super::folder;
use super::ground::{self, Ground};
use super::inputs::{self, Inputs};
use super::looking::Sought;
use super::progress::Taken;
use crate::cli::{Ended, Failed, Format, print, tell};

/// `noroshi sift prove`.
#[derive(Debug, clap::Args)]
pub struct Prove {
    /// The number of the certificate.
    #[arg(long, value_name = "N")]
    certificate: u64,
    /// A record to show, by its place from zero; repeat it for each.
    #[arg(long = "record", value_name = "N", conflicts_with = "sample")]
    records: Vec<u64>,
    /// How many records to show, evenly spread.
    #[arg(long, value_name = "N", default_value_t = 5)]
    sample: u64,
    /// The folder that `noroshi sift run` writes.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// `noroshi sift replay`.
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// The certificate to compare with.
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// What was looked for.
    #[command(flatten)]
    sought: Sought,
    /// How the inputs were read.
    #[command(flatten)]
    inputs: Inputs,
    /// A network that was said to be one's own; repeat it for each.
    #[arg(long = "own-network", value_name = "PREFIX")]
    own_networks: Vec<IpNet>,
    #[command(flatten)]
    ground: Ground,
    /// The disclosed input of any kind, in the order in which it was read; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

fn selection(entry: Entry) -> Result<Certificate, Failed> {
    match entry {
        Entry::Selection(certificate) => Ok(*certificate),
        Entry::Deletion(_) => {
            Err(usage("NRS-SIFT-0062", "this number of the chain is a deletion, not a selection"))
        }
    }
}

/// Prints the proof.
pub(super) fn run_prove(asked: &Prove) -> Ended {
    let entry = folder::entry(&asked.dir, asked.certificate)?;
    let certificate = selection(entry.ok_or_else(|| {
        usage("NRS-SIFT-0063", "there is no certificate of this number in the folder")
    })?)?;
    let proof = proof_of(asked, &certificate)?;
    let text =
        serde_json::to_string_pretty(&proof).map_err(|problem| Failed::House(Box::new(problem)))?;
    print(&text);
    Ok(ExitCode::SUCCESS)
}

fn proof_of(asked: &Prove, certificate: &Certificate) -> Result<Proof, Failed> {
    let records = if certificate.rows == 0 {
        Vec::new()
    } else {
        let path = folder::records_of(&asked.dir, certificate)?.ok_or_else(|| {
            usage("NRS-SIFT-0064", "the records of this certificate are not there any more")
        })?;
        let path = asked.dir.join(path);
        let file = File::open(&path).map_err(failed_io(&path))?;
        read_records(file).map_err(|problem| Failed::House(Box::new(problem)))?
    };
    let places = if asked.records.is_empty() {
        spread(asked.sample, certificate.rows)
    } else {
        asked.records.clone()
    };
    prove(certificate, &records, &places).map_err(|problem| {
        let words = problem.to_string();
        match words.split_once(": ") {
            Some(("NRS-SIFT-0060", plain)) => usage("NRS-SIFT-0060", plain),
            Some((_, plain)) => usage("NRS-SIFT-0061", plain),
            None => usage("NRS-SIFT-0061", words),
        }
    })
}

/// So many places among `rows`, evenly spread, the first and the last among them.
fn spread(wanted: u64, rows: u64) -> Vec<u64> {
    let wanted = wanted.min(rows);
    let steps = wanted.saturating_sub(1).max(1);
    let last = rows.saturating_sub(1);
    let place = |step: u64| u64::try_from(u128::from(step) * u128::from(last) / u128::from(steps));
    (0..wanted).map(|step| place(step).unwrap_or(last)).collect()
}

/// Selects again, keeps nothing, and compares.
pub(super) fn run_replay(asked: &Replay, format: Format) -> Ended {
    let certificate = selection(folder::read_entry(&asked.certificate)?)?;
    let again = again(asked, &certificate)?;
    let differences = differences(&certificate, &again);
    let is_equal = differences.is_empty();
    match format {
        Format::Json => {
            let found: Vec<_> = differences
                .iter()
                .map(|(what, certified, now)| json!({ "what": what, "certified": certified, "replayed": now }))
                .collect();
            print(
                &json!({ "equal": is_equal, "rows_root": again.rows_root, "differences": found })
                    .to_string(),
            );
        }
        Format::Human | Format::Plain => {
            print(if is_equal { "equal" } else { "unequal" });
            for (what, certified, now) in &differences {
                print(&format!("{what}: certified {certified}, replayed {now}"));
            }
        }
    }
    Ok(ExitCode::from(u8::from(!is_equal)))
}

fn again(asked: &Replay, certificate: &Certificate) -> Result<Certificate, Failed> {
    let key = asked.sought.email_key()?;
    let index = asked.sought.index(key.as_ref())?;
    let rules = certificate.rules.as_ref();
    let settings = Settings {
        sensor: certificate.sensor.clone(),
        own_networks: own_networks(&asked.own_networks, &asked.ground),
        retention_days: certificate.retention_days,
        program: certificate.program,
        link: Link { sequence: certificate.sequence, previous: certificate.previous },
        started_at: certificate.started_at,
    };
    let mandated = ground::open_for(&asked.ground, certificate)?;
    let mut engine = match (mandated, rules) {
        (Some(mandated), _) => Engine::under(mandated, index, settings, io::sink()),
        (None, Some(rules)) => {
            Engine::with_switches(certificate.mode, rules.switches, index, settings, io::sink())
        }
        (None, None) => Engine::new(certificate.mode, index, settings, io::sink()),
    }
    .map_err(begin_failed)?;
    if let Some(key) = key {
        engine = engine.with_email_key(key);
    }
    let (reading, taken) = (asked.inputs.reading()?, Taken::default());
    let noted = inputs::read_all(&mut engine, &asked.files, &reading, NonZeroUsize::MIN, &taken)?;
    if let Some(words) = noted.words() {
        tell(&words);
    }
    engine.finish(certificate.finished_at).map(|outcome| outcome.certificate).map_err(finish_failed)
}

type Difference = (&'static str, String, String);

/// What is not the same. The program is taken over from the certificate: what another build selects is compared, too.
fn differences(certified: &Certificate, again: &Certificate) -> Vec<Difference> {
    let digest = |certificate: &Certificate| {
        certificate.rules_digest.map_or_else(|| "-".to_owned(), |digest| digest.to_string())
    };
    let (left, right) = (&certified.tally, &again.tally);
    let mut all = vec![
        ("selectors", certified.selectors.to_string(), again.selectors.to_string()),
        ("rows", certified.rows.to_string(), again.rows.to_string()),
        ("rows_root", certified.rows_root.to_string(), again.rows_root.to_string()),
    ];
    // Certificates of the first form say nothing of rules.
    if certified.rules_digest.is_some() {
        all.push(("rules", digest(certified), digest(again)));
    }
    // Nor did earlier forms of sightings.
    if certified.sightings.is_some() {
        let committed = |certificate: &Certificate| {
            let seen = certificate.sightings;
            seen.map_or_else(|| "-".to_owned(), |seen| format!("{} {}", seen.count, seen.digest))
        };
        all.push(("sightings", committed(certified), committed(again)));
    }
    let counts = [
        ("seen", left.seen, right.seen),
        ("kept", left.kept, right.kept),
        ("unmatched", left.unmatched, right.unmatched),
        ("direction", left.direction, right.direction),
        ("content", left.content, right.content),
        ("errors", left.errors, right.errors),
        ("bytes", left.bytes, right.bytes),
    ];
    all.extend(counts.map(|(what, one, other)| (what, one.to_string(), other.to_string())));
    all.retain(|(_, one, other)| one != other);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_from_the_first_to_the_last() {
        assert_eq!(spread(5, 101), [0, 25, 50, 75, 100]);
        assert_eq!(spread(5, 2), [0, 1]);
        assert_eq!(spread(1, 9), [0]);
        assert_eq!(spread(5, 0), Vec::<u64>::new());
    }
}
