//! Keeping the index of words in step with the catalogue in memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use rustc_hash::FxHashMap;
use tokio::sync::Mutex;

use super::lexical::{self, Lexical, Texts};
use super::store::{MoreTexts, Store};
use super::words::words;
use crate::domain::content::Visibility;
use crate::domain::content::catalogue::CatalogueIndex;
use crate::engine::catalogue::{Changes, IndexedItem, InternedString, StringInterner};
use crate::foundation::{Id, Result, id};

/// So many items are read and put in at a time.
const AT_ONCE: usize = 5_000;
/// A request waits for so many changes. More, as from an import, are taken up beside it.
const WAITED_FOR: u64 = lexical::FEW as u64;

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
    lexical: Lexical,
    /// People's names, by their ids.
    names: RwLock<Names>,
    /// The number of the catalogue's next change that is not in the index.
    followed: AtomicU64,
    /// Whose turn it is to take up changes.
    turn: Mutex<()>,
}

impl Following {
    pub fn new(store: Store) -> Result<Self> {
        Ok(Self {
            store,
            lexical: Lexical::new()?,
            names: RwLock::default(),
            followed: AtomicU64::new(0),
            turn: Mutex::new(()),
        })
    }

    /// The words.
    pub fn lexical(&self) -> &Lexical {
        &self.lexical
    }

    /// The names of everybody with a credit for an item in the index. Not to be held for long.
    pub fn names(&self) -> RwLockReadGuard<'_, Names> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up what has changed on the catalogue. The first time it takes up everything.
    ///
    /// # Errors
    /// When the database or the index fails; the next call tries again.
    pub async fn follow(self: &Arc<Self>, catalogue: &CatalogueIndex) -> Result<()> {
        let (change, followed) = (
            catalogue.read().change(),
            self.followed.load(Ordering::Acquire),
        );
        if followed >= change {
            return Ok(());
        }
        if followed > 0 && change - followed > WAITED_FOR {
            let (this, catalogue) = (Arc::clone(self), catalogue.clone());
            tokio::spawn(async move {
                // Somebody who has the turn takes up the same.
                let Ok(_turn) = this.turn.try_lock() else {
                    return;
                };
                if let Err(error) = this.take_up(&catalogue).await {
                    tracing::warn!(?error, "Search could not follow the catalogue");
                }
            });
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        if self.followed.load(Ordering::Acquire) >= change {
            return Ok(());
        }
        self.take_up(catalogue).await
    }

    async fn take_up(self: &Arc<Self>, catalogue: &CatalogueIndex) -> Result<()> {
        let (until, slots) = {
            let items = catalogue.read();
            let slots = match items.changes(self.followed.load(Ordering::Acquire)) {
                Changes::Some(slots) => slots,
                Changes::All => items.iter().map(|(slot, _)| slot).collect(),
            };
            (items.change(), slots)
        };
        for slots in slots.chunks(AT_ONCE) {
            let (mut public, mut gone) = (Vec::new(), Vec::new());
            {
                let items = catalogue.read();
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
            blocking(move || this.lexical.put(items, &gone)).await?;
        }
        let this = Arc::clone(self);
        blocking(move || this.lexical.show()).await?;
        self.followed.store(until, Ordering::Release);
        Ok(())
    }

    /// Adds what is not on the catalogue, and notes the names.
    fn complete(&self, mut texts: Texts, more: MoreTexts) -> Texts {
        texts.original_title = more.original_title;
        texts.description = more.description;
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        for (person, name) in more.people {
            if names.get(&person).is_none_or(|known| *known.name != *name) {
                names.insert(person, Name::new(&name));
            }
            texts.people.push(name);
        }
        texts
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
