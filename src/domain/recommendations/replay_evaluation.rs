//! Replay evaluation: the quality of the lists that users get, by replaying histories through the serving
//! pipeline.
//!
//! Of each user the latest fifth of what they like is held out, with everything they did from then on
//! ([`crate::engine::replay`]). A model learns from what came before, and makes each user's list as it
//! would have been made at that moment. The lists are judged by what the user took next. The same
//! replays teach the learned ranker, which is judged on users that it did not learn from.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;
use uuid::Uuid;

use super::non_personalised::NonPersonalisedLists;
use super::pipeline::RankingTask;
use super::retrieve::{RequestContext, Retrieved};
use super::served_model::ServedModel;
use super::service::RecommendationService;
use super::training::{RunReporter, Step};
use crate::engine::candidates::NonPersonalised;
use crate::engine::catalogue::Catalogue;
use crate::engine::eligibility::Rules;
use crate::engine::rank::RankedList;
use crate::engine::ranker::{Ranker, Replayed};
use crate::engine::replay::Split;
use crate::engine::request::RecommendationRequest;
use crate::engine::score::{Pool, Scorer, Scores, WeightedBlend, weighted};
use crate::engine::source::Source;
use crate::foundation::{Id, Result, id};
use ranking::Interactions;
use ranking::evaluation::{self, Estimate, coverage, miscalibration, novelty};

type Content = Id<id::Content>;

/// The length of evaluated lists; recall uses the first 20.
const EVALUATED_LENGTH: usize = 100;
/// The head of a list, for coverage, novelty and calibration.
const HEAD: usize = 10;
/// The least number of users to learn a ranker from.
const MIN_USERS_TO_LEARN: usize = 50;
/// The number of cross-validation folds of the ranker.
const FOLDS: usize = 5;

/// A user with a split history, to be replayed.
#[derive(Clone, Debug)]
pub(super) struct Replay {
    pub(super) user: Uuid,
    pub(super) split: Split,
}

/// The quality of lists. Each number is a mean over users with its standard error, except coverage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListQuality {
    /// NDCG of the first 10.
    pub ndcg_at_10: Estimate,
    /// Of what was taken, the share among the first 20.
    pub recall_at_20: Estimate,
    /// The share of the items on offer that stand among the first 10 of any list.
    pub coverage_at_10: f64,
    /// The mean self-information of the first 10, in bits: how few users took them.
    pub novelty_at_10: Estimate,
    /// How far the genres of the first 10 are from those of the history (Kullback-Leibler divergence,
    /// in nats): 0 is the same proportions.
    pub miscalibration_at_10: Estimate,
}

/// The report of a replay evaluation.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayReport {
    /// How many users were replayed.
    pub users: usize,
    /// The lists that are served.
    pub served: ListQuality,
    /// The same with the configured weights of the blend.
    pub configured: ListQuality,
    /// By how much NDCG@10 with the learned ranker is above that with the configured weights, on
    /// users that it did not learn from; absent where there were too few to learn from.
    pub ranker_gain: Option<Estimate>,
    /// Whether the learned ranker serves.
    pub learned: bool,
    /// What popularity alone would give.
    pub popularity: ListQuality,
    /// What each source would give alone, by its name.
    pub by_source: Vec<(String, ListQuality)>,
}

/// The result of an evaluation: the report, and the ranker if it is better than the configured weights.
#[derive(Clone, Debug, Default)]
pub(super) struct ReplayOutcome {
    pub(super) figure: ReplayReport,
    pub(super) ranker: Option<Ranker>,
}

/// A replayed request with its retrieved candidates.
struct ReplayCase {
    retrieved: Retrieved,
    task: RankingTask,
    consumed: FxHashSet<Content>,
    /// The shares of genres in the history.
    genres: FxHashMap<u32, f64>,
}

/// The scores of one list.
struct ListScores {
    scores: evaluation::Scores,
    head: Vec<u32>,
    novelty: f64,
    miscalibration: f64,
}

