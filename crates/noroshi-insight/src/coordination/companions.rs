//! Who acts with a group, though with nobody of it often enough to be told as a pair.
//!
//! A pair is tested on its common objects, and a member who missed one of three actions has only two with anybody. What two
//! members of a group shared together is an act of the group, found without looking at any third account; whether an account
//! took part in more of these acts than its activity explains is one test for each group and account, instead of one for each
//! of its pairs. The acts of a group stand in the activity model in the place of the other account's shares: each counts by
//! how long it lasted, so that a long act is met as easily as it is by chance.
//!
//! A companion is no edge and raises no level. It is told beside its group, with what was expected of it.

use core::cmp::Reverse;
use std::collections::BTreeMap;

use super::analysis::{Companion, Edge, Group};
use super::arithmetic::{at, length, ln_poisson_tail, ln_q_values, number, place, probability};
use super::candidates::beside;
use super::chance::{Synchrony, Weights, Witnesses};
use super::events::NO_POST;
use super::options::{Models, Options};
use super::tested::Tested;

/// Acts of a group in which a companion took part at least.
const ACTS_MIN: u32 = 2;

/// An account that shared an object of an act.
#[derive(Debug, Clone, Copy)]
struct Near {
    seed: u32,
    account: u32,
    unit: u32,
    post: u32,
    /// How much longer than a single share the act can be met.
    reach: f64,
    met: bool,
}

/// Groups, and edges that are in none, as lists of accounts.
fn seeds(edges: &[Edge], groups: &[Group]) -> Vec<(Option<usize>, Option<usize>, Vec<u32>)> {
    let of_groups = groups.iter().enumerate().map(|(index, group)| {
        (Some(index), None, group.members.iter().map(|member| member.account).collect())
    });
    let alone = edges.iter().enumerate().filter(|(_, edge)| edge.group.is_none());
    of_groups.chain(alone.map(|(index, edge)| (None, Some(index), vec![edge.a, edge.b]))).collect()
}

/// The companions of all groups, by trace, group and account.
pub(crate) fn of(
    edges: &[Edge],
    groups: &[Group],
    tested: &[Tested],
    options: &Options,
    rate: f64,
) -> Vec<Companion> {
    let seeds = seeds(edges, groups);
    if seeds.is_empty() {
        return Vec::new();
    }
    let accounts = tested.iter().map(|trace| place(trace.kept.accounts)).max().unwrap_or(0);
    let mut of = vec![u32::MAX; accounts];
    for (seed, (.., members)) in (0..).zip(&seeds) {
        for &member in members {
            if let Some(slot) = of.get_mut(place(member)).filter(|slot| **slot == u32::MAX) {
                *slot = seed;
            }
        }
    }
    let mut best: BTreeMap<u32, Companion> = BTreeMap::new();
    for (trace, tested) in tested.iter().enumerate() {
        for window in 0..tested.kept.windows.len() {
            let found = in_window(tested, (trace, window), (&of, seeds.len()), options, rate);
            for (seed, mut one) in found {
                let (group, edge, _) = at_seed(&seeds, seed);
                (one.group, one.edge) = (group, edge);
                let held = best.entry(one.account).or_insert_with(|| one.clone());
                if one.p < held.p {
                    *held = one;
                }
            }
        }
    }
    let mut companions: Vec<Companion> = best.into_values().collect();
    companions
        .sort_by_key(|one| (one.trace, one.group.is_none(), one.group, one.edge, one.account));
    companions
}

fn at_seed(
    seeds: &[(Option<usize>, Option<usize>, Vec<u32>)],
    seed: u32,
) -> (Option<usize>, Option<usize>, usize) {
    seeds.get(place(seed)).map_or((None, None, 0), |one| (one.0, one.1, one.2.len()))
}

