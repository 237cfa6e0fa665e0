//! Charging requests: what they cost comes out of the budget of whoever sent them, before anything runs.
//!
//! The headers are those of the draft "RateLimit header fields for HTTP" of the IETF (up to its version 6), and
//! `Retry-After` of RFC 9110: section 10.2.3.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Response, Value};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use futures::future::BoxFuture;

use super::Endpoint;
use super::execute::Prepared;
use super::respond::Refusal;
use crate::domain::auth::{Charge, SignIns};
use crate::foundation::error::whole_seconds;
use crate::graphql::errors::{codes, request_error};

/// The entry of `extensions` with the cost of a request.
pub(super) const COST: &str = "cost";

/// What an answer from the cache costs.
const CACHED: u64 = 1;

/// What a request costs that is refused before it runs: it was read and checked all the same.
const REFUSED: u64 = 20;

/// The mutations that make an account or an anonymous session.
const MAKE_ACCOUNTS: &[&str] = &["register", "startAnonymousSession"];

/// What requests ask of the budgets of their sender.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Their cost, of a batch the sum.
    pub cost: u64,
    /// What they do with accounts.
    pub sign_ins: SignIns,
}

/// Charges requests to their sender: what each budget said that was asked, in this order. Nothing where nothing is
/// limited.
pub type ChargeRequest<V> = Arc<dyn Fn(V, Wanted) -> BoxFuture<'static, Vec<Charge>> + Send + Sync>;

impl Wanted {
    /// What an answer from the cache asks for.
    pub(super) fn cached() -> Self {
        Self {
            cost: CACHED,
            ..Self::default()
        }
    }

    /// What a request asks for.
    pub(super) fn of<V: Send + Sync + 'static>(prepared: &Prepared<V>) -> Self {
        let Some((operation, _)) = prepared.ready() else {
            return Self {
                cost: REFUSED,
                ..Self::default()
            };
        };
        let canonical = &operation.canonical;
        let makes = |field: &&String| MAKE_ACCOUNTS.contains(&field.as_str());
        let accounts = canonical.root_fields.iter().filter(makes).count();
        Self {
            cost: operation.cost,
            sign_ins: SignIns {
                attempts: canonical.auth_mutations.into(),
                accounts: match canonical.auth_mutations {
                    0 => 0,
                    _ => u64::try_from(accounts).unwrap_or(u64::MAX),
                },
            },
        }
    }

    pub(super) fn add(self, other: Self) -> Self {
        Self {
            cost: self.cost.saturating_add(other.cost),
            sign_ins: SignIns {
                attempts: self.sign_ins.attempts + other.sign_ins.attempts,
                accounts: self.sign_ins.accounts + other.sign_ins.accounts,
            },
        }
    }
}

impl<V: Clone + Send + Sync + 'static> Endpoint<V> {
    /// The same endpoint, which charges requests.
    #[must_use]
    pub fn with_limits(self, charge: ChargeRequest<V>) -> Self {
        Self {
            charge: Some(charge),
            ..self
        }
    }

    /// Charges requests to `viewer`, and answers with headers that tell how much is left.
    ///
    /// # Errors
    /// 429 where the budget does not have that much.
    pub(super) async fn charge(&self, viewer: &V, wanted: Wanted) -> Result<HeaderMap, Refusal> {
        let Some(charge) = &self.charge else {
            return Ok(HeaderMap::new());
        };
        let charges = charge(viewer.clone(), wanted).await;
        if let Some(refused) = charges.iter().find(|charge| !charge.taken.granted) {
            return Err(over_budget(refused));
        }
        // The first one is the budget of all requests.
        Ok(charges.first().map(rate_limit_headers).unwrap_or_default())
    }

    /// Refuses what may cost more than any single request, or batch, may.
    pub(super) fn check_cost(&self, cost: u64) -> Result<(), String> {
        let most = self.settings.max_cost;
        if cost <= most {
            return Ok(());
        }
        Err(format!(
            "this may cost {cost}, and a request at most {most}: ask for shorter pages, fewer lists inside lists, or \
             less at once (docs/limits.md)"
        ))
    }

    /// Tells the cost of an answer in its extensions, where the settings say so.
    pub(super) fn tell_cost(&self, response: &mut Response, cost: Option<u64>) {
        if let Some(cost) = cost.filter(|_| self.settings.tells_cost) {
            let maximum = Some(self.settings.max_cost).filter(|most| *most < u64::MAX);
            let told = [("requested", Some(cost)), ("maximum", maximum)];
            let told = told.into_iter().filter_map(|(name, cost)| {
                Some((async_graphql::Name::new(name), Value::from(cost?)))
            });
            let told = Value::Object(told.collect());
            response.extensions.insert(COST.to_owned(), told);
        }
    }
}

/// The refusal as an answer to one operation.
pub(super) fn refused(refusal: Refusal) -> Response {
    let mut response = Response::from_errors(vec![request_error(refusal.code, refusal.message)]);
    for (name, value) in refusal.headers {
        response.http_headers.insert(name, value);
    }
    response
}

/// 429: the budget does not have that much.
fn over_budget(charge: &Charge) -> Refusal {
    let seconds = whole_seconds(charge.taken.wait);
    let mut refusal = Refusal::new(
        StatusCode::TOO_MANY_REQUESTS,
        codes::RATE_LIMITED,
        format!("too much was asked for in a short time; try again in {seconds} seconds"),
    );
    let mut headers = rate_limit_headers(charge);
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    let named = headers
        .into_iter()
        .filter_map(|(name, value)| Some((name?, value)));
    refusal.headers.extend(named);
    refusal
}

fn rate_limit_headers(charge: &Charge) -> HeaderMap {
    let seconds = |wait: Duration| match wait.is_zero() {
        true => 0,
        false => whole_seconds(wait),
    };
    [
        ("ratelimit-limit", charge.limit),
        ("ratelimit-remaining", charge.taken.left),
        ("ratelimit-reset", seconds(charge.taken.full_in)),
    ]
    .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from(value)))
    .into_iter()
    .collect()
}
