//! Advisories, questions and exports over the API.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::act::{self, Preview, Wish};
use super::exports;
use super::read::{self, Advisory, Place, Received, Said};
use crate::evidence::rows::tlp_code;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::clock::stamp;
use crate::share::act::{Handling, Made, refuse};
use crate::web::api::{Body, Paging};
use crate::web::form;
use crate::web::refusal::{Answer, Failure, Refusal};
use crate::web::visitor::Caller;

/// This part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(
        preview_advisory,
        issue_advisory,
        second_advisory,
        list_advisories,
        one_advisory,
        received_advisories,
        answer_advisory,
        remind_advisory,
        withdraw_advisory,
        dismiss_advisory,
        give_opinion,
        list_opinions,
        ask_question,
        list_questions,
        reply_question,
        one_export,
        one_export_file
    ),
    components(schemas(
        AdvisoryIn,
        AdvisoryPreview,
        AdvisoryLeftOut,
        AdvisoryContent,
        AdvisoryRemindIn,
        AdvisoryReminded,
        AdvisoryWhyIn,
        OpinionIn,
        OpinionOut,
        Opinions,
        AdvisoryMade,
        AdvisorySecondIn,
        AdvisoryOut,
        Advisories,
        AdvisorySaid,
        AdvisoryStanding,
        AdvisoryWhole,
        AdvisoryAnswerIn,
        QuestionIn,
        QuestionOut,
        Questions,
        ReplyIn,
        CouncilDone
    ))
)]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/advisories", post(issue_advisory).get(list_advisories))
        .route("/advisories/preview", post(preview_advisory))
        .route("/advisories/received", get(received_advisories))
        .route("/advisories/{id}", get(one_advisory))
        .route("/advisories/{id}/second", post(second_advisory))
        .route("/advisories/{id}/answers", post(answer_advisory))
        .route("/advisories/{id}/reminders", post(remind_advisory))
        .route("/advisories/{id}/withdrawal", post(withdraw_advisory))
        .route("/advisories/{id}/dismissal", post(dismiss_advisory))
        .route("/opinions", post(give_opinion).get(list_opinions))
        .route("/questions", post(ask_question).get(list_questions))
        .route("/questions/{id}/reply", post(reply_question))
        .route("/exports/{audience}/{format}", get(one_export))
        .route("/exports/{audience}/{format}/{file}", get(one_export_file))
}

/// What was done and where the log has it.
#[derive(Debug, Serialize, ToSchema)]
struct CouncilDone {
    /// What it is about.
    id: String,
    /// Index of the leaf.
    position: u64,
}

fn done(made: Made) -> Response {
    (StatusCode::CREATED, Json(CouncilDone { id: made.id, position: made.position }))
        .into_response()
}

/// An advisory to issue.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdvisoryIn {
    /// `council`, `operators`, `operators:<sector>`, `operator:<org>` or `supplier:<org>`.
    audience: String,
    /// Its title.
    title: String,
    /// Its text.
    text: String,
    /// Objects it is about; each was released to the audience.
    #[serde(default)]
    objects: Vec<String>,
    /// Its colour.
    tlp: String,
    /// Its class.
    class: String,
    /// `acknowledge` or `apply`; no answer is needed when absent.
    #[serde(default)]
    needs: Option<String>,
    /// Until when an answer is asked for.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    due_at: Option<Timestamp>,
    /// The digest a preview showed.
    #[serde(default)]
    digest: Option<String>,
}

impl From<AdvisoryIn> for Wish {
    fn from(sent: AdvisoryIn) -> Self {
        let AdvisoryIn { audience, title, text, objects, tlp, class, needs, due_at, digest } = sent;
        Self { audience, title, text, objects, tlp, class, needs, due_at, digest }
    }
}

/// A member of the audience who does not receive.
#[derive(Debug, Serialize, ToSchema)]
struct AdvisoryLeftOut {
    /// Who.
    org: String,
    /// Every reason.
    codes: Vec<String>,
}

/// What some recipients are given, word for word.
#[derive(Debug, Serialize, ToSchema)]
struct AdvisoryContent {
    /// Who is given this.
    recipients: Vec<String>,
    /// The text, as JSON; number and time of issue are added when it is issued.
    text: String,
}

