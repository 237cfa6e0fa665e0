//! Cursors: positions in the results of a search.

use xxhash_rust::xxh3::xxh3_64;

use super::model::{SearchHit, SearchPage, SearchRequest};
use crate::foundation::page::{Cursor, bad_cursor};
use crate::foundation::{Id, Result, id};

/// The position of a cursor.
pub(super) struct CursorPosition {
    /// The key of the results.
    pub results: u64,
    /// The rank of the last item that was read.
    pub rank: usize,
    /// That item.
    pub last: Id<id::Content>,
}

impl SearchPage {
    /// The cursor of a hit, for the next page.
    pub fn cursor(&self, hit: &SearchHit) -> String {
        let position = Cursor {
            order: order(self.digest),
            value: serde_json::json!([format!("{:x}", self.results.key), hit.rank]),
            id: hit.content.uuid(),
        };
        position.encode()
    }
}

/// The cursors of one query, filter and viewer have this order, so that another's are refused.
fn order(digest: u64) -> String {
    format!("search {digest:x}")
}

/// Tells requests apart whose cursors must not be mixed up.
pub(super) fn digest(user: Option<Id<id::User>>, request: &SearchRequest) -> u64 {
    xxh3_64(format!("{user:?} {request:?}").as_bytes())
}

/// The place that a cursor of the search with this digest names.
///
/// # Errors
/// [`crate::foundation::Refusal::InvalidInput`] for what is no such cursor.
pub(super) fn read_cursor(text: &str, digest: u64) -> Result<CursorPosition> {
    let cursor = Cursor::decode(text, &order(digest))?;
    let (results, rank): (String, usize) = serde_json::from_value(cursor.value)
        .map_err(|_| bad_cursor("this is not a cursor of this server"))?;
    let results = u64::from_str_radix(&results, 16);
    Ok(CursorPosition {
        results: results.map_err(|_| bad_cursor("this is not a cursor of this server"))?,
        rank,
        last: cursor.id.into(),
    })
}
