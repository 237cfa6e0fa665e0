//! Lists of jobs where there are many.

use sqlx::{Connection, PgConnection};

use crate::support::TestApp;

#[tokio::test]
async fn every_list_of_ten_thousand_jobs_is_read_through_an_index_in_its_order() {
    let app = TestApp::start().await;
    // Only the owner of a table may count what is in it.
    let mut connection = PgConnection::connect(&app.url).await.unwrap();
    let schema = format!("SET search_path TO \"{}\", public", app.ctx.db.schema());
    let schema = sqlx::raw_sql(sqlx::AssertSqlSafe(schema));
    schema.execute(&mut connection).await.unwrap();
    for fill in [
        "INSERT INTO users (id, display_name, created_at, updated_at)
         SELECT ('00000000-0000-7000-8000-' || lpad(number::text, 12, '0'))::uuid, 'A user', now(), now()
           FROM generate_series(1, 10) AS number",
        "INSERT INTO generation_jobs (id, kind, parameters, priority, owner_id, asked_by, unique_key,
                state, attempts, created_at, started_at, finished_at)
         SELECT gen_random_uuid(), 'STATISTICS', '{\"kind\": \"STATISTICS\"}', number % 7,
                CASE WHEN number % 2 = 0
                     THEN ('00000000-0000-7000-8000-' || lpad((1 + number % 10)::text, 12, '0'))::uuid END,
                'key_' || number % 10, number::text::bytea,
                CASE WHEN number % 500 = 0 THEN 'PENDING' ELSE 'COMPLETED' END, 4,
                now() - number * interval '1 minute', now(),
                CASE WHEN number % 500 <> 0 THEN now() - number * interval '50 seconds' END
           FROM generate_series(1, 10000) AS number",
        "ANALYZE generation_jobs",
    ] {
        sqlx::raw_sql(fill).execute(&mut connection).await.unwrap();
    }
    let user = "owner_id = '00000000-0000-7000-8000-000000000007'";
    let beyond = "created_at <= now() - interval '1 day' AND (created_at < now() - interval '1 day'
         OR id < '00000000-0000-7000-8000-000000000007')";
    let open = "state IN ('PENDING', 'RUNNING')";
    for (which, order, index) in [
        ("true", "created_at DESC, id DESC", "created"),
        ("true", "created_at, id", "created"),
        (beyond, "created_at DESC, id DESC", "created"),
        ("true", "priority DESC, id DESC", "priority"),
        ("true", "priority, id", "priority"),
        (
            "true",
            "finished_at DESC NULLS LAST, id DESC",
            "finished_last",
        ),
        ("true", "finished_at NULLS FIRST, id", "finished_last"),
        ("true", "finished_at NULLS LAST, id", "finished"),
        ("true", "finished_at DESC NULLS FIRST, id DESC", "finished"),
        (user, "created_at DESC, id DESC", "owner"),
        ("asked_by = 'key_7'", "created_at DESC, id DESC", "asked_by"),
        (open, "created_at DESC, id DESC", "open"),
    ] {
        let explain = format!(
            "EXPLAIN SELECT * FROM generation_jobs WHERE {which} ORDER BY {order} LIMIT 21"
        );
        let plan: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(explain))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let plan = plan.join("\n");
        let through = format!("using generation_jobs_{index} on");
        assert!(plan.contains(&through), "{which} by {order}:\n{plan}");
        assert!(!plan.contains("Sort"), "{which} by {order}:\n{plan}");
    }
    let begun =
        "EXPLAIN SELECT * FROM generation_jobs WHERE unique_key = '7' AND started_at IS NOT NULL
         AND finished_at IS NULL AND cancel_asked = false LIMIT 1";
    let plan: Vec<String> = sqlx::query_scalar(begun)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let plan = plan.join("\n");
    assert!(plan.contains("generation_jobs_begun"), "{plan}");
}