/// Who receives an advisory, and what that is bound to.
#[derive(Debug, Serialize, ToSchema)]
struct AdvisoryPreview {
    /// Who receives.
    recipients: Vec<String>,
    /// Who does not.
    left_out: Vec<AdvisoryLeftOut>,
    /// Exactly what each recipient is given.
    contents: Vec<AdvisoryContent>,
    /// Digest over the words, the recipients and what each is given.
    digest: String,
    /// A second person must look at it.
    second_person: bool,
}

impl From<Preview> for AdvisoryPreview {
    fn from(judged: Preview) -> Self {
        let left_out = judged.left_out.into_iter();
        let contents = judged.contents.into_iter();
        let content = |(text, recipients)| AdvisoryContent { recipients, text };
        Self {
            contents: contents.map(content).collect(),
            recipients: judged.recipients,
            left_out: left_out.map(|(org, codes)| AdvisoryLeftOut { org, codes }).collect(),
            digest: judged.digest.to_string(),
            second_person: judged.second,
        }
    }
}

/// Who would receive an advisory. Nothing changes.
#[utoipa::path(post, path = "/advisories/preview", tag = "share", request_body = AdvisoryIn,
    responses((status = 200, body = AdvisoryPreview)))]
async fn preview_advisory(
    State(house): State<Arc<House>>,
    caller: Caller,
    body: Body<AdvisoryIn>,
) -> Answer<Json<AdvisoryPreview>> {
    let judged = act::preview(&house, &caller.ctx, &body.value.into()).await?;
    Ok(Json(judged.into()))
}

/// An advisory that was issued, or waits for a second person.
#[derive(Debug, Serialize, ToSchema)]
struct AdvisoryMade {
    /// Its identifier.
    id: String,
    /// Index of the leaf.
    position: u64,
    /// What it stands on.
    judged: AdvisoryPreview,
}

/// Issues an advisory, or lets it wait for a second person.
#[utoipa::path(post, path = "/advisories", tag = "share", request_body = AdvisoryIn,
    responses((status = 201, body = AdvisoryMade), (status = 202, body = AdvisoryMade)))]
async fn issue_advisory(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<AdvisoryIn>,
) -> Answer {
    let key = form::idempotency(&headers, "POST /advisories", &body.bytes);
    let (made, judged) = act::issue(&house, &caller.ctx, &body.value.into(), key).await?;
    let status = if judged.second { StatusCode::ACCEPTED } else { StatusCode::CREATED };
    let answer = AdvisoryMade { id: made.id, position: made.position, judged: judged.into() };
    Ok((status, Json(answer)).into_response())
}

/// What the second person saw.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdvisorySecondIn {
    /// The digest.
    digest: String,
}

/// The second person issues exactly what the first one saw.
#[utoipa::path(post, path = "/advisories/{id}/second", tag = "share", params(("id" = String, Path)),
    request_body = AdvisorySecondIn, responses((status = 201, body = CouncilDone)))]
async fn second_advisory(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<AdvisorySecondIn>,
) -> Answer {
    Ok(done(act::second(&house, &caller.ctx, &id, &body.value.digest).await?))
}

/// What was answered.
#[derive(Debug, Serialize, ToSchema)]
struct AdvisorySaid {
    /// `acknowledged`, `applied` or `not-applied`.
    answer: String,
    /// Why.
    reason: Option<String>,
    /// When.
    at: String,
}

impl From<Said> for AdvisorySaid {
    fn from(said: Said) -> Self {
        Self { answer: said.answer, reason: said.reason, at: stamp(said.at) }
    }
}

/// An advisory.
#[derive(Debug, Serialize, ToSchema)]
struct AdvisoryOut {
    /// Its identifier.
    id: String,
    /// To whom.
    audience: String,
    /// Its title.
    title: String,
    /// Its text.
    text: String,
    /// Objects it is about; for a recipient those it may read now.
    objects: Vec<String>,
    /// Its colour.
    tlp: String,
    /// Its class.
    class: String,
    /// `acknowledge` or `apply`.
    needs: Option<String>,
    /// Until when an answer is asked for.
    due_at: Option<String>,
    /// When it was issued; absent while it waits for a second person.
    issued_at: Option<String>,
    /// When it was withdrawn, or dismissed before it was issued: nothing is to be done because of it any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawn_at: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawn_reason: Option<String>,
    /// Digest over the words and recipients; only for those who issue.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// What the caller's organisation answered, newest first; only for a recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    answers: Option<Vec<AdvisorySaid>>,
    /// How often the caller's organisation was reminded; only for a recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    reminders: Option<u64>,
}

