//! The certificates of one sensor, as a stranger reads them: with a key, perhaps, and no trust.
//!
//! The forms are read by themselves here, from their text: `noroshi-certificate/1` to `/3`, `noroshi-deletion/1` and
//! `noroshi-proof/1`. What is checked, in this order:
//! 1. every text is one of the forms, whole and with nothing else in it;
//! 2. its figures agree: what was seen is what was kept, not matching, turned away, content and unreadable; rows and
//!    root fit; the digest of the rules is that of the rules, and they are those of the mode;
//! 3. the entries are one chain: numbers without gap, each with the digest of the one before, time not going back;
//! 4. each is signed by the key that is trusted;
//! 5. what was deleted was certified before, its time was over, and it was deleted once;
//! 6. every record shown leads to the root of its certificate (RFC 6962 §2.1.1), and is of the measure, the direction and
//!    the retention that this certificate states.
//!
//! The digest of an entry is SHA-256 over its canonical JSON (RFC 8785) without `signature`; what is signed is the form,
//! a line feed, and those bytes.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::leaf::Moment;
use crate::tree::{leaf_hash, verify_inclusion};

pub mod record;
pub mod render;

/// The longest text of one certificate, in bytes.
pub const CERTIFICATE_BYTES_MAX: usize = 16 << 20;
/// The longest proof, in bytes.
pub const PROOF_BYTES_MAX: usize = 256 << 20;
/// The most entries that are read together.
pub const ENTRIES_MAX: usize = 1_000_000;
/// The largest number that JSON carries exactly (RFC 8785 §3.2.2.3).
const NUMBER_MAX: u64 = (1 << 53) - 1;
const FORM_1: &str = "noroshi-certificate/1";
const FORM_2: &str = "noroshi-certificate/2";
const FORM_3: &str = "noroshi-certificate/3";
const DELETION: &str = "noroshi-deletion/1";
const PROOF: &str = "noroshi-proof/1";
const OWN_NETWORK: &str = "own-network";
const MODES: [&str; 5] = [
    OWN_NETWORK,
    "party-agreement",
    "foreign-to-foreign",
    "foreign-to-domestic",
    "domestic-to-foreign",
];

/// A rule that a chain of certificates can break. The words are in [`render`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A text is one of the forms.
    Form,
    /// What was seen went to exactly one place, and the other figures fit.
    Balance,
    /// The rules are those of the digest and of the mode.
    Rules,
    /// All entries are of one sensor.
    Sensor,
    /// Numbers have no gap and none stands twice.
    Sequence,
    /// Each entry names the one before.
    Chain,
    /// Time does not go back.
    Time,
    /// Where a key is trusted, every entry is signed.
    Unsigned,
    /// The signature is that of the key over this text.
    Signature,
    /// What was deleted is what was certified.
    Deleted,
    /// Nothing is deleted before its time is over.
    Early,
    /// Nothing is deleted twice.
    Twice,
    /// A record shown belongs to its certificate.
    Proof,
    /// A record shown is a mechanical record.
    Record,
    /// A record shown is of the measure, the direction and the retention of its certificate.
    Unlike,
}

impl Rule {
    /// Every rule, in the order of the codes.
    pub const ALL: [Self; 15] = [
        Self::Form,
        Self::Balance,
        Self::Rules,
        Self::Sensor,
        Self::Sequence,
        Self::Chain,
        Self::Time,
        Self::Unsigned,
        Self::Signature,
        Self::Deleted,
        Self::Early,
        Self::Twice,
        Self::Proof,
        Self::Record,
        Self::Unlike,
    ];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Form => "NRS-VRFY-0101",
            Self::Balance => "NRS-VRFY-0102",
            Self::Rules => "NRS-VRFY-0103",
            Self::Sensor => "NRS-VRFY-0104",
            Self::Sequence => "NRS-VRFY-0105",
            Self::Chain => "NRS-VRFY-0106",
            Self::Time => "NRS-VRFY-0107",
            Self::Unsigned => "NRS-VRFY-0108",
            Self::Signature => "NRS-VRFY-0109",
            Self::Deleted => "NRS-VRFY-0110",
            Self::Early => "NRS-VRFY-0111",
            Self::Twice => "NRS-VRFY-0112",
            Self::Proof => "NRS-VRFY-0113",
            Self::Record => "NRS-VRFY-0114",
            Self::Unlike => "NRS-VRFY-0115",
        }
    }
}

