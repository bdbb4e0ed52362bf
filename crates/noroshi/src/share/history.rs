//! What decides about an object over all its versions that are held, found in one place.
//!
//! A version that leaves carries what any version of its object ever carried or named: a later one takes nothing back. As
//! a source of others an object carries what each version carries that no review cleared
//! ([`noroshi_charter::derivation`]).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use noroshi_charter::derivation::{Source, Version};
use noroshi_evidence::marking::{LegalBits, LegalClass};
use noroshi_evidence::redact::Parts;

use super::read::{class_of, parse};
use super::review::is_about;
use crate::evidence::read::NODE_OF_FIRST;
use crate::evidence::rows::stems_from_agreement;
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// Versions of one object that are looked at; beyond it the object counts as the worst there is.
const VERSIONS_MAX: usize = 10_000;
/// Bytes of the versions of one object that are looked at; beyond it too.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Objects one object may be said to be made from; beyond it too.
const MADE_FROM_MAX: usize = 50_000;

/// What is known of an object over all its versions.
#[derive(Debug, Clone)]
pub struct History {
    /// Every bit any version bears itself.
    pub bits: LegalBits,
    /// The strictest class any version was declared to be of.
    pub class: LegalClass,
    /// A party agreement brought some version.
    pub from_agreement: bool,
    /// What any version names, and what it is said to be made from: what a version that leaves was made from.
    pub names: BTreeSet<String>,
    /// What it passes on to what is made from it.
    pub source: Source,
    /// Bytes that were looked at for it.
    pub bytes: usize,
    /// What the terms of all versions weigh ([`weight`]).
    pub weight: i64,
}

impl History {
    /// Nothing is known that would speak for it: whatever is made from it, and each of its versions, carries everything.
    fn unknown(bytes: usize) -> Self {
        let bits = LegalBits { has_selected_comms: true, has_secret: true };
        let source = Source { bits, unconsented: true, ..Source::default() };
        let (class, names) = (LegalClass::Cia, BTreeSet::new());
        Self { bits, class, from_agreement: true, names, source, bytes, weight: 0 }
    }
}

/// Histories that were found already: many versions of one object on one page share one.
#[derive(Debug, Default)]
pub struct Histories(RefCell<BTreeMap<String, Arc<History>>>);

