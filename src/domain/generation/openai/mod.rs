//! Texts and pictures by a server that speaks `OpenAI`'s interface.
//!
//! Texts are streamed, so that progress is what was really written.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use reqwest::Response;
use reqwest::header::ACCEPT;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::ask::{Ask, ImageAsk, TextAsk};
use super::calls::{Caller, media_type, told};
use super::generator::{GenerationError, Generator, Made, Observe, Subject, tell};
use super::model::Medium;
use super::picture;
use crate::foundation::{Clock, Rng};
use crate::platform::config;
use crate::platform::objects::MediaType;

mod sse;

use sse::Events;

/// Asks a server that speaks `OpenAI`'s interface.
pub struct OpenAi {
    settings: config::OpenAi,
    caller: Caller,
}

impl OpenAi {
    /// The generator's name.
    pub const NAME: &'static str = "openai";
    /// What it makes.
    pub const MEDIA: &'static [Medium] = &[Medium::Text, Medium::Image];

    /// A generator that asks the server of the settings.
    pub fn new(settings: &config::OpenAi, clock: Clock, rng: Rng) -> Self {
        let names = ("the OpenAI server", "generation.openai.key");
        Self {
            settings: settings.clone(),
            caller: Caller::new(names, settings.calls, settings.key.clone(), (clock, rng)),
        }
    }

    fn address(&self, path: &str) -> String {
        format!("{}/{path}", self.settings.url.trim_end_matches('/'))
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Response, GenerationError> {
        let request = self.caller.client()?.post(self.address(path));
        let request = self.caller.signed(request).json(body);
        let request = request.header(ACCEPT, "text/event-stream, application/json");
        self.caller.send(request).await
    }

    async fn write(&self, ask: &TextAsk, observe: Observe<'_>) -> Result<Made, GenerationError> {
        tell(observe, 0.0, "ask", "Asking for the text")?;
        let mut messages = Vec::new();
        if let Some(system) = &ask.system {
            messages.push(json!({ "role": "system", "content": system }));
        }
        messages.push(json!({ "role": "user", "content": ask.prompt }));
        let mut body = json!({
            "model": self.settings.text_model,
            "messages": messages,
            "max_tokens": ask.max_tokens,
            "temperature": ask.temperature,
            "stream": true,
        });
        if let Some(seed) = ask.seed {
            body["seed"] = seed.into();
        }
        let response = self.post("chat/completions", &body).await?;
        let written = match media_type(&response).as_str() {
            "text/event-stream" => self.read_stream(response, ask.max_tokens, observe).await?,
            "application/json" => self.read_whole(response).await?,
            other => return Err(self.caller.wrong_type(other)),
        };
        if written.ended.as_deref() == Some("content_filter") {
            return Err(self.caller.refused("does not want to write this"));
        }
        if written.text.trim().is_empty() {
            return Err(self.caller.retry("answered with an empty text"));
        }
        let model = written.model.as_ref();
        Ok(Made {
            bytes: Bytes::from(written.text.clone()),
            media_type: MediaType::Text,
            text: Some(written.text),
            seed: ask.seed,
            details: json!({
                "model": model.unwrap_or(&self.settings.text_model),
                "finishReason": written.ended,
            }),
        })
    }

    /// Reads a streamed answer. Where it ends before it says so, it was cut.
    async fn read_stream(
        &self,
        mut response: Response,
        max_tokens: i32,
        observe: Observe<'_>,
    ) -> Result<Written, GenerationError> {
        let (mut events, mut written) = (Events::default(), Written::default());
        let (mut pieces, mut read) = (0, 0);
        while let Some(chunk) = self.caller.chunk(&mut response).await? {
            read += chunk.len();
            self.caller.bounded(read)?;
            let mut done = false;
            for data in events.feed(&chunk) {
                if data == "[DONE]" {
                    done = true;
                    break;
                }
                pieces += i32::from(self.take(&data, &mut written)?);
            }
            // About a token a piece; the text may end long before the most that it may have.
            let share = f64::from(pieces) / f64::from(max_tokens.max(1));
            let letters = written.text.chars().count();
            let message = format!("{letters} characters written");
            tell(observe, (0.95 * share).min(0.95), "write", message)?;
            if done {
                return Ok(written);
            }
        }
        match written.ended {
            Some(_) => Ok(written),
            None => Err(self.caller.retry("broke off in the middle of the text")),
        }
    }

    /// Takes one event of a stream; whether it had text.
    fn take(&self, data: &str, written: &mut Written) -> Result<bool, GenerationError> {
        let event: Value = serde_json::from_str(data).map_err(|_| self.caller.garbage())?;
        if !event["error"].is_null() {
            let said = told(&event).unwrap_or("an error without a message");
            return Err(self.caller.retry(&format!("failed: {said}")));
        }
        let event: Piece = serde_json::from_value(event).map_err(|_| self.caller.garbage())?;
        written.model = event.model.or(written.model.take());
        let Some(choice) = event.choices.into_iter().next() else {
            return Ok(false); // figures about usage
        };
        written.ended = choice.finish_reason.or(written.ended.take());
        let text = choice.delta.content.unwrap_or_default();
        written.text.push_str(&text);
        Ok(!text.is_empty())
    }

    /// Reads an answer of a server that does not stream.
    async fn read_whole(&self, response: Response) -> Result<Written, GenerationError> {
        let answer: Whole = self.caller.json(response).await?;
        let choice = answer.choices.into_iter().next();
        let choice = choice.ok_or_else(|| self.caller.garbage())?;
        Ok(Written {
            text: choice.message.content.unwrap_or_default(),
            model: answer.model,
            ended: choice.finish_reason,
        })
    }

    async fn paint(
        &self,
        ask: &ImageAsk,
        observe: Observe<'_>,
    ) -> Result<Vec<Made>, GenerationError> {
        tell(observe, 0.05, "ask", "Waiting for the picture")?;
        // The interface has no place for what shall not be seen.
        let negative = ask.negative.as_deref().unwrap_or_default().trim();
        let prompt = match negative {
            "" => ask.prompt.clone(),
            negative => format!("{}\n\nDo not show: {negative}", ask.prompt),
        };
        let mut body = json!({
            "model": self.settings.image_model,
            "prompt": prompt,
            "n": ask.batch,
            "size": format!("{}x{}", ask.width, ask.height),
        });
        if !self.settings.image_format.is_empty() {
            body["response_format"] = self.settings.image_format.as_str().into();
        }
        let response = self.post("images/generations", &body).await?;
        let answer: Pictures = self.caller.json(response).await?;
        let wanted = usize::try_from(ask.batch).unwrap_or(1);
        if answer.data.len() < wanted {
            let what = format!("made {} of {wanted} pictures", answer.data.len());
            return Err(self.caller.retry(&what));
        }
        let mut made = Vec::with_capacity(wanted);
        for (place, picture) in answer.data.into_iter().take(wanted).enumerate() {
            let share = 0.8 + 0.2 * place as f64 / wanted as f64;
            let message = format!("Reading picture {} of {wanted}", place + 1);
            tell(observe, share, "read", message)?;
            made.push(self.read_picture(picture).await?);
        }
        Ok(made)
    }

    async fn read_picture(&self, painted: Painted) -> Result<Made, GenerationError> {
        let bytes = match (painted.b64_json, painted.url) {
            (Some(text), _) => BASE64_STANDARD
                .decode(text.trim())
                .map(Bytes::from)
                .map_err(|_| self.caller.garbage())?,
            (None, Some(url)) => self.fetch(&url).await?,
            (None, None) => return Err(self.caller.garbage()),
        };
        let picture = picture::look(&bytes);
        let picture =
            picture.ok_or_else(|| self.caller.retry("answered with what is no picture"))?;
        Ok(Made {
            bytes,
            media_type: picture.media_type,
            text: None,
            // The interface takes none.
            seed: None,
            details: json!({
                "model": self.settings.image_model,
                "revisedPrompt": painted.revised_prompt,
                "width": picture.width,
                "height": picture.height,
            }),
        })
    }

    /// Fetches a picture from where the answer says; with the key from the same server alone.
    async fn fetch(&self, address: &str) -> Result<Bytes, GenerationError> {
        let base = Url::parse(&self.settings.url).map_err(|_| self.caller.garbage())?;
        let url = base.join(address).map_err(|_| self.caller.garbage())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(self.caller.garbage());
        }
        let own = url.origin() == base.origin();
        let request = self.caller.client()?.get(url);
        let request = if own {
            self.caller.signed(request)
        } else {
            request
        };
        let response = self.caller.send(request).await?;
        self.caller.bytes(response).await
    }

