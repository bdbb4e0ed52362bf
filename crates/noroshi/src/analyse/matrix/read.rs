//! The matrix from what is held.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::analyse::merge;
use crate::analyse::read as analyse;
use crate::evidence::near;
use crate::evidence::read::{self as evidence, Filter, Sees};
use crate::office::id::CaseId;
use crate::office::store::{Reader, StoreFailure};

/// Techniques read at most; ATT&CK Enterprise has about 700.
pub const TECHNIQUES_MAX: usize = 5_000;
/// Users of one technique that are counted.
pub const USERS_MAX: usize = 2_000;
/// Objects of a case from which techniques are followed.
const FOLLOWED_MAX: usize = 500;
/// Objects of one page of the store.
const PAGE: u32 = 500;

/// What was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The matrix; empty for the first.
    pub matrix: String,
    /// Only what this case uses.
    pub case: String,
    /// Only what this campaign, intrusion set, actor, malware or tool uses.
    pub by: String,
    /// Said not before, and before.
    pub span: (Option<Timestamp>, Option<Timestamp>),
}

/// How often something is used, by who uses it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    /// By type of the user: `intrusion-set`, `campaign`, `report`, `malware`, …
    pub kinds: BTreeMap<String, u64>,
    /// Joint cases that hold a user or the technique.
    pub cases: u64,
    /// There are more than were counted.
    pub more: bool,
}

impl Uses {
    /// How many things use it.
    pub fn total(&self) -> u64 {
        self.kinds.values().sum::<u64>() + self.cases
    }

    /// How many of one type.
    pub fn of(&self, kind: &str) -> u64 {
        self.kinds.get(kind).copied().unwrap_or(0)
    }
}

/// A technique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Technique {
    /// Its identifier.
    pub id: String,
    /// Its number, such as `T1059.001`.
    pub number: String,
    /// Its name.
    pub name: String,
    /// How often it is used.
    pub uses: Uses,
    /// Its sub-techniques.
    pub parts: Vec<Technique>,
}

/// A tactic with its techniques.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tactic {
    /// Its name.
    pub name: String,
    /// Its number, such as `TA0001`.
    pub number: String,
    /// Its techniques by number.
    pub techniques: Vec<Technique>,
}

/// The answer.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Every matrix held: identifier and name.
    pub matrices: Vec<(String, String)>,
    /// The one shown.
    pub chosen: String,
    /// Its tactics in its own order.
    pub tactics: Vec<Tactic>,
    /// Techniques that are revoked or deprecated.
    pub hidden: u64,
    /// Techniques that no tactic of this matrix holds.
    pub elsewhere: u64,
    /// What the filter is about, in words of the data.
    pub filter: String,
}

struct Read {
    id: String,
    name: String,
    tree: Json,
}

fn text<'a>(tree: &'a Json, name: &str) -> &'a str {
    tree.get(name).and_then(Json::as_str).unwrap_or_default()
}

fn list<'a>(tree: &'a Json, name: &str) -> impl Iterator<Item = &'a Json> {
    tree.get(name).and_then(Json::as_array).into_iter().flatten()
}

fn number(tree: &Json) -> String {
    let first = list(tree, "external_references").find_map(|one| one.get("external_id")?.as_str());
    first.unwrap_or_default().to_owned()
}

/// Every object of a type that is not revoked, and how many are.
fn all(reader: &Reader<'_>, sees: Sees, kind: &str) -> Result<(Vec<Read>, u64), StoreFailure> {
    let filter = Filter { kind: kind.to_owned(), ..Filter::default() };
    let (mut found, mut hidden, mut before) = (Vec::new(), 0, None);
    while found.len() < TECHNIQUES_MAX {
        let page = evidence::list(reader, sees, &filter, before, PAGE)?;
        hidden = page.hidden;
        before = page.next;
        let ids: Vec<String> = page.rows.into_iter().map(|row| row.id).collect();
        for (row, object) in evidence::latest(reader, sees, &ids)? {
            found.push(Read { id: row.id, name: row.name, tree: object.to_value() });
        }
        if before.is_none() {
            break;
        }
    }
    Ok((found, hidden))
}

/// The matrix; `None` when what the filter names is not there for this reader. `cases` says whether joint cases may be
/// counted.
pub fn matrix(
    reader: &Reader<'_>,
    sees: Sees,
    cases: bool,
    asked: &Asked,
) -> Result<Option<Seen>, StoreFailure> {
    let Some((only, filter)) = only(reader, sees, cases, asked)? else { return Ok(None) };
    let (mut matrices, _) = all(reader, sees, "x-mitre-matrix")?;
    matrices.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    let chosen = matrices.iter().find(|one| one.id == asked.matrix).or_else(|| matrices.first());
    let names = matrices.iter().map(|one| (one.id.clone(), one.name.clone())).collect();
    let mut shown = Seen { matrices: names, filter, ..Seen::default() };
    let Some(chosen) = chosen else { return Ok(Some(shown)) };
    shown.chosen.clone_from(&chosen.id);
    let (tactics, _) = all(reader, sees, "x-mitre-tactic")?;
    let (techniques, hidden) = all(reader, sees, "attack-pattern")?;
    shown.hidden = hidden;
    let held = holders(reader, cases)?;
    let parts = merge::in_force(reader, sees)?;
    let count =
        |technique: &Read| uses(reader, sees, technique, asked, only.as_ref(), (&held, &parts));
    let by_id: BTreeMap<&str, &Read> = tactics.iter().map(|one| (one.id.as_str(), one)).collect();
    let mut placed = BTreeSet::new();
    for tactic in list(&chosen.tree, "tactic_refs").filter_map(Json::as_str) {
        let Some(tactic) = by_id.get(tactic) else { continue };
        let short = text(&tactic.tree, "x_mitre_shortname");
        let own: Vec<&Read> =
            techniques.iter().filter(|one| belongs(one, short, chosen, tactic)).collect();
        placed.extend(own.iter().map(|one| one.id.clone()));
        shown.tactics.push(Tactic {
            name: tactic.name.clone(),
            number: number(&tactic.tree),
            techniques: tree_of(own, &count)?,
        });
    }
    shown.elsewhere = techniques.iter().filter(|one| !placed.contains(&one.id)).count() as u64;
    Ok(Some(shown))
}

