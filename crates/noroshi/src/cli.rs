//! The command line: `noroshi <pillar> <verb>`. Data on standard output, words on standard error.
//!
//! Exit status: 0 done, 1 the work found something wrong, 2 usage or configuration, 3 the house failed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{Config, ConfigFailure};
use crate::house::{House, OpenFailure};

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people at a terminal; colour where it is one and `NO_COLOR` is not set.
    #[default]
    Human,
    /// For screen readers and files: no colour, no drawing.
    Plain,
    /// For programs: one JSON document.
    Json,
}

/// Noroshi: from reports and telemetry to lawful joint action, with proof.
#[derive(Debug, Parser)]
#[command(name = "noroshi", version, arg_required_else_help = true)]
struct Cli {
    /// How answers are printed.
    #[arg(long, global = true, value_enum, default_value_t)]
    format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the office: web pages, API, TAXII and the log.
    Serve(Serve),
    /// Play the whole story with fictional data, checked step by step.
    Demo(crate::demo::Arguments),
    /// Select mechanical information from telemetry.
    #[command(subcommand)]
    Sift(crate::sift::cli::Verb),
    /// Bring STIX objects in and out of a data folder.
    #[command(subcommand)]
    Stix(crate::evidence::cli::Verb),
    /// Find the machinery of influence operations in public posts and names: coordination, copies, lookalikes.
    #[command(subcommand)]
    Influence(crate::influence::cli::Verb),
    /// Convert MISP events to STIX and back, and follow MISP feeds.
    #[command(subcommand)]
    Misp(crate::evidence::misp::Verb),
    /// Read from and hand to a TAXII 2.1 server.
    #[command(subcommand)]
    Taxii(crate::share::peer::cli::Verb),
    /// An operator's actuator gateway: carries out approved measures on its own network.
    #[command(subcommand)]
    Gateway(crate::response::gateway::Verb),
    /// Print generated documents (for `cargo xtask generate`).
    #[command(hide = true)]
    Generate(crate::generate::Arguments),
}

#[derive(Debug, Args)]
struct Serve {
    /// The data folder; made when it does not exist.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Runs the program.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    init_logging();
    let format = cli.format;
    let done = match cli.command {
        Command::Serve(serve) => block_on(crate::cli::serve(serve, format)),
        Command::Demo(arguments) => block_on(crate::demo::run(arguments, format)),
        Command::Sift(verb) => crate::sift::cli::run(verb, format),
        Command::Stix(verb) => block_on(crate::evidence::cli::run(verb, format)),
        Command::Influence(verb) => crate::influence::cli::run(verb, format),
        Command::Misp(verb) => block_on(crate::evidence::misp::run(verb, format)),
        Command::Taxii(verb) => block_on(crate::share::peer::cli::run(verb, format)),
        Command::Gateway(verb) => block_on(crate::response::gateway::run(verb, format)),
        Command::Generate(arguments) => crate::generate::run(&arguments),
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            report(format, &failure);
            failure.status()
        }
    }
}

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The configuration cannot be used.
    #[error("the configuration cannot be used")]
    Config(#[from] ConfigFailure),
    /// The data folder cannot be opened.
    #[error("the data folder cannot be opened")]
    Open(#[from] OpenFailure),
    /// The command line asks for something that cannot be.
    #[error("{code}: {message}")]
    Usage {
        /// Stable code.
        code: &'static str,
        /// What is wrong and what to do.
        message: String,
    },
    /// Reading or writing failed.
    #[error("`{what}` cannot be used")]
    Io {
        /// The file or address.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// The work found something wrong.
    #[error("{code}: {message}")]
    Found {
        /// Stable code.
        code: &'static str,
        /// What was found.
        message: String,
    },
    /// Anything else that the house could not do.
    #[error("the house failed")]
    House(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Failed {
    fn status(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Found { .. } => 1,
            Self::Config(_) | Self::Usage { .. } => 2,
            Self::Open(_) | Self::Io { .. } | Self::House(_) => 3,
        })
    }
}

/// What a command gives.
pub type Ended = Result<ExitCode, Failed>;

fn block_on(work: impl Future<Output = Ended>) -> Ended {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Failed::Io { what: "the async runtime".to_owned(), source })?;
    runtime.block_on(work)
}

#[expect(
    clippy::print_stderr,
    reason = "the one place that tells a person at the terminal what failed"
)]
fn report(format: Format, failure: &Failed) {
    let chain = crate::web::refusal::chain(failure);
    match format {
        Format::Json => eprintln!("{}", serde_json::json!({ "error": chain })),
        Format::Human | Format::Plain => eprintln!("noroshi: {chain}"),
    }
}

/// Prints data for a caller. A reader that has seen enough (`head`) is no failure.
pub fn print(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(problem) if problem.kind() == std::io::ErrorKind::BrokenPipe => {}
        Err(problem) => tracing::error!(%problem, "standard output could not be written"),
    }
}

/// Tells a person at the terminal something.
#[expect(clippy::print_stderr, reason = "the one place that writes words to standard error")]
pub fn tell(text: &str) {
    eprintln!("{text}");
}

fn init_logging() {
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::INFO)
        .with_target(false)
        .with_ansi(false)
        .try_init();
    // A second initialisation only happens inside tests; the first one stays.
    drop(subscriber);
}

async fn serve(arguments: Serve, format: Format) -> Ended {
    let config = Config::load(&arguments.data)?;
    let house = House::open(&arguments.data, config, false)?;
    let serving = crate::house::Serving::start(Arc::clone(&house)).await?;
    announce(&house, &serving, format).await?;
    serving.until_signal().await;
    Ok(ExitCode::SUCCESS)
}

async fn announce(
    house: &Arc<House>,
    serving: &crate::house::Serving,
    format: Format,
) -> Result<(), Failed> {
    let setup = crate::office::act::setup_token(house)
        .await
        .map_err(|problem| Failed::House(Box::new(problem)))?;
    let address = match setup {
        Some(token) => format!("{}/setup?token={}", serving.origin(), token.reveal()),
        None => serving.origin().to_owned(),
    };
    match format {
        Format::Json => print(&serde_json::json!({ "url": address }).to_string()),
        Format::Human | Format::Plain => print(&address),
    }
    Ok(())
}

/// The reference of the command line, from the same definitions that parse it.
pub fn reference() -> String {
    use clap::CommandFactory as _;
    let mut text = String::from("# Command line\n");
    describe(&mut Cli::command(), "", &mut text);
    text
}

fn describe(command: &mut clap::Command, parent: &str, text: &mut String) {
    use std::fmt::Write as _;
    let name = format!("{parent}{}", command.get_name());
    let help = command.render_long_help();
    // Writing to a string cannot fail.
    let _ok = write!(text, "\n## `{name}`\n\n```text\n{help}```\n");
    let parent = format!("{name} ");
    for verb in command.get_subcommands_mut().filter(|verb| !verb.is_hide_set()) {
        describe(verb, &parent, text);
    }
}
