//! Generating content: each generator against a server that speaks its protocol, what is kept, and
//! the files.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

#[path = "../support/mod.rs"]
mod support;

mod builtin;
mod comfyui;
mod fakes;
mod faults;
mod files;
mod openai;
mod seeds;
mod service;
mod unnamed;

use std::ops::ControlFlow;
use std::time::Duration;

use marquee::domain::generation::{
    GenerationError, Generator, GeneratorInput, GeneratorOutput, ItemSummary,
};
use marquee::foundation::{Clock, Progress, Rng};
use marquee::platform::config::{Calls, Settings};
use resvg::tiny_skia::Pixmap;

/// Nothing that is waited for takes longer, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A PNG of this size.
fn png(width: u32, height: u32) -> Vec<u8> {
    Pixmap::new(width, height).unwrap().encode_png().unwrap()
}

/// Time-outs that nothing reaches, and waits between attempts that nobody notices.
fn calls() -> Calls {
    let mut calls = Settings::defaults().generation.openai.calls;
    calls.backoff_ms = 1;
    calls.longest_wait_ms = 5;
    calls
}

fn stand() -> (Clock, Rng) {
    let clock = Clock::stopped(support::start_of_time());
    (clock, Rng::seeded(7))
}

/// Lets a generator work to its end, and answers what it told on the way as well.
async fn run(
    generator: &dyn Generator,
    ask: &GeneratorInput,
) -> (Result<Vec<GeneratorOutput>, GenerationError>, Vec<Progress>) {
    let mut told = Vec::new();
    let mut observe = |progress| {
        told.push(progress);
        ControlFlow::Continue(())
    };
    let summary = ItemSummary::default();
    let made = generator.generate(ask, &summary, &mut observe);
    let made = tokio::time::timeout(PATIENCE, made).await.unwrap();
    (made, told)
}
