//! Taking back and correcting what was handed out: a new message to everybody who got it, never a deletion.
//!
//! The stream stops showing the object, a message about it (a STIX `note`) goes into every stream it was handed out
//! through, to exactly those who got it, and a row for each of them stays open until they acknowledge.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use noroshi_charter::hat::Hat;
use noroshi_charter::release::Audience;
use noroshi_evidence::id::StixId;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use noroshi_ledger::leaf::Fact;
use serde_json::json;

use super::act::{Made, may_release, once, refuse};
use super::fallen::Handed;
use super::gate::Filter;
use super::read::NOTICES;
use super::serve::{self, View};
use super::watch::Look;
use super::{audience, fallen};
use crate::evidence::rows::{self, NewObject};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, CommitFailure, Idempotency, Write};
use crate::office::ctx::Ctx;
use crate::office::id::{OrgId, ReleaseId, fresh_uuid, random_uuid};
use crate::office::store::{Reader, Row, StoreFailure, Value};
use crate::web::locale::{Lang, Words};
use crate::web::refusal::{Answer, Failure, Refusal};

/// Longest reason, in characters.
pub const REASON_CHARS_MAX: usize = 1_000;
/// Longest note of a recipient, in characters.
pub const NOTE_CHARS_MAX: usize = 1_000;
/// Rows of a list.
const LISTED_MAX: i64 = 500;
/// How often a message is made anew because somebody was handed the object meanwhile.
const TRIES_MAX: usize = 20;
/// Stream by stream: every index of the streams begins with its audience, and nobody waits while all of them are walked.
const WITHDRAW: &str = "UPDATE share_item SET withdrawn_at = $1 WHERE audience IN (SELECT audience FROM share_audience) \
     AND id = $2 AND ($3 IS NULL OR modified = $3) AND withdrawn_at IS NULL";

/// What sort of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is taken back.
    Recall,
    /// Something else replaces it.
    Correction,
    /// It is marked more strictly than when it was handed out.
    Remark,
    /// Its originator withdrew it.
    Revocation,
    /// Whoever handed it in over TAXII took it back; it may hand it in again.
    Withdrawal,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Recall, Self::Correction, Self::Remark, Self::Revocation, Self::Withdrawal];
    /// Those a person of the office chooses from.
    pub const ASKED: [Self; 4] = [Self::Recall, Self::Correction, Self::Remark, Self::Revocation];

    /// As records name it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Recall => "recall",
            Self::Correction => "correction",
            Self::Remark => "remark",
            Self::Revocation => "revocation",
            Self::Withdrawal => "withdrawal",
        }
    }

    /// Reads [`Kind::code`].
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// What is to be taken back.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The object.
    pub id: String,
    /// The version's key; every version when absent.
    pub modified: Option<String>,
    /// What sort of message.
    pub kind: String,
    /// Why, for the record; recipients do not see it.
    pub reason: String,
    /// What replaces it, for a correction.
    pub replaced_by: Option<String>,
}

/// Takes an object back, or corrects it, at everybody who got it.
pub async fn recall(
    house: &Arc<House>,
    ctx: &Ctx,
    asked: &Asked,
    key: Option<Idempotency>,
) -> Answer<Made> {
    may_release(house, ctx)?;
    let kind = Kind::parse(&asked.kind).filter(|kind| Kind::ASKED.contains(kind));
    let kind = kind.ok_or_else(|| refuse("NRS-SHAR-0330"))?;
    let reason = asked.reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Err(refuse("NRS-SHAR-0331"));
    }
    let replaced_by = asked.replaced_by.as_deref().filter(|id| !id.is_empty());
    let named = [Some(asked.id.as_str()), replaced_by];
    if named.into_iter().flatten().any(|id| id.parse::<StixId>().is_err()) {
        return Err(refuse("NRS-SHAR-0011"));
    }
    if (kind == Kind::Correction) != replaced_by.is_some() {
        return Err(refuse("NRS-SHAR-0332"));
    }
    let id = format!("recall-{}", fresh_uuid(ctx.now).simple());
    for tried in 1.. {
        let wanted = asked.clone();
        let (handed, delivered) = house
            .store
            .read(move |reader| {
                let delivered = fallen::deliveries(reader)?;
                Ok((fallen::handed(reader, &wanted.id, wanted.modified.as_deref())?, delivered))
            })
            .await?;
        if handed.is_empty() {
            return Err(Refusal::new("NRS-SHAR-0334", StatusCode::NOT_FOUND).into());
        }
        let change = change(&id, ctx, (asked, kind, reason), (&handed, delivered))?;
        match house.door.commit(ctx, change.once(key.clone())).await {
            // Somebody was handed it meanwhile, and is told too.
            Err(CommitFailure::Conflict { .. }) if tried < TRIES_MAX => {}
            outcome => return once(outcome, id),
        }
    }
    Err(changed_meanwhile())
}

