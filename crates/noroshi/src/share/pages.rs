//! The pages of this pillar: partners and collections, the preview of a release, and what a release did.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;

use super::act::{self, NewCollection, Wish};
use super::api::{envelope, say};
use super::audience;
use noroshi_charter::release::Audience;

use super::preview::{Group, Preview, Stays};
use super::read::{self, Collection, Partner, ReadRow, ReleaseRow};
use super::recall::{self, Message};
use crate::evidence::rows::tlp_code;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::people::Org;
use crate::web::form::Values;
use crate::web::forms::{Choice, FieldError, FormState};
use crate::web::layout::{Link, Shell, Tone};
use crate::web::locale::Lang;
use crate::web::page;
use crate::web::refusal::{Answer, Failure, Refusal};
use crate::web::visitor::{Posted, Visitor};

/// Bytes of one object shown on the preview; the rest is counted.
const SHOWN_BYTES_MAX: usize = 4_000;
/// Objects shown in full on the preview; the API gives all.
const SHOWN_OBJECTS_MAX: usize = 100;

/// Routes of this pillar.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/share", get(overview))
        .route("/share/findings", post(find))
        .route("/share/collections", post(open))
        .route("/share/collections/{id}", get(collection))
        .route("/share/collections/{id}/preview", post(preview))
        .route("/share/collections/{id}/release", post(release))
        .route("/share/collections/{id}/bytes", post(bytes))
        .route("/share/releases/{id}", get(one_release))
        .route("/share/proposals/{id}", get(proposal))
        .route("/share/proposals/{id}/release", post(second))
        .route("/share/proposals/{id}/bytes", post(proposal_bytes))
        .route("/share/recalls", get(recalls).post(take_back))
        .route("/share/recalls/{id}/remind", post(remind))
        .route("/messages", get(inbox))
        .route("/messages/{id}/acknowledge", post(acknowledge))
}

fn allowed(house: &House, visitor: &Visitor) -> Result<(), Failure> {
    Ok(house.authoriser.check(&visitor.ctx, Action::ShareRelease, On::default())?)
}

fn name_of(partner: &Partner, lang: Lang) -> String {
    match lang {
        Lang::Ja => partner.org.name_ja.clone(),
        Lang::En => partner.org.name_en.clone(),
    }
}

struct PartnerRow {
    id: String,
    name: String,
    scope: String,
    valid_until: Option<Timestamp>,
    tone: Tone,
    standing: String,
}

impl PartnerRow {
    fn new(partner: &Partner, shell: &Shell) -> Self {
        let finding = partner.finding.as_ref();
        let in_force = finding.is_some_and(|finding| finding.valid_until > shell.now);
        let (tone, key) = match (finding, in_force) {
            (None, _) => (Tone::Warn, "share-no-finding"),
            (Some(_), false) => (Tone::Bad, "share-finding-ended"),
            (Some(_), true) => (Tone::Ok, "share-finding-in-force"),
        };
        Self {
            id: partner.org.org.to_string(),
            name: name_of(partner, shell.words.lang()),
            scope: finding.map(|finding| finding.scope.code().to_owned()).unwrap_or_default(),
            valid_until: finding.map(|finding| finding.valid_until),
            tone,
            standing: shell.t(key),
        }
    }
}

struct CollectionRow {
    id: String,
    title: String,
    partner: String,
    tlp: &'static str,
    types: String,
    objects: u64,
}

impl CollectionRow {
    fn new((one, objects): (&Collection, u64), partners: &[Partner], shell: &Shell) -> Self {
        Self {
            id: one.collection.clone(),
            title: one.title.clone(),
            partner: audience_name(&one.audience, partners, shell),
            tlp: tlp_code(one.filter.tlp_max),
            types: if one.filter.types.is_empty() {
                shell.t("share-all-types")
            } else {
                one.filter.types.join(", ")
            },
            objects,
        }
    }
}

/// An audience in words: the partner's name, or what the label says.
fn audience_name(audience: &Audience, partners: &[Partner], shell: &Shell) -> String {
    partner_of(audience, partners).map_or_else(
        || audience_words(audience, shell),
        |partner| name_of(partner, shell.words.lang()),
    )
}

