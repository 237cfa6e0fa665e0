//! The warm start of the bandit: before its first slate it learns from what our channels showed.
//!
//! A past pick is a film that a channel of ours showed, held against films that were within their rights on that
//! date and were not shown. Signals are those of that day: of the schedule only what came before it counts.

use std::sync::Arc;

use chrono::{NaiveDateTime, TimeDelta, Timelike};
use ranking::bandit::{Outcome, SlateContext, SlateFeedback};
use ranking::slate_signals::{
    DiversityFeatures, MEDIAN_SIGNAL, MEMORY, RIVAL_WINDOW, UNPICKED_PER_PICK,
};
use sha2::{Digest, Sha256};

use super::films::Films;
use super::live_bandit::{channels_with, new_bandit};
use super::model::SlateSlot;
use super::ranking_task::context_of;
use super::service::SlateService;
use super::signals::formulas;
use super::store::PastSchedule;
use crate::engine::catalogue::{Catalogue, ContentKind};
use crate::engine::eligibility::Rules;
use crate::foundation::{Error, Id, Result, Rng, id};

/// So many past picks are learned from at most, the latest, an equal share of each channel.
const MOST_PICKS: usize = 2_000;
/// Films are drawn at random until enough are eligible, at most so many for each that is wanted.
const DRAWS_PER_FILM: usize = 20;
/// Where there are no past picks, they are looked for again after so long.
const LOOK_INTERVAL: TimeDelta = TimeDelta::minutes(1);

/// The schedule of one of our channels.
struct ChannelPast {
    channel: Id<id::Channel>,
    /// The number by which the bandit knows it.
    number: u16,
    schedule: PastSchedule,
}

impl SlateService {
    /// Learns from past picks and keeps that as the first version, unless there is a state or a version by now.
    /// Answers whether the bandit may know more than its prior now. A failure is logged: slates can be made from
    /// the prior.
    pub(super) async fn warm_start(&self) -> bool {
        let now = self.clock.now();
        let recently = |looked_at| now - looked_at < LOOK_INTERVAL;
        if self.memory.looked_at.lock().is_some_and(recently) {
            return false;
        }
        match self.learn_from_past().await {
            Ok(true) => true,
            Ok(false) => {
                *self.memory.looked_at.lock() = Some(now);
                false
            }
            Err(error) => {
                *self.memory.looked_at.lock() = Some(now);
                tracing::error!(
                    ?error,
                    "The bandit cannot learn from past picks; slates are made from its prior"
                );
                false
            }
        }
    }

    /// Answers whether there was anything to learn from.
    async fn learn_from_past(&self) -> Result<bool> {
        let mut past = Vec::new();
        for channel in self.store.own_channels().await? {
            let schedule = self.store.past_schedule(channel, self.clock.now()).await?;
            if !schedule.own.is_empty() {
                past.push(ChannelPast {
                    channel,
                    number: self.store.channel_number(channel).await?,
                    schedule,
                });
            }
        }
        if past.is_empty() {
            return Ok(false);
        }
        let catalogue = self.content.catalogue().await?.clone();
        let films = Arc::clone(&self.films);
        let learned = tokio::task::spawn_blocking(move || {
            let picks = {
                let catalogue = catalogue.read();
                picks(&past, &films.of(&catalogue), &catalogue)?
            };
            let numbers = past.iter().map(|past| past.number);
            let mut bandit = new_bandit(channels_with(numbers.max().unwrap_or(0)))?;
            let learned = bandit.warm_start(picks).map_err(anyhow::Error::from)?;
            Ok::<_, Error>((bandit, learned))
        });
        let (bandit, learned) = learned.await.map_err(anyhow::Error::from)??;
        if learned == 0 {
            return Ok(false);
        }
        if let Some(version) = self.keep_first_version(bandit, learned).await? {
            let version = version.version;
            tracing::info!(
                version,
                picks = learned,
                "The bandit has learned from past picks"
            );
        }
        Ok(true)
    }
}

/// The past picks of all channels.
fn picks(past: &[ChannelPast], films: &Films, catalogue: &Catalogue) -> Result<Vec<SlateFeedback>> {
    let share = MOST_PICKS.div_ceil(past.len());
    let mut picks = Vec::new();
    for past in past {
        let own = &past.schedule.own;
        for at in own.len().saturating_sub(share)..own.len() {
            picks.extend(past.pick(at, films, catalogue)?);
        }
    }
    Ok(picks)
}

impl ChannelPast {
    /// The pick at a place of the schedule beside other films; `None` for one that was not within its rights, as far
    /// as is known today, or to which there is no other.
    fn pick(
        &self,
        at: usize,
        films: &Films,
        catalogue: &Catalogue,
    ) -> Result<Option<SlateFeedback>> {
        let (local, content) = self.schedule.own[at];
        let date = local.date();
        let rules = Rules::on(date)
            .of_kinds(&[ContentKind::Movie])
            .within(catalogue);
        let Some(picked) = catalogue
            .slot(content)
            .filter(|slot| rules.is_eligible(*slot) && films.get(*slot).is_some())
        else {
            return Ok(None);
        };
        let event = self.event(local, content);
        // The same films on every server.
        let rng = Rng::seeded(event as u64);
        let mut shown = vec![picked];
        for _ in 0..UNPICKED_PER_PICK * DRAWS_PER_FILM {
            let drawn = (rng.fraction() * catalogue.len() as f64) as u32;
            if !shown.contains(&drawn) && rules.is_eligible(drawn) && films.get(drawn).is_some() {
                shown.push(drawn);
                if shown.len() > UNPICKED_PER_PICK {
                    break;
                }
            }
        }
        if shown.len() == 1 {
            return Ok(None);
        }
        let before = self.schedule.own[..at].iter().rev().take(MEMORY);
        let programmed = before
            .filter_map(|(_, content)| Some(&films.get(catalogue.slot(*content)?)?.diversity));
        let programmed: Vec<&DiversityFeatures> = programmed.collect();
        let signals = |slot: &u32| {
            let (item, film) = (catalogue.entry(*slot)?, films.get(*slot)?);
            let showings = self.schedule.showings(item.id, date, RIVAL_WINDOW);
            let [competition, diversity, novelty, rights] =
                formulas(date, item, film, &showings, &programmed);
            // The models of curators and audiences have learned from this very schedule. Signals that are equal
            // say nothing of their weights, which stay as they are.
            let unknown = MEDIAN_SIGNAL;
            Some([unknown, unknown, competition, diversity, novelty, rights])
        };
        Ok(Some(SlateFeedback {
            event,
            context: self.context(local)?,
            shown: shown.iter().filter_map(signals).collect(),
            outcome: Outcome::PastPick(0),
            ticked: Vec::new(),
        }))
    }

    fn context(&self, local: NaiveDateTime) -> Result<SlateContext> {
        let slot = SlateSlot {
            channel: self.channel,
            date: local.date(),
            // 0 to 23.
            hour: u8::try_from(local.hour()).unwrap_or(0),
        };
        context_of(slot, self.number)
    }

    /// The id of a pick, which is the same whenever it is learned from.
    fn event(&self, local: NaiveDateTime, content: Id<id::Content>) -> u128 {
        let mut digest = Sha256::new();
        digest.update(self.channel.uuid().as_bytes());
        digest.update(content.uuid().as_bytes());
        digest.update(local.and_utc().timestamp().to_be_bytes());
        let digest = digest.finalize();
        let first = digest.iter().take(16);
        first.fold(0, |number, byte| number << 8 | u128::from(*byte))
    }
}
