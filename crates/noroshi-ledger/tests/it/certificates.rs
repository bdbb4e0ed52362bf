//! Certificates of a sensor, true ones and false ones, as `noroshi-verify certificate` reads them.

use std::fs;
use std::path::Path;

use ed25519_dalek::{Signer as _, SigningKey};
use noroshi_ledger::certificate::{Broken, Report, Rule, check};
use noroshi_ledger::digest::Digest;
use noroshi_ledger::tree::{Frontier, leaf_hash, prove_inclusion};
use serde_json::{Value, json};

use crate::cli::{text, verify};

/// The golden record of `noroshi-evidence`, `mechanical`, retained for as long as the certificate below says.
const RECORD: &str = concat!(
    "01000c696e64696361746f722d2d310000000300000000000000000018d75b8423f303e80104c0000207",
    "010620010db800000000000000000000000501c0000101bb01060100000000000004b001000000000000",
    "00090000000000000000000000190623be0e5a0000",
);

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn canonical(value: &Value) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).unwrap()
}

fn unsigned(entry: &Value) -> Value {
    let mut entry = entry.clone();
    entry.as_object_mut().unwrap().remove("signature");
    entry
}

fn digest(entry: &Value) -> String {
    Digest::of(&canonical(&unsigned(entry))).to_string()
}

fn sign(mut entry: Value) -> Value {
    let form = entry["form"].as_str().unwrap().to_owned();
    let message = [form.as_bytes(), b"\n", &canonical(&unsigned(&entry))].concat();
    let value = hex(&key().sign(&message).to_bytes());
    entry["signature"] = json!({ "key": hex(key().verifying_key().as_bytes()), "value": value });
    entry
}

fn rules() -> Value {
    json!({ "switches": { "ports": true }, "networks": Digest::of(b"n"), "mandate": null, "measure": null, "geo_basis": null })
}

/// The rows that the certificate below covers: one record three times.
fn leaves() -> Vec<Digest> {
    let bytes: Vec<u8> = (0..RECORD.len() / 2)
        .map(|at| u8::from_str_radix(&RECORD[at * 2..at * 2 + 2], 16).unwrap())
        .collect();
    vec![leaf_hash(&bytes); 3]
}

fn root() -> Digest {
    let mut frontier = Frontier::new();
    leaves().into_iter().for_each(|leaf| frontier.append(leaf, |_| ()).unwrap());
    frontier.root()
}

fn certificate(sequence: u64, previous: Option<&Value>) -> Value {
    let minute = |minute: u64| format!("2026-11-23T00:{minute:02}:00Z");
    let is_heartbeat = sequence == 1;
    let kept = if is_heartbeat { 0 } else { 2 };
    let tally = if is_heartbeat {
        json!({ "seen": 0, "kept": 0, "unmatched": 0, "direction": 0, "content": 0, "errors": 0, "bytes": 0 })
    } else {
        json!({ "seen": 10, "kept": kept, "unmatched": 3, "direction": 3, "content": 1, "errors": 1, "bytes": 900 })
    };
    json!({
        "form": "noroshi-certificate/3", "sensor": "sensor-1", "mode": "own-network", "sequence": sequence,
        "previous": previous.map(digest), "started_at": minute(sequence * 2), "finished_at": minute(sequence * 2 + 1),
        "records_from": null, "records_to": null, "selectors": Digest::of(b"s"), "selectors_count": 4,
        "program": Digest::of(b"p"), "retention_days": 90, "tally": tally,
        "rows": if is_heartbeat { 0 } else { 3 },
        "rows_root": if is_heartbeat { Digest::of(b"") } else { root() },
        "rules": rules(), "rules_digest": Digest::of(&canonical(&rules())),
        "sightings": if is_heartbeat { json!({ "count": 0, "digest": Digest::of(b"[]") }) } else {
            json!({ "count": 1, "digest": Digest::of(b"sightings") })
        },
    })
}

fn deletion(previous: &Value, of: &Value) -> Value {
    json!({
        "form": "noroshi-deletion/1", "sensor": "sensor-1", "sequence": 3, "previous": digest(previous),
        "deleted_at": "2027-02-21T00:00:00Z", "program": Digest::of(b"p"),
        "files": [{
            "sequence": 0, "certificate": digest(of), "path": "records/day=2026-11-23/measure=own-network/0.parquet",
            "rows": 3, "rows_root": root(), "retain_until": "2027-02-21T00:00:00Z", "why": "retention-over", "found": true,
        }],
    })
}

