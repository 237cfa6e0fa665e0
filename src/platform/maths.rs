//! The threads that long computations share: trainings, spaces, indexes.
//!
//! They take every core that nobody else needs. Requests are answered by other threads, which come
//! first: somebody waits for each of them, and nobody for a training.

/// Starts the threads, as many as there are cores. Once a process, before anything computes.
///
/// # Errors
/// When they were started before, or cannot be.
pub fn start() -> anyhow::Result<()> {
    rayon::ThreadPoolBuilder::new()
        .thread_name(|number| format!("maths-{number}"))
        .start_handler(|_| step_back())
        .build_global()?;
    Ok(())
}

/// Lets other threads go first. With 10, a core that both want goes to them nine times in ten, and
/// the computation still comes to its end while a server is always busy.
#[cfg(target_os = "linux")]
fn step_back() {
    // On Linux, what stands for the calling process is the calling thread.
    if let Err(error) = rustix::process::setpriority_process(None, 10) {
        tracing::warn!(%error, "Long computations run beside requests as if they were requests");
    }
}

#[cfg(not(target_os = "linux"))]
fn step_back() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn computations_come_after_requests_and_nothing_else_does() {
        super::start().unwrap();
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let before = priority();
        let computing = rayon::broadcast(|_| priority());
        assert!(computing.iter().all(|nice| *nice == 10), "{computing:?}");
        assert_eq!(priority(), before);
        assert!(before < 10);
    }
}
