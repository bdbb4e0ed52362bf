//! The same while shares arrive: who meets is counted at once, what is an edge is decided by the same code as for a file.
//!
//! A live count sees a pair when it meets for the second time: the first time leaves two marks in a field of bits, so that
//! the many pairs that meet once cost two bits and no entry. Live counts only raise a hand ([`Alert`], level E1): marks may
//! collide, late shares are not counted again. The edges come from [`Stream::records`], which are those of a file with the
//! same shares, whatever the order they arrived in and however often the stream was stopped and resumed.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use super::analysis::Analysis;
use super::arithmetic::{at, ln_poisson_tail, mix, number, place};
use super::chance::WATCH_P;
use super::engine::analyse;
use super::events::{Builder, Event, Intake, NO_POST, Records, Share, TraceNumber};
use super::options::{Options, Refused, Trace};

/// Shares of one object that are looked at together, at most.
const RING_MAX: usize = 64;

/// Live activity halves in this time.
const HALF_LIFE_SECONDS: f64 = 7.0 * 86_400.0;

/// What a snapshot begins with: the name and the version of its form.
const SNAPSHOT_HEAD: &[u8; 8] = b"NRSHCO1\n";

/// Two accounts that met often enough to be looked at: a hint for analysts, not an edge.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// One account.
    pub account_a: String,
    /// The other.
    pub account_b: String,
    /// Distinct objects they shared together, of every two posts one; one too many where marks collided.
    pub objects: u32,
    /// How many were expected by the activity of both, which halves every seven days.
    pub expected: f64,
    /// The chance of as many.
    pub p: f64,
}

/// How a stream is sized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Bits for marks, for each of two epochs: at least sixteen for each pair expected in an epoch.
    pub mark_bits: usize,
    /// How long an epoch is; a mark is forgotten after one to two of them.
    pub epoch_seconds: u32,
}

impl Default for Size {
    /// 2 × 32 MiB: sixteen million pairs a week.
    fn default() -> Self {
        Self { mark_bits: 1 << 28, epoch_seconds: 7 * 86_400 }
    }
}

/// Why a snapshot cannot be resumed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotResumed {
    /// These bytes are no snapshot of this version, or a part is missing or changed.
    #[error("the snapshot is not complete or not of this version")]
    Damaged,
    /// The snapshot was taken of a trace with another rule.
    #[error("the snapshot is of another trace")]
    OtherTrace,
}

/// Numbers are mixed, not hashed: they are the stream's own and nobody chooses them.
#[derive(Debug, Clone, Copy, Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = mix(self.0 ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = mix(value);
    }
}

type ByNumber = BuildHasherDefault<Mixed>;

/// Marks of pairs that met once: two bits in one word, for the present epoch and beside it for the one before. A pair
/// looks at one place of memory.
#[derive(Debug, Clone)]
struct Marks {
    words: Vec<[u64; 2]>,
    epoch: u32,
}

impl Marks {
    fn new(bits: usize) -> Self {
        let words = (bits.clamp(1 << 10, 1 << 36) / 64).next_power_of_two();
        Self { words: vec![[0; 2]; words], epoch: 0 }
    }

    /// Forgets the epoch before the last.
    fn turn(&mut self, epoch: u32) {
        if epoch <= self.epoch {
            return;
        }
        let (first, next) = (self.epoch == 0, epoch == self.epoch.saturating_add(1));
        self.epoch = epoch;
        if first {
            return;
        }
        self.words.iter_mut().for_each(|[present, before]| {
            *before = if next { *present } else { 0 };
            *present = 0;
        });
    }

    /// Marks a pair; `true` if it was marked before.
    fn mark(&mut self, pair: u64) -> bool {
        let spread = mix(pair);
        let bits = (1_u64 << (spread & 63)) | (1 << ((spread >> 6) & 63));
        let word = usize::try_from(spread >> 16).unwrap_or(0) & self.words.len().wrapping_sub(1);
        let Some([present, before]) = self.words.get_mut(word) else { return false };
        let seen = *present & bits == bits || *before & bits == bits;
        *present |= bits;
        seen
    }
}

/// A count that halves with time.
#[derive(Debug, Clone, Copy, Default)]
struct Fading {
    value: f64,
    time: u32,
}

impl Fading {
    fn now(self, time: u32) -> f64 {
        self.value * (-f64::from(time.saturating_sub(self.time)) / HALF_LIFE_SECONDS).exp2()
    }

    fn add(&mut self, time: u32) {
        self.value = self.now(time) + 1.0;
        self.time = self.time.max(time);
    }
}

