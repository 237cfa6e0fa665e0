//! The versions of the table of weights.

use crate::foundation::Refusal;

pub use crate::engine::history::{WeightChange, WeightRow, WeightTable};

/// The refusal of a version that is not there.
pub(super) fn no_such_version() -> Refusal {
    Refusal::NotFound {
        thing: "version of the interaction weights",
    }
}
