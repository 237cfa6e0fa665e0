//! The commands, one file each.

use std::process::ExitCode;

use super::cli::{Cli, Command};
use super::opened::{Opened, Use};
use crate::foundation::{Chance, Clock};
use crate::platform::config::Settings;
use crate::platform::{maths, telemetry};

pub mod api_key;
pub mod database;
pub mod demo;
pub mod doctor;
pub mod embed;
pub mod evaluate;
pub mod import;
pub mod secret;
pub mod serve;
mod served_figure;
pub mod train;
pub mod user;
pub mod work;

/// Runs the command of `cli`.
///
/// # Errors
/// A sentence that says what went wrong and what to do.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    // These need neither settings nor a database.
    let command = match cli.command {
        Command::Schema => {
            print!("{}", crate::graphql::sdl());
            return Ok(ExitCode::SUCCESS);
        }
        Command::Evaluate(args) if !args.served => {
            tokio::task::spawn_blocking(|| evaluate::run(args)).await??;
            return Ok(ExitCode::SUCCESS);
        }
        other => other,
    };
    let mut settings = Settings::load(cli.config.as_deref())?;
    match &command {
        // A log line between the lines of a command is for when something is wrong; that a bulk
        // statement takes its time is not.
        Command::Serve(_) | Command::Work(_) => {}
        _ if settings.log == Settings::defaults().log => {
            "warn,sqlx=error".clone_into(&mut settings.log);
        }
        _ => {}
    }
    telemetry::start(&settings)?;
    maths::start();
    let command = match command {
        Command::Serve(args) => return serve::run(args, settings).await,
        Command::Work(args) => return work::run(args, settings).await,
        Command::Database(args) => return database::run(args, settings).await,
        Command::Doctor => return doctor::run(settings).await,
        Command::Secret(args) => {
            let (clock, chance) = (Clock::system(), Chance::system()?);
            secret::run(args, &settings, &clock, &chance).await?;
            return Ok(ExitCode::SUCCESS);
        }
        other => other,
    };
    let opened = Opened::open(settings, Use::Shared).await?;
    let outcome = with_database(command, &opened).await;
    opened.close().await;
    outcome
}

async fn with_database(command: Command, opened: &Opened) -> anyhow::Result<ExitCode> {
    match command {
        Command::Migrate => {
            let names: Vec<&str> = opened
                .schemas
                .iter()
                .map(|(name, _)| name.as_str())
                .collect();
            println!("The schemas {} are up to date.", names.join(", "));
        }
        Command::Demo(args) => demo::run(args, opened).await?,
        Command::Import(args) => {
            let (ground, _) = opened.schema(args.schema.as_ref())?;
            return import::run(args, ground).await;
        }
        Command::Train(args) => train::run(args, opened).await?,
        Command::Embed(args) => embed::run(args, opened).await?,
        Command::Evaluate(args) => evaluate::run_served(args, opened).await?,
        Command::User { on, args } => {
            user::run(args, opened.schema(on.schema.as_ref())?.1).await?;
        }
        Command::ApiKey { on, args } => {
            api_key::run(args, opened.schema(on.schema.as_ref())?.1).await?;
        }
        // Those that need less were run before the database was opened.
        Command::Serve(_)
        | Command::Work(_)
        | Command::Database(_)
        | Command::Schema
        | Command::Secret(_)
        | Command::Doctor => {}
    }
    Ok(ExitCode::SUCCESS)
}
