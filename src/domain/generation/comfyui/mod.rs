//! Pictures by a `ComfyUI` server.
//!
//! The workflow goes into its queue; what it tells on its WebSocket is the progress. Where the
//! socket is silent or gone, the server is asked instead. A generation that is stopped takes its
//! question back.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::ask::{Ask, ImageAsk};
use super::calls::Caller;
use super::generator::{GenerationError, Generator, Made, Observe, Subject, tell};
use super::model::Medium;
use super::picture;
use crate::foundation::{Clock, Rng};
use crate::platform::config;

mod news;
mod server;
mod workflow;

use news::{Failure, News};
use server::{Ended, Place, Server, Socket};

/// Asks a `ComfyUI` server.
pub struct ComfyUi {
    settings: config::ComfyUi,
    server: Arc<Server>,
    rng: Rng,
}

/// A question that the server has. Dropped before it is answered, it is taken back.
struct Question {
    server: Arc<Server>,
    id: String,
    answered: bool,
}

impl Drop for Question {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        // Without a runtime the program is at its end, and nobody is left to ask.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (server, id) = (Arc::clone(&self.server), std::mem::take(&mut self.id));
            runtime.spawn(async move { server.take_back(&id).await });
        }
    }
}

impl ComfyUi {
    /// The generator's name.
    pub const NAME: &'static str = "comfyui";
    /// What it makes.
    pub const MEDIA: &'static [Medium] = &[Medium::Image];

    /// A generator that asks the server of the settings.
    pub fn new(settings: &config::ComfyUi, clock: Clock, rng: Rng) -> Self {
        let names = ("the ComfyUI server", "generation.comfyui.key");
        let stand = (clock, rng.clone());
        let caller = Caller::new(names, settings.calls, settings.key.clone(), stand);
        Self {
            settings: settings.clone(),
            server: Arc::new(Server::new(caller, &settings.url)),
            rng,
        }
    }

    fn caller(&self) -> &Caller {
        &self.server.caller
    }

    async fn whole(
        &self,
        ask: &ImageAsk,
        observe: Observe<'_>,
    ) -> Result<Vec<Made>, GenerationError> {
        let workflow = workflow::workflow(&self.settings, ask).await;
        let workflow = workflow.map_err(|what| {
            GenerationError::refused(format!("the file of `generation.comfyui.workflow` {what}"))
        })?;
        let mut attempts = self.caller().attempts();
        loop {
            match self.once(&workflow, ask, observe).await {
                Ok(made) => return Ok(made),
                Err(error) => attempts.again(error).await?,
            }
        }
    }

    async fn once(
        &self,
        workflow: &Value,
        ask: &ImageAsk,
        observe: Observe<'_>,
    ) -> Result<Vec<Made>, GenerationError> {
        tell(observe, 0.0, "ask", "Asking for the picture")?;
        let client = format!("{:032x}", u128::from_le_bytes(self.rng.bytes()));
        // Before the question, so that no news of it is missed.
        let socket = self.server.listen(&client).await;
        let id = self.server.ask(workflow, &client).await?;
        let mut question = Question {
            server: Arc::clone(&self.server),
            id,
            answered: false,
        };
        let ended = self.follow(&question.id, socket, workflow, observe).await?;
        question.answered = true;
        match ended {
            Ended::Well(places) => self.read(&places, ask, observe).await,
            Ended::Failed(failure) => Err(self.failed(&failure)),
        }
    }

