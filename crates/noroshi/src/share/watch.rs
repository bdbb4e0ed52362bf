//! Watches what was handed out: when a newer version withdraws it, marks it more strictly, what it was made from
//! changes, a finding ends, a ceiling falls, or whoever handed it in takes it back, everybody who got it is told without
//! anybody asking.
//!
//! How far it got stands in the store and moves in the transaction that records what was found, so a stop at any point
//! misses nothing. Arrivals are looked at in order; what must be looked at because of them, or because somebody decided
//! something, stands in a list that is worked off a step at a time, however long it is. A step that fails is tried
//! again, less and less often, and holds up no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use noroshi_charter::hat::Hat;
use noroshi_charter::release::Facts;
use noroshi_evidence::marking::LegalBits;
use serde_json::json;

use super::fallen::{self, Bearing, Handed};
use super::freed::{self, Loosened, Matter};
use super::peer::jobs::backoff;
use super::recall::{self, Asked, Kind};
use crate::evidence::{self, rows};
use crate::house::House;
use crate::office::commit::{Change, CommitFailure, Write};
use crate::office::ctx::{Ctx, Via};
use crate::office::id::{OrgId, PersonId, fresh_uuid};
use crate::office::store::{Reader, Row, StoreFailure, Value};
use crate::web::refusal::{Answer, Failure, chain};

/// Findings end by themselves, without a leaf: the clock is looked at this often.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Arrivals looked at in one read.
const ARRIVALS_MAX: i64 = 1_000;
/// Arrivals that led to nothing are looked at again after a stop, so many at most; each leaf of the log costs more.
const LAG_MAX: i64 = 20_000;
/// Deliveries of one organisation that are looked at in one step.
const DELIVERIES_MAX: i64 = 2;
/// What names an object, looked at in one step.
const NAMING_MAX: i64 = 500;
/// Places of a stream of which somebody may have more, looked at in one step.
const LOOSENED_MAX: i64 = 200;
/// Steps that a decision waits for before its answer, and how long; the rest is done after it.
const STEPS_BEFORE_ANSWER: usize = 200;
const WAIT_BEFORE_ANSWER: SignedDuration = SignedDuration::from_secs(2);
/// Objects followed to find what something was made from; what is beyond may hold anything.
const SOURCES_MAX: usize = 50_000;
/// What is said for the record.
const WHY: &str = "it may not be handed out any more";

/// What is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Look {
    /// One object: who may not have it any more.
    Object,
    /// What names an object.
    Names,
    /// What an organisation was handed.
    Org,
    /// A version that was taken back by whoever handed it in: `<audience> <modified> <object>`.
    Withdrawn,
    /// One object after a decision that lets more have it ([`Matter`]): where it needs a new place.
    Freed,
    /// What names an object after such a decision, or after it came back into a stream.
    FreedNames,
    /// A stream of which one organisation may have more ([`Loosened`]).
    Loosened,
}

impl Look {
    const ALL: [Self; 7] = [
        Self::Object,
        Self::Names,
        Self::Org,
        Self::Withdrawn,
        Self::Freed,
        Self::FreedNames,
        Self::Loosened,
    ];

    const fn code(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Names => "names",
            Self::Org => "org",
            Self::Withdrawn => "withdrawn",
            Self::Freed => "freed",
            Self::FreedNames => "freed_names",
            Self::Loosened => "loosened",
        }
    }

    /// The write that asks for it, in the name of whoever decided what makes it needed. Asked for again, it begins anew.
    pub fn at(self, subject: &str, why: &str, ctx: &Ctx) -> Write {
        Write::one(
            "INSERT INTO share_look (kind, subject, after, turn, why, person, org, hat, asked_at) \
             VALUES ($1, $2, 0, 0, $3, $4, $5, $6, $7) ON CONFLICT (kind, subject) DO UPDATE SET after = 0, \
             turn = share_look.turn + 1, why = excluded.why, person = excluded.person, org = excluded.org, \
             hat = excluded.hat, asked_at = excluded.asked_at",
            vec![
                Value::from(self.code()),
                Value::from(subject),
                Value::from(why),
                Value::from(ctx.person.as_str()),
                Value::from(&ctx.org),
                Value::from(ctx.hat.id()),
                Value::from(ctx.now),
            ],
        )
    }
}

