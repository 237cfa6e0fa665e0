//! E-mail addresses as a scalar.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

use crate::domain::users::Email;

/// An e-mail address, in lower case when written: `ana@example.org`.
#[derive(Clone, Debug)]
pub struct EmailAddress(pub Email);

/// An e-mail address as accepted by web browsers, for example `ana@example.org`. Case is ignored:
/// addresses are stored and returned in lower case.
#[Scalar(
    name = "EmailAddress",
    specified_by_url = "https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address"
)]
impl ScalarType for EmailAddress {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            // The message does not repeat the address, which is personal.
            Value::String(text) => text.parse().map(Self).map_err(InputValueError::custom),
            _ => Err(InputValueError::custom(
                "an e-mail address is a string such as \"name@example.org\"",
            )),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}
