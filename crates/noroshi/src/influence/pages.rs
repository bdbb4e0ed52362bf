//! The pages of this pillar: collections and what comes into them, accounts under pseudonyms, cases with their procedure.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use noroshi_charter::fimi::CONSIDERATIONS;
use noroshi_charter::gathering::Seed;
use noroshi_codec::posts::{FirstLine, Role};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::act::{self, NewCollection, NewElection, NewSeed};
use super::feed::act::NewFeed;
use super::feed::pages as feeds;
use super::incident::act::{self as case, NewIncident};
use super::incident::panel::{self, Panel};
use super::incident::part::{self, Body};
use super::incident::read::{Incident, Whole};
use super::open::{self, NewOpening};
use super::read::{Collection, Election, Import, Opening, PurgeRow};
use super::vault::{AccountRow, Holding, Reject};
use super::{gather, read};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::web::forms::{Choice, FormState};
use crate::web::layout::{Link, Pager, Shell, Step, StepState, Tone};
use crate::web::locale::Words;
use crate::web::page::{self, html};
use crate::web::refusal::{Answer, Failure, Refusal, say};
use crate::web::visitor::{Posted, Uploaded, Visitor, percent};

/// Rows of one page of a list.
const ROWS: u32 = 50;
/// Rejects shown on the page of an import.
const REJECTS_SHOWN: u32 = 100;

/// Routes of this pillar.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/influence", get(front))
        .route("/influence/collections/new", get(collection_new).post(collection_ask))
        .route("/influence/collections/{id}", get(collection))
        .route("/influence/collections/{id}/decision", post(collection_decide))
        .route("/influence/collections/{id}/stop", post(collection_stop))
        .route("/influence/collections/{id}/import", post(import_hand_in))
        .route("/influence/collections/{id}/accounts", get(accounts).post(opening_ask))
        .route("/influence/declared/{id}/end", post(declared_end))
        .route("/influence/imports/{id}", get(import).post(import_begin))
        .route("/influence/openings/{id}/decision", post(opening_decide))
        .route("/influence/openings/{id}/read", post(opening_read))
        .route("/influence/elections", post(election_enter))
        .route("/influence/incidents/new", get(incident_new).post(incident_open))
        .route("/influence/incidents/{id}", get(incident).post(part_add))
        .route("/influence/incidents/{id}/end", post(part_end))
        .route("/influence/incidents/{id}/step", post(step_take))
        .route("/influence/incidents/{id}/vote", post(vote))
        .route("/influence/incidents/{id}/hold", post(hold))
        .route("/influence/incidents/{id}/graph", post(into_graph))
        .route("/influence/incidents/{id}/stix", get(export))
}

fn may(house: &House, visitor: &Visitor, action: Action) -> bool {
    house.authoriser.check(&visitor.ctx, action, On::default()).is_ok()
}

fn key(prefix: &str, code: &str) -> String {
    format!("influence-{prefix}-{}", code.replace(['_', '.'], "-"))
}

fn word(words: Words, prefix: &str, code: &str) -> String {
    words.t(key(prefix, code))
}

fn choices(words: Words, codes: &[&str]) -> Vec<Choice> {
    codes.iter().map(|code| Choice::new(*code, word(words, "choice", code))).collect()
}

fn form_of(posted: &Posted) -> FormState {
    FormState::posted(posted.values.flat()).labelled("influence-field")
}

fn to(path: String) -> Response {
    Redirect::to(&path).into_response()
}

/// Why something was refused, as the page tells it above the form that keeps what was typed.
struct Told {
    code: String,
    said: String,
    next: String,
    reasons: Vec<(String, String)>,
}

fn told(words: Words, refusal: &Refusal) -> Told {
    // A field is told as the form calls it.
    let called = |(name, value): &(&'static str, String)| {
        let field = key("field", value);
        let is_field = *name == "about" && words.has(&field);
        (*name, if is_field { words.t(field) } else { value.clone() })
    };
    let args: Vec<_> = refusal.args.iter().map(called).collect();
    Told {
        code: refusal.code.to_owned(),
        said: say(words, refusal.code, &args),
        next: say(words, &format!("{}-next", refusal.code), &args),
        reasons: refusal
            .items
            .iter()
            .filter(|item| item.code != refusal.code)
            .map(|item| (item.code.clone(), say(words, &item.code, &item.args)))
            .collect(),
    }
}

/// The refusal of a failure that a form can be corrected by.
fn refused(failure: Failure) -> Answer<Refusal> {
    match failure {
        Failure::Refused(refusal)
            if refusal.status == StatusCode::UNPROCESSABLE_ENTITY
                || refusal.status == StatusCode::CONFLICT =>
        {
            Ok(*refusal)
        }
        other => Err(other),
    }
}

