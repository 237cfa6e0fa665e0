//! Relay connections, written once.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::{Object, OutputType, SimpleObject, TypeName};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::foundation::Result;
use crate::foundation::page::{Cursor, Page};
use crate::graphql::number::int;

/// Where a page stands in its list.
#[derive(Clone, Debug, SimpleObject)]
pub struct PageInfo {
    /// Whether items come before this page.
    pub has_previous_page: bool,
    /// Whether items come after this page.
    pub has_next_page: bool,
    /// The cursor of the first item; null on an empty page.
    pub start_cursor: Option<String>,
    /// The cursor of the last item; null on an empty page.
    pub end_cursor: Option<String>,
}

/// Counts the whole list, when somebody asks.
type Total = Arc<dyn Fn() -> BoxFuture<'static, Result<u64>> + Send + Sync>;

/// One page of a list, and the ways on.
pub struct Connection<T> {
    edges: Vec<Edge<T>>,
    has_previous: bool,
    has_next: bool,
    total: Total,
}

/// An item at its place in the list.
#[derive(Clone)]
pub struct Edge<T> {
    cursor: String,
    node: T,
}

impl<T> Connection<T> {
    /// The connection of `page`; `index` gives an item's place, `total` counts the list.
    pub fn new<F>(
        page: Page<impl Into<T>>,
        index: impl Fn(&T) -> Cursor,
        total: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<u64>> + Send + 'static,
    {
        let edges = page.rows.into_iter().map(Into::into).map(|node| Edge {
            cursor: index(&node).encode(),
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

/// One page of a list, and the ways on.
#[Object(name_type)]
impl<T: OutputType> Connection<T> {
    /// The items of this page with their cursors.
    async fn edges(&self) -> &[Edge<T>] {
        &self.edges
    }

    /// The items of this page.
    async fn nodes(&self) -> Vec<&T> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// Where this page stands in the list.
    async fn page_info(&self) -> PageInfo {
        PageInfo {
            has_previous_page: self.has_previous,
            has_next_page: self.has_next,
            start_cursor: self.edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: self.edges.last().map(|edge| edge.cursor.clone()),
        }
    }

    /// How many items the whole list has; counted only when asked for.
    async fn total_count(&self) -> async_graphql::Result<i32> {
        Ok(int((self.total)().await?))
    }
}

/// An item at its place in a list.
#[Object(name_type)]
impl<T: OutputType> Edge<T> {
    /// The place: pass it as `after` or `before` to go on from here.
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The item.
    async fn node(&self) -> &T {
        &self.node
    }
}

/// Declares the order input of a list: by which field, and which way round. The order is read as
/// the field of the domain and whether it ascends.
#[macro_export]
#[doc(hidden)]
macro_rules! __order_input {
    ($(#[$doc:meta])* $name:ident($field:ty => $order:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, async_graphql::InputObject)]
        pub struct $name {
            /// By which field.
            pub field: $field,
            /// Which way round; items without a value come last either way.
            #[graphql(default)]
            pub direction: $crate::graphql::filter::OrderDirection,
        }

        impl From<$name> for ($order, bool) {
            fn from(order: $name) -> Self {
                (order.field.into(), order.direction.ascending())
            }
        }
    };
}

pub use crate::__order_input as order_input;