/// The first thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which rule.
    pub rule: Rule,
    /// In which file, as the reader named it.
    pub file: String,
    /// What should be, where that can be said.
    pub expected: Option<String>,
    /// What is.
    pub found: Option<String>,
}

/// What was checked, when everything holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Which sensor.
    pub sensor: String,
    /// The number of the first entry and of the last.
    pub numbers: (u64, u64),
    /// From when to when they speak.
    pub times: (String, String),
    /// Selections.
    pub selections: u64,
    /// Of these, intervals in which nothing came in.
    pub heartbeats: u64,
    /// Deletions.
    pub deletions: u64,
    /// Records seen, kept, not matching, turned away by direction, content only, unreadable; and bytes.
    pub tally: Tally,
    /// Rows kept, and rows of which the deletion is certified.
    pub rows: u64,
    /// Rows of which the deletion is certified.
    pub rows_deleted: u64,
    /// The longest time between two intervals, in seconds.
    pub gap_seconds_max: u64,
    /// Entries without a signature.
    pub unsigned: u64,
    /// The keys that signed.
    pub keys: BTreeSet<String>,
    /// The modes that were used, with the measures in them.
    pub modes: BTreeMap<String, BTreeSet<String>>,
    /// Prefix tables that were used, as `table@version`.
    pub tables: BTreeSet<String>,
    /// The digest of the last entry: what the next one must name.
    pub last: Digest,
    /// The records that were shown and belong to their certificates.
    pub shown: Vec<Shown>,
}

/// A record that belongs to its certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The number of the certificate.
    pub sequence: u64,
    /// The place of the record in it.
    pub index: u64,
    /// Its fields, in their order; only those that are there.
    pub fields: Vec<(&'static str, String)>,
}

/// Where every record went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Records looked at.
    pub seen: u64,
    /// Records that a selector matched.
    pub kept: u64,
    /// Records that none matched.
    pub unmatched: u64,
    /// Records turned away because of their direction.
    pub direction: u64,
    /// Records about content only.
    pub content: u64,
    /// Records that could not be read.
    pub errors: u64,
    /// Bytes of input.
    pub bytes: u64,
}

impl Tally {
    fn sum(&self) -> Option<u64> {
        let parts = [self.kept, self.unmatched, self.direction, self.content, self.errors];
        parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(*part))
    }

    fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.seen, other.seen),
            (&mut self.kept, other.kept),
            (&mut self.unmatched, other.unmatched),
            (&mut self.direction, other.direction),
            (&mut self.content, other.content),
            (&mut self.errors, other.errors),
            (&mut self.bytes, other.bytes),
        ];
        for (sum, part) in pairs {
            *sum = sum.saturating_add(part);
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Certificate {
    form: String,
    sensor: String,
    mode: String,
    sequence: u64,
    previous: Option<Digest>,
    started_at: String,
    finished_at: String,
    records_from: Option<String>,
    records_to: Option<String>,
    #[expect(
        dead_code,
        reason = "must be there and be a digest; there is nothing to compare it with"
    )]
    selectors: Digest,
    selectors_count: u64,
    #[expect(
        dead_code,
        reason = "must be there and be a digest; there is nothing to compare it with"
    )]
    program: Digest,
    retention_days: u32,
    tally: Tally,
    rows: u64,
    rows_root: Digest,
    #[serde(default)]
    rules: Option<Value>,
    #[serde(default)]
    rules_digest: Option<Digest>,
    #[serde(default)]
    sightings: Option<Sightings>,
    #[serde(default)]
    signature: Option<Signed>,
}

