//! Switching peers on and off. What a peer's pages bring is recorded by [`super::jobs`].

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use noroshi_evidence::marking::LegalClass;
use serde_json::json;

use super::cursor::Cursor;
use super::jobs::cursor_text;
use super::read::{self, Direction, Standing};
use crate::evidence::rows::{tlp_code, tlp_of};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, Job, Write};
use crate::office::ctx::Ctx;
use crate::office::id::OrgId;
use crate::office::people;
use crate::office::store::Value;
use crate::web::refusal::{Answer, Item, Refusal};

/// Minutes between two walks: at least, at most, and when nothing is said.
pub const MINUTES: (i64, i64, i64) = (1, 7 * 24 * 60, 15);

/// What a person decides about a peer.
#[derive(Debug, Clone)]
pub struct Wish {
    /// `pull` or `push`.
    pub direction: String,
    /// Whose objects they are, or who receives: an organisation of the office.
    pub org: String,
    /// Least marking of what comes in; objects without one are TLP:AMBER when absent.
    pub tlp: Option<String>,
    /// Legal class of what comes in.
    pub class: String,
    /// Minutes between two walks.
    pub minutes: Option<i64>,
}

/// The kind of job for one page or one batch.
pub const fn kind(direction: Direction) -> &'static str {
    match direction {
        Direction::Pull => "share.peer.pull",
        Direction::Push => "share.peer.push",
    }
}

/// The next job of a peer.
pub fn next(peer: &str, direction: Direction, generation: i64, due_at: Timestamp) -> Job {
    let payload = json!({ "generation": generation });
    Job { kind: kind(direction), subject: peer.to_owned(), payload, due_at }
}

fn needed(direction: Direction) -> Action {
    match direction {
        Direction::Pull => Action::EvidenceImport,
        Direction::Push => Action::ShareRelease,
    }
}

fn item(pointer: &str, code: &str) -> Item {
    Item { pointer: pointer.to_owned(), code: code.to_owned(), args: Vec::new() }
}

struct Checked {
    direction: Direction,
    org: OrgId,
    tlp: Option<&'static str>,
    class: LegalClass,
    minutes: i64,
}

async fn check(house: &Arc<House>, wish: &Wish) -> Answer<Checked> {
    let mut wrong = Vec::new();
    let direction = Direction::parse(&wish.direction);
    if direction.is_none() {
        wrong.push(item("/direction", "NRS-SHAR-0410"));
    }
    let org = OrgId::parse(&wish.org);
    let found = match org.clone() {
        Some(org) => house.store.read(move |reader| people::find_org(reader, &org)).await?,
        None => None,
    };
    if found.is_none() {
        wrong.push(item("/org", "NRS-SHAR-0411"));
    }
    let tlp = wish.tlp.as_deref().filter(|tlp| !tlp.is_empty()).map(tlp_of);
    if tlp == Some(None) {
        wrong.push(item("/tlp", "NRS-SHAR-0412"));
    }
    // What holds selected communications information does not come over TAXII (Act art. 37, 39).
    let class = crate::share::read::class_of(&wish.class).filter(|class| *class != LegalClass::Cia);
    if class.is_none() {
        wrong.push(item("/class", "NRS-SHAR-0413"));
    }
    let minutes = wish.minutes.unwrap_or(MINUTES.2);
    if !(MINUTES.0..=MINUTES.1).contains(&minutes) {
        wrong.push(item("/minutes", "NRS-SHAR-0414"));
    }
    match (direction, org, class, wrong.is_empty()) {
        (Some(direction), Some(org), Some(class), true) => {
            Ok(Checked { direction, org, tlp: tlp.flatten().map(tlp_code), class, minutes })
        }
        _ => {
            Err(Refusal::new("NRS-SHAR-0001", StatusCode::UNPROCESSABLE_ENTITY).items(wrong).into())
        }
    }
}

const START: &str = "INSERT INTO share_peer (peer, direction, org, state, generation, version, tlp, class, minutes, \
     cursor, person, acting_org, hat, due_at) VALUES ($1, $2, $3, 'on', $4, 1, $5, $6, $7, '{}', $8, $9, $10, $11) \
     ON CONFLICT (peer) DO UPDATE SET org = excluded.org, state = 'on', generation = excluded.generation, \
     version = share_peer.version + 1, tlp = excluded.tlp, class = excluded.class, minutes = excluded.minutes, \
     cursor = CASE WHEN share_peer.direction = excluded.direction AND share_peer.org = excluded.org \
     THEN share_peer.cursor ELSE '{}' END, direction = excluded.direction, \
     person = excluded.person, acting_org = excluded.acting_org, hat = excluded.hat, due_at = excluded.due_at \
     WHERE share_peer.generation = excluded.generation - 1";

