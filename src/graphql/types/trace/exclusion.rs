//! Why an item is not in a list.

use async_graphql::Object;

use crate::domain::recommendations::traces as domain;
use crate::graphql::enums::graphql_enum;
use crate::graphql::number::{double, int};

graphql_enum!(domain::ExclusionReason as ExclusionReason);
graphql_enum!(domain::ExclusionStage as ExclusionStage);

/// Why an item is not in a recommendation list, or where in the list it is.
#[derive(Clone, Copy, Debug)]
pub struct Exclusion(domain::Exclusion);

impl From<domain::Exclusion> for Exclusion {
    fn from(exclusion: domain::Exclusion) -> Self {
        Self(exclusion)
    }
}

/// Why an item is not in a recommendation list, or where in the list it is.
#[Object]
impl Exclusion {
    /// The stage at which the item left the list.
    async fn stage(&self) -> ExclusionStage {
        self.0.stage.into()
    }

    /// Why the item left at this stage; null for the stages RETRIEVAL and LISTED.
    async fn reason(&self) -> Option<ExclusionReason> {
        self.0.reason.map(Into::into)
    }

    /// Rank of the item in the list, starting at 1; null if it is not in the list.
    async fn rank(&self) -> Option<i32> {
        self.0.rank
    }

    /// Whether the item was returned on a page of the list that the user requested.
    async fn served(&self) -> bool {
        self.0.served
    }

    /// Score of the item in [0, 1]; for an eligible candidate that is not in the list, the score that it had.
    /// Null if the item was not an eligible candidate.
    async fn score(&self) -> Option<f64> {
        self.0.score.map(double)
    }

    /// Rank of the item by its score alone among all eligible candidates, starting at 1: before diversity,
    /// pins and the minimum score. Null if the item was not an eligible candidate.
    async fn rank_by_score(&self) -> Option<i32> {
        self.0.rank_by_score.map(int)
    }

    /// Rank of the last item of the list that was returned to the user; null if none was.
    async fn last_served_rank(&self) -> Option<i32> {
        self.0.last_served_rank
    }

    /// Score of the last item of the list that was returned to the user; null if none was.
    async fn last_served_score(&self) -> Option<f64> {
        self.0.last_served_score.map(double)
    }

    /// `lastServedScore` minus `score`, in [-1, 1]: how much the item lacks to be served. Null if one of the
    /// two is.
    async fn gap(&self) -> Option<f64> {
        self.0.gap().map(double)
    }
}
