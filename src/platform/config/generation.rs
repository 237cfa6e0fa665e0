//! Settings of content generators and of the files they make.
#![expect(
    missing_docs,
    reason = "marquee.default.toml documents each setting once"
)]

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

/// Where files are kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objects {
    pub url: String,
    pub public_url: String,
    pub model_backup: bool,
}

/// Content generators.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    pub open_to_users: bool,
    pub openai: OpenAi,
    pub comfyui: ComfyUi,
}

/// A server that speaks OpenAI's interface.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenAi {
    pub url: String,
    pub key: SecretString,
    pub text_model: String,
    pub image_model: String,
    pub image_format: String,
    pub calls: Calls,
}

/// A `ComfyUI` server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComfyUi {
    pub url: String,
    pub key: SecretString,
    pub workflow: PathBuf,
    pub checkpoint: String,
    pub steps: i32,
    pub guidance: f64,
    pub poll_ms: u64,
    pub calls: Calls,
}

/// How long a generator outside is waited for, and how often it is asked again.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    pub connect_timeout_ms: u64,
    pub first_byte_timeout_ms: u64,
    pub pause_timeout_ms: u64,
    pub total_timeout_ms: u64,
    pub attempts: u32,
    pub backoff_ms: u64,
    pub longest_wait_ms: u64,
    pub max_answer_bytes: usize,
}

impl Calls {
    /// How long a connection may take.
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    /// How long the head of an answer may take.
    pub fn first_byte_timeout(&self) -> Duration {
        Duration::from_millis(self.first_byte_timeout_ms)
    }

    /// How long an answer may pause.
    pub fn pause_timeout(&self) -> Duration {
        Duration::from_millis(self.pause_timeout_ms)
    }

    /// How long a generation may take, all attempts together.
    pub fn total_timeout(&self) -> Duration {
        Duration::from_millis(self.total_timeout_ms)
    }

    /// The longest wait between two attempts.
    pub fn longest_wait(&self) -> Duration {
        Duration::from_millis(self.longest_wait_ms)
    }
}

impl Objects {
    pub(super) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.url.is_empty() || self.url.starts_with("file:///"),
            "`objects.url` must be empty or look like file:///srv/marquee"
        );
        address("objects.public_url", &self.public_url)
    }
}

impl Generation {
    pub(super) fn check(&self) -> anyhow::Result<()> {
        address("generation.openai.url", &self.openai.url)?;
        address("generation.comfyui.url", &self.comfyui.url)?;
        self.openai.calls.check("generation.openai.calls")?;
        self.comfyui.calls.check("generation.comfyui.calls")?;
        for (name, model) in [
            ("text_model", &self.openai.text_model),
            ("image_model", &self.openai.image_model),
        ] {
            anyhow::ensure!(
                self.openai.url.is_empty() || !model.is_empty(),
                "`generation.openai.{name}` needs the name of a model"
            );
        }
        let comfyui = &self.comfyui;
        anyhow::ensure!(
            (1..=150).contains(&comfyui.steps) && (0.0..=30.0).contains(&comfyui.guidance),
            "`generation.comfyui`: steps 1 to 150, guidance 0 to 30"
        );
        anyhow::ensure!(
            (1..=60_000).contains(&comfyui.poll_ms),
            "`generation.comfyui.poll_ms` must be between 1 and 60000"
        );
        let workflow = &comfyui.workflow;
        anyhow::ensure!(
            workflow.as_os_str().is_empty() || workflow.is_file(),
            "`generation.comfyui.workflow` must be a file; there is none at {}",
            workflow.display()
        );
        Ok(())
    }
}

impl Calls {
    fn check(&self, table: &str) -> anyhow::Result<()> {
        for (name, value, least, most) in [
            ("connect_timeout_ms", self.connect_timeout_ms, 1, 600_000),
            (
                "first_byte_timeout_ms",
                self.first_byte_timeout_ms,
                1,
                3_600_000,
            ),
            ("pause_timeout_ms", self.pause_timeout_ms, 1, 3_600_000),
            ("total_timeout_ms", self.total_timeout_ms, 1, 86_400_000),
            ("attempts", self.attempts.into(), 1, 10),
            ("backoff_ms", self.backoff_ms, 1, 60_000),
            ("longest_wait_ms", self.longest_wait_ms, 0, 600_000),
            (
                "max_answer_bytes",
                self.max_answer_bytes as u64,
                1024,
                1 << 30,
            ),
        ] {
            anyhow::ensure!(
                (least..=most).contains(&value),
                "`{table}.{name}` must be between {least} and {most}"
            );
        }
        Ok(())
    }
}

/// The address of a server, or none. A password belongs into a setting of its own, since addresses
/// are logged.
fn address(name: &str, text: &str) -> anyhow::Result<()> {
    let good = |url: &url::Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    anyhow::ensure!(
        text.is_empty() || url::Url::parse(text).is_ok_and(|url| good(&url)),
        "`{name}` must be empty or an address such as https://host:8080/path, \
         without a user, a password and a query"
    );
    Ok(())
}
