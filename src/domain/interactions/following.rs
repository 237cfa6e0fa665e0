//! Hearing of interactions as they are recorded.

use std::collections::{HashSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::model::{Interaction, InteractionKind, MAX_AT_ONCE};
use super::service::InteractionService;
use super::store::{Store, Written};
use crate::domain::auth::Viewer;
use crate::foundation::filter::Comparison;
use crate::foundation::{Id, Refusal, Result, id};
use crate::platform::bus::{Bus, Heard, Listener, Topic};

/// The most values that the lists of a filter may have together.
const MAX_LISTED: usize = 1000;

/// Which interactions to hear of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FollowFilter {
    /// What they did.
    pub kind: Comparison<InteractionKind>,
    /// Who did it.
    pub user: Comparison<Id<id::User>>,
}

/// The note of [`Topic::Interactions`]: what was recorded together, in the order given.
#[derive(Serialize, Deserialize)]
struct Note(Vec<Interaction>);

/// Interactions, one after the other.
pub struct Following {
    store: Store,
    listener: Listener,
    filter: FollowFilter,
    /// The latest that was heard of, by the moment it happened.
    latest: Id<id::Interaction>,
    /// Whether the table must be read for what was missed.
    behind: bool,
    /// What was read from the table last: notes of it may still come.
    read: HashSet<Id<id::Interaction>>,
    waiting: VecDeque<Interaction>,
    failed: bool,
}

/// Tells that interactions were recorded; for right after the commit.
pub(super) fn tell(bus: Bus) -> impl FnOnce(&Vec<Written>) + Send + 'static {
    move |written| {
        let recorded = written.iter().filter_map(|written| match written {
            Written::Recorded(interaction) => Some(interaction.clone()),
            _ => None,
        });
        let note = Note(recorded.collect());
        if !note.0.is_empty() {
            bus.publish(Topic::Interactions, note);
        }
    }
}

impl InteractionService {
    /// Hears of interactions as they are recorded, here or on another server; imports are not told
    /// of. With `after`, those that happened since that one come first. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`] and [`crate::foundation::Error::Forbidden`]
    /// for others, [`Refusal::InvalidInput`] for a filter too large.
    pub fn follow(
        &self,
        viewer: &Viewer,
        filter: FollowFilter,
        after: Option<Id<id::Interaction>>,
    ) -> Result<Following> {
        viewer.admin()?;
        if filter.kind.listed() + filter.user.listed() > MAX_LISTED {
            let message = format!("a filter has at most {MAX_LISTED} values in its lists");
            return Err(Refusal::invalid("filter", message).into());
        }
        Ok(Following {
            store: self.store.clone(),
            listener: self.bus.subscribe(Topic::Interactions),
            filter,
            latest: after.unwrap_or_else(|| Id::at(self.now(), [0; 10])),
            behind: after.is_some(),
            read: HashSet::new(),
            waiting: VecDeque::new(),
            failed: false,
        })
    }
}

impl Following {
    /// Waits for the next one. After a loss the table says what happened since the latest one; what
    /// was recorded meanwhile of earlier moments is not told again. After an error, nothing more.
    pub async fn next(&mut self) -> Option<Result<Interaction>> {
        while !self.failed {
            if let Some(next) = self.waiting.pop_front() {
                return Some(Ok(next));
            }
            if self.behind {
                if let Err(error) = self.catch_up().await {
                    self.failed = true;
                    return Some(Err(error));
                }
                continue;
            }
            match self.listener.next().await {
                Heard::Missed => self.behind = true,
                Heard::Note(note) => match serde_json::from_str::<Note>(&note) {
                    Ok(note) => self.take(note.0),
                    // Another version of the program wrote it.
                    Err(_) => self.behind = true,
                },
            }
        }
        None
    }

    async fn catch_up(&mut self) -> Result<()> {
        let found = self.store.since(self.latest, MAX_AT_ONCE).await?;
        self.behind = found.len() == MAX_AT_ONCE;
        let ids = found.iter().map(|interaction| interaction.id).collect();
        self.read.clear();
        self.take(found);
        self.read = ids;
        Ok(())
    }

    fn take(&mut self, all: Vec<Interaction>) {
        for one in all {
            self.latest = self.latest.max(one.id);
            let fits = fits(&self.filter.kind, &one.kind) && fits(&self.filter.user, &one.user);
            if fits && !self.read.contains(&one.id) {
                self.waiting.push_back(one);
            }
        }
    }
}

fn fits<T: PartialEq>(wanted: &Comparison<T>, value: &T) -> bool {
    let equal = wanted.eq.as_ref().is_none_or(|eq| eq == value);
    let among = wanted.one_of.as_ref().is_none_or(|all| all.contains(value));
    equal && among && wanted.is_null != Some(true)
}
