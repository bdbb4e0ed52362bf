//! Questions over stored records: what they see, what they cannot reach, and what bounds them.

use std::time::Duration;

use noroshi_evidence::mechanical::{FIELDS, MechanicalRecord};
use noroshi_hunt::communication::Scope;
use noroshi_hunt::shelf::Stored;
use noroshi_hunt::sql::{Answer, Limits, NoAnswer, ask};
use serde_json::{Value, json};

use crate::folder::{folder, now, record, write};

fn asked(files: &[Stored], question: &str) -> Result<Answer, NoAnswer> {
    ask(files.to_vec(), Scope::OwnNetwork, now(), question, Limits::default())
}

fn rows(files: &[Stored], question: &str) -> Vec<Vec<Value>> {
    asked(files, question).unwrap_or_else(|problem| panic!("{question}: {problem}")).rows
}

fn some() -> Vec<MechanicalRecord> {
    let mut records: Vec<_> = (0..3_000)
        .map(|at| record(&format!("192.0.2.{}", at % 10), &format!("198.51.100.{}", at % 7), at))
        .collect();
    records[5].bytes = None;
    records[6].bytes = Some(u64::MAX);
    records
}

#[test]
fn a_question_sees_the_fields_of_the_records_as_they_were_kept() {
    let (_dir, files) = folder(&[&some()]);
    let answer = asked(&files, "SELECT * FROM records ORDER BY ts LIMIT 7").unwrap();
    assert_eq!(answer.columns, FIELDS);
    let expected = json!([
        "kept",
        1,
        null,
        "2026-11-22T00:00:06Z",
        "192.0.2.6",
        "198.51.100.6",
        40000,
        443,
        6,
        u64::MAX,
        7,
        null,
        null,
        "own-network",
        "2027-02-21T00:00:00Z"
    ]);
    assert_eq!(json!(answer.rows[6]), expected);
    assert_eq!(answer.rows[5][9], Value::Null);
    let counted = rows(
        &files,
        "SELECT dst_ip, count(*) AS calls, count(DISTINCT src_ip), min(ts) FROM records WHERE dst_port = 443 GROUP BY dst_ip ORDER BY calls DESC, dst_ip LIMIT 2",
    );
    assert_eq!(
        json!(counted),
        json!([
            ["198.51.100.0", 429, 10, "2026-11-22T00:00:00Z"],
            ["198.51.100.1", 429, 10, "2026-11-22T00:00:01Z"]
        ])
    );
    let by_hour = rows(
        &files,
        "SELECT date_trunc('hour', ts) AS hour, sum(packets) FROM records GROUP BY hour",
    );
    assert_eq!(json!(by_hour), json!([["2026-11-22T00:00:00Z", 21_000]]));
    let text = rows(&files, "SELECT upper(direction) || substr(src_ip, 1, 5) FROM records LIMIT 1");
    assert_eq!(json!(text), json!([["OWN-NETWORK192.0"]]));
}

#[test]
fn conditions_leave_row_groups_out_and_change_nothing() {
    let (_dir, files) = folder(&[&some()]);
    for (question, expected, pruned) in [
        ("SELECT count(*) FROM records WHERE ts >= '2026-11-22T00:40:00Z'", 600, 2),
        (
            "SELECT count(*) FROM records WHERE ts < '2026-11-22T00:00:10Z' AND src_ip = '192.0.2.3'",
            1,
            2,
        ),
        ("SELECT count(*) FROM records WHERE dst_ip = '203.0.113.1'", 0, 3),
        ("SELECT count(*) FROM records WHERE dst_ip IN ('198.51.100.6', '203.0.113.1')", 428, 0),
        ("SELECT count(*) FROM records WHERE dst_ip = '198.51.100.55'", 0, 3),
        (
            "SELECT count(*) FROM records WHERE ts >= '2026-11-22T00:40:00Z' OR src_ip = '192.0.2.3'",
            840,
            0,
        ),
    ] {
        let answer = asked(&files, question).unwrap();
        assert_eq!(
            (json!(answer.rows), answer.groups_pruned),
            (json!([[expected]]), pruned),
            "{question}"
        );
    }
    assert!(asked(&files, "SELECT ts FROM records LIMIT 5").unwrap().read <= 1_000);
}

#[test]
fn what_is_not_of_the_scope_or_over_is_not_there() {
    let own = record("192.0.2.7", "203.0.113.5", 0);
    let measured =
        MechanicalRecord { measure_id: Some("measure-7".parse().unwrap()), ..own.clone() };
    let over = MechanicalRecord { retain_until: now(), ..own.clone() };
    let (dir, _) = folder(&[&[own.clone(), over.clone()], std::slice::from_ref(&measured)]);
    let mut writer = noroshi_sift::store::RecordWriter::new(Vec::new()).unwrap();
    writer.write(&[own, measured, over]).unwrap();
    write(dir.path(), "mixed.parquet", &writer.finish().unwrap());
    let files = noroshi_hunt::shelf::list(dir.path()).unwrap();
    let question = "SELECT measure_id, count(*) FROM records GROUP BY measure_id";
    assert_eq!(json!(rows(&files, question)), json!([[null, 2]]));
    let scope = Scope::Measure("measure-7".parse().unwrap());
    let answer = ask(files, scope, now(), question, Limits::default()).unwrap();
    assert_eq!(json!(answer.rows), json!([["measure-7", 2]]));
}

