//! Hearing that a user's lists would be others by now.
//!
//! The bus tells of it as it happens. It does not tell of other processes where there is no Redis: so
//! every few seconds the tables are looked at, in one statement a second at most for all who watch
//! in this process.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use futures::Stream;
use moka::future::Cache;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

use super::service::RecommendationService;
use crate::domain::auth::{Scope, Viewer};
use crate::domain::interactions::Interaction;
use crate::domain::models::told;
use crate::foundation::{Id, Result, id, text_enum};
use crate::platform::bus::{Bus, Listener, POLL_INTERVAL, Received, Topic};

/// What happened longer ago than this is not looked for.
const RECENT: TimeDelta = TimeDelta::seconds(30);
/// For so long what was found is shared.
const SHARED: Duration = Duration::from_secs(1);

/// Why a user's lists would be others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// They did something.
    Taste,
    /// Their stored list was computed anew.
    Refresh,
    /// Another model was taken into service.
    Model,
    /// Something may have happened unheard.
    Unknown,
}

text_enum!(Reason {
    Taste = "TASTE",
    Refresh = "REFRESH",
    Model = "MODEL",
    Unknown = "UNKNOWN",
});

/// What the bus says of a user's lists.
#[derive(Serialize, Deserialize)]
struct Note {
    reason: Reason,
    /// The latest thing that they did, where that is the reason.
    #[serde(default)]
    latest: Option<Id<id::Interaction>>,
}

/// Says on the bus that these users' lists would be others.
pub(in crate::domain) fn tell(
    bus: &Bus,
    users: impl IntoIterator<Item = Id<id::User>>,
    reason: Reason,
) {
    let users: HashSet<_> = users.into_iter().collect();
    for user in users {
        let latest = None;
        bus.publish(Topic::Recommendations(user.uuid()), Note { reason, latest });
    }
}

/// The same of those who did this.
pub(in crate::domain) fn tell_taste(bus: &Bus, done: &[Interaction]) {
    let mut latest: HashMap<Id<id::User>, Id<id::Interaction>> = HashMap::new();
    for one in done {
        let latest = latest.entry(one.user).or_insert(one.id);
        *latest = one.id.max(*latest);
    }
    for (user, latest) in latest {
        let (reason, latest) = (Reason::Taste, Some(latest));
        bus.publish(Topic::Recommendations(user.uuid()), Note { reason, latest });
    }
}

/// What the tables say of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Present {
    /// The latest thing that they did, if it is recent.
    pub(super) latest: Option<Id<id::Interaction>>,
    /// Which writing of their stored list is served, if they have one.
    pub(super) stored: Option<i64>,
}

/// Whose lists are watched in this process, and what was found of them a moment ago.
pub(super) struct Watched {
    users: Mutex<HashMap<Id<id::User>, usize>>,
    found: Cache<(), Arc<HashMap<Id<id::User>, Present>>>,
}

impl Default for Watched {
    fn default() -> Self {
        Self {
            users: Mutex::default(),
            found: Cache::builder()
                .max_capacity(1)
                .time_to_live(SHARED)
                .build(),
        }
    }
}

impl Watched {
    fn users(&self) -> MutexGuard<'_, HashMap<Id<id::User>, usize>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of those, until it is dropped.
struct Watching(Arc<Watched>, Id<id::User>);

impl Watching {
    fn new(watched: &Arc<Watched>, user: Id<id::User>) -> Self {
        *watched.users().entry(user).or_default() += 1;
        Self(Arc::clone(watched), user)
    }
}

impl Drop for Watching {
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
    /// Each reason for which the lists of `user` would be others, as it happens. For the user,
    /// admins, and apps with the scope `RECOMMENDATIONS_READ`.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`], [`crate::foundation::Error::Forbidden`].
    pub fn updates(
        &self,
        viewer: &Viewer,
        user: Id<id::User>,
    ) -> Result<impl Stream<Item = Reason> + use<>> {
        viewer.may_act_for(user, Scope::RecommendationsRead)?;
        let bus = &self.ctx.bus;
        let watcher = Watcher {
            own: bus.subscribe(Topic::Recommendations(user.uuid())),
            models: bus.subscribe(Topic::Models),
            watching: Watching::new(&self.watched, user),
            service: self.clone(),
            poll_at: Instant::now(),
            waiting: VecDeque::new(),
            served: None,
            latest: None,
            stored: None,
            looked: false,
        };
        Ok(futures::stream::unfold(watcher, Watcher::step))
    }

