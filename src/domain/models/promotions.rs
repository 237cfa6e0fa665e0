//! Streams of promoted (activated) models.

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

/// The active models as read a moment ago, without an event or after the event of a model.
pub(super) type RecentActiveModels = Cache<Option<Id<id::Model>>, Arc<Vec<ModelVersion>>>;

/// An empty cache of active models.
pub(super) fn recent_active() -> RecentActiveModels {
    Cache::builder()
        .max_capacity(100)
        .time_to_live(Duration::from_secs(1))
        .build()
}

/// The event of [`Topic::Models`].
#[derive(Serialize, Deserialize)]
struct Activated {
    model: Id<id::Model>,
}

/// The model of an event; `None` for an event of another version of the program.
pub(in crate::domain) fn activated_model(payload: &str) -> Option<Id<id::Model>> {
    serde_json::from_str(payload)
        .ok()
        .map(|Activated { model }| model)
}

impl ModelService {
    /// The active models, then each model that is activated, of one kind or of all. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`], [`crate::foundation::Error::Forbidden`].
    pub fn promotions(
        &self,
        viewer: &Viewer,
        kind: Option<ModelKind>,
    ) -> Result<impl Stream<Item = ModelVersion> + use<>> {
        viewer.admin()?;
        let stream = PromotionStream {
            // Subscribed before reading: events in between are received.
            listener: self.bus.subscribe(Topic::Models),
            service: self.clone(),
            kind,
            last_active: HashMap::new(),
            queue: VecDeque::new(),
            poll_at: None,
        };
        Ok(futures::stream::unfold(stream, PromotionStream::step))
    }

    /// The models that are served, as this process read them within the last second, or since it
    /// was `event` that one was taken into service. However many look, they are read once; `None`
    /// where the database fails.
    pub(in crate::domain) async fn recently_active(
        &self,
        event: Option<Id<id::Model>>,
    ) -> Option<Arc<Vec<ModelVersion>>> {
        let read = async { self.store.all_active().await.map(Arc::new) };
        let found = self.recent_active.try_get_with(event, read).await;
        found
            .inspect_err(|error| {
                tracing::warn!(%error, "The active models cannot be read");
            })
            .ok()
    }

    /// Publishes the activation of a model.
    pub(super) fn publish_activated(&self, model: Id<id::Model>) {
        self.bus.publish(Topic::Models, Activated { model });
    }
}

struct PromotionStream {
    service: ModelService,
    listener: Listener,
    kind: Option<ModelKind>,
    last_active: HashMap<ModelKind, Id<id::Model>>,
    queue: VecDeque<ModelVersion>,
    /// When to poll the table even without events; `None` before the first time.
    poll_at: Option<Instant>,
}

impl PromotionStream {
    async fn step(mut self) -> Option<(ModelVersion, Self)> {
        loop {
            if let Some(model) = self.queue.pop_front() {
                return Some((model, self));
            }
            // Whatever the event, the table has the active models.
            let event = match self.poll_at {
                None => Some(Received::Lagged),
                Some(poll_at) => tokio::select! {
                    event = self.listener.next() => Some(event),
                    () = sleep_until(poll_at) => None,
                },
            };
            let found = match event {
                None => self.service.recently_active(None).await,
                Some(Received::Event(payload)) => {
                    self.service
                        .recently_active(activated_model(&payload))
                        .await
                }
                // A result of another caller may be older than the missed event.
                Some(Received::Lagged) => {
                    let found = self.service.store.all_active().await.map(Arc::new);
                    found
                        .inspect_err(|error| {
                            tracing::warn!(?error, "The active models cannot be read");
                        })
                        .ok()
                }
            };
            self.poll_at = Some(Instant::now() + POLL_INTERVAL);
            for model in found.iter().flat_map(|found| found.iter()) {
                if self.kind.is_none_or(|kind| kind == model.kind)
                    && self.last_active.insert(model.kind, model.id) != Some(model.id)
                {
                    self.queue.push_back(model.clone());
                }
            }
        }
    }
}
