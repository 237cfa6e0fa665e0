//! The parameters of a GraphQL request and their types.

use std::fmt;

use async_graphql::{Extensions, Value, Variables};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};

/// The parameters of one GraphQL request, with their types checked.
#[derive(Debug, Default, PartialEq)]
pub struct Params {
    /// The source of the document. It may be missing where a document is named otherwise.
    pub query: Option<String>,
    /// The operation to run. An empty name counts as none.
    pub operation_name: Option<String>,
    /// The values of the variables.
    pub variables: Variables,
    /// What the client adds, such as the hash of a persisted query.
    pub extensions: Extensions,
    /// The id of a trusted document.
    pub document_id: Option<String>,
}

/// The names of the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Query,
    OperationName,
    Variables,
    Extensions,
    DocumentId,
}

impl Key {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "query" => Self::Query,
            "operationName" => Self::OperationName,
            "variables" => Self::Variables,
            "extensions" => Self::Extensions,
            "documentId" => Self::DocumentId,
            _ => return None,
        })
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Puts values in their places; JSON and query strings share it.
#[derive(Default)]
pub(super) struct Reader {
    params: Params,
    taken: u8,
}

impl Reader {
    pub(super) fn into_params(self) -> Params {
        self.params
    }

    pub(super) fn take(&mut self, key: Key, value: Option<Value>) -> Result<(), String> {
        // Two values for one key are read differently by different programs.
        if self.taken & key.bit() != 0 {
            return Err(format!("`{key}` is given twice"));
        }
        self.taken |= key.bit();
        let params = &mut self.params;
        match (key, value) {
            (_, None) => {}
            (Key::Query, Some(Value::String(text))) => params.query = Some(text),
            (Key::OperationName, Some(Value::String(text))) => {
                params.operation_name = Some(text).filter(|name| !name.is_empty());
            }
            (Key::DocumentId, Some(Value::String(text))) => params.document_id = Some(text),
            (Key::Variables, Some(value @ Value::Object(_))) => {
                params.variables = Variables::from_value(value);
            }
            (Key::Extensions, Some(Value::Object(map))) => {
                params.extensions.0 = map
                    .into_iter()
                    .map(|(name, value)| (name.to_string(), value))
                    .collect();
            }
            (Key::Variables | Key::Extensions, Some(_)) => {
                return Err(format!("`{key}` must be an object"));
            }
            (_, Some(_)) => return Err(format!("`{key}` must be a string")),
        }
        Ok(())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Query => "query",
            Self::OperationName => "operationName",
            Self::Variables => "variables",
            Self::Extensions => "extensions",
            Self::DocumentId => "documentId",
        })
    }
}

/// By hand, since a derived reader would also take `["{ a }"]` for the parameters in order.
impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Params;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with `query`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Params, A::Error> {
                let mut reader = Reader::default();
                while let Some(name) = map.next_key::<String>()? {
                    match Key::named(&name) {
                        Some(key) => reader
                            .take(key, map.next_value()?)
                            .map_err(A::Error::custom)?,
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(reader.into_params())
            }
        }

        deserializer.deserialize_map(Object)
    }
}
