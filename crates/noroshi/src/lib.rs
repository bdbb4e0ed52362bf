//! Who does it? The house: the office with its one door, the pillars, the web and the command line.
//!
//! The only crate with a clock, a disk and a socket. A read is `pages -> read -> template`; a write is
//! `api|pages -> act -> charter decides -> office::commit`. A pillar may use another pillar's `read`, never its `act`.
//!
//! Invariants: [`office::commit`] alone writes rows, and each change carries its audit entry and its leaf of the log;
//! nothing is answered before it is durable; no page or API goes round [`office::authorise`].

pub mod analyse;
pub mod cli;
pub mod config;
pub mod demo;
pub mod evidence;
pub mod generate;
pub mod house;
pub mod influence;
pub mod intake;
pub mod office;
pub mod oversight;
pub mod response;
pub mod share;
pub mod sift;
pub mod web;
