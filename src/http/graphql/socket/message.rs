//! The messages of `graphql-transport-ws`.

use async_graphql::ServerError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::http::graphql::params::Params;
use crate::http::graphql::respond::ResponseBody;
use crate::http::identity;

/// The name of the WebSocket subprotocol.
pub const PROTOCOL: &str = "graphql-transport-ws";

/// The longest id of an operation, in bytes.
const ID_BYTES: usize = 256;

/// A message from the client.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// The first message of a connection.
    ConnectionInit {
        /// May contain the token.
        payload: Option<Map<String, Value>>,
    },
    /// Asks whether the server is alive.
    Ping {
        /// Returned in the `pong`; with `authorization` it renews the token.
        payload: Option<Map<String, Value>>,
    },
    /// The answer to a ping.
    Pong {
        /// Ignored.
        #[expect(dead_code, reason = "it must be an object if it is there")]
        payload: Option<Map<String, Value>>,
    },
    /// Starts an operation.
    Subscribe {
        /// The id of the operation on this socket.
        id: Id,
        /// The parameters of the operation.
        payload: Box<Params>,
    },
    /// Ends an operation.
    Complete {
        /// The id of the operation.
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

/// A message from the server.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage<'a> {
    /// Accepts the connection.
    ConnectionAck,
    /// Asks whether the client is alive.
    Ping,
    /// The answer to a ping.
    Pong {
        /// The payload of the `ping`, or the result of a token renewal.
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Map<String, Value>>,
    },
    /// A result of an operation.
    Next {
        /// The id of the operation.
        id: &'a str,
        /// The result.
        payload: ResponseBody<'a>,
    },
    /// The operation could not start.
    Error {
        /// The id of the operation.
        id: &'a str,
        /// The errors.
        payload: &'a [ServerError],
    },
    /// The operation has completed.
    Complete {
        /// The id of the operation.
        id: &'a str,
    },
}

/// The token in the payload of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum TokenPayload {
    /// There is none.
    Absent,
    /// A value that is not `Bearer …`.
    Invalid,
    /// A token.
    Token(String),
}

/// The token in a payload: `authorization` in any letter case, also below `headers`.
pub fn token(payload: Option<&Map<String, Value>>) -> TokenPayload {
    let named = |map: &Map<String, Value>, name: &str| {
        map.iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone())
    };
    let Some(payload) = payload else {
        return TokenPayload::Absent;
    };
    let below = || match named(payload, "headers") {
        Some(Value::Object(headers)) => named(&headers, "authorization"),
        _ => None,
    };
    // Clients without a token often send null, or nothing at all.
    match named(payload, "authorization").or_else(below) {
        None | Some(Value::Null) => TokenPayload::Absent,
        Some(Value::String(text)) if text.is_empty() => TokenPayload::Absent,
        Some(Value::String(text)) => {
            identity::token(&text).map_or(TokenPayload::Invalid, TokenPayload::Token)
        }
        Some(_) => TokenPayload::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_found_where_clients_put_it() {
        let good = TokenPayload::Token("x".to_owned());
        for (payload, expected) in [
            (json!({}), &TokenPayload::Absent),
            (json!({ "authorization": null }), &TokenPayload::Absent),
            (json!({ "authorization": "" }), &TokenPayload::Absent),
            (json!({ "authorization": "Bearer x" }), &good),
            (json!({ "Authorization": "bearer x" }), &good),
            (json!({ "headers": { "AUTHORIZATION": "Bearer x" } }), &good),
            (json!({ "Headers": { "authorization": "Bearer x" } }), &good),
            (json!({ "authorization": "x" }), &TokenPayload::Invalid),
            (json!({ "authorization": 1 }), &TokenPayload::Invalid),
            (json!({ "headers": "Bearer x" }), &TokenPayload::Absent),
        ] {
            assert_eq!(&token(payload.as_object()), expected, "{payload}");
        }
        assert_eq!(token(None), TokenPayload::Absent);
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
            serde_json::from_str::<ClientMessage>(text).expect_err(text);
        }
        for text in [
            r#"{"type":"connection_init"}"#,
            r#"{"type":"connection_init","payload":null,"more":1}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{ a }","variables":null}}"#,
        ] {
            serde_json::from_str::<ClientMessage>(text).expect(text);
        }
    }
}
