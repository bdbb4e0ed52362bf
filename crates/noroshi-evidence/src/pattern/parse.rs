//! Reads a pattern, STIX 2.1 section 9.
//!
//! ```
//! use noroshi_evidence::pattern::parse::parse;
//! let pattern = parse("[ipv4-addr:value='192.0.2.1' ]OR [ url:value LIKE '%.example/%'] WITHIN 5 SECONDS").unwrap();
//! let written = "[ipv4-addr:value = '192.0.2.1'] OR [url:value LIKE '%.example/%'] WITHIN 5 SECONDS";
//! assert_eq!(pattern.to_string(), written);
//! let fault = parse("[url:value = 'http://a.example/'] within 5 SECONDS").unwrap_err();
//! assert_eq!(fault.to_string(), "found `within`, expected a qualifier or `AND`, `OR`, `FOLLOWEDBY` or the end");
//! assert_eq!((fault.span.start, fault.code()), (34, "NRS-EVID-0203"));
//! ```

use super::PATTERN_BYTES_MAX;
use super::fault::{Fault, Span, Wrong};
use super::lex::{Kind, Token, tokenise};
use super::syntax::{
    Comparison, Joint, Literal, Number, ObjectPath, Observation, Pattern, Predicate, Qualifier,
    Relation, Step, Test,
};

/// Deepest nesting of parentheses.
pub const DEPTH_MAX: usize = 128;
/// Most comparisons, observations, steps and constants of one pattern.
pub const NODES_MAX: usize = 20_000;

/// A pattern that follows the grammar, and what else is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The pattern.
    pub pattern: Pattern,
    /// What the grammar allows and the specification does not: hashes that are none, a qualifier said twice.
    ///
    /// Such a pattern has one meaning and can be matched; it should not be published.
    pub faults: Vec<Fault>,
    /// Where each test and each qualifier stands, in the order written.
    pub(super) spans: Vec<Span>,
}

/// Reads a pattern that has nothing wrong with it.
pub fn parse(pattern: &str) -> Result<Pattern, Fault> {
    let parsed = parse_grammar(pattern)?;
    parsed.faults.into_iter().next().map_or(Ok(parsed.pattern), Err)
}

/// Reads a pattern by the grammar alone.
pub fn parse_grammar(pattern: &str) -> Result<Parsed, Fault> {
    if pattern.len() > PATTERN_BYTES_MAX {
        let span = Span { start: PATTERN_BYTES_MAX, end: pattern.len() };
        return Err(Fault { wrong: Wrong::TooLong(pattern.len()), span });
    }
    let tokens = tokenise(pattern)?;
    let mut parser = Parser {
        text: pattern,
        tokens: &tokens,
        at: 0,
        depth: 0,
        nodes: 0,
        spans: Vec::new(),
        faults: Vec::new(),
    };
    let root = parser.observations(Joint::FollowedBy)?;
    if parser.peek().is_some() {
        return Err(parser.unexpected(&["a qualifier", "`AND`, `OR`, `FOLLOWEDBY`", "the end"]));
    }
    Ok(Parsed { pattern: Pattern { root }, faults: parser.faults, spans: parser.spans })
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    nodes: usize,
    spans: Vec<Span>,
    faults: Vec<Fault>,
}

impl<'a> Parser<'a> {
    /// Observations joined by `joint` or by something stronger.
    fn observations(&mut self, joint: Joint) -> Result<Observation, Fault> {
        let (word, stronger) = match joint {
            Joint::FollowedBy => ("FOLLOWEDBY", Some(Joint::Or)),
            Joint::Or => ("OR", Some(Joint::And)),
            Joint::And => ("AND", None),
        };
        let one = |parser: &mut Self| match stronger {
            Some(stronger) => parser.observations(stronger),
            None => parser.qualified(),
        };
        let first = one(self)?;
        if !self.keyword(word) {
            return Ok(first);
        }
        let mut parts = vec![first, one(self)?];
        while self.keyword(word) {
            parts.push(one(self)?);
        }
        Ok(Observation::Joined(joint, parts))
    }

