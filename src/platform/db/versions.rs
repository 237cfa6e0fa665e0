//! What a database server is, before anything of ours is in it.

use sqlx::{ConnectOptions, Connection};

/// What a database server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The version of Postgres, as it writes it.
    pub postgres: String,
    /// The version of pgvector that it would install; `None` where it has none.
    pub pgvector: Option<String>,
}

/// Asks the server at `url`.
///
/// # Errors
/// When the address cannot be read or the server does not answer.
pub async fn read(url: &str) -> anyhow::Result<Versions> {
    let mut connection = super::options(url)?.connect().await?;
    let postgres: String = sqlx::query_scalar("SHOW server_version")
        .fetch_one(&mut connection)
        .await?;
    let pgvector: Option<String> = sqlx::query_scalar(
        "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'",
    )
    .fetch_optional(&mut connection)
    .await?;
    connection.close().await?;
    Ok(Versions { postgres, pgvector })
}
