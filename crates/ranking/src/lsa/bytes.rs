//! A space as bytes, to be kept and read again.

use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

use super::document::Vocabulary;
use super::{Lsa, MOST_DIMENSIONS};

/// How such bytes begin.
const MAGIC: &[u8; 8] = b"MARQ-LSA";
/// Counts up with each change of the form or of how text is read.
const VERSION: u32 = 1;

/// Why bytes are no space.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum LsaBytesError {
    /// They do not begin as such bytes do.
    #[error("this is not a semantic space")]
    Foreign,
    /// They were written by a program of another version.
    #[error("this semantic space has version {0}, which this program cannot read; train again")]
    Version(u32),
    /// They were cut off or changed.
    #[error("this semantic space is damaged; train again")]
    Damaged,
}

impl Lsa {
    /// The space as bytes: some 2 a dimension and term, and the terms. All numbers are little
    /// endian: the magic, the version, how many documents, terms and dimensions; the strengths;
    /// for each term its length and text, its rarity, its scale and its direction; a checksum
    /// (XXH3, 64 bits) of all that.
    pub fn to_bytes(&self) -> Vec<u8> {
        let width = self.dimensions();
        let mut bytes = Vec::with_capacity(self.terms() * (2 * width + 24) + 64);
        bytes.extend_from_slice(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(self.documents.to_le_bytes());
        bytes.extend((self.terms() as u32).to_le_bytes());
        bytes.extend((width as u32).to_le_bytes());
        for strength in &self.strengths {
            bytes.extend(strength.to_le_bytes());
        }
        for (index, term) in self.vocabulary.terms.iter().enumerate() {
            bytes.extend((term.len() as u32).to_le_bytes());
            bytes.extend_from_slice(term.as_bytes());
            bytes.extend(self.vocabulary.rarity[index].to_le_bytes());
            bytes.extend(self.scales[index].to_le_bytes());
            for value in &self.directions[index * width..(index + 1) * width] {
                bytes.extend(value.to_le_bytes());
            }
        }
        bytes.extend(xxh3_64(&bytes).to_le_bytes());
        bytes
    }

    /// Reads what [`Lsa::to_bytes`] has written.
    ///
    /// # Errors
    /// [`LsaBytesError`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LsaBytesError> {
        let mut rest = Reader(bytes);
        if rest.take(MAGIC.len()) != Ok(MAGIC) {
            return Err(LsaBytesError::Foreign);
        }
        match u32::from_le_bytes(rest.array()?) {
            VERSION => {}
            other => return Err(LsaBytesError::Version(other)),
        }
        let (body, sum) = bytes
            .split_last_chunk::<8>()
            .ok_or(LsaBytesError::Damaged)?;
        if xxh3_64(body) != u64::from_le_bytes(*sum) {
            return Err(LsaBytesError::Damaged);
        }
        let documents = u64::from_le_bytes(rest.array()?);
        let terms = rest.size()?;
        let width = rest.size()?;
        // What the bytes hold bounds what is set aside for it.
        if width > MOST_DIMENSIONS || terms > bytes.len() {
            return Err(LsaBytesError::Damaged);
        }
        let strengths = (0..width)
            .map(|_| rest.positive())
            .collect::<Result<_, _>>()?;
        let (mut names, mut rarity) = (Vec::with_capacity(terms), Vec::with_capacity(terms));
        let (mut scales, mut directions) = (Vec::with_capacity(terms), Vec::new());
        for _ in 0..terms {
            let length = rest.size()?;
            let name =
                std::str::from_utf8(rest.take(length)?).map_err(|_| LsaBytesError::Damaged)?;
            names.push(name.into());
            rarity.push(rest.positive()?);
            scales.push(rest.positive()?);
            let (values, _) = rest.take(2 * width)?.as_chunks();
            directions.extend(values.iter().map(|value| i16::from_le_bytes(*value)));
        }
        if rest.0.len() != sum.len() {
            return Err(LsaBytesError::Damaged);
        }
        Ok(Self {
            documents,
            vocabulary: Vocabulary::new(names, rarity),
            strengths,
            directions,
            scales,
        })
    }
}

/// What is still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], LsaBytesError> {
        let (head, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(LsaBytesError::Damaged)?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], LsaBytesError> {
        self.take(N)?.try_into().map_err(|_| LsaBytesError::Damaged)
    }

    fn size(&mut self) -> Result<usize, LsaBytesError> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    fn positive(&mut self) -> Result<f32, LsaBytesError> {
        let value = f32::from_le_bytes(self.array()?);
        if value.is_finite() && value > 0.0 {
            Ok(value)
        } else {
            Err(LsaBytesError::Damaged)
        }
    }
}
