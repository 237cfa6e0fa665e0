//! The directory of the cluster: finding, claiming and creating it.
//!
//! It lives in `<data directory>/postgres`. As root, Postgres runs as a user who may be unable to
//! reach that (a clone below `/root`, for example). Then it lives below `/var/lib/marquee`, and
//! `postgres.location` in the data directory says where. That file decides at every later start,
//! so a change of permissions never makes a database seem to vanish.

use std::fs::{self, DirBuilder, File, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::Uid;

use super::privileges::{self, Account};
use super::{ClusterError, DataLock};

const POINTER: &str = "postgres.location";
const ELSEWHERE: &str = "/var/lib/marquee";
/// The longest path of a socket that every supported system takes, less `/.s.PGSQL.5432`.
const LONGEST_SOCKET_FOLDER: usize = 103 - 14;

/// The directory of a cluster, claimed by this process.
#[derive(Debug)]
pub(super) struct ClusterDirectory {
    root: PathBuf,
    socket: PathBuf,
    account: Option<Account>,
    locks: Vec<DataLock>,
}

impl ClusterDirectory {
    /// Claims the cluster of a data directory and makes the folders around it.
    pub(super) fn claim(data_dir: &Path) -> Result<Self, ClusterError> {
        let data_dir = make_data_dir(data_dir)?;
        let mut locks = vec![DataLock::take(&data_dir)?];
        let mut home = data_dir.clone();
        if let Some(elsewhere) = moved_to(&data_dir)? {
            // Two copies of a data directory may point at one place; its own lock keeps them apart.
            make_folder(&elsewhere, 0o711)?;
            locks.push(DataLock::take(&elsewhere)?);
            home = canonical(&elsewhere)?;
        }

        let account = Account::for_cluster(&home.join("postgres"))?;
        if let Some(account) = &account
            && let Some(barrier) = account.barrier(&home)
        {
            if home != data_dir || home.join("postgres").exists() {
                return Err(ClusterError::Unreachable {
                    path: barrier,
                    account: account.name.clone(),
                });
            }
            home = canonical(&move_elsewhere(&data_dir)?)?;
            locks.push(DataLock::take(&home)?);
            tracing::warn!(
                "Postgres runs as the user {}, who may not enter {}; the database is in {}",
                account.name,
                barrier.display(),
                home.display()
            );
        }

        let root = home.join("postgres");
        make_private(&root, account.as_ref())?;
        let socket = socket_folder(&root, account.as_ref());
        make_private(&socket, account.as_ref())?;
        Ok(Self {
            root,
            socket,
            account,
            locks,
        })
    }

    /// Publishes the URL of the database for other processes.
    pub(super) fn announce(&mut self) -> Result<(), ClusterError> {
        let url = self.url();
        for lock in &mut self.locks {
            lock.announce(&url)
                .map_err(|error| ClusterError::io("write", &self.root, error))?;
        }
        Ok(())
    }

    /// The folder around everything of the cluster.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// What `initdb` makes.
    pub(super) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Where `initdb` works until it is done.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.root.join("data.new")
    }

    /// The log files.
    pub(super) fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The folder of the Unix socket.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Who Postgres runs as, when that is not the user who started the program.
    pub(super) fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// The address of the database `marquee` on this cluster's socket.
    pub(super) fn url(&self) -> String {
        let mut host = String::new();
        for &byte in self.socket.as_os_str().as_bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                    host.push(char::from(byte));
                }
                _ => host.push_str(&format!("%{byte:02X}")),
            }
        }
        format!("postgres://marquee@localhost/marquee?host={host}")
    }
}

/// Where the cluster of `data_dir` is when it is elsewhere.
pub(super) fn moved_to(data_dir: &Path) -> Result<Option<PathBuf>, ClusterError> {
    let pointer = data_dir.join(POINTER);
    match fs::read_to_string(&pointer) {
        Ok(text) => Ok(Some(PathBuf::from(text.trim_end_matches('\n')))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ClusterError::io("read", &pointer, error)),
    }
}

fn make_data_dir(data_dir: &Path) -> Result<PathBuf, ClusterError> {
    if !data_dir.exists() {
        // As root, the user that Postgres runs as must be able to pass through; the folder still
        // cannot be listed. Otherwise nobody else has any business there.
        let mode = if Uid::effective().is_root() {
            0o711
        } else {
            0o700
        };
        if let Some(parent) = data_dir.parent() {
            fs::create_dir_all(parent)
                .map_err(|error| ClusterError::io("make the folder", data_dir, error))?;
        }
        make_folder(data_dir, mode)?;
    }
    canonical(data_dir)
}

