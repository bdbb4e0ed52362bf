//! How fast are MISP events converted? Give a file, or nothing for a made-up event of 20,000 attributes.
//!
//! `cargo run --release -p noroshi-codec --example misp_rate -- FILE`
//!
//! With `--peer PYTHON`, the `misp-stix` of that interpreter converts the same event, and the factor is printed.

#![expect(clippy::print_stdout, reason = "the answer of a measuring program")]

use std::process::Command;

use noroshi_codec::misp::{from_stix, to_stix};

/// How often each way is measured; the best one counts.
const TURNS: usize = 5;
/// What the peer runs: seconds of processor time for one conversion, without its start.
const PEER: &str = "
import json, sys, time
from misp_stix_converter import MISPtoSTIX21Parser
parser = MISPtoSTIX21Parser()
event = json.load(open(sys.argv[1]))
start = time.process_time()
parser.parse_misp_event(event)
objects = len(parser.stix_objects)
print(time.process_time() - start, objects)
";

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (mut file, mut peer) = (None, None);
    while let Some(argument) = arguments.next() {
        if argument == "--peer" {
            peer = arguments.next();
        } else {
            file = Some(argument);
        }
    }
    let bytes = match &file {
        Some(file) => std::fs::read(file)?,
        None => made_up(20_000).into_bytes(),
    };
    let mut best = f64::MAX;
    let mut made = to_stix(&bytes);
    for _ in 0..TURNS {
        let start = used();
        made = to_stix(&bytes);
        best = best.min(used() - start);
    }
    let attributes = bytes.windows(8).filter(|window| window == b"\"to_ids\"").count();
    println!(
        "{attributes} attributes to {} objects, {} problems, {} bytes: {:.1} ms, {:.0} attributes a CPU second",
        made.objects.len(),
        made.problems.len(),
        bytes.len(),
        best * 1000.0,
        as_rate(attributes, best),
    );
    let mut back = f64::MAX;
    for _ in 0..TURNS {
        let start = used();
        let events = from_stix(&made.objects);
        back = back.min(used() - start);
        if events.events.is_empty() {
            println!("nothing came back");
        }
    }
    println!(
        "and back: {:.1} ms, {:.0} attributes a CPU second",
        back * 1000.0,
        as_rate(attributes, back)
    );
    if let Some(python) = peer {
        compare(&python, &bytes, best)?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts of a measurement")]
fn as_rate(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds
}

/// The peer converts the same event, in a process of its own.
fn compare(python: &str, bytes: &[u8], ours: f64) -> std::io::Result<()> {
    let file = std::env::temp_dir().join(format!("misp-rate-{}.json", std::process::id()));
    std::fs::write(&file, bytes)?;
    let done = Command::new(python).arg("-c").arg(PEER).arg(&file).output();
    std::fs::remove_file(&file)?;
    let done = done?;
    let text = String::from_utf8_lossy(&done.stdout);
    let seconds = text.split_whitespace().next().and_then(|first| first.parse::<f64>().ok());
    match seconds {
        Some(seconds) => {
            println!("misp-stix: {:.1} ms, factor {:.0}", seconds * 1000.0, seconds / ours);
        }
        None => println!("misp-stix did not answer: {}", String::from_utf8_lossy(&done.stderr)),
    }
    Ok(())
}

fn made_up(attributes: u32) -> String {
    let entries: Vec<String> = (0..attributes)
        .map(|n| {
            let (kind, value) = match n % 4 {
                0 => ("domain", format!("host-{n}.evil.example")),
                1 => ("ip-dst", format!("198.51.{}.{}", (n >> 8) & 255, n & 255)),
                2 => ("md5", format!("{n:032x}")),
                _ => ("url", format!("https://evil.example/{n}")),
            };
            format!(
                concat!(
                    r#"{{"uuid":"{n:08x}-0000-4000-8000-000000000000","type":"{kind}","category":"Network activity","#,
                    r#""value":"{value}","to_ids":true,"timestamp":"1764000000"}}"#,
                ),
                n = n,
                kind = kind,
                value = value,
            )
        })
        .collect();
    let uuid = "5d0092c5-5f74-4287-9642-33f4c354e56d";
    let org = r#"{"uuid":"8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","name":"Kiln Works"}"#;
    format!(
        r#"{{"Event":{{"uuid":"{uuid}","info":"Kiln","date":"2025-11-24","timestamp":"1764000000","published":false,"Org":{org},"Orgc":{org},"Attribute":[{}]}}}}"#,
        entries.join(",")
    )
}

/// Processor time of this thread so far, in seconds: a busy machine does not lengthen it.
fn used() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}
