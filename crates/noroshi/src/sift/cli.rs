//! `noroshi sift`: looks through telemetry on the operator's own machine and leaves mechanical records, a certificate
//! and counts of sightings; nothing else is written anywhere, also not when something goes wrong.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use jiff::Timestamp;
use noroshi_sift::certificate::Certificate;
use noroshi_sift::chain::Entry;
use noroshi_sift::digest::Digest;
use noroshi_sift::engine::{Begin, Engine, Finish, Link, Outcome, Settings};
use noroshi_sift::index::image::LoadIndex;
use noroshi_sift::index::{BuildIndex, Increment, SelectorIndex};
use noroshi_sift::mode::{Mode, SensorId};
use noroshi_sift::selector::{self, EmailKey, Selector};
use noroshi_sift::sighting::{Sighting, handed_in};
use noroshi_sift::stix;
use serde_json::json;

use super::act::SIGHTINGS_MAX;
use super::folder::Enrolment;
use super::ground::{self, Ground};
use super::looking::{self, Looking};
use super::noted::Noted;
use super::progress::{Progress, Taken};
use super::{enrol, folder, harden, hunt, inputs, prove, purge};
use crate::cli::{Ended, Failed, Format, print, tell};
use crate::office::clock::Clock;

/// Problems of an input or a list that are named one by one; the rest is counted.
const SHOWN_MAX: usize = 20;
/// Bytes of an answer of the platform that are read.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Verbs.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Make an index out of lists of selectors and STIX bundles: one file that sensors map and share.
    Index(Index),
    /// Look through telemetry for the selectors of a list; keep the mechanical fields of what matched.
    Run(Run),
    /// Do the same with files that grow and flows that are exported, until told to end.
    Follow(super::follow::Follow),
    /// Hand the certificates and sightings of a folder in at the platform.
    Submit(Submit),
    /// Delete records whose retention is over, and certify that they are gone.
    Purge(purge::Purge),
    /// Show some of the kept records and that they belong to their certificate.
    Prove(prove::Prove),
    /// Select a disclosed input again and say whether the same comes of it.
    Replay(prove::Replay),
    /// Enrol the sensor of a folder with the platform: keys are exchanged, each knows the other from then on.
    Enrol(enrol::Enrol),
    /// Fetch what the platform signed for this sensor: the list of selectors, mandates, prefix tables.
    Fetch(enrol::Fetch),
}

/// `noroshi sift index`.
#[derive(Debug, clap::Args)]
pub struct Index {
    /// Lists (one value a line, or rows of `type,value`) and STIX bundles.
    #[arg(required = true, value_name = "SELECTORS")]
    lists: Vec<PathBuf>,
    /// Where the index is written; a file that lies there is replaced at once, and who has it open keeps the old one.
    #[arg(long, value_name = "INDEX")]
    out: PathBuf,
    /// Write an increment over this index instead: what is added since it was made.
    #[arg(long, value_name = "INDEX")]
    over: Option<PathBuf>,
    /// With --over: lists of what is no longer looked for.
    #[arg(long, value_name = "SELECTORS", requires = "over")]
    remove: Vec<PathBuf>,
    /// The file with the key under which e-mail addresses become hashes.
    #[arg(long, value_name = "FILE")]
    email_key_file: Option<PathBuf>,
}

