//! The pages of this pillar.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use jiff::Timestamp;
use noroshi_charter::approval::{Effect, Kind, Location};
use noroshi_charter::hat::Hat;
use serde::Deserialize;

use super::act::{self, NewConsent, NewVote};
use super::draft::{self, Ask, AskAction, AskConsultation, Guarded};
use super::read::{self, Consent, EffectRow, Measure, NamedVote, Question};
use super::seal::Batch;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::clock::stamp;
use crate::office::people;
use crate::web::form::Values;
use crate::web::forms::{Choice, FieldError, FormState};
use crate::web::layout::{Flash, Link, Pager, Shell, Tone};
use crate::web::locale::{Lang, Words};
use crate::web::page::{html, shell};
use crate::web::refusal::{Answer, Failure, Refusal, say};
use crate::web::visitor::{Posted, Visitor, percent};

/// Rows of one page of the list.
const ROWS: u32 = 50;
/// Characters of a purpose shown in a list.
const PURPOSE_CHARS: usize = 80;

/// Routes of this pillar.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/response", get(list))
        .route("/response/inbox", get(inbox))
        .route("/response/new", get(new).post(ask))
        .route("/response/consents", get(consents).post(consent))
        .route("/response/consents/{id}/withdraw", post(withdraw))
        .route("/response/{id}", get(one))
        .route("/response/{id}/{verb}", post(verb))
}

fn tone(state: &str) -> Tone {
    match state {
        "approved" | "expired" => Tone::Ok,
        "refused" | "failed" => Tone::Bad,
        "questioned" | "rolling_back" => Tone::Warn,
        "executing" | "active" | "begun" => Tone::Signal,
        "requested" | "deciding" => Tone::Info,
        _ => Tone::Neutral,
    }
}

fn state_word(words: Words, state: &str) -> String {
    words.t(format!("response-state-{}", state.replace('_', "-")))
}

// ---- lists -----------------------------------------------------------------------------------------------------

struct ListRow {
    id: String,
    purpose: String,
    state: String,
    tone: Tone,
    org: String,
    until: Timestamp,
    targets: usize,
}

#[derive(Template)]
#[template(path = "response/list.html")]
struct ListPage {
    shell: Shell,
    lead: String,
    empty: String,
    rows: Vec<ListRow>,
    links: Vec<Link>,
    may_request: bool,
    pager: Pager,
}

#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    case: Option<String>,
    #[serde(default)]
    target: Option<String>,
}

async fn list(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(query): Query<Asked>,
) -> Answer {
    list_page(
        &house,
        &visitor,
        &[],
        query.after,
        ("nav-measures", "response-lead", "response-empty-note"),
    )
    .await
}

/// What waits for the commission, the nearest deadline first.
async fn inbox(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(query): Query<Asked>,
) -> Answer {
    let words = ("response-inbox", "response-inbox-lead", "response-inbox-empty");
    list_page(&house, &visitor, &["requested", "questioned", "deciding"], query.after, words).await
}

async fn list_page(
    house: &Arc<House>,
    visitor: &Visitor,
    states: &'static [&'static str],
    after: Option<String>,
    (title, lead, empty): (&str, &str, &str),
) -> Answer {
    let may = |action| {
        let on = On { owner: Some(&visitor.ctx.org), ..On::default() };
        house.authoriser.check(&visitor.ctx, action, on)
    };
    may(Action::ResponseRead)?;
    let words = visitor.words();
    let asker = visitor.ctx.clone();
    let (mut found, orgs) = house
        .store
        .read(move |reader| {
            Ok((
                read::measures(reader, &asker, states, after.as_deref(), ROWS)?,
                people::orgs(reader)?,
            ))
        })
        .await?;
    let full = found.len() == usize::try_from(ROWS).unwrap_or(usize::MAX);
    let last = found.last().filter(|_| full).map(|last| last.measure.clone());
    found.retain(|measure| read::visible(house, &visitor.ctx, measure));
    if !states.is_empty() {
        found.sort_by_key(|measure| measure.not_after);
    }
    let row = |measure: &Measure| ListRow {
        id: measure.measure.clone(),
        purpose: measure.body.purpose.chars().take(PURPOSE_CHARS).collect(),
        state: state_word(words, &measure.state),
        tone: tone(&measure.state),
        org: org_name(words, &orgs, measure.org.as_str()),
        until: measure.not_after,
        targets: measure.body.targets.len(),
    };
    let mut links = Vec::new();
    if may(Action::ResponseVote).is_ok() || visitor.ctx.hat == Hat::CommissionMember {
        links.push(Link { href: "/response/inbox".to_owned(), label: words.t("response-inbox") });
    }
    if may(Action::ResponseConsent).is_ok() {
        links.push(Link {
            href: "/response/consents".to_owned(),
            label: words.t("response-consents"),
        });
    }
    let path = if states.is_empty() { "/response" } else { "/response/inbox" };
    let next = last.map_or_else(String::new, |last| format!("{path}?after={}", percent(&last)));
    html(&ListPage {
        shell: shell(house, visitor, title),
        lead: words.t(lead),
        empty: words.t(empty),
        rows: found.iter().map(row).collect(),
        links,
        may_request: may(Action::ResponseRequest).is_ok(),
        pager: Pager { next, ..Pager::default() },
    })
}

