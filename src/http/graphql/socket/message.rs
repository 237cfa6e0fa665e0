//! The messages of `graphql-transport-ws`.

use async_graphql::ServerError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::http::asker;
use crate::http::graphql::params::Params;
use crate::http::graphql::respond::Written;

/// The name of the protocol, as a client asks for it.
pub const PROTOCOL: &str = "graphql-transport-ws";

/// The longest id of an operation, in bytes.
const ID_BYTES: usize = 256;

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Incoming {
    /// The first message.
    ConnectionInit {
        /// May carry the token.
        payload: Option<Map<String, Value>>,
    },
    /// Is the server there?
    Ping {
        /// Comes back in the answer; with `authorization` it renews the token.
        payload: Option<Map<String, Value>>,
    },
    /// The answer to a ping.
    Pong {
        /// Nothing that is looked at.
        #[expect(dead_code, reason = "it must be an object if it is there")]
        payload: Option<Map<String, Value>>,
    },
    /// Runs an operation.
    Subscribe {
        /// Its name on this socket.
        id: Id,
        /// What to run.
        payload: Box<Params>,
    },
    /// Ends an operation.
    Complete {
        /// Which.
        id: Id,
    },
}

/// The id of an operation: 1 to 256 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Id(pub std::sync::Arc<str>);

impl TryFrom<String> for Id {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if (1..=ID_BYTES).contains(&text.len()) {
            Ok(Self(text.into()))
        } else {
            Err(format!("an id has 1 to {ID_BYTES} bytes"))
        }
    }
}

/// What the server says.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Outgoing<'a> {
    /// The client may begin.
    ConnectionAck,
    /// Is the client there?
    Ping,
    /// The answer to a ping.
    Pong {
        /// What came with it, or what became of the renewal.
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Map<String, Value>>,
    },
    /// A result.
    Next {
        /// Of which operation.
        id: &'a str,
        /// The result itself.
        payload: Written<'a>,
    },
    /// The operation never began.
    Error {
        /// Which.
        id: &'a str,
        /// Why.
        payload: &'a [ServerError],
    },
    /// The operation is over.
    Complete {
        /// Which.
        id: &'a str,
    },
}

/// What a payload says of a token.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// Something that is not `Bearer …`.
    Nonsense,
    /// A token.
    Token(String),
}

/// The token in a payload: `authorization` in any letter case, also below `headers`.
pub fn token(payload: Option<&Map<String, Value>>) -> Said {
    let named = |map: &Map<String, Value>, name: &str| {
        map.iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone())
    };
    let Some(payload) = payload else {
        return Said::Nothing;
    };
    let below = || match named(payload, "headers") {
        Some(Value::Object(headers)) => named(&headers, "authorization"),
        _ => None,
    };
    // Pages that have no token often send null, or nothing at all.
    match named(payload, "authorization").or_else(below) {
        None | Some(Value::Null) => Said::Nothing,
        Some(Value::String(text)) if text.is_empty() => Said::Nothing,
        Some(Value::String(text)) => asker::token(&text).map_or(Said::Nonsense, Said::Token),
        Some(_) => Said::Nonsense,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_found_where_clients_put_it() {
        let good = Said::Token("x".to_owned());
        for (payload, expected) in [
            (json!({}), &Said::Nothing),
            (json!({ "authorization": null }), &Said::Nothing),
            (json!({ "authorization": "" }), &Said::Nothing),
            (json!({ "authorization": "Bearer x" }), &good),
            (json!({ "Authorization": "bearer x" }), &good),
            (json!({ "headers": { "AUTHORIZATION": "Bearer x" } }), &good),
            (json!({ "Headers": { "authorization": "Bearer x" } }), &good),
            (json!({ "authorization": "x" }), &Said::Nonsense),
            (json!({ "authorization": 1 }), &Said::Nonsense),
            (json!({ "headers": "Bearer x" }), &Said::Nothing),
        ] {
            assert_eq!(&token(payload.as_object()), expected, "{payload}");
        }
        assert_eq!(token(None), Said::Nothing);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for text in [
            "",
            "{}",
            "[]",
            "7",
            r#"{"type":"nonsense"}"#,
            r#"{"type":"connection_init","payload":1}"#,
            r#"{"type":"ping","payload":"x"}"#,
            r#"{"type":"pong","payload":[]}"#,
            r#"{"type":"subscribe"}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{ a }"}}"#,
            r#"{"type":"subscribe","id":1,"payload":{"query":"{ a }"}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":1}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{ a }","variables":"x"}}"#,
            r#"{"type":"complete"}"#,
        ] {
            serde_json::from_str::<Incoming>(text).expect_err(text);
        }
        for text in [
            r#"{"type":"connection_init"}"#,
            r#"{"type":"connection_init","payload":null,"more":1}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{ a }","variables":null}}"#,
        ] {
            serde_json::from_str::<Incoming>(text).expect(text);
        }
    }
}
