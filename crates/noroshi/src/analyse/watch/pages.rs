//! The inbox: what is new, what is watched, and the digests of the last days.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use jiff::{SignedDuration, Timestamp};

use super::act;
use super::jobs;
use super::news::{self, Digest, Entry, Eyes, Kind, Trigger, Watch, Whose};
use crate::analyse::desk::shown_name;
use crate::analyse::pages::pairs;
use crate::analyse::read as analyse;
use crate::evidence::pages::kind_words;
use crate::evidence::read as evidence;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::id::CaseId;
use crate::office::store::{Reader, StoreFailure};
use crate::web::forms::{Choice, FormState};
use crate::web::layout::{Shell, Tone};
use crate::web::locale::Words;
use crate::web::page::{self, html, local_path};
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::{Posted, Visitor};

/// How far back the inbox looks.
const DAYS: i64 = 30;
/// News shown at once; what is older stands in the digests.
const SHOWN_MAX: usize = 100;
/// Digests listed.
pub(super) const DIGESTS_MAX: u32 = 30;

/// Routes of the inbox.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/analyse/inbox", get(inbox))
        .route("/analyse/inbox/read", post(read))
        .route("/analyse/inbox/{day}", get(day))
        .route("/analyse/watches", post(begin))
        .route("/analyse/watches/end", post(end))
}

/// An entry with the names it may have for its reader.
pub(super) struct Told {
    pub(super) entry: Entry,
    pub(super) subject: String,
    pub(super) kind: String,
    pub(super) other: String,
}

/// Names for entries; what may not be told is left out.
pub(super) fn told(
    reader: &Reader<'_>,
    eyes: &Eyes,
    entries: Vec<Entry>,
) -> Result<Vec<Told>, StoreFailure> {
    let mut found = Vec::with_capacity(entries.len());
    for entry in entries {
        if !news::may_tell(reader, eyes, &entry)? {
            continue;
        }
        let (kind, subject) = name_of(reader, eyes, &entry.subject)?;
        let (_, other) = name_of(reader, eyes, &entry.other)?;
        found.push(Told { entry, subject, kind, other });
    }
    Ok(found)
}

fn name_of(reader: &Reader<'_>, eyes: &Eyes, id: &str) -> Result<(String, String), StoreFailure> {
    if let Some(case) = CaseId::parse(id) {
        let title = analyse::case_head(reader, &case)?.map(|head| head.title);
        return Ok(("case".to_owned(), title.unwrap_or_default()));
    }
    if id.is_empty() {
        return Ok((String::new(), String::new()));
    }
    let row = evidence::brief(reader, eyes.scope.sees(), id)?;
    Ok(row
        .map(|row| {
            let name = shown_name(&row.kind, &row.name, &row.id);
            (row.kind, name)
        })
        .unwrap_or_default())
}

/// Everything new for a person, newest first, with the watches it comes from.
pub(super) fn inbox_of(
    reader: &Reader<'_>,
    eyes: &Eyes,
    whose: &Whose,
    now: Timestamp,
) -> Result<(Vec<Watch>, Vec<Entry>), StoreFailure> {
    let watches = news::watches(reader, whose)?;
    let oldest = now - SignedDuration::from_hours(24 * DAYS);
    let mut entries = Vec::new();
    for watch in &watches {
        let until = now + SignedDuration::from_secs(1);
        let found = news::news(reader, eyes, watch, watch.since.max(oldest), until)?;
        entries.extend(found.entries);
    }
    entries.sort_by(|a, b| b.cmp(a));
    // Two watches may tell the same thing.
    entries.dedup_by(|a, b| {
        (a.at, a.trigger, &a.subject, &a.other) == (b.at, b.trigger, &b.subject, &b.other)
    });
    Ok((watches, entries))
}

/// Whether an entry came after its watch was read.
pub(super) fn is_unread(watches: &[Watch], entry: &Entry) -> bool {
    watches.iter().any(|watch| watch.watch == entry.watch && entry.at > watch.seen_at)
}

/// Where an entry leads.
pub(super) fn href_of(id: &str) -> String {
    if CaseId::parse(id).is_some() {
        format!("/analyse/cases/{id}")
    } else {
        format!("/evidence/{id}")
    }
}

/// An entry in one line of words.
pub(super) fn line_of(words: Words, told: &Told) -> String {
    let key = format!("analyse-news-{}", told.entry.trigger.code());
    words
        .tv(&key, &[("subject", told.subject.clone().into()), ("other", told.other.clone().into())])
}

