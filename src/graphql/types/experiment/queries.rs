//! Queries of experiments.

use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use super::item::{Experiment, ExperimentState};
use crate::domain::experiments::model as domain;
use crate::foundation::page::Window;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::connection::Connection;

/// Queries of experiments.
#[derive(Clone, Copy, Default)]
pub struct ExperimentQuery;

/// Queries of experiments.
#[Object]
impl ExperimentQuery {
    /// Fetches an experiment by its ID. Null if it does not exist. Requires the role ADMIN.
    async fn experiment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the experiment.")] id: Id<id::Experiment>,
    ) -> Result<Option<Experiment>> {
        let service = &ctx.services().experiments;
        Ok(service.by_id(ctx.viewer(), id).await?.map(Into::into))
    }

    /// Lists the experiments, the newest first. Requires the role ADMIN.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    async fn experiments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Return only experiments in this state (default: all experiments).")]
        state: Option<ExperimentState>,
        #[graphql(
            desc = "Number of experiments to return from the start of the list, 1–100 (default 20). Not allowed together with `last` or `before`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Return the experiments after this cursor, from `edges.cursor` or `pageInfo.endCursor`."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Number of experiments to return from the end of the list, 1–100 (default 20 if `before` is given)."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Return the experiments before this cursor, from `edges.cursor` or `pageInfo.startCursor`."
        )]
        before: Option<String>,
    ) -> Result<Option<Connection<Experiment>>> {
        let window = Window::read(first, after, last, before)?;
        let state = state.map(domain::ExperimentState::from);
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer().clone());
        let page = services.experiments.list(&viewer, state, &window).await?;
        let total = move || {
            let (services, viewer) = (Arc::clone(&services), viewer.clone());
            async move { services.experiments.count(&viewer, state).await }
        };
        let cursor = |experiment: &Experiment| experiment.0.cursor();
        Ok(Some(Connection::new(page, cursor, total)))
    }
}
