//! The generator that needs nobody.

use marquee::domain::generation::{
    Builtin, Generator, GeneratorInput, GeneratorOutput, ImageInput, ItemSummary, TextInput,
};
use marquee::platform::objects::MediaType;
use resvg::tiny_skia::Pixmap;

use std::ops::ControlFlow;

fn summary() -> ItemSummary {
    ItemSummary {
        title: "The Long Ride".to_owned(),
        year: Some(1968),
        genres: vec!["Western".to_owned()],
        noun: "film",
        ..ItemSummary::default()
    }
}

async fn make(input: GeneratorInput) -> Vec<GeneratorOutput> {
    let summary = summary();
    let mut observe = |_| ControlFlow::Continue(());
    Builtin
        .generate(&input, &summary, &mut observe)
        .await
        .unwrap()
}

fn poster(seed: i64, batch: i32) -> GeneratorInput {
    GeneratorInput::Image(ImageInput {
        width: 96,
        height: 144,
        seed: Some(seed),
        batch,
        ..ImageInput::new("a poster")
    })
}

#[tokio::test]
async fn a_poster_is_a_picture_of_the_size_that_was_asked_for() {
    let made = make(poster(1, 1)).await;
    assert_eq!(made[0].media_type, MediaType::Png);
    let pixels = Pixmap::decode_png(&made[0].bytes).unwrap();
    assert_eq!((pixels.width(), pixels.height()), (96, 144));
}

#[tokio::test]
async fn the_same_seed_draws_the_same_bytes_and_another_other_ones() {
    let first = make(poster(1, 1)).await;
    assert_eq!(first, make(poster(1, 1)).await);
    assert_ne!(first[0].bytes, make(poster(2, 1)).await[0].bytes);
}

#[tokio::test]
async fn each_picture_of_a_batch_can_be_drawn_again_by_its_own_seed() {
    let batch = make(poster(5, 3)).await;
    assert_eq!(batch.len(), 3);
    for made in &batch {
        let again = make(poster(made.seed.unwrap(), 1)).await;
        assert_eq!(again[0].bytes, made.bytes);
    }
    assert_ne!(batch[0].bytes, batch[1].bytes);
}

#[tokio::test]
async fn a_blurb_says_what_it_is() {
    let made = make(GeneratorInput::Text(TextInput::new("A blurb"))).await;
    let text = made[0].text.as_deref().unwrap();
    assert!(
        text.contains("The Long Ride") && text.contains("1968"),
        "{text}"
    );
    assert!(
        text.ends_with("Composed from the catalogue's data."),
        "{text}"
    );
}
