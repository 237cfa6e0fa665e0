//! Versions of the bandit: made by selections, rolled back, damaged.

use marquee::domain::auth::Viewer;
use marquee::domain::models::{ModelKind, ModelVersion};
use marquee::foundation::page::Window;
use serde_json::json;

use crate::world::{World, is_conflict};

async fn versions(world: &World) -> Vec<ModelVersion> {
    let models = &world.app.services.models;
    let window = Window::first(100);
    let page = models
        .list(&Viewer::Command, Some(ModelKind::Bandit), &window)
        .await;
    page.unwrap().rows
}

/// Selects the first film of so many hours, from this one on.
async fn selections(world: &World, from: i32, count: i32) {
    for hour in from..from + count {
        let slate = world.slate(hour, 5).await;
        world.select(&slate, 0).await;
    }
}

#[tokio::test]
async fn three_selections_make_a_version_by_themselves() {
    let world = World::with(40).await;
    selections(&world, 6, 2).await;
    assert_eq!(versions(&world).await, []);
    // A rejection is learned from, but is no selection.
    let slate = world.slate(20, 5).await;
    world
        .slates()
        .reject(&world.curator, slate.id, false)
        .await
        .unwrap();
    assert_eq!(versions(&world).await, []);
    selections(&world, 8, 1).await;
    let made = versions(&world).await;
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].version, "1.0.0");
    assert_eq!(
        (
            made[0].metrics["slates"].as_u64(),
            made[0].metrics["selections"].as_i64()
        ),
        (Some(4), Some(3))
    );
    assert_eq!(world.slate(12, 5).await.model_name, "1.0.0");
    selections(&world, 13, 4).await;
    assert_eq!(versions(&world).await.len(), 2);
    assert_eq!(world.slate(18, 5).await.model_name, "1.1.0+1");
}

#[tokio::test]
async fn an_admin_keeps_a_version_whenever_something_was_learned() {
    let world = World::with(20).await;
    let checkpoint = || world.slates().checkpoint(&Viewer::Command);
    assert!(is_conflict(&checkpoint().await));
    selections(&world, 6, 1).await;
    assert_eq!(checkpoint().await.unwrap().version, "1.0.0");
    assert!(is_conflict(&checkpoint().await));
    let refused = world.slates().checkpoint(&world.curator).await.unwrap_err();
    assert_eq!(refused.code(), "FORBIDDEN");
}

#[tokio::test]
async fn a_version_that_is_activated_again_gives_the_slates_that_it_gave() {
    let world = World::with(40).await;
    let preview = async || {
        let slate = world
            .slates()
            .preview(&world.curator, world.slot(23), 8, 99)
            .await
            .unwrap();
        (slate.weights, slate.items)
    };
    selections(&world, 6, 1).await;
    let kept = world.slates().checkpoint(&Viewer::Command).await.unwrap();
    let open = world.slate(22, 5).await;
    let weights = preview().await.0;
    selections(&world, 7, 2).await;
    world.slates().checkpoint(&Viewer::Command).await.unwrap();
    assert_ne!(preview().await.0, weights);
    world
        .app
        .services
        .models
        .promote(&Viewer::Command, kept.id)
        .await
        .unwrap();
    assert_eq!(preview().await.0, weights);
    // On another server as well, and no slate of the other version is offered any more.
    let twin = world.app.twin().await;
    let there = twin
        .services
        .slates
        .preview(&world.curator, world.slot(23), 8, 99)
        .await
        .unwrap();
    assert_eq!(there.weights, weights);
    assert_ne!(world.slate(22, 5).await.id, open.id);
    // It goes on from there.
    selections(&world, 12, 1).await;
    assert_eq!(world.slate(13, 5).await.model_name, "1.0.0+1");
}

