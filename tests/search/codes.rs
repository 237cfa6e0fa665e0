//! Items by the ids that other systems give them, typed into the search box.

use marquee::domain::auth::Viewer;
use marquee::domain::content::{ContentKind, Fields, Visibility};
use marquee::foundation::ExternalId;
use serde_json::json;

use crate::support::TestApp;
use crate::{search, search_with, titles};

async fn product(app: &TestApp, title: &str, source: &str, code: &str) {
    let fields = Fields::new(ContentKind::Product, title);
    create(app, fields, source, code).await;
}

async fn create(app: &TestApp, fields: Fields, source: &str, code: &str) {
    let names = vec![ExternalId {
        source: source.to_owned(),
        value: code.to_owned(),
    }];
    let content = &app.services.content;
    let made = content.create_named(&Viewer::Command, fields, Vec::new(), names);
    made.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_the_shop_finds_its_item_first_however_it_is_typed() {
    let app = TestApp::start().await;
    product(&app, "Runner", "shop", "FJ5089").await;
    product(&app, "Better than FJ5089", "shop", "FJ5090").await;
    product(&app, "Tin of Tea", "ean", "0012345678905").await;
    product(&app, "Bolt", "erp", "AB-12/34").await;
    for (typed, title) in [
        ("FJ5089", "Runner"),
        (" fj5089 ", "Runner"),
        ("FJ-5089", "Runner"),
        ("fj5090", "Better than FJ5089"),
        ("0012345678905", "Tin of Tea"),
        ("12345678905", "Tin of Tea"),
        ("ab 12 34", "Bolt"),
        ("AB1234", "Bolt"),
    ] {
        let found = search(&app, typed).await;
        assert_eq!(titles(&found).first(), Some(&title), "{typed}: {found:#}");
        assert_eq!(found["edges"][0]["score"], 1.0, "{typed}");
        assert!(found["didYouMean"].is_null(), "{typed}: {found:#}");
    }
    // In part, and beside other words.
    assert_eq!(titles(&search(&app, "runner fj5089").await)[0], "Runner");
    assert!(titles(&search(&app, "fj50").await).contains(&"Runner"));
    // A number that is nearly one is none.
    assert!(titles(&search(&app, "0012345678906").await).is_empty());
    let by_meaning = json!({ "query": "FJ5089", "mode": "MEANING" });
    assert!(titles(&search_with(&app, by_meaning).await).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_number_is_a_word_before_it_is_an_id() {
    let app = TestApp::start().await;
    product(&app, "Blue Chair", "tmdb", "300").await;
    product(&app, "300", "tmdb", "1271").await;
    product(&app, "Green Chair", "tmdb", "4711").await;
    assert_eq!(titles(&search(&app, "300").await), ["300"]);
    assert_eq!(titles(&search(&app, "4711").await), ["Green Chair"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_does_not_tell_of_what_may_not_be_seen() {
    let app = TestApp::start().await;
    let mut hidden = Fields::new(ContentKind::Product, "Hidden");
    hidden.visibility = Visibility::Private;
    create(&app, hidden, "shop", "HX1001").await;
    let mut expired = Fields::new(ContentKind::Product, "Expired");
    expired.rights_until = Some((app.ctx.clock.now() - chrono::TimeDelta::days(2)).date_naive());
    create(&app, expired, "shop", "HX1002").await;
    let mut sold_out = Fields::new(ContentKind::Product, "Sold out");
    sold_out.stock = Some(0);
    create(&app, sold_out, "shop", "HX1003").await;
    product(&app, "Red Lamp", "shop", "HX1004").await;
    for typed in ["HX1001", "HX1002", "HX1003"] {
        assert_eq!(search(&app, typed).await["totalCount"], 0, "{typed}");
    }
    assert_eq!(titles(&search(&app, "HX1004").await), ["Red Lamp"]);
    let other = json!({ "query": "HX1004", "filter": { "kind": { "eq": "MOVIE" } } });
    assert_eq!(search_with(&app, other).await["totalCount"], 0);
}