/// An audience in words, without the name of an organisation.
pub(super) fn audience_words(audience: &Audience, shell: &Shell) -> String {
    let of = |key: &str, name: &str| shell.tv(key, &[("name", name.into())]);
    match audience {
        Audience::Council => shell.t("share-audience-council"),
        Audience::Operators => shell.t("share-audience-operators"),
        Audience::Public => shell.t("share-audience-public"),
        Audience::Sector(sector) => of("share-audience-sector", sector),
        Audience::National(org) => of("share-audience-national", org),
        Audience::Operator(org) => of("share-audience-operator", org),
        Audience::Supplier(org) => of("share-audience-supplier", org),
        Audience::Partner(org) => of("share-audience-partner", org),
    }
}

fn label_words(label: &str, partners: &[Partner], shell: &Shell) -> String {
    Audience::parse(label)
        .map_or_else(|| label.to_owned(), |audience| audience_name(&audience, partners, shell))
}

pub(super) fn org_name(org: &Org, lang: Lang) -> String {
    match lang {
        Lang::Ja => org.name_ja.clone(),
        Lang::En => org.name_en.clone(),
    }
}

fn partner_of<'a>(audience: &Audience, partners: &'a [Partner]) -> Option<&'a Partner> {
    let Audience::Partner(org) = audience else { return None };
    partners.iter().find(|partner| partner.org.org.as_str() == org)
}

#[derive(Template)]
#[template(path = "share/overview.html")]
struct Overview {
    shell: Shell,
    partners: Vec<PartnerRow>,
    collections: Vec<CollectionRow>,
    choices: Vec<Choice>,
    audiences: Vec<Choice>,
    scopes: Vec<Choice>,
    colours: Vec<Choice>,
    waiting: Vec<WaitingRow>,
    unanswered: String,
    form: FormState,
    address: String,
}

/// A release that waits for a second person.
struct WaitingRow {
    id: String,
    audience: String,
    objects: usize,
    at: Timestamp,
    own: bool,
}

async fn overview_page(house: &Arc<House>, visitor: &Visitor, form: FormState) -> Answer {
    let shell = page::shell(house, visitor, "share-title");
    let (partners, collections, audiences, (proposals, open)) = house
        .store
        .read(|reader| {
            let open = (read::proposals(reader)?, recall::open_count(reader)?);
            Ok((read::partners(reader)?, read::counted(reader)?, audience::all(reader)?, open))
        })
        .await?;
    let waiting = |one: act::Proposal| WaitingRow {
        audience: label_words(&one.audience, &partners, &shell),
        objects: one.objects.len(),
        at: one.at,
        own: one.person == visitor.ctx.person.as_str(),
        id: one.proposal,
    };
    let choice = |value: &str, label: String| Choice::new(value, label);
    page::html(&Overview {
        partners: partners.iter().map(|partner| PartnerRow::new(partner, &shell)).collect(),
        collections: collections
            .iter()
            .map(|(one, objects)| CollectionRow::new((one, *objects), &partners, &shell))
            .collect(),
        choices: partners
            .iter()
            .map(|partner| choice(partner.org.org.as_str(), name_of(partner, shell.words.lang())))
            .collect(),
        audiences: audiences
            .iter()
            .map(|(audience, org)| {
                let name = org.as_ref().map(|org| org_name(org, shell.words.lang()));
                choice(&audience.label(), name.unwrap_or_else(|| audience_words(audience, &shell)))
            })
            .collect(),
        waiting: proposals.into_iter().map(waiting).collect(),
        unanswered: shell.tv("share-unanswered", &[("n", shell.n(open).into())]),
        scopes: ["CIA-P", "CIA-N"]
            .map(|scope| {
                choice(scope, shell.t(format!("share-scope-{}", scope.to_ascii_lowercase())))
            })
            .into(),
        colours: ["clear", "green", "amber"].map(|tlp| choice(tlp, shell.tlp(tlp))).into(),
        address: format!("{}/taxii2/", house.config.origin()),
        form,
        shell,
    })
}

