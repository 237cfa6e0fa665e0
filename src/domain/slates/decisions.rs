//! What curators decide about slates, and what the bandit learns from it.

use ranking::bandit::{Outcome, Signal, SlateContext, SlateFeedback};

use super::live_bandit;
use super::model::{Selected, Selection, Slate, SlateSignal, SlateSlot};
use super::service::{ATTEMPTS, SlateService, busy};
use super::store::{Closed, Closing};
use crate::domain::auth::Viewer;
use crate::domain::models::ModelKind;
use crate::foundation::{Error, Id, Refusal, Result, id};

/// A decision that was carried out, or had been before.
enum Decided {
    Done(Slate),
    Repeated(Slate, Selection),
}

impl SlateService {
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

    async fn find(&self, slate: Id<id::Slate>) -> Result<Slate> {
        let found = self.store.find_many(&[slate]).await?.pop();
        Ok(found.ok_or(Refusal::NotFound { thing: "slate" })?)
    }

    async fn decide(&self, slate: Slate, selection: Option<Selection>) -> Result<Decided> {
        let context = self.context(slate.slot).await?;
        for _ in 0..ATTEMPTS {
            // Takes up another version first, if one was activated.
            self.begun_bandit().await?;
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
}

/// What the bandit learns from a decision: the signals and the context as they were when the slate was made.
fn feedback(slate: &Slate, selection: Option<&Selection>, context: SlateContext) -> SlateFeedback {
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
