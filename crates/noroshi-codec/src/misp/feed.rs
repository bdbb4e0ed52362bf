//! MISP feeds: a folder of events with a manifest that says which there are and when each was changed.
//!
//! A feed is `manifest.json`, one `UUID.json` for each event, and `hashes.csv`, which names the event a value stands
//! in by the MD5 of the value. Where the files come from is the caller's: a closure answers the bytes of a name.
//!
//! ```
//! use noroshi_codec::misp::feed;
//! let event = br#"{"Event":{"uuid":"5d0092c5-5f74-4287-9642-33f4c354e56d","info":"Kiln","timestamp":"1764000000"}}"#;
//! let manifest = br#"{"5d0092c5-5f74-4287-9642-33f4c354e56d":{"info":"Kiln","timestamp":"1764000000"}}"#;
//! let read = |name: &str| match name {
//!     "manifest.json" => Some(manifest.to_vec()),
//!     "5d0092c5-5f74-4287-9642-33f4c354e56d.json" => Some(event.to_vec()),
//!     _ => None,
//! };
//! let first = feed::changed(read, &feed::Cursor::default());
//! assert_eq!(first.events.len(), 1);
//! assert!(feed::changed(read, &first.cursor).events.is_empty());
//! ```

use std::collections::BTreeMap;

use jiff::Timestamp;
use noroshi_evidence::json::Scanner;
use serde_json::Value;
use uuid::Uuid;

use super::read::{text_of_value, time_of};
use super::{Converted, EVENT_BYTES_MAX, Problem, Reason, shown, to_stix};

/// The name of the list of events.
pub const MANIFEST: &str = "manifest.json";
/// The name of the list of values.
pub const HASHES: &str = "hashes.csv";
/// Most events of a manifest looked at.
pub const EVENTS_MAX: usize = 1_000_000;

/// What was read of a feed already: each event with the time it was changed. Keep it for the next time.
pub type Cursor = BTreeMap<Uuid, Timestamp>;

/// What changed since the cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changed {
    /// Events that are new or were changed, in the order of their changes.
    pub events: Vec<(Uuid, Converted)>,
    /// Events the manifest does not list any more.
    pub gone: Vec<Uuid>,
    /// What could not be read; such events stay out of the cursor, so that they are tried again.
    pub problems: Vec<Problem>,
    /// Where to go on.
    pub cursor: Cursor,
}

/// Reads what changed since `since`. `read` answers the bytes of a file of the feed.
pub fn changed(mut read: impl FnMut(&str) -> Option<Vec<u8>>, since: &Cursor) -> Changed {
    let mut changed = Changed { cursor: since.clone(), ..Changed::default() };
    let Some(bytes) = read(MANIFEST) else {
        changed.blame(MANIFEST, None, Reason::NoFile(MANIFEST.to_owned()));
        return changed;
    };
    let Some(listed) = manifest(&bytes, &mut changed) else {
        changed.blame(MANIFEST, None, Reason::Manifest);
        return changed;
    };
    changed.gone = since.keys().filter(|uuid| !listed.contains_key(uuid)).copied().collect();
    for uuid in &changed.gone {
        changed.cursor.remove(uuid);
    }
    let newer = |uuid: &Uuid, at: &Timestamp| since.get(uuid).is_none_or(|held| at > held);
    let mut wanted: Vec<(Timestamp, Uuid)> =
        listed.iter().filter(|(uuid, at)| newer(uuid, at)).map(|(uuid, at)| (*at, *uuid)).collect();
    wanted.sort_unstable();
    for (at, uuid) in wanted {
        let name = format!("{uuid}.json");
        match read(&name) {
            None => changed.blame(&name, Some(uuid), Reason::NoFile(name.clone())),
            Some(bytes) => changed.event(uuid, at, &name, &bytes),
        }
    }
    changed
}

impl Changed {
    fn blame(&mut self, place: &str, uuid: Option<Uuid>, reason: Reason) {
        let uuid = uuid.map(|uuid| uuid.to_string());
        self.problems.push(Problem { place: place.to_owned(), bytes: None, uuid, reason });
    }

    fn event(&mut self, uuid: Uuid, at: Timestamp, name: &str, bytes: &[u8]) {
        let made = to_stix(bytes);
        let held = made.bundle.as_ref().map(noroshi_evidence::id::StixId::uuid);
        match held {
            // An event under another's name would let a publisher replace what others sent.
            Some(held) if held != uuid => {
                self.blame(name, Some(uuid), Reason::OtherEvent(name.to_owned()));
            }
            Some(_) => {
                self.cursor.insert(uuid, at);
                self.events.push((uuid, made));
            }
            None => {
                let reason = made.problems.into_iter().next().map(|problem| problem.reason);
                self.blame(name, Some(uuid), reason.unwrap_or(Reason::NotAnEvent));
            }
        }
    }
}

