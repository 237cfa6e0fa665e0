//! Learning a space, placing every item in it, and taking it into service whole.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use uuid::Uuid;

use super::model::{Item, Progress, Step, Trained};
use super::service::EmbeddingService;
use super::space::{Reader, blocking};
use super::store::TrainingStore;
use crate::domain::auth::Viewer;
use crate::domain::models::{ModelKind, ModelVersion, another_training};
use crate::foundation::{Error, Refusal, Result};
use crate::platform::config::{EmbeddingSource, VectorStore};
use ranking::lsa::{Document, Lsa, LsaError, LsaSettings};

/// So many items are placed and copied at a time.
const CHUNK: usize = 2_000;

/// A space with this seed is the same each time it is learnt from the same items.
const SEED: u64 = 42;

/// How a space came about, as `model_versions.algorithm` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Lsa,
    Transformer,
    Brought,
}

impl Algorithm {
    fn as_str(self) -> &'static str {
        match self {
            Self::Lsa => "lsa",
            Self::Transformer => "transformer",
            Self::Brought => "brought",
        }
    }

    /// That of a name; of an unknown one nothing but the vectors can be had.
    pub(super) fn of(name: &str) -> Self {
        [Self::Lsa, Self::Transformer]
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .unwrap_or(Self::Brought)
    }
}

/// A space that items can be placed in.
struct Learnt {
    algorithm: Algorithm,
    reader: Reader,
    dimensions: usize,
    settings: Value,
}

/// Who hears how far a training is, and may stop it.
type Observer = dyn FnMut(Progress) -> ControlFlow<()> + Send;

impl EmbeddingService {
    /// Learns a space from the catalogue, or takes the model that the settings name, places every
    /// item in it, and takes it into service whole. `observe` hears of each step and may stop it;
    /// what was served before then stays.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no admin; [`Error::Unavailable`] when another training of
    /// the schema runs; [`Refusal::Conflict`] when there is nothing to learn from, when the model cannot be opened, or
    /// when it was stopped.
    pub async fn train(
        &self,
        viewer: &Viewer,
        observe: impl FnMut(Progress) -> ControlFlow<()> + Send + 'static,
    ) -> Result<Trained> {
        viewer.admin()?;
        let began = Instant::now();
        let Some(mut store) = self.store.begin_training().await? else {
            return Err(another_training());
        };
        let mut observe: Box<Observer> = Box::new(observe);
        // The version before the items are read: what changes from now on is newer than it.
        let settings = &self.ctx.settings.embeddings;
        let algorithm = match settings.source {
            EmbeddingSource::Lsa => Algorithm::Lsa,
            EmbeddingSource::Transformer => Algorithm::Transformer,
            EmbeddingSource::Brought => Algorithm::Brought,
        };
        let began_at = self.ctx.clock.now();
        let (learnt, returned) = self.learn(&mut store, algorithm, observe).await?;
        observe = returned;
        let model = self
            .models
            .begin_at(
                ModelKind::Embedding,
                learnt.algorithm.as_str(),
                learnt.settings.clone(),
                began_at,
            )
            .await?;
        let items = match self.fill(&mut store, &model, &learnt, &mut observe).await {
            Ok(items) => items,
            Err(error) => {
                self.models.discard(model.id).await?;
                return Err(error);
            }
        };
        let seconds = began.elapsed().as_secs_f64();
        let terms = match &learnt.reader {
            Reader::Lsa(space) => Some(space.terms()),
            _ => None,
        };
        let metrics = json!({ "items": items, "terms": terms, "seconds": seconds });
        self.models.activate(model.id, metrics).await?;
        // Those that were brought into the space before while the index of this one was made.
        let now = self.ctx.clock.now();
        let brought = store.keep_brought(model.id, learnt.dimensions, now);
        if let Err(error) = brought.await {
            tracing::warn!(
                ?error,
                "Vectors brought during the training may be missing until the next"
            );
        }
        store.close().await?;
        self.refresh().await?;
        Ok(Trained {
            model,
            dimensions: learnt.dimensions,
            items,
            seconds,
        })
    }

