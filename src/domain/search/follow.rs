//! Keeping the index of words in step with the catalogue in memory.
//!
//! One task a schema takes up what changed, part by part, and shows each part when it is in. Requests
//! take what there is; they wait a moment for what is nearly there, and are told when something is
//! still missing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{RwLock, RwLockReadGuard};
use rustc_hash::FxHashMap;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::lexical::{self, Lexical, Texts};
use super::store::{MoreTexts, Store};
use crate::domain::content::Visibility;
use crate::domain::content::catalogue::CatalogueIndex;
use crate::engine::catalogue::{Changes, IndexedItem, InternedString, StringInterner};
use crate::foundation::{Error, Id, Result, id};
use crate::platform::cache::{Cache, CacheKind, Tag};
use ranking::text::words;

/// So many items are read and put in at a time.
const AT_ONCE: usize = 5_000;
/// What was put in is shown after so many changes, or after [`SHOWN_WITHIN`]: each showing takes
/// some 40 ms.
const SHOWN_AFTER: u64 = 20_000;
const SHOWN_WITHIN: Duration = Duration::from_secs(1);
/// A request waits for so many changes. More, as from an import, are taken up beside it.
const WAITED_FOR: u64 = lexical::FEW as u64;
/// Requests wait so long until the index is made after a start, counted from its beginning.
const FIRST_WITHIN: Duration = Duration::from_secs(5);
/// A request waits at most so long for a few changes.
const FEW_WITHIN: Duration = Duration::from_secs(2);
/// How often the catalogue is looked at, though nobody asks.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The longest pause after a failure; the first is [`POLL_INTERVAL`], and each is twice the one before.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// People's names by their ids.
pub(super) type Names = FxHashMap<Id<id::Person>, Name>;

/// A name, read once: as it is written, and as suggestions compare it.
pub(super) struct Name {
    pub name: Box<str>,
    /// Folded, one word after another.
    pub whole: Box<str>,
    /// Where its words end in `whole`.
    ends: Box<[u32]>,
}

impl Name {
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

/// The index of words of one schema, and how far it has followed the catalogue.
pub(super) struct Following {
    store: Store,
    catalogue: CatalogueIndex,
    cache: Cache,
    lexical: Lexical,
    /// People's names, by their ids.
    names: RwLock<Names>,
    state: watch::Sender<State>,
    began_at: Instant,
    /// Whether anybody was answered from an index that was not whole.
    partly_used: AtomicBool,
    /// Wakes the task that follows.
    wake: Arc<Notify>,
}

/// How far the index is.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// The number of the catalogue's next change that is not shown.
    followed: u64,
    /// How often something was shown.
    version: u64,
    /// Whether it was whole once.
    made: bool,
    /// Whether the last attempt failed, and is tried again.
    failing: bool,
}

/// What a request finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Followed {
    /// Grows with everything that is shown. What was made of the index belongs to the version that
    /// was read before.
    pub version: u64,
    /// Whether all that was written before is in the index.
    pub complete: bool,
}

/// How far an index is, for those who run the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexProgress {
    /// Whether everything on the catalogue can be found.
    pub complete: bool,
    /// Whether the last attempt failed; it is tried again, after 10 seconds at the latest.
    pub failing: bool,
    /// How many changes of the catalogue are in the index.
    pub done: u64,
    /// How many there are so far.
    pub of: u64,
}

impl Following {
    /// An empty index, and the task that fills it and keeps it in step for as long as anybody holds
    /// it.
    ///
    /// # Errors
    /// When the threads of the index cannot be started.
    pub fn begin(store: Store, catalogue: CatalogueIndex, cache: Cache) -> Result<Arc<Self>> {
        let this = Arc::new(Self {
            store,
            catalogue,
            cache,
            lexical: Lexical::new()?,
            names: RwLock::default(),
            state: watch::Sender::default(),
            began_at: Instant::now(),
            partly_used: AtomicBool::new(false),
            wake: Arc::default(),
        });
        tokio::spawn(keep_up(Arc::downgrade(&this), Arc::clone(&this.wake)));
        Ok(this)
    }

    /// The words.
    pub fn lexical(&self) -> &Lexical {
        &self.lexical
    }

