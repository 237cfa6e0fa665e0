//! Searches on real products, where their files are.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use marquee::domain::auth::Viewer;
use marquee::domain::imports::{ImportOptions, ImportRequest};
use ranking::text::{is_function_word, words};
use serde_json::json;

use crate::support::{TestApp, real_data};
use crate::{indexed, search, search_with, titles};

async fn products(app: &TestApp, file: PathBuf, mapping: &str) {
    let mappings = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/mappings");
    let import = ImportRequest::Products {
        file,
        mapping: mappings.join(mapping),
    };
    let imports = &app.services.imports;
    let done = imports.run(&Viewer::Command, import, ImportOptions::default(), |_| {});
    done.await.unwrap();
    indexed(app).await;
}

/// Two words side by side of some titles, with all titles that have both.
async fn queries(app: &TestApp, every: usize) -> Vec<(String, Vec<String>)> {
    let sql = "SELECT title FROM content_items WHERE stock IS DISTINCT FROM 0 ORDER BY id";
    let all: Vec<String> = sqlx::query_scalar(sql)
        .fetch_all(app.ctx.db.pool())
        .await
        .unwrap();
    let split =
        |title: &str| -> Vec<String> { words(title).into_iter().map(|word| word.folded).collect() };
    let said: Vec<Vec<String>> = all.iter().map(|title| split(title)).collect();
    let mut made = Vec::new();
    for own in said.iter().step_by(every) {
        let good = |word: &&String| word.chars().count() > 2 && !is_function_word(word);
        let good: Vec<&String> = own.iter().filter(good).collect();
        let [first, second, ..] = good[..] else {
            continue;
        };
        let has = |(title, said): (&String, &Vec<String>)| {
            (said.contains(first) && said.contains(second)).then(|| title.clone())
        };
        let right = all.iter().zip(&said).filter_map(has).collect();
        made.push((format!("{first} {second}"), right));
    }
    made
}

/// The mean share of right titles among the first ten, of as many as there can be.
async fn precision(app: &TestApp, queries: &[(String, Vec<String>)], mode: &str) -> f64 {
    let mut sum = 0.0;
    for (query, right) in queries {
        let variables = json!({ "query": query, "first": 10, "mode": mode });
        let found = search_with(app, variables).await;
        let found = titles(&found);
        let hits = found
            .iter()
            .filter(|title| right.iter().any(|right| right == *title));
        let most = right.len().min(10);
        sum += hits.count().min(most) as f64 / most as f64;
    }
    sum / queries.len() as f64
}

#[tokio::test(flavor = "multi_thread")]
async fn real_shoes_are_found_by_their_words_and_codes() {
    let Some(folder) = real_data("data/products-adidas") else {
        return;
    };
    let app = TestApp::start().await;
    products(&app, folder.join("adidas_usa.csv.gz"), "adidas.toml").await;
    let embeddings = &app.services.embeddings;
    let trained = embeddings.train(&Viewer::Command, |_| ControlFlow::Continue(()));
    trained.await.unwrap();
    embeddings.refresh().await.unwrap();
    let queries = queries(&app, 6).await;
    assert!(queries.len() > 100);
    let words = precision(&app, &queries, "WORDS").await;
    let both = precision(&app, &queries, "WORDS_AND_MEANING").await;
    assert!(words >= 0.97 && both >= words, "{words} {both}");
    // Every code, in lower case.
    let sql = "SELECT e.external_id, c.title FROM content_external_ids e
                 JOIN content_items c ON c.id = e.content_id
                WHERE c.stock <> 0 ORDER BY e.external_id LIMIT 100";
    let codes: Vec<(String, String)> = sqlx::query_as(sql)
        .fetch_all(app.ctx.db.pool())
        .await
        .unwrap();
    assert_eq!(codes.len(), 100);
    for (code, title) in codes {
        let found = search(&app, &code.to_lowercase()).await;
        assert_eq!(titles(&found).first(), Some(&&*title), "{code}");
    }
}
