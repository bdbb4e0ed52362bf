//! The pages of derivation reviews: what waits, what was checked by whom, and the next step.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use jiff::Timestamp;
use noroshi_charter::derivation::State as Step;
use noroshi_charter::hat::Hat;

use super::review::{self, Asked, Review, TakenStep};
use crate::evidence::rows::tlp_code;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::web::forms::{FieldError, FormState};
use crate::web::layout::{Link, Shell, Tone};
use crate::web::page::{self, hat_key};
use crate::web::refusal::{Answer, Failure, Refusal};
use crate::web::visitor::{Posted, Visitor};

/// Bytes of the object under review shown on its page; the evidence graph has the rest.
const SHOWN_BYTES_MAX: usize = 60_000;
/// Objects followed to find what it was made from; what is beyond may hold anything.
const SOURCES_MAX: usize = 50_000;

/// Routes of this part.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/share/reviews", get(list).post(open))
        .route("/share/reviews/{id}", get(one))
        .route("/share/reviews/{id}/step", post(step))
}

fn allowed(house: &House, visitor: &Visitor) -> Result<(), Failure> {
    Ok(house.authoriser.check(&visitor.ctx, Action::ShareReview, On::default())?)
}

fn tone_of(state: Step) -> Tone {
    match state {
        Step::Released => Tone::Ok,
        Step::Refused => Tone::Bad,
        Step::Draft | Step::ProvenanceChecked | Step::SecretChecked | Step::RightsChecked => {
            Tone::Info
        }
    }
}

fn words_of(state: Step, shell: &Shell) -> String {
    shell.t(format!("share-review-{}", state.code().replace('_', "-")))
}

struct Row {
    id: String,
    object: String,
    at: Timestamp,
    tone: Tone,
    state: String,
    /// What is next, in words; empty when it has ended.
    next: String,
    /// The next step is for the viewer's hat.
    mine: bool,
}

impl Row {
    fn new(one: &Review, visitor: &Visitor, shell: &Shell) -> Self {
        let state = one.state();
        let next = state.next();
        Self {
            id: one.review.clone(),
            object: one.id.clone(),
            at: one.at,
            tone: tone_of(state),
            state: words_of(state, shell),
            next: next.map(|next| words_of(next, shell)).unwrap_or_default(),
            mine: next.is_some_and(|next| next.hats().contains(&visitor.ctx.hat)),
        }
    }
}

#[derive(Template)]
#[template(path = "share/reviews.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
    ended: Vec<Row>,
    /// The hat opens reviews.
    opens: bool,
    form: FormState,
}

async fn list_page(house: &Arc<House>, visitor: &Visitor, form: FormState) -> Answer {
    let (open, ended) = house
        .store
        .read(|reader| Ok((review::listed(reader, true)?, review::listed(reader, false)?)))
        .await?;
    let shell = page::shell(house, visitor, "share-reviews");
    let rows = |all: &[Review]| all.iter().map(|one| Row::new(one, visitor, &shell)).collect();
    let opens = Step::Draft.hats().contains(&visitor.ctx.hat);
    page::html(&ListPage { rows: rows(&open), ended: rows(&ended), opens, form, shell })
}

async fn list(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    allowed(&house, &visitor)?;
    list_page(&house, &visitor, FormState::default()).await
}

/// Marks a field with what was refused, or passes the failure on.
fn marked(form: &mut FormState, failure: Failure, reason: &[&str]) -> Result<(), Failure> {
    let Failure::Refused(refusal) = failure else { return Err(failure) };
    let absent = refusal.status == StatusCode::NOT_FOUND;
    if refusal.status != StatusCode::UNPROCESSABLE_ENTITY && !absent {
        return Err(Failure::Refused(refusal));
    }
    let field = if reason.contains(&refusal.code) { "reason" } else { "object" };
    form.fail(field, FieldError::new(refusal.code, refusal.code));
    Ok(())
}

