//! Factors that were trained elsewhere, from the file to the lists of users.

use std::ops::ControlFlow;
use std::path::PathBuf;

use chrono::TimeDelta;
use marquee::domain::imports::factors::write_parquet;
use marquee::domain::imports::{ImportEvent, Limits};
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use marquee::domain::models::{ModelKind, ModelState, ModelVersion};
use marquee::domain::recommendations::training::{
    FactorOptions, ItemFactors, TrainingOptions, TrainingResult,
};
use marquee::foundation::{Error, Id, Progress, id};
use uuid::Uuid;

use super::factor_files::{delimited, file, npz, spark};
use super::support::worlds::TwoTastes;
use super::*;

const USERS: usize = 12;
const ITEMS: usize = 60;

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// What another catalogue calls the item of this number.
fn outside(number: usize) -> i64 {
    1000 + number as i64
}

/// The vector of an item: in the direction of its taste, and the longer the higher its number.
fn vector(number: usize) -> Vec<f32> {
    let length = 1.0 + number as f32 / 100.0;
    match number.is_multiple_of(2) {
        true => vec![length, 0.0],
        false => vec![0.0, length],
    }
}

async fn name_items(app: &TestApp, items: &[Id<id::Content>]) {
    let ids: Vec<Uuid> = items.iter().map(|id| id.uuid()).collect();
    let names: Vec<String> = (0..items.len())
        .map(|number| outside(number).to_string())
        .collect();
    sqlx::query(
        "INSERT INTO content_external_ids (content_id, source, external_id) \
         SELECT id, 'movielens', name FROM unnest($1::uuid[], $2::text[]) AS n (id, name)",
    )
    .bind(ids)
    .bind(names)
    .execute(app.ctx.db.pool())
    .await
    .unwrap();
}

async fn two_tastes(app: &TestApp, users: usize) -> TwoTastes {
    let tastes = TwoTastes::fill(app, users, ITEMS).await;
    name_items(app, &tastes.items).await;
    tastes
}

async fn read_as(
    app: &TestApp,
    viewer: &Viewer,
    path: PathBuf,
    source: Option<&str>,
) -> Result<(ItemFactors, Vec<RefusedRow>)> {
    let mut refused = Vec::new();
    let imports = &app.services.imports;
    let on_event = |event| {
        if let ImportEvent::RowRefused(row) = event {
            refused.push(row);
        }
    };
    let read = imports.read_item_factors(viewer, path, source, Limits::default(), on_event);
    let factors = read.await?;
    Ok((factors, refused))
}

async fn read(
    app: &TestApp,
    path: PathBuf,
    source: Option<&str>,
) -> (ItemFactors, Vec<RefusedRow>) {
    read_as(app, &Viewer::Command, path, source).await.unwrap()
}

async fn serve(app: &TestApp, factors: ItemFactors, how: FactorOptions) -> Result<TrainingResult> {
    let service = &app.services.recommendations;
    service
        .import_factors(&Viewer::Command, factors, how, go_on)
        .await
}

/// The rows of all items as a table.
fn table(vectors: &[Vec<f32>]) -> Vec<(i64, &[f32])> {
    let rows = vectors.iter().enumerate();
    rows.map(|(number, vector)| (outside(number), &vector[..]))
        .collect()
}

/// The stored list of a user by this version, as numbers of items.
async fn stored(
    app: &TestApp,
    tastes: &TwoTastes,
    user: usize,
    version: &ModelVersion,
) -> Vec<usize> {
    let items: Vec<Uuid> = sqlx::query_scalar(
        "SELECT content_ids FROM batch_recommendations WHERE user_id = $1 AND model_version_id = $2",
    )
    .bind(tastes.users[user].uuid())
    .bind(version.id.uuid())
    .fetch_one(app.ctx.db.pool())
    .await
    .unwrap();
    let number = |item: Uuid| tastes.items.iter().position(|own| own.uuid() == item);
    items
        .into_iter()
        .map(|item| number(item).unwrap())
        .collect()
}

