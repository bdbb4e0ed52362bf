//! `noroshi stix`: objects in and out of a data folder, at the machine itself.
//!
//! Whoever can write the folder acts as `person-local` under the hat of the analyst, for the folder's first office:
//! every import is audited and in the log under that name. There is no such login, so nobody can sign in as it.

mod other;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use noroshi_charter::hat::Hat;
use noroshi_codec::csv::Mapping;
use noroshi_codec::feed::Source;
use noroshi_evidence::marking::{LegalClass, Tlp};
use sha2::{Digest as _, Sha256};

use super::act::{self, Bundle, Imported, Spent, Terms};
use super::check;
use super::read::{self, Sees};
use super::tongues::{Told, Tongue};
use crate::cli::{Ended, Failed, Format, print, tell};
use crate::config::Config;
use crate::house::House;
use crate::office::ctx::{Ctx, Via};
use crate::office::id::{OrgId, PersonId};
use crate::office::people;
use crate::web::refusal::Failure;

/// Longest file whose tongue is looked for; it is held whole for that.
const WHOLE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Verbs.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Bring objects in: STIX 2.1 bundles and other tongues. Repeating it changes nothing; what is wrong is put aside and
    /// reported.
    Import(Import),
    /// Load warning lists, or show those that are loaded. What is on one is not looked for and not blocked unless somebody
    /// vouches for it.
    Lists(Lists),
    /// Vouch for a value that is on a warning list, with a reason that stays with it.
    Vouch(Vouch),
    /// Write what operators' tools are given: RPZ zone, Suricata datasets and rules, Zeek intelligence, CSV.
    Feed(Feed),
    /// Write every version held as one bundle to standard output, the same bytes for the same folder.
    Export(Export),
    /// Read patterns and try them on observations.
    #[command(subcommand)]
    Pattern(super::pattern_cli::Verb),
    /// Check objects against the standard: one JSON line for each; status 1 if any is not valid.
    Validate(check::Validate),
    /// Print the id that follows from the content of an observable.
    Id(check::Id),
}

/// `noroshi stix import`.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// Files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What the files are.
    #[arg(long = "as", value_enum, value_name = "TONGUE", default_value = "auto")]
    tongue: Tongue,
    /// Columns of a table: `value=NAME|NUMBER` and, where there are such, `type=`, `label=`, `confidence=`, `valid_until=`,
    /// `tlp=`; `delimiter=comma|tab|semicolon|pipe`, `header=yes|no`, `encoding=utf-8|shift_jis`. Separated by commas.
    #[arg(long, value_name = "MAPPING", value_parser = read_mapping)]
    columns: Option<Mapping>,
    /// The published schema whose rules VERIS incidents must keep.
    #[arg(long, value_name = "FILE")]
    veris_schema: Option<PathBuf>,
    /// The data folder; made when it does not exist.
    #[arg(long, value_name = "DIR", default_value = "noroshi-data")]
    data: PathBuf,
    /// Least marking of what comes in: clear, green, amber, amber-strict, red. Objects' own markings only tighten it.
    #[arg(long, value_parser = read_tlp)]
    tlp: Option<Tlp>,
    /// Whose it is; the name of the file when absent.
    #[arg(long)]
    originator: Option<String>,
    /// Legal class: CIA, CIA-P, CIA-PM, CIA-N.
    #[arg(long, value_parser = read_class, default_value = "CIA-N")]
    class: LegalClass,
}

/// `noroshi stix export`.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = "noroshi-data")]
    data: PathBuf,
}

/// `noroshi stix lists`.
#[derive(Debug, clap::Args)]
pub struct Lists {
    /// Lists, or folders that hold `NAME.json` or `NAME/list.json`. Without any, the loaded lists are shown.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Take the list of this name out.
    #[arg(long, value_name = "NAME")]
    drop: Option<String>,
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = "noroshi-data")]
    data: PathBuf,
}

/// `noroshi stix vouch`.
#[derive(Debug, clap::Args)]
pub struct Vouch {
    /// The value.
    value: String,
    /// Why it is to be looked for and blocked all the same.
    #[arg(long)]
    reason: String,
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = "noroshi-data")]
    data: PathBuf,
}

