//! How many change streams an organisation follows at once: each costs a reader that may take as long as it likes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::office::id::OrgId;

/// Streams one organisation may follow at once.
pub const FOLLOWERS_MAX: usize = 16;

/// The streams that are followed, by organisation.
#[derive(Debug, Clone, Default)]
pub struct Followers {
    // The lock is held for one look, never while something is waited for.
    counts: Arc<Mutex<BTreeMap<OrgId, usize>>>,
}

/// A place among the followers; given back when it is dropped.
#[derive(Debug)]
pub struct Follower {
    followers: Followers,
    org: OrgId,
}

impl Followers {
    /// Takes a place; `None` when the organisation has as many as it may.
    pub fn join(&self, org: &OrgId) -> Option<Follower> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(org.clone()).or_default();
        if *count >= FOLLOWERS_MAX {
            return None;
        }
        *count += 1;
        Some(Follower { followers: self.clone(), org: org.clone() })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut counts = self.followers.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.org) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.org);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_organisation_and_given_back() {
        let followers = Followers::default();
        let (one, other) = (OrgId::parse("org-a").unwrap(), OrgId::parse("org-b").unwrap());
        let mut held: Vec<Follower> =
            (0..FOLLOWERS_MAX).map(|_| followers.join(&one).unwrap()).collect();
        assert!(followers.join(&one).is_none());
        assert!(followers.join(&other).is_some());
        held.pop();
        assert!(followers.join(&one).is_some());
    }
}