async fn active(app: &TestApp) -> ModelVersion {
    let active = app.services.models.active(ModelKind::Collaborative);
    active.await.unwrap().unwrap()
}

#[tokio::test]
async fn factors_of_spark_numpy_and_csv_give_equal_lists() {
    let app = TestApp::start().await;
    let tastes = two_tastes(&app, USERS).await;
    let vectors: Vec<Vec<f32>> = (0..ITEMS).map(vector).collect();
    let rows = table(&vectors);
    let folder = TempDir::new().unwrap();
    file(
        &folder,
        "itemFactors/part-00001.snappy.parquet",
        spark(&rows[..20]),
    );
    file(
        &folder,
        "itemFactors/part-00000.snappy.parquet",
        spark(&rows[20..]),
    );
    let mut artifacts = Vec::new();
    for path in [
        folder.path().join("itemFactors"),
        file(&folder, "items.npz", npz(&rows)),
        file(
            &folder,
            "items.csv.gz",
            gz(delimited(&rows, ",").as_bytes()),
        ),
    ] {
        let (factors, refused) = read(&app, path, Some("movielens")).await;
        assert_eq!(refused, []);
        let made = serve(&app, factors, FactorOptions::default())
            .await
            .unwrap();
        assert_eq!((made.items, made.users), (ITEMS, USERS));
        assert_eq!(active(&app).await.id, made.model.id);
        assert_eq!(active(&app).await.algorithm, "imported-factors");
        // Of the own taste, what was not taken, the longest vector first.
        assert!(TwoTastes::likes(0, 2) && !TwoTastes::likes(0, 56));
        assert_eq!(
            stored(&app, &tastes, 0, &made.model).await[..8],
            [56, 48, 40, 32, 24, 16, 8, 0]
        );
        let of_one = &stored(&app, &tastes, 1, &made.model).await[..8];
        assert!(of_one.iter().all(|item| item % 2 == 1), "{of_one:?}");
        assert!(of_one[..7].is_sorted_by(|a, b| a > b), "{of_one:?}");
        artifacts.push(
            app.services
                .models
                .artifact(made.model.id)
                .await
                .unwrap()
                .unwrap(),
        );
    }
    assert_eq!(artifacts[0], artifacts[1]);
    assert_eq!(artifacts[0], artifacts[2]);
}

#[tokio::test]
async fn what_is_exported_is_imported_again_as_it_was() {
    let app = TestApp::start().await;
    two_tastes(&app, USERS).await;
    let vectors: Vec<Vec<f32>> = (0..ITEMS)
        .map(|number| vec![1.0 / (number + 1) as f32, number as f32, -1e-7])
        .collect();
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "items", spark(&table(&vectors)));
    let (factors, _) = read(&app, path, Some("movielens")).await;
    let made = serve(&app, factors.clone(), FactorOptions::default()).await;
    let made = made.unwrap();

    let service = &app.services.recommendations;
    let exported = service.item_factors(&Viewer::Command, None).await.unwrap();
    assert_eq!(exported, factors);
    let path = folder.path().join("exported.parquet");
    std::fs::write(&path, "what was there before").unwrap();
    write_parquet(&path, &exported).unwrap();
    let (again, refused) = read(&app, path, None).await;
    assert_eq!((again.clone(), refused), (factors, Vec::new()));
    let how = FactorOptions {
        candidate: true,
        ..FactorOptions::default()
    };
    let second = serve(&app, again, how).await.unwrap().model.id;
    let models = &app.services.models;
    assert_eq!(
        models.artifact(second).await.unwrap(),
        models.artifact(made.model.id).await.unwrap()
    );
    let of_version = service.item_factors(&Viewer::Command, Some(second)).await;
    assert_eq!(of_version.unwrap(), exported);

    let refused = service.item_factors(&Viewer::Nobody, None).await;
    assert_eq!(refused.unwrap_err().code(), "UNAUTHENTICATED");
    let unknown = Id::new(&app.ctx.clock, &app.ctx.rng);
    let refused = service.item_factors(&Viewer::Command, Some(unknown)).await;
    assert_eq!(refused.unwrap_err().code(), "NOT_FOUND");
    let nowhere = folder.path().join("no/such/folder/items.parquet");
    assert!(write_parquet(&nowhere, &exported).is_err());
}

