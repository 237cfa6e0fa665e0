//! Making slates.

use std::sync::Arc;

use parking_lot::Mutex;
use ranking::bandit::SlateContext;
use ranking::slate_signals::{AudienceModel, CuratorModel, MEMORY, RIVAL_WINDOW};
use rustc_hash::{FxHashMap, FxHashSet};

use super::films::FilmCache;
use super::holidays::Holidays;
use super::live_bandit::{BanditMemory, LiveBandit};
use super::model::{MAX_LENGTH, Slate, SlateSlot, SlateState};
use super::predictors::Predictor;
use super::ranking_task::{RankedSlate, RankingTask, broadcast, context_of};
use super::store::Store;
use crate::domain::SchemaContext;
use crate::domain::auth::Viewer;
use crate::domain::channels::{Channel, ChannelService};
use crate::domain::content::ContentService;
use crate::domain::models::{ModelHandle, ModelKind, ModelService};
use crate::engine::eligibility::Rules;
use crate::foundation::{Clock, Error, Id, Refusal, Result, Rng, id};
use crate::platform::config::{self, SchemaName};
use crate::platform::events::Events;
use crate::platform::objects::Objects;

/// How often somebody else may come first before a request gives up.
pub(super) const ATTEMPTS: usize = 5;

/// The slates of one schema.
#[derive(Clone)]
pub struct SlateService {
    pub(super) store: Store,
    pub(super) events: Events,
    pub(super) models: ModelService,
    pub(super) objects: Objects,
    pub(super) schema: SchemaName,
    pub(super) clock: Clock,
    pub(super) memory: Arc<BanditMemory>,
    pub(super) curator: Arc<ModelHandle<Predictor<CuratorModel>>>,
    pub(super) audience: Arc<ModelHandle<Predictor<AudienceModel>>>,
    pub(super) content: ContentService,
    pub(super) films: Arc<FilmCache>,
    channels: ChannelService,
    /// The numbers by which the bandit knows channels, which they keep for good.
    numbers: Arc<Mutex<FxHashMap<Id<id::Channel>, u16>>>,
    pub(super) rng: Rng,
    pub(super) settings: Arc<config::Settings>,
}

impl SlateService {
    /// The slates of the schema of `ctx`.
    pub fn new(
        ctx: &SchemaContext,
        content: ContentService,
        channels: ChannelService,
        models: ModelService,
    ) -> Self {
        Self {
            store: Store::new(ctx.db.clone()),
            events: ctx.events.clone(),
            models,
            objects: ctx.objects.clone(),
            schema: ctx.db.schema().clone(),
            clock: ctx.clock.clone(),
            memory: Arc::default(),
            curator: ModelHandle::new(ctx, ModelKind::Curator),
            audience: ModelHandle::new(ctx, ModelKind::Audience),
            content,
            films: Arc::default(),
            channels,
            numbers: Arc::default(),
            rng: ctx.rng.clone(),
            settings: Arc::clone(&ctx.settings),
        }
    }

    /// The slate of an hour: the one that is open or was selected from, or else a new one of `first` films.
    ///
    /// An open slate is replaced if another number of films is asked for, if one of them may not be offered any
    /// more, or if another version of the bandit was activated since.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] for whoever is no curator; [`Refusal::InvalidInput`] for
    /// a number out of range; [`Refusal::NotFound`] for an unknown channel; [`Refusal::Conflict`] where no film is
    /// eligible.
    pub async fn slate(&self, viewer: &Viewer, slot: SlateSlot, first: i32) -> Result<Slate> {
        viewer.curator()?;
        let length = length(first)?;
        let channel = self.own_channel(viewer, slot.channel);
        let (_, mut live, mut current) =
            tokio::try_join!(channel, self.begun_bandit(), self.store.current(slot))?;
        for _ in 0..ATTEMPTS {
            if let Some(slate) = &current
                && (slate.state == SlateState::Selected
                    || self.is_good(slate, length, &live).await?)
            {
                return Ok(slate.clone());
            }
            let seed = self.rng.seed().cast_signed();
            let slate = self.make(slot, length, seed, Arc::clone(&live)).await?;
            let replaced = current.map(|slate| slate.id);
            if self.store.insert(slate.clone(), replaced).await? {
                return Ok(slate);
            }
            (live, current) = tokio::try_join!(self.begun_bandit(), self.store.current(slot))?;
        }
        Err(busy())
    }

    /// The slate that an hour would get with this seed. Nothing is stored. For curators and admins.
    ///
    /// # Errors
    /// Those of [`SlateService::slate`].
    pub async fn preview(
        &self,
        viewer: &Viewer,
        slot: SlateSlot,
        first: i32,
        seed: i64,
    ) -> Result<Slate> {
        viewer.curator()?;
        let length = length(first)?;
        self.own_channel(viewer, slot.channel).await?;
        let live = self.begun_bandit().await?;
        self.make(slot, length, seed, live).await
    }

