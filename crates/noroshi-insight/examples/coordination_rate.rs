//! What the coordination engine finds and costs: the targets T1 to T7 and T14 of the method's evaluation.
//!
//! Each line names the target, what was measured, digests of the data and parameters. CPU seconds are those of the process
//! (`/proc/self/stat`), memory is the most it ever held (`VmHWM`): for one figure alone ask for one id.
//!
//! Arguments: `--corpora DIR` with the real shares, `--python PATH` to set coordination-network-toolkit beside it,
//! `--ids T1,T5`, `--seeds N` (runs of T5), `--rounds N` (seeds of T6 and T7), `--events N` (shares of T4), `--parquet FILE`
//! (where those are written, and read from if they are there; otherwise a file that goes afterwards), `--base N` (added to the
//! seeds of T5 to T7 and OWN), `--models activity|confirmed|both`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use noroshi_insight::coordination::generate::{self, Family, Plant};
use noroshi_insight::coordination::peers::{self, PeerEdge};
use noroshi_insight::coordination::stream::{Size, Stream};
use noroshi_insight::coordination::{
    Analysis, Builder, Event, Models, NO_POST, Options, Records, Semantics, Share, Trace,
    TraceKind, analyse,
};
use parquet::basic::{Compression, Encoding};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::Int32Type;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// One target.
type Run = fn(&Asked) -> Answer<()>;

type Answer<T> = Result<T, Box<dyn Error>>;

const IDS: [&str; 9] = ["T1", "T2", "T3", "T4", "T5", "T6", "T7", "T14", "OWN"];

const GERMAN: &str = "influence/german_elections.csv";
const RUSSIAN: &str = "vectors-coordination/russian_coord_tweets.csv";

struct Asked {
    corpora: Option<PathBuf>,
    python: Option<PathBuf>,
    ids: Vec<String>,
    seeds: u64,
    rounds: u64,
    events: u32,
    parquet: Option<PathBuf>,
    models: Models,
    /// Added to every seed, for runs that nobody has looked at.
    base: u64,
}

fn main() -> Answer<()> {
    let asked = asked()?;
    println!(
        "Figures of the method's specification were tuned on the data they were tested on. T5 to T7 use data of the same \
         kinds and other seeds, and so does OWN."
    );
    let wants = |id: &str| asked.ids.iter().any(|one| one == id);
    let runs: [(&str, Run); 9] = [
        ("T1", equality),
        ("T2", german_load),
        ("T3", million),
        ("T4", scale),
        ("T5", calibration),
        ("T6", recovery),
        ("T7", dense),
        ("T14", streaming),
        ("OWN", own_families),
    ];
    for (id, run) in runs.iter().filter(|(id, _)| wants(id)) {
        let start = (Instant::now(), cpu());
        run(&asked)?;
        println!(
            "{id}: whole {:.2} s CPU, {:.2} s wall, peak memory {:.0} MB",
            cpu() - start.1,
            start.0.elapsed().as_secs_f64(),
            peak_mb()
        );
    }
    Ok(())
}

fn asked() -> Answer<Asked> {
    let mut asked = Asked {
        corpora: None,
        python: None,
        ids: IDS.iter().map(|&id| id.to_owned()).collect(),
        seeds: 100,
        rounds: 10,
        events: 10_000_000,
        parquet: None,
        models: Models::default(),
        base: 0,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("`{word}` needs a value"))?;
        match word.as_str() {
            "--corpora" => asked.corpora = Some(value.into()),
            "--python" => asked.python = Some(value.into()),
            "--ids" => asked.ids = value.split(',').map(str::to_owned).collect(),
            "--seeds" => asked.seeds = value.parse()?,
            "--rounds" => asked.rounds = value.parse()?,
            "--events" => asked.events = value.parse()?,
            "--parquet" => asked.parquet = Some(value.into()),
            "--base" => asked.base = value.parse()?,
            "--models" => {
                asked.models = match value.as_str() {
                    "activity" => Models::Activity,
                    "confirmed" => Models::Confirmed,
                    "both" => Models::Both,
                    _ => return Err(format!("no models `{value}`").into()),
                }
            }
            _ => return Err(format!("no argument `{word}`").into()),
        }
    }
    if let Some(id) = asked.ids.iter().find(|id| !IDS.contains(&id.as_str())) {
        return Err(format!("no target `{id}`").into());
    }
    Ok(asked)
}

// Data