/// Everything that can be built again from the log.
#[derive(Debug, Clone)]
struct Live {
    /// Time, account and post of the last shares of each object.
    rings: Vec<Vec<(u32, u32, u32)>>,
    /// The account and post of the last share, and the posts that this one met: what a post carries comes in one piece, and two
    /// posts meet once.
    last: (u32, u32),
    met: HashSet<u64, ByNumber>,
    seen: HashSet<u64, ByNumber>,
    marks: Marks,
    pairs: HashMap<u64, u32, ByNumber>,
    activity: Vec<Fading>,
    shares: Fading,
    meetings: Fading,
}

/// One trace, live.
///
/// ```
/// use noroshi_insight::coordination::{Share, Trace, TraceKind, stream::{Size, Stream}};
/// let trace = Trace::of(TraceKind::Url).window(60);
/// let mut stream = Stream::new(trace.clone(), Size { mark_bits: 1 << 16, ..Size::default() });
/// for (object, second) in [("a", 0), ("b", 900), ("c", 1_800)] {
///     for (account, late) in [("x", 0), ("y", 7)] {
///         stream.share(&Share { object, account, post: "", time_seconds: 1_700_000_000 + second + late });
///     }
/// }
/// let again = Stream::resume(&stream.snapshot(), trace, Size { mark_bits: 1 << 16, ..Size::default() })?;
/// assert_eq!((stream.live_pairs(), again.live_pairs()), (vec![("x".into(), "y".into(), 3)], stream.live_pairs()));
/// # Ok::<(), noroshi_insight::coordination::stream::NotResumed>(())
/// ```
#[derive(Debug, Clone)]
pub struct Stream {
    trace: Trace,
    size: Size,
    window_seconds: u32,
    objects_min: u32,
    builder: Builder,
    number: TraceNumber,
    live: Live,
}

impl Stream {
    /// An empty stream.
    pub fn new(trace: Trace, size: Size) -> Self {
        let mut builder = Builder::default();
        let window_seconds = trace.windows_seconds.iter().copied().max().unwrap_or(0);
        let objects_min = trace.objects_min.max(2);
        let number = builder.trace(trace.clone());
        Self { trace, size, window_seconds, objects_min, builder, number, live: Live::new(size) }
    }

    /// Takes a share; what it raises a hand for, nearly always nothing. At most [`RING_MAX`] pairs are touched.
    pub fn share(&mut self, share: &Share<'_>) -> Vec<Alert> {
        if !self.builder.share(self.number, share) {
            return Vec::new();
        }
        let Some(&event) = self.builder.raw_events(self.number).last() else { return Vec::new() };
        let raised = self.live.take(event, self.window_seconds, self.objects_min, self.size);
        let [accounts, ..] = self.builder.texts(self.number);
        let alert = |(a, b, objects, expected, ln_p): (u32, u32, u32, f64, f64)| {
            let (a, b) = (accounts.text(a), accounts.text(b));
            Alert {
                account_a: a.min(b).to_owned(),
                account_b: a.max(b).to_owned(),
                objects,
                expected,
                p: ln_p.exp(),
            }
        };
        raised.into_iter().map(alert).collect()
    }

    /// What came in so far.
    pub fn intake(&self) -> &Intake {
        self.builder.intake()
    }

    /// Pairs that met twice or more by the live count, by their names: accounts and distinct objects.
    pub fn live_pairs(&self) -> Vec<(String, String, u32)> {
        let mut pairs: Vec<(u64, u32)> =
            self.live.pairs.iter().map(|(pair, count)| (*pair, *count)).collect();
        pairs.sort_unstable();
        let [accounts, ..] = self.builder.texts(self.number);
        let mut named: Vec<(String, String, u32)> = pairs
            .into_iter()
            .map(|(pair, objects)| {
                let (a, b) = split(pair);
                let (a, b) = (accounts.text(a), accounts.text(b));
                (a.min(b).to_owned(), a.max(b).to_owned(), objects)
            })
            .collect();
        named.sort_unstable();
        named
    }

    /// The shares so far as records, those of a file with the same shares.
    pub fn records(&self) -> Records {
        self.builder.clone().finish()
    }

    /// Edges and groups of the shares so far; to be asked every quarter of an hour or so, not for every share.
    ///
    /// # Errors
    /// As [`analyse`].
    pub fn analyse(&self, options: &Options) -> Result<Analysis, Refused> {
        analyse(&self.records(), options)
    }

