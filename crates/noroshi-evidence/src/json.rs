//! A look at JSON text before anything recurses into it.
//!
//! [`Scanner`] walks a text once, without recursion, and checks the whole grammar of RFC 8259 and the
//! parts of RFC 7493 (I-JSON) on which canonical digests depend: no member name twice, no lone
//! surrogates, no integer that a double cannot hold. What is merely unacceptable (too deep, a double
//! name) is a [`Fault`] of one value and does not stop the walk, so that one bad object of a bundle
//! costs one object; what is not JSON is a [`Syntax`] and does.

use core::fmt;
use std::borrow::Cow;

/// Deepest nesting accepted in one value: the value itself is depth 1 when it is an object or array.
pub const DEPTH_MAX: usize = 64;

/// Largest magnitude of an integer, 2^53 - 1 (RFC 7493 §2.2, STIX 2.1 section 2.7).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Members that an object usually has at most.
const MEMBERS_USUAL: usize = 16;

/// Longest piece of the input repeated in a message, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// The text is not JSON from this place on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} is not JSON: expected {expected}")]
pub struct Syntax {
    /// Where, in bytes from the beginning of the text.
    pub offset: usize,
    /// What would have been JSON.
    pub expected: &'static str,
}

/// The text is JSON but must not be taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// A member name occurs twice in one object: two readers would see two different objects.
    #[error("the member `{0}` occurs twice in one object")]
    Duplicate(String),
    /// A number that a double cannot hold, so that canonical texts would lie.
    #[error("the number `{0}` cannot be held exactly")]
    Number(String),
}

/// A member of the outermost object of a scanned value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member<'a> {
    /// The decoded name.
    pub name: Cow<'a, str>,
    /// The text of the value, without surrounding white space.
    pub value: &'a str,
}

/// One value of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned<'a> {
    /// The text of the value, without surrounding white space.
    pub text: &'a str,
    /// Where it begins, in bytes from the beginning of the text.
    pub offset: usize,
    /// The first reason why it must not be taken in.
    pub fault: Option<Fault>,
}

/// Walks a text value by value.
///
/// ```
/// use noroshi_evidence::json::Scanner;
/// let mut scanner = Scanner::new(r#" {"a": [1, {"b": null}]} tail"#);
/// let mut members = Vec::new();
/// let value = scanner.value(&mut members)?;
/// assert_eq!((value.offset, value.fault), (1, None));
/// assert_eq!((members[0].name.as_ref(), members[0].value), ("a", r#"[1, {"b": null}]"#));
/// assert!(!scanner.at_end());
/// # Ok::<(), noroshi_evidence::json::Syntax>(())
/// ```
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// The containers that are open, `b'{'` or `b'['`; one byte a level, so depth costs no more than input.
    open: Vec<u8>,
    /// Names seen in the open objects; those of the innermost start at the last of `starts`.
    names: Vec<Cow<'a, str>>,
    starts: Vec<usize>,
    fault: Option<Fault>,
}

/// What may come next inside a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    ValueOrEnd,
    Name,
    NameOrEnd,
    CommaOrEnd,
    Nothing,
}

impl<'a> Scanner<'a> {
    /// Begins at the first byte.
    pub const fn new(text: &'a str) -> Self {
        Self { text, at: 0, open: Vec::new(), names: Vec::new(), starts: Vec::new(), fault: None }
    }

    /// Where the walk stands, in bytes.
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// Whether only white space is left.
    pub fn at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// The next byte that is not white space, not consumed.
    pub fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Consumes `byte` if it comes next after white space.
    pub fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    /// Consumes `byte` or says that it was expected.
    pub fn require(&mut self, byte: u8, expected: &'static str) -> Result<(), Syntax> {
        if self.take(byte) { Ok(()) } else { Err(self.syntax(expected)) }
    }

