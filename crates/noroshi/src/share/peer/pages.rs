//! The page of peers: how each fares, and its switch.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use jiff::Timestamp;

use super::act::{self, Wish};
use super::read::{self, Direction, Health, Known};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::people::{self, Org};
use crate::web::forms::{Choice, FieldError, FormState};
use crate::web::layout::{Shell, Tone};
use crate::web::locale::Lang;
use crate::web::page;
use crate::web::refusal::{Answer, Failure};
use crate::web::visitor::{Posted, Visitor, percent};

/// Routes of this part.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/share/peers", get(list))
        .route("/share/peers/{peer}/start", post(start))
        .route("/share/peers/{peer}/pause", post(pause))
        .route("/share/peers/{peer}/wake", post(wake))
        .route("/share/peers/{peer}/again", post(again))
}

struct PeerRow {
    name: String,
    address: String,
    url: String,
    tone: Tone,
    health: String,
    direction: String,
    org: String,
    taken: u64,
    known: u64,
    aside: u64,
    failures: String,
    title: String,
    next: String,
    error: String,
    error_code: String,
    tried_at: Option<Timestamp>,
    current_at: Option<Timestamp>,
    due_at: Option<Timestamp>,
    put_aside: Vec<read::Refused>,
    /// What was put aside may be handed over again.
    again: bool,
    on: bool,
    started: bool,
    configured: bool,
}

impl PeerRow {
    fn new(known: &Known, orgs: &[Org], shell: &Shell) -> Self {
        let standing = known.standing.as_ref();
        let health = Health::of(standing);
        let tone = match health {
            Health::Off | Health::Paused => Tone::Neutral,
            Health::Waiting | Health::Walking => Tone::Info,
            Health::Current => Tone::Ok,
            Health::Failing => Tone::Bad,
        };
        let counts = standing.map(|one| one.counts).unwrap_or_default();
        let error = standing.and_then(|one| one.error.clone());
        let org = standing.and_then(|one| orgs.iter().find(|org| org.org.as_str() == one.org));
        Self {
            name: known.name.clone(),
            address: percent(&known.name),
            url: known.configured.as_ref().map(|peer| peer.url.clone()).unwrap_or_default(),
            tone,
            health: shell.t(format!("share-peer-health-{}", health.code())),
            direction: standing
                .map(|one| shell.t(format!("share-peer-{}", one.direction.code())))
                .unwrap_or_default(),
            org: org.map(|org| name_of(org, shell.words.lang())).unwrap_or_default(),
            taken: counts.0,
            known: counts.1,
            aside: counts.2,
            failures: standing
                .map(|one| shell.tv("share-peer-failures", &[("n", one.failures.into())]))
                .unwrap_or_default(),
            title: error.as_ref().map(|(code, _)| shell.t(code.as_str())).unwrap_or_default(),
            next: error
                .as_ref()
                .map(|(code, _)| shell.t(format!("{code}-next")))
                .unwrap_or_default(),
            error_code: error.as_ref().map(|(code, _)| code.clone()).unwrap_or_default(),
            error: error.map(|(_, words)| words).unwrap_or_default(),
            tried_at: standing.and_then(|one| one.tried_at),
            current_at: standing.and_then(|one| one.current_at),
            due_at: standing.and_then(|one| one.due_at),
            put_aside: known.put_aside.clone(),
            again: standing.is_some_and(|one| one.on && one.direction == Direction::Push)
                && !known.put_aside.is_empty(),
            on: standing.is_some_and(|one| one.on),
            started: standing.is_some(),
            configured: known.configured.is_some(),
        }
    }
}

fn name_of(org: &Org, lang: Lang) -> String {
    match lang {
        Lang::Ja => org.name_ja.clone(),
        Lang::En => org.name_en.clone(),
    }
}

#[derive(Template)]
#[template(path = "share/peers.html")]
struct Peers {
    shell: Shell,
    peers: Vec<PeerRow>,
    names: Vec<Choice>,
    orgs: Vec<Choice>,
    directions: Vec<Choice>,
    colours: Vec<Choice>,
    classes: Vec<Choice>,
    form: FormState,
}

async fn show(house: &Arc<House>, visitor: &Visitor, form: FormState) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::SharePeer, On::default())?;
    let shell = page::shell(house, visitor, "share-peers-title");
    let config = house.config.clone();
    let (known, orgs) = house
        .store
        .read(move |reader| Ok((read::known(reader, &config)?, people::orgs(reader)?)))
        .await?;
    page::html(&Peers {
        peers: known.iter().map(|one| PeerRow::new(one, &orgs, &shell)).collect(),
        names: known
            .iter()
            .filter(|one| one.configured.is_some())
            .map(|one| Choice::new(&one.name, one.name.clone()))
            .collect(),
        orgs: orgs
            .iter()
            .map(|org| Choice::new(org.org.as_str(), name_of(org, shell.words.lang())))
            .collect(),
        directions: ["pull", "push"]
            .map(|way| Choice::new(way, shell.t(format!("share-peer-{way}-long"))))
            .into(),
        colours: ["clear", "green", "amber", "amber-strict", "red"]
            .map(|tlp| Choice::new(tlp, shell.tlp(tlp)))
            .into(),
        classes: ["CIA-N", "CIA-P", "CIA-PM"].map(|class| Choice::new(class, class)).into(),
        form,
        shell,
    })
}

async fn list(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    show(&house, &visitor, FormState::default()).await
}

async fn start(
    State(house): State<Arc<House>>,
    Path(_any): Path<String>,
    posted: Posted,
) -> Answer {
    let mut form = FormState::posted(posted.values.flat()).labelled("share-field");
    let text = |name: &str| posted.values.get(name).to_owned();
    let wish = Wish {
        direction: text("direction"),
        org: text("org"),
        tlp: posted.values.some("tlp").map(str::to_owned),
        class: text("class"),
        minutes: posted.values.some("minutes").map(|text| text.parse().unwrap_or(0)),
    };
    match act::start(&house, &posted.visitor.ctx, &text("peer"), &wish).await {
        Ok(_) => Ok(Redirect::to("/share/peers").into_response()),
        Err(Failure::Refused(refusal)) if refusal.status == StatusCode::UNPROCESSABLE_ENTITY => {
            for item in &refusal.items {
                let field = item.pointer.trim_start_matches('/').to_owned();
                form.fail(field, FieldError::new(item.code.clone(), item.code.clone()));
            }
            let mut response = show(&house, &posted.visitor, form).await?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(failure) => Err(failure),
    }
}

async fn pause(
    State(house): State<Arc<House>>,
    Path(peer): Path<String>,
    posted: Posted,
) -> Answer {
    act::pause(&house, &posted.visitor.ctx, &peer).await?;
    Ok(Redirect::to("/share/peers").into_response())
}

async fn wake(State(house): State<Arc<House>>, Path(peer): Path<String>, posted: Posted) -> Answer {
    act::wake(&house, &posted.visitor.ctx, &peer).await?;
    Ok(Redirect::to("/share/peers").into_response())
}

async fn again(
    State(house): State<Arc<House>>,
    Path(peer): Path<String>,
    posted: Posted,
) -> Answer {
    act::again(&house, &posted.visitor.ctx, &peer).await?;
    Ok(Redirect::to("/share/peers").into_response())
}