#[tokio::test]
async fn a_damaged_version_is_refused_and_what_served_before_goes_on() {
    let mut settings = crate::support::settings();
    settings.objects.model_backup = false;
    let world = World::on(crate::support::TestApp::with(settings).await, 40).await;
    selections(&world, 6, 1).await;
    let first = world.slates().checkpoint(&Viewer::Command).await.unwrap();
    selections(&world, 7, 1).await;
    let second = world.slates().checkpoint(&Viewer::Command).await.unwrap();
    let weights = world
        .slates()
        .preview(&world.curator, world.slot(23), 8, 99)
        .await
        .unwrap()
        .weights;
    let folder = world.app.files.path().join("objects");
    let file = folder
        .join(world.app.ctx.db.schema().as_str())
        .join("models")
        .join(first.id.to_string());
    let bytes = std::fs::read(&file).unwrap();
    for damaged in [bytes[..bytes.len() / 2].to_vec(), Vec::new(), {
        let mut altered = bytes.clone();
        altered[bytes.len() / 2] ^= 1;
        altered
    }] {
        std::fs::write(&file, damaged).unwrap();
        world
            .app
            .services
            .models
            .promote(&Viewer::Command, first.id)
            .await
            .unwrap();
        let slate = world
            .slates()
            .preview(&world.curator, world.slot(23), 8, 99)
            .await
            .unwrap();
        assert_eq!(slate.weights, weights);
        let fault = world.slates().bandit_fault().unwrap();
        assert_eq!(fault.version, first.id);
        world
            .app
            .services
            .models
            .promote(&Viewer::Command, second.id)
            .await
            .unwrap();
        world
            .slates()
            .preview(&world.curator, world.slot(23), 8, 99)
            .await
            .unwrap();
        assert_eq!(world.slates().bandit_fault(), None);
    }
    // Selections go on while the active version cannot be read, and an admin is told.
    world
        .app
        .services
        .models
        .promote(&Viewer::Command, first.id)
        .await
        .unwrap();
    selections(&world, 8, 1).await;
    assert!(world.slates().bandit_fault().is_some());
}

#[tokio::test]
async fn where_models_were_read_from_is_told_and_a_copy_takes_the_place_of_a_lost_file() {
    let world = World::with(40).await;
    selections(&world, 6, 1).await;
    let first = world.slates().checkpoint(&Viewer::Command).await.unwrap();
    selections(&world, 7, 1).await;
    world.slates().checkpoint(&Viewer::Command).await.unwrap();
    let document = "{ modelSources { kind origin problem model { version } } }";
    let sources = async |world: &World| world.app.ask(document).await["modelSources"].clone();
    let folder = world.app.files.path().join("objects");
    let file = folder
        .join(world.app.ctx.db.schema().as_str())
        .join("models")
        .join(first.id.to_string());
    std::fs::remove_file(&file).unwrap();
    world
        .app
        .services
        .models
        .promote(&Viewer::Command, first.id)
        .await
        .unwrap();
    assert_eq!(world.slate(12, 5).await.model_name, "1.0.0");
    let told = sources(&world).await;
    assert_eq!(
        (&told[0]["kind"], &told[0]["origin"]),
        (&json!("BANDIT"), &json!("BACKUP"))
    );
    assert!(
        told[0]["problem"]
            .as_str()
            .unwrap()
            .contains("not in the object store")
    );
    let strict = world.app.services.models.check_active().await.unwrap_err();
    assert!(strict.to_string().contains("1.0.0"), "{strict}");
    let refused = world.app.run_as(&world.curator, document, json!({})).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN");
}

#[tokio::test]
async fn two_versions_are_compared_and_only_test_data_is_reset() {
    let world = World::with(40).await;
    let mut made = Vec::new();
    for hour in [6, 7] {
        selections(&world, hour, 1).await;
        made.push(world.slates().checkpoint(&Viewer::Command).await.unwrap());
    }
    let document = "query ($first: ID!, $second: ID!) { compareModels(first: $first, second: $second) {
        first { version metrics { slates } } second { version metrics { slates } } settings { name } } }";
    let variables = json!({ "first": made[0].id, "second": made[1].id });
    let data = world
        .app
        .ask_as(&Viewer::Command, document, variables)
        .await;
    let compared = &data["compareModels"];
    assert_eq!(
        compared["first"],
        json!({ "version": "1.0.0", "metrics": { "slates": 1 } })
    );
    assert_eq!(
        compared["second"],
        json!({ "version": "1.1.0", "metrics": { "slates": 2 } })
    );
    assert_eq!(compared["settings"], json!([]));
    // The schema of this test is called neither `test` nor `demo`.
    let refused = world.slates().reset_test_data(&Viewer::Command).await;
    assert!(is_conflict(&refused), "{refused:?}");
    assert_eq!(versions(&world).await.len(), 2);
}
