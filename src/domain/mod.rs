//! The domain: one module a noun, each with its model, its service and its store.

use std::sync::Arc;

// What is below has the same names in every crate: `crate::platform`, `crate::domain`.
pub extern crate self as domain;
pub use {engine, foundation, platform};

use crate::foundation::{Clock, Rng};
use crate::platform::cache::Cache;
use crate::platform::config::{ExternalIdSettings, Settings};
use crate::platform::db::Db;
use crate::platform::events::Events;
use crate::platform::objects::Objects;
use crate::platform::secrets::Secrets;

pub mod auth;
pub mod caching;
pub mod channels;
pub mod competition;
pub mod content;
pub mod demo;
pub mod embeddings;
pub mod experiments;
pub mod generation;
pub mod imports;
pub mod interactions;
pub mod job_handler;
pub mod jobs;
pub mod models;
pub mod monitoring;
pub mod people;
pub mod profiles;
pub mod promotion;
pub mod recommendations;
pub mod schemas;
pub mod search;
pub mod slates;
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
    /// Television channels.
    pub channels: channels::ChannelService,
    /// What channels show.
    pub competition: competition::CompetitionService,
    /// What the cache did, and emptying it.
    pub caching: caching::CachingService,
    /// A small world to look around in.
    pub demo: demo::DemoService,
    /// What items are about, as vectors.
    pub embeddings: embeddings::EmbeddingService,
    /// Variants of lists on shares of the users.
    pub experiments: experiments::ExperimentService,
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
    /// Sums, and removing what is old.
    pub upkeep: upkeep::UpkeepService,
    /// Files to be imported.
    pub uploads: uploads::UploadService,
    /// Lists of what to take next.
    pub recommendations: recommendations::RecommendationService,
    /// Finding by words and meaning.
    pub search: search::SearchService,
    /// Films for the hours of channels.
    pub slates: slates::SlateService,
    /// Promotion of versions of models behind checks.
    pub promotion: promotion::PromotionService,
    /// Loading it into memory at the start of a server.
    pub preload: schemas::PreloadService,
    /// The schema itself, in numbers.
    pub schema: schemas::SchemaService,
    /// Signing in and out, and API keys.
    pub auth: auth::AuthService,
    /// Users.
    pub users: users::UsersService,
    /// How callers name users and items by ids of their own.
    pub external_ids: ExternalIdSettings,
}

