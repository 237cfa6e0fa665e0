//! The catalogue in memory: what filters, lists and search ask of an item, without a statement.
//!
//! A catalogue is read whole once and then follows the database by the transactions that wrote to it
//! (`changed_in`) whenever an event tells of a change. What this process writes shows at once, what others
//! write within milliseconds. Each item has a slot, a small number that it keeps while the process lives; other structures in memory
//! (vectors, the words of search) are kept by slot.
//!
//! All reading happens in tasks of their own: a request that is given up ends none of it. Requests
//! wait for the first reading for a few seconds; of a catalogue that takes longer they see what has
//! been read so far, and [`CatalogueIndex::is_complete`] says so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::FutureExt;
use parking_lot::{RwLock, RwLockReadGuard};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::store::Store;
use crate::engine::catalogue::Catalogue;
use crate::foundation::{Error, Result};
use crate::platform::cache::{Cache, CacheKind, Tag};
use crate::platform::events::{Event, Events, Received, Subscription};

/// Lists wait so long for the first reading, counted from the first of them: a million items take some
/// 12 s. Searches, which say that they are not complete, wait less.
pub(super) const LISTS_WITHIN: Duration = Duration::from_secs(20);
pub(super) const SEARCHES_WITHIN: Duration = Duration::from_secs(5);
/// Whoever wrote waits at most so long until the catalogue has taken it up.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);
/// How often a catalogue is read without an event, and the task finds that nobody needs it any more.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// The first and the longest pause after a reading that failed; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The event of a statement that wrote to the catalogue. A trigger of the database writes it.
#[derive(Debug, Serialize, Deserialize)]
pub struct CatalogueChanged {
    /// The transaction that wrote, as Postgres counts them.
    transaction: String,
}

impl Event for CatalogueChanged {
    const TOPIC: &'static str = "catalogue";
}

/// The catalogue of one schema. Cloning it is cheap.
#[derive(Clone)]
pub struct CatalogueIndex {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    cache: Cache,
    events: Events,
    items: RwLock<Catalogue>,
    /// How far the first reading is.
    first: watch::Sender<First>,
    /// When somebody asked first, and the task that reads was begun.
    asked_at: OnceLock<Instant>,
    /// Whether anybody was answered from a part of the catalogue.
    partly_used: AtomicBool,
    /// The oldest transaction that may still be missing; one reader at a time.
    watermark: Mutex<u64>,
}

/// How far the first reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    /// It is under way, or not begun.
    Reading,
    /// It failed at least once and is tried again.
    Failed,
    /// All was read.
    Done,
}

