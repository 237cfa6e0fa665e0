//! Opening files of strangers: gz or plain, of bounded size, line by line or as csv.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use self::encoding::Decoder;
pub use self::encoding::Encoding;
use self::guard::{Guard, Packed};
use super::model::ReadError;
use crate::foundation::{Refusal, Result};

mod encoding;
mod guard;
mod lines;
mod table;

pub use lines::Lines;
pub(super) use table::{Quoting, Table};

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

    /// Says that a row begins: the limit of rows counts from here.
    pub(super) fn begin_row(&self) {
        self.row.store(0, Ordering::Relaxed);
    }
}

/// The path that stands for the standard input.
pub const STANDARD_INPUT: &str = "-";

/// What is done with the text of a file.
#[derive(Clone, Copy)]
enum Text {
    /// It is UTF-8.
    Utf8,
    /// It is turned into UTF-8 from this encoding, or from the one that is found.
    Decoded(Option<Encoding>),
    /// Whoever reads it decodes it.
    Raw,
}

/// An open file.
pub struct Source {
    reader: Box<dyn Read + Send>,
    meter: Arc<Meter>,
    bytes: u64,
    limits: Limits,
}

impl Source {
    /// Opens a file in UTF-8; whether it is packed shows in its first bytes, not in its name.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] when it is not there, may not be read, or is an archive or in UTF-16.
    pub fn open(path: &Path, limits: Limits) -> Result<Self> {
        Self::open_as(path, limits, Text::Utf8)
    }

    /// The same for a file of any [`Encoding`], which is found where none is given. The path `-` is the standard
    /// input.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] when it is not there, may not be read, or is an archive.
    pub(super) fn open_decoded(
        path: &Path,
        limits: Limits,
        encoding: Option<Encoding>,
    ) -> Result<Self> {
        Self::open_as(path, limits, Text::Decoded(encoding))
    }

    /// The same for a file that [`Source::into_reader`] reads and whoever reads it decodes: it may be in UTF-16,
    /// and then its bytes are left as they are.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] when it is not there, may not be read, or is an archive.
    pub(super) fn open_undecoded(path: &Path, limits: Limits) -> Result<Self> {
        Self::open_as(path, limits, Text::Raw)
    }

    fn open_as(path: &Path, limits: Limits, text: Text) -> Result<Self> {
        let refuse = |why: String| Refusal::invalid("file", format!("{}: {why}", path.display()));
        let cannot = |error: io::Error| refuse(explain(&error));
        let (file, bytes): (Box<dyn Read + Send>, u64) = match text {
            Text::Decoded(_) if path == Path::new(STANDARD_INPUT) => (Box::new(io::stdin()), 0),
            _ => {
                let file = File::open(path).map_err(cannot)?;
                let about = file.metadata().map_err(cannot)?;
                if about.is_dir() {
                    return Err(refuse("this is a folder, not a file".to_owned()).into());
                }
                (Box::new(file), about.len())
            }
        };
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
        ] {
            if magic.starts_with(start) {
                return Err(refuse(format!("this is {kind}")).into());
            }
        }
        let utf8 = matches!(text, Text::Utf8);
        if utf8 && (magic.starts_with(b"\xff\xfe") || magic.starts_with(b"\xfe\xff")) {
            let why = "this is in UTF-16; save it as UTF-8, as spreadsheets can";
            return Err(refuse(why.to_owned()).into());
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
        let unpacked = match text {
            Text::Decoded(encoding) => Box::new(Decoder::new(unpacked, encoding)),
            Text::Utf8 | Text::Raw => unpacked,
        };
        let raw = matches!(text, Text::Raw);
        let guard = Guard::new(unpacked, Arc::clone(&meter), limits, gz, raw);
        Ok(Self {
            reader: Box::new(guard),
            meter,
            bytes,
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

    /// The longest row, in bytes.
    pub(super) fn row_limit(&self) -> usize {
        self.limits.row_bytes
    }

    /// Reads it as it is. Whoever reads it so says where its rows begin, see [`Meter::begin_row`].
    pub(super) fn into_reader(self) -> Box<dyn Read + Send> {
        self.reader
    }

    /// Reads it line by line.
    pub fn lines(self) -> Lines {
        Lines::new(self.reader, self.meter, self.limits.row_bytes)
    }

    /// Reads it as csv with a header row.
    ///
    /// # Errors
    /// [`ReadError::File`] when there is no header row.
    pub(super) fn table(self, delimiter: u8) -> Result<Table, ReadError> {
        let quoting = Quoting::default();
        Table::new(self.reader, self.meter, delimiter, quoting, None)
    }

    /// Reads it as csv: with a header row, or with columns of these names.
    ///
    /// # Errors
    /// [`ReadError::File`] when it is empty.
    pub(super) fn table_of(
        self,
        delimiter: u8,
        quoting: Quoting,
        columns: Option<Vec<String>>,
    ) -> Result<Table, ReadError> {
        Table::new(self.reader, self.meter, delimiter, quoting, columns)
    }
}

/// Says what an error of the file system or of the unpacking means.
pub(super) fn explain(error: &io::Error) -> String {
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