/// Whether a technique stands under a tactic: it names the phase, and its domain or its maker is the matrix's.
fn belongs(technique: &Read, short: &str, matrix: &Read, tactic: &Read) -> bool {
    let phase = list(&technique.tree, "kill_chain_phases")
        .any(|one| one.get("phase_name").and_then(Json::as_str) == Some(short));
    if short.is_empty() || !phase {
        return false;
    }
    let domains = |one: &Read| -> BTreeSet<String> {
        list(&one.tree, "x_mitre_domains").filter_map(Json::as_str).map(str::to_owned).collect()
    };
    let (own, theirs) = (domains(technique), domains(tactic));
    if !own.is_empty() && !theirs.is_empty() {
        return !own.is_disjoint(&theirs);
    }
    // Without domains, two frameworks that share the name of a phase are told apart by who made them.
    let (own, theirs) =
        (text(&technique.tree, "created_by_ref"), text(&matrix.tree, "created_by_ref"));
    own.is_empty() || theirs.is_empty() || own == theirs
}

/// Techniques with their sub-techniques below them. A sub-technique whose technique is not there stands by itself.
fn tree_of(
    own: Vec<&Read>,
    count: &impl Fn(&Read) -> Result<Uses, StoreFailure>,
) -> Result<Vec<Technique>, StoreFailure> {
    let mut all: Vec<Technique> = Vec::with_capacity(own.len());
    for one in own {
        all.push(Technique {
            id: one.id.clone(),
            number: number(&one.tree),
            name: one.name.clone(),
            uses: count(one)?,
            parts: Vec::new(),
        });
    }
    all.sort_by(|a, b| (&a.number, &a.name).cmp(&(&b.number, &b.name)));
    let mut top: Vec<Technique> = Vec::new();
    for one in all {
        let whole = one.number.split_once('.').map(|(whole, _)| whole.to_owned());
        match whole.and_then(|whole| top.iter_mut().find(|top| top.number == whole)) {
            Some(whole) => whole.parts.push(one),
            None => top.push(one),
        }
    }
    Ok(top)
}

/// Which joint cases hold an object.
fn holders(
    reader: &Reader<'_>,
    cases: bool,
) -> Result<BTreeMap<String, BTreeSet<String>>, StoreFailure> {
    let mut held: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    if cases {
        for (item, case) in analyse::memberships(reader)? {
            held.entry(item).or_default().insert(case);
        }
    }
    Ok(held)
}

/// The users that count: none for all; with the words of the filter.
type Only = (Option<BTreeSet<String>>, String);

fn only(
    reader: &Reader<'_>,
    sees: Sees,
    cases: bool,
    asked: &Asked,
) -> Result<Option<Only>, StoreFailure> {
    if !asked.case.is_empty() {
        let Some(case) = CaseId::parse(&asked.case).filter(|_| cases) else { return Ok(None) };
        let Some(head) = analyse::case_head(reader, &case)? else { return Ok(None) };
        let mut users: BTreeSet<String> =
            analyse::case_objects(reader, &case)?.into_iter().take(FOLLOWED_MAX).collect();
        // What an object of the case points at counts as well: an indicator names a malware, which uses techniques.
        for id in users.clone() {
            let near = near::edges(reader, sees, &id, None, 50)?;
            let pointed = near.edges.into_iter().filter(|edge| edge.outgoing);
            users.extend(pointed.map(|edge| edge.other.id));
        }
        return Ok(Some((Some(users), head.title)));
    }
    if !asked.by.is_empty() {
        let Some(row) = evidence::brief(reader, sees, &asked.by)? else { return Ok(None) };
        let users = merge::siblings(reader, sees, &asked.by)?.into_iter().collect();
        return Ok(Some((Some(users), row.name)));
    }
    Ok(Some((None, String::new())))
}

fn uses(
    reader: &Reader<'_>,
    sees: Sees,
    technique: &Read,
    asked: &Asked,
    only: Option<&BTreeSet<String>>,
    (held, parts): (&BTreeMap<String, BTreeSet<String>>, &BTreeMap<String, String>),
) -> Result<Uses, StoreFailure> {
    let found = near::users(reader, sees, &technique.id, asked.span, USERS_MAX)?;
    let mut uses = Uses { more: found.len() == USERS_MAX, ..Uses::default() };
    let mut cases: BTreeSet<&String> = held.get(&technique.id).into_iter().flatten().collect();
    let mut counted = BTreeSet::new();
    for (kind, id) in found {
        if only.is_some_and(|only| !only.contains(&id)) {
            continue;
        }
        cases.extend(held.get(&id).into_iter().flatten());
        // What is stated to be one thing uses a technique once.
        let root = if parts.contains_key(&id) { merge::canonical(reader, sees, &id)? } else { id };
        if counted.insert(root) {
            *uses.kinds.entry(kind).or_default() += 1;
        }
    }
    if only.is_none() {
        uses.cases = cases.len() as u64;
    } else if only.is_some_and(|only| only.contains(&technique.id)) {
        uses.cases = 1;
    }
    Ok(uses)
}