    async fn learn(
        &self,
        store: &mut TrainingStore,
        algorithm: Algorithm,
        mut observe: Box<Observer>,
    ) -> Result<(Learnt, Box<Observer>)> {
        let dimensions = self.ctx.settings.embeddings.dimensions;
        match algorithm {
            Algorithm::Brought => Ok((
                Learnt {
                    algorithm,
                    reader: Reader::Nobody,
                    dimensions,
                    settings: json!({ "dimensions": dimensions }),
                },
                observe,
            )),
            Algorithm::Transformer => {
                let embedder = self.outside().await;
                let embedder = embedder.map_err(|error| conflict(&format!("{error:#}")))?;
                let dimensions = embedder.dimensions();
                let settings = json!({ "dimensions": dimensions, "model": embedder.name() });
                let reader = Reader::Outside(embedder);
                Ok((
                    Learnt {
                        algorithm,
                        reader,
                        dimensions,
                        settings,
                    },
                    observe,
                ))
            }
            Algorithm::Lsa => {
                let documents = self.documents(store, &mut *observe).await?;
                let settings = LsaSettings {
                    dimensions,
                    seed: SEED,
                    ..LsaSettings::default()
                };
                let learning = blocking(move || {
                    let space = Lsa::fit(&documents, &settings, &mut |at| {
                        observe(Progress {
                            step: Step::Train,
                            done: at.done as u64,
                            of: at.of as u64,
                        })
                    });
                    Ok((space.map_err(explain)?, settings, observe))
                });
                let (space, settings, observe) = learning.await?;
                let dimensions = space.dimensions();
                let settings = json!({
                    "dimensions": dimensions,
                    "vocabulary": settings.vocabulary,
                    "leastDocuments": settings.least_documents,
                    "largestShare": settings.largest_share,
                    "exponent": settings.exponent,
                    "iterations": settings.iterations,
                    "seed": settings.seed,
                    "documents": space.documents(),
                });
                let reader = Reader::Lsa(Arc::new(space));
                Ok((
                    Learnt {
                        algorithm,
                        reader,
                        dimensions,
                        settings,
                    },
                    observe,
                ))
            }
        }
    }

    /// What the public items say, or those of a sample that fits in memory. What is not public is
    /// placed later but taught from by nobody: its words would stay in the space.
    async fn documents(
        &self,
        store: &mut TrainingStore,
        observe: &mut Observer,
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
                    step(observe, Step::Read, documents.len(), of)?;
                }
                Ok(())
            })
            .await?;
        step(observe, Step::Read, documents.len(), documents.len())?;
        Ok(documents)
    }

    /// Places every item, keeps what the space is read again from, and makes its index.
    async fn fill(
        &self,
        store: &mut TrainingStore,
        model: &ModelVersion,
        learnt: &Learnt,
        observe: &mut Box<Observer>,
    ) -> Result<usize> {
        let clock = &self.ctx.clock;
        if let Reader::Lsa(space) = &learnt.reader {
            let space = Arc::clone(space);
            let bytes = blocking(move || Ok(space.to_bytes())).await?;
            self.models.keep_artifact(model.id, bytes).await?;
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
            let vectors = learnt.reader.embed(Arc::clone(&items)).await?;
            let placed = items.iter().zip(vectors);
            let mut placed: Vec<_> = placed
                .filter_map(|(item, vector)| Some((item.id, item.updated_at, vector?)))
                .collect();
            while !store.keep(model.id, &placed, clock.now()).await? {
                let ids: Vec<Uuid> = placed.iter().map(|(id, ..)| *id).collect();
                let present = store.present(&ids).await?;
                if present.len() == ids.len() {
                    return Err(conflict("the space was removed while it was learnt"));
                }
                placed.retain(|(id, ..)| present.contains(id));
            }
            step(&mut **observe, Step::Store, done, of.max(done))?;
        }
        let now = clock.now();
        let items = store.keep_brought(model.id, learnt.dimensions, now).await?;
        if self.ctx.settings.embeddings.store == VectorStore::Pgvector
            && let Err(error) = store.index(model.id, learnt.dimensions).await
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

fn step(observe: &mut Observer, step: Step, done: usize, of: usize) -> Result<()> {
    let progress = Progress {
        step,
        done: done as u64,
        of: of as u64,
    };
    match observe(progress) {
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
