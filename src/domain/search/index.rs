//! The search index: the lexical index and its synchronisation with the catalogue in memory.
//!
//! One task a schema applies changes in batches and commits each batch. Requests use what is committed; they
//! wait a moment for a few pending changes, and report when changes are still missing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{RwLock, RwLockReadGuard};
use rustc_hash::FxHashMap;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::lexical::{self, ItemTexts, LexicalIndex};
use super::signals::{SignalCache, Signals};
use super::store::{Store, StoredTexts};
use crate::domain::content::Visibility;
use crate::domain::content::catalogue::CatalogueIndex;
use crate::engine::catalogue::{Changes, IndexedItem, InternedString, StringInterner};
use crate::foundation::{Error, Id, Result, id};
use crate::platform::cache::{Cache, CacheKind, Tag};
use ranking::text::words;

/// The number of items read and indexed at a time.
const BATCH_SIZE: usize = 5_000;
/// Changes are committed after this many, or after [`COMMIT_INTERVAL`]: a commit takes about 40 ms.
const COMMIT_AFTER_CHANGES: u64 = 20_000;
const COMMIT_INTERVAL: Duration = Duration::from_secs(1);
/// A request waits for at most this many changes. More, as from an import, are applied in the background.
const MAX_AWAITED_CHANGES: u64 = lexical::FEW as u64;
/// How long requests wait for the first synchronisation after a start, counted from its beginning.
const FIRST_SYNC_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request waits for a few changes.
const SYNC_TIMEOUT: Duration = Duration::from_secs(2);
/// How often the catalogue is polled without requests.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The longest delay after a failure; the first is [`POLL_INTERVAL`], and each is twice the one before.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(10);

/// Names of people by id.
pub(super) type PersonNames = FxHashMap<Id<id::Person>, PersonName>;

/// The name of a person: as written, and folded for suggestions.
pub(super) struct PersonName {
    pub name: Box<str>,
    /// Folded, one word after another.
    pub whole: Box<str>,
    /// Where its words end in `whole`.
    ends: Box<[u32]>,
}

impl PersonName {
    fn new(name: &str) -> Self {
        let mut whole = String::with_capacity(name.len());
        let mut ends = Vec::new();
        for word in words(name) {
            whole.push_str(&word.folded);
            // No name has four thousand million letters; the rest of one would not be found.
            ends.push(u32::try_from(whole.len()).unwrap_or(u32::MAX));
        }
        Self {
            name: name.into(),
            whole: whole.into(),
            ends: ends.into(),
        }
    }

    /// Whether it begins so at one of its words.
    pub fn begins(&self, start: &str) -> bool {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        let mut rests = starts.filter_map(|at| self.whole.get(at as usize..));
        rests.any(|rest| !rest.is_empty() && rest.starts_with(start))
    }

    /// Its folded words.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().filter_map(move |end| {
            let word = self.whole.get(start..*end as usize);
            start = *end as usize;
            word
        })
    }
}

/// The search index of one schema, and its state of synchronisation with the catalogue.
pub(super) struct SearchIndex {
    store: Store,
    catalogue: CatalogueIndex,
    cache: Cache,
    lexical: LexicalIndex,
    signals: Arc<SignalCache>,
    /// People's names, by their ids.
    names: RwLock<PersonNames>,
    state: watch::Sender<SyncState>,
    began_at: Instant,
    /// Whether a request was answered from an incomplete index.
    used_incomplete: AtomicBool,
    /// Wakes the maintaining task.
    wake: Arc<Notify>,
}

/// The state of synchronisation.
#[derive(Clone, Copy, Debug, Default)]
struct SyncState {
    /// The number of the next change of the catalogue that is not committed.
    synced: u64,
    /// The number of commits.
    version: u64,
    /// Whether it was complete once.
    complete_once: bool,
    /// Whether the last attempt failed and is retried.
    failing: bool,
}

/// The state of the index as a request sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct IndexState {
    /// Increases with each commit. Results belong to the version that was read before them.
    pub version: u64,
    /// Whether all earlier changes are in the index.
    pub complete: bool,
}

/// How much of the catalogue is in an index, for operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexStatus {
    /// Whether everything on the catalogue can be found.
    pub complete: bool,
    /// Whether the last attempt failed; it is tried again, after 10 seconds at the latest.
    pub failing: bool,
    /// How many changes of the catalogue are in the index.
    pub done: u64,
    /// How many there are so far.
    pub of: u64,
}

