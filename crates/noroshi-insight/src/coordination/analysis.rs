//! The answer: edges and groups with the numbers that explain them.

use serde::Serialize;

use super::events::Intake;
use super::options::{Options, TraceKind};

/// Examples kept of an edge at most, the closest in time first.
pub const EXEMPLARS_MAX: usize = 20;

/// Pairs on the watch list at most, the least likely first.
pub const WATCH_MAX: usize = 10_000;

/// Objects with a cut look-back that are named at most, those with most left out first.
pub const VIRAL_MAX: usize = 100;

/// How much the evidence carries. What needs people (inauthenticity, who is behind it) has no place here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Level {
    /// Nothing: the null model was off, or a group has pairs that are not edges.
    E0,
    /// To be watched: unlikely (p below 1e-4), not significant. For analysts only, to be deleted after 14 days.
    E1,
    /// Coordinated activity: three accounts or more, every edge significant.
    E2,
    /// Strong: also closer in time than shared interest explains or confirmed by two families of traces, on two days or more,
    /// and stable.
    E3,
}

/// One joint share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Exemplar {
    /// The object's number in its trace.
    pub object: u32,
    /// The post of the edge's first account, or [`super::NO_POST`].
    pub post_a: u32,
    /// The post of the edge's second account, or [`super::NO_POST`].
    pub post_b: u32,
    /// When the first account shared it, seconds since 1970.
    pub time_a: u32,
    /// When the second account shared it, seconds since 1970.
    pub time_b: u32,
}

/// Who was first how often.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Leads {
    /// Objects that the first account shared earlier.
    pub a: u32,
    /// Objects that the second account shared earlier.
    pub b: u32,
    /// Objects that both shared in the same second.
    pub together: u32,
    /// Sign test, two-sided: how likely so uneven a split is if either leads as often.
    pub p: f64,
}

/// What one trace says about an edge.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraceEvidence {
    /// The trace's number.
    pub trace: usize,
    /// Its kind.
    pub kind: TraceKind,
    /// The window in which the pair is least likely, of those in which it is an edge if there are any; in seconds.
    pub window_seconds: u32,
    /// Distinct objects shared together within it, of every two posts one.
    pub objects: u32,
    /// Distinct objects shared by both at any distance in time; none if the second model was not asked.
    pub common: Option<u32>,
    /// Joint shares expected by the activity of both.
    pub expected_activity: Option<f64>,
    /// The chance of as many by activity, times the number of windows.
    pub p: Option<f64>,
    /// Its common logarithm, which does not run out of digits.
    pub log10_p: Option<f64>,
    /// The rate of false discovery at which it is an edge.
    pub q: Option<f64>,
    /// Whether it is an edge in this trace by the models that are asked for.
    pub significant: bool,
    /// Joint shares expected by interest in the same objects.
    pub expected_interest: Option<f64>,
    /// The chance of as many by shared interest, times the number of windows.
    pub p_interest: Option<f64>,
    /// The rate of false discovery of that.
    pub q_interest: Option<f64>,
    /// The chance to be as close in time within the window (ten minutes at most) as strangers who shared the same, times the
    /// number of windows.
    pub p_gap: Option<f64>,
    /// The rate of false discovery of that among what the activity model accepts.
    pub q_gap: Option<f64>,
    /// The rate at which pairs are false that the activity model accepts and that are as unlikely by their meetings and their
    /// distances, if shared interest were all there is; times the number of windows.
    pub q_circles: Option<f64>,
    /// Whether this rate is below that of false discovery, whatever models an edge must withstand.
    pub confirmed: bool,
    /// Whether it is closer in time than shared interest explains: by the model of shared interest over all pairs with objects
    /// in common, or by the distances within the window.
    pub synchronous: bool,
    /// Of its joint shares, where it is confirmed, those at moments of which no trace of another family told before.
    pub apart: u32,
    /// The mean distance in time, in seconds.
    pub gap_seconds: f64,
    /// The first joint share, seconds since 1970.
    pub first: u32,
    /// The last one.
    pub last: u32,
    /// On how many days (UTC).
    pub days: u32,
    /// Who was first.
    pub leads: Leads,
    /// Examples, the closest in time first.
    pub exemplars: Vec<Exemplar>,
}

/// Two accounts that act together. Accounts are numbers of the records, `a` before `b`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Edge {
    /// The first account.
    pub a: u32,
    /// The second account.
    pub b: u32,
    /// Distinct objects shared together, of every two posts one, over all traces; with a peer's semantics, that tool's weight.
    pub weight: u32,
    /// The combined chance over the traces in which the pair could be tested.
    pub p: Option<f64>,
    /// The rate of false discovery at which it is an edge in some trace, by the models that are asked for, times the number of
    /// traces.
    pub q: Option<f64>,
    /// Its weight in the network: −log10 p, at most 50; without the null model the weight itself.
    pub strength: f64,
    /// How likely so large a share of an end's strength is (disparity filter); small ones carry the network.
    pub backbone: f64,
    /// The k of the densest truss it lies in; 2 if it closes no triangle.
    pub truss: u32,
    /// In which share of the samples of objects it is found again; none where no sample was drawn.
    pub stability: Option<f64>,
    /// The group both are in.
    pub group: Option<usize>,
    /// What each trace says, in their order.
    pub traces: Vec<TraceEvidence>,
}

