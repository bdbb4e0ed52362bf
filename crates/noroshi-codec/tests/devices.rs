//! What the codecs write, given to the real programs: `nft` in a network name space of its own, and BIND's checker.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use noroshi_codec::nft::{self, Elements};
use noroshi_codec::rpz::{self, Answer, Sinkhole};
use noroshi_evidence::observable::DomainName;

/// Runs a shell script with `input`; `None` when the program it needs is not here or may not be used.
fn run(program: &[&str], script: &str, input: &str) -> Option<std::process::Output> {
    let (first, rest) = program.split_first()?;
    let mut child = Command::new(first)
        .args(rest)
        .args(["sh", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    // A program that refuses at once does not read; its answer is what counts.
    child.stdin.take()?.write_all(input.as_bytes()).unwrap_or_default();
    child.wait_with_output().ok()
}

/// Prefix for a command in a user and network name space of its own.
const ALONE: &[&str] = &["unshare", "-rn"];

#[expect(clippy::print_stdout, reason = "a test says what it skips")]
fn nft_is_here() -> bool {
    let works = run(ALONE, "nft list tables", "").is_some_and(|output| output.status.success());
    if !works {
        println!("`nft` or name spaces are not available: skipped");
    }
    works
}

#[test]
fn nft_takes_the_batch_and_reads_back_the_same_elements() {
    if !nft_is_here() {
        return;
    }
    let elements = Elements::from([
        ("203.0.113.7/32".parse().unwrap(), 3_600),
        ("203.0.113.128/25".parse().unwrap(), 60),
        ("2001:db8:1::/48".parse().unwrap(), 60),
    ]);
    for (set, is_v4) in [("block4", true), ("block6", false)] {
        // Applying the batch twice leads to the same state.
        let apply = r#"printf %s "$batch" | nft -j -f -"#;
        let script =
            format!("batch=$(cat); {apply} && {apply} && nft -j list set inet noroshi {set}");
        let batch = nft::batch("noroshi", &elements).to_string();
        let output = run(ALONE, &script, &batch).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let read = nft::read_set(&output.stdout).unwrap();
        let wanted: Vec<_> = elements.keys().filter(|net| net.addr().is_ipv4() == is_v4).collect();
        assert_eq!(read.keys().collect::<Vec<_>>(), wanted);
        assert!(
            read.iter().all(|(net, left)| elements[net] >= *left && *left > elements[net] - 10)
        );
    }
}

#[test]
fn nft_understands_the_text_of_a_dry_run() {
    if !nft_is_here() {
        return;
    }
    let elements = Elements::from([("203.0.113.7/32".parse().unwrap(), 60)]);
    let empty = nft::batch("noroshi", &Elements::new()).to_string();
    let script = format!("nft -j -f - && nft '{}'", nft::lines("noroshi", &elements).trim());
    let output = run(ALONE, &script, &empty).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn bind_loads_the_zone() {
    let name = |text| DomainName::parse(text).unwrap();
    let sinkhole = Sinkhole { v4: [192, 0, 2, 1].into(), v6: Some("2001:db8::1".parse().unwrap()) };
    let names = BTreeMap::from([
        (name("c2.example"), Answer::NoSuchName),
        (name("_dmarc.phish.example"), Answer::NoData),
        (name("safe.example"), Answer::PassThrough),
        (name("sink.example"), Answer::Sinkhole(sinkhole)),
    ]);
    let script = "named-checkzone -q -i local rpz.noroshi.example /dev/stdin";
    let output = run(&["env"], script, &rpz::zone(7, &names)).unwrap();
    if output.status.code() == Some(127) {
        println!("`named-checkzone` is not available: skipped");
        return;
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
