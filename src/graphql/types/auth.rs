//! Signing in and out: types and mutations.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use secrecy::ExposeSecret;

use super::email::EmailAddress;
use super::user::User;
use crate::domain::auth::{self as domain, Credentials, SignedIn};
use crate::graphql::number::int;
use crate::graphql::payload::{payload, payload_errors, settle};
use crate::graphql::scalars::DateTime;
use crate::graphql::{ContextExt, Query};

/// Tokens of a session.
#[derive(Clone, SimpleObject)]
pub struct AuthTokens {
    /// Access token. Send it as `Authorization: Bearer <token>` with each request.
    access_token: String,
    /// Type of the access token: always `Bearer`.
    token_type: &'static str,
    /// Lifetime of the access token, in seconds.
    expires_in_seconds: i32,
    /// Time when the access token expires.
    expires_at: DateTime,
    /// Refresh token, for one call of `refreshToken`. For a short time (30 seconds, unless configured
    /// otherwise) a repeated call returns the session's newest refresh token again; a later one ends
    /// the session.
    refresh_token: String,
    /// Time when the refresh token expires.
    refresh_expires_at: DateTime,
}

impl From<domain::Tokens> for AuthTokens {
    fn from(tokens: domain::Tokens) -> Self {
        Self {
            access_token: tokens.access.expose_secret().to_owned(),
            token_type: "Bearer",
            expires_in_seconds: int(tokens.expires_in_seconds),
            expires_at: tokens.access_expires_at.into(),
            refresh_token: tokens.refresh.expose_secret().to_owned(),
            refresh_expires_at: tokens.refresh_expires_at.into(),
        }
    }
}

/// Properties of a new account.
#[derive(Clone, InputObject)]
pub struct RegisterInput {
    /// E-mail address to sign in with.
    email: EmailAddress,
    /// Password of 10 (unless configured otherwise) to 128 characters. It may be neither the e-mail
    /// address, nor its part before the `@`, nor the display name, nor a common password.
    password: String,
    /// Name of the user for display, 1–100 characters.
    display_name: String,
}

/// Credentials of an account.
#[derive(Clone, InputObject)]
pub struct LoginInput {
    /// E-mail address of the account; case-insensitive.
    email: EmailAddress,
    /// Password of the account.
    password: String,
}

/// The refresh token of a session.
#[derive(Clone, InputObject)]
pub struct RefreshTokenInput {
    /// The latest refresh token of the session.
    refresh_token: String,
}

/// The current and the new password of the signed-in user.
#[derive(Clone, InputObject)]
pub struct ChangePasswordInput {
    /// Current password of the user.
    old_password: String,
    /// New password, with the same rules as in `RegisterInput`.
    new_password: String,
}

payload_errors! {
    /// Errors that `register` may return.
    RegisterError: InvalidInput, WeakPassword, EmailTaken
}

payload_errors! {
    /// Errors that `login` may return.
    LoginError: InvalidCredentials, TooManyAttempts
}

payload_errors! {
    /// Errors that `refreshToken` may return.
    RefreshTokenError: InvalidToken
}

payload_errors! {
    /// Errors that `logout` may return.
    LogoutError: Conflict
}

payload_errors! {
    /// Errors that `logoutEverywhere` may return.
    LogoutEverywhereError: Conflict
}

payload_errors! {
    /// Errors that `changePassword` may return.
    ChangePasswordError: InvalidCredentials, WeakPassword, TooManyAttempts, Conflict
}

payload_errors! {
    /// Errors that `startAnonymousSession` may return.
    StartAnonymousSessionError: Conflict
}

payload! {
    /// Result of `register`.
    RegisterPayload(RegisterError) {
        /// The new user; null if there are errors.
        user: Option<User>,
        /// Tokens of the user's first session; null if there are errors.
        tokens: Option<AuthTokens>,
    }
}

payload! {
    /// Result of `login`.
    LoginPayload(LoginError) {
        /// The user who signed in; null if there are errors.
        user: Option<User>,
        /// Tokens of the new session; null if there are errors. They do not apply to `query`, which
        /// is resolved with the credentials of the request.
        tokens: Option<AuthTokens>,
    }
}

payload! {
    /// Result of `refreshToken`.
    RefreshTokenPayload(RefreshTokenError) {
        /// The user of the session; null if there are errors.
        user: Option<User>,
        /// New tokens of the session; null if there are errors.
        tokens: Option<AuthTokens>,
    }
}

payload! {
    /// Result of `logout`.
    LogoutPayload(LogoutError) {
        /// Whether the session has ended.
        done: bool,
    }
}

payload! {
    /// Result of `logoutEverywhere`.
    LogoutEverywherePayload(LogoutEverywhereError) {
        /// Whether all sessions of the user have ended.
        done: bool,
    }
}

payload! {
    /// Result of `changePassword`.
    ChangePasswordPayload(ChangePasswordError) {
        /// The user whose password changed; null if there are errors.
        user: Option<User>,
    }
}

payload! {
    /// Result of `startAnonymousSession`.
    StartAnonymousSessionPayload(StartAnonymousSessionError) {
        /// The new anonymous user; null if there are errors.
        user: Option<User>,
        /// Tokens of the session; null if there are errors. They are the user's only credentials.
        tokens: Option<AuthTokens>,
    }
}

fn parts(signed_in: Option<SignedIn>) -> (Option<User>, Option<AuthTokens>) {
    signed_in
        .map(|it| (User::proven(it.user), AuthTokens::from(it.tokens)))
        .unzip()
}

