//! `marquee demo`

use std::ops::ControlFlow;

use futures::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::app::cli::OnSchema;
use crate::app::startup::App;
use crate::app::terminal;
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::content::ContentKind;
use crate::domain::content::model::{ContentFilter, ContentOrder};
use crate::domain::demo::LOGINS;
use crate::domain::generation::{
    Builtin, GenerationParameters, GeneratorInput, ImageInput, Target,
};
use crate::domain::recommendations::training::TrainingOptions;
use crate::foundation::page::{MAX_SIZE, Window};

/// The size of the demo's posters, in pixels: that of a card on a page.
const WIDTH: i32 = 256;
const HEIGHT: i32 = 384;
/// How many posters there are before the demo is served: those of a front page. The others are drawn beside it.
const FIRST_POSTERS: usize = 40;

/// Load the demo data into an empty schema and train on it.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    on: OnSchema,
}

/// Runs the command.
///
/// # Errors
/// When the schema already holds something, or the database fails.
pub async fn run(args: Args, app: &App) -> anyhow::Result<()> {
    let name = match &args.on.schema {
        Some(name) => name.clone(),
        None => "demo".parse().map_err(anyhow::Error::msg)?,
    };
    let (_, services) = app.schema(Some(&name))?;
    anyhow::ensure!(
        load(services).await?,
        "the schema `{name}` already holds users or content; the demo goes into an empty one"
    );
    for login in LOGINS {
        println!(
            "{:8} {}  {}",
            login.role.as_str(),
            login.email,
            login.password
        );
    }
    Ok(())
}

/// Loads the demo and trains on it, unless the schema holds something already; says whether it did.
///
/// # Errors
/// When the database fails.
pub async fn load(services: &Services) -> anyhow::Result<bool> {
    let Some(loaded) = services.demo.load(&Viewer::Command).await? else {
        return Ok(false);
    };
    terminal::say(&format!(
        "Loaded the demo: {} films, {} products, {} users, {} interactions.",
        loaded.films, loaded.products, loaded.users, loaded.interactions
    ));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    draw_posters(services, FIRST_POSTERS, threads).await?;
    services.recommendations.invalidate_non_personalised();
    // The training learns how much the vectors count, so they come first.
    super::embed::embed(services).await?;
    super::train::train(services, TrainingOptions::default()).await?;
    // What curators pick and how many watch, from the schedules of the demo's channels.
    services.slates.train_predictors(&Viewer::Command).await?;
    Ok(true)
}

/// Draws posters for the most popular films that have none, at most `most`, so that a page has something to show
/// from the start; `at_once` of them side by side.
///
/// # Errors
/// When the database fails or a file cannot be kept.
pub async fn draw_posters(services: &Services, most: usize, at_once: usize) -> anyhow::Result<()> {
    let mut filter = ContentFilter::default();
    filter.kind.eq = Some(ContentKind::Movie);
    let (mut films, mut window) = (Vec::new(), Window::first(MAX_SIZE));
    while films.len() < most {
        let order = (ContentOrder::Popularity, false);
        let listed = services
            .content
            .list(&Viewer::Command, &filter, order, &window);
        let listed = listed.await?;
        let bare = listed.rows.iter();
        let bare = bare.filter(|film| film.fields.poster_url.is_none());
        films.extend(bare.map(|film| film.id));
        let Some(last) = listed.rows.last().filter(|_| listed.has_next) else {
            break;
        };
        window.from = Some(last.cursor(order.0, order.1).encode());
    }
    films.truncate(most);
    let drawing = films.into_iter().map(|content| async move {
        let mut input = ImageInput::new("A poster");
        // Each film has a picture of its own.
        let seed = content.uuid().as_u128() & u128::from(u32::MAX);
        (input.width, input.height, input.seed) = (WIDTH, HEIGHT, Some(seed as i64));
        let parameters = GenerationParameters {
            generator: Builtin::NAME.to_owned(),
            input: GeneratorInput::Image(input),
            target: Target::Poster { content },
            about: None,
        };
        let generation = &services.generation;
        let request = generation.prepare(&Viewer::Command, parameters).await?;
        let (mut observe, never) = (|_| ControlFlow::Continue(()), CancellationToken::new());
        let made = generation.generate(&request, None, &mut observe, &never);
        made.await.map_err(|error| anyhow::anyhow!("{error}"))
    });
    let mut drawing = stream::iter(drawing).buffer_unordered(at_once);
    while let Some(made) = drawing.next().await {
        made?;
    }
    Ok(())
}
