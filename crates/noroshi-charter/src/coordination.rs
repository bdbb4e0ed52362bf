//! How much may be said of coordinated activity, and by whom.
//!
//! # What it decides
//! The level of a finding: E0 to E3 follow from the tests, E4 (inauthentic coordinated activity) and any statement that
//! somebody abroad is behind it are said by two named reviewers. There is no score of an account and no level for what is
//! said in a post.
//!
//! # Source
//! The rule table of the influence pillar (`docs/pillars/influence.md`). That several weak signs of different kinds must come
//! together follows VIGINUM's criteria; that a person decides follows 個人情報の保護に関する法律 第66条 and the pillar's purpose.
//!
//! # Refuses when
//! - a level above E3 is asked of a finding that has not reached E3 (`NRS-INFL-0401`);
//! - fewer than two families of indicators point to it (`NRS-INFL-0402`);
//! - what is left without declared coordination is less than a group (`NRS-INFL-0403`);
//! - the two reviewers are one person, or one of them made the finding (`NRS-INFL-0404`);
//! - a reviewer wears another hat than an analyst's or the legal one (`NRS-INFL-0405`);
//! - a foreign nexus is stated without sources or without a confidence (`NRS-INFL-0406`);
//! - the tests are asked to be laxer than the levels mean: more than 1 % of edges that may be false, a window of more than a
//!   day, activity taken as even for less than six hours or more than a day (`NRS-INFL-0407`).
//!
//! # Example
//! ```
//! use noroshi_charter::coordination::{Level, Tests, level};
//!
//! let tests = Tests { accounts: 5, all_edges_significant: true, ..Tests::default() };
//! assert_eq!(level(&tests), Level::E2);
//! ```

use std::collections::BTreeSet;

use crate::hat::Hat;
use crate::release::Refusal;

const CLAUSE: &str = "levels of coordinated activity";

/// Accounts a group has at least; fewer are a pair.
pub const GROUP_MIN: u64 = 3;
/// Families of indicators that must point to E4.
pub const FAMILIES_MIN: usize = 2;

/// How much may be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    E0,
    /// Worth watching: for the analyst only, and not to be taken out.
    E1,
    /// Coordinated activity, statistically.
    E2,
    /// The same, by more than one test.
    E3,
    /// Inauthentic: said by two people.
    E4,
}

impl Level {
    /// The code, `E0` to `E4`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::E0 => "E0",
            Self::E1 => "E1",
            Self::E2 => "E2",
            Self::E3 => "E3",
            Self::E4 => "E4",
        }
    }

    /// The level of a code.
    pub fn parse(code: &str) -> Option<Self> {
        [Self::E0, Self::E1, Self::E2, Self::E3, Self::E4]
            .into_iter()
            .find(|level| level.code() == code)
    }

    /// Whether a finding of this level may be taken out of the collection.
    pub const fn may_leave(self) -> bool {
        !matches!(self, Self::E0 | Self::E1)
    }
}

/// What the tests found of one group or pair.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each test")]
pub struct Tests {
    /// Accounts in it.
    pub accounts: u64,
    /// A pair has p < 1e-4 and at least two objects in common, and does not pass the control of false discoveries.
    pub is_watch: bool,
    /// Every edge passes the activity null at 1 %.
    pub all_edges_significant: bool,
    /// At least half of the edges are closer in time than shared interest explains, or two families of traces confirm half of
    /// them each; a link and its domain, or a link and a picture of one post, are one share counted twice.
    pub is_confirmed: bool,
    /// Days on which it was active.
    pub days: u64,
    /// In at least 70 % of the repetitions over resampled objects it is found again.
    pub is_stable: bool,
}

/// The largest share of edges that may be false: what `all_edges_significant` means.
pub const FALSE_DISCOVERY_MAX: f64 = 0.01;
/// The widest window within which two shares count as together, in seconds.
pub const WINDOW_SECONDS_MAX: u32 = 86_400;
/// How long activity is taken as even, in seconds: six hours before a vote, a day otherwise.
pub const SLICE_SECONDS: std::ops::RangeInclusive<u32> = 21_600..=86_400;

/// How strict the tests are asked to be.
#[derive(Debug, Clone, Copy)]
pub struct Strictness {
    /// The share of edges that may be false.
    pub false_discovery: f64,
    /// One window in seconds, in place of those of each kind of object.
    pub window_seconds: Option<u32>,
    /// How long activity is taken as even, in seconds.
    pub slice_seconds: u32,
}