/// It was handed out again and again while it was taken back.
fn changed_meanwhile() -> Failure {
    Refusal::new("NRS-SHAR-0340", StatusCode::SERVICE_UNAVAILABLE).into()
}

/// The change that records a message and puts it where its recipients find it.
pub(super) fn change(
    id: &str,
    ctx: &Ctx,
    (asked, kind, reason): (&Asked, Kind, &str),
    (handed, delivered): (&Handed, i64),
) -> Answer<Change> {
    let recipients: BTreeSet<&String> = handed.values().flatten().collect();
    let notice = notice(ctx, asked, kind, handed.contains_key(&Audience::Public))?;
    let fact = Fact::ShareRecall {
        recall: id.to_owned(),
        recall_kind: kind.code().to_owned(),
        recipients: recipients.len() as u64,
    };
    let mut change = Change::new("share.recall", id, fact).payload(json!({
        "id": asked.id, "modified": asked.modified, "kind": kind.code(), "reason": reason,
        "replaced_by": asked.replaced_by, "recipients": recipients,
    }));
    // INVARIANT: who got it is who is told: a delivery that was recorded since undoes the change, and it is made anew.
    change = change.write(fallen::none_since(&asked.id, delivered)).write(Write::one(
        "INSERT INTO share_recall (recall, id, modified, kind, reason, replaced_by, notice, person, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        vec![
            Value::from(id),
            Value::from(&asked.id),
            Value::from(asked.modified.clone()),
            Value::from(kind.code()),
            Value::from(reason),
            Value::from(asked.replaced_by.clone()),
            Value::from(notice.object.head().id.as_str()),
            Value::from(&ctx.person),
            Value::from(ctx.now),
        ],
    ));
    for org in &recipients {
        change = change.write(Write::one(
            "INSERT INTO share_recall_recipient (recall, org) VALUES ($1, $2)",
            vec![Value::from(id), Value::from(*org)],
        ));
    }
    // What is only marked more strictly stays in the streams: the gate keeps it from those who may not have it now, and
    // gives it back should the marking be lifted. What was taken back by whoever handed it in left its stream then.
    if !matches!(kind, Kind::Remark | Kind::Withdrawal) {
        change = change.write(Write::new(
            WITHDRAW,
            vec![Value::from(ctx.now), Value::from(&asked.id), Value::from(asked.modified.clone())],
        ));
        // What names it may not be had without it.
        change = change.write(Look::Names.at(&asked.id, reason, ctx));
    }
    Ok(if recipients.is_empty() { change } else { spread(change, ctx, &notice, handed) })
}

/// Puts the message into every stream the object was handed out through, for exactly those who got it there.
fn spread(mut change: Change, ctx: &Ctx, notice: &NewObject, handed: &Handed) -> Change {
    let release = ReleaseId::fresh(ctx.now);
    let recipients: BTreeSet<&String> = handed.values().flatten().collect();
    change.writes.extend(rows::insert_objects(std::slice::from_ref(notice), ctx.now));
    if !handed.contains_key(&Audience::Public) {
        change = change.write(Write::one(
            "INSERT INTO share_handling (id, restricted_to, said_at) VALUES ($1, $2, $3)",
            vec![
                Value::from(notice.object.head().id.as_str()),
                Value::from(json!(recipients).to_string()),
                Value::from(ctx.now),
            ],
        ));
    }
    for (number, audience) in
        handed.iter().filter(|(_, got)| !got.is_empty()).map(|(one, _)| one).enumerate()
    {
        let release = format!("{release}-{number}");
        let label = audience.label();
        change = change
            .write(Write::one(
                "INSERT INTO share_release (release, audience, person, at, outcome) VALUES ($1, $2, $3, $4, $5)",
                vec![
                    Value::from(&release),
                    Value::from(&label),
                    Value::from(&ctx.person),
                    Value::from(ctx.now),
                    Value::from(json!({ "released": [notice.object.head().id.as_str()], "already": [], "refused": [], "recipients": recipients }).to_string()),
                ],
            ))
            .write(super::act::next_place(&label, ctx.now))
            .write(super::act::placed(&label, &notice.object, &release));
    }
    change
}

