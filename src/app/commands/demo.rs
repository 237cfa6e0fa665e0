//! `marquee demo`

use std::ops::ControlFlow;

use futures::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::app::cli::OnSchema;
use crate::app::startup::App;
use crate::app::terminal::{self, ProgressBar};
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::content::ContentKind;
use crate::domain::content::model::{ContentFilter, ContentOrder};
use crate::domain::demo::LOGINS;
use crate::domain::generation::{
    Builtin, GenerationParameters, GeneratorInput, ImageInput, Target,
};
use crate::domain::recommendations::training::TrainingOptions;
use crate::foundation::Progress;
use crate::foundation::page::{MAX_SIZE, Window};

/// The size of the demo's posters, in pixels: that of a card on a page.
const WIDTH: i32 = 256;
const HEIGHT: i32 = 384;

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
    draw_posters(services).await?;
    services.recommendations.invalidate_non_personalised();
    // The training learns how much the vectors count, so they come first.
    super::embed::embed(services).await?;
    super::train::train(services, TrainingOptions::default()).await?;
    Ok(true)
}

/// Draws a poster for each film, so that a page has something to show from the start. The same demo has the same
/// posters everywhere.
async fn draw_posters(services: &Services) -> anyhow::Result<()> {
    let mut filter = ContentFilter::default();
    filter.kind.eq = Some(ContentKind::Movie);
    let (mut films, mut window) = (Vec::new(), Window::first(MAX_SIZE));
    loop {
        let order = (ContentOrder::Title, true);
        let listed = services
            .content
            .list(&Viewer::Command, &filter, order, &window);
        let listed = listed.await?;
        films.extend(listed.rows.iter().map(|film| film.id));
        let Some(last) = listed.rows.last().filter(|_| listed.has_next) else {
            break;
        };
        window.from = Some(last.cursor(order.0, order.1).encode());
    }
    let (all, mut drawn) = (films.len() as u64, 0);
    let mut bar = ProgressBar::new();
    let drawing = films
        .into_iter()
        .zip(1..)
        .map(|(content, seed)| async move {
            let mut input = ImageInput::new("A poster");
            (input.width, input.height, input.seed) = (WIDTH, HEIGHT, Some(seed));
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
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut drawing = stream::iter(drawing).buffer_unordered(threads);
    while let Some(made) = drawing.next().await {
        made?;
        drawn += 1;
        bar.show(&Progress::counted("drawing posters", drawn, all));
    }
    Ok(())
}