/// Every reason against tests that are asked for: a level means the same whoever asks.
pub fn may_test(asked: &Strictness) -> Vec<Refusal> {
    // Written so that what is no number is refused as well.
    let strict = asked.false_discovery > 0.0 && asked.false_discovery <= FALSE_DISCOVERY_MAX;
    let wide = asked.window_seconds.is_some_and(|wide| !(1..=WINDOW_SECONDS_MAX).contains(&wide));
    let uneven = !SLICE_SECONDS.contains(&asked.slice_seconds);
    Refusal::all(CLAUSE, [(!strict || wide || uneven, "NRS-INFL-0407")])
}

/// The level that the tests alone give; never above E3.
pub fn level(tests: &Tests) -> Level {
    let group = tests.accounts >= GROUP_MIN && tests.all_edges_significant;
    if group && tests.is_confirmed && tests.days >= 2 && tests.is_stable {
        Level::E3
    } else if group {
        Level::E2
    } else if tests.is_watch || tests.all_edges_significant {
        Level::E1
    } else {
        Level::E0
    }
}

macro_rules! families {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// Kinds of signs that what is coordinated is also not what it pretends to be.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Family { $($(#[$doc])* $name,)* }

        impl Family {
            /// Every family.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The family of a code.
            pub fn parse(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.code() == code)
            }
        }
    };
}

families! {
    /// Posts come in the rhythm of a program.
    Cadence = "cadence",
    /// Accounts were made in one go.
    BulkCreation = "bulk_creation",
    /// Accounts are made from one pattern.
    PersonaTemplate = "persona_template",
    /// Accounts slept, or were about something else.
    Repurposed = "repurposed",
    /// Texts are written so that copies are not noticed.
    Concealment = "concealment",
    /// Sites behind it imitate others or are one family.
    LinkedAssets = "linked_assets",
    /// What a text generator leaves behind.
    GeneratorResidue = "generator_residue",
    /// The platform took it down itself.
    PlatformAction = "platform_action",
}

/// One of the two who say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reviewer<'a> {
    /// Who.
    pub person: &'a str,
    /// Under which hat.
    pub hat: Hat,
}

/// What two people would say.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The level the tests give.
    pub level: Level,
    /// Families that point to it.
    pub families: &'a [Family],
    /// Accounts that no declared coordination explains.
    pub undeclared: u64,
    /// Who made the finding.
    pub finder: &'a str,
    /// The two.
    pub reviewers: [Reviewer<'a>; 2],
}

/// Every reason against calling a finding inauthentic.
pub fn may_call_inauthentic(claim: &Claim<'_>) -> Vec<Refusal> {
    let families: BTreeSet<Family> = claim.families.iter().copied().collect();
    let mut faults = vec![
        (claim.level < Level::E3, "NRS-INFL-0401"),
        (families.len() < FAMILIES_MIN, "NRS-INFL-0402"),
        (claim.undeclared < GROUP_MIN, "NRS-INFL-0403"),
    ];
    faults.extend(reviewers(claim.finder, &claim.reviewers));
    Refusal::all(CLAUSE, faults)
}

/// A statement that somebody abroad is behind it: never computed.
#[derive(Debug, Clone, Copy)]
pub struct Nexus<'a> {
    /// What it rests on.
    pub sources: &'a str,
    /// `low`, `moderate` or `high`.
    pub confidence: &'a str,
    /// Who would state it.
    pub finder: &'a str,
    /// The two.
    pub reviewers: [Reviewer<'a>; 2],
}

/// Every reason against stating a foreign nexus.
pub fn may_state_nexus(nexus: &Nexus<'_>) -> Vec<Refusal> {
    let unfounded =
        nexus.sources.trim().is_empty() || !["low", "moderate", "high"].contains(&nexus.confidence);
    let mut faults = vec![(unfounded, "NRS-INFL-0406")];
    faults.extend(reviewers(nexus.finder, &nexus.reviewers));
    Refusal::all(CLAUSE, faults)
}

