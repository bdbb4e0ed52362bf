//! What is known of advisories, answers and questions.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use noroshi_charter::hat::Hat;
use noroshi_charter::release::{Audience, Facts, Recipient, decide};
use noroshi_evidence::marking::{LegalBits, LegalClass, Tlp};

use crate::evidence::rows::{tlp_code, tlp_of};
use crate::office::clock::stamp;
use crate::office::id::OrgId;
use crate::office::store::{Reader, Row, StoreFailure, Value};
use crate::share::gate::Filter;
use crate::share::read::{NOTICES, class_of};
use crate::share::{audience, serve};

/// Rows of a list.
const LISTED_MAX: i64 = 500;
/// Advisories of an organisation looked at in one statement, and in all for one page.
const BATCH: usize = 100;
const LOOKED_MAX: usize = 1_000;
/// Objects named on one page, after which it names no further advisory.
const NAMED_MAX: usize = 500;

/// The words of an advisory and to whom it goes.
#[derive(Debug, Clone)]
pub struct Draft {
    /// To whom.
    pub audience: Audience,
    /// Its title.
    pub title: String,
    /// Its text.
    pub text: String,
    /// Objects it is about.
    pub objects: Vec<String>,
    /// Its colour.
    pub tlp: Tlp,
    /// Its class.
    pub class: LegalClass,
    /// `acknowledge` or `apply`.
    pub needs: Option<String>,
    /// Until when an answer is asked for.
    pub due_at: Option<Timestamp>,
}

impl Draft {
    /// What decides about it. The house itself is its originator, which is no member of any audience.
    fn facts(&self) -> Facts {
        Facts {
            bits: LegalBits {
                has_selected_comms: self.class == LegalClass::Cia,
                has_secret: self.class == LegalClass::CiaPm,
            },
            class: Some(self.class),
            tlp: Some(self.tlp),
            ..Facts::default()
        }
    }

    /// Everything an issue stands on, as one JSON text: no word can be taken for another part.
    pub fn lines(&self, recipients: &[String]) -> String {
        serde_json::json!({
            "audience": self.audience.label(), "title": self.title, "text": self.text, "objects": self.objects,
            "tlp": tlp_code(self.tlp), "class": self.class.code(), "needs": self.needs,
            "due_at": self.due_at.map(|at| at.to_string()), "recipients": recipients,
        })
        .to_string()
    }

    /// What a recipient is given who may read `objects` now, as the API writes it: number and time of issue are added
    /// when it is issued.
    pub fn content(&self, objects: &[String]) -> String {
        let content = serde_json::json!({
            "audience": self.audience.label(), "title": self.title, "text": self.text, "objects": objects,
            "tlp": tlp_code(self.tlp), "class": self.class.code(), "needs": self.needs,
            "due_at": self.due_at.map(stamp),
        });
        serde_json::to_string_pretty(&content).unwrap_or_default()
    }

    /// Whether an answer is still asked for after the last one.
    fn is_open(&self, last: Option<&Said>) -> bool {
        match (self.needs.as_deref(), last) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some("apply"), Some(said)) => said.answer == "acknowledged",
            (Some(_), Some(_)) => false,
        }
    }

    /// Whether the date for an answer has passed.
    pub fn is_past(&self, now: Timestamp) -> bool {
        self.due_at.is_some_and(|due| due < now)
    }
}

/// An advisory as it is kept.
#[derive(Debug, Clone)]
pub struct Advisory {
    /// Its identifier.
    pub advisory: String,
    /// Its words.
    pub draft: Draft,
    /// What the first person saw.
    pub digest: String,
    /// The first person.
    pub person: String,
    /// When it was written.
    pub at: Timestamp,
    /// When it was issued; absent while it waits for a second person.
    pub issued_at: Option<Timestamp>,
    /// The second person, where one was needed.
    pub second: Option<String>,
    /// That it was withdrawn after it was issued, or dismissed before.
    pub withdrawn: Option<Withdrawn>,
}

/// That an advisory counts no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawn {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub why: String,
}

