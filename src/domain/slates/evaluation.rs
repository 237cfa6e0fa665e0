//! Judging a version of the bandit by what curators decided about slates, before it serves.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use ranking::bandit::off_policy::{Estimate, Estimates};
use ranking::bandit::off_policy::{
    LEAST_EFFECTIVE, OffPolicyError, SlateRecord, observed, whole_slates,
};
use ranking::bandit::{Bandit, BanditError, LoggedSlate, SlateJudgement};
use rayon::prelude::*;

use super::live_bandit::LiveBandit;
use super::log::SlateLog;
use super::model::{Period, SlateSlot};
use super::ranking_task::context_of;
use super::service::SlateService;
use super::store::DecidedSlate;
use crate::domain::auth::Viewer;
use crate::domain::models::{ModelKind, ModelVersion};
use crate::foundation::{Error, Id, Refusal, Result, id};

/// So many slates are judged at most, the latest.
pub const MAX_JUDGED: usize = 2_000;
/// The draws that distributions are counted over, for each slate and each of the two bandits.
const REPLAYS: usize = 128;
/// Slates whose logs are in memory at a time: 20 kB each.
const PAGE: usize = 200;
/// So many of the latest hours are ranked anew to measure how long that takes.
const TIMED: usize = 5;

/// What is known of a version of the bandit from slates that it did not make, or made and did not learn from.
#[derive(Clone, Debug)]
pub struct PolicyEvaluation {
    /// The version that was judged.
    pub model: ModelVersion,
    /// When the slates were decided.
    pub period: Period,
    /// How many slates it was judged by.
    pub slates: usize,
    /// From how many of them a film was selected.
    pub selections: usize,
    /// Slates of the period that the version has learned from. They are left out, unless they were asked for.
    pub learned: usize,
    /// Slates of the period that cannot be compared: of another sampler, or logged by another version of the
    /// program. They are left out.
    pub incomparable: usize,
    /// The share of slates from which a film was selected, as they were served; `None` without slates.
    pub served: Option<Estimate>,
    /// The order and variety of the slates as they were served.
    pub served_quality: PolicyQuality,
    /// The same as the version would have made them.
    pub quality: PolicyQuality,
    /// What the share of slates with a selection would have been, or why that cannot be said.
    pub estimates: Result<Estimates, String>,
    /// How many slates of the version the log is worth.
    pub effective_slates: f64,
    /// How long the version takes to make a slate; `None` where none could be made.
    pub latency: Option<PolicyLatency>,
}

/// The order and variety of slates.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PolicyQuality {
    /// NDCG of the selected film in the order of the films that were offered, in [0, 1]; the mean over the slates
    /// with a selection. `None` without any.
    pub ndcg: Option<f64>,
    /// The share of the candidates that were offered at least once, in [0, 1]. `None` without slates.
    pub coverage: Option<f64>,
}

/// How long slates take, with all that belongs to one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolicyLatency {
    /// The median.
    pub median: Duration,
    /// The longest.
    pub slowest: Duration,
    /// How many slates were made.
    pub slates: usize,
}

/// Figures as they are added up.
#[derive(Default)]
struct Sums {
    records: Vec<SlateRecord>,
    own: Counted,
    served: Counted,
    candidates: HashSet<Id<id::Content>>,
    learned: usize,
    incomparable: usize,
}

#[derive(Default)]
struct Counted {
    gain: f64,
    ranked: usize,
    offered: HashSet<Id<id::Content>>,
}

impl Counted {
    fn add(&mut self, ndcg: Option<f64>, offered: impl Iterator<Item = Id<id::Content>>) {
        self.gain += ndcg.unwrap_or(0.0);
        self.ranked += usize::from(ndcg.is_some());
        self.offered.extend(offered);
    }

    fn quality(&self, candidates: usize) -> PolicyQuality {
        let share = |part: f64, whole: usize| (whole > 0).then(|| part / whole as f64);
        PolicyQuality {
            ndcg: share(self.gain, self.ranked),
            coverage: share(self.offered.len() as f64, candidates),
        }
    }
}

/// A slate that can be judged by.
struct Judged {
    log: SlateLog,
    judgement: SlateJudgement,
}

