//! A feed is read: by a job, at its interval. What is new becomes a table that is read like one that was handed in, so that
//! the same rules hold for it: public, within the collection's time and number, accounts under pseudonyms, texts sealed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use noroshi_charter::gathering::{self, Feed as Named};
use noroshi_codec::syndication::{Address, Entry, Kind, NotAFeed, decode};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::act::{reading, rule};
use super::fetch::{Fetched, Fetcher, Reach, Seen, Trouble, trouble};
use super::read::{self, Feed};
use crate::house::House;
use crate::influence::gather::upload;
use crate::influence::keep::{actor, ctx_of};
use crate::influence::read::Collection;
use crate::office::commit::{Change, Job, Write};
use crate::office::ctx::Ctx;
use crate::office::jobs::{Handler, Outcome, Task, Working};
use crate::office::secret::hex;
use crate::office::store::{StoreFailure, Value};

/// Handlers by kind of job.
pub const HANDLERS: &[(&str, Handler)] =
    &[("influence.feed.pull", |house, task| -> Working { Box::pin(pull(house, task)) })];

/// Sitemaps of one index that are read at a time.
pub const SITEMAPS_MAX: usize = 50;
/// Between two documents of one server.
const PAUSE: Duration = Duration::from_millis(500);
/// Longest wait after a failure, whatever the server says.
const WAIT_MAX: SignedDuration = SignedDuration::from_hours(24);
/// Longest name of an entry, in bytes; a longer one is named by its digest.
const NAME_BYTES_MAX: usize = 1_000;

fn damaged(what: impl ToString) -> StoreFailure {
    StoreFailure::Damaged(what.to_string())
}

/// What a reading came to.
enum Came {
    Same { size: u64, documents: u64, seen: Option<Seen> },
    New(Box<News>),
}

/// What is new.
struct News {
    kind: Kind,
    lines: Vec<u8>,
    entries: u64,
    documents: u64,
    size: u64,
    digest: String,
    seen: Seen,
    /// What of it could not be read.
    aside: Option<Trouble>,
}

async fn pull(house: Arc<House>, task: Task) -> Result<Outcome, StoreFailure> {
    let ctx = ctx_of(&house, &task.payload).ok_or_else(|| damaged("a job's actor"))?;
    let asked = task.subject.clone();
    let found = house
        .store
        .read(move |reader| {
            let Some(feed) = read::feed(reader, &asked)? else { return Ok(None) };
            let of = crate::influence::read::collection(reader, &feed.collection)?;
            Ok(of.map(|collection| (feed, collection)))
        })
        .await?;
    let (feed, collection) = found.ok_or_else(|| damaged("a feed is gone"))?;
    let once = task.payload.get("once").and_then(Json::as_bool).unwrap_or(false);
    if collection.state(ctx.now) != "open" || !feed.is_read() {
        return Ok(rest(ctx, &feed));
    }
    let reach = Reach {
        allow: house.config.influence.allow.clone(),
        within: house.config.influence.feeds_within,
    };
    let refused = refused(&house, &feed);
    let of = feed.clone();
    let work = tokio::task::spawn_blocking(move || match refused {
        Some(trouble) => Err(trouble),
        None => read_feed(reach, &of),
    });
    let came = work.await.map_err(|_| StoreFailure::Stopping)?;
    let import = format!("import-feed-{}-{}", task.position, task.job);
    if let Ok(Came::New(news)) = &came {
        keep(&house.dir, &import, &news.lines)?;
    }
    let due = next_at(&feed, &came, ctx.now);
    let mut change = record(&ctx, &feed, &collection, &import, &came, (due, once));
    if !once {
        change = change.job(reading(&ctx, &feed.feed, due, false));
    }
    Ok(Outcome::Done(ctx, Box::new(change)))
}

