//! What is known, and how is it named?
//!
//! The graph of evidence: STIX 2.1 objects with their ids and versions, the observables by which things are
//! recognised, and the markings that say who may see what. Pure: time and identity are arguments, nothing
//! is read or written anywhere.
//!
//! ```
//! use noroshi_evidence::{marking::Tlp, object::StixObject, observable::Observable, pattern};
//! let object = StixObject::parse(r#"{"type":"indicator", "spec_version":"2.1",
//!   "id":"indicator--f1c1a5a2-5f0c-4c1e-9a3c-0d5f5f8a2b11", "created":"2026-11-23T00:00:00Z",
//!   "modified":"2026-11-23T00:00:00Z", "valid_from":"2026-11-23T00:00:00Z", "pattern_type":"stix",
//!   "pattern":"[domain-name:value = 'evil.example']",
//!   "object_marking_refs":["marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"]}"#)?;
//! let reading = pattern::read(&object.head().indicator.as_ref().unwrap().pattern);
//! assert_eq!(reading.mentioned(), [Observable::parse("Evil[.]EXAMPLE.")?]);
//! assert_eq!(Tlp::from_marking_id(&object.head().object_marking_refs[0]), Some(Tlp::Amber));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariants
//! - An object's text is never rewritten; what is parsed from it is a view ([`object`]).
//! - No text reaches a recursive parser before its depth and size have been checked ([`json`]).
//! - Two observables are equal exactly if their canonical texts are ([`observable`]).
//! - Markings only tighten: whatever is derived carries the strictest of its inputs ([`marking`]).
//! - Refusals carry a stable code `NRS-EVID-nnnn`; hostile input is a value, never a panic.

pub mod build;
pub mod id;
pub mod json;
pub mod marking;
pub mod mechanical;
pub mod object;
pub mod observable;
pub mod parquet_footer;
pub mod paste;
pub mod pattern;
pub mod redact;
pub mod similarity;
pub mod validate;
pub mod version;
pub mod warning;
