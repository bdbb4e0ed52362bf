//! Whatever is made out of selected communications information stays such information until two people say otherwise.
//!
//! # What it decides
//! Which legal bits an object carries because of what it was made from, and how a review clears them for exactly one
//! version of one object: draft, provenance checked, secrets checked, rights checked, released.
//!
//! # Source
//! 重要電子計算機被害防止法 第37条 (selected information only where needed), 第38条から第42条 (who may receive what), 第43条 (the rights of
//! third parties are considered), 第44条 (secrets); STIX 2.1 §3.7 (`derived-from`), §4.7 (an indicator is `based-on` what
//! was observed); policy: an output inherits the provenance of every input, and only an
//! explicit review by two people clears it.
//!
//! An object is made from what it names, and from what a relationship says it is derived from or based on, in any version
//! of that relationship that is held.
//!
//! # Refuses when
//! - a step is taken out of order, or after the review ended (`NRS-SHAR-0310`);
//! - the hat does not fit the step (`NRS-SHAR-0311`);
//! - the person who checked the provenance would also check the secrets or release (`NRS-SHAR-0312`);
//! - no reason is given (`NRS-SHAR-0313`);
//! - the object is not the one that was reviewed, byte for byte (`NRS-SHAR-0314`).
//!
//! # Example
//! A report names an observable that came from selected information. The report carries the bit, whatever its author
//! wrote on it. An analyst checks where each statement comes from, a second person checks for secrets, the legal hat
//! weighs the rights of third parties and releases: that version, and no other, is then free of the bit.
//!
//! ```
//! use std::collections::{BTreeMap, BTreeSet};
//! use noroshi_charter::derivation::{Source, inherit};
//! use noroshi_evidence::marking::LegalBits;
//!
//! let comms = LegalBits { has_selected_comms: true, has_secret: false };
//! let of = |bits, names: &[&str]| Source {
//!     bits, cleared: false, names: names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(),
//! };
//! let sources = BTreeMap::from([
//!     ("report".to_owned(), of(LegalBits::default(), &["edge"])),
//!     ("edge".to_owned(), of(LegalBits::default(), &["address", "tool"])),
//!     ("address".to_owned(), of(comms, &[])),
//!     ("tool".to_owned(), of(LegalBits::default(), &[])),
//! ]);
//! let bits = inherit(&sources);
//! assert!(bits["report"].has_selected_comms && !bits["tool"].has_selected_comms);
//! ```

use std::collections::{BTreeMap, BTreeSet};

use noroshi_evidence::marking::LegalBits;

use crate::hat::Hat;
use crate::release::Refusal;

/// Types of relationship that say that their source was made from their target.
pub const DERIVING: [&str; 2] = ["derived-from", "based-on"];

/// An object as a source of others.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The bits it carries itself.
    pub bits: LegalBits,
    /// A review cleared exactly this version: it passes nothing on and takes nothing over.
    pub cleared: bool,
    /// What it names, or is said to be made from ([`DERIVING`]), and so may have been made from.
    pub names: BTreeSet<String>,
}

/// The bits of every object, its own and those of all it was made from, over any number of steps.
pub fn inherit(sources: &BTreeMap<String, Source>) -> BTreeMap<String, LegalBits> {
    let mut bits: BTreeMap<String, LegalBits> =
        sources.iter().map(|(id, source)| (id.clone(), source.bits)).collect();
    let mut used_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, source) in sources.iter().filter(|(_, source)| !source.cleared) {
        for name in &source.names {
            used_by.entry(name).or_default().push(id);
        }
    }
    let tainted = |bits: LegalBits| bits != LegalBits::default();
    let mut open: Vec<&str> = sources
        .iter()
        .filter(|(_, source)| tainted(source.bits))
        .map(|(id, _)| id.as_str())
        .collect();
    while let Some(id) = open.pop() {
        let from = bits.get(id).copied().unwrap_or_default();
        for user in used_by.get(id).into_iter().flatten() {
            let Some(to) = bits.get_mut(*user) else { continue };
            let joined = to.join(from);
            if joined != *to {
                *to = joined;
                open.push(user);
            }
        }
    }
    bits
}

/// How far a review has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Asked for.
    Draft,
    /// Where each statement comes from was checked.
    ProvenanceChecked,
    /// That no secret is in it was checked.
    SecretChecked,
    /// The rights of third parties were considered (art. 43).
    RightsChecked,
    /// This version is cleared.
    Released,
    /// It is not.
    Refused,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Draft,
        Self::ProvenanceChecked,
        Self::SecretChecked,
        Self::RightsChecked,
        Self::Released,
        Self::Refused,
    ];

    /// As records name it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::ProvenanceChecked => "provenance_checked",
            Self::SecretChecked => "secret_checked",
            Self::RightsChecked => "rights_checked",
            Self::Released => "released",
            Self::Refused => "refused",
        }
    }

    /// Reads [`State::code`].
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// The state after this one, when the next step is taken.
    pub const fn next(self) -> Option<Self> {
        match self {
            Self::Draft => Some(Self::ProvenanceChecked),
            Self::ProvenanceChecked => Some(Self::SecretChecked),
            Self::SecretChecked => Some(Self::RightsChecked),
            Self::RightsChecked => Some(Self::Released),
            Self::Released | Self::Refused => None,
        }
    }

    /// The hats that may bring a review into this state.
    pub const fn hats(self) -> &'static [Hat] {
        match self {
            Self::Draft | Self::ProvenanceChecked => &[Hat::CaoAnalyst],
            Self::SecretChecked => &[Hat::CaoAnalyst, Hat::PmDesk],
            Self::RightsChecked | Self::Released => &[Hat::Legal],
            Self::Refused => &[Hat::CaoAnalyst, Hat::PmDesk, Hat::Legal],
        }
    }
}

