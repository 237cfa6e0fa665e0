//! Who may generate, what is kept of it, and what is shown.

use std::ops::ControlFlow;

use marquee::domain::auth::{Role, Scope, Viewer};
use marquee::domain::content::model::{CreditRole, NewCredit, PersonRef};
use marquee::domain::content::{Content, ContentKind, Fields, Visibility};
use marquee::domain::generation::model::NewItem;
use marquee::domain::generation::{
    Generated, GenerationError, GenerationParameters, GenerationRequest, GeneratorInput,
    ImageInput, Target, TextInput,
};
use marquee::foundation::{Error, Id, id};
use marquee::platform::config::Settings;
use resvg::tiny_skia::Pixmap;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fakes::{Reply, Script};
use crate::openai;
use crate::support::{self, TestApp};

fn parameters(input: GeneratorInput, target: Target) -> GenerationParameters {
    GenerationParameters {
        generator: "builtin".to_owned(),
        input,
        target,
        about: None,
    }
}

fn small() -> ImageInput {
    ImageInput {
        width: 64,
        height: 96,
        ..ImageInput::new("A poster of a horror film\nwith bats")
    }
}

pub fn picture() -> GenerationParameters {
    let target = Target::NewItem(NewItem::new(ContentKind::Image));
    parameters(GeneratorInput::Image(small()), target)
}

fn text() -> GenerationParameters {
    let target = Target::NewItem(NewItem::new(ContentKind::Text));
    parameters(GeneratorInput::Text(TextInput::new("A blurb")), target)
}

pub fn poster_of(content: Id<id::Content>) -> GenerationParameters {
    parameters(GeneratorInput::Image(small()), Target::Poster { content })
}

async fn carry_out(
    app: &TestApp,
    request: &GenerationRequest,
    job: Option<Uuid>,
) -> Vec<Generated> {
    let mut observe = |_| ControlFlow::Continue(());
    let stop = CancellationToken::new();
    let generation = &app.services.generation;
    let made = generation.generate(request, job, &mut observe, &stop);
    made.await.unwrap()
}

pub async fn make(
    app: &TestApp,
    viewer: &Viewer,
    parameters: GenerationParameters,
) -> Vec<Generated> {
    let request = app.services.generation.prepare(viewer, parameters).await;
    carry_out(app, &request.unwrap(), None).await
}

async fn item(app: &TestApp, id: Id<id::Content>) -> Content {
    let found = app
        .services
        .content
        .find_many(&Viewer::Command, &[id])
        .await;
    found.unwrap().remove(&id).unwrap()
}