impl From<Advisory> for AdvisoryOut {
    fn from(one: Advisory) -> Self {
        let draft = one.draft;
        Self {
            id: one.advisory,
            audience: draft.audience.label(),
            title: draft.title,
            text: draft.text,
            objects: draft.objects,
            tlp: tlp_code(draft.tlp).to_owned(),
            class: draft.class.code().to_owned(),
            needs: draft.needs,
            due_at: draft.due_at.map(stamp),
            issued_at: one.issued_at.map(stamp),
            withdrawn_at: one.withdrawn.as_ref().map(|withdrawn| stamp(withdrawn.at)),
            withdrawn_reason: one.withdrawn.map(|withdrawn| withdrawn.why),
            digest: Some(one.digest),
            answers: None,
            reminders: None,
        }
    }
}

impl From<Received> for AdvisoryOut {
    fn from(one: Received) -> Self {
        let answers = one.said.into_iter().map(AdvisorySaid::from).collect();
        let reminders = Some(one.reminders);
        Self { digest: None, answers: Some(answers), reminders, ..one.advisory.into() }
    }
}

/// A page of advisories, newest first.
#[derive(Debug, Serialize, ToSchema)]
struct Advisories {
    /// At most as many as were asked for.
    items: Vec<AdvisoryOut>,
    /// Give it back as `cursor` for the advisories after these; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// The place of a page that is asked for.
fn place(asked: &Paging) -> Answer<Option<Place>> {
    let read = |text: &str| Place::parse(text).ok_or_else(|| refuse("NRS-SHAR-0341"));
    asked.cursor.as_deref().map(read).transpose()
}

/// Every advisory, for those who issue.
#[utoipa::path(get, path = "/advisories", tag = "share", params(Paging),
    responses((status = 200, body = Advisories)))]
async fn list_advisories(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(asked): Query<Paging>,
) -> Answer<Json<Advisories>> {
    house.authoriser.check(&caller.ctx, Action::ShareRelease, On::default())?;
    let (after, limit) = (place(&asked)?, asked.limit());
    let (found, next) = house
        .store
        .read(move |reader| read::advisories(reader, None, after.as_ref(), limit))
        .await?;
    let items = found.into_iter().map(|(one, _)| one.into()).collect();
    Ok(Json(Advisories { items, cursor: next.map(|next| next.to_string()) }))
}

/// How one recipient stands.
#[derive(Debug, Serialize, ToSchema)]
struct AdvisoryStanding {
    /// The recipient.
    org: String,
    /// When it was first shown.
    delivered_at: Option<String>,
    /// When it was first shown that it is withdrawn.
    told_at: Option<String>,
    /// The last answer.
    said: Option<AdvisorySaid>,
    /// An answer is asked for and its date has passed.
    overdue: bool,
    /// How often it was reminded.
    reminders: u64,
}

/// An advisory with its recipients: who has not answered comes first.
#[derive(Debug, Serialize, ToSchema)]
struct AdvisoryWhole {
    /// The advisory.
    advisory: AdvisoryOut,
    /// Its recipients.
    recipients: Vec<AdvisoryStanding>,
    /// How many of them have not answered.
    unanswered: usize,
}

/// One advisory and how its recipients stand.
#[utoipa::path(get, path = "/advisories/{id}", tag = "share", params(("id" = String, Path)),
    responses((status = 200, body = AdvisoryWhole)))]
