//! What was taken in a window of time and before it, in the database.

use super::Store;
use super::histories::{self, TimeRange};
use crate::engine::history::WeightTable;
use crate::engine::trending::{RisingItem, Trending, Windows};
use crate::foundation::Result;

impl Store {
    /// What rises in these windows, the steepest first.
    pub(in crate::domain::recommendations) async fn rising(
        &self,
        weights: &WeightTable,
        windows: Windows,
    ) -> Result<Vec<RisingItem>> {
        let reads = self.db.read();
        let _permit = reads.permit().await?;
        let pool = reads.pool();
        let mut connection = pool.acquire().await?;
        let mut trending = Trending::new(weights, windows);
        let range = TimeRange::between(windows.first(), windows.until);
        histories::each(&mut connection, range, |user| {
            trending.add(&user.account, &user.events);
            Ok(())
        })
        .await?;
        Ok(trending.rising())
    }
}
