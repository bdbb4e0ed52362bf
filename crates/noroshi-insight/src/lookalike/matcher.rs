//! A stream of candidates against everything that is protected.

use std::collections::{BTreeMap, HashMap};

use super::context::{Facts, Term, context_terms};
use super::edit::{Edit, Gate, Near, Rolling};
use super::fold;
use super::name::{Name, Refused};
use super::rules::{Found, is_closed};
use super::watchlist::{Protected, Watchlist};
use super::words::WordClass;

/// A hit below this likeness is not reported unless asked for.
pub const SCORE_PERCENT_MIN: u8 = 60;
/// A popular name older than this, in days, is taken for what it is known for.
const ESTABLISHED_DAYS: u32 = 730;

/// By which likeness a name was found. The order is that in which the rules are asked; the first one that reaches the
/// least score wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The same label under another suffix, second-level ones included (`go.jp`, `lg.jp`, `co.jp`).
    TldSwap,
    /// The same label with other hyphens.
    Hyphenation,
    /// The same name with dots left out, moved or replaced by hyphens, `www` grown onto it.
    DotOmission,
    /// Looks the same: UTS #39, Japanese table, ASCII rules.
    Visual,
    /// Another spelling or script of the same name.
    Reading,
    /// A short label with a letter doubled.
    ShortRepeat,
    /// One change of the label.
    Edit1,
    /// Two changes of a long label.
    Edit2,
    /// The name with words of the media.
    MediaCombo,
    /// The name with what visitors are asked to do, or with offices and benefits.
    Combosquat,
    /// The name with places, languages, codes or everyday words.
    TokenCombo,
    /// The name between hyphens beside anything else.
    TokenEmbed,
    /// The name below somebody else's.
    SubEmbed,
    /// A government's suffix where it is none (`-go-jp`).
    GovEmbed,
    /// Scripts mixed in one label as no language mixes them (UTS #39 §5.2), or kana among kanji of the same look.
    IdnMixed,
}

impl Rule {
    /// All rules in order.
    pub const ALL: [Self; 15] = [
        Self::TldSwap,
        Self::Hyphenation,
        Self::DotOmission,
        Self::Visual,
        Self::Reading,
        Self::ShortRepeat,
        Self::Edit1,
        Self::Edit2,
        Self::MediaCombo,
        Self::Combosquat,
        Self::TokenCombo,
        Self::TokenEmbed,
        Self::SubEmbed,
        Self::GovEmbed,
        Self::IdnMixed,
    ];

    /// The word of the rule in files and summaries.
    pub fn code(self) -> &'static str {
        match self {
            Self::TldSwap => "tld_swap",
            Self::Hyphenation => "hyphenation",
            Self::DotOmission => "dot_omission",
            Self::Visual => "visual",
            Self::Reading => "reading",
            Self::ShortRepeat => "short_repeat",
            Self::Edit1 => "edit1",
            Self::Edit2 => "edit2",
            Self::MediaCombo => "media_combo",
            Self::Combosquat => "combosquat",
            Self::TokenCombo => "token_combo",
            Self::TokenEmbed => "token_embed",
            Self::SubEmbed => "sub_embed",
            Self::GovEmbed => "gov_embed",
            Self::IdnMixed => "idn_mixed",
        }
    }
}

/// What differs between the protected name and the candidate, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Only the suffix.
    Suffix,
    /// Hyphens.
    Hyphens,
    /// Dots; `www` tells that it has grown onto the name.
    Dots {
        /// Whether `www` stands in front without a dot.
        www: bool,
    },
    /// Characters of the same look: place in the candidate's label (hyphens left out), protected, candidate; empty where
    /// the two labels have different lengths (`rn` for `m`).
    Looks(Vec<(usize, char, char)>),
    /// The reading that was found written.
    Reading(String),
    /// Changes of the label.
    Edits(Vec<Edit>),
    /// Words beside the name.
    Words(Vec<(String, WordClass)>),
    /// The part of the candidate in which the protected name stands.
    Embedded(String),
    /// The government suffix that stands where it is none.
    Government(String),
    /// The label whose scripts are mixed.
    Scripts(String),
}

