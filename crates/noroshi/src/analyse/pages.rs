//! The picture, what belongs together, and the joint cases, for people.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use noroshi_evidence::marking::Tlp;
use noroshi_insight::campaign::{Component, SCORE_MAX};
use noroshi_insight::correlate::ItemKind;
use serde::Deserialize;

use super::act::{self, NewCase, TEXT_CHARS_MAX, TITLE_CHARS_MAX};
use super::desk::Bell;
use super::graph::{self, Graph, Told};
use super::notes::{self, Piece, Reading};
use super::read::{self, Case, CaseRow, Correlated, Member, Related, Scope, Seen, Why, kind_code};
use super::watch::news::Kind;
use crate::evidence::rows::tlp_code;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::id::CaseId;
use crate::office::store::Reader;
use crate::web::forms::{Choice, FormState};
use crate::web::layout::{Link, Pager, Series, Shell, Tone};
use crate::web::locale::{Lang, Words};
use crate::web::page::{self, html};
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::{Posted, Visitor, percent};

/// Cases of one page.
const PAGE: u32 = 50;
/// Days of the chart.
const DAYS_MAX: usize = 31;

/// Routes of this pillar.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/analyse", get(picture))
        .route("/analyse/correlations", get(correlations))
        .route("/analyse/cases", get(cases))
        .route("/analyse/cases/new", get(new_case).post(open_case))
        .route("/analyse/cases/{id}", get(one))
        .route("/analyse/cases/{id}/notes", post(note))
        .route("/analyse/cases/{id}/items", post(add))
        .route("/analyse/cases/{id}/remove", post(remove))
        .merge(super::around::pages::routes())
        .merge(super::matrix::pages::routes())
        .merge(super::hypotheses::pages::routes())
        .merge(super::watch::pages::routes())
        .merge(super::desk::routes())
}

/// A sector in words; its code where there are none.
pub fn sector_words(words: Words, sector: &str) -> String {
    known(words, &format!("intake-sector-{sector}"), sector)
}

/// A kind of damage in words.
pub fn damage_words(words: Words, damage: &str) -> String {
    known(words, &format!("intake-damage-{damage}"), damage)
}

fn known(words: Words, key: &str, code: &str) -> String {
    let text = words.t(key);
    if text.starts_with('\u{27e6}') { code.to_owned() } else { text }
}

pub(super) fn name_in(words: Words, names: &(String, String)) -> String {
    match words.lang() {
        Lang::Ja => names.0.clone(),
        Lang::En => names.1.clone(),
    }
}

/// What a member is, for a reader.
fn told(words: Words, member: &Member, reports: bool) -> Told {
    let sector = sector_words(words, &member.sector);
    let org = name_in(words, &member.org);
    let org = if org.is_empty() { words.t("analyse-operator-withheld") } else { org };
    match member.kind {
        ItemKind::Report => Told {
            label: org,
            note: [sector, damage_words(words, &member.what)].join(" / "),
            href: if reports { format!("/intake/reports/{}", member.id) } else { String::new() },
        },
        ItemKind::Sighting => Told {
            label: format!("{} {}", words.t("analyse-kind-sighting"), org),
            note: member.observables.first().map(ToString::to_string).unwrap_or_default(),
            href: format!("/evidence/{}", member.id),
        },
        ItemKind::Partner => Told {
            label: member.what.clone(),
            note: member.observables.first().map(ToString::to_string).unwrap_or_default(),
            href: format!("/evidence/{}", member.id),
        },
    }
}

/// One line of a two-sided table.
struct Line {
    sector: String,
    kind: String,
    reports: u64,
    organisations: u64,
    minutes: u64,
    persons: u64,
    yen: u64,
}

#[derive(Template)]
#[template(path = "analyse/picture.html")]
struct PicturePage {
    shell: Shell,
    seen: Seen,
    lines: Vec<Line>,
    sectors: Vec<(String, u64)>,
    largest: u64,
    days: Series,
    groups: usize,
    shown_all: bool,
}

