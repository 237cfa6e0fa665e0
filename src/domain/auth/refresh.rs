//! Refresh tokens: each buys the next pair of tokens of its session.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::model::SignedIn;
use super::service::{AuthService, sha256};
use super::store::{Exchange, NewToken, Rotation, Successor};
use crate::foundation::{Refusal, Result};

/// How a refresh token begins, so that a leaked one is recognised.
const START: &str = "mr_";

/// What makes the successor of a token unpredictable for whoever has only the token.
pub(super) type Salt = [u8; 32];

impl AuthService {
    /// Exchanges a refresh token for a new pair.
    ///
    /// For a short time after its exchange a token gives the newest token of its session once more
    /// (`auth.refresh_grace_seconds`): two tabs may refresh at once, and an answer may be lost. That
    /// is the same token that the first exchange gave, or, where that one was exchanged too in the
    /// meantime, the last of the chain; a session has one living token at all times. A token that
    /// comes back later ends the session, since somebody else may have it (RFC 9700, section 4.14).
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`].
    pub async fn refresh(&self, token: &SecretString) -> Result<SignedIn> {
        if !token.expose_secret().starts_with(START) {
            return Err(Refusal::InvalidToken.into());
        }
        let salt: Salt = self.rng.bytes();
        let secret = successor(token, &salt);
        let exchange = Exchange {
            presented: token.clone(),
            salt,
            next: Successor {
                token: self.expiring(&secret),
                secret,
            },
            grace: TimeDelta::seconds(self.settings.auth.refresh_grace_seconds.into()),
        };
        let sessions = self.sessions.clone();
        let then = move |outcome: &Rotation| {
            if let Rotation::Reused(user) = outcome {
                sessions.invalidate(user);
            }
        };
        match self.store.rotate(exchange, then).await? {
            Rotation::Done(account, session, next) => {
                self.signed_in(account.user, session, next.secret, next.token.expires_at)
            }
            Rotation::Refused => Err(Refusal::InvalidToken.into()),
            Rotation::Reused(user) => {
                tracing::warn!(%user, "A used refresh token came back; its session has ended");
                Err(Refusal::InvalidToken.into())
            }
        }
    }

    /// The first refresh token of a session.
    pub(super) fn refresh_token(&self) -> (SecretString, NewToken) {
        let secret = encoded(&self.rng.bytes());
        let token = self.expiring(&secret);
        (secret, token)
    }

    /// What is stored of a token that is issued now.
    fn expiring(&self, secret: &SecretString) -> NewToken {
        let now = self.clock.now();
        let days = TimeDelta::days(self.settings.auth.refresh_token_days.into());
        NewToken {
            hash: sha256(secret),
            issued_at: now,
            expires_at: now + days,
        }
    }
}

/// The token that `token` is exchanged for: HMAC-SHA-256 of the salt under the token. Only who has
/// the token can compute it, and only with the salt, which is the server's: so the same successor
/// can be given again without being stored.
pub(super) fn successor(token: &SecretString, salt: &Salt) -> SecretString {
    let key = token.expose_secret().as_bytes();
    let hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    encoded(&hmac.chain_update(salt).finalize().into_bytes().into())
}

fn encoded(bytes: &[u8; 32]) -> SecretString {
    format!("{START}{}", URL_SAFE_NO_PAD.encode(bytes)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_is_made_of_the_token_and_the_salt_and_looks_like_a_first_token() {
        let token = |byte| encoded(&[byte; 32]);
        let text = |token: &SecretString, salt| successor(token, salt).expose_secret().to_owned();
        let first = text(&token(1), &[2; 32]);
        assert_eq!(first, text(&token(1), &[2; 32]));
        assert_ne!(first, text(&token(3), &[2; 32]));
        assert_ne!(first, text(&token(1), &[3; 32]));
        assert_eq!(first.len(), token(1).expose_secret().len());
        assert!(first.starts_with(START));
    }
}
