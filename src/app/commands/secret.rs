//! `marquee secret`: the keys that sign access tokens.

use clap::{Args, Subcommand};

use crate::foundation::{Clock, Rng};
use crate::platform::config::Settings;
use crate::platform::secrets;

/// Manage the keys that sign access tokens.
#[derive(Debug, Args)]
pub struct SecretArgs {
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Add a new key, which signs from the next start on, and remove keys that no valid token
    /// needs.
    Rotate,
}

/// Runs `marquee secret …`.
///
/// # Errors
/// When the keys come from the settings, or their file cannot be read or written.
pub async fn run(
    args: SecretArgs,
    settings: &Settings,
    clock: &Clock,
    rng: &Rng,
) -> anyhow::Result<()> {
    match args.command {
        SecretCommand::Rotate => {
            let (id, dropped) = secrets::rotate(settings, clock, rng)?;
            println!("The key {id} signs from the next start of the server on.");
            println!("Tokens of the keys before it stay good; {dropped} old keys were dropped.");
            Ok(())
        }
    }
}
