//! A text in pieces that can be compared: words, and single letters where there are no spaces.
//!
//! Word boundaries are those of UAX #29, but all kana and Han are parted letter by letter, so that a word in the other kana
//! has the same pieces. Invisible characters are no
//! boundary: they belong to the piece before them. A locator, a handle and a hashtag are one piece each.

use core::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::fold::{self, Script};
use super::normal::{self, Tricks};

/// Pieces that are looked at; what lies beyond is one last piece.
pub(super) const TOKENS_MAX: usize = 4_000;

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Number,
    Locator,
    Handle,
    /// Punctuation, spaces, emoji.
    Other,
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// Where it stands, in bytes.
    pub(super) range: Range<usize>,
    /// Equal for two pieces that read the same.
    pub(super) folded: String,
    pub(super) kind: Kind,
    pub(super) plain: Tricks,
    pub(super) relative: Tricks,
}

impl Token {
    /// Whether it says something.
    pub(super) fn is_said(&self) -> bool {
        self.kind != Kind::Other
    }
}

/// The pieces of a text, without a gap.
pub(super) fn tokens(raw: &str) -> Vec<Token> {
    // What is seen, and where each byte of it stands in the text.
    let mut seen = String::with_capacity(raw.len());
    let mut places: Vec<(usize, usize)> = Vec::new();
    for (at, c) in raw.char_indices() {
        if !normal::is_invisible(c) && !normal::OVERRIDES.contains(&c) && c != '\u{202c}' {
            places.push((seen.len(), at));
            seen.push(c);
        }
    }
    let place = |at: usize| {
        let found = places.binary_search_by_key(&at, |(seen, _)| *seen);
        found.ok().and_then(|place| places.get(place)).map_or(raw.len(), |(_, raw)| *raw)
    };
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(rest) = seen.get(start..).filter(|rest| !rest.is_empty()) {
        let (length, kind) =
            if tokens.len() == TOKENS_MAX { (rest.len(), Kind::Other) } else { next(rest) };
        let from = if start == 0 { 0 } else { place(start) };
        let range = from..place(start + length);
        tokens.push(token(raw, rest.get(..length).unwrap_or_default(), range, kind));
        start += length;
    }
    if tokens.is_empty() && !raw.is_empty() {
        tokens.push(token(raw, "", 0..raw.len(), Kind::Other));
    }
    tokens
}

/// How long the next piece is, and what it is.
fn next(rest: &str) -> (usize, Kind) {
    let ascii = |text: &str, allowed: fn(char) -> bool| {
        text.find(|c: char| !allowed(c)).unwrap_or(text.len())
    };
    if normal::starts_locator(rest) {
        return (ascii(rest, |c| c.is_ascii_graphic()), Kind::Locator);
    }
    if let Some(name) = rest.strip_prefix(['@', '\u{ff20}', '#', '\u{ff03}']) {
        let is_handle = rest.starts_with(['@', '\u{ff20}']);
        let length = if is_handle {
            ascii(name, |c| c.is_ascii_alphanumeric() || c == '_')
        } else {
            ascii(name, |c| c.is_alphanumeric() || c == '_' || c == '\u{30fc}')
        };
        if length > 0 {
            let kind = if is_handle { Kind::Handle } else { Kind::Word };
            return (rest.len() - name.len() + length, kind);
        }
    }
    let is_letter = |c| fold::is_east_asian(c) || matches!(c, '\u{ff66}'..='\u{ff9f}');
    let word = if rest.starts_with(is_letter) {
        rest.graphemes(true).next().unwrap_or(rest)
    } else {
        rest.split_word_bounds().next().unwrap_or(rest)
    };
    let kind = if !word.chars().any(char::is_alphanumeric) {
        Kind::Other
    } else if word.chars().all(|c| c.is_numeric() || matches!(c, '.' | ',')) {
        Kind::Number
    } else {
        Kind::Word
    };
    (word.len(), kind)
}

fn token(raw: &str, seen: &str, range: Range<usize>, kind: Kind) -> Token {
    let text = raw.get(range.clone()).unwrap_or_default();
    let normal = normal::normalise(text, super::TEXT_CHARS_MAX);
    let mut plain = normal.plain;
    if text.contains(normal::is_invisible) && kind != Kind::Other {
        plain = plain | Tricks::ZERO_WIDTH;
    }
    if text.contains(normal::OVERRIDES) {
        plain = plain | Tricks::DIRECTION;
    }
    // A whole word in another script's letters: look-alikes become Latin whatever the word is mostly of.
    let folded: String =
        normal.text.chars().map(|c| fold::look_alike(c, Script::Latin).unwrap_or(c)).collect();
    let folded = if folded.is_empty() || kind == Kind::Locator || kind == Kind::Handle {
        seen.to_lowercase()
    } else {
        folded
    };
    Token { range, folded, kind, plain, relative: normal.relative }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_words_and_letters_and_have_no_gap() {
        let raw = "Vo\u{200b}te明日カタカナ https://x.example/a。@kiln #投票日 1,000";
        let tokens = tokens(raw);
        let pieces: Vec<&str> =
            tokens.iter().map(|token| raw.get(token.range.clone()).unwrap()).collect();
        assert_eq!(
            pieces,
            [
                "Vo\u{200b}te",
                "明",
                "日",
                "カ",
                "タ",
                "カ",
                "ナ",
                " ",
                "https://x.example/a",
                "。",
                "@kiln",
                " ",
                "#投票日",
                " ",
                "1,000"
            ]
        );
        assert_eq!(tokens[0].folded, "vote");
        assert!(tokens[0].plain.contains(Tricks::ZERO_WIDTH));
        assert_eq!(tokens[14].kind, Kind::Number);
    }

    #[test]
    fn nothing_but_invisible_characters_is_one_piece() {
        assert_eq!(tokens("\u{200b}\u{200b}").len(), 1);
        assert!(tokens("").is_empty());
    }
}
