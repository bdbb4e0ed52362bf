//! Hunts over files that a selection wrote.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests: what is not as expected ends the test"
)]

mod built_in;
mod earlier;
mod folder;
mod fuzz;
mod hostile;
mod live;
#[cfg(feature = "sql")]
mod sql;
