//! Settings: the documented defaults of `marquee.default.toml`, then a file, then `MARQUEE_*`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// The text of the defaults, which documents each setting.
pub const DEFAULTS: &str = include_str!("../../marquee.default.toml");

/// The file that is read when none is named.
const USUAL_FILE: &str = "marquee.toml";

/// All settings. What each means stands in `marquee.default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "marquee.default.toml documents each setting once"
)]
pub struct Settings {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    pub schemas: Vec<SchemaName>,
    pub log_format: LogFormat,
    pub log: String,
    pub database: Database,
    pub http: Http,
    pub graphql: Graphql,
    pub auth: Auth,
    pub recommendations: Recommendations,
    pub training: Training,
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
#[expect(
    missing_docs,
    reason = "marquee.default.toml documents each setting once"
)]
pub struct Database {
    pub url: SecretString,
    pub rw_url: SecretString,
    pub ro_url: SecretString,
    pub rw_connections: u32,
    pub ro_connections: u32,
    pub acquire_timeout_ms: u64,
    pub statement_timeout_ms: u64,
    pub idle_in_transaction_timeout_ms: u64,
}

/// The HTTP face.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "marquee.default.toml documents each setting once"
)]
pub struct Http {
    pub cors_origins: Vec<String>,
    pub max_body_bytes: usize,
    pub request_timeout_seconds: u64,
    pub graphiql: bool,
    pub introspection: bool,
    pub drain_seconds: u64,
}

/// Limits of one GraphQL document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "marquee.default.toml documents each setting once"
)]
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
}

/// Passwords and tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "marquee.default.toml documents each setting once"
)]
pub struct Auth {
    pub signing_keys: Vec<SecretString>,
    pub issuer: String,
    pub access_token_minutes: u32,
    pub refresh_token_days: u32,
    pub min_password_length: usize,
    pub open_registration: bool,
    pub backoff_after_account: u32,
    pub backoff_after_address: u32,
    pub backoff_max_seconds: u64,
    pub argon2_memory_kib: u32,
    pub argon2_passes: u32,
    pub argon2_lanes: u32,
}

/// Lists.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "marquee.default.toml documents each setting once"
)]
pub struct Recommendations {
    pub batch_size: usize,
    pub list_length: usize,
}

/// The collaborative model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "marquee.default.toml documents each setting once"
)]
pub struct Training {
    pub factors: usize,
    pub sweeps: usize,
    pub regularisation: f32,
    pub unobserved_weight: f32,
    pub regularisation_exponent: f32,
    pub initial_deviation: f32,
    pub seed: u64,
}

/// The name of a database schema that Marquee serves: 1 to 40 lower-case letters, digits and
/// underscores, a letter first, and none of Postgres' own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct SchemaName(String);

impl SchemaName {
    /// The name as text; safe inside a quoted SQL identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for SchemaName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SchemaName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let good = (1..=40).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(letters)
            && !text.starts_with("pg_")
            && text != "public"
            && text != "information_schema";
        good.then(|| Self(text.to_owned())).ok_or_else(|| {
            format!(
                "`{text}` cannot name a schema: use 1 to 40 lower-case letters, digits and \
                 underscores, a letter first, and not `public`, `information_schema` or `pg_…`"
            )
        })
    }
}

impl TryFrom<String> for SchemaName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl Settings {
    /// The defaults alone.
    ///
    /// # Panics
    /// Never: a test reads them.
    pub fn defaults() -> Self {
        Figment::from(Toml::string(DEFAULTS))
            .extract()
            .expect("marquee.default.toml is part of the program and a test reads it")
    }

