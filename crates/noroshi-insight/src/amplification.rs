//! From the first source to those who pass it on: how far a text or an object got, which sites copy which, and which sites
//! hang together by what they run on.
//!
//! Everything is a description of who had what when. That one site had a text before another shows an order and not an
//! agreement: agencies are copied by right, and the first in the data need not be the first in the world.

use std::collections::{BTreeMap, BTreeSet};

/// A post or page with an object: a link, a text cluster, a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share<'a> {
    /// Names the post.
    pub id: &'a str,
    /// Who posted.
    pub account: &'a str,
    /// When, in milliseconds since 1970 in UTC.
    pub time_ms: i64,
    /// The post that this one passes on, where the platform says so.
    pub parent: Option<&'a str>,
    /// How many may have seen it, where somebody counted.
    pub audience: Option<u64>,
}

/// How an object spread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// The first post with it.
    pub first: Option<String>,
    /// How many posts are of each generation: posts that pass on nothing, posts that pass on these, and so on. The last of
    /// [`GENERATIONS_MAX`] also counts what lies beyond.
    pub generations: Vec<usize>,
    /// Posts that pass on a post that is not among those given, or in a circle. They have no generation.
    pub unknown_parent: usize,
    /// The state after each step of time, up to the last post.
    pub steps: Vec<Step>,
    /// Posts whose name another had before; they are left out.
    pub repeated: usize,
}

/// How far an object had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The end of the step.
    pub until_ms: i64,
    /// Posts so far.
    pub posts: usize,
    /// Different accounts so far.
    pub accounts: usize,
    /// The sum of the audiences that were counted; people who saw two posts are in it twice.
    pub audience: u64,
}

/// Generations that are told apart.
pub const GENERATIONS_MAX: usize = 64;
/// Steps that are told apart.
pub const STEPS_MAX: usize = 1_000;

/// How an object spread, in steps of `step_ms` (made longer if there were more than [`STEPS_MAX`]). The order of `shares` does
/// not matter.
///
/// ```
/// use noroshi_insight::amplification::{Share, reach};
/// let share = |id, account, time_ms, parent| Share { id, account, time_ms, parent, audience: Some(10) };
/// let shares = [share("2", "b", 20, Some("1")), share("1", "a", 5, None), share("3", "b", 40, Some("2"))];
/// let reach = reach(&shares, 20);
/// assert_eq!((reach.first.as_deref(), reach.generations.as_slice()), (Some("1"), &[1, 1, 1][..]));
/// assert_eq!(reach.steps.iter().map(|step| step.accounts).collect::<Vec<_>>(), [2, 2]);
/// ```
pub fn reach(shares: &[Share<'_>], step_ms: i64) -> Reach {
    let mut ordered = shares.to_vec();
    ordered.sort_by_key(|share| (share.time_ms, share.id, share.account));
    let mut seen = BTreeSet::new();
    ordered.retain(|share| seen.insert(share.id));
    let by_id: BTreeMap<&str, Share<'_>> = ordered.iter().map(|share| (share.id, *share)).collect();
    let mut reach = Reach {
        first: ordered.first().map(|share| share.id.to_owned()),
        repeated: shares.len() - ordered.len(),
        steps: steps(&ordered, step_ms),
        ..Reach::default()
    };
    let mut known: BTreeMap<&str, Option<usize>> = BTreeMap::new();
    for share in &ordered {
        match generation(share, &by_id, &mut known) {
            Some(place) => {
                let place = place.min(GENERATIONS_MAX - 1);
                if reach.generations.len() <= place {
                    reach.generations.resize(place + 1, 0);
                }
                if let Some(posts) = reach.generations.get_mut(place) {
                    *posts += 1;
                }
            }
            None => reach.unknown_parent += 1,
        }
    }
    reach
}

/// How many posts lie between a post and one that passes on nothing.
fn generation<'a>(
    share: &Share<'a>,
    by_id: &BTreeMap<&'a str, Share<'a>>,
    known: &mut BTreeMap<&'a str, Option<usize>>,
) -> Option<usize> {
    let mut way = Vec::new();
    let mut passed = BTreeSet::new();
    let mut at = *share;
    let found = loop {
        if let Some(known) = known.get(at.id) {
            break *known;
        }
        if !passed.insert(at.id) {
            break None;
        }
        way.push(at.id);
        match at.parent.map(|parent| by_id.get(parent)) {
            None => {
                way.pop();
                known.insert(at.id, Some(0));
                break Some(0);
            }
            Some(None) => break None,
            Some(Some(parent)) => at = *parent,
        }
    };
    let mut generation = found;
    for id in way.into_iter().rev() {
        generation = generation.map(|one| one + 1);
        known.insert(id, generation);
    }
    known.get(share.id).copied().flatten()
}

