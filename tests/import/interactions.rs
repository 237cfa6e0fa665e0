//! Users and interactions by the callers' own ids, and the built-in mappings of well-known files.

use marquee::domain::imports::MappingOrigin;
use marquee::platform::config::CreateUnknown;

use super::*;

const EVENTS: &str = r#"
source = "shop"
kind = { column = "event", map = { view = "VIEW", buy = "PURCHASE" } }
user = { column = "user" }
item = { column = "item" }
time = { column = "at" }
"#;

/// A file and its mapping, to be imported as interactions.
fn events(folder: &TempDir, mapping: &str, create: Option<CreateUnknown>) -> ImportRequest {
    let path = folder.path().join("mapping.toml");
    std::fs::write(&path, mapping).unwrap();
    ImportRequest::Interactions {
        file: folder.path().join("events"),
        mapping: MappingOrigin::File(path),
        create,
    }
}

fn preset(folder: &TempDir, name: &str) -> ImportRequest {
    ImportRequest::Interactions {
        file: folder.path().join("events"),
        mapping: MappingOrigin::Preset(name.to_owned()),
        create: None,
    }
}

fn users(folder: &TempDir, mapping: MappingOrigin) -> ImportRequest {
    ImportRequest::Users {
        file: folder.path().join("users"),
        mapping,
    }
}

/// What was recorded: source and id of the user, id of the item, kind, stars and time, in order.
async fn recorded(app: &TestApp) -> Vec<(String, String, String, String, Option<f32>, i64)> {
    sqlx::query_as(
        "SELECT u.source, u.external_id, e.external_id, i.kind, i.value, \
                extract(epoch FROM i.occurred_at)::bigint \
         FROM interactions i JOIN users u ON u.id = i.user_id \
         JOIN content_external_ids e ON e.content_id = i.content_id \
         ORDER BY 6, 2, 3, 4",
    )
    .fetch_all(app.ctx.db.pool())
    .await
    .unwrap()
}

fn row(
    source: &str,
    user: &str,
    item: &str,
    kind: &str,
    stars: Option<f32>,
    at: i64,
) -> (String, String, String, String, Option<f32>, i64) {
    let text = ToOwned::to_owned;
    (text(source), text(user), text(item), text(kind), stars, at)
}

/// Every row of the file is counted once.
fn adds_up(summary: &ImportSummary, rows: u64) {
    let counts = summary.of(Table::Interactions);
    let read = counts.added + counts.updated + counts.unchanged + counts.refused;
    assert_eq!(read, rows, "{counts:?}");
}

#[tokio::test]
async fn interactions_by_own_ids_are_imported_once_however_often_the_file_comes() {
    let app = TestApp::start().await;
    let rows = "user,item,event,at\n\
        u1,a,view,978300760\n\
        u1,b,buy,2001-01-01T00:00:00Z\n\
        u2,a,view,978300760000\n\
        u2,a,view,978300760\n\
        u2,a,sneeze,978300760\n\
        ,a,view,978300760\n\
        u3,c,view,4102444800\n\
        u3,c,view,soon\n";
    let folder = folder(&[("events", rows.as_bytes())]);
    let both = Some(CreateUnknown::Both);
    let (summary, refused) = run(&app, events(&folder, EVENTS, both)).await;
    assert_eq!(
        lines(&refused),
        [
            (6, "kind: `sneeze` is not in the mapping"),
            (7, "there is no user"),
            (
                8,
                "time: 2100-01-01 00:00:00 UTC is not between 1970 and now"
            ),
            (9, "time: `soon` cannot be read"),
        ]
    );
    let counts = summary.of(Table::Interactions);
    assert_eq!((counts.added, counts.unchanged, counts.refused), (3, 1, 4));
    adds_up(&summary, 8);
    assert_eq!(added(&summary, Table::Users), 2);
    assert_eq!(added(&summary, Table::Products), 2);
    let expected = [
        row("shop", "u1", "a", "VIEW", None, 978_300_760),
        row("shop", "u2", "a", "VIEW", None, 978_300_760),
        row("shop", "u1", "b", "PURCHASE", None, 978_307_200),
    ];
    assert_eq!(recorded(&app).await, expected);
    let (again, _) = run(&app, events(&folder, EVENTS, both)).await;
    assert!(nothing_new(&again), "{again:?}");
    assert_eq!(again.of(Table::Interactions).unchanged, 4);
    assert_eq!(recorded(&app).await, expected);
    // Everything else names them by the same ids.
    let found = app
        .ask("{ content(externalId: \"a\", source: \"shop\") { kind title externalIds { source value } } }")
        .await;
    assert_eq!(
        found["content"],
        json!({ "kind": "PRODUCT", "title": "a", "externalIds": [{ "source": "shop", "value": "a" }] })
    );
}

