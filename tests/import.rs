//! Imports: what each file becomes, what is refused, and that a second run changes nothing.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "helpers of tests may panic"
)]

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use marquee::app::commands::import;
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::imports::{Ended, Job, News, Options, Refused, Summary, Table};
use marquee::foundation::Result;
use serde_json::json;
use support::{TestApp, real_data};
use tempfile::TempDir;

const MOVIES: &str = "movieId,title,genres\n\
    1,Toy Story (1995),Adventure|Animation\n\
    2,\"Matrix, The (1999)\",Action|Sci-Fi\n\
    3,Hyena Road,(no genres listed)\n";
const LINKS: &str = "movieId,imdbId,tmdbId\n1,0114709,862\n2,0133093,603\n3,4034452,\n";
const RATINGS: &str = "userId,movieId,rating,timestamp\n\
    7,1,4.0,964982703\n7,2,5.0,964982931\n8,1,0.5,964983815\n";
const TAGS: &str =
    "userId,movieId,tag,timestamp\n7,2,\"dark, green\",1139045764\n9,1,fun,1139045765\n";

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn small() -> TempDir {
    folder(&[
        ("movies.csv", MOVIES.as_bytes()),
        ("links.csv", LINKS.as_bytes()),
        ("ratings.csv", RATINGS.as_bytes()),
        ("tags.csv", TAGS.as_bytes()),
    ])
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn movielens(folder: &Path) -> Job {
    Job::Movielens {
        folder: folder.to_owned(),
    }
}

fn tmdb(folder: &Path) -> Job {
    Job::Tmdb {
        folder: folder.to_owned(),
    }
}

async fn run_with(app: &TestApp, job: Job, options: Options) -> Result<(Summary, Vec<Refused>)> {
    let mut refused = Vec::new();
    let summary = app
        .services
        .imports
        .run(&Viewer::Command, job, options, |news| {
            if let News::Refused(row) = news {
                refused.push(row);
            }
        })
        .await?;
    Ok((summary, refused))
}

async fn run(app: &TestApp, job: Job) -> (Summary, Vec<Refused>) {
    run_with(app, job, Options::default()).await.unwrap()
}

async fn fails(app: &TestApp, job: Job) -> String {
    let error = run_with(app, job, Options::default()).await.unwrap_err();
    assert_ne!(error.code(), "INTERNAL_SERVER_ERROR", "{error:?}");
    error.to_string()
}

async fn number(app: &TestApp, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql)
        .fetch_one(app.ground.db.pool())
        .await
        .unwrap()
}

fn added(summary: &Summary, table: Table) -> u64 {
    summary.of(table).added
}

fn lines(refused: &[Refused]) -> Vec<(u64, &str)> {
    refused
        .iter()
        .map(|row| (row.line, row.reason.as_str()))
        .collect()
}

/// Nothing was added or changed.
fn nothing_new(summary: &Summary) -> bool {
    summary
        .tables
        .iter()
        .all(|(_, counts)| counts.added == 0 && counts.updated == 0)
}

#[tokio::test]
async fn a_movielens_folder_becomes_films_users_ratings_and_tags() {
    let app = TestApp::start().await;
    let (summary, refused) = run(&app, movielens(small().path())).await;
    assert_eq!(refused, []);
    assert_eq!(summary.ended, Ended::Whole);
    assert_eq!(import::code(&summary), 0);
    let counts = [
        Table::Films,
        Table::Links,
        Table::Users,
        Table::Ratings,
        Table::Tags,
    ];
    assert_eq!(counts.map(|table| added(&summary, table)), [3, 5, 3, 3, 2]);
    let films = app
        .ask(
            "{ contents(orderBy: { field: TITLE }) { nodes { title year genres \
             externalIds { source id } } } }",
        )
        .await;
    assert_eq!(
        films["contents"]["nodes"][1],
        json!({
            "title": "The Matrix", "year": 1999, "genres": ["Action", "Sci-Fi"],
            "externalIds": [
                { "source": "imdb", "id": "tt0133093" },
                { "source": "movielens", "id": "2" },
                { "source": "tmdb", "id": "603" },
            ],
        })
    );
    assert_eq!(films["contents"]["nodes"][0]["genres"], json!([]));
    let rated = "SELECT count(*) FROM interactions i JOIN users u ON u.id = i.user_id \
                 WHERE u.external_id = '8' AND i.kind = 'RATING' AND i.value = 0.5 \
                 AND i.occurred_at = to_timestamp(964983815)";
    assert_eq!(number(&app, rated).await, 1);
    assert_eq!(number(&app, "SELECT count(*) FROM audit_log").await, 1);
}

