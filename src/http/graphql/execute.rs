//! From parameters through the guard to an isolated execution: time limit, panics, dropped clients.

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_graphql::{Extensions, Request, Response, Variables, parser::types::OperationType};
use futures::FutureExt;
use tokio::time::timeout_at;
use tracing::Instrument;

use super::{
    Endpoint, ExecutionContext, HttpRequestContext, Run, params::Params, respond::Refusal,
};
use crate::graphql::{
    errors::{MASKED, codes, request_error},
    guard::{Checked, GuardRefusal, operation},
};

/// The operation that a client requests. It becomes a [`Request`] of async-graphql only when it is executed:
/// that copies the document, which a cached response does not need.
#[derive(Debug)]
pub struct OperationRequest {
    source: String,
    extensions: Extensions,
    /// The operation to run.
    pub operation_name: Option<String>,
    /// The values of the variables.
    pub variables: Variables,
}

impl OperationRequest {
    pub(super) fn into_request(self, checked: &Checked) -> Request {
        let mut request = Request::new(self.source).variables(self.variables);
        request.operation_name = self.operation_name;
        request.extensions = self.extensions;
        request.set_parsed_query(checked.document.clone());
        request
    }
}

/// A request after the guard.
pub(super) enum Prepared<V> {
    /// Refused by the guard.
    Refused(Box<GuardRefusal>),
    /// Ready to execute.
    Ready(Box<(OperationRequest, ExecutionContext<V>)>),
}

impl<V: Clone + Send + Sync + 'static> Endpoint<V> {
    /// Guards one request.
    ///
    /// A `Refusal` is for what is not a GraphQL request at all; what the guard finds wrong is
    /// an answer like any other.
    pub(super) fn prepare(
        &self,
        params: Params,
        http_request: &HttpRequestContext<V>,
        batch: usize,
    ) -> Result<Prepared<V>, Refusal> {
        let Some(source) = params.query else {
            return Err(Refusal::bad_request("`query` is missing"));
        };
        let checked = match self.documents.check(&source) {
            Ok(checked) => checked,
            Err(refusal) => return Ok(Prepared::Refused(Box::new(refusal))),
        };
        let name = params.operation_name.as_deref();
        let selected = operation::select(&checked.document, name);
        let kind = selected.map_or(OperationType::Query, |operation| operation.ty);
        if http_request.by_get && kind == OperationType::Mutation {
            return Err(Refusal::mutation_by_get());
        }
        if let Some(operation) = selected
            && let Err(refusal) = operation::check_variables(operation, &params.variables)
        {
            return Ok(Prepared::Refused(Box::new(refusal)));
        }
        let uses = usize::try_from(checked.variable_uses).unwrap_or(usize::MAX);
        if !params.variables.is_empty()
            && uses.saturating_mul(http_request.bytes) > self.documents.limits().variable_bytes
        {
            let refusal = GuardRefusal::too_complex("large variables are used too often");
            return Ok(Prepared::Refused(Box::new(refusal)));
        }

        let operation_request = OperationRequest {
            source,
            operation_name: params.operation_name,
            variables: params.variables,
            extensions: params.extensions,
        };
        let execution = ExecutionContext {
            viewer: http_request.viewer.clone(),
            request_id: http_request.request_id.clone(),
            checked,
            kind,
            batch,
            deadline: http_request.deadline,
        };
        Ok(Prepared::Ready(Box::new((operation_request, execution))))
    }
}

impl<V: Send + Sync + 'static> Prepared<V> {
    pub(super) fn checked(&self) -> Option<Arc<Checked>> {
        match self {
            Self::Refused(_) => None,
            Self::Ready(ready) => Some(Arc::clone(&ready.1.checked)),
        }
    }

    pub(super) fn ready(&self) -> Option<(&OperationRequest, &ExecutionContext<V>)> {
        match self {
            Self::Refused(_) => None,
            Self::Ready(ready) => Some((&ready.0, &ready.1)),
        }
    }

    pub(super) fn auth_mutations(&self) -> u32 {
        match self {
            Self::Refused(_) => 0,
            Self::Ready(ready) => ready.1.checked.auth_mutations,
        }
    }

    pub(super) fn is_subscription(&self) -> bool {
        matches!(self, Self::Ready(ready) if ready.1.kind == OperationType::Subscription)
    }

    pub(super) fn is_mutation(&self) -> bool {
        matches!(self, Self::Ready(ready) if ready.1.kind == OperationType::Mutation)
    }

    /// Runs the request. A panic becomes a masked error and the time is limited.
    ///
    /// A query runs inside the connection's own task: when the client goes away or the time is
    /// up, it is dropped. A mutation runs in a task of its own and is never dropped half-way;
    /// when the time is up the client hears that the outcome is not known.
    pub(super) async fn execute(self, run: &Run<V>) -> Response {
        let (operation_request, execution) = match self {
            Self::Refused(refusal) => return Response::from_errors(vec![(*refusal).into()]),
            Self::Ready(ready) => *ready,
        };
        let request = operation_request.into_request(&execution.checked);
        let (deadline, mutates) = (
            execution.deadline,
            execution.kind == OperationType::Mutation,
        );
        let run = Arc::clone(run);
        let request_id = execution.request_id.clone();
        let work = AssertUnwindSafe(async move { run(request, execution).await })
            .catch_unwind()
            .map(move |outcome| {
                outcome.unwrap_or_else(|_| {
                    let request_id = request_id.as_str();
                    tracing::error!(request.id = request_id, "A resolver panicked");
                    failed(codes::INTERNAL_SERVER_ERROR, MASKED)
                })
            });
        if mutates {
            let task = tokio::spawn(work.in_current_span());
            match timeout_at(deadline, task).await {
                Ok(Ok(response)) => response,
                // Panics are caught inside, so the task was stopped with the runtime.
                Ok(Err(_)) => failed(codes::UNAVAILABLE, "the server is stopping"),
                Err(_) => failed(
                    codes::UNAVAILABLE,
                    "the time is up; the mutation may still take effect, so look before you repeat it",
                ),
            }
        } else {
            timeout_at(deadline, work)
                .await
                .unwrap_or_else(|_| failed(codes::UNAVAILABLE, "the time is up"))
        }
    }
}

/// The answer of an execution that came to nothing.
pub(super) fn failed(code: &str, message: &str) -> Response {
    Response::from_errors(vec![request_error(code, message)])
}
