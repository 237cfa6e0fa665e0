//! Typed filters as SQL conditions. Values are always parameters.

use sea_orm::sea_query::extension::postgres::{PgExpr, PgFunc};
use sea_orm::sea_query::{
    Alias, ArrayType, BinOper, Expr, ExprTrait, Func, IntoColumnRef, LikeExpr, SimpleExpr,
};
use sea_orm::{Condition, Value};
use uuid::Uuid;

use crate::foundation::filter::{Comparison, Text, TextList};

/// The conditions of `filter` on `column`.
pub fn comparison<T: Into<Value> + Clone>(
    column: &SimpleExpr,
    filter: &Comparison<T>,
) -> Condition {
    let column = || column.clone();
    let mut all = Condition::all();
    if let Some(value) = &filter.eq {
        all = all.add(column().eq(value.clone().into()));
    }
    if let Some(values) = &filter.one_of {
        let values = values.iter().map(|value| Expr::val(value.clone().into()));
        all = all.add(column().is_in(values));
    }
    if let Some(value) = &filter.lt {
        all = all.add(column().lt(value.clone().into()));
    }
    if let Some(value) = &filter.lte {
        all = all.add(column().lte(value.clone().into()));
    }
    if let Some(value) = &filter.gt {
        all = all.add(column().gt(value.clone().into()));
    }
    if let Some(value) = &filter.gte {
        all = all.add(column().gte(value.clone().into()));
    }
    null(all, column, filter.is_null)
}

/// The conditions of `filter` on the text `column`.
pub fn text(column: &SimpleExpr, filter: &Text) -> Condition {
    let column = || column.clone();
    let mut all = Condition::all();
    if let Some(value) = &filter.eq {
        all = all.add(column().eq(value.as_str()));
    }
    if let Some(values) = &filter.one_of {
        all = all.add(column().is_in(values.iter().map(String::as_str)));
    }
    if let Some(part) = &filter.contains {
        all = all.add(column().ilike(LikeExpr::new(format!("%{}%", escape(part)))));
    }
    if let Some(start) = &filter.starts_with {
        // Lowered on both sides, which an index on `lower(…) text_pattern_ops` can serve.
        let start = Func::lower(Expr::val(format!("{}%", escape(start))));
        all = all.add(Expr::expr(Func::lower(column())).binary(BinOper::Like, Expr::expr(start)));
    }
    null(all, column, filter.is_null)
}

/// The conditions of `filter` on the `text[]` `column`.
pub fn list(column: &SimpleExpr, filter: &TextList) -> Condition {
    let column = || column.clone();
    let mut all = Condition::all();
    if let Some(member) = &filter.has {
        all = all.add(column().contains(array(std::slice::from_ref(member))));
    }
    if let Some(members) = &filter.has_any {
        let operator = BinOper::Custom("&&");
        all = all.add(column().binary(operator, array(members)));
    }
    if let Some(members) = &filter.has_all {
        all = all.add(column().contains(array(members)));
    }
    if let Some(empty) = filter.is_empty {
        let none = column().eq(array(&[]));
        all = all.add(if empty { none } else { none.not() });
    }
    all
}

/// Whether `column` is one of `ids`, which are sent as one array: the statement stays the same
/// however many there are, and the database plans it once.
pub fn among(
    column: impl IntoColumnRef,
    ids: impl IntoIterator<Item = impl Into<Uuid>>,
) -> SimpleExpr {
    Expr::col(column).eq(PgFunc::any(uuids(ids)))
}

/// Ids as one value of the type `uuid[]`.
pub fn uuids(ids: impl IntoIterator<Item = impl Into<Uuid>>) -> Value {
    let ids = ids.into_iter().map(|id| Value::from(id.into())).collect();
    Value::Array(ArrayType::Uuid, Some(Box::new(ids)))
}

/// The conditions of `filter` on the list of texts under `key` of the `jsonb` object `column`. All
/// but `isEmpty` can be answered from a GIN index on the column.
pub fn json_list(column: &SimpleExpr, key: &str, filter: &TextList) -> Condition {
    let has = |members: &[String]| {
        let object = serde_json::json!({ key: members });
        column.clone().contains(Expr::val(object))
    };
    let mut all = Condition::all();
    if let Some(member) = &filter.has {
        all = all.add(has(std::slice::from_ref(member)));
    }
    if let Some(members) = &filter.has_any {
        let one = members
            .iter()
            .map(|member| has(std::slice::from_ref(member)));
        // An empty OR would hold for everybody.
        let none = Condition::any().add(Expr::val(false));
        all = all.add(one.fold(none, Condition::add));
    }
    if let Some(members) = filter.has_all.as_deref().filter(|all| !all.is_empty()) {
        all = all.add(has(members));
    }
    if let Some(empty) = filter.is_empty {
        let list = column.clone().get_json_field(key);
        let none = Condition::any()
            .add(list.clone().is_null())
            .add(list.eq(Expr::val(serde_json::json!([]))));
        all = all.add(if empty { none } else { none.not() });
    }
    all
}

/// `all`, and what is nested in a filter: all of `and`, one of `or` unless that is empty, and not
/// `not`; `condition` is what a part stands for.
pub fn nested<F>(
    mut all: Condition,
    (and, or, not): (&[F], &[F], Option<&F>),
    condition: impl Fn(&F) -> Condition,
) -> Condition {
    for part in and {
        all = all.add(condition(part));
    }
    if !or.is_empty() {
        let any = or.iter().map(&condition);
        all = all.add(any.fold(Condition::any(), Condition::add));
    }
    if let Some(part) = not {
        all = all.add(without(condition(part)));
    }
    all
}

/// What holds where `condition` does not: where it is unknown, because a value is missing, it does
/// not hold either.
fn without(condition: Condition) -> SimpleExpr {
    let holds = SimpleExpr::from(condition);
    SimpleExpr::from(Func::coalesce([holds, Expr::val(false)])).not()
}

fn null(all: Condition, column: impl Fn() -> SimpleExpr, is_null: Option<bool>) -> Condition {
    match is_null {
        Some(true) => all.add(column().is_null()),
        Some(false) => all.add(column().is_not_null()),
        None => all,
    }
}

fn array(members: &[String]) -> SimpleExpr {
    let members = members.iter().cloned().map(Value::from).collect();
    Expr::val(Value::Array(ArrayType::String, Some(Box::new(members))))
        .cast_as(Alias::new("text[]"))
}

/// Takes the meaning out of the wildcards of LIKE, by the sign that Postgres takes for it unless
/// told otherwise: the builder writes `ESCAPE` where Postgres does not read it.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_of_the_caller_are_letters() {
        assert_eq!(escape(r"100%_\"), r"100\%\_\\");
    }
}
