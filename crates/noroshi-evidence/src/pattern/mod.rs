//! The observables of an indicator's pattern, as far as they can be read honestly.
//!
//! The STIX pattern language (section 9 of the standard) can say much more than "one of these was seen".
//! [`read`] answers [`Reading::Any`] only if that is all the pattern says; otherwise it names what it did
//! not read, so that nobody takes a condition for an unconditional match.

mod dialect;
pub mod fault;
mod hash;
#[cfg(test)]
#[path = "tests.rs"]
mod language_tests;
mod lex;
pub mod matcher;
mod network;
pub mod normal;
pub mod observed;
pub mod parse;
mod solve;
pub mod syntax;
pub mod value;

use crate::observable::{FileHash, HashAlgorithm, Observable};

/// Longest pattern looked at, in bytes.
pub const PATTERN_BYTES_MAX: usize = 64 * 1024;
/// Most observables taken out of one pattern.
pub const OBSERVABLES_MAX: usize = 10_000;
/// Deepest nesting of parentheses followed.
pub const PARENTHESES_MAX: usize = 16;

/// Why a pattern says more, or other, than "one of these was seen".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// Longer than [`PATTERN_BYTES_MAX`] or with more than [`OBSERVABLES_MAX`] observables.
    #[error("the pattern is too long")]
    TooLong,
    /// The text is not a pattern, or uses a form of literal that is not read, from this byte on.
    #[error("the pattern is not understood from byte {0} on")]
    Syntax(usize),
    /// An operator or qualifier that adds a condition: `AND`, `NOT`, `FOLLOWEDBY`, `WITHIN`, …
    #[error("the pattern uses `{0}`")]
    Operator(String),
    /// A property that is no observable of the house.
    #[error("the pattern looks at `{0}`")]
    Path(String),
    /// A value that is not an observable of the kind the property holds.
    #[error("the pattern compares with `{0}`, which is not a value of that kind")]
    Value(String),
}

impl Unread {
    /// The stable code shown to a user.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "NRS-EVID-0070",
            Self::Syntax(_) => "NRS-EVID-0071",
            Self::Operator(_) => "NRS-EVID-0072",
            Self::Path(_) => "NRS-EVID-0073",
            Self::Value(_) => "NRS-EVID-0074",
        }
    }
}

/// What could be read of a pattern. Observables are sorted and occur once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// The pattern matches exactly when one of these is seen (addresses: inside one of these networks).
    Any(Vec<Observable>),
    /// The pattern mentions these without negation, but says more or other than that one was seen.
    Partial {
        /// What it mentions.
        mentioned: Vec<Observable>,
        /// The first thing that was not read.
        unread: Unread,
    },
}

impl Reading {
    /// The observables, whatever the pattern says about them: good enough to correlate by, not to act on.
    pub fn mentioned(&self) -> &[Observable] {
        match self {
            Self::Any(observables) | Self::Partial { mentioned: observables, .. } => observables,
        }
    }
}

/// Reads a pattern of type `stix`.
///
/// ```
/// use noroshi_evidence::pattern::{Reading, read};
/// let plain = read("[ipv4-addr:value ISSUBSET '198.51.100.0/24' OR domain-name:value = 'evil.example']");
/// assert!(matches!(plain, Reading::Any(observables) if observables.len() == 2));
/// let joined = read("[domain-name:value = 'evil.example' AND ipv4-addr:value = '192.0.2.1']");
/// assert!(matches!(joined, Reading::Partial { mentioned, .. } if mentioned.len() == 2));
/// ```
pub fn read(pattern: &str) -> Reading {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Reading::Partial { mentioned: Vec::new(), unread: Unread::TooLong };
    }
    let (tokens, problem) = tokenise(pattern);
    let mut found = Vec::new();
    let answer = match problem {
        Some(problem) => Err(problem),
        None => Parser { tokens: &tokens, at: 0, end: pattern.len(), depth: 0 }.whole(&mut found),
    };
    if answer.is_err() {
        found = mentioned(&tokens);
    }
    found.sort();
    found.dedup();
    if found.len() > OBSERVABLES_MAX {
        found.truncate(OBSERVABLES_MAX);
        return Reading::Partial { mentioned: found, unread: Unread::TooLong };
    }
    match answer {
        Ok(()) => Reading::Any(found),
        Err(unread) => Reading::Partial { mentioned: found, unread },
    }
}