fn again(page: Answer) -> Answer {
    page.map(|page| (StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

fn state_tone(state: &str) -> Tone {
    match state {
        "open" | "done" | "characterised" => Tone::Ok,
        "asked" | "held" | "reading" | "triage" | "analysis" | "options" => Tone::Info,
        "refused" | "failed" => Tone::Bad,
        "signal" | "public_notice" => Tone::Signal,
        _ => Tone::Neutral,
    }
}

// ---- the front page of the pillar ------------------------------------------------------------------------------

#[derive(Template)]
#[template(path = "influence/front.html")]
struct FrontPage {
    shell: Shell,
    collections: Vec<(Collection, String, Tone)>,
    incidents: Vec<(Incident, String, Tone)>,
    elections: Vec<(Election, bool)>,
    form: FormState,
    may_gather: bool,
    may_analyse: bool,
    may_allow: bool,
    pager: Pager,
}

#[derive(Debug, Default, Deserialize)]
struct Asked {
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    add: Option<String>,
    #[serde(default)]
    mapping: Option<String>,
}

async fn front(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Answer {
    act::may(&house, &visitor.ctx, Action::InfluenceRead)?;
    let (now, words) = (visitor.ctx.now, visitor.words());
    let (collections, incidents, elections) = house
        .store
        .read(move |reader| {
            Ok((
                read::collections(reader, asked.after.as_deref(), ROWS)?,
                super::incident::read::incidents(reader, None, ROWS)?,
                read::elections(reader)?,
            ))
        })
        .await?;
    let full = collections.len() >= usize::try_from(ROWS).unwrap_or(usize::MAX);
    let last = collections.last().filter(|_| full);
    let next = last
        .map_or_else(String::new, |one| format!("/influence?after={}", percent(&one.collection)));
    let row = |one: Collection| {
        let state = one.state(now);
        (one, word(words, "state", state), state_tone(state))
    };
    let case_row = |one: Incident| {
        let state = one.state.code();
        (one, word(words, "step", state), state_tone(state))
    };
    html(&FrontPage {
        collections: collections.into_iter().map(row).collect(),
        incidents: incidents.into_iter().map(case_row).collect(),
        elections: elections
            .into_iter()
            .map(|one| {
                let is_now = one.from <= now && now <= one.until;
                (one, is_now)
            })
            .collect(),
        form: FormState::new(),
        may_gather: may(&house, &visitor, Action::InfluenceGather),
        may_analyse: may(&house, &visitor, Action::InfluenceAnalyse),
        may_allow: may(&house, &visitor, Action::InfluenceAllow),
        pager: Pager { next, ..Pager::default() },
        shell: page::shell(&house, &visitor, "influence-title"),
    })
}

async fn election_enter(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let mut form = form_of(&posted);
    let (from, until) = (form.moment("from"), form.moment("until"));
    let (Some(from), Some(until)) = (from, until) else {
        return Err(act::refuse("NRS-INFL-0204"));
    };
    let new = NewElection {
        name: form.value("name").to_owned(),
        basis: form.value("basis").to_owned(),
        from,
        until,
    };
    act::election(&house, &posted.visitor.ctx, new).await?;
    Ok(to("/influence#elections".to_owned()))
}

// ---- collections -----------------------------------------------------------------------------------------------

#[derive(Template)]
#[template(path = "influence/collection_new.html")]
struct CollectionNewPage {
    shell: Shell,
    crumbs: Vec<Link>,
    form: FormState,
    told: Option<Told>,
    kinds: String,
    hosts: String,
}

fn crumbs(words: Words) -> Vec<Link> {
    vec![Link { href: "/influence".to_owned(), label: words.t("influence-title") }]
}

async fn collection_new(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    act::may(&house, &visitor.ctx, Action::InfluenceGather)?;
    let mut form = FormState::new();
    form.set_moment("from", visitor.ctx.now);
    form.set("volume_max", "1000000");
    collection_new_page(&house, &visitor, form, None)
}

fn collection_new_page(
    house: &House,
    visitor: &Visitor,
    form: FormState,
    refusal: Option<&Refusal>,
) -> Answer {
    let words = visitor.words();
    html(&CollectionNewPage {
        crumbs: crumbs(words),
        form,
        told: refusal.map(|refusal| told(words, refusal)),
        kinds: Seed::KINDS.join(", "),
        hosts: house.config.influence.allow.join(", "),
        shell: page::shell(house, visitor, "influence-collection-new"),
    })
}

/// Seeds as they are typed: one a line, the kind before a colon.
fn seeds_of(text: &str) -> Vec<NewSeed> {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let (kind, text) = line.split_once(':').unwrap_or(("", line));
            NewSeed { kind: kind.trim().to_owned(), text: text.trim().to_owned() }
        })
        .collect()
}

/// Feeds as they are typed: one address a line, with the minutes between two readings behind it or without.
fn feeds_of(text: &str) -> Vec<NewFeed> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let url = words.next()?.to_owned();
            let every_minutes =
                words.next().map_or(Some(60), |word| word.parse().ok()).unwrap_or(0);
            Some(NewFeed { url, every_minutes })
        })
        .collect()
}

async fn collection_ask(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let mut form = form_of(&posted);
    let from = form.moment("from").unwrap_or(Timestamp::UNIX_EPOCH);
    let until = form.moment("until").unwrap_or(Timestamp::UNIX_EPOCH);
    let days = |form: &mut FormState, name: &str, most: u32| form.number(name).unwrap_or(most);
    let new = NewCollection {
        title: form.value("title").to_owned(),
        purpose: form.value("purpose").to_owned(),
        legal_basis: form.value("legal_basis").to_owned(),
        visibility: form.value("visibility").to_owned(),
        from,
        until,
        volume_max: form.number("volume_max").unwrap_or(0),
        seeds: seeds_of(form.value("seeds")),
        feeds: feeds_of(form.value("feeds")),
        post_days: days(&mut form, "post_days", noroshi_charter::keeping::POST_DAYS_MAX),
        text_days: days(&mut form, "text_days", noroshi_charter::keeping::TEXT_DAYS_MAX),
        watch_days: days(&mut form, "watch_days", noroshi_charter::keeping::WATCH_DAYS_MAX),
    };
    if !form.is_ok() {
        return again(collection_new_page(&house, &posted.visitor, form, None));
    }
    match act::ask(&house, &posted.visitor.ctx, new).await {
        Ok(made) => Ok(to(format!("/influence/collections/{}", made.id))),
        Err(failure) => {
            let refusal = refused(failure)?;
            again(collection_new_page(&house, &posted.visitor, form, Some(&refusal)))
        }
    }
}

