//! `noroshi taxii`: read from and hand to a TAXII 2.1 server from the command line.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use noroshi_codec::stix;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use serde_json::json;

use super::client::{Access, Connection, Detail, Page, Status, Trouble};
use super::cursor::{Cursor, Step};
use crate::cli::{Ended, Failed, Format, print, tell};
use crate::evidence::cli::Target;

/// Objects handed over in one request.
const BATCH_OBJECTS: usize = 500;
/// Bytes handed over in one request; one larger object goes alone.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// How often a server is asked what became of a batch, and how long between.
const STATUS_TRIES: u32 = 600;
const STATUS_WAIT: Duration = Duration::from_millis(500);
/// How often a request that failed is made again, and the first wait; each next one is twice as long.
const TRIES: u32 = 5;
const TRY_WAIT: Duration = Duration::from_secs(1);

/// Verbs.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Read a collection to its end. To standard output as one bundle, or with --data into a data folder.
    Pull(Pull),
    /// Hand bundles to a collection, and say what became of each object.
    Push(Push),
}

/// How to reach the server.
#[derive(Debug, clap::Args)]
struct Server {
    /// Address of the collection; or of the discovery or an API root, with --collection.
    #[arg(value_name = "URL")]
    url: String,
    /// Identifier, alias or title of the collection.
    #[arg(long)]
    collection: Option<String>,
    /// User name for Basic; without it the secret is sent as a bearer token.
    #[arg(long)]
    user: Option<String>,
    /// File with the password or the bearer token.
    #[arg(long, alias = "password-file", alias = "token-file", value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// File with the certificates (PEM) that vouch for the server.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// File with your certificate (PEM), for mutual TLS.
    #[arg(long, value_name = "FILE", requires = "key_file")]
    certificate_file: Option<PathBuf>,
    /// File with its private key (PEM).
    #[arg(long, value_name = "FILE", requires = "certificate_file")]
    key_file: Option<PathBuf>,
}

/// `noroshi taxii pull`.
#[derive(Debug, clap::Args)]
pub struct Pull {
    #[command(flatten)]
    server: Server,
    /// Only what was added after this instant (RFC 3339).
    #[arg(long, value_name = "TIME")]
    added_after: Option<String>,
    /// Only these types.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Objects asked for at once; a server may give fewer.
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Bring what comes into this data folder instead of printing it.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Keep the place in this file: the next call goes on where this one ended, also when it was interrupted.
    #[arg(long, value_name = "FILE", requires = "data")]
    state: Option<PathBuf>,
    /// With --data, least marking of what comes in: clear, green, amber, amber-strict, red.
    #[arg(long, value_parser = crate::evidence::cli::read_tlp, requires = "data")]
    tlp: Option<Tlp>,
    /// With --data, legal class: CIA-P, CIA-PM, CIA-N.
    #[arg(long, value_parser = crate::evidence::cli::read_class, default_value = "CIA-N")]
    class: LegalClass,
    /// With --data, whose objects they are; the server's address when absent.
    #[arg(long, requires = "data")]
    originator: Option<String>,
}

/// `noroshi taxii push`.
#[derive(Debug, clap::Args)]
pub struct Push {
    #[command(flatten)]
    server: Server,
    /// Bundles; `-` for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Server {
    fn open(&self) -> Result<(Connection, String), Failed> {
        let access = Access {
            user: self.user.clone(),
            secret_file: self.secret_file.clone(),
            ca_file: self.ca_file.clone(),
            certificate_file: self.certificate_file.clone(),
            key_file: self.key_file.clone(),
        };
        let connection = Connection::open(&access).map_err(failed)?;
        let wanted = self.collection.as_deref();
        let url = patiently(|| connection.collection(&self.url, wanted)).map_err(failed)?;
        Ok((connection, url))
    }
}

fn failed(trouble: Trouble) -> Failed {
    let code = trouble.code();
    let message = trouble.to_string();
    match trouble {
        Trouble::File { .. } => Failed::Usage { code, message },
        _ => Failed::Found { code, message },
    }
}

