//! The panel of a round: who is on it, who of them does not speak, and what it speaks on.
//!
//! The legal hat fixes the roster, and nobody comes off it but by a recusal with its reason, before having spoken. Whether
//! there is a consensus is the charter's (`noroshi_charter::fimi`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::post;
use noroshi_charter::fimi::{Recusal, may_correct, may_fix_roster, may_recuse};
use noroshi_charter::finding::Digest;
use noroshi_charter::hat::Hat;

use super::act::{self, wrong};
use super::part::Body;
use super::read::Whole;
use crate::house::House;
use crate::influence::act::{broken, decided, refuse};
use crate::office::authorise::Action;
use crate::office::ctx::Ctx;
use crate::office::store::{Reader, StoreFailure, Value};
use crate::web::forms::Choice;
use crate::web::layout::Tone;
use crate::web::locale::Words;
use crate::web::refusal::Answer;
use crate::web::visitor::{Posted, Visitor};

/// Routes of pages.
pub fn page_routes() -> Router<Arc<House>> {
    Router::new()
        .route("/influence/incidents/{id}/roster", post(page_roster))
        .route("/influence/incidents/{id}/recusal", post(page_recusal))
}

/// Who holds the hat of the panel and is not shut out: identifier and name.
fn people(reader: &Reader<'_>) -> Result<Vec<(String, String)>, StoreFailure> {
    reader.all(
        "SELECT DISTINCT p.person, p.name FROM office_person p JOIN office_hat h ON h.person = p.person \
         WHERE h.hat = $1 AND p.disabled_at IS NULL ORDER BY p.name, p.person",
        &[Value::from(Hat::InfluencePanel.id())],
        |row| Ok((row.text(0)?, row.text(1)?)),
    )
}

/// Which right a part of the panel needs; `None` for every other part.
pub(super) fn right(body: &Body, hat: Hat) -> Option<Action> {
    match body {
        Body::Panel { .. } => Some(Action::InfluenceAllow),
        Body::Recusal { .. } if hat == Hat::Legal => Some(Action::InfluenceAllow),
        Body::Recusal { .. } => Some(Action::InfluenceVote),
        _ => None,
    }
}

/// Whether a part may be added, as far as it is about the panel or goes to the public.
pub(super) async fn may_add(
    house: &Arc<House>,
    ctx: &Ctx,
    whole: &Whole,
    body: &Body,
) -> Answer<()> {
    match body {
        Body::Panel { members } => fix(house, ctx, whole, members).await,
        Body::Recusal { member, reason } => {
            let known = whole.known(None);
            let spoken: Vec<&str> =
                whole.words_that_count().map(|word| word.person.as_str()).collect();
            decided(&may_recuse(&Recusal {
                member,
                by: ctx.person.as_str(),
                hat: ctx.hat,
                roster: &known.roster,
                spoken: &spoken,
                reason,
            }))
        }
        Body::Correction { notice, .. } => {
            let digest = Digest::of_canonical(body).map(|digest| digest.to_string());
            let known = whole.known(digest.as_deref());
            let said = serde_json::to_value(body).map_err(broken)?;
            let facts = known.facts(whole, whole.incident.state, &said, "");
            decided(&may_correct(ctx.hat, whole.went_out(notice), &facts))
        }
        _ => Ok(()),
    }
}

async fn fix(house: &Arc<House>, ctx: &Ctx, whole: &Whole, members: &[String]) -> Answer<()> {
    // What is said before a round has begun counts for none.
    if !whole.is_in_round() {
        return Err(refuse("NRS-INFL-0919"));
    }
    let known = whole.known(None);
    let roster: BTreeSet<&str> =
        known.roster.iter().copied().chain(members.iter().map(String::as_str)).collect();
    let roster: Vec<&str> = roster.into_iter().collect();
    decided(&may_fix_roster(ctx.hat, &roster, &known.workers))?;
    let people = house.store.read(people).await?;
    let stranger = members.iter().find(|one| people.iter().all(|(person, _)| person != *one));
    match stranger {
        Some(stranger) => Err(wrong(("NRS-INFL-1117", stranger.clone()))),
        None => Ok(()),
    }
}

