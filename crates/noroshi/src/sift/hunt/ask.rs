//! `noroshi hunt sql`: one question over the table of records, written down with purpose and case before it is asked.

use std::process::ExitCode;
use std::time::Duration;

use noroshi_evidence::mechanical::MeasureId;
use noroshi_hunt::record::{Ending, Hunt, Outcome, QUESTION_BYTES_MAX};
use noroshi_hunt::sql::{Answer, Limits, NoAnswer, ask};
use noroshi_sift::digest::Digest;
use serde_json::{Value, json};

use super::super::cli::usage;
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
    #[command(flatten)]
    place: Where,
    /// The question: a SELECT over the table `records`.
    #[arg(value_name = "QUERY")]
    question: String,
}

/// Runs the verb.
pub(super) fn run(asked: &Ask, format: Format) -> Ended {
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
            let code = Some(problem.code().to_owned());
            book.end(Outcome {
                of: number,
                ending,
                code,
                results: 0,
                results_digest: Digest::of(b""),
                tally: None,
                looked: None,
                seen: None,
            })?;
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
