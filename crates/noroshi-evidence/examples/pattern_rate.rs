//! How many patterns a second are tried on observations, beside `stix2-matcher`.
//!
//! `cargo run --release -p noroshi-evidence --example pattern_rate [OBSERVED [PATTERNS]] [--python PATH]` makes
//! observed-data and patterns from a seed and prints `noroshi observed patterns seconds_to_read seconds pairs_per_second
//! matched`, separated by tabs; a pair is one pattern on one observed-data, and seconds are those of the processor. With
//! a Python that has `stix2-matcher` it then tries the same patterns on the first observed-data in both, checks that
//! the answers are the same, and prints the other's line and the factor.

#![expect(clippy::print_stdout, reason = "a program whose purpose is the figures it prints")]

use std::error::Error;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use noroshi_evidence::pattern::matcher::PatternSet;
use noroshi_evidence::pattern::observed::Observations;
use serde_json::{Value, json};

const OBSERVED: u64 = 100_000;
const PATTERNS: u64 = 100;
/// As many as the peer can take in a minute.
const PEER_OBSERVED: u64 = 2_000;

/// Reads patterns and bundles, matches, and says how much processor time that took.
const PEER: &str = r#"
import json, sys, time
from stix2matcher.matcher import Pattern
given = json.load(sys.stdin)
patterns = [Pattern(text, "2.1") for text in given["patterns"]]
begun = time.process_time()
matched = [bool(pattern.match([given["bundle"]])) for pattern in patterns]
json.dump({"seconds": time.process_time() - begun, "matched": matched}, sys.stdout)
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = Vec::new();
    let mut python = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--python" {
            python = arguments.next();
        } else {
            numbers.push(argument.parse::<u64>()?);
        }
    }
    let observed = numbers.first().copied().unwrap_or(OBSERVED);
    let texts: Vec<String> =
        (0..numbers.get(1).copied().unwrap_or(PATTERNS)).map(pattern).collect();
    let (own_rate, _) = own(&texts, observed)?;
    let Some(python) = python else {
        println!("stix2-matcher\tnot run: no --python PATH");
        return Ok(());
    };
    let some = observed.min(PEER_OBSERVED);
    let (_, own_answers) = own(&texts, some)?;
    let (peer_rate, peer_answers) = peer(&python, &texts, some)?;
    for ((text, own), peer) in texts.iter().zip(&own_answers).zip(&peer_answers) {
        if own != peer {
            return Err(format!("{text}: {own} here, {peer} there").into());
        }
    }
    println!("factor\t{:.0}", own_rate / peer_rate);
    Ok(())
}

/// Runs the patterns here; pairs a second, and which matched.
fn own(texts: &[String], count: u64) -> Result<(f64, Vec<bool>), Box<dyn Error>> {
    let bytes = serde_json::to_vec(&bundle(count))?;
    let begun = Clock::start();
    let observations = Observations::read(serde_json::from_slice(&bytes)?)?;
    let reading = begun.seconds();
    let begun = Clock::start();
    let mut set = PatternSet::default();
    for text in texts {
        set.add(text)?;
    }
    let mut answers = Vec::new();
    for outcome in set.run(&observations) {
        answers.push(outcome?.is_some());
    }
    let seconds = begun.seconds();
    let matched = answers.iter().filter(|answer| **answer).count();
    let rate = rate(texts, count, seconds);
    println!("noroshi\t{count}\t{}\t{reading:.3}\t{seconds:.3}\t{rate:.0}\t{matched}", texts.len());
    Ok((rate, answers))
}

