//! Sharing: releases to an audience, and the TAXII 2.1 collections partners read.

pub mod act;
pub mod api;
pub mod audience;
pub mod clearing;
pub mod council;
pub mod deltas;
pub mod fallen;
pub mod freed;
pub mod gate;
pub mod handed;
pub mod history;
pub mod pages;
pub mod peer;
pub mod preview;
pub mod read;
pub mod recall;
pub mod review;
pub mod sent;
pub mod serve;
pub mod stream;
pub mod taxii;
pub mod watch;
