//! What is asked: the kinds of object with their windows, and how sure one wants to be.

use serde::Serialize;

/// The most windows a trace may have.
pub const WINDOWS_MAX: usize = 8;

/// The widest window: a day.
pub const WINDOW_SECONDS_MAX: u32 = 86_400;

/// The furthest one share looks back among the shares of its object.
pub const LOOK_BACK_MAX: u32 = 255;

/// What accounts share. Each kind has defaults from the literature, see `docs/influence-coordination.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceKind {
    /// A post that was passed on.
    Repost,
    /// An account whose posts are passed on within seconds.
    FastRepost,
    /// A canonical link.
    Url,
    /// A registrable domain, once a day.
    Domain,
    /// A cluster of texts that are near copies.
    Text,
    /// A picture or film: its hash, or the cluster of its perceptual hashes.
    Media,
    /// The hashtags of a post as a set, three or more.
    HashtagSet,
    /// One hashtag. What one post has of them is one share together, see [`super::analyse`].
    Hashtag,
    /// A post that was answered.
    Reply,
    /// An account that was mentioned, once a day.
    Mention,
    /// Anything else.
    Other,
}

/// What of a post a trace is made of. Traces of one family tell of one and the same share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceFamily {
    /// Links, and what they are made of.
    Link,
    /// Passing on.
    Repost,
    /// Words.
    Text,
    /// Pictures and films.
    Media,
    /// Hashtags.
    Hashtag,
    /// Whom it is said to.
    Addressed,
    /// Anything else.
    Other,
}

impl TraceKind {
    /// What of a post it is made of.
    pub fn family(self) -> TraceFamily {
        match self {
            Self::Url | Self::Domain => TraceFamily::Link,
            Self::Repost | Self::FastRepost => TraceFamily::Repost,
            Self::Text => TraceFamily::Text,
            Self::Media => TraceFamily::Media,
            Self::HashtagSet | Self::Hashtag => TraceFamily::Hashtag,
            Self::Reply | Self::Mention => TraceFamily::Addressed,
            Self::Other => TraceFamily::Other,
        }
    }
}

/// How often one account counts with one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstShare {
    /// Its first share only: however often an account repeats itself, it has shared the object once.
    Once,
    /// Its first share of each day (UTC), for objects that are named anew every day.
    Daily,
}

/// One trace: a kind of object with its windows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trace {
    /// What is shared.
    pub kind: TraceKind,
    /// How close in time counts as together, in seconds; several are tested together and paid for (Bonferroni).
    pub windows_seconds: Vec<u32>,
    /// The fewest distinct objects two accounts must have shared together to be tested.
    pub objects_min: u32,
    /// Its weight when traces are combined.
    pub weight: f64,
    /// How often one account counts with one object.
    pub first_share: FirstShare,
}

impl Trace {
    /// The defaults of a kind.
    pub fn of(kind: TraceKind) -> Self {
        let (windows, objects_min, weight, first_share): (&[u32], _, _, _) = match kind {
            TraceKind::Repost => (&[10, 60, 600], 3, 1.0, FirstShare::Once),
            TraceKind::FastRepost => (&[10], 3, 0.8, FirstShare::Daily),
            TraceKind::Url => (&[60, 600, 3_600], 3, 1.0, FirstShare::Once),
            TraceKind::Domain => (&[60, 600], 5, 0.3, FirstShare::Daily),
            TraceKind::Text => (&[60, 3_600, 86_400], 2, 1.0, FirstShare::Once),
            TraceKind::Media => (&[60, 3_600], 3, 1.0, FirstShare::Once),
            TraceKind::HashtagSet => (&[86_400], 3, 0.6, FirstShare::Daily),
            TraceKind::Hashtag => (&[60], 3, 0.3, FirstShare::Once),
            TraceKind::Reply => (&[60, 3_600], 3, 0.8, FirstShare::Once),
            TraceKind::Mention => (&[600], 5, 0.5, FirstShare::Daily),
            TraceKind::Other => (&[60], 3, 1.0, FirstShare::Once),
        };
        Self { kind, windows_seconds: windows.to_vec(), objects_min, weight, first_share }
    }

    /// The same with one window.
    #[must_use]
    pub fn window(mut self, seconds: u32) -> Self {
        self.windows_seconds = vec![seconds];
        self
    }

    /// The same with another fewest number of common objects.
    #[must_use]
    pub fn objects_min(mut self, objects: u32) -> Self {
        self.objects_min = objects;
        self
    }
}

/// Which pairs the candidate stage forms and what their weight counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "rule")]
pub enum Semantics {
    /// First shares only, look-back capped; the weight counts distinct objects, of every two posts one. The null model needs this one.
    Distinct,
    /// `detect_groups` of `CooRTweet` 2.1.3: every pair of posts, accounts with fewer than `participation_min` posts left
    /// out before and pairs after; the weight counts pairs of posts. For comparison with analyses made with it.
    CoorTweet {
        /// `min_participation`; 2 is that tool's default.
        participation_min: u32,
    },
    /// `coordination_network_toolkit` 1.5.2: every pair of posts; the weight of a direction counts its distinct posts,
    /// the weight of the pair is the larger direction. For comparison with analyses made with it.
    Toolkit,
}