fn org_name(words: Words, orgs: &[people::Org], id: &str) -> String {
    let found = orgs.iter().find(|org| org.org.as_str() == id);
    found.map_or_else(
        || id.to_owned(),
        |org| match words.lang() {
            Lang::Ja => org.name_ja.clone(),
            Lang::En => org.name_en.clone(),
        },
    )
}

// ---- one measure -----------------------------------------------------------------------------------------------

/// What the reader may do here now.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each thing a reader may do")]
struct May {
    vote: bool,
    question: bool,
    answer: bool,
    execute: bool,
    rollback: bool,
    report: bool,
}

struct Event {
    at: Timestamp,
    tone: Tone,
    title: String,
    text: String,
    notes: Vec<String>,
}

struct SeatLine {
    tone: &'static str,
    text: String,
}

struct EffectLine {
    row: EffectRow,
    tone: Tone,
    state: String,
}

#[derive(Template)]
#[template(path = "response/measure.html")]
struct MeasurePage {
    shell: Shell,
    form: FormState,
    m: Measure,
    state: String,
    tone: Tone,
    requester: String,
    edition: String,
    plain: String,
    location: String,
    undecided: bool,
    guard: Vec<Guarded>,
    batches: Vec<Batch>,
    effects: Vec<EffectLine>,
    events: Vec<Event>,
    tally: String,
    seats: Vec<SeatLine>,
    choices: Vec<Choice>,
    may: May,
}

async fn one(State(house): State<Arc<House>>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    html(&measure_page(&house, &visitor, &id, FormState::new()).await?)
}

async fn measure_page(
    house: &Arc<House>,
    visitor: &Visitor,
    id: &str,
    form: FormState,
) -> Answer<MeasurePage> {
    let m = act::find(house, &visitor.ctx, id).await?;
    let words = visitor.words();
    let wanted = id.to_owned();
    let (questions, votes, mut effects, editions, orgs) = house
        .store
        .read(move |reader| {
            Ok((
                read::questions(reader, &wanted)?,
                read::votes(reader, &wanted)?,
                read::effects(reader, &wanted)?,
                read::editions(reader, &wanted)?,
                people::orgs(reader)?,
            ))
        })
        .await?;
    let mut batches = m.plan.batches.clone();
    if visitor.ctx.hat == Hat::OperatorOfficer {
        effects.retain(|effect| effect.org == visitor.ctx.org.as_str());
        batches.retain(|batch| effects.iter().any(|effect| effect.actuator == batch.actuator));
    }
    let current: Vec<_> = votes.iter().filter(|vote| vote.request == m.request).collect();
    let approvals = current.iter().filter(|vote| vote.choice == "approve").count();
    let tally = words.tv(
        "response-tally",
        &[
            ("approvals", approvals.to_string().into()),
            ("refusals", (current.len() - approvals).to_string().into()),
        ],
    );
    let seat = |vote: &&NamedVote| SeatLine {
        tone: if vote.choice == "approve" { "ok" } else { "bad" },
        text: format!("{} – {}", vote.name, words.t(format!("response-choice-{}", vote.choice))),
    };
    let choice = |value: &str| Choice::new(value, words.t(format!("response-choice-{value}")));
    let line = |row: EffectRow| EffectLine {
        tone: tone(&row.state),
        state: words.t(format!("response-effect-{}", row.state.replace('_', "-"))),
        row,
    };
    Ok(MeasurePage {
        shell: shell(house, visitor, "response-one"),
        form,
        state: state_word(words, &m.state),
        tone: tone(&m.state),
        requester: org_name(words, &orgs, m.org.as_str()),
        edition: edition_word(words, m.edition),
        plain: plain(words, &m),
        location: words.t(format!("response-location-{}", location_word(m.body.location))),
        undecided: m.decided_at.is_none(),
        guard: judged(house, words, m.body.targets.iter()),
        seats: current.iter().map(seat).collect(),
        tally,
        choices: vec![choice("approve"), choice("refuse")],
        may: may(house, visitor, &m, &current),
        events: events(words, &m, &editions, &questions, &votes),
        effects: effects.into_iter().map(line).collect(),
        batches,
        m,
    })
}

