//! Where a walk through a peer's collection stands. Pure: what to ask next follows from what was answered.
//!
//! Servers differ in what they give to go on with: a `next` that survives their restart, one that does not, or only the
//! date of the last object. Dates may be shared by many objects and be cut to fewer digits than the server compares
//! with. So a walk begins one unit of the last digit *before* the last date seen, which costs a few objects that are
//! recognised as held, and loses none. A server that passes over its own `next`, and gives the same page again, is walked
//! by dates too; where that leads nowhere either, it is said.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Objects asked for at once; a server may give fewer.
pub const LIMIT_FIRST: u32 = 1_000;
/// Objects asked for at most, when so many share one date that a smaller page leads nowhere.
pub const LIMIT_MAX: u32 = 64_000;

/// Once a page of one could not be read, it is not looked for any more in smaller steps than this: a server that gives
/// no `next` may give what was read already first.
const CAREFUL_MAX: u32 = 16;

/// The state that is kept between two pages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The date added of the newest object of all finished walks, as the server wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<String>,
    /// The walk under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub walk: Option<Walk>,
    /// Objects asked for at most, since a larger page could not be read; grows again with each page that can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrow: Option<u32>,
    /// What cannot be read lies in the next [`CAREFUL_MAX`] objects.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub careful: bool,
    /// When handing over: objects of one batch at most, since a larger one was refused; grows like `narrow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// When handing over: everything of the audience's stream up to here was handed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed: Option<i64>,
    /// When handing over: a batch of which the peer has not yet said what became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaited: Option<Awaited>,
    /// When handing over: the peer forgot what became of a batch, and has told of none since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forgets: bool,
    /// When handing over: what was refused alone, one object after the other, with nothing taken in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
    /// When handing over: something was taken while others were refused, so what is refused alone up to here is refused for
    /// what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proved: Option<i64>,
    /// What it is a place in: a digest of address, collection and types. Absent in one that was kept before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

/// A batch that the peer looks at still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// Under which name it is asked for.
    pub status: String,
    /// Where it ends in the audience's stream.
    pub upto: i64,
    /// There was more to hand over after it.
    pub more: bool,
    /// How often it was asked for.
    #[serde(default)]
    pub asked: u32,
    /// The notes in it, which may be messages about a recall.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Objects that a peer refused alone, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Everything up to here was handed over before the first of them.
    pub from: i64,
    /// Identifier and version of each, as they are listed; empty once it is the peer that is looked at and not they.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub what: Vec<(String, String)>,
    /// They are too many to be refused for what they are: so many attempts were in vain since to find one that is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<usize>,
}

/// A walk under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    /// Where it asks from.
    after: Option<String>,
    /// What the server gave to go on with.
    next: Option<String>,
    /// The newest date seen in it.
    high: Option<String>,
    /// Objects asked for at once.
    limit: u32,
    /// A digest of the last page, where it was given with a `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page: Option<String>,
}

/// What to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// `added_after`.
    pub after: Option<String>,
    /// `next`.
    pub next: Option<String>,
    /// `limit`.
    pub limit: u32,
}

/// What an answer said about going on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// There is more.
    pub more: bool,
    /// What to go on with.
    pub next: Option<String>,
    /// `X-TAXII-Date-Added-Last`.
    pub last: Option<String>,
    /// It held no object.
    pub empty: bool,
    /// A digest of its objects.
    pub page: Option<String>,
}

/// What follows from an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ask again at once.
    On,
    /// The walk is finished.
    End,
}

/// The server says that there is more and gives no way to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server says that there is more, and gives no way to it")]
pub struct Stuck;

impl From<Option<&str>> for Cursor {
    /// A first walk that asks only for what was added after this.
    fn from(added_after: Option<&str>) -> Self {
        let walk = added_after.map(|after| Walk {
            after: Some(after.to_owned()),
            next: None,
            high: None,
            limit: LIMIT_FIRST,
            page: None,
        });
        Self { walk, ..Self::default() }
    }
}

impl Cursor {
    /// The place to go on from in what `of` names: a place in something else is none there, and the walk begins anew.
    #[must_use]
    pub fn within(&self, of: &str) -> Self {
        let kept = self.of.as_deref().is_none_or(|before| before == of);
        let place = if kept { self.clone() } else { Self::default() };
        Self { of: Some(of.to_owned()), ..place }
    }

    /// What to ask next.
    pub fn ask(&self) -> Ask {
        let limit = self.full().min(self.narrow.unwrap_or(u32::MAX));
        match &self.walk {
            Some(walk) => Ask { after: walk.after.clone(), next: walk.next.clone(), limit },
            None => Ask { after: self.watermark.as_deref().map(just_before), next: None, limit },
        }
    }