/// The events of a manifest with the times of their last changes.
fn manifest(bytes: &[u8], changed: &mut Changed) -> Option<BTreeMap<Uuid, Timestamp>> {
    if bytes.len() > EVENT_BYTES_MAX {
        return None;
    }
    let text = core::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).ok()?;
    let mut members = Vec::new();
    let mut scanner = Scanner::new(text);
    let object = scanner.value(&mut members).ok()?.text.starts_with('{');
    if !object || !scanner.at_end() {
        return None;
    }
    let mut listed = BTreeMap::new();
    for member in members.iter().take(EVENTS_MAX) {
        let name = member.name.as_ref();
        let at = Scanner::new(member.value)
            .value(&mut Vec::new())
            .ok()
            .filter(|scanned| scanned.fault.is_none())
            .and_then(|scanned| serde_json::from_str::<Value>(scanned.text).ok())
            .and_then(|entry| time_of(&text_of_value(entry.get("timestamp")?)?));
        if let (Ok(uuid), Some(at)) = (Uuid::try_parse(name), at) {
            listed.insert(uuid, at);
        } else {
            let place = format!("{MANIFEST}/{}", shown(name));
            let reason = Reason::Form { member: "timestamp", expected: "a time of an event" };
            changed.blame(&place, None, reason);
        }
    }
    Some(listed)
}

/// The events a value stands in, by the MD5 of the value; lines that are none are passed over.
pub fn hashes(bytes: &[u8]) -> BTreeMap<String, Vec<Uuid>> {
    let mut found: BTreeMap<String, Vec<Uuid>> = BTreeMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(line) = core::str::from_utf8(line) else { continue };
        let Some((digest, uuid)) = line.trim().split_once(',') else { continue };
        let hex = digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let (true, Ok(uuid)) = (hex, Uuid::try_parse(uuid.trim())) {
            found.entry(digest.to_ascii_lowercase()).or_default().push(uuid);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "5d0092c5-5f74-4287-9642-33f4c354e56d";
    const SECOND: &str = "8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f";

    fn event(uuid: &str) -> Vec<u8> {
        format!(r#"{{"Event":{{"uuid":"{uuid}","info":"Kiln","timestamp":"1764000000"}}}}"#).into()
    }

    fn check(files: &[(&str, Vec<u8>)], since: &Cursor, expected: &[&str]) -> Changed {
        let read = |name: &str| {
            files.iter().find(|(file, _)| *file == name).map(|(_, bytes)| bytes.clone())
        };
        let changed = changed(read, since);
        let mut found: Vec<String> =
            changed.events.iter().map(|(uuid, _)| uuid.to_string()).collect();
        found.extend(changed.gone.iter().map(|uuid| format!("-{uuid}")));
        found.extend(changed.problems.iter().map(|p| format!("{} {}", p.reason.code(), p.place)));
        assert_eq!(found, expected);
        changed
    }

    #[test]
    fn only_what_changed_is_read_and_what_failed_is_tried_again() {
        let manifest = |first: u64, second: u64| {
            format!(
                r#"{{"{FIRST}":{{"timestamp":"{first}"}},"{SECOND}":{{"timestamp":{second}}}}}"#
            )
        };
        let (a, b) = (format!("{FIRST}.json"), format!("{SECOND}.json"));
        let both =
            [(MANIFEST, manifest(20, 10).into_bytes()), (&a, event(FIRST)), (&b, event(SECOND))];
        let first = check(&both, &Cursor::new(), &[SECOND, FIRST]);
        check(&both, &first.cursor, &[]);
        let later = [(MANIFEST, manifest(20, 11).into_bytes()), (a.as_str(), event(FIRST))];
        let missing = check(&later, &first.cursor, &[&format!("NRS-CODC-0130 {b}")]);
        assert_eq!(missing.cursor, first.cursor);
        let swapped = [(MANIFEST, manifest(20, 11).into_bytes()), (b.as_str(), event(FIRST))];
        check(&swapped, &first.cursor, &[&format!("NRS-CODC-0132 {b}")]);
        let gone = [(MANIFEST, format!(r#"{{"{FIRST}":{{"timestamp":"20"}}}}"#).into_bytes())];
        let gone = check(&gone, &first.cursor, &[&format!("-{SECOND}")]);
        assert_eq!(gone.cursor.len(), 1);
    }

    #[test]
    fn a_bad_manifest_is_a_problem() {
        check(&[], &Cursor::new(), &["NRS-CODC-0130 manifest.json"]);
        for text in ["[]", "{", "nul", "\u{fe}", "{} {}"] {
            let files = [(MANIFEST, text.as_bytes().to_vec())];
            check(&files, &Cursor::new(), &["NRS-CODC-0131 manifest.json"]);
        }
        let odd = format!(r#"{{"../../etc/passwd":{{"timestamp":"1"}},"{FIRST}":{{}}}}"#);
        let expected = [
            "NRS-CODC-0106 manifest.json/../../etc/passwd",
            &format!("NRS-CODC-0106 manifest.json/{FIRST}"),
        ];
        check(&[(MANIFEST, odd.into_bytes())], &Cursor::new(), &expected);
    }

    #[test]
    fn hashes_name_the_events_a_value_stands_in() {
        let text = format!(
            "b2a5abfeef9e36964281a31e17b57c97,{FIRST}\nnonsense\nB2A5ABFEEF9E36964281A31E17B57C97,{SECOND}\r\n"
        );
        let found = hashes(text.as_bytes());
        assert_eq!(found["b2a5abfeef9e36964281a31e17b57c97"].len(), 2);
        assert_eq!(found.len(), 1);
    }
}