async fn one_advisory(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<AdvisoryWhole>> {
    house.authoriser.check(&caller.ctx, Action::ShareRelease, On::default())?;
    let found = house
        .store
        .read(move |reader| Ok((read::advisory(reader, &id)?, read::standings(reader, &id)?)))
        .await?;
    let advisory = found.0.ok_or_else(|| Failure::from(Refusal::absent()))?;
    let (asked, now) = (advisory.clone(), caller.ctx.now);
    let unanswered = found.1.iter().filter(|one| one.said.is_none()).count();
    let recipients = found.1.into_iter().map(|one| AdvisoryStanding {
        org: one.org,
        delivered_at: one.delivered_at.map(stamp),
        told_at: one.told_at.map(stamp),
        overdue: asked.is_open(one.said.as_ref()) && asked.draft.is_past(now),
        said: one.said.map(AdvisorySaid::from),
        reminders: one.reminders,
    });
    let (advisory, recipients) = (advisory.into(), recipients.collect());
    Ok(Json(AdvisoryWhole { advisory, recipients, unanswered }))
}

/// The advisories of the caller's organisation. A page may hold fewer than were asked for.
#[utoipa::path(get, path = "/advisories/received", tag = "share", params(Paging),
    responses((status = 200, body = Advisories)))]
async fn received_advisories(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(asked): Query<Paging>,
) -> Answer<Json<Advisories>> {
    let (after, limit) = (place(&asked)?, asked.limit());
    let (found, next) = act::received(&house, &caller.ctx, after, limit).await?;
    let items = found.into_iter().map(AdvisoryOut::from).collect();
    Ok(Json(Advisories { items, cursor: next.map(|next| next.to_string()) }))
}

/// Why an advisory counts no more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdvisoryWhyIn {
    /// Why; a recipient is shown it.
    reason: String,
}

/// Withdraws an issued advisory. Whoever was shown it finds it first among its own, as withdrawn and why; it is not to be
/// answered any more.
#[utoipa::path(post, path = "/advisories/{id}/withdrawal", tag = "share", params(("id" = String, Path)),
    request_body = AdvisoryWhyIn, responses((status = 201, body = CouncilDone)))]
async fn withdraw_advisory(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<AdvisoryWhyIn>,
) -> Answer {
    let operation = format!("POST /advisories/{id}/withdrawal");
    let key = form::idempotency(&headers, &operation, &body.bytes);
    Ok(done(act::withdraw(&house, &caller.ctx, &id, &body.value.reason, key).await?))
}

/// Dismisses an advisory that waits for a second person: by whoever proposed it, or by any second person.
#[utoipa::path(post, path = "/advisories/{id}/dismissal", tag = "share", params(("id" = String, Path)),
    request_body = AdvisoryWhyIn, responses((status = 201, body = CouncilDone)))]
async fn dismiss_advisory(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<AdvisoryWhyIn>,
) -> Answer {
    let operation = format!("POST /advisories/{id}/dismissal");
    let key = form::idempotency(&headers, &operation, &body.bytes);
    Ok(done(act::dismiss(&house, &caller.ctx, &id, &body.value.reason, key).await?))
}

/// What was done about an advisory.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdvisoryAnswerIn {
    /// `acknowledged`, `applied` or `not-applied`.
    answer: String,
    /// Why; needed for `not-applied`.
    #[serde(default)]
    reason: String,
}

/// Answers an advisory. A later answer counts and the earlier ones are kept.
#[utoipa::path(post, path = "/advisories/{id}/answers", tag = "share", params(("id" = String, Path)),
    request_body = AdvisoryAnswerIn, responses((status = 201, body = CouncilDone)))]
async fn answer_advisory(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<AdvisoryAnswerIn>,
) -> Answer {
    let operation = format!("POST /advisories/{id}/answers");
    let key = form::idempotency(&headers, &operation, &body.bytes);
    let said = (body.value.answer.as_str(), body.value.reason.as_str());
    Ok(done(act::answer(&house, &caller.ctx, &id, said, key).await?))
}

/// Whom to remind of an advisory.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdvisoryRemindIn {
    /// Organisations; everybody who owes an answer when absent.
    #[serde(default)]
    orgs: Option<Vec<String>>,
}

/// Who was reminded.
#[derive(Debug, Serialize, ToSchema)]
struct AdvisoryReminded {
    /// The advisory.
    id: String,
    /// Index of the leaf.
    position: u64,
    /// How many were reminded.
    reminded: usize,
}