#[tokio::test]
async fn unknown_users_and_items_are_created_only_where_that_is_said() {
    let rows = "user,item,event,at\nu1,a,view,1\nu1,b,view,2\nu2,b,view,3\nu3,gone,view,4\n";
    let folder = folder(&[
        ("events", rows.as_bytes()),
        ("products", b"sku,name\na,Apron\ngone,Gone\n"),
    ]);
    let mapping = folder.path().join("items.toml");
    let items =
        "source = \"shop\"\nid = { column = \"sku\" }\n[fields]\ntitle = { column = \"name\" }\n";
    std::fs::write(&mapping, items).unwrap();
    let products = ImportRequest::Products {
        file: folder.path().join("products"),
        mapping,
    };
    for (create, users, items, rows, reasons) in [
        (
            CreateUnknown::None,
            0,
            0,
            0,
            vec![
                (2, "there is no user `u1` of the source `shop`"),
                (3, "there is no user `u1` of the source `shop`"),
                (4, "there is no user `u2` of the source `shop`"),
                (5, "there is no user `u3` of the source `shop`"),
            ],
        ),
        (
            CreateUnknown::Users,
            1,
            0,
            1,
            vec![
                (3, "there is no item `b` of the source `shop`"),
                (4, "there is no user `u2` of the source `shop`"),
                (5, "there is no user `u3` of the source `shop`"),
            ],
        ),
        (
            CreateUnknown::Both,
            2,
            1,
            3,
            // What an admin deleted is not created again, and nobody for its sake.
            vec![(5, "there is no user `u3` of the source `shop`")],
        ),
    ] {
        let app = TestApp::start().await;
        run(&app, products.clone()).await;
        let delete = "UPDATE content_items SET deleted_at = now() WHERE title = 'Gone'";
        sqlx::query(delete)
            .execute(app.ctx.db.pool())
            .await
            .unwrap();
        let (summary, refused) = run(&app, events(&folder, EVENTS, Some(create))).await;
        assert_eq!(lines(&refused), reasons, "{create:?}");
        assert_eq!(added(&summary, Table::Users), users);
        assert_eq!(added(&summary, Table::Products), items);
        assert_eq!(added(&summary, Table::Interactions), rows);
        adds_up(&summary, 4);
        let there = number(&app, "SELECT count(*) FROM users WHERE source = 'shop'").await;
        assert_eq!(u64::try_from(there).unwrap(), users);
    }
}

