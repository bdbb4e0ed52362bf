//! The network of edges: neighbours in sorted lists, what is dense in it, who is central, which edges carry it.

use super::arithmetic::{at, length, number, place};

/// Steps of the power iteration at most.
const CENTRALITY_STEPS: usize = 200;

/// An undirected network without loops. Nodes are numbered from 0; edges keep the order they were given in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Network {
    starts: Vec<usize>,
    /// Neighbour, edge and weight, by neighbour.
    links: Vec<(u32, u32, f64)>,
    ends: Vec<(u32, u32)>,
}

impl Network {
    /// From edges `(node, node, weight)`; no pair twice.
    pub(crate) fn of(nodes: usize, edges: &[(u32, u32, f64)]) -> Self {
        let mut both: Vec<(u32, (u32, u32, f64))> = Vec::with_capacity(edges.len() * 2);
        for (index, &(a, b, weight)) in edges.iter().enumerate() {
            both.push((a, (b, number(index), weight)));
            both.push((b, (a, number(index), weight)));
        }
        both.sort_unstable_by_key(|(node, (other, _, _))| (*node, *other));
        let starts = (0..=nodes).map(|node| both.partition_point(|(n, _)| place(*n) < node));
        Self {
            starts: starts.collect(),
            links: both.into_iter().map(|(_, link)| link).collect(),
            ends: edges.iter().map(|&(a, b, _)| (a, b)).collect(),
        }
    }

