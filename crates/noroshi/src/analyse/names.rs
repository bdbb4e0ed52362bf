//! The names of the evidence graph as the house holds them: made once, then carried on with what arrives.
//!
//! Held in memory, about 20 bytes a name. What it knows is what a reader's snapshot shows: each question first takes
//! in what came since the last one, and what a newer version or a partner's word changed.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use noroshi_evidence::observable::Observable;
use noroshi_insight::postings::{Bits, Postings};

use crate::evidence::read::{Sees, names};
use crate::office::store::{Reader, StoreFailure};

/// Where the house keeps them.
#[derive(Debug, Default)]
pub struct Names {
    /// Owns the names; written while what arrived is taken in, read while a question is answered.
    held: RwLock<Held>,
}

impl Names {
    /// The names as this reader's snapshot has them, or as a later one does.
    pub fn current(&self, reader: &Reader<'_>) -> Result<RwLockReadGuard<'_, Held>, StoreFailure> {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let followed = held.follow(reader);
        if followed.is_err() {
            // What is half taken in would never be right again.
            *held = Held::default();
        }
        drop(held);
        followed?;
        Ok(self.held.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The names of what is in force, by the place of each version in the order of arrival, whoever may see it: each
/// question leaves out what is not for whoever asks ([`Held::hidden`]).
#[derive(Debug, Default)]
pub struct Held {
    /// Who names what.
    pub postings: Postings,
    /// What is in force, whether or not it names something: open to every reader, and not.
    open: Bits,
    closed: Bits,
    /// What of it is not correlated.
    apart: Bits,
    /// Sightings, and the first of those that say the same.
    sightings: Bits,
    first_of: BTreeMap<u64, u32>,
    /// The last place taken in.
    pub last: u32,
}

impl Held {
    fn follow(&mut self, reader: &Reader<'_>) -> Result<(), StoreFailure> {
        let last = number(names::last(reader)?)?;
        if last < self.last {
            // An older snapshot than another reader's: what it does not hold yet it will not find.
            return Ok(());
        }
        if last > self.last {
            self.leave(names::superseded(reader, self.last)?);
            self.take(reader)?;
            self.last = last;
        }
        if [self.open.count() as u64, self.closed.count() as u64] != names::listed_count(reader)? {
            self.reconcile(reader)?;
        }
        self.postings.settle();
        Ok(())
    }

    /// Forgets what newer versions took the place of.
    fn leave(&mut self, gone: Vec<u64>) {
        for place in gone.into_iter().filter_map(|place| u32::try_from(place).ok()) {
            if self.sightings.has(place) {
                // Another that says the same may have been left out for its sake: begin anew.
                *self = Self::default();
                return;
            }
            self.open.set(place, false);
            self.closed.set(place, false);
            self.postings.forget(place);
        }
    }

    /// What is not for a reader. Nothing for one who sees everything.
    pub fn hidden(&self, reader: &Reader<'_>, sees: Sees) -> Result<Bits, StoreFailure> {
        if sees == Sees::ALL || sees.reports() {
            return Ok(Bits::default());
        }
        let mut hidden = self.closed.clone();
        names::exceptions(reader, sees, |place, is_seen| {
            hidden.set(number(place)?, !is_seen);
            Ok(())
        })?;
        Ok(hidden)
    }

    fn list(&mut self, one: names::Listed) -> Result<u32, StoreFailure> {
        let place = number(one.place)?;
        self.open.set(place, !one.is_closed);
        self.closed.set(place, one.is_closed);
        self.apart.set(place, !one.correlates);
        Ok(place)
    }

    /// Takes in what arrived after the last place.
    fn take(&mut self, reader: &Reader<'_>) -> Result<(), StoreFailure> {
        let after = self.last;
        names::listed(reader, after, |one| self.list(one).map(drop))?;
        names::sightings(reader, after, |place| {
            self.sightings.set(number(place)?, true);
            Ok(())
        })?;
        names::each(reader, after, |place, seen| self.append(reader, number(place)?, seen))
    }

    fn append(
        &mut self,
        reader: &Reader<'_>,
        place: u32,
        seen: &[Observable],
    ) -> Result<(), StoreFailure> {
        let is_listed = self.open.has(place) || self.closed.has(place);
        if !is_listed || self.apart.has(place) {
            return Ok(());
        }
        if self.sightings.has(place) {
            // One sensor's one sighting is written once for each indicator of the value; here it counts once.
            let mut hasher = DefaultHasher::new();
            let mut sorted: Vec<&Observable> = seen.iter().collect();
            sorted.sort_unstable();
            (names::saw(reader, place)?, sorted).hash(&mut hasher);
            if *self.first_of.entry(hasher.finish()).or_insert(place) != place {
                return Ok(());
            }
        }
        self.postings.append(place, seen);
        Ok(())
    }

    /// A version can come to be listed, or no longer be, without another arriving: a partner says what only a report
    /// said before.
    fn reconcile(&mut self, reader: &Reader<'_>) -> Result<(), StoreFailure> {
        let before = (std::mem::take(&mut self.open), std::mem::take(&mut self.closed));
        let apart = std::mem::take(&mut self.apart);
        let was = |place: u32| (before.0.has(place) || before.1.has(place)) && !apart.has(place);
        let mut new = Vec::new();
        names::listed(reader, 0, |one| {
            let place = self.list(one)?;
            if one.correlates && !was(place) {
                new.push(place);
            }
            Ok(())
        })?;
        for place in (0..=self.last).filter(|place| was(*place)) {
            let is_listed = self.open.has(place) || self.closed.has(place);
            if !is_listed || self.apart.has(place) {
                self.postings.forget(place);
            }
        }
        for place in new {
            let seen = names::seen(reader, place)?;
            if !seen.is_empty() {
                self.append(reader, place, &seen)?;
            }
        }
        Ok(())
    }
}

/// Four thousand million versions are more than one folder holds.
fn number(place: u64) -> Result<u32, StoreFailure> {
    u32::try_from(place).map_err(|_| StoreFailure::Damaged(format!("place `{place}`")))
}
