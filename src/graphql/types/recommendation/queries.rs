//! Queries about recommendations.

use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use super::controls::{BoostInput, Controls, PinInput};
use super::item::RecommendationSource;
use super::list::{RecommendationContext, RecommendationList};
use crate::foundation::page::Window;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::types::content::ContentFilterInput;

/// Queries about recommendations.
#[derive(Clone, Copy, Default)]
pub struct RecommendationQuery;

/// Queries about recommendations.
#[Object]
#[expect(
    clippy::too_many_arguments,
    reason = "each is an argument of the field of that name"
)]
impl RecommendationQuery {
    /// What to take next: a list drawn afresh, or a later page of the list that `after` belongs
    /// to. What the user has already taken is left out. Those of whom nothing is known get what
    /// is popular, then what is new.
    #[graphql(complexity = "10 + first.unwrap_or(20).clamp(1, 100) as usize * child_complexity")]
    async fn recommendations(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "For whom: the viewer where left out. Others are for admins, and apps with the scope RECOMMENDATIONS_READ."
        )]
        user_id: Option<Id<id::User>>,
        #[graphql(
            desc = "For what occasion.",
            default_with = "RecommendationContext::Feed"
        )]
        context: RecommendationContext,
        #[graphql(desc = "For SIMILAR: like this item.")] content_id: Option<Id<id::Content>>,
        #[graphql(desc = "For SEARCH: what to look for, 1 to 500 characters.")] query: Option<
            String,
        >,
        #[graphql(desc = "So many, 1 to 100; 20 where left out.")] first: Option<i32>,
        #[graphql(
            desc = "Only those behind this cursor, from the same list. The list stays as it was drawn, whatever is asked beside the cursor."
        )]
        after: Option<String>,
        #[graphql(desc = "Only items that fit.")] filter: Option<ContentFilterInput>,
        #[graphql(desc = "Items that count more, or less; at most 10.")] boost: Option<
            Vec<BoostInput>,
        >,
        #[graphql(desc = "None of these; at most 1,000.")] exclude: Option<Vec<Id<id::Content>>>,
        #[graphql(desc = "These at these ranks; at most 20.")] pin: Option<Vec<PinInput>>,
        #[graphql(
            desc = "How much unlikeness counts against fit among the first 200 items: 0, where left out, not at all; 1 alone."
        )]
        diversity: Option<f64>,
        #[graphql(desc = "No item that scores less, 0 to 1; 0 where left out.")] min_score: Option<
            f64,
        >,
        #[graphql(
            desc = "What fills a list that is too short, in this order: of POPULAR, NEW and ANY; all three where left out, nothing if empty."
        )]
        fallback: Option<Vec<RecommendationSource>>,
    ) -> Result<RecommendationList> {
        let window = Window::read(first, after, None, None)?;
        let viewer = ctx.viewer();
        let user = match user_id {
            Some(user) => user,
            None => viewer.signed_in()?,
        };
        let service = &ctx.services().recommendations;
        let ask = Controls {
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
        };
        let page = service
            .recommend(viewer, user, &ask.into(), &window)
            .await?;
        Ok(RecommendationList(Arc::new(page)))
    }

    /// A list that was drawn before; null if there is none of this id, or not for this viewer.
    #[graphql(complexity = "10 + first.unwrap_or(20).clamp(1, 100) as usize * child_complexity")]
    async fn recommendation_list(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] id: Id<id::List>,
        #[graphql(desc = "So many, 1 to 100; 20 where left out.")] first: Option<i32>,
        #[graphql(desc = "Only those behind this cursor.")] after: Option<String>,
    ) -> Result<Option<RecommendationList>> {
        let window = Window::read(first, after, None, None)?;
        let service = &ctx.services().recommendations;
        let page = service.list(ctx.viewer(), id, &window).await?;
        Ok(page.map(|page| RecommendationList(Arc::new(page))))
    }
}
