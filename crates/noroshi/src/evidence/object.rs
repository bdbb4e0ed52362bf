//! One object for people: what it says, who may see it, what it is tied to, who saw it, how it came to be so, and exactly
//! what arrived.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, RawQuery, State};
use axum::routing::get;
use noroshi_charter::hat::Hat;
use noroshi_evidence::pattern::{self, Reading};
use serde::Deserialize;
use serde_json::Value as Json;

use super::diff::{self, Diff};
use super::lists::{self, DoubtRow};
use super::pages::{Origins, file, kind_words, origin_words, origins, shown, shown_name};
use super::reach::{self, Reach};
use super::read::relations::{Place, Relation};
use super::read::{self, ObjectRow, Sees};
use super::record::{self, Edges, Group, Sighting, Version};
use crate::analyse::uses;
use crate::house::House;
use crate::office::authorise::{Action, On, Standing};
use crate::office::id::OrgId;
use crate::office::people;
use crate::share;
use crate::web::forms::Choice;
use crate::web::layout::{Link, Series, Shell};
use crate::web::locale::{Lang, Words};
use crate::web::page::{self, hat_key, html};
use crate::web::refusal::{Answer, Refusal};
use crate::web::table::{Column, Grid, Spec, View};
use crate::web::visitor::{Visitor, percent};

/// Edges, sightings and versions shown on the object's own page; the rest has pages of its own.
const SHOWN: u32 = 10;
/// Objects looked at for what an object was made from; beyond it what it leads to counts as the heaviest there is.
const REACH_OBJECTS_MAX: usize = 2_000;

static RELATIONS: Spec = Spec {
    path: "/evidence",
    columns: &[
        Column { key: "relation", label: "evidence-relation", num: false, sorts: false },
        Column { key: "name", label: "evidence-name", num: false, sorts: false },
        Column { key: "type", label: "evidence-type", num: false, sorts: false },
    ],
    filters: &["kind", "way"],
    sort: ("arrived", true),
};

static SIGHTINGS: Spec = Spec {
    path: "/evidence",
    columns: &[
        Column { key: "last", label: "evidence-seen-last", num: false, sorts: false },
        Column { key: "first", label: "evidence-seen-first", num: false, sorts: false },
        Column { key: "count", label: "evidence-seen-count", num: true, sorts: false },
        Column { key: "by", label: "evidence-originator", num: false, sorts: false },
        Column { key: "where", label: "evidence-seen-where", num: false, sorts: false },
        Column { key: "marking", label: "evidence-marking", num: false, sorts: false },
    ],
    filters: &[],
    sort: ("arrived", true),
};

static HISTORY: Spec = Spec {
    path: "/evidence",
    columns: &[Column { key: "modified", label: "evidence-modified", num: false, sorts: false }],
    filters: &[],
    sort: ("modified", true),
};

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/evidence/{id}", get(one))
        .route("/evidence/{id}/relations", get(relations))
        .route("/evidence/{id}/sightings", get(sightings))
        .route("/evidence/{id}/history", get(history))
        .route("/evidence/{id}/raw", get(raw))
}

/// An edge as it stands on the page.
struct Edge {
    words: String,
    outgoing: bool,
    kind: String,
    name: String,
    href: String,
    held: bool,
}

fn edge(words: Words, edge: &Relation) -> Edge {
    let name = if edge.other_name.is_empty() { &edge.other } else { &edge.other_name };
    Edge {
        words: edge.kind.replace(['-', '_'], " "),
        outgoing: edge.outgoing,
        kind: kind_words(words, &edge.other_kind),
        name: shown(&edge.other_kind, name),
        href: format!("/evidence/{}", edge.other),
        held: edge.held,
    }
}

/// Edges of one kind, with the way to all of them.
struct Kind {
    words: String,
    outgoing: bool,
    count: u64,
    href: String,
    current: bool,
}

fn kinds(view: &View, groups: &[Group]) -> Vec<Kind> {
    let kind = |group: &Group| {
        let way = if group.outgoing { "out" } else { "in" };
        let current = view.filter("kind") == group.kind && view.filter("way") == way;
        let base = View::parse(&RELATIONS, &format!("way={way}")).at(view.path().to_owned());
        let href = if current { view.path().to_owned() } else { base.with("kind", &group.kind) };
        Kind {
            words: group.kind.replace(['-', '_'], " "),
            outgoing: group.outgoing,
            count: group.count,
            href,
            current,
        }
    };
    groups.iter().map(kind).collect()
}

