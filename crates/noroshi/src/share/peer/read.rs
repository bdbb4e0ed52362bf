//! Peers, as configured and as they fare.

use jiff::Timestamp;
use noroshi_ledger::digest::Digest;

use super::cursor::Cursor;
use crate::config::{Config, Peer};
use crate::office::id::OrgId;
use crate::office::people;
use crate::office::store::{Reader, Row, StoreFailure, Value};
use crate::share::audience;

/// Which way objects go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// This office reads from the peer.
    Pull,
    /// This office hands to the peer.
    Push,
}

impl Direction {
    /// As stored and in the API.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
        }
    }

    /// Reads [`Direction::code`].
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Pull, Self::Push].into_iter().find(|one| one.code() == code)
    }
}

/// A peer that was switched on once.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Its name.
    pub peer: String,
    /// Which way objects go.
    pub direction: Direction,
    /// Whose objects they are, or who receives.
    pub org: String,
    /// It is not paused.
    pub on: bool,
    /// Grows with each start, pause and wake.
    pub generation: i64,
    /// Grows with each page.
    pub version: i64,
    /// Least marking of what comes in.
    pub tlp: Option<String>,
    /// Legal class of what comes in.
    pub class: String,
    /// Minutes between two walks.
    pub minutes: i64,
    /// Where the walk stands.
    pub cursor: Cursor,
    /// Who switched it on: person, organisation, hat.
    pub by: (String, String, String),
    /// Objects that were new, held already, put aside.
    pub counts: (u64, u64, u64),
    /// Failures in a row.
    pub failures: i64,
    /// The last failure: code and words.
    pub error: Option<(String, String)>,
    /// When it was tried last.
    pub tried_at: Option<Timestamp>,
    /// When it went well last.
    pub ok_at: Option<Timestamp>,
    /// When everything there was had been taken.
    pub current_at: Option<Timestamp>,
    /// When it is tried next.
    pub due_at: Option<Timestamp>,
}

impl Standing {
    /// With its place in what is configured now; none when that is another address, collection or choice of types than it
    /// was found in.
    #[must_use]
    pub fn within(&self, peer: &Peer) -> Self {
        let place = serde_json::json!([peer.url, peer.collection, peer.types]).to_string();
        let of = Digest::of(place.as_bytes()).to_string();
        Self { cursor: self.cursor.within(&of), ..self.clone() }
    }
}

const COLUMNS: &str = "peer, direction, org, state, generation, version, tlp, class, minutes, cursor, person, acting_org, \
     hat, taken, known, aside, failures, error_code, error, tried_at, ok_at, current_at, due_at";

fn standing_at(row: &Row<'_, '_>) -> Result<Standing, StoreFailure> {
    let direction = row.text(1)?;
    Ok(Standing {
        peer: row.text(0)?,
        direction: Direction::parse(&direction)
            .ok_or_else(|| StoreFailure::Damaged(format!("`{direction}` is no direction")))?,
        org: row.text(2)?,
        on: row.text(3)? == "on",
        generation: row.int(4)?,
        version: row.int(5)?,
        tlp: row.text_or_none(6)?,
        class: row.text(7)?,
        minutes: row.int(8)?,
        cursor: row.json(9)?,
        by: (row.text(10)?, row.text(11)?, row.text(12)?),
        counts: (row.count(13)?, row.count(14)?, row.count(15)?),
        failures: row.int(16)?,
        error: row.text_or_none(17)?.zip(row.text_or_none(18)?),
        tried_at: row.time_or_none(19)?,
        ok_at: row.time_or_none(20)?,
        current_at: row.time_or_none(21)?,
        due_at: row.time_or_none(22)?,
    })
}

/// One peer that was switched on once.
pub fn standing(reader: &Reader<'_>, peer: &str) -> Result<Option<Standing>, StoreFailure> {
    let sql = format!("SELECT {COLUMNS} FROM share_peer WHERE peer = $1");
    reader.first(&sql, &[Value::from(peer)], standing_at)
}

/// Every peer that was switched on once.
pub fn standings(reader: &Reader<'_>) -> Result<Vec<Standing>, StoreFailure> {
    reader.all(&format!("SELECT {COLUMNS} FROM share_peer ORDER BY peer"), &[], standing_at)
}

