//! `cadence`: when accounts post, were made, came back after a long silence, and which showed the same name.
//!
//! Described and never added up: there is no figure of an account as a whole, and accounts of which fewer than two measures
//! stand out are told only as a number.

use std::collections::BTreeMap;
use std::io::Write;

use noroshi_insight::cadence::{self, Activity, Burst, Habits};
use noroshi_insight::coordination::export::cell;
use serde_json::{Value, json};

use super::act::Parameters;
use super::engine::{Came, Ran, span};
use super::results::Results;
use super::tables::ROWS_MAX;
use crate::influence::vault::{Vault, VaultFailure};

/// Posts looked at in one run; those of the last accounts are left out beyond, and counted.
const POSTS_MAX: usize = 10_000_000;
/// Measures that stand out before an account is told one by one.
const MEASURES_MIN: usize = 2;
/// Accounts told of a burst.
const BURST_TOLD: usize = 500;

/// Posts with numbers for names.
#[derive(Default)]
struct Held {
    accounts: Vec<String>,
    clients: Vec<String>,
    posts: Vec<(usize, i64, Option<usize>, Option<i64>)>,
    left_out: u64,
}

impl Held {
    fn of(vault: &Vault, within: (i64, i64)) -> Result<Self, VaultFailure> {
        let mut held = Self::default();
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        vault.posted(within, |post| {
            if held.posts.len() >= POSTS_MAX {
                held.left_out += 1;
                return;
            }
            if held.accounts.last().map(String::as_str) != Some(post.account) {
                held.accounts.push(post.account.to_owned());
            }
            let client = post.client.map(|client| {
                *known.entry(client.to_owned()).or_insert_with(|| {
                    held.clients.push(client.to_owned());
                    held.clients.len() - 1
                })
            });
            held.posts.push((held.accounts.len() - 1, post.at, client, post.source));
        })?;
        Ok(held)
    }

    fn activities(&self) -> Vec<Activity<'_>> {
        let of =
            |(account, time_ms, client, source_ms): &(usize, i64, Option<usize>, Option<i64>)| {
                Some(Activity {
                    account: self.accounts.get(*account)?,
                    time_ms: *time_ms,
                    client: client.and_then(|client| self.clients.get(client)).map(String::as_str),
                    source_ms: *source_ms,
                })
            };
        self.posts.iter().filter_map(of).collect()
    }
}

pub(super) fn cadence(
    vault: &Vault,
    results: &Results,
    asked: &Parameters,
    sink: &mut impl Write,
) -> Result<Ran, VaultFailure> {
    let held = Held::of(vault, span(asked))?;
    let posts = held.activities();
    let made = vault.made()?;
    let names = vault.shown_names()?;
    write_read(sink, &posts, &made, &names)?;
    let habits = cadence::cadence(&posts);
    let created: BTreeMap<&str, i64> =
        made.iter().map(|(account, at)| (account.as_str(), *at)).collect();
    let sleepers = cadence::sleepers(&posts, &created);
    for (number, one) in (0_i64..).zip(&sleepers).take(ROWS_MAX) {
        let body = json!({
            "account": one.account, "silent_from": one.silent_from_ms, "woke": one.woke_ms, "before": one.posts_before,
            "after": one.posts_after,
        });
        results.add_find("sleepers", number, &body)?;
    }
    let creations = bursts(results, "creations", &made)?;
    let woke: Vec<(String, i64)> =
        sleepers.iter().map(|one| (one.account.clone(), one.woke_ms)).collect();
    let returns = bursts(results, "returns", &woke)?;
    let outstanding = rhythms(results, &habits)?;
    shifts(results, &habits)?;
    let shared = shown_names(results, &names)?;
    Ok(Ok(Came {
        input: String::new(),
        summary: json!({
            "posts": held.posts.len(), "left_out": held.left_out, "accounts": held.accounts.len(),
            "described": habits.accounts.len(), "too_few": habits.too_few, "outstanding": outstanding,
            "made_known": made.len(), "creations": creations, "returns": returns, "sleepers": sleepers.len(),
            "names": shared,
        }),
        watched: Vec::new(),
        oldest: None,
    }))
}