/// A version as it stands on the page.
struct Told {
    version: Version,
    diff: Option<Diff>,
    /// Its text or that of the one before it is too long to be compared.
    long: bool,
    brought: Option<(u64, String, String)>,
    raw: String,
}

/// A kind of recipient as it stands on the page.
struct Recipient {
    label: String,
    reasons: Vec<(String, String, &'static str)>,
}

/// What a pattern says.
struct Pattern {
    text: String,
    canonical: Option<String>,
    fault: Option<(String, String, String)>,
    matches: Vec<(String, String)>,
    unread: Option<(String, String, String)>,
}

#[derive(Template)]
#[template(path = "evidence/object.html")]
struct ObjectPage {
    shell: Shell,
    crumbs: Vec<Link>,
    row: ObjectRow,
    kind: String,
    description: String,
    why_class: String,
    originator: String,
    recipients: Vec<Recipient>,
    hats: Vec<String>,
    recipients_named: Vec<String>,
    kinds: Vec<Kind>,
    edges: Vec<Edge>,
    edges_total: (u64, bool),
    sightings: Vec<Sighting>,
    sightings_total: u64,
    series: Option<Series>,
    told: Vec<Told>,
    conflicts: Vec<(String, String, String)>,
    observables: Vec<(String, String)>,
    doubts: Vec<DoubtRow>,
    pattern: Option<Pattern>,
    cases: Vec<(String, String, String)>,
    reads_cases: bool,
    reads_log: bool,
    mends: bool,
    raw: String,
}

/// Everything one page needs from the store.
struct Found {
    row: ObjectRow,
    object: read::Object,
    groups: (Vec<Group>, bool),
    edges: Vec<Relation>,
    sightings: (Vec<Sighting>, u64, Vec<(String, u64)>),
    versions: Vec<Version>,
    reach: Vec<Reach>,
    hats: Vec<Hat>,
    recipients_named: Vec<String>,
    doubts: Vec<DoubtRow>,
    cases: Vec<(String, String, String)>,
    orgs: Vec<Option<people::Org>>,
    origins: Origins,
}

fn find(
    reader: &crate::office::store::Reader<'_>,
    sees: Sees,
    readers: &[(Hat, Sees)],
    id: &str,
    now: jiff::Timestamp,
) -> Result<Option<Found>, crate::office::store::StoreFailure> {
    let Some(object) = read::object(reader, sees, id, record::TEXT_BYTES_MAX)? else {
        return Ok(None);
    };
    let size = usize::try_from(SHOWN).unwrap_or(usize::MAX);
    let facts = share::read::facts(reader, id, REACH_OBJECTS_MAX)?.map(|(facts, _)| facts);
    let versions = record::versions(reader, sees, id, None, SHOWN + 1)?;
    let orgs = orgs_of(reader, &versions)?;
    Ok(Some(Found {
        groups: record::groups(reader, sees, id)?,
        edges: record::edges(reader, sees, id, &Edges::default(), None, size)?.0,
        sightings: (
            record::sightings(reader, sees, id, None, SHOWN)?,
            record::sightings_count(reader, sees, id)?,
            record::months(reader, sees, id)?,
        ),
        reach: facts.map(|facts| reach::recipients(&facts, now)).unwrap_or_default(),
        hats: reach::hats(reader, readers, id)?,
        recipients_named: if sees.reports() {
            read::recipients_of(reader, id)?
        } else {
            Vec::new()
        },
        doubts: lists::doubts_of(reader, id)?,
        cases: uses::cases_with(reader, id)?,
        origins: origins(reader, sees, std::slice::from_ref(&object.row))?,
        row: object.row.clone(),
        object,
        versions,
        orgs,
    }))
}

fn orgs_of(
    reader: &crate::office::store::Reader<'_>,
    versions: &[Version],
) -> Result<Vec<Option<people::Org>>, crate::office::store::StoreFailure> {
    let org = |version: &Version| {
        let org = version.brought.as_ref().and_then(|(.., org)| OrgId::parse(org));
        Ok(org.map(|org| people::find_org(reader, &org)).transpose()?.flatten())
    };
    versions.iter().map(org).collect()
}

fn told(
    words: Words,
    versions: Vec<Version>,
    orgs: &[Option<people::Org>],
    id: &str,
    size: usize,
) -> Vec<Told> {
    let trees: Vec<Json> = versions
        .iter()
        .map(|version| serde_json::from_str(&version.text).unwrap_or_default())
        .collect();
    let differences: Vec<(Option<Diff>, bool)> = trees
        .iter()
        .zip(trees.iter().skip(1).map(Some).chain([None]))
        .map(|(new, old)| match old {
            Some(old) if old.is_null() || new.is_null() => (None, true),
            old => (old.map(|old| diff::between(old, new)), false),
        })
        .collect();
    let rows = versions.into_iter().zip(differences).zip(orgs);
    let rows = rows.map(|((version, (diff, long)), org)| {
        let brought = version.brought.as_ref().map(|(position, hat, _)| {
            let hat = Hat::parse(hat).map_or_else(|| hat.clone(), |hat| words.t(hat_key(hat)));
            let org = org.as_ref().map(|org| match words.lang() {
                Lang::Ja => org.name_ja.clone(),
                Lang::En => org.name_en.clone(),
            });
            (*position, hat, org.unwrap_or_default())
        });
        let raw = format!("/evidence/{id}/raw?version={}", percent(&version.key));
        Told { version, diff, long, brought, raw }
    });
    rows.take(size).collect()
}

fn pattern_of(words: Words, tree: &Json) -> Option<Pattern> {
    let text = tree.get("pattern")?.as_str()?.to_owned();
    if tree.get("pattern_type").and_then(Json::as_str).is_some_and(|kind| kind != "stix") {
        return Some(Pattern {
            text,
            canonical: None,
            fault: None,
            matches: Vec::new(),
            unread: None,
        });
    }
    let parsed = pattern::parse::parse(&text);
    let fault = parsed.as_ref().err().map(|fault| {
        let code = fault.code();
        (code.to_owned(), super::desk::code_words(words, code), fault.picture(&text))
    });
    let reading = pattern::read(&text);
    let matches = reading
        .mentioned()
        .iter()
        .map(|seen| (seen.defanged(), format!("/evidence?q={}", percent(&seen.to_string()))));
    let unread = match &reading {
        Reading::Any(_) => None,
        Reading::Partial { unread, .. } => Some((
            unread.code().to_owned(),
            super::desk::code_words(words, unread.code()),
            unread.to_string(),
        )),
    };
    let matches = matches.collect();
    Some(Pattern {
        canonical: parsed.ok().map(|one| one.to_string()),
        text,
        fault,
        matches,
        unread,
    })
}

async fn one(State(house): State<Arc<House>>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::EvidenceRead, On::default())?;
    let (sees, now) = (Sees::of(&house, &visitor.ctx), visitor.ctx.now);
    let asked = id.clone();
    let readers = reach::readers(&house);
    let found = house.store.read(move |reader| find(reader, sees, &readers, &asked, now)).await?;
    match found {
        Some(found) => html(&page_of(&house, &visitor, &id, found)),
        None => named(&house, &visitor, id).await,
    }
}

