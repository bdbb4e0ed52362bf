//! The record of hunts: who asked stored records what, why, and what came of it.
//!
//! A hunt writes two entries: before it looks at anything, what is asked; at its end, what came of it. A hunt that was
//! killed in between has the first only. Each entry has a number and the digest of the one before, so that none can be
//! left out, put in or exchanged; an enrolled sensor signs them. They are lines of JSON, one entry a line, and go to the
//! platform as they stand.

use jiff::Timestamp;
use noroshi_sift::digest::Digest;
use noroshi_sift::mode::SensorId;
use noroshi_sift::sighting::Committed;
use noroshi_sift::signature::{PublicKey, SecretKey, Signature};
use serde::{Deserialize, Serialize};

use crate::communication::{Looked, Scope};
use crate::scan::Tally;

/// The name of the form of an entry.
pub const FORM: &str = "noroshi-hunt/2";
/// The form before: its ends say nothing of sightings. It is read, and no longer made.
pub const FORM_1: &str = "noroshi-hunt/1";
/// The longest purpose, in bytes.
pub const PURPOSE_BYTES_MAX: usize = 1_024;
/// The longest name of a case, in bytes.
pub const CASE_BYTES_MAX: usize = 128;
/// The longest question in SQL, in bytes.
pub const QUESTION_BYTES_MAX: usize = 16 << 10;
/// The longest line, in bytes.
pub const LINE_BYTES_MAX: usize = 64 << 10;

/// What for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Why {
    /// In words.
    pub purpose: String,
    /// The case it belongs to.
    pub case: String,
}

/// Why a purpose or a case is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoReason {
    /// Nothing was said, or too much.
    #[error("NRS-HUNT-0003: purpose is not 1 to {PURPOSE_BYTES_MAX} bytes of text in one line")]
    Purpose,
    /// The same for the case.
    #[error("NRS-HUNT-0004: case is not 1 to {CASE_BYTES_MAX} bytes of text in one line")]
    Case,
}

impl Why {
    /// A purpose and a case, each of one line that says something.
    pub fn new(purpose: &str, case: &str) -> Result<Self, NoReason> {
        let says = |text: &str, max| {
            !text.is_empty() && text.len() <= max && !text.chars().any(char::is_control)
        };
        let (purpose, case) = (purpose.trim(), case.trim());
        if !says(purpose, PURPOSE_BYTES_MAX) {
            return Err(NoReason::Purpose);
        }
        if !says(case, CASE_BYTES_MAX) {
            return Err(NoReason::Case);
        }
        Ok(Self { purpose: purpose.to_owned(), case: case.to_owned() })
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "hunt", deny_unknown_fields)]
pub enum Hunt {
    /// What a list looks for.
    Selectors {
        /// The digest of the list.
        selectors: Digest,
        /// How many selectors.
        count: u64,
        /// How many of them are of addresses and prefixes; no others can match.
        of_addresses: u64,
        /// The list before, where only what was added since is hunted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        added_to: Option<Digest>,
    },
    /// A question in SQL.
    Question {
        /// As it was asked.
        text: String,
        /// Whose records.
        scope: Scope,
    },
    /// Calls by the clock.
    Beacons {
        /// Pairs with fewer calls are not judged.
        calls_min: u32,
        /// Pairs with a lower score are not named, in thousandths.
        score_min: u32,
        /// Whose records.
        scope: Scope,
    },
    /// Destinations nobody called before.
    FirstSeen {
        /// From when on.
        since: Option<Timestamp>,
        /// Whose records.
        scope: Scope,
    },
}

/// How a hunt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Everything was looked at and everything found was given.
    Complete,
    /// Some files could not be read.
    Partly,
    /// More was found than may be given.
    Cut,
    /// It was not carried out.
    Refused,
    /// It was stopped by a limit of time or memory, or failed.
    Stopped,
}

/// What was seen that had not been known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// What commits to the sightings that are handed in with the entry.
    pub sightings: Committed,
    /// Until when they may be kept where they were seen: from then on the entry is handed in without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_until: Option<Timestamp>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The number of the entry that says what was asked.
    pub of: u64,
    /// How it ended.
    pub ending: Ending,
    /// The code, where it did not end as it should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Results: hits, rows, pairs, destinations.
    pub results: u64,
    /// SHA-256 over the results as they were given.
    pub results_digest: Digest,
    /// What became of every row, of a hunt for selectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tally: Option<Tally>,
    /// The same of the other built-in hunts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked: Option<Looked>,
    /// What a hunt for selectors newly saw; none in the form before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
}

