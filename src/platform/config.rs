//! Settings: the documented defaults of `marquee.default.toml`, then a file, then `MARQUEE_*`.

use std::path::Path;

use figment::Figment;
use figment::providers::{Env, Format};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;

mod check;
mod competition;
mod explain;
mod external_ids;
mod generation;
mod schema_name;
mod settings;

pub use competition::{Competition, GuideSource};
use explain::explain;
pub use external_ids::{CreateUnknown, ExternalIdSettings, ExternalIds};
pub use generation::{Calls, ComfyUi, Generation, Objects, OpenAi};
pub use schema_name::SchemaName;
pub use settings::{
    Auth, Blend, Cache, Database, DocumentTrust, EmbeddingSource, Embeddings, ForwardedHeader,
    GraphiqlAccess, Graphql, Http, Imports, Jobs, LogFormat, Promotion, Push, Recommendations,
    Redis, Retention, Schedules, Search, Settings, Training, VectorStore,
};

/// The text of the defaults, which documents each setting.
pub const DEFAULTS: &str = include_str!("../../marquee.default.toml");

/// The file that is read when none is named.
const USUAL_FILE: &str = "marquee.toml";

/// Settings as TOML.
struct Toml;

impl Format for Toml {
    type Error = toml::de::Error;

    const NAME: &'static str = "TOML";

    fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Self::Error> {
        toml::from_str(text)
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
        let figment = Self::sources(file)?;
        let settings: Self = figment.extract().map_err(|error| explain(&error, file))?;
        settings.check()?;
        Ok(settings)
    }

    /// The defaults, the file and the environment, unread.
    fn sources(file: Option<&Path>) -> anyhow::Result<Figment> {
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
                    .ignore(&[
                        "config",
                        "test_database_url",
                        "test_database_url_16",
                        "test_data",
                        "test_minilm",
                        "test_redis_url",
                    ])
                    .filter(|name| !name.as_str().starts_with("postgres_"))
                    .split("__"),
            );
        for (name, setting) in [("DATABASE_URL", "database.url"), ("REDIS_URL", "redis.url")] {
            if let Some(url) = std::env::var_os(name) {
                let url = url.into_string();
                let url = url.map_err(|_| anyhow::anyhow!("{name} is not UTF-8"))?;
                figment = figment.merge((setting, url));
            }
        }
        Ok(figment)
    }

    /// The format of the log alone, whatever else is wrong with the settings.
    pub fn log_format(file: Option<&Path>) -> LogFormat {
        let read = Self::sources(file).and_then(|figment| Ok(figment.extract_inner("log_format")?));
        // A file that cannot be read says nothing; the environment still does.
        read.unwrap_or_else(|_| match std::env::var("MARQUEE_LOG_FORMAT").as_deref() {
            Ok("json") => LogFormat::Json,
            _ => LogFormat::Text,
        })
    }

    /// The schema that `/graphql` serves.
    pub fn default_schema(&self) -> &SchemaName {
        &self.schemas[0]
    }

    /// Whether the program runs a Postgres of its own.
    pub fn private_database(&self) -> bool {
        self.database.url.expose_secret().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults_and(toml: &str) -> anyhow::Result<Settings> {
        let figment = Figment::new()
            .merge(Toml::string(DEFAULTS))
            .merge(Toml::string(toml));
        let settings: Settings = figment
            .extract()
            .map_err(|error| explain(&error, Some(Path::new("/nowhere"))))?;
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
            (
                "[auth]\nisuer = 'x'",
                "no setting `auth.isuer`; did you mean `auth.issuer`?",
            ),
            ("listen = 'nowhere'", "`listen`"),
            ("schemas = ['app', 'app']", "each name once"),
            ("schemas = ['App']", "cannot name a schema"),
            ("schemas = ['pg_catalog']", "cannot name a schema"),
            ("[database]\nurl = 'mysql://x'", "postgres://"),
            ("[database]\nrw_url = 'postgres://x'", "database.url"),
            ("[database]\nurl = 'postgres://x'", "signing_keys"),
            ("[database]\nacquire_timeout_ms = 9000", "3000"),
            ("[http]\ncors_origins = ['https://a.example/']", "origin"),
            ("[redis]\nurl = 'http://x'", "`redis.url`"),
            ("[redis]\nprefix = 'a b'", "`redis.prefix`"),
            ("[redis]\ntimeout_ms = 0", "`redis.timeout_ms`"),
            ("[cache]\nmemory_mib = 0", "`cache.memory_mib`"),
            ("[push]\nping_ms = 0", "`push.ping_ms`"),
            ("[push]\nmax_operations = 0", "`push.max_operations`"),
            ("[auth]\nargon2_lanes = 600000000", "lanes"),
            ("[auth]\nargon2_memory_kib = 4294967295", "4 GiB"),
            ("[embeddings]\ndimensions = 0", "`embeddings.dimensions`"),
            ("[embeddings]\ndimensions = 513", "`embeddings.dimensions`"),
            ("[embeddings]\nsample = 0", "`embeddings.sample`"),
            ("[embeddings]\nsource = 'magic'", "`embeddings.source"),
            ("[embeddings]\nsource = 'transformer'", "transformers"),
            ("[objects]\nurl = 's3://films'", "`objects.url`"),
            (
                "[objects]\npublic_url = 'films.example'",
                "`objects.public_url`",
            ),
            (
                "[generation.openai]\nurl = 'https://me:secret@a.example'",
                "`generation.openai.url`",
            ),
            (
                "[generation.openai.calls]\nattempts = 0",
                "`generation.openai.calls.attempts`",
            ),
            (
                "[generation.comfyui]\nworkflow = '/nowhere.json'",
                "`generation.comfyui.workflow`",
            ),
            ("[generation.comfyui]\nsteps = 0", "`generation.comfyui`"),
            ("[jobs]\nwork_slots = 0", "`jobs.work_slots`"),
            ("[schedules]\ntraining = 'at night'", "`schedules.training`"),
            ("[retention]\njobs_days = 0", "`retention.jobs_days`"),
            (
                "[imports]\nmax_upload_bytes = 0",
                "`imports.max_upload_bytes`",
            ),
            ("[competition]\nmax_bytes = 0", "`competition.max_bytes`"),
            (
                "[competition]\nsources = [{ name = 'a', url = 'ftp://a.example' }]",
                "`competition.sources`",
            ),
            (
                "[competition]\nsources = [{ name = 'a', url = 'https://a.example', time_zone = 'X' }]",
                "`competition.sources`",
            ),
            (
                "[competition]\nsources = [{ name = 'a', url = 'https://a.example' }, \
                 { name = 'a', url = 'https://b.example' }]",
                "`competition.sources`",
            ),
            (
                "[schedules]\ncompetition_sync = 'at night'",
                "`schedules.competition_sync`",
            ),
            (
                "[http]\nrequest_timeout_seconds = 9223372036854775807",
                "`http.request_timeout_seconds`",
            ),
            (
                "[database]\nstatement_timeout_ms = 0",
                "`database.statement_timeout_ms`",
            ),
        ] {
            let error = defaults_and(toml).unwrap_err().to_string();
            assert!(error.contains(words), "{toml}: {error}");
        }
    }
}
