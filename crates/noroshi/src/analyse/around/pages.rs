//! The graph for people: drawn on the server, every mark a link, the same facts in tables below.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::routing::get;
use jiff::Timestamp;
use jiff::civil::Date;
use noroshi_evidence::marking::Tlp;

use super::draw::{self, Drawing};
use super::gather::{
    self, Around, Asked, BUDGET_DEFAULT, BUDGET_MAX, BUDGET_MIN, Bundle, HOPS_MAX, Mark, OPEN_MAX,
};
use crate::analyse::desk::{relation_words, shown_name};
use crate::analyse::read::Scope;
use crate::evidence::near;
use crate::evidence::pages::kind_words;
use crate::evidence::read as evidence;
use crate::evidence::rows::{tlp_code, tlp_of};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::ctx::Ctx;
use crate::office::id::CaseId;
use crate::web::form::Values;
use crate::web::forms::Choice;
use crate::web::layout::{Link, Pager, Shell};
use crate::web::locale::{Words, from_tokyo};
use crate::web::page::{self, html};
use crate::web::refusal::{Answer, Failure, Refusal};
use crate::web::visitor::{Visitor, percent};

/// Edges of one page of the table.
const PAGE: usize = 100;

/// Routes of the graph.
pub fn routes() -> Router<Arc<House>> {
    Router::new().route("/analyse/graph", get(graph)).route("/analyse/graph/table", get(table))
}

fn refuse(code: &'static str) -> Failure {
    Refusal::new(code, StatusCode::UNPROCESSABLE_ENTITY).into()
}

/// Midnight in Japan at the begin of a day such as `2026-11-27`; `None` when nothing was asked.
pub(in crate::analyse) fn day(text: &str) -> Answer<Option<Date>> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse::<Date>().map(Some).map_err(|_| refuse("NRS-ANAL-0107")),
    }
}

/// The instant at which a day in Japan begins.
pub(in crate::analyse) fn midnight(day: Date) -> Option<Timestamp> {
    from_tokyo(day.to_datetime(jiff::civil::Time::midnight()))
}

/// Reads the question from an address.
pub(super) fn asked(query: &str) -> Answer<Asked> {
    let values = Values::parse(query.as_bytes());
    let number = |name: &str| -> Answer<Option<usize>> {
        values.some(name).map(|text| text.parse().map_err(|_| refuse("NRS-ANAL-0108"))).transpose()
    };
    let of = values.get("of").to_owned();
    if of.is_empty() {
        return Err(Refusal::absent().into());
    }
    let hops = u8::try_from(number("hops")?.unwrap_or(1)).unwrap_or(HOPS_MAX).clamp(1, HOPS_MAX);
    let until = day(values.get("to"))?.and_then(|day| day.tomorrow().ok());
    Ok(Asked {
        of,
        hops,
        budget: number("budget")?.unwrap_or(BUDGET_DEFAULT).clamp(BUDGET_MIN, BUDGET_MAX),
        types: values.all("type").into_iter().map(ToOwned::to_owned).collect(),
        tlp: match values.some("tlp") {
            None => None,
            Some(code) => Some(tlp_of(code).ok_or_else(|| refuse("NRS-ANAL-0106"))?),
        },
        since: day(values.get("from"))?.and_then(midnight),
        until: until.and_then(midnight),
        open: values.all("open").into_iter().take(OPEN_MAX).map(ToOwned::to_owned).collect(),
    })
}

/// Whether the caller may ask for this start at all.
pub(super) fn may(house: &House, ctx: &Ctx, of: &str) -> Answer<()> {
    house.authoriser.check(ctx, Action::EvidenceRead, On::default())?;
    if CaseId::parse(of).is_some() {
        house.authoriser.check(ctx, Action::AnalyseRead, On::default())?;
    } else if !of.contains("--") {
        house.authoriser.check(ctx, Action::AnalysePicture, On::default())?;
    }
    Ok(())
}

/// The address of the same question with other words for some of its parts; an empty value takes a part out.
struct Address<'a> {
    asked: &'a Asked,
    from: String,
    to: String,
}

