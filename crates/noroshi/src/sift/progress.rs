//! How far a selection is, said while it runs.
//!
//! Said are bytes and times, nothing of what is read. A line each time, no moving bar, so that it can be read in a log and
//! by a screen reader.

use std::io::{self, IsTerminal as _, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::cli::tell;

/// How often it is said.
const EVERY: Duration = Duration::from_secs(5);
/// Bytes of a megabyte.
const MEGABYTE: u64 = 1_000_000;

/// How many bytes of the inputs have been taken out of their files.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken(Arc<AtomicU64>);

impl Taken {
    /// Counts what is read from an input.
    pub(super) fn counted<R: Read>(&self, input: R) -> Counted<R> {
        Counted { input, taken: self.clone() }
    }

    /// Counts an input that was read in another way.
    pub(super) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// An input whose bytes are counted.
pub(super) struct Counted<R> {
    input: R,
    taken: Taken,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.taken.add(read as u64);
        Ok(read)
    }
}

/// Says how far it is until it is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    end: Option<Sender<()>>,
    teller: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins to tell, if a person looks at the standard error stream or asked for it.
    ///
    /// What is not a file, such as standard input, has no known size; then no share is said.
    pub(super) fn begin(files: &[PathBuf], asked: bool, taken: &Taken) -> Self {
        if !asked && !io::stderr().is_terminal() {
            return Self { end: None, teller: None };
        }
        let sizes = files.iter().map(|file| {
            let metadata = std::fs::metadata(file).ok()?;
            metadata.is_file().then(|| metadata.len())
        });
        let whole: Option<u64> = sizes.sum();
        let taken = taken.clone();
        let (end, ended) = channel();
        let teller = std::thread::spawn(move || {
            let begun = Instant::now();
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                tell(&words(taken.bytes(), whole, begun.elapsed()));
            }
        });
        Self { end: Some(end), teller: Some(teller) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(teller) = self.teller.take() {
            // It only tells; if it died, there is nothing to mend.
            teller.join().ok();
        }
    }
}

/// How far, how fast, and how long it will still take at that speed.
fn words(taken: u64, whole: Option<u64>, passed: Duration) -> String {
    let mega = |bytes: u64| bytes.div_ceil(MEGABYTE);
    let millis = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1);
    let speed = taken.saturating_mul(1_000) / millis;
    let rate = format!("{} MB/s", mega(speed));
    match whole.filter(|whole| *whole >= taken && *whole > 0) {
        None => format!("sift: {} MB read, {rate}", mega(taken)),
        Some(whole) => {
            let share = taken.saturating_mul(100) / whole;
            let left = (whole - taken) / speed.max(1);
            format!(
                "sift: {} of {} MB read ({share} %), {rate}, about {left} s left",
                mega(taken),
                mega(whole)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_counted_and_said() {
        let taken = Taken::default();
        let mut input = taken.counted(&[7_u8; 3_000_000][..]);
        io::copy(&mut input, &mut io::sink()).unwrap();
        let check = |whole: Option<u64>, expected: &str| {
            assert_eq!(words(taken.bytes(), whole, Duration::from_secs(2)), expected);
        };
        check(None, "sift: 3 MB read, 2 MB/s");
        check(Some(6_000_000), "sift: 3 of 6 MB read (50 %), 2 MB/s, about 2 s left");
        // A file that grew meanwhile has no share.
        check(Some(1_000_000), "sift: 3 MB read, 2 MB/s");
        assert_eq!(
            words(0, Some(9), Duration::ZERO),
            "sift: 0 of 1 MB read (0 %), 0 MB/s, about 9 s left"
        );
        let most = "sift: 18446744073710 MB read, 18446744073710 MB/s";
        assert_eq!(words(u64::MAX, None, Duration::ZERO), most);
    }

    #[test]
    fn who_does_not_ask_is_told_nothing() {
        // The standard error stream of a test is no terminal, or a person's: then it tells.
        let progress = Progress::begin(&[], true, &Taken::default());
        assert!(progress.teller.is_some());
    }
}
