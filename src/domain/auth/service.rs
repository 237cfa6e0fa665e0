//! Signing in and out, and telling who asks.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::backoff::Backoff;
use super::keys::KEY_START;
use super::model::{Admission, ApiKey, Client, Credentials, SignedIn, Tokens};
use super::passwords::{Passwords, Verdict};
use super::store::{Account, Hash, Store};
use super::tokens::AccessTokens;
use super::validity_cache::ValidityCache;
use super::{Role, Viewer};
use crate::domain::SchemaContext;
use crate::domain::users::{Email, NewUser, User};
use crate::foundation::{Clock, Error, Findings, Id, Refusal, Result, Rng, id};
use crate::platform::cache::Cache;
use crate::platform::config;
use crate::platform::events::Events;

/// Accounts' passwords, sessions and keys of one schema.
#[derive(Clone)]
pub struct AuthService {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) rng: Rng,
    pub(super) keys: ValidityCache<Hash, Hash, Option<ApiKey>>,
    pub(super) sessions: Sessions,
    pub(super) events: Events,
    pub(super) cache: Cache,
    pub(super) settings: Arc<config::Settings>,
    access: AccessTokens,
    passwords: Passwords,
    backoff: Backoff,
}

/// The role of each user who is there, by session.
pub(super) type Sessions =
    ValidityCache<(Id<id::User>, Id<id::Session>), Id<id::User>, Option<Role>>;

impl AuthService {
    /// The accounts of the schema of `ctx`.
    pub fn new(ctx: &SchemaContext) -> Self {
        let (clock, rng) = (&ctx.clock, &ctx.rng);
        let auth = &ctx.settings.auth;
        Self {
            store: Store::new(ctx.db.clone(), rng.clone()),
            access: AccessTokens::new(
                Arc::clone(&ctx.secrets),
                auth,
                ctx.db.schema(),
                clock.clone(),
                rng.clone(),
            ),
            passwords: Passwords::new(auth, rng.clone()),
            backoff: Backoff::new(auth, clock.clone()),
            sessions: ValidityCache::new(clock.clone(), |(user, _)| *user),
            keys: ValidityCache::new(clock.clone(), |hash| *hash),
            events: ctx.events.clone(),
            cache: ctx.cache.clone(),
            settings: Arc::clone(&ctx.settings),
            clock: clock.clone(),
            rng: rng.clone(),
        }
    }

    /// On whose behalf the bearer of `token` asks: an access token's user or an API key's app.
    /// The role is that of this moment, not that of the token.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a token or key that is not good, or no longer.
    pub async fn authenticate(&self, token: &str) -> Result<Viewer> {
        Ok(self.admit(token).await?.viewer)
    }

    /// The same, and until when the token is good.
    ///
    /// # Errors
    /// Those of [`AuthService::authenticate`].
    pub async fn admit(&self, token: &str) -> Result<Admission> {
        if token.starts_with(KEY_START) {
            return self.admit_key(token).await;
        }
        let (user, session, end) = self.access.read(token)?;
        let present = self.sessions.get((user, session), async || {
            let now = self.clock.now();
            let found = self.store.present(user, session, now).await?;
            Ok(found.map(|user| user.role))
        });
        let role = present.await?.ok_or_else(|| {
            Error::Unauthenticated("this session has ended; sign in again".to_owned())
        })?;
        Ok(Admission {
            viewer: Viewer::User {
                id: user,
                role,
                session,
            },
            expires_at: Some(end),
        })
    }

    /// Makes an account and signs it in. For everybody where the settings say so, and for admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`] where registration is closed, [`Refusal::WeakPassword`],
    /// [`Refusal::EmailTaken`], [`Refusal::InvalidInput`].
    pub async fn register(
        &self,
        viewer: &Viewer,
        display_name: String,
        email: Email,
        password: &SecretString,
    ) -> Result<SignedIn> {
        self.open_to(
            viewer,
            "registration is closed; ask an administrator for an account",
        )?;
        let new = NewUser {
            email: Some(email),
            ..NewUser::named(display_name)
        };
        let hash = self
            .checked(&new, Some(password), Findings::default())
            .await?;
        self.begin(new.into_user(&self.clock, &self.rng), hash)
            .await
    }

    /// Makes an anonymous user who is signed in: their tokens are all they have.
    ///
    /// # Errors
    /// [`Error::Forbidden`] where registration is closed and the viewer is no admin.
    pub async fn start_anonymous_session(&self, viewer: &Viewer) -> Result<SignedIn> {
        self.open_to(viewer, "this server takes known users only; sign in")?;
        let new = NewUser {
            anonymous: true,
            ..NewUser::named("Anonymous")
        };
        self.begin(new.into_user(&self.clock, &self.rng), None)
            .await
    }

