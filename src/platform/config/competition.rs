//! Settings of the guides of competitors.
#![expect(
    missing_docs,
    reason = "marquee.default.toml documents each setting once"
)]

use std::collections::BTreeSet;

use chrono_tz::Tz;
use serde::Deserialize;

/// Where the schedules of competitors come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Competition {
    pub sources: Vec<GuideSource>,
    pub connect_timeout_ms: u64,
    pub pause_timeout_ms: u64,
    pub total_timeout_ms: u64,
    pub max_bytes: u64,
}

/// The address of a guide in XMLTV.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuideSource {
    pub name: String,
    pub url: String,
    #[serde(default = "utc")]
    pub time_zone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

impl Competition {
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let names: BTreeSet<&str> = self.sources.iter().map(|one| one.name.as_str()).collect();
        anyhow::ensure!(
            self.sources.len() <= 1000 && names.len() == self.sources.len(),
            "`competition.sources` has at most 1000 guides, each with a name of its own"
        );
        for source in &self.sources {
            let name = source.name.trim();
            anyhow::ensure!(
                (1..=100).contains(&name.chars().count()) && name == source.name,
                "`competition.sources`: the name of a guide has 1 to 100 characters, no blank first or last"
            );
            let url = url::Url::parse(&source.url).ok();
            let good =
                url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            anyhow::ensure!(
                good,
                "`competition.sources`: the url of `{name}` must be an address such as \
                 https://guides.example/all.xml.gz"
            );
            anyhow::ensure!(
                source.time_zone.parse::<Tz>().is_ok(),
                "`competition.sources`: the time_zone of `{name}` must be a name of the IANA database, such as \
                 Europe/Berlin"
            );
        }
        for (name, value, most) in [
            ("connect_timeout_ms", self.connect_timeout_ms, 3_600_000),
            ("pause_timeout_ms", self.pause_timeout_ms, 3_600_000),
            ("total_timeout_ms", self.total_timeout_ms, 86_400_000),
            ("max_bytes", self.max_bytes, 1 << 50),
        ] {
            anyhow::ensure!(
                (1..=most).contains(&value),
                "`competition.{name}` must be between 1 and {most}"
            );
        }
        Ok(())
    }
}
