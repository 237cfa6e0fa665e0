//! Recomputing the stored lists of users with the active model, between two trainings.

use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use futures::{StreamExt, TryStreamExt};
use rayon::prelude::*;
use rustc_hash::FxHashSet;
use uuid::Uuid;

use super::retrieve::positive_items;
use super::served_model::ServedModel;
use super::service::RecommendationService;
use crate::domain::auth::Viewer;
use crate::domain::content::catalogue::CatalogueIndex;
use crate::engine::eligibility::Rules;
use crate::engine::history::History;
use crate::foundation::{Id, Progress, ProgressObserver, Refusal, Result, id};
use crate::platform::cache::Tag;

/// The number of users computed between two writes.
const CHUNK: usize = 200;
/// The number of histories read concurrently.
const READERS: usize = 4;
/// So many users are active at most; more are computed by asking for everyone.
const MOST_ACTIVE: usize = 1_000_000;

/// The users whose lists are recomputed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshUsers {
    /// Of all who have an account or were imported.
    Everyone,
    /// Of those who did something in the last days.
    Active {
        /// In how many.
        days: u16,
    },
    /// Of these.
    These(Vec<Id<id::User>>),
}

/// The result of a refresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefreshResult {
    /// How many users were looked at.
    pub users: u64,
    /// How many of them have a list now; the others took nothing that the model knows.
    pub lists: u64,
}

/// The stored list of one user: items, scores, and what speaks for each, if anything does.
pub(super) struct Row {
    pub(super) user: Uuid,
    pub(super) items: Vec<Uuid>,
    pub(super) scores: Vec<f32>,
    pub(super) because: Vec<Uuid>,
}

impl RecommendationService {
    /// Computes the stored lists of these users anew, from what they have done up to now. `observer`
    /// receives the progress and may stop it; what was written before stays, and is good.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`] for whoever is no admin, [`Refusal::Conflict`] before
    /// the first training and when it was stopped, [`Refusal::NotFound`] for the one user that was
    /// named and is not there.
    pub async fn refresh(
        &self,
        viewer: &Viewer,
        users: RefreshUsers,
        mut observer: impl ProgressObserver,
    ) -> Result<RefreshResult> {
        viewer.admin()?;
        let Some(live) = self.served_model().await? else {
            let message = "there is no model yet; train one first";
            return Err(conflict(message));
        };
        let mut refreshed = RefreshResult::default();
        let (named, of) = match users {
            RefreshUsers::Everyone => (None, 0),
            RefreshUsers::These(users) => {
                let of = users.len() as u64;
                (Some(users), of)
            }
            RefreshUsers::Active { days } => {
                let since = self.clock.now() - TimeDelta::days(i64::from(days));
                let service = &self.interactions;
                let users = service.active_users(viewer, since, 1, MOST_ACTIVE).await?;
                let of = users.len() as u64;
                (Some(users), of)
            }
        };
        let mut last = None;
        let mut indices = 0;
        loop {
            let chunk = match &named {
                Some(users) => users.iter().skip(indices).take(CHUNK).copied().collect(),
                None => self.store.users_after(last, CHUNK).await?,
            };
            indices += chunk.len();
            last = chunk.last().copied().or(last);
            if chunk.is_empty() {
                return Ok(refreshed);
            }
            refreshed.users += chunk.len() as u64;
            refreshed.lists += self.refresh_chunk(&live, chunk).await?;
            if of == 1 && refreshed.lists == 0 {
                self.must_exist(named.as_deref().unwrap_or_default())
                    .await?;
            }
            let progress = Progress::counted("computing the lists of users", refreshed.users, of);
            if observer.observe(progress).is_break() {
                return Err(conflict("it was stopped"));
            }
        }
    }

    async fn refresh_chunk(
        &self,
        live: &Arc<ServedModel>,
        users: Vec<Id<id::User>>,
    ) -> Result<u64> {
        let histories: Vec<(Id<id::User>, History)> = futures::stream::iter(users)
            .map(async |user| {
                let history = self.profiles.history(user).await?;
                Ok::<_, foundation::Error>((user, history))
            })
            .buffer_unordered(READERS)
            .try_collect()
            .await?;
        let (model, catalogue) = (Arc::clone(live), self.content.catalogue().await?.clone());
        let now = self.clock.now();
        let keep = self.ctx.settings.recommendations.batch_size;
        // Beside the threads that answer requests: a large model takes a while for each user.
        let count = move || {
            let ineligible = ineligible(&model, &catalogue, now.date_naive());
            let rows = histories.par_iter().map(|(user, history)| {
                let out = history.excluded(now);
                let offers = |content| !out.contains(&content) && !ineligible.contains(&content);
                row(&model, *user, history, keep, offers)
            });
            rows.filter_map(Result::transpose).collect()
        };
        let rows: Result<Vec<Row>> = tokio::task::spawn_blocking(count)
            .await
            .map_err(anyhow::Error::from)?;
        let written = self.store.replace_batch(live.model, rows?).await?;
        let users: Vec<Id<id::User>> = written.iter().copied().map(Into::into).collect();
        for user in &users {
            self.ctx.cache.invalidate(&[Tag::User(*user)]);
        }
        Ok(written.len() as u64)
    }

    async fn must_exist(&self, users: &[Id<id::User>]) -> Result<()> {
        match self.store.are_there(users).await? {
            true => Ok(()),
            false => Err(Refusal::NotFound { thing: "user" }.into()),
        }
    }
}

/// What may not be offered of what the model knows. Found out before the lists are computed: a
/// thread that computes may be held up, and whoever writes to the catalogue would be held up with it.
fn ineligible(
    live: &ServedModel,
    catalogue: &CatalogueIndex,
    day: NaiveDate,
) -> FxHashSet<Id<id::Content>> {
    /// So many are looked up before somebody may write.
    const AT_ONCE: usize = 10_000;
    let of_some = |contents: &[Id<id::Content>]| {
        let catalogue = catalogue.read();
        let rules = Rules::on(day).within(&catalogue);
        let ineligible = contents
            .iter()
            .filter(|item| !rules.is_eligible_content(**item));
        ineligible.copied().collect::<Vec<_>>()
    };
    live.contents().chunks(AT_ONCE).flat_map(of_some).collect()
}

/// The list of one user; `None` for whoever likes nothing that the model knows.
fn row(
    live: &ServedModel,
    user: Id<id::User>,
    history: &History,
    keep: usize,
    offers: impl Fn(Id<id::Content>) -> bool,
) -> Result<Option<Row>> {
    let (positives, positive_items) = (history.positives(), positive_items(history));
    let entries = live.entries(&positives);
    if entries.is_empty() {
        return Ok(None);
    }
    let scored = live.scores(&entries)?;
    let offers = |item: u32| offers(live.contents()[item as usize]);
    let best = live.best(&scored, keep, offers);
    let items: Vec<_> = best.iter().map(|(content, _)| *content).collect();
    let may = |past: Id<id::Content>| positive_items.contains(&past);
    let reasons = live.reasons(&entries, &scored, &items, may)?;
    let because = |content| {
        reasons
            .get(content)
            .map_or_else(Uuid::nil, |past| past.uuid())
    };
    Ok(Some(Row {
        user: user.uuid(),
        because: items.iter().map(because).collect(),
        items: items.iter().map(|content| content.uuid()).collect(),
        scores: best.iter().map(|(_, score)| *score).collect(),
    }))
}

fn conflict(message: &str) -> foundation::Error {
    Refusal::Conflict {
        message: message.to_owned(),
    }
    .into()
}
