//! `noroshi influence copies`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use noroshi_codec::posts::Role;
use noroshi_insight::copies::{self, Copies, Options, Post, Profile, export, template};
use serde_json::json;

use super::output::Folder;
use super::status;
use super::table::{Came, Table};
use crate::cli::{Ended, Failed, Format, print};

/// `noroshi influence copies`.
#[derive(Debug, clap::Args)]
pub struct CopiesOf {
    #[command(flatten)]
    table: Table,
    /// How thoroughly near copies are looked for.
    #[arg(long, value_enum, default_value_t)]
    profile: Thorough,
    /// How many accounts must have posted a text.
    #[arg(long, value_name = "N", default_value_t = 2)]
    min_accounts: usize,
    /// Write an example of each cluster's text into clusters.csv; without it texts do not leave the input.
    #[arg(long)]
    with_text: bool,
    /// Where clusters.csv, members.csv, templates.csv and rejects.jsonl are written.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// How thoroughly.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Thorough {
    /// Finds 97 of a hundred pairs, in a quarter of the time.
    Fast,
    /// Finds nearly all.
    #[default]
    Full,
    /// Finds all that a signature can.
    Exhaustive,
}

impl From<Thorough> for Profile {
    fn from(thorough: Thorough) -> Self {
        match thorough {
            Thorough::Fast => Self::Fast,
            Thorough::Full => Self::Full,
            Thorough::Exhaustive => Self::Exhaustive,
        }
    }
}

/// A post that outlives its row.
pub(super) struct Held {
    pub(super) id: String,
    pub(super) account: String,
    pub(super) time_ms: i64,
    pub(super) text: String,
}

impl Held {
    pub(super) fn post(&self) -> Post<'_> {
        Post { id: &self.id, account: &self.account, time_ms: self.time_ms, text: &self.text }
    }
}

pub(super) fn run(asked: &CopiesOf, format: Format) -> Ended {
    let folder = Folder::open(&asked.out)?;
    let mut held = Vec::new();
    let came = asked.table.read(&[], |row| {
        // A table without ids of posts counts its lines.
        let id = Some(row.text(Role::Post)).filter(|id| !id.is_empty());
        held.push(Held {
            id: id.map_or_else(|| format!("line {}", row.line()), str::to_owned),
            account: row.text(Role::Account).to_owned(),
            time_ms: row.at_ms(),
            text: row.text(Role::Text).to_owned(),
        });
    })?;
    let posts: Vec<Post<'_>> = held.iter().map(Held::post).collect();
    let options = Options {
        profile: asked.profile.into(),
        accounts_min: asked.min_accounts,
        workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        ..Options::default()
    };
    let found = copies::cluster(&posts, &options);
    write(asked, &folder, &found, &posts)?;
    folder.rejects(&came.rejects)?;
    report(&came, &found, format);
    Ok(status(came.put_aside_count()))
}

fn write(
    asked: &CopiesOf,
    folder: &Folder,
    found: &Copies,
    posts: &[Post<'_>],
) -> Result<(), Failed> {
    let house = |problem: std::fmt::Error| Failed::House(Box::new(problem));
    let mut text = String::new();
    export::clusters(found, posts, asked.with_text, &mut text).map_err(house)?;
    folder.text("clusters.csv", &text)?;
    text.clear();
    export::members(found, posts, &mut text).map_err(house)?;
    folder.text("members.csv", &text)?;
    text.clear();
    if asked.with_text {
        let templates = template::templates(found, posts);
        export::templates(&templates, &mut text).map_err(house)?;
        folder.text("templates.csv", &text)?;
    }
    Ok(())
}

fn report(came: &Came, found: &Copies, format: Format) {
    let counts = &found.counts;
    if format == Format::Json {
        let summary = json!({
            "input_sha256": came.digest, "rows": came.rows, "put_aside": came.reasons, "shift_jis_rows": came.shift_jis,
            "posts": counts.posts, "repeated": counts.repeated, "short": counts.short, "cut": counts.cut, "texts": counts.texts,
            "clustered": counts.clustered, "clusters": found.clusters.len(), "buckets_capped": counts.buckets_capped,
            "split": counts.split,
        });
        print(&summary.to_string());
        return;
    }
    print(&format!(
        "{} posts, {} of them in {} clusters; {} too short, {} repeated, {} rows put aside",
        counts.posts,
        counts.clustered,
        found.clusters.len(),
        counts.short,
        counts.repeated,
        came.put_aside_count(),
    ));
}
