//! The world of the test: a victim who has something of everything, and those who try.

use std::collections::BTreeMap;

use marquee::domain::auth::model::NewApiKey;
use marquee::domain::auth::{Role, Scope, Viewer};
use marquee::domain::content::model::{CreditRole, NewCredit, PersonRef};
use marquee::domain::content::{ContentKind, Fields, Visibility};
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use marquee::domain::jobs::JobParameters;
use marquee::domain::jobs::NewJob;
use marquee::domain::models::ModelKind;
use marquee::domain::recommendations::RecommendationRequest;
use marquee::domain::recommendations::jobs::RecommendationsJob;
use marquee::domain::recommendations::jobs::RefreshTarget;
use marquee::domain::upkeep::erasure::ErasureJob;
use marquee::domain::upkeep::erasure::ErasureParameters;
use marquee::foundation::page::Window;
use marquee::foundation::{Id, id};
use marquee::platform::config::EmbeddingSource;
use serde_json::json;

use crate::support::TestApp;
use crate::{register, viewer};

/// Everything that the victim calls their own has this in it.
pub const MARK: &str = "vera-secret";

/// The name of the person with a credit for the victim's diary.
pub const FRIEND: &str = "A Friend";

/// The title of the film that everybody may see.
pub const FILM: &str = "Everybody's film";

/// A victim with something of everything, and ids to aim at.
pub struct World {
    pub app: TestApp,
    pub victim: Viewer,
    pub stranger: Viewer,
    pub curator: Viewer,
    /// A trained model that is not active.
    pub model: String,
    /// An experiment to be started, one that runs, and one to be deleted.
    pub experiments: [String; 3],
    /// A channel.
    pub channel: String,
    /// An anonymous user of nobody's.
    pub guest: String,
    /// A film that everybody may see; the victim's list recommends it because of the diary.
    pub film: String,
    /// A person of the catalogue without credits.
    pub extra: String,
    /// Outer ids of what is the victim's, by kind; and of `person`, who is everybody's, but has a
    /// credit for the diary alone.
    pub ids: BTreeMap<&'static str, String>,
    pub signs: Vec<Sign>,
}

/// A text that only the victim and admins may see.
pub struct Sign {
    pub what: &'static str,
    pub text: String,
    /// Whether some field of the contract shows it.
    pub readable: bool,
}

impl World {
    pub async fn start() -> Self {
        // Vectors of one number that callers bring: the first makes the space.
        let mut settings = crate::support::settings();
        settings.embeddings.source = EmbeddingSource::External;
        settings.embeddings.dimensions = 1;
        let app = TestApp::with(settings).await;
        let vera = register(&app, MARK).await;
        let victim = viewer(&app, &vera).await.unwrap();
        let user = vera.user.id;
        let likes = json!({ "preferences": { "favouriteGenres": [format!("{MARK} genre")], "extra": { "k": format!("{MARK} extra") } } });
        let like = "mutation ($i: UpdateProfileInput!) { updateProfile(input: $i) { errors { __typename } } }";
        app.ask_as(&victim, like, json!({ "i": likes })).await;
        let mut fields = Fields::new(ContentKind::Text, format!("{MARK} diary"));
        fields.visibility = Visibility::Private;
        fields.genres = vec![format!("{MARK} shelf")];
        fields.tags = vec![format!("{MARK} key word")];
        fields.brand = Some(format!("{MARK} brand"));
        let credit = NewCredit {
            person: PersonRef::Name(FRIEND.into()),
            role: CreditRole::Writer,
            character: Some(format!("{MARK} character")),
        };
        let diary = app
            .services
            .content
            .create(&victim, fields, vec![credit])
            .await
            .unwrap()
            .id;
        let new = NewApiKey {
            name: format!("{MARK} key"),
            scopes: vec![Scope::UsersRead],
            expires_at: None,
        };
        let (key, _) = app
            .services
            .auth
            .create_api_key(&Viewer::Command, new)
            .await
            .unwrap();
        let Viewer::User { session, .. } = victim else {
            unreachable!("a user")
        };
        let film = app.film(FILM).await;
        let (interaction, list) = history(&app, &victim, (diary, film)).await;
        let models = &app.services.models;
        let model = models.begin(ModelKind::Collaborative, "a test", json!({}));
        let model = model.await.unwrap().id;
        models.finish(model, json!({})).await.unwrap();
        let channel = domain::channels::Fields {
            key: "walls".to_owned(),
            name: "Walls".to_owned(),
            time_zone: "UTC".to_owned(),
            own: true,
            guide_ids: Vec::new(),
        };
        let channel = app.services.channels.create(&Viewer::Command, channel);
        let channel = channel.await.unwrap().id;
        let experiments = experiments(&app).await;
        let upload = upload(&app, &victim).await;
        let (job, over) = jobs(&app, &victim).await;
        let people = &app.services.people;
        let friend = people.named(FRIEND).await.unwrap().unwrap();
        let extra = domain::people::model::Fields {
            name: "An Extra".to_owned(),
            photo_url: None,
            biography: None,
        };
        let extra = people.create(&Viewer::Command, extra).await.unwrap();
        let ids = BTreeMap::from([
            ("user", user.to_string()),
            ("content", diary.to_string()),
            ("key", key.id.to_string()),
            ("session", session.to_string()),
            ("interaction", interaction.to_string()),
            ("list", list.to_string()),
            ("upload", upload.to_string()),
            ("job", job.to_string()),
            ("job that is over", over.to_string()),
            ("person", friend.id.to_string()),
        ]);
        let readable = [
            "user",
            "content",
            "key",
            "interaction",
            "list",
            "job",
            "job that is over",
            "upload",
        ];
        let mut signs: Vec<Sign> = ids
            .iter()
            .filter(|(what, _)| **what != "person")
            .map(|(what, id)| Sign {
                what,
                text: id.clone(),
                readable: readable.contains(what),
            })
            .collect();
        for (what, text) in [
            ("e-mail address", format!("{MARK}@example.org")),
            ("genre", format!("{MARK} genre")),
            ("extra", format!("{MARK} extra")),
            ("title", format!("{MARK} diary")),
            ("character", format!("{MARK} character")),
            ("key's name", format!("{MARK} key")),
            ("shelf", format!("{MARK} shelf")),
            ("key word", format!("{MARK} key word")),
            ("brand", format!("{MARK} brand")),
            ("tag", format!("{MARK} tag")),
            ("prompt", format!("{MARK} prompt")),
            ("file", format!("{MARK}.csv")),
            ("reason", format!("Because you liked “{MARK} diary”")),
            ("place in the list", format!("{list}.1")),
        ] {
            signs.push(Sign {
                what,
                text,
                readable: true,
            });
        }
        let guest = app
            .services
            .auth
            .start_anonymous_session(&Viewer::Command)
            .await;
        let guest = guest.unwrap().user.id.to_string();
        let (stranger, curator) = (
            app.viewer(Role::User).await,
            app.viewer(Role::Curator).await,
        );
        Self {
            app,
            victim,
            stranger,
            curator,
            model: model.to_string(),
            experiments,
            channel: channel.to_string(),
            guest,
            film: film.to_string(),
            extra: extra.id.to_string(),
            ids,
            signs,
        }
    }

