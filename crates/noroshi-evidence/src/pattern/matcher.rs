//! Many patterns over many observations.
//!
//! Patterns are compiled once into a [`PatternSet`]. Tests that several patterns share are asked once; equality and `IN`
//! are looked up in a table for each path, and `LIKE` and `MATCHES` of one path run as one set of expressions. Each
//! object is then visited once, whatever the number of patterns, and only comparisons with a test that holds are
//! looked at. What is left for each pattern are the observations that satisfy its brackets, and [`super::solve`] finds
//! a choice among them.
//!
//! ```
//! use noroshi_evidence::pattern::matcher::PatternSet;
//! use noroshi_evidence::pattern::observed::Observations;
//! let mut set = PatternSet::default();
//! set.add("[ipv4-addr:value ISSUBSET '192.0.2.0/24'] REPEATS 2 TIMES WITHIN 60 SECONDS").unwrap();
//! let observed = serde_json::json!([
//!     {"type": "ipv4-addr", "id": "ipv4-addr--1", "value": "192.0.2.1"},
//!     {"type": "observed-data", "id": "observed-data--1", "number_observed": 2, "object_refs": ["ipv4-addr--1"],
//!      "first_observed": "2026-11-23T00:00:00Z", "last_observed": "2026-11-23T00:00:09Z"}
//! ]);
//! let observations = Observations::read(observed).unwrap();
//! let outcomes = set.run(&observations);
//! assert_eq!(outcomes[0].as_ref().unwrap().as_ref().unwrap().observed, [0, 0]);
//! ```

use std::collections::HashMap;
use std::sync::OnceLock;

use regex::{RegexSet, RegexSetBuilder};
use serde_json::{Map, Value};

use super::fault::{Fault, Span};
use super::observed::{Observations, Observed};
use super::parse::{Parsed, parse_grammar};
use super::solve::{Program, solve};
use super::syntax::{Comparison, Observation, Relation, Step, Test};
use super::value::{
    Constant, EXPRESSION_BYTES_MAX, EXPRESSION_DEPTH_MAX, Found, Question, Ready, Unusable,
    integer, normal, select, text_of,
};

/// Most observations one match of a pattern may bind.
pub const SLOTS_MAX: u64 = 1 << 20;
/// Most instructions a pattern may become; composite repetitions are written out.
pub const INSTRUCTIONS_MAX: usize = 100_000;
/// Most choices tried for one pattern in one run.
pub const STEPS_MAX: u64 = 5_000_000;

/// Objects of these types are not observed, whoever refers to them.
const NOT_OBSERVED: &[&str] = &[
    "attack-pattern",
    "bundle",
    "campaign",
    "course-of-action",
    "extension-definition",
    "grouping",
    "identity",
    "incident",
    "indicator",
    "infrastructure",
    "intrusion-set",
    "language-content",
    "location",
    "malware",
    "malware-analysis",
    "marking-definition",
    "note",
    "observed-data",
    "opinion",
    "relationship",
    "report",
    "sighting",
    "threat-actor",
    "tool",
    "vulnerability",
];

/// The observations that satisfy a pattern together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Numbers of the observed-data, in the order of the brackets they satisfy. One that was observed several times
    /// may occur as often.
    pub observed: Vec<u32>,
}

/// What a run says of one pattern.
pub type Outcome = Result<Option<Match>, Unusable>;

/// Patterns, compiled together.
#[derive(Debug, Default)]
pub struct PatternSet {
    programs: Vec<Program>,
    leaves: Vec<Leaf>,
    tests: Vec<TestSlot>,
    known: HashMap<Test, u32>,
    types: HashMap<String, TypePlan>,
}

/// A bracket of a pattern.
#[derive(Debug)]
struct Leaf {
    program: usize,
    expression: Expression,
}

/// A comparison over numbers of tests.
#[derive(Debug)]
enum Expression {
    Test(u32),
    And(Vec<Self>),
    Or(Vec<Self>),
}

#[derive(Debug)]
struct TestSlot {
    ready: Ready,
    /// The brackets that ask it.
    leaves: Vec<u32>,
}

#[derive(Debug, Default)]
struct TypePlan {
    paths: Vec<PathPlan>,
}

/// The tests of one path.
#[derive(Debug)]
struct PathPlan {
    steps: Vec<Step>,
    texts: HashMap<String, Vec<u32>>,
    integers: HashMap<i128, Vec<u32>>,
    expressions: Vec<(u32, String)>,
    /// All expressions as one, made when it is first asked for after one was added.
    set: OnceLock<Option<RegexSet>>,
    exists: Vec<u32>,
    others: Vec<u32>,
}

