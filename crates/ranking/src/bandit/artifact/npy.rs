//! Arrays in numpy's format, version 1.0: `"\x93NUMPY"`, the version, the length of the header (u16),
//! a header that is a Python dictionary, and the numbers, little-endian, the last index fastest
//! (numpy's documentation, `numpy.lib.format`).

use super::ArtifactError;

const MAGIC: &[u8; 8] = b"\x93NUMPY\x01\x00";

/// The length of magic, version, length and header is a multiple of this.
const ALIGNMENT: usize = 64;

/// A kind of number that arrays are made of.
pub(super) trait Element: Copy {
    /// Its name in headers.
    const DESCR: &'static str;
    /// Its bytes.
    const SIZE: usize;
    /// Appends its bytes.
    fn put(self, out: &mut Vec<u8>);
    /// Reads it from exactly its bytes.
    fn get(bytes: &[u8]) -> Option<Self>;
}

macro_rules! element {
    ($($kind:ty: $descr:literal),*) => {$(
        impl Element for $kind {
            const DESCR: &'static str = $descr;
            const SIZE: usize = size_of::<$kind>();
            fn put(self, out: &mut Vec<u8>) {
                out.extend(self.to_le_bytes());
            }
            fn get(bytes: &[u8]) -> Option<Self> {
                Some(Self::from_le_bytes(bytes.try_into().ok()?))
            }
        }
    )*};
}

element!(f64: "<f8", u64: "<u8", u32: "<u4", u16: "<u2", u8: "|u1");

/// An array as the bytes of a file.
pub(super) fn write<T: Element>(shape: &[usize], values: impl Iterator<Item = T>) -> Vec<u8> {
    let mut out = header(T::DESCR, shape);
    values.for_each(|value| value.put(&mut out));
    out
}

/// A text as an array without dimensions, of dtype `<U` with its length.
pub(super) fn write_text(text: &str) -> Vec<u8> {
    let mut out = header(&format!("<U{}", text.chars().count()), &[]);
    text.chars()
        .for_each(|letter| u32::from(letter).put(&mut out));
    out
}

fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let mut dimensions: String = shape.iter().map(|length| format!("{length}, ")).collect();
    if shape.len() > 1 {
        dimensions.truncate(dimensions.len() - 2);
    }
    let mut text =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({dimensions}), }}");
    let bare = MAGIC.len() + 2 + text.len() + 1;
    text.extend(std::iter::repeat_n(
        ' ',
        bare.next_multiple_of(ALIGNMENT) - bare,
    ));
    text.push('\n');
    let mut out = MAGIC.to_vec();
    out.extend((text.len() as u16).to_le_bytes());
    out.extend(text.as_bytes());
    out
}

/// The numbers of an array of this shape.
pub(super) fn read<T: Element>(
    name: &'static str,
    bytes: &[u8],
    shape: &[usize],
) -> Result<Vec<T>, ArtifactError> {
    let (descr, found, data) = parse(bytes).ok_or(ArtifactError::Array(name))?;
    let length = shape
        .iter()
        .try_fold(T::SIZE, |sum, length| sum.checked_mul(*length));
    if descr != T::DESCR || found != shape || length != Some(data.len()) {
        return Err(ArtifactError::Array(name));
    }
    let values = data.chunks_exact(T::SIZE).map(T::get);
    values
        .collect::<Option<Vec<T>>>()
        .ok_or(ArtifactError::Array(name))
}

/// The length of an array's first dimension.
pub(super) fn rows(name: &'static str, bytes: &[u8]) -> Result<usize, ArtifactError> {
    let parsed = parse(bytes).and_then(|(_, shape, _)| shape.first().copied());
    parsed.ok_or(ArtifactError::Array(name))
}

/// The text of an array without dimensions.
pub(super) fn read_text(name: &'static str, bytes: &[u8]) -> Result<String, ArtifactError> {
    let text = parse(bytes).and_then(|(descr, shape, data)| {
        let letters = descr.strip_prefix("<U")?.parse::<usize>().ok()?;
        if !shape.is_empty() || letters.checked_mul(4)? != data.len() {
            return None;
        }
        let letters = data.chunks_exact(4);
        letters
            .map(|bytes| char::from_u32(u32::get(bytes)?))
            .collect()
    });
    text.ok_or(ArtifactError::Array(name))
}

/// The dtype, the shape and the numbers of an array in rows.
fn parse(bytes: &[u8]) -> Option<(&str, Vec<usize>, &[u8])> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_at_checked(2)?;
    let (header, data) = rest.split_at_checked(u16::get(length)?.into())?;
    let header = std::str::from_utf8(header).ok()?;
    let after = |key: &str| Some(header.split_once(key)?.1.trim_start());
    let (descr, _) = after("'descr':")?.strip_prefix('\'')?.split_once('\'')?;
    if !after("'fortran_order':")?.starts_with("False") {
        return None;
    }
    let (shape, _) = after("'shape':")?.strip_prefix('(')?.split_once(')')?;
    let shape = shape
        .split(',')
        .map(str::trim)
        .filter(|length| !length.is_empty())
        .map(|length| length.parse().ok());
    Some((descr, shape.collect::<Option<Vec<usize>>>()?, data))
}
