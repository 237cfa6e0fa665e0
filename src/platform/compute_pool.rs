//! The thread pool that long computations share: training, embeddings, index builds.
//!
//! They take every core that nobody else needs. Requests are answered by other threads, which come
//! first: somebody waits for each of them, and nobody for a training.

use rayon::ThreadPoolBuilder;

/// Starts the threads, as many as there are cores, before anything computes. Where that fails, the
/// log says so, and computations run beside requests as if they were requests.
pub fn start() {
    if let Err(error) = threads().build_global() {
        tracing::warn!(%error, "Long computations do not step back for requests");
    }
}

fn threads() -> ThreadPoolBuilder {
    ThreadPoolBuilder::new()
        .thread_name(|number| format!("compute-{number}"))
        .start_handler(|_| step_back())
}

/// Lets other threads go first. Ten steps down, a core that both want goes to them nine times in
/// ten, and the computation still comes to its end while a server is always busy.
#[cfg(target_os = "linux")]
fn step_back() {
    use rustix::process::{getpriority_process, setpriority_process};
    // On Linux, what stands for the calling process is the calling thread.
    let lower = |priority: i32| setpriority_process(None, (priority + 10).min(19));
    if let Err(error) = getpriority_process(None).and_then(lower) {
        tracing::warn!(%error, "Long computations do not step back for requests");
    }
}

#[cfg(not(target_os = "linux"))]
fn step_back() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::getpriority_process;

    #[test]
    fn computations_come_after_requests_and_nothing_else_does() {
        let priority = || getpriority_process(None).unwrap();
        let before = priority();
        let threads = super::threads().num_threads(3).build().unwrap();
        let computing = threads.broadcast(|_| priority());
        assert_eq!(computing, [(before + 10).min(19); 3]);
        assert_eq!(priority(), before);
    }
}
