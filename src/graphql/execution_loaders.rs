//! Data loaders for each execution.
//!
//! An execution is a query, a mutation, or one event of a subscription. A subscription runs for hours, and
//! loaders that outlive an event would return outdated rows.

use std::sync::Arc;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute};
use async_graphql::{Data, Response};

use super::batch_scheduler::BatchScheduler;
use super::loaders::Loaders;
use super::request_viewer::RequestViewer;
use crate::domain::Services;

/// Gives each execution its own loaders.
pub struct ExecutionLoaders;

impl ExtensionFactory for ExecutionLoaders {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for ExecutionLoaders {
    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        let (mut data, scheduler) = (Data::default(), BatchScheduler::default());
        let services = ctx.data_opt::<Arc<Services>>();
        if let Some((services, viewer)) = services.zip(ctx.data_opt::<Arc<RequestViewer>>()) {
            data.insert(Arc::new(Loaders::new(services, viewer, &scheduler)));
        }
        let execution = next.run_with_data(ctx, operation_name, data);
        scheduler.run(execution).await
    }
}
