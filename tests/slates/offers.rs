//! What is offered for an hour.

use chrono::Days;
use futures::StreamExt;
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::slates::{SlateSignal, SlateSlot, SlateState};
use marquee::foundation::{Error, Refusal};
use serde_json::json;

use crate::world::{World, films, friday, is_conflict};

#[tokio::test]
async fn a_slate_ranks_eligible_films_and_every_number_follows_from_the_signals() {
    let world = World::with(30).await;
    let slate = world.slate(21, 10).await;
    assert_eq!((slate.items.len(), slate.candidates), (10, 30));
    assert_eq!(slate.model_name, "prior");
    let mut last = f64::INFINITY;
    for (index, item) in slate.items.iter().enumerate() {
        assert_eq!(item.rank, index + 1);
        assert!(
            item.signals
                .iter()
                .all(|signal| (0.0..=1.0).contains(signal))
        );
        let score: f64 = item
            .signals
            .iter()
            .zip(slate.weights)
            .map(|(s, w)| s * w)
            .sum();
        assert!((item.score - score).abs() < 1e-12);
        assert!(item.score <= last);
        last = item.score;
        assert!(item.propensity > 0.0 && item.propensity <= 1.0);
    }
    // Nothing was learned and nobody shows anything: the signals say what they say without data.
    let first = &slate.items[0].signals;
    assert_eq!(first[SlateSignal::Curator.index()], 0.5);
    assert_eq!(first[SlateSignal::Audience.index()], 0.5);
    assert_eq!(first[SlateSignal::Competition.index()], 0.2);
    assert_eq!(first[SlateSignal::Diversity.index()], 0.3);
    assert_eq!(first[SlateSignal::Novelty.index()], 0.75);
}

