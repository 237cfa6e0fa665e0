//! Showing long work: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Without a terminal, a line is printed at most so often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The progress of one long work, shown on standard error.
pub struct Progress {
    bar: Option<ProgressBar>,
    step: String,
    printed: Option<Instant>,
}

impl Progress {
    /// Nothing to show yet.
    pub fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(ProgressBar::no_length);
        Self {
            bar,
            step: String::new(),
            printed: None,
        }
    }

    /// Shows that `done` of `of` are done in `step`; `of` is 0 where it is not known.
    pub fn show(&mut self, step: &str, done: u64, of: u64) {
        let new = self.step != step;
        if new {
            step.clone_into(&mut self.step);
        }
        let Some(bar) = &self.bar else {
            let over = of > 0 && done == of;
            if new || over || self.printed.is_none_or(|at| at.elapsed() > LINE_EVERY) {
                self.printed = Some(Instant::now());
                if of > 0 {
                    eprintln!("{step}: {done} of {of}");
                } else {
                    eprintln!("{step}: {done}");
                }
            }
            return;
        };
        if new {
            let form = if of > 0 {
                "{msg:24} {wide_bar} {human_pos} of {human_len} {eta}"
            } else {
                "{msg:24} {spinner} {human_pos} {per_sec}"
            };
            // The forms are constants that every test run draws.
            bar.set_style(
                ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.reset();
            bar.set_message(step.to_owned());
        }
        if of > 0 {
            bar.set_length(of);
        }
        bar.set_position(done);
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
