//! What is named from outside.

use super::{Sample, catch, pass};
use crate::walls::Wall;

pub const LIBRARIES: &[Sample] = &[
    catch(
        Wall::Database,
        "src/domain/users/service.rs",
        "use sea_orm::EntityTrait;",
        &[1],
    ),
    catch(
        Wall::Database,
        "src/domain/users/service.rs",
        "use {chrono::Utc, sqlx as q};\nfn f() { q::query() }",
        &[1, 2],
    ),
    catch(
        Wall::Database,
        "src/domain/users/service.rs",
        "use crate::platform::db::{Db, entities::user};",
        &[1],
    ),
    catch(
        Wall::Database,
        "src/domain/users/service.rs",
        "fn f() { sqlx::query!(\"SELECT 1\") }",
        &[1],
    ),
    catch(
        Wall::Database,
        "src/domain/users/service.rs",
        "#[derive(sea_orm::FromQueryResult)]\nstruct Row;",
        &[1],
    ),
    catch(
        Wall::Database,
        "src/domain/users/restore.rs",
        "extern crate sqlx as q;",
        &[1],
    ),
    catch(
        Wall::Database,
        "src/graphql/types/user.rs",
        "fn f(db: &sea_orm::DatabaseConnection) {}",
        &[1],
    ),
    catch(
        Wall::Database,
        "src/app/startup.rs",
        "use crate::platform::db::entities;",
        &[1],
    ),
    pass(
        Wall::Database,
        "src/domain/users/store.rs",
        "use sea_orm::EntityTrait;",
    ),
    pass(
        Wall::Database,
        "src/domain/users/store/rows.rs",
        "use crate::platform::db::entities::user;",
    ),
    catch(
        Wall::Database,
        "crates/foundation/src/error.rs",
        "use sea_orm::DbErr;",
        &[1],
    ),
    pass(
        Wall::Database,
        "crates/foundation/src/database.rs",
        "use sea_orm::DbErr;",
    ),
    pass(
        Wall::Database,
        "src/platform/db/mod.rs",
        "use sqlx::PgPool;",
    ),
    pass(
        Wall::Database,
        "src/domain/users/service.rs",
        "fn f(entities: &[u8]) { g(entities) }",
    ),
    catch(
        Wall::Transport,
        "src/domain/users/model.rs",
        "#[derive(async_graphql::Enum)]\nenum E { A }",
        &[1],
    ),
    catch(
        Wall::Transport,
        "src/platform/config.rs",
        "use axum::http::HeaderName;",
        &[1],
    ),
    catch(
        Wall::Transport,
        "src/graphql/mod.rs",
        "use axum::Router;",
        &[1],
    ),
    catch(
        Wall::Transport,
        "crates/engine/src/rank.rs",
        "fn f() -> async_graphql::Result<()> { Ok(()) }",
        &[1],
    ),
    catch(
        Wall::Transport,
        "crates/foundation/src/id.rs",
        "impl async_graphql::InputType for Id {}",
        &[1],
    ),
    pass(
        Wall::Transport,
        "crates/foundation/src/graphql.rs",
        "use async_graphql::InputType;",
    ),
    pass(
        Wall::Transport,
        "src/graphql/mod.rs",
        "use async_graphql::Schema;",
    ),
    pass(Wall::Transport, "src/http/mod.rs", "use axum::Router;"),
    catch(
        Wall::Purity,
        "crates/engine/src/rank.rs",
        "fn f() { chrono::Utc::now(); }",
        &[1],
    ),
    catch(
        Wall::Purity,
        "crates/engine/src/rank.rs",
        "use chrono::Utc as Zone;\nfn f() { Zone::now() }",
        &[2],
    ),
    catch(
        Wall::Purity,
        "crates/engine/src/rank.rs",
        "use std::time::{Duration, Instant};",
        &[1],
    ),
    catch(
        Wall::Purity,
        "crates/engine/src/rank.rs",
        "fn f(at: std::time::SystemTime) {}",
        &[1],
    ),
    catch(
        Wall::Purity,
        "crates/engine/src/rank.rs",
        "use foundation::Timer;",
        &[1],
    ),
    catch(
        Wall::Purity,
        "crates/engine/src/rank.rs",
        "use foundation::Zone;\nfn f() { Zone::now() }",
        &[2],
    ),
    catch(
        Wall::Purity,
        "crates/engine/src/rank.rs",
        "async fn f() {}",
        &[1],
    ),
    catch(
        Wall::Purity,
        "crates/engine/src/rank.rs",
        "fn f() -> impl Future {\n    async { g().await }\n}",
        &[2],
    ),
    catch(
        Wall::Purity,
        "crates/engine/src/rank.rs",
        "trait T { async fn f(); }\nimpl T for S { async fn f() {} }",
        &[1, 2],
    ),
    catch(
        Wall::Purity,
        "crates/engine/src/rank.rs",
        "fn f() { join!(g().await) }",
        &[1],
    ),
    catch(
        Wall::Purity,
        "crates/engine/src/rank.rs",
        "fn f() { g(async |a| a) }",
        &[1],
    ),
    catch(
        Wall::Purity,
        "crates/engine/src/rank.rs",
        "use tokio::sync::Mutex;\nuse futures::Stream;",
        &[1, 2],
    ),
    catch(
        Wall::Purity,
        "crates/engine/src/rank.rs",
        "use std::{fs, net::TcpStream};\nfn f() { fs::read(\"a\") }",
        &[1, 1, 2],
    ),
    catch(
        Wall::Purity,
        "crates/engine/src/rank.rs",
        "use sqlx::PgPool;\nuse sea_orm::Db;\nuse foundation::database::broken_constraint;",
        &[1, 2, 3],
    ),
    catch(
        Wall::Purity,
        "crates/ranking/src/als.rs",
        "fn f() { let at = std::time::Instant::now(); }",
        &[1],
    ),
    catch(
        Wall::Purity,
        "crates/ranking/src/als.rs",
        "fn f() { rand::random::<u64>() }",
        &[1],
    ),
    catch(
        Wall::Purity,
        "crates/ranking/src/als.rs",
        "#[cfg(test)]\nmod tests;\nfn f() { std::env::var(\"A\") }",
        &[3],
    ),
    pass(
        Wall::Purity,
        "crates/engine/src/rank.rs",
        "use chrono::{DateTime, NaiveDate, Utc};\nfn f(now: DateTime<Utc>) {}",
    ),
    pass(
        Wall::Purity,
        "crates/engine/src/rank.rs",
        "use std::time::Duration;\nfn f(futures: u8) -> u8 { futures }",
    ),
    pass(
        Wall::Purity,
        "crates/ranking/src/als.rs",
        "#[cfg(test)]\nmod tests { fn f() { std::time::Instant::now(); } }",
    ),
    pass(
        Wall::Purity,
        "src/domain/users/service.rs",
        "async fn f() { g().await; std::fs::read(\"a\"); }",
    ),
];
