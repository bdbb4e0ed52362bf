//! What is known of advisories, answers and questions.

use jiff::Timestamp;
use noroshi_charter::release::{Audience, Facts, decide};
use noroshi_evidence::marking::{LegalBits, LegalClass, Tlp};

use crate::evidence::rows::{tlp_code, tlp_of};
use crate::office::id::OrgId;
use crate::office::store::{Reader, Row, StoreFailure, Value};
use crate::share::gate::Filter;
use crate::share::read::class_of;
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
}

const ADVISORY: &str = "SELECT a.advisory, a.audience, a.title, a.body, a.objects, a.tlp, a.class, a.needs, a.due_at, \
     a.digest, a.person, a.at, a.issued_at FROM share_advisory a";

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
}

/// The advisories an organisation may have at `now`, newest first. Whoever has left the audience, or may not have it any
/// more, has none.
pub fn received(
    reader: &Reader<'_>,
    org: &OrgId,
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
        if !audience::belongs(reader, org, &place)?
            || !reasons(reader, &found.draft, org.as_str(), now)?.is_empty()
        {
            continue;
        }
        let filter = Filter { types: Vec::new(), tlp_max: Tlp::Red };
        let view = serve::View { audience: place, filter };
        let mut shown = Vec::new();
        for object in std::mem::take(&mut found.draft.objects) {
            if serve::shows(reader, &view, org, now, &object)? {
                shown.push(object);
            }
        }
        found.draft.objects = shown;
        let said = said(reader, &id, org.as_str())?;
        received.push(Received { advisory: found, delivered_at, said });
    }
    Ok(received)
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
        standings.push(Standing { org, delivered_at, said: last });
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

const QUESTION: &str = "SELECT question, org, by_office, words, due_at, at, state, answer, answered_at \
     FROM share_question WHERE ($1 IS NULL OR org = $1)";

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

/// One question, as far as it is this side's: the office's (`None`) or a member's.
pub fn question(
    reader: &Reader<'_>,
    id: &str,
    side: Option<&OrgId>,
) -> Result<Option<Question>, StoreFailure> {
    let of = side.map(|org| org.as_str().to_owned());
    let sql = format!("{QUESTION} AND question = $2");
    reader.first(&sql, &[Value::from(of), Value::from(id)], question_at)
}

/// The questions of one side: open ones first, by their due date.
pub fn questions(reader: &Reader<'_>, side: Option<&OrgId>) -> Result<Vec<Question>, StoreFailure> {
    let of = side.map(|org| org.as_str().to_owned());
    let sql = format!("{QUESTION} ORDER BY state <> 'open', due_at, question LIMIT $2");
    reader.all(&sql, &[Value::from(of), Value::from(LISTED_MAX)], question_at)
}
