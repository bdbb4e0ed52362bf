//! Communities by the method of Leiden (Traag, Waltman and van Eck 2019): local moves, refinement, aggregation, until
//! nothing changes. Unlike its predecessor it never yields a community that is not connected.

use super::arithmetic::{Draws, at, number, place};
use super::network::Network;
use super::options::Communities;

/// How widely the refinement chooses among improvements, as in the paper.
const RANDOMNESS: f64 = 0.01;

/// Runs over the whole network at most; each but the last improves it.
const ROUNDS_MAX: usize = 50;

/// A network whose nodes may stand for many.
struct Level {
    /// Neighbours with weights, without itself.
    links: Vec<Vec<(u32, f64)>>,
    /// What a node weighs against its community.
    mass: Vec<f64>,
    /// Resolution over total mass: the price of a pair of masses.
    price: f64,
}

/// The community of each node, numbered by their first members. The same seed gives the same answer.
pub(crate) fn communities(network: &Network, quality: Communities, seed: u64) -> Vec<u32> {
    let level = Level::of(network, quality);
    let mut draws = Draws::new(seed);
    let mut community: Vec<u32> = (0..number(network.nodes())).collect();
    for _ in 0..ROUNDS_MAX {
        let before = level.quality(&community);
        let next = round(&level, community.clone(), &mut draws);
        if level.quality(&next) <= before + 1e-12 {
            break;
        }
        community = next;
    }
    renumbered(&community)
}

/// One run: from a partition of the nodes to one that is at least as good.
fn round(level: &Level, mut community: Vec<u32>, draws: &mut Draws) -> Vec<u32> {
    level.move_nodes(&mut community, draws);
    let refined = renumbered(&level.refine(&community, draws));
    let count = refined.iter().max().map_or(0, |most| place(*most) + 1);
    if count == refined.len() {
        return community;
    }
    let coarse = level.aggregate(&refined, count);
    let mut start = vec![0; count];
    for (&node, &own) in refined.iter().zip(&community) {
        set(&mut start, node, own);
    }
    let answer = round(&coarse, renumbered(&start), draws);
    refined.iter().map(|&node| at(&answer, place(node))).collect()
}

fn set<T>(list: &mut [T], index: u32, value: T) {
    if let Some(slot) = list.get_mut(place(index)) {
        *slot = value;
    }
}

fn add(list: &mut [f64], index: u32, value: f64) {
    if let Some(slot) = list.get_mut(place(index)) {
        *slot += value;
    }
}

/// Numbers in the order of their first appearance.
fn renumbered(list: &[u32]) -> Vec<u32> {
    let most = list.iter().max().map_or(0, |most| place(*most) + 1);
    let (mut names, mut next) = (vec![u32::MAX; most], 0);
    let mut name = |old: &u32| {
        let Some(slot) = names.get_mut(place(*old)) else { return 0 };
        if *slot == u32::MAX {
            *slot = next;
            next += 1;
        }
        *slot
    };
    list.iter().map(&mut name).collect()
}

impl Level {
    fn of(network: &Network, quality: Communities) -> Self {
        let nodes = 0..number(network.nodes());
        let links: Vec<Vec<(u32, f64)>> = nodes
            .clone()
            .map(|node| network.links(node).iter().map(|link| (link.0, link.2)).collect())
            .collect();
        let (mass, price): (Vec<f64>, f64) = match quality {
            Communities::Modularity { resolution } => {
                let mass: Vec<f64> = nodes.map(|node| network.strength(node)).collect();
                let all: f64 = mass.iter().sum();
                (mass, resolution / all.max(1e-300))
            }
            Communities::Potts { resolution } => (nodes.map(|_| 1.0).collect(), resolution),
        };
        Self { links, mass, price }
    }

    fn nodes(&self) -> u32 {
        number(self.links.len())
    }

    fn links(&self, node: u32) -> &[(u32, f64)] {
        self.links.get(place(node)).map_or(&[], Vec::as_slice)
    }

    fn mass(&self, node: u32) -> f64 {
        at(&self.mass, place(node))
    }

