//! Finding Postgres binaries that come with pgvector.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::privileges::{self, Account};
use super::{ClusterError, Options, search_paths};

/// Older ones lack what the migrations use; 16 and 18 are tested.
const OLDEST_POSTGRES: u32 = 16;
/// The first with iterative index scans, without which a filtered search comes back short.
const OLDEST_PGVECTOR: (u32, u32) = (0, 8);

/// A folder of Postgres programs that Marquee can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// The folder that holds `postgres` and `initdb`.
    pub bin: PathBuf,
    /// The release, as in "18".
    pub major: u32,
    /// The full version, as in "18.1".
    pub version: String,
    /// The version of pgvector, as in "0.8.1".
    pub pgvector: String,
}

impl Binaries {
    /// The path of one program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// Why a folder was probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `MARQUEE_POSTGRES_BIN`
    Setting,
    /// Placed by `script/bootstrap`.
    Bootstrap,
    /// Installed on the system.
    System,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Setting => "MARQUEE_POSTGRES_BIN",
            Self::Bootstrap => "script/bootstrap",
            Self::System => "system",
        })
    }
}

/// A probed folder, and the result.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The folder.
    pub directory: PathBuf,
    /// Why it was probed.
    pub origin: Origin,
    /// The binaries, or why they cannot be used.
    pub outcome: Result<Binaries, String>,
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): ", self.directory.display(), self.origin)?;
        match &self.outcome {
            Ok(found) => write!(f, "Postgres {}, pgvector {}", found.version, found.pgvector),
            Err(reason) => write!(f, "passed over, {reason}"),
        }
    }
}

/// Probes all folders, best first. `account` is the user that Postgres would run as.
pub fn probe(options: &Options, account: Option<&Account>) -> Vec<Probe> {
    let mut seen = Vec::new();
    let mut probes = Vec::new();
    for (origin, directory) in search_paths::search_paths(options) {
        // The same folder by two names is looked at once.
        let real = directory
            .canonicalize()
            .unwrap_or_else(|_| directory.clone());
        if seen.contains(&real) {
            continue;
        }
        let outcome = inspect(&real, account);
        seen.push(real);
        probes.push(Probe {
            directory,
            origin,
            outcome,
        });
    }
    probes
}

/// The best binaries for new data, or those of the release that made the data.
pub(super) fn choose(
    probes: Vec<Probe>,
    data: &Path,
    made_by: Option<String>,
) -> Result<Binaries, ClusterError> {
    let fitting = |found: &&Binaries| {
        made_by
            .as_ref()
            .is_none_or(|major| *major == found.major.to_string())
    };
    let found = probes
        .iter()
        .filter_map(|probes| probes.outcome.as_ref().ok())
        .find(fitting)
        .cloned();
    match (found, made_by) {
        (Some(found), _) => Ok(found),
        (None, None) => Err(ClusterError::NoBinaries(probes)),
        (None, Some(made_by)) => Err(ClusterError::OtherVersion {
            data: data.to_owned(),
            made_by,
            probes,
        }),
    }
}

fn inspect(bin: &Path, account: Option<&Account>) -> Result<Binaries, String> {
    if !bin.is_dir() {
        return Err("no such folder".to_owned());
    }
    for program in ["postgres", "initdb"] {
        if !bin.join(program).is_file() {
            return Err(format!("no {program} in it"));
        }
    }
    let version = version(bin, account)?;
    let major: u32 = version
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| format!("its version {version} is unknown"))?;
    if major < OLDEST_POSTGRES {
        return Err(format!(
            "it is Postgres {version}, and {OLDEST_POSTGRES} or newer is needed"
        ));
    }
    let pgvector = pgvector(bin, major).ok_or(format!("Postgres {version} without pgvector"))?;
    let mut numbers = pgvector.split('.').map(|part| part.parse().unwrap_or(0));
    let short = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if short < OLDEST_PGVECTOR {
        let (major, minor) = OLDEST_PGVECTOR;
        return Err(format!(
            "its pgvector is {pgvector}, and {major}.{minor} or newer is needed"
        ));
    }
    Ok(Binaries {
        bin: bin.to_owned(),
        major,
        version,
        pgvector,
    })
}

/// Asks the server itself, as the user it would run as: that proves that this user can reach the
/// folder, that the libraries are there and that it was made for this machine.
fn version(bin: &Path, account: Option<&Account>) -> Result<String, String> {
    let output = privileges::command(bin.join("postgres"), account, Path::new("/"))
        .arg("--version")
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| match account {
            Some(account) => format!("the user {} cannot run it: {error}", account.name),
            None => format!("it cannot be run: {error}"),
        })?;
    let said = String::from_utf8_lossy(&output.stdout);
    // "postgres (PostgreSQL) 18.1 (Debian 18.1-1)"
    match said.split_whitespace().nth(2) {
        Some(version) if output.status.success() => Ok(version.to_owned()),
        _ => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("it does not run: {}", said.trim()))
        }
    }
}

/// The version of pgvector beside these binaries.
fn pgvector(bin: &Path, major: u32) -> Option<String> {
    // A server that was moved finds its files relative to itself, and so does this.
    let mut shares = vec![
        bin.join("../share/postgresql"),
        bin.join("../share"),
        bin.join(format!("../share/postgresql@{major}")),
    ];
    // Debian keeps the programs and their files apart.
    if bin.starts_with("/usr/lib/postgresql") {
        shares.push(PathBuf::from(format!("/usr/share/postgresql/{major}")));
    }
    let asked = privileges::command(bin.join("pg_config"), None, Path::new("/"))
        .arg("--sharedir")
        .stderr(Stdio::null())
        .output()
        .ok()
        .map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
        .filter(|folder| folder.is_absolute());
    // The installation's own answer rules: a folder in a usual place may belong to another one.
    if let Some(folder) = asked {
        shares = vec![folder];
    }
    shares.iter().find_map(|share| {
        let control = fs::read_to_string(share.join("extension/vector.control")).ok()?;
        let line = control
            .lines()
            .find(|line| line.trim_start().starts_with("default_version"))?;
        Some(line.split('\'').nth(1)?.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probes(major: u32) -> Probe {
        Probe {
            directory: PathBuf::from(format!("/pg/{major}")),
            origin: Origin::System,
            outcome: Ok(Binaries {
                bin: PathBuf::from(format!("/pg/{major}")),
                major,
                version: format!("{major}.1"),
                pgvector: "0.8.0".to_owned(),
            }),
        }
    }

    #[test]
    fn data_keeps_the_release_that_made_it() {
        let data = Path::new("/data");
        let all = || vec![probes(18), probes(16)];
        assert_eq!(choose(all(), data, None).unwrap().major, 18);
        assert_eq!(
            choose(all(), data, Some("16".to_owned())).unwrap().major,
            16
        );
        let sentence = choose(all(), data, Some("17".to_owned()))
            .unwrap_err()
            .to_string();
        assert!(sentence.contains("made by Postgres 17"), "{sentence}");
    }
}
