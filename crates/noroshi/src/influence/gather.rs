//! Posts come in: a file is handed in, said how it is read, and read by a job.
//!
//! A file lies in `DATA/influence/uploads` until it was read, and a day at most. It is never shown: what a column holds is
//! told by its shape, so that somebody who maps columns reads no names.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;

use axum::http::StatusCode;
use futures_util::{Stream, StreamExt as _};
use jiff::Timestamp;
use noroshi_charter::gathering;
use noroshi_codec::posts::{
    self, Columns, FirstLine, Layout, Mapping, Reader as Table, Role, Row, Settings,
};
use noroshi_insight::coordination::tags;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::act::{self, Made, TITLE_CHARS_MAX, broken, commit, decided, fresh, may, refuse, text};
use super::read::{self, Import};
use super::unread::Unread;
use super::vault::{NewPost, Reject, Taken, Vault, VaultFailure};
use crate::house::House;
use crate::office::authorise::Action;
use crate::office::commit::{Change, Job, Write};
use crate::office::ctx::Ctx;
use crate::office::jobs::{Handler, Outcome, Task, Working};
use crate::office::secret::hex;
use crate::office::store::{StoreFailure, Value};
use crate::web::refusal::{Answer, Failure, Item, Refusal};

/// Handlers by kind of job.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("influence.gather.read", |house, task| -> Working { Box::pin(read_in(house, task)) }),
    ("influence.gather.forget", |house, task| -> Working { Box::pin(forget(house, task)) }),
];

/// Largest file handed in, in bytes.
pub const UPLOAD_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// Rows that are looked at to tell what the columns hold.
const LOOKED_AT: usize = 200;
/// Longest mapping, in characters.
const MAPPING_CHARS_MAX: usize = 8_000;

/// Where a file waits to be read.
pub fn upload(data: &Path, import: &str) -> PathBuf {
    data.join("influence").join("uploads").join(format!("{import}.part"))
}

/// Every file that waits: its import, and when it was last written to.
pub fn uploads(data: &Path) -> std::io::Result<Vec<(String, Timestamp)>> {
    let folder = data.join("influence").join("uploads");
    if !std::fs::exists(&folder)? {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(import) = name.to_str().and_then(|name| name.strip_suffix(".part")) else {
            continue;
        };
        let written_at = match entry.metadata() {
            Ok(known) => Timestamp::try_from(known.modified()?).map_err(std::io::Error::other)?,
            // Read and deleted meanwhile.
            Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => continue,
            Err(problem) => return Err(problem),
        };
        found.push((import.to_owned(), written_at));
    }
    found.sort();
    Ok(found)
}

/// Takes a file for a collection that is open, whatever its length, and keeps it until it is said how it is read.
pub async fn hand_in<C, E>(
    house: &Arc<House>,
    ctx: &Ctx,
    collection: &str,
    name: &str,
    content: C,
) -> Answer<Made>
where
    C: Stream<Item = Result<axum::body::Bytes, E>> + Send + Unpin,
{
    may(house, ctx, Action::InfluenceGather)?;
    let found = act::collection(house, ctx, collection).await?;
    decided(&gathering::may_take(&found.standing(), ctx.now, 1))?;
    let name = text(name, TITLE_CHARS_MAX, false)?;
    let import = fresh(ctx, "import");
    let path = upload(&house.dir, &import);
    let stored = store(&path, content).await;
    // A file of which no record speaks is not kept.
    let (digest, size) = stored.or_else(|failure| gone(&path, failure))?;
    let change = Change::office("influence.import", &import)
        .payload(json!({ "collection": collection, "name": name, "digest": digest, "size": size }))
        .write(Write::one(
            "INSERT INTO influence_import (import, collection, name, digest, size, state, person, org, hat, at) \
             VALUES ($1, $2, $3, $4, $5, 'held', $6, $7, $8, $9)",
            vec![
                Value::from(&import),
                Value::from(collection),
                Value::from(&name),
                Value::from(&digest),
                Value::from(size),
                Value::from(&ctx.person),
                Value::from(&ctx.org),
                Value::from(ctx.hat.id()),
                Value::from(ctx.now),
            ],
        ));
    commit(house, ctx, import, change).await.or_else(|failure| gone(&path, failure))
}

/// Removes a file, and hands on why.
fn gone<T>(path: &Path, why: Failure) -> Answer<T> {
    remove(path).map_err(broken)?;
    Err(why)
}

/// Writes a stream to a file; gives its SHA-256 and its length.
async fn store<C, E>(path: &Path, mut content: C) -> Answer<(String, u64)>
where
    C: Stream<Item = Result<axum::body::Bytes, E>> + Unpin,
{
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(broken)?;
    }
    let mut file = std::fs::File::create(path).map_err(broken)?;
    let (mut hash, mut size) = (Sha256::new(), 0u64);
    while let Some(chunk) = content.next().await {
        let chunk = chunk.ok();
        let fits = chunk.as_ref().is_some_and(|one| size + one.len() as u64 <= UPLOAD_BYTES_MAX);
        let Some(chunk) = chunk.filter(|_| fits) else {
            return Err(crate::web::visitor::too_large());
        };
        size += chunk.len() as u64;
        hash.update(&chunk);
        // Written where it is received: each piece is small, and the disk's cache takes it.
        file.write_all(&chunk).map_err(broken)?;
    }
    file.sync_all().map_err(broken)?;
    Ok((hex(&hash.finalize()), size))
}

