//! Channels: type, queries and mutations.

use std::sync::Arc;

use async_graphql::{Context, InputObject, MaybeUndefined, Object, Result};

use crate::domain::channels::model::{self as domain, Fields};
use crate::foundation::page::Window;
use crate::foundation::{Id, Refusal, id};
use crate::graphql::ContextExt;
use crate::graphql::connection::Connection;
use crate::graphql::payload::{not_removable, payload, payload_errors};
use crate::graphql::scalars::DateTime;

/// A television channel: one of the operator's own, or one of a competitor. Visible to curators and
/// admins.
#[derive(Clone, Debug)]
pub struct Channel(Arc<domain::Channel>);

impl From<domain::Channel> for Channel {
    fn from(channel: domain::Channel) -> Self {
        Self(Arc::new(channel))
    }
}

/// A television channel: one of the operator's own, or one of a competitor. Visible to curators and
/// admins.
#[Object]
impl Channel {
    /// Opaque, globally unique ID.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// Short unique name for commands and arguments, for example `film-one`.
    async fn key(&self) -> &str {
        &self.0.fields.key
    }

    /// Name of the channel for people.
    async fn name(&self) -> &str {
        &self.0.fields.name
    }

    /// Time zone of the channel's schedule, as a name of the IANA database: `Europe/Berlin`.
    async fn time_zone(&self) -> &str {
        &self.0.fields.time_zone
    }

    /// Whether the channel is one of the operator's own; false for a competitor's.
    async fn own(&self) -> bool {
        self.0.fields.own
    }

    /// IDs of the channel in television guides (XMLTV).
    async fn guide_ids(&self) -> &[String] {
        &self.0.fields.guide_ids
    }

    /// Time when the channel was created.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Time when the channel was last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}

/// Queries of channels.
#[derive(Clone, Copy, Default)]
pub struct ChannelQuery;

/// Queries of channels.
#[Object]
impl ChannelQuery {
    /// Fetches a channel by its key. Null if the channel does not exist. Requires the role CURATOR
    /// or ADMIN.
    async fn channel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Key of the channel, for example `film-one`.")] key: String,
    ) -> Result<Option<Channel>> {
        let found = ctx.services().channels.by_key(ctx.viewer(), &key).await?;
        Ok(found.map(Into::into))
    }

    /// Lists the channels, ordered by key. Requires the role CURATOR or ADMIN.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    async fn channels(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "If true, return only the operator's own channels; if false, only those of competitors (default: all channels)."
        )]
        own: Option<bool>,
        #[graphql(
            desc = "Number of channels to return from the start of the list, 1–100 (default 20). Not allowed together with `last` or `before`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Return the channels after this cursor, from `edges.cursor` or `pageInfo.endCursor`."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Number of channels to return from the end of the list, 1–100 (default 20 if `before` is given)."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Return the channels before this cursor, from `edges.cursor` or `pageInfo.startCursor`."
        )]
        before: Option<String>,
    ) -> Result<Option<Connection<Channel>>> {
        let window = Window::read(first, after, last, before)?;
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer().clone());
        let page = services.channels.list(&viewer, own, &window).await?;
        let total = move || {
            let (services, viewer) = (Arc::clone(&services), viewer.clone());
            async move { services.channels.count(&viewer, own).await }
        };
        let cursor = |channel: &Channel| channel.0.cursor();
        Ok(Some(Connection::new(page, cursor, total)))
    }
}

/// Properties of a new channel.
#[derive(Clone, Debug, InputObject)]
pub struct CreateChannelInput {
    /// Short unique name for commands and arguments: 1–60 lower-case letters, digits and hyphens,
    /// for example `film-one`.
    key: String,
    /// Name of the channel for people, 1–200 characters.
    name: String,
    /// Time zone of the channel's schedule, as a name of the IANA database: `Europe/Berlin`.
    time_zone: String,
    /// Whether the channel is one of the operator's own, and not a competitor's.
    #[graphql(default)]
    own: bool,
    /// IDs of the channel in television guides (XMLTV): at most 20, each of 1–200 characters, none of
    /// which another channel has.
    #[graphql(default)]
    guide_ids: Vec<String>,
}

