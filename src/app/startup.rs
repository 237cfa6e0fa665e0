//! Starting the database, pools, caches and services that a command needs, and closing them in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use secrecy::ExposeSecret;

use crate::domain::schemas::Schemas;
use crate::domain::{SchemaContext, Services};
use crate::foundation::{Clock, Rng};
use crate::platform::cache::Caches;
use crate::platform::cluster::{self, Cluster, ClusterError, Options};
use crate::platform::config::{SchemaName, Settings};
use crate::platform::db::{Db, migrate};
use crate::platform::events::EventListener;
use crate::platform::objects::Objects;
use crate::platform::secrets::Secrets;

/// How a command uses the private database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It starts the database; fails when another process already runs it.
    Own,
    /// It starts the database, or connects to the one that a running server has started.
    Shared,
}

/// A started application: the database, the caches, and the services of every schema.
pub struct App {
    /// The settings.
    pub settings: Arc<Settings>,
    /// Every schema with its services.
    pub schemas: Arc<Schemas>,
    /// The connection URL of the database.
    pub url: String,
    /// The clock.
    pub clock: Clock,
    contexts: BTreeMap<SchemaName, SchemaContext>,
    caches: Caches,
    events: EventListener,
    cluster: Option<Cluster>,
}

impl App {
    /// Starts the private database, or connects to the one that the settings name; migrates it;
    /// opens the pools of every schema.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do.
    pub async fn open(settings: Settings, usage: Use) -> anyhow::Result<Self> {
        let (url, cluster) = database(&settings, usage).await?;
        migrate::run(&url, &settings.schemas, Clock::system().now()).await?;
        Self::assemble(settings, url, cluster).await
    }

    /// Connects to a database that runs, as it is: nothing is started and nothing migrated.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do.
    pub async fn attach(settings: Settings, url: String) -> anyhow::Result<Self> {
        Self::assemble(settings, url, None).await
    }

    /// The services on top of a database.
    async fn assemble(
        settings: Settings,
        url: String,
        cluster: Option<Cluster>,
    ) -> anyhow::Result<Self> {
        let (clock, rng) = (Clock::system(), Rng::system()?);
        let secrets = Arc::new(Secrets::load(&settings, &clock, &rng)?);
        let settings = Arc::new(settings);
        let caches = Caches::open(&settings, clock.clone(), rng.clone())?;
        let events = EventListener::new(match settings.database.listen_url.expose_secret() {
            "" => &url,
            direct => direct,
        })?;
        let objects = Objects::open(&settings.objects, &settings.data_dir)?;
        let mut contexts = BTreeMap::new();
        let mut services = BTreeMap::new();
        for name in &settings.schemas {
            let ctx = SchemaContext {
                db: Db::connect(&settings.database, &url, name).await?,
                cache: caches.of(name),
                events: events.of(name),
                objects: objects.clone(),
                clock: clock.clone(),
                rng: rng.clone(),
                settings: Arc::clone(&settings),
                secrets: Arc::clone(&secrets),
            };
            services.insert(name.clone(), Arc::new(Services::new(&ctx)));
            contexts.insert(name.clone(), ctx);
        }
        let schemas = Schemas::new(settings.default_schema().clone(), services);
        Ok(Self {
            settings,
            schemas: Arc::new(schemas),
            url,
            clock,
            contexts,
            caches,
            events,
            cluster,
        })
    }

    /// The context and the services of the schema `name`, or of the default schema.
    ///
    /// # Errors
    /// When no such schema is served.
    pub fn schema(
        &self,
        name: Option<&SchemaName>,
    ) -> anyhow::Result<(&SchemaContext, &Arc<Services>)> {
        let name = name.unwrap_or(self.schemas.default_name());
        self.contexts
            .get(name)
            .zip(self.schemas.get(name))
            .with_context(|| {
                let served: Vec<&str> =
                    self.schemas.iter().map(|(name, _)| name.as_str()).collect();
                format!(
                    "the schema `{name}` is not served; the setting `schemas` has {}",
                    served.join(", ")
                )
            })
    }

    /// With the setting `models.strict`, refuses active models that the object store has not as they were written.
    ///
    /// # Errors
    /// A sentence that names the schema and every such model.
    pub async fn check_models(&self) -> anyhow::Result<()> {
        if !self.settings.models.strict {
            return Ok(());
        }
        for (schema, services) in self.schemas.iter() {
            let checked = services.models.check_active().await;
            checked.with_context(|| {
                format!(
                    "the schema `{schema}` has an active model that cannot be read, and the setting `models.strict` \
                     does not let the server start without it; activate another version with `marquee model \
                     activate`, or set `models.strict` to false"
                )
            })?;
        }
        Ok(())
    }

    /// Waits until the private database has ended by itself, and says how. Without a private
    /// database it waits for good.
    pub async fn database_ended(&self) -> String {
        match &self.cluster {
            Some(cluster) => cluster.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Writes what waits to be written, tells Redis of the last changes, closes the pools, then
    /// stops the private database.
    pub async fn close(self) {
        for (schema, services) in self.schemas.iter() {
            if let Err(error) = services.search.flush().await {
                tracing::warn!(%schema, ?error, "What was searched for last is not counted");
            }
        }
        self.caches.close().await;
        self.events.close();
        for ctx in self.contexts.values() {
            ctx.db.close().await;
        }
        if let Some(cluster) = self.cluster {
            cluster.stop().await;
        }
    }
}

/// The address of the database, and the private one if this program runs it.
///
/// # Errors
/// When the private database cannot be started, or another program has it.
pub async fn database(
    settings: &Settings,
    usage: Use,
) -> anyhow::Result<(String, Option<Cluster>)> {
    if !settings.private_database() {
        return Ok((settings.database.url.expose_secret().to_owned(), None));
    }
    match Cluster::start(Options::from_environment(&settings.data_dir)).await {
        Ok(cluster) => Ok((cluster.url().to_owned(), Some(cluster))),
        Err(in_use @ ClusterError::InUse { .. }) if usage == Use::Shared => {
            // The server that has it tells where it is, once it is up.
            let url = cluster::running(&settings.data_dir).ok_or(in_use)?;
            Ok((url, None))
        }
        Err(error) => Err(error.into()),
    }
}
