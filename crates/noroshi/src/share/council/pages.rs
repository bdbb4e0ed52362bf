//! The page of a recipient: its advisories and their answers, questions, and the addresses of its exports.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use jiff::Timestamp;

use super::act;
use super::exports;
use super::read::{self, Received};
use crate::evidence::rows::tlp_code;
use crate::house::House;
use crate::web::layout::{Shell, Tone};
use crate::web::page;
use crate::web::refusal::Answer;
use crate::web::visitor::{Posted, Visitor, percent};

/// Routes of this part.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/advisories", get(show))
        .route("/advisories/{id}/answers", post(answer))
        .route("/questions/{id}/reply", post(reply))
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
}

impl AdvisoryRow {
    fn new(one: Received, shell: &Shell) -> Self {
        let last = one.said.into_iter().next();
        let draft = one.advisory.draft;
        let tone = match &last {
            Some(_) => Tone::Ok,
            None if draft.needs.is_some() => Tone::Warn,
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
            state: shell.t(format!("share-advisory-answer-{state}")),
            reason: last.and_then(|said| said.reason).unwrap_or_default(),
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
    mine: bool,
}

struct ExportRow {
    audience: String,
    format: &'static str,
    curl: String,
    fetched_at: Option<Timestamp>,
}

#[derive(Template)]
#[template(path = "share/council.html")]
struct CouncilPage {
    shell: Shell,
    advisories: Vec<AdvisoryRow>,
    questions: Vec<QuestionRow>,
    exports: Vec<ExportRow>,
}

async fn show(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    let received = act::received(&house, &visitor.ctx).await?;
    let org = visitor.ctx.org.clone();
    let (questions, offered) = house
        .store
        .read(move |reader| {
            Ok((read::questions(reader, Some(&org))?, exports::offered(reader, &org)?))
        })
        .await?;
    let shell = page::shell(&house, &visitor, "share-advisories");
    let now = visitor.ctx.now;
    let question = |one: read::Question| {
        let overdue = one.state == "open" && one.due_at < now;
        let state = if overdue { "overdue" } else { one.state.as_str() };
        QuestionRow {
            state: shell.t(format!("share-question-{state}")),
            tone: if overdue { Tone::Bad } else { Tone::Neutral },
            mine: one.by_office && one.state == "open",
            id: one.question,
            words: one.words,
            due_at: one.due_at,
            answer: one.answer.unwrap_or_default(),
        }
    };
    let export = |(place, format, fetched_at): (noroshi_charter::release::Audience, _, _)| {
        let audience = place.label();
        let address = format!("/api/v1/exports/{}/{format}", percent(&audience));
        let curl = format!(
            "curl -H \"Authorization: Bearer $TOKEN\" \"$NOROSHI{address}\" -o {format}.new"
        );
        ExportRow { audience, format, curl, fetched_at }
    };
    page::html(&CouncilPage {
        advisories: received.into_iter().map(|one| AdvisoryRow::new(one, &shell)).collect(),
        questions: questions.into_iter().map(question).collect(),
        exports: offered.into_iter().map(export).collect(),
        shell,
    })
}

async fn answer(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let said = (posted.values.get("answer"), posted.values.get("reason"));
    act::answer(&house, &posted.visitor.ctx, &id, said, None).await?;
    Ok(Redirect::to("/advisories").into_response())
}

async fn reply(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let said = (posted.values.get("words"), posted.values.get("answer") == "declined");
    act::reply(&house, &posted.visitor.ctx, &id, said, None).await?;
    Ok(Redirect::to("/advisories").into_response())
}
