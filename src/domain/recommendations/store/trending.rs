//! What was taken in a window of time and before it, in the database.

use super::Store;
use super::histories::{self, Stretch};
use crate::engine::history::WeightTable;
use crate::engine::trending::{Rise, Trending, Windows};
use crate::foundation::Result;

impl Store {
    /// What rises in these windows, the steepest first.
    pub(in crate::domain::recommendations) async fn rising(
        &self,
        weights: &WeightTable,
        windows: Windows,
    ) -> Result<Vec<Rise>> {
        let pool = self.db.read().get_postgres_connection_pool();
        let mut connection = pool.acquire().await?;
        let mut trending = Trending::new(weights, windows);
        let stretch = Stretch::between(windows.first(), windows.until);
        histories::each(&mut connection, stretch, |user| {
            trending.add(&user.standing, &user.events);
            Ok(())
        })
        .await?;
        Ok(trending.rising())
    }
}