#[test]
fn a_question_has_bounds() {
    let (_dir, files) = folder(&[&some()]);
    let with =
        |limits, question: &str| ask(files.clone(), Scope::OwnNetwork, now(), question, limits);
    let limits = Limits { rows_max: 10, ..Limits::default() };
    let cut = with(limits, "SELECT ts FROM records").unwrap();
    assert_eq!((cut.rows.len(), cut.cut), (10, true));
    assert!(!with(limits, "SELECT ts FROM records LIMIT 10").unwrap().cut);
    let limits = Limits { time_max: Duration::from_millis(300), ..Limits::default() };
    let long = "SELECT count(*) FROM records a, records b, records c WHERE a.bytes + b.bytes + c.bytes = 1";
    let late = with(limits, long);
    assert!(matches!(late, Err(NoAnswer::TooLong)), "{late:?}");
    let limits = Limits { memory_bytes_max: 64 << 10, ..Limits::default() };
    let wide = "SELECT src_ip || dst_ip || ts, count(*) FROM records GROUP BY 1 ORDER BY 1";
    let much = with(limits, wide);
    assert!(matches!(much, Err(NoAnswer::TooMuch)), "{much:?}");
}

#[test]
fn what_may_not_be_asked_or_makes_no_sense_says_so() {
    let (dir, files) = folder(&[&some()]);
    write(dir.path(), "secret.csv", b"a,b\n1,2\n");
    let secret = dir.path().join("secret.csv").display().to_string();
    for (question, code) in [
        (format!("SELECT * FROM '{secret}'"), "NRS-HUNT-0202"),
        (format!("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '{secret}'"), "NRS-HUNT-0201"),
        ("DROP TABLE records".to_owned(), "NRS-HUNT-0201"),
        ("SELECT subject FROM records".to_owned(), "NRS-HUNT-0204"),
        ("SELECT no_such_function(ts) FROM records".to_owned(), "NRS-HUNT-0204"),
        ("SELECT 1/0 FROM records".to_owned(), "NRS-HUNT-0210"),
    ] {
        let refused = asked(&files, &question).unwrap_err();
        assert_eq!(refused.code(), code, "{question}: {refused}");
        assert!(refused.to_string().starts_with(code));
    }
    // As deep as the limits allow; the stack holds.
    let deep =
        format!("SELECT count(*) FROM records WHERE {}", vec!["bytes > 1"; 450].join(" OR "));
    assert_eq!(json!(rows(&files, &deep)), json!([[2_999]]));
}

#[test]
fn what_is_asked_of_what_was_asked_is_worked_out_each_time() {
    let (_dir, files) = folder(&[&some()]);
    for (question, answer) in [
        (
            "SELECT x + x AS x FROM (SELECT x + x AS x FROM (SELECT 3 AS x FROM records LIMIT 1))",
            12,
        ),
        (
            "SELECT x + x AS x FROM (SELECT x + x AS x FROM (SELECT 3 AS x FROM records LIMIT 1) a) b",
            12,
        ),
        (
            "WITH a AS (SELECT x + x AS x FROM (SELECT 3 AS x FROM records LIMIT 1)) SELECT x + x AS x FROM a",
            12,
        ),
        ("SELECT max(x) AS x FROM (SELECT count(*) AS x FROM (SELECT 1 AS x FROM records))", 3_000),
    ] {
        assert_eq!(json!(rows(&files, question)), json!([[answer]]), "{question}");
    }
}

#[test]
fn a_damaged_file_is_named_and_the_rest_is_answered() {
    let (dir, mut files) = folder(&[&some()]);
    write(dir.path(), "zz.parquet", b"PAR1 and then nothing PAR1");
    files = noroshi_hunt::shelf::list(dir.path()).unwrap_or(files);
    let answer = asked(&files, "SELECT count(*) FROM records").unwrap();
    assert_eq!(json!(answer.rows), json!([[3_000]]));
    assert_eq!(
        answer.problems.iter().map(|one| one.file.as_str()).collect::<Vec<_>>(),
        ["zz.parquet"]
    );
}

#[test]
fn nothing_that_is_asked_grows_beyond_what_was_kept() {
    let (_dir, files) = folder(&[&some()]);
    let code = |question: &str| asked(&files, question).err().map(|problem| problem.code());
    for growing in [
        "repeat(src_ip, 1000000)",
        "lpad(src_ip, 100000000)",
        "rpad(src_ip, 100000000)",
        "replace(src_ip, '.', 'a long text in the place of a short one')",
        "concat(src_ip, src_ip)",
        "concat_ws(src_ip, src_ip, src_ip)",
        "OVERLAY(src_ip PLACING src_ip FROM 1 FOR 0)",
        "string_agg(src_ip, src_ip)",
        "array_agg(src_ip)",
        "struct(src_ip, src_ip)",
    ] {
        let question = format!("SELECT {growing} FROM records");
        assert_eq!(code(&question), Some("NRS-HUNT-0204"), "{question}");
        let within =
            format!("SELECT 1 FROM records WHERE src_ip IN (SELECT {growing} FROM records)");
        assert_eq!(code(&within), Some("NRS-HUNT-0204"), "{within}");
    }
    let nested = |times: usize| {
        let begin = "SELECT src_ip AS x FROM records".to_owned();
        (0..times).fold(begin, |inner, _| format!("SELECT x || x AS x FROM ({inner})"))
    };
    assert_eq!(code(&nested(9)), Some("NRS-HUNT-0203"));
    let doubled = rows(&files, &format!("SELECT max(octet_length(x)) FROM ({})", nested(3)));
    assert_eq!(json!(doubled), json!([[72]]));
}
