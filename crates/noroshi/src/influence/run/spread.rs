//! `amplification` and `sites`: from the first source of an object to its reach, and which channels had the same things after
//! which others.
//!
//! An order is told and no agreement: agencies are copied by right, and who is first here need not be first in the world.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;

use noroshi_insight::amplification::{
    self, CopyOptions, Link, Network, Passage, Share, Sighting, passages,
};
use noroshi_insight::coordination::export::cell;
use noroshi_insight::copies;
use serde_json::{Value, json};

use super::act::Parameters;
use super::engine::{Came, Ran, held_texts, span};
use super::results::Results;
use super::tables::ROWS_MAX;
use crate::influence::vault::{Vault, VaultFailure};

/// Objects whose spread is told, those of most accounts.
const SPREADS_MAX: usize = 500;
/// Accounts an object has before its spread is told.
const SPREAD_ACCOUNTS_MIN: usize = 3;
/// Posts told of a spread, the first ones.
const FIRST_POSTS: usize = 20;
/// Items told of a link.
const PASSAGES_MAX: usize = 20;
/// Steps of time of a spread.
const STEP_MS: i64 = 3_600_000;
/// Channels that may have had an item before it is everybody's, where channels are accounts: pairs grow with the square.
const ACCOUNTS_OF_ITEM_MAX: usize = 40;
/// Shares looked at in one run; what is beyond is left out and counted.
const SEEN_MAX: usize = 5_000_000;

/// That an item was seen.
struct Seen {
    item: u32,
    account: u32,
    at: i64,
    post: i64,
}

/// Texts by number.
#[derive(Default)]
struct Names {
    all: Vec<String>,
    of: HashMap<String, u32>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.of.get(name) {
            return *number;
        }
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(name.to_owned());
        self.of.insert(name.to_owned(), number);
        number
    }

    fn name(&self, number: u32) -> &str {
        usize::try_from(number).ok().and_then(|at| self.all.get(at)).map_or("", String::as_str)
    }
}

/// Everything a run reads.
#[derive(Default)]
struct Read {
    items: Names,
    accounts: Names,
    channels: Names,
    seen: Vec<Seen>,
    of_post: HashMap<i64, Vec<u32>>,
    left_out: u64,
    texts: u64,
}

impl Read {
    fn add(&mut self, item: &str, account: &str, at: i64, post: i64) {
        if self.seen.len() >= SEEN_MAX {
            self.left_out += 1;
            return;
        }
        let (item, account) = (self.items.number(item), self.accounts.number(account));
        self.seen.push(Seen { item, account, at, post });
    }

    fn of(vault: &Vault, asked: &Parameters) -> Result<Self, VaultFailure> {
        let mut read = Self::default();
        let within = span(asked);
        for (post, channel) in vault.channels(asked.channel(), within)? {
            let channel = read.channels.number(&channel);
            read.of_post.entry(post).or_default().push(channel);
        }
        for trace in &asked.traces {
            if trace == "text" {
                read.clusters(vault, within)?;
            } else {
                vault.shares(trace, within, |object, account, at, post| {
                    let number = post.trim_start_matches('p').parse().unwrap_or(0);
                    read.add(object, account, at, number);
                })?;
            }
        }
        Ok(read)
    }

    /// Near copies are one item, named by what stands for their text: the key of their cluster is a digest that whoever holds
    /// the text can make.
    fn clusters(&mut self, vault: &Vault, within: (i64, i64)) -> Result<(), VaultFailure> {
        let (held, left_out) = held_texts(vault, within)?;
        self.left_out += left_out;
        self.texts += held.len() as u64;
        let posts: Vec<copies::Post<'_>> = held.iter().map(|one| one.post()).collect();
        let options = copies::Options { accounts_min: 1, ..copies::Options::default() };
        for cluster in copies::cluster(&posts, &options).clusters {
            let mark = vault.text_mark(&cluster.key);
            for one in cluster.members.iter().filter_map(|member| held.get(member.post)) {
                self.add(&mark, &one.account, one.at, one.post);
            }
        }
        Ok(())
    }

    fn channels_of(&self, post: i64) -> &[u32] {
        self.of_post.get(&post).map_or(&[], Vec::as_slice)
    }