impl Outcome {
    /// Whether what was seen is said as the form asks, and is no more than was found anew.
    fn has_seen(&self, form: &str) -> bool {
        let new = self.tally.map_or(0, |tally| tally.hits.saturating_sub(tally.known));
        match self.seen {
            None => form == FORM_1 || self.tally.is_none(),
            Some(Seen { sightings, retain_until }) => {
                form == FORM
                    && self.tally.is_some()
                    && sightings.count <= new
                    && (sightings.count > 0) == retain_until.is_some()
            }
        }
    }
}

/// One of the two.
#[expect(clippy::large_enum_variant, reason = "entries are read one by one")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// What is asked.
    Begun(Hunt),
    /// What came of it.
    Ended(Outcome),
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// [`FORM`] or [`FORM_1`].
    pub form: String,
    /// On which sensor.
    pub sensor: SensorId,
    /// Its place, from zero.
    pub sequence: u64,
    /// The digest of the one before.
    pub previous: Option<Digest>,
    /// When.
    pub at: Timestamp,
    /// What for. A question in SQL always says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
    /// What.
    pub what: What,
    /// The digest of the program.
    pub program: Digest,
    /// The sensor's signature; none where the sensor is not enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
}

impl Entry {
    /// The first entry, or the one after `before`.
    pub fn after(
        before: Option<&Self>,
        (sensor, program): (SensorId, Digest),
        at: Timestamp,
        why: Option<Why>,
        what: What,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self {
            form: FORM.to_owned(),
            sensor,
            sequence: before.map_or(0, |before| before.sequence.saturating_add(1)),
            previous: before.map(Self::digest).transpose()?,
            at: before.map_or(at, |before| before.at.max(at)),
            why,
            what,
            program,
            signature: None,
        })
    }

    /// Whether it agrees with itself, whatever stands before it.
    pub fn balances(&self) -> bool {
        let why = self
            .why
            .as_ref()
            .is_none_or(|why| Why::new(&why.purpose, &why.case).is_ok_and(|parsed| parsed == *why));
        let what = match &self.what {
            What::Begun(Hunt::Question { text, .. }) => {
                self.why.is_some() && !text.is_empty() && text.len() <= QUESTION_BYTES_MAX
            }
            What::Begun(Hunt::Selectors { count, of_addresses, .. }) => of_addresses <= count,
            What::Begun(Hunt::Beacons { .. } | Hunt::FirstSeen { .. }) => true,
            What::Ended(outcome) => {
                outcome.of < self.sequence
                    && outcome.has_seen(&self.form)
                    && outcome
                        .tally
                        .is_none_or(|tally| tally.balances() && tally.hits == outcome.results)
                    && outcome.looked.is_none_or(|looked| looked.balances())
                    && (outcome.ending == Ending::Complete) == outcome.code.is_none()
            }
        };
        let is_form = self.form == FORM || self.form == FORM_1;
        is_form && (self.sequence == 0) == self.previous.is_none() && why && what
    }

    /// SHA-256 over the canonical JSON (RFC 8785) without the signature.
    pub fn digest(&self) -> Result<Digest, serde_json::Error> {
        self.signed_bytes().map(|bytes| Digest::of(&bytes))
    }

    fn signed_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json_canonicalizer::to_vec(&Self { signature: None, ..self.clone() })
    }

    /// The same with the sensor's signature.
    pub fn sign(mut self, key: &SecretKey) -> Result<Self, serde_json::Error> {
        self.signature = Some(key.sign(&self.form, &self.signed_bytes()?));
        Ok(self)
    }

    /// Whether `key` signed it.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        let Some(signature) = self.signature.filter(|signature| signature.key == *key) else {
            return false;
        };
        self.signed_bytes().is_ok_and(|bytes| signature.holds(&self.form, &bytes))
    }
}

/// Why a text is not a record of hunts. The line counts from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Not an entry.
    #[error("NRS-HUNT-0005: line {0} of the record of hunts is not an entry")]
    Line(usize),
    /// An entry that does not go on from the one before, or contradicts itself.
    #[error("NRS-HUNT-0006: line {0} of the record of hunts does not go on from the one before")]
    Chain(usize),
}

/// Reads a record and verifies its chain. A last line without its end was being written when the program was killed: it
/// says nothing, and the second value says how many bytes stand before it.
pub fn read(text: &[u8]) -> Result<(Vec<Entry>, usize), Broken> {
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut entries: Vec<Entry> = Vec::new();
    let lines = text.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n');
    for (number, line) in (1..).zip(lines).filter(|(_, line)| !line.is_empty()) {
        let entry: Entry = (line.len() <= LINE_BYTES_MAX)
            .then(|| serde_json::from_slice(line).ok())
            .flatten()
            .ok_or(Broken::Line(number))?;
        let before = entries.last();
        let previous = before.map(Entry::digest).transpose().map_err(|_| Broken::Line(number))?;
        let goes_on = entry.previous == previous
            && entry.sequence == before.map_or(0, |before| before.sequence + 1)
            && before.is_none_or(|before| before.sensor == entry.sensor && before.at <= entry.at);
        if !goes_on || !entry.balances() {
            return Err(Broken::Chain(number));
        }
        entries.push(entry);
    }
    Ok((entries, whole))
}

