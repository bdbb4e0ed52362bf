//! Who shared what when: shares with texts go in, numbered events come out.
//!
//! Texts are numbered in their own order and not in that of arrival, so that no later step depends on how a file was
//! sorted. What cannot be taken is counted with its reason; nothing disappears.

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use serde::Serialize;

use super::arithmetic::{at, number, place};
use super::options::Trace;

/// The longest identifier of an object, account or post, in bytes. Longer ones are refused and counted.
pub const TEXT_BYTES_MAX: usize = 8_192;

/// The most shares of all traces together that one set of records may hold.
pub const SHARES_MAX: usize = 1 << 31;

/// A share further from the middle one than this is kept and counted as far: its clock may have been wrong.
pub const FAR_SECONDS: u32 = 400 * 86_400;

/// No post: its number where the source names none.
pub const NO_POST: u32 = u32::MAX;

/// One account sharing one object at one time, as texts.
#[derive(Debug, Clone, Copy)]
pub struct Share<'a> {
    /// What was shared: a canonical link, the post that was passed on, a set of hashtags, a cluster of texts, a hash.
    pub object: &'a str,
    /// Who shared it; a pseudonym will do.
    pub account: &'a str,
    /// The post it was shared in; empty where the source names none.
    pub post: &'a str,
    /// When, in seconds since 1970 UTC.
    pub time_seconds: i64,
}

/// A share with numbers for texts. The numbers are ranks among the texts of their kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Event {
    /// The object's rank within its trace.
    pub object: u32,
    /// Seconds since 1970 UTC.
    pub time: u32,
    /// The account's rank among the accounts of all traces.
    pub account: u32,
    /// The post's rank, or [`NO_POST`].
    pub post: u32,
}

/// What came in and what became of it. Every share is in exactly one of `taken` and the refusals.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Intake {
    /// Shares offered.
    pub offered: u64,
    /// Shares taken; the remarks below are about these.
    pub taken: u64,
    /// Refused: no object. One shared nothing is not a common link.
    pub empty_object: u64,
    /// Refused: no account.
    pub empty_account: u64,
    /// Refused: an identifier of more than [`TEXT_BYTES_MAX`] bytes.
    pub too_long: u64,
    /// Refused: a time outside what a source can mean (1970 to 2106).
    pub impossible_time: u64,
    /// Refused: more than [`SHARES_MAX`] shares.
    pub too_many: u64,
    /// Refused: the same row again (object, account, post and time).
    pub repeated: u64,
    /// Remark: shares whose post was also named by another account or at another time of the same trace.
    pub post_reused: u64,
    /// Remark: shares more than [`FAR_SECONDS`] from the middle one of their trace.
    pub far: u64,
}

impl Intake {
    /// What was offered and refused, in the order of [`Builder::refusals`].
    pub(crate) fn counts(&self) -> [u64; 6] {
        [
            self.offered,
            self.empty_object,
            self.empty_account,
            self.too_long,
            self.impossible_time,
            self.too_many,
        ]
    }
}

/// Texts by number.
#[derive(Debug, Clone)]
pub enum Names {
    /// Texts one after the other, and where each ends.
    Texts(Texts),
    /// No texts: the number stands for itself. For sources that number already.
    Numbers(u32),
}

impl Names {
    /// The text of a number; empty for a number that was not given out.
    pub fn name(&self, number: u32) -> Cow<'_, str> {
        match self {
            Self::Texts(texts) => Cow::Borrowed(texts.text(number)),
            Self::Numbers(_) => Cow::Owned(number.to_string()),
        }
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        match self {
            Self::Texts(texts) => number(texts.ends.len()),
            Self::Numbers(count) => *count,
        }
    }
}

/// Texts one after the other.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    bytes: String,
    ends: Vec<usize>,
}

