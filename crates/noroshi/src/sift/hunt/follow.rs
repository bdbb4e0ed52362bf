//! `noroshi hunt follow`: what was added to a list is looked for in the records that were kept before it was.
//!
//! | file below `DIR/hunts` | what |
//! |---|---|
//! | `hunted.index`, `hunted.json` | the list that was hunted last, and the files of records that were looked through for it |
//! | `job/` | a hunt that has not come to its end: what it looks for, in which files, how far it is |
//! | `<record>/<n>.hits.jsonl`, `<record>/<n>.sightings.json` | where the hits of the hunt with the entry `n` lie, and what it newly saw (see `keep`) |
//!
//! When the file of the index is another one, only selectors that are not in the list hunted last are looked for in the
//! files looked through then. Files that came since are looked through for the whole list, unless their certificate
//! says that they were selected with this very list. After a kill the job goes on behind the last file that it had
//! finished; what it had found stays found once. The state is moved on only when everything is written, so that a kill at
//! any point repeats a step and loses none. A file that could not be read does not count as looked through: it is tried
//! again with the next hunt, or after an hour.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use noroshi_hunt::record::{Ending, Outcome, What};
use noroshi_hunt::scan::{Hunter, Place, Stopped, Tally};
use noroshi_hunt::shelf::Stored;
use noroshi_sift::chain::Entry as Link;
use noroshi_sift::digest::Digest;
use noroshi_sift::index::SelectorIndex;
use noroshi_sift::sighting::Sighting;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::cli::{index_of, io, own_networks, usage, write};
use super::super::folder;
use super::super::ground::Ground;
use super::super::looking::Loaded;
use super::book::Book;
use super::run::{hunt_of, summary};
use super::{Reason, Where, house, keep, results};
use crate::cli::{Ended, Failed, Format, print, tell};
use crate::office::clock::Clock;

/// `noroshi hunt follow`.
#[derive(Debug, clap::Args)]
pub struct Follow {
    /// The selectors: an index, a list or a STIX bundle; looked at again every so often.
    #[arg(long, value_name = "INDEX")]
    selectors: PathBuf,
    /// An increment that lies over the index.
    #[arg(long, value_name = "FILE")]
    increment: Option<PathBuf>,
    /// Look once, and end.
    #[arg(long)]
    once: bool,
    /// Seconds between two looks.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
    /// A network of one's own, for the figures of sightings; repeat it for each. All of them where none is named.
    #[arg(long = "own-network", value_name = "PREFIX")]
    own_networks: Vec<IpNet>,
    #[command(flatten)]
    reason: Reason,
    #[command(flatten)]
    place: Where,
}

/// What was hunted last.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hunted {
    /// The digest of the list.
    selectors: Option<Digest>,
    /// The files that were looked through for all of it, and their sizes.
    files: BTreeMap<String, u64>,
    /// The files that could not be read: their sizes, and when that was.
    #[serde(default)]
    unreadable: BTreeMap<String, (u64, Timestamp)>,
}

/// How long a file that could not be read is left alone, where there is no other reason to hunt.
const AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// A hunt that has not come to its end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Job {
    /// The record whose hunt it is, by the digest of its first entry.
    #[serde(default)]
    record: Option<Digest>,
    /// The number of the entry that says that it began.
    number: u64,
    /// The digest of the list whose additions are hunted.
    selectors: Digest,
    /// The files in which what was added is looked for.
    old: Vec<(String, u64)>,
    /// The files in which everything is.
    new: Vec<(String, u64)>,
    /// The files that the next state names.
    all: BTreeMap<String, u64>,
    /// How many of `old` and `new` are done.
    done: usize,
    /// How long the hits of these are, in bytes.
    hits_bytes: u64,
    /// What was counted in each.
    tally: [Tally; 2],
    /// Files that could not be read.
    unreadable: Vec<(String, String)>,
}