    /// Weight within communities less what masses alone would give.
    fn quality(&self, community: &[u32]) -> f64 {
        let own = |node: u32| at(community, place(node));
        let mut masses = vec![0.0; community.len()];
        let mut sum = 0.0;
        for node in 0..self.nodes() {
            add(&mut masses, own(node), self.mass(node));
            let inside = self.links(node).iter().filter(|link| own(link.0) == own(node));
            sum += inside.map(|link| link.1).sum::<f64>();
        }
        sum - self.price * masses.iter().map(|mass| mass * mass).sum::<f64>()
    }

    /// Moves nodes to the best neighbouring community until no single move helps.
    fn move_nodes(&self, community: &mut [u32], draws: &mut Draws) {
        let mut masses = vec![0.0; community.len()];
        for node in 0..self.nodes() {
            add(&mut masses, at(community, place(node)), self.mass(node));
        }
        let mut order: Vec<u32> = (0..self.nodes()).collect();
        draws.shuffle(&mut order);
        let mut queue: std::collections::VecDeque<u32> = order.into();
        let mut waits = vec![true; community.len()];
        while let Some(node) = queue.pop_front() {
            set(&mut waits, node, false);
            let own = at(community, place(node));
            add(&mut masses, own, -self.mass(node));
            let best = self.best(node, own, community, &masses);
            add(&mut masses, best, self.mass(node));
            if best == own {
                continue;
            }
            set(community, node, best);
            for &(other, _) in self.links(node) {
                if at(community, place(other)) != best && !at(&waits, place(other)) {
                    set(&mut waits, other, true);
                    queue.push_back(other);
                }
            }
        }
    }

    /// Weights from a node to each neighbouring community, by its number.
    fn towards(&self, node: u32, community: &[u32]) -> Vec<(u32, f64)> {
        let mut all: Vec<(u32, f64)> = self
            .links(node)
            .iter()
            .map(|&(other, weight)| (at(community, place(other)), weight))
            .collect();
        all.sort_by_key(|one| one.0);
        let sum = |run: &[(u32, f64)]| {
            (run.first().map_or(0, |one| one.0), run.iter().map(|one| one.1).sum())
        };
        all.chunk_by(|left, right| left.0 == right.0).map(sum).collect()
    }

    fn best(&self, node: u32, own: u32, community: &[u32], masses: &[f64]) -> u32 {
        let gain =
            |to: u32, weight: f64| weight - self.price * self.mass(node) * at(masses, place(to));
        let towards = self.towards(node, community);
        let stay = towards.iter().find(|one| one.0 == own).map_or(0.0, |one| one.1);
        let mut best = (own, gain(own, stay));
        for (to, weight) in towards {
            if gain(to, weight) > best.1 + 1e-12 {
                best = (to, gain(to, weight));
            }
        }
        best.0
    }

    /// Splits communities into parts that hold together: every node starts alone and joins, once, a part of its community
    /// that it improves, better parts with higher chance.
    fn refine(&self, community: &[u32], draws: &mut Draws) -> Vec<u32> {
        let mut parts: Vec<u32> = (0..self.nodes()).collect();
        let mut masses: Vec<f64> = self.mass.clone();
        let mut alone = vec![true; parts.len()];
        let mut whole = vec![0.0; parts.len()];
        for node in 0..self.nodes() {
            add(&mut whole, at(community, place(node)), self.mass(node));
        }
        // Weight from each part to the rest of its community.
        let mut outward: Vec<f64> =
            (0..self.nodes()).map(|node| self.inside(node, community, |_| true)).collect();
        let mut order: Vec<u32> = (0..self.nodes()).collect();
        draws.shuffle(&mut order);
        for node in order {
            let own = at(community, place(node));
            let total = at(&whole, place(own));
            let joined = |mass: f64| self.price * mass * (total - mass);
            let part = at(&parts, place(node));
            if !at(&alone, place(part)) || at(&outward, place(part)) < joined(self.mass(node)) {
                continue;
            }
            let choices: Vec<(u32, f64, f64)> = self
                .towards_parts(node, community, &parts)
                .into_iter()
                .filter(|&(to, _)| at(&outward, place(to)) >= joined(at(&masses, place(to))))
                .map(|(to, weight)| {
                    (to, weight, weight - self.price * self.mass(node) * at(&masses, place(to)))
                })
                .filter(|choice| choice.2 >= 0.0)
                .collect();
            let Some((to, weight)) = choose(&choices, draws) else { continue };
            set(&mut parts, node, to);
            set(&mut alone, to, false);
            add(&mut masses, to, self.mass(node));
            let own_outward = at(&outward, place(part));
            add(&mut outward, to, own_outward - 2.0 * weight);
        }
        parts
    }