/// Reads four columns of a comma-separated file without quotes: object, account, post, time.
fn load(bytes: &[u8], columns: [&str; 4], trace: Trace) -> Answer<Records> {
    let text = std::str::from_utf8(bytes)?;
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let mut places = [0; 4];
    for (place, column) in places.iter_mut().zip(columns) {
        *place = head.iter().position(|cell| *cell == column).ok_or("a column is missing")?;
    }
    let mut builder = Builder::default();
    let trace = builder.trace(trace);
    let mut cells: Vec<&str> = Vec::new();
    for line in lines {
        cells.clear();
        cells.extend(line.split(','));
        let cell = |column: usize| {
            places.get(column).and_then(|&place| cells.get(place)).copied().unwrap_or_default()
        };
        let share = Share {
            object: cell(0),
            account: cell(1),
            post: cell(2),
            time_seconds: cell(3).parse().unwrap_or(-1),
        };
        builder.share(trace, &share);
    }
    Ok(builder.finish())
}

/// A real data set: what the file holds, and which columns are object, account, post and time.
#[derive(Clone, Copy)]
struct Set {
    name: &'static str,
    file: &'static str,
    columns: [&'static str; 4],
}

const fn german(object: &'static str) -> Set {
    Set { name: object, file: GERMAN, columns: [object, "account_id", "post_id", "timestamp"] }
}

const REPOSTS: Set = Set {
    name: "reposts",
    file: RUSSIAN,
    columns: ["object_id", "account_id", "content_id", "timestamp_share"],
};

impl Set {
    fn bytes(self, asked: &Asked) -> Answer<Option<Vec<u8>>> {
        let Some(folder) = &asked.corpora else {
            println!("   no --corpora: `{}` is left out", self.file);
            return Ok(None);
        };
        Ok(Some(std::fs::read(folder.join(self.file))?))
    }

