//! A word planted wherever content may stand; nothing that leaves the crate may hold it.

use jiff::Timestamp;
use noroshi_evidence::mechanical::{Direction, MechanicalRecord, Protocol};

use crate::run::{records, run};

const MARKER: &str = "MARKER";
const LIST: &str = "ipv4,203.0.113.5,selector-1,2\ndomain,evil.example,selector-2,1";

/// Every table of Zeek with content in it that comes to mind, the columns that decide, and broken lines.
fn zeek() -> String {
    let mut log = String::new();
    let mut table = |path: &str, fields: &str, types: &str, rows: &[&str]| {
        let (fields, types) = (fields.replace(' ', "\t"), types.replace(' ', "\t"));
        log += "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n";
        log += &["#path\t", path, "\n#fields\t", &fields, "\n#types\t", &types, "\n"].concat();
        for row in rows {
            log += &row.replace(' ', "\t");
            log.push('\n');
        }
    };
    let ends = "ts uid id.orig_h id.orig_p id.resp_h id.resp_p";
    let end_types = "time string addr port addr port";
    let at = "1790000000.000001 MARKERuid 192.0.2.7 4000 203.0.113.5 80";
    table(
        "http",
        &format!("{ends} host uri referrer user_agent username password orig_filenames"),
        &format!("{end_types} string string string string string string vector[string]"),
        &[&format!("{at} MARKER.evil.example /MARKER MARKER MARKER MARKER MARKER MARKER,MARKER")],
    );
    table(
        "smtp",
        &format!("{ends} mailfrom rcptto from to subject x_originating_ip path"),
        &format!("{end_types} string set[string] string set[string] string addr vector[addr]"),
        &[&format!("{at} MARKER@evil.example MARKER MARKER MARKER MARKER 203.0.113.5 203.0.113.5")],
    );
    table(
        "dns",
        &format!("{ends} proto query answers"),
        &format!("{end_types} enum string vector[string]"),
        &[&format!("{at} udp MARKER.evil.example TXT_MARKER,203.0.113.5")],
    );
    table(
        "ssl",
        &format!("{ends} server_name subject issuer"),
        &format!("{end_types} string string string"),
        &[&format!("{at} MARKER.evil.example CN=MARKER MARKER")],
    );
    table("files", "ts filename", "time string", &["1790000000 MARKER"]);
    table(
        "ftp",
        &format!("{ends} user password arg"),
        &format!("{end_types} string string string"),
        &[
            &format!("{at} MARKER MARKER ftp://MARKER"),
            &format!("{at} MARKER"),
            "MARKER MARKER MARKER MARKER MARKER MARKER MARKER MARKER MARKER",
            "1790000000 x MARKER 1 203.0.113.5 1 MARKER MARKER MARKER",
            "1790000000 x 192.0.2.7 MARKER 203.0.113.5 1 MARKER MARKER MARKER",
        ],
    );
    log
}

fn eve() -> String {
    let ends = r#""timestamp":"2026-09-21T14:13:20.000001+0000","src_ip":"192.0.2.7","src_port":4000,"dest_ip":"203.0.113.5","dest_port":80,"proto":"TCP""#;
    [
        format!(r#"{{{ends},"event_type":"http","http":{{"hostname":"MARKER.evil.example","url":"/MARKER","http_user_agent":"MARKER","http_refer":"MARKER","http_response_body":"MARKER"}}}}"#),
        format!(r#"{{{ends},"event_type":"dns","dns":{{"rrname":"MARKER.evil.example","answers":[{{"rdata":"MARKER"}}],"grouped":{{"TXT":["MARKER"],"A":["203.0.113.5"]}}}}}}"#),
        format!(r#"{{{ends},"event_type":"tls","tls":{{"sni":"MARKER.evil.example","subject":"CN=MARKER","certificate":"MARKER"}}}}"#),
        format!(r#"{{{ends},"event_type":"alert","payload":"MARKER","payload_printable":"MARKER","packet":"MARKER","alert":{{"signature":"MARKER"}},"flow":{{"bytes_toserver":7,"bytes_toclient":8}}}}"#),
        format!(r#"{{{ends},"event_type":"smtp","email":{{"from":"MARKER","subject":"MARKER","attachment":["MARKER"]}},"MARKER":"MARKER"}}"#),
        format!(r#"{{{ends},"event_type":"MARKER","MARKER":"#),
        r#"{"timestamp":"MARKER","src_ip":"192.0.2.7"}"#.to_owned(),
        r#"{"timestamp":"2026-09-21T14:13:20Z","src_ip":"MARKER"}"#.to_owned(),
        r#"{"event_type":"fileinfo","fileinfo":{"filename":"MARKER"}}"#.to_owned(),
        MARKER.to_owned(),
    ]
    .join("\n")
}

#[test]
fn no_planted_word_leaves_the_crate() {
    let (zeek, eve) = (zeek(), eve());
    assert!(zeek.matches(MARKER).count() > 40 && eve.matches(MARKER).count() > 20);
    let outcome = run(LIST, &[zeek.as_bytes(), eve.as_bytes()]);
    let tally = outcome.certificate.tally;
    assert_eq!((tally.kept, tally.content, tally.errors), (11, 2, 7), "{:?}", outcome.problems);
    let texts = [
        serde_json::to_string(&outcome.certificate).unwrap(),
        serde_json::to_string(&outcome.problems).unwrap(),
        serde_json::to_string(&outcome.sightings).unwrap(),
        format!("{:?}{:?}{:?}", outcome.certificate, outcome.problems, outcome.sightings),
        outcome.problems.first.iter().map(ToString::to_string).collect(),
        serde_json::to_string(&records(&outcome)).unwrap(),
    ];
    let word = MARKER.to_lowercase();
    for text in texts {
        assert!(!text.to_lowercase().contains(&word), "{text}");
    }
    // In the file as it lies there, too; only numbers, addresses and names of selectors stand in it.
    let file = outcome.sink.to_ascii_lowercase();
    assert!(!file.windows(word.len()).any(|window| window == word.as_bytes()));
}

#[test]
fn what_is_kept_is_exactly_the_mechanical_fields() {
    let outcome = run(LIST, &[eve().lines().nth(3).unwrap().as_bytes()]);
    let expected = MechanicalRecord {
        selector_id: "selector-1".parse().unwrap(),
        selector_version: 2,
        measure_id: None,
        ts: Timestamp::from_microsecond(1_790_000_000_000_001).unwrap(),
        src_ip: Some("192.0.2.7".parse().unwrap()),
        dst_ip: Some("203.0.113.5".parse().unwrap()),
        src_port: Some(4000),
        dst_port: Some(80),
        proto: Some(Protocol::TCP),
        bytes: Some(15),
        packets: None,
        flow_start: None,
        flow_end: None,
        direction: Direction::OwnNetwork,
        retain_until: "2027-02-21T00:00:00Z".parse().unwrap(),
    };
    assert_eq!(records(&outcome), [expected]);
}

#[test]
fn one_record_gives_a_row_for_each_selector_that_matched() {
    let outcome = run(LIST, &[eve().lines().nth(1).unwrap().as_bytes()]);
    let rows = records(&outcome);
    let ids: Vec<&str> = rows.iter().map(|row| row.selector_id.as_str()).collect();
    assert_eq!(ids, ["selector-1", "selector-2"]);
    assert_eq!((outcome.certificate.tally.kept, outcome.certificate.rows), (1, 2));
}
