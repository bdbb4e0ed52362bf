//! How fast are bundles decoded? Give a file, or nothing for a made-up bundle of 20,000 objects.
//!
//! `cargo run --release -p noroshi-codec --example stix_rate -- FILE`

#![expect(clippy::print_stdout, reason = "the answer of a measuring program")]

use noroshi_codec::stix::decode_bundle;

fn main() -> std::io::Result<()> {
    let bytes = match std::env::args_os().nth(1) {
        Some(path) => std::fs::read(path)?,
        None => made_up(20_000).into_bytes(),
    };
    for _ in 0..5 {
        let start = used();
        let decoded = decode_bundle(&bytes);
        let seconds = used() - start;
        println!(
            "{} objects, {} problems, {} bytes in {:.1} ms of CPU",
            decoded.objects.len(),
            decoded.problems.len(),
            bytes.len(),
            seconds * 1000.0,
        );
    }
    Ok(())
}

fn made_up(objects: u32) -> String {
    let entries: Vec<String> = (0..objects)
        .map(|n| {
            format!(
                concat!(
                    r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--{n:08x}-0000-4000-8000-000000000000","#,
                    r#""created":"2026-11-23T00:00:00.000Z","modified":"2026-11-23T00:00:00.000Z","pattern_type":"stix","#,
                    r#""pattern":"[domain-name:value = 'host-{n}.evil.example']","valid_from":"2026-11-23T00:00:00Z"}}"#,
                ),
                n = n
            )
        })
        .collect();
    let id = "bundle--5d0092c5-5f74-4287-9642-33f4c354e56d";
    format!(r#"{{"type":"bundle","id":"{id}","objects":[{}]}}"#, entries.join(","))
}

/// Processor time of this thread so far, in seconds: a busy machine does not lengthen it.
fn used() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}