impl PatternSet {
    /// Reads, compiles and adds a pattern; its number is the place of its outcome.
    pub fn add(&mut self, pattern: &str) -> Result<usize, Fault> {
        self.add_parsed(&parse_grammar(pattern)?)
    }

    /// Compiles and adds a pattern. After a fault the set is as it was.
    pub fn add_parsed(&mut self, parsed: &Parsed) -> Result<usize, Fault> {
        let mut spans = parsed.spans.iter().copied();
        let mut ready = Vec::new();
        prepare(&parsed.pattern.root, &mut spans, &mut ready)?;
        let number = self.programs.len();
        let mut brackets = Vec::new();
        let mut program = Program::default();
        program
            .write(&parsed.pattern.root, &mut brackets)
            .map_err(|wrong| Fault { wrong, span: Span::default() })?;
        let first = self.leaves.len();
        program.shift(u32::try_from(first).unwrap_or(u32::MAX));
        let mut ready = ready.into_iter();
        for comparison in brackets {
            let leaf = u32::try_from(self.leaves.len()).unwrap_or(u32::MAX);
            let expression = self.expression(comparison, leaf, &mut ready);
            self.leaves.push(Leaf { program: number, expression });
        }
        self.programs.push(program);
        Ok(number)
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.programs.len()
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.programs.is_empty()
    }

    fn expression(
        &mut self,
        comparison: &Comparison,
        leaf: u32,
        ready: &mut std::vec::IntoIter<Ready>,
    ) -> Expression {
        match comparison {
            Comparison::Test(test) => Expression::Test(self.test(test, leaf, ready.next())),
            Comparison::And(parts) => Expression::And(
                parts.iter().map(|part| self.expression(part, leaf, ready)).collect(),
            ),
            Comparison::Or(parts) => Expression::Or(
                parts.iter().map(|part| self.expression(part, leaf, ready)).collect(),
            ),
        }
    }

    fn test(&mut self, test: &Test, leaf: u32, ready: Option<Ready>) -> u32 {
        let number = u32::try_from(self.tests.len()).unwrap_or(u32::MAX);
        if let Some(number) = self.known.get(test).copied() {
            let slot = usize::try_from(number).ok().and_then(|number| self.tests.get_mut(number));
            if let Some(slot) = slot.filter(|slot| slot.leaves.last() != Some(&leaf)) {
                slot.leaves.push(leaf);
            }
            return number;
        }
        let Some(ready) = ready else { return u32::MAX };
        if !NOT_OBSERVED.contains(&test.path.object_type.as_str()) {
            let plan = self.types.entry(test.path.object_type.clone()).or_default();
            plan.path(&test.path.steps).add(number, &ready);
        }
        self.tests.push(TestSlot { ready, leaves: vec![leaf] });
        self.known.insert(test.clone(), number);
        number
    }

    /// Runs every pattern over the observations.
    pub fn run(&self, all: &Observations) -> Vec<Outcome> {
        let mut run = Run {
            set: self,
            all,
            passed: vec![0; self.tests.len()],
            seen: vec![0; self.leaves.len()],
            visit: 0,
            hits: Vec::new(),
            candidates: vec![Vec::new(); self.leaves.len()],
            failures: vec![None; self.programs.len()],
        };
        let plans: Vec<Option<&TypePlan>> =
            all.types.iter().map(|name| self.types.get(name)).collect();
        for (number, observed) in all.observed.iter().enumerate() {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            for object in &observed.holds {
                let Some(object) = usize::try_from(*object).ok().and_then(|at| all.objects.get(at))
                else {
                    continue;
                };
                let plan = usize::try_from(object.type_number).ok().and_then(|at| plans.get(at));
                if let Some(Some(plan)) = plan {
                    run.visit(number, observed, &object.members, plan);
                }
            }
        }
        let Run { candidates, failures, .. } = run;
        let outcomes = self.programs.iter().zip(failures).map(|(program, failure)| match failure {
            Some(failure) => Err(failure),
            None => Ok(solve(program, &candidates, all)?.map(|observed| Match { observed })),
        });
        outcomes.collect()
    }
}

impl TypePlan {
    fn path(&mut self, steps: &[Step]) -> &mut PathPlan {
        let at = self.paths.iter().position(|path| path.steps == steps).unwrap_or(self.paths.len());
        if at == self.paths.len() {
            self.paths.push(PathPlan {
                steps: steps.to_vec(),
                texts: HashMap::new(),
                integers: HashMap::new(),
                expressions: Vec::new(),
                set: OnceLock::new(),
                exists: Vec::new(),
                others: Vec::new(),
            });
        }
        #[expect(clippy::indexing_slicing, reason = "the place was found or filled just above")]
        &mut self.paths[at]
    }
}

