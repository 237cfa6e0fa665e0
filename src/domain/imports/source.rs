//! Opening files of strangers: gz or plain, of bounded size, line by line or as csv.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use super::model::Fault;
use crate::foundation::{Refusal, Result};

/// What a file may not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest row, in bytes.
    pub row_bytes: usize,
    /// How many times its size on disk a packed file may unpack to, once that is more than
    /// `free_bytes`.
    pub ratio: u64,
    /// Up to this many bytes a file may unpack to whatever its size on disk.
    pub free_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            row_bytes: 8 << 20,
            // Plain text packs to a fifth, a very regular table to a fiftieth.
            ratio: 200,
            free_bytes: 1 << 30,
        }
    }
}

/// How far a file has been read; shared with whoever shows the progress.
#[derive(Debug, Default)]
pub struct Meter {
    packed: AtomicU64,
    /// Bytes handed out since the present row began.
    row: AtomicU64,
    /// Quotes handed out.
    quotes: AtomicU64,
}

impl Meter {
    /// How many bytes of the file, as it lies on disk, have been read.
    pub fn packed(&self) -> u64 {
        self.packed.load(Ordering::Relaxed)
    }
}

/// An open file.
pub struct Source {
    reader: Box<dyn Read + Send>,
    meter: Arc<Meter>,
    bytes: u64,
    limits: Limits,
}

impl Source {
    /// Opens a file; whether it is packed shows in its first bytes, not in its name.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] when it is not there, may not be read, or is an archive.
    pub fn open(path: &Path, limits: Limits) -> Result<Self> {
        let refuse = |why: String| Refusal::invalid("file", format!("{}: {why}", path.display()));
        let cannot = |error: io::Error| refuse(explain(&error));
        let file = File::open(path).map_err(cannot)?;
        let about = file.metadata().map_err(cannot)?;
        if about.is_dir() {
            return Err(refuse("this is a folder, not a file".to_owned()).into());
        }
        let mut file = BufReader::with_capacity(1 << 16, file);
        // A shorter file has shorter magic; that is fine.
        let mut magic = [0; 6];
        let length = fill(&mut file, &mut magic).map_err(cannot)?;
        let magic = &magic[..length];
        for (start, kind) in [
            (&b"PK\x03\x04"[..], "a zip archive; unpack it first"),
            (b"BZh", "packed with bzip2; unpack it or pack it with gzip"),
            (
                b"\xfd7zXZ\0",
                "packed with xz; unpack it or pack it with gzip",
            ),
            (
                b"\x28\xb5\x2f\xfd",
                "packed with zstd; unpack it or pack it with gzip",
            ),
            (
                b"\xff\xfe",
                "in UTF-16; save it as UTF-8, as spreadsheets can",
            ),
            (
                b"\xfe\xff",
                "in UTF-16; save it as UTF-8, as spreadsheets can",
            ),
        ] {
            if magic.starts_with(start) {
                return Err(refuse(format!("this is {kind}")).into());
            }
        }
        let gz = magic.starts_with(&[0x1f, 0x8b]);
        let meter = Arc::new(Meter::default());
        let packed = Packed {
            inner: io::Cursor::new(magic.to_vec()).chain(file),
            meter: Arc::clone(&meter),
        };
        let unpacked: Box<dyn Read + Send> = if gz {
            Box::new(MultiGzDecoder::new(BufReader::with_capacity(
                1 << 16,
                packed,
            )))
        } else {
            Box::new(packed)
        };
        let guard = Guard {
            inner: unpacked,
            meter: Arc::clone(&meter),
            limits,
            packed: gz,
            total: 0,
            start: true,
            buffer: vec![0; 1 << 16],
            next: 0,
            end: 0,
            held: false,
        };
        Ok(Self {
            reader: Box::new(guard),
            meter,
            bytes: about.len(),
            limits,
        })
    }

    /// Its size on disk.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How far it has been read.
    pub fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    /// Reads it as it is.
    #[cfg(test)]
    pub(super) fn into_reader(self) -> impl Read {
        self.reader
    }

    /// Reads it line by line.
    pub fn lines(self) -> Lines {
        Lines {
            limit: self.limits.row_bytes,
            reader: BufReader::with_capacity(1 << 17, self.reader),
            meter: self.meter,
            line: Vec::new(),
            number: 0,
        }
    }

