//! The bandit begins with what our channels showed before there were slates.

use chrono::{Days, NaiveDate, TimeDelta};
use marquee::domain::auth::Viewer;
use marquee::domain::models::{ModelKind, ModelVersion};
use marquee::domain::slates::{SlateSignal, SlateSlot};
use marquee::foundation::page::Window;
use serde_json::json;

use crate::support::TestApp;
use crate::world::World;

/// The Fridays of two Februaries.
fn fridays() -> Vec<NaiveDate> {
    let firsts: [NaiveDate; 2] = ["2025-02-07", "2026-02-06"].map(|day| day.parse().unwrap());
    let weeks = firsts
        .iter()
        .flat_map(|first| (0..4).map(|week| *first + Days::new(7 * week)));
    weeks.collect()
}

/// Thirty films whose rights go on for years, and one for each of eight Fridays whose rights are for that day only.
/// They are alike in all but their rights.
async fn alike() -> (World, Vec<foundation::Id<foundation::id::Content>>) {
    let mut world = World::on(TestApp::start().await, 0).await;
    for number in 0..30 {
        let title = format!("Lasting {number}");
        let film = world.film(&title, |fields| {
            fields.rights_until = Some("2035-01-01".parse().unwrap());
        });
        let film = film.await;
        world.films.push(film);
    }
    let mut ending = Vec::new();
    for friday in fridays() {
        let title = format!("Ending {friday}");
        let film = world.film(&title, |fields| {
            (fields.rights_from, fields.rights_until) = (Some(friday), Some(friday));
        });
        ending.push(film.await);
    }
    (world, ending)
}

/// At eight in the evening of each Friday the channel showed the film of that place.
async fn show(world: &World, films: &[foundation::Id<foundation::id::Content>]) {
    for (friday, film) in fridays().iter().zip(films) {
        let at = format!("{friday}T19:00:00Z");
        world.airing(world.ours, *film, &at, None).await;
    }
}

/// The weight of each signal on a Friday in February at eight in the evening.
async fn weights(world: &World) -> Vec<f64> {
    let date = "2026-02-27".parse().unwrap();
    let slot = SlateSlot::new(world.ours, date, 20).unwrap();
    let found = world.slates().signal_weights(&world.curator, slot).await;
    found.unwrap().weights.iter().map(|one| one.mean).collect()
}

async fn versions(world: &World) -> Vec<ModelVersion> {
    let models = &world.app.services.models;
    let window = Window::first(100);
    let page = models
        .list(&Viewer::Command, Some(ModelKind::Bandit), &window)
        .await;
    page.unwrap().rows
}

/// The mode of the weight `w` that has a normal prior, after so many picks of a film with a signal of 1 (or, if
/// `least`, of 0) among five with the other one: the root of a falling function, by bisection.
fn mode(mean: f64, variance: f64, picks: f64, least: bool) -> f64 {
    let sign = if least { -1.0 } else { 1.0 };
    let slope = |w: f64| {
        let others = 5.0 * (-sign * w).exp();
        sign * picks * others / (1.0 + others) - (w - mean) / variance
    };
    let (mut low, mut high) = (-20.0, 20.0);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        match slope(middle) > 0.0 {
            true => low = middle,
            false => high = middle,
        }
    }
    low
}

#[tokio::test]
async fn weights_move_towards_what_was_picked() {
    let (world, ending) = alike().await;
    show(&world, &ending).await;
    let learned = weights(&world).await;
    // The prior: shares of 6, and what a signal counts at all (1.5) and by each feature of the hour (0.3), of which
    // three pairs of sine and cosine and the channel are not 0.
    let variance = 1.5_f64.powi(2) + 4.0 * 0.3_f64.powi(2);
    let rights = SlateSignal::Rights.index();
    let expected = mode(6.0 * 0.105, variance, 8.0, false);
    assert!(
        (learned[rights] - expected).abs() < 1e-6,
        "{learned:?} {expected}"
    );
    // The other signals were alike.
    for (signal, share) in [0.30, 0.28, 0.105, 0.07, 0.14].into_iter().enumerate() {
        let (found, prior) = (learned[signal], 6.0 * share);
        assert!((found - prior).abs() < 1e-6, "{signal}: {found} {prior}");
    }
}

#[tokio::test]
async fn it_is_a_version_that_says_from_how_many_picks_and_it_happens_once() {
    let (world, ending) = alike().await;
    show(&world, &ending).await;
    let twin = world.app.twin().await;
    let (here, there) = tokio::join!(
        world.slates().preview(&world.curator, world.slot(20), 5, 1),
        twin.services
            .slates
            .preview(&world.curator, world.slot(20), 5, 1),
    );
    assert_eq!(here.unwrap().weights, there.unwrap().weights);
    let made = versions(&world).await;
    assert_eq!(made.len(), 1);
    assert_eq!(
        (made[0].version.as_str(), &made[0].metrics),
        (
            "1.0.0",
            &json!({ "slates": 0, "selections": 0, "pastPicks": 8 })
        )
    );
    let document = "{ models(kind: BANDIT) { nodes { state metrics { slates pastPicks } } } }";
    let told = world.app.ask(document).await;
    assert_eq!(
        told["models"]["nodes"],
        json!([{ "state": "ACTIVE", "metrics": { "slates": 0, "pastPicks": 8 } }])
    );

    // More that was shown is not learned from: from here on the bandit learns from decisions.
    let more = world.films[0];
    let at = "2026-02-28T19:00:00Z";
    world.airing(world.ours, more, at, None).await;
    world.app.ctx.clock.advance(TimeDelta::hours(1));
    let before = weights(&world).await;
    assert_eq!(world.slate(20, 5).await.model_name, "1.0.0");
    assert_eq!(weights(&world).await, before);
    for hour in 9..12 {
        let slate = world.slate(hour, 5).await;
        world.select(&slate, 0).await;
    }
    let made = versions(&world).await;
    let figures = &made[0].metrics;
    assert_eq!(
        (made.len(), &figures["slates"], &figures["pastPicks"]),
        (2, &json!(3), &json!(8))
    );
}

#[tokio::test]
async fn a_schedule_that_comes_before_the_first_decision_is_learned_from() {
    let (world, ending) = alike().await;
    let open = world.slate(20, 5).await;
    assert_eq!(open.model_name, "prior");
    show(&world, &ending).await;
    world.app.ctx.clock.advance(TimeDelta::minutes(1));
    let next = world.slate(20, 5).await;
    assert_eq!(next.model_name, "1.0.0");
    assert_ne!(next.id, open.id);
}

#[tokio::test]
async fn a_bandit_that_has_learned_from_decisions_goes_on_with_them() {
    let (world, ending) = alike().await;
    let slate = world.slate(20, 5).await;
    world.select(&slate, 0).await;
    show(&world, &ending).await;
    world.app.ctx.clock.advance(TimeDelta::hours(1));
    assert_eq!(world.slate(21, 5).await.model_name, "prior+1");
    assert_eq!(versions(&world).await, []);
}
