//! The lists that users get, judged by replaying what they took.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

mod support;

use std::ops::ControlFlow;

use chrono::TimeDelta;
use marquee::domain::auth::Viewer;
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use marquee::domain::recommendations::replay_evaluation::{ListQuality, ReplayReport};
use marquee::domain::recommendations::training::TrainingOptions;
use support::TestApp;

async fn trained(app: &TestApp) -> ReplayReport {
    let go_on = |_| ControlFlow::Continue(());
    let service = &app.services.recommendations;
    let trained = service
        .train(&Viewer::Command, TrainingOptions::default(), go_on)
        .await;
    trained.unwrap().figure.unwrap()
}

/// Trains the embeddings, and learns how much they count: what `marquee embed` does.
async fn embedded(app: &TestApp) -> ReplayReport {
    let go_on = |_| ControlFlow::Continue(());
    let embeddings = &app.services.embeddings;
    embeddings.train(&Viewer::Command, go_on).await.unwrap();
    let go_on = |_| ControlFlow::Continue(());
    let service = &app.services.recommendations;
    let figure = service.learn_ranker(&Viewer::Command, go_on).await;
    figure.unwrap().unwrap()
}

fn alone<'a>(figure: &'a ReplayReport, source: &str) -> &'a ListQuality {
    let mut sources = figure.by_source.iter();
    &sources.find(|(name, _)| name == source).unwrap().1
}

/// Not below, beyond one standard error.
fn no_worse(served: &ListQuality, than: &ListQuality) {
    let (a, b) = (served.ndcg_at_10, than.ndcg_at_10);
    assert!(a.mean >= b.mean - b.error, "{a:?} is below {b:?}");
    let (a, b) = (served.recall_at_20, than.recall_at_20);
    assert!(a.mean >= b.mean - b.error, "{a:?} is below {b:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn embedding_the_demo_does_not_lower_what_users_get() {
    let app = TestApp::start().await;
    app.services.demo.load(&Viewer::Command).await.unwrap();

    let before = trained(&app).await;
    let after = embedded(&app).await;

    assert!(before.users >= 100, "{}", before.users);
    no_worse(&after.served, &before.served);
    no_worse(&after.served, alone(&after, "COLLABORATIVE"));
    assert!(after.served.ndcg_at_10.mean > after.popularity.ndcg_at_10.mean);
    assert!(after.served.coverage_at_10 > 0.0 && after.served.coverage_at_10 <= 1.0);
    // The same record gives the same figure, to the last bit.
    let again = app
        .services
        .recommendations
        .learn_ranker(&Viewer::Command, |_| ControlFlow::Continue(()));
    assert_eq!(again.await.unwrap(), Some(after));
}

/// Two tastes, and everybody took things a minute apart: at the moment of each list its user was
/// active a minute ago, and the session speaks.
#[tokio::test(flavor = "multi_thread")]
async fn what_users_get_is_no_worse_a_minute_after_they_were_active() {
    let app = TestApp::start().await;
    let mut films = Vec::new();
    // What the titles mean says nothing of the two tastes, which are every other film.
    for number in 0..40 {
        let place = ["Harbour", "Mountain", "Desert", "River", "Forest"][number / 8];
        films.push(app.film(&format!("{place} {number}")).await);
    }
    for user in 0..60_usize {
        let likes = (0..10_usize).map(|step| NewInteraction {
            occurred_at: Some(app.ctx.clock.now() - TimeDelta::minutes(60 - step as i64)),
            ..NewInteraction::new(
                films[2 * ((user * 7 + step * 3) % 20) + user % 2],
                InteractionKind::Like,
            )
        });
        app.user(format!("User {user}")).did(likes).await;
    }

    trained(&app).await;
    let figure = embedded(&app).await;

    assert_eq!(figure.users, 60);
    no_worse(&figure.served, alone(&figure, "COLLABORATIVE"));
    no_worse(&figure.served, &figure.popularity);
}