/// `noroshi sift run`.
#[derive(Debug, clap::Args)]
pub struct Run {
    /// The legal ground: own-network, or a statutory mode under a mandate.
    #[arg(long, value_parser = read_mode)]
    mode: Mode,
    #[command(flatten)]
    ground: Ground,
    #[command(flatten)]
    pub(super) looking: Looking,
    /// How many threads look through an input; as many as there are cores where nothing is said.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// For how many days what is kept is retained.
    #[arg(long, value_name = "N")]
    retention_days: u32,
    /// Where records, certificates and sightings are written; the chain of certificates goes on there.
    #[arg(long, value_name = "DIR", required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    /// Only count what would become of each record: nothing is written and there is no certificate. Beside --out the
    /// enrolment of that folder is read, as a mandate needs it.
    #[arg(long)]
    dry_run: bool,
    /// Say how far it is also where nobody looks at a terminal.
    #[arg(long)]
    progress: bool,
    /// The name of the sensor; as it was enrolled, or `sensor`, where nothing is said.
    #[arg(long, value_name = "NAME")]
    sensor: Option<String>,
    /// A network of one's own, as a prefix; repeat it for each. A record neither of whose ends lies in one is turned
    /// away unread. Who names none says that all of the telemetry is of one's own.
    #[arg(long = "own-network", value_name = "PREFIX")]
    own_networks: Vec<IpNet>,
    /// The certificate before, where the chain goes on in an empty folder.
    #[arg(long, value_name = "CERT")]
    previous: Option<PathBuf>,
    #[command(flatten)]
    inputs: inputs::Inputs,
    /// Telemetry of any kind, recognised by its content; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// `noroshi sift submit`.
#[derive(Debug, clap::Args)]
pub struct Submit {
    #[command(flatten)]
    platform: Platform,
    /// The folder that `noroshi sift run` writes.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub(super) fn read_mode(text: &str) -> Result<Mode, String> {
    serde_json::from_value(json!(text)).map_err(|_| {
        "not one of own-network, party-agreement, foreign-to-foreign, foreign-to-domestic, domestic-to-foreign"
            .to_owned()
    })
}

/// Runs a verb.
pub fn run(verb: Verb, format: Format) -> Ended {
    match verb {
        Verb::Index(index) => make_index(&index, format),
        Verb::Run(run) => {
            harden::no_core_dump()?;
            // A panic's words could hold what was being read; they are not said.
            std::panic::set_hook(Box::new(|info| tell(&words_of_a_defect(info))));
            select(&run, format)
        }
        Verb::Follow(follow) => {
            harden::no_core_dump()?;
            std::panic::set_hook(Box::new(|info| tell(&words_of_a_defect(info))));
            super::follow::run(&follow, format)
        }
        Verb::Submit(submit) => hand_in(&submit, format),
        Verb::Purge(asked) => purge::run(&asked, format),
        Verb::Prove(asked) => prove::run_prove(&asked),
        Verb::Replay(asked) => {
            harden::no_core_dump()?;
            std::panic::set_hook(Box::new(|info| tell(&words_of_a_defect(info))));
            prove::run_replay(&asked, format)
        }
        Verb::Enrol(asked) => enrol::run(&asked, format),
        Verb::Fetch(asked) => enrol::run_fetch(&asked, format),
    }
}

/// What is said of a panic: where in the program, never what it says.
fn words_of_a_defect(info: &std::panic::PanicHookInfo<'_>) -> String {
    let place =
        info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
    format!("noroshi sift: a defect stopped the selection at `{place}`; no certificate was made")
}

pub(super) fn io(what: &Path) -> impl Fn(io::Error) -> Failed {
    let what = what.display().to_string();
    move |source| Failed::Io { what: what.clone(), source }
}

pub(super) fn usage(code: &'static str, message: impl ToString) -> Failed {
    Failed::Usage { code, message: message.to_string() }
}

fn select(asked: &Run, format: Format) -> Ended {
    may_begin(asked.mode, &asked.ground)?;
    let Some(out) = asked.out.as_ref().filter(|_| !asked.dry_run) else {
        return count(asked, format);
    };
    let enrolment = folder::enrolment(out)?;
    let known = (Some(out.as_path()), enrolment.as_ref());
    let mandated = ground::open(&asked.ground, asked.mode, known, Clock.now())?;
    let key = asked.looking.sought.email_key()?;
    let index = asked.looking.sought.index(key.as_ref())?;
    let place = Place::open(out)?;
    // Held until the end of the program.
    let _lock = folder::lock(&place.dir)?;
    let sensor = name(asked.sensor.as_deref(), enrolment.as_ref())?;
    let before = place.before(asked, &sensor)?;
    // Only now, behind the lock: whoever held it before may have ended just now.
    let started_at = folder::started_at(before.as_ref(), Clock.now())?;
    let settings = settings(asked, sensor, link_after(before.as_ref())?, started_at)?;
    let sequence = settings.link.sequence;
    let (part, sink) = place.new_records(sequence)?;
    let engine = asked.looking.engine((asked.mode, mandated), (index, key), settings, sink);
    let done = engine.and_then(|engine| look_through(asked, engine, started_at));
    let done = done.and_then(|(outcome, noted)| Ok((signed(&place, outcome)?, noted)));
    let kept = done.and_then(|done| place.keep(&part, &done.0).map(|()| done));
    let (outcome, noted) = match kept {
        Ok(done) => done,
        Err(failed) => {
            place.abandon(sequence);
            return Err(failed);
        }
    };
    place.settle();
    report(Some(&place), &outcome, &noted, format);
    Ok(status_of(&outcome))
}

/// Selects as always, but into nothing: the machine's own sink takes the records.
fn count(asked: &Run, format: Format) -> Ended {
    let started_at = Clock.now();
    let enrolment = asked.out.as_deref().map(folder::enrolment).transpose()?.flatten();
    let known = (asked.out.as_deref(), enrolment.as_ref());
    let mandated = ground::open(&asked.ground, asked.mode, known, started_at)?;
    let key = asked.looking.sought.email_key()?;
    let index = asked.looking.sought.index(key.as_ref())?;
    let sensor = name(asked.sensor.as_deref(), enrolment.as_ref())?;
    let settings = settings(asked, sensor, Link::FIRST, started_at)?;
    let nothing = Path::new("/dev/null");
    let sink = File::options().write(true).open(nothing).map_err(io(nothing))?;
    let engine = asked.looking.engine((asked.mode, mandated), (index, key), settings, sink)?;
    let (outcome, noted) = look_through(asked, engine, started_at)?;
    report(None, &outcome, &noted, format);
    Ok(status_of(&outcome))
}

/// The place in the chain after an entry.
pub(super) fn link_after(before: Option<&Entry>) -> Result<Link, Failed> {
    before.map_or(Ok(Link::FIRST), |before| {
        Link::after_entry(before).map_err(|problem| Failed::House(Box::new(problem)))
    })
}

/// 1 where records could not be read.
fn status_of(outcome: &Outcome<File>) -> ExitCode {
    if outcome.certificate.tally.errors > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS }
}