fn in_window(
    tested: &Tested,
    (trace, window): (usize, usize),
    (of, seeds): (&[u32], usize),
    options: &Options,
    rate: f64,
) -> Vec<(u32, Companion)> {
    let seconds = at(&tested.kept.windows, window);
    let mut acts = vec![Weights::default(); seeds];
    let mut near: Vec<Near> = Vec::new();
    for (_, unit) in tested.kept.groups() {
        look(tested, unit, (of, seconds), &mut acts, &mut near);
    }
    near.sort_by_key(|one| (one.seed, one.account, Reverse(one.met), one.unit));
    let Some(rates) = tested.rates.get(window) else { return Vec::new() };
    let penalty = length(tested.kept.windows.len()).ln();
    let by_account: Vec<&[Near]> = near
        .chunk_by(|one, next| (one.seed, one.account) == (next.seed, next.account))
        .filter(|own| acts_met(own) >= ACTS_MIN)
        .collect();
    let judged: Vec<(f64, f64)> = by_account
        .iter()
        .filter_map(|own| {
            let first = own.first()?;
            let met = acts_met(own);
            let group = acts.get(place(first.seed))?;
            let expected = rates.acts(&tested.accounts, first.account, group);
            Some((expected, (ln_poisson_tail(expected, met) + penalty).min(0.0)))
        })
        .collect();
    let hypotheses = length(seeds) * super::arithmetic::real(tested.accounts.active(ACTS_MIN));
    let ln_p: Vec<f64> = judged.iter().map(|one| one.1).collect();
    let ln_q = ln_q_values(&ln_p, hypotheses.max(1.0));
    let interest = interest(tested, &by_account, &near, (of, seconds), options);
    by_account
        .iter()
        .zip(&judged)
        .zip(ln_q)
        .zip(interest)
        .filter(|((_, ln_q), q_interest)| *ln_q <= rate.ln() && withstands(options, *q_interest))
        .filter_map(|(((own, (expected, ln_p)), ln_q), q_interest)| {
            let first = own.first()?;
            let met = acts_met(own);
            let one = Companion {
                account: first.account,
                group: None,
                edge: None,
                trace,
                window_seconds: seconds,
                acts: met,
                expected: *expected,
                p: probability(*ln_p),
                q: probability(ln_q),
                q_interest,
            };
            Some((first.seed, one))
        })
        .collect()
}

/// In how many acts an account took part. However many objects of acts one post carries, it is one deed; a share without a post
/// is one of its own.
fn acts_met(own: &[Near]) -> u32 {
    let (mut posts, mut alone) = (Vec::new(), 0);
    for one in own.iter().filter(|one| one.met) {
        if one.post == NO_POST {
            alone += 1;
        } else {
            posts.push(one.post);
        }
    }
    posts.sort_unstable();
    posts.dedup();
    number(posts.len()) + alone
}

/// Shared interest must not explain it either, as with edges.
fn withstands(options: &Options, q_interest: f64) -> bool {
    match options.models {
        Models::Activity => true,
        Models::Confirmed | Models::Both => q_interest <= options.synchrony_false_discovery_max,
    }
}

/// The acts on one object, and who else shared it, near them or not.
fn look(
    tested: &Tested,
    unit: &[super::events::Event],
    (of, seconds): (&[u32], u32),
    acts: &mut [Weights],
    near: &mut Vec<Near>,
) {
    let seed_of = |account: u32| at_or_none(of, account);
    let mut own: Vec<(u32, u32)> =
        unit.iter().filter_map(|event| Some((seed_of(event.account)?, event.time))).collect();
    if own.len() < 2 {
        return;
    }
    own.sort_unstable();
    for run in own.chunk_by(|left, right| left.0 == right.0) {
        let Some(&(seed, _)) = run.first() else { continue };
        let times = together(run, seconds);
        if times.is_empty() {
            continue;
        }
        let parts = reaches(&times, seconds);
        let reach = parts.iter().map(|part| part.1).sum();
        if let Some(acts) = acts.get_mut(place(seed)) {
            for (time, part) in parts {
                *acts.within.entry(tested.kept.slice(time)).or_default() += part;
                beside(&tested.kept, time, seconds, |slice, is_after| {
                    let (before, after) = acts.beside.entry(slice).or_default();
                    *(if is_after { after } else { before }) += part;
                });
            }
        }
        for event in unit.iter().filter(|event| seed_of(event.account).is_none()) {
            let met = is_near(&times, event.time, seconds);
            near.push(Near {
                seed,
                account: event.account,
                unit: event.object,
                post: event.post,
                reach,
                met,
            });
        }
    }
}

fn at_or_none(of: &[u32], account: u32) -> Option<u32> {
    of.get(place(account)).copied().filter(|seed| *seed != u32::MAX)
}

