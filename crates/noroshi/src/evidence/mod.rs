//! The evidence graph as the house keeps it: import, search, export.

pub mod act;
pub mod api;
pub mod aside;
mod bring;
mod bulk;
pub mod cli;
mod desk;
mod desk_api;
pub mod diff;
pub mod lists;
pub mod lookup;
pub mod mend;
mod object;
pub mod check;
pub mod judge;
pub mod doubts;
pub mod misp;
pub mod pages;
pub mod pattern_cli;
pub mod read;
pub mod rows;
pub mod tongues;
pub mod reach;
pub mod record;
mod words;
