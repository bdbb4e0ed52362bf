//! An event as it was read: every entry with its forms checked, nothing interpreted yet.

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

/// An organisation: who made an event, who saw something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Org {
    pub(super) uuid: Uuid,
    pub(super) name: String,
}

/// One event.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) uuid: Uuid,
    pub(super) info: String,
    pub(super) timestamp: Timestamp,
    /// When it was published; `None` while it is not.
    pub(super) published: Option<Timestamp>,
    pub(super) maker: Option<Org>,
    pub(super) tags: Vec<String>,
    /// Members of the event itself that hold a single value, and its sharing group.
    pub(super) head: Map<String, Value>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) objects: Vec<Object>,
    pub(super) galaxies: Vec<Galaxy>,
    pub(super) reports: Vec<Report>,
    pub(super) remarks: Vec<Remark>,
}

/// One value.
#[derive(Debug, Clone)]
pub(super) struct Attribute {
    pub(super) uuid: Uuid,
    pub(super) kind: String,
    pub(super) category: String,
    pub(super) value: String,
    /// The value as JSON had it: mostly text, sometimes a number or a boolean.
    pub(super) json: Value,
    /// The content of an attachment, in base64.
    pub(super) data: Option<String>,
    pub(super) to_ids: bool,
    /// What it is within its object.
    pub(super) relation: String,
    pub(super) comment: Option<String>,
    pub(super) span: Span,
    pub(super) tags: Vec<String>,
    pub(super) galaxies: Vec<Galaxy>,
    pub(super) sightings: Vec<Sighting>,
    pub(super) remarks: Vec<Remark>,
    /// Members that hold a single value, and the sharing group.
    pub(super) head: Map<String, Value>,
}

/// The times of an attribute or object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) timestamp: Timestamp,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// Withdrawn: MISP keeps what was deleted so that the deletion reaches others.
    pub(super) deleted: bool,
}

/// Values that belong together, after a template.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) uuid: Uuid,
    pub(super) name: String,
    pub(super) meta: String,
    pub(super) comment: Option<String>,
    pub(super) span: Span,
    pub(super) attributes: Vec<Attribute>,
    pub(super) references: Vec<Reference>,
    pub(super) remarks: Vec<Remark>,
    /// Members that hold a single value, and the sharing group.
    pub(super) head: Map<String, Value>,
}

impl Object {
    /// The attributes that are `relation` in this object, in their order.
    pub(super) fn all<'a>(&'a self, relation: &'a str) -> impl Iterator<Item = &'a Attribute> {
        self.attributes.iter().filter(move |attribute| attribute.relation == relation)
    }

    /// The first attribute that is `relation`.
    pub(super) fn first<'a>(&'a self, relation: &'a str) -> Option<&'a Attribute> {
        self.all(relation).next()
    }

    /// Whether any of its values is meant for detection.
    pub(super) fn to_ids(&self) -> bool {
        self.attributes.iter().any(|attribute| attribute.to_ids)
    }
}

/// That one object has to do with another.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) uuid: Uuid,
    pub(super) target: Uuid,
    pub(super) kind: String,
    pub(super) comment: Option<String>,
}

/// A kind of shared knowledge, and what of it an event names.
#[derive(Debug, Clone)]
pub(super) struct Galaxy {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) description: String,
    pub(super) clusters: Vec<Cluster>,
    /// Members that hold a single value.
    pub(super) head: Map<String, Value>,
}

/// A piece of shared knowledge: a technique, a family of malware, an actor, a country.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    pub(super) uuid: Uuid,
    pub(super) value: String,
    pub(super) description: String,
    pub(super) meta: Map<String, Value>,
    /// Members that hold a single value, and lists of text.
    pub(super) head: Map<String, Value>,
}

/// That somebody saw it, did not, or that it is over.
#[derive(Debug, Clone)]
pub(super) struct Sighting {
    pub(super) uuid: Uuid,
    pub(super) at: Timestamp,
    pub(super) kind: SightingKind,
    pub(super) org: Option<Org>,
}

/// What a sighting says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SightingKind {
    /// It was seen.
    Seen,
    /// It was seen where it is harmless.
    FalsePositive,
    /// It holds no longer.
    Expired,
}

impl SightingKind {
    /// MISP's number.
    pub(super) const fn number(self) -> &'static str {
        match self {
            Self::Seen => "0",
            Self::FalsePositive => "1",
            Self::Expired => "2",
        }
    }
}

/// A text about the event.
#[derive(Debug, Clone)]
pub(super) struct Report {
    pub(super) uuid: Uuid,
    pub(super) name: String,
    pub(super) content: String,
    pub(super) timestamp: Timestamp,
    pub(super) deleted: bool,
    pub(super) remarks: Vec<Remark>,
}

/// What an analyst wrote about an entry.
#[derive(Debug, Clone)]
pub(super) struct Remark {
    pub(super) uuid: Uuid,
    pub(super) authors: Option<String>,
    pub(super) text: String,
    /// From 0 (wrong) to 100 (right); `None` for a note.
    pub(super) opinion: Option<u8>,
    pub(super) language: Option<String>,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
}
