//! The next part of an organisation's change stream.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use noroshi_charter::hat::Hat;
use noroshi_charter::release::Audience;
use noroshi_evidence::marking::Tlp;

use super::cursor::Place;
use crate::office::id::OrgId;
use crate::office::store::{Reader, StoreFailure, Value};
use crate::share::audience;
use crate::share::gate::Filter;
use crate::share::serve::{self, Asked, Served, Versions, View};

/// Objects of one part.
pub const PART_MAX: usize = 500;

/// A part of the stream: what one audience brought.
#[derive(Debug)]
pub struct Part {
    /// Whose stream.
    pub audience: Audience,
    /// What of it may be had now, in the order of addition.
    pub items: Vec<Served>,
    /// Up to where that stream had been read before it.
    pub after: i64,
    /// The place after it.
    pub place: Place,
    /// Nothing more is there now, in any stream.
    pub ended: bool,
}

/// What the stream says.
#[derive(Debug)]
pub enum Found {
    /// A part, perhaps without objects.
    Part(Box<Part>),
    /// The place lies so far back that what came between is not kept ready any more.
    TooFarBehind {
        /// The oldest thing that was missed.
        since: Timestamp,
    },
}

/// What of the streams somebody wants.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// STIX types; all when empty.
    pub types: Vec<String>,
}

/// The audiences whose streams an organisation gets: its own and those it belongs to, as far as the hat is for them, but
/// not what is public anyway.
pub fn audiences(
    reader: &Reader<'_>,
    (org, hat): (&OrgId, Hat),
) -> Result<Vec<Audience>, StoreFailure> {
    let all = audience::audiences_under(reader, org, hat)?;
    Ok(all.into_iter().filter(|one| *one != Audience::Public).collect())
}

/// The place where everything up to now counts as seen.
pub fn now(reader: &Reader<'_>, who: (&OrgId, Hat), now: Timestamp) -> Result<Place, StoreFailure> {
    let mut place = Place::default();
    place.made(now);
    for audience in audiences(reader, who)? {
        place.set(&audience.label(), serve::end(reader, &audience)?);
    }
    Ok(place)
}

/// The place `reach` before `now`; what is older is had over TAXII.
pub fn earliest(
    reader: &Reader<'_>,
    who: (&OrgId, Hat),
    now: Timestamp,
    reach: SignedDuration,
) -> Result<Place, StoreFailure> {
    let mut place = Place::default();
    place.made(now);
    for audience in audiences(reader, who)? {
        place.set(&audience.label(), (now - reach).as_microsecond());
    }
    Ok(place)
}

/// The first thing added to a stream, or beside it for the organisation alone, after a place.
fn first_after(
    reader: &Reader<'_>,
    org: &OrgId,
    audience: &str,
    after: i64,
) -> Result<Option<i64>, StoreFailure> {
    reader
        .first(
            "SELECT MIN(added) FROM ( \
         SELECT MIN(added) AS added FROM share_item WHERE audience = $1 AND added > $2 UNION ALL \
         SELECT MIN(added) FROM share_own WHERE audience = $1 AND org = $3 AND added > $2) AS next",
            &[Value::from(audience), Value::from(after), Value::from(org)],
            |row| row.int_or_none(0),
        )
        .map(Option::flatten)
}

/// From when on a reader missed a stream that its place does not name: it was not its reader's when the place was made,
/// nor before its organisation came into the council.
fn entered(
    reader: &Reader<'_>,
    org: &OrgId,
    audience: &Audience,
    place: &Place,
) -> Result<Option<i64>, StoreFailure> {
    let joined = match audience {
        Audience::Council => reader.first(
            "SELECT joined_at FROM share_council WHERE org = $1 AND left_at IS NULL",
            &[Value::from(org)],
            |row| row.time(0),
        )?,
        _ => None,
    };
    Ok(joined.map(Timestamp::as_microsecond).max(place.made_at()))
}

/// What a reader missed of one stream.
enum Missed {
    /// This was the first.
    At(i64),
    /// Nothing up to here; what comes after it was not looked at.
    UnknownBehind(i64),
    /// Nothing.
    Nothing,
}

/// What of a stream, after a place and before the horizon, its reader could have had and can have now.
fn missed(
    reader: &Reader<'_>,
    org: &OrgId,
    audience: &Audience,
    wish: &Wish,
    (after, horizon, now): (i64, i64, Timestamp),
) -> Result<Missed, StoreFailure> {
    let asked = Asked {
        after,
        until: horizon - 1,
        versions: Versions { all: true, ..Versions::default() },
        limit: 1,
        ..Asked::default()
    };
    let filter = Filter { types: wish.types.clone(), tlp_max: Tlp::Red };
    let view = View { audience: audience.clone(), filter };
    let slice = serve::page(reader, &view, org, now, &asked)?;
    Ok(match (slice.items.first(), slice.next) {
        (Some(item), _) => Missed::At(item.added),
        (None, Some(next)) => Missed::UnknownBehind(next),
        (None, None) => Missed::Nothing,
    })
}

