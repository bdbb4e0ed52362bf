//! `noroshi hunt sql`: one question over the table of records, written down with purpose and case before it is asked.
//!
//! A process that takes more memory than it may is ended by the machine and says nothing any more. So the question is asked
//! by a process of its own, and the one that was called waits: it says what became of it, and writes that into the record.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::ValueEnum as _;
use clap::builder::PossibleValue;
use noroshi_evidence::mechanical::MeasureId;
use noroshi_hunt::record::{Ending, Entry, Hunt, Outcome, QUESTION_BYTES_MAX, What};
use noroshi_hunt::sql::{Answer, Limits, NoAnswer, ask};
use noroshi_sift::digest::Digest;
use serde_json::{Value, json};

use super::super::cli::{io, usage};
use super::super::harden;
use super::book::{self, Book};
use super::{Where, code_of, house, name_problems, read_measure, scope, why};
use crate::cli::{Ended, Failed, Format, print, tell};
use crate::office::clock::Clock;

/// The most rows that can be asked for.
const ROWS_MAX: usize = 1_000_000;
/// The longest time, in seconds.
const SECONDS_MAX: u64 = 3_600;
/// The most memory, in MiB.
const MEMORY_MIB_MAX: usize = 16 << 10;

/// How much the process may take on top of that: the stack of a question, row groups at hand, the answer.
const BESIDE_BYTES: u64 = 2 << 30;

/// This program, also where its file was replaced meanwhile.
const OWN_PROGRAM: &str = "/proc/self/exe";
/// The code of a question whose process was ended.
const ENDED: &str = "NRS-HUNT-0209";

/// `noroshi hunt sql`.
#[derive(Debug, clap::Args)]
pub struct Ask {
    /// What the question is for, in words.
    #[arg(long, value_name = "TEXT")]
    purpose: String,
    /// The case it belongs to.
    #[arg(long, value_name = "ID")]
    case: String,
    /// Ask the records of this measure instead of those of one's own network.
    #[arg(long, value_name = "NAME", value_parser = read_measure)]
    measure: Option<MeasureId>,
    /// Rows of the answer; what goes beyond is cut off, and that is said.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    rows: usize,
    /// Seconds that the answer may take.
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// MiB that sorting, grouping and joining may hold. A process that takes 2 GiB more than that is ended by the machine.
    #[arg(long, value_name = "N", default_value_t = 512)]
    memory: usize,
    /// Ask in this process; the one of this number called it, and says what became of it.
    #[arg(long, hide = true)]
    within: Option<u32>,
    #[command(flatten)]
    place: Where,
    /// The question: a SELECT over the table `records`.
    #[arg(value_name = "QUERY")]
    question: String,
}

impl Ask {
    /// The same question, for the process that asks it.
    fn arguments(&self, format: Format) -> Vec<OsString> {
        let format = format.to_possible_value();
        let format = format.as_ref().map_or("human", PossibleValue::get_name);
        let mut all: Vec<OsString> =
            ["hunt", "sql", "--format", format].map(OsString::from).to_vec();
        // Behind `=`, because what is given may begin with a dash.
        let mut give = |name: &str, value: OsString| {
            let mut argument = OsString::from(format!("--{name}="));
            argument.push(value);
            all.push(argument);
        };
        give("purpose", self.purpose.clone().into());
        give("case", self.case.clone().into());
        give("within", std::process::id().to_string().into());
        for (name, number) in
            [("rows", self.rows as u64), ("seconds", self.seconds), ("memory", self.memory as u64)]
        {
            give(name, number.to_string().into());
        }
        if let Some(measure) = &self.measure {
            give("measure", measure.to_string().into());
        }
        if let Some(record) = &self.place.record {
            give("record", record.clone().into());
        }
        if let Some(sensor) = &self.place.sensor {
            give("sensor", sensor.clone().into());
        }
        all.extend([
            OsString::from("--"),
            self.place.dir.clone().into(),
            self.question.clone().into(),
        ]);
        all
    }
}

/// Runs the verb.
pub(super) fn run(asked: &Ask, format: Format) -> Ended {
    if let Some(parent) = asked.within {
        harden::end_with_parent(parent)?;
        return question(asked, format);
    }
    let before = entries_of(&asked.place)?;
    let status = Command::new(OWN_PROGRAM).args(asked.arguments(format)).status();
    let status = status.map_err(io(OWN_PROGRAM.as_ref()))?;
    match status.code() {
        Some(code) => Ok(ExitCode::from(u8::try_from(code).unwrap_or(3))),
        None => Err(ended(asked, before, status.signal().unwrap_or_default())),
    }
}