struct Folder<'a> {
    asked: &'a Follow,
    /// The list, until its files change.
    loaded: RefCell<Loaded>,
    dir: PathBuf,
    job: PathBuf,
    /// Called after each step that is on the disk. Where it fails the step was the last one, as after a kill.
    after: &'a dyn Fn() -> Result<(), Failed>,
}

/// Runs the verb.
pub(super) fn run(asked: &Follow, format: Format) -> Ended {
    let dir = results(&asked.place.dir);
    fs::create_dir_all(&dir).map_err(io(&dir))?;
    let folder =
        Folder { asked, loaded: RefCell::default(), job: dir.join("job"), dir, after: &|| Ok(()) };
    let mut partly = false;
    loop {
        let found = folder.look()?;
        if let Some((outcome, tally)) = &found {
            partly |= outcome.ending != Ending::Complete;
            if format == Format::Json {
                print(
                    &json!({ "entry": outcome.of, "ending": outcome.ending, "counts": tally })
                        .to_string(),
                );
            } else {
                print(&format!("entry {}: {}", outcome.of, summary(tally)));
            }
        } else if asked.once {
            match format {
                Format::Json => print(&json!({ "entry": null }).to_string()),
                Format::Human | Format::Plain => print("nothing was added"),
            }
        }
        if asked.once {
            return Ok(ExitCode::from(u8::from(partly)));
        }
        std::thread::sleep(Duration::from_secs(asked.every));
    }
}

