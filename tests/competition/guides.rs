//! What becomes of a guide.

use super::*;

#[tokio::test]
async fn a_guide_comes_in_with_channels_that_it_makes_and_films_that_it_shows() {
    let app = TestApp::start().await;
    let matrix = film(&app, "The Matrix", 1999, 136).await;
    film(&app, "Fargo", 1996, 98).await;
    let known = channel(&app, "nine", "Pacific/Auckland", false, &["nine.nz"]).await;
    let guide = format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE tv SYSTEM \"xmltv.dtd\">\n<tv>\n\
         <channel id=\"Sport 1 @ Home\"><display-name>Sport One</display-name></channel>\n\
         <channel id=\"unused\"><display-name>Unused</display-name></channel>\n\
         {}{}{}\
         <programme channel=\"nine.nz\" start=\"20260302103000\" stop=\"20260302120000\"><title>Morning</title></programme>\n\
         <programme channel=\"Sport 1 @ Home\" start=\"20260302103000\" stop=\"20260302120000\"><title>Match</title></programme>\n\
         </tv>",
        programme(
            "nine.nz",
            1,
            (20, 23),
            "Matrix, The",
            "<date>1999</date><category>Movie / Action</category>"
        ),
        programme(
            "nine.nz",
            2,
            (8, 9),
            "Fargo",
            "<episode-num system='onscreen'>S01E01</episode-num>"
        ),
        programme("nine.nz", 2, (9, 11), "Law &amp;amp; Order", ""),
    );
    let (got, refused) = import_guide(&app, &guide).await;
    assert_eq!(refused, []);
    // "Morning" begins while "The Matrix" runs.
    assert_eq!(counts(got), [5, 0, 0, 0, 0, 1, 0]);
    let all = schedule(&app, None).await;
    assert_eq!(
        titles(&all),
        ["Matrix, The", "Morning", "Fargo", "Law & Order", "Match"]
    );
    let first = &all[0];
    assert_eq!(first["content"]["id"], matrix.to_string());
    assert_eq!(
        (&first["confidence"], &first["kind"]),
        (&json!(1.0), &json!("FILM"))
    );
    assert_eq!(
        (&first["year"], &first["durationMinutes"]),
        (&json!(1999), &json!(180))
    );
    assert_eq!(first["channel"]["key"], "nine");
    assert_eq!(first["source"], "XMLTV");
    // In the time zone of the channel, which is thirteen hours ahead in March.
    assert_eq!(all[1]["startsAt"], "2026-03-01T21:30:00.000000Z");
    assert_eq!(all[1]["channel"]["key"], known.fields.key);
    assert_eq!(
        all[2]["content"],
        Value::Null,
        "an episode is not the film of the same name"
    );
    assert_eq!(all[2]["kind"], "EPISODE");
    let made = &all[4]["channel"];
    assert_eq!(
        (&made["key"], &made["name"]),
        (&json!("sport-1-home"), &json!("Sport One"))
    );
    assert_eq!(
        (&made["own"], &made["timeZone"]),
        (&json!(false), &json!("UTC"))
    );
    assert_eq!(made["guideIds"], json!(["Sport 1 @ Home"]));
    assert_eq!(all[4]["startsAt"], "2026-03-02T10:30:00.000000Z");
    let channels = app
        .services
        .channels
        .count(&Viewer::Command, None)
        .await
        .unwrap();
    assert_eq!(channels, 2, "a channel without programmes is not made");
}

