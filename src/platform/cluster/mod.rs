//! A private Postgres cluster that starts and stops with the program.
//!
//! Without `DATABASE_URL`, Marquee runs Postgres itself: below its data directory, reachable only
//! through a Unix socket in a folder that nobody else may enter. `kill -9` loses nothing that
//! Postgres had acknowledged; the next start recovers.
//!
//! ```text
//! <data directory>/
//!   marquee.lock         held while a program uses the directory
//!   postgres.location    only as root, when Postgres cannot reach this directory (see `directory`)
//!   postgres/
//!     data/              what `initdb` made
//!     log/               one file for each day of the week
//!     socket/            the Unix socket, unless the path is too long for one
//! ```

use std::path::{Path, PathBuf};
use std::time::Duration;

mod binaries;
mod directory;
mod error;
mod init;
mod lock;
mod log;
mod orphans;
mod privileges;
mod report;
mod search_paths;
mod settings;
mod start;
mod supervisor;

pub use binaries::{Binaries, Origin, Probe, probe};
pub use error::ClusterError;
pub use lock::DataLock;
pub use privileges::Account;
pub use report::{Finding, Verdict, report};

/// How a private cluster is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program's data directory; made when it is missing.
    pub data_dir: PathBuf,
    /// A folder of Postgres binaries to try before all others (`MARQUEE_POSTGRES_BIN`).
    pub postgres_bin: Option<PathBuf>,
    /// Where `script/bootstrap` placed Postgres, if not at its usual place (`MARQUEE_POSTGRES_DIR`).
    pub postgres_dir: Option<PathBuf>,
}

impl Options {
    /// The usual options for `data_dir`; takes the two folders from the environment.
    pub fn from_environment(data_dir: impl Into<PathBuf>) -> Self {
        let folder = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Self {
            data_dir: data_dir.into(),
            postgres_bin: folder("MARQUEE_POSTGRES_BIN"),
            postgres_dir: folder("MARQUEE_POSTGRES_DIR"),
        }
    }
}

/// A running private cluster. It stops when it is stopped or dropped.
#[derive(Debug)]
pub struct Cluster {
    url: String,
    binaries: Binaries,
    // Fields are dropped in this order: the server has stopped before the place is given up.
    supervisor: supervisor::Supervisor,
    directory: directory::ClusterDirectory,
}

impl Cluster {
    /// Starts the cluster of a data directory, making it first where there is none.
    ///
    /// Comes back when Postgres takes connections. When the future is dropped half way, the
    /// start runs on in the background and what it started is stopped at once.
    pub async fn start(options: Options) -> Result<Self, ClusterError> {
        match tokio::task::spawn_blocking(move || start::start(&options)).await {
            Ok(outcome) => outcome,
            Err(error) => Err(ClusterError::Interrupted(error.to_string())),
        }
    }

    /// The address of the database, as `DATABASE_URL` would give it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The binaries this cluster runs on.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The folder that `initdb` made. Not below the data directory when Postgres cannot reach it.
    pub fn data(&self) -> PathBuf {
        self.directory.data()
    }

    /// The folder of the Unix socket.
    pub fn socket(&self) -> &Path {
        self.directory.socket()
    }

    /// The process id of the server.
    pub fn pid(&self) -> u32 {
        self.supervisor.pid()
    }

    /// Waits until Postgres has ended, whatever the reason, and says how it did.
    ///
    /// Postgres mends the death of a connection by itself; when the whole server goes, the
    /// program has nothing left to serve from and had better stop with this sentence.
    pub async fn ended(&self) -> String {
        self.supervisor.ended().await
    }

    /// Stops Postgres: open transactions are rolled back and everything is written to disk.
    pub async fn stop(self) {
        // A panic in there was already printed, and there is nothing to undo.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

/// The address of the database that another program runs for `data_dir` at the moment, if one
/// does. It ends with that program.
pub fn running(data_dir: &Path) -> Option<String> {
    DataLock::holder(data_dir)?.url
}

/// How often a state that changes within milliseconds is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
