//! Versions that are judged before they serve, and promoted behind checks.

use chrono::{DateTime, Days, TimeDelta};
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::models::ModelKind;
use marquee::domain::promotion::PromotionMeasure;
use marquee::domain::slates::{Period, PolicyEvaluation, SlateSlot};
use marquee::foundation::{Error, Id, Refusal, id};
use serde_json::json;

use crate::world::{World, films, friday, is_conflict};

/// An hour of its own for each number.
fn slot(world: &World, number: u64) -> SlateSlot {
    let hour = i32::try_from(number % 20).unwrap();
    SlateSlot::new(world.ours, friday() + Days::new(number / 20), hour).unwrap()
}

/// Makes slates of five films and decides about them: from every third the second film is selected, the others are
/// rejected.
async fn decided(world: &World, count: u64) {
    let slates = world.slates();
    for number in 0..count {
        let slot = slot(world, number);
        let slate = slates.slate(&world.curator, slot, 5).await.unwrap();
        if number % 3 == 0 {
            world.select(&slate, 1).await;
        } else {
            let rejected = slates.reject(&world.curator, slate.id, false).await;
            rejected.unwrap();
        }
        world.app.ctx.clock.advance(TimeDelta::minutes(1));
    }
}

fn always(world: &World) -> Period {
    Period {
        from: DateTime::UNIX_EPOCH,
        until: world.app.ctx.clock.now() + TimeDelta::days(1),
    }
}

async fn judge(
    world: &World,
    model: Id<id::Model>,
    period: Period,
    with_learned: bool,
) -> PolicyEvaluation {
    let slates = world.slates();
    let judged = slates.evaluate_policy(&Viewer::Command, model, period, with_learned);
    judged.await.unwrap()
}

/// A trained version with these figures.
async fn trained(world: &World, metrics: serde_json::Value) -> Id<id::Model> {
    let models = &world.app.services.models;
    world.app.ctx.clock.advance(TimeDelta::minutes(1));
    let begun = models.begin(ModelKind::Collaborative, "test", json!({}));
    let model = begun.await.unwrap().id;
    let bytes = b"learned".to_vec();
    models.write_artifact(model, bytes).await.unwrap();
    models.finish(model, metrics).await.unwrap();
    model
}

#[tokio::test]
async fn a_version_is_judged_by_slates_that_it_has_not_learned_from() {
    // Versions follow each other quickly; the first is still there after five more.
    let world = World::with(50).await;
    world.select(&world.slate(22, 5).await, 0).await;
    let slates = world.slates();
    let first = slates.checkpoint(&Viewer::Command).await.unwrap();
    decided(&world, 30).await;
    // An open slate is no decision.
    world.slate(23, 5).await;

    let judged = judge(&world, first.id, always(&world), false).await;
    assert_eq!(
        (judged.slates, judged.selections, judged.learned),
        (30, 10, 1)
    );
    assert_eq!(judged.incomparable, 0);
    let served = judged.served.unwrap();
    assert!((served.value - 1.0 / 3.0).abs() < 1e-12 && served.low < served.high);
    // The selected film was always the second.
    let second = 1.0 / 3.0_f64.log2();
    assert!((judged.served_quality.ndcg.unwrap() - second).abs() < 1e-12);
    for share in [
        judged.quality.ndcg,
        judged.quality.coverage,
        judged.served_quality.coverage,
    ] {
        assert!(share.is_some_and(|share| (0.05..=1.0).contains(&share)));
    }
    let latency = judged.latency.unwrap();
    assert!(latency.slates == 5 && latency.median <= latency.slowest);
    // Thirty slates are not enough, however alike the versions are.
    assert!((0.0..=30.0).contains(&judged.effective_slates));
    let problem = judged.estimates.unwrap_err();
    assert!(problem.contains("at least 50 are needed"), "{problem}");

    // What serves now has learned from all of them.
    let last = slates.checkpoint(&Viewer::Command).await.unwrap().id;
    let judged = judge(&world, last, always(&world), false).await;
    assert_eq!((judged.slates, judged.learned), (0, 31));
    let problem = judged.estimates.unwrap_err();
    assert!(problem.contains("learned from all 31"), "{problem}");
    let judged = judge(&world, last, always(&world), true).await;
    assert_eq!((judged.slates, judged.learned), (31, 0));

    // A period includes its beginning and not its end.
    let now = world.app.ctx.clock.now();
    let last_ten = Period {
        from: now - TimeDelta::minutes(9),
        until: now,
    };
    assert_eq!(judge(&world, first.id, last_ten, false).await.slates, 9);
    let backwards = Period {
        from: now,
        until: now,
    };
    let refused = slates.evaluate_policy(&Viewer::Command, first.id, backwards, false);
    let refused = refused.await.unwrap_err();
    assert!(matches!(
        refused,
        Error::Refused(Refusal::InvalidInput { .. })
    ));
    let by_curator = slates.evaluate_policy(&world.curator, first.id, last_ten, false);
    assert!(matches!(
        by_curator.await.unwrap_err(),
        Error::Forbidden { .. }
    ));
}

