//! How many records a second are looked through, beside `DuckDB` and beside what reading alone takes.
//!
//! `cargo run --release -p noroshi-sift --example sift_rate -- [--records N] [--selectors N,N,…] [--threads N]
//! [--dir DIR] [--python PATH]` makes Zeek tables (N records), EVE (a quarter of that) and lists out of a seed in
//! `DIR`, and removes what it made when it is done unless `--dir` was given; what lies there already is used again.
//! Every measurement is a process of its own. It prints one line for each, separated by tabs:
//! `what format selectors records bytes cpu_s wall_s peak_MiB records_per_cpu_s MB_per_cpu_s`, and for each list
//! `index selectors text_bytes index_bytes ratio build_cpu_s build_peak_MiB load_ms`. A path to a Python with `duckdb`
//! sets one query of `DuckDB` beside each, on the same files with the same list, and compares the matches.

#![expect(clippy::print_stdout, reason = "a program whose purpose is the figures it prints")]

mod corpus;

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use corpus::{About, HIT_EVERY, OWN, Records};
use noroshi_sift::digest::Digest;
use noroshi_sift::engine::{Engine, Link, Settings};
use noroshi_sift::index::SelectorIndex;
use noroshi_sift::mode::Mode;
use noroshi_sift::selector::parse_list;
use noroshi_sift::switches::Switches;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// About one gigabyte of tables.
const RECORDS: u64 = 6_000_000;
const SELECTORS: [u64; 3] = [10_000, 1_000_000, 10_000_000];

/// Counts rows that hold a listed value; one scan of each file.
const PEER: &str = r#"
import duckdb, resource, sys, time
form, values, threads, *files = sys.argv[1:]
c = duckdb.connect()
c.execute(f"SET threads={threads}; SET preserve_insertion_order=false; SET enable_progress_bar=false")
c.execute(f"CREATE TABLE listed AS SELECT v FROM read_csv('{values}', delim='\t', quote='', escape='', header=false, columns={{'v':'VARCHAR'}}, auto_detect=false)")
begun, used = time.time(), resource.getrusage(resource.RUSAGE_SELF)
shown = {"conn": '["id.orig_h", "id.resp_h"]', "dns": "list_append(string_split(answers, ','), query)",
         "http": '[host, host || uri, "id.resp_h"]', "ssl": "list_concat(string_split(cert_chain_fps, ','), [server_name, \"id.resp_h\"])"}
found = 0
for file in files:
    if form == "eve":
        columns = "{'src_ip':'VARCHAR','dest_ip':'VARCHAR','dns':'STRUCT(queries STRUCT(rrname VARCHAR)[], answers STRUCT(rdata VARCHAR)[])','http':'STRUCT(hostname VARCHAR,url VARCHAR)','tls':'STRUCT(sni VARCHAR,fingerprint_sha256 VARCHAR)','fileinfo':'STRUCT(sha256 VARCHAR)'}"
        source = f"read_json('{file}', format='newline_delimited', columns={columns})"
        values = "list_concat(list_transform(dns.queries, lambda q: q.rrname), list_transform(dns.answers, lambda q: q.rdata), [src_ip, dest_ip, http.hostname, http.hostname || http.url, tls.sni, tls.fingerprint_sha256, fileinfo.sha256])"
    else:
        name, path, head = file.split("=")
        columns = "{" + ",".join(f"'{column}':'VARCHAR'" for column in head.split()) + "}"
        source = f"read_csv('{path}', delim='\t', quote='', escape='', header=false, skip=7, columns={columns}, auto_detect=false)"
        values = shown[name]
    found += c.execute(f"SELECT count(*) FROM (SELECT unnest({values}) a FROM {source}) x SEMI JOIN listed i ON a = i.v").fetchone()[0]
now = resource.getrusage(resource.RUSAGE_SELF)
print(now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, time.time() - begun, now.ru_maxrss // 1024, found)
"#;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, rest @ ..] = arguments.as_slice()
        && word == "one"
    {
        return one(rest);
    }
    let asked = Asked::read(arguments)?;
    std::fs::create_dir_all(&asked.dir)?;
    let done = all(&asked);
    if !asked.keep {
        std::fs::remove_dir_all(&asked.dir)?;
    }
    done
}