    fn sightings(&self) -> Vec<Sighting<'_>> {
        let of = |seen: &'_ Seen| {
            let (item, time_ms) = (self.items.name(seen.item), seen.at);
            self.channels_of(seen.post).iter().map(move |channel| Sighting {
                site: self.channels.name(*channel),
                item,
                time_ms,
            })
        };
        self.seen.iter().flat_map(of).collect()
    }

    /// The first post of each item in each channel, to show it by.
    fn shown_by(&self) -> HashMap<(u32, u32), (i64, i64)> {
        let mut first: HashMap<(u32, u32), (i64, i64)> = HashMap::new();
        for seen in &self.seen {
            for channel in self.channels_of(seen.post) {
                let held = first.entry((seen.item, *channel)).or_insert((seen.at, seen.post));
                *held = (seen.at, seen.post).min(*held);
            }
        }
        first
    }

    fn write(&self, sink: &mut impl Write) -> Result<(), VaultFailure> {
        writeln!(sink, "item,account_id,channel,at_ms,content_id")?;
        for seen in &self.seen {
            let (item, account) =
                (cell(self.items.name(seen.item)), self.accounts.name(seen.account));
            let line = |channel: &str| {
                format!("{item},{account},{},{},p{}\n", cell(channel), seen.at, seen.post)
            };
            let channels = self.channels_of(seen.post);
            if channels.is_empty() {
                sink.write_all(line("").as_bytes())?;
            }
            for channel in channels {
                sink.write_all(line(self.channels.name(*channel)).as_bytes())?;
            }
        }
        Ok(())
    }
}

pub(super) fn spread(
    vault: &Vault,
    results: &Results,
    asked: &Parameters,
    sink: &mut impl Write,
) -> Result<Ran, VaultFailure> {
    let read = Read::of(vault, asked)?;
    read.write(sink)?;
    if read.seen.is_empty() {
        return Ok(Err("NRS-INFL-1207".to_owned()));
    }
    let spreads = match asked.engine.as_str() {
        "amplification" => spreads(vault, results, asked, &read)?,
        _ => 0,
    };
    let options = match asked.channel() {
        "account" => CopyOptions { sites_max: ACCOUNTS_OF_ITEM_MAX, ..CopyOptions::default() },
        _ => CopyOptions::default(),
    };
    let sightings = read.sightings();
    let network = amplification::copying(&sightings, &options);
    let went = passages(&sightings, &network.links, &options, PASSAGES_MAX);
    links(results, &read, &network, &went)?;
    firsts(results, &network, &sightings)?;
    Ok(Ok(Came {
        input: String::new(),
        summary: json!({
            "items": read.items.all.len(), "channels": read.channels.all.len(), "links": network.links.len(),
            "chains": network.chains.len(), "spreads": spreads, "passed": network.passed, "left_out": read.left_out,
            "texts": read.texts,
        }),
        watched: Vec::new(),
        oldest: None,
    }))
}

fn links(
    results: &Results,
    read: &Read,
    network: &Network,
    went: &BTreeMap<(String, String), Vec<Passage>>,
) -> Result<(), VaultFailure> {
    let shown_by = read.shown_by();
    let post = |item: &str, channel: &str| {
        let (item, channel) = (read.items.of.get(item)?, read.channels.of.get(channel)?);
        shown_by.get(&(*item, *channel)).map(|(_, post)| *post)
    };
    for (number, link) in (0_i64..).zip(&network.links).take(ROWS_MAX) {
        let key = (link.from.clone(), link.to.clone());
        let evidence: Vec<Value> = went
            .get(&key)
            .into_iter()
            .flatten()
            .map(|one| {
                json!({
                    "item": one.item, "from_at": one.from_ms, "to_at": one.to_ms,
                    "pair": [post(&one.item, &link.from), post(&one.item, &link.to)],
                })
            })
            .collect();
        let mut body = link_body(link);
        if let Some(body) = body.as_object_mut() {
            body.insert("evidence".to_owned(), json!(evidence));
        }
        results.add_find("links", number, &body)?;
    }
    let of: HashMap<(&str, &str), &Link> =
        network.links.iter().map(|link| ((link.from.as_str(), link.to.as_str()), link)).collect();
    for (number, chain) in (0_i64..).zip(&network.chains).take(ROWS_MAX) {
        let steps: Vec<Value> = chain
            .sites
            .iter()
            .zip(chain.sites.iter().skip(1))
            .filter_map(|(from, to)| of.get(&(from.as_str(), to.as_str())))
            .map(|link| link_body(link))
            .collect();
        let body = json!({ "sites": chain.sites, "items": chain.items, "evidence": steps });
        results.add_find("chains", number, &body)?;
    }
    Ok(())
}

fn link_body(link: &Link) -> Value {
    json!({
        "from": link.from, "to": link.to, "items": link.items, "back": link.back, "share": link.share,
        "lag": link.lag_ms_median, "p": link.p,
    })
}

