//! The rules, each asked of the indexes.

use std::cmp::Reverse;

use unicode_script::{Script, UnicodeScript as _};
use unicode_security::{RestrictionLevel, RestrictionLevelDetection as _};

use super::edit::{EDIT1_CHARACTERS_MIN, EditKind, Rolling};
use super::fold;
use super::matcher::{BRAND_CHARACTERS_MAX, BRAND_HEAD_CHARACTERS, Difference, Matcher, Rule};
use super::name::Name;
use super::table;
use super::words::{WordClass, class_of};

/// What a rule found.
pub(super) struct Found {
    pub(super) rule: Rule,
    pub(super) score_percent: u8,
    pub(super) entry: Option<u32>,
    pub(super) difference: Difference,
}

impl Found {
    fn of(rule: Rule, score_percent: u8, entry: u32, difference: Difference) -> Self {
        Self { rule, score_percent, entry: Some(entry), difference }
    }
}

/// A label shorter than this is held by many: its likeness under another suffix says little.
const LABEL_CHARACTERS_SURE: usize = 4;
/// What a short label scores, and a generic one under the protected name's own top-level domain.
const SCORE_UNSURE: u8 = 60;
/// What a generic label scores elsewhere: shown only to whoever asks for low scores.
const SCORE_GENERIC: u8 = 50;
/// What a shortest label with one letter replaced by an unrelated one scores.
const SCORE_REPLACED: u8 = 55;
/// First labels of suffixes under which only a state's own bodies register.
const CLOSED_SECOND_LEVELS: [&str; 9] =
    ["gov", "gouv", "gob", "gub", "go", "gv", "gc", "mil", "gok"];
/// Top-level domains that are closed in the same way (RFC 1591 §2; the agreements of `.edu`, `.int`).
const CLOSED_TOP_LEVELS: [&str; 4] = ["gov", "mil", "int", "edu"];
/// Suffixes only a government registers under, as parts.
const GOVERNMENTS: [&str; 14] = [
    "go.jp", "lg.jp", "gov.uk", "gouv.fr", "gov.ua", "gov.tw", "go.kr", "gov.au", "gov.it",
    "gov.pl", "gov.il", "gov.in", "gov.sg", "gc.ca",
];
/// Parts of a host looked through at most; a name has at most 127 labels.
const PARTS_MAX: usize = 64;
/// Longest word of the vocabulary, in characters.
const WORD_CHARACTERS_MAX: usize = 24;

/// A candidate's label in the forms the rules ask for.
struct Label<'a> {
    name: &'a Name,
    raw: &'a str,
    plain: String,
    characters: Vec<char>,
    rolling: Rolling,
}

impl Matcher {
    /// The first rule, in the order of [`Rule::ALL`], whose score is high enough.
    pub(super) fn find(&self, name: &Name) -> Option<Found> {
        self.find_any(name).filter(|found| !self.another_states(name, found))
    }

    /// Whether the candidate is held by a state's own body of another country than the protected name's: ministries of
    /// different states share their abbreviations (`mfa`, `mof`), and nobody else can register there. A suffix itself
    /// (`gouv.sn`) is its registry's.
    fn another_states(&self, name: &Name, found: &Found) -> bool {
        let entry = found.entry.and_then(|number| self.entry(number));
        let protected = entry.map_or(name.suffix(), |entry| entry.suffix.as_str());
        is_closed_abroad(name.suffix(), protected) || name.is_public_suffix()
    }

    fn find_any(&self, name: &Name) -> Option<Found> {
        let plain = fold::plain(name.label());
        let characters: Vec<char> = plain.chars().collect();
        let rolling = Rolling::new(&characters);
        let label = Label { name, raw: name.label(), plain, characters, rolling };
        let enough = |found: &Found| found.score_percent >= self.options.score_percent_min;
        self.same_label(&label)
            .filter(enough)
            .or_else(|| self.dots(&label).filter(enough))
            .or_else(|| self.visual(&label).filter(enough))
            .or_else(|| self.reading(&label).filter(enough))
            .or_else(|| self.short_repeat(&label).filter(enough))
            .or_else(|| self.edit(&label).filter(enough))
            .or_else(|| self.combined(&label).filter(enough))
            .or_else(|| self.token_embed(&label).filter(enough))
            .or_else(|| self.sub_embed(&label).filter(enough))
            .or_else(|| government(&label).filter(enough))
            .or_else(|| idn_mixed(&label).filter(enough))
    }

