//! Signing in and out: types and mutations.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;

use super::email::EmailAddress;
use super::user::User;
use crate::domain::auth::{self as domain, Credentials, SignedIn};
use crate::graphql::number::int;
use crate::graphql::payload::{payload, payload_errors, settle};
use crate::graphql::{ContextExt, Query};

/// The tokens of a session.
#[derive(Clone, SimpleObject)]
pub struct AuthTokens {
    /// Goes with each request as `Authorization: Bearer …`.
    access_token: String,
    /// How the access token is sent: `Bearer`.
    token_type: &'static str,
    /// For how long the access token is good, in seconds.
    expires_in_seconds: i32,
    /// When the access token ends.
    expires_at: DateTime<Utc>,
    /// Buys the next pair of tokens, once: a second use ends the session.
    refresh_token: String,
    /// When the refresh token ends.
    refresh_expires_at: DateTime<Utc>,
}

impl From<domain::Tokens> for AuthTokens {
    fn from(tokens: domain::Tokens) -> Self {
        Self {
            access_token: tokens.access.expose_secret().to_owned(),
            token_type: "Bearer",
            expires_in_seconds: int(tokens.expires_in_seconds),
            expires_at: tokens.access_expires_at,
            refresh_token: tokens.refresh.expose_secret().to_owned(),
            refresh_expires_at: tokens.refresh_expires_at,
        }
    }
}

/// An account to be made.
#[derive(Clone, InputObject)]
pub struct RegisterInput {
    /// What the user signs in with.
    email: EmailAddress,
    /// At least 10 characters unless the server is set otherwise, at most 128, not the e-mail
    /// address or the name, and not among those that everybody tries first.
    password: String,
    /// What the user is called, 1 to 100 characters.
    display_name: String,
}

/// What a user signs in with.
#[derive(Clone, InputObject)]
pub struct LoginInput {
    /// The e-mail address of the account.
    email: EmailAddress,
    /// Its password.
    password: String,
}

/// The token of a session.
#[derive(Clone, InputObject)]
pub struct RefreshTokenInput {
    /// The refresh token that came with the last access token.
    refresh_token: String,
}

/// A new password.
#[derive(Clone, InputObject)]
pub struct ChangePasswordInput {
    /// The password as it is.
    old_password: String,
    /// The password as it shall be; the rules are those of `register`.
    new_password: String,
}

payload_errors! {
    /// Why `register` did not do it.
    RegisterError: InvalidInput, WeakPassword, EmailTaken
}

payload_errors! {
    /// Why `login` did not do it.
    LoginError: InvalidCredentials, TooManyAttempts
}

payload_errors! {
    /// Why `refreshToken` did not do it.
    RefreshTokenError: InvalidToken
}

payload_errors! {
    /// Why `logout` did not do it.
    LogoutError: Conflict
}

payload_errors! {
    /// Why `logoutEverywhere` did not do it.
    LogoutEverywhereError: Conflict
}

payload_errors! {
    /// Why `changePassword` did not do it.
    ChangePasswordError: InvalidCredentials, WeakPassword, TooManyAttempts, Conflict
}

payload_errors! {
    /// Why `startAnonymousSession` did not do it.
    StartAnonymousSessionError: Conflict
}

payload! {
    /// What became of `register`.
    RegisterPayload(RegisterError) {
        /// The new user; null if there are errors.
        user: Option<User>,
        /// The tokens of their first session; null if there are errors.
        tokens: Option<AuthTokens>,
    }
}

payload! {
    /// What became of `login`.
    LoginPayload(LoginError) {
        /// Who signed in; null if there are errors.
        user: Option<User>,
        /// The tokens of the session; null if there are errors. `query` does not see them yet:
        /// it answers for whoever sent this request.
        tokens: Option<AuthTokens>,
    }
}

payload! {
    /// What became of `refreshToken`.
    RefreshTokenPayload(RefreshTokenError) {
        /// Whose session it is; null if there are errors.
        user: Option<User>,
        /// The next tokens of the session; null if there are errors.
        tokens: Option<AuthTokens>,
    }
}

payload! {
    /// What became of `logout`.
    LogoutPayload(LogoutError) {
        /// Whether the session has ended.
        done: bool,
    }
}

payload! {
    /// What became of `logoutEverywhere`.
    LogoutEverywherePayload(LogoutEverywhereError) {
        /// Whether all sessions have ended.
        done: bool,
    }
}