impl Folder<'_> {
    /// Takes up a job that is there, or makes one where something was added.
    fn look(&self) -> Result<Option<(Outcome, Tally)>, Failed> {
        let (mut book, entries) = Book::open(&self.asked.place)?;
        let mut job = match self.read_json::<Job>(&self.job.join("job.json"))? {
            Some(job) => job,
            None => match self.make(&mut book)? {
                Some(job) => job,
                None => return Ok(None),
            },
        };
        if job.record.is_some() && job.record != book.first() {
            return Err(usage(
                "NRS-HUNT-0012",
                format!(
                    "a hunt of another record is not at its end; name that record with --record, or remove the folder `{}`",
                    self.job.display()
                ),
            ));
        }
        let below = book.results(&self.asked.place.dir)?;
        let said = entries.into_iter().find_map(|entry| match entry.what {
            What::Ended(outcome) if outcome.of == job.number => Some(outcome),
            What::Ended(_) | What::Begun(_) => None,
        });
        let outcome = match said {
            // All was written and said; only the state had not been moved on.
            Some(outcome) => outcome,
            None => {
                let (sightings, until) = self.work(&mut job)?;
                self.end(&job, (sightings, until), &below, &mut book)?
            }
        };
        self.move_on(&job)?;
        Ok(Some((outcome, job.sum())))
    }

    fn read_json<T: serde::de::DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, Failed> {
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| {
                usage("NRS-HUNT-0009", format!("`{}` is not a state of `noroshi hunt follow`; remove the folder `{}` to hunt for the whole list again", path.display(), self.dir.display()))
            }),
            Err(problem) if problem.kind() == ErrorKind::NotFound => Ok(None),
            Err(problem) => Err(io(path)(problem)),
        }
    }

    /// What is to be done; nothing where nothing was added and no file came.
    fn make(&self, book: &mut Book) -> Result<Option<Job>, Failed> {
        let asked = self.asked;
        // What a job that was never begun left.
        remove_folder(&self.job)?;
        let files = [Some(&asked.selectors), asked.increment.as_ref()];
        let files: Vec<&Path> = files.into_iter().flatten().map(PathBuf::as_path).collect();
        let load = || index_of(&asked.selectors, asked.increment.as_deref(), None);
        let index = self.loaded.borrow_mut().current(&files, load)?;
        let digest = index.digest();
        let hunted: Hunted = self.read_json(&self.dir.join("hunted.json"))?.unwrap_or_default();
        let files = asked.place.files()?;
        let mut all: BTreeMap<_, _> =
            files.iter().map(|file| (file.name.clone(), file.bytes)).collect();
        let (old, new): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| hunted.files.get(&file.name) == Some(&file.bytes));
        let mut came = Vec::new();
        for file in new {
            // What was selected with this very list was not missed.
            if selected_with(&asked.place.dir, &file)? != Some(digest) {
                came.push(file);
            }
        }
        let added = if hunted.selectors == Some(digest) {
            Vec::new()
        } else {
            self.added(&index, &hunted)?
        };
        // What could not be read alone is no reason to hunt again at every look.
        let is_tried = |file: &Stored| {
            let tried = hunted.unreadable.get(&file.name);
            tried.is_some_and(|(bytes, tried)| {
                *bytes == file.bytes && Clock.now().duration_since(*tried) < AGAIN
            })
        };
        if added.is_empty() && came.iter().all(|file| !asked.once && is_tried(file)) {
            if hunted.selectors != Some(digest) {
                self.save(&index)?;
            }
            all.retain(|name, _| !came.iter().any(|file| file.name == *name));
            let unreadable = hunted.unreadable.into_iter();
            let unreadable = unreadable.filter(|(name, _)| came.iter().any(|it| it.name == *name));
            self.state(&Hunted {
                selectors: Some(digest),
                files: all,
                unreadable: unreadable.collect(),
            })?;
            return Ok(None);
        }
        let has_added = !added.is_empty();
        fs::create_dir_all(&self.job).map_err(io(&self.job))?;
        write_index(&self.job.join("all.index"), &index)?;
        let too_much = |problem| usage("NRS-SIFT-0021", problem);
        let added = SelectorIndex::build(added).map_err(too_much)?;
        write_index(&self.job.join("added.index"), &added)?;
        (self.after)()?;
        let number = book.begin(asked.reason.why()?, hunt_of(&index, hunted.selectors))?;
        (self.after)()?;
        let names =
            |files: Vec<Stored>| files.into_iter().map(|file| (file.name, file.bytes)).collect();
        let job = Job {
            record: book.first(),
            number,
            selectors: digest,
            old: if has_added { names(old) } else { Vec::new() },
            new: names(came),
            all,
            done: 0,
            hits_bytes: 0,
            tally: [Tally::default(); 2],
            unreadable: Vec::new(),
        };
        self.save_job(&job)?;
        Ok(Some(job))
    }

    /// The selectors that the list hunted last does not have.
    fn added(
        &self,
        index: &SelectorIndex,
        hunted: &Hunted,
    ) -> Result<Vec<noroshi_sift::selector::Selector>, Failed> {
        if hunted.selectors.is_none() {
            // Nothing was hunted yet: every file has come since.
            return Ok(Vec::new());
        }
        let before = index_of(&self.dir.join("hunted.index"), None, None)?;
        Ok(index.selectors().filter(|selector| !before.holds(selector)).collect())
    }

    fn save_job(&self, job: &Job) -> Result<(), Failed> {
        let text = serde_json::to_string(job).map_err(house)?;
        write(&self.job.join("job.json"), text.as_bytes())?;
        folder::sync(&self.job)?;
        (self.after)()
    }

    fn state(&self, hunted: &Hunted) -> Result<(), Failed> {
        let text = serde_json::to_string(hunted).map_err(house)?;
        write(&self.dir.join("hunted.json"), text.as_bytes())?;
        folder::sync(&self.dir)?;
        (self.after)()
    }

    fn save(&self, index: &SelectorIndex) -> Result<(), Failed> {
        write_index(&self.dir.join("hunted.index"), index)?;
        (self.after)()
    }

    /// Looks through what is left of the files; what was seen in all of them, and until when it may be kept.
    fn work(&self, job: &mut Job) -> Result<(Vec<Sighting>, Option<Timestamp>), Failed> {
        let ground = Ground { mandate: None, prefix_table: None, platform_key: None };
        let own = own_networks(&self.asked.own_networks, &ground);
        let now = Clock.now();
        let hunter = |name: &str| {
            // Nothing was added: an index of nothing cannot be asked for, and finds nothing.
            let path = self.job.join(name);
            let index = SelectorIndex::open(&path).map_err(|problem| {
                usage(problem.code(), format!("`{}` is damaged; remove the folder", path.display()))
            })?;
            Ok::<_, Failed>(Hunter::new(Arc::new(index), now, own.clone()))
        };
        let mut hunters = [hunter("added.index")?, hunter("all.index")?];
        let path = self.job.join("hits.jsonl");
        let mut sink =
            OpenOptions::new().create(true).append(true).open(&path).map_err(io(&path))?;
        sink.set_len(job.hits_bytes).map_err(io(&path))?;
        self.take_over(job, &path, &mut hunters)?;
        let work: Vec<(usize, String, u64)> = [&job.old, &job.new]
            .into_iter()
            .enumerate()
            .flat_map(|(which, files)| {
                files.iter().map(move |(name, bytes)| (which, name.clone(), *bytes))
            })
            .collect();
        for (which, name, bytes) in work.into_iter().skip(job.done) {
            let stored = self.stored(&name, bytes);
            let Some(hunter) = hunters.get_mut(which) else { continue };
            let mut lines = Vec::new();
            let done = hunter.file(&stored, &mut |hit| {
                lines.extend(serde_json_canonicalizer::to_vec(&Place::from(hit))?);
                lines.push(b'\n');
                Ok(())
            });
            if let Err(Stopped::File(reason)) = done {
                job.unreadable.push((name, reason.code().to_owned()));
            }
            sink.write_all(&lines).and_then(|()| sink.sync_data()).map_err(io(&path))?;
            (self.after)()?;
            job.done += 1;
            job.hits_bytes += lines.len() as u64;
            if let Some(tally) = job.tally.get_mut(which) {
                *tally = hunter.tally();
            }
            self.save_job(job)?;
        }
        let until = hunters.iter().filter_map(Hunter::retain_until).min();
        let sightings = hunters.into_iter().flat_map(|hunter| hunter.finish().1);
        Ok((merged(sightings), until))
    }

    fn stored(&self, name: &str, bytes: u64) -> Stored {
        Stored { name: name.to_owned(), path: self.asked.place.dir.join(name), bytes }
    }

    /// Counts again what was found before a kill.
    fn take_over(&self, job: &Job, path: &Path, hunters: &mut [Hunter; 2]) -> Result<(), Failed> {
        if job.done == 0 {
            return Ok(());
        }
        let damaged = || {
            usage(
                "NRS-HUNT-0009",
                format!(
                    "`{}` is damaged; remove the folder `{}` to hunt again",
                    path.display(),
                    self.dir.display()
                ),
            )
        };
        let text = fs::read(path).map_err(io(path))?;
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let places: Vec<Place> =
            lines.map(serde_json::from_slice).collect::<Result<_, _>>().map_err(|_| damaged())?;
        for (which, (hunter, files)) in hunters.iter_mut().zip([&job.old, &job.new]).enumerate() {
            let stored = files.iter().map(|(name, bytes)| self.stored(name, *bytes));
            let tally = job.tally.get(which).copied().unwrap_or_default();
            hunter.resume(tally, &stored.collect::<Vec<_>>(), &places);
        }
        Ok(())
    }

    /// Writes what was found and says so in the record; the first may be a repetition.
    fn end(
        &self,
        job: &Job,
        (sightings, until): (Vec<Sighting>, Option<Timestamp>),
        below: &Path,
        book: &mut Book,
    ) -> Result<Outcome, Failed> {
        let hits = self.job.join("hits.jsonl");
        let text = fs::read(&hits).map_err(io(&hits))?;
        fs::create_dir_all(below).map_err(io(below))?;
        write(&keep::hits_path(below, job.number), &text)?;
        (self.after)()?;
        let committed = keep::sightings(below, job.number, until, sightings)?;
        folder::sync(&self.dir)?;
        (self.after)()?;
        let tally = job.sum();
        for (name, code) in &job.unreadable {
            tell(&format!("{name}: {code}: file could not be read"));
        }
        let code = job.unreadable.first().map(|(_, code)| code.clone());
        let outcome = Outcome {
            of: job.number,
            ending: if code.is_some() { Ending::Partly } else { Ending::Complete },
            code,
            results: tally.hits,
            results_digest: Digest::of(&text),
            tally: Some(tally),
            looked: None,
            seen: Some(committed),
        };
        book.end(outcome.clone())?;
        (self.after)()?;
        Ok(outcome)
    }

    /// Moves the state on to what a job that is written down hunted, and lets the job go; each step may be a repetition.
    fn move_on(&self, job: &Job) -> Result<(), Failed> {
        // It is copied: while the job is there, all of it is.
        let all = self.job.join("all.index");
        if fs::exists(&all).map_err(io(&all))? {
            let part = self.dir.join("hunted.part");
            fs::copy(&all, &part).map_err(io(&part))?;
            File::open(&part).and_then(|file| file.sync_all()).map_err(io(&part))?;
            fs::rename(&part, self.dir.join("hunted.index")).map_err(io(&part))?;
            (self.after)()?;
        }
        let (now, mut files) = (Clock.now(), job.all.clone());
        let unreadable = job.unreadable.iter().filter_map(|(name, _)| {
            let bytes = files.remove(name)?;
            Some((name.clone(), (bytes, now)))
        });
        let unreadable = unreadable.collect();
        self.state(&Hunted { selectors: Some(job.selectors), files, unreadable })?;
        // What is left of the folder without it is no job.
        folder::remove(&self.job.join("job.json"))?;
        folder::sync(&self.job)?;
        (self.after)()?;
        remove_folder(&self.job)
    }
}