/// Another suffix than the protected name's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuffixChange {
    /// The protected name's, as U-labels.
    pub protected: String,
    /// The candidate's.
    pub candidate: String,
    /// Both lie under one top-level domain (`go.jp` and `co.jp`).
    pub second_level: bool,
}

/// A candidate that imitates a protected name, with the reason as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The candidate as A-labels.
    pub host: String,
    /// The candidate as U-labels.
    pub unicode: String,
    /// What was registered, A-labels.
    pub registrable: String,
    /// By which rule.
    pub rule: Rule,
    /// Likeness in percent.
    pub score_percent: u8,
    /// The protected name; none where the rule needs none (`gov_embed`, `idn_mixed`).
    pub protected: Option<String>,
    /// What differs.
    pub difference: Difference,
    /// How the suffixes differ, if they do.
    pub suffix: Option<SuffixChange>,
}

impl Hit {
    /// What the facts known around the name add, as visible terms; the likeness stays as it is.
    pub fn context(&self, facts: &Facts) -> Vec<Term> {
        context_terms(facts)
    }
}

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It imitates a protected name.
    Hit(Box<Hit>),
    /// Like a protected name, and popular and not known to be young: shown, not reported.
    Popular {
        /// Its place on the list of popular names.
        rank: u32,
        /// What it would have been.
        hit: Box<Hit>,
    },
    /// Like a protected name, under a suffix where only bodies of its own state register: shown, not reported.
    Closed(Box<Hit>),
    /// Owned or declared, or below such a name.
    Owned,
    /// Like nothing protected.
    Unlike,
    /// No name.
    Refused(Refused),
}

/// How a stream went: every line is in exactly one count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Hits by rule.
    pub hits: BTreeMap<Rule, u64>,
    /// Popular names passed over.
    pub popular: u64,
    /// Names of the protected name's own state passed over.
    pub closed: u64,
    /// Owned or declared names.
    pub owned: u64,
    /// Names like nothing protected.
    pub unlike: u64,
    /// Lines that were no name, by reason.
    pub refused: BTreeMap<Refused, u64>,
}

impl Tally {
    /// Counts one outcome.
    pub fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Hit(hit) => *self.hits.entry(hit.rule).or_default() += 1,
            Outcome::Popular { .. } => self.popular += 1,
            Outcome::Closed(_) => self.closed += 1,
            Outcome::Owned => self.owned += 1,
            Outcome::Unlike => self.unlike += 1,
            Outcome::Refused(reason) => *self.refused.entry(*reason).or_default() += 1,
        }
    }

    /// Lines counted.
    pub fn total(&self) -> u64 {
        let hits: u64 = self.hits.values().sum();
        let refused: u64 = self.refused.values().sum();
        hits + refused + self.popular + self.closed + self.owned + self.unlike
    }
}

/// How to judge.
#[derive(Debug, Clone)]
pub struct Options {
    /// Likeness below which nothing is reported, in percent.
    pub score_percent_min: u8,
    /// Popular registrable names (A-labels) with their rank; empty for no prior.
    pub popular: HashMap<String, u32>,
    /// The last rank that counts as popular.
    pub popular_rank_max: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            score_percent_min: SCORE_PERCENT_MIN,
            popular: HashMap::new(),
            popular_rank_max: 10_000,
        }
    }
}

/// Longest name looked for inside a label, in characters.
pub(super) const BRAND_CHARACTERS_MAX: usize = 40;

/// Characters of a name's beginning asked for before the whole name is.
pub(super) const BRAND_HEAD_CHARACTERS: usize = 3;