impl Texts {
    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        number(self.ends.len())
    }

    pub(crate) fn text(&self, number: u32) -> &str {
        let index = place(number);
        let end = at(&self.ends, index);
        let start = if index == 0 { 0 } else { at(&self.ends, index - 1) };
        self.bytes.get(start..end).unwrap_or_default()
    }

    fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }

    /// The numbers in the order of their texts. The first eight bytes decide nearly always.
    fn order(&self) -> Vec<u32> {
        let mut keyed: Vec<(u64, u32)> =
            (0..number(self.ends.len())).map(|one| (head(self.text(one)), one)).collect();
        keyed.sort_unstable_by(|left, right| {
            left.0.cmp(&right.0).then_with(|| self.text(left.1).cmp(self.text(right.1)))
        });
        keyed.into_iter().map(|(_, one)| one).collect()
    }

    /// The texts in their order, and the rank of each number.
    fn ranked(self) -> (Self, Vec<u32>) {
        let order = self.order();
        let mut ranks = vec![0; order.len()];
        let mut sorted = Self { bytes: String::with_capacity(self.bytes.len()), ends: Vec::new() };
        for (rank, &one) in order.iter().enumerate() {
            sorted.push(self.text(one));
            if let Some(slot) = ranks.get_mut(place(one)) {
                *slot = number(rank);
            }
        }
        (sorted, ranks)
    }
}

/// The first eight bytes as a number that sorts like them.
fn head(text: &str) -> u64 {
    let mut bytes = [0; 8];
    for (slot, byte) in bytes.iter_mut().zip(text.bytes()) {
        *slot = byte;
    }
    u64::from_be_bytes(bytes)
}

/// Gives each text a number, in the order of arrival.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interner {
    texts: Texts,
    /// Number plus one and hash at the place of the hash, 0 where free. At most two thirds are taken.
    table: Vec<(u32, u32)>,
    /// Keyed anew for each interner, so that nobody can choose texts that collide; numbers do not depend on it.
    state: RandomState,
}

impl Interner {
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        if self.texts.ends.len() * 3 >= self.table.len() * 2 {
            self.grow();
        }
        let hash = self.hash(text);
        let mask = self.table.len().wrapping_sub(1);
        let mut slot = place(hash) & mask;
        loop {
            match at(&self.table, slot) {
                (0, _) => break,
                (taken, same) if same == hash && self.texts.text(taken - 1) == text => {
                    return taken - 1;
                }
                _ => slot = (slot + 1) & mask,
            }
        }
        self.texts.push(text);
        let taken = number(self.texts.ends.len());
        if let Some(free) = self.table.get_mut(slot) {
            *free = (taken, hash);
        }
        taken - 1
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "half of the hash is enough to find a place"
    )]
    fn hash(&self, text: &str) -> u32 {
        self.state.hash_one(text) as u32
    }

    fn grow(&mut self) {
        let size = (self.table.len() * 2).max(64);
        let mut table = vec![(0, 0); size];
        for &(taken, hash) in self.table.iter().filter(|one| one.0 != 0) {
            let mut slot = place(hash) & (size - 1);
            while at(&table, slot).0 != 0 {
                slot = (slot + 1) & (size - 1);
            }
            if let Some(free) = table.get_mut(slot) {
                *free = (taken, hash);
            }
        }
        self.table = table;
    }
}

/// The number of a trace within its records, in the order the builder was asked for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TraceNumber(pub usize);

#[derive(Debug, Clone)]
struct Raw {
    trace: Trace,
    objects: Interner,
    events: Vec<Event>,
}

/// Collects shares. See [`Records`].
#[derive(Debug, Clone, Default)]
pub struct Builder {
    accounts: Interner,
    posts: Interner,
    traces: Vec<Raw>,
    intake: Intake,
}

impl Builder {
    /// Opens a trace: a kind of object with its own windows and rule.
    pub fn trace(&mut self, trace: Trace) -> TraceNumber {
        self.traces.push(Raw { trace, objects: Interner::default(), events: Vec::new() });
        TraceNumber(self.traces.len() - 1)
    }

