//! What changes in sharing: findings, collections, handling, releases, and the record of every reading.

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use noroshi_charter::release::{Audience, Capacity};
use noroshi_evidence::id::StixId;
use noroshi_evidence::marking::{LegalBits, Tlp};
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::Fact;
use serde_json::json;

use super::gate::StayReason;
use super::read::{self, Collection, Outcome, Passes, Preview, Stays};
use super::serve::Served;
use crate::evidence::rows::tlp_code;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, CommitFailure, Committed, Idempotency, Write};
use crate::office::ctx::Ctx;
use crate::office::id::{OrgId, ReleaseId, fresh_uuid, random_uuid};
use crate::office::people;
use crate::office::store::Value;
use crate::web::refusal::{Answer, Failure, Item, Refusal};

/// Objects one release may name.
pub const OBJECTS_MAX: usize = 5_000;
/// Longest title of a collection, in characters.
pub const TITLE_CHARS_MAX: usize = 120;
/// How long a finding may hold, in days; it is looked at again after that.
pub const FINDING_DAYS_MAX: i64 = 366 * 3;
/// Types one collection may name.
const TYPES_MAX: usize = 64;
/// How often a release is judged again when another one released the same object meanwhile.
const TRIES: usize = 8;

fn refuse(code: &'static str) -> Failure {
    Refusal::new(code, StatusCode::UNPROCESSABLE_ENTITY).into()
}

fn at(pointer: &str, code: &str) -> Item {
    Item { pointer: pointer.to_owned(), code: code.to_owned(), args: Vec::new() }
}

fn invalid(items: Vec<Item>) -> Result<(), Failure> {
    if items.is_empty() {
        return Ok(());
    }
    Err(Refusal::new("NRS-SHAR-0001", StatusCode::UNPROCESSABLE_ENTITY).items(items).into())
}

fn may_release(house: &House, ctx: &Ctx) -> Result<(), Failure> {
    Ok(house.authoriser.check(ctx, Action::ShareRelease, On::default())?)
}

/// What was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its identifier.
    pub id: String,
    /// Where the log has it.
    pub position: u64,
}

/// The answer to a repeated request: what the first one made.
fn once(outcome: Result<Committed, CommitFailure>, id: String) -> Answer<Made> {
    match outcome {
        Ok(committed) => Ok(Made { id, position: committed.position }),
        Err(CommitFailure::Repeated { subject, position, same_request: true }) => {
            Ok(Made { id: subject, position })
        }
        Err(problem) => Err(problem.into()),
    }
}

async fn partner(house: &Arc<House>, org: &str) -> Answer<OrgId> {
    let Some(org) = OrgId::parse(org) else { return Err(refuse("NRS-SHAR-0002")) };
    let wanted = org.clone();
    let found = house.store.read(move |reader| people::find_org(reader, &wanted)).await?;
    match found {
        Some(found) if found.kind == "partner" => Ok(org),
        Some(_) | None => Err(refuse("NRS-SHAR-0002")),
    }
}

/// Reads an audience; one that names an organisation must name one that can receive in that capacity.
async fn audience(house: &Arc<House>, label: &str) -> Answer<Audience> {
    let Some(audience) = Audience::parse(label) else { return Err(refuse("NRS-SHAR-0302")) };
    if audience.org().is_none() {
        return Ok(audience);
    }
    let asked = audience.clone();
    let members = house.store.read(move |reader| super::audience::members(reader, &asked)).await?;
    match (members.is_empty(), audience.capacity()) {
        (false, _) => Ok(audience),
        (true, Capacity::Foreign) => Err(refuse("NRS-SHAR-0002")),
        (true, _) => Err(refuse("NRS-SHAR-0302")),
    }
}

/// The stream of an audience begins when it is first needed.
fn known_audience(audience: &Audience) -> Write {
    Write::new(
        "INSERT INTO share_audience (audience, last_added) VALUES ($1, 0) ON CONFLICT (audience) DO NOTHING",
        vec![Value::from(audience.label())],
    )
}

