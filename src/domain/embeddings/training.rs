//! Learning a space, placing every item in it, and taking it into service whole.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use uuid::Uuid;

use super::embedding_model::{TextEncoder, blocking};
use super::model::{Item, Step, TrainingResult};
use super::service::EmbeddingService;
use super::store::TrainingStore;
use crate::domain::auth::Viewer;
use crate::domain::models::{ModelKind, ModelVersion, NewVersion, another_training};
use crate::foundation::{Error, ProgressObserver, Refusal, Result};
use crate::platform::config::{EmbeddingSource, VectorStore};
use ranking::lsa::{Document, Lsa, LsaError, LsaSettings};

/// The number of items embedded and copied at a time.
const CHUNK: usize = 2_000;

/// The seed of training, so that the same items give the same model.
const SEED: u64 = 42;

/// The algorithm of an embedding model, as in `model_versions.algorithm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Lsa,
    Transformer,
    External,
}

impl Algorithm {
    fn as_str(self) -> &'static str {
        match self {
            Self::Lsa => "lsa",
            Self::Transformer => "transformer",
            Self::External => "external",
        }
    }

    /// The algorithm of a name; models of unknown ones serve their vectors only.
    pub(super) fn of(name: &str) -> Self {
        [Self::Lsa, Self::Transformer]
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .unwrap_or(Self::External)
    }
}

/// A trained model that can embed items.
struct TrainedEmbedding {
    algorithm: Algorithm,
    encoder: TextEncoder,
    dimensions: usize,
    settings: Value,
}

type Observer = dyn ProgressObserver;

impl EmbeddingService {
    /// Trains a model on the catalogue, or loads the transformer that the settings name, embeds all items, and
    /// activates the model. `observer` receives the progress of the whole and may stop the training; the
    /// previous model then stays active.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no admin; [`Error::Unavailable`] when another training of
    /// the schema runs; [`Refusal::Conflict`] when there is nothing to learn from, when the model cannot be opened, or
    /// when it was stopped.
    pub async fn train(
        &self,
        viewer: &Viewer,
        observer: impl ProgressObserver + 'static,
    ) -> Result<TrainingResult> {
        viewer.admin()?;
        let began = Instant::now();
        let Some(mut store) = self.store.begin_training().await? else {
            return Err(another_training());
        };
        let mut observer: Box<Observer> = Box::new(observer);
        // The version before the items are read: what changes from now on is newer than it.
        let settings = &self.ctx.settings.embeddings;
        let algorithm = match settings.source {
            EmbeddingSource::Lsa => Algorithm::Lsa,
            EmbeddingSource::Transformer => Algorithm::Transformer,
            EmbeddingSource::External => Algorithm::External,
        };
        let began_at = self.ctx.clock.now();
        let (trained, returned) = self.fit(&mut store, algorithm, observer).await?;
        observer = returned;
        let model = self
            .models
            .begin_version(NewVersion {
                kind: ModelKind::Embedding,
                algorithm: trained.algorithm.as_str().to_owned(),
                settings: trained.settings.clone(),
                created_at: began_at,
                trained_with: None,
            })
            .await?;
        let items = match self
            .store_vectors(&mut store, &model, &trained, &mut *observer)
            .await
        {
            Ok(items) => items,
            Err(error) => {
                self.models.abandon(model.id).await?;
                return Err(error);
            }
        };
        let seconds = began.elapsed().as_secs_f64();
        let terms = match &trained.encoder {
            TextEncoder::Lsa(embedding) => Some(embedding.terms()),
            _ => None,
        };
        let metrics = json!({ "items": items, "terms": terms, "seconds": seconds });
        self.models.finish(model.id, metrics).await?;
        let model = self.models.activate(model.id).await?;
        // External embeddings that were set while the index of this model was built.
        let now = self.ctx.clock.now();
        let external = store.copy_external(model.id, trained.dimensions, now);
        if let Err(error) = external.await {
            tracing::warn!(
                ?error,
                "Embeddings that were set during the training may be missing until the next"
            );
        }
        store.close().await?;
        self.refresh().await?;
        Ok(TrainingResult {
            model,
            dimensions: trained.dimensions,
            items,
            seconds,
        })
    }

