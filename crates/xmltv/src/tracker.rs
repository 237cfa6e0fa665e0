//! Programmes that occur twice, and programmes of one channel that overlap.

use std::collections::{BTreeSet, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::programme::Programme;

/// What a [`ProgrammeTracker`] knows of a programme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// Nothing like it was there.
    New,
    /// A programme of the same channel, start, end and title was there.
    Duplicate,
    /// An earlier programme of the channel runs at the same time.
    Overlapping,
}

/// Remembers the last programmes of a guide, at most as many as it has room for; the oldest is forgotten
/// first. Guides order their programmes by channel or by time, so that what belongs together lies near to
/// each other.
pub struct ProgrammeTracker {
    capacity: usize,
    channels: FxHashMap<u64, Timeline>,
    order: VecDeque<(u64, Slot)>,
}

#[derive(Default)]
struct Timeline {
    slots: BTreeSet<Slot>,
    /// No programme of this channel was longer, in seconds.
    longest: i64,
}

/// Start and end in seconds since 1970, and a digest of the title.
type Slot = (i64, i64, u64);

impl ProgrammeTracker {
    /// Remembers up to `capacity` programmes, about 150 bytes each.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            channels: FxHashMap::default(),
            order: VecDeque::new(),
        }
    }

    /// Tells what is known of a programme, and remembers it.
    pub fn observe(&mut self, programme: &Programme) -> Observation {
        self.observe_slot(
            &programme.channel,
            programme.start,
            programme.stop,
            programme.title(&[]),
        )
    }

    /// The same by channel, start, end and title.
    pub fn observe_slot(
        &mut self,
        channel: &str,
        start: DateTime<Utc>,
        stop: DateTime<Utc>,
        title: &str,
    ) -> Observation {
        let channel = xxh3_64(channel.as_bytes());
        let (start, stop) = (start.timestamp(), stop.timestamp());
        let slot = (start, stop, xxh3_64(title.to_lowercase().as_bytes()));
        let timeline = self.channels.entry(channel).or_default();
        if timeline.slots.contains(&slot) {
            return Observation::Duplicate;
        }
        let earliest = start.saturating_sub(timeline.longest);
        let near = timeline
            .slots
            .range((earliest, i64::MIN, 0)..(stop, i64::MIN, 0));
        let overlaps = near
            .rev()
            .take(LOOK_BACK)
            .any(|(_, other_stop, _)| *other_stop > start);
        timeline.longest = timeline.longest.max(stop.saturating_sub(start));
        timeline.slots.insert(slot);
        self.order.push_back((channel, slot));
        if self.order.len() > self.capacity {
            self.forget_oldest();
        }
        if overlaps {
            Observation::Overlapping
        } else {
            Observation::New
        }
    }

    fn forget_oldest(&mut self) {
        let Some((channel, slot)) = self.order.pop_front() else {
            return;
        };
        if let Some(timeline) = self.channels.get_mut(&channel) {
            timeline.slots.remove(&slot);
            if timeline.slots.is_empty() {
                self.channels.remove(&channel);
            }
        }
    }
}

/// So many programmes before the end of a new one are looked at; a channel has fewer in two days.
const LOOK_BACK: usize = 512;

/// The longest programme that a guide may have.
pub(crate) const LONGEST_PROGRAMME: TimeDelta = TimeDelta::days(2);
