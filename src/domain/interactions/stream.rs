//! Streams of interactions as they are recorded.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use moka::future::Cache;
use serde::{Deserialize, Serialize};

use super::model::{Interaction, InteractionKind, MAX_AT_ONCE};
use super::service::InteractionService;
use super::store::{Store, Written};
use crate::domain::auth::Viewer;
use crate::foundation::filter::Comparison;
use crate::foundation::{Id, Refusal, Result, id};
use crate::platform::bus::{Bus, Listener, POLL_INTERVAL, Received, Topic};
use tokio::time::{Instant, sleep_until};

/// The most values that the lists of a filter may have together.
const MAX_LISTED: usize = 1000;
/// Servers write concurrently: interactions of another server may be this much older than those received
/// here, and are still delivered.
const REORDER_WINDOW: TimeDelta = TimeDelta::seconds(10);

/// The latest interactions, newest first, read at most once a second for all streams.
#[derive(Clone)]
pub(super) struct RecentInteractions(Cache<(), Arc<Vec<Interaction>>>);

impl Default for RecentInteractions {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self(
            Cache::builder()
                .max_capacity(1)
                .time_to_live(second)
                .build(),
        )
    }
}

/// The filter of a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamFilter {
    /// The kind of interaction.
    pub kind: Comparison<InteractionKind>,
    /// The user.
    pub user: Comparison<Id<id::User>>,
}

/// The event of [`Topic::User`]: the user recorded interactions.
#[derive(Debug, Serialize, Deserialize)]
pub struct UserEvent {
    /// The latest of them, by when it happened.
    pub latest: Id<id::Interaction>,
}

/// The event of [`Topic::Interactions`]: interactions that were recorded together, in their order.
#[derive(Serialize, Deserialize)]
struct RecordedEvent(Vec<Interaction>);

/// A stream of interactions.
pub struct InteractionStream {
    store: Store,
    listener: Listener,
    filter: StreamFilter,
    recent: RecentInteractions,
    /// When to poll the table even without events.
    poll_at: Instant,
    /// The latest delivered interaction, by when it happened.
    latest: Id<id::Interaction>,
    /// Interactions from before this are not delivered.
    from: Id<id::Interaction>,
    /// Whether interactions may have been missed and the table must be read.
    lagged: bool,
    /// Interactions since `from` that were delivered or filtered out.
    known: HashSet<Id<id::Interaction>>,
    queue: VecDeque<Interaction>,
    failed: bool,
}

/// Publishes recorded interactions; call it right after the commit.
pub(super) fn publish(bus: Bus) -> impl FnOnce(&Vec<Written>) + Send + 'static {
    move |written| {
        let recorded = written.iter().filter_map(|written| match written {
            Written::Recorded(interaction) => Some(interaction.clone()),
            _ => None,
        });
        let event = RecordedEvent(recorded.collect());
        if !event.0.is_empty() {
            publish_users(&bus, &event.0);
            bus.publish(Topic::Interactions, event);
        }
    }
}

/// Publishes to each of these users' topics the latest of their interactions.
fn publish_users(bus: &Bus, recorded: &[Interaction]) {
    let mut latest: HashMap<Id<id::User>, Id<id::Interaction>> = HashMap::new();
    for one in recorded {
        let latest = latest.entry(one.user).or_insert(one.id);
        *latest = one.id.max(*latest);
    }
    for (user, latest) in latest {
        bus.publish(Topic::User(user.uuid()), UserEvent { latest });
    }
}

impl InteractionService {
    /// Streams interactions as they are recorded, by this or another server; imports are not included. With
    /// `after`, the interactions since that one come first. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`] and [`crate::foundation::Error::Forbidden`]
    /// for others, [`Refusal::InvalidInput`] for a filter too large.
    pub fn stream(
        &self,
        viewer: &Viewer,
        filter: StreamFilter,
        after: Option<Id<id::Interaction>>,
    ) -> Result<InteractionStream> {
        viewer.admin()?;
        if filter.kind.listed() + filter.user.listed() > MAX_LISTED {
            let message = format!("a filter has at most {MAX_LISTED} values in its lists");
            return Err(Refusal::invalid("filter", message).into());
        }
        let from = after.unwrap_or_else(|| Id::at(self.now(), [0; 10]));
        Ok(InteractionStream {
            store: self.store.clone(),
            recent: self.recent.clone(),
            poll_at: Instant::now() + POLL_INTERVAL,
            listener: self.bus.subscribe(Topic::Interactions),
            filter,
            latest: from,
            from,
            lagged: after.is_some(),
            known: HashSet::new(),
            queue: VecDeque::new(),
            failed: false,
        })
    }
}

impl InteractionStream {
    /// The next interaction. After lost events, the interactions since the latest one are read from the
    /// table. After an error the stream ends.
    pub async fn next(&mut self) -> Option<Result<Interaction>> {
        while !self.failed {
            if let Some(next) = self.queue.pop_front() {
                return Some(Ok(next));
            }
            if self.lagged {
                if let Err(error) = self.catch_up().await {
                    self.failed = true;
                    return Some(Err(error));
                }
                continue;
            }
            let received = tokio::select! {
                // Events first, so that polled interactions are recognised as delivered.
                biased;
                received = self.listener.next() => received,
                () = sleep_until(self.poll_at) => {
                    self.poll().await;
                    continue;
                }
            };
            match received {
                Received::Lagged => self.lagged = true,
                Received::Event(event) => match serde_json::from_str::<RecordedEvent>(&event) {
                    Ok(event) => self.enqueue(event.0),
                    // Written by another version of the program.
                    Err(_) => self.lagged = true,
                },
            }
        }
        None
    }

    async fn catch_up(&mut self) -> Result<()> {
        let found = self.store.since(self.latest, MAX_AT_ONCE).await?;
        self.lagged = found.len() == MAX_AT_ONCE;
        self.enqueue(found);
        Ok(())
    }

    /// Finds interactions that another process recorded without an event.
    async fn poll(&mut self) {
        self.poll_at = Instant::now() + POLL_INTERVAL;
        let read = async { self.store.latest(MAX_AT_ONCE).await.map(Arc::new) };
        let recent = match self.recent.0.try_get_with((), read).await {
            Ok(recent) => recent,
            Err(error) => {
                tracing::warn!(%error, "The interactions cannot be polled");
                return;
            }
        };
        let oldest = recent.last().map(|oldest| oldest.id);
        if recent.len() == MAX_AT_ONCE && oldest > Some(self.latest) {
            self.lagged = true;
            return;
        }
        let from = self.from;
        let new = recent.iter().rev().filter(|one| one.id > from);
        self.enqueue(new.cloned());
        let horizon = Id::at(self.latest.time() - REORDER_WINDOW, [0; 10]);
        self.from = from.max(horizon);
        self.known.retain(|id| *id > self.from);
    }

    fn enqueue(&mut self, all: impl IntoIterator<Item = Interaction>) {
        for one in all {
            if !self.known.insert(one.id) {
                continue;
            }
            self.latest = self.latest.max(one.id);
            let filter = &self.filter;
            let fits = filter.kind.holds(Some(&one.kind)) && filter.user.holds(Some(&one.user));
            if fits {
                self.queue.push_back(one);
            }
        }
    }
}
