//! Wiring: the commands of the program, and what they open and close.

use std::process::ExitCode;

pub mod cli;
pub mod commands;
pub mod startup;
pub mod terminal;

use cli::Cli;

/// Runs one command to its end and says how it went: 0 done, 1 failed, 2 wrong usage.
pub fn run(cli: Cli) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(cli)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
