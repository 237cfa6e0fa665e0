//! The closed loop: so many connections, each of which asks again as soon as it is answered.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::client::Connection;
use crate::process::Cpu;
use crate::server::Serving;

/// How many different errors are kept to be shown.
const SHOWN_ERRORS: usize = 3;

/// One measured step.
pub struct Sample {
    /// How long it took.
    pub took: Duration,
    /// How many bytes came back.
    pub bytes: usize,
}

/// What one connection does again and again; each step answers what it measured.
pub type Steps = Box<dyn FnMut(&mut Connection) -> anyhow::Result<Sample> + Send>;

/// How a load is run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// How many connections.
    pub connections: usize,
    /// For how long nothing is counted yet.
    pub warm_up: Duration,
    /// For how long it is measured.
    pub measured: Duration,
}

/// What was measured.
#[derive(Default)]
pub struct Measured {
    /// How long each good step took, in nanoseconds.
    pub nanos: Vec<u64>,
    /// For how many seconds.
    pub seconds: f64,
    /// Bytes of all answers.
    pub bytes: u64,
    /// How many steps failed, also while it warmed up.
    pub errors: u64,
    /// Some of the errors.
    pub shown: Vec<String>,
    /// Processor time of all processes together.
    pub cpu: Cpu,
}

impl Measured {
    /// Adds another run of the same.
    pub fn add(&mut self, other: Self) {
        self.nanos.extend(other.nanos);
        self.nanos.sort_unstable();
        self.seconds += other.seconds;
        self.bytes += other.bytes;
        self.errors += other.errors;
        self.shown.extend(other.shown);
        self.shown.truncate(SHOWN_ERRORS);
        self.cpu = self.cpu.and(other.cpu);
    }

    /// Steps a second.
    pub fn rate(&self) -> f64 {
        self.nanos.len() as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }

    /// So many milliseconds took a `share` of the steps at most (nearest rank); `None` if there
    /// was none. The times must be sorted.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let rank = (share * self.nanos.len() as f64).ceil() as usize;
        let nanos = self.nanos.get(rank.max(1) - 1)?;
        Some(*nanos as f64 / 1e6)
    }
}

/// Runs a load against a server; `steps` makes what the connection of a number does. The times
/// come back sorted.
///
/// # Errors
/// When a connection cannot be made.
pub fn run(server: &Serving, run: Run, steps: &dyn Fn(usize) -> Steps) -> anyhow::Result<Measured> {
    let counting = AtomicBool::new(false);
    let over = AtomicBool::new(false);
    let mut workers = Vec::new();
    for number in 0..run.connections {
        workers.push((Connection::open(server.port)?, steps(number)));
    }
    let mut measured = Measured::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = workers
            .into_iter()
            .map(|(connection, steps)| scope.spawn(|| work(connection, steps, &counting, &over)))
            .collect();
        std::thread::sleep(run.warm_up);
        counting.store(true, Ordering::Relaxed);
        let cpu = Cpu::now(server.pid());
        let start = Instant::now();
        std::thread::sleep(run.measured);
        over.store(true, Ordering::Relaxed);
        let seconds = start.elapsed().as_secs_f64();
        let cpu = Cpu::now(server.pid()).since(cpu);
        for thread in threads {
            match thread.join() {
                Ok(of_one) => measured.add(of_one),
                Err(_) => measured.errors += 1,
            }
        }
        measured.seconds = seconds;
        measured.cpu = cpu;
    });
    measured.nanos.sort_unstable();
    Ok(measured)
}

fn work(
    mut connection: Connection,
    mut steps: Steps,
    counting: &AtomicBool,
    over: &AtomicBool,
) -> Measured {
    let mut measured = Measured::default();
    while !over.load(Ordering::Relaxed) {
        let counts = counting.load(Ordering::Relaxed);
        match steps(&mut connection) {
            // What ends behind the end is not counted: the time does not hold it whole.
            Ok(sample) if counts && !over.load(Ordering::Relaxed) => {
                measured
                    .nanos
                    .push(u64::try_from(sample.took.as_nanos()).unwrap_or(u64::MAX));
                measured.bytes += sample.bytes as u64;
            }
            Ok(_) => {}
            Err(error) => {
                measured.errors += 1;
                if measured.shown.len() < SHOWN_ERRORS {
                    measured.shown.push(format!("{error:#}"));
                }
                if connection.renew().is_err() {
                    break;
                }
            }
        }
    }
    measured
}
