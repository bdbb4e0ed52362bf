//! Bringing objects into the graph.
//!
//! Each object is judged on its own: a bad one is put aside with its bytes and a reason, a contradiction is put aside
//! and reported, everything else goes in as it arrived. Importing the same bundle again changes nothing, so a broken
//! import is simply repeated.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use noroshi_charter::derivation;
use noroshi_codec::stix::Problem;
use noroshi_codec::stix::stream::{self, Aside, Limits, Shape, Stream};
use noroshi_evidence::id::StixId;
use noroshi_evidence::marking::{LegalClass, Marks, Tlp};
use noroshi_evidence::object::{OBJECT_BYTES_MAX, StixObject};
use noroshi_evidence::version::{Conflict, Relation, Version, relate};
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::Fact;
use serde_json::json;

use super::aside;
use super::judge::{self as judging, Tolerated};
use super::lists::Loaded;
use super::read;
use super::rows::{self, NewObject, Nodes, Standing};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, CommitFailure, Write};
use crate::office::ctx::Ctx;
use crate::office::id::OrgId;
use crate::office::people;
use crate::office::store::{Reader, StoreFailure};
use crate::share::audience;
use crate::web::refusal::{Answer, Failure};

/// Objects of the first commit of an import.
const CHUNK: usize = 2_000;
/// Fewest and most objects of one commit.
const CHUNK_RANGE: (usize, usize) = (200, 20_000);
/// How long one commit should take: whoever files a report while an import runs waits for one of them at most.
const COMMIT_MILLIS: u128 = 250;
/// Objects, or entries put aside, handed from the reading thread to the writing one at once, and bytes of their texts.
const PIECE: usize = 1_000;
const PIECE_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of texts of one commit beyond which no further object joins it, however few they are.
const CHUNK_BYTES: usize = 32 * 1024 * 1024;
/// Pieces that may wait between the two.
const PIECES_MAX: usize = 4;
/// Contradictions and quarantined entries that a report lists one by one; the others are counted and kept aside alike.
pub const LISTED_MAX: usize = 10_000;
/// How often a chunk is judged again when somebody else changed the graph meanwhile.
const TRIES_MAX: usize = 5;
/// Letters of a name of an originator or a source.
const NAME_CHARS_MAX: usize = 200;

/// A bundle to bring in, whole.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Its text.
    pub bytes: axum::body::Bytes,
    /// See [`Terms::tlp`].
    pub tlp: Option<Tlp>,
    /// See [`Terms::class`].
    pub class: LegalClass,
    /// See [`Terms::originator`].
    pub originator: String,
}

/// Under what terms objects come in.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The least marking of everything; an object's own marking only tightens it. When absent, an object without a
    /// marking is TLP:AMBER.
    pub tlp: Option<Tlp>,
    /// The legal class of everything.
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
    /// Of these, objects that are held on stricter terms from now on: their colour, class or bits rose to those of this
    /// import. Whoever was handed them and may not have them any more is told.
    pub tightened: u64,
    /// Objects that contradict what is held; kept aside, nothing was overwritten.
    pub conflicts: Vec<Contradiction>,
    /// Entries that are no acceptable objects; kept aside.
    pub quarantined: Vec<Quarantined>,
    /// What was found in the objects that came in nevertheless.
    pub tolerated: Tolerated,
    /// Whether the text was read to its end.
    pub complete: bool,
    /// Index of the last leaf, when anything was written.
    pub position: Option<u64>,
    /// Contradictions and quarantined entries beyond [`LISTED_MAX`]: kept aside, not listed here.
    pub unlisted: u64,
    /// Where the time went.
    pub spent: Spent,
}

/// Where the time of an import went: it says why one is slow.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// Waiting for the next objects: reading and checking them.
    pub reading: Duration,
    /// Comparing with what is held.
    pub judging: Duration,
    /// Writing, and waiting for others to write: whatever a person waits for goes first.
    pub writing: Duration,
    /// Commits.
    pub commits: u64,
    /// Objects of the last full commit: it adapts to the machine.
    pub chunk: usize,
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

/// Brings a whole bundle in, in few commits.
pub async fn import(house: &Arc<House>, ctx: &Ctx, bundle: Bundle) -> Answer<Imported> {
    let Bundle { bytes, tlp, class, originator } = bundle;
    import_from(house, ctx, std::io::Cursor::new(bytes), Terms { tlp, class, originator }).await
}

