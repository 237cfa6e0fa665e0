//! What those who are no admins may ask for, at first and again.

use marquee::domain::auth::{Role, Viewer};
use marquee::domain::content::ContentKind;
use marquee::domain::generation::jobs::TextJob;
use marquee::domain::generation::model::NewItem;
use marquee::domain::generation::{GenerationParameters, GeneratorInput, Target, TextInput};
use marquee::domain::jobs::JobParameters;
use marquee::domain::jobs::model::{JobState, NewJob};
use marquee::domain::recommendations::jobs::RecommendationsJob;
use marquee::domain::recommendations::jobs::RefreshTarget;
use marquee::domain::upkeep::erasure::ErasureJob;
use marquee::domain::upkeep::erasure::ErasureParameters;
use marquee::foundation::{Error, Refusal};

use crate::support::{self, TestApp};
use crate::world::{ask_as, conflict, sql};

/// The same user in another role.
fn becomes(viewer: &Viewer, role: Role) -> Viewer {
    match viewer.clone() {
        Viewer::User { id, session, .. } => Viewer::User { id, role, session },
        other => panic!("no user: {other:?}"),
    }
}

fn own_lists(viewer: &Viewer) -> JobParameters {
    let user = viewer.user().unwrap();
    JobParameters::of::<RecommendationsJob>(RefreshTarget::User { user })
}

#[tokio::test]
async fn only_admins_put_their_jobs_before_those_of_others() {
    let app = TestApp::start().await;
    let jobs = &app.services.jobs;
    let (user, admin) = (app.viewer(Role::User).await, app.viewer(Role::Admin).await);
    let with = |viewer: &Viewer, priority| NewJob {
        priority,
        ..NewJob::now(own_lists(viewer))
    };
    for priority in [1, 100] {
        match jobs.create(&user, with(&user, priority)).await {
            Err(Error::Refused(refusal @ Refusal::InvalidInput { .. })) => {
                assert_eq!(refusal.path(), ["priority"]);
            }
            other => panic!("{other:?}"),
        }
    }
    let modest = jobs.create(&user, with(&user, -100)).await.unwrap();
    assert_eq!(modest.job.priority, -100);
    let urgent = jobs.create(&admin, with(&admin, 100)).await.unwrap();
    assert_eq!(urgent.job.priority, 100);
    // An erasure is urgent by itself, and no more than that.
    let erasure = || {
        let user = user.user().unwrap();
        NewJob::now(JobParameters::of::<ErasureJob>(ErasureParameters { user }))
    };
    let more = NewJob {
        priority: 51,
        ..erasure()
    };
    assert!(jobs.create(&user, more).await.is_err());
    let erased = jobs.create(&user, erasure()).await.unwrap();
    assert_eq!(erased.job.priority, 50);
}

#[tokio::test]
async fn a_hundred_jobs_that_wait_are_too_many_to_begin_one_again() {
    let app = TestApp::start().await;
    let jobs = &app.services.jobs;
    let user = app.viewer(Role::User).await;
    let own = ask_as(&app, &user, own_lists(&user)).await;
    jobs.cancel(&user, own.id).await.unwrap();
    let fill = "INSERT INTO generation_jobs (id, kind, parameters, owner_id, asked_by, unique_key, attempts)
        SELECT gen_random_uuid(), 'STATISTICS', '{\"kind\": \"STATISTICS\"}', owner_id, 'x', gen_random_uuid()::text::bytea, 4
          FROM generation_jobs, generate_series(1, 100) WHERE id = $1";
    sql(&app, fill, own.id).await;
    assert_eq!(
        conflict(jobs.retry(&user, own.id).await),
        "100 jobs of yours wait already; try again later"
    );
    let again = jobs.retry(&Viewer::Command, own.id).await.unwrap();
    assert_eq!(again.state, JobState::Pending);
}

#[tokio::test]
async fn who_may_no_longer_ask_for_content_does_not_have_it_tried_again() {
    let mut settings = support::settings();
    settings.generation.openai.url = "http://127.0.0.1:1/v1".to_owned();
    let app = TestApp::with(settings).await;
    let (jobs, generation) = (&app.services.jobs, &app.services.generation);
    let request = async |viewer: &Viewer, generator: &str| -> JobParameters {
        let parameters = GenerationParameters {
            generator: generator.to_owned(),
            input: GeneratorInput::Text(TextInput::new("A blurb")),
            target: Target::NewItem(NewItem::new(ContentKind::Text)),
            about: None,
        };
        JobParameters::of::<TextJob>(generation.prepare(viewer, parameters).await.unwrap())
    };
    // An admin may name what is not theirs, and a curator may have what costs money.
    for (role, generator) in [(Role::Admin, "builtin"), (Role::Curator, "openai")] {
        let before = app.viewer(role).await;
        let asked = ask_as(&app, &before, request(&before, generator).await).await;
        jobs.cancel(&before, asked.id).await.unwrap();
        let now = becomes(&before, Role::User);
        let refused = jobs.retry(&now, asked.id).await;
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
        let again = jobs.retry(&before, asked.id).await.unwrap();
        assert_eq!(again.state, JobState::Pending);
    }
    // Their own, of what is for everybody, they may.
    let user = app.viewer(Role::User).await;
    let asked = ask_as(&app, &user, request(&user, "builtin").await).await;
    jobs.cancel(&user, asked.id).await.unwrap();
    assert!(jobs.retry(&user, asked.id).await.is_ok());
}
