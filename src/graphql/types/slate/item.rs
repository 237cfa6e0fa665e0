//! Types of slates.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Object, Result, SimpleObject};

use crate::domain::slates::model as domain;
use crate::graphql::ContextExt;
use crate::graphql::enums::graphql_enum;
use crate::graphql::number::int;
use crate::graphql::scalars::{Date, DateTime};
use crate::graphql::types::channel::Channel;
use crate::graphql::types::content::Content;
use crate::graphql::types::model::Model;
use crate::graphql::types::user::User;

graphql_enum!(domain::SlateSignal as SlateSignal);
graphql_enum!(domain::SlateState as SlateState);

/// Films offered for an hour of a channel, ranked by six signals whose weights a contextual bandit has sampled.
#[derive(Clone, Debug)]
pub struct Slate(pub Arc<domain::Slate>);

impl From<domain::Slate> for Slate {
    fn from(slate: domain::Slate) -> Self {
        Self(Arc::new(slate))
    }
}

/// Films offered for an hour of a channel, ranked by six signals whose weights a contextual bandit has sampled.
/// Visible to curators and admins.
#[Object]
impl Slate {
    /// Opaque, globally unique ID.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// The channel; null if it was deleted.
    async fn channel(&self, ctx: &Context<'_>) -> Result<Option<Channel>> {
        let channel = ctx.loaders().channels.load_one(self.0.slot.channel).await?;
        Ok(channel.map(Into::into))
    }

    /// Date in the time zone of the channel.
    async fn date(&self) -> Date {
        Date(self.0.slot.date)
    }

    /// Hour in the time zone of the channel, 0–23.
    async fn hour(&self) -> i32 {
        self.0.slot.hour.into()
    }

    /// State of this slate.
    async fn state(&self) -> SlateState {
        self.0.state.into()
    }

    /// Number of films that was asked for. There are fewer items if fewer films are eligible.
    async fn length(&self) -> i32 {
        int(self.0.length)
    }

    /// Number of eligible films, from which the items were chosen.
    async fn candidate_count(&self) -> i32 {
        int(self.0.candidates)
    }

    /// Version of the bandit that ranked the films, and the number of slates that it had learned from since,
    /// for example `1.2.0+2`; `prior` before the first version.
    async fn model_version(&self) -> &str {
        &self.0.model_name
    }

    /// Version of the bandit that ranked the films; null before the first version, and if it was deleted.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>> {
        let Some(model) = self.0.model else {
            return Ok(None);
        };
        let model = ctx.loaders().models.load_one(model).await?;
        Ok(model.map(Into::into))
    }

    /// Seed of the draw, as a decimal number. The same seed, state of the bandit and candidates give the same
    /// slate.
    async fn seed(&self) -> String {
        self.0.seed.to_string()
    }

    /// Weights of the signals that were sampled for this slate; the same for all its films.
    async fn weights(&self) -> Vec<SampledWeight> {
        let weights = domain::SlateSignal::ALL.iter().zip(self.0.weights);
        weights
            .map(|(signal, weight)| SampledWeight {
                signal: (*signal).into(),
                weight,
            })
            .collect()
    }

    /// The films, best first.
    async fn items(&self) -> Vec<SlateItem> {
        let items = 0..self.0.items.len();
        items
            .map(|index| SlateItem {
                slate: Arc::clone(&self.0),
                index,
            })
            .collect()
    }

    /// The selection of a film from this slate; null if there is none.
    #[graphql(complexity = "2 + child_complexity")]
    async fn selection(&self, ctx: &Context<'_>) -> Result<Option<Selection>> {
        if self.0.state != domain::SlateState::Selected {
            return Ok(None);
        }
        let selection = ctx
            .loaders()
            .selections_of_slates
            .load_one(self.0.id)
            .await?;
        Ok(selection.map(Into::into))
    }

    /// Time when the slate was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Time when a film was selected, or when the slate was rejected, abandoned or replaced; null while it is
    /// open.
    async fn closed_at(&self) -> Option<DateTime> {
        self.0.closed_at.map(DateTime)
    }
}

