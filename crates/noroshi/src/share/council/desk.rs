//! The office's own desk: advisories it issues and how they are answered, and questions both ways.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use jiff::Timestamp;
use noroshi_charter::release::{Audience, Capacity};
use serde::Deserialize;

use super::act::{self, Preview, TEXT_CHARS_MAX, TITLE_CHARS_MAX, Wish};
use super::read::{self, Advisory, Counts, Place, Question, Side, Standing, Withdrawn};
use crate::evidence::rows::tlp_code;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::people::{self, Org};
use crate::share::audience;
use crate::share::pages::{audience_words, org_name, words_of};
use crate::web::form::Values;
use crate::web::forms::{Choice, FieldError, FormState};
use crate::web::layout::{Link, Shell, Tone};
use crate::web::page;
use crate::web::refusal::{Answer, Failure, Refusal, say};
use crate::web::visitor::{Posted, Visitor};

/// Objects of one advisory named in the open; more are folded.
const NAMED_MAX: usize = 12;
/// Advisories or questions of one page.
const PAGE: u32 = 50;

/// Routes of the desk.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/share/advisories", get(list).post(issue))
        .route("/share/advisories/new", get(new).post(change))
        .route("/share/advisories/preview", post(preview))
        .route("/share/advisories/{id}", get(one))
        .route("/share/advisories/{id}/second", post(second))
        .route("/share/advisories/{id}/remind", post(remind))
        .route("/share/advisories/{id}/withdraw", post(withdraw))
        .route("/share/advisories/{id}/dismiss", post(dismiss))
        .route("/share/questions", get(questions).post(ask))
        .route("/share/questions/{id}/reply", post(reply))
}

fn allowed(house: &House, visitor: &Visitor) -> Result<(), Failure> {
    Ok(house.authoriser.check(&visitor.ctx, Action::ShareRelease, On::default())?)
}

fn crumbs(shell: &Shell, below: &[(&str, &str)]) -> Vec<Link> {
    let link = |(href, key): &(&str, &str)| Link { href: (*href).to_owned(), label: shell.t(*key) };
    [("/share", "share-title")].iter().chain(below).map(link).collect()
}

const LIST: (&str, &str) = ("/share/advisories", "share-desk-title");

/// Organisations by identifier.
type Orgs = BTreeMap<String, Org>;

async fn orgs(house: &Arc<House>) -> Answer<Orgs> {
    let all = house.store.read(people::orgs).await?;
    Ok(all.into_iter().map(|org| (org.org.to_string(), org)).collect())
}

fn name_of(orgs: &Orgs, id: &str, shell: &Shell) -> String {
    orgs.get(id).map_or_else(|| id.to_owned(), |org| org_name(org, shell.words.lang()))
}

/// An audience in words, with the name of an organisation where it names one.
fn audience_of(audience: &Audience, orgs: &Orgs, shell: &Shell) -> String {
    match audience.org() {
        Some(org) if orgs.contains_key(org) => name_of(orgs, org, shell),
        _ => audience_words(audience, shell),
    }
}

// ---- the list ----------------------------------------------------------------------------------------------------

/// Which part of a list of advisories, and which of one of questions.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Behind {
    cursor: Option<String>,
    questions: Option<String>,
}

impl Behind {
    pub(super) fn place(&self) -> Option<Place> {
        self.cursor.as_deref().and_then(Place::parse)
    }

    pub(super) fn questions(&self) -> Option<Place> {
        self.questions.as_deref().and_then(Place::parse)
    }
}

struct Row {
    id: String,
    title: String,
    audience: String,
    tlp: &'static str,
    at: Option<Timestamp>,
    due_at: Option<Timestamp>,
    counts: Counts,
    tone: Tone,
    state: String,
}

