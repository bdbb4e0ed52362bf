//! What reports, sightings and allied evidence mean together: picture, correlation, cases; and the analyst's desk over
//! them: what stands around a thing, techniques in use, competing hypotheses, notes, what is watched, what is one.

pub mod act;
pub mod api;
pub mod around;
pub mod desk;
mod graph;
pub mod hypotheses;
pub mod matrix;
pub mod merge;
pub mod names;
pub mod notes;
pub mod pages;
pub mod read;
pub mod uses;
pub mod watch;
