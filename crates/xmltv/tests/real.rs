//! The two real guides beside the project, where they are there.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use chrono::Utc;
use flate2::read::MultiGzDecoder;
use xmltv::{
    Entry, GuideReader, Limits, Observation, Programme, ProgrammeKind, ProgrammeTracker,
    local_to_utc,
};

fn real_guide(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("MARQUEE_TEST_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        Into::into,
    );
    let path = root.join("data/xmltv").join(name);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("skipped: there is no {}", path.display());
    None
}

struct Read {
    channels: usize,
    programmes: Vec<Programme>,
    duplicates: usize,
    overlapping: usize,
}

fn read(path: &Path) -> Read {
    let file = MultiGzDecoder::new(File::open(path).unwrap());
    let zone = |_: &str, local| local_to_utc(&Utc, local);
    let reader = GuideReader::new(file, Limits::default(), zone).unwrap();
    let mut tracker = ProgrammeTracker::new(100_000);
    let mut read = Read {
        channels: 0,
        programmes: Vec::new(),
        duplicates: 0,
        overlapping: 0,
    };
    for entry in reader {
        match entry.unwrap() {
            Entry::Channel(_) => read.channels += 1,
            Entry::Refused(refused) => panic!("{refused:?}"),
            Entry::Programme(programme) => {
                match tracker.observe(&programme) {
                    Observation::New => {}
                    Observation::Duplicate => read.duplicates += 1,
                    Observation::Overlapping => read.overlapping += 1,
                }
                read.programmes.push(*programme);
            }
        }
    }
    read
}

#[test]
fn every_programme_of_the_guide_of_new_zealand_is_read() {
    let Some(path) = real_guide("nz_epg.xml.gz") else {
        return;
    };
    let read = read(&path);
    assert_eq!(read.channels, 45);
    assert_eq!(read.programmes.len(), 5_510);
    assert_eq!((read.duplicates, read.overlapping), (0, 0));
    let channels: BTreeSet<_> = read.programmes.iter().map(|one| &one.channel).collect();
    assert_eq!(channels.len(), 36);
    let ids = read
        .programmes
        .iter()
        .filter(|one| one.film_ids().next().is_some());
    let named = ids
        .clone()
        .map(|one| one.film_ids().next())
        .collect::<BTreeSet<_>>();
    assert!(ids.count() > named.len());
    let both = read
        .programmes
        .iter()
        .filter(|one| one.is_new && one.is_repeat);
    assert_eq!(both.count(), 16);
}

#[test]
fn every_programme_of_the_guide_of_australia_is_read_with_its_repeats_and_overlaps() {
    let Some(path) = real_guide("foxtel_au_epg.xml.gz") else {
        return;
    };
    let read = read(&path);
    assert_eq!(read.channels, 80);
    assert_eq!(read.programmes.len(), 9_936);
    assert_eq!((read.duplicates, read.overlapping), (224, 6));
    let films: BTreeMap<&str, usize> = read
        .programmes
        .iter()
        .filter(|one| {
            one.categories
                .iter()
                .any(|category| category.starts_with("Movie"))
        })
        .fold(BTreeMap::new(), |mut films, one| {
            *films.entry(one.title(&[])).or_default() += 1;
            films
        });
    assert_eq!(films.values().sum::<usize>(), 382);
    assert_eq!(films.len(), 240);
    let marked = read
        .programmes
        .iter()
        .filter(|one| one.kind() == ProgrammeKind::Film);
    assert!(marked.count() >= 370);
}
