//! Recording what users do.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::model::{Interaction, MAX_AT_ONCE, NewInteraction, Recorded, bad_attribution};
use super::service::InteractionService;
use super::store::{Candidate, IdempotencyKey, Seen, Written};
use crate::domain::auth::{Scope, Viewer};
use crate::foundation::{ExternalId, Id, Reference, Refusal, Result, id};
use crate::platform::cache::Tag;

/// What became of one of many interactions: on record, or refused with the reason.
pub type Outcome = Result<Recorded, Refusal>;

impl InteractionService {
    /// Records one interaction, of the viewer or of the user it names.
    ///
    /// # Errors
    /// Those of [`InteractionService::record_many`], and the refusal of the interaction itself.
    pub async fn record(&self, viewer: &Viewer, new: NewInteraction) -> Result<Recorded> {
        let outcome = self.record_all(viewer, vec![Ok(new)]).await?.pop();
        let outcome = outcome.ok_or_else(|| anyhow::anyhow!("one interaction has one outcome"))?;
        Ok(outcome?)
    }

    /// Records up to [`MAX_AT_ONCE`] interactions, of the viewer or of the users they name. Each
    /// has its own outcome, in the order given: the good ones are kept though others are refused.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] if any is of a user whom the viewer may
    /// not act for, [`Refusal::InvalidInput`] for too many or none; nothing is recorded then.
    pub async fn record_many(
        &self,
        viewer: &Viewer,
        new: Vec<NewInteraction>,
    ) -> Result<Vec<Outcome>> {
        self.record_rows(viewer, new.into_iter().map(Ok).collect())
            .await
    }

    /// The same, where some could not be read and are refused already.
    ///
    /// # Errors
    /// Those of [`InteractionService::record_many`].
    pub async fn record_rows(
        &self,
        viewer: &Viewer,
        new: Vec<Result<NewInteraction, Refusal>>,
    ) -> Result<Vec<Outcome>> {
        if !(1..=MAX_AT_ONCE).contains(&new.len()) {
            let message = format!("between 1 and {MAX_AT_ONCE} interactions at once");
            return Err(Refusal::invalid("interactions", message).into());
        }
        let outcomes = self.record_all(viewer, new).await?;
        let indexed = |(index, outcome): (usize, Outcome)| {
            let outer = ["interactions".to_owned(), index.to_string()];
            outcome.map_err(|refusal| refusal.under(outer))
        };
        Ok(outcomes.into_iter().enumerate().map(indexed).collect())
    }

    async fn record_all(
        &self,
        viewer: &Viewer,
        new: Vec<Result<NewInteraction, Refusal>>,
    ) -> Result<Vec<Outcome>> {
        let now = self.clock.now();
        let named = Named::find(self, viewer, &new, now).await?;
        let mut read = Vec::with_capacity(new.len());
        for new in new {
            let new = match new {
                Ok(new) => new,
                Err(refusal) => {
                    read.push(Err(refusal));
                    continue;
                }
            };
            let user = named.user(viewer, &new)?;
            let interaction = match (user, named.content(&new)) {
                (Ok(user), Ok(content)) => new.read((user, content), now, self.rng.bytes()),
                // What is wrong with the interaction itself comes first: nothing was created for it.
                (Err(refusal), _) | (_, Err(refusal)) => {
                    let own = new.read(nobody(), now, [0; 10]);
                    Err(own.err().unwrap_or(refusal))
                }
            };
            read.push(interaction.map(|interaction| Candidate {
                key: new.idempotency_key.clone().map(|name| IdempotencyKey {
                    name,
                    request: new.request_hash(&interaction),
                    dated: new.occurred_at.is_some(),
                }),
                interaction,
            }));
        }
        // What was recorded before stays so, whatever has become of the content since.
        let candidates: Vec<&Candidate> = read.iter().flatten().collect();
        let before = self.store.seen(&candidates).await?;
        let fresh: Vec<&Candidate> = candidates
            .into_iter()
            .filter(|candidate| before.seen(candidate).is_none())
            .collect();
        let pairs: Vec<_> = fresh
            .iter()
            .map(|candidate| (candidate.interaction.user, candidate.interaction.content))
            .collect();
        let visible = self.content.visible_to(viewer, &pairs).await?;
        let served = self.store.served(&fresh).await?;
        let mut outcomes = Vec::with_capacity(read.len());
        let mut wanted = Vec::new();
        for candidate in read {
            let checked = candidate.and_then(|candidate| {
                if let Some(earlier) = before.seen(&candidate) {
                    return Ok(Err(earlier));
                }
                let Interaction { user, content, .. } = candidate.interaction;
                if !visible.contains(&(user, content)) {
                    let thing = "content item";
                    return Err(Refusal::NotFound { thing }.at("contentId"));
                }
                let led_here = |attribution| served.get(&attribution) == Some(&(user, content));
                if !candidate.interaction.attribution.is_none_or(led_here) {
                    return Err(bad_attribution());
                }
                Ok(Ok(candidate))
            });
            outcomes.push(match checked {
                Err(refusal) => Some(Err(refusal)),
                Ok(Err(earlier)) => Some(repeated(earlier)),
                Ok(Ok(candidate)) => {
                    wanted.push(candidate);
                    None
                }
            });
        }
        let users = wanted.iter().map(|new| new.interaction.user);
        let touched: HashSet<Tag> = users.map(Tag::User).collect();
        let touched = Vec::from_iter(touched);
        let cache = self.cache.clone();
        let changed = touched.clone();
        // Who hears of it and asks at once must not get what was kept.
        let told = move |_: &Vec<Written>| cache.invalidate(&changed);
        let written = self
            .store
            .write(wanted, now, self.events.origin(), told)
            .await;
        // Also after a failure: the commit may have been heard and its answer lost.
        if written.is_err() {
            self.cache.invalidate(&touched);
        }
        let mut written = written?.into_iter();
        let settled = outcomes.into_iter().map(|outcome| match outcome {
            Some(outcome) => Ok(outcome),
            None => written
                .next()
                .map(|written| match written {
                    Written::Recorded(interaction) => Ok(Recorded {
                        interaction,
                        repeated: false,
                    }),
                    Written::Seen(earlier) => repeated(earlier),
                    Written::NoSuchUser => Err(Refusal::NotFound { thing: "user" }.at("userId")),
                })
                .ok_or_else(|| anyhow::anyhow!("each interaction written has an outcome").into()),
        });
        settled.collect()
    }
}

