//! The pages of this pillar: my filings, the desk, a report, its receipts.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use noroshi_charter::report::{self, Stage, State as ReportState};
use serde::Deserialize;

use super::api::{self, Parts, after, cursor_of, denied};
use super::draft::{self, Draft, Step, fields_of};
use super::read::{self, Counts, Due, Filed, Filter, Obligation, Scope, Summary};
use super::receipt::{self, Document};
use super::sections::{self, Section};
use super::{act, stepper};
use crate::house::House;
use crate::office::ctx::Ctx;
use crate::office::id::ReportId;
use crate::web::form::Values;
use crate::web::forms::{Choice, FieldError, FormState};
use crate::web::layout::{Flash, Link, Pager, Shell, Tone};
use crate::web::locale::Words;
use crate::web::page::{hat_key, html, shell};
use crate::web::refusal::{Answer, Failure, Refusal};
use crate::web::visitor::{Posted, Visitor, percent};

/// Reports on one page of a desk's list.
const PAGE_ROWS: u32 = 50;
/// Filings on the officer's own page.
const OWN_ROWS: u32 = 100;

/// Routes of this pillar.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/intake", get(front))
        .route("/intake/new", get(stepper::new_report).post(stepper::begin))
        .route("/intake/drafts/{id}/{step}", get(stepper::show).post(stepper::save))
        .route("/intake/discard/{id}", post(discard))
        .route("/intake/reports/{id}", get(one))
        .route("/intake/reports/{id}/stages", post(begin_stage))
        .route("/intake/reports/{id}/awareness", post(correct))
        .route("/intake/reports/{id}/receipts/{sequence}", get(show_receipt))
        .route("/intake/reports/{id}/receipts/{sequence}/{file}", get(download))
}

/// What the list was asked.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    cursor: Option<String>,
    sector: Option<String>,
    state: Option<String>,
    overdue: Option<String>,
    saved: Option<String>,
}

/// One report in a list.
struct Line {
    href: String,
    org: String,
    sector: String,
    outline: String,
    damage: String,
    classes: Vec<String>,
    tone: Tone,
    state: String,
    aware_at: Timestamp,
    filed_at: Timestamp,
    due: Option<Due>,
}

/// A draft in the list.
struct DraftLine {
    href: String,
    discard: String,
    title: String,
    stage: String,
    saved_at: Timestamp,
    /// Set when the operator is aware and nothing is filed: "promptly" runs. The elapsed time, no deadline.
    promptly: String,
    guidance: String,
}

#[derive(Template)]
#[template(path = "intake/list.html")]
struct OfficerPage {
    shell: Shell,
    drafts: Vec<DraftLine>,
    lines: Vec<Line>,
    counts: Counts,
    next: Option<NextDue>,
    more_hidden: String,
    reminded: Vec<String>,
}

/// The deadline that comes first.
struct NextDue {
    href: String,
    title: String,
    last: Timestamp,
    note: String,
}

#[derive(Template)]
#[template(path = "intake/desk.html")]
struct DeskPage {
    shell: Shell,
    lines: Vec<Line>,
    counts: Counts,
    form: FormState,
    sectors: Vec<Choice>,
    states: Vec<Choice>,
    late: Vec<Choice>,
    lead: String,
    pager: Pager,
}

