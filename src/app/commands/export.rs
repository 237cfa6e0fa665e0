//! `marquee export`

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};

use crate::app::terminal;
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::imports::factors::write_parquet;
use crate::domain::recommendations::RecommendationService;
use crate::domain::recommendations::traces::{Trace, TraceFilter, TraceRecord};
use crate::foundation::page::{Cursor, MAX_SIZE, Window};
use crate::foundation::{Id, id};

/// Write what Marquee has learned, and what it made lists of, into files for other programs.
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The vectors of items of a collaborative model, as `marquee import factors` reads them.
    Factors(FactorArgs),
    /// What recommendation lists were made of, a JSON object a line, the newest list first.
    Traces(TraceArgs),
}

#[derive(Debug, Args)]
struct TraceArgs {
    /// The file to write [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only lists for this user.
    #[arg(long, value_name = "ID")]
    user: Option<Id<id::User>>,
    /// Only lists that were made at this time or later (RFC 3339).
    #[arg(long, value_name = "TIME")]
    from: Option<DateTime<Utc>>,
    /// Only lists that were made before this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    until: Option<DateTime<Utc>>,
    /// Go on behind this list: the last one of an export that was interrupted.
    #[arg(long, value_name = "ID")]
    after: Option<Id<id::List>>,
}

#[derive(Debug, Args)]
struct FactorArgs {
    /// The Parquet file to write, with a column `id` (ids of this schema) and a column `features` (a list of
    /// floats). There are no vectors of users: users are folded in from their interactions.
    #[arg(long, value_name = "FILE")]
    items: PathBuf,
    /// ID of the version [default: the active one].
    #[arg(long, value_name = "ID")]
    model: Option<Id<id::Model>>,
}

/// Runs the command.
///
/// # Errors
/// When there is no such version, it has no vectors, or the file cannot be written.
pub async fn run(args: ExportArgs, services: &Services) -> anyhow::Result<()> {
    match args.what {
        What::Factors(args) => factors(args, services).await,
        What::Traces(args) => traces(args, &services.recommendations).await,
    }
}

async fn factors(args: FactorArgs, services: &Services) -> anyhow::Result<()> {
    let service = &services.recommendations;
    let factors = service.item_factors(&Viewer::Command, args.model).await?;
    let (items, width) = (factors.items.len(), factors.vectors.columns());
    let path = args.items.clone();
    tokio::task::spawn_blocking(move || write_parquet(&path, &factors)).await??;
    let file = args.items.display();
    terminal::say_result(&format!(
        "Wrote {items} items with {width} factors into {file}."
    ));
    Ok(())
}

async fn traces(args: TraceArgs, service: &RecommendationService) -> anyhow::Result<()> {
    let filter = TraceFilter {
        user: args.user,
        from: args.from,
        until: args.until,
        ..TraceFilter::default()
    };
    let after = args.after.map(Trace::cursor_of);
    match &args.out {
        None => {
            write_traces(service, &filter, after, std::io::stdout()).await?;
        }
        Some(path) => {
            let written = write_traces(service, &filter, after, create(path)?).await?;
            terminal::say_result(&format!("Wrote {written} traces into {}.", path.display()));
        }
    }
    Ok(())
}

fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}

/// Writes a line for each trace, page by page, so that no more than a page is in memory. Answers how many.
async fn write_traces(
    service: &RecommendationService,
    filter: &TraceFilter,
    after: Option<Cursor>,
    to: impl Write,
) -> anyhow::Result<usize> {
    let mut to = BufWriter::new(to);
    let mut window = Window::first(MAX_SIZE);
    window.from = after.map(|cursor| cursor.encode());
    let mut written = 0;
    loop {
        let page = service.traces(&Viewer::Command, filter, &window).await?;
        for trace in &page.rows {
            serde_json::to_writer(&mut to, &TraceRecord::from(trace))?;
            writeln!(to)?;
        }
        // What is written is whole lines: who reads along, and who goes on behind the last, needs no more.
        to.flush()?;
        written += page.rows.len();
        let Some(last) = page.rows.last().filter(|_| page.has_next) else {
            return Ok(written);
        };
        window.from = Some(last.cursor().encode());
    }
}
