//! Uploads that are imported by jobs.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures::StreamExt;
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::imports::job::ImportJob;
use marquee::domain::imports::job::ImportParameters;
use marquee::domain::imports::job::ImportSource;
use marquee::domain::imports::{ImportOptions, ImportRequest};
use marquee::domain::jobs::JobParameters;
use marquee::domain::jobs::{Job, JobEvent, JobState, NewJob, Workers};
use marquee::domain::upkeep::erasure::ErasureJob;
use marquee::domain::upkeep::erasure::ErasureParameters;
use marquee::foundation::{Id, id};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::sync::mpsc;

use crate::world::{World, sign_in, soon, viewer};

const MOVIES: &[u8] = b"movieId,title,genres\n\
    1,Toy Story (1995),Adventure|Animation\n\
    2,\"Matrix, The (1999)\",Action|Sci-Fi\n";
const RATINGS: &[u8] = b"userId,movieId,rating,timestamp\n\
    7,1,4.0,964982703\n7,2,5.0,964982931\n8,1,9.5,964983815\n8,3,1.5,964983815\n";

const CREATE: &str = "mutation ($import: ImportJobInput!) {
    createGenerationJob(input: { parameters: { import: $import } }) {
        job { id } errors { __typename ... on UserError { message path } } } }";

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

impl World {
    /// Asks for an import as the admin.
    async fn ask(&self, import: Value) -> Id<id::Job> {
        let variables = json!({ "import": import });
        let made = self
            .app
            .ask_as(&self.admin().await, CREATE, variables)
            .await;
        let made = &made["createGenerationJob"];
        assert_eq!(made["errors"], json!([]));
        made["job"]["id"].as_str().unwrap().parse().unwrap()
    }

    /// Asks for an import that must be refused, and answers why.
    async fn refused(&self, import: Value) -> (String, Value) {
        let variables = json!({ "import": import });
        let made = self
            .app
            .ask_as(&self.admin().await, CREATE, variables)
            .await;
        let error = &made["createGenerationJob"]["errors"][0];
        let message = error["message"].as_str();
        let message = message.unwrap_or_else(|| panic!("{made:#}")).to_owned();
        (message, error["path"].clone())
    }

    fn worker(&self) -> Workers {
        Workers::start([self.app.services.jobs.clone()], 1, "test/1")
    }

    /// The events of a job, until it is over or one of them fits.
    async fn events_until(
        &self,
        job: Id<id::Job>,
        fits: impl Fn(&JobEvent) -> bool,
    ) -> Vec<Arc<JobEvent>> {
        let stream = self.app.services.jobs.follow(&Viewer::Command, job, 0);
        let mut stream = std::pin::pin!(stream.await.unwrap());
        let mut events = Vec::new();
        while let Some(event) = soon(stream.next()).await {
            let last = fits(&event);
            events.push(event);
            if last {
                break;
            }
        }
        events
    }

    /// The job when it is over.
    async fn over(&self, job: Id<id::Job>) -> Job {
        self.events_until(job, |event| event.state.is_over()).await;
        self.job(job).await
    }

    async fn job(&self, job: Id<id::Job>) -> Job {
        let found = self.app.services.jobs.find(&Viewer::Command, job).await;
        found.unwrap().unwrap()
    }

    /// Imports as the admin, and answers the job when it is over.
    async fn import(&self, import: Value) -> Job {
        let job = self.ask(import).await;
        let worker = self.worker();
        let done = self.over(job).await;
        soon(worker.drain(Duration::ZERO)).await;
        assert_eq!(self.laid_out(), Vec::<String>::new());
        done
    }

    async fn titles(&self) -> Vec<String> {
        let titles = sqlx::query_scalar("SELECT title FROM content_items ORDER BY 1");
        titles.fetch_all(self.app.ctx.db.pool()).await.unwrap()
    }

    async fn ratings(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM interactions WHERE kind = 'RATING'");
        count.fetch_one(self.app.ctx.db.pool()).await.unwrap()
    }
}

