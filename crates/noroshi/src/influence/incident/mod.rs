//! A case of foreign manipulation: what it is made of, how its criteria were judged, what was done, and in which order.
//!
//! A case is parts ([`part`]) that are added and ended with a reason, never changed; its steps are the charter's
//! (`noroshi_charter::fimi`). It goes out as STIX 2.1 ([`stix`], or [`strict`] for partners who know the standard only), as an
//! event of MISP ([`misp`]) and on paper ([`paper`]), and into the same graph as cyber evidence. What others made of a case
//! becomes one here ([`foreign`]). Before an election the public is told by a panel ([`panel`]).

pub mod act;
pub mod exchange;
pub mod exposure;
pub mod foreign;
pub mod misp;
pub mod panel;
pub mod paper;
pub mod part;
mod private;
pub mod read;
pub mod stix;
pub mod strict;
