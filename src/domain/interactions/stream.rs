//! Streams of interactions as they are recorded.
//!
//! A stream goes by what was committed, and never by when something happened or a request began: it knows the
//! snapshot of the database that it has delivered, and takes what later ones contain beyond it.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

use super::model::{Interaction, InteractionKind, MAX_AT_ONCE};
use super::recorded_feed::{BatchLookup, RecordedFeed};
use super::service::InteractionService;
use super::store::{RecordedRow, Store};
use super::stream_cursor::{PartlyReceived, StreamCursor};
use crate::domain::auth::Viewer;
use crate::foundation::filter::Comparison;
use crate::foundation::page::bad_cursor;
use crate::foundation::{Id, Refusal, Result, id};
use crate::platform::cache::{CacheKind, Tag};
use crate::platform::db::snapshot::Snapshot;
use crate::platform::events::{Event, Received, Subscription};

/// The most values that the lists of a filter may have together.
const MAX_LISTED: usize = 1000;

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
        let mut told = HashSet::new();
        let users = recorded.into_iter().map(|one| one.user.uuid());
        users
            .filter(|user| told.insert(*user))
            .map(|user| Self { origin, user })
            .collect()
    }
}

/// An interaction of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedInteraction {
    /// The interaction.
    pub interaction: Interaction,
    /// What a follower has received with it.
    pub cursor: StreamCursor,
}

/// Where a row stands in the order of the stream: the number of its transaction, and its id.
type Position = (u64, Uuid);

/// A stream of interactions.
pub struct InteractionStream {
    store: Store,
    feed: Arc<RecordedFeed>,
    changes: watch::Receiver<Option<u64>>,
    filter: StreamFilter,
    /// Everything up to here was put into the queue.
    received: Arc<Snapshot>,
    /// The part of a later snapshot that is being read from the table.
    partly: Option<(Arc<Snapshot>, Option<Position>)>,
    /// The next batch of the feed; `None` if the table must be read first.
    next_batch: Option<u64>,
    queue: VecDeque<RecordedInteraction>,
    failed: bool,
}

impl InteractionService {
    /// Streams interactions as they are recorded, by this or another server, in the order in which they are
    /// committed; imports are not included. With `after`, what was committed since that cursor comes first.
    /// For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`] and [`crate::foundation::Error::Forbidden`]
    /// for others, [`Refusal::InvalidInput`] for a filter too large and for a cursor of another database.
    pub async fn stream(
        &self,
        viewer: &Viewer,
        filter: StreamFilter,
        after: Option<StreamCursor>,
    ) -> Result<InteractionStream> {
        viewer.admin()?;
        if filter.kind.listed() + filter.user.listed() > MAX_LISTED {
            let message = format!("a filter has at most {MAX_LISTED} values in its lists");
            return Err(Refusal::invalid("filter", message).into());
        }
        let now = self.store.snapshot().await?;
        if after
            .as_ref()
            .is_some_and(|after| after.latest().next() > now.next())
        {
            return Err(bad_cursor(
                "this cursor names what this database has not come to: it is of another one, or of one before it \
                 was restored; subscribe without it, or with the cursor of `interactionsCursor`",
            ));
        }
        let feed = self.feeds.feed(&self.store, &self.events);
        let after = after.unwrap_or_else(|| StreamCursor::all_of(Arc::new(now)));
        let partly = after
            .rest
            .map(|PartlyReceived { of, last }| (of, Some(last)));
        Ok(InteractionStream {
            store: self.store.clone(),
            changes: feed.changes(),
            feed,
            filter,
            received: after.received,
            partly,
            next_batch: None,
            queue: VecDeque::new(),
            failed: false,
        })
    }

    /// The cursor of a stream that has received everything up to now, for whoever must miss nothing from here
    /// on. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`] and [`crate::foundation::Error::Forbidden`] for others.
    pub async fn stream_cursor(&self, viewer: &Viewer) -> Result<StreamCursor> {
        viewer.admin()?;
        let now = self.store.snapshot().await?;
        Ok(StreamCursor::all_of(Arc::new(now)))
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
    /// The next interaction. After an error the stream ends.
    pub async fn next(&mut self) -> Option<Result<RecordedInteraction>> {
        while !self.failed {
            if let Some(next) = self.queue.pop_front() {
                return Some(Ok(next));
            }
            if let Err(error) = self.fill().await {
                self.failed = true;
                return Some(Err(error));
            }
        }
        None
    }

    /// Puts what comes next into the queue, or waits until there may be something. Cancel-safe: what was
    /// read is put into the queue without waiting.
    async fn fill(&mut self) -> Result<()> {
        if let Some((until, after)) = self.partly.clone() {
            return self.read(until, after).await;
        }
        let Some(number) = self.next_batch else {
            self.join().await;
            return Ok(());
        };
        self.changes.borrow_and_update();
        match self.feed.batch(number) {
            BatchLookup::Batch(batch) => {
                self.next_batch = Some(number + 1);
                self.enqueue(&batch.rows, &batch.until);
                // Who joined late may have more than what this batch ends with.
                if batch.until.includes(&self.received) {
                    self.received = Arc::clone(&batch.until);
                }
            }
            BatchLookup::Gone => self.next_batch = None,
            // The sender lives as long as the feed, which is held.
            BatchLookup::NotYet => {
                let _ = self.changes.changed().await;
            }
        }
        Ok(())
    }

    /// Reads a page of what was recorded until a snapshot from the table.
    async fn read(&mut self, until: Arc<Snapshot>, after: Option<(u64, Uuid)>) -> Result<()> {
        let between = (&*self.received, &*until);
        let rows = self
            .store
            .recorded_between(between, after, MAX_AT_ONCE)
            .await?;
        self.enqueue(&rows, &until);
        match rows.last() {
            Some(last) if rows.len() == MAX_AT_ONCE => {
                self.partly = Some((until, Some(last.position())));
            }
            _ => (self.received, self.partly) = (until, None),
        }
        Ok(())
    }

    /// Finds the place of this stream in the feed: at its head, once the table was read up to there.
    async fn join(&mut self) {
        // The sender lives as long as the feed, which is held.
        let _ = self.changes.wait_for(Option::is_some).await;
        if let Some((next, head)) = self.feed.head() {
            self.next_batch = Some(next);
            if !self.received.includes(&head) {
                self.partly = Some((head, None));
            }
        }
    }

    fn enqueue(&mut self, rows: &[RecordedRow], until: &Arc<Snapshot>) {
        for row in rows {
            let Interaction { kind, user, .. } = &row.interaction;
            if !self.received.contains(row.transaction)
                && self.filter.kind.holds(Some(kind))
                && self.filter.user.holds(Some(user))
            {
                self.queue.push_back(RecordedInteraction {
                    interaction: row.interaction.clone(),
                    cursor: StreamCursor::up_to(row, &self.received, until),
                });
            }
        }
    }
}