    fn unsure(&self, entry: u32) -> bool {
        self.entry(entry).is_some_and(|entry| {
            entry.generic || entry.label.chars().count() < LABEL_CHARACTERS_SURE
        })
    }

    /// What an equal label scores: less where many hold the like.
    fn likeness(&self, name: &Name, entry: u32, sure: u8) -> u8 {
        let Some(protected) = self.entry(entry) else { return 0 };
        let same_top = protected.suffix.rsplit('.').next() == name.suffix().rsplit('.').next();
        match (protected.generic, self.unsure(entry)) {
            (true, _) if !same_top => SCORE_GENERIC,
            (_, true) => SCORE_UNSURE,
            _ => sure,
        }
    }

    fn same_label(&self, label: &Label<'_>) -> Option<Found> {
        if let Some(entry) = self.labels.get(label.raw).copied() {
            let score = self.likeness(label.name, entry, 100);
            return Some(Found::of(Rule::TldSwap, score, entry, Difference::Suffix));
        }
        let entry = self.plain.get(label.plain.as_str()).copied()?;
        let score = self.likeness(label.name, entry, 95);
        Some(Found::of(Rule::Hyphenation, score, entry, Difference::Hyphens))
    }

    fn dots(&self, label: &Label<'_>) -> Option<Found> {
        let host: String =
            label.name.unicode().chars().filter(|c| !matches!(c, '.' | '-')).collect();
        for (text, www) in [
            (host.as_str(), false),
            (host.strip_prefix("www").unwrap_or_default(), true),
            (label.plain.as_str(), false),
            (label.plain.strip_prefix("www").unwrap_or_default(), true),
        ] {
            if let Some(entry) = self.joined.get(text).copied() {
                return Some(Found::of(Rule::DotOmission, 95, entry, Difference::Dots { www }));
            }
        }
        let rest = label.plain.strip_prefix("www")?;
        let entry = self.plain.get(rest).copied()?;
        let score = self.likeness(label.name, entry, 90);
        Some(Found::of(Rule::DotOmission, score, entry, Difference::Dots { www: true }))
    }

    fn visual(&self, label: &Label<'_>) -> Option<Found> {
        let skeleton = fold::skeleton(label.raw);
        let (entry, form) = self.skeletons.get(skeleton.as_str())?;
        if **form == *label.plain {
            // The same text is a reading; that rule says so.
            return None;
        }
        let weight = u16::from(fold::weight_percent(form, &label.plain));
        let base: u16 = if self.unsure(*entry) { 70 } else { 95 };
        let score = u8::try_from(base * weight / 100).unwrap_or(0);
        Some(Found::of(Rule::Visual, score, *entry, looks(form, &label.plain)))
    }

    fn reading(&self, label: &Label<'_>) -> Option<Found> {
        if let Some(entry) = self.readings.get(label.plain.as_str()).copied() {
            let difference = Difference::Reading(label.raw.to_owned());
            return Some(Found::of(Rule::Reading, 90, entry, difference));
        }
        let sound = fold::sound(label.raw)?;
        if sound.len() < 5 && label.raw.is_ascii() {
            return None;
        }
        let (entry, form) = self.sounds.get(sound.as_str())?;
        Some(Found::of(Rule::Reading, 90, *entry, Difference::Reading(form.to_string())))
    }

    /// A label of three or four letters with one of them twice: `bildd`.
    fn short_repeat(&self, label: &Label<'_>) -> Option<Found> {
        let length = label.characters.len();
        if !(4..=5).contains(&length) {
            return None;
        }
        for at in 1..length {
            if label.characters.get(at - 1) != label.characters.get(at) {
                continue;
            }
            let single: String = label
                .characters
                .iter()
                .enumerate()
                .filter(|(place, _)| *place != at)
                .map(|(_, c)| *c)
                .collect();
            let Some(entry) = self.plain.get(single.as_str()).copied() else { continue };
            if self.entry(entry).is_some_and(|entry| entry.generic) {
                continue;
            }
            let added = super::edit::Edit {
                kind: EditKind::Doubled,
                at,
                protected: None,
                candidate: label.characters.get(at).copied(),
            };
            let score = if length == 5 { 80 } else { 65 };
            return Some(Found::of(
                Rule::ShortRepeat,
                score,
                entry,
                Difference::Edits(vec![added]),
            ));
        }
        None
    }

