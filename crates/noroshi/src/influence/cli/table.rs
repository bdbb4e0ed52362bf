//! How a table of posts is opened, and what its columns hold as objects that accounts share.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek as _};
use std::path::{Path, PathBuf};

use noroshi_codec::posts::{Layout, NoTable, Reader, Reject, Role, Row, Settings, is_parquet, url};
use noroshi_insight::coordination::{TraceKind, tags};
use sha2::{Digest as _, Sha256};

use super::output::failed;
use crate::cli::{Failed, tell};

/// Longest mapping, in bytes.
const MAPPING_BYTES_MAX: u64 = 64 << 10;
/// Rows put aside that are kept as they stood; the rest is counted.
const REJECTS_MAX: usize = 10_000;
/// Rows put aside that are named at the terminal.
const SHOWN_MAX: usize = 20;
/// Bytes by which Parquet is recognised.
const HEAD_BYTES: u64 = 64;
/// Different hashtags that make a set.
const TAGS_MIN: usize = 3;

/// How a table is read.
#[derive(Debug, clap::Args)]
pub(super) struct Table {
    /// The posts: CSV or JSON lines, in UTF-8, UTF-16 or Shift_JIS, or Parquet; `-` is standard input, which cannot be
    /// Parquet.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Which columns are what, one `role = column` a line; without it the names of the columns decide.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// The table has the eight columns of coordination-network-toolkit by position.
    #[arg(long, conflicts_with = "mapping")]
    toolkit: bool,
}

impl Table {
    fn settings(&self, objects: &[String]) -> Result<Settings, Failed> {
        let layout = match &self.mapping {
            None if self.toolkit => Layout::Toolkit,
            None => Layout::Named,
            Some(path) => {
                let mut text = String::new();
                let file = File::open(path).map_err(failed(path))?;
                file.take(MAPPING_BYTES_MAX).read_to_string(&mut text).map_err(failed(path))?;
                let mapping = text.parse().map_err(|problem| usage(&problem, path))?;
                Layout::Mapped(mapping)
            }
        };
        Ok(Settings { layout, objects: objects.to_vec(), zone: None })
    }

    /// Reads all rows; each is handed to `row` and what is put aside is kept.
    pub(super) fn read(
        &self,
        objects: &[String],
        mut row: impl FnMut(&Row<'_>),
    ) -> Result<Came, Failed> {
        let settings = self.settings(objects)?;
        let digest = Digest::default();
        let table = |problem: NoTable| match problem {
            NoTable::Input(source) => failed(&self.file)(source),
            other => usage(&other, &self.file),
        };
        let mut reader = self.open(&settings, &digest).map_err(table)?;
        let mut came = Came::default();
        while let Some(next) = reader.next_row().map_err(table)? {
            came.rows += 1;
            match next {
                Ok(next) => {
                    came.zoneless += u64::from(next.is_zoneless());
                    row(&next);
                }
                Err(reject) => came.put_aside(reject),
            }
        }
        came.shift_jis = reader.shift_jis_rows();
        came.zone = reader.zone().to_string();
        drop(reader);
        came.digest = digest
            .lock()
            .map(|digest| format!("{:x}", digest.clone().finalize()))
            .unwrap_or_default();
        came.tell(&self.file);
        Ok(came)
    }

    fn open(&self, settings: &Settings, digest: &Digest) -> Result<Reader<'static>, NoTable> {
        if self.file.as_os_str() == "-" {
            return Reader::new(digested(std::io::stdin(), digest), settings);
        }
        let mut file = File::open(&self.file)?;
        if !file.metadata()?.is_file() {
            return Reader::new(digested(file, digest), settings);
        }
        let mut head = Vec::new();
        (&file).take(HEAD_BYTES).read_to_end(&mut head)?;
        file.rewind()?;
        if !is_parquet(&head) {
            return Reader::new(digested(file, digest), settings);
        }
        // It is read by its columns, so that its bytes are gone through once before that.
        std::io::copy(&mut digested(&file, digest), &mut std::io::sink())?;
        Reader::of_file(file, settings)
    }
}

/// The digest of an input: owned by what reads it, and looked at when all is read.
type Digest = std::sync::Arc<std::sync::Mutex<Sha256>>;

fn digested<R>(input: R, digest: &Digest) -> Digested<R> {
    Digested { input, digest: std::sync::Arc::clone(digest) }
}

/// An input whose bytes go into a digest, so that a result names what it was made of.
struct Digested<R> {
    input: R,
    // Owns the digest while the reader lives; nobody else writes it.
    digest: Digest,
}

impl<R: Read> Read for Digested<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        if let Ok(mut digest) = self.digest.lock() {
            digest.update(buffer.get(..read).unwrap_or_default());
        }
        Ok(read)
    }
}

/// What came of a table.
#[derive(Debug, Default)]
pub(super) struct Came {
    /// All rows.
    pub(super) rows: u64,
    /// Those put aside, by code.
    pub(super) reasons: BTreeMap<&'static str, u64>,
    /// Those put aside, up to a limit.
    pub(super) rejects: Vec<Reject>,
    /// Rows in `Shift_JIS`.
    pub(super) shift_jis: u64,
    /// SHA-256 of the input.
    pub(super) digest: String,
    /// Rows whose time names no zone, and the zone in which they were taken.
    zoneless: u64,
    zone: String,
}

impl Came {
    fn put_aside(&mut self, reject: Reject) {
        *self.reasons.entry(reject.reason.code()).or_default() += 1;
        if self.rejects.len() < REJECTS_MAX {
            self.rejects.push(reject);
        }
    }