/// Tries again what another attempt may help: no answer, a busy or broken server.
fn patiently<T>(mut attempt: impl FnMut() -> Result<T, Trouble>) -> Result<T, Trouble> {
    let mut wait = TRY_WAIT;
    for _ in 1..TRIES {
        match attempt() {
            Err(
                trouble @ (Trouble::Unreachable(_)
                | Trouble::Status { status: 429 | 500..=599, .. }),
            ) => {
                let asked = trouble.retry_seconds().map(Duration::from_secs);
                tell(&format!("noroshi: {trouble}; trying again"));
                std::thread::sleep(asked.unwrap_or(wait).min(Duration::from_secs(60)));
                wait *= 2;
            }
            answered => return answered,
        }
    }
    attempt()
}

/// Runs a verb.
pub async fn run(verb: Verb, format: Format) -> Ended {
    match verb {
        Verb::Pull(pull) => match &pull.data {
            Some(data) => {
                let target = Target::open(data).await?;
                bring_in(&pull, &target, format).await
            }
            None => print_all(&pull),
        },
        Verb::Push(push) => hand_over(&push, format),
    }
}

impl Pull {
    fn begin(&self) -> Result<Cursor, Failed> {
        if let Some(path) = &self.state {
            match std::fs::read_to_string(path) {
                Ok(text) => {
                    return serde_json::from_str(&text).map_err(|problem| Failed::Usage {
                        code: "NRS-SHAR-0406",
                        message: format!("`{}` holds no place: {problem}", path.display()),
                    });
                }
                Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => {
                    return Err(Failed::Io { what: path.display().to_string(), source });
                }
            }
        }
        Ok(Cursor::from(self.added_after.as_deref()))
    }

    fn keep(&self, cursor: &Cursor) -> Result<(), Failed> {
        let Some(path) = &self.state else { return Ok(()) };
        let io = |source| Failed::Io { what: path.display().to_string(), source };
        let text =
            serde_json::to_string(cursor).map_err(|problem| Failed::House(Box::new(problem)))?;
        let beside = path.with_extension("new");
        std::fs::write(&beside, text).map_err(io)?;
        std::fs::rename(&beside, path).map_err(io)
    }
}

/// One page, going on from dates when the server has forgotten its `next`.
fn page(
    pull: &Pull,
    connection: &Connection,
    url: &str,
    cursor: &mut Cursor,
) -> Result<Page, Failed> {
    loop {
        let mut ask = cursor.ask();
        ask.limit = pull.limit.map_or(ask.limit, |limit| limit.max(1));
        match patiently(|| connection.page(url, &ask, &pull.types)) {
            Err(trouble) if trouble.refuses_the_question() && cursor.next_refused() => {}
            answered => return answered.map_err(failed),
        }
    }
}

fn onward(cursor: &mut Cursor, page: &Page) -> Result<Step, Failed> {
    let stuck = |problem: super::cursor::Stuck| Failed::Found {
        code: "NRS-SHAR-0419",
        message: problem.to_string(),
    };
    cursor.took(&page.seen).map_err(stuck)
}