impl Advisory {
    /// Whether an answer is still asked for after the last one.
    pub fn is_open(&self, last: Option<&Said>) -> bool {
        self.withdrawn.is_none() && self.draft.is_open(last)
    }
}

const ADVISORY: &str = "a.advisory, a.audience, a.title, a.body, a.objects, a.tlp, a.class, a.needs, a.due_at, \
     a.digest, a.person, a.at, a.issued_at, a.second, a.withdrawn_at, a.withdrawn_why";
const ADVISORY_COLUMNS: usize = 16;

fn advisory_at(row: &Row<'_, '_>) -> Result<Advisory, StoreFailure> {
    let damaged = || StoreFailure::Damaged("an advisory".to_owned());
    Ok(Advisory {
        advisory: row.text(0)?,
        draft: Draft {
            audience: Audience::parse(&row.text(1)?).ok_or_else(damaged)?,
            title: row.text(2)?,
            text: row.text(3)?,
            objects: row.json(4)?,
            tlp: tlp_of(&row.text(5)?).ok_or_else(damaged)?,
            class: class_of(&row.text(6)?).ok_or_else(damaged)?,
            needs: row.text_or_none(7)?,
            due_at: row.time_or_none(8)?,
        },
        digest: row.text(9)?,
        person: row.text(10)?,
        at: row.time(11)?,
        issued_at: row.time_or_none(12)?,
        second: row.text_or_none(13)?,
        withdrawn: match row.time_or_none(14)? {
            Some(at) => Some(Withdrawn { at, why: row.text(15)? }),
            None => None,
        },
    })
}

/// One advisory.
pub fn advisory(reader: &Reader<'_>, id: &str) -> Result<Option<Advisory>, StoreFailure> {
    let sql = format!("SELECT {ADVISORY} FROM share_advisory a WHERE a.advisory = $1");
    reader.first(&sql, &[Value::from(id)], advisory_at)
}

/// A place in a list of advisories or questions. It stays where it is whatever comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// In which part of the list.
    rank: i64,
    /// When it was written or issued, or is due, as it is kept.
    at: String,
    id: String,
}

impl Place {
    /// Reads what [`Display`](fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '~');
        let (rank, at, id) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { rank: rank.parse().ok()?, at: at.to_owned(), id: id.to_owned() })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}~{}", self.rank, self.at, self.id)
    }
}

/// The parameters of a place: nothing for the first page.
fn behind(after: Option<&Place>) -> [Value; 3] {
    match after {
        Some(Place { rank, at, id }) => [Value::from(*rank), Value::from(at), Value::from(id)],
        None => [Value::Null, Value::Null, Value::Null],
    }
}

/// How the recipients of an advisory have answered, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Recipients.
    pub recipients: usize,
    /// Of these, those an answer is still asked of.
    pub open: usize,
    /// Those whose last answer is that it is applied.
    pub applied: usize,
    /// Those whose last answer is that it is not.
    pub not_applied: usize,
}

impl Counts {
    /// Counts standings.
    pub fn of(advisory: &Advisory, standings: &[Standing]) -> Self {
        let last = |one: &Standing| one.said.as_ref().map(|said| said.answer.clone());
        let with = |word: &'static str| {
            standings.iter().filter(move |one| last(one).as_deref() == Some(word))
        };
        Self {
            recipients: standings.len(),
            open: standings.iter().filter(|one| advisory.is_open(one.said.as_ref())).count(),
            applied: with("applied").count(),
            not_applied: with("not-applied").count(),
        }
    }
}

/// How many recipients an answer is still asked of, as [`Advisory::is_open`] says it of one.
const OPEN: &str = "(CASE WHEN withdrawn_at IS NOT NULL THEN 0 \
     WHEN needs = 'acknowledge' THEN recipients - acknowledged - applied - not_applied \
     WHEN needs = 'apply' THEN recipients - applied - not_applied ELSE 0 END)";

