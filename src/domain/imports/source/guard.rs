//! What stands between a file and its readers: it counts, and stops what goes too far.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Limits, Meter, fill};

/// Counts what is read of the file as it lies on disk.
pub(super) struct Packed<R> {
    pub inner: R,
    pub meter: Arc<Meter>,
}

impl<R: Read> Read for Packed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.meter
            .packed
            .fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

/// Stops at a bomb and at an endless row, leaves out the byte order mark, and turns CRLF into LF,
/// so that the numbers of lines are those of an editor; the last two not of a text in UTF-16.
pub(super) struct Guard {
    inner: Box<dyn Read + Send>,
    meter: Arc<Meter>,
    limits: Limits,
    packed: bool,
    /// Whether the text may be in UTF-16, and is decoded later.
    undecoded: bool,
    /// Whether it is: then no byte is a character.
    utf16: bool,
    total: u64,
    start: bool,
    /// What has been read; from `next` on it is still to be handed out, up to `end`.
    buffer: Vec<u8>,
    next: usize,
    end: usize,
    /// Whether a CR stood last and is held until it shows what follows.
    held: bool,
}

impl Read for Guard {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.next == self.end {
            if !self.refill()? {
                return Ok(0);
            }
        }
        let length = buffer.len().min(self.end - self.next);
        buffer[..length].copy_from_slice(&self.buffer[self.next..self.next + length]);
        self.next += length;
        self.count(length as u64)?;
        Ok(length)
    }
}

impl Guard {
    /// Stands before `inner`, which comes out of a packed file or not.
    pub(super) fn new(
        inner: Box<dyn Read + Send>,
        meter: Arc<Meter>,
        limits: Limits,
        packed: bool,
        undecoded: bool,
    ) -> Self {
        Self {
            inner,
            meter,
            limits,
            packed,
            undecoded,
            utf16: false,
            total: 0,
            start: true,
            buffer: vec![0; 1 << 16],
            next: 0,
            end: 0,
            held: false,
        }
    }

    /// Reads on, and answers whether there was anything.
    fn refill(&mut self) -> io::Result<bool> {
        let held = usize::from(std::mem::take(&mut self.held));
        if held > 0 {
            self.buffer[0] = b'\r';
        }
        let length = if self.start {
            // The mark is looked at whole.
            fill(&mut self.inner, &mut self.buffer[..3])?
        } else {
            self.inner.read(&mut self.buffer[held..])?
        };
        self.next = 0;
        self.end = held + length;
        if length == 0 {
            return Ok(held > 0);
        }
        let read = &self.buffer[held..self.end];
        let quotes = read.iter().filter(|byte| **byte == b'"').count();
        self.meter
            .quotes
            .fetch_add(quotes as u64, Ordering::Relaxed);
        if std::mem::take(&mut self.start) {
            let first = &self.buffer[..length];
            let utf16 = [b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<"];
            self.utf16 = self.undecoded && utf16.iter().any(|start| first.starts_with(*start));
            if first == [0xef, 0xbb, 0xbf] {
                self.end = 0;
            }
        }
        if !self.utf16 {
            self.drop_returns();
        }
        self.total += length as u64;
        let packed = self.meter.packed().max(1);
        if self.packed
            && self.total > self.limits.free_bytes
            && self.total / packed > self.limits.ratio
        {
            return Err(io::Error::other(format!(
                "the packed file unpacks to more than {} times its size, as a zip bomb does; \
                 if it is good, allow it with --max-ratio, or `maxRatio` of a job",
                self.limits.ratio
            )));
        }
        Ok(true)
    }

    /// Drops each CR before an LF; a CR that stands last is held.
    fn drop_returns(&mut self) {
        let bytes = &mut self.buffer[..self.end];
        let Some(first) = bytes.iter().position(|byte| *byte == b'\r') else {
            return;
        };
        let mut kept = first;
        for index in first..bytes.len() {
            match (bytes[index], bytes.get(index + 1)) {
                (b'\r', Some(b'\n')) => {}
                (b'\r', None) => self.held = true,
                (byte, _) => {
                    bytes[kept] = byte;
                    kept += 1;
                }
            }
        }
        self.end = kept;
    }

    /// Counts what is handed out of the present row.
    fn count(&self, length: u64) -> io::Result<()> {
        let row = self.meter.row.fetch_add(length, Ordering::Relaxed) + length;
        // A reader takes more than it needs into a buffer of its own.
        if row > self.limits.row_bytes as u64 + (1 << 18) {
            return Err(io::Error::other(format!(
                "a row of more than {} bytes; a quote may not be closed",
                self.limits.row_bytes
            )));
        }
        Ok(())
    }
}
