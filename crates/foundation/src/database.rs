//! What a failure of the database is to a service. With the feature `database`, since Rust has foreign traits
//! implemented where the type is.

use sea_orm::DbErr;

use super::{Error, Refusal};

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        let waited = matches!(&error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_));
        if waited {
            tracing::error!(%error, "The database does not answer");
            return Self::Unavailable("the database does not answer; try again".to_owned());
        }
        if let Some(refusal) = unstorable(&error) {
            return refusal.into();
        }
        match database_error(&error) {
            Some(message) => from_database_error(message),
            None => Self::Internal(error.into()),
        }
    }
}

/// What is said where Postgres cannot hold a value of the caller's. Services name the field where
/// they can; this is for all those values that go to the database as they came: filters, cursors.
fn unstorable(error: &DbErr) -> Option<Refusal> {
    let message = match database_error(error)?.code()?.as_ref() {
        "22021" | "22P05" => "text may not contain the character U+0000",
        "22003" | "22008" => "a number or a moment is out of range",
        _ => return None,
    };
    Some(Refusal::InvalidInput {
        path: Vec::new(),
        message: message.to_owned(),
    })
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => {
                tracing::error!(%error, "The database does not answer");
                Self::Unavailable("the database does not answer; try again".to_owned())
            }
            sqlx::Error::Database(message) => from_database_error(&*message),
            other => Self::Internal(other.into()),
        }
    }
}

/// What a statement failed of. The log hears which rule it broke, and not the rows that Postgres
/// quotes with it: they hold people's data.
fn from_database_error(error: &dyn sqlx::error::DatabaseError) -> Error {
    let code = error.code().unwrap_or_default();
    match code.as_ref() {
        // Cancelled by the time limit, or by Postgres to let another go on.
        "57014" | "40001" | "40P01" | "55P03" => {
            tracing::warn!(code = code.as_ref(), "A statement was given up");
            let message = "the database is too busy for this at the moment; try again";
            Error::Unavailable(message.to_owned())
        }
        _ => anyhow::anyhow!(
            "the database refused a statement: {code} {}; table {}, constraint {}",
            error.message(),
            error.table().unwrap_or("unknown"),
            error.constraint().unwrap_or("none"),
        )
        .into(),
    }
}

/// The name of the unique index or other constraint that a statement broke, if it broke one.
pub fn broken_constraint(error: &DbErr) -> Option<String> {
    database_error(error)?.constraint().map(ToOwned::to_owned)
}

/// What Postgres said of a statement, where it was Postgres that refused it.
fn database_error(error: &DbErr) -> Option<&dyn sqlx::error::DatabaseError> {
    let (DbErr::Exec(inner) | DbErr::Query(inner)) = error else {
        return None;
    };
    let sea_orm::RuntimeErr::SqlxError(inner) = inner else {
        return None;
    };
    inner.as_database_error()
}