/// Whom and what the external ids of a call name.
#[derive(Default)]
struct Named {
    users: HashMap<ExternalId, Id<id::User>>,
    items: HashMap<ExternalId, Id<id::Content>>,
}

impl Named {
    /// Looks the external ids of `new` up, and creates what is not known where the settings say so and the viewer may
    /// record for others. Nothing is created for an interaction that is refused for itself.
    async fn find(
        service: &InteractionService,
        viewer: &Viewer,
        new: &[Result<NewInteraction, Refusal>],
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let new = || new.iter().flatten();
        let users = distinct(new().filter_map(external_user));
        let items = distinct(new().filter_map(|new| new.content.external()));
        let mut named = Self {
            users: service.users.named_by(&users).await?,
            items: service.content.named_by(&items).await?,
        };
        if viewer.admin_or(Scope::InteractionsWrite).is_err() {
            return Ok(named);
        }
        let good: Vec<&NewInteraction> = new()
            .filter(|new| new.read(nobody(), now, [0; 10]).is_ok())
            // An interaction without a user is refused as a whole.
            .filter(|new| new.user.is_some() || viewer.user().is_some())
            .collect();
        if service.users.creates_unknown() {
            let unknown = good.iter().filter_map(|new| external_user(new));
            let unknown = distinct(unknown.filter(|name| !named.users.contains_key(*name)));
            named
                .users
                .extend(service.users.create_unknown(viewer, unknown).await?);
        }
        if service.content.creates_unknown() {
            let unknown = good.iter().filter(|new| named.knows_user(new));
            let unknown = unknown.filter_map(|new| new.content.external());
            let unknown = distinct(unknown.filter(|name| !named.items.contains_key(*name)));
            named
                .items
                .extend(service.content.create_unknown(viewer, unknown).await?);
        }
        Ok(named)
    }

    fn knows_user(&self, new: &NewInteraction) -> bool {
        external_user(new).is_none_or(|name| self.users.contains_key(name))
    }

    /// Whose interaction this is; the inner error is that of this interaction alone.
    fn user(&self, viewer: &Viewer, new: &NewInteraction) -> Result<Result<Id<id::User>, Refusal>> {
        let user = match &new.user {
            None => viewer.signed_in()?,
            Some(Reference::Id(id)) => *id,
            Some(Reference::External(name)) => match self.users.get(name) {
                Some(user) => *user,
                None => {
                    // Who may not act for others does not learn who exists.
                    viewer.admin_or(Scope::InteractionsWrite)?;
                    let refusal = Refusal::NotFound { thing: "user" };
                    return Ok(Err(refusal.under(["user", "externalId"].map(str::to_owned))));
                }
            },
        };
        viewer.may_act_for(user, Scope::InteractionsWrite)?;
        Ok(Ok(user))
    }

    fn content(&self, new: &NewInteraction) -> Result<Id<id::Content>, Refusal> {
        match &new.content {
            Reference::Id(id) => Ok(*id),
            Reference::External(name) => self.items.get(name).copied().ok_or_else(|| {
                let thing = "content item";
                Refusal::NotFound { thing }.under(["content", "externalId"].map(str::to_owned))
            }),
        }
    }
}

/// In place of a user and an item, to check what does not depend on them.
fn nobody() -> (Id<id::User>, Id<id::Content>) {
    (uuid::Uuid::nil().into(), uuid::Uuid::nil().into())
}

fn external_user(new: &NewInteraction) -> Option<&ExternalId> {
    new.user.as_ref().and_then(Reference::external)
}

fn distinct<'a>(names: impl Iterator<Item = &'a ExternalId>) -> Vec<ExternalId> {
    let distinct: HashSet<&ExternalId> = names.collect();
    distinct.into_iter().cloned().collect()
}

/// What is said when an idempotency key comes again.
fn repeated(earlier: Seen) -> Outcome {
    let message = match earlier {
        Seen::Same(Some(interaction)) => {
            return Ok(Recorded {
                interaction,
                repeated: true,
            });
        }
        Seen::Same(None) => {
            "this was recorded and then taken back; to record it anew, use a new idempotency key"
        }
        Seen::Different => "this idempotency key was used for something else; use a new one",
    };
    let message = message.to_owned();
    Err(Refusal::Conflict { message }.at("idempotencyKey"))
}