/// Why a job failed.
fn failed(job: &Job) -> &str {
    assert_eq!(job.state, JobState::Failed, "{job:#?}");
    assert_eq!(job.result, None);
    job.error.as_deref().unwrap()
}

#[tokio::test]
async fn uploads_are_imported_by_a_job_and_a_second_one_adds_nothing() {
    let world = World::start().await;
    let movies = world.upload("movies.csv", MOVIES).await;
    let ratings = world.upload("ratings.csv.gz", &gz(RATINGS)).await;
    let ask = json!({ "source": "MOVIELENS", "uploadIds": [ratings, movies] });
    let done = world.import(ask.clone()).await;
    assert_eq!(done.state, JobState::Completed, "{done:#?}");
    assert_eq!(world.titles().await, ["The Matrix", "Toy Story"]);
    assert_eq!(world.ratings().await, 2);
    let result = done.result.unwrap();
    let counts = |added: i32, unchanged: i32, refused: i32| json!({ "added": added, "updated": 0, "unchanged": unchanged, "refused": refused });
    assert_eq!(result["tables"]["films"], counts(2, 0, 0));
    assert_eq!(result["tables"]["ratings"], counts(2, 0, 2));
    assert_eq!(result["refused"], 2);
    let rows = result["refusedRows"].as_array().unwrap();
    let indices: Vec<_> = rows
        .iter()
        .map(|row| (row["file"].as_str().unwrap(), row["line"].as_u64().unwrap()))
        .collect();
    assert_eq!(indices, [("ratings.csv.gz", 4), ("ratings.csv.gz", 5)]);
    let reason = rows[1]["reason"].as_str().unwrap();
    assert!(reason.contains("no film with the movieId 3"), "{reason}");

    let again = world.import(ask).await.result.unwrap();
    assert_eq!(again["tables"]["films"], counts(0, 2, 0));
    assert_eq!(again["tables"]["ratings"], counts(0, 2, 2));
    assert_eq!(world.stored().len(), 2, "the uploads stay");
}

#[tokio::test]
async fn a_job_tells_truly_how_far_it_is() {
    let world = World::start().await;
    let movies = world.upload("movies.csv", MOVIES).await;
    let ratings = world.upload("ratings.csv", RATINGS).await;
    let all = (MOVIES.len() + RATINGS.len()) as f32;
    let ask = json!({ "source": "MOVIELENS", "uploadIds": [movies, ratings] });
    let job = world.ask(ask).await;
    // What the ratings wait for, so that the job stands behind the films until it is seen there.
    let lock = TableLock::close(&world, "interactions").await;
    let worker = world.worker();
    let reading = |event: &JobEvent| {
        event
            .progress
            .message
            .as_deref()
            .is_some_and(|message| message == "ratings.csv")
    };
    let events = world.events_until(job, reading).await;
    let last = &events.last().unwrap().progress;
    assert_eq!(last.fraction, Some(MOVIES.len() as f32 / all));
    assert_eq!(last.step.as_deref(), Some("importing"));
    lock.open().await;
    let events = world.events_until(job, |event| event.state.is_over()).await;
    let fractions: Vec<_> = events
        .iter()
        .filter_map(|event| event.progress.fraction)
        .collect();
    assert!(fractions.is_sorted(), "{fractions:?}");
    assert_eq!(world.job(job).await.state, JobState::Completed);
    soon(worker.drain(Duration::ZERO)).await;
}