    fn edit(&self, label: &Label<'_>) -> Option<Found> {
        // A word of the language or a place is that word, whatever name is near it.
        if class_of(&label.plain).is_some() {
            return None;
        }
        let (entry, edits) = self.near.find(&label.characters, &label.rolling)?;
        let protected = fold::plain(&self.entry(entry)?.label);
        let same_first = protected.chars().next() == label.characters.first().copied();
        let length = protected.chars().count();
        let (rule, score) = match (edits.len(), same_first) {
            // Any other letter in a name of five makes other names (`tepco`, `tesco`) more often than imitations.
            (1, _)
                if length == EDIT1_CHARACTERS_MIN
                    && edits.iter().all(|edit| edit.kind == EditKind::Replaced) =>
            {
                (Rule::Edit1, SCORE_REPLACED)
            }
            (1, true) => (Rule::Edit1, 85),
            (1, false) if length >= 6 => (Rule::Edit1, 75),
            (2, true) => (Rule::Edit2, 70),
            _ => return None,
        };
        Some(Found::of(rule, score, entry, Difference::Edits(edits)))
    }

    /// A name inside the label whose rest is nothing but words.
    fn combined(&self, label: &Label<'_>) -> Option<Found> {
        let length = label.characters.len();
        let (shortest, longest) = self.brand_lengths;
        if length <= shortest {
            return None;
        }
        let joints = joints(label.raw);
        let longest = longest.min(length.saturating_sub(1)).min(BRAND_CHARACTERS_MAX);
        let mut places = Vec::new();
        for start in 0..length {
            let head = |size: usize| {
                let end = start + size;
                end <= length && self.brand_heads.may_have(label.rolling.part(start, end))
            };
            // Names of two characters are their own beginning.
            if !head(BRAND_HEAD_CHARACTERS) && !head(BRAND_HEAD_CHARACTERS - 1) {
                continue;
            }
            let sizes = shortest..=longest.min(length - start);
            let whole =
                |size: &usize| self.brand_gate.may_have(label.rolling.part(start, start + size));
            places.extend(sizes.filter(whole).map(|size| (size, start)));
        }
        places.sort_by_key(|(size, start)| (Reverse(*size), *start));
        places.into_iter().find_map(|(size, start)| {
            let text = text_of(&label.characters, start, start + size)?;
            let entry = self.brands.get(text.as_str()).copied()?;
            let place = Place { start, end: start + size, length, joints: &joints };
            Some(self.combination(entry, place.words(&label.characters, &text)?))
        })
    }

    fn combination(&self, entry: u32, words: Vec<(String, WordClass)>) -> Found {
        let any = |class| words.iter().any(|(_, of)| *of == class);
        let rule = if any(WordClass::Service) || any(WordClass::Public) {
            Rule::Combosquat
        } else if any(WordClass::Media) {
            Rule::MediaCombo
        } else {
            Rule::TokenCombo
        };
        let score = if self.unsure(entry) { 70 } else { 75 };
        Found::of(rule, score, entry, Difference::Words(words))
    }

    fn token_embed(&self, label: &Label<'_>) -> Option<Found> {
        if !label.raw.contains('-') {
            return None;
        }
        label.raw.split('-').find_map(|token| {
            let long_enough =
                if token.is_ascii() { token.len() >= 5 } else { token.chars().count() >= 3 };
            let entry = self.brands.get(token).copied().filter(|_| long_enough)?;
            let difference = Difference::Embedded(label.raw.to_owned());
            Some(Found::of(Rule::TokenEmbed, SCORE_UNSURE, entry, difference))
        })
    }

