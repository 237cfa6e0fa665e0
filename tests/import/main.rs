//! Imports: what each file becomes, what is refused, and that a second run changes nothing.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "helpers of tests may panic"
)]

#[path = "../support/mod.rs"]
mod support;

mod factor_files;
mod factors;
mod files;
mod interactions;
mod movielens;
mod products;
mod real;
mod tmdb;

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use marquee::app::commands::import;
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::imports::{
    ImportEvent, ImportOptions, ImportOutcome, ImportRequest, ImportSummary, RefusedRow, Table,
};
use marquee::foundation::Result;
use serde_json::json;
use support::{TestApp, real_data};
use tempfile::TempDir;

const MOVIES: &str = "movieId,title,genres\n\
    1,Toy Story (1995),Adventure|Animation\n\
    2,\"Matrix, The (1999)\",Action|Sci-Fi\n\
    3,Hyena Road,(no genres listed)\n";
const LINKS: &str = "movieId,imdbId,tmdbId\n1,0114709,862\n2,0133093,603\n3,4034452,\n";
const RATINGS: &str = "userId,movieId,rating,timestamp\n\
    7,1,4.0,964982703\n7,2,5.0,964982931\n8,1,0.5,964983815\n";
const TAGS: &str =
    "userId,movieId,tag,timestamp\n7,2,\"dark, green\",1139045764\n9,1,fun,1139045765\n";

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn small() -> TempDir {
    folder(&[
        ("movies.csv", MOVIES.as_bytes()),
        ("links.csv", LINKS.as_bytes()),
        ("ratings.csv", RATINGS.as_bytes()),
        ("tags.csv", TAGS.as_bytes()),
    ])
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn movielens_in(folder: &Path) -> ImportRequest {
    ImportRequest::Movielens {
        folder: folder.to_owned(),
    }
}

fn tmdb_in(folder: &Path) -> ImportRequest {
    ImportRequest::Tmdb {
        folder: folder.to_owned(),
    }
}

async fn run_with(
    app: &TestApp,
    job: ImportRequest,
    options: ImportOptions,
) -> Result<(ImportSummary, Vec<RefusedRow>)> {
    let mut refused = Vec::new();
    let summary = app
        .services
        .imports
        .run(&Viewer::Command, job, options, |news| {
            if let ImportEvent::RowRefused(row) = news {
                refused.push(row);
            }
        })
        .await?;
    Ok((summary, refused))
}

async fn run(app: &TestApp, job: ImportRequest) -> (ImportSummary, Vec<RefusedRow>) {
    run_with(app, job, ImportOptions::default()).await.unwrap()
}

async fn fails(app: &TestApp, job: ImportRequest) -> String {
    let error = run_with(app, job, ImportOptions::default())
        .await
        .unwrap_err();
    assert_ne!(error.code(), "INTERNAL_SERVER_ERROR", "{error:?}");
    error.to_string()
}

async fn number(app: &TestApp, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql)
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap()
}

fn added(summary: &ImportSummary, table: Table) -> u64 {
    summary.of(table).added
}

fn lines(refused: &[RefusedRow]) -> Vec<(u64, &str)> {
    refused
        .iter()
        .map(|row| (row.line, row.reason.as_str()))
        .collect()
}

/// Nothing was added or changed.
fn nothing_new(summary: &ImportSummary) -> bool {
    summary
        .tables
        .iter()
        .all(|(_, counts)| counts.added == 0 && counts.updated == 0)
}
