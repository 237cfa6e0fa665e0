//! Long-lived connections (sockets and event streams): their limits, the validity of their sessions,
//! and closing them at shutdown.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::http::StatusCode;
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::graphql::respond::Refusal;
use crate::domain::auth::{Admission, AuthService, Client, Subject, network};
use crate::graphql::errors::codes;
use crate::platform::config::Push;
use crate::platform::events::Received;

/// How long to wait before a failed session check is repeated.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The number of concurrent session checks.
const REVALIDATIONS: usize = 4;

/// The long-lived connections of all schemas. Cheap to clone.
#[derive(Clone)]
pub struct Connections {
    stop: CancellationToken,
    tasks: TaskTracker,
    permits: Arc<Semaphore>,
}

/// Counts as one of the connections until it is dropped.
pub struct ConnectionPermit(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

impl Connections {
    /// No connections yet, and at most `most` at a time.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            permits: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Ends all connections because of shutdown, and waits until their sockets are closed.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The tasks that [`Connections::close`] waits for.
    pub(super) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Waits until the server shuts down.
    pub(super) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// A permit for one more connection.
    ///
    /// # Errors
    /// 503 when there are as many connections as allowed, or the server shuts down.
    pub(super) fn acquire_permit(&self) -> Result<ConnectionPermit, Refusal> {
        let full = |message: &str| {
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, codes::UNAVAILABLE, message)
        };
        if self.stop.is_cancelled() {
            return Err(full("the server is stopping"));
        }
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        permit
            .map(ConnectionPermit)
            .map_err(|_| full("there are too many connections; try again later"))
    }
}

/// The kind of a long-lived connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionKind {
    /// A WebSocket with many operations.
    Socket,
    /// An HTTP response that streams the events of one operation.
    Stream,
}

/// Why a connection must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The token has expired, the session has ended, or the rights have changed.
    Unauthorised,
    /// The server shuts down.
    ShuttingDown,
}

/// The long-lived connections of one schema: enforces limits per owner and ends connections whose session
/// has ended. Cheap to clone.
#[derive(Clone)]
pub struct ConnectionRegistry(Arc<RegistryState>);

struct RegistryState {
    auth: AuthService,
    connections: Connections,
    limits: Push,
    by_owner: Mutex<ConnectionsByOwner>,
    revalidations: Semaphore,
}

/// The owner of a connection, for limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Owner {
    /// A user or an API key.
    Subject(Subject),
    /// A client without a token, by its network.
    Network(IpAddr),
}

/// The connections of each owner.
type ConnectionsByOwner = HashMap<Owner, Vec<(ConnectionKind, Arc<Notify>)>>;

/// A registered connection. Dropping it removes it from the registry.
pub struct Registration {
    registry: Weak<RegistryState>,
    owner: Option<Owner>,
    /// Notified when the validity of the session must be checked again.
    changed: Arc<Notify>,
}

impl ConnectionRegistry {
    /// An empty registry. Call it inside a runtime: it listens for changes of sessions until the server
    /// shuts down.
    pub fn new(auth: AuthService, connections: Connections, limits: Push) -> Self {
        let registry = Arc::new(RegistryState {
            auth,
            connections,
            limits,
            by_owner: Mutex::default(),
            revalidations: Semaphore::new(REVALIDATIONS),
        });
        tokio::spawn(watch(Arc::downgrade(&registry)));
        Self(registry)
    }

    /// The limits of connections.
    pub(super) fn limits(&self) -> &Push {
        &self.0.limits
    }

    /// The accounts of the schema.
    pub(super) fn auth(&self) -> &AuthService {
        &self.0.auth
    }

    /// The connections of all schemas.
    pub(super) fn connections(&self) -> &Connections {
        &self.0.connections
    }

