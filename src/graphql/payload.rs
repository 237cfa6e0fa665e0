//! Payloads of mutations, and the errors in them: what a mutation refuses on purpose, as types
//! that clients can match. Every other failure is an entry of `errors[]`, which [`super::errors`] formats.

use async_graphql::{Interface, SimpleObject};

use crate::foundation::error::whole_seconds;
use crate::foundation::{Error, Refusal, Result};

macro_rules! user_error_types {
    ($($(#[$doc:meta])* $name:ident $({ $($(#[$field_doc:meta])* $field:ident: $type:ty),* })?),* $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, SimpleObject)]
            pub struct $name {
                /// What is wrong and what to do, for people.
                pub message: String,
                /// Where in the input: names of fields and places in lists.
                pub path: Vec<String>,
                /// What is wrong, for programs: the same codes as in `errors[].extensions.code`.
                pub code: String,
                $($($(#[$field_doc])* pub $field: $type,)*)?
            }
        )*

        /// What all errors in payloads share, so that a client may read them without knowing each.
        #[derive(Clone, Debug, Interface)]
        #[graphql(
            field(name = "message", ty = "&String", desc = "What is wrong and what to do, for people."),
            field(name = "path", ty = "&Vec<String>", desc = "Where in the input: names of fields and places in lists."),
            field(name = "code", ty = "&String", desc = "What is wrong, for programs: the same codes as in `errors[].extensions.code`.")
        )]
        #[expect(missing_docs, reason = "each variant is the type of its name")]
        pub enum UserError {
            $($name($name)),*
        }
    };
}

user_error_types! {
    /// A value that cannot be accepted.
    InvalidInput,
    /// A thing that is not there, or not for this viewer.
    NotFound {
        /// Which thing, in the singular.
        thing: String
    },
    /// The present state does not allow it.
    Conflict,
    /// An account with this e-mail address exists.
    EmailTaken,
    /// A password that is too easy to guess.
    WeakPassword,
    /// An unknown account or a wrong password; which of them is not told.
    InvalidCredentials,
    /// A refresh token that is unknown, expired, revoked or already used.
    InvalidToken,
    /// Too many attempts from this account or address.
    TooManyAttempts {
        /// How long to wait, in seconds.
        retry_after_seconds: i32
    },
}

impl From<Refusal> for UserError {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        let path = refusal.path().to_vec();
        let code = refusal.code().to_owned();
        macro_rules! error {
            ($name:ident $($field:ident: $value:expr)?) => {
                Self::$name($name { message, path, code, $($field: $value)? })
            };
        }
        match refusal {
            Refusal::InvalidInput { .. } => error!(InvalidInput),
            Refusal::NotFound { thing } => error!(NotFound thing: thing.to_owned()),
            Refusal::Conflict { .. } => error!(Conflict),
            Refusal::EmailTaken => error!(EmailTaken),
            Refusal::WeakPassword { .. } => error!(WeakPassword),
            Refusal::InvalidCredentials => error!(InvalidCredentials),
            Refusal::InvalidToken => error!(InvalidToken),
            Refusal::TooManyAttempts { retry_after } => {
                let seconds = whole_seconds(retry_after);
                error!(TooManyAttempts retry_after_seconds: i32::try_from(seconds).unwrap_or(i32::MAX))
            }
        }
    }
}

/// Declares the union of the errors that one mutation may answer with.
#[macro_export]
#[doc(hidden)]
macro_rules! __payload_errors {
    ($(#[$doc:meta])* $name:ident: $($member:ident),* $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Debug, async_graphql::Union)]
        #[expect(missing_docs, reason = "each variant is the type of its name")]
        pub enum $name {
            $($member($crate::graphql::payload::$member)),*
        }

        impl TryFrom<$crate::foundation::Refusal> for $name {
            type Error = $crate::foundation::Refusal;

            fn try_from(refusal: $crate::foundation::Refusal) -> Result<Self, Self::Error> {
                match $crate::graphql::payload::UserError::from(refusal.clone()) {
                    $($crate::graphql::payload::UserError::$member(error) => Ok(Self::$member(error)),)*
                    #[allow(unreachable_patterns, clippy::allow_attributes, reason = "a union of all")]
                    _ => Err(refusal),
                }
            }
        }
    };
}

pub use crate::__payload_errors as payload_errors;

/// Declares the payload of one mutation: what it made or changed, its errors and the way on. The
/// error's name may have a sentence of its own before it. A payload of one thing that may be null
/// also gets `settle`, which makes it of an outcome.
#[macro_export]
#[doc(hidden)]
macro_rules! __payload {
    (@declare $(#[$doc:meta])* $name:ident($(#[$why:meta])+ $error:ident) {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    }) => {
        $(#[$doc])*
        #[derive(async_graphql::SimpleObject)]
        pub struct $name {
            $($(#[$field_doc])* $field: $type,)*
            $(#[$why])*
            errors: Vec<$error>,
            /// The way on.
            query: $crate::graphql::Query,
        }
    };
    ($(#[$doc:meta])* $name:ident($error:ident) $fields:tt) => {
        $crate::graphql::payload::payload! {
            $(#[$doc])*
            $name(
                /// Why it was not done.
                $error
            ) $fields
        }
    };
    ($(#[$doc:meta])* $name:ident($(#[$why:meta])+ $error:ident) {
        $(#[$field_doc:meta])* $field:ident: Option<$type:ty>,
    }) => {
        $crate::graphql::payload::payload! {
            @declare $(#[$doc])* $name($(#[$why])+ $error) {
                $(#[$field_doc])* $field: Option<$type>,
            }
        }

        impl $name {
            /// What became of it, out of the service's answer.
            fn settle<T: Into<$type>>(
                outcome: $crate::foundation::Result<T>,
            ) -> async_graphql::Result<Self> {
                let (done, errors) = $crate::graphql::payload::settle(outcome)?;
                Ok(Self {
                    $field: done.map(Into::into),
                    errors,
                    query: $crate::graphql::Query::default(),
                })
            }
        }
    };
    ($(#[$doc:meta])* $name:ident($(#[$why:meta])+ $error:ident) $fields:tt) => {
        $crate::graphql::payload::payload! {
            @declare $(#[$doc])* $name($(#[$why])+ $error) $fields
        }
    };
}

pub use crate::__payload as payload;

/// Sorts an outcome: done, refused with one of the payload's own errors, or an error of the whole
/// field.
///
/// # Errors
/// Whatever is not among the payload's own errors.
pub fn settle<T, E>(outcome: Result<T>) -> Result<(Option<T>, Vec<E>)>
where
    E: TryFrom<Refusal, Error = Refusal>,
{
    match outcome {
        Ok(done) => Ok((Some(done), Vec::new())),
        Err(Error::Refused(refusal)) => match E::try_from(refusal) {
            Ok(error) => Ok((None, vec![error])),
            Err(refusal) => Err(refusal.into()),
        },
        Err(error) => Err(error),
    }
}
