//! The synchronous part of making a slate: eligible films, their signals, the draw, the best of them.

use std::sync::Arc;

use chrono::Datelike;
use ranking::bandit::{Draw, Signals, SlateContext};
use ranking::slate_signals::{
    AudienceEstimate, AudienceFilm, AudienceModel, BroadcastContext, CuratorFilm, CuratorModel,
    DiversityFeatures, MEDIAN_SIGNAL,
};
use rayon::prelude::*;
use rustc_hash::FxHashSet;
use smallvec::smallvec;

use super::films::{Film, FilmCache};
use super::live_bandit::LiveBandit;
use super::log::{LoggedCandidate, MAX_LOGGED, SlateLog};
use super::model::{SlateItem, SlateSlot};
use super::predictors::Predictor;
use super::signals::formulas;
use super::store::{Showings, ShowingsByFilm};
use crate::engine::candidates::Candidates;
use crate::engine::catalogue::{Catalogue, ContentKind, IndexedItem};
use crate::engine::eligibility::Rules;
use crate::engine::rank::{RankingInput, best};
use crate::engine::score::{Pool, Scored, Scorer, Scores};
use crate::engine::source::Source;
use crate::foundation::{Id, Result, id};

type Content = Id<id::Content>;

/// The draws that propensities are counted over.
const REPLAYS: usize = 1_024;
/// Tells the seed of the replays apart from that of the draw.
const REPLAYED: u64 = 0x9e37_79b9_7f4a_7c15;

/// All that a slate is made of.
pub(super) struct RankingTask {
    pub(super) slot: SlateSlot,
    pub(super) length: usize,
    pub(super) seed: i64,
    pub(super) live: Arc<LiveBandit>,
    pub(super) context: SlateContext,
    pub(super) broadcast: BroadcastContext,
    pub(super) curator: Option<Arc<Predictor<CuratorModel>>>,
    pub(super) audience: Option<Arc<Predictor<AudienceModel>>>,
    pub(super) showings: ShowingsByFilm,
    /// What the channel programmed last, the latest first.
    pub(super) programmed: Vec<Content>,
    /// What may not be offered.
    pub(super) taken: FxHashSet<Content>,
    pub(super) films: Arc<FilmCache>,
}

/// A slate that was made.
pub(super) struct RankedSlate {
    pub(super) weights: Signals,
    pub(super) items: Vec<SlateItem>,
    pub(super) candidates: usize,
    pub(super) log: Vec<u8>,
}

/// An eligible film.
struct EligibleFilm<'a> {
    slot: u32,
    item: &'a IndexedItem,
    film: &'a Film,
}

