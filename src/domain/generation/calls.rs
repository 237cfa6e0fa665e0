//! Calls to generators outside: time-outs, bounded answers, another try where that makes sense.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::DateTime;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use super::generator::GenerationError;
use crate::foundation::{Clock, Rng};
use crate::platform::config;

/// What a server may ask for at most with `Retry-After`.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);
/// How much of what a server says goes into an error, in characters.
const TOLD: usize = 300;
/// How much of an answer that is an error is read, in bytes.
const ERROR_BYTES: usize = 16_384;

/// Calls one server.
pub(super) struct Caller {
    /// What people call the server.
    name: &'static str,
    /// The setting that holds the key.
    key_setting: &'static str,
    client: OnceLock<Client>,
    settings: config::Calls,
    key: SecretString,
    clock: Clock,
    rng: Rng,
}

impl Caller {
    pub(super) fn new(
        (name, key_setting): (&'static str, &'static str),
        settings: config::Calls,
        key: SecretString,
        (clock, rng): (Clock, Rng),
    ) -> Self {
        Self {
            name,
            key_setting,
            client: OnceLock::new(),
            settings,
            key,
            clock,
            rng,
        }
    }

    pub(super) fn settings(&self) -> &config::Calls {
        &self.settings
    }

    pub(super) fn key(&self) -> Option<&str> {
        Some(self.key.expose_secret()).filter(|key| !key.is_empty())
    }

    /// The client, made at the first call: reading the machine's certificates takes a moment.
    pub(super) fn client(&self) -> Result<&Client, GenerationError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // Fails where it is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(self.settings.connect_timeout())
            // A redirect would take the key and the prompt to where no setting says.
            .redirect(Policy::none())
            .user_agent(concat!("marquee/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| GenerationError::retry(format!("no TLS on this machine: {error}")))?;
        Ok(self.client.get_or_init(|| client))
    }

    /// The request with the key, where there is one.
    pub(super) fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        match self.key() {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// Sends a request and answers the response once its head has come, if it is a success.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, GenerationError> {
        let limit = self.settings.first_byte_timeout();
        let sent = tokio::time::timeout(limit, request.send()).await;
        let response = sent
            .map_err(|_| self.retry(&format!("did not answer within {}", seconds(limit))))?
            .map_err(|error| self.retry(&broken(&error)))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.failure(response).await)
    }

    /// The next piece of an answer; `None` at its end.
    pub(super) async fn chunk(
        &self,
        response: &mut Response,
    ) -> Result<Option<Bytes>, GenerationError> {
        let limit = self.settings.pause_timeout();
        tokio::time::timeout(limit, response.chunk())
            .await
            .map_err(|_| self.retry(&format!("was silent for {}", seconds(limit))))?
            .map_err(|error| self.retry(&broken(&error)))
    }

    /// The whole of an answer.
    pub(super) async fn bytes(&self, mut response: Response) -> Result<Bytes, GenerationError> {
        let declared = response.content_length().unwrap_or(0);
        self.bounded(usize::try_from(declared).unwrap_or(usize::MAX))?;
        let mut bytes = BytesMut::new();
        while let Some(chunk) = self.chunk(&mut response).await? {
            self.bounded(bytes.len() + chunk.len())?;
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }

    /// The whole of an answer, which is JSON.
    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        response: Response,
    ) -> Result<T, GenerationError> {
        let kind = media_type(&response);
        if !kind.ends_with("json") {
            return Err(self.wrong_type(&kind));
        }
        let bytes = self.bytes(response).await?;
        serde_json::from_slice(&bytes).map_err(|_| self.garbage())
    }

    /// Refuses an answer of more bytes than the settings allow.
    pub(super) fn bounded(&self, bytes: usize) -> Result<(), GenerationError> {
        let most = self.settings.max_answer_bytes;
        if bytes <= most {
            return Ok(());
        }
        let message = format!("{} answered with more than {most} bytes", self.name);
        Err(GenerationError::refused(message))
    }

    /// What is said of an answer that cannot be read.
    pub(super) fn garbage(&self) -> GenerationError {
        self.retry("answered with what cannot be read")
    }

    /// What is said of an answer of a type that nobody asked for.
    pub(super) fn wrong_type(&self, kind: &str) -> GenerationError {
        let kind = if kind.is_empty() { "no type" } else { kind };
        let message = format!("{} answered with {kind}; check its address", self.name);
        GenerationError::refused(self.clean(&message))
    }

    /// What is said where the server did something that it may do better another time.
    pub(super) fn retry(&self, what: &str) -> GenerationError {
        GenerationError::retry(self.clean(&format!("{} {what}", self.name)))
    }

    /// What is said where the server will not do it.
    pub(super) fn refused(&self, what: &str) -> GenerationError {
        GenerationError::refused(self.clean(&format!("{} {what}", self.name)))
    }

