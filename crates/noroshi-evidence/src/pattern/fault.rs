//! What is wrong with a pattern: a stable code, the place, what was expected and what to do.

use std::fmt::Write as _;

/// A place in the text of a pattern, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// First byte after it.
    pub end: usize,
}

/// What is wrong with a pattern, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{wrong}")]
pub struct Fault {
    /// What.
    pub wrong: Wrong,
    /// Where.
    pub span: Span,
}

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Longer than [`super::PATTERN_BYTES_MAX`].
    #[error("the pattern has {0} bytes")]
    TooLong(usize),
    /// Parentheses deeper than [`super::parse::DEPTH_MAX`].
    #[error("the parentheses are nested too deeply")]
    TooDeep,
    /// More comparisons, observations and constants than [`super::parse::NODES_MAX`].
    #[error("the pattern has too many parts")]
    TooMany,
    /// Something else belongs here.
    #[error("found {found}, expected {}", expected.join(" or "))]
    Unexpected {
        /// What stands there.
        found: String,
        /// What could.
        expected: Vec<&'static str>,
    },
    /// A quotation mark that is never closed, or an escape that is none.
    #[error("the text does not end, or has an escape other than `\\\\` and `\\'`")]
    Unclosed,
    /// A number beyond what is computed with.
    #[error("the number `{0}` is out of range")]
    Number(String),
    /// Not a value of the kind of hash the path names.
    #[error("`{0}` is not a hash of the kind `{1}`")]
    Hash(String, String),
    /// The same kind of qualifier twice on one observation.
    #[error("`{0}` is said twice of one observation")]
    Twice(&'static str),
    /// A set with constants of different types.
    #[error("the set mixes constants of different types")]
    Mixed,
    /// `WITHIN 0 SECONDS` or `REPEATS 0 TIMES`.
    #[error("`{0}` needs a number greater than zero")]
    NotPositive(&'static str),
    /// A timestamp that is no day of the calendar.
    #[error("`{0}` is no day of the calendar")]
    NoSuchDay(String),
    /// A regular expression that is not supported or too large.
    #[error("the regular expression cannot be used: {0}")]
    Expression(String),
    /// Not an address or network.
    #[error("`{0}` is not {1}")]
    Network(String, &'static str),
    /// `REPEATS` asks for more observations than [`super::matcher::SLOTS_MAX`] or repeats too much.
    #[error("the pattern asks for too many observations at once")]
    TooManySlots,
    /// The normal form is larger than [`super::normal::TERMS_MAX`].
    #[error("the normal form of the pattern is too large")]
    TooManyTerms,
}

impl Fault {
    /// The stable code shown to a user.
    pub const fn code(&self) -> &'static str {
        match &self.wrong {
            Wrong::TooLong(_) => "NRS-EVID-0200",
            Wrong::TooDeep => "NRS-EVID-0201",
            Wrong::TooMany => "NRS-EVID-0202",
            Wrong::Unexpected { .. } => "NRS-EVID-0203",
            Wrong::Unclosed => "NRS-EVID-0204",
            Wrong::Number(_) => "NRS-EVID-0205",
            Wrong::Hash(..) => "NRS-EVID-0206",
            Wrong::Twice(_) => "NRS-EVID-0207",
            Wrong::Mixed => "NRS-EVID-0210",
            Wrong::NotPositive(_) => "NRS-EVID-0211",
            Wrong::NoSuchDay(_) => "NRS-EVID-0212",
            Wrong::Expression(_) => "NRS-EVID-0213",
            Wrong::Network(..) => "NRS-EVID-0214",
            Wrong::TooManySlots => "NRS-EVID-0215",
            Wrong::TooManyTerms => "NRS-EVID-0216",
        }
    }

    /// The line of the pattern with marks under the place, for people.
    ///
    /// Long lines are cut to the neighbourhood of the place.
    pub fn picture(&self, pattern: &str) -> String {
        const AROUND: usize = 60;
        let start = floor(pattern, self.span.start);
        let before = pattern.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_number = before.matches('\n').count() + 1;
        let from = floor(pattern, start.saturating_sub(AROUND).max(line_start));
        let rest = pattern.get(from..).unwrap_or_default();
        let line: String =
            rest.split('\n').next().unwrap_or_default().chars().take(2 * AROUND).collect();
        let lead = pattern.get(from..start).unwrap_or_default().chars().count();
        let marked = pattern.get(start..floor(pattern, self.span.end)).unwrap_or_default();
        let marks =
            marked.chars().count().clamp(1, line.chars().count().saturating_sub(lead).max(1));
        let column = pattern.get(line_start..start).unwrap_or_default().chars().count() + 1;
        let mut picture = String::new();
        // Writing to a string cannot fail.
        let written = write!(
            picture,
            "{line_number}:{column}\n  {}\n  {}{}",
            line.replace(['\t', '\r'], " "),
            " ".repeat(lead),
            "^".repeat(marks)
        );
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
        picture
    }
}

/// The nearest boundary of a character at or before the byte.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
