//! A day at line rate, shortened: `noroshi sift follow` reads as fast as it can what is written into a log, while the list
//! it looks for is exchanged and the log is rotated. Counters must come out exact and memory must stay flat.
//!
//! `cargo xtask bench sift-day [--minutes N] [--swap SECONDS] [--rotate SECONDS] [--every SECONDS] [--ahead SECONDS]
//! [--dir DIR] [--program PATH]`. The log is always `--ahead` seconds (6) ahead of what has been certified, so that the rate
//! is that of the reader and not that of the writer: what lies there is rotation and lead at that rate, tens of gigabytes
//! with the defaults. Each minute it prints one line, separated by tabs: `minute records
//! records_per_second MB_per_second RSS_MiB certificates loads`, and at the end what it came to. It fails where a
//! record is missing or counted twice, where a hit is not kept, where a replaced list stays in memory, or where the
//! service holds more memory in its last quarter than in its second one by more than a tenth and 16 MiB.

#![expect(clippy::print_stdout, reason = "a program whose purpose is the figures it prints")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Lines of the block that is written again and again.
const BLOCK_LINES: u64 = 65_536;
/// One line in so many is a hit.
const HIT_EVERY: u64 = 1_024;
/// How far the log is ahead of what was certified: so many bytes, or so many seconds at the rate seen so far.
const AHEAD_BYTES_MIN: u64 = 4 << 20;
const AHEAD_SECONDS: f64 = 6.0;
/// How long the rest may take to be certified.
const REST_MAX: Duration = Duration::from_secs(900);
const TICK: Duration = Duration::from_millis(20);
const HEADER: &str = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n\
    #fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\n\
    #types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\n";

struct Asked {
    minutes: f64,
    swap: Duration,
    rotate: Duration,
    every: u64,
    ahead: f64,
    dir: PathBuf,
    keep: bool,
    program: PathBuf,
}

impl Asked {
    fn read() -> Result<Self> {
        let beside = std::env::current_exe()?;
        let beside = beside.parent().and_then(Path::parent).map(|folder| folder.join("noroshi"));
        let dir = std::env::temp_dir().join(format!("noroshi-day-{}", std::process::id()));
        let mut asked = Self {
            minutes: 30.0,
            swap: Duration::from_secs(10),
            rotate: Duration::from_secs(30),
            every: 2,
            ahead: AHEAD_SECONDS,
            dir,
            keep: false,
            program: beside.unwrap_or_default(),
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(word) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{word} needs a value"))?;
            match word.as_str() {
                "--minutes" => asked.minutes = value.parse()?,
                "--swap" => asked.swap = Duration::from_secs(value.parse()?),
                "--rotate" => asked.rotate = Duration::from_secs(value.parse()?),
                "--every" => asked.every = value.parse()?,
                "--ahead" => asked.ahead = value.parse()?,
                "--dir" => (asked.dir, asked.keep) = (value.into(), true),
                "--program" => asked.program = value.into(),
                other => return Err(format!("{other} is not understood").into()),
            }
        }
        Ok(asked)
    }
}

fn main() -> Result<()> {
    let asked = Asked::read()?;
    fs::create_dir_all(asked.dir.join("logs"))?;
    let mut day = Day::begin(&asked)?;
    let done = day.run();
    // What was started is ended, however it came out.
    day.child.kill().ok();
    day.child.wait().ok();
    if !asked.keep {
        fs::remove_dir_all(&asked.dir)?;
    }
    done
}

/// Removes what was read. The service holds it open for another minute, in case somebody still writes: at this rate that
/// would be tens of gigabytes, so its length is taken too, once it is out of sight.
fn remove(path: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    fs::remove_file(path)?;
    file.set_len(0)
}

