//! The tables of a run for people: on the page of the run, one row with the evidence it rests on, and as files to take out.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse as _;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::act;
use super::pack;
use super::pages::{Piece, pieces, run_crumbs};
use super::read::{self, Run};
use super::relabel::Relabel;
use super::results::{FindRow, Likeness, Results};
use super::tables::{self, Column, Kind, Table, csv, shown};
use crate::house::House;
use crate::influence::act::{may, refuse};
use crate::influence::api::of_vault;
use crate::influence::vault::{Vault, VaultFailure};
use crate::office::authorise::Action;
use crate::office::commit::Change;
use crate::office::ctx::Ctx;
use crate::web::layout::{Link, Series, Shell};
use crate::web::locale::Words;
use crate::web::page::{self, html};
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::Visitor;

/// Rows of a table on the page of a run.
const ROWS: u32 = 50;
/// Texts shown beside a row.
const TEXTS_SHOWN: usize = 8;

/// A cell as it is shown.
pub(super) struct Cell {
    pub(super) label: String,
    pub(super) text: String,
    pub(super) is_code: bool,
    pub(super) is_number: bool,
    pub(super) href: String,
}

/// A table as it is shown.
pub(super) struct Shelf {
    pub(super) name: &'static str,
    pub(super) title: String,
    pub(super) about: String,
    pub(super) heads: Vec<(String, &'static str)>,
    pub(super) rows: Vec<Vec<Cell>>,
    pub(super) beyond: u64,
}

fn label(words: Words, column: &Column) -> String {
    words.t(format!("influence-column-{}", column.name.replace('_', "-")))
}

const fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Whole | Kind::Real | Kind::Part)
}

fn heads(words: Words, columns: &[Column]) -> Vec<(String, &'static str)> {
    let head =
        |column: &Column| (label(words, column), if is_number(column.kind) { "num" } else { "" });
    columns.iter().map(head).collect()
}

fn cells(words: Words, columns: &[Column], body: &Value, href: &str) -> Vec<Cell> {
    columns
        .iter()
        .enumerate()
        .map(|(at, column)| Cell {
            label: label(words, column),
            text: shown(words, column.kind, body.get(column.name).unwrap_or(&Value::Null)),
            is_code: column.kind == Kind::Code,
            is_number: is_number(column.kind),
            href: if at == 0 { href.to_owned() } else { String::new() },
        })
        .collect()
}

/// Whether a row has a page of its own: where there is more to tell than its cells.
fn has_page(table: &Table) -> bool {
    !table.evidence.is_empty() || table.name == "residues"
}

/// The tables of a run, each with its first rows.
pub(super) fn shelves(
    results: &Results,
    words: Words,
    run: &Run,
) -> Result<Vec<Shelf>, VaultFailure> {
    let mut shelves = Vec::new();
    for table in tables::of_engine(&run.parameters.engine) {
        let rows = results.finds(table.name, 0, ROWS)?;
        let beyond = results.find_count(table.name)?.saturating_sub(rows.len() as u64);
        let row = |row: &FindRow| {
            let href = if has_page(table) {
                format!("/influence/runs/{}/finds/{}/{}", run.run, table.name, row.number)
            } else {
                String::new()
            };
            cells(words, table.columns, &row.body, &href)
        };
        shelves.push(Shelf {
            name: table.name,
            title: words.t(format!("influence-table-{}", table.name)),
            about: words.t(format!("influence-about-{}", table.name)),
            heads: heads(words, table.columns),
            rows: rows.iter().map(row).collect(),
            beyond,
        });
    }
    Ok(shelves)
}

// ---- one row ---------------------------------------------------------------------------------------------------

/// A text that is shown with a row, perhaps beside another.
struct Exhibit {
    label: String,
    /// The text it is held against; empty where it stands alone.
    other: String,
    pieces: Vec<Piece>,
}