fn page_of(house: &House, visitor: &Visitor, id: &str, found: Found) -> ObjectPage {
    let words = visitor.words();
    let allows = |hat, action| house.authoriser.allows(hat, action, Standing::default());
    let mine = |action| allows(visitor.ctx.hat, action);
    let tree: Json = serde_json::from_str(&found.object.text).unwrap_or_default();
    let text = |name: &str| tree.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let from_report = found.row.from_report;
    let view = View::parse(&RELATIONS, "").at(format!("/evidence/{id}/relations"));
    let (sightings, sightings_total, months) = found.sightings;
    let mut shell = page::shell(house, visitor, "evidence-object-title");
    shell.title = shown_name(&found.row);
    let observables = found.object.observables.iter();
    let size = usize::try_from(SHOWN).unwrap_or(usize::MAX);
    ObjectPage {
        crumbs: vec![Link { href: "/evidence".to_owned(), label: words.t("evidence-title") }],
        kind: kind_words(words, &found.row.kind),
        description: found.object.described.unwrap_or_else(|| text("description")),
        originator: origin_words(words, &found.origins, &found.row.originator),
        why_class: why_class(words, &found.row, from_report),
        recipients: found.reach.iter().map(|one| recipient(words, one)).collect(),
        hats: found.hats.into_iter().map(|hat| words.t(hat_key(hat))).collect(),
        recipients_named: found.recipients_named,
        kinds: kinds(&view, &found.groups.0),
        edges: found.edges.iter().map(|one| edge(words, one)).collect(),
        edges_total: (found.groups.0.iter().map(|group| group.count).sum(), found.groups.1),
        sightings,
        sightings_total,
        series: (!months.is_empty()).then(|| Series::new(months, None)),
        told: told(words, found.versions, &found.orgs, id, size),
        conflicts: found
            .object
            .conflicts
            .iter()
            .map(|(code, reason)| {
                (code.clone(), super::desk::code_words(words, code), reason.clone())
            })
            .collect(),
        observables: observables
            .map(|seen| (seen.defanged(), format!("/evidence?q={}", percent(&seen.to_string()))))
            .collect(),
        doubts: found.doubts,
        pattern: pattern_of(words, &tree),
        cases: if mine(Action::AnalyseRead) { found.cases } else { Vec::new() },
        reads_cases: mine(Action::AnalyseRead),
        reads_log: mine(Action::OversightLog),
        mends: mine(Action::EvidenceImport),
        raw: found.object.text,
        row: found.row,
        shell,
    }
}