async fn front(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Answer {
    match read::scope(&house.authoriser, &visitor.ctx).ok_or_else(|| denied(&visitor.ctx))? {
        Scope::Own(_) => own(&house, &visitor, &asked).await,
        scope => desk(&house, &visitor, &asked, scope).await,
    }
}

async fn own(house: &Arc<House>, visitor: &Visitor, asked: &Asked) -> Answer {
    let (ctx, now) = (visitor.ctx.clone(), visitor.ctx.now);
    let (found, more, counts, drafts, reminded) = house
        .store
        .read(move |reader| {
            let scope = Scope::Own(ctx.org.clone());
            let filter = Filter { limit: OWN_ROWS, ..Filter::default() };
            let (found, more) = read::list(reader, &scope, &filter, now)?;
            let counts = read::counts(reader, &scope, now)?;
            Ok((
                found,
                more,
                counts,
                draft::list(reader, &ctx)?,
                read::reminders(reader, &ctx.org)?,
            ))
        })
        .await?;
    let mut shell = shell(house, visitor, "intake-own-title");
    let words = shell.words;
    if asked.saved.is_some() {
        shell.flash =
            Some(Flash { tone: Tone::Ok, text: words.t("intake-saved"), code: String::new() });
    }
    let next = found.iter().filter_map(|found| Some((found, found.open_due()?.clone())));
    let next =
        next.min_by_key(|(_, due)| due.over_at).map(|(found, due)| next_due(words, found, &due));
    let reminded = reminded.iter().map(|(report, kind)| {
        let outline = found
            .iter()
            .find(|found| found.report == *report)
            .map_or("", |found| found.outline.as_str());
        words.tv(format!("intake-reminded-{kind}"), &[("report", outline.into())])
    });
    let page = OfficerPage {
        drafts: drafts.iter().map(|draft| draft_line(words, draft, now)).collect(),
        lines: found.iter().map(|found| line(words, found, now)).collect(),
        more_hidden: if more { hidden(words, counts.all, found.len()) } else { String::new() },
        counts,
        next,
        reminded: reminded.collect(),
        shell,
    };
    html(&page)
}

fn next_due(words: Words, found: &Summary, due: &Due) -> NextDue {
    NextDue {
        href: format!("/intake/reports/{}", found.report),
        title: words.tv("intake-next-due", &[("report", headline(words, found).into())]),
        last: due.last(),
        note: both_days(words, due),
    }
}

/// Both dates of a deadline: as the period is counted, and past the holidays; where they are one day, that is said.
pub(super) fn both_days(words: Words, due: &Due) -> String {
    if due.statutory == due.shifted {
        return words.tv("intake-one-day", &[("day", words.day(due.statutory).into())]);
    }
    let days = [
        ("statutory", words.day(due.statutory).into()),
        ("shifted", words.day(due.shifted).into()),
    ];
    words.tv("intake-both-days", &days)
}

fn hidden(words: Words, all: u64, shown: usize) -> String {
    let hidden = all.saturating_sub(u64::try_from(shown).unwrap_or(u64::MAX));
    words.tv("intake-more-hidden", &[("n", words.n(hidden).into())])
}

fn headline(words: Words, found: &Summary) -> String {
    if found.outline.is_empty() { words.t("intake-untitled") } else { found.outline.clone() }
}

fn draft_line(words: Words, draft: &Draft, now: Timestamp) -> DraftLine {
    let mut form = FormState::posted(draft.fields.clone());
    let first = draft.report.is_none();
    let aware_at = form.moment("aware").filter(|_| first);
    let outline = draft.fields.get("outline").or_else(|| draft.fields.get("trigger"));
    let title = outline
        .and_then(|text| text.lines().next())
        .map_or_else(|| words.t("intake-untitled"), |line| line.chars().take(60).collect());
    DraftLine {
        href: format!("/intake/drafts/{}/{}", draft.draft, Step::What.id()),
        discard: format!("/intake/discard/{}", draft.draft),
        title,
        stage: words.t(format!("intake-stage-{}", draft.stage.id())),
        saved_at: draft.saved_at,
        guidance: aware_at.map(|at| guidance(words, at)).unwrap_or_default(),
        promptly: aware_at.map(|at| elapsed(words, now, at)).unwrap_or_default(),
    }
}

fn elapsed(words: Words, now: Timestamp, aware_at: Timestamp) -> String {
    words.tv("intake-promptly-since", &[("span", words.took(now.duration_since(aware_at)).into())])
}

/// The office's guidance for "promptly", said to be guidance.
fn guidance(words: Words, aware_at: Timestamp) -> String {
    use noroshi_charter::calendar::Calendar;
    use noroshi_charter::clock::{Begin, Deadline, Pack};
    let due = Pack::japan().due("jp.act.initial", Begin::At(aware_at), Calendar::japan());
    match due.map(|due| due.deadline) {
        Ok(Deadline::Word { guidance: Some((from, to, _)), .. }) => words.tv(
            "intake-guidance",
            &[("from", words.day(from).into()), ("to", words.day(to).into())],
        ),
        _ => String::new(),
    }
}

fn line(words: Words, found: &Summary, now: Timestamp) -> Line {
    let (tone, state) = standing(words, found, now);
    Line {
        href: format!("/intake/reports/{}", found.report),
        org: sections::org_name(words, &found.org_names),
        sector: sections::sector(words, &found.sector),
        outline: headline(words, found),
        damage: words.t(format!("intake-damage-{}", found.damage.id())),
        classes: found.classes.clone(),
        tone,
        state,
        aware_at: found.aware_at,
        filed_at: found.filed_at,
        due: found.open_due().cloned(),
    }
}

fn standing(words: Words, found: &Summary, now: Timestamp) -> (Tone, String) {
    if found.overdue(now) {
        return (Tone::Bad, words.t("intake-state-overdue"));
    }
    let tone = match found.state {
        ReportState::InitialFiled => Tone::Info,
        ReportState::FinalFiled => Tone::Ok,
    };
    (tone, words.t(format!("intake-state-{}", found.state.id())))
}

async fn desk(house: &Arc<House>, visitor: &Visitor, asked: &Asked, scope: Scope) -> Answer {
    let now = visitor.ctx.now;
    let blank = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let filter = Filter {
        sector: blank(&asked.sector),
        state: asked.state.as_deref().and_then(ReportState::parse),
        overdue: blank(&asked.overdue).is_some(),
        after: asked.cursor.as_deref().and_then(after),
        limit: PAGE_ROWS,
    };
    let (sought, one_sector) = (filter.clone(), matches!(scope, Scope::Sector(_)));
    let (found, more, counts, known) = house
        .store
        .read(move |reader| {
            let (found, more) = read::list(reader, &scope, &sought, now)?;
            let known = if one_sector { Vec::new() } else { read::sectors(reader)? };
            Ok((found, more, read::counts(reader, &scope, now)?, known))
        })
        .await?;
    let shell = shell(house, visitor, "intake-desk-title");
    let words = shell.words;
    let mut form = FormState::new();
    form.set("sector", filter.sector.clone().unwrap_or_default());
    form.set("state", filter.state.map_or("", ReportState::id));
    form.set("overdue", if filter.overdue { "1" } else { "" });
    let last = found.last().filter(|_| more);
    let pager = Pager {
        next: last.map(|last| next_address(&filter, &last.report)).unwrap_or_default(),
        ..Pager::default()
    };
    let states = [ReportState::InitialFiled, ReportState::FinalFiled];
    let page = DeskPage {
        lines: found.iter().map(|found| line(words, found, now)).collect(),
        counts,
        form,
        sectors: known
            .iter()
            .map(|code| Choice::new(code, sections::sector(words, code)))
            .collect(),
        states: states
            .iter()
            .map(|s| Choice::new(s.id(), words.t(format!("intake-state-{}", s.id()))))
            .collect(),
        late: vec![Choice::new("1", words.t("intake-only-overdue"))],
        lead: words.t(if one_sector { "intake-desk-lead-sector" } else { "intake-desk-lead-all" }),
        pager,
        shell,
    };
    html(&page)
}

fn next_address(filter: &Filter, last: &ReportId) -> String {
    let mut address = format!("/intake?cursor={}", cursor_of(last));
    for (name, value) in [
        ("sector", filter.sector.clone()),
        ("state", filter.state.map(|state| state.id().to_owned())),
        ("overdue", filter.overdue.then(|| "1".to_owned())),
    ] {
        if let Some(value) = value {
            address.extend(["&", name, "=", &percent(&value)]);
        }
    }
    address
}

/// A filed stage on the report's page.
struct StageLine {
    href: String,
    title: String,
    number: String,
    digest: String,
    at: Timestamp,
    tone: Tone,
    remarks: Vec<String>,
}

/// A reading by a desk.
struct SeenLine {
    at: Timestamp,
    who: String,
    position: u64,
}

/// What is owed, and by which rules.
struct Owed {
    clock: String,
    guidance: String,
    by: Obligation,
}

#[derive(Template)]
#[template(path = "intake/report.html")]
struct ReportPage {
    shell: Shell,
    crumbs: Vec<Link>,
    line: Line,
    own: bool,
    /// Stages that can be begun, the weightiest first, with the words of their buttons.
    begin: Vec<(&'static str, String)>,
    stages: Vec<StageLine>,
    sections: Vec<Section>,
    said: Vec<read::Awareness>,
    due_note: String,
    obligations: Vec<Owed>,
    seen: Vec<SeenLine>,
    seen_more: bool,
    form: FormState,
    href: String,
}

async fn one(State(house): State<Arc<House>>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    let parts = parts(&house, &visitor.ctx, &id).await?;
    let form = FormState::new().labelled("intake-field");
    html(&report_page(&house, &visitor, parts, form)?)
}

async fn parts(house: &Arc<House>, ctx: &Ctx, id: &str) -> Answer<Parts> {
    let id = ReportId::parse(id).ok_or_else(Refusal::absent)?;
    api::parts(house, ctx, &id).await
}

fn report_page(
    house: &House,
    visitor: &Visitor,
    parts: Parts,
    form: FormState,
) -> Answer<ReportPage> {
    let mut shell = shell(house, visitor, "intake-report-title");
    let words = shell.words;
    let found = &parts.found;
    let own = found.org == visitor.ctx.org;
    let line = line(words, found, visitor.ctx.now);
    shell.title.clone_from(&line.outline);
    let body = match parts.stages.last() {
        Some(filed) => filed.body()?,
        None => super::content::Body::default(),
    };
    let begin = [Stage::Final, Stage::Supplement]
        .into_iter()
        .filter(|stage| own && report::next(Some(found.state), *stage).is_some())
        .map(|stage| (stage.id(), words.t(format!("intake-begin-{}", stage.id()))))
        .collect();
    Ok(ReportPage {
        crumbs: vec![Link { href: "/intake".to_owned(), label: words.t("nav-intake") }],
        own,
        begin,
        stages: parts.stages.iter().rev().map(|filed| stage_line(words, found, filed)).collect(),
        sections: sections::sections(words, &body),
        said: parts.awareness,
        due_note: line.due.as_ref().map(|due| both_days(words, due)).unwrap_or_default(),
        obligations: parts.obligations.into_iter().map(|owed| owed_line(words, owed)).collect(),
        seen: parts.seen.iter().map(|seen| seen_line(words, seen)).collect(),
        seen_more: parts.seen.len() >= 100,
        form,
        href: line.href.clone(),
        line,
        shell,
    })
}

fn stage_line(words: Words, found: &Summary, filed: &Filed) -> StageLine {
    let mut remarks: Vec<String> = filed.notes().iter().map(|note| words.t(&note.code)).collect();
    remarks.dedup();
    StageLine {
        href: format!("/intake/reports/{}/receipts/{}", found.report, filed.sequence),
        title: words.t(format!("intake-stage-{}", filed.stage.id())),
        number: filed.number.clone(),
        digest: filed.digest.clone(),
        at: filed.at,
        tone: if filed.stage == Stage::Final { Tone::Ok } else { Tone::Info },
        remarks,
    }
}

fn owed_line(words: Words, by: Obligation) -> Owed {
    let guidance =
        by.guidance.as_ref().map(|(from, to)| format!("{from} \u{2013} {to}")).unwrap_or_default();
    Owed { clock: words.t(format!("intake-clock-{}", by.clock.replace('.', "-"))), guidance, by }
}

fn seen_line(words: Words, seen: &read::Seen) -> SeenLine {
    let hat = noroshi_charter::hat::Hat::parse(&seen.hat)
        .map_or_else(|| seen.hat.clone(), |hat| words.t(hat_key(hat)));
    let org = sections::org_name(words, &seen.org_names);
    SeenLine { at: seen.at, who: format!("{hat} - {org}"), position: seen.position }
}

/// Begins the draft of a further stage with what the stage before said.
async fn begin_stage(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let stage = Stage::parse(posted.values.get("stage")).ok_or_else(Refusal::absent)?;
    let parts = parts(&house, &posted.visitor.ctx, &id).await?;
    let fields = match parts.stages.last() {
        Some(filed) => fields_of(&filed.body()?),
        None => draft::Fields::new(),
    };
    let report = Some(parts.found.report.clone());
    let draft = act::begin_draft(&house, &posted.visitor.ctx, stage, report, fields).await?;
    Ok(redirect(&format!("/intake/drafts/{}/{}", draft.draft, Step::What.id())))
}

fn redirect(address: &str) -> Response {
    Redirect::to(address).into_response()
}

async fn discard(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let draft = api::own_draft(&house, &posted.visitor.ctx, &id).await?;
    act::discard_draft(&house, &posted.visitor.ctx, &draft.draft).await?;
    Ok(redirect("/intake"))
}

/// A correction of the awareness; what was typed stays when it is refused.
async fn correct(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let visitor = &posted.visitor;
    let mut form = correction_form(&posted.values);
    let aware_at = form.moment("aware");
    let report = ReportId::parse(&id).ok_or_else(Refusal::absent)?;
    if form.is_ok() {
        let reason = posted.values.get("reason");
        match act::correct_awareness(&house, &visitor.ctx, &report, aware_at, reason).await {
            Ok(_) => return Ok(redirect(&format!("/intake/reports/{report}"))),
            Err(Failure::Refused(refusal)) if !refusal.items.is_empty() => {
                for item in &refusal.items {
                    let field = draft::field_of(&item.pointer);
                    form.fail(field, FieldError::new(&item.code, &item.code));
                }
            }
            Err(other) => return Err(other),
        }
    }
    let parts = parts(&house, &visitor.ctx, &id).await?;
    let page = report_page(&house, visitor, parts, form)?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, html(&page)?).into_response())
}

