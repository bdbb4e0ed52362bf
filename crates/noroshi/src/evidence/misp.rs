//! `noroshi misp`: events of MISP as STIX 2.1 and back, and feeds into a data folder.
//!
//! `to-stix` and `from-stix` touch no folder: a file in, a document on standard output, words on standard error. With
//! `--format json` the words are one document as well: `{"file", "problems": [{"place", "bytes", "uuid", "code",
//! "reason"}], "audiences": […]}`. Status 1 says that something was put aside, 2 that the input could not be used.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use noroshi_codec::misp::{self, Audience, Catalogue, Converted, Problem, Recipients, feed};
use noroshi_codec::stix;
use noroshi_evidence::marking::{LegalClass, Tlp};
use serde_json::{Value, json};

use super::act::{self, Bundle};
use super::cli;
use super::tongues::least;
use crate::cli::{Ended, Failed, Format, print, tell};
use crate::house::House;
use crate::office::ctx::Ctx;

/// Events of a feed after which the memory of it is written anew.
const REMEMBERED_EACH: u64 = 100;

/// Verbs.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Write a MISP event as a STIX 2.1 bundle to standard output.
    ToStix(Event),
    /// Write a STIX 2.1 bundle as a MISP event to standard output.
    FromStix(Input),
    /// Bring what changed in a feed (a folder with `manifest.json`) into a data folder.
    Feed(Feed),
}

/// What to convert.
#[derive(Debug, clap::Args)]
pub struct Input {
    /// The file; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// An event to convert.
#[derive(Debug, clap::Args)]
pub struct Event {
    #[command(flatten)]
    input: Input,
    /// A STIX bundle of ATT&CK that the reader holds: what it holds is referred to and not written again. May be given
    /// several times.
    #[arg(long, value_name = "FILE")]
    catalogue: Vec<PathBuf>,
}

/// `noroshi misp feed`.
#[derive(Debug, clap::Args)]
pub struct Feed {
    /// The folder of the feed.
    #[arg(value_name = "DIR")]
    feed: PathBuf,
    /// The data folder; made when it does not exist.
    #[arg(long, value_name = "DIR", default_value = "noroshi-data")]
    data: PathBuf,
    /// A file that remembers what was read, so that the next time only changes are; all of it without.
    #[arg(long, value_name = "FILE")]
    cursor: Option<PathBuf>,
    /// Least marking of what comes in: clear, green, amber, amber-strict, red. Objects' own markings only tighten it.
    #[arg(long, value_parser = cli::read_tlp)]
    tlp: Option<Tlp>,
    /// Whose it is; the name of the folder when absent.
    #[arg(long)]
    originator: Option<String>,
    /// Legal class: CIA, CIA-P, CIA-PM, CIA-N.
    #[arg(long, value_parser = cli::read_class, default_value = "CIA-N")]
    class: LegalClass,
}

/// Runs a verb.
pub async fn run(verb: Verb, format: Format) -> Ended {
    match verb {
        Verb::ToStix(event) => to_stix(&event, format),
        Verb::FromStix(input) => from_stix(&input.file, format),
        Verb::Feed(asked) => follow(&asked, format).await,
    }
}

/// The bytes of a file or of standard input, as far as anything would be read of them.
fn read(file: &Path) -> Result<Vec<u8>, Failed> {
    let most = misp::EVENT_BYTES_MAX.saturating_add(1);
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let done = if file.as_os_str() == "-" {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|held| held.take(most).read_to_end(&mut bytes))
    };
    match done {
        Ok(_) => Ok(bytes),
        Err(problem) => {
            let message = format!("`{}` cannot be read: {problem}", file.display());
            Err(Failed::Usage { code: "NRS-CODC-0140", message })
        }
    }
}

fn to_stix(asked: &Event, format: Format) -> Ended {
    let file = asked.input.file.as_path();
    let catalogue = catalogue(&asked.catalogue)?;
    let made = misp::to_stix_beside(&read(file)?, &catalogue);
    let Some(id) = made.bundle else { return Err(unusable(file, &made.problems)) };
    let text = stix::encode_bundle(&id, &made.objects);
    print(text.map_err(|problem| Failed::House(Box::new(problem)))?.trim_end());
    Ok(told(file, &made.problems, &made.audiences, format))
}

