//! Experiments: creating, starting, stopping and deleting them, and who gets which variant.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;

use super::assignment::assign;
use super::model::{
    Experiment, ExperimentState, ExperimentVariant, MAX_EXPERIMENTS, NewExperiment, Variant,
};
use super::results::ExperimentResults;
use super::running::RunningExperiments;
use super::store::Store;
use crate::domain::SchemaContext;
use crate::domain::auth::Viewer;
use crate::domain::interactions::{InteractionKind, InteractionService};
use crate::engine::source::Context;
use crate::foundation::page::{Page, Window};
use crate::foundation::{Clock, Error, Id, Refusal, Result, Rng, id};
use crate::platform::cache::Cache;
use crate::platform::db::audit::AuditEntry;
use crate::platform::events::Events;

/// The experiments of one schema. For admins.
#[derive(Clone)]
pub struct ExperimentService {
    pub(super) store: Store,
    pub(super) cache: Cache,
    pub(super) events: Events,
    pub(super) clock: Clock,
    rng: Rng,
    interactions: InteractionService,
    pub(super) running: Arc<RunningExperiments>,
}

impl ExperimentService {
    /// The experiments of the schema of `ctx`.
    pub fn new(ctx: &SchemaContext, interactions: InteractionService) -> Self {
        Self {
            store: Store::new(ctx.db.clone(), ctx.rng.clone()),
            cache: ctx.cache.clone(),
            events: ctx.events.clone(),
            clock: ctx.clock.clone(),
            rng: ctx.rng.clone(),
            interactions,
            running: Arc::default(),
        }
    }

    /// The variant that lists of this context are made with for `user`; `None` where no experiment runs that
    /// covers the context.
    ///
    /// # Errors
    /// When the database fails.
    pub(in crate::domain) async fn variant_of(
        &self,
        user: Id<id::User>,
        context: Context,
    ) -> Result<Option<ExperimentVariant>> {
        let running = self.running().await?;
        let experiment = running.iter().find(|one| one.covers(context));
        Ok(experiment.map(|experiment| {
            let weights = experiment.variants.iter();
            let weights = weights.map(|variant| u32::try_from(variant.weight).unwrap_or(0));
            ExperimentVariant {
                index: assign(experiment.id, user, weights),
                experiment: Arc::clone(experiment),
            }
        }))
    }

