//! Windows on an ordered list, and the cursors that carry a place in it.
//!
//! A cursor is the keyset of a row: the name of the order, the row's value in that order and its
//! id. It stays good while rows come and go, and a cursor of another order is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Error, Refusal, Result};

/// How many rows a page has when the caller does not say.
pub const DEFAULT_SIZE: usize = 20;
/// How many rows a page may have.
pub const MAX_SIZE: usize = 100;

/// From which end a page is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The first rows after the cursor.
    Forward,
    /// The last rows before the cursor.
    Backward,
}

/// One page that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Which way to go.
    pub direction: Direction,
    /// How many rows, 1 to [`MAX_SIZE`].
    pub size: usize,
    /// The place to go on from; the beginning, or the end, where there is none.
    pub from: Option<String>,
}

impl Window {
    /// The first `size` rows.
    pub fn first(size: usize) -> Self {
        Self {
            direction: Direction::Forward,
            size,
            from: None,
        }
    }

    /// Reads the four paging arguments of a connection: `first` rows behind the cursor `after`, or
    /// the `last` rows before the cursor `before`.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for a size below 1 or above [`MAX_SIZE`], or when both ends are
    /// asked for at once.
    pub fn read(
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Self> {
        if (first.is_some() || after.is_some()) && (last.is_some() || before.is_some()) {
            return Err(Refusal::invalid(
                "last",
                "use `first` with `after`, or `last` with `before`, not both",
            )
            .into());
        }
        if last.is_some() || before.is_some() {
            return Ok(Self {
                direction: Direction::Backward,
                size: size("last", last)?,
                from: before,
            });
        }
        Ok(Self {
            direction: Direction::Forward,
            size: size("first", first)?,
            from: after,
        })
    }
}

/// Reads how many rows an argument asks for; [`DEFAULT_SIZE`] where it is left out.
///
/// # Errors
/// [`Refusal::InvalidInput`] for a number below 1 or above [`MAX_SIZE`].
pub fn size(argument: &str, asked: Option<i32>) -> Result<usize> {
    let Some(asked) = asked else {
        return Ok(DEFAULT_SIZE);
    };
    usize::try_from(asked)
        .ok()
        .filter(|size| (1..=MAX_SIZE).contains(size))
        .ok_or_else(|| {
            let message = format!("`{argument}` must be between 1 and {MAX_SIZE}, not {asked}");
            Refusal::invalid(argument, message).into()
        })
}

/// A place in an ordered list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// Which order it belongs to, with its direction.
    #[serde(rename = "o")]
    pub order: String,
    /// The row's value in that order; `null` where the row has none.
    #[serde(rename = "v")]
    pub value: serde_json::Value,
    /// The row's id, which breaks ties.
    #[serde(rename = "i")]
    pub id: Uuid,
}

/// The name of an order in cursors: its field and its direction.
pub fn order_name(field: &str, ascending: bool) -> String {
    format!("{field} {}", if ascending { "asc" } else { "desc" })
}

impl Cursor {
    /// The place of the row `id`, which has `value` in the order by `field`.
    pub fn new(field: &str, ascending: bool, value: serde_json::Value, id: Uuid) -> Self {
        Self {
            order: order_name(field, ascending),
            value,
            id,
        }
    }

    /// The opaque text for clients.
    pub fn encode(&self) -> String {
        // A struct of a string, a JSON value and a UUID always has a JSON form.
        let json = serde_json::to_vec(self).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(json)
    }

    /// Reads a cursor of the given `order`.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for what is no cursor, or one of another order.
    pub fn decode(text: &str, order: &str) -> Result<Self> {
        let cursor: Self = URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or_else(|| bad_cursor("this is not a cursor of this server"))?;
        if cursor.order != order {
            return Err(bad_cursor(
                "this cursor belongs to another list or order; start again without it",
            ));
        }
        Ok(cursor)
    }
}

/// The refusal of a cursor.
pub fn bad_cursor(message: &str) -> Error {
    Refusal::invalid("after", message).into()
}

/// One page of rows, in the order of the list whichever way it was read.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether rows come before these.
    pub has_previous: bool,
    /// Whether rows come after these.
    pub has_next: bool,
}

impl<T> Page<T> {
    /// Cuts `rows`, read in the window's direction with one more than asked for: the extra row
    /// tells whether there is more.
    pub fn cut(window: &Window, mut rows: Vec<T>) -> Self {
        let more = rows.len() > window.size;
        rows.truncate(window.size);
        match window.direction {
            Direction::Forward => Self {
                rows,
                has_previous: window.from.is_some(),
                has_next: more,
            },
            Direction::Backward => {
                rows.reverse();
                Self {
                    rows,
                    has_previous: more,
                    has_next: window.from.is_some(),
                }
            }
        }
    }

    /// The same page of other things.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page {
            rows: self.rows.into_iter().map(change).collect(),
            has_previous: self.has_previous,
            has_next: self.has_next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_twenty_rows_unless_asked() {
        let window = Window::read(None, None, None, None).unwrap();
        assert_eq!(window, Window::first(DEFAULT_SIZE));
    }

    #[test]
    fn a_size_out_of_range_is_refused_with_the_range() {
        for size in [0, -1, 101, 1_000_000, i32::MIN] {
            let error = Window::read(Some(size), None, None, None).unwrap_err();
            assert_eq!(error.code(), "BAD_USER_INPUT");
            assert!(error.to_string().contains("between 1 and 100"), "{error}");
            assert!(Window::read(None, None, Some(size), None).is_err());
        }
    }

    #[test]
    fn both_ends_at_once_are_refused() {
        assert!(Window::read(Some(1), None, Some(1), None).is_err());
    }

    #[test]
    fn a_cursor_of_another_order_is_refused() {
        let cursor = Cursor {
            order: "title asc".into(),
            value: "Ran".into(),
            id: Uuid::nil(),
        };
        let text = cursor.encode();
        assert_eq!(Cursor::decode(&text, "title asc").unwrap(), cursor);
        assert!(Cursor::decode(&text, "year asc").is_err());
        assert!(Cursor::decode("%%%", "title asc").is_err());
    }
}
