//! What is handed out is recorded before the first byte goes: a leaf, and the exact places in the audience's stream.
//!
//! Handed out means that the bytes of the object went. A manifest or a list of versions names objects and hands none
//! out; whoever read only that gets no message when an object is recalled, and a note named there was not taken.
//!
//! A message about a recall is *taken* when the answer that carries it was given away to its end: an answer that broke
//! off before leaves it pending. That is as much as a server can see of its reader; that it has read and acted, only the
//! recipient can say, by acknowledging.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use futures_util::stream::unfold;
use jiff::Timestamp;
use noroshi_charter::release::Audience;
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::Fact;
use serde_json::json;
use tokio::sync::mpsc;

use super::act::Door;
use super::deltas;
use super::recall;
use super::serve::Served;
use crate::house::House;
use crate::office::commit::{Change, CommitFailure, Write};
use crate::office::ctx::Ctx;
use crate::office::id::{OrgId, fill_random};
use crate::office::secret::hex;
use crate::office::store::{Reader, StoreFailure, Value};
use crate::web::refusal::{Answer, Failure, Refusal};

/// Lists that name objects and hand none out.
const ONLY_NAMES: [&str; 2] = ["manifest", "versions"];
/// How often something is looked at again because it was taken back meanwhile.
pub const TRIES: usize = 8;
/// Bytes of an answer that are given away at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Who is handed something, of which stream, through which door.
#[derive(Debug, Clone, Copy)]
pub struct Handing<'a> {
    /// Who receives.
    pub recipient: &'a OrgId,
    /// Whose stream.
    pub audience: &'a Audience,
    /// The view, subscription or peer it goes through, as the log names it.
    pub through: &'a str,
    /// Through which door.
    pub door: Door,
}

/// One object that is handed out, as the record names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Its place.
    pub added: i64,
    /// Its identifier.
    pub id: String,
    /// SHA-256 over what is handed out.
    pub digest: String,
    /// The position in the audit up to which it was judged ([`as_of`]).
    pub as_of: i64,
    /// What its terms weighed then ([`Served::weight`]); absent where it was judged before and brought up to this moment.
    pub weight: Option<i64>,
}

/// The position in the audit up to which this snapshot sees.
pub fn as_of(reader: &Reader<'_>) -> Result<i64, StoreFailure> {
    reader.number("SELECT COALESCE(MAX(position), -1) FROM office_audit", &[])
}

impl From<&Served> for Given {
    fn from(one: &Served) -> Self {
        let id = one.object.head().id.as_str().to_owned();
        Self {
            added: one.added,
            id,
            digest: one.digest.clone(),
            as_of: one.as_of,
            weight: one.weight,
        }
    }
}

