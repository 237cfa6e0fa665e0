//! The bandit as it serves: the state in the database, which continues the active version.
//!
//! Versions are checkpoints of the state. When another version is activated, the state is begun anew from its
//! file; a file that is not there or is damaged changes nothing, and what served before goes on.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use ranking::bandit::{Bandit, BanditError, Settings, SlateFeedback};
use serde_json::json;

use super::model::{Selection, Slate};
use super::service::SlateService;
use super::store::{NewState, StateRow};
use crate::domain::models::{ModelKind, ModelOrigin, ModelVersion};
use crate::foundation::{Error, Id, Refusal, Result, id};

/// The channels that the bandit tells apart; further ones share what holds for all.
const CHANNELS: usize = 8;

/// The bandit at one moment.
#[derive(Debug)]
pub(super) struct LiveBandit {
    pub(super) bandit: Bandit,
    /// The version that it continues.
    pub(super) version: Option<Id<id::Model>>,
    /// The version and the number of slates learned from since, for people.
    pub(super) name: String,
    pub(super) epoch: i32,
    updates: i32,
}

/// Why the active version does not serve, although it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BanditFault {
    /// The version that cannot be read.
    pub version: Id<id::Model>,
    /// What is wrong with it.
    pub problem: String,
    /// When that was found.
    pub found_at: DateTime<Utc>,
}

/// What this process remembers of the bandit.
#[derive(Debug, Default)]
pub(super) struct BanditMemory {
    latest: Mutex<Option<Arc<LiveBandit>>>,
    fault: Mutex<Option<BanditFault>>,
}

impl BanditMemory {
    fn known(&self, row: &StateRow) -> Option<Arc<LiveBandit>> {
        let latest = self.latest.lock();
        let same = |known: &&Arc<LiveBandit>| {
            known.version == row.continued()
                && known.epoch == row.epoch
                && known.updates == row.updates
        };
        latest.as_ref().filter(same).cloned()
    }
}

impl SlateService {
    /// The bandit that serves now.
    pub(super) async fn live_bandit(&self) -> Result<Arc<LiveBandit>> {
        let row = self.continued_state().await?;
        if let Some(known) = self.memory.known(&row) {
            return Ok(known);
        }
        let live = Arc::new(LiveBandit::read(&row)?);
        *self.memory.latest.lock() = Some(Arc::clone(&live));
        Ok(live)
    }

    /// The state after the active version was taken up, if that can be.
    async fn continued_state(&self) -> Result<StateRow> {
        let row = self.store.state().await?;
        let Some(active) = row.active().filter(|_| !row.is_current()) else {
            self.noted_as_database(&row);
            return Ok(row);
        };
        match self.version_bytes(active).await {
            Ok(bytes) => {
                self.store.restart(active, bytes, self.clock.now()).await?;
                *self.memory.fault.lock() = None;
                self.store.state().await
            }
            Err(problem) => {
                let mut fault = self.memory.fault.lock();
                if fault.as_ref().is_none_or(|fault| fault.version != active) {
                    let noted = Some(problem.clone());
                    self.models
                        .note_source(ModelKind::Bandit, active, ModelOrigin::None, noted);
                    tracing::error!(%active, %problem, "The active version of the bandit cannot be read; what served before goes on");
                    *fault = Some(BanditFault {
                        version: active,
                        problem,
                        found_at: self.clock.now(),
                    });
                }
                Ok(row)
            }
        }
    }

    /// The state in the database serves: there is no fault any more. Where a version was just read from, stays known.
    fn noted_as_database(&self, row: &StateRow) {
        let fault = self.memory.fault.lock().take();
        if let Some(version) = row.continued()
            && (fault.is_some() || self.memory.latest.lock().is_none())
        {
            let origin = ModelOrigin::Database;
            self.models
                .note_source(ModelKind::Bandit, version, origin, None);
        }
    }

    /// The file of a version, if it is one of a bandit.
    pub(super) async fn version_bytes(&self, version: Id<id::Model>) -> Result<Vec<u8>, String> {
        let bytes = match self.models.artifact(version).await {
            Ok(bytes) => bytes.ok_or("it has no file")?,
            Err(Error::Internal(error)) => return Err(format!("{error:#}")),
            Err(error) => return Err(error.to_string()),
        };
        match Bandit::from_npz(&bytes) {
            Ok(_) => Ok(bytes.into()),
            Err(error) => Err(format!("its file is not one of a bandit: {error}")),
        }
    }

    /// Why the active version of the bandit does not serve; `None` if it does.
    pub fn bandit_fault(&self) -> Option<BanditFault> {
        self.memory.fault.lock().clone()
    }

    /// Keeps what the bandit has learned as a new version, and activates it, if `enough` says so of the selections
    /// since the last one.
    pub(super) async fn keep_version(
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
            let settings = serde_json::to_value(bandit.settings()).map_err(anyhow::Error::from)?;
            let algorithm = format!(
                "{}-thompson-sampling",
                settings["sampler"].as_str().unwrap_or("bandit")
            );
            let version = models
                .begin(ModelKind::Bandit, &algorithm, settings)
                .await?;
            let kept = async {
                models.write_artifact(version.id, state.clone()).await?;
                let metrics = json!({ "slates": bandit.events(), "selections": row.selections });
                models.finish(version.id, metrics).await?;
                models.activate(version.id).await
            };
            let version = match kept.await {
                Ok(version) => version,
                Err(error) => {
                    models.abandon(version.id).await?;
                    return Err(error);
                }
            };
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
}

impl LiveBandit {
    /// A version as it would serve.
    pub(super) fn of_version(version: &ModelVersion, bandit: Bandit) -> Self {
        Self {
            bandit,
            version: Some(version.id),
            name: version.version.clone(),
            epoch: 0,
            updates: 0,
        }
    }

    fn read(row: &StateRow) -> Result<Self> {
        let bandit = match &row.state {
            Some(state) => Bandit::from_npz(state).map_err(anyhow::Error::from)?,
            None => Bandit::new(Settings::default(), CHANNELS).map_err(anyhow::Error::from)?,
        };
        Ok(Self {
            bandit,
            version: row.continued(),
            name: name(row),
            epoch: row.epoch,
            updates: row.updates,
        })
    }
}

/// The version and how much was learned since: `1.2.0+3`.
fn name(row: &StateRow) -> String {
    let version = match &row.active_version {
        Some(version) if row.is_current() => version.as_str(),
        // What served before the version that cannot be read.
        Some(_) => "earlier",
        None => "prior",
    };
    match row.updates {
        0 => version.to_owned(),
        updates => format!("{version}+{updates}"),
    }
}

/// What the bandit is after it has learned from a slate.
pub(super) fn learn(
    row: &StateRow,
    slate: &Slate,
    selection: Option<&Selection>,
    feedback: SlateFeedback,
) -> Result<NewState> {
    let mut live = LiveBandit::read(row)?;
    let refused = |error: BanditError| {
        anyhow::anyhow!(
            "the bandit cannot learn from the slate {}: {error}",
            slate.id
        )
    };
    live.bandit.update(feedback).map_err(refused)?;
    let state = live.bandit.to_npz();
    let selected = i32::from(selection.is_some());
    Ok(NewState {
        continued: row.continued(),
        epoch: row.epoch,
        state,
        updates: row.updates.saturating_add(1),
        selections: row.selections.saturating_add(selected),
    })
}

/// What a checkpoint hears where nothing was learned since the last.
pub(super) fn nothing_new() -> Error {
    Refusal::Conflict {
        message: "the bandit has learned nothing since its last version".to_owned(),
    }
    .into()
}