/// `noroshi stix feed`.
#[derive(Debug, clap::Args)]
pub struct Feed {
    /// The folder the files are written to; those that did not change are left as they are.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The release that entries are said to come from.
    #[arg(long, value_name = "NAME", value_parser = read_source)]
    source: Source,
    /// Strictest marking that goes out.
    #[arg(long, value_parser = read_tlp, default_value = "green")]
    tlp: Tlp,
    /// The name the zone will have.
    #[arg(long, value_name = "ZONE", default_value = "rpz.noroshi.example")]
    zone: String,
    /// The first number of the block of rules reserved for this feed.
    #[arg(long, value_name = "NUMBER", default_value_t = 9_100_000)]
    sid: u32,
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = "noroshi-data")]
    data: PathBuf,
}

fn read_mapping(text: &str) -> Result<Mapping, String> {
    Mapping::parse(text).map_err(|problem| format!("{}: {problem}", problem.code()))
}

fn read_source(text: &str) -> Result<Source, String> {
    Source::parse(text).ok_or_else(|| "only letters, digits and . _ : / - are taken".to_owned())
}

/// Reads a TLP colour from the command line.
pub fn read_tlp(text: &str) -> Result<Tlp, String> {
    super::rows::tlp_of(text)
        .ok_or_else(|| "not one of clear, green, amber, amber-strict, red".to_owned())
}

/// Reads a legal class from the command line.
pub fn read_class(text: &str) -> Result<LegalClass, String> {
    super::api::class_of(text).ok_or_else(|| "not one of CIA, CIA-P, CIA-PM, CIA-N".to_owned())
}

/// Runs a verb.
pub async fn run(verb: Verb, format: Format) -> Ended {
    match verb {
        Verb::Import(import) => bring_in(import, format).await,
        Verb::Export(export) => take_out(&export).await,
        Verb::Pattern(verb) => super::pattern_cli::run(&verb, format),
        Verb::Validate(asked) => check::validate(&asked),
        Verb::Id(asked) => check::id(&asked),
        Verb::Lists(asked) => other::lists(asked, format).await,
        Verb::Vouch(asked) => other::vouch(asked).await,
        Verb::Feed(asked) => other::feed(asked, format).await,
    }
}

pub(super) fn open(dir: &Path) -> Result<Arc<House>, Failed> {
    Ok(House::open(dir, Config::load(dir)?, false)?)
}