/// How many entries a record has: each is a line.
fn entries_of(place: &Where) -> Result<usize, Failed> {
    let path = book::path(place);
    let file = match File::open(&path) {
        Err(problem) if problem.kind() == ErrorKind::NotFound => return Ok(0),
        opened => opened.map_err(io(&path))?,
    };
    let (mut text, mut line, mut entries) = (BufReader::new(file), Vec::new(), 0);
    while text.read_until(b'\n', &mut line).map_err(io(&path))? > 0 {
        // A last line without its end says nothing, and is cut off before anything is written.
        entries += usize::from(line.strip_suffix(b"\n").is_some_and(|line| !line.is_empty()));
        line.clear();
    }
    Ok(entries)
}

/// The process was ended before it could say anything; that is said in its place, and written into the record, which had so
/// many entries before. Where it cannot be written that is said, too.
fn ended(asked: &Ask, before: usize, signal: i32) -> Failed {
    let unwritten = match note_end(asked, before) {
        Ok(()) => String::new(),
        Err(problem) => format!("; the record of hunts does not say so ({problem})"),
    };
    let message = format!(
        "the question was ended by the machine (signal {signal}) before there was an answer, as is a process that takes more \
         memory than it may; group, sort or join less, or allow more with --memory{unwritten}"
    );
    Failed::Found { code: ENDED, message }
}

fn note_end(asked: &Ask, before: usize) -> Result<(), Failed> {
    let (mut book, entries) = Book::open(&asked.place)?;
    if let Some(of) = open_question(entries.get(before..).unwrap_or_default(), asked) {
        book.end(stopped(of, Ending::Stopped, ENDED))?;
    }
    Ok(())
}

/// The number of the last question among entries that has no end, where it is this one.
fn open_question(entries: &[Entry], asked: &Ask) -> Option<u64> {
    let is_asked = |what: &What| matches!(what, What::Begun(Hunt::Question { text, .. }) if *text == asked.question);
    let begun = entries.iter().rfind(|entry| is_asked(&entry.what))?.sequence;
    let is_its_end = |what: &What| matches!(what, What::Ended(outcome) if outcome.of == begun);
    (!entries.iter().any(|entry| is_its_end(&entry.what))).then_some(begun)
}

/// How a question ended to which there is no answer.
fn stopped(of: u64, ending: Ending, code: &str) -> Outcome {
    Outcome {
        of,
        ending,
        code: Some(code.to_owned()),
        results: 0,
        results_digest: Digest::of(b""),
        tally: None,
        looked: None,
        seen: None,
    }
}

/// Asks, within the bounds of this process.
fn question(asked: &Ask, format: Format) -> Ended {
    let why = why(&asked.purpose, &asked.case)?;
    if asked.question.is_empty() || asked.question.len() > QUESTION_BYTES_MAX {
        return Err(usage(
            "NRS-HUNT-0203",
            format!("the question is not 1 to {QUESTION_BYTES_MAX} bytes"),
        ));
    }
    let limits = Limits {
        rows_max: asked.rows.min(ROWS_MAX),
        time_max: Duration::from_secs(asked.seconds.min(SECONDS_MAX)),
        memory_bytes_max: asked.memory.clamp(1, MEMORY_MIB_MAX) << 20,
    };
    harden::no_core_dump()?;
    harden::bound_memory(limits.memory_bytes_max as u64 + BESIDE_BYTES)?;
    let files = asked.place.files()?;
    let scope = scope(asked.measure.as_ref());
    let (mut book, _) = Book::open(&asked.place)?;
    let question = Hunt::Question { text: asked.question.clone(), scope: scope.clone() };
    let number = book.begin(Some(why), question)?;
    match ask(files, scope, Clock.now(), &asked.question, limits) {
        Ok(answer) => {
            let (ending, code) = ending(&answer);
            let results_digest = digest(&answer)?;
            let results = answer.rows.len() as u64;
            book.end(Outcome {
                of: number,
                ending,
                code,
                results,
                results_digest,
                tally: None,
                looked: None,
                seen: None,
            })?;
            report(&answer, number, format);
            Ok(ExitCode::from(u8::from(!answer.problems.is_empty())))
        }
        Err(problem) => {
            let is_refused = matches!(problem, NoAnswer::Refused(_) | NoAnswer::Senseless(_));
            let ending = if is_refused { Ending::Refused } else { Ending::Stopped };
            book.end(stopped(number, ending, problem.code()))?;
            Err(failed(&problem, is_refused))
        }
    }
}

