//! All settings, by the names that `marquee.default.toml` has for them.
#![expect(
    missing_docs,
    reason = "marquee.default.toml documents each setting once"
)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Competition, ExternalIds, Generation, Objects, SchemaName};

/// All settings. What each means stands in `marquee.default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    pub schemas: Vec<SchemaName>,
    pub log_format: LogFormat,
    pub log: String,
    pub database: Database,
    pub http: Http,
    pub graphql: Graphql,
    pub limits: Limits,
    pub push: Push,
    pub auth: Auth,
    pub recommendations: Recommendations,
    pub blend: Blend,
    pub search: Search,
    pub training: Training,
    pub redis: Redis,
    pub cache: Cache,
    pub embeddings: Embeddings,
    pub jobs: Jobs,
    pub schedules: Schedules,
    pub slates: Slates,
    pub models: Models,
    pub promotion: Promotion,
    pub retention: Retention,
    pub objects: Objects,
    pub generation: Generation,
    pub imports: Imports,
    pub competition: Competition,
    pub external_ids: ExternalIds,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The database and its pools.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub url: SecretString,
    pub listen_url: SecretString,
    pub rw_url: SecretString,
    pub ro_url: SecretString,
    pub replica_lag_seconds: u32,
    pub rw_connections: u32,
    pub ro_connections: u32,
    pub anonymous_share: f64,
    pub acquire_timeout_ms: u64,
    pub statement_timeout_ms: u64,
    pub idle_in_transaction_timeout_ms: u64,
}

/// The HTTP face.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub cors_origins: Vec<String>,
    pub cors_localhost: bool,
    pub trust_forwarded: bool,
    pub trusted_proxies: Vec<String>,
    pub forwarded_header: ForwardedHeader,
    pub max_body_bytes: usize,
    pub request_timeout_seconds: u64,
    pub public_max_age_seconds: u64,
    pub graphiql: GraphiqlAccess,
    pub introspection: bool,
    pub drain_seconds: u64,
}

/// The header in which proxies tell whom they were called by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`: addresses alone.
    #[default]
    XForwardedFor,
    /// `Forwarded`: RFC 7239.
    Forwarded,
}

/// Who may use GraphiQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GraphiqlAccess {
    /// Everybody, with the demo and where only this machine can reach the server; else nobody.
    #[default]
    Auto,
    /// Nobody: there is no page.
    Off,
    /// Whoever signs in on the page as an admin.
    Admins,
    /// Everybody.
    On,
}

impl<'de> Deserialize<'de> for GraphiqlAccess {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// The setting was a boolean once.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Switch(bool),
            Word(String),
        }
        match Written::deserialize(deserializer) {
            Ok(Written::Switch(true)) => return Ok(Self::On),
            Ok(Written::Switch(false)) => return Ok(Self::Off),
            Ok(Written::Word(word)) => match word.as_str() {
                "auto" => return Ok(Self::Auto),
                "off" => return Ok(Self::Off),
                "admins" => return Ok(Self::Admins),
                "on" => return Ok(Self::On),
                _ => {}
            },
            Err(_) => {}
        }
        let message = "`http.graphiql` is one of \"auto\", \"off\", \"admins\" and \"on\"";
        Err(serde::de::Error::custom(message))
    }
}

/// Limits of one GraphQL document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graphql {
    pub max_source_bytes: usize,
    pub max_tokens: usize,
    pub max_nesting: usize,
    pub max_fields: u32,
    pub max_aliases: u32,
    pub max_directives: u32,
    pub max_depth: u32,
    pub max_root_fields: u32,
    pub max_batch: usize,
    pub max_response_bytes: usize,
    pub automatic_persisted_queries: bool,
    pub trusted_documents: DocumentTrust,
    pub trusted_documents_file: PathBuf,
}

/// How much a client may ask for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub enabled: bool,
    pub max_cost: u64,
    pub user_burst: u64,
    pub user_per_second: u64,
    pub key_burst: u64,
    pub key_per_second: u64,
    pub address_burst: u64,
    pub address_per_second: u64,
    pub sign_in_burst: u64,
    pub sign_in_per_minute: u64,
    pub account_burst: u64,
    pub account_per_minute: u64,
}

/// Which documents are executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DocumentTrust {
    /// All; the manifest of trusted documents is not read.
    Off,
    /// All; those of the manifest may be named.
    Allow,
    /// Those of the manifest, and all for admins.
    Require,
}

