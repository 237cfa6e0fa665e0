//! What settings must hold to, each by itself and together.

use secrecy::ExposeSecret;

use super::{EmbeddingSource, Embeddings, Settings};

impl Settings {
    /// Refuses settings that contradict each other or are out of range.
    ///
    /// # Errors
    /// A sentence that names the setting and says what to do.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let distinct: std::collections::BTreeSet<_> = self.schemas.iter().collect();
        anyhow::ensure!(
            !self.schemas.is_empty() && distinct.len() == self.schemas.len(),
            "`schemas` needs at least one name, and each name once"
        );
        let database = &self.database;
        for (name, url) in [
            ("url", &database.url),
            ("listen_url", &database.listen_url),
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
            || !database.ro_url.expose_secret().is_empty()
            || !database.listen_url.expose_secret().is_empty();
        anyhow::ensure!(
            !(self.private_database() && roles_only),
            "`database.rw_url`, `database.ro_url` and `database.listen_url` go with `database.url`; set that too"
        );
        anyhow::ensure!(
            (1..=3000).contains(&database.acquire_timeout_ms),
            "`database.acquire_timeout_ms` must be between 1 and 3000"
        );
        anyhow::ensure!(
            database.replica_lag_seconds <= 3600,
            "`database.replica_lag_seconds` must be 0 to 3600"
        );
        anyhow::ensure!(
            database.rw_connections >= 2 && database.ro_connections >= 2,
            "`database.rw_connections` and `ro_connections` must be at least 2"
        );
        anyhow::ensure!(
            (0.01..=0.99).contains(&database.anonymous_share),
            "`database.anonymous_share` must be between 0.01 and 0.99"
        );
        let limits = &self.limits;
        for (name, value) in [
            ("max_cost", limits.max_cost),
            ("user_burst", limits.user_burst),
            ("user_per_second", limits.user_per_second),
            ("key_burst", limits.key_burst),
            ("key_per_second", limits.key_per_second),
            ("address_burst", limits.address_burst),
            ("address_per_second", limits.address_per_second),
            ("sign_in_burst", limits.sign_in_burst),
            ("sign_in_per_minute", limits.sign_in_per_minute),
            ("account_burst", limits.account_burst),
            ("account_per_minute", limits.account_per_minute),
        ] {
            anyhow::ensure!(
                (1..=1_000_000_000_000).contains(&value),
                "`limits.{name}` must be between 1 and 10^12"
            );
        }
        anyhow::ensure!(
            limits.max_cost
                <= limits
                    .user_burst
                    .min(limits.key_burst)
                    .min(limits.address_burst),
            "`limits.max_cost` must not be above `limits.user_burst`, `limits.key_burst` and \
             `limits.address_burst`: no request could ever cost that much"
        );
        self.external_ids.check(&self.schemas)?;
        for origin in &self.http.cors_origins {
            let url = url::Url::parse(origin).ok();
            anyhow::ensure!(
                url.is_some_and(|url| url.origin().ascii_serialization() == *origin),
                "`http.cors_origins`: `{origin}` is not an origin such as https://shop.example"
            );
        }
        anyhow::ensure!(
            self.jobs.serve_slots <= 1000,
            "`jobs.serve_slots` must be between 0 and 1000"
        );
        anyhow::ensure!(
            (1..=1000).contains(&self.jobs.work_slots),
            "`jobs.work_slots` must be between 1 and 1000"
        );
        for (name, most) in [
            ("max_waiting_per_user", self.jobs.max_waiting_per_user),
            ("max_waiting_anonymous", self.jobs.max_waiting_anonymous),
        ] {
            anyhow::ensure!(
                most <= 100_000,
                "`jobs.{name}` must be between 0 and 100000"
            );
        }
        let schedules = &self.schedules;
        for (name, pattern) in [
            ("training", &schedules.training),
            ("slate_training", &schedules.slate_training),
            ("recommendations", &schedules.recommendations),
            ("statistics", &schedules.statistics),
            ("retention", &schedules.retention),
            ("competition_sync", &schedules.competition_sync),
        ] {
            let good = pattern.is_empty() || pattern.parse::<croner::Cron>().is_ok();
            anyhow::ensure!(
                good,
                "`schedules.{name}` must be a cron pattern such as \"0 3 * * *\", or empty"
            );
        }
        let slates = &self.slates;
        anyhow::ensure!(
            (1..=1_000_000).contains(&slates.checkpoint_every),
            "`slates.checkpoint_every` must be between 1 and 1000000"
        );
        anyhow::ensure!(
            (1..=1000).contains(&slates.keep_versions),
            "`slates.keep_versions` must be between 1 and 1000"
        );
        for rule in &self.search.synonyms {
            anyhow::ensure!(
                is_synonym_rule(rule),
                "`search.synonyms`: `{rule}` is no rule; write \"sofa, couch\" for words that stand for each other, \
                 or \"trainers => sneakers\", with terms of one to eight words"
            );
        }
        let promotion = &self.promotion;
        anyhow::ensure!(
            (1..=3650).contains(&promotion.days),
            "`promotion.days` must be between 1 and 3650"
        );
        for (name, share) in [
            ("max_quality_loss", promotion.max_quality_loss),
            ("max_coverage_loss", promotion.max_coverage_loss),
        ] {
            anyhow::ensure!(
                (0.0..=1.0).contains(&share),
                "`promotion.{name}` must be between 0 and 1"
            );
        }
        anyhow::ensure!(
            (1..=60_000).contains(&promotion.max_latency_ms),
            "`promotion.max_latency_ms` must be between 1 and 60000"
        );
        for holiday in &slates.holidays {
            // In a leap year, for the last day of February.
            let date = if holiday.len() == 5 {
                format!("2024-{holiday}")
            } else {
                holiday.clone()
            };
            anyhow::ensure!(
                date.parse::<chrono::NaiveDate>()
                    .is_ok_and(|read| read.to_string() == date),
                "`slates.holidays`: `{holiday}` is not a day such as \"12-25\", or \"2026-04-06\" of one year"
            );
        }
        let retention = &self.retention;
        for (name, days) in [
            ("jobs_days", retention.jobs_days),
            ("lists_days", retention.lists_days),
            ("idempotency_days", retention.idempotency_days),
            ("sessions_days", retention.sessions_days),
            ("searches_days", retention.searches_days),
            ("uploads_days", retention.uploads_days),
        ] {
            anyhow::ensure!(
                (1..=36_500).contains(&days),
                "`retention.{name}` must be between 1 and 36500"
            );
        }
        anyhow::ensure!(
            (1..=1 << 50).contains(&self.imports.max_upload_bytes),
            "`imports.max_upload_bytes` must be between 1 and 2^50"
        );
        let auth = &self.auth;
        anyhow::ensure!(
            self.private_database() || !auth.signing_keys.is_empty(),
            "`auth.signing_keys` needs a key when `database.url` is set: \
             MARQUEE_AUTH__SIGNING_KEYS='[\"first:<32 or more random characters>\"]'"
        );
        anyhow::ensure!(
            auth.access_token_seconds <= 59
                && (1..=86_400).contains(&auth.access_token_lifetime())
                && (1..=3650).contains(&auth.refresh_token_days),
            "`auth.access_token_minutes` and `auth.access_token_seconds` (0 to 59) must be 1 second \
             to 1440 minutes together, and `auth.refresh_token_days` must be 1 to 3650"
        );
        anyhow::ensure!(
            auth.refresh_grace_seconds <= 300,
            "`auth.refresh_grace_seconds` must be 0 to 300"
        );
        anyhow::ensure!(
            (8..=128).contains(&auth.min_password_length),
            "`auth.min_password_length` must be between 8 and 128"
        );
        anyhow::ensure!(
            (1..=255).contains(&auth.argon2_lanes)
                && (1..=100).contains(&auth.argon2_passes)
                && (8 * auth.argon2_lanes..=4 << 20).contains(&auth.argon2_memory_kib),
            "`auth.argon2_*`: 1 to 255 lanes, 1 to 100 passes, and memory from 8 KiB a lane to 4 GiB"
        );
        let push = &self.push;
        for (name, value, most) in [
            ("max_message_bytes", push.max_message_bytes, 16 << 20),
            ("max_operations", push.max_operations, 10_000),
            ("max_sockets_per_user", push.max_sockets_per_user, 1_000_000),
            (
                "max_without_token_per_address",
                push.max_without_token_per_address,
                1_000_000,
            ),
            ("max_sockets", push.max_sockets, 1_000_000),
        ] {
            anyhow::ensure!(
                (1..=most).contains(&value),
                "`push.{name}` must be between 1 and {most}"
            );
        }
        // Beyond these, adding a time to the present leaves what a clock can hold, and Postgres
        // refuses its limits.
        for (name, value, least, most) in [
            (
                "auth.backoff_max_seconds",
                auth.backoff_max_seconds,
                1,
                86_400,
            ),
            (
                "database.idle_in_transaction_timeout_ms",
                database.idle_in_transaction_timeout_ms,
                1,
                3_600_000,
            ),
            (
                "database.statement_timeout_ms",
                database.statement_timeout_ms,
                1,
                3_600_000,
            ),
            ("cache.memory_mib", self.cache.memory_mib, 1, 1 << 20),
            ("redis.timeout_ms", self.redis.timeout_ms, 1, 10_000),
            ("push.init_timeout_ms", push.init_timeout_ms, 1, 3_600_000),
            ("push.ping_ms", push.ping_ms, 1, 3_600_000),
            ("push.heartbeat_ms", push.heartbeat_ms, 1, 3_600_000),
            ("push.idle_timeout_ms", push.idle_timeout_ms, 1, 86_400_000),
            ("http.drain_seconds", self.http.drain_seconds, 0, 3_600),
            (
                "http.request_timeout_seconds",
                self.http.request_timeout_seconds,
                1,
                3_600,
            ),
        ] {
            anyhow::ensure!(
                (least..=most).contains(&value),
                "`{name}` must be between {least} and {most}"
            );
        }
        let lists = &self.recommendations;
        anyhow::ensure!(
            (1..=1000).contains(&lists.batch_size) && (1..=5000).contains(&lists.list_length),
            "`recommendations.batch_size` must be 1 to 1000 and `list_length` 1 to 5000"
        );
        self.redis.client()?;
        let prefix = &self.redis.prefix;
        anyhow::ensure!(
            (1..=40).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_graphic()),
            "`redis.prefix` must be 1 to 40 visible ASCII characters"
        );
        let blend = &self.blend;
        for (name, share) in [
            ("batch", blend.batch),
            ("long_term", blend.long_term),
            ("query", blend.query),
            ("similar", blend.similar),
            ("meaning", blend.meaning),
        ] {
            anyhow::ensure!(
                (0.0..=1.0).contains(&share),
                "`blend.{name}` must be between 0 and 1"
            );
        }
        let training = &self.training;
        anyhow::ensure!(
            (1..=100).contains(&training.keep_versions),
            "`training.keep_versions` must be between 1 and 100"
        );
        anyhow::ensure!(
            (1..=512).contains(&training.factors)
                && (1..=200).contains(&training.sweeps)
                && training.regularisation > 0.0
                && training.unobserved_weight > 0.0
                && training.initial_deviation > 0.0,
            "`training`: factors 1 to 512, sweeps 1 to 200, the weights above 0"
        );
        self.embeddings.check()?;
        self.objects.check()?;
        self.competition.check()?;
        self.generation.check()
    }
}

