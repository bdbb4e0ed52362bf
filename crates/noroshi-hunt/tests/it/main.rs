//! Hunts over files that a selection wrote.

mod built_in;
mod folder;
mod hostile;
mod live;
#[cfg(feature = "sql")]
mod sql;
