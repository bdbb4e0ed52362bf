//! What was put aside: entries that are no acceptable objects, and versions that contradict what is held.

use std::ops::Range;

use jiff::Timestamp;
use noroshi_evidence::marking::{LegalClass, Tlp};

use super::rows::tlp_code;
use crate::office::commit::Write;
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// Codes counted.
const CODES_MAX: i64 = 200;

/// How an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody has decided.
    Open,
    /// What was meant came in, mended or as it was.
    Mended,
    /// It is not wanted.
    Dismissed,
    /// A contradiction: what is held stays.
    Kept,
    /// A contradiction: it came in as a new version.
    Taken,
}

impl State {
    /// Every state, in the order offered.
    pub const ALL: [Self; 5] = [Self::Open, Self::Mended, Self::Dismissed, Self::Kept, Self::Taken];

    /// The code in rows, addresses and the API.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Mended => "mended",
            Self::Dismissed => "dismissed",
            Self::Kept => "kept",
            Self::Taken => "taken",
        }
    }
}

/// Something to be put aside.
#[derive(Debug, Clone)]
pub(super) struct Put<'a> {
    /// `quarantine` or `conflict`.
    pub(super) kind: &'static str,
    /// What it calls itself.
    pub(super) id: Option<&'a str>,
    /// Stable code of the reason.
    pub(super) code: &'static str,
    /// The reason with its particulars.
    pub(super) reason: &'a str,
    /// What arrived, or its beginning.
    pub(super) bytes: Vec<u8>,
    /// Digest of all that arrived.
    pub(super) digest: String,
    /// How it came.
    pub(super) source: &'a str,
    /// The least colour it came under.
    pub(super) tlp: Option<Tlp>,
    /// The legal class it came under.
    pub(super) class: LegalClass,
    /// Whose it is.
    pub(super) originator: &'a str,
}

/// The same bytes with the same fault are kept once, under the stricter of the terms under which they came: the lists
/// name colours and classes from the freest to the strictest. What a party agreement brought too counts as brought by it
/// ([`super::rows::FROM_AGREEMENTS`]).
const INSERT: &str = "INSERT INTO evidence_aside (at, kind, id, code, reason, bytes, source, digest, tlp, class, originator) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (code, digest) DO UPDATE SET \
     tlp = CASE WHEN COALESCE(instr('clear green amber amber-strict red', excluded.tlp), 0) \
     > COALESCE(instr('clear green amber amber-strict red', evidence_aside.tlp), 0) \
     THEN excluded.tlp ELSE evidence_aside.tlp END, \
     class = CASE WHEN instr('|CIA-N|CIA-P|CIA-PM|CIA|', '|' || excluded.class || '|') \
     > COALESCE(instr('|CIA-N|CIA-P|CIA-PM|CIA|', '|' || evidence_aside.class || '|'), 0) \
     THEN excluded.class ELSE evidence_aside.class END, \
     source = CASE WHEN excluded.source LIKE 'agreement:%' THEN excluded.source ELSE evidence_aside.source END";

/// The write that keeps it.
pub(super) fn put(what: Put<'_>, now: Timestamp) -> Write {
    Write::new(
        INSERT,
        vec![
            Value::from(now),
            Value::from(what.kind),
            Value::from(what.id),
            Value::from(what.code),
            Value::from(what.reason),
            Value::from(what.bytes),
            Value::from(what.source),
            Value::from(what.digest),
            Value::from(what.tlp.map(tlp_code)),
            Value::from(what.class.code()),
            Value::from(what.originator),
        ],
    )
}

/// Which entries.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// A state; empty for all.
    pub state: String,
    /// `quarantine` or `conflict`; empty for both.
    pub kind: String,
    /// A code; empty for all.
    pub code: String,
    /// A source; empty for all.
    pub source: String,
    /// Part of an identifier; empty for all.
    pub q: String,
}

const WHERE: &str = "($1 = '' OR state = $1) AND ($2 = '' OR kind = $2) AND ($3 = '' OR code = $3) \
     AND ($4 = '' OR source = $4) AND ($5 = '' OR id LIKE '%' || $5 || '%' ESCAPE '!')";