impl RankingTask {
    /// Makes the slate. Equal input gives equal slates.
    ///
    /// # Errors
    /// When the bandit refuses a signal, which none of the formulas gives.
    pub(super) fn run(&self, catalogue: &Catalogue) -> Result<RankedSlate> {
        let films = self.films.of(catalogue);
        let rules = Rules::on(self.slot.date)
            .of_kinds(&[ContentKind::Movie])
            .within(catalogue)
            .for_broadcast()
            .without(&self.taken);
        let eligible: Vec<EligibleFilm<'_>> = rules
            .eligible_items()
            .filter_map(|(slot, item)| {
                let film = films.get(slot)?;
                Some(EligibleFilm { slot, item, film })
            })
            .collect();
        let programmed = self.programmed.iter();
        let programmed =
            programmed.filter_map(|content| Some(&films.get(catalogue.slot(*content)?)?.diversity));
        let programmed: Vec<&DiversityFeatures> = programmed.collect();
        let year = self.broadcast.year;
        let curator = self.curator.as_ref().map(|curator| {
            let encoded = curator.encoded(&films, year);
            let encoded = eligible
                .iter()
                .filter_map(|film| encoded[film.slot as usize].as_ref());
            let encoded: Vec<&CuratorFilm> = encoded.collect();
            curator.model.signals_of_encoded(&self.broadcast, &encoded)
        });
        let audience = self.audience.as_ref().map(|audience| {
            let encoded = audience.encoded(&films, year);
            let encoded = eligible
                .iter()
                .filter_map(|film| encoded[film.slot as usize].as_ref());
            let encoded: Vec<&AudienceFilm> = encoded.collect();
            audience.model.predict_encoded(&self.broadcast, &encoded)
        });
        let never = Showings::default();
        let signals: Vec<(Content, Signals)> = eligible
            .par_iter()
            .enumerate()
            .with_min_len(256)
            .map(|(at, candidate)| {
                let curator = curator
                    .as_ref()
                    .map_or(MEDIAN_SIGNAL, |signals| signals[at]);
                let audience = audience
                    .as_ref()
                    .map_or(MEDIAN_SIGNAL, |estimates| estimates[at].signal);
                let shown = self.showings.get(&candidate.item.id).unwrap_or(&never);
                let [competition, diversity, novelty, rights] = formulas(
                    self.slot.date,
                    candidate.item,
                    candidate.film,
                    shown,
                    &programmed,
                );
                let signals = [curator, audience, competition, diversity, novelty, rights];
                (candidate.item.id, signals)
            })
            .collect();
        let draw = self
            .live
            .bandit
            .draw(&self.context, self.seed.cast_unsigned());
        let mut by_slot = vec![None; catalogue.len()];
        for (at, candidate) in eligible.iter().enumerate() {
            by_slot[candidate.slot as usize] = Some(at);
        }
        let offered = eligible.iter().map(|candidate| (candidate.slot, 0.0));
        let offered = [Candidates::given(Source::Any, offered.collect())];
        let scorer = DrawScorer {
            draw: &draw,
            signals: &signals,
            by_slot: &by_slot,
        };
        let kept = self.length.max(MAX_LOGGED);
        let list = best(&RankingInput::plain(&rules, &offered, &scorer, kept));
        let ranked: Vec<usize> = list
            .items
            .iter()
            .filter_map(|item| by_slot[item.slot as usize])
            .collect();
        let propensities = self.propensities(&signals)?;
        let items = ranked.iter().take(self.length).enumerate();
        let items = items.map(|(index, at)| {
            let (content, signals) = signals[*at];
            SlateItem {
                rank: index + 1,
                content,
                signals,
                score: draw.score(&signals),
                propensity: propensities[*at].max(1.0 / REPLAYS as f64),
                audience: audience
                    .as_ref()
                    .map(|estimates: &Vec<AudienceEstimate>| estimates[*at].viewers),
            }
        });
        let logged = ranked.iter().map(|at| LoggedCandidate {
            content: signals[*at].0,
            signals: signals[*at].1,
        });
        let log = SlateLog {
            draws: self.live.bandit.draw_distribution(&self.context),
            candidates: logged.collect(),
        };
        Ok(RankedSlate {
            weights: draw.weights,
            items: items.collect(),
            candidates: signals.len(),
            log: log.to_bytes(),
        })
    }

    fn propensities(&self, signals: &[(Content, Signals)]) -> Result<Vec<f64>> {
        let bandit = &self.live.bandit;
        let seed = self.seed.cast_unsigned() ^ REPLAYED;
        let counted = bandit.propensities(&self.context, signals, self.length, REPLAYS, seed);
        Ok(counted.map_err(anyhow::Error::from)?)
    }
}

/// The hour as the bandit sees it, of the channel that it knows by this number.
pub(super) fn context_of(slot: SlateSlot, channel: u16) -> Result<SlateContext> {
    let weekday = slot.date.weekday().num_days_from_monday();
    let small = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
    let (weekday, month) = (small(weekday), small(slot.date.month()));
    let context = SlateContext::new(slot.hour, weekday, month, channel);
    Ok(context.map_err(anyhow::Error::from)?)
}

/// When a film would be broadcast, as the learned signals see it.
pub(super) fn broadcast(slot: SlateSlot, holiday: bool) -> BroadcastContext {
    BroadcastContext {
        year: slot.date.year(),
        month: u8::try_from(slot.date.month()).unwrap_or(1),
        weekday: u8::try_from(slot.date.weekday().num_days_from_monday()).unwrap_or(0),
        hour: slot.hour,
        holiday,
        channel: slot.channel.to_string(),
    }
}

/// The draw of the bandit as a scorer: the weighted signals of each candidate, moved to between 0 and 1, which
/// leaves their order.
struct DrawScorer<'a> {
    draw: &'a Draw,
    signals: &'a [(Content, Signals)],
    by_slot: &'a [Option<usize>],
}

impl Scorer for DrawScorer<'_> {
    fn score(&self, pool: &Pool) -> Scores {
        let scored = pool.eligible.iter().filter_map(|slot| {
            let at = (*self.by_slot.get(*slot as usize)?)?;
            Some((*slot, self.draw.score(&self.signals[at].1)))
        });
        let scored: Vec<(u32, f64)> = scored.collect();
        let scores = || scored.iter().map(|(_, score)| *score);
        let low = scores().fold(f64::INFINITY, f64::min);
        let range = (scores().fold(f64::NEG_INFINITY, f64::max) - low).max(f64::MIN_POSITIVE);
        let item = |(slot, score): &(u32, f64)| {
            let score = ((score - low) / range) as f32;
            Scored {
                slot: *slot,
                score,
                parts: smallvec![score],
                sources: Source::Any.into(),
            }
        };
        Scores {
            blend: vec![(Source::Any, 1.0)],
            items: scored.iter().map(item).collect(),
        }
    }
}
