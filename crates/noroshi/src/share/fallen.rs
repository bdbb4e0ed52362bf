//! What was handed out and may not be had any more.
//!
//! An object falls out for a recipient when the gate would not hand it out now: its marking, its finding, its ceiling,
//! what it was made from, a part that is hidden now, or something it names that stood in the same stream and leaves no
//! more. What is named and was never in the stream takes nothing back: nothing became stricter by its coming.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use noroshi_charter::outgoing::{Held, Outgoing, judge};
use noroshi_charter::release::{Audience, Recipient};
use noroshi_evidence::marking::Tlp;
use noroshi_evidence::object::StixObject;
use noroshi_evidence::redact::Parts;

use super::gate::{self, Candidate, Web};
use super::history::Histories;
use super::recall::Kind;
use super::{audience, deltas, read};
use crate::evidence::read::NODE_OF_FIRST;
use crate::office::commit::Write;
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// Where an object was handed out: each audience with the organisations that got it through it.
pub type Handed = BTreeMap<Audience, BTreeSet<String>>;

/// One version in one stream, and who was handed it when; without a recipient it only stands there.
struct Given {
    audience: Audience,
    modified: String,
    digest: String,
    to: Option<(String, String)>,
}

/// Every place an object has in a stream or had, also those given up when it was handed in again.
const PLACES: &str = "(SELECT audience, added, id, modified, digest FROM share_item \
     WHERE audience IN (SELECT audience FROM share_audience) AND id = $1 \
     UNION ALL SELECT audience, added, id, modified, digest FROM share_item_past WHERE id = $1)";

/// Everybody who was handed the object, from the record of deliveries: the exact places, not the span of a page.
fn given(reader: &Reader<'_>, id: &str) -> Result<Vec<Given>, StoreFailure> {
    let sql = format!(
        "SELECT i.audience, i.added, i.modified, i.digest, d.recipient, d.first_added, d.added, d.at \
         FROM {PLACES} AS i LEFT JOIN share_delivery d \
         ON d.audience = i.audience AND d.first_added <= i.added AND d.last_added >= i.added"
    );
    let rows = reader.all(&sql, &[Value::from(id)], |row| {
        let to = match row.text_or_none(4)? {
            None => None,
            Some(org) => {
                let damaged = || StoreFailure::Damaged("the places of a delivery".to_owned());
                let places = deltas::decode(row.int(5)?, &row.blob(6)?).ok_or_else(damaged)?;
                places.contains(&row.int(1)?).then_some((org, row.text(7)?))
            }
        };
        Ok((row.text(0)?, row.text(2)?, row.text(3)?, to))
    })?;
    let known = |(label, modified, digest, to): (String, String, String, _)| {
        Some(Given { audience: Audience::parse(&label)?, modified, digest, to })
    };
    Ok(rows.into_iter().filter_map(known).collect())
}

/// Everybody who was handed the object, or one version of it; audiences in which nobody took it are there too.
pub fn handed(
    reader: &Reader<'_>,
    id: &str,
    modified: Option<&str>,
) -> Result<Handed, StoreFailure> {
    let mut handed = Handed::new();
    for one in given(reader, id)? {
        if modified.is_none_or(|modified| modified == one.modified) {
            handed.entry(one.audience).or_default().extend(one.to.map(|(org, _)| org));
        }
    }
    Ok(handed)
}

/// The newest delivery of all: whoever takes something back by what was handed out up to it must know that none came since.
pub fn deliveries(reader: &Reader<'_>) -> Result<i64, StoreFailure> {
    reader.number("SELECT COALESCE(MAX(delivery), 0) FROM share_delivery", &[])
}