/// What a withdrawn version is called in the list.
pub fn withdrawn(audience: &str, modified: &str, id: &str) -> String {
    format!("{audience} {modified} {id}")
}

/// One entry of the list, as it stands.
#[derive(Debug, Clone)]
struct Entry {
    look: Look,
    subject: String,
    after: i64,
    turn: i64,
    why: String,
    ctx: Ctx,
}

impl Entry {
    fn key(&self) -> (Look, String) {
        (self.look, self.subject.clone())
    }

    /// Takes the step: only one of several that are at it at once succeeds.
    fn taken(&mut self) -> Write {
        let write = Write::one(
            "UPDATE share_look SET turn = turn + 1 WHERE kind = $1 AND subject = $2 AND turn = $3",
            self.params(),
        );
        self.turn += 1;
        write
    }

    /// The write after which the entry is done, or goes on after `upto`.
    fn done(&self, upto: Option<i64>) -> Write {
        let mut params = self.params();
        let Some(upto) = upto else {
            return Write::one(
                "DELETE FROM share_look WHERE kind = $1 AND subject = $2 AND turn = $3",
                params,
            );
        };
        params.push(Value::from(upto));
        Write::one(
            "UPDATE share_look SET turn = turn + 1, after = $4 WHERE kind = $1 AND subject = $2 AND turn = $3",
            params,
        )
    }

    fn params(&self) -> Vec<Value> {
        vec![Value::from(self.look.code()), Value::from(&self.subject), Value::from(self.turn)]
    }
}

const ENTRY: &str = "SELECT kind, subject, after, turn, why, person, org, hat FROM share_look";

fn entry_at(row: &Row<'_, '_>, now: Timestamp) -> Result<Entry, StoreFailure> {
    let kind = row.text(0)?;
    let damaged =
        |what: &str| StoreFailure::Damaged(format!("`{what}` in what is to be looked at"));
    let who = actor(&row.text(5)?, &row.text(6)?, &row.text(7)?, now);
    Ok(Entry {
        look: Look::ALL
            .into_iter()
            .find(|look| look.code() == kind)
            .ok_or_else(|| damaged(&kind))?,
        subject: row.text(1)?,
        after: row.int(2)?,
        turn: row.int(3)?,
        why: row.text(4)?,
        ctx: who.ok_or_else(|| damaged("an actor"))?,
    })
}

fn actor(person: &str, org: &str, hat: &str, now: Timestamp) -> Option<Ctx> {
    Some(Ctx {
        person: PersonId::parse(person)?,
        org: OrgId::parse(org)?,
        hat: Hat::parse(hat)?,
        sector: None,
        via: Via::Job,
        now,
        request: String::new(),
    })
}

// ---- the loop --------------------------------------------------------------------------------------------------------

/// Where the loop stands.
#[derive(Debug, Default)]
pub struct Watcher {
    /// Arrivals up to here were looked at; absent until it was read from the store.
    seq: Option<i64>,
    /// Up to where the store has it.
    kept: i64,
    /// Findings that ended up to here were looked at.
    at: Timestamp,
    /// Entries whose last step failed: how often, and when they are tried again.
    resting: BTreeMap<(Look, String), (i64, Timestamp)>,
}

