//! Tokens, sessions and API keys.

use std::fmt;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::{Scope, Viewer};
use crate::domain::users::User;
use crate::foundation::page::Cursor;
use crate::foundation::{Findings, Id, Result, id};

/// Where a request comes from, as the transport knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// The client's address; `None` where there is none, as at the shell.
    pub address: Option<IpAddr>,
}

/// What somebody signs in with.
#[derive(Clone)]
pub struct Credentials {
    /// The address as typed; what is none belongs to no account.
    pub email: String,
    /// The password.
    pub password: SecretString,
}

/// Somebody whose token is good.
#[derive(Clone, Debug, PartialEq)]
pub struct Admission {
    /// On whose behalf they ask.
    pub viewer: Viewer,
    /// When the token ends; `None` for a key without an end.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The tokens of a session: shown once, kept by the client.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Goes with each request as `Authorization: Bearer …`.
    pub access: SecretString,
    /// When the access token ends.
    pub access_expires_at: DateTime<Utc>,
    /// For how many seconds the access token is good.
    pub expires_in_seconds: u32,
    /// Buys the next pair of tokens, once.
    pub refresh: SecretString,
    /// When the refresh token ends.
    pub refresh_expires_at: DateTime<Utc>,
}

/// A user who has just signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// The tokens of the session.
    pub tokens: Tokens,
}

/// A key for an app. The key itself is told once, at its birth.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiKey {
    /// Which.
    pub id: Id<id::ApiKey>,
    /// What it is for, 1 to 100 characters.
    pub name: String,
    /// How it begins, by which people tell keys apart.
    pub prefix: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Which admin made it; `None` for the shell.
    pub created_by: Option<Id<id::User>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it is refused.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Since when it is revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// What it is for, 1 to 100 characters.
    pub name: String,
    /// What it may do; at least one.
    pub scopes: Vec<Scope>,
    /// From when on it is refused; never where left out.
    pub expires_at: Option<DateTime<Utc>>,
}

impl ApiKey {
    /// The key's place in the list of all, the newest first.
    pub fn cursor(&self) -> Cursor {
        let made = serde_json::json!(self.created_at);
        Cursor::new("createdAt", false, made, self.id.uuid())
    }
}

impl NewApiKey {
    /// Checks what the database would refuse, and what makes no sense.
    ///
    /// # Errors
    /// [`crate::foundation::Refusal::InvalidInput`], for each field that is wrong.
    pub fn check(&self, now: DateTime<Utc>) -> Result<()> {
        let mut findings = Findings::default();
        let length = self.name.trim().chars().count();
        findings.require(
            (1..=100).contains(&length) && !self.name.contains('\0'),
            "name",
            "a name has 1 to 100 characters",
        );
        findings.require(
            !self.scopes.is_empty(),
            "scopes",
            "a key without a scope may do nothing; give it at least one",
        );
        findings.require(
            self.expires_at.is_none_or(|end| end > now),
            "expiresAt",
            "the key would have expired already; choose a later moment",
        );
        Ok(findings.finish()?)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}
