//! What a text generator left in a post by mistake.
//!
//! Refusals, sentences in which a program speaks of itself, headings of drafts, placeholders that nobody filled in and marks of
//! tools: exact phrases, each with its place. This is no classifier of machine-written text. Such classifiers do not tell
//! accounts apart (Yang and Menczer, arXiv 2307.16336), and a text without a hit says nothing about who wrote it.
//!
//! A hit is an exhibit and no verdict: people quote such phrases and joke with them. What stands in quotation marks, or behind a
//! mark of quotation, is said to.
//!
//! ```
//! use noroshi_insight::residue::{Class, residue};
//! let text = "As an AI language model, I cannot fulfill this request. #harbour";
//! let hits = residue(text);
//! assert_eq!(hits.iter().map(|hit| hit.rule).collect::<Vec<_>>(), ["en-self-1", "en-refusal-1"]);
//! assert_eq!((hits[0].class, &text[hits[0].range.clone()]), (Class::Itself, "As an AI language model"));
//! ```

use core::ops::Range;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

/// So many bytes of a text are read; what generators leave stands at the beginning or the end of a post.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// So many characters may stand in the place of `…` in a phrase.
const GAP_CHARS_MAX: usize = 40;

/// What a phrase is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The program speaks of itself.
    Itself,
    /// The program does not do what it was asked.
    Refusal,
    /// The heading of a draft, or an offer to change it.
    Draft,
    /// A place that somebody should have filled in.
    Placeholder,
    /// A mark that only a tool writes.
    Tool,
    /// Markup of an answer that was copied whole.
    Markup,
}

impl Class {
    /// The word that stands in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Itself => "self",
            Self::Refusal => "refusal",
            Self::Draft => "draft",
            Self::Placeholder => "placeholder",
            Self::Tool => "tool",
            Self::Markup => "markup",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Itself, Self::Refusal, Self::Draft, Self::Placeholder, Self::Tool, Self::Markup]
            .into_iter()
            .find(|class| class.name() == name)
    }
}

/// A phrase that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The name of the rule in the list.
    pub rule: &'static str,
    /// The language of the phrase: `en`, `ja`, `zh`, `ko`, `ru`, or `-` for marks that have none.
    pub language: &'static str,
    /// What it is.
    pub class: Class,
    /// Where it stands, in bytes of the text.
    pub range: Range<usize>,
    /// Whether it stands in quotation marks or in a line that is marked as quoted.
    pub quoted: bool,
}

/// A line of the list.
struct Rule {
    name: &'static str,
    language: &'static str,
    class: Class,
    /// The parts between gaps, folded.
    parts: Vec<String>,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    include_str!("rules.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut cells = line.split('\t');
            let (name, language) = (cells.next()?, cells.next()?);
            let class = Class::named(cells.next()?)?;
            let parts = cells.next()?.split('…').map(|part| Folded::of(part).text).collect();
            Some(Rule { name, language, class, parts })
        })
        .collect()
});

/// The phrases in a text, in the order of their places.
pub fn residue(text: &str) -> Vec<Hit> {
    let read = text.floor_char_boundary(TEXT_BYTES_MAX.min(text.len()));
    let folded = Folded::of(text.get(..read).unwrap_or_default());
    let mut hits: Vec<Hit> = RULES
        .iter()
        .flat_map(|rule| {
            let found = places(&folded.text, &rule.parts);
            found.into_iter().map(|place| {
                let range = folded.raw(&place);
                let quoted = is_quoted(text, &range);
                Hit { rule: rule.name, language: rule.language, class: rule.class, range, quoted }
            })
        })
        .collect();
    hits.sort_by(|one, other| {
        (one.range.start, one.range.end, one.rule).cmp(&(
            other.range.start,
            other.range.end,
            other.rule,
        ))
    });
    hits
}

/// Where the parts stand one behind the other, not overlapping.
fn places(text: &str, parts: &[String]) -> Vec<Range<usize>> {
    let Some((first, others)) = parts.split_first() else { return Vec::new() };
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find(first.as_str())) {
        let start = from + at;
        let end = others.iter().try_fold(start + first.len(), |end, part| after(text, end, part));
        if let Some(end) = end {
            found.push(start..end);
        }
        from = end.unwrap_or(start + first.len()).max(start + 1);
    }
    found
}

/// The end of the part that follows within the gap and on the same line.
fn after(text: &str, end: usize, part: &str) -> Option<usize> {
    let rest = text.get(end..)?;
    let line = rest.split('\n').next()?;
    let at = line.find(part)?;
    let gap = line.get(..at)?.chars().count();
    (gap <= GAP_CHARS_MAX).then_some(end + at + part.len())
}

/// A text in which phrases are looked for, and where each byte of it comes from.
struct Folded {
    text: String,
    /// For each character: where it starts here, and where in the text it was made of.
    from: Vec<(usize, Range<usize>)>,
}

