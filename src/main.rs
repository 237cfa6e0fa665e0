//! The program: parse the command, nothing else.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    marquee::app::run(marquee::app::cli::Cli::parse())
}
