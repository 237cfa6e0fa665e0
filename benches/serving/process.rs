//! What Linux tells of processes: processor time and memory. Elsewhere there is nothing to tell.

use std::collections::HashMap;
use std::fs;

/// A clock tick of `/proc/PID/stat`: a hundredth of a second on every Linux there is.
const TICK_MICROS: u64 = 10_000;

/// Processor time that processes have taken, in microseconds.
#[derive(Clone, Copy, Default)]
pub struct Cpu {
    /// The server's own.
    pub server: u64,
    /// That of the database which the server runs.
    pub database: u64,
    /// That of this program.
    pub client: u64,
}

impl Cpu {
    /// What `server`, its children and this program have taken so far.
    pub fn now(server: u32) -> Self {
        let mut times = HashMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid: Option<u32> = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            if let Some((pid, (parent, micros))) = pid.and_then(|pid| Some((pid, stat(pid)?))) {
                times.insert(pid, (parent, micros));
            }
        }
        let mut cpu = Self::default();
        for (pid, (_, micros)) in &times {
            if *pid == server {
                cpu.server += micros;
            } else if *pid == std::process::id() {
                cpu.client += micros;
            } else if descends(*pid, server, &times) {
                cpu.database += micros;
            }
        }
        cpu
    }

    /// What was taken since `earlier`. Sessions of the database that ended in between took theirs
    /// with them.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            server: self.server.saturating_sub(earlier.server),
            database: self.database.saturating_sub(earlier.database),
            client: self.client.saturating_sub(earlier.client),
        }
    }

    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self {
            server: self.server + other.server,
            database: self.database + other.database,
            client: self.client + other.client,
        }
    }
}

fn descends(mut pid: u32, from: u32, times: &HashMap<u32, (u32, u64)>) -> bool {
    while let Some((parent, _)) = times.get(&pid) {
        if *parent == from {
            return true;
        }
        pid = *parent;
    }
    false
}

/// The parent of a process, and the processor time it has taken, in microseconds.
fn stat(pid: u32) -> Option<(u32, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, which comes second, may hold anything but ends with the last bracket.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let parent = u32::try_from(number(1)?).ok()?;
    Some((parent, (number(11)? + number(12)?) * TICK_MICROS))
}

/// The memory of a process in MiB: now, and at most so far.
pub fn memory(pid: u32) -> Option<(f64, f64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib / 1024.0)
    };
    Some((line("VmRSS:")?, line("VmHWM:")?))
}

/// How many files a process of this one's may have open; `None` where that is not told or limited.
pub fn descriptors() -> Option<usize> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// What the machine is, in a line.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory
        .lines()
        .find_map(|line| {
            line.strip_prefix("MemTotal:")?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or(0_u64);
    format!("{cores} cores, {model}, {} GiB", kib.div_ceil(1 << 20))
}

/// How many processes wait for a core, over the last minute: well above 0 before the run means that
/// the figures are not the server's alone.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|load| load.parse().ok())
        .unwrap_or(0.0)
}
