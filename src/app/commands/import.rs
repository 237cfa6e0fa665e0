//! `marquee import`: films, products, users and what they did, what channels show, and factors, from files.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use chrono_tz::Tz;
use clap::{Args as ClapArgs, Subcommand};

use crate::app::terminal::ProgressBar;
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::imports::{
    FieldWarning, ImportEvent, ImportOptions, ImportOutcome, ImportRequest, ImportSummary, Limits,
    MappingOrigin, RefusedRow, Table, printable,
};
use crate::foundation::{Error, Progress};
use crate::platform::config::{CreateUnknown, SchemaName};

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
    /// Products or other items by ids of their own (CSV, TSV, JSONL, JSON).
    Items(MappedFile),
    /// Users by ids of their own (CSV, TSV, JSONL, JSON).
    Users(MappedFile),
    /// Interactions by the ids of users and items of your own (CSV, TSV, JSONL, JSON).
    Interactions {
        #[command(flatten)]
        #[expect(missing_docs, reason = "MappedFile says what it is")]
        from: MappedFile,
        /// Unknown users and items to create: `users`, `items`, `both` or `none` [default: what the mapping
        /// says, else the setting `external_ids.create`].
        #[arg(long, value_name = "WHAT", value_parser = create_unknown)]
        create: Option<CreateUnknown>,
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

impl What {
    /// The file among those of the import that is the same one as `path`, by this name or another.
    fn reads(&self, path: &Path) -> Option<PathBuf> {
        let path = path.canonicalize().ok()?;
        let files: Vec<&PathBuf> = match self {
            Self::Movielens { folder } | Self::Tmdb { folder } => {
                // Whatever lies in the folder may be read.
                let folder = folder.canonicalize().ok()?;
                return (path.parent() == Some(folder.as_path())).then_some(path);
            }
            Self::Products { file, mapping } => vec![file, mapping],
            Self::Items(from) | Self::Users(from) | Self::Interactions { from, .. } => {
                std::iter::once(&from.file).chain(&from.mapping).collect()
            }
            Self::Xmltv { files, .. } | Self::Airings { files } => files.iter().collect(),
            Self::Factors(args) => vec![&args.items],
        };
        let same = |file: &&PathBuf| file.canonicalize().is_ok_and(|file| file == path);
        files.into_iter().find(same).cloned()
    }
}

/// A file of rows and what says how they are read.
#[derive(Clone, Debug, ClapArgs)]
pub struct MappedFile {
    /// File with the rows; `-` is the standard input.
    pub file: PathBuf,
    /// Mapping of columns to values; see docs/import.md.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "preset",
        required_unless_present = "preset"
    )]
    pub mapping: Option<PathBuf>,
    /// Name of a built-in mapping, such as `gorse` or `ml-100k`; see docs/import.md.
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
}

impl MappedFile {
    fn into_parts(self) -> (PathBuf, MappingOrigin) {
        let mapping = match self.mapping {
            Some(file) => MappingOrigin::File(file),
            None => MappingOrigin::Preset(self.preset.unwrap_or_default()),
        };
        (self.file, mapping)
    }
}

fn create_unknown(text: &str) -> Result<CreateUnknown, String> {
    match text {
        "users" => Ok(CreateUnknown::Users),
        "items" => Ok(CreateUnknown::Items),
        "both" => Ok(CreateUnknown::Both),
        "none" => Ok(CreateUnknown::None),
        _ => Err("it is one of users, items, both, none".to_owned()),
    }
}

/// Imports into the schema of these services, which is that of `args.schema`; an interrupt ends it after
/// the chunks under way. The exit code says how it ended.
///
/// # Errors
/// When the database fails, `--refused` cannot be written, or factors are worse than what serves.
pub async fn run(args: Args, services: &Services) -> anyhow::Result<ExitCode> {
    if let Some(refused) = &args.refused
        && let Some(read) = args.what.reads(refused)
    {
        anyhow::bail!(
            "--refused would write over `{}`, which is read; give it another name",
            read.display()
        );
    }
    let mut report = Report::new(args.refused.as_ref(), args.show_refused)?;
    let limits = Limits {
        ratio: args.max_ratio,
        ..Limits::default()
    };
    let request = match args.what {
        What::Movielens { folder } => ImportRequest::Movielens { folder },
        What::Tmdb { folder } => ImportRequest::Tmdb { folder },
        What::Products { file, mapping } => ImportRequest::Products { file, mapping },
        What::Items(from) => {
            let (file, mapping) = from.into_parts();
            ImportRequest::Items { file, mapping }
        }
        What::Users(from) => {
            let (file, mapping) = from.into_parts();
            ImportRequest::Users { file, mapping }
        }
        What::Interactions { from, create } => {
            let (file, mapping) = from.into_parts();
            ImportRequest::Interactions {
                file,
                mapping,
                create,
            }
        }
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
            eprintln!("Nothing was imported: {}", lines(&error));
            Ok(ExitCode::from(NOTHING_READ))
        }
        // At the shell of the server, the cause may be seen.
        Err(Error::Internal(cause)) => Err(cause.context(
            "the import stopped; the chunks merged before are whole, and the same command goes on",
        )),
        Err(other) => Err(other.into()),
    }
}

/// A message as it may be shown on a terminal, line by line.
fn lines(error: &Error) -> String {
    let text = error.to_string();
    let lines: Vec<String> = text.lines().take(50).map(printable).collect();
    lines.join("\n")
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
        "{:<12} {:>10} {:>10} {:>10} {:>10}\n",
        "", "added", "updated", "unchanged", "refused"
    );
    // Writing to a String cannot fail.
    for (table, counts) in &summary.tables {
        let _ = writeln!(
            text,
            "{:<12} {:>10} {:>10} {:>10} {:>10}",
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
    if !summary.warnings.is_empty() {
        let fields = summary.warnings.iter();
        let fields: Vec<String> = fields
            .map(|(field, rows)| format!("{} ({rows})", printable(field)))
            .collect();
        let fields = fields.join(", ");
        let _ = writeln!(
            text,
            "Left empty, since the field cannot take the value: {fields}."
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
                self.show(printable(&file), 0, 0);
            }
            ImportEvent::ChunkMerged { file, bytes, rows } => {
                self.show(printable(&file), bytes, rows);
            }
            ImportEvent::RowRefused(refused) => self.refused(&refused),
            ImportEvent::FieldLeftEmpty(warning) => {
                let FieldWarning {
                    file,
                    line,
                    field,
                    reason,
                } = warning;
                self.say(&format!(
                    "{file}, line {line}: {field} left empty: {reason}"
                ));
            }
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
        let RefusedRow { file, line, reason } = refused;
        self.say(&format!("{file}, line {line}: refused: {reason}"));
    }

    /// Shows a line about the file, unless as many were shown as are to be.
    fn say(&mut self, line: &str) {
        if self.left_to_show == 0 {
            self.hidden += 1;
            return;
        }
        self.left_to_show -= 1;
        self.bar.write_line(&printable(line));
    }

    fn end(mut self) -> anyhow::Result<()> {
        drop(self.bar);
        if self.hidden > 0 {
            let how = if self.file.is_some() {
                ""
            } else {
                "; --refused FILE writes all refused rows"
            };
            eprintln!("… and {} more such lines{how}", self.hidden);
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