#[tokio::test]
async fn the_slate_of_an_hour_stays_the_same_until_something_is_decided() {
    let world = World::with(30).await;
    let slate = world.slate(21, 10).await;
    let stored = world
        .slates()
        .find_many(&world.curator, &[slate.id])
        .await
        .unwrap();
    let mut unlogged = slate.clone();
    unlogged.log = Vec::new();
    assert_eq!(stored[&slate.id].items, unlogged.items);
    let again = world.slate(21, 10).await;
    assert_eq!((again.id, &again.items), (slate.id, &slate.items));
    // Another hour and another length are other slates.
    assert_ne!(world.slate(22, 10).await.id, slate.id);
    let longer = world.slate(21, 12).await;
    assert_eq!((longer.items.len(), longer.state), (12, SlateState::Open));
    let before = world
        .slates()
        .find_many(&world.curator, &[slate.id])
        .await
        .unwrap();
    assert_eq!(before[&slate.id].state, SlateState::Expired);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_slate_and_another_one_another() {
    let world = World::with(40).await;
    let preview = async |seed| {
        let slate = world
            .slates()
            .preview(&world.curator, world.slot(21), 10, seed);
        slate.await.unwrap()
    };
    let (one, same) = (preview(7).await, preview(7).await);
    assert_eq!((one.weights, &one.items), (same.weights, &same.items));
    let mut others = Vec::new();
    for seed in 0..5 {
        others.push(preview(seed).await.weights);
    }
    others.dedup();
    assert_eq!(others.len(), 5);
    assert_eq!(world.count("SELECT count(*) FROM slates").await, 0);
}

#[tokio::test]
async fn a_film_without_rights_or_broadcasts_on_the_date_is_not_offered() {
    let world = World::with(1).await;
    let date = friday();
    let ends = world
        .film("Ends that day", |fields| fields.rights_until = Some(date))
        .await;
    let begins = world
        .film("Begins that day", |fields| fields.rights_from = Some(date))
        .await;
    let left = world
        .film("One broadcast left", |fields| {
            fields.broadcasts_left = Some(1);
        })
        .await;
    let over = date.checked_sub_days(Days::new(1));
    world
        .film("Ended the day before", |fields| fields.rights_until = over)
        .await;
    let later = date.checked_add_days(Days::new(1));
    world
        .film("Begins the day after", |fields| fields.rights_from = later)
        .await;
    world
        .film("No broadcast left", |fields| {
            fields.broadcasts_left = Some(0);
        })
        .await;
    world
        .app
        .services
        .content
        .create(
            &Viewer::Command,
            domain::content::Fields::new(domain::content::ContentKind::Video, "No film"),
            Vec::new(),
        )
        .await
        .unwrap();
    let mut offered = films(&world.slate(21, 50).await);
    offered.sort_unstable();
    let mut wanted = vec![world.films[0], ends, begins, left];
    wanted.sort_unstable();
    assert_eq!(offered, wanted);
}

#[tokio::test]
async fn where_no_film_is_eligible_the_refusal_says_why() {
    let world = World::with(0).await;
    let none = world.try_slate(21, 10).await;
    assert!(is_conflict(&none), "{none:?}");
    assert!(
        none.unwrap_err()
            .to_string()
            .contains("no film is eligible")
    );
}

#[tokio::test]
async fn signals_follow_the_schedules_of_the_channel_and_of_its_competitors() {
    let world = World::with(6).await;
    let [soon, just, own, both, long_ago, _] = world.films[..] else {
        panic!("six films");
    };
    // 21:00 on the sixth in Berlin is 20:00 UTC.
    world
        .airing(world.rival, soon, "2026-03-09T20:00:00Z", None)
        .await;
    world
        .airing(world.rival, just, "2026-03-01T20:00:00Z", None)
        .await;
    world
        .airing(world.ours, own, "2026-02-24T20:00:00Z", None)
        .await;
    world
        .airing(world.ours, both, "2025-03-06T20:00:00Z", None)
        .await;
    world
        .airing(world.rival, both, "2026-03-26T20:00:00Z", None)
        .await;
    world
        .airing(world.ours, long_ago, "2024-01-01T20:00:00Z", None)
        .await;
    let slate = world.slate(21, 6).await;
    let signal = |film, signal: SlateSignal| {
        let item = slate
            .items
            .iter()
            .find(|item| item.content == film)
            .unwrap();
        item.signals[signal.index()]
    };
    let near =
        |value: f64, wanted: f64| assert!((value - wanted).abs() < 1e-9, "{value} for {wanted}");
    use SlateSignal::{Competition, Diversity, Novelty, Rights};
    // A competitor follows in three days; has just shown it; shows it in 20 days.
    near(signal(soon, Competition), 1.0);
    near(signal(just, Competition), 0.0);
    let in_20 = 0.4 + 0.6 * (0.25_f64.exp() - 1.0) / (4.25_f64.exp() - 1.0);
    near(signal(both, Competition), in_20);
    near(signal(own, Competition), 0.2);
    // Shown once: three quarters, as much as is forgotten, beside what the competitors showed.
    near(signal(own, Novelty), (0.75 * 10.0 / 365.0 + 1.0) / 2.0);
    near(signal(both, Novelty), (0.75 + 1.0) / 2.0);
    near(signal(just, Novelty), (1.0 + 0.75 * 5.0 / 365.0) / 2.0);
    near(signal(soon, Novelty), 1.0);
    // 20, 40, … days are left.
    near(signal(soon, Rights), 1.0);
    near(signal(just, Rights), 0.8);
    assert!(signal(soon, Diversity) > 0.0 && signal(soon, Diversity) != 0.3);
}

#[tokio::test]
async fn a_date_is_that_of_the_channel_and_not_of_the_server() {
    let world = World::with(3).await;
    // 23:30 UTC on the fifth is half past midnight on the sixth in Berlin: the same day.
    world
        .airing(world.rival, world.films[0], "2026-03-05T23:30:00Z", None)
        .await;
    // Five days later there, four in UTC.
    world
        .airing(world.rival, world.films[1], "2026-03-10T23:30:00Z", None)
        .await;
    let slate = world.slate(21, 3).await;
    let competition = |film| {
        let item = slate
            .items
            .iter()
            .find(|item| item.content == film)
            .unwrap();
        item.signals[SlateSignal::Competition.index()]
    };
    assert_eq!(competition(world.films[0]), 0.0);
    assert!(competition(world.films[1]) < 1.0);
}

#[tokio::test]
async fn slates_are_for_curators_and_admins_and_for_our_own_channels() {
    let world = World::with(3).await;
    let user = world.app.viewer(Role::User).await;
    let app = world.app.app(&[]);
    for (viewer, wanted) in [
        (&Viewer::Nobody, "UNAUTHENTICATED"),
        (&user, "FORBIDDEN"),
        (&app, "FORBIDDEN"),
    ] {
        let refused = world
            .slates()
            .slate(viewer, world.slot(21), 3)
            .await
            .unwrap_err();
        assert_eq!(refused.code(), wanted);
        let refused = world
            .slates()
            .signal_weights(viewer, world.slot(21))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), wanted);
    }
    let rival = SlateSlot::new(world.rival, friday(), 21).unwrap();
    let refused = world
        .slates()
        .slate(&world.curator, rival, 3)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, Error::Refused(Refusal::InvalidInput { .. })),
        "{refused:?}"
    );
    let nowhere = SlateSlot::new(uuid::Uuid::nil().into(), friday(), 21).unwrap();
    let refused = world
        .slates()
        .slate(&world.curator, nowhere, 3)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "NOT_FOUND");
    for first in [0, -1, 51, i32::MAX] {
        assert_eq!(
            world.try_slate(21, first).await.unwrap_err().code(),
            "BAD_USER_INPUT"
        );
    }
    assert!(SlateSlot::new(world.ours, friday(), 24).is_err());
}

