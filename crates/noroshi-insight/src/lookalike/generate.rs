//! Names that could be registered to imitate a protected one: a list to register, to watch, or to test with.

use std::collections::BTreeMap;

use super::edit::{bits, neighbours};
use super::fold;
use super::name::Name;
use super::table;
use super::watchlist::Protected;
use super::words::words_of;

/// Names generated for one protected name at most; what is over is cut in the order of the techniques.
pub const GENERATED_MAX: usize = 50_000;
/// Suffixes of one list at most.
const SUFFIXES_MAX: usize = 2_000;
/// Letters a name may have.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
/// Suffixes seen in imitations reported in public, and those a Japanese reader meets; own compilation.
const SUFFIXES: [&str; 64] = [
    "com",
    "net",
    "org",
    "info",
    "biz",
    "jp",
    "co.jp",
    "or.jp",
    "ne.jp",
    "go.jp",
    "lg.jp",
    "ac.jp",
    "ed.jp",
    "gr.jp",
    "ad.jp",
    "tokyo",
    "osaka",
    "nagoya",
    "kyoto",
    "みんな",
    "コム",
    "ストア",
    "セール",
    "ファッション",
    "クラウド",
    "ポイント",
    "asia",
    "cn",
    "tw",
    "kr",
    "hk",
    "us",
    "eu",
    "ru",
    "su",
    "me",
    "cc",
    "tv",
    "co",
    "io",
    "in",
    "to",
    "ws",
    "pw",
    "top",
    "xyz",
    "online",
    "site",
    "website",
    "space",
    "fun",
    "life",
    "live",
    "today",
    "news",
    "media",
    "press",
    "world",
    "ltd",
    "icu",
    "cfd",
    "click",
    "shop",
    "store",
];

/// By which change a name was made. The order is that of preference: a name made in several ways has the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Technique {
    /// `mofa.go.jp` as `mofa.lg.jp`, `mofa.co.jp`, `mofa.jp`.
    SecondLevelSwap,
    /// Another suffix.
    TldSwap,
    /// A dot left out, moved in or replaced by a hyphen; `www` in front.
    DotOmission,
    /// A hyphen in or out.
    Hyphenation,
    /// One or two characters of the same look, other scripts and kana included.
    Homoglyph,
    /// A reading of the list as label.
    Reading,
    /// One bit of one letter.
    Bit,
    /// A neighbour on the keyboard for a letter, or beside it.
    Keyboard,
    /// A letter left out.
    Omission,
    /// A letter twice.
    Repetition,
    /// Two letters in each other's place.
    Transposition,
    /// Another vowel.
    VowelSwap,
    /// A letter at the end.
    Addition,
    /// A word before or after.
    Combosquat,
}

impl Technique {
    /// The word of the technique in files.
    pub fn code(self) -> &'static str {
        match self {
            Self::SecondLevelSwap => "second-level-swap",
            Self::TldSwap => "tld-swap",
            Self::DotOmission => "dot-omission",
            Self::Hyphenation => "hyphenation",
            Self::Homoglyph => "homoglyph",
            Self::Reading => "reading",
            Self::Bit => "bitsquat",
            Self::Keyboard => "keyboard",
            Self::Omission => "omission",
            Self::Repetition => "repetition",
            Self::Transposition => "transposition",
            Self::VowelSwap => "vowel-swap",
            Self::Addition => "addition",
            Self::Combosquat => "combosquat",
        }
    }
}

/// What to make.
#[derive(Debug, Clone)]
pub struct GenerateOptions {
    /// Suffixes to try instead of the built-in ones, without leading dot.
    pub suffixes: Vec<String>,
    /// Names at most, up to [`GENERATED_MAX`].
    pub most: usize,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self { suffixes: SUFFIXES.map(str::to_owned).to_vec(), most: GENERATED_MAX }
    }
}

/// A name that could be registered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// By which change.
    pub technique: Technique,
    /// A-labels.
    pub host: String,
    /// U-labels.
    pub unicode: String,
}

/// What was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Generated {
    /// By technique, then by name; each name once.
    pub candidates: Vec<Candidate>,
    /// Names over the limit that were cut.
    pub cut: usize,
    /// Made, and no valid name.
    pub invalid: usize,
}

