#![no_main]

#[path = "../../crates/noroshi-codec/tests/posts.rs"]
#[allow(dead_code, reason = "the test uses the other functions")]
mod posts;

// The decoder's panics are caught where it is called; the hook that is there before ends the program at the first.
libfuzzer_sys::fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| {})),
    |data: &[u8]| posts::parquet(data)
);