/// What makes a set of accounts a community.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "quality")]
pub enum Communities {
    /// Modularity: more weight inside than the strength of its members would give.
    Modularity {
        /// 1 is the usual; more gives smaller communities.
        resolution: f64,
    },
    /// The constant Potts model: more weight inside than `resolution` a pair. Has no limit of resolution.
    Potts {
        /// Weight a pair.
        resolution: f64,
    },
}

/// Which models an edge must withstand, whatever the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Models {
    /// That of activity alone. It knows of no circles: it names pairs that merely read the same, the wider the window the more.
    Activity,
    /// That of activity, and that of circles: of as many meetings, as close in time within the window, shared interest would
    /// give the activity model too few to accept.
    #[default]
    Confirmed,
    /// That of activity, and that of shared interest over all pairs with objects in common. Stricter; finds less.
    Both,
}

/// What is asked of [`super::analyse`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Options {
    /// Whether pairs must withstand the null model. Without it every candidate of weight `weight_min` is an edge, which
    /// says nothing about chance.
    pub null_model: bool,
    /// Which pairs are formed. [`Semantics::Distinct`] if the null model is on, whatever stands here.
    pub semantics: Semantics,
    /// The least weight of an edge; with the null model on it raises a trace's `objects_min`.
    pub weight_min: u32,
    /// The share of edges that may be false (Benjamini and Hochberg); divided by the number of traces.
    pub false_discovery_max: f64,
    /// The same for the model of shared interest over all pairs with objects in common: what [`Models::Both`] asks of an edge,
    /// and what counts as closer in time than shared interest explains.
    pub synchrony_false_discovery_max: f64,
    /// Which models an edge must withstand.
    pub models: Models,
    /// How long a slice of time is within which activity is taken as even, in seconds: a day, or six hours before a vote.
    pub slice_seconds: u32,
    /// How far a share looks back among the shares of its object, at most [`LOOK_BACK_MAX`].
    pub look_back: u32,
    /// How accounts are put into groups.
    pub communities: Communities,
    /// How often groups are looked for again in a sample of the objects; 0 leaves stability open, and with it level E3.
    pub bootstrap_runs: u32,
    /// Whether the same is done with a shuffled copy, in which nobody is coordinated, and its edges are counted.
    pub shuffled_copy: bool,
    /// The seed of everything drawn.
    pub seed: u64,
    /// Threads to use, 1 or 2. The answer is the same.
    pub threads: usize,
    /// Memory for pairs at one time, in bytes; with less the shares are walked more often.
    pub pair_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            null_model: true,
            semantics: Semantics::Distinct,
            weight_min: 1,
            false_discovery_max: 0.01,
            synchrony_false_discovery_max: 0.05,
            models: Models::default(),
            slice_seconds: 86_400,
            look_back: 64,
            communities: Communities::Modularity { resolution: 1.0 },
            bootstrap_runs: 20,
            shuffled_copy: true,
            seed: 0,
            threads: 1,
            pair_bytes_max: 1 << 30,
        }
    }
}

/// Why a question cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A trace has no window, too many, or one of no width or too wide.
    #[error(
        "windows of a trace are one to {WINDOWS_MAX}, each of 1 to {WINDOW_SECONDS_MAX} seconds"
    )]
    Windows,
    /// A share may be looked for only so far back.
    #[error("a look-back is 1 to {LOOK_BACK_MAX} shares, not `{0}`")]
    LookBack(u32),
    /// A rate of false discovery lies between 0 and 1.
    #[error("a rate of false discovery lies between 0 and 1")]
    FalseDiscovery,
    /// A slice of time is too short to hold activity.
    #[error("a slice of time has at least 60 seconds, not `{0}`")]
    Slice(u32),
    /// One common object says nothing about repetition.
    #[error("the null model needs at least 2 common objects, not `{0}`")]
    ObjectsMin(u32),
    /// A weight of a trace is no positive number.
    #[error("the weight of a trace is a positive number")]
    Weight,
    /// Without the null model one trace with one window is compared.
    #[error("without the null model one trace with one window is asked for")]
    OneWindow,
}

impl Options {
    /// What of the question is beyond a limit.
    pub(crate) fn check(&self, traces: &[&Trace]) -> Result<(), Refused> {
        let share = |rate: f64| rate > 0.0 && rate < 1.0;
        if !share(self.false_discovery_max) || !share(self.synchrony_false_discovery_max) {
            return Err(Refused::FalseDiscovery);
        }
        if !(1..=LOOK_BACK_MAX).contains(&self.look_back) {
            return Err(Refused::LookBack(self.look_back));
        }
        if self.slice_seconds < 60 {
            return Err(Refused::Slice(self.slice_seconds));
        }
        traces.iter().try_for_each(|trace| self.check_trace(trace))
    }

    fn check_trace(&self, trace: &Trace) -> Result<(), Refused> {
        let windows = &trace.windows_seconds;
        let wide = |seconds: &u32| !(1..=WINDOW_SECONDS_MAX).contains(seconds);
        if windows.is_empty() || windows.len() > WINDOWS_MAX || windows.iter().any(wide) {
            return Err(Refused::Windows);
        }
        if !(trace.weight.is_finite() && trace.weight > 0.0) {
            return Err(Refused::Weight);
        }
        if self.null_model && trace.objects_min.max(self.weight_min) < 2 {
            return Err(Refused::ObjectsMin(trace.objects_min));
        }
        Ok(())
    }
}
