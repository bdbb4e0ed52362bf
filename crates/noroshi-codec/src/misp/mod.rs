//! MISP: events, the threads in which a large community shares what it saw, to STIX 2.1 and back.
//!
//! [`to_stix`] reads the event JSON a MISP server gives out and answers STIX objects; [`from_stix`] makes an event
//! of a bundle; [`feed`] walks a feed, the folder of events many publishers offer.
//!
//! The uuid of an attribute or object becomes the UUID of the STIX ids that stand for it, so whoever holds both
//! worlds finds the same thing in each. What STIX has no home for travels in custom properties (`x_misp_*`) and
//! custom objects (`x-misp-attribute`, `x-misp-object`, `x-misp-galaxy-cluster`): an event that goes out and comes
//! back keeps its uuids, types, categories, values, detection flags, tags, objects and galaxies.
//!
//! ```
//! use noroshi_codec::misp::{from_stix, to_stix};
//! let event = br#"{"Event": {"uuid": "5d0092c5-5f74-4287-9642-33f4c354e56d", "info": "Kiln", "timestamp": "1764000000",
//!   "Attribute": [{"uuid": "8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", "type": "domain", "category": "Network activity",
//!     "value": "evil.example", "to_ids": true, "timestamp": "1764000000"}]}}"#;
//! let made = to_stix(event);
//! assert!(made.problems.is_empty());
//! let types: Vec<_> = made.objects.iter().map(|object| object.object_type()).collect();
//! assert!(types.contains(&"indicator") && types.contains(&"domain-name"));
//! let back = from_stix(&made.objects);
//! assert_eq!(back.events[0]["Event"]["Attribute"][0]["uuid"], "8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f");
//! ```
//!
//! Invariants
//! - Every object answered was read back by [`StixObject::parse`]: none leaves here that would be refused from a stranger.
//! - A bad attribute costs itself and is named with its place; what has no valid STIX form becomes a custom object.
//! - Who may see what is data, not a guess: [`Audience`] repeats the event's distribution; an empty group is nobody.

mod attributes;
mod audience;
mod catalogue;
mod context;
mod emit;
mod external;
pub mod feed;
mod galaxies;
mod model;
mod objects;
mod own;
mod patterns;
mod read;
mod shapes;
mod types;

use core::ops::Range;

use noroshi_evidence::id::StixId;
use noroshi_evidence::json::{Fault, Syntax};
use noroshi_evidence::object::{ParseObject, StixObject};
use serde_json::Value;

pub use audience::{Audience, Distribution, Member, Recipients};
pub use catalogue::Catalogue;