fn reviewers(finder: &str, two: &[Reviewer<'_>; 2]) -> [(bool, &'static str); 2] {
    let [one, other] = two;
    let same = one.person == other.person || two.iter().any(|one| one.person == finder);
    let nameless = two.iter().any(|one| one.person.trim().is_empty());
    let reviews = |hat| matches!(hat, Hat::CaoAnalyst | Hat::NcoAnalyst | Hat::Legal);
    [
        (same || nameless, "NRS-INFL-0404"),
        (!two.iter().all(|one| reviews(one.hat)), "NRS-INFL-0405"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(found: &[Refusal]) -> Vec<&'static str> {
        found.iter().map(|one| one.code).collect()
    }

    const STRONG: Tests = Tests {
        accounts: 5,
        is_watch: false,
        all_edges_significant: true,
        is_confirmed: true,
        days: 2,
        is_stable: true,
    };

    fn two<'a>(one: &'a str, other: &'a str) -> [Reviewer<'a>; 2] {
        [
            Reviewer { person: one, hat: Hat::NcoAnalyst },
            Reviewer { person: other, hat: Hat::Legal },
        ]
    }

    #[test]
    fn the_tests_alone_never_give_more_than_e3() {
        assert_eq!(level(&STRONG), Level::E3);
        for weaker in [
            Tests { is_confirmed: false, ..STRONG },
            Tests { days: 1, ..STRONG },
            Tests { is_stable: false, ..STRONG },
        ] {
            assert_eq!(level(&weaker), Level::E2, "{weaker:?}");
        }
        assert_eq!(level(&Tests { accounts: 2, ..STRONG }), Level::E1, "a pair is no group");
        assert_eq!(level(&Tests { is_watch: true, ..Tests::default() }), Level::E1);
        assert_eq!(level(&Tests::default()), Level::E0);
        // Whatever the tests say, E4 is not among their answers.
        for bits in 0u32..32 {
            let on = |bit: u32| bits & (1 << bit) != 0;
            let tests = Tests {
                accounts: 1_000_000,
                is_watch: on(0),
                all_edges_significant: on(1),
                is_confirmed: on(2),
                days: if on(3) { 1_000 } else { 0 },
                is_stable: on(4),
            };
            assert!(level(&tests) <= Level::E3, "{tests:?}");
        }
        assert!(!Level::E1.may_leave() && Level::E2.may_leave());
    }

    #[test]
    fn a_level_means_the_same_whoever_asks() {
        let usual =
            Strictness { false_discovery: 0.01, window_seconds: None, slice_seconds: 86_400 };
        let against = |asked: Strictness| codes(&may_test(&asked));
        assert_eq!(against(usual), [""; 0]);
        assert_eq!(
            against(Strictness { window_seconds: Some(60), slice_seconds: 21_600, ..usual }),
            [""; 0]
        );
        for false_discovery in [0.010_001, 0.5, 0.99, 5.0, 0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(against(Strictness { false_discovery, ..usual }), ["NRS-INFL-0407"]);
        }
        for wide in [0, 86_401, u32::MAX] {
            assert_eq!(
                against(Strictness { window_seconds: Some(wide), ..usual }),
                ["NRS-INFL-0407"]
            );
        }
        for slice_seconds in [0, 60, 21_599, 86_401] {
            assert_eq!(against(Strictness { slice_seconds, ..usual }), ["NRS-INFL-0407"]);
        }
    }

    #[test]
    fn inauthentic_is_said_by_two_others_with_signs_of_two_kinds() {
        let claim = Claim {
            level: Level::E3,
            families: &[Family::Cadence, Family::LinkedAssets],
            undeclared: 3,
            finder: "a",
            reviewers: two("b", "c"),
        };
        assert!(may_call_inauthentic(&claim).is_empty());
        let refused = |claim: Claim<'_>| codes(&may_call_inauthentic(&claim));
        assert_eq!(refused(Claim { level: Level::E2, ..claim }), ["NRS-INFL-0401"]);
        let twice = [Family::Cadence, Family::Cadence];
        assert_eq!(refused(Claim { families: &twice, ..claim }), ["NRS-INFL-0402"]);
        assert_eq!(refused(Claim { undeclared: 2, ..claim }), ["NRS-INFL-0403"]);
        for pair in [two("b", "b"), two("a", "b"), two("b", "")] {
            assert_eq!(refused(Claim { reviewers: pair, ..claim }), ["NRS-INFL-0404"]);
        }
        let mut minister = two("b", "c");
        minister[0].hat = Hat::PmDesk;
        assert_eq!(refused(Claim { reviewers: minister, ..claim }), ["NRS-INFL-0405"]);
    }

    #[test]
    fn a_foreign_nexus_has_sources_a_confidence_and_two_reviewers() {
        let nexus =
            Nexus { sources: "s", confidence: "moderate", finder: "a", reviewers: two("b", "c") };
        assert!(may_state_nexus(&nexus).is_empty());
        for bad in [Nexus { sources: "", ..nexus }, Nexus { confidence: "certain", ..nexus }] {
            assert_eq!(codes(&may_state_nexus(&bad)), ["NRS-INFL-0406"]);
        }
        let own = Nexus { reviewers: two("a", "b"), ..nexus };
        assert_eq!(codes(&may_state_nexus(&own)), ["NRS-INFL-0404"]);
    }
}
