//! What has an id of its own.

use async_graphql::{Context, ID, Interface, Object, Result};
use futures::future::join_all;

use super::api_key::ApiKey;
use super::channel::Channel;
use super::competition::Airing;
use super::content::Content;
use super::experiment::{Experiment, ExperimentVariant};
use super::interaction::Interaction;
use super::job::Job;
use super::model::Model;
use super::person::Person;
use super::recommendation::RecommendationList;
use super::slate::{Selection, Slate};
use super::upload::UploadedFile;
use super::user::User;
use crate::foundation::id::Kind;
use crate::foundation::page::MAX_SIZE;
use crate::foundation::{Id, Refusal, id};
use crate::graphql::ContextExt;

/// An object with a globally unique ID, by which it can be fetched.
#[derive(Clone, Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Opaque, globally unique ID."))]
#[expect(missing_docs, reason = "each variant is the type of its name")]
pub enum Node {
    Content(Content),
    Person(Person),
    Interaction(Interaction),
    Model(Model),
    Job(Job),
    Upload(UploadedFile),
    List(RecommendationList),
    Slate(Slate),
    Selection(Selection),
    User(User),
    ApiKey(ApiKey),
    Channel(Channel),
    Airing(Airing),
    Experiment(Experiment),
    Variant(ExperimentVariant),
}

macro_rules! fetched_by_id {
    ($($kind:ident => $loader:ident,)*) => {
        /// The object of this id, through the same loader, and so the same access check, as
        /// everywhere else.
        async fn fetch(ctx: &Context<'_>, text: &str, argument: &str) -> Result<Option<Node>> {
            let prefix = text.split_once('_').map_or("", |(prefix, _)| prefix);
            match prefix {
                $(<id::$kind as Kind>::PREFIX => {
                    let id: Id<id::$kind> = text
                        .parse()
                        .map_err(|error: id::InvalidId| Refusal::invalid(argument, error.to_string()))?;
                    let found = ctx.loaders().$loader.load_one(id).await?;
                    Ok(found.map(|found| Node::$kind(found.into())))
                })*
                known if id::PREFIXES.contains(&known) => {
                    let message = "things of this kind are not fetched by their id alone";
                    Err(Refusal::invalid(argument, message).into())
                }
                _ => Err(Refusal::invalid(argument, "this is not an id of this server").into()),
            }
        }
    };
}

// The next kind with a loader goes here, and into `Node` above.
fetched_by_id! {
    Content => content,
    Person => people,
    User => users,
    ApiKey => api_keys,
    Interaction => interactions,
    Model => models,
    Job => jobs,
    Upload => uploads,
    List => lists,
    Slate => slates,
    Selection => selections,
    Channel => channels,
    Airing => airings,
    Experiment => experiments,
    Variant => variants,
}

/// Queries by ID.
#[derive(Clone, Copy, Default)]
pub struct NodeQuery;

/// Queries by ID.
#[Object]
impl NodeQuery {
    /// Fetches an object by its ID. Null if it does not exist or the viewer may not see it.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the object.")] id: ID,
    ) -> Result<Option<Node>> {
        fetch(ctx, &id, "id").await
    }

    /// Fetches several objects by their IDs, in the same order. Null for those that do not exist or
    /// that the viewer may not see, and, with an error, for what is no ID.
    #[graphql(complexity = "ids.len().clamp(1, 100) * child_complexity")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "IDs of the objects, at most 100.")] ids: Vec<ID>,
    ) -> Result<Option<Vec<Option<Result<Node>>>>> {
        if ids.len() > MAX_SIZE {
            let message = format!("at most {MAX_SIZE} ids at once, not {}", ids.len());
            return Err(Refusal::invalid("ids", message).into());
        }
        let fetched = ids.iter().map(|id| fetch(ctx, id, "ids"));
        let fetched = join_all(fetched).await.into_iter();
        Ok(Some(fetched.map(Result::transpose).collect()))
    }
}
