//! The evidence graph for people: search, lists, and what can be done with many entries at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use noroshi_codec::stix;
use noroshi_evidence::id::StixId;
use noroshi_evidence::object::StixObject;
use noroshi_evidence::observable::Observable;

use super::read::{self, Filter, Listed, ObjectRow, Sees};
use crate::house::House;
use crate::office::authorise::{Action, On, Standing};
use crate::office::id::OrgId;
use crate::office::people::{self, Org};
use crate::web::forms::Choice;
use crate::web::layout::{Link, Shell};
use crate::web::locale::{Lang, Words, fold_width};
use crate::web::page::{self, html};
use crate::web::refusal::{Answer, Failure, Refusal};
use crate::web::table::{Column, Grid, Picked, Spec, Verb, View, csv_line};
use crate::web::visitor::{Posted, Visitor};

/// Matches that are counted by type.
const GROUPED_MAX: u32 = 2_000;
/// Objects of one export; whoever needs all takes `noroshi stix export`.
const EXPORT_MAX: usize = 50_000;
/// Objects read at once for an export.
const BATCH: u32 = 500;

static LIST: Spec = Spec {
    path: "/evidence",
    columns: &[
        Column { key: "name", label: "evidence-name", num: false, sorts: false },
        Column { key: "type", label: "evidence-type", num: false, sorts: false },
        Column { key: "modified", label: "evidence-modified", num: false, sorts: false },
        Column { key: "marking", label: "evidence-marking", num: false, sorts: false },
        Column { key: "originator", label: "evidence-originator", num: false, sorts: false },
        Column { key: "arrived", label: "evidence-arrived", num: false, sorts: false },
    ],
    filters: &["q", "type", "hidden"],
    sort: ("arrived", true),
};

/// Routes of this pillar.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/evidence", get(list))
        .route("/evidence/batch", post(batch))
        .route("/evidence/export", post(export))
        .merge(super::listing::routes())
        .merge(super::object::routes())
        .merge(super::bulk::routes())
        .merge(super::desk::routes())
        .merge(super::bring::routes())
}

/// A STIX type in words; the type itself where there are none.
pub fn kind_words(words: Words, kind: &str) -> String {
    let key = format!("evidence-type-{kind}");
    if words.has(&key) { words.t(key) } else { kind.to_owned() }
}

/// What may be done by whoever looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rights {
    pub(super) import: bool,
    pub(super) export: bool,
}

impl Rights {
    pub(super) fn of(house: &House, visitor: &Visitor) -> Self {
        let allows = |action| house.authoriser.allows(visitor.ctx.hat, action, Standing::default());
        Self { import: allows(Action::EvidenceImport), export: allows(Action::EvidenceExport) }
    }
}

/// An object as it stands in the list.
struct Line {
    row: ObjectRow,
    kind: String,
    name: String,
    originator: String,
}

/// How many matches are of one type.
struct KindGroup {
    label: String,
    href: String,
    count: u64,
    current: bool,
}

#[derive(Template)]
#[template(path = "evidence/list.html")]
struct ListPage {
    shell: Shell,
    q: String,
    kind: String,
    kinds: Vec<Choice>,
    groups: Vec<KindGroup>,
    with_hidden: bool,
    lines: Vec<Line>,
    listed: Listed,
    hidden_href: String,
    grid: Grid,
    held: u64,
    rights: Rights,
}

fn filter_of(view: &View) -> Filter {
    Filter {
        q: fold_width(view.filter("q")),
        kind: view.filter("type").to_owned(),
        hidden: view.filter("hidden") == "1",
    }
}

fn place_of(view: &View) -> Option<u64> {
    view.after().and_then(|after| after.parse().ok())
}

async fn list(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::EvidenceRead, On::default())?;
    let sees = Sees::of(&house, &visitor.ctx);
    let view = View::parse(&LIST, query.as_deref().unwrap_or_default());
    let (filter, before, size) = (filter_of(&view), place_of(&view), view.size());
    let (mut listed, kinds, groups, origins) = house
        .store
        .read(move |reader| {
            let listed = read::list(reader, sees, &filter, before, size)?;
            let groups = if filter.q.trim().is_empty() {
                BTreeMap::new()
            } else {
                grouped(reader, sees, &filter)?
            };
            let origins = origins(reader, sees, &listed.rows)?;
            Ok((listed, read::kinds(reader, sees)?, groups, origins))
        })
        .await?;
    let words = visitor.words();
    let next = listed.next.map(|place| place.to_string());
    let counted = (listed.total, listed.counted_all && before.is_none());
    let rights = Rights::of(&house, &visitor);
    let verb = |value, key: &str| Verb { value, label: words.t(key) };
    let verbs = if rights.export {
        vec![verb("csv", "evidence-export-csv"), verb("stix", "evidence-export-stix")]
    } else {
        Vec::new()
    };
    let page = ListPage {
        lines: std::mem::take(&mut listed.rows)
            .into_iter()
            .map(|row| line(words, &origins, row))
            .collect(),
        held: kinds.iter().map(|(_, count)| count).sum(),
        kinds: kinds
            .iter()
            .map(|(kind, count)| {
                Choice::new(kind, format!("{} ({})", kind_words(words, kind), words.n(*count)))
            })
            .collect(),
        groups: kind_groups(words, &view, groups),
        q: view.filter("q").to_owned(),
        kind: view.filter("type").to_owned(),
        with_hidden: view.filter("hidden") == "1",
        hidden_href: view.with("hidden", "1"),
        grid: view.grid(words, words.t("evidence-title"), next, counted).verbs(verbs),
        listed,
        rights,
        shell: page::shell(&house, &visitor, "evidence-title"),
    };
    html(&page)
}

