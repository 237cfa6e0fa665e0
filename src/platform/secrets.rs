//! The keys that sign access tokens: from the settings, or made once and kept in the data
//! directory.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use anyhow::{Context, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::config::{Auth, Settings};
use crate::foundation::{Clock, Rng};

mod key_file;
#[cfg(test)]
mod tests;

use key_file::{StoredKey, path, read, repair, replace, write_new};

/// The least length of a secret, in characters.
const MIN_SECRET: usize = 32;
/// A secret with fewer distinct characters than this was typed, not generated.
const MIN_DISTINCT: usize = 8;
/// For how long a key that is no longer first is kept at least: a server signs with it until it
/// is started again.
const KEEP_FOR: TimeDelta = TimeDelta::days(1);

/// The keys of this server: the first signs, all verify.
pub struct Secrets {
    keys: Vec<SigningKey>,
}

/// A key that signs access tokens.
#[derive(Clone)]
pub struct SigningKey {
    id: String,
    secret: SecretString,
}

impl SigningKey {
    /// A key of this name.
    ///
    /// # Errors
    /// For a weak secret or a name that cannot stand in a token's header; the sentence does not
    /// repeat the secret.
    pub fn new(id: &str, secret: impl Into<SecretString>) -> anyhow::Result<Self> {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        ensure!(
            (1..=40).contains(&id.len()) && id.bytes().all(letter),
            "a signing key's id has 1 to 40 letters, digits, dashes, dots or underscores"
        );
        let secret = secret.into();
        let text = secret.expose_secret();
        let distinct: BTreeSet<char> = text.chars().collect();
        ensure!(
            text.chars().count() >= MIN_SECRET && distinct.len() >= MIN_DISTINCT,
            "the secret of the signing key `{id}` is weak: give it at least {MIN_SECRET} random \
             characters, such as those of `openssl rand -base64 32`"
        );
        Ok(Self {
            id: id.to_owned(),
            secret,
        })
    }

    /// The key's name, which tokens carry in their header.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The secret itself.
    pub fn bytes(&self) -> &[u8] {
        self.secret.expose_secret().as_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.keys).finish()
    }
}

impl Secrets {
    /// The keys of the settings; without any, those of the data directory, made at the first
    /// start.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do, and repeats no secret.
    pub fn load(settings: &Settings, clock: &Clock, rng: &Rng) -> anyhow::Result<Self> {
        if !settings.auth.signing_keys.is_empty() {
            return Self::configured(&settings.auth);
        }
        let path = path(settings);
        let stored = match read(&path)? {
            Some(stored) => stored,
            None => {
                let first = StoredKey::generate(clock.now(), rng);
                // Another process that was faster made the file: its keys are the ones.
                if write_new(&path, &[first])? {
                    tracing::info!(path = %path.display(), "Made a signing key and keep it");
                }
                read(&path)?.context("the file of secrets vanished while it was made")?
            }
        };
        Self::kept(&stored, &path)
    }

    /// Checks what [`Secrets::load`] would read, and makes nothing.
    ///
    /// # Errors
    /// Those of [`Secrets::load`].
    pub fn check(settings: &Settings) -> anyhow::Result<()> {
        if !settings.auth.signing_keys.is_empty() {
            return Self::configured(&settings.auth).map(|_| ());
        }
        let path = path(settings);
        match read(&path)? {
            Some(stored) => Self::kept(&stored, &path).map(|_| ()),
            // The first start makes them.
            None => Ok(()),
        }
    }

    /// The keys of the data directory.
    fn kept(stored: &[StoredKey], path: &Path) -> anyhow::Result<Self> {
        let keys = stored
            .iter()
            .map(|key| SigningKey::new(&key.id, key.secret.clone()));
        let keys = keys.collect::<anyhow::Result<_>>();
        Self::of(keys.with_context(|| repair(path))?).with_context(|| repair(path))
    }

    /// These keys, the first of which signs.
    ///
    /// # Errors
    /// When there is none, or two have one id or one secret.
    pub fn of(keys: Vec<SigningKey>) -> anyhow::Result<Self> {
        ensure!(!keys.is_empty(), "there is no signing key");
        for (index, key) in keys.iter().enumerate() {
            for earlier in &keys[..index] {
                ensure!(
                    earlier.id != key.id,
                    "two signing keys have the id `{}`; give each its own",
                    key.id
                );
                ensure!(
                    earlier.bytes() != key.bytes(),
                    "the signing keys `{}` and `{}` have the same secret; give each its own",
                    earlier.id,
                    key.id
                );
            }
        }
        Ok(Self { keys })
    }

    /// The key that signs.
    ///
    /// # Panics
    /// Never: there is always a key.
    pub fn signing(&self) -> &SigningKey {
        self.keys
            .first()
            .expect("`of` refuses to make this without a key")
    }

    /// The key of this name.
    pub fn key(&self, id: &str) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    fn configured(auth: &Auth) -> anyhow::Result<Self> {
        let read = |(index, text): (usize, &SecretString)| {
            let (id, secret) = text.expose_secret().split_once(':').with_context(|| {
                format!(
                    "entry {} of `auth.signing_keys` has no colon: it looks like \"id:secret\"",
                    index + 1
                )
            })?;
            SigningKey::new(id, secret)
                .with_context(|| format!("entry {} of `auth.signing_keys`", index + 1))
        };
        let keys = auth.signing_keys.iter().enumerate().map(read);
        Self::of(keys.collect::<anyhow::Result<_>>()?).context("`auth.signing_keys`")
    }
}

/// Puts a new key in front of the kept ones and drops those that no living token needs. Servers
/// sign with the new key from their next start on. Answers the new key's id and how many were
/// dropped.
///
/// # Errors
/// When the keys come from the settings, or the file cannot be read or written.
pub fn rotate(settings: &Settings, clock: &Clock, rng: &Rng) -> anyhow::Result<(String, usize)> {
    ensure!(
        settings.auth.signing_keys.is_empty(),
        "the signing keys are in the settings: put a new one first in `auth.signing_keys`, start \
         the servers again, and remove the old one an hour later"
    );
    let path = path(settings);
    let now = clock.now();
    let mut stored = read(&path)?.unwrap_or_default();
    let before = stored.len();
    let living = TimeDelta::seconds(settings.auth.access_token_lifetime().into());
    let needed_since = now - living.max(KEEP_FOR);
    // A key stopped signing when the one before it in the list was made; the first signs still.
    let superseded: Vec<Option<DateTime<Utc>>> = std::iter::once(None)
        .chain(stored.iter().map(|key| Some(key.made_at)))
        .collect();
    let mut until = superseded.into_iter();
    stored.retain(|_| until.next().flatten().is_none_or(|end| end > needed_since));
    let dropped = before - stored.len();
    let new = StoredKey::generate(now, rng);
    let id = new.id.clone();
    stored.insert(0, new);
    replace(&path, &stored)?;
    Ok((id, dropped))
}
