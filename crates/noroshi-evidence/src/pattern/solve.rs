//! Finds observations that satisfy a pattern together.
//!
//! Each bracket of the pattern asks for an observation of its own from its candidates. An observation happened at some
//! moment between its first and its last; every rule about time asks whether such moments can be chosen:
//!
//! - `a FOLLOWEDBY b`: no moment of `a` after one of `b`, so each `first` in `a` is at most each `last` in `b`;
//! - `WITHIN d`: there is a moment `e`, the earliest `last`, such that each `first` is at most `e + d`;
//! - `START s STOP t`: each `first` is before `t` and each `last` not before `s`.
//!
//! The search takes the brackets in order. Once `e` is chosen for each `WITHIN`, all rules are bounds on single
//! observations, and an observation that begins earlier is never worse than one that begins later. A bracket that
//! shares its candidates with `k` others therefore needs only its first `k + 1` candidates within its bounds: if all
//! of these are in use elsewhere, `k + 1` brackets hold them. This keeps the search small however many candidates
//! there are; [`STEPS_MAX`] bounds it in any case.

use std::collections::{BTreeSet, HashMap};

use super::fault::Wrong;
use super::matcher::{INSTRUCTIONS_MAX, SLOTS_MAX, STEPS_MAX};
use super::observed::{Observations, Observed};
use super::syntax::{Comparison, Joint, Observation, Qualifier};
use super::value::Unusable;

/// Longest `WITHIN`: about the span of all years a timestamp can name, so that sums do not overflow.
const WITHIN_MICROS_MAX: f64 = 4e17;

/// A pattern as instructions.
#[derive(Debug, Default)]
pub(super) struct Program {
    code: Vec<Step>,
    /// How many observations a match binds at most.
    slots: u64,
}

#[derive(Debug, Clone)]
enum Step {
    /// Bind observations of a bracket, that many in all.
    Bind(u32, u64),
    /// Try what follows, and if that fails, continue there.
    Either(usize),
    Jump(usize),
    /// Bindings up to the matching `Leave` are inside the window.
    During(i64, i64),
    /// Bindings up to the matching `Leave` are within microseconds; the brackets concerned.
    Within(i64, Vec<u32>),
    /// Bindings from here are what something follows.
    Before,
    /// Bindings up to the matching `Leave` follow what was bound since the matching `Before`.
    After,
    Leave,
}

/// What is wrong with a qualifier.
pub(super) fn check(qualifier: &Qualifier) -> Result<(), Wrong> {
    match qualifier {
        Qualifier::Repeats(0) => Err(Wrong::NotPositive("REPEATS")),
        Qualifier::Repeats(times) if *times > SLOTS_MAX => Err(Wrong::TooManySlots),
        Qualifier::Within(seconds) if seconds.get() <= 0.0 => Err(Wrong::NotPositive("WITHIN")),
        Qualifier::During(start, stop) => {
            let impossible = [start, stop].into_iter().find(|time| time.micros().is_none());
            impossible.map_or(Ok(()), |time| Err(Wrong::NoSuchDay(time.to_string())))
        }
        Qualifier::Repeats(_) | Qualifier::Within(_) => Ok(()),
    }
}