impl SlateService {
    /// Judges a version of the bandit by the slates that were decided in a period, the latest [`MAX_JUDGED`].
    /// Slates that it has learned from would flatter it and are left out, unless `with_learned`. For admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for others; [`Refusal::InvalidInput`] for a version that is none of a bandit and for a
    /// period that ends before it begins; [`Refusal::NotFound`]; [`Refusal::Conflict`] for a version whose file
    /// cannot be read.
    pub async fn evaluate_policy(
        &self,
        viewer: &Viewer,
        version: Id<id::Model>,
        period: Period,
        with_learned: bool,
    ) -> Result<PolicyEvaluation> {
        viewer.admin()?;
        if period.until <= period.from {
            let message = "the period ends before it begins; `to` must be later than `from`";
            return Err(Refusal::invalid("to", message).into());
        }
        let (model, bandit) = self.bandit_version(viewer, version).await?;
        let bandit = Arc::new(bandit);
        // What serves now has learned from all decisions, so it knows best what is selected.
        let choices = self.live_bandit().await?;
        let (mut sums, mut slots, mut before, mut read) = (Sums::default(), Vec::new(), None, 0);
        while read < MAX_JUDGED {
            let most = PAGE.min(MAX_JUDGED - read);
            let page = self.store.decided(period, before.as_ref(), most as u64);
            let page = page.await?;
            read += page.len();
            let is_last = page.len() < most;
            before = page.last().map(|last| last.slate.clone());
            let recent = page.iter().take(TIMED.saturating_sub(slots.len()));
            slots.extend(recent.map(|decided| (decided.slate.slot, decided.slate.length)));
            let numbers = self.channel_numbers(&page).await?;
            let (bandit, choices) = (Arc::clone(&bandit), Arc::clone(&choices));
            let added = tokio::task::spawn_blocking(move || {
                sums.add(page, &numbers, &bandit, &choices.bandit, with_learned)?;
                Ok::<_, Error>(sums)
            });
            sums = added.await.map_err(anyhow::Error::from)??;
            if is_last {
                break;
            }
        }
        let latency = self.latency(&slots, &model, &bandit).await?;
        Ok(sums.evaluation(model, period, latency))
    }

    /// A version of the bandit.
    async fn bandit_version(
        &self,
        viewer: &Viewer,
        version: Id<id::Model>,
    ) -> Result<(ModelVersion, Bandit)> {
        let found = self.models.find_many(viewer, &[version]).await?;
        let model = found.into_values().next();
        let model = model.ok_or(Refusal::NotFound { thing: "model" })?;
        if model.kind != ModelKind::Bandit {
            let message = format!(
                "this is a version of the kind {}; slates judge versions of the kind BANDIT",
                model.kind.as_str()
            );
            return Err(Refusal::invalid("version", message).into());
        }
        if !model.kept {
            let message = format!(
                "what the version {} had learned was removed; the setting `slates.keep_versions` says how many are kept",
                model.version
            );
            return Err(Refusal::Conflict { message }.into());
        }
        let bytes = self.version_bytes(version).await;
        let bandit = bytes.and_then(|bytes| {
            let read = Bandit::from_npz(&bytes);
            read.map_err(|error| error.to_string())
        });
        let message = |problem| format!("the version {} cannot be read: {problem}", model.version);
        let conflict = |problem| Refusal::Conflict {
            message: message(problem),
        };
        let bandit = bandit.map_err(conflict)?;
        Ok((model, bandit))
    }

    async fn channel_numbers(
        &self,
        page: &[DecidedSlate],
    ) -> Result<HashMap<Id<id::Channel>, u16>> {
        let channels = page.iter().map(|decided| decided.slate.slot.channel);
        let channels: HashSet<Id<id::Channel>> = channels.collect();
        let mut numbers = HashMap::new();
        for channel in channels {
            numbers.insert(channel, self.store.channel_number(channel).await?);
        }
        Ok(numbers)
    }

