//! Reading a file into chunks, on a thread of its own.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use super::super::message::printable;
use super::super::model::{FieldWarning, FileError, ImportOptions, ReadError, RefusedRow};
use super::super::source::Source;
use super::super::store::Stage;

/// How many refused rows, and warnings, are held before they are told.
const MAX_REFUSED: usize = 1000;
/// After how many rows the reader looks whether it was cancelled.
const ROWS_BETWEEN_CHECKS: u64 = 1024;

/// What the reading thread sends.
pub(super) struct Chunk<S> {
    pub stage: S,
    pub refused: Vec<RefusedRow>,
    /// How often each field was left empty, and the first of these cases.
    pub warnings: BTreeMap<String, u64>,
    pub warned: Vec<FieldWarning>,
    pub rows: u64,
    pub bytes: u64,
    pub fault: Option<FileError>,
}

/// Reads a file to its end, its break, or until nobody listens, and sends chunk after chunk.
pub(super) fn read_chunks<S: Stage, R: Iterator<Item = Result<S::Row, ReadError>>>(
    file: &str,
    source: Source,
    options: &ImportOptions,
    fresh: impl Fn() -> S,
    read: impl FnOnce(Source) -> Result<R, ReadError>,
    sender: &mpsc::Sender<Chunk<S>>,
) {
    let meter = source.meter();
    let mut rows = 0;
    let mut stage = fresh();
    let mut refused = Vec::new();
    let mut warnings = BTreeMap::<String, u64>::new();
    let mut warned = Vec::new();
    let mut fault = None;
    let mut reader = match read(source) {
        Ok(reader) => Some(reader),
        Err(stop) => {
            fault = Some(stop);
            None
        }
    };
    while let Some(row) = reader.as_mut().and_then(Iterator::next) {
        let full = stage.bytes() >= options.chunk_bytes
            && match &row {
                Ok(next) => {
                    stage.may_end_before(next)
                        || stage.bytes() >= options.chunk_bytes + options.chunk_bytes / 8
                }
                Err(_) => false,
            };
        if full || refused.len() >= MAX_REFUSED {
            let chunk = Chunk {
                stage: std::mem::replace(&mut stage, fresh()),
                refused: std::mem::take(&mut refused),
                warnings: std::mem::take(&mut warnings),
                warned: std::mem::take(&mut warned),
                rows,
                bytes: meter.packed(),
                fault: None,
            };
            if sender.blocking_send(chunk).is_err() {
                return;
            }
        }
        rows += 1;
        match row {
            Ok(mut row) => {
                let (line, left_empty) = S::take_warnings(&mut row);
                for (field, reason) in left_empty {
                    if warned.len() < MAX_REFUSED {
                        warned.push(FieldWarning {
                            file: file.to_owned(),
                            line,
                            field: printable(&field),
                            reason: printable(&reason),
                        });
                    }
                    *warnings.entry(field).or_default() += 1;
                }
                stage.push(row);
            }
            Err(ReadError::Row { line, reason }) => refused.push(RefusedRow {
                file: file.to_owned(),
                line,
                reason: printable(&reason),
            }),
            Err(stop @ ReadError::File { .. }) => {
                fault = Some(stop);
                break;
            }
        }
        if rows % ROWS_BETWEEN_CHECKS == 0 && options.cancel.is_cancelled() {
            return;
        }
    }
    let fault = fault.map(
        |(ReadError::Row { line, reason } | ReadError::File { line, reason })| FileError {
            file: file.to_owned(),
            line,
            reason: printable(&reason),
        },
    );
    // Nobody listens where the import has ended already.
    let _ = sender.blocking_send(Chunk {
        stage,
        refused,
        warnings,
        warned,
        rows,
        bytes: meter.packed(),
        fault,
    });
}
