//! The learned ranker in the memory of a server.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::service::RecommendationService;
use crate::domain::models::handle::LoadedModel;
use crate::domain::models::{ModelKind, ModelOrigin, ModelService};
use crate::engine::ranker::Ranker;
use crate::foundation::{Id, Result, id};

/// A ranker, and the model whose parts it weighs.
pub(super) struct ServedRanker {
    /// Its version.
    pub(super) version: Id<id::Model>,
    /// The collaborative model whose parts are among its signals.
    collaborative: Id<id::Model>,
    pub(super) ranker: Ranker,
}

/// A ranker as it is stored: the settings of its model version.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredRanker {
    /// The collaborative model whose parts are among its signals.
    pub(super) collaborative: Uuid,
    /// Whether the weights were learned; else the configured ones serve, which were better.
    pub(super) learned: bool,
    /// The learned weights, where they were better.
    #[serde(flatten)]
    pub(super) ranker: Ranker,
}

impl ServedRanker {
    /// Whether it weighs the parts of this model.
    pub(super) fn fits(&self, model: Option<Id<id::Model>>) -> bool {
        model == Some(self.collaborative)
    }
}

impl RecommendationService {
    /// The ranker that is served; `None` where the configured weights are.
    pub(super) async fn served_ranker(&self) -> Result<Option<Arc<ServedRanker>>> {
        let models = self.models.clone();
        self.ranker.get(|before| load(models, before)).await
    }

    /// Loads the ranker at the start of a server.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub async fn preload_ranker(&self) -> Result<()> {
        let models = self.models.clone();
        let loaded = self.ranker.preload(|before| load(models, before)).await;
        loaded.map(|_| ())
    }

    /// Looks at once which ranker is served; the next list is made with it.
    pub(super) async fn refresh_ranker(&self) -> Result<()> {
        let models = self.models.clone();
        let served = self.ranker.refresh(|before| load(models, before)).await;
        served.map(|_| ())
    }
}

async fn load(
    models: ModelService,
    before: Option<LoadedModel<ServedRanker>>,
) -> Result<Option<Arc<ServedRanker>>> {
    let Some(version) = models.active(ModelKind::Ranker).await? else {
        return Ok(None);
    };
    let before = before.and_then(|latest| latest.model);
    if let Some(served) = before.filter(|served| served.version == version.id) {
        return Ok(Some(served));
    }
    // Of a release that wrote it otherwise: it comes back with the next training.
    let Ok(stored) = serde_json::from_value::<StoredRanker>(version.settings) else {
        return Ok(None);
    };
    models.note_source(ModelKind::Ranker, version.id, ModelOrigin::Database, None);
    Ok(stored.learned.then(|| {
        Arc::new(ServedRanker {
            version: version.id,
            collaborative: stored.collaborative.into(),
            ranker: stored.ranker,
        })
    }))
}
