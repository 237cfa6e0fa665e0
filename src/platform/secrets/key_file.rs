//! The file in the data directory that keeps the keys, for its owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::foundation::Rng;
use crate::platform::config::Settings;

/// The file is read no further than this, in bytes.
const MAX_FILE: u64 = 65_536;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    keys: Vec<StoredKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredKey {
    pub(super) id: String,
    pub(super) secret: SecretString,
    pub(super) made_at: DateTime<Utc>,
}

impl StoredKey {
    pub(super) fn generate(now: DateTime<Utc>, rng: &Rng) -> Self {
        let tail = URL_SAFE_NO_PAD.encode(rng.bytes::<3>());
        Self {
            id: format!("{}-{tail}", now.format("%Y%m%d")),
            secret: URL_SAFE_NO_PAD.encode(rng.bytes::<48>()).into(),
            made_at: now,
        }
    }
}

pub(super) fn path(settings: &Settings) -> PathBuf {
    settings.data_dir.join("secrets.toml")
}

pub(super) fn repair(path: &Path) -> String {
    format!(
        "{} cannot be used; put it right, or remove it to have a new key made (everybody signs in \
         again then)",
        path.display()
    )
}

/// The kept keys, or `None` where there is no file yet.
pub(super) fn read(path: &Path) -> anyhow::Result<Option<Vec<StoredKey>>> {
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
    let stored: KeyFile = toml::from_str(&text).map_err(|_| anyhow::anyhow!(repair(path)))?;
    Ok(Some(stored.keys))
}

/// Makes the file if there is none, and says whether it did.
pub(super) fn write_new(path: &Path, keys: &[StoredKey]) -> anyhow::Result<bool> {
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

pub(super) fn replace(path: &Path, keys: &[StoredKey]) -> anyhow::Result<()> {
    let draft = draft(path, keys)?;
    fs::rename(&draft, path).with_context(|| format!("cannot write {}", path.display()))?;
    sync_folder(path)
}

/// Writes the keys into a file of this process beside `path`, down to the disk.
fn draft(path: &Path, keys: &[StoredKey]) -> anyhow::Result<PathBuf> {
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