    async fn failure(&self, response: Response) -> GenerationError {
        let status = response.status();
        let after = retry_after(response.headers(), &self.clock);
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let setting = self.key_setting;
            return self.refused(&format!("refuses the key; check `{setting}`"));
        }
        let said = self.said(response).await;
        let what = format!("answered {}{said}", status.as_u16());
        let retry_after_delay = status.is_server_error()
            || matches!(
                status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY
            );
        match self.retry(&what) {
            GenerationError::Retry { message, .. } if retry_after_delay => {
                GenerationError::Retry { message, after }
            }
            _ => self.refused(&what),
        }
    }

    /// What the body of an error says, as `: …`; nothing where it says nothing of use.
    async fn said(&self, mut response: Response) -> String {
        let mut bytes = Vec::new();
        while bytes.len() < ERROR_BYTES {
            match self.chunk(&mut response).await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        let body: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
        let said = body.as_ref().and_then(error_message);
        said.map(|said| format!(": {said}")).unwrap_or_default()
    }

    /// A text from outside as it may stand in an error: short, in one line, without the key.
    fn clean(&self, text: &str) -> String {
        let text = match self.key() {
            Some(key) => text.replace(key, "…"),
            None => text.to_owned(),
        };
        let visible = text.chars().filter(|letter| !letter.is_control());
        visible.take(TOLD).collect()
    }

    /// Counts the attempts of one generation.
    pub(super) fn attempts(&self) -> Attempts<'_> {
        Attempts {
            caller: self,
            failed: 0,
        }
    }

    /// Bounds all attempts together.
    pub(super) async fn within_total<T>(
        &self,
        work: impl Future<Output = Result<T, GenerationError>> + Send,
    ) -> Result<T, GenerationError> {
        let limit = self.settings.total_timeout();
        tokio::time::timeout(limit, work)
            .await
            .unwrap_or_else(|_| Err(self.retry(&format!("took longer than {}", seconds(limit)))))
    }
}

/// How often it went wrong so far.
pub(super) struct Attempts<'a> {
    caller: &'a Caller,
    failed: u32,
}

impl Attempts<'_> {
    /// Waits until the next attempt may begin, or gives the error back where there is none: it is
    /// no use, it was the last, or the wait is one for the queue of jobs.
    pub(super) async fn retry_after_delay(
        &mut self,
        error: GenerationError,
    ) -> Result<(), GenerationError> {
        let GenerationError::Retry { after, .. } = &error else {
            return Err(error);
        };
        self.failed += 1;
        let settings = &self.caller.settings;
        let wait = after.unwrap_or_else(|| self.backoff());
        if self.failed >= settings.attempts || wait > settings.longest_wait() {
            return Err(error);
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Doubles with each failure, between half and one and a half of that, so that many who failed
    /// together do not come back together.
    fn backoff(&self) -> Duration {
        let settings = &self.caller.settings;
        let doubled = settings.backoff_ms.saturating_mul(1 << self.failed.min(16));
        let half = doubled / 4;
        let jitter = self.caller.rng.seed() % (2 * half + 1);
        Duration::from_millis(half + jitter).min(settings.longest_wait())
    }
}

/// The type of an answer, without its parameters, in lower-case letters.
pub(super) fn media_type(response: &Response) -> String {
    let header = response.headers().get(CONTENT_TYPE);
    let text = header.and_then(|header| header.to_str().ok());
    let kind = text.and_then(|text| text.split(';').next());
    kind.unwrap_or_default().trim().to_ascii_lowercase()
}

/// The message of an error in the usual forms: `{"error": {"message": …}}`, `{"error": …}`,
/// `{"message": …}`.
pub(super) fn error_message(body: &serde_json::Value) -> Option<&str> {
    let error = &body["error"];
    [&error["message"], error, &body["message"]]
        .into_iter()
        .find_map(serde_json::Value::as_str)
}

/// `Retry-After`: seconds, or the moment as HTTP writes it.
fn retry_after(headers: &HeaderMap, clock: &Clock) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let moment = DateTime::parse_from_rfc2822(text).ok()?;
            // One that is past is no wait.
            (moment.to_utc() - clock.now()).to_std().unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

/// What went wrong on the way, without the address, which may hold what nobody should read.
fn broken(error: &reqwest::Error) -> String {
    if error.is_connect() {
        "cannot be reached".to_owned()
    } else if error.is_timeout() {
        "took too long".to_owned()
    } else {
        "broke the connection off".to_owned()
    }
}

fn seconds(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(text: &str) -> Option<Duration> {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
        retry_after(&headers, &Clock::stopped(now))
    }

    #[test]
    fn retry_after_is_read_in_both_its_forms_and_bounded() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("Sun, 01 Mar 2026 12:01:30 GMT", Some(90)),
            ("Sun, 01 Mar 2026 11:00:00 GMT", Some(0)),
            ("99999999999", Some(3600)),
            ("Sun, 01 Mar 2099 12:00:00 GMT", Some(3600)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(wait(text), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn waits_double_and_are_never_the_same_for_all() {
        let mut settings = config::Settings::defaults().generation.openai.calls;
        settings.backoff_ms = 1000;
        settings.longest_wait_ms = 60_000;
        let clock = Clock::stopped("2026-03-01T12:00:00Z".parse().unwrap());
        let clock_and_rng = (clock, Rng::seeded(1));
        let caller = Caller::new(("It", "key"), settings, String::new().into(), clock_and_rng);
        let waits = |failed: u32| -> Vec<u128> {
            let attempts = Attempts {
                caller: &caller,
                failed,
            };
            (0..50).map(|_| attempts.backoff().as_millis()).collect()
        };
        for (failed, middle) in [(1, 1000), (2, 2000), (3, 4000)] {
            let waits = waits(failed);
            let (least, most) = (middle / 2, middle * 3 / 2);
            assert!(
                waits.iter().all(|wait| (least..=most).contains(wait)),
                "{waits:?}"
            );
            assert!(waits.iter().any(|wait| wait != &waits[0]));
        }
        assert!(waits(30).iter().all(|wait| *wait <= 60_000));
    }

    #[test]
    fn a_key_is_never_repeated() {
        let settings = config::Settings::defaults().generation.openai.calls;
        let clock = Clock::stopped("2026-03-01T12:00:00Z".parse().unwrap());
        let clock_and_rng = (clock, Rng::seeded(1));
        let caller = Caller::new(
            ("It", "key"),
            settings,
            "sk-123".to_owned().into(),
            clock_and_rng,
        );
        let error = caller
            .refused("does not know sk-123\n\u{1b}[31m!")
            .to_string();
        assert_eq!(error, "It does not know …[31m!");
    }
}