fn peer(python: &str, texts: &[String], count: u64) -> Result<(f64, Vec<bool>), Box<dyn Error>> {
    let mut child = Command::new(python)
        .args(["-c", PEER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().ok_or("no way to the peer")?;
    input.write_all(&serde_json::to_vec(&json!({"patterns": texts, "bundle": bundle(count)}))?)?;
    drop(input);
    let answer: Value = serde_json::from_slice(&child.wait_with_output()?.stdout)?;
    let seconds = answer.get("seconds").and_then(Value::as_f64).ok_or("the peer gave no time")?;
    let matched =
        answer.get("matched").and_then(Value::as_array).ok_or("the peer gave no answers")?;
    let matched: Vec<bool> = matched.iter().map(|one| one == &Value::Bool(true)).collect();
    let rate = rate(texts, count, seconds);
    let number = matched.iter().filter(|one| **one).count();
    println!("stix2-matcher\t{count}\t{}\t-\t{seconds:.3}\t{rate:.0}\t{number}", texts.len());
    Ok((rate, matched))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn rate(texts: &[String], count: u64, seconds: f64) -> f64 {
    texts.len() as f64 * count as f64 / seconds.max(1e-9)
}

/// Processor time of this thread where the system tells it, time of the wall elsewhere.
struct Clock(Option<u64>, Instant);

impl Clock {
    fn start() -> Self {
        Self(Self::nanos(), Instant::now())
    }

    fn nanos() -> Option<u64> {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split(' ').next()?.parse().ok()
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a bench of hours has fewer nanoseconds than 2^53"
    )]
    fn seconds(&self) -> f64 {
        match (self.0, Self::nanos()) {
            (Some(begun), Some(now)) => now.saturating_sub(begun) as f64 / 1e9,
            _ => self.1.elapsed().as_secs_f64(),
        }
    }
}

/// A number that depends on nothing but its arguments.
const fn drawn(seed: u64, below: u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (state ^ (state >> 31)) % below
}

fn address(number: u64) -> String {
    format!("198.{}.{}.{}", 18 + number % 2, number / 2 % 256, number / 512 % 256)
}

fn hash(number: u64) -> String {
    let parts = [0, 1, 2, 3].map(|part| format!("{:016x}", drawn(number * 4 + part, u64::MAX)));
    parts.concat()
}

fn pattern(number: u64) -> String {
    let value = drawn(number + 1_000_000_000, 60_000);
    let other = drawn(number + 2_000_000_000, 60_000);
    match number % 10 {
        0 | 1 => format!("[ipv4-addr:value = '{}']", address(value)),
        2 => format!("[ipv4-addr:value IN ('{}', '{}')]", address(value), address(other)),
        3 => format!("[domain-name:value LIKE 'host-{value}.%.example']"),
        4 => format!(
            "[url:value MATCHES '^https?://host-{value}[.][a-z]+[.]example/[a-z]*/{}$']",
            other % 97
        ),
        5 => format!("[ipv4-addr:value ISSUBSET '198.18.{}.0/24']", value % 256),
        6 => format!(
            "[network-traffic:dst_ref.value = '{}' AND network-traffic:dst_port = {}]",
            address(value),
            other % 1024
        ),
        7 => format!(
            "[file:hashes.'SHA-256' = '{}' OR (file:name = 'part-{value}.bin' AND file:size > {other})]",
            hash(value)
        ),
        8 => format!(
            "([ipv4-addr:value = '{}'] FOLLOWEDBY [domain-name:value = 'host-{other}.a.example']) WITHIN 600 SECONDS",
            address(value)
        ),
        _ => format!(
            "[network-traffic:dst_port = {}] REPEATS 3 TIMES WITHIN 300 SECONDS",
            value % 1024
        ),
    }
}

fn bundle(count: u64) -> Value {
    let mut objects = Vec::new();
    for number in 0..count {
        let draw = |what: u64, below| drawn(number * 8 + what, below);
        let id = |kind: &str| format!("{kind}--00000000-0000-4000-8000-{number:012x}");
        let host = format!(
            "host-{}.{}.example",
            draw(1, 60_000),
            char::from(b'a' + u8::try_from(draw(2, 4)).unwrap_or(0))
        );
        objects.push(
            json!({"type": "ipv4-addr", "id": id("ipv4-addr"), "value": address(draw(0, 60_000))}),
        );
        objects.push(json!({"type": "network-traffic", "id": id("network-traffic"), "dst_ref": id("ipv4-addr"),
            "dst_port": draw(3, 1024), "protocols": ["tcp"]}));
        let third = match number % 3 {
            0 => json!({"type": "domain-name", "id": id("domain-name"), "value": host}),
            1 => {
                json!({"type": "url", "id": id("url"), "value": format!("https://{host}/path/{}", draw(4, 97))})
            }
            _ => {
                json!({"type": "file", "id": id("file"), "name": format!("part-{}.bin", draw(5, 60_000)),
                "size": draw(6, 90_000), "hashes": {"SHA-256": hash(draw(7, 60_000))}})
            }
        };
        let third_id = third.get("id").cloned();
        objects.push(third);
        let (hour, minute, second) = (number / 3600 % 24, number / 60 % 60, number % 60);
        let time =
            format!("2026-11-{:02}T{hour:02}:{minute:02}:{second:02}Z", 1 + number / 86_400 % 28);
        objects.push(
            json!({"type": "observed-data", "spec_version": "2.1", "id": id("observed-data"),
            "number_observed": 1 + draw(3, 3), "first_observed": time, "last_observed": time,
            "object_refs": [id("ipv4-addr"), id("network-traffic"), third_id]}),
        );
    }
    json!({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": objects})
}
