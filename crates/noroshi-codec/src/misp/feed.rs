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
//! let mut first = feed::changed(read, &feed::Cursor::default());
//! let event = first.next().unwrap();
//! first.keep(&event);
//! assert!(first.next().is_none());
//! assert!(feed::changed(read, &first.cursor).next().is_none());
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

/// An event that is new or was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its identifier.
    pub uuid: Uuid,
    /// When it was changed.
    pub at: Timestamp,
    /// What it says.
    pub converted: Converted,
}

/// What changed since a cursor: the events in the order of their changes, each read when it is asked for, so that one of
/// them is in memory at a time.
#[derive(Debug)]
pub struct Changed<R> {
    read: R,
    wanted: std::vec::IntoIter<(Timestamp, Uuid)>,
    /// Events the manifest does not list any more.
    pub gone: Vec<Uuid>,
    /// What could not be read so far; such events stay out of the cursor, so that they are tried again.
    pub problems: Vec<Problem>,
    /// Where to go on: what was kept so far is not read again before it changes.
    pub cursor: Cursor,
}

/// Reads what changed since `since`. `read` answers the bytes of a file of the feed.
pub fn changed<R: FnMut(&str) -> Option<Vec<u8>>>(mut read: R, since: &Cursor) -> Changed<R> {
    let (mut problems, mut cursor) = (Vec::new(), since.clone());
    let listed = match read(MANIFEST) {
        None => Err(Reason::NoFile(MANIFEST.to_owned())),
        Some(bytes) => manifest(&bytes, &mut problems).ok_or(Reason::Manifest),
    };
    let (mut gone, mut wanted) = (Vec::new(), Vec::new());
    match listed {
        Err(reason) => blame(&mut problems, MANIFEST, None, reason),
        Ok(listed) => {
            gone.extend(since.keys().filter(|uuid| !listed.contains_key(uuid)));
            cursor.retain(|uuid, _| listed.contains_key(uuid));
            let newer = |uuid: &Uuid, at: &Timestamp| since.get(uuid).is_none_or(|held| at > held);
            let newer = listed.iter().filter(|(uuid, at)| newer(uuid, at));
            wanted.extend(newer.map(|(uuid, at)| (*at, *uuid)));
        }
    }
    wanted.sort_unstable();
    Changed { read, wanted: wanted.into_iter(), gone, problems, cursor }
}

fn blame(problems: &mut Vec<Problem>, place: &str, uuid: Option<Uuid>, reason: Reason) {
    let uuid = uuid.map(|uuid| uuid.to_string());
    problems.push(Problem { place: place.to_owned(), bytes: None, uuid, reason });
}

impl<R> Changed<R> {
    /// Notes that an event was brought in.
    pub fn keep(&mut self, event: &Event) {
        self.cursor.insert(event.uuid, event.at);
    }
}

impl<R: FnMut(&str) -> Option<Vec<u8>>> Iterator for Changed<R> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        while let Some((at, uuid)) = self.wanted.next() {
            let name = format!("{uuid}.json");
            let found = match (self.read)(&name) {
                None => Err(Reason::NoFile(name.clone())),
                Some(bytes) => event(uuid, &name, &bytes),
            };
            match found {
                Ok(converted) => return Some(Event { uuid, at, converted }),
                Err(reason) => blame(&mut self.problems, &name, Some(uuid), reason),
            }
        }
        None
    }
}

/// An event of a feed, or why it is none.
fn event(uuid: Uuid, name: &str, bytes: &[u8]) -> Result<Converted, Reason> {
    let made = to_stix(bytes);
    match made.bundle.as_ref().map(noroshi_evidence::id::StixId::uuid) {
        // An event under another's name would let a publisher replace what others sent.
        Some(held) if held != uuid => Err(Reason::OtherEvent(name.to_owned())),
        Some(_) => Ok(made),
        None => {
            let reason = made.problems.into_iter().next().map(|problem| problem.reason);
            Err(reason.unwrap_or(Reason::NotAnEvent))
        }
    }
}

/// The events of a manifest with the times of their last changes.
fn manifest(bytes: &[u8], problems: &mut Vec<Problem>) -> Option<BTreeMap<Uuid, Timestamp>> {
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
            blame(problems, &place, None, reason);
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

    /// Brings every event in; answers where to go on.
    fn check(files: &[(&str, Vec<u8>)], since: &Cursor, expected: &[&str]) -> Cursor {
        let read = |name: &str| {
            files.iter().find(|(file, _)| *file == name).map(|(_, bytes)| bytes.clone())
        };
        let mut changed = changed(read, since);
        let mut found = Vec::new();
        while let Some(event) = changed.next() {
            found.push(event.uuid.to_string());
            changed.keep(&event);
        }
        found.extend(changed.gone.iter().map(|uuid| format!("-{uuid}")));
        found.extend(changed.problems.iter().map(|p| format!("{} {}", p.reason.code(), p.place)));
        assert_eq!(found, expected);
        changed.cursor
    }

    #[test]
    fn an_event_is_read_when_it_is_asked_for_and_kept_when_it_was_brought_in() {
        let manifest =
            format!(r#"{{"{FIRST}":{{"timestamp":"10"}},"{SECOND}":{{"timestamp":"20"}}}}"#);
        let files = |name: &str| match name {
            MANIFEST => Some(manifest.clone().into_bytes()),
            _ => name.strip_suffix(".json").map(event),
        };
        let asked = core::cell::RefCell::new(Vec::new());
        let read = |name: &str| {
            asked.borrow_mut().push(name.to_owned());
            files(name)
        };
        let mut walk = changed(read, &Cursor::new());
        assert_eq!(*asked.borrow(), [MANIFEST], "nothing is converted before it is asked for");
        let first = walk.next().unwrap();
        assert_eq!(*asked.borrow(), [MANIFEST.to_owned(), format!("{FIRST}.json")]);
        walk.keep(&first);
        let second = walk.next().unwrap();
        assert_eq!((second.uuid.to_string(), walk.next()), (SECOND.to_owned(), None));
        // What was not brought in is read again; what was is not.
        let again: Vec<Event> = changed(files, &walk.cursor).collect();
        assert_eq!(again, [second]);
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
        check(&both, &first, &[]);
        let later = [(MANIFEST, manifest(20, 11).into_bytes()), (a.as_str(), event(FIRST))];
        let missing = check(&later, &first, &[&format!("NRS-CODC-0130 {b}")]);
        assert_eq!(missing, first);
        let swapped = [(MANIFEST, manifest(20, 11).into_bytes()), (b.as_str(), event(FIRST))];
        check(&swapped, &first, &[&format!("NRS-CODC-0132 {b}")]);
        let gone = [(MANIFEST, format!(r#"{{"{FIRST}":{{"timestamp":"20"}}}}"#).into_bytes())];
        let gone = check(&gone, &first, &[&format!("-{SECOND}")]);
        assert_eq!(gone.len(), 1);
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