    /// The experiments of these ids; none for whoever is no admin.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_many(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::Experiment>],
    ) -> Result<HashMap<Id<id::Experiment>, Experiment>> {
        if !viewer.is_admin() {
            return Ok(HashMap::new());
        }
        let found = self.store.find_many(ids).await?;
        Ok(found.into_iter().map(|one| (one.id, one)).collect())
    }

    /// The variants of these ids, each with its experiment; none for whoever is no admin.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_variants(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::Variant>],
    ) -> Result<HashMap<Id<id::Variant>, ExperimentVariant>> {
        if !viewer.is_admin() {
            return Ok(HashMap::new());
        }
        let mut found = HashMap::with_capacity(ids.len());
        for experiment in self.store.of_variants(ids).await? {
            let experiment = Arc::new(experiment);
            for (index, variant) in experiment.variants.iter().enumerate() {
                if ids.contains(&variant.id) {
                    let experiment = Arc::clone(&experiment);
                    found.insert(variant.id, ExperimentVariant { experiment, index });
                }
            }
        }
        Ok(found)
    }

    /// The experiment of this name, if there is one.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] for all but admins.
    pub async fn by_name(&self, viewer: &Viewer, name: &str) -> Result<Option<Experiment>> {
        viewer.admin()?;
        self.store.by_name(name).await
    }

    /// The experiment of this id, if there is one.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] for all but admins.
    pub async fn by_id(
        &self,
        viewer: &Viewer,
        id: Id<id::Experiment>,
    ) -> Result<Option<Experiment>> {
        viewer.admin()?;
        Ok(self.store.find_many(&[id]).await?.pop())
    }

    /// One page of the experiments, the newest first; of one state, or all.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] for all but admins; [`Refusal::InvalidInput`] for a
    /// cursor of another list.
    pub async fn list(
        &self,
        viewer: &Viewer,
        state: Option<ExperimentState>,
        window: &Window,
    ) -> Result<Page<Experiment>> {
        viewer.admin()?;
        let rows = self.store.list(state, window).await?;
        Ok(Page::cut(window, rows))
    }

    /// How many experiments [`ExperimentService::list`] lists in all.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] for all but admins.
    pub async fn count(&self, viewer: &Viewer, state: Option<ExperimentState>) -> Result<u64> {
        viewer.admin()?;
        self.store.count(state).await
    }

    /// What users did with the lists of these experiments so far; nothing for whoever is no admin. An interaction
    /// is positive where its weight is, by the table in force.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn results(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::Experiment>],
    ) -> Result<HashMap<Id<id::Experiment>, Arc<ExperimentResults>>> {
        if !viewer.is_admin() {
            return Ok(HashMap::new());
        }
        let weights = self.interactions.weights().await?;
        let positive = InteractionKind::ALL.iter().copied();
        let positive = positive.filter(|kind| weights.row(*kind).weight > 0.0);
        let positive: Vec<InteractionKind> = positive.collect();
        let counts = self.store.counts(ids, &positive).await?;
        let experiments = self.store.find_many(ids).await?.into_iter();
        let results = experiments.map(|experiment| {
            let counts = counts.get(&experiment.id);
            let results = ExperimentResults::of(&experiment, counts);
            (experiment.id, Arc::new(results))
        });
        Ok(results.collect())
    }

    /// Creates an experiment, which does not run yet.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] for all but admins; [`Refusal::InvalidInput`] for what
    /// makes no experiment; [`Refusal::Conflict`] for a name that another has, and for more than
    /// [`MAX_EXPERIMENTS`].
    pub async fn create(&self, viewer: &Viewer, mut new: NewExperiment) -> Result<Experiment> {
        viewer.admin()?;
        new.tidy();
        new.check()?;
        if self.store.count(None).await? >= MAX_EXPERIMENTS {
            let message = format!("there are {MAX_EXPERIMENTS} experiments; delete one first");
            return Err(conflict(message));
        }
        let variants = new.variants.into_iter();
        let variants = variants.map(|(name, weight, overrides)| Variant {
            id: Id::new(&self.clock, &self.rng),
            name,
            weight,
            overrides,
        });
        let experiment = Experiment {
            id: Id::new(&self.clock, &self.rng),
            name: new.name,
            state: ExperimentState::Draft,
            contexts: new.contexts,
            variants: variants.collect(),
            created_at: self.clock.now(),
            started_at: None,
            stopped_at: None,
        };
        let entry = entry(viewer, "experiment.create", experiment.id);
        self.store.insert(experiment.clone(), entry).await?;
        Ok(experiment)
    }

    /// Starts an experiment: from the next request on, users get the lists of their variants.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] for all but admins; [`Refusal::NotFound`];
    /// [`Refusal::Conflict`] for one that was started before, and where another runs in one of its contexts.
    pub async fn start(&self, viewer: &Viewer, id: Id<id::Experiment>) -> Result<Experiment> {
        viewer.admin()?;
        let (entry, now) = (entry(viewer, "experiment.start", id), self.clock.now());
        let service = self.clone();
        let then = move || service.changed();
        self.store.start(id, now, entry, then).await
    }

    /// Stops an experiment for good: from the next request on, users get the usual lists.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] for all but admins; [`Refusal::NotFound`];
    /// [`Refusal::Conflict`] for one that does not run.
    pub async fn stop(&self, viewer: &Viewer, id: Id<id::Experiment>) -> Result<Experiment> {
        viewer.admin()?;
        let (entry, now) = (entry(viewer, "experiment.stop", id), self.clock.now());
        let service = self.clone();
        let then = move || service.changed();
        self.store.stop(id, now, entry, then).await
    }

    /// Deletes an experiment that does not run, and with it its results. Its lists remain, without a variant.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] for all but admins; [`Refusal::NotFound`];
    /// [`Refusal::Conflict`] for one that runs.
    pub async fn delete(&self, viewer: &Viewer, id: Id<id::Experiment>) -> Result<()> {
        viewer.admin()?;
        let (entry, now) = (entry(viewer, "experiment.delete", id), self.clock.now());
        self.store.delete(id, now, entry).await
    }
}

fn entry(viewer: &Viewer, action: &'static str, id: Id<id::Experiment>) -> AuditEntry {
    AuditEntry {
        actor: viewer.name(),
        action,
        subject: id.to_string(),
        details: json!({}),
    }
}

/// What is said of an experiment that is not there.
pub(super) fn not_found() -> Error {
    let thing = "experiment";
    Refusal::NotFound { thing }.into()
}

pub(super) fn conflict(message: impl Into<String>) -> Error {
    let message = message.into();
    Refusal::Conflict { message }.into()
}
