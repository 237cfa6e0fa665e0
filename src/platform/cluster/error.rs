//! What can go wrong with the private cluster. Each is a sentence that says what to do.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use super::binaries::Probe;

/// Why the private cluster does not run.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Another program holds the data directory.
    #[error(
        "another Marquee ({}) already uses the data directory {}; stop it first, or give this one \
         a data directory of its own",
        .pid.map_or_else(|| "process unknown".to_owned(), |pid| format!("process {pid}")),
        .data_dir.display()
    )]
    InUse {
        /// The directory both want.
        data_dir: PathBuf,
        /// Who holds it, as far as the lock file tells.
        pid: Option<u32>,
    },

    /// No usable Postgres anywhere.
    #[error(
        "no usable Postgres with pgvector was found; run script/bootstrap, install Postgres and \
         pgvector from your system's packages, or set DATABASE_URL. Looked at:\n{}",
        list(.0)
    )]
    NoBinaries(Vec<Probe>),

    /// The data was made by a release of Postgres that is not here.
    #[error(
        "the database in {} was made by Postgres {made_by}, and no usable Postgres {made_by} was \
         found; bring it (script/bootstrap brings 16 and 18), or start with another data \
         directory. Looked at:\n{}",
        .data.display(), list(.probes)
    )]
    OtherVersion {
        /// The folder of the database.
        data: PathBuf,
        /// The major version that made it.
        made_by: String,
        /// Every place that was looked at.
        probes: Vec<Probe>,
    },

    /// The file system is full.
    #[error("the disk is full: could not {action} {}; make room and start again", .path.display())]
    DiskFull {
        /// What was being done.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
    },

    /// The file system is read-only.
    #[error(
        "the disk is read-only: could not {action} {}; make it writable, or choose another data \
         directory",
        .path.display()
    )]
    ReadOnly {
        /// What was being done.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
    },

    /// Permission is missing.
    #[error(
        "not allowed to {action} {}; give the user who starts Marquee the right to write there, or \
         choose another data directory",
        .path.display()
    )]
    NotAllowed {
        /// What was being done.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
    },

    /// The cluster belongs to another user.
    #[error(
        "{} belongs to the user {owner}; start Marquee as that user or as root, or choose another \
         data directory",
        .path.display()
    )]
    BelongsTo {
        /// The folder.
        path: PathBuf,
        /// Its owner.
        owner: String,
    },

    /// Postgres may no longer enter the folder of its data.
    #[error(
        "Postgres runs as the user {account}, who may not enter {} any more; give that user the \
         right to pass through (chmod o+x) each folder on the way",
        .path.display()
    )]
    Unreachable {
        /// The folder.
        path: PathBuf,
        /// The user that Postgres runs as.
        account: String,
    },

    /// Root has nobody to hand Postgres to.
    #[error(
        "Postgres refuses to run as root, and this machine has neither a user postgres nor a user \
         nobody; make one (useradd --system postgres), or start Marquee as an ordinary user"
    )]
    NoAccount,

    /// The data directory could not be made by `initdb`.
    #[error("could not make a database in {}: {said}", .data.display())]
    Init {
        /// The folder of the database.
        data: PathBuf,
        /// The last lines that the tool printed.
        said: String,
    },

    /// Postgres ended before it was ready.
    #[error("Postgres did not start ({how}); its last words:\n{said}")]
    Start {
        /// How it ended.
        how: String,
        /// The last lines of its log.
        said: String,
    },

    /// An earlier server would not go.
    #[error(
        "an earlier Postgres (process {pid}) still runs on {} and does not stop; end that process \
         and start again",
        .data.display()
    )]
    Leftover {
        /// The earlier server.
        pid: i32,
        /// The folder of the database.
        data: PathBuf,
    },

    /// Anything else that the operating system refused.
    #[error("could not {action} {}: {source}", .path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: Error,
    },

    /// The task that was starting the cluster ended early.
    #[error("the start of Postgres was interrupted: {0}")]
    Interrupted(String),
}

impl ClusterError {
    /// Names what the operating system refused, so that a full disk reads as a full disk.
    pub(super) fn io(action: &'static str, path: &Path, source: Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull { action, path },
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { action, path },
            ErrorKind::PermissionDenied => Self::NotAllowed { action, path },
            _ => Self::Io {
                action,
                path,
                source,
            },
        }
    }

    /// Looks into what Postgres or `initdb` said for a cause that has a sentence of its own.
    pub(super) fn from_words(action: &'static str, path: &Path, said: &str) -> Option<Self> {
        let path = path.to_owned();
        let full = [
            "No space left on device",
            "Disk quota exceeded",
            // A write that was cut short has no error number; Postgres gives this hint.
            "Check free disk space",
        ];
        if full.iter().any(|words| said.contains(words)) {
            Some(Self::DiskFull { action, path })
        } else if said.contains("Read-only file system") {
            Some(Self::ReadOnly { action, path })
        } else {
            None
        }
    }
}

fn list(probes: &[Probe]) -> String {
    let lines: Vec<_> = probes.iter().map(|probes| format!("  {probes}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_reads_as_a_full_disk() {
        let source = Error::from_raw_os_error(nix::errno::Errno::ENOSPC as i32);
        let error = ClusterError::io("write", Path::new("/data/x"), source);
        assert_eq!(
            error.to_string(),
            "the disk is full: could not write /data/x; make room and start again"
        );
    }

    #[test]
    fn the_words_of_postgres_name_the_cause() {
        let path = Path::new("/data");
        let full = "FATAL:  could not write lock file: No space left on device";
        let error = ClusterError::from_words("start Postgres in", path, full).unwrap();
        assert!(matches!(error, ClusterError::DiskFull { .. }));
        assert!(ClusterError::from_words("start Postgres in", path, "FATAL: other").is_none());
    }
}
