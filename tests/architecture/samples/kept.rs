//! What is private, and what GraphQL shows.

use super::{Sample, catch, pass};
use crate::walls::Wall;

pub const KEPT: &[Sample] = &[
    catch(
        Wall::Stores,
        "src/domain/users/mod.rs",
        "pub mod store;",
        &[1],
    ),
    catch(
        Wall::Stores,
        "src/domain/users/mod.rs",
        "pub(crate) mod store;",
        &[1],
    ),
    catch(
        Wall::Stores,
        "src/domain/users/mod.rs",
        "#[cfg(test)]\nmod tests;\npub(super) mod store;",
        &[3],
    ),
    catch(
        Wall::Stores,
        "src/domain/users/service.rs",
        "use crate::domain::content::store::Store;",
        &[1],
    ),
    catch(
        Wall::Stores,
        "src/domain/users/service.rs",
        "use super::super::{content::store::rows::Row};",
        &[1],
    ),
    catch(
        Wall::Stores,
        "src/domain/users/service.rs",
        "fn f() { crate::domain::content::store::all() }",
        &[1],
    ),
    catch(
        Wall::Stores,
        "src/graphql/mod.rs",
        "use crate::domain::content::store;",
        &[1],
    ),
    pass(
        Wall::Stores,
        "src/domain/users/mod.rs",
        "mod store;\npub mod service;",
    ),
    pass(
        Wall::Stores,
        "src/domain/users/merge/mod.rs",
        "pub(super) mod store;",
    ),
    pass(
        Wall::Stores,
        "src/domain/users/service.rs",
        "use super::store::Store;\nuse crate::domain::users::store;",
    ),
    catch(
        Wall::Singles,
        "src/graphql/types/a.rs",
        "#[derive(Clone, SimpleObject)]\nstruct A {\n    score: f32,\n}",
        &[3],
    ),
    catch(
        Wall::Singles,
        "src/graphql/types/a.rs",
        "#[derive(async_graphql::InputObject)]\nstruct A { of: Option<Vec<f32>> }",
        &[2],
    ),
    catch(
        Wall::Singles,
        "src/graphql/types/a.rs",
        "#[derive(Union)]\nenum A { B(Shown<f32>) }",
        &[2],
    ),
    catch(
        Wall::Singles,
        "src/graphql/types/a.rs",
        "#[Object]\nimpl A {\n    async fn score(&self) -> Result<f32> { Ok(1.0) }\n}",
        &[3],
    ),
    catch(
        Wall::Singles,
        "src/graphql/types/a.rs",
        "#[ComplexObject]\nimpl A {\n    async fn a(&self, least: Option<f32>) -> bool { true }\n}",
        &[3],
    ),
    catch(
        Wall::Singles,
        "src/graphql/types/a.rs",
        "#[async_graphql::Subscription]\nimpl A {\n    async fn a(&self) -> impl Stream<Item = f32> { b() }\n}",
        &[3],
    ),
    catch(
        Wall::Singles,
        "src/graphql/types/a.rs",
        "content_input! {\n    rating: f32,\n}",
        &[2],
    ),
    catch(
        Wall::Singles,
        "src/graphql/types/a.rs",
        "#[derive(SimpleObject)]\nstruct A { a: Score, b: Weights }",
        &[2, 2],
    ),
    catch(
        Wall::Singles,
        "src/graphql/types/a.rs",
        "#[cfg(test)]\nmod tests;\n#[derive(SimpleObject)]\nstruct A { a: f32 }",
        &[4],
    ),
    pass(
        Wall::Singles,
        "src/graphql/types/a.rs",
        "#[derive(SimpleObject)]\nstruct A {\n    #[graphql(skip)]\n    own: f32,\n    score: f64,\n}",
    ),
    pass(
        Wall::Singles,
        "src/graphql/types/a.rs",
        "#[Object]\nimpl A {\n    async fn score(&self) -> f64 { double(self.0 as f32) }\n}",
    ),
    pass(
        Wall::Singles,
        "src/graphql/types/a.rs",
        "struct Own { a: f32 }\nimpl Own { fn a(&self) -> f32 { self.a } }",
    ),
    pass(
        Wall::Singles,
        "src/domain/model.rs",
        "#[derive(SimpleObject)]\nstruct A { a: f32 }",
    ),
];