    async fn fit(
        &self,
        store: &mut TrainingStore,
        algorithm: Algorithm,
        mut observer: Box<Observer>,
    ) -> Result<(TrainedEmbedding, Box<Observer>)> {
        let dimensions = self.ctx.settings.embeddings.dimensions;
        match algorithm {
            Algorithm::External => Ok((
                TrainedEmbedding {
                    algorithm,
                    encoder: TextEncoder::Unavailable,
                    dimensions,
                    settings: json!({ "dimensions": dimensions }),
                },
                observer,
            )),
            Algorithm::Transformer => {
                let embedder = self.transformer_model().await;
                let embedder = embedder.map_err(|error| conflict(&format!("{error:#}")))?;
                let dimensions = embedder.dimensions();
                let settings = json!({ "dimensions": dimensions, "model": embedder.name() });
                let encoder = TextEncoder::Transformer(embedder);
                Ok((
                    TrainedEmbedding {
                        algorithm,
                        encoder,
                        dimensions,
                        settings,
                    },
                    observer,
                ))
            }
            Algorithm::Lsa => {
                let documents = self.documents(store, &mut *observer).await?;
                let settings = LsaSettings {
                    dimensions,
                    seed: SEED,
                    ..LsaSettings::default()
                };
                let learning = blocking(move || {
                    let embedding = Lsa::fit(&documents, &settings, &mut |done| {
                        observer.observe(Step::Train.progress((done * 100.0) as usize, 100))
                    });
                    Ok((embedding.map_err(explain)?, settings, observer))
                });
                let (embedding, settings, observer) = learning.await?;
                let dimensions = embedding.dimensions();
                let settings = json!({
                    "dimensions": dimensions,
                    "vocabulary": settings.vocabulary,
                    "leastDocuments": settings.least_documents,
                    "largestShare": settings.largest_share,
                    "exponent": settings.exponent,
                    "iterations": settings.iterations,
                    "seed": settings.seed,
                    "documents": embedding.documents(),
                });
                let encoder = TextEncoder::Lsa(Arc::new(embedding));
                Ok((
                    TrainedEmbedding {
                        algorithm,
                        encoder,
                        dimensions,
                        settings,
                    },
                    observer,
                ))
            }
        }
    }

    /// What the public items say, or those of a sample that fits in memory. What is not public is
    /// placed later but taught from by nobody: its words would stay in the space.
    async fn documents(
        &self,
        store: &mut TrainingStore,
        observer: &mut Observer,
    ) -> Result<Vec<Document>> {
        let (_, public) = store.counts().await?;
        let most = self.ctx.settings.embeddings.sample;
        let share = (most as f64 / public.max(1) as f64).min(1.0);
        let of = public.min(most);
        let mut documents = Vec::with_capacity(of);
        store
            .sample(share, |item| {
                documents.push(item.document());
                if documents.len().is_multiple_of(10_000) {
                    step(observer, Step::Read, documents.len(), of)?;
                }
                Ok(())
            })
            .await?;
        step(observer, Step::Read, documents.len(), documents.len())?;
        Ok(documents)
    }

    /// Places every item, keeps what the space is read again from, and makes its index.
    async fn store_vectors(
        &self,
        store: &mut TrainingStore,
        model: &ModelVersion,
        trained: &TrainedEmbedding,
        observer: &mut Observer,
    ) -> Result<usize> {
        let clock = &self.ctx.clock;
        if let TextEncoder::Lsa(embedding) = &trained.encoder {
            let embedding = Arc::clone(embedding);
            let bytes = blocking(move || Ok(embedding.to_bytes())).await?;
            self.models.write_artifact(model.id, bytes).await?;
        }
        let (of, _) = store.counts().await?;
        let (mut after, mut done) = (Uuid::nil(), 0);
        loop {
            let items: Arc<Vec<Item>> = Arc::new(store.page(after, CHUNK).await?);
            let Some(last) = items.last() else {
                break;
            };
            after = last.id;
            done += items.len();
            let vectors = trained.encoder.embed(Arc::clone(&items)).await?;
            let embedded = items.iter().zip(vectors);
            let mut embedded: Vec<_> = embedded
                .filter_map(|(item, vector)| Some((item.id, item.updated_at, vector?)))
                .collect();
            while !store.keep(model.id, &embedded, clock.now()).await? {
                let ids: Vec<Uuid> = embedded.iter().map(|(id, ..)| *id).collect();
                let existing = store.existing(&ids).await?;
                if existing.len() == ids.len() {
                    return Err(conflict("the space was removed while it was learnt"));
                }
                embedded.retain(|(id, ..)| existing.contains(id));
            }
            step(observer, Step::Store, done, of.max(done))?;
        }
        let now = clock.now();
        let items = store
            .copy_external(model.id, trained.dimensions, now)
            .await?;
        if self.ctx.settings.embeddings.store == VectorStore::Pgvector
            && let Err(error) = store.index(model.id, trained.dimensions).await
        {
            tracing::warn!(
                ?error,
                "The index of the vectors could not be made; neighbours are found without it, \
                 slowly. The login of `database.rw_url` must own the tables"
            );
        }
        Ok(items)
    }
}

fn step(observer: &mut Observer, step: Step, done: usize, of: usize) -> Result<()> {
    match observer.observe(step.progress(done, of)) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(conflict("the training was stopped")),
    }
}

fn explain(error: LsaError) -> Error {
    match error {
        LsaError::NoWords => conflict(
            "there is nothing to learn from yet: no public item has words that are worth it; \
             import or add items first",
        ),
        LsaError::Stopped => conflict("the training was stopped"),
        LsaError::Settings(message) => {
            conflict(&format!("the settings of `embeddings`: {message}"))
        }
        LsaError::Matrix(error) => Error::Internal(error.into()),
    }
}

fn conflict(message: &str) -> Error {
    Refusal::Conflict {
        message: message.to_owned(),
    }
    .into()
}
