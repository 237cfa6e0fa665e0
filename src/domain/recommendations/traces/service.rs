//! Reading traces, and making lists again from them.

use rustc_hash::FxHashSet;

use super::model::{Exclusion, ReplayedTrace, Trace, TraceFilter};
use crate::domain::auth::{Scope, Viewer};
use crate::domain::embeddings::VectorTable;
use crate::domain::recommendations::service::{RecommendationService, may_read};
use crate::engine::history::dot;
use crate::engine::recording::Changes;
use crate::engine::source::Source;
use crate::foundation::page::{Page, Window};
use crate::foundation::{Id, Refusal, Result, id};

/// The most items that a replay may exclude.
const MAX_EXCLUDED: usize = 1_000;

impl RecommendationService {
    /// The trace of a stored list.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for a list that there is not, or not for this viewer: lists are for their users,
    /// admins, and API keys with the scope `RECOMMENDATIONS_READ`.
    pub async fn trace(&self, viewer: &Viewer, id: Id<id::List>) -> Result<Trace> {
        let list = self.store.find(id).await?;
        let list = list.filter(|list| may_read(viewer, list));
        Trace::new(list.ok_or(Refusal::NotFound { thing: "list" })?)
    }

    /// One page of the traces that match, the newest first. Who names no user gets their own, an admin those of
    /// all users.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`] and [`crate::foundation::Error::Forbidden`] for the lists
    /// of others, [`Refusal::InvalidInput`] for a cursor of something else.
    pub async fn traces(
        &self,
        viewer: &Viewer,
        filter: &TraceFilter,
        window: &Window,
    ) -> Result<Page<Trace>> {
        let filter = within_reach(viewer, filter)?;
        let lists = self.store.traced(&filter, window).await?;
        let traces = lists.into_iter().map(Trace::new).collect::<Result<_>>()?;
        Ok(Page::cut(window, traces))
    }

    /// How many traces [`RecommendationService::traces`] lists in all.
    ///
    /// # Errors
    /// As [`RecommendationService::traces`].
    pub async fn count_traces(&self, viewer: &Viewer, filter: &TraceFilter) -> Result<u64> {
        self.store
            .count_traced(&within_reach(viewer, filter)?)
            .await
    }

    /// Why an item is not in a stored list, or where in it it is.
    ///
    /// # Errors
    /// As [`RecommendationService::trace`]; [`Refusal::Conflict`] where it is not known what the list was
    /// made of.
    pub async fn why_not(
        &self,
        viewer: &Viewer,
        list: Id<id::List>,
        content: Id<id::Content>,
    ) -> Result<Exclusion> {
        let trace = self.trace(viewer, list).await?;
        let served = self.store.served(list).await?;
        trace.exclusion(content, &served)
    }

    /// A stored list made again from what was stored with it, with some of its inputs changed. Stores nothing.
    ///
    /// # Errors
    /// As [`RecommendationService::why_not`]; [`Refusal::InvalidInput`] for a number out of range, a source that
    /// is named twice, and too many items.
    pub async fn replay(
        &self,
        viewer: &Viewer,
        list: Id<id::List>,
        changes: &Changes,
    ) -> Result<ReplayedTrace> {
        check(changes)?;
        let trace = self.trace(viewer, list).await?;
        let diversity = changes.diversity.unwrap_or(trace.request.diversity);
        // The items at the head may be others than those whose similarity is stored.
        let vectors = if *changes != Changes::default() && diversity > 0.0 {
            let candidates = trace.candidates();
            let ids: Vec<_> = candidates
                .iter()
                .map(|candidate| candidate.content)
                .collect();
            self.embeddings.vectors(&ids).await?
        } else {
            VectorTable::default()
        };
        let similarity = |a: Id<id::Content>, b: Id<id::Content>| {
            let both = vectors.get(&a).zip(vectors.get(&b));
            both.map_or(0.0, |(a, b)| dot(a, b))
        };
        trace.replay(changes, &similarity)
    }
}

/// The filter as far as the viewer may see.
fn within_reach(viewer: &Viewer, filter: &TraceFilter) -> Result<TraceFilter> {
    let user = match filter.user {
        Some(user) => {
            viewer.may_act_for(user, Scope::RecommendationsRead)?;
            Some(user)
        }
        None if viewer.is_admin() => None,
        None => Some(viewer.signed_in()?),
    };
    Ok(TraceFilter { user, ..*filter })
}

fn check(changes: &Changes) -> Result<()> {
    let require = |good: bool, argument: &str, message: &str| match good {
        true => Ok(()),
        false => Err(Refusal::invalid(argument, message)),
    };
    let named: FxHashSet<Source> = changes.weights.iter().map(|(source, _)| *source).collect();
    require(
        named.len() == changes.weights.len(),
        "weights",
        "a source has one weight",
    )?;
    let in_range = |(_, weight): &(Source, f32)| (0.0..=1.0).contains(weight);
    require(
        changes.weights.iter().all(in_range),
        "weights",
        "a weight is between 0 and 1",
    )?;
    require(
        changes.without.len() <= Source::ALL.len(),
        "withoutSources",
        "each source is named once",
    )?;
    require(
        changes.exclude.len() <= MAX_EXCLUDED,
        "exclude",
        &format!("at most {MAX_EXCLUDED} items"),
    )?;
    for (argument, value) in [
        ("diversity", changes.diversity),
        ("minScore", changes.min_score),
    ] {
        require(
            value.is_none_or(|value| (0.0..=1.0).contains(&value)),
            argument,
            &format!("`{argument}` is between 0 and 1"),
        )?;
    }
    Ok(())
}
