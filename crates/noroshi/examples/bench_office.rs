//! Durable commits a second through the one door, beside what the machine itself can do.
//!
//! Prints four kinds of figures from one run on one disk: the machine's `fdatasync` rate, SQLite with one row a
//! transaction and one caller (the usual way), and this office with 1, 16 and 256 concurrent callers. Each commit of
//! the office is a row, an audit entry, a leaf of the log and an outbox row.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use noroshi::config::Config;
use noroshi::house::House;
use noroshi::office::commit::{Change, Job, Write};
use noroshi::office::ctx::{Ctx, Via};
use noroshi::office::id::{OrgId, PersonId};
use noroshi::office::store::Value;
use noroshi_charter::hat::Hat;

const RUN: Duration = Duration::from_secs(4);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Beside the build output rather than in a memory file system, where a sync costs nothing.
    let place = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let dir = tempfile::Builder::new().prefix("bench-office-").tempdir_in(place)?;
    let sync = fdatasync_rate(&dir.path().join("sync"))?;
    println!("{:<44}{sync:>12.0} /s", "fdatasync of 4 KiB, one caller");
    let baseline = one_row_rate(&dir.path().join("baseline.db"))?;
    println!("{:<44}{baseline:>12.0} /s", "SQLite, one row a transaction, one caller");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for callers in [1, 16, 256] {
        let folder = dir.path().join(format!("office-{callers}"));
        let rate = runtime.block_on(office_rate(&folder, callers))?;
        let label = format!("office, four rows a commit, {callers} callers");
        println!(
            "{label:<44}{rate:>12.0} /s   {:.1} x baseline, {:.1} x fdatasync",
            rate / baseline,
            rate / sync
        );
    }
    Ok(())
}

fn fdatasync_rate(path: &Path) -> std::io::Result<f64> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let (start, mut count) = (Instant::now(), 0u32);
    while start.elapsed() < RUN {
        file.write_all(&[0u8; 4096])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

fn one_row_rate(path: &Path) -> rusqlite::Result<f64> {
    let connection = rusqlite::Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute_batch("CREATE TABLE filing (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")?;
    let mut insert = connection.prepare("INSERT INTO filing (body) VALUES (?1)")?;
    let (start, mut count) = (Instant::now(), 0u32);
    while start.elapsed() < RUN {
        insert.execute(["a filing of about forty characters length"])?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

async fn office_rate(folder: &Path, callers: usize) -> Result<f64, Box<dyn std::error::Error>> {
    let house = House::open(folder, Config::default(), false)?;
    let done = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut tasks = Vec::new();
    for caller in 0..callers {
        let (house, done) = (Arc::clone(&house), Arc::clone(&done));
        tasks.push(tokio::spawn(async move {
            let mut round = 0u64;
            while start.elapsed() < RUN {
                let ctx = ctx(&house);
                let made = house.door.commit(&ctx, change(caller, round, &ctx)).await;
                if made.is_err() {
                    return;
                }
                done.fetch_add(1, Ordering::Relaxed);
                round += 1;
            }
        }));
    }
    for task in tasks {
        task.await?;
    }
    let count = u32::try_from(done.load(Ordering::Relaxed))?;
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

fn ctx(house: &House) -> Ctx {
    let now = house.clock.now();
    Ctx {
        person: PersonId::fresh(now),
        org: OrgId::fresh(now),
        hat: Hat::OperatorOfficer,
        sector: None,
        via: Via::Token,
        now,
        request: String::new(),
    }
}

fn change(caller: usize, round: u64, ctx: &Ctx) -> Change {
    let subject = format!("filing-{caller}-{round}");
    let row = Write::one(
        "INSERT INTO office_setup (digest, created_at) VALUES ($1, $2)",
        vec![Value::from(&subject), Value::from(ctx.now)],
    );
    let job = Job {
        kind: "bench.none",
        subject: subject.clone(),
        payload: serde_json::json!({ "round": round }),
        due_at: ctx.now,
    };
    Change::office("bench.file", subject)
        .payload(serde_json::json!({ "outline": "a filing of about forty characters length" }))
        .write(row)
        .job(job)
}
