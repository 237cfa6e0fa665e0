//! Loading into memory what requests are answered from, at the start of a server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::domain::auth::Viewer;
use crate::domain::content::ContentService;
use crate::domain::embeddings::EmbeddingService;
use crate::domain::models::{ModelKind, ModelOrigin, ModelService};
use crate::domain::recommendations::RecommendationService;
use crate::domain::search::SearchService;
use crate::domain::slates::SlateService;
use crate::foundation::{Error, Result};
use crate::platform::config::SchemaName;

/// How many models of all schemas are loaded at the same time, each of which may take all the memory that it has.
const MODELS_AT_ONCE: usize = 2;
/// The delay before a failed load is retried; it doubles with each attempt.
const MIN_RETRY_DELAY: Duration = Duration::from_secs(1);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(60);

/// Something that is loaded at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreloadedPart {
    /// The catalogue in memory, which lists, slates and filters read.
    Catalogue,
    /// The index of words.
    SearchIndex,
    /// The active model of a kind.
    Model(ModelKind),
}

impl fmt::Display for PreloadedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Catalogue => f.write_str("the catalogue"),
            Self::SearchIndex => f.write_str("the search index"),
            Self::Model(kind) => write!(f, "the model {}", kind.as_str()),
        }
    }
}

/// How far the loading of a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PartState {
    Loading,
    Loaded,
    /// It is tried again in the background.
    Failed,
}

/// What a server has loaded of a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreloadStatus {
    /// Whether requests can be answered: everything is loaded or has failed once. With the setting `models.strict`
    /// nothing may have failed.
    pub ready: bool,
    /// What is still being loaded.
    pub loading: Vec<PreloadedPart>,
    /// What is not served as it should be, with what is wrong and what serves in its place, as the end of a sentence.
    pub fallbacks: Vec<(PreloadedPart, &'static str)>,
}

/// Limits how many models are loaded at the same time; one for all schemas.
pub fn preload_limit() -> Semaphore {
    Semaphore::new(MODELS_AT_ONCE)
}

/// Loads one schema at the start of a server. A server that never begins it, as in tests, loads everything when it
/// is first asked for.
#[derive(Clone)]
pub struct PreloadService {
    schema: SchemaName,
    strict: bool,
    content: ContentService,
    search: SearchService,
    embeddings: EmbeddingService,
    models: ModelService,
    recommendations: RecommendationService,
    slates: SlateService,
    states: Arc<Mutex<Vec<(PreloadedPart, PartState)>>>,
}

/// The services that load something.
pub struct PreloadDependencies {
    /// Has the catalogue.
    pub content: ContentService,
    /// Has the index of words.
    pub search: SearchService,
    /// Has the embedding model.
    pub embeddings: EmbeddingService,
    /// Knows where models were read from.
    pub models: ModelService,
    /// Has the collaborative model and the ranker.
    pub recommendations: RecommendationService,
    /// Has the bandit and the models of curators and audiences.
    pub slates: SlateService,
}

impl PreloadService {
    /// The loading of the schema `schema`; `strict` is the setting `models.strict`.
    pub fn new(schema: SchemaName, strict: bool, services: PreloadDependencies) -> Self {
        Self {
            schema,
            strict,
            content: services.content,
            search: services.search,
            embeddings: services.embeddings,
            models: services.models,
            recommendations: services.recommendations,
            slates: services.slates,
            states: Arc::default(),
        }
    }

    /// From now on [`PreloadService::status`] says that everything is still to be loaded.
    pub fn begin(&self) {
        let models = ModelKind::ALL.iter().copied().map(PreloadedPart::Model);
        let parts = [PreloadedPart::Catalogue, PreloadedPart::SearchIndex];
        let parts = parts.into_iter().chain(models);
        *self.states.lock() = parts.map(|part| (part, PartState::Loading)).collect();
    }

    /// Loads everything that [`PreloadService::begin`] has announced, and ends when all of it is loaded. What fails
    /// is tried again, after a minute at the latest.
    pub async fn run(&self, limit: &Semaphore) {
        let parts: Vec<PreloadedPart> = self.states.lock().iter().map(|(part, _)| *part).collect();
        let each = parts.into_iter().map(|part| self.load(part, limit));
        futures::future::join_all(each).await;
    }

