//! Literals of documents as values of async-graphql, coerced to their declared types.

use apollo_compiler::Node;
use apollo_compiler::ast::{Type, Value};
use async_graphql::indexmap::IndexMap;
use async_graphql::{Name, Number, Value as Constant};
use async_graphql_value::Value as Literal;

use super::contract::Contract;

/// A literal, which may name variables: a single value in the place of a list becomes a list, and a number
/// in the place of an id becomes text.
pub(super) fn literal(contract: &Contract, ty: &Type, value: &Value) -> Literal {
    match (ty, value) {
        (_, Value::Variable(name)) => Literal::Variable(Name::new(name)),
        (_, Value::Null) => Literal::Null,
        (Type::List(item) | Type::NonNullList(item), Value::List(items)) => {
            let items = items.iter().map(|value| literal(contract, item, value));
            Literal::List(items.collect())
        }
        (Type::List(item) | Type::NonNullList(item), value) => {
            Literal::List(vec![literal(contract, item, value)])
        }
        (Type::Named(named) | Type::NonNullNamed(named), value) => {
            named_literal(contract, named, value)
        }
    }
}

fn named_literal(contract: &Contract, named: &str, value: &Value) -> Literal {
    match (contract.input_object(named), value) {
        (Some(input), Value::Object(fields)) => {
            let fields = fields.iter().map(|(name, value)| {
                let value = match input.fields.get(name) {
                    Some(field) => literal(contract, &field.ty, value),
                    None => untyped(value),
                };
                (Name::new(name), value)
            });
            Literal::Object(fields.collect())
        }
        (_, Value::Int(number)) if named == "ID" => Literal::String(number.as_str().to_owned()),
        _ => untyped(value),
    }
}

fn untyped(value: &Value) -> Literal {
    match value {
        Value::Null => Literal::Null,
        Value::Enum(name) => Literal::Enum(Name::new(name)),
        Value::Variable(name) => Literal::Variable(Name::new(name)),
        Value::String(text) => Literal::String(text.clone()),
        Value::Float(number) => double(number.try_to_f64().ok()),
        Value::Int(number) => match number.as_str().parse::<i64>() {
            Ok(whole) => Literal::Number(whole.into()),
            Err(_) => double(number.try_to_f64().ok()),
        },
        Value::Boolean(value) => Literal::Boolean(*value),
        Value::List(items) => Literal::List(items.iter().map(|value| untyped(value)).collect()),
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(name, value)| (Name::new(name), untyped(value)));
            Literal::Object(fields.collect::<IndexMap<_, _>>())
        }
    }
}

/// A number beyond the range of doubles, which validation refuses for every type but JSON, is null.
fn double(number: Option<f64>) -> Literal {
    number
        .and_then(Number::from_f64)
        .map_or(Literal::Null, Literal::Number)
}

/// A literal that names no variable, such as the default of one.
pub(super) fn constant(contract: &Contract, ty: &Type, value: &Node<Value>) -> Constant {
    let literal = literal(contract, ty, value);
    // Validation refuses variables in constants, so that there is nothing to look up.
    literal.into_const().unwrap_or_default()
}
