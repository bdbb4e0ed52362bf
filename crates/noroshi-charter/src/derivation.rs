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
//! An object is made from what any version of it that is held names, and from what a relationship says it is derived from or
//! based on, in any version of that relationship that is held. As a source of others it carries what each of its versions
//! carries that no review cleared: a review lets out the bytes of its own version, and frees nothing that was made from
//! another.
//!
//! A statement of somebody outside about an object of somebody else is no fact about that object: whoever may
//! hand something in could otherwise keep anything from anybody, and learn by asking for it what is held.
//!
//! What a party agreement brought passes on in the same way that its party has not consented to its provision (第38条第3項).
//! No review clears that: the law asks the party and nobody else. It passes on through a version that was cleared too.
//!
//! A review is about what was in front of those who made it. When the version turns out to carry more, or is said to be made
//! from something else, the review is over.
//!
//! # Refuses when
//! - a step is taken out of order, or after the review ended (`NRS-SHAR-0310`);
//! - the hat does not fit the step (`NRS-SHAR-0311`);
//! - the person who checked the provenance would also check the secrets or release (`NRS-SHAR-0312`);
//! - no reason is given (`NRS-SHAR-0313`);
//! - the object is not the one that was reviewed, byte for byte, or is held on stricter terms since (`NRS-SHAR-0314`).
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
//!     bits, names: names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), ..Source::default()
//! };
//! let sources = BTreeMap::from([
//!     ("report".to_owned(), of(LegalBits::default(), &["edge"])),
//!     ("edge".to_owned(), of(LegalBits::default(), &["address", "tool"])),
//!     ("address".to_owned(), of(comms, &[])),
//!     ("tool".to_owned(), of(LegalBits::default(), &[])),
//! ]);
//! let bits = inherit(&sources);
//! assert!(bits["report"].bits.has_selected_comms && !bits["tool"].bits.has_selected_comms);
//! ```

use std::collections::{BTreeMap, BTreeSet};

use noroshi_evidence::marking::LegalBits;

use crate::hat::Hat;
use crate::release::Refusal;

/// Types of relationship that say that their source was made from their target.
pub const DERIVING: [&str; 2] = ["derived-from", "based-on"];

/// Whether a statement about what an object was made from is taken as one: `stated_by` is whose statement it is, `owners`
/// are those of whom a version of the object is held, and a guest is an organisation that hands in what it likes.
pub fn counts<'a>(
    stated_by: &str,
    is_guest: bool,
    owners: impl IntoIterator<Item = &'a str>,
) -> bool {
    !is_guest || owners.into_iter().any(|owner| owner == stated_by)
}

/// One version of an object that is held.
#[derive(Debug, Clone, Default)]
pub struct Version {
    /// The bits it carries itself.
    pub bits: LegalBits,
    /// A party agreement brought it, and the party has not consented to its provision.
    pub unconsented: bool,
    /// A review cleared exactly this version.
    pub cleared: bool,
    /// What it names.
    pub names: BTreeSet<String>,
}

/// An object as a source of others: the bits of the versions of it that are held and that no review cleared, and what any
/// version of it is without the consent of a party.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The bits these versions carry themselves.
    pub bits: LegalBits,
    /// A party agreement brought any version, and the party has not consented to its provision.
    pub unconsented: bool,
    /// Every version was cleared by a review: it passes no bits on and takes none over.
    pub cleared: bool,
    /// What these versions name, or it is said to be made from ([`DERIVING`]), and so may have been made from.
    pub names: BTreeSet<String>,
    /// What else it may have been made from, by versions that were cleared: no bits come from there.
    pub cleared_names: BTreeSet<String>,
}

impl Source {
    /// What an object passes on, by every version of it that is held and by what it is said to be made from.
    pub fn of(versions: &[Version], made_from: &BTreeSet<String>) -> Self {
        let mut source = Self { cleared: true, ..Self::default() };
        for version in versions {
            source.unconsented |= version.unconsented;
            if version.cleared {
                source.cleared_names.extend(version.names.iter().cloned());
                continue;
            }
            source.cleared = false;
            source.bits = source.bits.join(version.bits);
            source.names.extend(version.names.iter().cloned());
        }
        let said = if source.cleared { &mut source.cleared_names } else { &mut source.names };
        said.extend(made_from.iter().cloned());
        source
    }
}

/// What an object carries, its own and that of all it was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carried {
    /// Legal bits.
    pub bits: LegalBits,
    /// Something of it stems from a party agreement, without the consent of the party.
    pub unconsented: bool,
}

impl Carried {
    /// What a review cannot clear of it.
    const fn without_bits(self) -> Self {
        let bits = LegalBits { has_selected_comms: false, has_secret: false };
        Self { bits, ..self }
    }

    /// Both together.
    #[must_use]
    pub const fn join(self, other: Self) -> Self {
        Self {
            bits: self.bits.join(other.bits),
            unconsented: self.unconsented || other.unconsented,
        }
    }
}