    /// What is loaded.
    pub fn status(&self) -> PreloadStatus {
        let states = self.states.lock().clone();
        let of = |wanted: PartState| {
            let parts = states.iter().filter(move |(_, state)| *state == wanted);
            parts.map(|(part, _)| *part)
        };
        let loading: Vec<PreloadedPart> = of(PartState::Loading).collect();
        let failed: Vec<PreloadedPart> = of(PartState::Failed).collect();
        let mut fallbacks: Vec<_> = failed
            .iter()
            .map(|part| (*part, in_its_place(*part)))
            .collect();
        // A command may see the sources of models.
        for source in self.models.sources(&Viewer::Command).unwrap_or_default() {
            let part = PreloadedPart::Model(source.kind);
            let serves = match source.origin {
                ModelOrigin::ObjectStore | ModelOrigin::Database => continue,
                ModelOrigin::Backup => "was read from its copy on this server",
                ModelOrigin::None => "cannot be loaded; what served before goes on",
            };
            if !failed.contains(&part) && !loading.contains(&part) {
                fallbacks.push((part, serves));
            }
        }
        PreloadStatus {
            ready: loading.is_empty() && (failed.is_empty() || !self.strict),
            loading,
            fallbacks,
        }
    }

    async fn load(&self, part: PreloadedPart, limit: &Semaphore) {
        let mut delay = MIN_RETRY_DELAY;
        loop {
            match self.try_load(part, limit).await {
                Ok(()) => return self.note(part, PartState::Loaded),
                Err(error) => {
                    let retry_in = delay.as_secs();
                    tracing::warn!(schema = %self.schema, ?error, %part, retry_in, "It cannot be loaded");
                    if let (PreloadedPart::Model(kind), Error::Internal(error)) = (part, &error) {
                        self.models.note_failure(kind, format!("{error:#}"));
                    }
                }
            }
            self.note(part, PartState::Failed);
            sleep(delay).await;
            delay = (2 * delay).min(MAX_RETRY_DELAY);
        }
    }

    async fn try_load(&self, part: PreloadedPart, limit: &Semaphore) -> Result<()> {
        let kind = match part {
            PreloadedPart::Catalogue => {
                self.content.preload_catalogue().await;
                return Ok(());
            }
            PreloadedPart::SearchIndex => return self.search.preload().await,
            PreloadedPart::Model(kind) => kind,
        };
        // It is never closed.
        let _permit = limit.acquire().await;
        match kind {
            ModelKind::Bandit => self.slates.preload_bandit().await,
            ModelKind::Collaborative => self.recommendations.preload_model().await,
            ModelKind::Embedding => self.embeddings.preload().await,
            ModelKind::Audience => self.slates.preload_audience().await,
            ModelKind::Curator => self.slates.preload_curator().await,
            ModelKind::Ranker => self.recommendations.preload_ranker().await,
        }
    }

    fn note(&self, part: PreloadedPart, state: PartState) {
        let mut states = self.states.lock();
        states
            .iter_mut()
            .filter(|(known, _)| *known == part)
            .for_each(|known| known.1 = state);
    }
}

/// What is wrong with a part that cannot be loaded, and what requests are answered from meanwhile.
fn in_its_place(part: PreloadedPart) -> &'static str {
    match part {
        PreloadedPart::Catalogue => "cannot be loaded; lists cannot be made",
        PreloadedPart::SearchIndex => "cannot be completed; searches find what is in it so far",
        PreloadedPart::Model(kind) => match kind {
            ModelKind::Bandit => "cannot be loaded; slates cannot be made",
            ModelKind::Collaborative => "cannot be loaded; lists are made without it",
            ModelKind::Embedding => "cannot be loaded; nothing is found by its meaning",
            ModelKind::Audience | ModelKind::Curator => {
                "cannot be loaded; its signal is 0.5 for every film"
            }
            ModelKind::Ranker => "cannot be loaded; the configured weights serve",
        },
    }
}