    /// One of our own channels.
    pub(super) async fn own_channel(
        &self,
        viewer: &Viewer,
        channel: Id<id::Channel>,
    ) -> Result<Channel> {
        let found = self
            .channels
            .find_many(viewer, &[channel])
            .await?
            .remove(&channel);
        let found = found.ok_or(Refusal::NotFound { thing: "channel" }.at("channelId"))?;
        if !found.fields.own {
            let message = format!(
                "{} is a competitor's channel; slates are for our own",
                found.fields.name
            );
            return Err(Refusal::invalid("channelId", message).into());
        }
        Ok(found)
    }

    /// The hour as the bandit sees it.
    pub(super) async fn context(&self, slot: SlateSlot) -> Result<SlateContext> {
        let known = self.numbers.lock().get(&slot.channel).copied();
        let number = match known {
            Some(number) => number,
            None => {
                let number = self.store.channel_number(slot.channel).await?;
                self.numbers.lock().insert(slot.channel, number);
                number
            }
        };
        context_of(slot, number)
    }

    /// Whether an open slate can be offered again.
    async fn is_good(&self, slate: &Slate, length: usize, live: &LiveBandit) -> Result<bool> {
        if slate.length != length || slate.epoch != live.epoch {
            return Ok(false);
        }
        let taken: FxHashSet<_> = self.store.taken(slate.slot).await?.into_iter().collect();
        let catalogue = self.content.catalogue().await?.read();
        let rules = Rules::on(slate.slot.date)
            .within(&catalogue)
            .for_broadcast()
            .without(&taken);
        let mut items = slate.items.iter();
        Ok(items.all(|item| rules.is_eligible_content(item.content)))
    }

    /// Makes a slate that is not stored yet.
    pub(super) async fn make(
        &self,
        slot: SlateSlot,
        length: usize,
        seed: i64,
        live: Arc<LiveBandit>,
    ) -> Result<Slate> {
        let window = RIVAL_WINDOW;
        let (first, last) = (small_offset(*window.start()), small_offset(*window.end()));
        let (showings, programmed, taken, context, curator, audience) = tokio::try_join!(
            self.store.showings(slot, (first, last)),
            self.store.last_programmed(slot, MEMORY),
            self.store.taken(slot),
            self.context(slot),
            self.curator_model(),
            self.audience_model(),
        )?;
        let task = RankingTask {
            slot,
            length,
            seed,
            context,
            broadcast: broadcast(slot, self.holidays().has(slot.date)),
            curator,
            audience,
            showings,
            programmed,
            taken: taken.into_iter().collect(),
            films: Arc::clone(&self.films),
            live: Arc::clone(&live),
        };
        let catalogue = self.content.catalogue().await?.clone();
        let ranked = tokio::task::spawn_blocking(move || task.run(&catalogue.read())).await;
        let RankedSlate {
            weights,
            items,
            candidates,
            log,
        } = ranked.map_err(anyhow::Error::from)??;
        if items.is_empty() {
            let message = "no film is eligible for this hour: a film needs rights for the date, a broadcast that is \
                           left, and must be neither selected already nor rejected for the hour";
            let message = message.to_owned();
            return Err(Refusal::Conflict { message }.into());
        }
        Ok(Slate {
            id: Id::new(&self.clock, &self.rng),
            slot,
            state: SlateState::Open,
            length,
            candidates,
            model: live.version,
            model_name: live.name.clone(),
            epoch: live.epoch,
            seed,
            weights,
            items,
            log,
            created_at: self.clock.now(),
            closed_at: None,
        })
    }

    /// The holidays of the settings.
    pub(super) fn holidays(&self) -> Holidays {
        Holidays::new(&self.settings.slates.holidays)
    }
}

fn length(first: i32) -> Result<usize> {
    let length = usize::try_from(first).ok();
    let length = length.filter(|length| (1..=MAX_LENGTH).contains(length));
    let wrong = || {
        let message = format!("a slate has 1 to {MAX_LENGTH} films, not {first}");
        Refusal::invalid("first", message)
    };
    Ok(length.ok_or_else(wrong)?)
}

/// The days of a window of the maths as the database takes them.
fn small_offset(days: i64) -> i32 {
    i32::try_from(days).unwrap_or(i32::MAX)
}

pub(super) fn busy() -> Error {
    Error::Unavailable(
        "others change the slates of this hour at the same moment; try again".to_owned(),
    )
}
