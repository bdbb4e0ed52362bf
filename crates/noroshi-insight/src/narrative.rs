//! Which posts are about the same thing: candidates for a narrative that somebody may name.
//!
//! Words and, where a script has no spaces, runs of three letters become a vector; texts join the nearest group in the order of
//! time, whose middle forgets with a half-life of two weeks; groups whose middles are neighbours in most of the weeks in which
//! both are active are one candidate (Leiden over the ten nearest neighbours, week by week).
//!
//! A group says that words recur. It says nothing about what is claimed, and its terms are shown and never counted into
//! anything: a narrative exists only when an analyst names it.
//!
//! ```
//! use noroshi_insight::narrative::{Options, Text, group};
//! let text = |id, text| Text { id, account: id, time_ms: 0, text, posts: 1 };
//! let texts = [
//!     text("1", "the harbour ferry stops at the old lamp pier"), text("2", "lamp pier closed, harbour ferry stops elsewhere"),
//!     text("3", "plum cake recipe with plum jam"), text("4", "a recipe for plum cake and jam"),
//! ];
//! let found = group(&texts, &Options { posts_min: 2, ..Options::default() });
//! let members: Vec<_> = found.groups.iter().map(|one| one.members.clone()).collect();
//! assert_eq!(members, [[0, 1], [2, 3]]);
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;
use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::coordination::communities;

/// Places of a vector: terms beyond share one.
const PLACES: u64 = 1 << 18;
/// So much of a text is read, in letters.
const LETTERS_MAX: usize = 2_000;
/// Places of the middle of a group that are kept, the heaviest.
const MIDDLE_MAX: usize = 512;
/// The rarest terms of a text by which groups are looked up.
const LOOKED_UP: usize = 16;
/// Groups with which a text is compared at most.
const COMPARED_MAX: usize = 64;
/// Neighbours of a group in a week.
const NEIGHBOURS: usize = 10;
/// Less alike than this are no neighbours.
const NEIGHBOUR_MIN: f64 = 0.2;
/// Terms told of a group.
const TERMS_TOLD: usize = 12;
/// Texts of a group whose terms are counted.
const TERMS_OF: usize = 200;
/// Texts told of a group.
pub const EXEMPLARS_MAX: usize = 5;

const DAY_MS: i64 = 86_400_000;
/// How long a middle takes to forget half.
const HALF_LIFE_MS: i64 = 14 * DAY_MS;
const WEEK_MS: i64 = 7 * DAY_MS;

/// A text that stands for one or several posts that say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// Names the text.
    pub id: &'a str,
    /// Who posted it first.
    pub account: &'a str,
    /// When, in milliseconds since 1970 in UTC.
    pub time_ms: i64,
    /// What it says.
    pub text: &'a str,
    /// How many posts say the same.
    pub posts: usize,
}

/// What makes a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// A text joins the nearest group if the cosine is at least this, from 0 to 1.
    pub cosine_min: f64,
    /// Groups with fewer posts are counted and not told.
    pub posts_min: usize,
    /// Texts beyond are left out and counted, the latest first.
    pub texts_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { cosine_min: 0.35, posts_min: 3, texts_max: 100_000 }
    }
}

/// Texts about the same thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Places of the texts that were given, in their order of time.
    pub members: Vec<usize>,
    /// Terms that stand out, with their weight; for reading only.
    pub terms: Vec<(String, f64)>,
    /// Places of the texts nearest to the middle.
    pub exemplars: Vec<usize>,
    /// Different accounts that posted a text first.
    pub accounts: usize,
    /// Posts, copies counted.
    pub posts: usize,
    /// The first and the last text, in milliseconds since 1970 in UTC.
    pub span_ms: (i64, i64),
    /// The start of each week with a text, and its texts.
    pub weeks: Vec<(i64, usize)>,
}

/// The groups, and what is in none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Groups {
    /// Those with most texts first.
    pub groups: Vec<Group>,
    /// Texts without a term of their own.
    pub empty: usize,
    /// Texts in no group that is told.
    pub alone: usize,
    /// Texts beyond the limit.
    pub left_out: usize,
}

/// Places and weights by place, of length one.
type Vector = Vec<(u32, f64)>;

