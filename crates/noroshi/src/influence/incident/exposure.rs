//! The exposure matrix: which channels carried what, aimed at whom, and when, with how open each is about who stands behind
//! it (EEAS, 3rd report on FIMI threats, 2025). How open a channel is was said by an analyst with a source; nothing here is
//! computed of a channel. A cell counts cases in which both stand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::IntoResponse as _;
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value as Out, json};
use utoipa::OpenApi;

use super::part::{Body, EXPOSURES};
use crate::house::House;
use crate::influence::act::may;
use crate::office::authorise::Action;
use crate::office::store::{Reader, StoreFailure};
use crate::web::layout::{Link, Shell, Tone};
use crate::web::locale::tokyo;
use crate::web::page::{self, html};
use crate::web::refusal::Answer;
use crate::web::visitor::{Caller, Visitor};

/// This part of the API description.
#[derive(OpenApi)]
#[openapi(paths(exposure_api))]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn api_routes() -> Router<Arc<House>> {
    Router::new().route("/influence/exposure", get(exposure_api))
}

/// Routes of pages.
pub fn page_routes() -> Router<Arc<House>> {
    Router::new().route("/influence/exposure", get(exposure))
}

/// Parts that are looked at, newest first.
const PARTS_MAX: u32 = 50_000;
/// Channels shown.
const CHANNELS_MAX: usize = 200;
/// Columns shown.
const COLUMNS_MAX: usize = 12;
/// What the columns can be.
const SIDES: [&str; 3] = ["narrative", "target", "month"];

/// A channel over all cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRow {
    /// Its name, as it was written last.
    pub name: String,
    /// How open it is about who stands behind it, as it was said last.
    pub exposure: String,
    /// Cases it stands in.
    pub cases: u64,
    /// Cases it shares with each column.
    pub cells: Vec<u64>,
}

/// Channels by what they carried, whom that was aimed at, or when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matrix {
    /// The columns: the most frequent, or the latest months.
    pub columns: Vec<String>,
    /// Columns that are left out.
    pub columns_beyond: u64,
    /// The channels: those in most cases first.
    pub channels: Vec<ChannelRow>,
    /// Channels that are left out.
    pub channels_beyond: u64,
    /// Channels by how open they are.
    pub by_exposure: Vec<(&'static str, u64)>,
}

struct Part {
    incident: String,
    body: Body,
    at: Timestamp,
}

fn parts(reader: &Reader<'_>) -> Result<Vec<Part>, StoreFailure> {
    let sql = format!(
        "SELECT incident, body, at FROM influence_part WHERE kind IN ('channel', 'narrative', 'target') \
         AND ended_at IS NULL ORDER BY at DESC, part LIMIT {PARTS_MAX}"
    );
    let mut parts = reader.all(&sql, &[], |row| {
        Ok(Part { incident: row.text(0)?, body: row.json(1)?, at: row.time(2)? })
    })?;
    parts.reverse();
    Ok(parts)
}

fn month(at: Timestamp) -> String {
    tokyo(at).strftime("%Y-%m").to_string()
}

/// The matrix of what is held now; `side` is `narrative`, `target` or `month`.
pub fn matrix(reader: &Reader<'_>, side: &str) -> Result<Matrix, StoreFailure> {
    Ok(made(&parts(reader)?, side))
}

/// One channel while it is put together: name, exposure, and in which cases and months.
type Channel<'a> = (&'a str, &'a str, BTreeSet<(&'a str, String)>);

