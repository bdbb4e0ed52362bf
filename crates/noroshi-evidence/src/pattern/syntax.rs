//! The syntax tree of a pattern, and the text it is written as.
//!
//! Every list of a tree is flat: `a OR b OR c` is one [`Observation::Joined`] of three parts, so the depth of a tree is
//! the depth of its parentheses, which the reader limits ([`super::parse::DEPTH_MAX`]). `Display` writes a pattern
//! that reads back as the same tree.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter, Write as _};

use base64::Engine as _;

/// A whole pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    /// What must be observed.
    pub root: Observation,
}

/// What must be observed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Observation {
    /// `[…]`: one observation holding one object for which the comparison is true.
    One(Comparison),
    /// Two or more, joined.
    Joined(Joint, Vec<Self>),
    /// One with conditions on how often or when.
    Qualified(Box<Self>, Vec<Qualifier>),
}

/// How observations are joined, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Joint {
    /// `AND`: all, each by observations of its own.
    And,
    /// `OR`: one of them.
    Or,
    /// `FOLLOWEDBY`: all, each not before the one it follows.
    FollowedBy,
}

/// A condition on how often or when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Qualifier {
    /// `REPEATS n TIMES`.
    Repeats(u64),
    /// `WITHIN n SECONDS`.
    Within(Number),
    /// `START t'…' STOP t'…'`; the stop is no longer part of it.
    During(Time, Time),
}

impl Qualifier {
    /// Its words.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Repeats(_) => "REPEATS",
            Self::Within(_) => "WITHIN",
            Self::During(..) => "START … STOP",
        }
    }
}

/// What is true of one object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Comparison {
    /// One property against a constant.
    Test(Test),
    /// All of them, of the same object.
    And(Vec<Self>),
    /// One of them.
    Or(Vec<Self>),
}

/// One property against a constant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Test {
    /// Where to look.
    pub path: ObjectPath,
    /// What must hold.
    pub predicate: Predicate,
    /// With `NOT`: what must not hold.
    pub negated: bool,
}

/// What must hold of a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Predicate {
    /// `= != < > <= >=`.
    Compare(Relation, Literal),
    /// `IN (…)`.
    In(Vec<Literal>),
    /// `LIKE '…'`, with `%` for any text and `_` for any character.
    Like(String),
    /// `MATCHES '…'`, a regular expression found anywhere.
    Matches(String),
    /// `ISSUBSET '…'`: an address or network inside the network.
    IsSubset(String),
    /// `ISSUPERSET '…'`: a network that holds the address or network.
    IsSuperset(String),
    /// `EXISTS`: there is a value.
    Exists,
}

/// A relation between a value and a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// `=`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// Where to look: a type of object and the steps into it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectPath {
    /// `ipv4-addr`
    pub object_type: String,
    /// The steps; the first is a [`Step::Key`].
    pub steps: Vec<Step>,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A property or key. A reference (`…_ref`, `…_refs`) is followed.
    Key(String),
    /// `[0]`
    Index(i128),
    /// `[*]`: any element.
    Any,
}

/// A constant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Literal {
    /// A whole number.
    Integer(i128),
    /// A number with a fraction.
    Float(Number),
    /// `'text'`
    Text(String),
    /// `true`, `false`
    Boolean(bool),
    /// `t'2026-11-23T00:00:00Z'`
    Time(Time),
    /// `h'ffd8'`
    Hex(Vec<u8>),
    /// `b'/9g='`
    Binary(Vec<u8>),
}

/// A finite number, totally ordered.
#[derive(Debug, Clone, Copy)]
pub struct Number(f64);

impl Number {
    /// The number, if it is finite.
    pub fn new(value: f64) -> Option<Self> {
        // Minus zero and zero are one number.
        value.is_finite().then_some(Self(if value == 0.0 { 0.0 } else { value }))
    }

    /// The value.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Number {}
impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}
impl std::hash::Hash for Number {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// A timestamp as it is written: the digits the grammar allows, which need not be a day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    /// Year, month, day, hour, minute, second.
    fields: [u16; 6],
    /// Billionths of a second.
    fraction: u32,
}

impl Time {
    /// Reads `2026-11-23T00:00:00.123Z`; what follows the ninth digit of the fraction is dropped.
    ///
    /// Hours go to 23, minutes to 59 and seconds to 60 (a leap second), days to 31 in every month: whether that day
    /// exists is said by [`Time::micros`].
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_suffix('Z')?;
        let (whole, fraction) = match rest.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (rest, None),
        };
        let bytes = whole.as_bytes();
        let shape = b"dddd-dd-ddTdd:dd:dd";
        let fits = bytes.len() == shape.len()
            && bytes
                .iter()
                .zip(shape)
                .all(|(b, s)| if *s == b'd' { b.is_ascii_digit() } else { b == s });
        if !fits {
            return None;
        }
        let number = |from: usize, to: usize| whole.get(from..to)?.parse::<u16>().ok();
        let fields = [
            number(0, 4)?,
            number(5, 7)?,
            number(8, 10)?,
            number(11, 13)?,
            number(14, 16)?,
            number(17, 19)?,
        ];
        let [_, month, day, hour, minute, second] = fields;
        let possible = (1..=12).contains(&month) && (1..=31).contains(&day);
        let possible = possible && hour <= 23 && minute <= 59 && second <= 60;
        let fraction = match fraction {
            None => 0,
            Some(digits) => billionths(digits)?,
        };
        possible.then_some(Self { fields, fraction })
    }

    /// Microseconds since 1970, if the day is one of the calendar. A leap second is the second after it.
    pub fn micros(&self) -> Option<i64> {
        let [year, month, day, hour, minute, second] = self.fields.map(i64::from);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if year == 0 || day > days {
            return None;
        }
        // Days since 1970 of the proleptic Gregorian calendar, with years that begin in March.
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
        Some(seconds * 1_000_000 + i64::from(self.fraction / 1000))
    }
}