/// What was read, one line a fact, so that another team can do the same.
fn write_read(
    sink: &mut impl Write,
    posts: &[Activity<'_>],
    made: &[(String, i64)],
    names: &[(String, String, i64, i64)],
) -> Result<(), VaultFailure> {
    writeln!(sink, "kind,account_id,at_ms,client,source_at_ms")?;
    for post in posts {
        let client = cell(post.client.unwrap_or_default());
        let source = post.source_ms.map_or_else(String::new, |at| at.to_string());
        writeln!(sink, "post,{},{},{client},{source}", post.account, post.time_ms)?;
    }
    for (account, at) in made {
        writeln!(sink, "made,{account},{at},,")?;
    }
    for (name, account, first, _) in names {
        writeln!(sink, "name,{account},{first},{name},")?;
    }
    Ok(())
}

/// Bursts among moments of accounts, each with the accounts in it. How many there are.
fn bursts(
    results: &Results,
    table: &str,
    moments: &[(String, i64)],
) -> Result<usize, VaultFailure> {
    let times: Vec<i64> = moments.iter().map(|(_, at)| *at).collect();
    let mut found = cadence::bursts(&times);
    found.sort_by(|one, other| one.p.total_cmp(&other.p).then(one.from_ms.cmp(&other.from_ms)));
    for (number, burst) in (0_i64..).zip(&found).take(ROWS_MAX) {
        results.add_find(table, number, &burst_body(burst, moments))?;
    }
    Ok(found.len())
}

fn burst_body(burst: &Burst, moments: &[(String, i64)]) -> Value {
    let mut within: Vec<&(String, i64)> =
        moments.iter().filter(|(_, at)| (burst.from_ms..=burst.to_ms).contains(at)).collect();
    within.sort_by_key(|(account, at)| (*at, account.clone()));
    let evidence: Vec<Value> = within
        .iter()
        .take(BURST_TOLD)
        .map(|(account, at)| json!({ "account": account, "at": at }))
        .collect();
    json!({
        "from": burst.from_ms, "until": burst.to_ms, "window": burst.window_ms, "accounts": burst.events,
        "expected": burst.expected, "p": burst.p, "evidence": evidence,
    })
}

fn rhythms(results: &Results, habits: &Habits) -> Result<usize, VaultFailure> {
    let mut told: Vec<_> = habits
        .accounts
        .iter()
        .map(|habit| (habit.outstanding(), habit))
        .filter(|(measures, _)| measures.len() >= MEASURES_MIN)
        .collect();
    told.sort_by(|(one, habit), (other, theirs)| {
        other.len().cmp(&one.len()).then_with(|| habit.account.cmp(&theirs.account))
    });
    for (number, (measures, habit)) in (0_i64..).zip(&told).take(ROWS_MAX) {
        let evidence: Vec<Value> = habit
            .features
            .iter()
            .map(|one| {
                json!({
                    "measure": one.measure.name(), "value": one.value, "less_regular": one.less_regular,
                    "among": one.among,
                })
            })
            .collect();
        let measures: Vec<&str> = measures.iter().map(|one| one.name()).collect();
        let body = json!({
            "account": habit.account, "posts": habit.posts, "measures": measures, "evidence": evidence,
            "hours": habit.hours, "weekend": habit.weekend, "possible": habit.shift.possible,
        });
        results.add_find("rhythms", number, &body)?;
    }
    Ok(told.len())
}

/// How many accounts have their day turned by how much: numbers only, because a turn is no place and no person.
fn shifts(results: &Results, habits: &Habits) -> Result<(), VaultFailure> {
    let mut turns: BTreeMap<u8, (usize, usize)> = BTreeMap::new();
    for habit in &habits.accounts {
        let turn = turns.entry(habit.shift.hours).or_default();
        turn.0 += 1;
        turn.1 += usize::from(habit.shift.possible.len() <= 3);
    }
    for (hours, (accounts, sure)) in turns {
        let body = json!({ "hours": hours, "accounts": accounts, "sure": sure });
        results.add_find("shifts", i64::from(hours), &body)?;
    }
    Ok(())
}

fn shown_names(
    results: &Results,
    names: &[(String, String, i64, i64)],
) -> Result<usize, VaultFailure> {
    let groups: Vec<_> = names.chunk_by(|one, next| one.0 == next.0).collect();
    for (number, group) in (0_i64..).zip(&groups).take(ROWS_MAX) {
        let evidence: Vec<Value> = group
            .iter()
            .map(|(_, account, first, last)| json!({ "account": account, "first": first, "last": last }))
            .collect();
        let body = json!({
            "name": group.first().map(|one| &one.0), "accounts": group.len(),
            "first": group.iter().map(|one| one.2).min(), "last": group.iter().map(|one| one.3).max(),
            "evidence": evidence,
        });
        results.add_find("names", number, &body)?;
    }
    Ok(groups.len())
}
