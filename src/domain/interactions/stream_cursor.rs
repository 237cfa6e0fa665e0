//! The cursor of the stream of interactions: what a follower has received.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::store::RecordedRow;
use crate::foundation::page::{Cursor, bad_cursor};
use crate::foundation::{Id, Result, id};
use crate::platform::db::snapshot::Snapshot;

/// The order of the stream, in its cursors.
const ORDER: &str = "recorded";
/// A longer text is no cursor: the number of open transactions is that of connections.
const MAX_LENGTH: usize = 64 * 1024;

/// What a follower has received: everything that one snapshot contains, and of what a later one contains
/// beyond it all rows up to one, in the order of the transactions that recorded them and of their ids.
///
/// It says what was committed, and not when something happened or was begun. So it is good on every server,
/// however long the follower is away, and for what is committed late.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamCursor {
    pub(super) received: Arc<Snapshot>,
    pub(super) rest: Option<PartlyReceived>,
}

/// The part of the next snapshot that was received.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PartlyReceived {
    pub(super) of: Arc<Snapshot>,
    /// The transaction and the id of the last row.
    pub(super) last: (u64, Uuid),
}

impl StreamCursor {
    /// Everything that `snapshot` contains.
    pub(super) fn all_of(snapshot: Arc<Snapshot>) -> Self {
        Self {
            received: snapshot,
            rest: None,
        }
    }

    /// Up to `row`, of what `next` contains beyond `received`.
    pub(super) fn up_to(row: &RecordedRow, received: &Arc<Snapshot>, next: &Arc<Snapshot>) -> Self {
        Self {
            received: Arc::clone(received),
            rest: Some(PartlyReceived {
                of: Arc::clone(next),
                last: row.position(),
            }),
        }
    }

    /// The latest snapshot that it names.
    pub(super) fn latest(&self) -> &Snapshot {
        self.rest.as_ref().map_or(&self.received, |rest| &rest.of)
    }

    /// The opaque text for clients.
    pub fn encode(&self) -> String {
        let received = self.received.to_string();
        let (value, id) = match &self.rest {
            None => (json!([received]), Uuid::nil()),
            Some(rest) => {
                let (transaction, id) = rest.last;
                let value = json!([received, rest.of.to_string(), transaction.to_string()]);
                (value, id)
            }
        };
        let cursor = Cursor {
            order: ORDER.to_owned(),
            value,
            id,
        };
        cursor.encode()
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// [`crate::foundation::Refusal::InvalidInput`] for anything else, such as the id of an interaction.
    pub fn decode(text: &str) -> Result<Self> {
        if text.parse::<Id<id::Interaction>>().is_ok() {
            return Err(bad_cursor(
                "this is the id of an interaction, which does not say what was recorded before it; give the \
                 `cursor` of the last interaction that was received, or of `interactionsCursor`",
            ));
        }
        let damaged = || {
            bad_cursor(
                "this is not a cursor of the subscription `interactions`; give the `cursor` of the last \
                 interaction that was received, or of `interactionsCursor`",
            )
        };
        if text.len() > MAX_LENGTH {
            return Err(damaged());
        }
        let cursor = Cursor::decode(text, ORDER).map_err(|_| damaged())?;
        let parts: Vec<String> = serde_json::from_value(cursor.value).map_err(|_| damaged())?;
        let snapshot = |text: &String| match text.parse::<Snapshot>() {
            Ok(snapshot) => Ok(Arc::new(snapshot)),
            Err(_) => Err(damaged()),
        };
        match &parts[..] {
            [received] => Ok(Self::all_of(snapshot(received)?)),
            [received, next, transaction] => {
                let (received, next) = (snapshot(received)?, snapshot(next)?);
                if !next.includes(&received) {
                    return Err(damaged());
                }
                let transaction = transaction.parse().map_err(|_| damaged())?;
                Ok(Self {
                    received,
                    rest: Some(PartlyReceived {
                        of: next,
                        last: (transaction, cursor.id),
                    }),
                })
            }
            _ => Err(damaged()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(text: &str) -> Arc<Snapshot> {
        Arc::new(text.parse().unwrap())
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let whole = StreamCursor::all_of(snapshot("100:105:100,103"));
        let part = StreamCursor {
            rest: Some(PartlyReceived {
                of: snapshot("103:110:103"),
                last: (100, Uuid::from_u128(7)),
            }),
            ..whole.clone()
        };
        for cursor in [whole, part.clone()] {
            assert_eq!(StreamCursor::decode(&cursor.encode()).unwrap(), cursor);
        }
        let backward = StreamCursor {
            received: snapshot("103:110:103"),
            rest: Some(PartlyReceived {
                of: snapshot("100:105:100,103"),
                last: (100, Uuid::nil()),
            }),
        };
        let other = Cursor::new("title", true, json!("A"), Uuid::nil()).encode();
        let long = "a".repeat(MAX_LENGTH + 1);
        for text in ["", "nonsense", &other, &long, &backward.encode()] {
            let error = StreamCursor::decode(text).unwrap_err().to_string();
            assert!(
                error.contains("not a cursor of the subscription"),
                "{error}"
            );
        }
    }

    #[test]
    fn the_id_of_an_interaction_is_no_cursor_and_the_error_says_what_is() {
        let id = Id::<id::Interaction>::from(Uuid::from_u128(7)).to_string();
        let error = StreamCursor::decode(&id).unwrap_err().to_string();
        assert!(
            error.contains("id of an interaction") && error.contains("`cursor`"),
            "{error}"
        );
    }
}