    /// Reads the defaults, the file (`file`, or `marquee.toml` in the working folder if it is
    /// there), then the environment, and checks them.
    ///
    /// # Errors
    /// A sentence that names the setting and says what to do.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut figment = Figment::new().merge(Toml::string(DEFAULTS));
        if let Some(file) = file {
            anyhow::ensure!(
                file.is_file(),
                "there is no settings file at {}",
                file.display()
            );
            figment = figment.merge(Toml::file_exact(file));
        } else if Path::new(USUAL_FILE).is_file() {
            figment = figment.merge(Toml::file_exact(USUAL_FILE));
        }
        figment = figment
            // Names that scripts and other commands use, and that are no settings.
            .merge(
                Env::prefixed("MARQUEE_")
                    .ignore(&["config", "test_database_url", "test_database_url_16", "test_data"])
                    .filter(|name| !name.as_str().starts_with("postgres_"))
                    .split("__"),
            );
        if let Some(url) = std::env::var_os("DATABASE_URL") {
            let url = url
                .into_string()
                .map_err(|_| anyhow::anyhow!("DATABASE_URL is not UTF-8"))?;
            figment = figment.merge(("database.url", url));
        }
        let settings: Self = figment.extract().map_err(|error| explain(&error))?;
        settings.check()?;
        Ok(settings)
    }

    /// The schema that `/graphql` serves.
    pub fn default_schema(&self) -> &SchemaName {
        &self.schemas[0]
    }

    /// Whether the program runs a Postgres of its own.
    pub fn private_database(&self) -> bool {
        self.database.url.expose_secret().is_empty()
    }

    fn check(&self) -> anyhow::Result<()> {
        let distinct: std::collections::BTreeSet<_> = self.schemas.iter().collect();
        anyhow::ensure!(
            !self.schemas.is_empty() && distinct.len() == self.schemas.len(),
            "`schemas` needs at least one name, and each name once"
        );
        let database = &self.database;
        for (name, url) in [
            ("url", &database.url),
            ("rw_url", &database.rw_url),
            ("ro_url", &database.ro_url),
        ] {
            let url = url.expose_secret();
            anyhow::ensure!(
                url.is_empty()
                    || url.starts_with("postgres://")
                    || url.starts_with("postgresql://"),
                "`database.{name}` must be a URL that begins with postgres://"
            );
        }
        let roles_only = !database.rw_url.expose_secret().is_empty()
            || !database.ro_url.expose_secret().is_empty();
        anyhow::ensure!(
            !(self.private_database() && roles_only),
            "`database.rw_url` and `database.ro_url` go with `database.url`; set that too"
        );
        anyhow::ensure!(
            (1..=3000).contains(&database.acquire_timeout_ms),
            "`database.acquire_timeout_ms` must be between 1 and 3000"
        );
        anyhow::ensure!(
            database.rw_connections >= 2 && database.ro_connections >= 2,
            "`database.rw_connections` and `ro_connections` must be at least 2"
        );
        for origin in &self.http.cors_origins {
            let url = url::Url::parse(origin).ok();
            anyhow::ensure!(
                url.is_some_and(|url| url.origin().ascii_serialization() == *origin),
                "`http.cors_origins`: `{origin}` is not an origin such as https://shop.example"
            );
        }
        let auth = &self.auth;
        anyhow::ensure!(
            self.private_database() || !auth.signing_keys.is_empty(),
            "`auth.signing_keys` needs a key when `database.url` is set: \
             MARQUEE_AUTH__SIGNING_KEYS='[\"first:<32 or more random characters>\"]'"
        );
        anyhow::ensure!(
            (1..=1440).contains(&auth.access_token_minutes)
                && (1..=3650).contains(&auth.refresh_token_days),
            "`auth.access_token_minutes` must be 1 to 1440 and `auth.refresh_token_days` 1 to 3650"
        );
        anyhow::ensure!(
            (8..=128).contains(&auth.min_password_length),
            "`auth.min_password_length` must be between 8 and 128"
        );
        anyhow::ensure!(
            auth.argon2_memory_kib >= 8 * auth.argon2_lanes.max(1)
                && auth.argon2_passes >= 1
                && auth.argon2_lanes >= 1,
            "`auth.argon2_*`: at least one pass and one lane, and 8 KiB of memory a lane"
        );
        let lists = &self.recommendations;
        anyhow::ensure!(
            (1..=1000).contains(&lists.batch_size) && (1..=5000).contains(&lists.list_length),
            "`recommendations.batch_size` must be 1 to 1000 and `list_length` 1 to 5000"
        );
        let training = &self.training;
        anyhow::ensure!(
            (1..=512).contains(&training.factors)
                && (1..=200).contains(&training.sweeps)
                && training.regularisation > 0.0
                && training.unobserved_weight > 0.0
                && training.initial_deviation > 0.0,
            "`training`: factors 1 to 512, sweeps 1 to 200, the weights above 0"
        );
        Ok(())
    }
}

impl Http {
    /// After how long a request is given up.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_seconds)
    }
}

/// Says which setting is wrong, without its value, which may be a secret.
fn explain(error: &figment::Error) -> anyhow::Error {
    let sentences: Vec<String> = error
        .clone()
        .into_iter()
        .map(|error| {
            let name = match error.path.join(".") {
                name if name.is_empty() => "(all)".to_owned(),
                name => name,
            };
            match &error.kind {
                figment::error::Kind::UnknownField(field, _) => {
                    format!("there is no setting `{field}`; marquee.default.toml lists them all")
                }
                figment::error::Kind::InvalidType(_, expected)
                | figment::error::Kind::InvalidValue(_, expected) => {
                    format!("the setting `{name}` must be {expected}")
                }
                figment::error::Kind::Message(message) => {
                    format!("the setting `{name}`: {message}")
                }
                other => format!("the settings cannot be read: {other}"),
            }
        })
        .collect();
    anyhow::anyhow!(sentences.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults_and(toml: &str) -> anyhow::Result<Settings> {
        let figment = Figment::new()
            .merge(Toml::string(DEFAULTS))
            .merge(Toml::string(toml));
        let settings: Settings = figment.extract().map_err(|error| explain(&error))?;
        settings.check()?;
        Ok(settings)
    }

    #[test]
    fn the_defaults_are_good() {
        let settings = defaults_and("").unwrap();
        assert_eq!(settings.default_schema().as_str(), "app");
        assert!(settings.private_database());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (toml, words) in [
            ("lisen = 1", "no setting `lisen`"),
            ("[auth]\nisuer = 'x'", "no setting `isuer`"),
            ("listen = 'nowhere'", "`listen`"),
            ("schemas = ['app', 'app']", "each name once"),
            ("schemas = ['App']", "cannot name a schema"),
            ("schemas = ['pg_catalog']", "cannot name a schema"),
            ("[database]\nurl = 'mysql://x'", "postgres://"),
            ("[database]\nrw_url = 'postgres://x'", "database.url"),
            ("[database]\nurl = 'postgres://x'", "signing_keys"),
            ("[database]\nacquire_timeout_ms = 9000", "3000"),
            ("[http]\ncors_origins = ['https://a.example/']", "origin"),
        ] {
            let error = defaults_and(toml).unwrap_err().to_string();
            assert!(error.contains(words), "{toml}: {error}");
        }
    }
}