#[derive(Template)]
#[template(path = "influence/collection.html")]
#[expect(clippy::struct_excessive_bools, reason = "one for each thing a reader may do")]
struct CollectionPage {
    shell: Shell,
    crumbs: Vec<Link>,
    c: Collection,
    state: String,
    tone: Tone,
    holding: Holding,
    imports: Vec<(Import, String, Tone)>,
    purges: Vec<PurgeRow>,
    openings: Vec<(Opening, String)>,
    declared: Vec<(read::Declared, String)>,
    feeds: Vec<feeds::FeedLine>,
    form: FormState,
    is_held: bool,
    may_decide: bool,
    may_stop: bool,
    may_import: bool,
    may_allow: bool,
    may_declare: bool,
    me: String,
}

async fn collection(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Answer {
    let c = act::collection(&house, &visitor.ctx, &id).await?;
    let (words, now, of) = (visitor.words(), visitor.ctx.now, id.clone());
    let (imports, purges, openings, declared, is_held, named) = house
        .store
        .read(move |reader| {
            Ok((
                read::imports(reader, &of, ROWS)?,
                read::purges(reader, &of, ROWS)?,
                read::openings(reader, &of, ROWS)?,
                read::declared(reader, &of)?,
                read::held(reader, &of)? != noroshi_charter::keeping::Hold::Nothing,
                (
                    super::feed::read::feeds(reader, &of)?,
                    super::feed::read::last_pulls(reader, &of)?,
                ),
            ))
        })
        .await?;
    let holding = super::api::holding(&house, &id).await?;
    let state = c.state(now);
    let import = |one: Import| {
        let (state, tone) = (word(words, "import-state", &one.state), state_tone(&one.state));
        (one, state, tone)
    };
    let opening = |one: Opening| {
        let code = match (one.allowed, one.is_read) {
            (None, _) => "asked",
            (Some(false), _) => "refused",
            (Some(true), false) => "allowed",
            (Some(true), true) => "read",
        };
        (one, word(words, "opening", code))
    };
    let requester = c.requester == visitor.ctx.person.as_str();
    let may_allow = may(&house, &visitor, Action::InfluenceAllow);
    let may_gather = may(&house, &visitor, Action::InfluenceGather);
    html(&CollectionPage {
        crumbs: crumbs(words),
        state: word(words, "state", state),
        tone: state_tone(state),
        holding,
        imports: imports.into_iter().map(import).collect(),
        purges,
        openings: openings.into_iter().map(opening).collect(),
        declared: declared
            .into_iter()
            .map(|one| {
                let kind = word(words, "declared", &one.kind);
                (one, kind)
            })
            .collect(),
        feeds: feeds::lines(words, named.0, &named.1),
        form: FormState::new(),
        is_held,
        may_decide: may_allow && c.decision.is_none() && !requester,
        may_stop: (may_gather || may_allow) && state == "open",
        may_import: may_gather && state == "open",
        may_allow,
        may_declare: may(&house, &visitor, Action::InfluenceDeclare),
        me: visitor.ctx.person.to_string(),
        shell: page::shell(&house, &visitor, "influence-collection"),
        c,
    })
}

async fn collection_decide(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let allow = posted.values.get("allow") == "yes";
    act::decide(&house, &posted.visitor.ctx, &id, allow, posted.values.get("reason")).await?;
    Ok(to(format!("/influence/collections/{id}")))
}

async fn collection_stop(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    act::stop(&house, &posted.visitor.ctx, &id, posted.values.get("reason")).await?;
    Ok(to(format!("/influence/collections/{id}")))
}

async fn declared_end(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let collection =
        act::undeclare(&house, &posted.visitor.ctx, &id, posted.values.get("reason")).await?;
    Ok(to(format!("/influence/collections/{collection}#declared")))
}

// ---- what comes in ---------------------------------------------------------------------------------------------

async fn import_hand_in(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    sent: Uploaded,
) -> Answer {
    let (name, bytes) = sent.file;
    if bytes.is_empty() {
        return Err(act::refuse("NRS-INFL-1004"));
    }
    let content = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(bytes)]);
    let made = gather::hand_in(&house, &sent.visitor.ctx, &id, &name, content).await?;
    Ok(to(format!("/influence/imports/{}", made.id)))
}

#[derive(Template)]
#[template(path = "influence/import.html")]
struct ImportPage {
    shell: Shell,
    crumbs: Vec<Link>,
    i: Import,
    state: String,
    tone: Tone,
    look: Option<gather::Look>,
    /// Why it cannot be read like this, or could not be, in the reader's words.
    reason: String,
    how: String,
    zone: String,
    /// What the first line is said to be, where it can be said.
    first_line: String,
    roles: Vec<Choice>,
    told: Option<Told>,
    rejects: Vec<Reject>,
}