/// What commits to the sightings that were handed in: their number, and the digest of the list as canonical JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sightings {
    count: u64,
    digest: Digest,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deletion {
    form: String,
    sensor: String,
    sequence: u64,
    previous: Digest,
    deleted_at: String,
    #[expect(
        dead_code,
        reason = "must be there and be a digest; there is nothing to compare it with"
    )]
    program: Digest,
    files: Vec<Deleted>,
    #[serde(default)]
    signature: Option<Signed>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deleted {
    sequence: u64,
    certificate: Digest,
    path: String,
    rows: u64,
    rows_root: Digest,
    retain_until: String,
    why: String,
    #[expect(dead_code, reason = "must be there; it is for the reader")]
    found: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    key: String,
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Proof {
    form: String,
    certificate: Digest,
    rows: u64,
    rows_root: Digest,
    shown: Vec<ProofItem>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofItem {
    index: u64,
    record: String,
    path: Vec<Digest>,
}

#[derive(Debug)]
enum Kind {
    Selection(Box<Certificate>),
    Deletion(Box<Deletion>),
}

/// One entry with what was computed from its text.
#[derive(Debug)]
struct Entry {
    file: String,
    kind: Kind,
    /// What is digested and signed.
    bytes: Vec<u8>,
    digest: Digest,
    /// Milliseconds since the epoch.
    times: (i64, i64),
}

impl Entry {
    fn sensor(&self) -> &str {
        match &self.kind {
            Kind::Selection(entry) => &entry.sensor,
            Kind::Deletion(entry) => &entry.sensor,
        }
    }

    fn sequence(&self) -> u64 {
        match &self.kind {
            Kind::Selection(entry) => entry.sequence,
            Kind::Deletion(entry) => entry.sequence,
        }
    }

    fn previous(&self) -> Option<Digest> {
        match &self.kind {
            Kind::Selection(entry) => entry.previous,
            Kind::Deletion(entry) => Some(entry.previous),
        }
    }

    fn form(&self) -> &str {
        match &self.kind {
            Kind::Selection(entry) => &entry.form,
            Kind::Deletion(entry) => &entry.form,
        }
    }

    fn signature(&self) -> Option<&Signed> {
        match &self.kind {
            Kind::Selection(entry) => entry.signature.as_ref(),
            Kind::Deletion(entry) => entry.signature.as_ref(),
        }
    }

    fn broken(&self, rule: Rule) -> Broken {
        Broken { rule, file: self.file.clone(), expected: None, found: None }
    }
}

impl Broken {
    fn of(rule: Rule, file: &str) -> Self {
        Self { rule, file: file.to_owned(), expected: None, found: None }
    }

    fn values(mut self, expected: &impl ToString, found: &impl ToString) -> Self {
        self.expected = Some(expected.to_string());
        self.found = Some(found.to_string());
        self
    }
}

/// A public key of a sensor, as `--key` takes it: 64 lower-case hexadecimal digits.
pub fn read_key(text: &str) -> Option<[u8; 32]> {
    text.trim().parse::<Digest>().ok().map(|bytes| bytes.0)
}

/// Checks entries, in whatever order they are handed in, and what is shown of them. Files are pairs of name and bytes.
pub fn check(
    entries: &[(String, Vec<u8>)],
    proofs: &[(String, Vec<u8>)],
    key: Option<[u8; 32]>,
) -> Result<Report, Broken> {
    let mut chain: Vec<Entry> =
        entries.iter().map(|(file, text)| read(file, text)).collect::<Result<_, _>>()?;
    chain.sort_by_key(Entry::sequence);
    let (Some(first), Some(last)) = (chain.first(), chain.last()) else {
        return Err(Broken::of(Rule::Form, "-"));
    };
    let mut report = Report {
        sensor: first.sensor().to_owned(),
        numbers: (first.sequence(), last.sequence()),
        times: (time_text(first).0.to_owned(), time_text(last).1.to_owned()),
        selections: 0,
        heartbeats: 0,
        deletions: 0,
        tally: Tally::default(),
        rows: 0,
        rows_deleted: 0,
        gap_seconds_max: 0,
        unsigned: 0,
        keys: BTreeSet::new(),
        modes: BTreeMap::new(),
        tables: BTreeSet::new(),
        last: last.digest,
        shown: Vec::new(),
    };
    for pair in chain.windows(2) {
        if let [before, entry] = pair {
            follows(before, entry)?;
            let gap = entry.times.0.saturating_sub(before.times.1) / 1_000;
            report.gap_seconds_max = report.gap_seconds_max.max(gap.unsigned_abs());
        }
    }
    chain.iter().try_for_each(|entry| signed(entry, key, &mut report))?;
    deletions(&chain, &mut report)?;
    chain.iter().for_each(|entry| count(entry, &mut report));
    for (file, text) in proofs {
        proof(file, text, &chain, &mut report)?;
    }
    Ok(report)
}

fn time_text(entry: &Entry) -> (&str, &str) {
    match &entry.kind {
        Kind::Selection(entry) => (&entry.started_at, &entry.finished_at),
        Kind::Deletion(entry) => (&entry.deleted_at, &entry.deleted_at),
    }
}

/// Reads one text and what it says about itself.
fn read(file: &str, text: &[u8]) -> Result<Entry, Broken> {
    let form = || Broken::of(Rule::Form, file);
    if text.len() > CERTIFICATE_BYTES_MAX {
        return Err(form());
    }
    let mut value: Value = serde_json::from_slice(text).map_err(|_| form())?;
    let named = value.get("form").and_then(Value::as_str).unwrap_or_default().to_owned();
    let kind = match named.as_str() {
        FORM_1 | FORM_2 | FORM_3 => {
            Kind::Selection(serde_json::from_slice(text).map_err(|_| form())?)
        }
        DELETION => Kind::Deletion(serde_json::from_slice(text).map_err(|_| form())?),
        _ => return Err(form().values(&FORM_3, &named)),
    };
    if let Some(members) = value.as_object_mut() {
        members.remove("signature");
    }
    let bytes = serde_json_canonicalizer::to_vec(&value).map_err(|_| form())?;
    let digest = Digest::of(&bytes);
    let mut entry = Entry { file: file.to_owned(), kind, bytes, digest, times: (0, 0) };
    let (from, to) = time_text(&entry);
    entry.times = millis(from).zip(millis(to)).ok_or_else(form)?;
    match &entry.kind {
        Kind::Selection(certificate) => selection(file, certificate, entry.times)?,
        Kind::Deletion(deletion) => deletion_itself(file, deletion)?,
    }
    Ok(entry)
}

fn selection(file: &str, certificate: &Certificate, times: (i64, i64)) -> Result<(), Broken> {
    let broken = |rule| Broken::of(rule, file);
    let Certificate { tally, rows, rows_root, .. } = certificate;
    let sum = tally.sum();
    if sum != Some(tally.seen) {
        let found = sum.map_or_else(|| "-".to_owned(), |sum| sum.to_string());
        return Err(broken(Rule::Balance).values(&tally.seen, &found));
    }
    let records = [&certificate.records_from, &certificate.records_to]
        .map(|time| time.as_deref().map(millis));
    let records_in_order = match records {
        [None, None] => true,
        [Some(Some(from)), Some(Some(to))] => from <= to,
        _ => false,
    };
    let exact = [tally.seen, tally.bytes, *rows, certificate.sequence, certificate.selectors_count];
    let fits = *rows >= tally.kept
        && (tally.kept > 0 || *rows == 0)
        && (*rows > 0 || *rows_root == Digest::of(b""))
        && times.0 <= times.1
        && records_in_order
        && (certificate.sequence == 0) == certificate.previous.is_none()
        && exact.iter().all(|number| *number <= NUMBER_MAX)
        && certificate.retention_days > 0
        && has_sightings(certificate);
    if !fits {
        return Err(broken(Rule::Balance));
    }
    if !MODES.contains(&certificate.mode.as_str()) {
        return Err(broken(Rule::Form).values(&MODES.join(", "), &certificate.mode));
    }
    if has_rules(certificate) { Ok(()) } else { Err(broken(Rule::Rules)) }
}

/// Whether what commits to sightings is there as the form asks: none are seen where nothing was kept.
fn has_sightings(certificate: &Certificate) -> bool {
    match &certificate.sightings {
        None => certificate.form != FORM_3,
        Some(Sightings { count, digest }) => {
            certificate.form == FORM_3
                && *count <= NUMBER_MAX
                && (*count == 0) == (*digest == Digest::of(b"[]"))
                && (*count == 0 || certificate.rows > 0)
        }
    }
}

/// What rules say, and nothing else: anything beside it would stand in a certificate unread.
const RULES: [&str; 5] = ["switches", "networks", "mandate", "measure", "geo_basis"];
/// What names a prefix table.
const GEO_BASIS: [&str; 4] = ["table", "version", "date", "digest"];
/// Which fields can be looked at.
const SWITCHES: [&str; 10] = [
    "further-addresses",
    "dns-names",
    "tls-names",
    "http-hosts",
    "url-paths",
    "tls-fingerprints",
    "certificates",
    "files",
    "email-addresses",
    "ports",
];

/// Whether the rules are there as the form asks, fit their digest, and are those of the mode.
fn has_rules(certificate: &Certificate) -> bool {
    let is_own = certificate.mode == OWN_NETWORK;
    let (Some(rules), Some(digest)) = (&certificate.rules, certificate.rules_digest) else {
        return certificate.form == FORM_1
            && is_own
            && certificate.rules.is_none()
            && certificate.rules_digest.is_none()
            && certificate.signature.is_none();
    };
    let is_digest =
        serde_json_canonicalizer::to_vec(rules).is_ok_and(|text| Digest::of(&text) == digest);
    let has = |name: &str| rules.get(name).is_some_and(|value| !value.is_null());
    let only = |of: &Value, names: &[&str]| {
        of.as_object().is_some_and(|of| of.keys().all(|name| names.contains(&name.as_str())))
    };
    (certificate.form == FORM_2 || certificate.form == FORM_3)
        && is_digest
        && only(rules, &RULES)
        && rules.get("switches").is_some_and(|switches| only(switches, &SWITCHES))
        && has("networks") == is_own
        && rules.get("geo_basis").is_none_or(|basis| basis.is_null() || only(basis, &GEO_BASIS))
        && ["mandate", "measure", "geo_basis"].iter().all(|name| has(name) != is_own)
}

fn deletion_itself(file: &str, deletion: &Deletion) -> Result<(), Broken> {
    let broken = |rule| Broken::of(rule, file);
    let ascending = deletion.files.is_sorted_by(|one, next| one.sequence < next.sequence);
    let sound = |gone: &Deleted| {
        gone.sequence < deletion.sequence && !gone.path.is_empty() && gone.why == "retention-over"
    };
    if deletion.files.is_empty() || !ascending || !deletion.files.iter().all(sound) {
        return Err(broken(Rule::Deleted));
    }
    let at = millis(&deletion.deleted_at).ok_or_else(|| broken(Rule::Form))?;
    for gone in &deletion.files {
        let until = millis(&gone.retain_until).ok_or_else(|| broken(Rule::Form))?;
        if until > at {
            let early = broken(Rule::Early);
            return Err(early.values(&gone.retain_until, &deletion.deleted_at));
        }
    }
    Ok(())
}

fn follows(before: &Entry, entry: &Entry) -> Result<(), Broken> {
    if before.sensor() != entry.sensor() {
        return Err(entry.broken(Rule::Sensor).values(&before.sensor(), &entry.sensor()));
    }
    let next = before.sequence() + 1;
    if entry.sequence() != next {
        return Err(entry.broken(Rule::Sequence).values(&next, &entry.sequence()));
    }
    if entry.previous() != Some(before.digest) {
        let found = entry.previous().map_or_else(|| "-".to_owned(), |digest| digest.to_string());
        return Err(entry.broken(Rule::Chain).values(&before.digest, &found));
    }
    if entry.times.0 < before.times.1 {
        return Err(entry.broken(Rule::Time).values(&time_text(before).1, &time_text(entry).0));
    }
    Ok(())
}

fn signed(entry: &Entry, key: Option<[u8; 32]>, report: &mut Report) -> Result<(), Broken> {
    let Some(signature) = entry.signature() else {
        if key.is_some() {
            return Err(entry.broken(Rule::Unsigned));
        }
        report.unsigned += 1;
        return Ok(());
    };
    let broken = || entry.broken(Rule::Signature);
    let named = read_key(&signature.key).ok_or_else(broken)?;
    let value = record::from_hex(&signature.value);
    let value: [u8; 64] = value.and_then(|bytes| bytes.try_into().ok()).ok_or_else(broken)?;
    if let Some(key) = key
        && key != named
    {
        return Err(broken().values(&Digest(key), &signature.key));
    }
    let message = [entry.form().as_bytes(), b"\n", &entry.bytes].concat();
    let public = VerifyingKey::from_bytes(&named).map_err(|_| broken())?;
    public.verify_strict(&message, &Signature::from_bytes(&value)).map_err(|_| broken())?;
    report.keys.insert(signature.key.clone());
    Ok(())
}

/// What is deleted was certified, could no longer be retained, and is deleted once. A certificate that is not shown cannot
/// be compared; that the deletion names its digest is all there is.
fn deletions(chain: &[Entry], report: &mut Report) -> Result<(), Broken> {
    let selections: BTreeMap<u64, (&Entry, &Certificate)> = chain
        .iter()
        .filter_map(|entry| match &entry.kind {
            Kind::Selection(certificate) => Some((certificate.sequence, (entry, &**certificate))),
            Kind::Deletion(_) => None,
        })
        .collect();
    let mut gone_already = BTreeSet::new();
    for entry in chain {
        let Kind::Deletion(deletion) = &entry.kind else { continue };
        for gone in &deletion.files {
            if !gone_already.insert(gone.sequence) {
                return Err(entry.broken(Rule::Twice).values(&"-", &gone.sequence));
            }
            report.rows_deleted = report.rows_deleted.saturating_add(gone.rows);
            let Some((selection, certificate)) = selections.get(&gone.sequence) else {
                // It lies before the first entry that is shown, or is itself no selection.
                if gone.sequence >= report.numbers.0 {
                    return Err(entry.broken(Rule::Deleted));
                }
                continue;
            };
            let until = millis(&gone.retain_until);
            let days = i64::from(certificate.retention_days) * 86_400_000;
            let same = gone.certificate == selection.digest
                && gone.rows == certificate.rows
                && gone.rows_root == certificate.rows_root
                && until == selection.times.0.checked_add(days);
            if !same {
                return Err(entry
                    .broken(Rule::Deleted)
                    .values(&selection.digest, &gone.certificate));
            }
        }
    }
    Ok(())
}

fn count(entry: &Entry, report: &mut Report) {
    let Kind::Selection(certificate) = &entry.kind else {
        report.deletions += 1;
        return;
    };
    report.selections += 1;
    report.heartbeats += u64::from(certificate.tally.seen == 0);
    report.tally.add(&certificate.tally);
    report.rows = report.rows.saturating_add(certificate.rows);
    let rules = certificate.rules.as_ref();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(ToOwned::to_owned);
    let measures = report.modes.entry(certificate.mode.clone()).or_default();
    measures.extend(text(rules.and_then(|rules| rules.get("measure"))));
    let basis = rules.and_then(|rules| rules.get("geo_basis"));
    let named = |name: &str| text(basis.and_then(|basis| basis.get(name)));
    if let (Some(table), Some(version)) = (named("table"), named("version")) {
        report.tables.insert(format!("{table}@{version}"));
    }
}

fn proof(file: &str, text: &[u8], chain: &[Entry], report: &mut Report) -> Result<(), Broken> {
    let form = || Broken::of(Rule::Form, file);
    if text.len() > PROOF_BYTES_MAX {
        return Err(form());
    }
    let proof: Proof = serde_json::from_slice(text).map_err(|_| form())?;
    if proof.form != PROOF {
        return Err(form().values(&PROOF, &proof.form));
    }
    let broken = |rule| Broken::of(rule, file);
    let entry = chain.iter().find(|entry| entry.digest == proof.certificate);
    let Some((entry, Kind::Selection(certificate))) = entry.map(|entry| (entry, &entry.kind))
    else {
        return Err(broken(Rule::Proof).values(&"-", &proof.certificate));
    };
    if (proof.rows, proof.rows_root) != (certificate.rows, certificate.rows_root) {
        return Err(broken(Rule::Proof).values(&certificate.rows_root, &proof.rows_root));
    }
    for item in &proof.shown {
        let place = || format!("{} / {}", item.index, certificate.rows);
        let bytes = record::from_hex(&item.record)
            .ok_or_else(|| broken(Rule::Record).values(&"-", &place()))?;
        verify_inclusion(
            item.index,
            certificate.rows,
            &leaf_hash(&bytes),
            &item.path,
            &certificate.rows_root,
        )
        .map_err(|_| broken(Rule::Proof).values(&certificate.rows_root, &place()))?;
        let fields =
            record::decode(&bytes).ok_or_else(|| broken(Rule::Record).values(&"-", &place()))?;
        unlike(entry, certificate, &fields)
            .map_or(Ok(()), |(stated, shown)| Err(broken(Rule::Unlike).values(&stated, &shown)))?;
        report.shown.push(Shown { sequence: entry.sequence(), index: item.index, fields });
    }
    Ok(())
}

/// What a certificate states of all its records and a record does not have: as stated, and as shown. The sensor wrote the
/// record; that it lies under the root does not make it one that this certificate allowed to keep.
fn unlike(
    entry: &Entry,
    certificate: &Certificate,
    fields: &[(&'static str, String)],
) -> Option<(String, String)> {
    let shown = |name: &str| {
        let field = fields.iter().find(|(field, _)| *field == name);
        field.map_or("-", |(_, value)| value.as_str())
    };
    // An agreement is about what comes from outside to the party (能動的サイバー防御法 第11条 to 第16条).
    let direction = match certificate.mode.as_str() {
        "party-agreement" => "foreign-to-domestic",
        mode => mode,
    };
    if shown("direction") != direction {
        return Some((direction.to_owned(), shown("direction").to_owned()));
    }
    if let Some(rules) = &certificate.rules {
        let measure = rules.get("measure").and_then(Value::as_str).unwrap_or("-");
        if shown("measure_id") != measure {
            return Some((measure.to_owned(), shown("measure_id").to_owned()));
        }
    }
    let days = i64::from(certificate.retention_days) * 86_400_000;
    let until = entry.times.0.checked_add(days);
    (until.is_none() || millis(shown("retain_until")) != until).then(|| {
        let stated = format!("{} + {} d", certificate.started_at, certificate.retention_days);
        (stated, shown("retain_until").to_owned())
    })
}

/// Milliseconds since 1970, of a time as [`Moment`] reads it.
fn millis(text: &str) -> Option<i64> {
    Moment::parse(text)?;
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    // Days of the Gregorian calendar with the year beginning in March, so that the leap day comes last.
    let year = if month <= 2 { year - 1 } else { year };
    let since_march = (month + 9) % 12;
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * since_march + 2) / 5
        + day
        - 719_469;
    let fraction = text.get(20..text.len().saturating_sub(1)).unwrap_or_default();
    let padded: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some(
        ((days * 24 + hour) * 60 + minute) * 60_000
            + second * 1_000
            + padded.parse::<i64>().ok()?,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_milliseconds_since_1970() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59.5Z", -500),
            ("2000-02-29T12:00:00Z", 951_825_600_000),
            ("2026-11-23T00:00:00.123456Z", 1_795_392_000_123),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000),
        ] {
            assert_eq!(millis(text), Some(expected), "{text}");
        }
        assert_eq!(millis("2026-02-30T00:00:00Z"), None);
    }

    #[test]
    fn every_rule_has_its_own_code() {
        let codes: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.code()).collect();
        assert_eq!(codes.len(), Rule::ALL.len());
    }
}