impl Address<'_> {
    fn with(&self, of: &str, open: &BTreeSet<String>, hops: u8) -> String {
        let mut text = format!("/analyse/graph?of={}", percent(of));
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                let _ok = write!(text, "&{name}={}", percent(value));
            }
        };
        add("hops", &if hops == 1 { String::new() } else { hops.to_string() });
        if self.asked.budget != BUDGET_DEFAULT {
            add("budget", &self.asked.budget.to_string());
        }
        self.asked.types.iter().for_each(|one| add("type", one));
        add("tlp", self.asked.tlp.map_or("", tlp_code));
        add("from", &self.from);
        add("to", &self.to);
        for key in open {
            add("open", key);
        }
        text
    }

    fn centred(&self, id: &str) -> String {
        self.with(id, &BTreeSet::new(), self.asked.hops)
    }

    fn opened(&self, key: &str) -> String {
        let mut open = self.asked.open.clone();
        open.insert(key.to_owned());
        self.with(&self.asked.of, &open, self.asked.hops)
    }
}

/// A mark of the drawing as the template needs it.
struct Drawn {
    x: usize,
    y: usize,
    class: &'static str,
    label: String,
    kind: String,
    count: u64,
    href: String,
    title: String,
    start: bool,
}

/// A row of the table of marks.
struct Row {
    name: String,
    kind: String,
    tlp: String,
    hop: u8,
    merged: usize,
    href: String,
    centre: String,
    relations: String,
}

/// A row of the table of bundles.
struct BundleRow {
    text: String,
    kinds: String,
    tlp: String,
    count: u64,
    parent: String,
    open: String,
}

#[derive(Template)]
#[template(path = "analyse/graph.html")]
struct GraphPage {
    shell: Shell,
    crumbs: Vec<Link>,
    of: String,
    hops: u8,
    budget: usize,
    from: String,
    to: String,
    tlp: String,
    hop_choices: Vec<u8>,
    budget_choices: Vec<usize>,
    tlps: Vec<Choice>,
    types: Vec<(String, String, u64, bool)>,
    width: usize,
    height: usize,
    marks: Vec<Drawn>,
    ways: Vec<draw::Way>,
    rows: Vec<Row>,
    bundles: Vec<BundleRow>,
    hidden: Vec<(String, u64, u64)>,
    revoked: u64,
    absent: u64,
    unlooked: Vec<Link>,
    opened: bool,
    closed_href: String,
    table_href: String,
    json_href: String,
}

/// The class of a mark in the drawing, by what it is.
fn class(kind: &str) -> &'static str {
    match kind {
        "malware" | "intrusion-set" | "threat-actor" | "campaign" | "tool" | "attack-pattern"
        | "infrastructure" => "g-threat",
        "identity" | "incident" | "case" | "group" | "location" => "g-victim",
        "report" | "note" | "opinion" | "grouping" | "course-of-action" => "g-known",
        _ => "",
    }
}

fn mark_name(words: Words, mark: &Mark) -> String {
    match mark.kind.as_str() {
        "group" => words.t("analyse-around-group"),
        // What has no name is told by what it is and the begin of its number.
        kind if mark.name.is_empty() => {
            let number = mark.id.split_once("--").map_or("", |(_, number)| number);
            let number: String = number.chars().take(8).collect();
            format!("{} {number}", kind_words(words, kind))
        }
        kind => shown_name(kind, &mark.name, &mark.id),
    }
}

fn mark_kind(words: Words, kind: &str) -> String {
    match kind {
        "case" => words.t("analyse-case-title"),
        "group" => words.t("analyse-around-group"),
        kind => kind_words(words, kind),
    }
}

fn bundle_words(words: Words, bundle: &Bundle) -> String {
    let mut kinds = bundle.kinds.keys();
    let first = kinds.next().map(|kind| mark_kind(words, kind)).unwrap_or_default();
    match kinds.count() {
        0 => first,
        others => words.tv(
            "analyse-around-kinds",
            &[("first", first.into()), ("others", words.n(others).into())],
        ),
    }
}