#[tokio::test]
async fn a_second_run_adds_nothing() {
    let app = TestApp::start().await;
    let folder = small();
    run(&app, movielens(folder.path())).await;
    let (again, _) = run(&app, movielens(folder.path())).await;
    assert!(nothing_new(&again), "{again:?}");
    assert_eq!(again.of(Table::Ratings).unchanged, 3);
    assert_eq!(again.of(Table::Films).unchanged, 3);
    assert_eq!(import::code(&again), 0);
}

#[tokio::test]
async fn rows_that_came_later_are_added_to_what_is_there() {
    let app = TestApp::start().await;
    let folder = small();
    run(&app, movielens(folder.path())).await;
    let more = format!("{RATINGS}10,3,3.5,964983900\n");
    std::fs::write(folder.path().join("ratings.csv"), more).unwrap();
    let (summary, _) = run(&app, movielens(folder.path())).await;
    assert_eq!(added(&summary, Table::Ratings), 1);
    assert_eq!(added(&summary, Table::Users), 1);
}

#[tokio::test]
async fn each_refused_row_is_told_with_its_line_and_reason() {
    let app = TestApp::start().await;
    let ratings = "userId,movieId,rating,timestamp\n\
        7,1,4.0,964982703\n\
        7,1,5.5,964982703\n\
        7,99,4.0,964982703\n\
        \n\
        seven,1,4.0,964982703\n\
        7,1,4.0\n\
        7,1,4.0,99999999999\n\
        7,1,NaN,964982703\n\
        7,\"1,4.0,964982703\n\
        8,2,1,964982703\n";
    let folder = folder(&[
        ("movies.csv", MOVIES.as_bytes()),
        ("ratings.csv", ratings.as_bytes()),
    ]);
    let (summary, refused) = run(&app, movielens(folder.path())).await;
    assert_eq!(
        lines(&refused),
        [
            (3, "a rating is between 0.5 and 5, not `5.5`"),
            (4, "there is no film with the movieId 99"),
            (6, "userId must be a whole number, not `seven`"),
            (7, "3 columns instead of 4"),
            (
                8,
                "the timestamp must be seconds between 1970 and now, not `99999999999`"
            ),
            (9, "a rating is between 0.5 and 5, not `NaN`"),
            (10, "a quote is not closed"),
        ]
    );
    assert!(refused.iter().all(|row| row.file == "ratings.csv"));
    assert_eq!(summary.of(Table::Ratings).refused, 7);
    assert_eq!(added(&summary, Table::Ratings), 2);
    assert_eq!(import::code(&summary), 0);
    assert!(import::describe(&summary).contains("refused"));
}

#[tokio::test]
async fn crlf_a_byte_order_mark_and_gz_change_nothing() {
    let app = TestApp::start().await;
    let dressed = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let folder = folder(&[
        ("movies.csv", dressed(MOVIES).as_bytes()),
        ("ratings.csv", &gz(dressed(RATINGS).as_bytes())),
        // Two packed files one behind the other are one file.
        (
            "tags.csv.gz",
            &[gz(&TAGS.as_bytes()[..40]), gz(&TAGS.as_bytes()[40..])].concat(),
        ),
    ]);
    let (summary, refused) = run(&app, movielens(folder.path())).await;
    assert_eq!(refused, []);
    assert_eq!(added(&summary, Table::Ratings), 3);
    assert_eq!(added(&summary, Table::Tags), 2);
    let genre = "SELECT count(*) FROM content_items WHERE genres = '{Action,Sci-Fi}'";
    assert_eq!(number(&app, genre).await, 1);
}

#[tokio::test]
async fn a_row_that_is_not_utf8_is_refused_and_the_others_are_taken() {
    let app = TestApp::start().await;
    let mut movies = MOVIES.as_bytes().to_vec();
    movies.extend(b"4,Am\xe9lie (2001),Comedy\n5,Nul\0 (2001),Comedy\n6,Ran (1985),War\n");
    let folder = folder(&[("movies.csv", &movies)]);
    let (summary, refused) = run(&app, movielens(folder.path())).await;
    assert_eq!(
        lines(&refused),
        [(5, "not UTF-8"), (6, "it holds the character U+0000")]
    );
    assert_eq!(added(&summary, Table::Films), 4);
}

