//! Brings a world into the database, as an operator would: import, accounts, training.

use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::{Caller, Connection};
use crate::process;
use crate::rng::BenchRng;
use crate::server::{Marquee, Serving};
use crate::words::{GENRES, Words};
use crate::world::{self, Size};

/// How many users really sign in; registering costs a password hash each.
const SIGNED_IN: usize = 96;
/// How much each of them likes before the training.
const LIKES: usize = 20;
/// How many items interactions are recorded on.
const SAMPLE: usize = 2_000;

/// What is kept beside the database, so that the same world can be measured again.
#[derive(Serialize, Deserialize)]
pub struct PreparedData {
    /// How large it is.
    pub size: Size,
    /// The memory of a server without a world, in MiB.
    pub empty_mib: Option<f64>,
    /// What took how many seconds.
    pub seconds: Vec<(String, f64)>,
    /// Whether the models are there.
    trained: bool,
    key: String,
    tokens: Vec<String>,
}

/// Who asks for what.
pub struct World {
    /// An app that may act for any user.
    pub app: Caller,
    /// Users who are signed in, with likes of their own.
    pub signed_in: Vec<Caller>,
    /// The ids of the users with a history, in no order.
    pub users: Vec<String>,
    /// The ids of some items.
    pub contents: Vec<String>,
    /// The language of the world.
    pub words: Words,
    /// The same seed asks the same.
    pub seed: u64,
    /// Whose turn it is next.
    pub next_user: AtomicUsize,
    /// How long the longest list was that was paged through.
    pub longest: AtomicUsize,
    /// How often a list still had what had just been disliked.
    pub stale: AtomicUsize,
}

fn index(marquee: &Marquee) -> PathBuf {
    marquee.folder.join("world.json")
}

/// The world of `size` in the folder of `marquee`; it is made if there is none.
///
/// # Errors
/// When a command fails, or there is a world of another size.
pub fn world(marquee: &Marquee, size: Size) -> anyhow::Result<PreparedData> {
    if let Ok(text) = std::fs::read_to_string(index(marquee)) {
        let made: PreparedData = serde_json::from_str(&text)?;
        ensure!(
            made.size == size,
            "there is another world in {}: {:?}; choose another folder",
            marquee.folder.display(),
            made.size
        );
        return trained(marquee, made);
    }
    trained(marquee, make(marquee, size)?)
}

/// Trains what is not trained yet. What came before is kept, should the training be stopped.
fn trained(marquee: &Marquee, mut made: PreparedData) -> anyhow::Result<PreparedData> {
    let keep =
        |made: &PreparedData| std::fs::write(index(marquee), serde_json::to_string_pretty(made)?);
    keep(&made)?;
    for (what, command) in [("training", "train"), ("embedding", "embed")] {
        if made.trained || !marquee.has(command) {
            continue;
        }
        eprintln!("==> {what}");
        let (_, took) = marquee.run(&[command])?;
        made.seconds.push((what.to_owned(), took));
    }
    made.trained = true;
    keep(&made)?;
    Ok(made)
}

fn make(marquee: &Marquee, size: Size) -> anyhow::Result<PreparedData> {
    let mut seconds = Vec::new();
    let mut timed = |what: &str, arguments: &[&str]| {
        eprintln!("==> {what}");
        let (text, took) = marquee.run(arguments)?;
        seconds.push((what.to_owned(), took));
        anyhow::Ok(text)
    };
    let files = marquee.folder.join("files");
    eprintln!("==> writing the files of the world");
    world::write(size, &files)?;
    let file = |name: &str| files.join(name).to_string_lossy().into_owned();
    timed("making the tables", &["migrate"])?;
    let empty_mib = {
        let server = marquee.serve()?;
        process::memory(server.pid()).map(|(now, _)| now)
    };
    // Films first: what is told of them afterwards completes them.
    timed(
        "importing films and what users did",
        &["import", "movielens", &file("movielens")],
    )?;
    timed(
        "importing what films are about",
        &["import", "tmdb", &file("tmdb")],
    )?;
    let (products, mapping) = (file("products.jsonl"), file("mapping.toml"));
    timed(
        "importing products",
        &["import", "products", &products, "--mapping", &mapping],
    )?;
    std::fs::remove_dir_all(&files)?;
    let scopes = ["RECOMMENDATIONS_READ", "INTERACTIONS_WRITE", "USERS_READ"];
    let mut arguments = vec!["api-key", "create", "--name", "bench"];
    arguments.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
    let text = timed("making a key", &arguments)?;
    let key = text
        .lines()
        .find_map(|line| line.strip_prefix("Key: "))
        .context("`marquee api-key create` printed no key")?
        .to_owned();
    eprintln!("==> signing {SIGNED_IN} users in");
    let tokens = sign_in(&marquee.serve()?, size.seed)?;
    Ok(PreparedData {
        size,
        empty_mib,
        seconds,
        trained: false,
        key,
        tokens,
    })
}

