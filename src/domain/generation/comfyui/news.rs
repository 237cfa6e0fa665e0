//! What `ComfyUI` says on its WebSocket.

use serde_json::Value;

/// One message, as far as it concerns one question.
#[derive(Debug, PartialEq)]
pub(super) enum News {
    /// So many questions are in the queue, all clients' together.
    Queue(u64),
    /// Its workflow has begun.
    Begun,
    /// This node works now.
    Node(String),
    /// The present node has done so many steps of so many.
    Steps { done: f64, of: f64 },
    /// Nothing more is coming.
    Done,
    /// A node failed.
    Failed(Failure),
    /// Somebody stopped it.
    Interrupted,
    /// Something that does not matter, or concerns another question.
    Other,
}

/// Why a workflow failed.
#[derive(Debug, PartialEq)]
pub(super) struct Failure {
    /// Which kind of node.
    pub(super) node: String,
    /// What it says.
    pub(super) message: String,
    /// Whether it lacked memory, which it may have another time.
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

/// Reads a message; `question` is the id of the one that matters.
pub(super) fn read(message: &str, question: &str) -> News {
    let Ok(message) = serde_json::from_str::<Value>(message) else {
        return News::Other;
    };
    let data = &message["data"];
    let kind = message["type"].as_str().unwrap_or_default();
    if kind == "status" {
        let waiting = data["status"]["exec_info"]["queue_remaining"].as_u64();
        return waiting.map_or(News::Other, News::Queue);
    }
    // Older versions leave the id out of `progress`; its client gets only its own.
    let whose = data["prompt_id"].as_str();
    if whose != Some(question) && (kind != "progress" || whose.is_some()) {
        return News::Other;
    }
    match kind {
        "execution_start" => News::Begun,
        "executing" => match data["node"].as_str() {
            Some(node) => News::Node(node.to_owned()),
            None => News::Done,
        },
        "progress" => match (data["value"].as_f64(), data["max"].as_f64()) {
            (Some(done), Some(of)) if of > 0.0 => News::Steps { done, of },
            _ => News::Other,
        },
        "execution_error" => News::Failed(Failure::read(data)),
        "execution_interrupted" => News::Interrupted,
        _ => News::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_understood_and_those_of_others_are_left_alone() {
        for (message, news) in [
            (
                r#"{"type":"status","data":{"status":{"exec_info":{"queue_remaining":3}},"sid":"x"}}"#,
                News::Queue(3),
            ),
            (
                r#"{"type":"execution_start","data":{"prompt_id":"me","timestamp":1}}"#,
                News::Begun,
            ),
            (
                r#"{"type":"executing","data":{"node":"3","display_node":"3","prompt_id":"me"}}"#,
                News::Node("3".into()),
            ),
            (
                r#"{"type":"executing","data":{"node":null,"prompt_id":"me"}}"#,
                News::Done,
            ),
            (
                r#"{"type":"executing","data":{"node":null,"prompt_id":"you"}}"#,
                News::Other,
            ),
            (r#"{"type":"executing","data":{"node":null}}"#, News::Other),
            (
                r#"{"type":"progress","data":{"value":5,"max":20,"prompt_id":"me","node":"3"}}"#,
                News::Steps {
                    done: 5.0,
                    of: 20.0,
                },
            ),
            (
                r#"{"type":"progress","data":{"value":5,"max":20}}"#,
                News::Steps {
                    done: 5.0,
                    of: 20.0,
                },
            ),
            (
                r#"{"type":"progress","data":{"value":5,"max":0,"prompt_id":"me"}}"#,
                News::Other,
            ),
            (
                r#"{"type":"progress","data":{"value":5,"max":20,"prompt_id":"you"}}"#,
                News::Other,
            ),
            (
                r#"{"type":"execution_interrupted","data":{"prompt_id":"me","node_id":"3"}}"#,
                News::Interrupted,
            ),
            ("nonsense", News::Other),
            ("[]", News::Other),
        ] {
            assert_eq!(read(message, "me"), news, "{message}");
        }
        let failed = r#"{"type":"execution_error","data":{"prompt_id":"me","node_type":"KSampler",
            "exception_type":"torch.OutOfMemoryError","exception_message":"Allocation failed\n"}}"#;
        let failure = Failure {
            node: "KSampler".into(),
            message: "Allocation failed".into(),
            memory: true,
        };
        assert_eq!(read(failed, "me"), News::Failed(failure));
    }
}
