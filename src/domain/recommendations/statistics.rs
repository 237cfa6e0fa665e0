//! What becomes of the items of lists, in numbers.

use chrono::{DateTime, TimeDelta, Utc};

use super::model::{Context, Source};
use super::service::RecommendationService;
use crate::domain::auth::Viewer;
use crate::foundation::{Refusal, Result};

/// The longest range, in days.
const MAX_DAYS: i64 = 366;
/// So many ranks are told apart.
const RANKS: i32 = 20;

/// What became of served items. An item of a list counts once for each.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// How many were served.
    pub served: i64,
    /// Of how many the caller said that the user had them before their eyes.
    pub displayed: i64,
    /// How many were opened.
    pub clicked: i64,
    /// How many were sent away.
    pub dismissed: i64,
    /// How many got stars.
    pub rated: i64,
}

impl Counts {
    /// The share of the served items that were opened, in [0, 1]; `None` where none was served.
    pub fn click_through(&self) -> Option<f64> {
        (self.served > 0).then(|| self.clicked as f64 / self.served as f64)
    }
}

/// Which items are counted together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Group {
    /// All.
    All,
    /// Those of one rank.
    Rank(i32),
    /// Those of lists for one occasion.
    Context(Context),
    /// Those for which one source said most.
    Source(Source),
}

impl RecommendationService {
    /// The present moment of this server, which ranges of time end at unless asked otherwise.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// What became of the items of the lists that were drawn from `from` on until just before
    /// `until`: in all, by rank from 1 to 20, by context and by source. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`] for others, [`Refusal::InvalidInput`] for a range
    /// that is empty or longer than 366 days.
    pub async fn statistics(
        &self,
        viewer: &Viewer,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<(Group, Counts)>> {
        viewer.admin()?;
        let span = until.signed_duration_since(from);
        if span <= TimeDelta::zero() || span > TimeDelta::days(MAX_DAYS) {
            let message = format!("a range ends after it begins and spans at most {MAX_DAYS} days");
            return Err(Refusal::invalid("until", message).into());
        }
        self.store.statistics((from, until), RANKS).await
    }
}
