//! `noroshi hunt sql`: one question over the table of records, written down with purpose and case before it is asked.
//!
//! A process that takes more memory than it may is ended by the machine and says nothing any more. So the question is asked
//! by a process of its own, and the one that was called waits: it says what became of it, and writes that into the record.

use std::ffi::OsString;
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
use super::book::Book;
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
    /// Ask in this process; whoever called it says what became of it.
    #[arg(long, hide = true)]
    within: bool,
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
            ["hunt", "sql", "--within", "--format", format].map(OsString::from).to_vec();
        // Behind `=`, because what is given may begin with a dash.
        let mut give = |name: &str, value: OsString| {
            let mut argument = OsString::from(format!("--{name}="));
            argument.push(value);
            all.push(argument);
        };
        give("purpose", self.purpose.clone().into());
        give("case", self.case.clone().into());
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
    if asked.within {
        harden::end_with_parent()?;
        return question(asked, format);
    }
    let status = Command::new(OWN_PROGRAM).args(asked.arguments(format)).status();
    let status = status.map_err(io(OWN_PROGRAM.as_ref()))?;
    match status.code() {
        Some(code) => Ok(ExitCode::from(u8::try_from(code).unwrap_or(3))),
        None => ended(asked, status.signal().unwrap_or_default()),
    }
}

/// The process was ended before it could say anything; that is said in its place, and written into the record.
fn ended(asked: &Ask, signal: i32) -> Ended {
    let (mut book, entries) = Book::open(&asked.place)?;
    if let Some(of) = open_question(&entries, asked) {
        book.end(stopped(of, Ending::Stopped, ENDED))?;
    }
    let message = format!(
        "the question was ended by the machine (signal {signal}) before there was an answer, as is a process that takes more \
         memory than it may; group, sort or join less, or allow more with --memory"
    );
    Err(Failed::Found { code: ENDED, message })
}

/// The number of the last question of a record that has no end, where it is this one.
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
