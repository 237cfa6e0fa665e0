//! Access tokens: what is in them, and which are believed.

use std::sync::Arc;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Role;
use super::token_signature::{self, ALGORITHM};
use crate::foundation::{Clock, Error, Id, Result, Rng, id};
use crate::platform::config::{Auth, SchemaName};
use crate::platform::secrets::Secrets;

/// Ours have about 400 characters.
const MAX_LENGTH: usize = 2048;
/// How many good tokens are remembered, each with some 700 bytes.
const VERIFIED: u64 = 10_000;

/// Signs and reads the access tokens of one schema.
#[derive(Clone)]
pub(super) struct AccessTokens {
    secrets: Arc<Secrets>,
    issuer: String,
    audience: String,
    lifetime: TimeDelta,
    clock: Clock,
    rng: Rng,
    /// Tokens whose signature and claims were found good, whole: a digest might be chosen by
    /// whoever sends one. Whether the time is over is asked each time.
    verified: Cache<String, Verified>,
}

/// What a token was found to say.
#[derive(Clone, Copy)]
struct Verified {
    user: Id<id::User>,
    session: Id<id::Session>,
    /// When it ends, in seconds since 1970.
    end: i64,
}

/// What an access token says. Every claim is required.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    /// The schema: a token of one is nothing in another.
    aud: String,
    sub: String,
    sid: String,
    /// For clients to read; the server asks the database.
    role: String,
    iat: i64,
    exp: i64,
    jti: String,
}

impl AccessTokens {
    pub(super) fn new(
        secrets: Arc<Secrets>,
        settings: &Auth,
        schema: &SchemaName,
        clock: Clock,
        rng: Rng,
    ) -> Self {
        token_signature::install();
        Self {
            secrets,
            issuer: settings.issuer.clone(),
            audience: schema.as_str().to_owned(),
            lifetime: TimeDelta::seconds(settings.access_token_lifetime().into()),
            clock,
            rng,
            verified: Cache::new(VERIFIED),
        }
    }

    /// A token for `user` in `session`, and when it ends.
    pub(super) fn sign(
        &self,
        user: Id<id::User>,
        role: Role,
        session: Id<id::Session>,
    ) -> Result<(String, DateTime<Utc>)> {
        let now = self.clock.now();
        let end = now + self.lifetime;
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: user.to_string(),
            sid: session.to_string(),
            role: role.as_str().to_owned(),
            iat: now.timestamp(),
            exp: end.timestamp(),
            jti: Uuid::from_bytes(self.rng.bytes()).simple().to_string(),
        };
        let key = self.secrets.signing();
        let mut header = Header::new(ALGORITHM);
        header.kid = Some(key.id().to_owned());
        let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(key.bytes()))
            .context("an access token could not be signed")?;
        Ok((token, end))
    }

    /// Whose token it is, of which session, and when it ends.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for whatever is not a living token of this schema.
    pub(super) fn read(
        &self,
        token: &str,
    ) -> Result<(Id<id::User>, Id<id::Session>, DateTime<Utc>)> {
        let known = self.verified.get(token);
        let Verified { user, session, end } = match known {
            Some(known) => known,
            None => {
                let claims = self.verify(token).ok_or_else(bad_token)?;
                let verified = Verified {
                    user: claims.sub.parse().map_err(|_| bad_token())?,
                    session: claims.sid.parse().map_err(|_| bad_token())?,
                    end: claims.exp,
                };
                self.verified.insert(token.to_owned(), verified);
                verified
            }
        };
        // No leeway: who signs and who reads have the same clock, or clocks that agree.
        if end <= self.clock.now().timestamp() {
            return Err(Error::Unauthenticated(
                "this access token has expired; refresh it or sign in again".to_owned(),
            ));
        }
        let end = DateTime::from_timestamp(end, 0).ok_or_else(bad_token)?;
        Ok((user, session, end))
    }

    fn verify(&self, token: &str) -> Option<Claims> {
        if token.len() > MAX_LENGTH {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        let key = self.secrets.key(header.kid.as_deref()?)?;
        let mut rules = Validation::new(ALGORITHM);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.set_audience(&[&self.audience]);
        rules.set_issuer(&[&self.issuer]);
        // The library asks the machine's clock; `read` asks ours.
        rules.validate_exp = false;
        rules.leeway = 0;
        let key = DecodingKey::from_secret(key.bytes());
        let read = jsonwebtoken::decode::<Claims>(token, &key, &rules).ok()?;
        Some(read.claims)
    }
}

fn bad_token() -> Error {
    Error::Unauthenticated(
        "this access token is not good here; sign in to get one for this schema".to_owned(),
    )
}
