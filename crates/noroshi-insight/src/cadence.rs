//! When accounts post: what is regular, what began or woke together, and how an account differs from the others here.
//!
//! Everything is a description. A measure of an account stands beside the share of the collection's own accounts that are
//! less regular in it; there is no figure that adds measures up, and nothing says what somebody is. Scheduling tools, news
//! tickers and shift work look regular too.
//!
//! ```
//! use noroshi_insight::cadence::{Activity, Measure, cadence};
//! let act = |at: i64| Activity { account: "a", time_ms: at * 600_000, client: None, source_ms: None };
//! let posts: Vec<_> = (0..50).map(act).collect();
//! let habits = cadence(&posts);
//! let even = habits.accounts[0].find(Measure::Burstiness).unwrap();
//! assert_eq!(even.value, -1.0, "as even as a clock");
//! ```

use std::collections::BTreeMap;

/// Accounts with fewer posts are counted and not described: their figures are chance.
pub const POSTS_MIN: usize = 50;
/// A measure stands out if more than so many thousandths of the accounts are less regular in it. With fewer than 200
/// accounts nothing can stand out.
pub const OUTSTANDING_PERMILLE: usize = 995;
/// The periods in which a rhythm is looked for, in seconds.
pub const PERIODS_S: [i64; 6] = [300, 600, 900, 1_800, 3_600, 86_400];

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// A post, as far as its time goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity<'a> {
    /// Who posted.
    pub account: &'a str,
    /// When, in milliseconds since 1970 in UTC.
    pub time_ms: i64,
    /// With which program, where the platform says so.
    pub client: Option<&'a str>,
    /// When that was posted to which this is a reaction.
    pub source_ms: Option<i64>,
}

/// What is measured of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// (σ−µ)/(σ+µ) of the gaps between posts (Goh and Barabási 2008): −1 for a clock, 0 for chance, 1 for bursts.
    Burstiness,
    /// Correlation of each gap with the next one, from −1 to 1.
    Memory,
    /// Entropy in bits of the gaps' orders of magnitude (powers of two in seconds).
    GapEntropy,
    /// χ² of the second within the minute, per degree of freedom. Left out where times have only minutes.
    Second,
    /// χ² of the minute within the hour, per degree of freedom.
    Minute,
    /// The longest part of the day, in hours, in which the account never posts.
    Quiet,
    /// The greatest mean resultant length (Rayleigh) over [`PERIODS_S`], from 0 to 1.
    Rhythm,
    /// Share of the posts made with the program used most.
    Client,
    /// The 5th percentile of the seconds between a source and the reaction to it.
    Reaction,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Burstiness,
        Self::Memory,
        Self::GapEntropy,
        Self::Second,
        Self::Minute,
        Self::Quiet,
        Self::Rhythm,
        Self::Client,
        Self::Reaction,
    ];

    /// The word that stands in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Burstiness => "burstiness",
            Self::Memory => "memory",
            Self::GapEntropy => "gap-entropy",
            Self::Second => "second-of-minute",
            Self::Minute => "minute-of-hour",
            Self::Quiet => "quiet-hours",
            Self::Rhythm => "rhythm",
            Self::Client => "client-share",
            Self::Reaction => "reaction-seconds",
        }
    }

    /// Whether smaller values are the more regular ones.
    const fn falls(self) -> bool {
        matches!(self, Self::Burstiness | Self::GapEntropy | Self::Quiet | Self::Reaction)
    }
}

/// A measure of an account beside those of the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Feature {
    /// What is measured.
    pub measure: Measure,
    /// Its value, in the unit of the measure.
    pub value: f64,
    /// How many described accounts are less regular in it.
    pub less_regular: usize,
    /// Among how many accounts.
    pub among: usize,
}

impl Feature {
    /// Whether more than [`OUTSTANDING_PERMILLE`] of the accounts are less regular.
    pub const fn stands_out(&self) -> bool {
        self.less_regular * 1_000 >= self.among * OUTSTANDING_PERMILLE
    }
}

/// How an account's day lies against the day of the whole collection. No statement about a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Turning the account's day by so many hours makes it most like the collection's.
    pub hours: u8,
    /// All turns that are nearly as likely (within two units of log-likelihood), in order; many of them say that nothing
    /// can be said.
    pub possible: Vec<u8>,
}

