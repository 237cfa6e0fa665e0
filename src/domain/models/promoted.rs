//! Hearing of models that are taken into service.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use moka::future::Cache;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

use super::model::{ModelKind, ModelVersion};
use super::service::ModelService;
use crate::domain::auth::Viewer;
use crate::foundation::{Id, Result, id};
use crate::platform::bus::{Listener, POLL_INTERVAL, Received, Topic};

/// What looks at the table found a moment ago: without a word, or after hearing of a model.
pub(super) type Looked = Cache<Option<Id<id::Model>>, Arc<Vec<ModelVersion>>>;

/// Nothing was looked at yet.
pub(super) fn looked() -> Looked {
    Cache::builder()
        .max_capacity(100)
        .time_to_live(Duration::from_secs(1))
        .build()
}

/// The note of [`Topic::Models`].
#[derive(Serialize, Deserialize)]
struct Note {
    model: Id<id::Model>,
}

/// The model that a note tells of; `None` for a note of another version of the program.
pub(in crate::domain) fn told(note: &str) -> Option<Id<id::Model>> {
    serde_json::from_str(note).ok().map(|Note { model }| model)
}

impl ModelService {
    /// The models that are served, then each that is taken into service, of one kind or of all. For
    /// admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`], [`crate::foundation::Error::Forbidden`].
    pub fn promoted(
        &self,
        viewer: &Viewer,
        kind: Option<ModelKind>,
    ) -> Result<impl Stream<Item = ModelVersion> + use<>> {
        viewer.admin()?;
        let watcher = Watcher {
            // Listened for before looking: what happens in between is heard.
            listener: self.bus.subscribe(Topic::Models),
            service: self.clone(),
            kind,
            told: HashMap::new(),
            waiting: VecDeque::new(),
            poll_at: None,
        };
        Ok(futures::stream::unfold(watcher, Watcher::step))
    }

    /// The models that are served, as this process read them within the last second, or since it
    /// was `heard` that one was taken into service. However many look, they are read once; `None`
    /// where the database fails.
    pub(in crate::domain) async fn served_lately(
        &self,
        heard: Option<Id<id::Model>>,
    ) -> Option<Arc<Vec<ModelVersion>>> {
        let read = async { self.store.actives().await.map(Arc::new) };
        let found = self.looked.try_get_with(heard, read).await;
        found
            .inspect_err(|error| {
                tracing::warn!(%error, "Which models are served cannot be read");
            })
            .ok()
    }

    /// Says on the bus that a model was taken into service.
    pub(super) fn tell(&self, model: Id<id::Model>) {
        self.bus.publish(Topic::Models, Note { model });
    }
}

struct Watcher {
    service: ModelService,
    listener: Listener,
    kind: Option<ModelKind>,
    told: HashMap<ModelKind, Id<id::Model>>,
    waiting: VecDeque<ModelVersion>,
    /// When the table is looked at, though nothing is heard; `None` before the first time.
    poll_at: Option<Instant>,
}

impl Watcher {
    async fn step(mut self) -> Option<(ModelVersion, Self)> {
        loop {
            if let Some(model) = self.waiting.pop_front() {
                return Some((model, self));
            }
            // Whatever is heard, the table says which models are served.
            let heard = match self.poll_at {
                None => Some(Received::Lagged),
                Some(poll_at) => tokio::select! {
                    heard = self.listener.next() => Some(heard),
                    () = sleep_until(poll_at) => None,
                },
            };
            let found = match heard {
                None => self.service.served_lately(None).await,
                Some(Received::Event(note)) => self.service.served_lately(told(&note)).await,
                // What somebody else read may be older than what was missed.
                Some(Received::Lagged) => {
                    let found = self.service.store.actives().await.map(Arc::new);
                    found
                        .inspect_err(|error| {
                            tracing::warn!(?error, "Which models are served cannot be read");
                        })
                        .ok()
                }
            };
            self.poll_at = Some(Instant::now() + POLL_INTERVAL);
            for model in found.iter().flat_map(|found| found.iter()) {
                if self.kind.is_none_or(|kind| kind == model.kind)
                    && self.told.insert(model.kind, model.id) != Some(model.id)
                {
                    self.waiting.push_back(model.clone());
                }
            }
        }
    }
}