/// An import that is there; absent otherwise.
pub async fn import(house: &Arc<House>, ctx: &Ctx, id: &str) -> Answer<Import> {
    may(house, ctx, Action::InfluenceRead)?;
    let id = id.to_owned();
    let found = house.store.read(move |reader| read::import(reader, &id)).await?;
    found.ok_or_else(|| Refusal::absent().into())
}

/// How a table is read, by what was said: `auto` by the names of its columns, `cnt` by position, otherwise a mapping. Below
/// `auto` and `cnt` may stand the lines of a mapping that name no column: `zone = Asia/Tokyo`.
fn settings(said: &str) -> Result<Settings, Unread> {
    let said = said.trim();
    let (how, rest) = said.split_once('\n').map_or((said, ""), |(how, rest)| (how.trim(), rest));
    let mapping = |text: &str| Mapping::from_str(text).map_err(Unread::from);
    let (layout, zone) = match how {
        "" | "auto" if rest.is_empty() => (Layout::Named, None),
        "auto" => (Layout::Mapped(mapping(rest)?), None),
        "cnt" => {
            let mapping = mapping(rest)?;
            if !mapping.names_no_column() {
                return Err(Unread::of("NRS-INFL-0117"));
            }
            (Layout::Toolkit, mapping.zone)
        }
        _ => (Layout::Mapped(mapping(said)?), None),
    };
    Ok(Settings { layout, objects: Vec::new(), zone })
}

/// What was said of a table, without a name of its columns: it is written down, and a name may be a cell.
fn said_of(said: &str, settings: &Settings, columns: &Columns) -> String {
    match &settings.layout {
        Layout::Mapped(mapping) => columns.numbered(mapping).to_string().trim().to_owned(),
        Layout::Named | Layout::Toolkit => said.trim().to_owned(),
    }
}

fn unreadable(why: Unread) -> Failure {
    const VALUES: [&str; 5] = ["column", "role", "line", "roles", "zone"];
    let value = |name: &'static str| Some((name, why.values.get(name)?.clone()));
    let args = VALUES.into_iter().filter_map(value).collect();
    let item = Item { pointer: String::new(), code: why.code, args };
    Refusal::new("NRS-INFL-1002", StatusCode::UNPROCESSABLE_ENTITY).items(vec![item]).into()
}

/// What a column holds, told by its shape and never by its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnShape {
    /// Its number, from 1.
    pub number: usize,
    /// What the first line calls it; nothing where that line is a row, or looks like one.
    pub name: String,
    /// What it is taken for: the word of a role, `object`, or nothing, which is read by nobody.
    pub role: String,
}

/// What is known of a file before it is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// Its columns.
    pub columns: Vec<ColumnShape>,
    /// Of the first rows, how many can be read.
    pub readable: u64,
    /// Of the first rows, how many are put aside, by code.
    pub aside: std::collections::BTreeMap<String, u64>,
    /// What the first line is; nothing of JSON and Parquet.
    pub first_line: Option<FirstLine>,
    /// Of which zone times are taken that name none.
    pub zone: String,
    /// Of the first rows, how many have such a time.
    pub zoneless: u64,
    /// Of the first rows, the first and the last time.
    pub span: Option<(Timestamp, Timestamp)>,
    /// What was said of the table, as it is written down.
    pub said: String,
    /// Why nothing can be read.
    pub problem: Option<Unread>,
}

/// Looks at the first rows of a file that waits.
pub async fn look(house: &Arc<House>, ctx: &Ctx, id: &str, said: &str) -> Answer<Look> {
    let found = import(house, ctx, id).await?;
    if found.state == "expired" {
        return Err(refuse("NRS-INFL-1007"));
    }
    if found.state != "held" {
        return Err(refuse("NRS-INFL-1003"));
    }
    let path = upload(&house.dir, id);
    let said = said.to_owned();
    let looked = tokio::task::spawn_blocking(move || look_at(&path, &said));
    match looked.await.map_err(broken)? {
        // Deleted at this moment, because nobody had it read.
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => {
            Err(refuse("NRS-INFL-1007"))
        }
        looked => looked.map_err(broken),
    }
}

/// The roles that can be given to a column, by their word.
pub const ROLES: [Role; 20] = [
    Role::Post,
    Role::Platform,
    Role::Account,
    Role::Time,
    Role::Kind,
    Role::ParentPost,
    Role::ParentAccount,
    Role::ReplyTo,
    Role::Language,
    Role::Text,
    Role::Urls,
    Role::Hashtags,
    Role::Mentions,
    Role::Media,
    Role::Client,
    Role::AccountCreated,
    Role::Handle,
    Role::Followers,
    Role::Visibility,
    Role::Ignored,
];

