//! Images by a `ComfyUI` server.
//!
//! The workflow goes into the queue of the server; messages on its WebSocket are the progress. Where the
//! socket is silent or closed, the server is polled. A generation that is stopped cancels its run.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::calls::Caller;
use super::generator::{
    GenerationError, Generator, GeneratorOutput, ItemSummary, ProgressCallback, report,
};
use super::input::{GeneratorInput, ImageInput};
use super::model::MediaKind;
use super::picture;
use crate::foundation::{Clock, Rng};
use crate::platform::config;

mod message;
mod server;
mod workflow;

use message::{Failure, ServerMessage};
use server::{ImageRef, RunOutcome, Server, Socket};

/// A generator that uses a `ComfyUI` server.
pub struct ComfyUi {
    settings: config::ComfyUi,
    server: Arc<Server>,
    rng: Rng,
}

/// A run in the queue of the server. Dropping it before it is finished cancels it.
struct QueuedRun {
    server: Arc<Server>,
    id: String,
    finished: bool,
}

impl Drop for QueuedRun {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        // Without a runtime the program is at its end, and nobody is left to ask.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (server, id) = (Arc::clone(&self.server), std::mem::take(&mut self.id));
            runtime.spawn(async move { server.cancel(&id).await });
        }
    }
}

impl ComfyUi {
    /// The name of the generator.
    pub const NAME: &'static str = "comfyui";
    /// The supported kinds of output.
    pub const MEDIA: &'static [MediaKind] = &[MediaKind::Image];

    /// A generator for the configured server.
    pub fn new(settings: &config::ComfyUi, clock: Clock, rng: Rng) -> Self {
        let names = ("the ComfyUI server", "generation.comfyui.key");
        let clock_and_rng = (clock, rng.clone());
        let caller = Caller::new(names, settings.calls, settings.key.clone(), clock_and_rng);
        Self {
            settings: settings.clone(),
            server: Arc::new(Server::new(caller, &settings.url)),
            rng,
        }
    }

    fn caller(&self) -> &Caller {
        &self.server.caller
    }

    async fn generate_with_retries(
        &self,
        input: &ImageInput,
        observe: ProgressCallback<'_>,
    ) -> Result<Vec<GeneratorOutput>, GenerationError> {
        let workflow = workflow::workflow(&self.settings, input).await;
        let workflow = workflow.map_err(|what| {
            GenerationError::refused(format!("the file of `generation.comfyui.workflow` {what}"))
        })?;
        let mut attempts = self.caller().attempts();
        loop {
            match self.attempt(&workflow, input, observe).await {
                Ok(made) => return Ok(made),
                Err(error) => attempts.retry_after_delay(error).await?,
            }
        }
    }

    async fn attempt(
        &self,
        workflow: &Value,
        input: &ImageInput,
        observe: ProgressCallback<'_>,
    ) -> Result<Vec<GeneratorOutput>, GenerationError> {
        report(observe, 0.0, "ask", "Asking for the picture")?;
        let client = format!("{:032x}", u128::from_le_bytes(self.rng.bytes()));
        // Before enqueueing, so that no message is missed.
        let socket = self.server.listen(&client).await;
        let id = self.server.enqueue(workflow, &client).await?;
        let mut run = QueuedRun {
            server: Arc::clone(&self.server),
            id,
            finished: false,
        };
        let outcome = self.follow(&run.id, socket, workflow, observe).await?;
        run.finished = true;
        match outcome {
            RunOutcome::Completed(images) => self.read(&images, input, observe).await,
            RunOutcome::Failed(failure) => Err(self.failed(&failure)),
        }
    }