    /// How many rows were put aside.
    pub(super) fn put_aside_count(&self) -> u64 {
        self.reasons.values().sum()
    }

    fn tell(&self, file: &Path) {
        for reject in self.rejects.iter().take(SHOWN_MAX) {
            tell(&format!("{}:{}: {}: row put aside", file.display(), reject.line, reject.reason));
        }
        let more = self.put_aside_count().saturating_sub(SHOWN_MAX as u64);
        if more > 0 {
            tell(&format!("{}: {more} more rows put aside; see rejects.jsonl", file.display()));
        }
        if self.zoneless > 0 {
            tell(&format!(
                "{}: {} times without a zone were taken in {}; `zone = …` in a mapping names another",
                file.display(),
                self.zoneless,
                self.zone
            ));
        }
    }
}

/// What a column holds, as objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Each entry is an object as it stands.
    Cell,
    /// Links, one address for one page.
    Links,
    /// The hosts of links.
    Hosts,
    /// The tags of a post as a set, when there are three or more.
    Tags,
    /// Words, of which near copies are one object.
    Words,
}

/// Which column is asked for, and how it is read.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) name: String,
    pub(super) kind: TraceKind,
    pub(super) holds: Holds,
    role: Option<Role>,
}

impl Object {
    /// By the name that was given: `url`, `domain`, `hashtags`, `text`, `repost`, `reply`, `mentions`, `media` are read by
    /// their meaning where the table has a column for it, any other name is a column of objects.
    pub(super) fn named(name: &str) -> Self {
        let (kind, holds, role) = match name {
            "url" | "urls" => (TraceKind::Url, Holds::Links, Some(Role::Urls)),
            "domain" | "domains" => (TraceKind::Domain, Holds::Hosts, Some(Role::Urls)),
            "hashtags" => (TraceKind::HashtagSet, Holds::Tags, Some(Role::Hashtags)),
            "text" | "message" => (TraceKind::Text, Holds::Words, Some(Role::Text)),
            "repost" | "repost_id" | "parent_post" => {
                (TraceKind::Repost, Holds::Cell, Some(Role::ParentPost))
            }
            "reply" | "reply_id" => (TraceKind::Reply, Holds::Cell, Some(Role::ReplyTo)),
            "mentions" => (TraceKind::Mention, Holds::Cell, Some(Role::Mentions)),
            "media" => (TraceKind::Media, Holds::Cell, Some(Role::Media)),
            // The columns of a known export that are numbers of such things.
            "url_id" => (TraceKind::Url, Holds::Cell, None),
            "domain_id" => (TraceKind::Domain, Holds::Cell, None),
            "phash_id" => (TraceKind::Media, Holds::Cell, None),
            "text_cluster_id" => (TraceKind::Text, Holds::Cell, None),
            "fast_repost" => (TraceKind::FastRepost, Holds::Cell, None),
            "hashtag_set" => (TraceKind::HashtagSet, Holds::Cell, None),
            "hashtag" | "hashtag_id" => (TraceKind::Hashtag, Holds::Cell, None),
            _ => (TraceKind::Other, Holds::Cell, None),
        };
        Self { name: name.to_owned(), kind, holds, role }
    }

    /// The name of the column that the reader must find; none where the meaning of a column decides.
    pub(super) fn column(&self) -> Option<&str> {
        self.role.is_none().then_some(self.name.as_str())
    }

    /// The objects of a row; `number` is the place among the named columns.
    pub(super) fn of(&self, row: &Row<'_>, number: usize) -> Vec<String> {
        let Some(role) = self.role else {
            return vec![row.object(number).to_owned()];
        };
        match self.holds {
            Holds::Cell | Holds::Words => match role {
                Role::Mentions | Role::Media => row.list(role),
                _ => vec![row.text(role).to_owned()],
            },
            // A link that is no address of a page is an object as it stands, so that none is lost.
            Holds::Links => row
                .list(role)
                .into_iter()
                .map(|link| url::canonical(&link).unwrap_or(link))
                .collect(),
            Holds::Hosts => {
                let links = row.list(role);
                links
                    .iter()
                    .filter_map(|link| Some(url::host(&url::canonical(link)?)?.to_owned()))
                    .collect()
            }
            Holds::Tags => {
                let tags = row.list(role);
                tags::set(tags.iter().map(String::as_str), TAGS_MIN).into_iter().collect()
            }
        }
    }
}

/// A problem whose words begin with its code.
pub(super) fn usage(problem: &dyn std::error::Error, file: &Path) -> Failed {
    let words = problem.to_string();
    let (code, words) = words.split_once(": ").unwrap_or(("NRS-INFL-0102", &words));
    let known = [
        "NRS-INFL-0100",
        "NRS-INFL-0101",
        "NRS-INFL-0102",
        "NRS-INFL-0106",
        "NRS-INFL-0108",
        "NRS-INFL-0111",
        "NRS-INFL-0113",
        "NRS-INFL-0114",
        "NRS-INFL-0115",
        "NRS-INFL-0116",
        "NRS-INFL-0130",
        "NRS-INFL-0131",
        "NRS-INFL-0132",
        "NRS-INFL-0133",
        "NRS-INFL-0134",
        "NRS-INFL-0135",
    ];
    let code = known.into_iter().find(|known| *known == code).unwrap_or("NRS-INFL-0102");
    Failed::Usage { code, message: format!("`{}`: {words}", file.display()) }
}