/// A selection, a heartbeat, a selection, a deletion of the first.
fn chain() -> Vec<Value> {
    let first = certificate(0, None);
    let second = certificate(1, Some(&first));
    let third = certificate(2, Some(&second));
    let last = deletion(&third, &first);
    [first, second, third, last].into_iter().map(sign).collect()
}

fn files(entries: &[Value]) -> Vec<(String, Vec<u8>)> {
    let name = |at: usize| format!("certificate-{at}.json");
    entries
        .iter()
        .enumerate()
        .map(|(at, entry)| (name(at), serde_json::to_vec_pretty(entry).unwrap()))
        .collect()
}

fn public() -> [u8; 32] {
    key().verifying_key().to_bytes()
}

fn checked(entries: &[Value]) -> Result<Report, Broken> {
    check(&files(entries), &[], Some(public()))
}

fn rule_of(entries: &[Value]) -> Rule {
    checked(entries).expect_err("something false").rule
}

/// The chain with one entry changed and all behind it made anew, so that nothing but the change is false.
fn changed(at: usize, change: impl Fn(&mut Value)) -> Vec<Value> {
    let mut entries: Vec<Value> = Vec::new();
    for (place, entry) in chain().iter().enumerate() {
        let mut entry = unsigned(entry);
        if let Some(before) = entries.last() {
            entry["previous"] = json!(digest(before));
        }
        if place == 3 {
            entry["files"][0]["certificate"] = json!(digest(&entries[0]));
        }
        if place == at {
            change(&mut entry);
        }
        entries.push(sign(entry));
    }
    entries
}

#[test]
fn a_true_chain_holds_in_any_order_of_files() {
    let mut entries = chain();
    let report = checked(&entries).unwrap();
    entries.reverse();
    assert_eq!(checked(&entries).unwrap(), report);
    assert_eq!((report.selections, report.heartbeats, report.deletions), (3, 1, 1));
    assert_eq!(
        (report.tally.seen, report.tally.kept, report.rows, report.rows_deleted),
        (20, 4, 6, 3)
    );
    assert_eq!((report.numbers, report.unsigned), ((0, 3), 0));
    assert!(checked(&changed(9, |_| ())).is_ok());
}

#[test]
fn every_false_statement_is_noticed() {
    let falsehoods: &[(Rule, usize, fn(&mut Value))] = &[
        (Rule::Form, 0, |entry| entry["form"] = json!("noroshi-certificate/4")),
        (Rule::Form, 0, |entry| entry["extra"] = json!(1)),
        (Rule::Form, 0, |entry| entry["mode"] = json!("everything")),
        (Rule::Form, 0, |entry| entry["started_at"] = json!("yesterday")),
        (Rule::Balance, 0, |entry| entry["tally"]["seen"] = json!(11)),
        (Rule::Balance, 0, |entry| entry["tally"]["kept"] = json!(u64::MAX)),
        (Rule::Balance, 0, |entry| entry["rows"] = json!(1)),
        (Rule::Balance, 1, |entry| entry["rows_root"] = json!(Digest::of(b"x"))),
        (Rule::Balance, 0, |entry| entry["records_from"] = json!("2026-11-23T00:00:00Z")),
        (Rule::Balance, 0, |entry| entry["finished_at"] = json!("2026-11-22T00:00:00Z")),
        (Rule::Rules, 0, |entry| entry["rules"]["switches"]["ports"] = json!(false)),
        (Rule::Rules, 0, |entry| entry["mode"] = json!("foreign-to-foreign")),
        // Whole and with nothing else in it, also where the digest fits.
        (Rule::Rules, 0, |entry| {
            entry["rules"]["note"] = json!("x");
            entry["rules_digest"] = json!(Digest::of(&canonical(&entry["rules"])));
        }),
        (Rule::Rules, 0, |entry| {
            entry["rules"]["switches"]["note"] = json!("x");
            entry["rules_digest"] = json!(Digest::of(&canonical(&entry["rules"])));
        }),
        (Rule::Rules, 0, |entry| {
            entry.as_object_mut().unwrap().remove("rules");
        }),
        (Rule::Sensor, 1, |entry| entry["sensor"] = json!("sensor-2")),
        (Rule::Chain, 2, |entry| entry["previous"] = json!(Digest::of(b"x"))),
        (Rule::Time, 1, |entry| entry["started_at"] = json!("2026-11-23T00:00:30Z")),
        (Rule::Deleted, 3, |entry| entry["files"][0]["rows"] = json!(2)),
        (Rule::Deleted, 3, |entry| entry["files"][0]["rows_root"] = json!(Digest::of(b"x"))),
        (Rule::Deleted, 3, |entry| entry["files"][0]["certificate"] = json!(Digest::of(b"x"))),
        (Rule::Deleted, 3, |entry| {
            entry["files"][0]["retain_until"] = json!("2027-02-20T00:00:00Z")
        }),
        (Rule::Deleted, 3, |entry| entry["files"][0]["sequence"] = json!(3)),
        (Rule::Deleted, 3, |entry| entry["files"] = json!([])),
        (Rule::Early, 3, |entry| entry["deleted_at"] = json!("2027-02-20T23:59:59Z")),
    ];
    for (number, (rule, at, change)) in falsehoods.iter().enumerate() {
        assert_eq!(rule_of(&changed(*at, change)), *rule, "falsehood {number}");
    }
    let mut entries = chain();
    entries.remove(1);
    assert_eq!(rule_of(&entries), Rule::Sequence);
    let twice = [chain(), vec![chain()[2].clone()]].concat();
    assert_eq!(rule_of(&twice), Rule::Sequence);
}

