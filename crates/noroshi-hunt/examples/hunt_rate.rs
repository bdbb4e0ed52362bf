//! How many stored records a second are hunted for a list, beside `DuckDB`.
//!
//! `cargo run --release -p noroshi-hunt --example hunt_rate -- [--records N] [--selectors N,N,…] [--dir DIR]
//! [--python PATH]` makes files of records (a quarter of N each) and lists of addresses out of a seed in `DIR`, and removes
//! what it made when it is done unless `--dir` was given; what lies there already is used again. One record in a thousand
//! has an address of every list. Every measurement is a process of its own. It prints one line for each, separated by
//! tabs: `what selectors records bytes cpu_s wall_s peak_MiB records_per_cpu_s`. A path to a Python with `duckdb` sets
//! two queries of `DuckDB` with one thread beside each, on the same files with the same list, and compares the matches:
//! `rows` hands the matching rows over whole, as a hunt does; `count` only counts them, which needs two columns.

#![expect(clippy::print_stdout, reason = "a program whose purpose is the figures it prints")]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use noroshi_evidence::mechanical::{Direction, MechanicalRecord, Protocol};
use noroshi_hunt::scan::{Counted, Hunter};
use noroshi_hunt::shelf;
use noroshi_sift::index::SelectorIndex;
use noroshi_sift::selector::{Selector, SelectorValue};
use noroshi_sift::store::{ROWS_PER_GROUP, RecordWriter};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const RECORDS: u64 = 4_000_000;
const SELECTORS: [u64; 3] = [10_000, 1_000_000, 10_000_000];
const FILES: u64 = 4;
/// One record in so many is a hit.
const HIT_EVERY: u64 = 1_000;
/// Addresses that every list has, and of which hits have one.
const WANTED: u64 = 1_000;

/// Counts rows with a listed address at either end.
const PEER: &str = r#"
import duckdb, resource, sys, time
how, values, *files = sys.argv[1:]
c = duckdb.connect()
c.execute("SET threads=1; SET preserve_insertion_order=false; SET enable_progress_bar=false")
c.execute(f"CREATE TABLE listed AS SELECT v FROM read_csv('{values}', delim='\t', quote='', escape='', header=false, columns={{'v':'VARCHAR'}}, auto_detect=false)")
begun, used = time.time(), resource.getrusage(resource.RUSAGE_SELF)
rows = f"read_parquet({files})"
where = f"FROM {rows} WHERE src_ip IN (SELECT v FROM listed) OR dst_ip IN (SELECT v FROM listed)"
if how == "rows":
    found = len(c.execute(f"SELECT * {where}").fetchall())
else:
    found = c.execute(f"SELECT count(*) {where}").fetchone()[0]
now = resource.getrusage(resource.RUSAGE_SELF)
print(now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, time.time() - begun, now.ru_maxrss // 1024, found)
"#;

struct Asked {
    records: u64,
    selectors: Vec<u64>,
    dir: PathBuf,
    keep: bool,
    python: Option<String>,
}

impl Asked {
    fn read(arguments: Vec<String>) -> Result<Self> {
        let temporary = std::env::temp_dir().join(format!("noroshi-hunt-{}", std::process::id()));
        let mut asked = Self {
            records: RECORDS,
            selectors: SELECTORS.to_vec(),
            dir: temporary,
            keep: false,
            python: None,
        };
        let mut arguments = arguments.into_iter();
        while let Some(word) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{word} needs a value"))?;
            match word.as_str() {
                "--records" => asked.records = value.parse()?,
                "--selectors" => {
                    asked.selectors =
                        value.split(',').map(str::parse).collect::<std::result::Result<_, _>>()?;
                }
                "--dir" => (asked.dir, asked.keep) = (value.into(), true),
                "--python" => asked.python = Some(value),
                other => return Err(format!("{other} is not understood").into()),
            }
        }
        Ok(asked)
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, index, dir] = arguments.as_slice()
        && let Some(how) = ["rows", "count"].into_iter().find(|how| how == word)
    {
        return one(how, Path::new(index), Path::new(dir));
    }
    let asked = Asked::read(arguments)?;
    std::fs::create_dir_all(&asked.dir)?;
    let done = all(&asked);
    if !asked.keep {
        std::fs::remove_dir_all(&asked.dir)?;
    }
    done
}