/// Weight of a signal that was sampled for a slate.
#[derive(Clone, Debug, SimpleObject)]
pub struct SampledWeight {
    /// The weighted signal.
    signal: SlateSignal,
    /// Weight in this slate.
    weight: f64,
}

/// A film of a slate.
#[derive(Clone, Debug)]
pub struct SlateItem {
    slate: Arc<domain::Slate>,
    index: usize,
}

impl SlateItem {
    fn item(&self) -> &domain::SlateItem {
        // Made by `Slate::items`, from the indices of this list.
        &self.slate.items[self.index]
    }
}

/// A film of a slate.
#[Object]
impl SlateItem {
    /// Rank of the film, starting at 1.
    async fn rank(&self) -> i32 {
        int(self.item().rank)
    }

    /// The film; null if it was deleted.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let content = ctx.loaders().content.load_one(self.item().content).await?;
        Ok(content.map(Into::into))
    }

    /// Score by which the film is ranked. Higher is better.
    async fn score(&self) -> f64 {
        self.item().score
    }

    /// Probability that the film is in a slate of this length, over the draws of the bandit, in (0, 1].
    async fn propensity(&self) -> f64 {
        self.item().propensity
    }

    /// Predicted number of viewers; null if there is no model of audiences.
    async fn predicted_audience(&self) -> Option<f64> {
        self.item().audience
    }

    /// The six signals of the film with their weights.
    async fn signals(&self) -> Vec<SignalValue> {
        let values = domain::SlateSignal::ALL.iter().zip(self.item().signals);
        values
            .zip(self.slate.weights)
            .map(|((signal, value), weight)| SignalValue {
                signal: (*signal).into(),
                value,
                weight,
                weighted: value * weight,
            })
            .collect()
    }
}

/// Value of a signal for a film.
#[derive(Clone, Debug, SimpleObject)]
pub struct SignalValue {
    /// The measured signal.
    signal: SlateSignal,
    /// Value of the signal, in [0, 1].
    value: f64,
    /// Weight of the signal in this slate.
    weight: f64,
    /// Value times weight; the score of the film is the sum over its signals.
    weighted: f64,
}

/// A film that a curator selected for an hour of a channel.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex, name = "SlateSelection")]
pub struct Selection {
    /// Date in the time zone of the channel.
    date: Date,
    /// Hour in the time zone of the channel, 0–23.
    hour: i32,
    /// Signals that mattered for the selection, as far as the curator said.
    signals: Vec<SlateSignal>,
    /// Time of the selection.
    selected_at: DateTime,
    #[graphql(skip)]
    pub(super) selection: Arc<domain::Selection>,
}

impl From<domain::Selection> for Selection {
    fn from(selection: domain::Selection) -> Self {
        Self {
            date: Date(selection.slot.date),
            hour: selection.slot.hour.into(),
            signals: selection.signals.iter().copied().map(Into::into).collect(),
            selected_at: DateTime(selection.selected_at),
            selection: Arc::new(selection),
        }
    }
}

#[ComplexObject]
impl Selection {
    /// Opaque, globally unique ID.
    pub async fn id(&self) -> async_graphql::ID {
        self.selection.id.into()
    }

    /// The channel; null if it was deleted.
    async fn channel(&self, ctx: &Context<'_>) -> Result<Option<Channel>> {
        let channel = self.selection.slot.channel;
        let channel = ctx.loaders().channels.load_one(channel).await?;
        Ok(channel.map(Into::into))
    }

    /// The selected film; null if it was deleted.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let content = ctx
            .loaders()
            .content
            .load_one(self.selection.content)
            .await?;
        Ok(content.map(Into::into))
    }

    /// The slate that the film was selected from; null if it was deleted.
    async fn slate(&self, ctx: &Context<'_>) -> Result<Option<Slate>> {
        let slate = ctx.loaders().slates.load_one(self.selection.slate).await?;
        Ok(slate.map(Into::into))
    }

    /// The curator. Null if the film was selected on the command line, if the user was erased, and if the
    /// viewer may not see them.
    async fn curator(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let Some(curator) = self.selection.curator else {
            return Ok(None);
        };
        Ok(ctx.loaders().users.load_one(curator).await?.map(Into::into))
    }
}
