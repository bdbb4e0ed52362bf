//! Bringing objects into the graph.
//!
//! Each object is judged on its own: a bad one is put aside with its bytes and a reason, a contradiction is put aside
//! and reported, everything else goes in as it arrived. Importing the same bundle again changes nothing, so a broken
//! import is simply repeated.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use noroshi_codec::stix::{self, Decoded, Problem};
use noroshi_evidence::id::StixId;
use noroshi_evidence::marking::{LegalClass, Marks, Tlp};
use noroshi_evidence::object::StixObject;
use noroshi_evidence::version::{Relation, Version, relate};
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::Fact;
use serde_json::json;

use super::read;
use super::rows::{self, NewObject};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, CommitFailure, Write};
use crate::office::ctx::Ctx;
use crate::office::store::Value;
use crate::web::refusal::{Answer, Failure};

/// Objects of one commit: large enough to share the disk's work, small enough that others do not wait.
const CHUNK: usize = 2_000;
/// How often a chunk is judged again when somebody else changed the graph meanwhile.
const TRIES_MAX: usize = 5;
/// Bytes of a quarantined entry that are kept.
const ASIDE_BYTES_MAX: usize = 64 * 1024;
/// Letters of a name of an originator or a source.
const NAME_CHARS_MAX: usize = 200;

/// A bundle to bring in.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Its text.
    pub bytes: axum::body::Bytes,
    /// The least marking of everything in it; an object's own marking only tightens it. When absent, an object
    /// without a marking is TLP:AMBER.
    pub tlp: Option<Tlp>,
    /// The legal class of everything in it.
    pub class: LegalClass,
    /// Whose it is.
    pub originator: String,
}

/// What became of a bundle.
#[derive(Debug, Clone, Default)]
pub struct Imported {
    /// Objects (versions) that are new.
    pub imported: u64,
    /// Objects that were held already, with the same content.
    pub unchanged: u64,
    /// Objects that contradict what is held; kept aside, nothing was overwritten.
    pub conflicts: Vec<Contradiction>,
    /// Entries that are no acceptable objects; kept aside.
    pub quarantined: Vec<Quarantined>,
    /// Whether the text was read to its end.
    pub complete: bool,
    /// Index of the last leaf, when anything was written.
    pub position: Option<u64>,
}

/// An object that contradicts what is held.
#[derive(Debug, Clone)]
pub struct Contradiction {
    /// Its identifier.
    pub id: String,
    /// Its version.
    pub modified: String,
    /// Stable code.
    pub code: &'static str,
    /// Why.
    pub reason: String,
}

/// An entry that is no acceptable object.
#[derive(Debug, Clone)]
pub struct Quarantined {
    /// Its place in the list, from 0; none when the list itself is meant.
    pub index: Option<usize>,
    /// What it calls itself.
    pub id: Option<String>,
    /// Stable code.
    pub code: &'static str,
    /// Why.
    pub reason: String,
}

/// Brings a bundle in, in few commits.
pub async fn import(house: &Arc<House>, ctx: &Ctx, bundle: Bundle) -> Answer<Imported> {
    house.authoriser.check(ctx, Action::EvidenceImport, On::default())?;
    let bytes = bundle.bytes.clone();
    let decoded = tokio::task::spawn_blocking(move || stix::decode_bundle(&bytes))
        .await
        .map_err(|problem| Failure::Broken(Box::new(problem)))?;
    let Decoded { objects, problems, complete, .. } = decoded;
    let originator: String = bundle.originator.trim().chars().take(NAME_CHARS_MAX).collect();
    let source = format!("import:{originator}");
    let mut done = Imported { complete, ..Imported::default() };
    quarantine(house, ctx, &problems, &bundle, &source, &mut done).await?;
    let mut rest = objects.into_iter().peekable();
    while rest.peek().is_some() {
        let chunk: Vec<NewObject> = rest
            .by_ref()
            .take(CHUNK)
            .map(|object| NewObject {
                tlp: marking(&object, bundle.tlp),
                object,
                class: bundle.class,
                originator: originator.clone(),
                source: source.clone(),
            })
            .collect();
        import_chunk(house, ctx, chunk, &mut done).await?;
    }
    Ok(done)
}

/// The object's own marking and the least one asked for, whichever is stricter.
pub(super) fn marking(object: &StixObject, least: Option<Tlp>) -> Tlp {
    let own = Marks::read(&object.head().object_marking_refs).tlp;
    match (own, least) {
        (Some(own), Some(least)) => own.max(least),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => Tlp::Amber,
    }
}

/// What judging a chunk gave.
#[derive(Default)]
pub(super) struct Judged {
    /// Nodes that are there already, by identifier.
    nodes: BTreeMap<String, i64>,
    pub(super) new: Vec<NewObject>,
    pub(super) unchanged: u64,
    pub(super) contradictions: Vec<(Contradiction, NewObject)>,
}