    fn records(self, asked: &Asked, trace: Trace) -> Answer<Option<Records>> {
        self.bytes(asked)?.map(|bytes| load(&bytes, self.columns, trace)).transpose()
    }
}

/// A short mark of data (FNV-1a, 64 bits).
fn digest(bytes: &[u8]) -> String {
    let mark = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |mark, byte| {
        (mark ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("fnv1a64 {mark:016x}")
}

fn trace(window: u32) -> Trace {
    Trace::of(TraceKind::Other).window(window).objects_min(3)
}

/// The null model and nothing beside it.
fn plain() -> Options {
    Options { shuffled_copy: false, bootstrap_runs: 0, ..Options::default() }
}

fn events(records: &Records) -> &[Event] {
    records.traces().first().map_or(&[], |traced| traced.events.as_slice())
}

fn peer_edges(records: &Records, semantics: Semantics) -> Vec<PeerEdge> {
    let Some(traced) = records.traces().first() else { return Vec::new() };
    let window = traced.trace.windows_seconds.first().copied().unwrap_or(0);
    peers::edges(records, traced, window, semantics)
}

// T1

fn equality(asked: &Asked) -> Answer<()> {
    println!("T1 the candidate stage equals both tools (target: 12 of 12 settings)");
    let settings: [(Set, u32, u32, [usize; 3]); 8] = [
        (REPOSTS, 10, 2, [447, 442, 4]),
        (REPOSTS, 10, 5, [22, 20, 1]),
        (REPOSTS, 60, 2, [3_791, 3_721, 60]),
        (REPOSTS, 60, 5, [1_235, 1_193, 36]),
        (german("url_id"), 30, 2, [5_658, 1_453, 661]),
        (german("url_id"), 60, 2, [6_760, 1_772, 792]),
        (german("phash_id"), 30, 2, [2_131, 337, 113]),
        (german("phash_id"), 60, 2, [2_458, 455, 164]),
    ];
    println!(
        "   CooRTweet 2.1.3 against its recorded counts (R is not asked for): pairs, edges, edges over its threshold"
    );
    for (set, window, participation_min, recorded) in settings {
        let Some(records) = set.records(asked, trace(window))? else { return Ok(()) };
        let start = cpu();
        let found = peer_edges(&records, Semantics::CoorTweet { participation_min });
        let limit = peers::threshold(&found, 0.5);
        let told = [
            found.iter().map(|edge| edge.weight as usize).sum(),
            found.len(),
            found.iter().filter(|edge| f64::from(edge.weight) > limit).count(),
        ];
        let verdict = if told == recorded { "equal" } else { "DIFFERENT" };
        println!(
            "   {:9} {window:2} s, participation {participation_min}: {told:?} recorded {recorded:?} {verdict}, {:.3} s CPU",
            set.name,
            cpu() - start
        );
    }
    let made = made_up_million()?;
    for (set, window) in [(REPOSTS, 60), (german("url_id"), 30), (german("url_id"), 60)] {
        let Some(records) = set.records(asked, trace(window))? else { return Ok(()) };
        toolkit(asked, set.name, &records, window)?;
    }
    // Two seconds: within sixty these shares hold 2.4 million pairs, with which the toolkit did not end in 400 s.
    toolkit(asked, "made up, 1 M", &load(made.as_bytes(), MADE_UP, trace(2))?, 2)
}

const MADE_UP: [&str; 4] = ["object", "account", "post", "time"];

/// A million shares as a file.
fn made_up_million() -> Answer<String> {
    let (events, _) = generate::scale(1_000_000, 5);
    let mut text = MADE_UP.join(",");
    text.push('\n');
    for (post, event) in events.iter().enumerate() {
        writeln!(text, "o{},a{},p{post},{}", event.object, event.account, event.time)?;
    }
    Ok(text)
}

/// Runs the toolkit on the same shares and compares both directions of every edge.
fn toolkit(asked: &Asked, name: &str, records: &Records, window: u32) -> Answer<()> {
    let start = cpu();
    let found = peer_edges(records, Semantics::Toolkit);
    let own = cpu() - start;
    let Some(python) = &asked.python else {
        println!(
            "   {name} {window} s: {} edges, {own:.3} s CPU; no --python, not compared",
            found.len()
        );
        return Ok(());
    };
    let mut mine: BTreeMap<(String, String), u32> = BTreeMap::new();
    for edge in &found {
        let (a, b) = (records.accounts().name(edge.a), records.accounts().name(edge.b));
        mine.insert((a.to_string(), b.to_string()), edge.forth);
        mine.insert((b.into_owned(), a.into_owned()), edge.back);
    }
    let file =
        std::env::temp_dir().join(format!("noroshi-coordination-{}.csv", std::process::id()));
    std::fs::write(&file, toolkit_file(records)?)?;
    let answer = run_toolkit(python, &file, window);
    std::fs::remove_file(&file)?;
    let (theirs, cost) = answer?;
    let verdict = if mine == theirs { "equal, edges and weights" } else { "DIFFERENT" };
    println!(
        "   coordination-network-toolkit, {name} {window} s: {} undirected edges, {} directed; theirs {}: {verdict}; \
         {own:.3} s CPU, theirs {cost} (CPU s, wall s, MB)",
        found.len(),
        mine.len(),
        theirs.len()
    );
    Ok(())
}

/// The toolkit's eight columns, each share as a repost of its object. Posts get numbers, because the toolkit keeps one row
/// of each post only.
fn toolkit_file(records: &Records) -> Answer<String> {
    let mut text =
        String::from("message_id,user_id,username,repost_id,reply_id,message,timestamp,urls\n");
    for (post, event) in events(records).iter().enumerate() {
        let account = records.accounts().name(event.account);
        writeln!(text, "{post},{account},,o{},,,{},", event.object, event.time)?;
    }
    Ok(text)
}

type Directed = BTreeMap<(String, String), u32>;

fn run_toolkit(python: &Path, file: &Path, window: u32) -> Answer<(Directed, String)> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/coordination.py");
    let window = window.to_string();
    let output = Command::new(python)
        .args([script.as_ref(), file.as_os_str(), "co_retweet".as_ref(), window.as_ref()])
        .output()?;
    let words = String::from_utf8(output.stderr)?;
    if !output.status.success() {
        return Err(words.into());
    }
    let mut edges = BTreeMap::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let mut cells = line.split(',');
        let (Some(a), Some(b), Some(weight)) = (cells.next(), cells.next(), cells.next()) else {
            continue;
        };
        edges.insert((a.to_owned(), b.to_owned()), weight.parse()?);
    }
    Ok((edges, words.trim().to_owned()))
}

// T2, T3, T4

fn german_load(asked: &Asked) -> Answer<()> {
    println!(
        "T2 German election links, 60 s, with reading (target: 0.2 s; CooRTweet 22.7 s, toolkit 1.6 s)"
    );
    let set = german("url_id");
    let Some(bytes) = set.bytes(asked)? else { return Ok(()) };
    for (what, options) in [("null model", plain()), ("everything", Options::default())] {
        let (start, used) = (Instant::now(), cpu());
        let records = load(&bytes, set.columns, trace(60))?;
        let answer = analyse(&records, &options)?;
        println!(
            "   {what}: {} edges, {} groups; {:.3} s wall, {:.2} s CPU; {}",
            answer.edges.len(),
            answer.groups.len(),
            start.elapsed().as_secs_f64(),
            cpu() - used,
            digest(&bytes)
        );
    }
    Ok(())
}

fn million(_: &Asked) -> Answer<()> {
    println!("T3 a million shares from a text in memory (target: 1 s; toolkit 27 s)");
    let text = made_up_million()?;
    let (start, used) = (Instant::now(), cpu());
    let records = load(text.as_bytes(), MADE_UP, trace(60))?;
    let read = (start.elapsed().as_secs_f64(), cpu() - used);
    let answer = analyse(&records, &Options { threads: 2, ..plain() })?;
    println!(
        "   reading {:.2} s wall {:.2} s CPU, all {:.2} s wall {:.2} s CPU; {}; {}",
        read.0,
        read.1,
        start.elapsed().as_secs_f64(),
        cpu() - used,
        scale_found(
            &answer,
            |account| records.accounts().name(account).trim_start_matches('a').parse().ok(),
            50_000
        ),
        digest(text.as_bytes())
    );
    Ok(())
}

/// Precision and recall over accounts: planted ones have the numbers from `first` on, 2,000 of them.
fn scale_found(answer: &Analysis, number: impl Fn(u32) -> Option<u32>, first: u32) -> String {
    let found: BTreeSet<u32> =
        answer.edges.iter().flat_map(|edge| [edge.a, edge.b]).filter_map(number).collect();
    let right = found.iter().filter(|&&account| account >= first).count();
    format!(
        "{} pairs met, {} edges, {} groups, precision {:.4}, recall {:.4}",
        answer.traces.iter().map(|trace| trace.pairs_met).sum::<u64>(),
        answer.edges.len(),
        answer.groups.len(),
        ratio(right, found.len()),
        ratio(right, 2_000)
    )
}

fn scale(asked: &Asked) -> Answer<()> {
    println!(
        "T4 {} shares from Parquet, one trace, both null models (target for 100 M: 120 s, 6 GB)",
        asked.events
    );
    let temporary =
        std::env::temp_dir().join(format!("noroshi-shares-{}.parquet", std::process::id()));
    let file = asked.parquet.as_deref().unwrap_or(&temporary);
    let made = make_shares(asked, file);
    let answer = made.and_then(|()| scale_of(file, asked.events));
    if asked.parquet.is_none() && temporary.try_exists()? {
        std::fs::remove_file(&temporary)?;
    }
    answer
}

fn scale_of(file: &Path, wanted: u32) -> Answer<()> {
    let (start, used) = (Instant::now(), cpu());
    let (events, first) = read_shares(file)?;
    if events.len() < place(wanted) {
        return Err(format!("`{}` holds {} shares", file.display(), events.len()).into());
    }
    let reading = (start.elapsed().as_secs_f64(), cpu() - used);
    let bytes = std::fs::metadata(file)?.len();
    println!(
        "   reading: {} shares, {bytes} bytes, {:.2} s wall, {:.2} s CPU, peak memory so far {:.0} MB",
        events.len(),
        reading.0,
        reading.1,
        peak_mb()
    );
    let (analysing, analysing_cpu) = (Instant::now(), cpu());
    let records = Records::numbered(trace(60), events);
    println!(
        "   sorted: {:.1} s wall, {:.1} s CPU",
        analysing.elapsed().as_secs_f64(),
        cpu() - analysing_cpu
    );
    let options = Options { threads: 2, bootstrap_runs: 20, pair_bytes_max: 1 << 29, ..plain() };
    let answer = analyse(&records, &options)?;
    println!(
        "   analysis with sorting: {:.1} s wall, {:.1} s CPU; all from Parquet: {:.1} s wall, {:.1} s CPU, peak memory {:.0} MB; {}",
        analysing.elapsed().as_secs_f64(),
        cpu() - analysing_cpu,
        start.elapsed().as_secs_f64(),
        cpu() - used,
        peak_mb(),
        scale_found(&answer, Some, first)
    );
    Ok(())
}

// The shares of T4 as a file: three columns of numbers of four bytes.

const SHARES: &str = "message shares { required int32 object (INTEGER(32,false)); \
     required int32 time (INTEGER(32,false)); required int32 account (INTEGER(32,false)); }";
/// Rows of one row group.
const GROUP_ROWS: usize = 1 << 20;
/// Rows that are held of each column beside the events.
const BATCH_ROWS: usize = 1 << 16;
/// Under which key a file says from which number on accounts are planted.
const PLANTED: &str = "planted_from";

/// Makes shares and writes them, unless the file is there.
fn make_shares(asked: &Asked, file: &Path) -> Answer<()> {
    if file.try_exists()? {
        println!("   `{}` is there and is read", file.display());
        return Ok(());
    }
    let start = Instant::now();
    let (events, first) = generate::scale(asked.events, 5);
    let part = file.with_extension("part");
    write_shares(&events, first, &part)?;
    std::fs::rename(&part, file)?;
    println!(
        "   made and written, which is not counted: {:.1} s wall",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

fn write_shares(events: &[Event], first: u32, file: &Path) -> Answer<()> {
    // Numbers that hardly repeat are as small without a dictionary, and packing is what files of others have too.
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::PLAIN)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_key_value_metadata(Some(vec![KeyValue::new(PLANTED.to_owned(), first.to_string())]))
        .build();
    let schema = Arc::new(parse_message_type(SHARES)?);
    let mut writer = SerializedFileWriter::new(File::create(file)?, schema, Arc::new(properties))?;
    let columns: [fn(&Event) -> u32; 3] =
        [|event| event.object, |event| event.time, |event| event.account];
    let mut numbers: Vec<i32> = Vec::with_capacity(GROUP_ROWS);
    for rows in events.chunks(GROUP_ROWS) {
        let mut group = writer.next_row_group()?;
        for column in columns {
            numbers.clear();
            numbers.extend(rows.iter().map(|event| column(event).cast_signed()));
            let mut sink = group.next_column()?.ok_or("a column is missing")?;
            sink.typed::<Int32Type>().write_batch(&numbers, None, None)?;
            sink.close()?;
        }
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

/// The shares of a file, row group by row group, and from which number on accounts are planted.
fn read_shares(file: &Path) -> Answer<(Vec<Event>, u32)> {
    let reader = SerializedFileReader::new(File::open(file)?)?;
    let about = reader.metadata().file_metadata();
    let rows = usize::try_from(about.num_rows())?;
    let known = about.key_value_metadata().into_iter().flatten();
    let planted = known.filter(|pair| pair.key == PLANTED).find_map(|pair| pair.value.as_deref());
    let first = planted.ok_or("the file does not say which accounts are planted")?.parse()?;
    // Room for all of them at once: a list that grows is held twice while it does.
    let mut events: Vec<Event> = Vec::with_capacity(rows);
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let mut columns =
            [column(group.as_ref(), 0)?, column(group.as_ref(), 1)?, column(group.as_ref(), 2)?];
        let mut left = usize::try_from(group.metadata().num_rows())?;
        let mut held: [Vec<i32>; 3] = Default::default();
        while left > 0 {
            let wanted = left.min(BATCH_ROWS);
            for (column, held) in columns.iter_mut().zip(&mut held) {
                held.clear();
                if column.read_records(wanted, None, None, held)?.0 != wanted {
                    return Err("a column is shorter than its row group".into());
                }
            }
            let [objects, times, accounts] = &held;
            events.extend(objects.iter().zip(times).zip(accounts).map(
                |((object, time), account)| Event {
                    object: object.cast_unsigned(),
                    time: time.cast_unsigned(),
                    account: account.cast_unsigned(),
                    post: NO_POST,
                },
            ));
            left -= wanted;
        }
    }
    Ok((events, first))
}

fn column(group: &dyn RowGroupReader, at: usize) -> Answer<ColumnReaderImpl<Int32Type>> {
    match group.get_column_reader(at)? {
        ColumnReader::Int32ColumnReader(column) => Ok(column),
        _ => Err("a column does not hold numbers of four bytes".into()),
    }
}

fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

// T5, T6, T7, OWN

/// A background without coordination, made from a seed.
type Background<'a> = (&'static str, Box<dyn Fn(u64) -> Vec<Event> + 'a>);

/// The four backgrounds of the method's evaluation; two need the real shares.
fn backgrounds<'a>(
    german: Option<&'a Records>,
    reposts: Option<&'a Records>,
) -> Vec<Background<'a>> {
    let mut all: Vec<Background> = Vec::new();
    if let Some(records) = german {
        all.push(("german", Box::new(|seed| generate::shuffled_days(events(records), seed))));
    }
    if let Some(records) = reposts {
        all.push(("reposts", Box::new(|seed| generate::shuffled_days(events(records), seed))));
    }
    all.push(("organic", Box::new(|seed| generate::background(Family::Organic, seed))));
    all.push(("dense", Box::new(|seed| generate::background(Family::Dense, seed))));
    all
}

/// One line: how many runs had an edge, and what the tools' filters would have marked.
fn null_runs(
    asked: &Asked,
    (name, window): (&str, u32),
    seeds: u64,
    make: &dyn Fn(u64) -> Vec<Event>,
) -> Answer<()> {
    let (mut runs, mut edges, mut both, mut beside) = (0_u64, 0, 0, 0);
    let mut marked = [0; 4];
    let peer_seeds = seeds.min(10);
    for seed in 0..seeds {
        let records = Records::numbered(trace(window), make(asked.base + seed));
        let answer = analyse(&records, &Options { models: asked.models, ..plain() })?;
        let found = answer.edges;
        beside += answer.companions.len();
        runs += u64::from(!found.is_empty());
        edges += found.len();
        both += found.iter().filter(|edge| edge.traces.iter().any(|told| told.synchronous)).count();
        if seed < peer_seeds {
            for (sum, one) in marked.iter_mut().zip(filters(&records)) {
                *sum += one.1.len();
            }
        }
    }
    let mean =
        marked.map(|sum| format!("{:.1}", ratio(sum, usize::try_from(peer_seeds).unwrap_or(1))));
    println!(
        "   {name:11} {window:3} s: {runs} of {seeds} runs with an edge, {edges} edges, {both} by both models, {beside} companions; a run marks by CooRTweet p50 {}, \
         toolkit w>=2 {}, w>=3 {}, w>=5 {}",
        mean[0], mean[1], mean[2], mean[3]
    );
    Ok(())
}

type Pairs = Vec<(u32, u32)>;

/// What the two tools' filters mark: exact pairs and weights, see T1.
fn filters(records: &Records) -> [(&'static str, Pairs); 4] {
    let pairs = |edges: &[PeerEdge], keep: &dyn Fn(&PeerEdge) -> bool| {
        edges.iter().filter(|edge| keep(edge)).map(|edge| (edge.a, edge.b)).collect()
    };
    let tweets = peer_edges(records, Semantics::CoorTweet { participation_min: 2 });
    let limit = peers::threshold(&tweets, 0.5);
    let toolkit = peer_edges(records, Semantics::Toolkit);
    [
        ("CooRTweet p50", pairs(&tweets, &|edge| f64::from(edge.weight) > limit)),
        ("toolkit w>=2", pairs(&toolkit, &|edge| edge.weight >= 2)),
        ("toolkit w>=3", pairs(&toolkit, &|edge| edge.weight >= 3)),
        ("toolkit w>=5", pairs(&toolkit, &|edge| edge.weight >= 5)),
    ]
}

fn real_sets(asked: &Asked) -> Answer<(Option<Records>, Option<Records>)> {
    Ok((german("url_id").records(asked, trace(60))?, REPOSTS.records(asked, trace(60))?))
}

fn calibration(asked: &Asked) -> Answer<()> {
    println!(
        "T5 edges where nobody is coordinated, k>=3, q=0.01 (target: at most 1 % of runs; seeds 20000 and on)"
    );
    let (german, reposts) = real_sets(asked)?;
    for (name, make) in backgrounds(german.as_ref(), reposts.as_ref()) {
        null_runs(asked, (name, 60), asked.seeds, &|seed| make(20_000 + seed))?;
    }
    for (family, windows) in [
        (Family::Organic, &[300, 600, 3_600][..]),
        (Family::Blocks, &[60, 300, 599, 600, 3_600][..]),
        (Family::MorningNews, &[60, 600][..]),
    ] {
        let name = format!("{family:?}");
        for &window in windows {
            let make = |seed| generate::background(family, 20_000 + seed);
            null_runs(asked, (&name, window), asked.seeds, &make)?;
        }
    }
    Ok(())
}

/// Precision, recall and F1 over accounts.
#[derive(Clone, Copy, Default)]
struct Score {
    precision: f64,
    recall: f64,
    f1: f64,
}

fn score(pairs: impl Iterator<Item = (u32, u32)>, first: u32, planted: u32) -> Score {
    let found: BTreeSet<u32> = pairs.flat_map(|(a, b)| [a, b]).collect();
    let right = found.iter().filter(|&&account| account >= first).count();
    let precision = if found.is_empty() { 1.0 } else { ratio(right, found.len()) };
    let recall = ratio(right, planted as usize);
    let f1 = if right == 0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
    Score { precision, recall, f1 }
}

/// Plants the eight settings into a background and says how well each method finds them.
fn planted_runs(
    asked: &Asked,
    (name, window): (&str, u32),
    rounds: u64,
    make: &dyn Fn(u64) -> Vec<Event>,
) -> Answer<()> {
    let mut sums: BTreeMap<&'static str, Vec<Score>> = BTreeMap::new();
    for seed in 0..rounds {
        let background = make(asked.base + seed);
        for (setting, plant) in (0..).zip(Plant::SETTINGS) {
            let mut events = background.clone();
            let first = plant.into(&mut events, (asked.base + seed) * 8 + setting);
            let records = Records::numbered(trace(window), events);
            let answer = analyse(&records, &Options { models: asked.models, ..plain() })?;
            let planted = plant.groups * plant.accounts;
            let edges = answer.edges.iter();
            let both = edges.clone().filter(|edge| edge.traces.iter().any(|told| told.synchronous));
            let mut add = |method, score| sums.entry(method).or_default().push(score);
            let pairs = || edges.clone().map(|edge| (edge.a, edge.b));
            let beside = answer.companions.iter().map(|one| (one.account, one.account));
            add("0 noroshi", score(pairs().chain(beside), first, planted));
            add("1 noroshi, pairs", score(pairs(), first, planted));
            add("2 pairs by A and B", score(both.map(|edge| (edge.a, edge.b)), first, planted));
            for (method, pairs) in filters(&records) {
                add(method, score(pairs.into_iter(), first, planted));
            }
        }
    }
    for (method, scores) in &sums {
        let mean = |of: fn(&Score) -> f64| scores.iter().map(of).sum::<f64>() / real(scores.len());
        let own: Vec<String> = (0..Plant::SETTINGS.len())
            .map(|setting| {
                let each = scores.iter().skip(setting).step_by(Plant::SETTINGS.len());
                let (sum, count) =
                    each.fold((0.0, 0), |(sum, count), score| (sum + score.f1, count + 1));
                format!("{:.2}", sum / real(count))
            })
            .collect();
        println!(
            "   {name:11} {window:3} s {:18} F1 {:.3} P {:.3} R {:.3}  by setting {}",
            method.trim_start_matches(['0', '1', '2', ' ']),
            mean(|score| score.f1),
            mean(|score| score.precision),
            mean(|score| score.recall),
            own.join(" ")
        );
    }
    Ok(())
}

fn recovery(asked: &Asked) -> Answer<()> {
    println!(
        "T6 planted groups, mean over 8 settings and {} seeds (target: F1 0.88, P 0.97 on each background)",
        asked.rounds
    );
    let (german, reposts) = real_sets(asked)?;
    for (name, make) in backgrounds(german.as_ref(), reposts.as_ref()) {
        planted_runs(asked, (name, 60), asked.rounds, &|seed| make(30_000 + seed))?;
    }
    Ok(())
}

fn dense(asked: &Asked) -> Answer<()> {
    println!("T7 planted groups in dense shares with a window of 600 s (target: F1 0.55)");
    let make = |seed| generate::background(Family::Dense, 30_000 + seed);
    null_runs(asked, ("dense", 600), asked.rounds, &make)?;
    planted_runs(asked, ("dense", 600), asked.rounds, &make)?;
    let make = |seed| generate::background(Family::Blocks, 30_000 + seed);
    planted_runs(asked, ("blocks", 600), asked.rounds, &make)
}

fn own_families(asked: &Asked) -> Answer<()> {
    println!(
        "OWN generator families beside those of the description; the rule of circles was made on other seeds of them (no targets)"
    );
    for family in Family::ALL.into_iter().filter(|family| !family.of_the_description()) {
        let name = format!("{family:?}");
        let make = |seed| generate::background(family, 40_000 + seed);
        null_runs(asked, (&name, 60), asked.seeds.min(30), &make)?;
        null_runs(asked, (&name, 600), asked.seeds.min(10), &make)?;
        planted_runs(asked, (&name, 60), asked.rounds.min(5), &make)?;
    }
    Ok(())
}

fn streaming(asked: &Asked) -> Answer<()> {
    println!(
        "T14 a stream finds what a file finds (target: identical edges, 1 M shares a second, p99 1 ms)"
    );
    let (german, reposts) = real_sets(asked)?;
    let (made, _) = generate::scale(1_000_000, 5);
    let made = Records::numbered(trace(60), made);
    let sets = [("german", german), ("reposts", reposts), ("made up, 1 M", Some(made))];
    for (name, records) in sets.into_iter().filter_map(|(name, set)| Some((name, set?))) {
        stream(name, &records)?;
    }
    Ok(())
}

/// Plays records in the order of their times, stops and resumes in the middle, and compares the whole answer.
fn stream(name: &str, records: &Records) -> Answer<()> {
    let Some(traced) = records.traces().first() else { return Ok(()) };
    let mut played = traced.events.clone();
    played.sort_by_key(|event| event.time);
    let texts: Vec<[String; 3]> = played
        .iter()
        .map(|event| {
            let post = if event.post == NO_POST {
                String::new()
            } else {
                records.posts().name(event.post).into_owned()
            };
            [
                traced.objects.name(event.object).into_owned(),
                records.accounts().name(event.account).into_owned(),
                post,
            ]
        })
        .collect();
    let share = |event: &Event, [object, account, post]: &'_ [String; 3]| {
        (object.clone(), account.clone(), post.clone(), i64::from(event.time))
    };
    let rows: Vec<(String, String, String, i64)> =
        played.iter().zip(&texts).map(|(event, texts)| share(event, texts)).collect();
    let mut stream = Stream::new(trace(60), Size::default());
    let (used, mut alerts) = (cpu(), 0);
    for row in &rows {
        alerts += stream.share(&share_of(row)).len();
    }
    let used = cpu() - used;
    let waits = waits(&rows);
    let middle = rows.len() / 2;
    let mut first = Stream::new(trace(60), Size::default());
    rows.iter().take(middle).for_each(|row| drop(first.share(&share_of(row))));
    let snapshot = first.snapshot();
    let mut resumed = Stream::resume(&snapshot, trace(60), Size::default())?;
    rows.iter().skip(middle).for_each(|row| drop(resumed.share(&share_of(row))));
    let mut builder = Builder::default();
    let number = builder.trace(trace(60));
    for row in rows.iter().rev() {
        builder.share(number, &share_of(row));
    }
    let options = Options { threads: 2, ..Options::default() };
    let batch = analyse(&builder.finish(), &options)?;
    let same = stream.analyse(&options)? == batch && resumed.analyse(&options)? == batch;
    println!(
        "   {name:12}: {} shares, {:.2} M a CPU second, wait p50 {:.1} us, p99 {:.1} us, most {:.0} us; {alerts} alerts; \
         {} edges, {}; snapshot of the half {:.1} MB",
        rows.len(),
        real(rows.len()) / used.max(0.01) / 1e6,
        waits[0],
        waits[1],
        waits[2],
        batch.edges.len(),
        if same { "identical, resumed too" } else { "DIFFERENT" },
        real(snapshot.len()) / 1e6
    );
    Ok(())
}

fn share_of((object, account, post, time_seconds): &(String, String, String, i64)) -> Share<'_> {
    Share { object, account, post, time_seconds: *time_seconds }
}

/// Half, ninety-nine of a hundred and all shares were taken within so many microseconds.
fn waits(rows: &[(String, String, String, i64)]) -> [f64; 3] {
    let mut stream = Stream::new(trace(60), Size::default());
    let mut waits: Vec<f64> = Vec::with_capacity(rows.len());
    for row in rows {
        let start = Instant::now();
        drop(stream.share(&share_of(row)));
        waits.push(start.elapsed().as_secs_f64() * 1e6);
    }
    waits.sort_by(f64::total_cmp);
    let at = |part: usize| waits.get(waits.len() * part / 1_000).copied().unwrap_or(0.0);
    [at(500), at(990), waits.last().copied().unwrap_or(0.0)]
}

// Measures

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { real(part) / real(whole) }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn real(count: usize) -> f64 {
    count as f64
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

/// The most memory this process ever held.
fn peak_mb() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    let kilobytes: f64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0.0);
    kilobytes / 1_000.0
}
