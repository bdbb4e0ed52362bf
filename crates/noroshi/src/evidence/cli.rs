//! The verbs of this pillar.

use crate::cli::{Ended, Format};

/// Verbs.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {}

/// Runs a verb.
pub async fn run(verb: Verb, _format: Format) -> Ended {
    match verb {}
}
