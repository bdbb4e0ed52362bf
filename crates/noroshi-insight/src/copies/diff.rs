//! In what two texts differ, for a reader: what is the same, what was changed, and what only looks the same.

use core::ops::Range;

use similar::{Algorithm, DiffTag, capture_diff_slices};

use super::normal::{self, Tricks};
use super::tokens::{Token, tokens};

/// How the two sides of a run relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The same characters.
    Same,
    /// The same but for upper and lower case or the form of punctuation.
    Respelled,
    /// Reads the same and is stored otherwise.
    Disguised(Tricks),
    /// Stands on the left only.
    Left,
    /// Stands on the right only.
    Right,
    /// One thing on the left, another on the right.
    Replaced,
}

/// Stretches of two texts that belong together. Both ranges are bytes of the raw texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// How the two sides relate.
    pub change: Change,
    /// Where it is in the left text; empty for [`Change::Right`].
    pub left: Range<usize>,
    /// Where it is in the right text; empty for [`Change::Left`].
    pub right: Range<usize>,
}

/// The runs of two texts. In their order they make up the left text and the right text without a gap.
///
/// Words are compared, and single letters in scripts without spaces. At most 4,000 pieces of each text are looked at;
/// what lies beyond is one piece.
///
/// ```
/// use noroshi_insight::copies::{Tricks, diff::{Change, diff}};
/// let runs = diff("Vote on Monday", "V\u{43e}te on Sunday");
/// let changes: Vec<Change> = runs.iter().map(|run| run.change).collect();
/// assert_eq!(changes, [Change::Disguised(Tricks::LOOK_ALIKE), Change::Same, Change::Replaced]);
/// assert_eq!((runs[2].left.clone(), runs[2].right.clone()), (8..14, 9..15));
/// ```
pub fn diff(left: &str, right: &str) -> Vec<Run> {
    let (lefts, rights) = (tokens(left), tokens(right));
    let folded = |tokens: &[Token]| -> Vec<String> {
        tokens.iter().map(|token| token.folded.clone()).collect()
    };
    let mut runs = Writer { left, right, runs: Vec::new() };
    for op in capture_diff_slices(Algorithm::Myers, &folded(&lefts), &folded(&rights)) {
        let left = lefts.get(op.old_range()).unwrap_or_default();
        let right = rights.get(op.new_range()).unwrap_or_default();
        match op.tag() {
            DiffTag::Equal => {
                for (left, right) in left.iter().zip(right) {
                    let change = runs.alike(left, right);
                    runs.push(change, left.range.clone(), right.range.clone());
                }
            }
            DiffTag::Delete => runs.push(Change::Left, span(left), 0..0),
            DiffTag::Insert => runs.push(Change::Right, 0..0, span(right)),
            DiffTag::Replace => runs.push(Change::Replaced, span(left), span(right)),
        }
    }
    runs.runs
}

fn span(tokens: &[Token]) -> Range<usize> {
    let start = tokens.first().map_or(0, |token| token.range.start);
    start..tokens.last().map_or(start, |token| token.range.end)
}

struct Writer<'a> {
    left: &'a str,
    right: &'a str,
    runs: Vec<Run>,
}

impl Writer<'_> {
    /// How two pieces that read the same differ.
    fn alike(&self, left: &Token, right: &Token) -> Change {
        let raw = (self.left.get(left.range.clone()), self.right.get(right.range.clone()));
        if raw.0 == raw.1 {
            return Change::Same;
        }
        let spelling = |raw: Option<&str>| {
            normal::normalise(raw.unwrap_or_default(), super::TEXT_CHARS_MAX).spelling
        };
        let differing = left.plain.differing(right.plain) | left.relative.differing(right.relative);
        if !differing.is_empty() {
            Change::Disguised(differing)
        } else if spelling(raw.0) == spelling(raw.1) {
            Change::Respelled
        } else {
            // Both are written in the same manner, as whole words in another script are.
            let manner = left.relative | right.relative;
            Change::Disguised(if manner.is_empty() { Tricks::LOOK_ALIKE } else { manner })
        }
    }

    /// Adds a run, or makes the last one longer.
    fn push(&mut self, change: Change, left: Range<usize>, right: Range<usize>) {
        let (left_at, right_at) =
            self.runs.last().map_or((0, 0), |last| (last.left.end, last.right.end));
        let left = if change == Change::Right { left_at..left_at } else { left };
        let right = if change == Change::Left { right_at..right_at } else { right };
        match self.runs.last_mut().filter(|last| last.change == change) {
            Some(last) => (last.left.end, last.right.end) = (left.end, right.end),
            None => self.runs.push(Run { change, left, right }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at<'a>(text: &'a str, range: &Range<usize>) -> &'a str {
        text.get(range.clone()).unwrap()
    }

    fn check(left: &str, right: &str, expected: &[(Change, &str, &str)]) {
        let runs = diff(left, right);
        let shown: Vec<_> = runs
            .iter()
            .map(|run| (run.change, at(left, &run.left), at(right, &run.right)))
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_was_changed_stands_out() {
        check(
            "明日は投票日です",
            "今日は投票日です！",
            &[
                (Change::Replaced, "明", "今"),
                (Change::Same, "日は投票日です", "日は投票日です"),
                (Change::Right, "", "！"),
            ],
        );
        check(
            "Vote now",
            "VOTE now",
            &[(Change::Respelled, "Vote", "VOTE"), (Change::Same, " now", " now")],
        );
        check(
            "投票日",
            "投\u{200b}票日",
            &[
                (Change::Disguised(Tricks::ZERO_WIDTH), "投", "投\u{200b}"),
                (Change::Same, "票日", "票日"),
            ],
        );
        check(
            "ボート",
            "ぼーと",
            &[
                (Change::Disguised(Tricks::KANA), "ボ", "ぼ"),
                (Change::Same, "ー", "ー"),
                (Change::Disguised(Tricks::KANA), "ト", "と"),
            ],
        );
        check("secret", "ѕесrеt", &[(Change::Disguised(Tricks::LOOK_ALIKE), "secret", "ѕесrеt")]);
    }

    proptest! {
        #[test]
        fn runs_make_up_both_texts(left in "[ab明カ \u{200b}о@#.]{0,40}", right in "[ab明か \u{202e}o@#.]{0,40}") {
            let runs = diff(&left, &right);
            let both: (String, String) = runs
                .iter()
                .map(|run| (at(&left, &run.left), at(&right, &run.right)))
                .unzip();
            prop_assert_eq!(both, (left, right));
        }
    }
}
