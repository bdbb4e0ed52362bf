//! The rows of the evidence graph: what one object becomes in the store.
//!
//! Other pillars call [`insert_objects`] inside their own change, so that a report and what it names stand or fall
//! together.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use noroshi_charter::derivation::DERIVING;
use noroshi_evidence::id::StixId;
use noroshi_evidence::json::Member;
use noroshi_evidence::marking::{LegalBits, LegalClass, Tlp};
use noroshi_evidence::object::{Family, StixObject, referred};
use noroshi_evidence::observable::{FileHash, HashAlgorithm, Observable};
use noroshi_evidence::{pattern, redact};
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::Fact;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::{read, words};
use crate::office::commit::{Kept, Write};
use crate::office::store::{Reader, StoreFailure, Value};

/// References of one list beyond which they are written together: a container of a million members is a handful of
/// statements for each [`LONG_LIST_PART`] of them, not four for each.
const LONG_LIST: usize = 1_000;
/// References that one statement writes.
const LONG_LIST_PART: usize = 10_000;

/// Letters of one object that are indexed for search; longer descriptions are found by their beginning.
const SEARCH_CHARS_MAX: usize = 6_000;

/// The source prefix of what stems from statutory reports: not shown to hats that may not read reports.
pub const FROM_REPORTS: &str = "intake:";

/// The source prefix of what a sensor saw of something that is known from reports only: that it was looked for tells of
/// the report.
pub const SEEN_FOR_REPORTS: &str = "sift-report:";

/// The source prefix of what a party agreement brought (Act art. 38(3)); the reference of the agreement follows.
pub const FROM_AGREEMENTS: &str = "agreement:";

/// The source prefix of what a sensor saw under a party agreement.
pub const SEEN_UNDER_AGREEMENT: &str = "sift-agreement:";

/// The same, of something that is known from reports only.
pub const SEEN_UNDER_AGREEMENT_FOR_REPORTS: &str = "sift-agreement-report:";

/// Whether something that came by `source` is for those who read reports only.
pub fn stems_from_report(source: &str) -> bool {
    [FROM_REPORTS, SEEN_FOR_REPORTS, SEEN_UNDER_AGREEMENT_FOR_REPORTS]
        .iter()
        .any(|prefix| source.starts_with(prefix))
}

/// Whether what came by `source` was brought by a party agreement: its provision needs the consent of the party.
pub fn stems_from_agreement(source: &str) -> bool {
    [FROM_AGREEMENTS, SEEN_UNDER_AGREEMENT, SEEN_UNDER_AGREEMENT_FOR_REPORTS]
        .iter()
        .any(|prefix| source.starts_with(prefix))
}

/// SQL that is true when the version in the row `o` was brought by a party agreement ([`stems_from_agreement`]), also where a
/// report brought it first.
pub fn is_agreed(o: &str) -> String {
    let like = |prefix: &&str| format!("{o}.source LIKE '{prefix}%' OR {o}.born LIKE '{prefix}%'");
    let all = [FROM_AGREEMENTS, SEEN_UNDER_AGREEMENT, SEEN_UNDER_AGREEMENT_FOR_REPORTS];
    // Most versions have no earlier source: an absent one is no answer to the question.
    format!("COALESCE({}, 0)", all.iter().map(like).collect::<Vec<_>>().join(" OR "))
}

/// An object on its way into the graph, with what the house says about it.
#[derive(Debug, Clone)]
pub struct NewObject {
    /// The object, its text untouched.
    pub object: StixObject,
    /// Who may see it.
    pub tlp: Tlp,
    /// In which legal class it may be handed on.
    pub class: LegalClass,
    /// Whose it is: an organisation's identifier or a partner's name.
    pub originator: String,
    /// How it came: `import:<…>`, `intake:<report>`, `sift:<sensor>`.
    pub source: String,
}

/// The version key: sorts as text as the instants do; empty for what the standard does not version.
pub fn version_key(object: &StixObject) -> String {
    object.head().modified.map(|at| format!("{at:.9}")).unwrap_or_default()
}

/// How a version is brought that is held with the same content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It stays on the terms on which it is held.
    Stay,
    /// It is held on the stricter terms from now on: an import has judged that whoever brings it may say so.
    Rise,
}

/// The writes that bring `objects` into the graph. What is held with the same content stays on its terms; a
/// version held with *other* content undoes the whole change as a conflict (judge with `evidence::read::held`
/// before); unversioned observables held with other content stay as they are.
pub fn insert_objects(objects: &[NewObject], now: Timestamp) -> Vec<Write> {
    let found = Nodes::default();
    let mut batch = Batch::new(&found, objects.len(), Unversioned::Stay);
    for new in objects {
        batch.object(new, Standing::Stay, now);
    }
    batch.finish()
}

/// Which nodes there were when a change was judged.
#[derive(Debug, Default)]
pub struct Nodes<'a> {
    /// Those that are there, by identifier. A node keeps its number for ever.
    pub held: HashMap<&'a str, i64>,
    /// Identifiers of which there is none, as long as no node has come behind the last one.
    pub absent: HashSet<&'a str>,
    /// The last node.
    pub last: i64,
    /// The last version of any.
    pub last_version: i64,
}