impl Job {
    fn sum(&self) -> Tally {
        let mut sum = Tally::default();
        self.tally.iter().for_each(|one| sum += *one);
        sum
    }
}

/// The list with which the selection of a file was made, where its certificate lies in the folder of its sensor.
fn selected_with(dir: &Path, file: &Stored) -> Result<Option<Digest>, Failed> {
    let Some((before, below)) = file.name.split_once("records/") else { return Ok(None) };
    let number = below.rsplit('/').next().and_then(|name| name.strip_suffix(".parquet"));
    let Some(number) = number.and_then(|number| number.parse().ok()) else { return Ok(None) };
    Ok(match folder::entry(&dir.join(before), number)? {
        Some(Link::Selection(certificate)) => Some(certificate.selectors),
        Some(Link::Deletion(_)) | None => None,
    })
}

fn write_index(path: &Path, index: &SelectorIndex) -> Result<(), Failed> {
    // What lies over an index is not part of its file.
    let whole = if index.is_layered() {
        index.compact().map_err(|problem| usage("NRS-SIFT-0021", problem))?
    } else {
        index.clone()
    };
    let part = path.with_extension("part");
    let mut sink = std::io::BufWriter::new(File::create(&part).map_err(io(&part))?);
    whole.write_to(&mut sink).map_err(io(&part))?;
    let file = sink.into_inner().map_err(|problem| io(&part)(problem.into_error()))?;
    file.sync_all().map_err(io(&part))?;
    fs::rename(&part, path).map_err(io(path))
}