    /// How long the version takes for the hours of these slates.
    async fn latency(
        &self,
        slots: &[(SlateSlot, usize)],
        model: &ModelVersion,
        bandit: &Bandit,
    ) -> Result<Option<PolicyLatency>> {
        let live = Arc::new(LiveBandit::of_version(model, bandit.clone()));
        let mut taken = Vec::new();
        for (slot, length) in slots {
            let began = Instant::now();
            match self.make(*slot, *length, 0, Arc::clone(&live)).await {
                Ok(_) => taken.push(began.elapsed()),
                // No film is eligible for the hour any more.
                Err(Error::Refused(Refusal::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        taken.sort_unstable();
        let slowest = taken.last().copied();
        Ok(slowest.map(|slowest| PolicyLatency {
            median: taken[taken.len() / 2],
            slowest,
            slates: taken.len(),
        }))
    }
}

impl Sums {
    fn add(
        &mut self,
        page: Vec<DecidedSlate>,
        channels: &HashMap<Id<id::Channel>, u16>,
        bandit: &Bandit,
        choices: &Bandit,
        with_learned: bool,
    ) -> Result<()> {
        let learned = |decided: &DecidedSlate| bandit.knows(decided.slate.id.uuid().as_u128());
        let all = page.len();
        let fresh: Vec<DecidedSlate> = page
            .into_iter()
            .filter(|decided| with_learned || !learned(decided))
            .collect();
        self.learned += all - fresh.len();
        let judged: Vec<Option<Judged>> = fresh
            .into_par_iter()
            .map(|decided| {
                let channel = channels.get(&decided.slate.slot.channel);
                judge(decided, channel.copied().unwrap_or(0), bandit, choices)
            })
            .collect::<Result<_>>()?;
        for judged in judged {
            match judged {
                Some(judged) => self.count(judged),
                None => self.incomparable += 1,
            }
        }
        Ok(())
    }

    fn count(&mut self, judged: Judged) {
        let Judged { log, judgement } = judged;
        let film = |place: usize| log.candidates[place].content;
        let offered = judgement.offered.iter().map(|place| film(*place));
        self.own.add(judgement.ndcg, offered);
        // The best by the score of the draw are what was offered, as many as of the version.
        let shown = (0..judgement.offered.len()).map(film);
        self.served.add(judgement.served_ndcg, shown);
        let candidates = log.candidates.iter();
        self.candidates.extend(candidates.map(|one| one.content));
        self.records.push(judgement.record);
    }

    fn evaluation(
        self,
        model: ModelVersion,
        period: Period,
        latency: Option<PolicyLatency>,
    ) -> PolicyEvaluation {
        let rewards = self.records.iter().map(|record| record.reward);
        let (estimates, effective_slates) = match whole_slates(&self.records, LEAST_EFFECTIVE) {
            Ok(estimates) => (Ok(estimates), estimates.effective_samples),
            Err(error) => {
                let effective = match error {
                    OffPolicyError::TooFewEffective { effective, .. } => effective,
                    OffPolicyError::Record { .. } => 0.0,
                };
                (Err(self.why_not(&error)), effective)
            }
        };
        PolicyEvaluation {
            model,
            period,
            slates: self.records.len(),
            selections: rewards.clone().filter(|reward| *reward > 0.0).count(),
            learned: self.learned,
            incomparable: self.incomparable,
            served: (!self.records.is_empty()).then(|| observed(rewards)),
            served_quality: self.served.quality(self.candidates.len()),
            quality: self.own.quality(self.candidates.len()),
            estimates,
            effective_slates,
            latency,
        }
    }

    fn why_not(&self, error: &OffPolicyError) -> String {
        if !self.records.is_empty() {
            return error.to_string();
        }
        match (self.learned, self.incomparable) {
            (0, 0) => "no slate was decided in this period".to_owned(),
            (learned, 0) => format!(
                "the version has learned from all {learned} slates that were decided in this period; choose a later \
                 period"
            ),
            (_, other) => format!(
                "none of the slates of this period can be compared: {other} are of another sampler or were logged by \
                 another version of the program"
            ),
        }
    }
}

/// Judges by one slate; `None` where that cannot be compared.
fn judge(
    decided: DecidedSlate,
    channel: u16,
    bandit: &Bandit,
    choices: &Bandit,
) -> Result<Option<Judged>> {
    let DecidedSlate { slate, selected } = decided;
    let Some(log) = SlateLog::from_bytes(&slate.log) else {
        return Ok(None);
    };
    let places = log.candidates.iter().zip(0..);
    let places: HashMap<Id<id::Content>, usize> =
        places.map(|(one, place)| (one.content, place)).collect();
    let place = |content: &Id<id::Content>| places.get(content).copied();
    let shown = slate.items.iter().filter_map(|item| place(&item.content));
    let logged = LoggedSlate {
        context: context_of(slate.slot, channel)?,
        candidates: log.candidates.iter().map(|one| one.signals).collect(),
        shown: shown.collect(),
        picked: selected.as_ref().and_then(place),
        draws: log.draws.clone(),
        seed: slate.seed.cast_unsigned(),
        weights: slate.weights,
    };
    // A film that was deleted since takes its place in the slate with it.
    let offered = slate.length.min(slate.candidates);
    if logged.shown.len() != offered || logged.picked.is_none() != selected.is_none() {
        return Ok(None);
    }
    // Equal on every server and each time.
    let seed = slate.id.uuid().as_u64_pair().1;
    match bandit.judge(&logged, choices, REPLAYS, seed) {
        Ok(judgement) => Ok(Some(Judged { log, judgement })),
        Err(BanditError::OtherSampler) => Ok(None),
        Err(error) => Err(anyhow::Error::from(error).into()),
    }
}