fn steps(ordered: &[Share<'_>], step_ms: i64) -> Vec<Step> {
    let (Some(first), Some(last)) = (ordered.first(), ordered.last()) else { return Vec::new() };
    let most = i64::try_from(STEPS_MAX).unwrap_or(i64::MAX);
    let width = last.time_ms.saturating_sub(first.time_ms) / most + 1;
    let step_ms = step_ms.max(width).max(1);
    let mut steps: Vec<Step> = Vec::new();
    let mut accounts = BTreeSet::new();
    let (mut posts, mut audience) = (0, 0_u64);
    for share in ordered {
        let number = share.time_ms.saturating_sub(first.time_ms) / step_ms + 1;
        let until_ms = first.time_ms.saturating_add(number.saturating_mul(step_ms));
        accounts.insert(share.account);
        posts += 1;
        audience = audience.saturating_add(share.audience.unwrap_or(0));
        let step = Step { until_ms, posts, accounts: accounts.len(), audience };
        match steps.last_mut().filter(|last| last.until_ms == until_ms) {
            Some(last) => *last = step,
            None => steps.push(step),
        }
    }
    steps
}

/// That a site had a text or another object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting<'a> {
    /// The site: a registrable domain or a channel.
    pub site: &'a str,
    /// What it had, such as the key of a text cluster.
    pub item: &'a str,
    /// When it was first seen there, in milliseconds since 1970 in UTC.
    pub time_ms: i64,
}

/// What makes a link between sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyOptions {
    /// A copy comes at most so much later.
    pub lag_ms_max: i64,
    /// So many items have gone that way at least.
    pub items_min: usize,
    /// Items that more sites had are everybody's; they are counted and left out.
    pub sites_max: usize,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self { lag_ms_max: 7 * 86_400_000, items_min: 3, sites_max: 200 }
    }
}

/// That a site had items after another.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Who had them first.
    pub from: String,
    /// Who had them later.
    pub to: String,
    /// How many items went this way.
    pub items: usize,
    /// How many went the other way.
    pub back: usize,
    /// The part of all items of `to` that went this way, from 0 to 1.
    pub share: f64,
    /// The median time between the two, in milliseconds.
    pub lag_ms_median: i64,
    /// Probability of a direction at least so clear if each were as likely (one-sided sign test).
    pub p: f64,
}

/// Sites one behind the other through which the same items went in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The sites from the first to the last, at least three.
    pub sites: Vec<String>,
    /// How many items went all the way in this order.
    pub items: usize,
}

/// Who copies whom.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Network {
    /// The links with a clear direction, those with most items first.
    pub links: Vec<Link>,
    /// Chains along the links, the longest first. A part of a chain that as many items went is not told apart from it.
    pub chains: Vec<Chain>,
    /// How many items each site had before all others, by site. Items that two had at the same time have no first.
    pub first: BTreeMap<String, usize>,
    /// Items that more sites had than are looked at.
    pub passed: usize,
}

/// A direction is clear if it is less probable than this by chance.
const DIRECTION_P_MAX: f64 = 0.05;
/// Sites in a chain at most.
const CHAIN_SITES_MAX: usize = 6;
/// Chains that are told at most, and ways of each length that are made longer.
pub const CHAINS_MAX: usize = 1_000;

