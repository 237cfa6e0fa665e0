//! MovieLens: what its rows become, and that a second run changes nothing.

use super::*;

#[tokio::test]
async fn a_movielens_folder_becomes_films_users_ratings_and_tags() {
    let app = TestApp::start().await;
    let (summary, refused) = run(&app, movielens_in(small().path())).await;
    assert_eq!(refused, []);
    assert_eq!(summary.outcome, ImportOutcome::Completed);
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
             externalIds { source value } } } }",
        )
        .await;
    assert_eq!(
        films["contents"]["nodes"][1],
        json!({
            "title": "The Matrix", "year": 1999, "genres": ["Action", "Sci-Fi"],
            "externalIds": [
                { "source": "imdb", "value": "tt0133093" },
                { "source": "movielens", "value": "2" },
                { "source": "tmdb", "value": "603" },
            ],
        })
    );
    assert_eq!(films["contents"]["nodes"][0]["genres"], json!([]));
    let rated = "SELECT count(*) FROM interactions i JOIN users u ON u.id = i.user_id \
                 WHERE u.external_id = '8' AND i.kind = 'RATING' AND i.value = 0.5 \
                 AND i.occurred_at = to_timestamp(964983815)";
    assert_eq!(number(&app, rated).await, 1);
    // Who follows what is recorded is not told of what an import brings.
    let told = "SELECT count(*) FROM interactions WHERE recorded_in IS NOT NULL";
    assert_eq!(number(&app, told).await, 0);
    assert_eq!(number(&app, "SELECT count(*) FROM audit_log").await, 1);
}

#[tokio::test]
async fn a_second_run_adds_nothing() {
    let app = TestApp::start().await;
    let folder = small();
    run(&app, movielens_in(folder.path())).await;
    let (again, _) = run(&app, movielens_in(folder.path())).await;
    assert!(nothing_new(&again), "{again:?}");
    assert_eq!(again.of(Table::Ratings).unchanged, 3);
    assert_eq!(again.of(Table::Films).unchanged, 3);
    assert_eq!(import::code(&again), 0);
}

#[tokio::test]
async fn rows_that_came_later_are_added_to_what_is_there() {
    let app = TestApp::start().await;
    let folder = small();
    run(&app, movielens_in(folder.path())).await;
    let more = format!("{RATINGS}10,3,3.5,964983900\n");
    std::fs::write(folder.path().join("ratings.csv"), more).unwrap();
    let (summary, _) = run(&app, movielens_in(folder.path())).await;
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
    let (summary, refused) = run(&app, movielens_in(folder.path())).await;
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
    let (summary, refused) = run(&app, movielens_in(folder.path())).await;
    assert_eq!(refused, []);
    assert_eq!(added(&summary, Table::Users), 2);
    assert_eq!(added(&summary, Table::Ratings), 2);
    let title = "SELECT count(*) FROM content_items WHERE title = 'Les Misérables'";
    assert_eq!(number(&app, title).await, 1);
}

#[tokio::test]
async fn a_deleted_user_takes_imported_ratings_along() {
    let app = TestApp::start().await;
    run(&app, movielens_in(small().path())).await;
    sqlx::query("DELETE FROM users WHERE external_id = '7'")
        .execute(app.ctx.db.pool())
        .await
        .unwrap();
    assert_eq!(number(&app, "SELECT count(*) FROM interactions").await, 1);
}
