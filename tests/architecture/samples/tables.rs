//! Samples for the tables of rooms.

use super::{Sample, catch, pass};
use crate::walls::Wall;

pub const TABLES: &[Sample] = &[
    catch(
        Wall::Tables,
        "src/domain/search/store.rs",
        "fn f() -> &'static str {\n    \"UPDATE content_items SET title = $1\"\n}",
        &[2],
    ),
    catch(
        Wall::Tables,
        "src/domain/generation/store.rs",
        "fn f() -> String {\n    format!(\"WITH gone AS ( \\\n        DELETE FROM {} RETURNING id) \\\n     INSERT INTO interactions (id) SELECT id FROM gone\", 7)\n}",
        &[2],
    ),
    catch(
        Wall::Tables,
        "src/domain/jobs/store.rs",
        "use crate::platform::db::entities::user::{Column, Entity};\nfn f() {\n    Entity::update_many();\n}",
        &[3],
    ),
    catch(
        Wall::Tables,
        "src/domain/people/store.rs",
        "use crate::platform::db::entities::content_item;\nfn f() {\n    content_item::Entity::delete_many();\n}",
        &[3],
    ),
    pass(
        Wall::Tables,
        "src/domain/search/store.rs",
        "const A: &str = \"INSERT INTO search_queries (query) VALUES ($1) ON CONFLICT DO UPDATE SET times = 2\";\nconst B: &str = \"SELECT id FROM content_items FOR UPDATE SKIP LOCKED\";",
    ),
    pass(
        Wall::Tables,
        "src/domain/jobs/store.rs",
        "use crate::platform::db::entities::user::Entity;\nfn f() {\n    Entity::find();\n}",
    ),
    pass(
        Wall::Tables,
        "src/domain/users/erasure/store.rs",
        "const A: &str = \"DELETE FROM feedback WHERE user_id = $1\";",
    ),
];
