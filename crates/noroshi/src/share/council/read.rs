//! What is known of advisories, answers and questions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use noroshi_charter::hat::Hat;
use noroshi_charter::release::{Audience, Facts, decide};
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
    pub fn is_open(&self, last: Option<&Said>) -> bool {
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
}

const ADVISORY: &str = "SELECT a.advisory, a.audience, a.title, a.body, a.objects, a.tlp, a.class, a.needs, a.due_at, \
     a.digest, a.person, a.at, a.issued_at, a.second FROM share_advisory a";

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
    })
}

/// One advisory.
pub fn advisory(reader: &Reader<'_>, id: &str) -> Result<Option<Advisory>, StoreFailure> {
    reader.first(&format!("{ADVISORY} WHERE a.advisory = $1"), &[Value::from(id)], advisory_at)
}

/// Every advisory, newest first.
pub fn advisories(reader: &Reader<'_>) -> Result<Vec<Advisory>, StoreFailure> {
    let sql = format!("{ADVISORY} ORDER BY a.at DESC, a.advisory LIMIT $1");
    reader.all(&sql, &[Value::from(LISTED_MAX)], advisory_at)
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
    pub fn of(draft: &Draft, standings: &[Standing]) -> Self {
        let last = |one: &Standing| one.said.as_ref().map(|said| said.answer.clone());
        let with = |word: &'static str| {
            standings.iter().filter(move |one| last(one).as_deref() == Some(word))
        };
        Self {
            recipients: standings.len(),
            open: standings.iter().filter(|one| draft.is_open(one.said.as_ref())).count(),
            applied: with("applied").count(),
            not_applied: with("not-applied").count(),
        }
    }
}

/// Every advisory with how its recipients have answered, newest first.
pub fn counted(reader: &Reader<'_>) -> Result<Vec<(Advisory, Counts)>, StoreFailure> {
    let with = |one: Advisory| {
        let counts = Counts::of(&one.draft, &standings(reader, &one.advisory)?);
        Ok((one, counts))
    };
    advisories(reader)?.into_iter().map(with).collect()
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

/// What an organisation answered to an advisory, newest first.
pub fn said(reader: &Reader<'_>, advisory: &str, org: &str) -> Result<Vec<Said>, StoreFailure> {
    reader.all(
        "SELECT answer, reason, at FROM share_advisory_answer WHERE advisory = $1 AND org = $2 \
         ORDER BY number DESC LIMIT $3",
        &[Value::from(advisory), Value::from(org), Value::from(LISTED_MAX)],
        |row| Ok(Said { answer: row.text(0)?, reason: row.text_or_none(1)?, at: row.time(2)? }),
    )
}

/// An advisory as one recipient has it.
#[derive(Debug, Clone)]
pub struct Received {
    /// The advisory; of its objects only those this recipient may read now.
    pub advisory: Advisory,
    /// When it was first shown.
    pub delivered_at: Option<Timestamp>,
    /// What was answered, newest first.
    pub said: Vec<Said>,
    /// How often the recipient was reminded.
    pub reminders: u64,
}

/// The advisories somebody may have under a hat at `now`, newest first. Whoever has left the audience, or may not have it
/// any more, has none.
pub fn received(
    reader: &Reader<'_>,
    (org, hat): (&OrgId, Hat),
    now: Timestamp,
) -> Result<Vec<Received>, StoreFailure> {
    let rows = reader.all(
        "SELECT a.advisory, r.delivered_at FROM share_advisory_recipient r \
         JOIN share_advisory a ON a.advisory = r.advisory \
         WHERE r.org = $1 AND a.issued_at IS NOT NULL ORDER BY a.issued_at DESC, a.advisory LIMIT $2",
        &[Value::from(org), Value::from(LISTED_MAX)],
        |row| Ok((row.text(0)?, row.time_or_none(1)?)),
    )?;
    let mut received = Vec::new();
    for (id, delivered_at) in rows {
        let Some(mut found) = advisory(reader, &id)? else { continue };
        let place = found.draft.audience.clone();
        if !audience::is_under(hat, &place)
            || !audience::belongs(reader, org, &place)?
            || !reasons(reader, &found.draft, org.as_str(), now)?.is_empty()
        {
            continue;
        }
        found.draft.objects = shown(reader, &found.draft, org, now)?;
        let said = said(reader, &id, org.as_str())?;
        let (reminders, _) = reminded(reader, &id, org.as_str())?;
        received.push(Received { advisory: found, delivered_at, said, reminders });
    }
    Ok(received)
}

/// How often an organisation was reminded of an advisory, and when last.
fn reminded(
    reader: &Reader<'_>,
    advisory: &str,
    org: &str,
) -> Result<(u64, Option<Timestamp>), StoreFailure> {
    let found = reader.first(
        "SELECT COUNT(*), MAX(at) FROM share_advisory_reminder WHERE advisory = $1 AND org = $2",
        &[Value::from(advisory), Value::from(org)],
        |row| Ok((row.count(0)?, row.time_or_none(1)?)),
    )?;
    Ok(found.unwrap_or_default())
}

/// How one recipient stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The recipient.
    pub org: String,
    /// When it was first shown.
    pub delivered_at: Option<Timestamp>,
    /// The last answer.
    pub said: Option<Said>,
    /// How often it was reminded.
    pub reminders: u64,
    /// When it was last reminded.
    pub reminded_at: Option<Timestamp>,
}

/// How the recipients of an advisory stand: who has not answered comes first, by name.
pub fn standings(reader: &Reader<'_>, advisory: &str) -> Result<Vec<Standing>, StoreFailure> {
    let rows = reader.all(
        "SELECT org, delivered_at FROM share_advisory_recipient WHERE advisory = $1 ORDER BY org",
        &[Value::from(advisory)],
        |row| Ok((row.text(0)?, row.time_or_none(1)?)),
    )?;
    let mut standings = Vec::new();
    for (org, delivered_at) in rows {
        let last = said(reader, advisory, &org)?.into_iter().next();
        let (reminders, reminded_at) = reminded(reader, advisory, &org)?;
        standings.push(Standing { org, delivered_at, said: last, reminders, reminded_at });
    }
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

/// The questions of one side: open ones first, by their due date.
pub fn questions(reader: &Reader<'_>, side: &Side) -> Result<Vec<Question>, StoreFailure> {
    let [org, capacity] = side.params();
    let sql = format!("{QUESTION} ORDER BY state <> 'open', due_at, question LIMIT $3");
    reader.all(&sql, &[org, capacity, Value::from(LISTED_MAX)], question_at)
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
         JOIN evidence_node n ON n.slot = keyed(p.id) AND n.id = p.id \
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
             AND substr(o.source, 1, length($3)) <> $3), 0) FROM evidence_node n \
             JOIN evidence_object o ON o.node = n.node WHERE n.slot = keyed($1) AND n.id = $1",
            &[Value::from(id), Value::from(org), Value::from(NOTICES)],
            |row| Ok((row.int(0)?, row.int(1)?)),
        )?;
        if !found.is_some_and(|(versions, own)| versions > 0 && versions == own) {
            not_own.push(id.clone());
        }
    }
    Ok(not_own)
}