async fn import(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let mapping = asked.mapping.unwrap_or_default();
    import_page(&house, &visitor, &id, &mapping, None).await
}

async fn import_page(
    house: &Arc<House>,
    visitor: &Visitor,
    id: &str,
    mapping: &str,
    refusal: Option<&Refusal>,
) -> Answer {
    let i = gather::import(house, &visitor.ctx, id).await?;
    let words = visitor.words();
    let look = match i.state.as_str() {
        "held" => Some(gather::look(house, &visitor.ctx, id, mapping).await?),
        _ => None,
    };
    let number = i.number;
    let rejects = super::api::of_vault(house, &i.collection, move |vault| {
        vault.rejects(number, 0, REJECTS_SHOWN)
    });
    let problem = look.as_ref().and_then(|look| look.problem.as_ref());
    let reason = problem.or(i.failure.as_ref()).map(|why| why.said(words));
    let first_line = look.as_ref().and_then(|look| look.first_line).map_or("", FirstLine::word);
    let how = match mapping.split('\n').next().unwrap_or_default().trim() {
        "" | "auto" => "auto",
        "cnt" => "cnt",
        _ => "mapped",
    };
    let role = |role: &Role| Choice::new(role.word(), word(words, "role", role.word()));
    let mut links = crumbs(words);
    links.push(Link {
        href: format!("/influence/collections/{}", i.collection),
        label: words.t("influence-collection"),
    });
    html(&ImportPage {
        crumbs: links,
        state: word(words, "import-state", &i.state),
        tone: state_tone(&i.state),
        zone: look.as_ref().map(|look| look.zone.clone()).unwrap_or_default(),
        look,
        reason: reason.unwrap_or_default(),
        how: how.to_owned(),
        first_line: first_line.to_owned(),
        roles: gather::ROLES.iter().map(role).collect(),
        told: refusal.map(|refusal| told(words, refusal)),
        rejects: rejects.await?,
        shell: page::shell(house, visitor, "influence-import"),
        i,
    })
}

/// What the choices of the form say of a table. Columns stand by their numbers: a name may be a cell of somebody's row, and
/// what is said goes into addresses and into the log. What nobody chose is read by nobody.
fn said_by(posted: &Posted) -> String {
    let how = posted.values.get("how");
    let zone = posted.values.get("zone").trim();
    let mut lines = Vec::new();
    if how != "mapped" {
        lines.push(how.to_owned());
    }
    // A zone of one line: what stands behind it would say something else.
    if let Some(zone) = zone.lines().next().filter(|zone| how == "mapped" || *zone != "UTC") {
        lines.push(format!("zone = {zone}"));
    }
    let first_line = posted.values.get("first_line");
    if how != "mapped" {
        return lines.join("\n");
    }
    if !first_line.is_empty() {
        lines.push(format!("first_line = {first_line}"));
    }
    for name in posted.values.names() {
        let Some(number) = name.strip_prefix("column-") else { continue };
        let role = posted.values.get(name);
        if !role.is_empty() && number.parse::<usize>().is_ok() {
            lines.push(format!("{role} = {number}"));
        }
    }
    lines.join("\n")
}

async fn import_begin(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let mapping = said_by(&posted);
    if posted.values.get("go") == "look" {
        return Ok(to(format!("/influence/imports/{id}?mapping={}", percent(&mapping))));
    }
    match gather::begin(&house, &posted.visitor.ctx, &id, &mapping).await {
        Ok(_) => Ok(to(format!("/influence/imports/{id}"))),
        Err(failure) => {
            let refusal = refused(failure)?;
            again(import_page(&house, &posted.visitor, &id, &mapping, Some(&refusal)).await)
        }
    }
}

// ---- accounts --------------------------------------------------------------------------------------------------

#[derive(Template)]
#[template(path = "influence/accounts.html")]
struct AccountsPage {
    shell: Shell,
    crumbs: Vec<Link>,
    collection: String,
    rows: Vec<(AccountRow, String)>,
    form: FormState,
    told: Option<Told>,
    may_open: bool,
    pager: Pager,
}

async fn accounts(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let after = asked.after.unwrap_or_default();
    accounts_page(&house, &visitor, (&id, &after), FormState::new(), None).await
}

async fn accounts_page(
    house: &Arc<House>,
    visitor: &Visitor,
    (id, after): (&str, &str),
    form: FormState,
    refusal: Option<&Refusal>,
) -> Answer {
    act::collection(house, &visitor.ctx, id).await?;
    super::seen::look(house, &visitor.ctx, id, ("accounts", id)).await?;
    let words = visitor.words();
    let (asked, from) = (id.to_owned(), after.to_owned());
    let rows: Vec<AccountRow> =
        super::api::of_vault(house, id, move |vault| vault.accounts(&from, ROWS)).await?;
    let declared = house.store.read(move |reader| read::declared(reader, &asked)).await?;
    let full = rows.len() >= usize::try_from(ROWS).unwrap_or(usize::MAX);
    let next = rows.last().filter(|_| full).map_or_else(String::new, |last| {
        format!("/influence/collections/{id}/accounts?after={}", percent(&last.pseudonym))
    });
    let named = |row: AccountRow| {
        let entry = declared.iter().find(|entry| entry.accounts.contains(&row.pseudonym));
        let name = entry.map(|entry| entry.name.clone()).unwrap_or_default();
        (row, name)
    };
    let mut links = crumbs(words);
    links.push(Link {
        href: format!("/influence/collections/{id}"),
        label: words.t("influence-collection"),
    });
    html(&AccountsPage {
        crumbs: links,
        collection: id.to_owned(),
        rows: rows.into_iter().map(named).collect(),
        form: form.labelled("influence-field"),
        told: refusal.map(|refusal| told(words, refusal)),
        may_open: may(house, visitor, Action::InfluenceOpen),
        pager: Pager { next, ..Pager::default() },
        shell: page::shell(house, visitor, "influence-accounts"),
    })
}

