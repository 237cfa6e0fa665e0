//! Versions of models: what is kept, what can be activated, and their files.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

mod support;

use std::path::PathBuf;

use marquee::domain::auth::Viewer;
use marquee::domain::models::{ModelKind, ModelState, ModelVersion, NewVersion};
use marquee::foundation::{Error, Id, Refusal, id};
use serde_json::json;
use support::TestApp;

const KIND: ModelKind = ModelKind::Collaborative;

/// A version whose training has ended, with a file.
async fn trained(app: &TestApp) -> Id<id::Model> {
    let models = &app.services.models;
    app.ctx.clock.advance(chrono::TimeDelta::minutes(1));
    let model = models.begin(KIND, "test", json!({})).await.unwrap().id;
    let bytes = b"learned".to_vec();
    models.write_artifact(model, bytes).await.unwrap();
    let metrics = json!({ "ndcgAt10": 0.5 });
    models.finish(model, metrics).await.unwrap();
    model
}

async fn activated(app: &TestApp) -> Id<id::Model> {
    let model = trained(app).await;
    app.services.models.activate(model).await.unwrap();
    model
}

async fn version(app: &TestApp, id: Id<id::Model>) -> ModelVersion {
    let models = &app.services.models;
    let mut found = models.find_many(&Viewer::Command, &[id]).await.unwrap();
    found.remove(&id).unwrap()
}

/// The files of models in the object store.
fn files(app: &TestApp) -> Vec<PathBuf> {
    let folder = app.files.path().join("objects");
    let folder = folder.join(app.ctx.db.schema().as_str()).join("models");
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::Refused(Refusal::Conflict { .. }))
}

#[tokio::test]
async fn a_model_comes_back_byte_by_byte_however_large_it_is() {
    let app = TestApp::start().await;
    let models = &app.services.models;
    // Around the size of the parts in which it is written.
    for size in [0, 1, 8 << 20, (8 << 20) + 1, 17 << 20] {
        let model = models.begin(KIND, "test", json!({})).await.unwrap().id;
        assert_eq!(models.artifact(model).await.unwrap(), None);
        let bytes: Vec<u8> = (0..size)
            .map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        models.write_artifact(model, bytes.clone()).await.unwrap();
        let read = models.artifact(model).await.unwrap().unwrap();
        assert!(read == bytes, "{size} bytes and {} came back", read.len());
    }
}

#[tokio::test]
async fn a_file_that_is_damaged_or_gone_is_an_error_that_says_so() {
    let mut settings = support::settings();
    settings.objects.model_backup = false;
    let app = TestApp::with(settings).await;
    let models = &app.services.models;
    let model = trained(&app).await;
    let file = files(&app).pop().unwrap();
    std::fs::write(&file, "another").unwrap();
    // What the log has; callers are told of an internal error.
    let damaged = format!("{:?}", models.artifact(model).await.unwrap_err());
    assert!(damaged.contains("SHA-256"), "{damaged}");
    std::fs::remove_file(&file).unwrap();
    let gone = format!("{:?}", models.artifact(model).await.unwrap_err());
    assert!(gone.contains("objects.url"), "{gone}");
}

#[tokio::test]
async fn the_last_versions_are_kept_and_what_older_ones_had_learned_is_removed() {
    let app = TestApp::start().await;
    let keep = app.ctx.settings.training.keep_versions;
    let mut all = Vec::new();
    for _ in 0..keep + 3 {
        all.push(activated(&app).await);
    }
    let active = all.pop().unwrap();
    assert_eq!(version(&app, active).await.state, ModelState::Active);
    for (age, id) in all.iter().rev().enumerate() {
        let version = version(&app, *id).await;
        assert_eq!(version.state, ModelState::Retired);
        assert_eq!(version.kept, age < keep, "{age}");
        // What was measured stays in any case.
        assert_eq!(version.metrics["ndcgAt10"], 0.5);
    }
    assert_eq!(files(&app).len(), keep + 1);
    let models = &app.services.models;
    let refused = models.promote(&Viewer::Command, all[0]).await.unwrap_err();
    assert!(is_conflict(&refused), "{refused:?}");
}

#[tokio::test]
async fn an_activation_removes_no_candidate() {
    let app = TestApp::start().await;
    let models = &app.services.models;
    let candidate = trained(&app).await;
    let in_training = models.begin(KIND, "test", json!({})).await.unwrap().id;
    for _ in 0..10 {
        activated(&app).await;
    }
    for id in [candidate, in_training] {
        let version = version(&app, id).await;
        assert_eq!((version.state, version.kept), (ModelState::Candidate, true));
    }
    models.promote(&Viewer::Command, candidate).await.unwrap();
}

