//! One program for each data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use nix::libc;

use super::ClusterError;

const NAME: &str = "marquee.lock";

/// The right to use a data directory, kept as long as this value lives.
///
/// The operating system gives the lock back when the program ends in whatever way, so a lock
/// file that stays behind means nothing. Postgres does not inherit the lock: files are closed
/// when another program is started.
#[derive(Debug)]
pub struct DataLock {
    file: File,
}

impl DataLock {
    /// Takes the lock of `data_dir`, or says who has it.
    pub fn take(data_dir: &Path) -> Result<Self, ClusterError> {
        let path = data_dir.join(NAME);
        let trouble = |action| {
            let path = path.clone();
            move |error| ClusterError::io(action, &path, error)
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            // A link planted under this name must not lead root to write elsewhere.
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
            .map_err(trouble("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(ClusterError::InUse {
                    data_dir: data_dir.to_owned(),
                    pid: holder_in(&mut file).pid,
                });
            }
            Err(TryLockError::Error(error)) => return Err(trouble("lock")(error)),
        }
        // When root starts the program in a folder of somebody else, they must be able to take the
        // lock later. Only root can give a file away, so for others this changes nothing.
        if let Ok(folder) = data_dir.metadata() {
            let _ = fchown(&file, Some(folder.uid()), Some(folder.gid()));
        }
        file.set_len(0).map_err(trouble("write"))?;
        file.rewind().map_err(trouble("write"))?;
        writeln!(file, "{}", std::process::id()).map_err(trouble("write"))?;
        Ok(Self { file })
    }

    /// Tells other programs where the database answers while this lock is held.
    pub(super) fn announce(&mut self, url: &str) -> std::io::Result<()> {
        writeln!(self.file, "{url}")
    }

    /// Who holds the lock of `data_dir` at the moment, without waiting and without keeping it.
    pub(super) fn holder(data_dir: &Path) -> Option<Holder> {
        let mut file = File::open(data_dir.join(NAME)).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(holder_in(&mut file)),
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }
}

impl Drop for DataLock {
    fn drop(&mut self) {
        // An emptied file tells a reader that the end was orderly. The lock itself goes with the
        // file handle, so a failure here changes nothing.
        let _ = self.file.set_len(0);
    }
}

/// Another program that holds a data directory.
#[derive(Default)]
pub(super) struct Holder {
    pub(super) pid: Option<u32>,
    /// Where its database answers, once it does.
    pub(super) url: Option<String>,
}

fn holder_in(file: &mut File) -> Holder {
    let mut text = String::new();
    if file.read_to_string(&mut text).is_err() {
        return Holder::default();
    }
    let mut lines = text.lines();
    Holder {
        pid: lines.next().and_then(|line| line.trim().parse().ok()),
        url: lines.next().map(ToOwned::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_and_told_who_is_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataLock::take(folder.path()).unwrap();
        let sentence = DataLock::take(folder.path()).unwrap_err().to_string();
        let me = format!("another Marquee (process {})", std::process::id());
        assert!(sentence.starts_with(&me), "{sentence}");
        assert!(DataLock::holder(folder.path()).is_some());
        drop(first);
        assert!(DataLock::holder(folder.path()).is_none());
        DataLock::take(folder.path()).unwrap();
    }
}