struct Line {
    at: Timestamp,
    tone: Tone,
    trigger: String,
    text: String,
    kind: String,
    href: String,
    unread: bool,
    /// How often it happened in a row on that day.
    times: usize,
}

struct WatchLine {
    watch: String,
    kind: String,
    name: String,
    href: String,
    since: Timestamp,
    unread: usize,
    gone: bool,
}

struct DigestLine {
    day: String,
    label: String,
    count: usize,
}

#[derive(Template)]
#[template(path = "analyse/inbox.html")]
struct InboxPage {
    shell: Shell,
    lines: Vec<Line>,
    unread: usize,
    beyond: usize,
    watches: Vec<WatchLine>,
    digests: Vec<DigestLine>,
    until: String,
    form: FormState,
    kinds: Vec<Choice>,
}

fn tone(trigger: Trigger) -> Tone {
    match trigger {
        Trigger::Revoked => Tone::Bad,
        Trigger::Marked => Tone::Warn,
        Trigger::Sighting => Tone::Signal,
        Trigger::Release => Tone::Ok,
        Trigger::Version
        | Trigger::Relation
        | Trigger::Note
        | Trigger::Case
        | Trigger::Hypothesis
        | Trigger::Found
        | Trigger::Named => Tone::Info,
    }
}

fn line(words: Words, told: &Told, unread: bool) -> Line {
    let kind = match told.kind.as_str() {
        "case" => words.t("analyse-case-title"),
        kind => kind_words(words, kind),
    };
    Line {
        at: told.entry.at,
        tone: tone(told.entry.trigger),
        trigger: words.t(format!("analyse-trigger-{}", told.entry.trigger.code())),
        text: line_of(words, told),
        kind,
        href: href_of(&told.entry.subject),
        unread,
        times: 1,
    }
}

/// Lines for entries; what happened several times in a row on one day stands there once, with the number.
fn lines(words: Words, entries: &[Told], is_unread: impl Fn(&Entry) -> bool) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut before: Option<(&Entry, bool)> = None;
    for one in entries {
        let unread = is_unread(&one.entry);
        let same = before.is_some_and(|(entry, was_unread)| {
            was_unread == unread
                && (entry.trigger, &entry.subject, &entry.other)
                    == (one.entry.trigger, &one.entry.subject, &one.entry.other)
                && jobs::japan_day(entry.at) == jobs::japan_day(one.entry.at)
        });
        match lines.last_mut() {
            Some(last) if same => last.times += 1,
            Some(_) | None => lines.push(line(words, one, unread)),
        }
        before = Some((&one.entry, unread));
    }
    lines
}

/// What is watched, in words and as an address.
fn watch_line(words: Words, watch: &Watch, name: String, gone: bool, unread: usize) -> WatchLine {
    let (name, href) = match watch.kind {
        Kind::Object => (name, format!("/evidence/{}", watch.target)),
        Kind::Case => (name, format!("/analyse/cases/{}", watch.target)),
        Kind::Search => {
            let filter = news::filter_of(&watch.target);
            let kind = if filter.kind.is_empty() {
                String::new()
            } else {
                kind_words(words, &filter.kind)
            };
            ([filter.q, kind].join(" ").trim().to_owned(), format!("/evidence?{}", watch.target))
        }
        Kind::Observable => (
            shown_name("url", &watch.target, &watch.target),
            format!("/evidence?q={}", crate::web::visitor::percent(&watch.target)),
        ),
    };
    WatchLine {
        watch: watch.watch.clone(),
        kind: words.t(format!("analyse-watch-{}", watch.kind.code())),
        // What may no longer be seen is not named either.
        name: if gone { words.t("analyse-watch-gone") } else { name },
        href: if gone { String::new() } else { href },
        since: watch.since,
        unread,
        gone,
    }
}

async fn inbox(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    show(&house, &visitor, FormState::new()).await
}

