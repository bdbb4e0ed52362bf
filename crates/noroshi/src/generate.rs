//! Generated documents: printed here, kept under `docs/`, compared by `cargo xtask generate --check`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::cli::Ended;

/// What to print.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Which document.
    #[arg(value_enum)]
    kind: Kind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// The API description.
    Openapi,
    /// The command line.
    Cli,
    /// Every member of the configuration.
    Config,
    /// Every refusal code with its words.
    Errors,
}

/// Prints a document.
pub fn run(arguments: &Arguments) -> Ended {
    let text = match arguments.kind {
        Kind::Openapi => crate::web::api::description().to_pretty_json().unwrap_or_default(),
        Kind::Cli => crate::cli::reference(),
        Kind::Config => String::new(),
        Kind::Errors => String::new(),
    };
    crate::cli::print(&text);
    Ok(ExitCode::SUCCESS)
}