/// Why it has this class.
fn why_class(words: Words, row: &ObjectRow, from_report: bool) -> String {
    let key = match (row.has_comms, row.has_secret, from_report) {
        (true, ..) => "evidence-class-why-comms",
        (_, true, _) => "evidence-class-why-secret",
        (_, _, true) => "evidence-class-why-report",
        _ => "evidence-class-why-import",
    };
    words.t(key)
}

fn recipient(words: Words, one: &Reach) -> Recipient {
    let reasons = one
        .reasons
        .iter()
        .map(|(code, clause)| ((*code).to_owned(), super::desk::code_words(words, code), *clause));
    Recipient {
        label: words.t(format!("evidence-reach-{}", one.kind.key())),
        reasons: reasons.collect(),
    }
}

#[derive(Template)]
#[template(path = "evidence/named.html")]
struct NamedPage {
    shell: Shell,
    crumbs: Vec<Link>,
    id: String,
    kind: String,
    edges: Vec<Edge>,
    more: bool,
}

/// Something that others name and that is not held, or not for this reader: the page is the same. Without an edge the
/// reader sees, there is no such thing.
async fn named(house: &Arc<House>, visitor: &Visitor, id: String) -> Answer {
    let (sees, asked) = (Sees::of(house, &visitor.ctx), id.clone());
    let size = usize::try_from(SHOWN).unwrap_or(usize::MAX);
    let (edges, next) = house
        .store
        .read(move |reader| record::edges(reader, sees, &asked, &Edges::default(), None, size))
        .await?;
    if edges.is_empty() {
        return Err(Refusal::absent().into());
    }
    let words = visitor.words();
    let page = NamedPage {
        crumbs: vec![Link { href: "/evidence".to_owned(), label: words.t("evidence-title") }],
        kind: kind_words(words, id.split_once("--").map_or("", |(kind, _)| kind)),
        edges: edges.iter().map(|one| edge(words, one)).collect(),
        more: next.is_some(),
        id,
        shell: page::shell(house, visitor, "evidence-named-title"),
    };
    html(&page)
}

/// The head of an object for the pages below it; absent and not for this reader are one answer.
async fn head(house: &Arc<House>, visitor: &Visitor, id: &str) -> Answer<ObjectRow> {
    house.authoriser.check(&visitor.ctx, Action::EvidenceRead, On::default())?;
    let (sees, id) = (Sees::of(house, &visitor.ctx), id.to_owned());
    let found = house.store.read(move |reader| read::brief(reader, sees, &id)).await?;
    found.ok_or_else(|| Refusal::absent().into())
}

fn crumbs(words: Words, row: &ObjectRow) -> Vec<Link> {
    vec![
        Link { href: "/evidence".to_owned(), label: words.t("evidence-title") },
        Link { href: format!("/evidence/{}", row.id), label: shown_name(row) },
    ]
}

#[derive(Template)]
#[template(path = "evidence/relations.html")]
struct RelationsPage {
    shell: Shell,
    crumbs: Vec<Link>,
    kinds: Vec<Kind>,
    edges: Vec<Edge>,
    grid: Grid,
    way: String,
    ways: Vec<Choice>,
    kind: String,
}

