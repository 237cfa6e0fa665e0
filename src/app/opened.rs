//! Opening everything a command needs, and closing it in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use secrecy::ExposeSecret;

use crate::domain::schemas::Schemas;
use crate::domain::{Ground, Services};
use crate::foundation::{Chance, Clock};
use crate::platform::bus::Buses;
use crate::platform::cache::Caches;
use crate::platform::cluster::{self, Cluster, ClusterError, Options};
use crate::platform::config::{SchemaName, Settings};
use crate::platform::db::{Db, migrate};
use crate::platform::objects::Objects;
use crate::platform::secrets::Secrets;

/// Whether a command needs the private database for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It runs the database, and nobody else may.
    Own,
    /// It may use the database that a running server has.
    Shared,
}

/// The database, the services on it, and what they stand on.
pub struct Opened {
    /// The settings.
    pub settings: Arc<Settings>,
    /// Every schema with its services.
    pub schemas: Arc<Schemas>,
    /// Where the database is.
    pub url: String,
    /// Tells the time.
    pub clock: Clock,
    grounds: BTreeMap<SchemaName, Ground>,
    caches: Caches,
    buses: Buses,
    cluster: Option<Cluster>,
}

impl Opened {
    /// Starts the private database, or connects to the one that the settings name; migrates it;
    /// opens the pools of every schema.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do.
    pub async fn open(settings: Settings, usage: Use) -> anyhow::Result<Self> {
        let (url, cluster) = database(&settings, usage).await?;
        let (clock, chance) = (Clock::system(), Chance::system()?);
        let secrets = Arc::new(Secrets::load(&settings, &clock, &chance)?);
        let settings = Arc::new(settings);
        migrate::run(&url, &settings.schemas, clock.now()).await?;
        let caches = Caches::open(&settings, clock.clone(), chance.clone())?;
        let buses = Buses::open(&settings)?;
        let objects = Objects::open(&settings.objects, &settings.data_dir)?;
        let mut grounds = BTreeMap::new();
        let mut services = BTreeMap::new();
        for name in &settings.schemas {
            let ground = Ground {
                db: Db::connect(&settings.database, &url, name).await?,
                cache: caches.of(name),
                bus: buses.of(name),
                objects: objects.clone(),
                clock: clock.clone(),
                chance: chance.clone(),
                settings: Arc::clone(&settings),
                secrets: Arc::clone(&secrets),
            };
            services.insert(name.clone(), Arc::new(Services::new(&ground)));
            grounds.insert(name.clone(), ground);
        }
        let schemas = Schemas::new(settings.default_schema().clone(), services);
        Ok(Self {
            settings,
            schemas: Arc::new(schemas),
            url,
            clock,
            grounds,
            caches,
            buses,
            cluster,
        })
    }

    /// The ground and the services of `name`, or of the default schema.
    ///
    /// # Errors
    /// When no such schema is served.
    pub fn schema(&self, name: Option<&SchemaName>) -> anyhow::Result<(&Ground, &Arc<Services>)> {
        let name = name.unwrap_or(self.schemas.default_name());
        self.grounds
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

    /// Waits until the private database has ended by itself, and says how. Without a private
    /// database it waits for good.
    pub async fn database_ended(&self) -> String {
        match &self.cluster {
            Some(cluster) => cluster.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Writes what waits to be written, tells Redis of the last changes and events, closes the pools, then
    /// stops the private database.
    pub async fn close(self) {
        for (schema, services) in self.schemas.iter() {
            if let Err(error) = services.search.flush().await {
                tracing::warn!(%schema, ?error, "What was searched for last is not counted");
            }
        }
        tokio::join!(self.caches.close(), self.buses.close());
        for ground in self.grounds.values() {
            ground.db.close().await;
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