/// Advisories with how their recipients have answered, newest first, at most `limit` behind a place; and where to go on,
/// absent at the end. With a moment those whose answers are late then lead, and those that wait for a second person follow.
///
/// The store counts recipients and answers when they come: what a page costs depends on neither.
pub fn advisories(
    reader: &Reader<'_>,
    late_at: Option<Timestamp>,
    after: Option<&Place>,
    limit: u32,
) -> Result<(Vec<(Advisory, Counts)>, Option<Place>), StoreFailure> {
    let sql = format!(
        "SELECT {ADVISORY}, a.recipients, {OPEN}, a.applied, a.not_applied, p.rank FROM (SELECT advisory, at, rank FROM \
         (SELECT advisory, at, CASE WHEN $1 IS NULL THEN 0 WHEN issued_at IS NULL AND withdrawn_at IS NULL THEN 1 \
         WHEN due_at < $1 AND {OPEN} > 0 THEN 0 ELSE 2 END AS rank FROM share_advisory) AS ranked \
         WHERE $2 IS NULL OR rank > $2 OR (rank = $2 AND (at < $3 OR (at = $3 AND advisory > $4))) \
         ORDER BY rank, at DESC, advisory LIMIT $5) AS p CROSS JOIN share_advisory a ON a.advisory = p.advisory \
         ORDER BY p.rank, p.at DESC, p.advisory"
    );
    let [rank, at, advisory] = behind(after);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let most = Value::Int(i64::try_from(limit + 1).unwrap_or(i64::MAX));
    let params = [Value::from(late_at), rank, at, advisory, most];
    let mut found = reader.all(&sql, &params, |row| {
        let number = |at: usize| -> Result<usize, StoreFailure> {
            Ok(usize::try_from(row.count(at)?).unwrap_or(usize::MAX))
        };
        let counts = Counts {
            recipients: number(ADVISORY_COLUMNS)?,
            open: number(ADVISORY_COLUMNS + 1)?,
            applied: number(ADVISORY_COLUMNS + 2)?,
            not_applied: number(ADVISORY_COLUMNS + 3)?,
        };
        Ok((advisory_at(row)?, counts, row.int(ADVISORY_COLUMNS + 4)?))
    })?;
    let more = found.len() > limit;
    found.truncate(limit);
    let place = |(one, _, rank): &(Advisory, Counts, i64)| Place {
        rank: *rank,
        at: stamp(one.at),
        id: one.advisory.clone(),
    };
    let next = found.last().filter(|_| more).map(place);
    Ok((found.into_iter().map(|(one, counts, _)| (one, counts)).collect(), next))
}

/// What each recipient of a draft is given: those who are given the same stand together.
pub fn contents(
    reader: &Reader<'_>,
    draft: &Draft,
    recipients: &[String],
    now: Timestamp,
) -> Result<Vec<(String, Vec<String>)>, StoreFailure> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for org in recipients {
        let Some(id) = OrgId::parse(org) else { continue };
        let shown = shown(reader, draft, &id, now)?;
        groups.entry(draft.content(&shown)).or_default().push(org.clone());
    }
    Ok(groups.into_iter().collect())
}

/// Of the objects an advisory names, those that an organisation may read now.
fn shown(
    reader: &Reader<'_>,
    draft: &Draft,
    org: &OrgId,
    now: Timestamp,
) -> Result<Vec<String>, StoreFailure> {
    let filter = Filter { types: Vec::new(), tlp_max: Tlp::Red };
    let view = serve::View { audience: draft.audience.clone(), filter };
    let mut shown = Vec::new();
    for object in &draft.objects {
        if serve::shows(reader, &view, org, now, object)? {
            shown.push(object.clone());
        }
    }
    Ok(shown)
}

/// Of the objects an advisory names, those that its audience was not released or that were taken back.
pub fn not_released(reader: &Reader<'_>, draft: &Draft) -> Result<Vec<String>, StoreFailure> {
    let label = draft.audience.label();
    let mut missing = Vec::new();
    for id in &draft.objects {
        let live = reader.number(
            "SELECT COUNT(*) FROM share_item WHERE audience = $1 AND id = $2 AND withdrawn_at IS NULL",
            &[Value::from(&label), Value::from(id)],
        )?;
        if live == 0 {
            missing.push(id.clone());
        }
    }
    Ok(missing)
}

