//! What the evidence graph costs, and that it does not grow with the graph.
//!
//! Synthetic STIX goes in through the import itself: parsed, digested, compared with what is held, written as rows,
//! edges, names, postings and words, with audit entry and leaf, durable. CPU seconds are those of the whole process
//! (`/proc/self/stat`), the making of the synthetic text included; they hold on a busy machine, wall time does not.
//!
//! Arguments: `--objects N` (default 100,000), `--hub N` edges (default a tenth), `--members N` of one container (default as
//! many as there are objects, a million at most), `--dir DIR` (default: here), `--python PATH` (an interpreter with `stix2`,
//! `medallion` and `stix2-matcher`, to stand beside). With `--stream BYTES` nothing of that: a bundle of that length is
//! written to a file, imported from it, and the most memory that took is printed.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use noroshi::analyse;
use noroshi::config::Config;
use noroshi::evidence::act::{self, Terms};
use noroshi::evidence::read::{self, Filter, Sees, relations};
use noroshi::evidence::record;
use noroshi::evidence::rows::{self, NewObject};
use noroshi::house::House;
use noroshi::office::commit::Change;
use noroshi::office::ctx::{Ctx, Via};
use noroshi::office::id::{OrgId, PersonId};
use noroshi::web::refusal::Failure;
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use noroshi_evidence::pattern::matcher::PatternSet;
use noroshi_evidence::pattern::observed::Observations;

type Done<T> = Result<T, Box<dyn std::error::Error>>;

/// Objects of one measured part at most.
const PART: u64 = 250_000;
/// Repetitions of what is short.
const TIMES: usize = 100;
/// Observations and patterns beside stix2-matcher.
const OBSERVED: usize = 1_000;
/// See [`OBSERVED`].
const PATTERNS: usize = 20;
/// Members of the container unless asked otherwise; many more do not fit into what an object may be.
const MEMBERS_MAX: u64 = 1_000_000;
const CONTAINER: &str = "report--00000000-0000-4000-8000-00000000beef";
const HUB: &str = "malware--00000000-0000-4000-8000-00000000beef";

struct Asked {
    objects: u64,
    hub: u64,
    members: u64,
    stream: u64,
    dir: PathBuf,
    python: Option<PathBuf>,
}

fn asked() -> Done<Asked> {
    let mut asked = Asked {
        objects: 100_000,
        hub: 0,
        members: 0,
        stream: 0,
        dir: PathBuf::from("."),
        python: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or("each argument has a value")?;
        match name.as_str() {
            "--objects" => asked.objects = value.parse()?,
            "--hub" => asked.hub = value.parse()?,
            "--members" => asked.members = value.parse()?,
            "--stream" => asked.stream = value.parse()?,
            "--dir" => asked.dir = value.into(),
            "--python" => asked.python = Some(value.into()),
            other => return Err(format!("`{other}` is unknown").into()),
        }
    }
    if asked.hub == 0 {
        asked.hub = asked.objects / 10;
    }
    if asked.members == 0 {
        asked.members = asked.objects.min(MEMBERS_MAX);
    }
    Ok(asked)
}

