//! The settings of the server, computed from the machine at each start.
//!
//! They are handed over on the command line, so there is no file to keep in step. Whoever wants to
//! tune Postgres runs their own and sets `DATABASE_URL`.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::directory::ClusterDirectory;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// What the machine has.
#[derive(Debug, Clone, Copy)]
struct Machine {
    /// Memory in bytes that this program and Postgres may use together.
    memory: u64,
    /// Free bytes on the disk of the data.
    disk: u64,
    /// Free bytes of POSIX shared memory, where it is limited.
    shared: Option<u64>,
}

impl Machine {
    fn probe(data: &Path) -> Self {
        Self {
            memory: memory().unwrap_or(4 * GIB),
            disk: free(data).unwrap_or(10 * GIB),
            shared: free(Path::new("/dev/shm")),
        }
    }
}

/// Everything that is set for the cluster at `directory`.
pub(super) fn settings(directory: &ClusterDirectory) -> Vec<(&'static str, OsString)> {
    let mut socket = OsString::from("\"");
    socket.push(directory.socket());
    socket.push("\"");
    let mut settings: Vec<(&'static str, OsString)> = vec![
        ("cluster_name", "marquee".into()),
        ("listen_addresses", "".into()),
        // A list; the quotes keep a comma in the path from cutting it in two.
        ("unix_socket_directories", socket),
        ("unix_socket_permissions", "0700".into()),
        ("port", "5432".into()),
        ("max_connections", "100".into()),
        // An answered write must survive `kill -9` and a power cut.
        ("fsync", "on".into()),
        ("synchronous_commit", "on".into()),
        ("full_page_writes", "on".into()),
        ("wal_compression", "on".into()),
        // The queries are short; compiling them costs more than it saves.
        ("jit", "off".into()),
        ("random_page_cost", "1.1".into()),
        ("timezone", "UTC".into()),
        ("log_timezone", "UTC".into()),
        ("log_statement", "none".into()),
        ("log_min_duration_statement", "-1".into()),
        ("log_line_prefix", "%m [%p] %q%u ".into()),
        // A file for each day of the week, begun anew a week later.
        ("logging_collector", "on".into()),
        ("log_directory", directory.log().into()),
        ("log_filename", "postgres-%a.log".into()),
        ("log_rotation_age", "1d".into()),
        ("log_rotation_size", "0".into()),
        ("log_truncate_on_rotation", "on".into()),
    ];
    let machine = Machine::probe(directory.root());
    let sizes = sizes(&machine);
    settings.extend(sizes.map(|(name, bytes)| (name, format!("{}MB", bytes / MIB).into())));
    // Containers often allow 64 MiB only, and an index built in parallel asks for more and then
    // fails as if the disk were full. Files do instead.
    if machine.shared.is_some_and(|free| free < GIB / 2) {
        settings.push(("dynamic_shared_memory_type", "mmap".into()));
    }
    settings
}

/// The sizes that depend on the machine. The program's own models want memory too.
fn sizes(machine: &Machine) -> [(&'static str, u64); 5] {
    let share = |parts: u64, least: u64, most: u64| (machine.memory / parts).clamp(least, most);
    [
        ("shared_buffers", share(8, 32 * MIB, 2 * GIB)),
        ("effective_cache_size", share(2, 128 * MIB, 64 * GIB)),
        // For each sort of each connection, so this one is small.
        ("work_mem", share(1024, 4 * MIB, 32 * MIB)),
        // An index over the vectors is built in this.
        ("maintenance_work_mem", share(24, 32 * MIB, GIB)),
        (
            "max_wal_size",
            (machine.disk / 16).clamp(128 * MIB, 4 * GIB),
        ),
    ]
}

/// The machine's memory, or less where a container has a limit.
fn memory() -> Option<u64> {
    let info = fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    let limits = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ];
    let limit = limits
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok())
        .min()
        .unwrap_or(u64::MAX);
    Some(limit.min(kib * 1024))
}

fn wide(number: impl Into<u64>) -> u64 {
    number.into()
}

/// Free bytes of the file system that holds `path`.
pub(super) fn free(path: &Path) -> Option<u64> {
    let found = statvfs(path).ok()?;
    // The types differ from system to system.
    let (blocks, size) = (wide(found.blocks_available()), wide(found.fragment_size()));
    blocks.checked_mul(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(memory: u64, disk: u64) -> [(&'static str, u64); 5] {
        sizes(&Machine {
            memory,
            disk,
            shared: None,
        })
    }

    #[test]
    fn a_large_machine_keeps_memory_for_the_models() {
        let [buffers, cache, work, maintenance, wal] = of(24 * GIB, 500 * GIB);
        assert_eq!(buffers, ("shared_buffers", 2 * GIB));
        assert_eq!(cache, ("effective_cache_size", 12 * GIB));
        assert_eq!(work, ("work_mem", 24 * MIB));
        assert_eq!(maintenance, ("maintenance_work_mem", GIB));
        assert_eq!(wal, ("max_wal_size", 4 * GIB));
    }

    #[test]
    fn a_tiny_machine_still_gets_what_postgres_needs() {
        let [buffers, _, work, _, wal] = of(GIB / 4, GIB);
        assert_eq!(buffers, ("shared_buffers", 32 * MIB));
        assert_eq!(work, ("work_mem", 4 * MIB));
        assert_eq!(wal, ("max_wal_size", 128 * MIB));
    }
}
