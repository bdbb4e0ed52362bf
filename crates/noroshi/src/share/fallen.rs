//! What was handed out and may not be had any more.
//!
//! An object falls out for a recipient when the gate would not hand it out now: its marking, its finding, its ceiling,
//! what it was made from, a part that is hidden now, or something it names that stood in the same stream and leaves no
//! more. What is named and was never in the stream takes nothing back: nothing became stricter by its coming.
//!
//! Whoever was told once is not told again of the same. What somebody was told stands in `share_told`, for each stream: that
//! the object may not be had at all, or which version's markings of parts were known. It ends when the gate passes again, or
//! when the object was handed out since; a message about parts says nothing of the whole, and one that takes one version
//! back nothing of another.

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
use crate::evidence::rows;
use crate::office::commit::Write;
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// Where an object was handed out: each audience with the organisations that got it through it.
pub type Handed = BTreeMap<Audience, BTreeSet<String>>;

/// One version in one stream, and who was handed it when; without a recipient it only stands there.
struct Given {
    audience: Audience,
    modified: String,
    digest: String,
    to: Option<To>,
}

/// One handing out: to whom, when, and by which delivery.
struct To {
    org: String,
    at: String,
    delivery: i64,
}

/// Every place an object has in a stream or had, also those given up when it was handed in again.
const PLACES: &str = "(SELECT audience, added, id, modified, digest FROM share_item \
     WHERE audience IN (SELECT audience FROM share_audience) AND id = $1 \
     UNION ALL SELECT audience, added, id, modified, digest FROM share_item_past WHERE id = $1)";

