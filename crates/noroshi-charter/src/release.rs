//! Whether one object may leave for one audience.
//!
//! # What it decides
//! Releasability is an intersection: legal class, TLP, the originator's handling opinion, the consent of an agreement
//! party, the finding that a foreign partner protects equivalently, and secrecy must *all* allow it. A TLP colour
//! never makes up for a legal class, nor the other way round.
//!
//! # Source
//! 重要電子計算機被害防止法 第37条から第45条 (classes of consolidated analysed information and who may receive them), 第38条第3項
//! (consent of the agreement party), 第39条 (foreign governments), 第45条第6項 (handling opinions); FIRST TLP 2.0.
//!
//! # Refuses when
//! Any one of the six does not allow it, or the recipient's own ceiling (class, colour) would be exceeded; all reasons
//! are given, not the first. An empty audience is nobody.
//!
//! # Example
//! An indicator derived from selected communications information, marked TLP:CLEAR, does not go to a foreign partner.
//!
//! ```
//! use jiff::Timestamp;
//! use noroshi_charter::release::{Capacity, Facts, Protection, Recipient, decide};
//! use noroshi_evidence::marking::{LegalBits, LegalClass, Tlp};
//!
//! let bits = LegalBits { has_selected_comms: true, has_secret: false };
//! let facts = Facts { bits, tlp: Some(Tlp::Clear), ..Facts::default() };
//! let found = Protection { scope: LegalClass::CiaP, until: Timestamp::MAX };
//! let partner = Recipient { protection: Some(found), ..Recipient::of("org-ally", Capacity::Foreign) };
//! let refusals = decide(&facts, &partner, Timestamp::UNIX_EPOCH);
//! assert_eq!(refusals[0].code, "NRS-SHAR-0101");
//! ```

use jiff::Timestamp;
use noroshi_evidence::marking::{LegalBits, LegalClass, Tlp};

/// Longest name of an organisation or a sector inside an audience, in bytes.
const NAME_BYTES_MAX: usize = 100;

/// To whom something is released: a label that is written down, from which the recipients of a moment are computed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Audience {
    /// One national administrative organ (art. 37): `national:<org>`.
    National(String),
    /// The members of the council (art. 45): `council`.
    Council,
    /// Every special infrastructure operator (art. 40): `operators`.
    Operators,
    /// The operators of one sector: `operators:<sector>`.
    Sector(String),
    /// One operator: `operator:<org>`.
    Operator(String),
    /// One supplier of computers (art. 42): `supplier:<org>`.
    Supplier(String),
    /// One foreign government or international organisation (art. 39): `partner:<org>`.
    Partner(String),
    /// Everybody (art. 41): `public`.
    Public,
}

impl Audience {
    /// Reads a label; `None` for anything else, so that a slip names nobody.
    pub fn parse(label: &str) -> Option<Self> {
        let Some((kind, name)) = label.split_once(':') else {
            return match label {
                "council" => Some(Self::Council),
                "operators" => Some(Self::Operators),
                "public" => Some(Self::Public),
                _ => None,
            };
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) {
            return None;
        }
        let name = name.to_owned();
        match kind {
            "national" => Some(Self::National(name)),
            "operators" => Some(Self::Sector(name)),
            "operator" => Some(Self::Operator(name)),
            "supplier" => Some(Self::Supplier(name)),
            "partner" => Some(Self::Partner(name)),
            _ => None,
        }
    }

    /// As records and the log name it, e.g. `partner:org-1`.
    pub fn label(&self) -> String {
        match self {
            Self::National(org) => format!("national:{org}"),
            Self::Council => "council".to_owned(),
            Self::Operators => "operators".to_owned(),
            Self::Sector(sector) => format!("operators:{sector}"),
            Self::Operator(org) => format!("operator:{org}"),
            Self::Supplier(org) => format!("supplier:{org}"),
            Self::Partner(org) => format!("partner:{org}"),
            Self::Public => "public".to_owned(),
        }
    }

    /// In which capacity its members receive.
    pub const fn capacity(&self) -> Capacity {
        match self {
            Self::National(_) => Capacity::NationalOrgan,
            Self::Council => Capacity::Council,
            Self::Operators | Self::Sector(_) | Self::Operator(_) => Capacity::Operator,
            Self::Supplier(_) => Capacity::Supplier,
            Self::Partner(_) => Capacity::Foreign,
            Self::Public => Capacity::Public,
        }
    }