/// What the sensor is called: as told, as it was enrolled, or `sensor`.
pub(super) fn name(told: Option<&str>, enrolment: Option<&Enrolment>) -> Result<SensorId, Failed> {
    if let (None, Some(enrolment)) = (told, enrolment) {
        return Ok(enrolment.sensor.clone());
    }
    told.unwrap_or("sensor").parse().map_err(|_| {
        usage("NRS-SIFT-0005", "the name of the sensor is not 1 to 128 bytes of visible ASCII")
    })
}

fn settings(
    asked: &Run,
    sensor: SensorId,
    link: Link,
    started_at: Timestamp,
) -> Result<Settings, Failed> {
    Ok(Settings {
        sensor,
        own_networks: own_networks(&asked.own_networks, &asked.ground),
        retention_days: asked.retention_days,
        program: program_digest()?,
        link,
        started_at,
    })
}

/// Before anything is opened: a locked mode reads nothing.
pub(super) fn may_begin(mode: Mode, ground: &Ground) -> Result<(), Failed> {
    if ground.mandate.is_some() {
        return Ok(());
    }
    mode.direction().map(drop).map_err(|locked| {
        usage(locked.code, format!("the mode is locked until {} is in force", locked.clause))
    })
}

/// Who names no network says that all of the telemetry is of one's own. A mandate says itself what may be looked at.
pub(super) fn own_networks(named: &[IpNet], ground: &Ground) -> Vec<IpNet> {
    if named.is_empty() && ground.mandate.is_none() {
        return vec![IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())];
    }
    named.to_vec()
}

/// With the sensor's signature, where the folder has been enrolled.
pub(super) fn signed(place: &Place, outcome: Outcome<File>) -> Result<Outcome<File>, Failed> {
    let Some(key) = folder::key(&place.dir)? else { return Ok(outcome) };
    let certificate =
        outcome.certificate.sign(&key).map_err(|problem| Failed::House(Box::new(problem)))?;
    Ok(Outcome { certificate, ..outcome })
}

/// Looks through all that was asked for. A clock that was set back meanwhile ends the selection where it began.
fn look_through(
    asked: &Run,
    mut engine: Engine<File>,
    started_at: Timestamp,
) -> Result<(Outcome<File>, Noted), Failed> {
    let reading = asked.inputs.reading()?;
    let threads = asked.threads.or_else(|| std::thread::available_parallelism().ok());
    let threads = threads.unwrap_or(NonZeroUsize::MIN);
    let taken = Taken::default();
    let _progress = Progress::begin(&asked.files, asked.progress, &taken);
    let noted = inputs::read_all(&mut engine, &asked.files, &reading, threads, &taken)?;
    let outcome = engine.finish(Clock.now().max(started_at)).map_err(finish_failed)?;
    Ok((outcome, noted))
}

/// Why no certificate was made, in the words of the command line.
pub(super) fn finish_failed(problem: Finish) -> Failed {
    match problem {
        Finish::Write(problem) => Failed::House(Box::new(problem)),
        Finish::EndsBeforeItBegan(_) => {
            usage("NRS-SIFT-0006", "the clock of this machine went back; run it again")
        }
    }
}

