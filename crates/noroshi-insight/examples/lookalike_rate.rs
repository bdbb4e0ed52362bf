//! How many known imitations are found, how many honest names are flagged, and how many names a second are judged.
//!
//! `cargo run --release -p noroshi-insight --example lookalike_rate -- [--corpora DIR] [--python PATH] [--names N]
//! [--ids]`. `DIR` holds the published lists (`influence/viginum`, `misp-warninglists`); without it only the rate is
//! measured, on names made from a seed. `PATH` is a Python with dnstwist 20250130 and tld: what they generate for the same
//! protected names is held against the same list. `--ids` prints each finding on a line of its own. CPU seconds are
//! those of the process, memory is its peak (`/proc/self`). Figures of the RRN and Portal Kombat lists are in-sample:
//! the watch-list and the rules were written with these lists in view.

#![expect(clippy::print_stdout, reason = "a program whose purpose is the figures it prints")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use noroshi_insight::lookalike::{
    FamilyOptions, Matcher, Name, Options, Outcome, Rule, Seen, Tally, Watchlist, families,
};
use sha2::{Digest as _, Sha256};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const EUROPE: &str = include_str!("../tests/data/watchlist-europe.tsv");
const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/lookalike.py");
/// Protected names of the large list made from a seed.
const PROTECTED: u64 = 5_000;

struct Asked {
    corpora: Option<PathBuf>,
    python: Option<PathBuf>,
    names: u64,
    ids: bool,
}

fn main() -> Result<()> {
    let mut asked = Asked { corpora: None, python: None, names: 1_000_000, ids: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--corpora" => asked.corpora = arguments.next().map(PathBuf::from),
            "--python" => asked.python = arguments.next().map(PathBuf::from),
            "--names" => asked.names = arguments.next().ok_or("--names needs a number")?.parse()?,
            "--ids" => asked.ids = true,
            other => return Err(format!("unknown argument `{other}`").into()),
        }
    }
    if let Some(corpora) = &asked.corpora {
        imitations(corpora, &asked)?;
        templates(corpora, asked.ids)?;
    } else {
        println!("corpora absent: T12 and T13 were not measured");
    }
    rate(&asked)
}

/// A list of domains: the first cell of each line after the header, defanged.
fn list(path: &Path) -> Result<(Vec<(String, Option<i64>)>, String)> {
    let text = std::fs::read_to_string(path)?;
    let rows = text.trim_start_matches('\u{feff}').lines().skip(1).filter(|line| !line.is_empty());
    let read = rows.map(|line| {
        let mut cells = line.split(',');
        let host = cells.next().unwrap_or_default().replace("[.]", ".").to_lowercase();
        (host.trim().to_owned(), cells.next().and_then(day))
    });
    Ok((read.collect(), digest(text.as_bytes())))
}

/// `25/09/2022` in days since 1970-01-01.
fn day(text: &str) -> Option<i64> {
    let mut parts = text.trim().split('/').map(str::parse::<i64>);
    let (day, month, year) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let date =
        jiff::civil::Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?)
            .ok()?;
    let since = date.since(jiff::civil::date(1970, 1, 1)).ok()?;
    Some(i64::from(since.get_days()))
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn viginum(corpora: &Path, of: &str) -> Result<PathBuf> {
    let folder = corpora.join("influence/viginum");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().contains(of) {
            for file in std::fs::read_dir(entry.path())? {
                found.push(file?.path());
            }
        }
    }
    found.sort();
    let table = found.into_iter().find(|path| path.extension().is_some_and(|end| end == "csv"));
    Ok(table.ok_or("the list is absent")?)
}

