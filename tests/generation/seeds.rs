//! What no seed is named for.

use std::ops::ControlFlow;

use marquee::domain::auth::Viewer;
use marquee::domain::content::ContentKind;
use marquee::domain::generation::model::NewItem;
use marquee::domain::generation::{
    Generated, GenerationParameters, GeneratorInput, ImageInput, Target,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::TestApp;

/// A picture of rain for a job, on a server of its own.
async fn made(job: Uuid) -> Generated {
    let app = TestApp::start().await;
    let ask = ImageInput {
        width: 64,
        height: 96,
        ..ImageInput::new("Rain")
    };
    let parameters = GenerationParameters {
        generator: "builtin".to_owned(),
        input: GeneratorInput::Image(ask),
        target: Target::NewItem(NewItem::new(ContentKind::Image)),
        about: None,
    };
    let generation = &app.services.generation;
    let request = generation.prepare(&Viewer::Command, parameters).await;
    let request = request.unwrap();
    assert_eq!(request.parameters.input.seed(), None, "nobody named one");
    let mut observe = |_| ControlFlow::Continue(());
    let stop = CancellationToken::new();
    let made = generation.generate(&request, Some(job), &mut observe, &stop);
    made.await.unwrap().remove(0)
}

#[tokio::test]
async fn another_attempt_of_a_job_makes_the_same_and_another_job_something_else() {
    let (job, other) = (Uuid::from_u128(u128::MAX), Uuid::from_u128(78));
    let (first, again, another) = (made(job).await, made(job).await, made(other).await);
    assert_eq!((first.seed, &first.file), (again.seed, &again.file));
    assert_eq!(first.seed, Some((1 << 53) - 1), "as large as a seed may be");
    assert_eq!(first.parameters["ask"]["seed"].as_i64(), first.seed);
    assert_ne!((first.seed, first.file), (another.seed, another.file));
}
