//! The handle of a served model: keeps the active model of a kind in memory and reloads it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::RwLock;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::ModelKind;
use crate::domain::SchemaContext;
use crate::foundation::{Clock, Error, Result};
use crate::platform::cache::{Cache, Tag};

/// How often to check whether another process has activated a model.
const CHECK_INTERVAL: TimeDelta = TimeDelta::seconds(1);
/// How long the first callers wait for the model, counted from the first of them; afterwards the state is
/// [`HandleState::Loading`] at once.
const FIRST_LOAD_TIMEOUT: Duration = Duration::from_secs(5);
/// The delay before a failed first load is retried; it doubles with each attempt.
const MIN_RETRY_DELAY: Duration = Duration::from_secs(1);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(60);

/// Keeps the active model of a kind in memory, as a `T`, loaded once.
pub struct ModelHandle<T> {
    kind: ModelKind,
    clock: Clock,
    cache: Cache,
    loaded: RwLock<Option<LoadedModel<T>>>,
    /// Held while a model is loaded.
    load_lock: Arc<Mutex<()>>,
    /// When the model was first requested.
    first_requested_at: OnceLock<Instant>,
    /// The last failure of the first load, until it succeeds.
    failed_load: RwLock<Option<FailedLoad>>,
}

/// A failed first load.
#[derive(Clone, Copy)]
struct FailedLoad {
    /// The earliest time of the next attempt.
    retry_at: Instant,
    delay: Duration,
}

/// The state of a [`ModelHandle`].
#[derive(Debug)]
pub enum HandleState<T> {
    /// The model is in memory.
    Ready(Arc<T>),
    /// There is no active model.
    NotTrained,
    /// The model is still being loaded after a start, or cannot be loaded at the moment.
    Loading,
}

impl<T> HandleState<T> {
    /// The model, if it is in memory.
    pub fn model(self) -> Option<Arc<T>> {
        match self {
            Self::Ready(model) => Some(model),
            Self::NotTrained | Self::Loading => None,
        }
    }

    fn of(model: Option<Arc<T>>) -> Self {
        model.map_or(Self::NotTrained, Self::Ready)
    }
}

/// The result of the last load.
pub struct LoadedModel<T> {
    /// When the active model was last checked.
    pub checked_at: DateTime<Utc>,
    /// The active model; `None` where there was none.
    pub model: Option<Arc<T>>,
}

impl<T> Clone for LoadedModel<T> {
    fn clone(&self) -> Self {
        Self {
            checked_at: self.checked_at,
            model: self.model.clone(),
        }
    }
}