async fn picture(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::AnalysePicture, On::default())?;
    let scope = Scope::of(&house, &visitor.ctx);
    let held = Arc::clone(&house);
    let (seen, groups) = house
        .store
        .read(move |reader| {
            let groups = read::correlated(reader, &held.names, scope)?.groups;
            let campaigns =
                groups.iter().filter(|group| group.campaign.is_some() && group.case.is_none());
            Ok((read::picture(reader, scope)?, campaigns.count()))
        })
        .await?;
    let words = visitor.words();
    let lines =
        seen.picture.by_sector_and_kind().into_iter().map(|((sector, kind), figures)| Line {
            sector: sector_words(words, &sector),
            kind: damage_words(words, &kind),
            reports: figures.reports,
            organisations: figures.organisations,
            minutes: figures.service_minutes,
            persons: figures.persons_affected,
            yen: figures.loss_yen,
        });
    let by_sector = seen.picture.by_sector();
    let sectors: Vec<(String, u64)> = by_sector
        .iter()
        .map(|(sector, figures)| (sector_words(words, sector), figures.service_minutes))
        .collect();
    let by_time = seen.picture.by_time();
    let skipped = by_time.len().saturating_sub(DAYS_MAX);
    let days =
        by_time.iter().skip(skipped).map(|(day, figures)| (words.day(*day), figures.reports));
    let page = PicturePage {
        lines: lines.collect(),
        largest: sectors.iter().map(|(_, minutes)| *minutes).max().unwrap_or(0),
        sectors,
        days: Series::new(days, None),
        groups,
        shown_all: scope.small_cells(),
        shell: page::shell(&house, &visitor, "analyse-picture-title"),
        seen,
    };
    html(&page)
}

/// A member as it stands on a page.
struct MemberLine {
    kind: String,
    id: String,
    label: String,
    note: String,
    href: String,
    time: Option<jiff::Timestamp>,
    observables: Vec<String>,
}

fn member_line(words: Words, member: &Member, reports: bool) -> MemberLine {
    let Told { label, note, href } = told(words, member, reports);
    MemberLine {
        kind: words.t(format!("analyse-kind-{}", kind_code(member.kind))),
        id: member.id.clone(),
        label,
        note,
        href,
        time: member.time,
        observables: member
            .observables
            .iter()
            .map(noroshi_evidence::observable::Observable::defanged)
            .collect(),
    }
}

/// A reason as it stands on a page.
struct ReasonLine {
    text: String,
    observable: String,
    href: String,
    strong: bool,
    items: usize,
}

fn reason_line(words: Words, why: &Why) -> ReasonLine {
    let inner = why
        .inner
        .iter()
        .map(noroshi_evidence::observable::Observable::defanged)
        .collect::<Vec<_>>();
    ReasonLine {
        text: words
            .tv(&format!("analyse-reason-{}", why.kind), &[("inner", inner.join(", ").into())]),
        observable: why.observable.defanged(),
        href: format!("/evidence?q={}", percent(&why.observable.to_string())),
        strong: why.strong,
        items: why.items.len(),
    }
}

/// A group as it stands on a page.
struct GroupCard {
    title: String,
    members: Vec<MemberLine>,
    reasons: Vec<ReasonLine>,
    score: Option<u32>,
    parts: Vec<(String, u32, u32)>,
    case: Option<String>,
    open_href: String,
    graph_href: String,
}

fn card(words: Words, group: &Related, reports: bool) -> GroupCard {
    let parts = group.campaign.iter().flat_map(|suggestion| &suggestion.parts).map(|part| {
        let key = match part.component {
            Component::Victims => "analyse-part-victims",
            Component::Shared => "analyse-part-shared",
            Component::Sectors => "analyse-part-sectors",
            Component::Closeness => "analyse-part-closeness",
        };
        (words.tv(key, &[("value", words.n(part.value).into())]), part.points, part.points_max)
    });
    let count = words.n(group.members.len());
    GroupCard {
        title: words.tv("analyse-group", &[("count", count.into())]),
        members: group.members.iter().map(|member| member_line(words, member, reports)).collect(),
        reasons: group.reasons.iter().map(|why| reason_line(words, why)).collect(),
        score: group.campaign.as_ref().map(|suggestion| suggestion.score),
        parts: parts.collect(),
        case: group.case.clone(),
        open_href: format!("/analyse/cases/new?group={}", percent(&group.key)),
        graph_href: format!("/analyse/graph?of={}", percent(&group.key)),
    }
}