/// The write that holds only while an object was handed to nobody after a delivery.
pub fn none_since(id: &str, delivery: i64) -> Write {
    Write::one(
        "UPDATE share_watch SET seq = seq WHERE watch = 'arrivals' AND NOT EXISTS (SELECT 1 FROM share_delivery d \
         WHERE d.delivery > $2 AND EXISTS (SELECT 1 FROM (SELECT audience, added FROM share_item \
         WHERE audience IN (SELECT audience FROM share_audience) AND id = $1 \
         UNION ALL SELECT audience, added FROM share_item_past WHERE id = $1) AS i \
         WHERE i.audience = d.audience AND i.added BETWEEN d.first_added AND d.last_added))",
        vec![Value::from(id), Value::from(delivery)],
    )
}

/// Whether an object stands in any stream and was not taken back.
pub fn is_live(reader: &Reader<'_>, id: &str) -> Result<bool, StoreFailure> {
    let live = reader.number(
        "SELECT COUNT(*) FROM share_item WHERE audience IN (SELECT audience FROM share_audience) \
         AND id = $1 AND withdrawn_at IS NULL",
        &[Value::from(id)],
    )?;
    Ok(live > 0)
}

/// Judges one object in one audience's stream.
struct Judge<'a> {
    reader: &'a Reader<'a>,
    place: &'a Audience,
    candidate: &'a Candidate,
    web: &'a Web,
    now: Timestamp,
}

