//! Whatever is done to jobs in whatever order, only legal moves are written.

use std::time::Duration;

use marquee::domain::auth::Viewer;
use marquee::domain::job_handler::NoParameters;
use marquee::domain::jobs::JobParameters;
use marquee::domain::jobs::model::{JobState, NewJob};
use marquee::domain::recommendations::jobs::RecommendationsJob;
use marquee::domain::recommendations::jobs::RefreshTarget;
use marquee::domain::upkeep::jobs::StatisticsJob;
use marquee::foundation::{Error, Id, id};
use proptest::prelude::*;

use crate::support::TestApp;
use crate::world::{break_summing_up, orphan, soon, stop, trifle, worker};

#[derive(Clone, Debug)]
enum Move {
    /// Ask for one: done at once, failing at once, or failing for now.
    Ask(u8),
    /// Ask for the same to be done in an hour.
    PutOff(u8),
    Cancel(usize),
    Retry(usize),
    Delete(usize),
    /// Its worker dies.
    Orphan(usize),
    /// What waits for another attempt is due.
    Due,
    /// A worker comes, does what is due, and goes.
    Work,
    /// A worker comes and goes at once.
    Pass,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => (0..4_u8).prop_map(Move::Ask),
        2 => (0..4_u8).prop_map(Move::PutOff),
        2 => (0..6_usize).prop_map(Move::Cancel),
        3 => (0..6_usize).prop_map(Move::Retry),
        1 => (0..6_usize).prop_map(Move::Delete),
        2 => (0..6_usize).prop_map(Move::Orphan),
        1 => Just(Move::Due),
        2 => Just(Move::Work),
        1 => Just(Move::Pass),
    ];
    proptest::collection::vec(one, 4..30)
}

async fn make(app: &TestApp, asked: &[Id<id::Job>], next: &Move) -> Option<Id<id::Job>> {
    let (jobs, shell) = (&app.services.jobs, &Viewer::Command);
    let of = |index: &usize| asked.get(*index).copied();
    let outcome = match next {
        Move::Ask(which) | Move::PutOff(which) => {
            let parameters = match which {
                0 => JobParameters::of::<RecommendationsJob>(RefreshTarget::Everyone),
                1 => JobParameters::of::<StatisticsJob>(NoParameters {}),
                which => trifle(u16::from(*which)),
            };
            let mut new = NewJob::now(parameters);
            if matches!(next, Move::PutOff(_)) {
                new.delay = Duration::from_secs(3600);
            }
            let made = jobs.create(shell, new).await.unwrap();
            return (!made.joined).then_some(made.job.id);
        }
        Move::Cancel(index) => jobs.cancel(shell, of(index)?).await.err(),
        Move::Retry(index) => jobs.retry(shell, of(index)?).await.err(),
        Move::Delete(index) => jobs.delete(shell, of(index)?).await.err(),
        Move::Orphan(index) => {
            orphan(app, of(index)?).await;
            None
        }
        Move::Due => {
            let due =
                sqlx::query("UPDATE generation_jobs SET due_at = now() WHERE state = 'PENDING'");
            due.execute(app.ctx.db.pool()).await.unwrap();
            None
        }
        Move::Work => {
            let workers = worker(&app.services, 2);
            soon(idle(app)).await;
            stop(workers, Duration::from_secs(60)).await;
            None
        }
        Move::Pass => {
            stop(worker(&app.services, 2), Duration::ZERO).await;
            None
        }
    };
    // It may be refused, and nothing else.
    assert!(
        matches!(outcome, None | Some(Error::Refused(_))),
        "{next:?}: {outcome:?}"
    );
    None
}

/// Nothing runs, and nothing is due.
async fn idle(app: &TestApp) {
    let busy = "SELECT count(*) FROM generation_jobs
         WHERE state = 'RUNNING' OR state = 'PENDING' AND due_at <= now()";
    while crate::world::count(app, busy).await > 0 {
        tokio::task::yield_now().await;
    }
}

async fn check(app: &TestApp) {
    let pool = app.ctx.db.pool();
    let jobs: Vec<(uuid::Uuid, i64, String)> =
        sqlx::query_as("SELECT id, events, state FROM generation_jobs")
            .fetch_all(pool)
            .await
            .unwrap();
    for (id, count, state) in jobs {
        let told: Vec<(i64, String, i16)> = sqlx::query_as(
            "SELECT number, state, attempt FROM job_events WHERE job_id = $1 ORDER BY number",
        )
        .bind(id)
        .fetch_all(pool)
        .await
        .unwrap();
        let numbers: Vec<i64> = told.iter().map(|(number, ..)| *number).collect();
        assert_eq!(numbers, (1..=count).collect::<Vec<_>>());
        assert_eq!(told.last().unwrap().1, state);
        let states: Vec<JobState> = told
            .iter()
            .map(|(_, state, _)| state.parse().unwrap())
            .collect();
        assert_eq!(states[0], JobState::Pending);
        for (from, to) in states.iter().zip(&states[1..]) {
            // A job that runs tells of its progress, and of being asked to end; one that waits, of
            // being brought forward.
            let stays = from == to && !from.is_over();
            assert!(
                stays || from.may_become(*to),
                "{from:?} to {to:?} in {told:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_writes_an_illegal_move(moves in moves()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(async {
            let app = TestApp::start().await;
            break_summing_up(&app).await;
            let mut asked = Vec::new();
            for next in &moves {
                asked.extend(make(&app, &asked, next).await);
            }
            check(&app).await;
        });
    }
}
