//! The inbox for programs: watches, news, and the digests as a feed.
//!
//! A feed reader signs in like any program, with an API token as bearer or as the password of Basic authentication:
//! there is no secret in an address that could end up in a log.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::act;
use super::news::{self, Digest, Eyes, Whose};
use super::pages::{DIGESTS_MAX, Told, href_of, inbox_of, is_unread, line_of, told};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::clock::stamp;
use crate::web::api::Body;
use crate::web::locale::{Lang, Words};
use crate::web::refusal::Answer;
use crate::web::visitor::Caller;

/// Something to watch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::analyse) struct WatchIn {
    /// `object`, `case`, `search` or `observable`.
    kind: String,
    /// An identifier; the address of a search, `q=…&type=…`; an address, name, URL or hash.
    target: String,
}

/// Something that is watched.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct WatchOut {
    id: String,
    kind: &'static str,
    target: String,
    since: String,
}

/// A piece of news.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct NewsOut {
    at: String,
    /// `version`, `relation`, `sighting`, `revoked`, `marked`, `note`, `release`, `case`, `hypothesis`, `found`, `named`.
    trigger: &'static str,
    subject: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    other: String,
    watch: String,
    unread: bool,
}

/// What is watched and what is new there in the last 30 days.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct InboxOut {
    /// Give it back as `until` to count everything here as read.
    as_of: String,
    unread: usize,
    news: Vec<NewsOut>,
    watches: Vec<WatchOut>,
}

/// What is watched and what is new there, by what this hat may see now.
#[utoipa::path(get, path = "/inbox", tag = "analyse", responses((status = 200, body = InboxOut)))]
pub(in crate::analyse) async fn inbox(State(house): State<Arc<House>>, caller: Caller) -> Answer {
    house.authoriser.check(&caller.ctx, Action::AnalyseWatch, On::default())?;
    let (eyes, whose) = (Eyes::of(&house, &caller.ctx), Whose::of(&caller.ctx));
    let now = caller.ctx.now;
    let (watches, entries) = house
        .store
        .read(move |reader| {
            let (watches, entries) = inbox_of(reader, &eyes, &whose, now)?;
            let entries = told(reader, &eyes, entries)?;
            Ok((watches, entries))
        })
        .await?;
    let news: Vec<NewsOut> = entries
        .into_iter()
        .map(|one| NewsOut {
            at: stamp(one.entry.at),
            trigger: one.entry.trigger.code(),
            unread: is_unread(&watches, &one.entry),
            subject: one.entry.subject,
            other: one.entry.other,
            watch: one.entry.watch,
        })
        .collect();
    let watches = watches.into_iter().map(|watch| WatchOut {
        id: watch.watch,
        kind: watch.kind.code(),
        target: watch.target,
        since: stamp(watch.since),
    });
    let out = InboxOut {
        as_of: stamp(now),
        unread: news.iter().filter(|one| one.unread).count(),
        news,
        watches: watches.collect(),
    };
    Ok(Json(out).into_response())
}

/// Watches something from now on.
#[utoipa::path(post, path = "/inbox/watches", tag = "analyse", request_body = WatchIn,
    responses((status = 201, description = "`id` and `position`"), (status = 404), (status = 409), (status = 422)))]
pub(in crate::analyse) async fn watch(
    State(house): State<Arc<House>>,
    caller: Caller,
    body: Body<WatchIn>,
) -> Answer {
    let WatchIn { kind, target } = body.value;
    let (id, position) = act::watch(&house, &caller.ctx, &kind, &target).await?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id, "position": position }))).into_response())
}

/// Watches something no longer.
#[utoipa::path(post, path = "/inbox/watches/{id}/end", tag = "analyse", params(("id" = String, Path)),
    responses((status = 201, description = "`position`"), (status = 404)))]
pub(in crate::analyse) async fn end(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    Ok(crate::analyse::api::done(&act::end(&house, &caller.ctx, &id).await?))
}

/// Up to when everything was read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::analyse) struct ReadIn {
    /// The `as_of` of the answer that was read.
    #[schema(value_type = String)]
    until: Timestamp,
}

/// Counts everything up to an instant as read.
#[utoipa::path(post, path = "/inbox/read", tag = "analyse", request_body = ReadIn,
    responses((status = 201, description = "`position`")))]
pub(in crate::analyse) async fn read(
    State(house): State<Arc<House>>,
    caller: Caller,
    body: Body<ReadIn>,
) -> Answer {
    let done = act::read_until(&house, &caller.ctx, body.value.until).await?;
    Ok(crate::analyse::api::done(&done))
}

/// A digest with its entries in words.
struct Issue {
    digest: Digest,
    lines: Vec<(String, String)>,
}

