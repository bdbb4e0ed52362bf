//! Who manipulates the public from outside, and by what machinery? Behaviour is looked at, opinions are not.
//!
//! Posts are gathered for one purpose that another person allowed, and lie in a file of their own for each collection
//! ([`vault`]), with accounts under pseudonyms ([`keys`]). What is made of them is a case with a procedure
//! ([`incident`]). What may be done at all is in the charter: `gathering`, `keeping`, `coordination`, `declared`,
//! `counter`, `joining`, `unmask`, `fimi`.
//!
//! Invariants: nothing here reads what selection or sensors brought (a test looks for it); no table holds a score of a
//! person or of what is said; a handle leaves its sealed column only through [`open`].

pub mod act;
pub mod api;
pub mod cli;
pub mod disarm;
pub mod feed;
pub mod gather;
pub mod incident;
pub mod keep;
pub mod keys;
pub mod open;
pub mod pages;
pub mod pdf;
pub mod read;
pub mod run;
mod seen;
pub mod unread;
pub mod vault;