    /// Waits for the end of a question, by the news and by asking.
    async fn follow(
        &self,
        question: &str,
        mut socket: Option<Socket>,
        workflow: &Value,
        observe: Observe<'_>,
    ) -> Result<Ended, GenerationError> {
        let mut failures = self.caller().attempts();
        loop {
            if let Some(listening) = &mut socket {
                let limit = self.caller().settings().pause_timeout();
                match tokio::time::timeout(limit, listening.next()).await {
                    Ok(Some(Ok(Message::Text(text)))) => {
                        match self.hear(&text, question, workflow, observe)? {
                            Heard::GoOn => continue,
                            // The answer may be a moment behind the news of it.
                            Heard::Done => socket = None,
                            Heard::Failed(failure) => return Ok(Ended::Failed(failure)),
                        }
                    }
                    Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) => socket = None,
                    Ok(Some(Ok(_))) => continue, // previews, pings
                    Err(_) => {}                 // silent: ask
                }
            } else {
                tokio::time::sleep(Duration::from_millis(self.settings.poll_ms)).await;
            }
            match self.look(question).await {
                Ok(Some(ended)) => return Ok(ended),
                Ok(None) => {
                    failures = self.caller().attempts();
                    tell(observe, 0.0, "wait", "Waiting for the picture")?;
                }
                Err(Looked::Lost) => {
                    let what = "no longer knows the question; it may have been restarted";
                    return Err(self.caller().retry(what));
                }
                Err(Looked::Failed(error)) => failures.again(error).await?,
            }
        }
    }

    /// Asks how a question stands; `None` where it is still in the queue.
    async fn look(&self, question: &str) -> Result<Option<Ended>, Looked> {
        if let Some(ended) = self.server.ended(question).await? {
            return Ok(Some(ended));
        }
        if self.server.has(question).await? {
            return Ok(None);
        }
        // It may have ended between the two.
        match self.server.ended(question).await? {
            Some(ended) => Ok(Some(ended)),
            None => Err(Looked::Lost),
        }
    }

    fn hear(
        &self,
        message: &str,
        question: &str,
        workflow: &Value,
        observe: Observe<'_>,
    ) -> Result<Heard, GenerationError> {
        match news::read(message, question) {
            News::Queue(waiting) => {
                tell(observe, 0.0, "queue", format!("{waiting} in the queue"))?;
            }
            News::Begun => tell(observe, 0.05, "begin", "The workflow has begun")?,
            News::Node(node) => {
                let class = workflow::class_of(workflow, &node);
                tell(observe, 0.05, "node", format!("{class} is at work"))?;
            }
            News::Steps { done, of } => {
                let message = format!("Step {done} of {of}");
                tell(observe, 0.05 + 0.85 * done / of, "sample", message)?;
            }
            News::Done => return Ok(Heard::Done),
            News::Failed(failure) => return Ok(Heard::Failed(failure)),
            News::Interrupted => {
                let message = "was told by somebody else to stop this";
                return Err(self.caller().refused(message));
            }
            News::Other => {}
        }
        Ok(Heard::GoOn)
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
        places: &[Place],
        ask: &ImageAsk,
        observe: Observe<'_>,
    ) -> Result<Vec<Made>, GenerationError> {
        let wanted = usize::try_from(ask.batch).unwrap_or(1);
        if places.len() < wanted {
            let what = format!(
                "made {} of {wanted} pictures; the workflow's place for their number is {{{{batch}}}}",
                places.len()
            );
            return Err(self.caller().refused(&what));
        }
        let mut made = Vec::with_capacity(wanted);
        for (number, place) in places.iter().take(wanted).enumerate() {
            let share = 0.9 + 0.1 * number as f64 / wanted as f64;
            let message = format!("Reading picture {} of {wanted}", number + 1);
            tell(observe, share, "read", message)?;
            let bytes = self.server.view(place).await?;
            let picture = picture::look(&bytes).ok_or_else(|| {
                let what = "answered with what is no picture";
                self.caller().retry(what)
            })?;
            made.push(Made {
                bytes,
                media_type: picture.media_type,
                text: None,
                seed: ask.seed,
                details: json!({
                    "checkpoint": self.settings.checkpoint,
                    "steps": ask.steps.unwrap_or(self.settings.steps),
                    "guidance": ask.guidance.unwrap_or(self.settings.guidance),
                    "width": picture.width,
                    "height": picture.height,
                }),
            });
        }
        Ok(made)
    }
}

/// What a message of the socket comes to.
enum Heard {
    GoOn,
    Done,
    Failed(Failure),
}

/// Why a question cannot be looked at.
enum Looked {
    /// The server does not have it.
    Lost,
    Failed(GenerationError),
}

impl From<GenerationError> for Looked {
    fn from(error: GenerationError) -> Self {
        Self::Failed(error)
    }
}

impl Generator for ComfyUi {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn media(&self) -> &'static [Medium] {
        Self::MEDIA
    }

    fn generate<'a>(
        &'a self,
        ask: &'a Ask,
        _subject: &'a Subject,
        observe: Observe<'a>,
    ) -> BoxFuture<'a, Result<Vec<Made>, GenerationError>> {
        let work = async move {
            match ask {
                Ask::Image(image) => {
                    let whole = self.whole(image, observe);
                    self.caller().within_total(whole).await
                }
                Ask::Text(_) => Err(GenerationError::refused("ComfyUI makes pictures alone")),
            }
        };
        work.boxed()
    }
}
