//! The learned signals: what curators pick, and how many watch.

use chrono::{Days, TimeDelta};
use marquee::domain::auth::Viewer;
use marquee::domain::models::ModelKind;
use marquee::domain::slates::SlateSignal;
use marquee::domain::slates::predictors::Trained;

use crate::world::{World, friday};

#[tokio::test]
async fn without_a_schedule_nothing_is_trained_and_the_answer_says_what_is_missing() {
    let world = World::with(5).await;
    let trained = world
        .slates()
        .train_predictors(&Viewer::Command)
        .await
        .unwrap();
    for trained in [trained.curator, trained.audience] {
        let Trained::TooLittle(missing) = trained else {
            panic!("trained on nothing: {trained:?}");
        };
        assert!(missing.contains("too few"), "{missing}");
    }
    assert_eq!(world.count("SELECT count(*) FROM model_versions").await, 0);
    let refused = world
        .slates()
        .train_predictors(&world.curator)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "FORBIDDEN");
}

/// For a year our channel showed Westerns on Fridays, which many saw, and dramas on Mondays.
pub async fn with_schedule() -> World {
    let world = World::with(80).await;
    let (drama, western) = (0, 2);
    let evening = friday().and_hms_opt(20, 0, 0).unwrap().and_utc();
    for week in 1_u64..70 {
        let place = usize::try_from(week % 20).unwrap();
        let at = evening - TimeDelta::days(7 * i64::try_from(week).unwrap());
        let film = world.films[4 * place + western];
        let viewers = 900_000 + 1_000 * i64::try_from(week).unwrap();
        world
            .airing(world.ours, film, &at.to_rfc3339(), Some(viewers))
            .await;
        let at = at - TimeDelta::days(4);
        let film = world.films[4 * place + drama];
        world
            .airing(world.ours, film, &at.to_rfc3339(), Some(viewers / 10))
            .await;
    }
    world
}

#[tokio::test]
async fn a_schedule_teaches_what_is_picked_and_what_is_watched() {
    let world = with_schedule().await;
    let (drama, western) = (0, 2);
    let trained = world
        .slates()
        .train_predictors(&Viewer::Command)
        .await
        .unwrap();
    let (Trained::Model(curator), Trained::Model(audience)) = (trained.curator, trained.audience)
    else {
        panic!("there was enough to learn from");
    };
    assert_eq!(
        (curator.kind, audience.kind),
        (ModelKind::Curator, ModelKind::Audience)
    );
    assert!(
        curator.metrics["curator"]["auc"].as_f64() > Some(0.8),
        "{curator:?}"
    );
    assert!(
        audience.metrics["audience"]["r_squared"].as_f64() > Some(0.5),
        "{audience:?}"
    );
    let slate = world.slate(21, 50).await;
    let mean = |genre: usize, of: &dyn Fn(&domain::slates::SlateItem) -> f64| {
        let films: Vec<_> = world.films.iter().skip(genre).step_by(4).collect();
        let items = slate
            .items
            .iter()
            .filter(|item| films.contains(&&item.content));
        let values: Vec<f64> = items.map(of).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    let signal =
        |signal: SlateSignal| move |item: &domain::slates::SlateItem| item.signals[signal.index()];
    let curators = signal(SlateSignal::Curator);
    assert!(
        mean(western, &curators) > mean(drama, &curators) + 0.2,
        "{slate:?}"
    );
    let audience = signal(SlateSignal::Audience);
    assert!(mean(western, &audience) > mean(drama, &audience) + 0.2);
    let viewers = |item: &domain::slates::SlateItem| item.audience.unwrap();
    assert!(mean(western, &viewers) > 400_000.0);
    // Another server reads the same models.
    let twin = world.app.twin().await;
    let date = friday() + Days::new(7);
    let slot = domain::slates::SlateSlot::new(world.ours, date, 21).unwrap();
    let here = world
        .slates()
        .preview(&world.curator, slot, 10, 5)
        .await
        .unwrap();
    let there = twin
        .services
        .slates
        .preview(&world.curator, slot, 10, 5)
        .await
        .unwrap();
    assert_eq!(here.items, there.items);
}
