//! Reports: what operators file, when it was due, and who may read it.

pub mod act;
pub mod api;
pub mod content;
pub mod draft;
mod graph;
pub mod jobs;
pub mod pages;
pub mod read;
pub mod receipt;
mod sections;
mod stepper;
