//! What public posts may be gathered, for what, how long, and by whose leave.
//!
//! # What it decides
//! Whether a collection may be asked for, whether another person may allow it, and whether a batch of posts may still come
//! into it. A collection is begun by a person for one purpose; nothing is gathered all the time.
//!
//! # Source
//! 日本国憲法 第21条 (freedom of expression, secrecy of communications): only posts that are addressed to the public. The
//! trigger by a person, the purpose, the stop and the six months follow the French decree on VIGINUM; no Japanese clause is
//! known, so that the legal basis is a text that the requester names and the legal hat judges.
//!
//! # Refuses when
//! - what is gathered is not public (`NRS-INFL-0201`);
//! - no purpose (`NRS-INFL-0202`) or no legal basis (`NRS-INFL-0203`) is named;
//! - it does not end, ends before it begins, or lasts more than 180 days (`NRS-INFL-0204`);
//! - it has no largest number of posts, or one above the limit (`NRS-INFL-0205`);
//! - it has no seed, or too many (`NRS-INFL-0206`);
//! - its only seeds are names of parties, candidates, unions or religious bodies, however they are written and whatever kind
//!   they are said to be (`NRS-INFL-0207`);
//! - a seed is a domestic private person, or what such a person says (`NRS-INFL-0208`);
//! - a seed is not written as its kind is (`NRS-INFL-0209`);
//! - the wrong hat asks or allows (`NRS-INFL-0210`), the one who asked would allow (`NRS-INFL-0211`), or it was decided
//!   already (`NRS-INFL-0212`);
//! - posts come in before it is allowed, outside its time or after its stop (`NRS-INFL-0213`), or beyond its largest number
//!   (`NRS-INFL-0214`);
//! - a feed that would be read for it is not on a host that the office allows (`NRS-INFL-0215`), is not asked for over TLS
//!   (`NRS-INFL-0216`), would be asked for too often or hardly ever (`NRS-INFL-0217`), or is one too many (`NRS-INFL-0218`).
//!
//! # Example
//! ```
//! use noroshi_charter::gathering::{Seed, is_name_alone};
//!
//! let tag = Seed::parse("hashtag", "架空党").unwrap();
//! assert!(is_name_alone(&tag, &[]), "a party's name alone is no seed");
//! assert!(!is_name_alone(&Seed::parse("domain", "news.example").unwrap(), &[]));
//! assert!(Seed::parse("words", "架空党").is_none(), "words are no kind of seed");
//! ```

use jiff::{SignedDuration, Timestamp};
use unicode_normalization::UnicodeNormalization as _;

use crate::hat::Hat;
use crate::release::Refusal;

const CLAUSE: &str = "Constitution art. 21; rule of collections";

/// Longest collection, in days.
pub const DAYS_MAX: i64 = 180;
/// Most posts one collection may be allowed.
pub const VOLUME_MAX: u64 = 200_000_000;
/// Most seeds.
pub const SEEDS_MAX: usize = 500;
/// Longest seed, in characters.
pub const SEED_CHARS_MAX: usize = 2_000;

/// What a collection begins from: an object that is shared, or an asset that somebody outside reported. There is no kind
/// for words, opinions or people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seed {
    /// One address on the web.
    Url(String),
    /// One domain.
    Domain(String),
    /// The SHA-256 or perceptual hash of one image or film, in hexadecimal.
    Media(String),
    /// A cluster of copied texts, by its key in hexadecimal.
    TextCluster(String),
    /// One hashtag within the collection's time.
    Hashtag(String),
    /// A channel or account that somebody outside reported, as `who reported it | what`.
    Reported {
        /// Who reported it: a platform, a partner, a target.
        by: String,
        /// What was reported.
        asset: String,
        /// Whose it is.
        holder: Holder,
    },
}

/// Whose an account or channel is, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// An organisation or a medium.
    Organisation,
    /// Somebody abroad.
    Foreign,
    /// Not known.
    Unknown,
    /// A private person at home: never a seed.
    DomesticPrivate,
}

impl Holder {
    /// Every holder.
    pub const ALL: [Self; 4] =
        [Self::Organisation, Self::Foreign, Self::Unknown, Self::DomesticPrivate];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Foreign => "foreign",
            Self::Unknown => "unknown",
            Self::DomesticPrivate => "domestic_private",
        }
    }

    /// The holder of a code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.code() == code)
    }
}

