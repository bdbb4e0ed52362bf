//! From a collection to the engines and back. Nothing here is random or asks the time: the same posts and parameters give
//! the same file.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use jiff::Timestamp;
use noroshi_charter::coordination::{FALSE_DISCOVERY_MAX, Level, Tests, level};
use noroshi_insight::cadence::{ALIKE_MIN, Activity, Rhythms};
use noroshi_insight::coordination::export::cell;
use noroshi_insight::coordination::{
    self, Analysis, Builder, Edge, Group, Models, NO_POST, Options, Records, Share, Trace,
    TraceKind,
};
use noroshi_insight::{copies, lookalike};
use serde_json::{Value, json};

use super::act::Parameters;
use super::relabel::Relabel;
use super::results::{
    ClusterRow, CopyRow, EdgeRow, GroupRow, HitRow, Likeness, MemberRow, Results, shares_path,
};
use super::{rhythm, spread, wording};
use crate::influence::vault::{Vault, VaultFailure};

/// Examples of an edge that are kept with it.
const EXEMPLARS_KEPT: usize = 8;
/// Copies of a cluster that are kept with it.
const COPIES_KEPT: usize = 2_000;
/// In which share of the samples a group is found again that is stable.
const STABLE: f64 = 0.7;
/// Texts that are compared at most; the newest are left out beyond, and counted.
const TEXTS_MAX: usize = 3_000_000;

/// What a run came to: the digest of what it read, and what it found in numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Came {
    pub(super) input: String,
    pub(super) summary: Value,
    /// Pairs that are only worth watching, as JSON, for the watch tier of the collection.
    pub(super) watched: Vec<Value>,
    /// When the oldest post was taken in that may have been read: what was made of it goes with it.
    pub(super) oldest: Option<Timestamp>,
}

impl Came {
    /// An answer; what was read is told by whoever read it.
    fn of(summary: Value) -> Self {
        Self { input: String::new(), summary, watched: Vec::new(), oldest: None }
    }
}

/// A run that an engine would not do: told to the analyst.
pub(super) type Ran = Result<Came, String>;

/// What kind of object a trace is of.
pub(super) fn kind_of(trace: &str) -> TraceKind {
    match trace {
        "url" | "url_id" => TraceKind::Url,
        "domain" | "domain_id" => TraceKind::Domain,
        "repost" => TraceKind::Repost,
        "reply" => TraceKind::Reply,
        "mention" => TraceKind::Mention,
        "media" | "phash_id" => TraceKind::Media,
        "text" | "text_cluster_id" => TraceKind::Text,
        "fast_repost" => TraceKind::FastRepost,
        "hashtag_set" => TraceKind::HashtagSet,
        "hashtag" | "hashtag_id" => TraceKind::Hashtag,
        _ => TraceKind::Other,
    }
}

/// The column in which a trace stands in the table of a run: by its name the command line knows which kind it is, and finds
/// this column and no other.
pub(super) fn column_of(trace: &str) -> Cow<'_, str> {
    Cow::Borrowed(match trace {
        "url" => "url_id",
        "domain" => "domain_id",
        "media" => "phash_id",
        "mention" => "mentions",
        "text" => "text_cluster_id",
        "repost" => "repost_id",
        "reply" => "reply_id",
        "url_id" | "domain_id" | "phash_id" | "text_cluster_id" | "fast_repost" | "hashtag_set"
        | "hashtag" | "hashtag_id" | "object_id" | "image_id" | "media_id" => trace,
        // What somebody called a column may be the name of another thing there.
        other => return Cow::Owned(format!("object-{other}")),
    })
}