/// Lines of a connection log; one in [`HIT_EVERY`] has an address that both lists name.
fn block() -> String {
    let mut text = String::new();
    for number in 0..BLOCK_LINES {
        let dst = if number % HIT_EVERY == 0 {
            "203.0.113.77".to_owned()
        } else {
            format!("198.51.100.{}", number % 251)
        };
        // Writing to a string cannot fail.
        let _ok = writeln!(
            text,
            "1795305600.{:06}\tC{number:016x}\t192.0.2.{}\t{}\t{dst}\t443\ttcp\tssl\t0.{:06}\t{}\t{}\tSF",
            number % 1_000_000,
            number % 250,
            1_024 + number % 60_000,
            number % 999_983,
            number * 37 % 100_000,
            number * 91 % 1_000_000,
        );
    }
    text
}

/// Lists of different length that name the same hit.
fn list(number: u64) -> String {
    let others = (0..1_000 + number % 2 * 500).map(|at| {
        let spread = u32::try_from(at * 2_654_435_761 % (1 << 16)).unwrap_or_default();
        format!("2001:db8:{spread:x}::{:x}\n", at)
    });
    std::iter::once("203.0.113.77\n".to_owned()).chain(others).collect()
}

/// What the service says of itself.
#[derive(Default, Clone, Copy)]
struct Figures {
    seen: u64,
    kept: u64,
    errors: u64,
    bytes: u64,
    certificates: u64,
    loads: u64,
    pauses: u64,
    noted: u64,
}

struct Day<'a> {
    asked: &'a Asked,
    child: Child,
    log: File,
    block: String,
    lines: u64,
    bytes: u64,
    rotations: u64,
    /// Logs that were rotated and are still there: their number and their length in bytes.
    rotated: Vec<(u64, u64)>,
    swaps: u64,
    begun: Instant,
    /// Memory in MiB, with when it was seen.
    memory: Vec<(f64, u64)>,
}

impl<'a> Day<'a> {
    fn begin(asked: &'a Asked) -> Result<Self> {
        let file = |name: &str| asked.dir.join(name);
        fs::write(file("selectors.txt"), list(0))?;
        make_index(asked)?;
        let log = open_log(&file("logs/conn.log"), 0)?;
        let child = Command::new(&asked.program)
            .args(["sift", "follow", "--mode", "own-network", "--retention-days", "30"])
            .args(["--own-network", "192.0.2.0/24", "--format", "json", "--every"])
            .arg(asked.every.to_string())
            .arg("--selectors")
            .arg(file("looked-for.index"))
            .arg("--out")
            .arg(file("out"))
            .arg("--metrics")
            .arg(file("sensor.prom"))
            .arg(file("logs"))
            .stdout(Stdio::null())
            .stderr(File::create(file("said"))?)
            .spawn()?;
        let bytes = HEADER.len() as u64;
        Ok(Self {
            asked,
            child,
            log,
            block: block(),
            lines: 0,
            bytes,
            rotations: 0,
            rotated: Vec::new(),
            swaps: 0,
            begun: Instant::now(),
            memory: Vec::new(),
        })
    }

    fn run(&mut self) -> Result<()> {
        println!(
            "minute\trecords\trecords_per_second\tMB_per_second\tRSS_MiB\tcertificates\tloads"
        );
        let end = Duration::from_secs_f64(self.asked.minutes * 60.0);
        let (mut told, mut before) = (1.0, Figures::default());
        while self.begun.elapsed() < end {
            self.tick()?;
            let minute = self.begun.elapsed().as_secs_f64() / 60.0;
            if minute >= told {
                let now = self.figures()?;
                self.tell(minute, before, now);
                (told, before) = (told + 1.0, now);
            }
        }
        let seconds = self.begun.elapsed().as_secs_f64();
        let at_end = self.figures()?;
        self.rest()?;
        self.judge(seconds, at_end)
    }

