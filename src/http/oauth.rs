//! `POST /oauth/token`: the password and refresh grants of OAuth 2 (RFC 6749), for clients that
//! expect them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::{identity, unknown_schema};
use crate::domain::Services;
use crate::domain::auth::{Credentials, SignIns, SignedIn, Tokens};
use crate::domain::schemas::Schemas;
use crate::foundation::error::whole_seconds;
use crate::foundation::{Error, Refusal};
use crate::platform::config::SchemaName;

/// A request of this kind is short.
const MAX_BODY: usize = 16 * 1024;

/// How long its body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// `/oauth/token` for the default schema and `/oauth/{schema}/token` for each. The client's address
/// is that of a `Client` among the request's extensions, or else of the connection.
pub fn router(schemas: Arc<Schemas>) -> Router {
    Router::new()
        .route("/oauth/token", post(default_token))
        .route("/oauth/{schema}/token", post(named_token))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(schemas)
}

async fn default_token(State(schemas): State<Arc<Schemas>>, request: Request) -> Response {
    token(&schemas, schemas.default_name(), request).await
}

async fn named_token(
    State(schemas): State<Arc<Schemas>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    match name.parse() {
        Ok(schema) if schemas.get(&schema).is_some() => token(&schemas, &schema, request).await,
        _ => unknown_schema::respond(&schemas, &name, request.extensions().get()),
    }
}

async fn token(schemas: &Schemas, name: &SchemaName, request: Request) -> Response {
    match schemas.get(name) {
        Some(services) => answer(services, request).await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn answer(services: &Services, request: Request) -> Response {
    let client = identity::client(request.extensions());
    let asked = SignIns {
        attempts: 1,
        accounts: 0,
    };
    if let Some(charge) = services.auth.charge_sign_ins(client, asked).await
        && !charge.taken.granted
    {
        let retry_after = charge.taken.wait;
        return Refused::from(&Refusal::TooManyAttempts { retry_after }.into()).into_response();
    }
    let outcome = match read(request).await {
        Ok(Grant::Password(credentials)) => services.auth.login(client, &credentials).await,
        Ok(Grant::Refresh(token)) => services.auth.refresh(&token).await,
        Err(refused) => return refused.into_response(),
    };
    match outcome {
        Ok(SignedIn { tokens, .. }) => granted(&tokens),
        Err(error) => Refused::from(&error).into_response(),
    }
}

enum Grant {
    Password(Credentials),
    Refresh(SecretString),
}

/// Why there is no token, as RFC 6749 §5.2 words it.
struct Refused {
    status: StatusCode,
    error: &'static str,
    description: String,
    retry_after_seconds: Option<u64>,
}

impl Refused {
    fn because(error: &'static str, description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            description: description.into(),
            retry_after_seconds: None,
        }
    }
}

async fn read(request: Request) -> Result<Grant, Refused> {
    if !is_form(request.headers()) {
        let message = "the body must be of the type application/x-www-form-urlencoded";
        return Err(Refused::because("invalid_request", message));
    }
    let reading = tokio::time::timeout(BODY_TIME, Bytes::from_request(request, &()));
    let Ok(body) = reading.await else {
        let mut refused = Refused::because("invalid_request", "the body did not arrive in time");
        refused.status = StatusCode::REQUEST_TIMEOUT;
        return Err(refused);
    };
    let body = body.map_err(|error| {
        let mut refused = Refused::because("invalid_request", "the body cannot be read");
        refused.status = error.status();
        refused
    })?;
    if std::str::from_utf8(&body).is_err() {
        let message = "the body is not UTF-8";
        return Err(Refused::because("invalid_request", message));
    }
    let mut parameters: HashMap<String, String> = HashMap::new();
    for (name, value) in url::form_urlencoded::parse(&body) {
        // One without a value counts as left out (§3.2); one that comes twice is refused.
        if !value.is_empty() && parameters.insert(name.into(), value.into()).is_some() {
            let message = "a parameter came more than once";
            return Err(Refused::because("invalid_request", message));
        }
    }
    let mut take = |name: &str| {
        parameters
            .remove(name)
            .ok_or_else(|| Refused::because("invalid_request", format!("`{name}` is missing")))
    };
    match take("grant_type")?.as_str() {
        "password" => Ok(Grant::Password(Credentials {
            email: take("username")?,
            password: take("password")?.into(),
        })),
        "refresh_token" => Ok(Grant::Refresh(take("refresh_token")?.into())),
        _ => Err(Refused::because(
            "unsupported_grant_type",
            "`grant_type` is `password` or `refresh_token`",
        )),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE);
    let essence = given
        .and_then(|given| given.to_str().ok())
        .and_then(|given| given.split(';').next());
    essence.is_some_and(|essence| {
        essence
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

impl From<&Error> for Refused {
    fn from(error: &Error) -> Self {
        match error {
            Error::Refused(Refusal::TooManyAttempts { retry_after }) => Self {
                status: StatusCode::TOO_MANY_REQUESTS,
                retry_after_seconds: Some(whole_seconds(*retry_after)),
                ..Self::because("invalid_grant", error.to_string())
            },
            Error::Refused(_) | Error::Forbidden(_) | Error::Unauthenticated(_) => {
                Self::because("invalid_grant", error.to_string())
            }
            Error::Unavailable(message) => Self {
                status: StatusCode::SERVICE_UNAVAILABLE,
                ..Self::because("temporarily_unavailable", message.clone())
            },
            Error::Internal(cause) => {
                tracing::error!(error = format!("{cause:#}"), "A token could not be granted");
                Self {
                    status: StatusCode::INTERNAL_SERVER_ERROR,
                    ..Self::because("server_error", "something went wrong on our side")
                }
            }
        }
    }
}

#[derive(Serialize)]
struct Granted<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u32,
    refresh_token: &'a str,
}

fn granted(tokens: &Tokens) -> Response {
    json(
        StatusCode::OK,
        &Granted {
            access_token: tokens.access.expose_secret(),
            token_type: "Bearer",
            expires_in: tokens.expires_in_seconds,
            refresh_token: tokens.refresh.expose_secret(),
        },
    )
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            error: &'static str,
            error_description: String,
        }
        let body = Body {
            error: self.error,
            // §5.2 allows printable ASCII without quotes and backslashes.
            error_description: self.description.replace(['"', '\\'], "'"),
        };
        let mut response = json(self.status, &body);
        if let Some(seconds) = self.retry_after_seconds {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// An answer that nobody may keep.
fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::PRAGMA, "no-cache"),
    ];
    (status, headers, axum::Json(body)).into_response()
}
