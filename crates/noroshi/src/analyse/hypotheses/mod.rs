//! Competing explanations of one case, with the evidence for and against each (analysis of competing hypotheses).
//!
//! A hypothesis belongs to a case and is never a field of a report. It names a group, an actor or a campaign that is
//! held, or a category in words; never a natural person. What the program checks of that is in [`rule`], and what it
//! cannot check it says on the page. Judgements are added, never changed; everything is a leaf.

pub mod act;
pub mod api;
pub mod pages;
pub mod read;
pub mod rule;
pub mod weigh;
