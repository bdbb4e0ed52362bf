//! `noroshi sift follow`: a sensor's service. Looks through what is written into files while they grow, and closes a
//! certificate at every interval.
//!
//! Exactly once: the state of what has been read lies under the number of its certificate, and is written before it.
//! The certificate is the last thing written; while it does not lie there, nothing of its interval counts, and the
//! interval is read again from the state of the certificate before. What cannot be written is not let go: reading
//! pauses, says so, and tries again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use noroshi_sift::digest::Digest;
use noroshi_sift::engine::{Engine, Finish, Outcome, Read, Settings};
use noroshi_sift::export::{Collector, DATAGRAM_BYTES_MAX};
use noroshi_sift::follow::{Entry, Follower, Headers, Identity, Step, What};
use noroshi_sift::mode::{Mode, SensorId};
use noroshi_sift::reading::Reading;
use noroshi_sift::sealed::Sealed;

use super::cli::{
    Place, finish_failed, io, link_after, may_begin, name, own_networks, program_digest, read_mode,
    signed, usage, write,
};
use super::folder;
use super::ground::{self, Ground};
use super::inputs::{Inputs, read_file};
use super::listing::{Found, Listing, Look, Shown, identity_of, look_at, read_head};
use super::looking::{Loaded, Looking};
use super::metrics::Metrics;
use super::noted::Noted;
use super::progress::Taken;
use super::purge::{self, Kept};
use crate::cli::{Ended, Failed, Format, tell};
use crate::office::clock::Clock;
use crate::office::id::fill_random;

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How long is waited before what could not be written is tried again.
const PAUSE: Duration = Duration::from_secs(2);
/// How much of one file is read before the clock and the signals are looked at again, in bytes.
const PIECE_BYTES: u64 = 8 << 20;
/// How many entries of a folder are looked at.
const ENTRIES_MAX: usize = 65_536;
/// How many datagrams wait to be read; when they are full, the network's own queue fills, and what that loses the
/// numbers of the exports state.
const DATAGRAMS_WAITING_MAX: usize = 4_096;
/// How many bytes of datagrams are held until their certificate is written; then the interval is closed early.
const DATAGRAMS_HELD_BYTES_MAX: usize = 32 << 20;
/// How often it is looked whether the retention of something is over.
const PURGE_EVERY: Duration = Duration::from_secs(3_600);
/// How far the clock may come to differ from the time that has passed since the service began.
const CLOCK_DIFFERS_MAX: SignedDuration = SignedDuration::from_mins(10);
/// How many files are held open to be read on.
const OPEN_MAX: usize = 512;
/// How many files that have been read to their end stay open until it is certified, so that they can be read again.
const RELEASED_MAX: usize = 256;
/// How much of one file is read before the others have their turn, in bytes.
const TURN_BYTES: u64 = 64 << 20;
/// How long nothing may have been written to a file that is gone from where it was, before it is let go.
const AWAY_REST: Duration = Duration::from_secs(60);
/// How many names that cannot be read are remembered, so that each is said once.
const UNREADABLE_MAX: usize = 1_024;

