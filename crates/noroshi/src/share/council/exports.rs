//! Ready-made exports for an organisation's own tools: what was released to one of its audiences, passes the gate now,
//! is in force and is not doubtful. What the gate said is kept and brought to what holds now ([`super::kept`]); what is
//! unchanged is answered with "not modified".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use noroshi_charter::hat::Hat;
use noroshi_charter::release::Audience;
use noroshi_codec::feed::{self, Entry};
use noroshi_codec::{csv, stix, suricata, zeek_intel};
use noroshi_evidence::marking::Tlp;
use noroshi_evidence::object::StixObject;
use noroshi_evidence::observable::Observable;
use noroshi_ledger::digest::Digest;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::act::may_read;
use super::kept::{Row, State, Tag};
use crate::evidence::lists::Loaded;
use crate::house::House;
use crate::office::commit::Write;
use crate::office::ctx::Ctx;
use crate::office::id::OrgId;
use crate::office::store::{Reader, StoreFailure, Value};
use crate::share::act::Door;
use crate::share::gate::Filter;
use crate::share::handed::{self, Given, Handing};
use crate::share::serve::{self, Asked, View};
use crate::share::{audience, read};
use crate::web::refusal::{Answer, Failure, Refusal};

/// Objects taken at once.
pub(super) const PAGE: usize = 1_000;
/// Indicators of one export at most.
const INDICATORS_MAX: usize = 100_000;
/// The zone of names to refuse, and the first number of the block of rules.
const ZONE: &str = "rpz.noroshi.example";
const SID: u32 = 9_100_000;

/// The format that has a form for every indicator: its own bytes.
const STIX: &str = "stix";

/// The formats, as addresses name them.
pub const FORMATS: [&str; 5] = ["rpz", "suricata", "zeek", "csv", STIX];

/// Why an indicator that may be had and is in force is not in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// It is in another language than STIX, and the format is not.
    Language,
    /// It says more than that one of its values was seen, and the format cannot.
    Pattern,
    /// One of its values is doubtful.
    Doubtful,
}

impl LeftOut {
    const fn code(self) -> &'static str {
        match self {
            Self::Language => "language",
            Self::Pattern => "pattern",
            Self::Doubtful => "doubtful",
        }
    }
}

/// Why a value of an indicator is not in a file.
const fn code_of(why: feed::LeftOut) -> &'static str {
    match why {
        feed::LeftOut::Kind => "kind",
        feed::LeftOut::Form => "form",
        feed::LeftOut::Length => "length",
    }
}

/// How many indicators and values a file leaves out, by the code of the reason.
type Counted = BTreeMap<&'static str, u64>;

/// That in one line, for a header or a comment.
pub(super) fn written_out(left_out: &Counted) -> String {
    let each: Vec<String> = left_out.iter().map(|(code, n)| format!("{code}={n}")).collect();
    if each.is_empty() { "none".to_owned() } else { each.join(", ") }
}

/// What is in an export.
#[derive(Debug, Default)]
struct Gathered {
    pieces: Vec<Given>,
    /// What is not.
    left_out: Counted,
    /// What is handed out, in the same order; only where the format is made of it.
    objects: Vec<StixObject>,
    entries: Vec<Entry>,
    full: bool,
    /// The position in the audit up to which they were judged.
    as_of: i64,
}

impl Gathered {
    /// Nothing yet, judged in this snapshot.
    fn of(reader: &Reader<'_>) -> Result<Self, StoreFailure> {
        Ok(Self { as_of: handed::as_of(reader)?, ..Self::default() })
    }

    /// Takes one more that holds now, names nothing doubtful and has a form in the format, or counts why not; says whether
    /// there was room.
    fn takes(&mut self, row: &Row, (lists, format): (&Loaded, &str), now: Timestamp) -> bool {
        if !row.holds(now) {
            return true;
        }
        let doubtful = row.values.iter().any(|value| lists.is_doubtful(value));
        let bare = row.bare.filter(|_| format != STIX);
        if let Some(why) = doubtful.then_some(LeftOut::Doubtful).or(bare) {
            *self.left_out.entry(why.code()).or_default() += 1;
            return true;
        }
        if self.pieces.len() >= INDICATORS_MAX {
            self.full = true;
            return false;
        }
        let entry = |observable: &Observable| Entry {
            observable: observable.clone(),
            indicator: row.id.clone(),
            valid_until: row.valid_until,
            tlp: row.tlp,
            source: row.source.clone(),
        };
        if row.bare.is_none() {
            self.entries.extend(row.values.iter().map(entry));
        }
        let (id, digest) = (row.id.as_str().to_owned(), row.digest.clone());
        // What its terms weigh is not kept with a row; what came in between is looked at once more after it was handed out.
        let (added, as_of) = (row.added, self.as_of);
        self.pieces.push(Given { added, id, digest, as_of, weight: None });
        true
    }
}