/// T12: the RRN list with a watch-list, and by families; then the popular names.
fn imitations(corpora: &Path, asked: &Asked) -> Result<()> {
    let (names, sha) = list(&viginum(corpora, "RRN")?)?;
    let begun = cpu();
    let (watchlist, problems) = Watchlist::parse(EUROPE);
    println!(
        "RRN list sha256 {sha}…, {} names; watch-list {} names, {} problems",
        names.len(),
        watchlist.entries().len(),
        problems.len()
    );
    let matcher = Matcher::new(watchlist, Options::default());
    let mut tally = Tally::default();
    let mut linked = BTreeSet::new();
    for (number, (host, _)) in names.iter().enumerate() {
        let outcome = matcher.judge(host);
        tally.count(&outcome);
        if let Outcome::Hit(hit) = &outcome {
            if hit.protected.is_some() {
                linked.insert(number);
            }
            if asked.ids {
                println!(
                    "id\tT12\t{host}\t{}\t{}\t{}",
                    hit.rule.code(),
                    hit.score_percent,
                    hit.protected.as_deref().unwrap_or("-")
                );
            }
        }
    }
    println!(
        "T12 linked to a watched name\t{}\ttarget >= 193\tin-sample\t{}",
        linked.len(),
        by_rule(&tally.hits)
    );
    println!("    owned {} unlike {} refused {:?}", tally.owned, tally.unlike, tally.refused);
    let undated: Vec<Seen> =
        names.iter().map(|(host, _)| Seen { host: host.clone(), ..Seen::default() }).collect();
    let dated: Vec<Seen> = names
        .iter()
        .map(|(host, day)| Seen { host: host.clone(), registered_day: *day, ..Seen::default() })
        .collect();
    let mut all = linked.clone();
    for (what, seen) in [("without dates", &undated), ("within 14 days", &dated)] {
        let found = families(seen, &FamilyOptions::default());
        let same: BTreeSet<usize> =
            found.same_label.iter().flat_map(|one| one.members.clone()).collect();
        let variants: BTreeSet<usize> =
            found.variants.iter().flat_map(|one| one.members.clone()).collect();
        let union: BTreeSet<usize> = linked.iter().chain(&same).chain(&variants).copied().collect();
        let bursts: Vec<String> =
            found.bursts.iter().take(5).map(|one| format!("{}", one.members.len())).collect();
        println!(
            "T12 with families, {what}\t{}\ttarget >= 480\tin-sample\tsame label {} anagrams {}; {} bursts, first {}",
            union.len(),
            same.len(),
            variants.len(),
            found.bursts.len(),
            bursts.join(" ")
        );
        all.extend(union);
    }
    println!("    families and watch-list: {:.2} CPU s", cpu() - begun);
    popular(corpora, "European watch-list", matcher, asked.ids)?;
    let japan = Matcher::new(Watchlist::japan(), Options::default());
    popular(corpora, "Japanese watch-list as shipped", japan, asked.ids)?;
    if let Some(python) = &asked.python {
        peer(python, &names)?;
    }
    Ok(())
}

/// Popular names that are flagged, with nothing but the register of what owners hold.
fn popular(corpora: &Path, what: &str, matcher: Matcher, ids: bool) -> Result<()> {
    let mut names: BTreeMap<String, ()> = BTreeMap::new();
    for list in ["tranco10k", "majestic_million", "moz-top500"] {
        let bytes =
            std::fs::read(corpora.join("misp-warninglists/lists").join(list).join("list.json"))?;
        let value: serde_json::Value = serde_json::from_slice(&bytes)?;
        for name in value["list"].as_array().into_iter().flatten().filter_map(|one| one.as_str()) {
            names.insert(name.to_lowercase(), ());
        }
    }
    let mut tally = Tally::default();
    for name in names.keys() {
        let outcome = matcher.judge(name);
        tally.count(&outcome);
        if let (Outcome::Hit(hit), true) = (&outcome, ids) {
            println!(
                "id\tpopular\t{name}\t{}\t{}\t{}",
                hit.rule.code(),
                hit.score_percent,
                hit.protected.as_deref().unwrap_or("-")
            );
        }
    }
    let hits: u64 = tally.hits.values().sum();
    #[expect(clippy::cast_precision_loss, reason = "counts of names")]
    let percent = hits as f64 * 100.0 / names.len() as f64;
    println!(
        "T12 hits on popular names, {what}\t{hits} of {}\t{percent:.3} %\ttarget <= 0.1 % after ownership\towned {}\t{}",
        names.len(),
        tally.owned,
        by_rule(&tally.hits)
    );
    Ok(())
}