    /// Consumes a member name and its colon.
    pub fn member_name(&mut self) -> Result<Cow<'a, str>, Syntax> {
        self.require(b'"', "a member name")?;
        let name = self.string()?;
        self.require(b':', "a colon")?;
        Ok(name)
    }

    /// Consumes one value of any depth; `members` receives those of its outermost object.
    pub fn value(&mut self, members: &mut Vec<Member<'a>>) -> Result<Scanned<'a>, Syntax> {
        members.clear();
        self.open.clear();
        self.names.clear();
        self.starts.clear();
        self.fault = None;
        // Most objects have fewer members and levels: one allocation each instead of several that grow.
        members.reserve(MEMBERS_USUAL);
        self.names.reserve(MEMBERS_USUAL);
        if self.peek().is_none() {
            return Err(self.syntax("a value"));
        }
        let offset = self.at;
        let mut next = Next::Value;
        let mut member: Option<(Cow<'a, str>, usize)> = None;
        while next != Next::Nothing {
            next = match next {
                Next::Name | Next::NameOrEnd => {
                    if next == Next::NameOrEnd && self.take(b'}') {
                        self.close()
                    } else {
                        let name = self.member_name()?;
                        if self.open.len() == 1 {
                            self.peek();
                            member = Some((name.clone(), self.at));
                        }
                        self.remember(name);
                        Next::Value
                    }
                }
                Next::Value | Next::ValueOrEnd => self.value_step(next)?,
                Next::CommaOrEnd => self.comma_step()?,
                Next::Nothing => Next::Nothing,
            };
            if next == Next::CommaOrEnd
                && self.open.len() == 1
                && let Some((name, start)) = member.take()
            {
                let value = self.text.get(start..self.at).unwrap_or_default();
                members.push(Member { name, value });
            }
        }
        let text = self.text.get(offset..self.at).unwrap_or_default();
        Ok(Scanned { text, offset, fault: self.fault.take() })
    }

    fn value_step(&mut self, next: Next) -> Result<Next, Syntax> {
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                self.enter(b'{');
                return Ok(Next::NameOrEnd);
            }
            Some(b'[') => {
                self.at += 1;
                self.enter(b'[');
                return Ok(Next::ValueOrEnd);
            }
            Some(b']') if next == Next::ValueOrEnd => {
                self.at += 1;
                return Ok(self.close());
            }
            Some(b'"') => {
                self.at += 1;
                self.string_end()?;
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.literal("true")?,
            Some(b'f') => self.literal("false")?,
            Some(b'n') => self.literal("null")?,
            _ => return Err(self.syntax("a value")),
        }
        Ok(self.after_value())
    }

    fn comma_step(&mut self) -> Result<Next, Syntax> {
        let (end, expected, next) = match self.open.last() {
            Some(b'{') => (b'}', "a comma or the end of an object", Next::Name),
            _ => (b']', "a comma or the end of an array", Next::Value),
        };
        if self.take(b',') {
            Ok(next)
        } else if self.take(end) {
            Ok(self.close())
        } else {
            Err(self.syntax(expected))
        }
    }

    fn enter(&mut self, container: u8) {
        self.open.push(container);
        if self.open.len() <= DEPTH_MAX {
            self.starts.push(self.names.len());
        } else {
            self.blame(|| Fault::TooDeep);
        }
    }

    fn close(&mut self) -> Next {
        if self.open.len() <= DEPTH_MAX
            && let Some(start) = self.starts.pop()
        {
            // Sorting keeps the check at n log n even for an object made of nothing but names.
            let names = self.names.get_mut(start..).unwrap_or_default();
            names.sort_unstable();
            let twice = names.windows(2).find_map(|pair| match pair {
                [left, right] if left == right => Some(shown(left)),
                _ => None,
            });
            if let Some(name) = twice {
                self.blame(|| Fault::Duplicate(name));
            }
            self.names.truncate(start);
        }
        self.open.pop();
        self.after_value()
    }

    fn after_value(&self) -> Next {
        if self.open.is_empty() { Next::Nothing } else { Next::CommaOrEnd }
    }

    fn remember(&mut self, name: Cow<'a, str>) {
        if self.open.len() <= DEPTH_MAX {
            self.names.push(name);
        }
    }

    fn blame(&mut self, fault: impl FnOnce() -> Fault) {
        if self.fault.is_none() {
            self.fault = Some(fault());
        }
    }

    fn literal(&mut self, word: &'static str) -> Result<(), Syntax> {
        let found = self
            .text
            .as_bytes()
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(word.as_bytes()));
        if !found {
            return Err(self.syntax("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// The opening quote has been consumed.
    fn string(&mut self) -> Result<Cow<'a, str>, Syntax> {
        let start = self.at;
        let escaped = self.string_end()?;
        let inside = self.text.get(start..self.at.saturating_sub(1)).unwrap_or_default();
        if !escaped {
            return Ok(Cow::Borrowed(inside));
        }
        let quoted = self.text.get(start.saturating_sub(1)..self.at).unwrap_or_default();
        match serde_json::from_str(quoted) {
            Ok(decoded) => Ok(Cow::Owned(decoded)),
            Err(_) => Err(Syntax { offset: start, expected: "a string" }),
        }
    }

    /// Consumes the rest of a string with its closing quote; answers whether it holds escapes.
    fn string_end(&mut self) -> Result<bool, Syntax> {
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        loop {
            let rest = bytes.get(self.at..).unwrap_or_default();
            let Some(plain) = plain_bytes(rest) else {
                self.at = bytes.len();
                return Err(self.syntax("the end of a string"));
            };
            self.at += plain;
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(self.syntax("an escaped control character")),
            }
        }
    }

    /// Stands on the backslash.
    fn escape(&mut self) -> Result<(), Syntax> {
        let bytes = self.text.as_bytes();
        match bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let unit = self.hex4(self.at + 2)?;
                self.at += 6;
                // RFC 7493 §2.1: surrogates come in pairs, high before low.
                if (0xdc00..0xe000).contains(&unit) {
                    return Err(self.syntax("a high surrogate before"));
                }
                if (0xd800..0xdc00).contains(&unit) {
                    let follows = bytes.get(self.at..self.at + 2) == Some(b"\\u".as_slice());
                    if !follows || !(0xdc00..0xe000).contains(&self.hex4(self.at + 2)?) {
                        return Err(self.syntax("a low surrogate"));
                    }
                    self.at += 6;
                }
            }
            _ => return Err(self.syntax("an escape sequence")),
        }
        Ok(())
    }

    fn hex4(&self, at: usize) -> Result<u32, Syntax> {
        let digits = self.text.get(at..at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        digits
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or_else(|| self.syntax("four hexadecimal digits"))
    }

    /// Stands on the first byte of the number (RFC 8259 §6).
    fn number(&mut self) -> Result<(), Syntax> {
        let start = self.at;
        self.take_raw(b'-');
        if !self.take_raw(b'0') {
            self.digits()?;
        }
        let mut integer = true;
        if self.take_raw(b'.') {
            integer = false;
            self.digits()?;
        }
        if self.take_raw(b'e') || self.take_raw(b'E') {
            integer = false;
            if !self.take_raw(b'+') {
                self.take_raw(b'-');
            }
            self.digits()?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        let exact = if integer {
            text.trim_start_matches('-').parse::<u64>().is_ok_and(|value| value <= INTEGER_MAX)
        } else {
            text.parse::<f64>().is_ok_and(f64::is_finite)
        };
        if !exact {
            self.blame(|| Fault::Number(shown(text)));
        }
        Ok(())
    }

    fn take_raw(&mut self, byte: u8) -> bool {
        let found = self.text.as_bytes().get(self.at) == Some(&byte);
        if found {
            self.at += 1;
        }
        found
    }

    fn digits(&mut self) -> Result<(), Syntax> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.syntax("a digit"));
        }
        self.at += count;
        Ok(())
    }

    const fn syntax(&self, expected: &'static str) -> Syntax {
        Syntax { offset: self.at, expected }
    }
}

