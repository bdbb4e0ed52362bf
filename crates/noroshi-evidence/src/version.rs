//! How an arriving version of an object relates to the versions already held.
//!
//! STIX 2.1 section 3.6: an object is identified by its id, a version by id and `modified`; only the
//! creator makes new versions, `created` never changes, and nothing follows a revocation. Publishers
//! break all of this, so nothing is overwritten on the strength of a timestamp: a conflict is a value.

use jiff::Timestamp;

use crate::id::StixId;
use crate::object::{ObjectDigest, StixObject};

/// What must be remembered of a version in order to judge the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Which object.
    pub id: StixId,
    /// When it was first made; `None` for observables.
    pub created: Option<Timestamp>,
    /// When this version was made; `None` for what the standard does not version.
    pub modified: Option<Timestamp>,
    /// Who made it.
    pub created_by_ref: Option<StixId>,
    /// Whether it withdraws the object.
    pub revoked: bool,
    /// What it says.
    pub digest: ObjectDigest,
}

impl Version {
    /// Takes from an object what a version needs.
    pub fn of(object: &StixObject) -> Self {
        let head = object.head();
        Self {
            id: head.id.clone(),
            created: head.created,
            modified: head.modified,
            created_by_ref: head.created_by_ref.clone(),
            revoked: head.revoked,
            digest: object.digest(),
        }
    }
}

/// How an arriving version relates to those held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// No version of this object is held.
    New,
    /// It follows the latest version held.
    Newer,
    /// It lies before the latest version held, and is not held.
    Older,
    /// It is held already, with the same content.
    Same,
    /// It contradicts what is held; both are kept and a person is told.
    Conflict(Conflict),
}

/// Why two versions contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Same id and same `modified`, or an unversioned object, with other content.
    #[error("the same version exists with other content")]
    Content,
    /// A version by somebody who did not make the object (section 3.6.1).
    #[error("the version comes from another creator")]
    Creator,
    /// `created` differs from that of the other versions (section 3.2).
    #[error("the version has another time of creation")]
    Created,
    /// A version handed in by an organisation that did not bring the object in.
    #[error("the object was brought in by another organisation")]
    Originator,
    /// A version that follows a revocation (section 3.2, `revoked`).
    #[error("the object was revoked before this version")]
    Revoked,
}

impl Conflict {
    /// The stable code shown to a user.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Content => "NRS-EVID-0060",
            Self::Creator => "NRS-EVID-0061",
            Self::Created => "NRS-EVID-0062",
            Self::Revoked => "NRS-EVID-0063",
            Self::Originator => "NRS-EVID-0064",
        }
    }
}

/// Judges `arriving` against all versions held; those of other objects are passed over. The order of
/// `held` does not matter.
pub fn relate(arriving: &Version, held: &[Version]) -> Relation {
    let versions = || held.iter().filter(|version| version.id == arriving.id);
    let Some(latest) = versions().max_by_key(|version| version.modified) else {
        return Relation::New;
    };
    if versions().any(|version| version.digest == arriving.digest) {
        return Relation::Same;
    }
    if versions().any(|version| version.modified == arriving.modified) {
        return Relation::Conflict(Conflict::Content);
    }
    if versions().any(|version| version.created_by_ref != arriving.created_by_ref) {
        return Relation::Conflict(Conflict::Creator);
    }
    if versions().any(|version| version.created != arriving.created) {
        return Relation::Conflict(Conflict::Created);
    }
    if arriving.modified < latest.modified {
        return Relation::Older;
    }
    if versions().any(|version| version.revoked && version.modified < arriving.modified) {
        return Relation::Conflict(Conflict::Revoked);
    }
    Relation::Newer
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn version(modified: i64, digest: u8) -> Version {
        Version {
            id: "campaign--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f".parse().unwrap(),
            created: Some(Timestamp::UNIX_EPOCH),
            modified: Some(Timestamp::from_second(modified).unwrap()),
            created_by_ref: None,
            revoked: false,
            digest: ObjectDigest([digest; 32]),
        }
    }

    #[test]
    fn every_relation_is_told_apart() {
        let held = [version(10, 1), version(30, 3)];
        assert_eq!(relate(&version(5, 9), &[]), Relation::New);
        assert_eq!(relate(&version(40, 4), &held), Relation::Newer);
        assert_eq!(relate(&version(20, 2), &held), Relation::Older);
        assert_eq!(relate(&version(10, 1), &held), Relation::Same);
        assert_eq!(relate(&version(10, 9), &held), Relation::Conflict(Conflict::Content));
        let identity = "identity--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f".parse().unwrap();
        let other = Version { created_by_ref: Some(identity), ..version(40, 4) };
        assert_eq!(relate(&other, &held), Relation::Conflict(Conflict::Creator));
        let reborn = Version { created: None, ..version(40, 4) };
        assert_eq!(relate(&reborn, &held), Relation::Conflict(Conflict::Created));
        let withdrawn = [version(10, 1), Version { revoked: true, ..version(30, 3) }];
        assert_eq!(relate(&version(40, 4), &withdrawn), Relation::Conflict(Conflict::Revoked));
        assert_eq!(relate(&version(20, 2), &withdrawn), Relation::Older);
    }

    #[test]
    fn unversioned_objects_are_the_same_or_contradict() {
        let bare = |digest| Version { modified: None, created: None, ..version(0, digest) };
        assert_eq!(relate(&bare(1), &[bare(1)]), Relation::Same);
        assert_eq!(relate(&bare(2), &[bare(1)]), Relation::Conflict(Conflict::Content));
    }

    proptest! {
        #[test]
        fn the_order_of_what_is_held_does_not_matter(
            times in prop::collection::vec((0_i64..6, 0_u8..4), 0..6), arriving in (0_i64..6, 0_u8..4),
        ) {
            let mut held: Vec<_> = times.iter().map(|(at, digest)| version(*at, *digest)).collect();
            let arriving = version(arriving.0, arriving.1);
            let first = relate(&arriving, &held);
            held.reverse();
            prop_assert_eq!(relate(&arriving, &held), first);
            if first != Relation::Same {
                held.push(arriving.clone());
            }
            prop_assert_eq!(relate(&arriving, &held), Relation::Same);
        }
    }
}