pub(super) fn only_indicators() -> Filter {
    Filter { types: vec!["indicator".to_owned()], tlp_max: Tlp::Red }
}

/// Every indicator that stands in a stream, or beside it for the organisation alone.
pub(super) fn indicators(
    reader: &Reader<'_>,
    place: &Audience,
    org: &OrgId,
) -> Result<BTreeSet<Arc<str>>, StoreFailure> {
    let rows = reader.all(
        "SELECT id FROM share_item WHERE audience = $1 AND type = 'indicator' \
         UNION SELECT id FROM share_own WHERE audience = $1 AND org = $2 AND type = 'indicator'",
        &[Value::from(place.label()), Value::from(org)],
        |row| row.text(0),
    )?;
    Ok(rows.iter().map(|id| id.as_str().into()).collect())
}

/// An export made whole: every object of the stream goes through the gate now.
fn whole(
    reader: &Reader<'_>,
    (place, org): (&Audience, &OrgId),
    (lists, format): (&Loaded, &str),
    now: Timestamp,
) -> Result<Gathered, StoreFailure> {
    let view = View { audience: place.clone(), filter: only_indicators() };
    let until = serve::end(reader, place)?;
    let mut made = Gathered::of(reader)?;
    let mut after = 0;
    loop {
        let asked = Asked { after, until, limit: PAGE, ..Asked::default() };
        let slice = serve::page(reader, &view, org, now, &asked)?;
        for one in slice.items {
            let Some(row) = Row::of(&one) else { continue };
            let taken = made.pieces.len();
            if !made.takes(&row, (lists, format), now) {
                return Ok(made);
            }
            made.objects.extend((made.pieces.len() > taken).then_some(one.object));
        }
        match slice.next {
            Some(next) => after = next,
            None => break,
        }
    }
    made.entries.sort();
    Ok(made)
}

/// An export made of what is kept of the stream, brought to what holds in this snapshot; `None` when that is too much.
fn from_kept(
    reader: &Reader<'_>,
    state: &mut State,
    (place, org): (&Audience, &OrgId),
    (lists, format): (&Loaded, &str),
    now: Timestamp,
) -> Result<Option<Gathered>, StoreFailure> {
    if state.forward(reader, (place, org), now)?.is_err() {
        return Ok(None);
    }
    let mut rows: Vec<&Row> = state.rows.values().flatten().collect();
    rows.sort_by_key(|row| row.added);
    let mut made = Gathered::of(reader)?;
    for row in rows {
        let taken = made.pieces.len();
        if !made.takes(row, (lists, format), now) {
            return Ok(Some(made));
        }
        if format == STIX && made.pieces.len() > taken {
            made.objects.push(object_of(reader, row)?);
        }
    }
    made.entries.sort();
    Ok(Some(made))
}

/// What is handed out of an indicator: what is stored, unless the gate left something out of it.
fn object_of(reader: &Reader<'_>, row: &Row) -> Result<StixObject, StoreFailure> {
    if let Some(text) = &row.text {
        return read::parse(text);
    }
    let found = reader.first(
        "SELECT o.bytes FROM evidence_id n JOIN evidence_object o ON o.node = n.node \
         WHERE n.slot IN (fresh($1), settled($1)) AND n.id = $1 AND o.modified = $2 AND o.digest = $3",
        &[Value::from(row.id.as_str()), Value::from(&row.modified), Value::from(&row.digest)],
        |row| row.text(0),
    )?;
    let gone = || StoreFailure::Damaged(format!("`{}` that was released", row.id));
    read::parse(&found.ok_or_else(gone)?)
}

/// The next instant at which one of these begins or ends; at the last, a day from now.
fn changes_at(state: &State, now: Timestamp) -> Timestamp {
    let times = state.rows.values().flatten();
    let times = times.flat_map(|row| [Some(row.valid_from), row.valid_until]).flatten();
    let next = times.filter(|at| *at > now).min();
    let day = now.saturating_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX);
    next.map_or(day, |next| next.min(day))
}