impl SearchIndex {
    /// An empty index, and the task that fills and maintains it for as long as it is held.
    ///
    /// # Errors
    /// When the threads of the index cannot be started.
    pub fn start(store: Store, catalogue: CatalogueIndex, cache: Cache) -> Result<Arc<Self>> {
        let this = Arc::new(Self {
            store,
            catalogue,
            cache,
            lexical: LexicalIndex::new()?,
            signals: Arc::default(),
            names: RwLock::default(),
            state: watch::Sender::default(),
            began_at: Instant::now(),
            used_incomplete: AtomicBool::new(false),
            wake: Arc::default(),
        });
        tokio::spawn(maintain(Arc::downgrade(&this), Arc::clone(&this.wake)));
        Ok(this)
    }

    /// The words.
    pub fn lexical(&self) -> &LexicalIndex {
        &self.lexical
    }

    /// What is known of the catalogue as a whole.
    pub fn signals(&self) -> Signals {
        self.signals.current()
    }

    /// The names of everybody with a credit for an item in the index. Not to be held for long.
    pub fn names(&self) -> RwLockReadGuard<'_, PersonNames> {
        self.names.read()
    }

    /// How far the index is now.
    pub fn progress(&self) -> IndexStatus {
        let (whole, state) = (self.catalogue.is_complete(), *self.state.borrow());
        let of = self.catalogue.read().change();
        IndexStatus {
            complete: whole && state.synced >= of,
            failing: state.failing || self.catalogue.is_failing(),
            done: state.synced.min(of),
            of,
        }
    }

    /// Waits until the current state of the catalogue is in the index: after a start for a few seconds, later
    /// for a few changes only. Callers use what is there even if the index is then incomplete.
    pub async fn catch_up(&self) -> IndexState {
        let whole = self.catalogue.is_complete();
        let change = self.catalogue.read().change();
        let mut states = self.state.subscribe();
        let state = *states.borrow();
        let there = |state: &SyncState| state.synced >= change && (state.complete_once || !whole);
        if !there(&state) {
            self.wake.notify_one();
            let over = states.wait_for(|state| there(state) || state.failing);
            // Which of them ended the waiting is read below.
            let _over = if !state.complete_once {
                timeout_at(self.began_at + FIRST_SYNC_TIMEOUT, over)
                    .await
                    .is_ok()
            } else if change - state.synced <= MAX_AWAITED_CHANGES {
                timeout(SYNC_TIMEOUT, over).await.is_ok()
            } else {
                false
            };
        }
        let state = *self.state.borrow();
        let complete = whole && state.synced >= change;
        if !complete {
            self.used_incomplete.store(true, Ordering::SeqCst);
        }
        IndexState {
            version: state.version,
            complete,
        }
    }

    /// Waits until the whole catalogue was in the index once.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the last attempt failed.
    pub async fn wait_complete(&self) -> Result<()> {
        let mut states = self.state.subscribe();
        let over = states.wait_for(|state| state.complete_once || state.failing);
        // The sender lives as long as `self`.
        if over.await.is_ok_and(|state| state.complete_once) {
            return Ok(());
        }
        let message = "the index of words cannot be made at present; it is tried again";
        Err(Error::Unavailable(message.to_owned()))
    }

    /// Applies all changes of the catalogue; the first time the whole catalogue.
    async fn apply_changes(self: &Arc<Self>) -> Result<()> {
        self.signals.read_taken(&self.store).await;
        let mut from = self.state.borrow().synced;
        let (mut shown, mut shown_at) = (from, Instant::now());
        loop {
            let whole = self.catalogue.is_complete();
            let (slots, until, change) = {
                let items = self.catalogue.read();
                let (changes, until) = items.changes_within(from, BATCH_SIZE);
                let slots = match changes {
                    Changes::Some(slots) => slots,
                    Changes::All => items.iter().map(|(slot, _)| slot).collect(),
                };
                (slots, until, items.change())
            };
            for slots in slots.chunks(BATCH_SIZE) {
                self.put(slots).await?;
            }
            from = until;
            let all = until >= change;
            let due =
                until - shown >= COMMIT_AFTER_CHANGES || shown_at.elapsed() >= COMMIT_INTERVAL;
            let shows = until > shown && (all || due);
            let signals_changed = (shows || all) && self.refresh_signals().await?;
            if shows {
                let this = Arc::clone(self);
                blocking(move || this.lexical.commit()).await?;
            }
            if shows || signals_changed {
                (shown, shown_at) = (until, Instant::now());
                self.state.send_modify(|state| {
                    state.synced = until;
                    state.version += 1;
                });
            }
            if all {
                self.record_synced(whole);
                return Ok(());
            }
        }
    }

    async fn refresh_signals(self: &Arc<Self>) -> Result<bool> {
        let this = Arc::clone(self);
        blocking(move || Ok(this.signals.refresh(&this.catalogue.read()))).await
    }

    /// The catalogue as it was a moment ago is in the index, all of it if it was `whole`.
    fn record_synced(&self, whole: bool) {
        self.state.send_if_modified(|state| {
            let changes = state.failing || whole && !state.complete_once;
            state.complete_once |= whole;
            state.failing = false;
            changes
        });
        if whole && self.used_incomplete.swap(false, Ordering::SeqCst) {
            // Lists and answers may be kept that were made of a part.
            let kinds = CacheKind::ALL.iter().copied();
            self.cache
                .invalidate(&kinds.map(Tag::Kind).collect::<Vec<_>>());
        }
    }

    /// Puts what is public of these slots in, and takes the rest out.
    async fn put(self: &Arc<Self>, slots: &[u32]) -> Result<()> {
        let (mut public, mut gone) = (Vec::new(), Vec::new());
        {
            let items = self.catalogue.read();
            for slot in slots {
                match items.entry(*slot).filter(|entry| is_public(entry)) {
                    Some(entry) => {
                        public.push((*slot, entry.id, texts(entry, items.strings())));
                    }
                    None => gone.push(*slot),
                }
            }
        }
        let ids: Vec<_> = public.iter().map(|(_, id, _)| *id).collect();
        let mut more = self.store.texts(&ids).await?;
        let items = public.into_iter().map(|(slot, id, texts)| {
            let more = more.remove(&id).unwrap_or_default();
            (slot, self.complete(texts, more))
        });
        let items: Vec<_> = items.collect();
        let this = Arc::clone(self);
        blocking(move || this.lexical.put(items, &gone)).await
    }

    /// Adds what is not on the catalogue, and notes the names.
    fn complete(&self, mut texts: ItemTexts, more: StoredTexts) -> ItemTexts {
        texts.original_title = more.original_title;
        texts.description = more.description;
        texts.codes = more.codes;
        let mut names = self.names.write();
        for (person, name) in more.people {
            if names.get(&person).is_none_or(|known| *known.name != *name) {
                names.insert(person, PersonName::new(&name));
            }
            texts.people.push(name);
        }
        texts
    }
}