/// Runs an engine over a collection and writes its answer.
pub(super) fn run(
    data: &Path,
    collection: &str,
    id: &str,
    asked: &Parameters,
) -> Result<Ran, VaultFailure> {
    let Some(vault) = Vault::existing(data, collection)? else {
        return Ok(Err("NRS-INFL-1201".to_owned()));
    };
    let results = Results::create(data, id)?;
    let file = std::fs::File::create(shares_path(data, id))?;
    let mut sink = std::io::BufWriter::new(file);
    let came = match asked.engine.as_str() {
        "coordination" => coordination(&vault, &results, asked, &mut sink)?,
        "copies" => copied(&vault, &results, asked, &mut sink)?,
        "lookalike" => imitated(&vault, &results, asked, &mut sink)?,
        "cadence" => rhythm::cadence(&vault, &results, asked, &mut sink)?,
        "amplification" | "sites" => spread::spread(&vault, &results, asked, &mut sink)?,
        "residue" => wording::residues(&vault, &results, asked, &mut sink)?,
        "narratives" => wording::narratives(&vault, &results, asked, &mut sink)?,
        _ => Err("NRS-INFL-1202".to_owned()),
    };
    sink.flush()?;
    drop(sink);
    let mut relabel = Relabel::new(&results)?;
    let input = relabel.file(&shares_path(data, id))?;
    relabel.keep(&results)?;
    results.finish(data, id)?;
    let oldest = vault.oldest(span(asked))?;
    let oldest = oldest.and_then(|at| Timestamp::from_millisecond(at).ok());
    Ok(came.map(|came| Came { input, oldest, ..came }))
}

pub(super) fn span(asked: &Parameters) -> (i64, i64) {
    let from = asked.from.map_or(i64::MIN, Timestamp::as_millisecond);
    let until = asked.until.map_or(i64::MAX, Timestamp::as_millisecond);
    (from, until)
}

// ---- coordination ----------------------------------------------------------------------------------------------

fn options(asked: &Parameters) -> Options {
    Options {
        models: match asked.models.as_str() {
            "both" => Models::Both,
            "activity" => Models::Activity,
            _ => Models::Confirmed,
        },
        false_discovery_max: asked.false_discovery_max,
        slice_seconds: asked.slice_seconds,
        seed: asked.seed,
        ..Options::default()
    }
}

/// Reposts come within so many seconds of their source to count as fast (Luceri and others 2024).
const FAST_SECONDS: i64 = 10;
/// Hashtags a post has before their set is an object.
const TAGS_MIN: u32 = 3;

fn coordination(
    vault: &Vault,
    results: &Results,
    asked: &Parameters,
    sink: &mut impl Write,
) -> Result<Ran, VaultFailure> {
    let mut builder = Builder::default();
    let columns: Vec<String> = asked.traces.iter().map(|trace| cell(&column_of(trace))).collect();
    writeln!(sink, "{},account_id,content_id,timestamp_share", columns.join(","))?;
    for (place, trace) in asked.traces.iter().enumerate() {
        let (before, after) = (",".repeat(place), ",".repeat(columns.len() - place));
        let mut rule = Trace::of(kind_of(trace));
        if let Some(seconds) = asked.window_seconds {
            rule = rule.window(seconds);
        }
        let number = builder.trace(rule);
        let mut failed = None;
        shares_of(vault, trace, span(asked), |object, account, at, post| {
            let share = Share { object, account, post, time_seconds: at.div_euclid(1_000) };
            builder.share(number, &share);
            let object = cell(object);
            let at = share.time_seconds;
            let line = format!("{before}{object}{after}{account},{post},{at}\n");
            failed = failed.take().or_else(|| sink.write_all(line.as_bytes()).err());
        })?;
        if let Some(problem) = failed {
            return Err(problem.into());
        }
    }
    let records = builder.finish();
    let analysis = match coordination::analyse(&records, &options(asked)) {
        Ok(analysis) => analysis,
        // What the engine would refuse was refused when it was asked for.
        Err(_) => return Ok(Err("NRS-INFL-0407".to_owned())),
    };
    let levels: Vec<Level> =
        analysis.groups.iter().map(|group| level(&tests(group, &analysis.edges, asked))).collect();
    let beside = Beside::of(vault, span(asked), !analysis.edges.is_empty())?;
    let pairs = write_analysis(results, &records, &analysis, &levels, &beside)?;
    let mut told = summary(&analysis, &levels);
    // Pairs that are edges in no group are watched like those that are no edges.
    told["watched"] = json!(analysis.watched_all + pairs.len() as u64);
    told["pairs"] = json!(pairs.len());
    let watched = watched(&records, &analysis).into_iter().chain(pairs).collect();
    Ok(Ok(Came { watched, ..Came::of(told) }))
}