    fn sub_embed(&self, label: &Label<'_>) -> Option<Found> {
        let before = label.name.before_suffix();
        if !before.contains(['.', '-']) {
            return None;
        }
        let parts: Vec<&str> = before.split(['.', '-']).take(PARTS_MAX).collect();
        if let Some((entry, text)) = self.run(&parts) {
            return Some(Found::of(Rule::SubEmbed, 95, entry, Difference::Embedded(text)));
        }
        label.name.sub().split('.').find_map(|part| {
            let entry = self.labels.get(part).copied().filter(|_| part.chars().count() >= 5)?;
            if self.unsure(entry) {
                return None;
            }
            Some(Found::of(Rule::SubEmbed, 65, entry, Difference::Embedded(part.to_owned())))
        })
    }

    /// The longest run of parts that is a protected host.
    fn run(&self, parts: &[&str]) -> Option<(u32, String)> {
        for size in (2..=self.dotted_parts_max.min(parts.len())).rev() {
            for window in parts.windows(size) {
                let text = window.join(".");
                let bare = text.strip_prefix("www").filter(|rest| !rest.starts_with('.'));
                let found = [bare, Some(text.as_str())]
                    .into_iter()
                    .flatten()
                    .find_map(|form| self.dotted.get(form).copied());
                if let Some(entry) = found {
                    return Some((entry, text));
                }
            }
        }
        None
    }
}

/// Whether only bodies of another state than the protected name's register under a suffix.
pub(super) fn is_closed_abroad(suffix: &str, protected: &str) -> bool {
    is_closed(suffix) && suffix.rsplit('.').next() != protected.rsplit('.').next()
}

/// Whether only bodies of a state, or of a closed circle, register under a suffix.
pub(super) fn is_closed(suffix: &str) -> bool {
    let mut labels = suffix.split('.');
    let first = labels.next().unwrap_or_default();
    match labels.next_back() {
        None => CLOSED_TOP_LEVELS.contains(&first),
        Some(country) => country.len() == 2 && CLOSED_SECOND_LEVELS.contains(&first),
    }
}

/// Characters of the same look, where both labels have as many characters.
fn looks(protected: &str, candidate: &str) -> Difference {
    if protected.chars().count() != candidate.chars().count() {
        return Difference::Looks(Vec::new());
    }
    let pairs = protected.chars().zip(candidate.chars()).enumerate();
    Difference::Looks(pairs.filter(|(_, (a, b))| a != b).map(|(at, (a, b))| (at, a, b)).collect())
}

fn text_of(characters: &[char], start: usize, end: usize) -> Option<String> {
    characters.get(start..end).map(|part| part.iter().collect())
}

/// Before which characters of the hyphen-free label a hyphen stood.
fn joints(raw: &str) -> Vec<usize> {
    let mut at = 0;
    let mut found = Vec::new();
    for character in raw.chars() {
        if character == '-' {
            found.push(at);
        } else {
            at += 1;
        }
    }
    found
}

/// Where a protected name stands in a label.
struct Place<'a> {
    start: usize,
    end: usize,
    length: usize,
    joints: &'a [usize],
}