/// The times at which a member shared within the window of another one.
fn together(run: &[(u32, u32)], seconds: u32) -> Vec<u32> {
    let close = |one: Option<&(u32, u32)>, time: u32| {
        one.is_some_and(|other| other.1.abs_diff(time) <= seconds)
    };
    run.iter()
        .enumerate()
        .filter(|(index, one)| {
            let before = index.checked_sub(1).and_then(|index| run.get(index));
            close(before, one.1) || close(run.get(index + 1), one.1)
        })
        .map(|(_, one)| one.1)
        .collect()
}

/// How much longer the times, each with the window around it, last than one time with the window around it: the first time
/// counts whole, each further one by what it adds.
fn reaches(times: &[u32], seconds: u32) -> Vec<(u32, f64)> {
    let whole = (f64::from(seconds) * 2.0).max(1.0);
    let first = times.first().map(|&time| (time, 1.0));
    let further = times
        .iter()
        .zip(times.iter().skip(1))
        .map(|(one, &next)| (next, f64::from(next - one).min(whole) / whole));
    first.into_iter().chain(further).collect()
}

fn is_near(times: &[u32], time: u32, seconds: u32) -> bool {
    let next = times.partition_point(|one| *one < time);
    let close = |one: Option<&u32>| one.is_some_and(|one| one.abs_diff(time) <= seconds);
    close(times.get(next)) || close(next.checked_sub(1).and_then(|index| times.get(index)))
}

/// For each candidate the false discovery rate at which shared interest does not explain it.
fn interest(
    tested: &Tested,
    candidates: &[&[Near]],
    near: &[Near],
    (of, seconds): (&[u32], u32),
    options: &Options,
) -> Vec<f64> {
    if candidates.is_empty() {
        return Vec::new();
    }
    let members = (0..tested.kept.accounts).filter(|&account| at_or_none(of, account).is_some());
    let mut witnesses = Witnesses::of(&tested.kept, &tested.accounts, members, tested.suspicious());
    candidates.iter().flat_map(|own| own.iter()).for_each(|one| witnesses.want(one.unit));
    let (kept, accounts) = (&tested.kept, &tested.accounts);
    let model = Synchrony::learn(kept, accounts, &witnesses, seconds, options.seed);
    let ln_p: Vec<f64> = candidates
        .iter()
        .map(|own| {
            let chance = |one: &Near| (model.chance(one.unit, one.account) * one.reach).min(0.95);
            ln_poisson_tail(own.iter().map(chance).sum(), acts_met(own))
        })
        .collect();
    let common = near
        .chunk_by(|one, next| (one.seed, one.account) == (next.seed, next.account))
        .filter(|own| own.len() >= place(ACTS_MIN))
        .count();
    ln_q_values(&ln_p, length(common).max(1.0)).into_iter().map(f64::exp).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_post_is_one_deed_whatever_it_carries() {
        let near = |post: u32, unit: u32, met: bool| Near {
            seed: 0,
            account: 1,
            unit,
            post,
            reach: 1.0,
            met,
        };
        let own = [near(7, 0, true), near(7, 1, true), near(8, 2, true), near(9, 3, false)];
        assert_eq!(acts_met(&own), 2);
        assert_eq!(acts_met(&[near(NO_POST, 0, true), near(NO_POST, 1, true)]), 2);
    }

    #[test]
    fn an_act_is_what_two_share_and_lasts_as_long_as_it_can_be_met() {
        let run = [(0, 100), (0, 130), (0, 500), (0, 1_000), (0, 1_060)];
        let times = together(&run, 60);
        assert_eq!(times, [100, 130, 1_000, 1_060]);
        let reach =
            |times: &[u32], seconds| reaches(times, seconds).iter().map(|part| part.1).sum::<f64>();
        assert!((reach(&[100], 60) - 1.0).abs() < 1e-12);
        assert!((reach(&[100, 160], 60) - 1.5).abs() < 1e-12);
        assert!((reach(&times, 60) - (1.0 + 0.25 + 1.0 + 0.5)).abs() < 1e-12);
        for (time, near) in [(40, true), (39, false), (190, true), (191, false), (1_120, true)] {
            assert_eq!(is_near(&times, time, 60), near, "{time}");
        }
    }
}