/// Maintains the index until it is dropped.
async fn maintain(search_index: Weak<SearchIndex>, wake: Arc<Notify>) {
    let mut delay = POLL_INTERVAL;
    loop {
        let Some(this) = search_index.upgrade() else {
            return;
        };
        if this.store.closed() {
            return;
        }
        // A task within the task: a fault in one attempt must not end all.
        let attempt = Arc::clone(&this);
        let done = tokio::spawn(async move { attempt.apply_changes().await }).await;
        match done
            .map_err(|fault| Error::Internal(fault.into()))
            .flatten()
        {
            Ok(()) => {
                drop(this);
                delay = POLL_INTERVAL;
                // Whether somebody asked or the time is up, the catalogue is looked at.
                let _ = timeout(POLL_INTERVAL, wake.notified()).await;
            }
            Err(error) => {
                let retry_in = delay.as_secs();
                tracing::warn!(?error, retry_in, "Search could not follow the catalogue");
                this.state.send_modify(|state| state.failing = true);
                drop(this);
                sleep(delay).await;
                delay = (2 * delay).min(MAX_RETRY_DELAY);
            }
        }
    }
}

/// Runs what blocks where it may.
///
/// # Errors
/// Those of `work`, or a panic in it.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panicked| Err(anyhow::Error::new(panicked).into()))
}

/// Only what everybody may see is in the index. Rights and stock are looked at with each request,
/// since a day changes them.
fn is_public(entry: &IndexedItem) -> bool {
    !entry.deleted && entry.visibility == Visibility::Public
}

fn texts(entry: &IndexedItem, strings: &StringInterner) -> ItemTexts {
    let name = |string: &InternedString| strings.name(*string).to_owned();
    let one = [entry.brand, entry.merchant, entry.color];
    let shop = one.iter().flatten().chain(&entry.category_path);
    ItemTexts {
        kind: Some(entry.kind),
        title: entry.title.to_string(),
        year: entry.year,
        language: entry.language.as_ref().map(name),
        labels: entry.genres.iter().chain(&entry.tags).map(name).collect(),
        shop: shop.map(name).collect(),
        ..ItemTexts::default()
    }
}
