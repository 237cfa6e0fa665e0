//! What Marquee does: one room a noun, each with its model, its service and its store.

use std::sync::Arc;

use crate::foundation::{Chance, Clock};
use crate::platform::bus::Bus;
use crate::platform::cache::Cache;
use crate::platform::config::Settings;
use crate::platform::db::Db;
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

/// What services stand on: the database of one schema, time, chance and the settings.
#[derive(Clone)]
pub struct Ground {
    /// The pools of the schema.
    pub db: Db,
    /// What was computed and is still good, of this schema.
    pub cache: Cache,
    /// Tells that something happened in the schema, after it is committed.
    pub bus: Bus,
    /// Files, of all schemas.
    pub objects: Objects,
    /// Tells the time.
    pub clock: Clock,
    /// Gives randomness.
    pub chance: Chance,
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
    pub fn new(ground: &Ground) -> Self {
        let content = content::ContentService::new(ground);
        let interactions = interactions::InteractionService::new(ground, content.clone());
        let auth = auth::AuthService::new(ground);
        let models = models::ModelService::new(ground);
        let embeddings = embeddings::EmbeddingService::new(ground, models.clone());
        let profiles =
            profiles::ProfileService::new(ground, interactions.clone(), embeddings.clone());
        let search = search::SearchService::new(
            ground,
            content.clone(),
            embeddings.clone(),
            profiles.clone(),
        );
        let people = people::PeopleService::new(ground);
        let generation =
            generation::GenerationService::new(ground, content.clone(), people.clone());
        let jobs = jobs::JobService::new(ground, generation.clone());
        let uploads = uploads::UploadService::new(ground);
        let generation =
            generation::GenerationService::new(ground, content.clone(), people.clone());
        Self {
            caching: caching::CachingService::new(ground),
            demo: demo::DemoService::new(ground, auth.clone()),
            imports: imports::ImportService::new(ground),
            monitoring: monitoring::MonitoringService::new(ground, jobs.clone()),
            jobs,
            schedules: jobs::Schedules::new(ground),
            upkeep: upkeep::UpkeepService::new(ground, uploads.clone(), generation.clone()),
            uploads,
            generation,
            people,
            recommendations: recommendations::RecommendationService::new(
                ground,
                recommendations::Rooms {
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
            schema: schemas::SchemaService::new(ground),
            users: users::UsersService::new(ground, &auth),
            auth,
        }
    }
}
