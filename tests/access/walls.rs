//! Nobody reads or changes another's rows, by whatever field.
//!
//! The documents are made from the contract itself: each query field with each id of the victim,
//! and below it every field that can be reached, id arguments included. What cannot be made up,
//! such as the input of a mutation, stands in the lessons at the end of this file; a field that is
//! in neither makes the test say "teach this test about …".

use std::collections::{BTreeMap, BTreeSet};

use marquee::domain::auth::model::NewApiKey;
use marquee::domain::auth::{Role, Scope, Viewer};
use marquee::domain::content::{ContentKind, Fields, Visibility};
use marquee::foundation::{Id, id};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::{PASSWORD, register, viewer};

/// Everything that the victim calls their own has this in it.
const MARK: &str = "vera-secret";
/// How many levels below a root field are asked for.
const DEPTH: usize = 4;

#[tokio::test]
async fn no_query_shows_what_is_anothers() {
    let world = World::start().await;
    let documents = queries(&world).await;
    assert!(documents.len() > 20, "{documents:#?}");
    for (who, stranger) in world.strangers() {
        for document in &documents {
            let answer = world.app.run_as(&stranger, &document.text, json!({})).await;
            understood(&document.text, &answer);
            innocent(&world, &who, &document.text, &answer);
            if document.aimed {
                let counted = totals(&answer["data"]);
                assert!(
                    counted.iter().all(|total| *total == 0),
                    "{who} counts {document:?}: {answer:#}"
                );
            }
        }
    }
}

/// The proof that the documents above can read what they look for: asked by those who may, they do.
#[tokio::test]
async fn the_same_queries_show_their_owner_what_is_theirs() {
    let world = World::start().await;
    let mut shown = String::new();
    for document in queries(&world).await {
        for viewer in [&world.victim, &Viewer::Command] {
            let answer = world.app.run_as(viewer, &document.text, json!({})).await;
            understood(&document.text, &answer);
            shown += &answer["data"].to_string();
        }
    }
    for sign in world.signs.iter().filter(|sign| sign.readable) {
        assert!(
            shown.contains(&sign.text),
            "no document shows {}: {}",
            sign.what,
            sign.text
        );
    }
}

#[tokio::test]
async fn no_mutation_changes_what_is_anothers() {
    let world = World::start().await;
    let contract = Contract::of(&world).await;
    let before = world.rows().await;
    for (document, input) in attacks(&world, &contract) {
        for (who, stranger) in world.strangers() {
            let variables = json!({ "input": input });
            let answer = world.app.run_as(&stranger, &document, variables).await;
            understood(&document, &answer);
            innocent(&world, &who, &document, &answer);
            let after = world.rows().await;
            assert_eq!(
                before, after,
                "{who} changed something by {document} with {input}"
            );
        }
    }
}

/// The proof that the attacks above are no duds: by somebody who may, each of them does something.
#[tokio::test]
async fn the_same_mutations_work_for_those_who_may() {
    let first = World::start().await;
    let contract = Contract::of(&first).await;
    for place in 0..attacks(&first, &contract).len() {
        let world = World::start().await;
        let (document, input) = attacks(&world, &contract).swap_remove(place);
        let answer = world
            .app
            .run_as(&Viewer::Command, &document, json!({ "input": input }))
            .await;
        assert!(
            answer.get("errors").is_none(),
            "{document} with {input}: {answer:#}"
        );
        let payload = answer["data"].as_object().unwrap().values().next().unwrap();
        assert_eq!(payload["errors"], json!([]), "{document} with {input}");
    }
}

/// A victim with something of everything, and ids to aim at.
struct World {
    app: TestApp,
    victim: Viewer,
    stranger: Viewer,
    curator: Viewer,
    /// An anonymous user of nobody's.
    guest: String,
    /// Outer ids of what is the victim's, by kind.
    ids: BTreeMap<&'static str, String>,
    signs: Vec<Sign>,
}

/// A text that only the victim and admins may see.
struct Sign {
    what: &'static str,
    text: String,
    /// Whether some field of the contract shows it.
    readable: bool,
}