impl<'a> Nodes<'a> {
    /// What there is of identifiers, in the snapshot of a reader.
    pub fn look(
        reader: &Reader<'_>,
        ids: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<Self, StoreFailure> {
        let held = read::nodes(reader, ids.clone())?;
        let absent = ids.filter(|id| !held.contains_key(id)).collect();
        let last = reader.number(FIND_LAST_NODE, &[])?;
        let last_version = reader.number(FIND_LAST, &[])?;
        Ok(Self { held, absent, last, last_version })
    }
}

/// [`insert_objects`] for imports, which have judged every object by what is held: an unversioned object that is held
/// with other content undoes the change as well, so that nothing that somebody else brought meanwhile is lost without a
/// word, and what was judged to be tightened is held on stricter terms. What was found before is not looked up again; where
/// that does not hold any more, the change is undone as a conflict.
pub fn bring_objects<'o>(
    objects: impl ExactSizeIterator<Item = (&'o NewObject, Standing)>,
    found: &Nodes<'_>,
    now: Timestamp,
) -> Vec<Write> {
    let mut batch = Batch::new(found, objects.len(), Unversioned::Conflict);
    for (new, standing) in objects {
        batch.object(new, standing, now);
    }
    batch.finish()
}

/// What the log says of a change of the graph: how many objects, and one digest over them all.
pub fn fact<'o>(command: &str, objects: impl IntoIterator<Item = &'o NewObject>) -> Fact {
    let mut digests: Vec<_> = objects.into_iter().map(|new| new.object.digest().0).collect();
    digests.sort_unstable();
    let whole = digests.iter().fold(Sha256::new(), |whole, digest| whole.chain_update(digest));
    Fact::EvidenceChange {
        command: command.to_owned(),
        objects: digests.len() as u64,
        digest: Digest(whole.finalize().into()),
    }
}

const FIND_NODE: &str = "SELECT node FROM evidence_id WHERE slot = settled($1) AND id = $1 \
     UNION ALL SELECT node FROM evidence_id WHERE slot = fresh($1) AND id = $1";
const INSERT_NODE: &str = "INSERT INTO evidence_node (id) VALUES ($1)";
const INSERT_SLOT: &str = "INSERT INTO evidence_slot (slot, node) VALUES (fresh($1), $2)";
const FIND_LAST_NODE: &str = "SELECT COALESCE(MAX(node), 0) FROM evidence_node";
/// Changes one row, and nothing in it, where no node has come since.
const STILL_LAST_NODE: &str = "UPDATE evidence_settling SET slice = slice \
     WHERE $1 = (SELECT COALESCE(MAX(node), 0) FROM evidence_node)";
const FIND_KIND: &str = "SELECT kind FROM evidence_kind WHERE name = $1";
const INSERT_KIND: &str = "INSERT INTO evidence_kind (name) VALUES ($1)";
const FIND_LAST: &str = "SELECT COALESCE(MAX(seq), 0) FROM evidence_object";
const FIND_VERSION: &str = "SELECT seq FROM evidence_object WHERE node = $1 AND modified = $2";
const FIND_OLDER: &str =
    "SELECT seq FROM evidence_object WHERE node = $1 AND latest = 1 AND modified < $2";
/// A version that came between the judging of a change and the change. What it is to the one that is being written, nobody
/// has judged: whose it is, who created it, what it withdraws.
const FIND_CAME: &str =
    "SELECT seq FROM evidence_object WHERE node = $1 AND seq > $2 AND seq <= $3 LIMIT 1";
/// Changes no row: where one must be changed, it undoes the change as a conflict.
const CONFLICT: &str = "DELETE FROM evidence_settling WHERE FALSE";
const DEMOTE: &str = "UPDATE evidence_object SET latest = 0 WHERE seq = $1";
/// Brought openly, what a report brought first is no longer known from the report only: it is shown as theirs who brought
/// it, under their colour, so that nobody learns that it was reported or by whom. The report still finds it.
/// Brought on stricter terms, it is held on those from then on: colour, class and bits only rise.
const TAKE_TERMS: &str = "UPDATE evidence_object SET born = CASE WHEN $3 = 0 AND from_report = 1 THEN source ELSE born END, \
     source = CASE WHEN $3 = 0 AND from_report = 1 THEN $4 ELSE source END, \
     originator = CASE WHEN $3 = 0 AND from_report = 1 THEN $5 ELSE originator END, \
     from_report = CASE WHEN $3 = 0 THEN 0 ELSE from_report END, \
     tlp = CASE WHEN $3 = 0 AND from_report = 1 OR CASE tlp WHEN 'clear' THEN 0 WHEN 'green' THEN 1 WHEN 'amber' THEN 2 \
     WHEN 'amber-strict' THEN 3 ELSE 4 END < $7 THEN $6 ELSE tlp END, \
     class = CASE WHEN CASE class WHEN 'CIA-N' THEN 0 WHEN 'CIA-P' THEN 1 WHEN 'CIA-PM' THEN 2 ELSE 3 END < $9 \
     THEN $8 ELSE class END, has_comms = MAX(has_comms, $10), has_secret = MAX(has_secret, $11) \
     WHERE seq = $1 AND digest = $2";