/// `noroshi sift follow`.
#[derive(Debug, clap::Args)]
pub struct Follow {
    /// The legal ground: own-network, or a statutory mode under a mandate.
    #[arg(long, value_parser = read_mode)]
    mode: Mode,
    #[command(flatten)]
    ground: Ground,
    /// Read again at every interval.
    #[command(flatten)]
    looking: Looking,
    /// For how many days what is kept is retained.
    #[arg(long, value_name = "N")]
    retention_days: u32,
    /// Where records, certificates, sightings and the state of reading are written.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The name of the sensor; as it was enrolled, or `sensor`, where nothing is said.
    #[arg(long, value_name = "NAME")]
    sensor: Option<String>,
    /// A network of one's own, as a prefix; repeat it for each. Who names none says that all of the telemetry is of
    /// one's own.
    #[arg(long = "own-network", value_name = "PREFIX")]
    own_networks: Vec<IpNet>,
    /// After how many seconds a certificate is closed, also over nothing.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
    /// Read what is there, close one certificate and end.
    #[arg(long)]
    once: bool,
    /// Keep counters in this file, in the text format of Prometheus, for the node exporter or a script to read.
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// Receive NetFlow 5 and 9 and IPFIX on this address, as `192.0.2.1:2055`.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// An exporter that is listened to, as an address or a prefix; repeat it for each. Whoever can reach the address is,
    /// where none is named.
    #[arg(long = "exporter", value_name = "PREFIX", requires = "listen", value_parser = exporter)]
    exporters: Vec<IpNet>,
    #[command(flatten)]
    inputs: Inputs,
    /// Files, folders, or patterns with `*` and `?` in the last part of a path.
    #[arg(required_unless_present = "listen", value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Runs until it is told to end.
pub fn run(asked: &Follow, format: Format) -> Ended {
    may_begin(asked.mode, &asked.ground)?;
    let reading = asked.inputs.reading()?;
    let place = Place::open(&asked.out)?;
    // Held until the end of the program.
    let _lock = folder::lock(&place.dir)?;
    let sequence = place.last()?.map(|entry| entry.sequence());
    let follower = recover(&place, sequence)?;
    // Before anything is received: a long chain takes its time.
    let mut kept = Kept::default();
    kept.read_on(&place.dir)?;
    let (stop, stopped) = sync_channel(1);
    watch_signals(stop)?;
    let others = Arc::new(AtomicU64::new(0));
    let datagrams = asked.listen.map(|at| listen(at, asked.exporters.clone(), Arc::clone(&others)));
    let datagrams = datagrams.transpose()?;
    let enrolment = folder::enrolment(&place.dir)?;
    let mut service = Service {
        asked,
        sensor: name(asked.sensor.as_deref(), enrolment.as_ref())?,
        reading,
        place,
        program: program_digest()?,
        follower,
        collector: Collector::default(),
        headers: Headers::default(),
        open: BTreeMap::new(),
        released: BTreeMap::new(),
        away: BTreeMap::new(),
        listing: Listing::default(),
        turn: None,
        due: None,
        unreadable: BTreeMap::new(),
        noted: Noted::default(),
        held: Vec::new(),
        stopped,
        datagrams,
        others,
        is_partial: false,
        stopping: false,
        begun: (Clock.now(), Instant::now()),
        purged: None,
        kept,
        metrics: Metrics::default(),
        loaded: Loaded::default(),
    };
    service.serve(format)
}

fn state_path(place: &Place, sequence: u64) -> PathBuf {
    place.dir.join("follow").join(format!("{sequence}.json"))
}

/// Removes what no certificate covers, and takes up the state of the last one that has one.
fn recover(place: &Place, sequence: Option<u64>) -> Result<Follower, Failed> {
    let folder = place.dir.join("follow");
    std::fs::create_dir_all(&folder).map_err(io(&folder))?;
    let next = sequence.map_or(0, |sequence| sequence + 1);
    // What was being written then is overwritten; what was written to its end would look like more.
    folder::remove_uncertified(&place.dir, next)?;
    let mut latest = None;
    for entry in std::fs::read_dir(&folder).map_err(io(&folder))? {
        let name = entry.map_err(io(&folder))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".json")?.parse::<u64>().ok());
        latest = latest.max(number.filter(|number| *number < next));
    }
    let not_a_state = |path: &Path| {
        let words = format!(
            "`{}` is not a state of reading; bring it back or remove it to read all anew",
            path.display()
        );
        usage("NRS-SIFT-0097", words)
    };
    let follower = match latest.map(|latest| state_path(place, latest)) {
        None => Follower::default(),
        Some(path) => {
            let bytes = std::fs::read(&path).map_err(io(&path))?;
            serde_json::from_slice(&bytes).map_err(|_| not_a_state(&path))?
        }
    };
    let path = folder.join("key");
    let key = match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().parse::<Digest>().map_err(|_| not_a_state(&path))?,
        // Without its key the state recognises no file, and all would be read a second time.
        Err(problem) if problem.kind() == io::ErrorKind::NotFound && follower.needs_key() => {
            let words = format!(
                "`{}` is not there, without which the state of reading recognises no file; bring it back, or remove the \
                 folder `{}` to read all anew",
                path.display(),
                folder.display()
            );
            return Err(usage("NRS-SIFT-0097", words));
        }
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; 32];
            fill_random(&mut key);
            folder::write_secret(&path, &Digest(key).to_string())?;
            Digest(key)
        }
        Err(problem) => return Err(io(&path)(problem)),
    };
    Ok(follower.keyed(key.0))
}

/// Sends once when the machine or a person asks the program to end.
fn watch_signals(stop: SyncSender<()>) -> Result<(), Failed> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |source| Failed::Io { what: "signals".to_owned(), source };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (mut end, mut interrupt) = {
        let _inside = runtime.enter();
        let end = signal(SignalKind::terminate()).map_err(failed)?;
        (end, signal(SignalKind::interrupt()).map_err(failed)?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! { _ = end.recv() => {}, _ = interrupt.recv() => {} }
        });
        // Nobody listens any more only when the program ends anyhow.
        stop.send(()).ok();
    });
    Ok(())
}

