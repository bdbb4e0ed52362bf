//! Certificates as handed in, and the list of selectors as it is now.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use noroshi_evidence::observable::Observable;
use noroshi_sift::certificate::Certificate;
use noroshi_sift::chain::{Deleted, Deletion};
use noroshi_sift::digest::Digest;
use noroshi_sift::index::SelectorIndex;
use noroshi_sift::mandate::Mandate;
use noroshi_sift::selector::{Selector, SelectorValue};

use crate::evidence;
use crate::office::id::OrgId;
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// A certificate with where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// SHA-256 over its canonical JSON, hexadecimal: its name.
    pub digest: String,
    /// The operator.
    pub org: String,
    /// The operator's names: Japanese and English.
    pub org_names: (String, String),
    /// The certificate.
    pub certificate: Certificate,
    /// Selectors seen.
    pub sightings: u64,
    /// Sightings of indicators written to the graph.
    pub into_graph: u64,
    /// When it was handed in.
    pub arrived_at: Timestamp,
    /// Index of its leaf.
    pub position: u64,
    /// Whether it began after its mandate had been withdrawn: what was kept is gone, and nothing of it is used.
    pub is_void: bool,
}

const COLUMNS: &str = "SELECT c.digest, c.org, COALESCE(o.name_ja, c.org), COALESCE(o.name_en, c.org), c.text, \
     c.sightings, c.into_graph, c.arrived_at, a.position, \
     EXISTS (SELECT 1 FROM sift_void v WHERE v.digest = c.digest) FROM sift_certificate c \
     LEFT JOIN office_org o ON o.org = c.org \
     JOIN office_audit a ON a.subject = c.digest AND a.command = 'sift.submit'";

fn taken(row: &Row<'_, '_>) -> Result<Taken, StoreFailure> {
    Ok(Taken {
        digest: row.text(0)?,
        org: row.text(1)?,
        org_names: (row.text(2)?, row.text(3)?),
        certificate: row.json(4)?,
        sightings: row.count(5)?,
        into_graph: row.count(6)?,
        arrived_at: row.time(7)?,
        position: row.count(8)?,
        is_void: row.count(9)? == 1,
    })
}

/// Certificates before the leaf `before`, newest first, at most `limit`. For hats with `sift.read`: the caller checks.
pub fn list(
    reader: &Reader<'_>,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<Taken>, StoreFailure> {
    let sql = format!("{COLUMNS} WHERE a.position < $1 ORDER BY a.position DESC LIMIT $2");
    reader.all(
        &sql,
        &[before.map_or(Value::Int(i64::MAX), Value::from), Value::Int(i64::from(limit))],
        taken,
    )
}

/// One certificate.
pub fn one(reader: &Reader<'_>, digest: &str) -> Result<Option<Taken>, StoreFailure> {
    reader.first(&format!("{COLUMNS} WHERE c.digest = $1"), &[Value::from(digest)], taken)
}

/// The certificate of this number of a sensor.
pub fn numbered(
    reader: &Reader<'_>,
    org: &OrgId,
    sensor: &str,
    number: u64,
) -> Result<Option<Taken>, StoreFailure> {
    let sql = format!("{COLUMNS} WHERE c.org = $1 AND c.sensor = $2 AND c.sequence = $3");
    reader.first(&sql, &[Value::from(org), Value::from(sensor), Value::from(number)], taken)
}

/// The end of a sensor's chain: the number that must come next, and the digest of the last entry.
pub fn chain(
    reader: &Reader<'_>,
    org: &OrgId,
    sensor: &str,
) -> Result<Option<(u64, String)>, StoreFailure> {
    reader.first(
        "SELECT next, last FROM sift_sensor WHERE org = $1 AND sensor = $2",
        &[Value::from(org), Value::from(sensor)],
        |row| Ok((row.count(0)?, row.text(1)?)),
    )
}

/// What the store says about a deletion.
pub struct Standing {
    /// The deletion that has this number: digest and leaf.
    pub same_number: Option<(String, u64)>,
    /// The end of the sensor's chain.
    pub chain: Option<(u64, String)>,
    /// Whether every file is one that a certificate of this sensor covers, as it covers it.
    pub covers_all: bool,
}

/// How a deletion stands to what was handed in before.
pub fn deletion(
    reader: &Reader<'_>,
    org: &OrgId,
    deletion: &Deletion,
) -> Result<Standing, StoreFailure> {
    let sensor = deletion.sensor.to_string();
    let same_number = reader.first(
        "SELECT d.digest, a.position FROM sift_deletion d \
         JOIN office_audit a ON a.subject = d.digest AND a.command = 'sift.deletion' \
         WHERE d.org = $1 AND d.sensor = $2 AND d.sequence = $3",
        &[Value::from(org), Value::from(&sensor), Value::from(deletion.sequence)],
        |row| Ok((row.text(0)?, row.count(1)?)),
    )?;
    let mut covers_all = true;
    for gone in &deletion.files {
        let found = numbered(reader, org, &sensor, gone.sequence)?;
        let certified =
            found.and_then(|taken| Deleted::of(&taken.certificate, &gone.path, gone.found));
        covers_all &= certified.as_ref() == Some(gone);
    }
    Ok(Standing { same_number, chain: chain(reader, org, &sensor)?, covers_all })
}