impl CatalogueIndex {
    pub(super) fn new(store: Store, cache: Cache, events: Events) -> Self {
        let inner = Inner {
            store,
            cache,
            events,
            items: RwLock::default(),
            first: watch::Sender::new(First::Reading),
            asked_at: OnceLock::new(),
            partly_used: AtomicBool::new(false),
            watermark: Mutex::new(0),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// What is on the catalogue now. Never hold it across an `await`.
    pub fn read(&self) -> RwLockReadGuard<'_, Catalogue> {
        self.inner.items.read()
    }

    /// Whether all items have been read; while the first reading is under way, some are missing.
    pub fn is_complete(&self) -> bool {
        *self.inner.first.borrow() == First::Done
    }

    /// Whether the first reading failed and is tried again.
    pub fn is_failing(&self) -> bool {
        *self.inner.first.borrow() == First::Failed
    }

    /// Begins to read the catalogue at the first call, and waits until it is read, at most until so long
    /// after the first call. It costs nothing from then on.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while the first reading fails.
    pub(super) async fn load(&self, within: Duration) -> Result<()> {
        if self.is_complete() {
            return Ok(());
        }
        let asked_at = self.begin();
        let mut first = self.inner.first.subscribe();
        let done = first.wait_for(|first| *first != First::Reading);
        let state = timeout_at(asked_at + within, done).await;
        // The sender lives as long as `self`.
        match state.ok().and_then(Result::ok).map(|state| *state) {
            Some(First::Done) => Ok(()),
            Some(First::Failed) => {
                let message = "the catalogue cannot be read at present; try again in a moment";
                Err(Error::Unavailable(message.to_owned()))
            }
            Some(First::Reading) | None => {
                self.inner.partly_used.store(true, Ordering::SeqCst);
                Ok(())
            }
        }
    }

    /// Begins to read the catalogue if nobody has yet, and waits until all of it is read, however long that takes.
    /// A reading that fails is tried again meanwhile.
    pub(super) async fn preload(&self) {
        self.begin();
        let mut first = self.inner.first.subscribe();
        // The sender lives as long as `self`.
        let _ = first.wait_for(|first| *first == First::Done).await;
    }

    /// When the catalogue was asked for first; from then on it is read and kept up.
    fn begin(&self) -> Instant {
        *self.inner.asked_at.get_or_init(|| {
            self.keep_up();
            Instant::now()
        })
    }

    /// Takes up what was written since the last time, by whomever.
    ///
    /// # Errors
    /// When the database fails; the catalogue then stays as it was.
    pub async fn catch_up(&self) -> Result<()> {
        let mut watermark = self.inner.watermark.lock().await;
        let store = &self.inner.store;
        let before = self.read().change();
        let first = *watermark == 0;
        self.first_is(First::Reading);
        let next = store
            .changes(*watermark, |row| {
                // Row by row, so that readers wait no longer than one row takes.
                self.inner.items.write().put(row);
            })
            .await?;
        *watermark = next;
        if first {
            self.first_done();
        } else if self.read().change() != before {
            // After the catalogue: what is computed from here on sees what was written.
            self.inner.cache.invalidate(&[Tag::Catalogue]);
        }
        Ok(())
    }

    fn first_is(&self, state: First) {
        self.inner.first.send_if_modified(|first| {
            let changes = *first != First::Done && *first != state;
            if changes {
                *first = state;
            }
            changes
        });
    }

    /// The first reading is of what was there before: nothing that is kept is made of less, but what
    /// this process was asked meanwhile.
    fn first_done(&self) {
        self.inner.first.send_replace(First::Done);
        if self.inner.partly_used.swap(false, Ordering::SeqCst) {
            let kinds = CacheKind::ALL.iter().copied();
            let kinds: Vec<Tag> = kinds.map(Tag::Kind).collect();
            self.inner.cache.invalidate(&kinds);
        }
    }

    /// Takes up what this process just wrote, if anybody uses the catalogue, and lets nobody have what
    /// was computed before. What takes long or fails is left to the next look: the write itself is
    /// done.
    pub(super) async fn written(&self) {
        if self.is_complete() {
            let this = self.clone();
            let caught = tokio::spawn(async move { this.catch_up().await });
            match timeout(WRITTEN_WITHIN, caught).await {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(error))) => {
                    tracing::warn!(?error, "The catalogue in memory could not follow a write");
                }
                Ok(Err(error)) => {
                    tracing::error!(?error, "The catalogue in memory could not follow a write");
                }
                Err(_) => tracing::info!("The catalogue in memory follows a write later"),
            }
        }
        self.inner.cache.invalidate(&[Tag::Catalogue]);
    }

    /// Reads the catalogue and follows the database, for as long as anybody holds the schema.
    fn keep_up(&self) {
        let (inner, events) = (Arc::downgrade(&self.inner), self.inner.events.clone());
        tokio::spawn(async move {
            // Subscribed before reading: changes in between are received.
            let mut changes = events.subscribe::<CatalogueChanged>(None).await;
            drop(events);
            let mut pause = FIRST_PAUSE;
            loop {
                // Whoever held the schema is gone, and so is the need to follow it.
                let Some(inner) = inner.upgrade() else {
                    return;
                };
                if inner.store.closed() {
                    return;
                }
                let this = Self { inner };
                // A task within the task: a fault in one reading must not end all.
                let reading = this.clone();
                let read = tokio::spawn(async move { reading.catch_up().await });
                let read = read.await.map_err(|fault| Error::Internal(fault.into()));
                let known = *this.inner.watermark.lock().await;
                let failed = match read.flatten() {
                    Ok(()) => None,
                    Err(error) => {
                        let retry_in = pause.as_secs();
                        tracing::warn!(?error, retry_in, "The catalogue could not be read");
                        this.first_is(First::Failed);
                        let next = (2 * pause).min(LONGEST_PAUSE);
                        Some(std::mem::replace(&mut pause, next))
                    }
                };
                drop(this);
                match failed {
                    Some(pause) => sleep(pause).await,
                    None => {
                        pause = FIRST_PAUSE;
                        let changed = wait_for_change(&mut changes, known);
                        // Whether it changed or not, it is looked at again.
                        let _ = timeout(LOOK_INTERVAL, changed).await;
                    }
                }
            }
        });
    }
}

/// Waits until a transaction has changed the catalogue that may not have been read: one that is not older
/// than `known`, the oldest one that may be missing.
async fn wait_for_change(changes: &mut Subscription<CatalogueChanged>, known: u64) {
    let is_news = |received: &Received<CatalogueChanged>| match received {
        Received::Event { event, .. } => event
            .transaction
            .parse()
            .map_or(true, |transaction: u64| transaction >= known),
        Received::Missed => true,
    };
    while !is_news(&changes.next().await) {}
    // One reading is enough for all that have come by now.
    while changes.next().now_or_never().is_some() {}
}