/// That a held version is about to be held on stricter terms, for whoever looks after what was handed out.
const TIGHTENED: &str = "INSERT INTO evidence_tightened (seq, bound) \
     SELECT seq, has_comms < $5 OR has_secret < $6 FROM evidence_object WHERE seq = $1 AND digest = $2 AND \
     (CASE tlp WHEN 'clear' THEN 0 WHEN 'green' THEN 1 WHEN 'amber' THEN 2 WHEN 'amber-strict' THEN 3 ELSE 4 END < $3 \
     OR CASE class WHEN 'CIA-N' THEN 0 WHEN 'CIA-P' THEN 1 WHEN 'CIA-PM' THEN 2 ELSE 3 END < $4 \
     OR has_comms < $5 OR has_secret < $6)";
const FIND_LATEST: &str = "SELECT seq FROM evidence_object WHERE node = $1 AND latest = 1";
/// A bit that an older version turns out to bear, every later one bears too.
const BIND_LATER: &str = "UPDATE evidence_object SET has_comms = MAX(has_comms, $3), has_secret = MAX(has_secret, $4) \
     WHERE node = $1 AND modified > $2";
/// A bit that the version before it bears, it bears too: a later version sheds nothing.
const INSERT_OBJECT: &str = "INSERT INTO evidence_object (node, latest, id, modified, type, name, created, \
     created_by, revoked, hidden, valid_from, valid_until, digest, tlp, class, has_comms, has_secret, originator, \
     source, from_report, arrived_at, bytes) \
     SELECT $1, COUNT(*) = 0, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, \
     MAX($15, COALESCE((SELECT v.has_comms FROM evidence_object v WHERE v.node = $1 AND v.modified < $3 \
     ORDER BY v.modified DESC LIMIT 1), 0)), \
     MAX($16, COALESCE((SELECT v.has_secret FROM evidence_object v WHERE v.node = $1 AND v.modified < $3 \
     ORDER BY v.modified DESC LIMIT 1), 0)), $17, $18, $19, $20, $21 \
     FROM evidence_object WHERE node = $1 AND latest = 1";
/// The same of a node that has no version yet.
const INSERT_FIRST: &str = "INSERT INTO evidence_object (node, latest, id, modified, type, name, created, \
     created_by, revoked, hidden, valid_from, valid_until, digest, tlp, class, has_comms, has_secret, originator, \
     source, from_report, arrived_at, bytes) \
     VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)";
const INSERT_EDGE: &str =
    "INSERT INTO evidence_edge (node, via, way, kind, other) VALUES ($1, $2, $3, $4, $5)";
/// The nodes of a part of a long list; none of them stands in it twice.
const INSERT_NODES: &str = "INSERT INTO evidence_node (id) SELECT j.value FROM json_each($1) j \
     WHERE NOT EXISTS (SELECT 1 FROM evidence_id n WHERE n.slot IN (fresh(j.value), settled(j.value)) AND n.id = j.value)";
const INSERT_SLOTS: &str = "INSERT INTO evidence_slot (slot, node) SELECT fresh(id), node FROM evidence_node WHERE node > $1";
/// Its edges, at the end of the container and at those of its members.
const INSERT_EDGES: &str = "INSERT INTO evidence_edge (node, via, way, kind, other) \
     SELECT $2, $3, 0, $4, n.node FROM json_each($1) j \
     CROSS JOIN evidence_id n ON n.slot IN (fresh(j.value), settled(j.value)) AND n.id = j.value \
     UNION ALL SELECT n.node, $3, 1, $4, $2 FROM json_each($1) j \
     CROSS JOIN evidence_id n ON n.slot IN (fresh(j.value), settled(j.value)) AND n.id = j.value";
/// What a relationship says was made from what; a guest is an organisation outside the national organs, which is heard
/// about its own objects only.
const INSERT_DERIVING: &str = "INSERT INTO evidence_deriving (via, made, source, stated_by, guest) \
     SELECT $1, $2, $3, $4, EXISTS (SELECT 1 FROM office_org g WHERE g.org = $4 \
     AND g.kind NOT IN ('office', 'ministry', 'police', 'defence'))";
const INSERT_NAMING: &str =
    "INSERT INTO evidence_naming (seq, value) VALUES ($1, $2) ON CONFLICT (seq, value) DO NOTHING";
/// What a version names anywhere in its strings: whatever may fall with something, or carries what it bears, is found by it.
const INSERT_NAMED: &str = "INSERT INTO evidence_named (slot, seq) VALUES (keyed($2), $1) \
     ON CONFLICT (slot, seq) DO NOTHING";
/// Of a version that is just being written: whatever is settled came before it.
const INSERT_POSTING: &str = "INSERT INTO evidence_posting (slot, seq) VALUES (fresh($2), $1) \
     ON CONFLICT (slot, seq) DO NOTHING";
/// Of a version that was there before: what is known of the value is settled first, so that the order of arrival holds.
const SETTLE_VALUE: &str = "INSERT INTO evidence_posting (slot, seq) \
     SELECT settled($1), seq FROM evidence_posting WHERE slot = fresh($1) ON CONFLICT (slot, seq) DO NOTHING";
const CLEAR_VALUE: &str = "DELETE FROM evidence_posting WHERE slot = fresh($1)";
const INSERT_SETTLED: &str = "INSERT INTO evidence_posting (slot, seq) VALUES (settled($2), $1) \
     ON CONFLICT (slot, seq) DO NOTHING";