    /// Takes a share into a trace, or counts why not. `true` if it was taken. A trace that was not opened takes nothing.
    pub fn share(&mut self, trace: TraceNumber, share: &Share<'_>) -> bool {
        let Some(raw) = self.traces.get_mut(trace.0) else { return false };
        self.intake.offered += 1;
        let (object, account, post) =
            (share.object.trim(), share.account.trim(), share.post.trim());
        let refusal = if is_nothing(object) {
            &mut self.intake.empty_object
        } else if is_nothing(account) {
            &mut self.intake.empty_account
        } else if [object, account, post].iter().any(|text| text.len() > TEXT_BYTES_MAX) {
            &mut self.intake.too_long
        } else if raw.events.len() >= SHARES_MAX {
            &mut self.intake.too_many
        } else if let Ok(time) = u32::try_from(share.time_seconds) {
            let post = if post.is_empty() { NO_POST } else { self.posts.number(post) };
            let account = self.accounts.number(account);
            raw.events.push(Event { object: raw.objects.number(object), time, account, post });
            return true;
        } else {
            &mut self.intake.impossible_time
        };
        *refusal += 1;
        false
    }

    /// The shares of one trace as they came.
    pub(crate) fn raw_events(&self, trace: TraceNumber) -> &[Event] {
        self.traces.get(trace.0).map_or(&[], |raw| raw.events.as_slice())
    }

    /// The texts of accounts, posts and one trace's objects, each by its number.
    pub(crate) fn texts(&self, trace: TraceNumber) -> [&Texts; 3] {
        static NONE: Texts = Texts { bytes: String::new(), ends: Vec::new() };
        let objects = self.traces.get(trace.0).map_or(&NONE, |raw| &raw.objects.texts);
        [&self.accounts.texts, &self.posts.texts, objects]
    }

    /// Gives the next number of accounts, posts or objects (in this order) to a text.
    pub(crate) fn name(&mut self, trace: TraceNumber, kind: usize, text: &str) {
        match (kind, self.traces.get_mut(trace.0)) {
            (0, _) => self.accounts.number(text),
            (1, _) => self.posts.number(text),
            (_, Some(raw)) => raw.objects.number(text),
            (_, None) => 0,
        };
    }

    /// Puts back a share with numbers that were given out.
    pub(crate) fn put_back(&mut self, trace: TraceNumber, event: Event) {
        if let Some(raw) = self.traces.get_mut(trace.0) {
            raw.events.push(event);
        }
    }

    /// What was offered and refused, in the order of [`Intake`].
    pub(crate) fn refusals(&mut self) -> [&mut u64; 6] {
        let intake = &mut self.intake;
        [
            &mut intake.offered,
            &mut intake.empty_object,
            &mut intake.empty_account,
            &mut intake.too_long,
            &mut intake.impossible_time,
            &mut intake.too_many,
        ]
    }

    /// What came in so far. `taken`, `repeated` and the remarks are known when the records are finished.
    pub fn intake(&self) -> &Intake {
        &self.intake
    }

    /// Orders everything. The records do not depend on the order in which shares came.
    pub fn finish(self) -> Records {
        let mut intake = self.intake;
        let (accounts, ranks) = self.accounts.texts.ranked();
        let (posts, post_ranks) = self.posts.texts.ranked();
        let traces = self
            .traces
            .into_iter()
            .map(|raw| order(raw, &ranks, &post_ranks, &mut intake))
            .collect();
        Records { accounts: Names::Texts(accounts), posts: Names::Texts(posts), traces, intake }
    }
}

/// White space and what is not seen at all name nothing.
fn is_nothing(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_unseen(c))
}

