//! The operators' actuator gateways of the story: real processes of this very program, one an operator.
//!
//! Where the machine allows it (root, `ip` and `nft`), each gateway works on a network name space made for the story,
//! so that a real packet filter is written and nothing of the machine's own network is touched. Elsewhere the packet
//! filter's batch is only shown; the response-policy zone is a real file in either case.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::{Broken, text_of};
use super::story::write;
use super::telemetry::{NAMES, SERVER};
use crate::office::secret::Secret;

/// How long a gateway may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// One gateway of the story.
struct Gateway {
    name: &'static str,
    place: PathBuf,
    port: u16,
    netns: Option<String>,
    child: Option<Child>,
}

/// All gateways of the story.
pub(super) struct Gateways {
    program: PathBuf,
    all: Vec<Gateway>,
}

impl Gateways {
    /// Writes each gateway's configuration, and the actuators into the office's.
    pub(super) fn prepare(
        dir: &Path,
        program: &Path,
        orgs: &[(&'static str, &str)],
        commission_key: &Value,
        vkey: &str,
    ) -> Result<Self, Broken> {
        let mut all = Vec::new();
        let mut office = String::new();
        for (name, org) in orgs {
            let place = dir.join("operators").join(name);
            let port = free_port()?;
            let token = Secret::fresh("nrs_gateway_");
            write(&place.join("token"), token.reveal().as_bytes())?;
            let netns = make_netns(name);
            let text =
                gateway_config(&place, name, org, port, netns.as_deref(), commission_key, vkey);
            write(&place.join("gateway.toml"), text.as_bytes())?;
            // Writing to a string cannot fail.
            let _ok = write!(
                office,
                "[[actuators]]\nname = \"{name}\"\norg = \"{org}\"\n\
                 url = \"http://127.0.0.1:{port}/.well-known/openc2\"\ntoken_file = {:?}\n\n",
                place.join("token").display().to_string()
            );
            all.push(Gateway { name, place, port, netns, child: None });
        }
        write(&dir.join("noroshi.toml"), office.as_bytes())?;
        Ok(Self { program: program.to_owned(), all })
    }

    /// Starts every gateway and waits until it listens.
    pub(super) fn start(&mut self) -> Result<(), Broken> {
        for gateway in &mut self.all {
            let failed =
                |source| Broken::Io { what: format!("the gateway `{}`", gateway.name), source };
            let child = Command::new(&self.program)
                .args(["gateway", "serve", "--config"])
                .arg(gateway.place.join("gateway.toml"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .map_err(failed)?;
            gateway.child = Some(child);
            wait_for(gateway.port)?;
        }
        Ok(())
    }

    /// Reads back what the devices hold now; gives where it was found.
    pub(super) fn show_blocked(&self) -> Result<String, Broken> {
        let mut found = Vec::new();
        for gateway in &self.all {
            let zone = gateway.zone()?;
            if !NAMES.iter().all(|name| zone.contains(name)) {
                return Err(Broken::Unlike(format!(
                    "the zone of `{}` does not hold the names: {zone}",
                    gateway.name
                )));
            }
            match gateway.nft_set()? {
                Some(set) if set.contains(SERVER) => {
                    found.push(format!("{}: nftables + RPZ", gateway.name))
                }
                Some(set) => {
                    return Err(Broken::Unlike(format!("the set of `{}`: {set}", gateway.name)));
                }
                None => found.push(format!("{}: RPZ", gateway.name)),
            }
        }
        Ok(found.join(", "))
    }

    /// Reads back that the devices are open again.
    pub(super) fn check_open(&self) -> Result<(), Broken> {
        for gateway in &self.all {
            let zone = gateway.zone()?;
            let held = gateway.nft_set()?.is_some_and(|set| set.contains(SERVER));
            if held || NAMES.iter().any(|name| zone.contains(name)) {
                return Err(Broken::Unlike(format!(
                    "`{}` still blocks after the end",
                    gateway.name
                )));
            }
        }
        Ok(())
    }

    /// Ends every gateway and takes its name space away.
    pub(super) fn stop(self) {
        drop(self);
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(child) = self.child.as_mut() {
            let ended = child.kill().and_then(|()| child.wait());
            if let Err(problem) = ended {
                tracing::warn!(%problem, gateway = self.name, "the gateway did not end");
            }
        }
        if let Some(netns) = &self.netns {
            let removed = Command::new("ip").args(["netns", "delete", netns]).status();
            if let Err(problem) = removed {
                tracing::warn!(%problem, netns, "the name space was not removed");
            }
        }
    }
}

impl Gateway {
    fn zone(&self) -> Result<String, Broken> {
        let path = self.place.join("rpz.zone");
        match std::fs::read_to_string(&path) {
            Ok(zone) => Ok(zone),
            Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(source) => Err(Broken::Io { what: path.display().to_string(), source }),
        }
    }

    /// The packet filter's whole rule set, as the kernel has it; `None` where there is no name space.
    fn nft_set(&self) -> Result<Option<String>, Broken> {
        let Some(netns) = &self.netns else { return Ok(None) };
        let output = Command::new("ip")
            .args(["netns", "exec", netns, "nft", "list", "ruleset"])
            .output()
            .map_err(|source| Broken::Io { what: "nft".to_owned(), source })?;
        Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
    }
}

fn gateway_config(
    place: &Path,
    name: &str,
    org: &str,
    port: u16,
    netns: Option<&str>,
    commission_key: &Value,
    vkey: &str,
) -> String {
    let path = |file: &str| format!("{:?}", place.join(file).display().to_string());
    let mut text = format!(
        "name = \"{name}\"\norg = \"{org}\"\nlisten = \"127.0.0.1:{port}\"\ntoken_file = {}\nstate_dir = {}\n\
         commission_key = \"{}\"\nlog_vkey = \"{vkey}\"\n\n[rpz]\nzone = \"rpz.operator.example\"\nfile = {}\n",
        path("token"),
        path("state"),
        text_of(commission_key, "/key"),
        path("rpz.zone"),
    );
    if let Some(netns) = netns {
        // Writing to a string cannot fail.
        let _ok = write!(text, "\n[nft]\nnetns = \"{netns}\"\n");
    }
    text
}

/// A network name space for one gateway, where the machine allows it.
fn make_netns(name: &str) -> Option<String> {
    let netns = format!("noroshi-{}-{name}", std::process::id());
    let quiet = |command: &mut Command| {
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if !quiet(Command::new("ip").args(["netns", "add", &netns])) {
        return None;
    }
    if quiet(Command::new("ip").args(["netns", "exec", &netns, "nft", "list", "ruleset"])) {
        return Some(netns);
    }
    quiet(Command::new("ip").args(["netns", "delete", &netns]));
    None
}

fn free_port() -> Result<u16, Broken> {
    let failed = |source| Broken::Io { what: "a free port".to_owned(), source };
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?;
    Ok(listener.local_addr().map_err(failed)?.port())
}

#[expect(clippy::disallowed_methods, reason = "bounds a wait; decides nothing")]
fn wait_for(port: u16) -> Result<(), Broken> {
    let start = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        if start.elapsed() > PATIENCE {
            return Err(Broken::Unlike("a gateway does not listen".to_owned()));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