/// Writes the pattern that matches when one of the observables is seen; `None` if there are none.
///
/// Sorted and without doubles, so equal sets give equal texts.
pub fn write<'a>(observables: impl IntoIterator<Item = &'a Observable>) -> Option<String> {
    let mut comparisons: Vec<&Observable> = observables.into_iter().collect();
    comparisons.sort();
    comparisons.dedup();
    let comparisons: Vec<String> = comparisons.into_iter().map(comparison).collect();
    (!comparisons.is_empty()).then(|| format!("[{}]", comparisons.join(" OR ")))
}

fn comparison(observable: &Observable) -> String {
    let value = observable.to_string().replace('\\', "\\\\").replace('\'', "\\'");
    match observable {
        Observable::FileHash(hash) => {
            format!("file:hashes.'{}' = '{value}'", hash.algorithm().stix_name())
        }
        // ISSUBSET holds for a whole network; equality would compare texts.
        other if !other.is_single() => format!("{}:value ISSUBSET '{value}'", other.stix_type()),
        other => format!("{}:value = '{value}'", other.stix_type()),
    }
}

/// A token with the byte at which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token<'a> {
    at: usize,
    kind: Kind<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind<'a> {
    /// `[ ] ( ) ,`
    Mark(char),
    /// `= != < > <= >=`
    Operator(&'a str),
    /// `ipv4-addr:value`
    Path(&'a str),
    /// `AND`, `ISSUBSET`, a number, …
    Word(&'a str),
    /// `'evil.example'`, decoded.
    Text(String),
}

/// The tokens up to the first place that has none.
fn tokenise(pattern: &str) -> (Vec<Token<'_>>, Option<Unread>) {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = pattern.get(at..).filter(|rest| !rest.is_empty()) {
        let Some((kind, length)) = token(rest) else {
            return (tokens, Some(Unread::Syntax(at)));
        };
        if let Some(kind) = kind {
            tokens.push(Token { at, kind });
        }
        at += length;
    }
    (tokens, None)
}

/// The token at the beginning of `rest` and its length in bytes; white space is a token of no kind.
fn token(rest: &str) -> Option<(Option<Kind<'_>>, usize)> {
    let first = rest.chars().next()?;
    match first {
        ' ' | '\t' | '\r' | '\n' => Some((None, 1)),
        '[' | ']' | '(' | ')' | ',' => Some((Some(Kind::Mark(first)), 1)),
        '\'' => {
            let (text, length) = quoted(rest)?;
            Some((Some(Kind::Text(text)), length))
        }
        '=' | '!' | '<' | '>' => {
            let length = ["==", "!=", "<>", "<=", ">="]
                .iter()
                .find(|two| rest.starts_with(**two))
                .map_or(1, |two| two.len());
            Some((Some(Kind::Operator(rest.get(..length)?)), length))
        }
        _ if first.is_ascii_alphanumeric() || first == '-' || first == '+' => {
            let length = word_length(rest);
            let word = rest.get(..length)?;
            // `t'…'`, `h'…'` and `b'…'` are literals of other types.
            let other_literal = rest.get(length..)?.starts_with('\'');
            let kind = if word.contains(':') { Kind::Path(word) } else { Kind::Word(word) };
            (!other_literal).then_some((Some(kind), length))
        }
        _ => None,
    }
}

/// Letters, digits and `_ - : . +`, quoted parts after a dot, and indexes such as `[*]` and `[0]`.
fn word_length(rest: &str) -> usize {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '.' | '+');
    let mut length = 0;
    while let Some(tail) = rest.get(length..) {
        let step = tail.find(|c: char| !plain(c)).unwrap_or(tail.len());
        let so_far = rest.get(..length + step).unwrap_or_default();
        let tail = tail.get(step..).unwrap_or_default();
        length += step;
        let part = if tail.starts_with('\'') && (so_far.ends_with('.') || so_far.ends_with(':')) {
            quoted(tail).map(|(_, part)| part)
        } else if tail.starts_with('[') && so_far.contains(':') {
            tail.split_once(']')
                .map(|(index, _)| index.trim_start_matches('['))
                .filter(|index| *index == "*" || index.bytes().all(|b| b.is_ascii_digit()))
                .map(|index| index.len() + 2)
        } else {
            None
        };
        match part {
            Some(part) => length += part,
            None => break,
        }
    }
    length
}

/// Decodes the quoted text at the beginning of `rest`; only `\\` and `\'` are escapes.
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

