//! Runs for people: asking for one, the picture of the network, groups, copies with their differences, lookalikes, and two
//! periods side by side. Everything works without a script.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use jiff::Timestamp;
use jiff::civil::Date;
use noroshi_charter::coordination::{Family, Level};
use noroshi_insight::coordination::TraceKind;
use noroshi_insight::copies::diff::{Change as Differs, diff};
use serde::Deserialize;
use serde_json::{Value, json};

use super::act::{self, NewReview, Parameters};
use super::draw::{self, Picture, Shown};
use super::read::{self, Review, Run};
use super::results::{
    ClusterRow, EdgeRow, FindRow, GroupRow, HitRow, Likeness, MemberRow, Results,
};
use super::{api, engine, finds, pack, sites};
use crate::house::House;
use crate::influence::act::collection;
use crate::influence::api::of_vault;
use crate::influence::vault::{Holding, VaultFailure};
use crate::office::authorise::{Action, On};
use crate::office::commit::Change;
use crate::web::forms::{Choice, FormState};
use crate::web::layout::{Link, Shell, Tone};
use crate::web::locale::{Words, from_tokyo, tokyo};
use crate::web::page::{self, html};
use crate::web::refusal::{Answer, Failure, Refusal, say};
use crate::web::visitor::{Posted, Visitor};

/// Rows of one table of a page.
const ROWS: u32 = 100;
/// Copies that are read side by side on one page.
const COPIES_SHOWN: u32 = 20;
/// Edges told one by one on the page of a group.
const EDGES_TOLD: usize = 12;

/// Routes of the runs.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/influence/collections/{id}/runs", get(list).post(ask))
        .route("/influence/runs/{id}", get(one))
        .route("/influence/runs/{id}/groups/{group}", get(group).post(propose))
        .route("/influence/runs/{id}/clusters/{cluster}", get(cluster))
        .route("/influence/runs/{id}/finds/{table}/{number}", get(finds::find))
        .route("/influence/runs/{id}/tables/{file}", get(finds::download))
        .route("/influence/runs/{id}/compare", get(compare))
        .route("/influence/runs/{id}/pack", get(pack_of))
        .route("/influence/reviews/{id}/confirm", post(confirm))
        .route("/influence/reviews/{id}/withdraw", post(withdraw))
}

fn may(house: &House, visitor: &Visitor, action: Action) -> bool {
    house.authoriser.check(&visitor.ctx, action, On::default()).is_ok()
}

fn word(words: Words, prefix: &str, code: &str) -> String {
    words.t(format!("influence-{prefix}-{}", code.replace('_', "-")))
}

fn tone(level: Level) -> Tone {
    match level {
        Level::E4 => Tone::Bad,
        Level::E3 => Tone::Warn,
        Level::E2 => Tone::Info,
        Level::E0 | Level::E1 => Tone::Neutral,
    }
}

pub(super) fn run_crumbs(words: Words, run: &Run) -> Vec<Link> {
    vec![
        Link { href: "/influence".to_owned(), label: words.t("influence-title") },
        Link {
            href: format!("/influence/collections/{}", run.collection),
            label: words.t("influence-collection"),
        },
        Link {
            href: format!("/influence/collections/{}/runs", run.collection),
            label: words.t("influence-runs"),
        },
    ]
}

// ---- the runs of a collection ----------------------------------------------------------------------------------

#[derive(Template)]
#[template(path = "influence/runs.html")]
struct RunsPage {
    shell: Shell,
    crumbs: Vec<Link>,
    collection: String,
    rows: Vec<(Run, String, String, Tone)>,
    engines: Vec<(Link, String, bool)>,
    engine: String,
    engine_label: String,
    wants: Wants,
    traces: Vec<Choice>,
    channels: Vec<Choice>,
    models: Vec<Choice>,
    form: FormState,
    told: Option<(String, String, String)>,
    may_ask: bool,
}

/// Which fields the form of an engine has: it asks for nothing that the engine does not read.
struct Wants {
    traces: bool,
    channel: bool,
    coordination: bool,
    protected: bool,
}

impl Wants {
    fn of(engine: &str) -> Self {
        Self {
            traces: matches!(engine, "coordination" | "amplification" | "sites"),
            channel: matches!(engine, "amplification" | "sites"),
            coordination: engine == "coordination",
            protected: engine == "lookalike",
        }
    }
}

/// Which engine is asked about.
#[derive(Debug, Default, Deserialize)]
struct Asking {
    #[serde(default)]
    engine: String,
}

async fn list(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(asking): Query<Asking>,
) -> Answer {
    let known = act::ENGINES.iter().find(|one| **one == asking.engine);
    let mut form = FormState::new();
    form.set("engine", *known.unwrap_or(&"coordination"));
    list_page(&house, &visitor, &id, form, None).await
}