/// A datagram and who sent it. It holds flows, no content, and is not written anywhere.
struct Datagram {
    exporter: SocketAddr,
    bytes: Vec<u8>,
}

/// An address, or a prefix.
fn exporter(text: &str) -> Result<IpNet, String> {
    let net = text.parse::<IpNet>().ok();
    let net = net.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    net.ok_or_else(|| "not an address or a prefix like 192.0.2.0/24".to_owned())
}

/// Whether somebody is listened to. Where addresses of both kinds are received on one socket, IPv4 is written within IPv6.
fn is_exporter(exporters: &[IpNet], from: IpAddr) -> bool {
    let from = from.to_canonical();
    exporters.is_empty() || exporters.iter().any(|net| net.contains(&from))
}

/// Receives datagrams; those of senders that are none of `exporters` are counted in `others` and let go.
fn listen(
    address: SocketAddr,
    exporters: Vec<IpNet>,
    others: Arc<AtomicU64>,
) -> Result<Receiver<Datagram>, Failed> {
    let socket = UdpSocket::bind(address)
        .map_err(|source| Failed::Io { what: address.to_string(), source })?;
    let bound = socket.local_addr().map_or(address, |bound| bound);
    tell(&format!("receiving exports on {bound}"));
    let (sender, receiver) = sync_channel(DATAGRAMS_WAITING_MAX);
    std::thread::spawn(move || {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
            if !is_exporter(&exporters, from.ip()) {
                others.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let bytes = buffer.get(..length).unwrap_or_default().to_vec();
            if sender.send(Datagram { exporter: from, bytes }).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

/// Which files of which folder.
struct Pattern {
    folder: PathBuf,
    /// `None`: all of them.
    name: Option<String>,
}

impl Pattern {
    fn of(path: &Path) -> Self {
        if path.is_dir() {
            return Self { folder: path.to_owned(), name: None };
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Self {
            folder: folder.unwrap_or(Path::new(".")).to_owned(),
            name: path.file_name().map(|name| name.to_string_lossy().into_owned()),
        }
    }

    fn wants(&self, name: &str) -> bool {
        self.name.as_ref().is_none_or(|pattern| matches(pattern.as_bytes(), name.as_bytes()))
    }
}

/// `*` is anything, `?` one byte.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    // One star is remembered at a time, so that no pattern takes long.
    let (mut at, mut here, mut star) = (0, 0, None);
    while here < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, here));
                at += 1;
            }
            Some(byte) if *byte == b'?' || name.get(here) == Some(byte) => {
                at += 1;
                here += 1;
            }
            _ => {
                let Some((back, from)) = star else { return false };
                star = Some((back, from + 1));
                (at, here) = (back + 1, from + 1);
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

/// A file that is gone from where it was and still held open: how long it is, and since when.
struct Away {
    bytes: u64,
    since: Instant,
}

struct Service<'a> {
    asked: &'a Follow,
    sensor: SensorId,
    reading: Reading,
    place: Place,
    program: Digest,
    /// What has been read up to the last certificate.
    follower: Follower,
    collector: Collector,
    headers: Headers,
    /// Held open so that what was renamed or removed can be read to its end.
    open: BTreeMap<Identity, File>,
    /// What has been read to its end in this interval: where that cannot be certified it is read again, also when it was
    /// removed meanwhile.
    released: BTreeMap<Identity, File>,
    /// Files that are gone and held open, into which somebody may still write.
    away: BTreeMap<Identity, Away>,
    /// What there was at the last look, and what of it need not be read again.
    listing: Listing,
    /// The file whose turn it is, where an interval was over before all had theirs.
    turn: Option<Identity>,
    /// When the interval is over.
    due: Option<Instant>,
    /// Wanted files and folders that cannot be read now, and whether that was met at the last look.
    unreadable: BTreeMap<String, bool>,
    /// What was noticed in this interval beside records.
    noted: Noted,
    /// Datagrams of the interval, until its certificate is written.
    held: Vec<Datagram>,
    stopped: Receiver<()>,
    datagrams: Option<Receiver<Datagram>>,
    /// Datagrams that were let go because of who sent them.
    others: Arc<AtomicU64>,
    /// Whether the last look did not see all entries of a folder.
    is_partial: bool,
    stopping: bool,
    /// When the service began, by the clock and by the count of time that never jumps.
    begun: (Timestamp, Instant),
    /// When what was over was last looked for.
    purged: Option<Instant>,
    /// Until when what was certified may be retained.
    kept: Kept,
    metrics: Metrics,
    /// What is looked for, until its files change.
    loaded: Loaded,
}

/// What an interval has come to, besides its outcome.
struct Batch {
    follower: Follower,
    collector: Collector,
}

/// Why an interval was not certified.
enum Broken {
    /// What is kept could not be written; it is tried again.
    Sink(Box<dyn std::error::Error + Send + Sync>),
    Failed(Failed),
}

impl From<Failed> for Broken {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

impl Service<'_> {
    fn serve(&mut self, format: Format) -> Ended {
        let mut errors = 0;
        loop {
            match self.interval(format) {
                Ok(found) => errors += found,
                Err(Broken::Failed(failed)) => return Err(failed),
                Err(Broken::Sink(problem)) => {
                    let chain = crate::web::refusal::chain(problem.as_ref());
                    if self.asked.once || self.stopping {
                        return Err(Failed::House(problem));
                    }
                    tell(&format!(
                        "NRS-SIFT-0095: paused, because what is kept cannot be written ({chain}); nothing is lost, and \
                         it is tried again every {} s",
                        PAUSE.as_secs()
                    ));
                    self.metrics.paused();
                    self.tell_metrics();
                    self.wait(PAUSE);
                    continue;
                }
            }
            if self.asked.once || self.stopping {
                let is_odd = errors > 0 || !self.unreadable.is_empty();
                let code = if self.asked.once && is_odd { 1 } else { 0 };
                return Ok(ExitCode::from(code));
            }
        }
    }

    /// Replaces the file of counters, where there is one. That it cannot be written stops nothing: it is said.
    fn tell_metrics(&self) {
        let Some(path) = &self.asked.metrics else { return };
        if let Err(failed) = self.metrics.write(path, &self.sensor) {
            tell(&format!(
                "NRS-SIFT-0099: counters cannot be written: {}",
                crate::web::refusal::chain(&failed)
            ));
        }
    }

    /// Waits, or less if the program is told to end.
    fn wait(&mut self, time: Duration) {
        match self.stopped.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => self.stopping = true,
        }
    }

    /// Deletes records whose retention is over, and certifies it. What is deleted does not come back, so a clock that
    /// has jumped since the service began deletes nothing.
    fn purge(&mut self) -> Result<(), Broken> {
        if self.purged.is_some_and(|at| at.elapsed() < PURGE_EVERY) {
            return Ok(());
        }
        self.purged = Some(Instant::now());
        let (now, (begun, counted)) = (Clock.now(), self.begun);
        if !keeps_time(begun, counted.elapsed(), now) {
            tell(
                "NRS-SIFT-0098: the clock has jumped, so nothing is deleted although its retention may be over; set it \
                 and start this again, or run `noroshi sift purge`",
            );
            return Ok(());
        }
        let deleted = purge::purge(&self.place.dir, &mut self.kept, self.program, now);
        deleted.map(drop).map_err(|failed| {
            self.purged = None;
            sink_failed(failed)
        })
    }

    /// One interval from its beginning to its certificate; returns how many records could not be read.
    fn interval(&mut self, format: Format) -> Result<u64, Broken> {
        self.purge()?;
        let before = self.place.last()?;
        if let Some(before) = before.as_ref().filter(|before| *before.sensor() != self.sensor) {
            let words =
                format!("the chain in the folder is that of the sensor `{}`", before.sensor());
            return Err(usage("NRS-SIFT-0022", words).into());
        }
        let link = link_after(before.as_ref())?;
        let started_at = folder::started_at(before.as_ref(), Clock.now())?;
        // The ground first: what is looked for under a mandate goes with it, and then it is the mandate that ended.
        let enrolment = folder::enrolment(&self.place.dir)?;
        let known = (Some(self.place.dir.as_path()), enrolment.as_ref());
        let mandated = ground::open(&self.asked.ground, self.asked.mode, known, started_at)?;
        let key = self.asked.looking.sought.email_key()?;
        let index = self.asked.looking.sought.index_now(key.as_ref(), &mut self.loaded)?;
        self.metrics.loaded(self.loaded.loads());
        let settings = Settings {
            sensor: self.sensor.clone(),
            own_networks: own_networks(&self.asked.own_networks, &self.asked.ground),
            retention_days: self.asked.retention_days,
            program: self.program,
            link,
            started_at,
        };
        let (part, sink) = self.place.new_records(link.sequence).map_err(sink_failed)?;
        let mut batch =
            Batch { follower: self.follower.clone(), collector: self.collector.clone() };
        let engine =
            self.asked.looking.engine((self.asked.mode, mandated), (index, key), settings, sink);
        let done = self.certified(engine, started_at, &mut batch).and_then(|outcome| {
            self.certify(&part, &outcome, &batch.follower)?;
            Ok(outcome)
        });
        match done {
            Ok(outcome) => {
                self.adopt(&outcome, batch, format);
                Ok(outcome.certificate.tally.errors)
            }
            Err(broken) => {
                // What was not certified does not stay, in memory neither.
                self.place.abandon(link.sequence);
                self.headers = Headers::default();
                self.listing = Listing::default();
                self.noted = Noted::default();
                self.open.append(&mut self.released);
                Err(broken)
            }
        }
    }

    /// Reads one interval and makes its certificate; nothing of it counts yet.
    fn certified(
        &mut self,
        engine: Result<Engine<File>, Failed>,
        started_at: Timestamp,
        batch: &mut Batch,
    ) -> Result<Outcome<File>, Broken> {
        let mut engine = engine.map_err(|failed| match failed {
            // The sink did not take the beginning of the file.
            Failed::House(problem) => Broken::Sink(problem),
            other => Broken::Failed(other),
        })?;
        self.read_interval(&mut engine, batch)?;
        let ended_at = Clock.now().max(started_at);
        let outcome = engine.finish(ended_at).map_err(|problem| match problem {
            Finish::Write(problem) => Broken::Sink(Box::new(problem)),
            other => Broken::Failed(finish_failed(other)),
        })?;
        Ok(signed(&self.place, outcome)?)
    }

    /// The state first, the certificate last: it is what makes both count. Where this fails, it does not lie there.
    fn certify(
        &self,
        part: &Path,
        outcome: &Outcome<File>,
        follower: &Follower,
    ) -> Result<(), Broken> {
        let sequence = outcome.certificate.sequence;
        let state =
            serde_json::to_string(follower).map_err(|problem| Failed::House(Box::new(problem)))?;
        write(&state_path(&self.place, sequence), state.as_bytes()).map_err(sink_failed)?;
        folder::sync(&self.place.dir.join("follow")).map_err(sink_failed)?;
        self.place.keep(part, outcome).map_err(sink_failed)
    }

    /// Takes over what a certificate covers that lies there. Nothing of it fails: what was certified must not be read a
    /// second time.
    fn adopt(&mut self, outcome: &Outcome<File>, batch: Batch, format: Format) {
        self.place.settle();
        let mut noted = std::mem::take(&mut self.noted);
        noted.others(self.others.swap(0, Ordering::Relaxed));
        noted.interval(
            (self.follower.notes(), batch.follower.notes()),
            (self.collector.notes(), batch.collector.notes()),
        );
        (self.follower, self.collector) = (batch.follower, batch.collector);
        self.held.clear();
        self.released.clear();
        super::cli::report(Some(&self.place), outcome, &noted, format);
        self.metrics.noted(noted);
        self.metrics.certified(&outcome.certificate);
        self.tell_metrics();
        if let Some(old) = outcome.certificate.sequence.checked_sub(2) {
            // A state too many does no harm.
            drop(folder::remove(&state_path(&self.place, old)));
        }
    }

    fn read_interval(
        &mut self,
        engine: &mut Engine<File>,
        batch: &mut Batch,
    ) -> Result<(), Broken> {
        let begun = Instant::now();
        let every = Duration::from_secs(self.asked.every);
        self.due = (!self.asked.once).then(|| begun + every);
        // What an interval that could not be written had received comes first.
        for number in 0..self.held.len() {
            self.datagram(engine, batch, number)?;
        }
        let mut looks = 0;
        loop {
            let (read, is_full) = (self.look(engine, batch)?, self.receive(engine, batch)?);
            looks += 1;
            // Twice nothing: what rests has been read too.
            if self.asked.once && !read && looks > 2 {
                return Ok(());
            }
            if self.stopping || is_full || self.is_due() {
                return Ok(());
            }
            if !read {
                let left = every.saturating_sub(begun.elapsed());
                let pause = if self.asked.once { Duration::ZERO } else { LOOK.min(left) };
                self.wait(pause);
            }
        }
    }

    /// Whether the interval is over.
    fn is_due(&self) -> bool {
        self.due.is_some_and(|due| Instant::now() >= due)
    }

    /// Looks at the files and reads what has come; whether anything had.
    fn look(&mut self, engine: &mut Engine<File>, batch: &mut Batch) -> Result<bool, Broken> {
        let found = self.list();
        if self.listing.is_quiet(&found, self.is_partial) {
            self.forget_unreadable();
            return Ok(false);
        }
        let mut steps = self.observe(found, &mut batch.follower);
        // Whoever did not have a turn before the last interval was over is the first.
        if let Some(turn) = self.turn.take()
            && let Some(at) = steps.iter().position(|step| step.identity == turn)
        {
            steps.rotate_left(at);
        }
        let mut read = false;
        for step in steps {
            if self.stopping || self.is_due() {
                self.turn = Some(step.identity);
                break;
            }
            read |= self.step(engine, batch, &step)?;
        }
        self.forget_unreadable();
        self.release(&batch.follower);
        Ok(read)
    }

    /// What is to be read of the files there are.
    fn observe(&mut self, found: Vec<Found>, follower: &mut Follower) -> Vec<Step> {
        // What was listed until now and is read from now on.
        let now = Instant::now();
        let Look { files, failed, is_as_before } =
            self.listing.show(found, self.is_partial, now, follower, read_head);
        for (file, problem) in failed {
            if file.wanted && problem.kind() != io::ErrorKind::NotFound {
                self.cannot_read(&file.path, &problem);
            }
        }
        let entries: Vec<Entry<'_>> = files.iter().map(Shown::entry).collect();
        // What is back in its place is not away any more.
        if !self.away.is_empty() {
            for entry in &entries {
                self.away.remove(&entry.identity);
            }
        }
        // Only where all is as before: it costs a copy, and is the last such look.
        let before = is_as_before.then(|| follower.clone());
        let steps = follower.observe(&entries, self.is_partial, &self.reading);
        let is_quiet = steps.is_empty() && before.is_some_and(|before| before == *follower);
        self.listing.settle(follower, &steps, is_quiet);
        steps
    }

    /// Reads what a step says. One file that cannot be read does not keep the others from being read.
    fn step(
        &mut self,
        engine: &mut Engine<File>,
        batch: &mut Batch,
        step: &Step,
    ) -> Result<bool, Broken> {
        let before = engine.tally().seen;
        let done = match step.what {
            What::Lines { .. } => self.lines(engine, batch, step),
            What::Whole { skip } => self.whole(engine, batch, step, skip),
            What::Gone => self.gone(engine, batch, step),
        };
        let problem = match done {
            Ok(read) => return Ok(read),
            Err(Read::Write(problem)) => return Err(Broken::Sink(Box::new(problem))),
            Err(Read::Input(problem)) => problem,
        };
        self.cannot_read(&step.path, &problem);
        // Of lines it is known how far they have been read, and the rest is tried again. What is read as a whole would be
        // counted twice: it ends here, and that is stated in the certificate.
        if matches!(step.what, What::Whole { .. }) && engine.tally().seen > before {
            batch.follower.whole(step.identity);
            engine.interrupted(&step.path).map_err(read_failed)?;
        }
        Ok(false)
    }

    /// Says once that something wanted cannot be read, and remembers it until it can.
    fn cannot_read(&mut self, name: &str, problem: &io::Error) {
        if let Some(is_met) = self.unreadable.get_mut(name) {
            *is_met = true;
        } else if self.unreadable.len() < UNREADABLE_MAX {
            tell(&format!(
                "NRS-SIFT-0100: `{name}` cannot be read ({}); the others are, and it is tried again",
                problem.kind()
            ));
            self.unreadable.insert(name.to_owned(), true);
        }
    }

    /// What can be read again, or is not there any more, is not remembered.
    fn forget_unreadable(&mut self) {
        self.unreadable.retain(|_, is_met| std::mem::take(is_met));
        self.metrics.unreadable(self.unreadable.len() as u64);
    }

    /// What need not be read on is held until that is certified.
    fn release(&mut self, follower: &Follower) {
        let open = std::mem::take(&mut self.open);
        for (identity, file) in open {
            if follower.is_followed(identity) {
                self.open.insert(identity, file);
            } else if self.released.len() < RELEASED_MAX {
                self.released.insert(identity, file);
            }
        }
    }

    /// The file, if it is still the one that was looked at.
    fn opened(&mut self, step: &Step) -> io::Result<Option<File>> {
        if let Some(file) = self.open.get(&step.identity) {
            return file.try_clone().map(Some);
        }
        let file = match File::open(&step.path) {
            Ok(file) => file,
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(problem) => return Err(problem),
        };
        if identity_of(&file.metadata()?) != step.identity {
            return Ok(None);
        }
        if self.open.len() < OPEN_MAX {
            self.open.insert(step.identity, file.try_clone()?);
        }
        Ok(Some(file))
    }

    fn lines(
        &mut self,
        engine: &mut Engine<File>,
        batch: &mut Batch,
        step: &Step,
    ) -> Result<bool, Read> {
        let Some(mut file) = self.opened(step)? else { return Ok(false) };
        let before = engine.tally().bytes;
        while engine.follow(&mut batch.follower, &mut self.headers, step, &mut file, PIECE_BYTES)? {
            self.stopping |= matches!(self.stopped.try_recv(), Ok(()));
            let has_had_its_turn = engine.tally().bytes - before >= TURN_BYTES;
            if self.stopping || self.is_due() || has_had_its_turn {
                break;
            }
        }
        Ok(engine.tally().bytes > before)
    }

    fn whole(
        &mut self,
        engine: &mut Engine<File>,
        batch: &mut Batch,
        step: &Step,
        skip: u64,
    ) -> Result<bool, Read> {
        let Some(mut file) = self.opened(step)? else { return Ok(false) };
        file.seek(SeekFrom::Start(0))?;
        let into = (&mut batch.collector, &Taken::default());
        let notes = read_file(engine, &step.path, file, skip, &self.reading, into)?;
        self.noted.capture(notes);
        batch.follower.whole(step.identity);
        Ok(true)
    }

    fn gone(
        &mut self,
        engine: &mut Engine<File>,
        batch: &mut Batch,
        step: &Step,
    ) -> Result<bool, Read> {
        // Its rest is read from where it is held open; but not where another file has taken it over.
        let held = self.open.get(&step.identity);
        let held = held.filter(|_| batch.follower.is_followed(step.identity));
        if let Some(mut file) = held.map(File::try_clone).transpose()? {
            let before = engine.tally().bytes;
            let is_done = self.is_done_with(step.identity, &file)?;
            let what = if is_done { step.what } else { What::Lines { last: false } };
            let step = Step { what, ..step.clone() };
            loop {
                let more = engine.follow(
                    &mut batch.follower,
                    &mut self.headers,
                    &step,
                    &mut file,
                    PIECE_BYTES,
                );
                match more {
                    Ok(true) if self.is_due() => return Ok(true),
                    Ok(true) => {}
                    Ok(false) if !is_done => return Ok(engine.tally().bytes > before),
                    Ok(false) => break,
                    // What could not be read of it is stated below.
                    Err(Read::Input(problem)) => {
                        self.cannot_read(&step.path, &problem);
                        break;
                    }
                    Err(other) => return Err(other),
                }
            }
        }
        self.away.remove(&step.identity);
        if let Some((path, offset)) = batch.follower.vanished(step.identity) {
            engine.vanished(&path, offset)?;
        }
        Ok(true)
    }

    /// Whether nobody writes any longer into a file that was moved out of sight or removed: whoever does need not know
    /// that it is gone. It is read on until it has rested.
    fn is_done_with(&mut self, identity: Identity, file: &File) -> io::Result<bool> {
        let bytes = file.metadata()?.len();
        let now = Instant::now();
        let away = self.away.entry(identity).or_insert(Away { bytes, since: now });
        if away.bytes != bytes {
            *away = Away { bytes, since: now };
        }
        Ok(self.asked.once || now.duration_since(away.since) >= AWAY_REST)
    }

    /// Takes in the datagrams that have come; whether as many are held as may be.
    fn receive(&mut self, engine: &mut Engine<File>, batch: &mut Batch) -> Result<bool, Broken> {
        loop {
            let held: usize = self.held.iter().map(|datagram| datagram.bytes.len() + 64).sum();
            if held >= DATAGRAMS_HELD_BYTES_MAX {
                return Ok(true);
            }
            for _ in 0..DATAGRAMS_WAITING_MAX {
                let Some(datagrams) = &self.datagrams else { return Ok(false) };
                match datagrams.try_recv() {
                    Ok(datagram) => self.held.push(datagram),
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => return Ok(false),
                }
                self.datagram(engine, batch, self.held.len() - 1)?;
            }
        }
    }

    fn datagram(
        &mut self,
        engine: &mut Engine<File>,
        batch: &mut Batch,
        at: usize,
    ) -> Result<(), Broken> {
        let Some(Datagram { exporter, bytes }) = self.held.get(at) else { return Ok(()) };
        let source = exporter.ip().to_string();
        engine
            .datagram(
                &mut batch.collector,
                &source,
                Some(*exporter),
                at as u64 + 1,
                &Sealed::new(bytes),
            )
            .map_err(read_failed)
    }

    /// The files of all folders that are asked for, in the order of their names. What is a folder is asked each time: it
    /// may have been made since.
    fn list(&mut self) -> Vec<Found> {
        self.is_partial = false;
        let mut found: BTreeMap<PathBuf, Found> = BTreeMap::new();
        let patterns: Vec<Pattern> =
            self.asked.paths.iter().map(|path| Pattern::of(path)).collect();
        for pattern in patterns {
            match std::fs::read_dir(&pattern.folder) {
                Ok(entries) => self.list_folder(&pattern, entries, &mut found),
                Err(problem) => {
                    self.cannot_read(&pattern.folder.display().to_string(), &problem);
                }
            }
        }
        found.into_values().collect()
    }

    fn list_folder(
        &mut self,
        pattern: &Pattern,
        entries: std::fs::ReadDir,
        found: &mut BTreeMap<PathBuf, Found>,
    ) {
        let mut entries = entries;
        for entry in entries.by_ref().take(ENTRIES_MAX) {
            let path = match entry {
                Ok(entry) => entry.path(),
                Err(problem) => {
                    return self.cannot_read(&pattern.folder.display().to_string(), &problem);
                }
            };
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let wanted = name.is_some_and(|name| pattern.wants(&name));
            if let Some(known) = found.get_mut(&path) {
                known.wanted |= wanted;
                continue;
            }
            match look_at(&path, wanted, self.asked.once) {
                Ok(Some(file)) => {
                    found.insert(path, file);
                }
                // It was removed or renamed since the folder was listed, or is nothing to be read.
                Ok(None) => {}
                Err(problem) if problem.kind() == io::ErrorKind::NotFound => {}
                Err(problem) if wanted => self.cannot_read(&path.display().to_string(), &problem),
                Err(_) => {}
            }
        }
        let beyond = entries.count() as u64;
        if beyond > 0 {
            self.too_many(&pattern.folder.display().to_string(), beyond);
        }
    }

    /// Says once that a folder holds more than is looked at. What is known of files there stays: that they are not seen
    /// does not say that they are gone.
    fn too_many(&mut self, folder: &str, beyond: u64) {
        self.is_partial = true;
        self.noted.beyond(beyond);
        if let Some(is_met) = self.unreadable.get_mut(folder) {
            *is_met = true;
        } else if self.unreadable.len() < UNREADABLE_MAX {
            tell(&format!(
                "NRS-SIFT-0151: `{folder}` holds {beyond} entries more than the {ENTRIES_MAX} that are looked at; move \
                 what is done with out of it"
            ));
            self.unreadable.insert(folder.to_owned(), true);
        }
    }
}

fn read_failed(problem: Read) -> Broken {
    match problem {
        Read::Input(source) => {
            Broken::Failed(Failed::Io { what: "a followed file".to_owned(), source })
        }
        Read::Write(problem) => Broken::Sink(Box::new(problem)),
    }
}

/// Whether the clock shows what it should after so much time.
fn keeps_time(begun: Timestamp, passed: Duration, now: Timestamp) -> bool {
    let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
    let differs = now.duration_since(begun).checked_sub(passed);
    differs.is_some_and(|differs| differs.abs() <= CLOCK_DIFFERS_MAX)
}

fn sink_failed(failed: Failed) -> Broken {
    match failed {
        Failed::Io { .. } => Broken::Sink(Box::new(failed)),
        other => Broken::Failed(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_jumps_is_noticed_in_both_directions() {
        let begun: Timestamp = "2026-11-27T00:00:00Z".parse().unwrap();
        let check = |passed: u64, now: &str, expected: bool| {
            let now = now.parse().unwrap();
            assert_eq!(keeps_time(begun, Duration::from_secs(passed), now), expected, "{now}");
        };
        check(3_600, "2026-11-27T01:00:00Z", true);
        check(3_600, "2026-11-27T01:10:00Z", true);
        check(3_600, "2026-11-27T01:10:01Z", false);
        check(3_600, "2027-11-27T01:00:00Z", false);
        check(3_600, "2026-11-26T01:00:00Z", false);
        check(u64::MAX, "2026-11-27T01:00:00Z", false);
    }

    #[test]
    fn only_those_who_are_named_are_listened_to() {
        let named = ["192.0.2.0/24", "2001:db8::1"].map(|text| exporter(text).unwrap());
        let check = |from: &str, expected: bool| {
            assert_eq!(is_exporter(&named, from.parse().unwrap()), expected, "{from}");
        };
        check("192.0.2.9", true);
        check("::ffff:192.0.2.9", true);
        check("2001:db8::1", true);
        check("198.51.100.1", false);
        check("2001:db8::2", false);
        assert!(
            is_exporter(&[], "198.51.100.1".parse().unwrap()),
            "where nobody is named, everybody"
        );
        assert!(exporter("router.example").is_err());
    }

    #[test]
    fn patterns_match_names() {
        let check = |pattern: &str, name: &str, expected: bool| {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        };
        check("*.log", "conn.log", true);
        check("*.log", "conn.log.1", false);
        check("*.log*", "conn.log.1", true);
        check("conn.?", "conn.1", true);
        check("conn.?", "conn.", false);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-b-b", false);
        check("", "", true);
        check("*", "", true);
        check(&"*a".repeat(50), &"a".repeat(49), false);
    }
}