/// Everything that is protected, ready to be asked.
pub struct Matcher {
    pub(super) watchlist: Watchlist,
    pub(super) options: Options,
    /// Labels as they are.
    pub(super) labels: HashMap<Box<str>, u32>,
    /// Labels without hyphens.
    pub(super) plain: HashMap<Box<str>, u32>,
    /// Hosts without dots and hyphens.
    pub(super) joined: HashMap<Box<str>, u32>,
    /// Hosts with hyphens as dots.
    pub(super) dotted: HashMap<Box<str>, u32>,
    /// Most parts of a key of `dotted`.
    pub(super) dotted_parts_max: usize,
    pub(super) skeletons: HashMap<Box<str>, (u32, Box<str>)>,
    pub(super) sounds: HashMap<Box<str>, (u32, Box<str>)>,
    pub(super) readings: HashMap<Box<str>, u32>,
    pub(super) near: Near,
    /// Names looked for inside labels, without hyphens, and the gate before them.
    pub(super) brands: HashMap<Box<str>, u32>,
    pub(super) brand_gate: Gate,
    /// How those names begin: most places of a label begin none.
    pub(super) brand_heads: Gate,
    pub(super) brand_lengths: (usize, usize),
}

impl std::fmt::Debug for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Matcher({} protected names)", self.watchlist.entries().len())
    }
}

fn first<V>(map: &mut HashMap<Box<str>, V>, key: &str, value: V) {
    if !key.is_empty() && !map.contains_key(key) {
        map.insert(key.into(), value);
    }
}

impl Matcher {
    /// Builds the indexes; cost and memory grow with the list (a label of 15 letters has 121 shortened forms).
    pub fn new(watchlist: Watchlist, options: Options) -> Self {
        let mut new = Self {
            watchlist,
            options,
            labels: HashMap::new(),
            plain: HashMap::new(),
            joined: HashMap::new(),
            dotted: HashMap::new(),
            dotted_parts_max: 0,
            skeletons: HashMap::new(),
            sounds: HashMap::new(),
            readings: HashMap::new(),
            near: Near::new([]),
            brands: HashMap::new(),
            brand_gate: Gate::new(0),
            brand_heads: Gate::new(0),
            brand_lengths: (usize::MAX, 0),
        };
        let entries: Vec<Protected> = new.watchlist.entries().to_vec();
        let mut near = Vec::new();
        for (number, entry) in entries.iter().enumerate() {
            let Ok(number) = u32::try_from(number) else { break };
            new.add_hosts(number, entry);
            new.add_labels(number, entry, &mut near);
            new.add_brands(number, entry);
        }
        new.near = Near::new(near);
        new.brand_gate = Gate::new(new.brands.len());
        new.brand_heads = Gate::new(new.brands.len());
        let keys: std::collections::BTreeSet<&Box<str>> = new.brands.keys().collect();
        for brand in keys {
            let characters: Vec<char> = brand.chars().collect();
            let length = characters.len();
            let rolling = Rolling::new(&characters);
            new.brand_gate.add(rolling.part(0, length));
            new.brand_heads.add(rolling.part(0, length.min(BRAND_HEAD_CHARACTERS)));
            new.brand_lengths.0 = new.brand_lengths.0.min(length);
            new.brand_lengths.1 = new.brand_lengths.1.max(length);
        }
        new
    }

    fn add_hosts(&mut self, number: u32, entry: &Protected) {
        // The candidate's side is in U-labels too.
        let unicode =
            Name::parse(&entry.host).map(|name| name.unicode().to_owned()).unwrap_or_default();
        let joined: String = unicode.chars().filter(|c| !matches!(c, '.' | '-')).collect();
        let skeleton = fold::skeleton(&joined);
        first(&mut self.joined, &joined, number);
        first(&mut self.skeletons, &skeleton, (number, joined.into()));
        let mut keys = vec![unicode.replace('-', ".")];
        if entry.label.contains('-') && !entry.host_only && !unicode.contains(&entry.label) {
            // An office of a place: the place and the office are enough.
            keys.push(entry.label.replace('-', "."));
        }
        for key in keys {
            self.dotted_parts_max = self.dotted_parts_max.max(key.split('.').count());
            first(&mut self.dotted, &key, number);
        }
    }

