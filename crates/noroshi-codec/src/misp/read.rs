//! Bytes to events. The text is scanned without recursion before anything is parsed; a bad entry costs itself.

use std::collections::BTreeSet;

use jiff::Timestamp;
use noroshi_evidence::json::{Fault, Member, Scanner};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::model::{
    Attribute, Cluster, Event, Galaxy, Object, Org, Reference, Remark, Report, Sighting,
    SightingKind, Span,
};
use super::{ENTRIES_MAX, EVENT_BYTES_MAX, Problem, Reason, shown, types};

/// Names derived for entries that carry none, and for relationships, are UUIDs of version 5 under this one.
const NAMESPACE: Uuid = Uuid::from_u128(0x5b0d_9d2c_6f0a_4c0e_9d54_8a3a_7f26_11d7);
/// Deepest nesting of `response`, lists and `Event` around events that is followed.
const WRAPPINGS_MAX: usize = 4;

/// A name that follows from others: the same entry has the same name each time.
pub(super) fn derived(scope: Uuid, what: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{scope} {what}").as_bytes())
}

/// Reads every event of the input.
pub(super) fn events(bytes: &[u8]) -> (Vec<Event>, Vec<Problem>) {
    let text = match text_of(bytes) {
        Ok(text) => text,
        Err(reason) => return (Vec::new(), vec![fatal(bytes.len(), reason)]),
    };
    let mut reader = Reader { text, problems: Vec::new(), budget: ENTRIES_MAX };
    let mut found = Vec::new();
    reader.unwrap_events(text, "", 0, &mut found);
    if found.is_empty() && reader.problems.is_empty() {
        reader.problems.push(fatal(bytes.len(), Reason::NotAnEvent));
    }
    (found, reader.problems)
}

fn fatal(length: usize, reason: Reason) -> Problem {
    Problem { place: String::new(), bytes: Some(0..length), uuid: None, reason }
}

/// The whole input as text that is known to be JSON.
fn text_of(bytes: &[u8]) -> Result<&str, Reason> {
    if bytes.len() > EVENT_BYTES_MAX {
        return Err(Reason::TooLong);
    }
    // RFC 8259 §8.1: a byte order mark may be ignored.
    let body = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = core::str::from_utf8(body).map_err(|_| Reason::NotUtf8)?;
    let mut scanner = Scanner::new(text);
    scanner.value(&mut Vec::new())?;
    if scanner.at_end() { Ok(text) } else { Err(scanner_end(&scanner)) }
}

fn scanner_end(scanner: &Scanner<'_>) -> Reason {
    let offset = scanner.offset();
    Reason::Syntax(noroshi_evidence::json::Syntax { offset, expected: "the end of the text" })
}

/// The members of one object of the text.
struct Fields<'a>(Vec<Member<'a>>);

impl<'a> Fields<'a> {
    /// `None` if the text is no object.
    fn of(text: &'a str) -> Option<Self> {
        let mut members = Vec::new();
        Scanner::new(text).value(&mut members).ok()?;
        text.starts_with('{').then_some(Self(members))
    }

    fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|member| member.name == name).map(|member| member.value)
    }

    /// A member as a tree; nothing if it is absent, null or faulty.
    fn value(&self, name: &str) -> Option<Value> {
        let text = self.raw(name)?;
        fault_of(text)
            .is_none()
            .then(|| serde_json::from_str::<Value>(text).ok())?
            .filter(|value| !value.is_null())
    }

    /// A member as text: numbers and booleans are written out, as MISP gives both.
    fn text(&self, name: &str) -> Option<String> {
        self.value(name).as_ref().and_then(text_of_value)
    }

    fn filled(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty())
    }

    fn flag(&self, name: &str) -> Option<bool> {
        match self.text(name)?.as_str() {
            "1" | "true" | "True" => Some(true),
            "0" | "false" | "False" => Some(false),
            _ => None,
        }
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        time_of(&self.text(name)?)
    }

    /// Members with a single value, the sharing group, and lists of text.
    fn head(&self, skip: &[&str]) -> Map<String, Value> {
        let mut head = Map::new();
        for member in &self.0 {
            let name = member.name.as_ref();
            if skip.contains(&name) || head.contains_key(name) {
                continue;
            }
            let single = !member.value.starts_with(['{', '[']);
            let texts = member.value.starts_with('[') && !member.value.contains('{');
            if (single || texts || name == "SharingGroup")
                && let Some(value) = self.value(name)
            {
                head.insert(name.to_owned(), value);
            }
        }
        head
    }

    /// The first name that occurs twice.
    fn double(&self) -> Option<&str> {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        self.0.iter().map(|member| member.name.as_ref()).find(|name| !seen.insert(*name))
    }
}