/// Records that a partner protects information equivalently, up to a class and until an instant (Act art. 39). A newer
/// finding replaces an older one; one that ends at once withdraws it.
pub async fn find(
    house: &Arc<House>,
    ctx: &Ctx,
    org: &str,
    scope: &str,
    valid_until: Timestamp,
    key: Option<Idempotency>,
) -> Answer<Made> {
    may_release(house, ctx)?;
    let org = partner(house, org).await?;
    let mut items = Vec::new();
    // Whatever a partner protects, selected communications information does not go abroad (art. 37, 39).
    if read::class_of(scope).is_none_or(|class| class == noroshi_evidence::marking::LegalClass::Cia)
    {
        items.push(at("/scope", "NRS-SHAR-0003"));
    }
    if valid_until > ctx.now + SignedDuration::from_hours(24 * FINDING_DAYS_MAX) {
        items.push(at("/valid_until", "NRS-SHAR-0004"));
    }
    invalid(items)?;
    let id = format!("finding-{}", fresh_uuid(ctx.now).simple());
    let change = Change::office("share.find", &id)
        .payload(json!({ "org": org.as_str(), "scope": scope, "valid_until": valid_until.to_string() }))
        .write(Write::one(
            "INSERT INTO share_finding (finding, org, scope, found_at, valid_until) VALUES ($1, $2, $3, $4, $5)",
            vec![
                Value::from(&id),
                Value::from(&org),
                Value::from(scope),
                Value::from(ctx.now),
                Value::from(valid_until),
            ],
        ))
        .once(key);
    once(house.door.commit(ctx, change).await, id)
}

/// A collection to open.
#[derive(Debug, Clone, Default)]
pub struct NewCollection {
    /// Who will read it: the label of an audience.
    pub audience: String,
    /// Its title.
    pub title: String,
    /// STIX types it takes; empty for all.
    pub types: Vec<String>,
    /// The strictest colour it takes; `amber` when absent.
    pub tlp_max: Option<String>,
}

/// Opens a collection: a view of what is released to one audience.
pub async fn open(
    house: &Arc<House>,
    ctx: &Ctx,
    new: &NewCollection,
    key: Option<Idempotency>,
) -> Answer<Made> {
    may_release(house, ctx)?;
    let audience = audience(house, &new.audience).await?;
    let title = new.title.trim();
    let mut items = Vec::new();
    if title.is_empty()
        || title.chars().count() > TITLE_CHARS_MAX
        || title.chars().any(char::is_control)
    {
        items.push(at("/title", "NRS-SHAR-0005"));
    }
    let shaped = |kind: &String| {
        kind.len() <= 100
            && kind
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if new.types.len() > TYPES_MAX || !new.types.iter().all(shaped) {
        items.push(at("/types", "NRS-SHAR-0006"));
    }
    let tlp = new.tlp_max.as_deref().map_or(Some(Tlp::Amber), crate::evidence::rows::tlp_of);
    if tlp.is_none() {
        items.push(at("/tlp_max", "NRS-SHAR-0007"));
    }
    invalid(items)?;
    let id = random_uuid().to_string();
    let change = Change::office("share.open", &id)
        .payload(json!({ "audience": audience.label(), "title": title, "types": new.types, "tlp_max": tlp.map(tlp_code) }))
        .write(known_audience(&audience))
        .write(Write::one(
            "INSERT INTO share_collection (collection, audience, title, types, tlp_max, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            vec![
                Value::from(&id),
                Value::from(audience.label()),
                Value::from(title),
                Value::from(json!(new.types).to_string()),
                Value::from(tlp_code(tlp.unwrap_or(Tlp::Amber))),
                Value::from(ctx.now),
            ],
        ))
        .once(key);
    once(house.door.commit(ctx, change).await, id)
}

/// What an originator or an agreement party said.
#[derive(Debug, Clone, Default)]
pub struct Handling {
    /// The objects it is about.
    pub objects: Vec<String>,
    /// Organisations it is restricted to (Act art. 45(6)); absent without an opinion.
    pub restricted_to: Option<Vec<String>>,
    /// Reference of the agreement party's prior consent (Act art. 38(3)).
    pub consent: Option<String>,
}