fn reasons(
    reader: &Reader<'_>,
    draft: &Draft,
    org: &str,
    now: Timestamp,
) -> Result<Vec<String>, StoreFailure> {
    let to = audience::recipient(reader, Some(org), &draft.audience)?;
    Ok(decide(&draft.facts(), &to, now).iter().map(|one| one.code.to_owned()).collect())
}

/// Every member of the audience with the reasons why it may not have the advisory; none means it may.
pub fn judge(
    reader: &Reader<'_>,
    draft: &Draft,
    now: Timestamp,
) -> Result<Vec<(String, Vec<String>)>, StoreFailure> {
    let mut judged = Vec::new();
    for org in audience::members(reader, &draft.audience)? {
        let codes = reasons(reader, draft, org.org.as_str(), now)?;
        judged.push((org.org.to_string(), codes));
    }
    judged.sort();
    Ok(judged)
}

/// What a recipient answered.
#[derive(Debug, Clone)]
pub struct Said {
    /// `acknowledged`, `applied` or `not-applied`.
    pub answer: String,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

fn said_at(row: &Row<'_, '_>, at: usize) -> Result<Option<Said>, StoreFailure> {
    let Some(answer) = row.text_or_none(at)? else { return Ok(None) };
    Ok(Some(Said { answer, reason: row.text_or_none(at + 1)?, at: row.time(at + 2)? }))
}

/// An advisory as one recipient has it.
#[derive(Debug, Clone)]
pub struct Received {
    /// The advisory; of its objects only those this recipient may read now.
    pub advisory: Advisory,
    /// When it was first shown.
    pub delivered_at: Option<Timestamp>,
    /// When it was first shown that it is withdrawn.
    pub told_at: Option<Timestamp>,
    /// What was answered, newest first.
    pub said: Vec<Said>,
    /// How often the recipient was reminded.
    pub reminders: u64,
}

/// Somebody under a hat, and as what it may have advisories at this moment.
struct Mine<'a> {
    org: &'a OrgId,
    hat: Hat,
    now: Timestamp,
    /// By audience; absent for those it does not belong to.
    places: BTreeMap<String, Option<Recipient>>,
}

impl<'a> Mine<'a> {
    const fn new((org, hat): (&'a OrgId, Hat), now: Timestamp) -> Self {
        Self { org, hat, now, places: BTreeMap::new() }
    }

    /// Whoever has left the audience, or may not have it any more, has it no longer.
    fn may_have(&mut self, reader: &Reader<'_>, draft: &Draft) -> Result<bool, StoreFailure> {
        let place = &draft.audience;
        let to = match self.places.entry(place.label()) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(free) => {
                let belongs = audience::is_under(self.hat, place)
                    && audience::belongs(reader, self.org, place)?;
                let to = belongs
                    .then(|| audience::recipient(reader, Some(self.org.as_str()), place))
                    .transpose()?;
                free.insert(to)
            }
        };
        Ok(to.as_ref().is_some_and(|to| decide(&draft.facts(), to, self.now).is_empty()))
    }
}

/// What an organisation was sent and when it was first shown: issued or withdrawn before `$2` and `$3`, newest first, at
/// most `$4`. What was withdrawn is news again; to whom it was never shown, it is not shown any more.
fn sent() -> String {
    format!(
        "SELECT {ADVISORY}, r.delivered_at, r.told_at FROM share_advisory_recipient r \
         JOIN share_advisory a ON a.advisory = r.advisory WHERE r.org = $1 AND a.issued_at IS NOT NULL \
         AND (a.withdrawn_at IS NULL OR r.delivered_at IS NOT NULL) \
         AND ($2 IS NULL OR COALESCE(a.withdrawn_at, a.issued_at) < $2 \
         OR (COALESCE(a.withdrawn_at, a.issued_at) = $2 AND a.advisory > $3)) \
         ORDER BY COALESCE(a.withdrawn_at, a.issued_at) DESC, a.advisory LIMIT $4"
    )
}