/// Makes the names. Deterministic: equal input, equal list. The protected name and what is declared is not among them.
pub fn generate(protected: &Protected, options: &GenerateOptions) -> Generated {
    let mut made = Made { protected, found: BTreeMap::new(), invalid: 0 };
    made.suffixes(&options.suffixes);
    made.dots();
    let label = fold::plain(&protected.label);
    let hyphenated = protected.label.as_str();
    for (technique, labels) in [
        (Technique::Hyphenation, hyphens(hyphenated)),
        (Technique::Homoglyph, homoglyphs(hyphenated)),
        (
            Technique::Reading,
            protected.readings.iter().map(|reading| fold::plain(reading)).collect(),
        ),
        (Technique::Bit, each(hyphenated, |character| bits(character).collect())),
        (Technique::Keyboard, keyboard(hyphenated)),
        (Technique::Omission, omissions(hyphenated)),
        (Technique::Repetition, repetitions(hyphenated)),
        (Technique::Transposition, transpositions(hyphenated)),
        (Technique::VowelSwap, vowels(hyphenated)),
        (
            Technique::Addition,
            LETTERS.chars().map(|letter| format!("{hyphenated}{letter}")).collect(),
        ),
        (Technique::Combosquat, combinations(&label, hyphenated)),
    ] {
        for changed in labels {
            made.add(technique, &changed, &protected.suffix);
        }
    }
    for reading in &protected.readings {
        for suffix in ["jp", "com", "net", "みんな", "コム"] {
            made.add(Technique::Reading, &fold::plain(reading), suffix);
        }
    }
    made.finish(options.most.min(GENERATED_MAX))
}

struct Made<'a> {
    protected: &'a Protected,
    found: BTreeMap<String, (Technique, String)>,
    invalid: usize,
}

impl Made<'_> {
    fn add(&mut self, technique: Technique, label: &str, suffix: &str) {
        let outer = label.starts_with('-') || label.ends_with('-') || label.is_empty();
        if outer {
            self.invalid += 1;
            return;
        }
        self.host(technique, &format!("{label}.{suffix}"));
    }

    fn host(&mut self, technique: Technique, text: &str) {
        let Ok(name) = Name::parse(text) else {
            self.invalid += 1;
            return;
        };
        let owned = name.ascii() == self.protected.host
            || name.ancestry().any(|above| {
                above == self.protected.registrable
                    || self.protected.declared.iter().any(|own| own == above)
            });
        if owned || name.is_public_suffix() {
            return;
        }
        let entry = self.found.entry(name.ascii().to_owned());
        let value = entry.or_insert_with(|| (technique, name.unicode().to_owned()));
        value.0 = value.0.min(technique);
    }

    fn suffixes(&mut self, suffixes: &[String]) {
        let top = self.protected.suffix.rsplit('.').next().unwrap_or_default().to_owned();
        let label = self.protected.label.clone();
        for suffix in
            suffixes.iter().take(SUFFIXES_MAX).filter(|suffix| **suffix != self.protected.suffix)
        {
            let same_top = suffix.rsplit('.').next() == Some(top.as_str());
            let technique = if same_top { Technique::SecondLevelSwap } else { Technique::TldSwap };
            self.add(technique, &label, suffix);
        }
    }

    fn dots(&mut self) {
        let host = Name::parse(&self.protected.host)
            .map(|name| name.unicode().to_owned())
            .unwrap_or_default();
        let label = self.protected.label.clone();
        let (suffix, top) =
            (self.protected.suffix.clone(), host.rsplit('.').next().unwrap_or_default().to_owned());
        for (at, _) in host.match_indices('.') {
            let (left, right) =
                (host.get(..at).unwrap_or_default(), host.get(at + 1..).unwrap_or_default());
            if right.contains('.') {
                self.host(Technique::DotOmission, &format!("{left}{right}"));
                self.host(Technique::DotOmission, &format!("{left}-{right}"));
            }
        }
        let (joined, hyphened) = (host.replace('.', ""), host.replace('.', "-"));
        for end in ["com", "net", "jp", "info", &top] {
            for whole in [&joined, &hyphened] {
                self.host(Technique::DotOmission, &format!("{whole}.{end}"));
                self.host(Technique::DotOmission, &format!("www-{whole}.{end}"));
            }
        }
        for text in [format!("www{label}.{suffix}"), format!("www-{label}.{suffix}")] {
            self.host(Technique::DotOmission, &text);
        }
        // A dot set into the label, where the part behind it can be registered.
        let characters: Vec<char> = label.chars().collect();
        for at in 1..characters.len() {
            let (left, right) = characters.split_at(at);
            let (left, right): (String, String) = (left.iter().collect(), right.iter().collect());
            if !left.ends_with('-') && !right.starts_with('-') {
                self.host(Technique::DotOmission, &format!("{left}.{right}.{suffix}"));
            }
        }
    }

    fn finish(self, most: usize) -> Generated {
        let mut candidates: Vec<Candidate> = self
            .found
            .into_iter()
            .map(|(host, (technique, unicode))| Candidate { technique, host, unicode })
            .collect();
        candidates.sort();
        let cut = candidates.len().saturating_sub(most);
        candidates.truncate(most);
        Generated { candidates, cut, invalid: self.invalid }
    }
}

