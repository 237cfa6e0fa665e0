//! Operations as streams: what every transport that pushes sends on.

use std::panic::AssertUnwindSafe;

use async_graphql::parser::types::{OperationType, Selection};
use async_graphql::{Response, Value};
use futures::stream::{BoxStream, once, unfold};
use futures::{FutureExt, StreamExt};

use super::execute::{Prepared, failed};
use super::{Endpoint, RequestId};
use crate::graphql::guard::{Checked, GuardRefusal, operation};
use crate::graphql::label::{Labelling, MASKED, codes, is_request_error, label};

/// One event of an operation.
pub enum Event {
    /// A result.
    Next(Response),
    /// The operation never began; nothing follows.
    Refused(Response),
}

impl Event {
    /// The response, whichever it is.
    pub fn response(&self) -> &Response {
        match self {
            Self::Next(response) | Self::Refused(response) => response,
        }
    }
}

impl<V: Clone + Send + Sync + 'static> Endpoint<V> {
    /// Executes what passed the guard: one event for a query or a mutation, many for a
    /// subscription. Each is labelled. Dropping the stream ends a query or a subscription; a
    /// mutation goes on.
    pub(super) fn events(
        &self,
        prepared: Prepared<V>,
        request_id: &RequestId,
    ) -> BoxStream<'static, Event> {
        let (endpoint, request_id) = (self.clone(), request_id.clone());
        match (prepared, &self.push) {
            (Prepared::Ready(ready), Some(push)) if ready.1.kind == OperationType::Subscription => {
                let (asked, call) = *ready;
                let checked = std::sync::Arc::clone(&call.checked);
                let name = asked.operation_name.as_deref();
                if let Err(refusal) = one_field(&checked, name) {
                    let response = Response::from_errors(vec![refusal.into()]);
                    let response = endpoint.labelled(response, &request_id, Some(&checked));
                    return once(async move { Event::Refused(response) }).boxed();
                }
                let request = asked.into_request(&checked);
                let responses = caught((push.subscribe)(request, call), request_id.clone());
                told(responses)
                    .map(move |event| {
                        let named = |one| endpoint.labelled(one, &request_id, Some(&checked));
                        match event {
                            Event::Next(response) => Event::Next(named(response)),
                            Event::Refused(response) => Event::Refused(named(response)),
                        }
                    })
                    .boxed()
            }
            (prepared, _) => once(async move {
                let response = endpoint.finish(prepared, &request_id).await;
                if is_request_error(&response) {
                    Event::Refused(response)
                } else {
                    Event::Next(response)
                }
            })
            .boxed(),
        }
    }

    /// The same response with codes and the id of its request.
    pub(super) fn labelled(
        &self,
        mut response: Response,
        request_id: &RequestId,
        checked: Option<&Checked>,
    ) -> Response {
        let labelling = Labelling {
            request_id: request_id.as_str(),
            suggestions: self.settings.suggestions,
            checked,
        };
        label(&mut response, labelling);
        response
    }
}

/// A subscription has one root field, says the specification; the engine would run several, and
/// would run none that stands in a fragment.
fn one_field(checked: &Checked, name: Option<&str>) -> Result<(), GuardRefusal> {
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
fn caught(
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

/// Tells a subscription that could not begin from one whose first event failed. The engine says
/// both alike, but the one ends there.
fn told(responses: BoxStream<'static, Response>) -> BoxStream<'static, Event> {
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
                    return Some((Event::Refused(response), state));
                }
            }
        }
        Some((Event::Next(response), state))
    })
    .boxed()
}