fn location_word(location: Location) -> &'static str {
    match location {
        Location::Jp => "jp",
        Location::NotJp => "not-jp",
        Location::Unknown => "unknown",
    }
}

fn edition_word(words: Words, number: i64) -> String {
    words.tv("response-edition", &[("n", number.to_string().into())])
}

/// What would happen, in a sentence without jargon.
fn plain(words: Words, m: &Measure) -> String {
    if m.body.kind == Kind::LegalOrder {
        return words.t("response-plain-legal");
    }
    let count = |number: usize| number.to_string();
    let minutes = m.body.effect_seconds_max.div_ceil(60);
    words.tv(
        "response-plain",
        &[
            ("targets", count(m.body.targets.len()).into()),
            ("actuators", count(m.plan.batches.len()).into()),
            ("minutes", words.n(minutes).into()),
        ],
    )
}

/// The guard as it stands now, with its reasons in the reader's language.
fn judged<'a>(
    house: &House,
    words: Words,
    targets: impl Iterator<Item = &'a String>,
) -> Vec<Guarded> {
    let judged = draft::judge_all(house, targets.map(String::as_str));
    judged.into_iter().map(|one| translated(words, one)).collect()
}

fn translated(words: Words, mut one: Guarded) -> Guarded {
    for reason in &mut one.reasons {
        let (code, told) = reason.split_once(':').unwrap_or((reason, ""));
        let (code, told) = (code.to_owned(), told.trim().to_owned());
        // Which list it is on is what a person needs to vouch for it.
        if code == "NRS-EVID-0315" {
            *reason = format!("{} {told} ({code})", words.t(&code));
        } else if words.has(&code) {
            *reason = format!("{} ({code})", words.t(&code));
        }
    }
    one
}

fn may(house: &House, visitor: &Visitor, m: &Measure, votes: &[&NamedVote]) -> May {
    let on = On { owner: Some(&m.org), requester: Some(&m.requester), ..On::default() };
    let can = |action| house.authoriser.check(&visitor.ctx, action, on).is_ok();
    let is = |states: &[&str]| states.contains(&m.state.as_str());
    let before = votes.iter().any(|vote| vote.member == visitor.ctx.person.as_str());
    let over = is(&["ended"]) || (m.kind == "legal-order" && is(&["approved"]));
    May {
        vote: is(&["requested"]) && !before && can(Action::ResponseVote),
        question: is(&["requested", "questioned"]) && can(Action::ResponseQuestion),
        answer: is(&["questioned"]) && can(Action::ResponseAnswer),
        execute: is(&["approved"]) && m.kind == "defensive" && can(Action::ResponseExecute),
        rollback: is(&["executing", "active"]) && can(Action::ResponseRollback),
        report: over && m.report.is_none() && can(Action::ResponseReport),
    }
}

fn events(
    words: Words,
    m: &Measure,
    editions: &[(i64, String, Timestamp)],
    questions: &[Question],
    votes: &[NamedVote],
) -> Vec<Event> {
    let event = |at, tone, title: String, text: &str| Event {
        at,
        tone,
        title,
        text: text.to_owned(),
        notes: Vec::new(),
    };
    let mut events = Vec::new();
    for (number, digest, at) in editions {
        let title = edition_word(words, *number);
        events.push(Event { notes: vec![digest.clone()], ..event(*at, Tone::Info, title, "") });
    }
    for one in questions {
        let title = words.tv("response-asked-by", &[("name", one.name.as_str().into())]);
        events.push(event(one.asked_at, Tone::Warn, title, &one.text));
        if let (Some(at), Some(answer)) = (one.answered_at, &one.answer) {
            events.push(event(at, Tone::Info, words.t("response-answered"), answer));
        }
    }
    for vote in votes {
        let tone = if vote.choice == "approve" { Tone::Ok } else { Tone::Bad };
        let title =
            format!("{} – {}", vote.name, words.t(format!("response-choice-{}", vote.choice)));
        let mut notes = vote.conditions.clone();
        if vote.request != m.request {
            notes.push(words.t("response-vote-void"));
        }
        events.push(Event { notes, ..event(vote.voted_at, tone, title, &vote.reasons) });
    }
    if let Some(at) = m.decided_at {
        let state = if m.state == "refused" { "refused" } else { "approved" };
        let notes = m.authorisation_digest.iter().cloned().collect();
        events.push(Event { notes, ..event(at, tone(state), state_word(words, state), "") });
    }
    if let Some(at) = m.executed_at {
        events.push(event(at, Tone::Signal, words.t("response-execute"), ""));
    }
    if let (Some(at), Some(report)) = (m.reported_at, &m.report) {
        events.push(event(at, Tone::Neutral, words.t("response-report"), report));
    }
    events.sort_by_key(|event| event.at);
    events
}