/// A scorer that uses a single source.
struct SingleSource(Source);

impl Scorer for SingleSource {
    fn score(&self, pool: &Pool) -> Scores {
        let weights: Vec<f32> = pool
            .signals
            .iter()
            .map(|signal| {
                if signal.source == self.0 {
                    signal.weight
                } else {
                    0.0
                }
            })
            .collect();
        if weights.iter().all(|weight| *weight <= 0.0) {
            return Scores::default();
        }
        weighted(pool, &weights)
    }
}

impl RecommendationService {
    /// Judges the lists that a model makes which learnt from what came before the cuts, and learns a
    /// ranker from them. `None` where nobody can be replayed.
    pub(super) async fn evaluate_replays(
        &self,
        model: Arc<ServedModel>,
        training_data: &Interactions,
        replays: &[Replay],
        mut progress: RunReporter,
    ) -> Result<(Option<ReplayOutcome>, RunReporter)> {
        let takers = takers(&model, training_data);
        let non_personalised = Arc::new(self.non_personalised_of(&model, &takers).await?);
        let cases = self
            .cases(&model, &non_personalised, replays, &mut progress)
            .await?;
        if cases.is_empty() {
            return Ok((None, progress));
        }
        let catalogue = self.content.catalogue().await?.clone();
        let users = training_data.rows();
        super::training::blocking(move || {
            let evaluate = Evaluator {
                takers: by_slot(&catalogue.read(), &takers),
                users,
                cases: &cases,
            };
            let outcome = evaluate.all(&catalogue.read());
            progress.step(Step::Measure, 100, 100)?;
            Ok((Some(outcome), progress))
        })
        .await
    }

    /// What is popular by the part of the record that the model learnt from.
    async fn non_personalised_of(
        &self,
        model: &ServedModel,
        takers: &FxHashMap<Content, usize>,
    ) -> Result<NonPersonalisedLists> {
        let catalogue = self.content.catalogue().await?.read();
        let most = takers.values().copied().max().unwrap_or(1).max(1) as f32;
        let mut popular: Vec<(Content, f32)> = model
            .contents()
            .iter()
            .filter_map(|content| Some((*content, *takers.get(content)? as f32 / most)))
            .collect();
        popular.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let slots = popular
            .iter()
            .filter_map(|(content, score)| Some((catalogue.slot(*content)?, *score)));
        Ok(NonPersonalisedLists {
            slots: NonPersonalised {
                popular: slots.collect(),
                newest: Vec::new(),
            },
            popular,
        })
    }

    async fn cases(
        &self,
        model: &Arc<ServedModel>,
        non_personalised: &Arc<NonPersonalisedLists>,
        replays: &[Replay],
        progress: &mut RunReporter,
    ) -> Result<Vec<ReplayCase>> {
        let request = RecommendationRequest::default();
        let mut done = Vec::with_capacity(replays.len());
        for replay in replays {
            done.push(self.case(model, non_personalised, replay, &request).await?);
            if done.len().is_multiple_of(50) {
                progress.step(Step::Measure, done.len(), replays.len())?;
            }
        }
        Ok(done)
    }

    async fn case(
        &self,
        model: &Arc<ServedModel>,
        non_personalised: &Arc<NonPersonalisedLists>,
        replay: &Replay,
        request: &RecommendationRequest,
    ) -> Result<ReplayCase> {
        let context = RequestContext {
            user: replay.user.into(),
            request,
            history: &replay.split.before,
            blend: &self.ctx.settings.blend,
            now: replay.split.at,
            variant: None,
            model: Some(Arc::clone(model)),
            ranker: None,
            non_personalised: Arc::clone(non_personalised),
            batch: false,
        };
        let retrieved = Box::pin(self.retrieve(&context)).await?;
        let mut genres: FxHashMap<u32, f64> = FxHashMap::default();
        {
            let catalogue = self.content.catalogue().await?.read();
            let positives = replay.split.before.positives().into_iter();
            let slots = positives.filter_map(|positives| catalogue.slot(positives.content));
            count_genres(&catalogue, slots, &mut genres);
        }
        Ok(ReplayCase {
            task: RankingTask {
                length: EVALUATED_LENGTH,
                ..self.ranking_task(&context, &retrieved)
            },
            retrieved,
            consumed: replay.split.consumed.iter().copied().collect(),
            genres,
        })
    }
}

