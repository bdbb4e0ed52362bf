//! The office: the one door for change, and what stands around it.

pub mod act;
pub mod admin;
pub mod api;
pub mod authorise;
pub mod certificates;
pub mod claim;
pub mod clock;
pub mod commit;
pub mod ctx;
pub mod entry;
pub mod id;
pub mod jobs;
pub mod keyed;
pub mod kinds;
pub mod log;
mod migrate;
pub mod pages;
pub mod passkey;
pub mod people;
pub mod profile;
pub mod read;
pub mod seal;
pub mod secret;
pub mod store;
