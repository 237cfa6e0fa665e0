//! The experiments that run, in the memory of a server.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use super::model::Experiment;
use super::service::ExperimentService;
use crate::foundation::Result;
use crate::platform::cache::Tag;
use crate::platform::events::{Event, Subscription};

/// How long they are kept where nothing tells this process of changes by others.
const MAX_AGE: TimeDelta = TimeDelta::seconds(5);

/// The event of an experiment that was started or stopped.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ExperimentsChanged;

impl Event for ExperimentsChanged {
    const TOPIC: &'static str = "experiments";
}

/// The experiments that run, as they were last read.
#[derive(Default)]
pub(super) struct RunningExperiments {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    /// How often they were dropped: what was read before a change is not kept after it.
    dropped: u64,
    read: Option<(DateTime<Utc>, Running)>,
}

type Running = Arc<Vec<Arc<Experiment>>>;

impl RunningExperiments {
    fn drop_all(&self) {
        let mut state = self.state.write();
        state.dropped += 1;
        state.read = None;
    }
}

impl ExperimentService {
    /// The experiments that run. A change on this server shows at once, one on another as soon as its event
    /// arrives, and within five seconds in processes that do not follow events.
    pub(super) async fn running(&self) -> Result<Running> {
        let now = self.clock.now();
        let (dropped, before) = {
            let state = self.running.state.read();
            (state.dropped, state.read.clone())
        };
        if let Some((read_at, running)) = &before
            && now.signed_duration_since(*read_at) < MAX_AGE
        {
            return Ok(Arc::clone(running));
        }
        let found = Arc::new(self.store.running().await?);
        let mut state = self.running.state.write();
        if state.dropped == dropped {
            if before.is_some_and(|(_, before)| before != found) {
                // Another process has changed them, and kept answers are of before.
                self.cache.invalidate(&[Tag::Experiments]);
            }
            state.read = Some((now, Arc::clone(&found)));
        }
        Ok(found)
    }

    /// Follows what other processes start and stop, for as long as it is polled.
    pub async fn follow_other_processes(&self) {
        let mut changes: Subscription<ExperimentsChanged> = self.events.subscribe(None).await;
        loop {
            self.changed();
            changes.next().await;
        }
    }

    /// Makes the next list see which experiments run now.
    pub(super) fn changed(&self) {
        self.running.drop_all();
        self.cache.invalidate(&[Tag::Experiments]);
    }
}