/// Totals over all certificates: seen, kept, unmatched, direction, content, errors; and how many certificates.
pub fn totals(reader: &Reader<'_>) -> Result<([u64; 6], u64), StoreFailure> {
    let sum = "SELECT COALESCE(SUM(seen), 0), COALESCE(SUM(kept), 0), COALESCE(SUM(unmatched), 0), \
         COALESCE(SUM(direction), 0), COALESCE(SUM(content), 0), COALESCE(SUM(errors), 0), COUNT(*) FROM sift_certificate";
    let found = reader.first(sum, &[], |row| {
        let mut sums = [0; 6];
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum = row.count(at)?;
        }
        Ok((sums, row.count(6)?))
    })?;
    Ok(found.unwrap_or_default())
}

/// The list of selectors as of now.
#[derive(Debug, Clone)]
pub struct SelectorList {
    /// What a sensor reads.
    pub text: String,
    /// The digest that certificates name.
    pub digest: Digest,
    /// How many selectors.
    pub count: usize,
    /// What indicators name and no sensor can look for: locators, hashes, prefixes that would take in too much.
    pub passed: usize,
    /// What is on a warning list and nobody vouched for.
    pub doubtful: usize,
}

/// What is looked for: until when, and when it was last changed.
type Terms = (Option<Timestamp>, Option<Timestamp>);

/// Values that indicators in force look for.
struct Sought {
    values: BTreeMap<SelectorValue, Terms>,
    passed: usize,
    doubtful: usize,
}

fn sought(
    reader: &Reader<'_>,
    lists: &evidence::lists::Loaded,
    now: Timestamp,
) -> Result<Sought, StoreFailure> {
    let mut values: BTreeMap<SelectorValue, Terms> = BTreeMap::new();
    let (mut passed, mut doubtful) = (0, 0);
    for wanted in evidence::read::wanted(reader, now)? {
        if lists.is_doubtful(&wanted.observable) {
            doubtful += 1;
            continue;
        }
        let value = match &wanted.observable {
            Observable::Url(_) | Observable::FileHash(_) => None,
            other => SelectorValue::parse(&other.to_string()).ok(),
        };
        let Some(value) = value else {
            passed += 1;
            continue;
        };
        // Of several indicators the one that holds longest decides; none ends at no time.
        let (until, modified) = values.entry(value).or_insert((wanted.until, wanted.modified));
        *until = until.zip(wanted.until).map(|(left, right)| left.max(right));
        *modified = (*modified).max(wanted.modified);
    }
    Ok(Sought { values, passed, doubtful })
}

/// What indicators in force at `now` look for, as sensors can look for it. The same graph gives the same list.
pub fn selectors(
    reader: &Reader<'_>,
    lists: &evidence::lists::Loaded,
    now: Timestamp,
) -> Result<SelectorList, StoreFailure> {
    let Sought { values, passed, doubtful } = sought(reader, lists, now)?;
    let mut text = String::from(
        "# Noroshi selectors: what indicators in force look for. One a line, or type,value,id,version,expires.\n",
    );
    let mut list = Vec::with_capacity(values.len());
    for (value, (until, _)) in values {
        // Writing to a string cannot fail.
        let _ok = match until {
            None => writeln!(text, "{value}"),
            Some(until) => writeln!(text, "{},{},,1,{until}", value.kind(), plain(&value)),
        };
        list.push(Selector { expires: until, ..Selector::plain(value) });
    }
    let count = list.len();
    let index =
        SelectorIndex::build(list).map_err(|problem| StoreFailure::Damaged(problem.to_string()))?;
    Ok(SelectorList { text, digest: index.digest(), count, passed, doubtful })
}

/// The same for one mandate: each selector is of its measure and its approval, ends with it at the latest, and has for its
/// version the second in which the indicator was last changed, so that a change makes it another selector. A sensor
/// under the mandate looks for nothing else.
pub fn selectors_under(
    reader: &Reader<'_>,
    lists: &evidence::lists::Loaded,
    mandate: &Mandate,
    now: Timestamp,
) -> Result<SelectorList, StoreFailure> {
    let Sought { values, passed, doubtful } = sought(reader, lists, now)?;
    let mut text = format!(
        "# Noroshi selectors under the mandate {}: what indicators in force look for, of its measure and approval.\n\
         type,value,id,version,expires,valid_from,measure,approval\n",
        mandate.id
    );
    let mut list = Vec::with_capacity(values.len());
    for (value, (until, modified)) in values {
        let expires = until.map_or(mandate.not_after, |until| until.min(mandate.not_after));
        let version = modified.and_then(|at| u32::try_from(at.as_second()).ok()).unwrap_or(1);
        // Writing to a string cannot fail.
        let _ok = writeln!(
            text,
            "{},{},,{version},{expires},{},{},{}",
            value.kind(),
            plain(&value),
            mandate.not_before,
            mandate.measure,
            mandate.approval
        );
        list.push(Selector {
            version,
            expires: Some(expires),
            valid_from: Some(mandate.not_before),
            measure: Some(mandate.measure.clone()),
            approval: Some(mandate.approval.clone()),
            ..Selector::plain(value)
        });
    }
    let count = list.len();
    let index =
        SelectorIndex::build(list).map_err(|problem| StoreFailure::Damaged(problem.to_string()))?;
    Ok(SelectorList { text, digest: index.digest(), count, passed, doubtful })
}

/// The value as the columned form has it: its kind already says whether names below are meant.
fn plain(value: &SelectorValue) -> String {
    let text = value.to_string();
    text.strip_prefix('=').map(ToOwned::to_owned).unwrap_or(text)
}
