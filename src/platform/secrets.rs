//! The keys that sign access tokens: from the settings, or made once and kept in the data
//! directory.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::config::{Auth, Settings};
use crate::foundation::{Chance, Clock};

/// The least length of a secret, in characters.
const MIN_SECRET: usize = 32;
/// A secret of fewer distinct characters than this was typed, not drawn.
const MIN_DISTINCT: usize = 8;
/// The kept file is read no further than this, in bytes.
const MAX_FILE: u64 = 65_536;
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
    pub fn load(settings: &Settings, clock: &Clock, chance: &Chance) -> anyhow::Result<Self> {
        if !settings.auth.signing_keys.is_empty() {
            return Self::configured(&settings.auth);
        }
        let path = path(settings);
        let kept = match read(&path)? {
            Some(kept) => kept,
            None => {
                let first = KeptKey::draw(clock.now(), chance);
                // Another process that was faster made the file: its keys are the ones.
                if write_new(&path, &[first])? {
                    tracing::info!(path = %path.display(), "Made a signing key and keep it");
                }
                read(&path)?.context("the file of secrets vanished while it was made")?
            }
        };
        let keys = kept
            .iter()
            .map(|key| SigningKey::new(&key.id, key.secret.clone()));
        let keys = keys.collect::<anyhow::Result<_>>();
        Self::of(keys.with_context(|| repair(&path))?).with_context(|| repair(&path))
    }

    /// These keys, the first of which signs.
    ///
    /// # Errors
    /// When there is none, or two have one id or one secret.
    pub fn of(keys: Vec<SigningKey>) -> anyhow::Result<Self> {
        ensure!(!keys.is_empty(), "there is no signing key");
        for (place, key) in keys.iter().enumerate() {
            for earlier in &keys[..place] {
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
        let read = |(place, text): (usize, &SecretString)| {
            let (id, secret) = text.expose_secret().split_once(':').with_context(|| {
                format!(
                    "entry {} of `auth.signing_keys` has no colon: it looks like \"id:secret\"",
                    place + 1
                )
            })?;
            SigningKey::new(id, secret)
                .with_context(|| format!("entry {} of `auth.signing_keys`", place + 1))
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
pub fn rotate(
    settings: &Settings,
    clock: &Clock,
    chance: &Chance,
) -> anyhow::Result<(String, usize)> {
    ensure!(
        settings.auth.signing_keys.is_empty(),
        "the signing keys are in the settings: put a new one first in `auth.signing_keys`, start \
         the servers again, and remove the old one an hour later"
    );
    let path = path(settings);
    let now = clock.now();
    let mut kept = read(&path)?.unwrap_or_default();
    let before = kept.len();
    let living = TimeDelta::minutes(settings.auth.access_token_minutes.into());
    let needed_since = now - living.max(KEEP_FOR);
    // A key stopped signing when the one before it in the list was made; the first signs still.
    let superseded: Vec<Option<DateTime<Utc>>> = std::iter::once(None)
        .chain(kept.iter().map(|key| Some(key.made_at)))
        .collect();
    let mut until = superseded.into_iter();
    kept.retain(|_| until.next().flatten().is_none_or(|end| end > needed_since));
    let dropped = before - kept.len();
    let new = KeptKey::draw(now, chance);
    let id = new.id.clone();
    kept.insert(0, new);
    replace(&path, &kept)?;
    Ok((id, dropped))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    keys: Vec<KeptKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptKey {
    id: String,
    secret: SecretString,
    made_at: DateTime<Utc>,
}

impl KeptKey {
    fn draw(now: DateTime<Utc>, chance: &Chance) -> Self {
        let tail = URL_SAFE_NO_PAD.encode(chance.bytes::<3>());
        Self {
            id: format!("{}-{tail}", now.format("%Y%m%d")),
            secret: URL_SAFE_NO_PAD.encode(chance.bytes::<48>()).into(),
            made_at: now,
        }
    }
}

fn path(settings: &Settings) -> PathBuf {
    settings.data_dir.join("secrets.toml")
}

fn repair(path: &Path) -> String {
    format!(
        "{} cannot be used; put it right, or remove it to have a new key made (everybody signs in \
         again then)",
        path.display()
    )
}

/// The kept keys, or `None` where there is no file yet.
fn read(path: &Path) -> anyhow::Result<Option<Vec<KeptKey>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context(format!("cannot read {}", path.display())),
    };
    let mode = file.metadata()?.permissions().mode();
    ensure!(
        mode & 0o077 == 0,
        "{} holds secrets and others than its owner can read or write it: run `chmod 600` on it \
         and then `marquee secret rotate`, since somebody may have read it",
        path.display()
    );
    let mut text = String::new();
    file.take(MAX_FILE)
        .read_to_string(&mut text)
        .with_context(|| repair(path))?;
    // The parser's own message repeats the line, which may hold a secret.
    let kept: Kept = toml::from_str(&text).map_err(|_| anyhow::anyhow!(repair(path)))?;
    Ok(Some(kept.keys))
}

/// Makes the file if there is none, and says whether it did.
fn write_new(path: &Path, keys: &[KeptKey]) -> anyhow::Result<bool> {
    let draft = draft(path, keys)?;
    // Unlike a rename, a link refuses to replace what is there.
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft).ok();
    match linked {
        Ok(()) => sync_folder(path).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).context(format!("cannot write {}", path.display())),
    }
}

fn replace(path: &Path, keys: &[KeptKey]) -> anyhow::Result<()> {
    let draft = draft(path, keys)?;
    fs::rename(&draft, path).with_context(|| format!("cannot write {}", path.display()))?;
    sync_folder(path)
}

/// Writes the keys into a file of this process beside `path`, down to the disk.
fn draft(path: &Path, keys: &[KeptKey]) -> anyhow::Result<PathBuf> {
    let mut text = String::from(
        "# The keys that sign access tokens: the first signs, all verify. Keep this file to\n\
         # yourself. `marquee secret rotate` puts a new key first.\n",
    );
    for key in keys {
        text.push_str(&format!(
            "\n[[keys]]\nid = \"{}\"\nsecret = \"{}\"\nmade_at = \"{}\"\n",
            key.id,
            key.secret.expose_secret(),
            key.made_at.to_rfc3339()
        ));
    }
    let failed = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(failed)?;
    }
    let draft = path.with_extension(format!("toml.{}", std::process::id()));
    // What a killed process of this number left behind.
    fs::remove_file(&draft).ok();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .with_context(failed)?;
    file.write_all(text.as_bytes()).with_context(failed)?;
    file.sync_all().with_context(failed)?;
    Ok(draft)
}

