//! Measures: asked for, decided by the commission, carried out at consenting operators, ended, reported.

pub mod act;
pub mod api;
pub mod draft;
pub mod gateway;
pub mod jobs;
pub mod pages;
pub mod read;
pub mod seal;
