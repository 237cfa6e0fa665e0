//! Experiments in the database.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr,
    EntityTrait, FromQueryResult, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, Select,
    Statement,
};
use uuid::Uuid;

use super::model::{Experiment, ExperimentState, Overrides, Variant};
use super::results::{Counts, VariantCounts};
use super::running::ExperimentsChanged;
use super::service::{conflict, not_found};
use crate::domain::interactions::InteractionKind;
use crate::engine::history::NEUTRAL_STARS;
use crate::foundation::page::Window;
use crate::foundation::{Error, Id, Result, Rng, id};
use crate::platform::db::audit::{self, AuditEntry};
use crate::platform::db::entities::experiment::{Column, Entity, Model};
use crate::platform::db::entities::experiment_variant;
use crate::platform::db::keyset::{Order, ValueKind};
use crate::platform::db::{Db, broken_constraint, filter, stored};
use crate::platform::events;

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
    rng: Rng,
}

impl Store {
    pub(super) fn new(db: Db, rng: Rng) -> Self {
        Self { db, rng }
    }

    /// Those of these experiments that there are, in no order.
    pub(super) async fn find_many(&self, ids: &[Id<id::Experiment>]) -> Result<Vec<Experiment>> {
        let some = Entity::find().filter(filter::among(Column::Id, ids.iter().copied()));
        whole(self.db.read(), some).await
    }

    pub(super) async fn by_name(&self, name: &str) -> Result<Option<Experiment>> {
        let some = Entity::find().filter(Column::Name.eq(name));
        Ok(whole(self.db.read(), some).await?.pop())
    }

    /// The experiments that have one of these variants, in no order.
    pub(super) async fn of_variants(&self, ids: &[Id<id::Variant>]) -> Result<Vec<Experiment>> {
        use experiment_variant::Column as VariantColumn;
        let variants = experiment_variant::Entity::find()
            .filter(filter::among(VariantColumn::Id, ids.iter().copied()))
            .all(self.db.read())
            .await?;
        let ids: Vec<Id<id::Experiment>> = variants
            .into_iter()
            .map(|row| row.experiment_id.into())
            .collect();
        self.find_many(&ids).await
    }

    pub(super) async fn list(
        &self,
        state: Option<ExperimentState>,
        window: &Window,
    ) -> Result<Vec<Experiment>> {
        let order = Order::by("id", Column::Id, Column::Id, ValueKind::Id, false);
        whole(self.db.read(), order.apply(listed(state), window)?).await
    }

    pub(super) async fn count(&self, state: Option<ExperimentState>) -> Result<u64> {
        Ok(listed(state).count(self.db.read()).await?)
    }

    /// The experiments that run, the oldest first; from where they are written.
    pub(super) async fn running(&self) -> Result<Vec<std::sync::Arc<Experiment>>> {
        let running = listed(Some(ExperimentState::Running)).order_by_asc(Column::Id);
        let found = whole(self.db.write(), running).await?;
        Ok(found.into_iter().map(std::sync::Arc::new).collect())
    }

