//! Television guides in XMLTV.

use std::collections::HashSet;
use std::io::{self, Read};
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use rustc_hash::FxHashMap;
use uuid::Uuid;
use xmltv::{
    Entry, GuideReader, Limits, Observation, Programme, ProgrammeKind, ProgrammeTracker,
    local_to_utc,
};

use super::model::{AiringRow, ImportedAiring, NewChannel, ReadError};
use super::source::{Meter, Source};
use super::store::Ids;
use crate::domain::channels::Channel;
use crate::domain::channels::model::{MAX_CHANNELS, MAX_GUIDE_ID, MAX_NAME, free_key};
use crate::domain::competition::model::MAX_TITLE;
use crate::domain::competition::{AiringKind, FilmIndex};
use crate::foundation::id;

/// So many programmes of a guide are remembered, to recognise those that come up twice: 16 MB.
const REMEMBERED: usize = 100_000;

/// The channels that are known, by what files call them.
pub(super) struct KnownChannels {
    by_guide_id: FxHashMap<String, (Uuid, Tz)>,
    by_key: FxHashMap<String, (Uuid, Tz)>,
    count: usize,
}

impl KnownChannels {
    /// Of two channels with one id in guides, the first has it.
    pub(super) fn new(channels: &[Channel]) -> Self {
        let mut known = Self {
            by_guide_id: FxHashMap::default(),
            by_key: FxHashMap::default(),
            count: channels.len(),
        };
        for channel in channels {
            let entry = (channel.id.uuid(), channel.zone());
            known.by_key.insert(channel.fields.key.clone(), entry);
            for guide_id in &channel.fields.guide_ids {
                known.by_guide_id.entry(guide_id.clone()).or_insert(entry);
            }
        }
        known
    }

    /// The channel of this key, with its time zone.
    pub(super) fn by_key(&self, key: &str) -> Option<(Uuid, Tz)> {
        self.by_key.get(key).copied()
    }
}

/// The instant of a wall clock of a channel.
type ZoneOf = Box<dyn Fn(&str, NaiveDateTime) -> Option<DateTime<Utc>> + Send>;

/// The programmes of a guide. A channel that is not known is created with its first programme.
pub(super) struct GuideRows {
    reader: GuideReader<Unmetered, ZoneOf>,
    channels: Arc<KnownChannels>,
    films: Arc<FilmIndex>,
    ids: Ids,
    zone: Tz,
    tracker: ProgrammeTracker,
    /// The names of the channels that the guide declares.
    names: FxHashMap<String, String>,
    /// The channels that this guide made, by their id in it.
    created: FxHashMap<String, Uuid>,
    /// Keys of channels, to make new ones that are free.
    taken: HashSet<String>,
}

impl GuideRows {
    /// Reads a guide. Times without an offset are those of the channel's zone, or of `zone` for a channel that
    /// is not known.
    pub(super) fn new(
        source: Source,
        channels: Arc<KnownChannels>,
        films: Arc<FilmIndex>,
        ids: Ids,
        zone: Tz,
    ) -> Result<Self, ReadError> {
        let zones = Arc::clone(&channels);
        let zone_of: ZoneOf = Box::new(move |channel, local| {
            let known = zones.by_guide_id.get(channel);
            local_to_utc(&known.map_or(zone, |(_, zone)| *zone), local)
        });
        let limits = Limits {
            text_characters: MAX_TITLE,
            ..Limits::default()
        };
        let reader = GuideReader::new(Unmetered::new(source), limits, zone_of);
        Ok(Self {
            reader: reader.map_err(broken)?,
            taken: channels.by_key.keys().cloned().collect(),
            channels,
            films,
            ids,
            zone,
            tracker: ProgrammeTracker::new(REMEMBERED),
            names: FxHashMap::default(),
            created: FxHashMap::default(),
        })
    }

    fn row(&mut self, programme: &Programme) -> Result<AiringRow, ReadError> {
        let known = self.channels.by_guide_id.get(&programme.channel);
        let known = known.map(|(channel, _)| *channel);
        let known = known.or_else(|| self.created.get(&programme.channel).copied());
        let overlapping = match self.tracker.observe(programme) {
            Observation::Duplicate => return Ok(AiringRow::Duplicate),
            Observation::Overlapping => true,
            Observation::New => false,
        };
        let (channel, new_channel) = match known {
            Some(channel) => (channel, None),
            None => {
                let new = self
                    .new_channel(&programme.channel)
                    .map_err(|reason| ReadError::row(programme.line, reason))?;
                (new.id, Some(new))
            }
        };
        Ok(AiringRow::Airing(Box::new(ImportedAiring {
            channel,
            new_channel,
            title: programme.title(&[]).to_owned(),
            year: programme.year().filter(|year| (1800..=2200).contains(year)),
            kind: match programme.kind() {
                ProgrammeKind::Film => AiringKind::Film,
                ProgrammeKind::Episode => AiringKind::Episode,
                ProgrammeKind::Unknown => AiringKind::Unknown,
            },
            starts_at: programme.start,
            ends_at: programme.stop,
            film: self.films.find(programme),
            audience: None,
            overlapping,
        })))
    }

    fn new_channel(&mut self, guide_id: &str) -> Result<NewChannel, String> {
        if self.channels.count + self.created.len() >= MAX_CHANNELS {
            return Err(format!(
                "its channel is not known, and there are {MAX_CHANNELS} channels already"
            ));
        }
        if guide_id.chars().count() > MAX_GUIDE_ID {
            return Err(format!(
                "the id of its channel has more than {MAX_GUIDE_ID} characters"
            ));
        }
        let name = self.names.get(guide_id).map_or(guide_id, String::as_str);
        let new = NewChannel {
            id: self.ids.next::<id::Channel>(),
            key: free_key(guide_id, &self.taken),
            name: name.chars().take(MAX_NAME).collect(),
            time_zone: self.zone.name(),
            guide_id: guide_id.to_owned(),
        };
        self.taken.insert(new.key.clone());
        self.created.insert(guide_id.to_owned(), new.id);
        Ok(new)
    }
}

impl Iterator for GuideRows {
    type Item = Result<AiringRow, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.reader.next()? {
                Ok(Entry::Channel(channel)) => {
                    if let Some(name) = channel.names.into_iter().next()
                        && self.names.len() < MAX_CHANNELS
                    {
                        let name = name.text.chars().take(MAX_NAME).collect();
                        self.names.entry(channel.id).or_insert(name);
                    }
                }
                Ok(Entry::Programme(programme)) => return Some(self.row(&programme)),
                Ok(Entry::Refused(refused)) => {
                    return Some(Err(ReadError::row(refused.line, refused.reason)));
                }
                Err(error) => return Some(Err(broken(error))),
            }
        }
    }
}

fn broken(error: xmltv::GuideError) -> ReadError {
    ReadError::File {
        line: error.line,
        reason: error.reason,
    }
}

/// The text of a guide, whose reader bounds its parts itself: it has no rows that would have to be.
struct Unmetered {
    inner: Box<dyn Read + Send>,
    meter: Arc<Meter>,
}

impl Unmetered {
    fn new(source: Source) -> Self {
        let meter = source.meter();
        Self {
            inner: source.into_reader(),
            meter,
        }
    }
}

impl Read for Unmetered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.meter.begin_row();
        self.inner.read(buffer)
    }
}