    /// Writes where the log is not far enough ahead; exchanges and rotates when it is time.
    fn tick(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            return Err(format!("the service ended: {status}; {}", self.said()).into());
        }
        let elapsed = self.begun.elapsed();
        if elapsed >= self.asked.swap * u32::try_from(self.swaps + 1)? {
            self.swaps += 1;
            fs::write(self.asked.dir.join("selectors.txt"), list(self.swaps))?;
            make_index(self.asked)?;
        }
        if elapsed >= self.asked.rotate * u32::try_from(self.rotations + 1)? {
            self.rotate()?;
        }
        self.memory.push((elapsed.as_secs_f64(), memory_mib(self.child.id())?));
        let now = self.figures()?;
        let rate = now.bytes as f64 / elapsed.as_secs_f64().max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a length of seconds"
        )]
        let ahead =
            AHEAD_BYTES_MIN.max((rate * (self.asked.ahead + self.asked.every as f64)) as u64);
        if self.bytes.saturating_sub(now.bytes) > ahead {
            std::thread::sleep(TICK);
            return Ok(());
        }
        self.log.write_all(self.block.as_bytes())?;
        self.lines += BLOCK_LINES;
        self.bytes += self.block.len() as u64;
        Ok(())
    }

    /// As a log is rotated: renamed, and a new one begun. What was read long ago is removed.
    fn rotate(&mut self) -> Result<()> {
        self.rotations += 1;
        let logs = self.asked.dir.join("logs");
        let length = self.log.metadata()?.len();
        fs::rename(logs.join("conn.log"), logs.join(format!("conn.{}.log", self.rotations)))?;
        self.log = open_log(&logs.join("conn.log"), self.rotations)?;
        self.bytes += HEADER.len() as u64;
        self.rotated.push((self.rotations, length));
        // What is certified to its end and has been behind for two rotations is read by nobody any more.
        let (read, newest) = (self.certified()?, self.rotations);
        self.rotated.retain(|(number, bytes)| {
            let is_done =
                number + 2 <= newest && read.get(number).is_some_and(|read| read == bytes);
            if is_done {
                remove(&logs.join(format!("conn.{number}.log"))).ok();
            }
            !is_done
        });
        Ok(())
    }

    /// How far each rotated log was read by the last certificate but one, by its number. Several logs are read at a time, so
    /// that the number of records says nothing of one of them.
    fn certified(&self) -> Result<BTreeMap<u64, u64>> {
        let mut states = Vec::new();
        for entry in fs::read_dir(self.asked.dir.join("out/follow"))? {
            let path = entry?.path();
            let number = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json"));
            states.extend(
                number.and_then(|number| Some((number.parse::<u64>().ok()?, path.clone()))),
            );
        }
        states.sort_unstable();
        let Some((_, path)) = states.len().checked_sub(2).and_then(|at| states.get(at)) else {
            return Ok(BTreeMap::new());
        };
        // It may have made way for a later one meanwhile.
        let Ok(bytes) = fs::read(path) else { return Ok(BTreeMap::new()) };
        let state: serde_json::Value = serde_json::from_slice(&bytes)?;
        let files = state["files"].as_array().into_iter().flatten();
        let read = files.filter_map(|file| {
            let name = file["path"].as_str()?.rsplit("/conn.").next()?.strip_suffix(".log")?;
            Some((name.parse().ok()?, file["offset"].as_u64()?))
        });
        Ok(read.collect())
    }

    /// Waits until everything is certified.
    fn rest(&self) -> Result<()> {
        let begun = Instant::now();
        while self.figures()?.seen < self.lines {
            if begun.elapsed() > REST_MAX {
                return Err(format!("{} of {} certified", self.figures()?.seen, self.lines).into());
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    fn figures(&self) -> Result<Figures> {
        let text = match fs::read_to_string(self.asked.dir.join("sensor.prom")) {
            Ok(text) => text,
            Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Figures::default());
            }
            Err(problem) => return Err(problem.into()),
        };
        let sum = |name: &str, label: &str| -> u64 {
            let begin = format!("noroshi_sift_{name}{{");
            let lines =
                text.lines().filter(|line| line.starts_with(&begin) && line.contains(label));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
        };
        Ok(Figures {
            seen: sum("records_total", ""),
            kept: sum("records_total", "to=\"kept\""),
            errors: sum("records_total", "to=\"error\""),
            bytes: sum("input_bytes_total", ""),
            certificates: sum("certificates_total", ""),
            loads: sum("selector_loads_total", ""),
            pauses: sum("pauses_total", ""),
            noted: sum("noted_total", ""),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate has no use for the last digits")]
    fn tell(&self, minute: f64, before: Figures, now: Figures) {
        let (records, bytes) = (now.seen - before.seen, now.bytes - before.bytes);
        let memory = self.memory.last().map_or(0, |(_, memory)| *memory);
        println!(
            "{minute:.0}\t{}\t{:.0}\t{:.1}\t{memory}\t{}\t{}",
            now.seen,
            records as f64 / 60.0,
            bytes as f64 / 60e6,
            now.certificates,
            now.loads
        );
    }

    fn said(&self) -> String {
        fs::read_to_string(self.asked.dir.join("said")).unwrap_or_default()
    }

    /// The most memory between two parts of the whole time.
    fn most(&self, from: f64, to: f64, seconds: f64) -> u64 {
        let within = self.memory.iter().filter(|(at, _)| (from..to).contains(&(at / seconds)));
        within.map(|(_, memory)| *memory).max().unwrap_or(0)
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate has no use for the last digits")]
    fn judge(&mut self, seconds: f64, at_end: Figures) -> Result<()> {
        let gone = maps_of_gone(self.child.id())?;
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status()?;
        let status = self.child.wait()?;
        let now = self.figures()?;
        let hits = self.lines / BLOCK_LINES * BLOCK_LINES.div_ceil(HIT_EVERY);
        let (second, last) = (self.most(0.25, 0.5, seconds), self.most(0.75, 1.0, seconds));
        println!(
            "written {}, seen {}, hits {hits}, kept {}, errors {}, noted {}, pauses {}; {} exchanges of the list ({} loads), \
             {} rotations, {} certificates",
            self.lines,
            now.seen,
            now.kept,
            now.errors,
            now.noted,
            now.pauses,
            self.swaps,
            now.loads,
            self.rotations,
            now.certificates
        );
        println!(
            "{:.0} records and {:.1} MB a second over {:.1} minutes; memory in the second quarter {second} MiB, in the \
             last {last} MiB at most",
            at_end.seen as f64 / seconds,
            at_end.bytes as f64 / seconds / 1e6,
            seconds / 60.0
        );
        let faults = [
            (now.seen != self.lines || now.errors > 0, "a record is missing or counted twice"),
            (now.kept != hits, "a hit is not kept, or kept twice"),
            (gone > 1, "a list that was replaced stays in memory"),
            // An interval loads once, however often the list was exchanged in it.
            (now.loads < self.swaps.min(now.certificates), "an exchanged list was not loaded"),
            (last > second + second / 10 + 16, "memory grows"),
            (!status.success(), "the service did not end as it should"),
        ];
        let found: Vec<&str> =
            faults.into_iter().filter(|(is_there, _)| *is_there).map(|(_, fault)| fault).collect();
        if found.is_empty() {
            Ok(())
        } else {
            Err(format!("{}; {}", found.join("; "), self.said()).into())
        }
    }
}

/// Begins a log. Each says when it was opened, as Zeek does: of two that begin alike the service takes one for a copy.
fn open_log(path: &Path, number: u64) -> Result<File> {
    let mut log = OpenOptions::new().create(true).append(true).open(path)?;
    let opened = format!("#path\tconn\n#open\tlog-{number:08}\n");
    log.write_all(HEADER.replacen("#path\tconn\n", &opened, 1).as_bytes())?;
    Ok(log)
}

/// Makes the index anew; who has the old one open keeps it.
fn make_index(asked: &Asked) -> Result<()> {
    let done = Command::new(&asked.program)
        .args(["sift", "index"])
        .arg(asked.dir.join("selectors.txt"))
        .arg("--out")
        .arg(asked.dir.join("looked-for.index"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if done.success() { Ok(()) } else { Err("the index could not be made".into()) }
}

fn memory_mib(process: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1_024)
}

/// How many files that were replaced the service still has in its memory.
fn maps_of_gone(process: u32) -> Result<usize> {
    // A process that forbids core dumps shows its memory to its owner only; root sees it.
    let Ok(text) = fs::read_to_string(format!("/proc/{process}/maps")) else { return Ok(0) };
    Ok(text
        .lines()
        .filter(|line| line.contains("looked-for") && line.ends_with("(deleted)"))
        .count())
}
