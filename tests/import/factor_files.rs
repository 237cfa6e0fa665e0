//! Tables of factors as files: what each form becomes, and what is refused.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use marquee::domain::imports::Limits;
use marquee::domain::imports::factors::FactorTable;
use parquet::basic::Compression as Codec;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;
use ranking::numpy;

use super::*;

/// A table as tests write it: ids with their vectors.
pub(super) type Rows<'a> = [(i64, &'a [f32])];

/// The schema of the factors that Spark's `ALSModel` saves.
const SPARK: &str = "message spark_schema { required int32 id; \
    optional group features (LIST) { repeated group list { required float element; } } }";

/// What is written into one column: values with the levels of the Dremel encoding.
#[derive(Clone)]
enum Column {
    Ints(Vec<i32>),
    Longs(Vec<i64>),
    Texts(Vec<&'static str>, Vec<i16>),
    Floats(Vec<f32>, Vec<i16>, Vec<i16>),
    Doubles(Vec<f64>, Vec<i16>),
}

/// A Parquet file of one row group, packed with Snappy as Spark does.
fn parquet_of(schema: &str, columns: Vec<Column>) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder().set_compression(Codec::SNAPPY);
    let mut bytes = Vec::new();
    let mut file =
        SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties.build())).unwrap();
    let mut group = file.next_row_group().unwrap();
    for column in columns {
        let mut writer = group.next_column().unwrap().unwrap();
        match (writer.untyped(), column) {
            (ColumnWriter::Int32ColumnWriter(to), Column::Ints(values)) => {
                to.write_batch(&values, None, None).unwrap();
            }
            (ColumnWriter::Int64ColumnWriter(to), Column::Longs(values)) => {
                to.write_batch(&values, None, None).unwrap();
            }
            (ColumnWriter::ByteArrayColumnWriter(to), Column::Texts(values, levels)) => {
                let values: Vec<ByteArray> = values.into_iter().map(ByteArray::from).collect();
                to.write_batch(&values, Some(&levels), None).unwrap();
            }
            (ColumnWriter::FloatColumnWriter(to), Column::Floats(values, levels, repeats)) => {
                to.write_batch(&values, Some(&levels), Some(&repeats))
                    .unwrap();
            }
            (ColumnWriter::DoubleColumnWriter(to), Column::Doubles(values, levels)) => {
                to.write_batch(&values, Some(&levels), None).unwrap();
            }
            _ => panic!("a column of another type"),
        }
        writer.close().unwrap();
    }
    group.close().unwrap();
    file.close().unwrap();
    bytes
}

/// The values and levels of lists that are there.
fn lists(rows: &Rows) -> Column {
    let values: Vec<f32> = rows
        .iter()
        .flat_map(|(_, vector)| *vector)
        .copied()
        .collect();
    let repeats = rows
        .iter()
        .flat_map(|(_, vector)| (0..vector.len()).map(|at| i16::from(at > 0)));
    Column::Floats(values.clone(), vec![2; values.len()], repeats.collect())
}

/// One part as Spark writes it.
pub(super) fn spark(rows: &Rows) -> Vec<u8> {
    let ids = rows.iter().map(|(id, _)| i32::try_from(*id).unwrap());
    parquet_of(SPARK, vec![Column::Ints(ids.collect()), lists(rows)])
}

/// `id,f0,f1,…` with this separator.
pub(super) fn delimited(rows: &Rows, separator: &str) -> String {
    let mut text = String::from("id");
    for at in 0..rows[0].1.len() {
        text += &format!("{separator}f{at}");
    }
    for (id, vector) in rows {
        text += &format!("\n{id}");
        for value in *vector {
            text += &format!("{separator}{value}");
        }
    }
    text + "\n"
}

/// An NPZ as `numpy.savez` writes it, of int64 and float64.
pub(super) fn npz(rows: &Rows) -> Vec<u8> {
    let values = rows.iter().flat_map(|(_, vector)| *vector);
    let ids = numpy::write(&[rows.len()], rows.iter().map(|(id, _)| *id));
    let shape = [rows.len(), rows[0].1.len()];
    let factors = numpy::write(&shape, values.map(|value| f64::from(*value)));
    numpy::pack([("ids", ids), ("factors", factors)])
}

