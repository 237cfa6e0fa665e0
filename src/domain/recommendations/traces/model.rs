//! What a trace is, and what can be asked of it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::domain::recommendations::model::{Context, List, Source, Sources};
use crate::engine::catalogue::Unavailable;
use crate::engine::eligibility::Ineligible;
use crate::engine::provenance::Composition;
use crate::engine::rank::DropReason;
use crate::engine::recording::{Changes, Outcome, Recording, ReplayedList};
use crate::engine::request::RecommendationRequest;
use crate::foundation::page::{Cursor, Direction, Page, Window, bad_cursor};
use crate::foundation::{Id, Refusal, Result, id, text_enum};

type Content = Id<id::Content>;

text_enum! {
    /// Why a candidate has no place in a recommendation list.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum ExclusionReason {
        /// The item was deleted.
        Deleted = "DELETED",
        /// The item was not public.
        NotPublic = "NOT_PUBLIC",
        /// The item was outside its rights period.
        OutsideRights = "OUTSIDE_RIGHTS",
        /// The item was out of stock.
        OutOfStock = "OUT_OF_STOCK",
        /// The request excluded the item, or the list is about it.
        Excluded = "EXCLUDED",
        /// The history of the user excluded the item: consumed or rejected.
        Seen = "SEEN",
        /// The item did not match the filter, or was of another kind than the list.
        Filtered = "FILTERED",
        /// No broadcast of the item was left.
        NoBroadcastsLeft = "NO_BROADCASTS_LEFT",
        /// The score was below the minimum score of the request.
        BelowMinimum = "BELOW_MINIMUM",
        /// Better items filled the list.
        BeyondLength = "BEYOND_LENGTH",
    }
}

text_enum! {
    /// The stage of making a recommendation list at which an item left it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum ExclusionStage {
        /// No source proposed the item.
        Retrieval = "RETRIEVAL",
        /// A source proposed the item, but it was not eligible.
        Eligibility = "ELIGIBILITY",
        /// The score was below the minimum score of the request.
        MinimumScore = "MINIMUM_SCORE",
        /// Better items filled the list.
        Length = "LENGTH",
        /// None: the item is in the list.
        Listed = "LISTED",
    }
}

impl From<DropReason> for ExclusionReason {
    fn from(why: DropReason) -> Self {
        match why {
            DropReason::Ineligible(Ineligible::Unavailable(Unavailable::Deleted)) => Self::Deleted,
            DropReason::Ineligible(Ineligible::Unavailable(Unavailable::NotPublic)) => {
                Self::NotPublic
            }
            DropReason::Ineligible(Ineligible::Unavailable(Unavailable::Rights)) => {
                Self::OutsideRights
            }
            DropReason::Ineligible(Ineligible::Unavailable(Unavailable::SoldOut)) => {
                Self::OutOfStock
            }
            DropReason::Ineligible(Ineligible::Excluded) => Self::Excluded,
            DropReason::Ineligible(Ineligible::Seen) => Self::Seen,
            DropReason::Ineligible(Ineligible::Filtered) => Self::Filtered,
            DropReason::Ineligible(Ineligible::NoBroadcastsLeft) => Self::NoBroadcastsLeft,
            DropReason::BelowMinimum => Self::BelowMinimum,
            DropReason::BeyondLength => Self::BeyondLength,
        }
    }
}

impl ExclusionReason {
    /// The stage that finds this.
    pub fn stage(self) -> ExclusionStage {
        match self {
            Self::BelowMinimum => ExclusionStage::MinimumScore,
            Self::BeyondLength => ExclusionStage::Length,
            _ => ExclusionStage::Eligibility,
        }
    }
}

/// Which traces to list; what is not given does not filter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TraceFilter {
    /// Of lists for this user.
    pub user: Option<Id<id::User>>,
    /// Of lists for this context.
    pub context: Option<Context>,
    /// Of lists that this collaborative or embedding model contributed to.
    pub model: Option<Id<id::Model>>,
    /// Of lists in which this item was served.
    pub content: Option<Content>,
    /// Of lists that were made from this moment on.
    pub from: Option<DateTime<Utc>>,
    /// Of lists that were made before this moment.
    pub until: Option<DateTime<Utc>>,
}

/// A stored list, with what it was made of.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The list.
    pub list: Arc<List>,
    /// What was asked for.
    pub request: RecommendationRequest,
    /// What it was made of; `None` where a release that wrote it otherwise made the list.
    pub composition: Option<Composition>,
}

/// An item that the making of a list dealt with.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The item.
    pub content: Content,
    /// Its rank in the list, from 1.
    pub rank: Option<i32>,
    /// Its score in the list, from 0 to 1.
    pub score: Option<f32>,
    /// The sources that the list names for it.
    pub sources: Sources,
    /// Why it is not in the list, if it is not.
    pub reason: Option<ExclusionReason>,
    /// What the signals said of it.
    pub signals: Vec<SignalScore>,
}

