//! The log from outside: other people's vectors, logs that lie, and the program on the command line.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests: what is unexpected ends the test"
)]

mod builder;
mod certificates;
mod cli;
mod corpora;
mod lies;
