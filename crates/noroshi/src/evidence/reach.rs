//! Who may see an object, and why not: each hat of the house by its right to read, each kind of recipient by the release
//! rules of the charter. A picture for people; what leaves is decided by the release gate alone.

use jiff::Timestamp;
use noroshi_charter::hat::Hat;
use noroshi_charter::release::{self, Capacity, Facts, Protection, Recipient};
use noroshi_evidence::marking::LegalClass;

/// The organisation that stands for any of its kind; no object is restricted to it.
const ANY: &str = "any";

/// A kind of recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// National administrative organs (art. 37).
    National,
    /// Members of the council (art. 45).
    Council,
    /// Special infrastructure operators (art. 40).
    Operators,
    /// Suppliers of computers (art. 42).
    Suppliers,
    /// A foreign partner that was found to protect equivalently (art. 39).
    Partner,
    /// Everybody (art. 41).
    Public,
}

impl Kind {
    /// Every kind, from the nearest to the farthest.
    pub const ALL: [Self; 6] = [
        Self::National,
        Self::Council,
        Self::Operators,
        Self::Suppliers,
        Self::Partner,
        Self::Public,
    ];

    /// The end of the key of its words in the locales.
    pub const fn key(self) -> &'static str {
        match self {
            Self::National => "national",
            Self::Council => "council",
            Self::Operators => "operators",
            Self::Suppliers => "suppliers",
            Self::Partner => "partner",
            Self::Public => "public",
        }
    }

    fn recipient(self) -> Recipient {
        let capacity = match self {
            Self::National => Capacity::NationalOrgan,
            Self::Council => Capacity::Council,
            Self::Operators => Capacity::Operator,
            Self::Suppliers => Capacity::Supplier,
            Self::Partner => Capacity::Foreign,
            Self::Public => return Recipient::public(),
        };
        let protection = (self == Self::Partner)
            .then_some(Protection { scope: LegalClass::CiaPm, until: Timestamp::MAX });
        Recipient { protection, ..Recipient::of(ANY, capacity) }
    }
}

/// What stands between an object and a kind of recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Who.
    pub kind: Kind,
    /// Reasons against it: code and clause. None means that the release gate may let it through.
    pub reasons: Vec<(&'static str, &'static str)>,
}

/// Each kind of recipient with what the charter says of it.
pub fn recipients(facts: &Facts, now: Timestamp) -> Vec<Reach> {
    let reach = |kind: Kind| {
        let refusals = release::decide(facts, &kind.recipient(), now);
        let reasons = refusals.into_iter().map(|one| (one.code, one.clause)).collect();
        Reach { kind, reasons }
    };
    Kind::ALL.into_iter().map(reach).collect()
}

/// The hats that read it: those that read evidence, and of these only the ones that read reports when it stems from one.
pub fn hats(
    reads: impl Fn(Hat) -> bool,
    reads_reports: impl Fn(Hat) -> bool,
    from_report: bool,
) -> Vec<Hat> {
    let sees = |hat: &Hat| reads(*hat) && (!from_report || reads_reports(*hat));
    Hat::ALL.iter().copied().filter(sees).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_evidence::marking::{LegalBits, Tlp};

    fn open_to(facts: &Facts) -> Vec<&'static str> {
        let all = recipients(facts, Timestamp::UNIX_EPOCH);
        all.into_iter().filter(|one| one.reasons.is_empty()).map(|one| one.kind.key()).collect()
    }

    #[test]
    fn what_stems_from_communications_reaches_national_organs_at_most() {
        let bits = LegalBits { has_selected_comms: true, has_secret: false };
        let facts = Facts { bits, tlp: Some(Tlp::Clear), ..Facts::default() };
        let far = recipients(&facts, Timestamp::UNIX_EPOCH);
        for one in far.iter().filter(|one| one.kind != Kind::National) {
            assert!(!one.reasons.is_empty(), "{one:?}");
        }
        let clear = Facts { tlp: Some(Tlp::Clear), ..Facts::default() };
        assert!(open_to(&clear).contains(&"public"));
        let red = Facts { tlp: Some(Tlp::Red), ..Facts::default() };
        assert!(!open_to(&red).contains(&"public"));
    }

    #[test]
    fn a_report_is_for_the_hats_that_read_reports() {
        let all = hats(|_| true, |hat| hat == Hat::CaoAnalyst, true);
        assert_eq!(all, [Hat::CaoAnalyst]);
    }
}
