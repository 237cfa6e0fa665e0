//! Files as they come: packed, cut off, damaged, hostile, or not there.

use super::*;

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
    let (summary, refused) = run(&app, movielens_in(folder.path())).await;
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
    let (summary, refused) = run(&app, movielens_in(folder.path())).await;
    assert_eq!(
        lines(&refused),
        [(5, "not UTF-8"), (6, "it holds the character U+0000")]
    );
    assert_eq!(added(&summary, Table::Films), 4);
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
    let (summary, _) = run(&app, movielens_in(folder.path())).await;
    let ImportOutcome::Aborted(broken) = &summary.outcome else {
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
    let (rest, _) = run(&app, movielens_in(folder.path())).await;
    assert_eq!(added(&rest, Table::Ratings) + before, 20_000);
}

#[tokio::test]
async fn a_zip_bomb_is_stopped() {
    let app = TestApp::start().await;
    let mut bomb = MOVIES.as_bytes().to_vec();
    bomb.resize(40 << 20, b'\n');
    let folder = folder(&[("movies.csv.gz", &gz(&bomb))]);
    let mut options = ImportOptions::default();
    options.limits.free_bytes = 1 << 20;
    let (summary, _) = run_with(&app, movielens_in(folder.path()), options)
        .await
        .unwrap();
    let ImportOutcome::Aborted(broken) = &summary.outcome else {
        panic!("{summary:?}");
    };
    assert!(broken.reason.contains("--max-ratio"), "{broken:?}");
    // With the limit as it is by default, forty megabytes are no matter.
    let (summary, _) = run(&app, movielens_in(folder.path())).await;
    assert_eq!(summary.outcome, ImportOutcome::Completed);
}

#[tokio::test]
async fn an_endless_row_is_refused_and_held_nowhere() {
    let app = TestApp::start().await;
    let long = format!(
        "{MOVIES}4,{} (1999),War\n5,Ran (1985),War\n",
        "x".repeat(9 << 20)
    );
    let folder = folder(&[("movies.csv", long.as_bytes())]);
    let (summary, refused) = run(&app, movielens_in(folder.path())).await;
    assert_eq!(lines(&refused), [(5, "longer than 8388608 bytes")]);
    assert_eq!(added(&summary, Table::Films), 4);
}

#[tokio::test]
async fn what_cannot_be_used_says_so_and_changes_nothing() {
    let app = TestApp::start().await;
    let empty = folder(&[("notes.txt", b"nothing")]);
    let nowhere = empty.path().join("nowhere");
    let text = fails(&app, movielens_in(&nowhere)).await;
    assert!(text.contains("no such folder"), "{text}");
    let text = fails(&app, movielens_in(empty.path())).await;
    assert!(text.contains("no movies.csv"), "{text}");
    let text = fails(&app, tmdb_in(empty.path())).await;
    assert!(text.contains("`movies` or `credits`"), "{text}");

    let zip = folder(&[("movies.csv", b"PK\x03\x04rest")]);
    let text = fails(&app, movielens_in(zip.path())).await;
    assert!(text.contains("zip archive"), "{text}");

    let header = folder(&[("movies.csv", b"id,name\n1,x\n")]);
    let (summary, _) = run(&app, movielens_in(header.path())).await;
    assert!(
        matches!(&summary.outcome, ImportOutcome::Aborted(b) if b.reason.contains("movieId,title,genres"))
    );
    assert_eq!(import::code(&summary), import::NOTHING_READ);

    let rubbish = folder(&[("movies.csv", b"movieId,title,genres\nx\ny\n")]);
    let (summary, _) = run(&app, movielens_in(rubbish.path())).await;
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
        .run(
            &user,
            movielens_in(folder.path()),
            ImportOptions::default(),
            |_| {},
        )
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
                    movielens_in(&path),
                    ImportOptions::default(),
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
    let text = fails(&app, movielens_in(folder.path())).await;
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
    let options = ImportOptions {
        chunk_bytes: 100_000,
        ..ImportOptions::default()
    };
    let cancel = options.cancel.clone();
    let mut chunks = 0;
    let summary = app
        .services
        .imports
        .run(
            &Viewer::Command,
            movielens_in(folder.path()),
            options,
            |news| {
                if let ImportEvent::ChunkMerged { file, .. } = news
                    && file == "ratings.csv"
                {
                    chunks += 1;
                    cancel.cancel();
                }
            },
        )
        .await
        .unwrap();
    assert_eq!(summary.outcome, ImportOutcome::Cancelled);
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
async fn refused_rows_are_never_written_over_a_file_that_is_read() {
    let app = TestApp::start().await;
    let folder = folder(&[
        ("users.csv", b"id\n1\n\"\"\n"),
        ("mapping.toml", b"id = { column = \"id\" }\n"),
    ]);
    let path = |name: &str| folder.path().join(name);
    // The same file by another name.
    std::os::unix::fs::symlink(path("users.csv"), path("link")).unwrap();
    let args = |refused: PathBuf| import::Args {
        what: import::What::Users(import::MappedFile {
            file: path("users.csv"),
            mapping: Some(path("mapping.toml")),
            preset: None,
        }),
        schema: None,
        refused: Some(refused),
        show_refused: 0,
        max_ratio: 200,
    };
    for name in ["users.csv", "mapping.toml", "link"] {
        let before = std::fs::read(path(name)).unwrap();
        let error = import::run(args(path(name)), &app.services)
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("give it another name"),
            "{error}"
        );
        assert_eq!(std::fs::read(path(name)).unwrap(), before);
    }
    import::run(args(path("refused.csv")), &app.services)
        .await
        .unwrap();
    let refused = std::fs::read_to_string(path("refused.csv")).unwrap();
    assert_eq!(refused, "file,line,reason\nusers.csv,3,there is no id\n");
}
