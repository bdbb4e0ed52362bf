//! The question, and the marks that answer it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use noroshi_evidence::marking::Tlp;

use crate::analyse::merge;
use crate::analyse::names::Names;
use crate::analyse::read::{self as analyse, Scope};
use crate::evidence::near::{self, Edges};
use crate::evidence::read::{self as evidence, ObjectRow, Sees};
use crate::evidence::rows::{FROM_REPORTS, tlp_of};
use crate::office::id::CaseId;
use crate::office::store::{Reader, StoreFailure};

/// Steps out at most.
pub const HOPS_MAX: u8 = 3;
/// Marks when nobody says otherwise.
pub const BUDGET_DEFAULT: usize = 36;
/// Fewest and most marks that can be asked for.
pub const BUDGET_MIN: usize = 8;
/// Most marks that can be asked for.
pub const BUDGET_MAX: usize = 150;
/// Edges looked at of what was asked for; the table leads through all of them.
pub const EDGES_OF_START: usize = 2_000;
/// Edges looked at of everything further out.
pub const EDGES_OF_OTHERS: usize = 200;
/// Members of one opened mark that are drawn.
pub const OPENED_MAX: usize = 60;
/// Marks that can be opened at once.
pub const OPEN_MAX: usize = 8;

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// An object, `case-…`, or a group of the correlation.
    pub of: String,
    /// Steps out.
    pub hops: u8,
    /// Marks at most.
    pub budget: usize,
    /// Only these types; empty for all.
    pub types: BTreeSet<String>,
    /// Nothing stricter than this.
    pub tlp: Option<Tlp>,
    /// Said not before.
    pub since: Option<Timestamp>,
    /// Said before.
    pub until: Option<Timestamp>,
    /// Keys of [`Bundle`]s to be opened.
    pub open: BTreeSet<String>,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Its identifier.
    pub id: String,
    /// Its STIX type; `case`, `group` or `report` for what is no object.
    pub kind: String,
    /// Its name; empty when it has none.
    pub name: String,
    /// Its marking; empty for what has none.
    pub tlp: String,
    /// Steps from the start.
    pub hop: u8,
    /// How many other objects count as one with it.
    pub merged: usize,
}

/// Several objects in one mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Names it in the address of the page.
    pub key: String,
    /// What they hang on.
    pub parent: String,
    /// Steps from the start.
    pub hop: u8,
    /// Their relation; empty when there are several.
    pub relation: String,
    /// Whether it leads away from the parent.
    pub outgoing: bool,
    /// Their marking; empty when there are several.
    pub tlp: String,
    /// How many of each type.
    pub kinds: BTreeMap<String, u64>,
}

impl Bundle {
    /// How many objects.
    pub fn count(&self) -> u64 {
        self.kinds.values().sum()
    }
}

/// A line between two marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The mark nearer to the start.
    pub from: String,
    /// The other mark, or the key of a bundle.
    pub to: String,
    /// The relation.
    pub relation: String,
    /// Whether it leads from `from` to `to`.
    pub outgoing: bool,
}

/// Why something is not shown one by one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Put together in bundles, by type.
    pub bundled: BTreeMap<String, u64>,
    /// Left out by the filters of the question, by type.
    pub filtered: BTreeMap<String, u64>,
    /// Edges to what was revoked or deprecated.
    pub revoked: u64,
    /// Edges whose other end is not held, or not for this reader; and members of a case of which that is true.
    pub absent: u64,
    /// Things of which more edges are held than were looked at.
    pub unlooked: Vec<String>,
}

/// The answer.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// Marks, the start first, then by step.
    pub marks: Vec<Mark>,
    /// Bundles.
    pub bundles: Vec<Bundle>,
    /// Lines.
    pub lines: Vec<Line>,
    /// What is not shown one by one.
    pub hidden: Hidden,
    /// Every type met, with how many different objects of it, for the filter.
    pub kinds: BTreeMap<String, u64>,
}