/// An account in a group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Member {
    /// The account.
    pub account: u32,
    /// How central it is in its group, 1 for the most central.
    pub centrality: f64,
    /// Partners within the group.
    pub partners: u32,
    /// In which share of the samples of objects it has an edge; below 0.7 it is unstable.
    pub stability: Option<f64>,
    /// Whether it lies in the group's core.
    pub core: bool,
}

/// Accounts that act together more with each other than with others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Members, the most central first.
    pub members: Vec<Member>,
    /// Places of the edges between them.
    pub edges: Vec<usize>,
    /// How much the evidence carries.
    pub level: Level,
    /// The k of its densest truss.
    pub core_truss: u32,
    /// Edges that shared interest does not explain.
    pub edges_synchronous: u32,
    /// Traces in which it has a significant edge.
    pub traces: u32,
    /// Families of traces that confirm at least half of its edges, each by joint shares of its own. A link and its domain are
    /// one family, and so are all traces of one moment.
    pub families: u32,
    /// Days (UTC) with a joint share.
    pub days: u32,
    /// The first joint share, seconds since 1970.
    pub first: u32,
    /// The last one.
    pub last: u32,
    /// Distinct objects two or more members shared within a window.
    pub bursts: u32,
    /// Distinct objects any member shared.
    pub reach: u32,
    /// Of the objects in bursts, those nobody else shared.
    pub exclusive: u32,
    /// The median distance in time of joint shares, in seconds.
    pub gap_median_seconds: u32,
    /// The median stability of its members.
    pub stability: Option<f64>,
}

impl Group {
    /// Whether half of its edges are closer in time than shared interest explains, or two families of traces confirm half of
    /// them each. That several traces tell of one share confirms nothing.
    pub fn is_confirmed(&self) -> bool {
        let synchronous = usize::try_from(self.edges_synchronous).unwrap_or(0);
        synchronous * 2 >= self.edges.len() || self.families >= 2
    }
}

/// An account that took part in acts of a group, though with nobody of it often enough to be an edge.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Companion {
    /// The account.
    pub account: u32,
    /// The group it acts with.
    pub group: Option<usize>,
    /// The edge it acts with, where that is in no group.
    pub edge: Option<usize>,
    /// The trace.
    pub trace: usize,
    /// The window, in seconds.
    pub window_seconds: u32,
    /// Acts of the group in which it took part: objects that two members shared within the window, and it too.
    pub acts: u32,
    /// Acts expected by its activity.
    pub expected: f64,
    /// The chance of as many, times the number of windows.
    pub p: f64,
    /// The rate of false discovery at which it is told, over all groups and accounts.
    pub q: f64,
    /// The rate at which shared interest does not explain it.
    pub q_interest: f64,
}

/// Two accounts to be watched.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Watched {
    /// The first account.
    pub a: u32,
    /// The second account.
    pub b: u32,
    /// The trace.
    pub trace: usize,
    /// Distinct objects shared together.
    pub objects: u32,
    /// Joint shares expected by activity.
    pub expected_activity: f64,
    /// The chance of as many.
    pub p: f64,
}

/// What the engine looked at in a trace.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraceReport {
    /// Its kind.
    pub kind: TraceKind,
    /// Windows in seconds.
    pub windows_seconds: Vec<u32>,
    /// Shares taken.
    pub shares: u64,
    /// First shares, which are counted.
    pub first_shares: u64,
    /// Accounts with at least the objects a test needs.
    pub accounts_active: u64,
    /// Pairs of those: the number of hypotheses.
    pub hypotheses: f64,
    /// The rate of false discovery in this trace.
    pub false_discovery_max: f64,
    /// Edges times that rate: how many false ones are expected at most.
    pub false_edges_expected: f64,
    /// Pairs that shared anything together.
    pub pairs_met: u64,
    /// Joint shares of all pairs.
    pub meetings: u64,
    /// Significant pairs.
    pub edges: u64,
    /// Objects in which the look-back was cut.
    pub viral_objects: u64,
    /// Joint shares that were left out for it.
    pub meetings_left_out: u64,
    /// The objects with most left out: number and how many.
    pub viral: Vec<(u32, u64)>,
    /// The length of a slice that was used; longer than asked for where there would be too many.
    pub slice_seconds: u32,
}

/// The same pipeline on a copy in which the accounts of each slice were dealt out anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShuffledCopy {
    /// The seed it was dealt with.
    pub seed: u64,
    /// Edges it found; each is false.
    pub edges: u64,
    /// Pairs it would watch.
    pub watched: u64,
}

/// Everything that was found, and everything needed to judge it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Analysis {
    /// What came in.
    pub intake: Intake,
    /// What was asked.
    pub options: Options,
    /// What was looked at.
    pub traces: Vec<TraceReport>,
    /// Edges by their accounts.
    pub edges: Vec<Edge>,
    /// Groups of three accounts or more, the largest first. Edges outside are pairs.
    pub groups: Vec<Group>,
    /// Accounts that act with a group and are in none, by trace, group and account.
    pub companions: Vec<Companion>,
    /// Pairs to be watched, the least likely first.
    pub watched: Vec<Watched>,
    /// How many there were before the limit.
    pub watched_all: u64,
    /// The shuffled copy.
    pub shuffled_copy: Option<ShuffledCopy>,
}
