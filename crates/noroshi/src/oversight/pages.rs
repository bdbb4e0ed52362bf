//! The pages of this pillar, and the published log as plain files for any client of C2SP tlog-tiles.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use noroshi_charter::hat::Hat;
use noroshi_ledger::leaf::{Fact, Stage};
use serde::Deserialize;

use super::read::{self, Counted, Entry, LogState, Side};
use crate::house::House;
use crate::office::authorise::{Action, On, Standing};
use crate::office::ctx::Ctx;
use crate::office::people;
use crate::web::layout::{Link, Pager, Shell, Tone};
use crate::web::locale::{Lang, Words};
use crate::web::page;
use crate::web::refusal::Answer;
use crate::web::visitor::Visitor;

/// Leaves on one page.
const LEAVES_SHOWN: u64 = 25;

/// Routes of this pillar.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/oversight", get(log))
        .route("/oversight/leaves/{index}", get(leaf))
        .route("/oversight/counts", get(counts))
        .route("/log/{*path}", get(file))
}

/// One leaf in words.
struct Row {
    index: u64,
    at: Timestamp,
    what: String,
    hat: String,
    org: String,
    mine: bool,
}

/// Who wrote a leaf, as far as this reader may know. The public log names organisations by opaque identifiers only;
/// that somebody in particular filed a report is for the commission, and each organisation knows its own.
struct Names {
    lang: Lang,
    own: String,
    all: BTreeMap<String, (String, String)>,
}

impl Names {
    async fn for_reader(house: &House, ctx: &Ctx, words: Words) -> Answer<Self> {
        let everything = matches!(
            ctx.hat,
            Hat::CommissionChair | Hat::CommissionMember | Hat::CommissionSecretariat
        );
        let orgs = house.store.read(people::orgs).await?;
        let own = ctx.org.to_string();
        let known = orgs.into_iter().filter(|org| everything || org.org == ctx.org);
        let all = known.map(|org| (org.org.to_string(), (org.name_ja, org.name_en))).collect();
        Ok(Self { lang: words.lang(), own, all })
    }

    fn of(&self, org: &str) -> String {
        let Some((ja, en)) = self.all.get(org) else { return String::new() };
        match self.lang {
            Lang::Ja => ja.clone(),
            Lang::En => en.clone(),
        }
    }
}

impl Row {
    fn new(entry: &Entry, words: Words, names: &Names) -> Self {
        let hat = Hat::parse(&entry.leaf.hat)
            .map_or_else(|| entry.leaf.hat.clone(), |hat| words.t(page::hat_key(hat)));
        Self {
            index: entry.index,
            at: entry.leaf.time.parse().unwrap_or(Timestamp::UNIX_EPOCH),
            what: plain_words(&entry.leaf.fact, words),
            hat,
            org: names.of(&entry.leaf.org),
            mine: entry.leaf.org == names.own,
        }
    }
}

/// A fact in one plain sentence, without its content.
fn plain_words(fact: &Fact, words: Words) -> String {
    let key = match fact {
        Fact::IntakeReport { stage, .. } => match stage {
            Stage::Initial => "oversight-fact-intake-report-initial".to_owned(),
            Stage::Supplement => "oversight-fact-intake-report-supplement".to_owned(),
            Stage::Final => "oversight-fact-intake-report-final".to_owned(),
        },
        Fact::Other(_) => "oversight-fact-other".to_owned(),
        known => format!("oversight-fact-{}", known.kind().replace('.', "-")),
    };
    let counted = match fact {
        Fact::SiftBatch { seen, kept, .. } => {
            vec![("seen", words.n(*seen)), ("kept", words.n(*kept))]
        }
        Fact::SiftDeletion { rows, .. } => vec![("rows", words.n(*rows))],
        Fact::ShareRelease { objects, .. }
        | Fact::ShareRead { objects, .. }
        | Fact::EvidenceChange { objects, .. } => {
            vec![("objects", words.n(*objects))]
        }
        Fact::MeasureDecided { approvals, refusals, .. } => {
            vec![("approvals", words.n(*approvals)), ("refusals", words.n(*refusals))]
        }
        _ => Vec::new(),
    };
    crate::web::refusal::say(words, &key, &counted)
}

#[derive(Template)]
#[template(path = "oversight/log.html")]
struct LogPage {
    shell: Shell,
    state: LogState,
    waiting: u64,
    health: String,
    health_note: String,
    tone: Tone,
    may_count: bool,
    rows: Vec<Row>,
    pager: Pager,
    address: String,
}

