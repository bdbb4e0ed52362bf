//! Values of objects, and one test of one value.

use std::borrow::Cow;
use std::cmp::Ordering;

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

use super::fault::Wrong;
use super::network::Network;
use super::observed::{Observations, Observed};
use super::syntax::{Literal, Predicate, Relation, Step, Test, Time};

/// Most bytes a compiled regular expression may take, and as many again for what it remembers while it runs.
pub const EXPRESSION_BYTES_MAX: usize = 1 << 20;
/// Deepest nesting inside a regular expression.
pub const EXPRESSION_DEPTH_MAX: u32 = 64;

/// Why a value of an object cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Compared with a timestamp, and is a text that is none.
    #[error("`{0}` is compared with a timestamp and is none")]
    Time(String),
    /// A property `…_ref` or `…_refs` that holds no reference, or no list of them.
    #[error("the reference `{0}` is not a text, or not a list of texts")]
    Reference(String),
    /// A property `…_hex` or `…_bin` that cannot be decoded.
    #[error("the binary value `{0}` cannot be decoded")]
    Binary(String),
    /// More combinations of observations than are tried ([`super::matcher::STEPS_MAX`]).
    #[error("there are too many combinations of observations to try")]
    TooManySteps,
}

impl Unusable {
    /// The stable code shown to a user.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Time(_) => "NRS-EVID-0220",
            Self::Reference(_) => "NRS-EVID-0221",
            Self::Binary(_) => "NRS-EVID-0222",
            Self::TooManySteps => "NRS-EVID-0223",
        }
    }
}

/// A value that a path leads to.
pub(super) enum Found<'a> {
    Json(&'a Value),
    /// An object reached by a reference.
    Object(&'a Map<String, Value>),
    /// The objects of a list of references.
    Objects(Vec<&'a Map<String, Value>>),
    /// What a property `…_hex` or `…_bin` encodes.
    Bytes(Vec<u8>),
}

/// Values one path may lead to from one object: references that lead back multiply with every step.
const VALUES_MAX: usize = 1 << 16;

/// The values a path leads to from an object.
pub(super) fn select<'a>(
    all: &'a Observations,
    observed: &'a Observed,
    object: &'a Map<String, Value>,
    steps: &[Step],
) -> Result<Vec<Found<'a>>, Unusable> {
    let mut values = vec![Found::Object(object)];
    for step in steps {
        let mut next = Vec::with_capacity(values.len());
        for value in values {
            if next.len() > VALUES_MAX {
                return Err(Unusable::TooManySteps);
            }
            match step {
                Step::Key(key) => {
                    let (Found::Json(Value::Object(members)) | Found::Object(members)) = value
                    else {
                        continue;
                    };
                    if let Some(value) = members.get(key) {
                        next.extend(enter(all, observed, key, value)?);
                    }
                }
                Step::Any => match value {
                    Found::Json(Value::Array(items)) => next.extend(items.iter().map(Found::Json)),
                    Found::Objects(objects) => next.extend(objects.into_iter().map(Found::Object)),
                    _ => {}
                },
                Step::Index(index) => {
                    let Ok(index) = usize::try_from(*index) else { continue };
                    match value {
                        Found::Json(Value::Array(items)) => {
                            next.extend(items.get(index).map(Found::Json));
                        }
                        Found::Objects(objects) => {
                            next.extend(objects.get(index).copied().map(Found::Object));
                        }
                        _ => {}
                    }
                }
            }
        }
        values = next;
    }
    Ok(values)
}

/// What a property holds: references are followed, encodings decoded.
fn enter<'a>(
    all: &'a Observations,
    observed: &'a Observed,
    key: &str,
    value: &'a Value,
) -> Result<Option<Found<'a>>, Unusable> {
    let resolve = |value: &Value| match value {
        Value::String(id) => Ok(all.resolve(observed, id).map(|object| &object.members)),
        _ => Err(Unusable::Reference(key.to_owned())),
    };
    if key.ends_with("_ref") {
        return Ok(resolve(value)?.map(Found::Object));
    }
    if key.ends_with("_refs") {
        let Value::Array(references) = value else {
            return Err(Unusable::Reference(key.to_owned()));
        };
        let mut objects = Vec::new();
        for reference in references {
            objects.extend(resolve(reference)?);
        }
        return Ok((!objects.is_empty()).then_some(Found::Objects(objects)));
    }
    let decode: fn(&str) -> Option<Vec<u8>> = if key.ends_with("_hex") {
        super::lex::hex
    } else if key.ends_with("_bin") {
        super::lex::base64_bytes
    } else {
        return Ok(Some(Found::Json(value)));
    };
    let bytes = value.as_str().and_then(decode);
    bytes.map(|bytes| Some(Found::Bytes(bytes))).ok_or_else(|| Unusable::Binary(key.to_owned()))
}