#[derive(Template)]
#[template(path = "analyse/correlations.html")]
struct CorrelationsPage {
    shell: Shell,
    cards: Vec<GroupCard>,
    passed: Vec<(String, String, usize)>,
    near: Vec<ReasonLine>,
    near_more: usize,
    items: usize,
    hidden_reports: u64,
    may_open: bool,
    score_max: u32,
}

async fn correlations(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::AnalysePicture, On::default())?;
    let scope = Scope::of(&house, &visitor.ctx);
    let held = Arc::clone(&house);
    let read = move |reader: &Reader<'_>| read::correlated(reader, &held.names, scope);
    let found: Correlated = house.store.read(read).await?;
    let words = visitor.words();
    let passed = found.passed.iter().map(|(observable, why, items)| {
        (observable.defanged(), words.t(format!("analyse-passed-{why}")), *items)
    });
    let page = CorrelationsPage {
        cards: found.groups.iter().map(|group| card(words, group, scope.reports())).collect(),
        passed: passed.collect(),
        near: found.near.iter().map(|why| reason_line(words, why)).collect(),
        near_more: found.near_all.saturating_sub(found.near.len()),
        items: found.items,
        hidden_reports: found.hidden_reports,
        may_open: may_change(&house, &visitor),
        score_max: SCORE_MAX,
        shell: page::shell(&house, &visitor, "analyse-correlations-title"),
    };
    html(&page)
}

pub(super) fn may_change(house: &House, visitor: &Visitor) -> bool {
    house.authoriser.check(&visitor.ctx, Action::AnalyseCase, On::default()).is_ok()
}

#[derive(Template)]
#[template(path = "analyse/cases.html")]
struct CasesPage {
    shell: Shell,
    cases: Vec<CaseRow>,
    pager: Pager,
    may_open: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CasesAsked {
    before: String,
}

async fn cases(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(asked): Query<CasesAsked>,
) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::AnalyseRead, On::default())?;
    let found = house.store.read(move |reader| read::cases(reader, &asked.before, PAGE)).await?;
    let full = found.len() == usize::try_from(PAGE).unwrap_or(usize::MAX);
    let next = found.last().filter(|_| full).map(|row| format!("/analyse/cases?before={}", row.id));
    let page = CasesPage {
        cases: found,
        pager: Pager { previous: String::new(), next: next.unwrap_or_default(), total: None },
        may_open: may_change(&house, &visitor),
        shell: page::shell(&house, &visitor, "analyse-cases-title"),
    };
    html(&page)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NewAsked {
    group: String,
}

#[derive(Template)]
#[template(path = "analyse/new.html")]
struct NewPage {
    shell: Shell,
    crumbs: Vec<Link>,
    form: FormState,
    card: GroupCard,
    group: String,
}

async fn group_of(house: &Arc<House>, scope: Scope, key: String) -> Answer<Related> {
    let held = Arc::clone(house);
    let read = move |reader: &Reader<'_>| read::group(reader, &held.names, scope, &key);
    let group = house.store.read(read).await?;
    Ok(group.ok_or_else(Refusal::absent)?)
}

fn crumb(words: Words, href: &str, key: &str) -> Link {
    Link { href: href.to_owned(), label: words.t(key) }
}

async fn new_case(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(asked): Query<NewAsked>,
) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::AnalyseCase, On::default())?;
    let scope = Scope::of(&house, &visitor.ctx);
    let group = group_of(&house, scope, asked.group.clone()).await?;
    let mut form = FormState::new();
    let first = group.reasons.first().map(|why| why.observable.to_string()).unwrap_or_default();
    form.set(
        "title",
        visitor.words().tv("analyse-case-title-suggested", &[("observable", first.into())]),
    );
    show_new(&house, &visitor, form, &group, scope)
}

fn show_new(
    house: &House,
    visitor: &Visitor,
    form: FormState,
    group: &Related,
    scope: Scope,
) -> Answer {
    let words = visitor.words();
    let page = NewPage {
        crumbs: vec![crumb(words, "/analyse/correlations", "analyse-correlations-title")],
        form,
        card: card(words, group, scope.reports()),
        group: group.key.clone(),
        shell: page::shell(house, visitor, "analyse-new-title"),
    };
    html(&page)
}