/// The shares of a trace: one that is held, or one made of what is held.
fn shares_of(
    vault: &Vault,
    trace: &str,
    within: (i64, i64),
    mut visit: impl FnMut(&str, &str, i64, &str),
) -> Result<(), VaultFailure> {
    match trace {
        "text" => {
            let (held, _) = held_texts(vault, within)?;
            // A cluster is named by its text: what stands for it leaves with the table, and is keyed.
            let posts: Vec<copies::Post<'_>> = held.iter().map(Held::post).collect();
            for cluster in copies::cluster(&posts, &copies::Options::default()).clusters {
                let mark = vault.text_mark(&cluster.key);
                for one in cluster.members.iter().filter_map(|member| held.get(member.post)) {
                    visit(&mark, &one.account, one.at, &one.id);
                }
            }
        }
        "fast_repost" => {
            vault.fast_reposts(FAST_SECONDS, within, visit)?;
        }
        "hashtag_set" => {
            vault.hashtag_sets(TAGS_MIN, within, visit)?;
        }
        _ => {
            vault.shares(trace, within, visit)?;
        }
    }
    Ok(())
}

/// What stands beside one edge.
struct Aside {
    cadence: Option<f64>,
    same_name: bool,
}

/// What is looked at beside the traces of an edge: whether both are active at the same half hours, and whether both showed
/// one name. Neither makes an edge.
struct Beside {
    rhythms: Rhythms,
    names: BTreeMap<String, BTreeSet<String>>,
}

impl Beside {
    fn of(vault: &Vault, within: (i64, i64), wanted: bool) -> Result<Self, VaultFailure> {
        let mut posts: Vec<(String, i64)> = Vec::new();
        let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        if wanted {
            vault.posted(within, |post| posts.push((post.account.to_owned(), post.at)))?;
            for (name, account, ..) in vault.shown_names()? {
                names.entry(account).or_default().insert(name);
            }
        }
        let activities = posts.iter().map(|(account, time_ms)| Activity {
            account,
            time_ms: *time_ms,
            client: None,
            source_ms: None,
        });
        Ok(Self { rhythms: Rhythms::of(activities), names })
    }

    fn of_edge(&self, records: &Records, edge: &Edge) -> Aside {
        let name = |number| records.accounts().name(number).into_owned();
        let (one, other) = (name(edge.a), name(edge.b));
        Aside { cadence: self.rhythms.alike(&one, &other), same_name: self.same_name(&one, &other) }
    }

    fn same_name(&self, one: &str, other: &str) -> bool {
        let names = self.names.get(one).zip(self.names.get(other));
        names.is_some_and(|(one, other)| !one.is_disjoint(other))
    }
}

fn summary(analysis: &Analysis, levels: &[Level]) -> Value {
    let of = |level: Level| levels.iter().filter(|one| **one == level).count();
    let traces: Vec<Value> = analysis
        .traces
        .iter()
        .map(|trace| {
            json!({
                "kind": trace.kind, "windows": trace.windows_seconds, "shares": trace.first_shares,
                "accounts": trace.accounts_active, "hypotheses": trace.hypotheses,
                "false_discovery_max": trace.false_discovery_max, "false_edges_expected": trace.false_edges_expected,
                "pairs_met": trace.pairs_met, "edges": trace.edges, "viral_objects": trace.viral_objects,
                "meetings_left_out": trace.meetings_left_out,
            })
        })
        .collect();
    json!({
        "edges": analysis.edges.len(), "groups": analysis.groups.len(), "e3": of(Level::E3),
        "e2": of(Level::E2), "companions": analysis.companions.len(), "watched": analysis.watched_all,
        "shuffled": analysis.shuffled_copy.as_ref().map(|copy| json!({ "edges": copy.edges, "seed": copy.seed })),
        "traces": traces, "intake": analysis.intake,
    })
}

