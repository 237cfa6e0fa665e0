//! More channels than the bandit tells apart at the beginning.

use marquee::domain::auth::Viewer;
use marquee::domain::slates::SlateSlot;
use marquee::foundation::{Id, id};

use crate::world::{World, friday};

/// The channel of the world, and eleven more.
async fn twelve(world: &World) -> Vec<Id<id::Channel>> {
    let mut channels = vec![world.ours];
    for number in 2..=12 {
        let id = Id::<id::Channel>::new(&world.app.ctx.clock, &world.app.ctx.rng);
        sqlx::query(
            "INSERT INTO channels (id, key, name, time_zone, own, created_at, updated_at) \
             VALUES ($1, $2, $2, 'Europe/Berlin', true, now(), now())",
        )
        .bind(id.uuid())
        .bind(format!("channel-{number}"))
        .execute(world.app.ctx.db.pool())
        .await
        .unwrap();
        channels.push(id);
    }
    channels
}

#[tokio::test]
async fn each_of_twelve_channels_is_learned_about_by_itself() {
    let world = World::with(40).await;
    let channels = twelve(&world).await;
    let slot = |channel| SlateSlot::new(channel, friday(), 21).unwrap();
    let weights = async |channel| {
        let slates = world.slates();
        let found = slates.signal_weights(&world.curator, slot(channel)).await;
        let found = found.unwrap();
        let means: Vec<f64> = found.weights.iter().map(|weight| weight.mean).collect();
        (means, found.context)
    };
    for channel in &channels {
        let slate = world.slates();
        let slate = slate
            // So many that they are not all alike.
            .slate(&world.curator, slot(*channel), 20)
            .await
            .unwrap();
        world.select(&slate, 0).await;
    }
    let mut seen: Vec<Vec<f64>> = Vec::new();
    for (number, channel) in channels.iter().enumerate() {
        let (means, context) = weights(*channel).await;
        // Seven numbers of the time, and one for each of sixteen channels.
        assert_eq!(context.len(), 7 + 16);
        let indicators: Vec<usize> = (0..16).filter(|at| context[7 + at] != 0.0).collect();
        assert_eq!(indicators, [number]);
        assert!(!seen.contains(&means), "channel {number}: {means:?}");
        seen.push(means);
    }
    // A version has what its channels taught, on every server.
    let kept = world.slates().checkpoint(&Viewer::Command).await;
    let active = world
        .app
        .services
        .models
        .active(domain::models::ModelKind::Bandit);
    let version = kept.unwrap_or(active.await.unwrap().unwrap());
    assert_eq!(version.settings["channels"], 16);
    let twin = world.app.twin().await;
    let there = twin
        .services
        .slates
        .signal_weights(&world.curator, slot(channels[11]));
    let means: Vec<f64> = there
        .await
        .unwrap()
        .weights
        .iter()
        .map(|one| one.mean)
        .collect();
    assert_eq!(means, seen[11]);
}