/// Objects of a change with which one slice of all numbers is moved on. Fewer would not pay: a page is changed for each
/// number that is moved to a place of its own.
const SETTLING_MIN: usize = 1_000;
/// One thirty-second (2^58) of the numbers, from what is fresh to where it stays. With so many slices the pages of the fresh
/// part and those of one slice are about as many, at ten million objects and ten thousand a commit.
const SETTLING: [&str; 5] = [
    "INSERT INTO evidence_slot (slot, node) SELECT ~slot, node FROM evidence_slot WHERE slot BETWEEN \
     (SELECT slice * 288230376151711744 FROM evidence_settling) AND \
     (SELECT slice * 288230376151711744 + 288230376151711743 FROM evidence_settling) ORDER BY slot DESC, node",
    "DELETE FROM evidence_slot WHERE slot BETWEEN (SELECT slice * 288230376151711744 FROM evidence_settling) AND \
     (SELECT slice * 288230376151711744 + 288230376151711743 FROM evidence_settling)",
    "INSERT INTO evidence_posting (slot, seq) SELECT ~slot, seq FROM evidence_posting WHERE slot BETWEEN \
     (SELECT slice * 288230376151711744 FROM evidence_settling) AND \
     (SELECT slice * 288230376151711744 + 288230376151711743 FROM evidence_settling) ORDER BY slot DESC, seq \
     ON CONFLICT (slot, seq) DO NOTHING",
    "DELETE FROM evidence_posting WHERE slot BETWEEN (SELECT slice * 288230376151711744 FROM evidence_settling) AND \
     (SELECT slice * 288230376151711744 + 288230376151711743 FROM evidence_settling)",
    "UPDATE evidence_settling SET slice = (slice + 1) % 32",
];
const INSERT_WORDS: &str = "INSERT INTO evidence_search (rowid, words) VALUES ($1, $2)";
/// One off the shelf on which a version stands; what came with this change is counted at its end only.
const OFF_SHELF: &str = "UPDATE evidence_shelf SET objects = objects - 1 WHERE (type, shelf) = \
     (SELECT type, shelf FROM evidence_object WHERE seq = $1 AND seq <= $2)";
const ON_SHELF: &str = "INSERT INTO evidence_shelf (type, shelf, objects) \
     SELECT type, shelf, 1 FROM evidence_object WHERE seq = $1 AND seq <= $2 AND shelf <> 0 \
     ON CONFLICT (type, shelf) DO UPDATE SET objects = evidence_shelf.objects + 1";
const COUNT_SHELVES: &str = "INSERT INTO evidence_shelf (type, shelf, objects) \
     SELECT type, shelf, COUNT(*) FROM evidence_object NOT INDEXED WHERE seq > $1 AND shelf <> 0 GROUP BY type, shelf \
     ON CONFLICT (type, shelf) DO UPDATE SET objects = evidence_shelf.objects + excluded.objects";
const FIND_NAMER: &str = "SELECT o.seq FROM evidence_id n \
     JOIN evidence_object o ON o.node = n.node AND o.latest = 1 WHERE n.slot IN (fresh($1), settled($1)) AND n.id = $1";

/// The last version held before the change.
const LAST: Kept = Kept(0);
/// The version that is being written.
const SEQ: Kept = Kept(1);
/// The version that it follows.
const OLDER: Kept = Kept(2);
/// The first place for nodes and kinds.
const FIRST_FREE: u32 = 3;

/// The writes that say that `item` names `observable`, where its own text does not (a sighting of one of several
/// values of an indicator). When `item` is not held they change nothing.
pub fn insert_naming(item: &str, observable: &Observable) -> [Write; 5] {
    let value = observable.to_string();
    [
        Write::find(FIND_NAMER, vec![Value::from(item)], SEQ, 4, 0),
        Write::new(INSERT_NAMING, vec![Value::from(SEQ), Value::from(&value)]),
        Write::new(SETTLE_VALUE, vec![Value::from(&value)]),
        Write::new(CLEAR_VALUE, vec![Value::from(&value)]),
        Write::new(INSERT_SETTLED, vec![Value::from(SEQ), Value::from(value)]),
    ]
}

/// What becomes of a change with an unversioned object that is held with other content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unversioned {
    /// What is held stays, and the rest of the change is made: an observable says the same whatever stands beside its
    /// value.
    Stay,
    /// The whole change is undone.
    Conflict,
}

/// The writes of one change, and where it keeps the numbers of the nodes and kinds it needs.
struct Batch<'k> {
    unversioned: Unversioned,
    found: &'k Nodes<'k>,
    /// Whether what was absent still is, but for what this change has made of it one by one.
    trusts: bool,
    /// What was absent and has a version now.
    begun: HashSet<&'k str>,
    nodes: HashMap<String, Kept>,
    kinds: HashMap<String, Kept>,
    next: u32,
    objects: usize,
    writes: Vec<Write>,
}

impl<'k> Batch<'k> {
    fn new(found: &'k Nodes<'k>, objects: usize, unversioned: Unversioned) -> Self {
        let mut writes = Vec::with_capacity(objects * 10 + 2);
        let trusts = !found.absent.is_empty();
        if trusts {
            writes.push(Write::one(STILL_LAST_NODE, vec![Value::Int(found.last)]));
        }
        writes.push(Write::find(FIND_LAST, Vec::new(), LAST, 0, 0));
        let (nodes, kinds) = (HashMap::with_capacity(objects * 2), HashMap::new());
        let (begun, next) = (HashSet::new(), FIRST_FREE);
        Self { unversioned, found, trusts, begun, nodes, kinds, next, objects, writes }
    }