/// The message: a note that names the object its readers have, and for a correction what replaces it. It says no more:
/// the reason stays in the record.
fn notice(ctx: &Ctx, asked: &Asked, kind: Kind, public: bool) -> Answer<NewObject> {
    let tlp = if public { Tlp::Clear } else { Tlp::Green };
    let at = format!("{:.3}", ctx.now);
    let mut refs = vec![asked.id.clone()];
    refs.extend(asked.replaced_by.clone().filter(|id| !id.is_empty()));
    // Its readers may read either language, and a program shows what it is given.
    let key = format!("share-notice-{}", kind.code());
    let said = |lang| Words::new(lang).t(&key);
    let content = format!("{} / {}", said(Lang::En), said(Lang::Ja));
    let text = json!({
        "type": "note", "spec_version": "2.1", "id": format!("note--{}", random_uuid()),
        "created": at, "modified": at, "content": content, "object_refs": refs,
        "labels": ["noroshi-notice", format!("noroshi-{}", kind.code())],
        "object_marking_refs": [tlp.marking_id().as_str()],
    });
    let object = StixObject::parse(&text.to_string())
        .map_err(|problem| Failure::Broken(Box::new(problem)))?;
    let source = format!("{NOTICES}{}", asked.id);
    Ok(NewObject { object, tlp, class: LegalClass::CiaN, originator: ctx.org.to_string(), source })
}

// ---- who has answered ----------------------------------------------------------------------------------------------

/// One message as one recipient has it.
#[derive(Debug, Clone)]
pub struct Message {
    /// The message.
    pub recall: String,
    /// The object it is about.
    pub id: String,
    /// What sort of message.
    pub kind: String,
    /// What replaces the object.
    pub replaced_by: Option<String>,
    /// When it was sent.
    pub at: Timestamp,
    /// The recipient.
    pub org: String,
    /// The recipient's names, Japanese and English.
    pub names: (String, String),
    /// `pending`, `delivered` (it took the message) or `acknowledged` (it says that it has acted); until then it stands
    /// in the list of what is open.
    pub state: String,
    /// When it was acknowledged.
    pub acknowledged_at: Option<Timestamp>,
    /// How often the recipient was reminded.
    pub reminders: u64,
}

const ROW: &str = "SELECT r.recall, r.id, r.kind, r.replaced_by, r.at, t.org, \
     COALESCE(o.name_ja, t.org), COALESCE(o.name_en, t.org), t.state, t.acknowledged_at, \
     (SELECT COUNT(*) FROM share_reminder m WHERE m.recall = t.recall AND m.org = t.org) \
     FROM share_recall_recipient t JOIN share_recall r ON r.recall = t.recall LEFT JOIN office_org o ON o.org = t.org";

fn row_at(row: &Row<'_, '_>) -> Result<Message, StoreFailure> {
    Ok(Message {
        recall: row.text(0)?,
        id: row.text(1)?,
        kind: row.text(2)?,
        replaced_by: row.text_or_none(3)?,
        at: row.time(4)?,
        org: row.text(5)?,
        names: (row.text(6)?, row.text(7)?),
        state: row.text(8)?,
        acknowledged_at: row.time_or_none(9)?,
        reminders: row.count(10)?,
    })
}

/// A place in the list of what is open: behind one message to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// When the message was sent, as it is kept.
    at: String,
    recall: String,
    org: String,
}

impl Place {
    /// Behind a message.
    pub fn behind(message: &Message) -> Self {
        let at = crate::office::clock::stamp(message.at);
        Self { at, recall: message.recall.clone(), org: message.org.clone() }
    }

    /// Reads what [`Display`](std::fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '~').map(str::to_owned);
        Some(Self { at: parts.next()?, recall: parts.next()?, org: parts.next()? })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}~{}~{}", self.at, self.recall, self.org)
    }
}