    /// The one organisation it names, where it names one.
    pub fn org(&self) -> Option<&str> {
        match self {
            Self::National(org)
            | Self::Operator(org)
            | Self::Supplier(org)
            | Self::Partner(org) => Some(org),
            Self::Council | Self::Operators | Self::Sector(_) | Self::Public => None,
        }
    }
}

impl std::fmt::Display for Audience {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.label())
    }
}

/// In which capacity somebody receives: the articles of the Act differ by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capacity {
    /// A national administrative organ (art. 37).
    NationalOrgan,
    /// A member of the council (art. 45).
    Council,
    /// A special infrastructure operator (art. 40).
    Operator,
    /// A supplier of computers (art. 42).
    Supplier,
    /// A foreign government or international organisation (art. 39).
    Foreign,
    /// Anybody (art. 41).
    Public,
}

/// A finding that a foreign recipient protects information equivalently (art. 39).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protection {
    /// Up to which class.
    pub scope: LegalClass,
    /// Until when.
    pub until: Timestamp,
}

/// What an organisation never gets more than, whatever a release says: a slip of the hand ends here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceiling {
    /// The widest class.
    pub class: LegalClass,
    /// The strictest colour.
    pub tlp: Tlp,
}

impl Ceiling {
    /// No ceiling of its own.
    pub const NONE: Self = Self { class: LegalClass::Cia, tlp: Tlp::Red };
}

/// One organisation that would receive, as found at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The organisation; absent for the public.
    pub org: Option<String>,
    /// In which capacity.
    pub capacity: Capacity,
    /// What was found of its protection; only asked of foreign recipients.
    pub protection: Option<Protection>,
    /// Its ceiling.
    pub ceiling: Ceiling,
}

impl Recipient {
    /// An organisation of which nothing else is known.
    pub fn of(org: &str, capacity: Capacity) -> Self {
        Self { org: Some(org.to_owned()), capacity, protection: None, ceiling: Ceiling::NONE }
    }

    /// Anybody.
    pub const fn public() -> Self {
        Self { org: None, capacity: Capacity::Public, protection: None, ceiling: Ceiling::NONE }
    }
}

/// Whether a class, as the widest that is allowed, takes in information with these bits that was declared to be of a
/// class. Unlike [`LegalClass::admits`], a class that may hold a secret takes in what holds none.
pub const fn reaches(widest: LegalClass, bits: LegalBits, declared: Option<LegalClass>) -> bool {
    match widest {
        LegalClass::Cia => true,
        LegalClass::CiaP | LegalClass::CiaPm => !bits.has_selected_comms,
        LegalClass::CiaN => {
            !bits.has_selected_comms && !bits.has_secret && is_for_making_known(declared)
        }
    }
}

/// Whether what was declared, if anything was, is 周知等用総合整理分析情報: only that is made for operators, suppliers and the
/// public (arts 40 to 42).
const fn is_for_making_known(declared: Option<LegalClass>) -> bool {
    matches!(declared, None | Some(LegalClass::CiaN))
}

/// The reason given for an audience without members.
pub const NOBODY: Refusal = refusal("NRS-SHAR-0100", "an empty audience is nobody");

/// What is known of the object.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Legal bits, its own and those of what it was derived from.
    pub bits: LegalBits,
    /// The strictest class any version of it was declared to be of; absent where nothing was declared, or a review cleared
    /// exactly this version. It is not inherited: 周知等用 information is made out of 提供用 information by leaving out.
    pub class: Option<LegalClass>,
    /// The strictest TLP colour; absent when unmarked.
    pub tlp: Option<Tlp>,
    /// Markings that are not TLP and that this program does not understand.
    pub unknown_markings: usize,
    /// Organisations the originator restricted it to; `None` without an opinion.
    pub restricted_to: Option<Vec<String>>,
    /// The originator's own organisation.
    pub originator: String,
    /// It stems from a party agreement.
    pub from_agreement: bool,
    /// The agreement party consented to provision (art. 38(3)).
    pub party_consented: bool,
    /// It was made from something that an agreement brought and to whose provision its party has not consented.
    pub made_without_consent: bool,
}

/// One reason why it may not leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Stable code.
    pub code: &'static str,
    /// The clause or rule it stands on.
    pub clause: &'static str,
}