/// Somebody on the panel, as the page shows them.
pub(in crate::influence) struct Seat {
    pub(in crate::influence) name: String,
    pub(in crate::influence) tone: Tone,
    pub(in crate::influence) state: String,
    pub(in crate::influence) reason: String,
}

/// The panel of a case, as its page shows it.
pub(in crate::influence) struct Panel {
    pub(in crate::influence) seats: Vec<Seat>,
    /// Who could be put on it.
    pub(in crate::influence) others: Vec<Choice>,
    /// Who of it the reader could recuse.
    pub(in crate::influence) unheard: Vec<Choice>,
    /// What people who could be on it are called.
    pub(in crate::influence) names: BTreeMap<String, String>,
}

/// The panel of a case for a reader. Who said what is not told by name; whether somebody is still to be heard is.
pub(in crate::influence) async fn panel(
    house: &Arc<House>,
    visitor: &Visitor,
    whole: &Whole,
) -> Answer<Panel> {
    let words = visitor.words();
    let people = house.store.read(people).await?;
    let names: BTreeMap<&str, &str> =
        people.iter().map(|(person, name)| (person.as_str(), name.as_str())).collect();
    let name = |person: &str| names.get(person).map_or(person, |name| *name).to_owned();
    let (roster, recused) = (whole.roster(), whole.recused());
    let spoken: BTreeSet<&str> =
        whole.words_that_count().map(|word| word.person.as_str()).collect();
    // What was said on another text is not heard on this one, be it a word for it or against it.
    let text = whole.draft().or_else(|| whole.notice()).map(|(_, digest)| digest);
    let heard: BTreeSet<&str> = whole
        .words_that_count()
        .filter(|word| Some(&word.notice) == text.as_ref())
        .map(|word| word.person.as_str())
        .collect();
    let seats = roster.iter().map(|person| {
        let why = recused.iter().find(|one| one.0 == *person).map(|one| one.1);
        let word = match (why, heard.contains(person), spoken.contains(person)) {
            (Some(_), ..) => "influence-seat-recused",
            (None, true, _) => "influence-seat-spoken",
            (None, false, true) => "influence-seat-earlier",
            (None, false, false) => "influence-seat-waits",
        };
        seat(words, name(person), why, word)
    });
    let waits =
        |person: &&&str| !spoken.contains(**person) && recused.iter().all(|one| one.0 != **person);
    let may_recuse =
        |person: &&&str| visitor.ctx.hat == Hat::Legal || **person == visitor.ctx.person.as_str();
    let unheard = roster.iter().filter(waits).filter(may_recuse);
    Ok(Panel {
        seats: seats.collect(),
        unheard: unheard.map(|person| Choice::new(*person, name(person))).collect(),
        others: people
            .iter()
            .filter(|(person, _)| !roster.contains(&person.as_str()))
            .map(|(person, name)| Choice::new(person.as_str(), name.as_str()))
            .collect(),
        names: people.iter().cloned().collect(),
    })
}

fn seat(words: Words, name: String, recused: Option<&str>, key: &str) -> Seat {
    let tone = match key {
        "influence-seat-recused" => Tone::Neutral,
        "influence-seat-spoken" => Tone::Ok,
        _ => Tone::Warn,
    };
    Seat { name, tone, state: words.t(key), reason: recused.unwrap_or_default().to_owned() }
}

async fn page_roster(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let members = posted.values.all("members").into_iter().map(str::to_owned).collect();
    let done = act::add(&house, &posted.visitor.ctx, &id, Body::Panel { members }).await;
    back(&house, &posted, &id, done.map(drop)).await
}

async fn page_recusal(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let said = |name: &str| posted.values.get(name).trim().to_owned();
    let body = Body::Recusal { member: said("member"), reason: said("why") };
    let done = act::add(&house, &posted.visitor.ctx, &id, body).await;
    back(&house, &posted, &id, done.map(drop)).await
}

/// Leads back, or tells above the same page why not, with what was typed.
async fn back(house: &Arc<House>, posted: &Posted, id: &str, done: Answer<()>) -> Answer {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/influence/incidents/{id}#panel")).into_response()),
        Err(failure) => crate::influence::pages::told_on_incident(house, posted, id, failure).await,
    }
}