    async fn whole(&self, ask: &Ask, observe: Observe<'_>) -> Result<Vec<Made>, GenerationError> {
        let mut attempts = self.caller.attempts();
        loop {
            let done = match ask {
                Ask::Text(text) => self.write(text, observe).await.map(|made| vec![made]),
                Ask::Image(image) => self.paint(image, observe).await,
            };
            match done {
                Ok(made) => return Ok(made),
                Err(error) => attempts.again(error).await?,
            }
        }
    }
}

impl Generator for OpenAi {
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
        self.caller.within_total(self.whole(ask, observe)).boxed()
    }
}

/// What was written so far.
#[derive(Default)]
struct Written {
    text: String,
    model: Option<String>,
    ended: Option<String>,
}

#[derive(Deserialize)]
struct Piece {
    model: Option<String>,
    #[serde(default)]
    choices: Vec<PieceChoice>,
}

#[derive(Deserialize)]
struct PieceChoice {
    #[serde(default)]
    delta: Message,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Message {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Whole {
    model: Option<String>,
    choices: Vec<WholeChoice>,
}

#[derive(Deserialize)]
struct WholeChoice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Pictures {
    data: Vec<Painted>,
}

#[derive(Deserialize)]
struct Painted {
    b64_json: Option<String>,
    url: Option<String>,
    revised_prompt: Option<String>,
}