#[test]
fn nothing_is_deleted_twice() {
    let mut entries = chain();
    let mut again = unsigned(&entries[3]);
    again["sequence"] = json!(4);
    again["previous"] = json!(digest(&entries[3]));
    entries.push(sign(again));
    assert_eq!(rule_of(&entries), Rule::Twice);
}

#[test]
fn a_key_that_is_trusted_must_have_signed_every_entry() {
    let mut entries = chain();
    let stranger = SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes();
    assert_eq!(check(&files(&entries), &[], Some(stranger)).unwrap_err().rule, Rule::Signature);
    entries[1] = unsigned(&entries[1]);
    assert_eq!(rule_of(&entries), Rule::Unsigned);
    assert_eq!(check(&files(&entries), &[], None).unwrap().unsigned, 1);
    // A signature over another text, under a key that is not asked for.
    let mut entries = chain();
    entries[1]["signature"] = entries[0]["signature"].clone();
    assert_eq!(check(&files(&entries), &[], None).unwrap_err().rule, Rule::Signature);
}

#[test]
fn the_form_before_is_read() {
    let mut old = certificate(0, None);
    old["form"] = json!("noroshi-certificate/1");
    old.as_object_mut()
        .unwrap()
        .retain(|name, _| !name.starts_with("rules") && name != "sightings");
    assert_eq!(check(&files(std::slice::from_ref(&old)), &[], None).unwrap().unsigned, 1);
    let next = certificate(1, Some(&old));
    assert!(check(&files(&[old, next]), &[], None).is_ok());
}

fn proof(index: u64) -> Value {
    let leaves = leaves();
    let path = prove_inclusion(index, 3, |level, index| {
        // Of three leaves, two have a node above them.
        match (level, index) {
            (0, index) => leaves.get(usize::try_from(index).unwrap()).copied(),
            (1, 0) => Some(noroshi_ledger::tree::node_hash(&leaves[0], &leaves[1])),
            _ => None,
        }
    })
    .unwrap();
    json!({
        "form": "noroshi-proof/1", "certificate": digest(&chain()[0]), "rows": 3, "rows_root": root(),
        "shown": [{ "index": index, "record": RECORD, "path": path }],
    })
}

fn with_proof(proof: &Value) -> Result<Report, Broken> {
    let proof = ("proof.json".to_owned(), serde_json::to_vec(proof).unwrap());
    check(&files(&chain()), &[proof], Some(public()))
}