fn watched(records: &Records, analysis: &Analysis) -> Vec<Value> {
    let name = |number| records.accounts().name(number).into_owned();
    let one = |pair: &coordination::Watched| {
        json!({
            "a": name(pair.a), "b": name(pair.b), "objects": pair.objects, "expected": pair.expected_activity, "p": pair.p,
        })
    };
    analysis.watched.iter().map(one).collect()
}

/// What the tests found of a group, for the charter to say its level.
fn tests(group: &Group, edges: &[Edge], asked: &Parameters) -> Tests {
    let is_significant = |edge: &usize| {
        edges.get(*edge).is_some_and(|edge| edge.traces.iter().any(|told| told.significant))
    };
    Tests {
        accounts: group.members.len() as u64,
        is_watch: false,
        all_edges_significant: asked.false_discovery_max <= FALSE_DISCOVERY_MAX
            && !group.edges.is_empty()
            && group.edges.iter().all(is_significant),
        is_confirmed: group.is_confirmed(),
        days: u64::from(group.days),
        is_stable: group.stability.is_some_and(|share| share >= STABLE),
    }
}

/// Writes groups, and the edges within and between them. A pair outside every group is at E1: it comes back, for the watch
/// tier, and does not lie beside what is kept longer.
fn write_analysis(
    results: &Results,
    records: &Records,
    analysis: &Analysis,
    levels: &[Level],
    beside: &Beside,
) -> Result<Vec<Value>, VaultFailure> {
    // Small, whatever the number of edges: their bodies are made one at a time.
    let aside: Vec<Aside> =
        analysis.edges.iter().map(|edge| beside.of_edge(records, edge)).collect();
    let mut grouped = BTreeSet::new();
    for ((number, group), level) in (0_i64..).zip(&analysis.groups).zip(levels) {
        let inside: Vec<&Aside> =
            group.edges.iter().filter_map(|place| aside.get(*place)).collect();
        results.add_group(&GroupRow {
            number,
            level: level.code().to_owned(),
            accounts: group.members.len() as u64,
            edges: group.edges.len() as u64,
            span: (i64::from(group.first), i64::from(group.last)),
            body: group_body(group, &inside, companions_of(records, analysis, number)),
        })?;
        for member in &group.members {
            grouped.insert(member.account);
            results.add_member(
                number,
                &MemberRow {
                    account: records.accounts().name(member.account).into_owned(),
                    body: json!({
                        "centrality": member.centrality, "partners": member.partners, "stability": member.stability,
                        "core": member.core,
                    }),
                },
            )?;
        }
    }
    let mut pairs = Vec::new();
    for (edge, aside) in analysis.edges.iter().zip(&aside) {
        if grouped.contains(&edge.a) && grouped.contains(&edge.b) {
            results.add_edge(&edge_of(records, edge, aside))?;
        } else {
            let name = |number| records.accounts().name(number).into_owned();
            pairs.push(json!({ "a": name(edge.a), "b": name(edge.b), "objects": edge.weight, "p": edge.p }));
        }
    }
    Ok(pairs)
}

/// Accounts that took part in acts of a group without being of it, with what was expected of each.
fn companions_of(records: &Records, analysis: &Analysis, group: i64) -> Vec<Value> {
    let own = analysis
        .companions
        .iter()
        .filter(|one| one.group.and_then(|of| i64::try_from(of).ok()) == Some(group));
    own.map(|one| {
        json!({
            "account": records.accounts().name(one.account), "acts": one.acts, "expected": one.expected, "p": one.p,
            "q": one.q, "q_interest": one.q_interest, "window": one.window_seconds,
        })
    })
    .collect()
}

