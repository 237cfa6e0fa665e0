//! Reading what a user did, and making a profile of it.

use chrono::{DateTime, Utc};

use super::store::Store;
use crate::domain::SchemaContext;
use crate::domain::embeddings::EmbeddingService;
use crate::domain::interactions::InteractionService;
use crate::engine::history::{History, Profile, dot};
use crate::foundation::{Id, Result, id};

/// The profiles of one schema. Whoever calls it has decided that they may be read.
#[derive(Clone)]
pub struct ProfileService {
    store: Store,
    interactions: InteractionService,
    embeddings: EmbeddingService,
}

impl ProfileService {
    /// The profiles of the schema of `ctx`.
    pub fn new(
        ctx: &SchemaContext,
        interactions: InteractionService,
        embeddings: EmbeddingService,
    ) -> Self {
        Self {
            store: Store::new(ctx.db.clone()),
            interactions,
            embeddings,
        }
    }

    /// What `user` did, the last thing included, and what it comes to by the weights in force.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn history(&self, user: Id<id::User>) -> Result<History> {
        let weights = self.interactions.weights().await?;
        Ok(History::new(self.store.events(user).await?, weights))
    }

    /// The profile that this history makes at `now` in the space that is served; `None` where there is
    /// no space, or nothing of the history is in it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn profile(&self, history: &History, now: DateTime<Utc>) -> Result<Option<Profile>> {
        let Some(embedding) = self.embeddings.active().await? else {
            return Ok(None);
        };
        let vectors = self.embeddings.vectors(&history.profiled()).await?;
        Ok(history.profile(now, embedding.dimensions, |item| vectors.get(&item)))
    }

    /// How near these items are to what the user has come to like and to what they do just now, of
    /// those that have a place in the space that is served; in no order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn affinities(
        &self,
        profile: &Profile,
        items: &[Id<id::Content>],
    ) -> Result<Affinities> {
        let fit = profile.long_term_fit();
        let fresh = profile.has_session();
        let mut affinities = Affinities::default();
        let mut judge = |item, vector: &[f32]| {
            // Another space may have come into service since the profile was made.
            if vector.len() == profile.long_term.len() {
                affinities.long_term.push((item, fit(vector)));
                if fresh {
                    affinities
                        .session
                        .push((item, dot(&profile.session, vector)));
                }
            }
        };
        self.embeddings.visit(items, &mut judge).await?;
        Ok(affinities)
    }
}

/// The affinities of items to a user, from −1 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Affinities {
    /// As [`Profile::long_term_fit`] says.
    pub long_term: Vec<(Id<id::Content>, f32)>,
    /// The cosine to the session; empty where there is none.
    pub session: Vec<(Id<id::Content>, f32)>,
}