/// When an account posts.
#[derive(Debug, Clone, PartialEq)]
pub struct Habit {
    /// The account.
    pub account: String,
    /// How many posts are described.
    pub posts: usize,
    /// The measures that could be taken.
    pub features: Vec<Feature>,
    /// Posts in each hour of the day in UTC.
    pub hours: [u32; 24],
    /// The first hour of the nine in which most posts fall, and how many do.
    pub working: (u8, u32),
    /// Posts on Saturdays and Sundays in UTC.
    pub weekend: u32,
    /// How its day lies against the collection's.
    pub shift: Shift,
}

impl Habit {
    /// A measure, if it could be taken.
    pub fn find(&self, measure: Measure) -> Option<&Feature> {
        self.features.iter().find(|feature| feature.measure == measure)
    }

    /// The measures that stand out. Two of them are what the evidence levels count as the indicator of cadence; they are
    /// shown by name and are never an answer to the question who somebody is.
    pub fn outstanding(&self) -> Vec<Measure> {
        let out = self.features.iter().filter(|feature| feature.stands_out());
        out.map(|feature| feature.measure).collect()
    }
}

/// The habits of a collection.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Habits {
    /// The described accounts by name.
    pub accounts: Vec<Habit>,
    /// Accounts with too few posts.
    pub too_few: usize,
}