/// What a trace is called: by its kind, with its name behind; what somebody named is called as it was named.
fn called(words: Words, trace: &str) -> String {
    match engine::kind_of(trace) {
        TraceKind::Other => trace.to_owned(),
        kind => {
            let code = serde_json::to_value(kind).unwrap_or_default();
            let shared = word(words, "shared", code.as_str().unwrap_or_default());
            words
                .tv("influence-trace-called", &[("shared", shared.into()), ("trace", trace.into())])
        }
    }
}

/// What can be asked of a collection as shared: what it holds, and what is made of that.
fn traces(words: Words, holding: &Holding, engine: &str, channel: &str) -> Vec<Choice> {
    let at_one_site =
        |trace: &str| engine == "sites" && channel == "domain" && matches!(trace, "url" | "domain");
    let holds = |name: &str| holding.traces.iter().any(|(trace, ..)| trace == name);
    let is_shared = |trace: &str| !act::BESIDE.contains(&trace) && !at_one_site(trace);
    let mut choices: Vec<Choice> = holding
        .traces
        .iter()
        .filter(|(trace, ..)| is_shared(trace))
        .map(|(trace, shares, objects)| {
            let note = words.tv(
                "influence-trace-note",
                &[("shares", words.n(*shares).into()), ("objects", words.n(*objects).into())],
            );
            let note = match trace.as_str() {
                "hashtag" => format!("{note}; {}", words.t("influence-trace-help-hashtag")),
                _ => note,
            };
            Choice::with_help(trace, called(words, trace), note)
        })
        .collect();
    let made = [
        ("text", holding.texts > 0),
        ("fast_repost", engine == "coordination" && holds("repost")),
        ("hashtag_set", engine == "coordination" && holds("hashtag")),
    ];
    for (trace, _) in made.into_iter().filter(|(_, is_there)| *is_there) {
        let help = word(words, "trace-help", trace);
        choices.push(Choice::with_help(trace, called(words, trace), help));
    }
    choices
}

async fn list_page(
    house: &Arc<House>,
    visitor: &Visitor,
    id: &str,
    mut form: FormState,
    refusal: Option<&Refusal>,
) -> Answer {
    collection(house, &visitor.ctx, id).await?;
    let words = visitor.words();
    let of = id.to_owned();
    let runs = house.store.read(move |reader| read::runs(reader, &of, ROWS)).await?;
    let holding = crate::influence::api::holding(house, id).await?;
    let engine = form.value("engine").to_owned();
    let wants = Wants::of(&engine);
    if wants.channel && form.value("channel").is_empty() {
        form.set("channel", if engine == "sites" { "domain" } else { "account" });
    }
    let traces = traces(words, &holding, &engine, form.value("channel"));
    if form.all("traces").is_empty() && form.is_ok() && refusal.is_none() {
        // One is chosen already: the first that the collection holds.
        let usual = ["url", "url_id", "text"];
        let first = usual.iter().find(|one| traces.iter().any(|held| held.value == **one));
        if let Some(first) =
            first.map(|one| (*one).to_owned()).or(traces.first().map(|one| one.value.clone()))
        {
            form.set("traces", first);
        }
    }
    let row = |run: Run| {
        let engine = word(words, "engine", &run.parameters.engine);
        let state = word(words, "run-state", &run.state);
        let tone = match run.state.as_str() {
            "done" => Tone::Ok,
            "failed" => Tone::Bad,
            _ => Tone::Info,
        };
        (run, engine, state, tone)
    };
    let choice = |one: &&str| {
        let href = format!("/influence/collections/{id}/runs?engine={one}#ask");
        let link = Link { href, label: word(words, "engine", one) };
        (link, word(words, "engine-help", one), **one == engine)
    };
    let named = |prefix: &str, codes: &[&str]| -> Vec<Choice> {
        codes.iter().map(|one| Choice::new(*one, word(words, prefix, one))).collect()
    };
    html(&RunsPage {
        crumbs: vec![
            Link { href: "/influence".to_owned(), label: words.t("influence-title") },
            Link {
                href: format!("/influence/collections/{id}"),
                label: words.t("influence-collection"),
            },
        ],
        collection: id.to_owned(),
        rows: runs.into_iter().map(row).collect(),
        engines: act::ENGINES.iter().map(choice).collect(),
        engine_label: word(words, "engine", &engine),
        engine,
        wants,
        traces,
        channels: named("channel", &act::CHANNELS),
        models: named("models", &act::MODELS),
        form: form.labelled("influence-field"),
        told: refusal.map(|refusal| {
            let next = say(words, &format!("{}-next", refusal.code), &refusal.args);
            (refusal.code.to_owned(), say(words, refusal.code, &refusal.args), next)
        }),
        may_ask: may(house, visitor, Action::InfluenceAnalyse),
        shell: page::shell(house, visitor, "influence-runs"),
    })
}