async fn import_chunk(
    house: &Arc<House>,
    ctx: &Ctx,
    chunk: Vec<NewObject>,
    done: &mut Imported,
) -> Answer<()> {
    let chunk = Arc::new(chunk);
    for tried in 1.. {
        let (asked, lists) = (Arc::clone(&chunk), house.lists.current());
        let (judged, writes) = house
            .store
            .read({
                let now = ctx.now;
                move |reader| {
                    let judged = judge(reader, &asked)?;
                    let mut writes = rows::insert_objects_among(&judged.new, &judged.nodes, now);
                    writes.extend(super::lists::marks(&lists, &judged.new));
                    let aside =
                        |(what, new): &(Contradiction, NewObject)| aside_conflict(what, new, now);
                    writes.extend(judged.contradictions.iter().map(aside));
                    Ok((judged, writes))
                }
            })
            .await?;
        if !writes.is_empty() {
            let mut change = Change::new(
                "evidence.import",
                source_of(&chunk),
                rows::fact("import", &judged.new),
            )
            .payload(json!({
                "source": source_of(&chunk), "objects": judged.new.len(),
                "unchanged": judged.unchanged, "conflicts": judged.contradictions.len(),
            }));
            change.writes = writes;
            match house.door.commit(ctx, change).await {
                Ok(committed) => done.position = Some(committed.position),
                // Somebody else brought one of these in meanwhile: judge again by what is held now.
                Err(CommitFailure::Conflict { .. }) if tried < TRIES_MAX => continue,
                Err(problem) => return Err(problem.into()),
            }
        }
        done.imported += judged.new.len() as u64;
        done.unchanged += judged.unchanged;
        done.conflicts.extend(judged.contradictions.into_iter().map(|(what, _)| what));
        return Ok(());
    }
    Ok(())
}

fn source_of(chunk: &[NewObject]) -> String {
    chunk.first().map(|new| new.source.clone()).unwrap_or_default()
}

pub(super) fn judge(
    reader: &crate::office::store::Reader<'_>,
    chunk: &[NewObject],
) -> Result<Judged, crate::office::store::StoreFailure> {
    let mut held: HashMap<&StixId, Vec<Version>> = HashMap::with_capacity(chunk.len());
    let mut judged = Judged::default();
    for new in chunk {
        let id = new.object.id();
        let versions = match held.entry(id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let known = read::known(reader, id)?;
                if let Some(node) = known.node {
                    judged.nodes.insert(id.as_str().to_owned(), node);
                }
                entry.insert(known.versions)
            }
        };
        let arriving = Version::of(&new.object);
        match relate(&arriving, versions) {
            Relation::Same => judged.unchanged += 1,
            Relation::Conflict(conflict) => {
                let what = Contradiction {
                    id: id.to_string(),
                    modified: rows::version_key(&new.object),
                    code: conflict.code(),
                    reason: conflict.to_string(),
                };
                judged.contradictions.push((what, new.clone()));
            }
            Relation::New | Relation::Newer | Relation::Older => {
                versions.push(arriving);
                judged.new.push(new.clone());
            }
        }
    }
    Ok(judged)
}

const INSERT_ASIDE: &str = "INSERT INTO evidence_aside (at, kind, id, code, reason, bytes, source, digest) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (code, digest) DO NOTHING";

fn aside_conflict(what: &Contradiction, new: &NewObject, now: jiff::Timestamp) -> Write {
    Write::new(
        INSERT_ASIDE,
        vec![
            Value::from(now),
            Value::from("conflict"),
            Value::from(&what.id),
            Value::from(what.code),
            Value::from(&what.reason),
            Value::from(new.object.text().as_bytes().to_vec()),
            Value::from(&new.source),
            Value::from(new.object.digest().to_string()),
        ],
    )
}

async fn quarantine(
    house: &Arc<House>,
    ctx: &Ctx,
    problems: &[Problem],
    bundle: &Bundle,
    source: &str,
    done: &mut Imported,
) -> Answer<()> {
    for chunk in problems.chunks(CHUNK) {
        let mut writes = Vec::with_capacity(chunk.len());
        let mut whole = Vec::new();
        for problem in chunk {
            let bytes = bundle.bytes.get(problem.bytes.clone()).unwrap_or_default();
            let kept = bytes.get(..ASIDE_BYTES_MAX).unwrap_or(bytes);
            let digest = Digest::of(bytes);
            whole.extend_from_slice(&digest.0);
            let (code, reason) = (problem.reason.code(), problem.reason.to_string());
            writes.push(Write::new(
                INSERT_ASIDE,
                vec![
                    Value::from(ctx.now),
                    Value::from("quarantine"),
                    Value::from(problem.id.clone()),
                    Value::from(code),
                    Value::from(&reason),
                    Value::from(kept.to_vec()),
                    Value::from(source),
                    Value::from(digest.to_string()),
                ],
            ));
            done.quarantined.push(Quarantined {
                index: problem.entry,
                id: problem.id.clone(),
                code,
                reason,
            });
        }
        let fact = Fact::EvidenceChange {
            command: "quarantine".to_owned(),
            objects: 0,
            digest: Digest::of(&whole),
        };
        let mut change = Change::new("evidence.quarantine", source, fact)
            .payload(json!({ "source": source, "entries": chunk.len() }));
        change.writes = writes;
        done.position = Some(house.door.commit(ctx, change).await?.position);
    }
    Ok(())
}
