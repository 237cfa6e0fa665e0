//! Loaders for each execution.
//!
//! An execution is one answer: that to a query or a mutation, or one event of a subscription. A
//! subscription goes on for hours, and loaders that it kept would show rows as they once were.

use std::sync::Arc;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute};
use async_graphql::{Data, Response};

use super::loaders::Loaders;
use super::loads::Loads;
use crate::domain::Services;
use crate::domain::auth::Viewer;

/// Gives each execution loaders of its own.
pub struct FreshLoaders;

impl ExtensionFactory for FreshLoaders {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for FreshLoaders {
    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        let (mut data, loads) = (Data::default(), Loads::default());
        let services = ctx.data_opt::<Arc<Services>>();
        if let Some((services, viewer)) = services.zip(ctx.data_opt::<Viewer>()) {
            data.insert(Arc::new(Loaders::new(services, viewer, &loads)));
        }
        let execution = next.run_with_data(ctx, operation_name, data);
        loads.beside(execution).await
    }
}
