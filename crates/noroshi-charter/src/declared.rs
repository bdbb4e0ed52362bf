//! Coordination that says what it is.
//!
//! # What it decides
//! Whether an entry of the register of declared coordination may be made, and what it takes away from a finding: accounts
//! that one entry names together belong together openly, and are not counted as inauthentic.
//!
//! # Source
//! 日本国憲法 第21条: parties, unions, media chains and followers may act together. Coordination is a common human activity, and only
//! its concealment is of interest here.
//!
//! # Refuses when
//! - the kind is none that there is, or no name is given (`NRS-INFL-0501`);
//! - nothing shows that the coordination is declared (`NRS-INFL-0502`);
//! - it names no account, or too many (`NRS-INFL-0503`);
//! - the wrong hat enters it (`NRS-INFL-0504`).
//!
//! # Example
//! ```
//! use noroshi_charter::declared::undeclared;
//!
//! let chain = ["a", "b", "c"].map(str::to_owned).into();
//! // Four accounts act together; three of them are one media chain.
//! assert_eq!(undeclared(["a", "b", "c", "d"], &[chain]), 1);
//! ```

use std::collections::BTreeSet;

use crate::hat::Hat;
use crate::release::Refusal;

const CLAUSE: &str = "Constitution art. 21; register of declared coordination";

/// What may be registered.
pub const KINDS: [&str; 7] =
    ["media_chain", "party", "company", "union", "fan_club", "public_body", "civil_society"];

/// Accounts of one entry at most.
pub const ACCOUNTS_MAX: usize = 10_000;

/// An entry to make.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// One of [`KINDS`].
    pub kind: &'a str,
    /// Whose coordination it is.
    pub name: &'a str,
    /// Where it is declared.
    pub evidence: &'a str,
    /// How many accounts it names.
    pub accounts: usize,
}

/// Every reason against an entry.
pub fn may_enter(hat: Hat, entry: &Entry<'_>) -> Vec<Refusal> {
    let unknown = !KINDS.contains(&entry.kind) || entry.name.trim().is_empty();
    let enters = matches!(hat, Hat::CaoAnalyst | Hat::NcoAnalyst | Hat::Legal);
    Refusal::all(
        CLAUSE,
        [
            (unknown, "NRS-INFL-0501"),
            (entry.evidence.trim().is_empty(), "NRS-INFL-0502"),
            (entry.accounts == 0 || entry.accounts > ACCOUNTS_MAX, "NRS-INFL-0503"),
            (!enters, "NRS-INFL-0504"),
        ],
    )
}

/// How many of the accounts of a group no entry explains. An entry explains accounts only together: one account of a chain
/// among strangers explains nothing.
pub fn undeclared<'a>(
    group: impl IntoIterator<Item = &'a str>,
    entries: &[BTreeSet<String>],
) -> u64 {
    let group: BTreeSet<&str> = group.into_iter().collect();
    let mut left = group.clone();
    for entry in entries {
        let inside: Vec<&str> =
            group.iter().copied().filter(|account| entry.contains(*account)).collect();
        if inside.len() >= 2 {
            left.retain(|account| !inside.contains(account));
        }
    }
    left.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_needs_a_kind_evidence_accounts_and_the_right_hat() {
        let good =
            Entry { kind: "party", name: "架空党", evidence: "public register", accounts: 2 };
        assert!(may_enter(Hat::NcoAnalyst, &good).is_empty());
        let code = |hat, entry: Entry<'_>| may_enter(hat, &entry)[0].code;
        assert_eq!(code(Hat::Legal, Entry { kind: "friends", ..good }), "NRS-INFL-0501");
        assert_eq!(code(Hat::Legal, Entry { name: "", ..good }), "NRS-INFL-0501");
        assert_eq!(code(Hat::Legal, Entry { evidence: " ", ..good }), "NRS-INFL-0502");
        assert_eq!(code(Hat::Legal, Entry { accounts: 0, ..good }), "NRS-INFL-0503");
        assert_eq!(code(Hat::PmDesk, good), "NRS-INFL-0504");
    }

    #[test]
    fn what_is_declared_together_is_taken_out_of_what_is_inauthentic() {
        let entry = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let group = ["a", "b", "c", "d"];
        assert_eq!(undeclared(group, &[]), 4);
        assert_eq!(undeclared(group, &[entry(&["a", "x"])]), 4, "one of it alone");
        assert_eq!(undeclared(group, &[entry(&["a", "b", "x"])]), 2);
        assert_eq!(undeclared(group, &[entry(&["a", "b"]), entry(&["b", "c", "d"])]), 0);
    }
}