/// When an organisation last fetched an export, its digest and serial.
fn last(
    reader: &Reader<'_>,
    org: &OrgId,
    place: &Audience,
    format: &str,
) -> Result<Option<(String, i64)>, StoreFailure> {
    reader.first(
        "SELECT digest, serial FROM share_export WHERE org = $1 AND audience = $2 AND format = $3",
        &[Value::from(org), Value::from(place.label()), Value::from(format)],
        |row| Ok((row.text(0)?, row.int(1)?)),
    )
}

/// An export that an organisation can fetch.
#[derive(Debug, Clone)]
pub struct Offered {
    /// Whose stream.
    pub audience: Audience,
    /// The format.
    pub format: &'static str,
    /// When it was last fetched.
    pub fetched_at: Option<Timestamp>,
    /// What was not in it then, by the code of the reason.
    pub left_out: BTreeMap<String, u64>,
}

/// The exports an organisation can fetch.
pub fn offered(
    reader: &Reader<'_>,
    (org, hat): (&OrgId, Hat),
) -> Result<Vec<Offered>, StoreFailure> {
    let mut offered = Vec::new();
    for audience in audience::audiences_under(reader, org, hat)? {
        if audience == Audience::Public {
            continue;
        }
        for format in FORMATS {
            let last = reader.first(
                "SELECT fetched_at, left_out FROM share_export WHERE org = $1 AND audience = $2 AND format = $3",
                &[Value::from(org), Value::from(audience.label()), Value::from(format)],
                |row| Ok((row.time(0)?, row.json(1)?)),
            )?;
            let (fetched_at, left_out) = last.unzip();
            let left_out = left_out.unwrap_or_default();
            offered.push(Offered { audience: audience.clone(), format, fetched_at, left_out });
        }
    }
    Ok(offered)
}

/// An export as it is sent.
#[derive(Debug)]
pub struct Export {
    /// Its tag.
    pub tag: String,
    /// The media type.
    pub kind: &'static str,
    /// The text; absent when the caller has it.
    pub text: Option<String>,
    /// How much of the stream is not in it, by the code of the reason.
    pub left_out: Counted,
}

/// A file as it was written.
struct Written {
    text: String,
    kind: &'static str,
    /// What the format has no form for, besides what was left out before.
    left_out: Counted,
}

fn written(format: &str, file: Option<&str>, made: &Gathered, serial: i64) -> Answer<Written> {
    const TEXT: &str = "text/plain; charset=utf-8";
    let (entries, mut left_out) = (&made.entries, made.left_out.clone());
    let absent = || Failure::from(Refusal::absent());
    let mut of = |mut files: feed::Files<'_>, name: &str| {
        for (_, why) in files.left_out {
            *left_out.entry(code_of(why)).or_default() += 1;
        }
        files.files.remove(name).ok_or_else(absent)
    };
    // Where the format knows comments, the file itself says last what is not in it.
    let (mut text, kind, comment) = match (format, file) {
        ("rpz", None) => {
            let serial = u32::try_from(serial).unwrap_or(u32::MAX);
            (of(feed::rpz(serial, ZONE, entries), "rpz.zone")?, TEXT, Some(';'))
        }
        ("suricata", file) => {
            let name = file.unwrap_or(suricata::RULES);
            let comment = (name == suricata::RULES).then_some('#');
            (of(suricata::encode(SID, entries), name)?, TEXT, comment)
        }
        ("zeek", None) => (zeek_intel::encode(entries), TEXT, Some('#')),
        ("csv", None) => (csv::encode(entries), "text/csv; charset=utf-8", None),
        (STIX, None) => (bundle(made)?, "application/stix+json;version=2.1", None),
        _ => return Err(absent()),
    };
    if let Some(comment) = comment.filter(|_| !left_out.is_empty()) {
        text.push_str(&format!("{comment} left out: {}\n", written_out(&left_out)));
    }
    Ok(Written { text, kind, left_out })
}

