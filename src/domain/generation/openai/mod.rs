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

use super::calls::{Caller, error_message, media_type};
use super::generator::{
    GenerationError, Generator, GeneratorOutput, ItemSummary, ProgressCallback, report,
};
use super::input::{GeneratorInput, ImageInput, TextInput};
use super::model::MediaKind;
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
    pub const MEDIA: &'static [MediaKind] = &[MediaKind::Text, MediaKind::Image];

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

    async fn generate_text(
        &self,
        input: &TextInput,
        observe: ProgressCallback<'_>,
    ) -> Result<GeneratorOutput, GenerationError> {
        report(observe, 0.0, "ask", "Asking for the text")?;
        let mut messages = Vec::new();
        if let Some(system) = &input.system {
            messages.push(json!({ "role": "system", "content": system }));
        }
        messages.push(json!({ "role": "user", "content": input.prompt }));
        let mut body = json!({
            "model": self.settings.text_model,
            "messages": messages,
            "max_tokens": input.max_tokens,
            "temperature": input.temperature,
            "stream": true,
        });
        if let Some(seed) = input.seed {
            body["seed"] = seed.into();
        }
        let response = self.post("chat/completions", &body).await?;
        let completion = match media_type(&response).as_str() {
            "text/event-stream" => {
                self.read_stream(response, input.max_tokens, observe)
                    .await?
            }
            "application/json" => self.read_response(response).await?,
            other => return Err(self.caller.wrong_type(other)),
        };
        if completion.ended.as_deref() == Some("content_filter") {
            return Err(self.caller.refused("does not want to write this"));
        }
        if completion.text.trim().is_empty() {
            return Err(self.caller.retry("answered with an empty text"));
        }
        let model = completion.model.as_ref();
        Ok(GeneratorOutput {
            bytes: Bytes::from(completion.text.clone()),
            media_type: MediaType::Text,
            text: Some(completion.text),
            seed: input.seed,
            details: json!({
                "model": model.unwrap_or(&self.settings.text_model),
                "finishReason": completion.ended,
            }),
        })
    }

    /// Reads a streamed answer. Where it ends before it says so, it was cut.
    async fn read_stream(
        &self,
        mut response: Response,
        max_tokens: i32,
        observe: ProgressCallback<'_>,
    ) -> Result<PartialCompletion, GenerationError> {
        let (mut events, mut completion) = (Events::default(), PartialCompletion::default());
        let (mut chunks, mut read) = (0, 0);
        while let Some(chunk) = self.caller.chunk(&mut response).await? {
            read += chunk.len();
            self.caller.bounded(read)?;
            let mut done = false;
            for data in events.feed(&chunk) {
                if data == "[DONE]" {
                    done = true;
                    break;
                }
                chunks += i32::from(self.apply(&data, &mut completion)?);
            }
            // About a token a piece; the text may end long before the most that it may have.
            let share = f64::from(chunks) / f64::from(max_tokens.max(1));
            let letters = completion.text.chars().count();
            let message = format!("{letters} characters written");
            report(observe, (0.95 * share).min(0.95), "write", message)?;
            if done {
                return Ok(completion);
            }
        }
        match completion.ended {
            Some(_) => Ok(completion),
            None => Err(self.caller.retry("broke off in the middle of the text")),
        }
    }

    /// Takes one event of a stream; whether it had text.
    fn apply(
        &self,
        data: &str,
        completion: &mut PartialCompletion,
    ) -> Result<bool, GenerationError> {
        let event: Value = serde_json::from_str(data).map_err(|_| self.caller.garbage())?;
        if !event["error"].is_null() {
            let said = error_message(&event).unwrap_or("an error without a message");
            return Err(self.caller.retry(&format!("failed: {said}")));
        }
        let event: CompletionChunk =
            serde_json::from_value(event).map_err(|_| self.caller.garbage())?;
        completion.model = event.model.or(completion.model.take());
        let Some(choice) = event.choices.into_iter().next() else {
            return Ok(false); // figures about usage
        };
        completion.ended = choice.finish_reason.or(completion.ended.take());
        let text = choice.delta.content.unwrap_or_default();
        completion.text.push_str(&text);
        Ok(!text.is_empty())
    }

    /// Reads an answer of a server that does not stream.
    async fn read_response(
        &self,
        response: Response,
    ) -> Result<PartialCompletion, GenerationError> {
        let answer: CompletionResponse = self.caller.json(response).await?;
        let choice = answer.choices.into_iter().next();
        let choice = choice.ok_or_else(|| self.caller.garbage())?;
        Ok(PartialCompletion {
            text: choice.message.content.unwrap_or_default(),
            model: answer.model,
            ended: choice.finish_reason,
        })
    }

    async fn generate_images(
        &self,
        input: &ImageInput,
        observe: ProgressCallback<'_>,
    ) -> Result<Vec<GeneratorOutput>, GenerationError> {
        report(observe, 0.05, "ask", "Waiting for the picture")?;
        // The interface has no place for what shall not be seen.
        let negative = input.negative.as_deref().unwrap_or_default().trim();
        let prompt = match negative {
            "" => input.prompt.clone(),
            negative => format!("{}\n\nDo not show: {negative}", input.prompt),
        };
        let mut body = json!({
            "model": self.settings.image_model,
            "prompt": prompt,
            "n": input.batch,
            "size": format!("{}x{}", input.width, input.height),
        });
        if !self.settings.image_format.is_empty() {
            body["response_format"] = self.settings.image_format.as_str().into();
        }
        let response = self.post("images/generations", &body).await?;
        let answer: ImagesResponse = self.caller.json(response).await?;
        let wanted = usize::try_from(input.batch).unwrap_or(1);
        if answer.data.len() < wanted {
            let what = format!("made {} of {wanted} pictures", answer.data.len());
            return Err(self.caller.retry(&what));
        }
        let mut made = Vec::with_capacity(wanted);
        for (index, picture) in answer.data.into_iter().take(wanted).enumerate() {
            let share = 0.8 + 0.2 * index as f64 / wanted as f64;
            let message = format!("Reading picture {} of {wanted}", index + 1);
            report(observe, share, "read", message)?;
            made.push(self.read_picture(picture).await?);
        }
        Ok(made)
    }

    async fn read_picture(&self, data: ImageData) -> Result<GeneratorOutput, GenerationError> {
        let bytes = match (data.b64_json, data.url) {
            (Some(text), _) => BASE64_STANDARD
                .decode(text.trim())
                .map(Bytes::from)
                .map_err(|_| self.caller.garbage())?,
            (None, Some(url)) => self.fetch(&url).await?,
            (None, None) => return Err(self.caller.garbage()),
        };
        let picture = picture::detect(&bytes);
        let picture =
            picture.ok_or_else(|| self.caller.retry("answered with what is no picture"))?;
        Ok(GeneratorOutput {
            bytes,
            media_type: picture.media_type,
            text: None,
            // The interface takes none.
            seed: None,
            details: json!({
                "model": self.settings.image_model,
                "revisedPrompt": data.revised_prompt,
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

    async fn generate_with_retries(
        &self,
        input: &GeneratorInput,
        observe: ProgressCallback<'_>,
    ) -> Result<Vec<GeneratorOutput>, GenerationError> {
        let mut attempts = self.caller.attempts();
        loop {
            let done = match input {
                GeneratorInput::Text(text) => self
                    .generate_text(text, observe)
                    .await
                    .map(|made| vec![made]),
                GeneratorInput::Image(image) => self.generate_images(image, observe).await,
            };
            match done {
                Ok(made) => return Ok(made),
                Err(error) => attempts.retry_after_delay(error).await?,
            }
        }
    }
}

impl Generator for OpenAi {
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
        self.caller
            .within_total(self.generate_with_retries(input, observe))
            .boxed()
    }
}

/// What was written so far.
#[derive(Default)]
struct PartialCompletion {
    text: String,
    model: Option<String>,
    ended: Option<String>,
}

#[derive(Deserialize)]
struct CompletionChunk {
    model: Option<String>,
    #[serde(default)]
    choices: Vec<ChunkChoice>,
}

#[derive(Deserialize)]
struct ChunkChoice {
    #[serde(default)]
    delta: Message,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Message {
    content: Option<String>,
}

#[derive(Deserialize)]
struct CompletionResponse {
    model: Option<String>,
    choices: Vec<ResponseChoice>,
}

#[derive(Deserialize)]
struct ResponseChoice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct ImagesResponse {
    data: Vec<ImageData>,
}

#[derive(Deserialize)]
struct ImageData {
    b64_json: Option<String>,
    url: Option<String>,
    revised_prompt: Option<String>,
}
