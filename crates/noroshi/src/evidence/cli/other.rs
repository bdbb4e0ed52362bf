//! The verbs around other tongues: what a file is, warning lists, vouching, feeds.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use noroshi_codec::feed::{self, Entry};
use noroshi_codec::{csv, suricata, veris, warninglist, zeek_intel};
use noroshi_evidence::warning::List;
use serde_json::json;

use super::{Feed, Lists, Vouch, failed, local, open};
use crate::cli::{Ended, Failed, Format, print, tell};
use crate::evidence::act::{self, Bundle, Imported};
use crate::evidence::lists::{self, Taken};
use crate::evidence::tongues::{self, Told, Tongue};
use crate::house::House;
use crate::office::ctx::Ctx;

/// Entries left out of a feed that are told one by one.
const LEFT_OUT_MAX: usize = 20;

fn read(path: &Path) -> Result<Vec<u8>, Failed> {
    std::fs::read(path).map_err(|source| Failed::Io { what: path.display().to_string(), source })
}

/// The schema of incidents, when one is given.
pub(super) fn schema(path: Option<&Path>) -> Result<Option<veris::Schema>, Failed> {
    let Some(path) = path else { return Ok(None) };
    let wrong = |problem: veris::NoSchema| Failed::Usage {
        code: problem.code(),
        message: format!("`{}`: {problem}", path.display()),
    };
    veris::Schema::parse(&read(path)?).map(Some).map_err(wrong)
}

/// Brings one file in, whatever it is.
pub(super) async fn import(
    house: &Arc<House>,
    ctx: &Ctx,
    asked: Tongue,
    told: &Told<'_>,
    bundle: Bundle,
) -> Result<Imported, Failed> {
    let tongue = match asked {
        Tongue::Auto => tongues::recognise(&bundle.bytes),
        said => said,
    };
    let spoken = tongues::speak(tongue, &bundle.bytes, told, &bundle.originator, ctx.now);
    match (tongue, spoken) {
        (_, Some(spoken)) => {
            let versioned = matches!(tongue, Tongue::Veris | Tongue::Misp);
            tongues::bring_in(house, ctx, spoken, bundle, versioned).await.map_err(failed)
        }
        (Tongue::Warninglist, _) => Err(Failed::Found {
            code: "NRS-EVID-0319",
            message: "a warning list is loaded with `noroshi stix lists`".to_owned(),
        }),
        _ => act::import(house, ctx, bundle).await.map_err(failed),
    }
}

/// Loads, shows or drops warning lists.
pub(super) async fn lists(asked: Lists, format: Format) -> Ended {
    let house = open(&asked.data)?;
    let ctx = local(&house).await?;
    if let Some(name) = &asked.drop {
        lists::drop_list(&house, &ctx, name).await.map_err(failed)?;
    }
    let (mut read_lists, mut clean) = (Vec::new(), true);
    for file in files(&asked.paths)? {
        match warninglist::decode(&read(&file)?) {
            Ok(list) => read_lists.push(list),
            Err(problem) => {
                clean = false;
                tell(&format!("{}: {}: {problem}", file.display(), problem.code()));
            }
        }
    }
    clean &= unused(&read_lists);
    for (name, taken) in lists::load(&house, &ctx, read_lists).await.map_err(failed)? {
        if taken == Taken::Refused {
            clean = false;
            tell(&format!(
                "{name}: {}: a later version is held, or other entries under this one",
                Taken::REFUSED
            ));
        }
    }
    let held = house
        .store
        .read(lists::loaded)
        .await
        .map_err(|problem| Failed::House(Box::new(problem)))?;
    for list in held {
        match format {
            Format::Json => print(
                &json!({ "name": list.name, "version": list.version, "kind": list.kind,
                "entries": list.entries })
                .to_string(),
            ),
            Format::Human | Format::Plain => {
                print(&format!("{}\t{}\t{}\t{}", list.name, list.version, list.kind, list.entries));
            }
        }
    }
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Tells which entries cannot be used; whether all can.
fn unused(lists: &[List]) -> bool {
    let (_, problems) = noroshi_evidence::warning::Matcher::build(lists);
    for one in problems.iter().take(LEFT_OUT_MAX) {
        tell(&format!("{}: entry {}: {}: {}", one.list, one.entry, one.why.code(), one.why));
    }
    problems.is_empty()
}

/// The files that hold lists: as named, or in a folder and the folders right below it.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failed> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = std::fs::read_dir(path)
                .map_err(|source| Failed::Io { what: path.display().to_string(), source })?;
            for entry in entries.flatten() {
                let inside = entry.path();
                let list = inside.join("list.json");
                if list.is_file() {
                    found.push(list);
                } else if inside.extension().is_some_and(|ending| ending == "json") {
                    found.push(inside);
                }
            }
        } else {
            found.push(path.clone());
        }
    }
    found.sort();
    Ok(found)
}