    /// Forgets every share before a time, as a rule of retention asks, and counts what is left anew.
    pub fn forget_before(&mut self, time_seconds: u32) {
        let keep: Vec<Event> = self
            .builder
            .raw_events(self.number)
            .iter()
            .copied()
            .filter(|event| event.time >= time_seconds)
            .collect();
        let mut builder = Builder::default();
        let number = builder.trace(self.trace.clone());
        for event in keep {
            let [accounts, posts, objects] = self.builder.texts(self.number);
            let (object, account) = (objects.text(event.object), accounts.text(event.account));
            let post = posts.text(event.post);
            builder
                .share(number, &Share { object, account, post, time_seconds: event.time.into() });
        }
        self.builder = builder;
        self.replay();
    }

    fn replay(&mut self) {
        self.live = Live::new(self.size);
        for &event in self.builder.raw_events(self.number) {
            self.live.take(event, self.window_seconds, self.objects_min, self.size);
        }
    }

    /// Everything in bytes. Texts of shares are in them: they are as sensitive as the shares.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut bytes = SNAPSHOT_HEAD.to_vec();
        bytes.extend(rule(&self.trace).to_le_bytes());
        encode(&self.builder, self.number, &mut bytes);
        bytes.extend(check(&bytes).to_le_bytes());
        bytes
    }

    /// A stream that goes on where the snapshot was taken. What is live is counted again from the shares, about a second
    /// for a million.
    ///
    /// # Errors
    /// [`NotResumed`].
    pub fn resume(bytes: &[u8], trace: Trace, size: Size) -> Result<Self, NotResumed> {
        let (body, mark) = bytes.split_last_chunk::<8>().ok_or(NotResumed::Damaged)?;
        if u64::from_le_bytes(*mark) != check(body) {
            return Err(NotResumed::Damaged);
        }
        let body = body.strip_prefix(SNAPSHOT_HEAD).ok_or(NotResumed::Damaged)?;
        let (of, body) = body.split_first_chunk::<8>().ok_or(NotResumed::Damaged)?;
        if u64::from_le_bytes(*of) != rule(&trace) {
            return Err(NotResumed::OtherTrace);
        }
        let mut stream = Self::new(trace, size);
        decode(&mut stream.builder, stream.number, body).ok_or(NotResumed::Damaged)?;
        stream.replay();
        Ok(stream)
    }
}

fn rule(trace: &Trace) -> u64 {
    check(serde_json::to_string(trace).unwrap_or_default().as_bytes())
}

/// Tells damage, not malice.
fn check(bytes: &[u8]) -> u64 {
    let mut mark = mix(bytes.len() as u64);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word.iter_mut().zip(chunk).for_each(|(slot, byte)| *slot = *byte);
        mark = mix(mark ^ u64::from_le_bytes(word));
    }
    mark
}

#[expect(clippy::cast_possible_truncation, reason = "both halves are wanted")]
fn split(pair: u64) -> (u32, u32) {
    ((pair >> 32) as u32, pair as u32)
}

impl Live {
    fn new(size: Size) -> Self {
        let nothing = Fading::default();
        Self {
            rings: Vec::new(),
            last: (u32::MAX, NO_POST),
            met: HashSet::default(),
            seen: HashSet::default(),
            marks: Marks::new(size.mark_bits),
            pairs: HashMap::default(),
            activity: Vec::new(),
            shares: nothing,
            meetings: nothing,
        }
    }

    /// Counts a share; the pairs that reached the fewest objects with it and are unlikely.
    fn take(
        &mut self,
        event: Event,
        window_seconds: u32,
        objects_min: u32,
        size: Size,
    ) -> Vec<(u32, u32, u32, f64, f64)> {
        let mut raised = Vec::new();
        if !self.seen.insert((u64::from(event.object) << 32) | u64::from(event.account)) {
            return raised;
        }
        self.marks.turn(event.time / size.epoch_seconds.max(1));
        self.be_active(event);
        let mut ring = self.ring(event.object);
        ring.retain(|(time, ..)| event.time.saturating_sub(*time) <= window_seconds);
        for &(time, other, post) in &ring {
            if time.abs_diff(event.time) > window_seconds {
                continue;
            }
            self.meetings.add(event.time);
            if self.met_already(event, post) {
                continue;
            }
            let (a, b) = (other.min(event.account), other.max(event.account));
            let objects = self.meet((u64::from(a) << 32) | u64::from(b));
            if objects == objects_min {
                let (expected, ln_p) = self.chance(a, b, objects, event.time);
                if ln_p < WATCH_P.ln() {
                    raised.push((a, b, objects, expected, ln_p));
                }
            }
        }
        if ring.len() >= RING_MAX {
            ring.remove(0);
        }
        ring.push((event.time, event.account, event.post));
        if let Some(slot) = self.rings.get_mut(place(event.object)) {
            *slot = ring;
        }
        raised
    }