/// The indicators with their own bytes, in a bundle whose identifier follows from them.
fn bundle(made: &Gathered) -> Answer<String> {
    let broken = |problem: Box<dyn std::error::Error + Send + Sync>| Failure::Broken(problem);
    let mut hash = Sha256::new();
    for one in &made.pieces {
        hash.update(one.digest.as_bytes());
    }
    let bytes: [u8; 32] = hash.finalize().into();
    let seed = u128::from_be_bytes(*bytes.first_chunk::<16>().unwrap_or(&[0; 16]));
    let uuid = uuid::Builder::from_random_bytes(seed.to_be_bytes()).into_uuid();
    let id = format!("bundle--{uuid}").parse().map_err(|problem| broken(Box::new(problem)))?;
    let objects: Vec<&StixObject> = made.objects.iter().collect();
    stix::encode_bundle(&id, objects).map_err(|problem| broken(Box::new(problem)))
}

/// How an export is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// From what is kept.
    Kept,
    /// From nothing.
    Whole,
}

/// What is asked for: whose stream, which format, which of its files.
#[derive(Debug, Clone)]
struct Wanted {
    label: String,
    format: &'static str,
    file: Option<String>,
}

impl Wanted {
    fn read((label, format, file): (&str, &str, Option<&str>)) -> Answer<Self> {
        let found = FORMATS.iter().find(|one| **one == format);
        let format = found.ok_or_else(|| Failure::from(Refusal::absent()))?;
        Ok(Self { label: label.to_owned(), format, file: file.map(str::to_owned) })
    }

    /// What its tag is kept under.
    fn key(&self) -> String {
        format!("{}/{}", self.format, self.file.as_deref().unwrap_or_default())
    }

    /// The audience it is of, among those the caller sees.
    fn place(
        &self,
        reader: &Reader<'_>,
        org: &OrgId,
        hat: Hat,
    ) -> Result<Option<Audience>, StoreFailure> {
        let own = audience::audiences_under(reader, org, hat)?;
        Ok(match self.label.as_str() {
            "own" => own.into_iter().find(|place| place.org() == Some(org.as_str())),
            label => own.into_iter().find(|place| place.label() == label),
        })
    }
}

/// Makes an export of one of the caller's own audiences; what is handed out is recorded before the first byte.
pub async fn export(
    house: &Arc<House>,
    ctx: &Ctx,
    wanted: (&str, &str, Option<&str>),
    known: impl Fn(&str) -> bool,
) -> Answer<Export> {
    may_read(house, ctx)?;
    let wanted = Wanted::read(wanted)?;
    for _ in 0..handed::TRIES {
        if let Some(export) = same(house, ctx, &wanted, &known).await? {
            return Ok(export);
        }
        let made = made(house, ctx, &wanted, How::Kept).await?;
        let tag = format!("\"{}\"", Digest::of(made.text.as_bytes()));
        let is_known = known(&tag);
        if is_known || recorded(house, ctx, &wanted, &made).await? {
            let Made { text, kind, left_out, .. } = made;
            return Ok(Export { tag, kind, text: (!is_known).then_some(text), left_out });
        }
    }
    Err(handed::unsettled())
}

/// What an export would be when it were made from nothing. It is not handed out and not recorded: for the checks.
pub async fn anew(
    house: &Arc<House>,
    ctx: &Ctx,
    wanted: (&str, &str, Option<&str>),
) -> Answer<String> {
    may_read(house, ctx)?;
    Ok(made(house, ctx, &Wanted::read(wanted)?, How::Whole).await?.text)
}

/// That the caller has the file already, where nothing changed since it was written; nothing otherwise.
async fn same(
    house: &Arc<House>,
    ctx: &Ctx,
    wanted: &Wanted,
    known: &impl Fn(&str) -> bool,
) -> Answer<Option<Export>> {
    let (org, hat, now, asked) = (ctx.org.clone(), ctx.hat, ctx.now, wanted.clone());
    let (house_of, lists) = (Arc::clone(house), house.lists.current());
    let found = house
        .store
        .read(move |reader| {
            let Some(place) = asked.place(reader, &org, hat)? else { return Ok(None) };
            let state = house_of.exports.of(&org, &place);
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(tag) = state.tags.get(&asked.key()).cloned() else { return Ok(None) };
            if state.forward(reader, (&place, &org), now)?.is_err() {
                return Ok(None);
            }
            let holds = tag.generation == state.generation
                && Arc::ptr_eq(&tag.lists, &lists)
                && tag.within.contains(&now)
                && last(reader, &org, &place, asked.format)?.as_ref() == Some(&tag.stands);
            Ok(holds.then_some((tag.tag, tag.left_out)))
        })
        .await?;
    let kind = "text/plain; charset=utf-8";
    let same = found.filter(|(tag, _)| known(tag));
    Ok(same.map(|(tag, left_out)| Export { tag, kind, text: None, left_out }))
}