/// Vouches for a value.
pub(super) async fn vouch(asked: Vouch) -> Ended {
    let house = open(&asked.data)?;
    let ctx = local(&house).await?;
    lists::vouch(&house, &ctx, &asked.value, &asked.reason).await.map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a feed.
pub(super) async fn feed(asked: Feed, format: Format) -> Ended {
    let house = open(&asked.data)?;
    let (lists, source, now) = (house.lists.current(), asked.source.clone(), house.clock.now());
    let read = house.store.read(move |reader| lists::entries(reader, &lists, &source, now)).await;
    let read = read.map_err(|problem| Failed::House(Box::new(problem)))?;
    let (whole, doubtful, conditional) = (read.entries.len(), read.doubtful, read.conditional);
    let withheld = read.withheld;
    let entries: Vec<Entry> =
        read.entries.into_iter().filter(|entry| entry.tlp <= asked.tlp).collect();
    let before = before(&asked.out.join(suricata::COMPANION));
    let change = feed::difference(&before.unwrap_or_default(), &entries);
    let serial = u32::try_from(now.as_second()).unwrap_or(u32::MAX);
    let (zone, rules) =
        (feed::rpz(serial, &asked.zone, &entries), suricata::encode(asked.sid, &entries));
    let written = !change.is_empty() || !asked.out.join("rpz.zone").is_file();
    if written {
        // In the log before the first file is: what went out can be asked for afterwards.
        let digest = noroshi_ledger::digest::Digest::of(csv::encode(&entries).as_bytes());
        let leaf = crate::office::commit::Change::office("evidence.feed", asked.source.to_string())
            .payload(json!({ "entries": entries.len(), "digest": digest.to_string() }));
        let ctx = local(&house).await?;
        house.door.commit(&ctx, leaf).await.map_err(|problem| Failed::House(Box::new(problem)))?;
        let io = |source| Failed::Io { what: asked.out.display().to_string(), source };
        std::fs::create_dir_all(&asked.out).map_err(io)?;
        let intel = ("noroshi.intel", zeek_intel::encode(&entries));
        // The companion is written last: a feed that was broken off is written anew.
        let files =
            zone.files.iter().chain(&rules.files).filter(|(name, _)| **name != suricata::COMPANION);
        for (name, text) in files.chain([(&intel.0, &intel.1)]) {
            replace(&asked.out.join(name), text)?;
        }
        replace(&asked.out.join(suricata::COMPANION), &csv::encode(&entries))?;
    }
    for (entry, why) in zone.left_out.iter().chain(&rules.left_out).take(LEFT_OUT_MAX) {
        tell(&format!("{}: {}: {why}", entry.observable.defanged(), why.code()));
    }
    let (added, removed) = (change.added.len(), change.removed.len());
    let (stricter, count) = (whole - entries.len(), entries.len());
    match format {
        Format::Json => print(
            &json!({ "entries": count, "added": added, "removed": removed, "written": written,
            "doubtful": doubtful, "conditional": conditional, "withheld": withheld, "stricter": stricter })
            .to_string(),
        ),
        _ => print(&format!(
            "{count} entries, {added} added, {removed} removed; left out: {doubtful} doubtful, {conditional} with conditions, \
             {withheld} by the release rules, {stricter} by marking"
        )),
    }
    Ok(ExitCode::SUCCESS)
}

/// What was written the last time; nothing when there was none or it was changed by somebody else.
fn before(path: &Path) -> Option<Vec<Entry>> {
    csv::decode(&std::fs::read_to_string(path).ok()?).ok()
}

/// A reader sees the old file or the new one, never a part.
fn replace(path: &Path, text: &str) -> Result<(), Failed> {
    let io = |source| Failed::Io { what: path.display().to_string(), source };
    let new = path.with_extension("new");
    std::fs::write(&new, text).map_err(io)?;
    std::fs::rename(&new, path).map_err(io)
}
