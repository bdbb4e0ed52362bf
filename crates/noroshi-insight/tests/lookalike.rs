//! Lookalike names against published lists, where they are at hand.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops where its data is not what it is, and says what it skipped"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use noroshi_insight::lookalike::{
    FamilyOptions, GenerateOptions, Matcher, Name, Options, Outcome, Seen, Watchlist, families,
    generate,
};

const EUROPE: &str = include_str!("data/watchlist-europe.tsv");

/// The folder of foreign data beside the repository; says so where it is absent.
fn corpora(what: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora").join(what);
    let there = root.try_exists().unwrap_or(false);
    if !there {
        println!("corpora absent: skipped {what}");
    }
    there.then_some(root)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn domains(of: &str) -> Option<Vec<String>> {
    let root = corpora("influence/viginum")?;
    let folder = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains(of))
        .unwrap();
    let table = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "csv"))
        .unwrap();
    let text = read(&table);
    let first = |line: &str| line.split(',').next().unwrap_or_default().to_owned();
    Some(
        text.trim_start_matches('\u{feff}')
            .lines()
            .skip(1)
            .filter(|line| !line.is_empty())
            .map(first)
            .collect(),
    )
}

fn seen(names: &[String]) -> Vec<Seen> {
    names.iter().map(|host| Seen { host: host.clone(), ..Seen::default() }).collect()
}

fn popular() -> Option<BTreeSet<String>> {
    let root = corpora("misp-warninglists/lists")?;
    let mut names = BTreeSet::new();
    for list in ["tranco10k", "majestic_million", "moz-top500"] {
        let value: serde_json::Value =
            serde_json::from_str(&read(&root.join(list).join("list.json"))).unwrap();
        names.extend(
            value["list"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one.as_str().unwrap().to_lowercase()),
        );
    }
    Some(names)
}

/// T12 of the specification; in-sample, since watch-list and rules were written with the list in view.
#[test]
fn t12_imitations_of_watched_names_and_families() {
    let Some(names) = domains("RRN") else { return };
    assert_eq!(names.len(), 637);
    let (watchlist, problems) = Watchlist::parse(EUROPE);
    assert_eq!(problems, []);
    let matcher = Matcher::new(watchlist, Options::default());
    let mut found: BTreeSet<usize> = names
        .iter()
        .enumerate()
        .filter(
            |(_, host)| matches!(matcher.judge(host), Outcome::Hit(hit) if hit.protected.is_some()),
        )
        .map(|(number, _)| number)
        .collect();
    assert!(found.len() >= 193, "{}", found.len());
    let families = families(&seen(&names), &FamilyOptions::default());
    found.extend(families.same_label.iter().flat_map(|one| one.members.clone()));
    found.extend(families.variants.iter().flat_map(|one| one.members.clone()));
    assert!(found.len() >= 480, "{}", found.len());
}

/// T12, the other half: honest popular names, with the register of what owners hold and no other prior.
#[test]
fn t12_popular_names_are_hardly_flagged() {
    let Some(names) = popular() else { return };
    let (europe, _) = Watchlist::parse(EUROPE);
    for (what, watchlist) in [("European", europe), ("Japanese", Watchlist::japan())] {
        let matcher = Matcher::new(watchlist, Options::default());
        let hits: Vec<&String> =
            names.iter().filter(|name| matches!(matcher.judge(name), Outcome::Hit(_))).collect();
        println!(
            "{what} watch-list: {} of {} popular names flagged: {hits:?}",
            hits.len(),
            names.len()
        );
        assert!(hits.len() * 500 < names.len(), "{what}: {}", hits.len());
    }
}

/// T13 of the specification: templates are mined, not given.
#[test]
fn t13_templates_cover_a_series() {
    let Some(names) = domains("Portal Kombat") else { return };
    assert_eq!(names.len(), 371);
    let found = families(&seen(&names), &FamilyOptions::default());
    let covered: BTreeSet<usize> =
        found.templates.iter().flat_map(|one| one.members.clone()).collect();
    assert!(covered.len() >= 360, "{}", covered.len());
    assert!(found.templates.len() <= 12, "{}", found.templates.len());
}

/// The vectors published with the public suffix list.
#[test]
fn registrable_names_are_those_of_the_public_suffix_list() {
    let Some(root) = corpora("public-suffix-list") else { return };
    let text = read(&root.join("tests/test_psl.txt"));
    let mut checked = 0;
    for line in text.lines().filter(|line| !line.starts_with("//") && !line.trim().is_empty()) {
        let inner = line.trim_start_matches("checkPublicSuffix(").trim_end_matches(");");
        let mut cells = inner
            .split([',', ' '])
            .map(|cell| cell.trim_matches('\''))
            .filter(|cell| !cell.is_empty());
        let (Some(name), Some(expected)) = (cells.next(), cells.next()) else { continue };
        if name == "null" {
            continue;
        }
        let parsed = Name::parse(name);
        let registrable =
            parsed.as_ref().ok().filter(|name| !name.is_public_suffix()).map(Name::registrable);
        let expected =
            (expected != "null").then(|| Name::parse(expected).unwrap().ascii().to_owned());
        assert_eq!(registrable, expected.as_deref(), "{name}");
        checked += 1;
    }
    assert!(checked >= 70, "{checked}");
}

/// Whether a name was found, also where nobody but the own state could have registered it.
fn is_like(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Hit(_) | Outcome::Closed(_))
}

/// What dnstwist generates for names of Japan, held against the matcher; what is not found is too short to tell.
#[test]
fn what_dnstwist_lists_is_found() {
    let Some(root) = corpora("vectors-lookalike") else { return };
    for (file, share_percent_min) in [
        ("nisc.go.jp.with-psl.json", 75),
        ("jiji.com.with-psl.json", 85),
        ("example.co.jp.with-psl.json", 93),
    ] {
        let value: serde_json::Value = serde_json::from_str(&read(&root.join(file))).unwrap();
        let original = file.trim_end_matches(".with-psl.json");
        let (watchlist, _) = Watchlist::parse(original);
        let ours = generate(&watchlist.entries()[0], &GenerateOptions::default());
        let ours: BTreeSet<&str> = ours.candidates.iter().map(|one| one.host.as_str()).collect();
        let matcher = Matcher::new(watchlist.clone(), Options::default());
        let names: BTreeSet<&str> = value
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["domain"].as_str().unwrap())
            .filter(|name| *name != original)
            .collect();
        let missed: Vec<&&str> =
            names.iter().filter(|name| !is_like(&matcher.judge(name))).collect();
        let mut unlisted: std::collections::BTreeMap<&str, Vec<&str>> =
            std::collections::BTreeMap::new();
        for one in value.as_array().unwrap() {
            let domain = one["domain"].as_str().unwrap();
            if domain != original && !ours.contains(domain) {
                unlisted.entry(one["fuzzer"].as_str().unwrap()).or_default().push(domain);
            }
        }
        for (fuzzer, names) in &unlisted {
            println!(
                "    {fuzzer}: {} not generated here, {:?}",
                names.len(),
                &names[..names.len().min(6)]
            );
        }
        let listed = names.iter().filter(|name| ours.contains(**name)).count();
        println!(
            "{file}: {} names, {} found, {listed} generated here too; missed {:?}",
            names.len(),
            names.len() - missed.len(),
            &missed[..missed.len().min(40)]
        );
        assert!((names.len() - missed.len()) * 100 >= names.len() * share_percent_min, "{file}");
    }
}
