//! `noroshi stix pattern`: read a pattern, and try it on observations.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use noroshi_evidence::pattern::fault::{Fault, Wrong};
use noroshi_evidence::pattern::matcher::PatternSet;
use noroshi_evidence::pattern::observed::Observations;
use noroshi_evidence::pattern::parse::parse;
use noroshi_evidence::pattern::syntax::Pattern;
use serde_json::{Value, json};

use crate::cli::{Ended, Failed, Format, print, tell};
use crate::config::terminal_lang;
use crate::web::locale::Words;

/// Largest file of observations, in bytes.
const OBSERVED_BYTES_MAX: u64 = 1 << 30;

/// Verbs.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Read a STIX 2.1 pattern and write it in its canonical form. Status 1 when it is not valid.
    Parse(Parse),
    /// Say whether a pattern matches: `match` or `no-match`. Status 2 when the pattern is not valid.
    Match(Match),
}

/// `noroshi stix pattern parse`.
#[derive(Debug, clap::Args)]
pub struct Parse {
    /// The pattern.
    #[arg(allow_hyphen_values = true)]
    pattern: String,
}

/// `noroshi stix pattern match`.
#[derive(Debug, clap::Args)]
pub struct Match {
    /// The pattern.
    #[arg(allow_hyphen_values = true)]
    pattern: String,
    /// A bundle, or an array of observed-data and the objects they refer to.
    #[arg(value_name = "OBSERVED.json")]
    observed: PathBuf,
}

/// Runs a verb.
pub fn run(verb: &Verb, format: Format) -> Ended {
    match verb {
        Verb::Parse(asked) => Ok(read(&asked.pattern, format)),
        Verb::Match(asked) => try_on(asked, format),
    }
}

fn read(text: &str, format: Format) -> ExitCode {
    match parse(text) {
        Ok(pattern) => {
            let written = pattern.to_string();
            print(&if format == Format::Json { summary(&pattern).to_string() } else { written });
            ExitCode::SUCCESS
        }
        Err(fault) => {
            say(&fault, text, format);
            ExitCode::from(1)
        }
    }
}

fn summary(pattern: &Pattern) -> Value {
    let paths: Vec<String> = pattern.paths().into_iter().map(ToString::to_string).collect();
    json!({
        "valid": true,
        "pattern": pattern.to_string(),
        "comparisons": pattern.tests().len(),
        "paths": paths,
    })
}

/// A fault, with a picture of the place for people.
fn say(fault: &Fault, text: &str, format: Format) {
    let code = fault.code();
    if format == Format::Json {
        let (found, expected) = match &fault.wrong {
            Wrong::Unexpected { found, expected } => (json!(found), json!(expected)),
            _ => (Value::Null, json!([])),
        };
        print(
            &json!({
                "valid": false,
                "error": {
                    "code": code,
                    "message": fault.to_string(),
                    "start": fault.span.start,
                    "end": fault.span.end,
                    "found": found,
                    "expected": expected,
                },
            })
            .to_string(),
        );
        return;
    }
    tell(&format!("{code}: {fault}\n{}\n{}", fault.picture(text), next_step(code)));
}

fn try_on(asked: &Match, format: Format) -> Ended {
    let mut set = PatternSet::default();
    if let Err(fault) = set.add(&asked.pattern) {
        say(&fault, &asked.pattern, format);
        return Ok(ExitCode::from(2));
    }
    let observations = observed(&asked.observed)?;
    let outcome = set.run(&observations).pop().unwrap_or(Ok(None));
    let found = outcome.map_err(|unusable| wrong(unusable.code(), &unusable))?;
    let word = if found.is_some() { "match" } else { "no-match" };
    if format == Format::Json {
        let bound = found.map(|found| found.observed).unwrap_or_default();
        let ids: Vec<&str> =
            bound.into_iter().filter_map(|number| observations.id(number)).collect();
        print(&json!({ "outcome": word, "observed": ids }).to_string());
    } else {
        print(word);
    }
    Ok(ExitCode::SUCCESS)
}

/// What to do about a refusal, for the terminal.
fn next_step(code: &str) -> String {
    Words::new(terminal_lang()).t(format!("{code}-next"))
}

fn wrong(code: &'static str, problem: &dyn std::fmt::Display) -> Failed {
    Failed::Usage { code, message: format!("{problem}. {}", next_step(code)) }
}

fn observed(file: &Path) -> Result<Observations, Failed> {
    let io = |source| Failed::Io { what: file.display().to_string(), source };
    let length = std::fs::metadata(file).map_err(io)?.len();
    if length > OBSERVED_BYTES_MAX {
        return Err(wrong("NRS-EVID-0233", &format!("`{}` is larger than 1 GiB", file.display())));
    }
    let bytes = std::fs::read(file).map_err(io)?;
    let value = serde_json::from_slice(&bytes).map_err(|problem| {
        wrong("NRS-EVID-0234", &format!("`{}` is not JSON: {problem}", file.display()))
    })?;
    Observations::read(value).map_err(|problem| wrong(problem.code(), &problem))
}