#[derive(Template)]
#[template(path = "influence/find.html")]
struct FindPage {
    shell: Shell,
    crumbs: Vec<Link>,
    about: String,
    sentence: String,
    facts: Vec<(String, String)>,
    hours: Vec<(String, u64)>,
    most: u64,
    curve: Option<Series>,
    heads: Vec<(String, &'static str)>,
    rows: Vec<Vec<Cell>>,
    exhibits: Vec<Exhibit>,
    is_pair: bool,
    wants_texts: bool,
}

pub(super) async fn find(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path((id, name, number)): Path<(String, String, i64)>,
) -> Answer {
    let run = act::find(&house, &visitor.ctx, &id).await?;
    let table = tables::find(&run.parameters.engine, &name).ok_or_else(Refusal::absent)?;
    let row = act::of_results(&house, &run.run, move |results| results.find(table.name, number));
    let row = row.await?.ok_or_else(Refusal::absent)?;
    let words = visitor.words();
    let exhibits =
        exhibits(&house, words, &visitor.ctx, (&run, table.name, number), &row.body).await?;
    let facts: Vec<(String, String)> = table
        .columns
        .iter()
        .map(|column| {
            let value = row.body.get(column.name).unwrap_or(&Value::Null);
            (label(words, column), shown(words, column.kind, value))
        })
        .collect();
    let hours = hours(&row.body);
    let evidence = row.body.get("evidence").and_then(Value::as_array);
    let mut crumbs = run_crumbs(words, &run);
    crumbs.push(Link { href: format!("/influence/runs/{}", run.run), label: run.run.clone() });
    let mut shell = page::shell(&house, &visitor, "influence-run");
    shell.title = words.t(format!("influence-table-{}", table.name));
    html(&FindPage {
        crumbs,
        about: words.t(format!("influence-about-{}", table.name)),
        sentence: sentence(words, table, &row.body),
        facts,
        most: hours.iter().map(|(_, count)| *count).max().unwrap_or(0),
        hours,
        curve: curve(words, &row.body),
        heads: heads(words, table.evidence),
        rows: evidence
            .into_iter()
            .flatten()
            .map(|one| cells(words, table.evidence, one, ""))
            .collect(),
        is_pair: exhibits.iter().any(|one| !one.other.is_empty()),
        wants_texts: row.body.get("exemplars").is_some() || row.body.get("exhibit").is_some(),
        exhibits,
        shell,
    })
}

/// What the row says, as a sentence with its numbers.
fn sentence(words: Words, table: &Table, body: &Value) -> String {
    let told: Vec<(&str, String)> = table
        .columns
        .iter()
        .map(|column| {
            let value = body.get(column.name).unwrap_or(&Value::Null);
            (column.name, shown(words, column.kind, value))
        })
        .collect();
    let told: Vec<(&str, fluent_bundle::FluentValue<'_>)> =
        told.iter().map(|(name, text)| (*name, text.as_str().into())).collect();
    words.tv(format!("influence-say-{}", table.name), &told)
}

fn hours(body: &Value) -> Vec<(String, u64)> {
    let hours = body.get("hours").and_then(Value::as_array).into_iter().flatten();
    let hour = |(hour, count): (usize, &Value)| {
        // Counted in Universal Time, read in Japan.
        ((hour + 9) % 24, count.as_u64().unwrap_or(0))
    };
    let mut hours: Vec<(usize, u64)> = hours.enumerate().map(hour).collect();
    hours.sort_unstable();
    hours.into_iter().map(|(hour, count)| (format!("{hour:02}"), count)).collect()
}

fn curve(words: Words, body: &Value) -> Option<Series> {
    let steps = body.get("steps").and_then(Value::as_array)?;
    let step = |one: &Value| {
        let at = Timestamp::from_millisecond(one.get("until")?.as_i64()?).ok()?;
        Some((words.stamp(at), one.get("accounts")?.as_u64()?))
    };
    Some(Series::new(steps.iter().filter_map(step), None))
}

/// The posts whose texts belong to a row: an exhibit with its place, pairs to be read side by side, or examples. Texts are
/// sealed: they are shown to whoever analyses, and that they were read stands in the log before.
async fn exhibits(
    house: &Arc<House>,
    words: Words,
    ctx: &Ctx,
    (run, table, number): (&Run, &str, i64),
    body: &Value,
) -> Answer<Vec<Exhibit>> {
    let posts = posts_of(body);
    if posts.is_empty() || may(house, ctx, Action::InfluenceAnalyse).is_err() {
        return Ok(Vec::new());
    }
    let change = Change::office("influence.texts.read", &run.run).payload(
        json!({ "collection": run.collection, "table": table, "row": number, "posts": posts }),
    );
    house.door.commit(ctx, change).await?;
    let body = body.clone();
    of_vault(house, &run.collection, move |vault| read_exhibits(vault, words, &body)).await
}

/// The posts that a row would show the texts of.
fn posts_of(body: &Value) -> Vec<i64> {
    fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
        value.and_then(Value::as_array).into_iter().flatten()
    }
    let exhibit = body.get("exhibit").and_then(|one| one.get("post")).and_then(Value::as_i64);
    let examples = list(body.get("exemplars")).filter_map(Value::as_i64).take(TEXTS_SHOWN);
    let pairs = list(body.get("evidence")).filter_map(|one| one.get("pair")).take(TEXTS_SHOWN);
    let pairs = pairs.flat_map(|pair| list(Some(pair))).filter_map(Value::as_i64);
    exhibit.into_iter().chain(examples).chain(pairs).collect()
}

fn read_exhibits(vault: &Vault, words: Words, body: &Value) -> Result<Vec<Exhibit>, VaultFailure> {
    let mut exhibits = Vec::new();
    if let Some(exhibit) = body.get("exhibit") {
        let place = |at: usize| {
            let at = exhibit.get("range").and_then(|range| range.get(at)).and_then(Value::as_u64);
            usize::try_from(at.unwrap_or(0)).unwrap_or(0)
        };
        let post = exhibit.get("post").and_then(Value::as_i64).unwrap_or(0);
        if let Some(text) = vault.text(post)? {
            let pieces = marked(&text, place(0), place(1));
            exhibits.push(Exhibit { label: format!("p{post}"), other: String::new(), pieces });
        }
    }
    let posts = body.get("exemplars").and_then(Value::as_array).into_iter().flatten();
    for post in posts.filter_map(Value::as_i64).take(TEXTS_SHOWN) {
        if let Some(text) = vault.text(post)? {
            let pieces = vec![Piece { class: "", text }];
            exhibits.push(Exhibit { label: format!("p{post}"), other: String::new(), pieces });
        }
    }
    let evidence = body.get("evidence").and_then(Value::as_array).into_iter().flatten();
    let pair = |one: &Value| {
        let pair = one.get("pair")?;
        let at = |at: usize| pair.get(at).and_then(Value::as_i64);
        let from = one.get("from_at").and_then(Value::as_i64);
        Some((at(0)?, at(1)?, from.and_then(|ms| Timestamp::from_millisecond(ms).ok())))
    };
    for (first, later, at) in evidence.filter_map(pair).take(TEXTS_SHOWN) {
        if let (Some(first), Some(later)) = (vault.text(first)?, vault.text(later)?) {
            let label = at.map_or_else(String::new, |at| words.stamp(at));
            exhibits.push(Exhibit { label, pieces: pieces(&first, &later), other: first });
        }
    }
    Ok(exhibits)
}

fn marked(text: &str, start: usize, end: usize) -> Vec<Piece> {
    let piece = |class, text: Option<&str>| {
        let text = text.unwrap_or_default().to_owned();
        (!text.is_empty()).then_some(Piece { class, text })
    };
    [
        piece("", text.get(..start)),
        piece("differs-changed", text.get(start..end)),
        piece("", text.get(end..)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

// ---- files -----------------------------------------------------------------------------------------------------

/// The names of the tables that can be taken out of a run.
pub(super) fn names(engine: &str) -> Vec<&'static str> {
    match engine {
        "coordination" => vec!["groups", "edges", "accounts"],
        "copies" => vec!["clusters"],
        "lookalike" => vec!["hits", "closed"],
        other => tables::of_engine(other).map(|table| table.name).collect(),
    }
}

const CLUSTERS: &[Column] = &[
    Column { name: "posts", kind: Kind::Whole },
    Column { name: "accounts", kind: Kind::Whole },
    Column { name: "texts", kind: Kind::Whole },
    Column { name: "first", kind: Kind::Moment },
    Column { name: "last", kind: Kind::Moment },
    Column { name: "standing", kind: Kind::Text },
    Column { name: "key", kind: Kind::Code },
];
const HITS: &[Column] = &[
    Column { name: "domain", kind: Kind::Code },
    Column { name: "protected", kind: Kind::Code },
    Column { name: "rule", kind: Kind::Text },
    Column { name: "score", kind: Kind::Whole },
    Column { name: "outcome", kind: Kind::Text },
];

/// The rows of a table as they leave, every account under what stands for it; `None` where the run has no such table.
fn leaving(
    results: &Results,
    run: &Run,
    table: &str,
    relabel: &mut Relabel,
) -> Result<Option<(&'static [Column], Vec<(i64, Value)>)>, VaultFailure> {
    let engine = run.parameters.engine.as_str();
    if !names(engine).contains(&table) {
        return Ok(None);
    }
    let all = u32::MAX;
    Ok(match table {
        "clusters" => {
            let rows = results.clusters(0, all)?.into_iter().map(|row| {
                let mut body = row.body;
                if let Some(body) = body.as_object_mut() {
                    body.insert("posts".to_owned(), json!(row.posts));
                    body.insert("accounts".to_owned(), json!(row.accounts));
                }
                (row.number, body)
            });
            Some((CLUSTERS, rows.collect()))
        }
        "hits" | "closed" => {
            let likeness = if table == "hits" { Likeness::Imitates } else { Likeness::Closed };
            let rows = (0_i64..).zip(results.hits(likeness, 0, all)?).map(|(number, row)| {
                let body = json!({
                    "domain": row.domain, "protected": row.protected, "rule": row.rule, "score": row.score,
                    "outcome": row.likeness.code(),
                });
                (number, body)
            });
            Some((HITS, rows.collect()))
        }
        _ => match tables::find(engine, table) {
            Some(found) => {
                let rows = results.finds(found.name, 0, all)?.into_iter().map(|row| {
                    let mut body = row.body;
                    relabel.value(&mut body);
                    (row.number, body)
                });
                Some((found.columns, rows.collect()))
            }
            None => None,
        },
    })
}

/// A table as CSV; `None` where the run has no such table.
pub(super) fn csv_of(
    results: &Results,
    run: &Run,
    table: &str,
    relabel: &mut Relabel,
) -> Result<Option<String>, VaultFailure> {
    let rows = leaving(results, run, table, relabel)?;
    Ok(rows.map(|(columns, rows)| csv(columns, rows.iter().map(|(number, body)| (*number, body)))))
}

/// One table of a run as a file: `<table>.csv` or `<table>.json`. That it was taken out, with its digest, is a leaf before it is
/// handed over.
pub(super) async fn taken_out(
    house: &Arc<House>,
    ctx: &Ctx,
    id: &str,
    file: &str,
) -> Answer<(&'static str, Vec<u8>)> {
    may(house, ctx, Action::InfluenceAnalyse)?;
    let run = act::find(house, ctx, id).await?;
    let (table, format) = file.rsplit_once('.').ok_or_else(Refusal::absent)?;
    let kind = match format {
        "csv" => "text/csv; charset=utf-8",
        "json" => "application/json",
        _ => return Err(Refusal::absent().into()),
    };
    if run.state != "done" {
        return Err(refuse("NRS-INFL-1205"));
    }
    let of = run.run.clone();
    let reviews = house.store.read(move |reader| read::reviews(reader, &of)).await?;
    let (asked, is_csv, of) = (table.to_owned(), format == "csv", run.clone());
    let made = act::of_results(house, &run.run, move |results| {
        if of.parameters.engine == "coordination" {
            return pack::table(results, &of, &reviews, &asked, is_csv);
        }
        let mut relabel = Relabel::kept(results)?;
        if is_csv {
            return csv_of(results, &of, &asked, &mut relabel);
        }
        let rows = leaving(results, &of, &asked, &mut relabel)?;
        Ok(rows.map(|(_, rows)| {
            let rows: Vec<Value> = rows
                .into_iter()
                .map(|(number, body)| json!({ "number": number, "row": body }))
                .collect();
            format!("{:#}\n", json!({ "run": of.run, "table": asked, "rows": rows }))
        }))
    });
    let made = made.await?.ok_or_else(Refusal::absent)?.into_bytes();
    let digest = noroshi_charter::finding::Digest::of(&made);
    let change = Change::office("influence.run.table", id).payload(
        json!({ "table": table, "format": format, "digest": digest, "bytes": made.len() }),
    );
    house.door.commit(ctx, change).await?;
    Ok((kind, made))
}

pub(super) async fn download(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path((id, file)): Path<(String, String)>,
) -> Answer {
    let (kind, bytes) = taken_out(&house, &visitor.ctx, &id, &file).await?;
    let name = format!("attachment; filename=\"{id}-{file}\"");
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes)
        .into_response())
}