/// Records what was said about handling; it replaces what was recorded of the same objects.
pub async fn handle(
    house: &Arc<House>,
    ctx: &Ctx,
    said: &Handling,
    key: Option<Idempotency>,
) -> Answer<Made> {
    may_release(house, ctx)?;
    named(&said.objects)?;
    let orgs = said.restricted_to.iter().flatten();
    let consent = said.consent.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let mut items = Vec::new();
    if orgs.clone().any(|org| OrgId::parse(org).is_none()) || orgs.count() > OBJECTS_MAX {
        items.push(at("/restricted_to", "NRS-SHAR-0008"));
    }
    if consent.is_some_and(|text| text.chars().count() > TITLE_CHARS_MAX) {
        items.push(at("/consent", "NRS-SHAR-0005"));
    }
    invalid(items)?;
    let id = format!("handling-{}", fresh_uuid(ctx.now).simple());
    let restricted = said.restricted_to.as_ref().map(|orgs| json!(orgs).to_string());
    let mut change = Change::office("share.handle", &id).once(key).payload(
        json!({ "objects": said.objects, "restricted_to": said.restricted_to, "consent": consent }),
    );
    for object in &said.objects {
        change = change.write(Write::one(
            "INSERT INTO share_handling (id, restricted_to, consent, said_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (id) DO UPDATE SET restricted_to = excluded.restricted_to, consent = excluded.consent, \
             said_at = excluded.said_at",
            vec![
                Value::from(object),
                Value::from(restricted.clone()),
                Value::from(consent.map(str::to_owned)),
                Value::from(ctx.now),
            ],
        ));
    }
    once(house.door.commit(ctx, change).await, id)
}

fn named(objects: &[String]) -> Result<(), Failure> {
    if objects.is_empty() {
        return Err(refuse("NRS-SHAR-0009"));
    }
    if objects.len() > OBJECTS_MAX {
        let refusal = Refusal::new("NRS-SHAR-0010", StatusCode::UNPROCESSABLE_ENTITY);
        return Err(refusal.arg("max", OBJECTS_MAX).into());
    }
    let wrong = objects.iter().enumerate().filter(|(_, id)| id.parse::<StixId>().is_err());
    invalid(wrong.map(|(index, _)| at(&format!("/objects/{index}"), "NRS-SHAR-0011")).collect())
}

/// What to release: objects by name, or those of a case.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// To whom: the label of an audience. May be left out where a collection is named.
    pub audience: Option<String>,
    /// The view it is released through; what the view does not show stays.
    pub collection: Option<String>,
    /// Objects by identifier.
    pub objects: Vec<String>,
    /// A joint case whose indicators are meant.
    pub case: Option<String>,
    /// The digest of the preview that was looked at; a release of anything else is refused.
    pub digest: Option<String>,
}

/// Judges a wish and changes nothing.
pub async fn preview(house: &Arc<House>, ctx: &Ctx, wish: &Wish) -> Answer<Preview> {
    may_release(house, ctx)?;
    let named_audience = match &wish.audience {
        Some(label) => Some(audience(house, label).await?),
        None => None,
    };
    let wish = wish.clone();
    let now = ctx.now;
    let found = house
        .store
        .read(move |reader| {
            let collection = match &wish.collection {
                Some(id) => match read::collection(reader, id)? {
                    Some(collection) => Some(collection),
                    None => return Ok(Err(Missing::Collection)),
                },
                None => None,
            };
            let of_view = collection.as_ref().map(|one| one.audience.clone());
            let audience = match (named_audience, of_view) {
                (Some(named), Some(of_view)) if named != of_view => {
                    return Ok(Err(Missing::Collection));
                }
                (Some(audience), _) | (None, Some(audience)) => audience,
                (None, None) => return Ok(Err(Missing::Audience)),
            };
            let mut ids = wish.objects;
            if let Some(case) = &wish.case {
                let Some(members) = read::of_case(reader, case)? else {
                    return Ok(Err(Missing::Case));
                };
                ids.extend(members);
            }
            if let Err(refused) = named(&ids) {
                return Ok(Err(Missing::Named(refused)));
            }
            read::preview(reader, audience, collection, &ids, now).map(Ok)
        })
        .await?;
    found.map_err(|missing| match missing {
        Missing::Audience => refuse("NRS-SHAR-0302"),
        Missing::Collection => refuse("NRS-SHAR-0012"),
        Missing::Case => refuse("NRS-SHAR-0013"),
        Missing::Named(refused) => refused,
    })
}

enum Missing {
    Audience,
    Collection,
    Case,
    Named(Failure),
}

/// One digest over what would leave: identifiers, versions and contents.
pub fn digest_of(passes: &[Passes]) -> Digest {
    let parts: Vec<String> = passes
        .iter()
        .map(|one| {
            format!("{} {} {}\n", one.candidate.id(), one.candidate.modified, one.candidate.digest)
        })
        .collect();
    Digest::of(parts.concat().as_bytes())
}

