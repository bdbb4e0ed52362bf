//! What reports, sightings and allied evidence mean together: picture, correlation, cases.

pub mod act;
pub mod api;
pub mod pages;
pub mod read;