/// An export that was made.
struct Made {
    place: Audience,
    made: Gathered,
    text: String,
    kind: &'static str,
    left_out: Counted,
    digest: String,
    serial: i64,
}

async fn made(house: &Arc<House>, ctx: &Ctx, wanted: &Wanted, how: How) -> Answer<Made> {
    let (org, hat, now, asked) = (ctx.org.clone(), ctx.hat, ctx.now, wanted.clone());
    let (house_of, lists) = (Arc::clone(house), house.lists.current());
    let found = house
        .store
        .read(move |reader| {
            let Some(place) = asked.place(reader, &org, hat)? else { return Ok(None) };
            let made = match how {
                How::Kept => kept(&house_of, reader, (&place, &org), (&lists, asked.format), now)?,
                How::Whole => None,
            };
            let (made, stands) = match made {
                Some((made, stands)) => (made, Some(stands)),
                None => (whole(reader, (&place, &org), (&lists, asked.format), now)?, None),
            };
            let last = last(reader, &org, &place, asked.format)?;
            Ok(Some((place, made, last, stands, lists)))
        })
        .await?;
    let (place, made, last, stands, lists) =
        found.ok_or_else(|| Failure::from(Refusal::absent()))?;
    if made.full {
        return Err(Refusal::new("NRS-SHAR-0530", StatusCode::SERVICE_UNAVAILABLE).into());
    }
    let digest = content(wanted.format, &made).to_string();
    let serial = match last {
        Some((before, serial)) if before == digest => serial,
        Some((_, serial)) => now.as_second().max(serial + 1),
        None => now.as_second(),
    };
    let Written { text, kind, left_out } =
        written(wanted.format, wanted.file.as_deref(), &made, serial)?;
    if let Some((generation, until)) = stands {
        let tag = format!("\"{}\"", Digest::of(text.as_bytes()));
        let (stands, left_out) = ((digest.clone(), serial), left_out.clone());
        let tag = Tag { generation, lists, within: now..until, stands, tag, left_out };
        let state = house.exports.of(&ctx.org, &place);
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.tags.insert(wanted.key(), tag);
    }
    Ok(Made { place, made, text, kind, left_out, digest, serial })
}

/// Digest over what is in a file, whatever its form.
fn content(format: &str, made: &Gathered) -> Digest {
    if format == STIX {
        let each: Vec<&str> = made.pieces.iter().map(|one| one.digest.as_str()).collect();
        return Digest::of(each.join(" ").as_bytes());
    }
    Digest::of(csv::encode(&made.entries).as_bytes())
}

/// An export from what is kept, with the state it stands on and until when that holds.
fn kept(
    house: &House,
    reader: &Reader<'_>,
    (place, org): (&Audience, &OrgId),
    (lists, format): (&Loaded, &str),
    now: Timestamp,
) -> Result<Option<(Gathered, (u64, Timestamp))>, StoreFailure> {
    let state = house.exports.of(org, place);
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let made = from_kept(reader, &mut state, (place, org), (lists, format), now)?;
    let stands = (state.generation, changes_at(&state, now));
    house.exports.counted(org, place, state.rows.len());
    Ok(made.map(|made| (made, stands)))
}

/// Records that an export is handed out; says whether nothing of it was taken back meanwhile.
async fn recorded(house: &Arc<House>, ctx: &Ctx, wanted: &Wanted, made: &Made) -> Answer<bool> {
    let (format, place) = (wanted.format, &made.place);
    let through = format!("export-{format}");
    let handing =
        Handing { recipient: &ctx.org, audience: place, through: &through, door: Door::Export };
    let what = wanted.file.as_deref().unwrap_or(format);
    let change = handing.change_of(what, &made.made.pieces, ctx.now).write(Write::one(
        "INSERT INTO share_export (org, audience, format, digest, serial, fetched_at, left_out) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (org, audience, format) DO UPDATE SET \
         digest = excluded.digest, serial = excluded.serial, fetched_at = excluded.fetched_at, \
         left_out = excluded.left_out",
        vec![
            Value::from(&ctx.org),
            Value::from(place.label()),
            Value::from(format),
            Value::from(&made.digest),
            Value::from(made.serial),
            Value::from(ctx.now),
            Value::from(json!(made.left_out).to_string()),
        ],
    ));
    handing.record(house, ctx, change).await
}
