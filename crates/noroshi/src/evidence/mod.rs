//! The evidence graph as the house keeps it: import, search, export.

pub mod act;
pub mod api;
pub mod cli;
pub mod near;
pub mod pages;
pub mod read;
pub mod rows;
mod words;