    /// What the tables say of those who are watched here, read once a second at most.
    async fn present(&self) -> Option<Arc<HashMap<Id<id::User>, Present>>> {
        let read = async {
            let users: Vec<_> = self.watched.users().keys().copied().collect();
            let since = Id::at(self.clock.now() - RECENT, [0; 10]);
            self.store.present(&users, since).await.map(Arc::new)
        };
        let found = self.watched.found.try_get_with((), read).await;
        found
            .inspect_err(|error| tracing::warn!(%error, "Users' lists cannot be looked after"))
            .ok()
    }
}

/// One who watches the lists of a user.
struct Watcher {
    service: RecommendationService,
    watching: Watching,
    own: Listener,
    models: Listener,
    poll_at: Instant,
    waiting: VecDeque<Reason>,
    /// The models that are known to be served; `None` before the first look.
    served: Option<Vec<Id<id::Model>>>,
    latest: Option<Id<id::Interaction>>,
    /// `None` where a change of it was told and the look after that only finds out what it is now.
    stored: Option<Option<i64>>,
    /// Whether the user was found once.
    looked: bool,
}

impl Watcher {
    async fn step(mut self) -> Option<(Reason, Self)> {
        loop {
            if let Some(reason) = self.waiting.pop_front() {
                return Some((reason, self));
            }
            let reason = tokio::select! {
                biased;
                heard = self.own.next() => self.hear(&heard),
                heard = self.models.next() => match heard {
                    Received::Event(note) => {
                        self.stored = None;
                        if let (Some(served), Some(model)) = (&mut self.served, told(&note)) {
                            served.push(model);
                        }
                        Reason::Model
                    }
                    Received::Lagged => Reason::Unknown,
                },
                () = sleep_until(self.poll_at) => {
                    self.look().await;
                    continue;
                }
            };
            return Some((reason, self));
        }
    }

    fn hear(&mut self, heard: &Received) -> Reason {
        let Received::Event(note) = heard else {
            return Reason::Unknown;
        };
        // Else another version of the program wrote it.
        let Ok(Note { reason, latest }) = serde_json::from_str(note) else {
            return Reason::Unknown;
        };
        self.latest = self.latest.max(latest);
        if reason == Reason::Refresh {
            self.stored = None;
        }
        reason
    }

    /// Finds what changed unheard.
    async fn look(&mut self) {
        self.poll_at = Instant::now() + POLL_INTERVAL;
        let models = self.service.models.served_lately(None).await;
        if let Some(models) = models {
            let models: Vec<_> = models.iter().map(|model| model.id).collect();
            let is_new = |known: &Vec<_>| models.iter().any(|model| !known.contains(model));
            if self.served.as_ref().is_some_and(is_new) {
                self.stored = None;
                self.waiting.push_back(Reason::Model);
            }
            self.served = Some(models);
        }
        let Some(present) = self.service.present().await else {
            return;
        };
        let Some(present) = present.get(&self.watching.1) else {
            // Read before this one came.
            self.poll_at = Instant::now() + SHARED;
            return;
        };
        if self.looked && present.latest > self.latest {
            self.waiting.push_back(Reason::Taste);
        }
        self.latest = self.latest.max(present.latest);
        if self.stored.is_some_and(|known| known != present.stored) {
            self.waiting.push_back(Reason::Refresh);
        }
        self.stored = Some(present.stored);
        self.looked = true;
    }
}