/// An advisory of a recipient, when it was first shown, and when that it is withdrawn.
type Sent = (Advisory, Option<Timestamp>, Option<Timestamp>);

/// The advisories somebody may have under a hat at `now`, newest first, at most `limit` behind a place; and where to go
/// on, absent at the end. Fewer than `limit` are given where they name many objects, or where many may not be had.
pub fn received(
    reader: &Reader<'_>,
    mine: (&OrgId, Hat),
    now: Timestamp,
    after: Option<&Place>,
    limit: u32,
) -> Result<(Vec<Received>, Option<Place>), StoreFailure> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (org, mut mine) = (mine.0, Mine::new(mine, now));
    let (mut place, mut found) = (after.cloned(), Vec::new());
    let (mut looked, mut named) = (0, 0);
    loop {
        let [_, at, advisory] = behind(place.as_ref());
        let most = Value::Int(i64::try_from(BATCH).unwrap_or(i64::MAX));
        let rows = reader.all(&sent(), &[Value::from(org), at, advisory, most], |row| {
            let delivered_at = row.time_or_none(ADVISORY_COLUMNS)?;
            Ok((advisory_at(row)?, delivered_at, row.time_or_none(ADVISORY_COLUMNS + 1)?))
        })?;
        let ended = rows.len() < BATCH;
        for (one, delivered_at, told_at) in rows {
            if found.len() >= limit || named >= NAMED_MAX || looked >= LOOKED_MAX {
                return Ok((whole(reader, org, now, found)?, place));
            }
            looked += 1;
            let news = one.withdrawn.as_ref().map(|withdrawn| withdrawn.at).or(one.issued_at);
            let at = news.map(stamp).unwrap_or_default();
            place = Some(Place { rank: 0, at, id: one.advisory.clone() });
            if mine.may_have(reader, &one.draft)? {
                named += one.draft.objects.len();
                found.push((one, delivered_at, told_at));
            }
        }
        if ended {
            return Ok((whole(reader, org, now, found)?, None));
        }
    }
}

/// Whether somebody may have this advisory under a hat at `now`.
pub fn is_received(
    reader: &Reader<'_>,
    mine: (&OrgId, Hat),
    now: Timestamp,
    id: &str,
) -> Result<bool, StoreFailure> {
    let sent = reader.number(
        "SELECT COUNT(*) FROM share_advisory_recipient r JOIN share_advisory a ON a.advisory = r.advisory \
         WHERE r.advisory = $1 AND r.org = $2 AND (a.withdrawn_at IS NULL OR r.delivered_at IS NOT NULL)",
        &[Value::from(id), Value::from(mine.0)],
    )?;
    let found = advisory(reader, id)?.filter(|one| one.issued_at.is_some() && sent > 0);
    let Some(found) = found else { return Ok(false) };
    Mine::new(mine, now).may_have(reader, &found.draft)
}

/// What goes with the advisories of a page: what of their objects may be read, the answers, the reminders.
fn whole(
    reader: &Reader<'_>,
    org: &OrgId,
    now: Timestamp,
    found: Vec<Sent>,
) -> Result<Vec<Received>, StoreFailure> {
    let ids: Vec<&str> = found.iter().map(|(one, ..)| one.advisory.as_str()).collect();
    let ids = serde_json::json!(ids).to_string();
    let mut said = said_of(reader, org, &ids)?;
    let reminders: BTreeMap<String, u64> = reader
        .all(
            "SELECT advisory, COUNT(*) FROM share_advisory_reminder \
             WHERE org = $1 AND advisory IN (SELECT value FROM json_each($2)) GROUP BY advisory",
            &[Value::from(org), Value::from(&ids)],
            |row| Ok((row.text(0)?, row.count(1)?)),
        )?
        .into_iter()
        .collect();
    let standing = standing(reader, org, found.iter().map(|(one, ..)| &one.draft))?;
    let mut received = Vec::with_capacity(found.len());
    for (mut one, delivered_at, told_at) in found {
        let label = one.draft.audience.label();
        // What is asked of the stream costs most where nothing may be read: what does not stand there is not asked for.
        one.draft.objects.retain(|id| standing.contains(&(label.clone(), id.clone())));
        one.draft.objects = shown(reader, &one.draft, org, now)?;
        let said = said.remove(&one.advisory).unwrap_or_default();
        let reminders = reminders.get(&one.advisory).copied().unwrap_or(0);
        received.push(Received { advisory: one, delivered_at, told_at, said, reminders });
    }
    Ok(received)
}