/// What the reading thread hands over.
enum Piece {
    Objects(Vec<StixObject>),
    Aside(Vec<Aside>),
    End { complete: bool, tolerated: Tolerated },
}

/// Brings a bundle of any length in as it is read: the memory taken does not depend on its length.
pub async fn import_from(
    house: &Arc<House>,
    ctx: &Ctx,
    reader: impl Read + Send + 'static,
    terms: Terms,
) -> Answer<Imported> {
    house.authoriser.check(ctx, Action::EvidenceImport, On::default())?;
    bring(house, ctx, reader, terms, None).await
}

/// Brings a whole bundle in that came by a party agreement (Act arts 11 to 16): it and what is made from it leave only with
/// the consent of the party (art. 38(3)).
pub async fn import_agreed(
    house: &Arc<House>,
    ctx: &Ctx,
    bundle: Bundle,
    agreement: &str,
) -> Answer<Imported> {
    house.authoriser.check(ctx, Action::EvidenceImport, On::default())?;
    let Bundle { bytes, tlp, class, originator } = bundle;
    let terms = Terms { tlp, class, originator };
    let source = format!("{}{}", rows::FROM_AGREEMENTS, named(agreement)?);
    bring(house, ctx, std::io::Cursor::new(bytes), terms, Some(source)).await
}

/// Brings in what had been put aside after it came by `arrived`: what an agreement brought stays what it brought, whoever
/// mends it.
pub(super) async fn import_back(
    house: &Arc<House>,
    ctx: &Ctx,
    bundle: Bundle,
    arrived: &str,
) -> Answer<Imported> {
    house.authoriser.check(ctx, Action::EvidenceImport, On::default())?;
    let Bundle { bytes, tlp, class, originator } = bundle;
    let terms = Terms { tlp, class, originator };
    let source = rows::stems_from_agreement(arrived).then(|| arrived.to_owned());
    bring(house, ctx, std::io::Cursor::new(bytes), terms, source).await
}

/// Brings in what the caller's own organisation handed in, as its own.
pub async fn take(house: &Arc<House>, ctx: &Ctx, bundle: Bundle) -> Answer<Imported> {
    let own = On { owner: Some(&ctx.org), ..On::default() };
    house.authoriser.check(ctx, Action::SharePush, own)?;
    let Bundle { bytes, tlp, class, .. } = bundle;
    let terms = Terms { tlp, class, originator: ctx.org.to_string() };
    bring(house, ctx, std::io::Cursor::new(bytes), terms, None).await
}

/// A reference of an agreement as it is kept.
fn named(agreement: &str) -> Answer<&str> {
    let name = agreement.trim();
    let fits = !name.is_empty()
        && name.chars().count() <= NAME_CHARS_MAX
        && !name.chars().any(char::is_control);
    if fits { Ok(name) } else { Err(super::api::bad("agreement", name).into()) }
}

/// Brings objects in; `from` is how they came, where it is not their originator who says so.
async fn bring(
    house: &Arc<House>,
    ctx: &Ctx,
    reader: impl Read + Send + 'static,
    terms: Terms,
    from: Option<String>,
) -> Answer<Imported> {
    let originator: String = terms.originator.trim().chars().take(NAME_CHARS_MAX).collect();
    let source = from.unwrap_or_else(|| format!("import:{originator}"));
    let mut import = Import {
        house,
        ctx,
        terms: Terms { originator, ..terms },
        source,
        waiting: Vec::new(),
        bytes: 0,
        is_alone: true,
        done: Imported { spent: Spent { chunk: CHUNK, ..Spent::default() }, ..Imported::default() },
    };
    let (sender, mut pieces) = tokio::sync::mpsc::channel(PIECES_MAX);
    let reading = tokio::task::spawn_blocking(move || decode(reader, &sender));
    loop {
        let started = import.house.clock.now();
        let piece = pieces.recv().await;
        import.done.spent.reading += import.since(started);
        match piece {
            Some(Piece::Objects(objects)) => import.take(objects).await?,
            Some(Piece::Aside(aside)) => import.quarantine(aside).await?,
            Some(Piece::End { complete, tolerated }) => {
                import.done.complete = complete;
                import.done.tolerated = tolerated;
            }
            None => break,
        }
    }
    reading.await.map_err(|problem| Failure::Broken(Box::new(problem)))?;
    import.write_all(1).await?;
    Ok(import.done)
}