    fn qualified(&mut self) -> Result<Observation, Fault> {
        let single = self.peek() == Some(&Kind::Mark('['));
        let observation = self.observation()?;
        let mut qualifiers: Vec<Qualifier> = Vec::new();
        loop {
            let start = self.place().start;
            let Some(qualifier) = self.qualifier()? else { break };
            let span = Span { start, end: self.end_of_last() };
            self.spans.push(span);
            self.node()?;
            let kind = qualifier.kind();
            if single && qualifiers.iter().any(|earlier| earlier.kind() == kind) {
                self.faults.push(Fault { wrong: Wrong::Twice(kind), span });
            }
            qualifiers.push(qualifier);
        }
        if qualifiers.is_empty() {
            return Ok(observation);
        }
        Ok(Observation::Qualified(Box::new(observation), qualifiers))
    }

    fn observation(&mut self) -> Result<Observation, Fault> {
        self.node()?;
        if self.mark('[') {
            let comparison = self.comparisons(true)?;
            self.require(']', &["`AND`", "`OR`", "`]`"])?;
            return Ok(Observation::One(comparison));
        }
        if self.peek() != Some(&Kind::Mark('(')) {
            return Err(self.unexpected(&["`[`", "`(`"]));
        }
        self.nested(
            |parser| parser.observations(Joint::FollowedBy),
            &["a qualifier", "`AND`, `OR`, `FOLLOWEDBY`", "`)`"],
        )
    }

    fn nested<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, Fault>,
        expected: &[&'static str],
    ) -> Result<T, Fault> {
        if self.depth == DEPTH_MAX {
            return Err(self.fault(Wrong::TooDeep));
        }
        self.at += 1;
        self.depth += 1;
        let inner = inner(self)?;
        self.depth -= 1;
        self.require(')', expected)?;
        Ok(inner)
    }