/// Writes a file of this name.
pub(super) fn file(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The same bytes with another text of the same length.
fn with(mut bytes: Vec<u8>, before: &str, after: &str) -> Vec<u8> {
    assert_eq!(before.len(), after.len());
    let mut windows = bytes.windows(before.len());
    let at = windows
        .position(|found| found == before.as_bytes())
        .unwrap();
    bytes[at..at + after.len()].copy_from_slice(after.as_bytes());
    bytes
}

const ROWS: &Rows = &[
    (12, &[0.5, -1.25, 3.0]),
    (7, &[0.0, 0.125, 1e-3]),
    (-3, &[2.5e10, 1.0, 0.1]),
];

fn read(path: &Path) -> FactorTable {
    FactorTable::read(path, Limits::default()).unwrap()
}

/// What is said of a file of this content.
fn why(bytes: impl AsRef<[u8]>) -> String {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "items", bytes);
    FactorTable::read(&path, Limits::default())
        .unwrap_err()
        .to_string()
}

/// Ids and vectors of a table.
fn content(table: &FactorTable) -> Vec<(i64, Vec<f32>)> {
    let row = |at: usize| {
        let id = table.rows()[at].id.parse().unwrap();
        (id, table.vector(at).to_vec())
    };
    (0..table.len()).map(row).collect()
}

#[test]
fn all_forms_of_a_table_are_the_same_table() {
    let folder = TempDir::new().unwrap();
    let columns = "message pandas { optional double f1; required int64 id; optional double f2; optional double f3; }";
    let doubles = |at: usize| {
        let values = ROWS.iter().map(|(_, vector)| f64::from(vector[at]));
        Column::Doubles(values.collect(), vec![1; 3])
    };
    let longs = Column::Longs(ROWS.iter().map(|(id, _)| *id).collect());
    let columns = parquet_of(columns, vec![doubles(0), longs, doubles(1), doubles(2)]);
    // As pandas writes lists: the elements may be null, and ids are texts.
    let texts = "message pandas { optional group features (LIST) { repeated group list { optional float element; } } \
                 optional binary name (STRING); }";
    let Column::Floats(values, levels, repeats) = lists(ROWS) else {
        panic!("lists of floats");
    };
    let levels = levels.iter().map(|level| level + 1).collect();
    let texts = parquet_of(
        texts,
        vec![
            Column::Floats(values, levels, repeats),
            Column::Texts(vec!["12", "7", "-3"], vec![1; 3]),
        ],
    );
    // The first index the fastest, of texts and of single precision.
    let by_column = (0..3).flat_map(|at| ROWS.iter().map(move |(_, vector)| vector[at]));
    let by_column = numpy::write(&[3, 3], by_column);
    let by_column = with(by_column, "False", "True ");
    let ids = numpy::write_text("12\u{0}7\u{0}\u{0}-3\u{0}");
    let ids = with(with(ids, "<U9", "<U3"), "'shape': (), ", "'shape': (3,)");
    let fortran = numpy::pack([("ids", ids), ("factors", by_column)]);

    let csv = delimited(ROWS, ",");
    let without_header = csv.split_once('\n').unwrap().1.to_owned();
    for (name, bytes) in [
        ("spark", spark(ROWS)),
        ("columns", columns),
        ("texts", texts),
        ("npz", npz(ROWS)),
        ("fortran", fortran),
        ("csv", csv.clone().into_bytes()),
        (
            "windows",
            format!("\u{feff}{}", csv.replace('\n', "\r\n")).into_bytes(),
        ),
        ("bare", without_header.into_bytes()),
        ("csv.gz", gz(csv.as_bytes())),
        ("tsv", delimited(ROWS, "\t").into_bytes()),
    ] {
        let table = read(&file(&folder, name, bytes));
        let expected: Vec<(i64, Vec<f32>)> = ROWS
            .iter()
            .map(|(id, vector)| (*id, vector.to_vec()))
            .collect();
        assert_eq!(content(&table), expected, "{name}");
        assert_eq!((table.len(), table.width()), (3, 3), "{name}");
    }
}