fn sync_folder(path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "0123456789abcdefghijklmnopqrstuv";

    fn at(folder: &Path) -> Settings {
        let mut settings = Settings::defaults();
        settings.data_dir = folder.join("data");
        settings
    }

    fn clock() -> Clock {
        Clock::stopped("2026-03-01T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_key_is_made_once_and_kept_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let settings = at(folder.path());
        let made = Secrets::load(&settings, &clock(), &Chance::seeded(1)).unwrap();
        let again = Secrets::load(&settings, &clock(), &Chance::seeded(2)).unwrap();
        assert_eq!(made.signing().bytes(), again.signing().bytes());
        let path = path(&settings);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let settings = at(folder.path());
        Secrets::load(&settings, &clock(), &Chance::seeded(1)).unwrap();
        fs::set_permissions(path(&settings), fs::Permissions::from_mode(0o644)).unwrap();
        let error = Secrets::load(&settings, &clock(), &Chance::seeded(1)).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }

    #[test]
    fn a_broken_file_is_refused_without_repeating_it() {
        let folder = tempfile::tempdir().unwrap();
        let settings = at(folder.path());
        Secrets::load(&settings, &clock(), &Chance::seeded(1)).unwrap();
        fs::write(path(&settings), format!("keys = [ \"{GOOD}")).unwrap();
        let error = Secrets::load(&settings, &clock(), &Chance::seeded(1)).unwrap_err();
        assert!(!format!("{error:#}").contains(GOOD), "{error:#}");
    }

    #[test]
    fn a_rotation_signs_anew_and_forgets_what_no_token_needs() {
        let folder = tempfile::tempdir().unwrap();
        let (settings, clock, chance) = (at(folder.path()), clock(), Chance::seeded(1));
        let first = Secrets::load(&settings, &clock, &chance).unwrap();
        clock.advance(TimeDelta::days(30));
        let (second, dropped) = rotate(&settings, &clock, &chance).unwrap();
        assert_eq!(dropped, 0, "the key that signed until now is needed");
        let now = Secrets::load(&settings, &clock, &chance).unwrap();
        assert_eq!(now.signing().id(), second);
        assert!(now.key(first.signing().id()).is_some());
        clock.advance(TimeDelta::days(2));
        let (_, dropped) = rotate(&settings, &clock, &chance).unwrap();
        assert_eq!(dropped, 1);
        let now = Secrets::load(&settings, &clock, &chance).unwrap();
        assert!(now.key(first.signing().id()).is_none());
        assert!(now.key(&second).is_some());
    }

    #[test]
    fn weak_duplicate_and_malformed_keys_stop_the_start_without_being_repeated() {
        let other = GOOD.to_uppercase();
        for (keys, words) in [
            (vec!["nocolonhere"], "\"id:secret\""),
            (vec!["a:short-SECRET"], "weak"),
            (vec!["a:SECRETSECRETSECRETSECRETSECRETSECRET"], "weak"),
            (vec!["bad id:0123456789abcdefghijklmnopqrstuv"], "letters"),
            (
                vec!["a:0123456789abcdefghijklmnopqrstuv", &format!("a:{other}")],
                "two signing keys have the id `a`",
            ),
            (
                vec![
                    "a:0123456789abcdefghijklmnopqrstuv",
                    "b:0123456789abcdefghijklmnopqrstuv",
                ],
                "same secret",
            ),
        ] {
            let mut settings = Settings::defaults();
            settings.auth.signing_keys = keys.iter().map(|key| (*key).into()).collect();
            let error = Secrets::load(&settings, &clock(), &Chance::seeded(1)).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains(words), "{error}");
            for secret in ["SECRET", GOOD, &other] {
                assert!(!error.contains(secret), "{error}");
            }
        }
    }
}
