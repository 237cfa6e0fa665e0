//! Messages of `ComfyUI` on its WebSocket.

use serde_json::Value;

/// A message, as far as it concerns one run.
#[derive(Debug, PartialEq)]
pub(super) enum ServerMessage {
    /// The number of runs in the queue, of all clients.
    Queue(u64),
    /// The workflow has started.
    Begun,
    /// The node that runs now.
    Node(String),
    /// The steps of the current node.
    Steps { done: f64, of: f64 },
    /// The run is done.
    Done,
    /// A node failed.
    Failed(Failure),
    /// The run was interrupted by another client.
    Interrupted,
    /// An irrelevant message, or one of another run.
    Other,
}

/// Why a workflow failed.
#[derive(Debug, PartialEq)]
pub(super) struct Failure {
    /// The class of the node.
    pub(super) node: String,
    /// The message of the exception.
    pub(super) message: String,
    /// Whether it ran out of memory, which may be temporary.
    pub(super) memory: bool,
}

impl Failure {
    pub(super) fn read(data: &Value) -> Self {
        let text = |field: &str| data[field].as_str().unwrap_or_default().to_owned();
        Self {
            node: text("node_type"),
            message: text("exception_message").trim().to_owned(),
            memory: text("exception_type").contains("OutOfMemory"),
        }
    }
}

/// Parses a message about the run with the id `run`.
pub(super) fn read(message: &str, run: &str) -> ServerMessage {
    let Ok(message) = serde_json::from_str::<Value>(message) else {
        return ServerMessage::Other;
    };
    let data = &message["data"];
    let kind = message["type"].as_str().unwrap_or_default();
    if kind == "status" {
        let waiting = data["status"]["exec_info"]["queue_remaining"].as_u64();
        return waiting.map_or(ServerMessage::Other, ServerMessage::Queue);
    }
    // Older versions leave the id out of `progress`; its client gets only its own.
    let whose = data["prompt_id"].as_str();
    if whose != Some(run) && (kind != "progress" || whose.is_some()) {
        return ServerMessage::Other;
    }
    match kind {
        "execution_start" => ServerMessage::Begun,
        "executing" => match data["node"].as_str() {
            Some(node) => ServerMessage::Node(node.to_owned()),
            None => ServerMessage::Done,
        },
        "progress" => match (data["value"].as_f64(), data["max"].as_f64()) {
            (Some(done), Some(of)) if of > 0.0 => ServerMessage::Steps { done, of },
            _ => ServerMessage::Other,
        },
        "execution_error" => ServerMessage::Failed(Failure::read(data)),
        "execution_interrupted" => ServerMessage::Interrupted,
        _ => ServerMessage::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_understood_and_those_of_others_are_left_alone() {
        for (message, expected) in [
            (
                r#"{"type":"status","data":{"status":{"exec_info":{"queue_remaining":3}},"sid":"x"}}"#,
                ServerMessage::Queue(3),
            ),
            (
                r#"{"type":"execution_start","data":{"prompt_id":"me","timestamp":1}}"#,
                ServerMessage::Begun,
            ),
            (
                r#"{"type":"executing","data":{"node":"3","display_node":"3","prompt_id":"me"}}"#,
                ServerMessage::Node("3".into()),
            ),
            (
                r#"{"type":"executing","data":{"node":null,"prompt_id":"me"}}"#,
                ServerMessage::Done,
            ),
            (
                r#"{"type":"executing","data":{"node":null,"prompt_id":"you"}}"#,
                ServerMessage::Other,
            ),
            (
                r#"{"type":"executing","data":{"node":null}}"#,
                ServerMessage::Other,
            ),
            (
                r#"{"type":"progress","data":{"value":5,"max":20,"prompt_id":"me","node":"3"}}"#,
                ServerMessage::Steps {
                    done: 5.0,
                    of: 20.0,
                },
            ),
            (
                r#"{"type":"progress","data":{"value":5,"max":20}}"#,
                ServerMessage::Steps {
                    done: 5.0,
                    of: 20.0,
                },
            ),
            (
                r#"{"type":"progress","data":{"value":5,"max":0,"prompt_id":"me"}}"#,
                ServerMessage::Other,
            ),
            (
                r#"{"type":"progress","data":{"value":5,"max":20,"prompt_id":"you"}}"#,
                ServerMessage::Other,
            ),
            (
                r#"{"type":"execution_interrupted","data":{"prompt_id":"me","node_id":"3"}}"#,
                ServerMessage::Interrupted,
            ),
            ("nonsense", ServerMessage::Other),
            ("[]", ServerMessage::Other),
        ] {
            assert_eq!(read(message, "me"), expected, "{message}");
        }
        let failed = r#"{"type":"execution_error","data":{"prompt_id":"me","node_type":"KSampler",
            "exception_type":"torch.OutOfMemoryError","exception_message":"Allocation failed\n"}}"#;
        let failure = Failure {
            node: "KSampler".into(),
            message: "Allocation failed".into(),
            memory: true,
        };
        assert_eq!(read(failed, "me"), ServerMessage::Failed(failure));
    }
}