#[tokio::test]
async fn the_same_guide_again_changes_nothing_and_a_new_one_replaces_what_it_covers() {
    let app = TestApp::start().await;
    let before = guide(&[
        programme("a", 1, (18, 20), "Before", ""),
        programme("a", 2, (18, 20), "Stays", ""),
        programme("a", 2, (20, 22), "Goes", FILM),
        programme("a", 2, (22, 23), "Becomes longer", ""),
        programme("a", 4, (18, 20), "After", ""),
        programme("b", 2, (20, 22), "Of another channel", ""),
    ]);
    let (got, _) = import_guide(&app, &before).await;
    assert_eq!(counts(got), [6, 0, 0, 0, 0, 0, 0]);
    let first = schedule(&app, None).await;
    let (got, _) = import_guide(&app, &before).await;
    assert_eq!(counts(got), [0, 0, 6, 0, 0, 0, 0]);
    assert_eq!(schedule(&app, None).await, first);

    let after = guide(&[
        programme("a", 2, (18, 20), "Stays", ""),
        programme("a", 2, (20, 22), "Comes", FILM),
        programme("a", 2, (22, 24), "Becomes longer", "")
            .replace("20260302240000", "20260303000000"),
    ]);
    let (got, _) = import_guide(&app, &after).await;
    assert_eq!(counts(got), [1, 1, 1, 0, 0, 0, 1]);
    let now = schedule(&app, None).await;
    let expected = [
        "Before",
        "Stays",
        "Comes",
        "Of another channel",
        "Becomes longer",
        "After",
    ];
    let mut found = titles(&now);
    found.sort_unstable();
    let mut wanted = expected.to_vec();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
    let longer = now
        .iter()
        .find(|airing| airing["title"] == "Becomes longer");
    assert_eq!(longer.unwrap()["endsAt"], "2026-03-03T00:00:00.000000Z");
    let stays = |all: &[Value]| {
        let one = all.iter().find(|airing| airing["title"] == "Stays");
        one.unwrap()["id"].clone()
    };
    assert_eq!(stays(&now), stays(&first), "an airing keeps its id");
}

#[tokio::test]
async fn every_programme_is_taken_or_a_duplicate_or_refused_with_line_and_reason() {
    let app = TestApp::start().await;
    let one = programme("a", 1, (18, 20), "One", "");
    let guide = format!(
        "<tv>\n{one}{one}{}\
         <programme channel=\"a\" start=\"20260301\" stop=\"20260301 +2500\"><title>x</title></programme>\n\
         <programme channel=\"a\" start=\"20260301180000\" stop=\"20260301170000\"><title>x</title></programme>\n\
         <programme channel=\"a\" start=\"20260301180000\" stop=\"20260301190000\"/>\n\
         </tv>",
        programme(
            "a",
            1,
            (19, 21),
            "Two",
            "<new/><date>20260301</date><previously-shown/>"
        ),
    );
    let (got, refused) = import_guide(&app, &guide).await;
    assert_eq!(counts(got), [2, 0, 0, 3, 1, 1, 0]);
    let refused: Vec<_> = refused
        .iter()
        .map(|row| (row.file.as_str(), row.line, row.reason.as_str()))
        .collect();
    let bad_offset =
        "its stop `20260301 +2500`: an offset is ±hhmm, at most 14 hours, or a name as UTC or BST";
    assert_eq!(
        refused,
        [
            ("guide.xml", 5, bad_offset),
            ("guide.xml", 6, "it ends before it begins, or at once"),
            ("guide.xml", 7, "it has no title"),
        ]
    );
    let two = &schedule(&app, None).await[1];
    assert_eq!(
        two["year"],
        Value::Null,
        "the day of the broadcast is no year of production"
    );
}

#[tokio::test]
async fn of_two_programmes_of_one_start_and_title_the_first_counts() {
    let app = TestApp::start().await;
    let guide = guide(&[
        programme("a", 1, (18, 20), "One", ""),
        programme("a", 1, (18, 21), "One", ""),
    ]);
    let (got, _) = import_guide(&app, &guide).await;
    assert_eq!(counts(got), [1, 0, 0, 0, 1, 1, 0]);
    assert_eq!(
        schedule(&app, None).await[0]["endsAt"],
        "2026-03-01T20:00:00.000000Z"
    );
}

