//! What Marquee does: one room a noun, each with its model, its service and its store.

use std::sync::Arc;

use crate::foundation::{Chance, Clock};
use crate::platform::config::Settings;
use crate::platform::db::Db;

pub mod auth;
pub mod content;
pub mod imports;
pub mod people;

/// What services stand on: the database of one schema, time, chance and the settings.
#[derive(Clone)]
pub struct Ground {
    /// The pools of the schema.
    pub db: Db,
    /// Tells the time.
    pub clock: Clock,
    /// Gives randomness.
    pub chance: Chance,
    /// The settings of the whole server.
    pub settings: Arc<Settings>,
}

/// Everything that one schema offers.
pub struct Services {
    /// The catalogue.
    pub content: content::ContentService,
    /// Bringing other catalogues and their users in.
    pub imports: imports::ImportService,
    /// People who made it.
    pub people: people::PeopleService,
}

impl Services {
    /// The services of one schema.
    pub fn new(ground: &Ground) -> Self {
        Self {
            content: content::ContentService::new(ground),
            imports: imports::ImportService::new(ground),
            people: people::PeopleService::new(ground),
        }
    }
}
