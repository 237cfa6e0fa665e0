//! Relay connections, written once.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::{Object, OutputType, SimpleObject, TypeName};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::foundation::Result;
use crate::foundation::page::{Cursor, Page};
use crate::graphql::number::int;

/// Position of a page in a paginated list.
#[derive(Clone, Debug, SimpleObject)]
pub struct PageInfo {
    /// Whether there are items before this page.
    pub has_previous_page: bool,
    /// Whether there are items after this page.
    pub has_next_page: bool,
    /// Cursor of the first item; null if the page is empty.
    pub start_cursor: Option<String>,
    /// Cursor of the last item; null if the page is empty.
    pub end_cursor: Option<String>,
}

/// Counts the whole list on request.
type Total = Arc<dyn Fn() -> BoxFuture<'static, Result<u64>> + Send + Sync>;

/// A page of a paginated list.
pub struct Connection<T> {
    edges: Vec<Edge<T>>,
    has_previous: bool,
    has_next: bool,
    total: Total,
}

/// An item of a paginated list and its cursor.
#[derive(Clone)]
pub struct Edge<T> {
    cursor: String,
    node: T,
}

impl<T> Connection<T> {
    /// The connection of `page`; `cursor_of` gives the cursor of an item, `total` counts the list.
    pub fn new<F>(
        page: Page<impl Into<T>>,
        cursor_of: impl Fn(&T) -> Cursor,
        total: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<u64>> + Send + 'static,
    {
        let edges = page.rows.into_iter().map(Into::into).map(|node| Edge {
            cursor: cursor_of(&node).encode(),
            node,
        });
        Self {
            edges: edges.collect(),
            has_previous: page.has_previous,
            has_next: page.has_next,
            total: Arc::new(move || total().boxed()),
        }
    }
}

impl<T: OutputType> TypeName for Connection<T> {
    fn type_name() -> Cow<'static, str> {
        Cow::Owned(format!("{}Connection", T::type_name()))
    }
}

impl<T: OutputType> TypeName for Edge<T> {
    fn type_name() -> Cow<'static, str> {
        Cow::Owned(format!("{}Edge", T::type_name()))
    }
}

/// A page of a paginated list. Pages can be requested forwards (`first`, `after`) or backwards
/// (`last`, `before`).
#[Object(name_type)]
impl<T: OutputType> Connection<T> {
    /// The items on this page, each with its cursor.
    async fn edges(&self) -> &[Edge<T>] {
        &self.edges
    }

    /// The items on this page, without their cursors.
    async fn nodes(&self) -> Vec<&T> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// Cursors of this page, and whether there are other pages.
    async fn page_info(&self) -> PageInfo {
        PageInfo {
            has_previous_page: self.has_previous,
            has_next_page: self.has_next,
            start_cursor: self.edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: self.edges.last().map(|edge| edge.cursor.clone()),
        }
    }

    /// Number of items in the whole list, across all pages. Computed only if requested.
    async fn total_count(&self) -> async_graphql::Result<i32> {
        Ok(int((self.total)().await?))
    }
}

/// An item of a paginated list and its cursor.
#[Object(name_type)]
impl<T: OutputType> Edge<T> {
    /// Opaque position of the item in the list. Pass it as `after` or `before` to fetch the items
    /// that follow or precede it.
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The item at this position.
    async fn node(&self) -> &T {
        &self.node
    }
}

/// Declares the input for the order of a list: a field and a direction. It converts to the field of
/// the domain and whether the order is ascending.
#[macro_export]
#[doc(hidden)]
macro_rules! __order_input {
    ($(#[$doc:meta])* $name:ident($field:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, async_graphql::InputObject)]
        pub struct $name {
            /// The field to order by.
            pub field: $crate::graphql::enums::Enum<$field>,
            /// Direction of the order. Items without a value come last in both directions.
            #[graphql(default)]
            pub direction: $crate::graphql::filter::OrderDirection,
        }

        impl From<$name> for ($field, bool) {
            fn from(order: $name) -> Self {
                (order.field.0, order.direction.ascending())
            }
        }
    };
}

pub use crate::__order_input as order_input;