/// The columns of a table of which nothing is known: whoever maps them needs their names, if it has any.
fn columns_at(path: &Path) -> std::io::Result<(Vec<ColumnShape>, Option<FirstLine>)> {
    let of = |first_line| -> std::io::Result<Option<(Vec<ColumnShape>, Option<FirstLine>)>> {
        // Any two columns stand in for what must be known, so that the first line is read.
        let mut roles = std::collections::BTreeMap::new();
        roles.insert(Role::Account, posts::Column::Number(1));
        roles.insert(Role::Time, posts::Column::Number(2));
        let mapping = Mapping { roles, first_line: Some(first_line), ..Mapping::default() };
        let settings = Settings { layout: Layout::Mapped(mapping), ..Settings::default() };
        let Ok(table) = Table::of_file(std::fs::File::open(path)?, &settings) else {
            return Ok(None);
        };
        let columns = table.columns();
        let shape = |at: usize| ColumnShape {
            number: at + 1,
            name: columns.name(at).unwrap_or_default().to_owned(),
            role: String::new(),
        };
        let shapes = (0..columns.count()).map(shape).collect();
        Ok(Some((shapes, columns.first_line())))
    };
    let Some((named, first_line)) = of(FirstLine::Names)? else { return Ok((Vec::new(), None)) };
    // A first line that says nothing which may be told is a row.
    if first_line.is_some() && named.iter().all(|column| column.name.is_empty()) {
        return Ok(of(FirstLine::Row)?.unwrap_or_default());
    }
    Ok((named, first_line))
}

fn look_at(path: &Path, said: &str) -> std::io::Result<Look> {
    let problem = |why: Unread| Look { problem: Some(why), ..Look::default() };
    let settings = match settings(said) {
        Ok(settings) => settings,
        Err(why) => {
            let (columns, first_line) = columns_at(path)?;
            return Ok(Look { columns, first_line, ..problem(why) });
        }
    };
    let zone = settings.zone().to_string();
    let mut table = match Table::of_file(std::fs::File::open(path)?, &settings) {
        Ok(table) => table,
        Err(no) => {
            let (columns, first_line) = columns_at(path)?;
            return Ok(Look { columns, first_line, zone, ..problem(no.into()) });
        }
    };
    let columns = table.columns();
    let mut look = Look {
        columns: shapes(columns),
        first_line: columns.first_line(),
        zone,
        said: said_of(said, &settings, columns),
        ..Look::default()
    };
    for _ in 0..LOOKED_AT {
        match table.next_row() {
            Ok(Some(Ok(row))) => {
                look.readable += 1;
                look.zoneless += u64::from(row.is_zoneless());
                if let Ok(at) = Timestamp::from_millisecond(row.at_ms()) {
                    let (first, last) = look.span.unwrap_or((at, at));
                    look.span = Some((first.min(at), last.max(at)));
                }
            }
            Ok(Some(Err(aside))) => {
                *look.aside.entry(aside.reason.code().to_owned()).or_default() += 1;
            }
            Ok(None) => break,
            Err(no) => return Ok(Look { problem: Some(no.into()), ..look }),
        }
    }
    Ok(look)
}

/// The columns of a table with what they are taken for.
fn shapes(columns: &Columns) -> Vec<ColumnShape> {
    let role_of = |at: usize| {
        let role = ROLES.iter().find(|role| columns.of(**role) == Some(at));
        match role {
            Some(role) => role.word().to_owned(),
            None if columns.objects().contains(&at) => "object".to_owned(),
            None => String::new(),
        }
    };
    let shape = |at: usize| ColumnShape {
        number: at + 1,
        name: columns.name(at).unwrap_or_default().to_owned(),
        role: role_of(at),
    };
    (0..columns.count()).map(shape).collect()
}

/// Says how a file is read; a job reads it.
pub async fn begin(house: &Arc<House>, ctx: &Ctx, id: &str, said: &str) -> Answer<Made> {
    may(house, ctx, Action::InfluenceGather)?;
    let found = import(house, ctx, id).await?;
    let said = text(said, MAPPING_CHARS_MAX, false)?;
    settings(&said).map_err(unreadable)?;
    let looked = look(house, ctx, id, &said).await?;
    if let Some(problem) = looked.problem {
        return Err(unreadable(problem));
    }
    let said = looked.said;
    let collection = act::collection(house, ctx, &found.collection).await?;
    decided(&gathering::may_take(&collection.standing(), ctx.now, 1))?;
    let change = Change::office("influence.import.read", id)
        .payload(json!({
            "mapping": said, "zone": looked.zone, "digest": found.digest, "collection": found.collection,
        }))
        .write(Write::one(
            "UPDATE influence_import SET state = 'reading', mapping = $2 WHERE import = $1 AND state = 'held'",
            vec![Value::from(id), Value::from(&said)],
        ))
        .job(Job {
            kind: "influence.gather.read",
            // Imports of one collection are read one after the other.
            subject: found.collection,
            payload: json!({ "import": id, "ctx": super::keep::actor(ctx) }),
            due_at: ctx.now,
        });
    commit(house, ctx, id.to_owned(), change).await
}