async fn issues(house: &Arc<House>, caller: &Caller) -> Answer<(Words, Vec<Issue>)> {
    house.authoriser.check(&caller.ctx, Action::AnalyseWatch, On::default())?;
    let (eyes, whose) = (Eyes::of(house, &caller.ctx), Whose::of(&caller.ctx));
    let found = house
        .store
        .read(move |reader| {
            let mut issues: Vec<(Digest, Vec<Told>)> = Vec::new();
            for digest in news::digests(reader, &eyes, &whose, DIGESTS_MAX)? {
                let entries = told(reader, &eyes, digest.entries.clone())?;
                issues.push((digest, entries));
            }
            Ok(issues)
        })
        .await?;
    let words = Words::new(Lang::Ja);
    let issue = |(digest, entries): (Digest, Vec<Told>)| Issue {
        lines: entries
            .iter()
            .map(|one| (line_of(words, one), href_of(&one.entry.subject)))
            .collect(),
        digest,
    };
    Ok((words, found.into_iter().map(issue).collect()))
}

fn title(words: Words, issue: &Issue) -> String {
    let day = issue
        .digest
        .day
        .parse::<jiff::civil::Date>()
        .map_or_else(|_| issue.digest.day.clone(), |day| words.day(day));
    let count = words.n(issue.lines.len());
    words.tv("analyse-digest-title", &[("day", day.into()), ("count", count.into())])
}

/// The digests of the last days as an Atom feed (RFC 4287).
#[utoipa::path(get, path = "/inbox/feed.atom", tag = "analyse",
    responses((status = 200, content_type = "application/atom+xml", body = String)))]
pub(in crate::analyse) async fn atom(State(house): State<Arc<House>>, caller: Caller) -> Answer {
    let (words, issues) = issues(&house, &caller).await?;
    let origin = house.config.origin();
    let updated = issues.first().map_or(caller.ctx.now, |issue| issue.digest.made_at);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"ja\">\
         <id>{origin}/api/v1/inbox/feed.atom</id><title>{}</title><updated>{}</updated>\
         <link rel=\"self\" href=\"{origin}/api/v1/inbox/feed.atom\"/>\
         <link href=\"{origin}/analyse/inbox\"/><author><name>{}</name></author>",
        escaped(&words.t("analyse-feed-title")),
        stamp(updated),
        escaped(&words.t("shell-product")),
    );
    for issue in &issues {
        let mut items = String::new();
        for (line, href) in &issue.lines {
            let _ok = write!(items, "<li><a href=\"{origin}{href}\">{}</a></li>", escaped(line));
        }
        let _ok = write!(
            text,
            "<entry><id>urn:noroshi:{}</id><title>{}</title><updated>{}</updated>\
             <link href=\"{origin}/analyse/inbox/{}\"/><content type=\"html\">{}</content></entry>",
            escaped(&issue.digest.digest),
            escaped(&title(words, issue)),
            stamp(issue.digest.made_at),
            escaped(&issue.digest.day),
            escaped(&format!("<ul>{items}</ul>")),
        );
    }
    text.push_str("</feed>\n");
    Ok(([(CONTENT_TYPE, "application/atom+xml; charset=utf-8")], text).into_response())
}

/// Text for XML: nothing of it is markup, and what XML cannot hold is left out.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\u{9}' | '\u{a}' | '\u{d}' => safe.push(letter),
            letter if letter.is_control() || ('\u{fffe}'..='\u{ffff}').contains(&letter) => {}
            letter => safe.push(letter),
        }
    }
    safe
}

/// The digests of the last days as a JSON feed (version 1.1).
#[utoipa::path(get, path = "/inbox/feed.json", tag = "analyse",
    responses((status = 200, content_type = "application/feed+json", body = Object)))]
pub(in crate::analyse) async fn feed(State(house): State<Arc<House>>, caller: Caller) -> Answer {
    let (words, issues) = issues(&house, &caller).await?;
    let origin = house.config.origin();
    let items: Vec<serde_json::Value> = issues
        .iter()
        .map(|issue| {
            let lines: Vec<&str> = issue.lines.iter().map(|(line, _)| line.as_str()).collect();
            json!({
                "id": format!("urn:noroshi:{}", issue.digest.digest),
                "url": format!("{origin}/analyse/inbox/{}", issue.digest.day),
                "title": title(words, issue),
                "content_text": lines.join("\n"),
                "date_published": stamp(issue.digest.made_at),
            })
        })
        .collect();
    let feed = json!({
        "version": "https://jsonfeed.org/version/1.1",
        "title": words.t("analyse-feed-title"),
        "home_page_url": format!("{origin}/analyse/inbox"),
        "feed_url": format!("{origin}/api/v1/inbox/feed.json"),
        "language": "ja",
        "items": items,
    });
    Ok(([(CONTENT_TYPE, "application/feed+json; charset=utf-8")], feed.to_string()).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_elsewhere_cannot_break_the_feed() {
        assert_eq!(escaped("a<b>&\"\u{0}\u{8}c\n"), "a&lt;b&gt;&amp;&quot;c\n");
    }
}