/// What a release did.
#[derive(Debug, Clone)]
pub struct Released {
    /// The release.
    pub id: String,
    /// Where the log has it.
    pub position: u64,
    /// What left, what was there, what stays.
    pub outcome: Outcome,
}

/// Releases what passes; records what does not. Judged anew, whatever a preview said.
pub async fn release(
    house: &Arc<House>,
    ctx: &Ctx,
    wish: &Wish,
    key: Option<Idempotency>,
) -> Answer<Released> {
    let mut tries = TRIES;
    loop {
        let judged = preview(house, ctx, wish).await?;
        if wish.digest.as_ref().is_some_and(|seen| *seen != digest_of(&judged.passes).to_string()) {
            return Err(Refusal::new("NRS-SHAR-0014", StatusCode::CONFLICT).into());
        }
        let id = ReleaseId::fresh(ctx.now);
        let (change, outcome) = release_change(&id, ctx, judged, key.clone());
        match house.door.commit(ctx, change).await {
            Ok(committed) => {
                record_refusals(house, ctx, &id, &outcome).await?;
                return Ok(Released { id: id.to_string(), position: committed.position, outcome });
            }
            Err(CommitFailure::Conflict { .. }) if tries > 0 => tries -= 1,
            Err(CommitFailure::Repeated { subject, position, same_request: true }) => {
                let wanted = subject.clone();
                let row = house.store.read(move |reader| read::release(reader, &wanted)).await?;
                let row = row.ok_or_else(|| Failure::from(Refusal::absent()))?;
                return Ok(Released { id: subject, position, outcome: row.outcome });
            }
            Err(problem) => return Err(problem.into()),
        }
    }
}

fn release_change(
    id: &ReleaseId,
    ctx: &Ctx,
    judged: Preview,
    key: Option<Idempotency>,
) -> (Change, Outcome) {
    let Preview { audience, collection, passes, stays } = judged;
    let (already, fresh): (Vec<Passes>, Vec<Passes>) =
        passes.into_iter().partition(|one| one.already);
    let ids =
        |list: &[Passes]| list.iter().map(|one| one.candidate.id().to_owned()).collect::<Vec<_>>();
    let outcome = Outcome { released: ids(&fresh), already: ids(&already), refused: stays };
    let fact = release_fact(id, &audience, collection.as_ref(), &fresh, &outcome);
    let mut change = Change::new("share.release", id.as_str(), fact)
        .payload(json!(outcome))
        .once(key)
        .write(known_audience(&audience))
        .write(Write::one(
            "INSERT INTO share_release (release, audience, collection, person, at, outcome) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            vec![
                Value::from(id),
                Value::from(audience.label()),
                Value::from(collection.map(|one| one.collection)),
                Value::from(&ctx.person),
                Value::from(ctx.now),
                Value::from(json!(outcome).to_string()),
            ],
        ));
    // INVARIANT: `date_added` is the present, or one microsecond after the one before. It is given inside the writing
    // transaction, so what is committed later is also added later, and a reader's cursor never passes over it.
    for one in &fresh {
        change = change
            .write(Write::one(
                "UPDATE share_audience SET last_added = CASE WHEN last_added >= $1 THEN last_added + 1 ELSE $1 END \
                 WHERE audience = $2",
                vec![Value::from(ctx.now.as_microsecond()), Value::from(audience.label())],
            ))
            .write(Write::one(
                "INSERT INTO share_item (audience, added, id, modified, type, digest, release) \
                 SELECT audience, last_added, $2, $3, $4, $5, $6 FROM share_audience WHERE audience = $1",
                vec![
                    Value::from(audience.label()),
                    Value::from(one.candidate.id()),
                    Value::from(&one.candidate.modified),
                    Value::from(one.candidate.object.object_type()),
                    Value::from(&one.candidate.digest),
                    Value::from(id),
                ],
            ));
    }
    (change, outcome)
}