/// How many bytes stand before the next quote, backslash or control character; eight are looked at together.
fn plain_bytes(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut before = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        // The lowest high bit that these leave marks the first such byte; those above it may be wrong.
        let below = |word: u64, least: u64| word.wrapping_sub(ONES * least) & !word & HIGHS;
        let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        let found = below(word, 0x20) | equal(b'"') | equal(b'\\');
        if found != 0 {
            return Some(before + usize::try_from(found.trailing_zeros() / 8).unwrap_or_default());
        }
        before += 8;
    }
    let at = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
    Some(before + at)
}

impl fmt::Debug for Scanner<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Scanner").field("at", &self.at).finish_non_exhaustive()
    }
}

/// The beginning of a piece of hostile input, safe to repeat in a message.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX).collect()
}

/// The content of a scanned value if it is a string.
pub(crate) fn as_string(value: &str) -> Option<Cow<'_, str>> {
    let inside = value.strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') {
        serde_json::from_str(value).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inside))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scan(text: &str) -> Result<Option<Fault>, Syntax> {
        let mut scanner = Scanner::new(text);
        let value = scanner.value(&mut Vec::new())?;
        if scanner.at_end() { Ok(value.fault) } else { Err(scanner.syntax("the end")) }
    }

    #[test]
    fn what_the_grammar_has_is_accepted() {
        for text in [
            "null",
            " true ",
            "-0",
            "0.5e-7",
            "1E+2",
            "[]",
            "{}",
            "[[],{}]",
            r#""""#,
            r#""\ud83d\ude00\u0000\/""#,
            r#"{"":{"":[null,false]}}"#,
            "9007199254740991",
            "\"\u{7f}狼煙\"",
            "\t\r\n[ 1 , 2 ]\n",
        ] {
            assert_eq!(scan(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn what_the_grammar_has_not_is_refused() {
        for text in [
            "",
            " ",
            "nul",
            "nulll",
            "True",
            "NaN",
            "Infinity",
            "+1",
            "01",
            "1.",
            ".5",
            "1e",
            "-",
            "0x1",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[",
            "]",
            "{",
            "}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            "{a:1}",
            "{1:1}",
            "[1}",
            r#"{"a":1]"#,
            "\"",
            "\"\n\"",
            "\"\t\"",
            "\"\0\"",
            r#""\x""#,
            r#""\u12""#,
            r#""\ud800""#,
            r#""\udc00\ud800""#,
            r#""\ud800\u0041""#,
            "'a'",
            "// a\n1",
            "\u{feff}1",
            "1 1",
            "[1]]",
            "[\"\\\"]",
            "\"\\",
            "\"\\u狼煙狼煙\"",
        ] {
            assert!(scan(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_must_not_be_taken_in_is_a_fault() {
        let duplicate = |name: &str| Ok(Some(Fault::Duplicate(name.to_owned())));
        assert_eq!(scan(r#"{"a":1,"b":2,"a":3}"#), duplicate("a"));
        assert_eq!(scan(r#"{"a":1,"\u0061":3}"#), duplicate("a"));
        assert_eq!(scan(r#"[{"x":{"q":1,"q":1}}]"#), duplicate("q"));
        assert_eq!(scan(r#"{"a":{"a":1},"b":[{"a":1},{"a":1}]}"#), Ok(None));
        for number in ["1e999", "-1e400", "9007199254740992", "-99999999999999999999999"] {
            assert_eq!(scan(number), Ok(Some(Fault::Number(number.to_owned()))));
        }
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(scan(&nested(DEPTH_MAX)), Ok(None));
        assert_eq!(scan(&nested(DEPTH_MAX + 1)), Ok(Some(Fault::TooDeep)));
    }

    #[test]
    fn depth_costs_no_stack_and_doubles_no_time() {
        let deep = format!("{}1{}", "[{\"a\":".repeat(500_000), "}]".repeat(500_000));
        assert_eq!(scan(&deep), Ok(Some(Fault::TooDeep)));
        assert!(scan(&"[".repeat(1_000_000)).is_err());
        let names: Vec<String> = (0..200_000).map(|n| format!("\"{n}\":0")).collect();
        let wide = format!("{{{},\"7\":1}}", names.join(","));
        assert_eq!(scan(&wide), Ok(Some(Fault::Duplicate("7".to_owned()))));
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i32>().prop_map(Into::into),
            any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Into::into),
            ".{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map(".{0,6}", inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn eight_bytes_together_stop_where_one_by_one_do(
            bytes in prop::collection::vec(prop_oneof![8 => any::<u8>(), 1 => Just(b'"'), 1 => Just(b'\\')], 0..40),
        ) {
            let one_by_one = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            prop_assert_eq!(plain_bytes(&bytes), one_by_one);
            let plain: Vec<u8> = bytes.iter().map(|byte| byte | 0xa0).collect();
            prop_assert_eq!(plain_bytes(&plain), None);
        }
    }

    proptest! {
        #[test]
        fn every_written_value_scans_and_its_members_are_found(value in json()) {
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let mut members = Vec::new();
                let mut scanner = Scanner::new(&text);
                let scanned = scanner.value(&mut members).unwrap();
                prop_assert_eq!(scanned.text, text.as_str());
                prop_assert_eq!(&scanned.fault, &None);
                let found: serde_json::Map<_, _> = members
                    .iter()
                    .map(|m| (m.name.to_string(), serde_json::from_str(m.value).unwrap()))
                    .collect();
                prop_assert_eq!(found, value.as_object().cloned().unwrap_or_default());
            }
        }

        #[test]
        fn scanner_and_parser_agree_on_what_is_json(text in r#"[\[\]{}:,"\\u0-9a-fA-F.eE+ tn\-]{0,24}"#) {
            let parsed = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            match scan(&text) {
                Ok(None) => prop_assert!(parsed, "only the scanner takes {}", text),
                Ok(Some(_)) => {}
                Err(_) => prop_assert!(!parsed, "only the parser takes {}", text),
            }
        }
    }
}
