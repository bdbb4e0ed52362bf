//! What is handed out is recorded before the first byte goes: a leaf, and the exact places in the audience's stream.

use jiff::Timestamp;
use noroshi_charter::release::Audience;
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::Fact;
use serde_json::json;

use super::act::Door;
use super::deltas;
use super::recall;
use super::serve::Served;
use crate::office::commit::{Change, Write};
use crate::office::id::{OrgId, fill_random};
use crate::office::secret::hex;
use crate::office::store::Value;

/// Who is handed something, of which stream, through which door.
#[derive(Debug, Clone, Copy)]
pub struct Handing<'a> {
    /// Who receives.
    pub recipient: &'a OrgId,
    /// Whose stream.
    pub audience: &'a Audience,
    /// The view, subscription or peer it goes through, as the log names it.
    pub through: &'a str,
    /// Through which door.
    pub door: Door,
}

impl Handing<'_> {
    /// The change that records it.
    pub fn change(&self, what: &str, items: &[Served], now: Timestamp) -> Change {
        let parts: Vec<String> =
            items.iter().map(|one| format!("{} {}\n", one.object.head().id, one.digest)).collect();
        let objects: Vec<_> = items.iter().map(|one| one.object.head().id.as_str()).collect();
        // Fresh salt: who may see a part of an object must not find the rest by trying.
        let mut salt = [0u8; 32];
        fill_random(&mut salt);
        let (salt, lines) = (hex(&salt), parts.concat());
        let fact = Fact::ShareRead {
            collection: self.through.to_owned(),
            audience: self.audience.label(),
            objects: items.len() as u64,
            digest: Digest::of(format!("{salt}\n{lines}").as_bytes()),
        };
        let mut change = Change::new("share.read", self.through, fact)
            .payload(json!({ "what": what, "objects": objects, "salt": salt, "lines": lines }));
        change.writes.extend(self.delivery(items, now));
        // Whoever is handed a message about a recall has it.
        let notes = items.iter().filter(|one| one.object.object_type() == "note");
        change.writes.extend(notes.map(|one| {
            recall::delivered("notice", one.object.head().id.as_str(), self.recipient, now)
        }));
        change
    }

    /// The row that says which places of a stream were handed out to whom.
    fn delivery(&self, items: &[Served], now: Timestamp) -> Option<Write> {
        let (first, last) = (items.first()?.added, items.last()?.added);
        let added: Vec<i64> = items.iter().map(|one| one.added).collect();
        Some(Write::one(
            // The leaf comes after the rows of its change, so its place is the one after the last.
            "INSERT INTO share_delivery (recipient, audience, first_added, last_added, added, via, at, position) \
             SELECT $1, $2, $3, $4, $5, $6, $7, MAX(position) + 1 FROM office_leaf",
            vec![
                Value::from(self.recipient),
                Value::from(self.audience.label()),
                Value::from(first),
                Value::from(last),
                Value::from(deltas::encode(&added)),
                Value::from(self.door.code()),
                Value::from(now),
            ],
        ))
    }
}