/// Changes to a channel. Fields that are omitted remain unchanged.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateChannelInput {
    /// ID of the channel to change.
    id: Id<id::Channel>,
    /// Short unique name for commands and arguments. It cannot be removed: null is an error.
    key: MaybeUndefined<String>,
    /// Name of the channel for people, 1–200 characters. It cannot be removed: null is an error.
    name: MaybeUndefined<String>,
    /// Time zone of the channel's schedule, as a name of the IANA database. Imported times remain as
    /// they are. It cannot be removed: null is an error.
    time_zone: MaybeUndefined<String>,
    /// Whether the channel is one of the operator's own. It cannot be removed: null is an error.
    own: MaybeUndefined<bool>,
    /// IDs of the channel in television guides (XMLTV), which replace the present ones. The list
    /// cannot be removed: null is an error.
    guide_ids: MaybeUndefined<Vec<String>>,
}

impl UpdateChannelInput {
    /// The change of the present fields.
    fn read(self) -> Result<impl FnOnce(&mut Fields) + Send + 'static, Refusal> {
        let key = not_removable("key", self.key)?;
        let name = not_removable("name", self.name)?;
        let time_zone = not_removable("timeZone", self.time_zone)?;
        let own = not_removable("own", self.own)?;
        let guide_ids = not_removable("guideIds", self.guide_ids)?;
        Ok(move |fields: &mut Fields| {
            fields.key = key.unwrap_or_else(|| std::mem::take(&mut fields.key));
            fields.name = name.unwrap_or_else(|| std::mem::take(&mut fields.name));
            fields.time_zone = time_zone.unwrap_or_else(|| std::mem::take(&mut fields.time_zone));
            fields.own = own.unwrap_or(fields.own);
            fields.guide_ids = guide_ids.unwrap_or_else(|| std::mem::take(&mut fields.guide_ids));
        })
    }
}

/// The channel to delete.
#[derive(Clone, Debug, InputObject)]
pub struct DeleteChannelInput {
    /// ID of the channel to delete.
    id: Id<id::Channel>,
}

payload_errors! {
    /// Errors that `createChannel` may return.
    CreateChannelError: InvalidInput, Conflict
}

payload_errors! {
    /// Errors that `updateChannel` may return.
    UpdateChannelError: InvalidInput, NotFound, Conflict
}

payload_errors! {
    /// Errors that `deleteChannel` may return.
    DeleteChannelError: NotFound
}

payload! {
    /// Result of `createChannel`.
    CreateChannelPayload(CreateChannelError) {
        /// The new channel; null if there are errors.
        channel: Option<Channel>,
    }
}

payload! {
    /// Result of `updateChannel`.
    UpdateChannelPayload(UpdateChannelError) {
        /// The changed channel; null if there are errors.
        channel: Option<Channel>,
    }
}

payload! {
    /// Result of `deleteChannel`.
    DeleteChannelPayload(DeleteChannelError) {
        /// ID of the deleted channel; null if there are errors.
        deleted_id: Option<Id<id::Channel>>,
    }
}

/// Mutations of channels.
#[derive(Clone, Copy, Default)]
pub struct ChannelMutation;

/// Mutations of channels.
#[Object]
impl ChannelMutation {
    /// Creates a channel. Channels of competitors are also created by imports of television guides.
    /// Requires the role ADMIN.
    async fn create_channel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Properties of the new channel.")] input: CreateChannelInput,
    ) -> Result<Option<CreateChannelPayload>> {
        let fields = Fields {
            key: input.key,
            name: input.name,
            time_zone: input.time_zone,
            own: input.own,
            guide_ids: input.guide_ids,
        };
        let made = ctx.services().channels.create(ctx.viewer(), fields).await;
        ctx.loaders().forget();
        CreateChannelPayload::settle(made)
    }

    /// Changes a channel. Requires the role ADMIN.
    async fn update_channel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes to make.")] input: UpdateChannelInput,
    ) -> Result<Option<UpdateChannelPayload>> {
        let changed = async {
            let (viewer, service, id) = (ctx.viewer(), &ctx.services().channels, input.id);
            service.update(viewer, id, input.read()?).await
        };
        let changed = changed.await;
        ctx.loaders().forget();
        UpdateChannelPayload::settle(changed)
    }

    /// Deletes a channel with all its airings. Requires the role ADMIN.
    async fn delete_channel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The channel to delete.")] input: DeleteChannelInput,
    ) -> Result<Option<DeleteChannelPayload>> {
        let done = ctx.services().channels.delete(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        DeleteChannelPayload::settle(done.map(|()| input.id))
    }
}
