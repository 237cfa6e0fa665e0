//! Versions of the bandit: checkpoints of its state, and the first one from past picks.

use ranking::bandit::Bandit;
use serde_json::{Value, json};

use super::service::SlateService;
use super::store::{NewState, StateRow};
use crate::domain::auth::Viewer;
use crate::domain::models::{ModelKind, ModelService, ModelVersion};
use crate::foundation::{Error, Id, Refusal, Result, id};

impl SlateService {
    /// Keeps what the bandit has learned since its last version as a new version, and activates it. For admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for others; [`Refusal::Conflict`] where nothing was learned since.
    pub async fn checkpoint(&self, viewer: &Viewer) -> Result<ModelVersion> {
        viewer.admin()?;
        self.live_bandit().await?;
        let kept = self.keep_version(|row| row.updates > 0).await?;
        kept.ok_or_else(nothing_new)
    }

    /// Removes all slates, selections and rejections, and all that the bandit has learned with its versions. For
    /// admins, in the schemas `test` and `demo` only.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for others; [`Refusal::Conflict`] in any other schema.
    pub async fn reset_test_data(&self, viewer: &Viewer) -> Result<()> {
        viewer.admin()?;
        if !["test", "demo"].contains(&self.schema.as_str()) {
            let message = format!(
                "the data of the schema `{}` is not for tests; only `test` and `demo` can be reset",
                self.schema
            );
            return Err(Refusal::Conflict { message }.into());
        }
        self.store.remove_all().await?;
        self.models.discard_all(viewer, ModelKind::Bandit).await
    }

    /// Makes a version when there were enough selections. What was selected stays so when that fails: the next
    /// selection tries again.
    pub(super) async fn checkpoint_if_due(&self, selections: i32) {
        let every = self.settings.slates.checkpoint_every;
        if selections < every {
            return;
        }
        let kept = self.keep_version(move |row| row.selections >= every).await;
        if let Err(error) = kept {
            tracing::error!(
                ?error,
                "The bandit could not be kept as a version; the next selection tries again"
            );
        }
    }

    /// Keeps what the bandit has learned as a new version, and activates it, if `enough` says so of the selections
    /// since the last one.
    async fn keep_version(
        &self,
        enough: impl FnOnce(&StateRow) -> bool + Send + 'static,
    ) -> Result<Option<ModelVersion>> {
        let (models, clock) = (self.models.clone(), self.clock.clone());
        let kept = self.store.while_locked(move |row| async move {
            let Some(state) = row
                .state
                .clone()
                .filter(|_| row.is_current() && enough(&row))
            else {
                return Ok(None);
            };
            let bandit = Bandit::from_npz(&state).map_err(anyhow::Error::from)?;
            // Past picks are no slates, and go on to be known.
            let past = match row.continued() {
                Some(version) => past_picks(&models, version).await?,
                None => 0,
            };
            let metrics = json!({
                "slates": bandit.events().saturating_sub(past),
                "selections": row.selections,
                "pastPicks": past,
            });
            let version = write(&models, &bandit, state.clone(), metrics).await?;
            let next = NewState {
                continued: Some(version.id),
                epoch: row.epoch,
                state,
                updates: 0,
                selections: 0,
            };
            Ok(Some((version, next, clock.now())))
        });
        kept.await
    }

    /// Makes a bandit that has learned from so many past picks the first version, unless there is a state or a
    /// version by now.
    pub(super) async fn keep_first_version(
        &self,
        bandit: Bandit,
        past_picks: usize,
    ) -> Result<Option<ModelVersion>> {
        let (models, clock) = (self.models.clone(), self.clock.clone());
        let kept = self.store.while_locked(move |row| async move {
            if !row.is_unbegun() {
                return Ok(None);
            }
            let state = bandit.to_npz();
            let metrics = json!({ "slates": 0, "selections": 0, "pastPicks": past_picks });
            let version = write(&models, &bandit, state.clone(), metrics).await?;
            let next = NewState {
                continued: Some(version.id),
                // Slates that are open were drawn from the prior.
                epoch: row.epoch.saturating_add(1),
                state,
                updates: 0,
                selections: 0,
            };
            Ok(Some((version, next, clock.now())))
        });
        kept.await
    }
}

/// Writes a bandit as a version, and activates it.
async fn write(
    models: &ModelService,
    bandit: &Bandit,
    state: Vec<u8>,
    metrics: Value,
) -> Result<ModelVersion> {
    let mut settings = serde_json::to_value(bandit.settings()).map_err(anyhow::Error::from)?;
    settings["channels"] = bandit.channels().into();
    let algorithm = format!(
        "{}-thompson-sampling",
        settings["sampler"].as_str().unwrap_or("bandit")
    );
    let version = models
        .begin(ModelKind::Bandit, &algorithm, settings)
        .await?;
    let kept = async {
        models.write_artifact(version.id, state).await?;
        models.finish(version.id, metrics).await?;
        models.activate(version.id).await
    };
    match kept.await {
        Ok(version) => Ok(version),
        Err(error) => {
            models.abandon(version.id).await?;
            Err(error)
        }
    }
}

/// From how many past picks a version has learned.
async fn past_picks(models: &ModelService, version: Id<id::Model>) -> Result<u64> {
    let found = models.find_many(&Viewer::Command, &[version]).await?;
    let metrics = found.get(&version).map(|version| &version.metrics);
    Ok(metrics
        .and_then(|metrics| metrics["pastPicks"].as_u64())
        .unwrap_or(0))
}

/// What a checkpoint hears where nothing was learned since the last.
pub(super) fn nothing_new() -> Error {
    Refusal::Conflict {
        message: "the bandit has learned nothing since its last version".to_owned(),
    }
    .into()
}
