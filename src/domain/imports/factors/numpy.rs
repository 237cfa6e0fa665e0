//! Factors as an NPZ of numpy: the arrays `ids`, of one dimension, and `factors`, of two.

use std::path::Path;

use ranking::numpy::{Array, unpack};

use super::{Builder, MAX_ROWS, MAX_WIDTH, open, refused};
use crate::foundation::Result;

/// The most bytes of both arrays: all numbers in double precision, and as much again for ids.
const LARGEST: u64 = 4 << 30;

pub(super) fn read(path: &Path, builder: &mut Builder) -> Result<()> {
    builder.begin_file(path);
    let arrays = unpack(open(path)?, LARGEST, |name| {
        matches!(name, "ids" | "factors")
    });
    let arrays = arrays.map_err(|why| {
        refused(
            path,
            format!("{why}; save it with `numpy.savez(file, ids=…, factors=…)`"),
        )
    })?;
    let array = |name: &str| {
        let bytes = arrays.get(name);
        bytes.and_then(|bytes| Array::parse(bytes)).ok_or_else(|| {
            let why = format!(
                "the array `{name}` is missing or no array of numbers or texts; save it with \
                 `numpy.savez(file, ids=…, factors=…)`"
            );
            refused(path, why)
        })
    };
    let (ids, factors) = (array("ids")?, array("factors")?);
    let [rows, width] = factors.shape[..] else {
        let why = "`factors` must have two dimensions: a row for each id";
        return Err(refused(path, why));
    };
    if rows > MAX_ROWS || width > MAX_WIDTH {
        let why = format!(
            "`factors` has {rows} rows of {width}; at most {MAX_ROWS} rows of {MAX_WIDTH} are taken"
        );
        return Err(refused(path, why));
    }
    let names = names(&ids).ok_or_else(|| {
        let why = format!(
            "`ids` has the dtype `{}`; make it int64, int32 or text (`ids.astype('U')`)",
            ids.descr
        );
        refused(path, why)
    })?;
    if ids.shape != [rows] {
        let why = format!(
            "`ids` has the shape {:?} and `factors` {rows} rows",
            ids.shape
        );
        return Err(refused(path, why));
    }
    let values = numbers(&factors).ok_or_else(|| {
        let why = format!(
            "`factors` has the dtype `{}`, or not all of its numbers; make it float32 or float64",
            factors.descr
        );
        refused(path, why)
    })?;
    let mut vector = vec![0.0; width];
    for (row, id) in names.iter().enumerate() {
        for (at, value) in vector.iter_mut().enumerate() {
            *value = values[if factors.fortran_order {
                at * rows + row
            } else {
                row * width + at
            }];
        }
        let number = row as u64 + 1;
        builder
            .push(number, id, &vector, |at| format!("{at} of `factors`"))
            .map_err(|why| refused(path, format!("row {number}: {why}")))?;
    }
    Ok(())
}

fn names(ids: &Array<'_>) -> Option<Vec<String>> {
    fn written<T: ToString>(numbers: &[T]) -> Vec<String> {
        numbers.iter().map(ToString::to_string).collect()
    }
    match ids.descr {
        "<i8" => Some(written(&ids.numbers::<i64>()?)),
        "<i4" => Some(written(&ids.numbers::<i32>()?)),
        "<u8" => Some(written(&ids.numbers::<u64>()?)),
        "<u4" => Some(written(&ids.numbers::<u32>()?)),
        _ => ids.texts(),
    }
}

fn numbers(factors: &Array<'_>) -> Option<Vec<f32>> {
    match factors.descr {
        "<f8" => {
            let values = factors.numbers::<f64>()?;
            Some(values.into_iter().map(|value| value as f32).collect())
        }
        _ => factors.numbers::<f32>(),
    }
}
