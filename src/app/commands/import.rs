//! `marquee import`: films, products, users and what they did, what channels show, and factors, from files.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use chrono_tz::Tz;
use clap::{Args as ClapArgs, Subcommand};

use crate::app::terminal::ProgressBar;
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::imports::{
    ImportEvent, ImportOptions, ImportOutcome, ImportRequest, ImportSummary, Limits, RefusedRow,
    Table,
};
use crate::foundation::{Error, Progress};
use crate::platform::config::SchemaName;

mod factors;

pub use factors::FactorArgs;

/// The exit code when nothing could be read: a file or folder that is not there, a mapping with a
/// mistake, or no single good row.
pub const NOTHING_READ: u8 = 3;
/// The exit code when a file broke in the middle; what came before it is in.
pub const BROKEN: u8 = 4;
/// The exit code when the import was cancelled, as a shell gives it for an interrupt.
pub const CANCELLED: u8 = 130;

/// Import films, products, users, interactions, schedules and factors from files, plain or gzipped.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Source of the import.
    #[command(subcommand)]
    pub what: What,
    /// Schema to import into [default: the first one in the setting `schemas`].
    #[arg(long, value_name = "NAME", global = true)]
    pub schema: Option<SchemaName>,
    /// File for all rejected rows, as CSV with file, line and reason.
    #[arg(long, value_name = "FILE", global = true)]
    pub refused: Option<PathBuf>,
    /// Number of rejected rows to print; the others are only counted.
    #[arg(long, value_name = "ROWS", default_value_t = 20, global = true)]
    pub show_refused: usize,
    /// Maximum ratio of the decompressed to the compressed size of a file, for files of more than 1
    /// GiB when decompressed.
    #[arg(long, value_name = "TIMES", default_value_t = 200, global = true,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub max_ratio: u64,
}

/// Sources of an import.
#[derive(Clone, Debug, Subcommand)]
pub enum What {
    /// MovieLens: films, users, ratings and tags (CSV, or .dat with `::`).
    Movielens {
        /// Directory with the files.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// TMDB: films and credits (CSV).
    Tmdb {
        /// Directory with the files.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Product catalogue (CSV or JSONL).
    Products {
        /// File with the products.
        file: PathBuf,
        /// Mapping of columns to fields; see docs/import.md and examples/mappings.
        #[arg(long, value_name = "FILE")]
        mapping: PathBuf,
    },
    /// Television guides: the schedules of channels (XMLTV).
    Xmltv {
        /// Guides, read one after the other.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Time zone of channels that are not known yet, and of their times without an offset, as in
        /// the IANA database.
        #[arg(long, value_name = "ZONE", default_value = "UTC")]
        time_zone: Tz,
    },
    /// Airings of channels, with audience figures (CSV).
    Airings {
        /// Tables, read one after the other; see docs/competition.md for their columns.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Factors of items that were trained elsewhere, as a version of the collaborative model.
    Factors(FactorArgs),
}

/// Imports into the schema of these services, which is that of `args.schema`; an interrupt ends it after
/// the chunks under way. The exit code says how it ended.
///
/// # Errors
/// When the database fails, `--refused` cannot be written, or factors are worse than what serves.
pub async fn run(args: Args, services: &Services) -> anyhow::Result<ExitCode> {
    let mut report = Report::new(args.refused.as_ref(), args.show_refused)?;
    let limits = Limits {
        ratio: args.max_ratio,
        ..Limits::default()
    };
    let request = match args.what {
        What::Movielens { folder } => ImportRequest::Movielens { folder },
        What::Tmdb { folder } => ImportRequest::Tmdb { folder },
        What::Products { file, mapping } => ImportRequest::Products { file, mapping },
        What::Xmltv { files, time_zone } => ImportRequest::Xmltv { files, time_zone },
        What::Airings { files } => ImportRequest::Airings { files },
        What::Factors(args) => {
            let read = factors::read(&args, limits, services, &mut report).await;
            report.end()?;
            return match read {
                Ok(read) => {
                    factors::serve(&args, read, services).await?;
                    Ok(ExitCode::SUCCESS)
                }
                Err(error @ Error::Refused(_)) => {
                    eprintln!("Nothing was imported: {error}");
                    Ok(ExitCode::from(NOTHING_READ))
                }
                Err(other) => Err(other.into()),
            };
        }
    };
    let options = ImportOptions {
        limits,
        ..ImportOptions::default()
    };
    let cancel = options.cancel.clone();
    let interrupt = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            cancel.cancel();
        }
    });
    let outcome = services
        .imports
        .run(&Viewer::Command, request, options, |event| {
            report.record(event);
        })
        .await;
    interrupt.abort();
    report.end()?;
    match outcome {
        Ok(summary) => {
            let mut out = std::io::stdout().lock();
            out.write_all(describe(&summary).as_bytes())?;
            Ok(ExitCode::from(code(&summary)))
        }
        Err(error @ Error::Refused(_)) => {
            eprintln!("Nothing was imported: {error}");
            Ok(ExitCode::from(NOTHING_READ))
        }
        // At the shell of the server, the cause may be seen.
        Err(Error::Internal(cause)) => Err(cause.context(
            "the import stopped; the chunks merged before are whole, and the same command goes on",
        )),
        Err(other) => Err(other.into()),
    }
}