fn all(asked: &Asked) -> Result<()> {
    let records = asked.dir.join(format!("records-{}", asked.records));
    write_records(&records, asked.records)?;
    let files = shelf::list(&records)?;
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    println!("what\tselectors\trecords\tbytes\tcpu_s\twall_s\tpeak_MiB\trecords_per_cpu_s");
    for count in &asked.selectors {
        let (values, index) = write_list(&asked.dir, *count)?;
        for how in ["rows", "count"] {
            let mut hunt = Command::new(std::env::current_exe()?);
            let ours = Run::of(hunt.arg(how).arg(&index).arg(&records))?;
            println!("{}", ours.line(&format!("noroshi-{how}"), *count, asked.records, bytes));
            let Some(python) = &asked.python else { continue };
            let mut command = Command::new(python);
            command.args(["-c", PEER, how]).arg(&values).args(files.iter().map(|file| &file.path));
            let peer = Run::of(&mut command)?;
            println!("{}", peer.line(&format!("duckdb-{how}"), *count, asked.records, bytes));
            if peer.found != ours.found {
                return Err(format!("the peer found {}, not {}", peer.found, ours.found).into());
            }
            println!("times duckdb-{how}\t{count}\t{:.2}", peer.cpu / ours.cpu);
        }
    }
    Ok(())
}

/// What one measurement came to.
struct Run {
    cpu: f64,
    wall: f64,
    peak_mib: u64,
    found: u64,
}

impl Run {
    fn of(command: &mut Command) -> Result<Self> {
        let output = command.output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let words: Vec<&str> = text.split_whitespace().collect();
        let [cpu, wall, peak, found] = words.as_slice() else { return Err(text.into()) };
        Ok(Self {
            cpu: cpu.parse()?,
            wall: wall.parse()?,
            peak_mib: peak.parse()?,
            found: found.parse()?,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate has no use for the last digits")]
    fn line(&self, what: &str, selectors: u64, records: u64, bytes: u64) -> String {
        let Self { cpu, wall, peak_mib, .. } = self;
        let rate = records as f64 / cpu;
        format!(
            "{what}\t{selectors}\t{records}\t{bytes}\t{cpu:.3}\t{wall:.3}\t{peak_mib}\t{rate:.0}"
        )
    }
}

/// One measurement; prints processor seconds, seconds, peak memory in MiB and the rows that match. No selector of the
/// list has a condition, so that a count is of the rows that match, as the peer counts them.
fn one(how: &str, index: &Path, dir: &Path) -> Result<()> {
    let files = shelf::list(dir)?;
    let (begun, used) = (Instant::now(), cpu_seconds()?);
    let index = Arc::new(SelectorIndex::open(index)?);
    let mut hunter = Hunter::new(index, Timestamp::from_second(1_795_400_000)?, Vec::new());
    let (mut bytes, mut counted) = (0, Counted::default());
    for file in files.iter().filter(|_| how == "count") {
        hunter.count(file, &mut counted)?;
    }
    for file in files.iter().filter(|_| how == "rows") {
        hunter.file(file, &mut |hit| {
            bytes += hit.file.len();
            Ok(())
        })?;
    }
    let (cpu, wall) = (cpu_seconds()? - used, begun.elapsed().as_secs_f64());
    let (tally, _) = hunter.finish();
    if !tally.balances() || !counted.balances() || (bytes == 0 && how == "rows") {
        return Err(format!("{tally:?} {counted:?}").into());
    }
    println!("{cpu} {wall} {} {}", peak_mib()?, tally.matched + counted.may_match);
    Ok(())
}

/// Processor time of this process: the sum over its threads, in nanoseconds, as the scheduler has it.
fn cpu_seconds() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds = text.split_whitespace().next().ok_or("no schedstat")?;
    Ok(nanoseconds.parse::<f64>()? / 1e9)
}

fn peak_mib() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1_024)
}