impl PathPlan {
    /// Puts a test where it is found fastest.
    fn add(&mut self, number: u32, ready: &Ready) {
        let constants = match &ready.question {
            Question::Compare(Relation::Equal, constant) if !ready.negated => {
                std::slice::from_ref(constant)
            }
            Question::Compare(Relation::Unequal, constant) if ready.negated => {
                std::slice::from_ref(constant)
            }
            Question::In(constants) if !ready.negated => constants.as_slice(),
            Question::Exists => return self.exists.push(number),
            Question::Like(expression) | Question::Matches(expression) if !self.is_binary() => {
                self.expressions.push((number, expression.text.as_str().to_owned()));
                self.set = OnceLock::new();
                return;
            }
            _ => return self.others.push(number),
        };
        if constants
            .iter()
            .any(|constant| !matches!(constant, Constant::Text(_) | Constant::Integer(_)))
        {
            return self.others.push(number);
        }
        for constant in constants {
            let tests = match constant {
                Constant::Text(text) => self.texts.entry(text.clone()).or_default(),
                Constant::Integer(value) => self.integers.entry(*value).or_default(),
                _ => continue,
            };
            if tests.last() != Some(&number) {
                tests.push(number);
            }
        }
    }

    fn is_binary(&self) -> bool {
        matches!(self.steps.last(), Some(Step::Key(key)) if key.ends_with("_hex") || key.ends_with("_bin"))
    }

    /// One set for all expressions, if there are several and they fit its limits together. Making it costs as much as all
    /// of them, so it is made once for a set of patterns and not for each that is added.
    fn combined(&self) -> Option<&RegexSet> {
        const WORTH_IT: usize = 3;
        let combine = || {
            RegexSetBuilder::new(self.expressions.iter().map(|(_, source)| source))
                .size_limit(EXPRESSION_BYTES_MAX.saturating_mul(4))
                .dfa_size_limit(EXPRESSION_BYTES_MAX.saturating_mul(8))
                .nest_limit(EXPRESSION_DEPTH_MAX)
                .build()
                .ok()
        };
        let worth_it = self.expressions.len() >= WORTH_IT;
        worth_it.then(|| self.set.get_or_init(combine).as_ref()).flatten()
    }
}

/// Compiles the tests in the order written and checks the qualifiers.
fn prepare(
    observation: &Observation,
    spans: &mut impl Iterator<Item = Span>,
    ready: &mut Vec<Ready>,
) -> Result<(), Fault> {
    match observation {
        Observation::One(comparison) => {
            let mut tests = Vec::new();
            comparison.tests(&mut tests);
            for test in tests {
                let span = spans.next().unwrap_or_default();
                ready.push(Ready::of(test).map_err(|wrong| Fault { wrong, span })?);
            }
            Ok(())
        }
        Observation::Joined(_, parts) => {
            parts.iter().try_for_each(|part| prepare(part, spans, ready))
        }
        Observation::Qualified(of, qualifiers) => {
            prepare(of, spans, ready)?;
            for qualifier in qualifiers {
                let span = spans.next().unwrap_or_default();
                super::solve::check(qualifier).map_err(|wrong| Fault { wrong, span })?;
            }
            Ok(())
        }
    }
}

/// One pass over the observations.
struct Run<'a> {
    set: &'a PatternSet,
    all: &'a Observations,
    /// For each test the last visit in which it held.
    passed: Vec<u64>,
    /// For each bracket the last visit in which it was looked at.
    seen: Vec<u64>,
    visit: u64,
    hits: Vec<u32>,
    /// For each bracket the observations that satisfy it, ascending.
    candidates: Vec<Vec<u32>>,
    failures: Vec<Option<Unusable>>,
}