/// A constant, ready to be compared with.
#[derive(Debug, Clone)]
pub(super) enum Constant {
    Integer(i128),
    Float(f64),
    Text(String),
    Boolean(bool),
    Bytes(Vec<u8>),
    Micros(i64),
}

impl Constant {
    pub(super) fn of(literal: &Literal) -> Result<Self, Wrong> {
        Ok(match literal {
            Literal::Integer(value) => Self::Integer(*value),
            Literal::Float(value) => Self::Float(value.get()),
            Literal::Text(text) => Self::Text(text.clone()),
            Literal::Boolean(value) => Self::Boolean(*value),
            Literal::Hex(bytes) | Literal::Binary(bytes) => Self::Bytes(bytes.clone()),
            Literal::Time(time) => {
                Self::Micros(time.micros().ok_or_else(|| Wrong::NoSuchDay(time.to_string()))?)
            }
        })
    }

    /// Which constants may stand in one set.
    pub(super) const fn family(&self) -> u8 {
        match self {
            Self::Integer(_) | Self::Float(_) => 0,
            Self::Text(_) => 1,
            Self::Boolean(_) => 2,
            Self::Bytes(_) => 3,
            Self::Micros(_) => 4,
        }
    }

    /// How the value stands to the constant; `None` if the two cannot be compared.
    fn compare(&self, value: &Found<'_>) -> Result<Option<Ordering>, Unusable> {
        Ok(match (value, self) {
            (Found::Json(Value::String(text)), Self::Micros(constant)) => {
                let micros = Time::parse(text).and_then(|time| time.micros());
                Some(
                    micros
                        .ok_or_else(|| Unusable::Time(text.chars().take(64).collect()))?
                        .cmp(constant),
                )
            }
            (Found::Json(Value::String(text)), Self::Text(constant)) => {
                Some(text.as_str().cmp(constant))
            }
            (Found::Json(Value::String(text)), Self::Bytes(constant)) => latin(text, constant),
            (Found::Bytes(bytes), Self::Text(constant)) => {
                latin(constant, bytes).map(Ordering::reverse)
            }
            (Found::Bytes(bytes), Self::Bytes(constant)) => Some(bytes.cmp(constant)),
            (Found::Json(Value::Bool(value)), Self::Boolean(constant)) => Some(value.cmp(constant)),
            (Found::Json(Value::Number(value)), Self::Integer(constant)) => match integer(value) {
                Some(value) => Some(value.cmp(constant)),
                None => value.as_f64().and_then(|value| with_integer(value, *constant)),
            },
            (Found::Json(Value::Number(value)), Self::Float(constant)) => match integer(value) {
                Some(value) => with_integer(*constant, value).map(Ordering::reverse),
                None => value.as_f64().and_then(|value| value.partial_cmp(constant)),
            },
            _ => None,
        })
    }

    fn equals(&self, value: &Found<'_>) -> Result<bool, Unusable> {
        Ok(self.compare(value)? == Some(Ordering::Equal))
    }
}

