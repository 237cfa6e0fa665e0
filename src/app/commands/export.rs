//! `marquee export`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::app::terminal;
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::imports::factors::write_parquet;
use crate::foundation::{Id, id};

/// Write what Marquee has learned into files for other programs.
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The vectors of items of a collaborative model, as `marquee import factors` reads them.
    Factors(FactorArgs),
}

#[derive(Debug, Args)]
struct FactorArgs {
    /// The Parquet file to write, with a column `id` (ids of this schema) and a column `features` (a list of
    /// floats). There are no vectors of users: users are folded in from their interactions.
    #[arg(long, value_name = "FILE")]
    items: PathBuf,
    /// ID of the version [default: the active one].
    #[arg(long, value_name = "ID")]
    version: Option<Id<id::Model>>,
}

/// Runs the command.
///
/// # Errors
/// When there is no such version, it has no vectors, or the file cannot be written.
pub async fn run(args: ExportArgs, services: &Services) -> anyhow::Result<()> {
    let What::Factors(args) = args.what;
    let service = &services.recommendations;
    let factors = service.item_factors(&Viewer::Command, args.version).await?;
    let (items, width) = (factors.items.len(), factors.vectors.columns());
    let path = args.items.clone();
    tokio::task::spawn_blocking(move || write_parquet(&path, &factors)).await??;
    let file = args.items.display();
    terminal::say_result(&format!(
        "Wrote {items} items with {width} factors into {file}."
    ));
    Ok(())
}