/// Groups texts by their words. The order of `texts` matters only in that members count in it.
pub fn group(texts: &[Text<'_>], options: &Options) -> Groups {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|place| texts.get(*place).map(|text| (text.time_ms, text.id)));
    let left_out = order.len().saturating_sub(options.texts_max);
    order.truncate(options.texts_max);
    let chosen: Vec<(usize, Text<'_>)> =
        order.iter().filter_map(|place| Some((*place, *texts.get(*place)?))).collect();
    let space = Space::of(&chosen);
    let mut leaders = Leaders::default();
    let mut empty = 0;
    for (number, (_, text)) in chosen.iter().enumerate() {
        let vector = space.vector(text.text);
        if vector.is_empty() {
            empty += 1;
        } else {
            leaders.take(number, text.time_ms, vector, options);
        }
    }
    let merged = leaders.merged(&chosen);
    let mut found = Groups { empty, left_out, ..Groups::default() };
    for members in merged {
        let posts = members.iter().filter_map(|at| chosen.get(*at)).map(|one| one.1.posts);
        if posts.sum::<usize>() < options.posts_min {
            found.alone += members.len();
        } else {
            found.groups.push(told(&members, &chosen, &leaders, &space));
        }
    }
    found.groups.sort_by(|one, other| {
        other.members.len().cmp(&one.members.len()).then(one.span_ms.cmp(&other.span_ms)).then_with(
            || {
                let id = |group: &Group| group.members.first().and_then(|at| texts.get(*at));
                id(one).map(|text| text.id).cmp(&id(other).map(|text| text.id))
            },
        )
    });
    found
}

/// The terms of a text: words and pairs of words, and runs of three letters where a script has no spaces.
fn terms(text: &str) -> Vec<String> {
    let folded: String = text.nfkc().flat_map(char::to_lowercase).take(LETTERS_MAX).collect();
    let mut terms = Vec::new();
    for piece in folded.split_whitespace() {
        if piece.starts_with(['@', '#']) || piece.contains("://") || piece.starts_with("www.") {
            terms.push(String::new());
            continue;
        }
        let mut run = String::new();
        let mut rest = String::new();
        for c in piece.chars() {
            if is_unspaced(c) {
                words(&rest, &mut terms);
                rest.clear();
                run.push(c);
            } else {
                letters(&run, &mut terms);
                run.clear();
                rest.push(c);
            }
        }
        letters(&run, &mut terms);
        words(&rest, &mut terms);
    }
    let pairs: Vec<String> = terms
        .iter()
        .zip(terms.iter().skip(1))
        .filter(|(one, next)| is_word(one) && is_word(next))
        .map(|(one, next)| format!("{one} {next}"))
        .collect();
    terms.retain(|term| !term.is_empty());
    terms.extend(pairs);
    terms
}

fn is_word(term: &str) -> bool {
    !term.is_empty() && !term.chars().any(is_unspaced)
}

/// Kana, Han and Hangul. Hangul has spaces, but its endings change too much for whole words.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}')
}

fn words(text: &str, terms: &mut Vec<String>) {
    // A number is about nothing: dates and counts would bring together what says nothing of the same.
    let tells = |word: &&str| word.chars().count() > 1 && word.chars().any(char::is_alphabetic);
    terms.extend(text.unicode_words().filter(tells).map(str::to_owned));
}

fn letters(run: &str, terms: &mut Vec<String>) {
    let letters: Vec<char> = run.chars().collect();
    match letters.len() {
        0 | 1 => {}
        2 => terms.push(run.to_owned()),
        _ => terms.extend(letters.windows(3).map(|three| three.iter().collect::<String>())),
    }
}

/// Where a term stands in a vector.
fn place_of(term: &str) -> u32 {
    let mut hasher = SipHasher13::new();
    hasher.write(term.as_bytes());
    u32::try_from(hasher.finish() % PLACES).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "numbers of texts are far below 2^53")]
fn real(count: usize) -> f64 {
    count as f64
}

/// How rare each place is.
struct Space {
    rarity: HashMap<u32, f64>,
}