    fn finish(mut self) -> Vec<Write> {
        if self.objects == 0 {
            return Vec::new();
        }
        self.writes.push(Write::new(COUNT_SHELVES, vec![Value::from(LAST)]));
        if self.objects >= SETTLING_MIN {
            self.writes.extend(SETTLING.map(|sql| Write::new(sql, Vec::new())));
        }
        self.writes
    }

    fn fresh(&mut self) -> Kept {
        let place = Kept(self.next);
        self.next += 1;
        place
    }

    /// The number of what is called `id`; a placeholder is made when nothing is.
    fn node(&mut self, id: &str) -> Value {
        if let Some(node) = self.found.held.get(id) {
            return Value::Int(*node);
        }
        if let Some(place) = self.nodes.get(id) {
            return Value::Kept(*place);
        }
        let place = self.fresh();
        self.nodes.insert(id.to_owned(), place);
        if !(self.trusts && self.found.absent.contains(id)) {
            self.writes.push(Write::find(FIND_NODE, vec![Value::from(id)], place, 0, 2));
        }
        self.writes.push(Write::kept(INSERT_NODE, vec![Value::from(id)], place));
        self.writes.push(Write::new(INSERT_SLOT, vec![Value::from(id), Value::Kept(place)]));
        Value::Kept(place)
    }

    fn kind(&mut self, name: &str) -> Value {
        if let Some(place) = self.kinds.get(name) {
            return Value::Kept(*place);
        }
        let place = self.fresh();
        self.kinds.insert(name.to_owned(), place);
        self.writes.push(Write::find(FIND_KIND, vec![Value::from(name)], place, 0, 1));
        self.writes.push(Write::kept(INSERT_KIND, vec![Value::from(name)], place));
        Value::Kept(place)
    }

    /// Writes the nodes of long lists; answers the kind of each part and the part, as a JSON list.
    fn long(&mut self, lists: Vec<(String, BTreeSet<StixId>)>) -> Vec<(Value, Value)> {
        let mut parts = Vec::new();
        for (name, ids) in lists {
            let kind = self.kind(&name);
            // Which nodes these make is not known here.
            self.trusts = false;
            let mut ids = ids.into_iter().peekable();
            while ids.peek().is_some() {
                let part = Value::from(list_of(ids.by_ref().take(LONG_LIST_PART)));
                let before = self.fresh();
                self.writes.push(Write::find(FIND_LAST_NODE, Vec::new(), before, 0, 0));
                self.writes.push(Write::new(INSERT_NODES, vec![part.clone()]));
                self.writes.push(Write::new(INSERT_SLOTS, vec![Value::Kept(before)]));
                parts.push((kind.clone(), part));
            }
        }
        parts
    }

    /// Whether an object is the first version of its node for certain.
    fn is_first(&mut self, id: &str) -> bool {
        let absent = self.found.absent.get(id).filter(|_| self.trusts);
        absent.is_some_and(|id| self.begun.insert(id))
    }

    fn object(&mut self, new: &NewObject, standing: Standing, now: Timestamp) {
        let (object, head) = (&new.object, new.object.head());
        let modified = version_key(object);
        let is_first = self.is_first(head.id.as_str());
        let node = self.node(head.id.as_str());
        // Nodes and kinds first: what is left out below must not leave out what later objects count on.
        let members = object.members();
        let Edges { ends, long } = edges(object, &members);
        let mut names = redact::names_of(object);
        for (_, from, to) in &ends {
            names.remove(from);
            names.remove(to);
        }
        for id in long.iter().flat_map(|(_, ids)| ids) {
            names.remove(id.as_str());
        }
        let ends: Vec<[Value; 3]> = ends
            .into_iter()
            .map(|(kind, from, to)| [self.kind(&kind), self.node(&from), self.node(&to)])
            .collect();
        let long = self.long(long);
        let (digest, from_report) = (object.digest().to_string(), stems_from_report(&new.source));
        let place = Place { node: &node, modified: &modified, digest: &digest, is_first };
        let mut rows = Vec::with_capacity(10 + ends.len() * 2);
        if !is_first && self.unversioned == Unversioned::Conflict {
            let came = vec![node.clone(), Value::Int(self.found.last_version), Value::from(LAST)];
            rows.push(Write::find(FIND_CAME, came, OLDER, 1, 0));
            rows.push(Write::one(CONFLICT, Vec::new()));
        }
        rows.extend(new_version(new, now, &place, &members, ends));
        rows.extend(long.into_iter().map(|(kind, part)| {
            Write::new(INSERT_EDGES, vec![part, node.clone(), Value::from(SEQ), kind])
        }));
        let named =
            |name: String| Write::new(INSERT_NAMED, vec![Value::from(SEQ), Value::from(name)]);
        rows.extend(names.into_iter().map(named));
        if is_first {
            self.writes.extend(rows);
            return;
        }
        let strict = head.modified.is_some() || self.unversioned == Unversioned::Conflict;
        let guarded = if strict { Write::one } else { Write::new };
        let [stricter, held] = held_terms(new, standing, &digest, from_report);
        let mut same = vec![on_shelves(OFF_SHELF, SEQ)];
        if standing == Standing::Rise {
            same.push(Write::new(TIGHTENED, stricter));
        }
        same.push(guarded(TAKE_TERMS, held));
        same.push(on_shelves(ON_SHELF, SEQ));
        if standing == Standing::Rise {
            same.extend(bound(new, (&node, &modified)));
        }
        let asked = vec![node, Value::from(&modified)];
        self.writes.push(Write::find(FIND_VERSION, asked, SEQ, same.len(), rows.len()));
        self.writes.extend(same);
        self.writes.extend(rows);
    }
}

