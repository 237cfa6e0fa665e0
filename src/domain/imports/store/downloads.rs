//! What was last fetched from the addresses of guides.

use super::Store;
use crate::foundation::Result;

/// What a server said of the state of a file, to be sent back with the next request for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

impl Store {
    /// What was last fetched and imported from an address, given as its SHA-256.
    pub(in super::super) async fn validators(&self, address: &[u8; 32]) -> Result<Validators> {
        let found: Option<(Option<String>, Option<String>)> =
            sqlx::query_as("SELECT etag, last_modified FROM guide_downloads WHERE address = $1")
                .bind(address.as_slice())
                .fetch_optional(self.db.pool())
                .await?;
        let (etag, last_modified) = found.unwrap_or_default();
        Ok(Validators {
            etag,
            last_modified,
        })
    }

    /// Keeps what was fetched and imported from an address.
    pub(in super::super) async fn keep_validators(
        &self,
        address: &[u8; 32],
        validators: &Validators,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO guide_downloads (address, etag, last_modified, fetched_at) \
             VALUES ($1, $2, $3, $4) \
             ON CONFLICT (address) DO UPDATE SET etag = excluded.etag, \
                 last_modified = excluded.last_modified, fetched_at = excluded.fetched_at",
        )
        .bind(address.as_slice())
        .bind(&validators.etag)
        .bind(&validators.last_modified)
        .bind(now)
        .execute(self.db.pool())
        .await?;
        Ok(())
    }
}
