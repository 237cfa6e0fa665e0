//! The scalars of the contract, each with a description and the specification of its form. async-graphql has
//! some of its own for the same Rust types: without a description, without a specification, and for times in
//! more than one form. The engine refuses to build a schema in which both are.

use std::fmt;

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{NaiveDate, SecondsFormat, Utc};

use super::number::double;
use crate::foundation::clock::to_microseconds;

macro_rules! scalar_of {
    ($name:ident($inner:ty)) => {
        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }

        impl From<$name> for $inner {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

/// A point in time, UTC, to the microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub struct DateTime(pub chrono::DateTime<Utc>);

/// A day, without a time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub struct Date(pub NaiveDate);

/// An exact decimal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub struct Decimal(pub rust_decimal::Decimal);

/// A JSON value that is not described by the contract.
#[derive(Clone, Debug, PartialEq)]
pub struct Json(pub serde_json::Value);

scalar_of!(DateTime(chrono::DateTime<Utc>));
scalar_of!(Date(NaiveDate));
scalar_of!(Decimal(rust_decimal::Decimal));
scalar_of!(Json(serde_json::Value));

impl From<&serde_json::Value> for Json {
    fn from(value: &serde_json::Value) -> Self {
        Self(value.clone())
    }
}

impl Json {
    /// What was written with numbers of single precision: each is the shortest that means the same, 0.2 and not
    /// 0.20000000298023224. For what this program wrote; what callers gave stays as it is.
    pub fn of_singles(value: &serde_json::Value) -> Self {
        Self(shortened(value))
    }
}

fn shortened(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Number(number) if number.is_f64() => match number.as_f64() {
            Some(number) if f64::from(number as f32) == number => double(number as f32).into(),
            _ => value.clone(),
        },
        Value::Array(members) => members.iter().map(shortened).collect(),
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, member)| (name.clone(), shortened(member)));
            Value::Object(members.collect())
        }
        _ => value.clone(),
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

/// A point in time, as a string in the format of RFC 3339. Returned times have one form: UTC, with
/// six digits of the second and the letter `Z`, for example `2026-03-01T12:00:00.000000Z`. Given times may
/// have any offset; what is finer than a microsecond is cut off.
#[Scalar(
    name = "DateTime",
    specified_by_url = "https://datatracker.ietf.org/doc/html/rfc3339"
)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        // Also years of more digits than RFC 3339 has: a filter may name the end of time.
        let time = text.parse::<chrono::DateTime<Utc>>().map_err(|_| {
            InputValueError::custom(
                "a time is a string of RFC 3339 with an offset, such as \"2026-03-01T12:00:00Z\"",
            )
        })?;
        Ok(Self(to_microseconds(time)))
    }

    fn to_value(&self) -> Value {
        Value::String(self.to_string())
    }
}

/// A day, as a string in the format `YYYY-MM-DD` (the `full-date` of RFC 3339), for example
/// `2026-03-01`.
#[Scalar(
    name = "NaiveDate",
    specified_by_url = "https://datatracker.ietf.org/doc/html/rfc3339#section-5.6"
)]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .map_err(|_| InputValueError::custom("a day is a string such as \"2026-03-01\""))?;
        Ok(Self(day))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.format("%Y-%m-%d").to_string())
    }
}

/// An exact decimal number, as a string of digits with an optional sign and decimal point, for example
/// `"149.00"`. Given numbers may be JSON numbers as well.
#[Scalar(
    name = "Decimal",
    specified_by_url = "https://www.w3.org/TR/xmlschema11-2/#decimal"
)]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        let read = match &value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Some(whole.into()),
                (None, Some(number)) => number.try_into().ok(),
                (None, None) => None,
            },
            _ => return Err(InputValueError::expected_type(value)),
        };
        read.map(Self).ok_or_else(|| {
            InputValueError::custom(
                "a decimal is a string of at most 28 digits, such as \"149.00\"",
            )
        })
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// Any JSON value. The field that has it says what is in it.
#[Scalar(
    name = "JSON",
    specified_by_url = "https://datatracker.ietf.org/doc/html/rfc8259"
)]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        let json = value.into_json();
        json.map(Self).map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        // Whatever serde can hold as JSON, a value can hold as well.
        async_graphql::to_value(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> InputValueResult<DateTime> {
        DateTime::parse(Value::String(text.to_owned()))
    }

    #[test]
    fn a_time_has_one_form_whatever_form_it_came_in() {
        for (given, returned) in [
            ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000000Z"),
            ("2026-03-01T14:00:00+02:00", "2026-03-01T12:00:00.000000Z"),
            ("2026-03-01T12:00:00.5Z", "2026-03-01T12:00:00.500000Z"),
            (
                "2026-03-01T12:00:00.123456789Z",
                "2026-03-01T12:00:00.123456Z",
            ),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
        ] {
            let read = time(given).unwrap_or_else(|_| panic!("{given} is a time"));
            assert_eq!(read.to_string(), returned);
        }
        for bad in [
            "",
            "2026-03-01",
            "2026-03-01T12:00:00",
            "yesterday",
            "1772366400",
        ] {
            assert!(time(bad).is_err(), "{bad} was read");
        }
    }

    #[test]
    fn a_day_and_a_decimal_come_back_as_they_were_given() {
        let day = Date::parse(Value::String("2026-03-01".to_owned())).map(|day| day.to_value());
        assert_eq!(day.ok(), Some(Value::String("2026-03-01".to_owned())));
        assert!(Date::parse(Value::String("01.03.2026".to_owned())).is_err());
        for (given, returned) in [
            (Value::from("149.00"), "149.00"),
            (Value::from(149), "149"),
            (Value::from(0.1), "0.1"),
            (Value::from(9_007_199_254_740_993_i64), "9007199254740993"),
        ] {
            let read = Decimal::parse(given).map(|number| number.to_value());
            assert_eq!(read.ok(), Some(Value::String(returned.to_owned())));
        }
        assert!(Decimal::parse(Value::from("much")).is_err());
    }

    #[test]
    fn numbers_of_single_precision_are_the_shortest_that_mean_the_same() {
        let value = serde_json::json!({
            "single": f64::from(0.2_f32), "list": [f64::from(0.7_f32)], "double": 0.1, "half": 0.5,
            "whole": 16_777_217, "text": "0.2",
        });
        let short = serde_json::json!({
            "single": 0.2, "list": [0.7], "double": 0.1, "half": 0.5, "whole": 16_777_217, "text": "0.2",
        });
        assert_eq!(Json::of_singles(&value).0, short);
    }
}