/// Who copies whom: of each pair of sites, how many items went from one to the other and in what time.
///
/// ```
/// use noroshi_insight::amplification::{CopyOptions, Sighting, copying};
/// let items: Vec<String> = (0..6).map(|item| format!("item {item}")).collect();
/// let seen: Vec<Sighting> = (0_i64..).zip(&items).flat_map(|(day, item)| {
///     [("source.example", 0), ("relay.example", 60_000), ("paper.example", 200_000)]
///         .map(|(site, lag)| Sighting { site, item, time_ms: day * 86_400_000 + lag })
/// }).collect();
/// let network = copying(&seen, &CopyOptions::default());
/// assert_eq!(network.chains[0].sites, ["source.example", "relay.example", "paper.example"]);
/// assert_eq!((network.links.len(), network.first["source.example"]), (3, 6));
/// ```
pub fn copying(sightings: &[Sighting<'_>], options: &CopyOptions) -> Network {
    let mut network = Network::default();
    let items = items(sightings);
    let mut held: BTreeMap<&str, usize> = BTreeMap::new();
    let mut lags: BTreeMap<(&str, &str), Vec<i64>> = BTreeMap::new();
    for sites in items.values() {
        for (site, _) in sites {
            *held.entry(site).or_default() += 1;
        }
        if sites.len() > options.sites_max {
            network.passed += 1;
            continue;
        }
        if let [(site, time), others @ ..] = sites.as_slice()
            && others.first().is_some_and(|(_, next)| next > time)
        {
            *network.first.entry((*site).to_owned()).or_default() += 1;
        }
        for (place, (from, start)) in sites.iter().enumerate() {
            for (to, time) in sites.iter().skip(place + 1) {
                let lag = time.saturating_sub(*start);
                if lag > 0 && lag <= options.lag_ms_max {
                    lags.entry((from, to)).or_default().push(lag);
                }
            }
        }
    }
    network.links = links(&lags, &held, options);
    network.chains = chains(&network.links, &items, options);
    network
}

/// An item on its way from one site to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The item.
    pub item: String,
    /// When the first of the two had it, in milliseconds since 1970 in UTC.
    pub from_ms: i64,
    /// When the second had it.
    pub to_ms: i64,
}

/// The items behind the links, by the two sites, in the order of time, at most `passages_max` of each link: what [`copying`]
/// counted. Give it the same sightings and options.
///
/// ```
/// use noroshi_insight::amplification::{CopyOptions, Sighting, copying, passages};
/// let items = ["one", "two", "three"];
/// let seen: Vec<Sighting> = (0_i64..).zip(items).flat_map(|(day, item)| {
///     [("source.example", 0), ("copy.example", 60_000)]
///         .map(|(site, lag)| Sighting { site, item, time_ms: day * 86_400_000 + lag })
/// }).collect();
/// let links = copying(&seen, &CopyOptions::default()).links;
/// let went = passages(&seen, &links, &CopyOptions::default(), 2);
/// assert_eq!(went[&("source.example".to_owned(), "copy.example".to_owned())][0].item, "one");
/// ```
pub fn passages(
    sightings: &[Sighting<'_>],
    links: &[Link],
    options: &CopyOptions,
    passages_max: usize,
) -> BTreeMap<(String, String), Vec<Passage>> {
    let mut went: BTreeMap<(String, String), Vec<Passage>> =
        links.iter().map(|link| ((link.from.clone(), link.to.clone()), Vec::new())).collect();
    let linked: BTreeSet<(&str, &str)> =
        links.iter().map(|link| (link.from.as_str(), link.to.as_str())).collect();
    let items = items(sightings);
    let mut ordered: Vec<(&&str, &Vec<(&str, i64)>)> =
        items.iter().filter(|(_, sites)| sites.len() <= options.sites_max).collect();
    ordered.sort_by_key(|(item, sites)| (sites.first().map(|(_, time)| *time), **item));
    for (item, sites) in ordered {
        for (place, (from, start)) in sites.iter().enumerate() {
            for (to, time) in sites.iter().skip(place + 1) {
                let lag = time.saturating_sub(*start);
                if lag <= 0 || lag > options.lag_ms_max || !linked.contains(&(*from, *to)) {
                    continue;
                }
                let Some(held) = went.get_mut(&((*from).to_owned(), (*to).to_owned())) else {
                    continue;
                };
                if held.len() < passages_max {
                    let item = (*item).to_owned();
                    held.push(Passage { item, from_ms: *start, to_ms: *time });
                }
            }
        }
    }
    went
}

/// For each item the sites that had it, by time.
fn items<'a>(sightings: &[Sighting<'a>]) -> BTreeMap<&'a str, Vec<(&'a str, i64)>> {
    let mut first: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for sighting in sightings {
        let time = first.entry((sighting.item, sighting.site)).or_insert(sighting.time_ms);
        *time = sighting.time_ms.min(*time);
    }
    let mut items: BTreeMap<&str, Vec<(&str, i64)>> = BTreeMap::new();
    for ((item, site), time) in first {
        items.entry(item).or_default().push((site, time));
    }
    for sites in items.values_mut() {
        sites.sort_by_key(|(site, time)| (*time, *site));
    }
    items
}

