//! What Marquee does: one room a noun, each with its model, its service and its store.

use std::sync::Arc;

use crate::foundation::{Chance, Clock};
use crate::platform::cache::Cache;
use crate::platform::config::Settings;
use crate::platform::db::Db;
use crate::platform::secrets::Secrets;

pub mod auth;
pub mod caching;
pub mod content;
pub mod demo;
pub mod imports;
pub mod interactions;
pub mod models;
pub mod people;
pub mod recommendations;
pub mod schemas;
pub mod users;

/// What services stand on: the database of one schema, time, chance and the settings.
#[derive(Clone)]
pub struct Ground {
    /// The pools of the schema.
    pub db: Db,
    /// What was computed and is still good, of this schema.
    pub cache: Cache,
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
    /// Trained models.
    pub models: models::ModelService,
    /// Bringing other catalogues and their users in.
    pub imports: imports::ImportService,
    /// People who made it.
    pub people: people::PeopleService,
    /// What users do with content.
    pub interactions: interactions::InteractionService,
    /// Lists of what to take next.
    pub recommendations: recommendations::RecommendationService,
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
        let interactions = interactions::InteractionService::new(ground);
        let auth = auth::AuthService::new(ground);
        Self {
            content: content::ContentService::new(ground),
            caching: caching::CachingService::new(ground),
            demo: demo::DemoService::new(ground, auth.clone()),
            models: models::ModelService::new(ground),
            imports: imports::ImportService::new(ground),
            people: people::PeopleService::new(ground),
            recommendations: recommendations::RecommendationService::new(
                ground,
                interactions.clone(),
            ),
            interactions,
            schema: schemas::SchemaService::new(ground),
            users: users::UsersService::new(ground, &auth),
            auth,
        }
    }
}
