//! Recommendations: types and queries.

mod controls;
pub mod events;
pub mod feedback;
mod item;
pub mod jobs;
mod list;
mod queries;
mod related;

pub use events::RecommendationSubscription;
pub use feedback::{FeedbackMutation, FeedbackQuery};
pub use item::RecommendationSource;
pub use list::{BlendWeight, RecommendationContext, RecommendationList};
pub use queries::RecommendationQuery;
pub use related::RelatedQuery;
