//! The pages of a recipient: its advisories and their answers, questions both ways, the addresses of its exports, and its
//! opinions on how what it originated is handled.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use jiff::Timestamp;

use super::act;
use super::desk::Behind;
use super::exports::{self, Offered};
use super::read::{self, Place, Received, Side, Withdrawn};
use crate::evidence::rows::tlp_code;
use crate::house::House;
use crate::office::authorise::{Action, Standing};
use crate::share::act::Handling;
use crate::share::pages::words_of;
use crate::web::forms::{Choice, FieldError, FormState};
use crate::web::layout::{Link, Shell, Tone};
use crate::web::page;
use crate::web::refusal::{Answer, Failure};
use crate::web::visitor::{Posted, Visitor, percent};

/// Advisories and questions of one page.
const PAGE: u32 = 20;

/// Routes of this part.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/advisories", get(show))
        .route("/advisories/{id}/answers", post(answer))
        .route("/questions", post(ask))
        .route("/questions/{id}/reply", post(reply))
        .route("/opinions", get(opinions).post(opine))
}

struct AdvisoryRow {
    id: String,
    title: String,
    text: String,
    objects: Vec<String>,
    tlp: &'static str,
    needs: String,
    due_at: Option<Timestamp>,
    tone: Tone,
    state: String,
    reason: String,
    reminded: String,
    /// It was withdrawn: nothing is to be done.
    withdrawn: Option<Withdrawn>,
}

impl AdvisoryRow {
    fn new(one: Received, shell: &Shell) -> Self {
        let last = one.said.into_iter().next();
        let open = one.advisory.is_open(last.as_ref());
        let (draft, withdrawn) = (one.advisory.draft, one.advisory.withdrawn);
        let tone = match &last {
            _ if withdrawn.is_some() => Tone::Neutral,
            _ if open && draft.is_past(shell.now) => Tone::Bad,
            _ if open => Tone::Warn,
            Some(_) => Tone::Ok,
            None => Tone::Neutral,
        };
        let state = last.as_ref().map_or("none", |said| said.answer.as_str());
        Self {
            id: one.advisory.advisory,
            title: draft.title,
            text: draft.text,
            objects: draft.objects,
            tlp: tlp_code(draft.tlp),
            needs: shell
                .t(format!("share-advisory-needs-{}", draft.needs.as_deref().unwrap_or("none"))),
            due_at: draft.due_at,
            tone,
            state: match withdrawn {
                Some(_) => shell.t("share-advisory-withdrawn"),
                None => shell.t(format!("share-advisory-answer-{state}")),
            },
            withdrawn,
            reason: last.and_then(|said| said.reason).unwrap_or_default(),
            reminded: if open && one.reminders > 0 {
                shell.tv("share-reminded", &[("n", shell.n(one.reminders).into())])
            } else {
                String::new()
            },
        }
    }
}

struct QuestionRow {
    id: String,
    words: String,
    due_at: Timestamp,
    tone: Tone,
    state: String,
    answer: String,
    /// Who asks.
    asks: String,
    mine: bool,
}

struct ExportRow {
    audience: String,
    format: &'static str,
    curl: String,
    fetched_at: Option<Timestamp>,
    /// What was not in it then, and why.
    left_out: Vec<String>,
}

impl ExportRow {
    fn new(one: Offered, shell: &Shell) -> Self {
        let (audience, format) = (one.audience.label(), one.format);
        let address = format!("/api/v1/exports/{}/{format}", percent(&audience));
        let curl = format!(
            "curl -H \"Authorization: Bearer $TOKEN\" \"$NOROSHI{address}\" -o {format}.new"
        );
        let words = |(code, n): (&String, &u64)| {
            shell.tv(format!("share-left-out-{code}"), &[("n", shell.n(*n).into())])
        };
        let left_out = one.left_out.iter().map(words).collect();
        Self { audience, format, curl, fetched_at: one.fetched_at, left_out }
    }
}

#[derive(Template)]
#[template(path = "share/council.html")]
struct CouncilPage {
    shell: Shell,
    advisories: Vec<AdvisoryRow>,
    /// Where the advisories go on.
    next: Option<String>,
    questions: Vec<QuestionRow>,
    /// Where the questions go on.
    next_questions: Option<String>,
    exports: Vec<ExportRow>,
    /// The hat answers for its organisation.
    answers: bool,
    /// The hat gives opinions on handling.
    opines: bool,
    /// The organisation can ask the office.
    asks: bool,
    form: FormState,
}

async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(behind): Query<Behind>,
) -> Answer {
    let places = (behind.place(), behind.questions());
    show_page(&house, &visitor, places, FormState::default()).await
}

async fn show_page(
    house: &Arc<House>,
    visitor: &Visitor,
    (after, questions_after): (Option<Place>, Option<Place>),
    form: FormState,
) -> Answer {
    let (received, next) = act::received(house, &visitor.ctx, after, PAGE).await?;
    let (org, hat) = (visitor.ctx.org.clone(), visitor.ctx.hat);
    let ((questions, next_questions), offered, asks) = house
        .store
        .read(move |reader| {
            let side = Side::under(&org, hat);
            Ok((
                read::questions(reader, &side, questions_after.as_ref(), PAGE)?,
                exports::offered(reader, (&org, hat))?,
                read::asked_as(reader, &org)?.is_some(),
            ))
        })
        .await?;
    let shell = page::shell(house, visitor, "share-advisories");
    let now = visitor.ctx.now;
    let question = |one: read::Question| {
        let overdue = one.state == "open" && one.due_at < now;
        let state = if overdue { "overdue" } else { one.state.as_str() };
        QuestionRow {
            state: shell.t(format!("share-question-{state}")),
            tone: if overdue { Tone::Bad } else { Tone::Neutral },
            mine: one.by_office && one.state == "open",
            asks: shell.t(match one.by_office {
                true => "share-question-office-asks",
                false => "share-question-we-asked",
            }),
            id: one.question,
            words: one.words,
            due_at: one.due_at,
            answer: one.answer.unwrap_or_default(),
        }
    };
    let own = Standing { own_org: true, ..Standing::default() };
    page::html(&CouncilPage {
        advisories: received.into_iter().map(|one| AdvisoryRow::new(one, &shell)).collect(),
        next: next.map(|next| next.to_string()),
        questions: questions.into_iter().map(question).collect(),
        next_questions: next_questions.map(|next| next.to_string()),
        exports: offered.into_iter().map(|one| ExportRow::new(one, &shell)).collect(),
        answers: house.authoriser.allows(hat, Action::ShareAnswer, own),
        opines: house.authoriser.allows(hat, Action::ShareOpine, own),
        asks,
        form,
        shell,
    })
}