#[tokio::test]
async fn the_older_files_with_colons_are_read_in_latin_1() {
    let app = TestApp::start().await;
    let folder = folder(&[
        (
            "movies.dat",
            b"1::Toy Story (1995)::Animation|Comedy\n2::Mis\xe9rables, Les (1995)::Drama\n",
        ),
        ("users.dat", b"1::F::1::10::48067\n2::M::56::16::70072\n"),
        ("ratings.dat", b"1::1::5::978300760\n1::2::3::978302109\n"),
    ]);
    let (summary, refused) = run(&app, movielens(folder.path())).await;
    assert_eq!(refused, []);
    assert_eq!(added(&summary, Table::Users), 2);
    assert_eq!(added(&summary, Table::Ratings), 2);
    let title = "SELECT count(*) FROM content_items WHERE title = 'Les Misérables'";
    assert_eq!(number(&app, title).await, 1);
}

#[tokio::test]
async fn what_was_merged_before_a_file_breaks_off_stays_and_the_end_is_told() {
    let app = TestApp::start().await;
    let mut ratings = String::from("userId,movieId,rating,timestamp\n");
    for row in 0..20_000 {
        let (user, film, at) = (row % 911, row % 3 + 1, 900_000_000 + row * 37);
        ratings.push_str(&format!("{user},{film},3.5,{at}\n"));
    }
    let whole = gz(ratings.as_bytes());
    let folder = folder(&[
        ("movies.csv", MOVIES.as_bytes()),
        ("ratings.csv.gz", &whole[..whole.len() / 2]),
    ]);
    let (summary, _) = run(&app, movielens(folder.path())).await;
    let Ended::Broken(broken) = &summary.ended else {
        panic!("{summary:?}");
    };
    assert_eq!(broken.file, "ratings.csv.gz");
    assert!(broken.line > 1000, "{broken:?}");
    assert!(broken.reason.contains("ends too soon"), "{broken:?}");
    assert_eq!(import::code(&summary), import::BROKEN);
    let text = import::describe(&summary);
    assert!(text.contains("repeat the same command"), "{text}");
    let before = added(&summary, Table::Ratings);
    assert_eq!(
        number(&app, "SELECT count(*) FROM interactions").await,
        i64::try_from(before).unwrap()
    );
    std::fs::write(folder.path().join("ratings.csv.gz"), &whole).unwrap();
    let (rest, _) = run(&app, movielens(folder.path())).await;
    assert_eq!(added(&rest, Table::Ratings) + before, 20_000);
}

#[tokio::test]
async fn a_zip_bomb_is_stopped() {
    let app = TestApp::start().await;
    let mut bomb = MOVIES.as_bytes().to_vec();
    bomb.resize(40 << 20, b'\n');
    let folder = folder(&[("movies.csv.gz", &gz(&bomb))]);
    let mut options = Options::default();
    options.limits.free_bytes = 1 << 20;
    let (summary, _) = run_with(&app, movielens(folder.path()), options)
        .await
        .unwrap();
    let Ended::Broken(broken) = &summary.ended else {
        panic!("{summary:?}");
    };
    assert!(broken.reason.contains("--max-ratio"), "{broken:?}");
    // With the limit as it is by default, forty megabytes are no matter.
    let (summary, _) = run(&app, movielens(folder.path())).await;
    assert_eq!(summary.ended, Ended::Whole);
}

#[tokio::test]
async fn an_endless_row_is_refused_and_held_nowhere() {
    let app = TestApp::start().await;
    let long = format!(
        "{MOVIES}4,{} (1999),War\n5,Ran (1985),War\n",
        "x".repeat(9 << 20)
    );
    let folder = folder(&[("movies.csv", long.as_bytes())]);
    let (summary, refused) = run(&app, movielens(folder.path())).await;
    assert_eq!(lines(&refused), [(5, "longer than 8388608 bytes")]);
    assert_eq!(added(&summary, Table::Films), 4);
}

