//! The catalogue in memory: what filters, lists and search ask of an item, without a statement.
//!
//! A catalogue is read whole once and then follows the database by the transactions that wrote to it
//! (`changed_in`). What this process writes shows at once, what others write within a second. Each
//! item has a slot, a small number that it keeps while the process lives; other structures in memory
//! (vectors, the words of search) are kept by slot.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tokio::sync::{Mutex, OnceCell};

use super::store::Store;
use crate::engine::catalogue::Catalogue;
use crate::foundation::Result;
use crate::platform::cache::{Cache, Tag};

/// How often a catalogue looks for what other processes wrote.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The catalogue of one schema. Cloning it is cheap.
#[derive(Clone)]
pub struct CatalogueIndex {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    cache: Cache,
    items: RwLock<Catalogue>,
    loaded: OnceCell<()>,
    /// The oldest transaction that may still be missing; one reader at a time.
    watermark: Mutex<u64>,
}

impl CatalogueIndex {
    pub(super) fn new(store: Store, cache: Cache) -> Self {
        let inner = Inner {
            store,
            cache,
            items: RwLock::default(),
            loaded: OnceCell::new(),
            watermark: Mutex::new(0),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// What is on the catalogue now. Never hold it across an `await`.
    pub fn read(&self) -> RwLockReadGuard<'_, Catalogue> {
        let items = self.inner.items.read();
        items.unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills the catalogue at the first call, and costs nothing from then on.
    pub(super) async fn load(&self) -> Result<()> {
        self.inner
            .loaded
            .get_or_try_init(async || {
                self.catch_up().await?;
                self.keep_up();
                Ok(())
            })
            .await
            .copied()
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
        let next = store
            .changes(*watermark, |row| {
                // Row by row, so that readers wait no longer than one row takes.
                let items = self.inner.items.write();
                items.unwrap_or_else(PoisonError::into_inner).put(row);
            })
            .await?;
        *watermark = next;
        // The first reading is of what was there before.
        if !first && self.read().change() != before {
            // After the catalogue: what is computed from here on sees what was written.
            self.inner.cache.changed(&[Tag::Catalogue]);
        }
        Ok(())
    }

    /// Takes up what this process just wrote, if anybody uses the catalogue, and lets nobody have what
    /// was computed before. A failure is left to the next look: the write itself is done.
    pub(super) async fn written(&self) {
        if self.inner.loaded.initialized()
            && let Err(error) = self.catch_up().await
        {
            tracing::warn!(?error, "The catalogue in memory could not follow a write");
        }
        self.inner.cache.changed(&[Tag::Catalogue]);
    }

    fn keep_up(&self) {
        let inner = Arc::downgrade(&self.inner);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                // Whoever held the schema is gone, and so is the need to follow it.
                let Some(inner) = inner.upgrade() else {
                    return;
                };
                if inner.store.closed() {
                    return;
                }
                if let Err(error) = (Self { inner }).catch_up().await {
                    tracing::warn!(?error, "The catalogue in memory could not be renewed");
                }
            }
        });
    }
}