/// A sequence that is the same each time (Knuth's MMIX constants).
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    /// Small numbers more often than great ones, as servers are called.
    fn skewed(&mut self, most: u64) -> u64 {
        let (one, other) = (self.below(most), self.below(most));
        one * other / most
    }
}

/// An address that a list may have: nine in ten of them IPv4.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
fn listed(number: u64) -> IpAddr {
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    if number % 10 == 9 {
        let high = 0x2001_0db8_u128 << 96;
        return Ipv6Addr::from_bits(high | u128::from(spread)).into();
    }
    // Multiplication by an odd number meets every value once.
    let bits = (number as u32).wrapping_mul(0x9e37_79b1);
    Ipv4Addr::from_bits(0x8000_0000 | bits >> 1).into()
}

/// An address that no list has.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
fn other(number: u64) -> IpAddr {
    let bits = (number as u32).wrapping_mul(0x85eb_ca6b);
    Ipv4Addr::from_bits(bits & 0x3fff_ffff | 0x4000_0000).into()
}

fn write_records(dir: &Path, records: u64) -> Result<()> {
    if dir.try_exists()? {
        return Ok(());
    }
    std::fs::create_dir_all(dir)?;
    let mut draw = Draw(5);
    for file in 0..FILES {
        let mut writer =
            RecordWriter::new(BufWriter::new(File::create(dir.join(format!("{file}.parquet")))?))?;
        let mut rows = Vec::with_capacity(ROWS_PER_GROUP);
        for number in (file * records / FILES)..((file + 1) * records / FILES) {
            rows.push(record(number, &mut draw)?);
            if rows.len() == ROWS_PER_GROUP {
                writer.write(&rows)?;
                rows.clear();
            }
        }
        writer.write(&rows)?;
        writer.finish()?.flush()?;
    }
    Ok(())
}

fn record(number: u64, draw: &mut Draw) -> Result<MechanicalRecord> {
    let is_hit = number.is_multiple_of(HIT_EVERY);
    let dst = if is_hit { listed(draw.below(WANTED)) } else { other(draw.skewed(2_000_000)) };
    let src = Ipv4Addr::from_bits(0x0a00_0000 | u32::try_from(draw.skewed(60_000))?);
    let ts = Timestamp::from_microsecond(1_795_305_600_000_000 + i64::try_from(number)? * 300)?;
    Ok(MechanicalRecord {
        selector_id: format!("selector-{}", draw.below(300)).parse()?,
        selector_version: 1,
        measure_id: None,
        ts,
        src_ip: Some(src.into()),
        dst_ip: Some(dst),
        src_port: Some(u16::try_from(1_024 + draw.below(60_000))?),
        dst_port: Some(if draw.below(3) == 0 { 53 } else { 443 }),
        proto: Some(Protocol::TCP),
        bytes: Some(draw.below(1_000_000)),
        packets: Some(draw.below(1_000)),
        flow_start: Some(ts),
        flow_end: Some(Timestamp::from_microsecond(ts.as_microsecond() + 1_000)?),
        direction: Direction::OwnNetwork,
        retain_until: Timestamp::from_second(1_803_081_600)?,
    })
}

/// A list as a text for the peer, and as an index.
fn write_list(dir: &Path, count: u64) -> Result<(PathBuf, PathBuf)> {
    let (values, index) =
        (dir.join(format!("list-{count}.txt")), dir.join(format!("list-{count}.index")));
    if index.try_exists()? {
        return Ok((values, index));
    }
    let mut text = BufWriter::new(File::create(&values)?);
    let mut list = Vec::new();
    for number in 0..count {
        let address = listed(number);
        writeln!(text, "{address}")?;
        list.push(Selector::plain(SelectorValue::Address(address)));
    }
    text.flush()?;
    let mut sink = BufWriter::new(File::create(&index)?);
    SelectorIndex::build(list)?.write_to(&mut sink)?;
    sink.flush()?;
    Ok((values, index))
}