    pub(crate) fn nodes(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Neighbour, edge and weight, by neighbour.
    pub(crate) fn links(&self, node: u32) -> &[(u32, u32, f64)] {
        let index = place(node);
        self.links.get(at(&self.starts, index)..at(&self.starts, index + 1)).unwrap_or_default()
    }

    /// The sum of a node's weights.
    pub(crate) fn strength(&self, node: u32) -> f64 {
        self.links(node).iter().map(|link| link.2).sum()
    }

    /// For each edge the k of the densest truss it lies in: every edge of a k-truss closes k − 2 triangles within it
    /// (Cohen 2008). 2 where it closes none.
    pub(crate) fn trusses(&self) -> Vec<u32> {
        let mut support: Vec<u32> = Vec::with_capacity(self.ends.len());
        for &(a, b) in &self.ends {
            let mut triangles = 0;
            self.triangles(a, b, |_, _| triangles += 1);
            support.push(triangles);
        }
        self.peel(support)
    }

    /// Calls back with the two other edges of each triangle over an edge.
    fn triangles(&self, a: u32, b: u32, mut each: impl FnMut(u32, u32)) {
        let (mut left, mut right) = (self.links(a), self.links(b));
        while let (Some((one, rest)), Some((two, other))) =
            (left.split_first(), right.split_first())
        {
            match one.0.cmp(&two.0) {
                core::cmp::Ordering::Less => left = rest,
                core::cmp::Ordering::Greater => right = other,
                core::cmp::Ordering::Equal => {
                    each(one.1, two.1);
                    (left, right) = (rest, other);
                }
            }
        }
    }

    /// Takes away the least supported edges first; an edge leaves with the level it could not hold.
    fn peel(&self, mut support: Vec<u32>) -> Vec<u32> {
        let mut levels: Vec<Vec<u32>> = Vec::new();
        for (edge, &count) in support.iter().enumerate() {
            put(&mut levels, count, number(edge));
        }
        let mut truss = vec![0; support.len()];
        let mut level = 0;
        while level < levels.len() {
            let Some(edge) = levels.get_mut(level).and_then(Vec::pop) else {
                level += 1;
                continue;
            };
            // An edge stands in a list for each support it has had; only the last one counts.
            if at(&truss, place(edge)) != 0 || place(at(&support, place(edge))) > level {
                continue;
            }
            set(&mut truss, edge, number(level) + 2);
            let (a, b) = at(&self.ends, place(edge));
            let mut weaker = Vec::new();
            self.triangles(a, b, |one, two| {
                if at(&truss, place(one)) == 0 && at(&truss, place(two)) == 0 {
                    weaker.extend([one, two]);
                }
            });
            for other in weaker {
                let count = at(&support, place(other));
                if place(count) > level {
                    set(&mut support, other, count - 1);
                    put(&mut levels, count - 1, other);
                }
            }
        }
        truss
    }

    /// How central each node is among its own group (the leading eigenvector of the weights within the group, by power
    /// iteration from an even start; shifted by the identity so that two-sided groups do not swing). At most 1.
    pub(crate) fn centrality(&self, group: &[u32]) -> Vec<f64> {
        let inside = |node: u32| group.binary_search(&node).ok();
        let rows: Vec<Vec<(usize, f64)>> = group
            .iter()
            .map(|&node| {
                let links = self.links(node).iter();
                links.filter_map(|link| inside(link.0).map(|to| (to, link.2))).collect()
            })
            .collect();
        let scale = rows.iter().flatten().map(|link| link.1).fold(0.0, f64::max).max(1e-300);
        let mut values = vec![1.0; group.len()];
        for _ in 0..CENTRALITY_STEPS {
            let next: Vec<f64> = rows
                .iter()
                .zip(&values)
                .map(|(row, own)| {
                    own + row
                        .iter()
                        .map(|(to, weight)| at(&values, *to) * weight / scale)
                        .sum::<f64>()
                })
                .collect();
            let most = next.iter().copied().fold(1e-300, f64::max);
            let next: Vec<f64> = next.into_iter().map(|value| value / most).collect();
            let moved = next.iter().zip(&values).map(|(new, old)| (new - old).abs()).sum::<f64>();
            values = next;
            if moved < 1e-9 {
                break;
            }
        }
        values
    }

    /// For each edge how likely a weight as large would be if each end spread its weights evenly (the disparity filter of
    /// Serrano, Boguñá and Vespignani 2009); the smaller of both ends. An end with one edge says nothing: 1.
    pub(crate) fn disparity(&self, weights: &[f64]) -> Vec<f64> {
        let side = |node: u32, weight: f64| {
            let links = self.links(node).len();
            let share = (weight / self.strength(node).max(1e-300)).min(1.0);
            if links < 2 { 1.0 } else { (1.0 - share).powf(length(links) - 1.0) }
        };
        let pairs = self.ends.iter().zip(weights);
        pairs.map(|(&(a, b), &weight)| side(a, weight).min(side(b, weight))).collect()
    }
}

fn set(list: &mut [u32], index: u32, value: u32) {
    if let Some(slot) = list.get_mut(place(index)) {
        *slot = value;
    }
}

fn put(levels: &mut Vec<Vec<u32>>, level: u32, edge: u32) {
    if levels.len() <= place(level) {
        levels.resize(place(level) + 1, Vec::new());
    }
    if let Some(list) = levels.get_mut(place(level)) {
        list.push(edge);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordination::arithmetic::Draws;

    fn network(edges: &[(u32, u32)]) -> Network {
        let nodes = edges.iter().map(|edge| edge.1 + 1).max().unwrap_or(0);
        let edges: Vec<(u32, u32, f64)> = edges.iter().map(|&(a, b)| (a, b, 1.0)).collect();
        Network::of(place(nodes), &edges)
    }

    #[test]
    fn trusses_are_those_of_the_definition() {
        for seed in 0..20 {
            let mut draws = Draws::new(seed);
            let mut edges = Vec::new();
            for b in 1..14 {
                edges.extend((0..b).filter(|_| draws.below(10) < 5).map(|a| (a, b)));
            }
            let found = network(&edges).trusses();
            for k in 3..8_usize {
                // By the definition: drop what closes too few triangles until nothing changes.
                let mut left = edges.clone();
                loop {
                    let has = |a: u32, b: u32| left.contains(&(a.min(b), a.max(b)));
                    let kept: Vec<(u32, u32)> = left
                        .iter()
                        .copied()
                        .filter(|&(a, b)| {
                            (0..14).filter(|&c| c != a && c != b && has(a, c) && has(b, c)).count()
                                >= k - 2
                        })
                        .collect();
                    if kept.len() == left.len() {
                        break;
                    }
                    left = kept;
                }
                let mine: Vec<(u32, u32)> = edges
                    .iter()
                    .zip(&found)
                    .filter(|(_, truss)| place(**truss) >= k)
                    .map(|(edge, _)| *edge)
                    .collect();
                assert_eq!(mine, left, "seed {seed}, k {k}");
            }
        }
    }

    #[test]
    fn the_middle_of_a_star_is_central_and_its_rim_even() {
        let star = network(&[(0, 1), (0, 2), (0, 3)]);
        let values = star.centrality(&[0, 1, 2, 3]);
        assert!((values[0] - 1.0).abs() < 1e-6);
        assert!((values[1] - 1.0 / 3.0_f64.sqrt()).abs() < 1e-4, "{values:?}");
    }

    #[test]
    fn an_edge_that_takes_nearly_all_of_a_node_carries_the_network() {
        let weights = [100.0, 1.0, 1.0, 1.0];
        let edges: Vec<(u32, u32, f64)> =
            (1..5).zip(weights).map(|(other, weight)| (0, other, weight)).collect();
        let found = Network::of(5, &edges).disparity(&weights);
        assert!(found[0] < 1e-4 && found[1] > 0.9, "{found:?}");
    }
}