async fn graph(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = query.unwrap_or_default();
    let asked = asked(&query)?;
    may(&house, &visitor.ctx, &asked.of)?;
    let scope = Scope::of(&house, &visitor.ctx);
    let question = asked.clone();
    let held = Arc::clone(&house);
    let around = house
        .store
        .read(move |reader| gather::around(reader, &held.names, scope, &question))
        .await?;
    let around = around.ok_or_else(Refusal::absent)?;
    let words = visitor.words();
    let values = Values::parse(query.as_bytes());
    let address = Address {
        asked: &asked,
        from: values.get("from").to_owned(),
        to: values.get("to").to_owned(),
    };
    let drawing =
        draw::draw(&around, |mark| mark_name(words, mark), |bundle| bundle_words(words, bundle));
    let subject = around.marks.first().map(|mark| mark_name(words, mark)).unwrap_or_default();
    let mut shell = page::shell(&house, &visitor, "analyse-around-title");
    shell.title = words.tv("analyse-around-of", &[("name", subject.clone().into())]);
    let page = GraphPage {
        crumbs: crumbs(words, &asked.of, &subject),
        marks: drawn(words, &around, &drawing, &address),
        rows: rows(words, &around, &address),
        bundles: bundle_rows(words, &around, &address),
        hidden: hidden(words, &around),
        types: type_choices(words, &around, &asked),
        revoked: around.hidden.revoked,
        absent: around.hidden.absent,
        unlooked: unlooked(&around),
        width: drawing.width,
        height: drawing.height,
        ways: drawing.ways,
        hops: asked.hops,
        budget: asked.budget,
        hop_choices: (1..=HOPS_MAX).collect(),
        budget_choices: vec![16, BUDGET_DEFAULT, 72, BUDGET_MAX],
        tlp: asked.tlp.map(tlp_code).unwrap_or_default().to_owned(),
        tlps: Tlp::ALL.into_iter().map(|tlp| Choice::new(tlp_code(tlp), tlp.label())).collect(),
        opened: !asked.open.is_empty(),
        closed_href: address.with(&asked.of, &BTreeSet::new(), asked.hops),
        table_href: format!("/analyse/graph/table?of={}", percent(&asked.of)),
        json_href: address.with(&asked.of, &asked.open, asked.hops).replacen(
            "/analyse",
            "/api/v1/analyse",
            1,
        ),
        from: address.from.clone(),
        to: address.to.clone(),
        of: asked.of.clone(),
        shell,
    };
    html(&page)
}

/// The way to the start's own page.
fn crumbs(words: Words, of: &str, subject: &str) -> Vec<Link> {
    let link = |href: String, label: String| Link { href, label };
    if CaseId::parse(of).is_some() {
        return vec![
            link("/analyse/cases".to_owned(), words.t("analyse-cases-title")),
            link(format!("/analyse/cases/{of}"), subject.to_owned()),
        ];
    }
    if !of.contains("--") {
        let label = words.t("analyse-correlations-title");
        return vec![link("/analyse/correlations".to_owned(), label)];
    }
    vec![
        link("/evidence".to_owned(), words.t("evidence-title")),
        link(format!("/evidence/{of}"), subject.to_owned()),
    ]
}

fn drawn(words: Words, around: &Around, drawing: &Drawing, address: &Address<'_>) -> Vec<Drawn> {
    let names: BTreeMap<&str, String> =
        around.marks.iter().map(|mark| (mark.id.as_str(), mark_name(words, mark))).collect();
    let place = |mark: &draw::Placed| {
        let kind = mark_kind(words, &mark.kind);
        let bundle = around.bundles.iter().find(|bundle| bundle.key == mark.key);
        let (href, title, kind) = match bundle {
            Some(bundle) => {
                let what = bundle_words(words, bundle);
                let count = words.n(mark.count);
                let title = words.tv(
                    "analyse-around-bundle-title",
                    &[("what", what.into()), ("count", count.into())],
                );
                let relation = relation_words(words, &bundle.relation);
                (address.opened(&mark.key), title, relation)
            }
            None if mark.start => (String::new(), mark.label.clone(), kind),
            None => {
                let name = names.get(mark.key.as_str()).cloned().unwrap_or_default();
                let title = words.tv(
                    "analyse-around-mark-title",
                    &[("kind", kind.clone().into()), ("name", name.into())],
                );
                (address.centred(&mark.key), title, kind)
            }
        };
        Drawn {
            x: mark.x,
            y: mark.y,
            class: class(&mark.kind),
            label: mark.label.clone(),
            kind,
            count: mark.count,
            href,
            title,
            start: mark.start,
        }
    };
    drawing.marks.iter().map(place).collect()
}

