//! When the handle behind a pseudonym may be read.
//!
//! # What it decides
//! Whether somebody may ask for the handle of one account, and whether another person may allow it: for one account, one
//! reason and one case.
//!
//! # Source
//! 個人情報の保護に関する法律 第61条, 第66条 (necessity, security of personal information). That two people are needed is the house's rule,
//! as for the pseudonyms of selected information.
//!
//! # Refuses when
//! - the hat may not ask, or may not allow (`NRS-INFL-0801`);
//! - the one who asked would also allow it (`NRS-INFL-0802`);
//! - no reason or no case is named (`NRS-INFL-0803`);
//! - the account is not held any more (`NRS-INFL-0804`);
//! - it was decided already (`NRS-INFL-0805`);
//! - the case does not need the collection, or is closed (`NRS-INFL-0807`).
//!
//! # Example
//! ```
//! use noroshi_charter::hat::Hat;
//! use noroshi_charter::unmask::{Asked, may_allow, may_ask};
//!
//! let asked =
//!     Asked { person: "a", reason: "notice to the platform", case: "fimi-1", is_of_case: true, is_held: true };
//! assert!(may_ask(Hat::NcoAnalyst, &asked).is_empty());
//! assert!(may_allow(Hat::Legal, "b", &asked, false).is_empty());
//! assert_eq!(may_allow(Hat::Legal, "a", &asked, false)[0].code, "NRS-INFL-0802");
//! ```

use crate::fimi::State;
use crate::hat::Hat;
use crate::release::Refusal;

const CLAUSE: &str = "APPI art. 61, 66; rule of pseudonyms";

/// What was asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Who asked.
    pub person: &'a str,
    /// Why.
    pub reason: &'a str,
    /// In which case.
    pub case: &'a str,
    /// Whether the case is being dealt with and has the account's collection as a part.
    pub is_of_case: bool,
    /// Whether the account and the key of its collection are still there.
    pub is_held: bool,
}

/// Whether a case in such a state is being dealt with.
pub const fn is_dealt_with(state: State) -> bool {
    !matches!(state, State::NotFimi | State::Review)
}

/// Every reason against reading what was allowed: the case may have ended since.
pub fn may_read(asked: &Asked<'_>) -> Vec<Refusal> {
    Refusal::all(CLAUSE, common(asked))
}

fn common(asked: &Asked<'_>) -> [(bool, &'static str); 3] {
    let is_blank = asked.reason.trim().is_empty() || asked.case.trim().is_empty();
    [
        (is_blank, "NRS-INFL-0803"),
        (!asked.is_held, "NRS-INFL-0804"),
        (!asked.is_of_case, "NRS-INFL-0807"),
    ]
}

/// Every reason against asking.
pub fn may_ask(hat: Hat, asked: &Asked<'_>) -> Vec<Refusal> {
    let wrong_hat = !matches!(hat, Hat::CaoAnalyst | Hat::NcoAnalyst);
    Refusal::all(CLAUSE, [(wrong_hat, "NRS-INFL-0801")].into_iter().chain(common(asked)))
}

/// Every reason against allowing it.
pub fn may_allow(hat: Hat, person: &str, asked: &Asked<'_>, is_decided: bool) -> Vec<Refusal> {
    let own = [
        (hat != Hat::Legal, "NRS-INFL-0801"),
        (person == asked.person, "NRS-INFL-0802"),
        (is_decided, "NRS-INFL-0805"),
    ];
    Refusal::all(CLAUSE, own.into_iter().chain(common(asked)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked<'static> =
        Asked { person: "a", reason: "r", case: "fimi-1", is_of_case: true, is_held: true };

    #[test]
    fn one_asks_and_another_allows() {
        for hat in Hat::ALL {
            let asks = matches!(hat, Hat::CaoAnalyst | Hat::NcoAnalyst);
            assert_eq!(may_ask(*hat, &ASKED).is_empty(), asks, "{hat}");
            assert_eq!(may_allow(*hat, "b", &ASKED, false).is_empty(), *hat == Hat::Legal, "{hat}");
        }
        let codes = |found: Vec<Refusal>| found.iter().map(|one| one.code).collect::<Vec<_>>();
        assert_eq!(
            codes(may_allow(Hat::Legal, "a", &ASKED, true)),
            ["NRS-INFL-0802", "NRS-INFL-0805"]
        );
        for blank in [Asked { reason: " ", ..ASKED }, Asked { case: "", ..ASKED }] {
            assert_eq!(codes(may_ask(Hat::CaoAnalyst, &blank)), ["NRS-INFL-0803"]);
        }
        let other = Asked { is_of_case: false, ..ASKED };
        assert_eq!(codes(may_ask(Hat::CaoAnalyst, &other)), ["NRS-INFL-0807"]);
        assert_eq!(codes(may_allow(Hat::Legal, "b", &other, false)), ["NRS-INFL-0807"]);
        assert_eq!(codes(may_read(&other)), ["NRS-INFL-0807"]);
        assert!(may_read(&ASKED).is_empty());
        for state in State::ALL {
            let closed = [State::NotFimi, State::Review].contains(state);
            assert_eq!(is_dealt_with(*state), !closed, "{state:?}");
        }
        let gone = Asked { is_held: false, ..ASKED };
        assert_eq!(codes(may_allow(Hat::Legal, "b", &gone, false)), ["NRS-INFL-0804"]);
    }
}
