//! What the tests of a use case stand on: a schema of their own in a real Postgres, a stopped
//! clock, a seeded random source, and the whole server in front of it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "each test binary uses its own part of this, and a test may panic"
)]

pub mod worlds;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::stream::BoxStream;
use marquee::domain::auth::{Client, Role, Scope, Viewer};
use marquee::domain::content::{ContentKind, Fields, Visibility};
use marquee::domain::schemas::Schemas;
use marquee::domain::{SchemaContext, Services};
use marquee::foundation::{Clock, Id, Rng, id};
use marquee::graphql::errors::{ErrorFormat, format_errors};
use marquee::graphql::guard::{self, DocumentCache, Limits};
use marquee::graphql::{MarqueeSchema, schema, with_context};
use marquee::platform::cache::Caches;
use marquee::platform::config::{SchemaName, Settings};
use marquee::platform::db::{Db, migrate};
use marquee::platform::events::EventListener;
use marquee::platform::objects::Objects;
use marquee::platform::secrets::{Secrets, SigningKey};
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};

/// One schema of a real database, with everything that stands on it.
pub struct TestApp {
    pub ctx: SchemaContext,
    pub services: Arc<Services>,
    pub schemas: Arc<Schemas>,
    pub contract: MarqueeSchema,
    pub url: String,
    /// Where its files are; gone with it.
    pub files: Arc<tempfile::TempDir>,
    /// Drops the schema with the last server that uses it.
    pub cleanup: Arc<SchemaCleanup>,
}

/// A schema that is dropped at the end of its test: hundreds of them fill the disk of a small
/// machine, and make every look into the database's catalogue slow.
pub struct SchemaCleanup {
    url: String,
    name: SchemaName,
}

impl Drop for SchemaCleanup {
    fn drop(&mut self) {
        let dropping = async {
            let options: PgConnectOptions = self.url.parse()?;
            let mut connection = options.connect().await?;
            // Something that the test began may still write.
            let name = &self.name;
            let drop = format!("SET lock_timeout = '5s'; DROP SCHEMA \"{name}\" CASCADE");
            let quietly = format!("SET client_min_messages = error; {drop}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(quietly))
                .execute(&mut connection)
                .await?;
            connection.close().await
        };
        // A thread of its own: a test's runtime may not be blocked on from within.
        let dropped: Result<(), sqlx::Error> = std::thread::scope(|scope| {
            let run = || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                runtime.block_on(dropping)
            };
            scope.spawn(run).join().unwrap()
        });
        if let Err(error) = dropped {
            eprintln!("the schema {} stays: {error}", self.name);
        }
    }
}

/// The URL of the database that tests make their schemas in.
pub fn database_url() -> String {
    std::env::var("MARQUEE_TEST_DATABASE_URL")
        .expect("set MARQUEE_TEST_DATABASE_URL to a Postgres with pgvector, or run ./script/test")
}

/// Every test begins at this moment.
pub fn start_of_time() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// The settings of tests: the defaults, with passwords that are quick to hash and models that are
/// quick to train.
pub fn settings() -> Settings {
    let mut settings = Settings::defaults();
    settings.training.factors = 16;
    settings.embeddings.dimensions = 64;
    settings.auth.argon2_memory_kib = 64;
    settings.auth.argon2_passes = 1;
    settings
}

/// The keys of tests: the same in every test, so that one schema's tokens are well signed in
/// another.
pub fn secrets() -> Secrets {
    let key = SigningKey::new("test", TEST_SECRET).unwrap();
    Secrets::of(vec![key]).unwrap()
}

/// What the tokens of tests are signed with.
pub const TEST_SECRET: &str = "the secret of tests: 0123456789 abcdef";

/// The documents of tests, which pass the guard as those of clients do.
static DOCUMENTS: LazyLock<DocumentCache> = LazyLock::new(|| {
    let contract = graphql::contract(true).unwrap();
    // Some tests ask for everything that there is.
    let limits = Limits {
        source_bytes: 16 << 20,
        tokens: usize::MAX,
        fields: u32::MAX,
        aliases: u32::MAX,
        depth: 30,
        root_fields: u32::MAX,
        ..Limits::default()
    };
    DocumentCache::new(contract, limits, 64 << 20)
});