payload! {
    /// What became of `changePassword`.
    ChangePasswordPayload(ChangePasswordError) {
        /// Whose password changed; null if there are errors.
        user: Option<User>,
    }
}

payload! {
    /// What became of `startAnonymousSession`.
    StartAnonymousSessionPayload(StartAnonymousSessionError) {
        /// The new anonymous user; null if there are errors.
        user: Option<User>,
        /// The tokens of the session, which are all that the user has; null if there are errors.
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
    /// Makes an account and signs it in. Where registration is closed, for admins only.
    #[graphql(complexity = "100 + child_complexity")]
    async fn register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account.")] input: RegisterInput,
    ) -> Result<RegisterPayload> {
        let auth = &ctx.services().auth;
        let (name, email, password) = (input.display_name, input.email.0, input.password.into());
        let made = auth.register(ctx.viewer(), name, email, &password).await;
        let (made, errors) = settle(made)?;
        let (user, tokens) = parts(made);
        Ok(RegisterPayload {
            user,
            tokens,
            errors,
            query: Query::default(),
        })
    }

    /// Signs in. An unknown account and a wrong password get the same answer.
    #[graphql(complexity = "100 + child_complexity")]
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the user signs in with.")] input: LoginInput,
    ) -> Result<LoginPayload> {
        let credentials = Credentials {
            email: input.email.0.to_string(),
            password: input.password.into(),
        };
        let auth = &ctx.services().auth;
        let (done, errors) = settle(auth.login(ctx.client(), &credentials).await)?;
        let (user, tokens) = parts(done);
        Ok(LoginPayload {
            user,
            tokens,
            errors,
            query: Query::default(),
        })
    }

    /// Exchanges a refresh token for the next pair of tokens. Each is good once: a second use ends
    /// the session, so a client exchanges one at a time. Needs no access token.
    #[graphql(complexity = "20 + child_complexity")]
    async fn refresh_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token.")] input: RefreshTokenInput,
    ) -> Result<RefreshTokenPayload> {
        let token = input.refresh_token.into();
        let (done, errors) = settle(ctx.services().auth.refresh(&token).await)?;
        let (user, tokens) = parts(done);
        Ok(RefreshTokenPayload {
            user,
            tokens,
            errors,
            query: Query::default(),
        })
    }

    /// Ends the session of the access token that came with this request, with all its tokens.
    async fn logout(&self, ctx: &Context<'_>) -> Result<LogoutPayload> {
        let done = ctx.services().auth.logout(ctx.viewer()).await;
        let (done, errors) = settle(done)?;
        Ok(LogoutPayload {
            done: done.is_some(),
            errors,
            query: Query::default(),
        })
    }

    /// Ends all sessions of the viewer, this one too.
    async fn logout_everywhere(&self, ctx: &Context<'_>) -> Result<LogoutEverywherePayload> {
        let done = ctx.services().auth.logout_everywhere(ctx.viewer()).await;
        let (done, errors) = settle(done)?;
        Ok(LogoutEverywherePayload {
            done: done.is_some(),
            errors,
            query: Query::default(),
        })
    }

    /// Changes the viewer's password and ends all their other sessions.
    #[graphql(complexity = "100 + child_complexity")]
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The old and the new password.")] input: ChangePasswordInput,
    ) -> Result<ChangePasswordPayload> {
        let auth = &ctx.services().auth;
        let (old, new) = (input.old_password.into(), input.new_password.into());
        let done = auth.change_password(ctx.viewer(), ctx.client(), &old, &new);
        let done = done.await;
        ctx.loaders().forget();
        ChangePasswordPayload::settle(done)
    }

    /// Makes a user whom nobody knows and signs them in: for visitors who may become known later
    /// (`mergeUsers`). Where registration is closed, for admins and apps with `USERS_WRITE`.
    #[graphql(complexity = "20 + child_complexity")]
    async fn start_anonymous_session(
        &self,
        ctx: &Context<'_>,
    ) -> Result<StartAnonymousSessionPayload> {
        let made = ctx.services().auth.start_anonymous_session(ctx.viewer());
        let (made, errors) = settle(made.await)?;
        let (user, tokens) = parts(made);
        Ok(StartAnonymousSessionPayload {
            user,
            tokens,
            errors,
            query: Query::default(),
        })
    }
}