async fn open(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    allowed(&house, &posted.visitor)?;
    let mut form = FormState::posted(posted.values.flat()).labelled("share-field");
    let (object, reason) = (form.text("object", 200), form.text("reason", 1_000));
    if let (Some(object), Some(reason)) = (object, reason) {
        match review::draft(&house, &posted.visitor.ctx, &object, &reason, None).await {
            Ok(made) => {
                return Ok(Redirect::to(&format!("/share/reviews/{}", made.id)).into_response());
            }
            Err(failure) => marked(&mut form, failure, &["NRS-SHAR-0313", "NRS-SHAR-0331"])?,
        }
    }
    let mut response = list_page(&house, &posted.visitor, form).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

struct TakenRow {
    state: String,
    tone: Tone,
    person: String,
    hat: String,
    reason: String,
    at: Timestamp,
}

impl TakenRow {
    fn new(step: &TakenStep, names: &Names, shell: &Shell) -> Self {
        Self {
            state: words_of(step.state, shell),
            tone: tone_of(step.state),
            person: names.get(&step.person).cloned().unwrap_or_else(|| step.person.clone()),
            hat: Hat::parse(&step.hat).map(|hat| shell.t(hat_key(hat))).unwrap_or_default(),
            reason: step.reason.clone(),
            at: step.at,
        }
    }
}

#[derive(Template)]
#[template(path = "share/review.html")]
struct OnePage {
    shell: Shell,
    crumbs: Vec<Link>,
    id: String,
    object: String,
    modified: String,
    digest: String,
    tlp: &'static str,
    class: String,
    bits: Vec<String>,
    sources: Vec<String>,
    hidden: usize,
    text: String,
    cut: bool,
    /// A newer version is held, or this one is gone: what is looked at is not what would be cleared.
    other: bool,
    state: String,
    tone: Tone,
    steps: Vec<TakenRow>,
    next: Option<Step>,
    next_words: String,
    next_help: String,
    /// Who may take it.
    hats: Vec<String>,
    /// Why the viewer may not take it; empty when it may.
    barred: String,
    form: FormState,
}

/// Objects it was made from, named in the open.
const SOURCES_SHOWN: usize = 50;

async fn one_page(house: &Arc<House>, visitor: &Visitor, id: &str, form: FormState) -> Answer {
    let wanted = id.to_owned();
    let found = house
        .store
        .read(move |reader| {
            let Some(found) = review::review(reader, &wanted)? else { return Ok(None) };
            let version = review::version_of(reader, &found)?;
            let names = review::names_of(reader, &found)?;
            let facts = super::read::facts(reader, &found.id, SOURCES_MAX)?;
            let bits = facts.map(|(facts, _)| facts.bits).unwrap_or_default();
            Ok(Some((found, version, names, bits)))
        })
        .await?;
    let (found, version, names, bits) = found.ok_or_else(|| Failure::from(Refusal::absent()))?;
    let shell = page::shell(house, visitor, "share-review");
    let next = found.state().next();
    let text = version.as_ref().map(|one| one.object().text().to_owned()).unwrap_or_default();
    let end = text.floor_char_boundary(SHOWN_BYTES_MAX);
    let facts = version.as_ref().map(|one| &one.held.facts);
    let history = version.as_ref().map(|one| &one.history);
    let sources: Vec<String> = version.iter().flat_map(|one| one.sources()).cloned().collect();
    let bit = |there: bool, key: &str| there.then(|| shell.t(key));
    page::html(&OnePage {
        crumbs: vec![Link { href: "/share/reviews".to_owned(), label: shell.t("share-reviews") }],
        tlp: facts.and_then(|facts| facts.tlp).map_or("amber", tlp_code),
        class: history.map(|one| one.class.code().to_owned()).unwrap_or_default(),
        bits: [
            bit(bits.has_selected_comms, "share-review-comms"),
            bit(bits.has_secret, "share-review-secret"),
        ]
        .into_iter()
        .flatten()
        .collect(),
        hidden: sources.len().saturating_sub(SOURCES_SHOWN),
        sources: sources.into_iter().take(SOURCES_SHOWN).collect(),
        cut: end < text.len(),
        text: text.get(..end).unwrap_or_default().to_owned(),
        other: version.is_none(),
        state: words_of(found.state(), &shell),
        tone: tone_of(found.state()),
        steps: found.steps.iter().map(|step| TakenRow::new(step, &names, &shell)).collect(),
        next_words: next.map(|next| words_of(next, &shell)).unwrap_or_default(),
        next_help: next
            .map(|next| shell.t(format!("share-review-{}-help", next.code().replace('_', "-"))))
            .unwrap_or_default(),
        hats: next
            .map(|next| next.hats().iter().map(|hat| shell.t(hat_key(*hat))).collect())
            .unwrap_or_default(),
        barred: found
            .barred(visitor.ctx.person.as_str(), visitor.ctx.hat)
            .map(|code| shell.t(code))
            .unwrap_or_default(),
        id: found.review.clone(),
        object: found.id.clone(),
        modified: found.modified.clone(),
        digest: found.digest.clone(),
        next,
        form,
        shell,
    })
}

async fn one(State(house): State<Arc<House>>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    allowed(&house, &visitor)?;
    one_page(&house, &visitor, &id, FormState::default()).await
}

async fn step(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    allowed(&house, &posted.visitor)?;
    let mut form = FormState::posted(posted.values.flat()).labelled("share-field");
    let to = Step::parse(posted.values.get("to")).ok_or_else(|| {
        Failure::from(Refusal::new("NRS-SHAR-0310", StatusCode::UNPROCESSABLE_ENTITY))
    })?;
    if let Some(reason) = form.text("reason", 1_000) {
        let asked = Asked { to, reason: &reason, digest: posted.values.get("digest") };
        match review::step(&house, &posted.visitor.ctx, &id, asked).await {
            Ok(_) => return Ok(Redirect::to(&format!("/share/reviews/{id}")).into_response()),
            Err(Failure::Refused(refusal))
                if refusal.status == StatusCode::UNPROCESSABLE_ENTITY =>
            {
                form.fail("reason", FieldError::new(refusal.code, refusal.code));
            }
            Err(failure) => return Err(failure),
        }
    }
    let mut response = one_page(&house, &posted.visitor, &id, form).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

/// Names of persons by identifier.
pub(super) type Names = BTreeMap<String, String>;