#[test]
fn a_folder_of_parts_is_one_table() {
    let folder = TempDir::new().unwrap();
    file(
        &folder,
        "itemFactors/part-00001-a.snappy.parquet",
        spark(&ROWS[1..]),
    );
    file(
        &folder,
        "itemFactors/part-00000-a.snappy.parquet",
        spark(&ROWS[..1]),
    );
    // Spark writes a part without rows, and files that say that it is done.
    file(
        &folder,
        "itemFactors/part-00002-a.snappy.parquet",
        spark(&[]),
    );
    file(&folder, "itemFactors/_SUCCESS", "");
    file(
        &folder,
        "itemFactors/.part-00000-a.snappy.parquet.crc",
        "crc",
    );
    let table = read(&folder.path().join("itemFactors"));
    assert_eq!(
        content(&table)
            .iter()
            .map(|(id, _)| *id)
            .collect::<Vec<_>>(),
        [12, 7, -3]
    );
    assert_eq!(table.file(&table.rows()[2]), "part-00001-a.snappy.parquet");

    let above = FactorTable::read(folder.path(), Limits::default())
        .unwrap_err()
        .to_string();
    assert!(above.contains("itemFactors"), "{above}");
    file(&folder, "itemFactors/part-00003", "id,f0\n1,2\n");
    let other = FactorTable::read(&folder.path().join("itemFactors"), Limits::default());
    let other = other.unwrap_err().to_string();
    assert!(
        other.contains("part-00003") && other.contains("no Parquet"),
        "{other}"
    );
}

#[test]
fn a_large_table_is_read_in_batches() {
    let rows: Vec<(i64, Vec<f32>)> = (0..3000).map(|id| (id, vec![id as f32, -1.0])).collect();
    let rows: Vec<(i64, &[f32])> = rows.iter().map(|(id, vector)| (*id, &vector[..])).collect();
    let folder = TempDir::new().unwrap();
    let table = read(&file(&folder, "items", spark(&rows)));
    assert_eq!(table.len(), 3000);
    for (at, row) in table.rows().iter().enumerate() {
        assert_eq!((row.id.parse(), row.number), (Ok(at), at as u64 + 1));
        assert_eq!(table.vector(at), [at as f32, -1.0]);
    }
}