pub(super) fn begin_failed(problem: Begin) -> Failed {
    let code = match &problem {
        Begin::Locked(locked) => locked.code,
        Begin::OwnNetworks(_) => "NRS-SIFT-0002",
        Begin::Retention(_) => "NRS-SIFT-0003",
        Begin::Link => "NRS-SIFT-0004",
        Begin::BeyondMandate(_) => "NRS-SIFT-0007",
        Begin::Rules => "NRS-SIFT-0008",
        Begin::Write(_) => return Failed::House(Box::new(problem)),
    };
    let words = problem.to_string();
    let plain = words.strip_prefix(&format!("{code}: ")).unwrap_or(&words);
    usage(code, plain)
}

/// The selectors of a file, an index, a list or a bundle, with the increment over it.
pub(super) fn index_of(
    file: &Path,
    increment: Option<&Path>,
    key: Option<&EmailKey>,
) -> Result<SelectorIndex, Failed> {
    let index = if is_index(file)? {
        SelectorIndex::open(file).map_err(load_failed(file))?
    } else {
        let (selectors, _) = selectors_of(file, key)?;
        SelectorIndex::build(selectors).map_err(|problem| usage("NRS-SIFT-0021", problem))?
    };
    let index = match increment {
        None => index,
        Some(path) => {
            let over = Increment::open(path).map_err(load_failed(path))?;
            index.layer(over).map_err(load_failed(path))?
        }
    };
    if index.is_empty() {
        return Err(usage(
            "NRS-SIFT-0020",
            "the list has no selector; fetch it from the platform again",
        ));
    }
    Ok(index)
}

fn is_index(file: &Path) -> Result<bool, Failed> {
    let mut begin = Vec::new();
    let opened = File::open(file).map_err(io(file))?;
    opened.take(8).read_to_end(&mut begin).map_err(io(file))?;
    Ok(begin == b"NRSINDEX")
}

fn load_failed(path: &Path) -> impl Fn(LoadIndex) -> Failed {
    let what = path.display().to_string();
    move |problem| match problem {
        LoadIndex::Io(source) => Failed::Io { what: what.clone(), source },
        problem => {
            let words = problem.to_string();
            let plain = words.strip_prefix(&format!("{}: ", problem.code())).unwrap_or(&words);
            usage(
                problem.code(),
                format!("`{what}`: {plain}; make it again with `noroshi sift index`"),
            )
        }
    }
}

/// What a list or a bundle looks for, and how many of its lines or objects were passed over.
fn selectors_of(file: &Path, key: Option<&EmailKey>) -> Result<(Vec<Selector>, usize), Failed> {
    let bytes = std::fs::read(file).map_err(io(file))?;
    let is_bundle = bytes.trim_ascii_start().starts_with(b"{");
    let (selectors, problems) = if is_bundle {
        stix::parse_bundle(&bytes, key).map_err(|problem| {
            let words = problem.to_string();
            let (code, words) = words.split_once(": ").unwrap_or_default();
            let code = if code == "NRS-SIFT-0040" { "NRS-SIFT-0040" } else { "NRS-SIFT-0041" };
            usage(code, format!("`{}`: {words}", file.display()))
        })?
    } else {
        selector::parse_list_with(&bytes, key)
    };
    let what = if is_bundle { "object" } else { "line" };
    for problem in problems.iter().take(SHOWN_MAX) {
        tell(&format!(
            "{}:{}: {}: {what} passed over",
            file.display(),
            problem.line,
            problem.reason.code()
        ));
    }
    if problems.len() > SHOWN_MAX {
        tell(&format!(
            "{}: {} more {what}s passed over",
            file.display(),
            problems.len() - SHOWN_MAX
        ));
    }
    Ok((selectors, problems.len()))
}

