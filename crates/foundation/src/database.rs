//! What a failure of the database is to a service. With the feature `database`, since Rust has foreign traits
//! implemented where the type is.

use sea_orm::{DbErr, RuntimeErr};

use super::{Error, Refusal};

/// The error of a statement for a request without a token, when the share of connections for such requests has been
/// in use for too long.
pub const NO_CONNECTION_FOR_NOBODY: &str =
    "too many requests without a token are waiting for the database; try again, or sign in";

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if let DbErr::Custom(message) = &error
            && message == NO_CONNECTION_FOR_NOBODY
        {
            tracing::warn!("The share of connections for requests without a token is in use");
            return Self::Unavailable(message.clone());
        }
        let waited = matches!(&error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_));
        if waited || is_cut(&error) {
            return no_answer(&error);
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

/// Whether the connection broke while a statement was under way.
fn is_cut(error: &DbErr) -> bool {
    let (DbErr::Exec(inner) | DbErr::Query(inner)) = error else {
        return false;
    };
    matches!(inner, RuntimeErr::SqlxError(inner) if is_away(inner))
}

/// Whether the database was not there to say anything.
fn is_away(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_)
    )
}

fn no_answer(error: &dyn std::fmt::Display) -> Error {
    tracing::error!(%error, "The database does not answer");
    Error::Unavailable("the database does not answer; try again".to_owned())
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
            sqlx::Error::Database(message) => from_database_error(&*message),
            away if is_away(&away) => no_answer(&away),
            other => Self::Internal(other.into()),
        }
    }
}

/// What a statement failed of. The log hears which rule it broke, and not the rows that Postgres
/// quotes with it: they hold people's data.
fn from_database_error(error: &dyn sqlx::error::DatabaseError) -> Error {
    let code = error.code().unwrap_or_default();
    if let Some(message) = outage(&code) {
        let (code, said) = (code.as_ref(), error.message());
        tracing::error!(code, said, "The database cannot do its work");
        return Error::Unavailable(message.to_owned());
    }
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

/// What is said where the database as a whole cannot do its work, by SQLSTATE (PostgreSQL, appendix A).
fn outage(code: &str) -> Option<&'static str> {
    let message = match code {
        "53100" => "the disk of the database is full; nothing can be stored until there is room",
        "53200" => "the database is out of memory; try again",
        "53300" => "the database has no connection left; try again",
        "57P01" | "57P02" | "57P03" => {
            "the database is stopping, starting or recovering; try again"
        }
        "25006" => "the database is read-only at the moment; nothing can be stored",
        _ => return None,
    };
    Some(message)
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
    let RuntimeErr::SqlxError(inner) = inner else {
        return None;
    };
    inner.as_database_error()
}