impl Seed {
    /// The kinds there are.
    pub const KINDS: [&'static str; 6] =
        ["url", "domain", "media", "text_cluster", "hashtag", "reported"];

    /// Reads a seed; a reported asset is `by|asset|holder`. `None` for another kind or another form.
    pub fn parse(kind: &str, text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > SEED_CHARS_MAX {
            return None;
        }
        let owned = || text.to_owned();
        match kind {
            "url" => is_url(text).then(|| Self::Url(owned())),
            "domain" => is_domain(text).then(|| Self::Domain(text.to_lowercase())),
            "media" => is_hash(text).then(|| Self::Media(text.to_lowercase())),
            "text_cluster" => is_hash(text).then(|| Self::TextCluster(text.to_lowercase())),
            "hashtag" => {
                // A tag of invisible letters would be none.
                let tag = text.trim_start_matches(['#', '＃']);
                let written = !folded(tag).is_empty() && !tag.chars().any(char::is_whitespace);
                written.then(|| Self::Hashtag(tag.to_owned()))
            }
            "reported" => {
                let mut parts = text.split('|').map(str::trim);
                let (by, asset) = (parts.next()?, parts.next()?);
                let holder = Holder::parse(parts.next().unwrap_or("unknown"))?;
                (!by.is_empty() && is_asset(asset) && parts.next().is_none())
                    .then(|| Self::Reported { by: by.to_owned(), asset: asset.to_owned(), holder })
            }
            _ => None,
        }
    }

    /// The code of its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Url(_) => "url",
            Self::Domain(_) => "domain",
            Self::Media(_) => "media",
            Self::TextCluster(_) => "text_cluster",
            Self::Hashtag(_) => "hashtag",
            Self::Reported { .. } => "reported",
        }
    }

    /// As [`Seed::parse`] reads it.
    pub fn text(&self) -> String {
        match self {
            Self::Url(text)
            | Self::Domain(text)
            | Self::Media(text)
            | Self::TextCluster(text)
            | Self::Hashtag(text) => text.clone(),
            Self::Reported { by, asset, holder } => format!("{by}|{asset}|{}", holder.code()),
        }
    }
}

fn is_domain(text: &str) -> bool {
    let plain = |letter: char| !letter.is_whitespace() && !"/:@?#".contains(letter);
    text.contains('.') && !text.starts_with('.') && !text.ends_with('.') && text.chars().all(plain)
}

fn is_hash(text: &str) -> bool {
    matches!(text.len(), 16 | 32 | 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#', ':']).next());
    host.is_some_and(is_domain)
}

/// What somebody can report: an address, a domain, `@name`, `@name@host`, or `platform:identifier`. A name in words is none
/// of them.
fn is_asset(text: &str) -> bool {
    let is_name = |text: &str| {
        let within = |letter: char| letter.is_alphanumeric() || "_.-".contains(letter);
        !text.is_empty() && text.chars().all(within)
    };
    if let Some(name) = text.strip_prefix('@') {
        return match name.split_once('@') {
            Some((name, host)) => is_name(name) && is_domain(host),
            None => is_name(name),
        };
    }
    let told = text.split_once(':').is_some_and(|(platform, id)| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        !platform.is_empty() && platform.bytes().all(plain) && is_name(id)
    });
    told || is_url(text) || is_domain(text)
}

/// Words by which names of parties, candidates, unions and religious bodies are known at their end (Japanese).
const NAME_ENDS: [&str; 15] = [
    "党",
    "労働組合",
    "労組",
    "組合",
    "連合会",
    "教会",
    "教団",
    "神社",
    "寺院",
    "宗派",
    "候補",
    "候補者",
    "後援会",
    "同盟",
    "学会",
];
/// The same, as a word of its own (English).
const NAME_WORDS: [&str; 9] = [
    "party",
    "union",
    "church",
    "mosque",
    "temple",
    "candidate",
    "caucus",
    "campaign",
    "congregation",
];

/// Letters and digits alone, in one form: full-width ones, capitals, spaces, marks and invisible letters make no other name.
fn folded(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).filter(|letter| letter.is_alphanumeric()).collect()
}