#[tokio::test]
async fn enough_slates_of_the_same_bandit_estimate_what_it_earns() {
    let world = World::with(60).await;
    decided(&world, 8).await;
    let slates = world.slates();
    let version = slates.checkpoint(&Viewer::Command).await.unwrap();
    for number in 0..75 {
        let slot = slot(&world, 100 + number);
        let slate = slates.slate(&world.curator, slot, 3).await.unwrap();
        let rejected = slates.reject(&world.curator, slate.id, false).await;
        rejected.unwrap();
        // As if nothing had been learned from it: the version goes on serving.
        sqlx::query("DELETE FROM bandit_state")
            .execute(world.app.ctx.db.pool())
            .await
            .unwrap();
    }
    let judged = judge(&world, version.id, always(&world), false).await;
    assert_eq!((judged.slates, judged.learned), (75, 8));
    let effective = judged.effective_slates;
    assert!(effective > 55.0, "{effective}");
    let estimates = judged.estimates.unwrap();
    // Nothing was selected from any of them.
    assert_eq!((estimates.ips.value, estimates.snips.value), (0.0, 0.0));
    assert!(estimates.doubly_robust.low <= 0.05, "{estimates:?}");
}

#[tokio::test]
async fn a_version_that_comes_up_to_the_active_one_is_promoted_and_another_is_not() {
    let world = World::with(0).await;
    let promotion = &world.app.services.promotion;
    let models = &world.app.services.models;
    let active = async || {
        let active = models.active(ModelKind::Collaborative).await.unwrap();
        active.unwrap().id
    };
    let good = trained(&world, json!({ "ndcgAt10": 0.2 })).await;
    let worse = trained(&world, json!({ "ndcgAt10": 0.18 })).await;
    let better = trained(&world, json!({ "ndcgAt10": 0.21 })).await;
    let promote = async |version, force| {
        let done = promotion.promote(&Viewer::Command, version, None, force);
        done.await.unwrap()
    };
    // The first has nothing to come up to.
    assert!(promote(good, false).await.promoted);
    let refused = promote(worse, false).await;
    assert!(!refused.promoted);
    assert_eq!(
        refused.reasons(),
        ["the quality in the training is 0.1800, but 0.1900 is needed"]
    );
    assert_eq!(active().await, good);
    assert!(promote(better, false).await.promoted);
    assert!(promote(worse, true).await.promoted);
    assert_eq!(active().await, worse);
    // One mutation takes it back.
    let kind = ModelKind::Collaborative;
    models.roll_back(&Viewer::Command, kind).await.unwrap();
    assert_eq!(active().await, good);

    let unfinished = models.begin(kind, "test", json!({})).await.unwrap().id;
    let refused = promotion.promote(&Viewer::Command, unfinished, None, true);
    assert!(is_conflict(&refused.await));
    for viewer in [Viewer::Nobody, world.app.viewer(Role::Curator).await] {
        let refused = promotion.promote(&viewer, better, None, true).await;
        refused.unwrap_err();
    }
    assert_eq!(active().await, good);
}

#[tokio::test]
async fn what_cannot_be_read_is_promoted_by_no_force() {
    let world = World::with(0).await;
    let model = trained(&world, json!({})).await;
    sqlx::query("UPDATE model_versions SET artifact_sha256 = sha256('other') WHERE id = $1")
        .bind(model.uuid())
        .execute(world.app.ctx.db.pool())
        .await
        .unwrap();
    let promotion = &world.app.services.promotion;
    let done = promotion.promote(&Viewer::Command, model, None, true);
    let done = done.await.unwrap();
    assert!(!done.promoted);
    assert_eq!(done.checks.len(), 1);
    assert_eq!(done.checks[0].measure, PromotionMeasure::Artifact);
    assert!(done.reasons()[0].contains("is damaged"), "{done:?}");
    let models = &world.app.services.models;
    let active = models.active(ModelKind::Collaborative).await.unwrap();
    assert_eq!(active, None);
    // Nothing serves, so nothing is said of where it was read from.
    assert_eq!(models.sources(&Viewer::Command).unwrap(), []);
}

#[tokio::test]
async fn an_earlier_bandit_is_promoted_by_force_and_no_slate_of_the_later_one_stays() {
    let world = World::with(40).await;
    world.select(&world.slate(22, 5).await, 0).await;
    let first = world.slates().checkpoint(&Viewer::Command).await.unwrap();
    decided(&world, 9).await;
    world.slates().checkpoint(&Viewer::Command).await.unwrap();
    let open = world.slate(21, 5).await;
    let document = "mutation ($input: PromoteModelInput!) { promoteModel(input: $input) {
        promoted model { state } checks { measure passed } evaluation { slates problem }
        errors { ... on UserError { code message } } } }";
    let promote = async |force: bool| {
        let input = json!({ "input": { "version": first.id, "force": force } });
        let asked = world.app.ask_as(&Viewer::Command, document, input);
        asked.await["promoteModel"].clone()
    };
    let refused = promote(false).await;
    assert_eq!(
        (&refused["promoted"], &refused["model"]["state"]),
        (&json!(false), &json!("RETIRED"))
    );
    assert_eq!(refused["evaluation"]["slates"], 9);
    let checks = refused["checks"].as_array().unwrap().iter();
    let failed = checks.filter(|check| check["passed"] == false);
    let failed: Vec<&str> = failed
        .map(|check| check["measure"].as_str().unwrap())
        .collect();
    assert!(failed.contains(&"EFFECTIVE_SLATES"), "{refused}");
    assert_eq!(refused["errors"][0]["code"], "CONFLICT");
    assert_eq!(films(&world.slate(21, 5).await), films(&open));

    assert_eq!(promote(true).await["model"]["state"], "ACTIVE");
    let next = world.slate(21, 5).await;
    assert_ne!(next.id, open.id);
    assert_eq!(
        (next.model, next.model_name),
        (Some(first.id), first.version)
    );
}