impl Folded {
    fn of(raw: &str) -> Self {
        let mut folded = Self { text: String::with_capacity(raw.len()), from: Vec::new() };
        for (at, c) in raw.char_indices() {
            let range = at..at + c.len_utf8();
            if matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}') {
                continue;
            }
            for part in core::iter::once(c).nfkc().flat_map(char::to_lowercase) {
                folded.push(part, range.clone());
            }
        }
        folded
    }

    fn push(&mut self, c: char, range: Range<usize>) {
        let c = match c {
            '\u{2018}' | '\u{2019}' => '\'',
            '\u{201c}' | '\u{201d}' => '"',
            '\n' => c,
            _ if c.is_whitespace() => ' ',
            _ => c,
        };
        if c == ' ' && self.text.ends_with([' ', '\n']) {
            return;
        }
        self.from.push((self.text.len(), range));
        self.text.push(c);
    }

    /// Where a place of this text is in the raw one.
    fn raw(&self, place: &Range<usize>) -> Range<usize> {
        let within = |from: &&(usize, Range<usize>)| place.contains(&from.0);
        let start = self.from.iter().find(within).map_or(0, |(_, range)| range.start);
        start..self.from.iter().rev().find(within).map_or(start, |(_, range)| range.end)
    }
}

/// Whether a place is in quotation marks on its line, or its line starts as a quotation does.
fn is_quoted(text: &str, range: &Range<usize>) -> bool {
    const PAIRS: [(char, char); 6] = [
        ('"', '"'),
        ('\u{201c}', '\u{201d}'),
        ('\u{300c}', '\u{300d}'),
        ('\u{300e}', '\u{300f}'),
        ('«', '»'),
        ('‘', '’'),
    ];
    let before = text.get(..range.start).unwrap_or_default();
    let before = before.rsplit('\n').next().unwrap_or_default();
    let behind = text.get(range.end..).unwrap_or_default().split('\n').next().unwrap_or_default();
    if before.trim_start().starts_with(['>', '\u{ff1e}']) {
        return true;
    }
    PAIRS.iter().any(|(open, close)| {
        let opened = before.chars().filter(|c| c == open).count();
        let closed = before.chars().filter(|c| c == close).count();
        let inside = if open == close { opened % 2 == 1 } else { opened > closed };
        inside && behind.contains(*close)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &[(&str, &str, bool)]) {
        let hits = residue(text);
        let found: Vec<(&str, &str, bool)> = hits
            .iter()
            .map(|hit| (hit.rule, text.get(hit.range.clone()).unwrap(), hit.quoted))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn every_line_of_the_list_is_a_rule_that_finds_itself() {
        let lines = include_str!("rules.tsv").lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(RULES.len(), lines);
        for rule in RULES.iter() {
            let text = rule.parts.join("x ");
            assert!(residue(&text).iter().any(|hit| hit.rule == rule.name), "{}", rule.name);
        }
    }

    #[test]
    fn phrases_are_found_in_five_languages_with_their_place() {
        check(
            "本文 ＡＩ言語モデルとして、お答えします",
            &[("ja-self-1", "ＡＩ言語モデルとして", false)],
        );
        check(
            "申し訳ありませんが、その依頼には対応できません。",
            &[("ja-refusal-1", "申し訳ありませんが、その依頼には対応できません", false)],
        );
        check("很抱歉，我无法回答", &[("zh-refusal-1", "很抱歉，我无法", false)]);
        check("AI 언어 모델로서 저는", &[("ko-self-1", "AI 언어 모델로서", false)]);
        check("Извините, но я не могу", &[("ru-refusal-1", "Извините, но я не могу", false)]);
        check(
            "Sure,  here’s a\u{200b} tweet:",
            &[("en-draft-1", "Sure,  here’s a\u{200b} tweet", false)],
        );
        check(
            "Vote for [insert\u{a0}name]!",
            &[
                ("en-place-1", "[insert\u{a0}name]", false),
                ("en-place-2", "[insert\u{a0}name]", false),
            ],
        );
    }

    #[test]
    fn quotations_are_said_to_be_quotations() {
        check(
            "He wrote \"As an AI language model\" as a joke",
            &[("en-self-1", "As an AI language model", true)],
        );
        check("> as an ai language model\nlol", &[("en-self-1", "as an ai language model", true)]);
        check("「AI言語モデルとして」と言われた", &[("ja-self-1", "AI言語モデルとして", true)]);
    }

    #[test]
    fn what_people_write_is_no_hit() {
        for text in [
            "I cannot come on Monday, sorry",
            "申し訳ありませんが、本日は閉店しました",
            "Here are three lanterns and a kettle",
            "как модель поезда",
            "",
        ] {
            check(text, &[]);
        }
        let far = format!("申し訳ありませんが、{}できません", "あ".repeat(41));
        check(&far, &[]);
        check("申し訳ありませんが、\n参加できません", &[]);
    }

    proptest! {
        #[test]
        fn places_are_places_of_the_text(text in "(as an AI|language|model|İ|ﬁ|\u{200b}| |[insert|]|\\PC){0,20}") {
            for hit in residue(&text) {
                prop_assert!(text.get(hit.range).is_some());
            }
        }
    }
}
