#![no_main]

#[path = "../../crates/noroshi-sift/tests/it/fuzz.rs"]
#[allow(dead_code, reason = "other targets use the other functions")]
mod fuzz;
#[path = "../../crates/noroshi-sift/tests/it/fuzz_tables.rs"]
#[allow(dead_code, reason = "other targets use the other functions")]
mod fuzz_tables;
#[path = "../../crates/noroshi-sift/tests/it/packets.rs"]
#[allow(dead_code, reason = "other tests use the other functions")]
mod packets;
#[path = "../../crates/noroshi-sift/tests/it/reading.rs"]
#[allow(dead_code, unused_imports, reason = "other tests use the other functions")]
mod reading;
#[path = "../../crates/noroshi-sift/tests/it/run.rs"]
#[allow(dead_code, reason = "other tests use the other functions")]
mod run;

// The decoder's panics are caught where it is called; the hook that is there before ends the program at the first.
libfuzzer_sys::fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| {})),
    |data: &[u8]| fuzz_tables::packed(data)
);