/// Prints everything as one bundle; a page that overlaps the one before gives no object twice.
fn print_all(pull: &Pull) -> Ended {
    let (connection, url) = pull.server.open()?;
    let mut cursor = pull.begin()?;
    let mut seen = std::collections::BTreeSet::new();
    let mut objects: Vec<StixObject> = Vec::new();
    let mut problems = 0_usize;
    loop {
        let page = page(pull, &connection, &url, &mut cursor)?;
        let decoded = stix::decode_bundle(page.bundle.as_bytes());
        for problem in &decoded.problems {
            let id = problem.id.as_deref().unwrap_or("an object");
            tell(&format!("{id} left out: {}: {}", problem.reason.code(), problem.reason));
        }
        problems += decoded.problems.len();
        for object in decoded.objects {
            if seen.insert((object.id().clone(), object.digest())) {
                objects.push(object);
            }
        }
        if onward(&mut cursor, &page)? == Step::End {
            break;
        }
    }
    let id = noroshi_evidence::id::StixId::new("bundle", crate::office::id::random_uuid())
        .map_err(|problem| Failed::House(Box::new(problem)))?;
    let text =
        stix::encode_bundle(&id, &objects).map_err(|problem| Failed::House(Box::new(problem)))?;
    print(text.trim_end());
    tell(&format!("{} objects, {problems} left out", objects.len()));
    Ok(if problems == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

async fn bring_in(pull: &Pull, target: &Target, format: Format) -> Ended {
    let (connection, url) = pull.server.open()?;
    let originator = pull.originator.clone().unwrap_or_else(|| pull.server.url.clone());
    let mut cursor = pull.begin()?;
    let (mut taken, mut known, mut aside) = (0, 0, 0);
    loop {
        let page = page(pull, &connection, &url, &mut cursor)?;
        let done = target
            .import(page.bundle.clone().into(), pull.tlp, pull.class, originator.clone())
            .await?;
        taken += done.imported;
        known += done.unchanged;
        aside += done.conflicts.len() + done.quarantined.len();
        let step = onward(&mut cursor, &page)?;
        // Kept only after what came is durable: an interruption repeats a page and loses none.
        pull.keep(&cursor)?;
        if step == Step::End {
            break;
        }
    }
    match format {
        Format::Json => {
            print(&json!({ "imported": taken, "unchanged": known, "aside": aside }).to_string());
        }
        Format::Human | Format::Plain => {
            print(&format!("{taken} imported, {known} unchanged, {aside} put aside"));
        }
    }
    Ok(if aside == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn read(file: &Path) -> Result<Vec<u8>, Failed> {
    let mut bytes = Vec::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
    } else {
        std::fs::read(file).map(|read| bytes = read)
    };
    read.map(|()| bytes).map_err(|source| Failed::Io { what: file.display().to_string(), source })
}

/// Lists of objects as text, none larger than a batch may be.
pub fn batches<'a>(objects: impl IntoIterator<Item = &'a StixObject>) -> Vec<String> {
    let mut batches = Vec::new();
    let (mut text, mut count) = (String::new(), 0);
    for object in objects {
        if count > 0 && (count >= BATCH_OBJECTS || text.len() + object.text().len() > BATCH_BYTES) {
            batches.push(format!("[{text}]"));
            (text, count) = (String::new(), 0);
        }
        if count > 0 {
            text.push(',');
        }
        text.push_str(object.text());
        count += 1;
    }
    if count > 0 {
        batches.push(format!("[{text}]"));
    }
    batches
}

/// Waits until the server has looked at every object.
fn settled(connection: &Connection, url: &str, mut status: Status) -> Result<Status, Trouble> {
    for _ in 0..STATUS_TRIES {
        if status.status != "pending" {
            break;
        }
        std::thread::sleep(STATUS_WAIT);
        status = patiently(|| connection.status(url, &status.id))?;
    }
    Ok(status)
}

fn hand_over(push: &Push, format: Format) -> Ended {
    let (connection, url) = push.server.open()?;
    let (mut taken, mut left_out) = (0, 0);
    let mut failures: Vec<Detail> = Vec::new();
    for file in &push.files {
        let decoded = stix::decode_bundle(&read(file)?);
        for problem in &decoded.problems {
            let id = problem.id.as_deref().unwrap_or("an object");
            tell(&format!(
                "{}: {id} left out: {}: {}",
                file.display(),
                problem.reason.code(),
                problem.reason
            ));
        }
        left_out += decoded.problems.len();
        for batch in batches(&decoded.objects) {
            let status = patiently(|| connection.add(&url, &batch)).map_err(failed)?;
            let status = settled(&connection, &url, status).map_err(failed)?;
            taken += status.success_count;
            failures.extend(status.failures);
            left_out += usize::try_from(status.pending_count).unwrap_or(usize::MAX);
        }
    }
    for one in &failures {
        tell(&format!("{} {} not taken: {}", one.id, one.version, one.message));
    }
    let failed = failures.len();
    match format {
        Format::Json => {
            print(&json!({ "taken": taken, "not_taken": failed, "left_out": left_out }).to_string())
        }
        Format::Human | Format::Plain => {
            print(&format!("{taken} taken, {failed} not taken, {left_out} left out"));
        }
    }
    Ok(if failed == 0 && left_out == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