    pub fn strangers(&self) -> Vec<(String, Viewer)> {
        let key = Id::new(&self.app.ctx.clock, &self.app.ctx.rng);
        [
            ("nobody", Viewer::Nobody),
            ("a user", self.stranger.clone()),
            ("a curator", self.curator.clone()),
            (
                "an app without scopes",
                Viewer::App {
                    key,
                    scopes: Vec::new(),
                },
            ),
        ]
        .map(|(who, viewer)| (who.to_owned(), viewer))
        .to_vec()
    }

    /// All rows that refer to the victim, whichever tables there are, and the victim's own things.
    pub async fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let pool = self.app.ctx.db.pool();
        let references: Vec<(String, String)> = sqlx::query_as(
            // Of a partition, the table that it is a part of.
            "SELECT DISTINCT coalesce(whole.relname, r.relname)::text, a.attname::text
               FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
               LEFT JOIN pg_inherits part ON part.inhrelid = r.oid
               LEFT JOIN pg_class whole ON whole.oid = part.inhparent
               JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
              WHERE c.contype = 'f' AND c.conparentid = 0
                AND c.confrelid IN ('users'::regclass, 'content_items'::regclass)
             UNION VALUES ('users', 'id'), ('content_items', 'id'), ('api_keys', 'id'), ('people', 'id'),
                          ('credits', 'person_id'), ('recommendation_items', 'list_id'), ('model_versions', 'id')",
        )
        .fetch_all(pool)
        .await
        .unwrap();
        let ids: Vec<uuid::Uuid> = vec![
            self.id::<id::User>("user"),
            self.id::<id::Content>("content"),
            self.id::<id::ApiKey>("key"),
            self.id::<id::List>("list"),
            self.id::<id::Person>("person"),
            self.extra.parse::<Id<id::Person>>().unwrap().uuid(),
            self.film.parse::<Id<id::Content>>().unwrap().uuid(),
        ];
        let mut all = BTreeMap::new();
        for (table, column) in references {
            let sql = format!(
                "SELECT to_jsonb(t)::text FROM {table} t WHERE {column} = ANY ($1) ORDER BY 1"
            );
            let rows = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                .bind(&ids)
                .fetch_all(pool)
                .await
                .unwrap();
            all.insert(format!("{table}.{column}"), rows);
        }
        let weights = "SELECT to_jsonb(t)::text FROM interaction_weights t ORDER BY 1";
        let weights = sqlx::query_scalar(weights).fetch_all(pool).await.unwrap();
        all.insert("interaction_weights".to_owned(), weights);
        let channels = "SELECT to_jsonb(t)::text FROM channels t ORDER BY 1";
        let channels = sqlx::query_scalar(channels).fetch_all(pool).await.unwrap();
        all.insert("channels".to_owned(), channels);
        let experiments = "SELECT to_jsonb(t)::text FROM experiments t ORDER BY 1";
        let experiments = sqlx::query_scalar(experiments).fetch_all(pool);
        all.insert("experiments".to_owned(), experiments.await.unwrap());
        all
    }

    fn id<K: id::Kind>(&self, kind: &str) -> uuid::Uuid {
        self.ids[kind].parse::<Id<K>>().unwrap().uuid()
    }
}

