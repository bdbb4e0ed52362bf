//! What the gate said of the indicators of one stream for one organisation, kept and moved forward: a change of one
//! indicator costs a look at that one, and not a pass over all.
//!
//! What is kept is a verdict with everything it stands on. Before anything is handed out, in the same snapshot, whatever
//! changed since is found: new versions and what they say was made from what, by their order of arrival; new places of the
//! stream, by theirs; opinions, reviews, withdrawals and stricter terms, by the list of what was touched. Each leads over
//! what names it to the indicators it decides about, and the gate is asked again about exactly these. When the organisation
//! itself stands otherwise (its finding, its ceiling), or what changed cannot be told, everything is asked again.
//!
//! Ends and warning lists are not kept: they are looked at whenever a file is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use noroshi_charter::release::{Audience, Recipient};
use noroshi_codec::feed::Source;
use noroshi_evidence::id::StixId;
use noroshi_evidence::marking::Tlp;
use noroshi_evidence::observable::Observable;
use noroshi_evidence::pattern::{self, Reading};

use super::exports::{LeftOut, PAGE, indicators};
use crate::evidence::rows::version_key;
use crate::office::id::OrgId;
use crate::office::store::{Reader, StoreFailure, Value};
use crate::share::serve::{self, Asked, Served, View, Whose};
use crate::share::{audience, read};

/// Indicators of one stream that are kept; of larger ones nothing is.
const KEPT_MAX: usize = 200_000;
/// What they name, and what that names; where it is more, nothing is kept.
const LINKS_MAX: usize = 2_000_000;
/// Indicators kept of all streams together; what was asked for longest ago goes first.
const ALL_MAX: usize = 2_000_000;
/// Changes looked at one by one; after more, everything is asked again.
const CHANGES_MAX: i64 = 100_000;
/// Objects asked about at once.
const ASKED_AT_ONCE: usize = 100;

/// One indicator that may be handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Its place.
    pub(super) added: i64,
    /// Its identifier.
    pub(super) id: StixId,
    /// Its version.
    pub(super) modified: String,
    /// SHA-256 over what is handed out.
    pub(super) digest: String,
    /// The colour it is handed out under.
    pub(super) tlp: Tlp,
    /// The release it comes from.
    pub(super) source: Source,
    /// What it looks for; what it mentions where it says more than that.
    pub(super) values: Vec<Observable>,
    /// Why it has no form but its own; absent where it matches exactly when one of its values is seen.
    pub(super) bare: Option<LeftOut>,
    /// From when.
    pub(super) valid_from: Timestamp,
    /// Until when.
    pub(super) valid_until: Option<Timestamp>,
    /// What is handed out, where that is not what is stored.
    pub(super) text: Option<Arc<str>>,
}

impl Row {
    /// Reads an indicator; `None` for what an export never holds: what was withdrawn.
    pub(super) fn of(one: &Served) -> Option<Self> {
        let head = one.object.head();
        let indicator = head.indicator.as_ref().filter(|_| !head.revoked)?;
        let (values, bare) = match &*indicator.pattern_type {
            "stix" => match pattern::read(&indicator.pattern) {
                Reading::Any(values) if !values.is_empty() => (values, None),
                reading => (reading.mentioned().to_vec(), Some(LeftOut::Pattern)),
            },
            _ => (Vec::new(), Some(LeftOut::Language)),
        };
        let source = Source::parse(&one.release)?;
        let other = one.redacted || one.whose == Whose::OwnCopy;
        Some(Self {
            added: one.added,
            id: head.id.clone(),
            modified: version_key(&one.object),
            digest: one.digest.clone(),
            tlp: one.tlp,
            source,
            values,
            bare,
            valid_from: indicator.valid_from,
            valid_until: indicator.valid_until,
            text: other.then(|| one.object.text().into()),
        })
    }

    /// Whether it is in force.
    pub(super) fn holds(&self, now: Timestamp) -> bool {
        self.valid_from <= now && self.valid_until.is_none_or(|until| until > now)
    }
}

/// A file as it was last written: what it stands on, and its tag.
#[derive(Clone)]
pub(super) struct Tag {
    pub(super) generation: u64,
    /// Warning lists as they were; the same allocation means the same lists.
    pub(super) lists: Arc<crate::evidence::lists::Loaded>,
    /// Nothing begins or ends between these.
    pub(super) within: std::ops::Range<Timestamp>,
    /// Digest over the entries, and the serial.
    pub(super) stands: (String, i64),
    pub(super) tag: String,
    /// What is not in it.
    pub(super) left_out: BTreeMap<&'static str, u64>,
}

/// One stream as one organisation may have it.
#[derive(Default)]
pub(super) struct State {
    /// The organisation as the verdicts found it, and whether its finding was in force; absent before the first look.
    stands: Option<(Recipient, bool)>,
    /// Versions that arrived up to here were looked at.
    seq: i64,
    /// What was touched up to here was.
    touched: i64,
    /// The stream up to here was.
    upto: i64,
    /// Every indicator of the stream; absent for what may not be handed out.
    pub(super) rows: BTreeMap<Arc<str>, Option<Row>>,
    /// What each names, of everything the verdicts stand on.
    names: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// The same, the other way.
    named_by: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    links: usize,
    /// Another one after every change of a row.
    pub(super) generation: u64,
    pub(super) tags: BTreeMap<String, Tag>,
}