impl Run<'_> {
    fn visit(
        &mut self,
        number: u32,
        observed: &Observed,
        object: &Map<String, Value>,
        plan: &TypePlan,
    ) {
        self.visit += 1;
        self.hits.clear();
        for path in &plan.paths {
            self.ask(path, observed, object);
        }
        let hits = std::mem::take(&mut self.hits);
        for hit in &hits {
            let Some(slot) = at(&self.set.tests, *hit) else { continue };
            for leaf in &slot.leaves {
                self.judge(*leaf, number);
            }
        }
        self.hits = hits;
    }

    fn ask(&mut self, path: &PathPlan, observed: &Observed, object: &Map<String, Value>) {
        let values = match path.steps.as_slice() {
            // Most paths are one property that is neither a reference nor an encoding.
            [Step::Key(key)] if !is_special(key) => {
                object.get(key).map(Found::Json).into_iter().collect()
            }
            steps => match select(self.all, observed, object, steps) {
                Ok(values) => values,
                Err(failure) => return self.fail_path(path, &failure),
            },
        };
        for test in &path.exists {
            let negated = at(&self.set.tests, *test).is_some_and(|slot| slot.ready.negated);
            if values.is_empty() == negated {
                self.hit(*test);
            }
        }
        for value in &values {
            self.look_up(path, value);
            self.express(path, value);
            for test in &path.others {
                self.try_one(*test, value);
            }
        }
    }

    fn look_up(&mut self, path: &PathPlan, value: &Found<'_>) {
        let found = match value {
            Found::Json(Value::String(text)) => path.texts.get(text.as_str()),
            Found::Bytes(bytes) => path.texts.get(&text_of(bytes)),
            Found::Json(Value::Number(number)) if !path.integers.is_empty() => {
                let whole = integer(number).or_else(|| number.as_f64().and_then(exact));
                whole.and_then(|whole| path.integers.get(&whole))
            }
            _ => None,
        };
        for test in found.into_iter().flatten() {
            self.hit(*test);
        }
    }

    fn express(&mut self, path: &PathPlan, value: &Found<'_>) {
        let (Some(set), Found::Json(Value::String(text))) = (path.combined(), value) else {
            for (test, _) in &path.expressions {
                self.try_one(*test, value);
            }
            return;
        };
        let matched = set.matches(&normal(text));
        for (number, (test, _)) in path.expressions.iter().enumerate() {
            let negated = at(&self.set.tests, *test).is_some_and(|slot| slot.ready.negated);
            if matched.matched(number) != negated {
                self.hit(*test);
            }
        }
    }

    fn try_one(&mut self, test: u32, value: &Found<'_>) {
        if at(&self.passed, test) == Some(&self.visit) {
            return;
        }
        let Some(slot) = at(&self.set.tests, test) else { return };
        match slot.ready.holds(value) {
            Ok(true) => self.hit(test),
            Ok(false) => {}
            Err(failure) => self.fail(test, &failure),
        }
    }

    fn hit(&mut self, test: u32) {
        let Some(passed) = usize::try_from(test).ok().and_then(|test| self.passed.get_mut(test))
        else {
            return;
        };
        if *passed != self.visit {
            *passed = self.visit;
            self.hits.push(test);
        }
    }

    fn judge(&mut self, leaf: u32, number: u32) {
        let Some(index) = usize::try_from(leaf).ok() else { return };
        let (Some(seen), Some(candidates), Some(bracket)) =
            (self.seen.get_mut(index), self.candidates.get_mut(index), self.set.leaves.get(index))
        else {
            return;
        };
        if *seen == self.visit || candidates.last() == Some(&number) {
            return;
        }
        *seen = self.visit;
        let passed = &self.passed;
        if bracket.expression.holds(&|test| at(passed, test) == Some(&self.visit)) {
            candidates.push(number);
        }
    }

    fn fail_path(&mut self, path: &PathPlan, failure: &Unusable) {
        let tables = path.texts.values().chain(path.integers.values()).flatten();
        let tests = tables.chain(path.exists.iter()).chain(path.others.iter());
        let mut tests: Vec<u32> =
            tests.copied().chain(path.expressions.iter().map(|(test, _)| *test)).collect();
        tests.sort_unstable();
        tests.dedup();
        for test in tests {
            self.fail(test, failure);
        }
    }

    /// The first value that cannot be judged decides for every pattern that asks.
    fn fail(&mut self, test: u32, failure: &Unusable) {
        let Some(slot) = at(&self.set.tests, test) else { return };
        for leaf in &slot.leaves {
            let Some(bracket) = at(&self.set.leaves, *leaf) else { continue };
            if let Some(place) = self.failures.get_mut(bracket.program) {
                place.get_or_insert_with(|| failure.clone());
            }
        }
    }
}

impl Expression {
    fn holds(&self, passed: &impl Fn(u32) -> bool) -> bool {
        match self {
            Self::Test(test) => passed(*test),
            Self::And(parts) => parts.iter().all(|part| part.holds(passed)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(passed)),
        }
    }
}

fn at<T>(list: &[T], number: u32) -> Option<&T> {
    list.get(usize::try_from(number).ok()?)
}

fn is_special(key: &str) -> bool {
    ["_ref", "_refs", "_hex", "_bin"].iter().any(|suffix| key.ends_with(suffix))
}

/// A number without a fraction as a whole number.
fn exact(value: f64) -> Option<i128> {
    const BEYOND: f64 = 1.7e38;
    #[expect(clippy::cast_possible_truncation, reason = "whole, and its size is checked")]
    (value.fract() == 0.0 && value.abs() < BEYOND).then_some(value as i128)
}
