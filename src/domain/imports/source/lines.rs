//! A file read line by line.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::model::ReadError;
use super::{Meter, explain};

/// A file read line by line.
pub struct Lines {
    reader: BufReader<Box<dyn Read + Send>>,
    meter: Arc<Meter>,
    line: Vec<u8>,
    number: u64,
    limit: usize,
}

impl Lines {
    pub(super) fn new(reader: Box<dyn Read + Send>, meter: Arc<Meter>, limit: usize) -> Self {
        Self {
            reader: BufReader::with_capacity(1 << 17, reader),
            meter,
            line: Vec::new(),
            number: 0,
            limit,
        }
    }

    /// The next line that is not blank: its number, from 1, and what stands in it without its
    /// end. `None` behind the last.
    ///
    /// # Errors
    /// [`ReadError::Row`] for a line that is too long; [`ReadError::File`] when the file cannot be read on.
    pub(in super::super) fn next(&mut self) -> Result<Option<(u64, &[u8])>, ReadError> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut too_long = false;
            let mut over = true;
            loop {
                self.meter.row.store(0, Ordering::Relaxed);
                let piece = match self.reader.fill_buf() {
                    Ok(piece) => piece,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => {
                        return Err(ReadError::File {
                            line: self.number,
                            reason: explain(&error),
                        });
                    }
                };
                if piece.is_empty() {
                    break;
                }
                over = false;
                let end = piece.iter().position(|byte| *byte == b'\n');
                let kept = &piece[..end.unwrap_or(piece.len())];
                if self.line.len() + kept.len() > self.limit {
                    too_long = true;
                    self.line.clear();
                } else if !too_long {
                    self.line.extend_from_slice(kept);
                }
                let used = end.map_or(piece.len(), |end| end + 1);
                self.reader.consume(used);
                if end.is_some() {
                    break;
                }
            }
            if too_long {
                let reason = format!("longer than {} bytes", self.limit);
                return Err(ReadError::row(self.number, reason));
            }
            if over {
                return Ok(None);
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some((self.number, &self.line)));
            }
        }
    }
}