    /// Whether a post met another on an object before; a share without a post meets each time.
    fn met_already(&mut self, event: Event, post: u32) -> bool {
        if self.last != (event.account, event.post) {
            self.last = (event.account, event.post);
            self.met.clear();
        }
        event.post != NO_POST && post != NO_POST && !self.met.insert(u64::from(post))
    }

    /// Takes an object's ring out, to be put back.
    fn ring(&mut self, object: u32) -> Vec<(u32, u32, u32)> {
        if self.rings.len() <= place(object) {
            self.rings.resize(place(object) + 1, Vec::new());
        }
        self.rings.get_mut(place(object)).map(std::mem::take).unwrap_or_default()
    }

    fn be_active(&mut self, event: Event) {
        if self.activity.len() <= place(event.account) {
            self.activity.resize(place(event.account) + 1, Fading::default());
        }
        if let Some(activity) = self.activity.get_mut(place(event.account)) {
            activity.add(event.time);
        }
        self.shares.add(event.time);
    }

    /// How often a pair has met, as far as is known: once if it left no mark before.
    fn meet(&mut self, pair: u64) -> u32 {
        if let Some(objects) = self.pairs.get_mut(&pair) {
            *objects += 1;
            return *objects;
        }
        if !self.marks.mark(pair) {
            return 1;
        }
        self.pairs.insert(pair, 2);
        2
    }

    /// The activity model in one slice, over fading counts.
    fn chance(&self, a: u32, b: u32, objects: u32, time: u32) -> (f64, f64) {
        let active = |account: u32| at(&self.activity, place(account)).now(time);
        let shares = self.shares.now(time).max(1.0);
        let rate = 2.0 * (self.meetings.now(time) + 1.0) / (shares * shares);
        let expected = rate * active(a) * active(b);
        (expected, ln_poisson_tail(expected, objects))
    }
}

