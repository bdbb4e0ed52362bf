//! Series of names made by one template: a fixed part and a slot that places, languages or media words fill.
//!
//! Templates are mined, not given: a part of a name is taken out, names that then read the same are put together, and a
//! group counts when what was taken out is mostly a place, a language or the like. No names of persons are known here.

use std::collections::{BTreeMap, BTreeSet};

use super::name::Name;
use super::words::kinds_of;

/// Parts of a name looked at, at most.
const PARTS_MAX: usize = 12;
/// Parts of a label one slot may take (`new-zealand`, `rostov-na-donu`).
const SLOT_PARTS_MAX: usize = 3;
/// Of what fills a slot, the gazetteer must know this much, in percent.
const KNOWN_PERCENT_MIN: usize = 50;
/// The fixed part has a word of at least this many letters.
const FIXED_CHARACTERS_MIN: usize = 3;
/// Shortest media word taken off the end of a label, and shortest rest.
const MEDIA_CHARACTERS_MIN: usize = 4;
const REST_CHARACTERS_MIN: usize = 3;

/// One template with the names it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The pattern without its suffix, slots in braces: `{place}-news`, `{iso2}.news-pravda`, `{media}.{place}.ua`.
    pub pattern: String,
    /// Suffixes it stands under; empty where the slot reaches into the suffix.
    pub suffixes: Vec<String>,
    /// What fills it, sorted.
    pub fillers: Vec<String>,
    /// How much of that the gazetteer knows, in percent.
    pub known_percent: u8,
    /// The names, by number in the input.
    pub members: Vec<usize>,
}

/// A part of a name and what stands before it.
#[derive(Clone)]
struct Part<'a> {
    before: &'static str,
    text: &'a str,
    /// Which label it belongs to, from the left.
    label: usize,
    in_suffix: bool,
}

#[derive(Default)]
struct Group {
    /// Fillers with whether the gazetteer knows them.
    fillers: BTreeMap<String, bool>,
    suffixes: BTreeSet<String>,
    members: BTreeSet<usize>,
    kinds: BTreeMap<&'static str, usize>,
}

/// The templates that `least` or more different fillers made; each name is explained by the template that covers most.
pub(super) fn templates<'a>(
    names: impl Iterator<Item = (usize, &'a Name)>,
    least: usize,
) -> Vec<Template> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for (number, name) in names {
        for split in [false, true] {
            let parts = parts(name, split);
            one_slot(&parts, number, name, &mut groups);
            known_slots(&parts, number, name, &mut groups);
        }
    }
    groups.retain(|_, group| {
        let known = group.fillers.values().filter(|known| **known).count();
        group.fillers.len() >= least && known * 100 >= group.fillers.len() * KNOWN_PERCENT_MIN
    });
    choose(groups, least)
}

/// Labels split at hyphens; with `split`, a media word that ends or begins a label is a part of its own.
fn parts(name: &Name, split: bool) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let suffix_labels = name.suffix().split('.').count();
    let labels: Vec<&str> = name.unicode().split('.').collect();
    let first_of_suffix = labels.len().saturating_sub(suffix_labels);
    for (number, label) in labels.iter().enumerate() {
        let in_suffix = number >= first_of_suffix;
        for (at, piece) in label.split('-').enumerate() {
            let before = match (number, at) {
                (0, 0) => "",
                (_, 0) => ".",
                _ => "-",
            };
            let part = |before, text| Part { before, text, label: number, in_suffix };
            match media_end(piece).filter(|_| split && !in_suffix) {
                Some((left, right)) => {
                    parts.push(part(before, left));
                    parts.push(part("", right));
                }
                None => parts.push(part(before, piece)),
            }
        }
    }
    parts.truncate(PARTS_MAX);
    parts
}

/// Splits a media word off the end or the beginning of a text that is no name of the gazetteer itself.
fn media_end(text: &str) -> Option<(&str, &str)> {
    if kinds_of(text).is_some() {
        return None;
    }
    let is_media = |word: &str| kinds_of(word).is_some_and(|kinds| kinds.contains("media"));
    text.char_indices().map(|(at, _)| text.split_at(at)).find(|(left, right)| {
        let ends = right.len() >= MEDIA_CHARACTERS_MIN
            && left.len() >= REST_CHARACTERS_MIN
            && is_media(right);
        let begins = left.len() >= MEDIA_CHARACTERS_MIN
            && right.len() >= REST_CHARACTERS_MIN
            && is_media(left);
        ends || begins
    })
}

