//! The bandit as it serves: the state in the database, which continues the active version.
//!
//! Versions are checkpoints of the state. When another version is activated, the state is begun anew from its
//! file; a file that is not there or is damaged changes nothing, and what served before goes on.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use ranking::bandit::{Bandit, BanditError, MAX_CHANNELS, Settings, SlateFeedback};

use super::model::{Selection, Slate};
use super::service::SlateService;
use super::store::{NewState, StateRow};
use crate::domain::models::{ModelKind, ModelOrigin, ModelVersion};
use crate::foundation::{Error, Id, Result, id};

/// The bandit tells this many channels apart, and that many more whenever it learns from a further one.
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
    /// Whether there is neither a state nor a version: it knows its prior only.
    unbegun: bool,
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
    /// When past picks were looked for, where there were none.
    pub(super) looked_at: Mutex<Option<DateTime<Utc>>>,
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

    /// The bandit that serves now. Where there is none yet, it learns from past picks first.
    pub(super) async fn begun_bandit(&self) -> Result<Arc<LiveBandit>> {
        let live = self.live_bandit().await?;
        match live.unbegun && self.warm_start().await {
            true => self.live_bandit().await,
            false => Ok(live),
        }
    }

    /// Loads the bandit at the start of a server.
    ///
    /// # Errors
    /// When the database fails, or its state cannot be read.
    pub async fn preload_bandit(&self) -> Result<()> {
        self.live_bandit().await.map(|_| ())
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
            unbegun: false,
        }
    }

    fn read(row: &StateRow) -> Result<Self> {
        let bandit = match &row.state {
            Some(state) => Bandit::from_npz(state).map_err(anyhow::Error::from)?,
            None => new_bandit(CHANNELS)?,
        };
        Ok(Self {
            bandit,
            version: row.continued(),
            name: name(row),
            epoch: row.epoch,
            updates: row.updates,
            unbegun: row.is_unbegun(),
        })
    }
}

/// A bandit that knows its prior.
pub(super) fn new_bandit(channels: usize) -> Result<Bandit> {
    let bandit = Bandit::new(Settings::default(), channels);
    Ok(bandit.map_err(anyhow::Error::from)?)
}

/// How many channels a bandit that learns from this one tells apart: those before it as well, in steps of
/// [`CHANNELS`] and at most [`MAX_CHANNELS`]. Channels beyond share what holds for all.
pub(super) fn channels_with(channel: u16) -> usize {
    let channels = (usize::from(channel) + 1).next_multiple_of(CHANNELS);
    channels.min(MAX_CHANNELS)
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
    let channels = channels_with(feedback.context.channel());
    live.bandit.tell_apart(channels).map_err(refused)?;
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
