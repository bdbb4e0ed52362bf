//! The administrator's pages: people, their hats, organisations, and how this house is set up.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use noroshi_charter::hat::Hat;
use serde::Deserialize;

use super::act::{self, LOGIN_CHARS_MAX, NewOrg, NewPerson};
use super::authorise::{Action, On};
use super::id::PersonId;
use super::pages::{Stored, flash, kept, kinds, mark, stored, with_status};
use super::people::Org;
use super::profile::hat_label;
use super::read::{self, PersonRow};
use crate::house::House;
use crate::web::forms::{Choice, FormState};
use crate::web::layout::{Flash, Link, Pager, Shell, Tone};
use crate::web::locale::{Lang, Words};
use crate::web::page::{hat_key, html, shell};
use crate::web::refusal::{Answer, Failure, Refusal};
use crate::web::visitor::{Posted, Visitor, percent};

/// Rows of one page of a list.
const ROWS: u32 = 50;

/// Routes of the administrator.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/office", get(people).post(add_person))
        .route("/office/persons/{id}", get(person))
        .route("/office/persons/{id}/invite", post(invite))
        .route("/office/persons/{id}/state", post(state))
        .route("/office/persons/{id}/hats", post(hats))
        .route("/office/orgs", get(orgs).post(add_org))
        .route("/office/system", get(system))
}

fn manage(house: &House, visitor: &Visitor) -> Result<(), Failure> {
    let on = On { owner: Some(&visitor.ctx.org), ..On::default() };
    Ok(house.authoriser.check(&visitor.ctx, Action::OfficeManage, on)?)
}

/// The links between the three parts of administration.
pub(super) fn parts(words: Words) -> Vec<Link> {
    [
        ("/office", "office-people-title"),
        ("/office/orgs", "office-orgs-title"),
        ("/office/certificates", "office-certificates-title"),
        ("/office/system", "office-system-title"),
    ]
    .map(|(href, key)| Link { href: href.to_owned(), label: words.t(key) })
    .into_iter()
    .collect()
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: String,
}

/// The way to the rows after the last one shown.
fn pager(path: &str, last: Option<&str>, first: bool) -> Pager {
    Pager {
        total: None,
        previous: if first { String::new() } else { path.to_owned() },
        next: last.map_or_else(String::new, |last| format!("{path}?after={}", percent(last))),
    }
}

/// A login as a list shows it.
struct PersonView {
    row: PersonRow,
    hats: Vec<String>,
    tone: Tone,
    state: String,
}

fn person_view(words: Words, row: PersonRow) -> PersonView {
    let ready = row.has_password || row.passkeys > 0;
    let (tone, key) = match (&row.disabled_at, ready, &row.invited_until) {
        (Some(_), ..) => (Tone::Bad, "office-state-disabled"),
        (None, true, _) => (Tone::Ok, "office-state-ready"),
        (None, false, Some(_)) => (Tone::Info, "office-state-invited"),
        (None, false, None) => (Tone::Neutral, "office-state-program"),
    };
    let hats = row.hats.iter().map(|held| hat_label(words, held)).collect();
    PersonView { hats, tone, state: words.t(key), row }
}

#[derive(Template)]
#[template(path = "office/people.html")]
struct PeoplePage {
    shell: Shell,
    parts: Vec<Link>,
    people: Vec<PersonView>,
    pager: Pager,
    form: FormState,
    login_help: String,
}

async fn people_page(
    house: &Arc<House>,
    visitor: &Visitor,
    after: String,
    form: FormState,
) -> Answer<PeoplePage> {
    manage(house, visitor)?;
    let first = after.is_empty();
    let mut rows = house.store.read(move |reader| read::persons(reader, &after, ROWS + 1)).await?;
    let more = rows.len() > usize::try_from(ROWS).unwrap_or(usize::MAX);
    if more {
        rows.pop();
    }
    let last = rows.last().filter(|_| more).map(|row| row.person.to_string());
    let shell = shell(house, visitor, "office-people-title");
    let words = shell.words;
    Ok(PeoplePage {
        parts: parts(words),
        people: rows.into_iter().map(|row| person_view(words, row)).collect(),
        pager: pager("/office", last.as_deref(), first),
        form,
        login_help: words.tv("office-login-help", &[("max", LOGIN_CHARS_MAX.to_string().into())]),
        shell,
    })
}

async fn people(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(query): Query<After>,
) -> Answer {
    html(&people_page(&house, &visitor, query.after, FormState::new()).await?)
}

