//! Which answers to manipulation are offered, and which are never.
//!
//! # What it decides
//! Whether a counter-measure of the DISARM blue framework is shown as an option. The framework lists what was done or
//! proposed anywhere; much of it deceives, censors or attacks. What is not on the list here is not offered.
//!
//! # Source
//! DISARM Foundation, `DISARMframeworks` (blue framework; its own notice says that some entries come from countries with other
//! ethical values); 日本国憲法 第21条 (no censorship). The list is the house's.
//!
//! # Refuses when
//! - the counter-measure is not on the list (`NRS-INFL-0601`);
//! - it is on the list of those that are never offered (`NRS-INFL-0602`);
//! - it needs a decision of its own that is not there: exposure its approval, a change of name service its measure, a
//!   takedown its notice to the registrar (`NRS-INFL-0603`).
//!
//! # Example
//! ```
//! use noroshi_charter::counter::{Needs, needs};
//!
//! assert_eq!(needs("C00184"), Some(Needs::Nothing));
//! assert_eq!(needs("C00153"), Some(Needs::RegistrarNotice));
//! assert_eq!(needs("C00140"), None);
//! ```

use crate::release::Refusal;

const CLAUSE: &str = "Constitution art. 21; list of answers to manipulation";

/// What an answer needs before it is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Only the step of the procedure.
    Nothing,
    /// The public is told, by the procedure's decision.
    Notice,
    /// A measure that the commission approved.
    Measure,
    /// A notice to a registrar: a letter, no measure.
    RegistrarNotice,
}

const ALLOWED: [(&str, Needs); 18] = [
    ("C00028", Needs::Nothing),
    ("C00030", Needs::Nothing),
    ("C00070", Needs::Measure),
    ("C00071", Needs::Measure),
    ("C00115", Needs::Notice),
    ("C00116", Needs::Notice),
    ("C00125", Needs::Nothing),
    ("C00153", Needs::RegistrarNotice),
    ("C00159", Needs::Nothing),
    ("C00165", Needs::Nothing),
    ("C00176", Needs::Nothing),
    ("C00184", Needs::Nothing),
    ("C00189", Needs::Nothing),
    ("C00190", Needs::Nothing),
    ("C00205", Needs::Nothing),
    ("C00220", Needs::Nothing),
    ("C00221", Needs::Nothing),
    ("C00222", Needs::Nothing),
];

/// Never offered, whoever asks: they deceive, censor, sabotage or attack.
const BLOCKED: [&str; 17] = [
    "C00016", "C00029", "C00031", "C00036", "C00047", "C00052", "C00066", "C00067", "C00100",
    "C00103", "C00138", "C00139", "C00140", "C00143", "C00148", "C00149", "C00207",
];

/// Every answer that is offered.
pub fn allowed() -> impl Iterator<Item = &'static str> {
    ALLOWED.iter().map(|(id, _)| *id)
}

/// What an answer needs; `None` when it is not offered.
pub fn needs(id: &str) -> Option<Needs> {
    ALLOWED.iter().find(|(known, _)| *known == id).map(|(_, needs)| *needs)
}

/// Every reason against proposing an answer, `there` being what is there of what it may need.
pub fn may_propose(id: &str, there: &[Needs]) -> Vec<Refusal> {
    let blocked = BLOCKED.contains(&id);
    let needed = needs(id);
    let lacks = needed.is_some_and(|one| one != Needs::Nothing && !there.contains(&one));
    Refusal::all(
        CLAUSE,
        [
            (blocked, "NRS-INFL-0602"),
            (needed.is_none() && !blocked, "NRS-INFL-0601"),
            (lacks, "NRS-INFL-0603"),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_deceives_or_attacks_is_offered_whatever_is_there() {
        let all = [Needs::Nothing, Needs::Notice, Needs::Measure, Needs::RegistrarNotice];
        for id in BLOCKED {
            assert_eq!(needs(id), None, "{id}");
            assert_eq!(may_propose(id, &all)[0].code, "NRS-INFL-0602", "{id}");
        }
        for id in allowed() {
            assert!(may_propose(id, &all).is_empty(), "{id}");
            assert!(!BLOCKED.contains(&id), "{id}");
        }
        assert_eq!(may_propose("C99999", &all)[0].code, "NRS-INFL-0601");
        for id in ["C00070", "C00115", "C00153"] {
            assert_eq!(may_propose(id, &[])[0].code, "NRS-INFL-0603", "{id}");
        }
    }
}
