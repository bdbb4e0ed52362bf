//! Certificates of selection for people: what was looked at, what was kept, and that nothing is unaccounted for.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use noroshi_sift::certificate::Tally;
use serde::Deserialize;

use super::read::{self, Taken};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::web::layout::{Link, Pager, Shell};
use crate::web::locale::{Lang, Words};
use crate::web::page::{self, html};
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::Visitor;

/// Certificates of one page.
const PAGE: u32 = 50;
/// Width of the balance in units of its drawing.
const WIDTH: u64 = 1_000;

/// Routes of this pillar.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/sift", get(list))
        .route("/sift/{id}", get(one))
        .merge(super::law::pages::routes())
        .merge(super::pseudonym_pages::routes())
}

/// One piece of the balance: where it stands, how wide it is, what it is called, how many records.
struct Piece {
    x: u64,
    width: u64,
    class: &'static str,
    label: String,
    count: u64,
}

/// The places a record can go to, drawn side by side; together they are as long as what was seen.
fn pieces(words: Words, counts: [u64; 5]) -> Vec<Piece> {
    const PLACES: [(&str, &str); 5] = [
        ("sift-kept", "bar bar-marked"),
        ("sift-unmatched", "bar"),
        ("sift-direction", "bar bar-2"),
        ("sift-content", "bar bar-3"),
        ("sift-errors", "bar bar-4"),
    ];
    let seen: u64 = counts.iter().sum::<u64>().max(1);
    let scaled = |sum: u64| {
        u64::try_from(u128::from(sum) * u128::from(WIDTH) / u128::from(seen)).unwrap_or(WIDTH)
    };
    let mut sum = 0u64;
    let mut pieces = Vec::with_capacity(PLACES.len());
    for ((key, class), count) in PLACES.into_iter().zip(counts) {
        let x = scaled(sum);
        sum = sum.saturating_add(count);
        // What exists is seen, however little it is.
        let width = (scaled(sum) - x).max(u64::from(count > 0) * 4);
        pieces.push(Piece {
            x: x.min(WIDTH - width.min(WIDTH)),
            width,
            class,
            label: words.t(key),
            count,
        });
    }
    pieces
}

fn counts(tally: &Tally) -> [u64; 5] {
    [tally.kept, tally.unmatched, tally.direction, tally.content, tally.errors]
}

/// A certificate as it stands on a page.
struct Line {
    taken: Taken,
    org: String,
    pieces: Vec<Piece>,
}

fn line(words: Words, taken: Taken) -> Line {
    let org = match words.lang() {
        Lang::Ja => taken.org_names.0.clone(),
        Lang::En => taken.org_names.1.clone(),
    };
    Line { org, pieces: pieces(words, counts(&taken.certificate.tally)), taken }
}

#[derive(Template)]
#[template(path = "sift/list.html")]
struct ListPage {
    shell: Shell,
    lines: Vec<Line>,
    pager: Pager,
    seen: u64,
    total: Vec<Piece>,
    certificates: u64,
    may_pseudonyms: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    before: Option<u64>,
}

async fn list(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::SiftRead, On::default())?;
    let (found, (sums, certificates)) = house
        .store
        .read(move |reader| Ok((read::list(reader, asked.before, PAGE)?, read::totals(reader)?)))
        .await?;
    let words = visitor.words();
    let full = found.len() == usize::try_from(PAGE).unwrap_or(usize::MAX);
    let next =
        found.last().filter(|_| full).map(|taken| format!("/sift?before={}", taken.position));
    let [seen, parts @ ..] = sums;
    let page = ListPage {
        lines: found.into_iter().map(|taken| line(words, taken)).collect(),
        pager: Pager {
            previous: String::new(),
            next: next.unwrap_or_default(),
            total: Some(certificates),
        },
        seen,
        total: pieces(words, parts),
        certificates,
        may_pseudonyms: super::pseudonym_pages::may_see(&house, &visitor).is_ok(),
        shell: page::shell(&house, &visitor, "sift-title"),
    };
    html(&page)
}

#[derive(Template)]
#[template(path = "sift/one.html")]
struct OnePage {
    shell: Shell,
    crumbs: Vec<Link>,
    line: Line,
    mode: String,
    text: String,
}

async fn one(State(house): State<Arc<House>>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::SiftRead, On::default())?;
    let taken = house
        .store
        .read(move |reader| read::one(reader, &id))
        .await?
        .ok_or_else(Refusal::absent)?;
    let words = visitor.words();
    let mode = serde_json::to_value(taken.certificate.mode).unwrap_or_default();
    let page = OnePage {
        crumbs: vec![Link { href: "/sift".to_owned(), label: words.t("sift-title") }],
        mode: words.t(format!("sift-mode-{}", mode.as_str().unwrap_or_default())),
        text: serde_json::to_string_pretty(&taken.certificate).unwrap_or_default(),
        line: line(words, taken),
        shell: page::shell(&house, &visitor, "sift-one-title"),
    };
    html(&page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_lie_inside_the_balance_and_what_exists_is_seen(counts in proptest::array::uniform5(0..u64::MAX / 8)) {
            let pieces = pieces(Words::new(Lang::En), counts);
            for (piece, count) in pieces.iter().zip(counts) {
                prop_assert!(piece.x + piece.width <= WIDTH);
                prop_assert_eq!(piece.width > 0 || count == 0, true);
                prop_assert_eq!(piece.count, count);
            }
        }
    }
}