/// Reminds recipients who owe an answer; the reminder stands with the advisory on their page.
#[utoipa::path(post, path = "/advisories/{id}/reminders", tag = "share", params(("id" = String, Path)),
    request_body = AdvisoryRemindIn, responses((status = 201, body = AdvisoryReminded)))]
async fn remind_advisory(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<AdvisoryRemindIn>,
) -> Answer {
    let orgs = body.value.orgs.as_deref();
    let (made, reminded) = act::remind(&house, &caller.ctx, &id, orgs).await?;
    let answer = AdvisoryReminded { id: made.id, position: made.position, reminded };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// How what a member originated is to be handled (Act art. 45(6)).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OpinionIn {
    /// Objects of the member's own, in every version that is held.
    objects: Vec<String>,
    /// Organisations it is restricted to; empty for nobody.
    #[serde(default)]
    restricted_to: Option<Vec<String>>,
    /// The member has no such opinion any more.
    #[serde(default)]
    lifts: bool,
}

/// Records the opinion of a member of the council on the handling of what it originated.
#[utoipa::path(post, path = "/opinions", tag = "share", request_body = OpinionIn,
    responses((status = 201, body = CouncilDone)))]
async fn give_opinion(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<OpinionIn>,
) -> Answer {
    let key = form::idempotency(&headers, "POST /opinions", &body.bytes);
    let OpinionIn { objects, restricted_to, lifts } = body.value;
    let said = Handling { objects, restricted_to, lifts, consent: None };
    Ok(done(act::opine(&house, &caller.ctx, &said, key).await?))
}

/// An object of the member's own and what it has said of it.
#[derive(Debug, Serialize, ToSchema)]
struct OpinionOut {
    /// The object.
    id: String,
    /// To whom it is restricted; absent without an opinion.
    restricted_to: Option<Vec<String>>,
    /// When that was said.
    said_at: Option<String>,
}

/// Objects of the member's own.
#[derive(Debug, Serialize, ToSchema)]
struct Opinions {
    /// At most 500, newest first.
    items: Vec<OpinionOut>,
}

/// What the member originated and has given an opinion about, reported or marked for few.
#[utoipa::path(get, path = "/opinions", tag = "share", responses((status = 200, body = Opinions)))]
async fn list_opinions(State(house): State<Arc<House>>, caller: Caller) -> Answer<Json<Opinions>> {
    let found = act::originated(&house, &caller.ctx).await?;
    let items = found.into_iter().map(|one| OpinionOut {
        id: one.id,
        restricted_to: one.restricted_to,
        said_at: one.said_at.map(stamp),
    });
    Ok(Json(Opinions { items: items.collect() }))
}

/// A question between the office and a member of the council or a supplier.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct QuestionIn {
    /// The member or supplier, when the office asks; absent when one of them asks the office.
    #[serde(default)]
    to: Option<String>,
    /// What is asked.
    words: String,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    due_at: Timestamp,
}

/// Asks a question.
#[utoipa::path(post, path = "/questions", tag = "share", request_body = QuestionIn,
    responses((status = 201, body = CouncilDone)))]
async fn ask_question(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<QuestionIn>,
) -> Answer {
    let key = form::idempotency(&headers, "POST /questions", &body.bytes);
    let QuestionIn { to, words, due_at } = body.value;
    Ok(done(act::ask(&house, &caller.ctx, (to.as_deref(), &words, due_at), key).await?))
}

/// A question.
#[derive(Debug, Serialize, ToSchema)]
struct QuestionOut {
    /// Its identifier.
    id: String,
    /// The member.
    org: String,
    /// The office asks; else the member does.
    by_office: bool,
    /// What is asked.
    words: String,
    /// Until when.
    due_at: String,
    /// It is open and its date has passed.
    overdue: bool,
    /// When it was asked.
    at: String,
    /// `open`, `answered` or `declined`.
    state: String,
    /// The answer, or the justification for giving none.
    answer: Option<String>,
    /// When it was answered.
    answered_at: Option<String>,
}