async fn opening_ask(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let form = form_of(&posted);
    let new = NewOpening {
        account: form.value("account").trim().to_owned(),
        reason: form.value("reason").to_owned(),
        incident: form.value("incident").trim().to_owned(),
    };
    match open::ask(&house, &posted.visitor.ctx, &id, new).await {
        Ok(_) => Ok(to(format!("/influence/collections/{id}#openings"))),
        Err(failure) => {
            let refusal = refused(failure)?;
            again(accounts_page(&house, &posted.visitor, (&id, ""), form, Some(&refusal)).await)
        }
    }
}

/// The collection of an opening, to lead back to.
async fn of_opening(house: &Arc<House>, id: &str) -> Answer<String> {
    let id = id.to_owned();
    let found = house.store.read(move |reader| read::opening(reader, &id)).await?;
    Ok(found.ok_or_else(Refusal::absent)?.collection)
}

async fn opening_decide(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let allow = posted.values.get("allow") == "yes";
    open::decide(&house, &posted.visitor.ctx, &id, allow).await?;
    let collection = of_opening(&house, &id).await?;
    Ok(to(format!("/influence/collections/{collection}#openings")))
}

#[derive(Template)]
#[template(path = "influence/handle.html")]
struct HandlePage {
    shell: Shell,
    crumbs: Vec<Link>,
    lines: Vec<String>,
    back: String,
}

async fn opening_read(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let handle = open::read(&house, &posted.visitor.ctx, &id).await?;
    let collection = of_opening(&house, &id).await?;
    html(&HandlePage {
        crumbs: crumbs(posted.visitor.words()),
        lines: handle.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect(),
        back: format!("/influence/collections/{collection}"),
        shell: page::shell(&house, &posted.visitor, "influence-handle"),
    })
}

// ---- cases -----------------------------------------------------------------------------------------------------

#[derive(Template)]
#[template(path = "influence/incident_new.html")]
struct IncidentNewPage {
    shell: Shell,
    crumbs: Vec<Link>,
    form: FormState,
    told: Option<Told>,
    colours: Vec<Choice>,
}

const COLOURS: [&str; 5] = ["clear", "green", "amber", "amber-strict", "red"];

fn incident_new_page(
    house: &House,
    visitor: &Visitor,
    form: FormState,
    refusal: Option<&Refusal>,
) -> Answer {
    let words = visitor.words();
    let shell = page::shell(house, visitor, "influence-incident-new");
    html(&IncidentNewPage {
        crumbs: crumbs(words),
        form,
        told: refusal.map(|refusal| told(words, refusal)),
        colours: COLOURS.into_iter().map(|one| Choice::new(one, shell.tlp(one))).collect(),
        shell,
    })
}

async fn incident_new(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    act::may(&house, &visitor.ctx, Action::InfluenceAnalyse)?;
    incident_new_page(&house, &visitor, FormState::new(), None)
}

async fn incident_open(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let form = form_of(&posted);
    let new = NewIncident {
        title: form.value("title").to_owned(),
        tlp: form.value("tlp").to_owned(),
        signal: form.value("signal").to_owned(),
    };
    match case::open(&house, &posted.visitor.ctx, new).await {
        Ok(made) => Ok(to(format!("/influence/incidents/{}", made.id))),
        Err(failure) => {
            let refusal = refused(failure)?;
            again(incident_new_page(&house, &posted.visitor, form, Some(&refusal)))
        }
    }
}

/// How a field of a part is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Typed {
    Line,
    Area,
    One(&'static [&'static str]),
    Flag,
}

/// A field of a form as the template draws it.
struct Field {
    name: &'static str,
    label: String,
    how: Typed,
    choices: Vec<Choice>,
}

impl Field {
    fn is(&self, how: &str) -> bool {
        matches!(
            (self.how, how),
            (Typed::Line, "line")
                | (Typed::Area, "area")
                | (Typed::One(_), "one")
                | (Typed::Flag, "flag")
        )
    }
}