fn make_index(asked: &Index, format: Format) -> Ended {
    let key = asked.email_key_file.as_deref().map(looking::email_key).transpose()?;
    let (mut added, mut removed, mut passed_over) = (Vec::new(), Vec::new(), 0);
    for (files, list) in [(&asked.lists, &mut added), (&asked.remove, &mut removed)] {
        for file in files {
            let (selectors, problems) = selectors_of(file, key.as_ref())?;
            list.extend(selectors);
            passed_over += problems;
        }
    }
    let too_much = |problem: BuildIndex| usage("NRS-SIFT-0021", problem);
    let part = asked.out.with_extension("part");
    let mut sink = io::BufWriter::new(File::create(&part).map_err(io(&part))?);
    let index = match &asked.over {
        None => {
            let index = SelectorIndex::build(added).map_err(too_much)?;
            index.write_to(&mut sink).map_err(io(&part))?;
            index
        }
        Some(path) => {
            let base = SelectorIndex::open(path).map_err(load_failed(path))?;
            let increment = base.increment(&added, &removed).map_err(too_much)?;
            increment.write_to(&mut sink).map_err(io(&part))?;
            base.layer(increment).map_err(load_failed(&asked.out))?
        }
    };
    let file = sink.into_inner().map_err(|problem| io(&part)(problem.into_error()))?;
    file.sync_all().map_err(io(&part))?;
    let bytes = file.metadata().map_err(io(&part))?.len();
    std::fs::rename(&part, &asked.out).map_err(io(&asked.out))?;
    let (count, digest, path) = (index.len(), index.digest(), asked.out.display());
    if format == Format::Json {
        let summary = json!({
            "index": path.to_string(), "selectors": count, "digest": digest, "bytes": bytes, "passed_over": passed_over,
        });
        print(&summary.to_string());
    } else {
        print(&format!("{count} selectors, {passed_over} passed over\n{digest}  {path}"));
    }
    Ok(if passed_over > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

pub(super) fn program_digest() -> Result<Digest, Failed> {
    let program = std::env::current_exe();
    let program = program
        .map_err(|source| Failed::Io { what: "the program's own file".to_owned(), source })?;
    Ok(Digest::of(&std::fs::read(&program).map_err(io(&program))?))
}

/// The folder of a sensor ([`folder`]), to be written to; `sightings.json` are those of the last run, `submitted.json`
/// says from which certificate on the platform has not heard.
pub(super) struct Place {
    pub(super) dir: PathBuf,
    /// Where its chain ends, as far as is known.
    end: folder::End,
}

impl Place {
    pub(super) fn open(dir: &Path) -> Result<Self, Failed> {
        for sub in ["records", "sightings"] {
            std::fs::create_dir_all(dir.join(sub)).map_err(io(dir))?;
        }
        Ok(Self::of(dir))
    }

    fn of(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), end: folder::End::default() }
    }

    fn certificate_path(&self, sequence: u64) -> PathBuf {
        folder::entry_path(&self.dir, sequence)
    }

    /// The last entry of the folder's chain.
    pub(super) fn last(&self) -> Result<Option<Entry>, Failed> {
        self.end.last(&self.dir)
    }

    /// The entry that the next one follows: the last one of the folder, or the one that was named for an empty folder.
    fn before(&self, asked: &Run, sensor: &SensorId) -> Result<Option<Entry>, Failed> {
        let last = self.last()?;
        let before = match &asked.previous {
            // It would give a number away a second time, and what that one covers would be gone.
            Some(_) if last.is_some() => {
                let words = "the folder has a chain, which goes on by itself; leave --previous out, or take an empty folder";
                return Err(usage("NRS-SIFT-0121", words));
            }
            Some(path) => Some(folder::read_entry(path)?),
            None => last,
        };
        match before {
            Some(before) if before.sensor() != sensor => {
                let words =
                    format!("the chain in the folder is that of the sensor `{}`", before.sensor());
                Err(usage("NRS-SIFT-0022", words))
            }
            before => Ok(before),
        }
    }

    pub(super) fn new_records(&self, sequence: u64) -> Result<(PathBuf, File), Failed> {
        folder::remove_uncertified(&self.dir, sequence)?;
        let part = self.dir.join("records").join(format!("{sequence}.parquet.part"));
        let file = File::create(&part).map_err(io(&part))?;
        Ok((part, file))
    }

    /// Records first, the certificate last: a certificate that lies there covers records that do. Where this fails, it
    /// does not lie there. One that does not follow the last entry of the folder is not written.
    pub(super) fn keep(&self, part: &Path, outcome: &Outcome<File>) -> Result<(), Failed> {
        let sequence = outcome.certificate.sequence;
        let entry = Entry::Selection(Box::new(outcome.certificate.clone()));
        if self.last()?.is_some_and(|last| !entry.follows(&last)) {
            return Err(usage("NRS-SIFT-0004", "the chain of certificates does not go on"));
        }
        outcome.sink.sync_all().map_err(io(part))?;
        if outcome.certificate.rows == 0 {
            // There is nothing to keep, nor to be deleted some day.
            folder::remove(part)?;
        } else {
            let records = self.dir.join(folder::partition(&outcome.certificate));
            let partition = records.parent().unwrap_or(&self.dir);
            std::fs::create_dir_all(partition).map_err(io(partition))?;
            std::fs::rename(part, &records).map_err(io(&records))?;
            folder::sync(partition)?;
        }
        let json = |value: Result<String, serde_json::Error>| {
            value.map_err(|problem| Failed::House(Box::new(problem)))
        };
        let sightings = json(serde_json::to_string_pretty(&outcome.sightings))?;
        write(&self.dir.join("sightings").join(format!("{sequence}.json")), sightings.as_bytes())?;
        folder::sync(&self.dir.join("sightings"))?;
        write(&self.dir.join("sightings.json"), sightings.as_bytes())?;
        let certificate = json(serde_json::to_string_pretty(&outcome.certificate))?;
        write(&self.certificate_path(sequence), certificate.as_bytes())
    }

    /// Removes what a selection wrote that was not certified. What cannot be removed now goes before the number is taken
    /// again, and with the next purge.
    pub(super) fn abandon(&self, sequence: u64) {
        let removed = folder::remove_parts(&self.dir)
            .and_then(|()| folder::remove_uncertified(&self.dir, sequence));
        if let Err(failed) = removed {
            tell(&format!(
                "NRS-SIFT-0129: what was not certified could not be removed from `{}` ({}); run `noroshi sift purge` \
                 when it can be written to again",
                self.dir.display(),
                crate::web::refusal::chain(&failed)
            ));
        }
    }

    /// Makes the certificate's place in the folder durable. It counts already: that this fails is only said.
    pub(super) fn settle(&self) {
        if let Err(failed) = folder::sync(&self.dir) {
            tell(&format!(
                "NRS-SIFT-0124: the certificate is written, but the folder could not be synchronised: {}",
                crate::web::refusal::chain(&failed)
            ));
        }
    }

    fn sightings(&self, sequence: u64) -> Result<Vec<Sighting>, Failed> {
        let path = self.dir.join("sightings").join(format!("{sequence}.json"));
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            // They went with their records, whose retention was over before this was handed in.
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(problem) => return Err(io(&path)(problem)),
        };
        serde_json::from_slice(&bytes).map_err(|_| {
            usage("NRS-SIFT-0023", format!("`{}` is not a list of sightings", path.display()))
        })
    }

    /// The first certificate that the platform has not taken. Where nothing says so it is the first one of the folder: a
    /// chain that another folder began does not begin with the first number.
    fn unsent(&self) -> Result<u64, Failed> {
        let path = self.dir.join("submitted.json");
        let said = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<serde_json::Value>(&bytes)
                .ok()
                .and_then(|value| value.get("next")?.as_u64()),
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => None,
            Err(problem) => return Err(io(&path)(problem)),
        };
        let first = || Ok(folder::numbers(&self.dir)?.first().copied().unwrap_or(0));
        said.map_or_else(first, Ok)
    }
}