impl Filter {
    fn params(&self) -> Vec<Value> {
        let part = self.q.replace('!', "!!").replace('%', "!%").replace('_', "!_");
        let texts = [&self.state, &self.kind, &self.code, &self.source, &part];
        texts.into_iter().map(Value::from).collect()
    }
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Of arrival.
    Arrival,
    /// Of code.
    Code,
    /// Of source.
    Source,
}

impl Order {
    /// Reads the name of a column; of arrival for anything else.
    pub fn of(column: &str) -> Self {
        match column {
            "code" => Self::Code,
            "source" => Self::Source,
            _ => Self::Arrival,
        }
    }

    const fn column(self) -> &'static str {
        match self {
            Self::Arrival => "''",
            Self::Code => "code",
            Self::Source => "source",
        }
    }
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// Its number.
    pub aside: u64,
    /// When it was put aside.
    pub at: Timestamp,
    /// `quarantine` or `conflict`.
    pub kind: String,
    /// What it calls itself.
    pub id: Option<String>,
    /// Stable code of the reason.
    pub code: String,
    /// The reason with its particulars.
    pub reason: String,
    /// How it came.
    pub source: String,
    /// How it stands.
    pub state: String,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// Why.
    pub decision: Option<String>,
    /// The object that came of it.
    pub retried_as: Option<String>,
    /// The least colour under which it came (see [`tlp_code`]): whatever comes of it has at least this one.
    pub tlp: Option<String>,
    /// The legal class under which it came: whatever comes of it has at least this one. Absent for what was put aside
    /// before classes were kept.
    pub class: Option<String>,
    /// Whose it is.
    pub originator: Option<String>,
}

const COLUMNS: &str = "aside, at, kind, id, code, reason, source, state, decided_by, decided_at, decision, retried_as, \
     tlp, class, originator";
const COLUMNS_COUNT: usize = 15;

fn aside_of(row: &Row<'_, '_>) -> Result<Aside, StoreFailure> {
    Ok(Aside {
        aside: row.count(0)?,
        at: row.time(1)?,
        kind: row.text(2)?,
        id: row.text_or_none(3)?,
        code: row.text(4)?,
        reason: row.text(5)?,
        source: row.text(6)?,
        state: row.text(7)?,
        decided_by: row.text_or_none(8)?,
        decided_at: row.time_or_none(9)?,
        decision: row.text_or_none(10)?,
        retried_as: row.text_or_none(11)?,
        tlp: row.text_or_none(12)?,
        class: row.text_or_none(13)?,
        originator: row.text_or_none(14)?,
    })
}

/// The place of an entry in an order, as it stands in addresses.
pub fn place(order: Order, entry: &Aside) -> String {
    match order {
        Order::Arrival => entry.aside.to_string(),
        Order::Code => format!("{}.{}", entry.aside, entry.code),
        Order::Source => format!("{}.{}", entry.aside, entry.source),
    }
}

/// Entries after a place, at most `limit`.
pub fn list(
    reader: &Reader<'_>,
    filter: &Filter,
    (order, descending): (Order, bool),
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Aside>, StoreFailure> {
    let (sign, way) = if descending { ("<", "DESC") } else { (">", "ASC") };
    let column = order.column();
    let begun = after.map_or("1 = 1 OR ($6 = $6 AND $7 = $7)".to_owned(), |_| {
        format!("({column}, aside) {sign} ($6, $7)")
    });
    let sql = format!(
        "SELECT {COLUMNS} FROM evidence_aside WHERE {WHERE} AND ({begun}) \
         ORDER BY {column} {way}, aside {way} LIMIT $8"
    );
    let (number, text) = after.map_or(("0", ""), |at| at.split_once('.').unwrap_or((at, "")));
    let mut params = filter.params();
    params.push(Value::from(text));
    params.push(Value::Int(number.parse().unwrap_or(0)));
    params.push(Value::Int(i64::from(limit)));
    reader.all(&sql, &params, aside_of)
}

/// How many there are.
pub fn count(reader: &Reader<'_>, filter: &Filter) -> Result<u64, StoreFailure> {
    let sql = format!("SELECT COUNT(*) FROM evidence_aside WHERE {WHERE}");
    Ok(u64::try_from(reader.number(&sql, &filter.params())?).unwrap_or(0))
}

/// How many there are of each code, most first.
pub fn by_code(reader: &Reader<'_>, filter: &Filter) -> Result<Vec<(String, u64)>, StoreFailure> {
    let sql = format!(
        "SELECT code, COUNT(*) FROM evidence_aside WHERE {WHERE} GROUP BY code ORDER BY COUNT(*) DESC, code LIMIT $6"
    );
    let mut params = filter.params();
    params.push(Value::Int(CODES_MAX));
    reader.all(&sql, &params, |row| Ok((row.text(0)?, row.count(1)?)))
}

/// The sources there are, in order.
pub fn sources(reader: &Reader<'_>) -> Result<Vec<String>, StoreFailure> {
    let sql = "SELECT DISTINCT source FROM evidence_aside ORDER BY source LIMIT $1";
    reader.all(sql, &[Value::Int(CODES_MAX)], |row| row.text(0))
}

/// An entry with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// The entry.
    pub entry: Aside,
    /// What arrived; the beginning of it when it was long.
    pub bytes: Vec<u8>,
    /// Digest of all that arrived.
    pub digest: String,
    /// What was brought in instead.
    pub mended: Option<Vec<u8>>,
}