impl Refusal {
    /// The refusals of the faults that are there, all under one clause.
    pub(crate) fn all(
        clause: &'static str,
        faults: impl IntoIterator<Item = (bool, &'static str)>,
    ) -> Vec<Self> {
        let there = faults.into_iter().filter(|(is_there, _)| *is_there);
        there.map(|(_, code)| Self { code, clause }).collect()
    }
}

const fn refusal(code: &'static str, clause: &'static str) -> Refusal {
    Refusal { code, clause }
}

/// Every reason against releasing the object to the recipient at `now`; none means it may leave.
pub fn decide(facts: &Facts, to: &Recipient, now: Timestamp) -> Vec<Refusal> {
    let checks = [
        legal_class(facts, to),
        secret(facts, to),
        declared_class(facts, to),
        tlp(facts, to),
        handling_opinion(facts, to),
        party_consent(facts),
        partner_finding(to, now),
        finding_scope(facts, to),
        unknown_markings(facts, to),
        ceiling_class(facts, to),
        ceiling_tlp(facts, to),
    ];
    checks.into_iter().flatten().collect()
}

/// Selected communications information stays with national administrative organs (arts 37, 38).
fn legal_class(facts: &Facts, to: &Recipient) -> Option<Refusal> {
    let outside = to.capacity != Capacity::NationalOrgan;
    (facts.bits.has_selected_comms && outside).then(|| refusal("NRS-SHAR-0101", "Act art. 37-41"))
}

/// A secret goes only where it is managed under art. 44: organs, the council and foreign governments.
fn secret(facts: &Facts, to: &Recipient) -> Option<Refusal> {
    let managed = match to.capacity {
        Capacity::NationalOrgan | Capacity::Council | Capacity::Foreign => true,
        Capacity::Operator | Capacity::Supplier | Capacity::Public => false,
    };
    (facts.bits.has_secret && !managed).then(|| refusal("NRS-SHAR-0102", "Act art. 40-44"))
}

/// 第40条から第42条: operators, suppliers and the public receive what was made for making known (CIA-N); what was declared to
/// be for provision (CIA-P) goes to organs, foreign governments and the council (第37条, 第39条, 第45条第3項).
fn declared_class(facts: &Facts, to: &Recipient) -> Option<Refusal> {
    let wide = match to.capacity {
        Capacity::NationalOrgan | Capacity::Council | Capacity::Foreign => false,
        Capacity::Operator | Capacity::Supplier | Capacity::Public => true,
    };
    // Where a bit speaks against it already, that is the reason.
    let silent = facts.bits == LegalBits::default();
    (wide && silent && !is_for_making_known(facts.class))
        .then(|| refusal("NRS-SHAR-0115", "Act art. 40-42"))
}

/// FIRST TLP 2.0: the colour bounds how far; an unmarked object is treated as AMBER.
fn tlp(facts: &Facts, to: &Recipient) -> Option<Refusal> {
    let allowed = match facts.tlp.unwrap_or(Tlp::Amber) {
        Tlp::Clear => true,
        Tlp::Green => to.capacity != Capacity::Public,
        Tlp::Amber => amber(facts, to),
        Tlp::AmberStrict | Tlp::Red => is_originator(facts, to),
    };
    (!allowed).then(|| refusal("NRS-SHAR-0103", "FIRST TLP 2.0"))
}

fn is_originator(facts: &Facts, to: &Recipient) -> bool {
    to.org.as_ref().is_some_and(|org| *org == facts.originator)
}

/// Whether the originator's opinion names the recipient.
fn is_named(facts: &Facts, to: &Recipient) -> bool {
    let listed = facts.restricted_to.as_ref();
    to.org.as_ref().is_some_and(|org| listed.is_some_and(|listed| listed.contains(org)))
}

/// AMBER stays with organisations that serve the originator or are served here: national organs and operators. It goes
/// to anybody else only where the originator itself named that organisation, or to the originator.
fn amber(facts: &Facts, to: &Recipient) -> bool {
    match to.capacity {
        Capacity::NationalOrgan | Capacity::Operator => true,
        Capacity::Council | Capacity::Supplier | Capacity::Foreign => {
            is_originator(facts, to) || is_named(facts, to)
        }
        Capacity::Public => false,
    }
}

/// 第45条第6項: a member's opinion on handling is respected.
fn handling_opinion(facts: &Facts, to: &Recipient) -> Option<Refusal> {
    let outside = facts.restricted_to.is_some() && !is_named(facts, to);
    outside.then(|| refusal("NRS-SHAR-0104", "Act art. 45(6)"))
}

/// 第38条第3項: what a party agreement brought, and what was made from it, is provided only with that party's prior
/// consent.
fn party_consent(facts: &Facts) -> Option<Refusal> {
    let stems = facts.from_agreement || facts.made_without_consent;
    let missing = stems && !facts.party_consented;
    missing.then(|| refusal("NRS-SHAR-0105", "Act art. 38(3)"))
}

/// 第39条: a foreign recipient must have been found to protect equivalently, and the finding must be in force.
fn partner_finding(to: &Recipient, now: Timestamp) -> Option<Refusal> {
    let in_force = to.protection.is_some_and(|found| found.until > now);
    (to.capacity == Capacity::Foreign && !in_force).then(|| refusal("NRS-SHAR-0106", "Act art. 39"))
}

/// 第39条, 第44条: the finding says up to which class.
fn finding_scope(facts: &Facts, to: &Recipient) -> Option<Refusal> {
    let beyond = to.protection.is_some_and(|found| !reaches(found.scope, facts.bits, facts.class));
    (to.capacity == Capacity::Foreign && beyond)
        .then(|| refusal("NRS-SHAR-0112", "Act art. 39, 44"))
}

/// A marking nobody here understands may forbid anything.
fn unknown_markings(facts: &Facts, to: &Recipient) -> Option<Refusal> {
    let leaves = to.capacity != Capacity::NationalOrgan;
    (facts.unknown_markings > 0 && leaves).then(|| refusal("NRS-SHAR-0107", "STIX 2.1 §7.2"))
}

/// Whatever a release says, an organisation gets nothing wider than its ceiling.
fn ceiling_class(facts: &Facts, to: &Recipient) -> Option<Refusal> {
    (!reaches(to.ceiling.class, facts.bits, facts.class)).then(|| refusal("NRS-SHAR-0300", ""))
}

/// Nor anything stricter.
fn ceiling_tlp(facts: &Facts, to: &Recipient) -> Option<Refusal> {
    let above = facts.tlp.unwrap_or(Tlp::Amber) > to.ceiling.tlp;
    above.then(|| refusal("NRS-SHAR-0301", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(facts: &Facts, to: &Recipient) -> Vec<&'static str> {
        decide(facts, to, Timestamp::UNIX_EPOCH).iter().map(|refusal| refusal.code).collect()
    }

    fn ally(until: Option<&str>) -> Recipient {
        let protection =
            until.map(|at| Protection { scope: LegalClass::CiaP, until: at.parse().unwrap() });
        Recipient { protection, ..Recipient::of("ally", Capacity::Foreign) }
    }

    const CAPACITIES: [Capacity; 6] = [
        Capacity::NationalOrgan,
        Capacity::Council,
        Capacity::Operator,
        Capacity::Supplier,
        Capacity::Foreign,
        Capacity::Public,
    ];

    #[test]
    fn all_must_allow_and_every_reason_is_given() {
        let clean = Facts { tlp: Some(Tlp::Green), ..Facts::default() };
        assert_eq!(codes(&clean, &ally(Some("2030-01-01T00:00:00Z"))), Vec::<&str>::new());
        assert_eq!(codes(&clean, &ally(None)), ["NRS-SHAR-0106"]);
        assert_eq!(codes(&clean, &ally(Some("1969-01-01T00:00:00Z"))), ["NRS-SHAR-0106"]);
        assert_eq!(codes(&clean, &Recipient::public()), ["NRS-SHAR-0103"]);
        let worst = Facts {
            bits: LegalBits { has_selected_comms: true, has_secret: true },
            tlp: Some(Tlp::Red),
            unknown_markings: 1,
            restricted_to: Some(vec!["other".to_owned()]),
            from_agreement: true,
            ..Facts::default()
        };
        let ceiling = Ceiling { class: LegalClass::CiaN, tlp: Tlp::Green };
        assert_eq!(
            codes(&worst, &Recipient { ceiling, ..Recipient::public() }),
            [
                "NRS-SHAR-0101",
                "NRS-SHAR-0102",
                "NRS-SHAR-0103",
                "NRS-SHAR-0104",
                "NRS-SHAR-0105",
                "NRS-SHAR-0107",
                "NRS-SHAR-0300",
                "NRS-SHAR-0301"
            ]
        );
    }

    #[test]
    fn amber_goes_abroad_only_where_the_originator_named_the_partner() {
        let ally = ally(Some("2030-01-01T00:00:00Z"));
        let silent =
            Facts { tlp: Some(Tlp::Amber), originator: "org-1".to_owned(), ..Facts::default() };
        assert_eq!(codes(&silent, &ally), ["NRS-SHAR-0103"]);
        let named = Facts { restricted_to: Some(vec!["ally".to_owned()]), ..silent.clone() };
        assert!(codes(&named, &ally).is_empty());
        assert!(codes(&Facts { originator: "ally".to_owned(), ..silent }, &ally).is_empty());
    }

    #[test]
    fn selected_information_reaches_national_organs_only() {
        let facts = Facts {
            bits: LegalBits { has_selected_comms: true, has_secret: false },
            tlp: Some(Tlp::Clear),
            ..Facts::default()
        };
        for capacity in CAPACITIES {
            let inside = capacity == Capacity::NationalOrgan;
            let refused = codes(&facts, &Recipient::of("x", capacity));
            assert_eq!(refused.contains(&"NRS-SHAR-0101"), !inside, "{capacity:?}");
        }
    }

    #[test]
    fn what_was_declared_for_provision_goes_to_organs_the_council_and_foreign_governments_only() {
        let of = |class| Facts { class, tlp: Some(Tlp::Clear), ..Facts::default() };
        let found = Some(Protection { scope: LegalClass::CiaP, until: Timestamp::MAX });
        for capacity in CAPACITIES {
            let to = Recipient { protection: found, ..Recipient::of("x", capacity) };
            let wide =
                matches!(capacity, Capacity::Operator | Capacity::Supplier | Capacity::Public);
            let wanted = if wide { vec!["NRS-SHAR-0115"] } else { vec![] };
            assert_eq!(codes(&of(Some(LegalClass::CiaP)), &to), wanted, "{capacity:?}");
            assert_eq!(codes(&of(Some(LegalClass::CiaN)), &to), Vec::<&str>::new(), "{capacity:?}");
            assert_eq!(codes(&of(None), &to), Vec::<&str>::new(), "{capacity:?}");
        }
        let declared = of(Some(LegalClass::CiaP));
        let narrow = Some(Protection { scope: LegalClass::CiaN, until: Timestamp::MAX });
        let ally = Recipient { protection: narrow, ..Recipient::of("ally", Capacity::Foreign) };
        assert_eq!(codes(&declared, &ally), ["NRS-SHAR-0112"]);
        let ceiling = Ceiling { class: LegalClass::CiaN, tlp: Tlp::Red };
        let organ = Recipient { ceiling, ..Recipient::of("organ", Capacity::NationalOrgan) };
        assert_eq!(codes(&declared, &organ), ["NRS-SHAR-0300"]);
    }

    #[test]
    fn what_was_made_from_an_agreement_waits_for_the_consent_of_its_party() {
        let made = Facts { made_without_consent: true, tlp: Some(Tlp::Clear), ..Facts::default() };
        for capacity in CAPACITIES.into_iter().filter(|one| *one != Capacity::Foreign) {
            assert_eq!(codes(&made, &Recipient::of("x", capacity)), ["NRS-SHAR-0105"]);
            let agreed = Facts { party_consented: true, ..made.clone() };
            assert!(codes(&agreed, &Recipient::of("x", capacity)).is_empty());
        }
    }

    #[test]
    fn an_organisation_gets_nothing_above_its_ceiling() {
        let secret = LegalBits { has_secret: true, ..LegalBits::default() };
        let ceiling = |class, tlp| Ceiling { class, tlp };
        for (bits, tlp, ceiling, wanted) in [
            (secret, Tlp::Clear, ceiling(LegalClass::CiaN, Tlp::Red), vec!["NRS-SHAR-0300"]),
            (secret, Tlp::Clear, ceiling(LegalClass::CiaPm, Tlp::Red), vec![]),
            (LegalBits::default(), Tlp::Clear, ceiling(LegalClass::CiaPm, Tlp::Clear), vec![]),
            (
                LegalBits::default(),
                Tlp::Amber,
                ceiling(LegalClass::Cia, Tlp::Green),
                vec!["NRS-SHAR-0301"],
            ),
        ] {
            let facts = Facts { bits, tlp: Some(tlp), ..Facts::default() };
            let organ = Recipient { ceiling, ..Recipient::of("organ", Capacity::NationalOrgan) };
            assert_eq!(codes(&facts, &organ), wanted, "{bits:?} {tlp:?} {ceiling:?}");
        }
    }

    #[test]
    fn p20_a_label_is_read_as_it_is_written_and_a_slip_names_nobody() {
        for label in [
            "council",
            "operators",
            "operators:electricity",
            "operator:org-1",
            "national:org-1",
            "supplier:org-1",
            "partner:org-1",
            "public",
        ] {
            assert_eq!(Audience::parse(label).map(|one| one.label()).as_deref(), Some(label));
        }
        for slip in [
            "",
            "partner",
            "partner:",
            "partners:org-1",
            "operators:",
            "Public",
            "public:",
            "partner:a b",
            "council:x",
        ] {
            assert_eq!(Audience::parse(slip), None, "{slip}");
        }
    }
}