fn damaged(what: impl ToString) -> StoreFailure {
    StoreFailure::Damaged(what.to_string())
}

async fn read_in(house: Arc<House>, task: Task) -> Result<Outcome, StoreFailure> {
    let ctx = super::keep::ctx_of(&house, &task.payload).ok_or_else(|| damaged("a job's actor"))?;
    let id = task.payload.get("import").and_then(|id| id.as_str()).unwrap_or_default().to_owned();
    let (asked, of) = (id.clone(), task.subject.clone());
    let found = house
        .store
        .read(move |reader| Ok((read::import(reader, &asked)?, read::collection(reader, &of)?)))
        .await?;
    let (Some(import), Some(collection)) = found else { return Err(damaged("an import is gone")) };
    let (dir, now) = (house.dir.clone(), house.clock.now());
    let seeds = Seeds::of(&collection.seeds);
    let room = collection.volume_max.saturating_sub(collection.taken);
    let until = collection.until;
    // Asked again: since it was said how the file is read, the collection may have been stopped, or its time be over.
    let against = gathering::may_take(&collection.standing(), now, 1);
    let reading = tokio::task::spawn_blocking({
        let import = import.clone();
        move || match against.first() {
            Some(first) => take_back(&dir, &import, first.code),
            None => take_in(&dir, &import, &seeds, (room, until), now),
        }
    });
    let taken = reading.await.map_err(|_| StoreFailure::Stopping)?.map_err(damaged)?;
    let (state, summary, posts) = match &taken {
        Ok(taken) => ("done", json!({ "taken": taken }), taken.posts),
        Err(why) => ("failed", json!({ "failure": why.code, "failure_values": why.values }), 0),
    };
    let change = Change::office("influence.import.done", &id)
        .payload(json!({ "collection": import.collection, "digest": import.digest, "summary": summary }))
        .write(Write::one(
            "UPDATE influence_import SET state = $2, summary = $3, done_at = $4 WHERE import = $1 AND state = 'reading'",
            vec![
                Value::from(&id),
                Value::from(state),
                Value::from(summary.to_string()),
                Value::from(now),
            ],
        ))
        .write(Write::new(
            "UPDATE influence_collection SET taken = taken + $2 WHERE collection = $1",
            vec![Value::from(&import.collection), Value::from(posts)],
        ));
    // The file goes by a job of its own: until this change is kept, reading may be repeated and needs it.
    let forget = Job {
        kind: "influence.gather.forget",
        subject: import.collection.clone(),
        payload: task.payload.clone(),
        due_at: now,
    };
    Ok(Outcome::Done(ctx, Box::new(change.job(forget))))
}

/// Deletes a file that was read.
async fn forget(house: Arc<House>, task: Task) -> Result<Outcome, StoreFailure> {
    let ctx = super::keep::ctx_of(&house, &task.payload).ok_or_else(|| damaged("a job's actor"))?;
    let id = task.payload.get("import").and_then(|id| id.as_str()).unwrap_or_default().to_owned();
    remove(&upload(&house.dir, &id))?;
    let change = Change::office("influence.upload.delete", id);
    Ok(Outcome::Done(ctx, Box::new(change)))
}

/// Removes a file that may be gone already.
pub(super) fn remove(path: &Path) -> std::io::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(problem) => Err(problem),
    }
}

type TakenIn = Result<Taken, Unread>;

/// Nothing comes in any more, and what an earlier try of the same import brought goes.
fn take_back(dir: &Path, import: &Import, code: &str) -> Result<TakenIn, VaultFailure> {
    if let Some(mut vault) = Vault::existing(dir, &import.collection)? {
        vault.forget_import(import.number)?;
    }
    Ok(Err(Unread::of(code)))
}

fn take_in(
    dir: &Path,
    import: &Import,
    seeds: &Seeds,
    (room, until): (u64, Timestamp),
    now: Timestamp,
) -> Result<TakenIn, VaultFailure> {
    let settings = match settings(import.mapping.as_deref().unwrap_or_default()) {
        Ok(settings) => settings,
        Err(why) => return Ok(Err(why)),
    };
    let open = || match std::fs::File::open(upload(dir, &import.import)) {
        // It waited longer than a file may.
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => {
            Ok(Err(Unread::of("NRS-INFL-1007")))
        }
        file => Ok::<_, VaultFailure>(Table::of_file(file?, &settings).map_err(Unread::from)),
    };
    let mut table = match open()? {
        Ok(table) => table,
        Err(why) => return Ok(Err(why)),
    };
    if table.is_parquet() {
        // A fault in its middle is found before anything of it is kept, be it a share of a post that was held already.
        let fault = loop {
            match table.next_row() {
                Ok(Some(_)) => {}
                Ok(None) => break None,
                Err(no) => break Some(no.into()),
            }
        };
        table = match (fault, open()?) {
            (None, Ok(table)) => table,
            (Some(why), _) | (None, Err(why)) => return Ok(Err(why)),
        };
    }
    let names = Names::of(table.columns());
    let mut failed = None;
    let records = std::iter::from_fn(|| match table.next_row() {
        Ok(Some(Ok(row))) => Some(post_of(&row, &names, import, (seeds, until))),
        Ok(Some(Err(aside))) => Some(Err(Reject {
            line: aside.line,
            code: aside.reason.code().to_owned(),
            reason: aside.reason.to_string(),
        })),
        Ok(None) => None,
        Err(no) => {
            failed = Some(no.into());
            None
        }
    });
    let mut vault = Vault::open(dir, &import.collection)?;
    let taken = vault.take(import.number, records, room, now)?;
    if let Some(why) = failed {
        // What came before the fault is not kept: half of a table looks like a whole one.
        vault.forget_import(import.number)?;
        return Ok(Err(why));
    }
    Ok(Ok(taken))
}