/// Accepts exactly the patterns that say "one of these was seen".
struct Parser<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    end: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn whole(mut self, found: &mut Vec<Observable>) -> Result<(), Unread> {
        self.alternatives(found, Self::observation)?;
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.unexpected()),
        }
    }

    /// One or more, joined by `OR`.
    fn alternatives(
        &mut self,
        found: &mut Vec<Observable>,
        one: fn(&mut Self, &mut Vec<Observable>) -> Result<(), Unread>,
    ) -> Result<(), Unread> {
        one(self, found)?;
        while self.peek() == Some(&Kind::Word("OR")) {
            self.at += 1;
            one(self, found)?;
        }
        Ok(())
    }

    fn observation(&mut self, found: &mut Vec<Observable>) -> Result<(), Unread> {
        if self.mark('[') {
            self.alternatives(found, Self::comparison)?;
            return self.require(']');
        }
        self.parenthesised(found, Self::observation)
    }

    fn parenthesised(
        &mut self,
        found: &mut Vec<Observable>,
        one: fn(&mut Self, &mut Vec<Observable>) -> Result<(), Unread>,
    ) -> Result<(), Unread> {
        self.require('(')?;
        if self.depth == PARENTHESES_MAX {
            return Err(self.unexpected());
        }
        self.depth += 1;
        self.alternatives(found, one)?;
        self.depth -= 1;
        self.require(')')
    }

    fn comparison(&mut self, found: &mut Vec<Observable>) -> Result<(), Unread> {
        let Some(Kind::Path(path)) = self.peek().cloned() else {
            return self.parenthesised(found, Self::comparison);
        };
        self.at += 1;
        let subject = Subject::of(path).ok_or_else(|| Unread::Path(path.to_owned()))?;
        let operator = self.peek().cloned();
        let is_subset = match operator {
            Some(Kind::Operator("=" | "==")) => false,
            Some(Kind::Word("ISSUBSET")) if subject.is_address() => true,
            Some(Kind::Word("IN")) => {
                self.at += 1;
                return self.list(subject, found);
            }
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        self.value(subject, is_subset, found)
    }

    fn list(&mut self, subject: Subject, found: &mut Vec<Observable>) -> Result<(), Unread> {
        self.require('(')?;
        self.value(subject, false, found)?;
        while self.mark(',') {
            self.value(subject, false, found)?;
        }
        self.require(')')
    }

    /// Equality compares texts and holds for no address inside of a network; only `ISSUBSET` stands for all of them.
    fn value(
        &mut self,
        subject: Subject,
        is_subset: bool,
        found: &mut Vec<Observable>,
    ) -> Result<(), Unread> {
        let Some(Kind::Text(text)) = self.peek() else { return Err(self.unexpected()) };
        let observable = subject
            .observable(text)
            .filter(|observable| is_subset || observable.is_single())
            .ok_or_else(|| Unread::Value(text.clone()))?;
        found.push(observable);
        self.at += 1;
        Ok(())
    }

    fn peek(&self) -> Option<&'a Kind<'a>> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn mark(&mut self, mark: char) -> bool {
        let found = self.peek() == Some(&Kind::Mark(mark));
        if found {
            self.at += 1;
        }
        found
    }

    fn require(&mut self, mark: char) -> Result<(), Unread> {
        if self.mark(mark) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> Unread {
        match self.tokens.get(self.at) {
            None => Unread::Syntax(self.end),
            Some(Token { kind: Kind::Word(word) | Kind::Operator(word), .. }) => {
                Unread::Operator((*word).to_owned())
            }
            Some(token) => Unread::Syntax(token.at),
        }
    }
}

/// A property whose values are observables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Value(&'static str),
    Hash(HashAlgorithm),
}

impl Subject {
    fn of(path: &str) -> Option<Self> {
        if let Some(name) = path.strip_prefix("file:hashes.") {
            let name = name.trim_matches('\'');
            return HashAlgorithm::from_stix_name(name).map(Self::Hash);
        }
        match path {
            "ipv4-addr:value" => Some(Self::Value("ipv4-addr")),
            "ipv6-addr:value" => Some(Self::Value("ipv6-addr")),
            "domain-name:value" => Some(Self::Value("domain-name")),
            "url:value" => Some(Self::Value("url")),
            _ => None,
        }
    }

