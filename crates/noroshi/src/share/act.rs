//! What changes in sharing: findings, collections, handling, releases, and the record of every reading.

use std::sync::Arc;

use axum::http::StatusCode;
use hmac::{Hmac, Mac as _};
use jiff::{SignedDuration, Timestamp};
use noroshi_charter::release::{Audience, Capacity, Ceiling, Protection, Recipient};
use noroshi_evidence::id::StixId;
use noroshi_evidence::object::StixObject;
use sha2::Sha256;

use noroshi_evidence::marking::{LegalBits, LegalClass, Tlp};
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::Fact;
use serde_json::json;

use super::freed::{self, Loosened, Matter};
use super::gate::{Candidate, StayReason};
use super::handed::Handing;
use super::preview::{self, Passes, Preview, Standing, Stays};
use super::read::{self, Collection, Outcome};
use super::serve::Served;
use super::watch::{self, Look};
use crate::evidence::rows::tlp_code;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, CommitFailure, Committed, Idempotency, Write};
use crate::office::ctx::Ctx;
use crate::office::id::{OrgId, ReleaseId, fresh_uuid, random_uuid};
use crate::office::people;
use crate::office::secret::hex;
use crate::office::store::{StoreFailure, Value};
use crate::web::refusal::{Answer, Failure, Item, Refusal};

/// Objects one release may name.
pub const OBJECTS_MAX: usize = 5_000;
/// Longest title of a collection, in characters.
pub const TITLE_CHARS_MAX: usize = 120;
/// How long a finding may hold, in days; it is looked at again after that.
pub const FINDING_DAYS_MAX: i64 = 366 * 3;
/// Types one collection may name.
const TYPES_MAX: usize = 64;
/// Reviewed objects one release may stand on.
const REVIEWS_MAX: usize = 40;
/// File of the key from which salts of releases are made.
pub const KEY: &str = "share.key";
/// How often a release is judged again when another one released the same object meanwhile.
const TRIES: usize = 8;

