//! Watches what was handed out: when a newer version withdraws it, marks it more strictly, or a finding ends, everybody
//! who got it is told without anybody asking.
//!
//! It looks again whenever the log grows, and once over everything when the program starts, so nothing that happened
//! while it was down is missed. A second look finds nothing new: what is withdrawn has its message.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use noroshi_charter::hat::Hat;

use super::recall;
use crate::house::House;
use crate::office::ctx::{Ctx, Via};
use crate::office::id::{OrgId, PersonId};
use crate::office::store::{Reader, StoreFailure, Value};

/// Objects at the end of the graph that are looked at when the program starts: far more than come in between a commit
/// and the look that follows it.
const LOOK_BACK: i64 = 100_000;
/// Findings end by themselves, without a leaf: the clock is looked at this often.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Watches until the house stops.
pub async fn watch(house: Arc<House>) {
    let mut grown = house.door.size();
    let mut since = Since { seq: None, at: Timestamp::UNIX_EPOCH };
    loop {
        match look(&house, since, house.clock.now()).await {
            Ok(seen) => since = seen,
            Err(problem) => tracing::error!(%problem, "what was handed out could not be looked at"),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            changed = grown.changed() => if changed.is_err() { return },
        }
    }
}

/// Up to where everything was looked at.
#[derive(Debug, Clone, Copy)]
pub struct Since {
    /// Order of arrival of the last object; absent at the start of the program.
    pub seq: Option<i64>,
    /// The instant of the last look.
    pub at: Timestamp,
}

/// One look at what came in, or ended, after `since`.
pub async fn look(house: &Arc<House>, since: Since, now: Timestamp) -> Result<Since, StoreFailure> {
    let (last, found) = house
        .store
        .read(move |reader| {
            let from = match since.seq {
                Some(seq) => seq,
                None => recall::last_seq(reader)?.saturating_sub(LOOK_BACK),
            };
            let (last, mut ids) = recall::touched(reader, from)?;
            for org in ended(reader, since.at, now)? {
                ids.extend(recall::given_to(reader, &org)?);
            }
            ids.sort();
            ids.dedup();
            let mut whose = Vec::new();
            for id in ids {
                if let Some(ctx) = released_by(reader, &id, now)? {
                    whose.push((id, ctx));
                }
            }
            Ok((last, whose))
        })
        .await?;
    for (id, ctx) in found {
        let named = id.clone();
        if recall::sweep(house, &ctx, vec![id], "it may not be handed out any more").await.is_err()
        {
            tracing::error!(id = named, "a message about what was handed out could not be sent");
        }
    }
    Ok(Since { seq: Some(last), at: now })
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

/// The context to act in: the house finishes what the person who released it began.
fn released_by(reader: &Reader<'_>, id: &str, now: Timestamp) -> Result<Option<Ctx>, StoreFailure> {
    let found = reader.first(
        "SELECT a.person, a.org, a.hat FROM share_item i JOIN office_audit a ON a.subject = i.release \
         AND a.command = 'share.release' \
         WHERE i.audience IN (SELECT audience FROM share_audience) AND i.id = $1 AND i.withdrawn_at IS NULL \
         ORDER BY i.added DESC LIMIT 1",
        &[Value::from(id)],
        |row| Ok((row.text(0)?, row.text(1)?, row.text(2)?)),
    )?;
    Ok(found.and_then(|(person, org, hat)| {
        Some(Ctx {
            person: PersonId::parse(&person)?,
            org: OrgId::parse(&org)?,
            hat: Hat::parse(&hat)?,
            sector: None,
            via: Via::Job,
            now,
            request: String::new(),
        })
    }))
}
