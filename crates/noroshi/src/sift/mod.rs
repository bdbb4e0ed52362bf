//! Selection: certificates and sightings from the sensors, selectors to them.

pub mod act;
pub mod api;
pub mod cli;
pub mod follow;
pub mod inputs;
pub mod pages;
pub mod read;
