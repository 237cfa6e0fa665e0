//! Who may name whom.

use super::{Sample, catch, pass};
use crate::walls::Wall;

pub const ARROWS: &[Sample] = &[
    catch(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "use crate::domain::content;",
        &[1],
    ),
    catch(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "use crate::{foundation::Id, domain::{content, users}};",
        &[1, 1],
    ),
    catch(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "use super::super::domain::Services;",
        &[1],
    ),
    catch(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "fn f() -> crate::http::Reply { todo() }",
        &[1],
    ),
    catch(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "fn f() {\n    let _ = crate::domain::users::all();\n}",
        &[2],
    ),
    catch(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "impl crate::graphql::ContextExt for Rank {}",
        &[1],
    ),
    catch(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "fn f() { info!(\"{}\", crate::domain::users::count()); }",
        &[1],
    ),
    catch(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "macro_rules! m { () => { $crate::domain::users::count() } }",
        &[1],
    ),
    catch(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "macro_rules! m { () => { use crate::{domain::users}; } }",
        &[1],
    ),
    catch(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "#[serde(with = \"crate::domain::dates\")]\nstruct S;",
        &[1],
    ),
    catch(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "use crate as all;\nfn f() { all::domain::users::count() }",
        &[2],
    ),
    catch(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "mod inner {\n    use super::super::super::domain::users;\n}",
        &[2],
    ),
    catch(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "use ::marquee::domain::users;",
        &[1],
    ),
    catch(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "#[cfg(not(test))]\nuse crate::domain::users;",
        &[2],
    ),
    catch(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "#[cfg(any(test, unix))]\nuse crate::domain::users;",
        &[2],
    ),
    catch(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "#[cfg(test)]\nmod tests;\nuse crate::domain::users;",
        &[3],
    ),
    catch(
        Wall::Arrows,
        "src/domain/search/service.rs",
        "use super::super::*;\nfn f() { face::schema() }",
        &[2],
    ),
    catch(
        Wall::Arrows,
        "src/platform/db/mod.rs",
        "use crate::engine::catalogue;\nuse ranking::top;",
        &[1, 2],
    ),
    catch(
        Wall::Arrows,
        "src/platform/db/mod.rs",
        "pub use crate::domain::Services;",
        &[1],
    ),
    catch(
        Wall::Arrows,
        "crates/foundation/src/page.rs",
        "use marquee::platform::db::Db;\nuse engine::rank;\nuse ranking::top;",
        &[1, 2, 3],
    ),
    catch(
        Wall::Arrows,
        "crates/engine/src/rank.rs",
        "use marquee::domain::Services;\nuse transformer::Clip;",
        &[1, 2],
    ),
    catch(
        Wall::Arrows,
        "src/graphql/mod.rs",
        "use crate::platform::db::Db;\nuse crate::http;\nuse crate::app;",
        &[1, 2, 3],
    ),
    catch(
        Wall::Arrows,
        "src/graphql/mod.rs",
        "use platform::db::Db;\nfn f() { ::platform::cache::f(); platform::db::f() }",
        &[1, 2, 2],
    ),
    catch(
        Wall::Arrows,
        "src/http/mod.rs",
        "use crate::app::run;",
        &[1],
    ),
    catch(
        Wall::Arrows,
        "src/domain/users/model.rs",
        "use crate::http::origins;",
        &[1],
    ),
    catch(
        Wall::Arrows,
        "src/main.rs",
        "use marquee::domain::Services;",
        &[1],
    ),
    catch(
        Wall::Arrows,
        "crates/ranking/src/top.rs",
        "use marquee::foundation::Id;",
        &[1],
    ),
    catch(Wall::Arrows, "src/attic/mod.rs", "", &[1]),
    pass(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "use crate::foundation::Id;\nuse super::config;",
    ),
    pass(
        Wall::Arrows,
        "crates/engine/src/rank.rs",
        "use foundation::Id;\nuse ranking::top;\nuse super::catalogue;\nuse crate::score;",
    ),
    pass(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "#[cfg(test)]\nmod tests { use crate::domain::users; }",
    ),
    pass(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "#[cfg(all(test, unix))]\nuse crate::domain::users;",
    ),
    pass(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "#[test]\nfn f() { crate::domain::users::count() }",
    ),
    pass(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "fn f() {\n    #[cfg(test)]\n    crate::domain::count();\n    #[cfg(test)]\n    let a = crate::domain::count();\n}",
    ),
    pass(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "//! crate::domain\n/// See [`crate::domain::users`].\nconst A: &str = \"crate::domain\";",
    ),
    pass(
        Wall::Arrows,
        "src/platform/telemetry.rs",
        "fn f(domain: u8) -> u8 { domain }",
    ),
    pass(
        Wall::Arrows,
        "src/domain/search/service.rs",
        "use crate::{engine::catalogue, platform::db::Db};",
    ),
    pass(
        Wall::Arrows,
        "src/http/mod.rs",
        "use crate::graphql::Schema;",
    ),
    pass(
        Wall::Arrows,
        "src/main.rs",
        "fn main() { marquee::app::run() }",
    ),
    pass(Wall::Arrows, "src/lib.rs", "pub mod app;\npub mod domain;"),
    pass(
        Wall::Arrows,
        "crates/ranking/src/top.rs",
        "use crate::matrix;\nuse super::kernel;",
    ),
];