struct Asked {
    records: u64,
    selectors: Vec<u64>,
    threads: usize,
    dir: PathBuf,
    keep: bool,
    python: Option<String>,
}

impl Asked {
    fn read(arguments: Vec<String>) -> Result<Self> {
        let temporary = std::env::temp_dir().join(format!("noroshi-sift-{}", std::process::id()));
        let mut asked = Self {
            records: RECORDS,
            selectors: SELECTORS.to_vec(),
            threads: 2,
            dir: temporary,
            keep: false,
            python: None,
        };
        let mut arguments = arguments.into_iter();
        while let Some(word) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{word} needs a value"))?;
            match word.as_str() {
                "--records" => asked.records = value.parse()?,
                "--threads" => asked.threads = value.parse()?,
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

/// Files of one format.
struct Corpus {
    form: &'static str,
    records: u64,
    files: Vec<(About, PathBuf)>,
}

impl Corpus {
    fn bytes(&self) -> Result<u64> {
        self.files.iter().map(|(_, file)| Ok(std::fs::metadata(file)?.len())).sum()
    }
}

fn all(asked: &Asked) -> Result<()> {
    let corpora = [zeek(asked)?, eve(asked)?];
    println!(
        "what\tformat\tselectors\trecords\tbytes\tcpu_s\twall_s\tpeak_MiB\trecords_per_cpu_s\tMB_per_cpu_s"
    );
    for corpus in &corpora {
        let floors: &[&str] = match corpus.form {
            "zeek" => &["lines", "feeds", "tabs"],
            _ => &["lines", "feeds", "tape", "dom"],
        };
        for floor in floors {
            let run = run(&["floor", floor], corpus, &[])?;
            println!("{}", run.line(&format!("floor-{floor}"), corpus, 0)?);
        }
    }
    for selectors in &asked.selectors {
        let list = index(asked, *selectors)?;
        for corpus in &corpora {
            let noroshi = run(&["sift", path(&list.index)?, "1"], corpus, &[])?;
            println!("{}", noroshi.line("noroshi", corpus, *selectors)?);
            let expected = corpus.records.div_ceil(HIT_EVERY);
            if noroshi.found != expected {
                return Err(format!("{} kept, not {expected}", noroshi.found).into());
            }
            if asked.threads > 1 {
                let threads = asked.threads.to_string();
                let more = run(&["sift", path(&list.index)?, &threads], corpus, &[])?;
                println!(
                    "{}",
                    more.line(&format!("noroshi-{threads}-threads"), corpus, *selectors)?
                );
            }
            if let Some(python) = &asked.python {
                let peer = peer(python, corpus, &list.plain)?;
                println!("{}", peer.line("duckdb", corpus, *selectors)?);
                println!(
                    "factor\t{}\t{selectors}\t{:.2}\tmatches\t{} here\t{} there",
                    corpus.form,
                    peer.cpu / noroshi.cpu,
                    noroshi.found,
                    peer.found
                );
            }
        }
        for made in [&list.text, &list.plain, &list.index] {
            if !asked.keep {
                std::fs::remove_file(made)?;
            }
        }
    }
    Ok(())
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| "a path is not UTF-8".into())
}

/// What one measurement came to.
struct Run {
    cpu: f64,
    wall: f64,
    peak_mib: u64,
    found: u64,
}

impl Run {
    /// The words a process of [`one`] or the peer prints.
    fn read(text: &str) -> Result<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [cpu, wall, peak, found] = words.as_slice() else {
            return Err(format!("not understood: {text}").into());
        };
        Ok(Self {
            cpu: cpu.parse()?,
            wall: wall.parse()?,
            peak_mib: peak.parse()?,
            found: found.parse()?,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate has no use for the last digits")]
    fn line(&self, what: &str, corpus: &Corpus, selectors: u64) -> Result<String> {
        let Self { cpu, wall, peak_mib, .. } = self;
        let bytes = corpus.bytes()?;
        let (rate, megabytes) = (corpus.records as f64 / cpu, bytes as f64 / cpu / 1e6);
        let Corpus { form, records, .. } = corpus;
        Ok(format!(
            "{what}\t{form}\t{selectors}\t{records}\t{bytes}\t{cpu:.2}\t{wall:.2}\t{peak_mib}\t{rate:.0}\t{megabytes:.0}"
        ))
    }
}

fn run(words: &[&str], corpus: &Corpus, more: &[&str]) -> Result<Run> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("one").args(words).args(more).args(corpus.files.iter().map(|(_, file)| file));
    finish(&mut command)
}

fn peer(python: &str, corpus: &Corpus, list: &Path) -> Result<Run> {
    let mut command = Command::new(python);
    command.args(["-c", PEER, corpus.form, path(list)?, "1"]);
    for (about, file) in &corpus.files {
        if corpus.form == "eve" {
            command.arg(file);
        } else {
            command.arg(format!("{}={}={}", about.name(), path(file)?, about.columns()));
        }
    }
    finish(&mut command)
}

fn finish(command: &mut Command) -> Result<Run> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Run::read(&String::from_utf8_lossy(&output.stdout))
}

fn writer(file: &Path) -> Result<BufWriter<File>> {
    Ok(BufWriter::with_capacity(1 << 20, File::create(file)?))
}

fn zeek(asked: &Asked) -> Result<Corpus> {
    let name = |about: About| asked.dir.join(format!("{}-{}.log", about.name(), asked.records));
    let files: Vec<(About, PathBuf)> =
        About::LOGS.into_iter().map(|about| (about, name(about))).collect();
    let corpus = Corpus { form: "zeek", records: asked.records, files };
    if corpus.bytes().is_ok() {
        return Ok(corpus);
    }
    let mut sinks = Vec::new();
    for (about, file) in &corpus.files {
        let mut sink = writer(file)?;
        corpus::table_head(*about, &mut sink)?;
        sinks.push((*about, sink));
    }
    let mut records = Records::new(1, false);
    for _ in 0..asked.records {
        let record = records.next();
        for (about, sink) in &mut sinks {
            if *about == record.about {
                corpus::table_row(&record, sink)?;
            }
        }
    }
    sinks.into_iter().try_for_each(|(_, mut sink)| sink.flush())?;
    Ok(corpus)
}

fn eve(asked: &Asked) -> Result<Corpus> {
    let count = asked.records / 4;
    let file = asked.dir.join(format!("eve-{count}.json"));
    let corpus = Corpus { form: "eve", records: count, files: vec![(About::Conn, file.clone())] };
    if corpus.bytes().is_ok() {
        return Ok(corpus);
    }
    let mut sink = writer(&file)?;
    let mut records = Records::new(2, true);
    for _ in 0..count {
        corpus::eve_line(&records.next(), &mut sink)?;
    }
    sink.flush()?;
    Ok(corpus)
}

struct List {
    text: PathBuf,
    plain: PathBuf,
    index: PathBuf,
}

/// Makes a list and its index, and prints what that took.
fn index(asked: &Asked, selectors: u64) -> Result<List> {
    let place = |end: &str| asked.dir.join(format!("list-{selectors}.{end}"));
    let list = List { text: place("txt"), plain: place("values"), index: place("index") };
    for (file, plain) in [(&list.text, false), (&list.plain, true)] {
        let mut sink = writer(file)?;
        corpus::list(selectors, plain, &mut sink)?;
        sink.flush()?;
    }
    let mut command = Command::new(std::env::current_exe()?);
    let build = finish(command.args(["one", "build", path(&list.text)?, path(&list.index)?]))?;
    let mut command = Command::new(std::env::current_exe()?);
    let load = finish(command.args(["one", "load", path(&list.index)?]))?;
    let (text, index) =
        (std::fs::metadata(&list.text)?.len(), std::fs::metadata(&list.index)?.len());
    #[expect(clippy::cast_precision_loss, reason = "a ratio has no use for the last digits")]
    let ratio = index as f64 / text as f64;
    println!(
        "index\t{}\t{text}\t{index}\t{ratio:.3}\t{:.2}\t{}\t{:.1}",
        build.found,
        build.cpu,
        build.peak_mib,
        load.wall * 1e3
    );
    Ok(list)
}

/// One measurement; prints processor seconds, seconds, peak memory in MiB and a count.
fn one(words: &[String]) -> Result<()> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let used = cpu_seconds()?;
    let begun = Instant::now();
    let found = match words.as_slice() {
        ["build", list, index] => {
            let (selectors, problems) = parse_list(&std::fs::read(list)?);
            if let Some(problem) = problems.first() {
                return Err(format!("{problem:?}").into());
            }
            let built = SelectorIndex::build(selectors)?;
            built.write_to(BufWriter::new(File::create(index)?))?;
            built.len() as u64
        }
        ["load", index] => SelectorIndex::open(Path::new(index))?.len() as u64,
        ["sift", index, threads, files @ ..] => {
            // Loading has a line of its own.
            let index = SelectorIndex::open(Path::new(index))?;
            return measure(cpu_seconds()?, Instant::now(), sift(index, threads.parse()?, files)?);
        }
        ["floor", floor, files @ ..] => {
            files.iter().map(|file| pass(floor, file)).sum::<Result<u64>>()?
        }
        other => return Err(format!("{other:?} is not understood").into()),
    };
    measure(used, begun, found)
}

fn measure(used: f64, begun: Instant, found: u64) -> Result<()> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak: u64 = peak.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0);
    let (cpu, wall) = (cpu_seconds()? - used, begun.elapsed().as_secs_f64());
    println!("{cpu:.3} {wall:.4} {} {found}", peak / 1024);
    Ok(())
}

