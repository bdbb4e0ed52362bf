//! The map of copied sites: who had the same things after whom, from left to right, and which sites hang together by what
//! they run on, as far as the graph of evidence knows it and the reader may see it.
//!
//! The picture is laid out on the server and the same for the same answer. Sources stand left; every line goes from the site
//! that had things first to the one that had them later. What does not fit is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use noroshi_evidence::observable::Observable;
use noroshi_insight::amplification::{Use, families};
use serde_json::Value;

use super::results::FindRow;
use crate::evidence::read::{Sees, relations};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::ctx::Ctx;
use crate::web::refusal::Answer;

/// Links drawn at most, those of most items.
pub(super) const LINKS_MAX: usize = 240;
/// Sites drawn at most, those of most links.
const SITES_MAX: usize = 80;
/// Columns of the picture at most.
const COLUMNS_MAX: usize = 6;
/// A box with a site's name.
const BOX: (i32, i32) = (216, 34);
/// Space between boxes: sideways for the lines, downwards.
const SPACE: (i32, i32) = (110, 16);
/// Around everything.
const MARGIN: i32 = 16;
/// Letters of a name that fit into a box.
const LETTERS: usize = 27;
/// Edges of one site that are asked of the graph.
const EDGES_MAX: usize = 200;
/// What more sites use ties nobody together.
const SHARED_MAX: usize = 20;

/// A site in the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) name: String,
    pub(super) label: String,
    /// The letter of its family; empty where the graph knows none.
    pub(super) family: String,
    /// Where it leads: the first link it has.
    pub(super) href: String,
    /// Things that went from it, and to it.
    pub(super) went: (u64, u64),
}

/// A line from the site that was first to the one that was later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) path: String,
    pub(super) strong: bool,
    pub(super) title: String,
}

/// The picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Map {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) sites: Vec<Site>,
    pub(super) ways: Vec<Way>,
    /// Sites and links that are not drawn.
    pub(super) hidden: (u64, u64),
}

/// Sites that use the same, by the letter under which the picture shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FamilyLine {
    pub(super) letter: String,
    pub(super) sites: Vec<String>,
    /// What is shared: the object of the graph, its name, and how many of the sites.
    pub(super) assets: Vec<(String, String, u64)>,
}

struct Link<'a> {
    number: i64,
    from: &'a str,
    to: &'a str,
    items: u64,
}

fn link(row: &FindRow) -> Option<Link<'_>> {
    let text = |name: &str| row.body.get(name).and_then(Value::as_str);
    let items = row.body.get("items").and_then(Value::as_u64)?;
    Some(Link { number: row.number, from: text("from")?, to: text("to")?, items })
}

/// The names of the sites that are drawn.
pub(super) fn drawn(rows: &[FindRow]) -> Vec<String> {
    let links: Vec<Link<'_>> = rows.iter().filter_map(link).take(LINKS_MAX).collect();
    chosen(&links).into_iter().map(str::to_owned).collect()
}

/// The sites of most items, at most [`SITES_MAX`], in text order.
fn chosen<'a>(links: &[Link<'a>]) -> BTreeSet<&'a str> {
    let mut weight: BTreeMap<&str, u64> = BTreeMap::new();
    for link in links {
        *weight.entry(link.from).or_default() += link.items;
        *weight.entry(link.to).or_default() += link.items;
    }
    let mut sites: Vec<(&str, u64)> = weight.into_iter().collect();
    sites.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
    sites.into_iter().take(SITES_MAX).map(|(site, _)| site).collect()
}

