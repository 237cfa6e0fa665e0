//! Airings with audience figures, as csv.

use super::*;

async fn import(app: &TestApp, table: &str) -> (RowCounts, Vec<RefusedRow>) {
    let files = Files::empty();
    let request = ImportRequest::Airings {
        files: vec![files.write("airings.csv", table)],
    };
    let (summary, refused) = run(app, request).await;
    assert_eq!(summary.outcome, ImportOutcome::Completed);
    (summary.of(Table::Airings), refused)
}

#[tokio::test]
async fn our_own_airings_come_in_with_their_audience() {
    let app = TestApp::start().await;
    channel(&app, "film-one", "Europe/Berlin", true, &[]).await;
    let ran = film(&app, "Ran", 1985, 160).await;
    let kagemusha = film(&app, "Kagemusha", 1980, 180).await;
    sqlx::query("INSERT INTO content_external_ids (content_id, source, external_id) VALUES ($1, 'tmdb', '11953')")
        .bind(kagemusha.uuid())
        .execute(app.ctx.db.pool())
        .await
        .unwrap();
    let table = format!(
        "channel,start,end,title,year,content_id,external_id,audience\n\
         film-one,2026-03-01 20:15,2026-03-01 23:15,Ran,1985,,,120000\n\
         film-one,2026-03-02T20:15:00+01:00,2026-03-02T23:30:00+01:00,The Shadow Warrior,,,tmdb:11953,90000\n\
         film-one,2026-03-03 20:15,2026-03-03 23:15,Chaos,,{ran},,\n\
         film-one,2026-03-04 20:15,2026-03-04 22:00,Something else,,,,7\n"
    );
    let (got, refused) = import(&app, &table).await;
    assert_eq!(refused, []);
    assert_eq!(counts(got), [4, 0, 0, 0, 0, 0, 0]);
    assert!(
        schedule(&app, None).await.is_empty(),
        "ours are no competition"
    );
    let all = schedule(&app, Some(&["film-one"])).await;
    assert_eq!(all[0]["startsAt"], "2026-03-01T19:15:00.000000Z");
    assert_eq!(all[0]["audience"], 120_000.0);
    assert_eq!(all[0]["source"], "CSV");
    let shown: Vec<_> = all
        .iter()
        .map(|airing| {
            (
                airing["content"]["id"].as_str(),
                airing["confidence"].as_f64(),
            )
        })
        .collect();
    let (ran, kagemusha) = (ran.to_string(), kagemusha.to_string());
    assert_eq!(
        shown,
        [
            (Some(ran.as_str()), Some(1.0)),
            (Some(kagemusha.as_str()), Some(1.0)),
            (Some(ran.as_str()), Some(1.0)),
            (None, None),
        ]
    );
    let (got, _) = import(&app, &table).await;
    assert_eq!(counts(got), [0, 0, 4, 0, 0, 0, 0]);
    let corrected = table.replace(",7\n", ",8\n");
    let (got, _) = import(&app, &corrected).await;
    assert_eq!(counts(got), [0, 1, 3, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_row_that_cannot_be_taken_is_refused_with_its_line_and_the_reason() {
    let app = TestApp::start().await;
    channel(&app, "one", "UTC", true, &[]).await;
    let unknown: Id<id::Content> = uuid::Uuid::from_u128(7).into();
    let times = "2026-03-01 20:15,2026-03-01 22:15";
    let table = format!(
        "title,channel,start,end,content_id,audience,year\n\
         A,two,{times},,,\n\
         ,one,{times},,,\n\
         A,one,20:15,2026-03-01 22:15,,,\n\
         A,one,2026-03-01 22:15,2026-03-01 20:15,,,\n\
         A,one,2026-03-01 22:15,2026-03-05 20:15,,,\n\
         A,one,{times},{unknown},,\n\
         A,one,{times},user_1,,\n\
         A,one,{times},,-3,\n\
         A,one,{times},,1.5,\n\
         A,one,{times},,,99\n\
         A,,{times},,,\n\
         A,one,{times},,3,1999\n"
    );
    let (got, refused) = import(&app, &table).await;
    assert_eq!(counts(got), [1, 0, 0, 11, 0, 0, 0]);
    let words = [
        "no channel with the key `two`",
        "there is no title",
        "start must be a time such as",
        "end must be later than start",
        "end must be later than start",
        "there is no such film",
        "content_id `user_1`",
        "audience must be a whole number",
        "audience must be a whole number",
        "year must be 1800 to 2200",
        "there is no channel",
    ];
    for (index, (row, words)) in refused.iter().zip(words).enumerate() {
        assert_eq!(row.line, index as u64 + 2, "{row:?}");
        assert!(row.reason.contains(words), "{row:?}");
    }
}

#[tokio::test]
async fn a_guide_does_not_change_what_was_reported_with_an_audience() {
    let app = TestApp::start().await;
    channel(&app, "one", "UTC", true, &["a"]).await;
    let reported = "channel,start,end,title,audience\n\
        one,2026-03-01 18:00,2026-03-01 20:10,Reported,500\n\
        one,2026-03-02 18:00,2026-03-02 20:00,Dropped from the guide,\n";
    import(&app, reported).await;
    let guide = guide(&[
        programme("a", 1, (18, 20), "Reported", ""),
        programme("a", 2, (18, 20), "Planned instead", ""),
    ]);
    let (got, _) = import_guide(&app, &guide).await;
    assert_eq!(counts(got), [1, 0, 1, 0, 0, 0, 0]);
    let all = schedule(&app, Some(&["one"])).await;
    assert_eq!(all.len(), 3);
    assert_eq!(
        (&all[0]["audience"], &all[0]["endsAt"]),
        (&json!(500.0), &json!("2026-03-01T20:10:00.000000Z"))
    );

    // The other way round, the report fills in what was planned.
    let later = "channel,start,end,title,audience\none,2026-03-02 18:00,2026-03-02 20:05,Planned instead,70\n";
    let (got, _) = import(&app, later).await;
    assert_eq!(counts(got), [0, 1, 0, 0, 0, 0, 0]);
    // A later report without a figure does not take it away.
    let bare = "channel,start,end,title\none,2026-03-02 18:00,2026-03-02 20:05,Planned instead\n";
    let (got, _) = import(&app, bare).await;
    assert_eq!(counts(got), [0, 0, 1, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_table_without_its_columns_says_which() {
    let app = TestApp::start().await;
    let files = Files::empty();
    let request = ImportRequest::Airings {
        files: vec![files.write("airings.csv", "channel,start,title\none,x,y\n")],
    };
    let (summary, _) = run(&app, request).await;
    let ImportOutcome::Aborted(error) = summary.outcome else {
        panic!();
    };
    assert_eq!(
        error.reason,
        "there is no column `end`; there are channel, start, title"
    );
}
