//! The details of the forms that sensors write.

use noroshi_evidence::mechanical::Protocol;

use crate::reading::read;
use crate::run::{records, run};

/// What a text gives: kept, unmatched, content, errors.
fn check(what: &str, list: &str, text: &str, expected: [u64; 4]) {
    let outcome = run(list, &[text.as_bytes()]);
    let tally = outcome.certificate.tally;
    let counts = [tally.kept, tally.unmatched, tally.content, tally.errors];
    assert_eq!(counts, expected, "{what}: {:?}", outcome.problems.first);
}

fn table(fields: &str, types: &str, rows: &[&str]) -> String {
    let begin =
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tany\n";
    let tabs = |text: &str| text.replace(' ', "\t") + "\n";
    let rows: String = rows.iter().map(|row| tabs(row)).collect();
    begin.to_owned() + "#fields\t" + &tabs(fields) + "#types\t" + &tabs(types) + &rows
}

#[test]
fn tables_of_zeek() {
    let (ends, types) = ("ts id.orig_h id.resp_h", "time addr addr");
    let at = "1790000000 192.0.2.7 203.0.113.5";
    let list = "203.0.113.5\nevil.example";
    check("plain", list, &table(ends, types, &[at]), [1, 0, 0, 0]);
    check("unset", list, &table(ends, types, &["1790000000 - -"]), [0, 0, 1, 0]);
    check("half unset", list, &table(ends, types, &["1790000000 - 203.0.113.5"]), [1, 0, 0, 0]);
    let sets = |cell: &str| {
        let fields = "ts tx_hosts seen_at";
        table(fields, "time set[addr] vector[addr]", &[&format!("1790000000 192.0.2.7 {cell}")])
    };
    check("vector", list, &sets("192.0.2.8,203.0.113.5"), [1, 0, 0, 0]);
    check("unset in a vector", list, &sets("-,203.0.113.5"), [1, 0, 0, 0]);
    check("empty vector", list, &sets("(empty)"), [0, 1, 0, 0]);
    check("no address in a vector", list, &sets("192.0.2.8,x"), [0, 0, 0, 1]);
    let named = |name: &str| {
        let row = format!("1790000000 192.0.2.7 198.51.100.1 {name}");
        table(&format!("{ends} query"), &format!("{types} string"), &[&row])
    };
    check("name", list, &named("WWW.Evil.Example."), [1, 0, 0, 0]);
    check("escaped name", list, &named("www.\\x65vil.example"), [1, 0, 0, 0]);
    check("escape that is none", list, &named("www.\\xzzvil.example"), [0, 1, 0, 0]);
    check("literally empty", "empty.example", &named("(empty)"), [0, 1, 0, 0]);
    // Another order of columns in the middle of the file, as after an upgrade of the sensor.
    let turned =
        table("id.resp_h ts id.orig_h", "addr time addr", &["203.0.113.5 1790000000 192.0.2.7"]);
    check("header again", list, &(table(ends, types, &[at]) + &turned), [2, 0, 0, 0]);
    let closed = "#close\t2026-11-23-00-00-00\n".to_owned() + &table(ends, types, &[at]);
    check("closed and opened", list, &(table(ends, types, &[at]) + &closed), [2, 0, 0, 0]);
    check(
        "line ends of another system",
        list,
        &table(ends, types, &[at]).replace('\n', "\r\n"),
        [1, 0, 0, 0],
    );
    let comma = "#separator ,\n#set_separator,|\n#fields,ts,tx_hosts,rx_hosts\n#types,time,set[addr],set[addr]\n\
        1790000000,192.0.2.7|203.0.113.5,198.51.100.1\n";
    check("other separators", list, comma, [1, 0, 0, 0]);
    check("types that do not fit", list, &table(ends, "time addr", &[at]), [0, 0, 0, 1]);
    check("a record cut off", list, &table(ends, types, &["1790000000 192.0.2.7"]), [0, 0, 0, 1]);
    check(
        "IPv6",
        "2001:db8::/32",
        &table(ends, types, &["1790000000 2001:db8::1 2001:db8::2"]),
        [1, 0, 0, 0],
    );
}

