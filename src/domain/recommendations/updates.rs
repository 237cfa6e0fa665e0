//! Subscriptions to updates of a user's lists.
//!
//! The bus publishes updates as they happen. Without Redis it does not publish those of other processes:
//! therefore the tables are polled every few seconds, by at most one statement a second for all subscribers
//! of this process.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures::Stream;
use moka::future::Cache;
use parking_lot::{Mutex, MutexGuard};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

use super::service::RecommendationService;
use crate::domain::auth::{Scope, Viewer};
use crate::domain::interactions::UserEvent;
use crate::domain::models::activated_model;
use crate::foundation::{Id, Result, id, text_enum};
use crate::platform::bus::{Bus, Listener, POLL_INTERVAL, Received, Topic};

/// Interactions from before this are not polled for.
const RECENT: TimeDelta = TimeDelta::seconds(30);
/// How long a result of polling is shared.
const SHARED: Duration = Duration::from_secs(1);

/// Why a user's lists have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpdateReason {
    /// The user interacted with an item.
    Taste,
    /// The stored list was recomputed.
    Refresh,
    /// Another model was activated.
    Model,
    /// Events may have been missed.
    Unknown,
}

text_enum!(UpdateReason {
    Taste = "TASTE",
    Refresh = "REFRESH",
    Model = "MODEL",
    Unknown = "UNKNOWN",
});

/// The event of [`Topic::Recommendations`].
#[derive(Serialize, Deserialize)]
struct UpdateEvent {
    reason: UpdateReason,
}

/// Publishes that the lists of these users have changed.
pub(in crate::domain) fn publish(
    bus: &Bus,
    users: impl IntoIterator<Item = Id<id::User>>,
    reason: UpdateReason,
) {
    let users: HashSet<_> = users.into_iter().collect();
    for user in users {
        let topic = Topic::Recommendations(user.uuid());
        bus.publish(topic, UpdateEvent { reason });
    }
}

/// The state of a user as the tables have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListState {
    /// The latest interaction, if it is recent.
    pub(super) latest: Option<Id<id::Interaction>>,
    /// The version of the served stored list, if any.
    pub(super) stored: Option<i64>,
}

/// The users with subscribers in this process, and their last polled states.
pub(super) struct WatchedUsers {
    users: Mutex<HashMap<Id<id::User>, usize>>,
    states: Cache<(), Arc<HashMap<Id<id::User>, ListState>>>,
}

impl Default for WatchedUsers {
    fn default() -> Self {
        Self {
            users: Mutex::default(),
            states: Cache::builder()
                .max_capacity(1)
                .time_to_live(SHARED)
                .build(),
        }
    }
}

impl WatchedUsers {
    fn users(&self) -> MutexGuard<'_, HashMap<Id<id::User>, usize>> {
        self.users.lock()
    }
}

/// Counts as a subscriber until it is dropped.
struct WatchGuard(Arc<WatchedUsers>, Id<id::User>);

impl WatchGuard {
    fn new(watched: &Arc<WatchedUsers>, user: Id<id::User>) -> Self {
        *watched.users().entry(user).or_default() += 1;
        Self(Arc::clone(watched), user)
    }
}

impl Drop for WatchGuard {
    fn drop(&mut self) {
        let mut users = self.0.users();
        if let Some(count) = users.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                users.remove(&self.1);
            }
        }
    }
}

impl RecommendationService {
    /// The updates of the lists of `user`, as they happen. For the user, admins, and API keys with the
    /// scope `RECOMMENDATIONS_READ`.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`], [`crate::foundation::Error::Forbidden`].
    pub fn updates(
        &self,
        viewer: &Viewer,
        user: Id<id::User>,
    ) -> Result<impl Stream<Item = UpdateReason> + use<>> {
        viewer.may_act_for(user, Scope::RecommendationsRead)?;
        let bus = &self.ctx.bus;
        let stream = UpdateStream {
            interactions: bus.subscribe(Topic::User(user.uuid())),
            lists: bus.subscribe(Topic::Recommendations(user.uuid())),
            models: bus.subscribe(Topic::Models),
            guard: WatchGuard::new(&self.watched, user),
            service: self.clone(),
            poll_at: Instant::now(),
            queue: VecDeque::new(),
            active_models: None,
            latest: None,
            stored: None,
            seen: false,
        };
        Ok(futures::stream::unfold(stream, UpdateStream::step))
    }