#[tokio::test]
async fn ratings_of_any_scale_become_stars_and_a_later_file_corrects_them() {
    let app = TestApp::start().await;
    let mapping = r#"
        source = "club"
        kind = "RATING"
        user = { column = "user" }
        item = { column = "item" }
        rating = { column = "score", drop = ["-1"] }
        scale = [0, 100]
        unrated = "VIEW"
        time = { column = "day", drop = ["?"], default = "2020-02-01" }
        time_format = "%Y-%m-%d"
        create = "both"
    "#;
    let rows = "user,item,score,day\n1,x,100,2020-01-02\n1,y,0,2020-01-02\n2,x,50,?\n2,y,-1,2020-01-02\n2,z,101,?\n";
    let folder = folder(&[("events", rows.as_bytes())]);
    let (summary, refused) = run(&app, events(&folder, mapping, None)).await;
    assert_eq!(
        lines(&refused),
        [(6, "rating: `101` is not between 0 and 100")]
    );
    adds_up(&summary, 5);
    let day = 1_577_923_200;
    assert_eq!(
        recorded(&app).await,
        [
            row("club", "1", "x", "RATING", Some(5.0), day),
            row("club", "1", "y", "RATING", Some(0.5), day),
            row("club", "2", "y", "VIEW", None, day),
            row("club", "2", "x", "RATING", Some(2.75), 1_580_515_200),
        ]
    );
    std::fs::write(
        folder.path().join("events"),
        rows.replace("1,x,100", "1,x,10"),
    )
    .unwrap();
    let (summary, _) = run(&app, events(&folder, mapping, None)).await;
    let counts = summary.of(Table::Interactions);
    assert_eq!(
        (
            counts.added,
            counts.updated,
            counts.unchanged,
            counts.refused
        ),
        (0, 1, 3, 1)
    );
    let changed = "SELECT count(*) FROM interactions WHERE value = 0.95::real";
    assert_eq!(number(&app, changed).await, 1);
}

#[tokio::test]
async fn users_come_with_names_and_fill_those_that_interactions_made() {
    let app = TestApp::start().await;
    let rows = "user,item,event,at\nu1,a,view,1\n";
    let folder = folder(&[
        ("events", rows.as_bytes()),
        ("users", "id;name\nu1;Ann\u{7} Lee\nu2;\nu1;Again\n;Nobody\n".as_bytes()),
        (
            "users.toml",
            b"source = \"shop\"\ndelimiter = \";\"\nid = { column = \"id\" }\nname = { column = \"name\" }\n",
        ),
    ]);
    run(&app, events(&folder, EVENTS, Some(CreateUnknown::Both))).await;
    let mapping = MappingOrigin::File(folder.path().join("users.toml"));
    let (summary, refused) = run(&app, users(&folder, mapping.clone())).await;
    assert_eq!(
        lines(&refused),
        [
            (4, "the id `u1` came up before in this file"),
            (5, "there is no id")
        ]
    );
    let counts = summary.of(Table::Users);
    assert_eq!(
        (
            counts.added,
            counts.updated,
            counts.unchanged,
            counts.refused
        ),
        (1, 1, 0, 2)
    );
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT display_name FROM users WHERE source = 'shop' ORDER BY external_id",
    )
    .fetch_all(app.ctx.db.pool())
    .await
    .unwrap();
    assert_eq!(names, ["Ann  Lee", "u2"]);
    let (again, _) = run(&app, users(&folder, mapping)).await;
    assert!(nothing_new(&again), "{again:?}");
}

