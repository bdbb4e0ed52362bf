//! The evidence graph as the house keeps it: import, search, export.

pub mod act;
pub mod api;
pub mod aside;
mod bring;
mod bulk;
pub mod check;
pub mod cli;
mod desk;
mod desk_api;
pub mod diff;
pub mod doubts;
pub mod judge;
pub mod listing;
pub mod lists;
pub mod lookup;
pub mod mend;
pub mod misp;
pub mod near;
mod object;
pub mod pages;
pub mod pattern_cli;
pub mod reach;
pub mod read;
pub mod record;
pub mod rows;
pub mod tongues;
mod words;
