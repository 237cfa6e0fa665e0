//! The program: parse the command, nothing else.

use std::process::ExitCode;

use clap::Parser;

/// A list takes thousands of small allocations, which the system's allocator is slow at and keeps
/// the memory of.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match marquee::app::cli::Cli::try_parse() {
        Ok(cli) => marquee::app::run(cli),
        Err(error) => marquee::app::usage(&error),
    }
}
