//! What may be had again: an object whose originator's opinion was loosened, to whose provision an agreement party
//! consented, that a review cleared, or that is marked less strictly than when it fell, is given a new place in the streams
//! it was released to. So is what an organisation may have since its ceiling rose or its finding reaches further, and what
//! names an object that comes back into a stream.
//!
//! Whoever reads a stream by its cursor has passed the old place and got nothing there. So a place is given anew where a
//! member of the audience may have the object now and was not handed it at its place, or was told since that it may not
//! have it. What names the object was kept from the same readers, or lacked the name; it gets a new place too. Where only
//! one organisation may have more, the stream is walked once, and whatever it gets more of than it got before is given a
//! new place. Places that are newer than the decision stay.

use std::collections::BTreeSet;

use jiff::Timestamp;
use noroshi_charter::release::{Audience, Ceiling, Protection, Recipient};
use noroshi_evidence::marking::{LegalBits, Tlp};

use super::gate::{self, Candidate, Web};
use super::history::Histories;
use super::watch::Look;
use super::{audience, deltas, read};
use crate::evidence::rows::{tlp_code, tlp_of};
use crate::office::commit::Write;
use crate::office::ctx::Ctx;
use crate::office::id::OrgId;
use crate::office::store::{Reader, StoreFailure, Value};

/// A place of one version of an object in one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Whose stream.
    pub audience: Audience,
    /// Where, in microseconds since 1970.
    pub added: i64,
    /// The version.
    pub modified: String,
    /// SHA-256 over its canonical text.
    pub digest: String,
}

/// How far what names what names an object is followed.
const STEPS_MAX: u8 = 16;

/// What is to be looked at because of a decision that lets more have an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matter<'a> {
    /// When it was decided, in microseconds since 1970: newer places stay.
    pub since: i64,
    /// How far from the object that was decided about.
    pub step: u8,
    /// The object.
    pub id: &'a str,
}

impl<'a> Matter<'a> {
    /// The object that was decided about.
    pub fn decided(at: Timestamp, id: &'a str) -> Self {
        Self { since: at.as_microsecond(), step: 0, id }
    }

    /// The object that was found to be had again, or came back: places that were given at the same moment stay.
    pub fn found(at: Timestamp, id: &'a str) -> Self {
        Self { since: at.as_microsecond() - 1, step: 0, id }
    }

    /// Something that names it; nothing beyond the last step.
    pub fn naming(self, id: &'a str) -> Option<Self> {
        (self.step < STEPS_MAX).then(|| Self { step: self.step + 1, id, ..self })
    }

    /// As the list of what is to be looked at names it.
    pub fn subject(self) -> String {
        format!("{} {} {}", self.since, self.step, self.id)
    }

    /// Reads [`Matter::subject`].
    pub fn parse(subject: &'a str) -> Option<Self> {
        let mut parts = subject.splitn(3, ' ');
        Some(Self {
            since: parts.next()?.parse().ok()?,
            step: parts.next()?.parse().ok()?,
            id: parts.next()?,
        })
    }
}

/// One organisation in one audience that may have more since a decision about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loosened {
    /// When it was decided, in microseconds since 1970: newer places stay.
    pub since: i64,
    /// Whose stream.
    pub audience: Audience,
    /// How the organisation stood before.
    pub before: Recipient,
}

impl Loosened {
    /// A decision about `before` as a recipient of an audience.
    pub fn decided(at: Timestamp, audience: Audience, before: Recipient) -> Self {
        Self { since: at.as_microsecond(), audience, before }
    }

    /// As the list of what is to be looked at names it.
    pub fn subject(&self) -> String {
        let Recipient { org, protection, ceiling, .. } = &self.before;
        let found = protection.map_or_else(
            || "- -".to_owned(),
            |found| format!("{} {}", found.scope.code(), found.until.as_microsecond()),
        );
        let org = org.as_deref().unwrap_or("-");
        let (class, tlp) = (ceiling.class.code(), tlp_code(ceiling.tlp));
        format!("{} {org} {} {class} {tlp} {found}", self.since, self.audience.label())
    }