/// The part of a seed that somebody can write a name into.
fn free_text(seed: &Seed) -> Option<&str> {
    match seed {
        Seed::Hashtag(tag) => Some(tag.as_str()),
        // Of an account that was reported its name; the platform before it and the host behind it are no part of it.
        Seed::Reported { asset, .. } => match asset.strip_prefix('@') {
            Some(name) => Some(name.split('@').next().unwrap_or(name)),
            None if is_url(asset) => None,
            None => Some(asset.split_once(':').map_or(asset.as_str(), |(_, id)| id)),
        },
        // A name with a full stop in it, where the last part is no top level in Latin letters.
        Seed::Domain(domain) => {
            let is_latin = domain.rsplit('.').next().is_some_and(str::is_ascii);
            (!is_latin).then_some(domain.as_str())
        }
        Seed::Url(_) | Seed::Media(_) | Seed::TextCluster(_) => None,
    }
}

/// Whether a seed is nothing but such a name: one that ends like one, or one of `names`, which the legal hat enters because
/// no list of them can be complete.
pub fn is_name_alone(seed: &Seed, names: &[String]) -> bool {
    let Some(text) = free_text(seed).map(folded).filter(|text| !text.is_empty()) else {
        return false;
    };
    names.iter().any(|name| folded(name) == text)
        || NAME_ENDS.iter().any(|end| text.ends_with(end))
        || NAME_WORDS.iter().any(|word| text.ends_with(word))
}

/// What a collection would be.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Who may see the posts: only `public` is gathered.
    pub visibility: &'a str,
    /// What for.
    pub purpose: &'a str,
    /// By which law or decision.
    pub legal_basis: &'a str,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Most posts.
    pub volume_max: u64,
    /// What it begins from.
    pub seeds: &'a [Seed],
}

/// Every reason against asking for a collection. `names` are further names that are no seeds alone.
pub fn may_ask(hat: Hat, asked: &Asked<'_>, names: &[String]) -> Vec<Refusal> {
    let lasts = asked.until.duration_since(asked.from);
    let bad_time =
        lasts <= SignedDuration::ZERO || lasts > SignedDuration::from_hours(24 * DAYS_MAX);
    let alone =
        !asked.seeds.is_empty() && asked.seeds.iter().all(|seed| is_name_alone(seed, names));
    let private =
        |seed: &Seed| matches!(seed, Seed::Reported { holder: Holder::DomesticPrivate, .. });
    Refusal::all(
        CLAUSE,
        [
            (!matches!(hat, Hat::CaoAnalyst | Hat::NcoAnalyst), "NRS-INFL-0210"),
            (asked.visibility != "public", "NRS-INFL-0201"),
            (asked.purpose.trim().is_empty(), "NRS-INFL-0202"),
            (asked.legal_basis.trim().is_empty(), "NRS-INFL-0203"),
            (bad_time, "NRS-INFL-0204"),
            (asked.volume_max == 0 || asked.volume_max > VOLUME_MAX, "NRS-INFL-0205"),
            (asked.seeds.is_empty() || asked.seeds.len() > SEEDS_MAX, "NRS-INFL-0206"),
            (alone, "NRS-INFL-0207"),
            (asked.seeds.iter().any(private), "NRS-INFL-0208"),
        ],
    )
}

/// Every reason against allowing a collection, or refusing it.
pub fn may_decide(hat: Hat, person: &str, requester: &str, is_decided: bool) -> Vec<Refusal> {
    Refusal::all(
        CLAUSE,
        [
            (hat != Hat::Legal, "NRS-INFL-0210"),
            (person == requester, "NRS-INFL-0211"),
            (is_decided, "NRS-INFL-0212"),
        ],
    )
}

/// How a collection stands when posts would come in.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// Whether it was allowed.
    pub is_allowed: bool,
    /// Whether it was stopped.
    pub is_stopped: bool,
    /// From when it was allowed.
    pub from: Timestamp,
    /// Until when it was allowed.
    pub until: Timestamp,
    /// Posts held and ever taken in.
    pub taken: u64,
    /// Most posts.
    pub volume_max: u64,
}

