//! Operations as streams of events, for sockets and event streams.

use std::panic::AssertUnwindSafe;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response, Value};
use futures::stream::{BoxStream, once, unfold};
use futures::{FutureExt, StreamExt};

use super::execute::{Prepared, failed};
use super::{Endpoint, RequestId};
use crate::graphql::errors::{ErrorFormat, MASKED, codes, format_errors, is_request_error};

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
                let (operation, execution) = *ready;
                let request = operation.into_request();
                let responses = catch_panics(
                    (subscriptions.subscribe)(request, execution),
                    request_id.clone(),
                );
                classify(responses)
                    .map(move |event| {
                        let named = |one| endpoint.with_formatted_errors(one, &request_id);
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
    ) -> Response {
        let format = ErrorFormat {
            request_id: request_id.as_str(),
            suggestions: self.settings.suggestions,
        };
        format_errors(&mut response, format);
        response
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
