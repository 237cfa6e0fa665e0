//! From parameters through the guard to an isolated execution: time limit, panics, dropped clients.

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_graphql::{Response, parser::types::OperationType};
use futures::FutureExt;
use tokio::time::timeout_at;
use tracing::Instrument;

use super::{
    Endpoint, ExecutionContext, HttpRequestContext, Run, params::Params, respond::Refusal,
};
use crate::graphql::{
    errors::{MASKED, codes, request_error},
    guard::{self, ReadyOperation},
};

/// A request after the guard.
pub(super) enum Prepared<V> {
    /// Refused by the guard.
    Refused(guard::Errors),
    /// Ready to execute.
    Ready(Box<(ReadyOperation, ExecutionContext<V>)>),
}

impl<V: Clone + Send + Sync + 'static> Endpoint<V> {
    /// Finds the document of one request and guards it.
    ///
    /// A `Refusal` is for what is not a GraphQL request at all; what the guard finds wrong is
    /// an answer like any other.
    pub(super) async fn prepare(
        &self,
        mut params: Params,
        http_request: &HttpRequestContext<V>,
        batch: usize,
    ) -> Result<Prepared<V>, Refusal> {
        let may_execute_untrusted = (self.may_execute_untrusted)(&http_request.viewer);
        let found = match self
            .persisted
            .find(&mut params, may_execute_untrusted)
            .await?
        {
            Ok(found) => found,
            Err(errors) => return Ok(Prepared::Refused(errors)),
        };
        let name = params.operation_name.as_deref();
        let ready = self.documents.ready(&found.source, name, &params.variables);
        let operation = match ready {
            Ok(operation) => operation,
            Err(errors) => return Ok(Prepared::Refused(errors)),
        };
        if let Err(message) = self.check_cost(operation.cost) {
            return Ok(Prepared::Refused(vec![guard::too_complex(message)]));
        }
        if let Some(hash) = found.keep_as {
            self.persisted.keep(hash, found.source).await;
        }
        let kind = operation.canonical.kind;
        if http_request.by_get && kind == OperationType::Mutation {
            return Err(Refusal::mutation_by_get());
        }
        let uses = usize::try_from(operation.canonical.variable_uses).unwrap_or(usize::MAX);
        if !params.variables.is_empty()
            && uses.saturating_mul(http_request.bytes) > self.documents.limits().variable_bytes
        {
            let error = guard::too_complex("large variables are used too often");
            return Ok(Prepared::Refused(vec![error]));
        }
        let execution = ExecutionContext {
            viewer: http_request.viewer.clone(),
            request_id: http_request.request_id.clone(),
            kind,
            batch,
            deadline: http_request.deadline,
        };
        Ok(Prepared::Ready(Box::new((operation, execution))))
    }
}

impl<V: Send + Sync + 'static> Prepared<V> {
    pub(super) fn ready(&self) -> Option<(&ReadyOperation, &ExecutionContext<V>)> {
        match self {
            Self::Refused(_) => None,
            Self::Ready(ready) => Some((&ready.0, &ready.1)),
        }
    }

    pub(super) fn auth_mutations(&self) -> u32 {
        match self {
            Self::Refused(_) => 0,
            Self::Ready(ready) => ready.0.canonical.auth_mutations,
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
        let (operation, execution) = match self {
            Self::Refused(errors) => return Response::from_errors(errors),
            Self::Ready(ready) => *ready,
        };
        let request = operation.into_request();
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