/// What all threads of this process have used; the kernel counts in hundredths.
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, rest) = stat.rsplit_once(") ").ok_or("no stat")?;
    let ticks: Vec<f64> =
        rest.split(' ').skip(11).take(2).filter_map(|word| word.parse().ok()).collect();
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

fn sift(index: SelectorIndex, threads: NonZeroUsize, files: &[&str]) -> Result<u64> {
    let settings = Settings {
        sensor: "sensor-1".parse()?,
        own_networks: OWN.map(str::parse).into_iter().collect::<std::result::Result<_, _>>()?,
        retention_days: 1,
        program: Digest::of(b""),
        link: Link::FIRST,
        started_at: "2026-09-21T00:00:00Z".parse()?,
    };
    let started_at = settings.started_at;
    let switches = Switches { url_paths: true, ..Switches::of_mode(Mode::OwnNetwork) };
    let mut engine =
        Engine::with_switches(Mode::OwnNetwork, switches, index, settings, io::sink())?;
    for file in files {
        engine.read_with_threads(file, File::open(file)?, threads)?;
    }
    let certificate = engine.finish(started_at)?.certificate;
    if certificate.tally.errors > 0 || !certificate.balances() {
        return Err(format!("{:?}", certificate.tally).into());
    }
    Ok(certificate.tally.kept)
}