    /// Registers a connection of `subject`, or without one, of the network of `client`. Check the session
    /// again afterwards: changes are announced to registered connections only.
    ///
    /// # Errors
    /// 429 when the owner has as many connections as allowed.
    pub(super) fn register(
        &self,
        subject: Option<Subject>,
        client: Client,
        kind: ConnectionKind,
    ) -> Result<Registration, Refusal> {
        let changed = Arc::new(Notify::new());
        let limits = &self.0.limits;
        let network = || client.address.map(network).map(Owner::Network);
        let owner = subject.map(Owner::Subject).or_else(network);
        if let Some(owner) = owner {
            let (owner_name, most) = match (owner, kind) {
                (Owner::Network(_), _) => {
                    let most = limits.max_without_token_per_address;
                    ("an address without a token", most)
                }
                (Owner::Subject(_), ConnectionKind::Socket) => {
                    ("a user", limits.max_sockets_per_user)
                }
                (Owner::Subject(_), ConnectionKind::Stream) => ("a user", limits.max_operations),
            };
            let mut by_owner = self.0.by_owner();
            let all = by_owner.entry(owner).or_default();
            if all.iter().filter(|(other, _)| *other == kind).count() >= most {
                return Err(Refusal::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    codes::RATE_LIMITED,
                    format!("{owner_name} may have {most} of these open; close one first"),
                ));
            }
            all.push((kind, Arc::clone(&changed)));
        }
        Ok(Registration {
            registry: Arc::downgrade(&self.0),
            owner,
            changed,
        })
    }

    /// Registers an event stream. The returned future completes when the stream must end.
    ///
    /// # Errors
    /// 503 or 429 when there are too many connections, 401 when the session has just ended.
    pub(super) async fn register_stream(
        self,
        admission: Admission,
        client: Client,
    ) -> Result<BoxFuture<'static, EndReason>, Refusal> {
        let permit = self.0.connections.acquire_permit()?;
        let registration =
            self.register(admission.viewer.subject(), client, ConnectionKind::Stream)?;
        if !self.is_valid(&admission).await {
            return Err(Refusal::unauthenticated("this session has just ended"));
        }
        let over = async move {
            let _place = permit;
            self.until_end(&registration, &admission).await
        };
        Ok(over.boxed())
    }

    /// Waits until a connection must end.
    pub(super) async fn until_end(
        &self,
        registration: &Registration,
        admission: &Admission,
    ) -> EndReason {
        // The clock may be set meanwhile, so it is read again after this time.
        let recheck = Duration::from_millis(self.0.limits.ping_ms);
        loop {
            let left = self.0.auth.time_left(admission);
            tokio::select! {
                () = self.0.connections.stopped() => return EndReason::ShuttingDown,
                () = registration.changed.notified() => {
                    let valid = tokio::select! {
                        valid = self.is_valid(admission) => valid,
                        () = self.0.connections.stopped() => return EndReason::ShuttingDown,
                    };
                    if !valid {
                        return EndReason::Unauthorised;
                    }
                }
                () = sleep(left.map_or(recheck, |left| left.min(recheck))) => {
                    if self.0.auth.time_left(admission).is_some_and(|left| left.is_zero()) {
                        return EndReason::Unauthorised;
                    }
                }
            }
        }
    }

    /// Checks the session, and repeats the check until it succeeds. Many connections check at once when
    /// Redis comes back, so the checks are queued.
    async fn is_valid(&self, admission: &Admission) -> bool {
        loop {
            let slot = self.0.revalidations.acquire().await;
            match self.0.auth.is_valid(admission).await {
                Ok(valid) => return valid,
                Err(error) => tracing::warn!(?error, "A session could not be checked; retrying"),
            }
            drop(slot);
            sleep(RETRY_AFTER).await;
        }
    }
}

impl RegistryState {
    fn by_owner(&self) -> MutexGuard<'_, ConnectionsByOwner> {
        self.by_owner.lock()
    }

    /// Makes the connections of `subject`, or all, check their sessions.
    fn notify(&self, subject: Option<Subject>) {
        self.auth.on_change(subject);
        let by_owner = self.by_owner();
        let affected: Box<dyn Iterator<Item = _>> = match subject {
            Some(subject) => {
                let all = by_owner.get(&Owner::Subject(subject));
                Box::new(all.into_iter().flatten())
            }
            None => Box::new(by_owner.values().flatten()),
        };
        for (_, changed) in affected {
            changed.notify_one();
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let (Some(registry), Some(owner)) = (self.registry.upgrade(), self.owner) else {
            return;
        };
        let mut by_owner = registry.by_owner();
        if let Some(all) = by_owner.get_mut(&owner) {
            all.retain(|(_, changed)| !Arc::ptr_eq(changed, &self.changed));
            if all.is_empty() {
                by_owner.remove(&owner);
            }
        }
    }
}

/// Notifies the connections that a change of sessions concerns.
async fn watch(registry: Weak<RegistryState>) {
    let Some((auth, connections)) = registry
        .upgrade()
        .map(|registry| (registry.auth.clone(), registry.connections.clone()))
    else {
        return;
    };
    let mut changes = auth.changes().await;
    drop(auth);
    // Connections may have begun before the subscription did.
    let mut received = Received::Missed;
    while let Some(registry) = registry.upgrade() {
        registry.notify(match received {
            Received::Event { event, .. } => Some(event),
            Received::Missed => None,
        });
        drop(registry);
        received = tokio::select! {
            received = changes.next() => received,
            () = connections.stopped() => return,
        };
    }
}
