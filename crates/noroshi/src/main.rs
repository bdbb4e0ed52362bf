//! The program: reads the command line and leads to the room that does the work.

use std::process::ExitCode;

fn main() -> ExitCode {
    noroshi::cli::run()
}