    /// Waits for the outcome of a run, by messages and by polling.
    async fn follow(
        &self,
        run: &str,
        mut socket: Option<Socket>,
        workflow: &Value,
        observe: ProgressCallback<'_>,
    ) -> Result<RunOutcome, GenerationError> {
        let mut failures = self.caller().attempts();
        loop {
            if let Some(listening) = &mut socket {
                let limit = self.caller().settings().pause_timeout();
                match tokio::time::timeout(limit, listening.next()).await {
                    Ok(Some(Ok(Message::Text(text)))) => {
                        match self.handle(&text, run, workflow, observe)? {
                            MessageEffect::Continue => continue,
                            // The result may be available a moment after the message.
                            MessageEffect::Done => socket = None,
                            MessageEffect::Failed(failure) => {
                                return Ok(RunOutcome::Failed(failure));
                            }
                        }
                    }
                    Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) => socket = None,
                    Ok(Some(Ok(_))) => continue, // previews, pings
                    Err(_) => {}                 // silent: ask
                }
            } else {
                tokio::time::sleep(Duration::from_millis(self.settings.poll_ms)).await;
            }
            match self.poll(run).await {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => {
                    failures = self.caller().attempts();
                    report(observe, 0.0, "wait", "Waiting for the picture")?;
                }
                Err(PollError::Lost) => {
                    let what = "no longer knows the question; it may have been restarted";
                    return Err(self.caller().retry(what));
                }
                Err(PollError::Failed(error)) => failures.retry_after_delay(error).await?,
            }
        }
    }

    /// Polls the outcome of a run; `None` while it is in the queue.
    async fn poll(&self, run: &str) -> Result<Option<RunOutcome>, PollError> {
        if let Some(outcome) = self.server.outcome(run).await? {
            return Ok(Some(outcome));
        }
        if self.server.has(run).await? {
            return Ok(None);
        }
        // It may have ended between the two.
        match self.server.outcome(run).await? {
            Some(outcome) => Ok(Some(outcome)),
            None => Err(PollError::Lost),
        }
    }

    fn handle(
        &self,
        message: &str,
        run: &str,
        workflow: &Value,
        observe: ProgressCallback<'_>,
    ) -> Result<MessageEffect, GenerationError> {
        match message::read(message, run) {
            ServerMessage::Queue(waiting) => {
                report(observe, 0.0, "queue", format!("{waiting} in the queue"))?;
            }
            ServerMessage::Begun => report(observe, 0.05, "begin", "The workflow has begun")?,
            ServerMessage::Node(node) => {
                let class = workflow::class_of(workflow, &node);
                report(observe, 0.05, "node", format!("{class} is at work"))?;
            }
            ServerMessage::Steps { done, of } => {
                let message = format!("Step {done} of {of}");
                report(observe, 0.05 + 0.85 * done / of, "sample", message)?;
            }
            ServerMessage::Done => return Ok(MessageEffect::Done),
            ServerMessage::Failed(failure) => return Ok(MessageEffect::Failed(failure)),
            ServerMessage::Interrupted => {
                let message = "was told by somebody else to stop this";
                return Err(self.caller().refused(message));
            }
            ServerMessage::Other => {}
        }
        Ok(MessageEffect::Continue)
    }

    fn failed(&self, failure: &Failure) -> GenerationError {
        let Failure {
            node,
            message,
            memory,
        } = failure;
        let what = format!("failed at {node}: {message}");
        if *memory {
            self.caller().retry(&what)
        } else {
            self.caller().refused(&what)
        }
    }

    async fn read(
        &self,
        images: &[ImageRef],
        input: &ImageInput,
        observe: ProgressCallback<'_>,
    ) -> Result<Vec<GeneratorOutput>, GenerationError> {
        let wanted = usize::try_from(input.batch).unwrap_or(1);
        if images.len() < wanted {
            let what = format!(
                "made {} of {wanted} pictures; the workflow's place for their number is {{{{batch}}}}",
                images.len()
            );
            return Err(self.caller().refused(&what));
        }
        let mut made = Vec::with_capacity(wanted);
        for (number, image) in images.iter().take(wanted).enumerate() {
            let share = 0.9 + 0.1 * number as f64 / wanted as f64;
            let message = format!("Reading picture {} of {wanted}", number + 1);
            report(observe, share, "read", message)?;
            let bytes = self.server.view(image).await?;
            let picture = picture::detect(&bytes).ok_or_else(|| {
                let what = "finished with what is no picture";
                self.caller().retry(what)
            })?;
            made.push(GeneratorOutput {
                bytes,
                media_type: picture.media_type,
                text: None,
                seed: input.seed,
                details: json!({
                    "checkpoint": self.settings.checkpoint,
                    "steps": input.steps.unwrap_or(self.settings.steps),
                    "guidance": input.guidance.unwrap_or(self.settings.guidance),
                    "width": picture.width,
                    "height": picture.height,
                }),
            });
        }
        Ok(made)
    }
}

/// The effect of a message from the socket.
enum MessageEffect {
    Continue,
    Done,
    Failed(Failure),
}

/// Why polling failed.
enum PollError {
    /// The server does not know the run.
    Lost,
    Failed(GenerationError),
}

impl From<GenerationError> for PollError {
    fn from(error: GenerationError) -> Self {
        Self::Failed(error)
    }
}

impl Generator for ComfyUi {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn media(&self) -> &'static [MediaKind] {
        Self::MEDIA
    }

    fn generate<'a>(
        &'a self,
        input: &'a GeneratorInput,
        _subject: &'a ItemSummary,
        observe: ProgressCallback<'a>,
    ) -> BoxFuture<'a, Result<Vec<GeneratorOutput>, GenerationError>> {
        let work = async move {
            match input {
                GeneratorInput::Image(image) => {
                    let generate_with_retries = self.generate_with_retries(image, observe);
                    self.caller().within_total(generate_with_retries).await
                }
                GeneratorInput::Text(_) => {
                    Err(GenerationError::refused("ComfyUI makes pictures alone"))
                }
            }
        };
        work.boxed()
    }
}
