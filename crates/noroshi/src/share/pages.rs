//! The pages of this pillar: partners and collections, the preview of a release, and what a release did.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use jiff::Timestamp;

use super::act::{self, NewCollection, Wish};
use super::api::say;
use noroshi_charter::release::Audience;

use super::read::{self, Collection, Partner, ReadRow, ReleaseRow, Stays};
use crate::evidence::rows::tlp_code;
use crate::house::House;
use crate::office::authorise::{Action, On};
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
        .route("/share/releases/{id}", get(one_release))
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
    let partner = partner_of(audience, partners);
    partner.map_or_else(|| audience.label(), |partner| name_of(partner, shell.words.lang()))
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
    scopes: Vec<Choice>,
    colours: Vec<Choice>,
    form: FormState,
    address: String,
}

async fn overview_page(house: &Arc<House>, visitor: &Visitor, form: FormState) -> Answer {
    let shell = page::shell(house, visitor, "share-title");
    let (partners, collections) =
        house.store.read(|reader| Ok((read::partners(reader)?, read::counted(reader)?))).await?;
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
        form.fail("partner", FieldError::new(refusal.code, refusal.code));
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
        audience: format!("partner:{}", values.get("partner")),
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
fn words_of(text: &str) -> Vec<String> {
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
        digest: values.some("digest").map(str::to_owned),
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

#[derive(Template)]
#[template(path = "share/preview.html")]
struct PreviewPage {
    shell: Shell,
    crumbs: Vec<Link>,
    row: CollectionRow,
    partner: Option<PartnerRow>,
    passes: Vec<PassRow>,
    hidden: String,
    fresh: usize,
    total: String,
    confirm: String,
    action: String,
    stays: Vec<StayRow>,
    digest: String,
    objects: String,
    case: String,
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
    let Some(collection) = &judged.collection else { return Err(Refusal::absent().into()) };
    let partners = house.store.read(read::partners).await?;
    let shell = page::shell(&house, &posted.visitor, "share-preview-title");
    let partner = partner_of(&judged.audience, &partners);
    let passes = judged.passes.iter().take(SHOWN_OBJECTS_MAX).map(|one| {
        let text = one.candidate.object.text();
        let end = text.floor_char_boundary(SHOWN_BYTES_MAX);
        PassRow {
            id: one.candidate.id().to_owned(),
            kind: one.candidate.object.object_type().to_owned(),
            name: one.candidate.name.clone(),
            tlp: tlp_code(one.candidate.tlp()),
            bytes: text.len(),
            text: text.get(..end).unwrap_or_default().to_owned(),
            cut: end < text.len(),
            already: one.already,
        }
    });
    let count = |key: &str, n: usize| shell.tv(key, &[("n", shell.n(n).into())]);
    let leaving = judged.passes.iter().filter(|one| !one.already);
    let fresh = leaving.clone().count();
    let over = judged.passes.len().saturating_sub(SHOWN_OBJECTS_MAX);
    let bytes: usize = leaving.map(|one| one.candidate.object.text().len()).sum();
    let row = CollectionRow::new((collection, 0), &partners, &shell);
    page::html(&PreviewPage {
        crumbs: vec![
            Link { href: "/share".to_owned(), label: shell.t("share-title") },
            Link { href: format!("/share/collections/{id}"), label: collection.title.clone() },
        ],
        confirm: shell.tv(
            "share-confirm",
            &[("n", shell.n(fresh).into()), ("partner", row.partner.as_str().into())],
        ),
        action: if fresh == 0 { shell.t("share-record") } else { count("share-do-release", fresh) },
        hidden: if over == 0 { String::new() } else { count("share-hidden", over) },
        total: shell.tv("share-bytes", &[("bytes", shell.n(bytes).into())]),
        fresh,
        row,
        partner: partner.map(|partner| PartnerRow::new(partner, &shell)),
        passes: passes.collect(),
        stays: stay_rows(&judged.stays, &shell),
        digest: act::digest_of(&judged.passes).to_string(),
        objects: wish.objects.join(" "),
        case: wish.case.unwrap_or_default(),
        shell,
    })
}

async fn release(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    allowed(&house, &posted.visitor)?;
    let done =
        act::release(&house, &posted.visitor.ctx, &wish_of(&id, &posted.values), None).await?;
    Ok(Redirect::to(&format!("/share/releases/{}", done.id)).into_response())
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
