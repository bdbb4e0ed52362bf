//! `noroshi influence coordination`.

use std::path::PathBuf;

use noroshi_codec::posts::Role;
use noroshi_insight::coordination::{
    Analysis, Builder, Models, Options, Records, Refused, Semantics, Share, Trace, TraceNumber,
    analyse, export,
};
use noroshi_insight::copies::{self, Post};
use serde_json::{Value, json};

use super::copies::Held;
use super::output::Folder;
use super::status;
use super::table::{Came, Holds, Object, Table};
use crate::cli::{Ended, Failed, Format, print};

/// `noroshi influence coordination`.
#[derive(Debug, clap::Args)]
pub struct Coordination {
    #[command(flatten)]
    table: Table,
    /// What accounts share: a column of objects, or `url`, `domain`, `hashtags`, `text` (near copies), `repost`, `reply`,
    /// `mentions`, `media`. Repeat it to look at several together.
    #[arg(long = "object", value_name = "COLUMN", required = true)]
    objects: Vec<String>,
    /// How close in time counts as together, in seconds. Repeat it to test several, which is paid for.
    #[arg(long = "window", value_name = "SECONDS", required = true)]
    windows: Vec<u32>,
    /// Whether pairs must withstand the null model, which keeps each account's activity and each object's popularity. Off,
    /// every pair that met is told, which says nothing about chance.
    #[arg(long = "null", value_enum, default_value_t)]
    null_model: Switch,
    /// The fewest objects that two accounts must have shared together; 3 with the null model and 1 without where nothing is
    /// said.
    #[arg(long, value_name = "N")]
    min_weight: Option<u32>,
    /// With `--null off`: which pairs are formed, as a known tool does (their pairs are equal) or counting each object once.
    #[arg(long, value_enum, default_value_t)]
    semantics: Rule,
    /// Name an edge only if shared interest does not explain it over all pairs with objects in common, whatever the window. By
    /// default it is held against the pairs that activity accepts and against their distances in time; this is stricter.
    #[arg(long, conflicts_with = "activity_model")]
    both_models: bool,
    /// Name an edge by the model of activity alone, which takes circles with the same sources for coordinated.
    #[arg(long)]
    activity_model: bool,
    /// The share of edges that may be false, with the null model.
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    false_discovery: f64,
    /// Within how many seconds activity is taken as even: a day, or 21600 before a vote.
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    slice: u32,
    /// The seed of what is drawn (samples for stability, the shuffled copy).
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Where edges.csv, groups.csv, graph.graphml, analysis.json and rejects.jsonl are written.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Switch {
    #[default]
    On,
    Off,
}

/// Which pairs are formed without the null model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Rule {
    /// coordination-network-toolkit 1.5.2.
    #[default]
    Toolkit,
    /// `CooRTweet` 2.1.3.
    Coortweet,
    /// First shares of an object; the weight counts distinct objects.
    Distinct,
}

impl Coordination {
    fn options(&self) -> Options {
        let null_model = self.null_model == Switch::On;
        Options {
            null_model,
            semantics: match self.semantics {
                Rule::Distinct => Semantics::Distinct,
                Rule::Coortweet => Semantics::CoorTweet { participation_min: 2 },
                Rule::Toolkit => Semantics::Toolkit,
            },
            models: match (self.both_models, self.activity_model) {
                (true, _) => Models::Both,
                (_, true) => Models::Activity,
                _ => Models::Confirmed,
            },
            weight_min: self.min_weight.unwrap_or(1),
            false_discovery_max: self.false_discovery,
            slice_seconds: self.slice,
            seed: self.seed,
            threads: std::thread::available_parallelism().map_or(1, usize::from).min(2),
            ..Options::default()
        }
    }

    fn trace(&self, object: &Object) -> Trace {
        let mut trace = Trace::of(object.kind);
        trace.windows_seconds.clone_from(&self.windows);
        match self.min_weight {
            Some(least) => trace.objects_min(least),
            None => trace,
        }
    }
}

pub(super) fn run(asked: &Coordination, format: Format) -> Ended {
    let objects: Vec<Object> = asked.objects.iter().map(|name| Object::named(name)).collect();
    let folder = Folder::open(&asked.out)?;
    let (records, came) = shares(asked, &objects)?;
    let answer = analyse(&records, &asked.options()).map_err(refused)?;
    folder.file("edges.csv", |mut sink| export::edges_csv(&records, &answer, &mut sink))?;
    folder.file("groups.csv", |mut sink| export::groups_csv(&records, &answer, &mut sink))?;
    folder.file("graph.graphml", |mut sink| export::graphml(&records, &answer, &mut sink))?;
    folder.rejects(&came.rejects)?;
    let summary = summary(&records, &answer, &came);
    folder.file("analysis.json", |sink| {
        let whole = json!({ "input_sha256": came.digest, "analysis": answer });
        serde_json::to_writer_pretty(sink, &whole).map_err(std::io::Error::from)
    })?;
    match format {
        Format::Json => print(&summary.to_string()),
        Format::Human | Format::Plain => print(&words(&answer, &came)),
    }
    Ok(status(came.put_aside_count()))
}

