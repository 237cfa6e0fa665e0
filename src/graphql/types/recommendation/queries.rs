//! Queries about recommendations.

use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use super::controls::{BoostInput, Controls, PinInput};
use super::item::RecommendationSource;
use super::list::{RecommendationContext, RecommendationList};
use crate::domain::auth::Scope;
use crate::domain::recommendations::{Context as ListContext, RecommendationRequest};
use crate::foundation::page::Window;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::types::content::ContentFilterInput;
use crate::graphql::types::references::{UserReferenceInput, either};

/// Queries of recommendations.
#[derive(Clone, Copy, Default)]
pub struct RecommendationQuery;

/// Queries of recommendations.
#[Object]
#[expect(
    clippy::too_many_arguments,
    reason = "each is an argument of the field of that name"
)]
impl RecommendationQuery {
    /// Recommends items to a user. Without `after`, a new list is computed, or the list of an equal
    /// request in the last two minutes is returned if the user has not interacted with items since;
    /// with `after`, the next page of a stored list is returned. Items that the user has already
    /// consumed or rejected are excluded, as defined by `interactionWeights`, and so are
    /// unavailable items (deleted, not public, outside their rights period or out of stock).
    /// Requires the user's own session, the role ADMIN or an API key with the scope
    /// RECOMMENDATIONS_READ.
    #[graphql(complexity = "10 + first.unwrap_or(20).clamp(1, 100) as usize * child_complexity")]
    async fn recommendations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the user (default: the signed-in user). API keys must set it.")]
        user_id: Option<Id<id::User>>,
        #[graphql(desc = "The user, by ID or by an ID of your own, in place of `userId`.")]
        user: Option<UserReferenceInput>,
        #[graphql(
            desc = "The context that the list is shown in.",
            default_with = "RecommendationContext::from(ListContext::Feed)"
        )]
        context: RecommendationContext,
        #[graphql(
            desc = "ID of the item that the recommendations are similar to. Required for the context SIMILAR; not allowed otherwise."
        )]
        content_id: Option<Id<id::Content>>,
        #[graphql(
            desc = "Search query, 1–500 characters. Required for the context SEARCH; not allowed otherwise."
        )]
        query: Option<String>,
        #[graphql(desc = "Number of items to return, 1–100 (default 20).")] first: Option<i32>,
        #[graphql(
            desc = "Return the items after this cursor, from `edges.cursor` or `pageInfo.endCursor` of an earlier page of the same list. All arguments but `userId`, `user` and `first` are then ignored."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Return only items that match this filter. Required for the context CATEGORY."
        )]
        filter: Option<ContentFilterInput>,
        #[graphql(
            desc = "Factors for the scores of matching items, at most 10. If several match an item, their factors are multiplied."
        )]
        boost: Option<Vec<BoostInput>>,
        #[graphql(desc = "IDs of items that are not returned, at most 1,000.")] exclude: Option<
            Vec<Id<id::Content>>,
        >,
        #[graphql(desc = "Items that are placed at fixed ranks, at most 20.")] pin: Option<
            Vec<PinInput>,
        >,
        #[graphql(
            desc = "Weight of diversity relative to relevance when the first 200 items are ordered (maximal marginal relevance), 0–1 (default 0: by relevance only)."
        )]
        diversity: Option<f64>,
        #[graphql(desc = "Minimum score of returned items, 0–1 (default 0).")] min_score: Option<
            f64,
        >,
        #[graphql(
            desc = "Sources that fill a list with too few items, in this order: any of POPULAR, NEW and ANY (default: all three in that order, and none in the context SEARCH). An empty list disables fallbacks."
        )]
        fallback: Option<Vec<RecommendationSource>>,
    ) -> Result<Option<RecommendationList>> {
        let window = Window::read(first, after, None, None)?;
        let viewer = ctx.viewer();
        let user = user.map(|user| user.read(ctx)).transpose()?;
        let user = either(user_id, user, "user")?;
        let users = &ctx.services().users;
        let scope = Scope::RecommendationsRead;
        let user = users.resolve(viewer, user.as_ref(), scope).await?;
        let service = &ctx.services().recommendations;
        let request: RecommendationRequest = Controls {
            context,
            like: content_id,
            query,
            filter,
            boost,
            exclude,
            pin,
            diversity,
            min_score,
            fallback,
        }
        .try_into()?;
        let page = service.recommend(viewer, user, &request, &window).await?;
        if !page.stored {
            // Nor is the answer kept.
            ctx.insert_http_header("cache-control", "no-store");
        }
        Ok(Some(RecommendationList(Arc::new(page))))
    }

    /// Fetches a recommendation list that was computed before. Null if it does not exist or the
    /// viewer may not read it. Requires the session of the list's user, the role ADMIN or an API
    /// key with the scope RECOMMENDATIONS_READ.
    #[graphql(complexity = "10 + first.unwrap_or(20).clamp(1, 100) as usize * child_complexity")]
    async fn recommendation_list(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the recommendation list.")] id: Id<id::List>,
        #[graphql(desc = "Number of items to return, 1–100 (default 20).")] first: Option<i32>,
        #[graphql(
            desc = "Return the items after this cursor, from `edges.cursor` or `pageInfo.endCursor` of an earlier page."
        )]
        after: Option<String>,
    ) -> Result<Option<RecommendationList>> {
        let window = Window::read(first, after, None, None)?;
        let service = &ctx.services().recommendations;
        let page = service.list(ctx.viewer(), id, &window).await?;
        Ok(page.map(|page| RecommendationList(Arc::new(page))))
    }
}
