//! The devices: what is in force is stated as a whole, given to nftables and the zone file, and read back.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use jiff::Timestamp;
use noroshi_charter::guard::Target;
use noroshi_codec::openc2::Response;
use noroshi_codec::{nft, rpz};
use noroshi_evidence::observable::DomainName;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::{Config, Nft, Rpz};

/// Rules kept, also those that are over; older ones are forgotten first.
const RULES_MAX: usize = 20_000;

/// One rule, made by one command.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    /// The command that made it.
    pub command_id: String,
    /// SHA-256 of that command.
    pub digest: String,
    /// The target, canonical.
    pub target: String,
    /// Since when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Whether it was taken back.
    pub taken_back: bool,
    /// The answer that was given; none when the program ended before.
    pub answer: Option<Response>,
}

/// Everything that must survive a restart.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    /// Serial of the zone.
    pub serial: u32,
    /// Rules by number.
    pub rules: BTreeMap<u64, Rule>,
    /// Numbers taken back before their command came.
    pub barred: BTreeSet<u64>,
}

/// Why a device did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeviceFailure {
    /// A file.
    #[error("`{0}` cannot be used: {1}")]
    Io(String, std::io::Error),
    /// A program said no.
    #[error("`{program}` failed: {said}")]
    Program {
        /// Which.
        program: String,
        /// Its words.
        said: String,
    },
    /// The device holds something else than it was given.
    #[error("the device was read back and holds something else: {0}")]
    ReadBack(String),
}

impl State {
    /// Reads `DIR/rules.json`; empty when there is none.
    pub(super) fn load(dir: &Path) -> Result<Self, DeviceFailure> {
        let path = dir.join("rules.json");
        let failed = |problem| DeviceFailure::Io(path.display().to_string(), problem);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|problem| failed(problem.into())),
            Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(problem) => Err(failed(problem)),
        }
    }

    /// Writes it whole.
    pub(super) fn save(&mut self, dir: &Path, now: Timestamp) -> Result<(), DeviceFailure> {
        while self.rules.len() > RULES_MAX {
            let over = self
                .rules
                .iter()
                .filter(|(_, rule)| !rule.holds(now))
                .min_by_key(|(_, rule)| rule.until);
            let Some(oldest) = over.map(|(number, _)| *number) else { break };
            self.rules.remove(&oldest);
        }
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        put(&dir.join("rules.json"), &bytes)
    }

    /// The rules in force.
    fn in_force(&self, now: Timestamp) -> impl Iterator<Item = &Rule> {
        self.rules.values().filter(move |rule| rule.holds(now))
    }

    /// What the packet filter must hold.
    pub(super) fn elements(&self, now: Timestamp) -> nft::Elements {
        let mut elements = nft::Elements::new();
        for rule in self.in_force(now) {
            if let Some(Target::Network(net)) = rule.target() {
                let seconds = elements.entry(net).or_insert(0);
                *seconds = (*seconds).max(seconds_left(rule.until, now));
            }
        }
        elements
    }

    /// What the zone must hold.
    pub(super) fn names(&self, now: Timestamp) -> BTreeMap<DomainName, rpz::Answer> {
        let name = |rule: &Rule| match rule.target()? {
            Target::Domain(name) => Some((name, rpz::Answer::NoSuchName)),
            Target::Network(_) => None,
        };
        self.in_force(now).filter_map(name).collect()
    }

    /// When the next rule ends.
    pub(super) fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.in_force(now).map(|rule| rule.until).min()
    }
}

impl Rule {
    pub(super) fn holds(&self, now: Timestamp) -> bool {
        !self.taken_back && now < self.until
    }

    pub(super) fn target(&self) -> Option<Target> {
        super::guard_free().check(&self.target).ok()
    }
}

fn seconds_left(until: Timestamp, now: Timestamp) -> u64 {
    let millis = until.as_millisecond().saturating_sub(now.as_millisecond());
    u64::try_from(millis).unwrap_or(0).div_ceil(1000).max(1)
}

/// Whether the operator put the file `stop` there. What cannot be looked at counts as stopped.
pub(super) fn is_stopped(config: &Config) -> bool {
    config.state_dir.join("stop").try_exists().unwrap_or(true)
}

/// Gives the devices the whole wanted state and reads them back.
pub(super) async fn state_devices(
    config: &Config,
    state: &mut State,
    now: Timestamp,
) -> Result<(), DeviceFailure> {
    let stopped = is_stopped(config);
    if let Some(filter) = &config.nft {
        let elements = if stopped { nft::Elements::new() } else { state.elements(now) };
        run_nft(
            filter,
            &["-j", "-f", "-"],
            nft::batch(&filter.table, &elements).to_string().into_bytes(),
        )
        .await?;
        let held = read_filter(filter).await?;
        if held.keys().ne(elements.keys()) {
            let said = format!("wanted {:?}, found {:?}", elements.keys(), held.keys());
            return Err(DeviceFailure::ReadBack(said));
        }
    }
    if let Some(zone) = &config.rpz {
        let names = if stopped { BTreeMap::new() } else { state.names(now) };
        write_zone(zone, state, &names).await?;
    }
    Ok(())
}

