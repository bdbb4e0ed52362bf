//! What the log says, read from the leaves alone: its state, its entries, and the counts of the annual report.
//!
//! Nothing here writes. A reader of the log leaves no trace that another organ could see.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use noroshi_charter::hat::Hat;
use noroshi_ledger::checkpoint::Checkpoint;
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::{Fact, Leaf, Outcome};
use noroshi_ledger::note::{self, Vkey};
use noroshi_ledger::tile::CHECKPOINT_PATH;

use crate::house::House;
use crate::office::store::{Reader, StoreFailure, Value};
use crate::web::layout::Tone;
use crate::web::refusal::{Answer, Failure, Refusal};

/// A leaf that waits longer than this for its checkpoint is worth a person's look.
const LATE: SignedDuration = SignedDuration::from_secs(10);
/// A leaf that waits longer than this means that publication has stopped.
const STOPPED: SignedDuration = SignedDuration::from_mins(5);

/// How the log stands.
#[derive(Debug, Clone)]
pub struct LogState {
    /// The log's name.
    pub origin: String,
    /// The verifier key.
    pub vkey: String,
    /// The signed checkpoint as published.
    pub checkpoint: String,
    /// Leaves the checkpoint covers.
    pub size: u64,
    /// Root of the tree.
    pub root: Digest,
    /// When the checkpoint was written.
    pub published_at: Option<Timestamp>,
    /// Leaves that are durable; more than `size` while a checkpoint is on its way.
    pub durable: u64,
    /// Instant of the oldest leaf that no checkpoint covers.
    pub waiting_since: Option<Timestamp>,
    /// The published checkpoint is signed by the log's key.
    pub signed: bool,
}

/// How the log stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Everything durable is published.
    Current,
    /// A checkpoint is on its way.
    Publishing,
    /// Publication is late.
    Late,
    /// Publication has stopped.
    Stopped,
    /// The checkpoint on disk is not signed by this log's key.
    Unsigned,
}

impl Health {
    /// The key of its words.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Current => "oversight-health-current",
            Self::Publishing => "oversight-health-publishing",
            Self::Late => "oversight-health-late",
            Self::Stopped => "oversight-health-stopped",
            Self::Unsigned => "oversight-health-unsigned",
        }
    }

    /// Green, amber or red.
    pub const fn tone(self) -> Tone {
        match self {
            Self::Current | Self::Publishing => Tone::Ok,
            Self::Late => Tone::Warn,
            Self::Stopped | Self::Unsigned => Tone::Bad,
        }
    }
}

impl LogState {
    /// What the state means at `now`.
    pub fn health(&self, now: Timestamp) -> Health {
        let waited = self.waiting_since.map(|since| now.duration_since(since));
        match waited {
            _ if !self.signed => Health::Unsigned,
            None => Health::Current,
            Some(waited) if waited > STOPPED => Health::Stopped,
            Some(waited) if waited > LATE => Health::Late,
            Some(_) => Health::Publishing,
        }
    }
}

fn broken(problem: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::Broken(Box::new(problem))
}

/// Reads how the log stands: the published checkpoint from disk, the rest from the store.
pub async fn state(house: &House) -> Answer<LogState> {
    let checkpoint = house.log.checkpoint().map_err(broken)?;
    let body = checkpoint.split_once("\n\n").map_or(checkpoint.as_str(), |(body, _)| body);
    let parsed: Checkpoint = format!("{body}\n").parse().map_err(broken)?;
    let key = house.log.vkey().parse::<Vkey>().map_err(broken)?;
    let signed = note::verify(checkpoint.as_bytes(), &[key]).is_ok();
    let written =
        std::fs::metadata(house.log.dir().join(CHECKPOINT_PATH)).and_then(|file| file.modified());
    let size = parsed.size;
    let waiting = house
        .store
        .read(move |reader| {
            let durable = reader.number("SELECT COUNT(*) FROM office_leaf", &[])?;
            let oldest = leaves(reader, size, 1)?.into_iter().next().map(|entry| entry.leaf.time);
            Ok((u64::try_from(durable).unwrap_or(0), oldest))
        })
        .await?;
    Ok(LogState {
        origin: house.log.origin().to_owned(),
        vkey: house.log.vkey().to_owned(),
        size,
        root: parsed.root,
        published_at: written.ok().and_then(|at| Timestamp::try_from(at).ok()),
        durable: waiting.0,
        waiting_since: waiting.1.and_then(|time| time.parse().ok()),
        signed,
        checkpoint,
    })
}

/// One entry of the log.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its index.
    pub index: u64,
    /// The leaf, understood.
    pub leaf: Leaf,
    /// The leaf, as it stands in the log.
    pub bytes: Vec<u8>,
}

