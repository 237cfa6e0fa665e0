//! TMDB: films and credits, and how they meet those of MovieLens.

use super::*;

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
    run(&app, movielens_in(small().path())).await;
    let films = format!("{}{}", film(603, "The Matrix!"), film(11, "Star Wars"));
    let folder = tmdb_folder(&films, &format!("{}{}", credits(603), credits(11)));
    let (summary, refused) = run(&app, tmdb_in(folder.path())).await;
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

    let (again, _) = run(&app, tmdb_in(folder.path())).await;
    assert!(nothing_new(&again), "{again:?}");
    let (again, _) = run(&app, movielens_in(small().path())).await;
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
    run(&app, movielens_in(shared.path())).await;
    let folder = tmdb_folder(&film(603, "The Matrix"), &credits(603));
    let (summary, _) = run(&app, tmdb_in(folder.path())).await;
    assert_eq!(summary.of(Table::Films).updated, 2);
    assert_eq!(added(&summary, Table::Films), 0);
    let with_cast = "SELECT count(DISTINCT content_id) FROM credits";
    assert_eq!(number(&app, with_cast).await, 2);
    let (again, _) = run(&app, tmdb_in(folder.path())).await;
    assert!(nothing_new(&again), "{again:?}");
}

#[tokio::test]
async fn the_films_meet_whichever_catalogue_comes_first() {
    let app = TestApp::start().await;
    let folder = tmdb_folder(&film(603, "The Matrix"), &credits(603));
    run(&app, tmdb_in(folder.path())).await;
    let (summary, _) = run(&app, movielens_in(small().path())).await;
    let films = summary.of(Table::Films);
    assert_eq!(
        (films.added, films.added + films.updated + films.unchanged),
        (2, 3)
    );
    assert_eq!(number(&app, "SELECT count(*) FROM content_items").await, 3);
    let (again, _) = run(&app, movielens_in(small().path())).await;
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
    let (summary, refused) = run(&app, tmdb_in(folder.path())).await;
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
    let (summary, _) = run(&app, tmdb_in(folder.path())).await;
    let ImportOutcome::Aborted(broken) = &summary.outcome else {
        panic!("{summary:?}");
    };
    assert_eq!(broken.line, 4);
    assert!(broken.reason.contains("quote"), "{broken:?}");
    assert_eq!(added(&summary, Table::Films), 1);
    assert_eq!(import::code(&summary), import::BROKEN);
}
