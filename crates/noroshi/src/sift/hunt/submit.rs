//! `noroshi hunt submit`: the record of hunts goes to the platform, entry by entry, as it stands; sightings with the entry
//! that says how their hunt ended.

use std::path::Path;
use std::process::ExitCode;

use noroshi_hunt::record::{Entry, What};
use serde_json::{Value, json};

use super::super::cli::{Platform, io, post, write};
use super::{Where, book, house, keep, results};
use crate::cli::{Ended, Failed, Format, print};
use crate::office::clock::Clock;

/// `noroshi hunt submit`.
#[derive(Debug, clap::Args)]
pub struct Submit {
    #[command(flatten)]
    platform: Platform,
    #[command(flatten)]
    place: Where,
}

/// Runs the verb.
pub(super) fn run(asked: &Submit, format: Format) -> Ended {
    let (to, token) = asked.platform.of(&asked.place.dir)?;
    let url = format!("{to}/api/v1/hunt/entries");
    let mut sent = Vec::new();
    for path in book::paths(&asked.place)? {
        hand_in(&url, &token, &asked.place, &path, &mut sent)?;
    }
    match format {
        Format::Json => print(&json!({ "submitted": sent }).to_string()),
        Format::Human | Format::Plain => print(&format!("{} entries handed in", sent.len())),
    }
    Ok(ExitCode::SUCCESS)
}

/// Hands in what the platform has not taken of one record.
fn hand_in(
    url: &str,
    token: &str,
    place: &Where,
    record: &Path,
    sent: &mut Vec<Value>,
) -> Result<(), Failed> {
    let entries = book::entries(record)?;
    let first = entries.first().map(Entry::digest).transpose().map_err(house)?;
    let Some(first) = first else { return Ok(()) };
    let below = keep::of_record(&place.dir, &first);
    std::fs::create_dir_all(&below).map_err(io(&below))?;
    let state = below.join("submitted.json");
    let next = unsent(&state)?;
    for entry in entries.iter().filter(|one| one.sequence >= next) {
        let sightings = match &entry.what {
            What::Begun(_) => Vec::new(),
            // Earlier versions kept them without a folder for the record; nothing there is a record's with another name.
            What::Ended(outcome)
                if outcome.seen.is_none() && record == place.dir.join(book::OWN) =>
            {
                keep::seen(&results(&place.dir), outcome.of, Clock.now())?
            }
            What::Ended(outcome) => keep::seen(&below, outcome.of, Clock.now())?,
        };
        let taken = post(url, token, &json!({ "entry": entry, "sightings": sightings }))?;
        sent.push(json!({ "sequence": entry.sequence, "id": taken.get("id"), "position": taken.get("position"), "sightings": taken.get("sightings") }));
        write(&state, json!({ "next": entry.sequence + 1 }).to_string().as_bytes())?;
    }
    Ok(())
}

/// The first entry that the platform has not taken.
fn unsent(state: &Path) -> Result<u64, Failed> {
    match std::fs::read(state) {
        Ok(bytes) => {
            let said = serde_json::from_slice::<Value>(&bytes).ok();
            Ok(said.and_then(|value| value.get("next")?.as_u64()).unwrap_or(0))
        }
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(problem) => Err(io(state)(problem)),
    }
}
