//! Texts that were filled in: what all copies have, and what stands in the slots between.
//!
//! The words of a cluster's exemplar that nine in ten posts have in the same order are fixed; what lies between them
//! is a slot. Clusters whose exemplars have much in common are read as one template: where slots are long, copies of the
//! same template are too different to be near copies of one another.

use std::collections::{BTreeMap, HashMap};

use similar::{Algorithm, DiffTag, capture_diff_slices};

use super::fold;
use super::forest::Forest;
use super::signature::mixed;
use super::tokens::{Kind, Token, tokens};
use super::{Copies, Post};

/// Different texts of which a template is made; more of a cluster are left out.
pub const TEXTS_MAX: usize = 200;
/// Fillers that are named for a slot, those used most.
pub const FILLERS_MAX: usize = 50;
/// Clusters that are looked at, the largest first.
pub const CLUSTERS_MAX: usize = 20_000;
/// A run of words that so many clusters have is everybody's and tells nothing.
const COMMON_CLUSTERS: usize = 50;
/// A template has at least so many letters in its fixed parts.
const FIXED_CHARS_MIN: usize = 12;
/// So many posts of a hundred have a word that is fixed.
const FIXED_PERCENT: usize = 90;

/// What stands in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SlotKind {
    /// Words, or anything mixed.
    Words,
    /// Numbers only.
    Number,
    /// Locators only.
    Locator,
    /// Handles only.
    Handle,
}

impl SlotKind {
    /// The word that stands in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Number => "number",
            Self::Locator => "locator",
            Self::Handle => "handle",
        }
    }
}

/// What one or more posts have in a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filler {
    /// As it stands in one of the posts; empty where there is nothing.
    pub text: String,
    /// How many posts have it.
    pub posts: usize,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// What all posts have, as the exemplar writes it.
    Fixed(String),
    /// What differs.
    Slot {
        /// What stands there.
        kind: SlotKind,
        /// The fillers used most, at most [`FILLERS_MAX`].
        fillers: Vec<Filler>,
        /// How many different fillers there are.
        different: usize,
    },
}

/// Texts that were filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The places of its clusters in [`Copies::clusters`].
    pub clusters: Vec<usize>,
    /// Its parts in order.
    pub parts: Vec<Part>,
    /// How many posts were looked at.
    pub posts: usize,
    /// How many of them have all the fixed parts.
    pub followed: usize,
}