/// What columns of a table are called.
#[derive(Debug, Default)]
struct Names {
    /// Those of objects.
    objects: Vec<String>,
    /// Whether links stand in a column that in most exports is the address of the post itself.
    are_own: bool,
}

impl Names {
    fn of(columns: &Columns) -> Self {
        let links = columns.of(Role::Urls).and_then(|at| columns.name(at)).unwrap_or_default();
        Self {
            objects: columns.object_names().collect(),
            are_own: links.eq_ignore_ascii_case("url"),
        }
    }
}

/// A row as a post, or why it is none for this collection.
fn post_of(
    row: &Row<'_>,
    names: &Names,
    import: &Import,
    (seeds, until): (&Seeds, Timestamp),
) -> Result<(u64, NewPost), Reject> {
    let at = row.at_ms();
    // A count or a number of something else that was taken for the time.
    if at < posts::POSTED_MS_MIN {
        let reason = posts::Reason::Time;
        let (code, reason) = (reason.code().to_owned(), reason.to_string());
        return Err(Reject { line: row.line(), code, reason });
    }
    // Archives are older than the collection; what is younger than its end was not to be gathered, or has a wrong clock.
    if at > until.as_millisecond() {
        return Err(Reject {
            line: row.line(),
            code: "NRS-INFL-1005".to_owned(),
            reason: "posted after the end of the collection".to_owned(),
        });
    }
    let own = |role| Some(row.text(role).to_owned()).filter(|text| !text.is_empty());
    let objects = objects_of(row, names);
    let is_beside = !seeds.are_shared(row.text(Role::Account), &objects);
    let id = own(Role::Post).unwrap_or_else(|| format!("{}:{}", import.import, row.line()));
    Ok((
        row.line(),
        NewPost {
            id,
            platform: row.text(Role::Platform).to_owned(),
            account: row.text(Role::Account).to_owned(),
            handle: String::new(),
            at,
            kind: kind_of(row),
            lang: own(Role::Language),
            text: own(Role::Text).map(|text| short(&text).to_owned()),
            objects,
            account_created_at: row.moment_ms(Role::AccountCreated),
            is_beside,
        },
    ))
}

/// What a collection begins from, as posts share it.
#[derive(Debug, Default)]
struct Seeds {
    urls: BTreeSet<String>,
    domains: BTreeSet<String>,
    tags: BTreeSet<String>,
    media: BTreeSet<String>,
    accounts: BTreeSet<String>,
}

impl Seeds {
    fn of(rows: &[read::SeedRow]) -> Self {
        let mut seeds = Self::default();
        for seed in rows.iter().filter_map(|row| gathering::Seed::parse(&row.kind, &row.text)) {
            match seed {
                gathering::Seed::Url(url) => seeds.url(&url),
                gathering::Seed::Domain(domain) => seeds.asset(&domain),
                gathering::Seed::Media(hash) => {
                    seeds.media.insert(hash);
                }
                gathering::Seed::Hashtag(tag) => {
                    seeds.tags.insert(tags::tag(&tag));
                }
                // Which post belongs to a cluster is not said by a table.
                gathering::Seed::TextCluster(_) => {}
                gathering::Seed::Reported { asset, .. } => seeds.asset(&asset),
            }
        }
        seeds
    }

    fn url(&mut self, url: &str) {
        self.urls.insert(posts::url::canonical(url).unwrap_or_else(|| url.to_owned()));
    }

    fn asset(&mut self, asset: &str) {
        if asset.starts_with("http") && asset.contains("://") {
            self.url(asset);
        } else if let Some(name) = asset.strip_prefix('@') {
            self.accounts.insert(name.to_lowercase());
        } else if let Some((_, id)) = asset.split_once(':') {
            self.accounts.insert(id.to_lowercase());
        } else {
            self.domains.insert(asset.to_lowercase());
        }
    }