#[test]
fn what_is_no_table_is_refused_with_file_row_and_column() {
    let good: &[f32] = &[1.0, 2.0];
    let list = |values: Vec<f32>, levels: Vec<i16>, repeats: Vec<i16>| {
        let ids = Column::Ints(
            (1..=i32::try_from(repeats.iter().filter(|r| **r == 0).count()).unwrap()).collect(),
        );
        parquet_of(SPARK, vec![ids, Column::Floats(values, levels, repeats)])
    };
    let elements = |levels: Vec<i16>| {
        let schema = "message m { optional binary id (STRING); \
            optional group features (LIST) { repeated group list { optional float element; } } }";
        let values = vec![1.0; levels.iter().filter(|level| **level == 3).count()];
        let ids = Column::Texts(vec!["a"], vec![1]);
        let repeats = (0..levels.len()).map(|at| i16::from(at > 0)).collect();
        parquet_of(schema, vec![ids, Column::Floats(values, levels, repeats)])
    };
    let no_id = parquet_of(
        "message m { optional binary id (STRING); optional double f0; }",
        vec![
            Column::Texts(vec![], vec![0]),
            Column::Doubles(vec![1.0], vec![1]),
        ],
    );
    let arrays = |arrays: Vec<(&'static str, Vec<u8>)>| numpy::pack(arrays);
    let ids = || numpy::write(&[2], [1_i64, 2].into_iter());
    let matrix =
        |shape: &[usize]| numpy::write(shape, std::iter::repeat_n(1.0_f32, shape.iter().product()));
    for (bytes, wanted) in [
        (Vec::new(), &["the file is empty"][..]),
        (b"id,f0\n".to_vec(), &["no rows"]),
        (
            b"id,f0,f1\n1,2,3\n2,2\n".to_vec(),
            &["line 3", "2 columns instead of 3"],
        ),
        (b"1\n2\n".to_vec(), &["line 2", "0 factors"]),
        (
            b"id,f0,f1\n1,2,3\n2,2,NaN\n".to_vec(),
            &["line 3", "column `f1`", "no number"],
        ),
        (
            b"id,f0,f1\n1,2,3\n2,x,3\n".to_vec(),
            &["line 3", "column `f0`"],
        ),
        (b"1,2,1e39\n".to_vec(), &["line 1", "column 3"]),
        (
            b"id,f0\n1,2\n5,1\n1,3\n".to_vec(),
            &["line 4", "`1` came before, in row 2"],
        ),
        (b"id,f0\n,2\n".to_vec(), &["line 2", "the id must have"]),
        (
            format!("{},2\n", "x".repeat(201)).into_bytes(),
            &["line 1", "200 characters"],
        ),
        (
            format!("1{}\n", ",0".repeat(1025)).into_bytes(),
            &["1025 factors", "1 to 1024"],
        ),
        (b"id,f0\n1,\xff\n".to_vec(), &["line 2", "not UTF-8"]),
        (spark(&[]), &["no rows"]),
        (
            spark(&[(1, good), (2, &[1.0])]),
            &["row 2", "1 factors", "before it 2"],
        ),
        (
            spark(&[(1, good), (1, good)]),
            &["row 2", "`1` came before, in row 1 of items"],
        ),
        (
            spark(&[(1, &[1.0, f32::NAN])]),
            &["row 1", "number 2", "no number"],
        ),
        (
            list(vec![1.0], vec![2, 1], vec![0, 0]),
            &["row 2", "0 factors"],
        ),
        (
            list(vec![1.0], vec![2, 0], vec![0, 0]),
            &["row 2", "0 factors"],
        ),
        (elements(vec![3, 2]), &["row 1", "number 2", "missing"]),
        (no_id, &["row 1", "the id is missing"]),
        (
            parquet_of(
                "message m { optional double f0; }",
                vec![Column::Doubles(vec![1.0], vec![1])],
            ),
            &["no column `id`", "there are `f0`"],
        ),
        (
            parquet_of(
                "message m { required int32 id; }",
                vec![Column::Ints(vec![1])],
            ),
            &["no column `features`"],
        ),
        (
            spark(&[(1, good)])[..60].to_vec(),
            &["Parquet file is damaged"],
        ),
        (matrix(&[2, 2]), &["numpy.savez"]),
        (b"PK\x03\x04 and no more".to_vec(), &["numpy.savez"]),
        (arrays(vec![("ids", ids())]), &["`factors` is missing"]),
        (
            arrays(vec![("ids", ids()), ("factors", matrix(&[4]))]),
            &["two dimensions"],
        ),
        (
            arrays(vec![("ids", ids()), ("factors", matrix(&[3, 1]))]),
            &["3 rows"],
        ),
        (
            arrays(vec![("ids", ids()), ("factors", matrix(&[2, 1025]))]),
            &["2 rows of 1025"],
        ),
        (
            arrays(vec![("ids", matrix(&[2])), ("factors", matrix(&[2, 1]))]),
            &["`<f4`", "astype"],
        ),
        (
            arrays(vec![
                ("ids", ids()),
                ("factors", numpy::write(&[2, 1], [1_u8, 2].into_iter())),
            ]),
            &["`|u1`"],
        ),
        (
            arrays(vec![
                ("ids", ids()),
                (
                    "factors",
                    numpy::write(&[2, 1], [1.0, f64::MAX].into_iter()),
                ),
            ]),
            &["row 2", "column 0 of `factors`"],
        ),
    ] {
        let said = why(bytes);
        for wanted in wanted.iter().chain(&["items: "]) {
            assert!(said.contains(wanted), "`{wanted}` is not in: {said}");
        }
    }
    let gone = FactorTable::read(Path::new("/no/such/file"), Limits::default());
    assert!(gone.unwrap_err().to_string().contains("no such file"));
}

proptest! {
    /// Whatever changes in a file: it is read or refused.
    #[test]
    fn damaged_files_are_read_or_refused(
        form in 0_usize..4, at: prop::sample::Index, with: u8, cut: Option<prop::sample::Index>
    ) {
        let mut bytes = vec![
            spark(ROWS),
            npz(ROWS),
            delimited(ROWS, ",").into_bytes(),
            gz(delimited(ROWS, "\t").as_bytes()),
        ].swap_remove(form);
        let place = at.index(bytes.len());
        bytes[place] ^= with;
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let folder = TempDir::new().unwrap();
        let path = file(&folder, "items", &bytes);
        let _ = FactorTable::read(&path, Limits::default()).is_ok();
        // The arrays alone as well, without an archive around them.
        let _ = numpy::unpack(Cursor::new(&bytes), 1 << 20, |_| true).is_ok();
        let _ = numpy::Array::parse(&bytes).is_some_and(|array| array.texts().is_some());
    }
}

/// The Parquet library asserts in places what a file says of itself: no single byte may get it there.
#[test]
fn a_parquet_file_with_any_byte_changed_is_read_or_refused() {
    let folder = TempDir::new().unwrap();
    let whole = spark(ROWS);
    let (mut read, mut refused) = (0, 0);
    for place in 0..whole.len() {
        for mask in [0x01, 0x02, 0x10, 0x7f, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[place] ^= mask;
            match FactorTable::read(&file(&folder, "items", &bytes), Limits::default()) {
                Ok(_) => read += 1,
                Err(_) => refused += 1,
            }
        }
    }
    // A changed byte of a vector is another number, and one of a length is damage.
    assert!(read > 0 && refused > 0, "{read} read, {refused} refused");
}
