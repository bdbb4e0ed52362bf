//! Reports: what operators file, when it was due, and who may read it.

pub mod act;
pub mod api;
pub mod pages;
pub mod read;
