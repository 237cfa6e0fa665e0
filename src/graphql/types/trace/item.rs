//! A trace, its signals and its candidates.

use std::sync::Arc;

use async_graphql::{Context, Object, Result, SimpleObject};

use super::exclusion::ExclusionReason;
use super::request::TraceRequest;
use crate::domain::recommendations::model::ListPage;
use crate::domain::recommendations::traces as domain;
use crate::foundation::page::{Window, size};
use crate::graphql::ContextExt;
use crate::graphql::connection::Connection;
use crate::graphql::number::{double, int};
use crate::graphql::types::content::Content;
use crate::graphql::types::recommendation::{RecommendationList, RecommendationSource};
use crate::graphql::types::user::User;

/// What a stored recommendation list was computed from: the request, the candidates of each source with
/// their scores, and the reason of each candidate that is not in the list.
#[derive(Clone, Debug)]
pub struct Trace(pub(super) Arc<domain::Trace>);

impl From<domain::Trace> for Trace {
    fn from(trace: domain::Trace) -> Self {
        Self(Arc::new(trace))
    }
}

/// A signal of a recommendation list: one source, or one part of the collaborative model, that gives scores
/// to candidates.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct TraceSignal {
    /// The source that the signal belongs to.
    source: RecommendationSource,
    /// Index of the signal among those of its source, starting at 0.
    part: i32,
    /// Weight of the signal in the score, in [0, 1], learned or configured. The weights of signals without
    /// eligible candidates are shared among the others; `RecommendationList.blendWeights` has the result.
    weight: f64,
    /// Number of candidates that the signal gave a score.
    candidates: i32,
    /// Number of these candidates that were eligible.
    eligible_candidates: i32,
}

/// An item that was considered for a recommendation list.
#[derive(Clone, Debug)]
pub struct TraceCandidate {
    index: usize,
    candidate: Arc<domain::Candidate>,
}

/// The score that one signal gave to a candidate.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct TraceScore {
    /// The source that the signal belongs to.
    source: RecommendationSource,
    /// Index of the signal among those of its source, starting at 0.
    part: i32,
    /// Score on the signal's own scale, for example a cosine or the score of a model.
    raw: f64,
    /// Score calibrated by rank to [0, 1]; null if the item was not eligible.
    calibrated: Option<f64>,
}

/// What a stored recommendation list was computed from: the request, the candidates of each source with
/// their scores, and the reason of each candidate that is not in the list.
#[Object]
impl Trace {
    /// The list as it was stored. Its ID is the ID of the trace. Items that have become unavailable since are
    /// included.
    #[graphql(complexity = "10 + first.unwrap_or(20).clamp(1, 100) as usize * child_complexity")]
    async fn list(
        &self,
        #[graphql(desc = "Number of items to return, 1–100 (default 20).")] first: Option<i32>,
    ) -> Result<RecommendationList> {
        let size = size("first", first)?;
        let list = Arc::clone(&self.0.list);
        Ok(RecommendationList::from(ListPage {
            items: list.items.iter().take(size).cloned().collect(),
            has_next: list.items.len() > size,
            stored: true,
            list,
        }))
    }

    /// The user that the list was computed for; null if the viewer may not see the account.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let user = ctx.loaders().users.load_one(self.0.list.user).await?;
        Ok(user.map(Into::into))
    }

    /// The request, with the controls that were applied.
    async fn request(&self) -> TraceRequest {
        TraceRequest::from(&self.0.request)
    }

    /// Version of the catalogue that the list was computed with: the number of the newest transaction in it;
    /// null for lists of earlier releases, which did not store it.
    async fn catalogue_version(&self) -> Option<String> {
        let made_of = self.0.composition.as_ref()?;
        Some(made_of.versions.catalogue.to_string())
    }

    /// Digest of the settings and of the learned ranking model that the list was computed with, as 16
    /// hexadecimal digits. Lists with equal digests used equal settings. Null for lists of earlier releases.
    async fn settings_digest(&self) -> Option<String> {
        let made_of = self.0.composition.as_ref()?;
        Some(format!("{:016x}", made_of.versions.settings))
    }

    /// Whether the weights of the signals were learned; false if they are the configured ones.
    async fn learned_weights(&self) -> bool {
        let made_of = self.0.composition.as_ref();
        made_of.is_some_and(|made_of| made_of.learned)
    }

    /// The signals that proposed candidates, in the order of the blend.
    async fn signals(&self) -> Vec<TraceSignal> {
        let Some(made_of) = &self.0.composition else {
            return Vec::new();
        };
        let signals = made_of.signals.iter().zip(made_of.weights());
        let signal = signals.map(|(signal, weight)| {
            let scores = signal.scores.iter();
            let eligible = scores.filter(|score| score.calibrated.is_some());
            TraceSignal {
                source: signal.source.into(),
                part: i32::from(signal.part),
                weight: double(weight),
                candidates: int(signal.scores.len()),
                eligible_candidates: int(eligible.count()),
            }
        });
        signal.collect()
    }

    /// All items that were considered: the items of the list by rank, then the candidates that are not in the
    /// list.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    async fn candidates(
        &self,
        #[graphql(
            desc = "Number of candidates to return from the start, 1–100 (default 20). Not allowed together with `last` or `before`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Return the candidates after this cursor, from `edges.cursor` or `pageInfo.endCursor`."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Number of candidates to return from the end, 1–100 (default 20 if `before` is given)."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Return the candidates before this cursor, from `edges.cursor` or `pageInfo.startCursor`."
        )]
        before: Option<String>,
    ) -> Result<Connection<TraceCandidate>> {
        let window = Window::read(first, after, last, before)?;
        let page = self.0.page(&window)?;
        let trace = Arc::clone(&self.0);
        let total = move || {
            let count = trace.candidates().len() as u64;
            async move { Ok(count) }
        };
        let cursor = |row: &TraceCandidate| row.candidate.cursor(row.index);
        Ok(Connection::new(page, cursor, total))
    }
}

impl From<(usize, domain::Candidate)> for TraceCandidate {
    fn from((index, candidate): (usize, domain::Candidate)) -> Self {
        Self {
            index,
            candidate: Arc::new(candidate),
        }
    }
}

/// An item that was considered for a recommendation list.
#[Object]
impl TraceCandidate {
    /// The item; null if it was deleted or the viewer may not see it.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let content = ctx
            .loaders()
            .content
            .load_one(self.candidate.content)
            .await?;
        Ok(content.map(Into::into))
    }

    /// Rank of the item in the list, starting at 1; null if it is not in the list.
    async fn rank(&self) -> Option<i32> {
        self.candidate.rank
    }

    /// Score of the item in the list, in [0, 1]; null if it is not in the list. `whyNot` computes the score of
    /// a candidate that is not in the list.
    async fn score(&self) -> Option<f64> {
        self.candidate.score.map(double)
    }

    /// Why the item is not in the list; null if it is.
    async fn reason(&self) -> Option<ExclusionReason> {
        self.candidate.reason.map(Into::into)
    }

    /// The sources that brought the item into the list; empty if it is not in the list.
    async fn sources(&self) -> Vec<RecommendationSource> {
        self.candidate.sources.iter().map(Into::into).collect()
    }

    /// The scores of the item by signal; empty if only a fallback or a pin proposed it.
    async fn scores(&self) -> Vec<TraceScore> {
        let signals = self.candidate.signals.iter();
        let score = signals.map(|said| TraceScore {
            source: said.source.into(),
            part: i32::from(said.part),
            raw: double(said.raw),
            calibrated: said.calibrated.map(double),
        });
        score.collect()
    }
}
