//! Streams of promoted (activated) models.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use moka::future::Cache;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::model::{ModelKind, ModelVersion};
use super::service::ModelService;
use crate::domain::auth::Viewer;
use crate::foundation::{Id, Result, id};
use crate::platform::events::{Event, Received, Subscription};

/// The active models as they were read after an event, by its number.
pub(super) type RecentActiveModels = Cache<i64, Arc<Vec<ModelVersion>>>;

/// An empty cache of active models.
pub(super) fn recent_active() -> RecentActiveModels {
    Cache::builder()
        .max_capacity(100)
        .time_to_live(Duration::from_secs(60))
        .build()
}

/// The event of an activated model.
#[derive(Debug, Serialize, Deserialize)]
pub struct ModelActivated {
    model: Uuid,
}

impl Event for ModelActivated {
    const TOPIC: &'static str = "models";
}

impl ModelActivated {
    pub(super) fn new(model: Id<id::Model>) -> Self {
        Self {
            model: model.uuid(),
        }
    }
}

impl ModelService {
    /// The active models, then each model that is activated, of one kind or of all. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`], [`crate::foundation::Error::Forbidden`].
    pub async fn promotions(
        &self,
        viewer: &Viewer,
        kind: Option<ModelKind>,
    ) -> Result<impl Stream<Item = ModelVersion> + use<>> {
        viewer.admin()?;
        let stream = PromotionStream {
            // Subscribed before reading: events in between are received.
            activated: self.events.subscribe(None).await,
            service: self.clone(),
            kind,
            last_active: HashMap::new(),
            queue: VecDeque::new(),
            begun: false,
        };
        Ok(futures::stream::unfold(stream, PromotionStream::step))
    }

    /// The active models after an event of this number, read once for all streams; without a number, as they
    /// are now.
    async fn active_after(&self, event: Option<i64>) -> Result<Arc<Vec<ModelVersion>>> {
        let read = async { self.store.all_active().await.map(Arc::new) };
        match event {
            None => read.await,
            Some(number) => {
                let found = self.recent_active.try_get_with(number, read).await;
                Ok(found.map_err(|error| anyhow::anyhow!("{error}"))?)
            }
        }
    }
}

struct PromotionStream {
    service: ModelService,
    activated: Subscription<ModelActivated>,
    kind: Option<ModelKind>,
    last_active: HashMap<ModelKind, Id<id::Model>>,
    queue: VecDeque<ModelVersion>,
    /// Whether the active models were read once.
    begun: bool,
}

impl PromotionStream {
    async fn step(mut self) -> Option<(ModelVersion, Self)> {
        loop {
            if let Some(model) = self.queue.pop_front() {
                return Some((model, self));
            }
            let mut event = None;
            if self.begun
                && let Received::Event { number, .. } = self.activated.next().await
            {
                event = Some(number);
            }
            // Whatever the event, the table has the active models.
            match self.service.active_after(event).await {
                Ok(active) => {
                    self.begun = true;
                    self.enqueue(&active);
                }
                Err(error) => {
                    tracing::warn!(?error, "The active models cannot be read; trying again");
                    self.begun = false;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    fn enqueue(&mut self, active: &[ModelVersion]) {
        for model in active {
            if self.kind.is_none_or(|kind| kind == model.kind)
                && self.last_active.insert(model.kind, model.id) != Some(model.id)
            {
                self.queue.push_back(model.clone());
            }
        }
    }
}