/// What one signal said of a candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignalScore {
    /// The source that the signal belongs to.
    pub source: Source,
    /// Which of its signals it is, from 0.
    pub part: u8,
    /// The score on the signal's own scale.
    pub raw: f32,
    /// The score on the common scale, in (0, 1]; `None` where the candidate was not eligible.
    pub calibrated: Option<f32>,
}

/// Why an item is not in a list, or where in it it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exclusion {
    /// The stage at which it left.
    pub stage: ExclusionStage,
    /// Why it did.
    pub reason: Option<ExclusionReason>,
    /// Its rank in the list, from 1.
    pub rank: Option<i32>,
    /// Whether it was served to the user.
    pub served: bool,
    /// Its score: that in the list, and for a candidate that was dropped the one that it would have; `None`
    /// for what is no eligible candidate.
    pub score: Option<f32>,
    /// Its rank by score alone among all eligible candidates, from 1.
    pub rank_by_score: Option<usize>,
    /// The rank of the last item that was served.
    pub last_served_rank: Option<i32>,
    /// The score of that item.
    pub last_served_score: Option<f32>,
}

/// A list that was made again from its trace.
#[derive(Clone, Debug)]
pub struct ReplayedTrace {
    /// The trace.
    pub trace: Trace,
    /// The weights of the sources, which sum to 1.
    pub blend: Vec<(Source, f32)>,
    /// The items of the list that was made again, by rank.
    pub entries: Vec<ReplayEntry>,
    /// The items of the stored list that are not in it, by their ranks there.
    pub left: Vec<ReplayEntry>,
    /// Whether it has the same items at the same ranks with the same scores, to the last bit.
    pub identical: bool,
}

/// An item of a list that was made again, or of the stored one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReplayEntry {
    /// The item.
    pub content: Content,
    /// Its sources in the list that was made again; in the stored one for what left.
    pub sources: Sources,
    /// Its rank and score in the list that was made again; `None` for what left.
    pub now: Option<(i32, f32)>,
    /// Its rank and score in the stored list; `None` for what entered.
    pub before: Option<(i32, f32)>,
}

impl Exclusion {
    /// How much the score is below that of the last item that was served; negative where it is above.
    pub fn gap(&self) -> Option<f32> {
        Some(self.last_served_score? - self.score?)
    }
}

/// The name of the order of candidates in cursors.
const ORDER: &str = "trace";

impl Candidate {
    /// The place of a candidate, the `index`th of its trace from 0.
    pub fn cursor(&self, index: usize) -> Cursor {
        Cursor {
            order: ORDER.to_owned(),
            value: index.into(),
            id: self.content.uuid(),
        }
    }
}

impl Trace {
    pub(super) fn new(list: List) -> Result<Self> {
        let request = serde_json::from_str(&list.controls).map_err(anyhow::Error::from)?;
        let listed: Vec<Content> = list.items.iter().map(|item| item.content).collect();
        Ok(Self {
            composition: list.provenance.read(&listed),
            list: Arc::new(list),
            request,
        })
    }

    /// The place of the trace among all, the newest first.
    pub fn cursor(&self) -> Cursor {
        Self::cursor_of(self.list.id)
    }

    /// The place of the trace of this list.
    pub fn cursor_of(list: Id<id::List>) -> Cursor {
        Cursor::new("traces", false, serde_json::Value::Null, list.uuid())
    }

    /// All items that the making of the list dealt with: those of the list by rank, then the others.
    pub fn candidates(&self) -> Vec<Candidate> {
        let mut signals: FxHashMap<Content, Vec<SignalScore>> = FxHashMap::default();
        let composition = self.composition.iter();
        for signal in composition.clone().flat_map(|made_of| &made_of.signals) {
            for score in &signal.scores {
                signals.entry(score.content).or_default().push(SignalScore {
                    source: signal.source,
                    part: signal.part,
                    raw: score.raw,
                    calibrated: score.calibrated,
                });
            }
        }
        let mut said = |content: Content| signals.remove(&content).unwrap_or_default();
        let listed = self.list.items.iter().map(|item| Candidate {
            content: item.content,
            rank: Some(item.rank),
            score: Some(item.score),
            sources: item.sources,
            reason: None,
            signals: said(item.content),
        });
        let mut all: Vec<Candidate> = listed.collect();
        let dropped = composition.flat_map(|made_of| &made_of.dropped);
        all.extend(dropped.map(|(content, why)| Candidate {
            content: *content,
            rank: None,
            score: None,
            sources: Sources::default(),
            reason: Some((*why).into()),
            signals: said(*content),
        }));
        all
    }

