//! The domain: one module a noun, each with its model, its service and its store.

use std::sync::Arc;

use crate::foundation::{Clock, Rng};
use crate::platform::cache::Cache;
use crate::platform::config::Settings;
use crate::platform::db::Db;
use crate::platform::events::Events;
use crate::platform::objects::Objects;
use crate::platform::secrets::Secrets;

pub mod auth;
pub mod caching;
pub mod content;
pub mod demo;
pub mod embeddings;
pub mod generation;
pub mod imports;
pub mod interactions;
pub mod jobs;
pub mod models;
pub mod monitoring;
pub mod people;
pub mod profiles;
pub mod recommendations;
pub mod schemas;
pub mod search;
pub mod upkeep;
pub mod uploads;
pub mod users;

/// The dependencies of the services of one database schema: database, cache, events, files, clock, random
/// source, settings and keys.
#[derive(Clone)]
pub struct SchemaContext {
    /// The pools of the schema.
    pub db: Db,
    /// The cache of the schema.
    pub cache: Cache,
    /// The events of the schema. Append an event in the transaction of its change.
    pub events: Events,
    /// The object store, shared by all schemas.
    pub objects: Objects,
    /// The clock.
    pub clock: Clock,
    /// The random source.
    pub rng: Rng,
    /// The settings of the whole server.
    pub settings: Arc<Settings>,
    /// The keys that sign access tokens.
    pub secrets: Arc<Secrets>,
}

/// Everything that one schema offers.
pub struct Services {
    /// The catalogue.
    pub content: content::ContentService,
    /// What the cache did, and emptying it.
    pub caching: caching::CachingService,
    /// A small world to look around in.
    pub demo: demo::DemoService,
    /// What items are about, as vectors.
    pub embeddings: embeddings::EmbeddingService,
    /// Making content.
    pub generation: generation::GenerationService,
    /// Trained models.
    pub models: models::ModelService,
    /// Bringing other catalogues and their users in.
    pub imports: imports::ImportService,
    /// People who made it.
    pub people: people::PeopleService,
    /// What users do with content.
    pub interactions: interactions::InteractionService,
    /// Background work.
    pub jobs: jobs::JobService,
    /// What this server is doing.
    pub monitoring: monitoring::MonitoringService,
    /// Which of it comes by itself.
    pub schedules: jobs::Schedules,
    /// Sums, and removing what is old.
    pub upkeep: upkeep::UpkeepService,
    /// Files to be imported.
    pub uploads: uploads::UploadService,
    /// Lists of what to take next.
    pub recommendations: recommendations::RecommendationService,
    /// Finding by words and meaning.
    pub search: search::SearchService,
    /// The schema itself, in numbers.
    pub schema: schemas::SchemaService,
    /// Signing in and out, and API keys.
    pub auth: auth::AuthService,
    /// Users.
    pub users: users::UsersService,
}

impl Services {
    /// The services of one schema.
    pub fn new(ctx: &SchemaContext) -> Self {
        let content = content::ContentService::new(ctx);
        let interactions = interactions::InteractionService::new(ctx, content.clone());
        let auth = auth::AuthService::new(ctx);
        let models = models::ModelService::new(ctx);
        let embeddings = embeddings::EmbeddingService::new(ctx, models.clone());
        let profiles = profiles::ProfileService::new(ctx, interactions.clone(), embeddings.clone());
        let search =
            search::SearchService::new(ctx, content.clone(), embeddings.clone(), profiles.clone());
        let people = people::PeopleService::new(ctx);
        let generation = generation::GenerationService::new(ctx, content.clone(), people.clone());
        let jobs = jobs::JobService::new(ctx, generation.clone());
        let uploads = uploads::UploadService::new(ctx);
        Self {
            caching: caching::CachingService::new(ctx),
            demo: demo::DemoService::new(ctx, auth.clone()),
            imports: imports::ImportService::new(ctx),
            monitoring: monitoring::MonitoringService::new(ctx, jobs.clone()),
            jobs,
            schedules: jobs::Schedules::new(ctx),
            upkeep: upkeep::UpkeepService::new(ctx, uploads.clone(), generation.clone()),
            uploads,
            generation,
            people,
            recommendations: recommendations::RecommendationService::new(
                ctx,
                recommendations::Dependencies {
                    content: content.clone(),
                    interactions: interactions.clone(),
                    models: models.clone(),
                    embeddings: embeddings.clone(),
                    profiles,
                    search: search.clone(),
                },
            ),
            embeddings,
            models,
            search,
            content,
            interactions,
            schema: schemas::SchemaService::new(ctx),
            users: users::UsersService::new(ctx, &auth),
            auth,
        }
    }
}