struct Evaluator<'a> {
    /// How many users took the item in each slot, of those that the model learnt from.
    takers: FxHashMap<u32, usize>,
    users: usize,
    cases: &'a [ReplayCase],
}

impl Evaluator<'_> {
    fn all(&self, catalogue: &Catalogue) -> ReplayOutcome {
        let configured = self.lists(catalogue, |_| &WeightedBlend);
        let replayed: Vec<Replayed> = self
            .cases
            .iter()
            .map(|case| {
                case.task
                    .replayed(catalogue, &case.retrieved, &case.consumed)
            })
            .collect();
        let mut outcome = ReplayOutcome::default();
        let figure = &mut outcome.figure;
        figure.users = self.cases.len();
        figure.configured = self.measures(catalogue, &configured);
        figure.served = figure.configured;
        if self.cases.len() >= MIN_USERS_TO_LEARN
            && let Some(rankers) = fold_rankers(&replayed)
        {
            let learned = self.lists(catalogue, |at| &rankers[at % FOLDS]);
            let quality = |lists: &[ListScores]| -> Vec<f64> {
                let each = lists.iter().map(|list| &list.scores);
                each.map(|scores| (scores.ndcg_at_10 + scores.recall_at_20) / 2.0)
                    .collect()
            };
            let gain = Estimate::paired(&quality(&learned), &quality(&configured));
            let ndcg = |lists: &[ListScores]| -> Vec<f64> {
                lists.iter().map(|list| list.scores.ndcg_at_10).collect()
            };
            figure.ranker_gain = Some(Estimate::paired(&ndcg(&learned), &ndcg(&configured)));
            // It serves only where it is better beyond its own uncertainty.
            if gain.mean > gain.error {
                let all: Vec<&Replayed> = replayed.iter().collect();
                outcome.ranker = Ranker::learn(&all);
                figure.learned = outcome.ranker.is_some();
                if figure.learned {
                    figure.served = self.measures(catalogue, &learned);
                }
            }
        }
        let popular: Vec<ListScores> = self
            .cases
            .iter()
            .map(|case| {
                // What fills every list, with no candidates before it.
                let nothing = Retrieved {
                    kinds: case.retrieved.kinds.clone(),
                    ..Retrieved::default()
                };
                let list = case.task.rank(catalogue, &nothing, &WeightedBlend);
                self.evaluate(catalogue, case, &list)
            })
            .collect();
        outcome.figure.popularity = self.measures(catalogue, &popular);
        let mut sources: Vec<Source> = self
            .cases
            .iter()
            .flat_map(|case| &case.retrieved.candidates)
            .map(|from| from.source)
            .collect();
        sources.sort_unstable();
        sources.dedup();
        for source in sources {
            let alone = SingleSource(source);
            let lists = self.lists(catalogue, |_| &alone);
            let measures = self.measures(catalogue, &lists);
            let named = (source.as_str().to_owned(), measures);
            outcome.figure.by_source.push(named);
        }
        outcome
    }

    fn lists<'s, S: Scorer + 's>(
        &self,
        catalogue: &Catalogue,
        scorer: impl Fn(usize) -> &'s S,
    ) -> Vec<ListScores> {
        let cases = self.cases.iter().enumerate();
        let list = |(at, case): (usize, &ReplayCase)| {
            let list = case.task.rank(catalogue, &case.retrieved, scorer(at));
            self.evaluate(catalogue, case, &list)
        };
        cases.map(list).collect()
    }

    fn evaluate(&self, catalogue: &Catalogue, case: &ReplayCase, list: &RankedList) -> ListScores {
        let id = |slot: u32| catalogue.entry(slot).map(|item| item.id);
        let items: Vec<Content> = list.items.iter().filter_map(|item| id(item.slot)).collect();
        let head: Vec<u32> = list.items.iter().take(HEAD).map(|item| item.slot).collect();
        let known = |slot: &u32| self.takers.get(slot).copied().unwrap_or(0);
        let mut genres: FxHashMap<u32, f64> = FxHashMap::default();
        count_genres(catalogue, head.iter().copied(), &mut genres);
        let mut names: Vec<u32> = case.genres.keys().chain(genres.keys()).copied().collect();
        names.sort_unstable();
        names.dedup();
        let shares = |of: &FxHashMap<u32, f64>| -> Vec<f64> {
            names
                .iter()
                .map(|name| of.get(name).copied().unwrap_or(0.0))
                .collect()
        };
        ListScores {
            scores: evaluation::Scores::of(&items, &case.consumed),
            novelty: novelty(head.iter().map(known), self.users),
            miscalibration: miscalibration(&shares(&case.genres), &shares(&genres)),
            head,
        }
    }

    fn measures(&self, catalogue: &Catalogue, lists: &[ListScores]) -> ListQuality {
        let estimate = |of: fn(&ListScores) -> f64| {
            let values: Vec<f64> = lists.iter().map(of).collect();
            Estimate::of(&values)
        };
        let day = self.cases.first().map(|case| case.task.day);
        let offered = day.map_or(0, |day| {
            let rules = Rules::on(day).within(catalogue);
            catalogue
                .iter()
                .filter(|(slot, _)| rules.is_eligible(*slot))
                .count()
        });
        ListQuality {
            ndcg_at_10: estimate(|list| list.scores.ndcg_at_10),
            recall_at_20: estimate(|list| list.scores.recall_at_20),
            coverage_at_10: coverage(lists.iter().map(|list| list.head.as_slice()), HEAD, offered),
            novelty_at_10: estimate(|list| list.novelty),
            miscalibration_at_10: estimate(|list| list.miscalibration),
        }
    }
}