impl Row {
    fn new((one, counts): (Advisory, Counts), orgs: &Orgs, shell: &Shell) -> Self {
        let open = counts.open > 0;
        let (tone, key) = match one.issued_at {
            Some(_) if one.withdrawn.is_some() => (Tone::Neutral, "share-desk-withdrawn"),
            None if one.withdrawn.is_some() => (Tone::Neutral, "share-desk-dismissed"),
            None => (Tone::Warn, "share-desk-waits"),
            Some(_) if open && one.draft.is_past(shell.now) => (Tone::Bad, "share-desk-overdue"),
            Some(_) if open => (Tone::Info, "share-desk-open"),
            Some(_) if one.draft.needs.is_none() => (Tone::Neutral, "share-desk-issued"),
            Some(_) => (Tone::Ok, "share-desk-answered"),
        };
        Self {
            audience: audience_of(&one.draft.audience, orgs, shell),
            id: one.advisory,
            title: one.draft.title,
            tlp: tlp_code(one.draft.tlp),
            at: one.issued_at,
            due_at: one.draft.due_at,
            counts,
            tone,
            state: shell.t(key),
        }
    }
}

#[derive(Template)]
#[template(path = "share/advisories.html")]
struct ListPage {
    shell: Shell,
    crumbs: Vec<Link>,
    rows: Vec<Row>,
    /// Where the list goes on.
    next: Option<String>,
}

async fn list(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(behind): Query<Behind>,
) -> Answer {
    allowed(&house, &visitor)?;
    let after = behind.place();
    let orgs = orgs(&house).await?;
    let shell = page::shell(&house, &visitor, "share-desk-title");
    // What is late leads, then what waits.
    let now = Some(shell.now);
    let (found, next) =
        house.store.read(move |reader| read::advisories(reader, now, after.as_ref(), PAGE)).await?;
    page::html(&ListPage {
        crumbs: crumbs(&shell, &[]),
        rows: found.into_iter().map(|one| Row::new(one, &orgs, &shell)).collect(),
        next: next.map(|next| next.to_string()),
        shell,
    })
}

// ---- a new one ---------------------------------------------------------------------------------------------------

#[derive(Template)]
#[template(path = "share/advisory_new.html")]
struct NewPage {
    shell: Shell,
    crumbs: Vec<Link>,
    form: FormState,
    audiences: Vec<Choice>,
    colours: Vec<Choice>,
    classes: Vec<Choice>,
    needs: Vec<Choice>,
}

fn kept(values: &Values) -> FormState {
    FormState::posted(values.flat()).labelled("share-field")
}

async fn new_page(house: &Arc<House>, visitor: &Visitor, form: FormState) -> Answer {
    let shell = page::shell(house, visitor, "share-desk-new");
    let all = house.store.read(audience::all).await?;
    let receives = |audience: &Audience| {
        matches!(audience.capacity(), Capacity::Council | Capacity::Operator | Capacity::Supplier)
    };
    let choice = |(audience, org): (Audience, Option<Org>)| {
        let name = org.as_ref().map(|org| org_name(org, shell.words.lang()));
        let words = name.unwrap_or_else(|| audience_words(&audience, &shell));
        Choice::new(audience.label(), words)
    };
    // The wide ones lead: an advisory to one organisation is the exception.
    let mut audiences: Vec<(Audience, Option<Org>)> =
        all.into_iter().filter(|(audience, _)| receives(audience)).collect();
    audiences.sort_by_key(|(audience, _)| audience.org().is_some());
    let words = |key: &'static str| shell.t(key);
    page::html(&NewPage {
        crumbs: crumbs(&shell, &[LIST]),
        audiences: audiences.into_iter().map(choice).collect(),
        colours: ["clear", "green", "amber"].map(|tlp| Choice::new(tlp, shell.tlp(tlp))).into(),
        classes: ["CIA-N", "CIA-P", "CIA-PM"]
            .map(|class| {
                let key = format!("share-scope-{}", class.to_ascii_lowercase());
                Choice::new(class, shell.t(key))
            })
            .into(),
        needs: vec![
            Choice::new("apply", words("share-desk-needs-apply")),
            Choice::new("acknowledge", words("share-desk-needs-acknowledge")),
            Choice::new("", words("share-desk-needs-none")),
        ],
        form,
        shell,
    })
}

async fn new(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    allowed(&house, &visitor)?;
    let mut form = FormState::default();
    form.set("tlp", "green");
    form.set("class", "CIA-N");
    form.set("needs", "apply");
    new_page(&house, &visitor, form).await
}

