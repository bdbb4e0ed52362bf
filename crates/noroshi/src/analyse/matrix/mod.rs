//! Techniques by tactic, with how often each is used in what the reader may see.
//!
//! The order is data: a matrix names its tactics, a tactic has a short name, a technique says in which phases it
//! belongs. So ATT&CK and DISARM need no words of their own here.

pub mod api;
pub mod pages;
pub mod read;