/// What the engine gets for a document.
fn request(document: &str, variables: Value) -> Result<async_graphql::Request, guard::Errors> {
    let variables = async_graphql::Variables::from_json(variables);
    let operation = DOCUMENTS.ready(document, None, &variables)?;
    Ok(operation.into_request())
}

impl TestApp {
    /// A fresh schema with default settings.
    pub async fn start() -> Self {
        Self::with(settings()).await
    }

    /// A fresh schema with these settings.
    pub async fn with(settings: Settings) -> Self {
        let url = database_url();
        let seed = Rng::system().unwrap().seed();
        let name: SchemaName = format!("test_{seed:016x}").parse().unwrap();
        let clock = Clock::stopped(start_of_time());
        let cleanup = SchemaCleanup {
            url: url.clone(),
            name: name.clone(),
        };
        migrate::run(&url, std::slice::from_ref(&name), clock.now())
            .await
            .unwrap();
        let db = Db::connect(&settings.database, &url, &name).await.unwrap();
        let rng = Rng::seeded(seed);
        let caches = Caches::open(&settings, clock.clone(), rng.clone()).unwrap();
        let files = tempfile::tempdir().unwrap();
        let objects = Objects::open(&settings.objects, files.path()).unwrap();
        let ctx = SchemaContext {
            db,
            objects,
            cache: caches.of(&name),
            events: EventListener::new(&url).unwrap().of(&name),
            clock,
            rng,
            settings: Arc::new(settings),
            secrets: Arc::new(secrets()),
        };
        let services = Arc::new(Services::new(&ctx));
        let all = BTreeMap::from([(name.clone(), Arc::clone(&services))]);
        Self {
            services,
            schemas: Arc::new(Schemas::new(name, all)),
            contract: schema(usize::MAX),
            ctx,
            url,
            files: Arc::new(files),
            cleanup: Arc::new(cleanup),
        }
    }

    /// Another server on the same schema: with pools, caches, events and memory of its own.
    pub async fn twin(&self) -> Self {
        let settings = &self.ctx.settings;
        let name = self.ctx.db.schema().clone();
        let (clock, rng) = (self.ctx.clock.clone(), self.ctx.rng.clone());
        let caches = Caches::open(settings, clock, rng).unwrap();
        let db = Db::connect(&settings.database, &self.url, &name).await;
        let ctx = SchemaContext {
            db: db.unwrap(),
            cache: caches.of(&name),
            events: EventListener::new(&self.url).unwrap().of(&name),
            ..self.ctx.clone()
        };
        let services = Arc::new(Services::new(&ctx));
        let all = BTreeMap::from([(name.clone(), Arc::clone(&services))]);
        Self {
            services,
            schemas: Arc::new(Schemas::new(name, all)),
            contract: schema(usize::MAX),
            ctx,
            url: self.url.clone(),
            files: Arc::clone(&self.files),
            cleanup: Arc::clone(&self.cleanup),
        }
    }

    /// Cuts the connections on which processes read the events of this schema, and says how many there were.
    pub async fn cut_events(&self) -> i64 {
        let options: PgConnectOptions = self.url.parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        let cut = sqlx::query_scalar(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
              WHERE query LIKE $1 AND pid <> pg_backend_pid()",
        );
        let reading = format!("%\"{}\".events AS new%", self.ctx.db.schema());
        let cut = cut.bind(reading).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        cut
    }

    /// Executes a document on behalf of `viewer` and answers the whole response as JSON.
    pub async fn run_as(&self, viewer: &Viewer, document: &str, variables: Value) -> Value {
        let mut response = match request(document, variables) {
            Ok(request) => {
                let request = with_context(
                    request,
                    Arc::clone(&self.schemas),
                    Arc::clone(&self.services),
                    viewer.clone(),
                    Client::default(),
                );
                self.contract.execute(request).await
            }
            Err(errors) => async_graphql::Response::from_errors(errors),
        };
        let format = ErrorFormat {
            request_id: "test",
            suggestions: true,
        };
        format_errors(&mut response, format);
        serde_json::to_value(response).unwrap()
    }