#[tokio::test]
async fn products_come_with_their_mapping() {
    let world = World::start().await;
    let file = world.upload("shop.csv", b"sku,name\na,A shoe\nb,\n").await;
    let mapping =
        "source = \"shop\"\nid = { column = \"sku\" }\n[fields]\ntitle = { column = \"name\" }\n";
    let ask = |mapping: Option<&str>| json!({ "source": "PRODUCTS", "uploadIds": [file], "mapping": mapping });
    let done = world.import(ask(Some(mapping))).await;
    assert_eq!(done.state, JobState::Completed, "{done:#?}");
    assert_eq!(world.titles().await, ["A shoe"]);
    assert_eq!(done.result.unwrap()["refusedRows"][0]["line"], 3);
    let other = world.upload("other.csv", b"x").await;
    let two = json!({ "source": "PRODUCTS", "uploadIds": [file, other], "mapping": mapping });
    let films = json!({ "source": "TMDB", "uploadIds": [file], "mapping": mapping });
    for (import, field, reason) in [
        (ask(None), "mapping", "need a mapping"),
        (ask(Some("source = 1")), "mapping", "source"),
        (ask(Some("")), "mapping", "needs `id`"),
        (films, "mapping", "only products"),
        (two, "uploadIds", "one file"),
    ] {
        let (message, path) = world.refused(import).await;
        assert!(message.contains(reason), "{message} and not {reason}");
        assert_eq!(path.as_array().unwrap().last().unwrap(), field);
    }
}

#[tokio::test]
async fn users_and_interactions_come_with_a_mapping_or_a_preset() {
    let world = World::start().await;
    let users = world
        .upload("u.user", b"1|24|M|writer|1\n2|53|F|other|2\n")
        .await;
    let done = world
        .import(json!({ "source": "USERS", "uploadIds": [users], "preset": "ml-100k" }))
        .await;
    assert_eq!(done.state, JobState::Completed, "{done:#?}");
    assert_eq!(done.result.unwrap()["tables"]["users"]["added"], 2);
    let mapping = "source = \"ml-100k\"\ncreate = \"items\"\ndelimiter = \";\"\nkind = \"LIKE\"\n\
        user = { column = \"u\" }\nitem = { column = \"i\" }\ntime = { column = \"t\" }\n";
    let events = world
        .upload("likes.csv", b"u;i;t\n1;a;5\n2;a;6\n9;a;7\n")
        .await;
    let done = world
        .import(json!({ "source": "INTERACTIONS", "uploadIds": [events], "mapping": mapping }))
        .await;
    assert_eq!(done.state, JobState::Completed, "{done:#?}");
    let result = done.result.unwrap();
    assert_eq!(
        result["tables"]["interactions"],
        json!({ "added": 2, "updated": 0, "unchanged": 0, "refused": 1 })
    );
    assert_eq!(
        result["refusedRows"],
        json!([{ "file": "likes.csv", "line": 4, "reason": "there is no user `9` of the source `ml-100k`" }])
    );
    assert_eq!(world.titles().await, ["a"]);
    let ask = |mapping: Option<&str>, preset: Option<&str>| {
        json!({
            "source": "INTERACTIONS", "uploadIds": [events], "mapping": mapping, "preset": preset,
        })
    };
    for (import, field, reason) in [
        (ask(None, None), "mapping", "interactions need a mapping"),
        (ask(Some(mapping), Some("gorse")), "mapping", "not both"),
        (ask(None, Some("shopify")), "preset", "there are:"),
        (
            ask(Some("kind = \"LIKE\""), None),
            "mapping",
            "needs `user`",
        ),
    ] {
        let (message, path) = world.refused(import).await;
        assert!(message.contains(reason), "{message} and not {reason}");
        assert_eq!(path.as_array().unwrap().last().unwrap(), field);
    }
}

#[tokio::test]
async fn what_cannot_be_imported_together_is_refused_when_it_is_asked_for() {
    let world = World::start().await;
    let (one, two) = (
        world.upload("movies.csv", MOVIES).await,
        world.upload("movies.csv", MOVIES).await,
    );
    let admin = world.admin().await;
    let delete = "mutation ($id: ID!) { deleteUpload(input: { id: $id }) { deletedId } }";
    let gone = world.upload("ratings.csv", RATINGS).await;
    world
        .app
        .ask_as(&admin, delete, json!({ "id": gone }))
        .await;
    for (ids, reason) in [
        (
            json!([one, two]),
            "two of these files are called `movies.csv`",
        ),
        (
            json!([one, one]),
            "two of these files are called `movies.csv`",
        ),
        (json!([one, gone]), "there is no upload"),
        (json!([]), "name 1 to 20 files"),
    ] {
        let import = json!({ "source": "MOVIELENS", "uploadIds": ids });
        let (message, path) = world.refused(import).await;
        assert!(message.contains(reason), "{message} and not {reason}");
        assert_eq!(path.as_array().unwrap().last().unwrap(), "uploadIds");
    }
}