fn group_body(group: &Group, edges: &[&Aside], companions: Vec<Value>) -> Value {
    let alike = |edge: &&&Aside| edge.cadence.is_some_and(|alike| alike > ALIKE_MIN);
    json!({
        "cadence_alike": edges.iter().filter(alike).count(),
        "same_name": edges.iter().filter(|edge| edge.same_name).count(),
        "synchronous": group.edges_synchronous, "traces": group.traces, "days": group.days, "bursts": group.bursts,
        "reach": group.reach, "exclusive": group.exclusive, "gap_median": group.gap_median_seconds,
        "stability": group.stability, "core_truss": group.core_truss, "companions": companions,
    })
}

fn edge_of(records: &Records, edge: &Edge, aside: &Aside) -> EdgeRow {
    let name = |number| records.accounts().name(number).into_owned();
    let post = |number| match number {
        NO_POST => Value::Null,
        number => json!(records.posts().name(number)),
    };
    let traces: Vec<Value> = edge
        .traces
        .iter()
        .map(|told| {
            let objects = records.traces().get(told.trace).map(|trace| &trace.objects);
            let exemplars: Vec<Value> = told
                .exemplars
                .iter()
                .take(EXEMPLARS_KEPT)
                .map(|one| {
                    json!({
                        "object": objects.map(|names| names.name(one.object)), "post_a": post(one.post_a),
                        "post_b": post(one.post_b), "time_a": one.time_a, "time_b": one.time_b,
                    })
                })
                .collect();
            json!({
                "kind": told.kind, "window": told.window_seconds, "objects": told.objects, "common": told.common,
                "expected_activity": told.expected_activity, "expected_interest": told.expected_interest,
                "p": told.p, "q": told.q, "significant": told.significant, "q_interest": told.q_interest,
                "q_gap": told.q_gap, "q_circles": told.q_circles,
                "synchronous": told.synchronous, "gap": told.gap_seconds, "days": told.days,
                "leads": [told.leads.a, told.leads.b, told.leads.together], "leads_p": told.leads.p,
                "exemplars": exemplars,
            })
        })
        .collect();
    let first = edge.traces.iter().map(|told| told.first).min().unwrap_or(0);
    let last = edge.traces.iter().map(|told| told.last).max().unwrap_or(0);
    EdgeRow {
        group: edge.group.and_then(|group| i64::try_from(group).ok()),
        weight: u64::from(edge.weight),
        span: (i64::from(first), i64::from(last)),
        body: json!({
            "p": edge.p, "q": edge.q, "strength": edge.strength, "backbone": edge.backbone, "truss": edge.truss,
            "stability": edge.stability, "traces": traces, "cadence": aside.cadence,
            "same_name": aside.same_name,
        }),
        ends: (name(edge.a), name(edge.b)),
    }
}

// ---- copies ----------------------------------------------------------------------------------------------------

/// A text with its post.
pub(super) struct Held {
    pub(super) post: i64,
    pub(super) id: String,
    pub(super) account: String,
    pub(super) at: i64,
    pub(super) text: String,
}

impl Held {
    pub(super) fn post(&self) -> copies::Post<'_> {
        copies::Post { id: &self.id, account: &self.account, time_ms: self.at, text: &self.text }
    }
}

/// The texts of a time, at most [`TEXTS_MAX`], and how many were left out.
pub(super) fn held_texts(
    vault: &Vault,
    within: (i64, i64),
) -> Result<(Vec<Held>, u64), VaultFailure> {
    let mut held: Vec<Held> = Vec::new();
    let mut left_out = 0_u64;
    vault.texts(within, |post, account, at, text| {
        if held.len() < TEXTS_MAX {
            held.push(Held { post, id: format!("p{post}"), account: account.to_owned(), at, text });
        } else {
            left_out += 1;
        }
    })?;
    Ok((held, left_out))
}