fn remove_folder(path: &Path) -> Result<(), Failed> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(problem) if problem.kind() == ErrorKind::NotFound => Ok(()),
        Err(problem) => Err(io(path)(problem)),
    }
}

/// One sighting for each measure and selector. Addresses that were seen in both halves are not told apart, which is said.
fn merged(sightings: impl Iterator<Item = Sighting>) -> Vec<Sighting> {
    let mut all: BTreeMap<_, Sighting> = BTreeMap::new();
    for one in sightings {
        let key =
            (one.measure.clone(), one.selector_id.clone(), one.selector_version, one.value.clone());
        match all.get_mut(&key) {
            None => drop(all.insert(key, one)),
            Some(known) => {
                known.first_seen = known.first_seen.min(one.first_seen);
                known.last_seen = known.last_seen.max(one.last_seen);
                known.count = known.count.saturating_add(one.count);
                known.own_addresses = known.own_addresses.max(one.own_addresses);
                known.remote_addresses = known.remote_addresses.max(one.remote_addresses);
                known.more_addresses = true;
            }
        }
    }
    all.into_values().collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use noroshi_sift::engine::{Engine, Link as Next, Settings};
    use noroshi_sift::mode::Mode;
    use noroshi_sift::selector::parse_list;

    use super::super::super::cli::{Place as Out, signed};
    use super::super::super::purge::{Kept, purge};
    use super::super::book;
    use super::*;

    /// One more file of records of one's own network, retained for a day.
    fn keep_some(dir: &Path, remote: &[&str]) {
        let out = Out::open(dir).unwrap();
        let last = out.last().unwrap();
        let link = last.map_or(Next::FIRST, |last| Next::after_entry(&last).unwrap());
        let settings = Settings {
            sensor: "sensor-1".parse().unwrap(),
            own_networks: vec!["192.0.2.0/24".parse().unwrap()],
            retention_days: 1,
            program: Digest::of(b"build"),
            link,
            started_at: Clock.now(),
        };
        let (list, _) = parse_list(b"203.0.113.0/24\n");
        let index = SelectorIndex::build(list).unwrap();
        let (part, sink) = out.new_records(link.sequence).unwrap();
        let mut engine = Engine::new(Mode::OwnNetwork, index, settings, sink).unwrap();
        let line = |remote: &&str| {
            format!(
                "{{\"ts\":1790000000,\"id.orig_h\":\"192.0.2.7\",\"id.resp_h\":\"{remote}\"}}\n"
            )
        };
        let log: String = remote.iter().map(line).collect();
        engine.read("conn.log", log.as_bytes()).unwrap();
        let outcome = signed(&out, engine.finish(Clock.now()).unwrap()).unwrap();
        out.keep(&part, &outcome).unwrap();
    }

    fn asked(dir: &Path, once: bool) -> Follow {
        Follow {
            selectors: dir.join("list.txt"),
            increment: None,
            once,
            every: 60,
            own_networks: Vec::new(),
            reason: Reason { purpose: None, case: None },
            place: Where { record: None, sensor: None, dir: dir.join("out") },
        }
    }

    type Looked = Result<Option<(Outcome, Tally)>, Failed>;

    fn look(dir: &Path, once: bool, after: &dyn Fn() -> Result<(), Failed>) -> Looked {
        let asked = asked(dir, once);
        let dir = results(&asked.place.dir);
        fs::create_dir_all(&dir).unwrap();
        let loaded = RefCell::default();
        Folder { asked: &asked, loaded, job: dir.join("job"), dir, after }.look()
    }

    fn look_once(dir: &Path) -> Option<(Outcome, Tally)> {
        look(dir, true, &|| Ok(())).unwrap()
    }

    fn below(dir: &Path) -> PathBuf {
        let entries = book::entries(&dir.join("out/hunts.jsonl")).unwrap();
        keep::of_record(&dir.join("out"), &entries[0].digest().unwrap())
    }

    fn ended(dir: &Path) -> Vec<Outcome> {
        let entries = book::entries(&dir.join("out/hunts.jsonl")).unwrap();
        let outcomes = entries.into_iter().filter_map(|entry| match entry.what {
            What::Ended(outcome) => Some(outcome),
            What::Begun(_) => None,
        });
        outcomes.collect()
    }

    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &target);
            } else {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }

    /// Every file below a folder, with what it holds.
    fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files(&path));
            } else {
                let bytes = fs::read(&path).unwrap();
                found.push((path, bytes));
            }
        }
        found
    }

    /// A folder whose list was hunted, and then grew, as did the records.
    fn grown() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        fs::create_dir(&out).unwrap();
        fs::write(dir.path().join("list.txt"), "203.0.113.5\n").unwrap();
        keep_some(&out, &["203.0.113.5", "203.0.113.6"]);
        keep_some(&out, &["203.0.113.6", "203.0.113.6"]);
        assert_eq!(look_once(dir.path()).unwrap().1.hits, 1);
        fs::write(dir.path().join("list.txt"), "203.0.113.5\n203.0.113.6\n").unwrap();
        keep_some(&out, &["203.0.113.5", "203.0.113.6", "203.0.113.7"]);
        dir
    }

    /// What the second hunt of [`grown`] has to have come to, and that nothing is left to be done.
    fn is_whole(dir: &Path) {
        assert!(look_once(dir).is_none(), "nothing was added");
        let outcomes = ended(dir);
        assert_eq!(outcomes.len(), 2, "each hunt ended once");
        let outcome = &outcomes[1];
        let tally = outcome.tally.unwrap();
        assert_eq!((tally.files, tally.hits, tally.known), (3, 5, 0));
        let below = below(dir);
        let hits = fs::read(keep::hits_path(&below, outcome.of)).unwrap();
        assert_eq!(outcome.results_digest, Digest::of(&hits));
        let seen = keep::seen(&below, outcome.of, Clock.now()).unwrap();
        assert!(outcome.seen.unwrap().sightings.holds(&seen));
        let seen: BTreeMap<_, _> = seen.iter().map(|one| (one.value.as_str(), one.count)).collect();
        assert_eq!(seen, BTreeMap::from([("203.0.113.5", 1), ("203.0.113.6", 4)]));
        let hunted: Hunted =
            serde_json::from_slice(&fs::read(dir.join("out/hunts/hunted.json")).unwrap()).unwrap();
        let list = index_of(&dir.join("list.txt"), None, None).unwrap().digest();
        assert_eq!((hunted.selectors, hunted.files.len()), (Some(list), 3));
        assert!(!dir.join("out/hunts/job").try_exists().unwrap());
    }

    #[test]
    fn a_kill_after_any_step_loses_nothing_and_finds_nothing_twice() {
        let before = grown();
        let mut kills = 0;
        for last_step in 1.. {
            let dir = tempfile::tempdir().unwrap();
            copy(before.path(), dir.path());
            let steps = Cell::new(0);
            let killed = look(dir.path(), true, &|| {
                steps.set(steps.get() + 1);
                let is_last = steps.get() == last_step;
                if is_last { Err(Failed::House("killed".into())) } else { Ok(()) }
            });
            match killed {
                Ok(found) => {
                    assert_eq!(found.unwrap().1.hits, 5);
                    is_whole(dir.path());
                    break;
                }
                Err(_) => kills += 1,
            }
            look(dir.path(), true, &|| Ok(())).unwrap();
            is_whole(dir.path());
        }
        // Index, entry, job; two steps for each of three files; hits, sightings, entry; index, state, job.
        assert_eq!(kills, 15);
    }

    #[test]
    fn a_job_that_lost_its_index_when_it_had_ended_goes_to_its_end() {
        let dir = grown();
        let steps = Cell::new(0);
        let killed = look(dir.path(), true, &|| {
            steps.set(steps.get() + 1);
            if steps.get() == 12 { Err(Failed::House("killed".into())) } else { Ok(()) }
        });
        assert!(killed.is_err() && ended(dir.path()).len() == 2);
        let hunts = dir.path().join("out/hunts");
        fs::rename(hunts.join("job/all.index"), hunts.join("hunted.index")).unwrap();
        assert_eq!(look_once(dir.path()).unwrap().1.hits, 5);
        is_whole(dir.path());
    }

    #[test]
    fn what_could_not_be_read_is_looked_through_when_it_can_be() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        fs::create_dir(&out).unwrap();
        fs::write(dir.path().join("list.txt"), "203.0.113.5\n").unwrap();
        keep_some(&out, &["203.0.113.5"]);
        let stored = asked(dir.path(), true).place.files().unwrap().remove(0);
        let whole = fs::read(&stored.path).unwrap();
        fs::write(&stored.path, &whole[..whole.len() / 2]).unwrap();
        let (outcome, tally) = look(dir.path(), false, &|| Ok(())).unwrap().unwrap();
        assert_eq!((outcome.ending, tally.unreadable_files), (Ending::Partly, 1));
        // Alone it is no reason to hunt at every look; who asks once is answered.
        assert!(look(dir.path(), false, &|| Ok(())).unwrap().is_none());
        assert_eq!(look_once(dir.path()).unwrap().0.ending, Ending::Partly);
        fs::write(&stored.path, &whole).unwrap();
        let (outcome, tally) = look(dir.path(), false, &|| Ok(())).unwrap().unwrap();
        assert_eq!((outcome.ending, tally.hits), (Ending::Complete, 1));
        assert!(look(dir.path(), false, &|| Ok(())).unwrap().is_none());
    }

    #[test]
    fn a_job_of_another_record_is_left_alone() {
        let dir = grown();
        let steps = Cell::new(0);
        let killed = look(dir.path(), true, &|| {
            steps.set(steps.get() + 1);
            if steps.get() == 5 { Err(Failed::House("killed".into())) } else { Ok(()) }
        });
        assert!(killed.is_err());
        let mut asked = asked(dir.path(), true);
        asked.place.record = Some(dir.path().join("other.jsonl"));
        let hunts = results(&asked.place.dir);
        let refused = Folder {
            asked: &asked,
            loaded: RefCell::default(),
            job: hunts.join("job"),
            dir: hunts,
            after: &|| Ok(()),
        }
        .look();
        assert!(matches!(refused, Err(Failed::Usage { code: "NRS-HUNT-0012", .. })), "{refused:?}");
        look(dir.path(), true, &|| Ok(())).unwrap();
        is_whole(dir.path());
    }

    #[test]
    fn no_part_of_a_record_outlives_its_certified_deletion() {
        let dir = grown();
        look_once(dir.path()).unwrap();
        let hits = fs::read_to_string(keep::hits_path(&below(dir.path()), 2)).unwrap();
        let is_place = |line: &str| serde_json::from_str::<Place>(line).is_ok();
        assert!(hits.lines().count() == 5 && hits.lines().all(is_place), "{hits}");
        let out = dir.path().join("out");
        let is_sightings =
            |(path, _): &&(PathBuf, Vec<u8>)| path.display().to_string().contains("sightings");
        assert!(files(&out).iter().filter(is_sightings).count() > 2);
        let later = Clock.now() + SignedDuration::from_hours(25);
        assert_eq!(
            purge(&out, &mut Kept::default(), Digest::of(b"build"), later).unwrap(),
            [2, 2, 3]
        );
        let left = files(&out);
        let holds = |part: &str| {
            let part = part.as_bytes();
            left.iter().filter(|(_, bytes)| bytes.windows(part.len()).any(|at| at == part)).count()
        };
        assert_eq!((left.iter().filter(is_sightings).count(), holds("192.0.2.7")), (0, 0));
        assert!(left.iter().all(|(path, _)| path.extension().is_none_or(|end| end != "parquet")));
    }
}
