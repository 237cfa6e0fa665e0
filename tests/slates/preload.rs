//! What a server that starts has of the models, and says of those that it has not.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use marquee::domain::Services;
use marquee::domain::auth::Viewer;
use marquee::domain::models::{ModelKind, ModelOrigin};
use marquee::domain::schemas::PreloadStatus;
use marquee::domain::schemas::preload::{PreloadedPart, preload_limit};
use marquee::domain::slates::SlateSignal;
use marquee::domain::slates::predictors::Trained;

use crate::predictors::with_schedule;
use crate::world::World;

/// The services of a server that was started just now, as far as everything is loaded or has failed.
async fn started(world: &World, strict: bool) -> (Arc<Services>, PreloadStatus) {
    let mut ctx = world.app.twin().await.ctx.clone();
    let mut settings = (*ctx.settings).clone();
    settings.models.strict = strict;
    ctx.settings = Arc::new(settings);
    let services = Arc::new(Services::new(&ctx));
    services.preload.begin();
    assert!(!services.preload.status().ready);
    let running = Arc::clone(&services);
    // It goes on with what has failed, as long as the test does.
    tokio::spawn(async move { running.preload.run(&preload_limit()).await });
    let tried = async {
        loop {
            let status = services.preload.status();
            if status.loading.is_empty() {
                break status;
            }
            tokio::task::yield_now().await;
        }
    };
    let status = tokio::time::timeout(Duration::from_secs(60), tried).await;
    (services, status.unwrap())
}

/// Where the file of a version is, in the object store and among the copies.
fn files(world: &World, name: &str) -> Vec<PathBuf> {
    let mut open = vec![world.app.files.path().to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().is_some_and(|file| file == name) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn what_was_loaded_at_the_start_is_told_with_where_it_was_read_from() {
    let world = with_schedule().await;
    let trained = world.slates().train_predictors(&Viewer::Command).await;
    let Trained::Model(curator) = trained.unwrap().curator else {
        panic!("there was enough to learn from");
    };
    let (server, status) = started(&world, true).await;
    assert!(status.ready && status.fallbacks.is_empty(), "{status:?}");
    let sources = server.models.sources(&Viewer::Command).unwrap();
    let kinds = sources.iter().map(|source| (source.kind, source.origin));
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        [
            (ModelKind::Audience, ModelOrigin::ObjectStore),
            (ModelKind::Curator, ModelOrigin::ObjectStore)
        ]
    );
    assert_eq!(sources[1].model, curator.id);
}

#[tokio::test]
async fn a_model_whose_file_is_damaged_is_read_from_its_copy_and_without_one_keeps_a_strict_server_out()
 {
    let world = with_schedule().await;
    let trained = world.slates().train_predictors(&Viewer::Command).await;
    let Trained::Model(curator) = trained.unwrap().curator else {
        panic!("there was enough to learn from");
    };
    let part = PreloadedPart::Model(ModelKind::Curator);
    let copies = files(&world, &curator.id.to_string());
    let (stored, others): (Vec<_>, Vec<_>) = copies
        .iter()
        .partition(|path| path.components().any(|part| part.as_os_str() == "objects"));
    assert_eq!((stored.len(), others.len()), (1, 1), "{copies:?}");

    std::fs::write(stored[0], "another").unwrap();
    let (server, status) = started(&world, false).await;
    assert!(status.ready);
    assert_eq!(
        status.fallbacks,
        [(part, "was read from its copy on this server")]
    );
    let source = server.models.sources(&Viewer::Command).unwrap();
    let source = source.iter().find(|one| one.kind == ModelKind::Curator);
    assert_eq!(source.unwrap().origin, ModelOrigin::Backup);

    std::fs::remove_file(others[0]).unwrap();
    let (server, status) = started(&world, false).await;
    assert!(status.ready);
    assert_eq!(
        status.fallbacks,
        [(part, "cannot be loaded; its signal is 0.5 for every film")]
    );
    let source = server.models.sources(&Viewer::Command).unwrap();
    let source = source.iter().find(|one| one.kind == ModelKind::Curator);
    let source = source.unwrap();
    assert_eq!(source.origin, ModelOrigin::None);
    assert!(source.problem.as_ref().unwrap().contains("damaged"));
    let slate = server.slates.preview(&world.curator, world.slot(21), 9, 1);
    for item in slate.await.unwrap().items {
        let signal = item.signals[SlateSignal::Curator.index()];
        assert!((signal - 0.5).abs() < 1e-12, "{signal}");
    }

    let (server, status) = started(&world, true).await;
    assert!(!status.ready);
    assert_eq!(status.fallbacks.len(), 1);
    server.models.check_active().await.unwrap_err();
}

#[tokio::test]
async fn a_file_that_is_whole_and_no_model_is_a_failure_with_its_reason() {
    let world = World::with(3).await;
    let models = &world.app.services.models;
    let model = models.begin(ModelKind::Collaborative, "test", serde_json::json!({}));
    let model = model.await.unwrap().id;
    models
        .write_artifact(model, b"no model".to_vec())
        .await
        .unwrap();
    models.finish(model, serde_json::json!({})).await.unwrap();
    models.activate(model).await.unwrap();
    let (server, status) = started(&world, false).await;
    let part = PreloadedPart::Model(ModelKind::Collaborative);
    assert_eq!(
        (status.ready, status.fallbacks),
        (
            true,
            vec![(part, "cannot be loaded; lists are made without it")]
        )
    );
    let sources = server.models.sources(&Viewer::Command).unwrap();
    assert_eq!((sources.len(), sources[0].origin), (1, ModelOrigin::None));
    assert!(sources[0].problem.is_some());
}