#[tokio::test]
async fn what_cannot_be_used_says_so_and_changes_nothing() {
    let app = TestApp::start().await;
    let empty = folder(&[("notes.txt", b"nothing")]);
    let nowhere = empty.path().join("nowhere");
    let text = fails(&app, movielens(&nowhere)).await;
    assert!(text.contains("no such folder"), "{text}");
    let text = fails(&app, movielens(empty.path())).await;
    assert!(text.contains("no movies.csv"), "{text}");
    let text = fails(&app, tmdb(empty.path())).await;
    assert!(text.contains("`movies` or `credits`"), "{text}");

    let zip = folder(&[("movies.csv", b"PK\x03\x04rest")]);
    let text = fails(&app, movielens(zip.path())).await;
    assert!(text.contains("zip archive"), "{text}");

    let header = folder(&[("movies.csv", b"id,name\n1,x\n")]);
    let (summary, _) = run(&app, movielens(header.path())).await;
    assert!(
        matches!(&summary.ended, Ended::Broken(b) if b.reason.contains("movieId,title,genres"))
    );
    assert_eq!(import::code(&summary), import::NOTHING_READ);

    let rubbish = folder(&[("movies.csv", b"movieId,title,genres\nx\ny\n")]);
    let (summary, _) = run(&app, movielens(rubbish.path())).await;
    assert_eq!(import::code(&summary), import::NOTHING_READ);
    assert_eq!(number(&app, "SELECT count(*) FROM content_items").await, 0);
}

