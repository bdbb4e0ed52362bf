//! The pairs of two published tools, exactly, so that analyses made with them can be compared: `CooRTweet` (R) and
//! `coordination_network_toolkit` (Python). Both were read for what they compute; none of their text is here.

use super::arithmetic::{at, length, number, place};
use super::events::{Event, NO_POST, Records, Traced};
use super::options::Semantics;

/// A pair of accounts, `a` before `b` in the order of their names, as a tool would report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PeerEdge {
    /// The first account.
    pub a: u32,
    /// The second account.
    pub b: u32,
    /// `CooRTweet`: pairs of posts. Toolkit: the larger of the two directions.
    pub weight: u32,
    /// Toolkit: distinct posts of `a` with a partner of `b`. `CooRTweet`: pairs in which `a` was not later.
    pub forth: u32,
    /// Toolkit: distinct posts of `b` with a partner of `a`. `CooRTweet`: pairs in which `b` was earlier.
    pub back: u32,
    /// Distinct objects of the pair.
    pub objects: u32,
}

/// Two shares of one object by two accounts within the window, as places in the list of events; the later one second.
type Meeting = (u32, u32);

/// The edges a tool finds in a trace within one window, by pair.
pub fn edges(
    records: &Records,
    traced: &Traced,
    window_seconds: u32,
    semantics: Semantics,
) -> Vec<PeerEdge> {
    let mut events = told_apart(records, traced);
    let Semantics::CoorTweet { participation_min } = semantics else {
        let met = meetings(&events, window_seconds);
        return aggregate(&events, &met, true);
    };
    let shares = counts(events.iter().map(|event| event.account));
    events.retain(|event| at(&shares, place(event.account)) >= participation_min);
    let mut met = meetings(&events, window_seconds);
    met.retain(|&(first, second)| {
        let (first, second) = (at(&events, place(first)), at(&events, place(second)));
        let own =
            |event: Event| records.posts().name(event.post) == traced.objects.name(event.object);
        first.post != second.post && !own(first) && !own(second)
    });
    participate(&events, &mut met, participation_min);
    aggregate(&events, &met, false)
}

/// A share without a post gets a number of its own, so that it is a post like any other.
fn told_apart(records: &Records, traced: &Traced) -> Vec<Event> {
    let mut events = traced.events.clone();
    let mut free = records.posts().count();
    for event in events.iter_mut().filter(|event| event.post == NO_POST) {
        event.post = free;
        free = free.saturating_add(1);
    }
    events
}

/// `CooRTweet`'s threshold: the quantile of the weights (type 7 of Hyndman and Fan 1996, R's default), which an edge of
/// its network must exceed.
pub fn threshold(edges: &[PeerEdge], quantile: f64) -> f64 {
    let mut weights: Vec<u32> = edges.iter().map(|edge| edge.weight).collect();
    weights.sort_unstable();
    let Some(last) = weights.len().checked_sub(1) else { return 0.0 };
    let at_place = length(last) * quantile.clamp(0.0, 1.0);
    let (low, part) = (at_place.floor(), at_place.fract());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in the list"
    )]
    let low = low as usize;
    let below = f64::from(at(&weights, low));
    below + part * (f64::from(at(&weights, (low + 1).min(last))) - below)
}

fn counts(numbers: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut counts = Vec::new();
    for one in numbers {
        let index = place(one);
        if counts.len() <= index {
            counts.resize(index + 1, 0_u32);
        }
        if let Some(count) = counts.get_mut(index) {
            *count += 1;
        }
    }
    counts
}

/// Every two shares of one object by different accounts within the window.
fn meetings(events: &[Event], window_seconds: u32) -> Vec<Meeting> {
    let mut met = Vec::new();
    let mut base = 0;
    for group in events.chunk_by(|left, right| left.object == right.object) {
        for (later, event) in group.iter().enumerate() {
            for (earlier, other) in group.iter().enumerate().take(later).rev() {
                if event.time - other.time > window_seconds {
                    break;
                }
                if other.account != event.account {
                    met.push((number(base + earlier), number(base + later)));
                }
            }
        }
        base += group.len();
    }
    met
}

/// Pairs stay where at least one side has `participation_min` posts among all that met anybody.
fn participate(events: &[Event], met: &mut Vec<Meeting>, participation_min: u32) {
    let of = |index: u32| at(events, place(index));
    let mut posts: Vec<u32> =
        met.iter().flat_map(|&(first, second)| [of(first).post, of(second).post]).collect();
    posts.sort_unstable();
    posts.dedup();
    // Rows are counted and not posts: a post that stands in several rows counts in each, as in the tool.
    let coordinated = |event: &&Event| posts.binary_search(&event.post).is_ok();
    let rows = counts(events.iter().filter(coordinated).map(|event| event.account));
    let mut kept: Vec<u32> = events
        .iter()
        .filter(coordinated)
        .filter(|event| at(&rows, place(event.account)) >= participation_min)
        .map(|event| event.post)
        .collect();
    kept.sort_unstable();
    kept.dedup();
    let keeps = |index: u32| kept.binary_search(&of(index).post).is_ok();
    met.retain(|&(first, second)| keeps(first) || keeps(second));
}

/// One meeting seen from its pair: accounts in order, then the object and the two posts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    a: u32,
    b: u32,
    object: u32,
    post_a: u32,
    post_b: u32,
    a_first: bool,
}

fn row(events: &[Event], &(first, second): &Meeting) -> Row {
    let (first, second) = (at(events, place(first)), at(events, place(second)));
    let a_first = first.account < second.account;
    let (a, b) = if a_first { (first, second) } else { (second, first) };
    Row { a: a.account, b: b.account, object: a.object, post_a: a.post, post_b: b.post, a_first }
}

fn aggregate(events: &[Event], met: &[Meeting], directed: bool) -> Vec<PeerEdge> {
    let mut rows: Vec<Row> = met.iter().map(|meeting| row(events, meeting)).collect();
    rows.sort_unstable();
    rows.chunk_by(|left, right| (left.a, left.b) == (right.a, right.b))
        .filter_map(|pair| pair.first().map(|first| edge(first, pair, directed)))
        .collect()
}

fn edge(first: &Row, pair: &[Row], directed: bool) -> PeerEdge {
    let distinct = |of: fn(&Row) -> u32| {
        let mut all: Vec<u32> = pair.iter().map(of).collect();
        all.sort_unstable();
        all.dedup();
        number(all.len())
    };
    let objects = distinct(|row| row.object);
    let (forth, back, weight) = if directed {
        let forth = distinct(|row| row.post_a);
        let back = distinct(|row| row.post_b);
        (forth, back, forth.max(back))
    } else {
        let rows = number(pair.len());
        let forth = number(pair.iter().filter(|row| row.a_first).count());
        (forth, rows - forth, rows)
    };
    PeerEdge { a: first.a, b: first.b, weight, forth, back, objects }
}