#[test]
fn events_of_suricata() {
    let event = |kind: &str, ends: bool, more: &str| {
        let ends = if ends {
            r#""src_ip":"192.0.2.7","src_port":4000,"dest_ip":"203.0.113.5","dest_port":443,"proto":"TCP","#
        } else {
            ""
        };
        format!(
            r#"{{"timestamp":"2026-09-21T14:13:20.000001+0000",{ends}"event_type":"{kind}"{more}}}"#
        )
    };
    let list = "203.0.113.5";
    for kind in [
        "alert",
        "anomaly",
        "drop",
        "fileinfo",
        "flow",
        "http",
        "ikev2",
        "netflow",
        "tls",
        "unheard-of",
    ] {
        check(kind, list, &event(kind, true, ""), [1, 0, 0, 0]);
    }
    for kind in ["stats", "engine", "arp", "unheard-of"] {
        let more = r#","stats":{"uptime":1,"decoder":{"pkts":7,"src_ip":"203.0.113.5"}}"#;
        check(kind, list, &event(kind, false, more), [0, 0, 1, 0]);
    }
    let one_way = r#","netflow":{"pkts":3,"bytes":180,"start":"2026-09-21T14:13:10.000000+0000","end":"2026-09-21T14:13:19.000000+0000","age":9}"#;
    let outcome = run(list, &[event("netflow", true, one_way).as_bytes()]);
    let row = &records(&outcome)[0];
    assert_eq!((row.bytes, row.packets, row.proto), (Some(180), Some(3), Some(Protocol::TCP)));
    assert_eq!(row.flow_start, Some("2026-09-21T14:13:10Z".parse().unwrap()));
}

/// What a record is about decides; a detail that cannot be read is absent from what is kept of it.
#[test]
fn an_odd_detail_loses_no_record() {
    let json = |more: &str| {
        format!(
            "{{\"ts\":253402207199,\"id.orig_h\":\"192.0.2.7\",\"id.resp_h\":\"203.0.113.5\",{more}}}\n"
        )
    };
    let kept = |text: &str| {
        let read = read("203.0.113.5\n203.0.113.5 443", &[text.as_bytes()]);
        assert_eq!(read.outcome.certificate.tally.errors, 0, "{text}");
        let rows = records(&read.outcome);
        assert_eq!(rows.len(), 1, "{text}");
        let row = &rows[0];
        (row.src_port, row.dst_port, row.bytes, row.flow_start.is_some(), row.flow_end.is_some())
    };
    let nothing = (None, None, None, false, false);
    assert_eq!(kept(&json(r#""id.orig_p":"4000""#)), (Some(4000), None, None, false, false));
    assert_eq!(kept(&json(r#""id.resp_p":70000,"duration":-1.5"#)), nothing);
    assert_eq!(kept(&json(r#""orig_bytes":-5,"resp_bytes":7,"id.orig_p":null"#)), nothing);
    assert_eq!(kept(&json(r#""orig_bytes":"5","resp_bytes":7"#)).2, Some(12));
    // It would end when no time can be written down any more.
    assert_eq!(kept(&json(r#""duration":90000000000"#)), (None, None, None, true, false));
    let flow = r#""flow":{"bytes_toserver":{},"bytes_toclient":7,"start":"then","end":"2026-09-21T14:13:20Z"}"#;
    assert_eq!(kept(&json(flow)), (None, None, None, false, true));
    let odd = table(
        "ts id.orig_h id.resp_h id.resp_p duration orig_bytes resp_bytes",
        "time addr addr port interval count count",
        &["1790000000 192.0.2.7 203.0.113.5 x -1.5 -5 7"],
    );
    assert_eq!(kept(&odd), nothing);
    let odd = "ts,src,dst,dst_port,bytes,dur\n1790000000,192.0.2.7,203.0.113.5,443/tcp,-5,soon\n";
    assert_eq!(kept(odd), nothing);
}

/// Somebody between Zeek and us may make one object of the four parts of `id`.
#[test]
fn ends_may_stand_inside_of_an_object() {
    let ends = r#""id":{"orig_h":"192.0.2.7","orig_p":4000,"resp_h":"203.0.113.5","resp_p":443}"#;
    let outcome = run("203.0.113.5 443", &[format!("{{\"ts\":1,{ends}}}").as_bytes()]);
    let row = &records(&outcome)[0];
    assert_eq!((row.src_ip, row.src_port), ("192.0.2.7".parse().ok(), Some(4000)));
    let list = "203.0.113.5";
    check("a number", list, r#"{"ts":1,"id":7,"id.resp_h":"203.0.113.5"}"#, [1, 0, 0, 0]);
    check("no ends", list, r#"{"ts":1,"id":{"orig_h":null,"other":"203.0.113.5"}}"#, [0, 0, 1, 0]);
    check("no address", list, r#"{"ts":1,"id":{"orig_h":"x"}}"#, [0, 0, 0, 1]);
    check("twice", list, r#"{"ts":1,"id":{"orig_h":"x","orig_h":"203.0.113.5"}}"#, [0, 0, 0, 1]);
}
