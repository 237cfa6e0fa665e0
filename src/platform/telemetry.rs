//! Logs.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::config::{LogFormat, Settings};

/// Starts logging to standard error as the settings say. A second call changes nothing.
///
/// # Errors
/// When `log` is not in the syntax of `RUST_LOG`.
pub fn start(settings: &Settings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.log)
        .map_err(|error| anyhow::anyhow!("the setting `log` cannot be read: {error}"))?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // Only the first call of a process can succeed; tests call it many times.
    let _ = match settings.log_format {
        LogFormat::Text => logs.try_init(),
        LogFormat::Json => {
            std::panic::set_hook(Box::new(log_panic));
            logs.json().flatten_event(true).try_init()
        }
    };
    Ok(())
}

/// A panic as a line of the log, in place of the text that the standard library writes.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("of an unknown kind");
    let place = panic.location().map(ToString::to_string);
    tracing::error!(place, "A thread panicked: {message}");
}

/// How much memory this process holds, in bytes; `None` where the system does not tell.
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