/// A neighbour on its way to a mark.
#[derive(Debug, Clone)]
struct Next {
    row: ObjectRow,
    relation: String,
    outgoing: bool,
}

struct Gather<'a, 'r> {
    reader: &'a Reader<'r>,
    sees: Sees,
    asked: &'a Asked,
    /// What is part of something, by the statements this reader follows.
    parts: BTreeMap<String, String>,
    known: BTreeSet<String>,
    met: BTreeMap<String, BTreeSet<String>>,
    answer: Around,
}

/// What stands around; `None` when there is no such start for this reader.
pub fn around(
    reader: &Reader<'_>,
    names: &Names,
    scope: Scope,
    asked: &Asked,
) -> Result<Option<Around>, StoreFailure> {
    let mut gather = Gather {
        reader,
        sees: scope.sees(),
        asked,
        parts: merge::in_force(reader, scope.sees())?,
        known: BTreeSet::new(),
        met: BTreeMap::new(),
        answer: Around::default(),
    };
    let Some(mut ring) = gather.start(names, scope)? else { return Ok(None) };
    let first = gather.answer.marks.first().map_or(0, |mark| mark.hop);
    let begun = u8::from(ring.iter().all(|mark| mark.hop > first) && !ring.is_empty());
    for hop in (begun + 1)..=asked.hops {
        let mut further = Vec::new();
        for mark in &ring {
            further.extend(gather.beyond(mark, hop)?);
        }
        ring = further;
    }
    gather.connect()?;
    let mut answer = gather.answer;
    answer.kinds = gather.met.into_iter().map(|(kind, ids)| (kind, ids.len() as u64)).collect();
    Ok(Some(answer))
}

impl Gather<'_, '_> {
    /// The start, and the marks whose neighbours come next.
    fn start(&mut self, names: &Names, scope: Scope) -> Result<Option<Vec<Mark>>, StoreFailure> {
        if let Some(case) = CaseId::parse(&self.asked.of) {
            let Some(head) = analyse::case_head(self.reader, &case)? else { return Ok(None) };
            let ids = analyse::member_ids(self.reader, &case)?;
            return self.start_of_many("case", &head.title, &ids).map(Some);
        }
        if !self.asked.of.contains("--") {
            // What names no object and no case can only be a group that a report leads; the whole correlation is not
            // asked for anything else.
            if !scope.reports() || !analyse::is_report(self.reader, &self.asked.of)? {
                return Ok(None);
            }
            let found = analyse::group(self.reader, names, scope, &self.asked.of)?;
            let Some(group) = found else { return Ok(None) };
            let ids: Vec<String> = group.members.into_iter().map(|member| member.id).collect();
            return self.start_of_many("group", "", &ids).map(Some);
        }
        let Some(mark) = self.mark_of(&self.asked.of.clone(), 0)? else { return Ok(None) };
        self.known.insert(mark.id.clone());
        self.answer.marks.push(mark.clone());
        Ok(Some(vec![mark]))
    }

