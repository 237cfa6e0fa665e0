//! The thread that starts the server, watches it and stops it.
//!
//! One thread does all three. The kernel's wish that the server ends with us hangs on the thread
//! that started it (see `privileges`), and a signal can never hit a stranger that was given the
//! same process id, because only this thread learns of the end.

use std::convert::Infallible;
use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::watch;

use super::POLL_INTERVAL;
use super::log::LastLines;

/// How often the end of a running server is looked for.
const NOW_AND_THEN: Duration = Duration::from_millis(200);
/// How long a server may take to stop in good order.
pub(super) const GRACEFUL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long it may take to stop at once, leaving the rest to the next start's recovery.
pub(super) const IMMEDIATE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the last words of an ended server may take to arrive.
pub(super) const LAST_LINES: Duration = Duration::from_millis(500);

/// A server process. It is stopped when this is dropped.
#[derive(Debug)]
pub(super) struct Supervisor {
    pid: u32,
    /// Nothing is ever sent; dropping it is the order to stop.
    stay: Option<Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
    ended: watch::Receiver<Option<String>>,
    printed: LastLines,
}

impl Supervisor {
    /// Starts the server.
    pub(super) fn launch(mut command: Command) -> io::Result<Self> {
        let (stay, reported) = mpsc::channel();
        let (tell, ended) = watch::channel(None);
        let (started, start) = mpsc::channel();
        let printed = LastLines::default();
        let lines = printed.clone();
        let thread = thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || {
                let mut child = match command.stderr(Stdio::piped()).spawn() {
                    Ok(child) => child,
                    Err(error) => {
                        let _ = started.send(Err(error));
                        return;
                    }
                };
                let (read_all, all_read) = mpsc::channel::<Infallible>();
                if let Some(pipe) = child.stderr.take() {
                    thread::spawn(move || {
                        lines.collect(pipe);
                        drop(read_all);
                    });
                }
                // The other side waits for this very message.
                let _ = started.send(Ok(child.id()));
                let how = match watch_over(&mut child, &reported) {
                    Ok(status) => status.to_string(),
                    Err(error) => format!("lost sight of it: {error}"),
                };
                // The last words may still be in the pipe.
                let _ = all_read.recv_timeout(LAST_LINES);
                tell.send_replace(Some(how));
            })?;
        let pid = start.recv().map_err(io::Error::other)??;
        Ok(Self {
            pid,
            stay: Some(stay),
            thread: Some(thread),
            ended,
            printed,
        })
    }

    /// The process id of the server.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// What the server printed before it began to write its log.
    pub(super) fn printed(&self) -> String {
        self.printed.text()
    }

    /// How the server ended, once it has.
    pub(super) fn end(&self) -> Option<String> {
        self.ended.borrow().clone()
    }

    /// Waits for the end of the server.
    pub(super) async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        // The wait fails only when the thread is gone, which is an end too.
        match ended.wait_for(Option::is_some).await {
            Ok(how) => how.clone().unwrap_or_default(),
            Err(_) => "its thread ended".to_owned(),
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.stay.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there was already printed.
            let _ = thread.join();
        }
    }
}

fn watch_over(child: &mut Child, reported: &Receiver<Infallible>) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        match reported.recv_timeout(NOW_AND_THEN) {
            Ok(never) => match never {},
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return stop(child),
        }
    }
}

fn stop(child: &mut Child) -> io::Result<ExitStatus> {
    let pid = Pid::from_raw(child.id().cast_signed());
    for (signal, limit) in [
        (Signal::SIGINT, GRACEFUL_TIMEOUT),
        (Signal::SIGQUIT, IMMEDIATE_TIMEOUT),
    ] {
        kill(pid, signal)?;
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(POLL_INTERVAL);
        }
        tracing::warn!("Postgres did not stop on {signal} within {limit:?}");
    }
    child.kill()?;
    child.wait()
}
