#![no_main]

#[path = "../../crates/noroshi-sift/tests/it/hostile_core.rs"]
#[allow(dead_code, reason = "the tests use the other functions")]
mod hostile_core;
#[path = "../../crates/noroshi-sift/tests/it/packets.rs"]
#[allow(dead_code, reason = "the tests use the other functions")]
mod packets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile_core::check(hostile_core::index(), data));