/// The reading thread: objects and what is put aside, in pieces. It ends early when nobody listens any more.
fn decode(reader: impl Read, pieces: &tokio::sync::mpsc::Sender<Piece>) {
    let mut stream = stream_of(reader);
    let (mut objects, mut bytes) = (Vec::with_capacity(PIECE), 0);
    let (mut aside, mut kept, mut tolerated) = (Vec::new(), 0, Tolerated::default());
    while let Some(item) = stream.next() {
        match item.and_then(|object| checked(object, &stream, &mut tolerated)) {
            Ok(object) => {
                bytes += object.text().len();
                objects.push(object);
            }
            Err(problem) => {
                kept += problem.kept.len();
                aside.push(problem);
            }
        }
        if objects.len() >= PIECE || bytes >= PIECE_BYTES {
            bytes = 0;
            if pieces.blocking_send(Piece::Objects(std::mem::take(&mut objects))).is_err() {
                return;
            }
        }
        if aside.len() >= PIECE || kept >= PIECE_BYTES {
            kept = 0;
            if pieces.blocking_send(Piece::Aside(std::mem::take(&mut aside))).is_err() {
                return;
            }
        }
    }
    let complete = stream.list().complete;
    for piece in [Piece::Aside(aside), Piece::Objects(objects), Piece::End { complete, tolerated }]
    {
        if pieces.blocking_send(piece).is_err() {
            return;
        }
    }
}

/// A bundle as it is read; of what is wrong in it as much is kept as an object may be long.
pub(super) fn stream_of<R: Read>(reader: R) -> Stream<R> {
    let limits = Limits { kept_bytes_max: OBJECT_BYTES_MAX, ..Limits::default() };
    stream::read(reader, Shape::Bundle, limits)
}

/// An object that the standard does not forbid, or why it is put aside.
pub(super) fn checked<R: Read>(
    object: StixObject,
    stream: &Stream<R>,
    tolerated: &mut Tolerated,
) -> Result<StixObject, Aside> {
    match judging::judge(&object) {
        Ok(found) => {
            tolerated.errors += found.errors;
            tolerated.warnings += found.warnings;
            Ok(object)
        }
        Err(reason) => {
            let end = stream.place();
            let text = object.text().as_bytes();
            let kept = text.to_vec();
            let problem = Problem {
                entry: stream.list().entries.checked_sub(1),
                bytes: end.saturating_sub(text.len())..end,
                id: Some(object.id().to_string()),
                reason,
            };
            Err(Aside { problem, kept })
        }
    }
}

/// An import that is going on.
struct Import<'a> {
    house: &'a Arc<House>,
    ctx: &'a Ctx,
    terms: Terms,
    source: String,
    /// Read and not yet written.
    waiting: Vec<NewObject>,
    /// Bytes of their texts.
    bytes: usize,
    /// Whether nobody else made nodes meanwhile, as far as the last chunk says.
    is_alone: bool,
    done: Imported,
}