fn fault_of(text: &str) -> Option<Fault> {
    Scanner::new(text).value(&mut Vec::new()).ok().and_then(|scanned| scanned.fault)
}

/// A single value as text.
pub(super) fn text_of_value(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A time: seconds since 1970, or ISO 8601 with or without an offset.
pub(super) fn time_of(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let found = if let Ok(seconds) = text.parse::<i64>() {
        Timestamp::from_second(seconds).ok()
    } else {
        // Without an offset MISP means UTC.
        let zoned = || format!("{}Z", text.replacen(' ', "T", 1)).parse::<Timestamp>().ok();
        text.parse::<Timestamp>().ok().or_else(zoned)
    };
    // STIX 2.1 §2.16 has no years before 1, and nobody saw anything before 1970.
    found.filter(|time| *time >= Timestamp::UNIX_EPOCH)
}

struct Reader<'a> {
    text: &'a str,
    problems: Vec<Problem>,
    /// How many entries may still be read.
    budget: usize,
}

impl<'a> Reader<'a> {
    fn blame(&mut self, place: &str, part: &'a str, uuid: Option<String>, reason: Reason) {
        // `part` lies within the text, so the distance of the two is its place.
        let start = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let bytes = Some(start..start.saturating_add(part.len()));
        self.problems.push(Problem { place: place.to_owned(), bytes, uuid, reason });
    }

    /// Follows lists, `response` and `Event` down to what carries an event.
    fn unwrap_events(&mut self, text: &'a str, place: &str, depth: usize, found: &mut Vec<Event>) {
        if depth > WRAPPINGS_MAX {
            return;
        }
        if text.starts_with('[') {
            for (at, entry) in self.entries(text, place).into_iter().enumerate() {
                self.unwrap_events(entry, &join(place, &at.to_string()), depth + 1, found);
            }
            return;
        }
        let Some(fields) = Fields::of(text) else { return };
        let loose = ["Attribute", "Object"].iter().any(|name| fields.raw(name).is_some());
        let own = loose || fields.raw("info").is_some();
        let wrapped = ["Event", "response"]
            .iter()
            .find_map(|name| fields.raw(name).filter(|_| !own).map(|inner| (*name, inner)));
        match wrapped {
            Some((name, inner)) => self.unwrap_events(inner, &join(place, name), depth + 1, found),
            None if own => found.push(self.event(&fields, text, place)),
            None => self.blame(place, text, None, Reason::NotAnEvent),
        }
    }