async fn ask(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let pairs = posted.values.names().flat_map(|name| {
        posted.values.all(name).into_iter().map(move |value| (name.to_owned(), value.to_owned()))
    });
    let mut form = FormState::posted(pairs.collect::<Vec<_>>()).labelled("influence-field");
    let wants = Wants::of(form.value("engine"));
    // What the form of another engine had typed into it is no part of this question.
    let text = |is_asked: bool, name: &str| {
        if is_asked { form.value(name).to_owned() } else { String::new() }
    };
    let asked = Parameters {
        engine: form.value("engine").to_owned(),
        traces: if wants.traces { form.all("traces") } else { Vec::new() },
        channel: text(wants.channel, "channel"),
        models: text(wants.coordination, "models"),
        protected: text(wants.protected, "protected"),
        window_seconds: form.number("window").filter(|_| wants.coordination),
        false_discovery_max: form.number("rate").unwrap_or(0.01),
        slice_seconds: if form.chosen("slice", "six_hours") { 21_600 } else { 86_400 },
        from: form.moment("from"),
        until: form.moment("until"),
        seed: 0,
    };
    if wants.traces && asked.traces.is_empty() {
        form.fail("traces", crate::web::forms::FieldError::new("NRS-INFL-1204", "NRS-INFL-1204"));
    }
    if !form.is_ok() {
        let page = list_page(&house, &posted.visitor, &id, form, None).await;
        return page.map(|page| (StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    match act::ask(&house, &posted.visitor.ctx, &id, asked).await {
        Ok(made) => Ok(Redirect::to(&format!("/influence/runs/{}", made.id)).into_response()),
        Err(Failure::Refused(refusal)) if refusal.status == StatusCode::UNPROCESSABLE_ENTITY => {
            let page = list_page(&house, &posted.visitor, &id, form, Some(&refusal)).await;
            page.map(|page| (StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(failure) => Err(failure),
    }
}

// ---- one run ---------------------------------------------------------------------------------------------------

/// Which days are looked at: a range of days in Japan.
#[derive(Debug, Default, Deserialize)]
struct Days {
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    with: String,
}

impl Days {
    /// Seconds since 1970; everything where a day is no day.
    fn within(&self) -> (i64, i64) {
        let day = |text: &str, hour: i8, minute: i8| {
            let day: Date = text.trim().parse().ok()?;
            Some(from_tokyo(day.at(hour, minute, 0, 0))?.as_second())
        };
        (
            day(&self.from, 0, 0).unwrap_or(i64::MIN),
            day(&self.until, 23, 59).map_or(i64::MAX, |second| second.saturating_add(59)),
        )
    }
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn day_of(second: i64) -> String {
    tokyo(moment(second)).date().to_string()
}

/// A group in a table.
struct GroupLine {
    row: GroupRow,
    level: String,
    tone: Tone,
    first: Timestamp,
    last: Timestamp,
    href: String,
}

fn group_line(run: &str, row: GroupRow, reviews: &[Review]) -> GroupLine {
    let level = pack::level_of(&row, reviews);
    GroupLine {
        level: level.code().to_owned(),
        tone: tone(level),
        first: moment(row.span.0),
        last: moment(row.span.1),
        href: format!("/influence/runs/{run}/groups/{}", row.number),
        row,
    }
}

#[derive(Template)]
#[template(path = "influence/run.html")]
struct RunPage {
    shell: Shell,
    crumbs: Vec<Link>,
    run: Run,
    engine: String,
    state: String,
    failure: String,
    tiles: Vec<(String, String)>,
    controls: Vec<String>,
    watched: u64,
    picture: Picture,
    picture_note: String,
    groups: Vec<GroupLine>,
    clusters: Vec<ClusterRow>,
    hits: Vec<HitRow>,
    /// Names like protected ones that no stranger can register.
    closed: Vec<HitRow>,
    shelves: Vec<finds::Shelf>,
    files: Vec<&'static str>,
    map: sites::Map,
    map_note: String,
    families: Vec<sites::FamilyLine>,
    from: String,
    until: String,
    slices: Vec<(Link, bool)>,
    others: Vec<Choice>,
    may_take_out: bool,
}

/// What the file of a run gives for its page.
#[derive(Default)]
struct Gathered {
    groups: Vec<GroupRow>,
    counted: (u64, u64),
    picture: Picture,
    clusters: Vec<ClusterRow>,
    hits: Vec<HitRow>,
    closed: Vec<HitRow>,
    span: Option<(i64, i64)>,
    shelves: Vec<finds::Shelf>,
    links: (Vec<FindRow>, u64),
}

fn gather(
    results: &Results,
    words: Words,
    run: &Run,
    within: (i64, i64),
) -> Result<Gathered, VaultFailure> {
    let shelves = finds::shelves(results, words, run)?;
    let links = if run.parameters.engine == "sites" {
        let drawn = u32::try_from(sites::LINKS_MAX).unwrap_or(u32::MAX);
        (results.finds("links", 0, drawn)?, results.find_count("links")?)
    } else {
        (Vec::new(), 0)
    };
    let drawn = u32::try_from(draw::GROUPS_MAX).unwrap_or(u32::MAX);
    let every = results.groups((i64::MIN, i64::MAX), 0, u32::MAX)?;
    let active = |group: &&GroupRow| group.span.1 >= within.0 && group.span.0 <= within.1;
    let active = every.iter().filter(active).count() as u64;
    let first = every.iter().map(|group| group.span.0).min();
    let last = every.iter().map(|group| group.span.1).max();
    let groups = results.groups(within, 0, drawn)?;
    let counted = results.edge_counts(within)?;
    Ok(Gathered {
        picture: picture(results, &run.run, &groups, within, active)?,
        shelves,
        links,
        clusters: results.clusters(0, ROWS)?,
        hits: results.hits(Likeness::Imitates, 0, ROWS)?,
        closed: results.hits(Likeness::Closed, 0, ROWS)?,
        span: first.zip(last),
        counted,
        groups,
    })
}

fn picture(
    results: &Results,
    run: &str,
    groups: &[GroupRow],
    within: (i64, i64),
    all_groups: u64,
) -> Result<Picture, VaultFailure> {
    let lines = u32::try_from(draw::LINES_MAX).unwrap_or(u32::MAX);
    let accounts: u64 = groups.iter().map(|group| group.accounts).sum();
    let fits = usize::try_from(accounts).is_ok_and(|all| all <= draw::ACCOUNTS_MAX);
    let (edges_all, _) = results.edge_counts(within)?;
    if fits {
        let mut shown = Vec::new();
        for group in groups {
            shown.push(Shown { group, members: results.members(group.number)? });
        }
        let edges = results.edges(None, within, lines)?;
        return Ok(draw::accounts(&shown, &edges, edges_all, run));
    }
    Ok(draw::groups(groups, &results.between(within)?, all_groups, run))
}

fn tiles(words: Words, run: &Run) -> Vec<(String, String)> {
    let keys: &[&str] = match run.parameters.engine.as_str() {
        "coordination" => &["edges", "groups", "e3", "e2", "companions", "watched"],
        "copies" => &["posts", "clusters", "clustered", "short", "left_out"],
        "cadence" => {
            &["accounts", "described", "outstanding", "creations", "sleepers", "returns", "names"]
        }
        "amplification" => &["items", "channels", "spreads", "links", "chains", "left_out"],
        "sites" => &["items", "channels", "links", "chains", "passed", "left_out"],
        "residue" => &["texts", "with_residue", "hits", "quoted", "left_out"],
        "narratives" => &["posts", "texts", "topics", "alone", "left_out"],
        _ => &["domains", "hits", "closed", "owned", "unlike", "protected"],
    };
    let tile = |name: &&str| {
        let value = run.summary.get(*name).and_then(Value::as_u64).unwrap_or(0);
        (word(words, "sum", name), words.n(value))
    };
    keys.iter().map(tile).collect()
}

/// Tenths of the time of a run: the steps of the slider, as links.
fn slices(run: &str, span: Option<(i64, i64)>, days: &Days) -> Vec<(Link, bool)> {
    let Some((first, last)) = span else { return Vec::new() };
    let step = ((last - first) / 10).max(86_400);
    let mut slices = Vec::new();
    let mut at = first;
    while at <= last && slices.len() < 12 {
        let (from, until) = (day_of(at), day_of((at + step - 1).min(last)));
        let current = days.from == from && days.until == until;
        let href = format!("/influence/runs/{run}?from={from}&until={until}#network");
        let label = if from == until { from } else { format!("{from} \u{2013} {until}") };
        slices.push((Link { href, label }, current));
        at += step;
    }
    slices
}

async fn one(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(days): Query<Days>,
) -> Answer {
    let run = act::find(&house, &visitor.ctx, &id).await?;
    let words = visitor.words();
    let of = run.collection.clone();
    let others = house.store.read(move |reader| read::runs(reader, &of, ROWS)).await?;
    let reviews = if run.state == "done" { act::reviews(&house, &run).await? } else { Vec::new() };
    let (within, of) = (days.within(), run.clone());
    let found = if run.state == "done" {
        act::of_results(&house, &run.run, move |results| gather(results, words, &of, within))
            .await?
    } else {
        Gathered::default()
    };
    let drawn = sites::drawn(&found.links.0);
    let families = sites::known_families(&house, &visitor.ctx, &drawn).await?;
    let map = sites::map(&found.links.0, found.links.1, &families, &run.run, |from, to, items| {
        let items = words.n(items);
        words.tv(
            "influence-map-way",
            &[("from", from.into()), ("to", to.into()), ("items", items.into())],
        )
    });
    let name = run.run.clone();
    let watched = of_vault(&house, &run.collection, move |vault| vault.watched(&name)).await?;
    let same = |one: &&Run| {
        one.run != run.run
            && one.state == "done"
            && one.parameters.engine == "coordination"
            && run.parameters.engine == "coordination"
    };
    let other = |one: &Run| Choice::new(&one.run, format!("{} / {}", one.run, words.stamp(one.at)));
    html(&RunPage {
        crumbs: run_crumbs(words, &run),
        engine: word(words, "engine", &run.parameters.engine),
        state: word(words, "run-state", &run.state),
        failure: run
            .summary
            .get("failure")
            .and_then(Value::as_str)
            .map(|code| if code.starts_with("NRS-") { words.t(code) } else { code.to_owned() })
            .unwrap_or_default(),
        tiles: if run.state == "done" { tiles(words, &run) } else { Vec::new() },
        controls: pack::controls(words, &run),
        watched,
        picture_note: picture_note(words, &found, &run),
        picture: found.picture,
        map_note: words.tv(
            "influence-map-note",
            &[("sites", words.n(map.hidden.0).into()), ("links", words.n(map.hidden.1).into())],
        ),
        map,
        families,
        shelves: found.shelves,
        files: if run.state == "done" { finds::names(&run.parameters.engine) } else { Vec::new() },
        groups: found.groups.into_iter().map(|row| group_line(&run.run, row, &reviews)).collect(),
        clusters: found.clusters,
        hits: found.hits,
        closed: found.closed,
        slices: slices(&run.run, found.span, &days),
        from: days.from,
        until: days.until,
        others: others.iter().filter(same).map(other).collect(),
        may_take_out: may(&house, &visitor, Action::InfluenceAnalyse) && run.state == "done",
        shell: page::shell(&house, &visitor, "influence-run"),
        run,
    })
}

fn picture_note(words: Words, found: &Gathered, run: &Run) -> String {
    let (hidden, lines) = found.picture.hidden;
    let key = if found.picture.is_grouped {
        "influence-picture-groups"
    } else {
        "influence-picture-accounts"
    };
    let note = words.tv(
        key,
        &[
            ("hidden", words.n(hidden).into()),
            ("lines", words.n(lines).into()),
            ("edges", words.n(found.counted.0).into()),
        ],
    );
    match run.summary.get("pairs").and_then(Value::as_u64).unwrap_or(0) {
        0 => note,
        pairs => {
            let pairs = words.tv("influence-picture-pairs", &[("pairs", words.n(pairs).into())]);
            format!("{note} {pairs}")
        }
    }
}

// ---- one group -------------------------------------------------------------------------------------------------

/// A joint share that is shown as an example.
struct ExemplarLine {
    object: String,
    posts: String,
    at: Timestamp,
    gap: i64,
}

/// An edge, explained.
struct EdgeLine {
    sentence: String,
    exemplars: Vec<ExemplarLine>,
}

#[derive(Template)]
#[template(path = "influence/group.html")]
struct GroupPage {
    shell: Shell,
    crumbs: Vec<Link>,
    run: String,
    number: i64,
    level: String,
    tone: Tone,
    facts: Vec<(String, String)>,
    picture: Picture,
    members: Vec<(MemberRow, String)>,
    companions: Vec<(String, String)>,
    edges: Vec<EdgeLine>,
    edges_left: u64,
    controls: Vec<String>,
    undeclared: u64,
    declared: Vec<String>,
    reviews: Vec<(Review, bool)>,
    families: Vec<Choice>,
    form: FormState,
    may_review: bool,
    may_withdraw: bool,
}

fn exemplars(edge: &EdgeRow) -> Vec<ExemplarLine> {
    let traces = edge.body.get("traces").and_then(Value::as_array).into_iter().flatten();
    let all = traces.flat_map(|trace| trace.get("exemplars").and_then(Value::as_array)).flatten();
    let line = |one: &Value| {
        let of = |name: &str| one.get(name).and_then(Value::as_i64).unwrap_or(0);
        let text = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default();
        ExemplarLine {
            object: text("object").to_owned(),
            posts: format!("{} / {}", text("post_a"), text("post_b")),
            at: moment(of("time_a").min(of("time_b"))),
            gap: (of("time_b") - of("time_a")).abs(),
        }
    };
    all.take(5).map(line).collect()
}

fn facts(words: Words, row: &GroupRow) -> Vec<(String, String)> {
    let names = [
        "days",
        "bursts",
        "reach",
        "exclusive",
        "gap_median",
        "synchronous",
        "cadence_alike",
        "same_name",
        "stability",
    ];
    let fact = |name: &&str| {
        let value = row.body.get(*name)?;
        let text = value.as_u64().map_or_else(|| value.to_string(), |number| words.n(number));
        (!value.is_null()).then(|| (word(words, "group-fact", name), text))
    };
    names.iter().filter_map(fact).collect()
}

/// Accounts beside a group, each with the sentence that explains it.
fn companions(words: Words, row: &GroupRow) -> Vec<(String, String)> {
    let all = row.body.get("companions").and_then(Value::as_array).into_iter().flatten();
    let one = |one: &Value| {
        let number = |name: &str| one.get(name).and_then(Value::as_u64).unwrap_or(0);
        let part = |name: &str| one.get(name).and_then(Value::as_f64).unwrap_or(0.0);
        let account = one.get("account").and_then(Value::as_str)?.to_owned();
        let said = words.tv(
            "influence-companion",
            &[
                ("acts", words.n(number("acts")).into()),
                ("window", words.n(number("window")).into()),
                ("expected", format!("{:.4}", part("expected")).into()),
                ("q", format!("{:.2e}", part("q")).into()),
            ],
        );
        Some((account, said))
    };
    all.filter_map(one).collect()
}

async fn group(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path((id, number)): Path<(String, i64)>,
) -> Answer {
    let run = act::find(&house, &visitor.ctx, &id).await?;
    let words = visitor.words();
    let all = (i64::MIN, i64::MAX);
    let (row, members, edges) = act::of_results(&house, &run.run, move |results| {
        let lines = u32::try_from(draw::LINES_MAX).unwrap_or(u32::MAX);
        Ok((
            results.group(number)?,
            results.members(number)?,
            results.edges(Some(number), all, lines)?,
        ))
    })
    .await?;
    let row = row.ok_or_else(Refusal::absent)?;
    let of = run.collection.clone();
    let declared =
        house.store.read(move |reader| crate::influence::read::declared(reader, &of)).await?;
    let reviews = act::reviews(&house, &run).await?;
    let names: BTreeSet<&str> = members.iter().map(|member| member.account.as_str()).collect();
    let entries: Vec<BTreeSet<String>> =
        declared.iter().map(|entry| entry.accounts.clone()).collect();
    let undeclared = noroshi_charter::declared::undeclared(names.iter().copied(), &entries);
    let level = pack::level_of(&row, &reviews);
    let drawn: Vec<MemberRow> = members.iter().take(draw::ACCOUNTS_MAX).cloned().collect();
    let shown = [Shown { group: &row, members: drawn }];
    let told = edges
        .iter()
        .take(EDGES_TOLD)
        .map(|edge| EdgeLine { sentence: pack::sentence(words, edge), exemplars: exemplars(edge) });
    let me = visitor.ctx.person.as_str();
    let with_entry = |member: MemberRow| {
        let entry = declared.iter().find(|entry| entry.accounts.contains(&member.account));
        let name = entry.map(|entry| entry.name.clone()).unwrap_or_default();
        (member, name)
    };
    let mut crumbs = run_crumbs(words, &run);
    crumbs.push(Link { href: format!("/influence/runs/{}", run.run), label: run.run.clone() });
    let mut shell = page::shell(&house, &visitor, "influence-group");
    shell.title = words.tv(
        "influence-group-head",
        &[
            ("number", number.to_string().into()),
            ("level", level.code().into()),
            ("accounts", words.n(row.accounts).into()),
        ],
    );
    html(&GroupPage {
        crumbs,
        run: run.run.clone(),
        number,
        level: level.code().to_owned(),
        tone: tone(level),
        facts: facts(words, &row),
        picture: draw::accounts(&shown, &edges, row.edges, &run.run),
        companions: companions(words, &row),
        edges: told.collect(),
        edges_left: row.edges.saturating_sub(EDGES_TOLD as u64),
        controls: pack::controls(words, &run),
        undeclared,
        declared: declared
            .iter()
            .filter(|entry| entry.accounts.iter().any(|one| names.contains(one.as_str())))
            .map(|entry| format!("{}: {}", entry.name, entry.evidence))
            .collect(),
        reviews: reviews
            .into_iter()
            .filter(|review| review.group == number)
            .map(|review| {
                let may = review.second_by.is_none()
                    && review.ended.is_none()
                    && review.first_by != me
                    && run.person != me;
                (review, may)
            })
            .collect(),
        families: Family::ALL
            .iter()
            .map(|one| Choice::new(one.code(), word(words, "family", one.code())))
            .collect(),
        form: FormState::new(),
        may_withdraw: may(&house, &visitor, Action::InfluenceAnalyse)
            || may(&house, &visitor, Action::InfluenceAllow),
        may_review: level == Level::E3
            && run.person != me
            && (may(&house, &visitor, Action::InfluenceAnalyse)
                || may(&house, &visitor, Action::InfluenceAllow)),
        members: members.iter().cloned().map(with_entry).collect(),
        shell,
    })
}

async fn propose(
    State(house): State<Arc<House>>,
    Path((id, number)): Path<(String, i64)>,
    posted: Posted,
) -> Answer {
    let families = posted.values.all("families").into_iter().map(str::to_owned).collect();
    let new = NewReview { families, basis: posted.values.get("basis").to_owned() };
    act::propose(&house, &posted.visitor.ctx, (&id, number), new).await?;
    Ok(Redirect::to(&format!("/influence/runs/{id}/groups/{number}#reviews")).into_response())
}

async fn confirm(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    act::confirm(&house, &posted.visitor.ctx, &id).await?;
    let found = house.store.read(move |reader| read::review(reader, &id)).await?;
    let found = found.ok_or_else(Refusal::absent)?;
    let to = format!("/influence/runs/{}/groups/{}#reviews", found.run, found.group);
    Ok(Redirect::to(&to).into_response())
}

async fn withdraw(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let (found, _) =
        act::withdraw(&house, &posted.visitor.ctx, &id, posted.values.get("reason")).await?;
    let to = format!("/influence/runs/{}/groups/{}#reviews", found.run, found.group);
    Ok(Redirect::to(&to).into_response())
}

// ---- copies ----------------------------------------------------------------------------------------------------

/// A piece of a text: the same, or how it differs.
pub(super) struct Piece {
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// A copy beside the exemplar.
struct CopyLine {
    account: String,
    at: Timestamp,
    label: String,
    pieces: Vec<Piece>,
}

#[derive(Template)]
#[template(path = "influence/cluster.html")]
struct ClusterPage {
    shell: Shell,
    crumbs: Vec<Link>,
    row: ClusterRow,
    exemplar: Option<String>,
    copies: Vec<CopyLine>,
    left: u64,
}

/// How a text differs from the exemplar. What only looks the same is told apart from what was changed.
pub(super) fn pieces(exemplar: &str, text: &str) -> Vec<Piece> {
    let piece = |run: noroshi_insight::copies::diff::Run| {
        let (class, side, range) = match run.change {
            Differs::Same => ("", text, run.right),
            Differs::Respelled => ("differs-respelled", text, run.right),
            Differs::Disguised(_) => ("differs-disguised", text, run.right),
            // What the copy lacks is shown too, struck out.
            Differs::Left => ("differs-missing", exemplar, run.left),
            Differs::Right | Differs::Replaced => ("differs-changed", text, run.right),
        };
        let text = side.get(range)?.to_owned();
        (!text.is_empty()).then_some(Piece { class, text })
    };
    diff(exemplar, text).into_iter().filter_map(piece).collect()
}

async fn cluster(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path((id, number)): Path<(String, i64)>,
) -> Answer {
    // Texts are sealed. Whoever analyses may read them, and that they were read stands in the log before they are shown.
    crate::influence::act::may(&house, &visitor.ctx, Action::InfluenceAnalyse)?;
    let run = act::find(&house, &visitor.ctx, &id).await?;
    let words = visitor.words();
    let (row, copies) = act::of_results(&house, &run.run, move |results| {
        Ok((results.cluster(number)?, results.copies(number, COPIES_SHOWN)?))
    })
    .await?;
    let row = row.ok_or_else(Refusal::absent)?;
    let exemplar = row.body.get("exemplar").and_then(Value::as_i64);
    let read: Vec<i64> = exemplar.into_iter().chain(copies.iter().map(|copy| copy.post)).collect();
    let change = Change::office("influence.texts.read", &run.run)
        .payload(json!({ "collection": run.collection, "cluster": number, "posts": read }));
    house.door.commit(&visitor.ctx, change).await?;
    let (exemplar, texts) = of_vault(&house, &run.collection, move |vault| {
        let exemplar = exemplar.map(|post| vault.text(post)).transpose()?.flatten();
        let texts: Result<Vec<_>, VaultFailure> =
            copies.into_iter().map(|copy| Ok((vault.text(copy.post)?, copy))).collect();
        Ok((exemplar, texts?))
    })
    .await?;
    let line = |(text, copy): (Option<String>, super::results::CopyRow)| {
        let label = copy.body.get("label").and_then(Value::as_str).unwrap_or_default();
        CopyLine {
            account: copy.account,
            at: Timestamp::from_millisecond(copy.at).unwrap_or(Timestamp::UNIX_EPOCH),
            label: word(words, "copy", label),
            pieces: match (&exemplar, text) {
                (Some(exemplar), Some(text)) => pieces(exemplar, &text),
                _ => Vec::new(),
            },
        }
    };
    let copies: Vec<CopyLine> = texts.into_iter().map(line).collect();
    let mut crumbs = run_crumbs(words, &run);
    crumbs.push(Link { href: format!("/influence/runs/{}", run.run), label: run.run.clone() });
    html(&ClusterPage {
        crumbs,
        left: row.posts.saturating_sub(copies.len() as u64),
        exemplar,
        copies,
        row,
        shell: page::shell(&house, &visitor, "influence-cluster"),
    })
}

// ---- two periods -----------------------------------------------------------------------------------------------

/// A group of one run with the group of the other that shares most accounts with it.
struct Matched {
    one: String,
    other: String,
    common: u64,
    came: u64,
    went: u64,
}

#[derive(Template)]
#[template(path = "influence/compare.html")]
struct ComparePage {
    shell: Shell,
    crumbs: Vec<Link>,
    one: Run,
    other: Run,
    tiles: Vec<(String, String)>,
    rows: Vec<Matched>,
}

type Groups = BTreeMap<i64, BTreeSet<String>>;

fn groups_of(memberships: Vec<(i64, String)>) -> Groups {
    let mut groups = Groups::new();
    for (group, account) in memberships {
        groups.entry(group).or_default().insert(account);
    }
    groups
}

fn matched(one: &Groups, other: &Groups) -> Vec<Matched> {
    let mut rows: Vec<Matched> = Vec::new();
    let mut seen = BTreeSet::new();
    for (number, members) in one {
        let best = other
            .iter()
            .map(|(number, theirs)| (members.intersection(theirs).count(), number, theirs))
            .filter(|(common, ..)| *common > 0)
            .max_by_key(|(common, number, _)| (*common, std::cmp::Reverse(*number)));
        let (common, name, size) =
            best.map_or((0, String::new(), 0), |(common, number, theirs)| {
                seen.insert(*number);
                (common, number.to_string(), theirs.len())
            });
        rows.push(Matched {
            one: number.to_string(),
            other: name,
            common: common as u64,
            came: size.saturating_sub(common) as u64,
            went: members.len().saturating_sub(common) as u64,
        });
    }
    let new = other.iter().filter(|(number, _)| !seen.contains(number));
    rows.extend(new.map(|(number, members)| Matched {
        one: String::new(),
        other: number.to_string(),
        common: 0,
        came: members.len() as u64,
        went: 0,
    }));
    rows
}

async fn compare(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(days): Query<Days>,
) -> Answer {
    let one = act::find(&house, &visitor.ctx, &id).await?;
    let other = act::find(&house, &visitor.ctx, &days.with).await?;
    // Pseudonyms of two collections cannot be compared.
    if one.collection != other.collection {
        return Err(Refusal::absent().into());
    }
    let words = visitor.words();
    let left = groups_of(act::of_results(&house, &one.run, Results::memberships).await?);
    let right = groups_of(act::of_results(&house, &other.run, Results::memberships).await?);
    let all = |groups: &Groups| groups.values().flatten().cloned().collect::<BTreeSet<_>>();
    let (theirs, ours) = (all(&right), all(&left));
    let both = ours.intersection(&theirs).count();
    let tile = |key: &str, count: usize| (words.t(key), words.n(count as u64));
    html(&ComparePage {
        crumbs: run_crumbs(words, &one),
        tiles: vec![
            tile("influence-compare-both", both),
            tile("influence-compare-first", ours.len() - both),
            tile("influence-compare-second", theirs.len() - both),
        ],
        rows: matched(&left, &right),
        one,
        other,
        shell: page::shell(&house, &visitor, "influence-compare"),
    })
}

async fn pack_of(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Answer {
    let archive = api::archive(&house, &visitor.ctx, &id).await?;
    let name = format!("attachment; filename=\"{id}.tar\"");
    Ok((
        [
            (axum::http::header::CONTENT_TYPE, "application/x-tar".to_owned()),
            (axum::http::header::CONTENT_DISPOSITION, name),
        ],
        archive,
    )
        .into_response())
}