impl Import<'_> {
    fn since(&self, started: jiff::Timestamp) -> Duration {
        self.house.clock.now().duration_since(started).unsigned_abs()
    }

    async fn take(&mut self, objects: Vec<StixObject>) -> Answer<()> {
        self.bytes += objects.iter().map(|object| object.text().len()).sum::<usize>();
        self.waiting.extend(objects.into_iter().map(|object| NewObject {
            tlp: marking(&object, self.terms.tlp),
            object,
            class: self.terms.class,
            originator: self.terms.originator.clone(),
            source: self.source.clone(),
        }));
        self.write_all(self.done.spent.chunk).await
    }

    /// Writes as long as `least` objects wait, or so few long ones that they fill a commit.
    async fn write_all(&mut self, least: usize) -> Answer<()> {
        while self.waiting.len() >= least.max(1) || self.bytes >= CHUNK_BYTES {
            let (size, bytes) = fitting(&self.waiting, self.done.spent.chunk);
            let chunk = self.waiting.drain(..size).collect();
            self.bytes = self.bytes.saturating_sub(bytes);
            let took = self.write(chunk).await?.as_millis().max(1);
            if size == self.done.spent.chunk {
                let fitting = size.saturating_mul(2).min(
                    usize::try_from(size as u128 * COMMIT_MILLIS / took).unwrap_or(CHUNK_RANGE.1),
                );
                self.done.spent.chunk = fitting.clamp(CHUNK_RANGE.0, CHUNK_RANGE.1);
            }
        }
        Ok(())
    }

    /// Judges and writes one chunk; answers how long the writing took.
    async fn write(&mut self, chunk: Vec<NewObject>) -> Answer<Duration> {
        let chunk = Arc::new(chunk);
        for tried in 1.. {
            // When it arrives, not when the import began: what comes an hour later is news for who has read until then.
            let (asked, now) = (Arc::clone(&chunk), self.house.clock.now());
            let lists = self.house.lists.current();
            let started = self.house.clock.now();
            // Where somebody else makes nodes meanwhile, each one is looked up again where it is written, so that two
            // imports at a time do not undo each other's chunks.
            let trusts = tried == 1 && self.is_alone;
            let judged =
                self.house.store.read(move |reader| prepare(reader, (&lists, now), &asked, trusts));
            let judged = judged.await?;
            self.done.spent.judging += self.since(started);
            let started = self.house.clock.now();
            if !judged.writes.is_empty() {
                let mut change =
                    Change::new("evidence.import", &self.source, judged.fact).payload(json!({
                        "source": self.source, "objects": judged.new,
                        "unchanged": judged.unchanged, "tightened": judged.tightened, "conflicts": judged.contradictions.len(),
                    }));
                change.writes = judged.writes;
                match self.house.door.commit_bulk(self.ctx, change).await {
                    Ok(committed) => self.done.position = Some(committed.position),
                    // Somebody else brought something in meanwhile: judge again by what is held now.
                    Err(CommitFailure::Conflict { .. }) if tried < TRIES_MAX => {
                        self.is_alone &= !trusts;
                        continue;
                    }
                    Err(problem) => return Err(problem.into()),
                }
                self.is_alone |= tried == 1;
                self.done.spent.commits += 1;
            }
            let took = self.since(started);
            self.done.spent.writing += took;
            self.done.imported += judged.new;
            self.done.unchanged += judged.unchanged;
            self.done.tightened += judged.tightened;
            for what in judged.contradictions {
                if self.done.conflicts.len() < LISTED_MAX {
                    self.done.conflicts.push(what);
                } else {
                    self.done.unlisted += 1;
                }
            }
            return Ok(took);
        }
        Ok(Duration::ZERO)
    }
}

/// How many of the objects that wait go into one commit, at most `most`, and how long their texts are.
fn fitting(waiting: &[NewObject], most: usize) -> (usize, usize) {
    let (mut size, mut bytes) = (0, 0);
    for new in waiting.iter().take(most) {
        let with = bytes + new.object.text().len();
        if size > 0 && with > CHUNK_BYTES {
            break;
        }
        (size, bytes) = (size + 1, with);
    }
    (size, bytes)
}

/// What judging a chunk gave, ready to be written.
struct Prepared {
    writes: Vec<Write>,
    fact: Fact,
    new: u64,
    unchanged: u64,
    tightened: u64,
    contradictions: Vec<Contradiction>,
}

fn prepare(
    reader: &Reader<'_>,
    (lists, now): (&Loaded, jiff::Timestamp),
    chunk: &[NewObject],
    trusts: bool,
) -> Result<Prepared, StoreFailure> {
    let mut held = HashMap::with_capacity(chunk.len());
    let mut judged = judge(reader, chunk, &mut held)?;
    if !trusts {
        judged.nodes.absent.clear();
    }
    // What is opened or tightened is written like what is new; only what was judged to be tightened is.
    let stay = judged.new.iter().chain(&judged.opened).map(|new| (*new, Standing::Stay));
    let rise = judged.tightened.iter().map(|new| (*new, Standing::Rise));
    let brought: Vec<(&NewObject, Standing)> = stay.chain(rise).collect();
    let mut writes = rows::bring_objects(brought.iter().copied(), &judged.nodes, now);
    writes.extend(super::lists::marks(lists, judged.new.iter().copied()));
    writes.extend(judged.contradictions.iter().map(|(what, new)| aside_conflict(what, new, now)));
    let unheard = unheard(reader, &judged.new, &held)?;
    writes.extend(unheard.iter().map(|(what, new)| aside_conflict(what, new, now)));
    Ok(Prepared {
        writes,
        fact: rows::fact("import", brought.into_iter().map(|(new, _)| new)),
        new: judged.new.len() as u64,
        unchanged: judged.unchanged,
        tightened: judged.tightened.len() as u64,
        contradictions: judged.contradictions.into_iter().map(|(what, _)| what).collect(),
    })
}