    /// The names of everybody with a credit for an item in the index. Not to be held for long.
    pub fn names(&self) -> RwLockReadGuard<'_, Names> {
        self.names.read()
    }

    /// How far the index is now.
    pub fn progress(&self) -> IndexProgress {
        let (whole, state) = (self.catalogue.is_complete(), *self.state.borrow());
        let of = self.catalogue.read().change();
        IndexProgress {
            complete: whole && state.followed >= of,
            failing: state.failing || self.catalogue.is_failing(),
            done: state.followed.min(of),
            of,
        }
    }

    /// Waits until what is on the catalogue now is in the index: after a start for a few seconds
    /// since its beginning, later for a few changes only. Whoever then finds the index not complete
    /// goes on with what there is.
    pub async fn follow(&self) -> Followed {
        let whole = self.catalogue.is_complete();
        let change = self.catalogue.read().change();
        let mut states = self.state.subscribe();
        let state = *states.borrow();
        let there = |state: &State| state.followed >= change && (state.made || !whole);
        if !there(&state) {
            self.wake.notify_one();
            let over = states.wait_for(|state| there(state) || state.failing);
            // Which of them ended the waiting is read below.
            let _over = if !state.made {
                timeout_at(self.began_at + FIRST_WITHIN, over).await.is_ok()
            } else if change - state.followed <= WAITED_FOR {
                timeout(FEW_WITHIN, over).await.is_ok()
            } else {
                false
            };
        }
        let state = *self.state.borrow();
        let complete = whole && state.followed >= change;
        if !complete {
            self.partly_used.store(true, Ordering::SeqCst);
        }
        Followed {
            version: state.version,
            complete,
        }
    }

    /// Takes up all that is on the catalogue, the first time everything.
    async fn take_up(self: &Arc<Self>) -> Result<()> {
        let mut from = self.state.borrow().followed;
        let (mut shown, mut shown_at) = (from, Instant::now());
        loop {
            let whole = self.catalogue.is_complete();
            let (slots, until, change) = {
                let items = self.catalogue.read();
                let (changes, until) = items.changes_within(from, AT_ONCE);
                let slots = match changes {
                    Changes::Some(slots) => slots,
                    Changes::All => items.iter().map(|(slot, _)| slot).collect(),
                };
                (slots, until, items.change())
            };
            for slots in slots.chunks(AT_ONCE) {
                self.put(slots).await?;
            }
            from = until;
            let all = until >= change;
            let due = until - shown >= SHOWN_AFTER || shown_at.elapsed() >= SHOWN_WITHIN;
            if until > shown && (all || due) {
                let this = Arc::clone(self);
                blocking(move || this.lexical.show()).await?;
                (shown, shown_at) = (until, Instant::now());
                self.state.send_modify(|state| {
                    state.followed = until;
                    state.version += 1;
                });
            }
            if all {
                self.caught_up(whole);
                return Ok(());
            }
        }
    }

    /// The catalogue as it was a moment ago is in the index, all of it if it was `whole`.
    fn caught_up(&self, whole: bool) {
        self.state.send_if_modified(|state| {
            let changes = state.failing || whole && !state.made;
            state.made |= whole;
            state.failing = false;
            changes
        });
        if whole && self.partly_used.swap(false, Ordering::SeqCst) {
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
    fn complete(&self, mut texts: Texts, more: MoreTexts) -> Texts {
        texts.original_title = more.original_title;
        texts.description = more.description;
        let mut names = self.names.write();
        for (person, name) in more.people {
            if names.get(&person).is_none_or(|known| *known.name != *name) {
                names.insert(person, Name::new(&name));
            }
            texts.people.push(name);
        }
        texts
    }
}

/// Follows the catalogue until nobody holds the index any more.
async fn keep_up(following: Weak<Following>, wake: Arc<Notify>) {
    let mut pause = POLL_INTERVAL;
    loop {
        let Some(this) = following.upgrade() else {
            return;
        };
        if this.store.closed() {
            return;
        }
        // A task within the task: a fault in one attempt must not end all.
        let attempt = Arc::clone(&this);
        let done = tokio::spawn(async move { attempt.take_up().await }).await;
        match done
            .map_err(|fault| Error::Internal(fault.into()))
            .flatten()
        {
            Ok(()) => {
                drop(this);
                pause = POLL_INTERVAL;
                // Whether somebody asked or the time is up, the catalogue is looked at.
                let _ = timeout(POLL_INTERVAL, wake.notified()).await;
            }
            Err(error) => {
                let retry_in = pause.as_secs();
                tracing::warn!(?error, retry_in, "Search could not follow the catalogue");
                this.state.send_modify(|state| state.failing = true);
                drop(this);
                sleep(pause).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
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

fn texts(entry: &IndexedItem, strings: &StringInterner) -> Texts {
    let name = |string: &InternedString| strings.name(*string).to_owned();
    let one = [entry.brand, entry.merchant, entry.color];
    let shop = one.iter().flatten().chain(&entry.category_path);
    Texts {
        kind: Some(entry.kind),
        title: entry.title.to_string(),
        labels: entry.genres.iter().chain(&entry.tags).map(name).collect(),
        shop: shop.map(name).collect(),
        ..Texts::default()
    }
}