impl Place<'_> {
    /// The words around the name, if there is nothing else.
    fn words(&self, characters: &[char], brand: &str) -> Option<Vec<(String, WordClass)>> {
        let size = self.end - self.start;
        // A short Latin name is part of many words: it counts between hyphens, or at an end beside a longer word.
        let shortest = match size {
            _ if !brand.is_ascii() => 1,
            0..=2 => usize::MAX,
            3 | 4 => 4,
            _ => 3,
        };
        if size == 3
            && self.start != 0
            && self.end != self.length
            && !self.apart(self.start, self.end)
        {
            return None;
        }
        let mut words = Vec::new();
        self.cover(characters, 0, self.start, shortest, &mut words)?;
        self.cover(characters, self.end, self.length, shortest, &mut words)?;
        (!words.is_empty()).then_some(words)
    }

    /// Whether hyphens or the ends of the label stand on both sides.
    fn apart(&self, start: usize, end: usize) -> bool {
        (start == 0 || self.joints.contains(&start))
            && (end == self.length || self.joints.contains(&end))
    }

    /// Covers a part with words, longest first; what failed once is not tried again.
    fn cover(
        &self,
        characters: &[char],
        start: usize,
        end: usize,
        shortest: usize,
        words: &mut Vec<(String, WordClass)>,
    ) -> Option<()> {
        let mut failed = vec![false; end + 1];
        self.cover_from(characters, start, end, shortest, words, &mut failed).then_some(())
    }

    fn cover_from(
        &self,
        characters: &[char],
        start: usize,
        end: usize,
        shortest: usize,
        words: &mut Vec<(String, WordClass)>,
        failed: &mut [bool],
    ) -> bool {
        if start == end {
            return true;
        }
        if failed.get(start).copied().unwrap_or(true) {
            return false;
        }
        for stop in (start + 1..=end.min(start + WORD_CHARACTERS_MAX)).rev() {
            let Some(word) = text_of(characters, start, stop) else { continue };
            let Some(class) = self.class(&word, start, stop, shortest) else { continue };
            words.push((word, class));
            if self.cover_from(characters, stop, end, shortest, words, failed) {
                return true;
            }
            words.pop();
        }
        if let Some(failed) = failed.get_mut(start) {
            *failed = true;
        }
        false
    }

    fn class(&self, word: &str, start: usize, stop: usize, shortest: usize) -> Option<WordClass> {
        if self.joints.iter().any(|joint| *joint > start && *joint < stop) {
            return None;
        }
        if word.len() <= 4 && word.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(WordClass::Number);
        }
        let class = class_of(word)?;
        let shortest = if word.is_ascii() { shortest } else { shortest.min(2) };
        let long_enough = word.chars().count() >= shortest && class != WordClass::Code;
        let country = word == "jp" && stop == self.length && shortest <= 4;
        (long_enough || country || self.apart(start, stop)).then_some(class)
    }
}

/// A government's suffix in front of the real one.
fn government(label: &Label<'_>) -> Option<Found> {
    let before = label.name.before_suffix();
    let found = |score_percent, suffix: &str| Found {
        rule: Rule::GovEmbed,
        score_percent,
        entry: None,
        difference: Difference::Government(suffix.to_owned()),
    };
    let mut parts = before.split(['.', '-']).take(PARTS_MAX).enumerate();
    let mut last = parts.next().map_or("", |(_, part)| part);
    for (at, part) in parts {
        let suffix = GOVERNMENTS.iter().find(|suffix| {
            suffix.split_once('.').is_some_and(|(one, two)| one == last && two == part)
        });
        if let Some(suffix) = suffix {
            return Some(found(if at == 1 { SCORE_UNSURE } else { 70 }, suffix));
        }
        last = part;
    }
    // Without a mark between, `gojp` ends words too (`mangojp`): shown only to whoever asks for low scores.
    let ends = ["gojp", "lgjp"]
        .into_iter()
        .find(|end| label.plain.ends_with(end) && label.plain.len() >= 7)?;
    Some(found(50, if ends == "gojp" { "go.jp" } else { "lg.jp" }))
}

/// UTS #39 §5.2: a label above the Highly Restrictive level; or one kana among kanji, one kanji among kana, of which the
/// other script has a double.
fn idn_mixed(label: &Label<'_>) -> Option<Found> {
    if label.raw.is_ascii() {
        return None;
    }
    let found = |score_percent| Found {
        rule: Rule::IdnMixed,
        score_percent,
        entry: None,
        difference: Difference::Scripts(label.raw.to_owned()),
    };
    if label.raw.detect_restriction_level() > RestrictionLevel::HighlyRestrictive {
        return Some(found(70));
    }
    let script = |at: Option<usize>| {
        at.and_then(|at| label.characters.get(at)).map(unicode_script::UnicodeScript::script)
    };
    let odd = label.characters.iter().enumerate().any(|(at, character)| {
        let around = [script(at.checked_sub(1)), script(Some(at + 1))];
        let kana = matches!(character.script(), Script::Katakana | Script::Hiragana);
        let other = if kana { Script::Han } else { Script::Katakana };
        let has_double =
            || table::doubles(*character).iter().any(|double| double.script() == other);
        (kana || character.script() == Script::Han)
            && around.iter().flatten().count() == 2
            && around.iter().flatten().all(|script| *script == other)
            && has_double()
    });
    odd.then(|| found(SCORE_UNSURE))
}