    fn qualifier(&mut self) -> Result<Option<Qualifier>, Fault> {
        if self.keyword("REPEATS") {
            let times = match self.peek() {
                Some(Kind::Integer(times)) if !self.is_negative() => *times,
                _ => return Err(self.unexpected(&["a whole number, not negative"])),
            };
            let times =
                u64::try_from(times).map_err(|_| self.fault(Wrong::Number(times.to_string())))?;
            self.at += 1;
            self.require_keyword("TIMES", "`TIMES`")?;
            return Ok(Some(Qualifier::Repeats(times)));
        }
        if self.keyword("WITHIN") {
            let seconds = match self.peek() {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "seconds beyond 2^53 are longer than any record"
                )]
                Some(Kind::Integer(seconds)) if !self.is_negative() => Number::new(*seconds as f64),
                Some(Kind::Float(seconds)) if !self.is_negative() => Some(*seconds),
                _ => None,
            };
            let Some(seconds) = seconds else {
                return Err(self.unexpected(&["a number, not negative"]));
            };
            self.at += 1;
            self.require_keyword("SECONDS", "`SECONDS`")?;
            return Ok(Some(Qualifier::Within(seconds)));
        }
        if self.keyword("START") {
            let start = self.time()?;
            self.require_keyword("STOP", "`STOP`")?;
            let stop = self.time()?;
            return Ok(Some(Qualifier::During(start, stop)));
        }
        Ok(None)
    }

    fn time(&mut self) -> Result<super::syntax::Time, Fault> {
        let Some(Kind::Time(time)) = self.peek() else {
            return Err(self.unexpected(&["a timestamp such as `t'2026-11-23T00:00:00Z'`"]));
        };
        self.at += 1;
        Ok(*time)
    }

    /// Comparisons joined by `OR`, or by `AND` only.
    fn comparisons(&mut self, or: bool) -> Result<Comparison, Fault> {
        let word = if or { "OR" } else { "AND" };
        let one =
            |parser: &mut Self| if or { parser.comparisons(false) } else { parser.comparison() };
        let first = one(self)?;
        if !self.keyword(word) {
            return Ok(first);
        }
        let mut parts = vec![first, one(self)?];
        while self.keyword(word) {
            parts.push(one(self)?);
        }
        Ok(if or { Comparison::Or(parts) } else { Comparison::And(parts) })
    }

    fn comparison(&mut self) -> Result<Comparison, Fault> {
        self.node()?;
        if self.peek() == Some(&Kind::Mark('(')) {
            return self.nested(|parser| parser.comparisons(true), &["`AND`", "`OR`", "`)`"]);
        }
        let start = self.place().start;
        let before = self.keyword("NOT");
        let exists = self.keyword("EXISTS");
        if before && !exists {
            return Err(self.unexpected(&["`EXISTS`; otherwise `NOT` stands after the path"]));
        }
        let path = self.path()?;
        let test = if exists {
            Test { path, predicate: Predicate::Exists, negated: before }
        } else {
            let negated = self.keyword("NOT");
            Test { path, predicate: self.predicate()?, negated }
        };
        let span = Span { start, end: self.end_of_last() };
        self.spans.push(span);
        self.faults.extend(super::hash::check(&test).map(|wrong| Fault { wrong, span }));
        Ok(Comparison::Test(test))
    }

    fn predicate(&mut self) -> Result<Predicate, Fault> {
        const EXPECTED: &[&str] = &[
            "`= != < > <= >=`",
            "`IN`, `LIKE`, `MATCHES`, `ISSUBSET`, `ISSUPERSET`",
            "another step of the path",
        ];
        let kind = self.peek().cloned();
        let word = match kind {
            Some(Kind::Relation(sign)) => {
                self.at += 1;
                let relation = relation_of(sign);
                let equality = matches!(relation, Relation::Equal | Relation::Unequal);
                return Ok(Predicate::Compare(relation, self.literal(equality)?));
            }
            Some(Kind::Keyword(word)) => word,
            _ => return Err(self.unexpected(EXPECTED)),
        };
        let text = match word {
            "IN" => {
                self.at += 1;
                return Ok(Predicate::In(self.set()?));
            }
            "LIKE" => Predicate::Like,
            "MATCHES" => Predicate::Matches,
            "ISSUBSET" => Predicate::IsSubset,
            "ISSUPERSET" => Predicate::IsSuperset,
            _ => return Err(self.unexpected(EXPECTED)),
        };
        self.at += 1;
        let Some(Kind::Text(constant)) = self.peek().cloned() else {
            return Err(self.unexpected(&["a text in single quotation marks"]));
        };
        self.at += 1;
        Ok(text(constant))
    }

    fn set(&mut self) -> Result<Vec<Literal>, Fault> {
        self.require('(', &["`(`"])?;
        let mut literals = Vec::new();
        if self.mark(')') {
            return Ok(literals);
        }
        literals.push(self.literal(true)?);
        while self.mark(',') {
            self.node()?;
            literals.push(self.literal(true)?);
        }
        self.require(')', &["`,`", "`)`"])?;
        Ok(literals)
    }

    fn literal(&mut self, boolean: bool) -> Result<Literal, Fault> {
        let literal = match self.peek() {
            Some(Kind::Integer(value)) => Literal::Integer(*value),
            Some(Kind::Float(value)) => Literal::Float(*value),
            Some(Kind::Text(text)) => Literal::Text(text.clone()),
            Some(Kind::Hex(bytes)) => Literal::Hex(bytes.clone()),
            Some(Kind::Binary(bytes)) => Literal::Binary(bytes.clone()),
            Some(Kind::Time(time)) => Literal::Time(*time),
            Some(Kind::Keyword("true")) if boolean => Literal::Boolean(true),
            Some(Kind::Keyword("false")) if boolean => Literal::Boolean(false),
            _ if boolean => {
                return Err(self.unexpected(&[
                    "a constant: `'text'`, a number, `true`, `t'…'`, `h'…'`, `b'…'`",
                ]));
            }
            _ => {
                return Err(self.unexpected(&[
                    "a constant that has an order: `'text'`, a number, `t'…'`, `h'…'`, `b'…'`",
                ]));
            }
        };
        self.at += 1;
        Ok(literal)
    }

    fn path(&mut self) -> Result<ObjectPath, Fault> {
        let Some(Kind::Name(object_type)) = self.peek().cloned() else {
            return Err(self.unexpected(&["a path such as `file:name`", "`(`", "`EXISTS`"]));
        };
        self.at += 1;
        self.require(':', &["`:` and a property"])?;
        let mut steps = vec![self.key()?];
        loop {
            self.node()?;
            if self.mark('.') {
                steps.push(self.key()?);
            } else if self.mark('[') {
                steps.push(match self.peek() {
                    Some(Kind::Integer(index)) => Step::Index(*index),
                    Some(Kind::Mark('*')) => Step::Any,
                    _ => return Err(self.unexpected(&["`*`", "a whole number"])),
                });
                self.at += 1;
                self.require(']', &["`]`"])?;
            } else {
                return Ok(ObjectPath { object_type, steps });
            }
        }
    }

    fn key(&mut self) -> Result<Step, Fault> {
        let key = match self.peek() {
            Some(Kind::Name(name)) if !name.contains('-') => name.clone(),
            Some(Kind::Text(text)) => text.clone(),
            _ => {
                return Err(self.unexpected(&[
                    "a property; with a hyphen or as a keyword it needs quotation marks",
                ]));
            }
        };
        self.at += 1;
        Ok(Step::Key(key))
    }

    fn node(&mut self) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > NODES_MAX { Err(self.fault(Wrong::TooMany)) } else { Ok(()) }
    }

    fn peek(&self) -> Option<&'a Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    /// Whether the number here has a minus, which `-0` hides.
    fn is_negative(&self) -> bool {
        self.text.get(self.place().start..).is_some_and(|rest| rest.starts_with('-'))
    }

    fn place(&self) -> Span {
        let end = Span { start: self.text.len(), end: self.text.len() };
        self.tokens.get(self.at).map_or(end, |token| token.span)
    }

    fn end_of_last(&self) -> usize {
        self.at
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last))
            .map_or(0, |token| token.span.end)
    }

    fn mark(&mut self, mark: char) -> bool {
        self.take(&Kind::Mark(mark))
    }

    fn keyword(&mut self, word: &'static str) -> bool {
        self.take(&Kind::Keyword(word))
    }

    fn take(&mut self, kind: &Kind) -> bool {
        let found = self.peek() == Some(kind);
        self.at += usize::from(found);
        found
    }

    fn require(&mut self, mark: char, expected: &[&'static str]) -> Result<(), Fault> {
        if self.mark(mark) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn require_keyword(&mut self, word: &'static str, expected: &'static str) -> Result<(), Fault> {
        if self.keyword(word) { Ok(()) } else { Err(self.unexpected(&[expected])) }
    }

    fn fault(&self, wrong: Wrong) -> Fault {
        Fault { wrong, span: self.place() }
    }

    fn unexpected(&self, expected: &[&'static str]) -> Fault {
        let span = self.place();
        let text = self.text.get(span.start..span.end).unwrap_or_default();
        let shown: String = text.chars().take(40).collect();
        let found = if text.is_empty() { "the end".to_owned() } else { format!("`{shown}`") };
        self.fault(Wrong::Unexpected { found, expected: expected.to_vec() })
    }
}

fn relation_of(sign: &str) -> Relation {
    match sign {
        "!=" | "<>" => Relation::Unequal,
        "<" => Relation::Less,
        "<=" => Relation::LessOrEqual,
        ">" => Relation::Greater,
        ">=" => Relation::GreaterOrEqual,
        _ => Relation::Equal,
    }
}