async fn write_zone(
    zone: &Rpz,
    state: &mut State,
    names: &BTreeMap<DomainName, rpz::Answer>,
) -> Result<(), DeviceFailure> {
    let before = std::fs::read_to_string(&zone.file).ok();
    let held = before.as_deref().and_then(|text| rpz::read(text).ok());
    if held.as_ref().is_some_and(|(_, held)| held == names) {
        return Ok(());
    }
    state.serial = state.serial.max(held.map_or(0, |(serial, _)| serial)).wrapping_add(1);
    put(&zone.file, rpz::zone(state.serial, names).as_bytes())?;
    if let Err(failure) = reload(zone).await {
        // The resolver still answers from the file before: leave that one there, so that both say the same.
        if let Some(before) = before {
            put(&zone.file, before.as_bytes())?;
        }
        return Err(failure);
    }
    Ok(())
}

async fn reload(zone: &Rpz) -> Result<(), DeviceFailure> {
    let Some((program, arguments)) = zone.reload.split_first() else { return Ok(()) };
    let mut command = tokio::process::Command::new(program);
    command.args(arguments);
    finish(command, Vec::new(), program).await.map(drop)
}

/// The networks the packet filter holds now.
async fn read_filter(filter: &Nft) -> Result<nft::Elements, DeviceFailure> {
    let mut held = nft::Elements::new();
    for set in ["block4", "block6"] {
        let listing =
            run_nft(filter, &["-j", "list", "set", "inet", &filter.table, set], Vec::new()).await?;
        let read = nft::read_set(&listing)
            .map_err(|problem| DeviceFailure::ReadBack(problem.to_string()))?;
        held.extend(read);
    }
    Ok(held)
}

/// What the device says about a target, as it is: the content of a read-back.
pub(super) async fn look(config: &Config, target: &Target) -> Result<Value, DeviceFailure> {
    match (target, &config.nft, &config.rpz) {
        (Target::Network(net), Some(filter), _) => {
            let present = read_filter(filter).await?.contains_key(net);
            Ok(
                json!({ "device": "nft", "table": filter.table, "element": target.to_string(), "present": present }),
            )
        }
        (Target::Domain(name), _, Some(zone)) => {
            let text = std::fs::read_to_string(&zone.file)
                .map_err(|problem| DeviceFailure::Io(zone.file.display().to_string(), problem))?;
            let (_, names) =
                rpz::read(&text).map_err(|problem| DeviceFailure::ReadBack(problem.to_string()))?;
            let present = names.contains_key(name);
            Ok(
                json!({ "device": "rpz", "zone": zone.zone, "name": name.as_str(), "present": present }),
            )
        }
        _ => Ok(json!({ "device": "none", "present": false })),
    }
}

/// Whether `nft` can be run here.
pub(super) async fn filter_answers(filter: &Nft) -> Result<(), DeviceFailure> {
    run_nft(filter, &["-j", "list", "tables"], Vec::new()).await.map(drop)
}

async fn run_nft(
    filter: &Nft,
    arguments: &[&str],
    input: Vec<u8>,
) -> Result<Vec<u8>, DeviceFailure> {
    let mut command = match &filter.netns {
        Some(netns) => {
            let mut command = tokio::process::Command::new("ip");
            command.args(["netns", "exec", netns]).arg(&filter.binary);
            command
        }
        None => tokio::process::Command::new(&filter.binary),
    };
    command.args(arguments);
    finish(command, input, "nft").await
}

async fn finish(
    mut command: tokio::process::Command,
    input: Vec<u8>,
    program: &str,
) -> Result<Vec<u8>, DeviceFailure> {
    let failed = |problem| DeviceFailure::Io(program.to_owned(), problem);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut pipe) = child.stdin.take() {
        // A program that does not read its input says why on its way out.
        drop(pipe.write_all(&input).await);
    }
    let output = child.wait_with_output().await.map_err(failed)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).chars().take(400).collect();
    Err(DeviceFailure::Program { program: program.to_owned(), said })
}

/// Writes a file so that it is either the old one or the new one.
fn put(path: &Path, bytes: &[u8]) -> Result<(), DeviceFailure> {
    let failed = |problem| DeviceFailure::Io(path.display().to_string(), problem);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    let aside = path.with_extension("part");
    let mut file = std::fs::File::create(&aside).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    std::fs::rename(&aside, path).map_err(failed)
}