#[tokio::test]
async fn only_admins_import() {
    let world = World::start().await;
    let movies = world.upload("movies.csv", MOVIES).await;
    let bob = sign_in(&world.app, "bob", Role::User).await;
    let bob = viewer(&world.app, &bob).await;
    let import = json!({ "source": "MOVIELENS", "uploadIds": [movies] });
    let variables = json!({ "import": import });
    for (stranger, code) in [(&bob, "FORBIDDEN"), (&Viewer::Nobody, "UNAUTHENTICATED")] {
        let refused = world.app.code_as(stranger, CREATE, variables.clone()).await;
        assert_eq!(refused, code);
        let import = ImportParameters::new(ImportSource::Movielens, vec![movies.parse().unwrap()]);
        let new = NewJob::now(JobParameters::of::<ImportJob>(import));
        let refused = world.app.services.jobs.create(stranger, new).await;
        assert_eq!(refused.unwrap_err().code(), code);
    }
}

#[tokio::test]
async fn an_upload_that_is_deleted_before_its_import_begins_fails_the_job() {
    let world = World::start().await;
    let movies = world.upload("movies.csv", MOVIES).await;
    let import = json!({ "source": "MOVIELENS", "uploadIds": [movies] });
    let job = world.ask(import).await;
    let delete = "mutation ($id: ID!) { deleteUpload(input: { id: $id }) { deletedId } }";
    let admin = world.admin().await;
    world
        .app
        .ask_as(&admin, delete, json!({ "id": movies }))
        .await;
    let worker = world.worker();
    let over = world.over(job).await;
    assert!(failed(&over).contains("upload the file again"), "{over:?}");
    assert_eq!(over.attempt, 1, "another attempt would come to the same");
    soon(worker.drain(Duration::ZERO)).await;
    assert_eq!(world.laid_out(), Vec::<String>::new());
}