/// The part after `place`. An audience the organisation has come into since gives its stream from `reach` ago; where it
/// came into it longer ago, what was added since then counts as missed.
pub fn next(
    reader: &Reader<'_>,
    (org, hat): (&OrgId, Hat),
    from: &Place,
    wish: &Wish,
    now: Timestamp,
    reach: SignedDuration,
) -> Result<Found, StoreFailure> {
    let horizon = (now - reach).as_microsecond();
    let mut place = from.clone();
    place.made(now);
    let audiences = audiences(reader, (org, hat))?;
    let mut oldest: Option<(i64, &Audience)> = None;
    for audience in &audiences {
        let label = audience.label();
        let after = match from.get(&label) {
            Some(after) => after,
            None => entered(reader, org, audience, from)?.unwrap_or(horizon).min(horizon),
        };
        place.set(&label, after);
        let Some(first) = first_after(reader, org, &label, after)? else { continue };
        if first < horizon {
            // Whether the reader missed something is asked of the gate: that anything was added is not for everybody.
            match missed(reader, org, audience, wish, (after, horizon, now))? {
                Missed::At(added) => {
                    let since = Timestamp::from_microsecond(added).unwrap_or(Timestamp::UNIX_EPOCH);
                    return Ok(Found::TooFarBehind { since });
                }
                Missed::UnknownBehind(added) => {
                    place.set(&label, added);
                    let audience = audience.clone();
                    let part = Part { audience, items: Vec::new(), after, place, ended: false };
                    return Ok(Found::Part(Box::new(part)));
                }
                Missed::Nothing => {}
            }
            // One before: what stands at the horizon itself is kept ready.
            place.set(&label, horizon - 1);
        }
        let after = place.get(&label).unwrap_or(horizon);
        let Some(first) = first_after(reader, org, &label, after)? else { continue };
        if oldest.is_none_or(|(added, _)| first < added) {
            oldest = Some((first, audience));
        }
    }
    let Some((_, audience)) = oldest else {
        let audience = audiences.into_iter().next().unwrap_or(Audience::Public);
        let part = Part { audience, items: Vec::new(), after: horizon, place, ended: true };
        return Ok(Found::Part(Box::new(part)));
    };
    let label = audience.label();
    let asked = Asked {
        after: place.get(&label).unwrap_or(horizon),
        until: serve::end(reader, audience)?,
        versions: Versions { all: true, ..Versions::default() },
        limit: PART_MAX,
        ..Asked::default()
    };
    // A message about what was recalled is for every reader, whatever types were asked for; the filter lets it pass.
    let filter = Filter { types: wish.types.clone(), tlp_max: Tlp::Red };
    let view = View { audience: audience.clone(), filter };
    let slice = serve::page(reader, &view, org, now, &asked)?;
    place.set(&label, slice.next.unwrap_or(asked.until));
    Ok(Found::Part(Box::new(Part {
        audience: audience.clone(),
        items: slice.items,
        after: asked.after,
        place,
        ended: false,
    })))
}

/// A part that was given before, as it may be had now: nothing that was not in it then, and nothing behind its end.
#[derive(Debug, Clone)]
pub struct Span {
    /// Whose stream.
    pub audience: Audience,
    /// Behind here.
    pub after: i64,
    /// Up to here.
    pub until: i64,
    /// The places of what was in it.
    pub added: BTreeSet<i64>,
}

/// What of a part may be had again; absent where its audience is not the reader's any more.
pub fn again(
    reader: &Reader<'_>,
    (org, hat): (&OrgId, Hat),
    span: &Span,
    wish: &Wish,
    now: Timestamp,
) -> Result<Option<Vec<Served>>, StoreFailure> {
    if !audiences(reader, (org, hat))?.contains(&span.audience) {
        return Ok(None);
    }
    let filter = Filter { types: wish.types.clone(), tlp_max: Tlp::Red };
    let view = View { audience: span.audience.clone(), filter };
    let (mut items, mut after) = (Vec::new(), span.after);
    loop {
        let asked = Asked {
            after,
            until: span.until,
            versions: Versions { all: true, ..Versions::default() },
            limit: PART_MAX,
            ..Asked::default()
        };
        let slice = serve::page(reader, &view, org, now, &asked)?;
        // What may be had only since then has a place of its own further on.
        items.extend(slice.items.into_iter().filter(|one| span.added.contains(&one.added)));
        match slice.next {
            Some(next) => after = next,
            None => return Ok(Some(items)),
        }
    }
}