pub(super) fn with_status(answer: Answer) -> Answer {
    answer.map(|page| (StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

pub(super) fn pairs(posted: &Posted) -> FormState {
    FormState::posted(posted.values.flat()).labelled("analyse-field")
}

async fn open_case(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let visitor = &posted.visitor;
    house.authoriser.check(&visitor.ctx, Action::AnalyseCase, On::default())?;
    let scope = Scope::of(&house, &visitor.ctx);
    let group = group_of(&house, scope, posted.values.get("group").to_owned()).await?;
    let mut form = pairs(&posted);
    let title = form.text("title", TITLE_CHARS_MAX);
    let summary = form.optional("summary", TEXT_CHARS_MAX);
    let (Some(title), true) = (title, form.is_ok()) else {
        return with_status(show_new(&house, visitor, form, &group, scope));
    };
    let new = NewCase {
        title,
        summary: summary.unwrap_or_default(),
        group_key: Some(group.key.clone()),
        members: group.members.iter().map(|member| member.id.clone()).collect(),
    };
    let (case, _) = act::open(&house, &visitor.ctx, new, None).await?;
    Ok(Redirect::to(&format!("/analyse/cases/{case}")).into_response())
}

/// A note as it stands on a page.
pub(super) struct NoteLine {
    pub(super) at: jiff::Timestamp,
    pub(super) who: String,
    pub(super) tlp: String,
    pub(super) subject: String,
    pub(super) pieces: Vec<Piece>,
}

/// Notes as they stand on a page.
pub(super) fn note_lines(words: Words, notes: &[notes::Note]) -> Vec<NoteLine> {
    let line = |note: &notes::Note| NoteLine {
        at: note.at,
        who: format!("{} / {}", name_in(words, &note.org), hat_words(words, &note.hat)),
        tlp: note.tlp.clone(),
        subject: note.subject.clone(),
        pieces: notes::pieces(&note.text),
    };
    notes.iter().map(line).collect()
}

/// A hat in words.
pub(super) fn hat_words(words: Words, hat: &str) -> String {
    noroshi_charter::hat::Hat::parse(hat).map(|hat| words.t(page::hat_key(hat))).unwrap_or_default()
}

/// The markings a note on something marked `floor` may have; `for_all` says whom one like its subject is for.
pub(super) fn marking_choices(words: Words, floor: Tlp, for_all: &str) -> Vec<Choice> {
    Tlp::ALL
        .into_iter()
        .filter(|tlp| *tlp >= floor)
        .map(|tlp| {
            let for_whom = match tlp {
                _ if tlp == floor => words.t(for_all),
                Tlp::AmberStrict => words.t("analyse-note-for-org"),
                Tlp::Red => words.t("analyse-note-for-me"),
                Tlp::Clear | Tlp::Green | Tlp::Amber => String::new(),
            };
            let label = [tlp.label().to_owned(), for_whom].join(" ");
            Choice::new(tlp_code(tlp), label.trim())
        })
        .collect()
}

/// The same of a case, which is read by more than what it holds.
fn case_markings(words: Words, floor: Tlp) -> Vec<Choice> {
    let for_all = match floor {
        Tlp::Clear | Tlp::Green | Tlp::Amber => "analyse-note-for-all",
        Tlp::AmberStrict | Tlp::Red => "analyse-note-for-seers",
    };
    marking_choices(words, floor, for_all)
}

/// One entry of the timeline.
struct EventLine {
    at: jiff::Timestamp,
    tone: Tone,
    title: String,
    text: String,
    leaf: Option<u64>,
}

#[derive(Template)]
#[template(path = "analyse/case.html")]
struct CasePage {
    shell: Shell,
    crumbs: Vec<Link>,
    case: Case,
    graph: Graph,
    members: Vec<MemberLine>,
    observables: Vec<(String, String, usize)>,
    reasons: Vec<ReasonLine>,
    events: Vec<EventLine>,
    notes: Vec<NoteLine>,
    markings: Vec<Choice>,
    form: FormState,
    may_change: bool,
    reports: bool,
    bell: Bell,
    may_explore: bool,
}

async fn one(State(house): State<Arc<House>>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    show_case(&house, &visitor, &id, FormState::new()).await
}

async fn show_case(house: &Arc<House>, visitor: &Visitor, id: &str, form: FormState) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::AnalyseRead, On::default())?;
    let id = CaseId::parse(id).ok_or_else(Refusal::absent)?;
    let scope = Scope::of(house, &visitor.ctx);
    let case = house
        .store
        .read({
            let who = Reading::of(&visitor.ctx);
            move |reader| read::case(reader, scope, &who, &id)
        })
        .await?
        .ok_or_else(Refusal::absent)?;
    let words = visitor.words();
    let reports = scope.reports();
    let events = case.timeline.iter().map(|event| {
        let tone = match event.kind.as_str() {
            "report" => Tone::Warn,
            "sighting" => Tone::Signal,
            "partner" => Tone::Info,
            _ => Tone::Neutral,
        };
        let title = words.t(format!("analyse-event-{}", event.kind.replace('.', "-")));
        EventLine {
            at: event.at,
            tone,
            title,
            text: event_text(words, event, &case),
            leaf: event.position,
        }
    });
    let mut shell = page::shell(house, visitor, "analyse-case-title");
    shell.title.clone_from(&case.row.title);
    let page = CasePage {
        crumbs: vec![crumb(words, "/analyse/cases", "analyse-cases-title")],
        graph: graph::draw(&case, |member| told(words, member, reports)),
        members: case.members.iter().map(|member| member_line(words, member, reports)).collect(),
        observables: case
            .observables
            .iter()
            .map(|(seen, count)| {
                (seen.defanged(), format!("/evidence?q={}", percent(&seen.to_string())), *count)
            })
            .collect(),
        reasons: case.reasons.iter().map(|why| reason_line(words, why)).collect(),
        events: events.collect(),
        notes: note_lines(words, &case.notes),
        markings: case_markings(words, case.floor),
        may_change: may_change(house, visitor),
        may_explore: house
            .authoriser
            .check(&visitor.ctx, Action::EvidenceRead, On::default())
            .is_ok(),
        bell: Bell::of(house, visitor, Kind::Case, &case.row.id).await?,
        form,
        case,
        reports,
        shell,
    };
    html(&page)
}

/// For a member's own time its words in the reader's language, for a change what was said.
fn event_text(words: Words, event: &read::Event, case: &Case) -> String {
    let own = case.members.iter().find(|member| {
        event.position.is_none() && member.time == Some(event.at) && member.label() == event.text
    });
    own.map_or_else(
        || event.text.clone(),
        |member| {
            let Told { label, note, .. } = told(words, member, false);
            format!("{label} / {note}")
        },
    )
}

fn back_to(id: &str) -> axum::response::Response {
    Redirect::to(&format!("/analyse/cases/{id}")).into_response()
}

async fn note(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let mut form = pairs(&posted);
    let Some(text) = form.text("text", TEXT_CHARS_MAX) else {
        return with_status(show_case(&house, &posted.visitor, &id, form).await);
    };
    act::note(&house, &posted.visitor.ctx, &id, &text, form.value("tlp"), None).await?;
    Ok(back_to(&id))
}

async fn add(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let mut form = pairs(&posted);
    let (item, why) = (form.text("item", TITLE_CHARS_MAX), form.text("reason", TEXT_CHARS_MAX));
    let (Some(item), Some(why)) = (item, why) else {
        return with_status(show_case(&house, &posted.visitor, &id, form).await);
    };
    act::add(&house, &posted.visitor.ctx, &id, &item, &why).await?;
    Ok(back_to(&id))
}

async fn remove(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let mut form = pairs(&posted);
    let (item, why) =
        (form.text("gone", TITLE_CHARS_MAX), form.text("gone-reason", TEXT_CHARS_MAX));
    let (Some(item), Some(why)) = (item, why) else {
        return with_status(show_case(&house, &posted.visitor, &id, form).await);
    };
    act::remove(&house, &posted.visitor.ctx, &id, &item, &why).await?;
    Ok(back_to(&id))
}
