//! Many values at once, for people: paste or choose a file, and see what is known of each.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use fluent_bundle::FluentValue;

use super::lookup::{self, Answered, Line, Lookup};
use super::pages::{file, kind_words, shown_name};
use super::read::Sees;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::web::form::Values;
use crate::web::layout::{Link, Shell};
use crate::web::locale::Words;
use crate::web::page::{self, html};
use crate::web::refusal::{Answer, Refusal};
use crate::web::table::csv_line;
use crate::web::visitor::{Uploaded, Visitor};

/// Answers of one page.
const PAGE: usize = 500;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new().route("/evidence/lookup", get(ask).post(answer))
}

/// An answer as it stands on the page.
struct Shown {
    line: Line,
    kind: String,
    name: String,
    answered: String,
    tone: &'static str,
    kinds: String,
    why: String,
    lines: String,
}

/// A choice of answers, with how many there are.
struct Part {
    value: &'static str,
    label: String,
    count: u64,
    current: bool,
}

#[derive(Template)]
#[template(path = "evidence/lookup.html")]
struct LookupPage {
    shell: Shell,
    crumbs: Vec<Link>,
    text: String,
    asked: bool,
    parts: Vec<Part>,
    show: String,
    total: u64,
    beyond: u64,
    complete: bool,
    lines: Vec<Shown>,
    from: usize,
    to: usize,
    matching: usize,
    previous: Option<usize>,
    next: Option<usize>,
    max: String,
}

fn crumbs(words: Words) -> Vec<Link> {
    vec![Link { href: "/evidence".to_owned(), label: words.t("evidence-title") }]
}

async fn ask(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::EvidenceRead, On::default())?;
    let values = Values::default();
    html(&page_of(&house, &visitor, String::new(), &values, None))
}

async fn answer(State(house): State<Arc<House>>, sent: Uploaded) -> Answer {
    let Uploaded { visitor, values, file: (_, bytes) } = sent;
    house.authoriser.check(&visitor.ctx, Action::EvidenceRead, On::default())?;
    let text = if bytes.is_empty() {
        values.get("text").to_owned()
    } else {
        String::from_utf8_lossy(&bytes).into_owned()
    };
    if text.trim().is_empty() {
        return Err(Refusal::new("NRS-EVID-0511", StatusCode::UNPROCESSABLE_ENTITY).into());
    }
    let sees = Sees::of(&house, &visitor.ctx);
    let asked = text.clone();
    let found =
        house.store.read(move |reader| lookup::look_up(reader, sees, &asked, false)).await?;
    if values.get("as") == "csv" {
        let name = "lookup.csv";
        return Ok(file(name, "text/csv; charset=utf-8", csv_of(&found, values.get("show"))));
    }
    html(&page_of(&house, &visitor, text, &values, Some(found)))
}

fn page_of(
    house: &House,
    visitor: &Visitor,
    text: String,
    values: &Values,
    found: Option<Lookup>,
) -> LookupPage {
    let words = visitor.words();
    let (asked, found) = (found.is_some(), found.unwrap_or_default());
    let show = values.get("show").to_owned();
    let part = |answered: Answered| Part {
        value: answered.code(),
        label: words.t(format!("evidence-lookup-{}", answered.code())),
        count: found.count(answered),
        current: show == answered.code(),
    };
    let parts = Answered::ALL.into_iter().map(part).collect();
    let from: usize = values.get("from").parse().unwrap_or(0);
    let total = found.lines.len() as u64;
    let (beyond, complete) = (found.beyond, found.complete);
    let matching: Vec<Line> = found.lines.into_iter().filter(|line| fits(line, &show)).collect();
    let count = matching.len();
    let lines: Vec<Shown> =
        matching.into_iter().skip(from).take(PAGE).map(|line| shown(words, line)).collect();
    let to = from + lines.len();
    LookupPage {
        crumbs: crumbs(words),
        text,
        asked,
        parts,
        show,
        total,
        beyond,
        complete,
        lines,
        from: from + 1,
        to,
        matching: count,
        previous: (from > 0).then(|| from.saturating_sub(PAGE)),
        next: (to < count).then_some(to),
        max: words.n(lookup::VALUES_MAX as u64),
        shell: page::shell(house, visitor, "evidence-lookup-title"),
    }
}

fn fits(line: &Line, show: &str) -> bool {
    show.is_empty() || line.answered.code() == show
}

fn shown(words: Words, line: Line) -> Shown {
    let kinds = line.known.kinds.iter().map(|(kind, count)| {
        let args = [("kind", kind_words(words, kind).into()), ("count", words.n(*count).into())];
        words.tv("evidence-lookup-kind", &args)
    });
    let lines: Vec<String> = line.lines.iter().map(|number| words.n(*number as u64)).collect();
    let more = usize::try_from(line.times).unwrap_or(usize::MAX) > line.lines.len();
    Shown {
        kind: if line.kind.is_empty() { String::new() } else { kind_words(words, &line.kind) },
        name: line.known.latest.as_ref().map(shown_name).unwrap_or_default(),
        answered: words.t(format!("evidence-lookup-{}", line.answered.code())),
        tone: match line.answered {
            Answered::Found => "warn",
            Answered::Unknown => "neutral",
            Answered::Unreadable => "bad",
        },
        kinds: kinds.collect::<Vec<_>>().join(" "),
        why: line.code.map(|code| words.t(code)).unwrap_or_default(),
        lines: words.tv(
            "evidence-lookup-lines",
            &[
                ("lines", FluentValue::from(lines.join(", "))),
                ("more", FluentValue::from(if more { "yes" } else { "no" })),
            ],
        ),
        line,
    }
}

/// The answers as a table for other programs.
pub(super) fn csv_of(found: &Lookup, show: &str) -> String {
    let mut text = csv_line([
        "value",
        "type",
        "answer",
        "code",
        "lines",
        "times",
        "objects",
        "sightings",
        "tlp",
        "class",
        "latest",
    ]);
    for line in found.lines.iter().filter(|line| fits(line, show)) {
        let numbers: Vec<String> = line.lines.iter().map(usize::to_string).collect();
        let objects: Vec<String> =
            line.known.kinds.iter().map(|(kind, count)| format!("{kind}:{count}")).collect();
        let latest = line.known.latest.as_ref();
        text.push_str(&csv_line([
            line.value.as_str(),
            &line.kind,
            line.answered.code(),
            line.code.unwrap_or_default(),
            &numbers.join(" "),
            &line.times.to_string(),
            &objects.join(" "),
            &line.known.sightings.to_string(),
            latest.map_or("", |row| row.tlp.as_str()),
            latest.map_or("", |row| row.class.as_str()),
            latest.map_or("", |row| row.id.as_str()),
        ]));
    }
    text
}