/// Which leaves are shown.
#[derive(Debug, Deserialize)]
struct Before {
    /// Leaves before this index; the newest when absent.
    before: Option<u64>,
}

async fn log(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(asked): Query<Before>,
) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::OversightLog, On::default())?;
    let shell = page::shell(&house, &visitor, "oversight-title");
    let names = Names::for_reader(&house, &visitor.ctx, shell.words).await?;
    let state = read::state(&house).await?;
    let end = asked.before.unwrap_or(state.size).min(state.size);
    let start = end.saturating_sub(LEAVES_SHOWN);
    let mut found =
        house.store.read(move |reader| read::leaves(reader, start, end - start)).await?;
    found.reverse();
    let pager = Pager {
        previous: if end < state.size {
            format!("/oversight?before={}", end.saturating_add(LEAVES_SHOWN).min(state.size))
        } else {
            String::new()
        },
        next: if start > 0 { format!("/oversight?before={start}") } else { String::new() },
        total: Some(state.size),
    };
    let health = state.health(visitor.ctx.now);
    html(&LogPage {
        health: shell.t(health.key()),
        health_note: shell.t(format!("{}-note", health.key())),
        tone: health.tone(),
        may_count: house.authoriser.allows(
            visitor.ctx.hat,
            Action::OversightCount,
            Standing::default(),
        ),
        rows: found.iter().map(|entry| Row::new(entry, shell.words, &names)).collect(),
        pager,
        address: format!("{}/log", house.config.origin()),
        waiting: state.durable.saturating_sub(state.size),
        state,
        shell,
    })
}

fn html(page: &impl Template) -> Answer {
    page::html(page)
}

#[derive(Template)]
#[template(path = "oversight/leaf.html")]
struct LeafPage {
    shell: Shell,
    crumbs: Vec<Link>,
    row: Row,
    hash: String,
    root: String,
    size: u64,
    hashes: Vec<String>,
    checkpoint: String,
    json: String,
}

async fn leaf(State(house): State<Arc<House>>, visitor: Visitor, Path(index): Path<u64>) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::OversightLog, On::default())?;
    let found = house.store.read(move |reader| read::leaf(reader, index)).await?;
    let entry = found.ok_or_else(read::no_such_leaf)?;
    let proof = super::api::prove(&house, index).await?;
    let mut shell = page::shell(&house, &visitor, "oversight-leaf");
    shell.title = shell.tv("oversight-leaf-title", &[("index", shell.n(index).into())]);
    let names = Names::for_reader(&house, &visitor.ctx, shell.words).await?;
    let json = serde_json::from_slice::<serde_json::Value>(&entry.bytes)
        .and_then(|leaf| serde_json::to_string_pretty(&leaf))
        .unwrap_or_default();
    let root = proof.checkpoint.lines().nth(2).unwrap_or_default().to_owned();
    html(&LeafPage {
        crumbs: vec![Link { href: "/oversight".to_owned(), label: shell.t("oversight-title") }],
        row: Row::new(&entry, shell.words, &names),
        hash: noroshi_ledger::tree::leaf_hash(&entry.bytes).to_string(),
        root,
        size: proof.size,
        hashes: proof.hashes.iter().map(ToString::to_string).collect(),
        checkpoint: proof.checkpoint,
        json,
        shell,
    })
}

/// One line of the table: what is counted, police, defence.
struct CountLine {
    what: String,
    kept: bool,
    cells: [CountCell; 2],
}

struct CountCell {
    label: String,
    clause: String,
    leaves: Vec<u64>,
}

#[derive(Template)]
#[template(path = "oversight/counts.html")]
struct CountsPage {
    shell: Shell,
    crumbs: Vec<Link>,
    lines: Vec<CountLine>,
    tabs: Vec<(Link, bool)>,
    json: String,
    source: String,
}

/// Which period.
#[derive(Debug, Deserialize)]
struct Period {
    year: Option<i16>,
}