impl Space {
    fn of(texts: &[(usize, Text<'_>)]) -> Self {
        let mut having: BTreeMap<u32, usize> = BTreeMap::new();
        for (_, text) in texts {
            let places: BTreeSet<u32> =
                terms(text.text).iter().map(|term| place_of(term)).collect();
            for place in places {
                *having.entry(place).or_default() += 1;
            }
        }
        // What most texts have tells nothing apart. Less than half may be what one subject is about that many write of.
        let common = if texts.len() < 100 { usize::MAX } else { texts.len() / 2 };
        let all = real(texts.len() + 1);
        let rarity = having
            .into_iter()
            .filter(|(_, count)| *count <= common)
            .map(|(place, count)| (place, (all / real(count + 1)).ln() + 1.0))
            .collect();
        Self { rarity }
    }

    fn rarity(&self, place: u32) -> f64 {
        self.rarity.get(&place).copied().unwrap_or(0.0)
    }

    fn vector(&self, text: &str) -> Vector {
        let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
        for term in terms(text) {
            *counts.entry(place_of(&term)).or_default() += 1;
        }
        let weighed = counts
            .into_iter()
            .map(|(place, count)| (place, (1.0 + f64::from(count).ln()) * self.rarity(place)))
            .filter(|(_, weight)| *weight > 0.0);
        unit(weighed.collect())
    }
}

fn unit(mut vector: Vector) -> Vector {
    let length = vector.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
    for (_, weight) in &mut vector {
        *weight /= length;
    }
    vector
}

/// Of two vectors of length one, in order of place.
fn cosine(one: &[(u32, f64)], other: &[(u32, f64)]) -> f64 {
    let (mut left, mut right, mut sum) = (one, other, 0.0);
    while let (Some(((a, x), rest)), Some(((b, y), more))) =
        (left.split_first(), right.split_first())
    {
        match a.cmp(b) {
            core::cmp::Ordering::Less => left = rest,
            core::cmp::Ordering::Greater => right = more,
            core::cmp::Ordering::Equal => {
                sum += x * y;
                (left, right) = (rest, more);
            }
        }
    }
    sum
}

/// A group while texts come in.
struct Leader {
    /// The sum of its texts, decayed.
    sum: BTreeMap<u32, f64>,
    middle: Vector,
    last_ms: i64,
    members: Vec<(usize, Vector)>,
}

/// The groups so far, and which have a place in their middle.
#[derive(Default)]
struct Leaders {
    leaders: Vec<Leader>,
    having: HashMap<u32, Vec<u32>>,
}

impl Leaders {
    fn take(&mut self, number: usize, time_ms: i64, vector: Vector, options: &Options) {
        let found = self.nearest(&vector).filter(|(_, alike)| *alike >= options.cosine_min);
        let place = found.map_or(self.leaders.len(), |(place, _)| place);
        if place == self.leaders.len() {
            self.leaders.push(Leader {
                sum: BTreeMap::new(),
                middle: Vector::new(),
                last_ms: time_ms,
                members: Vec::new(),
            });
        }
        let Some(leader) = self.leaders.get_mut(place) else { return };
        leader.add(&vector, time_ms);
        leader.members.push((number, vector));
        let numbered = u32::try_from(place).unwrap_or(u32::MAX);
        for (at, _) in &leader.middle {
            let having = self.having.entry(*at).or_default();
            if having.binary_search(&numbered).is_err() {
                let at = having.partition_point(|one| *one < numbered);
                having.insert(at, numbered);
            }
        }
    }

    /// The group most like a text, of equals the older one.
    fn nearest(&self, vector: &[(u32, f64)]) -> Option<(usize, f64)> {
        let mut rare = vector.to_vec();
        rare.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        let mut hits: HashMap<u32, u32> = HashMap::new();
        for (place, _) in rare.iter().take(LOOKED_UP) {
            // The newest groups of a term that very many have: older ones have forgotten it.
            let having = self.having.get(place).map(Vec::as_slice).unwrap_or_default();
            for leader in having.iter().rev().take(COMPARED_MAX * 4) {
                *hits.entry(*leader).or_default() += 1;
            }
        }
        let mut hits: Vec<(u32, u32)> = hits.into_iter().collect();
        hits.sort_by_key(|(leader, hits)| (core::cmp::Reverse(*hits), *leader));
        let compared = hits.iter().take(COMPARED_MAX).filter_map(|(leader, _)| {
            let place = usize::try_from(*leader).ok()?;
            Some((place, cosine(vector, &self.leaders.get(place)?.middle)))
        });
        compared.fold(None, |best: Option<(usize, f64)>, next| match best {
            Some(best) if (best.1, next.0) >= (next.1, best.0) => Some(best),
            _ => Some(next),
        })
    }

    /// Members of groups that belong together, each in the order of time.
    fn merged(&self, texts: &[(usize, Text<'_>)]) -> Vec<Vec<usize>> {
        let mut weeks: BTreeMap<i64, BTreeMap<u32, Vec<&Vector>>> = BTreeMap::new();
        for (place, leader) in (0_u32..).zip(&self.leaders).filter(|(_, one)| one.members.len() > 1)
        {
            for (number, vector) in &leader.members {
                let time = texts.get(*number).map_or(0, |(_, text)| text.time_ms);
                let week = weeks.entry(time.div_euclid(WEEK_MS)).or_default();
                week.entry(place).or_default().push(vector);
            }
        }
        // Of each pair of groups: in how many weeks both are active, and in how many of these they are one community.
        let mut together: BTreeMap<(u32, u32), usize> = BTreeMap::new();
        let mut active: BTreeMap<u32, BTreeSet<i64>> = BTreeMap::new();
        for (week, leaders) in &weeks {
            for place in leaders.keys() {
                active.entry(*place).or_default().insert(*week);
            }
            for pair in neighbours(leaders) {
                *together.entry(pair).or_default() += 1;
            }
        }
        let mut roots: Vec<usize> = (0..self.leaders.len()).collect();
        for ((one, other), weeks) in together {
            let both = |a: u32, b: u32| {
                let (a, b) = (active.get(&a)?, active.get(&b)?);
                Some(a.intersection(b).count())
            };
            if both(one, other).is_some_and(|both| weeks * 2 >= both) {
                join(&mut roots, one, other);
            }
        }
        let mut merged: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, leader) in self.leaders.iter().enumerate() {
            let members = merged.entry(root(&roots, place)).or_default();
            members.extend(leader.members.iter().map(|(number, _)| *number));
        }
        merged
            .into_values()
            .map(|mut members| {
                members.sort_unstable();
                members
            })
            .collect()
    }
}

impl Leader {
    fn add(&mut self, vector: &[(u32, f64)], time_ms: i64) {
        let passed = time_ms.saturating_sub(self.last_ms);
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds of any date are far below 2^53"
        )]
        let kept = 0.5_f64.powf(passed as f64 / HALF_LIFE_MS as f64);
        self.last_ms = time_ms;
        for weight in self.sum.values_mut() {
            *weight *= kept;
        }
        for (place, weight) in vector {
            *self.sum.entry(*place).or_default() += weight;
        }
        let mut heaviest: Vector =
            self.sum.iter().map(|(place, weight)| (*place, *weight)).collect();
        if heaviest.len() > MIDDLE_MAX {
            heaviest.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
            heaviest.truncate(MIDDLE_MAX);
            heaviest.sort_by_key(|(place, _)| *place);
            self.sum = heaviest.iter().copied().collect();
        }
        self.middle = unit(heaviest);
    }
}

fn root(roots: &[usize], mut at: usize) -> usize {
    while let Some(next) = roots.get(at).filter(|next| **next != at) {
        at = *next;
    }
    at
}

fn join(roots: &mut [usize], one: u32, other: u32) {
    let at = |one: u32| usize::try_from(one).unwrap_or_default();
    let (one, other) = (root(roots, at(one)), root(roots, at(other)));
    if let Some(slot) = roots.get_mut(one.max(other)) {
        *slot = one.min(other);
    }
}

/// Pairs of groups of one week that are of one community.
fn neighbours(leaders: &BTreeMap<u32, Vec<&Vector>>) -> Vec<(u32, u32)> {
    let middles: Vec<(u32, Vector)> = leaders
        .iter()
        .map(|(place, vectors)| {
            let mut sum: BTreeMap<u32, f64> = BTreeMap::new();
            for (at, weight) in vectors.iter().flat_map(|vector| vector.iter()) {
                *sum.entry(*at).or_default() += weight;
            }
            (*place, unit(sum.into_iter().collect()))
        })
        .collect();
    let mut having: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (number, (_, middle)) in (0_u32..).zip(&middles) {
        for (place, _) in middle {
            having.entry(*place).or_default().push(number);
        }
    }
    let mut edges: BTreeMap<(u32, u32), f64> = BTreeMap::new();
    for (number, (_, middle)) in (0_u32..).zip(&middles) {
        let near = near(number, middle, &middles, &having);
        edges.extend(
            near.into_iter().map(|(other, alike)| ((number.min(other), number.max(other)), alike)),
        );
    }
    let edges: Vec<(u32, u32, f64)> =
        edges.into_iter().map(|((one, other), alike)| (one, other, alike)).collect();
    let community = communities(middles.len(), &edges);
    // Only neighbours: a community is as large as the week, a chain through it is not.
    edges
        .iter()
        .filter(|(one, other, _)| {
            let of = |place: u32| usize::try_from(place).ok().and_then(|at| community.get(at));
            of(*one) == of(*other)
        })
        .filter_map(|(one, other, _)| {
            let of = |place: u32| middles.get(usize::try_from(place).ok()?).map(|one| one.0);
            Some((of(*one)?, of(*other)?))
        })
        .collect()
}

fn near(
    number: u32,
    middle: &[(u32, f64)],
    middles: &[(u32, Vector)],
    having: &BTreeMap<u32, Vec<u32>>,
) -> Vec<(u32, f64)> {
    let mut heavy = middle.to_vec();
    heavy.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
    let others: BTreeSet<u32> = heavy
        .iter()
        .take(LOOKED_UP)
        .filter_map(|(place, _)| having.get(place))
        .flat_map(|numbers| numbers.iter().take(COMPARED_MAX * 4).copied())
        .filter(|other| *other != number)
        .collect();
    let mut near: Vec<(u32, f64)> = others
        .into_iter()
        .filter_map(|other| {
            let (_, theirs) = middles.get(usize::try_from(other).ok()?)?;
            Some((other, cosine(middle, theirs)))
        })
        .filter(|(_, alike)| *alike >= NEIGHBOUR_MIN)
        .collect();
    near.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
    near.truncate(NEIGHBOURS);
    near
}

fn told(members: &[usize], texts: &[(usize, Text<'_>)], leaders: &Leaders, space: &Space) -> Group {
    let of: Vec<(usize, &(usize, Text<'_>))> =
        members.iter().filter_map(|number| Some((*number, texts.get(*number)?))).collect();
    let inside: BTreeSet<usize> = members.iter().copied().collect();
    let vectors: BTreeMap<usize, &Vector> = leaders
        .leaders
        .iter()
        .flat_map(|leader| &leader.members)
        .filter(|(number, _)| inside.contains(number))
        .map(|(number, vector)| (*number, vector))
        .collect();
    let mut sum: BTreeMap<u32, f64> = BTreeMap::new();
    for (place, weight) in vectors.values().flat_map(|vector| vector.iter()) {
        *sum.entry(*place).or_default() += weight;
    }
    let middle = unit(sum.into_iter().collect());
    let mut nearest: Vec<(usize, f64)> =
        vectors.iter().map(|(number, vector)| (*number, cosine(vector, &middle))).collect();
    nearest.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
    let given = |number: usize| texts.get(number).map(|(place, _)| *place);
    let times = || of.iter().map(|(_, (_, text))| text.time_ms);
    let mut weeks: BTreeMap<i64, usize> = BTreeMap::new();
    for time in times() {
        *weeks.entry(time.div_euclid(WEEK_MS) * WEEK_MS).or_default() += 1;
    }
    Group {
        members: of.iter().map(|(_, (place, _))| *place).collect(),
        terms: spoken(&of, space),
        exemplars: nearest
            .iter()
            .take(EXEMPLARS_MAX)
            .filter_map(|(number, _)| given(*number))
            .collect(),
        accounts: of.iter().map(|(_, (_, text))| text.account).collect::<BTreeSet<_>>().len(),
        posts: of.iter().map(|(_, (_, text))| text.posts).sum(),
        span_ms: (times().min().unwrap_or(0), times().max().unwrap_or(0)),
        weeks: weeks.into_iter().collect(),
    }
}

/// The terms by which a group is told: frequent in it and rare elsewhere, none twice in other words.
fn spoken(of: &[(usize, &(usize, Text<'_>))], space: &Space) -> Vec<(String, f64)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, (_, text)) in of.iter().take(TERMS_OF) {
        let said: BTreeSet<String> = terms(text.text).into_iter().collect();
        for term in said {
            *counts.entry(term).or_default() += 1;
        }
    }
    let least = if of.len() > 3 { 2 } else { 1 };
    let mut weighed: Vec<(String, f64)> = counts
        .into_iter()
        .filter(|(_, count)| *count >= least)
        .map(|(term, count)| {
            let weight = real(count) * space.rarity(place_of(&term));
            (term, weight)
        })
        .filter(|(_, weight)| *weight > 0.0)
        .collect();
    weighed.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let mut told: Vec<(String, f64)> = Vec::new();
    for (term, weight) in weighed {
        if told.len() == TERMS_TOLD {
            break;
        }
        if !told.iter().any(|(held, _)| overlap(held, &term)) {
            told.push((term, weight));
        }
    }
    told
}

/// Whether one is in the other, or two runs of letters follow one another.
fn overlap(one: &str, other: &str) -> bool {
    if one.contains(other) || other.contains(one) {
        return true;
    }
    let letters = |text: &str| text.chars().collect::<Vec<char>>();
    let (one, other) = (letters(one), letters(other));
    if !one.iter().chain(&other).all(|c| is_unspaced(*c)) {
        return false;
    }
    let ends = |left: &[char], right: &[char]| {
        let tail = left.get(left.len().saturating_sub(2)..).unwrap_or_default();
        right.starts_with(tail)
    };
    ends(&one, &other) || ends(&other, &one)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sentences made of the words of one subject, drawn by a linear congruence.
    fn said(subjects: &[&[&str]], each: usize, joint: &str) -> Vec<(usize, String)> {
        let mut state = 11_u64;
        let mut draw = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below
        };
        let mut all = Vec::new();
        for turn in 0..each {
            for (subject, words) in subjects.iter().enumerate() {
                let said: Vec<&str> = (0..7).map(|_| words[draw(words.len())]).collect();
                all.push((subject, format!("{} {turn}", said.join(joint))));
            }
        }
        all
    }

    fn check(subjects: &[&[&str]], joint: &str) {
        let said = said(subjects, 60, joint);
        let ids: Vec<String> = (0..said.len()).map(|at| format!("{at:04}")).collect();
        let texts: Vec<Text<'_>> = said
            .iter()
            .zip(&ids)
            .zip(0_i64..)
            .map(|(((_, text), id), at)| Text {
                id,
                account: id,
                time_ms: at * 3_600_000,
                text,
                posts: 2,
            })
            .collect();
        let found = group(&texts, &Options::default());
        let mut best = vec![0; subjects.len()];
        for one in &found.groups {
            let of: BTreeSet<usize> = one.members.iter().map(|at| said[*at].0).collect();
            assert_eq!(of.len(), 1, "a group of two subjects: {:?}", one.terms);
            let subject = *of.first().unwrap();
            best[subject] = best[subject].max(one.members.len());
            assert_eq!(one.posts, one.members.len() * 2);
            let first: &str = &one.terms[0].0;
            assert!(
                subjects[subject].iter().any(|word| first.contains(word) || word.contains(first)),
                "{first}"
            );
        }
        assert!(best.iter().all(|most| *most >= 45), "of 60 texts a subject: {best:?}");
        // The order in which texts are given does not matter.
        let mut turned = texts.clone();
        turned.reverse();
        let again = group(&turned, &Options::default());
        let members = |groups: &Groups, texts: &[Text<'_>]| -> Vec<Vec<String>> {
            let of = |one: &Group| one.members.iter().map(|at| texts[*at].id.to_owned()).collect();
            groups.groups.iter().map(of).collect()
        };
        assert_eq!(members(&found, &texts), members(&again, &turned));
    }

    #[test]
    fn what_is_about_the_same_is_one_candidate() {
        check(
            &[
                &["harbour", "ferry", "lamp", "pier", "captain", "tide", "rope", "anchor"],
                &["plum", "cake", "oven", "flour", "recipe", "butter", "sugar", "kitchen"],
                &[
                    "ballot", "counting", "observer", "district", "registry", "booth", "queue",
                    "seal",
                ],
            ],
            " ",
        );
    }

    #[test]
    fn japanese_is_grouped_without_a_dictionary() {
        check(
            &[
                &["港の灯台", "連絡船の欠航", "桟橋の工事", "潮の高さ", "船長の話", "錨の鎖"],
                &["梅の菓子", "窯の温度", "小麦の値段", "砂糖の量", "台所の道具", "牛乳の味"],
            ],
            "、",
        );
    }

    #[test]
    fn what_stands_alone_and_what_says_nothing_is_counted() {
        let text = |id, text| Text { id, account: "a", time_ms: 0, text, posts: 1 };
        let texts = [
            text("1", "https://news.example/x @someone"),
            text("2", "a lonely lighthouse keeper"),
            text("3", "x"),
        ];
        let found = group(&texts, &Options { texts_max: 2, ..Options::default() });
        assert_eq!((found.empty, found.alone, found.left_out), (1, 1, 1));
        assert!(found.groups.is_empty());
    }
}