/// What is not seen: zero width, direction marks, soft hyphen, byte order mark, controls.
pub(super) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn order(raw: Raw, accounts: &[u32], posts: &[u32], intake: &mut Intake) -> Traced {
    let (objects, ranks) = raw.objects.texts.ranked();
    let mut events = raw.events;
    for event in &mut events {
        event.object = at(&ranks, place(event.object));
        event.account = at(accounts, place(event.account));
        event.post = posts.get(place(event.post)).copied().unwrap_or(NO_POST);
    }
    let offered = events.len();
    sort(&mut events);
    events.dedup();
    intake.repeated += (offered - events.len()) as u64;
    intake.taken += events.len() as u64;
    intake.post_reused += reused(&events, posts.len());
    intake.far += far(&events);
    Traced { trace: raw.trace, objects: Names::Texts(objects), events }
}

/// By object, time, account and post. Two halves at a time where there is enough to share out.
pub(crate) fn sort(events: &mut [Event]) {
    const WORTH_A_THREAD: usize = 200_000;
    let key = |event: &Event| {
        (u128::from(event.object) << 96)
            | (u128::from(event.time) << 64)
            | (u128::from(event.account) << 32)
            | u128::from(event.post)
    };
    if events.len() < WORTH_A_THREAD {
        events.sort_unstable_by_key(key);
        return;
    }
    let middle = events.len() / 2;
    let (left, _, right) = events.select_nth_unstable_by_key(middle, key);
    std::thread::scope(|scope| {
        scope.spawn(|| left.sort_unstable_by_key(key));
        right.sort_unstable_by_key(key);
    });
}

/// How many events name a post that an event of another account or time names too.
fn reused(events: &[Event], posts: usize) -> u64 {
    let mut first: Vec<u64> = vec![u64::MAX; posts];
    let mut count = 0;
    for event in events {
        let mark = (u64::from(event.account) << 32) | u64::from(event.time);
        match first.get_mut(place(event.post)) {
            Some(slot) if *slot == u64::MAX => *slot = mark,
            Some(slot) if *slot != mark => count += 1,
            _ => {}
        }
    }
    count
}

/// How many events lie very far from the middle one.
fn far(events: &[Event]) -> u64 {
    let mut times: Vec<u32> = events.iter().map(|event| event.time).collect();
    if times.is_empty() {
        return 0;
    }
    let half = times.len() / 2;
    let middle = *times.select_nth_unstable(half).1;
    times.iter().filter(|time| time.abs_diff(middle) > FAR_SECONDS).count() as u64
}

/// One trace: its rule, its objects and its events by object, time, account and post, none twice.
#[derive(Debug, Clone)]
pub struct Traced {
    /// The rule.
    pub trace: Trace,
    /// The objects.
    pub objects: Names,
    /// All shares taken.
    pub events: Vec<Event>,
}

/// Everything the engine reads: the shares of one or several traces, numbered and in order.
///
/// ```
/// use noroshi_insight::coordination::{Builder, Share, Trace, TraceKind};
/// let mut builder = Builder::default();
/// let links = builder.trace(Trace::of(TraceKind::Url));
/// let share = Share { object: "https://news.example/a", account: "one", post: "1", time_seconds: 1_700_000_000 };
/// assert!(builder.share(links, &share));
/// assert!(!builder.share(links, &Share { object: "", ..share })); // nothing is no common link
/// let records = builder.finish();
/// assert_eq!((records.intake().taken, records.intake().empty_object), (1, 1));
/// ```
#[derive(Debug, Clone)]
pub struct Records {
    accounts: Names,
    posts: Names,
    traces: Vec<Traced>,
    intake: Intake,
}