fn rows(words: Words, around: &Around, address: &Address<'_>) -> Vec<Row> {
    let row = |mark: &Mark| {
        let relations: BTreeSet<String> = around
            .lines
            .iter()
            .filter(|line| line.to == mark.id)
            .map(|line| relation_words(words, &line.relation))
            .collect();
        Row {
            name: mark_name(words, mark),
            kind: mark_kind(words, &mark.kind),
            tlp: mark.tlp.clone(),
            hop: mark.hop,
            merged: mark.merged,
            href: format!("/evidence/{}", mark.id),
            centre: address.centred(&mark.id),
            relations: relations.into_iter().collect::<Vec<_>>().join(" / "),
        }
    };
    around.marks.iter().filter(|mark| mark.hop > 0).map(row).collect()
}

fn bundle_rows(words: Words, around: &Around, address: &Address<'_>) -> Vec<BundleRow> {
    let name_of = |id: &str| {
        let found = around.marks.iter().find(|mark| mark.id == id);
        found.map(|mark| mark_name(words, mark)).unwrap_or_default()
    };
    let row = |bundle: &Bundle| BundleRow {
        text: relation_words(words, &bundle.relation),
        kinds: bundle
            .kinds
            .iter()
            .map(|(kind, count)| format!("{} {}", mark_kind(words, kind), words.n(*count)))
            .collect::<Vec<_>>()
            .join(" / "),
        tlp: bundle.tlp.clone(),
        count: bundle.count(),
        parent: name_of(&bundle.parent),
        open: address.opened(&bundle.key),
    };
    around.bundles.iter().map(row).collect()
}

/// What is not shown, by type: put together, and left out by the filters.
fn hidden(words: Words, around: &Around) -> Vec<(String, u64, u64)> {
    let (bundled, filtered) = (&around.hidden.bundled, &around.hidden.filtered);
    let kinds: BTreeSet<&String> = bundled.keys().chain(filtered.keys()).collect();
    let count = |of: &BTreeMap<String, u64>, kind: &str| of.get(kind).copied().unwrap_or(0);
    kinds
        .into_iter()
        .map(|kind| (mark_kind(words, kind), count(bundled, kind), count(filtered, kind)))
        .collect()
}

fn type_choices(words: Words, around: &Around, asked: &Asked) -> Vec<(String, String, u64, bool)> {
    let mut kinds = around.kinds.clone();
    for kind in &asked.types {
        kinds.entry(kind.clone()).or_default();
    }
    kinds
        .into_iter()
        .map(|(kind, count)| {
            let chosen = asked.types.contains(&kind);
            (kind.clone(), kind_words(words, &kind), count, chosen)
        })
        .collect()
}

fn unlooked(around: &Around) -> Vec<Link> {
    let link = |id: &String| Link {
        href: format!("/analyse/graph/table?of={}", percent(id)),
        label: around
            .marks
            .iter()
            .find(|mark| mark.id == *id)
            .map_or_else(|| id.clone(), |mark| shown_name(&mark.kind, &mark.name, &mark.id)),
    };
    around.hidden.unlooked.iter().map(link).collect()
}

/// An edge in the table of everything.
struct EdgeRow {
    relation: String,
    outgoing: bool,
    name: String,
    kind: String,
    tlp: String,
    said_at: Option<Timestamp>,
    href: String,
    table: String,
}

#[derive(Template)]
#[template(path = "analyse/graph_table.html")]
struct TablePage {
    shell: Shell,
    crumbs: Vec<Link>,
    rows: Vec<EdgeRow>,
    pager: Pager,
    revoked: u64,
    absent: u64,
}

