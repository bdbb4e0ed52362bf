//! Text to tokens, each with its place.

use base64::Engine as _;

use super::fault::{Fault, Span, Wrong};
use super::syntax::{Number, Time};

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// `[ ] ( ) , : . *`
    Mark(char),
    /// `= == != <> < <= > >=`
    Relation(&'static str),
    /// A word of the language.
    Keyword(&'static str),
    /// A name; with a hyphen it can only be a type.
    Name(String),
    Text(String),
    Integer(i128),
    Float(Number),
    Hex(Vec<u8>),
    Binary(Vec<u8>),
    Time(Time),
}

/// The words of the language; they are written in capitals, except the two truth values.
pub(super) const KEYWORDS: &[&str] = &[
    "AND",
    "OR",
    "NOT",
    "FOLLOWEDBY",
    "LIKE",
    "MATCHES",
    "ISSUPERSET",
    "ISSUBSET",
    "EXISTS",
    "LAST",
    "IN",
    "START",
    "STOP",
    "SECONDS",
    "WITHIN",
    "REPEATS",
    "TIMES",
    "true",
    "false",
];

/// Longer ones first.
const RELATIONS: &[&str] = &["==", "!=", "<>", "<=", ">=", "=", "<", ">"];

/// Whether a key can stand in a path without quotation marks.
pub(super) fn is_plain_key(key: &str) -> bool {
    let mut chars = key.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !KEYWORDS.contains(&key)
}

/// All tokens, or the first place that has none.
pub(super) fn tokenise(pattern: &str) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = pattern.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(length) = skipped(rest) {
            at += length;
            continue;
        }
        let (kind, length) =
            token(rest).map_err(|wrong| Fault { wrong, span: Span { start: at, end: at + 1 } })?;
        tokens.push(Token { kind, span: Span { start: at, end: at + length } });
        at += length;
    }
    Ok(tokens)
}

/// White space or a comment at the beginning.
fn skipped(rest: &str) -> Option<usize> {
    let white = rest.len() - rest.trim_start_matches(is_white).len();
    if white > 0 {
        return Some(white);
    }
    if rest.starts_with("//") {
        return Some(rest.find(['\r', '\n']).unwrap_or(rest.len()));
    }
    rest.starts_with("/*").then(|| rest.find("*/").map(|at| at + 2)).flatten()
}

const fn is_white(c: char) -> bool {
    matches!(
        c,
        '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

fn token(rest: &str) -> Result<(Kind, usize), Wrong> {
    let first = rest.chars().next().unwrap_or_default();
    if first == '\'' {
        let (text, length) = quoted(rest).ok_or(Wrong::Unclosed)?;
        return Ok((Kind::Text(text), length));
    }
    if let Some(found) = number(rest)? {
        return Ok(found);
    }
    if matches!(first, '[' | ']' | '(' | ')' | ',' | ':' | '.' | '*') {
        return Ok((Kind::Mark(first), 1));
    }
    if let Some(relation) = RELATIONS.iter().find(|relation| rest.starts_with(**relation)) {
        return Ok((Kind::Relation(relation), relation.len()));
    }
    if first.is_ascii_alphabetic() || first == '_' {
        return Ok(tagged(rest).unwrap_or_else(|| word(rest)));
    }
    let expected = vec!["a word, a constant or a sign of the language"];
    Err(Wrong::Unexpected { found: format!("`{first}`"), expected })
}

fn word(rest: &str) -> (Kind, usize) {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let length = rest.find(|c| !inside(c)).unwrap_or(rest.len());
    let word = rest.get(..length).unwrap_or_default();
    let kind = match KEYWORDS.iter().find(|keyword| **keyword == word) {
        Some(keyword) => Kind::Keyword(keyword),
        None => Kind::Name(word.to_owned()),
    };
    (kind, length)
}

/// `t'…'`, `h'…'` and `b'…'`; anything else after such a letter is a name and a text.
fn tagged(rest: &str) -> Option<(Kind, usize)> {
    let (tag, quoted) = rest.split_at_checked(1)?;
    let (inner, _) = quoted.strip_prefix('\'')?.split_once('\'')?;
    let kind = match tag {
        "t" => Kind::Time(Time::parse(inner)?),
        "h" => Kind::Hex(hex(inner)?),
        "b" if !inner.is_empty() => Kind::Binary(base64_bytes(inner)?),
        _ => return None,
    };
    Some((kind, inner.len() + 3))
}

/// Decodes pairs of hexadecimal digits.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    });
    pairs.collect()
}

/// Decodes base64 with its padding; bits that the padding leaves over are ignored.
pub(super) fn base64_bytes(text: &str) -> Option<Vec<u8>> {
    use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
    );
    ENGINE.decode(text).ok()
}

/// A number at the beginning. `01` is the two numbers `0` and `1`, as in the specification's grammar.
fn number(rest: &str) -> Result<Option<(Kind, usize)>, Wrong> {
    let sign = usize::from(rest.starts_with(['+', '-']));
    let digits = |from: usize| {
        let tail = rest.get(from..).unwrap_or_default();
        tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len())
    };
    let whole = digits(sign);
    let point = sign + whole;
    let text = |length: usize| rest.get(..length).unwrap_or_default();
    let out_of_range = |length: usize| Wrong::Number(text(length).chars().take(40).collect());
    if rest.get(point..).is_some_and(|tail| tail.starts_with('.')) && digits(point + 1) > 0 {
        let length = point + 1 + digits(point + 1);
        let value = text(length).parse().ok().and_then(Number::new);
        return value
            .map(|value| Some((Kind::Float(value), length)))
            .ok_or_else(|| out_of_range(length));
    }
    if whole == 0 {
        return Ok(None);
    }
    let zero = rest.get(sign..).is_some_and(|tail| tail.starts_with('0'));
    let length = if zero { sign + 1 } else { point };
    let value = text(length).parse().map_err(|_| out_of_range(length))?;
    Ok(Some((Kind::Integer(value), length)))
}

/// Decodes the quoted text at the beginning; only `\\` and `\'` are escapes.
fn quoted(rest: &str) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Some((text, at + 1)),
            '\\' => match chars.next()? {
                (_, escaped @ ('\\' | '\'')) => text.push(escaped),
                _ => return None,
            },
            other => text.push(other),
        }
    }
    None
}
