//! The desk of one object: notes, what is one with it, the bell; and the words that the desk's pages share.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use noroshi_evidence::marking::Tlp;
use noroshi_evidence::observable::Observable;

use super::act::{TEXT_CHARS_MAX, TITLE_CHARS_MAX};
use super::merge::{self, Alias, Candidate};
use super::notes::{self, Reading};
use super::pages::{NoteLine, marking_choices, name_in, note_lines, pairs, with_status};
use super::watch::news::{self, Kind, Whose};
use crate::evidence::pages::kind_words;
use crate::evidence::read::{self as evidence, ObjectRow, Sees};
use crate::evidence::rows::tlp_of;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::store::{Reader, StoreFailure};
use crate::web::forms::{Choice, FormState};
use crate::web::layout::{Link, Shell};
use crate::web::locale::Words;
use crate::web::page::{self, html};
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::{Posted, Visitor, percent};

/// Routes of the desk.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/analyse/objects/{id}", get(one))
        .route("/analyse/objects/{id}/notes", post(note))
        .route("/analyse/objects/{id}/merge", post(merge_into))
        .route("/analyse/objects/{id}/undo", post(undo))
}

/// The name of an object; what is dangerous to click on is shown with its teeth drawn.
pub fn shown_name(kind: &str, name: &str, id: &str) -> String {
    let dangerous = matches!(kind, "ipv4-addr" | "ipv6-addr" | "domain-name" | "url");
    let seen = dangerous.then(|| Observable::parse(name).ok()).flatten();
    match seen {
        Some(seen) => seen.defanged(),
        None if name.is_empty() => id.to_owned(),
        None => name.to_owned(),
    }
}

/// A relation in words; its own name where there are none.
pub fn relation_words(words: Words, relation: &str) -> String {
    let key = format!("analyse-rel-{}", relation.replace('_', "-"));
    if words.has(&key) { words.t(key) } else { relation.replace(['-', '_'], " ") }
}

/// Identifier, type and name of those objects that the reader sees.
pub fn named(
    reader: &Reader<'_>,
    sees: Sees,
    ids: &[String],
) -> Result<Vec<(String, String, String)>, StoreFailure> {
    let mut found = Vec::new();
    for id in ids {
        if let Some(row) = evidence::brief(reader, sees, id)? {
            let name = shown_name(&row.kind, &row.name, &row.id);
            found.push((row.id, row.kind, name));
        } else if !id.contains("--") && sees.reports() {
            found.push((id.clone(), "report".to_owned(), id.clone()));
        }
    }
    Ok(found)
}

/// The bell of something: whether it is watched, and what to send to change that.
pub struct Bell {
    /// The watch, when there is one; empty otherwise.
    pub watch: String,
    /// What sort of thing.
    pub kind: &'static str,
    /// The thing.
    pub target: String,
    /// May the reader watch at all?
    pub may: bool,
}

impl Bell {
    /// The bell of a thing for a visitor.
    pub async fn of(
        house: &Arc<House>,
        visitor: &Visitor,
        kind: Kind,
        target: &str,
    ) -> Answer<Self> {
        let may = house.authoriser.check(&visitor.ctx, Action::AnalyseWatch, On::default()).is_ok();
        let (whose, asked) = (Whose::of(&visitor.ctx), target.to_owned());
        let found = house
            .store
            .read(move |reader| {
                let all = news::watches(reader, &whose)?;
                Ok(all.into_iter().find(|one| one.kind == kind && one.target == asked))
            })
            .await?;
        Ok(Self {
            watch: found.map(|found| found.watch).unwrap_or_default(),
            kind: kind.code(),
            target: target.to_owned(),
            may,
        })
    }
}

/// A statement as it stands on the page.
struct AliasLine {
    alias: Alias,
    other: String,
    href: String,
    who: String,
    is_part: bool,
}

/// A likeness as it stands on the page.
struct LikeLine {
    id: String,
    name: String,
    href: String,
    originator: String,
    tlp: String,
    common: String,
    percent: u8,
}

#[derive(Template)]
#[template(path = "analyse/object.html")]
struct ObjectPage {
    shell: Shell,
    crumbs: Vec<Link>,
    row: ObjectRow,
    kind: String,
    notes: Vec<NoteLine>,
    older: u64,
    markings: Vec<Choice>,
    counted_as: Option<Link>,
    siblings: Vec<Link>,
    aliases: Vec<AliasLine>,
    candidates: Vec<LikeLine>,
    bell: Bell,
    form: FormState,
    may_note: bool,
    may_merge: bool,
    graph_href: String,
    matrix_href: String,
}

/// What the page is made from.
struct Found {
    row: ObjectRow,
    notes: Vec<notes::Note>,
    older: u64,
    siblings: Vec<ObjectRow>,
    aliases: Vec<(Alias, ObjectRow)>,
    candidates: Vec<Candidate>,
}

