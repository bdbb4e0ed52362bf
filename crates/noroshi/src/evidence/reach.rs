//! Who may see an object, and why not: each hat of the house by its right to read, each kind of recipient by the release
//! rules of the charter. A picture for people; what leaves is decided by the release gate alone.

use jiff::Timestamp;
use noroshi_charter::hat::Hat;
use noroshi_charter::release::{self, Capacity, Facts, Protection, Recipient};
use noroshi_evidence::marking::LegalClass;

use super::read::{self, Sees};
use crate::house::House;
use crate::office::authorise::{Action, Standing};
use crate::office::store::{Reader, StoreFailure};

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

/// The hats that read evidence, each with what it sees whatever its organisation.
pub fn readers(house: &House) -> Vec<(Hat, Sees)> {
    let reads =
        |hat: &Hat| house.authoriser.allows(*hat, Action::EvidenceRead, Standing::default());
    Hat::ALL.iter().copied().filter(reads).map(|hat| (hat, Sees::hat(house, hat))).collect()
}

/// Those of `readers` that see an object: asked of the graph itself, so that the page says what is done.
pub fn hats(
    reader: &Reader<'_>,
    readers: &[(Hat, Sees)],
    id: &str,
) -> Result<Vec<Hat>, StoreFailure> {
    let mut found = Vec::new();
    for (hat, sees) in readers {
        if read::brief(reader, *sees, id)?.is_some() {
            found.push(*hat);
        }
    }
    Ok(found)
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
}