    /// Signs in. An unknown account and a wrong password get the same answer after the same time.
    ///
    /// # Errors
    /// [`Refusal::InvalidCredentials`], [`Refusal::TooManyAttempts`]; [`Error::Forbidden`] for the
    /// right password of a disabled account.
    pub async fn login(&self, client: Client, credentials: &Credentials) -> Result<SignedIn> {
        let email: Option<Email> = credentials.email.parse().ok();
        // What is no address has no account, and shares one count.
        let account = email.as_ref().map_or("", Email::as_str);
        let attempt = self.backoff.attempt(account, client).await?;
        let compared = async {
            let account = match &email {
                Some(email) => self.store.by_email(email.as_str()).await?,
                None => None,
            };
            self.compare(account, &credentials.password).await
        };
        let (account, verdict) = match compared.await {
            Ok(Some(right)) => right,
            Ok(None) => return Err(Refusal::InvalidCredentials.into()),
            Err(fault) => {
                attempt.forget();
                return Err(fault);
            }
        };
        attempt.succeeded().await;
        let Account {
            user,
            password_hash,
        } = account;
        if user.disabled_at.is_some() {
            return Err(Error::Forbidden(
                "this account is disabled; ask an administrator".to_owned(),
            ));
        }
        let better = match verdict {
            Verdict::RightButDated => Some(self.passwords.hash(&credentials.password).await?),
            _ => None,
        };
        let session = Id::new(&self.clock, &self.rng);
        let (refresh, token) = self.refresh_token();
        let user = self
            .store
            .begin_session(user.id, password_hash, better, session, token)
            .await?
            .ok_or(Refusal::InvalidCredentials)?;
        self.signed_in(user, session, refresh, token.expires_at)
    }

    /// Ends the viewer's session: its access tokens are refused from now on.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Error::Forbidden`] for an app.
    pub async fn logout(&self, viewer: &Viewer) -> Result<()> {
        let (user, session) = own_session(viewer)?;
        let now = self.clock.now();
        let then = self.forgets(user);
        self.store
            .end_sessions(user, Some(session), now, then)
            .await
    }

    /// Ends all sessions of the viewer.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Error::Forbidden`] for an app.
    pub async fn logout_everywhere(&self, viewer: &Viewer) -> Result<()> {
        let (user, _) = own_session(viewer)?;
        let (now, then) = (self.clock.now(), self.forgets(user));
        self.store.end_sessions(user, None, now, then).await
    }

    /// Changes the viewer's password and ends all their other sessions.
    ///
    /// # Errors
    /// [`Refusal::InvalidCredentials`] for a wrong old password, [`Refusal::WeakPassword`],
    /// [`Refusal::TooManyAttempts`], [`Refusal::Conflict`] for a user who has no password.
    pub async fn change_password(
        &self,
        viewer: &Viewer,
        client: Client,
        old: &SecretString,
        new: &SecretString,
    ) -> Result<User> {
        let (id, session) = own_session(viewer)?;
        let account = self.store.by_id(id).await?;
        let Some(account) = account.filter(|account| account.password_hash.is_some()) else {
            let message = "this user has no password to change".to_owned();
            return Err(Refusal::Conflict { message }.into());
        };
        let email = account.user.email.as_ref().map(Email::as_str);
        self.passwords
            .check(new, email, &account.user.display_name)
            .map_err(|weak| weak.at("newPassword"))?;
        // The same count as that of logins: a stolen access token buys no further guesses.
        let attempt = match email {
            Some(email) => self.backoff.attempt(email, client).await?,
            None => self.backoff.attempt(&id.to_string(), client).await?,
        };
        let account = match self.compare(Some(account), old).await {
            Ok(Some((account, _))) => account,
            Ok(None) => return Err(Refusal::InvalidCredentials.at("oldPassword").into()),
            Err(fault) => {
                attempt.forget();
                return Err(fault);
            }
        };
        attempt.succeeded().await;
        let hash = self.passwords.hash(new).await?;
        let now = self.clock.now();
        let changed = self
            .store
            .change_password(
                id,
                account.password_hash,
                hash,
                session,
                now,
                self.forgets(id),
            )
            .await?;
        Ok(changed.ok_or(Refusal::InvalidCredentials.at("oldPassword"))?)
    }

    /// Whose access token this is: the proof that its bearer may speak for that user.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`].
    pub async fn proven(&self, token: &SecretString) -> Result<Id<id::User>> {
        match self.authenticate(token.expose_secret()).await {
            Ok(Viewer::User { id, .. }) => Ok(id),
            Ok(_) | Err(Error::Unauthenticated(_)) => {
                let message = "this access token is not good, or no longer";
                Err(Refusal::invalid("anonymousToken", message).into())
            }
            Err(other) => Err(other),
        }
    }

