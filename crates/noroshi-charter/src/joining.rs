//! What the influence pillar may look at.
//!
//! # What it decides
//! Whether a source may be joined with gathered posts. The selection engine and what came of it serve the prevention of damage
//! by cyber attacks and nothing else; they are not available here, to nobody and under no approval.
//!
//! # Source
//! 重要電子計算機被害防止法 第2条第2項, 第23条, 第37条 (purpose limits of communications information); 日本国憲法 第21条第2項 (secrecy of
//! communications).
//!
//! # Refuses when
//! - the source is communications information, its selection or what a sensor saw (`NRS-INFL-0701`);
//! - the source is a statutory report of an operator (`NRS-INFL-0702`);
//! - an account would be joined with another source's person (`NRS-INFL-0703`).
//!
//! # Example
//! ```
//! use noroshi_charter::joining::{Source, may_join};
//!
//! assert!(may_join(Source::PublicPosts, false).is_empty());
//! assert_eq!(may_join(Source::Selection, false)[0].code, "NRS-INFL-0701");
//! ```

use crate::release::Refusal;

const CLAUSE: &str = "Act art. 2(2), 23, 37; Constitution art. 21(2)";

/// Where something comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Posts of this pillar's own collections.
    PublicPosts,
    /// Objects of the evidence graph that are for the reader.
    EvidenceGraph,
    /// Lists of domains, certificates and registrations.
    DomainLists,
    /// The register of declared coordination.
    DeclaredRegister,
    /// Selected or acquired communications information, selectors, certificates, sightings.
    Selection,
    /// What sensors record on an operator's own network.
    Telemetry,
    /// Reports of operators under the Act.
    StatutoryReports,
}

impl Source {
    /// Every source there is.
    pub const ALL: [Self; 7] = [
        Self::PublicPosts,
        Self::EvidenceGraph,
        Self::DomainLists,
        Self::DeclaredRegister,
        Self::Selection,
        Self::Telemetry,
        Self::StatutoryReports,
    ];
}

/// Every reason against joining gathered posts with a source. `by_account` when single accounts would be joined.
pub fn may_join(source: Source, by_account: bool) -> Vec<Refusal> {
    let comms = matches!(source, Source::Selection | Source::Telemetry);
    let own = matches!(source, Source::PublicPosts | Source::DeclaredRegister);
    Refusal::all(
        CLAUSE,
        [
            (comms, "NRS-INFL-0701"),
            (source == Source::StatutoryReports, "NRS-INFL-0702"),
            (by_account && !own, "NRS-INFL-0703"),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn communications_are_not_available_and_accounts_are_joined_with_nothing_else() {
        for source in Source::ALL {
            let codes: Vec<_> = may_join(source, true).iter().map(|one| one.code).collect();
            match source {
                Source::Selection | Source::Telemetry => {
                    assert_eq!(codes, ["NRS-INFL-0701", "NRS-INFL-0703"]);
                }
                Source::StatutoryReports => assert_eq!(codes, ["NRS-INFL-0702", "NRS-INFL-0703"]),
                Source::PublicPosts | Source::DeclaredRegister => assert_eq!(codes, [""; 0]),
                Source::EvidenceGraph | Source::DomainLists => {
                    assert_eq!(codes, ["NRS-INFL-0703"]);
                }
            }
        }
    }
}