/// What guests say about what was made from what, where the thing is not their own: it is held, it decides about nothing
/// ([`derivation::counts`]), and a person looks at it. Whether that thing is held makes no difference.
fn unheard<'a>(
    reader: &Reader<'_>,
    new: &[&'a NewObject],
    held: &HashMap<StixId, read::Known>,
) -> Result<Vec<(Contradiction, &'a NewObject)>, StoreFailure> {
    let mut found = Vec::new();
    for new in new.iter().filter(|new| rows::is_deriving(&new.object)) {
        let Some(edge) = &new.object.head().edge else { continue };
        let made = &edge.source_ref;
        let owners = match held.get(made) {
            Some(known) => known.originators.clone(),
            None => read::known(reader, made)?.originators,
        };
        let guest = is_guest(reader, &new.originator)?;
        if !derivation::counts(&new.originator, guest, owners.iter().map(String::as_str)) {
            let what = Contradiction {
                id: new.object.id().to_string(),
                modified: rows::version_key(&new.object),
                code: "NRS-SHAR-0224",
                reason: format!("`{}` says what `{made}` was made from", new.originator),
            };
            found.push((what, *new));
        }
    }
    Ok(found)
}

/// Whether an originator is an organisation outside the national organs.
fn is_guest(reader: &Reader<'_>, originator: &str) -> Result<bool, StoreFailure> {
    let Some(org) = OrgId::parse(originator) else { return Ok(false) };
    let found = people::find_org(reader, &org)?;
    Ok(found.is_some_and(|org| !audience::NATIONAL.contains(&org.kind.as_str())))
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
pub(super) struct Judged<'a> {
    /// Which nodes are there already.
    nodes: Nodes<'a>,
    pub(super) new: Vec<&'a NewObject>,
    /// Held with the same content, and until now known from a report only. They count as unchanged.
    opened: Vec<&'a NewObject>,
    /// Held with the same content, and until now on looser terms. They count as unchanged.
    tightened: Vec<&'a NewObject>,
    pub(super) unchanged: u64,
    pub(super) contradictions: Vec<(Contradiction, &'a NewObject)>,
}

/// Judges objects by what is held and by those before them, which `held` remembers.
pub(super) fn judge<'a>(
    reader: &Reader<'_>,
    chunk: &'a [NewObject],
    held: &mut HashMap<StixId, read::Known>,
) -> Result<Judged<'a>, StoreFailure> {
    let nodes = Nodes::look(reader, chunk.iter().map(|new| new.object.id().as_str()))?;
    let mut judged = Judged { nodes, ..Judged::default() };
    for new in chunk {
        let id = new.object.id();
        let known = match held.entry(id.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let node = judged.nodes.held.get(id.as_str());
                let known = node.map(|node| read::known_as(reader, id, *node)).transpose()?;
                entry.insert(known.unwrap_or_default())
            }
        };
        let arriving = Version::of(&new.object);
        match relate_from(&arriving, &known.versions, &new.originator, &known.originators) {
            Relation::Same => {
                judged.unchanged += 1;
                let version = rows::version_key(&new.object);
                let on = known.terms.get(&version).copied();
                if let Some(on) = on.filter(|on| rows::is_stricter(new, *on))
                    && may_tighten(reader, new, &known.originators)?
                {
                    let (tlp, class, bits) = rows::held_on(new);
                    let on = (on.0.max(tlp), on.1.stricter(class), on.2.join(bits));
                    known.terms.insert(version.clone(), on);
                    judged.tightened.push(new);
                }
                if !rows::stems_from_report(&new.source) && known.reported.remove(&version) {
                    judged.opened.push(new);
                }
            }
            Relation::Conflict(conflict) => {
                let what = Contradiction {
                    id: id.to_string(),
                    modified: rows::version_key(&new.object),
                    code: conflict.code(),
                    reason: conflict.to_string(),
                };
                judged.contradictions.push((what, new));
            }
            Relation::New | Relation::Newer | Relation::Older => {
                known.originators.insert(new.originator.clone());
                known.terms.insert(rows::version_key(&new.object), rows::held_on(new));
                known.versions.push(arriving);
                judged.new.push(new);
            }
        }
    }
    Ok(judged)
}

