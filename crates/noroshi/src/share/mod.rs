//! Sharing: releases to an audience, and the TAXII 2.1 collections partners read.

pub mod act;
pub mod api;
pub mod gate;
pub mod pages;
pub mod read;
pub mod sent;
pub mod taxii;