    /// The states of the users with subscribers, read at most once a second.
    async fn list_states(&self) -> Option<Arc<HashMap<Id<id::User>, ListState>>> {
        let read = async {
            let users: Vec<_> = self.watched.users().keys().copied().collect();
            let since = Id::at(self.clock.now() - RECENT, [0; 10]);
            self.store.list_states(&users, since).await.map(Arc::new)
        };
        let states = self.watched.states.try_get_with((), read).await;
        states
            .inspect_err(|error| tracing::warn!(%error, "The lists of users cannot be polled"))
            .ok()
    }
}

/// A subscription to the lists of a user.
struct UpdateStream {
    service: RecommendationService,
    guard: WatchGuard,
    interactions: Listener,
    lists: Listener,
    models: Listener,
    poll_at: Instant,
    queue: VecDeque<UpdateReason>,
    /// The known active models; `None` before the first poll.
    active_models: Option<Vec<Id<id::Model>>>,
    latest: Option<Id<id::Interaction>>,
    /// `None` after an event about it: the next poll only reads the new version.
    stored: Option<Option<i64>>,
    /// Whether the state was polled once.
    seen: bool,
}

impl UpdateStream {
    async fn step(mut self) -> Option<(UpdateReason, Self)> {
        loop {
            if let Some(reason) = self.queue.pop_front() {
                return Some((reason, self));
            }
            let reason = tokio::select! {
                biased;
                event = self.interactions.next() => self.receive_interactions(&event),
                event = self.lists.next() => self.receive_lists(&event),
                event = self.models.next() => match event {
                    Received::Event(payload) => {
                        self.stored = None;
                        if let (Some(active_models), Some(model)) = (&mut self.active_models, activated_model(&payload)) {
                            active_models.push(model);
                        }
                        UpdateReason::Model
                    }
                    Received::Lagged => UpdateReason::Unknown,
                },
                () = sleep_until(self.poll_at) => {
                    self.poll().await;
                    continue;
                }
            };
            return Some((reason, self));
        }
    }

    fn receive_interactions(&mut self, event: &Received) -> UpdateReason {
        // Otherwise another version of the program wrote it.
        let Some(UserEvent { latest }) = payload(event) else {
            return UpdateReason::Unknown;
        };
        self.latest = self.latest.max(Some(latest));
        UpdateReason::Taste
    }

    fn receive_lists(&mut self, event: &Received) -> UpdateReason {
        let Some(UpdateEvent { reason }) = payload(event) else {
            return UpdateReason::Unknown;
        };
        if reason == UpdateReason::Refresh {
            self.stored = None;
        }
        reason
    }

    /// Finds changes without events.
    async fn poll(&mut self) {
        self.poll_at = Instant::now() + POLL_INTERVAL;
        let models = self.service.models.recently_active(None).await;
        if let Some(models) = models {
            let models: Vec<_> = models.iter().map(|model| model.id).collect();
            let is_new = |known: &Vec<_>| models.iter().any(|model| !known.contains(model));
            if self.active_models.as_ref().is_some_and(is_new) {
                self.stored = None;
                self.queue.push_back(UpdateReason::Model);
            }
            self.active_models = Some(models);
        }
        let Some(list_states) = self.service.list_states().await else {
            return;
        };
        let Some(list_states) = list_states.get(&self.guard.1) else {
            // Read before this subscription began.
            self.poll_at = Instant::now() + SHARED;
            return;
        };
        if self.seen && list_states.latest > self.latest {
            self.queue.push_back(UpdateReason::Taste);
        }
        self.latest = self.latest.max(list_states.latest);
        if self.stored.is_some_and(|known| known != list_states.stored) {
            self.queue.push_back(UpdateReason::Refresh);
        }
        self.stored = Some(list_states.stored);
        self.seen = true;
    }
}

/// The payload of an event; `None` where events may have been lost, or it cannot be read.
fn payload<T: DeserializeOwned>(event: &Received) -> Option<T> {
    match event {
        Received::Event(payload) => serde_json::from_str(payload).ok(),
        Received::Lagged => None,
    }
}
