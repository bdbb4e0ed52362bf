//! Every reader with a fixed seed of worsened inputs, and with worsened real files where the corpora lie.

use std::fs;

use crate::corpora::{corpus, files_below};
use crate::hostile_core::{Noise, check, index, seeds, worsen};
use crate::reading::parquet_file;

#[test]
fn inputs_of_every_kind_may_be_worsened_at_will() {
    let seeds = seeds(parquet_file(parquet::basic::Compression::SNAPPY));
    for seed in &seeds {
        check(index(), seed);
    }
    let mut noise = Noise::new(20_261_127);
    for round in 0..6_000 {
        let seed = &seeds[round % seeds.len()];
        let other = &seeds[noise.below(seeds.len())];
        check(index(), &worsen(seed, other, &mut noise));
    }
}

#[test]
fn real_captures_may_be_worsened_at_will() {
    let Some(folder) = corpus("zeek-traces/testing/btest/Traces") else { return };
    let mut noise = Noise::new(7);
    let (mut read, mut worsened) = (0, 0);
    for path in files_below(&folder, &["pcap", "pcapng", "trace", "gz"]) {
        let bytes = fs::read(&path).unwrap();
        if bytes.len() > 200_000 {
            continue;
        }
        check(index(), &bytes);
        read += 1;
        let other = bytes.clone();
        for _ in 0..2 {
            check(index(), &worsen(&bytes, &other, &mut noise));
            worsened += 1;
        }
    }
    println!("real captures read: {read}, worsened: {worsened}");
    assert!(read > 300, "{read}");
}

/// The bad inputs: what is wrong is stated, what is right is not lost.
#[test]
fn the_damaged_files_of_the_corpus_balance_also_when_packed_and_halved() {
    let Some(folder) = corpus("rita-zeek/test_data") else { return };
    let mut files = files_below(&folder.join("truncated"), &["log", "gz", "json"]);
    files.extend(files_below(&folder.join("text_file"), &["log", "gz", "json"]));
    assert!(files.len() >= 4, "{files:?}");
    for path in files {
        let bytes = fs::read(&path).unwrap();
        check(index(), &bytes);
        let packed = crate::reading::gzip(&bytes);
        check(index(), &packed);
        check(index(), &packed[..packed.len() / 2]);
    }
}