#[tokio::test]
async fn every_preset_reads_a_file_of_its_shape() {
    let marked = "\u{feff}user_id,book_id,rating\n1,258,5\n";
    let bx = "\"User-ID\";\"ISBN\";\"Book-Rating\"\n\"276725\";\"034545104X\";\"0\"\n\"276726\";\"0155061224\";\"10\"\n";
    let gorse = concat!(
        "{\"FeedbackType\":\"read\",\"UserId\":\"bob\",\"ItemId\":\"i1\",\"Timestamp\":\"2020-01-02T03:04:05Z\",\"Comment\":\"\"}\n",
        "{\"FeedbackType\":\"like\",\"UserId\":\"bob\",\"ItemId\":90071992547409931234567,\"Timestamp\":\"2020-01-02T03:04:06Z\"}\n",
    );
    let at = 1_577_934_245;
    for (name, bytes, source, expected) in [
        (
            "ml-100k",
            "196\t242\t3\t881250949\n186\t302\t3\t891717742\n",
            "ml-100k",
            vec![
                row("ml-100k", "196", "242", "RATING", Some(3.0), 881_250_949),
                row("ml-100k", "186", "302", "RATING", Some(3.0), 891_717_742),
            ],
        ),
        (
            "personalize",
            "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\n429,222,828124615,watch\n429,227,828124616,click\n",
            "app",
            vec![
                row("app", "429", "222", "VIEW", None, 828_124_615),
                row("app", "429", "227", "CLICK", None, 828_124_616),
            ],
        ),
        (
            "retailrocket",
            "timestamp,visitorid,event,itemid,transactionid\n1433221332117,257597,view,355908,\n1433221332999,257597,transaction,355908,4000\n",
            "app",
            vec![
                row("app", "257597", "355908", "VIEW", None, 1_433_221_332),
                row("app", "257597", "355908", "PURCHASE", None, 1_433_221_333),
            ],
        ),
        (
            "gorse",
            gorse,
            "app",
            vec![
                row("app", "bob", "i1", "VIEW", None, at),
                row(
                    "app",
                    "bob",
                    "90071992547409931234567",
                    "LIKE",
                    None,
                    at + 1,
                ),
            ],
        ),
        (
            "recbole",
            "user_id:token\titem_id:token\trating:float\ttimestamp:float\n22\t377\t1\t878887116\n",
            "app",
            vec![row("app", "22", "377", "RATING", Some(1.0), 878_887_116)],
        ),
        (
            "goodbooks",
            marked,
            "app",
            vec![row("app", "1", "258", "RATING", Some(5.0), 1_504_224_000)],
        ),
        (
            "book-crossing",
            bx,
            "app",
            vec![
                row("app", "276725", "034545104X", "VIEW", None, 1_093_996_800),
                row(
                    "app",
                    "276726",
                    "0155061224",
                    "RATING",
                    Some(5.0),
                    1_093_996_800,
                ),
            ],
        ),
    ] {
        let app = TestApp::start().await;
        let folder = folder(&[("events", bytes.as_bytes())]);
        let ImportRequest::Interactions { file, mapping, .. } = preset(&folder, name) else {
            unreachable!("it is one of interactions");
        };
        let request = ImportRequest::Interactions {
            file,
            mapping,
            create: Some(CreateUnknown::Both),
        };
        let (summary, refused) = run(&app, request).await;
        assert_eq!(refused, [], "{name}");
        adds_up(&summary, expected.len() as u64);
        assert_eq!(recorded(&app).await, expected, "{name}");
        assert!(expected.iter().all(|row| row.0 == source));
    }
}

