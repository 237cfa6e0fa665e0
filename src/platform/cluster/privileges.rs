//! Who Postgres runs as.
//!
//! Postgres refuses to run as root. A program started by root therefore hands it to the owner of
//! the data, or for new data to `postgres`, or else to `nobody`.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{MetadataExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{Uid, User};

use super::ClusterError;

/// A user of this machine that root hands Postgres to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name, or its number where it has no name.
    pub name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// The account for the cluster in `root`, or `None` when Postgres simply runs as we do.
    pub(super) fn for_cluster(root: &Path) -> Result<Option<Self>, ClusterError> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        // What belongs to an ordinary user stays theirs when root starts the program once.
        let owner = [Some(root), root.parent()]
            .into_iter()
            .flatten()
            .filter_map(|folder| folder.metadata().ok())
            .find(|found| found.uid() != 0);
        if let Some(owner) = owner {
            return Ok(Some(Self::owner(&owner)));
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .map(|user| Some(Self::from(user)))
            .ok_or(ClusterError::NoAccount)
    }

    fn owner(metadata: &Metadata) -> Self {
        match User::from_uid(Uid::from_raw(metadata.uid())) {
            Ok(Some(user)) => Self::from(user),
            _ => Self {
                name: metadata.uid().to_string(),
                uid: metadata.uid(),
                gid: metadata.gid(),
            },
        }
    }

    /// The first folder on the way to `folder`, itself included, that this account may not enter.
    pub(super) fn barrier(&self, folder: &Path) -> Option<PathBuf> {
        let mut way: Vec<_> = folder.ancestors().collect();
        way.reverse();
        way.into_iter()
            .find(|step| step.metadata().is_ok_and(|found| !self.may_enter(&found)))
            .map(Path::to_owned)
    }

    fn may_enter(&self, folder: &Metadata) -> bool {
        let bit = if folder.uid() == self.uid {
            0o100
        } else if folder.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        folder.mode() & bit != 0
    }

    /// Makes this account the owner of one file or folder.
    pub(super) fn own(&self, path: &Path) -> io::Result<()> {
        lchown(path, Some(self.uid), Some(self.gid))
    }
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
        }
    }
}

/// The name of whoever owns this file or folder.
pub(super) fn owner_name(metadata: &Metadata) -> String {
    Account::owner(metadata).name
}

/// The number that files of the cluster belong to.
pub(super) fn uid(account: Option<&Account>) -> u32 {
    account.map_or_else(|| Uid::effective().as_raw(), |account| account.uid)
}

/// A command of Postgres that runs as `account`, in `folder`, with next to no environment.
///
/// With `uid` set, the standard library clears the supplementary groups and sets the group before
/// it gives up root, in the child only.
pub(super) fn command(
    program: impl AsRef<OsStr>,
    account: Option<&Account>,
    folder: &Path,
) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .env_clear()
        // Messages are searched for causes, so they must be in English.
        .env("LC_ALL", "C");
    for name in ["PATH", "LD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    command
}

/// Makes Postgres stop by itself when this program ends in a way that leaves no time to say so.
///
/// The kernel sends the signal when the *thread* that started the child ends, and forgets the
/// wish when the user changes. So the caller starts it from a thread that lives as long as the
/// child (see `supervisor`), and the standard library runs this after it has changed the user.
#[cfg(target_os = "linux")]
pub(super) fn end_with_this_program(command: &mut Command) {
    use nix::sys::{prctl, signal::Signal};

    let program = nix::unistd::getpid();
    let wish = move || {
        prctl::set_pdeathsig(Signal::SIGINT)?;
        // The program may have ended between the fork and the line above.
        if nix::unistd::getppid() != program {
            return Err(nix::errno::Errno::ESRCH.into());
        }
        Ok(())
    };
    // SAFETY: between fork and exec only calls that are safe in a signal handler are allowed.
    // `wish` makes two plain system calls; it allocates nothing and takes no lock, and the errors
    // it returns are bare numbers.
    unsafe {
        command.pre_exec(wish);
    }
}

/// Elsewhere there is no such wish; the next start stops what was left running.
#[cfg(not(target_os = "linux"))]
pub(super) fn end_with_this_program(_command: &mut Command) {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_first_closed_folder_is_named() {
        let base = tempfile::tempdir().unwrap();
        let closed = base.path().join("closed");
        let inner = closed.join("inner");
        std::fs::create_dir_all(&inner).unwrap();
        set_permissions(base.path(), Permissions::from_mode(0o755)).unwrap();
        set_permissions(&inner, Permissions::from_mode(0o755)).unwrap();
        let stranger = Account {
            name: "stranger".to_owned(),
            uid: 4_000_000_001,
            gid: 4_000_000_001,
        };
        set_permissions(&closed, Permissions::from_mode(0o711)).unwrap();
        assert_ne!(stranger.barrier(&inner), Some(closed.clone()));
        set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
        assert_eq!(stranger.barrier(&inner), Some(closed));
    }
}