    /// Objects asked for at once where everything can be read.
    fn full(&self) -> u32 {
        self.walk.as_ref().map_or(LIMIT_FIRST, |walk| walk.limit)
    }

    /// What was asked cannot be read: asks for half as much. `false` when it cannot be less, so that it must be stepped
    /// over.
    pub fn halve(&mut self) -> bool {
        let limit = self.ask().limit;
        if limit <= 1 || (self.careful && limit <= CAREFUL_MAX) {
            return false;
        }
        self.narrow = Some(limit / 2);
        self.careful |= limit / 2 <= 1;
        true
    }

    /// From where to look for what cannot be read: everything before was taken.
    pub fn before_unreadable(&self) -> Option<String> {
        let ask = self.ask();
        let high = self.walk.as_ref().and_then(|walk| walk.high.as_deref());
        match (ask.next, high) {
            (Some(_), Some(high)) => Some(just_before(high)),
            _ => ask.after,
        }
    }

    /// Everything up to `date` was taken or put aside.
    pub fn stepped_over(&mut self, date: String) {
        let before = self.walk.as_ref().and_then(|walk| walk.high.clone());
        let (high, limit) = (later(before, Some(date.clone())), self.full());
        self.walk = Some(Walk { after: Some(date), next: None, high, limit, page: None });
        self.grow();
    }

    /// A page could be read.
    fn grow(&mut self) {
        self.narrow = self.narrow.map(|limit| limit.saturating_mul(2)).filter(|n| *n < LIMIT_FIRST);
        self.careful &= self.narrow.is_some_and(|limit| limit <= CAREFUL_MAX);
    }

    /// Takes an answer in. On [`Stuck`] the cursor is unchanged.
    pub fn took(&mut self, seen: &Seen) -> Result<Step, Stuck> {
        let asked = self.ask();
        let (full, is_narrow) = (self.full(), self.narrow.is_some());
        let before = self.walk.as_ref().and_then(|walk| walk.high.clone());
        let high = later(before.clone(), seen.last.clone());
        if !seen.more {
            self.watermark = later(self.watermark.take(), high);
            self.walk = None;
            self.grow();
            return Ok(Step::End);
        }
        let walk = match (&seen.next, &seen.last) {
            // TAXII 2.1 §3.5: `next` leads to what comes after. A server that does not heed it may heed dates.
            (Some(_), _) if high == before && self.is_repeated(&asked, seen) => {
                let from = high.as_deref().map(just_before).ok_or(Stuck)?;
                onward(&Ask { next: None, limit: full, ..asked }, from, high, is_narrow)?
            }
            (Some(next), _) => {
                let page = seen.page.clone();
                Walk { after: asked.after, next: Some(next.clone()), high, limit: full, page }
            }
            // TAXII 2.1 §3.4: objects come in the order of their addition, so the last date is a place to go on from.
            (None, Some(last)) => {
                let asked = Ask { limit: full, ..asked };
                onward(&asked, just_before(last), high, is_narrow)?
            }
            (None, None) => return Err(Stuck),
        };
        self.walk = Some(walk);
        self.grow();
        Ok(Step::On)
    }

    /// Whether an answer to a `next`, in which no later date stands, leads back to where it was asked from.
    fn is_repeated(&self, asked: &Ask, seen: &Seen) -> bool {
        let before = self.walk.as_ref().and_then(|walk| walk.page.as_ref());
        let same_page = before.is_some() && before == seen.page.as_ref();
        asked.next.is_some() && (asked.next == seen.next || same_page)
    }

    /// The server does not know the `next` it gave (it was restarted, or another one answers): goes on from the newest
    /// date seen. `false` when no `next` was asked with, so that something else is wrong.
    pub fn next_refused(&mut self) -> bool {
        let Some(walk) = self.walk.as_mut().filter(|walk| walk.next.is_some()) else {
            return false;
        };
        walk.next = None;
        if let Some(high) = &walk.high {
            walk.after = Some(just_before(high));
        }
        true
    }
}

/// The walk that asks from `after`; a larger page when the same place was asked from already. A page that was kept small
/// grows by itself.
fn onward(
    asked: &Ask,
    after: String,
    high: Option<String>,
    is_narrow: bool,
) -> Result<Walk, Stuck> {
    let again = asked.next.is_none() && asked.after.as_ref() == Some(&after);
    let limit = if again && !is_narrow {
        if asked.limit >= LIMIT_MAX {
            return Err(Stuck);
        }
        asked.limit.saturating_mul(4).min(LIMIT_MAX)
    } else {
        asked.limit
    };
    Ok(Walk { after: Some(after), next: None, high, limit, page: None })
}