/// Switches a configured peer on, or changes how; the walk goes on where it stood.
pub async fn start(house: &Arc<House>, ctx: &Ctx, peer: &str, wish: &Wish) -> Answer<u64> {
    house.authoriser.check(ctx, Action::SharePeer, On::default())?;
    if !house.config.peers.iter().any(|one| one.name == peer) {
        return Err(Refusal::new("NRS-SHAR-0415", StatusCode::NOT_FOUND).arg("peer", peer).into());
    }
    let checked = check(house, wish).await?;
    house.authoriser.check(ctx, needed(checked.direction), On::default())?;
    let generation = standing(house, peer).await?.map_or(1, |one| one.generation + 1);
    let change = Change::office("share.peer.start", peer)
        .payload(json!({
            "direction": checked.direction.code(), "org": checked.org.as_str(), "tlp": checked.tlp,
            "class": checked.class.code(), "minutes": checked.minutes,
        }))
        .write(Write::one(
            START,
            vec![
                Value::from(peer),
                Value::from(checked.direction.code()),
                Value::from(&checked.org),
                Value::from(generation),
                Value::from(checked.tlp),
                Value::from(checked.class.code()),
                Value::from(checked.minutes),
                Value::from(ctx.person.to_string()),
                Value::from(ctx.org.to_string()),
                Value::from(ctx.hat.id()),
                Value::from(ctx.now),
            ],
        ))
        .job(next(peer, checked.direction, generation, ctx.now));
    Ok(house.door.commit(ctx, change).await?.position)
}

async fn standing(house: &Arc<House>, peer: &str) -> Answer<Option<Standing>> {
    let peer = peer.to_owned();
    Ok(house.store.read(move |reader| read::standing(reader, &peer)).await?)
}

async fn changeable(house: &Arc<House>, ctx: &Ctx, peer: &str) -> Answer<Standing> {
    house.authoriser.check(ctx, Action::SharePeer, On::default())?;
    let Some(found) = standing(house, peer).await? else {
        return Err(Refusal::new("NRS-SHAR-0415", StatusCode::NOT_FOUND).arg("peer", peer).into());
    };
    house.authoriser.check(ctx, needed(found.direction), On::default())?;
    Ok(found)
}

/// Switches a peer off. Nothing that came is taken back, and its walk goes on where it stood when it is switched on.
pub async fn pause(house: &Arc<House>, ctx: &Ctx, peer: &str) -> Answer<u64> {
    let found = changeable(house, ctx, peer).await?;
    let change = Change::office("share.peer.pause", peer).write(Write::one(
        "UPDATE share_peer SET state = 'paused', generation = generation + 1, due_at = NULL \
         WHERE peer = $1 AND generation = $2",
        vec![Value::from(peer), Value::from(found.generation)],
    ));
    Ok(house.door.commit(ctx, change).await?.position)
}

/// Hands over again what a peer did not take, from the first of it on. What comes after that and was taken is handed over
/// once more, which changes nothing there.
pub async fn again(house: &Arc<House>, ctx: &Ctx, peer: &str) -> Answer<u64> {
    let found = changeable(house, ctx, peer).await?;
    if !found.on {
        return Err(Refusal::new("NRS-SHAR-0416", StatusCode::CONFLICT).arg("peer", peer).into());
    }
    let (asked, direction) = (found.clone(), found.direction);
    let (first, refused) = house.store.read(move |reader| read::not_taken(reader, &asked)).await?;
    let Some(first) = first.filter(|_| direction == Direction::Push) else {
        return Err(Refusal::new("NRS-SHAR-0421", StatusCode::CONFLICT).arg("peer", peer).into());
    };
    let pushed = found.cursor.pushed.map(|pushed| pushed.min(first - 1));
    let cursor = Cursor { pushed, awaited: None, refused: None, proved: None, ..found.cursor };
    let change = Change::office("share.peer.again", peer)
        .payload(json!({ "refused": refused, "cursor": cursor }))
        .write(Write::one(
            "UPDATE share_peer SET generation = generation + 1, version = version + 1, cursor = $4, due_at = $5, \
             aside = MAX(aside - $6, 0) WHERE peer = $1 AND generation = $2 AND version = $3",
            vec![
                Value::from(peer),
                Value::from(found.generation),
                Value::from(found.version),
                Value::from(cursor_text(&cursor)),
                Value::from(ctx.now),
                Value::from(refused),
            ],
        ))
        .write(Write::new("DELETE FROM share_peer_refused WHERE peer = $1", vec![Value::from(peer)]))
        .job(next(peer, direction, found.generation + 1, ctx.now));
    Ok(house.door.commit(ctx, change).await?.position)
}

/// Tries a peer now instead of when it is due.
pub async fn wake(house: &Arc<House>, ctx: &Ctx, peer: &str) -> Answer<u64> {
    let found = changeable(house, ctx, peer).await?;
    if !found.on {
        return Err(Refusal::new("NRS-SHAR-0416", StatusCode::CONFLICT).arg("peer", peer).into());
    }
    let change = Change::office("share.peer.wake", peer)
        .write(Write::one(
            "UPDATE share_peer SET generation = generation + 1, due_at = $3 WHERE peer = $1 AND generation = $2",
            vec![Value::from(peer), Value::from(found.generation), Value::from(ctx.now)],
        ))
        .job(next(peer, found.direction, found.generation + 1, ctx.now));
    Ok(house.door.commit(ctx, change).await?.position)
}