/// Lays out the links of a run; `all` is how many there are.
pub(super) fn map(
    rows: &[FindRow],
    all: u64,
    families: &[FamilyLine],
    run: &str,
    title: impl Fn(&str, &str, u64) -> String,
) -> Map {
    let links: Vec<Link<'_>> = rows.iter().filter_map(link).take(LINKS_MAX).collect();
    let every: BTreeSet<&str> = links.iter().flat_map(|link| [link.from, link.to]).collect();
    let sites = chosen(&links);
    let links: Vec<Link<'_>> = links
        .into_iter()
        .filter(|link| sites.contains(link.from) && sites.contains(link.to))
        .collect();
    let columns = columns(&sites, &links);
    let mut map = Map {
        hidden: ((every.len() - sites.len()) as u64, all.saturating_sub(links.len() as u64)),
        ..Map::default()
    };
    let tallest = columns.iter().map(Vec::len).max().unwrap_or(0);
    let side = |count: usize| i32::try_from(count).unwrap_or(0);
    let height = side(tallest) * (BOX.1 + SPACE.1);
    let mut place: BTreeMap<&str, (i32, i32)> = BTreeMap::new();
    for (column, members) in columns.iter().enumerate() {
        let top = (height - side(members.len()) * (BOX.1 + SPACE.1)) / 2;
        for (row, site) in members.iter().enumerate() {
            let x = MARGIN + side(column) * (BOX.0 + SPACE.0);
            let y = MARGIN + top + side(row) * (BOX.1 + SPACE.1);
            place.insert(site, (x, y));
            map.sites.push(site_at(site, (x, y), &links, families, run));
        }
    }
    map.width = MARGIN * 2 + side(columns.len()) * (BOX.0 + SPACE.0) - SPACE.0;
    map.height = MARGIN * 2 + height - SPACE.1;
    let line = |link: &Link<'_>| {
        let (from, to) = (*place.get(link.from)?, *place.get(link.to)?);
        let title = title(link.from, link.to, link.items);
        Some(Way { path: path(from, to), strong: link.items >= 10, title })
    };
    map.ways = links.iter().filter_map(line).collect();
    map
}