/// Which channel had how many items before all others, and how many in all.
fn firsts(
    results: &Results,
    network: &Network,
    sightings: &[Sighting<'_>],
) -> Result<(), VaultFailure> {
    let held: BTreeSet<(&str, &str)> = sightings.iter().map(|one| (one.site, one.item)).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (site, _) in held {
        *counts.entry(site).or_default() += 1;
    }
    let mut firsts: Vec<(&str, usize)> =
        network.first.iter().map(|(site, first)| (site.as_str(), *first)).collect();
    firsts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(other.0)));
    for (number, (site, first)) in (0_i64..).zip(firsts).take(ROWS_MAX) {
        let held = counts.get(site).copied().unwrap_or(0);
        let body = json!({ "site": site, "first": first, "held": held });
        results.add_find("firsts", number, &body)?;
    }
    Ok(())
}

/// How the objects of most accounts spread. How many objects had enough accounts.
fn spreads(
    vault: &Vault,
    results: &Results,
    asked: &Parameters,
    read: &Read,
) -> Result<usize, VaultFailure> {
    let parents: HashMap<i64, i64> = vault.sources(span(asked))?.into_iter().collect();
    let mut of_item: BTreeMap<u32, Vec<&Seen>> = BTreeMap::new();
    for seen in &read.seen {
        of_item.entry(seen.item).or_default().push(seen);
    }
    let accounts =
        |all: &[&Seen]| all.iter().map(|seen| seen.account).collect::<BTreeSet<_>>().len();
    let mut ranked: Vec<(usize, &str, Vec<&Seen>)> = of_item
        .into_iter()
        .map(|(item, seen)| (accounts(&seen), read.items.name(item), seen))
        .filter(|(accounts, ..)| *accounts >= SPREAD_ACCOUNTS_MIN)
        .collect();
    ranked.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(other.1)));
    for (number, (accounts, item, seen)) in (0_i64..).zip(&mut ranked).take(SPREADS_MAX) {
        seen.sort_by_key(|one| (one.at, one.post));
        let body = spread_body(read, &parents, (*accounts, item, seen));
        results.add_find("spreads", number, &body)?;
    }
    Ok(ranked.len())
}

fn spread_body(
    read: &Read,
    parents: &HashMap<i64, i64>,
    (accounts, item, seen): (usize, &str, &[&Seen]),
) -> Value {
    let ids: Vec<String> = seen.iter().map(|one| one.post.to_string()).collect();
    let parent_ids: Vec<Option<String>> =
        seen.iter().map(|one| parents.get(&one.post).map(ToString::to_string)).collect();
    let held: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    let shares: Vec<Share<'_>> = seen
        .iter()
        .zip(&ids)
        .zip(&parent_ids)
        .map(|((one, id), parent)| Share {
            id,
            account: read.accounts.name(one.account),
            time_ms: one.at,
            // A post may answer one that has nothing to do with this object.
            parent: parent.as_deref().filter(|parent| held.contains(parent)),
            audience: None,
        })
        .collect();
    let reach = amplification::reach(&shares, STEP_MS);
    let first = seen.first();
    let mut known = BTreeSet::new();
    let half = seen
        .iter()
        .find(|one| known.insert(one.account) && known.len() * 2 >= accounts)
        .zip(first)
        .map(|(half, first)| half.at - first.at);
    let channels: BTreeSet<u32> =
        seen.iter().flat_map(|one| read.channels_of(one.post)).copied().collect();
    let evidence: Vec<Value> = seen
        .iter()
        .take(FIRST_POSTS)
        .map(|one| {
            let channel = read.channels_of(one.post).first().map(|at| read.channels.name(*at));
            let account = read.accounts.name(one.account);
            json!({ "at": one.at, "account": account, "channel": channel, "post": one.post })
        })
        .collect();
    let steps: Vec<Value> = thinned(&reach.steps)
        .map(|step| json!({ "until": step.until_ms, "posts": step.posts, "accounts": step.accounts }))
        .collect();
    json!({
        "object": item, "posts": seen.len(), "accounts": accounts, "channels": channels.len(),
        "first": first.map(|one| one.at), "source": first.map(|one| read.accounts.name(one.account)), "half": half,
        "generations": reach.generations.len(), "by_generation": reach.generations,
        "unknown_parent": reach.unknown_parent, "steps": steps, "evidence": evidence,
    })
}

/// At most forty steps, evenly, the last one among them.
fn thinned(steps: &[amplification::Step]) -> impl Iterator<Item = &amplification::Step> {
    let every = steps.len().div_ceil(40).max(1);
    let last = steps.len().saturating_sub(1);
    steps
        .iter()
        .enumerate()
        .filter(move |(at, _)| at % every == every - 1 || *at == last)
        .map(|(_, step)| step)
}