    fn add_labels(&mut self, number: u32, entry: &Protected, near: &mut Vec<(String, u32)>) {
        let label = (!entry.host_only).then_some(entry.label.as_str());
        if let Some(label) = label {
            let plain = fold::plain(label);
            first(&mut self.labels, label, number);
            first(&mut self.plain, &plain, number);
            if !entry.generic && plain.is_ascii() {
                near.push((plain, number));
            }
        }
        for reading in &entry.readings {
            first(&mut self.readings, &fold::plain(reading), number);
        }
        for form in label.into_iter().chain(entry.readings.iter().map(String::as_str)) {
            first(&mut self.skeletons, &fold::skeleton(form), (number, fold::plain(form).into()));
            if let Some(sound) = fold::sound(form)
                && !entry.generic | !form.is_ascii()
            {
                first(&mut self.sounds, &sound, (number, form.into()));
            }
        }
    }

    fn add_brands(&mut self, number: u32, entry: &Protected) {
        let label = (!entry.host_only && !entry.generic).then(|| fold::plain(&entry.label));
        let readings =
            entry.readings.iter().map(|reading| fold::plain(reading)).filter(|reading| {
                // A short romaji reading is part of too many words; two kanji already make a name.
                if reading.is_ascii() { reading.len() >= 5 } else { reading.chars().count() >= 2 }
            });
        for brand in label.into_iter().chain(readings) {
            if (2..=BRAND_CHARACTERS_MAX).contains(&brand.chars().count()) {
                first(&mut self.brands, &brand, number);
            }
        }
    }

    /// The list judged against.
    pub fn watchlist(&self) -> &Watchlist {
        &self.watchlist
    }

    /// Judges one line of a stream, its age unknown.
    pub fn judge(&self, text: &str) -> Outcome {
        self.judge_aged(text, None)
    }

    /// Judges one line; `age_days` are the days since registration, where known: a young name is never passed over for
    /// its popularity.
    pub fn judge_aged(&self, text: &str, age_days: Option<u32>) -> Outcome {
        let name = match Name::parse(text) {
            Ok(name) => name,
            Err(reason) => return Outcome::Refused(reason),
        };
        if self.watchlist.owns(&name) {
            return Outcome::Owned;
        }
        let Some(found) = self.find(&name) else { return Outcome::Unlike };
        let hit = Box::new(self.hit(&name, found));
        if is_closed(name.suffix()) {
            return Outcome::Closed(hit);
        }
        let rank = self.options.popular.get(name.registrable_icann()).copied();
        match rank.filter(|rank| *rank <= self.options.popular_rank_max) {
            Some(rank) if age_days.is_none_or(|days| days >= ESTABLISHED_DAYS) => {
                Outcome::Popular { rank, hit }
            }
            _ => Outcome::Hit(hit),
        }
    }

    pub(super) fn entry(&self, number: u32) -> Option<&Protected> {
        self.watchlist.entries().get(usize::try_from(number).ok()?)
    }

    fn hit(&self, name: &Name, found: Found) -> Hit {
        let entry = found.entry.and_then(|number| self.entry(number));
        let suffix =
            entry.filter(|entry| entry.suffix != name.suffix()).map(|entry| SuffixChange {
                second_level: entry.suffix.rsplit('.').next() == name.suffix().rsplit('.').next(),
                protected: entry.suffix.clone(),
                candidate: name.suffix().to_owned(),
            });
        Hit {
            host: name.ascii().to_owned(),
            unicode: name.unicode().to_owned(),
            registrable: name.registrable().to_owned(),
            rule: found.rule,
            score_percent: found.score_percent,
            protected: entry.map(|entry| entry.host.clone()),
            difference: found.difference,
            suffix,
        }
    }
}
