//! The page of a collection's feeds: what is read, how the readings went, naming and deciding.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};

use super::act::{self, NewFeed};
use super::read::{self, Feed, Pull};
use crate::house::House;
use crate::influence::act::collection;
use crate::influence::read::Collection;
use crate::office::authorise::{Action, On};
use crate::web::forms::FormState;
use crate::web::layout::{Link, Shell, Tone};
use crate::web::locale::Words;
use crate::web::page::{self, html};
use crate::web::refusal::{Answer, Failure, Refusal, say};
use crate::web::visitor::{Posted, Visitor};

/// Readings shown.
const PULLS_SHOWN: u32 = 100;

/// Routes of the feeds.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/influence/collections/{id}/feeds", get(feeds).post(feed_name))
        .route("/influence/feeds/{id}/decision", post(feed_decide))
        .route("/influence/feeds/{id}/end", post(feed_end))
        .route("/influence/feeds/{id}/pull", post(feed_pull))
}

/// A feed as a page tells it.
pub(in crate::influence) struct FeedLine {
    pub(in crate::influence) feed: Feed,
    pub(in crate::influence) state: String,
    pub(in crate::influence) tone: Tone,
    /// Why its last reading failed, or what of it did: code and words.
    pub(in crate::influence) trouble: Option<(String, String)>,
}

fn tone(state: &str) -> Tone {
    match state {
        "ok" | "new" => Tone::Ok,
        "failed" | "refused" => Tone::Bad,
        "asked" => Tone::Warn,
        "waiting" => Tone::Info,
        _ => Tone::Neutral,
    }
}

/// What is said of a trouble.
fn said(words: Words, pull: &Pull) -> Option<(String, String)> {
    let code = pull.code.clone()?;
    let why = pull.why.clone().unwrap_or_default();
    let words = say(words, &code, &[("why", why), ("clause", String::new())]);
    Some((code, words))
}

/// The feeds of a collection with what their last readings came to.
pub(in crate::influence) fn lines(words: Words, feeds: Vec<Feed>, last: &[Pull]) -> Vec<FeedLine> {
    let last: BTreeMap<&str, &Pull> = last.iter().map(|pull| (pull.feed.as_str(), pull)).collect();
    let line = |feed: Feed| FeedLine {
        state: words.t(format!("influence-feed-state-{}", feed.state)),
        tone: tone(&feed.state),
        trouble: last.get(feed.feed.as_str()).and_then(|pull| said(words, pull)),
        feed,
    };
    feeds.into_iter().map(line).collect()
}

/// One reading as the page tells it.
struct PullLine {
    pull: Pull,
    url: String,
    outcome: String,
    kind: String,
    tone: Tone,
    trouble: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "influence/feeds.html")]
struct FeedsPage {
    shell: Shell,
    crumbs: Vec<Link>,
    c: Collection,
    feeds: Vec<FeedLine>,
    pulls: Vec<PullLine>,
    hosts: String,
    form: FormState,
    told: Option<(String, String, String)>,
    may_name: bool,
    may_allow: bool,
    me: String,
}

async fn feeds(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Answer {
    let mut form = FormState::new();
    form.set("every_minutes", "60");
    feeds_page(&house, &visitor, &id, form, None).await
}

async fn feeds_page(
    house: &Arc<House>,
    visitor: &Visitor,
    id: &str,
    form: FormState,
    refusal: Option<&Refusal>,
) -> Answer {
    let c = collection(house, &visitor.ctx, id).await?;
    let (words, of) = (visitor.words(), id.to_owned());
    let (feeds, last, pulls) = house
        .store
        .read(move |reader| {
            Ok((
                read::feeds(reader, &of)?,
                read::last_pulls(reader, &of)?,
                read::pulls(reader, &of, PULLS_SHOWN)?,
            ))
        })
        .await?;
    let urls: BTreeMap<String, String> =
        feeds.iter().map(|feed| (feed.feed.clone(), feed.url.clone())).collect();
    let pull_line = |pull: Pull| PullLine {
        url: urls.get(&pull.feed).cloned().unwrap_or_default(),
        outcome: words.t(format!("influence-pull-{}", pull.outcome)),
        kind: pull
            .kind
            .as_ref()
            .map(|kind| words.t(format!("influence-feed-kind-{}", kind.replace('_', "-"))))
            .unwrap_or_default(),
        tone: tone(&pull.outcome),
        trouble: said(words, &pull),
        pull,
    };
    let may = |action| house.authoriser.check(&visitor.ctx, action, On::default()).is_ok();
    let is_open = c.state(visitor.ctx.now) == "open";
    html(&FeedsPage {
        crumbs: vec![
            Link { href: "/influence".to_owned(), label: words.t("influence-title") },
            Link {
                href: format!("/influence/collections/{id}"),
                label: words.t("influence-collection"),
            },
        ],
        feeds: lines(words, feeds, &last),
        pulls: pulls.into_iter().map(pull_line).collect(),
        hosts: house.config.influence.allow.join(", "),
        form: form.labelled("influence-field"),
        told: refusal.map(|refusal| {
            (
                refusal.code.to_owned(),
                say(words, refusal.code, &refusal.args),
                say(words, &format!("{}-next", refusal.code), &refusal.args),
            )
        }),
        may_name: may(Action::InfluenceGather) && is_open,
        may_allow: may(Action::InfluenceAllow) && is_open,
        me: visitor.ctx.person.to_string(),
        shell: page::shell(house, visitor, "influence-feeds"),
        c,
    })
}

/// Leads back to the page, or tells above it why not.
async fn or_again<T>(
    house: &Arc<House>,
    posted: &Posted,
    collection: &str,
    done: Answer<T>,
) -> Answer {
    match done {
        Ok(_) => {
            Ok(Redirect::to(&format!("/influence/collections/{collection}/feeds")).into_response())
        }
        Err(Failure::Refused(refusal))
            if refusal.status == StatusCode::UNPROCESSABLE_ENTITY
                || refusal.status == StatusCode::CONFLICT =>
        {
            let form = FormState::posted(posted.values.flat());
            let page =
                feeds_page(house, &posted.visitor, collection, form, Some(&*refusal)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(other) => Err(other),
    }
}

async fn feed_name(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let every = posted.values.get("every_minutes").trim().parse().unwrap_or(0);
    let new = NewFeed { url: posted.values.get("url").to_owned(), every_minutes: every };
    let done = act::name(&house, &posted.visitor.ctx, &id, new).await;
    or_again(&house, &posted, &id, done).await
}

async fn feed_decide(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let (feed, _) = act::find(&house, &posted.visitor.ctx, &id).await?;
    let said = (posted.values.get("allow") == "yes", posted.values.get("reason"));
    let done = act::decide(&house, &posted.visitor.ctx, &id, said).await;
    or_again(&house, &posted, &feed.collection, done).await
}

async fn feed_end(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let (feed, _) = act::find(&house, &posted.visitor.ctx, &id).await?;
    let done = act::end(&house, &posted.visitor.ctx, &id, posted.values.get("reason")).await;
    or_again(&house, &posted, &feed.collection, done).await
}

async fn feed_pull(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let (feed, _) = act::find(&house, &posted.visitor.ctx, &id).await?;
    let done = act::pull_now(&house, &posted.visitor.ctx, &id).await;
    or_again(&house, &posted, &feed.collection, done).await
}