/// Everybody who was handed the object, from the record of deliveries: the exact places, not the span of a page.
fn given(reader: &Reader<'_>, id: &str) -> Result<Vec<Given>, StoreFailure> {
    let sql = format!(
        "SELECT i.audience, i.added, i.modified, i.digest, d.recipient, d.first_added, d.added, d.at, d.delivery \
         FROM {PLACES} AS i LEFT JOIN share_delivery d \
         ON d.audience = i.audience AND d.first_added <= i.added AND d.last_added >= i.added"
    );
    let rows = reader.all(&sql, &[Value::from(id)], |row| {
        let to = match row.text_or_none(4)? {
            None => None,
            Some(org) => {
                let damaged = || StoreFailure::Damaged("the places of a delivery".to_owned());
                let places = deltas::decode(row.int(5)?, &row.blob(6)?).ok_or_else(damaged)?;
                let (at, delivery) = (row.text(7)?, row.int(8)?);
                places.contains(&row.int(1)?).then_some(To { org, at, delivery })
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
            handed.entry(one.audience).or_default().extend(one.to.map(|to| to.org));
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

    /// Whether parts of a version that was handed out are hidden now which its own markings did not hide, and whether any of
    /// them were not known to somebody who was told of the markings of the version `told`.
    fn hides(
        &self,
        version: &Candidate,
        to: &Recipient,
        told: Option<i64>,
    ) -> Result<[bool; 2], StoreFailure> {
        let now = self.web.judge(version, to, Tlp::Red, self.now);
        let beyond = |then: Parts| {
            let held = Held { parts: then.clone(), ..version.held.clone() };
            let before = judge(&held, to, Tlp::Red, self.now);
            version.held.parts.hides_beyond(&now.hidden, &then, &before.hidden)
        };
        let mut then = Parts::read(version.object().clone());
        if !beyond(then.clone()) {
            return Ok([false, false]);
        }
        if let Some(known) = told.map(|seq| at_place(self.reader, seq)).transpose()?.flatten() {
            then.also(&Parts::read(known));
        }
        Ok([true, beyond(then)])
    }
}

/// The version at a place in the order of arrival.
fn at_place(reader: &Reader<'_>, seq: i64) -> Result<Option<StixObject>, StoreFailure> {
    let sql = "SELECT bytes FROM evidence_object WHERE seq = $1";
    let text = reader.first(sql, &[Value::from(seq)], |row| row.text(0))?;
    text.map(|text| read::parse(&text)).transpose()
}

/// What an organisation was last told by the watch about an object it was handed through a stream.
#[derive(Debug, Clone, Copy)]
struct Told {
    /// That it may not be had at all; otherwise that parts of it may not.
    whole: bool,
    /// The newest version then, by its place in the order of arrival.
    newest: i64,
    /// The newest delivery that was taken into account.
    delivery: i64,
}

fn told(
    reader: &Reader<'_>,
    id: &str,
    org: &str,
    audience: &Audience,
) -> Result<Option<Told>, StoreFailure> {
    reader.first(
        "SELECT whole, newest, delivery FROM share_told WHERE id = $1 AND org = $2 AND audience = $3",
        &[Value::from(id), Value::from(org), Value::from(audience.label())],
        |row| Ok(Told { whole: row.truth(0)?, newest: row.int(1)?, delivery: row.int(2)? }),
    )
}

/// Whether anybody was told about an object and has not had it back.
pub fn is_told_of(reader: &Reader<'_>, id: &str) -> Result<bool, StoreFailure> {
    let sql = "SELECT 1 FROM share_told WHERE id = $1 LIMIT 1";
    Ok(reader.first(sql, &[Value::from(id)], |row| row.int(0))?.is_some())
}

/// Whether an organisation was told, since it was handed a version through a stream, that this version was taken back there.
fn is_taken_back(
    reader: &Reader<'_>,
    id: &str,
    org: &str,
    of_version: &[&Given],
) -> Result<bool, StoreFailure> {
    let Some(one) = of_version.first() else { return Ok(false) };
    let found = reader.first(
        "SELECT MAX(r.at) FROM share_recall r JOIN share_recall_recipient t ON t.recall = r.recall AND t.org = $2 \
         WHERE r.id = $1 AND r.kind <> 'remark' AND (r.modified IS NULL OR r.modified = $3) AND EXISTS (SELECT 1 \
         FROM share_item n WHERE n.audience = $4 AND n.id = r.notice)",
        &[
            Value::from(id),
            Value::from(org),
            Value::from(&one.modified),
            Value::from(one.audience.label()),
        ],
        |row| row.text_or_none(0),
    )?;
    let last = of_version.iter().filter_map(|one| one.to.as_ref()).map(|to| &to.at).max();
    Ok(found.flatten().as_ref().is_some_and(|told| Some(told) >= last))
}

/// What a look at one object gave: who must be told what.
#[derive(Debug)]
pub struct Fallen {
    /// What sort of message is needed.
    pub kind: Kind,
    /// Who may not have it, or parts of it, any more and does not know it.
    pub lost: Handed,
    /// Of these those who may not have anything of it.
    whole: BTreeSet<(String, String)>,
    /// Who was told and may have it again, by stream; and whether parts of it stay hidden.
    back: BTreeMap<(String, String), bool>,
    id: String,
    /// The newest version, by its place in the order of arrival.
    newest: i64,
}

impl Fallen {
    fn is_nothing(&self) -> bool {
        self.lost.is_empty() && self.back.is_empty()
    }

    /// Whether somebody may have it again.
    pub fn is_back(&self) -> bool {
        !self.back.is_empty()
    }

    /// The writes that remember what its recipients are told with the message, which takes deliveries up to `delivery` into
    /// account. What is withdrawn by its originator has left the streams.
    pub fn remember(&self, delivery: i64) -> Vec<Write> {
        if self.kind != Kind::Remark {
            return Vec::new();
        }
        let each = self
            .lost
            .iter()
            .flat_map(|(audience, orgs)| orgs.iter().map(|org| (audience.label(), org.clone())));
        each.map(|key| {
            Write::one(
                "INSERT INTO share_told (id, org, audience, whole, newest, delivery) VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (id, org, audience) DO UPDATE SET whole = excluded.whole, newest = excluded.newest, \
                 delivery = excluded.delivery",
                vec![
                    Value::from(&self.id),
                    Value::from(&key.1),
                    Value::from(&key.0),
                    Value::from(self.whole.contains(&key)),
                    Value::from(self.newest),
                    Value::from(delivery),
                ],
            )
        })
        .collect()
    }

    /// The writes that forget what is true no more of what somebody was told.
    pub fn forget(&self) -> Vec<Write> {
        let one = |((audience, org), parts): (&(String, String), &bool)| {
            let sql = match parts {
                true => {
                    "UPDATE share_told SET whole = 0 WHERE id = $1 AND org = $2 AND audience = $3"
                }
                false => "DELETE FROM share_told WHERE id = $1 AND org = $2 AND audience = $3",
            };
            Write::new(sql, vec![Value::from(&self.id), Value::from(org), Value::from(audience)])
        };
        self.back.iter().map(one).collect()
    }
}

/// What sort of message about an object is needed, and who of those who got it has not had it; with `only`, for one
/// organisation. `None` when nothing changed for any of them, or they know.
pub fn of(
    reader: &Reader<'_>,
    id: &str,
    only: Option<&str>,
    now: Timestamp,
) -> Result<Option<Fallen>, StoreFailure> {
    let Some(candidate) = read::candidate(reader, id)?.filter(|one| !one.is_notice) else {
        return Ok(None);
    };
    // Withdrawn by its originator it is for everybody at once.
    let revoked = only.is_none() && candidate.object().head().revoked && is_live(reader, id)?;
    let given = given(reader, id)?;
    let mut groups: BTreeMap<(&Audience, &str), Vec<&Given>> = BTreeMap::new();
    for one in &given {
        let Some(to) = &one.to else { continue };
        // Its own words come back to an organisation whatever the gate says of them to others.
        if only.is_none_or(|only| only == to.org) && candidate.held.facts.originator != to.org {
            groups.entry((&one.audience, to.org.as_str())).or_default().push(one);
        }
    }
    let mut fallen = Fallen {
        kind: if revoked { Kind::Revocation } else { Kind::Remark },
        lost: Handed::new(),
        whole: BTreeSet::new(),
        back: BTreeMap::new(),
        id: id.to_owned(),
        newest: newest(reader, id)?,
    };
    let mut webs: BTreeMap<&Audience, Web> = BTreeMap::new();
    for ((audience, org), given) in groups {
        if !webs.contains_key(audience) {
            webs.insert(audience, read::web_of(reader, &audience.label(), candidate.clone())?);
        }
        let Some(web) = webs.get(audience) else { continue };
        let judge = Judge { reader, place: audience, candidate: &candidate, web, now };
        if revoked {
            fallen.lost.entry(audience.clone()).or_default().insert(org.to_owned());
        } else {
            look_at(&judge, org, &given, &mut fallen)?;
        }
    }
    Ok((!fallen.is_nothing()).then_some(fallen))
}

/// The place of the newest version in the order of arrival.
fn newest(reader: &Reader<'_>, id: &str) -> Result<i64, StoreFailure> {
    let sql =
        format!("SELECT seq FROM evidence_object WHERE node = {NODE_OF_FIRST} AND latest = 1");
    Ok(reader.first(&sql, &[Value::from(id)], |row| row.int(0))?.unwrap_or_default())
}

/// Looks at what one organisation was handed of the object through one stream.
fn look_at(
    judge: &Judge<'_>,
    org: &str,
    given: &[&Given],
    fallen: &mut Fallen,
) -> Result<(), StoreFailure> {
    let (reader, id) = (judge.reader, judge.candidate.id());
    let mut versions: BTreeMap<(&str, &str), Vec<&Given>> = BTreeMap::new();
    for one in given {
        versions.entry((one.modified.as_str(), one.digest.as_str())).or_default().push(one);
    }
    let mut held = Vec::with_capacity(versions.len());
    for (version, given) in versions {
        if !is_taken_back(reader, id, org, &given)? {
            held.push((version, given));
        }
    }
    if held.is_empty() {
        return Ok(());
    }
    let (to, told) = (judge.to(Some(org))?, told(reader, id, org, judge.place)?);
    let key = (judge.place.label(), org.to_owned());
    let lose = |fallen: &mut Fallen| {
        fallen.lost.entry(judge.place.clone()).or_default().insert(org.to_owned());
    };
    if judge.stays(&to)? {
        let last = held.iter().flat_map(|(_, given)| given).filter_map(|one| one.to.as_ref());
        let last = last.map(|to| to.delivery).max().unwrap_or_default();
        if !told.is_some_and(|told| told.whole && told.delivery >= last) {
            lose(fallen);
            fallen.whole.insert(key);
        }
        return Ok(());
    }
    let (mut parts, mut more) = (false, false);
    for ((modified, digest), _) in held {
        let version = read::version(reader, &Histories::default(), id, modified, digest)?;
        let Some(version) = version else { continue };
        let [hides, beyond] = judge.hides(&version, &to, told.map(|told| told.newest))?;
        parts |= hides;
        more |= beyond;
    }
    match told {
        _ if more => lose(fallen),
        // It may be had again, or what may be had of it: whatever falls from now on is a new message.
        Some(told) if told.whole || !parts => drop(fallen.back.insert(key, parts)),
        _ => {}
    }
    Ok(())
}

/// Those of these organisations that have had a message about an object since they were last handed it, whoever sent it: what
/// they may have again must come to them again.
pub fn told_since(
    reader: &Reader<'_>,
    id: &str,
    orgs: &BTreeSet<Option<String>>,
) -> Result<BTreeSet<String>, StoreFailure> {
    let given = given(reader, id)?;
    let mut told = BTreeSet::new();
    for org in orgs.iter().flatten() {
        let last = reader.first(
            "SELECT MAX(r.at) FROM share_recall r JOIN share_recall_recipient t ON t.recall = r.recall AND t.org = $2 \
             WHERE r.id = $1",
            &[Value::from(id), Value::from(org)],
            |row| row.text_or_none(0),
        )?;
        let taken = given.iter().filter_map(|one| one.to.as_ref());
        let taken = taken.filter(|to| to.org == *org).map(|to| &to.at).max();
        if last.flatten().as_ref().is_some_and(|last| Some(last) >= taken) {
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

/// What keeps something from others and passes on to what is made from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bearing(u8);

impl Bearing {
    /// Selected communications information, a secret, and something of an agreement without the consent of its party.
    pub fn new(comms: bool, secret: bool, unconsented: bool) -> Self {
        Self(u8::from(comms) | (u8::from(secret) << 1) | (u8::from(unconsented) << 2))
    }

    /// Whether it is nothing.
    pub const fn is_nothing(self) -> bool {
        self.0 == 0
    }

    /// Both together.
    #[must_use]
    pub const fn join(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What of it is not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// SQL for what the versions of the node of the row `o` bear themselves: three columns for [`bearing_at`].
fn bears(o: &str) -> String {
    let any = |what: &str| {
        format!("EXISTS (SELECT 1 FROM evidence_object v WHERE v.node = {o}.node AND {what})")
    };
    format!(
        "{}, {}, {} AND NOT EXISTS (SELECT 1 FROM share_handling vh WHERE vh.id = {o}.id AND vh.consent IS NOT NULL)",
        any("v.has_comms = 1"),
        any("v.has_secret = 1"),
        any(&rows::is_agreed("v"))
    )
}

fn bearing_at(row: &Row<'_, '_>, first: usize) -> Result<Bearing, StoreFailure> {
    Ok(Bearing::new(row.truth(first)?, row.truth(first + 1)?, row.truth(first + 2)?))
}

/// What names one object or was made from it: the version that says so, its node, its identifier, and what its versions bear
/// themselves.
pub type Naming = (i64, i64, String, Bearing);

/// What names an object anywhere in its strings, and what a relationship says was made from it, by the versions that do,
/// after one of them; and where to go on, absent at the end.
pub fn naming(
    reader: &Reader<'_>,
    node: i64,
    after: i64,
    limit: i64,
) -> Result<(Vec<Naming>, Option<i64>), StoreFailure> {
    let naming_at =
        |row: &Row<'_, '_>| Ok((row.int(0)?, row.int(1)?, row.text(2)?, bearing_at(row, 3)?));
    // Each way its first ones, so that the first of both together are complete.
    let vias: Vec<i64> = reader.all(
        "SELECT via FROM (SELECT DISTINCT via FROM evidence_edge WHERE node = $1 AND via > $2 ORDER BY via LIMIT $3) \
         UNION SELECT seq FROM (SELECT seq FROM evidence_named \
         WHERE slot = keyed((SELECT id FROM evidence_node WHERE node = $1)) \
         AND seq > $2 ORDER BY seq LIMIT $3) ORDER BY 1 LIMIT $3",
        &[Value::from(node), Value::from(after), Value::from(limit)],
        |row| row.int(0),
    )?;
    let full = i64::try_from(vias.len()).unwrap_or(i64::MAX) >= limit;
    let upto = vias.last().filter(|_| full).copied();
    let names = format!(
        "SELECT o.seq, o.node, o.id, {} FROM json_each($2) j JOIN evidence_object o ON o.seq = j.value \
         WHERE o.node <> $1 ORDER BY o.seq",
        bears("o")
    );
    let params = [Value::from(node), Value::from(serde_json::json!(vias).to_string())];
    let mut found: Vec<Naming> = reader.all(&names, &params, naming_at)?;
    // A relationship names what it leads to; what it leads from was made from that, and names nothing. It is held only
    // with one of these versions, so there are no more of them than of those.
    let made = format!(
        "SELECT d.via, o.node, o.id, {} FROM evidence_deriving d \
         JOIN evidence_object o ON o.node = d.made AND o.latest = 1 \
         WHERE d.source = $1 AND d.via > $2 AND d.via <= $3 AND d.made <> $1 ORDER BY d.via",
        bears("o")
    );
    let params = [Value::from(node), Value::from(after), Value::from(upto.unwrap_or(i64::MAX))];
    found.extend(reader.all(&made, &params, naming_at)?);
    Ok((found, upto))
}