/// The templates of the clusters, in the order of their first cluster. Clusters whose texts do not differ have none.
pub fn templates(copies: &Copies, posts: &[Post<'_>]) -> Vec<Template> {
    families(copies, posts)
        .into_iter()
        .filter_map(|family| template(copies, posts, family))
        .collect()
}

/// Clusters that may be of one template, as lists of places.
fn families(copies: &Copies, posts: &[Post<'_>]) -> Vec<Vec<usize>> {
    let count = copies.clusters.len().min(CLUSTERS_MAX);
    let mut having: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    let mut sizes = Vec::with_capacity(count);
    for (place, cluster) in copies.clusters.iter().enumerate().take(count) {
        let text = posts.get(cluster.exemplar).map_or("", |post| post.text);
        let shingles = shingles(&tokens(text));
        sizes.push(shingles.len());
        for shingle in shingles {
            having.entry(shingle).or_default().push(place);
        }
    }
    let mut common: HashMap<(usize, usize), usize> = HashMap::new();
    for places in having.values().filter(|places| places.len() <= COMMON_CLUSTERS) {
        for (at, one) in places.iter().enumerate() {
            for other in places.iter().skip(at + 1) {
                *common.entry((*one, *other)).or_default() += 1;
            }
        }
    }
    let mut forest = Forest::with_len(u32::try_from(count).unwrap_or(u32::MAX));
    let mut pairs: Vec<_> = common.into_iter().collect();
    pairs.sort_unstable();
    for ((one, other), shared) in pairs {
        let size = |place: usize| sizes.get(place).copied().unwrap_or_default();
        // Two in five runs of words, and at least three.
        if shared >= 3
            && shared * 5 >= size(one).min(size(other)) * 2
            && let (Ok(one), Ok(other)) = (u32::try_from(one), u32::try_from(other))
        {
            forest.unite(one, other);
        }
    }
    let mut families: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for place in 0..count {
        let root = u32::try_from(place).map_or(u32::MAX, |place| forest.root(place));
        families.entry(root).or_default().push(place);
    }
    families.into_values().collect()
}

/// The runs of three words, or five letters where there are no spaces, as sorted hashes.
fn shingles(tokens: &[Token]) -> Vec<u64> {
    let said: Vec<&Token> = tokens.iter().filter(|token| token.kind == Kind::Word).collect();
    let letters = said.iter().filter(|token| token.folded.chars().any(fold::is_east_asian)).count();
    let length = if letters * 2 > said.len() { 5 } else { 3 };
    let mut shingles: Vec<u64> = said
        .windows(length)
        .map(|run| {
            run.iter()
                .flat_map(|token| token.folded.chars().chain([' ']))
                .fold(0, |hash, c| mixed(hash ^ u64::from(u32::from(c))))
        })
        .collect();
    shingles.sort_unstable();
    shingles.dedup();
    shingles
}

/// A different text and how many posts have it.
struct Said<'a> {
    raw: &'a str,
    tokens: Vec<Token>,
    posts: usize,
    /// For each word of the exemplar the place of the same word here.
    at: Vec<Option<usize>>,
}

fn template(copies: &Copies, posts: &[Post<'_>], clusters: Vec<usize>) -> Option<Template> {
    let base = copies.clusters.get(*clusters.first()?)?;
    let exemplar = posts.get(base.exemplar)?.text;
    let said = said(copies, posts, &clusters, exemplar);
    let words = tokens(exemplar);
    let fixed = fixed(&words, &said);
    let letters: usize = words
        .iter()
        .zip(&fixed)
        .filter(|(word, fixed)| **fixed && word.is_said())
        .map(|(word, _)| word.folded.chars().count())
        .sum();
    if letters < FIXED_CHARS_MIN {
        return None;
    }
    let parts = parts(exemplar, &words, &fixed, &said);
    let varies = parts.iter().any(|part| matches!(part, Part::Slot { .. }));
    let followed =
        said.iter().filter(|one| has_all(one, &words, &fixed)).map(|one| one.posts).sum();
    let posts = said.iter().map(|one| one.posts).sum();
    varies.then_some(Template { clusters, parts, posts, followed })
}

fn has_all(one: &Said<'_>, words: &[Token], fixed: &[bool]) -> bool {
    words
        .iter()
        .zip(fixed)
        .zip(&one.at)
        .all(|((word, fixed), at)| !fixed || !word.is_said() || at.is_some())
}

/// The different texts of the clusters, those of most posts first, aligned with the exemplar.
fn said<'a>(
    copies: &Copies,
    posts: &[Post<'a>],
    clusters: &[usize],
    exemplar: &str,
) -> Vec<Said<'a>> {
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for cluster in clusters.iter().filter_map(|place| copies.clusters.get(*place)) {
        for post in cluster.members.iter().filter_map(|member| posts.get(member.post)) {
            *counted.entry(post.text).or_default() += 1;
        }
    }
    let mut counted: Vec<(&str, usize)> = counted.into_iter().collect();
    counted.sort_by_key(|(_, posts)| core::cmp::Reverse(*posts));
    counted.truncate(TEXTS_MAX);
    let folded = |tokens: &[Token]| tokens.iter().map(|one| one.folded.clone()).collect::<Vec<_>>();
    let words = folded(&tokens(exemplar));
    let align = |(raw, posts): (&'a str, usize)| {
        let tokens = tokens(raw);
        let mut at = vec![None; words.len()];
        for op in capture_diff_slices(Algorithm::Myers, &words, &folded(&tokens)) {
            if op.tag() == DiffTag::Equal {
                for (word, here) in op.old_range().zip(op.new_range()) {
                    if let Some(slot) = at.get_mut(word) {
                        *slot = Some(here);
                    }
                }
            }
        }
        Said { raw, tokens, posts, at }
    };
    counted.into_iter().map(align).collect()
}

/// Which words of the exemplar are fixed. What stands between words is fixed only between two words that are.
fn fixed(words: &[Token], said: &[Said<'_>]) -> Vec<bool> {
    let all: usize = said.iter().map(|one| one.posts).sum();
    let having = |place: usize| -> usize {
        let has = |one: &&Said<'_>| one.at.get(place).copied().flatten().is_some();
        said.iter().filter(has).map(|one| one.posts).sum()
    };
    let usual: Vec<bool> =
        (0..words.len()).map(|place| having(place) * 100 >= all * FIXED_PERCENT).collect();
    let mut fixed: Vec<bool> =
        words.iter().zip(&usual).map(|(word, usual)| word.is_said() && *usual).collect();
    // Whether the nearest word on that side is fixed.
    let nearest = |backwards: bool| -> Vec<bool> {
        let mut last = false;
        let mut step = |(word, fixed): (&Token, &bool)| {
            last = if word.is_said() { *fixed } else { last };
            last
        };
        let pairs = words.iter().zip(&fixed);
        if backwards {
            let mut found: Vec<bool> = pairs.rev().map(&mut step).collect();
            found.reverse();
            found
        } else {
            pairs.map(&mut step).collect()
        }
    };
    let sides: Vec<bool> =
        nearest(false).iter().zip(nearest(true)).map(|(before, after)| *before && after).collect();
    for (((word, usual), between), fixed) in words.iter().zip(&usual).zip(sides).zip(&mut fixed) {
        *fixed |= !word.is_said() && *usual && between;
    }
    fixed
}

/// The parts: runs of fixed words, and slots wherever posts differ between two of them.
fn parts(exemplar: &str, words: &[Token], fixed: &[bool], said: &[Said<'_>]) -> Vec<Part> {
    let places: Vec<usize> =
        fixed.iter().enumerate().filter(|(_, fixed)| **fixed).map(|(place, _)| place).collect();
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut before: Option<usize> = None;
    for after in places.iter().copied().map(Some).chain([None]) {
        let left = before.and_then(|at| words.get(at)).map_or(0, |word| word.range.end);
        let right = after.and_then(|at| words.get(at)).map(|word| word.range.start);
        let middle = exemplar.get(left..right.unwrap_or(exemplar.len())).unwrap_or_default();
        if let Some(slot) = slot(before, after, said) {
            // The spaces around a slot are the fixed text's.
            let start = middle.len() - middle.trim_start().len();
            text.push_str(middle.get(..start).unwrap_or_default());
            if !text.is_empty() {
                parts.push(Part::Fixed(core::mem::take(&mut text)));
            }
            parts.push(slot);
            let end = middle.trim_end().len().max(start);
            text.push_str(middle.get(end..).unwrap_or_default());
        } else if before.is_some() && after.is_some() {
            // Nothing varies here: what the exemplar has between the two belongs to the fixed text.
            text.push_str(middle);
        }
        let word = after.and_then(|after| words.get(after));
        text.push_str(word.and_then(|word| exemplar.get(word.range.clone())).unwrap_or_default());
        before = after;
    }
    if !text.is_empty() {
        parts.push(Part::Fixed(text));
    }
    parts
}

/// What posts have between two fixed words, if at least one in ten says something else there than the most.
fn slot(before: Option<usize>, after: Option<usize>, said: &[Said<'_>]) -> Option<Part> {
    let mut fillers: BTreeMap<String, (usize, &str)> = BTreeMap::new();
    let mut kinds: Vec<Kind> = Vec::new();
    let mut all = 0;
    for one in said {
        let Some(tokens) = between(one, before, after) else { continue };
        all += one.posts;
        kinds.extend(tokens.iter().map(|token| token.kind).filter(|kind| *kind != Kind::Other));
        let said: Vec<&str> =
            tokens.iter().filter(|token| token.is_said()).map(|one| one.folded.as_str()).collect();
        let range = tokens.first().map_or(0, |token| token.range.start)
            ..tokens.last().map_or(0, |token| token.range.end);
        let raw = one.raw.get(range).unwrap_or_default().trim();
        let entry = fillers.entry(said.join(" ")).or_insert((0, raw));
        entry.0 += one.posts;
    }
    let most = fillers.values().map(|(posts, _)| *posts).max()?;
    if (all - most) * 100 < all * (100 - FIXED_PERCENT) || fillers.len() < 2 {
        return None;
    }
    let only = |kind: Kind| !kinds.is_empty() && kinds.iter().all(|one| *one == kind);
    let kind = if only(Kind::Locator) {
        SlotKind::Locator
    } else if only(Kind::Handle) {
        SlotKind::Handle
    } else if only(Kind::Number) {
        SlotKind::Number
    } else {
        SlotKind::Words
    };
    let different = fillers.len();
    let mut fillers: Vec<Filler> = fillers
        .into_values()
        .map(|(posts, text)| Filler { text: text.to_owned(), posts })
        .collect();
    fillers
        .sort_by(|one, other| other.posts.cmp(&one.posts).then_with(|| one.text.cmp(&other.text)));
    fillers.truncate(FILLERS_MAX);
    Some(Part::Slot { kind, fillers, different })
}

/// The words of a text between two fixed ones; `None` if it does not have these.
fn between<'a>(
    one: &'a Said<'_>,
    before: Option<usize>,
    after: Option<usize>,
) -> Option<&'a [Token]> {
    let place = |word: usize| one.at.get(word).copied().flatten();
    let from = match before {
        Some(word) => place(word)? + 1,
        None => 0,
    };
    let to = match after {
        Some(word) => place(word)?,
        None => one.tokens.len(),
    };
    one.tokens.get(from..to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copies::{Options, cluster};

    fn shown(texts: &[String]) -> Vec<String> {
        let names: Vec<String> = (0..texts.len()).map(|at| at.to_string()).collect();
        let posts: Vec<Post<'_>> = texts
            .iter()
            .zip(&names)
            .map(|(text, name)| Post { id: name, account: name, time_ms: 0, text })
            .collect();
        let copies = cluster(&posts, &Options::default());
        templates(&copies, &posts)
            .iter()
            .map(|template| {
                let parts = template.parts.iter().map(|part| match part {
                    Part::Fixed(text) => text.clone(),
                    Part::Slot { kind, different, .. } => format!("<{} {different}>", kind.name()),
                });
                parts.collect::<String>()
            })
            .collect()
    }

    #[test]
    fn slots_are_told_from_what_is_fixed() {
        let towns = ["Alderpond", "Birchwell", "Cedarholm", "Dunmere"];
        let texts: Vec<String> = (0..8)
            .map(|at| {
                let town = towns[at % 4];
                format!(
                    "People in {town} have waited {}{at} days for the new lamps and nobody cares about the \
                     harbour https://kiln.example/{at}",
                    at + 1
                )
            })
            .collect();
        assert_eq!(
            shown(&texts),
            [
                "People in <words 4> have waited <number 8> days for the new lamps and nobody cares about the \
             harbour <locator 8>"
            ]
        );
    }

    #[test]
    fn japanese_has_slots_between_letters() {
        let towns = ["青葉町", "白波町", "緑丘町", "赤松町"];
        let texts: Vec<String> = towns
            .iter()
            .map(|town| {
                format!(
                    "{town}の街灯は三年前から消えたままで、誰も直そうとしないのはおかしいと思います"
                )
            })
            .collect();
        assert_eq!(
            shown(&texts),
            ["<words 4>町の街灯は三年前から消えたままで、誰も直そうとしないのはおかしいと思います"]
        );
    }

    #[test]
    fn copies_without_a_difference_have_no_template() {
        let texts = vec!["The lamp oil of the old harbour is said to run out".to_owned(); 4];
        assert!(shown(&texts).is_empty());
    }
}
