//! Made-up shares: backgrounds in which nobody is coordinated, and groups planted into them. For tests and benches.
//!
//! [`Family::Organic`] and [`Family::Dense`] follow the descriptions with which the method was developed; the others were
//! written apart from it and differ in what the null model does not know of: how delays are spread, the rhythm of the week,
//! bursts of news, and circles of people who read the same. Results on the two kinds belong in separate columns.

use super::arithmetic::{Draws, at, number, place};
use super::events::Event;

/// A day in seconds.
const DAY: u32 = 86_400;

/// Where made-up time begins: 2025-06-02, a Monday.
const BEGIN: u32 = 1_748_822_400;

/// A way in which people share without being coordinated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// 6,000 accounts in 25 circles that mostly read their own, each account with its own speed.
    Organic,
    /// 3,000 accounts and 3,000 objects: everybody meets everybody.
    Dense,
    /// Delays by a power law: a crowd in the first seconds and a tail of days.
    PowerDelay,
    /// Accounts with waking hours and weekends; objects of a morning die at night.
    WeeklyCycle,
    /// A few stories that thousands share within minutes, over a quiet background.
    NewsBurst,
    /// A block model: forty closed circles of very unequal size, nine shares in ten within the circle.
    Blocks,
    /// Six stories a day that sixty accounts each share within a minute of nine in the morning in Japan, which is where a
    /// day of UTC begins: the crowd stands on both sides of the boundary.
    MorningNews,
}

impl Family {
    /// All of them: two known ones, then those of one's own.
    pub const ALL: [Self; 7] = [
        Self::Organic,
        Self::Dense,
        Self::PowerDelay,
        Self::WeeklyCycle,
        Self::NewsBurst,
        Self::Blocks,
        Self::MorningNews,
    ];

    /// Whether the method's description was made with data of this kind. The rule of circles was made while looking at all of
    /// them, with other seeds than those its figures are told of.
    pub fn of_the_description(self) -> bool {
        matches!(self, Self::Organic | Self::Dense)
    }