    fn inside(&self, node: u32, community: &[u32], keep: impl Fn(u32) -> bool) -> f64 {
        let own = at(community, place(node));
        self.links(node)
            .iter()
            .filter(|link| at(community, place(link.0)) == own && keep(link.0))
            .map(|link| link.1)
            .sum()
    }

    /// Weights from a node to the parts of its own community.
    fn towards_parts(&self, node: u32, community: &[u32], parts: &[u32]) -> Vec<(u32, f64)> {
        let own = at(community, place(node));
        let mut all: Vec<(u32, f64)> = self
            .links(node)
            .iter()
            .filter(|link| at(community, place(link.0)) == own)
            .map(|link| (at(parts, place(link.0)), link.1))
            .collect();
        all.sort_by_key(|one| one.0);
        let sum = |run: &[(u32, f64)]| {
            (run.first().map_or(0, |one| one.0), run.iter().map(|one| one.1).sum())
        };
        all.chunk_by(|left, right| left.0 == right.0).map(sum).collect()
    }

    /// The network whose nodes are the parts.
    fn aggregate(&self, parts: &[u32], count: usize) -> Self {
        let mut mass = vec![0.0; count];
        let mut all: Vec<((u32, u32), f64)> = Vec::new();
        for node in 0..self.nodes() {
            let own = at(parts, place(node));
            add(&mut mass, own, self.mass(node));
            let out = self.links(node).iter().map(|link| ((own, at(parts, place(link.0))), link.1));
            all.extend(out.filter(|((own, other), _)| own != other));
        }
        all.sort_by_key(|one| one.0);
        let mut links = vec![Vec::new(); count];
        for run in all.chunk_by(|left, right| left.0 == right.0) {
            let Some(&((own, other), _)) = run.first() else { continue };
            if let Some(list) = links.get_mut(place(own)) {
                list.push((other, run.iter().map(|one| one.1).sum()));
            }
        }
        Self { links, mass, price: self.price }
    }
}

