//! Search: words by the full-text index, values by what is named, identifiers by their node. Each gives orders of
//! arrival, newest first; a page takes as many as it needs and no list is ever built.

use noroshi_evidence::observable::Observable;

use super::{COLUMNS, Filter, Listed, ObjectRow, Sees, admits, object_row};
use crate::evidence::words;
use crate::office::store::{Reader, StoreFailure, Value};

/// Candidates taken at once.
const BATCH: i64 = 500;
/// Matches counted; beyond it there are "at least so many".
const COUNTED_MAX: u64 = 2_000;
/// Candidates looked at for one page.
pub(super) const SCAN_MAX: u64 = 5_000;

/// How the candidates are found.
enum Question {
    /// An identifier, a value, and words that are one of them written out.
    Exact { text: String, words: Option<String> },
    /// Words.
    Words(String),
}

const WORDS: &str = "SELECT rowid FROM evidence_search WHERE evidence_search MATCH $1 AND rowid < $2 \
     ORDER BY rowid DESC LIMIT $3";

fn ask(reader: &Reader<'_>, sql: &str, text: &str, before: i64) -> Result<Vec<i64>, StoreFailure> {
    let params = [Value::from(text), Value::Int(before), Value::Int(BATCH)];
    reader.all(sql, &params, |row| row.int(0))
}

/// Words that many objects hold are looked for as they are: that is read from the newest on. What goes on from a word
/// must be collected whole, which only pays for words that few hold.
fn worded(reader: &Reader<'_>, typed: &str) -> Result<Option<String>, StoreFailure> {
    let Some(exact) = words::exact(typed) else { return Ok(None) };
    let newest = ask(reader, WORDS, &exact, i64::MAX)?;
    let common = newest.len() >= usize::try_from(BATCH).unwrap_or(usize::MAX);
    Ok(if common { Some(exact) } else { words::question(typed) })
}

impl Question {
    fn of(reader: &Reader<'_>, typed: &str) -> Result<Option<Self>, StoreFailure> {
        let typed = typed.trim();
        if !typed.contains(char::is_whitespace) {
            if typed.contains("--") {
                return Ok(Some(Self::Exact { text: typed.to_owned(), words: None }));
            }
            if let Ok(observable) = Observable::parse(typed) {
                let (text, words) = (observable.to_string(), words::exact(typed));
                return Ok(Some(Self::Exact { text, words }));
            }
        }
        Ok(worded(reader, typed)?.map(Self::Words))
    }

    fn candidates(&self, reader: &Reader<'_>, before: i64) -> Result<Vec<i64>, StoreFailure> {
        let ask = |sql: &str, text: &str| ask(reader, sql, text, before);
        match self {
            Self::Words(text) => ask(WORDS, text),
            Self::Exact { text, words: written } => {
                let mut found = ask(
                    "SELECT o.seq FROM evidence_id n JOIN evidence_object o ON o.node = n.node AND o.latest = 1 \
                     WHERE n.slot IN (fresh($1), settled($1)) AND n.id = $1 AND o.seq < $2 LIMIT $3",
                    text,
                )?;
                found.extend(ask(
                    "SELECT p.seq FROM evidence_posting p JOIN evidence_naming n ON n.seq = p.seq AND n.value = $1 \
                     WHERE p.slot IN (fresh($1), settled($1)) AND p.seq < $2 ORDER BY p.slot DESC, p.seq DESC LIMIT $3",
                    text,
                )?);
                if let Some(written) = written {
                    found.extend(ask(WORDS, written)?);
                }
                found.sort_unstable_by_key(|seq| std::cmp::Reverse(*seq));
                found.dedup();
                found.truncate(usize::try_from(BATCH).unwrap_or(usize::MAX));
                Ok(found)
            }
        }
    }
}

/// What matches before `before`, newest arrivals first, at most `limit`.
pub(super) fn found(
    reader: &Reader<'_>,
    sees: Sees,
    filter: &Filter,
    before: i64,
    limit: u32,
) -> Result<Listed, StoreFailure> {
    let mut listed = Listed { counted_all: true, ..Listed::default() };
    let Some(question) = Question::of(reader, &filter.q)? else { return Ok(listed) };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut before = before;
    loop {
        let batch = question.candidates(reader, before)?;
        let ended = batch.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
        for seq in batch {
            before = seq;
            listed.looked += 1;
            let Some(row) = at(reader, sees, seq)?.filter(|row| takes(filter, row)) else {
                continue;
            };
            if row.hidden && !filter.hidden {
                listed.hidden += 1;
                continue;
            }
            listed.total += 1;
            if listed.rows.len() < limit {
                listed.rows.push(row);
            }
        }
        let full = listed.rows.len() >= limit;
        let counted = listed.total + listed.hidden >= COUNTED_MAX;
        if ended || (full && counted) || listed.looked >= SCAN_MAX {
            listed.counted_all = ended;
            listed.next = next(&listed, before, ended);
            return Ok(listed);
        }
    }
}

/// Where the next page begins: after the last that is shown when there are more, else where the looking ended.
fn next(listed: &Listed, before: i64, ended: bool) -> Option<u64> {
    if usize::try_from(listed.total).unwrap_or(usize::MAX) > listed.rows.len() {
        return listed.rows.last().map(|row| row.seq);
    }
    (!ended).then(|| u64::try_from(before).unwrap_or(0))
}

fn takes(filter: &Filter, row: &ObjectRow) -> bool {
    filter.kind.is_empty() || filter.kind == row.kind
}

/// A latest version, when the reader sees it.
fn at(reader: &Reader<'_>, sees: Sees, seq: i64) -> Result<Option<ObjectRow>, StoreFailure> {
    let sql = format!(
        "SELECT {COLUMNS} FROM evidence_object o WHERE o.seq = $1 AND o.latest = 1 AND {}",
        admits("o", "$2")
    );
    reader.first(&sql, &[Value::Int(seq), sees.key()], object_row)
}