/// Nothing is read any more: its collection is over, or it was ended.
fn rest(ctx: Ctx, feed: &Feed) -> Outcome {
    let change = Change::office("influence.feed.rest", &feed.feed).write(Write::new(
        "UPDATE influence_feed SET state = CASE state WHEN 'refused' THEN state ELSE 'ended' END, due_at = NULL WHERE feed = $1",
        vec![Value::from(&feed.feed)],
    ));
    Outcome::Done(ctx, Box::new(change))
}

/// What the charter has against it now: the list of hosts may be another one than when it was named.
fn refused(house: &House, feed: &Feed) -> Option<Trouble> {
    let Some(address) = Address::parse(&feed.url) else {
        return Some(trouble("NRS-INFL-1311", &feed.url));
    };
    let named = Named {
        host: address.host(),
        is_secure: address.is_secure(),
        every_minutes: feed.every_minutes,
        others: 0,
    };
    let against = gathering::may_read_feed(&named, &rule(house));
    against.first().map(|one| trouble(one.code, address.host()))
}

fn keep(dir: &Path, import: &str, lines: &[u8]) -> std::io::Result<()> {
    let path = upload(dir, import);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, lines)
}

/// After a failure longer and longer, and never sooner than the server asks for.
fn next_at(feed: &Feed, came: &Result<Came, Trouble>, now: Timestamp) -> Timestamp {
    let every = SignedDuration::from_mins(i64::from(feed.every_minutes));
    let wait = match came {
        Ok(_) => every,
        Err(trouble) => {
            let asked = i64::try_from(trouble.retry_seconds.unwrap_or(0)).unwrap_or(i64::MAX);
            let longer = every * (1 << feed.failures.min(5));
            longer.max(SignedDuration::from_secs(asked)).min(WAIT_MAX).max(every)
        }
    };
    now + wait
}

/// Reads a feed; of an index of sitemaps those that are new.
fn read_feed(reach: Reach, feed: &Feed) -> Result<Came, Trouble> {
    let address = Address::parse(&feed.url).ok_or_else(|| trouble("NRS-INFL-1311", &feed.url))?;
    let fetcher = Fetcher::new(reach);
    let fetched = fetcher.fetch(&address, &feed.seen)?;
    let Fetched::Document { from, body, size, seen } = fetched else {
        return Ok(Came::Same { size: 0, documents: 1, seen: None });
    };
    let digest = hex(&Sha256::digest(&body));
    if feed.digest.as_ref() == Some(&digest) {
        return Ok(Came::Same { size, documents: 1, seen: Some(seen) });
    }
    let read = decode(&body).map_err(|no| trouble("NRS-INFL-1306", word(&no)))?;
    let mut news = News {
        kind: read.kind,
        lines: Vec::new(),
        entries: 0,
        documents: 1,
        size,
        digest,
        seen,
        aside: read.broken.map(|why| trouble("NRS-INFL-1308", why)),
    };
    if read.beyond > 0 {
        news.aside = Some(trouble("NRS-INFL-1309", read.beyond));
    }
    match read.kind {
        Kind::SitemapIndex => index(&fetcher, feed, &from, &read.entries, &mut news),
        kind => news.take(&from, kind, &read.entries),
    }
    Ok(Came::New(Box::new(news)))
}

/// The sitemaps of an index that changed since it was read last, the newest first.
fn index(fetcher: &Fetcher, feed: &Feed, from: &Address, entries: &[Entry], news: &mut News) {
    let since = feed.pulled_at.map_or(i64::MIN, Timestamp::as_millisecond);
    let mut listed: Vec<&Entry> =
        entries.iter().filter(|entry| entry.at_ms.is_none_or(|at| at >= since)).collect();
    listed.sort_by_key(|entry| std::cmp::Reverse(entry.at_ms));
    if listed.len() > SITEMAPS_MAX {
        news.aside = Some(trouble("NRS-INFL-1309", listed.len() - SITEMAPS_MAX));
    }
    for entry in listed.into_iter().take(SITEMAPS_MAX) {
        std::thread::sleep(PAUSE);
        if let Err(why) = one_of(fetcher, from, entry, news) {
            news.aside = Some(why);
        }
    }
}

