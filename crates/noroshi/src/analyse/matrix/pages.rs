//! Techniques in use, for people.

use std::fmt::Write as _;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::routing::get;

use super::read::{self, Asked, Seen, Technique, Uses};
use crate::analyse::around::pages::{day, midnight};
use crate::evidence::pages::kind_words;
use crate::evidence::read::Sees;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::ctx::Ctx;
use crate::web::form::Values;
use crate::web::forms::Choice;
use crate::web::layout::{Link, Shell};
use crate::web::locale::Words;
use crate::web::page::{self, html};
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::{Visitor, percent};

/// Routes of the matrix.
pub fn routes() -> Router<Arc<House>> {
    Router::new().route("/analyse/matrix", get(matrix))
}

/// Reads the question from an address.
pub(super) fn asked(query: &str) -> Answer<Asked> {
    let values = Values::parse(query.as_bytes());
    let until = day(values.get("to"))?.and_then(|day| day.tomorrow().ok());
    Ok(Asked {
        matrix: values.get("matrix").to_owned(),
        case: values.get("case").to_owned(),
        by: values.get("by").to_owned(),
        span: (day(values.get("from"))?.and_then(midnight), until.and_then(midnight)),
    })
}

/// The matrix for a caller.
pub(super) async fn seen(house: &Arc<House>, ctx: &Ctx, asked: Asked) -> Answer<Seen> {
    house.authoriser.check(ctx, Action::EvidenceRead, On::default())?;
    let cases = house.authoriser.check(ctx, Action::AnalyseRead, On::default()).is_ok();
    let sees = Sees::of(house, ctx);
    let found = house.store.read(move |reader| read::matrix(reader, sees, cases, &asked)).await?;
    Ok(found.ok_or_else(Refusal::absent)?)
}

/// A technique as it stands in its column.
struct Cell {
    number: String,
    name: String,
    href: String,
    count: u64,
    more: bool,
    /// 0 to 4: how strongly it is used, for the colour; the number stands beside it.
    heat: u8,
    told: String,
    parts: Vec<Cell>,
    parts_used: usize,
}

/// A column.
struct Column {
    name: String,
    number: String,
    used: usize,
    cells: Vec<Cell>,
}

#[derive(Template)]
#[template(path = "analyse/matrix.html")]
struct MatrixPage {
    shell: Shell,
    matrices: Vec<Choice>,
    chosen: String,
    case: String,
    by: String,
    from: String,
    to: String,
    filter: String,
    filter_href: String,
    columns: Vec<Column>,
    techniques: usize,
    used: usize,
    hidden: u64,
    elsewhere: u64,
    csv_href: String,
    json_href: String,
    here: Link,
}

/// How strongly something is used: the steps are those of the key below the matrix.
fn heat(total: u64) -> u8 {
    match total {
        0 => 0,
        1 => 1,
        2..=4 => 2,
        5..=19 => 3,
        _ => 4,
    }
}

fn told(words: Words, uses: &Uses) -> String {
    let kinds = uses
        .kinds
        .iter()
        .map(|(kind, count)| format!("{} {}", kind_words(words, kind), words.n(*count)));
    let cases = (uses.cases > 0)
        .then(|| format!("{} {}", words.t("analyse-cases-title"), words.n(uses.cases)));
    kinds.chain(cases).collect::<Vec<_>>().join(" / ")
}

fn cell(words: Words, one: &Technique) -> Cell {
    Cell {
        number: one.number.clone(),
        name: one.name.clone(),
        href: format!("/evidence/{}", one.id),
        count: one.uses.total(),
        more: one.uses.more,
        heat: heat(one.uses.total()),
        told: told(words, &one.uses),
        parts: one.parts.iter().map(|part| cell(words, part)).collect(),
        parts_used: one.parts.iter().filter(|part| part.uses.total() > 0).count(),
    }
}

async fn matrix(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = query.unwrap_or_default();
    let question = asked(&query)?;
    let found = seen(&house, &visitor.ctx, question.clone()).await?;
    let words = visitor.words();
    let values = Values::parse(query.as_bytes());
    let columns: Vec<Column> = found
        .tactics
        .iter()
        .map(|tactic| {
            let cells: Vec<Cell> = tactic.techniques.iter().map(|one| cell(words, one)).collect();
            Column {
                name: tactic.name.clone(),
                number: tactic.number.clone(),
                used: cells.iter().filter(|cell| cell.count > 0 || cell.parts_used > 0).count(),
                cells,
            }
        })
        .collect();
    let mut kept = String::new();
    for name in ["matrix", "case", "by", "from", "to"] {
        if let Some(value) = values.some(name) {
            let _ok = write!(kept, "&{name}={}", percent(value));
        }
    }
    let kept = kept.trim_start_matches('&');
    let filter_href = if question.case.is_empty() {
        format!("/evidence/{}", question.by)
    } else {
        format!("/analyse/cases/{}", question.case)
    };
    let page = MatrixPage {
        matrices: found.matrices.iter().map(|(id, name)| Choice::new(id, name)).collect(),
        techniques: columns.iter().map(|column| column.cells.len()).sum(),
        used: columns.iter().map(|column| column.used).sum(),
        chosen: found.chosen,
        case: question.case,
        by: question.by,
        from: values.get("from").to_owned(),
        to: values.get("to").to_owned(),
        filter: found.filter,
        filter_href,
        columns,
        hidden: found.hidden,
        elsewhere: found.elsewhere,
        csv_href: format!("/api/v1/analyse/matrix.csv?{kept}"),
        json_href: format!("/api/v1/analyse/matrix?{kept}"),
        here: Link { href: "/analyse/matrix".to_owned(), label: words.t("analyse-matrix-all") },
        shell: page::shell(&house, &visitor, "analyse-matrix-title"),
    };
    html(&page)
}