/// Watches until the house stops.
pub async fn watch(house: Arc<House>) {
    let mut grown = house.door.size();
    let mut watcher = Watcher::default();
    let mut failures = 0_i64;
    loop {
        let wait = match watcher.turn(&house).await {
            Ok(true) => {
                failures = 0;
                // Others have their turn between two steps, however much there is.
                tokio::task::yield_now().await;
                continue;
            }
            Ok(false) => {
                failures = 0;
                LOOK_AGAIN
            }
            Err(problem) => {
                failures = failures.saturating_add(1);
                let said = said(&problem);
                tracing::error!(problem = said, "what was handed out could not be looked at");
                let wait = Duration::try_from(backoff(failures, None)).unwrap_or(LOOK_AGAIN);
                // What could not be looked at is not tried more often because something else changed.
                tokio::time::sleep(wait).await;
                continue;
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            changed = grown.changed() => if changed.is_err() { return },
        }
    }
}

fn said(problem: &Failure) -> String {
    match problem {
        Failure::Refused(refusal) => refusal.code.to_owned(),
        Failure::Broken(source) => chain(source.as_ref()),
    }
}

impl Watcher {
    /// One piece of each sort of work; says whether there is more at once.
    pub async fn turn(&mut self, house: &Arc<House>) -> Answer<bool> {
        let behind = self.arrivals(house).await?;
        self.ended(house).await?;
        let tightened = Self::tightened(house).await?;
        let stepped = self.step(house).await?;
        Ok(behind || tightened || stepped)
    }

    /// Looks at what came in. How far it got is written down with what was found.
    async fn arrivals(&mut self, house: &Arc<House>) -> Answer<bool> {
        let from = match self.seq {
            Some(seq) => seq,
            None => {
                let (seq, at) = house.store.read(stands).await?;
                (self.kept, self.at) = (seq, at);
                seq
            }
        };
        let now = house.clock.now();
        let new = house.store.read(move |reader| arrived(reader, from)).await?;
        let Some(upto) = new.last().map(|one| one.seq) else {
            self.seq = Some(from);
            return Ok(false);
        };
        let full = i64::try_from(new.len()).unwrap_or(i64::MAX) >= ARRIVALS_MAX;
        let found = found(house, new, now).await?;
        if found.is_empty() && upto - self.kept < LAG_MAX {
            self.seq = Some(upto);
            return Ok(full);
        }
        let Some(ctx) = house.store.read(move |reader| newest_actor(reader, now)).await? else {
            // Nobody ever acted here, so nobody was handed anything.
            self.seq = Some(upto);
            return Ok(full);
        };
        let mut change = Change::office("share.watch", "arrivals").payload(json!({
            "arrivals": upto, "found": found.keys().collect::<Vec<_>>(),
        }));
        change.writes.extend(looks(&found, &ctx));
        let change = change.write(Write::one(
            "UPDATE share_watch SET seq = $1 WHERE watch = 'arrivals' AND seq = $2",
            vec![Value::from(upto), Value::from(self.kept)],
        ));
        house.door.commit(&ctx, change).await?;
        (self.seq, self.kept) = (Some(upto), upto);
        Ok(full)
    }

    /// Looks at what is held on stricter terms since the last look: the list is emptied with what was found.
    async fn tightened(house: &Arc<House>) -> Answer<bool> {
        let now = house.clock.now();
        let new = house.store.read(tightened).await?;
        let Some(upto) = new.last().map(|one| one.seq) else { return Ok(false) };
        let full = i64::try_from(new.len()).unwrap_or(i64::MAX) >= ARRIVALS_MAX;
        let Some(ctx) = house.store.read(move |reader| newest_actor(reader, now)).await? else {
            return Ok(false);
        };
        let found = found(house, new, now).await?;
        let mut change = Change::office("share.watch", "tightened")
            .payload(json!({ "found": found.keys().collect::<Vec<_>>() }));
        change.writes.extend(looks(&found, &ctx));
        let change = change.write(Write::new(
            "DELETE FROM evidence_tightened WHERE number <= $1",
            vec![Value::from(upto)],
        ));
        house.door.commit(&ctx, change).await?;
        Ok(full)
    }

    /// Looks for findings that ended since the last look.
    async fn ended(&mut self, house: &Arc<House>) -> Answer<()> {
        let (since, now) = (self.at, house.clock.now());
        let orgs = house.store.read(move |reader| ended(reader, since, now)).await?;
        if orgs.is_empty() {
            self.at = now;
            return Ok(());
        }
        let Some(ctx) = house.store.read(move |reader| newest_actor(reader, now)).await? else {
            return Ok(());
        };
        let mut change =
            Change::office("share.watch", "findings").payload(json!({ "ended": orgs }));
        for (org, who) in &orgs_with(house, orgs, now).await? {
            let who = who.as_ref().unwrap_or(&ctx);
            change = change.write(Look::Org.at(org, "the protection finding ended", who));
        }
        let change = change.write(Write::one(
            "UPDATE share_watch SET at = $1 WHERE watch = 'arrivals'",
            vec![Value::from(now)],
        ));
        house.door.commit(&ctx, change).await?;
        self.at = now;
        Ok(())
    }

    /// One step of the first entry that does not rest.
    async fn step(&mut self, house: &Arc<House>) -> Answer<bool> {
        let now = house.clock.now();
        let resting: BTreeSet<(Look, String)> = self
            .resting
            .iter()
            .filter(|(_, (_, next))| *next > now)
            .map(|(key, _)| key.clone())
            .collect();
        let limit = i64::try_from(resting.len() + 1).unwrap_or(i64::MAX);
        let open = house
            .store
            .read(move |reader| {
                let sql = format!("{ENTRY} ORDER BY asked_at, kind, subject LIMIT $1");
                reader.all(&sql, &[Value::from(limit)], |row| entry_at(row, now))
            })
            .await?;
        let Some(entry) = open.into_iter().find(|one| !resting.contains(&one.key())) else {
            return Ok(false);
        };
        let key = entry.key();
        match one_step(house, entry).await {
            Ok(()) => drop(self.resting.remove(&key)),
            Err(problem) => {
                let failures = self.resting.get(&key).map_or(1, |(n, _)| n.saturating_add(1));
                let said = said(&problem);
                tracing::error!(problem = said, kind = key.0.code(), "a look failed");
                self.resting.insert(key, (failures, now + backoff(failures, None)));
            }
        }
        Ok(true)
    }
}

/// Looks at some of the list now, so that the answer to a decision finds it done. What is left, the loop does.
pub async fn settle(house: &Arc<House>, looks: &[(Look, String)]) -> Answer<()> {
    let until = house.clock.now() + WAIT_BEFORE_ANSWER;
    for _ in 0..STEPS_BEFORE_ANSWER {
        let (wanted, now) = (looks.to_vec(), house.clock.now());
        if now > until {
            return Ok(());
        }
        let open = house
            .store
            .read(move |reader| {
                let sql = format!("{ENTRY} WHERE kind = $1 AND subject = $2");
                for (look, subject) in wanted {
                    let params = [Value::from(look.code()), Value::from(&subject)];
                    let found = reader.first(&sql, &params, |row| entry_at(row, now))?;
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                Ok(None)
            })
            .await?;
        let Some(entry) = open else { return Ok(()) };
        one_step(house, entry).await?;
    }
    Ok(())
}

// ---- a step ----------------------------------------------------------------------------------------------------------

/// What a step found, and how far it got.
struct Seen {
    /// The newest delivery it takes into account.
    delivered: i64,
    messages: Vec<Message>,
    /// Objects to look at.
    objects: Vec<String>,
    /// Objects that get new places.
    freed: Vec<Freed>,
    /// Objects that somebody may have again who was told that it may not.
    back: Vec<String>,
    /// The writes that forget that they were told.
    forget: Vec<Write>,
    /// Where to go on; absent at the end.
    upto: Option<i64>,
}

/// An object with the places it gets anew, if any, and what is to be looked at after it.
struct Freed {
    id: String,
    places: Vec<freed::Place>,
    then: Option<String>,
}

/// A message that is needed.
struct Message {
    id: String,
    /// The version; every version when absent.
    modified: Option<String>,
    kind: Kind,
    handed: Handed,
    /// The writes that remember what was said.
    remember: Vec<Write>,
}

impl Seen {
    /// Takes what a look at an object gave.
    fn take(&mut self, id: &str, found: Option<fallen::Fallen>) {
        let Some(found) = found else { return };
        self.forget.extend(found.forget());
        if found.is_back() {
            self.back.push(id.to_owned());
        }
        if !found.lost.is_empty() {
            let remember = found.remember(self.delivered);
            let (kind, handed) = (found.kind, found.lost);
            let id = id.to_owned();
            self.messages.push(Message { id, modified: None, kind, handed, remember });
        }
    }
}

async fn one_step(house: &Arc<House>, mut entry: Entry) -> Answer<()> {
    let (wanted, now) = (entry.clone(), entry.ctx.now);
    let seen = house.store.read(move |reader| see(reader, &wanted, now)).await?;
    let ctx = entry.ctx.clone();
    if !seen.freed.is_empty() {
        return place_anew(house, &ctx, entry, seen).await;
    }
    let delivered = seen.delivered;
    let mut waiting = seen.messages.into_iter().peekable();
    while let Some(Message { id, modified, kind, handed, remember }) = waiting.next() {
        let name = format!("recall-{}", fresh_uuid(ctx.now).simple());
        let asked = Asked {
            id: id.clone(),
            modified,
            kind: kind.code().to_owned(),
            reason: entry.why.clone(),
            replaced_by: None,
        };
        let mut change =
            recall::change(&name, &ctx, (&asked, kind, &entry.why), (&handed, delivered))?;
        change.writes.extend(remember);
        if entry.look == Look::Object {
            // What names it may have fallen with it.
            change = change.write(Look::Names.at(&id, &entry.why, &ctx));
        }
        let last = waiting.peek().is_none() && seen.objects.is_empty() && seen.forget.is_empty();
        let step = if last { entry.done(seen.upto) } else { entry.taken() };
        match house.door.commit(&ctx, change.write(step)).await {
            Ok(_) if last => return Ok(()),
            Ok(_) => {}
            // Somebody else took the step, or somebody was just handed it: it is looked at again.
            Err(CommitFailure::Conflict { .. }) => return Ok(()),
            Err(problem) => return Err(problem.into()),
        }
    }
    let mut change = Change::office("share.look", entry.look.code())
        .payload(json!({ "subject": entry.subject, "objects": seen.objects }));
    change.writes.extend(seen.forget);
    for id in &seen.objects {
        change = change.write(Look::Object.at(id, &entry.why, &ctx));
    }
    for id in seen.back.iter().filter(|_| entry.look == Look::Object) {
        // What fell with it may have come back with it, and who was told has passed its place. For an organisation of which
        // something was decided its streams are walked.
        change = change.write(Look::Names.at(id, &entry.why, &ctx));
        let subject = Matter::found(ctx.now, id).subject();
        change = change.write(Look::Freed.at(&subject, "it may be had again", &ctx));
    }
    match house.door.commit(&ctx, change.write(entry.done(seen.upto))).await {
        // Somebody else took the step, or it was asked for anew.
        Ok(_) | Err(CommitFailure::Conflict { .. }) => Ok(()),
        Err(problem) => Err(problem.into()),
    }
}

/// Gives objects new places, each with a leaf; what names them is looked at after that.
async fn place_anew(house: &Arc<House>, ctx: &Ctx, mut entry: Entry, seen: Seen) -> Answer<()> {
    let mut waiting = seen.freed.into_iter().peekable();
    while let Some(one) = waiting.next() {
        let labels: Vec<String> = one.places.iter().map(|place| place.audience.label()).collect();
        // What stands in no stream only passes the question on.
        let command = if one.places.is_empty() { "share.look" } else { "share.place_again" };
        let mut change = Change::office(command, &one.id)
            .payload(json!({ "audiences": labels, "why": entry.why }));
        for place in &one.places {
            change.writes.extend(freed::placed_anew(&one.id, place, ctx.now));
        }
        change.writes.extend(one.then.map(|then| Look::FreedNames.at(&then, &entry.why, ctx)));
        let step = if waiting.peek().is_none() { entry.done(seen.upto) } else { entry.taken() };
        match house.door.commit(ctx, change.write(step)).await {
            Ok(_) => {}
            // Somebody else took the step, or a place changed: it is looked at again.
            Err(CommitFailure::Conflict { .. }) => return Ok(()),
            Err(problem) => return Err(problem.into()),
        }
    }
    Ok(())
}

fn see(reader: &Reader<'_>, entry: &Entry, now: Timestamp) -> Result<Seen, StoreFailure> {
    let delivered = fallen::deliveries(reader)?;
    let mut seen = Seen {
        delivered,
        messages: Vec::new(),
        objects: Vec::new(),
        freed: Vec::new(),
        back: Vec::new(),
        forget: Vec::new(),
        upto: None,
    };
    match entry.look {
        Look::Object => {
            seen.take(&entry.subject, fallen::of(reader, &entry.subject, None, now)?);
        }
        Look::Names => {
            let Some(node) = evidence::read::node(reader, &entry.subject)? else { return Ok(seen) };
            let (some, upto) = fallen::naming(reader, node, entry.after, NAMING_MAX)?;
            seen.upto = upto;
            let ids: BTreeSet<String> = some.into_iter().map(|(_, _, id, _)| id).collect();
            for id in ids {
                if fallen::of(reader, &id, None, now)?.is_some() {
                    seen.objects.push(id);
                }
            }
        }
        Look::Org => {
            let (ids, upto) =
                fallen::given_to(reader, &entry.subject, entry.after, DELIVERIES_MAX)?;
            seen.upto = upto;
            for id in ids {
                seen.take(&id, fallen::of(reader, &id, Some(&entry.subject), now)?);
            }
        }
        Look::Withdrawn => seen.messages.extend(taken_back(reader, entry)?),
        Look::Freed | Look::FreedNames => see_freed(reader, entry, now, &mut seen)?,
        Look::Loosened => {
            let damaged = || StoreFailure::Damaged(format!("`{}` is no decision", entry.subject));
            let loosened = Loosened::parse(&entry.subject).ok_or_else(damaged)?;
            let (some, upto) = freed::more(reader, &loosened, (entry.after, LOOSENED_MAX), now)?;
            seen.upto = upto;
            let anew = |(id, place)| Freed { id, places: vec![place], then: None };
            seen.freed.extend(some.into_iter().map(anew));
        }
    }
    Ok(seen)
}

/// Where an object, or what names it, needs a new place. What stands in no stream passes the question on.
fn see_freed(
    reader: &Reader<'_>,
    entry: &Entry,
    now: Timestamp,
    seen: &mut Seen,
) -> Result<(), StoreFailure> {
    let damaged = || StoreFailure::Damaged(format!("`{}` is no decision", entry.subject));
    let matter = Matter::parse(&entry.subject).ok_or_else(damaged)?;
    let then = |one: Option<Matter<'_>>| one.map(Matter::subject);
    if entry.look == Look::Freed {
        let places = freed::of(reader, matter.id, None, (matter.since, now))?;
        let then = then(matter.naming(matter.id));
        seen.freed.push(Freed { id: matter.id.to_owned(), places, then });
        return Ok(());
    }
    let Some(node) = evidence::read::node(reader, matter.id)? else { return Ok(()) };
    let (some, upto) = fallen::naming(reader, node, entry.after, NAMING_MAX)?;
    seen.upto = upto;
    let ids: BTreeSet<String> = some.into_iter().map(|(_, _, id, _)| id).collect();
    for id in ids {
        let places = freed::of(reader, &id, Some(matter.id), (matter.since, now))?;
        if !places.is_empty() || freed::is_nowhere(reader, &id)? {
            let then = then(matter.naming(&id));
            seen.freed.push(Freed { id: id.clone(), places, then });
        }
    }
    Ok(())
}

/// A version that was taken back by whoever handed it in: everybody else who took it there is told.
fn taken_back(reader: &Reader<'_>, entry: &Entry) -> Result<Option<Message>, StoreFailure> {
    let mut parts = entry.subject.splitn(3, ' ');
    let (Some(audience), Some(modified), Some(id)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(StoreFailure::Damaged(format!("`{}` is no version", entry.subject)));
    };
    let mut handed = fallen::handed(reader, id, Some(modified))?;
    handed.retain(|place, orgs| {
        orgs.remove(entry.ctx.org.as_str());
        place.label() == audience && !orgs.is_empty()
    });
    let (id, modified) = (id.to_owned(), Some(modified.to_owned()));
    Ok((!handed.is_empty()).then(|| Message {
        id,
        modified,
        kind: Kind::Withdrawal,
        handed,
        remember: Vec::new(),
    }))
}

// ---- what came in ----------------------------------------------------------------------------------------------------

/// Where the watch stands in the store.
fn stands(reader: &Reader<'_>) -> Result<(i64, Timestamp), StoreFailure> {
    let found =
        reader.first("SELECT seq, at FROM share_watch WHERE watch = 'arrivals'", &[], |row| {
            Ok((row.int(0)?, row.time(1)?))
        })?;
    found.ok_or_else(|| StoreFailure::Damaged("where the watch stands".to_owned()))
}

/// A version that came in, or is held on stricter terms.
struct Arrived {
    /// The order of arrival, or the place among what was tightened.
    seq: i64,
    id: String,
    /// Its node, and what it bears that no version before it does.
    newly_bound: (i64, Bearing),
    /// What it says was made from something: the node and the identifier.
    made: Option<(i64, String)>,
}

fn arrived(reader: &Reader<'_>, after: i64) -> Result<Vec<Arrived>, StoreFailure> {
    let before = |what: &str| {
        format!(
            "NOT EXISTS (SELECT 1 FROM evidence_object v WHERE v.node = o.node AND v.seq < o.seq AND {what})"
        )
    };
    let sql = format!(
        "SELECT o.seq, o.id, o.node, o.has_comms = 1 AND {}, o.has_secret = 1 AND {}, {} AND {}, d.made, n.id \
         FROM evidence_object o LEFT JOIN evidence_deriving d ON d.via = o.seq \
         LEFT JOIN evidence_node n ON n.node = d.made WHERE o.seq > $1 ORDER BY o.seq LIMIT $2",
        before("v.has_comms = 1"),
        before("v.has_secret = 1"),
        rows::is_agreed("o"),
        before(&rows::is_agreed("v")),
    );
    reader.all(&sql, &[Value::from(after), Value::from(ARRIVALS_MAX)], |row| {
        let newly_bound = (row.int(2)?, Bearing::new(row.truth(3)?, row.truth(4)?, row.truth(5)?));
        Ok(Arrived {
            seq: row.int(0)?,
            id: row.text(1)?,
            newly_bound,
            made: row.int_or_none(6)?.zip(row.text_or_none(7)?),
        })
    })
}

/// What is held on stricter terms since it was last looked.
fn tightened(reader: &Reader<'_>) -> Result<Vec<Arrived>, StoreFailure> {
    reader.all(
        "SELECT t.number, o.id, o.node, t.bound = 1 AND o.has_comms = 1, t.bound = 1 AND o.has_secret = 1 \
         FROM evidence_tightened t JOIN evidence_object o ON o.seq = t.seq ORDER BY t.number LIMIT $1",
        &[Value::from(ARRIVALS_MAX)],
        |row| {
            let newly_bound = (row.int(2)?, Bearing::new(row.truth(3)?, row.truth(4)?, false));
            Ok(Arrived { seq: row.int(0)?, id: row.text(1)?, newly_bound, made: None })
        },
    )
}

/// Objects to look at, each with whether what names it must be looked at too, and in whose name.
type Found = BTreeMap<String, (bool, Option<Ctx>)>;

async fn found(house: &Arc<House>, new: Vec<Arrived>, now: Timestamp) -> Answer<Found> {
    let mut bound: Vec<(i64, Bearing)> = new.iter().map(|one| one.newly_bound).collect();
    bound.retain(|(_, bearing)| !bearing.is_nothing());
    let made: BTreeMap<String, i64> =
        new.iter().filter_map(|one| one.made.clone()).map(|(node, id)| (id, node)).collect();
    let mut ids: BTreeSet<String> = new.into_iter().map(|one| one.id).collect();
    // Said to be made from something, it may carry more than it did, and so does what was made from it.
    for (id, node) in made {
        let asked = id.clone();
        let carries = house.store.read(move |reader| carries(reader, &asked)).await?;
        if !carries.is_nothing() {
            bound.push((node, carries));
        }
        ids.insert(id);
    }
    let mut found = house.store.read(move |reader| touched(reader, ids, now)).await?;
    for id in derived(house, bound).await? {
        let more = BTreeSet::from([id]);
        found.extend(house.store.read(move |reader| touched(reader, more, now)).await?);
    }
    Ok(found)
}

/// What an object carries that keeps it from somebody because of what it was made from.
fn carries(reader: &Reader<'_>, id: &str) -> Result<Bearing, StoreFailure> {
    let found = super::read::facts(reader, id, SOURCES_MAX)?;
    let of = |facts: &Facts| {
        let LegalBits { has_selected_comms, has_secret } = facts.bits;
        Bearing::new(has_selected_comms, has_secret, facts.made_without_consent)
    };
    Ok(found.map(|(facts, _)| of(&facts)).unwrap_or_default())
}

/// The writes that ask for a look at what was found.
fn looks(found: &Found, ctx: &Ctx) -> Vec<Write> {
    let mut writes = Vec::new();
    for (id, (names, who)) in found {
        let who = who.as_ref().unwrap_or(ctx);
        writes.push(Look::Object.at(id, WHY, who));
        if *names {
            writes.push(Look::Names.at(id, WHY, who));
        }
    }
    writes
}

/// Of these objects those that stand in a stream and may not be had any more, by somebody at least.
fn touched(
    reader: &Reader<'_>,
    ids: BTreeSet<String>,
    now: Timestamp,
) -> Result<Found, StoreFailure> {
    let mut found = Found::new();
    for id in ids {
        if !fallen::is_live(reader, &id)? {
            continue;
        }
        // What cannot be judged here is looked at by itself, and stops nothing else.
        let names = fallen::is_told_of(reader, &id)?
            || fallen::is_kept_from_some(reader, &id, now).unwrap_or(true);
        if names || fallen::of(reader, &id, None, now).map_or(true, |found| found.is_some()) {
            let who = released_by(reader, &id, now)?;
            found.insert(id, (names, who));
        }
    }
    Ok(found)
}

/// Everything held that was made from these, however far: it carries from now on what they bear. What bears the same itself
/// ends the way: what was made from that was found when it came in.
async fn derived(house: &Arc<House>, from: Vec<(i64, Bearing)>) -> Answer<BTreeSet<String>> {
    let mut seen: BTreeMap<i64, Bearing> = BTreeMap::new();
    let mut open = Vec::with_capacity(from.len());
    for (node, bearing) in from {
        let known = seen.entry(node).or_default();
        *known = known.join(bearing);
        open.push((node, bearing, 0));
    }
    let mut found = BTreeSet::new();
    while let Some((node, bearing, after)) = open.pop() {
        let (some, upto) =
            house.store.read(move |reader| fallen::naming(reader, node, after, NAMING_MAX)).await?;
        open.extend(upto.map(|via| (node, bearing, via)));
        for (_, other, id, own) in some {
            let known = seen.entry(other).or_default();
            let fresh = bearing.without(*known);
            if fresh.is_nothing() {
                continue;
            }
            *known = known.join(fresh);
            found.insert(id);
            let on = fresh.without(own);
            if !on.is_nothing() {
                open.push((other, on, 0));
            }
        }
    }
    Ok(found)
}

/// Organisations whose newest finding ended in between.
fn ended(
    reader: &Reader<'_>,
    since: Timestamp,
    now: Timestamp,
) -> Result<Vec<String>, StoreFailure> {
    reader.all(
        "SELECT f.org FROM share_finding f WHERE f.valid_until > $1 AND f.valid_until <= $2 \
         AND NOT EXISTS (SELECT 1 FROM share_finding n WHERE n.org = f.org AND n.found_at > f.found_at) ORDER BY f.org",
        &[Value::from(since), Value::from(now)],
        |row| row.text(0),
    )
}

/// Each with whoever made its finding.
async fn orgs_with(
    house: &Arc<House>,
    orgs: Vec<String>,
    now: Timestamp,
) -> Answer<Vec<(String, Option<Ctx>)>> {
    let found = house.store.read(move |reader| {
        let who = |org: String| {
            let sql = "SELECT a.person, a.org, a.hat FROM share_finding f JOIN office_audit a \
                 ON a.subject = f.finding AND a.command = 'share.find' WHERE f.org = $1 ORDER BY f.found_at DESC LIMIT 1";
            let ctx = first_actor(reader, sql, &[Value::from(&org)], now)?;
            Ok((org, ctx))
        };
        orgs.into_iter().map(who).collect::<Result<Vec<_>, StoreFailure>>()
    });
    Ok(found.await?)
}

/// The context to act in: the house finishes what the person who released it began, or who handed it in.
pub fn released_by(
    reader: &Reader<'_>,
    id: &str,
    now: Timestamp,
) -> Result<Option<Ctx>, StoreFailure> {
    first_actor(
        reader,
        "SELECT a.person, a.org, a.hat FROM share_item i JOIN office_audit a ON a.subject = i.release \
         AND a.command IN ('share.release', 'share.take') \
         WHERE i.audience IN (SELECT audience FROM share_audience) AND i.id = $1 AND i.withdrawn_at IS NULL \
         ORDER BY i.added DESC LIMIT 1",
        &[Value::from(id)],
        now,
    )
}

/// Whoever acted last: what nobody in particular began is finished in their name.
fn newest_actor(reader: &Reader<'_>, now: Timestamp) -> Result<Option<Ctx>, StoreFailure> {
    let sql = "SELECT person, org, hat FROM office_audit ORDER BY position DESC LIMIT 1";
    first_actor(reader, sql, &[], now)
}

fn first_actor(
    reader: &Reader<'_>,
    sql: &str,
    params: &[Value],
    now: Timestamp,
) -> Result<Option<Ctx>, StoreFailure> {
    let found = reader.first(sql, params, |row| Ok((row.text(0)?, row.text(1)?, row.text(2)?)))?;
    Ok(found.and_then(|(person, org, hat)| actor(&person, &org, &hat, now)))
}
