//! What reports, sightings and allied evidence mean together: picture, correlation, cases.

pub mod act;
pub mod api;
mod graph;
pub mod pages;
pub mod read;
pub mod uses;
