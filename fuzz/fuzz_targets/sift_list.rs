#![no_main]

#[path = "../../crates/noroshi-sift/tests/it/fuzz.rs"]
#[allow(dead_code, reason = "other targets use the other functions")]
mod fuzz;
#[path = "../../crates/noroshi-sift/tests/it/fuzz_lists.rs"]
#[allow(dead_code, reason = "other targets use the other functions")]
mod fuzz_lists;
#[path = "../../crates/noroshi-sift/tests/it/run.rs"]
#[allow(dead_code, reason = "other tests use the other functions")]
mod run;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_lists::list(data));