/// Takes a version off its shelf, or puts it on it.
fn on_shelves(which: &'static str, version: Kept) -> Write {
    Write::new(which, vec![Value::from(version), Value::from(LAST)])
}

/// The writes after which every version behind this one bears the bits of `new`: what a later one is copied from, and what
/// the reader is asked about, is never freer than what came before it.
fn bound(new: &NewObject, (node, modified): (&Value, &str)) -> Vec<Write> {
    let Terms { comms, secret, .. } = terms(new);
    if !(comms || secret) {
        return Vec::new();
    }
    let bits = vec![node.clone(), Value::from(modified), Value::from(comms), Value::from(secret)];
    // Only the latest stands on a shelf.
    vec![
        Write::find(FIND_LATEST, vec![node.clone()], OLDER, 3, 0),
        on_shelves(OFF_SHELF, OLDER),
        Write::new(BIND_LATER, bits),
        on_shelves(ON_SHELF, OLDER),
    ]
}

/// What [`TIGHTENED`] and [`TAKE_TERMS`] are asked with.
fn held_terms(
    new: &NewObject,
    standing: Standing,
    digest: &str,
    from_report: bool,
) -> [Vec<Value>; 2] {
    let Terms { tlp, class, comms, secret } = terms(new);
    let rises = standing == Standing::Rise;
    // Nothing is held on terms that are freer than the freest.
    let colours = Value::Int(if rises { i64::from(tlp_rank(tlp)) } else { 0 });
    let classes = Value::Int(if rises { i64::from(class.strictness()) } else { 0 });
    let (comms, secret) = (comms && rises, secret && rises);
    let stricter = vec![
        Value::from(SEQ),
        Value::from(digest),
        colours.clone(),
        classes.clone(),
        Value::from(comms),
        Value::from(secret),
    ];
    let held = vec![
        Value::from(SEQ),
        Value::from(digest),
        Value::from(from_report),
        Value::from(&new.source),
        Value::from(&new.originator),
        Value::from(tlp_code(tlp)),
        colours,
        Value::from(class.code()),
        classes,
        Value::from(comms),
        Value::from(secret),
    ];
    [stricter, held]
}

/// Where a version is written.
struct Place<'a> {
    node: &'a Value,
    modified: &'a str,
    digest: &'a str,
    /// Whether its node has no other version.
    is_first: bool,
}

