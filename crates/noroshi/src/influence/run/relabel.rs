//! Which accounts stand under their pseudonyms in what leaves a run, and what stands for all others.
//!
//! One account is one number in every file of a run: in the table that the engine read, in what it found, in the tables
//! that are taken out one by one. Of an account outside every group that may leave nothing leaves by which another table
//! could be held against these.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufRead as _, Write};
use std::path::Path;

use noroshi_charter::coordination::Level;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::results::Results;
use crate::influence::keys::{PREFIX, PSEUDONYM_DIGITS};
use crate::influence::vault::VaultFailure;
use crate::office::secret::hex;

/// What a number of the table of a run stands behind.
const OTHER: &str = "other";
/// The same where a run keeps no number for an account.
const OUTSIDE: &str = "outside";

/// Hashes what is written.
struct Hashed<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..taken).unwrap_or_default());
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// Every pseudonym of a text, with where it begins.
fn pseudonyms(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let at = from + text.get(from..)?.find(PREFIX)?;
            let begun = at + PREFIX.len();
            from = begun;
            let digits = text.get(begun..begun + PSEUDONYM_DIGITS);
            if digits.is_some_and(|digits| digits.bytes().all(|one| one.is_ascii_hexdigit())) {
                from = begun + PSEUDONYM_DIGITS;
                return Some((at, text.get(at..from)?));
            }
        }
    })
}

/// The accounts of groups that may leave.
pub(in crate::influence) fn that_leave(
    results: &Results,
) -> Result<BTreeSet<String>, VaultFailure> {
    let groups = results.groups((i64::MIN, i64::MAX), 0, u32::MAX)?;
    let leaves = |level: &str| Level::parse(level).is_some_and(Level::may_leave);
    let groups: BTreeSet<i64> =
        groups.iter().filter(|one| leaves(&one.level)).map(|one| one.number).collect();
    let members = results.memberships()?.into_iter();
    Ok(members.filter(|(group, _)| groups.contains(group)).map(|one| one.1).collect())
}

/// What stands for each account in what leaves a run.
pub(super) struct Relabel {
    /// Those that stand under their pseudonyms.
    named: BTreeSet<String>,
    numbers: HashMap<String, (&'static str, usize)>,
    /// What the next account that has no number gets.
    next: (&'static str, usize),
}

impl Relabel {
    /// For a run that was just done: accounts are numbered as they are met.
    pub(super) fn new(results: &Results) -> Result<Self, VaultFailure> {
        Ok(Self { named: that_leave(results)?, numbers: HashMap::new(), next: (OTHER, 1) })
    }

    /// For a run that was done before, with the numbers of its table.
    pub(super) fn kept(results: &Results) -> Result<Self, VaultFailure> {
        let numbers = results.others()?.into_iter();
        let numbers = numbers.map(|(account, number)| (account, (OTHER, number))).collect();
        Ok(Self { named: that_leave(results)?, numbers, next: (OUTSIDE, 1) })
    }

    fn label(&mut self, account: &str) -> String {
        if self.named.contains(account) {
            return account.to_owned();
        }
        if let Some((word, number)) = self.numbers.get(account) {
            return format!("{word}-{number}");
        }
        let (word, number) = self.next;
        self.next.1 += 1;
        self.numbers.insert(account.to_owned(), (word, number));
        format!("{word}-{number}")
    }

    /// A text with what stands for its accounts.
    fn text(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for (at, account) in pseudonyms(text) {
            out.push_str(text.get(from..at).unwrap_or_default());
            out.push_str(&self.label(account));
            from = at + account.len();
        }
        out.push_str(text.get(from..).unwrap_or_default());
        out
    }

    /// The same for every text of a value.
    pub(super) fn value(&mut self, value: &mut Value) {
        match value {
            Value::String(text) if text.contains(PREFIX) => *text = self.text(text),
            Value::Array(entries) => entries.iter_mut().for_each(|entry| self.value(entry)),
            Value::Object(members) => members.values_mut().for_each(|entry| self.value(entry)),
            _ => {}
        }
    }

    /// The same for the table that a run read; its digest.
    pub(super) fn file(&mut self, path: &Path) -> std::io::Result<String> {
        let other = path.with_extension("part");
        let mut lines = std::io::BufReader::new(std::fs::File::open(path)?);
        let file = std::io::BufWriter::new(std::fs::File::create(&other)?);
        let mut sink = Hashed { inner: file, hash: Sha256::new() };
        let mut line = String::new();
        while lines.read_line(&mut line)? > 0 {
            sink.write_all(self.text(&line).as_bytes())?;
            line.clear();
        }
        sink.flush()?;
        std::fs::rename(&other, path)?;
        Ok(hex(&sink.hash.finalize()))
    }

    /// Keeps the numbers of accounts that the results name, and of no other: a run holds nobody longer for it.
    pub(super) fn keep(&self, results: &Results) -> Result<(), VaultFailure> {
        let mut kept: BTreeMap<String, usize> = BTreeMap::new();
        results.bodies(|body| {
            for (_, account) in pseudonyms(body) {
                if let Some((_, number)) = self.numbers.get(account) {
                    kept.insert(account.to_owned(), *number);
                }
            }
        })?;
        kept.iter().try_for_each(|(account, number)| results.add_other(account, *number))
    }
}