impl World {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let vera = register(&app, MARK).await;
        let victim = viewer(&app, &vera).await.unwrap();
        let user = vera.user.id;
        let likes = json!({ "preferences": { "favouriteGenres": [format!("{MARK} genre")], "extra": { "k": format!("{MARK} extra") } } });
        let like = "mutation ($i: UpdateProfileInput!) { updateProfile(input: $i) { errors { __typename } } }";
        app.ask_as(&victim, like, json!({ "i": likes })).await;
        let mut fields = Fields::new(ContentKind::Text, format!("{MARK} diary"));
        fields.visibility = Visibility::Private;
        let credit = marquee::domain::content::model::NewCredit {
            person: marquee::domain::content::model::PersonRef::Name("A Friend".into()),
            role: marquee::domain::content::model::CreditRole::Writer,
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

    fn strangers(&self) -> Vec<(String, Viewer)> {
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
    async fn rows(&self) -> BTreeMap<String, Vec<String>> {
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

/// The document was executed: an error that has no path is one of parsing or validation, and the
/// document then proves nothing.
fn understood(document: &str, answer: &Value) {
    for error in answer["errors"].as_array().into_iter().flatten() {
        assert!(
            error["path"].is_array(),
            "{document} was not executed: {error:#}"
        );
        assert_ne!(error["message"], "internal error", "{document}: {answer:#}");
    }
}

fn innocent(world: &World, who: &str, document: &str, answer: &Value) {
    let text = answer.to_string();
    assert!(
        !text.contains(MARK),
        "{who} reads the victim's data by {document}: {answer:#}"
    );
    // A message may repeat what the document itself said; data may not.
    let data = answer["data"].to_string();
    for sign in &world.signs {
        assert!(
            !data.contains(&sign.text),
            "{who} reads the victim's {} by {document}: {answer:#}",
            sign.what
        );
    }
}

fn totals(data: &Value) -> Vec<i64> {
    match data {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match value.as_i64() {
                Some(total) if name.ends_with("totalCount") => vec![total],
                _ => totals(value),
            })
            .collect(),
        Value::Array(members) => members.iter().flat_map(totals).collect(),
        _ => Vec::new(),
    }
}

/// The contract, as introspection tells it.
struct Contract {
    types: BTreeMap<String, Value>,
}

#[derive(Debug)]
struct Document {
    text: String,
    /// Whether its root field names something of the victim's.
    aimed: bool,
}

async fn queries(world: &World) -> Vec<Document> {
    let contract = Contract::of(world).await;
    let mut documents = Vec::new();
    for field in contract.fields("Query") {
        let name = field["name"].as_str().unwrap();
        let selection = contract.selection(named(&field["type"]), DEPTH, world, "");
        for (arguments, aimed) in contract.arguments("Query", field, world) {
            let text = format!("{{ {name}{arguments}{selection} }}");
            documents.push(Document { text, aimed });
        }
    }
    documents
}

/// Each mutation that can name something of another's, with inputs that name the victim's.
fn attacks(world: &World, contract: &Contract) -> Vec<(String, Value)> {
    let mut attacks = Vec::new();
    for field in contract.fields("Mutation") {
        let name = field["name"].as_str().unwrap();
        let argument = field["args"].as_array().unwrap().first();
        let names_ids = argument.is_some_and(|argument| {
            contract.has_ids(named(&argument["type"]), &mut BTreeSet::new())
        });
        let selection = contract.selection(named(&field["type"]), DEPTH, world, "");
        match mutation_lesson(name, world) {
            Lesson::Own if names_ids => panic!("{name} takes ids: aim it at the victim's"),
            Lesson::Own => {}
            Lesson::Aimed(inputs) => {
                let input = named(&argument.unwrap()["type"]);
                for value in inputs {
                    attacks.push((
                        format!(
                            "mutation ($input: {input}!) {{ {name}(input: $input){selection} }}"
                        ),
                        value,
                    ));
                }
            }
            Lesson::None => panic!("teach this test about the mutation `{name}`"),
        }
    }
    attacks
}

fn named(reference: &Value) -> &str {
    reference["name"]
        .as_str()
        .unwrap_or_else(|| named(&reference["ofType"]))
}

impl Contract {
    async fn of(world: &World) -> Self {
        const TYPE: &str = "kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";
        let document = format!(
            "{{ __schema {{ types {{ kind name possibleTypes {{ name }}
                fields {{ name type {{ {TYPE} }} args {{ name defaultValue type {{ {TYPE} }} }} }}
                inputFields {{ name type {{ {TYPE} }} }} }} }} }}"
        );
        let mut answer = world.app.ask(&document).await;
        let types = answer["__schema"]["types"].take();
        let types = types.as_array().unwrap().iter();
        Self {
            types: types
                .map(|one| (one["name"].as_str().unwrap().to_owned(), one.clone()))
                .collect(),
        }
    }

    fn fields(&self, name: &str) -> &[Value] {
        self.types[name]["fields"]
            .as_array()
            .map_or(&[], Vec::as_slice)
    }

    fn kind(&self, name: &str) -> &str {
        self.types[name]["kind"].as_str().unwrap()
    }

    /// Everything below a type, as deep as `depth`. Fields inside a fragment are named after its
    /// type, since those of two types may differ.
    fn selection(&self, name: &str, depth: usize, world: &World, alias: &str) -> String {
        let inner = match self.kind(name) {
            "SCALAR" | "ENUM" => return String::new(),
            // The way on from a payload is asked about by itself.
            _ if name == "Query" => String::new(),
            "UNION" | "INTERFACE" => {
                let members = self.types[name]["possibleTypes"].as_array().unwrap().iter();
                let fragments = members.map(|member| {
                    let member = member["name"].as_str().unwrap();
                    format!(
                        "... on {member} {}",
                        self.selection(member, depth, world, member)
                    )
                });
                fragments.collect::<Vec<_>>().join(" ")
            }
            _ => self.below(name, depth, world, alias),
        };
        format!(" {{ __typename {inner} }}")
    }

    fn below(&self, name: &str, depth: usize, world: &World, alias: &str) -> String {
        let mut parts = Vec::new();
        for field in self.fields(name) {
            let (field_name, of) = (field["name"].as_str().unwrap(), named(&field["type"]));
            let leaf = matches!(self.kind(of), "SCALAR" | "ENUM");
            if !leaf && depth == 0 {
                continue;
            }
            let selection = self.selection(of, depth.saturating_sub(1), world, "");
            let choices = self.arguments(name, field, world);
            for (place, (arguments, _)) in choices.iter().enumerate() {
                let alias = match (alias, place) {
                    ("", 0) => String::new(),
                    (alias, place) => format!("{alias}{place}_{field_name}: "),
                };
                parts.push(format!("{alias}{field_name}{arguments}{selection}"));
            }
        }
        parts.join(" ")
    }

    /// The ways to give a field its arguments, and whether each names something of the victim's:
    /// required ones always, ids one by one, filters as taught. Paging and orders are left out.
    fn arguments(&self, parent: &str, field: &Value, world: &World) -> Vec<(String, bool)> {
        let name = field["name"].as_str().unwrap();
        let mut required = Vec::new();
        let mut optional = Vec::new();
        for argument in field["args"].as_array().unwrap() {
            let must = argument["type"]["kind"] == "NON_NULL" && argument["defaultValue"].is_null();
            let choices = self.choices(parent, name, argument, must, world);
            let argument = argument["name"].as_str().unwrap();
            let choices = choices
                .into_iter()
                .map(|(choice, aimed)| (format!("{argument}: {choice}"), aimed));
            if must {
                required.push(choices.collect::<Vec<_>>())
            } else {
                optional.extend(choices)
            }
        }
        let mut ways = vec![(String::new(), false)];
        for choices in required {
            let longer = ways.iter().flat_map(|(way, aimed)| {
                choices
                    .iter()
                    .map(move |(choice, also)| (format!("{way}{choice} "), *aimed || *also))
            });
            ways = longer.collect();
        }
        let with_optional = ways.iter().flat_map(|(way, aimed)| {
            optional
                .iter()
                .map(move |(choice, also)| (format!("{way}{choice} "), *aimed || *also))
        });
        let all: Vec<_> = ways.iter().cloned().chain(with_optional).collect();
        let brackets = |way: String| {
            if way.is_empty() {
                way
            } else {
                format!("({})", way.trim_end())
            }
        };
        all.into_iter()
            .map(|(way, aimed)| (brackets(way), aimed))
            .collect()
    }

    fn choices(
        &self,
        parent: &str,
        field: &str,
        argument: &Value,
        must: bool,
        world: &World,
    ) -> Vec<(String, bool)> {
        let (of, name) = (named(&argument["type"]), argument["name"].as_str().unwrap());
        let list = argument["type"].to_string().contains("LIST");
        if of == "ID" && list {
            // One by one: of a whole list, one wrong id would hide what the others show.
            return world
                .ids
                .values()
                .map(|id| (format!("[\"{id}\"]"), true))
                .collect();
        }
        if of == "ID" {
            return world
                .ids
                .values()
                .map(|id| (format!("\"{id}\""), true))
                .collect();
        }
        if let Some(taught) = argument_lesson(parent, field, name, of, world) {
            return taught;
        }
        let harmless = matches!(self.kind(of), "SCALAR" | "ENUM") || of.ends_with("Order");
        assert!(
            !must && harmless,
            "teach this test about the argument `{name}: {of}` of `{parent}.{field}`"
        );
        Vec::new()
    }

    fn has_ids(&self, name: &str, seen: &mut BTreeSet<String>) -> bool {
        if name == "ID" {
            return true;
        }
        if !seen.insert(name.to_owned()) {
            return false;
        }
        let fields = self.types[name]["inputFields"].as_array();
        fields
            .into_iter()
            .flatten()
            .any(|field| self.has_ids(named(&field["type"]), seen))
    }
}