fn entry(position: u64, bytes: Vec<u8>) -> Result<Entry, StoreFailure> {
    let leaf = Leaf::decode(&bytes)
        .map_err(|problem| StoreFailure::Damaged(format!("leaf {position}: {problem}")))?;
    Ok(Entry { index: position, leaf, bytes })
}

/// Entries from `from` on, at most `limit`, in the order of the log.
pub fn leaves(reader: &Reader<'_>, from: u64, limit: u64) -> Result<Vec<Entry>, StoreFailure> {
    reader.all(
        "SELECT position, bytes FROM office_leaf WHERE position >= $1 ORDER BY position LIMIT $2",
        &[Value::from(from), Value::from(limit)],
        |row| entry(row.count(0)?, row.blob(1)?),
    )
}

/// One entry.
pub fn leaf(reader: &Reader<'_>, index: u64) -> Result<Option<Entry>, StoreFailure> {
    Ok(leaves(reader, index, 1)?.into_iter().find(|entry| entry.index == index))
}

/// For whom a row of the annual report counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Police (Act art. 61(2)(vi), (vii)).
    Police,
    /// Self-Defense Forces (Act art. 61(2)(viii), (ix)).
    Defence,
}

impl Side {
    /// Both, in the order of the clause.
    pub const ALL: [Self; 2] = [Self::Police, Self::Defence];

    /// The word in the API.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Police => "police",
            Self::Defence => "defence",
        }
    }

    fn of_hat(hat: &str) -> Option<Self> {
        match Hat::parse(hat)? {
            Hat::PoliceRequester => Some(Self::Police),
            Hat::SdfRequester => Some(Self::Defence),
            _ => None,
        }
    }
}

/// What a row of the annual report counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// Requests for the commission's approval.
    Requests,
    /// Approvals given.
    Approvals,
    /// Notices after an act without prior approval.
    PostNotices,
    /// Recommendations.
    Recommendations,
}

impl Counted {
    /// All four, in the order of the clause.
    pub const ALL: [Self; 4] =
        [Self::Requests, Self::Approvals, Self::PostNotices, Self::Recommendations];

    /// The word in the API.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Approvals => "approvals",
            Self::PostNotices => "post-notices",
            Self::Recommendations => "recommendations",
        }
    }

    /// The kind of leaf that is counted.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Requests => "measure.requested",
            Self::Approvals => "measure.decided",
            Self::PostNotices => "measure.notice",
            Self::Recommendations => "measure.recommendation",
        }
    }

    /// Whether this version of the log has such leaves at all. A zero of a kind nobody can write says nothing.
    pub fn is_kept(self) -> bool {
        noroshi_ledger::leaf::KINDS.contains(&self.kind())
    }
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountRow {
    /// Police or defence.
    pub side: Side,
    /// What is counted.
    pub what: Counted,
    /// The leaves counted, so that anybody can count again.
    pub leaves: Vec<u64>,
}

/// The table of Act art. 61(2)(vi)-(ix), counted again from the leaves before index `size` and from nothing else.
/// `year` is a calendar year in Japan; without it everything counts.
pub fn counts(
    reader: &Reader<'_>,
    size: u64,
    year: Option<i16>,
) -> Result<Vec<CountRow>, StoreFailure> {
    let mut tally = Tally { year, ..Tally::default() };
    reader.all(
        "SELECT position, bytes FROM office_leaf WHERE position < $1 ORDER BY position",
        &[Value::from(size)],
        |row| {
            let bytes = row.blob(1)?;
            // Canonical leaves spell a kind in one way only, so most leaves need not be understood.
            if bytes.windows(NEEDLE.len()).any(|window| window == NEEDLE) {
                tally.take(&entry(row.count(0)?, bytes)?);
            }
            Ok(())
        },
    )?;
    Ok(tally.rows())
}

const NEEDLE: &[u8] = br#""kind":"measure."#;

#[derive(Default)]
struct Tally {
    year: Option<i16>,
    /// Which side asked for a measure.
    asked_by: BTreeMap<String, Side>,
    found: BTreeMap<(Side, Counted), Vec<u64>>,
}

impl Tally {
    fn take(&mut self, entry: &Entry) {
        let (side, what) = match &entry.leaf.fact {
            Fact::MeasureRequested { measure, .. } => {
                let Some(side) = Side::of_hat(&entry.leaf.hat) else { return };
                self.asked_by.insert(measure.clone(), side);
                (Some(side), Counted::Requests)
            }
            Fact::MeasureDecided { measure, outcome: Outcome::Approved, .. } => {
                (self.asked_by.get(measure).copied(), Counted::Approvals)
            }
            Fact::Other(fields) => {
                let text = |name: &str| {
                    fields.get(name).and_then(serde_json::Value::as_str).unwrap_or_default()
                };
                let kind = text("kind");
                let later = [Counted::PostNotices, Counted::Recommendations];
                let Some(what) = later.into_iter().find(|what| what.kind() == kind) else { return };
                (self.asked_by.get(text("measure")).copied(), what)
            }
            _ => return,
        };
        let in_year = self.year.is_none_or(|year| year_of(&entry.leaf.time) == Some(year));
        if let Some(side) = side.filter(|_| in_year) {
            self.found.entry((side, what)).or_default().push(entry.index);
        }
    }

