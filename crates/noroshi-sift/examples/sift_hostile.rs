//! Worsens inputs of every kind for as long as is asked and reads them: `sift_hostile SECONDS [SEED]`. With a file in the
//! place of the seconds it reads that file once, as fuzzers want it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a program that looks for panics may panic"
)]

#[path = "../tests/it/hostile_core.rs"]
mod hostile_core;
#[path = "../tests/it/packets.rs"]
#[allow(dead_code, reason = "tests use the other functions")]
mod packets;

use std::time::{Duration, Instant};

use hostile_core::{Noise, check, index, seeds, worsen};
use noroshi_sift::store::RecordWriter;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_else(|| "10".to_owned());
    let Ok(seconds) = what.parse() else {
        return check(index(), &std::fs::read(what).unwrap());
    };
    let seed = arguments.next().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let seeds = seeds(RecordWriter::new(Vec::new()).unwrap().finish().unwrap());
    let (mut noise, begun, mut inputs) = (Noise::new(seed), Instant::now(), 0_u64);
    while begun.elapsed() < Duration::from_secs(seconds) {
        let one = &seeds[noise.below(seeds.len())];
        let other = &seeds[noise.below(seeds.len())];
        let input = worsen(one, other, &mut noise);
        if let Err(problem) = std::panic::catch_unwind(|| check(index(), &input)) {
            std::fs::write("hostile-input.bin", &input).unwrap();
            std::panic::resume_unwind(problem);
        }
        inputs += 1;
    }
    println!("{inputs} inputs of seed {seed}: no panic, every count balanced, no content");
}