    /// Reads [`Loosened::subject`].
    pub fn parse(subject: &str) -> Option<Self> {
        let parts: Vec<&str> = subject.split(' ').collect();
        let [since, org, audience, class, tlp, scope, until] = parts.as_slice() else {
            return None;
        };
        let audience = Audience::parse(audience)?;
        let protection = match (*scope, *until) {
            ("-", "-") => None,
            (scope, until) => Some(Protection {
                scope: read::class_of(scope)?,
                until: Timestamp::from_microsecond(until.parse().ok()?).ok()?,
            }),
        };
        let before = Recipient {
            protection,
            ceiling: Ceiling { class: read::class_of(class)?, tlp: tlp_of(tlp)? },
            ..Recipient::of(org, audience.capacity())
        };
        Some(Self { since: since.parse().ok()?, audience, before })
    }
}

/// Whether somebody may have anything since a decision that was kept from it before.
pub fn loosens(before: &Recipient, after: &Recipient, now: Timestamp) -> bool {
    let scope = |to: &Recipient| to.protection.filter(|one| one.until > now).map(|one| one.scope);
    let found = scope(after).is_some() && scope(after) != scope(before);
    found || after.ceiling.tlp > before.ceiling.tlp || after.ceiling.class != before.ceiling.class
}

/// What of a stream after a place an organisation gets more of than before a decision about it, `limit` places at once; and
/// where to go on, absent at the end.
pub fn more(
    reader: &Reader<'_>,
    loosened: &Loosened,
    (after, limit): (i64, i64),
    now: Timestamp,
) -> Result<(Vec<(String, Place)>, Option<i64>), StoreFailure> {
    let Loosened { since, audience, before } = loosened;
    let org = before.org.as_deref();
    let belongs = match org.and_then(OrgId::parse) {
        Some(org) => audience::belongs(reader, &org, audience)?,
        None => false,
    };
    if !belongs {
        return Ok((Vec::new(), None));
    }
    let label = audience.label();
    let to = audience::recipient(reader, org, audience)?;
    let then = Timestamp::from_microsecond(*since).unwrap_or(now);
    let places = reader.all(
        "SELECT id, added, modified, digest FROM share_item WHERE audience = $1 AND added > $2 AND added <= $3 \
         AND withdrawn_at IS NULL ORDER BY added LIMIT $4",
        &[Value::from(&label), Value::from(after), Value::from(*since), Value::from(limit)],
        |row| {
            let (added, modified, digest) = (row.int(1)?, row.text(2)?, row.text(3)?);
            Ok((row.text(0)?, Place { audience: audience.clone(), added, modified, digest }))
        },
    )?;
    let full = i64::try_from(places.len()).unwrap_or(i64::MAX) >= limit;
    let upto = places.last().filter(|_| full).map(|(_, place)| place.added);
    let mut found = Vec::new();
    for (id, place) in places {
        let histories = Histories::default();
        let version = read::version(reader, &histories, &id, &place.modified, &place.digest)?;
        let Some(candidate) = version.filter(|one| !one.is_notice) else { continue };
        // What is kept for what it is itself needs nothing else to be looked at.
        if !candidate.may_leave(LegalBits::default(), &to, now) {
            continue;
        }
        let web = read::web_of(reader, &label, candidate.clone())?;
        let got = text_for(&web, &candidate, &to, now);
        if got.is_some() && got != text_for(&web, &candidate, before, then) {
            found.push((id, place));
        }
    }
    Ok((found, upto))
}

/// The bytes that somebody gets of a version.
fn text_for(web: &Web, candidate: &Candidate, to: &Recipient, now: Timestamp) -> Option<String> {
    let verdict = web.judge(candidate, to, Tlp::Red, now);
    let outgoing = web.outgoing(to, Tlp::Red, now);
    gate::write(&outgoing, candidate, &verdict).map(|sent| sent.text)
}

/// Whether an object stood in a stream and stands there no more.
pub fn returns(reader: &Reader<'_>, audience: &str, id: &str) -> Result<bool, StoreFailure> {
    let live = reader.first(
        "SELECT MAX(withdrawn_at IS NULL) FROM share_item WHERE audience = $1 AND id = $2",
        &[Value::from(audience), Value::from(id)],
        |row| row.int_or_none(0),
    )?;
    Ok(live.flatten() == Some(0))
}