fn links(
    lags_by_pair: &BTreeMap<(&str, &str), Vec<i64>>,
    held: &BTreeMap<&str, usize>,
    options: &CopyOptions,
) -> Vec<Link> {
    let mut links: Vec<Link> = lags_by_pair
        .iter()
        .filter(|(_, lags)| lags.len() >= options.items_min)
        .filter_map(|((from, to), lags)| {
            let back = lags_by_pair.get(&(*to, *from)).map_or(0, Vec::len);
            let p = sign_test(lags.len(), back);
            let mut lags = lags.clone();
            lags.sort_unstable();
            Some(Link {
                from: (*from).to_owned(),
                to: (*to).to_owned(),
                items: lags.len(),
                back,
                share: part(lags.len(), *held.get(to)?),
                lag_ms_median: *lags.get(lags.len() / 2)?,
                p,
            })
        })
        // Three of three are the fewest that are asked for and not clear by themselves: no exchange is needed then.
        .filter(|link| link.p < DIRECTION_P_MAX || link.back == 0)
        .collect();
    links.sort_by(|one, other| {
        let names = |link: &Link| (link.from.clone(), link.to.clone());
        other.items.cmp(&one.items).then_with(|| names(one).cmp(&names(other)))
    });
    links
}

#[expect(clippy::cast_precision_loss, reason = "numbers of items are far below 2^53")]
fn part(some: usize, all: usize) -> f64 {
    some as f64 / all.max(1) as f64
}

/// P[Binomial(there + back, ½) ≥ there], in logarithms so that many items are no matter.
fn sign_test(there: usize, back: usize) -> f64 {
    let all = there + back;
    let mut choose = 0.0;
    let mut tail = 0.0;
    // From all of one side downwards: C(n, k) = C(n, k + 1) · (k + 1) / (n − k).
    for k in (there..=all).rev() {
        tail += (choose - part(all, 1) * core::f64::consts::LN_2).exp();
        choose += part(k, all - k + 1).ln();
    }
    tail.min(1.0)
}

/// Ways along the links that the same items went.
fn chains(
    links: &[Link],
    items: &BTreeMap<&str, Vec<(&str, i64)>>,
    options: &CopyOptions,
) -> Vec<Chain> {
    let linked: BTreeSet<(&str, &str)> =
        links.iter().map(|link| (link.from.as_str(), link.to.as_str())).collect();
    // The ways so far and the items that went each. All ways of one length are made longer by one site at a time.
    let mut ways: BTreeMap<Vec<&str>, BTreeSet<&str>> = BTreeMap::new();
    for (item, sites) in items.iter().filter(|(_, sites)| sites.len() <= options.sites_max) {
        for (place, (from, start)) in sites.iter().enumerate() {
            for (to, time) in sites.iter().skip(place + 1) {
                if time > start && linked.contains(&(*from, *to)) {
                    ways.entry(vec![from, to]).or_default().insert(item);
                }
            }
        }
    }
    let mut chains: Vec<Chain> = Vec::new();
    for _ in 2..CHAIN_SITES_MAX {
        ways = longer(&ways, items, &linked, options);
        chains.extend(ways.iter().map(|(way, items)| Chain {
            sites: way.iter().map(|site| (*site).to_owned()).collect(),
            items: items.len(),
        }));
    }
    chains.sort_by(|one, other| {
        let size = |chain: &Chain| (chain.sites.len(), chain.items);
        size(other).cmp(&size(one)).then_with(|| one.sites.cmp(&other.sites))
    });
    let mut kept: Vec<Chain> = Vec::new();
    for chain in chains {
        let is_part =
            |whole: &Chain| whole.items >= chain.items && within(&chain.sites, &whole.sites);
        if kept.len() < CHAINS_MAX && !kept.iter().any(is_part) {
            kept.push(chain);
        }
    }
    kept
}

