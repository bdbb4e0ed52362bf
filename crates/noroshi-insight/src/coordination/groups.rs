//! Groups of accounts, what they did together, and how much the evidence carries.

use std::collections::BTreeMap;

use super::analysis::{Edge, Group, Level, Member};
use super::arithmetic::{Draws, at, mix, number, place};
use super::candidates::Kept;
use super::leiden;
use super::network::Network;
use super::options::{Options, TraceFamily};
use super::tested::Tested;

/// A group is stable where its members are found again in this share of the samples.
const STABLE: f64 = 0.7;

/// Joint shares of its own that a family of traces needs to confirm an edge.
const OWN_SHARES_MIN: u32 = 3;

/// Accounts of edges, in order: a node's number is its place.
fn nodes(edges: &[Edge]) -> Vec<u32> {
    let mut nodes: Vec<u32> = edges.iter().flat_map(|edge| [edge.a, edge.b]).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

fn node(nodes: &[u32], account: u32) -> u32 {
    number(nodes.partition_point(|&other| other < account))
}

/// Groups the accounts of edges, and tells each edge its place in the network.
pub(crate) fn of(
    edges: &mut [Edge],
    kept: &[&Kept],
    tested: &[Tested],
    options: &Options,
) -> Vec<Group> {
    let nodes = nodes(edges);
    let links: Vec<(u32, u32, f64)> = edges
        .iter()
        .map(|edge| (node(&nodes, edge.a), node(&nodes, edge.b), edge.strength))
        .collect();
    let network = Network::of(nodes.len(), &links);
    let strengths: Vec<f64> = edges.iter().map(|edge| edge.strength).collect();
    let places = network.disparity(&strengths).into_iter().zip(network.trusses());
    for (edge, (backbone, truss)) in edges.iter_mut().zip(places) {
        (edge.backbone, edge.truss) = (backbone, truss);
    }
    let stability = bootstrap(edges, &nodes, tested, options);
    let communities = leiden::communities(&network, options.communities, options.seed);
    let sets = sets(&communities);
    let mut groups: Vec<Group> =
        sets.iter().map(|members| describe(members, &nodes, &network, edges, &stability)).collect();
    groups.sort_by_key(|group| {
        let first = group.members.iter().map(|member| member.account).min();
        (core::cmp::Reverse(group.members.len()), first)
    });
    for (index, group) in groups.iter().enumerate() {
        for &edge in &group.edges {
            if let Some(edge) = edges.get_mut(edge) {
                edge.group = Some(index);
            }
        }
    }
    acts(&mut groups, kept);
    for group in &mut groups {
        group.level = level(group, edges);
    }
    groups
}

/// Communities of three or more, as sorted lists of nodes.
fn sets(communities: &[u32]) -> Vec<Vec<u32>> {
    let count = communities.iter().max().map_or(0, |most| place(*most) + 1);
    let mut sets = vec![Vec::new(); count];
    for (community, node) in communities.iter().zip(0..) {
        if let Some(set) = sets.get_mut(place(*community)) {
            set.push(node);
        }
    }
    sets.retain(|set| set.len() >= 3);
    sets
}

fn describe(
    members: &[u32],
    nodes: &[u32],
    network: &Network,
    edges: &[Edge],
    stability: &Stability,
) -> Group {
    let inside = |node: u32| members.binary_search(&node).is_ok();
    let mut own: Vec<usize> = members
        .iter()
        .flat_map(|&node| network.links(node).iter().filter(move |link| link.0 > node))
        .filter(|link| inside(link.0))
        .map(|link| place(link.1))
        .collect();
    own.sort_unstable();
    let core_truss = own.iter().filter_map(|&edge| edges.get(edge)).map(|edge| edge.truss).max();
    let core_truss = core_truss.unwrap_or(2);
    let mut told: Vec<Member> = members
        .iter()
        .zip(network.centrality(members))
        .map(|(&node, centrality)| {
            let links = network.links(node).iter().filter(|link| inside(link.0));
            let dense = |link: &&(u32, u32, f64)| {
                core_truss > 2
                    && edges.get(place(link.1)).is_some_and(|edge| edge.truss == core_truss)
            };
            Member {
                account: at(nodes, place(node)),
                centrality,
                partners: number(links.clone().count()),
                stability: stability.accounts.get(place(node)).copied(),
                core: links.clone().any(|link| dense(&link)),
            }
        })
        .collect();
    told.sort_by(|left, right| {
        right.centrality.total_cmp(&left.centrality).then(left.account.cmp(&right.account))
    });
    summary(told, own, core_truss, edges)
}

fn summary(members: Vec<Member>, own: Vec<usize>, core_truss: u32, edges: &[Edge]) -> Group {
    let evidence = || own.iter().filter_map(|&edge| edges.get(edge)).flat_map(|edge| &edge.traces);
    let synchronous = own
        .iter()
        .filter_map(|&edge| edges.get(edge))
        .filter(|edge| edge.traces.iter().any(|told| told.synchronous))
        .count();
    let mut traces: Vec<usize> =
        evidence().filter(|told| told.significant).map(|told| told.trace).collect();
    traces.sort_unstable();
    traces.dedup();
    let mut stable: Vec<f64> = members.iter().filter_map(|member| member.stability).collect();
    stable.sort_by(f64::total_cmp);
    Group {
        core_truss,
        edges_synchronous: number(synchronous),
        traces: number(traces.len()),
        families: families(&own, edges),
        days: 0,
        first: evidence().map(|told| told.first).min().unwrap_or(0),
        last: evidence().map(|told| told.last).max().unwrap_or(0),
        bursts: 0,
        reach: 0,
        exclusive: 0,
        gap_median_seconds: 0,
        stability: stable.get(stable.len() / 2).copied(),
        level: Level::E0,
        members,
        edges: own,
    }
}

/// Families of traces that confirm at least half of the edges, each by some joint shares of its own.
fn families(own: &[usize], edges: &[Edge]) -> u32 {
    let mut confirmed: BTreeMap<TraceFamily, usize> = BTreeMap::new();
    for edge in own.iter().filter_map(|&edge| edges.get(edge)) {
        let mut of_edge: Vec<TraceFamily> = edge
            .traces
            .iter()
            .filter(|told| told.confirmed && told.apart >= OWN_SHARES_MIN)
            .map(|told| told.kind.family())
            .collect();
        of_edge.sort_unstable();
        of_edge.dedup();
        for family in of_edge {
            *confirmed.entry(family).or_default() += 1;
        }
    }
    number(confirmed.values().filter(|&&edges| edges * 2 >= own.len()).count())
}

/// What the members of each group did, counted in one walk over all shares.
fn acts(groups: &mut [Group], kept: &[&Kept]) {
    let accounts = kept.iter().map(|kept| place(kept.accounts)).max().unwrap_or(0);
    let mut of = vec![u32::MAX; accounts];
    for (group, index) in groups.iter().zip(0..) {
        for member in &group.members {
            if let Some(slot) = of.get_mut(place(member.account)) {
                *slot = index;
            }
        }
    }
    let mut seen = vec![Acts::default(); groups.len()];
    let mut own: Vec<(u32, u32)> = Vec::new();
    for kept in kept {
        for (_, unit) in kept.groups() {
            own.clear();
            let group = |account: u32| at(&of, place(account));
            own.extend(unit.iter().map(|event| (group(event.account), event.time)));
            own.retain(|one| one.0 != u32::MAX);
            own.sort_unstable();
            for run in own.chunk_by(|left, right| left.0 == right.0) {
                let group = run.first().map_or(0, |one| place(one.0));
                if let Some(acts) = seen.get_mut(group) {
                    acts.unit(run, unit.len(), kept.widest());
                }
            }
        }
    }
    for (group, mut acts) in groups.iter_mut().zip(seen) {
        acts.gaps.sort_unstable();
        acts.days.sort_unstable();
        acts.days.dedup();
        (group.bursts, group.reach, group.exclusive) = (acts.bursts, acts.reach, acts.exclusive);
        group.gap_median_seconds = at(&acts.gaps, acts.gaps.len() / 2);
        group.days = number(acts.days.len());
    }
}

#[derive(Debug, Clone, Default)]
struct Acts {
    gaps: Vec<u32>,
    days: Vec<u32>,
    bursts: u32,
    reach: u32,
    exclusive: u32,
}

impl Acts {
    /// One object as the group shared it: times in order, and how many shared it at all.
    fn unit(&mut self, own: &[(u32, u32)], shares: usize, window_seconds: u32) {
        self.reach += 1;
        let before = self.gaps.len();
        for (earlier, later) in own.iter().zip(own.iter().skip(1)) {
            if later.1 - earlier.1 <= window_seconds {
                self.gaps.push(later.1 - earlier.1);
                self.days.push(later.1 / 86_400);
            }
        }
        if self.gaps.len() > before {
            self.bursts += 1;
            self.exclusive += u32::from(own.len() == shares);
        }
    }
}

/// The rule table of evidence levels. E4 and any statement about who is behind it are made by people, elsewhere.
fn level(group: &Group, edges: &[Edge]) -> Level {
    let all = group.edges.iter().all(|&edge| {
        edges.get(edge).is_some_and(|edge| edge.traces.iter().any(|told| told.significant))
    });
    if group.members.len() < 3 || group.edges.is_empty() || !all {
        return Level::E0;
    }
    let stable = group.stability.is_some_and(|share| share >= STABLE);
    if group.is_confirmed() && group.days >= 2 && stable { Level::E3 } else { Level::E2 }
}

/// How often accounts and edges are found again.
#[derive(Debug, Default)]
struct Stability {
    accounts: Vec<f64>,
}

/// Draws objects anew, each as often as a Poisson law of mean 1 says (the bootstrap for large samples, Hanley and `MacGibbon`
/// 2006), and sees which edges would still be accepted: the rates and the limit of acceptance stay those of all objects.
fn bootstrap(edges: &mut [Edge], nodes: &[u32], tested: &[Tested], options: &Options) -> Stability {
    if options.bootstrap_runs == 0 || tested.is_empty() {
        return Stability::default();
    }
    let mut accounts = vec![0_u32; nodes.len()];
    let mut kept = vec![0_u32; edges.len()];
    for run in 0..options.bootstrap_runs {
        let mut found = vec![false; nodes.len()];
        for (edge, count) in edges.iter().zip(&mut kept) {
            if !again(edge, tested, options, run) {
                continue;
            }
            *count += 1;
            for account in [edge.a, edge.b] {
                if let Some(slot) = found.get_mut(place(node(nodes, account))) {
                    *slot = true;
                }
            }
        }
        accounts.iter_mut().zip(found).for_each(|(count, found)| *count += u32::from(found));
    }
    let share = |count: u32| f64::from(count) / f64::from(options.bootstrap_runs);
    edges.iter_mut().zip(&kept).for_each(|(edge, count)| edge.stability = Some(share(*count)));
    Stability { accounts: accounts.into_iter().map(share).collect() }
}

/// Whether an edge would be one in a sample of the objects.
fn again(edge: &Edge, tested: &[Tested], options: &Options, run: u32) -> bool {
    edge.traces.iter().filter(|told| told.significant).any(|told| {
        let Some(trace) = tested.get(told.trace) else { return false };
        let Some(index) = trace.find(edge.a, edge.b) else { return false };
        let seed = mix(options.seed ^ mix((u64::from(run) << 32) | told.trace as u64));
        trace.again(index, options.models, |object| copies(seed ^ mix(u64::from(object))))
    })
}

/// How often an object is drawn: Poisson of mean 1, by inversion.
fn copies(seed: u64) -> u32 {
    let mut left = Draws::new(seed).unit();
    let mut chance = (-1.0_f64).exp();
    let mut copies = 0;
    while left > chance && copies < 20 {
        left -= chance;
        copies += 1;
        chance /= f64::from(copies);
    }
    copies
}