    /// Begins a subscription on behalf of `viewer`: each event is a whole response as JSON.
    pub fn hear(&self, viewer: &Viewer, document: &str) -> BoxStream<'static, Value> {
        let request = request(document, json!({})).expect("a valid subscription");
        let request = with_context(
            request,
            Arc::clone(&self.schemas),
            Arc::clone(&self.services),
            viewer.clone(),
            Client::default(),
        );
        let events = self.contract.execute_stream(request);
        events
            .map(|mut response| {
                let format = ErrorFormat {
                    request_id: "test",
                    suggestions: true,
                };
                format_errors(&mut response, format);
                serde_json::to_value(response).unwrap()
            })
            .boxed()
    }

    /// Executes a document on behalf of the shell, who may do everything, and answers its data.
    /// Panics if there are errors.
    pub async fn ask(&self, document: &str) -> Value {
        self.ask_as(&Viewer::Command, document, json!({})).await
    }

    /// Executes a document and answers its data. Panics if there are errors.
    pub async fn ask_as(&self, viewer: &Viewer, document: &str, variables: Value) -> Value {
        let mut response = self.run_as(viewer, document, variables).await;
        assert!(
            response.get("errors").is_none(),
            "{document} answered {response:#}"
        );
        response["data"].take()
    }

    /// Executes a document that must fail, and answers the code of its first error.
    pub async fn code_as(&self, viewer: &Viewer, document: &str, variables: Value) -> String {
        let response = self.run_as(viewer, document, variables).await;
        let code = &response["errors"][0]["extensions"]["code"];
        let code = code.as_str();
        code.unwrap_or_else(|| panic!("{document} succeeded: {response:#}"))
            .to_owned()
    }

    /// A public film of this title, added by the shell.
    pub async fn film(&self, title: &str) -> Id<id::Content> {
        let fields = Fields::new(ContentKind::Movie, title);
        let content = &self.services.content;
        let made = content.create(&Viewer::Command, fields, Vec::new()).await;
        made.unwrap().id
    }

    /// A film that only `viewer` may see.
    pub async fn private_film(&self, viewer: &Viewer, title: &str) -> Id<id::Content> {
        let mut fields = Fields::new(ContentKind::Movie, title);
        fields.visibility = Visibility::Private;
        let made = self
            .services
            .content
            .create(viewer, fields, Vec::new())
            .await;
        made.unwrap().id
    }

    /// An app with these scopes.
    pub fn app(&self, scopes: &[Scope]) -> Viewer {
        Viewer::App {
            key: Id::new(&self.ctx.clock, &self.ctx.rng),
            scopes: scopes.to_vec(),
        }
    }

    /// A user with this role, and the viewer who is signed in as it.
    pub async fn viewer(&self, role: Role) -> Viewer {
        let name = format!("A {}", role.as_str().to_lowercase());
        self.user(name).role(role).await
    }
}

/// Asks again and again until the answer is as wanted; panics when it is not so in three minutes. The clock
/// goes on a second each time, so that everybody looks for what is new.
pub async fn until<T: std::fmt::Debug>(
    app: &TestApp,
    mut ask: impl AsyncFnMut() -> T,
    wanted: impl Fn(&T) -> bool,
) -> T {
    let began = std::time::Instant::now();
    loop {
        let answer = ask().await;
        if wanted(&answer) {
            return answer;
        }
        assert!(began.elapsed().as_secs() < 180, "still {answer:?}");
        app.ctx.clock.advance(chrono::TimeDelta::seconds(1));
        tokio::task::yield_now().await;
    }
}

/// The folder of real data beside the project, or `None` with a visible word.
pub fn real_data(folder: &str) -> Option<std::path::PathBuf> {
    let root = std::env::var_os("MARQUEE_TEST_DATA").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        Into::into,
    );
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: there is no {}", path.display());
    None
}
