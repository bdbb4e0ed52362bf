//! Which fields are looked at, under which conditions a selector holds, and that several threads change nothing.

use std::num::NonZeroUsize;

use noroshi_sift::engine::{Engine, Outcome};
use noroshi_sift::export::Collector;
use noroshi_sift::index::SelectorIndex;
use noroshi_sift::mode::Mode;
use noroshi_sift::reading::Reading;
use noroshi_sift::selector::{EmailKey, parse_list_with};
use noroshi_sift::switches::Switches;

use crate::packets::{self, Frame};
use crate::reading::parquet_of;
use crate::run::{index, records, run, settings};

fn looked(switches: Switches, list: &str, log: &str) -> Outcome<Vec<u8>> {
    let key = EmailKey::new(b"a key that is long enough").unwrap();
    let (selectors, problems) = parse_list_with(list.as_bytes(), Some(&key));
    assert_eq!(problems, []);
    let index = SelectorIndex::build(selectors).unwrap();
    let mut engine =
        Engine::with_switches(Mode::OwnNetwork, switches, index, settings(), Vec::new())
            .unwrap()
            .with_email_key(key);
    engine.read("log", log.as_bytes()).unwrap();
    let outcome = engine.finish("2026-11-23T00:01:00Z".parse().unwrap()).unwrap();
    assert!(outcome.certificate.balances());
    outcome
}

/// All switches on but one, and that one alone: the record is kept in the second case only.
fn check(name: &str, list: &str, record: &str) {
    let record = format!(
        "{{\"ts\":1790000000,\"id.orig_h\":\"192.0.2.1\",\"id.resp_h\":\"192.0.2.2\",{record}}}\n"
    );
    let all_on = serde_json::to_value(Switches::CLOSED).unwrap();
    let with = |others: bool, this: bool| {
        let mut json = all_on.clone();
        for (switch, value) in json.as_object_mut().unwrap() {
            *value = (if switch == name { this } else { others }).into();
        }
        let switches: Switches = serde_json::from_value(json).unwrap();
        looked(switches, list, &record).certificate.tally.kept
    };
    assert_eq!((with(true, false), with(false, true)), (0, 1), "{name}");
}

