#![no_main]

#[path = "../../crates/noroshi-hunt/tests/it/folder.rs"]
#[allow(dead_code, reason = "other tests use the other functions")]
mod folder;
#[path = "../../crates/noroshi-hunt/tests/it/fuzz.rs"]
#[allow(dead_code, reason = "other targets use the other functions")]
mod fuzz;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::stored(data));