/// Writes a file so that it is either the old one or the new one, whole and on disk.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failed> {
    let part = path.with_extension("part");
    let mut file = File::create(&part).map_err(io(&part))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io(&part))?;
    std::fs::rename(&part, path).map_err(io(path))
}

/// Says what came of a selection; without a place nothing was written.
pub(super) fn report(
    place: Option<&Place>,
    outcome: &Outcome<File>,
    noted: &Noted,
    format: Format,
) {
    let Outcome { certificate, problems, .. } = outcome;
    if let Some(words) = noted.words() {
        tell(&words);
    }
    for problem in problems.first.iter().take(SHOWN_MAX) {
        tell(&problem.to_string());
    }
    let more = problems.omitted + problems.first.len().saturating_sub(SHOWN_MAX) as u64;
    if more > 0 {
        tell(&format!("{more} more records could not be read"));
    }
    let path =
        place.map(|place| place.certificate_path(certificate.sequence).display().to_string());
    let tally = certificate.tally;
    // What was only counted has no certificate, so none is named.
    let digest = path.as_ref().and_then(|_| certificate.digest().ok());
    let digest = digest.map(|digest| digest.to_string());
    if format == Format::Json {
        let summary = json!({
            "certificate": path, "sensor": certificate.sensor, "sequence": certificate.sequence,
            "mode": certificate.mode, "counts": tally, "rows": certificate.rows, "digest": digest,
            "sightings": outcome.sightings.len(), "problems": problems.first.len() as u64 + problems.omitted,
            "noted": noted,
        });
        print(&summary.to_string());
        return;
    }
    let written = match (digest, path) {
        (Some(digest), Some(path)) => format!("{digest}  {path}"),
        _ => "counted only; nothing was written".to_owned(),
    };
    print(&format!(
        "{}: seen {}, kept {}, unmatched {}, not own {}, content {}, unreadable {}\n{written}",
        certificate.sensor,
        tally.seen,
        tally.kept,
        tally.unmatched,
        tally.direction,
        tally.content,
        tally.errors,
    ));
}