/// The path that the kernel knows the folder by, so that paths can be compared.
fn canonical(folder: &Path) -> Result<PathBuf, ClusterError> {
    folder
        .canonicalize()
        .map_err(|error| ClusterError::io("open", folder, error))
}

/// Makes a folder that nobody uses yet below `/var/lib/marquee` and notes it in the data directory.
fn move_elsewhere(data_dir: &Path) -> Result<PathBuf, ClusterError> {
    let base = Path::new(ELSEWHERE);
    make_folder(base, 0o755)?;
    let name = short_hash(data_dir);
    // Without a note in the data directory, a folder of this name belongs to an earlier data
    // directory at the same path, which somebody removed. Its data is left alone.
    let mut number = 1;
    let home = loop {
        let home = base.join(format!("{name}-{number}"));
        match DirBuilder::new().mode(0o711).create(&home) {
            Ok(()) => break home,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(ClusterError::io("make the folder", &home, error)),
        }
    };
    open_up(&home, 0o711)?;
    write(&home.join("belongs-to"), data_dir)?;
    write(&data_dir.join(POINTER), &home)?;
    Ok(home)
}

/// Writes one path into a file so that a crash leaves the whole of it or nothing.
fn write(file: &Path, content: &Path) -> Result<(), ClusterError> {
    let unfinished = file.with_extension("new");
    let trouble = |error| ClusterError::io("write", file, error);
    let mut out = File::create(&unfinished).map_err(trouble)?;
    out.write_all(content.as_os_str().as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.sync_all())
        .and_then(|()| fs::rename(&unfinished, file))
        .map_err(trouble)
}

/// A short folder for the socket: the system limits the length of its path.
fn socket_folder(root: &Path, account: Option<&Account>) -> PathBuf {
    let usual = root.join("socket");
    if usual.as_os_str().len() <= LONGEST_SOCKET_FOLDER {
        return usual;
    }
    let name = format!("marquee-{}-{}", privileges::uid(account), short_hash(root));
    // The runtime folder belongs to the user who logged in, so it is no use to another account.
    let runtime = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|folder| account.is_none() && folder.is_dir());
    match runtime.map(|folder| folder.join(&name)) {
        Some(folder) if folder.as_os_str().len() <= LONGEST_SOCKET_FOLDER => folder,
        _ => Path::new("/tmp").join(name),
    }
}

fn short_hash(path: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn make_folder(folder: &Path, mode: u32) -> Result<(), ClusterError> {
    match DirBuilder::new().mode(mode).create(folder) {
        Ok(()) => open_up(folder, mode),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(ClusterError::io("make the folder", folder, error)),
    }
}

/// Gives a new folder its mode in spite of a strict umask.
fn open_up(folder: &Path, mode: u32) -> Result<(), ClusterError> {
    fs::set_permissions(folder, Permissions::from_mode(mode))
        .map_err(|error| ClusterError::io("set the permissions of", folder, error))
}

/// A folder that only the user of Postgres may enter. One that is there already must be theirs:
/// whoever can enter it can read and change the database.
fn make_private(folder: &Path, account: Option<&Account>) -> Result<(), ClusterError> {
    make_folder(folder, 0o700)?;
    let found = folder
        .symlink_metadata()
        .map_err(|error| ClusterError::io("open", folder, error))?;
    let mine = privileges::uid(account);
    match account {
        // Just made by root, or left so by a start that was killed at this line.
        Some(account) if found.is_dir() && found.uid() == 0 => account
            .own(folder)
            .map_err(|error| ClusterError::io("set the owner of", folder, error))?,
        _ if !found.is_dir() || found.uid() != mine => {
            return Err(ClusterError::BelongsTo {
                path: folder.to_owned(),
                owner: privileges::owner_name(&found),
            });
        }
        _ => {}
    }
    if found.mode() & 0o777 == 0o700 {
        Ok(())
    } else {
        open_up(folder, 0o700)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_gets_a_short_socket() {
        let long = Path::new("/srv").join("x".repeat(200));
        let folder = socket_folder(&long, None);
        assert!(
            folder.as_os_str().len() <= LONGEST_SOCKET_FOLDER,
            "{folder:?}"
        );
        assert_eq!(
            folder,
            socket_folder(&long, None),
            "the same at every start"
        );
        let short = Path::new("/srv/marquee/postgres");
        assert_eq!(socket_folder(short, None), short.join("socket"));
    }

    #[test]
    fn the_address_survives_odd_folder_names() {
        let directory = ClusterDirectory {
            root: PathBuf::from("/srv/a b"),
            socket: PathBuf::from("/srv/a b&c/socket"),
            account: None,
            locks: Vec::new(),
        };
        assert_eq!(
            directory.url(),
            "postgres://marquee@localhost/marquee?host=/srv/a%20b%26c/socket"
        );
    }
}
