//! An order of accounts and objects that does not depend on how they are called.
//!
//! Whatever the engine draws, and every tie that it breaks, follows from the numbers of accounts and objects. Numbers by name
//! would let the answer depend on names: a table that leaves with other pseudonyms could not be recomputed from. So accounts
//! are numbered by what they did. An object's mark is made of the times and posts of its shares, an account's mark of the marks
//! of its objects and the times and posts of its shares; marks are sums, to which the order of the shares is indifferent. Only
//! accounts that did exactly the same, in the same posts, are told apart by their names.

use super::analysis::{Companion, Edge, Group, Watched};
use super::arithmetic::{at, mix, number, place};
use super::events::{Event, Names, Records};

/// Numbers as the engine uses them, and the way back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ranks {
    rank: Vec<u32>,
    of: Vec<u32>,
}

impl Ranks {
    fn by(marks: &[u64]) -> Self {
        let mut of: Vec<u32> = (0..number(marks.len())).collect();
        of.sort_by_key(|&one| (at(marks, place(one)), one));
        let mut rank = vec![0; of.len()];
        for (&one, place_of) in of.iter().zip(0..) {
            if let Some(slot) = rank.get_mut(place(one)) {
                *slot = place_of;
            }
        }
        Self { rank, of }
    }

    /// The number of the records.
    pub(crate) fn back(&self, rank: u32) -> u32 {
        at(&self.of, place(rank))
    }

    /// All numbers of the records, by rank.
    pub(crate) fn all(&self) -> &[u32] {
        &self.of
    }

    fn rank(&self, one: u32) -> u32 {
        at(&self.rank, place(one))
    }
}

/// The order of all accounts, and of the objects of each trace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Order {
    pub(crate) accounts: Ranks,
    pub(crate) objects: Vec<Ranks>,
}

fn mark(event: &Event) -> u64 {
    mix((u64::from(event.time) << 32) | u64::from(event.post))
}

impl Order {
    /// Nothing for records whose source numbers already: there the number is all there is.
    pub(crate) fn of(records: &Records) -> Option<Self> {
        if matches!(records.accounts(), Names::Numbers(_)) {
            return None;
        }
        let mut accounts = vec![0_u64; place(records.accounts().count())];
        let mut objects = Vec::with_capacity(records.traces().len());
        for (traced, kind) in records.traces().iter().zip(0_u64..) {
            let mut marks = vec![0_u64; place(traced.objects.count())];
            for event in &traced.events {
                if let Some(slot) = marks.get_mut(place(event.object)) {
                    *slot = slot.wrapping_add(mark(event));
                }
            }
            for event in &traced.events {
                let object = at(&marks, place(event.object));
                if let Some(slot) = accounts.get_mut(place(event.account)) {
                    *slot = slot.wrapping_add(mix(mix(object ^ mix(kind)) ^ mark(event)));
                }
            }
            objects.push(Ranks::by(&marks));
        }
        Some(Self { accounts: Ranks::by(&accounts), objects })
    }

    /// An event of a trace with the numbers that the engine uses.
    pub(crate) fn event(&self, trace: usize, event: &Event) -> Event {
        let object = self.objects.get(trace).map_or(event.object, |ranks| ranks.rank(event.object));
        Event { object, account: self.accounts.rank(event.account), ..*event }
    }

    /// Puts the numbers of the records back, and everything into their order.
    pub(crate) fn restore(
        &self,
        edges: &mut Vec<Edge>,
        groups: &mut Vec<Group>,
        companions: &mut [Companion],
        watched: &mut [Watched],
    ) {
        let back = |account: &mut u32| *account = self.accounts.back(*account);
        for edge in edges.iter_mut() {
            back(&mut edge.a);
            back(&mut edge.b);
            if edge.a > edge.b {
                turn(edge);
            }
        }
        let edge_of = sorted(edges, |edge| (edge.a, edge.b));
        for group in groups.iter_mut() {
            group.members.iter_mut().for_each(|member| back(&mut member.account));
            group.members.sort_by(|left, right| {
                right.centrality.total_cmp(&left.centrality).then(left.account.cmp(&right.account))
            });
            group.edges.iter_mut().for_each(|edge| *edge = at(&edge_of, *edge));
            group.edges.sort_unstable();
        }
        let group_of = sorted(groups, |group| {
            let first = group.members.iter().map(|member| member.account).min();
            (core::cmp::Reverse(group.members.len()), first)
        });
        for edge in edges.iter_mut() {
            edge.group = edge.group.map(|group| at(&group_of, group));
        }
        for one in companions.iter_mut() {
            back(&mut one.account);
            one.group = one.group.map(|group| at(&group_of, group));
            one.edge = one.edge.map(|edge| at(&edge_of, edge));
        }
        companions
            .sort_by_key(|one| (one.trace, one.group.is_none(), one.group, one.edge, one.account));
        for pair in watched.iter_mut() {
            back(&mut pair.a);
            back(&mut pair.b);
            (pair.a, pair.b) = (pair.a.min(pair.b), pair.a.max(pair.b));
        }
        watched.sort_by(|left, right| {
            let pair = |one: &Watched| (one.a, one.b, one.trace);
            left.p.total_cmp(&right.p).then(pair(left).cmp(&pair(right)))
        });
    }
}