/// One step that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The state it led to.
    pub state: State,
    /// Who took it.
    pub person: String,
}

/// A step somebody wants to take.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The state it leads to.
    pub to: State,
    /// Who.
    pub person: &'a str,
    /// Under which hat.
    pub hat: Hat,
    /// Why.
    pub reason: &'a str,
    /// Digest of the object in front of that person.
    pub digest: &'a str,
}

/// Every reason against a step in the review of the object with `digest`; none means it is taken.
pub fn may_take(taken: &[Taken], digest: &str, step: Step<'_>) -> Vec<Refusal> {
    const CLAUSE: &str = "Act art. 37-44";
    let state = taken.last().map(|one| one.state);
    let mut refusals = Vec::new();
    let mut refuse = |wrong: bool, code| {
        if wrong {
            refusals.push(Refusal { code, clause: CLAUSE });
        }
    };
    let fits = match (state, step.to) {
        (None, to) => to == State::Draft,
        (Some(at), State::Refused) => at.next().is_some(),
        (Some(at), to) => at.next() == Some(to),
    };
    refuse(!fits, "NRS-SHAR-0310");
    refuse(!step.to.hats().contains(&step.hat), "NRS-SHAR-0311");
    let checked = taken.iter().find(|one| one.state == State::ProvenanceChecked);
    let second = matches!(step.to, State::SecretChecked | State::Released);
    refuse(second && checked.is_some_and(|one| one.person == step.person), "NRS-SHAR-0312");
    refuse(step.reason.trim().is_empty(), "NRS-SHAR-0313");
    refuse(step.digest != digest, "NRS-SHAR-0314");
    refusals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step<'a>(to: State, person: &'a str, hat: Hat) -> Step<'a> {
        Step { to, person, hat, reason: "because", digest: "d" }
    }

    fn codes(taken: &[Taken], step: Step<'_>) -> Vec<&'static str> {
        may_take(taken, "d", step).into_iter().map(|one| one.code).collect()
    }

    fn whole() -> Vec<(State, &'static str, Hat)> {
        vec![
            (State::Draft, "a", Hat::CaoAnalyst),
            (State::ProvenanceChecked, "a", Hat::CaoAnalyst),
            (State::SecretChecked, "b", Hat::PmDesk),
            (State::RightsChecked, "c", Hat::Legal),
            (State::Released, "c", Hat::Legal),
        ]
    }

    fn taken(steps: &[(State, &str, Hat)]) -> Vec<Taken> {
        steps
            .iter()
            .map(|(state, person, _)| Taken { state: *state, person: (*person).to_owned() })
            .collect()
    }

    #[test]
    fn a_review_goes_step_by_step_and_only_with_the_right_hat() {
        let steps = whole();
        for at in 0..steps.len() {
            let before = taken(&steps[..at]);
            let (to, person, hat) = steps[at];
            assert_eq!(codes(&before, step(to, person, hat)), Vec::<&str>::new(), "{to:?}");
            for other in State::ALL.into_iter().filter(|other| *other != to) {
                let goes = other == State::Refused && at > 0;
                let refused = codes(&before, step(other, "z", other.hats()[0]));
                assert_eq!(refused.contains(&"NRS-SHAR-0310"), !goes, "{at} {other:?}");
            }
            for hat in Hat::ALL.iter().filter(|hat| !to.hats().contains(hat)) {
                assert!(
                    codes(&before, step(to, person, *hat)).contains(&"NRS-SHAR-0311"),
                    "{to:?} {hat}"
                );
            }
        }
        let done = taken(&steps);
        for state in State::ALL {
            assert!(codes(&done, step(state, "z", state.hats()[0])).contains(&"NRS-SHAR-0310"));
        }
    }

    #[test]
    fn two_people_are_needed_and_both_say_why_about_the_same_object() {
        let steps = whole();
        assert_eq!(
            codes(&taken(&steps[..2]), step(State::SecretChecked, "a", Hat::PmDesk)),
            ["NRS-SHAR-0312"]
        );
        assert_eq!(
            codes(&taken(&steps[..4]), step(State::Released, "a", Hat::Legal)),
            ["NRS-SHAR-0312"]
        );
        let before = taken(&steps[..4]);
        let release = step(State::Released, "c", Hat::Legal);
        assert_eq!(codes(&before, Step { reason: " \u{3000}", ..release }), ["NRS-SHAR-0313"]);
        assert_eq!(codes(&before, Step { digest: "e", ..release }), ["NRS-SHAR-0314"]);
    }

    #[test]
    fn a_cleared_object_neither_takes_over_nor_stops_what_others_are_made_from() {
        let comms = LegalBits { has_selected_comms: true, has_secret: false };
        let of = |bits, cleared, names: &[&str]| Source {
            bits,
            cleared,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        let sources = BTreeMap::from([
            ("address".to_owned(), of(comms, false, &[])),
            ("cleared".to_owned(), of(LegalBits::default(), true, &["address"])),
            ("after".to_owned(), of(LegalBits::default(), false, &["cleared"])),
            (
                "both".to_owned(),
                of(LegalBits::default(), false, &["cleared", "address", "both", "absent"]),
            ),
        ]);
        let bits = inherit(&sources);
        assert_eq!([bits["cleared"], bits["after"]], [LegalBits::default(); 2]);
        assert_eq!(bits["both"], comms);
    }
}
