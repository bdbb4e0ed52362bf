//! Whatever comes in, every record is counted once and nothing panics.

use std::io::BufReader;

use noroshi_sift::engine::Engine;
use noroshi_sift::mode::Mode;
use proptest::prelude::*;

use crate::run::{index, run, settings};

const LIST: &str = "203.0.113.0/24\nevil.example";

/// Pieces of which inputs are made, so that some of them get far.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "#separator \\x09\n",
        "#set_separator\t,\n",
        "#fields\tts\tid.orig_h\tid.resp_h\tquery\n",
        "#types\ttime\taddr\taddr\tstring\n",
        "1.5\t192.0.2.1\t203.0.113.5\tevil.example\n",
        "#fields\n",
        "#separator x\n",
        "-\t-\t-\t-\n",
        "1\t192.0.2.1\t-\tx\\x2e\\x\n",
        "{\"ts\":1,\"id.orig_h\":\"192.0.2.1\",\"query\":\"evil.example\"}\n",
        "{\"dns\":{\"grouped\":[[{\"rdata\":\"x\"}]]},",
        "\"src_ip\":\"203.0.113.9\",\"timestamp\":\"2026-01-01T00:00:00Z\"}",
        "\n",
        "\r\n",
        "{",
        "\"",
        "\\",
        "[",
        "\t",
    ];
    prop_oneof![
        4 => proptest::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
    ]
}

/// What counts as a record: a line that is neither blank nor a header line.
fn records_in(input: &[u8]) -> u64 {
    let lines =
        input.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !line.is_empty() && line[0] != b'#').count() as u64
}

proptest! {
    #[test]
    fn every_record_is_counted_once(pieces in proptest::collection::vec(piece(), 0..12)) {
        let input = pieces.concat();
        let outcome = run(LIST, &[&input]);
        prop_assert_eq!(outcome.certificate.tally.seen, records_in(&input));
        prop_assert_eq!(outcome.certificate.tally.bytes, input.len() as u64);
        let problems = outcome.problems.first.len() as u64 + outcome.problems.omitted;
        prop_assert_eq!(outcome.certificate.tally.errors, problems);
    }

    #[test]
    fn the_size_of_the_buffer_makes_no_difference(
        pieces in proptest::collection::vec(piece(), 0..12), buffer_bytes in 1_usize..40,
    ) {
        let input = pieces.concat();
        let whole = run(LIST, &[&input]);
        let mut engine = Engine::new(Mode::OwnNetwork, index(LIST), settings(), Vec::new()).unwrap();
        engine.read("input-0", BufReader::with_capacity(buffer_bytes, input.as_slice())).unwrap();
        let cut = engine.finish("2026-11-23T00:01:00Z".parse().unwrap()).unwrap();
        prop_assert_eq!(cut.certificate, whole.certificate);
        prop_assert_eq!(cut.problems, whole.problems);
        prop_assert_eq!(cut.sink, whole.sink);
    }
}