async fn overview(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    allowed(&house, &visitor)?;
    overview_page(&house, &visitor, FormState::default()).await
}

fn kept(values: &Values) -> FormState {
    FormState::posted(values.flat()).labelled("share-field")
}

/// Shows the form again with what was wrong, or passes other failures on.
async fn again(
    house: &Arc<House>,
    visitor: &Visitor,
    mut form: FormState,
    failure: Failure,
) -> Answer {
    let Failure::Refused(refusal) = failure else { return Err(failure) };
    if refusal.status != StatusCode::UNPROCESSABLE_ENTITY {
        return Err(Failure::Refused(refusal));
    }
    for item in &refusal.items {
        let field =
            item.pointer.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned();
        form.fail(field, FieldError::new(item.code.clone(), item.code.clone()));
    }
    if refusal.items.is_empty() {
        form.fail("audience", FieldError::new(refusal.code, refusal.code));
    }
    let mut response = overview_page(house, visitor, form).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

async fn find(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    allowed(&house, &posted.visitor)?;
    let mut form = kept(&posted.values);
    let until = form.moment("valid_until");
    let mut chosen = |name: &str| {
        let value = form.value(name).to_owned();
        if value.is_empty() {
            form.fail(name, FieldError::required());
        }
        Some(value).filter(|value| !value.is_empty())
    };
    let (partner, scope) = (chosen("org"), chosen("scope"));
    let (Some(until), Some(partner), Some(scope)) = (until, partner, scope) else {
        let mut response = overview_page(&house, &posted.visitor, form).await?;
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(response);
    };
    match act::find(&house, &posted.visitor.ctx, &partner, &scope, until, None).await {
        Ok(_) => Ok(Redirect::to("/share").into_response()),
        Err(failure) => again(&house, &posted.visitor, form, failure).await,
    }
}

async fn open(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    allowed(&house, &posted.visitor)?;
    let values = &posted.values;
    let new = NewCollection {
        audience: values.get("audience").to_owned(),
        title: values.get("title").to_owned(),
        types: words_of(values.get("types")),
        tlp_max: values.some("tlp_max").map(str::to_owned),
    };
    match act::open(&house, &posted.visitor.ctx, &new, None).await {
        Ok(made) => Ok(Redirect::to(&format!("/share/collections/{}", made.id)).into_response()),
        Err(failure) => again(&house, &posted.visitor, kept(values), failure).await,
    }
}

/// Words parted by spaces, commas or lines.
pub(super) fn words_of(text: &str) -> Vec<String> {
    let parts =
        text.split(|letter: char| letter.is_whitespace() || letter == ',' || letter == '\u{3001}');
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[derive(Template)]
#[template(path = "share/collection.html")]
struct CollectionPage {
    shell: Shell,
    crumbs: Vec<Link>,
    row: CollectionRow,
    partner: Option<PartnerRow>,
    releases: Vec<ReleaseRow>,
    readings: Vec<ReadRow>,
    form: FormState,
}

async fn collection_page(
    house: &Arc<House>,
    visitor: &Visitor,
    id: String,
    form: FormState,
) -> Answer {
    let found = house
        .store
        .read(move |reader| {
            let Some(one) = read::collection(reader, &id)? else { return Ok(None) };
            Ok(Some((
                read::partners(reader)?,
                read::releases(reader, &one.audience)?,
                read::readings(reader, &id)?,
                (read::items(reader, &one.audience)?, one),
            )))
        })
        .await?;
    let (partners, releases, readings, (objects, one)) =
        found.ok_or_else(|| Failure::from(Refusal::absent()))?;
    let mut shell = page::shell(house, visitor, "share-title");
    shell.title.clone_from(&one.title);
    let partner = partner_of(&one.audience, &partners);
    page::html(&CollectionPage {
        crumbs: vec![Link { href: "/share".to_owned(), label: shell.t("share-title") }],
        row: CollectionRow::new((&one, objects), &partners, &shell),
        partner: partner.map(|partner| PartnerRow::new(partner, &shell)),
        releases,
        readings,
        form,
        shell,
    })
}

async fn collection(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Answer {
    allowed(&house, &visitor)?;
    collection_page(&house, &visitor, id, FormState::default()).await
}

fn wish_of(id: &str, values: &Values) -> Wish {
    Wish {
        audience: None,
        collection: Some(id.to_owned()),
        objects: words_of(values.get("objects")),
        case: values.some("case").map(str::to_owned),
    }
}

struct PassRow {
    id: String,
    kind: String,
    name: String,
    tlp: &'static str,
    bytes: usize,
    text: String,
    cut: bool,
    already: bool,
    redacted: bool,
}

struct StayRow {
    id: String,
    reasons: Vec<(String, String, String)>,
}

fn stay_rows(stays: &[Stays], shell: &Shell) -> Vec<StayRow> {
    let row = |one: &Stays| StayRow {
        id: one.id.clone(),
        reasons: one
            .reasons
            .iter()
            .map(|reason| (reason.code.clone(), say(shell.words, reason), reason.clause.clone()))
            .collect(),
    };
    stays.iter().map(row).collect()
}

/// Recipients who get the same.
struct GroupRow {
    names: Vec<String>,
    /// Too many names to stand open.
    folded: bool,
    summary: String,
    /// Any one of them, for looking at the bytes.
    one: String,
    sent: usize,
    stays: usize,
    redacted: usize,
    digest: String,
}

/// Recipients named in the open on the preview; more are folded.
const NAMED_MAX: usize = 12;

fn group_rows(judged: &Preview, shell: &Shell) -> Vec<GroupRow> {
    let row = |group: &Group| {
        let mut names: Vec<String> =
            group.orgs.iter().map(|org| org_name(org, shell.words.lang())).collect();
        if names.is_empty() {
            names.push(shell.t("share-everybody"));
        }
        let whole: String = group.sent.iter().map(|one| format!("{}\n", one.digest)).collect();
        GroupRow {
            folded: names.len() > NAMED_MAX,
            summary: shell.tv("share-n-recipients", &[("n", shell.n(names.len()).into())]),
            names,
            one: group.orgs.first().map_or_else(|| "public".to_owned(), |org| org.org.to_string()),
            sent: group.sent.len(),
            stays: group.stays.len(),
            redacted: group.sent.iter().filter(|one| one.redacted).count(),
            digest: noroshi_ledger::digest::Digest::of(whole.as_bytes()).to_string(),
        }
    };
    judged.groups.iter().map(row).collect()
}

#[derive(Template)]
#[template(path = "share/preview.html")]
struct PreviewPage {
    shell: Shell,
    crumbs: Vec<Link>,
    to: String,
    title: String,
    partner: Option<PartnerRow>,
    groups: Vec<GroupRow>,
    recipients: usize,
    warnings: Vec<(String, String)>,
    needs_second: bool,
    passes: Vec<PassRow>,
    hidden: String,
    fresh: usize,
    total: String,
    confirm: String,
    action: String,
    post_to: String,
    bytes_at: String,
    back: String,
    own: bool,
    stays: Vec<StayRow>,
    digest: String,
    objects: String,
    case: String,
}

/// Where the forms of a preview lead.
struct Leads {
    crumbs: Vec<Link>,
    title: String,
    /// Address below which `release` and `bytes` are.
    base: String,
    back: String,
    /// The viewer proposed it.
    own: bool,
    /// The viewer is the second person.
    second: bool,
    objects: String,
    case: String,
}

fn pass_rows(judged: &Preview) -> Vec<PassRow> {
    let row = |one: &super::preview::Passes| {
        let id = one.candidate.id();
        let sent = judged.groups.iter().flat_map(|group| &group.sent).find(|sent| sent.id == id);
        let text = sent.map(|sent| sent.text.as_str()).unwrap_or_default();
        let end = text.floor_char_boundary(SHOWN_BYTES_MAX);
        PassRow {
            id: id.to_owned(),
            kind: one.candidate.object().object_type().to_owned(),
            name: one.candidate.name.clone(),
            tlp: tlp_code(one.candidate.tlp()),
            bytes: text.len(),
            text: text.get(..end).unwrap_or_default().to_owned(),
            cut: end < text.len(),
            already: one.already(),
            redacted: sent.is_some_and(|sent| sent.redacted),
        }
    };
    judged.passes.iter().take(SHOWN_OBJECTS_MAX).map(row).collect()
}

async fn preview_page(
    house: &Arc<House>,
    visitor: &Visitor,
    judged: Preview,
    leads: Leads,
) -> Answer {
    let partners = house.store.read(read::partners).await?;
    let shell = page::shell(house, visitor, "share-preview-title");
    let (digest, _) = act::digest_of(house, &judged)?;
    let needs_second = !leads.second && act::needs_second(house, &judged);
    let to = audience_name(&judged.audience, &partners, &shell);
    let count = |key: &str, n: usize| shell.tv(key, &[("n", shell.n(n).into())]);
    let fresh = judged.passes.iter().filter(|one| !one.already()).count();
    let over = judged.passes.len().saturating_sub(SHOWN_OBJECTS_MAX);
    let passes = pass_rows(&judged);
    let bytes: usize = passes.iter().filter(|one| !one.already).map(|one| one.bytes).sum();
    let groups = group_rows(&judged, &shell);
    let named = [("n", shell.n(fresh).into()), ("partner", to.as_str().into())];
    page::html(&PreviewPage {
        confirm: shell.tv("share-confirm", &named),
        action: match (fresh, needs_second) {
            (0, _) => shell.t("share-record"),
            (_, true) => count("share-do-propose", fresh),
            (_, false) => count("share-do-release", fresh),
        },
        hidden: if over == 0 { String::new() } else { count("share-hidden", over) },
        total: shell.tv("share-bytes", &[("bytes", shell.n(bytes).into())]),
        warnings: judged.warnings.iter().map(|code| ((*code).to_owned(), shell.t(*code))).collect(),
        partner: partner_of(&judged.audience, &partners).map(|one| PartnerRow::new(one, &shell)),
        recipients: groups.iter().map(|group| group.names.len()).sum(),
        stays: stay_rows(&judged.stays, &shell),
        crumbs: leads.crumbs,
        title: leads.title,
        post_to: format!("{}/release", leads.base),
        bytes_at: format!("{}/bytes", leads.base),
        back: leads.back,
        own: leads.own,
        objects: leads.objects,
        case: leads.case,
        digest: digest.to_string(),
        to,
        groups,
        needs_second,
        passes,
        fresh,
        shell,
    })
}

async fn preview(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    allowed(&house, &posted.visitor)?;
    let wish = wish_of(&id, &posted.values);
    let judged = match act::preview(&house, &posted.visitor.ctx, &wish).await {
        Ok(judged) => judged,
        Err(Failure::Refused(refusal)) if refusal.status == StatusCode::UNPROCESSABLE_ENTITY => {
            let field = if refusal.code == "NRS-SHAR-0013" { "case" } else { "objects" };
            let mut form = kept(&posted.values);
            let code = refusal.items.first().map_or(refusal.code, |_| "NRS-SHAR-0011");
            form.fail(field, FieldError::new(code, code));
            let mut response = collection_page(&house, &posted.visitor, id, form).await?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            return Ok(response);
        }
        Err(failure) => return Err(failure),
    };
    let Some(collection) = judged.collection.clone() else { return Err(Refusal::absent().into()) };
    let shell = page::shell(&house, &posted.visitor, "share-preview-title");
    let base = format!("/share/collections/{id}");
    let leads = Leads {
        crumbs: vec![
            Link { href: "/share".to_owned(), label: shell.t("share-title") },
            Link { href: base.clone(), label: collection.title.clone() },
        ],
        title: collection.title,
        back: base.clone(),
        base,
        own: false,
        second: false,
        objects: wish.objects.join(" "),
        case: wish.case.unwrap_or_default(),
    };
    preview_page(&house, &posted.visitor, judged, leads).await
}

/// Exactly what one recipient would get, as a file.
async fn bytes(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    allowed(&house, &posted.visitor)?;
    let wish = wish_of(&id, &posted.values);
    let judged = act::preview(&house, &posted.visitor.ctx, &wish).await?;
    let found = envelope(&judged, posted.values.get("org"));
    Ok(found.ok_or_else(|| Failure::from(Refusal::absent()))?.into_response())
}

async fn release(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    allowed(&house, &posted.visitor)?;
    let wish = wish_of(&id, &posted.values);
    let seen = posted.values.get("digest");
    let to = match act::release(&house, &posted.visitor.ctx, &wish, seen, None).await? {
        act::Done::Released(done) => format!("/share/releases/{}", done.id),
        act::Done::Proposed(made) => format!("/share/proposals/{}", made.id),
    };
    Ok(Redirect::to(&to).into_response())
}

async fn waiting(house: &Arc<House>, id: &str) -> Answer<act::Proposal> {
    let wanted = id.to_owned();
    let found = house.store.read(move |reader| read::proposal(reader, &wanted)).await?;
    found.ok_or_else(|| Refusal::absent().into())
}

/// A release that waits, as the second person sees it: judged anew, and bound to what the first one saw.
async fn proposal(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Answer {
    allowed(&house, &visitor)?;
    let found = waiting(&house, &id).await?;
    let judged = act::preview(&house, &visitor.ctx, &found.wish()).await?;
    let shell = page::shell(&house, &visitor, "share-preview-title");
    let leads = Leads {
        crumbs: vec![Link { href: "/share".to_owned(), label: shell.t("share-title") }],
        title: shell.t("share-waits"),
        base: format!("/share/proposals/{id}"),
        back: "/share".to_owned(),
        own: found.person == visitor.ctx.person.as_str(),
        second: true,
        objects: found.objects.join(" "),
        case: String::new(),
    };
    preview_page(&house, &visitor, judged, leads).await
}

async fn proposal_bytes(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    allowed(&house, &posted.visitor)?;
    let found = waiting(&house, &id).await?;
    let judged = act::preview(&house, &posted.visitor.ctx, &found.wish()).await?;
    let found = envelope(&judged, posted.values.get("org"));
    Ok(found.ok_or_else(|| Failure::from(Refusal::absent()))?.into_response())
}

async fn second(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    allowed(&house, &posted.visitor)?;
    let digest = posted.values.get("digest");
    let done = act::second(&house, &posted.visitor.ctx, &id, digest).await?;
    Ok(Redirect::to(&format!("/share/releases/{}", done.id)).into_response())
}

// ---- what was taken back -----------------------------------------------------------------------------------------

struct MessageRow {
    recall: String,
    id: String,
    kind: String,
    at: Timestamp,
    org: String,
    name: String,
    replaced_by: String,
    tone: Tone,
    state: String,
    open: bool,
    acknowledged_at: Option<Timestamp>,
    reminders: u64,
    reminded: String,
}

fn message_rows(rows: Vec<Message>, shell: &Shell) -> Vec<MessageRow> {
    let row = |one: Message| MessageRow {
        kind: shell.t(format!("share-kind-{}", one.kind)),
        name: match shell.words.lang() {
            Lang::Ja => one.names.0,
            Lang::En => one.names.1,
        },
        tone: match one.state.as_str() {
            "acknowledged" => Tone::Ok,
            "delivered" => Tone::Warn,
            _ => Tone::Bad,
        },
        state: shell.t(format!("share-state-{}", one.state)),
        open: one.state != "acknowledged",
        reminded: if one.reminders == 0 {
            String::new()
        } else {
            shell.tv("share-reminded", &[("n", shell.n(one.reminders).into())])
        },
        recall: one.recall,
        id: one.id,
        at: one.at,
        org: one.org,
        replaced_by: one.replaced_by.unwrap_or_default(),
        acknowledged_at: one.acknowledged_at,
        reminders: one.reminders,
    };
    rows.into_iter().map(row).collect()
}

#[derive(Template)]
#[template(path = "share/recalls.html")]
struct RecallsPage {
    shell: Shell,
    crumbs: Vec<Link>,
    rows: Vec<MessageRow>,
    /// Where the list goes on.
    next: Option<String>,
    kinds: Vec<Choice>,
    form: FormState,
}

/// Which part of a list.
#[derive(Debug, Default, Deserialize)]
struct Behind {
    cursor: Option<String>,
}

async fn recalls_page(
    house: &Arc<House>,
    visitor: &Visitor,
    after: Option<recall::Place>,
    form: FormState,
) -> Answer {
    let (rows, next) = house.store.read(move |reader| recall::open(reader, after.as_ref())).await?;
    let shell = page::shell(house, visitor, "share-recalls");
    page::html(&RecallsPage {
        crumbs: vec![Link { href: "/share".to_owned(), label: shell.t("share-title") }],
        rows: message_rows(rows, &shell),
        next: next.map(|place| place.to_string()),
        kinds: recall::Kind::ASKED
            .map(|kind| Choice::new(kind.code(), shell.t(format!("share-kind-{}", kind.code()))))
            .into(),
        form,
        shell,
    })
}

async fn recalls(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(behind): Query<Behind>,
) -> Answer {
    allowed(&house, &visitor)?;
    let after = behind.cursor.as_deref().and_then(recall::Place::parse);
    recalls_page(&house, &visitor, after, FormState::default()).await
}

async fn take_back(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    allowed(&house, &posted.visitor)?;
    let values = &posted.values;
    let asked = recall::Asked {
        id: values.get("object").trim().to_owned(),
        modified: None,
        kind: values.get("kind").to_owned(),
        reason: values.get("reason").to_owned(),
        replaced_by: values.some("replaced_by").map(|id| id.trim().to_owned()),
    };
    match recall::recall(&house, &posted.visitor.ctx, &asked, None).await {
        Ok(_) => Ok(Redirect::to("/share/recalls").into_response()),
        Err(Failure::Refused(refusal)) if refusal.status.is_client_error() => {
            let field = match refusal.code {
                "NRS-SHAR-0330" => "kind",
                "NRS-SHAR-0331" => "reason",
                "NRS-SHAR-0332" => "replaced_by",
                _ => "object",
            };
            let mut form = kept(values);
            form.fail(field, FieldError::new(refusal.code, refusal.code));
            let mut response = recalls_page(&house, &posted.visitor, None, form).await?;
            *response.status_mut() = refusal.status;
            Ok(response)
        }
        Err(failure) => Err(failure),
    }
}

async fn remind(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    allowed(&house, &posted.visitor)?;
    recall::remind(&house, &posted.visitor.ctx, &id, posted.values.get("org")).await?;
    Ok(Redirect::to("/share/recalls").into_response())
}

#[derive(Template)]
#[template(path = "share/inbox.html")]
struct InboxPage {
    shell: Shell,
    rows: Vec<MessageRow>,
}

async fn inbox(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    let rows = recall::read_inbox(&house, &visitor.ctx).await?;
    let shell = page::shell(&house, &visitor, "share-inbox");
    page::html(&InboxPage { rows: message_rows(rows, &shell), shell })
}

async fn acknowledge(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    recall::acknowledge(&house, &posted.visitor.ctx, &id, posted.values.get("note")).await?;
    Ok(Redirect::to("/messages").into_response())
}

#[derive(Template)]
#[template(path = "share/release.html")]
struct ReleasePage {
    shell: Shell,
    crumbs: Vec<Link>,
    row: ReleaseRow,
    stays: Vec<StayRow>,
}

async fn one_release(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Answer {
    allowed(&house, &visitor)?;
    let row = house.store.read(move |reader| read::release(reader, &id)).await?;
    let row = row.ok_or_else(|| Failure::from(Refusal::absent()))?;
    let shell = page::shell(&house, &visitor, "share-release-title");
    page::html(&ReleasePage {
        crumbs: vec![Link { href: "/share".to_owned(), label: shell.t("share-title") }]
            .into_iter()
            .chain(row.collection.as_ref().map(|id| Link {
                href: format!("/share/collections/{id}"),
                label: shell.t("share-collection"),
            }))
            .collect(),
        stays: stay_rows(&row.outcome.refused, &shell),
        row,
        shell,
    })
}
