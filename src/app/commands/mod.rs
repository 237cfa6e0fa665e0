//! The commands, one file each.

use std::io::Write;
use std::process::ExitCode;

use super::cli::{Cli, Command};
use super::startup::{App, Use};
use super::terminal;
use crate::foundation::page::{Cursor, MAX_SIZE, Page, Window};
use crate::foundation::{Clock, Result, Rng};
use crate::platform::config::{LogFormat, Settings};
use crate::platform::{compute_pool, telemetry};

pub mod api_key;
pub mod database;
pub mod demo;
pub mod doctor;
pub mod embed;
pub mod evaluate;
pub mod experiment;
pub mod export;
pub mod import;
pub mod model;
mod replay_report;
pub mod secret;
pub mod serve;
pub mod simulate;
pub mod slate;
pub mod trace;
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
            print!("{}", graphql::sdl());
            return Ok(ExitCode::SUCCESS);
        }
        Command::Evaluate(args) if !args.served => {
            tokio::task::spawn_blocking(|| evaluate::run(args)).await??;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Simulate(args) => {
            tokio::task::spawn_blocking(|| simulate::run(args)).await??;
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
    if settings.log_format == LogFormat::Json {
        terminal::say_to_log();
    }
    compute_pool::start();
    let command = match command {
        Command::Serve(args) => return serve::run(args, settings).await,
        Command::Work(args) => return work::run(args, settings).await,
        Command::Database(args) => return database::run(args, settings).await,
        Command::Doctor => return doctor::run(settings).await,
        Command::Secret(args) => {
            let (clock, rng) = (Clock::system(), Rng::system()?);
            secret::run(args, &settings, &clock, &rng).await?;
            return Ok(ExitCode::SUCCESS);
        }
        other => other,
    };
    let app = App::open(settings, Use::Shared).await?;
    let outcome = with_database(command, &app).await;
    app.close().await;
    outcome
}

async fn with_database(command: Command, app: &App) -> anyhow::Result<ExitCode> {
    match command {
        Command::Migrate => {
            let names: Vec<&str> = app.schemas.iter().map(|(name, _)| name.as_str()).collect();
            let names = names.join(", ");
            terminal::say_result(&format!("The schemas {names} are up to date."));
        }
        Command::Demo(args) => demo::run(args, app).await?,
        Command::Import(args) => {
            let (_, services) = app.schema(args.schema.as_ref())?;
            return import::run(args, services).await;
        }
        Command::Train(args) => train::run(args, app).await?,
        Command::Embed(args) => embed::run(args, app).await?,
        Command::Model { on, args } => {
            model::run(args, app.schema(on.schema.as_ref())?.1).await?;
        }
        Command::Slate { on, args } => {
            let (ctx, services) = app.schema(on.schema.as_ref())?;
            slate::run(args, services, &ctx.clock).await?;
        }
        Command::Experiment { on, args } => {
            experiment::run(args, app.schema(on.schema.as_ref())?.1).await?;
        }
        Command::Export { on, args } => {
            export::run(args, app.schema(on.schema.as_ref())?.1).await?;
        }
        Command::Trace { on, args } => {
            trace::run(args, app.schema(on.schema.as_ref())?.1).await?;
        }
        Command::Evaluate(args) => evaluate::run_served(args, app).await?,
        Command::User { on, args } => {
            user::run(args, app.schema(on.schema.as_ref())?.1).await?;
        }
        Command::ApiKey { on, args } => {
            api_key::run(args, app.schema(on.schema.as_ref())?.1).await?;
        }
        // Those that need less were run before the database was opened.
        Command::Serve(_)
        | Command::Work(_)
        | Command::Database(_)
        | Command::Schema
        | Command::Simulate(_)
        | Command::Secret(_)
        | Command::Doctor => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a line for each row of a list, page by page: `page` reads one, `cursor` and `line` are those of
/// a row.
async fn print_list<T>(
    page: impl AsyncFn(&Window) -> Result<Page<T>>,
    cursor: impl Fn(&T) -> Cursor,
    line: impl Fn(&T) -> String,
) -> anyhow::Result<()> {
    let mut window = Window::first(MAX_SIZE);
    loop {
        let found = page(&window).await?;
        let mut out = std::io::stdout().lock();
        for row in &found.rows {
            writeln!(out, "{}", line(row))?;
        }
        let Some(last) = found.rows.last().filter(|_| found.has_next) else {
            return Ok(());
        };
        window.from = Some(cursor(last).encode());
    }
}
