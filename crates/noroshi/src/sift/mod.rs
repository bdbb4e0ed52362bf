//! Selection: certificates and sightings from the sensors, selectors to them.

pub mod act;
pub mod api;
pub mod cli;
pub mod enrol;
mod folder;
pub mod follow;
pub mod ground;
mod harden;
pub mod hunt;
pub mod inputs;
pub mod law;
mod listing;
pub mod looking;
mod metrics;
mod noted;
pub mod pages;
mod progress;
pub mod prove;
mod pseudonym_pages;
pub mod pseudonyms;
pub mod purge;
pub mod read;
