//! The two real guides beside the project, where they are there.

use super::*;
use crate::support::real_data;

async fn real(app: &TestApp, name: &str) -> Option<(ImportSummary, Vec<RefusedRow>)> {
    let folder = real_data("data/xmltv")?;
    let request = ImportRequest::Xmltv {
        files: vec![folder.join(name)],
        time_zone: Tz::UTC,
    };
    Some(run(app, request).await)
}

async fn number(app: &TestApp, sql: &'static str) -> i64 {
    let number = sqlx::query_scalar(sql).fetch_one(app.ctx.db.pool()).await;
    number.unwrap()
}

#[tokio::test]
async fn every_programme_of_both_real_guides_is_accounted_for() {
    let app = TestApp::start().await;
    if let Some(films) = real_data("data/ml-latest-small") {
        run(&app, ImportRequest::Movielens { folder: films }).await;
    }
    let Some((summary, refused)) = real(&app, "foxtel_au_epg.xml.gz").await else {
        return;
    };
    assert_eq!(refused, []);
    assert_eq!(summary.outcome, ImportOutcome::Completed);
    assert_eq!(summary.of(Table::Channels).added, 80);
    // 9,936 programmes: 224 occur twice, and 6 more overlap.
    assert_eq!(
        counts(summary.of(Table::Airings)),
        [9_936 - 224, 0, 0, 0, 224, 6, 0]
    );
    let (again, _) = real(&app, "foxtel_au_epg.xml.gz").await.unwrap();
    assert_eq!(
        counts(again.of(Table::Airings)),
        [0, 0, 9_936 - 224, 0, 224, 6, 0]
    );
    assert_eq!(again.of(Table::Channels).added, 0);

    let (summary, refused) = real(&app, "nz_epg.xml.gz").await.unwrap();
    assert_eq!(refused, []);
    // Of 45 channels, 9 have no programme.
    assert_eq!(summary.of(Table::Channels).added, 36);
    assert_eq!(
        counts(summary.of(Table::Airings)),
        [5_510, 0, 0, 0, 0, 0, 0]
    );
    assert_eq!(
        number(&app, "SELECT count(*) FROM airings").await,
        9_936 - 224 + 5_510
    );
    // The first start and the last end of both, of a count of its own.
    let outside = "SELECT count(*) FROM airings \
        WHERE starts_at < '2026-08-21 18:00+00' OR ends_at > '2026-09-08 12:00+00'";
    assert_eq!(number(&app, outside).await, 0);
    if number(&app, "SELECT count(*) FROM content_items").await > 0 {
        let matched = "SELECT count(DISTINCT title) FROM airings WHERE content_id IS NOT NULL";
        let matched = number(&app, matched).await;
        assert!(matched > 40, "{matched} films are recognised");
        let episodes =
            "SELECT count(*) FROM airings WHERE content_id IS NOT NULL AND kind = 'EPISODE'";
        assert_eq!(number(&app, episodes).await, 0);
    }
}