    /// One page of [`Trace::candidates`], each with its place.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for a cursor of something else.
    pub fn page(&self, window: &Window) -> Result<Page<(usize, Candidate)>> {
        let all = self.candidates();
        let at = match &window.from {
            None => None,
            Some(cursor) => {
                let cursor = Cursor::decode(cursor, ORDER)?;
                let at = cursor
                    .value
                    .as_u64()
                    .and_then(|at| usize::try_from(at).ok());
                let known = |at: &usize| {
                    let candidate = all.get(*at);
                    candidate.is_some_and(|known| known.content.uuid() == cursor.id)
                };
                let foreign = || bad_cursor("this cursor is not of this trace");
                Some(at.filter(known).ok_or_else(foreign)?)
            }
        };
        let places = all.into_iter().enumerate();
        let size = window.size + 1;
        let rows: Vec<(usize, Candidate)> = match window.direction {
            Direction::Forward => {
                let from = at.map_or(0, |at| at + 1);
                places.skip(from).take(size).collect()
            }
            Direction::Backward => {
                let mut before: Vec<_> = places.take(at.unwrap_or(usize::MAX)).collect();
                before.reverse();
                before.truncate(size);
                before
            }
        };
        Ok(Page::cut(window, rows))
    }

    /// What was made of the list again, with some of its inputs changed.
    pub(super) fn replay(
        self,
        changes: &Changes,
        similarity: &dyn Fn(Content, Content) -> f32,
    ) -> Result<ReplayedTrace> {
        let list = self.recorded(|recording| recording.rank(changes, similarity))?;
        Ok(ReplayedTrace::new(self, list))
    }

    /// What became of an item; `served` are the items that were shown, by rank.
    pub(super) fn exclusion(
        &self,
        content: Content,
        served: &[(i32, Content)],
    ) -> Result<Exclusion> {
        let (outcome, standing) =
            self.recorded(|recording| (recording.outcome(content), recording.standing(content)))?;
        let reason = match outcome {
            Outcome::Dropped(why) => Some(ExclusionReason::from(why)),
            Outcome::Listed(_) | Outcome::NotACandidate => None,
        };
        let item = self.list.items.iter().find(|item| item.content == content);
        let last = served.last().map(|(rank, _)| *rank);
        let last = last.and_then(|rank| self.list.items.iter().find(|item| item.rank == rank));
        let standing_score = standing.map(|standing| standing.score);
        Ok(Exclusion {
            stage: match (outcome, reason) {
                (Outcome::Listed(_), _) => ExclusionStage::Listed,
                (_, Some(reason)) => reason.stage(),
                (_, None) => ExclusionStage::Retrieval,
            },
            reason,
            rank: item.map(|item| item.rank),
            served: served.iter().any(|(_, item)| *item == content),
            score: item.map(|item| item.score).or(standing_score),
            rank_by_score: standing.map(|standing| standing.rank),
            last_served_rank: last.map(|item| item.rank),
            last_served_score: last.map(|item| item.score),
        })
    }

    fn recorded<T>(&self, read: impl FnOnce(&Recording<'_>) -> T) -> Result<T> {
        let Some(composition) = &self.composition else {
            let message = "this list was stored by a release that did not store what it takes to \
                           make it again; ask about a newer one";
            return Err(Refusal::Conflict {
                message: message.to_owned(),
            }
            .into());
        };
        let items = self.list.items.iter();
        let items: Vec<(Content, Sources)> =
            items.map(|item| (item.content, item.sources)).collect();
        Ok(read(&Recording {
            request: &self.request,
            items: &items,
            composition,
        }))
    }
}

impl ReplayedTrace {
    fn new(trace: Trace, replayed: ReplayedList) -> Self {
        let stored = &trace.list.items;
        let before: FxHashMap<Content, (i32, f32)> = stored
            .iter()
            .map(|item| (item.content, (item.rank, item.score)))
            .collect();
        let entries: Vec<ReplayEntry> = (1..)
            .zip(&replayed.items)
            .map(|(rank, item)| ReplayEntry {
                content: item.content,
                sources: item.sources,
                now: Some((rank, item.score)),
                before: before.get(&item.content).copied(),
            })
            .collect();
        let here: FxHashSet<Content> = entries.iter().map(|entry| entry.content).collect();
        let left = stored.iter().filter(|item| !here.contains(&item.content));
        let left = left.map(|item| ReplayEntry {
            content: item.content,
            sources: item.sources,
            now: None,
            before: Some((item.rank, item.score)),
        });
        let same = |(entry, item): (&ReplayEntry, &super::super::model::Item)| {
            let bits = entry.now.map(|(_, score)| score.to_bits());
            entry.content == item.content && bits == Some(item.score.to_bits())
        };
        let identical = entries.len() == stored.len() && entries.iter().zip(stored).all(same);
        Self {
            left: left.collect(),
            blend: replayed.blend,
            entries,
            identical,
            trace,
        }
    }

    /// How many items entered, and how many changed their rank.
    pub fn counts(&self) -> (usize, usize) {
        let entered = self.entries.iter().filter(|entry| entry.before.is_none());
        let moved = self.entries.iter().filter(|entry| {
            let ranks = entry.now.zip(entry.before);
            ranks.is_some_and(|((now, _), (before, _))| now != before)
        });
        (entered.count(), moved.count())
    }
}