/// The form again, as it was sent: nothing that was written is lost.
async fn change(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    allowed(&house, &posted.visitor)?;
    new_page(&house, &posted.visitor, kept(&posted.values)).await
}

/// Reads the form; what is missing is marked in it.
fn wish_of(values: &Values, form: &mut FormState, now: Timestamp) -> Option<Wish> {
    let audience = values.get("audience").to_owned();
    if audience.is_empty() {
        form.fail("audience", FieldError::required());
    }
    let (title, text) = (form.text("title", TITLE_CHARS_MAX), form.text("text", TEXT_CHARS_MAX));
    let due_at = form.moment("due_at");
    if due_at.is_some_and(|due| due <= now) {
        form.fail("due_at", FieldError::new("NRS-SHAR-0522", "NRS-SHAR-0522"));
    }
    if !form.is_ok() {
        return None;
    }
    Some(Wish {
        audience,
        title: title?,
        text: text?,
        objects: words_of(values.get("objects")),
        tlp: values.get("tlp").to_owned(),
        class: values.get("class").to_owned(),
        needs: values.some("needs").map(str::to_owned),
        due_at,
        digest: None,
    })
}

/// Which field a refusal is about.
fn field_of(code: &str) -> &'static str {
    match code {
        "NRS-SHAR-0501" => "text",
        "NRS-SHAR-0502" | "NRS-SHAR-0506" => "objects",
        "NRS-SHAR-0504" => "class",
        "NRS-SHAR-0505" => "needs",
        "NRS-SHAR-0007" => "tlp",
        "NRS-SHAR-0522" => "due_at",
        _ => "audience",
    }
}

