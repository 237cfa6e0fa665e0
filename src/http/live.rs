//! Connections that stay: how many there may be, when each must end, and ending them all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use axum::http::StatusCode;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::graphql::respond::Refusal;
use crate::domain::auth::{Admission, AuthService, Client, Subject, network};
use crate::graphql::label::codes;
use crate::platform::bus::Heard;
use crate::platform::config::Push;

/// After how long the database is asked again where it did not answer.
const AGAIN: Duration = Duration::from_secs(1);
/// How many connections ask the database at once whether they may stay.
const ASKING: usize = 4;

/// The connections that stay, of all schemas. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    stop: CancellationToken,
    tasks: TaskTracker,
    places: Arc<Semaphore>,
}

/// A place among all connections, until it is dropped.
pub struct Place(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

impl Live {
    /// No connections yet, and never more than `most`.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            places: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Tells all connections that the server stops, and waits until their sockets are closed.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The tasks that [`Live::close`] waits for.
    pub(super) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Waits until the server stops.
    pub(super) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// A place for one more.
    ///
    /// # Errors
    /// 503 where all are taken, or the server stops.
    pub(super) fn place(&self) -> Result<Place, Refusal> {
        let full = |message: &str| {
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, codes::UNAVAILABLE, message)
        };
        if self.stop.is_cancelled() {
            return Err(full("the server is stopping"));
        }
        let permit = Arc::clone(&self.places).try_acquire_owned();
        permit
            .map(Place)
            .map_err(|_| full("there are too many connections; try again later"))
    }
}

/// What stays connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A socket, with many operations.
    Socket,
    /// A stream of one operation.
    Stream,
}

/// Why a connection must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The token has expired, the session has ended, or the rights have changed.
    Unwelcome,
    /// The server stops.
    Stopping,
}

/// Who is connected to one schema. Cheap to clone.
#[derive(Clone)]
pub struct Doors(Arc<Inner>);

struct Inner {
    auth: AuthService,
    live: Live,
    limits: Push,
    inside: Mutex<Inside>,
    asking: Semaphore,
}

/// Whose a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Holder {
    /// Somebody's with a token.
    Subject(Subject),
    /// That of a client without one, by the network it comes from.
    Network(IpAddr),
}

/// The connections of each holder.
type Inside = HashMap<Holder, Vec<(Kind, Arc<Notify>)>>;

/// One connection of somebody, until it is dropped.
pub struct Entry {
    doors: Weak<Inner>,
    holder: Option<Holder>,
    /// Tells that it must be asked whether the connection may stay.
    changed: Arc<Notify>,
}

impl Doors {
    /// Nobody is connected. Call it inside a runtime: it listens to the ends of sessions until the
    /// server stops.
    pub fn new(auth: AuthService, live: Live, limits: Push) -> Self {
        let doors = Arc::new(Inner {
            auth,
            live,
            limits,
            inside: Mutex::default(),
            asking: Semaphore::new(ASKING),
        });
        tokio::spawn(watch(Arc::downgrade(&doors)));
        Self(doors)
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
    pub(super) fn live(&self) -> &Live {
        &self.0.live
    }

    /// Lets one more connection of `subject` in; without one, of where `client` is. What was
    /// admitted before must be asked again after this: changes are told only to those inside.
    ///
    /// # Errors
    /// 429 where they have as many as they may.
    pub(super) fn enter(
        &self,
        subject: Option<Subject>,
        client: Client,
        kind: Kind,
    ) -> Result<Entry, Refusal> {
        let changed = Arc::new(Notify::new());
        let limits = &self.0.limits;
        let network = || client.address.map(network).map(Holder::Network);
        let holder = subject.map(Holder::Subject).or_else(network);
        if let Some(holder) = holder {
            let (who, most) = match (holder, kind) {
                (Holder::Network(_), _) => {
                    let most = limits.max_without_token_per_address;
                    ("an address without a token", most)
                }
                (Holder::Subject(_), Kind::Socket) => ("a user", limits.max_sockets_per_user),
                (Holder::Subject(_), Kind::Stream) => ("a user", limits.max_operations),
            };
            let mut inside = self.0.inside();
            let all = inside.entry(holder).or_default();
            if all.iter().filter(|(other, _)| *other == kind).count() >= most {
                return Err(Refusal::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    codes::RATE_LIMITED,
                    format!("{who} may have {most} of these open; close one first"),
                ));
            }
            all.push((kind, Arc::clone(&changed)));
        }
        Ok(Entry {
            doors: Arc::downgrade(&self.0),
            holder,
            changed,
        })
    }