/// The write that asks for a look at what names an object that comes back into a stream.
pub fn come_back(id: &str, ctx: &Ctx) -> Write {
    let subject = Matter::found(ctx.now, id).subject();
    Look::FreedNames.at(&subject, "what it names came back", ctx)
}

/// Whether an object stands in no stream: it passes on what names it, and nobody waits for it.
pub fn is_nowhere(reader: &Reader<'_>, id: &str) -> Result<bool, StoreFailure> {
    Ok(!super::fallen::is_live(reader, id)?)
}

/// The live places of an object that are older than a decision.
fn places(reader: &Reader<'_>, id: &str, since: i64) -> Result<Vec<Place>, StoreFailure> {
    let rows = reader.all(
        "SELECT audience, added, modified, digest FROM share_item WHERE audience IN (SELECT audience FROM share_audience) \
         AND id = $1 AND withdrawn_at IS NULL AND added <= $2 ORDER BY added",
        &[Value::from(id), Value::from(since)],
        |row| Ok((row.text(0)?, row.int(1)?, row.text(2)?, row.text(3)?)),
    )?;
    let known = |(label, added, modified, digest): (String, _, _, _)| {
        Some(Place { audience: Audience::parse(&label)?, added, modified, digest })
    };
    Ok(rows.into_iter().filter_map(known).collect())
}

/// Who was handed what stands at a place.
fn took(reader: &Reader<'_>, place: &Place) -> Result<BTreeSet<String>, StoreFailure> {
    let rows = reader.all(
        "SELECT recipient, first_added, added FROM share_delivery \
         WHERE audience = $1 AND first_added <= $2 AND last_added >= $2",
        &[Value::from(place.audience.label()), Value::from(place.added)],
        |row| Ok((row.text(0)?, row.int(1)?, row.blob(2)?)),
    )?;
    let mut took = BTreeSet::new();
    for (org, first, added) in rows {
        let damaged = || StoreFailure::Damaged("the places of a delivery".to_owned());
        if deltas::decode(first, &added).ok_or_else(damaged)?.contains(&place.added) {
            took.insert(org);
        }
    }
    Ok(took)
}

/// The members of an audience who may have a version now; the public is one without a name.
fn may_have(
    reader: &Reader<'_>,
    id: &str,
    place: &Place,
    now: Timestamp,
) -> Result<BTreeSet<Option<String>>, StoreFailure> {
    let histories = Histories::default();
    let found = read::version(reader, &histories, id, &place.modified, &place.digest)?;
    let Some(candidate) = found.filter(|one| !one.is_notice) else { return Ok(BTreeSet::new()) };
    let web = read::web_of(reader, &place.audience.label(), candidate.clone())?;
    let mut members: Vec<Option<String>> = audience::members(reader, &place.audience)?
        .into_iter()
        .map(|org| Some(org.org.to_string()))
        .collect();
    if place.audience == Audience::Public {
        members.push(None);
    }
    let mut may = BTreeSet::new();
    for org in members {
        let to = audience::recipient(reader, org.as_deref(), &place.audience)?;
        if text_for(&web, &candidate, &to, now).is_some() {
            may.insert(org);
        }
    }
    Ok(may)
}

/// The places of an object that are to be given anew after a decision about it, or about `named`, which it names.
pub fn of(
    reader: &Reader<'_>,
    id: &str,
    named: Option<&str>,
    (since, now): (i64, Timestamp),
) -> Result<Vec<Place>, StoreFailure> {
    let mut found = Vec::new();
    for place in places(reader, id, since)? {
        let may = may_have(reader, id, &place, now)?;
        let took = took(reader, &place)?;
        let told = super::fallen::told_since(reader, id, &may)?;
        let waits = |org: &Option<String>| {
            org.as_ref().is_none_or(|org| !took.contains(org) || told.contains(org))
        };
        if may.iter().any(waits) || fuller(reader, &place, named, &may, now)? {
            found.push(place);
        }
    }
    Ok(found)
}