/// For each fold the ranker that learnt from the other folds; `None` where one of them has nothing to
/// learn from.
fn fold_rankers(replayed: &[Replayed]) -> Option<Vec<Ranker>> {
    let others = |fold: usize| {
        let all = replayed.iter().enumerate();
        let others = all.filter(|(at, _)| at % FOLDS != fold);
        let others: Vec<&Replayed> = others.map(|(_, one)| one).collect();
        Ranker::learn(&others)
    };
    (0..FOLDS).map(others).collect()
}

/// How many users took each item of the model.
fn takers(model: &ServedModel, training_data: &Interactions) -> FxHashMap<Content, usize> {
    let mut counts = vec![0_usize; training_data.columns()];
    for (_, item, _) in training_data.triplets() {
        counts[item as usize] += 1;
    }
    let counted = model.contents().iter().copied().zip(counts);
    counted.filter(|(_, count)| *count > 0).collect()
}

fn by_slot(catalogue: &Catalogue, takers: &FxHashMap<Content, usize>) -> FxHashMap<u32, usize> {
    let known = takers.iter();
    known
        .filter_map(|(content, count)| Some((catalogue.slot(*content)?, *count)))
        .collect()
}

/// The shares of genres among these items, which sum to 1 where any has one.
fn count_genres(
    catalogue: &Catalogue,
    slots: impl Iterator<Item = u32>,
    genres: &mut FxHashMap<u32, f64>,
) {
    let mut whole = 0.0;
    for item in slots.filter_map(|slot| catalogue.entry(slot)) {
        let share = 1.0 / item.genres.len().max(1) as f64;
        for genre in &item.genres {
            *genres.entry(genre.number()).or_default() += share;
            whole += share;
        }
    }
    if whole > 0.0 {
        genres.values_mut().for_each(|share| *share /= whole);
    }
}