fn release_fact(
    id: &ReleaseId,
    audience: &Audience,
    collection: Option<&Collection>,
    fresh: &[Passes],
    outcome: &Outcome,
) -> Fact {
    if fresh.is_empty()
        && let Some(code) = codes(&outcome.refused).first()
    {
        return Fact::ShareRefused { release: id.to_string(), code: code.clone() };
    }
    let bits =
        fresh.iter().fold(LegalBits::default(), |bits, one| bits.join(one.candidate.facts.bits));
    Fact::ShareRelease {
        release: id.to_string(),
        collection: collection.map(|one| one.collection.clone()).unwrap_or_default(),
        audience: audience.label(),
        class: bits.class().code().to_owned(),
        tlp: read::strictest(fresh.iter().map(|one| one.candidate.tlp())).label().to_owned(),
        has_selected_comms: bits.has_selected_comms,
        has_secret: bits.has_secret,
        objects: fresh.len() as u64,
        digest: digest_of(fresh),
    }
}

/// The codes among refusals, each once.
fn codes(stays: &[Stays]) -> Vec<String> {
    let mut codes: Vec<String> = stays
        .iter()
        .flat_map(|one| &one.reasons)
        .map(|reason: &StayReason| reason.code.clone())
        .collect();
    codes.sort();
    codes.dedup();
    codes
}

/// One leaf for each rule that refused something; the objects themselves stand in the release's sealed payload.
async fn record_refusals(
    house: &Arc<House>,
    ctx: &Ctx,
    id: &ReleaseId,
    outcome: &Outcome,
) -> Answer<()> {
    // With nothing released the release's own leaf already is the first refusal.
    let said = usize::from(outcome.released.is_empty());
    for code in codes(&outcome.refused).into_iter().skip(said) {
        let objects: Vec<&String> = outcome
            .refused
            .iter()
            .filter(|one| one.reasons.iter().any(|reason| reason.code == code))
            .map(|one| &one.id)
            .collect();
        let payload = json!({ "objects": objects });
        let fact = Fact::ShareRefused { release: id.to_string(), code };
        house
            .door
            .commit(ctx, Change::new("share.refuse", id.as_str(), fact).payload(payload))
            .await?;
    }
    Ok(())
}

/// Through which door something was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The TAXII server.
    Taxii,
    /// The change stream or a webhook.
    Stream,
    /// A ready-made export.
    Export,
    /// An advisory.
    Advisory,
    /// The recipient's own page.
    Inbox,
}

impl Door {
    /// As it is kept.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Taxii => "taxii",
            Self::Stream => "stream",
            Self::Export => "export",
            Self::Advisory => "advisory",
            Self::Inbox => "inbox",
        }
    }
}

/// Records that the caller's organisation is handed `items` of a collection. It is durable before the first byte goes
/// out: the leaf, and the exact places in the audience's stream, in one change.
pub async fn record_read(
    house: &Arc<House>,
    ctx: &Ctx,
    collection: &Collection,
    door: Door,
    what: &str,
    items: &[Served],
) -> Answer<()> {
    house.authoriser.check(
        ctx,
        Action::ShareRead,
        On { owner: Some(&ctx.org), ..On::default() },
    )?;
    let parts: Vec<String> =
        items.iter().map(|one| format!("{} {}\n", one.object.head().id, one.digest)).collect();
    let objects: Vec<_> = items.iter().map(|one| one.object.head().id.as_str()).collect();
    let fact = Fact::ShareRead {
        collection: collection.collection.clone(),
        audience: collection.audience.label(),
        objects: items.len() as u64,
        digest: Digest::of(parts.concat().as_bytes()),
    };
    let mut change = Change::new("share.read", &collection.collection, fact)
        .payload(json!({ "what": what, "objects": objects }));
    change.writes.extend(delivery(ctx, &collection.audience, door, items));
    house.door.commit(ctx, change).await?;
    Ok(())
}

/// The row that says which places of a stream were handed out to whom.
fn delivery(ctx: &Ctx, audience: &Audience, door: Door, items: &[Served]) -> Option<Write> {
    let (first, last) = (items.first()?.added, items.last()?.added);
    let added: Vec<i64> = items.iter().map(|one| one.added).collect();
    Some(Write::one(
        // The leaf comes after the rows of its change, so its place is the one after the last.
        "INSERT INTO share_delivery (recipient, audience, first_added, last_added, added, via, at, position) \
         SELECT $1, $2, $3, $4, $5, $6, $7, MAX(position) + 1 FROM office_leaf",
        vec![
            Value::from(&ctx.org),
            Value::from(audience.label()),
            Value::from(first),
            Value::from(last),
            Value::from(super::deltas::encode(&added)),
            Value::from(door.code()),
            Value::from(ctx.now),
        ],
    ))
}
