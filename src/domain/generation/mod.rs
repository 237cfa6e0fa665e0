//! Making content: posters, pictures and texts, by generators that are told apart by name.

pub mod ask;
mod builtin;
mod calls;
mod comfyui;
pub mod generator;
pub mod model;
mod openai;
mod picture;
pub mod service;
mod store;
mod subject;
mod upkeep;

pub use ask::{Ask, ImageAsk, TextAsk};
pub use builtin::Builtin;
pub use comfyui::ComfyUi;
pub use generator::{GenerationError, Generator, Made, Observe, Progress, Subject};
pub use model::{Commission, Generated, GenerationParameters, Medium, Offer, Target};
pub use openai::OpenAi;
pub use service::GenerationService;