    /// Lets somebody stay for one stream, and tells when that is over.
    ///
    /// # Errors
    /// 503 and 429 where there are too many, 401 where their session has just ended.
    pub(super) async fn stay(
        self,
        admission: Admission,
        client: Client,
    ) -> Result<BoxFuture<'static, Ending>, Refusal> {
        let place = self.0.live.place()?;
        let entry = self.enter(admission.viewer.subject(), client, Kind::Stream)?;
        if !self.stands(&admission).await {
            return Err(Refusal::unauthenticated("this session has just ended"));
        }
        let over = async move {
            let _place = place;
            self.over(&entry, &admission).await
        };
        Ok(over.boxed())
    }

    /// Waits until a connection must end.
    pub(super) async fn over(&self, entry: &Entry, admission: &Admission) -> Ending {
        // How long at most until the clock is looked at again: it may be set.
        let look = Duration::from_millis(self.0.limits.ping_ms);
        loop {
            let left = self.0.auth.left(admission);
            tokio::select! {
                () = self.0.live.stopped() => return Ending::Stopping,
                () = entry.changed.notified() => {
                    let stands = tokio::select! {
                        stands = self.stands(admission) => stands,
                        () = self.0.live.stopped() => return Ending::Stopping,
                    };
                    if !stands {
                        return Ending::Unwelcome;
                    }
                }
                () = sleep(left.map_or(look, |left| left.min(look))) => {
                    if self.0.auth.left(admission).is_some_and(|left| left.is_zero()) {
                        return Ending::Unwelcome;
                    }
                }
            }
        }
    }

    /// Asks until there is an answer. When Redis comes back all ask at once, so they queue.
    async fn stands(&self, admission: &Admission) -> bool {
        loop {
            let turn = self.0.asking.acquire().await;
            match self.0.auth.stands(admission).await {
                Ok(stands) => return stands,
                Err(error) => tracing::warn!(?error, "A session could not be looked at; again"),
            }
            drop(turn);
            sleep(AGAIN).await;
        }
    }
}

impl Inner {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let (Some(doors), Some(holder)) = (self.doors.upgrade(), self.holder) else {
            return;
        };
        let mut inside = doors.inside();
        if let Some(all) = inside.get_mut(&holder) {
            all.retain(|(_, changed)| !Arc::ptr_eq(changed, &self.changed));
            if all.is_empty() {
                inside.remove(&holder);
            }
        }
    }
}

/// Hands each change on to the connections that it concerns.
async fn watch(doors: Weak<Inner>) {
    let Some((mut changes, live)) = doors
        .upgrade()
        .map(|doors| (doors.auth.changes(), doors.live.clone()))
    else {
        return;
    };
    loop {
        let heard = tokio::select! {
            heard = changes.next() => heard,
            () = live.stopped() => return,
        };
        let Some(doors) = doors.upgrade() else {
            return;
        };
        let subject: Option<Subject> = match heard {
            Heard::Note(note) => serde_json::from_str(&note).ok(),
            Heard::Missed => None,
        };
        doors.auth.heard(subject);
        let inside = doors.inside();
        let concerned: Box<dyn Iterator<Item = _> + Send> = match subject {
            Some(subject) => {
                let all = inside.get(&Holder::Subject(subject));
                Box::new(all.into_iter().flatten())
            }
            None => Box::new(inside.values().flatten()),
        };
        for (_, changed) in concerned {
            changed.notify_one();
        }
    }
}
