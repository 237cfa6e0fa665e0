//! The bytes of a guide as UTF-8, with the number of the line and a bound for each part.

use std::io::{self, BufRead, Read};

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};

const CHUNK: usize = 1 << 16;

/// The number of bytes at the head of a file in which its encoding is looked for.
const HEAD: usize = 256;

/// Decodes a guide to UTF-8, counts lines, and stops where one part of the document is too large.
pub(crate) struct Input<R> {
    inner: R,
    decoder: Decoder,
    /// Bytes of the file, of which those up to `raw_end` are still to be decoded.
    raw: Vec<u8>,
    raw_end: usize,
    /// Decoded text, of which `next..end` is still to be handed out.
    text: Vec<u8>,
    next: usize,
    end: usize,
    at_end: bool,
    finished: bool,
    line: u64,
    part: usize,
    part_bytes: usize,
}

/// Why the head of a file could not be read.
pub(crate) enum HeadError {
    Io(io::Error),
    UnknownEncoding(String),
}

impl<R: Read> Input<R> {
    /// Reads the head of `inner` and finds its encoding: by a byte order mark, by the zero bytes of
    /// UTF-16, by the XML declaration, or else UTF-8. Each part may have `part_bytes` bytes.
    pub(crate) fn new(mut inner: R, part_bytes: usize) -> Result<Self, HeadError> {
        let mut raw = vec![0; CHUNK];
        let mut raw_end = 0;
        while raw_end < HEAD {
            match inner.read(&mut raw[raw_end..HEAD]) {
                Ok(0) => break,
                Ok(length) => raw_end += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(HeadError::Io(error)),
            }
        }
        let encoding = encoding_of(&raw[..raw_end]).map_err(HeadError::UnknownEncoding)?;
        Ok(Self {
            inner,
            // Removes the byte order mark of this encoding.
            decoder: encoding.new_decoder_with_bom_removal(),
            raw,
            raw_end,
            text: vec![0; 4 * CHUNK],
            next: 0,
            end: 0,
            at_end: false,
            finished: false,
            line: 1,
            part: 0,
            part_bytes,
        })
    }

    /// The line of the next byte, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Begins a part of the document.
    pub(crate) fn begin_part(&mut self) {
        self.part = 0;
    }

    /// Decodes more text into the empty buffer.
    fn refill(&mut self) -> io::Result<()> {
        if !self.at_end && self.raw_end < self.raw.len() {
            let length = self.inner.read(&mut self.raw[self.raw_end..])?;
            self.at_end = length == 0;
            self.raw_end += length;
        }
        let last = self.at_end;
        let (result, read, written, _) =
            self.decoder
                .decode_to_utf8(&self.raw[..self.raw_end], &mut self.text, last);
        self.raw.copy_within(read..self.raw_end, 0);
        self.raw_end -= read;
        self.next = 0;
        self.end = written;
        self.finished = last && result == encoding_rs::CoderResult::InputEmpty;
        Ok(())
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl<R: Read> BufRead for Input<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.part > self.part_bytes {
            return Err(io::Error::other(format!(
                "a tag or a text of more than {} bytes",
                self.part_bytes
            )));
        }
        while self.next == self.end && !self.finished {
            self.refill()?;
        }
        // No more than the part may still have, so that no buffer of the parser grows beyond it.
        let most = self.part_bytes + 1 - self.part;
        Ok(&self.text[self.next..self.end.min(self.next + most)])
    }

    fn consume(&mut self, amount: usize) {
        let taken = &self.text[self.next..(self.next + amount).min(self.end)];
        self.line += taken.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.part += taken.len();
        self.next += taken.len();
    }
}

/// The encoding of a file with this head, or the name of one that is not known.
fn encoding_of(head: &[u8]) -> Result<&'static Encoding, String> {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return Ok(encoding);
    }
    if head.starts_with(b"<\0") {
        return Ok(UTF_16LE);
    }
    if head.starts_with(b"\0<") {
        return Ok(UTF_16BE);
    }
    let Some(name) = declared(head) else {
        return Ok(UTF_8);
    };
    match Encoding::for_label(name) {
        // A declaration that could be read byte by byte is not in UTF-16, whatever it says.
        Some(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => Ok(UTF_8),
        Some(encoding) if encoding.is_ascii_compatible() => Ok(encoding),
        _ => Err(String::from_utf8_lossy(name).into_owned()),
    }
}

/// The name of the encoding in the XML declaration.
fn declared(head: &[u8]) -> Option<&[u8]> {
    let head = head.trim_ascii_start().strip_prefix(b"<?xml")?;
    let end = head.iter().position(|byte| *byte == b'>')?;
    let declaration = &head[..end];
    let at = declaration
        .windows(b"encoding".len())
        .position(|window| window == b"encoding")?;
    let value = declaration[at + b"encoding".len()..].trim_ascii_start();
    let value = value.strip_prefix(b"=")?.trim_ascii_start();
    let (quote, value) = value.split_first()?;
    let end = value.iter().position(|byte| byte == quote)?;
    Some(value[..end].trim_ascii())
}
