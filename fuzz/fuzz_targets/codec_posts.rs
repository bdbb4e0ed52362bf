#![no_main]

#[path = "../../crates/noroshi-codec/tests/posts.rs"]
#[allow(dead_code, reason = "the test uses the other functions")]
mod posts;

libfuzzer_sys::fuzz_target!(|data: &[u8]| posts::posts(data));