fn read_all(
    reader: &Reader<'_>,
    sees: Sees,
    who: &Reading,
    id: &str,
) -> Result<Option<Found>, StoreFailure> {
    let Some(row) = evidence::brief(reader, sees, id)? else { return Ok(None) };
    let (notes, older) = notes::of_object(reader, sees, who, id)?;
    let mut siblings = Vec::new();
    for one in merge::siblings(reader, sees, id)? {
        siblings.extend(evidence::brief(reader, sees, &one)?);
    }
    let mut aliases = Vec::new();
    for alias in merge::statements(reader, sees, id)? {
        let other = if alias.one == id { &alias.into } else { &alias.one };
        if let Some(other) = evidence::brief(reader, sees, other)? {
            aliases.push((alias, other));
        }
    }
    let candidates = merge::candidates(reader, sees, id)?;
    Ok(Some(Found { row, notes, older, siblings, aliases, candidates }))
}

fn link(row: &ObjectRow) -> Link {
    Link {
        href: format!("/analyse/objects/{}", row.id),
        label: shown_name(&row.kind, &row.name, &row.id),
    }
}

async fn one(State(house): State<Arc<House>>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    show(&house, &visitor, &id, FormState::new()).await
}

async fn show(house: &Arc<House>, visitor: &Visitor, id: &str, form: FormState) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::EvidenceRead, On::default())?;
    let (sees, who, asked) =
        (Sees::of(house, &visitor.ctx), Reading::of(&visitor.ctx), id.to_owned());
    let found = house.store.read(move |reader| read_all(reader, sees, &who, &asked)).await?;
    let found = found.ok_or_else(Refusal::absent)?;
    let words = visitor.words();
    let may = |action| house.authoriser.check(&visitor.ctx, action, On::default()).is_ok();
    let floor = tlp_of(&found.row.tlp).unwrap_or(Tlp::Red);
    let name = shown_name(&found.row.kind, &found.row.name, &found.row.id);
    let root = found.siblings.first().filter(|root| root.id != found.row.id).map(link);
    let others = found.siblings.iter().filter(|one| one.id != found.row.id).map(link);
    let aliases = found.aliases.iter().map(|(alias, other)| AliasLine {
        is_part: alias.one == found.row.id,
        other: shown_name(&other.kind, &other.name, &other.id),
        href: format!("/analyse/objects/{}", other.id),
        who: name_in(words, &alias.org),
        alias: alias.clone(),
    });
    let candidates = found.candidates.iter().map(|one| LikeLine {
        id: one.row.id.clone(),
        name: shown_name(&one.row.kind, &one.row.name, &one.row.id),
        href: format!("/evidence/{}", one.row.id),
        originator: one.row.originator.clone(),
        tlp: one.row.tlp.clone(),
        common: one.common.join(" / "),
        percent: one.percent,
    });
    let mut shell = page::shell(house, visitor, "analyse-desk-title");
    shell.title = words.tv("analyse-desk-of", &[("name", name.clone().into())]);
    let page = ObjectPage {
        crumbs: vec![
            Link { href: "/evidence".to_owned(), label: words.t("evidence-title") },
            Link { href: format!("/evidence/{id}"), label: name },
        ],
        kind: kind_words(words, &found.row.kind),
        notes: note_lines(words, &found.notes),
        older: found.older,
        markings: marking_choices(words, floor, "analyse-note-for-all"),
        counted_as: root,
        siblings: others.collect(),
        aliases: aliases.collect(),
        candidates: candidates.collect(),
        bell: Bell::of(house, visitor, Kind::Object, id).await?,
        may_note: may(Action::AnalyseNote),
        may_merge: may(Action::AnalyseMerge),
        graph_href: format!("/analyse/graph?of={}", percent(id)),
        matrix_href: if uses_techniques(&found.row.kind) {
            format!("/analyse/matrix?by={}", percent(id))
        } else {
            String::new()
        },
        row: found.row,
        form,
        shell,
    };
    html(&page)
}

/// Types of object that use techniques.
fn uses_techniques(kind: &str) -> bool {
    matches!(kind, "intrusion-set" | "campaign" | "threat-actor" | "malware" | "tool" | "report")
}

fn back(id: &str, anchor: &str) -> axum::response::Response {
    Redirect::to(&format!("/analyse/objects/{id}#{anchor}")).into_response()
}

async fn note(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let mut form = pairs(&posted);
    let Some(text) = form.text("text", TEXT_CHARS_MAX) else {
        return with_status(show(&house, &posted.visitor, &id, form).await);
    };
    let tlp = form.value("tlp").to_owned();
    notes::write(&house, &posted.visitor.ctx, &id, &text, &tlp, None).await?;
    Ok(back(&id, "notes"))
}

async fn merge_into(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let mut form = pairs(&posted);
    let into = form.text("into", TITLE_CHARS_MAX);
    let why = form.text("reason", TEXT_CHARS_MAX);
    let (Some(into), Some(why)) = (into, why) else {
        return with_status(show(&house, &posted.visitor, &id, form).await);
    };
    merge::merge(&house, &posted.visitor.ctx, &id, &into, &why).await?;
    Ok(back(&id, "merge"))
}

async fn undo(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let mut form = pairs(&posted);
    let alias = form.text("alias", TITLE_CHARS_MAX);
    let why = form.text("gone-reason", TEXT_CHARS_MAX);
    let (Some(alias), Some(why)) = (alias, why) else {
        return with_status(show(&house, &posted.visitor, &id, form).await);
    };
    merge::undo(&house, &posted.visitor.ctx, &alias, &why).await?;
    Ok(back(&id, "merge"))
}