    /// A case or a group: its members are the first step.
    fn start_of_many(
        &mut self,
        kind: &str,
        name: &str,
        ids: &[String],
    ) -> Result<Vec<Mark>, StoreFailure> {
        let start = Mark {
            id: self.asked.of.clone(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            tlp: String::new(),
            hop: 0,
            merged: 0,
        };
        self.known.insert(start.id.clone());
        self.answer.marks.push(start.clone());
        let mut next = Vec::new();
        for id in ids {
            let rows = self.objects_of(id)?;
            if rows.is_empty() {
                self.answer.hidden.absent += 1;
            }
            next.extend(rows.into_iter().map(|row| Next {
                row,
                relation: "member".to_owned(),
                outgoing: true,
            }));
        }
        let next = self.filtered(next, |_| None);
        Ok(self.place(&start, 1, next))
    }

    /// The objects of a member: itself, or what a report put into the graph.
    fn objects_of(&self, id: &str) -> Result<Vec<ObjectRow>, StoreFailure> {
        if id.contains("--") {
            return Ok(evidence::brief(self.reader, self.sees, id)?.into_iter().collect());
        }
        let source = format!("{FROM_REPORTS}{id}");
        let rows = evidence::by_source(self.reader, self.sees, &source)?;
        Ok(rows.into_iter().filter(|row| row.kind != "relationship").collect())
    }

    /// What an object counts as, without asking the store about the many that nobody said anything of.
    fn root_of(&self, id: &str) -> Result<String, StoreFailure> {
        if self.parts.contains_key(id) {
            return merge::canonical(self.reader, self.sees, id);
        }
        Ok(id.to_owned())
    }

    fn mark_of(&self, id: &str, hop: u8) -> Result<Option<Mark>, StoreFailure> {
        let root = self.root_of(id)?;
        let Some(row) = evidence::brief(self.reader, self.sees, &root)? else { return Ok(None) };
        let merged = merge::siblings(self.reader, self.sees, &root)?.len().saturating_sub(1);
        Ok(Some(Mark { hop, merged, ..mark(row) }))
    }

    /// The neighbours of a mark, placed as marks or bundles; gives the marks to go on from.
    fn beyond(&mut self, from: &Mark, hop: u8) -> Result<Vec<Mark>, StoreFailure> {
        let limit = if hop == 1 { EDGES_OF_START } else { EDGES_OF_OTHERS };
        let mut times = BTreeMap::new();
        let mut next = Vec::new();
        for id in merge::siblings(self.reader, self.sees, &from.id)? {
            let Edges { edges, revoked, absent, next: more } =
                near::edges(self.reader, self.sees, &id, None, limit)?;
            self.answer.hidden.revoked += revoked;
            self.answer.hidden.absent += absent;
            if more.is_some() {
                self.answer.hidden.unlooked.push(id);
            }
            for edge in edges {
                let root = self.root_of(&edge.other.id)?;
                let row = if root == edge.other.id {
                    Some(edge.other)
                } else {
                    evidence::brief(self.reader, self.sees, &root)?
                };
                let Some(row) = row.filter(|row| row.id != from.id) else { continue };
                times.insert((row.id.clone(), edge.kind.clone()), edge.said_at);
                next.push(Next { row, relation: edge.kind, outgoing: edge.outgoing });
            }
        }
        let next = self
            .filtered(next, |one| times.get(&(one.row.id.clone(), one.relation.clone())).copied());
        Ok(self.place(from, hop, next))
    }

    /// What passes the filters of the question and is not drawn yet, each object once.
    fn filtered(
        &mut self,
        next: Vec<Next>,
        said_at: impl Fn(&Next) -> Option<Timestamp>,
    ) -> Vec<Next> {
        let asked = self.asked;
        let mut kept: BTreeMap<String, Next> = BTreeMap::new();
        for one in next {
            if self.known.contains(&one.row.id) || kept.contains_key(&one.row.id) {
                continue;
            }
            let first =
                self.met.entry(one.row.kind.clone()).or_default().insert(one.row.id.clone());
            let time = said_at(&one).or(one.row.modified).unwrap_or(one.row.arrived_at);
            let fits = (asked.types.is_empty() || asked.types.contains(&one.row.kind))
                && asked.tlp.is_none_or(|most| tlp_of(&one.row.tlp).is_some_and(|tlp| tlp <= most))
                && asked.since.is_none_or(|since| time >= since)
                && asked.until.is_none_or(|until| time < until);
            if fits {
                kept.insert(one.row.id.clone(), one);
            } else if first {
                *self.answer.hidden.filtered.entry(one.row.kind).or_default() += 1;
            }
        }
        kept.into_values().collect()
    }

    /// Marks for what fits the budget, bundles for the rest.
    fn place(&mut self, from: &Mark, hop: u8, next: Vec<Next>) -> Vec<Mark> {
        let used = self.answer.marks.len() + self.answer.bundles.len();
        let room = self.asked.budget.saturating_sub(used);
        let mut placed = Vec::new();
        for (key, mut group) in grouped(&from.id, next, room, &self.asked.open) {
            group.sort_by(|a, b| (&a.row.name, &a.row.id).cmp(&(&b.row.name, &b.row.id)));
            let rest = match &key {
                None => Vec::new(),
                Some(key) if self.asked.open.contains(key) => {
                    group.split_off(group.len().min(OPENED_MAX))
                }
                Some(_) => std::mem::take(&mut group),
            };
            for one in group {
                placed.push(self.add(from, hop, one));
            }
            if let (Some(key), false) = (key, rest.is_empty()) {
                self.bundle(from, hop, key, &rest);
            }
        }
        placed
    }

    fn add(&mut self, from: &Mark, hop: u8, one: Next) -> Mark {
        let merged =
            merge::siblings(self.reader, self.sees, &one.row.id).map_or(0, |all| all.len() - 1);
        let mark = Mark { hop, merged, ..mark(one.row) };
        self.known.insert(mark.id.clone());
        self.answer.lines.push(Line {
            from: from.id.clone(),
            to: mark.id.clone(),
            relation: one.relation,
            outgoing: one.outgoing,
        });
        self.answer.marks.push(mark.clone());
        mark
    }

    fn bundle(&mut self, from: &Mark, hop: u8, key: String, members: &[Next]) {
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        for one in members {
            // Counted once, though another mark may lead to it as well.
            self.known.insert(one.row.id.clone());
            *kinds.entry(one.row.kind.clone()).or_default() += 1;
        }
        for (kind, count) in &kinds {
            *self.answer.hidden.bundled.entry(kind.clone()).or_default() += count;
        }
        let same = |value: &dyn Fn(&Next) -> String| {
            let all: BTreeSet<String> = members.iter().map(value).collect();
            if all.len() == 1 { all.into_iter().next().unwrap_or_default() } else { String::new() }
        };
        let relation = same(&|one| one.relation.clone());
        let outgoing = members.iter().all(|one| one.outgoing);
        self.answer.lines.push(Line {
            from: from.id.clone(),
            to: key.clone(),
            relation: relation.clone(),
            outgoing,
        });
        self.answer.bundles.push(Bundle {
            key,
            parent: from.id.clone(),
            hop,
            relation,
            outgoing,
            tlp: same(&|one| one.row.tlp.clone()),
            kinds,
        });
    }

    /// Lines between marks of the same or of neighbouring steps that the walk did not go.
    fn connect(&mut self) -> Result<(), StoreFailure> {
        let ids: BTreeSet<String> = self.answer.marks.iter().map(|mark| mark.id.clone()).collect();
        let mut drawn: BTreeSet<(String, String)> =
            self.answer.lines.iter().map(|line| ordered(&line.from, &line.to)).collect();
        let ring: Vec<Mark> =
            self.answer.marks.iter().filter(|mark| mark.hop > 0).cloned().collect();
        for mark in ring {
            // A page of each is enough here: what is missed is a line, never a mark, and the table has it.
            let page = near::edges(self.reader, self.sees, &mark.id, None, EDGES_OF_OTHERS)?;
            for edge in page.edges {
                let other = self.root_of(&edge.other.id)?;
                if other != mark.id
                    && ids.contains(&other)
                    && drawn.insert(ordered(&mark.id, &other))
                {
                    self.answer.lines.push(Line {
                        from: mark.id.clone(),
                        to: other,
                        relation: edge.kind,
                        outgoing: edge.outgoing,
                    });
                }
            }
        }
        Ok(())
    }
}

fn ordered(one: &str, other: &str) -> (String, String) {
    let (first, second) = if one <= other { (one, other) } else { (other, one) };
    (first.to_owned(), second.to_owned())
}

fn mark(row: ObjectRow) -> Mark {
    Mark { id: row.id, kind: row.kind, name: row.name, tlp: row.tlp, hop: 0, merged: 0 }
}

type Grouped = Vec<(Option<String>, Vec<Next>)>;

/// Cuts neighbours into groups: those with a key may become one mark, those without are drawn one by one. Groups are as
/// fine as the room allows: by relation, type and marking; by relation and type; by type; at last all in one.
fn grouped(parent: &str, next: Vec<Next>, room: usize, open: &BTreeSet<String>) -> Grouped {
    if next.len() <= room {
        return vec![(None, next)];
    }
    let way = |one: &Next| if one.outgoing { "out" } else { "in" };
    let fineness: [&dyn Fn(&Next) -> String; 4] = [
        &|one| format!("{}.{}.{}.{}", one.relation, way(one), one.row.kind, one.row.tlp),
        &|one| format!("{}.{}.{}", one.relation, way(one), one.row.kind),
        &|one| one.row.kind.clone(),
        &|_| "all".to_owned(),
    ];
    let mut chosen: BTreeMap<String, Vec<Next>> = BTreeMap::new();
    for key_of in fineness {
        let mut groups: BTreeMap<String, Vec<Next>> = BTreeMap::new();
        for one in &next {
            groups.entry(format!("{parent}.{}", key_of(one))).or_default().push(one.clone());
        }
        let enough = groups.len() <= room.max(1);
        chosen = groups;
        if enough {
            break;
        }
    }
    // Small groups first get marks of their own, as long as every other group still has its one.
    let mut left = room.saturating_sub(chosen.len());
    let mut order: Vec<(String, Vec<Next>)> = chosen.into_iter().collect();
    order.sort_by(|a, b| (a.1.len(), &a.0).cmp(&(b.1.len(), &b.0)));
    order
        .into_iter()
        .map(|(key, group)| {
            let extra = group.len() - 1;
            let alone = !open.contains(&key) && extra <= left;
            if alone {
                left -= extra;
            }
            (Some(key).filter(|_| !alone), group)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(number: usize, kind: &str, relation: &str) -> Next {
        let row = ObjectRow {
            seq: number as u64,
            id: format!("{kind}--{number}"),
            kind: kind.to_owned(),
            name: String::new(),
            modified: None,
            tlp: "amber".to_owned(),
            class: String::new(),
            has_comms: false,
            has_secret: false,
            originator: String::new(),
            source: String::new(),
            hidden: false,
            arrived_at: Timestamp::UNIX_EPOCH,
            from_report: false,
        };
        Next { row, relation: relation.to_owned(), outgoing: true }
    }

    #[test]
    fn groups_fit_the_room_and_lose_nobody() {
        let many: Vec<Next> = (0..500)
            .map(|n| {
                next(n, ["indicator", "malware", "tool", "url"][n % 4], &format!("r{}", n % 9))
            })
            .chain([next(500, "campaign", "r0"), next(501, "campaign", "r1")])
            .collect();
        for room in [0, 1, 2, 4, 7, 20, 40, 501, 502, 1_000] {
            let groups = grouped("x--1", many.clone(), room, &BTreeSet::new());
            let total: usize = groups.iter().map(|(_, group)| group.len()).sum();
            assert_eq!(total, many.len(), "room {room}");
            let marks: usize =
                groups.iter().map(|(key, group)| if key.is_some() { 1 } else { group.len() }).sum();
            assert!(marks <= room.max(1), "room {room}: {marks} marks");
        }
        let two = grouped("x--1", many, 8, &BTreeSet::new());
        let alone: Vec<usize> =
            two.iter().filter(|(key, _)| key.is_none()).map(|(_, group)| group.len()).collect();
        assert_eq!(alone, [2], "the two campaigns stand for themselves");
    }
}