impl<T: Send + Sync + 'static> ModelHandle<T> {
    /// A handle that has loaded nothing yet.
    pub fn new(ctx: &SchemaContext, kind: ModelKind) -> Arc<Self> {
        Arc::new(Self {
            kind,
            clock: ctx.clock.clone(),
            cache: ctx.cache.clone(),
            loaded: RwLock::default(),
            load_lock: Arc::default(),
            first_requested_at: OnceLock::new(),
            failed_load: RwLock::default(),
        })
    }

    /// The active model; `None` before the first training, and while the model is loaded after a start.
    /// [`ModelHandle::find`] distinguishes the two.
    ///
    /// # Errors
    /// Those of [`ModelHandle::find`].
    pub async fn get<L, F>(self: &Arc<Self>, load: L) -> Result<Option<Arc<T>>>
    where
        L: FnOnce(Option<LoadedModel<T>>) -> F + Send + 'static,
        F: Future<Output = Result<Option<Arc<T>>>> + Send + 'static,
    {
        self.find(load).await.map(HandleState::model)
    }

    /// The state of the active model.
    ///
    /// Once a second a call makes the process `load` a newer model in the background, which then replaces
    /// the old one. `load` gets the last result and returns the current one: the same `Arc`, if the model is
    /// still active. It runs in a task of its own, which continues when its callers are dropped.
    ///
    /// A first load that fails is logged and retried after a second, later after up to a minute. Meanwhile
    /// the state is [`HandleState::Loading`], since one unreadable model must not block everything else.
    /// Failures of later loads are logged, and the old model stays.
    ///
    /// # Errors
    /// When a load panics.
    pub async fn find<L, F>(self: &Arc<Self>, load: L) -> Result<HandleState<T>>
    where
        L: FnOnce(Option<LoadedModel<T>>) -> F + Send + 'static,
        F: Future<Output = Result<Option<Arc<T>>>> + Send + 'static,
    {
        let handle = Arc::clone(self);
        if let Some(loaded) = self.loaded() {
            if self.clock.now() - loaded.checked_at >= CHECK_INTERVAL
                && let Ok(load_lock) = Arc::clone(&self.load_lock).try_lock_owned()
            {
                tokio::spawn(async move {
                    if let Err(error) = handle.load(load).await {
                        let kind = handle.kind.as_str();
                        tracing::warn!(?error, kind, "A newer model cannot be checked for");
                    }
                    drop(load_lock);
                });
            }
            return Ok(HandleState::of(loaded.model));
        }
        if self.is_backing_off() {
            return Ok(HandleState::Loading);
        }
        let first_requested_at = *self.first_requested_at.get_or_init(Instant::now);
        if first_requested_at.elapsed() >= FIRST_LOAD_TIMEOUT && self.load_lock.try_lock().is_err()
        {
            return Ok(HandleState::Loading); // it is still being loaded
        }
        // In a task of its own: loading a large model continues while its callers go on without it.
        let first = tokio::spawn(async move {
            let _lock = handle.load_lock.lock().await;
            match handle.loaded() {
                Some(loaded) => Ok(HandleState::of(loaded.model)),
                // Another caller has just tried.
                None if handle.is_backing_off() => Ok(HandleState::Loading),
                None => {
                    let first = handle.first_load(load).await;
                    Ok(first.map_or(HandleState::Loading, HandleState::of))
                }
            }
        });
        match tokio::time::timeout(FIRST_LOAD_TIMEOUT, first).await {
            Ok(found) => found.map_err(|panicked| Error::Internal(panicked.into()))?,
            Err(_) => Ok(HandleState::Loading),
        }
    }

    /// The active model, loaded now if it was not yet, however long that takes: for a server that loads its models
    /// before it is asked. Runs in a task of its own, as [`ModelHandle::find`].
    ///
    /// # Errors
    /// Those of `load`, and when it panics.
    pub async fn preload<L, F>(self: &Arc<Self>, load: L) -> Result<Option<Arc<T>>>
    where
        L: FnOnce(Option<LoadedModel<T>>) -> F + Send + 'static,
        F: Future<Output = Result<Option<Arc<T>>>> + Send + 'static,
    {
        let handle = Arc::clone(self);
        let first = tokio::spawn(async move {
            let _lock = handle.load_lock.lock().await;
            match handle.loaded() {
                Some(loaded) => Ok(loaded.model),
                None => handle.first_load(load).await,
            }
        });
        first
            .await
            .map_err(|panicked| Error::Internal(panicked.into()))?
    }

    /// Whether the first load failed so recently that it is not retried yet.
    fn is_backing_off(&self) -> bool {
        let failed_load = self.failed_load.read();
        failed_load.is_some_and(|failed_load| Instant::now() < failed_load.retry_at)
    }

    async fn first_load<L, F>(&self, load: L) -> Result<Option<Arc<T>>>
    where
        L: FnOnce(Option<LoadedModel<T>>) -> F,
        F: Future<Output = Result<Option<Arc<T>>>>,
    {
        let result = self.load(load).await;
        let mut failed_load = self.failed_load.write();
        match &result {
            Ok(_) => *failed_load = None,
            Err(error) => {
                let delay = failed_load.map_or(MIN_RETRY_DELAY, |failed_load| {
                    (2 * failed_load.delay).min(MAX_RETRY_DELAY)
                });
                let (kind, retry_in) = (self.kind.as_str(), delay.as_secs());
                tracing::error!(?error, kind, retry_in, "The active model cannot be loaded");
                *failed_load = Some(FailedLoad {
                    retry_at: Instant::now() + delay,
                    delay,
                });
            }
        }
        drop(failed_load);
        result
    }

    /// Loads at once; the next [`ModelHandle::get`] returns the result.
    ///
    /// # Errors
    /// Those of `load`; what there was then stays.
    pub async fn refresh<L, F>(&self, load: L) -> Result<Option<Arc<T>>>
    where
        L: FnOnce(Option<LoadedModel<T>>) -> F,
        F: Future<Output = Result<Option<Arc<T>>>>,
    {
        let _lock = self.load_lock.lock().await;
        self.load(load).await
    }

    async fn load<L, F>(&self, load: L) -> Result<Option<Arc<T>>>
    where
        L: FnOnce(Option<LoadedModel<T>>) -> F,
        F: Future<Output = Result<Option<Arc<T>>>>,
    {
        // Changes from here on are for the next load.
        let (checked_at, before) = (self.clock.now(), self.loaded());
        let known = before.as_ref().and_then(|loaded| loaded.model.clone());
        let model = load(before).await?;
        let changed = match (&known, &model) {
            (Some(known), Some(model)) => !Arc::ptr_eq(known, model),
            (known, model) => known.is_some() != model.is_some(),
        };
        let loaded = LoadedModel {
            checked_at,
            model: model.clone(),
        };
        *self.loaded.write() = Some(loaded);
        if changed {
            // Another process may have activated it.
            self.cache.invalidate(&[Tag::Model(self.kind.as_str())]);
        }
        Ok(model)
    }

    fn loaded(&self) -> Option<LoadedModel<T>> {
        self.loaded.read().clone()
    }
}