fn by_rule(hits: &BTreeMap<Rule, u64>) -> String {
    hits.iter()
        .map(|(rule, count)| format!("{} {count}", rule.code()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// T13: templates mined from the Portal Kombat list.
fn templates(corpora: &Path, ids: bool) -> Result<()> {
    let (names, sha) = list(&viginum(corpora, "Portal Kombat")?)?;
    let begun = cpu();
    let seen: Vec<Seen> =
        names.iter().map(|(host, _)| Seen { host: host.clone(), ..Seen::default() }).collect();
    let found = families(&seen, &FamilyOptions::default());
    let covered: BTreeSet<usize> =
        found.templates.iter().flat_map(|one| one.members.clone()).collect();
    println!(
        "T13 Portal Kombat sha256 {sha}…\t{} of {} by {} mined templates\ttarget >= 360\tin-sample\t{:.2} CPU s",
        covered.len(),
        names.len(),
        found.templates.len(),
        cpu() - begun
    );
    for one in &found.templates {
        println!(
            "    {}\t{} names\t{} fillers, {} % known\tunder {}",
            one.pattern,
            one.members.len(),
            one.fillers.len(),
            one.known_percent,
            one.suffixes.join(" ")
        );
    }
    if ids {
        for (number, (host, _)) in
            names.iter().enumerate().filter(|(number, _)| !covered.contains(number))
        {
            println!("id\tT13 not covered\t{number}\t{host}");
        }
    }
    Ok(())
}

fn peer(python: &Path, names: &[(String, Option<i64>)]) -> Result<()> {
    let folder = std::env::temp_dir();
    let (protected, imitations) =
        (folder.join("lookalike-protected.txt"), folder.join("lookalike-imitations.txt"));
    let hosts: Vec<String> =
        Watchlist::parse(EUROPE).0.entries().iter().map(|entry| entry.host.clone()).collect();
    std::fs::write(&protected, hosts.join("\n"))?;
    let text: Vec<&str> = names.iter().map(|(host, _)| host.as_str()).collect();
    std::fs::write(&imitations, text.join("\n"))?;
    let answer = Command::new(python).arg(PEER).arg(&protected).arg(&imitations).output()?;
    print!("{}", String::from_utf8_lossy(&answer.stdout));
    if !answer.status.success() {
        println!("peer failed: {}", String::from_utf8_lossy(&answer.stderr));
    }
    std::fs::remove_file(protected)?;
    std::fs::remove_file(imitations)?;
    Ok(())
}

/// A label out of a number: syllables and words, as names are made.
fn label(mixed: u64) -> String {
    const PARTS: [&str; 32] = [
        "ka", "mi", "to", "ra", "shi", "no", "ser", "ver", "web", "lon", "dor", "news", "shop",
        "net", "al", "en", "ta", "ne", "ki", "yo", "su", "mar", "tec", "pro", "bel", "vin", "go",
        "hub", "lab", "cen", "tri", "os",
    ];
    let count = 2 + mixed % 4;
    (0..count).map(|at| PARTS[(mixed >> (8 + at * 5)) as usize % PARTS.len()]).collect()
}

fn mix(number: u64) -> u64 {
    let mut value = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Names as a stream of certificates brings them: hosts with and without sub-domains, some in other scripts.
fn stream(number: u64) -> String {
    const SUFFIXES: [&str; 8] =
        ["com", "net", "co.jp", "de", "example.org", "jp", "online", "com.br"];
    let mixed = mix(number);
    let suffix = SUFFIXES[(mixed >> 40) as usize % SUFFIXES.len()];
    match mixed % 20 {
        0..=6 => format!("www.{}.{suffix}", label(mixed)),
        7..=9 => format!("{}-{}.{suffix}", label(mixed), label(mixed >> 7)),
        10 => format!("mail.{}.{}.{suffix}", label(mixed >> 9), label(mixed)),
        11 if mixed % 5 == 0 => format!("日本{}ニュース.jp", label(mixed)),
        _ => format!("{}{}.{suffix}", label(mixed), label(mixed >> 13)),
    }
}

fn rate(asked: &Asked) -> Result<()> {
    let text: Vec<String> = (0..asked.names).map(stream).collect();
    let sha = digest(text.join("\n").as_bytes());
    let mut large = Watchlist::japan();
    large.extend(Watchlist::parse(EUROPE).0);
    let made: Vec<String> = (0..PROTECTED)
        .map(|number| {
            format!("{}{}.example", label(mix(number ^ 0xabcd)), label(mix(number ^ 0x1234)))
        })
        .collect();
    large.extend(Watchlist::parse(&made.join("\n")).0);
    for (what, watchlist) in [("as shipped", Watchlist::japan()), ("large", large)] {
        let begun = cpu();
        let protected = watchlist.entries().len();
        let matcher = Matcher::new(watchlist, Options::default());
        let built = cpu();
        let mut tally = Tally::default();
        for line in &text {
            tally.count(&matcher.judge(line));
        }
        let used = cpu() - built;
        #[expect(clippy::cast_precision_loss, reason = "counts of names")]
        let rate = asked.names as f64 / used;
        println!(
            "rate, list {what}, {protected} protected\t{} names sha256 {sha}…\t{rate:.0} names a CPU second\ttarget >= 200000\tbuilt in {:.2} CPU s\tpeak {} MiB\t{}",
            asked.names,
            built - begun,
            peak_mib(),
            by_rule(&tally.hits)
        );
        if tally.total() != asked.names {
            return Err("a name is in no count".into());
        }
    }
    let suffixes = text.iter().filter(|line| Name::parse(line).is_err()).count();
    println!("    refused of the stream: {suffixes}");
    Ok(())
}

/// Highest resident memory of this process so far.
fn peak_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// User and system time of this process; Linux counts in hundredths of a second.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = text.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks: Vec<f64> =
        after.split_whitespace().skip(11).take(2).filter_map(|one| one.parse().ok()).collect();
    ticks.iter().sum::<f64>() / 100.0
}