/// Intake, texts and events of a trace.
fn encode(builder: &Builder, trace: TraceNumber, bytes: &mut Vec<u8>) {
    for count in builder.intake().counts() {
        bytes.extend(count.to_le_bytes());
    }
    for texts in builder.texts(trace) {
        bytes.extend(texts.count().to_le_bytes());
        for text in (0..texts.count()).map(|one| texts.text(one)) {
            bytes.extend(number(text.len()).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
    }
    for event in builder.raw_events(trace) {
        for part in [event.object, event.time, event.account, event.post] {
            bytes.extend(part.to_le_bytes());
        }
    }
}

/// The way back; nothing where the bytes end too early or hold what cannot be.
fn decode(builder: &mut Builder, trace: TraceNumber, mut bytes: &[u8]) -> Option<()> {
    for count in builder.refusals() {
        *count = u64::from_le_bytes(take(&mut bytes)?);
    }
    let mut counts = [0_u32; 3];
    for (kind, slot) in counts.iter_mut().enumerate() {
        *slot = u32::from_le_bytes(take(&mut bytes)?);
        for _ in 0..*slot {
            let length = u32::from_le_bytes(take(&mut bytes)?);
            let (text, rest) = bytes.split_at_checked(place(length))?;
            bytes = rest;
            builder.name(trace, kind, core::str::from_utf8(text).ok()?);
        }
    }
    let [accounts, posts, objects] = counts;
    while !bytes.is_empty() {
        let mut parts = [0_u32; 4];
        for part in &mut parts {
            *part = u32::from_le_bytes(take(&mut bytes)?);
        }
        let [object, time, account, post] = parts;
        if object >= objects || account >= accounts || (post >= posts && post != NO_POST) {
            return None;
        }
        builder.put_back(trace, Event { object, time, account, post });
    }
    Some(())
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordination::generate::{self, Family, Plant};
    use crate::coordination::options::{FirstShare, TraceKind};
    use proptest::prelude::*;

    const SIZE: Size = Size { mark_bits: 1 << 20, epoch_seconds: 60 * 86_400 };

    fn trace() -> Trace {
        Trace::of(TraceKind::Other).window(60)
    }

    type Row = (u32, u32, u32, i64);

    fn told((object, account, post, time_seconds): Row, take: impl FnOnce(&Share<'_>)) {
        let (object, account, post) =
            (format!("o{object}"), format!("a{account}"), format!("p{post}"));
        take(&Share { object: &object, account: &account, post: &post, time_seconds });
    }

    fn file(rows: &[Row], trace: Trace) -> Records {
        let mut builder = Builder::default();
        let number = builder.trace(trace);
        for &row in rows {
            told(row, |share| {
                builder.share(number, share);
            });
        }
        builder.finish()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn a_stream_finds_what_a_file_finds_however_it_arrives_and_is_stopped(
            rows in proptest::collection::vec((0_u32..12, 0_u32..9, 0_u32..40, 0_i64..4_000), 0..400),
            seed in any::<u64>(),
            stops in proptest::collection::vec(0_usize..400, 0..4),
            daily in any::<bool>(),
        ) {
            let trace = Trace {
                windows_seconds: vec![10, 60],
                objects_min: 2,
                first_share: if daily { FirstShare::Daily } else { FirstShare::Once },
                ..trace()
            };
            let options = Options { false_discovery_max: 0.5, seed, ..Options::default() };
            let expected = analyse(&file(&rows, trace.clone()), &options).unwrap();
            let mut arrived = rows.clone();
            super::super::arithmetic::Draws::new(seed).shuffle(&mut arrived);
            let mut stream = Stream::new(trace.clone(), SIZE);
            for (index, row) in arrived.into_iter().enumerate() {
                if stops.contains(&index) {
                    stream = Stream::resume(&stream.snapshot(), trace.clone(), SIZE).unwrap();
                }
                told(row, |share| {
                    stream.share(share);
                });
            }
            prop_assert_eq!(stream.analyse(&options).unwrap(), expected);
        }
    }

    fn planted() -> Vec<Row> {
        let mut events = generate::background(Family::Dense, 3);
        events.truncate(8_000);
        Plant::SETTINGS[4].into(&mut events, 3);
        events.sort_by_key(|event| event.time);
        events
            .iter()
            .map(|event| (event.object, event.account, event.post, event.time.into()))
            .collect()
    }

    #[test]
    fn live_counts_of_shares_in_their_order_are_those_of_the_file() {
        let rows = planted();
        let mut stream = Stream::new(trace(), SIZE);
        let mut alerts = Vec::new();
        for &row in &rows {
            told(row, |share| alerts.extend(stream.share(share)));
        }
        let records = file(&rows, trace());
        let options = Options { null_model: false, weight_min: 2, ..Options::default() };
        let answer = analyse(&records, &options).unwrap();
        let name = |account: u32| records.accounts().name(account).into_owned();
        let expected: Vec<(String, String, u32)> =
            answer.edges.iter().map(|edge| (name(edge.a), name(edge.b), edge.weight)).collect();
        assert!(expected.len() > 100);
        assert_eq!(stream.live_pairs(), expected);
        assert!(alerts.iter().all(|alert| alert.p < WATCH_P && alert.objects == 3));
        assert!(alerts.len() > 50, "{}", alerts.len());
    }

    #[test]
    fn what_is_forgotten_is_gone_from_everything() {
        let rows = planted();
        let middle = rows[rows.len() / 2].3;
        let mut stream = Stream::new(trace(), SIZE);
        let mut rest = Stream::new(trace(), SIZE);
        for &row in &rows {
            told(row, |share| {
                stream.share(share);
                if row.3 >= middle {
                    rest.share(share);
                }
            });
        }
        stream.forget_before(u32::try_from(middle).unwrap());
        assert_eq!(stream.live_pairs(), rest.live_pairs());
        assert_eq!(stream.snapshot(), rest.snapshot());
    }

    #[test]
    fn a_damaged_snapshot_is_refused_whatever_is_wrong_with_it() {
        let mut stream = Stream::new(trace(), SIZE);
        for row in [(1, 1, 1, 5), (1, 2, 2, 9)] {
            told(row, |share| {
                stream.share(share);
            });
        }
        let good = stream.snapshot();
        assert!(Stream::resume(&good, trace(), SIZE).is_ok());
        let other = Stream::resume(&good, trace().window(61), SIZE).unwrap_err();
        assert_eq!(other, NotResumed::OtherTrace);
        for index in 0..good.len() {
            let mut bad = good.clone();
            bad[index] ^= 0x40;
            assert!(Stream::resume(&bad, trace(), SIZE).is_err(), "byte {index}");
            assert!(Stream::resume(&good[..index], trace(), SIZE).is_err());
        }
    }
}
