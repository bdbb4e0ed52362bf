//! `noroshi stix pattern`: what it prints and the status it ends with.

use std::process::{Command, Output};

use serde_json::{Value, json};

fn noroshi(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_noroshi")).args(arguments).output().unwrap()
}

fn check(arguments: &[&str], status: i32, stdout: &str) {
    let output = noroshi(arguments);
    let printed = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        (output.status.code(), printed.as_str()),
        (Some(status), stdout),
        "{arguments:?}: {told}"
    );
}

#[test]
fn a_pattern_is_read_or_refused_at_its_place() {
    let canonical = "[ipv4-addr:value = '192.0.2.1'] WITHIN 5 SECONDS";
    check(
        &["stix", "pattern", "parse", "[ipv4-addr:value=='192.0.2.1']WITHIN 5 SECONDS"],
        0,
        canonical,
    );
    check(&["stix", "pattern", "parse", "[ipv4-addr:value = ]"], 1, "");
    let refused = noroshi(&["stix", "pattern", "parse", "[ipv4-addr:value = ]"]);
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains("NRS-EVID-0203") && told.contains("                   ^"), "{told}");
    let refused =
        noroshi(&["--format", "json", "stix", "pattern", "parse", "[ipv4-addr:value = ]"]);
    let answer: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!((&answer["valid"], &answer["error"]["start"]), (&json!(false), &json!(19)));
}

#[test]
fn a_pattern_is_tried_on_observations() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("observed.json");
    let observed = json!([
        {"type": "ipv4-addr", "id": "ipv4-addr--1", "value": "192.0.2.1"},
        {"type": "network-traffic", "id": "network-traffic--1", "src_ref": "ipv4-addr--1"},
        {"type": "observed-data", "id": "observed-data--1", "number_observed": 1,
            "object_refs": ["ipv4-addr--1", "network-traffic--1"],
            "first_observed": "2026-11-23T00:00:00Z", "last_observed": "2026-11-23T00:00:09Z"},
    ]);
    std::fs::write(&file, observed.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let inside = "[network-traffic:src_ref.value ISSUBSET '192.0.2.0/24']";
    check(&["stix", "pattern", "match", inside, file], 0, "match");
    check(&["stix", "pattern", "match", "[ipv4-addr:value = '192.0.2.2']", file], 0, "no-match");
    check(&["stix", "pattern", "match", "[ipv4-addr:value = ", file], 2, "");
    check(&["stix", "pattern", "match", "[ipv4-addr:value IN (1, 'a')]", file], 2, "");
    std::fs::write(file, "[1]").unwrap();
    check(&["stix", "pattern", "match", "[ipv4-addr:value = '192.0.2.2']", file], 2, "");
}
