//! Payloads of mutations, and the errors in them: what a mutation refuses on purpose, as types
//! that clients can match. Every other failure is an entry of `errors[]`, which [`super::errors`] formats.

use async_graphql::{Interface, MaybeUndefined, SimpleObject};

use crate::foundation::error::whole_seconds;
use crate::foundation::{Error, Refusal, Result};

macro_rules! user_error_types {
    ($($(#[$doc:meta])* $name:ident $({ $($(#[$field_doc:meta])* $field:ident: $type:ty),* })?),* $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, SimpleObject)]
            pub struct $name {
                /// Description of the error and of how to correct it, in English. For people, not
                /// for programs.
                pub message: String,
                /// Path of the invalid value in the input: names of fields and indices in lists.
                /// Empty if the error does not concern a single value.
                pub path: Vec<String>,
                /// Code of the error for programs; the same codes as in `errors[].extensions.code`.
                pub code: String,
                $($($(#[$field_doc])* pub $field: $type,)*)?
            }
        )*

        /// The fields that all errors of mutations share.
        #[derive(Clone, Debug, Interface)]
        #[graphql(
            field(name = "message", ty = "&String", desc = "Description of the error and of how to correct it, in English. For people, not for programs."),
            field(name = "path", ty = "&Vec<String>", desc = "Path of the invalid value in the input: names of fields and indices in lists. Empty if the error does not concern a single value."),
            field(name = "code", ty = "&String", desc = "Code of the error for programs; the same codes as in `errors[].extensions.code`.")
        )]
        #[expect(missing_docs, reason = "each variant is the type of its name")]
        pub enum UserError {
            $($name($name)),*
        }

        impl UserError {
            /// Sets the place in the input.
            fn place(&mut self, path: Vec<String>) {
                match self {
                    $(Self::$name(error) => error.path = path,)*
                }
            }
        }
    };
}

user_error_types! {
    /// A value of the input is invalid.
    InvalidInput,
    /// An object does not exist, or the viewer may not see it.
    NotFound {
        /// Kind of the missing object, for example `content item`.
        thing: String
    },
    /// The mutation conflicts with the current state of the object.
    Conflict,
    /// Another account already uses this e-mail address.
    EmailTaken,
    /// The password is too short, too long or too easy to guess.
    WeakPassword,
    /// The e-mail address or the password is wrong. Which of them is not disclosed.
    InvalidCredentials,
    /// The refresh token is unknown, expired, revoked or already used.
    InvalidToken,
    /// Too many failed attempts for this account or from this network address.
    TooManyAttempts {
        /// Time to wait before the next attempt, in seconds.
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
            // The kind of what is refused; `path` says where.
            Refusal::At { refusal, .. } => {
                let mut error = Self::from(*refusal);
                error.place(path);
                error
            }
            // Whoever tells errors one by one has taken them apart: see `UserError::all`.
            Refusal::Several(mut all) if !all.is_empty() => Self::from(all.remove(0)),
            Refusal::Several(_) => error!(InvalidInput),
        }
    }
}

impl UserError {
    /// Everything that a refusal says.
    pub fn all(refusal: Refusal) -> Vec<Self> {
        refusal.each().into_iter().map(Self::from).collect()
    }
}

/// Declares the union of the errors that a mutation may return.
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

/// Declares the payload of a mutation: its results, its errors and the root query. The error's name
/// may have its own description before it. A payload with one nullable result also gets `settle`,
/// which builds it from an outcome.
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
            /// The root query, for reading more data in the same request.
            query: $crate::graphql::Query,
        }
    };
    ($(#[$doc:meta])* $name:ident($error:ident) $fields:tt) => {
        $crate::graphql::payload::payload! {
            $(#[$doc])*
            $name(
                /// Why the mutation failed; empty if it succeeded.
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
            /// Builds the payload from the outcome of the service.
            fn settle<T: Into<$type>>(
                outcome: $crate::foundation::Result<T>,
            ) -> async_graphql::Result<Option<Self>> {
                let (done, errors) = $crate::graphql::payload::settle(outcome)?;
                Ok(Some(Self {
                    $field: done.map(Into::into),
                    errors,
                    query: $crate::graphql::Query::default(),
                }))
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

/// The value of a field of an update that can be changed and not removed; `None` where it is left out.
///
/// # Errors
/// [`Refusal::InvalidInput`] for null, which removes the value of other fields.
pub fn not_removable<T>(name: &str, given: MaybeUndefined<T>) -> Result<Option<T>, Refusal> {
    match given {
        MaybeUndefined::Value(value) => Ok(Some(value)),
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Null => {
            let message = format!("`{name}` cannot be removed; leave it out to keep it as it is");
            Err(Refusal::invalid(name, message))
        }
    }
}

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
        Err(Error::Refused(refusal)) => {
            let errors: Result<Vec<E>, Refusal> =
                refusal.each().into_iter().map(E::try_from).collect();
            Ok((None, errors?))
        }
        Err(error) => Err(error),
    }
}