/// Why a document is no feed, as a word of the locales.
fn word(no: &NotAFeed) -> &'static str {
    match no {
        NotAFeed::TooLong => "long",
        NotAFeed::Letters => "letters",
        NotAFeed::Unknown(_) => "unknown",
    }
}

fn one_of(
    fetcher: &Fetcher,
    from: &Address,
    entry: &Entry,
    news: &mut News,
) -> Result<(), Trouble> {
    let at = from.join(&entry.link).ok_or_else(|| trouble("NRS-INFL-1311", &entry.link))?;
    // The protocol of sitemaps: an index names sitemaps of its own site.
    if at.server() != from.server() {
        return Err(trouble("NRS-INFL-1303", at.host()));
    }
    let Fetched::Document { from, body, size, .. } = fetcher.fetch(&at, &Seen::default())? else {
        return Ok(());
    };
    news.documents += 1;
    news.size += size;
    let read = decode(&body).map_err(|no| trouble("NRS-INFL-1306", word(&no)))?;
    if read.kind == Kind::SitemapIndex {
        return Err(trouble("NRS-INFL-1306", "index"));
    }
    news.take(&from, read.kind, &read.entries);
    match read.broken {
        Some(why) => Err(trouble("NRS-INFL-1308", why)),
        None => Ok(()),
    }
}

impl News {
    fn take(&mut self, from: &Address, kind: Kind, entries: &[Entry]) {
        for entry in entries {
            let line = line(from, kind, entry).to_string();
            self.lines.extend_from_slice(line.as_bytes());
            self.lines.push(b'\n');
            self.entries += 1;
        }
    }
}

/// An entry as a record of the table: who wrote it (the site where nobody is named), when, what, and its address. What has
/// no time stays without one and is put aside: an invented time would look like acting together.
fn line(from: &Address, kind: Kind, entry: &Entry) -> Json {
    let host = from.host();
    let link = from.join(&entry.link).map(|one| one.text().to_owned());
    let name = if entry.id.len() > NAME_BYTES_MAX {
        hex(&Sha256::digest(entry.id.as_bytes()))
    } else {
        entry.id.clone()
    };
    let at = entry.at_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    json!({
        "post_id": format!("{}:{name}", kind.code()), "platform": host,
        "account": if entry.author.is_empty() { host } else { entry.author.as_str() },
        "ts": at.map(|at| at.to_string()).unwrap_or_default(), "kind": "original", "lang": entry.language,
        "text": entry.text, "urls": link.into_iter().collect::<Vec<_>>(), "visibility": "public",
    })
}

fn record(
    ctx: &Ctx,
    feed: &Feed,
    collection: &Collection,
    import: &str,
    came: &Result<Came, Trouble>,
    (due, once): (Timestamp, bool),
) -> Change {
    let name = if came.is_ok() { "influence.feed.read" } else { "influence.feed.fail" };
    let row = PullRow::of(came, import);
    let mut change = Change::office(name, &feed.feed)
        .payload(json!({
            "collection": collection.collection, "url": feed.url, "outcome": row.outcome, "documents": row.documents,
            "bytes": row.size, "entries": row.entries, "import": row.import, "digest": row.digest,
            "code": row.aside.map(|one| one.code), "why": row.aside.map(|one| one.why.as_str()),
        }))
        .write(row.insert(ctx, &feed.feed))
        .write(row.update(ctx, &feed.feed, (due, once)));
    if let Ok(Came::New(news)) = came {
        change = handed_in(ctx, feed, collection, import, news, change);
    }
    change
}

/// A reading as it is kept.
struct PullRow<'a> {
    outcome: &'static str,
    kind: Option<&'static str>,
    documents: u64,
    size: u64,
    entries: u64,
    import: Option<&'a str>,
    aside: Option<&'a Trouble>,
    seen: Option<&'a Seen>,
    digest: Option<&'a str>,
}

