//! How fast are objects checked against the standard? Give a file with an array or bundle, or nothing.
//!
//! `cargo run --release -p noroshi-evidence --example validate_rate -- FILE`

#![expect(clippy::print_stdout, reason = "the answer of a measuring program")]

use noroshi_evidence::validate::{self, Options};
use serde_json::Value;

fn main() -> std::io::Result<()> {
    let parsed = match std::env::args_os().nth(1) {
        Some(path) => serde_json::from_slice(&std::fs::read(path)?)?,
        None => Value::Array((0..20_000).map(made_up).collect()),
    };
    let list = parsed.get("objects").unwrap_or(&parsed);
    let objects = list.as_array().map_or(&[][..], Vec::as_slice);
    for _ in 0..5 {
        let start = used();
        let findings: usize =
            objects.iter().map(|object| validate::object(object, Options::default()).len()).sum();
        let seconds = used() - start;
        println!(
            "{} objects, {findings} findings: {:.2} microseconds of CPU an object",
            objects.len(),
            seconds * 1_000_000.0 / objects.len().max(1) as f64,
        );
    }
    Ok(())
}

fn made_up(number: u32) -> Value {
    serde_json::json!({
        "type": "indicator", "spec_version": "2.1", "id": format!("indicator--{number:08x}-0000-4000-8000-000000000000"),
        "created": "2026-11-23T00:00:00.000Z", "modified": "2026-11-23T00:00:00.000Z", "pattern_type": "stix",
        "name": "a name", "description": "x".repeat(600), "indicator_types": ["malicious-activity"],
        "pattern": format!("[domain-name:value = 'host-{number}.evil.example']"),
        "valid_from": "2026-11-23T00:00:00Z",
    })
}

/// Processor time of this thread so far, in seconds: a busy machine does not lengthen it.
fn used() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}