/// A page of questions: open ones first, by their due date, so that overdue ones lead.
#[derive(Debug, Serialize, ToSchema)]
struct Questions {
    /// At most as many as were asked for.
    items: Vec<QuestionOut>,
    /// Give it back as `cursor` for the questions after these; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// The questions the caller is a party to.
#[utoipa::path(get, path = "/questions", tag = "share", params(Paging),
    responses((status = 200, body = Questions)))]
async fn list_questions(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(asked): Query<Paging>,
) -> Answer<Json<Questions>> {
    let side = act::side(&house, &caller.ctx)?;
    let (after, limit) = (place(&asked)?, asked.limit());
    let (found, next) = house
        .store
        .read(move |reader| read::questions(reader, &side, after.as_ref(), limit))
        .await?;
    let items = found.into_iter().map(|one| QuestionOut {
        overdue: one.state == "open" && one.due_at < caller.ctx.now,
        id: one.question,
        org: one.org,
        by_office: one.by_office,
        words: one.words,
        due_at: stamp(one.due_at),
        at: stamp(one.at),
        state: one.state,
        answer: one.answer,
        answered_at: one.answered_at.map(stamp),
    });
    let items = items.collect();
    Ok(Json(Questions { items, cursor: next.map(|next| next.to_string()) }))
}

/// An answer, or the justification for giving none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReplyIn {
    /// The words.
    words: String,
    /// No answer is given; the words say why.
    #[serde(default)]
    declines: bool,
}

/// Answers a question, or declines it with a justification.
#[utoipa::path(post, path = "/questions/{id}/reply", tag = "share", params(("id" = String, Path)),
    request_body = ReplyIn, responses((status = 201, body = CouncilDone)))]
async fn reply_question(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<ReplyIn>,
) -> Answer {
    let operation = format!("POST /questions/{id}/reply");
    let key = form::idempotency(&headers, &operation, &body.bytes);
    let said = (body.value.words.as_str(), body.value.declines);
    Ok(done(act::reply(&house, &caller.ctx, &id, said, key).await?))
}

/// A ready-made export of one of the caller's audiences (`own` is the organisation itself), for `rpz`, `suricata` (its
/// rules), `zeek`, `csv` or `stix`. With `If-None-Match`, 304 while it is the same. `X-Noroshi-Left-Out` says how much of
/// the stream is not in it and why: indicators by `language`, `pattern` and `doubtful`, values by `kind`, `form` and
/// `length`; `none` when nothing is left out.
#[utoipa::path(get, path = "/exports/{audience}/{format}", tag = "share",
    params(("audience" = String, Path), ("format" = String, Path)),
    responses((status = 200, content_type = "text/plain", body = String, description = "headers `ETag`, `X-Noroshi-Left-Out`"), (status = 304)))]
async fn one_export(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path((audience, format)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    export(&house, &caller, (&audience, &format, None), &headers).await
}

/// A further file of a `suricata` export: a dataset its rules name, or `noroshi.csv`, which says until when each entry
/// holds.
#[utoipa::path(get, path = "/exports/{audience}/{format}/{file}", tag = "share",
    params(("audience" = String, Path), ("format" = String, Path), ("file" = String, Path)),
    responses((status = 200, content_type = "text/plain", body = String, description = "headers `ETag`, `X-Noroshi-Left-Out`"), (status = 304)))]
async fn one_export_file(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path((audience, format, file)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Answer {
    export(&house, &caller, (&audience, &format, Some(&file)), &headers).await
}

async fn export(
    house: &Arc<House>,
    caller: &Caller,
    wanted: (&str, &str, Option<&str>),
    headers: &HeaderMap,
) -> Answer {
    let has = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let known = |tag: &str| has.split(',').any(|one| one.trim() == tag || one.trim() == "*");
    let made = exports::export(house, &caller.ctx, wanted, known).await?;
    let about = [(ETAG, made.tag), (CACHE_CONTROL, "private, no-cache".to_owned())];
    let left_out = [("x-noroshi-left-out", exports::written_out(&made.left_out))];
    Ok(match made.text {
        None => (StatusCode::NOT_MODIFIED, about, left_out).into_response(),
        Some(text) => (about, left_out, [(CONTENT_TYPE, made.kind)], text).into_response(),
    })
}