impl<'a> PullRow<'a> {
    fn of(came: &'a Result<Came, Trouble>, import: &'a str) -> Self {
        let none = Self {
            outcome: "failed",
            kind: None,
            documents: 0,
            size: 0,
            entries: 0,
            import: None,
            aside: None,
            seen: None,
            digest: None,
        };
        match came {
            Err(trouble) => Self { aside: Some(trouble), ..none },
            Ok(Came::Same { size, documents, seen }) => Self {
                outcome: "same",
                documents: *documents,
                size: *size,
                seen: seen.as_ref(),
                ..none
            },
            Ok(Came::New(news)) => Self {
                outcome: "new",
                kind: Some(news.kind.code()),
                documents: news.documents,
                size: news.size,
                entries: news.entries,
                import: (news.entries > 0).then_some(import),
                aside: news.aside.as_ref(),
                seen: Some(&news.seen),
                digest: Some(&news.digest),
            },
        }
    }

    fn insert(&self, ctx: &Ctx, feed: &str) -> Write {
        Write::one(
            "INSERT INTO influence_pull (pull, feed, at, outcome, kind, documents, size, entries, import, code, why) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            vec![
                Value::from(crate::influence::act::fresh(ctx, "pull")),
                Value::from(feed),
                Value::from(ctx.now),
                Value::from(self.outcome),
                Value::from(self.kind),
                Value::from(self.documents),
                Value::from(self.size),
                Value::from(self.entries),
                Value::from(self.import),
                Value::from(self.aside.map(|one| one.code)),
                Value::from(self.aside.map(|one| one.why.as_str())),
            ],
        )
    }

    /// What is known of the feed from now on. One that people asked for does not move the next one.
    fn update(&self, ctx: &Ctx, feed: &str, (due, once): (Timestamp, bool)) -> Write {
        let state = if self.outcome == "failed" { "failed" } else { "ok" };
        Write::new(
            "UPDATE influence_feed SET state = $2, pulled_at = $3, due_at = CASE WHEN $4 THEN due_at ELSE $5 END, \
             failures = CASE WHEN $2 = 'failed' THEN failures + 1 ELSE 0 END, \
             etag = CASE WHEN $6 THEN $7 ELSE etag END, modified = CASE WHEN $6 THEN $8 ELSE modified END, \
             digest = COALESCE($9, digest) WHERE feed = $1 AND state NOT IN ('ended', 'refused')",
            vec![
                Value::from(feed),
                Value::from(state),
                Value::from(ctx.now),
                Value::from(once),
                Value::from(due),
                Value::from(self.seen.is_some()),
                Value::from(self.seen.and_then(|seen| seen.etag.as_deref())),
                Value::from(self.seen.and_then(|seen| seen.modified.as_deref())),
                Value::from(self.digest),
            ],
        )
    }
}

/// What is new as an import that is read at once, as if somebody had handed it in and said `auto`.
fn handed_in(
    ctx: &Ctx,
    feed: &Feed,
    collection: &Collection,
    import: &str,
    news: &News,
    change: Change,
) -> Change {
    if news.entries == 0 {
        return change;
    }
    change
        .write(Write::one(
            "INSERT INTO influence_import (import, collection, name, digest, size, mapping, state, person, org, hat, at) \
             VALUES ($1, $2, $3, $4, $5, 'auto', 'reading', $6, $7, $8, $9)",
            vec![
                Value::from(import),
                Value::from(&collection.collection),
                Value::from(&feed.url),
                Value::from(hex(&Sha256::digest(&news.lines))),
                Value::from(news.lines.len() as u64),
                Value::from(&ctx.person),
                Value::from(&ctx.org),
                Value::from(ctx.hat.id()),
                Value::from(ctx.now),
            ],
        ))
        .job(Job {
            kind: "influence.gather.read",
            subject: collection.collection.clone(),
            payload: json!({ "import": import, "ctx": actor(ctx) }),
            due_at: ctx.now,
        })
}
