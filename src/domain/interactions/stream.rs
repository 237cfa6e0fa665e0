//! Streams of interactions as they are recorded.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::model::{Interaction, InteractionKind, MAX_AT_ONCE};
use super::service::InteractionService;
use super::store::Store;
use crate::domain::auth::Viewer;
use crate::foundation::filter::Comparison;
use crate::foundation::{Id, Refusal, Result, id};
use crate::platform::cache::{CacheKind, Tag};
use crate::platform::events::{Event, Received, Subscription};

/// The most values that the lists of a filter may have together.
const MAX_LISTED: usize = 1000;

/// The interactions of the latest events, by the number of the event: read once for all streams.
#[derive(Clone)]
pub(super) struct RecentInteractions(Cache<i64, Arc<Vec<Interaction>>>);

impl Default for RecentInteractions {
    fn default() -> Self {
        Self(
            Cache::builder()
                .max_capacity(1000)
                .time_to_live(Duration::from_secs(60))
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

/// The event of interactions that a user recorded. Imports are not included.
#[derive(Debug, Serialize, Deserialize)]
pub struct InteractionsRecorded {
    /// The process that recorded them, as [`Events::origin`](crate::platform::events::Events::origin) says.
    origin: u64,
    user: Uuid,
    /// In the order in which they were recorded.
    interactions: Vec<Uuid>,
}

impl Event for InteractionsRecorded {
    const TOPIC: &'static str = "interactions";

    fn key(&self) -> Option<Uuid> {
        Some(self.user)
    }
}

impl InteractionsRecorded {
    /// The events of interactions that are recorded together: one for each user, in the order of their first
    /// interactions.
    pub(super) fn of<'a>(
        recorded: impl IntoIterator<Item = &'a Interaction>,
        origin: u64,
    ) -> Vec<Self> {
        let mut events: Vec<Self> = Vec::new();
        let mut places = HashMap::new();
        for one in recorded {
            let place = *places.entry(one.user).or_insert(events.len());
            if place == events.len() {
                events.push(Self {
                    origin,
                    user: one.user.uuid(),
                    interactions: Vec::new(),
                });
            }
            events[place].interactions.push(one.id.uuid());
        }
        events
    }
}

/// A stream of interactions.
pub struct InteractionStream {
    store: Store,
    recorded: Subscription<InteractionsRecorded>,
    filter: StreamFilter,
    recent: RecentInteractions,
    /// The latest delivered interaction, by when it happened.
    latest: Id<id::Interaction>,
    /// Whether events may have been missed and the table must be read.
    missed: bool,
    /// The interactions that were read from the table, which may be received as events as well.
    known: HashSet<Id<id::Interaction>>,
    queue: VecDeque<Interaction>,
    failed: bool,
}

impl InteractionService {
    /// Streams interactions as they are recorded, by this or another server; imports are not included. With
    /// `after`, the interactions since that one come first. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`] and [`crate::foundation::Error::Forbidden`]
    /// for others, [`Refusal::InvalidInput`] for a filter too large.
    pub async fn stream(
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
        Ok(InteractionStream {
            store: self.store.clone(),
            recent: self.recent.clone(),
            latest: after.unwrap_or_else(|| Id::at(self.now(), [0; 10])),
            recorded: self.events.subscribe(None).await,
            filter,
            missed: after.is_some(),
            // Its event may be on its way still.
            known: after.into_iter().collect(),
            queue: VecDeque::new(),
            failed: false,
        })
    }
}

impl InteractionService {
    /// Invalidates what is cached of the users who record interactions in other processes, until this is
    /// dropped. Without Redis their invalidations do not arrive.
    pub async fn follow_other_processes(&self) {
        let mut recorded: Subscription<InteractionsRecorded> = self.events.subscribe(None).await;
        loop {
            match recorded.next().await {
                Received::Event { event, .. } if event.origin == self.events.origin() => {}
                Received::Event { event, .. } => {
                    self.cache.invalidate(&[Tag::User(event.user.into())]);
                }
                Received::Missed => {
                    let kinds = CacheKind::ALL.iter().copied().map(Tag::Kind);
                    self.cache.invalidate(&Vec::from_iter(kinds));
                }
            }
        }
    }
}

impl InteractionStream {
    /// The next interaction. After missed events, the interactions since the latest one are read from the
    /// table. After an error the stream ends.
    pub async fn next(&mut self) -> Option<Result<Interaction>> {
        while !self.failed {
            if let Some(next) = self.queue.pop_front() {
                return Some(Ok(next));
            }
            let more = if self.missed {
                self.catch_up().await
            } else {
                match self.recorded.next().await {
                    Received::Missed => {
                        self.missed = true;
                        self.known.clear();
                        Ok(())
                    }
                    Received::Event { number, event } => self.receive(number, event).await,
                }
            };
            if let Err(error) = more {
                self.failed = true;
                return Some(Err(error));
            }
        }
        None
    }

    async fn catch_up(&mut self) -> Result<()> {
        let found = self.store.since(self.latest, MAX_AT_ONCE).await?;
        self.missed = found.len() == MAX_AT_ONCE;
        for one in found {
            self.known.insert(one.id);
            self.enqueue(one);
        }
        Ok(())
    }

    async fn receive(&mut self, number: i64, event: InteractionsRecorded) -> Result<()> {
        if !self.filter.user.holds(Some(&event.user.into())) {
            return Ok(());
        }
        let ids: Vec<Id<id::Interaction>> =
            event.interactions.iter().map(|id| (*id).into()).collect();
        let read = async { self.store.recorded(&ids).await.map(Arc::new) };
        let found = self.recent.0.try_get_with(number, read).await;
        let found = found.map_err(|error| anyhow::anyhow!("{error}"))?;
        for one in found.iter() {
            if !self.known.remove(&one.id) {
                self.enqueue(one.clone());
            }
        }
        Ok(())
    }

    fn enqueue(&mut self, one: Interaction) {
        self.latest = self.latest.max(one.id);
        let filter = &self.filter;
        if filter.kind.holds(Some(&one.kind)) && filter.user.holds(Some(&one.user)) {
            self.queue.push_back(one);
        }
    }
}