impl Handing<'_> {
    /// The change that records it.
    pub fn change(&self, what: &str, items: &[Served], now: Timestamp) -> Change {
        let pieces: Vec<Given> = items.iter().map(Given::from).collect();
        self.change_of(what, &pieces, now)
    }

    /// The change that records that these are handed out, in the order of their places.
    pub fn change_of(&self, what: &str, items: &[Given], now: Timestamp) -> Change {
        let parts: Vec<String> =
            items.iter().map(|one| format!("{} {}\n", one.id, one.digest)).collect();
        let objects: Vec<_> = items.iter().map(|one| one.id.as_str()).collect();
        // Fresh salt: who may see a part of an object must not find the rest by trying.
        let mut salt = [0u8; 32];
        fill_random(&mut salt);
        let (salt, lines) = (hex(&salt), parts.concat());
        let fact = Fact::ShareRead {
            collection: self.through.to_owned(),
            audience: self.audience.label(),
            objects: items.len() as u64,
            digest: Digest::of(format!("{salt}\n{lines}").as_bytes()),
        };
        let mut change = Change::new("share.read", self.through, fact)
            .payload(json!({ "what": what, "objects": objects, "salt": salt, "lines": lines }));
        if !ONLY_NAMES.contains(&what) {
            change.writes.extend(self.delivery(items, now));
        }
        change
    }

    /// Makes a change that records it; says whether it was made. It is not where something of it was taken back or held on
    /// stricter terms after it was looked at, or something was decided about sharing: then nothing may be handed out, and
    /// the caller looks again.
    pub async fn record(&self, house: &House, ctx: &Ctx, change: Change) -> Answer<bool> {
        match house.door.commit(ctx, change).await {
            Ok(_) => Ok(true),
            Err(CommitFailure::Conflict { .. }) => Ok(false),
            Err(problem) => Err(problem.into()),
        }
    }

    /// The rows that say which places of a stream were handed out to whom, on the judgement of which moment.
    fn delivery(&self, items: &[Given], now: Timestamp) -> Vec<Write> {
        let (Some(first), Some(last)) = (items.first(), items.last()) else { return Vec::new() };
        let (first, last) = (first.added, last.added);
        let added: Vec<i64> = items.iter().map(|one| one.added).collect();
        let as_of = items.iter().map(|one| one.as_of).min().unwrap_or(-1);
        let judged: Vec<(i64, i64)> =
            items.iter().filter_map(|one| Some((one.added, one.weight?))).collect();
        let inserted = Write::one(
            // INVARIANT: what was taken back since it was looked at is not handed out, nor what is held on other terms than
            // those it was judged by ([`super::history::weight`]), nor anything on a judgement that a decision about sharing
            // came after; and who takes something back sees every delivery before it. The leaf comes after the rows of its
            // change, so its place is the one after the last.
            "INSERT INTO share_delivery (recipient, audience, first_added, last_added, added, via, at, position) \
             SELECT $1, $2, $3, $4, $5, $6, $7, (SELECT MAX(position) + 1 FROM office_leaf) \
             WHERE NOT EXISTS (SELECT 1 FROM json_each($8) j WHERE NOT EXISTS (SELECT 1 FROM share_item i \
             WHERE i.audience = $2 AND i.added = j.value AND i.withdrawn_at IS NULL) AND NOT EXISTS (SELECT 1 \
             FROM share_own w WHERE w.audience = $2 AND w.org = $1 AND w.added = j.value AND w.withdrawn_at IS NULL)) \
             AND NOT EXISTS (SELECT 1 FROM office_audit a WHERE a.position > $9 AND a.command IN ('org.add', 'share.find', \
             'share.ceiling', 'share.seat', 'share.handle', 'share.review', 'share.configure')) \
             AND ((SELECT MAX(position) FROM office_audit) <= $9 OR NOT EXISTS (SELECT 1 FROM json_each($10) j \
             CROSS JOIN share_item i ON i.audience = $2 AND i.added = json_extract(j.value, '$[0]') \
             WHERE json_extract(j.value, '$[1]') <> (SELECT SUM(1 + CASE v.tlp WHEN 'clear' THEN 0 WHEN 'green' THEN 1 \
             WHEN 'amber' THEN 2 WHEN 'amber-strict' THEN 3 ELSE 4 END + CASE v.class WHEN 'CIA-N' THEN 0 \
             WHEN 'CIA-P' THEN 1 WHEN 'CIA-PM' THEN 2 ELSE 3 END + v.has_comms + v.has_secret) \
             FROM evidence_id n JOIN evidence_object v ON v.node = n.node \
             WHERE n.slot IN (fresh(i.id), settled(i.id)) AND n.id = i.id)))",
            vec![
                Value::from(self.recipient),
                Value::from(self.audience.label()),
                Value::from(first),
                Value::from(last),
                Value::from(deltas::encode(&added)),
                Value::from(self.door.code()),
                Value::from(now),
                Value::from(json!(added).to_string()),
                Value::from(as_of),
                Value::from(json!(judged).to_string()),
            ],
        );
        // What it names may have changed as well, and nothing here tells: it is looked at once more, like what was handed
        // out before that.
        let looked_at_again = Write::new(
            "INSERT INTO share_look (kind, subject, after, turn, why, person, org, hat, asked_at) \
             SELECT 'org', $1, (SELECT MAX(delivery) - 1 FROM share_delivery), 0, $2, a.person, a.org, a.hat, $3 \
             FROM office_audit a WHERE a.position = (SELECT MAX(position) FROM office_audit WHERE position > $4 \
             AND (command IN ('evidence.import', 'sift.submit', 'share.recall') OR command LIKE 'intake.%' \
             OR command LIKE 'influence.%')) \
             ON CONFLICT (kind, subject) DO UPDATE SET after = MIN(share_look.after, excluded.after), \
             turn = share_look.turn + 1",
            vec![
                Value::from(self.recipient),
                Value::from("what was handed out was judged before something came in"),
                Value::from(now),
                Value::from(as_of),
            ],
        );
        vec![inserted, looked_at_again]
    }
}