async fn show(house: &Arc<House>, visitor: &Visitor, form: FormState) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::AnalyseWatch, On::default())?;
    let (eyes, whose) = (Eyes::of(house, &visitor.ctx), Whose::of(&visitor.ctx));
    let now = visitor.ctx.now;
    let (watches, entries, digests, names) = house
        .store
        .read(move |reader| {
            let (watches, entries) = inbox_of(reader, &eyes, &whose, now)?;
            let mut names = Vec::with_capacity(watches.len());
            for watch in &watches {
                let there = eyes.sees(reader, watch.kind, &watch.target)?;
                names.push((name_of(reader, &eyes, &watch.target)?.1, !there));
            }
            let entries = told(reader, &eyes, entries)?;
            let digests = news::digests(reader, &eyes, &whose, DIGESTS_MAX)?;
            Ok((watches, entries, digests, names))
        })
        .await?;
    let words = visitor.words();
    let unread = |watch: Option<&Watch>| {
        entries
            .iter()
            .filter(|one| watch.is_none_or(|watch| watch.watch == one.entry.watch))
            .filter(|one| is_unread(&watches, &one.entry))
            .count()
    };
    let watch_lines = watches
        .iter()
        .zip(names)
        .map(|(watch, (name, gone))| watch_line(words, watch, name, gone, unread(Some(watch))));
    let page = InboxPage {
        unread: unread(None),
        beyond: entries.len().saturating_sub(SHOWN_MAX),
        lines: lines(words, entries.get(..SHOWN_MAX).unwrap_or(&entries), |entry| {
            is_unread(&watches, entry)
        }),
        watches: watch_lines.collect(),
        digests: digests.iter().map(|digest| digest_line(words, digest)).collect(),
        until: now.to_string(),
        kinds: Kind::ALL
            .into_iter()
            .map(|kind| Choice::new(kind.code(), words.t(format!("analyse-watch-{}", kind.code()))))
            .collect(),
        form,
        shell: page::shell(house, visitor, "analyse-inbox-title"),
    };
    html(&page)
}

fn digest_line(words: Words, digest: &Digest) -> DigestLine {
    DigestLine {
        day: digest.day.clone(),
        label: digest
            .day
            .parse::<jiff::civil::Date>()
            .map_or_else(|_| digest.day.clone(), |day| words.day(day)),
        count: digest.entries.len(),
    }
}

#[derive(Template)]
#[template(path = "analyse/digest.html")]
struct DigestPage {
    shell: Shell,
    crumbs: Vec<crate::web::layout::Link>,
    lines: Vec<Line>,
    more: bool,
    made_at: Timestamp,
}

async fn day(State(house): State<Arc<House>>, visitor: Visitor, Path(day): Path<String>) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::AnalyseWatch, On::default())?;
    let (eyes, whose) = (Eyes::of(&house, &visitor.ctx), Whose::of(&visitor.ctx));
    let found = house
        .store
        .read(move |reader| {
            let digests = news::digests(reader, &eyes, &whose, u32::MAX)?;
            let Some(digest) = digests.into_iter().find(|one| one.day == day) else {
                return Ok(None);
            };
            let entries = told(reader, &eyes, digest.entries.clone())?;
            Ok(Some((digest, entries)))
        })
        .await?;
    let (digest, entries) = found.ok_or_else(Refusal::absent)?;
    let words = visitor.words();
    let mut shell = page::shell(&house, &visitor, "analyse-inbox-title");
    let label = digest_line(words, &digest).label;
    shell.title = words.tv("analyse-digest-of", &[("day", label.into())]);
    let page = DigestPage {
        crumbs: vec![crate::web::layout::Link {
            href: "/analyse/inbox".to_owned(),
            label: words.t("analyse-inbox-title"),
        }],
        lines: lines(words, &entries, |_| false),
        more: digest.more,
        made_at: digest.made_at,
        shell,
    };
    html(&page)
}

fn back(posted: &Posted) -> axum::response::Response {
    let path = posted.values.some("back").map_or_else(|| "/analyse/inbox".to_owned(), local_path);
    Redirect::to(&path).into_response()
}

async fn begin(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let mut form = pairs(&posted);
    let (kind, target) = (form.text("kind", 16), form.text("target", 1_000));
    let (Some(kind), Some(target)) = (kind, target) else {
        return crate::analyse::pages::with_status(show(&house, &posted.visitor, form).await);
    };
    act::watch(&house, &posted.visitor.ctx, &kind, &target).await?;
    Ok(back(&posted))
}

async fn end(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    act::end(&house, &posted.visitor.ctx, posted.values.get("watch")).await?;
    Ok(back(&posted))
}

async fn read(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let until = posted.values.get("until").parse().unwrap_or(posted.visitor.ctx.now);
    act::read_until(&house, &posted.visitor.ctx, until).await?;
    Ok(Redirect::to("/analyse/inbox").into_response())
}
