//! Oversight: the log as a reader sees it, its proofs, and what the annual report counts.

pub mod api;
pub mod pages;
pub mod read;