    /// Reads it as csv with a header row.
    ///
    /// # Errors
    /// [`Fault::File`] when there is no header row.
    pub(super) fn table(self, delimiter: u8) -> Result<Table, Fault> {
        let mut table = Table {
            reader: csv::ReaderBuilder::new()
                .delimiter(delimiter)
                .flexible(true)
                .has_headers(false)
                .from_reader(self.reader),
            meter: self.meter,
            record: csv::StringRecord::new(),
            raw: csv::ByteRecord::new(),
            header: Vec::new(),
            suspect: None,
        };
        match table.next() {
            Ok(Some(_)) => {
                table.header = table
                    .record
                    .iter()
                    .map(|name| name.trim().to_owned())
                    .collect();
                Ok(table)
            }
            Ok(None) => Err(Fault::File {
                line: 1,
                reason: "the file is empty".to_owned(),
            }),
            Err(Fault::Row { line, reason } | Fault::File { line, reason }) => {
                Err(Fault::File { line, reason })
            }
        }
    }
}

/// Says what an error of the file system or of the unpacking means.
fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "this file may not be read".to_owned(),
        io::ErrorKind::UnexpectedEof => {
            "the packed file ends too soon; it was cut off when it was copied or downloaded"
                .to_owned()
        }
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            format!("the packed file is damaged ({error})")
        }
        _ => error.to_string(),
    }
}

fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match reader.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// Counts what is read of the file as it lies on disk.
struct Packed<R> {
    inner: R,
    meter: Arc<Meter>,
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
/// so that the numbers of lines are those of an editor.
struct Guard {
    inner: Box<dyn Read + Send>,
    meter: Arc<Meter>,
    limits: Limits,
    packed: bool,
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
        if std::mem::take(&mut self.start) && self.buffer[..length] == [0xef, 0xbb, 0xbf] {
            self.end = 0;
        }
        self.drop_returns();
        self.total += length as u64;
        let packed = self.meter.packed().max(1);
        if self.packed
            && self.total > self.limits.free_bytes
            && self.total / packed > self.limits.ratio
        {
            return Err(io::Error::other(format!(
                "the packed file unpacks to more than {} times its size, as a zip bomb does; \
                 if it is good, allow it with --max-ratio",
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
        for place in first..bytes.len() {
            match (bytes[place], bytes.get(place + 1)) {
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

/// A file read line by line.
pub struct Lines {
    reader: BufReader<Box<dyn Read + Send>>,
    meter: Arc<Meter>,
    line: Vec<u8>,
    number: u64,
    limit: usize,
}

impl Lines {
    /// The next line that is not blank: its number, from 1, and what stands in it without its
    /// end. `None` behind the last.
    ///
    /// # Errors
    /// [`Fault::Row`] for a line that is too long; [`Fault::File`] when the file cannot be read on.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &[u8])>, Fault> {
        use std::io::BufRead;
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
                        return Err(Fault::File {
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
                return Err(Fault::row(self.number, reason));
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

/// A file read as csv.
pub(super) struct Table {
    reader: csv::Reader<Box<dyn Read + Send>>,
    meter: Arc<Meter>,
    raw: csv::ByteRecord,
    record: csv::StringRecord,
    header: Vec<String>,
    /// The row before, if it runs over lines as one does whose quote is not closed: its line, and
    /// whether it is surely bad.
    suspect: Option<(u64, bool)>,
}

impl Table {
    /// The names of the columns.
    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    /// The place of a column.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name)
    }

    /// The next row with the line it begins on, or `None` behind the last.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &csv::StringRecord)>, Fault> {
        self.meter.row.store(0, Ordering::Relaxed);
        let before = self.reader.position().line();
        let suspect = self.suspect.take();
        match self.reader.read_byte_record(&mut self.raw) {
            Ok(false) => {
                let odd = self.meter.quotes.load(Ordering::Relaxed) % 2 == 1;
                return match suspect {
                    // What swallowed the rest of the file is no single bad row.
                    Some((line, bad)) if bad || odd => Err(Fault::File {
                        line,
                        reason: "a quote is not closed up to the end of the file".to_owned(),
                    }),
                    _ => Ok(None),
                };
            }
            Ok(true) => {}
            Err(error) => {
                let reason = match error.into_kind() {
                    csv::ErrorKind::Io(error) => explain(&error),
                    other => format!("{other:?}"),
                };
                return Err(Fault::File {
                    line: before,
                    reason,
                });
            }
        }
        let line = self.raw.position().map_or(before, csv::Position::line);
        let (found, wanted) = (self.raw.len(), self.header.len());
        let bad = wanted > 0 && found != wanted;
        if self.reader.position().line() > line + 1 {
            self.suspect = Some((line, bad));
        }
        if bad {
            let reason = format!("{found} columns instead of {wanted}");
            return Err(Fault::row(line, reason));
        }
        if self.raw.as_slice().contains(&0) {
            return Err(Fault::row(line, "it holds the character U+0000"));
        }
        let raw = std::mem::take(&mut self.raw);
        match csv::StringRecord::from_byte_record(raw) {
            Ok(record) => self.record = record,
            Err(error) => {
                self.raw = error.into_byte_record();
                return Err(Fault::row(line, "not UTF-8"));
            }
        }
        Ok(Some((line, &self.record)))
    }
}
