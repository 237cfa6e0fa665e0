//! `marquee work`

use std::process::ExitCode;
use std::time::Duration;

use crate::app::startup::{App, Use};
use crate::app::terminal;
use crate::domain::jobs::Workers;
use crate::platform::config::Settings;

/// Run background jobs without serving requests. Any number of these may run beside any number of
/// servers.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Number of jobs to run at the same time [default: the setting `jobs.work_slots`].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
    slots: Option<u16>,
}

/// Works until a signal comes, then ends in order.
///
/// # Errors
/// When the database cannot be opened, or the private one ends by itself.
pub async fn run(args: Args, settings: Settings) -> anyhow::Result<ExitCode> {
    let app = App::open(settings, Use::Shared).await?;
    let slots = args.slots.map_or(app.settings.jobs.work_slots, usize::from);
    let workers = begin(&app, slots);
    terminal::say(&format!(
        "Working, {slots} jobs at a time. Ctrl-C ends it in order."
    ));
    let outcome = tokio::select! {
        () = super::serve::stop_signal() => Ok(()),
        how = app.database_ended() => Err(anyhow::anyhow!("the private database ended: {how}")),
    };
    end(workers, app.settings.http.drain_seconds).await;
    app.close().await;
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Begins to work for all schemas.
pub fn begin(app: &App, slots: usize) -> Workers {
    let schemas = app.schemas.iter();
    let jobs = schemas.map(|(_, services)| services.jobs.clone());
    Workers::start(jobs, slots, &name())
}

/// Ends workers in order; what still runs after `seconds` goes back to the queue.
pub async fn end(workers: Workers, seconds: u64) {
    workers.drain(Duration::from_secs(seconds)).await;
}

/// The machine and the process, which together tell workers apart.
fn name() -> String {
    let machine = nix::unistd::gethostname().ok();
    let machine = machine.and_then(|name| name.into_string().ok());
    let machine = machine.unwrap_or_else(|| "unknown".to_owned());
    format!("{machine}/{}", std::process::id())
}
