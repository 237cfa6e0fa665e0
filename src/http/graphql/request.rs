//! From bytes to requests: query strings, JSON bodies, batches.

use std::fmt;

use async_graphql::Value;
use percent_encoding::percent_decode_str;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};

use super::{
    params::{Key, Params, Reader},
    respond::Refusal,
};

/// The most requests that one body may carry.
pub const BATCH: usize = 10;

/// What a body holds.
#[derive(Debug, PartialEq)]
pub enum RequestBody {
    /// One request, which is answered by an object.
    Single(Box<Params>),
    /// One to [`BATCH`] requests, which are answered by a list in the same order.
    Batch(Vec<Params>),
}

/// Reads the body of a POST. Unknown keys are ignored.
///
/// # Errors
///
/// 400 for what is not JSON in UTF-8, for parameters of a wrong type and for batches that are
/// empty or too long. The JSON parser refuses more than 128 levels.
pub fn from_body(body: &[u8]) -> Result<RequestBody, Refusal> {
    let start = body.iter().find(|byte| !byte.is_ascii_whitespace());
    let incoming = if start == Some(&b'[') {
        serde_json::from_slice::<Batch>(body).map(|batch| RequestBody::Batch(batch.0))
    } else {
        serde_json::from_slice::<Params>(body).map(|params| RequestBody::Single(Box::new(params)))
    };
    incoming.map_err(|error| Refusal::bad_request(format!("the body cannot be read: {error}")))
}

/// Reads the query string of a GET. `variables` and `extensions` are JSON inside it.
///
/// # Errors
///
/// 400 for what is not UTF-8, for a parameter that is given twice or is not of its type.
pub fn from_query_string(raw: &str) -> Result<Params, Refusal> {
    let mut reader = Reader::default();
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (Some(name), Some(value)) = (decode(name), decode(value)) else {
            return Err(Refusal::bad_request("the query string is not UTF-8"));
        };
        let Some(key) = Key::named(&name) else {
            continue;
        };
        let value = match key {
            Key::Query | Key::OperationName | Key::DocumentId => Some(Value::String(value)),
            Key::Variables | Key::Extensions if value.is_empty() => None,
            Key::Variables | Key::Extensions => serde_json::from_str(&value)
                .map_err(|error| Refusal::bad_request(format!("`{name}` is not JSON: {error}")))?,
        };
        reader.take(key, value).map_err(Refusal::bad_request)?;
    }
    Ok(reader.into_params())
}

/// Decodes `%41` and `+`. Bytes that are not UTF-8 are refused rather than replaced, since a
/// replaced character in a filter would quietly select something else.
fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

struct Batch(Vec<Params>);

/// By hand, to stop at the first request too many and not after reading all of them.
impl<'de> Deserialize<'de> for Batch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Batch;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of requests")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Batch, A::Error> {
                let mut all = Vec::new();
                while let Some(params) = list.next_element()? {
                    if all.len() == BATCH {
                        return Err(A::Error::custom(format!(
                            "a batch has at most {BATCH} requests"
                        )));
                    }
                    all.push(params);
                }
                if all.is_empty() {
                    return Err(A::Error::custom("a batch has at least one request"));
                }
                Ok(Batch(all))
            }
        }

        deserializer.deserialize_seq(List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str) -> String {
        from_body(body.as_bytes()).expect_err(body).message
    }

    #[test]
    fn parameters_have_their_types() {
        for key in ["query", "operationName", "documentId"] {
            for wrong in ["{}", "[]", "0", "false"] {
                let said = refusal(&format!("{{\"{key}\":{wrong}}}"));
                assert!(
                    said.contains(&format!("`{key}` must be a string")),
                    "{said}"
                );
            }
        }
        for key in ["variables", "extensions"] {
            for wrong in ["\"x\"", "[]", "0", "false"] {
                let said = refusal(&format!("{{\"{key}\":{wrong}}}"));
                assert!(
                    said.contains(&format!("`{key}` must be an object")),
                    "{said}"
                );
                from_query_string(&format!("{key}={wrong}")).expect_err(wrong);
            }
        }
    }

    #[test]
    fn unknown_keys_are_ignored_and_null_is_nothing() {
        let body = br#" {"query":"{a}","operationName":null,"variables":null,"x":[[{}]]}"#;
        let Ok(RequestBody::Single(params)) = from_body(body) else {
            panic!("a single request");
        };
        assert_eq!(params.query.as_deref(), Some("{a}"));
        assert_eq!(from_query_string("query={a}&variables=&x=1"), Ok(*params));
    }

    #[test]
    fn a_batch_is_a_list_of_objects() {
        let batch = |n: usize| format!("[{}]", vec!["{\"query\":\"{a}\"}"; n].join(","));
        assert!(
            matches!(from_body(batch(10).as_bytes()), Ok(RequestBody::Batch(all)) if all.len() == 10)
        );
        refusal(&batch(11));
        refusal("[]");
        refusal("[[\"{a}\"]]");
        refusal("[1]");
    }

    #[test]
    fn what_is_not_json_in_utf_8_is_refused() {
        from_body(b"{\"query\":\"\xff\"}").expect_err("invalid UTF-8");
        refusal("");
        refusal("{\"query\":\"\\ud800\"}");
        refusal("{\"query\":\"{a}\",\"query\":\"{b}\"}");
        refusal("{\"query\":\"{a}\"} trailing");
        for nested in [200, 100_000] {
            refusal(&format!("{{\"variables\":{{\"a\":{}", "[".repeat(nested)));
            refusal(&format!("{{\"x\":{}", "{\"a\":".repeat(nested)));
        }
        from_query_string("query=%ff").expect_err("invalid UTF-8");
        from_query_string("query={a}&query={b}").expect_err("given twice");
        from_query_string("variables={").expect_err("not JSON");
    }

    #[test]
    fn a_query_string_is_decoded() {
        let params = from_query_string(
            "query=query+A%20%7B+a+%7D&operationName=A&variables=%7B%22a%22%3A%5B1%5D%7D",
        )
        .expect("a good query string");
        assert_eq!(params.query.as_deref(), Some("query A { a }"));
        assert_eq!(params.operation_name.as_deref(), Some("A"));
        assert_eq!(params.variables.len(), 1);
    }
}
