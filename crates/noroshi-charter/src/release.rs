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
//! Any one of the six does not allow it; all reasons are given, not the first. An empty audience is nobody.
//!
//! # Example
//! An indicator derived from selected communications information, marked TLP:CLEAR, does not go to a foreign partner.
//!
//! ```
//! use jiff::Timestamp;
//! use noroshi_charter::release::{Audience, Facts, decide};
//! use noroshi_evidence::marking::{LegalBits, Tlp};
//!
//! let bits = LegalBits { has_selected_comms: true, has_secret: false };
//! let facts = Facts { bits, tlp: Some(Tlp::Clear), ..Facts::default() };
//! let partner = Audience::Foreign { org: "org-ally", protected_until: Some(Timestamp::MAX) };
//! let refusals = decide(&facts, &partner, Timestamp::UNIX_EPOCH);
//! assert_eq!(refusals[0].code, "NRS-SHAR-0101");
//! ```

use jiff::Timestamp;
use noroshi_evidence::marking::{LegalBits, Tlp};

/// Who would receive it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience<'a> {
    /// National administrative organs (art. 37).
    NationalOrgan {
        /// The receiving organisation.
        org: &'a str,
    },
    /// Members of the council (art. 45).
    Council,
    /// Special infrastructure operators (art. 40).
    Operator {
        /// The receiving organisation.
        org: &'a str,
    },
    /// Suppliers of computers (art. 42).
    Supplier {
        /// The receiving organisation.
        org: &'a str,
    },
    /// A foreign government or international organisation (art. 39).
    Foreign {
        /// The receiving organisation.
        org: &'a str,
        /// Until when it has been found to protect equivalently; absent without a finding.
        protected_until: Option<Timestamp>,
    },
    /// Everybody (art. 41).
    Public,
    /// Nobody was named.
    Nobody,
}

impl Audience<'_> {
    /// The receiving organisation, where there is exactly one.
    pub const fn org(&self) -> Option<&str> {
        match self {
            Self::NationalOrgan { org }
            | Self::Operator { org }
            | Self::Supplier { org }
            | Self::Foreign { org, .. } => Some(org),
            Self::Council | Self::Public | Self::Nobody => None,
        }
    }

    /// As the log names it, e.g. `partner:org-1`.
    pub fn label(&self) -> String {
        match self {
            Self::NationalOrgan { org } => format!("national:{org}"),
            Self::Council => "council".to_owned(),
            Self::Operator { org } => format!("operator:{org}"),
            Self::Supplier { org } => format!("supplier:{org}"),
            Self::Foreign { org, .. } => format!("partner:{org}"),
            Self::Public => "public".to_owned(),
            Self::Nobody => "nobody".to_owned(),
        }
    }
}

/// What is known of the object.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Legal bits, its own and those of what it was derived from.
    pub bits: LegalBits,
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
}

/// One reason why it may not leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Stable code.
    pub code: &'static str,
    /// The clause or rule it stands on.
    pub clause: &'static str,
}

const fn refusal(code: &'static str, clause: &'static str) -> Refusal {
    Refusal { code, clause }
}

/// Every reason against releasing the object to the audience at `now`; none means it may leave.
pub fn decide(facts: &Facts, audience: &Audience<'_>, now: Timestamp) -> Vec<Refusal> {
    let checks = [
        nobody(audience),
        legal_class(facts, audience),
        secret(facts, audience),
        tlp(facts, audience),
        handling_opinion(facts, audience),
        party_consent(facts, audience),
        partner_finding(audience, now),
        unknown_markings(facts, audience),
    ];
    checks.into_iter().flatten().collect()
}

fn nobody(audience: &Audience<'_>) -> Option<Refusal> {
    (*audience == Audience::Nobody).then(|| refusal("NRS-SHAR-0100", "an empty audience is nobody"))
}

/// Selected communications information stays with national administrative organs (arts 37, 38).
fn legal_class(facts: &Facts, audience: &Audience<'_>) -> Option<Refusal> {
    let inside = matches!(audience, Audience::NationalOrgan { .. } | Audience::Nobody);
    (facts.bits.has_selected_comms && !inside).then(|| refusal("NRS-SHAR-0101", "Act art. 37-41"))
}

/// A secret goes only where it is managed under art. 44: organs, the council and foreign governments.
fn secret(facts: &Facts, audience: &Audience<'_>) -> Option<Refusal> {
    let managed = matches!(
        audience,
        Audience::NationalOrgan { .. }
            | Audience::Council
            | Audience::Foreign { .. }
            | Audience::Nobody
    );
    (facts.bits.has_secret && !managed).then(|| refusal("NRS-SHAR-0102", "Act art. 40-44"))
}