    const fn is_address(self) -> bool {
        match self {
            Self::Value(object_type) => matches!(object_type.as_bytes(), [b'i', b'p', ..]),
            Self::Hash(_) => false,
        }
    }

    fn observable(self, text: &str) -> Option<Observable> {
        match self {
            Self::Hash(algorithm) => FileHash::new(algorithm, text).ok().map(Observable::FileHash),
            Self::Value(object_type) => {
                Observable::parse(text).ok().filter(|found| found.stix_type() == object_type)
            }
        }
    }
}

/// Every observable that is compared for equality or containment, wherever it stands. A `NOT` before
/// the operator turns a comparison round, so such a comparison is passed over.
fn mentioned(tokens: &[Token<'_>]) -> Vec<Observable> {
    let mut found = Vec::new();
    let mut rest = tokens;
    while let [first, tail @ ..] = rest {
        rest = tail;
        let Kind::Path(path) = first.kind else { continue };
        let Some(subject) = Subject::of(path) else { continue };
        let kinds = tail.iter().map(|token| &token.kind);
        let values: Vec<&String> = match tail.first().map(|token| &token.kind) {
            Some(Kind::Operator("=" | "==") | Kind::Word("ISSUBSET")) => kinds
                .skip(1)
                .take(1)
                .filter_map(|kind| if let Kind::Text(text) = kind { Some(text) } else { None })
                .collect(),
            Some(Kind::Word("IN")) => kinds
                .skip(1)
                .take_while(|kind| matches!(kind, Kind::Text(_) | Kind::Mark('(' | ',')))
                .filter_map(|kind| if let Kind::Text(text) = kind { Some(text) } else { None })
                .collect(),
            _ => Vec::new(),
        };
        found.extend(values.into_iter().filter_map(|text| subject.observable(text)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(pattern: &str, expected: &str) {
        let reading = read(pattern);
        let seen: Vec<_> = reading.mentioned().iter().map(ToString::to_string).collect();
        let answer = match &reading {
            Reading::Any(_) => format!("any {}", seen.join(" ")),
            Reading::Partial { unread, .. } => {
                format!("{} {} {unread}", unread.code(), seen.join(" "))
            }
        };
        assert_eq!(answer, expected, "{pattern}");
    }

    #[test]
    fn what_says_one_of_these_is_read() {
        check("[ipv4-addr:value = '198.51.100.3']", "any 198.51.100.3");
        check("[ ipv4-addr:value ISSUBSET '198.51.100.0/24' ]", "any 198.51.100.0/24");
        check("[ipv6-addr:value='2001:0db8::1']", "any 2001:db8::1");
        check(
            "[domain-name:value IN ('b.example', 'a.example')] OR ([url:value = 'http://c.example/\\'x'])",
            "any a.example b.example http://c.example/'x",
        );
        check(
            "[(file:hashes.'MD5' = 'D41D8CD98F00B204E9800998ECF8427E' OR domain-name:value = 'a.b.example')]",
            "any a.b.example d41d8cd98f00b204e9800998ecf8427e",
        );
    }

    #[test]
    fn what_says_more_is_named() {
        check(
            "[domain-name:value = 'a.example' AND ipv4-addr:value = '192.0.2.1']",
            "NRS-EVID-0072 192.0.2.1 a.example the pattern uses `AND`",
        );
        check("[ipv4-addr:value NOT = '192.0.2.1']", "NRS-EVID-0072  the pattern uses `NOT`");
        check("[ipv4-addr:value != '192.0.2.1']", "NRS-EVID-0072  the pattern uses `!=`");
        check(
            "[ipv4-addr:value = '192.0.2.1'] WITHIN 300 SECONDS",
            "NRS-EVID-0072 192.0.2.1 the pattern uses `WITHIN`",
        );
        check(
            "[url:value LIKE 'http://%'] FOLLOWEDBY [ipv4-addr:value IN ('192.0.2.1','192.0.2.2')]",
            "NRS-EVID-0072 192.0.2.1 192.0.2.2 the pattern uses `LIKE`",
        );
        check(
            "[network-traffic:dst_ref.value = '192.0.2.1']",
            "NRS-EVID-0073  the pattern looks at `network-traffic:dst_ref.value`",
        );
        check(
            "[ipv4-addr:value = '2001:db8::1']",
            "NRS-EVID-0074  the pattern compares with `2001:db8::1`, which is not a value of that kind",
        );
        check(
            "[ipv4-addr:value = '198.51.100.77/16']",
            "NRS-EVID-0074 198.51.0.0/16 the pattern compares with `198.51.100.77/16`, which is not a value of that kind",
        );
        check(
            "[ipv4-addr:value IN ('192.0.2.1/32', '198.51.100.0/24')]",
            "NRS-EVID-0074 192.0.2.1 198.51.100.0/24 the pattern compares with `198.51.100.0/24`, which is not a value of that kind",
        );
        check("", "NRS-EVID-0071  the pattern is not understood from byte 0 on");
        check(
            "[ipv4-addr:value = ",
            "NRS-EVID-0071  the pattern is not understood from byte 19 on",
        );
        check(
            "[url:value = '\\x']",
            "NRS-EVID-0071  the pattern is not understood from byte 13 on",
        );
        check(&"(".repeat(5000), "NRS-EVID-0071  the pattern is not understood from byte 17 on");
        check(&" ".repeat(PATTERN_BYTES_MAX + 1), "NRS-EVID-0070  the pattern is too long");
    }

    fn vectors(file: &str) -> Option<Vec<serde_json::Value>> {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/corpora/vectors-stix-patterning/"
        );
        let text = std::fs::read_to_string(format!("{folder}{file}")).ok()?;
        Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    #[test]
    fn nothing_that_others_refuse_is_read_as_a_whole() {
        let Some(vectors) = vectors("syntax.dev.jsonl") else {
            println!("corpora absent: skipped the recorded pattern syntax");
            return;
        };
        for vector in &vectors {
            let pattern = vector["pattern"].as_str().unwrap();
            let whole = matches!(read(pattern), Reading::Any(_));
            assert!(!whole || vector["valid"].as_bool().unwrap(), "{pattern}");
        }
    }

    #[test]
    fn what_is_read_as_a_whole_matches_as_others_match() {
        let Some(vectors) = vectors("match.dev.jsonl") else {
            println!("corpora absent: skipped the recorded pattern matches");
            return;
        };
        let mut judged = 0;
        for vector in &vectors {
            let pattern = vector["pattern"].as_str().unwrap();
            let Reading::Any(wanted) = read(pattern) else { continue };
            let mut seen = Vec::new();
            observables_in(&vector["observed"], &mut seen);
            let matched = wanted.iter().any(|w| seen.iter().any(|s| w.contains(s)));
            assert_eq!(matched, vector["outcome"] == "match", "{vector}");
            judged += 1;
        }
        assert!(judged > 0, "none of the recorded patterns was read as a whole");
    }

    fn observables_in(value: &serde_json::Value, seen: &mut Vec<Observable>) {
        match value {
            serde_json::Value::Array(items) => items.iter().for_each(|v| observables_in(v, seen)),
            serde_json::Value::Object(members) => {
                let text = members.get("value").and_then(serde_json::Value::as_str);
                seen.extend(text.and_then(|text| Observable::parse(text).ok()));
                members.values().for_each(|v| observables_in(v, seen));
            }
            _ => {}
        }
    }

    fn observable() -> impl Strategy<Value = Observable> {
        prop_oneof![
            (any::<u32>(), 0_u8..=32).prop_map(|(bits, prefix)| {
                ipnet::Ipv4Net::new(bits.into(), prefix).unwrap().into()
            }),
            (any::<u128>(), 0_u8..=128).prop_map(|(bits, prefix)| {
                ipnet::Ipv6Net::new(bits.into(), prefix).unwrap().into()
            }),
            "[a-z]{1,8}\\.example".prop_map(|name| Observable::parse(&name).unwrap()),
            "http://[a-z]{1,8}\\.example/['a-z\\\\]{0,6}"
                .prop_map(|url| Observable::parse(&url).unwrap()),
            "[0-9a-f]{64}".prop_map(|hex| Observable::parse(&hex).unwrap()),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(mut wanted in prop::collection::vec(observable(), 1..8)) {
            let pattern = write(&wanted).unwrap();
            wanted.sort();
            wanted.dedup();
            prop_assert_eq!(read(&pattern), Reading::Any(wanted));
        }

        #[test]
        fn any_text_is_survived(pattern in "([\\[\\]()'\\\\,=! ]|OR|AND|NOT|IN|ipv4-addr:value|'192.0.2.1'|\\PC){0,30}") {
            let reading = read(&pattern);
            if let Reading::Any(observables) = &reading {
                prop_assert!(!observables.is_empty());
            }
        }
    }
}