async fn bring_in(asked: Import, format: Format) -> Ended {
    let house = open(&asked.data)?;
    let ctx = local(&house).await?;
    let schema = other::schema(asked.veris_schema.as_deref())?;
    let told = Told { mapping: asked.columns.unwrap_or_default(), schema: schema.as_ref() };
    let mut clean = true;
    for file in &asked.files {
        let name =
            file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let terms = Terms {
            tlp: asked.tlp,
            class: asked.class,
            originator: asked.originator.clone().unwrap_or(name),
        };
        let wrong = |source| Failed::Io { what: file.display().to_string(), source };
        let length = std::fs::metadata(file).map_err(wrong)?.len();
        // What is that long is a bundle, or no tongue holds it: it is read as it comes.
        let streams = matches!(asked.tongue, Tongue::Stix)
            || (matches!(asked.tongue, Tongue::Auto) && length > WHOLE_BYTES_MAX);
        let done = if streams {
            let reader = std::fs::File::open(file).map_err(wrong)?;
            act::import_from(&house, &ctx, reader, terms).await.map_err(failed)?
        } else {
            let bytes = std::fs::read(file).map_err(wrong)?.into();
            let Terms { tlp, class, originator } = terms;
            let bundle = Bundle { bytes, tlp, class, originator };
            other::import(&house, &ctx, asked.tongue, &told, bundle).await?
        };
        clean &= done.complete && done.conflicts.is_empty() && done.quarantined.is_empty();
        say(file, done, format);
    }
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn say(file: &Path, done: Imported, format: Format) {
    if format == Format::Json {
        print(&super::api::imported_json(done).to_string());
        return;
    }
    for one in &done.quarantined {
        let place = one.index.map(|index| format!(" entry {index}")).unwrap_or_default();
        tell(&format!("{}:{place} put aside: {}: {}", file.display(), one.code, one.reason));
    }
    for one in &done.conflicts {
        tell(&format!("{}: {} put aside: {}: {}", file.display(), one.id, one.code, one.reason));
    }
    print(&format!(
        "{}: {} imported, {} unchanged, {} contradictions, {} put aside; {} breaches and {} warnings tolerated",
        file.display(),
        done.imported,
        done.unchanged,
        done.conflicts.len(),
        done.quarantined.len(),
        done.tolerated.errors,
        done.tolerated.warnings,
    ));
    if done.unlisted > 0 {
        tell(&format!("{}: {} more put aside, not listed here", file.display(), done.unlisted));
    }
    let Spent { reading, judging, writing, commits, chunk } = done.spent;
    tell(&format!(
        "{}: {:.1} s reading, {:.1} s comparing with what is held, {:.1} s writing {commits} commits of up to {chunk} \
         objects (whatever somebody waits for is written first)",
        file.display(),
        reading.as_secs_f64(),
        judging.as_secs_f64(),
        writing.as_secs_f64(),
    ));
}

pub(super) fn failed(failure: Failure) -> Failed {
    match failure {
        Failure::Refused(refusal) => {
            Failed::Found { code: refusal.code, message: "the import was refused".to_owned() }
        }
        Failure::Broken(source) => Failed::House(source),
    }
}

/// A data folder that commands at the machine itself bring objects into.
pub struct Target {
    house: Arc<House>,
    ctx: Ctx,
}

impl Target {
    /// Opens the folder; made when it does not exist.
    pub async fn open(dir: &Path) -> Result<Self, Failed> {
        let house = open(dir)?;
        let ctx = local(&house).await?;
        Ok(Self { house, ctx })
    }

    /// Brings one bundle in.
    pub async fn import(
        &self,
        bytes: axum::body::Bytes,
        tlp: Option<Tlp>,
        class: LegalClass,
        originator: String,
    ) -> Result<Imported, Failed> {
        let bundle = Bundle { bytes, tlp, class, originator };
        act::import(&self.house, &self.ctx, bundle).await.map_err(failed)
    }
}

/// The context of whoever works at the machine itself.
pub(super) async fn local(house: &Arc<House>) -> Result<Ctx, Failed> {
    let orgs =
        house.store.read(people::orgs).await.map_err(|problem| Failed::House(Box::new(problem)))?;
    let office = orgs.into_iter().find(|org| org.kind == "office").map(|org| org.org);
    let (Some(person), Some(org)) =
        (PersonId::parse("person-local"), office.or_else(|| OrgId::parse("org-local")))
    else {
        return Err(Failed::House("no name for the local operator".into()));
    };
    let now = house.clock.now();
    Ok(Ctx {
        person,
        org,
        hat: Hat::CaoAnalyst,
        sector: None,
        via: Via::Job,
        now,
        request: "local".to_owned(),
    })
}

async fn take_out(asked: &Export) -> Ended {
    let house = open(&asked.data)?;
    let written = house.store.read(|reader| write_out(reader, &mut std::io::stdout().lock())).await;
    match written.map_err(|problem| Failed::House(Box::new(problem)))? {
        Err(problem) if problem.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failed::House(Box::new(problem)))
        }
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}

/// Writes everything held as one bundle, one object after the other, from one snapshot.
fn write_out(
    reader: &crate::office::store::Reader<'_>,
    out: &mut impl std::io::Write,
) -> Result<std::io::Result<()>, crate::office::store::StoreFailure> {
    use std::io::Write as _;
    // The bundle's id follows from what is in it: the same folder gives the same bytes.
    let mut whole = Sha256::new();
    read::every_digest(reader, Sees::ALL, |digest| whole.update(digest))?;
    let bytes: [u8; 32] = whole.finalize().into();
    let (first, _) = bytes.split_at(16);
    let uuid = uuid::Builder::from_custom_bytes(first.try_into().unwrap_or_default()).into_uuid();
    let mut out = std::io::BufWriter::new(out);
    let mut written = write!(out, "{{\"type\":\"bundle\",\"id\":\"bundle--{uuid}\"");
    let mut separator = ",\"objects\":[\n";
    read::everything(reader, Sees::ALL, |text| {
        if written.is_ok() {
            written =
                out.write_all(separator.as_bytes()).and_then(|()| out.write_all(text.as_bytes()));
        }
        separator = ",\n";
        Ok(())
    })?;
    let end = if separator == ",\n" { "\n]}\n" } else { "}\n" };
    Ok(written.and_then(|()| out.write_all(end.as_bytes())).and_then(|()| out.flush()))
}
