//! What was missed?
//!
//! Looks through mechanical records that were kept for what is known only now: a list of selectors in one scan
//! ([`scan`]), calls by the clock ([`beacon`]), destinations nobody called before ([`first_seen`]), and questions that an
//! analyst asks in SQL (`sql`). What was hunted for, by whom and why stands in a record whose entries are chained
//! ([`record`]).
//!
//! ```
//! use noroshi_hunt::{scan::Hunter, shelf};
//! use noroshi_sift::{index::SelectorIndex, selector::parse_list};
//! let folder = tempfile::tempdir()?;
//! let (list, _) = parse_list(b"203.0.113.5\n");
//! let index = std::sync::Arc::new(SelectorIndex::build(list)?);
//! let mut hunter = Hunter::new(index, "2026-11-23T00:00:00Z".parse()?, Vec::new());
//! for file in shelf::list(folder.path())? {
//!     hunter.file(&file, &mut |hit| Ok(println!("{} {}", hit.file, hit.row)))?;
//! }
//! let (tally, sightings) = hunter.finish();
//! assert!(tally.balances() && sightings.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Invariants
//! - Nothing but the columns of a mechanical record is read: a file with any other is refused ([`shelf`]), so a hunt cannot
//!   see what a selection did not keep.
//! - What a list finds among stored records is what it would have found live ([`noroshi_sift::kept`]).
//! - What may not be retained any longer is not looked at, deleted or not.
//! - What was acquired under a measure is held against selectors of that measure only, and shown to the other hunts only
//!   where they name it ([`communication::Scope`]).
//! - Every row is counted in exactly one place ([`scan::Tally`], [`communication::Looked`]).
//! - Files are read, never written; time is an argument.
//! - Refusals carry a stable code: `NRS-HUNT-00nn` to begin, `01nn` of a file, `02nn` of a question.

pub mod beacon;
mod columns;
pub mod communication;
pub mod first_seen;
pub mod record;
pub mod scan;
pub mod shelf;
mod source;
#[cfg(feature = "sql")]
pub mod sql;
