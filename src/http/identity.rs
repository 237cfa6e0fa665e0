//! The identity behind a request: the viewer and the client address.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Extensions, StatusCode};

use futures::FutureExt;

use super::graphql::identified::Identified;
use super::graphql::limits::ChargeRequest;
use super::graphql::respond::Refusal;
use crate::domain::auth::{Admission, AuthService, Client, Viewer};
use crate::foundation::Error;
use crate::graphql::public_url::PublicUrl;

/// The identity behind a request: an authenticated viewer and the address of the client.
#[derive(Clone)]
pub struct RequestIdentity {
    /// The viewer, and when the credential expires.
    pub admission: Admission,
    /// The other end of the connection.
    pub client: Client,
    /// How the client calls this server.
    pub public_url: PublicUrl,
}

impl RequestIdentity {
    /// Authenticates `token`. Without a token, the viewer is [`Viewer::Nobody`].
    ///
    /// # Errors
    /// 401 for an invalid token, 503 when it cannot be checked at the moment.
    pub async fn of(
        auth: &AuthService,
        token: Option<&str>,
        client: Client,
    ) -> Result<Self, Refusal> {
        let admission = match token {
            None => Admission {
                viewer: Viewer::Nobody,
                expires_at: None,
            },
            Some(token) => auth.admit(token).await.map_err(refuse)?,
        };
        Ok(Self {
            admission,
            client,
            public_url: PublicUrl::default(),
        })
    }

    /// The same of a client that calls this server so.
    #[must_use]
    pub fn calling(self, public_url: PublicUrl) -> Self {
        Self { public_url, ..self }
    }
}

/// The identity behind a request with the result of [`bearer`]; a token that is not good is kept as
/// such, for the operation to decide about.
///
/// # Errors
/// 503 when the token cannot be checked at the moment.
pub async fn identify(
    auth: &AuthService,
    token: Result<Option<String>, Refusal>,
    client: Client,
) -> Result<Identified<RequestIdentity>, Refusal> {
    let identity = match token {
        Ok(token) => RequestIdentity::of(auth, token.as_deref(), client).await,
        Err(refusal) => Err(refusal),
    };
    match identity {
        Err(refusal) if refusal.status == StatusCode::UNAUTHORIZED => Ok(Identified::Refused {
            anonymous: RequestIdentity::of(auth, None, client).await?,
            refusal: Box::new(refusal),
        }),
        Err(refusal) => Err(refusal),
        Ok(identity) => Ok(Identified::Accepted(identity)),
    }
}

/// Charges requests to their viewer, and what they do with accounts to their address.
pub(super) fn charge_to_sender(auth: AuthService) -> ChargeRequest<RequestIdentity> {
    Arc::new(move |identity: RequestIdentity, wanted| {
        let auth = auth.clone();
        async move {
            let (viewer, client) = (&identity.admission.viewer, identity.client);
            let first = auth.charge(viewer, client, wanted.cost).await;
            let then = match first {
                Some(refused) if !refused.taken.granted => None,
                _ => auth.charge_sign_ins(client, wanted.sign_ins).await,
            };
            first.into_iter().chain(then).collect()
        }
        .boxed()
    })
}

/// The token of the `Authorization` header, if there is one.
///
/// # Errors
/// 401 for a header that is not `Bearer …`.
pub fn bearer(parts: &Parts) -> Result<Option<String>, Refusal> {
    let Some(header) = parts.headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    // Clients without a token often send an empty one.
    if header.as_bytes().trim_ascii().is_empty() {
        return Ok(None);
    }
    let token = header.to_str().ok().and_then(token);
    let token = token.ok_or_else(|| {
        Refusal::unauthenticated("the Authorization header must be `Bearer <token>`")
    })?;
    Ok(Some(token))
}

/// The token in `Bearer <token>`.
pub fn token(text: &str) -> Option<String> {
    let (scheme, token) = text.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim().to_owned())
}

/// The client of a request, as the middleware found it; or else the other end of its connection.
pub fn client(extensions: &Extensions) -> Client {
    extensions.get::<Client>().copied().unwrap_or_else(|| {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        Client {
            address: peer.map(|ConnectInfo(peer)| peer.ip()),
        }
    })
}

/// The refusal of the whole request for a token that failed with `error`.
fn refuse(error: Error) -> Refusal {
    match error {
        Error::Unauthenticated(message) => Refusal::unauthenticated(&message),
        Error::Unavailable(message) => Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            graphql::errors::codes::UNAVAILABLE,
            &message,
        ),
        other => {
            tracing::error!(error = ?other, "A token could not be checked");
            Refusal::internal()
        }
    }
}