async fn refusal(
    app: &TestApp,
    viewer: &Viewer,
    parameters: GenerationParameters,
) -> (Vec<String>, String) {
    match app.services.generation.prepare(viewer, parameters).await {
        Err(Error::Refused(refusal)) => (refusal.path().to_vec(), refusal.to_string()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_picture_becomes_an_item_with_its_file_and_its_prompt() {
    let app = TestApp::start().await;
    let viewer = app.viewer(Role::User).await;
    let made = make(&app, &viewer, picture()).await;
    let [generated] = &made[..] else {
        panic!("{made:?}")
    };
    let item = item(&app, generated.content).await;
    assert_eq!(item.fields.kind, ContentKind::Image);
    assert_eq!(item.fields.title, "A poster of a horror film");
    assert_eq!(item.fields.visibility, Visibility::Private);
    assert_eq!(item.creator, viewer.user());
    let schema = app.ctx.db.schema();
    let url = format!("/files/{schema}/{}", generated.file);
    assert_eq!(item.fields.poster_url, Some(url));
    let bytes = app
        .services
        .generation
        .file(&generated.file)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(i64::try_from(bytes.len()).unwrap(), generated.bytes);
    let pixels = Pixmap::decode_png(&bytes).unwrap();
    assert_eq!((pixels.width(), pixels.height()), (64, 96));
    assert_eq!(generated.prompt, "A poster of a horror film\nwith bats");
    assert_eq!(generated.generator, "builtin");
    assert_eq!(generated.parameters["ask"]["width"], 64);
    assert_eq!(generated.parameters["ask"]["seed"].as_i64(), generated.seed);
    assert!(generated.seed.is_some());
}

#[tokio::test]
async fn the_parameters_that_are_kept_make_the_same_again() {
    let app = TestApp::start().await;
    let viewer = app.viewer(Role::User).await;
    let first = make(&app, &viewer, picture()).await.remove(0);
    let again: GenerationParameters = serde_json::from_value(first.parameters.clone()).unwrap();
    let second = make(&app, &viewer, again).await.remove(0);
    assert_eq!(first.file, second.file);
    assert_ne!(first.content, second.content);
}

#[tokio::test]
async fn a_text_about_a_film_knows_what_the_catalogue_knows() {
    let app = TestApp::start().await;
    let mut fields = Fields::new(ContentKind::Movie, "Night Train");
    fields.year = Some(1959);
    fields.genres = vec!["Mystery".to_owned()];
    let credit = NewCredit {
        person: PersonRef::Name("Jerzy Kawalerowicz".into()),
        role: CreditRole::Director,
        character: None,
    };
    let film = app
        .services
        .content
        .create(&Viewer::Command, fields, vec![credit]);
    let film = film.await.unwrap().id;
    let about = GenerationParameters {
        about: Some(film),
        ..text()
    };
    let viewer = app.viewer(Role::User).await;
    let made = make(&app, &viewer, about).await.remove(0);
    let item = item(&app, made.content).await;
    assert_eq!(item.fields.title, "About “Night Train”");
    assert_eq!(item.fields.genres, ["Mystery"]);
    for word in [
        "Night Train",
        "1959",
        "Jerzy Kawalerowicz",
        "Composed from the catalogue's data.",
    ] {
        assert!(
            item.fields.description.contains(word),
            "{}",
            item.fields.description
        );
    }
    let file = app
        .services
        .generation
        .file(&made.file)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(file, item.fields.description);
}

#[tokio::test]
async fn a_poster_is_set_on_the_item_that_it_was_made_for() {
    let app = TestApp::start().await;
    let film = app.film("The Long Ride").await;
    let first = make(&app, &Viewer::Command, poster_of(film))
        .await
        .remove(0);
    let mut other = poster_of(film);
    other.input = GeneratorInput::Image(ImageInput {
        height: 128,
        ..small()
    });
    let second = make(&app, &Viewer::Command, other).await.remove(0);
    assert_eq!((first.content, second.content), (film, film));
    let url = item(&app, film).await.fields.poster_url.unwrap();
    assert!(url.ends_with(&second.file.to_string()), "{url}");
    let kept = app
        .services
        .generation
        .find_many(&Viewer::Command, &[film])
        .await;
    assert_eq!(kept.unwrap()[&film].file, second.file);
}

#[tokio::test]
async fn a_job_that_runs_twice_makes_its_items_once() {
    let app = TestApp::start().await;
    let mut two = picture();
    two.input = GeneratorInput::Image(ImageInput {
        batch: 2,
        ..small()
    });
    let viewer = app.viewer(Role::User).await;
    let request = app.services.generation.prepare(&viewer, two).await.unwrap();
    // As a job keeps it.
    let request: GenerationRequest =
        serde_json::from_value(serde_json::to_value(request).unwrap()).unwrap();
    let job = Some(Uuid::from_u128(77));
    let (one, other) = tokio::join!(
        carry_out(&app, &request, job),
        carry_out(&app, &request, job)
    );
    let again = carry_out(&app, &request, job).await;
    let ids = |made: &[Generated]| made.iter().map(|one| one.content).collect::<Vec<_>>();
    assert_eq!(ids(&one).len(), 2);
    assert_eq!(ids(&one), ids(&other));
    assert_eq!(ids(&one), ids(&again));
    let count = app.ask("{ contents { totalCount } }").await;
    assert_eq!(count["contents"]["totalCount"], 2);
    let another = carry_out(&app, &request, Some(Uuid::from_u128(78))).await;
    assert!(!ids(&one).contains(&another[0].content));
}

#[tokio::test]
async fn who_may_generate_is_decided_by_role_and_generator() {
    let mut settings = support::settings();
    settings.generation.openai.url = "http://127.0.0.1:1/v1".to_owned();
    let app = TestApp::with(settings).await;
    let (user, curator) = (
        app.viewer(Role::User).await,
        app.viewer(Role::Curator).await,
    );
    let writer = app.app(&[Scope::CatalogueWrite]);
    let reader = app.app(&[Scope::UsersRead]);
    for (viewer, generator, code) in [
        (&Viewer::Nobody, "builtin", Some("UNAUTHENTICATED")),
        (&Viewer::Nobody, "openai", Some("UNAUTHENTICATED")),
        (&reader, "builtin", Some("FORBIDDEN")),
        (&user, "builtin", None),
        (&user, "openai", Some("FORBIDDEN")),
        (&curator, "openai", None),
        (&writer, "openai", None),
        (&Viewer::Command, "openai", None),
    ] {
        let parameters = GenerationParameters {
            generator: generator.to_owned(),
            ..picture()
        };
        let done = app.services.generation.prepare(viewer, parameters).await;
        assert_eq!(
            done.err().map(|error| error.code()),
            code,
            "{viewer:?} {generator}"
        );
    }
}

#[tokio::test]
async fn nobody_sets_the_poster_of_or_reads_of_what_is_not_theirs() {
    let app = TestApp::start().await;
    let (vera, other) = (app.viewer(Role::User).await, app.viewer(Role::User).await);
    let diary = app.private_film(&vera, "A diary").await;
    let film = app.film("Everybody's").await;
    let generation = &app.services.generation;
    let about_diary = GenerationParameters {
        about: Some(diary),
        ..text()
    };
    for (parameters, code) in [
        (poster_of(diary), "NOT_FOUND"),
        (about_diary, "NOT_FOUND"),
        (poster_of(film), "FORBIDDEN"),
    ] {
        let done = generation.prepare(&other, parameters).await;
        assert_eq!(done.unwrap_err().code(), code);
    }
    // What became private while the job waited is looked at again.
    let about_film = GenerationParameters {
        about: Some(film),
        ..text()
    };
    let request = generation.prepare(&other, about_film).await.unwrap();
    let content = &app.services.content;
    let hide = |fields: &mut Fields| fields.visibility = Visibility::Private;
    content
        .update(&Viewer::Command, film, None, hide)
        .await
        .unwrap();
    let mut observe = |_| ControlFlow::Continue(());
    let stop = CancellationToken::new();
    let done = generation
        .generate(&request, None, &mut observe, &stop)
        .await;
    assert!(
        matches!(done, Err(GenerationError::Server(Error::Refused(_)))),
        "{done:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_by_the_name_of_its_field() {
    let app = TestApp::start().await;
    let film = app.film("A film").await;
    let asks = |change: fn(&mut ImageInput)| {
        let mut ask = small();
        change(&mut ask);
        GenerationParameters {
            input: GeneratorInput::Image(ask),
            ..picture()
        }
    };
    let two = GenerationParameters {
        input: GeneratorInput::Image(ImageInput {
            batch: 2,
            ..small()
        }),
        ..poster_of(film)
    };
    let written = GenerationParameters {
        input: GeneratorInput::Text(TextInput::new("x")),
        ..poster_of(film)
    };
    let wrong_kind = GenerationParameters {
        input: GeneratorInput::Text(TextInput::new("x")),
        ..picture()
    };
    let untitled = parameters(
        GeneratorInput::Image(small()),
        Target::NewItem(NewItem {
            title: Some(" ".to_owned()),
            ..NewItem::new(ContentKind::Image)
        }),
    );
    for (parameters, field) in [
        (asks(|ask| ask.prompt = String::new()), &["prompt"][..]),
        (asks(|ask| ask.prompt = "x".repeat(20_001)), &["prompt"]),
        (asks(|ask| ask.width = 63), &["width"]),
        (asks(|ask| ask.height = 4096), &["height"]),
        (asks(|ask| ask.batch = 9), &["batch"]),
        (two, &["batch"]),
        (written, &["posterOf"]),
        (wrong_kind, &["item", "kind"]),
        (untitled, &["item", "title"]),
    ] {
        let (path, message) = refusal(&app, &Viewer::Command, parameters).await;
        assert_eq!(path, field, "{message}");
    }
    for (generator, words) in [
        ("midas", "there are builtin"),
        ("openai", "not set up here"),
    ] {
        let parameters = GenerationParameters {
            generator: generator.to_owned(),
            ..picture()
        };
        let (path, message) = refusal(&app, &Viewer::Command, parameters).await;
        assert_eq!(path, ["generator"]);
        assert!(message.contains(words), "{message}");
    }
}

#[tokio::test]
async fn a_stopped_generation_ends_at_once_and_keeps_nothing() {
    let server = Script::start(vec![Reply::Never]).await;
    let mut settings = support::settings();
    settings.generation.openai = openai::settings(&server.url);
    let app = TestApp::with(settings).await;
    let parameters = GenerationParameters {
        generator: "openai".to_owned(),
        ..text()
    };
    let generation = &app.services.generation;
    let request = generation
        .prepare(&Viewer::Command, parameters)
        .await
        .unwrap();
    let stop = CancellationToken::new();
    // Stopped while the server says nothing.
    let mut observe = |_| {
        let stop = stop.clone();
        tokio::spawn(async move { stop.cancel() });
        ControlFlow::Continue(())
    };
    let done = generation.generate(&request, None, &mut observe, &stop);
    let done = tokio::time::timeout(crate::PATIENCE, done).await.unwrap();
    assert!(matches!(done, Err(GenerationError::Stopped)), "{done:?}");
    let count = app.ask("{ contents { totalCount } }").await;
    assert_eq!(count["contents"]["totalCount"], 0);
}

#[tokio::test]
async fn how_an_item_was_made_is_shown_to_those_who_may_change_it() {
    let app = TestApp::start().await;
    let viewer = app.viewer(Role::User).await;
    let mut shown = picture();
    shown.target = Target::NewItem(NewItem {
        visibility: Visibility::Public,
        ..NewItem::new(ContentKind::Image)
    });
    let made = make(&app, &viewer, shown).await.remove(0);
    let document = "query ($id: ID!) { content(id: $id) { posterUrl generated { prompt generator \
        parameters seed createdAt file { url mediaType bytes } } } }";
    let variables = json!({ "id": made.content.to_string() });
    for who in [&viewer, &Viewer::Command] {
        let answer = app.ask_as(who, document, variables.clone()).await;
        let content = &answer["content"];
        let generated = &content["generated"];
        assert_eq!(generated["prompt"], made.prompt);
        assert_eq!(generated["generator"], "builtin");
        assert_eq!(generated["file"]["mediaType"], "image/png");
        assert_eq!(generated["file"]["bytes"], made.bytes);
        assert_eq!(generated["file"]["url"], content["posterUrl"]);
        assert_eq!(
            generated["seed"].as_f64(),
            made.seed.map(|seed| seed as f64)
        );
        assert_eq!(generated["parameters"]["generator"], "builtin");
    }
    let stranger = app.viewer(Role::User).await;
    for who in [&stranger, &Viewer::Nobody, &app.app(&[Scope::UsersRead])] {
        let answer = app.ask_as(who, document, variables.clone()).await;
        assert_eq!(answer["content"]["generated"], json!(null));
        assert!(answer["content"]["posterUrl"].is_string());
    }
}

#[tokio::test]
async fn the_generators_are_listed_with_their_limits() {
    let mut settings: Settings = support::settings();
    settings.generation.comfyui.url = "http://127.0.0.1:1".to_owned();
    let app = TestApp::with(settings).await;
    let answer = app
        .ask("{ generators { name kinds available limits { maxSide maxBatch maxPromptCharacters } } }")
        .await;
    let limits = json!({ "maxSide": 2048, "maxBatch": 8, "maxPromptCharacters": 20_000 });
    let one = |name: &str, kinds: serde_json::Value, available: bool| json!({ "name": name, "kinds": kinds, "available": available, "limits": limits });
    let all = json!([
        one("builtin", json!(["TEXT", "IMAGE"]), true),
        one("openai", json!(["TEXT", "IMAGE"]), false),
        one("comfyui", json!(["IMAGE"]), true),
    ]);
    assert_eq!(answer["generators"], all);
}
