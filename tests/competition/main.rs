//! Channels and what they show: guides, tables of airings, the schedule, and fetching from broadcasters.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "helpers of tests may panic"
)]

#[path = "../support/mod.rs"]
mod support;

mod airings;
mod broadcaster;
mod channels;
mod guides;
mod real;
mod schedule;
mod sync;
mod uploads;

use std::io::Write;
use std::path::PathBuf;

use chrono_tz::Tz;
use marquee::domain::auth::Viewer;
use marquee::domain::channels::{Channel, Fields};
use marquee::domain::content::ContentKind;
use marquee::domain::imports::{
    ImportEvent, ImportOptions, ImportOutcome, ImportRequest, ImportSummary, RefusedRow, RowCounts,
    Table,
};
use marquee::foundation::{Id, id};
use serde_json::{Value, json};
use support::TestApp;
use tempfile::TempDir;

/// A programme of a guide, which runs from one hour to another of 2026-03-`day`, UTC.
pub fn programme(channel: &str, day: u32, hours: (u32, u32), title: &str, more: &str) -> String {
    let at = |hour: u32| format!("202603{day:02}{hour:02}0000 +0000");
    format!(
        "<programme channel=\"{channel}\" start=\"{}\" stop=\"{}\"><title>{title}</title>{more}</programme>\n",
        at(hours.0),
        at(hours.1)
    )
}

/// A guide with these programmes.
pub fn guide(programmes: &[String]) -> String {
    format!("<tv>\n{}</tv>\n", programmes.concat())
}

/// What marks a film.
pub const FILM: &str = "<category>Movie</category>";

/// Files of a test.
pub struct Files(TempDir);

impl Files {
    /// An empty folder.
    pub fn empty() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// Writes a file, and answers where it is.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// Packs bytes.
pub fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// Runs an import as the shell, and answers its summary and the refused rows.
pub async fn run(app: &TestApp, request: ImportRequest) -> (ImportSummary, Vec<RefusedRow>) {
    let mut refused = Vec::new();
    let imports = &app.services.imports;
    let options = ImportOptions::default();
    let summary = imports.run(&Viewer::Command, request, options, |event| {
        if let ImportEvent::RowRefused(row) = event {
            refused.push(row);
        }
    });
    (summary.await.unwrap(), refused)
}

/// Imports one guide.
pub async fn import_guide(app: &TestApp, guide: &str) -> (RowCounts, Vec<RefusedRow>) {
    let files = Files::empty();
    let request = ImportRequest::Xmltv {
        files: vec![files.write("guide.xml", guide)],
        time_zone: Tz::UTC,
    };
    let (summary, refused) = run(app, request).await;
    assert_eq!(summary.outcome, ImportOutcome::Completed);
    (summary.of(Table::Airings), refused)
}

/// Creates a channel.
pub async fn channel(app: &TestApp, key: &str, zone: &str, own: bool, ids: &[&str]) -> Channel {
    let fields = Fields {
        key: key.to_owned(),
        name: format!("Channel {key}"),
        time_zone: zone.to_owned(),
        own,
        guide_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
    };
    let made = app.services.channels.create(&Viewer::Command, fields).await;
    made.unwrap()
}

/// A film of the catalogue with a year and a duration.
pub async fn film(app: &TestApp, title: &str, year: i32, minutes: i32) -> Id<id::Content> {
    let mut fields = domain::content::Fields::new(ContentKind::Movie, title);
    fields.year = Some(year);
    fields.duration_minutes = Some(minutes);
    let content = &app.services.content;
    let made = content.create(&Viewer::Command, fields, Vec::new()).await;
    made.unwrap().id
}

/// Counts of airings by what became of them.
pub fn counts(counts: RowCounts) -> [u64; 7] {
    let RowCounts {
        added,
        updated,
        unchanged,
        refused,
        duplicates,
        overlapping,
        removed,
    } = counts;
    [
        added,
        updated,
        unchanged,
        refused,
        duplicates,
        overlapping,
        removed,
    ]
}

/// The schedule of March 2026 on some channels, or on those of all competitors: a hundred programmes at most.
pub async fn schedule(app: &TestApp, channels: Option<&[&str]>) -> Vec<Value> {
    const DOCUMENT: &str = "query ($channels: [String!]) {
        competitionSchedule(
            from: \"2026-03-01T00:00:00Z\", to: \"2026-04-01T00:00:00Z\", channels: $channels, first: 100
        ) {
            totalCount
            nodes {
                id title year kind startsAt endsAt durationMinutes audience source confidence
                channel { key name timeZone own guideIds } content { id title }
            }
        } }";
    let variables = json!({ "channels": channels });
    let mut answer = app.ask_as(&Viewer::Command, DOCUMENT, variables).await;
    let list = answer["competitionSchedule"].take();
    let nodes = list["nodes"].as_array().unwrap().clone();
    assert_eq!(list["totalCount"], nodes.len());
    nodes
}

/// The titles of a schedule.
pub fn titles(schedule: &[Value]) -> Vec<&str> {
    let titles = schedule.iter().map(|airing| airing["title"].as_str());
    titles.map(Option::unwrap).collect()
}
