//! `noroshi hunt submit`: the record of hunts goes to the platform, entry by entry, as it stands; sightings with the entry
//! that says how their hunt ended.

use std::path::Path;
use std::process::ExitCode;

use noroshi_hunt::record::What;
use serde_json::json;

use super::super::cli::{io, post, write};
use super::{Where, book, keep, results};
use crate::cli::{Ended, Failed, Format, print};
use crate::office::clock::Clock;

/// `noroshi hunt submit`.
#[derive(Debug, clap::Args)]
pub struct Submit {
    /// The platform's address.
    #[arg(long, value_name = "URL")]
    to: String,
    /// The file with the sensor's token.
    #[arg(long, value_name = "FILE")]
    token_file: std::path::PathBuf,
    #[command(flatten)]
    place: Where,
}

/// Runs the verb.
pub(super) fn run(asked: &Submit, format: Format) -> Ended {
    let token = std::fs::read_to_string(&asked.token_file).map_err(io(&asked.token_file))?;
    let url = format!("{}/api/v1/hunt/entries", asked.to.trim_end_matches('/'));
    let folder = results(&asked.place.dir);
    std::fs::create_dir_all(&folder).map_err(io(&folder))?;
    let state = folder.join("submitted.json");
    let next = unsent(&state)?;
    let mut sent = Vec::new();
    for entry in book::entries(&book::path(&asked.place))?.iter().filter(|one| one.sequence >= next)
    {
        let sightings = match &entry.what {
            What::Ended(outcome) => keep::seen(&asked.place.dir, outcome.of, Clock.now())?,
            What::Begun(_) => Vec::new(),
        };
        let taken = post(&url, token.trim(), &json!({ "entry": entry, "sightings": sightings }))?;
        sent.push(json!({ "sequence": entry.sequence, "id": taken.get("id"), "position": taken.get("position"), "sightings": taken.get("sightings") }));
        write(&state, json!({ "next": entry.sequence + 1 }).to_string().as_bytes())?;
    }
    match format {
        Format::Json => print(&json!({ "submitted": sent }).to_string()),
        Format::Human | Format::Plain => print(&format!("{} entries handed in", sent.len())),
    }
    Ok(ExitCode::SUCCESS)
}

/// The first entry that the platform has not taken.
fn unsent(state: &Path) -> Result<u64, Failed> {
    match std::fs::read(state) {
        Ok(bytes) => {
            let said = serde_json::from_slice::<serde_json::Value>(&bytes).ok();
            Ok(said.and_then(|value| value.get("next")?.as_u64()).unwrap_or(0))
        }
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(problem) => Err(io(state)(problem)),
    }
}