/// What the reader holds. A file without anything to refer to is no catalogue.
fn catalogue(files: &[PathBuf]) -> Result<Catalogue, Failed> {
    let mut objects = Vec::new();
    for file in files {
        let found = stix::decode_bundle(&read(file)?).objects;
        if Catalogue::of(&found).is_empty() {
            let message = format!(
                "`{}` is no catalogue: it holds no technique, group or software with a number of ATT&CK; give a STIX \
                 bundle of ATT&CK",
                file.display()
            );
            return Err(Failed::Usage { code: "NRS-CODC-0143", message });
        }
        objects.extend(found);
    }
    Ok(Catalogue::of(&objects))
}

fn from_stix(file: &Path, format: Format) -> Ended {
    let decoded = stix::decode_bundle(&read(file)?);
    let made = misp::from_stix(&decoded.objects);
    let mut problems: Vec<Problem> = Vec::new();
    let mut words: Vec<Value> = decoded.problems.iter().map(|problem| {
        json!({
            "place": problem.entry.map(|entry| format!("objects/{entry}")), "bytes": [problem.bytes.start, problem.bytes.end],
            "id": problem.id, "code": problem.reason.code(), "reason": problem.reason.to_string(),
        })
    }).collect();
    problems.extend(made.problems);
    match made.events.as_slice() {
        [] => {
            let found = decoded.problems.first();
            let code = found.map_or("NRS-CODC-0141", |problem| problem.reason.code());
            let reason = found.map_or_else(
                || "it holds no object".to_owned(),
                |problem| problem.reason.to_string(),
            );
            return Err(Failed::Usage {
                code,
                message: format!("`{}` cannot be used: {reason}", file.display()),
            });
        }
        [event] => print(&format!("{event:#}")),
        several => print(&format!("{:#}", json!({ "response": several }))),
    }
    words.extend(problems.iter().map(problem_json));
    Ok(said(file, &words, &[], format))
}

/// The first reason why nothing could be read.
fn unusable(file: &Path, problems: &[Problem]) -> Failed {
    let reason = problems.first().map(|problem| &problem.reason);
    let code = reason.map_or("NRS-CODC-0103", misp::Reason::code);
    let words = reason.map(ToString::to_string).unwrap_or_default();
    Failed::Usage { code, message: format!("`{}` cannot be used: {words}", file.display()) }
}

fn problem_json(problem: &Problem) -> Value {
    json!({
        "place": problem.place,
        "bytes": problem.bytes.as_ref().map(|bytes| [bytes.start, bytes.end]),
        "uuid": problem.uuid, "code": problem.reason.code(), "reason": problem.reason.to_string(),
    })
}

fn audience_json(audience: &Audience) -> Value {
    let recipients = match audience.recipients() {
        Recipients::Nobody => json!("nobody"),
        Recipients::Inherit => json!("inherit"),
        Recipients::Community(distribution) => json!(format!("{distribution:?}")),
        Recipients::Organisations(organisations) => {
            json!(organisations.iter().map(ToString::to_string).collect::<Vec<_>>())
        }
    };
    json!({ "about": audience.about.to_string(), "recipients": recipients })
}

fn told(file: &Path, problems: &[Problem], audiences: &[Audience], format: Format) -> ExitCode {
    let words: Vec<Value> = problems.iter().map(problem_json).collect();
    said(file, &words, audiences, format)
}