/// One entry as a line.
pub fn line(entry: &Entry) -> Result<Vec<u8>, serde_json::Error> {
    let mut line = serde_json_canonicalizer::to_vec(entry)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(before: Option<&Entry>) -> Entry {
        let who = ("sensor-1".parse().unwrap(), Digest::of(b"build"));
        let why = Why::new("訓練の確認", "case-7").unwrap();
        let what = What::Begun(Hunt::Question {
            text: "SELECT count(*) FROM records".to_owned(),
            scope: Scope::OwnNetwork,
        });
        Entry::after(before, who, "2026-11-23T00:00:00Z".parse().unwrap(), Some(why), what).unwrap()
    }

    #[test]
    fn entries_are_chained_and_a_change_is_seen() {
        let key = SecretKey::of_seed([7; 32]);
        let first = begun(None).sign(&key).unwrap();
        let outcome = Outcome {
            of: 0,
            ending: Ending::Complete,
            code: None,
            results: 1,
            results_digest: Digest::of(b"1\n"),
            tally: None,
            looked: None,
            seen: None,
        };
        let who = (first.sensor.clone(), first.program);
        let second = Entry::after(
            Some(&first),
            who,
            "2026-11-22T00:00:00Z".parse().unwrap(),
            None,
            What::Ended(outcome),
        )
        .unwrap();
        assert_eq!(second.at, first.at, "a clock that goes back does not turn the record round");
        assert!(first.is_signed_by(&key.public()) && !second.is_signed_by(&key.public()));
        let text = [line(&first).unwrap(), line(&second).unwrap()].concat();
        let (entries, whole) = read(&text).unwrap();
        assert_eq!((entries.len(), whole), (2, text.len()));
        let torn = [&text[..], b"{\"form\":\"noro"].concat();
        assert_eq!(read(&torn).unwrap().1, text.len());
        let changed = String::from_utf8(text.clone()).unwrap().replace("case-7", "case-8");
        assert_eq!(read(changed.as_bytes()), Err(Broken::Chain(2)));
        let missing = line(&second).unwrap();
        assert_eq!(read(&missing), Err(Broken::Chain(1)));
    }

    #[test]
    fn the_form_before_is_read_and_says_nothing_of_sightings() {
        let first = begun(None);
        let tally = Tally { rows: 2, matched: 2, hits: 2, known: 1, ..Tally::default() };
        let seen = Seen {
            sightings: Committed { count: 1, digest: Digest::of(b"list") },
            retain_until: Some(first.at),
        };
        let ended = |form: &str, tally: Option<Tally>, seen: Option<Seen>| {
            let results = tally.map_or(0, |tally| tally.hits);
            let outcome = Outcome {
                of: 0,
                ending: Ending::Complete,
                code: None,
                results,
                results_digest: Digest::of(b"1\n"),
                tally,
                looked: None,
                seen,
            };
            let who = (first.sensor.clone(), first.program);
            let entry = Entry::after(Some(&first), who, first.at, None, What::Ended(outcome));
            Entry { form: form.to_owned(), ..entry.unwrap() }
        };
        assert!(ended(FORM, Some(tally), Some(seen)).balances());
        assert!(ended(FORM, None, None).balances());
        assert!(ended(FORM_1, Some(tally), None).balances());
        assert!(!ended(FORM, Some(tally), None).balances(), "nothing commits to what was seen");
        assert!(!ended(FORM_1, Some(tally), Some(seen)).balances());
        assert!(!ended(FORM, None, Some(seen)).balances());
        let two = Committed { count: 2, ..seen.sightings };
        let more = Seen { sightings: two, ..seen };
        assert!(!ended(FORM, Some(tally), Some(more)).balances(), "more than was found anew");
        let endless = Seen { retain_until: None, ..seen };
        assert!(!ended(FORM, Some(tally), Some(endless)).balances());
        let key = SecretKey::of_seed([7; 32]);
        let before = ended(FORM_1, Some(tally), None).sign(&key).unwrap();
        assert!(before.is_signed_by(&key.public()));
        assert!(!Entry { form: FORM.to_owned(), ..before }.is_signed_by(&key.public()));
    }

    #[test]
    fn a_question_without_a_reason_is_no_entry() {
        let entry = Entry { why: None, ..begun(None) };
        assert!(!entry.balances() && begun(None).balances());
        for (purpose, case, wrong) in [
            ("", "c", NoReason::Purpose),
            ("a\nb", "c", NoReason::Purpose),
            ("a", " ", NoReason::Case),
        ] {
            assert_eq!(Why::new(purpose, case), Err(wrong));
        }
    }
}
