//! What is said to people: long work as a bar on a terminal and as plain lines elsewhere, on standard error.
//! Where the log is JSON, all of it is lines of the log: who reads those reads nothing else.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::foundation::Clock;

use crate::foundation::{Progress, ProgressObserver};

/// Without a terminal, a line is printed at most so often.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// The positions of the bar.
const LENGTH: u64 = 1_000;

/// Whether what is said goes to the log. Set once, before anything is said.
static TO_LOG: AtomicBool = AtomicBool::new(false);

/// From now on everything that is said is a line of the log, which has begun.
pub fn say_to_log() {
    TO_LOG.store(true, Ordering::Relaxed);
}

fn to_log() -> bool {
    TO_LOG.load(Ordering::Relaxed)
}

/// Says something on standard error.
pub fn say(text: &str) {
    if to_log() {
        tracing::info!("{}", text.trim());
    } else {
        eprintln!("{text}");
    }
}

/// Says what a command has come to, on standard output.
pub fn say_result(text: &str) {
    if to_log() {
        tracing::info!("{}", text.trim());
    } else {
        println!("{text}");
    }
}

/// Says why a command failed. `json` is for one that failed before there was a log.
pub fn say_error(message: &str, json: bool) {
    if to_log() {
        tracing::error!("{message}");
    } else if json {
        eprintln!("{}", json_error(message));
    } else {
        eprintln!("error: {message}");
    }
}

/// The line that the log would have.
fn json_error(message: &str) -> serde_json::Value {
    serde_json::json!({
        "timestamp": Clock::system().now(),
        "level": "ERROR",
        "message": message,
        "target": module_path!(),
    })
}

/// The bar of one long work.
pub struct ProgressBar {
    bar: Option<indicatif::ProgressBar>,
    step: String,
    printed: Option<Instant>,
}

impl ProgressBar {
    /// Nothing to show yet.
    pub fn new() -> Self {
        // The forms are constants that every test run draws.
        let style =
            indicatif::ProgressStyle::with_template("{prefix} {wide_bar} {percent} % {msg} {eta}")
                .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar());
        let bar = (std::io::stderr().is_terminal() && !to_log())
            .then(|| indicatif::ProgressBar::new(LENGTH).with_style(style));
        Self {
            bar,
            step: String::new(),
            printed: None,
        }
    }

    /// Shows that `fraction`, in [0, 1], of work of a single step is done.
    pub fn show_fraction(&mut self, step: &'static str, fraction: f32) {
        self.show(&Progress {
            fraction: Some(fraction),
            step: Some(step.into()),
            message: None,
        });
    }

    /// Writes a line that stays, above the bar.
    pub fn write_line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => say(text),
        }
    }

    /// Shows how far the work is.
    pub fn show(&mut self, progress: &Progress) {
        let step = progress.step.as_deref().unwrap_or_default();
        let message = progress.message.as_deref().unwrap_or_default();
        let is_new = self.step != step;
        if is_new {
            step.clone_into(&mut self.step);
        }
        if let Some(bar) = &self.bar {
            bar.set_prefix(self.step.clone());
            bar.set_message(message.to_owned());
            if let Some(fraction) = progress.fraction {
                bar.set_position((f64::from(fraction) * LENGTH as f64) as u64);
            }
            return;
        }
        let is_over = progress.fraction.is_some_and(|fraction| fraction >= 1.0);
        if is_new || is_over || self.printed.is_none_or(|at| at.elapsed() > LINE_EVERY) {
            self.printed = Some(Instant::now());
            say(&line(progress, step, message));
        }
    }
}

/// A plain line: `reading items, 40 %: 200 of 500`.
fn line(progress: &Progress, step: &str, message: &str) -> String {
    let percent = progress
        .fraction
        .map_or_else(String::new, |done| format!(", {:.0} %", 100.0 * done));
    match message {
        "" => format!("{step}{percent}"),
        message => format!("{step}{percent}: {message}"),
    }
}

impl Default for ProgressBar {
    fn default() -> Self {
        Self::new()
    }
}

impl ProgressObserver for ProgressBar {
    fn observe(&mut self, progress: Progress) -> ControlFlow<()> {
        self.show(&progress);
        ControlFlow::Continue(())
    }
}

impl Drop for ProgressBar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_says_the_step_how_much_is_done_and_the_message() {
        let shown = |progress: &Progress| {
            let message = progress.message.as_deref().unwrap_or_default();
            line(progress, "reading items", message)
        };
        let counted = Progress::counted("reading items", 200, 500);
        assert_eq!(shown(&counted), "reading items, 40 %: 200 of 500");
        let unknown = Progress {
            fraction: None,
            ..Progress::counted("reading items", 0, 0)
        };
        assert_eq!(shown(&unknown), "reading items");
    }
}