fn line(words: Words, origins: &Origins, row: ObjectRow) -> Line {
    Line {
        kind: kind_words(words, &row.kind),
        name: shown_name(&row),
        originator: origin_words(words, origins, &row.originator),
        row,
    }
}

/// Organisations by identifier.
pub(super) type Origins = BTreeMap<String, Org>;

/// The organisations from which objects come. Whoever may not read reports is not told who an operator is, so for them
/// the identifier stays one.
pub(super) fn origins(
    reader: &crate::office::store::Reader<'_>,
    sees: Sees,
    rows: &[ObjectRow],
) -> Result<Origins, crate::office::store::StoreFailure> {
    let mut found = Origins::new();
    for row in rows.iter().filter(|_| sees.reports()) {
        if found.contains_key(&row.originator) {
            continue;
        }
        let Some(id) = OrgId::parse(&row.originator) else { continue };
        if let Some(org) = people::find_org(reader, &id)? {
            found.insert(row.originator.clone(), org);
        }
    }
    Ok(found)
}

/// An originator by name, where that is known.
pub(super) fn origin_words(words: Words, origins: &Origins, originator: &str) -> String {
    let Some(org) = origins.get(originator) else { return originator.to_owned() };
    match words.lang() {
        Lang::Ja => org.name_ja.clone(),
        Lang::En => org.name_en.clone(),
    }
}

/// How many of the first matches are of each type, whatever type is looked at now.
fn grouped(
    reader: &crate::office::store::Reader<'_>,
    sees: Sees,
    filter: &Filter,
) -> Result<BTreeMap<String, u64>, crate::office::store::StoreFailure> {
    let all = Filter { kind: String::new(), ..filter.clone() };
    let mut groups = BTreeMap::new();
    for row in read::list(reader, sees, &all, None, GROUPED_MAX)?.rows {
        *groups.entry(row.kind).or_default() += 1;
    }
    Ok(groups)
}

fn kind_groups(words: Words, view: &View, groups: BTreeMap<String, u64>) -> Vec<KindGroup> {
    let mut groups: Vec<(String, u64)> = groups.into_iter().collect();
    groups.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let group = |(kind, count): (String, u64)| {
        let current = view.filter("type") == kind;
        let href = view.with("type", if current { "" } else { &kind });
        KindGroup { label: kind_words(words, &kind), href, count, current }
    };
    groups.into_iter().map(group).collect()
}

/// Names that are dangerous to click on are shown with their teeth drawn.
pub(super) fn shown_name(row: &ObjectRow) -> String {
    shown(&row.kind, if row.name.is_empty() { &row.id } else { &row.name })
}

/// [`shown_name`] for a type and a name.
pub(super) fn shown(kind: &str, name: &str) -> String {
    let dangerous = matches!(kind, "ipv4-addr" | "ipv6-addr" | "domain-name" | "url");
    let seen = dangerous.then(|| Observable::parse(name).ok()).flatten();
    seen.map_or_else(|| name.to_owned(), |seen| seen.defanged())
}

/// The page that says exactly how many entries are meant, and asks before anything is done with them.
#[derive(Template)]
#[template(path = "shell/confirm.html")]
pub(super) struct Confirm {
    pub(super) shell: Shell,
    pub(super) question: String,
    pub(super) note: String,
    pub(super) action: String,
    pub(super) fields: Vec<(String, String)>,
    pub(super) reason: bool,
    pub(super) classes: Vec<Choice>,
    pub(super) colours: Vec<Choice>,
    pub(super) button: String,
    pub(super) back: Link,
}

/// Fields that a page which asks hands on.
pub(super) fn handed_on(grid: &Grid, picked: &Picked, verb: &str) -> Vec<(String, String)> {
    let mut fields = grid.kept.clone();
    fields.extend(picked.fields());
    fields.push(("verb".to_owned(), verb.to_owned()));
    fields
}