/// Too much was taken back at once for an answer: the caller asks again.
pub fn unsettled() -> Failure {
    Refusal::new("NRS-SHAR-0340", StatusCode::SERVICE_UNAVAILABLE).into()
}

// ---- messages that were taken ------------------------------------------------------------------------------------

/// The notes among objects that may be messages about a recall.
pub fn notes(items: &[Served]) -> Vec<String> {
    let notes = items.iter().filter(|one| one.object.object_type() == "note");
    notes.map(|one| one.object.head().id.as_str().to_owned()).collect()
}

/// The writes that say that messages were taken.
pub fn taken_writes<'a>(
    org: &'a OrgId,
    notes: &'a [String],
    at: Timestamp,
) -> impl Iterator<Item = Write> + 'a {
    notes.iter().map(move |note| recall::delivered("notice", note, org, at))
}

/// Records that the caller's organisation took messages; those it had already change nothing.
pub async fn taken(house: &Arc<House>, ctx: &Ctx, notes: Vec<String>) {
    let org = ctx.org.clone();
    let found = house.store.read(move |reader| recall::untaken(reader, &org, &notes)).await;
    let recorded = match found {
        Ok(notes) if notes.is_empty() => return,
        Ok(notes) => {
            let now = house.clock.now();
            let mut change =
                Change::office("share.told", ctx.org.as_str()).payload(json!({ "notes": notes }));
            change.writes.extend(taken_writes(&ctx.org, &notes, now));
            house.door.commit(ctx, change).await.map(drop).map_err(|why| why.to_string())
        }
        Err(problem) => Err(problem.to_string()),
    };
    if let Err(problem) = recorded {
        // It stays pending, and its recipient is told again.
        tracing::error!(problem, "that a message was taken could not be recorded");
    }
}

/// A piece of an answer, and the notes of which it is the end.
pub type Piece = (Bytes, Vec<String>);

/// What an answer gives away, piece by piece. The notes of a piece count as taken when the one after it, or the end, is
/// asked for.
pub fn body(house: &Arc<House>, ctx: &Ctx, pieces: mpsc::Receiver<Piece>) -> Body {
    let state = (Arc::clone(house), ctx.clone(), pieces, Vec::new());
    Body::from_stream(unfold(state, |(house, ctx, mut pieces, given)| async move {
        if !given.is_empty() {
            let (house, ctx) = (Arc::clone(&house), ctx.clone());
            tokio::spawn(async move { taken(&house, &ctx, given).await });
        }
        let (bytes, notes) = pieces.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(bytes), (house, ctx, pieces, notes)))
    }))
}

/// A whole answer with notes in it, as [`body`] gives it away.
pub fn whole(house: &Arc<House>, ctx: &Ctx, text: String, notes: Vec<String>) -> Body {
    if notes.is_empty() {
        return Body::from(text);
    }
    let (sender, pieces) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut rest = Bytes::from(text);
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(PIECE_BYTES));
            let ends = if rest.is_empty() { notes.clone() } else { Vec::new() };
            if sender.send((piece, ends)).await.is_err() {
                return;
            }
        }
    });
    body(house, ctx, pieces)
}
