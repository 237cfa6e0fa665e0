//! A trace as one JSON object, for files.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::model::{Candidate, Trace};
use crate::domain::recommendations::model::{Context, Source};
use crate::engine::request::RecommendationRequest;
use crate::foundation::{Id, id};

/// A trace as `marquee export traces` writes it, one a line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceRecord<'a> {
    /// The id of the list.
    id: Id<id::List>,
    /// The user that the list is for.
    user: Id<id::User>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// The context that it was made for.
    context: Context,
    /// What was asked for.
    request: &'a RecommendationRequest,
    /// The collaborative model behind it.
    model: Option<Id<id::Model>>,
    /// The embedding model behind it.
    embedding: Option<Id<id::Model>>,
    /// The version of the interaction weights.
    weights_version: i32,
    /// The newest transaction that the catalogue had taken up.
    catalogue_version: Option<u64>,
    /// A digest of the settings and of the learned weights, in hexadecimal digits.
    settings: Option<String>,
    /// How many interactions of the user went in.
    events: i32,
    /// When the last of them happened.
    last_event_at: Option<DateTime<Utc>>,
    /// The weights of the sources, which sum to 1.
    blend: Vec<SourceWeight>,
    /// What each signal weighed, before weights of those that had nothing to say were shared out.
    signals: Vec<SignalWeight>,
    /// Every item that the making of the list dealt with.
    candidates: Vec<CandidateRecord>,
}

#[derive(Debug, Serialize)]
struct SourceWeight {
    source: Source,
    weight: f32,
}

#[derive(Debug, Serialize)]
struct SignalWeight {
    source: Source,
    part: u8,
    weight: f32,
    candidates: usize,
}

#[derive(Debug, Serialize)]
struct CandidateRecord {
    content: Id<id::Content>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rank: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    sources: Vec<Source>,
    signals: Vec<ScoreRecord>,
}

#[derive(Debug, Serialize)]
struct ScoreRecord {
    source: Source,
    part: u8,
    raw: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    calibrated: Option<f32>,
}

impl<'a> From<&'a Trace> for TraceRecord<'a> {
    fn from(trace: &'a Trace) -> Self {
        let list = &trace.list;
        let made_of = trace.composition.as_ref();
        let signals = made_of.map_or_else(Vec::new, |made_of| {
            let weights = made_of.weights();
            let signals = made_of.signals.iter().zip(weights);
            signals
                .map(|(signal, weight)| SignalWeight {
                    source: signal.source,
                    part: signal.part,
                    weight,
                    candidates: signal.scores.len(),
                })
                .collect()
        });
        let weight = |(source, weight): &(Source, f32)| SourceWeight {
            source: *source,
            weight: *weight,
        };
        Self {
            id: list.id,
            user: list.user,
            created_at: list.created_at,
            context: list.context,
            request: &trace.request,
            model: list.model,
            embedding: list.embedding,
            weights_version: list.weights_version,
            catalogue_version: made_of.map(|made_of| made_of.versions.catalogue),
            settings: made_of.map(|made_of| format!("{:016x}", made_of.versions.settings)),
            events: list.freshness.events,
            last_event_at: list.freshness.last_event_at,
            blend: list.blend.iter().map(weight).collect(),
            signals,
            candidates: trace.candidates().into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Candidate> for CandidateRecord {
    fn from(candidate: Candidate) -> Self {
        let signals = candidate.signals.iter();
        Self {
            content: candidate.content,
            rank: candidate.rank,
            score: candidate.score,
            reason: candidate.reason.map(super::model::ExclusionReason::as_str),
            sources: candidate.sources.iter().collect(),
            signals: signals
                .map(|said| ScoreRecord {
                    source: said.source,
                    part: said.part,
                    raw: said.raw,
                    calibrated: said.calibrated,
                })
                .collect(),
        }
    }
}