fn site_at(
    site: &str,
    (x, y): (i32, i32),
    links: &[Link<'_>],
    families: &[FamilyLine],
    run: &str,
) -> Site {
    let of = |pick: fn(&Link<'_>, &str) -> bool| {
        links.iter().filter(|link| pick(link, site)).map(|link| link.items).sum()
    };
    let first = links.iter().find(|link| link.from == site || link.to == site);
    let family = families.iter().find(|family| family.sites.iter().any(|one| one == site));
    Site {
        x,
        y,
        label: short(site),
        name: site.to_owned(),
        family: family.map(|family| family.letter.clone()).unwrap_or_default(),
        href: first.map_or_else(String::new, |link| {
            format!("/influence/runs/{run}/finds/links/{}", link.number)
        }),
        went: (of(|link, site| link.from == site), of(|link, site| link.to == site)),
    }
}

fn short(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= LETTERS {
        return name.to_owned();
    }
    let end = letters.len() - 9;
    let (head, tail) = (letters.get(..LETTERS - 10), letters.get(end..));
    head.into_iter()
        .flatten()
        .chain(['\u{2026}'].iter())
        .chain(tail.into_iter().flatten())
        .collect()
}

/// Sites by column: who gives more than it takes stands left of those that took it.
fn columns<'a>(sites: &BTreeSet<&'a str>, links: &[Link<'a>]) -> Vec<Vec<&'a str>> {
    let mut balance: BTreeMap<&str, (u64, u64)> =
        sites.iter().map(|site| (*site, (0, 0))).collect();
    for link in links {
        balance.entry(link.from).or_default().0 += link.items;
        balance.entry(link.to).or_default().1 += link.items;
    }
    let mut order: Vec<&str> = sites.iter().copied().collect();
    // By the part of its things that a site gave: without a circle the sources come first.
    order.sort_by(|one, other| {
        let of = |site: &str| balance.get(site).copied().unwrap_or_default();
        let ((a, b), (c, d)) = (of(one), of(other));
        (c * (a + b)).cmp(&(a * (c + d))).then(one.cmp(other))
    });
    let rank: BTreeMap<&str, usize> =
        order.iter().enumerate().map(|(at, site)| (*site, at)).collect();
    let mut layer: BTreeMap<&str, usize> = BTreeMap::new();
    for site in &order {
        let before = links.iter().filter(|link| link.to == *site).filter_map(|link| {
            let is_earlier = rank.get(link.from) < rank.get(*site);
            is_earlier.then(|| layer.get(link.from).copied()).flatten()
        });
        let column = before.max().map_or(0, |most| (most + 1).min(COLUMNS_MAX - 1));
        layer.insert(site, column);
    }
    let mut columns: Vec<Vec<&str>> = Vec::new();
    for (site, column) in layer {
        while columns.len() <= column {
            columns.push(Vec::new());
        }
        if let Some(members) = columns.get_mut(column) {
            members.push(site);
        }
    }
    settle(&mut columns, links);
    columns
}

/// Puts each site near the middle of those it took from, so that lines cross less.
fn settle(columns: &mut [Vec<&str>], links: &[Link<'_>]) {
    for at in 1..columns.len() {
        let (before, rest) = columns.split_at_mut(at);
        let heights: BTreeMap<&str, usize> = before
            .iter()
            .flat_map(|members| members.iter().enumerate().map(|(row, site)| (*site, row)))
            .collect();
        let middle = |site: &str| {
            let rows: Vec<usize> = links
                .iter()
                .filter(|link| link.to == site)
                .filter_map(|link| heights.get(link.from).copied())
                .collect();
            // In thousandths of a row, so that it can be ordered.
            rows.iter().sum::<usize>() * 1_000 / rows.len().max(1)
        };
        if let Some(members) = rest.first_mut() {
            members.sort_by(|one, other| middle(one).cmp(&middle(other)).then(one.cmp(other)));
        }
    }
}

/// From the right side of a box to the left side of another; around the right where the other does not stand right of it.
fn path(from: (i32, i32), to: (i32, i32)) -> String {
    let (start, middle) = ((from.0 + BOX.0, from.1 + BOX.1 / 2), to.1 + BOX.1 / 2);
    if to.0 > from.0 {
        let bend = (to.0 - start.0) / 2;
        return format!(
            "M{} {} C{} {} {} {} {} {}",
            start.0,
            start.1,
            start.0 + bend,
            start.1,
            to.0 - bend,
            middle,
            to.0 - 2,
            middle
        );
    }
    let end = to.0 + BOX.0;
    let bend = start.0.max(end) + SPACE.0 / 2;
    format!("M{} {} C{bend} {} {bend} {middle} {} {middle}", start.0, start.1, start.1, end + 2)
}

/// What the graph knows of what sites run on: families of those that share an address, a certificate or anything else.
///
/// Nothing of this is kept with the run: the graph changes, and each reader sees another part of it.
pub(super) async fn known_families(
    house: &Arc<House>,
    ctx: &Ctx,
    sites: &[String],
) -> Answer<Vec<FamilyLine>> {
    if house.authoriser.check(ctx, Action::EvidenceRead, On::default()).is_err() {
        return Ok(Vec::new());
    }
    let sees = Sees::of(house, ctx);
    let named: Vec<(String, String)> = sites
        .iter()
        .filter_map(|site| {
            let found = Observable::parse(site).ok()?;
            matches!(found, Observable::Domain(_))
                .then(|| (site.clone(), found.stix_id().to_string()))
        })
        .collect();
    let uses = house
        .store
        .read(move |reader| {
            let mut uses: Vec<(String, String, String)> = Vec::new();
            for (site, id) in named {
                let page = relations::page(reader, sees, &id, None, EDGES_MAX)?;
                let runs_on = page.relations.into_iter().filter(|one| runs_on(&one.other_kind));
                uses.extend(runs_on.map(|one| {
                    let name =
                        if one.other_name.is_empty() { one.other.clone() } else { one.other_name };
                    (site.clone(), one.other, name)
                }));
            }
            Ok(uses)
        })
        .await?;
    Ok(lines(&uses))
}

/// Whether a kind of object is something that sites run on.
fn runs_on(kind: &str) -> bool {
    matches!(
        kind,
        "ipv4-addr"
            | "ipv6-addr"
            | "autonomous-system"
            | "x509-certificate"
            | "infrastructure"
            | "software"
            | "email-addr"
    )
}

fn lines(uses: &[(String, String, String)]) -> Vec<FamilyLine> {
    let names: BTreeMap<&str, &str> =
        uses.iter().map(|(_, id, name)| (id.as_str(), name.as_str())).collect();
    let used: Vec<Use<'_>> = uses.iter().map(|(site, id, _)| Use { site, asset: id }).collect();
    let found = families(&used, SHARED_MAX);
    ('A'..='Z')
        .zip(found.families)
        .map(|(letter, family)| FamilyLine {
            letter: letter.to_string(),
            sites: family.sites,
            assets: family
                .assets
                .into_iter()
                .map(|(id, sites)| {
                    let name = names.get(id.as_str()).copied().unwrap_or(&id).to_owned();
                    (id, name, sites as u64)
                })
                .collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(number: i64, from: &str, to: &str, items: u64) -> FindRow {
        FindRow { number, body: json!({ "from": from, "to": to, "items": items }) }
    }

    fn laid(rows: &[FindRow]) -> Map {
        map(rows, rows.len() as u64, &[], "run", |from, to, items| format!("{from} {to} {items}"))
    }

    #[test]
    fn sources_stand_left_of_those_that_copied_them() {
        let rows = [
            row(0, "source.example", "relay.example", 30),
            row(1, "relay.example", "paper.example", 20),
            row(2, "source.example", "paper.example", 10),
            row(3, "paper.example", "relay.example", 3),
        ];
        let map = laid(&rows);
        let x = |name: &str| map.sites.iter().find(|site| site.name == name).unwrap().x;
        assert!(x("source.example") < x("relay.example"));
        assert!(x("relay.example") < x("paper.example"));
        assert_eq!((map.ways.len(), map.hidden), (4, (0, 0)));
        assert_eq!(laid(&rows), map);
        let mut turned = rows.to_vec();
        turned.reverse();
        assert_eq!(
            laid(&turned).sites.iter().map(|one| (one.x, one.y)).collect::<Vec<_>>(),
            map.sites.iter().map(|one| (one.x, one.y)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_thousand_links_are_drawn_within_bounds_and_the_rest_is_counted() {
        let rows: Vec<FindRow> = (0..1_000_i64)
            .map(|at| {
                let (from, to) = (at % 97, (at * 31 + 5) % 211);
                row(at, &format!("s{from}.example"), &format!("t{to}.example"), 5)
            })
            .collect();
        let map = laid(&rows);
        assert!(map.sites.len() <= SITES_MAX && map.ways.len() <= LINKS_MAX);
        assert_eq!(map.hidden.1, 1_000 - map.ways.len() as u64);
        assert!(map.hidden.0 > 0);
        for (at, one) in map.sites.iter().enumerate() {
            assert!(one.x >= 0 && one.x + BOX.0 <= map.width, "{one:?}");
            assert!(one.y >= 0 && one.y + BOX.1 <= map.height, "{one:?} {}", map.height);
            for other in &map.sites[..at] {
                assert!((one.x, one.y) != (other.x, other.y));
            }
        }
    }

    #[test]
    fn sites_of_one_address_are_a_family_with_a_letter() {
        let uses = [
            ("a.example", "ipv4-addr--1", "203.0.113.9"),
            ("b.example", "ipv4-addr--1", "203.0.113.9"),
            ("c.example", "ipv4-addr--2", "203.0.113.7"),
        ]
        .map(|(site, id, name)| (site.to_owned(), id.to_owned(), name.to_owned()));
        let found = lines(&uses);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].letter.as_str(), found[0].sites.len()), ("A", 2));
        assert_eq!(found[0].assets[0].1, "203.0.113.9");
        let map =
            map(&[row(0, "a.example", "b.example", 4)], 1, &found, "run", |_, _, _| String::new());
        assert!(map.sites.iter().all(|site| site.family == "A"));
    }

    #[test]
    fn a_long_name_keeps_its_beginning_and_its_end() {
        let name = format!("{}.news-of-the-harbour.example", "a".repeat(60));
        let label = short(&name);
        assert_eq!(label.chars().count(), LETTERS);
        assert!(label.starts_with("aaa") && label.ends_with("r.example"), "{label}");
    }
}