/// The address of the admin.
const ADMIN: &str = "admin@example.org";

/// Makes tables without a world in them, and an admin; answers the admin's password.
///
/// # Errors
/// When a command fails.
pub fn admin(marquee: &Marquee) -> anyhow::Result<String> {
    eprintln!("==> making the tables and an admin");
    marquee.run(&["migrate"])?;
    let arguments = [
        "user", "create", "--admin", "--email", ADMIN, "--name", "Admin",
    ];
    let (text, _) = marquee.run(&arguments)?;
    let password = text
        .lines()
        .find_map(|line| line.strip_prefix("Password: "));
    Ok(password.context("no password was printed")?.to_owned())
}

/// The admin's token.
///
/// # Errors
/// When the server does not give one.
pub fn login(server: &Serving, password: &str) -> anyhow::Result<String> {
    let input = json!({ "input": { "email": ADMIN, "password": password } });
    let document = include_str!("documents/login.graphql");
    let made = Connection::open(server.port)?.ask(&Caller::new(None), document, &input)?;
    let token = made["login"]["tokens"]["accessToken"].as_str();
    Ok(token
        .with_context(|| format!("no login: {made}"))?
        .to_owned())
}

/// Registers users, each of whom likes some items of one genre.
fn sign_in(server: &Serving, seed: u64) -> anyhow::Result<Vec<String>> {
    let mut connection = Connection::open(server.port)?;
    let mut rng = BenchRng::new(seed, 4);
    let mut tokens = Vec::new();
    for number in 0..SIGNED_IN {
        let input = json!({
            "email": format!("bench-{number}@example.org"),
            "password": format!("{:016x}{:016x}", rng.next(), rng.next()),
            "displayName": format!("Bench {number}"),
        });
        let document = include_str!("documents/register.graphql");
        let made = connection.ask(&Caller::new(None), document, &json!({ "input": input }))?;
        let token = made["register"]["tokens"]["accessToken"].as_str();
        let token = token.with_context(|| format!("registering failed: {made}"))?;
        let caller = Caller::new(Some(token));
        let filter = json!({ "genres": { "has": GENRES[number % GENRES.len()] } });
        let document = include_str!("documents/contents.graphql");
        let offered = connection.ask(&caller, document, &json!({ "filter": filter }))?;
        let offered = ids(&offered["contents"]);
        let likes: Vec<Value> = (0..LIKES.min(offered.len()))
            .map(|_| json!({ "contentId": rng.one(&offered), "kind": "LIKE" }))
            .collect();
        if !likes.is_empty() {
            let document = include_str!("documents/record_many.graphql");
            let input = json!({ "input": { "interactions": likes } });
            let done = connection.ask(&caller, document, &input)?;
            ensure!(
                done["recordInteractions"]["recorded"].as_u64() > Some(0),
                "recording likes failed: {done}"
            );
        }
        tokens.push(token.to_owned());
    }
    Ok(tokens)
}

impl PreparedData {
    /// Asks the running server who and what there is.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn open(&self, server: &Serving) -> anyhow::Result<World> {
        let app = Caller::new(Some(&self.key));
        let mut connection = Connection::open(server.port)?;
        // The newest come first: those who signed in.
        let users = include_str!("documents/users.graphql");
        let most = SIGNED_IN + self.size.users;
        let mut users = all(&mut connection, &app, users, "users", most)?.split_off(SIGNED_IN);
        ensure!(!users.is_empty(), "the world has no users");
        let mut rng = BenchRng::new(self.size.seed, 5);
        for last in (1..users.len()).rev() {
            users.swap(last, rng.below(last + 1));
        }
        let contents = include_str!("documents/contents.graphql");
        let contents = all(&mut connection, &app, contents, "contents", SAMPLE)?;
        Ok(World {
            app,
            signed_in: self
                .tokens
                .iter()
                .map(|token| Caller::new(Some(token)))
                .collect(),
            users,
            contents,
            words: Words::new(self.size.seed),
            seed: self.size.seed,
            next_user: AtomicUsize::new(0),
            longest: AtomicUsize::new(0),
            stale: AtomicUsize::new(0),
        })
    }
}

/// The ids of a connection's nodes, page by page, `most` at most.
fn all(
    connection: &mut Connection,
    caller: &Caller,
    document: &str,
    field: &str,
    most: usize,
) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut after = Value::Null;
    while found.len() < most {
        let page = connection.ask(caller, document, &json!({ "after": after }))?;
        let page = &page[field];
        found.extend(ids(page));
        if page["pageInfo"]["hasNextPage"] != true {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    Ok(found)
}

fn ids(page: &Value) -> Vec<String> {
    let nodes = page["nodes"].as_array().into_iter().flatten();
    nodes
        .filter_map(|node| node["id"].as_str().map(ToOwned::to_owned))
        .collect()
}
