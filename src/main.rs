//! The program: parse the command, nothing else.

use std::process::ExitCode;

use clap::Parser;

/// A list takes thousands of small allocations, which the system's allocator is slow at and keeps
/// the memory of.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    marquee::app::run(marquee::app::cli::Cli::parse())
}