async fn answer(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let said = (posted.values.get("answer"), posted.values.get("reason"));
    act::answer(&house, &posted.visitor.ctx, &id, said, None).await?;
    Ok(Redirect::to("/advisories").into_response())
}

async fn reply(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let said = (posted.values.get("reply"), posted.values.get("answer") == "declined");
    act::reply(&house, &posted.visitor.ctx, &id, said, None).await?;
    Ok(Redirect::to("/advisories").into_response())
}

/// A question to the office.
async fn ask(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let mut form = FormState::posted(posted.values.flat()).labelled("share-field");
    let words = form.text("words", act::TEXT_CHARS_MAX);
    let due_at = form.moment("due_at");
    if due_at.is_none() {
        form.fail("due_at", FieldError::required());
    }
    if let (true, Some(words), Some(due_at)) = (form.is_ok(), words, due_at) {
        match act::ask(&house, &posted.visitor.ctx, (None, &words, due_at), None).await {
            Ok(_) => return Ok(Redirect::to("/advisories").into_response()),
            Err(Failure::Refused(refusal))
                if refusal.status == StatusCode::UNPROCESSABLE_ENTITY =>
            {
                let field = if refusal.code == "NRS-SHAR-0522" { "due_at" } else { "words" };
                form.fail(field, FieldError::new(refusal.code, refusal.code));
            }
            Err(failure) => return Err(failure),
        }
    }
    let mut response = show_page(&house, &posted.visitor, (None, None), form).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

// ---- opinions ------------------------------------------------------------------------------------------------------

struct OpinionRow {
    id: String,
    tone: Tone,
    said: String,
    said_at: Option<Timestamp>,
}

#[derive(Template)]
#[template(path = "share/opinions.html")]
struct OpinionsPage {
    shell: Shell,
    crumbs: Vec<Link>,
    rows: Vec<OpinionRow>,
    choices: Vec<Choice>,
    form: FormState,
}

async fn opinions_page(house: &Arc<House>, visitor: &Visitor, form: FormState) -> Answer {
    let found = act::originated(house, &visitor.ctx).await?;
    let shell = page::shell(house, visitor, "share-opinions");
    let row = |one: read::Opinion| {
        let said = match one.restricted_to.as_deref() {
            None => shell.t("share-opinion-none"),
            Some([]) => shell.t("share-opinion-nobody"),
            Some(orgs) => shell.tv("share-opinion-some", &[("n", orgs.len().into())]),
        };
        let tone = if one.restricted_to.is_some() { Tone::Info } else { Tone::Neutral };
        OpinionRow { id: one.id, tone, said, said_at: one.said_at }
    };
    let choice = |value: &str| Choice::new(value, shell.t(format!("share-opinion-choice-{value}")));
    page::html(&OpinionsPage {
        crumbs: vec![Link { href: "/advisories".to_owned(), label: shell.t("share-advisories") }],
        rows: found.into_iter().map(row).collect(),
        choices: ["nobody", "named", "lift"].map(choice).into(),
        form,
        shell,
    })
}

async fn opinions(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    opinions_page(&house, &visitor, FormState::default()).await
}

async fn opine(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let mut form = FormState::posted(posted.values.flat()).labelled("share-field");
    let mut objects: Vec<String> = words_of(posted.values.get("objects"));
    objects.extend(posted.values.all("pick").into_iter().map(str::to_owned));
    objects.sort();
    objects.dedup();
    if objects.is_empty() {
        form.fail("objects", FieldError::required());
    }
    let named = words_of(posted.values.get("orgs"));
    let (restricted_to, lifts) = match posted.values.get("opinion") {
        "nobody" => (Some(Vec::new()), false),
        "named" if !named.is_empty() => (Some(named), false),
        "named" => {
            form.fail("orgs", FieldError::required());
            (None, false)
        }
        "lift" => (None, true),
        _ => {
            form.fail("opinion", FieldError::required());
            (None, false)
        }
    };
    if form.is_ok() {
        let said = Handling { objects, restricted_to, lifts, consent: None };
        match act::opine(&house, &posted.visitor.ctx, &said, None).await {
            Ok(_) => return Ok(Redirect::to("/opinions").into_response()),
            Err(Failure::Refused(refusal))
                if refusal.status == StatusCode::UNPROCESSABLE_ENTITY =>
            {
                let about = refusal.items.first();
                let orgs = about.is_some_and(|item| item.pointer.starts_with("/restricted_to"));
                let code = about.map_or(refusal.code, |item| item.code.as_str()).to_owned();
                let field = if orgs { "orgs" } else { "objects" };
                form.fail(field, FieldError::new(code.clone(), code));
            }
            Err(failure) => return Err(failure),
        }
    }
    let mut response = opinions_page(&house, &posted.visitor, form).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}