fn made(parts: &[Part], side: &str) -> Matrix {
    let mut channels: BTreeMap<String, Channel<'_>> = BTreeMap::new();
    // What stands in each case beside its channels.
    let mut beside: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for part in parts {
        match &part.body {
            Body::Channel { name, exposure, .. } => {
                let entry = channels.entry(name.trim().to_lowercase()).or_insert((
                    name,
                    exposure,
                    BTreeSet::new(),
                ));
                (entry.0, entry.1) = (name, exposure);
                entry.2.insert((&part.incident, month(part.at)));
            }
            Body::Narrative { name, .. } if side == "narrative" => {
                beside.entry(&part.incident).or_default().insert(name);
            }
            Body::Target { name, domestic_person: false, .. } if side == "target" => {
                beside.entry(&part.incident).or_default().insert(name);
            }
            _ => {}
        }
    }
    let of = |channel: &Channel<'_>| -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for (incident, at) in &channel.2 {
            if side == "month" {
                pairs.push((at.clone(), (*incident).to_owned()));
            }
            for name in beside.get(incident).into_iter().flatten() {
                pairs.push(((*name).to_owned(), (*incident).to_owned()));
            }
        }
        pairs
    };
    let mut counts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for channel in channels.values() {
        for (column, incident) in of(channel) {
            counts.entry(column).or_default().insert(incident);
        }
    }
    let columns = columns(&counts, side);
    let mut rows: Vec<ChannelRow> = channels
        .values()
        .map(|channel| {
            let pairs: BTreeSet<(String, String)> = of(channel).into_iter().collect();
            let cell =
                |column: &String| pairs.iter().filter(|pair| pair.0 == *column).count() as u64;
            let cases: BTreeSet<&str> = channel.2.iter().map(|one| one.0).collect();
            ChannelRow {
                name: channel.0.to_owned(),
                exposure: channel.1.to_owned(),
                cases: cases.len() as u64,
                cells: columns.iter().map(cell).collect(),
            }
        })
        .collect();
    rows.sort_by(|one, other| (other.cases, &one.name).cmp(&(one.cases, &other.name)));
    let count =
        |code: &'static str| (code, rows.iter().filter(|row| row.exposure == code).count() as u64);
    let by_exposure = EXPOSURES.into_iter().map(count).collect();
    let channels_beyond = rows.len().saturating_sub(CHANNELS_MAX) as u64;
    rows.truncate(CHANNELS_MAX);
    let columns_beyond = counts.len().saturating_sub(columns.len()) as u64;
    Matrix { columns, columns_beyond, channels: rows, channels_beyond, by_exposure }
}

/// The columns that are shown: the latest months in their order, otherwise those of most cases.
fn columns(counts: &BTreeMap<String, BTreeSet<String>>, side: &str) -> Vec<String> {
    if side == "month" {
        let from = counts.len().saturating_sub(COLUMNS_MAX);
        return counts.keys().skip(from).cloned().collect();
    }
    let mut all: Vec<(&String, usize)> =
        counts.iter().map(|(column, cases)| (column, cases.len())).collect();
    all.sort_by(|one, other| (other.1, one.0).cmp(&(one.1, other.0)));
    all.into_iter().take(COLUMNS_MAX).map(|(column, _)| column.clone()).collect()
}

/// What the columns are.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// `narrative`, `target` or `month`.
    #[serde(default)]
    by: String,
}

impl Asked {
    fn side(&self) -> &'static str {
        SIDES.into_iter().find(|side| *side == self.by).unwrap_or("narrative")
    }
}

/// Channels by narratives, targets or months; a cell counts cases in which both stand.
#[utoipa::path(get, path = "/influence/exposure", tag = "influence", params(Asked),
    responses((status = 200, description = "`columns` and `channels`")))]
