//! What an earlier program left behind: a server that outlived it, or files that name one.
//!
//! On Linux the server ends with the program even after `kill -9`, but it may still be on its way
//! out, and elsewhere it stays. The data directory is locked for this program, so whatever still
//! runs there has lost its owner: it is stopped, and a fresh one is started.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::thread;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::supervisor::{GRACEFUL_TIMEOUT, IMMEDIATE_TIMEOUT};
use super::{ClusterError, POLL_INTERVAL};

const PID_FILE: &str = "postmaster.pid";
const SOCKET_LOCK: &str = ".s.PGSQL.5432.lock";

/// Stops an earlier server on `data`, and removes files that would fool a new one.
pub(super) fn clear(data: &Path, socket: &Path) -> Result<(), ClusterError> {
    stop(data)?;
    forget(&data.join(PID_FILE))?;
    forget(&socket.join(SOCKET_LOCK))
}

fn stop(data: &Path) -> Result<(), ClusterError> {
    let mut left = servers(data);
    let Some(&first) = left.first() else {
        return Ok(());
    };
    tracing::info!("stopping an earlier Postgres (process {first}) that outlived its program");
    for (signal, limit) in [
        (Signal::SIGINT, GRACEFUL_TIMEOUT),
        (Signal::SIGQUIT, IMMEDIATE_TIMEOUT),
    ] {
        // The postmaster passes it on in the right order. Its orphans end by themselves, as soon as
        // they notice, or else with the second signal; the first means other things to them.
        let postmaster = pid_in(&data.join(PID_FILE)).filter(|pid| left.contains(pid));
        for &process in &left {
            if postmaster == Some(process) || (postmaster.is_none() && signal == Signal::SIGQUIT) {
                // It may end between the look and the signal.
                let _ = kill(process, signal);
            }
        }
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            left = servers(data);
            if left.is_empty() {
                return Ok(());
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
    Err(ClusterError::Leftover {
        pid: first.as_raw(),
        data: data.to_owned(),
    })
}

/// Removes a lock file of a server that is gone while something else has its process number.
///
/// Postgres sees by itself that a process is gone. It cannot see that the number was given to
/// another program since, or that the process only waits to be collected by a parent that never
/// does. Both are common in containers, and it would refuse to start.
fn forget(file: &Path) -> Result<(), ClusterError> {
    let Some(pid) = pid_in(file) else {
        return Ok(());
    };
    if kill(pid, None) == Err(Errno::ESRCH) {
        return Ok(());
    }
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(ClusterError::io("remove", file, error))
        }
        _ => Ok(()),
    }
}

/// Whether the server with this process id says in its process file that it takes connections.
pub(super) fn is_ready(data: &Path, server: u32) -> bool {
    let Ok(text) = fs::read_to_string(data.join(PID_FILE)) else {
        return false;
    };
    let mut lines = text.lines();
    let first = lines
        .next()
        .and_then(|line| line.trim().parse::<u32>().ok());
    // The eighth line holds the state; the server's own control program waits for it as well.
    first == Some(server) && lines.nth(6).is_some_and(|state| state.trim() == "ready")
}

fn pid_in(file: &Path) -> Option<Pid> {
    let text = fs::read_to_string(file).ok()?;
    // Negative for a server without a postmaster.
    let number: i32 = text.lines().next()?.trim().parse().ok()?;
    (number != 0).then(|| Pid::from_raw(number.saturating_abs()))
}

/// Every process of Postgres that works on `data`, the postmaster first.
///
/// All of them have the data directory as their working directory, which tells them apart from
/// every other process. Connections count: a new server must not start while an orphaned one may
/// still write.
#[cfg(target_os = "linux")]
fn servers(data: &Path) -> Vec<Pid> {
    let works_there = |process: &Path| {
        fs::read_link(process.join("cwd")).is_ok_and(|folder| folder == data)
            // A shell may stand in that folder too.
            && fs::read_to_string(process.join("comm")).is_ok_and(|name| name.trim() == "postgres")
    };
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut found: Vec<Pid> = processes
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let number = entry.file_name().to_str()?.parse().ok()?;
            works_there(&entry.path()).then(|| Pid::from_raw(number))
        })
        .collect();
    let postmaster = pid_in(&data.join(PID_FILE));
    found.sort_by_key(|&pid| (Some(pid) != postmaster, pid));
    found
}

#[cfg(not(target_os = "linux"))]
fn servers(data: &Path) -> Vec<Pid> {
    let running = |pid: &Pid| {
        std::process::Command::new("ps")
            .args(["-o", "command=", "-p", &pid.to_string()])
            .output()
            .is_ok_and(|output| {
                let line = String::from_utf8_lossy(&output.stdout);
                line.contains("postgres") && line.contains(&*data.to_string_lossy())
            })
    };
    pid_in(&data.join(PID_FILE))
        .filter(running)
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_another_program_has_now_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for name in [PID_FILE, SOCKET_LOCK] {
            fs::write(folder.join(name), format!("{}\n", std::process::id())).unwrap();
        }
        clear(folder, folder).unwrap();
        assert!(!folder.join(PID_FILE).exists());
        assert!(!folder.join(SOCKET_LOCK).exists());
    }

    #[test]
    fn only_the_right_server_counts_as_ready() {
        let data = tempfile::tempdir().unwrap();
        let file = data.path().join(PID_FILE);
        assert!(!is_ready(data.path(), 7));
        let with = |state: &str| format!("7\n/d\n0\n5432\n/s\n\n  1 2\n{state}\n");
        fs::write(&file, with("starting")).unwrap();
        assert!(!is_ready(data.path(), 7));
        fs::write(&file, with("ready   ")).unwrap();
        assert!(is_ready(data.path(), 7));
        assert!(!is_ready(data.path(), 8));
    }
}