impl Program {
    /// Writes the instructions of an observation; its brackets are numbered in the order written.
    pub(super) fn write<'a>(
        &mut self,
        observation: &'a Observation,
        brackets: &mut Vec<&'a Comparison>,
    ) -> Result<(), Wrong> {
        match observation {
            Observation::One(comparison) => {
                let number = u32::try_from(brackets.len()).map_err(|_| Wrong::TooMany)?;
                brackets.push(comparison);
                self.slots += 1;
                self.push(Step::Bind(number, 1))
            }
            Observation::Joined(Joint::And, parts) => {
                parts.iter().try_for_each(|part| self.write(part, brackets))
            }
            Observation::Joined(Joint::Or, parts) => self.alternatives(parts, brackets),
            Observation::Joined(Joint::FollowedBy, parts) => {
                let Some((first, rest)) = parts.split_first() else { return Ok(()) };
                self.push(Step::Before)?;
                self.write(first, brackets)?;
                for part in rest {
                    self.push(Step::After)?;
                    self.write(part, brackets)?;
                    // What was bound here is from now on part of what the next one follows.
                    self.push(Step::Leave)?;
                }
                self.push(Step::Leave)
            }
            Observation::Qualified(of, qualifiers) => {
                let start = self.code.len();
                let slots = self.slots;
                self.write(of, brackets)?;
                qualifiers.iter().try_for_each(|qualifier| self.qualify(start, slots, qualifier))
            }
        }
    }

    fn alternatives<'a>(
        &mut self,
        parts: &'a [Observation],
        brackets: &mut Vec<&'a Comparison>,
    ) -> Result<(), Wrong> {
        let mut jumps = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            let either = self.code.len();
            let last = number + 1 == parts.len();
            if !last {
                self.push(Step::Either(0))?;
            }
            self.write(part, brackets)?;
            if !last {
                jumps.push(self.code.len());
                self.push(Step::Jump(0))?;
                self.replace(either, Step::Either(self.code.len()));
            }
        }
        let end = self.code.len();
        for jump in jumps {
            self.replace(jump, Step::Jump(end));
        }
        Ok(())
    }

    /// Puts a condition on the instructions from `start` on.
    fn qualify(&mut self, start: usize, slots: u64, qualifier: &Qualifier) -> Result<(), Wrong> {
        match qualifier {
            Qualifier::Repeats(times) => {
                let own = self.slots - slots;
                self.slots =
                    own.checked_mul(*times).map_or(u64::MAX, |own| slots.saturating_add(own));
                if self.slots > SLOTS_MAX {
                    return Err(Wrong::TooManySlots);
                }
                let body: Vec<Step> = self.code.get(start..).unwrap_or_default().to_vec();
                if let [Step::Bind(bracket, each)] = body.as_slice() {
                    self.replace(start, Step::Bind(*bracket, each * times));
                    return Ok(());
                }
                for _ in 1..*times {
                    let offset = self.code.len() - start;
                    body.iter().try_for_each(|step| self.push(step.moved(offset)))?;
                }
                Ok(())
            }
            Qualifier::Within(seconds) => {
                let micros = seconds.get() * 1e6;
                #[expect(clippy::cast_possible_truncation, reason = "bounded just here")]
                let micros = micros.clamp(0.0, WITHIN_MICROS_MAX) as i64;
                let concerned: BTreeSet<u32> = self
                    .code
                    .get(start..)
                    .unwrap_or_default()
                    .iter()
                    .filter_map(Step::bracket)
                    .collect();
                self.enclose(start, Step::Within(micros, concerned.into_iter().collect()))
            }
            Qualifier::During(from, to) => {
                let (Some(from), Some(to)) = (from.micros(), to.micros()) else {
                    return Err(Wrong::NoSuchDay(from.to_string()));
                };
                self.enclose(start, Step::During(from, to))
            }
        }
    }

    fn enclose(&mut self, start: usize, step: Step) -> Result<(), Wrong> {
        let body = self.code.split_off(start.min(self.code.len()));
        self.push(step)?;
        body.iter().try_for_each(|step| self.push(step.moved(1)))?;
        self.push(Step::Leave)
    }

    fn push(&mut self, step: Step) -> Result<(), Wrong> {
        self.code.push(step);
        if self.code.len() > INSTRUCTIONS_MAX { Err(Wrong::TooManySlots) } else { Ok(()) }
    }

    fn replace(&mut self, at: usize, step: Step) {
        if let Some(place) = self.code.get_mut(at) {
            *place = step;
        }
    }

    /// Numbers the brackets from `first` on.
    pub(super) fn shift(&mut self, first: u32) {
        for step in &mut self.code {
            match step {
                Step::Bind(bracket, _) => *bracket += first,
                Step::Within(_, brackets) => {
                    for bracket in brackets {
                        *bracket += first;
                    }
                }
                _ => {}
            }
        }
    }
}

impl Step {
    /// The instruction with its targets moved.
    fn moved(&self, offset: usize) -> Self {
        match self {
            Self::Either(target) => Self::Either(target + offset),
            Self::Jump(target) => Self::Jump(target + offset),
            other => other.clone(),
        }
    }

    const fn bracket(&self) -> Option<u32> {
        match self {
            Self::Bind(bracket, _) => Some(*bracket),
            _ => None,
        }
    }
}

/// What the instructions so far have fixed.
#[derive(Debug, Clone)]
struct State {
    at: usize,
    /// Open conditions, outermost first.
    frames: Vec<Frame>,
    /// How many bindings there are; those beyond are forgotten.
    bound: usize,
}

#[derive(Debug, Clone, Copy)]
enum Frame {
    /// Each `last` is at least, each `first` at most.
    Bounds(i64, i64),
    /// Collects the latest `first` bound since.
    Before(i64),
}

/// A place to go back to.
enum Choice {
    State(State),
    /// The next earliest `last` for the `WITHIN` at this state.
    Window(State, Vec<i64>, usize),
    /// The bracket at this state needs more.
    Candidate(State, Need),
    /// The bracket at this state takes that many of this candidate.
    Take(State, Need, u32, u64),
}

/// What a bracket still needs.
#[derive(Debug, Clone, Copy)]
struct Need {
    /// Place among its candidates from which on to look.
    next: usize,
    /// How many observations it still has to bind.
    count: u64,
    /// How many observations other brackets may hold at most that were passed over.
    spare: u64,
}

