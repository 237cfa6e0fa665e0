//! Wiring: the commands of the program, and what they open and close.

use std::process::ExitCode;

pub mod cli;
pub mod commands;
pub mod hints;
pub mod startup;
pub mod terminal;

use cli::Cli;

use crate::platform::config::{LogFormat, Settings};

/// Runs one command to its end and says how it went: 0 done, 1 failed, 2 wrong usage.
pub fn run(cli: Cli) -> ExitCode {
    // Read by itself: what is wrong with the other settings is said in this format too.
    let json = Settings::log_format(cli.config.as_deref()) == LogFormat::Json;
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
            terminal::say_error(&format!("{error:#}"), json);
            ExitCode::FAILURE
        }
    }
}

/// Says what is wrong with the command line, or prints the help that was asked for.
pub fn usage(error: &clap::Error) -> ExitCode {
    let json = Settings::log_format(None) == LogFormat::Json;
    if json && error.use_stderr() {
        terminal::say_error(error.to_string().trim(), json);
        return ExitCode::from(2);
    }
    error.exit()
}