async fn table(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Answer {
    let values = Values::parse(query.unwrap_or_default().as_bytes());
    let of = values.get("of").to_owned();
    let after = values.some("after").map(ToOwned::to_owned);
    may(&house, &visitor.ctx, &of)?;
    let scope = Scope::of(&house, &visitor.ctx);
    let words = visitor.words();
    let (subject, rows, page) = if of.contains("--") {
        edge_table(&house, scope, words, &of, after.clone()).await?
    } else {
        member_table(&house, scope, words, &of).await?
    };
    let mut shell = page::shell(&house, &visitor, "analyse-around-title");
    shell.title = words.tv("analyse-around-table-of", &[("name", subject.clone().into())]);
    let here = format!("/analyse/graph/table?of={}", percent(&of));
    let mut crumbs = crumbs(words, &of, &subject);
    crumbs.push(Link {
        href: format!("/analyse/graph?of={}", percent(&of)),
        label: words.t("analyse-around-title"),
    });
    let page = TablePage {
        crumbs,
        rows,
        pager: Pager {
            previous: if after.is_some() { here.clone() } else { String::new() },
            next: page.next.map(|next| format!("{here}&after={next}")).unwrap_or_default(),
            total: None,
        },
        revoked: page.revoked,
        absent: page.absent,
        shell,
    };
    html(&page)
}

type Tabled = (String, Vec<EdgeRow>, near::Edges);

async fn edge_table(
    house: &Arc<House>,
    scope: Scope,
    words: Words,
    of: &str,
    after: Option<String>,
) -> Answer<Tabled> {
    let id = of.to_owned();
    let found = house
        .store
        .read(move |reader| {
            let Some(row) = evidence::brief(reader, scope.sees(), &id)? else { return Ok(None) };
            Ok(Some((row, near::edges(reader, scope.sees(), &id, after.as_deref(), PAGE)?)))
        })
        .await?;
    let (row, mut page) = found.ok_or_else(Refusal::absent)?;
    let rows = std::mem::take(&mut page.edges).into_iter().map(|edge| EdgeRow {
        relation: relation_words(words, &edge.kind),
        outgoing: edge.outgoing,
        name: shown_name(&edge.other.kind, &edge.other.name, &edge.other.id),
        kind: kind_words(words, &edge.other.kind),
        tlp: edge.other.tlp,
        said_at: Some(edge.said_at),
        href: format!("/evidence/{}", edge.other.id),
        table: format!("/analyse/graph/table?of={}", percent(&edge.other.id)),
    });
    Ok((shown_name(&row.kind, &row.name, &row.id), rows.collect(), page))
}

/// The members of a case or a group, each with its own table.
async fn member_table(house: &Arc<House>, scope: Scope, words: Words, of: &str) -> Answer<Tabled> {
    let asked = Asked {
        of: of.to_owned(),
        hops: 1,
        budget: table_marks_max(),
        types: BTreeSet::new(),
        tlp: None,
        since: None,
        until: None,
        open: BTreeSet::new(),
    };
    let held = Arc::clone(house);
    let around =
        house.store.read(move |reader| gather::around(reader, &held.names, scope, &asked)).await?;
    let around = around.ok_or_else(Refusal::absent)?;
    let subject = around.marks.first().map(|mark| mark_name(words, mark)).unwrap_or_default();
    let rows = around.marks.iter().filter(|mark| mark.hop > 0).map(|mark| EdgeRow {
        relation: relation_words(words, "member"),
        outgoing: true,
        name: mark_name(words, mark),
        kind: mark_kind(words, &mark.kind),
        tlp: mark.tlp.clone(),
        said_at: None,
        href: format!("/evidence/{}", mark.id),
        table: format!("/analyse/graph/table?of={}", percent(&mark.id)),
    });
    let page = near::Edges { absent: around.hidden.absent, ..near::Edges::default() };
    Ok((subject, rows.collect(), page))
}

/// Room for every member of the largest case and what its reports put into the graph.
const fn table_marks_max() -> usize {
    crate::analyse::act::MEMBERS_MAX * 20
}