struct Search<'a> {
    program: &'a Program,
    all: &'a Observations,
    candidates: &'a [Vec<u32>],
    /// For each bracket its candidates by `first`, and the longest of their durations.
    sorted: HashMap<u32, (Vec<u32>, i64)>,
    bindings: Vec<(u32, u64)>,
    used: HashMap<u32, u64>,
    choices: Vec<Choice>,
    steps: u64,
}

/// Observations that satisfy the program together, in the order of its brackets.
pub(super) fn solve(
    program: &Program,
    candidates: &[Vec<u32>],
    all: &Observations,
) -> Result<Option<Vec<u32>>, Unusable> {
    if let [Step::Bind(bracket, 1)] = program.code.as_slice() {
        let first = list(candidates, *bracket).first();
        return Ok(first.map(|first| vec![*first]));
    }
    let mut search = Search {
        program,
        all,
        candidates,
        sorted: HashMap::new(),
        bindings: Vec::new(),
        used: HashMap::new(),
        choices: vec![Choice::State(State { at: 0, frames: Vec::new(), bound: 0 })],
        steps: 0,
    };
    while let Some(choice) = search.choices.pop() {
        if search.resume(choice)? {
            let bindings = search.bindings.iter();
            let each = bindings.flat_map(|(observed, times)| {
                std::iter::repeat_n(*observed, usize::try_from(*times).unwrap_or(usize::MAX))
            });
            return Ok(Some(each.collect()));
        }
    }
    Ok(None)
}

fn list(candidates: &[Vec<u32>], bracket: u32) -> &[u32] {
    usize::try_from(bracket)
        .ok()
        .and_then(|bracket| candidates.get(bracket))
        .map_or(&[], Vec::as_slice)
}

