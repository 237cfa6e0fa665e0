//! The model of a kind that is served, as this process has it in memory.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::ModelKind;
use crate::domain::SchemaContext;
use crate::foundation::{Clock, Error, Result};
use crate::platform::cache::{Cache, Tag};

/// After how long it is asked whether another process has taken a model into service.
const POLL_INTERVAL: TimeDelta = TimeDelta::seconds(1);
/// Those who ask first wait so long for the model, counted from the first of them; then the answer
/// is at once that there is none yet.
const FIRST_WITHIN: Duration = Duration::from_secs(5);
/// After a first reading that failed the next one waits so long, each time twice as long as the
/// time before.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Follows which model of a kind is served and keeps it, read once. What is kept of a model is a `T`.
pub struct Served<T> {
    kind: ModelKind,
    clock: Clock,
    cache: Cache,
    latest: RwLock<Option<Latest<T>>>,
    /// Whose turn it is to look.
    turn: Arc<Mutex<()>>,
    /// When somebody asked first.
    asked_at: OnceLock<Instant>,
    /// That the first reading failed, while it does.
    failed: RwLock<Option<Failed>>,
}

/// A first reading that failed.
#[derive(Clone, Copy)]
struct Failed {
    /// Before then it is not tried again.
    again_at: Instant,
    pause: Duration,
}

/// What is served of a kind.
#[derive(Debug)]
pub enum Found<T> {
    /// This model.
    Model(Arc<T>),
    /// None, since none was trained.
    None,
    /// It is not known yet: a large model is still being read after a start, or cannot be read at
    /// present.
    Opening,
}

impl<T> Found<T> {
    /// The model, if there is one to use.
    pub fn model(self) -> Option<Arc<T>> {
        match self {
            Self::Model(model) => Some(model),
            Self::None | Self::Opening => None,
        }
    }

    fn of(model: Option<Arc<T>>) -> Self {
        model.map_or(Self::None, Self::Model)
    }
}

/// When it was looked, and what there was.
pub struct Latest<T> {
    /// When it was looked.
    pub polled_at: DateTime<Utc>,
    /// What was served; `None` where nothing was.
    pub model: Option<Arc<T>>,
}

impl<T> Clone for Latest<T> {
    fn clone(&self) -> Self {
        Self {
            polled_at: self.polled_at,
            model: self.model.clone(),
        }
    }
}