/// The same edge seen from its other end.
fn turn(edge: &mut Edge) {
    core::mem::swap(&mut edge.a, &mut edge.b);
    for told in &mut edge.traces {
        core::mem::swap(&mut told.leads.a, &mut told.leads.b);
        for one in &mut told.exemplars {
            core::mem::swap(&mut one.post_a, &mut one.post_b);
            core::mem::swap(&mut one.time_a, &mut one.time_b);
        }
    }
}

/// Sorts a list; for each old place the new one.
fn sorted<T, K: Ord>(list: &mut Vec<T>, key: impl Fn(&T) -> K) -> Vec<usize> {
    let mut old: Vec<(usize, T)> = list.drain(..).enumerate().collect();
    old.sort_by_key(|one| key(&one.1));
    let mut places = vec![0; old.len()];
    for (new, (was, _)) in old.iter().enumerate() {
        if let Some(slot) = places.get_mut(*was) {
            *slot = new;
        }
    }
    list.extend(old.into_iter().map(|one| one.1));
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordination::arithmetic::Draws;
    use crate::coordination::{Analysis, Builder, Options, Share, Trace, TraceKind, analyse};
    use std::collections::BTreeMap;

    /// Large objects, times in whole minutes (so that many fall together), and a group that acts together.
    fn shares(seed: u64) -> Vec<(u32, u32, i64)> {
        let mut draws = Draws::new(seed);
        let mut all = Vec::new();
        for object in 0..40 {
            let born = i64::from(draws.below(20 * 1_440));
            for _ in 0..520 {
                let account = draws.below(2_500);
                all.push((object, account, born + i64::from(draws.below(400) * draws.below(4))));
            }
            if object % 4 == 0 {
                all.extend((0..6).map(|member| (object, 3_000 + member, born + 200)));
            }
        }
        all
    }

    fn answer(
        shares: &[(u32, u32, i64)],
        account: impl Fn(u32) -> u32,
        object: impl Fn(u32) -> u32,
    ) -> (Records, Analysis) {
        let mut builder = Builder::default();
        let trace = Trace { windows_seconds: vec![60, 1_800], ..Trace::of(TraceKind::Other) };
        let trace = builder.trace(trace);
        for (&(o, a, minute), post) in shares.iter().zip(0..) {
            let (object, account) = (format!("o{:08x}", object(o)), format!("a{:08x}", account(a)));
            let (post, time_seconds) = (&format!("p{post}"), 1_700_000_000 + minute * 60);
            builder.share(trace, &Share { object: &object, account: &account, post, time_seconds });
        }
        let records = builder.finish();
        let answer = analyse(&records, &Options::default()).unwrap();
        (records, answer)
    }

    /// Everything that is said of each pair, by the accounts' own numbers.
    fn told(records: &Records, answer: &Analysis, number: impl Fn(u32) -> u32) -> Vec<String> {
        let names: BTreeMap<String, u32> =
            (0..4_000).map(|one| (format!("a{:08x}", number(one)), one)).collect();
        let name = |account: u32| names[&*records.accounts().name(account)];
        let pairs = answer.edges.iter().map(|edge| {
            let numbers: Vec<String> = edge
                .traces
                .iter()
                .map(|told| {
                    format!(
                        "{:?} {:?} {:?} {:?} {:?} {:?} {}",
                        told.objects,
                        told.p,
                        told.expected_interest,
                        told.q_interest,
                        told.q_gap,
                        told.q_circles,
                        told.days
                    )
                })
                .collect();
            let (a, b) = (name(edge.a), name(edge.b));
            format!("{} {} {:?} {numbers:?}", a.min(b), a.max(b), edge.stability)
        });
        let members = answer.groups.iter().flat_map(|group| {
            group.members.iter().map(|one| format!("{} {:?}", name(one.account), group.level))
        });
        let mut all: Vec<String> = pairs.chain(members).collect();
        all.sort_unstable();
        let copy = answer.shuffled_copy.as_ref().unwrap();
        all.push(format!("{} {}", copy.edges, copy.watched));
        all
    }

    #[test]
    fn whatever_accounts_and_objects_are_called_the_answer_is_the_same() {
        let shares = shares(4);
        let same = |one: u32| one;
        let (records, plain) = answer(&shares, same, same);
        let expected = told(&records, &plain, same);
        assert!(plain.edges.len() >= 15, "{}", plain.edges.len());
        for factor in [0x9e37_79b1, 0x85eb_ca6b] {
            let other = |one: u32| one.wrapping_mul(factor);
            let (records, renamed) = answer(&shares, other, other);
            assert_eq!(told(&records, &renamed, other), expected);
            let edges = renamed.edges.iter().map(|edge| (edge.a, edge.b));
            assert!(edges.clone().is_sorted() && edges.clone().all(|(a, b)| a < b));
            for (index, edge) in renamed.edges.iter().enumerate() {
                if let Some(group) = edge.group {
                    assert!(renamed.groups[group].edges.contains(&index));
                }
                let told = &edge.traces[0];
                let earlier = told.exemplars.iter().filter(|one| one.time_a < one.time_b).count();
                assert!(number(earlier) <= told.leads.a);
            }
        }
    }
}