    /// Whether a post of an account shares any of it: a name below a domain counts as the domain.
    fn are_shared(&self, account: &str, objects: &[(String, String)]) -> bool {
        let below = |host: &str| {
            let mut rest = Some(host);
            while let Some(name) = rest {
                if self.domains.contains(name) {
                    return true;
                }
                rest = name.split_once('.').map(|(_, rest)| rest);
            }
            false
        };
        let shared = |(trace, value): &(String, String)| match trace.as_str() {
            "url" => self.urls.contains(value),
            "domain" => below(value),
            "hashtag" => self.tags.contains(value),
            "media" | "phash_id" => self.media.contains(&value.to_lowercase()),
            _ => false,
        };
        self.accounts.contains(&account.trim_start_matches('@').to_lowercase())
            || objects.iter().any(shared)
    }
}

/// As much of a text as is kept, whole letters only.
fn short(text: &str) -> &str {
    let mut end = text.len().min(super::vault::TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn kind_of(row: &Row<'_>) -> &'static str {
    let said = row.text(Role::Kind).to_lowercase();
    match said.as_str() {
        "reply" => "reply",
        "quote" | "quote_tweet" => "quote",
        "repost" | "retweet" => "repost",
        _ if !row.text(Role::ParentPost).is_empty() => "repost",
        _ if !row.text(Role::ReplyTo).is_empty() => "reply",
        _ => "original",
    }
}

/// What a post shares, by trace. An empty cell is nothing.
fn objects_of(row: &Row<'_>, names: &Names) -> Vec<(String, String)> {
    let mut objects = Vec::new();
    let mut add = |trace: &str, value: String| {
        if !value.is_empty() {
            objects.push((trace.to_owned(), value));
        }
    };
    for link in row.list(Role::Urls) {
        // What is neither an address nor the number of one may be a name.
        let Some(address) = posts::url::shared(&link) else { continue };
        if is_own(row, names, &link, &address) {
            continue;
        }
        if let Some(host) = posts::url::host(&address) {
            add("domain", host.to_owned());
        }
        add("url", address);
    }
    for tag in row.list(Role::Hashtags) {
        add("hashtag", tags::tag(&tag));
    }
    for named in row.list(Role::Mentions) {
        add("mention", named);
    }
    for media in row.list(Role::Media) {
        add("media", media);
    }
    // What it was posted with, and the name shown (as a pseudonym): looked at beside other traces, never alone.
    add("client", row.text(Role::Client).to_owned());
    add("handle", row.text(Role::Handle).trim().to_lowercase());
    add("repost", row.text(Role::ParentPost).to_owned());
    add("reply", row.text(Role::ReplyTo).to_owned());
    for (number, name) in names.objects.iter().enumerate() {
        add(name, row.object(number).to_owned());
    }
    objects
}

/// Whether a link is where the post itself stands, which says nothing but who posted it.
fn is_own(row: &Row<'_>, names: &Names, link: &str, address: &str) -> bool {
    if !posts::url::host(address).is_some_and(posts::url::is_platform) {
        return false;
    }
    let post = row.text(Role::Post);
    let is_post = |part: &str| !post.is_empty() && part == post;
    let bare = |name: &str| name.trim_start_matches('@').to_lowercase();
    let link = link.trim();
    let named = posts::url::account(link).and_then(|at| link.get(at)).map(bare);
    let is_author = |role| {
        named.as_ref().is_some_and(|named| bare(row.text(role)) == *named && !named.is_empty())
    };
    address.split(['/', '=']).next_back().is_some_and(is_post)
        || (names.are_own && (is_author(Role::Account) || is_author(Role::Handle)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: &str, text: &str) -> read::SeedRow {
        read::SeedRow { kind: kind.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn posts_beside_what_a_collection_begins_from_are_told_apart() {
        let seeds = Seeds::of(&[
            row("domain", "news.example"),
            row("url", "https://pages.example/a?utm_source=x"),
            row("hashtag", "#架空の話"),
            row("hashtag", "＃Ｋａｋｕｕ"),
            row("reported", "partner|example:4711|foreign"),
        ]);
        let shares = |account: &str, trace: &str, value: &str| {
            seeds.are_shared(account, &[(trace.to_owned(), value.to_owned())])
        };
        for (account, trace, value) in [
            ("a", "domain", "news.example"),
            ("a", "domain", "www.news.example"),
            ("a", "url", "https://pages.example/a"),
            ("a", "hashtag", "架空の話"),
            ("a", "hashtag", &tags::tag("#KAKUU")),
            ("4711", "domain", "other.example"),
        ] {
            assert!(shares(account, trace, value), "{account} {trace} {value}");
        }
        for (trace, value) in
            [("domain", "othernews.example"), ("url", "https://pages.example/b"), ("reply", "4711")]
        {
            assert!(!shares("a", trace, value), "{trace} {value}");
        }
    }

    /// What may be shown of a table, and what is written down of how it is read.
    fn shown(path: &Path, table: &str, said: &str) -> (Vec<String>, Look) {
        std::fs::write(path, table).unwrap();
        let look = look_at(path, said).unwrap();
        (look.columns.iter().map(|one| one.name.clone()).collect(), look)
    }

    #[test]
    fn the_first_row_of_a_table_without_names_is_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        let (names, look) = shown(&path, "だれ,いつ,もの\nkakuu,2026-11-01 10:00,x\n", "auto");
        assert_eq!(names, ["だれ", "いつ", "もの"]);
        assert_eq!((look.problem.is_some(), look.first_line), (true, Some(FirstLine::Names)));
        // Whatever is said of it, before and after it can be read.
        for row in [
            "kakuu_hanako,2026-11-01 10:00,架空の本文\n",
            "kakuu_hanako,1795737600,https://news.example/a\n",
            "@kakuu_hanako,2026-11-01T10:00:00Z,text\n",
        ] {
            for said in [
                "auto",
                "account = 1\ntime = 2\ntext = 3",
                "account = 1\ntime = 2\nobject = 3",
                "first_line = row\naccount = 1\ntime = 2",
                "first_line = names\naccount = 1\ntime = 2\nobject = 1",
                "account = who\ntime = when",
                "account = kakuu_hanako\ntime = 2",
                "zone = Asia/Tokyo\naccount = 1\ntime = 2\nmentions = 3",
            ] {
                let (names, look) = shown(&path, row, said);
                assert_eq!(names, ["", "", ""], "{row} {said}");
                let all = format!("{look:?}");
                let told = said.contains("kakuu") && look.problem.is_some();
                assert!(told || !all.contains("kakuu"), "{all}");
                assert!(!look.said.contains("kakuu") && !all.contains("架空"), "{all}");
                assert!(!all.contains("news.example"), "{all}");
            }
        }
        let said = "account = 1\ntime = 2\ntext = 3";
        let (_, look) = shown(&path, "kakuu_hanako,2026-11-01 10:00,架空\n", said);
        assert_eq!((look.readable, look.problem), (1, None), "and the row is read");
    }

    #[test]
    fn what_is_written_down_of_a_mapping_are_numbers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        let said = "account = だれ\ntime = いつ\nobject = もの";
        let (_, look) = shown(&path, "だれ,いつ,もの\nkakuu,2026-11-01 10:00,x\n", said);
        assert_eq!(look.said, "first_line = names\naccount = 1\ntime = 2\nobject = 3");
        assert_eq!(look.readable, 1);
        let (_, again) = shown(&path, "だれ,いつ,もの\nkakuu,2026-11-01 10:00,x\n", &look.said);
        assert_eq!((again.said, again.readable), (look.said, 1));
    }

    #[test]
    fn the_look_says_of_which_zone_times_were_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        let table = "account,ts\na,2026/11/27 09:00\nb,2026/11/27 10:00\nc,1795737600\n";
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (said, zone, first, last) in [
            ("auto", "UTC", "2026-11-27T00:00:00Z", "2026-11-27T10:00:00Z"),
            (
                "auto\nzone = Asia/Tokyo",
                "Asia/Tokyo",
                "2026-11-27T00:00:00Z",
                "2026-11-27T01:00:00Z",
            ),
            ("zone = +09:00", "+09:00", "2026-11-27T00:00:00Z", "2026-11-27T01:00:00Z"),
        ] {
            let (_, look) = shown(&path, table, said);
            assert_eq!((look.zone.as_str(), look.zoneless), (zone, 2), "{said}");
            assert_eq!(look.span, Some((at(first), at(last))), "{said}");
            assert!(zone == "UTC" || look.said.contains(zone), "{}", look.said);
        }
        let (_, look) = shown(&path, table, "auto\nzone = Europe/Berlin");
        assert_eq!(look.problem.unwrap().code, "NRS-INFL-0116");
        let (_, look) = shown(&path, table, "cnt\naccount = 1");
        assert_eq!(look.problem.unwrap().code, "NRS-INFL-0117");
        let eight = "message_id,user_id,username,repost_id,reply_id,message,timestamp,urls\n1,u,,,,,2026-11-27 09:00:00,\n";
        let (_, look) = shown(&path, eight, "cnt\nzone = Asia/Tokyo");
        assert_eq!((look.zone.as_str(), look.zoneless, look.problem), ("Asia/Tokyo", 1, None));
    }

    #[test]
    fn what_a_post_shares_is_neither_its_own_address_nor_a_name() {
        let shared = |table: &str| {
            let mut table = Table::new(table.as_bytes(), &Settings::default()).unwrap();
            let names = Names::of(table.columns());
            let row = table.next_row().unwrap().unwrap().unwrap();
            let objects = objects_of(&row, &names).into_iter();
            objects.filter(|one| one.0 == "url").map(|one| one.1).collect::<Vec<_>>().join(" ")
        };
        let at = 1_795_737_600;
        for (table, expected) in [
            (format!("account,ts,post_id,urls\na,{at},17,https://x.com/kakuu/status/17\n"), ""),
            (
                format!("account,ts,post_id,urls\na,{at},17,https://x.com/kakuu/status/18\n"),
                "https://x.com/i/status/18",
            ),
            (format!("Facebook Id,Post Created,URL\n7,{at},https://facebook.com/7/posts/1\n"), ""),
            (format!("account,ts,url\n@Kakuu,{at},https://t.me/kakuu/5\n"), ""),
            (
                format!("account,ts,post_id,url\na,{at},17,https://news.example/17\n"),
                "https://news.example/17",
            ),
            (format!("account,ts,urls\na,{at},kakuu_hanako 23 @x =A(1)\n"), "23"),
        ] {
            assert_eq!(shared(&table), expected, "{table}");
        }
    }

    fn import(number: i64, collection: &str) -> Import {
        Import {
            number,
            import: format!("import-{number}"),
            collection: collection.to_owned(),
            name: String::new(),
            digest: String::new(),
            size: 0,
            mapping: None,
            state: "reading".to_owned(),
            person: String::new(),
            org: String::new(),
            hat: String::new(),
            at: Timestamp::UNIX_EPOCH,
            taken: None,
            failure: None,
        }
    }

    const SHARES_CSV: &str = include_str!("../../../noroshi-codec/tests/data/shares.csv");
    const SHARES_PARQUET: &str =
        include_str!("../../../noroshi-codec/tests/data/shares.parquet.b64");

    fn parquet() -> Vec<u8> {
        use base64::Engine as _;
        let letters = SHARES_PARQUET.replace('\n', "");
        base64::engine::general_purpose::STANDARD.decode(letters).unwrap()
    }

    #[test]
    fn posts_from_parquet_are_those_from_csv() {
        let dir = tempfile::tempdir().unwrap();
        let until = "2030-01-01T00:00:00Z".parse().unwrap();
        let take = |number: i64, collection: &str, bytes: &[u8]| {
            let import = import(number, collection);
            let path = upload(dir.path(), &import.import);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
            let room = (10_000, until);
            take_in(dir.path(), &import, &Seeds::default(), room, Timestamp::UNIX_EPOCH).unwrap()
        };
        let taken = take(1, "collection-1", SHARES_CSV.as_bytes()).unwrap();
        // Of the 288 rows twelve have no account, and 36 carry the number of a post that another row carries.
        assert_eq!((taken.posts, taken.rejected), (240, 48), "{taken:?}");
        assert_eq!(take(2, "collection-2", &parquet()), Ok(taken));
        // Damaged in its middle: nothing of what stands before is kept, no account, no object and no key.
        let mut broken = parquet();
        let half = broken.len() / 2;
        broken[half..half + 200].fill(0xff);
        assert_eq!(take(3, "collection-3", &broken), Err(Unread::of("NRS-INFL-0130")));
        assert!(Vault::existing(dir.path(), "collection-3").unwrap().is_none());
        assert!(!super::super::keys::is_there(dir.path(), "collection-3"));
        let before = Vault::existing(dir.path(), "collection-1").unwrap().unwrap().holding();
        assert_eq!(take(4, "collection-1", &broken), Err(Unread::of("NRS-INFL-0130")));
        let after = Vault::existing(dir.path(), "collection-1").unwrap().unwrap().holding();
        assert_eq!(before.unwrap(), after.unwrap());
    }

    #[test]
    fn parquet_is_mapped_like_any_table() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        std::fs::write(&path, parquet()).unwrap();
        let look = look_at(&path, "auto").unwrap();
        let of = |look: &Look| -> Vec<String> {
            look.columns.iter().map(|one| format!("{} {}", one.name, one.role)).collect()
        };
        let named =
            ["object_id object", "account_id account", "content_id post", "timestamp_share time"];
        assert_eq!((of(&look), look.first_line), (named.map(str::to_owned).to_vec(), None));
        assert!(look.problem.is_none() && look.readable > 150 && look.zoneless == 0, "{look:?}");
        // Said by names, written down by numbers, and read by them again.
        let said = "account = account_id\ntime = timestamp_share\nobject = object_id";
        let (look, again) = (look_at(&path, said).unwrap(), "account = 2\ntime = 4\nobject = 1");
        assert_eq!(look.said, again);
        assert_eq!(look_at(&path, again).unwrap().readable, look.readable);
        let look = look_at(&path, "account = kakuu\ntime = 4").unwrap();
        assert_eq!((look.problem.unwrap().code.as_str(), look.columns.len()), ("NRS-INFL-0101", 4));
        std::fs::write(&path, &parquet()[..3_000]).unwrap();
        assert_eq!(look_at(&path, "auto").unwrap().problem, Some(Unread::of("NRS-INFL-0130")));
    }

    #[test]
    fn a_file_that_is_gone_ends_its_import_and_makes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let import = import(1, "collection-1");
        let came = take_in(dir.path(), &import, &Seeds::default(), (10, now), now).unwrap();
        assert_eq!(came, Err(Unread::of("NRS-INFL-1007")));
        assert_eq!(take_back(dir.path(), &import, "c").unwrap(), Err(Unread::of("c")));
        assert!(!std::fs::exists(super::super::vault::path(dir.path(), "collection-1")).unwrap());
        assert!(!super::super::keys::is_there(dir.path(), "collection-1"));
    }
}
