//! `noroshi hunt`: looks through records that sensors kept, for what is known only now.
//!
//! Exit status, of every verb: 0 done; 1 done in part, or refused by what was asked (files that cannot be read, a question
//! that takes too long, a platform that does not take an entry); 2 not begun (usage, a list or a question that is none);
//! 3 stopped (a file or the disk failed).

mod act;
pub mod api;
#[cfg(feature = "sql")]
mod ask;
mod book;
mod built_in;
mod follow;
pub(super) mod keep;
mod read;
mod run;
mod submit;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use noroshi_evidence::mechanical::MeasureId;
use noroshi_hunt::communication::{Looked, Problem, Scope};
use noroshi_hunt::record::{Ending, NoReason, Why};
use noroshi_hunt::shelf::{self, ListRecords, Stored};
use serde_json::{Value, json};

use super::cli::usage;
use crate::cli::{Ended, Failed, Format, tell};

/// Problems of files that are named one by one; the rest is counted.
const SHOWN_MAX: usize = 20;

/// Verbs.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Look through stored records for the selectors of a list, in one scan.
    Run(run::Run),
    /// Ask stored records a question in SQL: one SELECT over the table `records`.
    #[cfg(feature = "sql")]
    Sql(ask::Ask),
    /// Find addresses that call others by the clock. An indication, not a verdict.
    Beacons(built_in::Beacons),
    /// Find destinations that nobody called before. An indication, not a verdict.
    FirstSeen(built_in::FirstSeen),
    /// Look through stored records for what was added to a list, each time it changes.
    Follow(follow::Follow),
    /// Hand the record of hunts of a folder in at the platform.
    Submit(submit::Submit),
}

/// Whose records, and where it is written down that they were looked through.
#[derive(Debug, Clone, clap::Args)]
pub struct Where {
    /// The record of hunts; `DIR/hunts.jsonl` where nothing is said.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// The name of the sensor, where the folder does not say it.
    #[arg(long, value_name = "NAME")]
    sensor: Option<String>,
    /// The folder of a sensor, or one that holds those of several.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl Where {
    fn files(&self) -> Result<Vec<Stored>, Failed> {
        shelf::list(&self.dir).map_err(|problem| match problem {
            ListRecords::Io(what, source) => Failed::Io { what, source },
            problem @ ListRecords::TooMany => coded(&problem),
        })
    }
}

/// What for.
#[derive(Debug, Clone, clap::Args)]
pub struct Reason {
    /// What the hunt is for, in words.
    #[arg(long, value_name = "TEXT", requires = "case")]
    purpose: Option<String>,
    /// The case it belongs to.
    #[arg(long, value_name = "ID", requires = "purpose")]
    case: Option<String>,
}

impl Reason {
    fn why(&self) -> Result<Option<Why>, Failed> {
        let named = self.purpose.as_ref().zip(self.case.as_ref());
        named.map(|(purpose, case)| why(purpose, case)).transpose()
    }
}

fn why(purpose: &str, case: &str) -> Result<Why, Failed> {
    Why::new(purpose, case).map_err(|problem: NoReason| coded(&problem))
}

/// The records of a measure, or those of one's own network.
fn scope(measure: Option<&MeasureId>) -> Scope {
    measure.cloned().map_or(Scope::OwnNetwork, Scope::Measure)
}

/// Runs a verb.
pub fn run(verb: Verb, format: Format) -> Ended {
    match verb {
        Verb::Run(asked) => run::run(&asked, format),
        #[cfg(feature = "sql")]
        Verb::Sql(asked) => ask::run(&asked, format),
        Verb::Beacons(asked) => built_in::beacons(&asked, format),
        Verb::FirstSeen(asked) => built_in::first_seen(&asked, format),
        Verb::Follow(asked) => follow::run(&asked, format),
        Verb::Submit(asked) => submit::run(&asked, format),
    }
}

/// What a hunt refuses, in the words of its own error, which begin with the code.
fn coded(problem: &dyn std::error::Error) -> Failed {
    let words = problem.to_string();
    let (code, plain) = words.split_once(": ").unwrap_or(("", &words));
    usage(code_of(code), plain)
}

/// The codes that are said on the command line.
const CODES: [&str; 19] = [
    "NRS-HUNT-0002",
    "NRS-HUNT-0003",
    "NRS-HUNT-0004",
    "NRS-HUNT-0005",
    "NRS-HUNT-0006",
    "NRS-HUNT-0007",
    "NRS-HUNT-0008",
    "NRS-HUNT-0009",
    "NRS-HUNT-0010",
    "NRS-HUNT-0012",
    "NRS-HUNT-0101",
    "NRS-HUNT-0102",
    "NRS-HUNT-0201",
    "NRS-HUNT-0202",
    "NRS-HUNT-0203",
    "NRS-HUNT-0204",
    "NRS-HUNT-0205",
    "NRS-HUNT-0206",
    "NRS-HUNT-0207",
];

fn code_of(code: &str) -> &'static str {
    CODES.into_iter().find(|known| *known == code).unwrap_or("NRS-HUNT-0001")
}

/// Names files that could not be read, and says how the hunt ended for them.
fn name_problems(problems: &[Problem]) -> (Ending, Option<String>) {
    for problem in problems.iter().take(SHOWN_MAX) {
        tell(&format!("{}: {}", problem.file, problem.reason));
    }
    if problems.len() > SHOWN_MAX {
        tell(&format!("{} more files could not be read", problems.len() - SHOWN_MAX));
    }
    match problems.first() {
        None => (Ending::Complete, None),
        Some(problem) => (Ending::Partly, Some(problem.reason.code().to_owned())),
    }
}

fn looked_json(looked: &Looked) -> Value {
    json!({
        "files": looked.files, "unreadable_files": looked.unreadable_files, "rows": looked.rows,
        "communications": looked.communications, "repeated": looked.repeated, "beside": looked.beside, "over": looked.over,
        "unreadable": looked.unreadable, "ahead": looked.ahead,
    })
}

/// A time on the command line.
fn read_time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "not a time like 2026-11-23T00:00:00Z".to_owned())
}

/// A measure on the command line.
fn read_measure(text: &str) -> Result<MeasureId, String> {
    text.parse()
        .map_err(|problem: noroshi_evidence::mechanical::ParseIdentifier| problem.to_string())
}

fn house(problem: serde_json::Error) -> Failed {
    Failed::House(Box::new(problem))
}

/// The folder in which what hunts found lies until it is handed in.
fn results(dir: &Path) -> PathBuf {
    dir.join("hunts")
}