/// What an organisation answered to these advisories (a JSON list), newest first.
fn said_of(
    reader: &Reader<'_>,
    org: &OrgId,
    advisories: &str,
) -> Result<BTreeMap<String, Vec<Said>>, StoreFailure> {
    let rows = reader.all(
        "SELECT advisory, answer, reason, at FROM (SELECT advisory, answer, reason, at, number, \
         ROW_NUMBER() OVER (PARTITION BY advisory ORDER BY number DESC) AS back FROM share_advisory_answer \
         WHERE org = $1 AND advisory IN (SELECT value FROM json_each($2))) AS answers \
         WHERE back <= $3 ORDER BY number DESC",
        &[Value::from(org), Value::from(advisories), Value::from(LISTED_MAX)],
        |row| Ok((row.text(0)?, said_at(row, 1)?)),
    )?;
    let mut said: BTreeMap<String, Vec<Said>> = BTreeMap::new();
    for (advisory, one) in rows {
        said.entry(advisory).or_default().extend(one);
    }
    Ok(said)
}

/// Of the objects these name those that stand in the streams of their audiences, or beside them for the organisation
/// alone: audience and object.
fn standing<'d>(
    reader: &Reader<'_>,
    org: &OrgId,
    drafts: impl Iterator<Item = &'d Draft>,
) -> Result<BTreeSet<(String, String)>, StoreFailure> {
    let mut named: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for draft in drafts {
        let objects = draft.objects.iter().map(String::as_str);
        named.entry(draft.audience.label()).or_default().extend(objects);
    }
    let mut standing = BTreeSet::new();
    for (label, ids) in named {
        let ids = serde_json::json!(ids).to_string();
        let found = reader.all(
            "SELECT i.id FROM json_each($2) j CROSS JOIN share_item i ON i.audience = $1 AND i.id = j.value \
             AND i.withdrawn_at IS NULL UNION SELECT i.id FROM json_each($2) j CROSS JOIN share_own i \
             ON i.audience = $1 AND i.org = $3 AND i.id = j.value AND i.withdrawn_at IS NULL",
            &[Value::from(&label), Value::from(ids), Value::from(org)],
            |row| row.text(0),
        )?;
        standing.extend(found.into_iter().map(|id| (label.clone(), id)));
    }
    Ok(standing)
}

/// How one recipient stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The recipient.
    pub org: String,
    /// When it was first shown.
    pub delivered_at: Option<Timestamp>,
    /// When it was first shown that it is withdrawn.
    pub told_at: Option<Timestamp>,
    /// The last answer.
    pub said: Option<Said>,
    /// How often it was reminded.
    pub reminders: u64,
    /// When it was last reminded.
    pub reminded_at: Option<Timestamp>,
}