/// Every label with one character replaced by each of what `others` gives.
fn each(label: &str, others: impl Fn(char) -> Vec<char>) -> Vec<String> {
    let characters: Vec<char> = label.chars().collect();
    let mut made = Vec::new();
    for (at, character) in characters.iter().enumerate() {
        for other in others(*character) {
            let mut changed = characters.clone();
            if let Some(place) = changed.get_mut(at) {
                *place = other;
            }
            made.push(changed.into_iter().collect());
        }
    }
    made
}

fn hyphens(label: &str) -> Vec<String> {
    let characters: Vec<char> = label.chars().collect();
    let mut made: Vec<String> = vec![label.replace('-', "")];
    for at in 1..characters.len() {
        let (left, right) = characters.split_at(at);
        if left.last() != Some(&'-') && right.first() != Some(&'-') {
            let (left, right): (String, String) = (left.iter().collect(), right.iter().collect());
            made.push(format!("{left}-{right}"));
        }
    }
    made
}

/// Pairs of letters read as one, both ways.
const PAIRS: [(&str, &str); 4] = [("m", "rn"), ("m", "nn"), ("w", "vv"), ("d", "cl")];
/// ASCII characters read for one another.
const ASCII_LOOKS: [(char, &str); 14] = [
    ('o', "0"),
    ('l', "1i"),
    ('i', "1l"),
    ('e', "3"),
    ('s', "5"),
    ('b', "8"),
    ('g', "q9"),
    ('q', "g"),
    ('a', "4"),
    ('z', "2"),
    ('0', "o"),
    ('1', "li"),
    ('5', "s"),
    ('3', "e"),
];

fn homoglyphs(label: &str) -> Vec<String> {
    let looks = |character: char| {
        let ascii =
            ASCII_LOOKS.iter().find(|(of, _)| *of == character).map_or("", |(_, others)| others);
        ascii.chars().chain(table::doubles(character).iter().copied()).collect::<Vec<char>>()
    };
    let mut made = each(label, looks);
    let ascii_only = |character: char| {
        ASCII_LOOKS
            .iter()
            .find(|(of, _)| *of == character)
            .map_or(Vec::new(), |(_, others)| others.chars().collect())
    };
    for once in each(label, ascii_only) {
        made.extend(each(&once, ascii_only));
    }
    for (one, two) in PAIRS {
        for (from, to) in [(one, two), (two, one)] {
            for (at, found) in label.match_indices(from) {
                let mut changed = label.to_owned();
                changed.replace_range(at..at + found.len(), to);
                made.push(changed);
            }
        }
    }
    made
}

fn keyboard(label: &str) -> Vec<String> {
    let mut made = each(label, |character| neighbours(character).chars().collect());
    let characters: Vec<char> = label.chars().collect();
    for (at, character) in characters.iter().enumerate() {
        for beside in neighbours(*character).chars() {
            for place in [at, at + 1] {
                let mut changed = characters.clone();
                changed.insert(place, beside);
                made.push(changed.into_iter().collect());
            }
        }
    }
    made
}

fn omissions(label: &str) -> Vec<String> {
    let characters: Vec<char> = label.chars().collect();
    (0..characters.len())
        .map(|at| {
            characters
                .iter()
                .enumerate()
                .filter(|(place, _)| *place != at)
                .map(|(_, c)| *c)
                .collect()
        })
        .collect()
}

fn repetitions(label: &str) -> Vec<String> {
    let characters: Vec<char> = label.chars().collect();
    let mut made = Vec::new();
    for (at, character) in characters.iter().enumerate().filter(|(_, c)| **c != '-') {
        let mut changed = characters.clone();
        changed.insert(at, *character);
        made.push(changed.into_iter().collect());
    }
    made
}

fn transpositions(label: &str) -> Vec<String> {
    let characters: Vec<char> = label.chars().collect();
    (1..characters.len())
        .map(|at| {
            let mut changed = characters.clone();
            changed.swap(at - 1, at);
            changed.into_iter().collect()
        })
        .collect()
}

fn vowels(label: &str) -> Vec<String> {
    each(label, |character| {
        if "aeiou".contains(character) {
            "aeiou".chars().filter(|other| *other != character).collect()
        } else {
            Vec::new()
        }
    })
}

fn combinations(plain: &str, label: &str) -> Vec<String> {
    let mut made = Vec::new();
    for word in ["media", "service", "public", "general"].into_iter().flat_map(words_of) {
        made.push(format!("{label}-{word}"));
        made.push(format!("{word}-{label}"));
        // Grown together a short word says nothing; such names are not looked for either.
        if word.chars().count() >= if word.is_ascii() { 4 } else { 2 } {
            made.push(format!("{plain}{word}"));
            made.push(format!("{word}{plain}"));
        }
    }
    made
}
