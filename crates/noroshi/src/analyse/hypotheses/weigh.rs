//! What judgements add up to: which evidence tells hypotheses apart, and what speaks against each.
//!
//! Heuer's point is kept: what fits every hypothesis tells nothing, and the hypothesis with the least against it stands
//! best, not the one with the most for it. The numbers order a page; they are no probability.

use std::collections::BTreeMap;

/// What a piece of evidence says about a hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It would be expected if the hypothesis were true.
    Consistent,
    /// It says nothing.
    Neutral,
    /// It would not be expected.
    Inconsistent,
}

impl Verdict {
    /// All three, in the order offered.
    pub const ALL: [Self; 3] = [Self::Consistent, Self::Neutral, Self::Inconsistent];

    /// The code in the store and the API.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Consistent => "consistent",
            Self::Neutral => "neutral",
            Self::Inconsistent => "inconsistent",
        }
    }

    /// Reads a code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.code() == code)
    }

    const fn value(self) -> i32 {
        match self {
            Self::Consistent => 1,
            Self::Neutral => 0,
            Self::Inconsistent => -1,
        }
    }
}

/// How much credibility or relevance is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Degree {
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
}

impl Degree {
    /// All three, in the order offered.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The code in the store and the API.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// Reads a code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|degree| degree.code() == code)
    }

    const fn points(self) -> u32 {
        match self {
            Self::Low => 1,
            Self::Medium => 2,
            Self::High => 3,
        }
    }
}

/// The words in which confidence is said; there are no others.
pub const CONFIDENCES: [&str; 3] = ["low", "moderate", "high"];

/// The weight of a piece of evidence: 1 to 9.
pub const fn weight(credibility: Degree, relevance: Degree) -> u32 {
    credibility.points() * relevance.points()
}

/// The verdicts of one cell, each hat's latest.
pub type Cell = Vec<Verdict>;

/// How far a row tells its hypotheses apart: 0 when it says the same of all, 2 when it fits one and not another, as
/// hundredths. Cells without a judgement do not count.
pub fn diagnosticity<'a>(cells: impl Iterator<Item = &'a Cell>) -> u32 {
    let means: Vec<i32> = cells.filter(|cell| !cell.is_empty()).map(mean).collect();
    match (means.iter().max(), means.iter().min()) {
        (Some(most), Some(least)) if means.len() > 1 => most.abs_diff(*least),
        _ => 0,
    }
}

fn mean(cell: &Cell) -> i32 {
    let sum: i32 = cell.iter().map(|verdict| verdict.value()).sum();
    sum * 100 / i32::try_from(cell.len()).unwrap_or(1).max(1)
}

/// What speaks for and against one hypothesis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// Weight of what is inconsistent with it, as tenths; shared verdicts count by share.
    pub against: u32,
    /// Weight of what is consistent with it, as tenths.
    pub fitting: u32,
    /// Pieces of evidence judged.
    pub judged: u32,
}

/// Adds up one hypothesis: pairs of weight and cell.
pub fn balance<'a>(cells: impl Iterator<Item = (u32, &'a Cell)>) -> Balance {
    let mut balance = Balance::default();
    for (weight, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
        let all = u32::try_from(cell.len()).unwrap_or(u32::MAX);
        let share = |wanted: Verdict| {
            let some = cell.iter().filter(|verdict| **verdict == wanted).count();
            weight * 10 * u32::try_from(some).unwrap_or(0) / all
        };
        balance.judged += 1;
        balance.against += share(Verdict::Inconsistent);
        balance.fitting += share(Verdict::Consistent);
    }
    balance
}

/// The latest verdict of each hat for each pair of evidence and hypothesis; `judgements` come oldest first.
pub fn latest<K: Ord>(
    judgements: impl Iterator<Item = (K, (String, String), Verdict)>,
) -> BTreeMap<K, Cell> {
    let mut by_hat: BTreeMap<K, BTreeMap<(String, String), Verdict>> = BTreeMap::new();
    for (key, who, verdict) in judgements {
        by_hat.entry(key).or_default().insert(who, verdict);
    }
    by_hat.into_iter().map(|(key, cell)| (key, cell.into_values().collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Consistent, Inconsistent, Neutral};

    #[test]
    fn what_fits_everything_tells_nothing() {
        let check = |cells: &[&[Verdict]], expected| {
            let cells: Vec<Cell> = cells.iter().map(|cell| cell.to_vec()).collect();
            assert_eq!(diagnosticity(cells.iter()), expected, "{cells:?}");
        };
        check(&[&[Consistent], &[Consistent]], 0);
        check(&[&[Consistent], &[Inconsistent]], 200);
        check(&[&[Consistent], &[Neutral], &[]], 100);
        check(&[&[Consistent], &[]], 0);
        check(&[&[Consistent, Inconsistent], &[Inconsistent]], 100);
        check(&[], 0);
    }

    #[test]
    fn what_speaks_against_counts_by_weight_and_by_the_share_of_hats_that_say_so() {
        let (all, half) = (vec![Inconsistent], vec![Inconsistent, Consistent]);
        let heavy = weight(Degree::High, Degree::High);
        let found = balance([(heavy, &all), (heavy, &half), (1, &Vec::new())].into_iter());
        assert_eq!(found, Balance { against: 135, fitting: 45, judged: 2 });
    }

    #[test]
    fn a_later_judgement_of_the_same_hat_takes_the_place_of_the_earlier() {
        let who = |name: &str| (name.to_owned(), "hat".to_owned());
        let said = [(1, who("a"), Consistent), (1, who("b"), Neutral), (1, who("a"), Inconsistent)];
        assert_eq!(latest(said.into_iter())[&1], [Inconsistent, Neutral]);
    }
}