/// The kinds of parts that are typed, with their fields, in the order of the page.
const PARTS: &[(&str, &[(&str, Typed)])] = &[
    (
        "channel",
        &[
            ("name", Typed::Line),
            ("channel_type", Typed::Line),
            ("exposure", Typed::One(&part::EXPOSURES)),
            ("source", Typed::Area),
            ("holder", Typed::One(&["organisation", "foreign", "unknown"])),
        ],
    ),
    ("narrative", &[("name", Typed::Line), ("summary", Typed::Area)]),
    ("behaviour", &[("technique", Typed::Line), ("evidence", Typed::Area)]),
    ("observable", &[("object", Typed::Line)]),
    (
        "asset",
        &[("asset", Typed::One(&part::ASSETS)), ("value", Typed::Line), ("evidence", Typed::Area)],
    ),
    ("amplification", &[("summary", Typed::Area), ("evidence", Typed::Area)]),
    (
        "target",
        &[
            ("target", Typed::One(&part::TARGETS)),
            ("name", Typed::Line),
            ("domestic_person", Typed::Flag),
        ],
    ),
    ("collection", &[("collection", Typed::Line)]),
    (
        "hypothesis",
        &[
            ("actor", Typed::Line),
            ("confidence", Typed::One(&part::CONFIDENCES)),
            ("basis", Typed::Area),
        ],
    ),
    (
        "nexus",
        &[
            ("statement", Typed::Area),
            ("sources", Typed::Area),
            ("confidence", Typed::One(&part::CONFIDENCES)),
        ],
    ),
    ("nexus_review", &[("nexus", Typed::Line), ("basis", Typed::Area)]),
    (
        "criterion",
        &[
            ("number", Typed::One(&["1", "2", "3", "4"])),
            ("holds", Typed::Flag),
            ("finding", Typed::Area),
            ("evidence", Typed::Line),
        ],
    ),
    ("harm", &[("summary", Typed::Area)]),
    ("speech", &[("risk", Typed::One(&part::RISKS)), ("assessment", Typed::Area)]),
    ("counter", &[("id", Typed::Line), ("basis", Typed::Area)]),
    ("informed", &[("who", Typed::One(&part::AUDIENCES)), ("how", Typed::Area)]),
    ("consideration", &[("consideration", Typed::One(&CONSIDERATIONS)), ("finding", Typed::Area)]),
    (
        "notice",
        &[
            ("ja", Typed::Area),
            ("en", Typed::Area),
            ("evidence", Typed::Area),
            ("correction", Typed::Area),
        ],
    ),
    ("correction_draft", &[("notice", Typed::Line), ("ja", Typed::Area), ("en", Typed::Area)]),
    ("correction", &[("notice", Typed::Line), ("ja", Typed::Area), ("en", Typed::Area)]),
];

fn fields_of(words: Words, kind: &str) -> Vec<Field> {
    let found = PARTS.iter().find(|(one, _)| *one == kind);
    let fields = found.map(|(_, fields)| *fields).unwrap_or_default();
    let field = |(name, how): &(&'static str, Typed)| Field {
        name,
        label: word(words, "field", name),
        how: *how,
        choices: match how {
            Typed::One(codes) => choices(words, codes),
            Typed::Flag => vec![Choice::new("yes", word(words, "field", name))],
            Typed::Line | Typed::Area => Vec::new(),
        },
    };
    fields.iter().map(field).collect()
}

/// What was typed, as a part.
fn part_of(kind: &str, form: &FormState) -> Option<Body> {
    let (_, fields) = PARTS.iter().find(|(one, _)| *one == kind)?;
    let mut body = Map::new();
    body.insert("kind".to_owned(), json!(kind));
    for (name, how) in *fields {
        let value = match how {
            Typed::Flag => json!(form.chosen(name, "yes")),
            _ if *name == "number" => json!(form.value(name).trim().parse::<u8>().ok()?),
            _ => json!(form.value(name).trim()),
        };
        body.insert((*name).to_owned(), value);
    }
    serde_json::from_value(Value::Object(body)).ok()
}

struct PartLine {
    id: String,
    kind: String,
    text: String,
    notes: Vec<String>,
    tone: Tone,
    hat: String,
    at: Timestamp,
    ended: Option<String>,
}

struct CriterionLine {
    number: u8,
    title: String,
    tone: Tone,
    state: String,
    finding: String,
    evidence: String,
    hat: String,
}

struct StepLine {
    at: Timestamp,
    title: String,
    reason: String,
    hat: String,
}

#[derive(Template)]
#[template(path = "influence/incident.html")]
#[expect(clippy::struct_excessive_bools, reason = "one for each thing a reader may do")]
struct IncidentPage {
    shell: Shell,
    crumbs: Vec<Link>,
    i: Incident,
    state: String,
    tone: Tone,
    steps: Vec<Step>,
    criteria: Vec<CriterionLine>,
    parts: Vec<PartLine>,
    history: Vec<StepLine>,
    next: Vec<Choice>,
    kinds: Vec<(Link, bool)>,
    kind: String,
    kind_label: String,
    fields: Vec<Field>,
    form: FormState,
    told: Option<Told>,
    panel: Panel,
    spoken_on: Vec<SpokenOn>,
    weighed: Vec<(String, String, bool)>,
    is_election: bool,
    may_analyse: bool,
    may_vote: bool,
    may_allow: bool,
    as_of: Timestamp,
}

/// A text that the panel speaks on, with its words.
struct SpokenOn {
    title: String,
    text: String,
    digest: String,
    votes: Vec<(Tone, String, String)>,
}

async fn incident(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let add = asked.add.unwrap_or_default();
    incident_page(&house, &visitor, (&id, &add), FormState::new(), None).await
}

/// The procedure as steps: what is behind, where the case stands, what may come.
fn procedure(words: Words, whole: &Whole) -> Vec<Step> {
    const LINE: [&str; 6] = ["signal", "triage", "analysis", "characterised", "options", "review"];
    let now = whole.incident.state.code();
    let seen = |code: &str| whole.steps.iter().any(|step| step.to == code);
    let step = |code: &&str| Step {
        label: word(words, "step", code),
        state: if *code == now {
            StepState::Current
        } else if seen(code) {
            StepState::Done
        } else {
            StepState::Todo
        },
        href: String::new(),
    };
    LINE.iter().map(step).collect()
}