/// The shares of all traces. Of words, near copies are one object, so they are held until all are there.
fn shares(asked: &Coordination, objects: &[Object]) -> Result<(Records, Came), Failed> {
    let mut builder = Builder::default();
    let traces: Vec<TraceNumber> =
        objects.iter().map(|object| builder.trace(asked.trace(object))).collect();
    let columns: Vec<String> =
        objects.iter().filter_map(|object| object.column().map(str::to_owned)).collect();
    let wants_words = objects.iter().any(|object| object.holds == Holds::Words);
    let mut held = Vec::new();
    let mut there = vec![false; objects.len()];
    let came = asked.table.read(&columns, |row| {
        let mut number = 0;
        for ((object, trace), there) in objects.iter().zip(&traces).zip(&mut there) {
            if object.holds == Holds::Words {
                *there |= !row.text(Role::Text).is_empty();
            } else {
                let all = object.of(row, number);
                // What stands in one row is of one post, named or not.
                let line =
                    if all.len() > 1 { format!("line {}", row.line()) } else { String::new() };
                let post = Some(row.text(Role::Post)).filter(|post| !post.is_empty());
                for shared in all {
                    *there |= !shared.is_empty();
                    let share = Share {
                        object: &shared,
                        account: row.text(Role::Account),
                        post: post.unwrap_or(&line),
                        time_seconds: row.at_ms().div_euclid(1_000),
                    };
                    builder.share(*trace, &share);
                }
            }
            number += usize::from(object.column().is_some());
        }
        if wants_words {
            held.push(Held {
                id: format!("line {}", row.line()),
                account: row.text(Role::Account).to_owned(),
                time_ms: row.at_ms(),
                text: row.text(Role::Text).to_owned(),
            });
        }
    })?;
    // Nothing found in a column that holds nothing would read as an answer.
    let empty = objects.iter().zip(&there).find(|(_, there)| !**there);
    if let Some((object, _)) = empty.filter(|_| came.rows > came.put_aside_count()) {
        let message = format!("no row has anything to share under `{}`", object.name);
        return Err(Failed::Usage { code: "NRS-INFL-0124", message });
    }
    for (object, trace) in objects.iter().zip(&traces) {
        if object.holds == Holds::Words {
            share_words(&mut builder, *trace, &held);
        }
    }
    Ok((builder.finish(), came))
}

fn share_words(builder: &mut Builder, trace: TraceNumber, held: &[Held]) {
    let posts: Vec<Post<'_>> = held.iter().map(Held::post).collect();
    let found = copies::cluster(&posts, &copies::Options::default());
    for cluster in &found.clusters {
        for post in cluster.members.iter().filter_map(|member| posts.get(member.post)) {
            let time_seconds = post.time_ms.div_euclid(1_000);
            builder.share(
                trace,
                &Share { object: &cluster.key, account: post.account, post: post.id, time_seconds },
            );
        }
    }
}

fn refused(problem: Refused) -> Failed {
    Failed::Usage { code: "NRS-INFL-0121", message: problem.to_string() }
}

fn summary(records: &Records, answer: &Analysis, came: &Came) -> Value {
    json!({
        "input_sha256": came.digest, "rows": came.rows, "put_aside": came.reasons, "shift_jis_rows": came.shift_jis,
        "intake": records.intake(), "accounts": records.accounts().count(), "edges": answer.edges.len(),
        "groups": answer.groups.len(), "watched": answer.watched.len(), "traces": answer.traces,
        "shuffled_copy": answer.shuffled_copy, "options": answer.options,
    })
}

fn words(answer: &Analysis, came: &Came) -> String {
    let mut words = format!(
        "{} rows ({} put aside): {} edges, {} groups",
        came.rows,
        came.put_aside_count(),
        answer.edges.len(),
        answer.groups.len(),
    );
    if let Some(copy) = &answer.shuffled_copy {
        words.push_str(&format!(
            "; the same over a shuffled copy, which has no circles: {} edges",
            copy.edges
        ));
    }
    words
}