/// Nobody has done anything yet, so that there is nothing to judge; the first like makes a list.
#[tokio::test]
async fn factors_serve_in_a_schema_without_interactions() {
    let app = TestApp::start().await;
    let tastes = two_tastes(&app, 0).await;
    let vectors: Vec<Vec<f32>> = (0..ITEMS).map(vector).collect();
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "items", spark(&table(&vectors)));
    let (factors, _) = read(&app, path, Some("movielens")).await;
    let made = serve(&app, factors, FactorOptions::default())
        .await
        .unwrap();
    assert_eq!((made.items, made.users, made.figure), (ITEMS, 0, None));

    let viewer = app.user("Ada").likes([tastes.items[4]]).await;
    let document =
        "{ recommendations(first: 3) { model { version } items { sources content { title } } } }";
    let answer = app.run_as(&viewer, document, json!({})).await;
    let items = answer["data"]["recommendations"]["items"]
        .as_array()
        .unwrap();
    let titles: Vec<&str> = items
        .iter()
        .map(|item| item["content"]["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles, ["Item 58", "Item 56", "Item 54"], "{answer:#}");
    assert_eq!(items[0]["sources"], json!(["COLLABORATIVE"]));
}

#[tokio::test]
async fn rows_of_unknown_items_are_counted_and_the_others_serve() {
    let app = TestApp::start().await;
    let tastes = two_tastes(&app, 0).await;
    sqlx::query("UPDATE content_items SET deleted_at = created_at WHERE id = $1")
        .bind(tastes.items[2].uuid())
        .execute(app.ctx.db.pool())
        .await
        .unwrap();
    let folder = TempDir::new().unwrap();
    let text = "id,f0\n1000,1\n999,2\n1001,3\n1002,4\n";
    let path = file(&folder, "items.csv", text);
    let (factors, refused) = read(&app, path.clone(), Some("movielens")).await;
    let mut expected = vec![(tastes.items[0].uuid(), 1.0), (tastes.items[1].uuid(), 3.0)];
    expected.sort_by_key(|(item, _)| *item);
    let (items, values): (Vec<Uuid>, Vec<f32>) = expected.into_iter().unzip();
    assert_eq!(
        (factors.items, factors.vectors.values()),
        (items, &values[..])
    );
    let reason = |id: &str| format!("no item of the catalogue has the id `{id}`");
    assert_eq!(
        lines(&refused),
        [(3, reason("999").as_str()), (5, reason("1002").as_str())]
    );
    assert_eq!(refused[0].file, "items.csv");

    for (source, wanted) in [
        (None, "say which with --source: `movielens`"),
        (Some("tmdb"), "the sources of this schema are `movielens`"),
    ] {
        let error = read_as(&app, &Viewer::Command, path.clone(), source)
            .await
            .unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("none of its 4 ids, such as `1000`") && error.contains(wanted),
            "{error}"
        );
    }
}

#[tokio::test]
async fn ids_of_the_schema_itself_need_no_source() {
    let app = TestApp::start().await;
    let tastes = two_tastes(&app, 0).await;
    let folder = TempDir::new().unwrap();
    let (first, second) = (tastes.items[0], tastes.items[1]);
    let text = format!("{first}\t1\t2\n{}\t3\t4\n", second.uuid());
    let (factors, refused) = read(&app, file(&folder, "items.tsv", text), None).await;
    assert_eq!((factors.items.len(), refused), (2, vec![]));
    let text = format!("{first},1\n{},2\n", first.uuid());
    let twice = file(&folder, "twice.csv", text);
    let error = read_as(&app, &Viewer::Command, twice, None)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the rows 1 and 2 are both about"),
        "{error}"
    );
}

