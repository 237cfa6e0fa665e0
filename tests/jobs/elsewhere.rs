//! Hearing of what another process does where there is no Redis.

use std::ops::ControlFlow;
use std::sync::Arc;

use chrono::TimeDelta;
use marquee::domain::Services;
use marquee::domain::auth::Viewer;
use marquee::domain::interactions::{InteractionKind, NewInteraction, StreamFilter};
use marquee::domain::models::ModelKind;
use marquee::domain::recommendations::RecommendationRequest;
use marquee::domain::recommendations::refresh::RefreshUsers;
use marquee::domain::recommendations::training::TrainingOptions;
use marquee::domain::recommendations::updates::UpdateReason;
use marquee::foundation::page::Window;
use marquee::foundation::{Id, id};

use crate::world::{World, next, soon, twin};

/// What somebody took at that process.
async fn took(
    services: &Services,
    user: Id<id::User>,
    content: Id<id::Content>,
) -> Id<id::Interaction> {
    let new = NewInteraction {
        user: Some(user.into()),
        ..NewInteraction::new(content, InteractionKind::View)
    };
    let recorded = services.interactions.record(&Viewer::Command, new).await;
    recorded.unwrap().interaction.id
}

async fn trained(services: &Services) -> Id<id::Model> {
    let go_on = |_| ControlFlow::Continue(());
    let how = TrainingOptions {
        force: true,
        ..TrainingOptions::default()
    };
    let service = &services.recommendations;
    service
        .train(&Viewer::Command, how, go_on)
        .await
        .unwrap()
        .model
        .id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_another_process_takes_into_service_is_told_and_read_once_for_all() {
    let world = World::trained(40, 60).await;
    let there = twin(&world.app.ctx, &world.app.url).await;
    let models = &world.app.services.models;
    let mut all = Vec::new();
    for _ in 0..100 {
        let mut stream = Box::pin(
            models
                .promotions(&Viewer::Command, Some(ModelKind::Collaborative))
                .await
                .unwrap(),
        );
        next(&mut stream).await;
        all.push(stream);
    }
    let before = world.app.ctx.db.statements();
    let model = trained(&there).await;
    let told = all
        .iter_mut()
        .map(|stream| async move { next(stream).await.id });
    let told = soon(futures::future::join_all(told)).await;
    assert!(told.iter().all(|told| *told == model), "{told:?}");
    let statements = world.app.ctx.db.statements() - before;
    assert!(statements < 20, "{statements} statements");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_in_another_process_is_told_once_and_in_order() {
    let world = World::new(2, 8).await;
    let (app, here) = (&world.app, &world.app.services);
    let there = twin(&app.ctx, &app.url).await;
    app.ctx.clock.advance(TimeDelta::seconds(1));
    let stream = here
        .interactions
        .stream(&Viewer::Command, StreamFilter::default(), None);
    let mut stream = stream.await.unwrap();
    app.ctx.clock.advance(TimeDelta::seconds(1));
    let elsewhere = took(&there, world.users[0], world.items[0]).await;
    app.ctx.clock.advance(TimeDelta::seconds(1));
    let own = took(here, world.users[1], world.items[1]).await;
    let mut told = Vec::new();
    for _ in 0..2 {
        let one = soon(stream.next()).await.unwrap().unwrap();
        told.push(one.interaction.id);
    }
    assert_eq!(told, [elsewhere, own]);
    app.ctx.clock.advance(TimeDelta::seconds(1));
    let last = took(&there, world.users[0], world.items[1]).await;
    let one = soon(stream.next()).await.unwrap().unwrap();
    assert_eq!(one.interaction.id, last);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reasons_of_another_process_are_told_once_each() {
    let world = World::trained(40, 60).await;
    let (app, here) = (&world.app, &world.app.services);
    let there: Arc<Services> = twin(&app.ctx, &app.url).await;
    let user = world.users[0];
    let mut updates = Box::pin(
        here.recommendations
            .updates(&Viewer::Command, user)
            .await
            .unwrap(),
    );
    app.ctx.clock.advance(TimeDelta::seconds(1));
    took(&there, user, world.items[1]).await;
    assert_eq!(next(&mut updates).await, UpdateReason::Taste);
    let refreshed = there
        .recommendations
        .refresh(&Viewer::Command, RefreshUsers::These(vec![user]), |_| {
            ControlFlow::Continue(())
        })
        .await;
    assert_eq!(refreshed.unwrap().lists, 1);
    assert_eq!(next(&mut updates).await, UpdateReason::Refresh);
    trained(&there).await;
    let active = "SELECT count(*) FROM model_versions WHERE activated_at IS NOT NULL";
    let active: i64 = sqlx::query_scalar(active)
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap();
    // The first training was before the subscription.
    for _ in 0..active / 2 {
        assert_eq!(next(&mut updates).await, UpdateReason::Model);
    }
    // What this process does is told once: whatever came again would come before what comes after it.
    app.ctx.clock.advance(TimeDelta::seconds(1));
    took(here, user, world.items[3]).await;
    assert_eq!(next(&mut updates).await, UpdateReason::Taste);
    trained(here).await;
    assert_eq!(next(&mut updates).await, UpdateReason::Model);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_does_in_another_process_shows_in_the_next_list_here() {
    let world = World::trained(40, 60).await;
    let (app, here) = (&world.app, &world.app.services);
    let there: Arc<Services> = twin(&app.ctx, &app.url).await;
    let follower = Arc::clone(here);
    let follower =
        tokio::spawn(async move { follower.interactions.follow_other_processes().await });
    let user = world.users[0];
    let list = async || {
        let (lists, request) = (&here.recommendations, RecommendationRequest::default());
        let window = Window::read(Some(10), None, None, None).unwrap();
        let page = lists.recommend(&Viewer::Command, user, &request, &window);
        let items = page.await.unwrap().items;
        items.iter().map(|item| item.content).collect::<Vec<_>>()
    };
    let before = list().await;
    assert_eq!(list().await, before);
    let new = NewInteraction {
        user: Some(user.into()),
        ..NewInteraction::new(before[0], InteractionKind::Dislike)
    };
    there
        .interactions
        .record(&Viewer::Command, new)
        .await
        .unwrap();
    // The list is cached here until this process hears of it.
    soon(async {
        while list().await.contains(&before[0]) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    follower.abort();
}