#[tokio::test]
async fn the_presets_of_users_read_files_of_their_shape() {
    for (name, bytes, expected) in [
        (
            "ml-100k",
            "1|24|M|technician|85711\n2|53|F|other|94043\n",
            vec![("1", "1"), ("2", "2")],
        ),
        (
            "personalize",
            "USER_ID,AGE,GENDER\nu1,24,M\n",
            vec![("u1", "u1")],
        ),
        (
            "gorse",
            "{\"UserId\":\"bob\",\"Labels\":[\"a\"],\"Comment\":\"Bob\"}\n{\"UserId\":\"eve\",\"Comment\":\"\"}\n",
            vec![("bob", "Bob"), ("eve", "eve")],
        ),
    ] {
        let app = TestApp::start().await;
        let folder = folder(&[("users", bytes.as_bytes())]);
        let (summary, refused) =
            run(&app, users(&folder, MappingOrigin::Preset(name.to_owned()))).await;
        assert_eq!(refused, [], "{name}");
        assert_eq!(added(&summary, Table::Users), expected.len() as u64);
        let found: Vec<(String, String)> = sqlx::query_as(
            "SELECT external_id, display_name FROM users WHERE source IS NOT NULL ORDER BY 1",
        )
        .fetch_all(app.ctx.db.pool())
        .await
        .unwrap();
        let expected = expected.into_iter();
        let expected = expected.map(|(id, name)| (id.to_owned(), name.to_owned()));
        assert_eq!(found, expected.collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_file_in_another_encoding_or_packed_gives_the_same_interactions() {
    let text = "user,item,event,at\nAmélie,a,view,1\nŒuvre,b,view,2\n";
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let windows = b"user,item,event,at\nAm\xe9lie,a,view,1\n\x8cuvre,b,view,2\n";
    let expected = [
        row("shop", "Amélie", "a", "VIEW", None, 1),
        row("shop", "Œuvre", "b", "VIEW", None, 2),
    ];
    for bytes in [
        text.as_bytes().to_vec(),
        utf16,
        windows.to_vec(),
        gz(windows),
    ] {
        let app = TestApp::start().await;
        let folder = folder(&[("events", &bytes)]);
        let (_, refused) = run(&app, events(&folder, EVENTS, Some(CreateUnknown::Both))).await;
        assert_eq!(refused, []);
        assert_eq!(recorded(&app).await, expected);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_one_sentence_and_nothing_is_taken() {
    let app = TestApp::start().await;
    let mut trailing = gz(b"user,item,event,at\nu1,a,view,1\n");
    trailing.extend(b"garbage behind the packed file");
    for (bytes, words) in [
        (
            &b"<?xml version=\"1.0\"?>\n<rss/>\n"[..],
            "this is no csv but XML",
        ),
        (b"[{\"user\": \"u1\"}]\n", "write `format = \"json\"`"),
        (
            b"user,item,item,event,at\n1,2,3,4,5\n",
            "which the file has more than once",
        ),
        (b"user,item\n1,2\n", "the file has user, item"),
        (b"", "the file is empty"),
        (&trailing, "the packed file is damaged"),
        (
            b"user,item,event,at\n\"u1,a,view,1\nu2,a,view,1\nu3,b,view,1\n",
            "a quote is not closed",
        ),
    ] {
        let folder = folder(&[("events", bytes)]);
        let (summary, _) = run(&app, events(&folder, EVENTS, Some(CreateUnknown::None))).await;
        let ImportOutcome::Aborted(broken) = &summary.outcome else {
            panic!("{words}: {summary:?}");
        };
        assert!(broken.reason.contains(words), "{words}: {broken:?}");
    }
    assert_eq!(number(&app, "SELECT count(*) FROM interactions").await, 0);
}

#[tokio::test]
async fn escape_sequences_of_a_file_reach_no_message() {
    let app = TestApp::start().await;
    let folder = folder(&[(
        "events",
        b"user,item,event,at\n\x1b]0;pwned\x07\x1b[31m,a,view,1\nu1,a,\x1b[31mred,1\nu1,nul\0,view,1\n",
    )]);
    let (_, refused) = run(&app, events(&folder, EVENTS, Some(CreateUnknown::None))).await;
    assert_eq!(refused.len(), 3);
    for row in &refused {
        assert!(!row.reason.contains(char::is_control), "{row:?}");
    }
}

#[tokio::test]
async fn a_mapping_of_interactions_with_a_mistake_says_what_is_missing() {
    let app = TestApp::start().await;
    let folder = folder(&[("events", b"user,item,event,at\nu1,a,view,1\n")]);
    for (mapping, words) in [
        (EVENTS.replace("time =", "tiem ="), "tiem"),
        (
            EVENTS.replace("time = { column = \"at\" }", ""),
            "2020-01-01",
        ),
        (
            EVENTS.replace("user = { column = \"user\" }", ""),
            "needs `user`",
        ),
        (
            EVENTS.replace(
                "user = { column",
                "name = { column = \"x\" }\nuser = { column",
            ),
            "`name` has no place",
        ),
        (format!("scale = [1, 10]\n{EVENTS}"), "go with `rating`"),
        (EVENTS.replace("kind = {", "id = {"), "needs `kind`"),
    ] {
        let request = events(&folder, &mapping, None);
        match run_with(&app, request, ImportOptions::default()).await {
            Err(error) => assert!(error.to_string().contains(words), "{words}: {error}"),
            Ok((_, refused)) => assert!(refused[0].reason.contains(words), "{words}: {refused:?}"),
        }
    }
    let text = fails(&app, preset(&folder, "shop")).await;
    assert!(
        text.contains("there are: book-crossing, goodbooks, gorse"),
        "{text}"
    );
}
