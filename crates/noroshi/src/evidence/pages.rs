//! The evidence graph for people: search, and one object with everything known about it.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use noroshi_evidence::observable::Observable;
use serde::Deserialize;

use super::read::{self, Filter, Listed, Object, ObjectRow, Sees};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::web::forms::Choice;
use crate::web::layout::{Link, Pager, Shell};
use crate::web::locale::Words;
use crate::web::page::{self, html};
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::{Visitor, percent};

/// Objects of one page.
const PAGE: u32 = 50;

/// Routes of this pillar.
pub fn routes() -> Router<Arc<House>> {
    Router::new().route("/evidence", get(list)).route("/evidence/{id}", get(one))
}

/// A STIX type in words; the type itself where there are none.
pub fn kind_words(words: Words, kind: &str) -> String {
    let text = words.t(format!("evidence-type-{kind}"));
    if text.starts_with('\u{27e6}') { kind.to_owned() } else { text }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    q: String,
    r#type: String,
    hidden: String,
    before: Option<u64>,
}

/// An object as it stands in the list.
struct Line {
    row: ObjectRow,
    kind: String,
    name: String,
}

#[derive(Template)]
#[template(path = "evidence/list.html")]
struct ListPage {
    shell: Shell,
    q: String,
    kind: String,
    kinds: Vec<Choice>,
    with_hidden: bool,
    lines: Vec<Line>,
    listed: Listed,
    hidden_href: String,
    pager: Pager,
    held: u64,
}

async fn list(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::EvidenceRead, On::default())?;
    let sees = Sees::of(&house, &visitor.ctx);
    let with_hidden = asked.hidden == "1";
    let filter = Filter { q: asked.q.clone(), kind: asked.r#type.clone(), hidden: with_hidden };
    let before = asked.before;
    let (mut listed, kinds) = house
        .store
        .read(move |reader| {
            Ok((read::list(reader, sees, &filter, before, PAGE)?, read::kinds(reader, sees)?))
        })
        .await?;
    let words = visitor.words();
    let here = format!("/evidence?q={}&type={}", percent(&asked.q), percent(&asked.r#type));
    let shown = if with_hidden { format!("{here}&hidden=1") } else { here.clone() };
    let full = listed.rows.len() == usize::try_from(PAGE).unwrap_or(usize::MAX);
    let next = listed.rows.last().filter(|_| full).map(|row| format!("{shown}&before={}", row.seq));
    let lines = std::mem::take(&mut listed.rows).into_iter().map(|row| Line {
        kind: kind_words(words, &row.kind),
        name: shown_name(&row),
        row,
    });
    let page = ListPage {
        lines: lines.collect(),
        held: kinds.iter().map(|(_, count)| count).sum(),
        kinds: kinds
            .iter()
            .map(|(kind, count)| {
                Choice::new(kind, format!("{} ({})", kind_words(words, kind), words.n(*count)))
            })
            .collect(),
        q: asked.q,
        kind: asked.r#type,
        with_hidden,
        hidden_href: format!("{here}&hidden=1"),
        pager: Pager {
            previous: if before.is_some() { shown } else { String::new() },
            next: next.unwrap_or_default(),
            total: Some(listed.total),
        },
        listed,
        shell: page::shell(&house, &visitor, "evidence-title"),
    };
    html(&page)
}

/// Names that are dangerous to click on are shown with their teeth drawn.
fn shown_name(row: &ObjectRow) -> String {
    let dangerous = matches!(row.kind.as_str(), "ipv4-addr" | "ipv6-addr" | "domain-name" | "url");
    let seen = dangerous.then(|| Observable::parse(&row.name).ok()).flatten();
    seen.map_or_else(
        || if row.name.is_empty() { row.id.clone() } else { row.name.clone() },
        |seen| seen.defanged(),
    )
}

/// An edge as it stands on the page.
struct Edge {
    words: String,
    outgoing: bool,
    kind: String,
    name: String,
    href: String,
}

#[derive(Template)]
#[template(path = "evidence/object.html")]
struct ObjectPage {
    shell: Shell,
    crumbs: Vec<Link>,
    object: Object,
    kind: String,
    description: String,
    edges: Vec<Edge>,
    observables: Vec<(String, String)>,
    raw: String,
}

async fn one(State(house): State<Arc<House>>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::EvidenceRead, On::default())?;
    let sees = Sees::of(&house, &visitor.ctx);
    let object = house.store.read(move |reader| read::object(reader, sees, &id)).await?;
    let object = object.ok_or_else(Refusal::absent)?;
    let words = visitor.words();
    let edges = object.relations.iter().map(|edge| Edge {
        words: edge.kind.replace(['-', '_'], " "),
        outgoing: edge.outgoing,
        kind: kind_words(words, &edge.other_kind),
        name: if edge.other_name.is_empty() { edge.other.clone() } else { edge.other_name.clone() },
        href: if edge.held { format!("/evidence/{}", edge.other) } else { String::new() },
    });
    let tree: serde_json::Value = serde_json::from_str(&object.text).unwrap_or_default();
    let description =
        tree.get("description").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let observables = object
        .observables
        .iter()
        .map(|seen| (seen.defanged(), format!("/evidence?q={}", percent(&seen.to_string()))))
        .collect();
    let mut shell = page::shell(&house, &visitor, "evidence-object-title");
    shell.title = shown_name(&object.row);
    let page = ObjectPage {
        crumbs: vec![Link { href: "/evidence".to_owned(), label: words.t("evidence-title") }],
        kind: kind_words(words, &object.row.kind),
        raw: serde_json::to_string_pretty(&tree).unwrap_or_default(),
        edges: edges.collect(),
        description,
        observables,
        object,
        shell,
    };
    html(&page)
}