/// An experiment to be started, one that runs, and one to be deleted.
async fn experiments(app: &TestApp) -> [String; 3] {
    use domain::recommendations::Context;
    let variant = |name: &str| {
        (
            name.to_owned(),
            1,
            domain::experiments::Overrides::default(),
        )
    };
    let service = &app.services.experiments;
    let mut ids = Vec::new();
    for (name, context) in [
        ("Drafted", Context::Feed),
        ("Running", Context::Similar),
        ("Unwanted", Context::Feed),
    ] {
        let new = domain::experiments::NewExperiment {
            name: name.to_owned(),
            contexts: vec![context],
            variants: vec![variant("control"), variant("other")],
        };
        let made = service.create(&Viewer::Command, new).await;
        ids.push(made.unwrap().id);
    }
    let started = service.start(&Viewer::Command, ids[1]).await;
    started.unwrap();
    [0, 1, 2].map(|index| ids[index].to_string())
}

/// A file of the victim's, from when they were an admin.
async fn upload(app: &TestApp, victim: &Viewer) -> Id<id::Upload> {
    let id: Id<id::Upload> = Id::new(&app.ctx.clock, &app.ctx.rng);
    let insert =
        "INSERT INTO uploads SELECT $1, 'vera-secret.csv', 1, sha256(''), $2, '2026-02-01'";
    let insert = sqlx::query(insert)
        .bind(id.uuid())
        .bind(victim.user().unwrap().uuid());
    insert.execute(app.ctx.db.pool()).await.unwrap();
    id
}

/// A job of the victim's that waits, and one that was cancelled.
async fn jobs(app: &TestApp, victim: &Viewer) -> (Id<id::Job>, Id<id::Job>) {
    let (jobs, user) = (&app.services.jobs, victim.user().unwrap());
    let ask = async |parameters| {
        jobs.create(victim, NewJob::now(parameters))
            .await
            .unwrap()
            .job
            .id
    };
    let list = ask(JobParameters::of::<RecommendationsJob>(
        RefreshTarget::User { user },
    ))
    .await;
    let erasure = ask(JobParameters::of::<ErasureJob>(ErasureParameters { user })).await;
    jobs.cancel(victim, erasure).await.unwrap();
    (list, erasure)
}

/// What the victim did, and a list that was drawn from it: the film, because of the diary.
async fn history(
    app: &TestApp,
    victim: &Viewer,
    (diary, film): (Id<id::Content>, Id<id::Content>),
) -> (Id<id::Interaction>, Id<id::List>) {
    let user = victim.user().unwrap();
    let like = NewInteraction {
        idempotency_key: Some(format!("{MARK} idempotency")),
        ..NewInteraction::new(diary, InteractionKind::Like)
    };
    let like = app.services.interactions.record(victim, like).await;
    let models = &app.services.models;
    let model = models.begin(ModelKind::Collaborative, "a test", json!({}));
    let model = model.await.unwrap().id;
    for (sql, ids) in [
        (
            "INSERT INTO generated (content_id, generator, prompt, parameters, details, number, object, bytes, created_at) \
             VALUES ($1, 'builtin', 'vera-secret prompt', '{}', '{}', 1, repeat('0', 64) || '.png', 1, '2026-02-01')",
            vec![diary.uuid()],
        ),
        (
            "INSERT INTO content_tags SELECT $2, $1, 'vera-secret tag', '2026-02-01'",
            vec![user.uuid(), diary.uuid()],
        ),
        (
            "INSERT INTO batch_recommendations (user_id, model_version_id, content_ids, scores, because) \
             VALUES ($1, $2, ARRAY[$3], '{0.5}', ARRAY[$4])",
            vec![user.uuid(), model.uuid(), film.uuid(), diary.uuid()],
        ),
    ] {
        let insert = ids
            .into_iter()
            .fold(sqlx::query(sql), sqlx::query::Query::bind);
        insert.execute(app.ctx.db.pool()).await.unwrap();
    }
    models.finish(model, json!({})).await.unwrap();
    models.activate(model).await.unwrap();
    let recommendations = &app.services.recommendations;
    let window = Window::first(10);
    let feed = RecommendationRequest::default();
    let drawn = recommendations.recommend(victim, user, &feed, &window);
    let list = drawn.await.unwrap().list;
    assert_eq!(list.items[0].because, Some(diary));
    (like.unwrap().interaction.id, list.id)
}