/// Says what was put aside; the status says whether anything was.
fn said(file: &Path, problems: &[Value], audiences: &[Audience], format: Format) -> ExitCode {
    if format == Format::Json {
        let audiences: Vec<Value> = audiences.iter().map(audience_json).collect();
        let words = json!({
            "file": file.display().to_string(), "problems": problems, "audiences": audiences,
        });
        tell(&words.to_string());
    } else {
        for problem in problems {
            let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
            let (place, code, reason) = (text("place"), text("code"), text("reason"));
            tell(&format!("{}: {place} put aside: {code}: {reason}", file.display()));
        }
        // Only the event's own audience is told; what differs from it is in the document.
        if let Some(audience) = audiences.first() {
            let recipients = audience_json(audience);
            let who = recipients.get("recipients").map(ToString::to_string).unwrap_or_default();
            tell(&format!("{}: meant for {who} by its maker", file.display()));
        }
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// What was brought in of a feed.
#[derive(Default)]
struct Brought {
    events: u64,
    imported: u64,
    unchanged: u64,
    /// What was put aside, at most [`act::LISTED_MAX`].
    words: Vec<Value>,
    /// How much that was.
    aside: u64,
}

impl Brought {
    fn put_aside(&mut self, words: impl Iterator<Item = Value>) {
        for word in words {
            self.aside += 1;
            if self.words.len() < act::LISTED_MAX {
                self.words.push(word);
            }
        }
    }
}

async fn follow(asked: &Feed, format: Format) -> Ended {
    let since = remembered(asked.cursor.as_deref())?;
    let folder = asked.feed.clone();
    // Names come from the manifest as uuids, so nothing outside the folder can be meant.
    let mut changed = feed::changed(|name| read(&folder.join(name)).ok(), &since);
    let house = cli::open(&asked.data)?;
    let ctx = cli::local(&house).await?;
    let mut brought = Brought::default();
    let mut ended = Ok(());
    while let Some(event) = changed.next() {
        ended = bring(asked, (&house, &ctx), &event.converted, &mut brought).await;
        if ended.is_err() {
            break;
        }
        changed.keep(&event);
        brought.put_aside(changed.problems.drain(..).map(|problem| problem_json(&problem)));
        if brought.events.is_multiple_of(REMEMBERED_EACH)
            && let Some(file) = &asked.cursor
        {
            remember(file, &changed.cursor)?;
        }
    }
    brought.put_aside(changed.problems.iter().map(problem_json));
    // What is in is not read again, whatever befell the rest.
    if let Some(file) = &asked.cursor {
        remember(file, &changed.cursor)?;
    }
    ended?;
    let gone = changed.gone.len();
    let Brought { events, imported, unchanged, words, aside } = brought;
    print(&format!(
        "{}: {events} events, {imported} objects imported, {unchanged} unchanged, {gone} events no longer listed, \
         {aside} put aside",
        asked.feed.display(),
    ));
    Ok(said(&asked.feed, &words, &[], format))
}

/// Brings one event in.
async fn bring(
    asked: &Feed,
    (house, ctx): (&Arc<House>, &Ctx),
    made: &Converted,
    brought: &mut Brought,
) -> Result<(), Failed> {
    brought.events += 1;
    brought.put_aside(made.problems.iter().map(problem_json));
    let Some(id) = &made.bundle else { return Ok(()) };
    let text = stix::encode_bundle(id, &made.objects);
    let bytes = text.map_err(|problem| Failed::House(Box::new(problem)))?.into_bytes();
    let name = asked.feed.file_name().map(|name| name.to_string_lossy().into_owned());
    let bundle = Bundle {
        bytes: bytes.into(),
        tlp: asked.tlp.max(made.audiences.iter().filter_map(least).max()),
        class: asked.class,
        originator: asked.originator.clone().or(name).unwrap_or_default(),
    };
    let done = act::import(house, ctx, bundle).await.map_err(cli::failed)?;
    brought.imported += done.imported;
    brought.unchanged += done.unchanged;
    brought.aside += done.unlisted;
    brought.put_aside(
        done.quarantined
            .iter()
            .map(|one| json!({ "place": format!("{id}"), "code": one.code, "reason": one.reason })),
    );
    brought.put_aside(done.conflicts.iter().map(
        |one| json!({ "place": format!("{}", one.id), "code": one.code, "reason": one.reason }),
    ));
    Ok(())
}

/// What was read before.
fn remembered(file: Option<&Path>) -> Result<feed::Cursor, Failed> {
    let Some(file) = file else { return Ok(feed::Cursor::new()) };
    match std::fs::read(file) {
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => Ok(feed::Cursor::new()),
        Err(source) => Err(Failed::Io { what: file.display().to_string(), source }),
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|problem| Failed::Usage {
            code: "NRS-CODC-0142",
            message: format!("`{}` is no memory of a feed: {problem}", file.display()),
        }),
    }
}

/// Written beside and moved, so that the memory is the old one or the new one.
fn remember(file: &Path, cursor: &feed::Cursor) -> Result<(), Failed> {
    let io = |source| Failed::Io { what: file.display().to_string(), source };
    let text: BTreeMap<String, String> =
        cursor.iter().map(|(uuid, at)| (uuid.to_string(), at.to_string())).collect();
    let bytes = serde_json::to_vec(&text).map_err(|problem| Failed::House(Box::new(problem)))?;
    let beside = file.with_extension("new");
    let mut held = std::fs::File::create(&beside).map_err(io)?;
    held.write_all(&bytes).and_then(|()| held.sync_all()).map_err(io)?;
    std::fs::rename(&beside, file).map_err(io)
}
