//! When a pseudonym may be turned back into what it stands for.
//!
//! # What it decides
//! Whether a re-identification may be asked for, and whether another person may allow it: for one pseudonym, one stated
//! purpose and one case.
//!
//! # Source
//! 重要電子計算機被害防止法 第24条から第31条 (非識別化 and the handling of selected information); the text is not in force and was not
//! read, so that nothing but the two persons, the purpose and the case is taken from policy: fields that identify a
//! person are replaced before general use, and turned back only by a separate decision that is recorded.
//!
//! # Refuses when
//! - the hat may not ask, or may not allow (`NRS-SIFT-0501`);
//! - the one who asked would also allow it (`NRS-SIFT-0502`);
//! - no purpose or no case is named (`NRS-SIFT-0503`);
//! - the key of the epoch is destroyed: nobody can (`NRS-SIFT-0504`);
//! - it was decided already (`NRS-SIFT-0505`).
//!
//! # Example
//! ```
//! use noroshi_charter::hat::Hat;
//! use noroshi_charter::reidentify::{Asked, may_allow, may_ask};
//!
//! let asked = Asked { person: "a", purpose: "warn the holder of the account", case: "case-1", is_key_there: true };
//! assert!(may_ask(Hat::CaoAnalyst, &asked).is_empty());
//! assert!(may_allow(Hat::Legal, "b", &asked, false).is_empty());
//! assert_eq!(may_allow(Hat::Legal, "a", &asked, false)[0].code, "NRS-SIFT-0502");
//! ```

use crate::hat::Hat;
use crate::release::Refusal;

const CLAUSE: &str = "Act art. 24-31";

/// What was asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Who asked.
    pub person: &'a str,
    /// What for.
    pub purpose: &'a str,
    /// In which case.
    pub case: &'a str,
    /// Whether the key of the pseudonym's epoch still exists.
    pub is_key_there: bool,
}

fn common(asked: &Asked<'_>) -> [(bool, &'static str); 2] {
    let is_blank = asked.purpose.trim().is_empty() || asked.case.trim().is_empty();
    [(is_blank, "NRS-SIFT-0503"), (!asked.is_key_there, "NRS-SIFT-0504")]
}

fn refusals(faults: impl IntoIterator<Item = (bool, &'static str)>) -> Vec<Refusal> {
    let there = faults.into_iter().filter(|(is_there, _)| *is_there);
    there.map(|(_, code)| Refusal { code, clause: CLAUSE }).collect()
}

/// Every reason against asking.
pub fn may_ask(hat: Hat, asked: &Asked<'_>) -> Vec<Refusal> {
    let wrong_hat = hat != Hat::CaoAnalyst;
    refusals([(wrong_hat, "NRS-SIFT-0501")].into_iter().chain(common(asked)))
}

/// Every reason against allowing it.
pub fn may_allow(hat: Hat, person: &str, asked: &Asked<'_>, is_decided: bool) -> Vec<Refusal> {
    let own = [
        (hat != Hat::Legal, "NRS-SIFT-0501"),
        (person == asked.person, "NRS-SIFT-0502"),
        (is_decided, "NRS-SIFT-0505"),
    ];
    refusals(own.into_iter().chain(common(asked)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked<'static> =
        Asked { person: "a", purpose: "warn", case: "case-1", is_key_there: true };

    #[test]
    fn one_asks_and_another_allows() {
        for hat in Hat::ALL {
            assert_eq!(may_ask(*hat, &ASKED).is_empty(), *hat == Hat::CaoAnalyst, "{hat}");
            assert_eq!(may_allow(*hat, "b", &ASKED, false).is_empty(), *hat == Hat::Legal, "{hat}");
        }
        let codes = |found: Vec<Refusal>| found.iter().map(|one| one.code).collect::<Vec<_>>();
        assert_eq!(
            codes(may_allow(Hat::Legal, "a", &ASKED, true)),
            ["NRS-SIFT-0502", "NRS-SIFT-0505"]
        );
        let blank = Asked { case: "\u{3000}", ..ASKED };
        assert_eq!(codes(may_ask(Hat::CaoAnalyst, &blank)), ["NRS-SIFT-0503"]);
        let gone = Asked { is_key_there: false, ..ASKED };
        assert_eq!(codes(may_allow(Hat::Legal, "b", &gone, false)), ["NRS-SIFT-0504"]);
    }
}
