//! Factors as Parquet: a column of ids, and a column with a list of numbers or several with a number each.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::basic::Type;
use parquet::column::reader::{ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::{ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use super::{Builder, MAX_WIDTH, open, refused};
use crate::foundation::{Error, Result};

/// So many rows are decoded at a time.
const BATCH: usize = 1024;

/// Reads a file.
pub(super) fn read_parquet(path: &Path, builder: &mut Builder) -> Result<()> {
    builder.begin_file(path);
    // The library asserts in places what a damaged file does not keep. What was read until then is thrown away
    // with the table, so nothing half done is seen.
    let read = catch_unwind(AssertUnwindSafe(|| read(path, builder)));
    let read = read.unwrap_or_else(|_| Err(Failure::damaged("its pages contradict each other")));
    read.map_err(|failure| match failure {
        Failure::Own(error) => error,
        Failure::Row(number, why) => refused(path, format!("row {number}: {why}")),
        Failure::File(why) => refused(path, why),
    })
}

enum Failure {
    Own(Error),
    Row(u64, String),
    File(String),
}

impl Failure {
    fn damaged(why: impl Display) -> Self {
        Self::File(format!(
            "the Parquet file is damaged, or of a kind that is not known: {why}"
        ))
    }
}

impl From<ParquetError> for Failure {
    fn from(error: ParquetError) -> Self {
        let text = error.to_string();
        match text.rsplit_once("Disabled feature at compile time: ") {
            Some((_, codec)) => Self::File(format!(
                "it is compressed with {codec}; write it with snappy or without compression"
            )),
            None => Self::damaged(text),
        }
    }
}

fn read(path: &Path, builder: &mut Builder) -> Result<(), Failure> {
    let file = open(path).map_err(Failure::Own)?;
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let file = SerializedFileReader::new(file)?;
    let metadata = file.metadata();
    if !places_are_inside(metadata, length) {
        return Err(Failure::damaged("a column lies outside of the file"));
    }
    let rows = usize::try_from(metadata.file_metadata().num_rows()).unwrap_or(usize::MAX);
    builder.expect_rows(rows).map_err(Failure::File)?;
    let columns = Columns::of(metadata.file_metadata().schema_descr()).map_err(Failure::File)?;
    let mut number = 0;
    for group in 0..metadata.num_row_groups() {
        let group = file.get_row_group(group)?;
        let mut ids = IdColumn::open(&*group, columns.id)?;
        let mut factors = Vec::with_capacity(columns.factors.len());
        for column in &columns.factors {
            factors.push(FactorColumn::open(&*group, *column)?);
        }
        loop {
            let names = ids.next_batch()?;
            let mut vectors = vec![Vec::new(); names.len()];
            for column in &mut factors {
                column.next_batch(&mut vectors)?;
            }
            if names.is_empty() {
                break;
            }
            for (name, vector) in names.iter().zip(&vectors) {
                number += 1;
                let missing = || Failure::Row(number, "the id is missing".to_owned());
                let name = name.as_deref().ok_or_else(missing)?;
                builder
                    .push(number, name, vector, |at| columns.name(at))
                    .map_err(|why| Failure::Row(number, why))?;
            }
        }
    }
    Ok(())
}

/// Whether every part of the file that its metadata name lies inside of its `length`, in bytes.
fn places_are_inside(metadata: &ParquetMetaData, length: u64) -> bool {
    let groups = metadata.row_groups().iter();
    groups.flat_map(RowGroupMetaData::columns).all(|column| {
        let page = column.data_page_offset();
        let start = column.dictionary_page_offset().unwrap_or(page);
        let range = u64::try_from(start)
            .ok()
            .zip(u64::try_from(column.compressed_size()).ok());
        let end = range.and_then(|(start, size)| start.checked_add(size));
        page >= 0 && end.is_some_and(|end| end <= length)
    })
}

/// The columns of a file that are read, by their numbers.
struct Columns {
    id: usize,
    /// One with lists, or several with a number each.
    factors: Vec<usize>,
    names: Vec<String>,
}

impl Columns {
    fn of(schema: &SchemaDescriptor) -> Result<Self, String> {
        let all: Vec<(usize, &ColumnDescriptor)> = schema
            .columns()
            .iter()
            .map(|column| &**column)
            .enumerate()
            .collect();
        let root = |column: &ColumnDescriptor| column.path().parts().first().cloned();
        let plain = |column: &ColumnDescriptor| {
            column.max_rep_level() == 0 && column.path().parts().len() == 1
        };
        let named = |wanted: &[(usize, &ColumnDescriptor)], name: &str| match wanted {
            [(only, _)] => Some(*only),
            _ => wanted
                .iter()
                .find(|(_, column)| {
                    root(column).is_some_and(|root| root.eq_ignore_ascii_case(name))
                })
                .map(|(at, _)| *at),
        };
        let of_types = |types: &[Type], lists: bool| -> Vec<(usize, &ColumnDescriptor)> {
            let of_type = |column: &ColumnDescriptor| types.contains(&column.physical_type());
            let shape = |column: &ColumnDescriptor| match lists {
                true => column.max_rep_level() == 1,
                false => plain(column),
            };
            let fits = all.iter().filter(|(_, c)| of_type(c) && shape(c));
            fits.copied().collect()
        };
        let ids = of_types(&[Type::INT32, Type::INT64, Type::BYTE_ARRAY], false);
        let floats = [Type::FLOAT, Type::DOUBLE];
        let (lists, numbers) = (of_types(&floats, true), of_types(&floats, false));
        let names: Vec<String> = all
            .iter()
            .map(|(_, column)| column.path().string())
            .collect();
        let there = names.join("`, `");
        let id = named(&ids, "id").ok_or_else(|| {
            format!("there is no column `id` of whole numbers or texts; there are `{there}`")
        })?;
        let factors = if lists.is_empty() {
            numbers.iter().map(|(at, _)| *at).collect()
        } else {
            let list = named(&lists, "features").ok_or_else(|| {
                format!("there is no column `features` with a list of float or double; there are `{there}`")
            })?;
            let own = root(all[list].1);
            if all.iter().filter(|(_, column)| root(column) == own).count() > 1 {
                return Err(format!(
                    "`{}` is a structure; write it as a list of float or double",
                    own.unwrap_or_default()
                ));
            }
            vec![list]
        };
        if factors.is_empty() {
            return Err(format!(
                "there is no column `features` with a list of float or double, and no columns of numbers; \
                 there are `{there}`"
            ));
        }
        if factors.len() > MAX_WIDTH {
            return Err(format!(
                "there are more than {MAX_WIDTH} columns of numbers"
            ));
        }
        Ok(Self { id, factors, names })
    }

    /// The name of the factor at this place of a row.
    fn name(&self, at: usize) -> String {
        match self.factors[..] {
            [list] => format!("`{}`, number {}", self.names[list], at + 1),
            _ => format!("`{}`", self.names[self.factors[at]]),
        }
    }
}

/// A column of a row group, batch by batch.
struct Batches<T: DataType> {
    reader: ColumnReaderImpl<T>,
    max_definition: i16,
    /// Whether a value itself may be missing, as against its list.
    optional: bool,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    values: Vec<T::T>,
}

/// A value of a column.
enum Cell<T> {
    Value(T),
    /// It is null.
    Missing,
    /// Its list is null or has none.
    NoList,
}

impl<T: DataType> Batches<T> {
    fn open(group: &dyn RowGroupReader, column: usize) -> Result<Self, ParquetError> {
        let about = group.metadata().column(column).column_descr_ptr();
        Ok(Self {
            reader: get_typed_column_reader(group.get_column_reader(column)?),
            max_definition: about.max_def_level(),
            optional: about.self_type().is_optional(),
            definitions: Vec::new(),
            repetitions: Vec::new(),
            values: Vec::new(),
        })
    }

    /// Hands the values of the next rows to `each`, with the number of their row in the batch; answers how many
    /// rows there were.
    fn next(&mut self, mut each: impl FnMut(usize, Cell<&T::T>)) -> Result<usize, ParquetError> {
        self.definitions.clear();
        self.repetitions.clear();
        self.values.clear();
        let (rows, ..) = self.reader.read_records(
            BATCH,
            Some(&mut self.definitions),
            Some(&mut self.repetitions),
            &mut self.values,
        )?;
        let mut values = self.values.iter();
        let levels = self.definitions.len().max(self.values.len());
        let mut row = 0;
        for at in 0..levels {
            let begins = self.repetitions.get(at).is_none_or(|level| *level == 0);
            row += usize::from(begins && at > 0);
            let missing = |level: &i16| self.max_definition - level;
            let cell = match self.definitions.get(at).map_or(0, missing) {
                0 => values.next().map_or(Cell::Missing, Cell::Value),
                1 if self.optional => Cell::Missing,
                _ => Cell::NoList,
            };
            each(row, cell);
        }
        Ok(rows)
    }
}

enum IdColumn {
    Int32(Batches<Int32Type>),
    Int64(Batches<Int64Type>),
    Text(Batches<ByteArrayType>),
}

impl IdColumn {
    fn open(group: &dyn RowGroupReader, column: usize) -> Result<Self, ParquetError> {
        Ok(match group.metadata().column(column).column_type() {
            Type::INT32 => Self::Int32(Batches::open(group, column)?),
            Type::INT64 => Self::Int64(Batches::open(group, column)?),
            _ => Self::Text(Batches::open(group, column)?),
        })
    }

    /// The next ids, `None` where one is missing; empty behind the last.
    fn next_batch(&mut self) -> Result<Vec<Option<String>>, Failure> {
        fn read<T: DataType>(
            batches: &mut Batches<T>,
            text: impl Fn(&T::T) -> Option<String>,
        ) -> Result<Vec<Option<String>>, Failure> {
            let mut out = Vec::with_capacity(BATCH);
            batches.next(|_, cell| {
                out.push(match cell {
                    Cell::Value(value) => text(value),
                    Cell::Missing | Cell::NoList => None,
                });
            })?;
            Ok(out)
        }
        match self {
            Self::Int32(batches) => read(batches, |id| Some(id.to_string())),
            Self::Int64(batches) => read(batches, |id| Some(id.to_string())),
            Self::Text(batches) => read(batches, |id| {
                std::str::from_utf8(id.data()).ok().map(ToOwned::to_owned)
            }),
        }
    }
}

enum FactorColumn {
    Float(Batches<FloatType>),
    Double(Batches<DoubleType>),
}

impl FactorColumn {
    fn open(group: &dyn RowGroupReader, column: usize) -> Result<Self, ParquetError> {
        Ok(match group.metadata().column(column).column_type() {
            Type::FLOAT => Self::Float(Batches::open(group, column)?),
            _ => Self::Double(Batches::open(group, column)?),
        })
    }

    /// Appends the next numbers of as many rows as there are vectors. What is missing is not a number.
    fn next_batch(&mut self, vectors: &mut [Vec<f32>]) -> Result<(), Failure> {
        fn read<T: DataType>(
            batches: &mut Batches<T>,
            vectors: &mut [Vec<f32>],
            number: impl Fn(&T::T) -> f32,
        ) -> Result<usize, ParquetError> {
            batches.next(|row, cell| {
                let number = match cell {
                    Cell::Value(value) => number(value),
                    Cell::Missing => f32::NAN,
                    Cell::NoList => return,
                };
                // One more than allowed shows that it is too many.
                if let Some(vector) = vectors.get_mut(row)
                    && vector.len() <= MAX_WIDTH
                {
                    vector.push(number);
                }
            })
        }
        let rows = match self {
            Self::Float(batches) => read(batches, vectors, |value| *value)?,
            Self::Double(batches) => read(batches, vectors, |value| *value as f32)?,
        };
        if rows != vectors.len() {
            let why = "the Parquet file is damaged: its columns have different lengths";
            return Err(Failure::File(why.to_owned()));
        }
        Ok(())
    }
}
