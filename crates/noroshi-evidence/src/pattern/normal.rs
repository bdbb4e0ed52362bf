//! Whether two patterns say the same.
//!
//! The normal form of a pattern is a choice of alternatives without anything that follows from the rest: inside
//! brackets an `OR` of `AND`s without repetition or absorbed terms; outside an `OR` over `AND` and `FOLLOWEDBY`, where
//! repetition means more observations and is kept. Addresses, registry keys, numbers and sets are written one way.
//! Patterns with equal normal forms match the same; the converse need not hold.
//!
//! ```
//! use noroshi_evidence::pattern::{normal::equivalent, parse::parse};
//! let a = parse("[ipv4-addr:value = '192.0.2.77/24' AND (ipv4-addr:x = 1 OR ipv4-addr:x = 1.0)]").unwrap();
//! let b = parse("[ipv4-addr:x = 1 AND ipv4-addr:value = '192.0.2.0/24']").unwrap();
//! assert_eq!(equivalent(&a, &b), Ok(true));
//! ```

use std::collections::BTreeSet;

use super::fault::{Fault, Span, Wrong};
use super::network::Network;
use super::syntax::{
    Comparison, Joint, Literal, Observation, Pattern, Predicate, Qualifier, Relation, Step, Test,
};

/// Most alternatives of a normal form, inside a bracket and outside.
pub const TERMS_MAX: usize = 10_000;
/// Most comparisons of terms to find what is absorbed.
pub const WORK_MAX: usize = 4_000_000;

/// Whether the two have the same normal form.
pub fn equivalent(a: &Pattern, b: &Pattern) -> Result<bool, Fault> {
    Ok(normal(a)? == normal(b)?)
}

/// The normal form; that of a normal form is itself.
pub fn normal(pattern: &Pattern) -> Result<Pattern, Fault> {
    let mut work = WORK_MAX;
    let terms = observations(&pattern.root, &mut work);
    let terms = terms.map_err(|wrong| Fault { wrong, span: Span::default() })?;
    Ok(Pattern { root: choice(terms) })
}

/// One alternative, or all of them joined by `OR`.
fn choice(mut terms: Vec<Observation>) -> Observation {
    match (terms.len(), terms.pop()) {
        (1, Some(only)) => only,
        (_, last) => Observation::Joined(Joint::Or, terms.into_iter().chain(last).collect()),
    }
}

fn spend(work: &mut usize, units: usize) -> Result<(), Wrong> {
    *work = work.checked_sub(units).ok_or(Wrong::TooManyTerms)?;
    Ok(())
}

/// The alternatives of an observation: sorted, each once, none that another absorbs.
fn observations(observation: &Observation, work: &mut usize) -> Result<Vec<Observation>, Wrong> {
    let mut terms = match observation {
        Observation::One(comparison) => vec![Observation::One(bracket(comparison, work)?)],
        Observation::Qualified(of, qualifiers) => {
            vec![qualified(choice(observations(of, work)?), qualifiers)]
        }
        Observation::Joined(Joint::Or, parts) => {
            let mut terms = Vec::new();
            for part in parts {
                terms.extend(observations(part, work)?);
            }
            terms
        }
        Observation::Joined(joint, parts) => {
            let mut terms: Vec<Vec<Observation>> = vec![Vec::new()];
            for part in parts {
                let alternatives = observations(part, work)?;
                let size: usize = terms.iter().map(|term| term.len() + 1).sum();
                spend(work, size.saturating_mul(alternatives.len()))?;
                if terms.len().saturating_mul(alternatives.len()) > TERMS_MAX {
                    return Err(Wrong::TooManyTerms);
                }
                terms = terms
                    .iter()
                    .flat_map(|term| alternatives.iter().map(|next| extended(*joint, term, next)))
                    .collect();
            }
            terms.into_iter().map(|term| ordered(*joint, term)).collect()
        }
    };
    terms.sort();
    terms.dedup();
    if terms.len() > TERMS_MAX {
        return Err(Wrong::TooManyTerms);
    }
    absorb(terms, work)
}