#[test]
fn a_record_belongs_to_its_certificate_or_it_does_not() {
    for index in 0..3 {
        let report = with_proof(&proof(index)).unwrap();
        assert_eq!((report.shown[0].sequence, report.shown[0].index), (0, index));
        assert!(report.shown[0].fields.contains(&("src_ip", "192.0.2.7".to_owned())));
    }
    let falsehoods: &[(Rule, fn(&mut Value))] = &[
        (Rule::Proof, |proof| proof["shown"][0]["index"] = json!(1)),
        (Rule::Proof, |proof| proof["shown"][0]["index"] = json!(3)),
        (Rule::Proof, |proof| proof["shown"][0]["path"][0] = json!(Digest::of(b"x"))),
        (Rule::Proof, |proof| {
            proof["shown"][0]["record"] = json!(RECORD.replace("c0000207", "c0000208"))
        }),
        (Rule::Proof, |proof| proof["certificate"] = json!(Digest::of(b"x"))),
        (Rule::Proof, |proof| proof["rows"] = json!(4)),
        (Rule::Record, |proof| proof["shown"][0]["record"] = json!("0")),
        (Rule::Form, |proof| proof["form"] = json!("noroshi-proof/2")),
    ];
    for (number, (rule, change)) in falsehoods.iter().enumerate() {
        let mut proof = proof(0);
        // All leaves are equal, so a place of the other subtree is taken.
        if number == 0 {
            proof = self::proof(2);
        }
        change(&mut proof);
        assert_eq!(with_proof(&proof).unwrap_err().rule, *rule, "falsehood {number}");
    }
}

/// The record lies under the root in each case; the certificate says something else of what it may keep.
#[test]
fn a_record_is_one_that_its_certificate_allowed() {
    let shown = |change: fn(&mut Value)| {
        let mut first = certificate(0, None);
        change(&mut first);
        first["rules_digest"] = json!(Digest::of(&canonical(&first["rules"])));
        let mut proof = proof(0);
        proof["certificate"] = json!(digest(&first));
        let proof = ("proof.json".to_owned(), serde_json::to_vec(&proof).unwrap());
        check(&files(&[first]), &[proof], None)
    };
    assert_eq!(shown(|_| ()).unwrap().shown.len(), 1);
    let falsehoods: &[fn(&mut Value)] = &[
        |entry| entry["retention_days"] = json!(30),
        |entry| entry["started_at"] = json!("2026-11-22T00:00:00Z"),
        |entry| {
            entry["mode"] = json!("foreign-to-foreign");
            entry["rules"] = json!({
                "switches": { "ports": true }, "networks": null, "mandate": Digest::of(b"m"), "measure": null,
                "geo_basis": { "table": "t", "version": "1", "date": "2026-11-01", "digest": Digest::of(b"t") },
            });
            entry["rules"]["measure"] = json!("measure-7");
        },
    ];
    for (number, change) in falsehoods.iter().enumerate() {
        assert_eq!(shown(*change).unwrap_err().rule, Rule::Unlike, "falsehood {number}");
    }
}

#[test]
fn the_program_reads_files_and_folders_and_has_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files(&chain()) {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    fs::write(folder.path().join("sightings.json"), "[]").unwrap();
    fs::write(folder.path().join("proof.json"), serde_json::to_vec(&proof(2)).unwrap()).unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (place, key, proof) = (path(""), hex(&public()), path("proof.json"));
    let good = verify(&["certificate", &place, "--key", &key, "--proof", &proof]);
    assert_eq!(good.status.code(), Some(0), "{}", text(&good.stderr));
    assert!(text(&good.stdout).starts_with("PASS  "), "{}", text(&good.stdout));
    assert!(text(&good.stdout).contains("20 seen = 4 kept + 6 not matching"));
    assert!(text(&good.stdout).contains("src_ip=192.0.2.7"));
    let caution = verify(&["certificate", &path("certificate-1.json"), "--lang", "ja"]);
    assert_eq!(caution.status.code(), Some(0));
    assert!(text(&caution.stdout).starts_with("注意つき合格"), "{}", text(&caution.stdout));
    assert!(text(&caution.stdout).contains("1 番から始まっています"));
    let bad = verify(&[
        "certificate",
        &path("certificate-0.json"),
        &path("certificate-2.json"),
        "--format",
        "json",
    ]);
    assert_eq!(bad.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&bad.stdout).unwrap();
    assert_eq!(
        (&json["verdict"], &json["broken"]["code"]),
        (&json!("fail"), &json!("NRS-VRFY-0105"))
    );
    for wrong in [
        ["certificate", "/nowhere"],
        ["certificate", Path::new(&place).parent().unwrap().to_str().unwrap()],
    ] {
        assert_eq!(verify(&wrong).status.code(), Some(2), "{wrong:?}");
    }
    assert_eq!(verify(&["certificate", &place, "--key", "x"]).status.code(), Some(2));
}
