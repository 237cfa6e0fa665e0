//! Queries that once missed, and the same kinds in other languages, on items that the tests make.

use marquee::domain::auth::Viewer;
use marquee::domain::content::model::{CreditRole, NewCredit, PersonRef};
use marquee::domain::content::{ContentKind, Fields};

use crate::support::TestApp;
use crate::{search, titles};

/// An item: title, popularity, and somebody credited.
async fn item(app: &TestApp, title: &str, popularity: f64, person: Option<&str>) {
    let mut fields = Fields::new(ContentKind::Movie, title);
    fields.popularity = popularity;
    let credits = person.map(|name| NewCredit {
        person: PersonRef::Name(name.into()),
        role: CreditRole::Cast,
        character: None,
    });
    let content = &app.services.content;
    let made = content.create(&Viewer::Command, fields, credits.into_iter().collect());
    made.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_known_work_of_somebody_comes_before_the_others() {
    let app = TestApp::start().await;
    item(&app, "Punchline", 8.0, Some("Tom Hanks")).await;
    item(&app, "Forrest Gump", 90.0, Some("Tom Hanks")).await;
    item(&app, "Tom Jones", 95.0, None).await;
    let found = search(&app, "tom hanks").await;
    assert_eq!(titles(&found)[0], "Forrest Gump");
}

#[tokio::test(flavor = "multi_thread")]
async fn signs_in_names_hold() {
    let app = TestApp::start().await;
    for title in [
        "WD-40 Spray",
        "Spider-Man",
        "WD Drive",
        "Man and Spider",
        "007 Racing",
    ] {
        item(&app, title, 1.0, None).await;
    }
    for (query, title) in [
        ("wd40", "WD-40 Spray"),
        ("wd 40", "WD-40 Spray"),
        ("spiderman", "Spider-Man"),
        ("spider man", "Spider-Man"),
        ("007", "007 Racing"),
    ] {
        let found = search(&app, query).await;
        assert_eq!(titles(&found).first(), Some(&title), "{query}: {found:#}");
    }
}

/// All words first, typing errors, words together and apart, dropped rather than bent: in four languages.
#[tokio::test(flavor = "multi_thread")]
async fn other_languages_have_the_same_rules() {
    let app = TestApp::start().await;
    for (title, popularity) in [
        ("Kinderfahrradhelm blau", 1.0),
        ("Fahrrad Schloss", 9.0),
        ("Der Himmel über Berlin", 5.0),
        ("Berlin im Winter", 50.0),
        ("Brille", 1.0),
        ("La Grande Vadrouille", 5.0),
        ("Grande école", 80.0),
        ("Porte-monnaie rouge", 1.0),
        ("El laberinto del fauno", 5.0),
        ("El laberinto", 1.0),
        ("Fauno alegre", 90.0),
        ("Guardabosques", 2.0),
        ("となりのトトロ", 9.0),
        ("東京の合唱", 3.0),
        ("東京", 1.0),
    ] {
        item(&app, title, popularity, None).await;
    }
    for (query, title) in [
        // German
        ("himmel berlin", "Der Himmel über Berlin"),
        ("himel über berlin", "Der Himmel über Berlin"),
        ("kinder fahrradhelm", "Kinderfahrradhelm blau"),
        ("helm", "Kinderfahrradhelm blau"),
        ("brille 3", "Brille"),
        // French
        ("grande vadrouile", "La Grande Vadrouille"),
        ("vadrouille grande", "La Grande Vadrouille"),
        ("portemonnaie", "Porte-monnaie rouge"),
        ("ecole grande", "Grande école"),
        // Spanish
        ("laberinto fauno", "El laberinto del fauno"),
        ("laberito del fauno", "El laberinto del fauno"),
        ("el laberinto", "El laberinto"),
        ("guarda bosques", "Guardabosques"),
        // Japanese
        ("トトロ", "となりのトトロ"),
        ("ととろ", "となりのトトロ"),
        ("ﾄﾄﾛ", "となりのトトロ"),
        ("東京", "東京"),
        ("東京 合唱", "東京の合唱"),
    ] {
        let found = search(&app, query).await;
        assert_eq!(
            titles(&found).first(),
            Some(&title),
            "{query}: {:?}",
            titles(&found)
        );
    }
}
