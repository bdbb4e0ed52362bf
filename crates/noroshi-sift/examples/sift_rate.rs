//! How many records a second one core looks through.
//!
//! `cargo run --release -p noroshi-sift --example sift_rate [RECORDS [SELECTORS]]` makes synthetic logs of
//! connections in memory, one record in a thousand with a selected address. It prints one line for the list,
//! `Selectors count bytes seconds_to_load bytes_in_memory`, and one for each format,
//! `format records bytes seconds records_per_second megabytes_per_second`, separated by tabs.

#![expect(clippy::print_stdout, reason = "a program whose purpose is the figures it prints")]

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::net::Ipv4Addr;
use std::time::Instant;

use noroshi_sift::digest::Digest;
use noroshi_sift::engine::{Engine, Link, Settings};
use noroshi_sift::index::SelectorIndex;
use noroshi_sift::mode::Mode;
use noroshi_sift::selector::parse_list;

const RECORDS: u64 = 1_000_000;
const SELECTORS: u64 = 10_000;
/// One record in so many is selected.
const HIT_EVERY: u64 = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| arguments.next().map_or(Ok(default), |text| text.parse());
    let (records, selectors) = (number(RECORDS)?, number(SELECTORS)?);
    let list = list_of(selectors)?;
    let begun = Instant::now();
    let parsed = parse_list(list.as_bytes()).0;
    let count = parsed.len();
    let size_bytes = SelectorIndex::build(parsed)?.size_bytes();
    let seconds = begun.elapsed().as_secs_f64();
    println!("Selectors\t{count}\t{}\t{seconds:.3}\t{size_bytes}", list.len());
    for format in [Format::ZeekTable, Format::ZeekJson, Format::Eve] {
        println!("{}", bench_once(format, records, &list)?);
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Format {
    ZeekTable,
    ZeekJson,
    Eve,
}

/// Looks through one log and returns the line that says how fast that was.
fn bench_once(format: Format, records: u64, list: &str) -> Result<String, Box<dyn Error>> {
    let log = log_of(format, records)?;
    let settings = Settings {
        sensor: "sensor-1".parse()?,
        own_networks: vec!["10.0.0.0/8".parse()?],
        retention_days: 1,
        program: Digest::of(b""),
        link: Link::FIRST,
        started_at: "2026-11-23T00:00:00Z".parse()?,
    };
    let started_at = settings.started_at;
    let index = SelectorIndex::build(parse_list(list.as_bytes()).0)?;
    let begun = Instant::now();
    let mut engine = Engine::new(Mode::OwnNetwork, index, settings, io::sink())?;
    engine.read("log", log.as_bytes())?;
    let certificate = engine.finish(started_at)?.certificate;
    let seconds = begun.elapsed().as_secs_f64();
    let expected = records.div_ceil(HIT_EVERY);
    if certificate.tally.kept != expected || certificate.tally.seen != records {
        return Err(format!("tally is {:?}, not {expected} of {records}", certificate.tally).into());
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate has no use for the last digits")]
    let (rate, megabytes) = (records as f64 / seconds, log.len() as f64 / seconds / 1e6);
    Ok(format!("{format:?}\t{records}\t{}\t{seconds:.3}\t{rate:.0}\t{megabytes:.0}", log.len()))
}

/// The finish of `SplitMix64`: the same numbers every time, well spread.
const fn spread(number: u64) -> u64 {
    let number = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number ^ (number >> 27)
}

/// An address out of 198.18.0.0/15, which is set aside for benchmarks (RFC 2544), or out of 240.0.0.0/4, which
/// is not assigned: the former is looked for and the latter is not.
fn address(number: u64, is_selected: bool) -> Ipv4Addr {
    let low = u32::try_from(number & 0x01ff_ffff).unwrap_or_default();
    Ipv4Addr::from_bits(if is_selected {
        0xc612_0000 | (low & 0x1_ffff)
    } else {
        0xf000_0000 | low
    })
}

/// Half addresses, half names.
fn list_of(selectors: u64) -> Result<String, std::fmt::Error> {
    let mut list = String::new();
    for number in 0..selectors.div_ceil(2) {
        let name = spread(number);
        writeln!(list, "{}\n{name:x}.example", address(number, true))?;
    }
    Ok(list)
}

fn log_of(format: Format, records: u64) -> Result<String, std::fmt::Error> {
    let mut log = String::new();
    if matches!(format, Format::ZeekTable) {
        log += "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n\
            #fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\
            \tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\
            \tresp_pkts\tresp_ip_bytes\ttunnel_parents\n#types\ttime\tstring\taddr\tport\taddr\tport\tenum\
            \tstring\tinterval\tcount\tcount\tstring\tbool\tbool\tcount\tstring\tcount\tcount\tcount\tcount\
            \tset[string]\n";
    }
    for number in 0..records {
        let spread = spread(number);
        let src =
            Ipv4Addr::from_bits(0x0a00_0000 | u32::try_from(spread >> 48).unwrap_or_default());
        let is_selected = number % HIT_EVERY == 0;
        let seed = if is_selected { spread % 1_000 } else { spread };
        let dst = address(seed, is_selected);
        let (port, sent, got) = (1024 + spread % 60_000, spread % 5_000, spread % 50_000);
        let (second, micro) = (1_790_000_000 + number / 1_000, number % 1_000_000);
        match format {
            Format::ZeekTable => writeln!(
                log,
                "{second}.{micro:06}\tC{spread:017x}\t{src}\t{port}\t{dst}\t443\ttcp\tssl\t2.{micro:06}\t{sent}\t{got}\tSF\
                 \tT\tF\t0\tShADadfF\t12\t{sent}\t9\t{got}\t-"
            )?,
            Format::ZeekJson => writeln!(
                log,
                r#"{{"ts":{second}.{micro:06},"uid":"C{spread:017x}","id.orig_h":"{src}","id.orig_p":{port},"id.resp_h":"{dst}","id.resp_p":443,"proto":"tcp","service":"ssl","duration":2.{micro:06},"orig_bytes":{sent},"resp_bytes":{got},"conn_state":"SF","local_orig":true,"local_resp":false,"missed_bytes":0,"history":"ShADadfF","orig_pkts":12,"orig_ip_bytes":{sent},"resp_pkts":9,"resp_ip_bytes":{got}}}"#
            )?,
            Format::Eve => writeln!(
                log,
                r#"{{"timestamp":"2026-11-23T00:00:00.{micro:06}+0000","flow_id":{spread},"in_iface":"eth0","event_type":"tls","src_ip":"{src}","src_port":{port},"dest_ip":"{dst}","dest_port":443,"proto":"TCP","tls":{{"subject":"CN=www.example","issuerdn":"C=XX, O=Example CA","sni":"{spread:x}.www.example","version":"TLS 1.3","ja3":{{"hash":"{spread:032x}"}}}},"flow":{{"pkts_toserver":12,"pkts_toclient":9,"bytes_toserver":{sent},"bytes_toclient":{got},"start":"2026-11-23T00:00:00.{micro:06}+0000"}}}}"#
            )?,
        }
    }
    Ok(log)
}
