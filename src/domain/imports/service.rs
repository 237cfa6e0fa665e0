//! Runs an import: reads on a thread of its own, merges chunk by chunk, tells how far it is.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::mapping::{Encoding, Mapping};
use super::message::printable;
use super::model::{
    ImportEvent, ImportOptions, ImportOutcome, ImportRequest, ImportSummary, ReadError, RefusedRow,
    RowCounts, Table,
};
use super::products::ProductReader;
use super::source::Source;
use super::store::{Ids, ItemStage, Policy, Session, Stage, Store};
use crate::domain::SchemaContext;
use crate::domain::auth::Viewer;
use crate::domain::channels::ChannelService;
use crate::domain::competition::CompetitionService;
use crate::foundation::{Clock, Error, Id, Result, Rng, id};
use crate::platform::cache::Cache;
use crate::platform::config::{ExternalIdSettings, Settings};

mod airings;
mod chunks;
mod films;
mod mapped;
mod plan;

use chunks::read_chunks;
use plan::Plan;

/// Imports into one schema.
#[derive(Clone)]
pub struct ImportService {
    pub(super) store: Store,
    channels: ChannelService,
    competition: CompetitionService,
    cache: Cache,
    pub(super) clock: Clock,
    rng: Rng,
    external_ids: ExternalIdSettings,
    pub(super) settings: Arc<Settings>,
}

impl ImportService {
    /// Imports into the schema of `ctx`.
    pub fn new(ctx: &SchemaContext) -> Self {
        Self {
            store: Store::new(ctx.db.clone()),
            channels: ChannelService::new(ctx),
            competition: CompetitionService::new(ctx),
            cache: ctx.cache.clone(),
            clock: ctx.clock.clone(),
            rng: ctx.rng.clone(),
            external_ids: ctx.settings.external_ids.of(ctx.db.schema()),
            settings: Arc::clone(&ctx.settings),
        }
    }

    /// Runs an import and tells `on_event` of it. Only one runs in a schema at a time.
    ///
    /// Rows that cannot be taken are refused and told; a file that breaks in the middle ends the
    /// import with what was merged before, and the summary says where. The same import again adds
    /// only what was missing.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for all but admins, [`Refusal::InvalidInput`] for a file, folder or
    /// mapping that cannot be used, [`Refusal::Conflict`] while another import runs.
    pub async fn run(
        &self,
        viewer: &Viewer,
        request: ImportRequest,
        options: ImportOptions,
        on_event: impl FnMut(ImportEvent) + Send,
    ) -> Result<ImportSummary> {
        viewer.admin()?;
        let now = self.clock.now();
        let start = std::time::Instant::now();
        let mut run = ImportRun {
            now,
            rng: self.rng.clone(),
            options,
            on_event,
            tables: BTreeMap::new(),
            warnings: BTreeMap::new(),
            outcome: ImportOutcome::Completed,
            sessions: Vec::new(),
            store: self.store.clone(),
            decoding: match request {
                ImportRequest::Xmltv { .. } => Decoding::Reader,
                _ => Decoding::Utf8,
            },
        };
        // What cannot be used is refused before the database is asked for anything.
        let plan = Plan::of(&request)?;
        run.sessions.push(self.store.open_alone(now).await?);
        // Nothing that is cached depends on what channels show.
        let _over = request
            .changes_catalogue()
            .then(|| self.cache.invalidate_on_drop());
        match plan {
            Plan::Movielens(folder) => run.movielens(&folder).await?,
            Plan::Tmdb { films, credits } => run.tmdb(films, credits).await?,
            Plan::Products { file, mapping } => run.products(self, &file, mapping).await?,
            Plan::Users { file, mapping } => run.users(self, &file, mapping).await?,
            Plan::Interactions {
                file,
                mapping,
                create,
            } => run.interactions(self, &file, mapping, create).await?,
            Plan::Guides { files, zone } => run.guides(self, &files, zone).await?,
            Plan::Airings { files } => run.airings(self, &files).await?,
        }
        let summary = ImportSummary {
            tables: run.tables.into_iter().collect(),
            warnings: run.warnings,
            outcome: run.outcome,
            seconds: start.elapsed().as_secs_f64(),
        };
        if let Some(session) = run.sessions.into_iter().next() {
            let entry: Id<id::Interaction> = Id::new(&self.clock, &self.rng);
            session
                .finish(entry.uuid(), viewer.name(), request.name(), &summary)
                .await?;
        }
        Ok(summary)
    }
}

/// A running import.
struct ImportRun<N> {
    now: chrono::DateTime<chrono::Utc>,
    rng: Rng,
    options: ImportOptions,
    on_event: N,
    tables: BTreeMap<Table, RowCounts>,
    warnings: BTreeMap<String, u64>,
    outcome: ImportOutcome,
    /// The first session holds the lock.
    sessions: Vec<Session>,
    store: Store,
    decoding: Decoding,
}

/// How the text of files is decoded.
#[derive(Clone, Copy)]
enum Decoding {
    /// It is UTF-8.
    Utf8,
    /// As a mapping says, or as it is found.
    Mapped(Option<Encoding>),
    /// By whoever reads it, as guides are, which may be in UTF-16.
    Reader,
}

impl<N: FnMut(ImportEvent) + Send> ImportRun<N> {
    fn ids(&self) -> Ids {
        Ids::new(self.now, self.rng.clone())
    }

    fn is_running(&self) -> bool {
        self.outcome == ImportOutcome::Completed
    }

