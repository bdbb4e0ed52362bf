//! The same records as a table and as JSON keep the same.

use std::fmt::Write as _;

use proptest::prelude::*;

use crate::run::{records, run};

#[derive(Debug, Clone)]
struct Record {
    ts_us: u64,
    src: String,
    dst: Option<String>,
    ports: (u16, u16),
    proto: &'static str,
    duration_us: Option<u64>,
    counts: [Option<u32>; 4],
    query: Option<String>,
    answers: Vec<String>,
}

fn any_record() -> impl Strategy<Value = Record> {
    let address = prop_oneof![
        (0_u8..8).prop_map(|host| format!("203.0.113.{host}")),
        (0_u8..8).prop_map(|host| format!("2001:db8::{host}")),
    ];
    let name = "([a-c]\\.){0,2}(Evil|other)\\.example\\.?";
    (
        (0_u64..2_000_000_000_000_000, address.clone(), proptest::option::of(address.clone())),
        (
            any::<(u16, u16)>(),
            proptest::sample::select(vec!["tcp", "udp", "icmp", "unknown_transport"]),
        ),
        proptest::option::of(0_u64..100_000_000),
        any::<[Option<u32>; 4]>(),
        proptest::option::of(name),
        proptest::collection::vec(prop_oneof![address, name.boxed()], 0..3),
    )
        .prop_map(
            |((ts_us, src, dst), (ports, proto), duration_us, counts, query, answers)| Record {
                ts_us,
                src,
                dst,
                ports,
                proto,
                duration_us,
                counts,
                query,
                answers,
            },
        )
}

fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

fn table(records: &[Record]) -> String {
    let mut log = "#separator \\x09\n#fields\tts\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\torig_bytes\
        \torig_ip_bytes\tresp_ip_bytes\tresp_pkts\tquery\tanswers\n#types\ttime\taddr\tport\taddr\tport\tenum\tinterval\
        \tcount\tcount\tcount\tcount\tstring\tvector[string]\n"
        .to_owned();
    for record in records {
        let or_unset = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let answers =
            if record.answers.is_empty() { "(empty)".to_owned() } else { record.answers.join(",") };
        let mut fields =
            vec![seconds(record.ts_us), record.src.clone(), record.ports.0.to_string()];
        fields.extend([
            or_unset(record.dst.clone()),
            record.ports.1.to_string(),
            record.proto.to_owned(),
        ]);
        fields.push(or_unset(record.duration_us.map(seconds)));
        fields.extend(record.counts.map(|count| or_unset(count.map(|count| count.to_string()))));
        fields.extend([or_unset(record.query.clone()), answers]);
        writeln!(log, "{}", fields.join("\t")).unwrap();
    }
    log
}

fn json(records: &[Record]) -> String {
    let mut log = String::new();
    for record in records {
        let mut members = vec![
            format!("\"ts\":{}", seconds(record.ts_us)),
            format!("\"id.orig_h\":\"{}\"", record.src),
            format!("\"id.orig_p\":{},\"id.resp_p\":{}", record.ports.0, record.ports.1),
            format!("\"proto\":\"{}\"", record.proto),
            format!("\"answers\":{}", serde_json::to_string(&record.answers).unwrap()),
        ];
        members.extend(record.dst.iter().map(|dst| format!("\"id.resp_h\":\"{dst}\"")));
        members.extend(record.query.iter().map(|query| format!("\"query\":\"{query}\"")));
        members.extend(record.duration_us.map(|us| format!("\"duration\":{}", seconds(us))));
        let names = ["orig_bytes", "orig_ip_bytes", "resp_ip_bytes", "resp_pkts"];
        let counts = names.iter().zip(record.counts);
        members.extend(counts.filter_map(|(name, count)| Some(format!("\"{name}\":{}", count?))));
        writeln!(log, "{{{}}}", members.join(",")).unwrap();
    }
    log
}

proptest! {
    #[test]
    fn both_forms_keep_the_same(input in proptest::collection::vec(any_record(), 0..20)) {
        let list = "203.0.113.2\n203.0.113.4/31\n2001:db8::3\nevil.example\n=a.other.example";
        let (from_table, from_json) = (run(list, &[table(&input).as_bytes()]), run(list, &[json(&input).as_bytes()]));
        prop_assert_eq!(from_table.certificate.tally.errors, 0, "{:?}", from_table.problems);
        prop_assert_eq!(records(&from_table), records(&from_json));
        prop_assert_eq!(from_table.certificate.rows_root, from_json.certificate.rows_root);
        prop_assert_eq!(&from_table.sightings, &from_json.sightings);
        let tallies = [from_table, from_json].map(|outcome| {
            let mut tally = outcome.certificate.tally;
            tally.bytes = 0;
            tally
        });
        prop_assert_eq!(tallies[0], tallies[1]);
    }
}