impl Search<'_> {
    /// Takes a choice; whether the program came to its end.
    fn resume(&mut self, choice: Choice) -> Result<bool, Unusable> {
        match choice {
            Choice::State(state) => {
                self.forget(state.bound);
                self.advance(state)
            }
            Choice::Window(mut state, moments, next) => {
                self.forget(state.bound);
                let (Some(moment), Some(Step::Within(length, _))) =
                    (moments.get(next).copied(), self.program.code.get(state.at))
                else {
                    return Ok(false);
                };
                self.count(1)?;
                let bounds = Frame::Bounds(moment, moment.saturating_add(*length));
                self.choices.push(Choice::Window(state.clone(), moments, next + 1));
                state.frames.push(bounds);
                state.at += 1;
                self.advance(state)
            }
            Choice::Candidate(state, need) => {
                self.forget(state.bound);
                self.bind(state, need)
            }
            Choice::Take(mut state, need, number, times) => {
                self.forget(state.bound);
                self.take(&mut state, number, times);
                self.go_on(state, need)
            }
        }
    }

    fn count(&mut self, steps: u64) -> Result<(), Unusable> {
        self.steps += steps;
        if self.steps > STEPS_MAX { Err(Unusable::TooManySteps) } else { Ok(()) }
    }

    fn forget(&mut self, bound: usize) {
        while self.bindings.len() > bound {
            if let Some((observed, times)) = self.bindings.pop()
                && let Some(used) = self.used.get_mut(&observed)
            {
                *used -= times;
            }
        }
    }

    /// Runs until a choice has to be made or the end is reached.
    fn advance(&mut self, mut state: State) -> Result<bool, Unusable> {
        loop {
            self.count(1 + state.frames.len() as u64 / 4)?;
            match self.program.code.get(state.at) {
                None => return Ok(true),
                Some(Step::Jump(target)) => state.at = *target,
                Some(Step::Either(target)) => {
                    self.choices.push(Choice::State(State { at: *target, ..state.clone() }));
                    state.at += 1;
                }
                Some(Step::During(from, to)) => {
                    if from >= to {
                        return Ok(false);
                    }
                    state.frames.push(Frame::Bounds(*from, to - 1));
                    state.at += 1;
                }
                Some(Step::Within(_, brackets)) => {
                    let moments = self.moments(&state, brackets)?;
                    self.choices.push(Choice::Window(state, moments, 0));
                    return Ok(false);
                }
                Some(Step::Before) => {
                    state.frames.push(Frame::Before(i64::MIN));
                    state.at += 1;
                }
                Some(Step::After) => {
                    if let Some(Frame::Before(latest)) = state.frames.last().copied() {
                        state.frames.push(Frame::Bounds(latest, i64::MAX));
                    }
                    state.at += 1;
                }
                Some(Step::Leave) => {
                    state.frames.pop();
                    state.at += 1;
                }
                Some(Step::Bind(bracket, times)) => {
                    let bound = self.bindings.iter().map(|(_, times)| *times).sum();
                    let spare = self.program.slots.saturating_sub(*times).saturating_sub(bound);
                    let next = self.begin(&state, *bracket);
                    let need = Need { next, count: *times, spare };
                    self.choices.push(Choice::Candidate(state, need));
                    return Ok(false);
                }
            }
        }
    }

    /// The bounds that all open conditions put on an observation: least `last`, greatest `first`.
    fn bounds(state: &State) -> (i64, i64) {
        state.frames.iter().fold((i64::MIN, i64::MAX), |(low, high), frame| match frame {
            Frame::Bounds(from, to) => (low.max(*from), high.min(*to)),
            Frame::Before(_) => (low, high),
        })
    }

    /// The earliest `last` each choice within a window can have: one of those of its candidates, within its bounds.
    fn moments(&mut self, state: &State, brackets: &[u32]) -> Result<Vec<i64>, Unusable> {
        let (low, high) = Self::bounds(state);
        let mut moments = Vec::new();
        for bracket in brackets {
            let candidates = list(self.candidates, *bracket);
            self.steps += candidates.len() as u64 / 8;
            let observed = candidates.iter().filter_map(|number| observed(self.all, *number));
            let within = observed.filter(|one| one.last >= low && one.first <= high);
            moments.extend(within.map(|one| one.last));
        }
        self.count(1)?;
        moments.sort_unstable();
        moments.dedup();
        Ok(moments)
    }

    /// Where among the sorted candidates the first one stands that can end late enough.
    fn begin(&mut self, state: &State, bracket: u32) -> usize {
        let (low, _) = Self::bounds(state);
        let all = self.all;
        let (sorted, longest) = self.sorted(bracket);
        let earliest = low.saturating_sub(*longest);
        sorted.partition_point(|number| {
            observed(all, *number).is_some_and(|one| one.first < earliest)
        })
    }

    fn sorted(&mut self, bracket: u32) -> &(Vec<u32>, i64) {
        let (candidates, all) = (self.candidates, self.all);
        self.sorted.entry(bracket).or_insert_with(|| {
            let mut sorted = list(candidates, bracket).to_vec();
            let first = |number: u32| observed(all, number).map_or(i64::MAX, |one| one.first);
            sorted.sort_by_key(|number| first(*number));
            let durations = sorted.iter().filter_map(|number| observed(all, *number));
            let longest =
                durations.map(|one| one.last.saturating_sub(one.first)).max().unwrap_or(0);
            (sorted, longest)
        })
    }

    /// Looks for the next usable candidate and goes on with as much of it as possible.
    ///
    /// Taking less of it can only help if other brackets hold all the rest, so that stays a choice while they can.
    fn bind(&mut self, mut state: State, mut need: Need) -> Result<bool, Unusable> {
        let Some(Step::Bind(bracket, _)) = self.program.code.get(state.at) else {
            return Ok(false);
        };
        let (low, high) = Self::bounds(&state);
        self.count(1 + state.frames.len() as u64 / 4)?;
        loop {
            self.count(1)?;
            let all = self.all;
            let candidate = self.sorted(*bracket).0.get(need.next).copied();
            let Some((number, one)) =
                candidate.and_then(|number| Some((number, observed(all, number)?)))
            else {
                return Ok(false);
            };
            if one.first > high {
                return Ok(false);
            }
            need.next += 1;
            let free = one.number.saturating_sub(self.used.get(&number).copied().unwrap_or(0));
            if one.last < low || free == 0 {
                continue;
            }
            let most = free.min(need.count);
            for times in free.saturating_sub(need.spare)..most {
                let rest =
                    Need { count: need.count - times, spare: need.spare - (free - times), ..need };
                self.choices.push(if times == 0 {
                    Choice::Candidate(state.clone(), rest)
                } else {
                    Choice::Take(state.clone(), rest, number, times)
                });
            }
            self.take(&mut state, number, most);
            need.count -= most;
            return self.go_on(state, need);
        }
    }

    fn go_on(&mut self, mut state: State, need: Need) -> Result<bool, Unusable> {
        if need.count == 0 {
            state.at += 1;
            return self.advance(state);
        }
        // A choice instead of a call: repetitions may bind a million observations.
        self.choices.push(Choice::Candidate(state, need));
        Ok(false)
    }

    fn take(&mut self, state: &mut State, number: u32, times: u64) {
        self.bindings.push((number, times));
        *self.used.entry(number).or_insert(0) += times;
        state.bound = self.bindings.len();
        let first = observed(self.all, number).map_or(i64::MAX, |one| one.first);
        for frame in &mut state.frames {
            if let Frame::Before(latest) = frame {
                *latest = first.max(*latest);
            }
        }
    }
}

fn observed(all: &Observations, number: u32) -> Option<&Observed> {
    all.observed.get(usize::try_from(number).ok()?)
}