/// The later of two dates; one that cannot be read never wins over one that can.
fn later(one: Option<String>, other: Option<String>) -> Option<String> {
    let at = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<Timestamp>().ok());
    if at(&other) > at(&one) { other } else { one.or(other) }
}

/// One unit of the last digit earlier, written with the same digits. What is no date stays as it is.
pub(super) fn just_before(text: &str) -> String {
    let Ok(at) = text.parse::<Timestamp>() else { return text.to_owned() };
    let fraction = text.split_once('.').map_or("", |(_, rest)| rest);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).take(9).count();
    let nanos = 10_i64.pow(9 - u32::try_from(digits).unwrap_or(9));
    let Ok(before) = at.checked_sub(SignedDuration::from_nanos(nanos)) else {
        return text.to_owned();
    };
    format!("{before:.digits$}")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_place_in_one_collection_is_none_in_another() {
        let old =
            Cursor { watermark: Some("2026-01-01T00:00:00Z".to_owned()), ..Cursor::default() };
        let bound = old.within("a");
        assert_eq!((bound.watermark.clone(), bound.of.as_deref()), (old.watermark, Some("a")));
        assert_eq!(bound.within("a"), bound);
        assert_eq!(bound.within("b"), Cursor { of: Some("b".to_owned()), ..Cursor::default() });
    }

    #[test]
    fn a_unit_before_keeps_the_digits() {
        assert_eq!(just_before("2026-01-01T00:00:00.000000Z"), "2025-12-31T23:59:59.999999Z");
        assert_eq!(just_before("2026-01-01T00:00:00.5Z"), "2026-01-01T00:00:00.4Z");
        assert_eq!(just_before("2026-01-01T00:00:00Z"), "2025-12-31T23:59:59Z");
        assert_eq!(just_before("yesterday"), "yesterday");
    }

    #[test]
    fn a_server_that_leads_nowhere_is_said_to() {
        let mut cursor = Cursor::default();
        let seen = Seen { more: true, ..Seen::default() };
        assert_eq!(cursor.took(&seen), Err(Stuck));
        assert_eq!(cursor, Cursor::default());
        assert!(!cursor.next_refused());
    }

    #[test]
    fn a_page_that_cannot_be_read_is_halved_down_to_one_and_grows_again() {
        let mut cursor = Cursor::default();
        let mut asked = vec![cursor.ask().limit];
        while cursor.halve() {
            asked.push(cursor.ask().limit);
        }
        assert_eq!(asked, [1_000, 500, 250, 125, 62, 31, 15, 7, 3, 1]);
        cursor.stepped_over("2026-01-01T00:00:00.5Z".to_owned());
        assert_eq!(cursor.ask().after.as_deref(), Some("2026-01-01T00:00:00.5Z"));
        // Close by, it is stepped over at once instead of being halved again.
        assert!(!cursor.halve());
        let mut asked = Vec::new();
        for number in 0..10 {
            let next = Some(format!("n{number}"));
            cursor.took(&Seen { more: true, next, ..Seen::default() }).unwrap();
            asked.push(cursor.ask().limit);
        }
        assert_eq!(asked, [4, 8, 16, 32, 64, 128, 256, 512, 1_000, 1_000]);
        assert!(!cursor.careful);
    }

    #[test]
    fn a_server_that_gives_the_same_page_again_is_not_asked_for_ever() {
        // With the same `next` each time, or with another: what comes is the first page.
        for fresh in [false, true] {
            for last in [None, Some("2026-01-01T00:00:00.5Z".to_owned())] {
                let mut cursor = Cursor::default();
                let stuck = (0..100).find(|asked| {
                    let next = Some(if fresh { format!("n{asked}") } else { "n".to_owned() });
                    let (last, page) = (last.clone(), Some("the first".to_owned()));
                    let seen = Seen { more: true, next, last, empty: false, page };
                    let before = cursor.clone();
                    let took = cursor.took(&seen);
                    assert!(took.is_ok() || cursor == before, "it stays where it was");
                    took.is_err()
                });
                assert!(stuck.is_some_and(|asked| asked < 20), "{fresh} {last:?}: {stuck:?}");
            }
        }
    }

    #[test]
    fn a_server_that_counts_by_itself_is_walked_to_its_end() {
        // It gives the same `next` to go on with, and something later each time.
        let mut cursor = Cursor::default();
        for number in 1..50 {
            let (last, page) = (Some(date(number)), Some(number.to_string()));
            let next = Some("go on".to_owned());
            let seen = Seen { more: true, next, last, empty: false, page };
            assert_eq!(cursor.took(&seen), Ok(Step::On));
            assert_eq!(cursor.ask().next.as_deref(), Some("go on"), "page {number}");
        }
        assert_eq!(cursor.took(&Seen::default()), Ok(Step::End));
        assert_eq!(cursor.watermark, Some(date(49)));
    }

    /// What the server gives to go on with.
    #[derive(Debug, Clone, Copy)]
    enum Manner {
        Next,
        DateOnly,
        /// It gives a `next` and does not heed it.
        Deaf,
    }

    /// A collection: date added in hundredths, then the object.
    struct Server {
        items: BTreeMap<(i64, u32), ()>,
        manner: Manner,
        page: usize,
        /// How often it was started: it knows only what it gave since.
        start: usize,
    }

    fn date(hundredths: i64) -> String {
        format!("{:.2}", Timestamp::from_millisecond(hundredths * 10).unwrap())
    }

    impl Server {
        fn answer(&mut self, ask: &Ask) -> Result<(Seen, Vec<u32>), ()> {
            let heeded = ask.next.as_ref().filter(|_| !matches!(self.manner, Manner::Deaf));
            let from = match heeded {
                Some(next) => {
                    let parts: Vec<&str> = next.split('/').collect();
                    if parts[0] != self.start.to_string() {
                        return Err(());
                    }
                    (parts[1].parse().unwrap(), parts[2].parse::<u32>().unwrap())
                }
                None => {
                    let after = ask.after.as_ref().map_or(i64::MIN, |text| {
                        text.parse::<Timestamp>().unwrap().as_millisecond().div_euclid(10)
                    });
                    (after, u32::MAX)
                }
            };
            let size = self.page.min(ask.limit as usize);
            let size = match self.manner {
                Manner::Next => size,
                Manner::DateOnly | Manner::Deaf => self.page * (ask.limit / LIMIT_FIRST) as usize,
            };
            let rest: Vec<(i64, u32)> =
                self.items.range(from..).map(|(key, ())| *key).filter(|key| *key > from).collect();
            let given = &rest[..rest.len().min(size)];
            let more = rest.len() > given.len();
            let last = given.last().copied();
            let seen = Seen {
                more,
                next: last
                    .filter(|_| more && !matches!(self.manner, Manner::DateOnly))
                    .map(|(at, id)| format!("{}/{at}/{id}", self.start)),
                last: last.map(|(at, _)| date(at)),
                empty: given.is_empty(),
                page: Some(format!("{given:?}")),
            };
            Ok((seen, given.iter().map(|(_, id)| *id).collect()))
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_whatever_the_server_gives_to_go_on_with(
            first in prop::collection::vec(0_i64..20, 0..60),
            during in prop::collection::vec(0_usize..40, 0..20),
            manner in prop::sample::select(vec![Manner::Next, Manner::DateOnly, Manner::Deaf]),
            page in 1_usize..9,
            kills in prop::collection::btree_set(0_usize..200, 0..20),
            restarts in prop::collection::btree_set(0_usize..200, 0..3),
        ) {
            let mut server = Server { items: BTreeMap::new(), manner, page, start: 0 };
            let mut id = 0;
            for at in first {
                server.items.insert((at, id), ());
                id += 1;
            }
            let mut newest = 20_i64;
            let (mut kept, mut got) = (String::from("{}"), BTreeSet::new());
            for step in 0..400_usize {
                server.start += usize::from(restarts.contains(&step));
                // What is added later is added with a later date, or with the newest one.
                for _ in during.iter().filter(|at| **at == step) {
                    newest += i64::from(step % 2 == 0);
                    server.items.insert((newest, id), ());
                    id += 1;
                }
                let mut cursor: Cursor = serde_json::from_str(&kept).unwrap();
                match server.answer(&cursor.ask()) {
                    Ok((seen, given)) => {
                        got.extend(given);
                        if cursor.took(&seen).is_err() {
                            // More objects share one date than the largest page holds: told, not skipped.
                            prop_assert!(!matches!(manner, Manner::Next));
                            return Ok(());
                        }
                    }
                    Err(()) => prop_assert!(cursor.next_refused()),
                }
                // A kill after the page was taken in and before the cursor was kept.
                if !kills.contains(&step) {
                    kept = serde_json::to_string(&cursor).unwrap();
                }
            }
            prop_assert_eq!(got.len(), id as usize);
        }
    }
}
