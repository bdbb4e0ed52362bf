//! Real logs, where the corpora lie beside the checkout.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use noroshi_sift::problem::Reason;

use crate::run::{records, run};

/// `None`, and a line that says so, where the corpus is absent.
pub(crate) fn corpus(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora").join(name);
    let present = path.try_exists().unwrap();
    if !present {
        println!("corpora absent: skipped {name}");
    }
    present.then_some(path)
}

/// The bytes of a log; compressed ones by way of `gzip`, and none where there is no `gzip`.
fn log(path: &Path) -> Option<Vec<u8>> {
    if path.extension().is_some_and(|extension| extension == "gz") {
        let output = Command::new("gzip").arg("-dc").arg(path).output().ok()?;
        return output.status.success().then_some(output.stdout);
    }
    Some(fs::read(path).unwrap())
}

/// The files below a folder whose names have one of these in the place of an ending.
pub(crate) fn files_below(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path, endings));
        } else if endings.iter().any(|end| path.to_string_lossy().contains(&format!(".{end}"))) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A table read the slow way: for each record the values of the columns of these names or of type `addr`.
fn values(table: &str) -> Vec<Vec<String>> {
    let (mut names, mut kinds) = (Vec::new(), Vec::new());
    let mut records = Vec::new();
    for line in table.lines() {
        if let Some(rest) = line.strip_prefix("#fields\t") {
            names = rest.split('\t').collect();
        } else if let Some(rest) = line.strip_prefix("#types\t") {
            kinds = rest.split('\t').collect();
        } else if !line.starts_with('#') && !line.is_empty() {
            let columns = names.iter().zip(&kinds).zip(line.split('\t'));
            let wanted = columns.filter(|((name, kind), _)| {
                let is_content =
                    ["path", "x_originating_ip"].contains(*name) || name.starts_with("san.");
                let is_name = ["query", "answers", "host", "server_name"].contains(*name);
                !is_content && (kind.contains("addr") || is_name)
            });
            let parts = wanted.flat_map(|((_, kind), value)| {
                if kind.ends_with(']') { value.split(',').collect() } else { vec![value] }
            });
            records.push(
                parts
                    .filter(|value| !["-", "(empty)"].contains(value))
                    .map(str::to_owned)
                    .collect(),
            );
        }
    }
    records
}

#[test]
fn tables_and_json_of_the_same_sensor_agree_with_each_other_and_with_a_slow_reader() {
    let Some(folder) = corpus("zeek-wrccdc") else { return };
    let mut compared = BTreeMap::new();
    for name in [
        "dns",
        "ssl",
        "weird",
        "rdp",
        "ntp",
        "notice",
        "smtp",
        "known_hosts",
        "known_services",
        "x509",
        "software",
    ] {
        let table = log(&folder.join(format!("zeek-default/{name}.log.gz")));
        let json = log(&folder.join(format!("zeek-json/{name}.json.gz")));
        let (Some(table), Some(json)) = (table, json) else { continue };
        let slow = values(&String::from_utf8_lossy(&table));
        // Every 40th address and name of the log is looked for, exactly.
        let all: BTreeSet<&String> = slow.iter().flatten().collect();
        let wanted = all
            .iter()
            .step_by(40)
            .filter(|value| !value.contains(['\\', ' ', ':']) && value.contains('.'));
        let is_name = |value: &str| value.parse::<std::net::IpAddr>().is_err();
        let list: Vec<String> = wanted
            .map(|value| if is_name(value) { format!("={value}") } else { (*value).clone() })
            .collect();
        let (selectors, _) = noroshi_sift::selector::parse_list(list.join("\n").as_bytes());
        let looked_for: BTreeSet<String> = selectors
            .iter()
            .map(|one| one.value.to_string().trim_start_matches('=').to_owned())
            .collect();
        let list: Vec<String> = selectors.iter().map(|one| one.value.to_string()).collect();
        let from_table = run(&list.join("\n"), &[&table]);
        let from_json = run(&list.join("\n"), &[&json]);
        let matches = |record: &&Vec<String>| {
            record
                .iter()
                .any(|value| looked_for.contains(&*value.trim_end_matches('.').to_lowercase()))
        };
        let (tally, other) = (from_table.certificate.tally, from_json.certificate.tally);
        assert_eq!(tally.errors, 0, "{name}: {:?}", from_table.problems);
        assert_eq!(other.errors, 0, "{name}: {:?}", from_json.problems);
        assert_eq!(tally.seen, slow.len() as u64, "{name}");
        assert_eq!(tally.kept, slow.iter().filter(matches).count() as u64, "{name}");
        assert_eq!(
            (tally.seen, tally.kept, tally.content),
            (other.seen, other.kept, other.content),
            "{name}"
        );
        let sorted = |mut records: Vec<_>| {
            records.sort();
            records
        };
        assert_eq!(sorted(records(&from_table)), sorted(records(&from_json)), "{name}");
        compared.insert(name, (tally.seen, tally.kept));
    }
    println!("compared (seen, kept): {compared:?}");
    assert!(
        compared.is_empty() || compared.values().any(|(_, kept)| *kept > 1_000),
        "{compared:?}"
    );
}

#[test]
fn real_and_damaged_logs_balance() {
    let mut seen = 0;
    for name in ["rita-zeek/test_data", "slips-dataset/dataset", "ocsf-zeek"] {
        let Some(folder) = corpus(name) else { continue };
        for path in files_below(&folder, &["log", "json"]) {
            let Some(bytes) = log(&path) else { continue };
            let tally =
                run("10.0.0.0/8\n192.168.0.0/16\n=example.com", &[&bytes]).certificate.tally;
            assert_eq!(tally.bytes, bytes.len() as u64, "{}", path.display());
            seen += tally.seen;
        }
    }
    println!("records of real logs: {seen}");
}

#[test]
fn known_damage_is_reported_where_it_is() {
    let Some(folder) = corpus("rita-zeek/test_data") else { return };
    let reasons = |name: &str| {
        let bytes = log(&folder.join(name)).unwrap();
        let outcome = run("10.0.0.0/8", &[&bytes]);
        let tally = outcome.certificate.tally;
        let reasons: BTreeSet<Reason> =
            outcome.problems.first.iter().map(|problem| problem.reason).collect();
        (tally.errors, tally.seen, reasons)
    };
    let (errors, seen, found) = reasons("truncated/conn.log");
    assert!(errors > 0 && errors < seen && found.contains(&Reason::FieldCount), "{found:?}");
    let (errors, seen, found) = reasons("truncated/conn_json.log");
    assert!(errors > 0 && errors < seen && found.contains(&Reason::BadJson), "{found:?}");
    let (errors, seen, found) = reasons("truncated/conn_top.log");
    assert!(errors == seen && found.contains(&Reason::NoHeader), "{found:?}");
    let (errors, seen, found) = reasons("text_file/conn.log");
    assert!(errors == seen && found == BTreeSet::from([Reason::UnknownFormat]), "{found:?}");
}