/// How the recipients of an advisory stand: who has not answered comes first, by name.
pub fn standings(reader: &Reader<'_>, advisory: &str) -> Result<Vec<Standing>, StoreFailure> {
    let mut standings = reader.all(
        "SELECT r.org, r.delivered_at, s.answer, s.reason, s.at, COALESCE(m.times, 0), m.at, r.told_at \
         FROM share_advisory_recipient r LEFT JOIN share_advisory_answer s ON s.number = (SELECT MAX(number) \
         FROM share_advisory_answer WHERE advisory = r.advisory AND org = r.org) \
         LEFT JOIN (SELECT org, COUNT(*) AS times, MAX(at) AS at FROM share_advisory_reminder WHERE advisory = $1 \
         GROUP BY org) AS m ON m.org = r.org WHERE r.advisory = $1 ORDER BY r.org",
        &[Value::from(advisory)],
        |row| {
            Ok(Standing {
                org: row.text(0)?,
                delivered_at: row.time_or_none(1)?,
                said: said_at(row, 2)?,
                reminders: row.count(5)?,
                reminded_at: row.time_or_none(6)?,
                told_at: row.time_or_none(7)?,
            })
        },
    )?;
    standings.sort_by_key(|one| one.said.is_some());
    Ok(standings)
}

/// A question between the office and a member.
#[derive(Debug, Clone)]
pub struct Question {
    /// Its identifier.
    pub question: String,
    /// The member.
    pub org: String,
    /// The office asks; else the member does.
    pub by_office: bool,
    /// What is asked.
    pub words: String,
    /// Until when.
    pub due_at: Timestamp,
    /// When it was asked.
    pub at: Timestamp,
    /// `open`, `answered` or `declined`.
    pub state: String,
    /// The answer, or the justification for giving none.
    pub answer: Option<String>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
}

/// On which side of questions somebody stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// The office, which asks everybody.
    Office,
    /// An organisation; with a capacity, only as far as it is asked in that.
    Member(OrgId, Option<&'static str>),
}

impl Side {
    /// The side of somebody outside the office under a hat.
    pub fn under(org: &OrgId, hat: Hat) -> Self {
        let capacity = match hat {
            Hat::CouncilMember => Some(COUNCIL),
            Hat::SupplierOfficer => Some(SUPPLIER),
            _ => None,
        };
        Self::Member(org.clone(), capacity)
    }

    fn params(&self) -> [Value; 2] {
        match self {
            Self::Office => [Value::Null, Value::Null],
            Self::Member(org, capacity) => {
                [Value::from(org), capacity.map_or(Value::Null, Value::from)]
            }
        }
    }
}

/// Asked as a member of the council (Act art. 45).
pub const COUNCIL: &str = "council";
/// Asked as a supplier (Act art. 42).
pub const SUPPLIER: &str = "supplier";

const QUESTION: &str = "SELECT question, org, by_office, words, due_at, at, state, answer, answered_at \
     FROM share_question WHERE ($1 IS NULL OR org = $1) AND ($2 IS NULL OR capacity = $2)";

fn question_at(row: &Row<'_, '_>) -> Result<Question, StoreFailure> {
    Ok(Question {
        question: row.text(0)?,
        org: row.text(1)?,
        by_office: row.truth(2)?,
        words: row.text(3)?,
        due_at: row.time(4)?,
        at: row.time(5)?,
        state: row.text(6)?,
        answer: row.text_or_none(7)?,
        answered_at: row.time_or_none(8)?,
    })
}

/// One question, as far as it is this side's.
pub fn question(
    reader: &Reader<'_>,
    id: &str,
    side: &Side,
) -> Result<Option<Question>, StoreFailure> {
    let [org, capacity] = side.params();
    let sql = format!("{QUESTION} AND question = $3");
    reader.first(&sql, &[org, capacity, Value::from(id)], question_at)
}

/// The questions of one side: open ones first, by their due date, at most `limit` behind a place; and where to go on,
/// absent at the end.
pub fn questions(
    reader: &Reader<'_>,
    side: &Side,
    after: Option<&Place>,
    limit: u32,
) -> Result<(Vec<Question>, Option<Place>), StoreFailure> {
    let sql = format!(
        "{QUESTION} AND ($3 IS NULL OR (state <> 'open') > $3 OR ((state <> 'open') = $3 \
         AND (due_at > $4 OR (due_at = $4 AND question > $5)))) ORDER BY state <> 'open', due_at, question LIMIT $6"
    );
    let ([org, capacity], [rank, at, id]) = (side.params(), behind(after));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let most = Value::Int(i64::try_from(limit + 1).unwrap_or(i64::MAX));
    let mut found = reader.all(&sql, &[org, capacity, rank, at, id, most], question_at)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let place = |one: &Question| Place {
        rank: i64::from(one.state != "open"),
        at: stamp(one.due_at),
        id: one.question.clone(),
    };
    let next = found.last().filter(|_| more).map(place);
    Ok((found, next))
}

