//! The world of the test: a victim who has something of everything, and those who try.

use std::collections::BTreeMap;

use marquee::domain::auth::model::NewApiKey;
use marquee::domain::auth::{Role, Scope, Viewer};
use marquee::domain::content::model::{CreditRole, NewCredit, PersonRef};
use marquee::domain::content::{ContentKind, Fields, Visibility};
use marquee::foundation::{Id, id};
use serde_json::json;

use crate::support::TestApp;
use crate::{register, viewer};

/// Everything that the victim calls their own has this in it.
pub const MARK: &str = "vera-secret";

/// A victim with something of everything, and ids to aim at.
pub struct World {
    pub app: TestApp,
    pub victim: Viewer,
    pub stranger: Viewer,
    pub curator: Viewer,
    /// An anonymous user of nobody's.
    pub guest: String,
    /// Outer ids of what is the victim's, by kind.
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
        let app = TestApp::start().await;
        let vera = register(&app, MARK).await;
        let victim = viewer(&app, &vera).await.unwrap();
        let user = vera.user.id;
        let likes = json!({ "preferences": { "favouriteGenres": [format!("{MARK} genre")], "extra": { "k": format!("{MARK} extra") } } });
        let like = "mutation ($i: UpdateProfileInput!) { updateProfile(input: $i) { errors { __typename } } }";
        app.ask_as(&victim, like, json!({ "i": likes })).await;
        let mut fields = Fields::new(ContentKind::Text, format!("{MARK} diary"));
        fields.visibility = Visibility::Private;
        let credit = NewCredit {
            person: PersonRef::Name("A Friend".into()),
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
        let (interaction, list) = history(&app, user, diary).await;
        let ids = BTreeMap::from([
            ("user", user.to_string()),
            ("content", diary.to_string()),
            ("key", key.id.to_string()),
            ("session", session.to_string()),
            ("interaction", interaction.to_string()),
            ("list", list.to_string()),
        ]);
        let readable = ["user", "content", "key"];
        let mut signs: Vec<Sign> = ids
            .iter()
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
            guest,
            ids,
            signs,
        }
    }

    pub fn strangers(&self) -> Vec<(String, Viewer)> {
        let key = Id::new(&self.app.ground.clock, &self.app.ground.chance);
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
        let pool = self.app.ground.db.pool();
        let references: Vec<(String, String)> = sqlx::query_as(
            "SELECT DISTINCT r.relname::text, a.attname::text
               FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
               JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
              WHERE c.contype = 'f' AND c.conparentid = 0
                AND c.confrelid IN ('users'::regclass, 'content_items'::regclass)
             UNION VALUES ('users', 'id'), ('content_items', 'id'), ('api_keys', 'id'), ('recommendation_items', 'list_id')",
        )
        .fetch_all(pool)
        .await
        .unwrap();
        let ids: Vec<uuid::Uuid> = vec![
            self.id::<id::User>("user"),
            self.id::<id::Content>("content"),
            self.id::<id::ApiKey>("key"),
            self.id::<id::List>("list"),
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
        all
    }

    fn id<K: id::Kind>(&self, kind: &str) -> uuid::Uuid {
        self.ids[kind].parse::<Id<K>>().unwrap().uuid()
    }
}

async fn history(
    app: &TestApp,
    user: Id<id::User>,
    diary: Id<id::Content>,
) -> (Id<id::Interaction>, Id<id::List>) {
    let (clock, chance) = (&app.ground.clock, &app.ground.chance);
    let (interaction, list) = (
        Id::<id::Interaction>::new(clock, chance),
        Id::<id::List>::new(clock, chance),
    );
    for sql in [
        "INSERT INTO interactions (id, user_id, content_id, kind, occurred_at) SELECT $3, $1, $2, 'LIKE', '2026-02-01' WHERE $4::uuid IS NOT NULL",
        "INSERT INTO content_tags SELECT $2, $1, 'vera-secret tag', '2026-02-01' WHERE $3::uuid IS NOT NULL AND $4::uuid IS NOT NULL",
        "INSERT INTO idempotency_keys SELECT $1, 'vera-secret idempotency', $3, '2026-02-01' WHERE $2::uuid IS NOT NULL AND $4::uuid IS NOT NULL",
        "INSERT INTO recommendation_lists (id, user_id, context, weights_version, created_at, content_ids, scores, sources, because) SELECT $4, $1, 'FEED', 1, '2026-03-01', ARRAY[$2], '{0.5}', '{POPULAR}', ARRAY[$2] WHERE $3::uuid IS NOT NULL",
        "INSERT INTO recommendation_items SELECT $4, 1, $2, 0.5, 'POPULAR', '2026-03-01' WHERE $1::uuid IS NOT NULL AND $3::uuid IS NOT NULL",
    ] {
        sqlx::query(sql)
            .bind(user.uuid())
            .bind(diary.uuid())
            .bind(interaction.uuid())
            .bind(list.uuid())
            .execute(app.ground.db.pool())
            .await
            .unwrap();
    }
    (interaction, list)
}