impl Histories {
    /// The history of the object of which `parts` is the version `modified`.
    pub fn of(
        &self,
        reader: &Reader<'_>,
        parts: &Parts,
        modified: &str,
    ) -> Result<Arc<History>, StoreFailure> {
        let id = parts.object().head().id.as_str();
        if let Some(known) = self.0.borrow().get(id) {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(find(reader, id, parts, modified)?);
        self.0.borrow_mut().insert(id.to_owned(), Arc::clone(&found));
        Ok(found)
    }
}

/// One version as it stands in the store, without what it names.
struct Held {
    version: Version,
    class: LegalClass,
    agreement: bool,
    originator: String,
    text: Option<String>,
    weight: i64,
}

fn every_version() -> String {
    format!(
        "SELECT o.has_comms, o.has_secret, o.class, o.source, o.born, o.originator, \
         (SELECT x.consent FROM share_handling x WHERE x.id = o.id), EXISTS (SELECT 1 FROM share_review c \
         WHERE {} AND c.state = 'released'), CASE WHEN o.modified = $2 THEN NULL ELSE o.bytes END, {} \
         FROM evidence_object o",
        is_about("c", "o"),
        weight("o"),
    )
}

/// SQL for what the terms of the version in the row `o` weigh: one for being held, and more for each step of colour, class
/// and bits. Versions only come, and terms only rise while something is held openly, so the sum over an object tells whether
/// anything changed.
pub(super) fn weight(o: &str) -> String {
    format!(
        "(1 + CASE {o}.tlp WHEN 'clear' THEN 0 WHEN 'green' THEN 1 WHEN 'amber' THEN 2 WHEN 'amber-strict' THEN 3 ELSE 4 \
         END + CASE {o}.class WHEN 'CIA-N' THEN 0 WHEN 'CIA-P' THEN 1 WHEN 'CIA-PM' THEN 2 ELSE 3 END \
         + {o}.has_comms + {o}.has_secret)"
    )
}

fn row_at(row: &Row<'_, '_>) -> Result<Held, StoreFailure> {
    let class = row.text(2)?;
    let damaged = || StoreFailure::Damaged(format!("`{class}` is no class"));
    let born = row.text_or_none(4)?;
    let agreement =
        stems_from_agreement(&row.text(3)?) || born.as_deref().is_some_and(stems_from_agreement);
    let version = Version {
        bits: LegalBits { has_selected_comms: row.truth(0)?, has_secret: row.truth(1)? },
        unconsented: agreement && row.text_or_none(6)?.is_none(),
        cleared: row.truth(7)?,
        names: BTreeSet::new(),
    };
    Ok(Held {
        version,
        class: class_of(&class).ok_or_else(damaged)?,
        agreement,
        originator: row.text(5)?,
        text: row.text_or_none(8)?,
        weight: row.int(9)?,
    })
}

/// Reads every version once; `parts` is the one that was read already.
fn find(
    reader: &Reader<'_>,
    id: &str,
    parts: &Parts,
    modified: &str,
) -> Result<History, StoreFailure> {
    let mut history = History {
        bits: LegalBits::default(),
        class: LegalClass::CiaN,
        from_agreement: false,
        names: BTreeSet::new(),
        source: Source::default(),
        bytes: 0,
        weight: 0,
    };
    let (mut versions, mut owners, mut cut) = (Vec::new(), BTreeSet::new(), false);
    let sql =
        format!("{} WHERE o.node = {NODE_OF_FIRST} ORDER BY o.modified LIMIT $3", every_version());
    let most = i64::try_from(VERSIONS_MAX + 1).unwrap_or(i64::MAX);
    reader.each(&sql, &[Value::from(id), Value::from(modified), Value::from(most)], |row| {
        if cut {
            return Ok(());
        }
        let Held { mut version, class, agreement, originator, text, weight } = row_at(row)?;
        history.weight += weight;
        history.bytes += text.as_ref().map_or(0, String::len);
        let other = text.map(|text| parse(&text).map(Parts::read)).transpose()?;
        let parts = other.as_ref().unwrap_or(parts);
        cut = parts.names_too_much() && other.is_some()
            || versions.len() >= VERSIONS_MAX
            || history.bytes > BYTES_MAX;
        version.names.clone_from(parts.names());
        history.names.extend(version.names.iter().cloned());
        history.bits = history.bits.join(version.bits);
        history.class = history.class.stricter(class);
        history.from_agreement |= agreement;
        owners.insert(originator);
        versions.push(version);
        Ok(())
    })?;
    let made_from = made_from(reader, id, &owners)?;
    if cut || made_from.len() > MADE_FROM_MAX {
        return Ok(History::unknown(history.bytes));
    }
    history.source = Source::of(&versions, &made_from);
    history.names.extend(made_from);
    Ok(history)
}

/// What an object is said to be made from, in every version of a relationship that was ever held (only a review takes back
/// what one of them said), as far as whoever says so is heard ([`noroshi_charter::derivation::counts`]). What guests said of what is not theirs is not even read, so
/// that nobody makes a question costly by saying much.
fn made_from(
    reader: &Reader<'_>,
    id: &str,
    owners: &BTreeSet<String>,
) -> Result<BTreeSet<String>, StoreFailure> {
    let mut found = BTreeSet::new();
    // One more than can be followed, so that too many are known to be too many.
    let most = Value::from(i64::try_from(MADE_FROM_MAX + 1).unwrap_or(i64::MAX));
    let sql = |whose: &str| {
        format!(
            "SELECT DISTINCT n.id FROM evidence_deriving d JOIN evidence_node n ON n.node = d.source \
             WHERE d.made = {NODE_OF_FIRST} AND d.guest = $2 {whose} LIMIT $3"
        )
    };
    let params = [Value::from(id), Value::from(false), most.clone()];
    found.extend(reader.all(&sql(""), &params, |row| row.text(0))?);
    for owner in owners {
        let params = [Value::from(id), Value::from(true), most.clone(), Value::from(owner)];
        found.extend(reader.all(&sql("AND d.stated_by = $4"), &params, |row| row.text(0))?);
    }
    Ok(found)
}