fn qualified(of: Observation, qualifiers: &[Qualifier]) -> Observation {
    match of {
        // `(a WITHIN 5 SECONDS) REPEATS 2 TIMES` is what the two in a row say.
        Observation::Qualified(of, mut inner) => {
            inner.extend_from_slice(qualifiers);
            Observation::Qualified(of, inner)
        }
        other => Observation::Qualified(Box::new(other), qualifiers.to_vec()),
    }
}

fn extended(joint: Joint, term: &[Observation], next: &Observation) -> Vec<Observation> {
    let mut term = term.to_vec();
    match next {
        Observation::Joined(inner, parts) if *inner == joint => term.extend(parts.iter().cloned()),
        other => term.push(other.clone()),
    }
    term
}

fn ordered(joint: Joint, mut parts: Vec<Observation>) -> Observation {
    if joint == Joint::And {
        parts.sort();
    }
    Observation::Joined(joint, parts)
}

/// Leaves out each alternative that asks for all that another asks for, and more. Across a qualifier that is not so.
fn absorb(terms: Vec<Observation>, work: &mut usize) -> Result<Vec<Observation>, Wrong> {
    let mut absorbed = vec![false; terms.len()];
    let pairs = terms.iter().zip(absorbed.iter_mut());
    for (term, absorbed) in pairs {
        let Observation::Joined(joint @ (Joint::And | Joint::FollowedBy), parts) = term else {
            continue;
        };
        for other in &terms {
            spend(work, parts.len())?;
            *absorbed |= other != term && absorbs(other, *joint, parts);
        }
    }
    Ok(terms
        .into_iter()
        .zip(absorbed)
        .filter(|(_, absorbed)| !absorbed)
        .map(|(term, _)| term)
        .collect())
}

fn absorbs(small: &Observation, joint: Joint, parts: &[Observation]) -> bool {
    match small {
        Observation::Qualified(..) => false,
        small if parts.contains(small) => true,
        // In order, each with a part of its own; both lists of an `AND` are sorted.
        Observation::Joined(inner, wanted) if *inner == joint => {
            let mut parts = parts.iter();
            wanted.iter().all(|wanted| parts.any(|part| part == wanted))
        }
        _ => false,
    }
}

type Term = BTreeSet<Test>;

/// The normal form of what stands in brackets.
fn bracket(comparison: &Comparison, work: &mut usize) -> Result<Comparison, Wrong> {
    let terms = comparisons(comparison, work)?;
    let mut alternatives: Vec<Comparison> = terms
        .into_iter()
        .map(|term| {
            let mut tests: Vec<Comparison> = term.into_iter().map(Comparison::Test).collect();
            match (tests.len(), tests.pop()) {
                (1, Some(only)) => only,
                (_, last) => Comparison::And(tests.into_iter().chain(last).collect()),
            }
        })
        .collect();
    Ok(match (alternatives.len(), alternatives.pop()) {
        (1, Some(only)) => only,
        (_, last) => Comparison::Or(alternatives.into_iter().chain(last).collect()),
    })
}

fn comparisons(comparison: &Comparison, work: &mut usize) -> Result<BTreeSet<Term>, Wrong> {
    let terms = match comparison {
        Comparison::Test(test) => return Ok(BTreeSet::from([BTreeSet::from([canonical(test)])])),
        Comparison::Or(parts) => {
            let mut terms = BTreeSet::new();
            for part in parts {
                terms.extend(comparisons(part, work)?);
            }
            terms
        }
        Comparison::And(parts) => {
            let mut terms = BTreeSet::from([BTreeSet::new()]);
            for part in parts {
                let alternatives = comparisons(part, work)?;
                let size: usize = terms.iter().map(|term: &Term| term.len() + 1).sum();
                spend(work, size.saturating_mul(alternatives.len()))?;
                if terms.len().saturating_mul(alternatives.len()) > TERMS_MAX {
                    return Err(Wrong::TooManyTerms);
                }
                let pairs =
                    terms.iter().flat_map(|term| alternatives.iter().map(move |next| (term, next)));
                terms = pairs.map(|(term, next)| term | next).collect();
            }
            possible(terms)
        }
    };
    if terms.len() > TERMS_MAX {
        return Err(Wrong::TooManyTerms);
    }
    minimal(terms, work)
}

