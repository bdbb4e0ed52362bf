//! What does it mean?
//!
//! Pure algorithms over evidence: which items belong together ([`correlate`]) and how very many of them are asked
//! ([`postings`]), whether that looks like one campaign ([`campaign`]), and how the damage adds up ([`picture`]).
//!
//! ```
//! use noroshi_insight::{campaign, correlate::{self, Item, ItemId, ItemKind}};
//! let report = |id: &str, who: &str, seen: &str| Item {
//!     id: ItemId::new(id), kind: ItemKind::Report, organisation: Some(who.into()),
//!     sector: Some("energy".into()), time: None, observables: [seen.parse().unwrap()].into(),
//! };
//! let items = [report("1", "Example Electric", "c2.evil.example"),
//!     report("2", "Example Gas", "hxxp://c2[.]evil[.]example"), report("3", "Example Oil", "c2.evil.example")];
//! let answer = correlate::correlate(&items, correlate::COMMON_ITEMS_DEFAULT);
//! let suggestion = campaign::suggest(&answer.groups[0], &items)?;
//! assert_eq!((suggestion.victims.len(), suggestion.shared.len(), suggestion.score), (3, 1, 45));
//! # Ok::<(), campaign::NoSuggestion>(())
//! ```
//!
//! Invariants
//! - The order of the input never matters; equal input gives equal output, byte for byte.
//! - Every link, score and total can be traced to the items it came from.
//! - Cost grows with the input, not with its square; what everybody names is reported, not followed.
//! - Nothing here names a culprit or judges what somebody said.

pub mod amplification;
pub mod cadence;
pub mod campaign;
pub mod coordination;
pub mod copies;
pub mod correlate;
pub mod lookalike;
pub mod narrative;
pub mod picture;
pub mod postings;
pub mod residue;
