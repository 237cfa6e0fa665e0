//! Making slates, and learning from what curators decide about them.

use std::sync::Arc;

use ranking::bandit::{Context, Outcome, Signal, SlateFeedback};
use ranking::slate_signals::{AudienceModel, CuratorModel, MEMORY, RIVAL_WINDOW};
use rustc_hash::FxHashSet;

use super::films::FilmCache;
use super::holidays::Holidays;
use super::live_bandit::{self, BanditMemory, LiveBandit};
use super::model::{MAX_LENGTH, Selected, Selection, Slate, SlateSignal, SlateSlot, SlateState};
use super::predictors::Predictor;
use super::ranking_task::{RankedSlate, RankingTask, broadcast, context_of};
use super::store::{Closed, Closing, Store};
use crate::domain::SchemaContext;
use crate::domain::auth::Viewer;
use crate::domain::channels::{Channel, ChannelService};
use crate::domain::content::ContentService;
use crate::domain::models::{ModelHandle, ModelKind, ModelService, ModelVersion};
use crate::engine::eligibility::Rules;
use crate::foundation::{Clock, Error, Id, Refusal, Result, Rng, id};
use crate::platform::config::{self, SchemaName};
use crate::platform::events::Events;
use crate::platform::objects::Objects;

/// How often somebody else may come first before a request gives up.
const ATTEMPTS: usize = 5;

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
    rng: Rng,
    settings: Arc<config::Settings>,
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
        self.own_channel(viewer, slot.channel).await?;
        for _ in 0..ATTEMPTS {
            let live = self.live_bandit().await?;
            let current = self.store.current(slot).await?;
            if let Some(slate) = &current
                && (slate.state == SlateState::Selected
                    || self.is_good(slate, length, &live).await?)
            {
                return Ok(slate.clone());
            }
            let seed = self.rng.seed().cast_signed();
            let slate = self.make(slot, length, seed, live).await?;
            let replaced = current.map(|slate| slate.id);
            if self.store.insert(slate.clone(), replaced).await? {
                return Ok(slate);
            }
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
        let live = self.live_bandit().await?;
        self.make(slot, length, seed, live).await
    }

    /// Selects a film from a slate: the bandit has learned from it when this returns. `signals` are those that
    /// mattered, as far as the curator says. The same film again changes nothing.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no curator; [`Refusal::NotFound`] for an unknown slate;
    /// [`Refusal::InvalidInput`] for a film that is not in it; [`Refusal::Conflict`] for a slate that is closed, and
    /// for a film that is selected for another hour.
    pub async fn select(
        &self,
        viewer: &Viewer,
        slate: Id<id::Slate>,
        content: Id<id::Content>,
        mut signals: Vec<SlateSignal>,
    ) -> Result<Selected> {
        viewer.curator()?;
        signals.sort_unstable_by_key(|signal| signal.index());
        signals.dedup();
        let known = self.find(slate).await?;
        let selection = Selection {
            id: Id::new(&self.clock, &self.rng),
            slate,
            slot: known.slot,
            content,
            signals,
            curator: viewer.user(),
            selected_at: self.clock.now(),
        };
        let closed = self.decide(known, Some(selection.clone())).await?;
        match closed {
            Decided::Repeated(slate, selection) => Ok(Selected {
                selection,
                slate,
                repeated: true,
            }),
            Decided::Done(slate) => Ok(Selected {
                selection,
                slate,
                repeated: false,
            }),
        }
    }

    /// Rejects all films of a slate: the bandit has learned from it when this returns, and they stay out of slates
    /// for the same hour. With `renew` a new slate follows.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no curator; [`Refusal::NotFound`] for an unknown slate;
    /// [`Refusal::Conflict`] for a slate that is closed.
    pub async fn reject(
        &self,
        viewer: &Viewer,
        slate: Id<id::Slate>,
        renew: bool,
    ) -> Result<(Slate, Option<Slate>)> {
        viewer.curator()?;
        let known = self.find(slate).await?;
        let (slot, length) = (known.slot, i32::try_from(known.length).unwrap_or(1));
        let (Decided::Done(rejected) | Decided::Repeated(rejected, _)) =
            self.decide(known, None).await?;
        let next = match renew {
            // It is rejected whatever comes next: an hour may have no further film.
            true => match self.slate(viewer, slot, length).await {
                Err(Error::Refused(Refusal::Conflict { .. })) => None,
                next => Some(next?),
            },
            false => None,
        };
        Ok((rejected, next))
    }

    /// Abandons an hour: its open slate is closed, from which nothing is learned, and what was rejected for it may
    /// be offered again. Returns how many films that are.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no curator; [`Refusal::NotFound`] for an unknown channel.
    pub async fn abandon(&self, viewer: &Viewer, slot: SlateSlot) -> Result<u64> {
        viewer.curator()?;
        self.own_channel(viewer, slot.channel).await?;
        self.store.abandon(slot, self.clock.now()).await
    }

    /// Keeps what the bandit has learned since its last version as a new version, and activates it. For admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for others; [`Refusal::Conflict`] where nothing was learned since.
    pub async fn checkpoint(&self, viewer: &Viewer) -> Result<ModelVersion> {
        viewer.admin()?;
        self.live_bandit().await?;
        let kept = self.keep_version(|row| row.updates > 0).await?;
        kept.ok_or_else(live_bandit::nothing_new)
    }

    /// Removes all slates, selections and rejections, and all that the bandit has learned with its versions. For
    /// admins, in the schemas `test` and `demo` only.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for others; [`Refusal::Conflict`] in any other schema.
    pub async fn reset_test_data(&self, viewer: &Viewer) -> Result<()> {
        viewer.admin()?;
        if !["test", "demo"].contains(&self.schema.as_str()) {
            let message = format!(
                "the data of the schema `{}` is not for tests; only `test` and `demo` can be reset",
                self.schema
            );
            return Err(Refusal::Conflict { message }.into());
        }
        self.store.remove_all().await?;
        self.models.discard_all(viewer, ModelKind::Bandit).await
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
    pub(super) async fn context(&self, slot: SlateSlot) -> Result<Context> {
        let number = self.store.channel_number(slot.channel).await?;
        context_of(slot, number)
    }

    async fn find(&self, slate: Id<id::Slate>) -> Result<Slate> {
        let found = self.store.find_many(&[slate]).await?.pop();
        Ok(found.ok_or(Refusal::NotFound { thing: "slate" })?)
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

    async fn decide(&self, slate: Slate, selection: Option<Selection>) -> Result<Decided> {
        let context = self.context(slate.slot).await?;
        for _ in 0..ATTEMPTS {
            // Takes up another version first, if one was activated.
            self.live_bandit().await?;
            let active = self.models.active(ModelKind::Bandit).await?;
            let closing = Closing {
                slate: slate.id,
                selection: selection.clone(),
                now: self.clock.now(),
            };
            let learn = move |row: &_, slate: &Slate, selection: Option<&Selection>| {
                let feedback = feedback(slate, selection, context);
                live_bandit::learn(row, slate, selection, feedback)
            };
            let active = active.map(|version| version.id);
            let closed = self.store.close(closing, active, Box::new(learn)).await?;
            match closed {
                Closed::Outdated => {}
                Closed::Repeated(slate, selection) => {
                    return Ok(Decided::Repeated(slate, selection));
                }
                Closed::Done { slate, selections } => {
                    self.checkpoint_if_due(selections).await;
                    return Ok(Decided::Done(slate));
                }
            }
        }
        Err(busy())
    }

    /// Makes a version when there were enough selections. What was selected stays so when that fails: the next
    /// selection tries again.
    async fn checkpoint_if_due(&self, selections: i32) {
        let every = self.settings.slates.checkpoint_every;
        if selections < every {
            return;
        }
        let kept = self.keep_version(move |row| row.selections >= every).await;
        if let Err(error) = kept {
            tracing::error!(
                ?error,
                "The bandit could not be kept as a version; the next selection tries again"
            );
        }
    }

    /// The holidays of the settings.
    pub(super) fn holidays(&self) -> Holidays {
        Holidays::new(&self.settings.slates.holidays)
    }
}

/// A decision that was carried out, or had been before.
enum Decided {
    Done(Slate),
    Repeated(Slate, Selection),
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

fn busy() -> Error {
    Error::Unavailable(
        "others change the slates of this hour at the same moment; try again".to_owned(),
    )
}

/// What the bandit learns from a decision: the signals and the context as they were when the slate was made.
fn feedback(slate: &Slate, selection: Option<&Selection>, context: Context) -> SlateFeedback {
    let picked = selection.and_then(|selection| {
        let mut items = slate.items.iter();
        items.position(|item| item.content == selection.content)
    });
    let ticked = selection.map(|selection| selection.signals.as_slice());
    let ticked = ticked.unwrap_or_default().iter();
    SlateFeedback {
        event: slate.id.uuid().as_u128(),
        context,
        shown: slate.items.iter().map(|item| item.signals).collect(),
        outcome: Outcome::OnePick(picked),
        ticked: ticked.map(|signal| Signal::ALL[signal.index()]).collect(),
    }
}