/// Whether the sites stand in the whole in the same order.
fn within(part: &[String], whole: &[String]) -> bool {
    let mut sites = whole.iter();
    part.iter().all(|site| sites.any(|other| other == site))
}

fn longer<'a>(
    ways: &BTreeMap<Vec<&'a str>, BTreeSet<&'a str>>,
    items: &BTreeMap<&'a str, Vec<(&'a str, i64)>>,
    linked: &BTreeSet<(&str, &str)>,
    options: &CopyOptions,
) -> BTreeMap<Vec<&'a str>, BTreeSet<&'a str>> {
    let mut more: BTreeMap<Vec<&'a str>, BTreeSet<&'a str>> = BTreeMap::new();
    let ways = ways.iter().filter(|(_, went)| went.len() >= options.items_min).take(CHAINS_MAX);
    for (way, went) in ways {
        let Some(last) = way.last() else { continue };
        for item in went {
            let sites = items.get(item).map(Vec::as_slice).unwrap_or_default();
            let since = sites.iter().find(|(site, _)| site == last).map(|(_, time)| *time);
            for (next, time) in sites {
                if Some(*time) > since && linked.contains(&(*last, *next)) {
                    let mut way = way.clone();
                    way.push(next);
                    more.entry(way).or_default().insert(item);
                }
            }
        }
    }
    more.retain(|_, went| went.len() >= options.items_min);
    more
}

/// That a site uses something: an address, a certificate, a name server, the number of a counter, a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use<'a> {
    /// The site.
    pub site: &'a str,
    /// What it uses, with its kind, such as `counter:K-1`.
    pub asset: &'a str,
}

/// Sites that hang together by what they use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// The sites by name.
    pub sites: Vec<String>,
    /// What two or more of them use, and by how many.
    pub assets: Vec<(String, usize)>,
}

/// Families of sites, and what was not followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Families {
    /// The families, the largest first.
    pub families: Vec<Family>,
    /// What more sites use than are followed, and how many: hosting that thousands share ties nobody together.
    pub passed: Vec<(String, usize)>,
}