/// Describes when the accounts of a collection post. The order of `posts` does not matter.
pub fn cadence(posts: &[Activity<'_>]) -> Habits {
    let mut by_account: BTreeMap<&str, Vec<Activity<'_>>> = BTreeMap::new();
    for post in posts {
        by_account.entry(post.account).or_default().push(*post);
    }
    let all = by_account.len();
    by_account.retain(|_, posts| posts.len() >= POSTS_MIN);
    let mut day = [0_u32; 24];
    for post in by_account.values().flatten() {
        count(&mut day, hour(post.time_ms));
    }
    let mut accounts: Vec<Habit> = by_account
        .into_iter()
        .map(|(account, mut posts)| {
            posts.sort_by_key(|post| (post.time_ms, post.client, post.source_ms));
            habit(account, &posts, &day)
        })
        .collect();
    for measure in Measure::ALL {
        compare(&mut accounts, measure);
    }
    let too_few = all - accounts.len();
    Habits { accounts, too_few }
}

fn habit(account: &str, posts: &[Activity<'_>], day: &[u32; 24]) -> Habit {
    let mut hours = [0; 24];
    let mut weekend = 0;
    for post in posts {
        count(&mut hours, hour(post.time_ms));
        // 1 January 1970 was a Thursday.
        weekend += u32::from(matches!(post.time_ms.div_euclid(DAY_MS).rem_euclid(7), 2 | 3));
    }
    let features = Measure::ALL
        .into_iter()
        .filter_map(|measure| {
            let value = value(measure, posts).filter(|value| value.is_finite())?;
            Some(Feature { measure, value, less_regular: 0, among: 0 })
        })
        .collect();
    Habit {
        account: account.to_owned(),
        posts: posts.len(),
        features,
        hours,
        working: working(&hours),
        weekend,
        shift: shift(&hours, day),
    }
}

/// Puts each account's value beside those of all.
fn compare(accounts: &mut [Habit], measure: Measure) {
    let mut all: Vec<f64> =
        accounts.iter().filter_map(|one| one.find(measure)).map(|one| one.value).collect();
    all.sort_by(f64::total_cmp);
    for habit in accounts {
        let Some(one) = habit.features.iter_mut().find(|one| one.measure == measure) else {
            continue;
        };
        one.among = all.len();
        one.less_regular = if measure.falls() {
            all.len() - all.partition_point(|other| *other <= one.value)
        } else {
            all.partition_point(|other| *other < one.value)
        };
    }
}

fn value(measure: Measure, posts: &[Activity<'_>]) -> Option<f64> {
    let times: Vec<i64> = posts.iter().map(|post| post.time_ms).collect();
    let gaps: Vec<f64> =
        times.iter().zip(times.iter().skip(1)).map(|(one, next)| seconds(next - one)).collect();
    match measure {
        Measure::Burstiness => {
            let (mean, deviation) = moments(&gaps)?;
            Some((deviation - mean) / (deviation + mean))
        }
        Measure::Memory => correlation(&gaps),
        Measure::GapEntropy => Some(entropy(&gaps)),
        Measure::Second => {
            let whole = times.iter().filter(|time| **time % MINUTE_MS == 0).count();
            (whole * 20 < times.len() * 19).then(|| chi_square(&times, SECOND_MS))
        }
        Measure::Minute => Some(chi_square(&times, MINUTE_MS)),
        Measure::Quiet => quiet(&times),
        Measure::Rhythm => {
            PERIODS_S.into_iter().map(|period| resultant(&times, period)).reduce(f64::max)
        }
        Measure::Client => {
            let mut used: BTreeMap<&str, u32> = BTreeMap::new();
            for client in posts.iter().filter_map(|post| post.client) {
                *used.entry(client).or_default() += 1;
            }
            let all: u32 = used.values().sum();
            used.values().max().map(|most| f64::from(*most) / f64::from(all))
        }
        Measure::Reaction => {
            let mut waits: Vec<i64> = posts
                .iter()
                .filter_map(|post| Some(post.time_ms - post.source_ms?))
                .filter(|wait| *wait >= 0)
                .collect();
            waits.sort_unstable();
            if waits.len() < 20 { None } else { waits.get(waits.len() / 20).map(|ms| seconds(*ms)) }
        }
    }
}

fn hour(time_ms: i64) -> usize {
    usize::try_from(time_ms.rem_euclid(DAY_MS) / HOUR_MS).unwrap_or_default()
}

fn count(bins: &mut [u32], place: usize) {
    if let Some(bin) = bins.get_mut(place) {
        *bin = bin.saturating_add(1);
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of any date are far below 2^53")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "numbers of posts are far below 2^53")]
fn real(count: usize) -> f64 {
    count as f64
}

fn moments(values: &[f64]) -> Option<(f64, f64)> {
    let mean = values.iter().sum::<f64>() / real(values.len());
    let variance = values.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / real(values.len());
    mean.is_finite().then_some((mean, variance.sqrt()))
}

/// Pearson's correlation of each value with the next.
fn correlation(values: &[f64]) -> Option<f64> {
    let next = values.get(1..)?;
    let now = values.get(..next.len())?;
    let ((now_mean, now_deviation), (next_mean, next_deviation)) = (moments(now)?, moments(next)?);
    let both = now.iter().zip(next).map(|(a, b)| (a - now_mean) * (b - next_mean)).sum::<f64>();
    // A clock has no deviation and therefore no memory.
    Some(both / real(next.len()) / (now_deviation * next_deviation))
}

fn entropy(gaps: &[f64]) -> f64 {
    let mut orders = [0_u32; 64];
    for gap in gaps {
        let order = (1..63_u8).find(|power| *gap < 2_f64.powi(i32::from(*power))).unwrap_or(63);
        count(&mut orders, usize::from(order.min(63)));
    }
    let all = real(gaps.len());
    let part = |n: &u32| f64::from(*n) / all;
    -orders.iter().filter(|n| **n > 0).map(|n| part(n) * part(n).log2()).sum::<f64>()
}

/// χ² of sixty equal bins of a unit, per degree of freedom: about 1 by chance.
fn chi_square(times: &[i64], unit_ms: i64) -> f64 {
    let mut bins = [0_u32; 60];
    for time in times {
        count(&mut bins, usize::try_from((time.div_euclid(unit_ms)).rem_euclid(60)).unwrap_or(0));
    }
    let expected = real(times.len()) / 60.0;
    bins.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum::<f64>() / 59.0
}

/// The longest gap on the circle of the day.
fn quiet(times: &[i64]) -> Option<f64> {
    let mut day: Vec<i64> = times.iter().map(|time| time.rem_euclid(DAY_MS)).collect();
    day.sort_unstable();
    let over_midnight = day.first()? + DAY_MS - day.last()?;
    let gaps = day.iter().zip(day.iter().skip(1)).map(|(one, next)| next - one);
    Some(seconds(gaps.max().unwrap_or(0).max(over_midnight)) / 3_600.0)
}

/// Length of the mean direction on the circle of a period.
fn resultant(times: &[i64], period_s: i64) -> f64 {
    let turn = |time: &i64| {
        let part = seconds(time.rem_euclid(period_s * SECOND_MS)) / seconds(period_s * SECOND_MS);
        part * core::f64::consts::TAU
    };
    let (sines, cosines) = times
        .iter()
        .map(turn)
        .fold((0.0, 0.0), |(sines, cosines), angle| (sines + angle.sin(), cosines + angle.cos()));
    sines.hypot(cosines) / real(times.len())
}

/// The nine hours in a row with most posts; of equals the earliest.
fn working(hours: &[u32; 24]) -> (u8, u32) {
    let within = |start: u8| -> u32 { hours.iter().cycle().skip(usize::from(start)).take(9).sum() };
    (0..24)
        .map(|start| (start, within(start)))
        .fold((0, 0), |best, next| if next.1 > best.1 { next } else { best })
}

/// The turn under which the hours are most likely, if the account were like the collection.
fn shift(hours: &[u32; 24], day: &[u32; 24]) -> Shift {
    let all: u32 = day.iter().sum();
    let likely = |turn: u8| -> f64 {
        let turned = day.iter().cycle().skip(usize::from(turn));
        // One post a bin is added, so that an hour in which nobody posts is not impossible.
        hours
            .iter()
            .zip(turned)
            .map(|(n, of)| f64::from(*n) * (f64::from(of + 1) / f64::from(all + 24)).ln())
            .sum()
    };
    let turns: Vec<(u8, f64)> = (0..24).map(|turn| (turn, likely(turn))).collect();
    let best = turns
        .iter()
        .fold((0, f64::NEG_INFINITY), |best, next| if next.1 > best.1 { *next } else { best });
    let near = turns.iter().filter(|(_, likely)| best.1 - likely <= 2.0);
    Shift { hours: best.0, possible: near.map(|(turn, _)| *turn).collect() }
}

/// The length of the bins in which the activity of accounts is compared.
const BIN_MS: i64 = 1_800_000;
/// Two accounts are alike in cadence from here on (Pacheco and others 2021, synchronised actions).
pub const ALIKE_MIN: f64 = 0.9;

/// When each of some accounts was active, so that two of them can be compared.
///
/// Bins of half an hour over the whole time are weighed by how few accounts are active in them (TF-IDF), and compared by the
/// cosine. A companion of other traces and never one by itself: whoever reads the same news is awake at the same hours.
///
/// ```
/// use noroshi_insight::cadence::{Activity, Rhythms};
/// let at = |account, minute: i64| Activity { account, time_ms: minute * 60_000, client: None, source_ms: None };
/// let posts = [at("a", 5), at("b", 20), at("a", 700), at("b", 710), at("c", 300)];
/// let rhythms = Rhythms::of(posts.iter().copied());
/// assert!(rhythms.alike("a", "b").unwrap() > 0.99 && rhythms.alike("a", "c").unwrap() == 0.0);
/// assert_eq!(rhythms.alike("a", "nobody"), None);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Rhythms {
    accounts: BTreeMap<String, BTreeMap<i64, f64>>,
}

impl Rhythms {
    /// Takes all posts of a collection, so that what is rare is rare in it.
    pub fn of<'a>(posts: impl Iterator<Item = Activity<'a>>) -> Self {
        let mut accounts: BTreeMap<String, BTreeMap<i64, f64>> = BTreeMap::new();
        for post in posts {
            let bin = post.time_ms.div_euclid(BIN_MS);
            if let Some(bins) = accounts.get_mut(post.account) {
                *bins.entry(bin).or_default() += 1.0;
            } else {
                accounts.insert(post.account.to_owned(), BTreeMap::from([(bin, 1.0)]));
            }
        }
        let mut active: BTreeMap<i64, usize> = BTreeMap::new();
        for bin in accounts.values().flat_map(BTreeMap::keys) {
            *active.entry(*bin).or_default() += 1;
        }
        let all = real(accounts.len() + 1);
        for bins in accounts.values_mut() {
            for (bin, count) in bins.iter_mut() {
                *count *= (all / real(active.get(bin).copied().unwrap_or(0))).ln();
            }
        }
        Self { accounts }
    }

    /// How alike two accounts are, from 0 to 1; `None` where one is not there.
    pub fn alike(&self, one: &str, other: &str) -> Option<f64> {
        let (one, other) = (self.accounts.get(one)?, self.accounts.get(other)?);
        let length = |bins: &BTreeMap<i64, f64>| bins.values().map(|x| x * x).sum::<f64>().sqrt();
        let both: f64 = one.iter().filter_map(|(bin, x)| other.get(bin).map(|y| x * y)).sum();
        Some((both / (length(one) * length(other))).min(1.0))
    }
}

/// Many events in a short time.
#[derive(Debug, Clone, PartialEq)]
pub struct Burst {
    /// The first event, in milliseconds since 1970 in UTC.
    pub from_ms: i64,
    /// The last event.
    pub to_ms: i64,
    /// The length of the window in which they were found.
    pub window_ms: i64,
    /// How many events there are.
    pub events: usize,
    /// How many were to be expected by the days before and after.
    pub expected: f64,
    /// Upper bound of the probability of so many by chance anywhere in the collection: Poisson, times all windows tried.
    pub p: f64,
}

/// The windows in which bursts are looked for: an hour, a day, a week.
pub const WINDOWS_MS: [i64; 3] = [HOUR_MS, DAY_MS, 7 * DAY_MS];
/// So far before and after a window tells what is usual.
const AROUND_MS: i64 = 180 * DAY_MS;
/// A burst is less probable than this.
pub const BURST_P_MAX: f64 = 1e-4;
/// A burst has at least so many events.
const BURST_EVENTS_MIN: usize = 5;

/// Bursts among times, as of the creation of accounts or of the return of sleepers: a Poisson scan over [`WINDOWS_MS`]
/// against the rate within half a year around. Bursts do not overlap; the least probable one is taken first.
pub fn bursts(times_ms: &[i64]) -> Vec<Burst> {
    let mut times = times_ms.to_vec();
    times.sort_unstable();
    let tried = real(times.len() * WINDOWS_MS.len());
    let mut found: Vec<Burst> = WINDOWS_MS
        .into_iter()
        .flat_map(|window| {
            let times = &times;
            times.iter().filter_map(move |from| window_at(times, *from, window, tried))
        })
        .filter(|burst| burst.p < BURST_P_MAX)
        .collect();
    found.sort_by(|one, other| {
        one.p
            .total_cmp(&other.p)
            .then(other.events.cmp(&one.events))
            .then(one.from_ms.cmp(&other.from_ms))
    });
    let mut kept: Vec<Burst> = Vec::new();
    for burst in found {
        if kept.iter().all(|one| one.to_ms < burst.from_ms || burst.to_ms < one.from_ms) {
            kept.push(burst);
        }
    }
    kept.sort_by_key(|burst| burst.from_ms);
    kept
}

fn window_at(times: &[i64], from: i64, window: i64, tried: f64) -> Option<Burst> {
    let place = |time: i64| times.partition_point(|one| *one < time);
    let (start, end) = (place(from), place(from.saturating_add(window)));
    let events = end - start;
    if events < BURST_EVENTS_MIN {
        return None;
    }
    let (early, late) = (from.saturating_sub(AROUND_MS), from.saturating_add(window + AROUND_MS));
    let around = place(late) - place(early) - events;
    let first = (*times.first()?).max(early);
    let last = (*times.last()?).min(late);
    // One event more than was seen: a rate of nought would make everything impossible.
    let room = seconds((last - first - window).max(window));
    let expected = (real(around) + 1.0) * seconds(window) / room;
    let p = (poisson_tail(expected, events) * tried).min(1.0);
    let to_ms = *times.get(end.checked_sub(1)?)?;
    Some(Burst { from_ms: from, to_ms, window_ms: window, events, expected, p })
}

/// P[Poisson(mean) ≥ count] for a count above the mean, bounded from above by its first term and a geometric rest.
fn poisson_tail(mean: f64, count: usize) -> f64 {
    let n = real(count);
    if n <= mean + 1.0 {
        return 1.0;
    }
    let factorial: f64 = (1..=count).map(|one| real(one).ln()).sum();
    let first = n * mean.ln() - mean - factorial;
    (first.exp() / (1.0 - mean / (n + 1.0))).min(1.0)
}

/// An account that was silent for long and then posted much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sleeper {
    /// The account.
    pub account: String,
    /// Its last post before, or when it was created, in milliseconds since 1970 in UTC.
    pub silent_from_ms: i64,
    /// Its first post afterwards.
    pub woke_ms: i64,
    /// Posts before the silence.
    pub posts_before: usize,
    /// Posts in the two weeks from there on.
    pub posts_after: usize,
}

/// So long an account is silent before it counts as a sleeper.
pub const SILENT_MS: i64 = 180 * DAY_MS;
/// So many posts within two weeks are a return.
pub const RETURN_POSTS_MIN: usize = 20;

/// Accounts that were silent for [`SILENT_MS`] and came back with at least [`RETURN_POSTS_MIN`] posts in two weeks, by
/// time of return and name. `created_ms` tells when accounts began, where that is known; a silence may start there.
///
/// Give the times of return to [`bursts`] to see whether many came back together.
pub fn sleepers(posts: &[Activity<'_>], created_ms: &BTreeMap<&str, i64>) -> Vec<Sleeper> {
    let mut by_account: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for post in posts {
        by_account.entry(post.account).or_default().push(post.time_ms);
    }
    let mut sleepers = Vec::new();
    for (account, mut times) in by_account {
        times.sort_unstable();
        let begun = created_ms.get(account).filter(|begun| times.first() >= Some(*begun));
        let before = begun.into_iter().chain(&times).copied();
        let first = usize::from(begun.is_some());
        let pairs = before.zip(times.iter().skip(1 - first).copied()).enumerate();
        for (place, (last, woke)) in pairs.filter(|(_, (last, woke))| woke - last >= SILENT_MS) {
            let after = times.partition_point(|time| *time < woke.saturating_add(14 * DAY_MS))
                - times.partition_point(|time| *time < woke);
            if after >= RETURN_POSTS_MIN {
                sleepers.push(Sleeper {
                    account: account.to_owned(),
                    silent_from_ms: last,
                    woke_ms: woke,
                    posts_before: place + 1 - first,
                    posts_after: after,
                });
            }
        }
    }
    sleepers.sort_by(|one, other| {
        one.woke_ms.cmp(&other.woke_ms).then_with(|| one.account.cmp(&other.account))
    });
    sleepers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(seed: u64) -> impl FnMut(i64) -> i64 {
        let mut state = seed;
        move |below| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            i64::try_from(state >> 33).unwrap() % below
        }
    }

    fn at(account: &str, time_ms: i64) -> Activity<'_> {
        Activity { account, time_ms, client: None, source_ms: None }
    }

    #[test]
    fn a_clock_among_people_stands_out_by_name_of_the_measure() {
        let mut dice = random(3);
        let names: Vec<String> = (0..240).map(|one| format!("a{one:03}")).collect();
        let mut posts = Vec::new();
        for name in &names {
            let mut time = dice(DAY_MS);
            for _ in 0..60 {
                // By day only, with gaps of all sizes.
                time += dice(40_000) * dice(40_000) / 60;
                let day = time.div_euclid(DAY_MS) * DAY_MS;
                posts.push(at(name, day + 8 * HOUR_MS + (time - day) / 2));
            }
        }
        posts.extend((0..200).map(|turn| at("clock", turn * 600_000 + 7_000)));
        let habits = cadence(&posts);
        let clock = habits.accounts.iter().find(|one| one.account == "clock").unwrap();
        let out = clock.outstanding();
        for measure in [Measure::Burstiness, Measure::GapEntropy, Measure::Second, Measure::Quiet] {
            assert!(out.contains(&measure), "{measure:?} of {out:?}");
        }
        let people = habits.accounts.iter().filter(|one| one.account != "clock");
        assert!(people.filter(|one| one.outstanding().len() > 1).count() <= 3);
    }

    #[test]
    fn among_few_accounts_nothing_stands_out() {
        let mut posts: Vec<_> = (0..60).map(|turn| at("clock", turn * 600_000)).collect();
        posts.extend((0..60).map(|turn| at("other", turn * turn * 7_919)));
        posts.extend((0..10).map(|turn| at("new", turn)));
        let habits = cadence(&posts);
        assert_eq!((habits.accounts.len(), habits.too_few), (2, 1));
        let clock = habits.accounts.iter().find(|one| one.account == "clock").unwrap();
        assert_eq!(
            clock.find(Measure::Burstiness).map(|one| (one.less_regular, one.among)),
            Some((1, 2))
        );
        assert!(habits.accounts.iter().all(|one| one.outstanding().is_empty()));
    }

    #[test]
    fn times_with_minutes_only_have_no_second() {
        let minute: Vec<_> = (0..60).map(|turn| at("a", turn * 7 * MINUTE_MS)).collect();
        assert!(cadence(&minute).accounts[0].find(Measure::Second).is_none());
        let second: Vec<_> =
            (0..60).map(|turn| at("a", turn * 7 * MINUTE_MS + turn * 997)).collect();
        assert!(cadence(&second).accounts[0].find(Measure::Second).is_some());
    }

    #[test]
    fn a_day_that_is_turned_is_told_with_its_uncertainty() {
        let mut dice = random(5);
        let mut posts = Vec::new();
        let names: Vec<String> = (0..20).map(|one| one.to_string()).collect();
        for name in &names {
            posts.extend((0..60).map(|day| at(name, day * DAY_MS + (9 + dice(6)) * HOUR_MS)));
        }
        posts.extend((0..60).map(|day| at("turned", day * DAY_MS + (2 + dice(6)) * HOUR_MS)));
        posts.extend((0..60).map(|turn| at("all day", turn * (DAY_MS + HOUR_MS))));
        let habits = cadence(&posts);
        let find = |name: &str| habits.accounts.iter().find(|one| one.account == name).unwrap();
        assert_eq!(find("turned").shift.hours, 7);
        assert!(find("turned").shift.possible.len() <= 3);
        assert_eq!(find("turned").working.1, 60);
        assert_eq!(find("turned").weekend, 18);
    }

    #[test]
    fn accounts_made_in_one_hour_are_a_burst_and_steady_ones_are_not() {
        let mut dice = random(9);
        let steady: Vec<i64> =
            (0..2_000).map(|_| dice(720 * 24) * HOUR_MS + dice(HOUR_MS)).collect();
        assert_eq!(bursts(&steady), []);
        let mut all = steady;
        all.extend((0..25).map(|_| 300 * DAY_MS + dice(HOUR_MS)));
        let found = bursts(&all);
        assert_eq!(found.len(), 1);
        assert!(found[0].events >= 25 && found[0].p < 1e-9 && found[0].window_ms == HOUR_MS);
    }

    #[test]
    fn a_sleeper_was_silent_and_came_back() {
        let mut posts: Vec<_> = (0..30).map(|day| at("a", day * DAY_MS)).collect();
        posts.extend((0..25).map(|turn| at("a", 400 * DAY_MS + turn * HOUR_MS)));
        posts.extend((0..25).map(|turn| at("new", 400 * DAY_MS + turn * HOUR_MS)));
        posts.extend((0..25).map(|turn| at("kept", 400 * DAY_MS + turn * HOUR_MS)));
        posts.extend((0..30).map(|day| at("steady", day * 20 * DAY_MS)));
        let created = BTreeMap::from([("kept", 0), ("new", 399 * DAY_MS)]);
        let found = sleepers(&posts, &created);
        let shown: Vec<_> = found
            .iter()
            .map(|one| (one.account.as_str(), one.posts_before, one.posts_after))
            .collect();
        assert_eq!(shown, [("a", 30, 25), ("kept", 0, 25)]);
    }

    #[test]
    fn the_tail_of_poisson_is_bounded_from_above() {
        // 1 - sum of the first terms, worked out to four places.
        for (mean, count, exact) in [(1.0, 4, 0.0190), (0.5, 3, 0.0144), (2.0, 8, 0.0011)] {
            let bound = poisson_tail(mean, count);
            assert!(bound >= exact - 5e-5 && bound < exact * 1.3, "{bound} for {exact}");
        }
        assert!((poisson_tail(5.0, 3) - 1.0).abs() < f64::EPSILON);
    }
}
