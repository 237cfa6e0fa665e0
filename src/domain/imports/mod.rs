//! Bringing other catalogues, their users and what these did into a schema.
//!
//! A reader ([`movielens`], [`tmdb`], [`products`], [`users`], [`interactions`], [`guides`], [`airings`]) turns a file
//! into rows on a thread of its own;
//! the rows are staged in chunks, and the store merges one chunk after the other, each in one
//! transaction. A row that cannot be taken is refused with its line and reason and the rest goes
//! on; a file that breaks in the middle ends the import, and the chunks merged before stay whole.

mod airings;
mod columns;
mod download;
pub mod factors;
mod guides;
mod interactions;
pub mod job;
mod mapped_rows;
pub mod mapping;
mod message;
pub mod model;
pub mod movielens;
mod products;
mod rows;
pub mod service;
pub mod source;
mod store;
pub mod sync;
mod tmdb;
mod users;

pub use mapping::MappingOrigin;
pub use message::printable;
pub use model::{
    FieldWarning, FileError, ImportEvent, ImportOptions, ImportOutcome, ImportRequest,
    ImportSummary, RefusedRow, RowCounts, Table,
};
pub use service::ImportService;
pub use source::Limits;

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use proptest::prelude::*;

    use super::interactions::InteractionReader;
    use super::mapping::{Format, Mapping, Subject};
    use super::model::ReadError;
    use super::movielens::{FileFormat, FilmReader, LinkReader, UserItemReader, UserReader};
    use super::products::ProductReader;
    use super::source::{Limits, Source};
    use super::tmdb;

    const MAPPING: &str = r#"
        source = "shop"
        id = { column = "id" }
        [fields]
        title = { column = "title" }
        price = { column = "a.b", strip = ["$"], times = 2 }
        currency = { column = "c", map = { x = "EUR" }, otherwise = "" }
        tags = { column = "tags", unwrap = ['[', ']'], split = ",", without_title = true }
        year = { column = "year" }
    "#;

    const EVENTS: &str = r#"
        kind = { column = "rating", map = { "1" = "VIEW" }, otherwise = "RATING" }
        user = { column = "userId" }
        item = { column = "movieId" }
        rating = { column = "rating" }
        time = { column = "timestamp" }
    "#;

    /// Reads to the end, or to the break; a reader that goes on behind a break would never end.
    fn drain<T>(rows: impl Iterator<Item = Result<T, ReadError>>) {
        for row in rows {
            if matches!(row, Err(ReadError::File { .. })) {
                break;
            }
        }
    }

    fn read_every_way(bytes: &[u8]) {
        let limits = Limits {
            row_bytes: 200,
            ratio: 20,
            free_bytes: 1000,
        };
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let open = || Source::open(file.path(), limits);
        if open().is_err() {
            return;
        }
        let source = || open().unwrap();
        let decoded = || Source::open_decoded(file.path(), limits, None).unwrap();
        for form in [FileFormat::Csv, FileFormat::Colons] {
            drain(FilmReader::new(source().lines(), form, Default::default()));
            drain(LinkReader::new(source().lines(), form));
            drain(UserReader::new(source().lines(), form));
            drain(UserItemReader::ratings(
                source().lines(),
                form,
                2_000_000_000,
            ));
            drain(UserItemReader::tags(source().lines(), form, 2_000_000_000));
        }
        for format in [Format::Csv, Format::Jsonl, Format::Json] {
            let mut mapping = Mapping::parse(MAPPING, Subject::Items).unwrap();
            mapping.format = format;
            if let Ok(rows) = ProductReader::new(decoded(), mapping) {
                drain(rows);
            }
            let mut mapping = Mapping::parse(EVENTS, Subject::Interactions).unwrap();
            mapping.format = format;
            for delimiter in [",", "::"] {
                mapping.delimiter = delimiter.to_owned();
                let now = chrono::DateTime::from_timestamp(2_000_000_000, 0).unwrap();
                let source = "shop".to_owned();
                let rows = InteractionReader::new(decoded(), mapping.clone(), source, now);
                if let Ok(rows) = rows {
                    drain(rows);
                }
            }
        }
        if let Ok(rows) = tmdb::FilmReader::new(source()) {
            drain(rows);
        }
        if let Ok(rows) = tmdb::CreditReader::new(source(), std::iter::once(1).collect()) {
            drain(rows);
        }
    }

    /// What files are made of, so that random inputs reach the inside of the readers too.
    const PIECES: &[&[u8]] = &[
        b"\n",
        b"\r\n",
        b"\r",
        b"\"",
        b"\"\"",
        b",",
        b"::",
        b"1",
        b"99999999999999999999",
        b"-0.5",
        b"1e308",
        b"Matrix, The (1999)",
        b"\xef\xbb\xbf",
        b"\xff\0",
        "…".as_bytes(),
        b"{\"id\": 1, \"title\": \"x\", \"tags\": [1, null], \"a\": {\"b\": 3}}\n",
        b"id,title,a.b,c,tags,year\n",
        b"movie_id,title,cast,crew\n",
        b"movieId,title,genres\n",
        b"userId,movieId,rating,timestamp\n",
    ];

    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop::sample::select(PIECES);
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            read_every_way(&bytes);
        }

        #[test]
        fn no_text_makes_a_reader_panic(bytes in pieces()) {
            read_every_way(&bytes);
        }

        #[test]
        fn no_damaged_gz_makes_a_reader_panic(bytes in pieces(), cut in 0_usize..400, flip: u8) {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), Default::default());
            packed.write_all(&bytes).unwrap();
            let mut packed = packed.finish().unwrap();
            packed.truncate(cut);
            let middle = packed.len() / 2;
            if let Some(byte) = packed.get_mut(middle) {
                *byte ^= flip;
            }
            read_every_way(&packed);
        }

        #[test]
        fn returns_before_line_ends_go_and_all_else_stays(bytes in pieces(), size in 1_usize..9) {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(b"a").unwrap();
            file.write_all(&bytes).unwrap();
            let mut reader = Source::open(file.path(), Limits::default()).unwrap().into_reader();
            let mut found = Vec::new();
            let mut buffer = vec![0; size];
            loop {
                let length = reader.read(&mut buffer).unwrap();
                if length == 0 {
                    break;
                }
                found.extend_from_slice(&buffer[..length]);
            }
            let whole = [&b"a"[..], &bytes].concat();
            let mut expected = Vec::new();
            for (index, byte) in whole.iter().enumerate() {
                if *byte != b'\r' || whole.get(index + 1) != Some(&b'\n') {
                    expected.push(*byte);
                }
            }
            prop_assert_eq!(found, expected);
        }
    }
}