fn criteria_lines(words: Words, whole: &Whole) -> Vec<CriterionLine> {
    let line = |number: u8| {
        let title = word(words, "criterion", &number.to_string());
        let last = whole.live().filter_map(|part| match &part.body {
            Body::Criterion { number: of, holds, finding, evidence } if *of == number => {
                Some((part, *holds, finding, evidence))
            }
            _ => None,
        });
        match last.last() {
            None => CriterionLine {
                number,
                title,
                tone: Tone::Warn,
                state: words.t("influence-criterion-open"),
                finding: String::new(),
                evidence: String::new(),
                hat: String::new(),
            },
            Some((part, holds, finding, evidence)) => {
                let waits = number == 2 && holds && !whole.is_nexus_stated(evidence);
                let (tone, state) = match (holds, waits) {
                    (true, false) => (Tone::Ok, "influence-criterion-holds"),
                    (true, true) => (Tone::Warn, "influence-criterion-waits"),
                    (false, _) => (Tone::Neutral, "influence-criterion-not"),
                };
                CriterionLine {
                    number,
                    title,
                    tone,
                    state: words.t(state),
                    finding: finding.clone(),
                    evidence: evidence.clone(),
                    hat: hat_words(words, &part.hat),
                }
            }
        }
    };
    (1..=4).map(line).collect()
}

fn hat_words(words: Words, hat: &str) -> String {
    noroshi_charter::hat::Hat::parse(hat).map(|hat| words.t(page::hat_key(hat))).unwrap_or_default()
}

/// What a part says, in words where it holds a code, and by name where it holds who somebody of the panel is.
fn line_of(words: Words, body: &Body, panel: &Panel) -> String {
    let name = |person: &String| panel.names.get(person).unwrap_or(person).clone();
    match body {
        Body::Consideration { consideration, finding } => {
            format!("{}: {finding}", word(words, "choice", consideration))
        }
        Body::Informed { who, how } => format!("{}: {how}", word(words, "choice", who)),
        Body::Panel { members } => members.iter().map(name).collect::<Vec<_>>().join(", "),
        Body::Recusal { member, reason } => format!("{}: {reason}", name(member)),
        other => other.line(),
    }
}

fn part_lines(words: Words, whole: &Whole, panel: &Panel) -> Vec<PartLine> {
    let shown = whole.parts.iter().filter(|part| part.body.kind() != "criterion");
    let line = |part: &super::incident::read::Part| {
        let mut notes = Vec::new();
        if let Body::Behaviour { technique, .. } = &part.body
            && let super::disarm::Known::Before(now) = super::disarm::known(technique)
        {
            notes.push(words.tv("influence-behaviour-now", &[("now", now.join(", ").into())]));
        }
        if let Body::Nexus { .. } = &part.body {
            let count = whole.reviewers(&part.part).len();
            let stated = whole.is_nexus_stated(&part.part);
            let key = if stated { "influence-nexus-stated" } else { "influence-nexus-waits" };
            notes.push(words.tv(key, &[("count", words.n(count).into())]));
        }
        if let Body::Target { domestic_person: true, .. } = &part.body {
            notes.push(words.t("influence-target-withheld"));
        }
        PartLine {
            id: part.part.clone(),
            kind: word(words, "part", part.body.kind()),
            text: line_of(words, &part.body, panel),
            notes,
            tone: if part.ended.is_some() { Tone::Neutral } else { Tone::Info },
            hat: hat_words(words, &part.hat),
            at: part.at,
            ended: part.ended.as_ref().map(|(_, why)| why.clone()),
        }
    };
    shown.map(line).collect()
}

fn history(words: Words, whole: &Whole) -> Vec<StepLine> {
    let line = |step: &super::incident::read::Step| StepLine {
        at: step.at,
        title: word(words, "step", &step.to),
        reason: step.reason.clone(),
        hat: hat_words(words, &step.hat),
    };
    whole.steps.iter().rev().map(line).collect()
}

fn vote_lines(words: Words, whole: &Whole, digest: &str) -> Vec<(Tone, String, String)> {
    whole
        .words_on(digest)
        .into_iter()
        .filter(|one| one.notice == digest || !one.agrees)
        .map(|one| {
            let (tone, key) = if one.agrees {
                (Tone::Ok, "influence-vote-agrees")
            } else {
                (Tone::Bad, "influence-vote-not")
            };
            (tone, words.t(key), one.reason.clone())
        })
        .collect()
}

fn spoken_on(words: Words, whole: &Whole) -> Vec<SpokenOn> {
    let texts = [("notice", whole.notice()), ("correction_draft", whole.draft())];
    let texts = texts.into_iter().filter_map(|(kind, text)| Some((kind, text?)));
    texts
        .map(|(kind, (part, digest))| SpokenOn {
            title: word(words, "part", kind),
            text: part.body.line(),
            votes: vote_lines(words, whole, &digest),
            digest,
        })
        .collect()
}

