//! The real catalogues beside the project, where they are there.

use super::*;

#[tokio::test]
async fn the_real_films_ratings_and_tags_come_in_and_tmdb_joins_them() {
    let (Some(movies), Some(facts)) = (
        real_data("data/ml-latest-small"),
        real_data("data/tmdb-5000"),
    ) else {
        return;
    };
    let app = TestApp::start().await;
    let (summary, refused) = run(&app, movielens_in(&movies)).await;
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
    let (again, _) = run(&app, movielens_in(&movies)).await;
    assert!(nothing_new(&again), "{again:?}");

    let (summary, refused) = run(&app, tmdb_in(&facts)).await;
    assert_eq!(refused, []);
    let films = summary.of(Table::Films);
    assert_eq!((films.updated, films.added), (3_537, 4_803 - 3_536));
    let directed = "SELECT count(*) FROM credits WHERE role = 'DIRECTOR'";
    assert!(number(&app, directed).await > 4_773);
    let cast = "SELECT count(*) FROM credits WHERE role = 'CAST'";
    assert!(number(&app, cast).await >= 106_000);
    let (again, _) = run(&app, tmdb_in(&facts)).await;
    assert!(nothing_new(&again), "{again:?}");
    let (again, _) = run(&app, movielens_in(&movies)).await;
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
    let job = ImportRequest::Products {
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
    let job = ImportRequest::Products {
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