/// Marks a field and tells the refusal at the top.
fn told(page_shell: &mut Shell, refusal: &Refusal) {
    let words = page_shell.words;
    let mut text = say(words, refusal.code, &refusal.args);
    for item in &refusal.items {
        text.push(' ');
        text.push_str(&say(words, &item.code, &item.args));
    }
    let next = format!("{}-next", refusal.code);
    text.push(' ');
    text.push_str(&say(words, &next, &refusal.args));
    page_shell.flash = Some(Flash { tone: Tone::Bad, text, code: refusal.code.to_owned() });
}

async fn verb(
    State(house): State<Arc<House>>,
    Path((id, verb)): Path<(String, String)>,
    posted: Posted,
) -> Answer {
    let Posted { visitor, values } = posted;
    let ctx = &visitor.ctx;
    let done = match verb.as_str() {
        "question" => act::question(&house, ctx, &id, values.get("question")).await.map(drop),
        "answer" => act::answer(&house, ctx, &id, values.get("answer")).await.map(drop),
        "vote" => {
            let conditions =
                values.get("conditions").lines().map(str::trim).filter(|line| !line.is_empty());
            let vote = NewVote {
                choice: values.get("choice").to_owned(),
                reasons: values.get("reasons").to_owned(),
                conditions: conditions.map(str::to_owned).collect(),
                request_digest: values.get("request_digest").to_owned(),
            };
            act::vote(&house, ctx, &id, &vote).await.map(drop)
        }
        "execute" => act::execute(&house, ctx, &id).await.map(drop),
        "rollback" => act::rollback(&house, ctx, &id, values.get("rollback")).await.map(drop),
        "report" => act::after_report(&house, ctx, &id, values.get("report")).await.map(drop),
        _ => return Err(Refusal::absent().into()),
    };
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/response/{id}")).into_response()),
        Err(Failure::Refused(refusal)) if refusal.status != StatusCode::NOT_FOUND => {
            let mut page = measure_page(&house, &visitor, &id, kept(&values)).await?;
            told(&mut page.shell, &refusal);
            Ok((refusal.status, html(&page)?).into_response())
        }
        Err(failure) => Err(failure),
    }
}

/// What was typed, with every value of a field that has several.
fn kept(values: &Values) -> FormState {
    let names: Vec<String> =
        values.flat().into_keys().filter(|name| name != "csrf" && name != "verb").collect();
    let pairs = names
        .iter()
        .flat_map(|name| values.all(name).into_iter().map(move |value| (name.clone(), value)));
    FormState::posted(pairs).labelled("response-field")
}

// ---- a new request ---------------------------------------------------------------------------------------------

#[derive(Template)]
#[template(path = "response/new.html")]
struct NewPage {
    shell: Shell,
    form: FormState,
    findings: Vec<String>,
    shown: bool,
    guard: Vec<Guarded>,
    batches: Vec<Batch>,
    kinds: Vec<Choice>,
    locations: Vec<Choice>,
    actuators: Vec<Choice>,
}

