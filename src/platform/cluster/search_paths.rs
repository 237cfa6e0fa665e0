//! The folders that may contain Postgres binaries, best first.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Options, Origin};

/// Every folder worth a look: the one that was asked for, those that `script/bootstrap` placed,
/// and the system's.
pub(super) fn search_paths(options: &Options) -> Vec<(Origin, PathBuf)> {
    let mut search_paths = Vec::new();
    if let Some(bin) = &options.postgres_bin {
        search_paths.push((Origin::Setting, bin.clone()));
    }
    let placed = options
        .postgres_dir
        .clone()
        .map_or_else(usual_postgres_dirs, |folder| vec![folder]);
    for folder in placed {
        let bins = releases(&folder, "");
        if bins.is_empty() {
            search_paths.push((Origin::Bootstrap, folder));
        } else {
            search_paths.extend(bins.into_iter().map(|bin| (Origin::Bootstrap, bin)));
        }
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).filter(|folder| folder.join("postgres").is_file());
    let system = on_path
        .chain(releases(Path::new("/usr/lib/postgresql"), ""))
        .chain(releases(Path::new("/usr"), "pgsql-"))
        .chain(releases(Path::new("/opt/homebrew/opt"), "postgresql@"))
        .chain(releases(Path::new("/usr/local/opt"), "postgresql@"));
    search_paths.extend(system.map(|bin| (Origin::System, bin)));
    search_paths
}

/// Where `script/bootstrap` places Postgres: for an ordinary user below the home folder, for root
/// where the user that Postgres runs as can reach it. The script knows the same two places.
fn usual_postgres_dirs() -> Vec<PathBuf> {
    let folder = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let own = folder("XDG_DATA_HOME").or_else(|| Some(folder("HOME")?.join(".local/share")));
    let shared = PathBuf::from("/opt/marquee/postgres");
    own.map(|base| base.join("marquee/postgres"))
        .filter(|_| !nix::unistd::Uid::effective().is_root())
        .into_iter()
        .chain([shared])
        .collect()
}

/// The folders `<base>/<prefix><release>/bin`, newest release first.
fn releases(base: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(base) else {
        return Vec::new();
    };
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name();
            let release = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((release, entry.path().join("bin")))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_release_comes_first() {
        let base = tempfile::tempdir().unwrap();
        for name in ["9", "18", "16", "other"] {
            fs::create_dir(base.path().join(name)).unwrap();
        }
        let names: Vec<_> = releases(base.path(), "")
            .iter()
            .map(|path| path.strip_prefix(base.path()).unwrap().to_owned())
            .collect();
        assert_eq!(names, ["18/bin", "16/bin", "9/bin"].map(PathBuf::from));
    }
}