/// What nobody has acknowledged yet, oldest first, behind a place; and where to go on, absent at the end.
pub fn open(
    reader: &Reader<'_>,
    after: Option<&Place>,
) -> Result<(Vec<Message>, Option<Place>), StoreFailure> {
    let none = Place { at: String::new(), recall: String::new(), org: String::new() };
    let Place { at, recall, org } = after.unwrap_or(&none);
    let sql = format!(
        "{ROW} WHERE t.state <> 'acknowledged' AND (r.at, r.recall, t.org) > ($1, $2, $3) \
         ORDER BY r.at, r.recall, t.org LIMIT $4"
    );
    let params =
        [Value::from(at), Value::from(recall), Value::from(org), Value::from(LISTED_MAX + 1)];
    let mut found = reader.all(&sql, &params, row_at)?;
    let most = usize::try_from(LISTED_MAX).unwrap_or(usize::MAX);
    let more = found.len() > most;
    found.truncate(most);
    let next = found.last().filter(|_| more).map(Place::behind);
    Ok((found, next))
}

/// How many messages nobody has acknowledged yet.
pub fn open_count(reader: &Reader<'_>) -> Result<u64, StoreFailure> {
    let sql = "SELECT COUNT(*) FROM share_recall_recipient WHERE state IN ('pending', 'delivered')";
    Ok(u64::try_from(reader.number(sql, &[])?).unwrap_or(0))
}

/// One message as one recipient has it.
fn message(reader: &Reader<'_>, recall: &str, org: &str) -> Result<Option<Message>, StoreFailure> {
    let sql = format!("{ROW} WHERE t.recall = $1 AND t.org = $2");
    reader.first(&sql, &[Value::from(recall), Value::from(org)], row_at)
}

/// The recipients of one message.
pub fn of(reader: &Reader<'_>, recall: &str) -> Result<Vec<Message>, StoreFailure> {
    let sql = format!("{ROW} WHERE t.recall = $1 ORDER BY t.org");
    reader.all(&sql, &[Value::from(recall)], row_at)
}

/// What one organisation was sent, newest first; what is open comes before what is done.
pub fn inbox(reader: &Reader<'_>, org: &str) -> Result<Vec<Message>, StoreFailure> {
    let sql = format!(
        "{ROW} WHERE t.org = $1 ORDER BY t.state = 'acknowledged', r.at DESC, r.recall LIMIT $2"
    );
    reader.all(&sql, &[Value::from(org), Value::from(LISTED_MAX)], row_at)
}

fn may_read(house: &House, ctx: &Ctx) -> Result<(), Failure> {
    let own = On { owner: Some(&ctx.org), ..On::default() };
    Ok(house.authoriser.check(ctx, Action::ShareRead, own)?)
}

/// The caller's own messages; that they were shown is recorded for those that were not delivered yet.
pub async fn read_inbox(house: &Arc<House>, ctx: &Ctx) -> Answer<Vec<Message>> {
    may_read(house, ctx)?;
    let (org, hat, now) = (ctx.org.clone(), ctx.hat, ctx.now);
    let rows = house
        .store
        .read(move |reader| {
            let mut rows = Vec::new();
            for mut row in inbox(reader, org.as_str())? {
                if !is_under(reader, &row, (&org, hat))? {
                    continue;
                }
                // What replaces an object is named to those who may have it, and to nobody else.
                if let Some(id) = row.replaced_by.as_deref()
                    && !may_have(reader, (&org, hat), now, id)?
                {
                    row.replaced_by = None;
                }
                rows.push(row);
            }
            Ok(rows)
        })
        .await?;
    let pending: Vec<&Message> = rows.iter().filter(|row| row.state == "pending").collect();
    if !pending.is_empty() {
        let mut change = Change::office("share.inbox", ctx.org.as_str()).payload(
            json!({ "recalls": pending.iter().map(|row| &row.recall).collect::<Vec<_>>() }),
        );
        for row in pending {
            change = change.write(delivered("recall", &row.recall, &ctx.org, ctx.now));
        }
        house.door.commit(ctx, change).await?;
    }
    Ok(rows)
}

/// Whether a message is about something that its reader was handed as what the hat stands for.
fn is_under(
    reader: &Reader<'_>,
    row: &Message,
    (org, hat): (&OrgId, Hat),
) -> Result<bool, StoreFailure> {
    if !matches!(hat, Hat::CouncilMember | Hat::SupplierOfficer) {
        return Ok(true);
    }
    let handed = fallen::handed(reader, &row.id, None)?;
    let there = |(audience, got): (&Audience, &BTreeSet<String>)| {
        audience::is_under(hat, audience) && got.contains(org.as_str())
    };
    Ok(handed.iter().any(there))
}

