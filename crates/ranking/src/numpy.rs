//! Arrays in the formats of numpy.
//!
//! An array is a file in the NPY format, version 1.0: `"\x93NUMPY"`, the version, the length of the header (u16),
//! a header that is a Python dictionary, and the numbers, little-endian. Several arrays are an NPZ: a zip of such
//! files, uncompressed as `numpy.savez` writes it (numpy's documentation, `numpy.lib.format`).

use std::io::{Cursor, Read, Seek, Write};

use rustc_hash::FxHashMap;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

const MAGIC: &[u8; 8] = b"\x93NUMPY\x01\x00";

/// The length of magic, version, length and header is a multiple of this.
const ALIGNMENT: usize = 64;

/// A kind of number that arrays are made of.
pub trait Element: Copy {
    /// Its name in headers: the dtype.
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

element!(
    f64: "<f8", f32: "<f4", i64: "<i8", i32: "<i4", u64: "<u8", u32: "<u4", u16: "<u2", u8: "|u1"
);

/// An array as the bytes of a file, the last index fastest.
pub fn write<T: Element>(shape: &[usize], values: impl Iterator<Item = T>) -> Vec<u8> {
    let mut out = header(T::DESCR, shape);
    values.for_each(|value| value.put(&mut out));
    out
}

/// A text as an array without dimensions, of dtype `<U` with its length.
pub fn write_text(text: &str) -> Vec<u8> {
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

/// An array that was read, over the bytes of its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Array<'a> {
    /// Its dtype: `<f8`.
    pub descr: &'a str,
    /// Whether the first index is the fastest.
    pub fortran_order: bool,
    /// Its dimensions; none for a single value.
    pub shape: Vec<usize>,
    data: &'a [u8],
}

impl<'a> Array<'a> {
    /// The array of such a file; `None` for bytes that are none.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (length, rest) = rest.split_at_checked(2)?;
        let (header, data) = rest.split_at_checked(u16::get(length)?.into())?;
        let header = std::str::from_utf8(header).ok()?;
        let after = |key: &str| Some(header.split_once(key)?.1.trim_start());
        let (descr, _) = after("'descr':")?.strip_prefix('\'')?.split_once('\'')?;
        let order = after("'fortran_order':")?;
        let fortran_order = order.starts_with("True");
        if !fortran_order && !order.starts_with("False") {
            return None;
        }
        let (shape, _) = after("'shape':")?.strip_prefix('(')?.split_once(')')?;
        let shape = shape
            .split(',')
            .map(str::trim)
            .filter(|length| !length.is_empty())
            .map(|length| length.parse().ok());
        Some(Self {
            descr,
            fortran_order,
            shape: shape.collect::<Option<_>>()?,
            data,
        })
    }

    /// The bytes of `size` for each of its values, or `None` where it is longer or shorter.
    fn chunks(&self, size: usize) -> Option<std::slice::ChunksExact<'a, u8>> {
        let mut lengths = self.shape.iter();
        let length = lengths.try_fold(size, |all, length| all.checked_mul(*length))?;
        (length == self.data.len() && size > 0).then(|| self.data.chunks_exact(size))
    }

    /// Its numbers in the order of the file; `None` if they are of another kind, or not as many as its shape says.
    pub fn numbers<T: Element>(&self) -> Option<Vec<T>> {
        if self.descr != T::DESCR {
            return None;
        }
        self.chunks(T::SIZE)?.map(T::get).collect()
    }

    /// Its texts, which are of dtype `<U`, without the zeros that fill them up; `None` where it holds no texts.
    pub fn texts(&self) -> Option<Vec<String>> {
        let letters: usize = self.descr.strip_prefix("<U")?.parse().ok()?;
        if letters == 0 {
            return None;
        }
        let text = |bytes: &[u8]| {
            let letters = bytes.chunks_exact(4);
            let text: Option<String> = letters
                .map(|bytes| char::from_u32(u32::get(bytes)?))
                .collect();
            Some(text?.trim_end_matches('\0').to_owned())
        };
        self.chunks(letters.checked_mul(4)?)?.map(text).collect()
    }
}

/// Arrays with distinct names as the bytes of an NPZ.
pub fn pack<'a>(arrays: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, array) in arrays {
        let written = archive
            .start_file(format!("{name}.npy"), options)
            .and_then(|()| Ok(archive.write_all(&array)?));
        written.expect("names are distinct, and memory takes what is written");
    }
    let finished = archive.finish();
    finished.expect("memory takes what is written").into_inner()
}

/// The files of the arrays of an NPZ by their names, of which `wanted` says which are read. Each has a checksum,
/// which is compared. Reads no more than `largest` bytes in all: what comes then is missing.
///
/// # Errors
/// A sentence without a full stop that says what is wrong: no archive, or a damaged or compressed one.
pub fn unpack(
    file: impl Read + Seek,
    largest: u64,
    wanted: impl Fn(&str) -> bool,
) -> Result<FxHashMap<String, Vec<u8>>, String> {
    let damaged = |error: zip::result::ZipError| error.to_string();
    let mut archive = ZipArchive::new(file).map_err(damaged)?;
    let mut out = FxHashMap::default();
    let mut left = largest;
    for at in 0..archive.len() {
        let file = archive.by_index(at).map_err(damaged)?;
        let name = file.name().map_err(damaged)?;
        let name = name.trim_end_matches(".npy").to_owned();
        if !wanted(&name) {
            continue;
        }
        let mut array = Vec::new();
        file.take(left)
            .read_to_end(&mut array)
            .map_err(|error| format!("`{name}`: {error}"))?;
        left -= array.len() as u64;
        out.insert(name, array);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_come_back_as_they_were() {
        let bytes = write(&[2, 3], (1..=6).map(|n: i32| n));
        let array = Array::parse(&bytes).unwrap();
        assert_eq!((array.descr, &array.shape[..]), ("<i4", &[2, 3][..]));
        assert_eq!(array.numbers::<i32>().unwrap(), [1, 2, 3, 4, 5, 6]);
        assert_eq!(array.numbers::<i64>(), None);
        let bytes = write_text("Amélie");
        assert_eq!(Array::parse(&bytes).unwrap().texts().unwrap(), ["Amélie"]);
    }

    #[test]
    fn an_array_that_is_shorter_than_its_shape_has_no_numbers() {
        let bytes = write(&[4], [1.0_f32, 2.0, 3.0].into_iter());
        assert_eq!(Array::parse(&bytes).unwrap().numbers::<f32>(), None);
    }

    #[test]
    fn only_the_wanted_arrays_are_read_and_no_more_than_may_be() {
        let one = |value: u8| write(&[], std::iter::once(value));
        let packed = pack([("a", one(1)), ("b", one(2))]);
        let read = |largest, wanted: &str| {
            unpack(Cursor::new(&packed), largest, |name| {
                name.starts_with(wanted)
            })
            .unwrap()
        };
        assert_eq!(
            read(1 << 20, "b"),
            FxHashMap::from_iter([("b".to_owned(), one(2))])
        );
        assert_eq!(read(1 << 20, "").len(), 2);
        assert!(read(5, "").values().all(|array| array.len() <= 5));
        assert!(unpack(Cursor::new(b"no archive"), 10, |_| true).is_err());
    }
}
