//! `noroshi hunt run`: the selectors of a list over stored records.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use ipnet::IpNet;
use noroshi_evidence::mechanical::FIELDS;
use noroshi_hunt::communication::Problem;
use noroshi_hunt::record::{Hunt, Outcome};
use noroshi_hunt::scan::{Counted, Hit, Hunter, Stopped, Tally};
use noroshi_hunt::shelf::Stored;
use noroshi_sift::digest::Digest;
use noroshi_sift::index::SelectorIndex;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::cli::{index_of, io as failed_io, own_networks};
use super::super::ground::Ground;
use super::book::Book;
use super::{Reason, Where, house, keep, name_problems};
use crate::cli::{Ended, Failed, Format, print, tell};
use crate::office::clock::Clock;

/// Hits that are printed; `--out` has all of them.
const PRINTED_MAX: usize = 1_000;

/// `noroshi hunt run`.
#[derive(Debug, clap::Args)]
pub struct Run {
    /// The selectors: an index, a list or a STIX bundle.
    #[arg(long, value_name = "INDEX")]
    selectors: PathBuf,
    /// An increment that lies over the index.
    #[arg(long, value_name = "FILE")]
    increment: Option<PathBuf>,
    /// Where all hits are written, records and all: lines of JSON, or CSV where the name ends in `.csv`. It is yours:
    /// nothing deletes it when the retention of the records is over.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only count the rows with an address that is looked for, and read nothing else of them. As many match at most: what
    /// else selectors ask for is not asked.
    #[arg(long, conflicts_with = "out")]
    count: bool,
    /// A network of one's own, for the figures of sightings; repeat it for each. All of them where none is named.
    #[arg(long = "own-network", value_name = "PREFIX")]
    own_networks: Vec<IpNet>,
    #[command(flatten)]
    reason: Reason,
    #[command(flatten)]
    place: Where,
}

/// Takes in hits: a digest over all, the first to be printed, all to a file.
pub(super) struct Hits {
    digest: Sha256,
    first: Vec<Hit>,
    count: u64,
    sink: Option<(Form, BufWriter<File>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Lines,
    Csv,
}

impl Hits {
    pub(super) fn new(out: Option<&Path>) -> io::Result<Self> {
        let sink = match out {
            None => None,
            Some(path) => {
                let mut file = BufWriter::new(File::create(path)?);
                let is_csv = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"));
                if is_csv {
                    writeln!(file, "file,row,known,{}", FIELDS.join(","))?;
                }
                Some((if is_csv { Form::Csv } else { Form::Lines }, file))
            }
        };
        Ok(Self { digest: Sha256::new(), first: Vec::new(), count: 0, sink })
    }

    pub(super) fn take(&mut self, hit: &Hit) -> io::Result<()> {
        let mut line = serde_json_canonicalizer::to_vec(hit)?;
        line.push(b'\n');
        self.digest.update(&line);
        self.count += 1;
        if self.first.len() < PRINTED_MAX {
            self.first.push(hit.clone());
        }
        match &mut self.sink {
            None => Ok(()),
            Some((Form::Lines, file)) => file.write_all(&line),
            Some((Form::Csv, file)) => writeln!(file, "{}", csv_line(hit)?),
        }
    }

    /// All is on the disk; the digest over the lines.
    pub(super) fn finish(&mut self) -> io::Result<Digest> {
        if let Some((_, file)) = &mut self.sink {
            file.flush()?;
            file.get_ref().sync_all()?;
        }
        Ok(Digest(self.digest.clone().finalize().into()))
    }
}

fn csv_line(hit: &Hit) -> io::Result<String> {
    let record = serde_json::to_value(&hit.record)?;
    let fields = FIELDS.iter().map(|field| match record.get(field) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => quoted(text),
        Some(other) => other.to_string(),
    });
    let fields: Vec<String> = fields.collect();
    Ok(format!("{},{},{},{}", quoted(&hit.file), hit.row, hit.known, fields.join(",")))
}

/// RFC 4180: in quotes where it has to be. A text that a spreadsheet would take for a formula is quoted by a `'`.
fn quoted(text: &str) -> String {
    let text =
        if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

/// What a hunt over files comes to.
pub(super) fn hunt(
    files: &[Stored],
    hunter: &mut Hunter,
    take: &mut dyn FnMut(&Hit) -> io::Result<()>,
) -> io::Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for stored in files {
        match hunter.file(stored, take) {
            Ok(()) => {}
            Err(Stopped::File(reason)) => {
                problems.push(Problem { file: stored.name.clone(), reason })
            }
            Err(Stopped::Sink(problem)) => return Err(problem),
        }
    }
    Ok(problems)
}