#[tokio::test]
async fn who_follows_a_channel_hears_of_each_change_of_its_slates() {
    let world = World::with(12).await;
    let updates = world
        .slates()
        .updates(&world.curator, world.ours)
        .await
        .unwrap();
    let mut updates = Box::pin(updates);
    let slate = world.slate(21, 4).await;
    let slot = world.slot(21);
    use marquee::domain::slates::updates::SlateUpdate;
    assert_eq!(
        updates.next().await,
        Some(SlateUpdate::Slate(slot, Some(slate.id)))
    );
    world
        .slates()
        .reject(&world.curator, slate.id, false)
        .await
        .unwrap();
    assert_eq!(
        updates.next().await,
        Some(SlateUpdate::Slate(slot, Some(slate.id)))
    );
    world.slates().abandon(&world.curator, slot).await.unwrap();
    assert_eq!(updates.next().await, Some(SlateUpdate::Slate(slot, None)));
}

#[tokio::test]
async fn the_contract_shows_a_slate_with_all_that_it_is_made_of() {
    let world = World::with(12).await;
    let document = "query ($channel: ID!) {
        slate(channelId: $channel, date: \"2026-03-06\", hour: 21, first: 3) {
            state hour date candidateCount modelVersion model { id } channel { key } selection { id }
            weights { signal weight }
            items { rank score propensity predictedAudience content { title } signals { signal value weight weighted } }
        }
        signalWeights(channelId: $channel, date: \"2026-03-06\", hour: 21) {
            weights { signal mean deviation } context plot plotUrl
        }
    }";
    let variables = json!({ "channel": world.ours });
    let data = world.app.ask_as(&world.curator, document, variables).await;
    let slate = &data["slate"];
    assert_eq!(
        (
            &slate["state"],
            &slate["hour"],
            &slate["date"],
            &slate["candidateCount"]
        ),
        (&json!("OPEN"), &json!(21), &json!("2026-03-06"), &json!(12))
    );
    assert_eq!(slate["channel"]["key"], "one");
    let item = &slate["items"][0];
    let weighted = item["signals"].as_array().unwrap().iter();
    let sum: f64 = weighted
        .map(|signal| signal["weighted"].as_f64().unwrap())
        .sum();
    assert!((sum - item["score"].as_f64().unwrap()).abs() < 1e-9);
    assert!(
        item["content"]["title"]
            .as_str()
            .unwrap()
            .starts_with("Film ")
    );
    let weights = data["signalWeights"]["weights"].as_array().unwrap();
    assert_eq!(weights.len(), 6);
    assert!(
        weights
            .iter()
            .all(|weight| weight["deviation"].as_f64() > Some(0.0))
    );
    let plot = data["signalWeights"]["plot"].as_str().unwrap();
    assert!(plot.starts_with("<svg") && plot.contains("curator"));
    let url = data["signalWeights"]["plotUrl"].as_str().unwrap();
    assert!(url.contains("/files/") && url.ends_with(".svg"), "{url}");
}

/// What a fresh slate costs the database, whatever the size of the library.
#[tokio::test]
async fn a_fresh_slate_takes_few_statements_and_the_same_slate_again_fewer() {
    let world = World::with(30).await;
    // The first one reads the catalogue and the models.
    world.slate(20, 5).await;
    let db = &world.app.ctx.db;
    let before = db.statements();
    let slate = world.slate(21, 5).await;
    let fresh = db.statements() - before;
    let again = world.slate(21, 5).await;
    let kept = db.statements() - before - fresh;
    assert_eq!(again.id, slate.id);
    assert!(fresh <= 10 && kept <= 5, "{fresh} and {kept} statements");
}