impl Embeddings {
    fn check(&self) -> anyhow::Result<()> {
        let most = match self.source {
            EmbeddingSource::Lsa => 512,
            // The most that an HNSW index of pgvector takes.
            EmbeddingSource::External | EmbeddingSource::Transformer => 2000,
        };
        anyhow::ensure!(
            (1..=most).contains(&self.dimensions),
            "`embeddings.dimensions` must be between 1 and {most} for this source"
        );
        anyhow::ensure!(
            (100..=10_000_000).contains(&self.sample),
            "`embeddings.sample` must be between 100 and 10000000"
        );
        if self.source == EmbeddingSource::Transformer {
            anyhow::ensure!(
                cfg!(feature = "transformers"),
                "`embeddings.source` is \"transformer\", which this program was built without; \
                 build it with `--features transformers`, or take \"lsa\""
            );
            anyhow::ensure!(
                self.model.is_dir(),
                "`embeddings.model` must be the folder of the transformer's model; there is no \
                 folder {}",
                self.model.display()
            );
        }
        Ok(())
    }
}

/// Whether a rule has terms on both sides of an arrow, or two of them.
fn is_synonym_rule(rule: &str) -> bool {
    let terms = |text: &str| -> Option<usize> {
        let terms = text.split(',').map(|term| term.split_whitespace().count());
        let good = terms.clone().all(|words| (1..=8).contains(&words));
        good.then(|| terms.count())
    };
    match rule.split_once("=>") {
        Some((these, those)) => terms(these).is_some() && terms(those).is_some(),
        None => terms(rule).is_some_and(|terms| terms > 1),
    }
}
