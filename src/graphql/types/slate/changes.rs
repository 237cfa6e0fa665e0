//! Mutations of slates.

use async_graphql::{Context, InputObject, Object, Result};

use super::item::{Selection, Slate, SlateSignal};
use crate::domain::slates::model::SlateSlot;
use crate::foundation::{Id, id};
use crate::graphql::enums::values;
use crate::graphql::number::int;
use crate::graphql::payload::{payload, payload_errors, settle};
use crate::graphql::scalars::Date;
use crate::graphql::types::model::Model;
use crate::graphql::{ContextExt, Query};

/// The film to select from a slate.
#[derive(Clone, Debug, InputObject)]
pub struct SelectForSlateInput {
    /// ID of the slate.
    slate_id: Id<id::Slate>,
    /// ID of the film, which must be in the slate.
    content_id: Id<id::Content>,
    /// Signals that mattered for the selection (default: none). The bandit learns from them how much each counts.
    signals: Option<Vec<SlateSignal>>,
}

/// The slate to reject.
#[derive(Clone, Debug, InputObject)]
pub struct RegenerateSlateInput {
    /// ID of the slate.
    slate_id: Id<id::Slate>,
    /// Whether to make a new slate for the same hour.
    #[graphql(default = true)]
    renew: bool,
}

/// The hour to abandon.
#[derive(Clone, Debug, InputObject)]
pub struct AbandonSlateInput {
    /// ID of the channel.
    channel_id: Id<id::Channel>,
    /// Date in the time zone of the channel.
    date: Date,
    /// Hour in the time zone of the channel, 0–23.
    hour: i32,
}

payload_errors! {
    /// Errors that `selectForSlate` may return.
    SelectForSlateError: InvalidInput, NotFound, Conflict
}

payload_errors! {
    /// Errors that `regenerateSlate` may return.
    RegenerateSlateError: NotFound, Conflict
}

payload_errors! {
    /// Errors that `abandonSlate` may return.
    AbandonSlateError: InvalidInput, NotFound
}

payload_errors! {
    /// Errors that `checkpointBandit` may return.
    CheckpointBanditError: Conflict
}

payload! {
    /// Result of `selectForSlate`.
    SelectForSlatePayload(
        /// Why no film was selected; empty if one was.
        SelectForSlateError
    ) {
        /// The selection; null if there are errors.
        selection: Option<Selection>,
        /// The slate, which is closed now; null if there are errors.
        slate: Option<Slate>,
        /// Whether the same film had been selected from the slate before; nothing was changed then.
        repeated: bool,
    }
}

payload! {
    /// Result of `regenerateSlate`.
    RegenerateSlatePayload(
        /// Why the slate was not rejected; empty if it was.
        RegenerateSlateError
    ) {
        /// The rejected slate; null if there are errors.
        rejected: Option<Slate>,
        /// The new slate for the same hour; null if none was asked for or if there are errors.
        slate: Option<Slate>,
    }
}

payload! {
    /// Result of `abandonSlate`.
    AbandonSlatePayload(
        /// Why the hour was not abandoned; empty if it was.
        AbandonSlateError
    ) {
        /// Number of rejected films that may be offered for the hour again.
        readmitted: i32,
    }
}

payload_errors! {
    /// Errors that `resetTestData` may return.
    ResetTestDataError: Conflict
}

payload! {
    /// Result of `resetTestData`.
    ResetTestDataPayload(
        /// Why nothing was removed; empty if the data was.
        ResetTestDataError
    ) {
        /// Whether the data was removed.
        reset: bool,
    }
}

payload! {
    /// Result of `checkpointBandit`.
    CheckpointBanditPayload(CheckpointBanditError) {
        /// The new version, which is active now; null if there are errors.
        model: Option<Model>,
    }
}

/// Mutations of slates.
#[derive(Clone, Copy, Default)]
pub struct SlateMutation;

/// Mutations of slates.
#[Object]
impl SlateMutation {
    /// Selects a film from a slate for its hour. The bandit learns from it at once; every few selections become a
    /// version of it (setting `slates.checkpoint_every`). The same selection again changes nothing. Requires the
    /// role CURATOR or ADMIN.
    async fn select_for_slate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The film to select.")] input: SelectForSlateInput,
    ) -> Result<Option<SelectForSlatePayload>> {
        let slates = &ctx.services().slates;
        let signals = values(input.signals.unwrap_or_default());
        let selected = slates.select(ctx.viewer(), input.slate_id, input.content_id, signals);
        let (selected, errors) = settle(selected.await)?;
        ctx.loaders().forget();
        Ok(Some(SelectForSlatePayload {
            repeated: selected.as_ref().is_some_and(|selected| selected.repeated),
            slate: selected
                .as_ref()
                .map(|selected| selected.slate.clone().into()),
            selection: selected.map(|selected| selected.selection.into()),
            errors,
            query: Query::default(),
        }))
    }

    /// Rejects all films of a slate. The bandit learns from it, and the films stay out of slates for the same hour
    /// until it is abandoned. Requires the role CURATOR or ADMIN.
    async fn regenerate_slate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The slate to reject.")] input: RegenerateSlateInput,
    ) -> Result<Option<RegenerateSlatePayload>> {
        let slates = &ctx.services().slates;
        let rejected = slates
            .reject(ctx.viewer(), input.slate_id, input.renew)
            .await;
        let (rejected, errors) = settle(rejected)?;
        ctx.loaders().forget();
        let (rejected, slate) = rejected.unzip();
        Ok(Some(RegenerateSlatePayload {
            rejected: rejected.map(Into::into),
            slate: slate.flatten().map(Into::into),
            errors,
            query: Query::default(),
        }))
    }

    /// Abandons an hour of a channel: closes its open slate, from which nothing is learned, and lets rejected films
    /// be offered for it again. Requires the role CURATOR or ADMIN.
    async fn abandon_slate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The hour to abandon.")] input: AbandonSlateInput,
    ) -> Result<Option<AbandonSlatePayload>> {
        let slates = &ctx.services().slates;
        let abandoned = async {
            let slot = SlateSlot::new(input.channel_id, input.date.0, input.hour)?;
            slates.abandon(ctx.viewer(), slot).await
        };
        let (readmitted, errors) = settle(abandoned.await)?;
        ctx.loaders().forget();
        Ok(Some(AbandonSlatePayload {
            readmitted: readmitted.map_or(0, int),
            errors,
            query: Query::default(),
        }))
    }

    /// Stores what the bandit has learned since its last version as a new version, and activates it. Requires the
    /// role ADMIN.
    async fn checkpoint_bandit(
        &self,
        ctx: &Context<'_>,
    ) -> Result<Option<CheckpointBanditPayload>> {
        let done = ctx.services().slates.checkpoint(ctx.viewer()).await;
        ctx.loaders().forget();
        CheckpointBanditPayload::settle(done)
    }

    /// Removes all slates, selections and rejections, and all that the bandit has learned with its versions. Only in
    /// the schemas `test` and `demo`. Requires the role ADMIN.
    async fn reset_test_data(&self, ctx: &Context<'_>) -> Result<Option<ResetTestDataPayload>> {
        let done = ctx.services().slates.reset_test_data(ctx.viewer()).await;
        let (done, errors) = settle(done)?;
        ctx.loaders().forget();
        Ok(Some(ResetTestDataPayload {
            reset: done.is_some(),
            errors,
            query: Query::default(),
        }))
    }
}