/// Where something is handed in.
#[derive(Debug, clap::Args)]
pub struct Platform {
    /// The platform's address; an enrolled folder knows it.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// The file with the sensor's token; an enrolled folder has it.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Platform {
    /// Where and with which token: as told, or as the folder was enrolled.
    pub(super) fn of(&self, dir: &Path) -> Result<(String, String), Failed> {
        let to = match &self.to {
            Some(to) => to.clone(),
            None => {
                let words = "the folder is not enrolled; say where with --to and --token-file";
                folder::enrolment(dir)?.ok_or_else(|| usage("NRS-SIFT-0085", words))?.platform
            }
        };
        is_guarded(&to)?;
        let file = self.token_file.clone().unwrap_or_else(|| dir.join("token"));
        let token = std::fs::read_to_string(&file).map_err(io(&file))?;
        Ok((to.trim_end_matches('/').to_owned(), token.trim().to_owned()))
    }
}

fn hand_in(asked: &Submit, format: Format) -> Ended {
    let (to, token) = asked.platform.of(&asked.dir)?;
    let place = Place::of(&asked.dir);
    let certificates = format!("{to}/api/v1/sift/certificates");
    let deletions = format!("{to}/api/v1/sift/deletions");
    let mut sent = Vec::new();
    let mut sequence = place.unsent()?;
    while let Some(entry) = folder::entry(&place.dir, sequence)? {
        let (url, body) = match &entry {
            Entry::Selection(certificate) => {
                let sightings = handed_in(place.sightings(sequence)?, SIGHTINGS_MAX);
                if sightings.1 > 0 {
                    tell(&format!(
                        "NRS-SIFT-0125: certificate {sequence}: {} sightings, the least often seen, stay in \
                         `sightings/{sequence}.json`; the platform takes {SIGHTINGS_MAX} of one certificate",
                        sightings.1
                    ));
                }
                let body = json!({ "certificate": certificate, "sightings": sightings.0 });
                (&certificates, body)
            }
            Entry::Deletion(deletion) => (&deletions, json!(deletion)),
        };
        let (status, answer) = send(url, &token, &body)?;
        let taken = match &entry {
            Entry::Selection(certificate) if code_of(&answer) == "NRS-SIFT-0310" => {
                // Nothing that was kept without a ground stays.
                void(&place.dir, certificate)?;
                tell(&format!(
                    "NRS-SIFT-0127: certificate {sequence} began after its mandate had been withdrawn; what was kept \
                     under it has been removed, and it is handed in as void"
                ));
                let body = json!({ "certificate": certificate, "sightings": [], "void": true });
                post(url, &token, &body)?
            }
            _ => taken(status, answer)?,
        };
        sent.push(json!({ "sequence": sequence, "id": taken.get("id"), "position": taken.get("position") }));
        sequence += 1;
        let state = json!({ "next": sequence }).to_string();
        write(&place.dir.join("submitted.json"), state.as_bytes())?;
    }
    match format {
        Format::Json => print(&json!({ "submitted": sent }).to_string()),
        Format::Human | Format::Plain => print(&format!("{} certificates handed in", sent.len())),
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses to say a token where others can read it: on the way to another machine it is said under TLS only.
pub(super) fn is_guarded(to: &str) -> Result<(), Failed> {
    let Some(rest) = strip_scheme(to, "http://") else {
        return match strip_scheme(to, "https://") {
            Some(_) => Ok(()),
            None => Err(usage(
                "NRS-SIFT-0150",
                "the address of the platform does not begin with `https://`",
            )),
        };
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    // What stands before an `@` is no host.
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(within) => within.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_here = host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|host| host.is_loopback());
    if is_here {
        return Ok(());
    }
    let words = "the platform is asked without TLS, so that tokens could be read on the way; use `https://`";
    Err(usage("NRS-SIFT-0150", words))
}

fn strip_scheme<'a>(to: &'a str, scheme: &str) -> Option<&'a str> {
    let (begin, rest) = to.split_at_checked(scheme.len())?;
    begin.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// How long a connection may take to come about, and how long a request may take as a whole: the longest answers are lists
/// of selectors and prefix tables of hundreds of megabytes.
const CONNECT_MAX: Duration = Duration::from_secs(10);
const REQUEST_MAX: Duration = Duration::from_secs(600);

/// Who speaks with the platform. A platform that does not answer holds nobody for ever.
pub(super) fn agent() -> ureq::Agent {
    agent_within(CONNECT_MAX, REQUEST_MAX)
}

fn agent_within(connect: Duration, request: Duration) -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(connect))
        .timeout_global(Some(request))
        .build()
        .into()
}

