//! `noroshi influence`: the detectors at the command line, over files of public posts and lists of names.
//!
//! What is written is behaviour with its figures: who shared what together, which texts are copies, which names imitate
//! others. No verb says what is true, what somebody thinks, or who stands behind it.

mod coordination;
mod copies;
mod lookalike;
mod output;
mod table;

use std::process::ExitCode;

use crate::cli::{Ended, Format};

/// Verbs.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Find accounts that share the same objects close in time, more often than their activity explains.
    Coordination(coordination::Coordination),
    /// Find posts that say the same, letter by letter, nearly, or written so that it is not found.
    Copies(copies::CopiesOf),
    /// Find names that imitate protected ones in a list or stream of names, or generate such names.
    Lookalike(lookalike::Lookalike),
}

/// Runs a verb.
pub fn run(verb: Verb, format: Format) -> Ended {
    match verb {
        Verb::Coordination(asked) => coordination::run(&asked, format),
        Verb::Copies(asked) => copies::run(&asked, format),
        Verb::Lookalike(asked) => lookalike::run(&asked, format),
    }
}

/// 1 where rows or lines were put aside, so that a script notices.
fn status(put_aside: u64) -> ExitCode {
    if put_aside > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS }
}