    fn shape(self) -> Shape {
        let base = Shape {
            accounts: 6_000,
            objects: 6_000,
            shares: 60_000,
            days: 30,
            circles: 1,
            loyalty: 0,
            delay: Delay::LogNormal { median: 1_800.0, spread: 1.4 },
            own_speed: 0.0,
            waking: false,
            stories: 0,
            mornings: 0,
        };
        match self {
            Self::Organic => Shape { circles: 25, loyalty: 80, own_speed: 0.7, ..base },
            Self::Dense => Shape { accounts: 3_000, objects: 3_000, days: 14, ..base },
            Self::PowerDelay => {
                Shape { delay: Delay::Power { least: 20.0, exponent: 0.7 }, ..base }
            }
            Self::WeeklyCycle => Shape {
                waking: true,
                days: 28,
                delay: Delay::LogNormal { median: 3_600.0, spread: 1.1 },
                ..base
            },
            Self::NewsBurst => Shape {
                stories: 12,
                delay: Delay::LogNormal { median: 2_400.0, spread: 1.6 },
                ..base
            },
            Self::Blocks => Shape { circles: 40, loyalty: 90, own_speed: 0.4, ..base },
            Self::MorningNews => {
                Shape { accounts: 3_000, objects: 0, shares: 0, days: 60, mornings: 6, ..base }
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Delay {
    LogNormal { median: f64, spread: f64 },
    Power { least: f64, exponent: f64 },
}

#[derive(Debug, Clone, Copy)]
struct Shape {
    accounts: u32,
    objects: u32,
    shares: u32,
    days: u32,
    circles: u32,
    /// Of a hundred shares, those within one's own circle.
    loyalty: u32,
    delay: Delay,
    /// The spread of the accounts' own speeds, as a logarithm.
    own_speed: f64,
    waking: bool,
    /// Objects that a tenth of everybody shares within ten minutes.
    stories: u32,
    /// Objects of each day that sixty accounts share within a minute of its beginning.
    mornings: u32,
}

/// A number of the standard normal law (Box and Muller 1958).
fn normal(draws: &mut Draws) -> f64 {
    let (left, right) = (draws.unit(), draws.unit());
    (-2.0 * left.ln()).sqrt() * (2.0 * core::f64::consts::PI * right).cos()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "held within the range just here"
)]
fn whole(value: f64) -> u32 {
    value.clamp(0.0, f64::from(u32::MAX)) as u32
}

/// A rank of 0..count, the first ones some ten times as often as the last ones.
fn tilted(draws: &mut Draws, count: u32) -> u32 {
    let unit = draws.unit();
    whole(unit * unit.sqrt() * f64::from(count)).min(count.saturating_sub(1))
}

/// Shares of a family. The same seed gives the same shares.
pub fn background(family: Family, seed: u64) -> Vec<Event> {
    let shape = family.shape();
    let mut draws = Draws::new(seed ^ 0x6261_636b);
    let speeds: Vec<f64> =
        (0..shape.accounts).map(|_| (shape.own_speed * normal(&mut draws)).exp()).collect();
    let births: Vec<u32> =
        (0..shape.objects).map(|_| BEGIN + draws.below(shape.days * DAY)).collect();
    let mut events = Vec::with_capacity(place(shape.shares));
    while events.len() < place(shape.shares) {
        let account = tilted(&mut draws, shape.accounts);
        let object = shape.object(account, &mut draws);
        let delay = whole(shape.delay.draw(&mut draws) * at(&speeds, place(account)));
        let time = at(&births, place(object)).saturating_add(delay.min(20 * DAY));
        if shape.waking && !awake(account, time, &mut draws) {
            continue;
        }
        events.push(Event { object, time, account, post: number(events.len()) });
    }
    for story in 0..shape.stories {
        let born = BEGIN + draws.below(shape.days * DAY);
        for account in 0..shape.accounts {
            if draws.below(10) == 0 {
                let time = born + draws.below(300) + draws.below(300);
                let post = number(events.len());
                events.push(Event { object: shape.objects + story, time, account, post });
            }
        }
    }
    for object in shape.objects..shape.objects + shape.mornings * shape.days {
        let day = BEGIN + (object - shape.objects) / shape.mornings * DAY;
        for _ in 0..60 {
            let (account, time) = (tilted(&mut draws, shape.accounts), day - 60 + draws.below(121));
            events.push(Event { object, time, account, post: number(events.len()) });
        }
    }
    events
}

impl Shape {
    /// What an account shares: of its own circle's objects, mostly. Circles are interleaved, so that each has its share of
    /// active accounts and popular objects; the later a circle, the fewer it holds.
    fn object(&self, account: u32, draws: &mut Draws) -> u32 {
        let object = tilted(draws, self.objects);
        if self.circles < 2 || draws.below(100) >= self.loyalty {
            return object;
        }
        let circle = account % self.circles;
        (object - object % self.circles + circle).min(self.objects - 1)
    }
}

impl Delay {
    fn draw(self, draws: &mut Draws) -> f64 {
        match self {
            Self::LogNormal { median, spread } => median * (spread * normal(draws)).exp(),
            Self::Power { least, exponent } => least * draws.unit().powf(-1.0 / exponent),
        }
    }
}

/// Whether an account is at it: sixteen hours a day from a morning of its own, half as much at the weekend.
fn awake(account: u32, time: u32, draws: &mut Draws) -> bool {
    let hour = (time / 3_600 + account % 5) % 24;
    let weekend = ((time - BEGIN) / DAY) % 7 >= 5;
    (7..23).contains(&hour) && (!weekend || draws.below(2) == 0)
}

/// One outlet with fourteen articles, objects 0 to 13. Each is shared within a minute by twenty-five strangers who come once and
/// by the same four readers, accounts 0 to 3; around them everybody shares other things. The readers read the same and do
/// nothing together.
pub fn loyal_readers(seed: u64) -> Vec<Event> {
    let mut draws = Draws::new(seed ^ 0x6c6f_7961);
    let mut events = Vec::new();
    let mut stranger = 4_000;
    let mut add = |object, time, account| {
        events.push(Event { object, time, account, post: number(events.len()) });
    };
    for article in 0..14 {
        let born = BEGIN + article * 2 * DAY + draws.below(DAY);
        for reader in 0..4 {
            add(article, born + draws.below(61), reader);
        }
        for _ in 0..25 {
            add(article, born + draws.below(61), stranger);
            stranger += 1;
        }
    }
    for _ in 0..20_000 {
        let (object, account) = (14 + tilted(&mut draws, 8_000), 4 + tilted(&mut draws, 3_000));
        add(object, BEGIN + draws.below(30 * DAY), account);
    }
    events
}

/// The same shares with the accounts of each day dealt out anew, so that nobody acts with anybody.
pub fn shuffled_days(events: &[Event], seed: u64) -> Vec<Event> {
    let mut draws = Draws::new(seed ^ 0x6461_7973);
    let mut events = events.to_vec();
    events.sort_unstable_by_key(|event| {
        (event.time / DAY, event.object, event.time, event.account, event.post)
    });
    for day in events.chunk_by_mut(|left, right| left.time / DAY == right.time / DAY) {
        let mut accounts: Vec<u32> = day.iter().map(|event| event.account).collect();
        draws.shuffle(&mut accounts);
        day.iter_mut().zip(accounts).for_each(|(event, account)| event.account = account);
    }
    events
}

/// Groups that act together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plant {
    /// How many groups.
    pub groups: u32,
    /// Accounts of a group; none of them is in the background.
    pub accounts: u32,
    /// Objects a group shares together.
    pub actions: u32,
    /// Within how many seconds.
    pub jitter_seconds: u32,
    /// Whether the objects are the group's own, or such as others share too.
    pub own_objects: bool,
    /// Ordinary shares of each account for each action, to hide among others.
    pub camouflage: u32,
}

/// Of a hundred members, how many take part in an action.
const TAKE_PART: u32 = 77;

impl Plant {
    /// Eight ways to act together: 5 to 30 accounts, 3 to 10 actions, within 30 or 60 seconds, on own objects or others'.
    pub const SETTINGS: [Self; 8] = [
        Self::setting(5, 3, 30, true),
        Self::setting(5, 5, 30, false),
        Self::setting(10, 3, 60, false),
        Self::setting(10, 5, 30, true),
        Self::setting(10, 10, 60, false),
        Self::setting(20, 5, 60, true),
        Self::setting(30, 5, 30, false),
        Self::setting(30, 10, 60, true),
    ];

    const fn setting(accounts: u32, actions: u32, jitter_seconds: u32, own_objects: bool) -> Self {
        Self { groups: 5, accounts, actions, jitter_seconds, own_objects, camouflage: 2 }
    }

    /// Adds the groups to a background. The planted accounts have the numbers from the answer on.
    pub fn into(self, events: &mut Vec<Event>, seed: u64) -> u32 {
        let mut draws = Draws::new(seed ^ 0x706c_616e);
        let others = number(events.len());
        let above = |numbers: Option<u32>| numbers.map_or(0, |most| most + 1);
        let first = above(events.iter().map(|event| event.account).max());
        let mut own = above(events.iter().map(|event| event.object).max());
        let mut post = above(events.iter().map(|event| event.post).max());
        let mut add = |events: &mut Vec<Event>, object, time, account| {
            events.push(Event { object, time, account, post });
            post += 1;
        };
        for group in 0..self.groups {
            let members = first + group * self.accounts..first + (group + 1) * self.accounts;
            for _ in 0..self.actions {
                let model = at(events, place(draws.below(others)));
                let object = if self.own_objects { own } else { model.object };
                own += u32::from(self.own_objects);
                let begin = model.time + draws.below(7_200);
                for account in members.clone() {
                    if draws.below(100) < TAKE_PART {
                        let time = begin + draws.below(self.jitter_seconds + 1);
                        add(events, object, time, account);
                    }
                }
            }
            for account in members {
                for _ in 0..self.actions * self.camouflage {
                    let model = at(events, place(draws.below(others)));
                    add(events, model.object, model.time + draws.below(7_200), account);
                }
            }
        }
        first
    }
}

/// A trace of very many shares: objects of very unequal popularity, delays of half an hour or so, a twentieth as many
/// accounts, and 200 planted groups of ten accounts that share ten objects within thirty seconds. The planted accounts have
/// the numbers from the second answer on.
pub fn scale(shares: u32, seed: u64) -> (Vec<Event>, u32) {
    let mut draws = Draws::new(seed);
    let accounts = (shares / 20).max(100);
    let mut events = Vec::with_capacity(place(shares) + 40_000);
    let mut object = 0;
    while events.len() < place(shares) {
        let size = whole(6.0 * draws.unit().powf(-1.0 / 1.6)).clamp(2, 20_000);
        let born = BEGIN + draws.below(60 * DAY);
        for _ in 0..size.min(shares - number(events.len())) {
            let delay = whole(1_800.0 * (1.5 * normal(&mut draws)).exp()).min(20 * DAY);
            let account = tilted(&mut draws, accounts);
            events.push(Event {
                object,
                time: born + delay,
                account,
                post: super::events::NO_POST,
            });
        }
        object += 1;
    }
    for group in 0..200_u32 {
        for _ in 0..10 {
            let target = draws.below(object);
            let time = BEGIN + draws.below(60 * DAY);
            for member in 0..10_u32 {
                let account = accounts + group * 10 + member;
                let time = time + draws.below(31);
                events.push(Event { object: target, time, account, post: super::events::NO_POST });
            }
        }
    }
    (events, accounts)
}
