//! Keys for apps.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use secrecy::SecretString;
use serde_json::json;

use super::Viewer;
use super::model::{Admission, ApiKey, NewApiKey};
use super::service::{AuthService, sha256};
use super::store::Hash;
use crate::foundation::page::{Page, Window};
use crate::foundation::{Error, Id, Refusal, Result, id};
use crate::platform::db::audit::AuditEntry;

/// How every key begins: `mq_`, the prefix that is shown, `_`, the secret.
pub(super) const KEY_START: &str = "mq_";
/// How exactly the last use is kept.
const TOUCH_EVERY: TimeDelta = TimeDelta::minutes(1);
const MAX_LENGTH: usize = 200;

impl AuthService {
    /// Makes a key for an app and tells it, once. For admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], [`Refusal::InvalidInput`].
    pub async fn create_api_key(
        &self,
        viewer: &Viewer,
        new: NewApiKey,
    ) -> Result<(ApiKey, SecretString)> {
        viewer.admin()?;
        let now = self.clock.now();
        new.check(now)?;
        let mut scopes = new.scopes;
        scopes.sort_unstable();
        scopes.dedup();
        let prefix = format!("{KEY_START}{}", readable(self.rng.bytes()));
        let secret = URL_SAFE_NO_PAD.encode(self.rng.bytes::<32>());
        let secret = SecretString::from(format!("{prefix}_{secret}"));
        let key = ApiKey {
            id: Id::new(&self.clock, &self.rng),
            name: new.name.trim().to_owned(),
            prefix,
            scopes,
            created_by: viewer.user(),
            created_at: now,
            expires_at: new.expires_at,
            last_used_at: None,
            revoked_at: None,
        };
        let names: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        let entry = AuditEntry {
            actor: viewer.name(),
            action: "api_key.create",
            subject: key.id.to_string(),
            details: json!({ "scopes": names }),
        };
        self.store
            .insert_key(key.clone(), sha256(&secret), entry)
            .await?;
        Ok((key, secret))
    }

    /// The keys of these ids that `viewer` may see: admins all, an app its own.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_api_keys(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::ApiKey>],
    ) -> Result<HashMap<Id<id::ApiKey>, ApiKey>> {
        let own = match viewer {
            Viewer::App { key, .. } => Some(*key),
            _ => None,
        };
        let admin = viewer.is_admin();
        let visible = ids.iter().copied().filter(|id| admin || Some(*id) == own);
        let visible: Vec<_> = visible.collect();
        if visible.is_empty() {
            return Ok(HashMap::new());
        }
        let found = self.store.find_keys(&visible).await?;
        Ok(found.into_iter().map(|key| (key.id, key)).collect())
    }

    /// One page of all keys, the newest first. For admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], [`Refusal::InvalidInput`] for a cursor of
    /// another list.
    pub async fn list_api_keys(&self, viewer: &Viewer, window: &Window) -> Result<Page<ApiKey>> {
        viewer.admin()?;
        Ok(Page::cut(window, self.store.list_keys(window).await?))
    }

    /// How many keys [`AuthService::list_api_keys`] lists in all.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`].
    pub async fn count_api_keys(&self, viewer: &Viewer) -> Result<u64> {
        viewer.admin()?;
        self.store.count_keys().await
    }

    /// Ends a key for good; one that has ended stays as it is. For admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], [`Refusal::NotFound`].
    pub async fn revoke_api_key(&self, viewer: &Viewer, key: Id<id::ApiKey>) -> Result<ApiKey> {
        viewer.admin()?;
        let entry = AuditEntry {
            actor: viewer.name(),
            action: "api_key.revoke",
            subject: key.to_string(),
            details: json!({}),
        };
        let keys = self.keys.clone();
        let then = move |revoked: &Option<(ApiKey, Hash)>| {
            if let Some((_, hash)) = revoked {
                keys.invalidate(hash);
            }
        };
        let now = self.clock.now();
        let revoked = self.store.revoke_key(key, now, entry, then).await?;
        let (key, _) = revoked.ok_or(Refusal::NotFound { thing: "API key" })?;
        Ok(key)
    }

    pub(super) async fn admit_key(&self, text: &str) -> Result<Admission> {
        let bad = |message: &str| Error::Unauthenticated(message.to_owned());
        if text.len() > MAX_LENGTH {
            return Err(bad("this is not an API key of this schema"));
        }
        let hash = sha256(&text.into());
        let known = self.keys.get(hash, async || {
            let found = self.store.key_by_hash(hash).await?;
            if let Some(key) = &found
                && key.revoked_at.is_none()
                && key.expires_at.is_none_or(|end| end > self.clock.now())
            {
                self.note_use(key).await?;
            }
            Ok(found)
        });
        let key = known
            .await?
            .ok_or_else(|| bad("this is not an API key of this schema"))?;
        if key.revoked_at.is_some() {
            return Err(bad("this API key is revoked; ask an administrator"));
        }
        if key.expires_at.is_some_and(|end| end <= self.clock.now()) {
            return Err(bad("this API key has expired; ask an administrator"));
        }
        Ok(Admission {
            viewer: Viewer::App {
                key: key.id,
                scopes: key.scopes,
            },
            expires_at: key.expires_at,
        })
    }

    /// Writes down that a key is used, at most once a minute.
    async fn note_use(&self, key: &ApiKey) -> Result<()> {
        let now = self.clock.now();
        let since = now - TOUCH_EVERY;
        if key.last_used_at.is_some_and(|last| last > since) {
            return Ok(());
        }
        self.store.touch_key(key.id, now, since).await
    }
}

/// Eight letters and digits.
fn readable(bytes: [u8; 8]) -> String {
    const LETTERS: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
    let letter = |byte: &u8| char::from(LETTERS[usize::from(byte & 31)]);
    bytes.iter().map(letter).collect()
}
