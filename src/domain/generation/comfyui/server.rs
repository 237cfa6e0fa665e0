//! The HTTP and WebSocket interface of a `ComfyUI` server.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::super::calls::Caller;
use super::super::generator::GenerationError;
use super::message::Failure;

/// The socket on which it tells how far it is.
pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The largest message that is taken from the socket: previews of pictures come with the news.
const LARGEST_MESSAGE: usize = 16 << 20;
/// The time limit for cancelling a run.
const TAKING_BACK: Duration = Duration::from_secs(5);

/// A `ComfyUI` server.
pub(super) struct Server {
    pub(super) caller: Caller,
    url: String,
}

/// A reference to a generated image.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ImageRef {
    filename: String,
    #[serde(default)]
    subfolder: String,
    #[serde(default, rename = "type")]
    folder: String,
}

/// The outcome of a run.
pub(super) enum RunOutcome {
    /// With these pictures.
    Completed(Vec<ImageRef>),
    /// A node failed.
    Failed(Failure),
}

#[derive(Deserialize)]
struct Queued {
    prompt_id: String,
}

impl Server {
    pub(super) fn new(caller: Caller, url: &str) -> Self {
        Self {
            caller,
            url: url.trim_end_matches('/').to_owned(),
        }
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, GenerationError> {
        let address = format!("{}/{path}", self.url);
        let request = self.caller.client()?.request(method, address);
        Ok(self.caller.signed(request))
    }

    async fn get(&self, path: &str) -> Result<Value, GenerationError> {
        let request = self.request(Method::GET, path)?;
        let response = self.caller.send(request).await?;
        self.caller.json(response).await
    }

    /// Opens the socket; `None` where that fails: the run is then polled.
    pub(super) async fn listen(&self, client: &str) -> Option<Socket> {
        // `http` becomes `ws` and `https` becomes `wss`.
        let address = format!("ws{}/ws?clientId={client}", self.url.strip_prefix("http")?);
        let mut request = address.into_client_request().ok()?;
        if let Some(key) = self.caller.key() {
            let key = format!("Bearer {key}").parse().ok()?;
            request.headers_mut().insert(AUTHORIZATION, key);
        }
        let config = WebSocketConfig::default()
            .max_message_size(Some(LARGEST_MESSAGE))
            .max_frame_size(Some(LARGEST_MESSAGE));
        let connect = connect_async_with_config(request, Some(config), false);
        let limit = self.caller.settings().connect_timeout();
        let connected = tokio::time::timeout(limit, connect).await;
        connected.ok()?.ok().map(|(socket, _)| socket)
    }

    /// Puts a workflow into the queue and returns the id of the run.
    pub(super) async fn enqueue(
        &self,
        workflow: &Value,
        client: &str,
    ) -> Result<String, GenerationError> {
        let body = json!({ "prompt": workflow, "client_id": client });
        let request = self.request(Method::POST, "prompt")?.json(&body);
        let response = self.caller.send(request).await?;
        let queued: Queued = self.caller.json(response).await?;
        Ok(queued.prompt_id)
    }

    /// The outcome of a run; `None` while it has none.
    pub(super) async fn outcome(&self, run: &str) -> Result<Option<RunOutcome>, GenerationError> {
        let history = self.get(&format!("history/{run}")).await?;
        let entry = &history[run];
        if entry.is_null() {
            return Ok(None);
        }
        if entry["status"]["status_str"] == "error" {
            let messages = entry["status"]["messages"].as_array();
            let failure = messages
                .into_iter()
                .flatten()
                .find(|message| message[0] == "execution_error")
                .map_or(&Value::Null, |message| &message[1]);
            return Ok(Some(RunOutcome::Failed(Failure::read(failure))));
        }
        let mut images = Vec::new();
        for output in entry["outputs"].as_object().into_iter().flatten() {
            for picture in output.1["images"].as_array().into_iter().flatten() {
                let image: Result<ImageRef, _> = serde_json::from_value(picture.clone());
                images.push(image.map_err(|_| self.caller.garbage())?);
            }
        }
        // What was only looked at on the way counts where nothing was kept.
        if images.iter().any(|image| image.folder == "output") {
            images.retain(|image| image.folder == "output");
        }
        Ok(Some(RunOutcome::Completed(images)))
    }

    /// Whether a run waits or is being executed.
    pub(super) async fn has(&self, run: &str) -> Result<bool, GenerationError> {
        let queue = self.get("queue").await?;
        Ok(is_in(&queue["queue_running"], run) || is_in(&queue["queue_pending"], run))
    }

    /// A picture.
    pub(super) async fn view(&self, image: &ImageRef) -> Result<Bytes, GenerationError> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("filename", &image.filename)
            .append_pair("subfolder", &image.subfolder)
            .append_pair("type", &image.folder)
            .finish();
        let request = self.request(Method::GET, &format!("view?{query}"))?;
        let response = self.caller.send(request).await?;
        self.caller.bytes(response).await
    }

    /// Cancels a run, in the queue or while it is executed.
    pub(super) async fn cancel(&self, run: &str) {
        let work = async {
            let body = json!({ "delete": [run] });
            let request = self.request(Method::POST, "queue")?.json(&body);
            self.caller.send(request).await?;
            let queue = self.get("queue").await?;
            // Older versions stop whatever is worked on: ask only while that is ours.
            if is_in(&queue["queue_running"], run) {
                let body = json!({ "prompt_id": run });
                let request = self.request(Method::POST, "interrupt")?.json(&body);
                self.caller.send(request).await?;
            }
            Ok::<(), GenerationError>(())
        };
        match tokio::time::timeout(TAKING_BACK, work).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "A question to ComfyUI could not be taken back");
            }
            Err(_) => tracing::warn!("ComfyUI does not hear that a question is taken back"),
        }
    }
}

/// Whether a list of the queue contains this run; each entry is `[number, id, …]`.
fn is_in(entries: &Value, run: &str) -> bool {
    let entries = entries.as_array().into_iter().flatten();
    entries.into_iter().any(|entry| entry[1] == run)
}