fn copied(
    vault: &Vault,
    results: &Results,
    asked: &Parameters,
    sink: &mut impl Write,
) -> Result<Ran, VaultFailure> {
    let (held, left_out) = held_texts(vault, span(asked))?;
    wording::write_texts(sink, vault, &held)?;
    let posts: Vec<copies::Post<'_>> = held.iter().map(Held::post).collect();
    let found = copies::cluster(&posts, &copies::Options::default());
    for (number, cluster) in (0_i64..).zip(&found.clusters) {
        let copy = |member: &copies::Member| {
            let one = held.get(member.post)?;
            Some(CopyRow {
                post: one.post,
                account: one.account.clone(),
                at: one.at,
                body: json!({ "label": member.label.name(), "similarity": member.similarity }),
            })
        };
        let rows: Vec<CopyRow> =
            cluster.members.iter().filter_map(copy).take(COPIES_KEPT).collect();
        let exemplar = held.get(cluster.exemplar).map(|one| one.post);
        let row = ClusterRow {
            number,
            posts: cluster.members.len() as u64,
            accounts: cluster.accounts as u64,
            body: json!({
                "key": vault.text_mark(&cluster.key), "texts": cluster.texts, "first": cluster.first_ms, "last": cluster.last_ms,
                "chars": cluster.chars_mean, "standing": cluster.standing().name(), "exemplar": exemplar,
                "kept": rows.len(),
            }),
        };
        results.add_cluster(&row, &rows)?;
    }
    let counts = &found.counts;
    let summary = json!({
        "posts": counts.posts, "clusters": found.clusters.len(), "clustered": counts.clustered, "short": counts.short,
        "beyond": counts.beyond, "left_out": left_out,
    });
    Ok(Ok(Came::of(summary)))
}

// ---- lookalikes ------------------------------------------------------------------------------------------------

fn imitated(
    vault: &Vault,
    results: &Results,
    asked: &Parameters,
    sink: &mut impl Write,
) -> Result<Ran, VaultFailure> {
    let (watchlist, problems) = if asked.protected.trim().is_empty() {
        (lookalike::Watchlist::japan(), Vec::new())
    } else {
        lookalike::Watchlist::parse(&asked.protected)
    };
    if watchlist.entries().is_empty() {
        return Ok(Err("NRS-INFL-1203".to_owned()));
    }
    let protected = watchlist.entries().len();
    let matcher = lookalike::Matcher::new(watchlist, lookalike::Options::default());
    let mut tally = lookalike::Tally::default();
    let mut number = 0;
    for domain in vault.objects("domain")? {
        writeln!(sink, "{}", cell(&domain))?;
        let outcome = matcher.judge(&domain);
        tally.count(&outcome);
        let like = match outcome {
            lookalike::Outcome::Hit(hit) => Some((Likeness::Imitates, hit)),
            lookalike::Outcome::Closed(hit) => Some((Likeness::Closed, hit)),
            // No list of popular names is asked here.
            lookalike::Outcome::Popular { .. }
            | lookalike::Outcome::Owned
            | lookalike::Outcome::Unlike
            | lookalike::Outcome::Refused(_) => None,
        };
        if let Some((likeness, hit)) = like {
            number += 1;
            results.add_hit(
                number,
                &HitRow {
                    likeness,
                    domain: hit.unicode.clone(),
                    protected: hit.protected.clone(),
                    rule: hit.rule.code().to_owned(),
                    score: u64::from(hit.score_percent),
                },
            )?;
        }
    }
    let summary = json!({
        "domains": tally.total(), "hits": tally.hits.values().sum::<u64>(), "closed": tally.closed, "owned": tally.owned, "unlike": tally.unlike, "protected": protected,
        "unread_lines": problems.len(),
    });
    Ok(Ok(Came::of(summary)))
}