/// FIRST TLP 2.0: the colour bounds how far; an unmarked object is treated as AMBER.
fn tlp(facts: &Facts, audience: &Audience<'_>) -> Option<Refusal> {
    let allowed = match facts.tlp.unwrap_or(Tlp::Amber) {
        Tlp::Clear => true,
        Tlp::Green => !matches!(audience, Audience::Public),
        Tlp::Amber => amber(facts, audience),
        Tlp::AmberStrict | Tlp::Red => audience.org() == Some(facts.originator.as_str()),
    };
    (!allowed && *audience != Audience::Nobody).then(|| refusal("NRS-SHAR-0103", "FIRST TLP 2.0"))
}

/// AMBER stays with organisations that serve the originator or are served here: national organs and operators. It goes
/// abroad only where the originator itself named that partner, or to the originator.
fn amber(facts: &Facts, audience: &Audience<'_>) -> bool {
    match audience {
        Audience::NationalOrgan { .. } | Audience::Operator { .. } => true,
        Audience::Foreign { org, .. } => {
            facts.originator == *org
                || facts
                    .restricted_to
                    .as_ref()
                    .is_some_and(|named| named.iter().any(|one| one == org))
        }
        Audience::Council | Audience::Supplier { .. } | Audience::Public | Audience::Nobody => {
            false
        }
    }
}

/// 第45条第6項: a member's opinion on handling is respected.
fn handling_opinion(facts: &Facts, audience: &Audience<'_>) -> Option<Refusal> {
    let listed = facts.restricted_to.as_ref()?;
    let inside = audience.org().is_some_and(|org| listed.iter().any(|one| one == org));
    (!inside).then(|| refusal("NRS-SHAR-0104", "Act art. 45(6)"))
}

/// 第38条第3項: what a party agreement brought is provided only with that party's prior consent.
fn party_consent(facts: &Facts, audience: &Audience<'_>) -> Option<Refusal> {
    let missing = facts.from_agreement && !facts.party_consented && *audience != Audience::Nobody;
    missing.then(|| refusal("NRS-SHAR-0105", "Act art. 38(3)"))
}

/// 第39条: a foreign recipient must have been found to protect equivalently, and the finding must be in force.
fn partner_finding(audience: &Audience<'_>, now: Timestamp) -> Option<Refusal> {
    let Audience::Foreign { protected_until, .. } = audience else { return None };
    let in_force = protected_until.is_some_and(|until| until > now);
    (!in_force).then(|| refusal("NRS-SHAR-0106", "Act art. 39"))
}

/// A marking nobody here understands may forbid anything.
fn unknown_markings(facts: &Facts, audience: &Audience<'_>) -> Option<Refusal> {
    let leaves = !matches!(audience, Audience::NationalOrgan { .. } | Audience::Nobody);
    (facts.unknown_markings > 0 && leaves).then(|| refusal("NRS-SHAR-0107", "STIX 2.1 §7.2"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(facts: &Facts, audience: &Audience<'_>) -> Vec<&'static str> {
        decide(facts, audience, Timestamp::UNIX_EPOCH).iter().map(|refusal| refusal.code).collect()
    }

    fn ally(until: Option<&str>) -> Audience<'static> {
        Audience::Foreign { org: "ally", protected_until: until.map(|at| at.parse().unwrap()) }
    }

    #[test]
    fn all_must_allow_and_every_reason_is_given() {
        let clean = Facts { tlp: Some(Tlp::Green), ..Facts::default() };
        assert_eq!(codes(&clean, &ally(Some("2030-01-01T00:00:00Z"))), Vec::<&str>::new());
        assert_eq!(codes(&clean, &ally(None)), ["NRS-SHAR-0106"]);
        assert_eq!(codes(&clean, &ally(Some("1969-01-01T00:00:00Z"))), ["NRS-SHAR-0106"]);
        assert_eq!(codes(&clean, &Audience::Public), ["NRS-SHAR-0103"]);
        assert_eq!(codes(&clean, &Audience::Nobody), ["NRS-SHAR-0100"]);
        let worst = Facts {
            bits: LegalBits { has_selected_comms: true, has_secret: true },
            tlp: Some(Tlp::Red),
            unknown_markings: 1,
            restricted_to: Some(vec!["other".to_owned()]),
            from_agreement: true,
            ..Facts::default()
        };
        assert_eq!(
            codes(&worst, &Audience::Public),
            [
                "NRS-SHAR-0101",
                "NRS-SHAR-0102",
                "NRS-SHAR-0103",
                "NRS-SHAR-0104",
                "NRS-SHAR-0105",
                "NRS-SHAR-0107"
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
        assert!(codes(&facts, &Audience::NationalOrgan { org: "x" }).is_empty());
        for outside in [
            Audience::Council,
            Audience::Public,
            Audience::Operator { org: "x" },
            Audience::Supplier { org: "x" },
            ally(Some("2030-01-01T00:00:00Z")),
        ] {
            assert!(codes(&facts, &outside).contains(&"NRS-SHAR-0101"), "{}", outside.label());
        }
    }
}