/// Puts sites together that share something which at most `sites_max` sites use.
///
/// ```
/// use noroshi_insight::amplification::{Use, families};
/// let uses = [("a.example", "counter:K-1"), ("b.example", "counter:K-1"), ("b.example", "address:203.0.113.9"),
///     ("c.example", "address:203.0.113.9"), ("d.example", "address:203.0.113.7")].map(|(site, asset)| Use { site, asset });
/// let found = families(&uses, 50);
/// assert_eq!(found.families[0].sites, ["a.example", "b.example", "c.example"]);
/// assert_eq!(found.families[0].assets.len(), 2);
/// ```
pub fn families(uses: &[Use<'_>], sites_max: usize) -> Families {
    let mut having: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for one in uses {
        having.entry(one.asset).or_default().insert(one.site);
    }
    having.retain(|asset, sites| sites.len() > 1 && !asset.is_empty());
    let mut found = Families::default();
    let mut family_of: BTreeMap<&str, usize> = BTreeMap::new();
    let mut families: Vec<(BTreeSet<&str>, BTreeMap<&str, usize>)> = Vec::new();
    for (asset, sites) in &having {
        if sites.len() > sites_max {
            found.passed.push(((*asset).to_owned(), sites.len()));
            continue;
        }
        let known: BTreeSet<usize> =
            sites.iter().filter_map(|site| family_of.get(site).copied()).collect();
        let mut joined = (sites.clone(), BTreeMap::from([(*asset, sites.len())]));
        for place in known {
            if let Some(family) = families.get_mut(place) {
                let (sites, assets) = core::mem::take(family);
                joined.0.extend(sites);
                joined.1.extend(assets);
            }
        }
        for site in &joined.0 {
            family_of.insert(site, families.len());
        }
        families.push(joined);
    }
    found.families = families
        .into_iter()
        .filter(|(sites, _)| !sites.is_empty())
        .map(|(sites, assets)| Family {
            sites: sites.into_iter().map(str::to_owned).collect(),
            assets: assets.into_iter().map(|(asset, sites)| (asset.to_owned(), sites)).collect(),
        })
        .collect();
    found.families.sort_by(|one, other| {
        other.sites.len().cmp(&one.sites.len()).then_with(|| one.sites.cmp(&other.sites))
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share<'a>(id: &'a str, time_ms: i64, parent: Option<&'a str>) -> Share<'a> {
        Share { id, account: id, time_ms, parent, audience: None }
    }

    #[test]
    fn generations_circles_and_unknown_parents_are_counted() {
        let shares = [
            share("d", 9, Some("c")),
            share("a", 1, None),
            share("b", 2, Some("a")),
            share("c", 3, Some("b")),
            share("b2", 4, Some("a")),
            share("lost", 5, Some("elsewhere")),
            share("round", 6, Some("trip")),
            share("trip", 7, Some("round")),
            share("a", 8, None),
        ];
        let found = reach(&shares, 1_000);
        assert_eq!(found.generations, [1, 2, 1, 1]);
        assert_eq!((found.unknown_parent, found.repeated), (3, 1));
        assert_eq!(found.steps.last().map(|step| step.posts), Some(8));
        let mut turned = shares;
        turned.reverse();
        assert_eq!(reach(&turned, 1_000), found);
    }

    #[test]
    fn a_long_time_has_few_steps() {
        let names: Vec<String> = (0..5_000).map(|one| one.to_string()).collect();
        let shares: Vec<Share<'_>> =
            (0..).zip(&names).map(|(at, name)| share(name, at * 86_400_000, None)).collect();
        let found = reach(&shares, 1_000);
        assert!(found.steps.len() <= STEPS_MAX);
        assert_eq!(found.steps.last().map(|step| step.posts), Some(5_000));
        let far = [share("a", i64::MIN, None), share("b", i64::MAX, None)];
        assert_eq!(reach(&far, 1).steps.last().map(|step| step.posts), Some(2));
    }

    #[test]
    fn a_site_that_is_first_as_often_as_last_copies_nobody() {
        let items: Vec<String> = (0..20).map(|item| item.to_string()).collect();
        let mut seen = Vec::new();
        for (at, item) in (0_i64..).zip(&items) {
            let (one, other) = if at % 2 == 0 { ("a", "b") } else { ("b", "a") };
            seen.push(Sighting { site: one, item, time_ms: at * 1_000_000 });
            seen.push(Sighting { site: other, item, time_ms: at * 1_000_000 + 60_000 });
            seen.push(Sighting { site: "copy", item, time_ms: at * 1_000_000 + 90_000 });
        }
        let network = copying(&seen, &CopyOptions::default());
        let links: Vec<_> = network
            .links
            .iter()
            .map(|link| (link.from.as_str(), link.to.as_str(), link.items, link.lag_ms_median))
            .collect();
        assert_eq!(links, [("a", "copy", 20, 90_000), ("b", "copy", 20, 90_000)]);
        assert!(network.chains.is_empty());
        assert_eq!(network.first, BTreeMap::from([("a".to_owned(), 10), ("b".to_owned(), 10)]));
    }

    #[test]
    fn what_everybody_has_is_passed() {
        let sites: Vec<String> = (0..30).map(|site| site.to_string()).collect();
        let seen: Vec<Sighting<'_>> = (0..)
            .zip(&sites)
            .map(|(time_ms, site)| Sighting { site, item: "weather", time_ms })
            .collect();
        let network = copying(&seen, &CopyOptions { sites_max: 20, ..CopyOptions::default() });
        assert_eq!((network.passed, network.links.len()), (1, 0));
        let uses: Vec<Use<'_>> =
            sites.iter().map(|site| Use { site, asset: "address:203.0.113.1" }).collect();
        let found = families(&uses, 20);
        assert_eq!(found.passed, [("address:203.0.113.1".to_owned(), 30)]);
        assert!(found.families.is_empty());
    }

    #[test]
    fn the_sign_test_is_the_tail_of_the_binomial() {
        for (there, back, p) in
            [(3, 0, 0.125), (5, 0, 0.031_25), (10, 10, 0.588_099), (9, 1, 0.010_742)]
        {
            assert!((sign_test(there, back) - p).abs() < 1e-6, "{there} {back}");
        }
    }
}
