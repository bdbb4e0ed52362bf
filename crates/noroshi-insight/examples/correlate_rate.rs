//! What it costs to correlate very many observables, and that ten times as many cost ten times as much.
//!
//! Each item names one observable: of ten items four name an address, three a name, two a locator and one a hash. One in
//! a thousand names what another named, every hundredth the one name that everybody names. CPU seconds are those of the
//! process (`/proc/self/stat`).
//!
//! Arguments: how many observables, one run for each (default 100000 1000000).

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::collections::BTreeMap;

use noroshi_evidence::observable::Observable;
use noroshi_insight::correlate::COMMON_ITEMS_DEFAULT;
use noroshi_insight::postings::{Postings, View};

/// Questions about single names, to tell what one costs.
const QUESTIONS: u32 = 10_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let sizes = if asked.is_empty() { vec!["100000".into(), "1000000".into()] } else { asked };
    for size in sizes {
        run(size.parse()?)?;
    }
    Ok(())
}

fn run(size: u32) -> Result<(), Box<dyn std::error::Error>> {
    let start = cpu();
    let mut text_bytes = 0;
    for item in 0..size {
        let text = text(item);
        text_bytes += text.len();
        drop(text.parse::<Observable>()?);
    }
    let reading = cpu() - start;
    let mut postings = Postings::default();
    for item in 0..size {
        postings.append(item, &[text(item).parse()?]);
    }
    postings.settle();
    let made = cpu();
    let view = View::new(&[&postings], BTreeMap::new());
    let met = view.meetings(COMMON_ITEMS_DEFAULT);
    let walked = cpu();
    for question in 0..QUESTIONS {
        let seen: Observable = text(question.wrapping_mul(40_503) % size).parse()?;
        for name in view.outside(&seen).into_iter().chain([seen]) {
            std::hint::black_box(view.linked(&name, COMMON_ITEMS_DEFAULT));
        }
    }
    let answered = cpu();
    let mut more = postings;
    for item in size..size + size / 100 {
        more.append(item, &[text(item).parse()?]);
    }
    more.settle();
    println!(
        "{size:>9} observables: {:>6.2} s CPU of which reading {reading:.2}; walk {:.2} s, {} meet, {} passed, {} near; \
         {:.1} us a question; one in a hundred more {:.2} s; {:.1} MB of postings, {:.1} a name, texts {:.1} MB",
        made - start - reading,
        walked - made,
        met.items.len(),
        met.passing.len(),
        met.near.len(),
        (answered - walked) * 1e6 / f64::from(QUESTIONS),
        cpu() - answered,
        mb(more.size_bytes()),
        mb(more.size_bytes()) * 1e6 / f64::from(size),
        mb(text_bytes),
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "sizes far below 2^53")]
fn mb(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

/// The observable of an item, as a text.
fn text(item: u32) -> String {
    if item.is_multiple_of(100) {
        return "everywhere.example".to_owned();
    }
    let seen = if item % 1_000 == 7 { item - 1 } else { item };
    let mixed = u64::from(seen).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    match seen % 10 {
        0..=3 => {
            let address = (mixed >> 35) as u32 | 0x2000_0000;
            core::net::Ipv4Addr::from(address).to_string()
        }
        4..=6 => format!("h{:x}.kiln{}.example", mixed >> 24, seen % 1_000),
        7 | 8 => format!("http://h{:x}.example/x{seen}", mixed >> 24),
        _ => format!("{mixed:016x}{mixed:016x}{seen:016x}{mixed:016x}"),
    }
}

/// User and system time of this process.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = text.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks: Vec<f64> =
        after.split_whitespace().skip(11).take(2).filter_map(|one| one.parse().ok()).collect();
    // Linux counts in hundredths of a second (sysconf(_SC_CLK_TCK)).
    ticks.iter().sum::<f64>() / 100.0
}