/// Removes what a selection kept that began after its mandate had been withdrawn, before it is handed in as void.
fn void(dir: &Path, certificate: &Certificate) -> Result<(), Failed> {
    if let Some(path) = folder::records_of(dir, certificate)? {
        hunt::keep::forget_of(dir, &path)?;
        folder::remove(&dir.join(&path))?;
        if let Some(parent) = path.parent() {
            folder::sync(&dir.join(parent))?;
        }
    }
    folder::remove_sightings(dir, certificate.sequence)
}

/// What the platform answered, where it took what was sent.
pub(super) fn post(
    url: &str,
    token: &str,
    body: &serde_json::Value,
) -> Result<serde_json::Value, Failed> {
    let (status, answer) = send(url, token, body)?;
    taken(status, answer)
}

fn code_of(answer: &serde_json::Value) -> &str {
    answer.get("code").and_then(serde_json::Value::as_str).unwrap_or_default()
}

/// What the platform answered, and with which status.
fn send(
    url: &str,
    token: &str,
    body: &serde_json::Value,
) -> Result<(u16, serde_json::Value), Failed> {
    let unreachable =
        |problem: ureq::Error| Failed::Io { what: url.to_owned(), source: problem.into_io() };
    let request = agent()
        .post(url)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    let mut answer = request.send(body.to_string()).map_err(unreachable)?;
    let status = answer.status().as_u16();
    let text = answer
        .body_mut()
        .with_config()
        .limit(ANSWER_BYTES_MAX)
        .read_to_string()
        .map_err(unreachable)?;
    Ok((status, serde_json::from_str(&text).unwrap_or_default()))
}

/// The answer, where it is not a refusal.
fn taken(status: u16, json: serde_json::Value) -> Result<serde_json::Value, Failed> {
    if matches!(status, 200 | 201) {
        return Ok(json);
    }
    let said = |name: &str| {
        json.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    };
    let message = format!(
        "the platform refused with status {status}: {} {} {}",
        said("code"),
        said("title"),
        said("next")
    );
    Err(Failed::Found { code: "NRS-SIFT-0025", message })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn the_words_of_a_panic_are_not_said() {
        let said = Arc::new(Mutex::new(String::new()));
        let keep = Arc::clone(&said);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload_as_str() == Some("PLANTED-IN-A-PANIC") {
                *keep.lock().unwrap() = words_of_a_defect(info);
            }
        }));
        let died = std::panic::catch_unwind(|| panic!("PLANTED-IN-A-PANIC"));
        std::panic::set_hook(before);
        assert!(died.is_err());
        let said = said.lock().unwrap();
        assert!(said.contains("sift/cli.rs") && !said.contains("PLANTED"), "{said}");
    }

    /// A listener that takes connections and never answers.
    #[test]
    fn a_platform_that_does_not_answer_holds_nobody() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let begun = std::time::Instant::now();
        let agent = agent_within(Duration::from_millis(200), Duration::from_millis(300));
        let answer = agent.get(&url).call();
        assert!(matches!(answer, Err(ureq::Error::Timeout(_))), "{answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(30));
        let timeouts = super::agent().config().timeouts();
        assert_eq!((timeouts.connect, timeouts.global), (Some(CONNECT_MAX), Some(REQUEST_MAX)));
    }

    #[test]
    fn a_token_is_said_under_tls_or_on_this_machine_only() {
        for (to, expected) in [
            ("https://platform.example", true),
            ("HTTPS://platform.example/base", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080/", true),
            ("http://localhost", true),
            ("http://platform.example", false),
            ("HTTP://platform.example", false),
            ("http://192.0.2.7:8080", false),
            ("http://localhost.example", false),
            ("http://127.0.0.1@platform.example", false),
            ("http://platform.example/127.0.0.1", false),
            ("http://127.0.0.1.platform.example", false),
            ("platform.example", false),
            ("ftp://127.0.0.1", false),
            ("", false),
        ] {
            assert_eq!(is_guarded(to).is_ok(), expected, "{to}");
        }
    }

    #[test]
    fn modes_are_named_as_in_the_certificate() {
        assert_eq!(read_mode("own-network"), Ok(Mode::OwnNetwork));
        assert_eq!(read_mode("foreign-to-domestic"), Ok(Mode::ForeignToDomestic));
        assert!(read_mode("everything").is_err());
    }
}
