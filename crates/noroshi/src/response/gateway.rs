//! An operator's actuator gateway: a process of its own, on the operator's side, that believes nobody's word.
//!
//! Before each effect it checks by itself that the commission signed exactly this command for exactly this actuator,
//! that the decision stands in the log, that the window is open and that its own guard lets the target pass. It can
//! deny, look and take back, on its own network; it has no order that reaches anywhere else. Devices end every effect
//! on their own; this program only makes sure.

mod device;
mod server;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use noroshi_charter::guard::Guard;
use serde::Deserialize;

use crate::cli::{Ended, Failed, Format};

pub(super) use server::CARRIED;

/// Verbs.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Serve the gateway until it is stopped.
    Serve {
        /// The gateway's configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Check everything, print what would be given to the devices, change nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

/// A gateway's configuration. Unknown members are refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the actuator, as consents and plans have it.
    pub name: String,
    /// Identifier of the organisation whose network this is.
    pub org: String,
    /// Address to listen on.
    pub listen: SocketAddr,
    /// File with the bearer secret that the office shows.
    pub token_file: PathBuf,
    /// Folder for what is in force. A file `stop` in it ends every effect and refuses new ones.
    pub state_dir: PathBuf,
    /// Public key of the commission, as `GET /api/v1/commission/key` gives it.
    pub commission_key: String,
    /// Verifier key of the office's log.
    pub log_vkey: String,
    /// What is never blocked here, whoever asks.
    #[serde(default = "guard")]
    pub guard: Guard,
    /// The response-policy zone, where there is one.
    pub rpz: Option<Rpz>,
    /// The packet filter, where there is one.
    pub nft: Option<Nft>,
}

/// Bounds that suit operators and exercises: documentation space belongs to nobody, so blocking it harms nobody.
pub fn guard() -> Guard {
    Guard { allow_documentation_space: true, ..Guard::default() }
}

/// A response-policy zone in a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rpz {
    /// Name of the zone.
    pub zone: String,
    /// The zone file; written anew as a whole.
    pub file: PathBuf,
    /// Program and arguments that make the resolver read it again.
    #[serde(default)]
    pub reload: Vec<String>,
}

/// nftables, here or in a network name space.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nft {
    /// Network name space to work in.
    #[serde(default)]
    pub netns: Option<String>,
    /// Name of the table; everything in it belongs to this gateway.
    #[serde(default = "table")]
    pub table: String,
    /// The program.
    #[serde(default = "binary")]
    pub binary: PathBuf,
}

fn table() -> String {
    "noroshi".to_owned()
}

fn binary() -> PathBuf {
    PathBuf::from("nft")
}

/// Runs a verb.
pub async fn run(verb: Verb, format: Format) -> Ended {
    let Verb::Serve { config, dry_run } = verb;
    let text = std::fs::read_to_string(&config)
        .map_err(|source| Failed::Io { what: config.display().to_string(), source })?;
    let parsed: Config = toml::from_str(&text).map_err(|problem| Failed::Usage {
        code: "NRS-GATE-0001",
        message: format!("`{}` has a mistake:\n{problem}", config.display()),
    })?;
    server::serve(parsed, dry_run, format).await?;
    Ok(ExitCode::SUCCESS)
}

/// Reads a canonical target again without judging it anew: what is in force was judged when it began.
fn guard_free() -> Guard {
    Guard {
        max_prefix_v4: 1,
        max_prefix_v6: 1,
        protected_domains: std::collections::BTreeSet::new(),
        ..guard()
    }
}