pub(super) fn refuse(code: &'static str) -> Failure {
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

pub(super) fn may_release(house: &House, ctx: &Ctx) -> Result<(), Failure> {
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
pub(super) fn once(outcome: Result<Committed, CommitFailure>, id: String) -> Answer<Made> {
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
pub(super) async fn audience(house: &Arc<House>, label: &str) -> Answer<Audience> {
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
    if read::class_of(scope).is_none_or(|class| class == LegalClass::Cia) {
        items.push(at("/scope", "NRS-SHAR-0003"));
    }
    if valid_until > ctx.now + SignedDuration::from_hours(24 * FINDING_DAYS_MAX) {
        items.push(at("/valid_until", "NRS-SHAR-0004"));
    }
    invalid(items)?;
    let found =
        Protection { scope: read::class_of(scope).unwrap_or(LegalClass::CiaN), until: valid_until };
    let loosened = loosened(house, ctx, &org, |to| to.protection = Some(found)).await?;
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
        // What the partner was given under a finding that no longer reaches so far is taken back.
        .write(Look::Org.at(org.as_str(), "the protection finding changed", ctx))
        .once(key);
    let (change, looks) =
        looked_for(change, &org, &loosened, "the protection finding reaches further", ctx);
    let made = once(house.door.commit(ctx, change).await, id)?;
    watch::settle(house, &looks).await?;
    Ok(made)
}

/// Where an organisation may have more once `decided` holds of it: each audience it belongs to, with how it stood there.
async fn loosened(
    house: &Arc<House>,
    ctx: &Ctx,
    org: &OrgId,
    decided: impl Fn(&mut Recipient),
) -> Answer<Vec<Loosened>> {
    let (org, now) = (org.clone(), ctx.now);
    let before = house
        .store
        .read(move |reader| {
            let all = super::audience::audiences_of(reader, &org)?;
            let stood = |audience: Audience| {
                let before = super::audience::recipient(reader, Some(org.as_str()), &audience)?;
                Ok(Loosened::decided(now, audience, before))
            };
            all.into_iter().map(stood).collect::<Result<Vec<_>, StoreFailure>>()
        })
        .await?;
    let may_have_more = |one: &Loosened| {
        let mut after = one.before.clone();
        decided(&mut after);
        freed::loosens(&one.before, &after, now)
    };
    Ok(before.into_iter().filter(may_have_more).collect())
}

/// With what is to be looked at for it, besides what the organisation was handed.
fn looked_for(
    mut change: Change,
    org: &OrgId,
    loosened: &[Loosened],
    why: &str,
    ctx: &Ctx,
) -> (Change, Vec<(Look, String)>) {
    let mut looks = vec![(Look::Org, org.to_string())];
    for subject in loosened.iter().map(Loosened::subject) {
        change = change.write(Look::Loosened.at(&subject, why, ctx));
        looks.push((Look::Loosened, subject));
    }
    (change, looks)
}

/// Sets what an organisation never gets more than, whatever a release says.
pub async fn set_ceiling(
    house: &Arc<House>,
    ctx: &Ctx,
    org: &str,
    class: &str,
    tlp: &str,
) -> Answer<Made> {
    may_release(house, ctx)?;
    let org = known_org(house, org).await?;
    let mut items = Vec::new();
    if read::class_of(class).is_none() {
        items.push(at("/class", "NRS-SHAR-0003"));
    }
    let colour = crate::evidence::rows::tlp_of(tlp);
    if colour.is_none() {
        items.push(at("/tlp", "NRS-SHAR-0007"));
    }
    invalid(items)?;
    let ceiling = Ceiling {
        class: read::class_of(class).unwrap_or(LegalClass::CiaN),
        tlp: colour.unwrap_or(Tlp::Clear),
    };
    let loosened = loosened(house, ctx, &org, |to| to.ceiling = ceiling).await?;
    let change = Change::office("share.ceiling", org.as_str())
        .payload(json!({ "class": class, "tlp": tlp }))
        .write(Write::one(
            "INSERT INTO share_ceiling (org, class, tlp, set_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (org) DO UPDATE SET class = excluded.class, tlp = excluded.tlp, set_at = excluded.set_at",
            vec![
                Value::from(&org),
                Value::from(class),
                Value::from(tlp_code(colour.unwrap_or(Tlp::Clear))),
                Value::from(ctx.now),
            ],
        ))
        // What it was given above the ceiling is taken back.
        .write(Look::Org.at(org.as_str(), "the ceiling was set", ctx));
    let (change, looks) = looked_for(change, &org, &loosened, "the ceiling was raised", ctx);
    let made = once(house.door.commit(ctx, change).await, org.to_string())?;
    watch::settle(house, &looks).await?;
    Ok(made)
}

/// Records that an organisation sits in the council, with its consent (Act art. 45(2)), or has left it.
pub async fn seat(house: &Arc<House>, ctx: &Ctx, org: &str, consent: Option<&str>) -> Answer<Made> {
    may_release(house, ctx)?;
    let org = known_org(house, org).await?;
    let change = Change::office("share.seat", org.as_str()).payload(json!({ "consent": consent }));
    let change = match consent.map(str::trim) {
        Some(consent) if consent.is_empty() || consent.chars().count() > TITLE_CHARS_MAX => {
            return Err(refuse("NRS-SHAR-0005"));
        }
        Some(consent) => change.write(Write::one(
            "INSERT INTO share_council (org, consent, joined_at) VALUES ($1, $2, $3) \
             ON CONFLICT (org) DO UPDATE SET consent = excluded.consent, left_at = NULL, \
             joined_at = CASE WHEN left_at IS NULL THEN joined_at ELSE excluded.joined_at END",
            vec![Value::from(&org), Value::from(consent), Value::from(ctx.now)],
        )),
        None => change.write(Write::one(
            "UPDATE share_council SET left_at = $1 WHERE org = $2 AND left_at IS NULL",
            vec![Value::from(ctx.now), Value::from(&org)],
        )),
    };
    once(house.door.commit(ctx, change).await, org.to_string())
}

async fn known_org(house: &Arc<House>, org: &str) -> Answer<OrgId> {
    let Some(org) = OrgId::parse(org) else { return Err(refuse("NRS-SHAR-0008")) };
    let wanted = org.clone();
    let found = house.store.read(move |reader| people::find_org(reader, &wanted)).await?;
    found.map(|_| org).ok_or_else(|| refuse("NRS-SHAR-0008"))
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
    /// Organisations it is restricted to (Act art. 45(6)); absent where nothing is said of that.
    pub restricted_to: Option<Vec<String>>,
    /// The originator has no such opinion any more.
    pub lifts: bool,
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
    handled(house, ctx, said, Vec::new(), key).await
}

/// Records an opinion, with `writes` beside it: whoever may not have the objects any more is told, and who may have them
/// again finds them at a new place.
pub(super) async fn handled(
    house: &Arc<House>,
    ctx: &Ctx,
    said: &Handling,
    writes: Vec<Write>,
    key: Option<Idempotency>,
) -> Answer<Made> {
    named(&said.objects)?;
    let orgs = said.restricted_to.iter().flatten();
    let consent = said.consent.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let mut items = Vec::new();
    let twofold = said.lifts && said.restricted_to.is_some();
    if orgs.clone().any(|org| OrgId::parse(org).is_none()) || orgs.count() > OBJECTS_MAX || twofold
    {
        items.push(at("/restricted_to", "NRS-SHAR-0008"));
    }
    if consent.is_some_and(|text| text.chars().count() > TITLE_CHARS_MAX) {
        items.push(at("/consent", "NRS-SHAR-0005"));
    }
    invalid(items)?;
    let asked = said.objects.clone();
    let before = house.store.read(move |reader| read::handlings(reader, &asked)).await?;
    let id = format!("handling-{}", fresh_uuid(ctx.now).simple());
    let restricted = said.restricted_to.as_ref().map(|orgs| json!(orgs).to_string());
    let mut change = Change::office("share.handle", &id).once(key).payload(json!({
        "objects": said.objects, "restricted_to": said.restricted_to, "lifts": said.lifts, "consent": consent,
    }));
    change.writes = writes;
    let mut looks = Vec::new();
    for object in &said.objects {
        change = change.write(Write::one(
            "INSERT INTO share_handling (id, restricted_to, consent, said_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (id) DO UPDATE SET restricted_to = CASE WHEN $5 = 1 THEN NULL \
             ELSE COALESCE(excluded.restricted_to, share_handling.restricted_to) END, \
             consent = COALESCE(excluded.consent, share_handling.consent), said_at = excluded.said_at",
            vec![
                Value::from(object),
                Value::from(restricted.clone()),
                Value::from(consent.map(str::to_owned)),
                Value::from(ctx.now),
                Value::from(said.lifts),
            ],
        ));
        // Whoever got it, or what names it, may not have it any more.
        for look in [Look::Object, Look::Names] {
            change = change.write(look.at(object, "the handling was restricted", ctx));
        }
        looks.push((Look::Object, object.clone()));
        if loosens(before.get(object), said, consent.is_some()) {
            let subject = Matter::decided(ctx.now, object).subject();
            change = change.write(Look::Freed.at(&subject, "the handling was loosened", ctx));
            looks.push((Look::Freed, subject));
        }
    }
    let made = once(house.door.commit(ctx, change).await, id)?;
    watch::settle(house, &looks).await?;
    Ok(made)
}

/// Whether what is said lets anybody have what the words before kept from it. A name in an opinion also lets a colour pass
/// that would not pass without (FIRST TLP 2.0: AMBER).
fn loosens(before: Option<&read::Handled>, said: &Handling, consents: bool) -> bool {
    let listed = before.and_then(|one| one.restricted_to.as_ref());
    let mut named = said.restricted_to.iter().flatten();
    let widens = named.any(|org| listed.is_none_or(|listed| !listed.contains(org)));
    let consented = before.is_some_and(|one| one.consented);
    widens || (said.lifts && listed.is_some()) || (consents && !consented)
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
            preview::preview(reader, audience, collection, &ids, now).map(Ok)
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

/// One digest over everything a release stands on: recipients, versions, and the exact bytes each recipient gets. It is
/// salted with what only this office can compute, so that nobody who may see a part guesses the rest from it; the salt
/// stands in the sealed payload of the release, for those who may open it.
pub fn digest_of(house: &House, judged: &Preview) -> Answer<(Digest, String)> {
    let lines = judged.lines();
    let salt = house_salt(house, lines.as_bytes())?;
    Ok((Digest::of(format!("{salt}\n{lines}").as_bytes()), salt))
}

fn house_salt(house: &House, text: &[u8]) -> Answer<String> {
    let path = house.dir.join("keys").join(KEY);
    let key = crate::office::log::load_or_make_seed(&path)
        .map_err(|problem| Failure::Broken(Box::new(problem)))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key)
        .map_err(|problem| Failure::Broken(Box::new(problem)))?;
    mac.update(b"noroshi/share/salt/v1");
    mac.update(text);
    Ok(hex(&mac.finalize().into_bytes()))
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

/// What came of asking for a release.
#[derive(Debug, Clone)]
pub enum Done {
    /// It was released, or refused by rule.
    Released(Released),
    /// It waits for a second person.
    Proposed(Made),
}

/// Releases what was looked at: `seen` is the digest of the preview, and exactly its bytes go to exactly its recipients.
/// What needs a second person is proposed instead. Judged anew for each attempt: what a release is decided on is what
/// leaves.
pub async fn release(
    house: &Arc<House>,
    ctx: &Ctx,
    wish: &Wish,
    seen: &str,
    key: Option<Idempotency>,
) -> Answer<Done> {
    for _ in 0..TRIES {
        let judged = looked_at(house, ctx, wish, seen).await?;
        if needs_second(house, &judged.preview) {
            return propose(house, ctx, &judged, key).await.map(Done::Proposed);
        }
        if let Some(released) = let_out(house, ctx, judged, None, key.clone()).await? {
            return Ok(Done::Released(released));
        }
    }
    Err(changed())
}

/// What was looked at is not what would leave.
fn changed() -> Failure {
    Refusal::new("NRS-SHAR-0014", StatusCode::CONFLICT).into()
}

/// A preview that is what somebody has seen.
struct Judged {
    preview: Preview,
    digest: Digest,
    salt: String,
}

/// Judges anew, and refuses what is not byte for byte, recipient for recipient, what was seen.
async fn looked_at(house: &Arc<House>, ctx: &Ctx, wish: &Wish, seen: &str) -> Answer<Judged> {
    may_release(house, ctx)?;
    if seen.is_empty() {
        let items = vec![at("/digest", "NRS-SHAR-0015")];
        return Err(Refusal::new("NRS-SHAR-0015", StatusCode::PRECONDITION_REQUIRED)
            .items(items)
            .into());
    }
    let preview = preview(house, ctx, wish).await?;
    let (digest, salt) = digest_of(house, &preview)?;
    if seen != digest.to_string() {
        return Err(changed());
    }
    Ok(Judged { preview, digest, salt })
}

/// Whether a release waits for a second person: to outside, at a colour or in a class the configuration names, or
/// standing on a derivation review.
pub fn needs_second(house: &House, judged: &Preview) -> bool {
    let rule = &house.config.share;
    let outside = judged.audience.capacity() != Capacity::NationalOrgan;
    let leaves = judged.passes.iter().any(|one| !one.already());
    let colour = rule.second_person_from.is_some_and(|from| judged.tlp() >= from.tlp());
    let class = rule.second_person_classes.iter().any(|class| class == judged.class().code());
    let reviewed = rule.second_person_reviewed && !judged.reviews().is_empty();
    leaves && outside && (colour || class || reviewed)
}

/// Commits what was judged; nothing when what it stands on changed meanwhile.
async fn let_out(
    house: &Arc<House>,
    ctx: &Ctx,
    judged: Judged,
    proposal: Option<&Proposal>,
    key: Option<Idempotency>,
) -> Answer<Option<Released>> {
    if judged.preview.reviews().len() > REVIEWS_MAX {
        return Err(refuse("NRS-SHAR-0315"));
    }
    let id = ReleaseId::fresh(ctx.now);
    let (mut change, outcome) = release_change(&id, ctx, judged, key);
    change.writes.extend(proposal.map(|one| decided(one, ctx, &id)));
    match house.door.commit(ctx, change).await {
        Ok(committed) => {
            record_refusals(house, ctx, &id, &outcome).await?;
            Ok(Some(Released { id: id.to_string(), position: committed.position, outcome }))
        }
        Err(CommitFailure::Conflict { .. }) => Ok(None),
        Err(CommitFailure::Repeated { subject, position, same_request: true }) => {
            let wanted = subject.clone();
            let row = house.store.read(move |reader| read::release(reader, &wanted)).await?;
            let row = row.ok_or_else(|| Failure::from(Refusal::absent()))?;
            Ok(Some(Released { id: subject, position, outcome: row.outcome }))
        }
        Err(problem) => Err(problem.into()),
    }
}

/// A release that waits for a second person.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Its identifier.
    pub proposal: String,
    /// To whom.
    pub audience: String,
    /// Through which view.
    pub collection: Option<String>,
    /// Which objects.
    pub objects: Vec<String>,
    /// The digest the first person saw.
    pub digest: String,
    /// The first person.
    pub person: String,
    /// When.
    pub at: Timestamp,
}

impl Proposal {
    /// What it asks for; [`Proposal::digest`] binds it to what the first person saw.
    pub fn wish(&self) -> Wish {
        Wish {
            audience: Some(self.audience.clone()),
            collection: self.collection.clone(),
            objects: self.objects.clone(),
            case: None,
        }
    }
}

async fn propose(
    house: &Arc<House>,
    ctx: &Ctx,
    judged: &Judged,
    key: Option<Idempotency>,
) -> Answer<Made> {
    let Judged { preview: judged, digest, .. } = judged;
    let id = format!("proposal-{}", fresh_uuid(ctx.now).simple());
    let passing = judged.passes.iter().map(|one| one.candidate.id().to_owned());
    let staying = judged.stays.iter().map(|one| one.id.clone());
    let objects: Vec<String> = passing.chain(staying).collect();
    let change = Change::office("share.propose", &id)
        .payload(json!({ "audience": judged.audience.label(), "objects": objects, "digest": digest.to_string() }))
        .once(key)
        .write(Write::one(
            "INSERT INTO share_proposal (proposal, audience, collection, objects, digest, person, at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            vec![
                Value::from(&id),
                Value::from(judged.audience.label()),
                Value::from(judged.collection.as_ref().map(|one| one.collection.clone())),
                Value::from(json!(objects).to_string()),
                Value::from(digest.to_string()),
                Value::from(&ctx.person),
                Value::from(ctx.now),
            ],
        ));
    once(house.door.commit(ctx, change).await, id)
}

fn decided(proposal: &Proposal, ctx: &Ctx, release: &ReleaseId) -> Write {
    Write::one(
        "UPDATE share_proposal SET decided_by = $1, decided_at = $2, release = $3 \
         WHERE proposal = $4 AND decided_at IS NULL AND person <> $1",
        vec![
            Value::from(&ctx.person),
            Value::from(ctx.now),
            Value::from(release),
            Value::from(&proposal.proposal),
        ],
    )
}

/// The second person's word: releases exactly what the first one saw, or says that it has changed.
pub async fn second(
    house: &Arc<House>,
    ctx: &Ctx,
    proposal: &str,
    digest: &str,
) -> Answer<Released> {
    may_release(house, ctx)?;
    let wanted = proposal.to_owned();
    let found = house.store.read(move |reader| read::proposal(reader, &wanted)).await?;
    let found = found.ok_or_else(|| Failure::from(Refusal::absent()))?;
    if found.person == ctx.person.as_str() {
        return Err(Refusal::new("NRS-SHAR-0316", StatusCode::FORBIDDEN).into());
    }
    if found.digest != digest {
        return Err(changed());
    }
    for _ in 0..TRIES {
        let judged = looked_at(house, ctx, &found.wish(), digest).await?;
        if let Some(released) = let_out(house, ctx, judged, Some(&found), None).await? {
            return Ok(released);
        }
    }
    Err(changed())
}

fn release_change(
    id: &ReleaseId,
    ctx: &Ctx,
    judged: Judged,
    key: Option<Idempotency>,
) -> (Change, Outcome) {
    let Judged { preview: judged, digest, salt } = judged;
    let recipients = judged.recipients().into_iter().collect();
    let lines = judged.lines();
    let Preview { audience, collection, passes, stays, as_of, .. } = judged;
    let (already, fresh): (Vec<Passes>, Vec<Passes>) =
        passes.into_iter().partition(|one| one.already());
    let ids =
        |list: &[Passes]| list.iter().map(|one| one.candidate.id().to_owned()).collect::<Vec<_>>();
    let outcome =
        Outcome { released: ids(&fresh), already: ids(&already), refused: stays, recipients };
    let fact = release_fact(id, (&audience, collection.as_ref()), &fresh, &outcome, digest);
    let mut change = Change::new("share.release", id.as_str(), fact)
        .payload(json!({ "outcome": outcome, "salt": salt, "lines": lines }))
        .once(key)
        .write(known_audience(&audience))
        .write(unchanged(&audience, as_of))
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
    for one in &fresh {
        let (candidate, label) = (&one.candidate, audience.label());
        // Whoever passed over what names it while it was not there finds that again.
        change.writes.extend(one.returns.then(|| freed::come_back(candidate.id(), ctx)));
        let (id_of, modified) = (candidate.id(), candidate.modified.as_str());
        change = change.write(next_place(&label, ctx.now));
        let digest = &candidate.digest;
        if one.standing == Standing::Withdrawn {
            let back = placed_again(&label, (id_of, modified), digest, id.as_str());
            change = change.write(still_as_judged(&label, candidate));
            change.writes.extend(back);
        } else {
            let kind = candidate.object().object_type();
            change = change.write(still_as_judged(&label, candidate)).write(placed_version(
                &label,
                (id_of, modified, kind),
                digest,
                id.as_str(),
            ));
        }
    }
    (change, outcome)
}

/// Nothing was decided about sharing since: who receives, and what each may have, is what was judged.
// INVARIANT: it stands inside the writing transaction, so nobody comes between it and what leaves.
fn unchanged(audience: &Audience, as_of: i64) -> Write {
    Write::one(
        "UPDATE share_audience SET last_added = last_added WHERE audience = $1 AND NOT EXISTS ( \
         SELECT 1 FROM office_audit WHERE position > $2 AND command IN ('org.add', 'share.find', 'share.ceiling', \
         'share.seat', 'share.handle', 'share.recall', 'share.review', 'share.withdraw', 'share.configure'))",
        vec![Value::from(audience.label()), Value::from(as_of)],
    )
}

/// The version is still the newest one that is held, and every version is held on the terms that were judged: what came
/// again on stricter ones meanwhile does not leave on the looser ones.
pub fn still_as_judged(audience: &str, candidate: &Candidate) -> Write {
    Write::one(
        // The weight of the terms: [`super::history::weight`].
        "UPDATE share_audience SET last_added = last_added WHERE audience = $4 \
         AND EXISTS (SELECT 1 FROM evidence_id n JOIN evidence_object o ON o.node = n.node AND o.latest = 1 \
         WHERE n.slot IN (fresh($1), settled($1)) AND n.id = $1 AND o.modified = $2 AND o.digest = $3 AND $5 = (SELECT SUM(1 \
         + CASE v.tlp WHEN 'clear' THEN 0 WHEN 'green' THEN 1 WHEN 'amber' THEN 2 WHEN 'amber-strict' THEN 3 ELSE 4 END \
         + CASE v.class WHEN 'CIA-N' THEN 0 WHEN 'CIA-P' THEN 1 WHEN 'CIA-PM' THEN 2 ELSE 3 END \
         + v.has_comms + v.has_secret) FROM evidence_object v WHERE v.node = n.node))",
        vec![
            Value::from(candidate.id()),
            Value::from(&candidate.modified),
            Value::from(&candidate.digest),
            Value::from(audience),
            Value::from(candidate.history.weight),
        ],
    )
}

/// The write that takes the next place in the stream of an audience.
// INVARIANT: `date_added` is the present, or one microsecond after the one before. It is given inside the writing
// transaction, so what is committed later is also added later, and a reader's cursor never passes over it.
pub(super) fn next_place(audience: &str, now: Timestamp) -> Write {
    Write::one(
        "UPDATE share_audience SET last_added = CASE WHEN last_added >= $1 THEN last_added + 1 ELSE $1 END \
         WHERE audience = $2",
        vec![Value::from(now.as_microsecond()), Value::from(audience)],
    )
}

/// The write that puts an object of this office at the place that was taken.
pub(super) fn placed(audience: &str, object: &StixObject, release: &str) -> Write {
    let modified = crate::evidence::rows::version_key(object);
    let what = (object.head().id.as_str(), modified.as_str(), object.object_type());
    placed_version(audience, what, &object.digest().to_string(), release)
}

/// The writes that bring a version that was taken back to the place that was taken; the one it had is kept, so that
/// what was delivered before stays provable.
pub(super) fn placed_again(
    audience: &str,
    (id, modified): (&str, &str),
    digest: &str,
    release: &str,
) -> [Write; 2] {
    let key = || vec![Value::from(audience), Value::from(id), Value::from(modified)];
    let kept = Write::one(
        "INSERT INTO share_item_past (audience, added, id, modified, digest, release, withdrawn_at) \
         SELECT audience, added, id, modified, digest, release, withdrawn_at FROM share_item \
         WHERE audience = $1 AND id = $2 AND modified = $3 AND withdrawn_at IS NOT NULL",
        key(),
    );
    let mut params = key();
    params.extend([Value::from(digest), Value::from(release)]);
    let back = Write::one(
        "UPDATE share_item SET withdrawn_at = NULL, digest = $4, release = $5, \
         added = (SELECT last_added FROM share_audience a WHERE a.audience = $1) \
         WHERE audience = $1 AND id = $2 AND modified = $3 AND withdrawn_at IS NOT NULL",
        params,
    );
    [kept, back]
}

fn placed_version(
    audience: &str,
    (id, modified, kind): (&str, &str, &str),
    digest: &str,
    release: &str,
) -> Write {
    Write::one(
        "INSERT INTO share_item (audience, added, id, modified, type, digest, release) \
         SELECT audience, last_added, $2, $3, $4, $5, $6 FROM share_audience WHERE audience = $1",
        vec![
            Value::from(audience),
            Value::from(id),
            Value::from(modified),
            Value::from(kind),
            Value::from(digest),
            Value::from(release),
        ],
    )
}

fn release_fact(
    id: &ReleaseId,
    (audience, collection): (&Audience, Option<&Collection>),
    fresh: &[Passes],
    outcome: &Outcome,
    digest: Digest,
) -> Fact {
    if fresh.is_empty()
        && let Some(code) = codes(&outcome.refused).first()
    {
        return Fact::ShareRefused { release: id.to_string(), code: code.clone() };
    }
    let bits = fresh.iter().fold(LegalBits::default(), |bits, one| bits.join(one.bits));
    let class = fresh.iter().fold(bits.class(), |class, one| class.stricter(one.class));
    let tlp = fresh.iter().map(|one| one.tlp).max().unwrap_or(Tlp::Clear);
    let mut reviews: Vec<String> =
        fresh.iter().filter_map(|one| one.candidate.review.clone()).collect();
    reviews.sort();
    reviews.dedup();
    Fact::ShareRelease {
        release: id.to_string(),
        collection: collection.map(|one| one.collection.clone()).unwrap_or_default(),
        audience: audience.label(),
        class: class.code().to_owned(),
        tlp: tlp.label().to_owned(),
        has_selected_comms: bits.has_selected_comms,
        has_secret: bits.has_secret,
        objects: fresh.len() as u64,
        digest,
        reviews,
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
/// out: the leaf, and the exact places in the audience's stream, in one change. Says whether it was recorded; when not,
/// something of it was taken back meanwhile, nothing goes out, and the caller looks again.
pub async fn record_read(
    house: &Arc<House>,
    ctx: &Ctx,
    collection: &Collection,
    door: Door,
    what: &str,
    items: &[Served],
) -> Answer<bool> {
    house.authoriser.check(
        ctx,
        Action::ShareRead,
        On { owner: Some(&ctx.org), ..On::default() },
    )?;
    let handing = Handing {
        recipient: &ctx.org,
        audience: &collection.audience,
        through: &collection.collection,
        door,
    };
    handing.record(house, ctx, handing.change(what, items, ctx.now)).await
}
