//! Generated content: posters, images and texts, by named generators.

mod builtin;
mod calls;
mod comfyui;
mod file_removal;
pub mod generator;
pub mod input;
mod item_summary;
pub mod jobs;
pub mod model;
mod openai;
mod picture;
pub mod service;
mod store;

pub use builtin::Builtin;
pub use comfyui::ComfyUi;
pub use generator::{GenerationError, Generator, GeneratorOutput, ItemSummary, ProgressCallback};
pub use input::{GeneratorInput, ImageInput, TextInput};
pub use model::{
    Generated, GenerationParameters, GenerationRequest, GeneratorInfo, MediaKind, Target,
};
pub use openai::OpenAi;
pub use service::GenerationService;