// ---- The lessons: what a new field has to be explained with. ----

enum Lesson {
    /// It touches only what is the caller's own, or new.
    Own,
    /// Inputs that would change or show something of the victim's, if the caller might.
    Aimed(Vec<Value>),
    None,
}

/// What to send to a mutation. One that takes ids must be aimed.
fn mutation_lesson(name: &str, world: &World) -> Lesson {
    let id = |kind: &str| &world.ids[kind];
    let aimed = |input: Value| Lesson::Aimed(vec![input]);
    match name {
        "register"
        | "login"
        | "refreshToken"
        | "logout"
        | "logoutEverywhere"
        | "changePassword"
        | "startAnonymousSession"
        | "createUser"
        | "createApiKey" => Lesson::Own,
        // Takes people's ids, which are everybody's.
        "createContent" => Lesson::Aimed(Vec::new()),
        "updateContent" => aimed(json!({ "id": id("content"), "title": "Taken over" })),
        "deleteContent" => aimed(json!({ "id": id("content") })),
        "updateProfile" => aimed(json!({ "userId": id("user"), "displayName": "Taken over" })),
        "setUserRole" => Lesson::Aimed(vec![
            json!({ "id": id("user"), "role": "CURATOR" }),
            json!({ "id": id("user"), "role": "ADMIN" }),
        ]),
        "disableUser" => aimed(json!({ "id": id("user") })),
        "enableUser" => aimed(json!({ "id": id("user") })),
        "exportUser" => aimed(json!({ "id": id("user") })),
        "revokeApiKey" => aimed(json!({ "id": id("key") })),
        "mergeUsers" => {
            // A guest of the shell's, so that the merge would be right but for who asks.
            let guest = &world.guest;
            aimed(json!({ "anonymousId": guest, "knownId": id("user") }))
        }
        _ => Lesson::None,
    }
}

/// Values for an argument that is no id, and whether each names something of the victim's.
fn argument_lesson(
    _parent: &str,
    _field: &str,
    _name: &str,
    of: &str,
    world: &World,
) -> Option<Vec<(String, bool)>> {
    let user = &world.ids["user"];
    let aimed = |values: Vec<String>| Some(values.into_iter().map(|value| (value, true)).collect());
    match of {
        "ContentFilter" => aimed(vec![
            format!("{{ creator: {{ eq: \"{user}\" }} }}"),
            format!("{{ title: {{ contains: \"{MARK}\" }} }}"),
            "{ visibility: { eq: PRIVATE } }".to_owned(),
            format!(
                "{{ or: [{{ title: {{ contains: \"{MARK}\" }} }}, {{ creator: {{ eq: \"{user}\" }} }}] }}"
            ),
            format!("{{ not: {{ title: {{ contains: \"{PASSWORD}\" }} }} }}"),
        ]),
        "UserFilter" => aimed(vec![
            format!("{{ email: {{ contains: \"{MARK}\" }} }}"),
            format!("{{ favouriteGenres: {{ has: \"{MARK} genre\" }} }}"),
        ]),
        _ => None,
    }
}