/// Largest input read, in bytes.
pub const EVENT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most attributes, objects and other entries of one input looked at.
pub const ENTRIES_MAX: usize = 1_000_000;
/// Longest piece of the input repeated in a message, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// Why a part of the input was put aside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The input is longer than [`EVENT_BYTES_MAX`]; nothing was read.
    #[error("the input is longer than {EVENT_BYTES_MAX} bytes")]
    TooLong,
    /// The input is not UTF-8; nothing was read.
    #[error("the input is not UTF-8")]
    NotUtf8,
    /// The input is not JSON; nothing was read.
    #[error(transparent)]
    Syntax(#[from] Syntax),
    /// The input is JSON, but no MISP event or list of events.
    #[error("the input is not a MISP event")]
    NotAnEvent,
    /// More than [`ENTRIES_MAX`] entries; the rest was not read.
    #[error("the event has more than {ENTRIES_MAX} entries")]
    TooManyEntries,
    /// An entry is nested too deep, has a member twice or a number nobody can hold.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// A member has another form than MISP's.
    #[error("the member `{member}` is not {expected}")]
    Form {
        /// Which member.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A member without which the entry means nothing is missing.
    #[error("the member `{0}` is missing")]
    Missing(&'static str),
    /// Two entries carry one uuid; the later one got a derived name.
    #[error("the uuid `{0}` names two things")]
    UuidTwice(String),
    /// A member of the event occurs twice; the first one counts.
    #[error("the member `{0}` of the event occurs twice")]
    MemberTwice(String),
    /// What was made of the entry is no acceptable STIX object.
    #[error("no valid STIX object could be made")]
    Stix(#[source] ParseObject),
    /// An object of the bundle has no place in an event.
    #[error("objects of type `{0}` have no place in an event")]
    NoPlace(String),
    /// The feed has no file of this name.
    #[error("the feed has no file `{0}`")]
    NoFile(String),
    /// The manifest of a feed is not one.
    #[error("the manifest of the feed has an unknown form")]
    Manifest,
    /// An event of the feed carries another uuid than its name.
    #[error("the file `{0}` holds another event than the manifest says")]
    OtherEvent(String),
}

impl Reason {
    /// The stable code shown to a user; those of single STIX objects are the object's.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "NRS-CODC-0100",
            Self::NotUtf8 => "NRS-CODC-0101",
            Self::Syntax(_) => "NRS-CODC-0102",
            Self::NotAnEvent => "NRS-CODC-0103",
            Self::TooManyEntries => "NRS-CODC-0104",
            Self::Fault(_) => "NRS-CODC-0105",
            Self::Form { .. } => "NRS-CODC-0106",
            Self::Missing(_) => "NRS-CODC-0107",
            Self::UuidTwice(_) => "NRS-CODC-0108",
            Self::MemberTwice(_) => "NRS-CODC-0109",
            Self::Stix(reason) => reason.code(),
            Self::NoPlace(_) => "NRS-CODC-0120",
            Self::NoFile(_) => "NRS-CODC-0130",
            Self::Manifest => "NRS-CODC-0131",
            Self::OtherEvent(_) => "NRS-CODC-0132",
        }
    }

    /// Whether nothing at all could be read.
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::TooLong | Self::NotUtf8 | Self::Syntax(_) | Self::NotAnEvent)
    }
}

/// A part of the input that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, as a path of member names and positions from 0, for example `Attribute/3`.
    pub place: String,
    /// Where in the input, in bytes, when the input is text.
    pub bytes: Option<Range<usize>>,
    /// What the entry calls itself, as far as it says so.
    pub uuid: Option<String>,
    /// Why.
    pub reason: Reason,
}

/// What was made of MISP's text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Converted {
    /// The objects, each valid; the container (`report` or `grouping`) of an event precedes its content.
    pub objects: Vec<StixObject>,
    /// What was put aside, in the order of the input.
    pub problems: Vec<Problem>,
    /// Who may see the event, and what of it has other readers than the event itself.
    pub audiences: Vec<Audience>,
    /// The name of a bundle that holds the objects; `None` if there was no event.
    pub bundle: Option<StixId>,
}

/// What was made of a bundle.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Events {
    /// One `{"Event": …}` for each report and grouping of the bundle, or one for the whole bundle.
    pub events: Vec<Value>,
    /// What was put aside.
    pub problems: Vec<Problem>,
}

/// Makes STIX 2.1 objects of MISP event JSON: one event, bare or wrapped, or a list of events.
pub fn to_stix(bytes: &[u8]) -> Converted {
    to_stix_beside(bytes, &Catalogue::default())
}

/// [`to_stix`] for a reader who holds a catalogue: what it holds is referred to and not made again.
pub fn to_stix_beside(bytes: &[u8], catalogue: &Catalogue) -> Converted {
    let (events, mut problems) = read::events(bytes);
    let mut made = Converted::default();
    for event in &events {
        let bundle = StixId::new("bundle", event.uuid).ok();
        made.bundle = made.bundle.or(bundle);
        made.audiences.extend(audience::of_event(event));
        let emitted = emit::event(event, catalogue);
        made.objects.extend(emitted.objects);
        problems.extend(emitted.problems);
    }
    emit::once(&mut made.objects);
    made.problems = problems;
    made
}

/// Makes MISP events of the objects of a bundle, in the order of the bundle.
pub fn from_stix(objects: &[StixObject]) -> Events {
    external::events(objects)
}

/// The beginning of a text, for messages.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}