async fn add_person(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let (visitor, values) = (&posted.visitor, &posted.values);
    let new =
        NewPerson { login: values.get("login").to_owned(), name: values.get("name").to_owned() };
    match act::add_person(&house, &visitor.ctx, &new, None).await {
        Ok((made, Some(secret))) => {
            let mut page = person_page(&house, visitor, &made.id, FormState::new()).await?;
            page.invitation = invitation_address(&house, secret.reveal());
            with_status(StatusCode::CREATED, &page)
        }
        Ok((made, None)) => {
            Ok(Redirect::to(&format!("/office/persons/{}", made.id)).into_response())
        }
        Err(failure) => {
            let mut form = kept(values);
            mark(&mut form, failure)?;
            let page = people_page(&house, visitor, String::new(), form).await?;
            with_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

fn invitation_address(house: &House, secret: &str) -> String {
    format!("{}/invitations/{secret}", house.config.origin())
}

/// A hat with what the form posts to withdraw it.
struct HatView {
    label: String,
    org: String,
    hat: &'static str,
}

#[derive(Template)]
#[template(path = "office/person.html")]
struct PersonPage {
    shell: Shell,
    parts: Vec<Link>,
    person: PersonView,
    held: Vec<HatView>,
    own: bool,
    /// Address of an invitation made just now; never shown again.
    invitation: String,
    form: FormState,
    orgs: Vec<Choice>,
    hats: Vec<Choice>,
}

fn org_name(words: Words, org: &Org) -> String {
    match words.lang() {
        Lang::Ja => org.name_ja.clone(),
        Lang::En => org.name_en.clone(),
    }
}

async fn person_page(
    house: &Arc<House>,
    visitor: &Visitor,
    id: &str,
    form: FormState,
) -> Answer<PersonPage> {
    manage(house, visitor)?;
    let Some(person) = PersonId::parse(id) else { return Err(Refusal::absent().into()) };
    let asked = person.clone();
    let (row, orgs) = house
        .store
        .read(move |reader| Ok((read::person(reader, &asked)?, super::people::orgs(reader)?)))
        .await?;
    let Some(row) = row else { return Err(Refusal::absent().into()) };
    let mut shell = shell(house, visitor, "office-person-title");
    shell.path = format!("/office/persons/{person}");
    shell.title.clone_from(&row.name);
    let words = shell.words;
    let org_choice = |org: &Org| {
        let kind = words.t(format!("office-kind-{}", org.kind));
        Choice::new(org.org.as_str(), format!("{} ({kind})", org_name(words, org)))
    };
    let view = |held: &super::people::HeldHat| HatView {
        label: hat_label(words, held),
        org: held.org.org.to_string(),
        hat: held.hat.id(),
    };
    Ok(PersonPage {
        parts: parts(words),
        held: row.hats.iter().map(view).collect(),
        own: person == visitor.ctx.person,
        person: person_view(words, row),
        invitation: String::new(),
        form,
        orgs: orgs.iter().map(org_choice).collect(),
        hats: Hat::ALL.iter().map(|hat| Choice::new(hat.id(), words.t(hat_key(*hat)))).collect(),
        shell,
    })
}

#[derive(Deserialize)]
struct Done {
    #[serde(default)]
    done: String,
}

async fn person(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(query): Query<Done>,
) -> Answer {
    let mut page = person_page(&house, &visitor, &id, FormState::new()).await?;
    if query.done == "yes" {
        page.shell.flash = Some(Flash {
            tone: Tone::Ok,
            text: page.shell.t("office-person-done"),
            code: String::new(),
        });
    }
    html(&page)
}

/// Back to the person's page, with the refusal told there.
async fn back(house: &Arc<House>, posted: &Posted, id: &str, failure: Failure) -> Answer {
    let Failure::Refused(refusal) = failure else { return Err(failure) };
    if refusal.status == StatusCode::NOT_FOUND {
        return Err(Failure::Refused(refusal));
    }
    let (status, told) = (refusal.status, (*refusal).clone());
    let mut form = kept(&posted.values);
    let marked = mark(&mut form, Failure::Refused(refusal));
    let mut page = person_page(house, &posted.visitor, id, form).await?;
    if marked.is_err() {
        page.shell.flash = Some(flash(page.shell.words, &told));
    }
    with_status(status, &page)
}

async fn invite(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    match act::invite_again(&house, &posted.visitor.ctx, &id).await {
        Ok((_, secret)) => {
            let mut page = person_page(&house, &posted.visitor, &id, FormState::new()).await?;
            page.invitation = invitation_address(&house, secret.reveal());
            with_status(StatusCode::CREATED, &page)
        }
        Err(failure) => back(&house, &posted, &id, failure).await,
    }
}

async fn state(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let disabled = posted.values.get("state") == "disabled";
    match act::set_disabled(&house, &posted.visitor.ctx, &id, disabled).await {
        Ok(_) => Ok(Redirect::to(&format!("/office/persons/{id}?done=yes")).into_response()),
        Err(failure) => back(&house, &posted, &id, failure).await,
    }
}

async fn hats(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let (ctx, values) = (&posted.visitor.ctx, &posted.values);
    let (org, hat) = (values.get("org"), values.get("hat"));
    let done = if values.get("verb") == "withdraw" {
        act::withdraw(&house, ctx, &id, org, hat).await
    } else {
        act::hand_out(&house, ctx, &id, org, hat, None).await
    };
    match done {
        Ok(_) => Ok(Redirect::to(&format!("/office/persons/{id}?done=yes")).into_response()),
        Err(failure) => back(&house, &posted, &id, failure).await,
    }
}

/// An organisation as a list shows it.
struct OrgView {
    name: String,
    kind: String,
    sector: String,
    id: String,
}

#[derive(Template)]
#[template(path = "office/orgs.html")]
struct OrgsPage {
    shell: Shell,
    parts: Vec<Link>,
    orgs: Vec<OrgView>,
    pager: Pager,
    form: FormState,
    kinds: Vec<Choice>,
}

async fn orgs_page(
    house: &Arc<House>,
    visitor: &Visitor,
    after: String,
    form: FormState,
) -> Answer<OrgsPage> {
    manage(house, visitor)?;
    let first = after.is_empty();
    let mut rows = house.store.read(move |reader| read::orgs(reader, &after, ROWS + 1)).await?;
    let more = rows.len() > usize::try_from(ROWS).unwrap_or(usize::MAX);
    if more {
        rows.pop();
    }
    let last = rows.last().filter(|_| more).map(|org| org.org.to_string());
    let shell = shell(house, visitor, "office-orgs-title");
    let words = shell.words;
    let view = |org: &Org| OrgView {
        name: org_name(words, org),
        kind: words.t(format!("office-kind-{}", org.kind)),
        sector: org.sector.clone().unwrap_or_default(),
        id: org.org.to_string(),
    };
    Ok(OrgsPage {
        parts: parts(words),
        orgs: rows.iter().map(view).collect(),
        pager: pager("/office/orgs", last.as_deref(), first),
        form,
        kinds: kinds(words),
        shell,
    })
}

async fn orgs(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(query): Query<After>,
) -> Answer {
    html(&orgs_page(&house, &visitor, query.after, FormState::new()).await?)
}

async fn add_org(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let (visitor, values) = (&posted.visitor, &posted.values);
    let new = NewOrg {
        name_ja: values.get("name_ja").to_owned(),
        name_en: values.get("name_en").to_owned(),
        kind: values.get("kind").to_owned(),
        sector: values.some("sector").map(str::to_owned),
    };
    match act::add_org(&house, &visitor.ctx, &new, None).await {
        Ok(_) => Ok(Redirect::to("/office/orgs").into_response()),
        Err(failure) => {
            let mut form = kept(values);
            mark(&mut form, failure)?;
            let page = orgs_page(&house, visitor, String::new(), form).await?;
            with_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

#[derive(Template)]
#[template(path = "office/system.html")]
struct SystemPage {
    shell: Shell,
    parts: Vec<Link>,
    stored: Vec<Stored>,
    config: String,
    origin: String,
    version: &'static str,
    leaves: u64,
}

async fn system(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    manage(&house, &visitor)?;
    let shell = shell(&house, &visitor, "office-system-title");
    // Only addresses and sizes are configured; secrets are in files that the configuration names.
    let config = toml::to_string_pretty(&house.config)
        .map_err(|problem| Failure::Broken(Box::new(problem)))?;
    html(&SystemPage {
        parts: parts(shell.words),
        stored: stored(&house),
        config,
        origin: house.config.origin(),
        version: env!("CARGO_PKG_VERSION"),
        leaves: *house.door.size().borrow(),
        shell,
    })
}