/// A part and the weight towards it, drawn in proportion to exp(gain / θ); gains are measured against the largest.
fn choose(choices: &[(u32, f64, f64)], draws: &mut Draws) -> Option<(u32, f64)> {
    let most = choices.iter().map(|choice| choice.2).fold(f64::NEG_INFINITY, f64::max);
    let scale = RANDOMNESS * most.abs().max(1e-12);
    let chances: Vec<f64> =
        choices.iter().map(|choice| ((choice.2 - most) / scale).exp()).collect();
    let mut left = draws.unit() * chances.iter().sum::<f64>();
    for (choice, chance) in choices.iter().zip(&chances) {
        left -= chance;
        if left <= 0.0 {
            return Some((choice.0, choice.1));
        }
    }
    choices.last().map(|choice| (choice.0, choice.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const QUALITY: Communities = Communities::Modularity { resolution: 1.0 };

    fn ring_of_cliques(cliques: u32, size: u32) -> (Network, Vec<u32>) {
        let mut edges = Vec::new();
        for clique in 0..cliques {
            let first = clique * size;
            for b in 1..size {
                edges.extend((0..b).map(|a| (first + a, first + b, 1.0)));
            }
            let next = ((clique + 1) % cliques) * size;
            edges.push((first, next + 1, 1.0));
        }
        let truth = (0..cliques * size).map(|node| node / size).collect();
        (Network::of(place(cliques * size), &edges), truth)
    }

    #[test]
    fn cliques_in_a_ring_are_told_apart_whatever_the_seed() {
        let (network, truth) = ring_of_cliques(12, 6);
        for seed in 0..10 {
            assert_eq!(communities(&network, QUALITY, seed), truth, "seed {seed}");
            let potts = Communities::Potts { resolution: 0.3 };
            assert_eq!(communities(&network, potts, seed), truth, "seed {seed}");
        }
    }

    #[test]
    fn communities_hold_together_and_no_single_move_improves_them() {
        for seed in 0..20 {
            let mut draws = Draws::new(seed);
            let mut edges = Vec::new();
            for b in 1..60_u32 {
                let near = |a: &u32, draws: &mut Draws| {
                    draws.below(100) < if a % 4 == b % 4 { 30 } else { 4 }
                };
                for a in 0..b {
                    if near(&a, &mut draws) {
                        edges.push((a, b, f64::from(1 + draws.below(9))));
                    }
                }
            }
            let network = Network::of(60, &edges);
            let found = communities(&network, QUALITY, seed);
            assert_eq!(found, communities(&network, QUALITY, seed));
            let level = Level::of(&network, QUALITY);
            let quality = level.quality(&found);
            for node in 0..60_u32 {
                for to in found.iter().copied().collect::<BTreeSet<u32>>() {
                    let mut moved = found.clone();
                    moved[place(node)] = to;
                    assert!(level.quality(&moved) <= quality + 1e-9, "seed {seed}, node {node}");
                }
            }
            connected(&network, &found);
        }
    }

    fn connected(network: &Network, found: &[u32]) {
        for group in found.iter().copied().collect::<BTreeSet<u32>>() {
            let members: BTreeSet<u32> =
                (0..number(found.len())).filter(|node| found[place(*node)] == group).collect();
            let mut seen: BTreeSet<u32> = members.iter().take(1).copied().collect();
            let mut open: Vec<u32> = seen.iter().copied().collect();
            while let Some(node) = open.pop() {
                for link in network.links(node).iter().filter(|link| members.contains(&link.0)) {
                    if seen.insert(link.0) {
                        open.push(link.0);
                    }
                }
            }
            assert_eq!(seen, members, "community {group} falls apart");
        }
    }

    #[test]
    fn known_data_give_the_known_quality() {
        // Zachary 1977; the best modularity is 0.4197896 with four communities (Brandes et al. 2008).
        const CLUB: &str = "1-2 1-3 2-3 1-4 2-4 3-4 1-5 1-6 1-7 5-7 6-7 1-8 2-8 3-8 4-8 1-9 3-9 3-10 1-11 5-11 6-11 \
            1-12 1-13 4-13 1-14 2-14 3-14 4-14 6-17 7-17 1-18 2-18 1-20 2-20 1-22 2-22 24-26 25-26 3-28 24-28 25-28 \
            3-29 24-30 27-30 2-31 9-31 1-32 25-32 26-32 29-32 3-33 9-33 15-33 16-33 19-33 21-33 23-33 24-33 30-33 \
            31-33 32-33 9-34 10-34 14-34 15-34 16-34 19-34 20-34 21-34 23-34 24-34 27-34 28-34 29-34 30-34 31-34 \
            32-34 33-34";
        let edge = |text: &str| {
            let (a, b) = text.split_once('-').unwrap();
            (a.parse::<u32>().unwrap() - 1, b.parse::<u32>().unwrap() - 1, 1.0)
        };
        let edges: Vec<(u32, u32, f64)> = CLUB.split_whitespace().map(edge).collect();
        let network = Network::of(34, &edges);
        let level = Level::of(&network, QUALITY);
        let best = (0..10)
            .map(|seed| level.quality(&communities(&network, QUALITY, seed)) / 156.0)
            .fold(0.0, f64::max);
        assert!((best - 0.419_789_6).abs() < 1e-6, "{best}");
    }
}
