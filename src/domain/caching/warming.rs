//! The job that computes frequent searches and lists in advance.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::auth::Viewer;
use crate::domain::interactions::InteractionService;
use crate::domain::job_handler::{JobContext, JobFailure, JobHandler, JobKind};
use crate::domain::recommendations::{RecommendationRequest, RecommendationService};
use crate::domain::search::{SearchRequest, SearchService};
use crate::foundation::{Findings, Progress, Refusal, Result};

/// Users are active with at least this many interactions within this time.
const ACTIVE_FROM: i64 = 10;
const ACTIVE_WITHIN: TimeDelta = TimeDelta::days(30);
/// The queries that were popular within so many days are computed.
const POPULAR_DAYS: i32 = 7;

/// Computes frequent searches and lists in advance, so that they are answered from the cache.
pub struct CacheWarmingJob {
    pub(in crate::domain) search: SearchService,
    pub(in crate::domain) interactions: InteractionService,
    pub(in crate::domain) recommendations: RecommendationService,
}

/// What is computed in advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheWarmingParameters {
    /// The number of the most popular queries, 0 to 1,000.
    pub queries: u16,
    /// The number of the most active users whose lists are computed, 0 to 10,000.
    pub users: u16,
}

impl Default for CacheWarmingParameters {
    fn default() -> Self {
        Self {
            queries: 50,
            users: 100,
        }
    }
}

impl JobHandler for CacheWarmingJob {
    const KIND: JobKind = JobKind::new("CACHE_WARMING");
    type Parameters = CacheWarmingParameters;

    fn check(parameters: &CacheWarmingParameters) -> Result<(), Refusal> {
        let mut findings = Findings::default();
        findings.require(
            parameters.queries <= 1000,
            "queries",
            "0 to 1,000 queries can be warmed",
        );
        findings.require(
            parameters.users <= 10_000,
            "users",
            "the lists of 0 to 10,000 users can be warmed",
        );
        findings.finish()
    }

    /// What cannot be computed is logged and left out.
    async fn run(
        &self,
        parameters: CacheWarmingParameters,
        context: JobContext,
    ) -> Result<Value, JobFailure> {
        let most = usize::from(parameters.queries);
        let queries = self
            .search
            .popular(&Viewer::Command, POPULAR_DAYS, most)
            .await?;
        let since = self.interactions.now() - ACTIVE_WITHIN;
        let most = usize::from(parameters.users);
        let users = self
            .interactions
            .active_users(&Viewer::Command, since, ACTIVE_FROM, most)
            .await?;
        let of = (queries.len() + users.len()) as u64;
        let (mut warmed, mut failed) = (0, 0);
        let mut done = 0;
        let mut told = |outcome: Result<()>| {
            match outcome {
                Ok(()) => warmed += 1,
                Err(error) => {
                    failed += 1;
                    tracing::warn!(?error, "Something could not be warmed");
                }
            }
            done += 1;
            context.report(Progress::counted(
                "asking what is asked for often",
                done,
                of,
            ))
        };
        for query in queries {
            let request = SearchRequest::new(query.query);
            if told(self.search.warm(&request).await).is_break() {
                return Err(JobFailure::stopped());
            }
        }
        for user in users {
            let request = RecommendationRequest::default();
            let outcome = self.recommendations.warm(user, &request).await;
            if told(outcome).is_break() {
                return Err(JobFailure::stopped());
            }
        }
        Ok(json!({ "warmed": warmed, "failed": failed }))
    }
}