async fn new_page(house: &Arc<House>, visitor: &Visitor, form: FormState) -> Answer<NewPage> {
    house.authoriser.check(&visitor.ctx, Action::ResponseRequest, On::default())?;
    let words = visitor.words();
    let now = visitor.ctx.now;
    let (consents, orgs) = house
        .store
        .read(move |reader| Ok((read::consents_in_force(reader, now)?, people::orgs(reader)?)))
        .await?;
    let mut actuators: Vec<Choice> = Vec::new();
    for consent in &consents {
        if !actuators.iter().any(|known| known.value == consent.actuator) {
            let label = format!("{} – {}", consent.actuator, org_name(words, &orgs, &consent.org));
            actuators.push(Choice::with_help(&consent.actuator, label, consent.assets.clone()));
        }
    }
    let choice = |prefix: &str, value: &str| {
        let key = format!("{prefix}-{}", value.replace('_', "-"));
        Choice::with_help(value, words.t(&key), words.t(format!("{key}-help")))
    };
    let place = |value: &str| {
        Choice::new(value, words.t(format!("response-location-{}", value.replace('_', "-"))))
    };
    Ok(NewPage {
        shell: shell(house, visitor, "response-new"),
        form,
        findings: Vec::new(),
        shown: false,
        guard: Vec::new(),
        batches: Vec::new(),
        kinds: vec![choice("response-kind", "defensive"), choice("response-kind", "legal-order")],
        locations: ["jp", "not_jp", "unknown"].map(place).into(),
        actuators,
    })
}

async fn new(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(query): Query<Asked>,
) -> Answer {
    let mut form = FormState::new();
    form.set("kind", "defensive");
    form.set("case", query.case.unwrap_or_default());
    form.set("targets", query.target.unwrap_or_default().replace(',', "\n"));
    form.set("minutes", "60");
    form.set_moment("not_before", visitor.ctx.now);
    form.set_moment("not_after", visitor.ctx.now + jiff::SignedDuration::from_hours(24));
    html(&new_page(&house, &visitor, form).await?)
}

/// The request as typed. Each target gets the action of its kind at every chosen actuator.
fn read_ask(house: &House, form: &mut FormState) -> Ask {
    let mut text = |name: &str| form.text(name, act::TEXT_CHARS_MAX).unwrap_or_default();
    let (kind, case, purpose, legal_basis) =
        (text("kind"), text("case"), text("purpose"), text("legal_basis"));
    let (necessity, proportionality) = (text("necessity"), text("proportionality"));
    let (scope, side_effects, targets, location) =
        (text("scope"), text("side_effects"), text("targets"), text("location"));
    let targets: Vec<String> = targets
        .split(['\n', ',', ' '])
        .map(str::trim)
        .filter(|one| !one.is_empty())
        .map(str::to_owned)
        .collect();
    let defensive = kind == "defensive";
    let actuators = if defensive { form.all("actuators") } else { Vec::new() };
    if defensive && actuators.is_empty() {
        form.fail("actuators", FieldError::required());
    }
    let judged = draft::judge_all(house, targets.iter().map(String::as_str));
    let action = |one: &Guarded| AskAction {
        target: one.target.clone(),
        action: if one.canonical.chars().any(char::is_alphabetic) && !one.canonical.contains(':') {
            Effect::DenyDomain.id()
        } else {
            Effect::DenyAddress.id()
        }
        .to_owned(),
        actuators: actuators.clone(),
    };
    let actions =
        judged.iter().filter(|one| defensive && one.verdict == "pass").map(action).collect();
    let mut moment = |name: &str, required: bool| {
        let read = form.moment(name);
        if read.is_none() && required {
            form.fail(name, FieldError::required());
        }
        read
    };
    let (from, to, heard) =
        (moment("not_before", true), moment("not_after", true), moment("consulted", false));
    let minutes = form.number::<u64>("minutes").unwrap_or(0);
    let consultation = form.optional("consultation", act::TEXT_CHARS_MAX);
    let consultations = match (consultation, heard) {
        (Some(reference), Some(at)) => {
            vec![AskConsultation { who: "minister.foreign".to_owned(), at: stamp(at), reference }]
        }
        _ => Vec::new(),
    };
    Ask {
        case,
        kind,
        purpose,
        legal_basis,
        necessity,
        proportionality,
        scope,
        side_effects,
        location,
        consultations,
        targets,
        actions,
        not_before: from.map(stamp).unwrap_or_default(),
        not_after: to.map(stamp).unwrap_or_default(),
        effect_seconds_max: if defensive { minutes.saturating_mul(60) } else { 0 },
    }
}

