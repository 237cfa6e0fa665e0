//! Showing how far long work has come.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a plain line is written at most.
const QUIET: Duration = Duration::from_secs(2);

/// A bar on a terminal and plain lines elsewhere, both on standard error.
pub struct Meter {
    label: &'static str,
    total: u64,
    bar: Option<ProgressBar>,
    last_line: Instant,
}

impl Meter {
    /// Begins work of `total` steps.
    pub fn start(label: &'static str, total: usize) -> Self {
        let total = total as u64;
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(total).with_style(style).with_prefix(label)
        });
        Self {
            label,
            total,
            bar,
            last_line: Instant::now(),
        }
    }

    /// Says that so many steps are done in all.
    pub fn reached(&mut self, done: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(done as u64);
        } else if self.last_line.elapsed() >= QUIET {
            self.last_line = Instant::now();
            eprintln!("{}: {done} of {}", self.label, self.total);
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