/// Each user takes ten films of one taste, a minute apart, of which the last ones are held out.
async fn judged_world(app: &TestApp) -> Vec<Id<id::Content>> {
    let mut films = Vec::new();
    for number in 0..40 {
        films.push(app.film(&format!("Film {number}")).await);
    }
    name_items(app, &films).await;
    for user in 0..30_usize {
        let likes = (0..10_usize).map(|step| NewInteraction {
            occurred_at: Some(app.ctx.clock.now() - TimeDelta::minutes(60 - step as i64)),
            ..NewInteraction::new(
                films[2 * ((user * 7 + step * 3) % 20) + user % 2],
                InteractionKind::Like,
            )
        });
        app.user(format!("User {user}")).did(likes).await;
    }
    films
}

#[tokio::test(flavor = "multi_thread")]
async fn factors_that_are_worse_than_what_serves_are_not_taken_unless_forced() {
    let app = TestApp::start().await;
    judged_world(&app).await;
    let service = &app.services.recommendations;
    let trained = service.train(&Viewer::Command, TrainingOptions::default(), go_on);
    let trained = trained.await.unwrap();
    // These see no difference between the tastes, and all users alike.
    let vectors: Vec<Vec<f32>> = (0..40)
        .map(|number: usize| vec![((number * 7) % 13) as f32 + 1.0])
        .collect();
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "items", npz(&table(&vectors)));
    let (factors, _) = read(&app, path, Some("movielens")).await;

    let refused = serve(&app, factors.clone(), FactorOptions::default())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("NDCG@10"), "{refused}");
    assert_eq!(active(&app).await.id, trained.model.id);

    let candidate = FactorOptions {
        candidate: true,
        ..FactorOptions::default()
    };
    let made = serve(&app, factors.clone(), candidate).await.unwrap();
    let ndcg = |made: &TrainingResult| made.figure.as_ref().unwrap().served.ndcg_at_10.mean;
    assert!(ndcg(&made) < ndcg(&trained));
    assert_eq!(made.model.state, ModelState::Candidate);
    assert_eq!(active(&app).await.id, trained.model.id);

    let force = FactorOptions {
        force: true,
        ..FactorOptions::default()
    };
    let made = serve(&app, factors, force).await.unwrap();
    assert_eq!(active(&app).await.id, made.model.id);
    // What is judged again later is what was imported, and not a training by the same settings.
    let again = service.learn_ranker(&Viewer::Command, go_on).await.unwrap();
    assert_eq!(again, made.figure);
    // The next training is one of interactions again.
    let trained = service.train(&Viewer::Command, TrainingOptions::default(), go_on);
    assert_ne!(trained.await.unwrap().model.algorithm, "imported-factors");
}

#[tokio::test]
async fn factors_that_cannot_be_multiplied_are_refused_and_settings_that_are_out_of_range() {
    let app = TestApp::start().await;
    two_tastes(&app, 4).await;
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "items.csv", "id,f0\n1000,1\n1001,3e38\n");
    let (factors, _) = read(&app, path, Some("movielens")).await;
    let error = serve(&app, factors.clone(), FactorOptions::default())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("too large to multiply"),
        "{error}"
    );
    let how = FactorOptions {
        regularisation: Some(0.0),
        ..FactorOptions::default()
    };
    let error = serve(&app, factors, how).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("regularisation must be positive"),
        "{error}"
    );
    let active = app.services.models.active(ModelKind::Collaborative);
    assert!(active.await.unwrap().is_none());
}

#[tokio::test]
async fn only_admins_import_factors() {
    let app = TestApp::start().await;
    let tastes = two_tastes(&app, 0).await;
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "items.csv", "id,f0\n1000,1\n");
    for role in [Role::User, Role::Curator] {
        let viewer = app.viewer(role).await;
        let read = read_as(&app, &viewer, path.clone(), Some("movielens")).await;
        assert!(matches!(read, Err(Error::Forbidden(_))), "{read:?}");
        let factors = ItemFactors {
            items: vec![tastes.items[0].uuid()],
            vectors: ranking::Matrix::zeros(1, 1),
        };
        let service = &app.services.recommendations;
        let served = service
            .import_factors(&viewer, factors, FactorOptions::default(), go_on)
            .await;
        assert!(matches!(served, Err(Error::Forbidden(_))), "{served:?}");
    }
}
