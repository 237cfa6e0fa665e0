//! What every test of the cluster needs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use marquee::platform::cluster::{Cluster, Options};
use nix::sys::signal::kill;
use nix::unistd::{Pid, Uid};

/// A temporary folder that any user may pass through, as the folders around a clone usually are.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::Builder::new()
            .prefix("cluster")
            .tempdir()
            .unwrap();
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

pub fn options(folder: &Folder) -> Options {
    Options::from_environment(folder.path().join("data"))
}

pub async fn start(folder: &Folder) -> Cluster {
    Cluster::start(options(folder)).await.unwrap()
}

/// Runs SQL through Postgres' own client and gives back what it prints.
pub fn psql(cluster: &Cluster, sql: &str) -> String {
    let output = Command::new(cluster.binaries().program("psql"))
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
        .args(["--set", "ON_ERROR_STOP=1", "--command", sql, cluster.url()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{sql}: {said}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub fn running(pid: u32) -> bool {
    // A process that has ended and was not yet collected runs no more.
    let ended = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.contains(") Z "));
    !ended && kill(Pid::from_raw(pid.cast_signed()), None).is_ok()
}

pub fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// A small file system of its own, unmounted at the end.
pub struct Disk(PathBuf);

impl Disk {
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// Mounts a small disk, or `None` where that is not allowed.
pub fn small_disk(folder: &Folder, with: &str) -> Option<Disk> {
    if !is_root() {
        return None;
    }
    let point = folder.path().join("disk");
    std::fs::create_dir(&point).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", with, "none"])
        .arg(&point)
        .output()
        .is_ok_and(|output| output.status.success());
    mounted.then_some(Disk(point))
}