async fn exposure_api(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Answer {
    may(&house, &caller.ctx, Action::InfluenceRead)?;
    let side = asked.side();
    let found = house.store.read(move |reader| matrix(reader, side)).await?;
    let channels: Vec<Out> = found
        .channels
        .iter()
        .map(|row| {
            json!({
                "name": row.name, "exposure": row.exposure, "cases": row.cases, "cells": row.cells,
            })
        })
        .collect();
    let by: Vec<Out> = found
        .by_exposure
        .iter()
        .map(|(code, count)| json!({ "exposure": code, "channels": count }))
        .collect();
    Ok(Json(json!({
        "by": side, "columns": found.columns, "columns_left_out": found.columns_beyond, "channels": channels,
        "channels_left_out": found.channels_beyond, "exposures": by,
    }))
    .into_response())
}

#[derive(Template)]
#[template(path = "influence/exposure.html")]
struct ExposurePage {
    shell: Shell,
    crumbs: Vec<Link>,
    sides: Vec<(Link, bool)>,
    m: Matrix,
    exposures: Vec<(String, u64)>,
    rows: Vec<(ChannelRow, String, Tone)>,
    heads: Vec<(String, &'static str)>,
    beyond: String,
}

fn tone(exposure: &str) -> Tone {
    match exposure {
        "official" | "state_controlled" => Tone::Bad,
        "state_linked" | "state_aligned" => Tone::Warn,
        _ => Tone::Neutral,
    }
}

async fn exposure(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Answer {
    may(&house, &visitor.ctx, Action::InfluenceRead)?;
    let (side, words) = (asked.side(), visitor.words());
    let m = house.store.read(move |reader| matrix(reader, side)).await?;
    let word = |code: &str| words.t(format!("influence-choice-{}", code.replace('_', "-")));
    let link = |one: &&'static str| {
        let href = format!("/influence/exposure?by={one}");
        (Link { href, label: words.t(format!("influence-exposure-by-{one}")) }, *one == side)
    };
    let mut heads = vec![
        (words.t("influence-part-channel"), ""),
        (words.t("influence-exposure"), ""),
        (words.t("influence-incidents"), "num"),
    ];
    heads.extend(m.columns.iter().map(|column| (column.clone(), "num")));
    html(&ExposurePage {
        crumbs: vec![Link { href: "/influence".to_owned(), label: words.t("influence-title") }],
        sides: SIDES.iter().map(link).collect(),
        exposures: m.by_exposure.iter().map(|(code, count)| (word(code), *count)).collect(),
        rows: m
            .channels
            .iter()
            .map(|row| (row.clone(), word(&row.exposure), tone(&row.exposure)))
            .collect(),
        heads,
        beyond: words.tv(
            "influence-exposure-beyond",
            &[
                ("channels", words.n(m.channels_beyond).into()),
                ("columns", words.n(m.columns_beyond).into()),
            ],
        ),
        shell: page::shell(&house, &visitor, "influence-exposure-title"),
        m,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(incident: &str, at: &str, body: Out) -> Part {
        Part {
            incident: incident.to_owned(),
            body: serde_json::from_value(body).unwrap(),
            at: at.parse().unwrap(),
        }
    }

    #[test]
    fn a_cell_counts_the_cases_in_which_both_stand() {
        let channel = |name: &str, exposure: &str| {
            json!({
                "kind": "channel", "name": name, "channel_type": "website", "exposure": exposure, "source": "s",
                "holder": "unknown",
            })
        };
        let narrative = |name: &str| json!({ "kind": "narrative", "name": name, "summary": "s" });
        let target = |name: &str, person: bool| json!({ "kind": "target", "target": "organization", "name": name, "domestic_person": person });
        let parts = [
            part("fimi-1", "2026-09-01T00:00:00Z", channel("News.Example", "unattributed")),
            part("fimi-1", "2026-09-01T00:00:00Z", narrative("polls")),
            part("fimi-1", "2026-09-02T00:00:00Z", target("架空私人", true)),
            part("fimi-2", "2026-10-01T00:00:00Z", channel("news.example ", "state_linked")),
            part("fimi-2", "2026-10-01T00:00:00Z", channel("other.example", "official")),
            part("fimi-2", "2026-10-01T00:00:00Z", narrative("polls")),
            part("fimi-2", "2026-10-01T00:00:00Z", narrative("oil")),
            part("fimi-2", "2026-10-01T00:00:00Z", target("架空新聞", false)),
        ];
        let by = made(&parts, "narrative");
        assert_eq!(by.columns, ["polls", "oil"]);
        let told: Vec<_> = by
            .channels
            .iter()
            .map(|row| (row.name.trim(), row.exposure.as_str(), row.cases, row.cells.clone()))
            .collect();
        assert_eq!(
            told,
            [
                ("news.example", "state_linked", 2, vec![2, 1]),
                ("other.example", "official", 1, vec![1, 1])
            ]
        );
        let by = made(&parts, "target");
        assert_eq!(by.columns, ["架空新聞"], "a private person is no column");
        assert_eq!(by.channels[0].cells, [1]);
        let by = made(&parts, "month");
        assert_eq!(
            (by.columns.as_slice(), by.channels[0].cells.as_slice()),
            (["2026-09", "2026-10"].map(str::to_owned).as_slice(), [1, 1].as_slice())
        );
        assert_eq!(by.by_exposure.iter().map(|one| one.1).sum::<u64>(), 2);
    }
}