fn failed(problem: &NoAnswer, is_usage: bool) -> Failed {
    let words = problem.to_string();
    let code = code_of(problem.code());
    let message = words.strip_prefix(&format!("{code}: ")).unwrap_or(&words).to_owned();
    if is_usage { Failed::Usage { code, message } } else { Failed::Found { code, message } }
}

fn ending(answer: &Answer) -> (Ending, Option<String>) {
    match name_problems(&answer.problems) {
        (Ending::Complete, _) if answer.cut => (Ending::Cut, Some("NRS-HUNT-0208".to_owned())),
        other => other,
    }
}

/// Over the rows as lines of JSON.
fn digest(answer: &Answer) -> Result<Digest, Failed> {
    let mut text = Vec::new();
    for row in &answer.rows {
        text.extend(serde_json_canonicalizer::to_vec(row).map_err(house)?);
        text.push(b'\n');
    }
    Ok(Digest::of(&text))
}

fn report(answer: &Answer, number: u64, format: Format) {
    if format == Format::Json {
        let all = json!({
            "entry": number, "columns": answer.columns, "rows": answer.rows, "cut": answer.cut, "read": answer.read,
            "groups_pruned": answer.groups_pruned, "unreadable_files": answer.problems.len(),
        });
        print(&all.to_string());
        return;
    }
    print(&answer.columns.join("\t"));
    for row in &answer.rows {
        let cells: Vec<String> = row.iter().map(cell).collect();
        print(&cells.join("\t"));
    }
    if answer.cut {
        tell(&format!(
            "cut off after {} rows (NRS-HUNT-0208); ask for more with --rows",
            answer.rows.len()
        ));
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.replace(['\t', '\n', '\r'], " "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn asked(dir: &tempfile::TempDir) -> Ask {
        Ask {
            purpose: "exercise".to_owned(),
            case: "case-7".to_owned(),
            measure: None,
            rows: 1,
            seconds: 1,
            memory: 1,
            within: None,
            place: Where { record: None, sensor: None, dir: dir.path().to_owned() },
            question: "SELECT 1 FROM records".to_owned(),
        }
    }

    fn begin(asked: &Ask) -> u64 {
        let question = Hunt::Question { text: asked.question.clone(), scope: scope(None) };
        let why = why(&asked.purpose, &asked.case).unwrap();
        Book::open(&asked.place).unwrap().0.begin(Some(why), question).unwrap()
    }

    /// The entries whose end stands in the record.
    fn ends(asked: &Ask) -> Vec<u64> {
        let (_, entries) = Book::open(&asked.place).unwrap();
        let of = |entry: &Entry| match &entry.what {
            What::Ended(outcome) => Some(outcome.of),
            What::Begun(_) => None,
        };
        entries.iter().filter_map(of).collect()
    }

    #[test]
    fn what_became_of_a_question_is_said_also_where_it_cannot_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let asked = asked(&dir);
        begin(&asked);
        let held = Book::open(&asked.place).unwrap();
        let told = ended(&asked, 0, 9);
        let Failed::Found { code: ENDED, message } = told else { panic!("{told:?}") };
        assert!(message.contains("signal 9") && message.contains("NRS-HUNT-0007"), "{message}");
        drop(held);
        assert_eq!(ends(&asked), [0_u64; 0]);
        std::fs::write(dir.path().join(book::OWN), "none\n").unwrap();
        assert!(matches!(ended(&asked, 0, 9), Failed::Found { code: ENDED, .. }));
    }

    #[test]
    fn an_older_question_of_the_same_words_is_not_ended_by_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let asked = asked(&dir);
        assert_eq!(entries_of(&asked.place).unwrap(), 0);
        assert_eq!(begin(&asked), 0);
        let before = entries_of(&asked.place).unwrap();
        // Ended before it stood there that it had begun.
        ended(&asked, before, 9);
        assert_eq!((before, ends(&asked)), (1, vec![]));
        // A line that was not finished is none.
        let path = dir.path().join(book::OWN);
        let mut record = File::options().append(true).open(path).unwrap();
        record.write_all(b"{").unwrap();
        assert_eq!(entries_of(&asked.place).unwrap(), before);
        let number = begin(&asked);
        ended(&asked, before, 9);
        assert_eq!(ends(&asked), [number]);
    }
}