#[tokio::test]
async fn a_file_that_cannot_be_read_fails_the_job_and_names_no_path_of_the_server() {
    let world = World::start().await;
    let cut = &gz(RATINGS)[..60];
    let rows = b"movieId,title,genres\nx\ny\n";
    for (name, bytes, reason) in [
        ("films.csv", MOVIES, "there is no movies.csv"),
        (
            "movies.csv",
            &b"PK\x03\x04rest"[..],
            "movies.csv: this is a zip archive",
        ),
        ("movies.csv", &b"id,name\n1,x\n"[..], "movieId,title,genres"),
        ("movies.csv", &rows[..], "movies.csv, line 2"),
        ("ratings.csv.gz", cut, "ends too soon"),
    ] {
        let file = world.upload(name, bytes).await;
        let over = world
            .import(json!({ "source": "MOVIELENS", "uploadIds": [file] }))
            .await;
        let why = failed(&over);
        assert!(why.contains(reason), "{why} and not {reason}");
        let data = world.data.path().display().to_string();
        assert!(!why.contains(&data), "{why}");
        assert_eq!(over.attempt, 1);
    }
    assert_eq!(world.titles().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_import_that_is_cancelled_leaves_nothing_laid_out_and_its_upload_in_place() {
    let world = World::start().await;
    let movies = world.upload("movies.csv", MOVIES).await;
    let import = json!({ "source": "MOVIELENS", "uploadIds": [movies] });
    let job = world.ask(import.clone()).await;
    let lock = TableLock::close(&world, "content_items").await;
    let worker = world.worker();
    let reading = |event: &JobEvent| event.progress.step.as_deref() == Some("importing");
    world.events_until(job, reading).await;
    assert_eq!(world.laid_out().len(), 1);
    let jobs = &world.app.services.jobs;
    jobs.cancel(&Viewer::Command, job).await.unwrap();
    let over = world.over(job).await;
    assert_eq!((over.state, over.result), (JobState::Cancelled, None));
    soon(worker.drain(Duration::ZERO)).await;
    assert_eq!(world.laid_out(), Vec::<String>::new());
    assert_eq!(world.stored(), [movies]);
    lock.open().await;
    // Once the other has let go, the same goes on from there.
    let done = world.import(import).await;
    assert_eq!(done.state, JobState::Completed, "{done:#?}");
    assert_eq!(world.titles().await, ["The Matrix", "Toy Story"]);
}

#[tokio::test]
async fn while_another_import_runs_the_job_waits_for_another_attempt() {
    let world = World::start().await;
    let movies = world.upload("movies.csv", MOVIES).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("movies.csv"), MOVIES).unwrap();
    let plan = ImportRequest::Movielens {
        folder: folder.path().to_owned(),
    };
    let imports = world.app.services.imports.clone();
    let (told, mut opened) = mpsc::unbounded_channel();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let running = tokio::task::spawn_blocking(move || {
        let run = imports.run(
            &Viewer::Command,
            plan,
            ImportOptions::default(),
            move |_| {
                // Held here until the job has been tried.
                let _ = told.send(());
                let _ = wait.recv();
            },
        );
        tokio::runtime::Handle::current().block_on(run)
    });
    soon(opened.recv()).await.unwrap();
    let import = json!({ "source": "MOVIELENS", "uploadIds": [movies] });
    let job = world.ask(import).await;
    let worker = world.worker();
    let back = |event: &JobEvent| event.state == JobState::Pending && event.attempt == 1;
    world.events_until(job, back).await;
    let waits = world.job(job).await;
    assert!(
        waits.error.as_deref().unwrap().contains("another import"),
        "{waits:?}"
    );
    drop(go_on);
    soon(running).await.unwrap().unwrap();
    soon(worker.drain(Duration::ZERO)).await;
}

/// Holds a table, so that an import which writes it stands still.
struct TableLock(PgConnection);

impl TableLock {
    async fn close(world: &World, table: &str) -> Self {
        let schema = world.app.ctx.db.schema();
        let mut connection = PgConnection::connect(&world.app.url).await.unwrap();
        let lock = format!("BEGIN; LOCK TABLE \"{schema}\".{table} IN SHARE MODE");
        let lock = sqlx::raw_sql(sqlx::AssertSqlSafe(lock));
        lock.execute(&mut connection).await.unwrap();
        Self(connection)
    }

    async fn open(mut self) {
        sqlx::raw_sql("COMMIT").execute(&mut self.0).await.unwrap();
    }
}

#[tokio::test]
async fn an_erasure_removes_what_somebody_uploaded_with_its_files() {
    let world = World::start().await;
    sign_in(&world.app, "eve", Role::Admin).await;
    world.upload("movies.csv", b"abc").await;
    assert_eq!(world.stored().len(), 1);
    let erasure = JobParameters::of::<ErasureJob>(ErasureParameters {
        user: world.ada.user.id,
    });
    let jobs = &world.app.services.jobs;
    let asked = jobs.create(&Viewer::Command, NewJob::now(erasure)).await;
    let worker = world.worker();
    let done = world.over(asked.unwrap().job.id).await;
    soon(worker.drain(Duration::ZERO)).await;
    let removed = done.result.unwrap()["removed"].take();
    let uploads = removed.as_array().unwrap().iter();
    let uploads = uploads.filter(|removed| removed["what"] == "uploads");
    assert_eq!(
        uploads
            .map(|removed| removed["rows"].clone())
            .collect::<Vec<_>>(),
        [1]
    );
    assert_eq!(world.listed(&Viewer::Command).await["totalCount"], 0);
    assert_eq!(world.stored(), Vec::<String>::new());
}