/// In which capacity an organisation can be asked, or ask: it sits in the council, or it supplies; absent otherwise.
pub fn asked_as(reader: &Reader<'_>, org: &OrgId) -> Result<Option<&'static str>, StoreFailure> {
    let all = audience::audiences_of(reader, org)?;
    if all.contains(&Audience::Council) {
        return Ok(Some(COUNCIL));
    }
    let supplies = all.iter().any(|one| matches!(one, Audience::Supplier(_)));
    Ok(supplies.then_some(SUPPLIER))
}

/// An object of an organisation's own, and what it has said of it.
#[derive(Debug, Clone)]
pub struct Opinion {
    /// The object.
    pub id: String,
    /// To whom it is restricted; absent without an opinion.
    pub restricted_to: Option<Vec<String>>,
    /// When that was said.
    pub said_at: Option<Timestamp>,
}

/// Objects that stem from an organisation and about which an opinion can be given, newest first: what it reported, what
/// it marked for few, and what it has given an opinion about. What holds selected communications information or a secret
/// is not listed.
pub fn originated(reader: &Reader<'_>, org: &OrgId) -> Result<Vec<Opinion>, StoreFailure> {
    reader.all(
        "SELECT id, restricted_to, said_at FROM (SELECT o.seq AS seq, o.id AS id, x.restricted_to AS restricted_to, \
         x.said_at AS said_at FROM evidence_object o LEFT JOIN share_handling x ON x.id = o.id \
         WHERE o.closed = 1 AND o.originator = $1 AND o.latest = 1 AND o.has_comms = 0 AND o.has_secret = 0 \
         AND substr(o.source, 1, length($3)) <> $3 \
         UNION SELECT o.seq, o.id, x.restricted_to, x.said_at FROM share_opinion p \
         CROSS JOIN evidence_id n ON n.slot IN (fresh(p.id), settled(p.id)) AND n.id = p.id \
         JOIN evidence_object o ON o.node = n.node AND o.latest = 1 LEFT JOIN share_handling x ON x.id = o.id \
         WHERE p.org = $1) AS own ORDER BY seq DESC LIMIT $2",
        &[Value::from(org), Value::from(LISTED_MAX), Value::from(NOTICES)],
        |row| {
            let list = row.text_or_none(1)?;
            let read = |list: String| {
                serde_json::from_str(&list)
                    .map_err(|problem| StoreFailure::Damaged(problem.to_string()))
            };
            Ok(Opinion {
                id: row.text(0)?,
                restricted_to: list.map(read).transpose()?,
                said_at: row.time_or_none(2)?,
            })
        },
    )
}

/// Of these objects those about which an organisation can give no opinion: not held, not its own in every version, or a
/// message of this office. What is the matter is not told apart.
pub fn not_own(
    reader: &Reader<'_>,
    org: &OrgId,
    objects: &[String],
) -> Result<Vec<String>, StoreFailure> {
    let mut not_own = Vec::new();
    for id in objects {
        let found = reader.first(
            "SELECT COUNT(*), COALESCE(SUM(o.originator = $2 AND o.has_comms = 0 AND o.has_secret = 0 \
             AND substr(o.source, 1, length($3)) <> $3), 0) FROM evidence_id n \
             JOIN evidence_object o ON o.node = n.node WHERE n.slot IN (fresh($1), settled($1)) AND n.id = $1",
            &[Value::from(id), Value::from(org), Value::from(NOTICES)],
            |row| Ok((row.int(0)?, row.int(1)?)),
        )?;
        if !found.is_some_and(|(versions, own)| versions > 0 && versions == own) {
            not_own.push(id.clone());
        }
    }
    Ok(not_own)
}