fn correction_form(values: &Values) -> FormState {
    let names = ["aware-year", "aware-month", "aware-day", "aware-hour", "aware-minute", "reason"];
    let pairs = names.iter().map(|name| (*name, values.get(name)));
    FormState::posted(pairs).labelled("intake-field")
}

#[derive(Template)]
#[template(path = "intake/receipt.html")]
struct ReceiptPage {
    shell: Shell,
    crumbs: Vec<Link>,
    just_filed: bool,
    stage: String,
    document: Document,
    at: Timestamp,
    org: String,
    due_note: String,
    remarks: Vec<String>,
    base: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AfterFiling {
    filed: Option<String>,
}

async fn show_receipt(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path((id, sequence)): Path<(String, u64)>,
    Query(after): Query<AfterFiling>,
) -> Answer {
    let parts = parts(&house, &visitor.ctx, &id).await?;
    let filed = filed_at(&parts, sequence)?;
    let document = receipt::document(&house, filed).await?;
    let shell = shell(&house, &visitor, "intake-receipt-title");
    let words = shell.words;
    let line = line(words, &parts.found, visitor.ctx.now);
    let page = ReceiptPage {
        crumbs: vec![
            Link { href: "/intake".to_owned(), label: words.t("nav-intake") },
            Link { href: line.href.clone(), label: line.outline },
        ],
        just_filed: after.filed.is_some(),
        stage: words.t(format!("intake-stage-{}", filed.stage.id())),
        at: filed.at,
        org: line.org,
        due_note: line.due.as_ref().map(|due| both_days(words, due)).unwrap_or_default(),
        remarks: stage_line(words, &parts.found, filed).remarks,
        base: format!("{}/receipts/{sequence}", line.href),
        document,
        shell,
    };
    html(&page)
}

fn filed_at(parts: &Parts, sequence: u64) -> Answer<&Filed> {
    parts
        .stages
        .iter()
        .find(|filed| filed.sequence == sequence)
        .ok_or_else(|| Refusal::absent().into())
}

/// The receipt as a file: `receipt.json` whole, `proof.txt` as C2SP tlog-proof, `report.json` what the digest is over.
async fn download(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path((id, sequence, file)): Path<(String, u64, String)>,
) -> Answer {
    let parts = parts(&house, &visitor.ctx, &id).await?;
    let filed = filed_at(&parts, sequence)?;
    let (kind, text) = match file.as_str() {
        "receipt.json" => {
            let document = receipt::document(&house, filed).await?;
            let text = serde_json::to_string_pretty(&document)
                .map_err(|p| Failure::Broken(Box::new(p)))?;
            ("application/json", text)
        }
        "proof.txt" => ("text/plain; charset=utf-8", receipt::tlog_proof(&house, filed).await?),
        "report.json" => ("application/json", filed.snapshot.clone()),
        _ => return Err(Refusal::absent().into()),
    };
    let name = format!("attachment; filename=\"{}-{file}\"", filed.number);
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], text)
        .into_response())
}