#[tokio::test]
async fn only_admins_may_import_and_one_at_a_time() {
    let app = TestApp::start().await;
    let folder = small();
    let user = app.viewer(Role::User).await;
    let refused = app
        .services
        .imports
        .run(&user, movielens(folder.path()), Options::default(), |_| {})
        .await;
    assert_eq!(refused.unwrap_err().code(), "FORBIDDEN");

    let first = app.services.imports.clone();
    let path = folder.path().to_owned();
    let (told, mut opened) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let running = tokio::task::spawn_blocking(move || {
        tokio::runtime::Handle::current().block_on(async move {
            first
                .run(
                    &Viewer::Command,
                    movielens(&path),
                    Options::default(),
                    move |_| {
                        // Held here until the other has been refused.
                        let _ = told.send(());
                        let _ = wait.recv();
                    },
                )
                .await
        })
    });
    opened.recv().await.unwrap();
    let text = fails(&app, movielens(folder.path())).await;
    assert!(text.contains("another import"), "{text}");
    drop(go_on);
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn cancelled_in_the_middle_it_leaves_whole_chunks() {
    let app = TestApp::start().await;
    let mut ratings = String::from("userId,movieId,rating,timestamp\n");
    for row in 0..50_000 {
        ratings.push_str(&format!("{row},1,3.5,900000000\n"));
    }
    let folder = folder(&[
        ("movies.csv", MOVIES.as_bytes()),
        ("ratings.csv", ratings.as_bytes()),
    ]);
    let options = Options {
        chunk_bytes: 100_000,
        ..Options::default()
    };
    let cancel = options.cancel.clone();
    let mut chunks = 0;
    let summary = app
        .services
        .imports
        .run(
            &Viewer::Command,
            movielens(folder.path()),
            options,
            |news| {
                if let News::Merged { file, .. } = news
                    && file == "ratings.csv"
                {
                    chunks += 1;
                    cancel.cancel();
                }
            },
        )
        .await
        .unwrap();
    assert_eq!(summary.ended, Ended::Cancelled);
    assert_eq!(import::code(&summary), import::CANCELLED);
    let there = number(&app, "SELECT count(*) FROM interactions").await;
    assert_eq!(
        u64::try_from(there).unwrap(),
        added(&summary, Table::Ratings)
    );
    assert!(
        chunks > 0 && there > 0 && there < 50_000,
        "{chunks} {there}"
    );
    // Every rating's user came with it: one each.
    assert_eq!(number(&app, "SELECT count(*) FROM users").await, there);
}

#[tokio::test]
async fn a_deleted_user_takes_imported_ratings_along() {
    let app = TestApp::start().await;
    run(&app, movielens(small().path())).await;
    sqlx::query("DELETE FROM users WHERE external_id = '7'")
        .execute(app.ground.db.pool())
        .await
        .unwrap();
    assert_eq!(number(&app, "SELECT count(*) FROM interactions").await, 1);
}

// TMDB

const FILM_HEADER: &str = "budget,genres,homepage,id,keywords,original_language,original_title,\
    overview,popularity,production_companies,production_countries,release_date,revenue,runtime,\
    spoken_languages,status,tagline,title,vote_average,vote_count\n";

fn film(id: u32, title: &str) -> String {
    let genres =
        r#""[{""id"": 1, ""name"": ""Science Fiction""}, {""id"": 2, ""name"": ""Drama""}]""#;
    format!(
        "0,{genres},,{id},\"[{{\"\"id\"\": 9, \"\"name\"\": \"\"dystopia\"\"}}]\",en,Original,\"Two\nlines.\",\
         12.5,[],[],1999-03-30,100,136.0,[],Released,,{title},7.9,9079\n"
    )
}

fn credits(id: u32) -> String {
    format!(
        "{id},Title,\"[{{\"\"character\"\": \"\"Neo\"\", \"\"id\"\": 6384, \"\"name\"\": \"\"Keanu Reeves\"\", \"\"order\"\": 1}}, \
         {{\"\"character\"\": \"\"Trinity\"\", \"\"id\"\": 530, \"\"name\"\": \"\"Carrie-Anne Moss\"\", \"\"order\"\": 0}}]\",\
         \"[{{\"\"id\"\": 9340, \"\"name\"\": \"\"Lana Wachowski\"\", \"\"job\"\": \"\"Director\"\"}}, \
         {{\"\"id\"\": 9340, \"\"name\"\": \"\"Lana Wachowski\"\", \"\"job\"\": \"\"Screenplay\"\"}}, \
         {{\"\"id\"\": 9340, \"\"name\"\": \"\"Lana Wachowski\"\", \"\"job\"\": \"\"Story\"\"}}, \
         {{\"\"id\"\": 5, \"\"name\"\": \"\"Somebody\"\", \"\"job\"\": \"\"Gaffer\"\"}}]\"\n"
    )
}

fn tmdb_folder(films: &str, cast: &str) -> TempDir {
    folder(&[
        (
            "tmdb_movies.csv",
            format!("{FILM_HEADER}{films}").as_bytes(),
        ),
        (
            "tmdb_credits.csv.gz",
            &gz(format!("movie_id,title,cast,crew\n{cast}").as_bytes()),
        ),
    ])
}

#[tokio::test]
async fn tmdb_completes_the_films_it_knows_and_adds_the_others() {
    let app = TestApp::start().await;
    run(&app, movielens(small().path())).await;
    let films = format!("{}{}", film(603, "The Matrix!"), film(11, "Star Wars"));
    let folder = tmdb_folder(&films, &format!("{}{}", credits(603), credits(11)));
    let (summary, refused) = run(&app, tmdb(folder.path())).await;
    assert_eq!(refused, []);
    let counts = summary.of(Table::Films);
    assert_eq!((counts.updated, counts.added), (1, 1));
    assert_eq!(added(&summary, Table::People), 3);
    let found = app
        .ask(
            "{ contents(orderBy: { field: TITLE, direction: DESC }, first: 2) { nodes { title year description genres tags \
             durationMinutes language ratingAverage ratingCount directors { name } \
             credits { role character person { name } } metadata } } }",
        )
        .await;
    let matrix = found["contents"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|film| film["title"] == "The Matrix")
        .unwrap_or_else(|| panic!("{found:#}"));
    assert_eq!(matrix["genres"], json!(["Action", "Sci-Fi", "Drama"]));
    assert_eq!(matrix["tags"], json!(["dystopia"]));
    assert_eq!(matrix["description"], "Two\nlines.");
    assert_eq!(matrix["durationMinutes"], 136);
    assert_eq!(matrix["ratingCount"], 9079);
    assert_eq!(matrix["directors"], json!([{ "name": "Lana Wachowski" }]));
    // Zero means unknown.
    assert!(matrix["metadata"].get("budget").is_none(), "{matrix:#}");
    let written = "SELECT count(*) FROM credits WHERE role = 'WRITER'";
    assert_eq!(number(&app, written).await, 2);
    let first = "SELECT count(*) FROM credits c JOIN people p ON p.id = c.person_id \
                 WHERE role = 'CAST' AND position = 0 AND character = 'Trinity' \
                 AND p.external_id = '530'";
    assert_eq!(number(&app, first).await, 2);

    let (again, _) = run(&app, tmdb(folder.path())).await;
    assert!(nothing_new(&again), "{again:?}");
    let (again, _) = run(&app, movielens(small().path())).await;
    assert!(nothing_new(&again), "{again:?}");
}

#[tokio::test]
async fn two_films_that_share_a_tmdb_id_are_both_completed() {
    let app = TestApp::start().await;
    let links = "movieId,imdbId,tmdbId\n1,1,603\n2,2,603\n";
    let shared = folder(&[
        ("movies.csv", MOVIES.as_bytes()),
        ("links.csv", links.as_bytes()),
    ]);
    run(&app, movielens(shared.path())).await;
    let folder = tmdb_folder(&film(603, "The Matrix"), &credits(603));
    let (summary, _) = run(&app, tmdb(folder.path())).await;
    assert_eq!(summary.of(Table::Films).updated, 2);
    assert_eq!(added(&summary, Table::Films), 0);
    let with_cast = "SELECT count(DISTINCT content_id) FROM credits";
    assert_eq!(number(&app, with_cast).await, 2);
    let (again, _) = run(&app, tmdb(folder.path())).await;
    assert!(nothing_new(&again), "{again:?}");
}

#[tokio::test]
async fn the_films_meet_whichever_catalogue_comes_first() {
    let app = TestApp::start().await;
    let folder = tmdb_folder(&film(603, "The Matrix"), &credits(603));
    run(&app, tmdb(folder.path())).await;
    let (summary, _) = run(&app, movielens(small().path())).await;
    let films = summary.of(Table::Films);
    assert_eq!(
        (films.added, films.added + films.updated + films.unchanged),
        (2, 3)
    );
    assert_eq!(number(&app, "SELECT count(*) FROM content_items").await, 3);
    let (again, _) = run(&app, movielens(small().path())).await;
    assert!(nothing_new(&again), "{again:?}");
}

#[tokio::test]
async fn rows_of_tmdb_are_refused_one_by_one() {
    let app = TestApp::start().await;
    let films = format!(
        "{}{}1,2\n{}{}",
        film(1, "One"),
        film(1, "One again"),
        film(2, "Two").replace("9079", "many"),
        film(3, "Three").replace("[{", "[{{"),
    );
    let cast = format!("{}{}", credits(1), credits(77));
    let folder = tmdb_folder(&films, &cast);
    let (summary, refused) = run(&app, tmdb(folder.path())).await;
    assert_eq!(
        lines(&refused)[..3],
        [
            (4, "the id 1 came up before in this file"),
            (6, "2 columns instead of 20"),
            (7, "vote_count must be a number, not `many`"),
        ]
    );
    assert!(
        refused[3].reason.contains("genres is no JSON list"),
        "{refused:?}"
    );
    assert_eq!(refused[4].line, 3);
    assert!(refused[4].reason.contains("no film with the TMDB id 77"));
    assert_eq!(added(&summary, Table::Films), 1);
}

#[tokio::test]
async fn a_quote_that_is_never_closed_breaks_the_file() {
    let app = TestApp::start().await;
    let films = format!("{}2,\"[,3\n{}", film(1, "One"), "more,\n".repeat(50));
    let folder = tmdb_folder(&films, "");
    let (summary, _) = run(&app, tmdb(folder.path())).await;
    let Ended::Broken(broken) = &summary.ended else {
        panic!("{summary:?}");
    };
    assert_eq!(broken.line, 4);
    assert!(broken.reason.contains("quote"), "{broken:?}");
    assert_eq!(added(&summary, Table::Films), 1);
    assert_eq!(import::code(&summary), import::BROKEN);
}

// Products

const MAPPING: &str = r#"
source = "shop"
id = { column = "sku" }
[fields]
title = { column = "name" }
price = { column = "price", strip = ["$", ","], drop = ["n/a"] }
currency = { constant = "USD" }
stock = { column = "state", map = { InStock = "1", OutOfStock = "0" } }
category_path = { column = "tree", unwrap = ['["', '"]'], split = " >> ", without_title = true }
[metadata]
url = { column = "url" }
"#;

fn products(folder: &TempDir, mapping: &str) -> Job {
    let path = folder.path().join("mapping.toml");
    std::fs::write(&path, mapping).unwrap();
    Job::Products {
        file: folder.path().join("products"),
        mapping: path,
    }
}

#[tokio::test]
async fn products_are_read_by_their_mapping_and_renewed_by_the_next_import() {
    let app = TestApp::start().await;
    let rows = "sku,name,price,state,tree,url\r\n\
        a,Shirt,\"$1,065.50\",InStock,\"[\"\"Men >> Shirts >> Shirt\"\"]\",http://a\r\n\
        b,Shoe,n/a,OutOfStock,\"[\"\"Shoe\"\"]\",\r\n\
        ,Nameless,1,InStock,,\r\n\
        c,Cap,cheap,InStock,,\r\n\
        d,Cap,1,Sometimes,,\r\n\
        a,Shirt again,1,InStock,,\r\n";
    let folder = folder(&[("products", rows.as_bytes())]);
    let (summary, refused) = run(&app, products(&folder, MAPPING)).await;
    assert_eq!(
        lines(&refused),
        [
            (4, "there is no id"),
            (5, "price: `cheap` cannot be read"),
            (6, "stock: `Sometimes` is not in the mapping"),
            (7, "the id `a` came up before in this file"),
        ]
    );
    assert_eq!(added(&summary, Table::Products), 2);
    let found = app
        .ask("{ contents(orderBy: { field: TITLE }) { nodes { kind title price { amount currency } stock categoryPath metadata } } }")
        .await;
    assert_eq!(
        found["contents"]["nodes"],
        json!([
            { "kind": "PRODUCT", "title": "Shirt", "price": { "amount": "1065.50", "currency": "USD" }, "stock": 1,
              "categoryPath": ["Men", "Shirts"], "metadata": { "url": "http://a" } },
            { "kind": "PRODUCT", "title": "Shoe", "price": null, "stock": 0,
              "categoryPath": [], "metadata": {} },
        ])
    );
    let cheaper = rows
        .replace("1,065.50", "999")
        .replace("a,Shirt,\"$999\",InStock", "a,Shirt,\"$999\",OutOfStock");
    std::fs::write(folder.path().join("products"), cheaper).unwrap();
    let (summary, _) = run(&app, products(&folder, MAPPING)).await;
    let counts = summary.of(Table::Products);
    assert_eq!((counts.added, counts.updated, counts.unchanged), (0, 1, 1));
    let sold_out = "SELECT count(*) FROM content_items WHERE price = 999 AND stock = 0";
    assert_eq!(number(&app, sold_out).await, 1);
}

#[tokio::test]
async fn products_can_be_json_lines() {
    let app = TestApp::start().await;
    let rows = "{\"sku\": 1, \"name\": \"Shirt\", \"offer\": {\"price\": 12.5}, \"tags\": [\"a\", \"b\"]}\n\
        [1]\n{\"sku\": 2}\nnot json\n";
    let folder = folder(&[("products", &gz(rows.as_bytes()))]);
    let mapping = r#"
        source = "shop"
        format = "jsonl"
        id = { column = "sku" }
        [fields]
        title = { column = "name" }
        price = { column = "offer.price" }
        currency = { constant = "EUR" }
        tags = { column = "tags" }
    "#;
    let (summary, refused) = run(&app, products(&folder, mapping)).await;
    assert_eq!(added(&summary, Table::Products), 1);
    assert_eq!(
        refused.iter().map(|row| row.line).collect::<Vec<_>>(),
        [2, 3, 4]
    );
    let tagged = "SELECT count(*) FROM content_items WHERE tags = '{a,b}' AND price = 12.5";
    assert_eq!(number(&app, tagged).await, 1);
}

#[tokio::test]
async fn a_mapping_with_a_mistake_says_where() {
    let app = TestApp::start().await;
    let folder = folder(&[("products", b"sku,name\n1,x\n")]);
    for (mapping, words) in [
        (MAPPING.replace("title =", "titel ="), "titel"),
        (
            MAPPING.replace("column = \"url\"", "colum = \"url\""),
            "colum",
        ),
        (MAPPING.replace("source = \"shop\"", ""), "source"),
        (MAPPING.replace("\"shop\"", "\"Shop 1\""), "source"),
        (MAPPING.replace("\"shop\"", "\"tmdb\""), "tmdb"),
        ("source = ".to_owned(), "line 1"),
    ] {
        let text = fails(&app, products(&folder, &mapping)).await;
        assert!(text.contains(words), "{text}");
    }
    // A good mapping for another file: its columns are not there.
    let (summary, _) = run(&app, products(&folder, MAPPING)).await;
    let Ended::Broken(broken) = &summary.ended else {
        panic!("{summary:?}");
    };
    assert!(
        broken.reason.contains("the file has sku, name"),
        "{broken:?}"
    );
    assert_eq!(import::code(&summary), import::NOTHING_READ);
    let gone = Job::Products {
        file: folder.path().join("nowhere"),
        mapping: folder.path().join("mapping.toml"),
    };
    let text = fails(&app, gone).await;
    assert!(text.contains("no such file"), "{text}");
}

// The real thing

#[tokio::test]
async fn the_real_films_ratings_and_tags_come_in_and_tmdb_joins_them() {
    let (Some(movies), Some(facts)) = (
        real_data("data/ml-latest-small"),
        real_data("data/tmdb-5000"),
    ) else {
        return;
    };
    let app = TestApp::start().await;
    let (summary, refused) = run(&app, movielens(&movies)).await;
    assert_eq!(refused, []);
    let tables = [Table::Films, Table::Users, Table::Ratings, Table::Tags];
    let counts = tables.map(|table| added(&summary, table));
    assert_eq!(counts, [9_742, 610, 100_836, 3_683]);
    for (sql, expected) in [
        ("SELECT count(*) FROM content_items", 9_742),
        ("SELECT count(*) FROM users", 610),
        ("SELECT count(*) FROM interactions", 100_836),
        ("SELECT count(*) FROM content_tags", 3_683),
        ("SELECT count(*) FROM content_items WHERE year IS NULL", 13),
        ("SELECT count(*) FROM content_items WHERE genres = '{}'", 34),
        (
            "SELECT count(*) FROM content_items WHERE title LIKE '%, The'",
            0,
        ),
    ] {
        assert_eq!(number(&app, sql).await, expected, "{sql}");
    }
    let (again, _) = run(&app, movielens(&movies)).await;
    assert!(nothing_new(&again), "{again:?}");

    let (summary, refused) = run(&app, tmdb(&facts)).await;
    assert_eq!(refused, []);
    let films = summary.of(Table::Films);
    assert_eq!((films.updated, films.added), (3_537, 4_803 - 3_536));
    let directed = "SELECT count(*) FROM credits WHERE role = 'DIRECTOR'";
    assert!(number(&app, directed).await > 4_773);
    let cast = "SELECT count(*) FROM credits WHERE role = 'CAST'";
    assert!(number(&app, cast).await >= 106_000);
    let (again, _) = run(&app, tmdb(&facts)).await;
    assert!(nothing_new(&again), "{again:?}");
    let (again, _) = run(&app, movielens(&movies)).await;
    assert!(nothing_new(&again), "{again:?}");
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/mappings")
        .join(name)
}

#[tokio::test]
async fn the_real_shoes_come_in_with_prices_and_three_out_of_stock() {
    let Some(folder) = real_data("data/products-adidas") else {
        return;
    };
    let app = TestApp::start().await;
    let job = Job::Products {
        file: folder.join("adidas_usa.csv.gz"),
        mapping: example("adidas.toml"),
    };
    let (summary, refused) = run(&app, job.clone()).await;
    assert_eq!(refused, []);
    assert_eq!(added(&summary, Table::Products), 845);
    for (sql, expected) in [
        ("SELECT count(*) FROM content_items WHERE stock = 0", 3),
        ("SELECT count(*) FROM content_items WHERE price IS NULL", 0),
        (
            "SELECT count(*) FROM content_items WHERE list_price IS NULL",
            16,
        ),
        (
            "SELECT count(*) FROM content_items WHERE genres = '{Shoes}'",
            426,
        ),
    ] {
        assert_eq!(number(&app, sql).await, expected, "{sql}");
    }
    let (again, _) = run(&app, job).await;
    assert!(nothing_new(&again), "{again:?}");
}

#[tokio::test]
async fn the_real_marketplace_comes_in_whole() {
    let Some(folder) = real_data("data/products-flipkart") else {
        return;
    };
    let app = TestApp::start().await;
    let job = Job::Products {
        file: folder.join("flipkart_com-ecommerce_sample.csv.gz"),
        mapping: example("flipkart.toml"),
    };
    let (summary, refused) = run(&app, job.clone()).await;
    assert_eq!(refused, []);
    assert_eq!(added(&summary, Table::Products), 20_000);
    for (sql, expected) in [
        ("SELECT count(*) FROM content_items WHERE price IS NULL", 78),
        (
            "SELECT count(*) FROM content_items WHERE brand IS NULL",
            5_861,
        ),
        (
            "SELECT count(DISTINCT metadata ->> 'pid') FROM content_items",
            19_998,
        ),
        (
            "SELECT count(*) FROM content_items WHERE category_path[1] = 'Clothing'",
            6_198,
        ),
    ] {
        assert_eq!(number(&app, sql).await, expected, "{sql}");
    }
    let (again, _) = run(&app, job).await;
    assert!(nothing_new(&again), "{again:?}");
}