/// The writes for a version that is not held.
fn new_version(
    new: &NewObject,
    now: Timestamp,
    place: &Place<'_>,
    members: &[Member<'_>],
    ends: Vec<[Value; 3]>,
) -> Vec<Write> {
    let object = &new.object;
    let Place { node, modified, is_first, .. } = *place;
    let mut rows = Vec::with_capacity(8 + ends.len() * 2);
    let columns = columns(new, now, place, members);
    if is_first {
        rows.push(Write::kept(INSERT_FIRST, columns, SEQ));
    } else {
        let older = vec![node.clone(), Value::from(modified)];
        rows.push(Write::find(FIND_OLDER, older, OLDER, 2, 0));
        rows.push(on_shelves(OFF_SHELF, OLDER));
        rows.push(Write::one(DEMOTE, vec![Value::from(OLDER)]));
        rows.push(Write::kept(INSERT_OBJECT, columns, SEQ));
    }
    for [kind, from, to] in ends {
        let end = |this: &Value, way, other: Value| {
            vec![this.clone(), Value::from(SEQ), Value::Int(way), kind.clone(), other]
        };
        rows.push(Write::new(INSERT_EDGE, end(&from, 0, to.clone())));
        rows.push(Write::new(INSERT_EDGE, end(&to, 1, from.clone())));
        if is_deriving(object) {
            let said = vec![Value::from(SEQ), from, to, Value::from(&new.originator)];
            rows.push(Write::new(INSERT_DERIVING, said));
        }
    }
    if !is_first {
        rows.extend(bound(new, (node, modified)));
    }
    let named = observables(object);
    for observable in &named {
        let value = observable.to_string();
        rows.push(Write::new(INSERT_NAMING, vec![Value::from(SEQ), Value::from(&value)]));
        rows.push(Write::new(INSERT_POSTING, vec![Value::from(SEQ), Value::from(value)]));
    }
    let words = words::index(&search_text(object, members, !named.is_empty()));
    if !words.is_empty() {
        rows.push(Write::new(INSERT_WORDS, vec![Value::from(SEQ), Value::from(words)]));
    }
    rows
}

fn columns(
    new: &NewObject,
    now: Timestamp,
    &Place { node, modified, digest, .. }: &Place<'_>,
    members: &[Member<'_>],
) -> Vec<Value> {
    let (object, head) = (&new.object, new.object.head());
    let hidden = head.revoked || flag(members, "x_mitre_deprecated") || flag(members, "deprecated");
    let name = head.name.as_deref().or(head.value.as_deref()).map(ToOwned::to_owned);
    let edge = || head.edge.as_ref().map(|edge| edge.relationship_type.to_string());
    vec![
        node.clone(),
        Value::from(head.id.as_str()),
        Value::from(modified),
        Value::from(object.object_type()),
        Value::from(name.or_else(edge)),
        Value::from(head.created.map(|at| format!("{at:.9}"))),
        Value::from(head.created_by_ref.as_ref().map(|id| id.as_str().to_owned())),
        Value::from(head.revoked),
        Value::from(hidden),
        Value::from(head.indicator.as_ref().map(|indicator| indicator.valid_from)),
        Value::from(head.indicator.as_ref().and_then(|indicator| indicator.valid_until)),
        Value::from(digest),
        Value::from(tlp_code(new.tlp)),
        Value::from(new.class.code()),
        Value::from(terms(new).comms),
        Value::from(terms(new).secret),
        Value::from(&new.originator),
        Value::from(&new.source),
        Value::from(stems_from_report(&new.source)),
        Value::from(now),
        Value::from(object.text()),
    ]
}

/// On what terms something is held.
struct Terms {
    tlp: Tlp,
    class: LegalClass,
    comms: bool,
    secret: bool,
}

fn terms(new: &NewObject) -> Terms {
    let (tlp, class) = (new.tlp, new.class);
    Terms { tlp, class, comms: class == LegalClass::Cia, secret: class == LegalClass::CiaPm }
}

/// On what terms a version is held: colour, class, and the bits that came with any class it was brought in.
pub type HeldOn = (Tlp, LegalClass, LegalBits);

/// The terms of something that is new.
pub fn held_on(new: &NewObject) -> HeldOn {
    let Terms { tlp, class, comms, secret } = terms(new);
    (tlp, class, LegalBits { has_selected_comms: comms, has_secret: secret })
}

/// Whether terms are stricter in anything than those something is held on. A bit comes with its class, and of two classes
/// neither has the bit of the other.
pub fn is_stricter(new: &NewObject, held: HeldOn) -> bool {
    let bits = held_on(new).2;
    new.tlp > held.0 || new.class.strictness() > held.1.strictness() || held.2.join(bits) != held.2
}

/// The place of a colour among [`Tlp::ALL`], as the questions above count.
const fn tlp_rank(tlp: Tlp) -> u8 {
    match tlp {
        Tlp::Clear => 0,
        Tlp::Green => 1,
        Tlp::Amber => 2,
        Tlp::AmberStrict => 3,
        Tlp::Red => 4,
    }
}

/// Whether an object says that one thing was made from another.
pub fn is_deriving(object: &StixObject) -> bool {
    let edge = object.head().edge.as_ref();
    object.object_type() == "relationship"
        && edge.is_some_and(|edge| DERIVING.contains(&&*edge.relationship_type))
}

/// The short code of a TLP level as stored and as in the API: `clear`, `green`, `amber`, `amber-strict`, `red`.
pub const fn tlp_code(tlp: Tlp) -> &'static str {
    match tlp {
        Tlp::Clear => "clear",
        Tlp::Green => "green",
        Tlp::Amber => "amber",
        Tlp::AmberStrict => "amber-strict",
        Tlp::Red => "red",
    }
}

/// Reads [`tlp_code`], and the marking's own label.
pub fn tlp_of(code: &str) -> Option<Tlp> {
    let by_code = Tlp::ALL.into_iter().find(|tlp| tlp_code(*tlp).eq_ignore_ascii_case(code));
    by_code.or_else(|| Tlp::from_label(code))
}

fn value<'a>(members: &[Member<'a>], name: &str) -> Option<&'a str> {
    members.iter().find(|member| member.name == name).map(|member| member.value)
}