#[tokio::test]
async fn rolling_back_goes_one_version_further_back_each_time() {
    let app = TestApp::start().await;
    let models = &app.services.models;
    let nothing = models.roll_back(&Viewer::Command, KIND).await.unwrap_err();
    assert!(is_conflict(&nothing), "{nothing:?}");
    let all = [
        activated(&app).await,
        activated(&app).await,
        activated(&app).await,
    ];
    for expected in [all[1], all[0]] {
        let active = models.roll_back(&Viewer::Command, KIND).await.unwrap();
        assert_eq!(active.id, expected);
        let found = models.active(KIND).await.unwrap().unwrap();
        assert_eq!(found.id, expected);
    }
    let end = models.roll_back(&Viewer::Command, KIND).await.unwrap_err();
    assert!(is_conflict(&end), "{end:?}");
    // And forth again.
    models.promote(&Viewer::Command, all[2]).await.unwrap();
    assert_eq!(models.active(KIND).await.unwrap().unwrap().id, all[2]);
}

#[tokio::test]
async fn a_version_that_was_trained_with_another_is_active_with_it() {
    let app = TestApp::start().await;
    let models = &app.services.models;
    let ranker = async |model: Id<id::Model>| {
        let new = NewVersion {
            kind: ModelKind::Ranker,
            algorithm: "test".to_owned(),
            settings: json!({}),
            created_at: app.ctx.clock.now(),
            trained_with: Some(model),
        };
        let id = models.begin_version(new).await.unwrap().id;
        models.finish(id, json!({})).await.unwrap();
        id
    };
    let active = async || {
        models
            .active(ModelKind::Ranker)
            .await
            .unwrap()
            .map(|version| version.id)
    };
    let (first, second) = (trained(&app).await, trained(&app).await);
    let (of_first, third) = (ranker(first).await, trained(&app).await);
    let of_second = ranker(second).await;
    for (model, expected) in [
        (first, Some(of_first)),
        (second, Some(of_second)),
        (third, None),
        (first, Some(of_first)),
    ] {
        models.activate(model).await.unwrap();
        assert_eq!(active().await, expected);
    }

    // Versions of kinds that it was not trained with do not concern it.
    let others = ModelKind::ALL.iter().copied();
    for kind in others.filter(|kind| ![KIND, ModelKind::Ranker].contains(kind)) {
        let model = models.begin(kind, "test", json!({})).await.unwrap().id;
        models.finish(model, json!({})).await.unwrap();
        models.activate(model).await.unwrap();
        assert_eq!(active().await, Some(of_first), "after {kind:?}");
        assert_eq!(models.active(KIND).await.unwrap().unwrap().id, first);
    }
}

#[tokio::test]
async fn only_what_is_trained_and_not_active_changes_and_only_for_admins() {
    let app = TestApp::start().await;
    let models = &app.services.models;
    let active = activated(&app).await;
    let unfinished = models.begin(KIND, "test", json!({})).await.unwrap().id;
    let refused = models.promote(&Viewer::Command, unfinished).await;
    assert!(is_conflict(&refused.unwrap_err()));
    let refused = models.discard(&Viewer::Command, active).await;
    assert!(is_conflict(&refused.unwrap_err()));
    let unknown = Id::new(&app.ctx.clock, &app.ctx.rng);
    models.discard(&Viewer::Command, unknown).await.unwrap_err();
    models.promote(&Viewer::Nobody, active).await.unwrap_err();
    models.roll_back(&Viewer::Nobody, KIND).await.unwrap_err();
    models
        .discard(&Viewer::Nobody, unfinished)
        .await
        .unwrap_err();

    let candidate = trained(&app).await;
    assert_eq!(files(&app).len(), 2);
    models.discard(&Viewer::Command, candidate).await.unwrap();
    assert_eq!(files(&app).len(), 1);
    let found = models.find_many(&Viewer::Command, &[candidate]).await;
    assert!(found.unwrap().is_empty());
    // Who did it is noted.
    let actions: Vec<String> = sqlx::query_scalar("SELECT action FROM audit_log ORDER BY id")
        .fetch_all(app.ctx.db.pool())
        .await
        .unwrap();
    assert_eq!(actions, ["model.discard"]);
}

/// Each of two at once waits for the other, and the later one retires the earlier one's.
#[tokio::test]
async fn of_two_activations_at_once_both_succeed_and_one_version_is_active() {
    let app = TestApp::start().await;
    let models = &app.services.models;
    for _ in 0..5 {
        let (first, second) = (trained(&app).await, trained(&app).await);
        let (one, other) = tokio::join!(models.activate(first), models.activate(second));
        one.unwrap();
        other.unwrap();
        let states = [
            version(&app, first).await.state,
            version(&app, second).await.state,
        ];
        let active = states.iter().filter(|state| **state == ModelState::Active);
        assert_eq!(active.count(), 1, "{states:?}");
    }
}