/// The exit code of an import that ended like this.
pub fn code(summary: &ImportSummary) -> u8 {
    match &summary.outcome {
        ImportOutcome::Cancelled => CANCELLED,
        _ if summary.is_empty() => NOTHING_READ,
        ImportOutcome::Aborted(_) => BROKEN,
        ImportOutcome::Completed => 0,
    }
}

/// The summary as it is printed.
pub fn describe(summary: &ImportSummary) -> String {
    use std::fmt::Write;
    let mut text = format!(
        "{:<9} {:>10} {:>10} {:>10} {:>10}\n",
        "", "added", "updated", "unchanged", "refused"
    );
    // Writing to a String cannot fail.
    for (table, counts) in &summary.tables {
        let _ = writeln!(
            text,
            "{:<9} {:>10} {:>10} {:>10} {:>10}",
            table.as_str(),
            counts.added,
            counts.updated,
            counts.unchanged,
            counts.refused
        );
    }
    let airings = summary.of(Table::Airings);
    if airings.duplicates + airings.overlapping + airings.removed > 0 {
        let _ = writeln!(
            text,
            "Of the airings, {} repeated another row and were left out, {} overlap another one, and {} of \
             earlier guides were removed.",
            airings.duplicates, airings.overlapping, airings.removed
        );
    }
    let seconds = summary.seconds;
    let _ = match &summary.outcome {
        ImportOutcome::Completed if summary.is_empty() => {
            writeln!(text, "No row could be read in {seconds:.1} seconds.")
        }
        ImportOutcome::Completed => writeln!(text, "Done in {seconds:.1} seconds."),
        ImportOutcome::Cancelled => writeln!(
            text,
            "Cancelled after {seconds:.1} seconds. What is counted above is in; the same command \
             goes on from there."
        ),
        ImportOutcome::Aborted(broken) => writeln!(
            text,
            "{}, line {}: {}.\nThe import stopped after {seconds:.1} seconds. What is counted \
             above is in. Mend or fetch the file again and repeat the same command: what is in \
             already is left as it is.",
            broken.file, broken.line, broken.reason
        ),
    };
    text
}

/// Tells at the terminal how far an import is, and which rows were refused.
struct Report {
    bar: ProgressBar,
    left_to_show: usize,
    hidden: u64,
    file: Option<csv::Writer<std::fs::File>>,
    failed: Option<csv::Error>,
    total: u64,
}

impl Report {
    fn new(file: Option<&PathBuf>, show: usize) -> anyhow::Result<Self> {
        let file = file
            .map(|path| {
                let mut writer = csv::Writer::from_path(path)
                    .with_context(|| format!("{} cannot be written", path.display()))?;
                writer.write_record(["file", "line", "reason"])?;
                anyhow::Ok(writer)
            })
            .transpose()?;
        Ok(Self {
            bar: ProgressBar::new(),
            left_to_show: show,
            hidden: 0,
            file,
            failed: None,
            total: 0,
        })
    }

    fn record(&mut self, event: ImportEvent) {
        match event {
            ImportEvent::FileOpened { file, bytes } => {
                self.total = bytes;
                self.show(file, 0, 0);
            }
            ImportEvent::ChunkMerged { file, bytes, rows } => self.show(file, bytes, rows),
            ImportEvent::RowRefused(refused) => self.refused(&refused),
        }
    }

    fn show(&mut self, file: String, bytes: u64, rows: u64) {
        let fraction = match self.total {
            0 => 1.0,
            total => (bytes as f32 / total as f32).min(1.0),
        };
        self.bar.show(&Progress {
            fraction: Some(fraction),
            step: Some(file.into()),
            message: Some(format!("{rows} rows")),
        });
    }

    fn refused(&mut self, refused: &RefusedRow) {
        if let Some(file) = &mut self.file
            && let Err(error) =
                file.write_record([&refused.file, &refused.line.to_string(), &refused.reason])
        {
            self.failed.get_or_insert(error);
        }
        if self.left_to_show == 0 {
            self.hidden += 1;
            return;
        }
        self.left_to_show -= 1;
        let RefusedRow { file, line, reason } = refused;
        self.bar
            .write_line(&format!("{file}, line {line}: refused: {reason}"));
    }

    fn end(mut self) -> anyhow::Result<()> {
        drop(self.bar);
        if self.hidden > 0 {
            let how = if self.file.is_some() {
                ""
            } else {
                "; --refused FILE writes all"
            };
            eprintln!("… and {} more refused rows{how}", self.hidden);
        }
        if let Some(file) = &mut self.file {
            file.flush()?;
        }
        match self.failed {
            Some(error) => Err(error).context("the refused rows could not be written"),
            None => Ok(()),
        }
    }
}