/// WebSockets and event streams.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Push {
    pub max_message_bytes: usize,
    pub max_operations: usize,
    pub max_sockets_per_user: usize,
    pub max_without_token_per_address: usize,
    pub max_sockets: usize,
    pub init_timeout_ms: u64,
    pub ping_ms: u64,
    pub heartbeat_ms: u64,
    pub idle_timeout_ms: u64,
}

impl Push {
    /// How long a client may take nothing of what is sent to it: three pings.
    pub fn send_timeout(&self) -> Duration {
        Duration::from_millis(self.ping_ms) * 3
    }
}

/// Passwords and tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    pub signing_keys: Vec<SecretString>,
    pub issuer: String,
    pub access_token_minutes: u32,
    pub access_token_seconds: u32,
    pub refresh_token_days: u32,
    pub refresh_grace_seconds: u32,
    pub min_password_length: usize,
    pub open_registration: bool,
    pub backoff_after_account: u32,
    pub backoff_after_account_in_all: u32,
    pub backoff_max_seconds: u64,
    pub argon2_memory_kib: u32,
    pub argon2_passes: u32,
    pub argon2_lanes: u32,
}

impl Auth {
    /// The lifetime of an access token, in seconds.
    pub fn access_token_lifetime(&self) -> u32 {
        self.access_token_minutes
            .saturating_mul(60)
            .saturating_add(self.access_token_seconds)
    }
}

/// Lists.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recommendations {
    pub batch_size: usize,
    pub list_length: usize,
    pub score_all_up_to: usize,
}

/// How much the sources of lists count.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blend {
    pub learned: bool,
    pub batch: f32,
    pub long_term: f32,
    pub query: f32,
    pub similar: f32,
    pub meaning: f32,
}

/// How queries are read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    pub synonyms: Vec<String>,
}

/// The collaborative model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    pub linear_up_to: usize,
    pub factors: usize,
    pub sweeps: usize,
    pub regularisation: f32,
    pub unobserved_weight: f32,
    pub regularisation_exponent: f32,
    pub initial_deviation: f32,
    pub seed: u64,
    pub keep_versions: usize,
}

/// What several servers share.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    pub url: SecretString,
    pub prefix: String,
    pub timeout_ms: u64,
}

/// What is kept in the process.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    pub memory_mib: u64,
    pub answers: bool,
}

impl Redis {
    /// A client for the address; `None` where none is set.
    ///
    /// # Errors
    /// When the address cannot be read.
    pub fn client(&self) -> anyhow::Result<Option<redis::Client>> {
        let url = self.url.expose_secret();
        if url.is_empty() {
            return Ok(None);
        }
        // What the library says of an address may repeat the password in it.
        let client = redis::Client::open(url).map_err(|_| {
            anyhow::anyhow!(
                "`redis.url` cannot be read; it looks like redis://host:6379, \
                 rediss://user:password@host:6379/0 or redis+unix:///path/to/socket"
            )
        })?;
        Ok(Some(client))
    }
}

/// What items are about, as vectors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embeddings {
    pub source: EmbeddingSource,
    pub dimensions: usize,
    pub model: PathBuf,
    pub sample: usize,
    pub store: VectorStore,
}

/// Where the vectors of items come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmbeddingSource {
    /// Latent semantic analysis of the catalogue.
    Lsa,
    /// A transformer from a local folder.
    Transformer,
    /// Callers only.
    External,
}

/// Where neighbours are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VectorStore {
    /// In the process.
    Memory,
    /// In the database.
    Pgvector,
}

impl Http {
    /// After how long a request is given up.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_seconds)
    }
}

/// Workers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    pub serve_slots: usize,
    pub work_slots: usize,
    pub max_waiting_per_user: u64,
    pub max_waiting_anonymous: u64,
}

/// When which jobs come by themselves: cron patterns, UTC; empty for never.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedules {
    pub training: String,
    pub slate_training: String,
    pub recommendations: String,
    pub statistics: String,
    pub retention: String,
    pub competition_sync: String,
}

/// Where trained models are read from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Models {
    pub strict: bool,
}

/// What a version of a model must come up to before `promoteModel` activates it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    pub days: u32,
    pub max_quality_loss: f64,
    pub max_coverage_loss: f64,
    pub max_latency_ms: u32,
}

/// Slates for the hours of channels.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slates {
    pub checkpoint_every: i32,
    pub keep_versions: usize,
    pub holidays: Vec<String>,
}

/// For how many days things are kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    pub jobs_days: u32,
    pub lists_days: u32,
    pub idempotency_days: u32,
    pub sessions_days: u32,
    pub searches_days: u32,
    pub uploads_days: u32,
}

/// Importing by upload.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imports {
    pub max_upload_bytes: u64,
}
