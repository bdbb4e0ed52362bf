//! The evidence graph as the house keeps it: import, search, export.

pub mod act;
pub mod api;
pub mod cli;
pub mod lists;
pub mod pages;
pub mod pattern_cli;
pub mod read;
pub mod rows;
pub mod tongues;
mod words;