/// Every reason against taking in `adding` more posts at `now`.
pub fn may_take(standing: &Standing, now: Timestamp, adding: u64) -> Vec<Refusal> {
    let outside = now < standing.from || now > standing.until;
    let closed = !standing.is_allowed || standing.is_stopped || outside;
    let full = standing.taken.saturating_add(adding) > standing.volume_max;
    Refusal::all(CLAUSE, [(closed, "NRS-INFL-0213"), (full, "NRS-INFL-0214")])
}

/// Most feeds of one collection.
pub const FEEDS_MAX: usize = 200;
/// Longest time between two readings of a feed, in minutes: a week.
pub const FEED_MINUTES_MAX: u32 = 7 * 24 * 60;

/// A feed that a collection would read.
#[derive(Debug, Clone, Copy)]
pub struct Feed<'a> {
    /// Its host, in small letters.
    pub host: &'a str,
    /// Whether it is asked for over TLS.
    pub is_secure: bool,
    /// Minutes between two readings.
    pub every_minutes: u32,
    /// How many the collection has besides.
    pub others: usize,
}

/// What the office allows of feeds.
#[derive(Debug, Clone, Copy)]
pub struct FeedRule<'a> {
    /// Hosts: a name alone is that host, a name behind a dot is every host below it.
    pub allow: &'a [String],
    /// Fewest minutes between two readings.
    pub minutes_min: u32,
    /// Whether a feed may be asked for without TLS.
    pub may_be_plain: bool,
}

/// Whether a host is on the list.
pub fn is_allowed_host(host: &str, allow: &[String]) -> bool {
    let host = host.to_ascii_lowercase();
    allow.iter().map(|entry| entry.to_ascii_lowercase()).any(|entry| {
        match entry.strip_prefix('.') {
            Some(above) => {
                !above.is_empty()
                    && host.strip_suffix(above).is_some_and(|front| front.ends_with('.'))
            }
            None => host == entry,
        }
    })
}

/// Every reason against reading a feed for a collection. The same rule is asked again before each reading, since the list
/// of hosts may have changed.
pub fn may_read_feed(feed: &Feed<'_>, rule: &FeedRule<'_>) -> Vec<Refusal> {
    let rare = feed.every_minutes > FEED_MINUTES_MAX || feed.every_minutes < rule.minutes_min;
    Refusal::all(
        CLAUSE,
        [
            (!is_allowed_host(feed.host, rule.allow), "NRS-INFL-0215"),
            (!feed.is_secure && !rule.may_be_plain, "NRS-INFL-0216"),
            (rare, "NRS-INFL-0217"),
            (feed.others >= FEEDS_MAX, "NRS-INFL-0218"),
        ],
    )
}

