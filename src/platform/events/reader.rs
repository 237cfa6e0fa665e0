//! The reader of a process: listens on one connection and reads the outboxes of its schemas.

use std::collections::{HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use uuid::Uuid;

use super::{Channel, Delivery, Inner};
use crate::foundation::Rng;
use crate::platform::db::snapshot::{Snapshot, numbers};

/// The channel of the notifications: of the whole database, whose schemas are their payloads.
const CHANNEL: &str = "marquee_events";
/// How often the reader looks at the tables without a notification: where notifications arrive, in case the
/// connection is silently dead, and where they do not.
const LOOK_INTERVAL: Duration = Duration::from_secs(15);
const LOOK_INTERVAL_UNNOTIFIED: Duration = Duration::from_secs(1);
/// How long a look may take before the connection counts as dead.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a test notification may take.
const TEST_TIMEOUT: Duration = Duration::from_secs(2);
/// The delay before connecting again; it doubles with each failure.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(100);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(5);
/// Events are removed that every reader had so long to read.
const RETENTION: Duration = Duration::from_secs(15 * 60);
/// A reader whose last look is longer ago starts anew, since events may have been removed.
const MAX_GAP: Duration = Duration::from_secs(10 * 60);
/// How often a reader remembers what had been committed by then, for removing events later.
const MARK_INTERVAL: Duration = Duration::from_secs(60);
/// A transaction that is open for longer is told of.
const LONG_TRANSACTION: Duration = Duration::from_secs(10 * 60);

/// How far the outbox of a schema was read.
struct Position {
    /// The snapshot of the last look.
    snapshot: Snapshot,
    looked_at: Instant,
    /// Earlier moments, and the oldest transaction that was still running then. Only after looks that
    /// found events.
    marks: VecDeque<(Instant, u64)>,
    /// The transaction that has been the oldest open one since a moment, and whether that was told.
    oldest: Option<(u64, Instant, bool)>,
}

impl Position {
    fn new(snapshot: Snapshot, now: Instant) -> Self {
        Self {
            snapshot,
            looked_at: now,
            marks: VecDeque::new(),
            oldest: None,
        }
    }

    fn mark(&mut self, now: Instant) {
        let last = self.marks.back().map(|(at, _)| *at);
        if last.is_none_or(|at| now - at >= MARK_INTERVAL) {
            self.marks.push_back((now, self.snapshot.oldest_open()));
        }
    }

    /// A transaction that has been seen open for [`LONG_TRANSACTION`]; each once.
    fn long_transaction(&mut self, now: Instant) -> Option<u64> {
        let open = self.snapshot.open().first().copied();
        let (since, told) = match (self.oldest, open) {
            (_, None) => {
                self.oldest = None;
                return None;
            }
            (Some((oldest, since, told)), Some(open)) if oldest == open => (since, told),
            (_, Some(_)) => (now, false),
        };
        let long = open.filter(|_| !told && now - since >= LONG_TRANSACTION);
        self.oldest = open.map(|open| (open, since, told || long.is_some()));
        long
    }

    /// The transaction before which every event was committed at least [`RETENTION`] ago.
    fn expired(&mut self, now: Instant) -> Option<u64> {
        let mut expired = None;
        while let Some((at, _)) = self.marks.front()
            && now - *at >= RETENTION
        {
            expired = self.marks.pop_front();
        }
        expired.map(|(_, transaction)| transaction)
    }
}

/// Reads for as long as the process has subscriptions or may get some, until the task is aborted.
pub(super) async fn run(inner: Arc<Inner>) {
    let mut positions = HashMap::new();
    let mut delay = MIN_RETRY_DELAY;
    let mut logged = false;
    loop {
        let mut connected = false;
        let Err(error) = session(&inner, &mut positions, &mut connected).await;
        if connected {
            (delay, logged) = (MIN_RETRY_DELAY, false);
        }
        if !logged {
            logged = true;
            tracing::warn!(%error, "The connection for events is lost; connecting again");
        }
        sleep(delay).await;
        delay = (2 * delay).min(MAX_RETRY_DELAY);
    }
}

/// Listens and reads on one connection until it fails.
async fn session(
    inner: &Inner,
    positions: &mut HashMap<Arc<str>, Position>,
    connected: &mut bool,
) -> anyhow::Result<Infallible> {
    let options = platform::db::options(&inner.url)?;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(options.clone())
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.ignore_pool_close_event(true);
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    // Before anything else: who waits for the first look waits no longer than it takes.
    look_at_all(inner, &mut listener, positions).await?;
    *connected = true;
    let notified = is_notified(&mut listener, &options).await?;
    if inner.notified.send_replace(Some(notified)) != Some(notified) && !notified {
        tracing::warn!(
            "Notifications of the database do not arrive, as behind a transaction pooler: events are looked \
             for once a second. Set `database.listen_url` to a direct connection"
        );
    }
    let interval = if notified {
        LOOK_INTERVAL
    } else {
        LOOK_INTERVAL_UNNOTIFIED
    };
    // What was notified during the test.
    look_at_all(inner, &mut listener, positions).await?;
    let mut look_at = Instant::now() + interval;
    loop {
        let mut schemas = HashSet::new();
        tokio::select! {
            notification = listener.try_recv() => {
                let Some(notification) = notification? else {
                    anyhow::bail!("the database has closed it");
                };
                schemas.insert(notification.payload().to_owned());
                while let Some(notification) = listener.next_buffered() {
                    schemas.insert(notification.payload().to_owned());
                }
            }
            () = inner.added.notified() => {
                let wanted = inner.wanted.lock();
                let new = wanted.iter().filter(|schema| !positions.contains_key(*schema));
                schemas.extend(new.map(|schema| schema.as_ref().to_owned()));
            }
            () = sleep_until(look_at) => {
                look_at_all(inner, &mut listener, positions).await?;
                look_at = Instant::now() + interval;
                continue;
            }
        }
        let wanted: Vec<Arc<str>> = {
            let wanted = inner.wanted.lock();
            let wanted = wanted
                .iter()
                .filter(|schema| schemas.contains(schema.as_ref()));
            wanted.cloned().collect()
        };
        for schema in wanted {
            look(inner, &mut listener, &schema, positions).await?;
        }
    }
}

/// Whether a notification from another connection arrives. One from the same connection would even where a
/// pooler shares it among clients.
async fn is_notified(
    listener: &mut PgListener,
    options: &sqlx::postgres::PgConnectOptions,
) -> anyhow::Result<bool> {
    let nonce = format!("test {:016x}", Rng::system()?.seed());
    let mut other = options.connect().await?;
    sqlx::query("SELECT pg_notify($1, $2)")
        .persistent(false)
        .bind(CHANNEL)
        .bind(&nonce)
        .execute(&mut other)
        .await?;
    other.close().await?;
    let until = Instant::now() + TEST_TIMEOUT;
    loop {
        match timeout_at(until, listener.try_recv()).await {
            Ok(Ok(Some(notification))) if notification.payload() == nonce => return Ok(true),
            Ok(Ok(Some(_))) => {}
            Ok(Ok(None)) => anyhow::bail!("the database has closed it"),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Ok(false),
        }
    }
}

async fn look_at_all(
    inner: &Inner,
    listener: &mut PgListener,
    positions: &mut HashMap<Arc<str>, Position>,
) -> anyhow::Result<()> {
    let wanted: Vec<Arc<str>> = inner.wanted.lock().iter().cloned().collect();
    for schema in wanted {
        look(inner, listener, &schema, positions).await?;
    }
    Ok(())
}

/// Reads the new events of a schema and delivers them. A schema that cannot be read, for example since it was
/// dropped, is left alone until the next look.
async fn look(
    inner: &Inner,
    listener: &mut PgListener,
    schema: &Arc<str>,
    positions: &mut HashMap<Arc<str>, Position>,
) -> anyhow::Result<()> {
    let now = Instant::now();
    let known = positions.get(schema);
    let known = known.filter(|known| now - known.looked_at < MAX_GAP);
    let begins = known.is_none();
    let after = known.map(|known| &known.snapshot);
    let rows = match timeout(LOOK_TIMEOUT, read(listener, schema, after)).await {
        Ok(Ok(rows)) => rows,
        Ok(Err(sqlx::Error::Database(error))) => {
            tracing::warn!(%schema, %error, "The events of a schema cannot be read");
            return Ok(());
        }
        Ok(Err(error)) => return Err(error.into()),
        Err(_) => anyhow::bail!("the database does not answer"),
    };
    let Some(snapshot) = rows.first().map(|row| row.snapshot.parse()) else {
        anyhow::bail!("the database answers without a snapshot");
    };
    let snapshot: Snapshot = snapshot?;
    let found = rows.iter().any(|row| row.event.is_some());
    let position = positions
        .entry(Arc::clone(schema))
        .or_insert_with(|| Position::new(snapshot.clone(), now));
    (position.snapshot, position.looked_at) = (snapshot, now);
    for event in rows.into_iter().filter_map(|row| row.event) {
        let channel = Channel {
            schema: Arc::clone(schema),
            topic: event.topic.into(),
            key: event.key,
        };
        let delivery = Delivery::Event {
            number: event.number,
            payload: event.payload.into(),
        };
        inner.topics.deliver(channel, &delivery);
    }
    if begins {
        let first = inner
            .read
            .send_if_modified(|read| read.insert(Arc::clone(schema)));
        if !first {
            inner.topics.deliver_missed(schema);
        }
    }
    if found {
        position.mark(now);
    }
    if let Some(transaction) = position.long_transaction(now) {
        tracing::warn!(
            transaction,
            minutes = LONG_TRANSACTION.as_secs() / 60,
            "A transaction of the database server stays open. What others commit is told all the same, but old events \
             and dead rows are kept until it ends; find it in pg_stat_activity by backend_xid"
        );
    }
    if let Some(before) = position.expired(now) {
        remove(listener, schema, before).await?;
    }
    Ok(())
}

/// An event, or none, with the snapshot of the statement that read it.
struct Found {
    snapshot: String,
    event: Option<FoundEvent>,
}

struct FoundEvent {
    number: i64,
    topic: String,
    key: Option<Uuid>,
    payload: String,
}

/// The events that were not visible in the snapshot `after`, in the order of their numbers; none without
/// one. At least one row, for the snapshot.
///
/// Both conditions are ranges of an index: what a transaction that stays open holds back costs nothing. Rows of
/// transactions that this database has not begun came with a restored copy of another one.
async fn read(
    listener: &mut PgListener,
    schema: &str,
    after: Option<&Snapshot>,
) -> sqlx::Result<Vec<Found>> {
    let sql = format!(
        "SELECT now.snapshot, new.number, new.topic, new.key, new.payload::text AS payload \
           FROM (SELECT pg_current_snapshot()::text AS snapshot) AS now \
           LEFT JOIN \"{schema}\".events AS new \
             ON new.written_in >= $1::text::xid8 \
                AND new.written_in < pg_snapshot_xmax(pg_current_snapshot()) \
             OR new.written_in = ANY ($2::text[]::xid8[]) \
          ORDER BY new.number"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(after.map(|after| after.next().to_string()))
        .bind(after.map(|after| numbers(after.open())))
        .fetch_all(&mut *listener)
        .await?;
    let found = rows.into_iter().map(|row| {
        let number: Option<i64> = row.try_get("number")?;
        let event = match number {
            Some(number) => Some(FoundEvent {
                number,
                topic: row.try_get("topic")?,
                key: row.try_get("key")?,
                payload: row.try_get("payload")?,
            }),
            None => None,
        };
        Ok(Found {
            snapshot: row.try_get("snapshot")?,
            event,
        })
    });
    found.collect()
}

/// Removes the events of transactions older than `before`.
async fn remove(listener: &mut PgListener, schema: &str, before: u64) -> anyhow::Result<()> {
    let sql = format!("DELETE FROM \"{schema}\".events WHERE written_in < $1::text::xid8");
    let removed = sqlx::query(AssertSqlSafe(sql))
        .bind(before.to_string())
        .execute(&mut *listener)
        .await;
    match removed {
        Ok(_) => Ok(()),
        // They are removed later, or by another process.
        Err(sqlx::Error::Database(error)) => {
            tracing::warn!(%schema, %error, "Old events cannot be removed");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_expire_when_every_reader_had_time_to_read_them() {
        let start = Instant::now();
        let mut position = Position::new("100:105:100,103".parse().unwrap(), start);
        position.mark(start);
        position.snapshot = "200:200:".parse().unwrap();
        position.mark(start + RETENTION / 2);
        assert_eq!(position.expired(start + RETENTION / 2), None);
        // What transaction 101 wrote may have been committed a moment ago.
        let later = start + RETENTION;
        assert_eq!(position.expired(later), Some(100));
        assert_eq!(position.expired(later), None);
    }

    #[test]
    fn a_transaction_that_stays_open_is_told_once() {
        let start = Instant::now();
        let mut position = Position::new("100:105:100,103".parse().unwrap(), start);
        assert_eq!(position.long_transaction(start), None);
        position.snapshot = "103:110:103".parse().unwrap();
        assert_eq!(position.long_transaction(start + LONG_TRANSACTION), None);
        // Another one is the oldest since then.
        let later = start + 2 * LONG_TRANSACTION;
        assert_eq!(position.long_transaction(later), Some(103));
        assert_eq!(position.long_transaction(later + LONG_TRANSACTION), None);
        // Nothing is open where nothing happens, however long.
        position.snapshot = "110:110:".parse().unwrap();
        assert_eq!(position.long_transaction(later), None);
        assert_eq!(
            position.long_transaction(later + 2 * LONG_TRANSACTION),
            None
        );
    }
}
