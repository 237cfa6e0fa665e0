//! Factors as csv or tsv: `id,f0,f1,…`, with or without a header row.

use std::path::Path;

use super::super::model::ReadError;
use super::super::source::{Limits, Source};
use super::{Builder, refused};
use crate::foundation::Result;

/// Reads a file; its separator is a tab where its first line has one, and otherwise a comma.
pub(super) fn read(path: &Path, limits: Limits, builder: &mut Builder) -> Result<()> {
    builder.begin_file(path);
    let broken = |error: ReadError| match error {
        ReadError::Row { line, reason } | ReadError::File { line, reason } => {
            refused(path, format!("line {line}: {reason}"))
        }
    };
    let mut first = Source::open(path, limits)?.lines();
    let first = first.next().map_err(broken)?;
    let (head_line, tabs) = match first {
        Some((line, text)) => (line, text.contains(&b'\t')),
        None => return Err(refused(path, "the file is empty")),
    };
    let delimiter = if tabs { b'\t' } else { b',' };
    let mut table = Source::open(path, limits)?
        .table(delimiter)
        .map_err(broken)?;
    let header = table.header().to_vec();
    let column = |at: usize| match header.get(at + 1) {
        Some(name) if !is_number(name) => format!("`{name}`"),
        _ => (at + 2).to_string(),
    };
    let mut vector = Vec::new();
    let mut push = |line: u64, cells: &mut dyn Iterator<Item = &str>| {
        let id = cells.next().unwrap_or_default();
        vector.clear();
        // What is no number is refused with its column.
        vector.extend(cells.map(|cell| cell.trim().parse().unwrap_or(f32::NAN)));
        builder
            .push(line, id, &vector, column)
            .map_err(|why| refused(path, format!("line {line}: {why}")))
    };
    if header.len() > 1 && header[1..].iter().all(|cell| is_number(cell)) {
        push(head_line, &mut header.iter().map(String::as_str))?;
    }
    while let Some((line, record)) = table.next().map_err(broken)? {
        push(line, &mut record.iter())?;
    }
    Ok(())
}

fn is_number(cell: &str) -> bool {
    cell.parse::<f32>().is_ok()
}