fn main() -> Done<()> {
    let asked = asked()?;
    let dir = tempfile::Builder::new().prefix("bench-evidence-").tempdir_in(&asked.dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let house = House::open(dir.path(), Config::default(), false)?;
    if asked.stream > 0 {
        return streamed(&runtime, &house, &asked, dir.path());
    }
    println!("{:<52}{:>12.0} /CPU s", "making the synthetic text alone", making(PART));
    import(&runtime, &house, &asked, dir.path())?;
    hub(&runtime, &house, asked.hub)?;
    container(&runtime, &house, asked.members)?;
    pages(&house)?;
    correlation(&house)?;
    match &asked.python {
        Some(python) => beside(python, dir.path(), page_cpu(&house)?)?,
        None => println!("no --python: nothing stands beside"),
    }
    Ok(())
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

fn making(objects: u64) -> f64 {
    let before = cpu();
    let mut text = Vec::new();
    let mut made = Made::new(0, objects);
    // Reading from memory cannot fail.
    let _bytes = made.read_to_end(&mut text).unwrap_or_default();
    exact(objects) / (cpu() - before).max(0.01)
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn exact(count: u64) -> f64 {
    count as f64
}

fn ctx(house: &House) -> Ctx {
    let (person, org) = (PersonId::parse("person-bench"), OrgId::parse("org-bench"));
    let (Some(person), Some(org)) = (person, org) else { std::process::abort() };
    let now = house.clock.now();
    Ctx {
        person,
        org,
        hat: Hat::CaoAnalyst,
        sector: None,
        via: Via::Job,
        now,
        request: String::new(),
    }
}

fn failed(failure: Failure) -> Box<dyn std::error::Error> {
    match failure {
        Failure::Refused(refusal) => format!("refused: {}", refusal.code).into(),
        Failure::Broken(source) => source,
    }
}

fn terms() -> Terms {
    Terms { tlp: Some(Tlp::Green), class: LegalClass::CiaN, originator: "synthetic".to_owned() }
}

fn import(
    runtime: &tokio::runtime::Runtime,
    house: &Arc<House>,
    asked: &Asked,
    dir: &Path,
) -> Done<()> {
    let (mut from, whole, start) = (0, cpu(), Instant::now());
    let mut first = None;
    while from < asked.objects {
        let mark = [10_000, 1_000_000, 10_000_000].into_iter().find(|mark| *mark > from);
        let to = (from + PART).min(asked.objects).min(mark.unwrap_or(u64::MAX));
        let (before, started) = (cpu(), Instant::now());
        let done = runtime
            .block_on(act::import_from(house, &ctx(house), Made::new(from, to), terms()))
            .map_err(failed)?;
        if done.imported != to - from || !done.quarantined.is_empty() {
            return Err(format!("{} of {} came in", done.imported, to - from).into());
        }
        let (used, wall) = (cpu() - before, started.elapsed().as_secs_f64());
        let rate = exact(to - from) / used.max(0.01);
        let first = *first.get_or_insert(rate);
        println!(
            "import, {to:>10} held{:>33.0} /CPU s   {:.2} x the first, {:.0} /s wall, {} commits of {}, {:.1} us CPU each",
            rate,
            rate / first,
            exact(to - from) / wall,
            done.spent.commits,
            done.spent.chunk,
            1e6 / rate
        );
        from = to;
    }
    let (used, wall) = (cpu() - whole, start.elapsed().as_secs_f64());
    println!(
        "{:<52}{:>12.0} /CPU s   {used:.0} s CPU, {wall:.0} s wall, {:.2} GB on disk",
        "import, whole",
        exact(asked.objects) / used.max(0.01),
        exact(disk(dir)) / 1e9
    );
    println!("{:<52}{:>12.0} MB", "resident", status_mb("VmRSS"));
    Ok(())
}

/// A bundle of the asked length in a file, brought in whole by one import.
fn streamed(
    runtime: &tokio::runtime::Runtime,
    house: &Arc<House>,
    asked: &Asked,
    dir: &Path,
) -> Done<()> {
    let path = dir.join("bundle.json");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    let (mut objects, mut bytes, mut sample) = (0, 0, String::new());
    while bytes < asked.stream {
        sample.clear();
        object(objects, &mut sample);
        bytes += sample.len() as u64 + 1;
        objects += 1;
    }
    let bytes = std::io::copy(&mut Made::new(0, objects), &mut file)?;
    std::io::Write::flush(&mut file)?;
    let (peak, before, started) = (status_mb("VmHWM"), cpu(), Instant::now());
    let reader = std::fs::File::open(&path)?;
    let done =
        runtime.block_on(act::import_from(house, &ctx(house), reader, terms())).map_err(failed)?;
    if done.imported != objects || !done.complete {
        return Err(format!("{} of {objects} came in", done.imported).into());
    }
    let (used, wall) = (cpu() - before, started.elapsed().as_secs_f64());
    println!(
        "{:<52}{:>12.0} /CPU s   {objects} objects, {:.2} GB, {used:.0} s CPU, {wall:.0} s wall, {:.2} GB on disk",
        "one bundle, streamed from a file",
        exact(objects) / used.max(0.01),
        exact(bytes) / 1e9,
        exact(disk(dir)) / 1e9
    );
    println!(
        "{:<52}{:>12.0} MB   {peak:.0} MB before it, {:.0} MB resident behind it",
        "most memory while it came in",
        status_mb("VmHWM"),
        status_mb("VmRSS")
    );
    Ok(())
}

fn disk(dir: &Path) -> u64 {
    ["noroshi.db", "noroshi.db-wal"]
        .iter()
        .filter_map(|name| std::fs::metadata(dir.join(name)).ok())
        .map(|meta| meta.len())
        .sum()
}

/// Resident memory of this process: `VmRSS` now, `VmHWM` at most so far.
fn status_mb(name: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

fn hub(runtime: &tokio::runtime::Runtime, house: &Arc<House>, degree: u64) -> Done<()> {
    let before = cpu();
    let reader = Text::new(spokes(0, degree));
    let done =
        runtime.block_on(act::import_from(house, &ctx(house), reader, terms())).map_err(failed)?;
    println!(
        "a hub of {:>9} edges{:>30.0} /CPU s",
        done.imported,
        exact(done.imported) / (cpu() - before).max(0.01)
    );
    let mut hub = (Vec::new(), 0.0);
    let mut leaf = (Vec::new(), 0.0);
    for time in 0..TIMES as u64 {
        let new = degree + 10 + time;
        add(runtime, house, &edge(new * 2, HUB), &mut hub)?;
        let end = format!("malware--00000000-0000-4000-8000-{:012x}", 0x1_0000_0000 + new);
        add(runtime, house, &edge(new * 2 + 1, &end), &mut leaf)?;
    }
    say_each("one more edge at the hub, durable", &mut hub.0);
    say_each("one more edge at a leaf, durable", &mut leaf.0);
    println!("{:<52}{:>12.2} x", "hub to leaf, CPU", hub.1 / leaf.1.max(0.01));
    Ok(())
}

/// A report that names very many things, through the import, and the first page of them.
fn container(runtime: &tokio::runtime::Runtime, house: &Arc<House>, members: u64) -> Done<()> {
    let before = (cpu(), Instant::now());
    let reader = Text::new(std::iter::once(report(members)));
    let done =
        runtime.block_on(act::import_from(house, &ctx(house), reader, terms())).map_err(failed)?;
    if done.imported != 1 {
        return Err(format!("the container did not come in: {:?}", done.quarantined).into());
    }
    println!(
        "{:<52}{:>12.2} s CPU   {:.2} s wall, of which its commit {:.2} s; {:.0} MB resident at most so far",
        format!("a container of {members} members"),
        cpu() - before.0,
        before.1.elapsed().as_secs_f64(),
        done.spent.writing.as_secs_f64(),
        status_mb("VmHWM")
    );
    let sees = Sees::WITHOUT_REPORTS;
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let started = Instant::now();
        let page = house.store.read_now(|reader| {
            relations::members(reader, sees, CONTAINER, "object_refs", None, 100)
        })?;
        times.push(started.elapsed());
        if page.relations.len() != 100 {
            return Err("the container has no page".into());
        }
    }
    say_each("first page of the container's members, 100", &mut times);
    let mut times = Vec::new();
    for _ in 0..10 {
        let started = Instant::now();
        let one = house
            .store
            .read_now(|reader| read::object(reader, sees, CONTAINER, record::TEXT_BYTES_MAX))?;
        times.push(started.elapsed());
        if one.is_none_or(|one| one.described.is_none() && one.text.is_empty()) {
            return Err("the container is not there".into());
        }
    }
    say_each("the container itself, described, without its list", &mut times);
    Ok(())
}

fn report(members: u64) -> String {
    let mut text = format!(
        r#"{{"type":"report","spec_version":"2.1","id":"{CONTAINER}",{TIMES_OF_ALL},"name":"Everything","description":"All of it.","published":"2026-03-01T08:00:00Z","object_refs":["#
    );
    for at in 0..members {
        let kind = match at % 10 {
            _ if at.is_multiple_of(10_000) => "malware",
            0..=3 => "indicator",
            4 | 5 => "ipv4-addr",
            6 => "domain-name",
            _ => "relationship",
        };
        let comma = if at == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ok = write!(text, r#"{comma}"{kind}--{}""#, uuid(at));
    }
    text.push_str("]}");
    text
}

fn add(
    runtime: &tokio::runtime::Runtime,
    house: &Arc<House>,
    text: &str,
    (times, used): &mut (Vec<Duration>, f64),
) -> Done<()> {
    let new = NewObject {
        object: StixObject::parse(text)?,
        tlp: Tlp::Green,
        class: LegalClass::CiaN,
        originator: "synthetic".to_owned(),
        source: "import:synthetic".to_owned(),
    };
    let who = ctx(house);
    let mut change = Change::new("evidence.import", "bench", rows::fact("import", [&new]));
    change.writes = rows::insert_objects(&[new], who.now);
    let (before, started) = (cpu(), Instant::now());
    runtime.block_on(house.door.commit(&who, change))?;
    times.push(started.elapsed());
    *used += cpu() - before;
    Ok(())
}

fn say_each(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
    println!(
        "{what:<52}{:>12.3} ms   median; 95 of 100 within {:.3} ms",
        at(50).as_secs_f64() * 1e3,
        at(95).as_secs_f64() * 1e3
    );
}

fn pages(house: &Arc<House>) -> Done<()> {
    let sees = Sees::WITHOUT_REPORTS;
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let started = Instant::now();
        let page = house.store.read_now(|reader| relations::page(reader, sees, HUB, None, 100))?;
        times.push(started.elapsed());
        if page.relations.len() != 100 {
            return Err("the hub has no page".into());
        }
    }
    say_each("first page of the hub's relations, 100 of them", &mut times);
    for (what, kind, q) in [
        ("first page of all objects, 100, counted", "", ""),
        ("first page of all indicators, 100, counted", "indicator", ""),
        ("first page of a search by value", "", "20.0.0.4"),
        ("first page of a search by a word in most", "", "synthetic"),
    ] {
        let mut times = Vec::new();
        let mut total = (0, false);
        for _ in 0..TIMES {
            let filter = Filter { q: q.to_owned(), kind: kind.to_owned(), hidden: false };
            let started = Instant::now();
            let page =
                house.store.read_now(|reader| read::list(reader, sees, &filter, None, 100))?;
            times.push(started.elapsed());
            total = (page.total, page.counted_all);
        }
        let more = if total.1 { "" } else { " and more" };
        say_each(&format!("{what} ({}{more})", total.0), &mut times);
    }
    println!("{:<52}{:>12.0} MB", "resident", status_mb("VmRSS"));
    Ok(())
}

/// CPU seconds of a page of 100 whole objects, as an answer to a client holds them.
fn page_cpu(house: &Arc<House>) -> Done<f64> {
    let before = cpu();
    let mut pages = 0.0;
    while cpu() - before < 0.5 {
        let texts = house.store.read_now(|reader| {
            let rows = read::after(reader, Sees::WITHOUT_REPORTS, 0, 100)?;
            let texts = rows.iter().map(|(_, object)| object.text().to_owned());
            Ok(texts.collect::<Vec<_>>().join(","))
        })?;
        if texts.is_empty() {
            return Err("there is no page".into());
        }
        pages += 1.0;
    }
    Ok((cpu() - before) / pages)
}

fn correlation(house: &Arc<House>) -> Done<()> {
    let scope = analyse::read::Scope::of(house, &ctx(house));
    let (before, started) = (cpu(), Instant::now());
    let found =
        house.store.read_now(|reader| analyse::read::correlated(reader, &house.names, scope))?;
    let (used, wall) = (cpu() - before, started.elapsed().as_secs_f64());
    let number = |sql: &str| house.store.read_now(|reader| reader.number(sql, &[]));
    let names = number("SELECT COUNT(*) FROM evidence_naming")?;
    println!(
        "correlation from scratch, {names:>9} names{used:>18.1} s CPU   {wall:.1} s wall, {} groups",
        found.groups.len()
    );
    let (before, started) = (cpu(), Instant::now());
    house.store.read_now(|reader| analyse::read::correlated(reader, &house.names, scope))?;
    println!(
        "{:<52}{:>12.2} s CPU   {:.2} s wall",
        "correlation once more, nothing new",
        cpu() - before,
        started.elapsed().as_secs_f64()
    );
    if let Some(group) = found.groups.first() {
        let mut times = Vec::new();
        for _ in 0..TIMES {
            let started = Instant::now();
            let one = house
                .store
                .read_now(|reader| analyse::read::group(reader, &house.names, scope, &group.key))?;
            times.push(started.elapsed());
            if one.is_none_or(|one| one.members.len() != group.members.len()) {
                return Err("a group alone is not the one among all".into());
            }
        }
        say_each("one group by its key", &mut times);
    }
    let bytes =
        house.store.read_now(|reader| Ok(house.names.current(reader)?.postings.size_bytes()))?;
    println!("{:<52}{:>12.1} MB", "postings of correlation, in memory", exact(bytes as u64) / 1e6);
    let data = number("SELECT SUM(LENGTH(bytes)) FROM evidence_object")?;
    let mb = |bytes: i64| exact(u64::try_from(bytes).unwrap_or(0)) / 1e6;
    let size = |table: &str| {
        let sql =
            format!("SELECT SUM(pgsize) FROM dbstat WHERE name = '{table}' AND aggregate = TRUE");
        house.store.read_now(|reader| reader.number(&sql, &[]))
    };
    println!("{:<52}{:>12.1} MB", "texts of the objects", mb(data));
    for table in ["evidence_posting", "evidence_naming", "evidence_slot", "evidence_edge"] {
        match size(table) {
            Ok(bytes) => println!("{table:<52}{:>12.1} MB", mb(bytes)),
            Err(problem) => println!("{table:<52} not measured: {problem}"),
        }
    }
    Ok(())
}

// ---- beside: what others need for the same --------------------------------------------------------------------------

const BESIDE: &str = r#"
import json, sys, time
objects = json.load(open(sys.argv[1]))["objects"]
import stix2
start = time.process_time()
for one in objects: stix2.parse(one, allow_custom=True)
print("stix2", len(objects) / (time.process_time() - start))
import medallion, os, base64, tempfile
from medallion import application_instance, register_blueprints, set_config
data = {"/discovery": {"title": "t", "default": "http://localhost/r/", "api_roots": ["http://localhost/r/"]},
 "r": {"information": {"title": "r", "versions": ["application/taxii+json;version=2.1"], "max_content_length": 9765625},
 "status": [], "collections": [{"id": "91a7b528-80eb-42ed-a74d-c6fbd5a26116", "title": "c", "can_read": True, "can_write": True,
 "media_types": ["application/stix+json;version=2.1"], "objects": [], "manifest": []}]}}
for at, one in enumerate(objects[:1000]):
    added = "2026-01-01T00:%02d:%02d.%06dZ" % (at // 60 % 60, at % 60, at)
    version = one.get("modified", added)
    one["_date_added"] = added
    data["r"]["collections"][0]["objects"].append(one)
    data["r"]["collections"][0]["manifest"].append({"id": one["id"], "date_added": added, "version": version,
        "media_type": "application/stix+json;version=2.1"})
path = tempfile.mktemp(); json.dump(data, open(path, "w"))
app = application_instance
set_config(app, "users", {"users": {"a": "b"}}); set_config(app, "taxii", {"taxii": {"max_page_size": 100}})
set_config(app, "backend", {"backend": {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend", "filename": path}})
register_blueprints(app)
head = {"Accept": "application/taxii+json;version=2.1", "Authorization": "Basic " + base64.b64encode(b"a:b").decode()}
start = time.process_time()
answer = app.test_client().get("/r/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/objects/?limit=100", headers=head)
used = time.process_time() - start
print("medallion", answer.status_code, used)
from stix2matcher.matcher import Pattern
given = json.load(open(sys.argv[2]))
patterns = [Pattern(text, "2.1") for text in given["patterns"]]
start = time.process_time()
matched = sum(bool(pattern.match([given["bundle"]])) for pattern in patterns)
print("matcher", time.process_time() - start, matched)
"#;

/// Observations, and patterns of which every second one is seen.
fn sightings() -> serde_json::Value {
    let mut objects = Vec::new();
    for at in 0..OBSERVED {
        let id = |kind: &str| format!("{kind}--00000000-0000-4000-8000-{at:012x}");
        let address = format!("198.18.{}.{}", at / 256, at % 256);
        objects.push(
            serde_json::json!({"type": "ipv4-addr", "id": id("ipv4-addr"), "value": address}),
        );
        objects.push(serde_json::json!({"type": "observed-data", "spec_version": "2.1", "id": id("observed-data"),
            "number_observed": 1, "first_observed": "2026-03-01T08:00:00Z", "last_observed": "2026-03-01T08:00:00Z",
            "object_refs": [id("ipv4-addr")]}));
    }
    let patterns: Vec<String> = (0..PATTERNS)
        .map(|at| {
            format!(
                "[ipv4-addr:value = '198.{}.1.{at}' OR domain-name:value = 'a.lantern.example']",
                18 + at % 2
            )
        })
        .collect();
    let id = "bundle--00000000-0000-4000-8000-000000000000";
    serde_json::json!({"patterns": patterns, "bundle": {"type": "bundle", "id": id, "objects": objects}})
}

/// CPU seconds of one run of all patterns on all observations, and how many matched.
fn matching(given: &serde_json::Value) -> Done<(f64, usize)> {
    let bundle = given.get("bundle").cloned().unwrap_or_default();
    let observations = Observations::read(bundle)?;
    let texts = given.get("patterns").and_then(serde_json::Value::as_array);
    let texts: Vec<&str> = texts.into_iter().flatten().filter_map(|text| text.as_str()).collect();
    let (before, mut runs, mut matched) = (cpu(), 0.0, 0);
    while cpu() - before < 0.5 {
        let mut set = PatternSet::default();
        for text in &texts {
            set.add(text)?;
        }
        matched = 0;
        for outcome in set.run(&observations) {
            matched += usize::from(outcome?.is_some());
        }
        runs += 1.0;
    }
    Ok(((cpu() - before) / runs, matched))
}

fn beside(python: &Path, dir: &Path, page: f64) -> Done<()> {
    let objects = 2_000;
    let mut text = String::new();
    Made::new(0, objects).read_to_string(&mut text)?;
    let path = dir.join("beside.json");
    std::fs::write(&path, &text)?;
    let before = cpu();
    let mut read = 0;
    while cpu() - before < 0.5 {
        read += noroshi_codec::stix::decode_bundle(text.as_bytes()).objects.len() as u64;
    }
    let own = exact(read) / (cpu() - before);
    println!("{:<52}{own:>12.0} /CPU s", "parse and digest, one bundle of 2,000");
    let given = sightings();
    let given_path = dir.join("beside-patterns.json");
    std::fs::write(&given_path, given.to_string())?;
    let (match_seconds, matched) = matching(&given)?;
    println!("{:<52}{:>12.3} ms CPU", "a page of 100 whole objects", page * 1e3);
    println!(
        "{:<52}{:>12.3} ms CPU",
        format!("{PATTERNS} patterns on {OBSERVED} observations"),
        match_seconds * 1e3
    );
    let output = std::process::Command::new(python)
        .arg("-c")
        .arg(BESIDE)
        .arg(&path)
        .arg(&given_path)
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in said.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["stix2", rate] => {
                let rate: f64 = rate.parse()?;
                println!("{:<52}{rate:>12.0} /CPU s   we: {:.0} x", "stix2, parse", own / rate);
            }
            ["medallion", status, used] => {
                let seconds: f64 = used.parse()?;
                println!(
                    "{:<52}{seconds:>12.4} s CPU   status {status}, we: {:.0} x",
                    "medallion, page of 100 from 1,000",
                    seconds / page
                );
            }
            ["matcher", used, theirs] => {
                let seconds: f64 = used.parse()?;
                if theirs.parse() != Ok(matched) {
                    return Err(format!("stix2-matcher sees {theirs} of them, we {matched}").into());
                }
                println!(
                    "{:<52}{seconds:>12.4} s CPU   we: {:.0} x",
                    "stix2-matcher, the same",
                    seconds / match_seconds
                );
            }
            _ => {}
        }
    }
    if !output.status.success() {
        println!(
            "the interpreter said: {}",
            String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default()
        );
    }
    Ok(())
}

// ---- synthetic objects -----------------------------------------------------------------------------------------------

/// Number `at` scattered over 64 bits (splitmix64), the same each time.
const fn scattered(at: u64) -> u64 {
    let mut mixed = at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn uuid(at: u64) -> String {
    let (high, low) = (scattered(at), scattered(at ^ 0xffff_0000_0000_0000));
    let number = (u128::from(high) << 64) | u128::from(low);
    let hex = format!("{number:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

const TIMES_OF_ALL: &str =
    r#""created":"2026-03-01T08:00:00.000Z","modified":"2026-03-01T08:00:00.000Z""#;

/// Of ten objects four are indicators, three observables, two relationships between them and one a relationship to one
/// of a thousand pieces of malware; every thousandth is such a malware.
fn object(at: u64, text: &mut String) {
    let base = at / 10 * 10;
    let indicator = |place: u64| format!("indicator--{}", uuid(base + place));
    let malware = |place: u64| format!("malware--{}", uuid(place / 10_000 * 10_000 % 10_000_000));
    let relationship = |kind: &str, from: &str, to: &str| {
        format!(
            r#"{{"type":"relationship","spec_version":"2.1","id":"relationship--{}",{TIMES_OF_ALL},"relationship_type":"{kind}","source_ref":"{from}","target_ref":"{to}"}}"#,
            uuid(at)
        )
    };
    let value = scattered(at.wrapping_add(77));
    // One address in a thousand objects is named twice.
    let seen = if at % 1_000 == 4 { base } else { at };
    let address =
        format!("2{}.{}.{}.{}", seen >> 24 & 7, seen >> 16 & 255, seen >> 8 & 255, seen & 255);
    // Writing to a string cannot fail.
    let _ok = match at % 10 {
        _ if at.is_multiple_of(10_000) => write!(
            text,
            r#"{{"type":"malware","spec_version":"2.1","id":"{}",{TIMES_OF_ALL},"name":"Synthetic loader {at}","is_family":true,"description":"A synthetic loader that only exists to be counted."}}"#,
            malware(at)
        ),
        0..=3 => {
            let pattern = match at % 4 {
                0 => format!("[ipv4-addr:value = '{address}']"),
                1 => format!("[domain-name:value = 'h{:x}.lantern.example']", value >> 20),
                2 => format!("[url:value = 'http://h{:x}.example/x{at}']", value >> 24),
                _ => format!(
                    "[file:hashes.'SHA-256' = '{value:016x}{:016x}{value:016x}{at:016x}']",
                    scattered(value)
                ),
            };
            write!(
                text,
                r#"{{"type":"indicator","spec_version":"2.1","id":"{}",{TIMES_OF_ALL},"name":"Synthetic indicator {at}","description":"Seen by nobody.","indicator_types":["malicious-activity"],"pattern":"{pattern}","pattern_type":"stix","valid_from":"2026-03-01T08:00:00Z","confidence":{}}}"#,
                indicator(at % 10),
                value % 100
            )
        }
        4 | 5 => write!(
            text,
            r#"{{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--{}","value":"{address}"}}"#,
            uuid(at)
        ),
        6 => write!(
            text,
            r#"{{"type":"domain-name","spec_version":"2.1","id":"domain-name--{}","value":"h{:x}.kiln.example"}}"#,
            uuid(at),
            value >> 20
        ),
        7 => text.write_str(&relationship(
            "based-on",
            &indicator(1),
            &format!("ipv4-addr--{}", uuid(base + 4)),
        )),
        8 => text.write_str(&relationship(
            "based-on",
            &indicator(2),
            &format!("domain-name--{}", uuid(base + 6)),
        )),
        _ => text.write_str(&relationship("indicates", &indicator(3), &malware(at))),
    };
}

fn edge(at: u64, end: &str) -> String {
    format!(
        r#"{{"type":"relationship","spec_version":"2.1","id":"relationship--{}",{TIMES_OF_ALL},"relationship_type":"indicates","source_ref":"indicator--{}","target_ref":"{end}"}}"#,
        uuid(at ^ 0x00ff_0000_0000_0000),
        uuid(at % 100_000 / 10 * 10 + 3)
    )
}

fn spokes(from: u64, to: u64) -> impl Iterator<Item = String> + Send {
    let hub = format!(
        r#"{{"type":"malware","spec_version":"2.1","id":"{HUB}",{TIMES_OF_ALL},"name":"Hub","is_family":true}}"#
    );
    std::iter::once(hub).chain((from..to).map(|at| edge(at * 2, HUB)))
}

/// A bundle that is made while it is read.
struct Text<I> {
    objects: I,
    ready: Vec<u8>,
    at: usize,
    state: u8,
}

impl<I: Iterator<Item = String>> Text<I> {
    fn new(objects: I) -> Self {
        let ready =
            br#"{"type":"bundle","id":"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d","objects":["#
                .to_vec();
        Self { objects, ready, at: 0, state: 0 }
    }

    fn fill(&mut self) {
        self.ready.clear();
        self.at = 0;
        while self.state < 2 && self.ready.len() < 64 * 1024 {
            match self.objects.next() {
                Some(text) => {
                    if self.state == 1 {
                        self.ready.push(b',');
                    }
                    self.state = 1;
                    self.ready.extend_from_slice(text.as_bytes());
                }
                None => {
                    self.state = 2;
                    self.ready.extend_from_slice(b"]}");
                }
            }
        }
    }
}

impl<I: Iterator<Item = String>> Read for Text<I> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.at >= self.ready.len() {
            self.fill();
        }
        let mut rest = self.ready.get(self.at..).unwrap_or_default();
        let read = rest.read(into)?;
        self.at += read;
        Ok(read)
    }
}

/// The synthetic objects of a range as a bundle.
struct Made(Text<Box<dyn Iterator<Item = String> + Send>>);

impl Made {
    fn new(from: u64, to: u64) -> Self {
        let objects = (from..to).map(|at| {
            let mut text = String::with_capacity(600);
            object(at, &mut text);
            text
        });
        Self(Text::new(Box::new(objects)))
    }
}

impl Read for Made {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(into)
    }
}