impl Whole {
    /// Whether the bytes are all that arrived. A contradiction is kept whole; its digest is that of the object.
    pub fn is_whole(&self) -> bool {
        self.entry.kind == "conflict"
            || noroshi_ledger::digest::Digest::of(&self.bytes).to_string() == self.digest
    }

    /// The text as a person can mend it.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// One entry.
pub fn one(reader: &Reader<'_>, aside: u64) -> Result<Option<Whole>, StoreFailure> {
    let sql = format!(
        "SELECT {COLUMNS}, bytes, digest, mended IS NULL, COALESCE(mended, '') FROM evidence_aside WHERE aside = $1"
    );
    reader.first(&sql, &[Value::from(aside)], |row| {
        let mended =
            if row.truth(COLUMNS_COUNT + 2)? { None } else { Some(row.blob(COLUMNS_COUNT + 3)?) };
        Ok(Whole {
            entry: aside_of(row)?,
            bytes: row.blob(COLUMNS_COUNT)?,
            digest: row.text(COLUMNS_COUNT + 1)?,
            mended,
        })
    })
}

/// Where in the text the reason lies, as far as it can be told: the place at which it stops being JSON, the first byte
/// that is no UTF-8, or the member that the reason names.
pub fn fault_place(bytes: &[u8], reason: &str) -> Option<Range<usize>> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(problem) => {
            let at = problem.valid_up_to();
            return Some(at..at.saturating_add(problem.error_len().unwrap_or(1)).min(bytes.len()));
        }
    };
    if let Err(problem) = serde_json::from_str::<serde_json::Value>(text) {
        let before = text.split_inclusive('\n').take(problem.line().saturating_sub(1));
        let line: usize = before.map(str::len).sum();
        let at = line.saturating_add(problem.column()).saturating_sub(1).min(text.len());
        let at = text.floor_char_boundary(at);
        let end =
            text.get(at..).and_then(|rest| rest.chars().next()).map_or(at, |c| at + c.len_utf8());
        return Some(at..end);
    }
    let named = reason.split('`').nth(1)?;
    let quoted = format!("\"{named}\"");
    let at = text.find(&quoted)?;
    Some(at..at + quoted.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], reason: &str, expected: Option<&[u8]>) {
        let found = fault_place(bytes, reason).map(|place| bytes[place].to_vec());
        assert_eq!(found.as_deref(), expected, "{reason}");
    }

    #[test]
    fn the_place_of_a_fault_is_found_where_it_can_be() {
        check(b"{\"a\": 1,}", "an object is not valid JSON", Some(b"}"));
        check(b"{\n\"a\": tru\n}", "an object is not valid JSON", Some(b"\n"));
        check(
            br#"{"created":"x"}"#,
            "the property `created` is not a timestamp",
            Some(b"\"created\""),
        );
        check(br#"{"type":"x"}"#, "the required property `id` is missing", None);
        check(b"{\"a\":\"\xff\"}", "the input is not UTF-8", Some(b"\xff"));
        check(b"", "nothing", Some(b""));
    }
}