#[test]
fn each_switch_opens_its_field_and_no_other() {
    let md5 = "d41d8cd98f00b204e9800998ecf8427e";
    check("further-addresses", "203.0.113.5", r#""tx_hosts":["203.0.113.5"]"#);
    check("dns-names", "evil.example", r#""query":"evil.example""#);
    check("dns-names", "evil.example", r#""dns":{"rrname":"evil.example"}"#);
    check("tls-names", "evil.example", r#""server_name":"evil.example""#);
    check("tls-names", "evil.example", r#""tls":{"sni":"evil.example"}"#);
    check("http-hosts", "evil.example", r#""http":{"hostname":"evil.example","url":"/"}"#);
    check("url-paths", "url:evil.example/x", r#""http":{"hostname":"evil.example","url":"/x"}"#);
    check(
        "tls-fingerprints",
        &format!("ja3:{md5}"),
        &format!(r#""tls":{{"ja3":{{"hash":"{md5}"}}}}"#),
    );
    check("certificates", &format!("cert:{md5}"), &format!(r#""cert_chain_fps":["{md5}"]"#));
    check("files", md5, &format!(r#""md5":"{md5}""#));
    check("email-addresses", "someone@evil.example", r#""mailfrom":"<Someone@evil.example>""#);
}

/// An answered address is a further address in a field of DNS, whatever it is read from: both switches must be on.
#[test]
fn an_answered_address_is_looked_at_where_both_of_its_switches_are_on() {
    let json = |more: &str| {
        let ends = r#""id.orig_h":"192.0.2.1","id.resp_h":"192.0.2.2""#;
        format!("{{\"ts\":1790000000,{ends},{more}}}\n").into_bytes()
    };
    let table = "#fields\tts\tid.orig_h\tid.resp_h\tanswers\n#types\ttime\taddr\taddr\tvector[string]\n\
        1790000000\t192.0.2.1\t192.0.2.2\tgood.example,203.0.113.5\n";
    let answer = packets::answer(
        "good.example",
        28,
        &[&[0; 10][..], &[0xff, 0xff, 203, 0, 113, 5]].concat(),
    );
    let capture = |answer: &[u8]| {
        let frame = Frame::udp("192.0.2.2", 53, "192.0.2.1", 5000, answer);
        packets::pcap(&[frame], true, false)
    };
    let answer_over_tcp = packets::answer("good.example", 1, &[203, 0, 113, 5]);
    let length = u16::try_from(answer_over_tcp.len()).unwrap().to_be_bytes();
    let segment = [&length[..], &answer_over_tcp].concat();
    let stream = Frame::tcp("192.0.2.2", 53, "192.0.2.1", 5000, packets::ACK, &segment);
    let inputs: [(&str, Vec<u8>); 10] = [
        ("Zeek's table", table.into()),
        ("Zeek's JSON", json(r#""answers":["203.0.113.5"]"#)),
        ("EVE", json(r#""dns":{"answers":[{"rdata":"203.0.113.5"}]}"#)),
        ("EVE, grouped", json(r#""dns":{"grouped":{"A":["203.0.113.5"]}}"#)),
        ("asked for", json(r#""query":"203.0.113.5""#)),
        ("CSV", "ts,src,dst,query\n1790000000,192.0.2.1,192.0.2.2,203.0.113.5\n".into()),
        ("Parquet", parquet_of("203.0.113.7")),
        ("capture", capture(&packets::answer("good.example", 1, &[203, 0, 113, 5]))),
        ("capture, wrapped", capture(&answer)),
        ("capture, over TCP", packets::pcap(&[stream], true, false)),
    ];
    for (what, input) in inputs {
        for (dns_names, further_addresses) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            let switches = Switches { dns_names, further_addresses, ..Switches::CLOSED };
            // One end of the table in Parquet is the other address.
            let list = index(if what == "Parquet" { "203.0.113.7" } else { "203.0.113.5" });
            let mut engine =
                Engine::with_switches(Mode::OwnNetwork, switches, list, settings(), Vec::new())
                    .unwrap();
            let mut collector = Collector::default();
            engine.read_any(what, &input[..], &Reading::default(), &mut collector).unwrap();
            let is_found = engine.tally().kept > 0;
            assert_eq!(is_found, dns_names && further_addresses, "{what} {switches:?}");
        }
    }
}

/// A locator is looked for under one form of its host, and of its path under what was asked for.
#[test]
fn locators_are_found_as_they_were_asked_for() {
    let switches = Switches { url_paths: true, ..Switches::of_mode(Mode::OwnNetwork) };
    let check = |list: &str, host: &str, uri: &str, expected: u64| {
        let record = format!(
            "{{\"ts\":1,\"id.orig_h\":\"192.0.2.1\",\"id.resp_h\":\"192.0.2.2\",\"host\":\"{host}\",\"uri\":\"{uri}\"}}\n"
        );
        let kept = looked(switches, list, &record).certificate.tally.kept;
        assert_eq!(kept, expected, "{list} {host} {uri}");
    };
    // A locator within the path is a part of it.
    check("http://evil.example/u?q=http://a.b/c", "evil.example", "/u?q=http://a.b/c", 1);
    check("http://evil.example/c", "evil.example", "/u?q=http://a.b/c", 0);
    check("http://evil.example/c", "evil.example", "http://evil.example/c", 1);
    check("http://evil.example?q=1", "evil.example", "http://evil.example?q=1", 1);
    for host in ["[2001:db8::1]", "[2001:DB8::1]:8080", "2001:db8::1"] {
        check("http://[2001:db8::1]/x", host, "/x", 1);
    }
    check("http://203.0.113.5:8080/x", "203.0.113.5", "/x", 1);
    check("http://203.0.113.5/x", "[::ffff:203.0.113.5]:80", "/x", 1);
    check("http://狼煙.example/x", "狼煙.example.:80", "/x", 1);
}

#[test]
fn ports_are_neither_kept_nor_compared_where_their_switch_is_off() {
    let log = "{\"ts\":1,\"id.orig_h\":\"192.0.2.1\",\"id.orig_p\":4000,\"id.resp_h\":\"203.0.113.5\",\"id.resp_p\":443,\"proto\":\"tcp\"}\n";
    let off = Switches { ports: false, ..Switches::of_mode(Mode::OwnNetwork) };
    let kept = looked(off, "203.0.113.5\n203.0.113.5 443/tcp", log);
    let record = &records(&kept)[0];
    assert_eq!(
        (kept.certificate.rows, record.src_port, record.dst_port, record.proto),
        (1, None, None, None)
    );
}

#[test]
fn conditions_are_about_the_end_that_has_the_value() {
    let conn = |src: &str, dst: &str| {
        format!(
            "{{\"ts\":1,\"id.orig_h\":\"{src}\",\"id.orig_p\":53,\"id.resp_h\":\"{dst}\",\"id.resp_p\":443,\"proto\":\"tcp\",\"query\":\"evil.example\"}}\n"
        )
    };
    let kept = |list: &str, src: &str, dst: &str| {
        run(list, &[conn(src, dst).as_bytes()]).certificate.tally.kept
    };
    let (evil, good) = ("203.0.113.5", "192.0.2.1");
    for (condition, as_src, as_dst) in [
        ("443/tcp", 0, 1),
        ("443/udp", 0, 0),
        ("53", 1, 0),
        ("*/tcp", 1, 1),
        ("src:*", 1, 0),
        ("dst:443", 0, 1),
        ("src:443", 0, 0),
    ] {
        for value in [evil, "203.0.113.0/24"] {
            let list = format!("{value} {condition}");
            assert_eq!(
                (kept(&list, evil, good), kept(&list, good, evil)),
                (as_src, as_dst),
                "{list}"
            );
        }
    }
    assert_eq!(kept("evil.example 443", good, good), 1);
    assert_eq!(kept("evil.example 53", good, good), 0);
}

#[test]
fn a_selector_holds_within_its_window() {
    let list =
        "domain,evil.example,a,1,2026-11-23T00:00:30Z,2026-11-23T00:00:10Z,measure-1,approval-1";
    let dns = |second: u32| {
        format!(
            "{{\"ts\":\"2026-11-23T00:00:{second:02}Z\",\"id.orig_h\":\"192.0.2.7\",\"query\":\"evil.example\"}}\n"
        )
    };
    let log: String = [9, 10, 29, 30].map(dns).concat();
    let outcome = run(list, &[log.as_bytes()]);
    assert_eq!((outcome.certificate.tally.kept, outcome.certificate.tally.unmatched), (2, 2));
    // One's own network has no measure, whatever the list says.
    assert!(records(&outcome).iter().all(|record| record.measure_id.is_none()));
}

#[test]
fn the_rules_of_a_selection_stand_in_its_certificate() {
    let rules =
        |switches: Switches| looked(switches, "203.0.113.5", "").certificate.rules_digest.unwrap();
    let own = Switches::of_mode(Mode::OwnNetwork);
    assert_eq!(rules(own), rules(own));
    assert_ne!(rules(own), rules(Switches { url_paths: true, ..own }));
}

/// Records of every fate, with headers that change in between and lines longer than a piece of input.
fn mixed_log() -> Vec<u8> {
    let mut log = Vec::new();
    for number in 0..30_000_u32 {
        match number % 9 {
            0 if number % 2_700 == 0 => log.extend(b"#separator \\x09\n#fields\tts\tid.orig_h\tid.resp_h\tquery\n#types\ttime\taddr\taddr\tstring\n"),
            0 if number % 1_800 == 0 => log.extend(b"#fields\tquery\tid.resp_h\tid.orig_h\tts\n#types\tstring\taddr\taddr\ttime\n"),
            1 => log.extend(b"broken\n"),
            2 => log.extend(b"\r\n"),
            3 => log.extend(format!("{number}.5\t192.0.2.1\t203.0.113.{}\tx.evil.example\n", number % 256).bytes()),
            4 => log.extend(format!("evil.example\t198.51.100.7\t192.0.2.{}\t{number}\n", number % 256).bytes()),
            5 if number % 4_000 == 5 => {
                log.extend(vec![b'x'; 700_000]);
                log.push(b'\n');
            }
            _ => log.extend(format!("{number}.25\t192.0.2.1\t198.51.100.9\tgood.example\n").bytes()),
        }
    }
    log
}

#[test]
fn several_threads_come_to_the_same() {
    let log = mixed_log();
    let list = "203.0.113.0/25\nevil.example";
    let one = run(list, &[&log]);
    let tally = one.certificate.tally;
    assert!(tally.kept > 1_000 && tally.unmatched > 1_000 && tally.errors > 1_000, "{tally:?}");
    for threads in [2, 3, 7] {
        let mut engine =
            Engine::new(Mode::OwnNetwork, index(list), settings(), Vec::new()).unwrap();
        engine
            .read_with_threads("input-0", log.as_slice(), NonZeroUsize::new(threads).unwrap())
            .unwrap();
        let many = engine.finish("2026-11-23T00:01:00Z".parse().unwrap()).unwrap();
        assert_eq!(many.certificate, one.certificate, "{threads}");
        assert_eq!(
            (&many.problems, &many.sightings, &many.sink),
            (&one.problems, &one.sightings, &one.sink)
        );
    }
}

#[test]
fn a_failing_input_is_counted_and_said_with_several_threads_too() {
    struct Fails(usize);
    impl std::io::Read for Fails {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let line = b"1\t192.0.2.1\n";
            if self.0 == 0 {
                return Err(std::io::Error::other("gone"));
            }
            self.0 -= 1;
            into[..line.len()].copy_from_slice(line);
            Ok(line.len())
        }
    }
    let mut engine =
        Engine::new(Mode::OwnNetwork, index("203.0.113.5"), settings(), Vec::new()).unwrap();
    assert!(engine.read_with_threads("input", Fails(50), NonZeroUsize::new(2).unwrap()).is_err());
    // Fifty lines without a header and the one in which it failed.
    assert_eq!((engine.tally().seen, engine.tally().errors), (51, 51));
}

/// A defect in one thread ends the selection; the others do not wait for what never comes.
#[test]
fn a_defect_in_one_thread_is_an_end_and_no_hang() {
    struct Breaks;
    impl std::io::Write for Breaks {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            panic!("a defect of the sink")
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let line = "{\"ts\":1790000000,\"id.orig_h\":\"192.0.2.7\",\"id.resp_h\":\"203.0.113.5\"}\n";
    let log = line.repeat(200_000);
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut engine =
            Engine::new(Mode::OwnNetwork, index("203.0.113.5"), settings(), Breaks).unwrap();
        let read = std::panic::AssertUnwindSafe(|| {
            engine.read_with_threads("input", log.as_bytes(), NonZeroUsize::new(4).unwrap())
        });
        tell.send(std::panic::catch_unwind(read).is_err()).unwrap();
    });
    let ended = told.recv_timeout(std::time::Duration::from_secs(60));
    assert_eq!(ended, Ok(true), "the panic is passed on, and nobody waits");
}
