//! A case of foreign manipulation: what it is made of, how its criteria were judged, what was done, and in which order.
//!
//! A case is parts ([`part`]) that are added and ended with a reason, never changed; its steps are the charter's
//! (`noroshi_charter::fimi`). It goes out as STIX 2.1 ([`stix`]) and into the same graph as cyber evidence.

pub mod act;
pub mod part;
mod private;
pub mod read;
pub mod stix;