/// Whether one record may be kept: it was addressed to the public and lies in the collection's time. What says nothing of
/// its visibility was exported from a public page.
pub fn is_public(visibility: Option<&str>) -> bool {
    visibility
        .is_none_or(|word| word.trim().is_empty() || word.trim().eq_ignore_ascii_case("public"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(found: &[Refusal]) -> Vec<&'static str> {
        found.iter().map(|one| one.code).collect()
    }

    fn seed(kind: &str, text: &str) -> Seed {
        Seed::parse(kind, text).unwrap()
    }

    fn asked<'a>(seeds: &'a [Seed]) -> Asked<'a> {
        Asked {
            visibility: "public",
            purpose: "lookalike news sites before the vote",
            legal_basis: "decision 1 of the coordination meeting",
            from: Timestamp::UNIX_EPOCH,
            until: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 30),
            volume_max: 1_000_000,
            seeds,
        }
    }

    #[test]
    fn a_collection_is_public_has_a_purpose_a_basis_an_end_and_a_largest_number() {
        let seeds = [seed("domain", "news.example")];
        let against = |asked: &Asked<'_>| codes(&may_ask(Hat::CaoAnalyst, asked, &[]));
        let good = asked(&seeds);
        assert_eq!(against(&good), [""; 0]);
        for visibility in ["followers", "dm", "closed", ""] {
            assert_eq!(against(&Asked { visibility, ..good }), ["NRS-INFL-0201"], "{visibility}");
        }
        assert_eq!(against(&Asked { purpose: " ", ..good }), ["NRS-INFL-0202"]);
        assert_eq!(against(&Asked { legal_basis: "", ..good }), ["NRS-INFL-0203"]);
        assert_eq!(against(&Asked { until: good.from, ..good }), ["NRS-INFL-0204"]);
        let long = good.from + SignedDuration::from_hours(24 * DAYS_MAX + 1);
        assert_eq!(against(&Asked { until: long, ..good }), ["NRS-INFL-0204"]);
        assert_eq!(against(&Asked { volume_max: 0, ..good }), ["NRS-INFL-0205"]);
        assert_eq!(against(&Asked { seeds: &[], ..good }), ["NRS-INFL-0206"]);
        assert_eq!(codes(&may_ask(Hat::Legal, &good, &[])), ["NRS-INFL-0210"]);
    }

    #[test]
    fn no_name_of_a_party_candidate_union_or_religious_body_is_a_seed_alone() {
        for tag in
            ["架空党", "#架空労働組合", "架空教会", "架空候補", "FictionalParty", "fictional_union"]
        {
            let alone = [seed("hashtag", tag)];
            let against = may_ask(Hat::CaoAnalyst, &asked(&alone), &[]);
            assert_eq!(codes(&against), ["NRS-INFL-0207"], "{tag}");
            // With an object beside it, it only narrows.
            let both = [seed("hashtag", tag), seed("url", "https://news.example/a")];
            assert!(may_ask(Hat::CaoAnalyst, &asked(&both), &[]).is_empty(), "{tag}");
        }
        let entered = ["架空の会".to_owned()];
        let alone = [seed("hashtag", "架空の会")];
        assert!(may_ask(Hat::CaoAnalyst, &asked(&alone), &[]).is_empty());
        assert_eq!(codes(&may_ask(Hat::CaoAnalyst, &asked(&alone), &entered)), ["NRS-INFL-0207"]);
        for kind in ["words", "opinion", "person", "keyword"] {
            assert_eq!(Seed::parse(kind, "架空党"), None, "{kind}");
        }
    }

    /// Whatever kind it is said to be and however it is written, a name is a name; and what is an object stays one.
    #[test]
    fn a_name_is_a_name_under_every_kind_and_in_every_spelling() {
        let entered = ["架空の会".to_owned(), "Kakuu Alliance".to_owned()];
        for (kind, text) in [
            ("hashtag", "架空党\u{200b}"),
            ("hashtag", "架\u{2060}空\u{fe0f}党"),
            ("hashtag", "Fictionalｐａｒｔｙ"),
            ("hashtag", "架空・党"),
            ("hashtag", "FICTIONAL_PARTY"),
            ("hashtag", "架空の\u{200d}会"),
            ("hashtag", "ＫＡＫＵＵ_alliance"),
            ("reported", "partner|@架空党|organisation"),
            ("reported", "partner|@FictionalParty@social.example|foreign"),
            ("reported", "partner|example:FictionalParty|unknown"),
            ("reported", "partner|@kakuu_alliance"),
            ("reported", "partner|架空.党|unknown"),
            ("domain", "架空.党"),
        ] {
            let alone = [seed(kind, text)];
            let against = may_ask(Hat::CaoAnalyst, &asked(&alone), &entered);
            assert_eq!(codes(&against), ["NRS-INFL-0207"], "{kind}: {text}");
        }
        // What is not written as its kind is no seed.
        for (kind, text) in [
            ("reported", "partner|架空党"),
            ("reported", "partner|架空党|organisation"),
            ("reported", "partner|Fictional Party|foreign"),
            ("reported", "partner|account 1|foreign"),
            ("text_cluster", "FictionalParty"),
            ("text_cluster", "架空党"),
            ("url", "https://架空党"),
            ("url", "https://架空党/a.b"),
            ("domain", "架空党"),
            ("media", "架空党"),
            ("hashtag", "\u{200b}"),
        ] {
            assert_eq!(Seed::parse(kind, text), None, "{kind}: {text}");
        }
        for (kind, text) in [
            ("url", "https://news.example/party"),
            ("domain", "party.example"),
            ("media", "0123456789abcdef"),
            ("text_cluster", "0123456789abcdef0123456789abcdef"),
            ("hashtag", "架空の話"),
            ("reported", "partner|@channel_1|foreign"),
            ("reported", "partner|example:4711|unknown"),
            ("reported", "partner|https://news.example/a|foreign"),
            ("reported", "partner|news.example"),
        ] {
            let alone = [seed(kind, text)];
            assert!(
                may_ask(Hat::CaoAnalyst, &asked(&alone), &entered).is_empty(),
                "{kind}: {text}"
            );
        }
    }

    #[test]
    fn a_domestic_private_person_is_never_a_selector() {
        let private = [seed("reported", "platform|example:1|domestic_private")];
        let against = may_ask(Hat::CaoAnalyst, &asked(&private), &[]);
        assert_eq!(codes(&against), ["NRS-INFL-0208"]);
        let foreign = [seed("reported", "platform|@channel_1|foreign")];
        assert!(may_ask(Hat::CaoAnalyst, &asked(&foreign), &[]).is_empty());
        assert_eq!(Seed::parse("reported", "@channel_1"), None, "who reported it is part of it");
        for one in [&private[0], &foreign[0]] {
            assert_eq!(Seed::parse(one.kind(), &one.text()).as_ref(), Some(one));
        }
    }

    #[test]
    fn feeds_are_read_of_hosts_that_are_allowed_over_tls_and_not_too_often() {
        let allow = ["news.example".to_owned(), ".city.example".to_owned(), ".".to_owned()];
        for (host, expected) in [
            ("news.example", true),
            ("NEWS.example", true),
            ("www.news.example", false),
            ("fakenews.example", false),
            ("a.city.example", true),
            ("b.a.city.example", true),
            ("city.example", false),
            ("velocity.example", false),
            ("", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(is_allowed_host(host, &allow), expected, "{host}");
        }
        let rule = FeedRule { allow: &allow, minutes_min: 60, may_be_plain: false };
        let good = Feed { host: "news.example", is_secure: true, every_minutes: 60, others: 0 };
        let against = |feed: &Feed<'_>| codes(&may_read_feed(feed, &rule));
        assert_eq!(against(&good), [""; 0]);
        assert_eq!(against(&Feed { host: "other.example", ..good }), ["NRS-INFL-0215"]);
        assert_eq!(against(&Feed { is_secure: false, ..good }), ["NRS-INFL-0216"]);
        assert_eq!(against(&Feed { every_minutes: 59, ..good }), ["NRS-INFL-0217"]);
        assert_eq!(
            against(&Feed { every_minutes: FEED_MINUTES_MAX + 1, ..good }),
            ["NRS-INFL-0217"]
        );
        assert_eq!(against(&Feed { others: FEEDS_MAX, ..good }), ["NRS-INFL-0218"]);
        let none = FeedRule { allow: &[], ..rule };
        assert_eq!(
            codes(&may_read_feed(&good, &none)),
            ["NRS-INFL-0215"],
            "an empty list allows none"
        );
    }

    #[test]
    fn another_person_allows_it_and_nothing_comes_in_outside_it() {
        assert!(may_decide(Hat::Legal, "b", "a", false).is_empty());
        assert_eq!(codes(&may_decide(Hat::Legal, "a", "a", false)), ["NRS-INFL-0211"]);
        assert_eq!(codes(&may_decide(Hat::CaoAnalyst, "b", "a", false)), ["NRS-INFL-0210"]);
        assert_eq!(codes(&may_decide(Hat::Legal, "b", "a", true)), ["NRS-INFL-0212"]);
        let now = Timestamp::UNIX_EPOCH;
        let open = Standing {
            is_allowed: true,
            is_stopped: false,
            from: now - SignedDuration::from_hours(1),
            until: now + SignedDuration::from_hours(1),
            taken: 5,
            volume_max: 10,
        };
        assert!(may_take(&open, now, 5).is_empty());
        assert_eq!(codes(&may_take(&open, now, 6)), ["NRS-INFL-0214"]);
        for closed in [
            Standing { is_allowed: false, ..open },
            Standing { is_stopped: true, ..open },
            Standing { until: now - SignedDuration::from_secs(1), ..open },
            Standing { from: now + SignedDuration::from_secs(1), ..open },
        ] {
            assert_eq!(codes(&may_take(&closed, now, 1)), ["NRS-INFL-0213"]);
        }
        assert!(is_public(None) && is_public(Some("Public")) && !is_public(Some("followers")));
    }
}