fn flag(members: &[Member<'_>], name: &str) -> bool {
    value(members, name) == Some("true")
}

/// The edges an object makes. Who made it and how it is marked are columns, not edges.
#[derive(Default)]
struct Edges {
    /// Kind, from, to.
    ends: BTreeSet<(String, String, String)>,
    /// Lists of more than [`LONG_LIST`] references from the object, by their property.
    long: Vec<(String, BTreeSet<StixId>)>,
}

fn edges(object: &StixObject, members: &[Member<'_>]) -> Edges {
    let head = object.head();
    let mut edges = Edges::default();
    if let Some(edge) = &head.edge {
        let kind = edge.relationship_type.to_string();
        edges.ends.insert((kind, edge.source_ref.to_string(), edge.target_ref.to_string()));
        return edges;
    }
    for member in members.iter().filter(|member| member.name != "created_by_ref") {
        let name = member.name.as_ref();
        let ids = referred(member);
        if ids.len() > LONG_LIST {
            edges.long.push((name.to_owned(), ids.into_iter().collect()));
        } else {
            let ends =
                ids.into_iter().map(|to| (name.to_owned(), head.id.to_string(), to.to_string()));
            edges.ends.extend(ends);
        }
    }
    edges
}

/// Identifiers as a JSON list; none holds anything that must be escaped.
fn list_of(ids: impl Iterator<Item = StixId>) -> String {
    let mut text = String::new();
    for id in ids {
        text.push(if text.is_empty() { '[' } else { ',' });
        text.push('"');
        text.push_str(id.as_str());
        text.push('"');
    }
    text.push_str(if text.is_empty() { "[]" } else { "]" });
    text
}

/// What an object names: the pattern of an indicator, the value of an observable, the hashes of a file.
pub fn observables(object: &StixObject) -> BTreeSet<Observable> {
    let head = object.head();
    if let Some(indicator) = &head.indicator {
        if &*indicator.pattern_type != "stix" {
            return BTreeSet::new();
        }
        return pattern::read(&indicator.pattern).mentioned().iter().cloned().collect();
    }
    match object.object_type() {
        "ipv4-addr" | "ipv6-addr" | "domain-name" | "url" => head
            .value
            .as_deref()
            .and_then(|value| Observable::parse(value).ok())
            .into_iter()
            .collect(),
        "file" => hashes(&object.to_value()),
        _ => BTreeSet::new(),
    }
}

fn hashes(file: &Json) -> BTreeSet<Observable> {
    let members = file.get("hashes").and_then(Json::as_object).into_iter().flatten();
    let read = |(name, value): (&String, &Json)| {
        let algorithm = HashAlgorithm::from_stix_name(name)?;
        FileHash::new(algorithm, value.as_str()?).ok().map(Observable::FileHash)
    };
    members.filter_map(read).collect()
}

/// What people wrote in words. Values are found by the index of what is named, identifiers by that of nodes, and
/// edges from their ends.
fn search_text(object: &StixObject, members: &[Member<'_>], names_values: bool) -> String {
    let head = object.head();
    let mut text = String::new();
    if head.family == Family::Relationship {
        return text;
    }
    let mut add = |part: &str| {
        text.push_str(part);
        text.push(' ');
    };
    head.name.iter().chain(&head.labels).for_each(|part| add(part));
    if !names_values {
        head.value.iter().for_each(|part| add(part));
    }
    for name in ["aliases", "x_mitre_aliases"] {
        let list =
            value(members, name).and_then(|list| serde_json::from_str::<Vec<Json>>(list).ok());
        list.iter().flatten().filter_map(Json::as_str).for_each(&mut add);
    }
    let outside = value(members, "external_references");
    let outside = outside.and_then(|list| serde_json::from_str::<Vec<Json>>(list).ok());
    let ids = outside.iter().flatten().filter_map(|one| one.get("external_id")?.as_str());
    ids.for_each(&mut add);
    let description = value(members, "description");
    if let Some(description) =
        description.and_then(|text| serde_json::from_str::<String>(text).ok())
    {
        add(&description);
    }
    match text.char_indices().nth(SEARCH_CHARS_MAX) {
        Some((end, _)) => text.split_at(end).0.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::office::store::tests::plan_of;

    fn object(text: &str) -> StixObject {
        StixObject::parse(text).unwrap()
    }

    /// What an import asks and writes goes through an index, whatever is held (P-1, P-2, P-4).
    #[test]
    fn p1_nothing_that_is_written_walks_through_a_table() {
        for sql in [
            FIND_NODE,
            FIND_KIND,
            FIND_VERSION,
            FIND_OLDER,
            FIND_CAME,
            DEMOTE,
            TAKE_TERMS,
            TIGHTENED,
            FIND_LATEST,
            BIND_LATER,
            INSERT_OBJECT,
            INSERT_FIRST,
            STILL_LAST_NODE,
            OFF_SHELF,
            ON_SHELF,
            COUNT_SHELVES,
            FIND_NAMER,
            INSERT_NODES,
            INSERT_EDGES,
            INSERT_SLOTS,
            SETTLE_VALUE,
            CLEAR_VALUE,
            SETTLING[0],
            SETTLING[1],
            SETTLING[2],
            SETTLING[3],
        ] {
            let plan = plan_of(sql);
            // The slice that is moved on is one number.
            let mut walks = plan.iter().filter(|line| *line != "SCAN evidence_settling");
            let walk = walks.find(|line| line.starts_with("SCAN evidence_") || *line == "SCAN s");
            assert_eq!(walk, None, "{sql}: {plan:?}");
        }
    }

    #[test]
    fn a_relationship_is_one_edge_between_its_ends() {
        let edge = object(
            r#"{"type":"relationship","spec_version":"2.1","id":"relationship--57b56a43-b8b0-4cba-9deb-34e3e1faed9e",
            "created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","relationship_type":"indicates",
            "created_by_ref":"identity--3d0f6c52-8a5f-4c5e-9a59-0a1f6a3f7d01",
            "source_ref":"indicator--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c101",
            "target_ref":"malware--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c102"}"#,
        );
        let found = edges(&edge, &edge.members());
        assert_eq!((found.ends.len(), found.long.len()), (1, 0), "{:?}", found.ends);
        assert_eq!(found.ends.first().unwrap().0, "indicates");
        assert_eq!(version_key(&edge), "2026-01-01T00:00:00.000000000Z");
    }

    #[test]
    fn files_are_recognised_by_their_hashes_and_addresses_by_their_value() {
        let file = object(
            r#"{"type":"file","id":"file--57b56a43-b8b0-4cba-9deb-34e3e1faed9e",
            "hashes":{"MD5":"D41D8CD98F00B204E9800998ECF8427E","X":"no"}}"#,
        );
        let names: Vec<String> = observables(&file).iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), 1, "{names:?}");
        assert!(names[0].contains("d41d8cd98f00b204e9800998ecf8427e"));
        let address = object(
            r#"{"type":"ipv6-addr","id":"ipv6-addr--57b56a43-b8b0-4cba-9deb-34e3e1faed9e","value":"2001:0DB8::1"}"#,
        );
        assert_eq!(observables(&address).first().unwrap().to_string(), "2001:db8::1");
        assert_eq!(version_key(&address), "");
    }
}