async fn ask(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let Posted { visitor, values } = posted;
    let mut form = kept(&values);
    let asked = read_ask(&house, &mut form);
    let ready = form.is_ok();
    if ready && values.get("verb") == "ask" {
        match act::request(&house, &visitor.ctx, &asked, None).await {
            Ok((id, ..)) => return Ok(Redirect::to(&format!("/response/{id}")).into_response()),
            Err(Failure::Refused(refusal))
                if refusal.status == StatusCode::UNPROCESSABLE_ENTITY => {}
            Err(failure) => return Err(failure),
        }
    }
    let draft = act::preview(&house, &visitor.ctx, &asked).await?;
    let mut page = new_page(&house, &visitor, form).await?;
    let words = visitor.words();
    if ready {
        let refusals = draft.findings.iter().filter(|finding| finding.is_refusal());
        let told = refusals.map(|finding| {
            say(
                words,
                finding.code,
                &[("message", finding.message.clone()), ("clause", finding.clause.to_owned())],
            )
        });
        page.findings = told.collect();
        page.findings.sort();
        page.findings.dedup();
    }
    page.shown = true;
    page.guard = draft.guard.into_iter().map(|one| translated(words, one)).collect();
    page.batches = draft.plan.batches;
    let fine = ready && page.findings.is_empty();
    let status = if fine { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, html(&page)?).into_response())
}

// ---- consents --------------------------------------------------------------------------------------------------

struct ConsentRow {
    consent: Consent,
    actions: Vec<String>,
    state: String,
    tone: Tone,
    holds: bool,
}

#[derive(Template)]
#[template(path = "response/consents.html")]
struct ConsentsPage {
    shell: Shell,
    form: FormState,
    rows: Vec<ConsentRow>,
    actuators: Vec<Choice>,
    actions: Vec<Choice>,
}

async fn consents_page(
    house: &Arc<House>,
    visitor: &Visitor,
    form: FormState,
) -> Answer<ConsentsPage> {
    let ctx = &visitor.ctx;
    house.authoriser.check(
        ctx,
        Action::ResponseConsent,
        On { owner: Some(&ctx.org), ..On::default() },
    )?;
    let words = visitor.words();
    let org = ctx.org.clone();
    let found = house.store.read(move |reader| read::consents_of(reader, &org)).await?;
    let action =
        |effect: Effect| words.t(format!("response-action-{}", effect.id().replace('.', "-")));
    let row = |consent: Consent| {
        let holds = consent.holds(ctx.now);
        let (state, tone) = match (holds, consent.withdrawn_at) {
            (true, _) => ("response-consent-holds", Tone::Ok),
            (false, Some(_)) => ("response-consent-withdrawn", Tone::Warn),
            (false, None) => ("response-consent-over", Tone::Neutral),
        };
        let actions = consent.actions.iter().map(|effect| action(*effect)).collect();
        ConsentRow { actions, state: words.t(state), tone, holds, consent }
    };
    let own = house.config.actuators.iter().filter(|known| known.org == ctx.org.as_str());
    Ok(ConsentsPage {
        shell: shell(house, visitor, "response-consents"),
        form,
        rows: found.into_iter().map(row).collect(),
        actuators: own.map(|known| Choice::new(&known.name, &known.name)).collect(),
        actions: Effect::ALL.map(|effect| Choice::new(effect.id(), action(effect))).into(),
    })
}

async fn consents(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    let mut form = FormState::new();
    form.set_moment("expires_at", visitor.ctx.now + jiff::SignedDuration::from_hours(24 * 30));
    html(&consents_page(&house, &visitor, form).await?)
}

async fn consent(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let Posted { visitor, values } = posted;
    let mut form = kept(&values);
    let expires = form.moment("expires_at");
    if expires.is_none() {
        form.fail("expires_at", FieldError::required());
    }
    let new = NewConsent {
        actuator: form.text("actuator", 200).unwrap_or_default(),
        actions: form.all("actions"),
        assets: form.text("assets", act::TEXT_CHARS_MAX).unwrap_or_default(),
        expires_at: expires.map(stamp).unwrap_or_default(),
    };
    if new.actions.is_empty() {
        form.fail("actions", FieldError::required());
    }
    if form.is_ok() {
        match act::consent(&house, &visitor.ctx, &new, None).await {
            Ok(_) => return Ok(Redirect::to("/response/consents").into_response()),
            Err(Failure::Refused(refusal))
                if refusal.status == StatusCode::UNPROCESSABLE_ENTITY =>
            {
                let mut page = consents_page(&house, &visitor, form).await?;
                told(&mut page.shell, &refusal);
                return Ok((refusal.status, html(&page)?).into_response());
            }
            Err(failure) => return Err(failure),
        }
    }
    let page = consents_page(&house, &visitor, form).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, html(&page)?).into_response())
}

async fn withdraw(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    act::withdraw(&house, &posted.visitor.ctx, &id).await?;
    Ok(Redirect::to("/response/consents").into_response())
}
