#![no_main]

#[path = "../../crates/noroshi-sift/tests/it/fuzz.rs"]
#[allow(dead_code, reason = "other targets use the other functions")]
mod fuzz;
#[path = "../../crates/noroshi-sift/tests/it/fuzz_packets.rs"]
#[allow(dead_code, reason = "other targets use the other functions")]
mod fuzz_packets;
#[path = "../../crates/noroshi-sift/tests/it/hostile_core.rs"]
#[allow(dead_code, reason = "other tests use the other functions")]
mod hostile_core;
#[path = "../../crates/noroshi-sift/tests/it/packets.rs"]
#[allow(dead_code, reason = "other tests use the other functions")]
mod packets;
#[path = "../../crates/noroshi-sift/tests/it/run.rs"]
#[allow(dead_code, reason = "other tests use the other functions")]
mod run;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_packets::carried(data));
