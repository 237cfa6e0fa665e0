//! The last words of a server that did not start.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;

const LINES: usize = 20;
/// Twenty lines of a log fit in this.
const TAIL: u64 = 16 * 1024;

/// The last lines of what a process prints, collected while it runs.
#[derive(Debug, Clone, Default)]
pub(super) struct LastLines(Arc<Mutex<VecDeque<String>>>);

impl LastLines {
    /// Reads until the other side closes; keeps the last lines only.
    pub(super) fn collect(&self, from: impl Read) {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            tracing::debug!(target: "postgres", "{line}");
            let mut lines = self.0.lock();
            if lines.len() == LINES {
                lines.pop_front();
            }
            lines.push_back(line);
        }
    }

    /// What was collected so far.
    pub(super) fn text(&self) -> String {
        let lines = self.0.lock();
        Vec::from(lines.clone()).join("\n")
    }
}

/// The end of the log as it was at one moment, to read only what came after it.
#[derive(Debug)]
pub(super) struct Mark {
    folder: PathBuf,
    newest: Option<(PathBuf, u64)>,
}

impl Mark {
    /// Remembers the end of the newest log file in `folder`.
    pub(super) fn set(folder: &Path) -> Self {
        let newest = newest(folder).map(|path| {
            let length = path.metadata().map_or(0, |found| found.len());
            (path, length)
        });
        Self {
            folder: folder.to_owned(),
            newest,
        }
    }

    /// The last lines that were written since.
    pub(super) fn since(&self) -> String {
        self.read().unwrap_or_default()
    }

    fn read(&self) -> Option<String> {
        let path = newest(&self.folder)?;
        let mut file = File::open(&path).ok()?;
        let length = file.metadata().ok()?.len();
        let known = match &self.newest {
            // A file shorter than before was begun anew.
            Some((before, known)) if *before == path && *known <= length => *known,
            _ => 0,
        };
        file.seek(SeekFrom::Start(known.max(length.saturating_sub(TAIL))))
            .ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let mut lines: Vec<_> = text.lines().rev().take(LINES).collect();
        lines.reverse();
        Some(lines.join("\n"))
    }
}

fn newest(folder: &Path) -> Option<PathBuf> {
    fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let found = entry.metadata().ok()?;
            let changed = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            found.is_file().then(|| (changed, entry.path()))
        })
        .max()
        .map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn only_what_came_after_the_mark_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postgres-Mon.log");
        fs::write(&path, "old: No space left on device\n").unwrap();
        let mark = Mark::set(folder.path());
        assert_eq!(mark.since(), "");
        let mut file = File::options().append(true).open(&path).unwrap();
        writeln!(file, "new").unwrap();
        assert_eq!(mark.since(), "new");
    }

    #[test]
    fn a_flood_keeps_its_last_lines() {
        let lines = LastLines::default();
        let flood: String = (0..100).map(|n| format!("{n}\n")).collect();
        lines.collect(flood.as_bytes());
        assert!(lines.text().starts_with("80\n"));
        assert!(lines.text().ends_with("\n99"));
    }
}