/// Runs the verb.
pub(super) fn run(asked: &Run, format: Format) -> Ended {
    let why = asked.reason.why()?;
    let index = Arc::new(index_of(&asked.selectors, asked.increment.as_deref(), None)?);
    let files = asked.place.files()?;
    let (mut book, _) = Book::open(&asked.place)?;
    let number = book.begin(why, hunt_of(&index, None))?;
    if asked.count {
        return count(&index, &files, (book, number), format);
    }
    let no_ground = Ground { mandate: None, prefix_table: None, platform_key: None };
    let own = own_networks(&asked.own_networks, &no_ground);
    let mut hunter = Hunter::new(Arc::clone(&index), Clock.now(), own);
    let out = asked.out.as_deref();
    let failed = |problem| failed_io(out.unwrap_or(Path::new("hits")))(problem);
    let mut hits = Hits::new(out).map_err(failed)?;
    let problems = hunt(&files, &mut hunter, &mut |hit| hits.take(hit)).map_err(failed)?;
    let results_digest = hits.finish().map_err(failed)?;
    let until = hunter.retain_until();
    let (tally, sightings) = hunter.finish();
    let seen = sightings.len();
    let committed = keep::sightings(&book.results(&asked.place.dir)?, number, until, sightings)?;
    let (ending, code) = name_problems(&problems);
    let outcome = Outcome {
        of: number,
        ending,
        code,
        results: tally.hits,
        results_digest,
        tally: Some(tally),
        looked: None,
        seen: Some(committed),
    };
    book.end(outcome)?;
    report(&index, &tally, &hits, (number, seen), format)?;
    Ok(ExitCode::from(u8::from(!problems.is_empty())))
}

/// Counts, and says so in the record.
fn count(
    index: &Arc<SelectorIndex>,
    files: &[Stored],
    (mut book, number): (Book, u64),
    format: Format,
) -> Ended {
    let hunter = Hunter::new(Arc::clone(index), Clock.now(), Vec::new());
    let mut counted = Counted::default();
    let mut problems = Vec::new();
    for stored in files {
        if let Err(reason) = hunter.count(stored, &mut counted) {
            problems.push(Problem { file: stored.name.clone(), reason });
        }
    }
    let (ending, code) = name_problems(&problems);
    let text = serde_json_canonicalizer::to_vec(&counted).map_err(house)?;
    let outcome = Outcome {
        of: number,
        ending,
        code,
        results: counted.may_match,
        results_digest: Digest::of(&text),
        tally: None,
        looked: None,
        seen: None,
    };
    book.end(outcome)?;
    match format {
        Format::Json => print(
            &json!({ "entry": number, "selectors": index.len(), "selectors_digest": index.digest(), "counts": counted })
                .to_string(),
        ),
        Format::Human | Format::Plain => print(&format!(
            "{} of {} rows have an address that is looked for; as many match at most",
            counted.may_match, counted.rows
        )),
    }
    Ok(ExitCode::from(u8::from(!problems.is_empty())))
}

/// What is asked, for the record.
pub(super) fn hunt_of(index: &SelectorIndex, added_to: Option<Digest>) -> Hunt {
    Hunt::Selectors {
        selectors: index.digest(),
        count: index.len() as u64,
        of_addresses: index.of_addresses() as u64,
        added_to,
    }
}

fn report(
    index: &SelectorIndex,
    tally: &Tally,
    hits: &Hits,
    (number, sightings): (u64, usize),
    format: Format,
) -> Result<(), Failed> {
    let other = index.len() - index.of_addresses();
    if format == Format::Json {
        let summary = json!({
            "entry": number, "selectors": index.len(), "selectors_digest": index.digest(),
            "selectors_not_of_addresses": other, "counts": tally, "sightings": sightings,
            "hits": hits.first, "hits_omitted": hits.count - hits.first.len() as u64,
        });
        print(&summary.to_string());
        return Ok(());
    }
    for hit in &hits.first {
        print(&csv_line(hit).map_err(|problem| Failed::House(Box::new(problem)))?);
    }
    if hits.count > hits.first.len() as u64 {
        tell(&format!(
            "{} more hits; --out FILE has all of them",
            hits.count - hits.first.len() as u64
        ));
    }
    tell(&summary(tally));
    if other > 0 {
        tell(&format!(
            "{other} of {} selectors are of names, files or the like: records hold addresses only, so these cannot be found in them",
            index.len()
        ));
    }
    Ok(())
}

/// One line of figures.
pub(super) fn summary(tally: &Tally) -> String {
    let pruned = tally.rows_pruned;
    format!(
        "{} rows in {} files: matched {}, unmatched {}, repeated {}, retention over {}, unreadable {}; left out unread: \
         measure {} (and {} files), retention {}, window {}, addresses {}, dictionary {}; hits {}, of these known {}",
        tally.rows,
        tally.files,
        tally.matched,
        tally.unmatched,
        tally.repeated,
        tally.over,
        tally.unreadable,
        pruned.measure,
        tally.files_pruned,
        pruned.retention,
        pruned.window,
        pruned.address,
        pruned.dictionary,
        tally.hits,
        tally.known,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_taken_for_a_formula_or_a_second_field_is_quoted() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("=1+1", "'=1+1"),
            ("@x,y", "\"'@x,y\""),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