impl Judge<'_> {
    fn to(&self, org: Option<&str>) -> Result<Recipient, StoreFailure> {
        audience::recipient(self.reader, org, self.place)
    }

    /// Whether the object, as it is held now, does not leave to somebody.
    fn stays(&self, to: &Recipient) -> Result<bool, StoreFailure> {
        let verdict = self.web.judge(self.candidate, to, Tlp::Red, self.now);
        if !verdict.allows() {
            return Ok(true);
        }
        let outgoing = self.web.outgoing(to, Tlp::Red, self.now);
        if gate::write(&outgoing, self.candidate, &verdict).is_some() {
            return Ok(false);
        }
        self.names_what_left(&outgoing)
    }

    /// Whether something it names stood in the same stream and does not leave now.
    fn names_what_left(&self, outgoing: &Outgoing) -> Result<bool, StoreFailure> {
        for name in self.candidate.held.parts.names() {
            let sql = format!("SELECT 1 FROM {PLACES} AS i WHERE i.audience = $2 LIMIT 1");
            let params = [Value::from(name), Value::from(self.place.label())];
            if outgoing.hides(name) && self.reader.first(&sql, &params, |row| row.int(0))?.is_some()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether parts of a version that was handed out are hidden now which neither its own markings hid nor those that
    /// were known when the organisation was last sent a message about it.
    fn hides_more(
        &self,
        version: &Candidate,
        org: &str,
        to: &Recipient,
    ) -> Result<bool, StoreFailure> {
        let mut then = Parts::read(version.object().clone());
        if let Some(at) = last_told(self.reader, version.id(), org)?
            && let Some(newest) = newest_at(self.reader, version.id(), &at)?
        {
            then.also(&Parts::read(newest));
        }
        let now = self.web.judge(version, to, Tlp::Red, self.now);
        let held = Held { parts: then.clone(), ..version.held.clone() };
        let before = judge(&held, to, Tlp::Red, self.now);
        Ok(version.held.parts.hides_beyond(&now.hidden, &then, &before.hidden))
    }
}

/// When an organisation was last sent a message about an object.
fn last_told(reader: &Reader<'_>, id: &str, org: &str) -> Result<Option<String>, StoreFailure> {
    let found = reader.first(
        "SELECT MAX(r.at) FROM share_recall r JOIN share_recall_recipient t ON t.recall = r.recall \
         WHERE r.id = $1 AND t.org = $2",
        &[Value::from(id), Value::from(org)],
        |row| row.text_or_none(0),
    )?;
    Ok(found.flatten())
}

/// The newest version of an object that was held at an instant.
fn newest_at(reader: &Reader<'_>, id: &str, at: &str) -> Result<Option<StixObject>, StoreFailure> {
    let sql = format!(
        "SELECT bytes FROM evidence_object WHERE node = {NODE_OF_FIRST} AND arrived_at <= $2 \
         ORDER BY modified DESC LIMIT 1"
    );
    let text = reader.first(&sql, &[Value::from(id), Value::from(at)], |row| row.text(0))?;
    text.map(|text| read::parse(&text)).transpose()
}

/// What sort of message about an object is needed, and who of those who got it has not had it; with `only`, for one
/// organisation. `None` when it may still be had by all of them, or they know.
pub fn of(
    reader: &Reader<'_>,
    id: &str,
    only: Option<&str>,
    now: Timestamp,
) -> Result<Option<(Kind, Handed)>, StoreFailure> {
    let Some(candidate) = read::candidate(reader, id)?.filter(|one| !one.is_notice) else {
        return Ok(None);
    };
    // Withdrawn by its originator it is for everybody at once.
    let revoked = only.is_none() && candidate.object().head().revoked && is_live(reader, id)?;
    let given = given(reader, id)?;
    let mut lost = Handed::new();
    let mut webs: BTreeMap<&Audience, Web> = BTreeMap::new();
    for one in &given {
        let Some((org, _)) = &one.to else { continue };
        // Its own words come back to an organisation whatever the gate says of them to others.
        if only.is_some_and(|only| only != org) || candidate.held.facts.originator == *org {
            continue;
        }
        if !webs.contains_key(&one.audience) {
            let web = read::web_of(reader, &one.audience.label(), candidate.clone())?;
            webs.insert(&one.audience, web);
        }
        let Some(web) = webs.get(&one.audience) else { continue };
        let judge = Judge { reader, place: &one.audience, candidate: &candidate, web, now };
        if revoked || falls(&judge, &given, one, org)? {
            lost.entry(one.audience.clone()).or_default().insert(org.clone());
        }
    }
    let kind = if revoked { Kind::Revocation } else { Kind::Remark };
    Ok((!lost.is_empty()).then_some((kind, lost)))
}

/// Whether an organisation may not have what it was handed there any more, and does not know it.
fn falls(judge: &Judge<'_>, given: &[Given], one: &Given, org: &str) -> Result<bool, StoreFailure> {
    let (reader, id) = (judge.reader, judge.candidate.id());
    let to = judge.to(Some(org))?;
    if judge.stays(&to)? {
        return Ok(!is_told(reader, id, org, given)?);
    }
    let version = read::version(reader, &Histories::default(), id, &one.modified, &one.digest)?;
    version.map_or(Ok(false), |version| judge.hides_more(&version, org, &to))
}

/// Whether an organisation has had a message about an object since it was last handed it.
fn is_told(
    reader: &Reader<'_>,
    id: &str,
    org: &str,
    given: &[Given],
) -> Result<bool, StoreFailure> {
    let told = last_told(reader, id, org)?;
    let times = given.iter().filter_map(|one| one.to.as_ref());
    let last = times.filter(|(to, _)| to == org).map(|(_, at)| at).max();
    Ok(told.as_ref().is_some_and(|told| Some(told) >= last))
}

/// Those of these organisations that have had a message about an object since they were last handed it: they know that they
/// may not have it.
pub fn told(
    reader: &Reader<'_>,
    id: &str,
    orgs: &BTreeSet<Option<String>>,
) -> Result<BTreeSet<String>, StoreFailure> {
    let given = given(reader, id)?;
    let mut told = BTreeSet::new();
    for org in orgs.iter().flatten() {
        if is_told(reader, id, org, &given)? {
            told.insert(org.clone());
        }
    }
    Ok(told)
}

/// Whether an object that stands in a stream is kept now from anybody who belongs to it, whoever took it.
pub fn is_kept_from_some(
    reader: &Reader<'_>,
    id: &str,
    now: Timestamp,
) -> Result<bool, StoreFailure> {
    let Some(candidate) = read::candidate(reader, id)?.filter(|one| !one.is_notice) else {
        return Ok(false);
    };
    for place in handed(reader, id, None)?.into_keys() {
        let web = read::web_of(reader, &place.label(), candidate.clone())?;
        let judge = Judge { reader, place: &place, candidate: &candidate, web: &web, now };
        let mut members: Vec<Option<String>> = audience::members(reader, &place)?
            .into_iter()
            .map(|org| Some(org.org.to_string()))
            .collect();
        if place == Audience::Public {
            members.push(None);
        }
        for org in members {
            let verdict = web.judge(&candidate, &judge.to(org.as_deref())?, Tlp::Red, now);
            if !verdict.allows() || !verdict.hidden.is_empty() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// What one organisation was handed after a delivery, a few deliveries at once: the objects, and how far that is.
pub fn given_to(
    reader: &Reader<'_>,
    org: &str,
    after: i64,
    deliveries: i64,
) -> Result<(BTreeSet<String>, Option<i64>), StoreFailure> {
    let pages = reader.all(
        "SELECT delivery, audience, first_added, added FROM share_delivery WHERE recipient = $1 AND delivery > $2 \
         ORDER BY delivery LIMIT $3",
        &[Value::from(org), Value::from(after), Value::from(deliveries)],
        |row| Ok((row.int(0)?, row.text(1)?, row.int(2)?, row.blob(3)?)),
    )?;
    let upto = pages.last().map(|(delivery, ..)| *delivery);
    let mut ids = BTreeSet::new();
    for (_, audience, first, added) in pages {
        let damaged = || StoreFailure::Damaged("the places of a delivery".to_owned());
        for place in deltas::decode(first, &added).ok_or_else(damaged)? {
            let id = reader.first(
                "SELECT id FROM share_item WHERE audience = $1 AND added = $2 \
                 UNION ALL SELECT id FROM share_item_past WHERE audience = $1 AND added = $2 LIMIT 1",
                &[Value::from(&audience), Value::from(place)],
                |row| row.text(0),
            )?;
            ids.extend(id);
        }
    }
    Ok((ids, upto))
}

/// What names one object or was made from it: the version that says so, its node, its identifier, and whether it bears a
/// legal bit itself.
pub type Naming = (i64, i64, String, bool);

/// What names an object, and what a relationship says was made from it, by the versions that do, after one of them; and
/// where to go on, absent at the end.
pub fn naming(
    reader: &Reader<'_>,
    node: i64,
    after: i64,
    limit: i64,
) -> Result<(Vec<Naming>, Option<i64>), StoreFailure> {
    let naming_at = |row: &Row<'_, '_>| Ok((row.int(0)?, row.int(1)?, row.text(2)?, row.truth(3)?));
    let bound = "EXISTS (SELECT 1 FROM evidence_object v WHERE v.node = o.node AND (v.has_comms = 1 OR v.has_secret = 1))";
    let names = format!(
        "SELECT DISTINCT e.via, o.node, o.id, {bound} FROM evidence_edge e JOIN evidence_object o ON o.seq = e.via \
         WHERE e.node = $1 AND e.via > $2 AND o.node <> $1 ORDER BY e.via LIMIT $3"
    );
    let params = [Value::from(node), Value::from(after), Value::from(limit)];
    let mut found: Vec<Naming> = reader.all(&names, &params, naming_at)?;
    let full = i64::try_from(found.len()).unwrap_or(i64::MAX) >= limit;
    let upto = found.last().filter(|_| full).map(|(via, ..)| *via);
    // A relationship names what it leads to; what it leads from was made from that, and names nothing. It is held only
    // with one of these versions, so there are no more of them than of those.
    let made = format!(
        "SELECT d.via, o.node, o.id, {bound} FROM evidence_deriving d \
         JOIN evidence_object o ON o.node = d.made AND o.latest = 1 \
         WHERE d.source = $1 AND d.via > $2 AND d.via <= $3 AND d.made <> $1 ORDER BY d.via"
    );
    let params = [Value::from(node), Value::from(after), Value::from(upto.unwrap_or(i64::MAX))];
    found.extend(reader.all(&made, &params, naming_at)?);
    Ok((found, upto))
}