/// Whoever has received an object knows its identifier, its creation and its creator, and could write a version that
/// withdraws or restricts it everywhere. So what an organisation hands in adds versions only to what is its own; a version
/// of anybody else's object is put aside for a person.
fn relate_from(
    arriving: &Version,
    versions: &[Version],
    originator: &str,
    originators: &BTreeSet<String>,
) -> Relation {
    let guest =
        OrgId::parse(originator).is_some() && originators.iter().any(|one| one != originator);
    match relate(arriving, versions) {
        Relation::Newer | Relation::Older if guest => Relation::Conflict(Conflict::Originator),
        related => related,
    }
}

/// Whoever hands in a copy of somebody else's object on strict terms could take it from everybody: a guest tightens its own.
/// What a report says is for the readers of reports, and changes nothing that others see: they would learn of the report.
fn may_tighten(
    reader: &Reader<'_>,
    new: &NewObject,
    originators: &BTreeSet<String>,
) -> Result<bool, StoreFailure> {
    Ok(!rows::stems_from_report(&new.source)
        && (originators.contains(&new.originator) || !is_guest(reader, &new.originator)?))
}

fn aside_conflict(what: &Contradiction, new: &NewObject, now: jiff::Timestamp) -> Write {
    let put = aside::Put {
        kind: "conflict",
        id: Some(&what.id),
        code: what.code,
        reason: &what.reason,
        bytes: new.object.text().as_bytes().to_vec(),
        digest: new.object.digest().to_string(),
        source: &new.source,
        tlp: Some(new.tlp),
        class: new.class,
        originator: &new.originator,
    };
    aside::put(put, now)
}

/// The write that puts an object aside although nothing held contradicts it: `why` is for a person to look at.
pub(crate) fn put_aside(ctx: &Ctx, object: &StixObject, code: &'static str, why: String) -> Write {
    let id = object.id().to_string();
    let what = Contradiction { id, modified: rows::version_key(object), code, reason: why };
    let new = NewObject {
        object: object.clone(),
        tlp: marking(object, None),
        class: LegalClass::CiaN,
        originator: ctx.org.to_string(),
        source: format!("import:{}", ctx.org),
    };
    aside_conflict(&what, &new, ctx.now)
}

impl Import<'_> {
    /// Keeps what was put aside, each with the beginning of its bytes.
    async fn quarantine(&mut self, aside: Vec<Aside>) -> Answer<()> {
        if aside.is_empty() {
            return Ok(());
        }
        let mut writes = Vec::with_capacity(aside.len());
        let mut whole = Vec::new();
        let entries = aside.len();
        for Aside { problem, kept } in aside {
            let digest = Digest::of(&kept);
            whole.extend_from_slice(&digest.0);
            let (code, reason) = (problem.reason.code(), problem.reason.to_string());
            let put = aside::Put {
                kind: "quarantine",
                id: problem.id.as_deref(),
                code,
                reason: &reason,
                bytes: kept,
                digest: digest.to_string(),
                source: &self.source,
                tlp: self.terms.tlp,
                class: self.terms.class,
                originator: &self.terms.originator,
            };
            writes.push(aside::put(put, self.ctx.now));
            if self.done.quarantined.len() >= LISTED_MAX {
                self.done.unlisted += 1;
                continue;
            }
            let (index, id) = (problem.entry, problem.id);
            self.done.quarantined.push(Quarantined { index, id, code, reason });
        }
        let fact = Fact::EvidenceChange {
            command: "quarantine".to_owned(),
            objects: 0,
            digest: Digest::of(&whole),
        };
        let mut change = Change::new("evidence.quarantine", &self.source, fact)
            .payload(json!({ "source": self.source, "entries": entries }));
        change.writes = writes;
        self.done.position = Some(self.house.door.commit_bulk(self.ctx, change).await?.position);
        Ok(())
    }
}
