//! Filling an empty schema with the demo.

use super::data::{Demo, generate};
use super::store::Store;
use crate::domain::SchemaContext;
use crate::domain::auth::{AuthService, Role, Viewer};
use crate::domain::users::NewUser;
use crate::foundation::{Clock, Result};
use crate::platform::cache::Cache;

/// The demo is the same everywhere: one seed for all.
const SEED: u64 = 42;

/// An account of the demo that people can sign in with.
#[derive(Clone, Copy, Debug)]
pub struct Login {
    /// Its key in the demo's data.
    pub key: &'static str,
    /// Its e-mail address.
    pub email: &'static str,
    /// Its password: known to everybody, which is why the demo has a schema of its own.
    pub password: &'static str,
    /// What it may do.
    pub role: Role,
}

/// The accounts of the demo that people can sign in with.
pub const LOGINS: [Login; 3] = [
    Login {
        key: "user",
        email: "user@demo.example",
        password: "seven-samurai-1954",
        role: Role::User,
    },
    Login {
        key: "curator",
        email: "curator@demo.example",
        password: "tokyo-story-1953",
        role: Role::Curator,
    },
    Login {
        key: "admin",
        email: "admin@demo.example",
        password: "high-and-low-1963",
        role: Role::Admin,
    },
];

/// What was loaded.
#[derive(Clone, Copy, Debug)]
pub struct Loaded {
    /// How many films.
    pub films: usize,
    /// How many products.
    pub products: usize,
    /// How many users, the three logins among them.
    pub users: usize,
    /// How many interactions.
    pub interactions: usize,
}

/// The demo of one schema.
#[derive(Clone)]
pub struct DemoService {
    store: Store,
    auth: AuthService,
    cache: Cache,
    clock: Clock,
}

impl DemoService {
    /// The demo in the schema of `ctx`.
    pub fn new(ctx: &SchemaContext, auth: AuthService) -> Self {
        Self {
            store: Store::new(ctx.db.clone()),
            auth,
            cache: ctx.cache.clone(),
            clock: ctx.clock.clone(),
        }
    }

    /// Loads the demo, all of it or nothing. A schema that has users or content already is left
    /// as it is, and the answer is `None`.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`] for whoever is no admin; when the database fails.
    pub async fn load(&self, viewer: &Viewer) -> Result<Option<Loaded>> {
        viewer.admin()?;
        if !self.store.is_empty().await? {
            return Ok(None);
        }
        let mut hashes = Vec::with_capacity(LOGINS.len());
        for login in LOGINS {
            let (password, user) = (login.password.into(), NewUser::named(login.key.to_owned()));
            hashes.push(self.auth.fresh_hash(&password, &user).await?);
        }
        let now = self.clock.now();
        let demo: Demo = tokio::task::spawn_blocking(move || generate(SEED, now))
            .await
            .map_err(|panicked| anyhow::anyhow!(panicked))?;
        let loaded = Loaded {
            films: demo.films.len(),
            products: demo.products.len(),
            users: demo.users.len(),
            interactions: demo.interactions.len(),
        };
        let _over = self.cache.invalidate_on_drop();
        self.store.load(demo, hashes, now).await?;
        Ok(Some(loaded))
    }
}
