//! The state of the bandit in the database: one row, locked by whoever changes it.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, FromQueryResult, Statement};
use uuid::Uuid;

use super::Store;
use crate::foundation::{Id, Refusal, Result, id};

/// The state as it is stored, beside the version that is active.
#[derive(Clone, Debug, FromQueryResult)]
pub(in crate::domain::slates) struct StateRow {
    active: Option<Uuid>,
    pub(in crate::domain::slates) active_version: Option<String>,
    model_version_id: Option<Uuid>,
    /// How often it was begun anew from a version.
    pub(in crate::domain::slates) epoch: i32,
    /// The bytes of the bandit; `None` before it has learned anything.
    pub(in crate::domain::slates) state: Option<Vec<u8>>,
    /// Slates that it learned from since its version, and selections among them.
    pub(in crate::domain::slates) updates: i32,
    pub(in crate::domain::slates) selections: i32,
}

impl StateRow {
    /// The version that is active.
    pub(in crate::domain::slates) fn active(&self) -> Option<Id<id::Model>> {
        self.active.map(Into::into)
    }

    /// The version that the state continues.
    pub(in crate::domain::slates) fn continued(&self) -> Option<Id<id::Model>> {
        self.model_version_id.map(Into::into)
    }

    /// Whether there is neither a state nor an active version.
    pub(in crate::domain::slates) fn is_unbegun(&self) -> bool {
        self.active.is_none() && self.state.is_none()
    }

    /// Whether the state continues the version that is active, and so is what serves.
    pub(in crate::domain::slates) fn is_current(&self) -> bool {
        self.active.is_none() || self.active == self.model_version_id
    }
}

const READ: &str = "
    SELECT m.id AS active, m.version AS active_version, s.model_version_id,
           coalesce(s.epoch, 0) AS epoch, s.state, coalesce(s.updates, 0) AS updates,
           coalesce(s.selections, 0) AS selections
      FROM (VALUES (1)) AS one
      LEFT JOIN bandit_state s ON true
      LEFT JOIN model_versions m ON m.kind = 'BANDIT' AND m.state = 'ACTIVE'";

/// The new state of the bandit.
#[derive(Clone, Debug)]
pub(in crate::domain::slates) struct NewState {
    pub(in crate::domain::slates) continued: Option<Id<id::Model>>,
    pub(in crate::domain::slates) epoch: i32,
    pub(in crate::domain::slates) state: Vec<u8>,
    pub(in crate::domain::slates) updates: i32,
    pub(in crate::domain::slates) selections: i32,
}

/// The right to change the state, until the transaction ends.
pub(in crate::domain::slates) struct LockedState<'a> {
    tx: &'a DatabaseTransaction,
}

impl<'a> LockedState<'a> {
    /// Waits until nobody else changes the state.
    pub(in crate::domain::slates) async fn lock(tx: &'a DatabaseTransaction) -> Result<Self> {
        // There may be no row to lock.
        tx.execute_raw(Statement::from_string(
            DbBackend::Postgres,
            "SELECT pg_advisory_xact_lock(hashtext('bandit_state'), hashtext(current_schema()))",
        ))
        .await?;
        Ok(Self { tx })
    }

    pub(in crate::domain::slates) async fn read(&self) -> Result<StateRow> {
        read(self.tx).await
    }

    pub(in crate::domain::slates) async fn write(
        &self,
        state: NewState,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let values = [
            state.continued.map(Id::uuid).into(),
            state.epoch.into(),
            state.state.into(),
            state.updates.into(),
            state.selections.into(),
            now.into(),
        ];
        self.tx
            .execute_raw(Statement::from_sql_and_values(
                DbBackend::Postgres,
                "INSERT INTO bandit_state \
                        (model_version_id, epoch, state, updates, selections, changed_at) \
                 VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (only_row) DO UPDATE SET \
                    model_version_id = excluded.model_version_id, epoch = excluded.epoch, \
                    state = excluded.state, updates = excluded.updates, \
                    selections = excluded.selections, changed_at = excluded.changed_at",
                values,
            ))
            .await?;
        Ok(())
    }
}

async fn read(connection: &impl ConnectionTrait) -> Result<StateRow> {
    let statement = Statement::from_string(DbBackend::Postgres, READ);
    let row = StateRow::find_by_statement(statement)
        .one(connection)
        .await?;
    Ok(row.ok_or_else(|| anyhow::anyhow!("a row was asked for that there always is"))?)
}

impl Store {
    /// Does `work` while nobody else changes the state, and writes the state that it answers.
    pub(in crate::domain::slates) async fn while_locked<T, F>(
        &self,
        work: impl FnOnce(StateRow) -> F + Send + 'static,
    ) -> Result<Option<T>>
    where
        T: Send + 'static,
        F: Future<Output = Result<Option<(T, NewState, DateTime<Utc>)>>> + Send + 'static,
    {
        self.db
            .transaction(move |tx| {
                async move {
                    let locked = LockedState::lock(tx).await?;
                    let Some((done, state, now)) = work(locked.read().await?).await? else {
                        return Ok(None);
                    };
                    locked.write(state, now).await?;
                    Ok(Some(done))
                }
                .boxed()
            })
            .await
    }

    /// The number by which the bandit knows a channel; the next one, if it does not yet.
    pub(in crate::domain::slates) async fn channel_number(
        &self,
        channel: Id<id::Channel>,
    ) -> Result<u16> {
        #[derive(FromQueryResult)]
        struct Row {
            number: i16,
        }
        let find = |sql: &str| {
            let values = [channel.uuid().into()];
            Row::find_by_statement(Statement::from_sql_and_values(
                DbBackend::Postgres,
                sql,
                values,
            ))
        };
        let known = "SELECT number FROM bandit_channels WHERE channel_id = $1";
        if let Some(row) = find(known).one(self.db.write()).await? {
            return Ok(u16::try_from(row.number).unwrap_or(0));
        }
        let added = self.db.transaction(move |tx| {
            async move {
                LockedState::lock(tx).await?;
                let values = [channel.uuid().into()];
                tx.execute_raw(Statement::from_sql_and_values(
                    DbBackend::Postgres,
                    "INSERT INTO bandit_channels (channel_id, number) \
                     SELECT $1, coalesce(max(number) + 1, 0) FROM bandit_channels \
                     ON CONFLICT (channel_id) DO NOTHING",
                    values,
                ))
                .await?;
                Ok(())
            }
            .boxed()
        });
        added.await?;
        let row = find(known).one(self.db.write()).await?;
        let row = row.ok_or(Refusal::NotFound { thing: "channel" })?;
        Ok(u16::try_from(row.number).unwrap_or(0))
    }

    pub(in crate::domain::slates) async fn state(&self) -> Result<StateRow> {
        read(self.db.write()).await
    }
}