impl<T: Send + Sync + 'static> Served<T> {
    /// Knows of no model yet.
    pub fn new(ctx: &SchemaContext, kind: ModelKind) -> Arc<Self> {
        Arc::new(Self {
            kind,
            clock: ctx.clock.clone(),
            cache: ctx.cache.clone(),
            latest: RwLock::default(),
            turn: Arc::default(),
            asked_at: OnceLock::new(),
            failed: RwLock::default(),
        })
    }

    /// The model that is served; `None` before the first training, and while a large one is still
    /// being read after a start. See [`Served::find`], which tells the two apart.
    ///
    /// # Errors
    /// Those of [`Served::find`].
    pub async fn get<L, F>(self: &Arc<Self>, look: L) -> Result<Option<Arc<T>>>
    where
        L: FnOnce(Option<Latest<T>>) -> F + Send + 'static,
        F: Future<Output = Result<Option<Arc<T>>>> + Send + 'static,
    {
        self.find(look).await.map(Found::model)
    }

    /// The model that is served, as far as it is known.
    ///
    /// Every second somebody who asks makes the process `look` for a newer one, which is read
    /// behind the scenes and then takes the place of the old one whole. `look` is told what there
    /// was and answers what there is: the same, if that still is served. It runs in a task of its
    /// own, which goes on when those who asked are gone.
    ///
    /// A first look that fails is logged and tried again in a second, later in up to a minute;
    /// meanwhile the answer is [`Found::Opening`], since one model that cannot be read must not stand
    /// in the way of all the rest. Failures of later looks are logged, and what there was stays.
    ///
    /// # Errors
    /// When a look panics.
    pub async fn find<L, F>(self: &Arc<Self>, look: L) -> Result<Found<T>>
    where
        L: FnOnce(Option<Latest<T>>) -> F + Send + 'static,
        F: Future<Output = Result<Option<Arc<T>>>> + Send + 'static,
    {
        let this = Arc::clone(self);
        if let Some(latest) = self.latest() {
            if self.clock.now() - latest.polled_at >= POLL_INTERVAL
                && let Ok(turn) = Arc::clone(&self.turn).try_lock_owned()
            {
                tokio::spawn(async move {
                    if let Err(error) = this.look(look).await {
                        let kind = this.kind.as_str();
                        tracing::warn!(?error, kind, "Whether there is a newer model is not known");
                    }
                    drop(turn);
                });
            }
            return Ok(Found::of(latest.model));
        }
        if self.rests() {
            return Ok(Found::Opening);
        }
        let asked_at = *self.asked_at.get_or_init(Instant::now);
        if asked_at.elapsed() >= FIRST_WITHIN && self.turn.try_lock().is_err() {
            return Ok(Found::Opening); // it is still being read
        }
        // In a task of its own: a large model is read on while those who asked go on without it.
        let first = tokio::spawn(async move {
            let _turn = this.turn.lock().await;
            match this.latest() {
                Some(latest) => Ok(Found::of(latest.model)),
                // Somebody else has just tried.
                None if this.rests() => Ok(Found::Opening),
                None => Ok(this.first_look(look).await),
            }
        });
        match tokio::time::timeout(FIRST_WITHIN, first).await {
            Ok(found) => found.map_err(|panicked| Error::Internal(panicked.into()))?,
            Err(_) => Ok(Found::Opening),
        }
    }

    /// Whether a first reading failed so lately that it is not tried again yet.
    fn rests(&self) -> bool {
        let failed = self.failed.read().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|failed| Instant::now() < failed.again_at)
    }

    async fn first_look<L, F>(&self, look: L) -> Found<T>
    where
        L: FnOnce(Option<Latest<T>>) -> F,
        F: Future<Output = Result<Option<Arc<T>>>>,
    {
        let looked = self.look(look).await;
        let mut failed = self.failed.write().unwrap_or_else(PoisonError::into_inner);
        match looked {
            Ok(model) => {
                *failed = None;
                Found::of(model)
            }
            Err(error) => {
                let pause = failed.map_or(PAUSE, |failed| (2 * failed.pause).min(LONGEST_PAUSE));
                let (kind, retry_in) = (self.kind.as_str(), pause.as_secs());
                tracing::error!(
                    ?error,
                    kind,
                    retry_in,
                    "The model that is served cannot be read"
                );
                *failed = Some(Failed {
                    again_at: Instant::now() + pause,
                    pause,
                });
                Found::Opening
            }
        }
    }

    /// Looks at once; the next [`Served::get`] answers what was found.
    ///
    /// # Errors
    /// Those of `look`; what there was then stays.
    pub async fn refresh<L, F>(&self, look: L) -> Result<Option<Arc<T>>>
    where
        L: FnOnce(Option<Latest<T>>) -> F,
        F: Future<Output = Result<Option<Arc<T>>>>,
    {
        let _turn = self.turn.lock().await;
        self.look(look).await
    }

    async fn look<L, F>(&self, look: L) -> Result<Option<Arc<T>>>
    where
        L: FnOnce(Option<Latest<T>>) -> F,
        F: Future<Output = Result<Option<Arc<T>>>>,
    {
        // What is written from here on is for the next look.
        let (polled_at, before) = (self.clock.now(), self.latest());
        let known = before.as_ref().and_then(|latest| latest.model.clone());
        let model = look(before).await?;
        let changed = match (&known, &model) {
            (Some(known), Some(model)) => !Arc::ptr_eq(known, model),
            (known, model) => known.is_some() != model.is_some(),
        };
        let latest = Latest {
            polled_at,
            model: model.clone(),
        };
        *self.latest.write().unwrap_or_else(PoisonError::into_inner) = Some(latest);
        if changed {
            // Another process may have taken it into service.
            self.cache.invalidate(&[Tag::Model(self.kind.as_str())]);
        }
        Ok(model)
    }

    fn latest(&self) -> Option<Latest<T>> {
        let latest = self.latest.read().unwrap_or_else(PoisonError::into_inner);
        latest.clone()
    }
}