#[tokio::test]
async fn a_film_is_recognised_by_the_id_that_the_guide_gives() {
    let app = TestApp::start().await;
    let solaris = film(&app, "Solaris", 1972, 167).await;
    film(&app, "Stalker", 1979, 162).await;
    sqlx::query("INSERT INTO content_external_ids (content_id, source, external_id) VALUES ($1, 'tmdb', '593')")
        .bind(solaris.uuid())
        .execute(app.ctx.db.pool())
        .await
        .unwrap();
    let id = "<episode-num system='themoviedb.org'>movie/593</episode-num>";
    let guide = guide(&[
        programme("a", 1, (18, 21), "Solyaris", id),
        programme("a", 2, (18, 21), "Stalker", FILM),
    ]);
    import_guide(&app, &guide).await;
    let all = schedule(&app, None).await;
    assert_eq!(all[0]["content"]["id"], solaris.to_string());
    assert_eq!(
        (&all[0]["confidence"], &all[0]["kind"]),
        (&json!(1.0), &json!("FILM"))
    );
    assert_eq!(all[1]["content"]["title"], "Stalker");
    assert_eq!(all[1]["confidence"], 0.85);
}

#[tokio::test]
async fn a_guide_that_breaks_off_keeps_what_came_before_and_removes_nothing() {
    let app = TestApp::start().await;
    let whole = guide(&[
        programme("a", 1, (18, 20), "One", ""),
        programme("a", 1, (20, 22), "Two", ""),
        programme("a", 1, (22, 23), "Three", ""),
    ]);
    import_guide(&app, &whole).await;
    let files = Files::empty();
    let broken = format!(
        "<tv>\n{}<programme channel=\"a\" st",
        programme("a", 1, (18, 23), "New", "")
    );
    let request = ImportRequest::Xmltv {
        files: vec![files.write("broken.xml", broken)],
        time_zone: Tz::UTC,
    };
    let (summary, _) = run(&app, request).await;
    let ImportOutcome::Aborted(error) = &summary.outcome else {
        panic!("{summary:?}");
    };
    assert_eq!((error.file.as_str(), error.line), ("broken.xml", 3));
    assert_eq!(counts(summary.of(Table::Airings)), [1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(schedule(&app, None).await.len(), 4);
}

#[tokio::test]
async fn files_that_are_no_guides_are_said_in_a_sentence_and_empty_guides_do_no_harm() {
    let app = TestApp::start().await;
    import_guide(&app, &guide(&[programme("a", 1, (18, 20), "One", "")])).await;
    let files = Files::empty();
    for (bytes, reason) in [
        (
            "<html><body>Not found</body></html>",
            "this is no XMLTV guide: its root element is <html> and not <tv>",
        ),
        (
            "channel,start\na,b\n",
            "this is no XMLTV guide: there is no element <tv>",
        ),
        (
            "\u{feff}",
            "this is no XMLTV guide: there is no element <tv>",
        ),
    ] {
        let request = ImportRequest::Xmltv {
            files: vec![files.write("odd.xml", bytes)],
            time_zone: Tz::UTC,
        };
        let (summary, _) = run(&app, request).await;
        let ImportOutcome::Aborted(error) = &summary.outcome else {
            panic!("{summary:?}");
        };
        assert_eq!(error.reason, reason);
    }
    let (got, _) = import_guide(&app, "\u{feff}<?xml version=\"1.0\"?>\n<tv/>").await;
    assert_eq!(counts(got), [0; 7]);
    assert_eq!(schedule(&app, None).await.len(), 1);
}

#[tokio::test]
async fn several_guides_come_in_one_after_the_other_and_a_new_channel_is_made_once() {
    let app = TestApp::start().await;
    let files = Files::empty();
    let packed = gz(guide(&[programme("a", 2, (18, 20), "Second", "")]).as_bytes());
    let request = ImportRequest::Xmltv {
        files: vec![
            files.write(
                "one.xml",
                guide(&[programme("a", 1, (18, 20), "First", "")]),
            ),
            files.write("two.xml.gz", packed),
        ],
        time_zone: Tz::Europe__Berlin,
    };
    let (summary, refused) = run(&app, request).await;
    assert_eq!(refused, []);
    assert_eq!(summary.of(Table::Channels).added, 1);
    assert_eq!(counts(summary.of(Table::Airings)), [2, 0, 0, 0, 0, 0, 0]);
    let all = schedule(&app, None).await;
    assert_eq!(titles(&all), ["First", "Second"]);
    assert_eq!(all[0]["channel"]["timeZone"], "Europe/Berlin");
}

/// Every encoding that guides come in, plain and packed, gives the same schedule.
#[tokio::test]
async fn a_guide_is_the_same_in_every_encoding() {
    let app = TestApp::start().await;
    film(&app, "Amélie", 2001, 122).await;
    let text = |encoding: &str| {
        let body = guide(&[
            programme("première", 1, (20, 22), "Amélie", "<date>2001</date>"),
            programme("première", 1, (22, 23), "Fenêtre\r\nsur cour", FILM),
        ]);
        format!("<?xml version='1.0' encoding='{encoding}'?>\n{body}")
            .replace("</title>", "\r\n</title>")
    };
    let units = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    };
    let marked = |text: &str, bytes: fn(u16) -> [u8; 2]| units(&format!("\u{feff}{text}"), bytes);
    // ISO-8859-1 and windows-1252 are the first 256 characters here.
    let latin = |text: &str| {
        text.chars()
            .map(|c| u8::try_from(c).unwrap())
            .collect::<Vec<u8>>()
    };
    let encoded = [
        ("UTF-8", text("UTF-8").into_bytes()),
        (
            "UTF-8 with a mark",
            format!("\u{feff}{}", text("UTF-8")).into_bytes(),
        ),
        (
            "UTF-16LE with a mark",
            marked(&text("UTF-16"), u16::to_le_bytes),
        ),
        (
            "UTF-16BE with a mark",
            marked(&text("UTF-16"), u16::to_be_bytes),
        ),
        ("UTF-16LE", units(&text("UTF-16"), u16::to_le_bytes)),
        ("UTF-16BE", units(&text("UTF-16"), u16::to_be_bytes)),
        ("ISO-8859-1", latin(&text("ISO-8859-1"))),
        ("windows-1252", latin(&text("windows-1252"))),
    ];
    let files = Files::empty();
    let mut expected = None;
    for (name, bytes) in encoded {
        for packed in [false, true] {
            let bytes = match packed {
                true => gz(&bytes),
                false => bytes.clone(),
            };
            let request = ImportRequest::Xmltv {
                files: vec![files.write("guide", bytes)],
                time_zone: Tz::UTC,
            };
            let (summary, refused) = run(&app, request).await;
            assert_eq!(summary.outcome, ImportOutcome::Completed, "{name}");
            assert_eq!(refused, [], "{name}");
            let got = summary.of(Table::Airings);
            assert_eq!(got.added + got.unchanged, 2, "{name}");
            let now = schedule(&app, None).await;
            let first = expected.get_or_insert_with(|| now.clone());
            assert_eq!(titles(first), ["Amélie", "Fenêtre sur cour"]);
            assert_eq!(first[0]["content"]["title"], "Amélie");
            assert_eq!(&now, first, "{name}");
        }
    }
}

/// The bytes 0D and 0A of U+010D, U+0A0A and the like are no end of a line.
#[tokio::test]
async fn letters_whose_bytes_look_like_line_ends_stay() {
    let app = TestApp::start().await;
    let title = "\u{0d2e}\u{0d32}\u{010d}\u{0a05}\u{0d0a}\u{0a0d}\u{0d0d}";
    let text = guide(&[programme("a", 1, (20, 22), title, "")]);
    let files = Files::empty();
    for bytes in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
        let text = format!("\u{feff}{text}");
        let bytes: Vec<u8> = text.encode_utf16().flat_map(bytes).collect();
        let request = ImportRequest::Xmltv {
            files: vec![files.write("guide", bytes)],
            time_zone: Tz::UTC,
        };
        let (_, refused) = run(&app, request).await;
        assert_eq!(refused, []);
        assert_eq!(titles(&schedule(&app, None).await), [title]);
    }
}