/// Where the store stands.
struct Now {
    seq: i64,
    touched: i64,
    upto: i64,
}

/// A number that no state had before: a tag never fits another state than its own.
fn fresh() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Too much to keep.
pub(super) struct TooMuch;

impl State {
    /// Brings the verdicts to what holds in this snapshot. What fails leaves nothing behind.
    pub(super) fn forward(
        &mut self,
        reader: &Reader<'_>,
        (place, org): (&Audience, &OrgId),
        now: Timestamp,
    ) -> Result<Result<(), TooMuch>, StoreFailure> {
        let to = audience::recipient(reader, Some(org.as_str()), place)?;
        let in_force = to.protection.is_some_and(|found| found.until > now);
        let stands = (to, in_force);
        let at = Now {
            seq: reader.number("SELECT COALESCE(MAX(seq), 0) FROM evidence_object", &[])?,
            touched: reader.number("SELECT COALESCE(MAX(number), 0) FROM share_touched", &[])?,
            upto: serve::end(reader, place)?,
        };
        let mut state = std::mem::take(self);
        let changed = match &state.stands {
            Some(before) if *before == stands => state.changed(reader, place, &at)?,
            _ => None,
        };
        let asked = match changed {
            Some(changed) => state.reached(reader, place, org, &changed)?,
            None => {
                let tags = state.tags;
                state = Self { generation: fresh(), tags, ..Self::default() };
                indicators(reader, place, org)?
            }
        };
        if asked.len() + state.rows.len() > KEPT_MAX {
            return Ok(Err(TooMuch));
        }
        state.ask(reader, (place, org), now, &at, &asked)?;
        if state.links > LINKS_MAX {
            return Ok(Err(TooMuch));
        }
        (state.seq, state.touched, state.upto) = (at.seq, at.touched, at.upto);
        state.stands = Some(stands);
        *self = state;
        Ok(Ok(()))
    }

    /// Objects that changed since the last look; `None` when that cannot be told.
    fn changed(
        &self,
        reader: &Reader<'_>,
        place: &Audience,
        at: &Now,
    ) -> Result<Option<BTreeSet<String>>, StoreFailure> {
        let many = at.seq - self.seq > CHANGES_MAX || at.touched - self.touched > CHANGES_MAX;
        // A snapshot that is older than what is kept tells nothing.
        let back = at.seq < self.seq || at.touched < self.touched || at.upto < self.upto;
        let oldest = reader.number("SELECT COALESCE(MIN(number), 0) FROM share_touched", &[])?;
        if many || back || oldest > self.touched + 1 {
            return Ok(None);
        }
        let label = place.label();
        let mut changed = BTreeSet::new();
        for (sql, params) in [
            ("SELECT id FROM evidence_object WHERE seq > $1", vec![Value::from(self.seq)]),
            (
                "SELECT n.id FROM evidence_deriving d JOIN evidence_node n ON n.node = d.made WHERE d.via > $1",
                vec![Value::from(self.seq)],
            ),
            ("SELECT id FROM share_touched WHERE number > $1", vec![Value::from(self.touched)]),
            (
                "SELECT id FROM share_item WHERE audience = $2 AND added > $1",
                vec![Value::from(self.upto), Value::from(&label)],
            ),
        ] {
            changed.extend(reader.all(sql, &params, |row| row.text(0))?);
        }
        Ok((!changed.contains("*")).then_some(changed))
    }

    /// The indicators that changes decide about: those that changed, and those that name what did, however far.
    fn reached(
        &mut self,
        reader: &Reader<'_>,
        place: &Audience,
        org: &OrgId,
        changed: &BTreeSet<String>,
    ) -> Result<BTreeSet<Arc<str>>, StoreFailure> {
        let mut asked = BTreeSet::new();
        let mut open: Vec<Arc<str>> = Vec::new();
        for id in changed {
            let id: Arc<str> = id.as_str().into();
            let is_row = self.rows.contains_key(&id);
            if !is_row && id.starts_with("indicator--") && stands(reader, place, org, &id)? {
                asked.insert(Arc::clone(&id));
            }
            if is_row || self.named_by.contains_key(&id) {
                open.push(id);
            }
        }
        for id in open.clone() {
            self.unlink(id);
        }
        let mut seen: BTreeSet<Arc<str>> = open.iter().cloned().collect();
        let again: Vec<Arc<str>> = open.clone();
        while let Some(id) = open.pop() {
            if self.rows.contains_key(&id) {
                asked.insert(Arc::clone(&id));
            }
            for other in self.named_by.get(&id).into_iter().flatten() {
                if seen.insert(Arc::clone(other)) {
                    open.push(Arc::clone(other));
                }
            }
        }
        for id in again {
            // What nothing names any more is not noted; what something names anew is noted with that.
            if self.rows.contains_key(&id) || self.named_by.contains_key(&id) {
                self.link(reader, &id)?;
            }
        }
        Ok(asked)
    }

