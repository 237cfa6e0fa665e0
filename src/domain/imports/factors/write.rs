//! Writing vectors of items as Parquet, in the form that is read again.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, FloatType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use uuid::Uuid;

use super::refused;
use crate::domain::recommendations::training::ItemFactors;
use crate::foundation::{Id, Result, id};

/// An id of this schema, and a list of numbers: as Spark's ALS saves its `itemFactors`, but for the type of ids.
const SCHEMA: &str = "message factors { required binary id (STRING); \
    required group features (LIST) { repeated group list { required float element; } } }";
/// How many rows are written at a time.
const ROWS_AT_ONCE: usize = 10_000;

/// Writes vectors of items as a Parquet file with a column `id` and a column `features`, a list of floats. A file
/// that is there is replaced, and one that is half written does not take its place.
///
/// # Errors
/// [`crate::foundation::Refusal::InvalidInput`] when the file cannot be written.
pub fn write_parquet(path: &Path, factors: &ItemFactors) -> Result<()> {
    let failed =
        |error: &dyn std::fmt::Display| refused(path, format!("it cannot be written: {error}"));
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
    write(temporary.as_file_mut(), factors).map_err(|error| failed(&error))?;
    let written = temporary.as_file_mut().flush();
    written.map_err(|error| failed(&error))?;
    temporary.persist(path).map_err(|error| failed(&error))?;
    Ok(())
}

fn write(file: &mut File, factors: &ItemFactors) -> Result<(), ParquetError> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let mut file = SerializedFileWriter::new(file, schema, Arc::new(properties.build()))?;
    let width = factors.vectors.columns();
    let numbers: Vec<usize> = (0..factors.items.len()).collect();
    for rows in numbers.chunks(ROWS_AT_ONCE) {
        let mut group = file.next_row_group()?;
        if let Some(mut column) = group.next_column()? {
            let id = |row: &usize| ByteArray::from(text(factors.items[*row]).as_str());
            let ids: Vec<ByteArray> = rows.iter().map(id).collect();
            column
                .typed::<ByteArrayType>()
                .write_batch(&ids, None, None)?;
            column.close()?;
        }
        if let Some(mut column) = group.next_column()? {
            let values = rows.iter().flat_map(|row| factors.vectors.row(*row));
            let values: Vec<f32> = values.copied().collect();
            // Each list is there with all of its elements; the first of them begins it.
            let levels = vec![1; values.len()];
            let repeats: Vec<i16> = (0..values.len())
                .map(|at| i16::from(at % width != 0))
                .collect();
            column
                .typed::<FloatType>()
                .write_batch(&values, Some(&levels), Some(&repeats))?;
            column.close()?;
        }
        group.close()?;
    }
    file.close()?;
    Ok(())
}

fn text(item: Uuid) -> String {
    Id::<id::Content>::from(item).to_string()
}
