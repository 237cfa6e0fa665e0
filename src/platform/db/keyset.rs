//! Keyset paging, written once: rows are found by the value and id of the last one seen, so that
//! page 1,000 costs what page 1 costs and rows that come or go shift nothing.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, IntoColumnRef, NullOrdering, SimpleExpr};
use sea_orm::{Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, Value};
use serde_json::Value as Json;

use crate::foundation::Result;
use crate::foundation::page::{Cursor, Direction, Window, bad_cursor, order_name};

/// What the values of an ordering column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// `text`
    Text,
    /// `integer`
    Integer,
    /// `real` or `double precision`
    Float,
    /// `numeric`
    Decimal,
    /// `timestamptz`
    Time,
    /// The id itself: it alone is the order.
    Id,
}

/// An order of rows: by a column, then by id the same way round; rows without a value come last.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its name in cursors, direction included.
    pub name: String,
    /// The column.
    pub column: SimpleExpr,
    /// The id that breaks ties.
    pub id: SimpleExpr,
    /// Whether the smallest comes first.
    pub ascending: bool,
    /// Whether the column may be NULL.
    pub nullable: bool,
    /// What the column holds.
    pub kind: ValueKind,
}

impl Order {
    /// The order by `column` of `entity`.
    pub fn by<C: IntoColumnRef, I: IntoColumnRef>(
        name: &str,
        column: C,
        id: I,
        kind: ValueKind,
        ascending: bool,
    ) -> Self {
        Self {
            name: order_name(name, ascending),
            column: Expr::col(column),
            id: Expr::col(id),
            ascending,
            nullable: false,
            kind,
        }
    }

    /// The same, by a column that may be NULL.
    #[must_use]
    pub fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// Orders `select`, starts it behind the window's cursor and limits it to one row more than
    /// the window holds: [`crate::foundation::page::Page::cut`] reads that row as "there is more".
    ///
    /// # Errors
    /// When the cursor is not one of this order.
    pub fn apply<E: EntityTrait>(&self, select: Select<E>, window: &Window) -> Result<Select<E>> {
        let forward = window.direction == Direction::Forward;
        let ascending = self.ascending == forward;
        let mut select = select.limit(window.size as u64 + 1);
        if let Some(from) = &window.from {
            let cursor = Cursor::decode(from, &self.name)?;
            select = select.filter(self.beyond(&cursor, ascending, forward)?);
        }
        let direction = if ascending {
            sea_orm::Order::Asc
        } else {
            sea_orm::Order::Desc
        };
        if self.kind != ValueKind::Id {
            let nulls = if forward {
                NullOrdering::Last
            } else {
                NullOrdering::First
            };
            // A column without NULLs is better left to the plain order of its index.
            select = if self.nullable {
                select.order_by_with_nulls(self.column.clone(), direction.clone(), nulls)
            } else {
                select.order_by(self.column.clone(), direction.clone())
            };
        }
        Ok(select.order_by(self.id.clone(), direction))
    }

    /// The rows strictly beyond the cursor in reading direction.
    fn beyond(&self, cursor: &Cursor, ascending: bool, forward: bool) -> Result<Condition> {
        let id = Value::from(cursor.id);
        let id_beyond = if ascending {
            self.id.clone().gt(id)
        } else {
            self.id.clone().lt(id)
        };
        if self.kind == ValueKind::Id {
            return Ok(Condition::all().add(id_beyond));
        }
        let column = || self.column.clone();
        if cursor.value == Json::Null {
            let rest = Condition::all().add(column().is_null()).add(id_beyond);
            // NULLs stand last: reading back from among them, every value is still to come.
            return Ok(if forward {
                rest
            } else {
                Condition::any().add(column().is_not_null()).add(rest)
            });
        }
        let value = self.value(&cursor.value)?;
        let (from, past) = if ascending {
            (column().gte(value.clone()), column().gt(value))
        } else {
            (column().lte(value.clone()), column().lt(value))
        };
        // `from` is implied by the rest, but it is what an index can be entered with.
        let beyond = Condition::all()
            .add(from)
            .add(Condition::any().add(past).add(id_beyond));
        Ok(if self.nullable && forward {
            Condition::any().add(beyond).add(column().is_null())
        } else {
            beyond
        })
    }

    fn value(&self, json: &Json) -> Result<SimpleExpr> {
        let bad = || bad_cursor("this is not a cursor of this server");
        Ok(match self.kind {
            ValueKind::Text => Expr::val(json.as_str().ok_or_else(bad)?),
            ValueKind::Integer => {
                let number = json.as_i64().and_then(|number| i32::try_from(number).ok());
                Expr::val(number.ok_or_else(bad)?)
            }
            // As text: the JSON parser is free to miss a number by its last bit, and a row with it.
            ValueKind::Float => {
                let number: f64 = json
                    .as_str()
                    .and_then(|text| text.parse().ok())
                    .ok_or_else(bad)?;
                Expr::val(number).cast_as(Alias::new("double precision"))
            }
            ValueKind::Decimal => {
                let number: Decimal = json
                    .as_str()
                    .and_then(|text| text.parse().ok())
                    .ok_or_else(bad)?;
                Expr::val(number)
            }
            ValueKind::Time => {
                let time: DateTime<Utc> = json
                    .as_str()
                    .and_then(|text| text.parse().ok())
                    .ok_or_else(bad)?;
                Expr::val(time)
            }
            ValueKind::Id => return Err(bad()),
        })
    }
}
