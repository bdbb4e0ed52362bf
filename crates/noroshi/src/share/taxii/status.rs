//! The status resource: what became of each object that was handed in (TAXII 2.1 §4.3).

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::Ready;
use super::place::Root;
use crate::house::House;
use crate::office::ctx::Ctx;
use crate::office::store::{Reader, StoreFailure, Value};
use crate::web::locale::{Lang, Words};
use crate::web::refusal::{Failure, Refusal, say};

/// One entry of what was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the envelope.
    pub entry: u64,
    /// As it calls itself.
    pub id: String,
    /// Its version.
    pub version: String,
    /// `pending`, `success` or `failure`.
    pub state: String,
    /// Why it failed.
    pub code: Option<String>,
}

/// What was handed in at once.
#[derive(Debug, Clone)]
pub struct Push {
    /// When.
    pub at: jiff::Timestamp,
    /// Whether everything in it was dealt with.
    pub complete: bool,
    /// What was in it.
    pub entries: Vec<Entry>,
}

/// What an organisation handed in below an API root.
pub fn push(
    reader: &Reader<'_>,
    root: &str,
    org: &str,
    id: &str,
) -> Result<Option<Push>, StoreFailure> {
    let found = reader.first(
        "SELECT at, state FROM share_push WHERE push = $1 AND root = $2 AND org = $3",
        &[Value::from(id), Value::from(root), Value::from(org)],
        |row| Ok((row.time(0)?, row.text(1)?)),
    )?;
    let Some((at, state)) = found else { return Ok(None) };
    let entries = reader.all(
        "SELECT entry, id, version, state, code FROM share_push_entry WHERE push = $1 ORDER BY entry",
        &[Value::from(id)],
        |row| {
            Ok(Entry {
                entry: row.count(0)?,
                id: row.text(1)?,
                version: row.text(2)?,
                state: row.text(3)?,
                code: row.text_or_none(4)?,
            })
        },
    )?;
    Ok(Some(Push { at, complete: state == "complete", entries }))
}

/// Answers who handed it in; for everybody else it is absent.
pub async fn answer(
    house: &Arc<House>,
    ctx: &Ctx,
    root: &Root,
    id: &str,
) -> Result<Ready, Failure> {
    let (asked, org, path) = (id.to_owned(), ctx.org.to_string(), root.path.clone());
    let found = house.store.read(move |reader| push(reader, &path, &org, &asked)).await?;
    let found = found.ok_or_else(|| Failure::from(Refusal::absent()))?;
    Ok(Ready::json(&resource(id, &found)))
}

/// The status resource (§4.3.1).
pub fn resource(id: &str, push: &Push) -> Json {
    let of = |state: &str| -> Vec<Json> {
        push.entries.iter().filter(|entry| entry.state == state).map(detail).collect()
    };
    let (successes, failures, pendings) = (of("success"), of("failure"), of("pending"));
    let mut body = json!({
        "id": id,
        "status": if push.complete { "complete" } else { "pending" },
        "request_timestamp": format!("{:.6}", push.at),
        "total_count": push.entries.len(),
        "success_count": successes.len(),
        "failure_count": failures.len(),
        "pending_count": pendings.len(),
    });
    if let Some(members) = body.as_object_mut() {
        for (name, list) in
            [("successes", successes), ("failures", failures), ("pendings", pendings)]
        {
            if !list.is_empty() {
                members.insert(name.to_owned(), Json::Array(list));
            }
        }
    }
    body
}

/// A status detail (§4.3.1): messages are for people, so they are words, with the code that programs look for.
fn detail(entry: &Entry) -> Json {
    let mut detail = json!({ "id": entry.id, "version": entry.version });
    if let (Some(code), Some(members)) = (&entry.code, detail.as_object_mut()) {
        let words = Words::new(Lang::En);
        members.insert("message".to_owned(), json!(format!("{code}: {}", say(words, code, &[]))));
    }
    detail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_the_lists_and_empty_lists_are_left_out() {
        let entry = |id: &str, state: &str, code: Option<&str>| Entry {
            entry: 0,
            id: id.to_owned(),
            version: "2026-01-01T00:00:00.000Z".to_owned(),
            state: state.to_owned(),
            code: code.map(str::to_owned),
        };
        let entries = vec![
            entry("a", "success", None),
            entry("b", "failure", Some("NRS-SHAR-0221")),
            entry("c", "success", None),
        ];
        let push = Push { at: jiff::Timestamp::UNIX_EPOCH, complete: true, entries };
        let body = resource("x", &push);
        assert_eq!(
            (body["total_count"].as_u64(), body["success_count"].as_u64()),
            (Some(3), Some(2))
        );
        assert_eq!(body["successes"].as_array().unwrap().len(), 2);
        assert!(body.get("pendings").is_none(), "{body}");
        assert_eq!(body["request_timestamp"], "1970-01-01T00:00:00.000000Z");
        let message = body["failures"][0]["message"].as_str().unwrap();
        assert!(message.starts_with("NRS-SHAR-0221: "), "{message}");
    }
}
