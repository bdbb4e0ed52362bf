//! How many look-ups of a prefix table a second: 200,000 ranges of IPv4 and 80,000 of IPv6, addresses at random.
//!
//! `cargo run --release -p noroshi-sift --example prefix_rate`

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a program whose purpose is the figures it prints"
)]

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use noroshi_sift::prefix::PrefixTable;

const LOOKUPS: u64 = 50_000_000;

/// A generator that needs no dependency (Steele, Lea, Flood: SplitMix).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Neighbouring ranges of changing places, as registries have them.
fn table(random: &mut Random) -> String {
    const PLACES: [&str; 8] = ["JP", "US", "FR", "DE", "BR", "ZA", "IN", "AU"];
    let mut text = String::from("2|example|1|0|19700101|20261101|+0000\n");
    let mut place = || PLACES[usize::try_from(random.below(8)).unwrap_or_default()];
    let mut start = 1 << 24;
    for number in 0..200_000_u32 {
        let count = 1 << (8 + number % 8);
        if start > u32::MAX - count {
            break;
        }
        let address = Ipv4Addr::from_bits(start);
        writeln!(text, "example|{}|ipv4|{address}|{count}|20000101|allocated", place())
            .unwrap_or_default();
        start += count;
    }
    for number in 0..80_000_u128 {
        let block = [0x2001, 0x2400, 0x2600, 0x2a00, 0x2a02]
            [usize::try_from(number % 5).unwrap_or_default()];
        let address = Ipv6Addr::from_bits(block << 112 | (number / 5) << 96);
        writeln!(text, "example|{}|ipv6|{address}|32|20000101|allocated", place())
            .unwrap_or_default();
    }
    text
}

fn rate(name: &str, table: &PrefixTable, addresses: &[IpAddr]) {
    let begun = Instant::now();
    let mut known = 0_u64;
    let mut done = 0;
    while done < LOOKUPS {
        for address in addresses {
            known += u64::from(table.jurisdiction(*address).is_some());
        }
        done += addresses.len() as u64;
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("{name}: {:.1} M look-ups/s, {known} known", done as f64 / seconds / 1e6);
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut random = Random(7);
    let text = table(&mut random);
    let begun = Instant::now();
    let table = PrefixTable::read(text.as_bytes())?;
    println!("read {} bytes in {:.0} ms", text.len(), begun.elapsed().as_secs_f64() * 1e3);
    let v4: Vec<IpAddr> = (0..1 << 20)
        .map(|_| {
            Ipv4Addr::from_bits(u32::try_from(random.below(1 << 32)).unwrap_or_default()).into()
        })
        .collect();
    let v6: Vec<IpAddr> = (0..1 << 20)
        .map(|_| {
            let block = [0x2001_u128, 0x2400, 0x2600, 0x2a00, 0x2a02]
                [usize::try_from(random.below(5)).unwrap_or_default()];
            let rest = u128::from(random.next()) << 32 | u128::from(random.next() >> 32);
            Ipv6Addr::from_bits(block << 112 | u128::from(random.below(16_000)) << 96 | rest).into()
        })
        .collect();
    rate("IPv4", &table, &v4);
    rate("IPv6", &table, &v6);
    Ok(())
}