impl Services {
    /// The services of one schema.
    pub fn new(ctx: &SchemaContext) -> Self {
        let content = content::ContentService::new(ctx);
        let auth = auth::AuthService::new(ctx);
        let users = users::UsersService::new(ctx, &auth);
        let interactions =
            interactions::InteractionService::new(ctx, content.clone(), users.clone());
        let models = models::ModelService::new(ctx);
        let embeddings = embeddings::EmbeddingService::new(ctx, models.clone());
        let profiles = profiles::ProfileService::new(ctx, interactions.clone(), embeddings.clone());
        let search =
            search::SearchService::new(ctx, content.clone(), embeddings.clone(), profiles.clone());
        let people = people::PeopleService::new(ctx);
        let generation = generation::GenerationService::new(ctx, content.clone(), people.clone());
        let uploads = uploads::UploadService::new(ctx);
        let imports = imports::ImportService::new(ctx);
        let upkeep = upkeep::UpkeepService::new(ctx, uploads.clone(), generation.clone());
        let experiments = experiments::ExperimentService::new(ctx, interactions.clone());
        let recommendations = recommendations::RecommendationService::new(
            ctx,
            recommendations::Dependencies {
                content: content.clone(),
                experiments: experiments.clone(),
                interactions: interactions.clone(),
                models: models.clone(),
                embeddings: embeddings.clone(),
                profiles,
                search: search.clone(),
            },
        );
        let channels = channels::ChannelService::new(ctx);
        let slates =
            slates::SlateService::new(ctx, content.clone(), channels.clone(), models.clone());
        let promotion = promotion::PromotionService::new(ctx, models.clone(), slates.clone());
        let registry = job_registry(&JobDependencies {
            embeddings: &embeddings,
            generation: &generation,
            imports: &imports,
            interactions: &interactions,
            recommendations: &recommendations,
            search: &search,
            slates: &slates,
            upkeep: &upkeep,
            uploads: &uploads,
            users: &users,
        });
        let jobs = jobs::JobService::new(ctx, registry);
        let preload = schemas::PreloadService::new(
            ctx.db.schema().clone(),
            ctx.settings.models.strict,
            schemas::preload::PreloadDependencies {
                content: content.clone(),
                search: search.clone(),
                embeddings: embeddings.clone(),
                models: models.clone(),
                recommendations: recommendations.clone(),
                slates: slates.clone(),
            },
        );
        Self {
            channels,
            competition: competition::CompetitionService::new(ctx),
            caching: caching::CachingService::new(ctx),
            demo: demo::DemoService::new(ctx, auth.clone()),
            imports,
            monitoring: monitoring::MonitoringService::new(ctx, jobs.clone()),
            jobs,
            upkeep,
            uploads,
            generation,
            people,
            recommendations,
            embeddings,
            experiments,
            models,
            search,
            slates,
            promotion,
            content,
            interactions,
            preload,
            schema: schemas::SchemaService::new(ctx),
            users,
            auth,
            external_ids: ctx.settings.external_ids.of(ctx.db.schema()),
        }
    }
}

/// The services that handlers of jobs are made of.
struct JobDependencies<'a> {
    embeddings: &'a embeddings::EmbeddingService,
    generation: &'a generation::GenerationService,
    imports: &'a imports::ImportService,
    interactions: &'a interactions::InteractionService,
    recommendations: &'a recommendations::RecommendationService,
    search: &'a search::SearchService,
    slates: &'a slates::SlateService,
    upkeep: &'a upkeep::UpkeepService,
    uploads: &'a uploads::UploadService,
    users: &'a users::UsersService,
}

/// Calls the macro `$with` with the handlers of all kinds of jobs: one line a kind, with the services of
/// [`JobDependencies`] that it is made of. The queue registers the handlers, and the API makes the enum
/// `JobKind` and the input of `createGenerationJob` of their types, in this order.
#[macro_export]
macro_rules! job_handlers {
    ($with:ident) => {
        $with! {
            $crate::domain::generation::jobs::TextJob { generation }
            $crate::domain::generation::jobs::ImageJob { generation }
            $crate::domain::recommendations::jobs::RecommendationsJob { recommendations }
            $crate::domain::recommendations::jobs::TrainingJob { recommendations }
            $crate::domain::recommendations::jobs::EmbeddingsJob { embeddings, recommendations }
            $crate::domain::imports::job::ImportJob { imports, uploads }
            $crate::domain::imports::sync::CompetitionSyncJob { imports }
            $crate::domain::recommendations::jobs::EvaluationJob { recommendations }
            $crate::domain::caching::warming::CacheWarmingJob { search, interactions, recommendations }
            $crate::domain::slates::jobs::SlateTrainingJob { slates }
            $crate::domain::upkeep::erasure::ErasureJob { users, uploads, generation }
            $crate::domain::upkeep::jobs::StatisticsJob { upkeep }
            $crate::domain::upkeep::jobs::RetentionJob { upkeep }
        }
    };
}

/// The handlers of all kinds of jobs.
fn job_registry(services: &JobDependencies) -> jobs::JobRegistry {
    macro_rules! registered {
        ($($handler:path { $($service:ident),* })*) => {
            jobs::JobRegistry::default()
                $(.with({
                    type Handler = $handler;
                    Handler { $($service: services.$service.clone()),* }
                }))*
        };
    }
    job_handlers!(registered)
}