/// Whether any stream somebody sees under its hat shows it an object now.
fn may_have(
    reader: &Reader<'_>,
    (org, hat): (&OrgId, Hat),
    now: Timestamp,
    id: &str,
) -> Result<bool, StoreFailure> {
    for audience in audience::audiences_under(reader, org, hat)? {
        let filter = Filter { types: Vec::new(), tlp_max: Tlp::Red };
        if serve::shows(reader, &View { audience, filter }, org, now, id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The write that says that an organisation has taken a message, found by itself or by its note.
pub(super) fn delivered(by: &str, value: &str, org: &OrgId, at: Timestamp) -> Write {
    let sql = match by {
        "notice" => {
            "UPDATE share_recall_recipient SET state = 'delivered', delivered_at = $1 WHERE org = $2 \
             AND state = 'pending' AND recall IN (SELECT recall FROM share_recall WHERE notice = $3)"
        }
        _ => {
            "UPDATE share_recall_recipient SET state = 'delivered', delivered_at = $1 WHERE org = $2 \
             AND state = 'pending' AND recall = $3"
        }
    };
    Write::new(sql, vec![Value::from(at), Value::from(org), Value::from(value)])
}

/// Of these notes those an organisation has not taken yet.
pub(super) fn untaken(
    reader: &Reader<'_>,
    org: &OrgId,
    notes: &[String],
) -> Result<Vec<String>, StoreFailure> {
    let mut untaken = Vec::new();
    for note in notes {
        let waits = reader.first(
            "SELECT 1 FROM share_recall r JOIN share_recall_recipient t ON t.recall = r.recall \
             WHERE r.notice = $1 AND t.org = $2 AND t.state = 'pending'",
            &[Value::from(note), Value::from(org)],
            |row| row.int(0),
        )?;
        if waits.is_some() {
            untaken.push(note.clone());
        }
    }
    Ok(untaken)
}

/// The recipient says that it has acted.
pub async fn acknowledge(house: &Arc<House>, ctx: &Ctx, recall: &str, note: &str) -> Answer<Made> {
    may_read(house, ctx)?;
    let note = note.trim();
    if note.chars().count() > NOTE_CHARS_MAX {
        return Err(refuse("NRS-SHAR-0331"));
    }
    let (wanted, org, hat) = (recall.to_owned(), ctx.org.clone(), ctx.hat);
    let found = house
        .store
        .read(move |reader| {
            let Some(row) = message(reader, &wanted, org.as_str())? else { return Ok(None) };
            Ok(is_under(reader, &row, (&org, hat))?.then_some(row))
        })
        .await?;
    let Some(row) = found else {
        return Err(Refusal::absent().into());
    };
    if row.state == "acknowledged" {
        return Err(Refusal::new("NRS-SHAR-0335", StatusCode::CONFLICT).into());
    }
    let fact = Fact::ShareAcknowledge { recall: recall.to_owned() };
    let change = Change::new("share.acknowledge", recall, fact)
        .payload(json!({ "org": ctx.org.as_str(), "note": note }))
        .write(Write::one(
            "UPDATE share_recall_recipient SET state = 'acknowledged', acknowledged_at = $1, \
             delivered_at = COALESCE(delivered_at, $1), by = $2, note = $3 \
             WHERE recall = $4 AND org = $5 AND state <> 'acknowledged'",
            vec![
                Value::from(ctx.now),
                Value::from(&ctx.person),
                Value::from(note),
                Value::from(recall),
                Value::from(&ctx.org),
            ],
        ));
    once(house.door.commit(ctx, change).await, recall.to_owned())
}

/// Records that a recipient was reminded; the reminder stands in its inbox.
pub async fn remind(house: &Arc<House>, ctx: &Ctx, recall: &str, org: &str) -> Answer<Made> {
    may_release(house, ctx)?;
    let (wanted, to) = (recall.to_owned(), org.to_owned());
    let found = house.store.read(move |reader| message(reader, &wanted, &to)).await?;
    if found.is_none_or(|row| row.state == "acknowledged") {
        return Err(Refusal::absent().into());
    }
    let change =
        Change::office("share.remind", recall).payload(json!({ "org": org })).write(Write::one(
            "INSERT INTO share_reminder (recall, org, person, at) VALUES ($1, $2, $3, $4)",
            vec![
                Value::from(recall),
                Value::from(org),
                Value::from(&ctx.person),
                Value::from(ctx.now),
            ],
        ));
    once(house.door.commit(ctx, change).await, recall.to_owned())
}