pub(super) fn integer(number: &serde_json::Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// Compares without losing digits: the whole part first, then the fraction.
fn with_integer(value: f64, constant: i128) -> Option<Ordering> {
    const BEYOND: f64 = 1.7e38;
    if value.is_nan() {
        return None;
    }
    if value.abs() >= BEYOND {
        return Some(if value > 0.0 { Ordering::Greater } else { Ordering::Less });
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole, and its size was checked")]
    let whole = value.trunc() as i128;
    let fraction = value.fract().partial_cmp(&0.0)?;
    Some(whole.cmp(&constant).then(fraction))
}

/// Compares a text whose characters are all below 256 with bytes; other texts are not comparable.
fn latin(text: &str, bytes: &[u8]) -> Option<Ordering> {
    let own: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    own.map(|own| own.as_slice().cmp(bytes))
}

/// Bytes as the text with the same code points.
pub(super) fn text_of(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The text in normal form C.
pub(super) fn normal(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

/// A test, ready to be asked.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) question: Question,
    pub(super) negated: bool,
}

#[derive(Debug)]
pub(super) enum Question {
    Compare(Relation, Constant),
    In(Vec<Constant>),
    Like(Expression),
    Matches(Expression),
    Subset(Network),
    Superset(Network),
    Exists,
}

impl Ready {
    pub(super) fn of(test: &Test) -> Result<Self, Wrong> {
        let question = match &test.predicate {
            Predicate::Compare(relation, literal) => {
                Question::Compare(*relation, Constant::of(literal)?)
            }
            Predicate::In(literals) => {
                let constants = literals.iter().map(Constant::of).collect::<Result<Vec<_>, _>>()?;
                let families = constants.iter().map(Constant::family);
                if families.clone().zip(families.skip(1)).any(|(a, b)| a != b) {
                    return Err(Wrong::Mixed);
                }
                Question::In(constants)
            }
            Predicate::Like(constant) => Question::Like(Expression::like(constant)?),
            Predicate::Matches(constant) => Question::Matches(Expression::matches(constant)?),
            Predicate::IsSubset(constant) => Question::Subset(network(constant)?),
            Predicate::IsSuperset(constant) => Question::Superset(network(constant)?),
            Predicate::Exists => Question::Exists,
        };
        Ok(Self { question, negated: test.negated })
    }

    /// Whether the test holds of one value.
    pub(super) fn holds(&self, value: &Found<'_>) -> Result<bool, Unusable> {
        let plain = match &self.question {
            Question::Compare(relation, constant) => {
                let order = constant.compare(value)?;
                let plain = match (relation, order) {
                    (Relation::Equal, order) => order == Some(Ordering::Equal),
                    (Relation::Unequal, order) => order != Some(Ordering::Equal),
                    // What has no order is neither less nor not less; a text that cannot be bytes is simply not less.
                    (_, None) => return Ok(self.negated && is_bytes_against_text(constant, value)),
                    (Relation::Less, Some(order)) => order.is_lt(),
                    (Relation::LessOrEqual, Some(order)) => order.is_le(),
                    (Relation::Greater, Some(order)) => order.is_gt(),
                    (Relation::GreaterOrEqual, Some(order)) => order.is_ge(),
                };
                return Ok(plain != self.negated);
            }
            Question::In(constants) => {
                let mut found = false;
                for constant in constants {
                    found = found || constant.equals(value)?;
                }
                found
            }
            Question::Like(expression) => match value {
                Found::Json(Value::String(text)) => expression.text.is_match(&normal(text)),
                Found::Bytes(bytes) => std::str::from_utf8(bytes)
                    .is_ok_and(|text| expression.text.is_match(&normal(text))),
                _ => false,
            },
            Question::Matches(expression) => match value {
                Found::Json(Value::String(text)) => expression.text.is_match(&normal(text)),
                Found::Bytes(bytes) => expression.bytes.as_ref().is_some_and(|e| e.is_match(bytes)),
                _ => false,
            },
            Question::Subset(network) => {
                address(value).is_some_and(|value| network.contains(&value))
            }
            Question::Superset(network) => match value {
                Found::Json(Value::String(text)) if text.contains('/') => {
                    Network::parse(text).is_some_and(|value| value.contains(network))
                }
                _ => false,
            },
            Question::Exists => true,
        };
        Ok(plain != self.negated)
    }
}

fn network(constant: &str) -> Result<Network, Wrong> {
    let network = Network::parse(constant);
    network.ok_or_else(|| Wrong::Network(constant.to_owned(), "an address or a network"))
}

fn is_bytes_against_text(constant: &Constant, value: &Found<'_>) -> bool {
    matches!(
        (constant, value),
        (Constant::Bytes(_), Found::Json(Value::String(_))) | (Constant::Text(_), Found::Bytes(_))
    )
}

fn address(value: &Found<'_>) -> Option<Network> {
    match value {
        Found::Json(Value::String(text)) => Network::parse(text),
        _ => None,
    }
}

/// A regular expression with its two readings.
#[derive(Debug)]
pub(super) struct Expression {
    pub(super) text: Regex,
    /// For binary values; none if the expression has characters that are no byte.
    bytes: Option<regex::bytes::Regex>,
}

impl Expression {
    fn like(text: &str) -> Result<Self, Wrong> {
        let mut source = String::from(r"(?s)\A");
        for c in normal(text).chars() {
            match c {
                '%' => source.push_str(".*"),
                '_' => source.push('.'),
                other => source.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
        source.push_str(r"\z");
        Ok(Self { text: compile(&source)?, bytes: None })
    }

    fn matches(text: &str) -> Result<Self, Wrong> {
        let source = super::dialect::translate(&normal(text));
        let bytes = super::dialect::as_bytes(&source).and_then(|source| {
            regex::bytes::RegexBuilder::new(&source)
                .unicode(false)
                .size_limit(EXPRESSION_BYTES_MAX)
                .dfa_size_limit(EXPRESSION_BYTES_MAX)
                .nest_limit(EXPRESSION_DEPTH_MAX)
                .build()
                .ok()
        });
        Ok(Self { text: compile(&source)?, bytes })
    }
}

fn compile(source: &str) -> Result<Regex, Wrong> {
    let built = RegexBuilder::new(source)
        .size_limit(EXPRESSION_BYTES_MAX)
        .dfa_size_limit(EXPRESSION_BYTES_MAX)
        .nest_limit(EXPRESSION_DEPTH_MAX)
        .build();
    built.map_err(|problem| {
        // The last line says what is wrong; the others draw the expression.
        let reason = problem.to_string();
        let last = reason.lines().last().unwrap_or_default();
        Wrong::Expression(last.trim_start_matches("error: ").chars().take(200).collect())
    })
}
