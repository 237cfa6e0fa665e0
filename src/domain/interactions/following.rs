//! Hearing of interactions as they are recorded.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use moka::future::Cache;
use serde::{Deserialize, Serialize};

use super::model::{Interaction, InteractionKind, MAX_AT_ONCE};
use super::service::InteractionService;
use super::store::{Store, Written};
use crate::domain::auth::Viewer;
use crate::domain::recommendations::updates;
use crate::foundation::filter::Comparison;
use crate::foundation::{Id, Refusal, Result, id};
use crate::platform::bus::{Bus, Listener, POLL_INTERVAL, Received, Topic};
use tokio::time::{Instant, sleep_until};

/// The most values that the lists of a filter may have together.
const MAX_LISTED: usize = 1000;
/// Servers write beside each other: what was recorded elsewhere may be so much older than what was
/// heard of here, and is told all the same.
const BESIDE: TimeDelta = TimeDelta::seconds(10);

/// The latest interactions, the latest first, read once a second at most for all who look.
#[derive(Clone)]
pub(super) struct Tail(Cache<(), Arc<Vec<Interaction>>>);

impl Default for Tail {
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

/// Which interactions to hear of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FollowFilter {
    /// What they did.
    pub kind: Comparison<InteractionKind>,
    /// Who did it.
    pub user: Comparison<Id<id::User>>,
}

/// The note of [`Topic::Interactions`]: what was recorded together, in the order given.
#[derive(Serialize, Deserialize)]
struct Note(Vec<Interaction>);

/// Interactions, one after the other.
pub struct Following {
    store: Store,
    listener: Listener,
    filter: FollowFilter,
    tail: Tail,
    /// When the table is looked at, though nothing is heard.
    poll_at: Instant,
    /// The latest that was heard of, by the moment it happened.
    latest: Id<id::Interaction>,
    /// What happened before this is not looked for.
    from: Id<id::Interaction>,
    /// Whether the table must be read for what was missed.
    behind: bool,
    /// What happened since then and was told, or is not to be told.
    known: HashSet<Id<id::Interaction>>,
    waiting: VecDeque<Interaction>,
    failed: bool,
}

/// Tells that interactions were recorded; for right after the commit.
pub(super) fn tell(bus: Bus) -> impl FnOnce(&Vec<Written>) + Send + 'static {
    move |written| {
        let recorded = written.iter().filter_map(|written| match written {
            Written::Recorded(interaction) => Some(interaction.clone()),
            _ => None,
        });
        let note = Note(recorded.collect());
        if !note.0.is_empty() {
            updates::tell_taste(&bus, &note.0);
            bus.publish(Topic::Interactions, note);
        }
    }
}

impl InteractionService {
    /// Hears of interactions as they are recorded, here or on another server; imports are not told
    /// of. With `after`, those that happened since that one come first. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`] and [`crate::foundation::Error::Forbidden`]
    /// for others, [`Refusal::InvalidInput`] for a filter too large.
    pub fn follow(
        &self,
        viewer: &Viewer,
        filter: FollowFilter,
        after: Option<Id<id::Interaction>>,
    ) -> Result<Following> {
        viewer.admin()?;
        if filter.kind.listed() + filter.user.listed() > MAX_LISTED {
            let message = format!("a filter has at most {MAX_LISTED} values in its lists");
            return Err(Refusal::invalid("filter", message).into());
        }
        let from = after.unwrap_or_else(|| Id::at(self.now(), [0; 10]));
        Ok(Following {
            store: self.store.clone(),
            tail: self.tail.clone(),
            poll_at: Instant::now() + POLL_INTERVAL,
            listener: self.bus.subscribe(Topic::Interactions),
            filter,
            latest: from,
            from,
            behind: after.is_some(),
            known: HashSet::new(),
            waiting: VecDeque::new(),
            failed: false,
        })
    }
}

impl Following {
    /// Waits for the next one. After a loss the table says what happened since the latest one; what
    /// was recorded meanwhile of earlier moments is not told again. After an error, nothing more.
    pub async fn next(&mut self) -> Option<Result<Interaction>> {
        while !self.failed {
            if let Some(next) = self.waiting.pop_front() {
                return Some(Ok(next));
            }
            if self.behind {
                if let Err(error) = self.catch_up().await {
                    self.failed = true;
                    return Some(Err(error));
                }
                continue;
            }
            let heard = tokio::select! {
                // What was heard first: what a look tells of is then known.
                biased;
                heard = self.listener.next() => heard,
                () = sleep_until(self.poll_at) => {
                    self.look().await;
                    continue;
                }
            };
            match heard {
                Received::Lagged => self.behind = true,
                Received::Event(note) => match serde_json::from_str::<Note>(&note) {
                    Ok(note) => self.take(note.0),
                    // Another version of the program wrote it.
                    Err(_) => self.behind = true,
                },
            }
        }
        None
    }

    async fn catch_up(&mut self) -> Result<()> {
        let found = self.store.since(self.latest, MAX_AT_ONCE).await?;
        self.behind = found.len() == MAX_AT_ONCE;
        self.take(found);
        Ok(())
    }

    /// Finds what was recorded unheard, in another process.
    async fn look(&mut self) {
        self.poll_at = Instant::now() + POLL_INTERVAL;
        let read = async { self.store.latest(MAX_AT_ONCE).await.map(Arc::new) };
        let tail = match self.tail.0.try_get_with((), read).await {
            Ok(tail) => tail,
            Err(error) => {
                tracing::warn!(%error, "The interactions cannot be looked at");
                return;
            }
        };
        let oldest = tail.last().map(|oldest| oldest.id);
        if tail.len() == MAX_AT_ONCE && oldest > Some(self.latest) {
            self.behind = true;
            return;
        }
        let from = self.from;
        let news = tail.iter().rev().filter(|one| one.id > from);
        self.take(news.cloned());
        let beside = Id::at(self.latest.time() - BESIDE, [0; 10]);
        self.from = from.max(beside);
        self.known.retain(|id| *id > self.from);
    }

    fn take(&mut self, all: impl IntoIterator<Item = Interaction>) {
        for one in all {
            if !self.known.insert(one.id) {
                continue;
            }
            self.latest = self.latest.max(one.id);
            let filter = &self.filter;
            let fits = filter.kind.holds(Some(&one.kind)) && filter.user.holds(Some(&one.user));
            if fits {
                self.waiting.push_back(one);
            }
        }
    }
}