/// How a peer fares, in one word for a badge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Configured and never switched on.
    Off,
    /// Switched off by a person.
    Paused,
    /// Not tried yet.
    Waiting,
    /// Objects are still to come.
    Walking,
    /// Everything there was has been taken.
    Current,
    /// The last attempt failed; it is tried again.
    Failing,
}

impl Health {
    /// As in the API and the locales.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Paused => "paused",
            Self::Waiting => "waiting",
            Self::Walking => "walking",
            Self::Current => "current",
            Self::Failing => "failing",
        }
    }

    /// How it fares.
    pub fn of(standing: Option<&Standing>) -> Self {
        match standing {
            None => Self::Off,
            Some(one) if !one.on => Self::Paused,
            Some(one) if one.failures > 0 => Self::Failing,
            Some(one) if one.tried_at.is_none() => Self::Waiting,
            Some(one) if one.cursor.walk.is_some() || one.cursor.awaited.is_some() => Self::Walking,
            // It goes on at once: the last step was not the last.
            Some(one) if one.due_at <= one.tried_at => Self::Walking,
            Some(_) => Self::Current,
        }
    }
}

/// A peer of the configuration, with how it fares. One that is no longer configured keeps its record.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// As configured; absent when it is no longer.
    pub configured: Option<Peer>,
    /// As it fares; absent when it was never switched on.
    pub standing: Option<Standing>,
    /// What it did not take, or what of it cannot be read; the newest of it.
    pub put_aside: Vec<Refused>,
}

/// What a peer did not take, or what of it cannot be read.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The object.
    pub id: String,
    /// Its version.
    pub version: String,
    /// The peer's words, or why it cannot be read.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// Entries shown of what was put aside with one peer.
const LISTED_MAX: i64 = 50;

fn put_aside(reader: &Reader<'_>, peer: &str) -> Result<Vec<Refused>, StoreFailure> {
    reader.all(
        "SELECT id, version, message, at FROM share_peer_refused WHERE peer = $1 ORDER BY at DESC, id, version LIMIT $2",
        &[Value::from(peer), Value::from(LISTED_MAX)],
        |row| {
            Ok(Refused {
                id: row.text(0)?,
                version: row.text(1)?,
                message: row.text(2)?,
                at: row.time(3)?,
            })
        },
    )
}

/// Where the first of what a peer did not take stands now in the stream that is handed to it, absent where nothing of it
/// does; and how much it did not take.
pub fn not_taken(
    reader: &Reader<'_>,
    standing: &Standing,
) -> Result<(Option<i64>, i64), StoreFailure> {
    let sql = "SELECT COUNT(*) FROM share_peer_refused WHERE peer = $1";
    let refused = reader.number(sql, &[Value::from(&standing.peer)])?;
    let org = OrgId::parse(&standing.org).map(|org| people::find_org(reader, &org)).transpose()?;
    let Some(audience) = org.flatten().as_ref().and_then(audience::own) else {
        return Ok((None, refused));
    };
    let first = reader.first(
        "SELECT MIN(i.added) FROM share_peer_refused r JOIN share_item i ON i.audience = $2 AND i.id = r.id \
         AND i.withdrawn_at IS NULL WHERE r.peer = $1",
        &[Value::from(&standing.peer), Value::from(audience.label())],
        |row| row.int_or_none(0),
    )?;
    Ok((first.flatten(), refused))
}

/// Every peer, by name.
pub fn known(reader: &Reader<'_>, config: &Config) -> Result<Vec<Known>, StoreFailure> {
    let mut all: std::collections::BTreeMap<String, Known> = std::collections::BTreeMap::new();
    for peer in &config.peers {
        let known = Known {
            name: peer.name.clone(),
            configured: Some(peer.clone()),
            standing: None,
            put_aside: put_aside(reader, &peer.name)?,
        };
        all.insert(peer.name.clone(), known);
    }
    for standing in standings(reader)? {
        let name = standing.peer.clone();
        let known = Known {
            name: name.clone(),
            configured: None,
            standing: None,
            put_aside: put_aside(reader, &name)?,
        };
        all.entry(name).or_insert(known).standing = Some(standing);
    }
    Ok(all.into_values().collect())
}