impl Records {
    /// Takes events of one trace that are numbered already; equal rows are kept once. Sources of a hundred million rows
    /// have no room for texts.
    pub fn numbered(trace: Trace, mut events: Vec<Event>) -> Self {
        let offered = events.len();
        sort(&mut events);
        events.dedup();
        let intake = Intake {
            offered: offered as u64,
            taken: events.len() as u64,
            repeated: (offered - events.len()) as u64,
            far: far(&events),
            ..Intake::default()
        };
        let above = |numbers: Option<u32>| numbers.map_or(0, |most| most.saturating_add(1));
        let accounts = Names::Numbers(above(events.iter().map(|event| event.account).max()));
        let objects = Names::Numbers(above(events.iter().map(|event| event.object).max()));
        let posts = Names::Numbers(above(
            events.iter().map(|event| event.post).filter(|&post| post != NO_POST).max(),
        ));
        let traces = vec![Traced { trace, objects, events }];
        Self { accounts, posts, traces, intake }
    }

    /// The accounts of all traces.
    pub fn accounts(&self) -> &Names {
        &self.accounts
    }

    /// The posts of all traces.
    pub fn posts(&self) -> &Names {
        &self.posts
    }

    /// The traces.
    pub fn traces(&self) -> &[Traced] {
        &self.traces
    }

    /// What came in and what became of it.
    pub fn intake(&self) -> &Intake {
        &self.intake
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordination::options::TraceKind;

    const ROWS: [(&str, &str, &str, i64); 5] = [
        ("b", "zoe", "9", 50),
        ("a", "zoe", "2", 10),
        ("a", "abe", "1", 10),
        ("b", "abe", "8", 40),
        ("a", "abe", "3", 90),
    ];

    fn records<'a>(rows: impl Iterator<Item = &'a (&'a str, &'a str, &'a str, i64)>) -> Records {
        let mut builder = Builder::default();
        let trace = builder.trace(Trace::of(TraceKind::Url));
        for &(object, account, post, time_seconds) in rows {
            builder.share(trace, &Share { object, account, post, time_seconds });
        }
        builder.finish()
    }

    fn told(records: &Records) -> Vec<(String, u32, String, String)> {
        let traced = &records.traces()[0];
        let told = |event: &Event| {
            (
                traced.objects.name(event.object).into_owned(),
                event.time,
                records.accounts().name(event.account).into_owned(),
                records.posts().name(event.post).into_owned(),
            )
        };
        traced.events.iter().map(told).collect()
    }

    #[test]
    fn the_order_of_arrival_does_not_matter() {
        let forth = records(ROWS.iter());
        let back = records(ROWS.iter().rev().chain(&ROWS[1..2]));
        assert_eq!(told(&forth), told(&back));
        assert_eq!(told(&forth)[0], ("a".into(), 10, "abe".into(), "1".into()));
        assert_eq!((back.intake().taken, back.intake().repeated), (5, 1));
    }

    #[test]
    fn what_cannot_be_taken_is_counted_with_its_reason() {
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        let rows = [
            ("", "a", "1", 1),
            (" \u{200b}\u{feff}\u{3000}", "a", "1", 1),
            ("o", "\u{202e}", "1", 1),
            ("o", "a", long.as_str(), 1),
            ("o", "a", "1", -1),
            ("o", "a", "1", 1 << 32),
            ("o", "a", "1", 7),
            ("o", "b", "1", 9),
            ("o", "b", "2", 9 + i64::from(FAR_SECONDS) * 2),
        ];
        let intake = records(rows.iter()).intake().clone();
        let expected = Intake {
            offered: 9,
            taken: 3,
            empty_object: 2,
            empty_account: 1,
            too_long: 1,
            impossible_time: 2,
            post_reused: 1,
            far: 1,
            ..Intake::default()
        };
        assert_eq!(intake, expected);
    }

    #[test]
    fn many_texts_keep_their_numbers() {
        let mut interner = Interner::default();
        let first: Vec<u32> = (0..5_000).map(|i| interner.number(&format!("name {i}"))).collect();
        let again: Vec<u32> = (0..5_000).map(|i| interner.number(&format!("name {i}"))).collect();
        assert_eq!(first, again);
        assert_eq!(first, (0..5_000).collect::<Vec<u32>>());
    }
}