async fn counts(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(period): Query<Period>,
) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::OversightCount, On::default())?;
    let shell = page::shell(&house, &visitor, "oversight-counts-title");
    let state = read::state(&house).await?;
    let (size, year) = (state.size, period.year);
    let rows = house.store.read(move |reader| read::counts(reader, size, year)).await?;
    let cell = |side: Side, what: Counted| CountCell {
        label: shell.t(format!("oversight-side-{}", side.id())),
        clause: shell.tv("oversight-clause", &[("clause", clause_of(side, what).into())]),
        leaves: rows
            .iter()
            .find(|row| row.side == side && row.what == what)
            .map(|row| row.leaves.clone())
            .unwrap_or_default(),
    };
    let line = |what: Counted| CountLine {
        what: shell.t(format!("oversight-count-{}", what.id())),
        kept: what.is_kept(),
        cells: Side::ALL.map(|side| cell(side, what)),
    };
    let tab = |of: Option<i16>| {
        let (href, label) = match of {
            None => ("/oversight/counts".to_owned(), shell.t("oversight-period-all")),
            Some(of) => (
                format!("/oversight/counts?year={of}"),
                shell.tv("oversight-period-year", &[("year", of.to_string().into())]),
            ),
        };
        (Link { href, label }, of == year)
    };
    let now = jiff::tz::Offset::constant(9).to_datetime(visitor.ctx.now).year();
    html(&CountsPage {
        crumbs: vec![Link { href: "/oversight".to_owned(), label: shell.t("oversight-title") }],
        lines: Counted::ALL.map(line).into_iter().collect(),
        tabs: std::iter::once(None).chain((0..3).map(|back| Some(now - back))).map(tab).collect(),
        json: format!(
            "/api/v1/counts{}",
            year.map(|year| format!("?year={year}")).unwrap_or_default()
        ),
        source: shell.tv("oversight-counts-source", &[("size", shell.n(size).into())]),
        shell,
    })
}

/// The item of Act art. 61(2) that a cell answers: (vi), (vii) for the police, (viii), (ix) for defence.
const fn clause_of(side: Side, what: Counted) -> &'static str {
    match (side, what) {
        (Side::Police, Counted::Recommendations) => "61(2)(vii)",
        (Side::Police, _) => "61(2)(vi)",
        (Side::Defence, Counted::Recommendations) => "61(2)(ix)",
        (Side::Defence, _) => "61(2)(viii)",
    }
}

/// A file of the published log. Anybody may copy the log; that is what makes it one.
async fn file(State(house): State<Arc<House>>, Path(path): Path<String>) -> Response {
    let Some((kind, caching)) = served_as(&path) else { return missing() };
    let place = house.log.dir().join(&path);
    let read = tokio::task::spawn_blocking(move || std::fs::read(place)).await;
    let Ok(Ok(bytes)) = read else { return missing() };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, "the log has no such file\n").into_response()
}

/// Media type and caching of a path of the log (C2SP tlog-tiles); `None` for anything that is none.
fn served_as(path: &str) -> Option<(&'static str, &'static str)> {
    match path {
        "checkpoint" => return Some(("text/plain; charset=utf-8", "no-cache")),
        "log.vkey" => return Some(("text/plain; charset=utf-8", "max-age=300")),
        _ => {}
    }
    let rest = path.strip_prefix("tile/")?;
    let part = |part: &str| {
        let digits = part.strip_prefix('x').unwrap_or(part);
        let digits = digits.strip_suffix(".p").unwrap_or(digits);
        part == "entries"
            || (!digits.is_empty()
                && digits.len() <= 3
                && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    // A tile never changes once it is written: a partial one has its width in its name.
    rest.split('/')
        .all(part)
        .then_some(("application/octet-stream", "public, max-age=31536000, immutable"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_the_log_are_served() {
        for path in [
            "checkpoint",
            "log.vkey",
            "tile/0/000",
            "tile/entries/x001/x234/067.p/12",
            "tile/1/000.p/3",
        ] {
            assert!(served_as(path).is_some(), "{path}");
        }
        for path in [
            "",
            ".frontier",
            "tile/../../keys/log.key",
            "tile//0",
            "tile/0/000.part",
            "../noroshi.db",
            "tile/",
            "tile/0/0000",
        ] {
            assert!(served_as(path).is_none(), "{path}");
        }
    }

    #[test]
    fn every_fact_has_words_in_both_languages() {
        for lang in [Lang::Ja, Lang::En] {
            for kind in noroshi_ledger::leaf::KINDS.iter().filter(|kind| **kind != "intake.report")
            {
                let words =
                    Words::new(lang).t(format!("oversight-fact-{}", kind.replace('.', "-")));
                assert!(!words.contains('\u{27e6}'), "{kind}: {words}");
            }
            for health in ["current", "publishing", "late", "stopped", "unsigned"] {
                let note = Words::new(lang).t(format!("oversight-health-{health}-note"));
                assert!(!note.contains('\u{27e6}'), "{note}");
            }
        }
    }
}
