//! Hearing of models that are taken into service.

use std::collections::{HashMap, VecDeque};

use futures::Stream;
use serde_json::json;

use super::model::{ModelKind, ModelVersion};
use super::service::ModelService;
use crate::domain::auth::Viewer;
use crate::foundation::{Id, Result, id};
use crate::platform::bus::{Listener, Topic};

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
            kinds: kind.map_or_else(|| ModelKind::ALL.to_vec(), |kind| vec![kind]),
            told: HashMap::new(),
            waiting: VecDeque::new(),
            looked: false,
        };
        Ok(futures::stream::unfold(watcher, Watcher::step))
    }

    /// Says on the bus that a model was taken into service.
    pub(super) fn tell(&self, model: Id<id::Model>) {
        self.bus.publish(Topic::Models, json!({ "model": model }));
    }
}

struct Watcher {
    service: ModelService,
    listener: Listener,
    kinds: Vec<ModelKind>,
    told: HashMap<ModelKind, Id<id::Model>>,
    waiting: VecDeque<ModelVersion>,
    looked: bool,
}

impl Watcher {
    async fn step(mut self) -> Option<(ModelVersion, Self)> {
        loop {
            if let Some(model) = self.waiting.pop_front() {
                return Some((model, self));
            }
            // Whatever is heard, the table says which models are served.
            if self.looked {
                self.listener.next().await;
            }
            self.looked = true;
            for kind in &self.kinds {
                match self.service.active(*kind).await {
                    Ok(Some(model)) if self.told.get(kind) != Some(&model.id) => {
                        self.told.insert(*kind, model.id);
                        self.waiting.push_back(model);
                    }
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(?error, "Which models are served cannot be read");
                    }
                }
            }
        }
    }
}