fn billionths(digits: &str) -> Option<u32> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nine = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some(nine.fold(0, |value, digit| value * 10 + u32::from(digit - b'0')))
}

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [year, month, day, hour, minute, second] = self.fields;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.fraction != 0 {
            let digits = format!("{:09}", self.fraction);
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_char('Z')
    }
}

impl Pattern {
    /// Every path the pattern looks at, sorted, each once.
    pub fn paths(&self) -> Vec<&ObjectPath> {
        let mut paths: Vec<&ObjectPath> = self.tests().into_iter().map(|test| &test.path).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// Every test, in the order written.
    pub fn tests(&self) -> Vec<&Test> {
        let mut tests = Vec::new();
        self.root.tests(&mut tests);
        tests
    }
}

impl Observation {
    fn tests<'a>(&'a self, into: &mut Vec<&'a Test>) {
        match self {
            Self::One(comparison) => comparison.tests(into),
            Self::Joined(_, parts) => parts.iter().for_each(|part| part.tests(into)),
            Self::Qualified(of, _) => of.tests(into),
        }
    }
}

impl Comparison {
    pub(super) fn tests<'a>(&'a self, into: &mut Vec<&'a Test>) {
        match self {
            Self::Test(test) => into.push(test),
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.tests(into)),
        }
    }
}

impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl Display for Joint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::And => "AND",
            Self::Or => "OR",
            Self::FollowedBy => "FOLLOWEDBY",
        })
    }
}

impl Display for Observation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(comparison) => write!(f, "[{comparison}]"),
            Self::Joined(joint, parts) => joined(f, &format!(" {joint} "), parts, |part| {
                // A part that binds no stronger than what joins it needs its parentheses.
                matches!(part, Self::Joined(inner, _) if inner >= joint)
            }),
            Self::Qualified(of, qualifiers) => {
                // A kind of qualifier may be said twice of a group only.
                let kinds: BTreeSet<_> = qualifiers.iter().map(Qualifier::kind).collect();
                let bare = matches!(**of, Self::One(_)) && kinds.len() == qualifiers.len();
                if bare {
                    write!(f, "{of}")?;
                } else {
                    write!(f, "({of})")?;
                }
                qualifiers.iter().try_for_each(|qualifier| write!(f, " {qualifier}"))
            }
        }
    }
}

fn joined<T: Display>(
    f: &mut Formatter<'_>,
    joint: &str,
    parts: &[T],
    parenthesised: impl Fn(&T) -> bool,
) -> fmt::Result {
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            f.write_str(joint)?;
        }
        if parenthesised(part) { write!(f, "({part})")? } else { write!(f, "{part}")? }
    }
    Ok(())
}

impl Display for Qualifier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeats(times) => write!(f, "REPEATS {times} TIMES"),
            Self::Within(seconds) => write!(f, "WITHIN {} SECONDS", seconds.get()),
            Self::During(start, stop) => write!(f, "START t'{start}' STOP t'{stop}'"),
        }
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Test(test) => test.fmt(f),
            Self::And(parts) => joined(f, " AND ", parts, |part| !matches!(part, Self::Test(_))),
            Self::Or(parts) => joined(f, " OR ", parts, |part| matches!(part, Self::Or(_))),
        }
    }
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let not = if self.negated { "NOT " } else { "" };
        let path = &self.path;
        match &self.predicate {
            Predicate::Compare(relation, literal) => write!(f, "{path} {not}{relation} {literal}"),
            Predicate::In(literals) => {
                write!(f, "{path} {not}IN (")?;
                joined(f, ", ", literals, |_| false)?;
                f.write_char(')')
            }
            Predicate::Like(text) => write!(f, "{path} {not}LIKE {}", Quoted(text)),
            Predicate::Matches(text) => write!(f, "{path} {not}MATCHES {}", Quoted(text)),
            Predicate::IsSubset(text) => write!(f, "{path} {not}ISSUBSET {}", Quoted(text)),
            Predicate::IsSuperset(text) => write!(f, "{path} {not}ISSUPERSET {}", Quoted(text)),
            Predicate::Exists => write!(f, "{not}EXISTS {path}"),
        }
    }
}

impl Display for Relation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

impl Display for ObjectPath {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.object_type)?;
        for (number, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(key) => {
                    let dot = if number > 0 { "." } else { "" };
                    if super::lex::is_plain_key(key) {
                        write!(f, "{dot}{key}")?;
                    } else {
                        write!(f, "{dot}{}", Quoted(key))?;
                    }
                }
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Any => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Float(value) => {
                let text = value.get().to_string();
                // A number without a point would read back as a whole one.
                if text.contains('.') { f.write_str(&text) } else { write!(f, "{text}.0") }
            }
            Self::Text(text) => Quoted(text).fmt(f),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Time(time) => write!(f, "t'{time}'"),
            Self::Hex(bytes) => {
                f.write_str("h'")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_char('\'')
            }
            Self::Binary(bytes) => {
                let text = base64::engine::general_purpose::STANDARD.encode(bytes);
                write!(f, "b'{text}'")
            }
        }
    }
}

/// A text between quotation marks.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('\'')?;
        for c in self.0.chars() {
            if matches!(c, '\'' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        f.write_char('\'')
    }
}
