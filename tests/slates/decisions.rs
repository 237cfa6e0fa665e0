//! What is decided about slates.

use std::collections::BTreeSet;

use futures::future::join_all;
use marquee::domain::slates::model::SelectionFilter;
use marquee::domain::slates::{SlateSignal, SlateState};
use marquee::foundation::page::Window;
use uuid::Uuid;

use crate::world::{World, films, is_conflict};

#[tokio::test]
async fn a_selection_closes_the_slate_is_learned_from_and_can_be_repeated() {
    let world = World::with(20).await;
    let slate = world.slate(21, 5).await;
    let before = world
        .slates()
        .signal_weights(&world.curator, world.slot(21))
        .await
        .unwrap();
    let picked = slate.items[2].content;
    let signals = vec![
        SlateSignal::Rights,
        SlateSignal::Novelty,
        SlateSignal::Rights,
    ];
    let select = || {
        world
            .slates()
            .select(&world.curator, slate.id, picked, signals.clone())
    };
    let selected = select().await.unwrap();
    assert_eq!(
        (selected.slate.state, selected.repeated),
        (SlateState::Selected, false)
    );
    assert_eq!(
        selected.selection.signals,
        [SlateSignal::Novelty, SlateSignal::Rights]
    );
    let after = world
        .slates()
        .signal_weights(&world.curator, world.slot(21))
        .await
        .unwrap();
    assert_ne!(before.weights, after.weights);
    assert_eq!(after.model_name, "prior+1");
    // The same once more, as after a lost answer.
    let again = select().await.unwrap();
    assert!(again.repeated);
    assert_eq!(again.selection, selected.selection);
    let unchanged = world
        .slates()
        .signal_weights(&world.curator, world.slot(21))
        .await
        .unwrap();
    assert_eq!(after.weights, unchanged.weights);
    // Another film of the same slate.
    let other = slate.items[0].content;
    let other = world
        .slates()
        .select(&world.curator, slate.id, other, Vec::new())
        .await;
    assert!(is_conflict(&other), "{other:?}");
    // The hour has its film.
    assert_eq!(world.slate(21, 5).await.state, SlateState::Selected);
}

#[tokio::test]
async fn a_film_that_is_not_in_the_slate_cannot_be_selected() {
    let world = World::with(20).await;
    let slate = world.slate(21, 5).await;
    let shown: BTreeSet<_> = films(&slate).into_iter().collect();
    let other = world
        .films
        .iter()
        .find(|film| !shown.contains(film))
        .unwrap();
    let refused = world
        .slates()
        .select(&world.curator, slate.id, *other, Vec::new())
        .await;
    assert_eq!(refused.unwrap_err().code(), "BAD_USER_INPUT");
    let unknown = world
        .slates()
        .select(&world.curator, Uuid::nil().into(), *other, Vec::new())
        .await;
    assert_eq!(unknown.unwrap_err().code(), "NOT_FOUND");
    assert_eq!(world.slate(21, 5).await.id, slate.id);
}

#[tokio::test]
async fn a_selected_film_is_offered_nowhere_again() {
    let world = World::with(6).await;
    let (first, other) = (world.slate(21, 6).await, world.slate(22, 6).await);
    let picked = world.select(&first, 0).await.content;
    // A slate that was open has it no longer either.
    let renewed = world.slate(22, 6).await;
    assert_ne!(renewed.id, other.id);
    for hour in [20, 22, 23] {
        assert!(!films(&world.slate(hour, 6).await).contains(&picked));
    }
    let late = world
        .slates()
        .select(&world.curator, other.id, picked, Vec::new())
        .await;
    assert!(is_conflict(&late), "{late:?}");
}