    pub(super) async fn insert(&self, experiment: Experiment, entry: AuditEntry) -> Result<()> {
        let rng = self.rng.clone();
        self.db
            .transaction(move |tx| {
                async move {
                    let now = experiment.created_at;
                    let (row, variants) = rows(experiment);
                    let insert = Entity::insert(row.into_active_model());
                    let done = insert.exec_without_returning(tx).await;
                    done.map_err(name_taken)?;
                    let variants = variants.into_iter().map(IntoActiveModel::into_active_model);
                    experiment_variant::Entity::insert_many(variants)
                        .exec_without_returning(tx)
                        .await?;
                    audit::record(tx, entry, now, &rng).await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    pub(super) async fn start(
        &self,
        id: Id<id::Experiment>,
        now: DateTime<Utc>,
        entry: AuditEntry,
        then: impl FnOnce() + Send + 'static,
    ) -> Result<Experiment> {
        let rng = self.rng.clone();
        self.db
            .transaction_then(
                move |_| then(),
                move |tx| {
                    async move {
                let mut experiment = locked(tx, id).await?;
                if experiment.state != ExperimentState::Draft {
                    let message = "this experiment was started before; create another to repeat it";
                    return Err(conflict(message));
                }
                let running = listed(Some(ExperimentState::Running));
                for other in whole(tx, running).await? {
                    if other.overlaps(&experiment) {
                        let message = format!(
                            "the experiment `{}` runs in one of the same contexts; stop it first",
                            other.name
                        );
                        return Err(conflict(message));
                    }
                }
                experiment.state = ExperimentState::Running;
                experiment.started_at = Some(now);
                save(tx, &experiment, entry, now, &rng).await?;
                Ok(experiment)
            }
            .boxed()
                },
            )
            .await
    }

    pub(super) async fn stop(
        &self,
        id: Id<id::Experiment>,
        now: DateTime<Utc>,
        entry: AuditEntry,
        then: impl FnOnce() + Send + 'static,
    ) -> Result<Experiment> {
        let rng = self.rng.clone();
        self.db
            .transaction_then(
                move |_| then(),
                move |tx| {
                    async move {
                        let mut experiment = locked(tx, id).await?;
                        if experiment.state != ExperimentState::Running {
                            return Err(conflict("this experiment does not run"));
                        }
                        experiment.state = ExperimentState::Stopped;
                        experiment.stopped_at = Some(now);
                        save(tx, &experiment, entry, now, &rng).await?;
                        Ok(experiment)
                    }
                    .boxed()
                },
            )
            .await
    }

    /// Deletes an experiment that does not run, and its variants with it.
    pub(super) async fn delete(
        &self,
        id: Id<id::Experiment>,
        now: DateTime<Utc>,
        entry: AuditEntry,
    ) -> Result<()> {
        let rng = self.rng.clone();
        self.db
            .transaction(move |tx| {
                async move {
                    if locked(tx, id).await?.state == ExperimentState::Running {
                        return Err(conflict("this experiment runs; stop it first"));
                    }
                    Entity::delete_by_id(id.uuid()).exec(tx).await?;
                    audit::record(tx, entry, now, &rng).await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    /// What users did with the lists of these experiments. A list counts from when an item of it was served; a user
    /// who has lists of several variants, since two users were merged, counts for none.
    pub(super) async fn counts(
        &self,
        ids: &[Id<id::Experiment>],
        positive: &[InteractionKind],
    ) -> Result<HashMap<Id<id::Experiment>, Counts>> {
        #[derive(FromQueryResult)]
        struct Row {
            experiment_id: Uuid,
            position: i16,
            users: i64,
            lists: i64,
            lists_with_positive: i64,
            positive_interactions: i64,
            converted_users: i64,
        }
        let kinds: Vec<String> = positive.iter().map(|kind| kind.as_str().into()).collect();
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "WITH list AS (
                SELECT list.id, list.user_id, variant.experiment_id, variant.position
                  FROM experiment_variants variant
                  JOIN recommendation_lists list ON list.variant_id = variant.id
                 WHERE variant.experiment_id = ANY ($1)
                   AND EXISTS (SELECT FROM recommendation_items item WHERE item.list_id = list.id)),
             person AS (
                SELECT experiment_id, user_id, min(position) <> max(position) AS several
                  FROM list GROUP BY experiment_id, user_id),
             taken AS (
                SELECT list.id, count(*) AS interactions
                  FROM list JOIN interactions done ON done.list_id = list.id
                 WHERE done.kind = ANY ($2) AND (done.kind <> 'RATING' OR done.value > $3)
                 GROUP BY list.id)
             SELECT experiment_id, position, count(DISTINCT user_id) AS users, count(*) AS lists,
                    count(taken.id) AS lists_with_positive,
                    coalesce(sum(taken.interactions), 0)::bigint AS positive_interactions,
                    count(DISTINCT user_id) FILTER (WHERE taken.id IS NOT NULL) AS converted_users
               FROM list JOIN person USING (experiment_id, user_id) LEFT JOIN taken USING (id)
              WHERE NOT several GROUP BY experiment_id, position
             UNION ALL
             SELECT experiment_id, -1::smallint, count(*), 0, 0, 0, 0
               FROM person WHERE several GROUP BY experiment_id",
            [
                filter::uuids(ids.iter().copied()),
                kinds.into(),
                NEUTRAL_STARS.into(),
            ],
        );
        let rows = Row::find_by_statement(statement)
            .all(self.db.read())
            .await?;
        let mut found: HashMap<Id<id::Experiment>, Counts> = HashMap::new();
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        for row in rows {
            let counts = found.entry(row.experiment_id.into()).or_default();
            let Ok(position) = usize::try_from(row.position) else {
                counts.excluded_users = count(row.users);
                continue;
            };
            let variant = VariantCounts {
                users: count(row.users),
                lists: count(row.lists),
                lists_with_positive: count(row.lists_with_positive),
                positive_interactions: count(row.positive_interactions),
                converted_users: count(row.converted_users),
            };
            counts.variants.insert(position, variant);
        }
        Ok(found)
    }
}

fn listed(state: Option<ExperimentState>) -> Select<Entity> {
    let all = Entity::find();
    match state {
        Some(state) => all.filter(Column::State.eq(state.as_str())),
        None => all,
    }
}

/// The experiments that a statement finds, in its order, with their variants.
async fn whole(connection: &impl ConnectionTrait, some: Select<Entity>) -> Result<Vec<Experiment>> {
    use experiment_variant::Column as VariantColumn;
    let found = some.all(connection).await?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let ids = found.iter().map(|row| row.id);
    let all = experiment_variant::Entity::find()
        .filter(filter::among(VariantColumn::ExperimentId, ids))
        .order_by_asc(VariantColumn::Position)
        .all(connection)
        .await?;
    let mut variants: HashMap<Uuid, Vec<Variant>> = HashMap::new();
    for row in all {
        let of = variants.entry(row.experiment_id).or_default();
        of.push(row.into());
    }
    let found = found.into_iter().map(|row| {
        let variants = variants.remove(&row.id).unwrap_or_default();
        experiment(row, variants)
    });
    found.collect()
}

/// The experiment, after nobody else changes which experiments run: two that start at once follow each other.
async fn locked(tx: &DatabaseTransaction, id: Id<id::Experiment>) -> Result<Experiment> {
    tx.execute_unprepared("LOCK TABLE experiments IN SHARE ROW EXCLUSIVE MODE")
        .await?;
    let found = whole(tx, Entity::find_by_id(id.uuid())).await?.pop();
    found.ok_or_else(not_found)
}

/// Writes the state of an experiment, and tells of it.
async fn save(
    tx: &DatabaseTransaction,
    experiment: &Experiment,
    entry: AuditEntry,
    now: DateTime<Utc>,
    rng: &Rng,
) -> Result<()> {
    let (row, _) = rows(experiment.clone());
    let change = row.into_active_model().reset_all();
    change.update_without_returning(tx).await?;
    events::append(tx, &[ExperimentsChanged]).await?;
    audit::record(tx, entry, now, rng).await?;
    Ok(())
}

fn name_taken(error: DbErr) -> Error {
    if broken_constraint(&error).as_deref() == Some("experiments_name") {
        return conflict("there is an experiment with this name; take another");
    }
    error.into()
}

fn rows(experiment: Experiment) -> (Model, Vec<experiment_variant::Model>) {
    let contexts = experiment.contexts.iter();
    let row = Model {
        id: experiment.id.uuid(),
        name: experiment.name,
        state: experiment.state.as_str().to_owned(),
        contexts: contexts.map(|context| context.as_str().into()).collect(),
        created_at: experiment.created_at,
        started_at: experiment.started_at,
        stopped_at: experiment.stopped_at,
    };
    let variants = (0..).zip(experiment.variants);
    let variants = variants.map(|(position, variant)| experiment_variant::Model {
        id: variant.id.uuid(),
        experiment_id: row.id,
        position,
        name: variant.name,
        weight: variant.weight,
        learned: variant.overrides.learned,
        blend_batch: variant.overrides.batch,
        blend_long_term: variant.overrides.long_term,
        blend_query: variant.overrides.query,
        blend_similar: variant.overrides.similar,
        blend_meaning: variant.overrides.meaning,
        diversity: variant.overrides.diversity,
    });
    let variants = variants.collect();
    (row, variants)
}

fn experiment(row: Model, variants: Vec<Variant>) -> Result<Experiment> {
    let contexts = row.contexts.iter();
    let contexts = contexts.map(|name| name.parse().map_err(stored("experiments")));
    Ok(Experiment {
        id: row.id.into(),
        name: row.name,
        state: row.state.parse().map_err(stored("experiments"))?,
        contexts: contexts.collect::<Result<_>>()?,
        variants,
        created_at: row.created_at,
        started_at: row.started_at,
        stopped_at: row.stopped_at,
    })
}

impl From<experiment_variant::Model> for Variant {
    fn from(row: experiment_variant::Model) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            weight: row.weight,
            overrides: Overrides {
                learned: row.learned,
                batch: row.blend_batch,
                long_term: row.blend_long_term,
                query: row.blend_query,
                similar: row.blend_similar,
                meaning: row.blend_meaning,
                diversity: row.diversity,
            },
        }
    }
}