/// What the panel weighs: each named thing with what was found, or that nothing was yet.
fn weighed(words: Words, whole: &Whole) -> Vec<(String, String, bool)> {
    let found = whole.considered();
    let line = |code: &&'static str| {
        let part = found.iter().find(|one| one.0 == *code).map(|one| &one.1.body);
        match part {
            Some(Body::Consideration { finding, .. }) => {
                (word(words, "choice", code), finding.clone(), true)
            }
            _ => (word(words, "choice", code), words.t("influence-criterion-open"), false),
        }
    };
    CONSIDERATIONS.iter().map(line).collect()
}

async fn incident_page(
    house: &Arc<House>,
    visitor: &Visitor,
    (id, add): (&str, &str),
    form: FormState,
    refusal: Option<&Refusal>,
) -> Answer {
    let whole = case::find(house, &visitor.ctx, id).await?;
    let words = visitor.words();
    let state = whole.incident.state.code();
    let next = whole.incident.state.next().iter();
    let kind = PARTS.iter().map(|(kind, _)| *kind).find(|kind| *kind == add).unwrap_or_default();
    let link = |(kind, _): &(&str, &[(&str, Typed)])| {
        let href = format!("/influence/incidents/{id}?add={kind}#add");
        (Link { href, label: word(words, "part", kind) }, *kind == add)
    };
    let panel = panel::panel(house, visitor, &whole).await?;
    html(&IncidentPage {
        crumbs: crumbs(words),
        state: word(words, "step", state),
        tone: state_tone(state),
        steps: procedure(words, &whole),
        criteria: criteria_lines(words, &whole),
        parts: part_lines(words, &whole, &panel),
        history: history(words, &whole),
        next: next.map(|one| Choice::new(one.code(), word(words, "step", one.code()))).collect(),
        kinds: PARTS.iter().map(link).collect(),
        kind_label: if kind.is_empty() { String::new() } else { word(words, "part", kind) },
        fields: fields_of(words, kind),
        kind: kind.to_owned(),
        form: form.labelled("influence-field"),
        told: refusal.map(|refusal| told(words, refusal)),
        panel,
        spoken_on: spoken_on(words, &whole),
        weighed: weighed(words, &whole),
        is_election: whole.is_election,
        may_analyse: may(house, visitor, Action::InfluenceAnalyse),
        may_vote: may(house, visitor, Action::InfluenceVote),
        may_allow: may(house, visitor, Action::InfluenceAllow),
        as_of: visitor.ctx.now,
        shell: page::shell(house, visitor, "influence-incident"),
        i: whole.incident,
    })
}

fn back(id: &str, anchor: &str) -> Response {
    to(format!("/influence/incidents/{id}#{anchor}"))
}

/// Leads back, or tells above the same page why not, with what was typed.
async fn or_again<T>(
    house: &Arc<House>,
    posted: &Posted,
    (id, kind, anchor): (&str, &str, &str),
    done: Answer<T>,
) -> Answer {
    match done {
        Ok(_) => Ok(back(id, anchor)),
        Err(failure) => {
            let refusal = refused(failure)?;
            let form = form_of(posted);
            again(incident_page(house, &posted.visitor, (id, kind), form, Some(&refusal)).await)
        }
    }
}

/// Tells above the page of a case why something was not done, with what was typed.
pub(super) async fn told_on_incident(
    house: &Arc<House>,
    posted: &Posted,
    id: &str,
    failure: Failure,
) -> Answer {
    or_again::<()>(house, posted, (id, "", ""), Err(failure)).await
}

async fn part_add(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let form = form_of(&posted);
    let kind = posted.values.get("kind").to_owned();
    let Some(body) = part_of(&kind, &form) else { return Err(act::refuse("NRS-INFL-1111")) };
    let done = case::add(&house, &posted.visitor.ctx, &id, body).await;
    or_again(&house, &posted, (&id, &kind, "parts"), done).await
}

async fn part_end(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let (part, why) = (posted.values.get("part"), posted.values.get("reason"));
    let done = case::end(&house, &posted.visitor.ctx, &id, part, why).await;
    or_again(&house, &posted, (&id, "", "parts"), done).await
}

async fn step_take(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let (to, why) = (posted.values.get("to"), posted.values.get("reason"));
    let done = case::step(&house, &posted.visitor.ctx, &id, to, why).await;
    or_again(&house, &posted, (&id, "", "procedure"), done).await
}

async fn vote(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let agrees = posted.values.get("agrees") == "yes";
    let said = (agrees, posted.values.get("notice"), posted.values.get("reason"));
    let done = case::vote(&house, &posted.visitor.ctx, &id, said).await;
    or_again(&house, &posted, (&id, "", "panel"), done).await
}

async fn hold(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let holds = posted.values.get("holds") == "yes";
    let done =
        case::hold(&house, &posted.visitor.ctx, &id, holds, posted.values.get("reason")).await;
    or_again(&house, &posted, (&id, "", "procedure"), done).await
}

async fn into_graph(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let done = case::into_graph(&house, &posted.visitor.ctx, &id).await;
    or_again(&house, &posted, (&id, "", "out"), done).await
}

async fn export(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Answer {
    let bundle = case::export(&house, &visitor.ctx, &id).await?;
    let name = format!("attachment; filename=\"{id}.json\"");
    Ok((
        [
            (axum::http::header::CONTENT_TYPE, "application/stix+json;version=2.1".to_owned()),
            (axum::http::header::CONTENT_DISPOSITION, name),
        ],
        format!("{bundle:#}\n"),
    )
        .into_response())
}