    /// The entries of a list, as far as the budget goes.
    fn entries(&mut self, text: &'a str, place: &str) -> Vec<&'a str> {
        let mut scanner = Scanner::new(text);
        let mut entries = Vec::new();
        if !scanner.take(b'[') || scanner.take(b']') {
            return entries;
        }
        let mut members = Vec::new();
        while let Ok(scanned) = scanner.value(&mut members) {
            let Some(left) = self.budget.checked_sub(1) else {
                self.blame(place, scanned.text, None, Reason::TooManyEntries);
                break;
            };
            self.budget = left;
            entries.push(scanned.text);
            if !scanner.take(b',') {
                break;
            }
        }
        entries
    }

    /// Reads the entries of a member that holds a list; a bad one is put aside.
    fn list<T>(
        &mut self,
        fields: &Fields<'a>,
        name: &'static str,
        place: &str,
        mut read: impl FnMut(&mut Self, &Fields<'a>, &'a str, &str) -> Option<T>,
    ) -> Vec<T> {
        let Some(text) = fields.raw(name).filter(|text| *text != "null") else { return Vec::new() };
        let place = join(place, name);
        if name == "Object" && text.starts_with('{') {
            // Searches for objects answer one by one.
            let found = Fields::of(text).and_then(|fields| read(self, &fields, text, &place));
            return found.into_iter().collect();
        }
        if !text.starts_with('[') {
            self.blame(&place, text, None, Reason::Form { member: name, expected: "a list" });
            return Vec::new();
        }
        let mut found = Vec::new();
        for (at, entry) in self.entries(text, &place).into_iter().enumerate() {
            let place = join(&place, &at.to_string());
            if let Some(fields) = Fields::of(entry) {
                found.extend(read(self, &fields, entry, &place));
            } else {
                let reason = Reason::Form { member: name, expected: "a list of objects" };
                self.blame(&place, entry, None, reason);
            }
        }
        found
    }

    /// The uuid of an entry, or one that follows from `what` when it has none.
    fn uuid(
        &mut self,
        fields: &Fields<'a>,
        entry: &'a str,
        place: &str,
        scope: Uuid,
        what: &str,
    ) -> Uuid {
        let given = fields.filled("uuid");
        match given.as_deref().map(Uuid::try_parse) {
            Some(Ok(uuid)) => uuid,
            None => derived(scope, what),
            Some(Err(_)) => {
                let reason = Reason::Form { member: "uuid", expected: "a uuid" };
                self.blame(place, entry, given.map(|text| shown(&text)), reason);
                derived(scope, what)
            }
        }
    }

    fn event(&mut self, fields: &Fields<'a>, text: &'a str, place: &str) -> Event {
        if let Some(name) = fields.double() {
            let reason = Reason::MemberTwice(shown(name));
            self.blame(place, text, fields.filled("uuid"), reason);
        }
        let info = fields.filled("info").unwrap_or_else(|| "MISP".to_owned());
        let date = fields.text("date");
        // An event without a name is named after its content.
        let uuid = self.uuid(fields, text, place, Uuid::nil(), text);
        let day = date.and_then(|date| time_of(&format!("{date}T00:00:00Z")));
        let timestamp = fields.time("timestamp").or(day).unwrap_or(Timestamp::UNIX_EPOCH);
        let published = fields.flag("published").unwrap_or(false);
        let at = fields.time("publish_timestamp").filter(|at| *at > Timestamp::UNIX_EPOCH);
        let maker = org(fields, "Orgc").or_else(|| org(fields, "Org"));
        let scope = Scope { uuid, timestamp };
        let mut head = fields.head(&["uuid", "info"]);
        for name in ["Org", "Orgc"] {
            head.extend(fields.value(name).map(|org| (name.to_owned(), org)));
        }
        Event {
            uuid,
            info,
            timestamp,
            published: published.then(|| at.unwrap_or(timestamp)),
            maker,
            tags: self.tags(fields, place),
            head,
            attributes: self.attributes(fields, place, scope),
            objects: self.list(fields, "Object", place, |reader, fields, entry, place| {
                reader.object(fields, entry, place, scope)
            }),
            galaxies: self.galaxies(fields, place, scope),
            reports: self.list(fields, "EventReport", place, |reader, fields, entry, place| {
                reader.report(fields, entry, place, scope)
            }),
            remarks: self.remarks(fields, place, scope),
        }
    }

    fn tags(&mut self, fields: &Fields<'a>, place: &str) -> Vec<String> {
        self.list(fields, "Tag", place, |reader, fields, entry, place| {
            let name = fields.filled("name");
            if name.is_none() {
                reader.blame(place, entry, None, Reason::Missing("name"));
            }
            name
        })
    }

    fn attributes(&mut self, fields: &Fields<'a>, place: &str, scope: Scope) -> Vec<Attribute> {
        self.list(fields, "Attribute", place, |reader, fields, entry, place| {
            let named = fields.filled("uuid").map(|uuid| shown(&uuid));
            match fault_of(entry) {
                Some(fault) => {
                    reader.blame(place, entry, named, fault.into());
                    None
                }
                None => reader.attribute(fields, entry, place, scope),
            }
        })
    }

    fn attribute(
        &mut self,
        fields: &Fields<'a>,
        entry: &'a str,
        place: &str,
        scope: Scope,
    ) -> Option<Attribute> {
        let json = fields.value("value").unwrap_or(Value::Null);
        let (kind, value) = (fields.filled("type"), text_of_value(&json).filter(|v| !v.is_empty()));
        let (Some(kind), Some(value)) = (kind.clone(), value.clone()) else {
            let missing = if kind.is_none() { "type" } else { "value" };
            self.blame(place, entry, fields.filled("uuid"), Reason::Missing(missing));
            return None;
        };
        let relation = fields.text("object_relation").unwrap_or_default();
        let what = format!("{kind} {relation} {value}");
        let defaults = types::defaults(&kind);
        let to_ids = fields.flag("to_ids").unwrap_or(defaults.to_ids);
        let category = fields.filled("category");
        Some(Attribute {
            uuid: self.uuid(fields, entry, place, scope.uuid, &what),
            category: category.unwrap_or_else(|| defaults.category.to_owned()),
            json,
            data: fields.filled("data"),
            to_ids,
            relation,
            comment: fields.filled("comment"),
            span: span(fields, scope),
            tags: self.tags(fields, place),
            galaxies: self.galaxies(fields, place, scope),
            sightings: self.list(fields, "Sighting", place, |reader, fields, entry, place| {
                reader.sighting(fields, entry, place, scope)
            }),
            remarks: self.remarks(fields, place, scope),
            head: fields.head(ATTRIBUTE_MEMBERS),
            kind,
            value,
        })
    }

    fn object(
        &mut self,
        fields: &Fields<'a>,
        entry: &'a str,
        place: &str,
        scope: Scope,
    ) -> Option<Object> {
        let named = fields.filled("uuid").map(|uuid| shown(&uuid));
        if let Some(name) = fields.double() {
            let reason = Reason::Fault(Fault::Duplicate(shown(name)));
            self.blame(place, entry, named, reason);
            return None;
        }
        let Some(name) = fields.filled("name") else {
            self.blame(place, entry, named, Reason::Missing("name"));
            return None;
        };
        let uuid = self.uuid(fields, entry, place, scope.uuid, &format!("{name} {place}"));
        let span = span(fields, scope);
        let inner = Scope { uuid, timestamp: span.timestamp };
        Some(Object {
            uuid,
            meta: fields.filled("meta-category").unwrap_or_else(|| "misc".to_owned()),
            comment: fields.filled("comment"),
            span,
            attributes: self.attributes(fields, place, inner),
            references: self.list(
                fields,
                "ObjectReference",
                place,
                |reader, fields, entry, place| reader.reference(fields, entry, place, inner),
            ),
            remarks: self.remarks(fields, place, inner),
            head: fields.head(&["uuid", "name", "meta-category", "comment"]),
            name,
        })
    }

    fn reference(
        &mut self,
        fields: &Fields<'a>,
        entry: &'a str,
        place: &str,
        scope: Scope,
    ) -> Option<Reference> {
        let target = fields.filled("referenced_uuid");
        let Some(target) = target.and_then(|target| Uuid::try_parse(&target).ok()) else {
            let named = fields.filled("uuid");
            self.blame(place, entry, named, Reason::Missing("referenced_uuid"));
            return None;
        };
        let kind = fields.filled("relationship_type");
        let kind = kind.unwrap_or_else(|| "related-to".to_owned());
        let uuid = self.uuid(fields, entry, place, scope.uuid, &format!("{kind} {target}"));
        Some(Reference { uuid, target, kind, comment: fields.filled("comment") })
    }

    fn galaxies(&mut self, fields: &Fields<'a>, place: &str, scope: Scope) -> Vec<Galaxy> {
        self.list(fields, "Galaxy", place, |reader, fields, entry, place| {
            let Some(kind) = fields.filled("type") else {
                reader.blame(place, entry, fields.filled("uuid"), Reason::Missing("type"));
                return None;
            };
            let name = fields.filled("name").unwrap_or_else(|| kind.clone());
            Some(Galaxy {
                description: fields.text("description").unwrap_or_default(),
                clusters: reader.list(
                    fields,
                    "GalaxyCluster",
                    place,
                    |reader, fields, entry, at| reader.cluster(fields, entry, at, scope),
                ),
                head: fields.head(&["name", "type", "description"]),
                name,
                kind,
            })
        })
    }

    fn cluster(
        &mut self,
        fields: &Fields<'a>,
        entry: &'a str,
        place: &str,
        scope: Scope,
    ) -> Option<Cluster> {
        let Some(value) = fields.filled("value") else {
            self.blame(place, entry, fields.filled("uuid"), Reason::Missing("value"));
            return None;
        };
        let meta = fields.value("meta").and_then(|meta| meta.as_object().cloned());
        Some(Cluster {
            uuid: self.uuid(fields, entry, place, scope.uuid, &format!("cluster {value}")),
            description: fields.text("description").unwrap_or_default(),
            meta: meta.unwrap_or_default(),
            head: fields.head(&["uuid", "value", "description"]),
            value,
        })
    }

    fn sighting(
        &mut self,
        fields: &Fields<'a>,
        entry: &'a str,
        place: &str,
        scope: Scope,
    ) -> Option<Sighting> {
        let at = fields.time("date_sighting").unwrap_or(scope.timestamp);
        let kind = match fields.text("type").as_deref() {
            None | Some("" | "0") => SightingKind::Seen,
            Some("1") => SightingKind::FalsePositive,
            Some("2") => SightingKind::Expired,
            Some(_) => {
                let reason = Reason::Form { member: "type", expected: "0, 1 or 2" };
                self.blame(place, entry, fields.filled("uuid"), reason);
                return None;
            }
        };
        let org = org(fields, "Organisation");
        let uuid = self.uuid(fields, entry, place, scope.uuid, &format!("{at} {kind:?} {org:?}"));
        Some(Sighting { uuid, at, kind, org })
    }

    fn report(
        &mut self,
        fields: &Fields<'a>,
        entry: &'a str,
        place: &str,
        scope: Scope,
    ) -> Option<Report> {
        let Some(content) = fields.filled("content") else {
            self.blame(place, entry, fields.filled("uuid"), Reason::Missing("content"));
            return None;
        };
        let name = fields.filled("name").unwrap_or_else(|| "Report".to_owned());
        Some(Report {
            uuid: self.uuid(fields, entry, place, scope.uuid, &name),
            timestamp: fields.time("timestamp").unwrap_or(scope.timestamp),
            deleted: fields.flag("deleted").unwrap_or(false),
            remarks: self.remarks(fields, place, scope),
            name,
            content,
        })
    }

    fn remarks(&mut self, fields: &Fields<'a>, place: &str, scope: Scope) -> Vec<Remark> {
        let mut remarks = self.list(fields, "Note", place, |reader, fields, entry, place| {
            reader.remark(fields, entry, place, scope, "note")
        });
        remarks.extend(self.list(fields, "Opinion", place, |reader, fields, entry, place| {
            reader.remark(fields, entry, place, scope, "opinion")
        }));
        remarks
    }

    fn remark(
        &mut self,
        fields: &Fields<'a>,
        entry: &'a str,
        place: &str,
        scope: Scope,
        member: &'static str,
    ) -> Option<Remark> {
        let Some(said) = fields.filled(member) else {
            self.blame(place, entry, fields.filled("uuid"), Reason::Missing(member));
            return None;
        };
        let opinion = said.parse::<u8>().ok().filter(|n| member == "opinion" && *n <= 100);
        if member == "opinion" && opinion.is_none() {
            let reason = Reason::Form { member: "opinion", expected: "a number from 0 to 100" };
            self.blame(place, entry, fields.filled("uuid"), reason);
            return None;
        }
        let text =
            if opinion.is_some() { fields.text("comment").unwrap_or_default() } else { said };
        let created = fields.time("created").unwrap_or(scope.timestamp);
        Some(Remark {
            uuid: self.uuid(fields, entry, place, scope.uuid, &format!("{member} {text}")),
            authors: fields.filled("authors"),
            text,
            opinion,
            language: fields.filled("language"),
            created,
            modified: fields.time("modified").unwrap_or(created).max(created),
        })
    }
}

/// Members of an attribute that the model holds by name.
const ATTRIBUTE_MEMBERS: &[&str] =
    &["uuid", "type", "category", "value", "data", "to_ids", "object_relation", "comment"];

/// What an entry inherits from where it stands.
#[derive(Clone, Copy)]
struct Scope {
    uuid: Uuid,
    timestamp: Timestamp,
}

fn span(fields: &Fields<'_>, scope: Scope) -> Span {
    let timestamp = fields.time("timestamp").unwrap_or(scope.timestamp);
    let first = fields.time("first_seen").unwrap_or(timestamp);
    let last = fields.time("last_seen").unwrap_or(first.max(timestamp)).max(first);
    let last = if fields.time("first_seen").is_none() && fields.time("last_seen").is_none() {
        timestamp
    } else {
        last
    };
    Span { timestamp, first, last, deleted: fields.flag("deleted").unwrap_or(false) }
}

fn org(fields: &Fields<'_>, name: &str) -> Option<Org> {
    let org = fields.value(name)?;
    let uuid = Uuid::try_parse(org.get("uuid")?.as_str()?).ok()?;
    let name = org.get("name").and_then(text_of_value).filter(|name| !name.is_empty())?;
    Some(Org { uuid, name })
}

fn join(place: &str, part: &str) -> String {
    if place.is_empty() { part.to_owned() } else { format!("{place}/{part}") }
}