    fn rows(mut self) -> Vec<CountRow> {
        let row = |(side, what)| CountRow {
            side,
            what,
            leaves: self.found.remove(&(side, what)).unwrap_or_default(),
        };
        Side::ALL
            .into_iter()
            .flat_map(|side| Counted::ALL.map(|what| (side, what)))
            .map(row)
            .collect()
    }
}

/// The calendar year in Japan of a leaf's time.
fn year_of(time: &str) -> Option<i16> {
    let at: Timestamp = time.parse().ok()?;
    Some(Offset::constant(9).to_datetime(at).year())
}

/// The refusal of an index that no checkpoint covers.
pub fn no_such_leaf() -> Failure {
    Refusal::new("NRS-OVER-0001", StatusCode::NOT_FOUND).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(index: u64, time: &str, hat: &str, fact: Fact) -> Entry {
        let leaf = Leaf {
            v: 1,
            emitter: "office".to_owned(),
            sequence: index,
            previous: None,
            time: time.to_owned(),
            hat: hat.to_owned(),
            org: "org-x".to_owned(),
            fact,
            commitment: Digest::of(b"x"),
        };
        Entry { index, bytes: leaf.encode().unwrap(), leaf }
    }

    fn asked(measure: &str) -> Fact {
        Fact::MeasureRequested {
            measure: measure.to_owned(),
            request: Digest::of(b"r"),
            requester: "person-1".to_owned(),
        }
    }

    fn decided(measure: &str, outcome: Outcome) -> Fact {
        Fact::MeasureDecided {
            measure: measure.to_owned(),
            request: Digest::of(b"r"),
            outcome,
            quorum: 3,
            approvals: 3,
            refusals: 0,
            not_before: "2026-11-01T00:00:00Z".to_owned(),
            not_after: "2026-11-02T00:00:00Z".to_owned(),
            authorisation: Digest::of(b"a"),
        }
    }

    #[test]
    fn police_and_defence_are_counted_apart_and_refusals_are_no_approvals() {
        let log = [
            leaf(0, "2026-12-31T14:59:59.000Z", "police.requester", asked("measure-1")),
            leaf(1, "2026-12-31T15:00:00.000Z", "sdf.requester", asked("measure-2")),
            leaf(
                2,
                "2026-12-31T15:00:01.000Z",
                "commission.chair",
                decided("measure-1", Outcome::Approved),
            ),
            leaf(
                3,
                "2026-12-31T15:00:02.000Z",
                "commission.chair",
                decided("measure-2", Outcome::Refused),
            ),
            leaf(4, "2026-12-31T15:00:03.000Z", "administrator", asked("measure-3")),
        ];
        let count = |year: Option<i16>| {
            let mut tally = Tally { year, ..Tally::default() };
            for entry in &log {
                tally.take(entry);
            }
            tally.rows().into_iter().map(|row| row.leaves).collect::<Vec<_>>()
        };
        let none = Vec::<u64>::new;
        assert_eq!(
            count(None),
            [vec![0], vec![2], none(), none(), vec![1], none(), none(), none()]
        );
        // The year is Japan's: 15:00 UTC on 31 December is the next year.
        assert_eq!(count(Some(2026))[..2], [vec![0], none()]);
        assert_eq!(count(Some(2027))[..2], [none(), vec![2]]);
        assert!(
            log.iter()
                .all(|entry| entry.bytes.windows(NEEDLE.len()).any(|window| window == NEEDLE))
        );
    }

    #[test]
    fn health_is_red_when_publication_stopped_or_the_signature_is_not_ours() {
        let now: Timestamp = "2026-11-23T00:10:00Z".parse().unwrap();
        let state = |seconds: Option<i64>, signed| LogState {
            origin: String::new(),
            vkey: String::new(),
            checkpoint: String::new(),
            size: 0,
            root: Digest::of(b""),
            published_at: None,
            durable: 0,
            waiting_since: seconds.map(|seconds| now - SignedDuration::from_secs(seconds)),
            signed,
        };
        assert_eq!(state(None, true).health(now), Health::Current);
        assert_eq!(state(Some(1), true).health(now), Health::Publishing);
        assert_eq!(state(Some(60), true).health(now), Health::Late);
        assert_eq!(state(Some(600), true).health(now).tone(), Tone::Bad);
        assert_eq!(state(None, false).health(now), Health::Unsigned);
    }
}