    async fn products(
        &mut self,
        service: &ImportService,
        path: &Path,
        mapping: Box<Mapping>,
    ) -> Result<()> {
        let of_schema = service.external_ids.source.clone();
        let ids = self.ids();
        let visibility = mapping.visibility.is_some();
        let (source, fields) = (
            mapping.source.clone().unwrap_or(of_schema),
            mapping.fields.keys().copied().collect::<Vec<_>>(),
        );
        let stage = move |ids| {
            let policy = Policy::Products {
                fields: fields.clone(),
                visibility,
            };
            ItemStage::new(&source, Table::Products, policy, ids)
        };
        self.decoding = Decoding::Mapped(mapping.encoding);
        self.file(path, Table::Products, 1, ids, stage, move |source| {
            ProductReader::new(source, *mapping)
        })
        .await
    }

    fn open(&mut self, path: &Path) -> Result<Source> {
        let limits = self.options.limits;
        let source = match self.decoding {
            Decoding::Utf8 => Source::open(path, limits)?,
            Decoding::Mapped(encoding) => Source::open_decoded(path, limits, encoding)?,
            Decoding::Reader => Source::open_undecoded(path, limits)?,
        };
        (self.on_event)(ImportEvent::FileOpened {
            file: name(path),
            bytes: source.bytes(),
        });
        Ok(source)
    }

    fn refuse(&mut self, table: Table, refused: Vec<RefusedRow>) {
        self.tables.entry(table).or_default().refused += refused.len() as u64;
        for refused in refused {
            (self.on_event)(ImportEvent::RowRefused(refused));
        }
    }

    /// Reads one file and merges its chunks, up to `at_once` of them together.
    async fn file<S, R>(
        &mut self,
        path: &Path,
        table: Table,
        at_once: usize,
        ids: Ids,
        stage: impl Fn(Ids) -> S + Send + 'static,
        read: impl FnOnce(Source) -> Result<R, ReadError> + Send + 'static,
    ) -> Result<()>
    where
        S: Stage,
        R: Iterator<Item = Result<S::Row, ReadError>>,
    {
        if !self.is_running() {
            return Ok(());
        }
        let source = self.open(path)?;
        while self.sessions.len() < at_once {
            self.sessions.push(self.store.open(self.now).await?);
        }
        let mut free: Vec<Session> = std::mem::take(&mut self.sessions);
        // The session with the lock works first and is put back in its place at the end.
        let lock_last = free.split_off(at_once.min(free.len()));
        free.reverse();
        let mut busy: Vec<(MergeTask, ChunkPosition)> = Vec::new();
        let (sender, mut chunks) = mpsc::channel(1);
        let options = self.options.clone();
        let file = name(path);
        let reader = tokio::task::spawn_blocking(move || {
            let fresh = move || stage(ids.clone());
            read_chunks(&file, source, &options, fresh, read, &sender);
        });
        let mut result = Ok(());
        while result.is_ok() {
            let Some(chunk) = chunks.recv().await else {
                break;
            };
            if self.options.cancel.is_cancelled() {
                break;
            }
            self.refuse(table, chunk.refused);
            for (field, rows) in chunk.warnings {
                *self.warnings.entry(field).or_default() += rows;
            }
            for warning in chunk.warned {
                (self.on_event)(ImportEvent::FieldLeftEmpty(warning));
            }
            if let Some(broken) = chunk.fault {
                self.outcome = ImportOutcome::Aborted(broken);
            }
            let progress = ChunkPosition {
                table,
                file: name(path),
                bytes: chunk.bytes,
                rows: chunk.rows,
            };
            let session = match free.pop() {
                Some(session) => session,
                None => match self.next_merged(&mut busy).await {
                    Ok(session) => session,
                    Err(error) => {
                        result = Err(error);
                        break;
                    }
                },
            };
            let task = tokio::spawn(async move {
                let mut session = session;
                let merged = chunk.stage.merge(&mut session).await;
                (session, merged)
            });
            busy.push((task, progress));
        }
        // The reader ends at its next chunk, since nobody receives it.
        drop(chunks);
        while !busy.is_empty() {
            match self.next_merged(&mut busy).await {
                Ok(session) => free.push(session),
                Err(error) => result = result.and(Err(error)),
            }
        }
        reader
            .await
            .map_err(|error| Error::Internal(error.into()))?;
        result?;
        free.extend(lock_last);
        free.sort_by_key(|session| !session.holds_lock());
        self.sessions = free;
        if self.options.cancel.is_cancelled() && self.is_running() {
            self.outcome = ImportOutcome::Cancelled;
        }
        Ok(())
    }

    /// Waits for the chunk that has been merging longest, and answers its session.
    async fn next_merged(&mut self, busy: &mut Vec<(MergeTask, ChunkPosition)>) -> Result<Session> {
        let (task, progress) = busy.remove(0);
        let (mut session, merged) = task.await.map_err(|error| Error::Internal(error.into()))?;
        let refused = session.take_refused().into_iter();
        let refused = refused.map(|(line, reason)| RefusedRow {
            file: progress.file.clone(),
            line,
            reason: printable(&reason),
        });
        self.refuse(progress.table, refused.collect());
        for (table, counts) in merged? {
            *self.tables.entry(table).or_default() += counts;
        }
        (self.on_event)(ImportEvent::ChunkMerged {
            file: progress.file,
            bytes: progress.bytes,
            rows: progress.rows,
        });
        Ok(session)
    }
}

type MergeTask = JoinHandle<(Session, Result<Vec<(Table, RowCounts)>>)>;

/// Where a chunk ends: the file, the bytes and the rows of it so far.
struct ChunkPosition {
    table: Table,
    file: String,
    bytes: u64,
    rows: u64,
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}