#[tokio::test]
async fn concurrent_selections_neither_lose_an_update_nor_select_one_film_twice() {
    let world = World::with(24).await;
    let hours: Vec<i32> = (8..20).collect();
    let mut slates = Vec::new();
    for hour in &hours {
        slates.push(world.slate(*hour, 12).await);
    }
    // All want the same film, from two servers.
    let twin = world.app.twin().await;
    let wanted = slates
        .iter()
        .flat_map(films)
        .find(|film| {
            slates
                .iter()
                .filter(|slate| films(slate).contains(film))
                .count()
                >= 2
        })
        .unwrap();
    let having: Vec<_> = slates
        .iter()
        .filter(|slate| films(slate).contains(&wanted))
        .collect();
    let rivals = having.iter().enumerate().map(|(index, slate)| {
        let service = if index % 2 == 0 {
            world.slates()
        } else {
            &twin.services.slates
        };
        service.select(&world.curator, slate.id, wanted, Vec::new())
    });
    let outcomes = join_all(rivals).await;
    let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(won, 1);
    assert!(
        outcomes
            .iter()
            .filter(|outcome| outcome.is_err())
            .all(is_conflict)
    );
    // The others select films of their own at once.
    let mut taken = BTreeSet::from([wanted]);
    let mut plan = Vec::new();
    for slate in &slates {
        let current = world
            .slates()
            .find_many(&world.curator, &[slate.id])
            .await
            .unwrap();
        if current[&slate.id].state == SlateState::Open
            && let Some(film) = films(slate).into_iter().find(|film| !taken.contains(film))
        {
            taken.insert(film);
            plan.push((slate.id, film));
        }
    }
    assert!(plan.len() > 5);
    let all = plan.iter().enumerate().map(|(index, (slate, film))| {
        let service = if index % 2 == 0 {
            world.slates()
        } else {
            &twin.services.slates
        };
        service.select(&world.curator, *slate, *film, Vec::new())
    });
    for outcome in join_all(all).await {
        outcome.unwrap();
    }
    let filter = SelectionFilter::default();
    let made = plan.len() as u64 + 1;
    assert_eq!(world.slates().count_selections(filter).await.unwrap(), made);
    // Every one of them was learned.
    let learned: Vec<u8> = sqlx::query_scalar("SELECT state FROM bandit_state")
        .fetch_one(world.app.ctx.db.pool())
        .await
        .unwrap();
    let bandit = ranking::bandit::Bandit::from_npz(&learned).unwrap();
    assert_eq!(bandit.events(), made);
}

#[tokio::test]
async fn rejected_films_stay_out_of_the_hour_until_it_is_abandoned_and_of_no_other() {
    let world = World::with(12).await;
    let slate = world.slate(21, 4).await;
    let rejected: BTreeSet<_> = films(&slate).into_iter().collect();
    let (closed, next) = world
        .slates()
        .reject(&world.curator, slate.id, true)
        .await
        .unwrap();
    assert_eq!(closed.state, SlateState::Rejected);
    let next = next.unwrap();
    assert!(films(&next).iter().all(|film| !rejected.contains(film)));
    // A server that begins only now knows it as well.
    let twin = world.app.twin().await;
    let there = twin
        .services
        .slates
        .slate(&world.curator, world.slot(21), 8)
        .await
        .unwrap();
    assert_eq!(there.candidates, 8);
    assert!(films(&there).iter().all(|film| !rejected.contains(film)));
    assert_eq!(world.slate(22, 12).await.items.len(), 12);
    // What was rejected is not selected from the old slate.
    let late = world
        .slates()
        .select(&world.curator, slate.id, slate.items[0].content, Vec::new())
        .await;
    assert!(is_conflict(&late), "{late:?}");
    let readmitted = world
        .slates()
        .abandon(&world.curator, world.slot(21))
        .await
        .unwrap();
    assert_eq!(readmitted, 4);
    let again = world.slate(21, 12).await;
    assert_eq!(again.items.len(), 12);
    assert_ne!(again.id, there.id);
    let there = world
        .slates()
        .find_many(&world.curator, &[there.id])
        .await
        .unwrap();
    assert!(
        there
            .values()
            .all(|slate| slate.state == SlateState::Abandoned)
    );
}

#[tokio::test]
async fn when_everything_was_rejected_nothing_new_is_offered_and_the_rejection_stays() {
    let world = World::with(3).await;
    let slate = world.slate(21, 3).await;
    let (closed, next) = world
        .slates()
        .reject(&world.curator, slate.id, true)
        .await
        .unwrap();
    assert_eq!((closed.state, next), (SlateState::Rejected, None));
    assert!(is_conflict(&world.try_slate(21, 3).await));
}

#[tokio::test]
async fn the_history_of_selections_has_pages_and_filters() {
    let world = World::with(20).await;
    let mut made = Vec::new();
    for hour in [10, 14, 20] {
        world.app.ctx.clock.advance(chrono::TimeDelta::minutes(1));
        let slate = world.slate(hour, 5).await;
        made.push(world.select(&slate, 0).await);
    }
    made.reverse();
    let filter = SelectionFilter::default();
    let read = async |window: Window| {
        world
            .slates()
            .selections(&world.curator, filter, &window)
            .await
            .unwrap()
    };
    let first = read(Window::first(2)).await;
    assert_eq!(first.rows, made[..2]);
    assert!(first.has_next);
    let other = SelectionFilter {
        channel: Some(world.rival),
        ..filter
    };
    assert_eq!(world.slates().count_selections(other).await.unwrap(), 0);
    let later = SelectionFilter {
        from: Some("2026-03-07".parse().unwrap()),
        ..filter
    };
    assert_eq!(world.slates().count_selections(later).await.unwrap(), 0);
}
