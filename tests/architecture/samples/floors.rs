//! Samples for the floors of `domain`.

use super::{Sample, catch, pass};
use crate::walls::Wall;

pub const FLOORS: &[Sample] = &[
    catch(
        Wall::Floors,
        "src/domain/interactions/stream.rs",
        "use crate::domain::content::Content;\nuse crate::domain::recommendations::updates;",
        &[2],
    ),
    catch(
        Wall::Floors,
        "src/domain/interactions/service.rs",
        "fn f() {\n    super::super::search::service::f();\n}",
        &[2],
    ),
    catch(
        Wall::Floors,
        "src/domain/embeddings/store/nearest.rs",
        "use crate::domain::{auth::Viewer, interactions::Interaction};",
        &[1],
    ),
    catch(
        Wall::Floors,
        "src/domain/loyalty/mod.rs",
        "pub struct Points;",
        &[1],
    ),
    pass(
        Wall::Floors,
        "src/domain/recommendations/service.rs",
        "use crate::domain::search::SearchService;\nuse crate::domain::SchemaContext;\nuse super::store;",
    ),
    pass(
        Wall::Floors,
        "src/domain/users/service.rs",
        "#[cfg(test)]\nmod tests {\n    use crate::domain::jobs::Job;\n}",
    ),
    pass(
        Wall::Floors,
        "src/graphql/loaders.rs",
        "use crate::domain::jobs::Job;\nuse crate::domain::users::User;",
    ),
];