/// What reading alone takes.
fn pass(floor: &str, file: &str) -> Result<u64> {
    let mut input = File::open(file)?;
    let mut buffer = vec![0; 256 << 10];
    let mut found = 0;
    if floor == "tape" || floor == "dom" {
        let mut input = BufReader::with_capacity(buffer.len(), input);
        let mut buffers = simd_json::Buffers::default();
        buffer.clear();
        while input.read_until(b'\n', &mut buffer)? > 0 {
            if floor == "tape" {
                found += simd_json::to_tape_with_buffers(&mut buffer, &mut buffers)?.0.len().min(1)
                    as u64;
            } else {
                let value = simd_json::to_borrowed_value_with_buffers(&mut buffer, &mut buffers)?;
                found += u64::from(matches!(value, simd_json::BorrowedValue::Object(_)));
            }
            buffer.clear();
        }
        return Ok(found);
    }
    loop {
        let read = input.read(&mut buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        match floor {
            _ if read == 0 => return Ok(found),
            "lines" => found += memchr::memchr_iter(b'\n', bytes).count() as u64,
            "feeds" => memchr::memchr_iter(b'\n', bytes).for_each(|at| found += (at & 1) as u64),
            _ => memchr::memchr_iter(b'\t', bytes).for_each(|at| found += (at & 1) as u64),
        }
    }
}
