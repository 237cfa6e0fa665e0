//! Runs an import: reads on a thread of its own, merges chunk by chunk, tells how far it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::mapping::Mapping;
use super::model::{
    FileError, ImportEvent, ImportOptions, ImportOutcome, ImportRequest, ImportSummary, ReadError,
    RefusedRow, RowCounts, Table,
};
use super::movielens;
use super::products::ProductReader;
use super::source::Source;
use super::store::{
    CreditStage, Ids, ItemStage, MOVIELENS, Policy, RatingStage, Session, Stage, Store, TMDB,
    TagStage, UserItemStage, UserStage,
};
use super::tmdb;
use crate::domain::SchemaContext;
use crate::domain::auth::Viewer;
use crate::domain::channels::ChannelService;
use crate::domain::competition::CompetitionService;
use crate::foundation::{Clock, Error, Id, Result, Rng, id};
use crate::platform::cache::Cache;
use crate::platform::config::Settings;

mod airings;
mod chunks;
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
            outcome: ImportOutcome::Completed,
            sessions: Vec::new(),
            store: self.store.clone(),
            undecoded: matches!(request, ImportRequest::Xmltv { .. }),
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
            Plan::Products { file, mapping } => run.products(&file, mapping).await?,
            Plan::Guides { files, zone } => run.guides(self, &files, zone).await?,
            Plan::Airings { files } => run.airings(self, &files).await?,
        }
        let summary = ImportSummary {
            tables: run.tables.into_iter().collect(),
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
    outcome: ImportOutcome,
    /// The first session holds the lock.
    sessions: Vec<Session>,
    store: Store,
    /// Whether files are decoded by whoever reads them, as guides are, and may be in UTF-16.
    undecoded: bool,
}

impl<N: FnMut(ImportEvent) + Send> ImportRun<N> {
    fn ids(&self) -> Ids {
        Ids::new(self.now, self.rng.clone())
    }

    fn is_running(&self) -> bool {
        self.outcome == ImportOutcome::Completed
    }

    async fn movielens(&mut self, folder: &Path) -> Result<()> {
        let links = self.links(folder).await?;
        let find = |name| movielens::find(folder, name);
        let until = self.now.timestamp();
        if let Some((path, form)) = find("movies") {
            let ids = self.ids();
            let stage = move |ids| ItemStage::new(MOVIELENS, Table::Films, Policy::Movielens, ids);
            self.file(&path, Table::Films, 1, ids, stage, move |source| {
                Ok(movielens::FilmReader::new(source.lines(), form, links))
            })
            .await?;
        }
        if let Some((path, form)) = find("users").filter(|_| self.is_running()) {
            let ids = self.ids();
            self.file(&path, Table::Users, 1, ids, UserStage::new, move |source| {
                Ok(movielens::UserReader::new(source.lines(), form))
            })
            .await?;
        }
        let films = Arc::new(self.sessions[0].numbered(MOVIELENS).await?);
        if let Some((path, form)) = find("ratings").filter(|_| self.is_running()) {
            let (ids, known) = (self.ids(), Arc::clone(&films));
            let all = Arc::clone(&films);
            let stage = move |ids| RatingStage(UserItemStage::new(ids, Arc::clone(&all)));
            self.file(&path, Table::Ratings, 2, ids, stage, move |source| {
                let rows = movielens::UserItemReader::ratings(source.lines(), form, until);
                Ok(rows.map(move |row| of_known_film(row?, &known)))
            })
            .await?;
        }
        if let Some((path, form)) = find("tags").filter(|_| self.is_running()) {
            let (ids, known) = (self.ids(), Arc::clone(&films));
            let stage = move |ids| TagStage(UserItemStage::new(ids, Arc::clone(&films)));
            self.file(&path, Table::Tags, 1, ids, stage, move |source| {
                let rows = movielens::UserItemReader::tags(source.lines(), form, until);
                Ok(rows.map(move |row| of_known_film(row?, &known)))
            })
            .await?;
        }
        Ok(())
    }

    /// Reads `links` whole, since each film is written together with its names elsewhere. Links
    /// without their film in `movies` are of no use and not told.
    async fn links(&mut self, folder: &Path) -> Result<FxHashMap<u64, movielens::Link>> {
        let Some((path, form)) = movielens::find(folder, "links") else {
            return Ok(FxHashMap::default());
        };
        let source = self.open(&path)?;
        let file = name(&path);
        let read = tokio::task::spawn_blocking(move || {
            let mut links = FxHashMap::default();
            let mut refused = Vec::new();
            for row in movielens::LinkReader::new(source.lines(), form) {
                match row {
                    Ok(link) => {
                        links.insert(link.film, link);
                    }
                    Err(ReadError::Row { line, reason }) => refused.push(RefusedRow {
                        file: file.clone(),
                        line,
                        reason,
                    }),
                    Err(ReadError::File { line, reason }) => {
                        return (links, refused, Some(FileError { file, line, reason }));
                    }
                }
            }
            (links, refused, None)
        });
        let (links, refused, broken) = read.await.map_err(|e| Error::Internal(e.into()))?;
        self.refuse(Table::Links, refused);
        if let Some(broken) = broken {
            self.outcome = ImportOutcome::Aborted(broken);
        }
        Ok(links)
    }

    async fn tmdb(&mut self, films: Option<PathBuf>, credits: Option<PathBuf>) -> Result<()> {
        if let Some(path) = films {
            let ids = self.ids();
            let stage = |ids| ItemStage::new(TMDB, Table::Films, Policy::Tmdb, ids);
            self.file(&path, Table::Films, 1, ids, stage, tmdb::FilmReader::new)
                .await?;
        }
        if let Some(path) = credits.filter(|_| self.is_running()) {
            let known = self.sessions[0].numbered(TMDB).await?.into_keys().collect();
            let ids = self.ids();
            self.file(
                &path,
                Table::Credits,
                1,
                ids,
                CreditStage::new,
                move |source| tmdb::CreditReader::new(source, known),
            )
            .await?;
        }
        Ok(())
    }

    async fn products(&mut self, path: &Path, mapping: Box<Mapping>) -> Result<()> {
        let ids = self.ids();
        let (source, fields) = (
            mapping.source.clone(),
            mapping.fields.keys().copied().collect::<Vec<_>>(),
        );
        let stage = move |ids| {
            let policy = Policy::Products(fields.clone());
            ItemStage::new(&source, Table::Products, policy, ids)
        };
        self.file(path, Table::Products, 1, ids, stage, move |source| {
            ProductReader::new(source, *mapping)
        })
        .await
    }

    fn open(&mut self, path: &Path) -> Result<Source> {
        let limits = self.options.limits;
        let source = match self.undecoded {
            true => Source::open_undecoded(path, limits)?,
            false => Source::open(path, limits)?,
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
            if let Some(broken) = chunk.fault {
                self.outcome = ImportOutcome::Aborted(broken);
            }
            let progress = ChunkPosition {
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
        let (session, merged) = task.await.map_err(|error| Error::Internal(error.into()))?;
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

fn of_known_film<T>(
    row: super::model::UserItemRow<T>,
    films: &FxHashMap<u64, uuid::Uuid>,
) -> Result<super::model::UserItemRow<T>, ReadError> {
    if films.contains_key(&row.item) {
        Ok(row)
    } else {
        let reason = format!("there is no film with the movieId {}", row.item);
        Err(ReadError::row(row.line, reason))
    }
}
