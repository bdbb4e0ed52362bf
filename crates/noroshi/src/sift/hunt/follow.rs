//! `noroshi hunt follow`: what was added to a list is looked for in the records that were kept before it was.
//!
//! | file below `DIR/hunts` | what |
//! |---|---|
//! | `hunted.index`, `hunted.json` | the list that was hunted last, and the files of records that were looked through for it |
//! | `job/` | a hunt that has not come to its end: what it looks for, in which files, how far it is |
//! | `<n>.hits.jsonl`, `<n>.sightings.json` | what the hunt with the entry `n` found |
//!
//! When the file of the index is another one, only selectors that are not in the list hunted last are looked for in the
//! files looked through then. Files that came since are looked through for the whole list, unless their certificate
//! says that they were selected with this very list. After a kill the job goes on behind the last file that it had
//! finished; what it had found stays found once. The state is moved on only when everything is written, so that a kill at
//! any point repeats a step and loses none.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use noroshi_hunt::record::{Ending, Entry, Outcome, What};
use noroshi_hunt::scan::{Hit, Hunter, Stopped, Tally};
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
use super::run::{hunt_of, keep_sightings, summary};
use super::{Reason, Where, house, results};
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
}

/// A hunt that has not come to its end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Job {
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
}

/// Runs the verb.
pub(super) fn run(asked: &Follow, format: Format) -> Ended {
    let dir = results(&asked.place.dir);
    fs::create_dir_all(&dir).map_err(io(&dir))?;
    let folder = Folder { asked, loaded: RefCell::default(), job: dir.join("job"), dir };
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
        let sightings = self.work(&mut job)?;
        self.end(&job, &sightings, &mut book, &entries).map(Some)
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
        let all = files.iter().map(|file| (file.name.clone(), file.bytes)).collect();
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
        if added.is_empty() && came.is_empty() {
            if hunted.selectors != Some(digest) {
                self.save(&index)?;
            }
            self.state(&Hunted { selectors: Some(digest), files: all })?;
            return Ok(None);
        }
        let has_added = !added.is_empty();
        fs::create_dir_all(&self.job).map_err(io(&self.job))?;
        write_index(&self.job.join("all.index"), &index)?;
        let too_much = |problem| usage("NRS-SIFT-0021", problem);
        let added = SelectorIndex::build(added).map_err(too_much)?;
        write_index(&self.job.join("added.index"), &added)?;
        let number = book.begin(asked.reason.why()?, hunt_of(&index, hunted.selectors))?;
        let names =
            |files: Vec<Stored>| files.into_iter().map(|file| (file.name, file.bytes)).collect();
        let job = Job {
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
        write(&self.job.join("job.json"), text.as_bytes())
    }

    fn state(&self, hunted: &Hunted) -> Result<(), Failed> {
        let text = serde_json::to_string(hunted).map_err(house)?;
        write(&self.dir.join("hunted.json"), text.as_bytes())
    }

    fn save(&self, index: &SelectorIndex) -> Result<(), Failed> {
        write_index(&self.dir.join("hunted.index"), index)
    }

    /// Looks through what is left of the files; what was seen in all of them.
    fn work(&self, job: &mut Job) -> Result<Vec<Sighting>, Failed> {
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
            let path_of_file = self.asked.place.dir.join(&name);
            let stored = Stored { name: name.clone(), path: path_of_file, bytes };
            let Some(hunter) = hunters.get_mut(which) else { continue };
            let mut lines = Vec::new();
            let done = hunter.file(&stored, &mut |hit| {
                lines.extend(serde_json_canonicalizer::to_vec(hit)?);
                lines.push(b'\n');
                Ok(())
            });
            if let Err(Stopped::File(reason)) = done {
                job.unreadable.push((name, reason.code().to_owned()));
            }
            sink.write_all(&lines).and_then(|()| sink.sync_data()).map_err(io(&path))?;
            job.done += 1;
            job.hits_bytes += lines.len() as u64;
            if let Some(tally) = job.tally.get_mut(which) {
                *tally = hunter.tally();
            }
            self.save_job(job)?;
        }
        let sightings = hunters.into_iter().flat_map(|hunter| hunter.finish().1);
        Ok(merged(sightings))
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
        let hits: Vec<Hit> =
            lines.map(serde_json::from_slice).collect::<Result<_, _>>().map_err(|_| damaged())?;
        for (which, (hunter, files)) in hunters.iter_mut().zip([&job.old, &job.new]).enumerate() {
            let of = |hit: &&Hit| files.iter().any(|(name, _)| *name == hit.file);
            let tally = job.tally.get(which).copied().unwrap_or_default();
            hunter.resume(tally, hits.iter().filter(of)).map_err(|_| damaged())?;
        }
        Ok(())
    }

    /// Writes what was found, says so in the record, and moves the state on; each step may be a repetition.
    fn end(
        &self,
        job: &Job,
        sightings: &[Sighting],
        book: &mut Book,
        entries: &[Entry],
    ) -> Result<(Outcome, Tally), Failed> {
        let hits = self.job.join("hits.jsonl");
        let text = fs::read(&hits).map_err(io(&hits))?;
        write(&self.dir.join(format!("{}.hits.jsonl", job.number)), &text)?;
        keep_sightings(&self.asked.place.dir, job.number, sightings)?;
        let mut tally = Tally::default();
        job.tally.iter().for_each(|one| tally += *one);
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
        };
        let is_said =
            |entry: &Entry| matches!(&entry.what, What::Ended(ended) if ended.of == job.number);
        if !entries.iter().any(is_said) {
            book.end(outcome.clone())?;
        }
        let all = self.job.join("all.index");
        if fs::exists(&all).map_err(io(&all))? {
            fs::rename(&all, self.dir.join("hunted.index")).map_err(io(&all))?;
        }
        self.state(&Hunted { selectors: Some(job.selectors), files: job.all.clone() })?;
        folder::sync(&self.dir)?;
        remove_folder(&self.job)?;
        Ok((outcome, tally))
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

/// One sighting for each selector. Addresses that were seen in both halves are not told apart, which is said.
fn merged(sightings: impl Iterator<Item = Sighting>) -> Vec<Sighting> {
    let mut all: BTreeMap<_, Sighting> = BTreeMap::new();
    for one in sightings {
        let key = (one.selector_id.clone(), one.selector_version, one.value.clone());
        match all.get_mut(&key) {
            None => drop(all.insert(key, one)),
            Some(known) => {
                known.first_seen = known.first_seen.min(one.first_seen);
                known.last_seen = known.last_seen.max(one.last_seen);
                known.count += one.count;
                known.own_addresses = known.own_addresses.max(one.own_addresses);
                known.remote_addresses = known.remote_addresses.max(one.remote_addresses);
                known.more_addresses = true;
            }
        }
    }
    all.into_values().collect()
}

/// What a hunt saw that had not been known.
pub(super) fn sightings(dir: &Path, number: u64) -> Result<Vec<Sighting>, Failed> {
    let path = results(dir).join(format!("{number}.sightings.json"));
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| {
            usage("NRS-SIFT-0023", format!("`{}` is not a list of sightings", path.display()))
        }),
        Err(problem) if problem.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(problem) => Err(io(&path)(problem)),
    }
}