/// What every object carries, its own and that of all it was made from, over any number of steps.
pub fn inherit(sources: &BTreeMap<String, Source>) -> BTreeMap<String, Carried> {
    let own = |source: &Source| {
        let carried = Carried { bits: source.bits, unconsented: source.unconsented };
        if source.cleared { carried.without_bits() } else { carried }
    };
    let mut carried: BTreeMap<String, Carried> =
        sources.iter().map(|(id, source)| (id.clone(), own(source))).collect();
    // Who was made from something, and whether its bits come from there.
    let mut used_by: BTreeMap<&str, Vec<(&str, bool)>> = BTreeMap::new();
    for (id, source) in sources {
        for name in &source.names {
            used_by.entry(name).or_default().push((id, !source.cleared));
        }
        for name in &source.cleared_names {
            used_by.entry(name).or_default().push((id, false));
        }
    }
    let mut open: Vec<&str> = sources
        .iter()
        .filter(|(_, source)| own(source) != Carried::default())
        .map(|(id, _)| id.as_str())
        .collect();
    while let Some(id) = open.pop() {
        let from = carried.get(id).copied().unwrap_or_default();
        for (user, takes_bits) in used_by.get(id).into_iter().flatten() {
            let Some(to) = carried.get_mut(*user) else { continue };
            let joined = to.join(if *takes_bits { from } else { from.without_bits() });
            if joined != *to {
                *to = joined;
                open.push(user);
            }
        }
    }
    carried
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
    fn a_cleared_object_neither_takes_over_bits_nor_stops_what_others_are_made_from() {
        let comms = LegalBits { has_selected_comms: true, has_secret: false };
        let of = |bits, cleared, names: &[&str]| Source {
            bits,
            cleared,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Source::default()
        };
        let sources = BTreeMap::from([
            ("address".to_owned(), of(comms, false, &[])),
            ("cleared".to_owned(), of(comms, true, &["address"])),
            ("after".to_owned(), of(LegalBits::default(), false, &["cleared"])),
            (
                "both".to_owned(),
                of(LegalBits::default(), false, &["cleared", "address", "both", "absent"]),
            ),
        ]);
        let bits = inherit(&sources);
        assert_eq!([bits["cleared"], bits["after"]], [Carried::default(); 2]);
        assert_eq!(bits["both"], Carried { bits: comms, unconsented: false });
    }

    #[test]
    fn no_review_stands_in_for_the_consent_of_the_party() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        let comms = LegalBits { has_selected_comms: true, has_secret: false };
        let version = |bits, unconsented, cleared, list: &[&str]| Version {
            bits,
            unconsented,
            cleared,
            names: names(list),
        };
        let one = |version: Version, made_from: &[&str]| Source::of(&[version], &names(made_from));
        let clean = LegalBits::default();
        let sources = BTreeMap::from([
            ("theirs".to_owned(), one(version(comms, true, true, &[]), &[])),
            ("names".to_owned(), one(version(clean, false, true, &["theirs"]), &[])),
            ("made".to_owned(), one(version(clean, false, true, &[]), &["names"])),
            ("after".to_owned(), one(version(clean, false, false, &["made"]), &[])),
            ("apart".to_owned(), one(version(clean, false, false, &[]), &[])),
        ]);
        let carried = inherit(&sources);
        for id in ["theirs", "names", "made", "after"] {
            assert_eq!(carried[id], Carried { bits: clean, unconsented: true }, "{id}");
        }
        assert_eq!(carried["apart"], Carried::default());
    }

    #[test]
    fn a_source_carries_what_any_version_carries_that_no_review_cleared() {
        let comms = LegalBits { has_selected_comms: true, has_secret: false };
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        let version = |bits, cleared, list: &[&str]| Version {
            bits,
            unconsented: bits == comms,
            cleared,
            names: names(list),
        };
        let clean = LegalBits::default();
        let made_from: BTreeSet<String> = names(&["said"]);
        // A newer version that was cleared frees nothing that was made from the older one.
        let source =
            Source::of(&[version(comms, false, &["a"]), version(clean, true, &["b"])], &made_from);
        assert_eq!((source.bits, source.unconsented, source.cleared), (comms, true, false));
        assert_eq!(source.names, names(&["a", "said"]));
        // A newer version that names less takes nothing back.
        let source =
            Source::of(&[version(clean, false, &["a"]), version(clean, false, &[])], &made_from);
        assert_eq!(source.names, names(&["a", "said"]));
        let source =
            Source::of(&[version(comms, true, &["a"]), version(comms, true, &[])], &made_from);
        assert!(source.cleared && source.names.is_empty() && source.bits == clean);
        assert_eq!((source.unconsented, source.cleared_names), (true, names(&["a", "said"])));
    }

    #[test]
    fn a_guest_says_nothing_about_what_is_not_its_own() {
        for (stated_by, is_guest, owners, wanted) in [
            ("office", false, vec!["org-ally"], true),
            ("org-ally", true, vec!["org-ally"], true),
            ("org-ally", true, vec!["office", "org-ally"], true),
            ("org-ally", true, vec!["office"], false),
            ("org-ally", true, vec![], false),
        ] {
            assert_eq!(counts(stated_by, is_guest, owners.iter().copied()), wanted, "{owners:?}");
        }
    }
}
