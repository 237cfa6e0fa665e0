//! Operations as streams of events, for sockets and event streams.

use std::panic::AssertUnwindSafe;

use async_graphql::parser::types::{OperationType, Selection};
use async_graphql::{Response, Value};
use futures::stream::{BoxStream, once, unfold};
use futures::{FutureExt, StreamExt};

use super::execute::{Prepared, failed};
use super::{Endpoint, RequestId};
use crate::graphql::errors::{ErrorFormat, MASKED, codes, format_errors, is_request_error};
use crate::graphql::guard::{Checked, GuardRefusal, operation};

/// An event of an operation.
pub enum OperationEvent {
    /// A result.
    Next(Response),
    /// The operation could not start; no event follows.
    Refused(Response),
}

impl OperationEvent {
    /// The response of the event.
    pub fn response(&self) -> &Response {
        match self {
            Self::Next(response) | Self::Refused(response) => response,
        }
    }
}

impl<V: Clone + Send + Sync + 'static> Endpoint<V> {
    /// Executes what passed the guard: one event for a query or a mutation, many for a
    /// subscription. The errors of each are formatted. Dropping the stream ends a query or a subscription; a
    /// mutation goes on.
    pub(super) fn events(
        &self,
        prepared: Prepared<V>,
        request_id: &RequestId,
    ) -> BoxStream<'static, OperationEvent> {
        let (endpoint, request_id) = (self.clone(), request_id.clone());
        match (prepared, &self.subscriptions) {
            (Prepared::Ready(ready), Some(subscriptions))
                if ready.1.kind == OperationType::Subscription =>
            {
                let (operation_request, execution) = *ready;
                let checked = std::sync::Arc::clone(&execution.checked);
                let name = operation_request.operation_name.as_deref();
                if let Err(refusal) = check_single_field(&checked, name) {
                    let response = Response::from_errors(vec![refusal.into()]);
                    let response =
                        endpoint.with_formatted_errors(response, &request_id, Some(&checked));
                    return once(async move { OperationEvent::Refused(response) }).boxed();
                }
                let request = operation_request.into_request(&checked);
                let responses = catch_panics(
                    (subscriptions.subscribe)(request, execution),
                    request_id.clone(),
                );
                classify(responses)
                    .map(move |event| {
                        let named =
                            |one| endpoint.with_formatted_errors(one, &request_id, Some(&checked));
                        match event {
                            OperationEvent::Next(response) => OperationEvent::Next(named(response)),
                            OperationEvent::Refused(response) => {
                                OperationEvent::Refused(named(response))
                            }
                        }
                    })
                    .boxed()
            }
            (prepared, _) => once(async move {
                let response = endpoint.finish(prepared, &request_id).await;
                if is_request_error(&response) {
                    OperationEvent::Refused(response)
                } else {
                    OperationEvent::Next(response)
                }
            })
            .boxed(),
        }
    }

    /// `response` with formatted errors.
    pub(super) fn with_formatted_errors(
        &self,
        mut response: Response,
        request_id: &RequestId,
        checked: Option<&Checked>,
    ) -> Response {
        let format = ErrorFormat {
            request_id: request_id.as_str(),
            suggestions: self.settings.suggestions,
            checked,
        };
        format_errors(&mut response, format);
        response
    }
}

/// Checks that a subscription has one root field, as the specification requires. async-graphql would
/// execute several, and would ignore a root field inside a fragment.
fn check_single_field(checked: &Checked, name: Option<&str>) -> Result<(), GuardRefusal> {
    let fields = operation::select(&checked.document, name)
        .map(|operation| &operation.selection_set.node.items[..]);
    match fields {
        Some([only]) if matches!(only.node, Selection::Field(_)) => Ok(()),
        Some(_) => Err(GuardRefusal::new(
            codes::GRAPHQL_VALIDATION_FAILED,
            "a subscription selects exactly one field, and not by a fragment",
        )),
        None => Ok(()),
    }
}

/// The same responses; a panic becomes the last of them.
fn catch_panics(
    responses: BoxStream<'static, Response>,
    request_id: RequestId,
) -> BoxStream<'static, Response> {
    AssertUnwindSafe(responses)
        .catch_unwind()
        .map(move |outcome| {
            outcome.unwrap_or_else(|_| {
                let request_id = request_id.as_str();
                tracing::error!(request.id = request_id, "A subscription panicked");
                failed(codes::INTERNAL_SERVER_ERROR, MASKED)
            })
        })
        .boxed()
}

/// Distinguishes a subscription that could not start from one whose first event failed. async-graphql
/// reports both alike, but the former ends there.
fn classify(responses: BoxStream<'static, Response>) -> BoxStream<'static, OperationEvent> {
    struct State {
        responses: BoxStream<'static, Response>,
        waiting: Option<Response>,
        first: bool,
        over: bool,
    }
    let state = State {
        responses,
        waiting: None,
        first: true,
        over: false,
    };
    unfold(state, |mut state| async move {
        if state.over {
            return None;
        }
        let response = match state.waiting.take() {
            Some(waiting) => waiting,
            None => state.responses.next().await?,
        };
        let first = std::mem::replace(&mut state.first, false);
        let bare = response.data == Value::Null
            && response.errors.iter().all(|error| error.path.len() <= 1);
        if first && bare && !response.errors.is_empty() {
            match state.responses.next().now_or_never() {
                None => {}
                Some(Some(next)) => state.waiting = Some(next),
                Some(None) => {
                    state.over = true;
                    return Some((OperationEvent::Refused(response), state));
                }
            }
        }
        Some((OperationEvent::Next(response), state))
    })
    .boxed()
}