    /// Asks the gate about these objects.
    fn ask(
        &mut self,
        reader: &Reader<'_>,
        (place, org): (&Audience, &OrgId),
        now: Timestamp,
        at: &Now,
        ids: &BTreeSet<Arc<str>>,
    ) -> Result<(), StoreFailure> {
        let view = View { audience: place.clone(), filter: super::exports::only_indicators() };
        let ids: Vec<&Arc<str>> = ids.iter().collect();
        for some in ids.chunks(ASKED_AT_ONCE) {
            let mut found: BTreeMap<Arc<str>, Row> = BTreeMap::new();
            let mut asked = Asked {
                until: at.upto,
                ids: some.iter().map(|id| id.to_string()).collect(),
                limit: PAGE,
                ..Asked::default()
            };
            loop {
                let slice = serve::page(reader, &view, org, now, &asked)?;
                let rows = slice.items.iter().filter_map(Row::of);
                found.extend(rows.map(|row| (row.id.as_str().into(), row)));
                match slice.next {
                    Some(next) => asked.after = next,
                    None => break,
                }
            }
            for id in some {
                let row = found.remove(&***id);
                if self.rows.get(&***id) != Some(&row) {
                    self.generation = fresh();
                }
                self.rows.insert(Arc::clone(id), row);
                self.link(reader, id)?;
            }
        }
        Ok(())
    }

    /// Notes what an object names, and what that names, as far as it is not noted yet.
    fn link(&mut self, reader: &Reader<'_>, id: &Arc<str>) -> Result<(), StoreFailure> {
        let mut open = vec![Arc::clone(id)];
        while let Some(id) = open.pop() {
            if self.names.contains_key(&id) || self.links > LINKS_MAX {
                continue;
            }
            let found = read::candidate(reader, &id)?;
            let sources = found.iter().flat_map(|one| one.sources());
            let names: Vec<Arc<str>> = sources.map(|name| name.as_str().into()).collect();
            self.links += names.len() + 1;
            for name in &names {
                self.named_by.entry(Arc::clone(name)).or_default().insert(Arc::clone(&id));
                open.push(Arc::clone(name));
            }
            self.names.insert(id, names);
        }
        Ok(())
    }

    /// Forgets what an object names, and whatever nothing names after that.
    fn unlink(&mut self, id: Arc<str>) {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let Some(names) = self.names.remove(&id) else { continue };
            self.links = self.links.saturating_sub(names.len() + 1);
            for name in names {
                let Some(others) = self.named_by.get_mut(&name) else { continue };
                others.remove(&id);
                if others.is_empty() {
                    self.named_by.remove(&name);
                    if !self.rows.contains_key(&name) {
                        open.push(name);
                    }
                }
            }
        }
    }
}

/// Whether an object stands in a stream, or beside it for the organisation alone.
fn stands(
    reader: &Reader<'_>,
    place: &Audience,
    org: &OrgId,
    id: &str,
) -> Result<bool, StoreFailure> {
    let found = reader.first(
        "SELECT 1 FROM share_item WHERE audience = $1 AND id = $3 \
         UNION ALL SELECT 1 FROM share_own WHERE audience = $1 AND org = $2 AND id = $3 LIMIT 1",
        &[Value::from(place.label()), Value::from(org), Value::from(id)],
        |row| row.int(0),
    )?;
    Ok(found.is_some())
}

/// One stream that is kept.
struct Slot {
    state: Arc<Mutex<State>>,
    rows: usize,
    used: u64,
}

/// Where the house keeps them. What is lost with a stop is asked anew.
#[derive(Default)]
pub struct Held {
    /// Owns the list only; each state has a lock of its own, held while one file is made.
    slots: Mutex<(u64, BTreeMap<(String, String), Slot>)>,
}

impl Held {
    /// The state of one organisation and stream.
    pub(super) fn of(&self, org: &OrgId, place: &Audience) -> Arc<Mutex<State>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let (clock, slots) = &mut *slots;
        *clock += 1;
        let slot = slots.entry((org.to_string(), place.label())).or_insert_with(|| Slot {
            state: Arc::default(),
            rows: 0,
            used: 0,
        });
        slot.used = *clock;
        Arc::clone(&slot.state)
    }

    /// Notes how much one state holds, and lets others go when it is too much in all.
    pub(super) fn counted(&self, org: &OrgId, place: &Audience, rows: usize) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, slots) = &mut *slots;
        let key = (org.to_string(), place.label());
        if let Some(slot) = slots.get_mut(&key) {
            slot.rows = rows;
        }
        while slots.values().map(|slot| slot.rows).sum::<usize>() > ALL_MAX {
            let oldest = slots.iter().filter(|(other, _)| **other != key);
            let oldest = oldest.min_by_key(|(_, slot)| slot.used).map(|(other, _)| other.clone());
            let Some(oldest) = oldest else { return };
            slots.remove(&oldest);
        }
    }
}