/// The refusal of doing something with nothing.
pub(super) fn nothing_picked(max: usize) -> Refusal {
    Refusal::new("NRS-EVID-0501", StatusCode::UNPROCESSABLE_ENTITY).arg("max", max)
}

async fn batch(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let Posted { visitor, values } = posted;
    house.authoriser.check(&visitor.ctx, Action::EvidenceExport, On::default())?;
    let (view, picked) = (View::of(&LIST, &values), Picked::of(&values));
    let rows = chosen(&house, Sees::of(&house, &visitor.ctx), &view, &picked).await?;
    if rows.is_empty() {
        return Err(nothing_picked(EXPORT_MAX).into());
    }
    let words = visitor.words();
    let grid = view.grid(words, String::new(), None, (0, true));
    let verb = if values.get("verb") == "stix" { "stix" } else { "csv" };
    let label = words.t(format!("evidence-export-{verb}"));
    let count = words.n(rows.len() as u64);
    let page = Confirm {
        question: words
            .tv("evidence-export-ask", &[("count", count.into()), ("how", label.as_str().into())]),
        note: words.t("evidence-export-note"),
        action: "/evidence/export".to_owned(),
        fields: handed_on(&grid, &picked, verb),
        reason: false,
        classes: Vec::new(),
        colours: Vec::new(),
        button: label,
        back: Link { href: view.here(), label: words.t("shell-cancel") },
        shell: page::shell(&house, &visitor, "evidence-export-title"),
    };
    html(&page)
}

/// The objects that were picked, as far as they may be seen, in the order of the list.
async fn chosen(
    house: &Arc<House>,
    sees: Sees,
    view: &View,
    picked: &Picked,
) -> Answer<Vec<ObjectRow>> {
    if let Picked::Some(ids) = picked {
        let ids = ids.clone();
        let rows = house
            .store
            .read(move |reader| {
                ids.iter().map(|id| read::brief(reader, sees, id)).collect::<Result<Vec<_>, _>>()
            })
            .await?;
        return Ok(rows.into_iter().flatten().collect());
    }
    let (mut rows, mut before) = (Vec::new(), None);
    loop {
        let filter = filter_of(view);
        let listed = house
            .store
            .read(move |reader| read::list(reader, sees, &filter, before, BATCH))
            .await?;
        before = listed.next;
        rows.extend(listed.rows);
        if rows.len() > EXPORT_MAX {
            let refusal = Refusal::new("NRS-EVID-0503", StatusCode::UNPROCESSABLE_ENTITY);
            return Err(refusal.arg("max", EXPORT_MAX).into());
        }
        if before.is_none() {
            return Ok(rows);
        }
    }
}

async fn export(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let Posted { visitor, values } = posted;
    house.authoriser.check(&visitor.ctx, Action::EvidenceExport, On::default())?;
    let sees = Sees::of(&house, &visitor.ctx);
    let (view, picked) = (View::of(&LIST, &values), Picked::of(&values));
    let rows = chosen(&house, sees, &view, &picked).await?;
    if values.get("verb") != "stix" {
        return Ok(file("evidence.csv", "text/csv; charset=utf-8", csv_of(&rows)));
    }
    let ids: Vec<String> = rows.into_iter().map(|row| row.id).collect();
    let found = house.store.read(move |reader| read::latest(reader, sees, &ids)).await?;
    let objects: Vec<StixObject> = found.into_iter().map(|(_, object)| object).collect();
    let broken = |problem: &dyn std::error::Error| Failure::Broken(problem.to_string().into());
    let id = StixId::new("bundle", crate::office::id::random_uuid()).map_err(|one| broken(&one))?;
    let text = stix::encode_bundle(&id, &objects).map_err(|one| broken(&one))?;
    Ok(file("evidence.json", "application/stix+json;version=2.1", text))
}

/// An answer that a browser keeps as a file.
pub(super) fn file(name: &str, kind: &'static str, text: impl Into<axum::body::Body>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, disposition)], text.into())
        .into_response()
}

fn csv_of(rows: &[ObjectRow]) -> String {
    let mut text = csv_line([
        "id",
        "type",
        "name",
        "modified",
        "tlp",
        "class",
        "originator",
        "arrived_at",
        "withdrawn",
    ]);
    for row in rows {
        let modified = row.modified.map(|at| at.to_string()).unwrap_or_default();
        let hidden = if row.hidden { "1" } else { "" };
        text.push_str(&csv_line([
            row.id.as_str(),
            &row.kind,
            &row.name,
            &modified,
            &row.tlp,
            &row.class,
            &row.originator,
            &row.arrived_at.to_string(),
            hidden,
        ]));
    }
    text
}