/// Mutations of sessions.
#[derive(Clone, Copy, Default)]
pub struct AuthMutation;

/// Mutations of sessions.
#[Object]
impl AuthMutation {
    /// Creates an account and signs it in. No authentication required, unless registration is
    /// closed on this server: then it requires the role ADMIN or an API key with the scope
    /// USERS_WRITE.
    #[graphql(complexity = "100 + child_complexity")]
    async fn register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Properties of the new account.")] input: RegisterInput,
    ) -> Result<Option<RegisterPayload>> {
        let auth = &ctx.services().auth;
        let (name, email, password) = (input.display_name, input.email.0, input.password.into());
        let made = auth.register(ctx.viewer(), name, email, &password).await;
        let (made, errors) = settle(made)?;
        let (user, tokens) = parts(made);
        Ok(Some(RegisterPayload {
            user,
            tokens,
            errors,
            query: Query::default(),
        }))
    }

    /// Signs in with e-mail address and password. Unknown accounts and wrong passwords cause the
    /// same error; after several failed attempts, further ones are delayed. Disabled users get the
    /// error code FORBIDDEN. No authentication required.
    #[graphql(complexity = "100 + child_complexity")]
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Credentials of the account.")] input: LoginInput,
    ) -> Result<Option<LoginPayload>> {
        let credentials = Credentials {
            email: input.email.0.to_string(),
            password: input.password.into(),
        };
        let auth = &ctx.services().auth;
        let (done, mut errors) = settle(auth.login(ctx.client(), &credentials).await)?;
        let schema = ctx.services().schema.name();
        for error in &mut errors {
            // Somebody who has an account elsewhere would look for the fault in the password.
            if let LoginError::InvalidCredentials(error) = error {
                let hint = format!("; accounts belong to one schema, and this is `{schema}`");
                error.message.push_str(&hint);
            }
        }
        let (user, tokens) = parts(done);
        Ok(Some(LoginPayload {
            user,
            tokens,
            errors,
            query: Query::default(),
        }))
    }

    /// Exchanges a refresh token for a new access token and a new refresh token. If the same token
    /// is sent again within a short time (30 seconds, unless configured otherwise), because two tabs
    /// refresh at once or the response was lost, the newest refresh token of the session is returned
    /// again; a later repeat ends the session. No authentication required.
    #[graphql(complexity = "20 + child_complexity")]
    async fn refresh_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The refresh token to exchange.")] input: RefreshTokenInput,
    ) -> Result<Option<RefreshTokenPayload>> {
        let token = input.refresh_token.into();
        let done = ctx.services().auth.refresh(&token).await;
        let done = done.map_err(|error| error.under(["refreshToken".to_owned()]));
        let (done, errors) = settle(done)?;
        let (user, tokens) = parts(done);
        Ok(Some(RefreshTokenPayload {
            user,
            tokens,
            errors,
            query: Query::default(),
        }))
    }

    /// Ends the session that the request's access token belongs to. All its tokens become invalid,
    /// and the rest of the request is resolved without a viewer. Requires a signed-in user.
    async fn logout(&self, ctx: &Context<'_>) -> Result<Option<LogoutPayload>> {
        let done = ctx.services().auth.logout(ctx.viewer()).await;
        let (done, errors) = settle(done)?;
        ctx.sign_out(done.is_some());
        Ok(Some(LogoutPayload {
            done: done.is_some(),
            errors,
            query: Query::default(),
        }))
    }

    /// Ends all sessions of the signed-in user, including the current one; the rest of the request is
    /// resolved without a viewer. Requires a signed-in user.
    async fn logout_everywhere(
        &self,
        ctx: &Context<'_>,
    ) -> Result<Option<LogoutEverywherePayload>> {
        let done = ctx.services().auth.logout_everywhere(ctx.viewer()).await;
        let (done, errors) = settle(done)?;
        ctx.sign_out(done.is_some());
        Ok(Some(LogoutEverywherePayload {
            done: done.is_some(),
            errors,
            query: Query::default(),
        }))
    }

    /// Changes the password of the signed-in user and ends all their other sessions. Requires a
    /// signed-in user.
    #[graphql(complexity = "100 + child_complexity")]
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The current and the new password.")] input: ChangePasswordInput,
    ) -> Result<Option<ChangePasswordPayload>> {
        let auth = &ctx.services().auth;
        let (old, new) = (input.old_password.into(), input.new_password.into());
        let done = auth.change_password(ctx.viewer(), ctx.client(), &old, &new);
        let done = done.await;
        ctx.loaders().forget();
        ChangePasswordPayload::settle(done)
    }

    /// Creates an anonymous user and a session for them. If the visitor later signs in to an
    /// account, `mergeUsers` moves their data there. No authentication required, unless
    /// registration is closed on this server: then it requires the role ADMIN or an API key with
    /// the scope USERS_WRITE.
    #[graphql(complexity = "20 + child_complexity")]
    async fn start_anonymous_session(
        &self,
        ctx: &Context<'_>,
    ) -> Result<Option<StartAnonymousSessionPayload>> {
        let made = ctx.services().auth.start_anonymous_session(ctx.viewer());
        let (made, errors) = settle(made.await)?;
        let (user, tokens) = parts(made);
        Ok(Some(StartAnonymousSessionPayload {
            user,
            tokens,
            errors,
            query: Query::default(),
        }))
    }
}