/// The form again with what was wrong, or the failure itself.
async fn again(
    house: &Arc<House>,
    visitor: &Visitor,
    mut form: FormState,
    failure: Option<Failure>,
) -> Answer {
    match failure {
        None => {}
        Some(Failure::Refused(refusal)) if refusal.status == StatusCode::UNPROCESSABLE_ENTITY => {
            form.fail(field_of(refusal.code), FieldError::new(refusal.code, refusal.code));
        }
        Some(failure) => return Err(failure),
    }
    let mut response = new_page(house, visitor, form).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

/// Recipients of one kind.
struct Kind {
    label: String,
    names: Vec<String>,
}

/// What some recipients are given, word for word.
struct Content {
    names: Vec<String>,
    text: String,
    bytes: usize,
}

struct LeftOut {
    name: String,
    reasons: Vec<(String, String)>,
}

/// Everything a preview shows, for the first person and for the second.
struct Shown {
    audience: String,
    kinds: Vec<Kind>,
    recipients: usize,
    contents: Vec<Content>,
    left_out: Vec<LeftOut>,
    digest: String,
}

impl Shown {
    fn new(judged: &Preview, orgs: &Orgs, shell: &Shell) -> Self {
        let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for org in &judged.recipients {
            let kind = orgs.get(org).map_or("", |org| org.kind.as_str());
            kinds.entry(kind.to_owned()).or_default().push(name_of(orgs, org, shell));
        }
        let kind = |(kind, names): (String, Vec<String>)| Kind {
            label: shell.t(format!("office-kind-{kind}")),
            names,
        };
        let content = |(text, members): &(String, Vec<String>)| Content {
            names: members.iter().map(|org| name_of(orgs, org, shell)).collect(),
            text: text.clone(),
            bytes: text.len(),
        };
        let left_out = |(org, codes): &(String, Vec<String>)| LeftOut {
            name: name_of(orgs, org, shell),
            reasons: codes.iter().map(|code| (code.clone(), say(shell.words, code, &[]))).collect(),
        };
        Self {
            audience: audience_of(&judged.draft.audience, orgs, shell),
            kinds: kinds.into_iter().map(kind).collect(),
            recipients: judged.recipients.len(),
            contents: judged.contents.iter().map(content).collect(),
            left_out: judged.left_out.iter().map(left_out).collect(),
            digest: judged.digest.to_string(),
        }
    }
}

#[derive(Template)]
#[template(path = "share/advisory_preview.html")]
struct PreviewPage {
    shell: Shell,
    crumbs: Vec<Link>,
    shown: Shown,
    second: bool,
    confirm: String,
    /// What was written, to be sent again.
    fields: Vec<(String, String)>,
}

async fn preview(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    allowed(&house, &posted.visitor)?;
    let mut form = kept(&posted.values);
    let Some(wish) = wish_of(&posted.values, &mut form, posted.visitor.ctx.now) else {
        return again(&house, &posted.visitor, form, None).await;
    };
    let judged = match act::preview(&house, &posted.visitor.ctx, &wish).await {
        Ok(judged) => judged,
        Err(failure) => return again(&house, &posted.visitor, form, Some(failure)).await,
    };
    let orgs = orgs(&house).await?;
    let shell = page::shell(&house, &posted.visitor, "share-desk-preview");
    let mut fields: Vec<(String, String)> = posted.values.flat().into_iter().collect();
    fields.retain(|(name, _)| !matches!(name.as_str(), "csrf" | "digest"));
    page::html(&PreviewPage {
        crumbs: crumbs(&shell, &[LIST]),
        confirm: shell.tv("share-desk-confirm", &[("n", judged.recipients.len().into())]),
        shown: Shown::new(&judged, &orgs, &shell),
        second: judged.second,
        fields,
        shell,
    })
}

async fn issue(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    allowed(&house, &posted.visitor)?;
    let mut form = kept(&posted.values);
    let Some(wish) = wish_of(&posted.values, &mut form, posted.visitor.ctx.now) else {
        return again(&house, &posted.visitor, form, None).await;
    };
    // Nothing is issued that was not looked at.
    let Some(digest) = posted.values.some("digest").map(str::to_owned) else {
        return Err(Refusal::new("NRS-SHAR-0015", StatusCode::PRECONDITION_REQUIRED).into());
    };
    let wish = Wish { digest: Some(digest), ..wish };
    match act::issue(&house, &posted.visitor.ctx, &wish, None).await {
        Ok((made, _)) => {
            Ok(Redirect::to(&format!("/share/advisories/{}", made.id)).into_response())
        }
        Err(failure) => again(&house, &posted.visitor, form, Some(failure)).await,
    }
}

// ---- one -----------------------------------------------------------------------------------------------------------

struct Recipient {
    org: String,
    name: String,
    kind: String,
    delivered_at: Option<Timestamp>,
    told_at: Option<Timestamp>,
    tone: Tone,
    state: String,
    reason: String,
    answered_at: Option<Timestamp>,
    open: bool,
    reminders: u64,
    reminded_at: Option<Timestamp>,
}

impl Recipient {
    fn new(one: Standing, advisory: &Advisory, orgs: &Orgs, shell: &Shell) -> Self {
        let open = advisory.is_open(one.said.as_ref());
        let answer = one.said.as_ref().map_or("none", |said| said.answer.as_str());
        let late = open && advisory.draft.is_past(shell.now);
        let tone = match answer {
            "applied" => Tone::Ok,
            "not-applied" => Tone::Warn,
            _ if late => Tone::Bad,
            "acknowledged" => Tone::Info,
            _ => Tone::Neutral,
        };
        let state = shell.t(format!("share-advisory-answer-{answer}"));
        Self {
            name: name_of(orgs, &one.org, shell),
            kind: orgs
                .get(&one.org)
                .map(|org| shell.t(format!("office-kind-{}", org.kind)))
                .unwrap_or_default(),
            org: one.org,
            delivered_at: one.delivered_at,
            told_at: one.told_at,
            tone,
            state: if late {
                shell.tv("share-desk-late", &[("state", state.into())])
            } else {
                state
            },
            reason: one.said.as_ref().and_then(|said| said.reason.clone()).unwrap_or_default(),
            answered_at: one.said.map(|said| said.at),
            open,
            reminders: one.reminders,
            reminded_at: one.reminded_at,
        }
    }
}

#[derive(Template)]
#[template(path = "share/advisory.html")]
struct OnePage {
    shell: Shell,
    crumbs: Vec<Link>,
    id: String,
    text: String,
    objects: Vec<String>,
    folded: bool,
    tlp: &'static str,
    class: String,
    audience: String,
    needs: String,
    due_at: Option<Timestamp>,
    issued_at: Option<Timestamp>,
    counts: Counts,
    late: bool,
    recipients: Vec<Recipient>,
    /// What the second person would issue, while it waits.
    waits: Option<Shown>,
    /// It is not any more what the first person saw.
    changed: bool,
    /// It was withdrawn, or dismissed before it was issued.
    withdrawn: Option<Withdrawn>,
    own: bool,
}

async fn one(State(house): State<Arc<House>>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    allowed(&house, &visitor)?;
    let wanted = id.clone();
    let found = house
        .store
        .read(move |reader| {
            Ok((read::advisory(reader, &wanted)?, read::standings(reader, &wanted)?))
        })
        .await?;
    let advisory = found.0.ok_or_else(|| Failure::from(Refusal::absent()))?;
    let orgs = orgs(&house).await?;
    let mut shell = page::shell(&house, &visitor, "share-desk-title");
    shell.title.clone_from(&advisory.draft.title);
    let (mut waits, mut changed) = (None, false);
    if advisory.issued_at.is_none() && advisory.withdrawn.is_none() {
        match act::judge(&house, &visitor.ctx, advisory.draft.clone()).await {
            Ok(judged) => {
                changed = judged.digest.to_string() != advisory.digest;
                waits = Some(Shown::new(&judged, &orgs, &shell));
            }
            // What it names left the stream since.
            Err(Failure::Refused(_)) => changed = true,
            Err(failure) => return Err(failure),
        }
    }
    let draft = &advisory.draft;
    let counts = Counts::of(&advisory, &found.1);
    let recipients =
        found.1.into_iter().map(|one| Recipient::new(one, &advisory, &orgs, &shell)).collect();
    let needs = draft.needs.as_deref().unwrap_or("none");
    page::html(&OnePage {
        crumbs: crumbs(&shell, &[LIST]),
        text: draft.text.clone(),
        folded: draft.objects.len() > NAMED_MAX,
        objects: draft.objects.clone(),
        tlp: tlp_code(draft.tlp),
        class: draft.class.code().to_owned(),
        audience: audience_of(&draft.audience, &orgs, &shell),
        needs: shell.t(format!("share-desk-needs-{needs}")),
        due_at: draft.due_at,
        issued_at: advisory.issued_at,
        late: counts.open > 0 && draft.is_past(shell.now),
        own: advisory.person == visitor.ctx.person.as_str(),
        id,
        counts,
        recipients,
        waits,
        changed,
        withdrawn: advisory.withdrawn,
        shell,
    })
}

async fn second(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    allowed(&house, &posted.visitor)?;
    act::second(&house, &posted.visitor.ctx, &id, posted.values.get("digest")).await?;
    Ok(Redirect::to(&format!("/share/advisories/{id}")).into_response())
}

/// Reminds those that were picked, or everybody who owes an answer.
async fn remind(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    allowed(&house, &posted.visitor)?;
    let picked: Vec<String> = posted.values.all("org").into_iter().map(str::to_owned).collect();
    let all = posted.values.get("who") == "all";
    let whom = (!all).then_some(picked.as_slice());
    act::remind(&house, &posted.visitor.ctx, &id, whom).await?;
    Ok(Redirect::to(&format!("/share/advisories/{id}")).into_response())
}

/// Takes an issued one back, with the reason that its recipients are shown.
async fn withdraw(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    allowed(&house, &posted.visitor)?;
    act::withdraw(&house, &posted.visitor.ctx, &id, posted.values.get("reason"), None).await?;
    Ok(Redirect::to(&format!("/share/advisories/{id}")).into_response())
}

/// Lets a proposal go that waits for a second person.
async fn dismiss(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    allowed(&house, &posted.visitor)?;
    act::dismiss(&house, &posted.visitor.ctx, &id, posted.values.get("reason"), None).await?;
    Ok(Redirect::to(&format!("/share/advisories/{id}")).into_response())
}

// ---- questions -----------------------------------------------------------------------------------------------------

struct QuestionRow {
    id: String,
    name: String,
    by_office: bool,
    words: String,
    due_at: Timestamp,
    at: Timestamp,
    tone: Tone,
    state: String,
    answer: String,
    answered_at: Option<Timestamp>,
    /// The office is asked and has not answered.
    mine: bool,
}

impl QuestionRow {
    fn new(one: Question, orgs: &Orgs, shell: &Shell) -> Self {
        let overdue = one.state == "open" && one.due_at < shell.now;
        let state = if overdue { "overdue" } else { one.state.as_str() };
        Self {
            tone: match state {
                "overdue" => Tone::Bad,
                "open" => Tone::Info,
                "answered" => Tone::Ok,
                _ => Tone::Neutral,
            },
            state: shell.t(format!("share-question-{state}")),
            name: name_of(orgs, &one.org, shell),
            mine: !one.by_office && one.state == "open",
            id: one.question,
            by_office: one.by_office,
            words: one.words,
            due_at: one.due_at,
            at: one.at,
            answer: one.answer.unwrap_or_default(),
            answered_at: one.answered_at,
        }
    }
}

#[derive(Template)]
#[template(path = "share/questions.html")]
struct QuestionsPage {
    shell: Shell,
    crumbs: Vec<Link>,
    rows: Vec<QuestionRow>,
    /// Where the list goes on.
    next: Option<String>,
    members: Vec<Choice>,
    form: FormState,
}

async fn questions_page(
    house: &Arc<House>,
    visitor: &Visitor,
    after: Option<Place>,
    form: FormState,
) -> Answer {
    let ((found, next), asked) = house
        .store
        .read(move |reader| {
            let mut asked: Vec<Org> = audience::members(reader, &Audience::Council)?;
            let suppliers = people::orgs(reader)?.into_iter().filter(|org| org.kind == "supplier");
            for org in suppliers {
                if !asked.iter().any(|one| one.org == org.org) {
                    asked.push(org);
                }
            }
            Ok((read::questions(reader, &Side::Office, after.as_ref(), PAGE)?, asked))
        })
        .await?;
    let orgs = orgs(house).await?;
    let shell = page::shell(house, visitor, "share-desk-questions");
    let member = |org: &Org| Choice::new(org.org.as_str(), org_name(org, shell.words.lang()));
    page::html(&QuestionsPage {
        crumbs: crumbs(&shell, &[]),
        rows: found.into_iter().map(|one| QuestionRow::new(one, &orgs, &shell)).collect(),
        next: next.map(|next| next.to_string()),
        members: asked.iter().map(member).collect(),
        form,
        shell,
    })
}

async fn questions(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(behind): Query<Behind>,
) -> Answer {
    allowed(&house, &visitor)?;
    questions_page(&house, &visitor, behind.questions(), FormState::default()).await
}

async fn ask(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    allowed(&house, &posted.visitor)?;
    let mut form = kept(&posted.values);
    let to = posted.values.get("to").to_owned();
    if to.is_empty() {
        form.fail("to", FieldError::required());
    }
    let words = form.text("words", TEXT_CHARS_MAX);
    let due_at = form.moment("due_at");
    if due_at.is_none() {
        form.fail("due_at", FieldError::required());
    }
    if let (true, Some(words), Some(due_at)) = (form.is_ok(), words, due_at) {
        let asked = (Some(to.as_str()), words.as_str(), due_at);
        match act::ask(&house, &posted.visitor.ctx, asked, None).await {
            Ok(_) => return Ok(Redirect::to("/share/questions").into_response()),
            Err(Failure::Refused(refusal))
                if refusal.status == StatusCode::UNPROCESSABLE_ENTITY =>
            {
                let field = match refusal.code {
                    "NRS-SHAR-0521" => "words",
                    "NRS-SHAR-0522" => "due_at",
                    _ => "to",
                };
                form.fail(field, FieldError::new(refusal.code, refusal.code));
            }
            Err(failure) => return Err(failure),
        }
    }
    let mut response = questions_page(&house, &posted.visitor, None, form).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

async fn reply(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    allowed(&house, &posted.visitor)?;
    let said = (posted.values.get("reply"), posted.values.get("answer") == "declined");
    act::reply(&house, &posted.visitor.ctx, &id, said, None).await?;
    Ok(Redirect::to("/share/questions").into_response())
}