/// Whether somebody of these may have what the object names too, in the same stream: what it was handed before lacked it.
fn fuller(
    reader: &Reader<'_>,
    place: &Place,
    named: Option<&str>,
    may: &BTreeSet<Option<String>>,
    now: Timestamp,
) -> Result<bool, StoreFailure> {
    let Some(named) = named else { return Ok(false) };
    for other in places(reader, named, i64::MAX)? {
        if other.audience == place.audience
            && !may_have(reader, named, &other, now)?.is_disjoint(may)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The writes that give a version a new place; the one it had is kept, so that what was delivered there stays provable.
pub fn placed_anew(id: &str, place: &Place, now: Timestamp) -> [Write; 3] {
    let label = place.audience.label();
    let key = || {
        vec![
            Value::from(&label),
            Value::from(id),
            Value::from(&place.modified),
            Value::from(place.added),
        ]
    };
    let mut past = key();
    past.push(Value::from(now));
    [
        super::act::next_place(&label, now),
        Write::one(
            "INSERT INTO share_item_past (audience, added, id, modified, digest, release, withdrawn_at) \
             SELECT audience, added, id, modified, digest, release, $5 FROM share_item \
             WHERE audience = $1 AND id = $2 AND modified = $3 AND added = $4 AND withdrawn_at IS NULL",
            past,
        ),
        Write::one(
            "UPDATE share_item SET added = (SELECT last_added FROM share_audience a WHERE a.audience = $1) \
             WHERE audience = $1 AND id = $2 AND modified = $3 AND added = $4 AND withdrawn_at IS NULL",
            key(),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use noroshi_evidence::marking::LegalClass;

    use super::*;

    #[test]
    fn a_decision_is_read_as_it_is_written_and_is_not_followed_for_ever() {
        let at: Timestamp = "2026-11-27T00:00:00.000001Z".parse().unwrap();
        let id = "tool--1b6ea7d9-2b0f-4f55-8f0a-000000000001";
        let mut matter = Matter::decided(at, id);
        let mut steps = 0;
        while let Some(next) = matter.naming(id) {
            assert_eq!(Matter::parse(&next.subject()), Some(next));
            (matter, steps) = (next, steps + 1);
        }
        assert_eq!(steps, STEPS_MAX);
        for bad in ["", id, "x y z", "1 y z", "1 2"] {
            assert_eq!(Matter::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn how_somebody_stood_is_read_as_it_is_written() {
        let at: Timestamp = "2026-11-27T00:00:00.000001Z".parse().unwrap();
        let until = at + jiff::SignedDuration::from_hours(1);
        for class in LegalClass::ALL {
            for tlp in Tlp::ALL {
                let protection =
                    Some(Protection { scope: class, until }).filter(|_| tlp > Tlp::Clear);
                let audience = Audience::Sector("water".to_owned());
                let before = Recipient {
                    protection,
                    ceiling: Ceiling { class, tlp },
                    ..Recipient::of("org-1", audience.capacity())
                };
                let one = Loosened::decided(at, audience, before);
                assert_eq!(Loosened::parse(&one.subject()), Some(one));
            }
        }
        for bad in ["", "1 2 3", "1 org-1 operators CIA red - 7", "1 org-1 nobody CIA red - -"] {
            assert_eq!(Loosened::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_what_lets_more_through_loosens() {
        let now: Timestamp = "2026-11-27T00:00:00Z".parse().unwrap();
        let until = |hours| now + jiff::SignedDuration::from_hours(hours);
        let found = |scope, hours| Some(Protection { scope, until: until(hours) });
        let plain = Recipient::of("org-1", noroshi_charter::release::Capacity::Foreign);
        let with = |protection| Recipient { protection, ..plain.clone() };
        let under = |tlp| Recipient { ceiling: Ceiling { tlp, ..Ceiling::NONE }, ..plain.clone() };
        for (before, after, wanted) in [
            (with(None), with(found(LegalClass::CiaP, 1)), true),
            (with(found(LegalClass::CiaN, 1)), with(found(LegalClass::CiaP, 1)), true),
            (with(found(LegalClass::CiaP, 0)), with(found(LegalClass::CiaP, 1)), true),
            (with(found(LegalClass::CiaP, 1)), with(found(LegalClass::CiaP, 2)), false),
            (with(found(LegalClass::CiaP, 1)), with(found(LegalClass::CiaP, 0)), false),
            (under(Tlp::Green), under(Tlp::Amber), true),
            (under(Tlp::Red), under(Tlp::Green), false),
        ] {
            assert_eq!(loosens(&before, &after, now), wanted, "{before:?} {after:?}");
        }
    }
}
