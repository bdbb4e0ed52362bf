//! Words and names by which imitations and series of sites are made.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

/// Words beside a protected name.
const WORDS: &str = include_str!("../../data/lookalike-words.tsv");
/// Places, languages, media words.
const GAZETTEER: &str = include_str!("../../data/gazetteer.tsv");

/// What kind of word stands beside a protected name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WordClass {
    /// What papers and stations call themselves (`news`, `shimbun`).
    Media,
    /// What a visitor is asked to do (`login`, `henkin`).
    Service,
    /// Offices and benefits (`hojokin`, `senkyo`).
    Public,
    /// Everyday words.
    General,
    /// A country, language, city or region.
    Place,
    /// A two-letter code of ISO 3166-1 or ISO 639-1; counts only between hyphens.
    Code,
    /// Digits.
    Number,
}

impl WordClass {
    /// The word of the class in files.
    pub fn code(self) -> &'static str {
        match self {
            Self::Media => "media",
            Self::Service => "service",
            Self::Public => "public",
            Self::General => "general",
            Self::Place => "place",
            Self::Code => "code",
            Self::Number => "number",
        }
    }
}

fn rows(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('\t'))
        .flat_map(|(kind, names)| names.split_whitespace().map(move |name| (kind, name)))
}

static VOCABULARY: LazyLock<HashMap<&'static str, WordClass>> = LazyLock::new(|| {
    let mut words = HashMap::new();
    for (kind, word) in rows(WORDS) {
        let class = match kind {
            "media" => WordClass::Media,
            "service" => WordClass::Service,
            "public" => WordClass::Public,
            _ => WordClass::General,
        };
        words.entry(word).or_insert(class);
    }
    for (kind, word) in rows(GAZETTEER) {
        let class = match kind {
            "iso2" => WordClass::Code,
            "language" if word.len() == 2 => WordClass::Code,
            "media" => WordClass::Media,
            _ => WordClass::Place,
        };
        words.entry(word).or_insert(class);
    }
    words
});

/// The class of a word.
pub(super) fn class_of(word: &str) -> Option<WordClass> {
    VOCABULARY.get(word).copied()
}

/// Words of one class as they stand in the table, for lists of what could be registered.
pub(super) fn words_of(kind: &'static str) -> impl Iterator<Item = &'static str> {
    rows(WORDS).filter(move |(of, _)| *of == kind).map(|(_, word)| word)
}

static KINDS: LazyLock<HashMap<&'static str, BTreeSet<&'static str>>> = LazyLock::new(|| {
    let mut kinds: HashMap<&'static str, BTreeSet<&'static str>> = HashMap::new();
    for (kind, name) in rows(GAZETTEER) {
        let group = match kind {
            "iso2" => "iso2",
            "language" => "language",
            "media" => "media",
            _ => "place",
        };
        kinds.entry(name).or_default().insert(group);
    }
    kinds
});

/// The kinds a name of the gazetteer has: `place`, `iso2`, `language`, `media`; several at once (`de`).
pub(super) fn kinds_of(name: &str) -> Option<&'static BTreeSet<&'static str>> {
    KINDS.get(name)
}