/// Without the terms that ask one object to be of two types, unless there is no other.
fn possible(terms: BTreeSet<Term>) -> BTreeSet<Term> {
    let one_type = |term: &Term| {
        let mut types = term.iter().map(|test| &test.path.object_type);
        let first = types.next();
        types.all(|other| Some(other) == first)
    };
    if terms.iter().any(one_type) {
        terms.into_iter().filter(|term| one_type(term)).collect()
    } else {
        terms
    }
}

/// Without the terms that hold another one.
fn minimal(terms: BTreeSet<Term>, work: &mut usize) -> Result<BTreeSet<Term>, Wrong> {
    let mut by_size: Vec<Term> = terms.into_iter().collect();
    by_size.sort_by_key(BTreeSet::len);
    let mut single: BTreeSet<Test> = BTreeSet::new();
    let mut several: Vec<Term> = Vec::new();
    for term in by_size {
        if term.iter().any(|test| single.contains(test)) {
            continue;
        }
        if term.len() == 1 {
            single.extend(term);
            continue;
        }
        spend(work, several.len().saturating_mul(term.len()) / 4)?;
        if !several.iter().any(|small| small.is_subset(&term)) {
            several.push(term);
        }
    }
    Ok(single.into_iter().map(|test| BTreeSet::from([test])).chain(several).collect())
}

/// The test with its constants written one way.
fn canonical(test: &Test) -> Test {
    let mut test = test.clone();
    if let Predicate::Compare(relation @ (Relation::Equal | Relation::Unequal), _) =
        &mut test.predicate
        && test.negated
    {
        test.negated = false;
        *relation = if *relation == Relation::Equal { Relation::Unequal } else { Relation::Equal };
    }
    let spelling = spelling(&test);
    match &mut test.predicate {
        Predicate::Compare(_, literal) => canonical_literal(literal, spelling),
        Predicate::In(literals) => {
            for literal in literals.iter_mut() {
                canonical_literal(literal, spelling);
            }
            literals.sort();
            literals.dedup();
        }
        Predicate::IsSubset(constant) | Predicate::IsSuperset(constant) => {
            if let Some(network) = Network::parse(constant) {
                // A subset is always of a network in CIDR notation.
                let prefix = constant.contains('/');
                *constant = network.canonical();
                if prefix && !constant.contains('/') {
                    constant.push_str(if constant.contains(':') { "/128" } else { "/32" });
                }
            }
        }
        Predicate::Like(constant) if matches!(spelling, Spelling::Lower) => {
            *constant = constant.to_lowercase();
        }
        Predicate::Like(_) | Predicate::Matches(_) | Predicate::Exists => {}
    }
    test
}

/// How texts of a property are written one way.
#[derive(Debug, Clone, Copy)]
enum Spelling {
    AsIs,
    /// Windows does not tell large letters from small in names of keys and values.
    Lower,
    V4,
    V6,
}

fn spelling(test: &Test) -> Spelling {
    let is = |step: &Step, name: &str| matches!(step, Step::Key(key) if key == name);
    match (test.path.object_type.as_str(), test.path.steps.as_slice()) {
        ("windows-registry-key", [key]) if is(key, "key") => Spelling::Lower,
        ("windows-registry-key", [values, Step::Any | Step::Index(_), name])
            if is(values, "values") && is(name, "name") =>
        {
            Spelling::Lower
        }
        ("ipv4-addr", [value]) if is(value, "value") => Spelling::V4,
        ("ipv6-addr", [value]) if is(value, "value") => Spelling::V6,
        _ => Spelling::AsIs,
    }
}

fn canonical_literal(literal: &mut Literal, spelling: Spelling) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match literal {
        Literal::Float(value) if value.get().fract() == 0.0 && value.get().abs() <= EXACT => {
            #[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
            let whole = value.get() as i128;
            *literal = Literal::Integer(whole);
        }
        Literal::Text(text) => {
            let network = match spelling {
                Spelling::AsIs => return,
                Spelling::Lower => return *text = text.to_lowercase(),
                Spelling::V4 => Network::parse_v4(text),
                Spelling::V6 => Network::parse_v6(text),
            };
            if let Some(network) = network {
                *text = network.canonical();
            }
        }
        _ => {}
    }
}