/// Takes one run of parts out of each label in turn.
fn one_slot(parts: &[Part<'_>], number: usize, name: &Name, groups: &mut BTreeMap<String, Group>) {
    let top = parts.last().map(|part| part.label);
    for start in 0..parts.len() {
        for end in start + 1..=parts.len().min(start + SLOT_PARTS_MAX) {
            let Some(slot) = parts.get(start..end) else { continue };
            let one_label =
                slot.iter().all(|part| Some(part.label) == slot.first().map(|first| first.label));
            let (Some(first), true) = (slot.first(), one_label) else { continue };
            if Some(first.label) == top || first.text == "www" {
                continue;
            }
            let outside = |at: &usize| *at < start || *at >= end;
            let fixed =
                parts.iter().enumerate().filter(|(at, _)| outside(at)).map(|(_, part)| part);
            if !has_word(fixed) {
                continue;
            }
            let filler: String = slot
                .iter()
                .enumerate()
                .map(|(at, part)| {
                    format!("{}{}", if at == 0 { "" } else { part.before }, part.text)
                })
                .collect();
            let reaches_suffix = slot.iter().any(|part| part.in_suffix);
            let pattern = pattern(parts, reaches_suffix, |at| match at {
                at if at == start => Some("{}"),
                at if at > start && at < end => Some(""),
                _ => None,
            });
            let group = groups.entry(pattern).or_default();
            let kinds = kinds_of(&filler);
            for kind in kinds.into_iter().flatten().filter(|_| !group.fillers.contains_key(&filler))
            {
                *group.kinds.entry(kind).or_default() += 1;
            }
            group.fillers.insert(filler, kinds.is_some());
            group.add(number, name, reaches_suffix);
        }
    }
}

/// Replaces every part that the gazetteer knows by its kind.
fn known_slots(
    parts: &[Part<'_>],
    number: usize,
    name: &Name,
    groups: &mut BTreeMap<String, Group>,
) {
    let top = parts.last().map(|part| part.label);
    let kinds: Vec<Option<&'static str>> = parts
        .iter()
        .map(|part| {
            let kinds = kinds_of(part.text).filter(|_| Some(part.label) != top)?;
            // A media word stays one where it is a code too; a city is a place in the suffix of its country only.
            if kinds.contains("media") {
                Some("{media}")
            } else if kinds.contains("place") {
                Some("{place}")
            } else {
                Some("{code}").filter(|_| !part.in_suffix)
            }
        })
        .collect();
    let has = |wanted| kinds.iter().flatten().any(|kind| *kind == wanted);
    if !has("{media}") || !(has("{place}") || has("{code}")) {
        return;
    }
    let reaches_suffix =
        parts.iter().zip(&kinds).any(|(part, kind)| part.in_suffix && kind.is_some());
    let pattern = pattern(parts, reaches_suffix, |at| kinds.get(at).copied().flatten());
    let filler: Vec<&str> = parts
        .iter()
        .zip(&kinds)
        .filter(|(_, kind)| kind.is_some())
        .map(|(part, _)| part.text)
        .collect();
    let group = groups.entry(pattern).or_default();
    group.fillers.insert(filler.join(" "), true);
    group.add(number, name, reaches_suffix);
}

impl Group {
    fn add(&mut self, number: usize, name: &Name, reaches_suffix: bool) {
        self.members.insert(number);
        if !reaches_suffix {
            self.suffixes.insert(name.suffix().to_owned());
        }
    }
}

/// Whether the fixed part names anything: a word outside the suffix that is not `www`.
fn has_word<'p>(mut fixed: impl Iterator<Item = &'p Part<'p>>) -> bool {
    fixed.any(|part| {
        !part.in_suffix && part.text != "www" && part.text.chars().count() >= FIXED_CHARACTERS_MIN
    })
}

fn pattern<'s>(
    parts: &[Part<'_>],
    with_suffix: bool,
    slot: impl Fn(usize) -> Option<&'s str>,
) -> String {
    let mut text = String::new();
    for (at, part) in parts.iter().enumerate().filter(|(_, part)| with_suffix || !part.in_suffix) {
        match slot(at) {
            Some("") => {}
            Some(kind) => {
                text.push_str(part.before);
                text.push_str(kind);
            }
            None => {
                text.push_str(part.before);
                text.push_str(part.text);
            }
        }
    }
    text
}

/// The template that covers most of what is left, until none covers `least` more; ties go to the first pattern.
fn choose(mut groups: BTreeMap<String, Group>, least: usize) -> Vec<Template> {
    let mut chosen = Vec::new();
    let mut covered: BTreeSet<usize> = BTreeSet::new();
    loop {
        let fresh = |group: &Group| group.members.difference(&covered).count();
        let best = groups.iter().map(|(pattern, group)| (fresh(group), pattern)).fold(
            None,
            |best: Option<(usize, &String)>, (count, pattern)| match best {
                Some((most, _)) if most >= count => best,
                _ => Some((count, pattern)),
            },
        );
        let Some((_, pattern)) = best.filter(|(count, _)| *count >= least.div_ceil(2)) else {
            break;
        };
        let pattern = pattern.clone();
        let Some(group) = groups.remove(&pattern) else { break };
        covered.extend(group.members.iter().copied());
        chosen.push(group.finish(&pattern));
    }
    chosen
}

impl Group {
    fn finish(self, pattern: &str) -> Template {
        let known = self.fillers.values().filter(|known| **known).count();
        let percent = known * 100 / self.fillers.len().max(1);
        let kind =
            self.kinds.iter().max_by_key(|(kind, count)| (**count, std::cmp::Reverse(**kind)));
        let slot = format!("{{{}}}", kind.map_or("any", |(kind, _)| kind));
        Template {
            pattern: pattern.replace("{}", &slot),
            suffixes: self.suffixes.into_iter().collect(),
            known_percent: u8::try_from(percent).unwrap_or(100),
            fillers: self.fillers.into_keys().collect(),
            members: self.members.into_iter().collect(),
        }
    }
}
