//! Feeds and sitemaps that a collection reads by itself, of hosts the office allows.
//!
//! A feed is named with its collection, or later, and read only after somebody else allowed it. A job asks for it at its
//! interval, says what it has seen already ([`fetch`]), and hands what is new on as a table that is read like any other
//! ([`pull`]). Each reading, and each that failed, is a leaf.

pub mod act;
pub mod api;
pub mod fetch;
pub mod pages;
pub mod pull;
pub mod read;
