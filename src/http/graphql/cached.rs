//! Answers that are kept, and given again without an execution.

use axum::http::HeaderMap;
use axum::response::Response as HttpResponse;

use super::execute::Prepared;
use super::limits::{self, Wanted};
use super::negotiate::MediaType;
use super::respond::{self, Refusal, single};
use super::{CacheSlot, Endpoint, RequestId};
use crate::domain::caching::model::CachedResponse;
use crate::foundation::Error;

impl<V: Clone + Send + Sync + 'static> Endpoint<V> {
    /// Answers from the cache, or executes and caches a response without errors. A request that waited in
    /// vain for the execution of another one executes too. `shared` has the headers of a request whose response
    /// caches on the way may share.
    pub(super) async fn cached(
        &self,
        slot: CacheSlot,
        prepared: Prepared<V>,
        viewer: &V,
        request_id: &RequestId,
        media: MediaType,
        shared: Option<&HeaderMap>,
    ) -> HttpResponse {
        let mut waiting = Some(prepared);
        let mut other = None;
        let execute = async {
            let Some(prepared) = waiting.take() else {
                return Err(not_cacheable());
            };
            let response = match self.charge(viewer, Wanted::of(&prepared)).await {
                Ok(_) => self.finish(prepared, request_id).await,
                Err(refusal) => self.with_formatted_errors(limits::refused(refusal), request_id),
            };
            match respond::cacheable_body(&response) {
                Some(body) => Ok(CachedResponse { body }),
                None => {
                    other = Some(response);
                    Err(not_cacheable())
                }
            }
        };
        let answer = slot.service.get_or_execute(&slot.key, execute).await;
        match (answer, other, waiting) {
            (Ok(answer), ..) => match shared {
                Some(headers) => {
                    let max_age = self.settings.public_max_age;
                    respond::shared(answer.body.clone(), media, headers, max_age)
                }
                None => respond::from_body(answer.body.clone(), media),
            },
            (Err(_), Some(response), _) => single(response, media),
            (Err(_), None, Some(prepared)) => {
                single(self.finish(prepared, request_id).await, media)
            }
            (Err(error), None, None) => {
                tracing::error!(?error, "A response was lost on its way to the cache");
                Refusal::internal().respond(media, request_id.as_str())
            }
        }
    }
}

/// Tells the cache that there is nothing to cache; the message is not read.
fn not_cacheable() -> Error {
    Error::Unavailable(String::new())
}