async fn relations(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let row = head(&house, &visitor, &id).await?;
    let view = View::parse(&RELATIONS, query.as_deref().unwrap_or_default())
        .at(format!("/evidence/{id}/relations"));
    let sees = Sees::of(&house, &visitor.ctx);
    let wanted = Edges { kind: view.filter("kind").to_owned(), way: view.filter("way").to_owned() };
    let place = view.after().and_then(Place::parse);
    let size = usize::try_from(view.size()).unwrap_or(usize::MAX);
    let (edges, next, groups) = house
        .store
        .read(move |reader| {
            let (edges, next) = record::edges(reader, sees, &id, &wanted, place, size)?;
            Ok((edges, next, record::groups(reader, sees, &id)?))
        })
        .await?;
    let words = visitor.words();
    let fits = |group: &&Group| {
        let way = if group.outgoing { "out" } else { "in" };
        (view.filter("kind").is_empty() || view.filter("kind") == group.kind)
            && (view.filter("way").is_empty() || view.filter("way") == way)
    };
    let total = groups.0.iter().filter(fits).map(|group| group.count).sum();
    let caption = words.t("evidence-relations");
    let way = |code: &str| Choice::new(code, words.t(format!("evidence-way-{code}")));
    let page = RelationsPage {
        crumbs: crumbs(words, &row),
        kinds: kinds(&view, &groups.0),
        edges: edges.iter().map(|one| edge(words, one)).collect(),
        grid: view.grid(words, caption, next.map(|next| next.to_string()), (total, groups.1)),
        way: view.filter("way").to_owned(),
        kind: view.filter("kind").to_owned(),
        ways: vec![way("out"), way("in")],
        shell: page::shell(&house, &visitor, "evidence-relations"),
    };
    html(&page)
}

#[derive(Template)]
#[template(path = "evidence/sightings.html")]
struct SightingsPage {
    shell: Shell,
    crumbs: Vec<Link>,
    sightings: Vec<Sighting>,
    series: Option<Series>,
    grid: Grid,
}

async fn sightings(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let row = head(&house, &visitor, &id).await?;
    let view = View::parse(&SIGHTINGS, query.as_deref().unwrap_or_default())
        .at(format!("/evidence/{id}/sightings"));
    let sees = Sees::of(&house, &visitor.ctx);
    let (before, size) = (view.after().and_then(|at| at.parse().ok()), view.size());
    let (mut found, total, months) = house
        .store
        .read(move |reader| {
            Ok((
                record::sightings(reader, sees, &id, before, size + 1)?,
                record::sightings_count(reader, sees, &id)?,
                record::months(reader, sees, &id)?,
            ))
        })
        .await?;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| more).map(|last| last.seq.to_string());
    let words = visitor.words();
    let page = SightingsPage {
        crumbs: crumbs(words, &row),
        grid: view.grid(words, words.t("evidence-sightings"), next, (total, true)),
        sightings: found,
        series: (!months.is_empty()).then(|| Series::new(months, None)),
        shell: page::shell(&house, &visitor, "evidence-sightings"),
    };
    html(&page)
}

#[derive(Template)]
#[template(path = "evidence/history.html")]
struct HistoryPage {
    shell: Shell,
    crumbs: Vec<Link>,
    told: Vec<Told>,
    reads_log: bool,
    pager: crate::web::layout::Pager,
}

async fn history(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let row = head(&house, &visitor, &id).await?;
    let view = View::parse(&HISTORY, query.as_deref().unwrap_or_default())
        .at(format!("/evidence/{id}/history"));
    let sees = Sees::of(&house, &visitor.ctx);
    let (asked, after) = (id.clone(), view.after().map(str::to_owned));
    let size = view.size();
    let (versions, orgs) = house
        .store
        .read(move |reader| {
            // One more than is shown: the last one shown is compared with the one before it.
            let found = record::versions(reader, sees, &asked, after.as_deref(), size + 1)?;
            let orgs = orgs_of(reader, &found)?;
            Ok((found, orgs))
        })
        .await?;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = versions.len() > size;
    let words = visitor.words();
    let told = told(words, versions, &orgs, &id, size);
    let next = told.last().filter(|_| more).map(|last| last.version.key.clone());
    let page = HistoryPage {
        crumbs: crumbs(words, &row),
        pager: view.pager(next, None),
        told,
        reads_log: house.authoriser.allows(
            visitor.ctx.hat,
            Action::OversightLog,
            Standing::default(),
        ),
        shell: page::shell(&house, &visitor, "evidence-versions"),
    };
    html(&page)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawAsked {
    version: Option<String>,
}

/// One version byte for byte as it arrived.
async fn raw(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(asked): Query<RawAsked>,
) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::EvidenceRead, On::default())?;
    let (sees, wanted) = (Sees::of(&house, &visitor.ctx), id.clone());
    let found = house
        .store
        .read(move |reader| record::text(reader, sees, &wanted, asked.version.as_deref()))
        .await?;
    let text = found.ok_or_else(Refusal::absent)?;
    // What was found has an identifier of the standard, so its name holds nothing a header could not.
    Ok(file(&format!("{id}.json"), "application/stix+json;version=2.1", text))
}