    /// Checks a new user and their password, tells all that is wrong with them, `findings` included,
    /// and hashes the password.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`], [`Refusal::WeakPassword`], [`Refusal::EmailTaken`].
    pub async fn checked(
        &self,
        user: &NewUser,
        password: Option<&SecretString>,
        mut findings: Findings,
    ) -> Result<Option<String>> {
        findings.take(user.check());
        let email = user.email.as_ref().map(Email::as_str);
        if let Some(password) = password {
            let good = self.passwords.check(password, email, &user.display_name);
            findings.take(good.map_err(|weak| weak.at("password")));
        }
        // Again when the user is written: somebody may be quicker. Here so that it is told with the rest.
        if let Some(email) = email
            && self.store.by_email(email).await?.is_some()
        {
            findings.note(Refusal::EmailTaken.at("email"));
        }
        findings.finish()?;
        match password {
            Some(password) => Ok(Some(self.passwords.hash(password).await?)),
            None => Ok(None),
        }
    }

    /// Checks the password of a new user and hashes it.
    ///
    /// # Errors
    /// [`Refusal::WeakPassword`].
    pub async fn fresh_hash(&self, password: &SecretString, user: &NewUser) -> Result<String> {
        let email = user.email.as_ref().map(Email::as_str);
        self.passwords.check(password, email, &user.display_name)?;
        self.passwords.hash(password).await
    }

    /// How many passwords this server has compared since its start, those for unknown accounts
    /// among them: each costs a core some tens of milliseconds.
    pub fn password_comparisons(&self) -> u64 {
        self.passwords.comparisons()
    }

    /// A good password for somebody who gave none.
    pub fn make_password(&self) -> SecretString {
        self.passwords.make()
    }

    /// The moment that lies so far ahead.
    pub fn in_future(&self, by: TimeDelta) -> DateTime<Utc> {
        self.clock.now() + by
    }

    /// What to do right after a user's role or sessions have changed: what is remembered of them is
    /// asked anew from then on, and whoever keeps a connection open for them looks again.
    pub fn forgets<T>(&self, user: Id<id::User>) -> impl FnOnce(&T) + Send + 'static {
        let sessions = self.sessions.clone();
        move |_| sessions.invalidate(&user)
    }

    fn open_to(&self, viewer: &Viewer, closed: &str) -> Result<()> {
        let may = self.settings.auth.open_registration
            || viewer.admin_or(super::Scope::UsersWrite).is_ok();
        may.then_some(())
            .ok_or_else(|| Error::Forbidden(closed.to_owned()))
    }

    /// The account, if the password is its own. Without an account it takes as long to say no.
    async fn compare(
        &self,
        account: Option<Account>,
        password: &SecretString,
    ) -> Result<Option<(Account, Verdict)>> {
        let hash = account
            .as_ref()
            .and_then(|account| account.password_hash.as_deref());
        let verdict = self.passwords.verify(password, hash).await?;
        Ok(account
            .filter(|_| verdict != Verdict::Wrong)
            .map(|account| (account, verdict)))
    }

    async fn begin(&self, user: User, hash: Option<String>) -> Result<SignedIn> {
        let session = Id::new(&self.clock, &self.rng);
        let (refresh, token) = self.refresh_token();
        self.store
            .register(user.clone(), hash, session, token)
            .await?;
        self.note_write_of(user.id).await;
        self.signed_in(user, session, refresh, token.expires_at)
    }

    pub(super) fn signed_in(
        &self,
        user: User,
        session: Id<id::Session>,
        refresh: SecretString,
        refresh_expires_at: DateTime<Utc>,
    ) -> Result<SignedIn> {
        let (access, access_expires_at) = self.access.sign(user.id, user.role, session)?;
        let tokens = Tokens {
            access: access.into(),
            access_expires_at,
            expires_in_seconds: self.settings.auth.access_token_lifetime(),
            refresh,
            refresh_expires_at,
        };
        Ok(SignedIn { user, tokens })
    }
}

fn own_session(viewer: &Viewer) -> Result<(Id<id::User>, Id<id::Session>)> {
    let user = viewer.signed_in()?;
    match viewer {
        Viewer::User { session, .. } => Ok((user, *session)),
        _ => Err(Error::signed_out()),
    }
}

/// The hash by which a random secret is kept.
pub(super) fn sha256(secret: &SecretString) -> Hash {
    Sha256::digest(secret.expose_secret().as_bytes()).into()
}
