//! Judging a bandit by the slates of another, in a world where the truth is known.

use super::super::likelihood::utility;
use super::super::off_policy::*;
use super::super::random::Normals;
use super::super::*;
use super::{both, context, slates};
use rand::RngExt;

const LENGTH: usize = 3;
const CANDIDATES: usize = 24;
const SLATES: usize = 600;
const LOGS: u64 = 80;
const REPLAYS: usize = 128;

/// Somebody who picks one film or none by a taste that no bandit knows.
struct Curator {
    random: Normals,
}

impl Curator {
    /// The probability of each pick.
    fn chances(shown: &[Signals]) -> Vec<f64> {
        let taste = [-3.5, 1.0, 0.5, 3.0, 0.5, 1.0, -1.0];
        let powers: Vec<f64> = shown.iter().map(|s| utility(&taste, s).exp()).collect();
        let total = 1.0 + powers.iter().sum::<f64>();
        powers.iter().map(|power| power / total).collect()
    }

    fn pick(&mut self, shown: &[Signals]) -> Option<usize> {
        let mut left = self.random.uniform.random::<f64>();
        Self::chances(shown).iter().position(|chance| {
            left -= chance;
            left < 0.0
        })
    }
}

struct Hour {
    context: SlateContext,
    candidates: Vec<Signals>,
}

struct World {
    logging: Bandit,
    judged: Bandit,
    hours: Vec<Hour>,
}

impl World {
    /// The judged bandit learns from so many slates more than the one that made the log.
    fn new(settings: Settings, more: usize) -> Self {
        let mut random = Normals::new(9);
        let mut logging = Bandit::new(settings, 1).unwrap();
        logging.update_all(slates(5, 40, 4)).unwrap();
        let mut judged = logging.clone();
        // Of a liking for the third signal.
        let mut events = slates(2, more, 4);
        for (at, event) in events.iter_mut().enumerate() {
            let best = (0..4).max_by(|a, b| event.shown[*a][2].total_cmp(&event.shown[*b][2]));
            event.outcome = Outcome::OnePick(best);
            event.event = 1_000 + at as u128;
        }
        judged.update_all(events).unwrap();
        let hours = (0..6).map(|_| Hour {
            context: context(&mut random),
            candidates: (0..CANDIDATES)
                .map(|_| [(); SIGNALS].map(|()| random.uniform.random()))
                .collect(),
        });
        let hours = hours.collect();
        Self {
            logging,
            judged,
            hours,
        }
    }

    /// What a bandit offers with a seed.
    fn offer(&self, bandit: &Bandit, hour: &Hour, seed: u64) -> Vec<usize> {
        let candidates: Vec<(usize, Signals)> =
            hour.candidates.iter().copied().enumerate().collect();
        let (_, ranked) = bandit
            .rank(&hour.context, &candidates, LENGTH, seed)
            .unwrap();
        ranked.iter().map(|item| item.candidate).collect()
    }

    fn signals(hour: &Hour, places: &[usize]) -> Vec<Signals> {
        places.iter().map(|place| hour.candidates[*place]).collect()
    }

    /// The probability that something is picked of what a bandit offers: of many slates that it does offer.
    fn truth(&self, bandit: &Bandit) -> f64 {
        const OFFERS: u64 = 4_000;
        let mut sum = 0.0;
        for hour in &self.hours {
            for seed in 0..OFFERS {
                let shown = Self::signals(hour, &self.offer(bandit, hour, seed << 20));
                sum += Curator::chances(&shown).iter().sum::<f64>();
            }
        }
        sum / (OFFERS as f64 * self.hours.len() as f64)
    }

    fn log(&self, log: u64) -> Vec<LoggedSlate> {
        let mut curator = Curator {
            random: Normals::new(log),
        };
        let logged = (0..SLATES).map(|at| {
            let hour = &self.hours[at % self.hours.len()];
            let seed = (log << 32) + at as u64;
            let shown = self.offer(&self.logging, hour, seed);
            let picked = curator.pick(&Self::signals(hour, &shown));
            LoggedSlate {
                context: hour.context,
                candidates: hour.candidates.clone(),
                picked: picked.map(|pick| shown[pick]),
                shown,
                draws: self.logging.draw_distribution(&hour.context),
                seed,
                weights: self.logging.draw(&hour.context, seed).weights,
            }
        });
        logged.collect()
    }

    /// The bandit that made the log, after it has learned from it.
    fn choices(&self, log: &[LoggedSlate]) -> Bandit {
        let feedback = log.iter().zip(5_000..).map(|(slate, event)| {
            let place = |picked| slate.shown.iter().position(|shown| *shown == picked);
            SlateFeedback {
                event,
                context: slate.context,
                shown: slate.shown.iter().map(|at| slate.candidates[*at]).collect(),
                outcome: Outcome::OnePick(slate.picked.and_then(place)),
                ticked: Vec::new(),
            }
        });
        let mut choices = self.logging.clone();
        choices.update_all(feedback).unwrap();
        choices
    }

    fn records(&self, judged: &Bandit, log: u64) -> Vec<SlateRecord> {
        let slates = self.log(log);
        let choices = self.choices(&slates);
        let judge = |(slate, seed)| judged.judge(slate, &choices, REPLAYS, seed);
        let records = slates.iter().zip(0..).map(judge);
        records.map(|judged| judged.unwrap().record).collect()
    }
}

#[test]
fn what_a_bandit_would_earn_is_estimated_from_the_slates_of_another() {
    // The logistic sampler learns faster.
    for (settings, more) in both().into_iter().zip([10, 3]) {
        let world = World::new(settings, more);
        let (logged, truth) = (world.truth(&world.logging), world.truth(&world.judged));
        assert!((logged - truth).abs() > 0.005, "{logged} {truth}");
        let estimates: Vec<Estimates> = (0..LOGS)
            .map(|log| whole_slates(&world.records(&world.judged, log + 1), 0.0).unwrap())
            .collect();
        type Kind = fn(&Estimates) -> Estimate;
        let kinds: [(&str, Kind); 3] = [
            ("ips", |all| all.ips),
            ("snips", |all| all.snips),
            ("doubly robust", |all| all.doubly_robust),
        ];
        for (name, kind) in kinds {
            let values: Vec<Estimate> = estimates.iter().map(kind).collect();
            let mean = values.iter().map(|one| one.value).sum::<f64>() / values.len() as f64;
            let covers = |one: &&Estimate| (one.low..=one.high).contains(&truth);
            let coverage = values.iter().filter(covers).count() as f64 / values.len() as f64;
            let effective = estimates[0].effective_samples;
            println!(
                "{name}: {mean:.4} of {truth:.4}, coverage {coverage}, effective {effective:.0}"
            );
            // What the logging bandit hardly ever offers is missing from the sums of weights; the model of picks
            // makes up for most of it. The interval is seven times as wide as what is left.
            let near = if name == "doubly robust" { 0.025 } else { 0.05 };
            assert!(
                (mean / truth - 1.0).abs() < near,
                "{name}: {mean} of {truth}"
            );
            let least = if name == "doubly robust" { 0.88 } else { 0.75 };
            assert!(coverage >= least, "{name}: {coverage}");
        }
    }
}

#[test]
fn a_bandit_that_offered_the_slates_itself_earns_what_they_earned() {
    for settings in both() {
        let world = World::new(settings, 3);
        let records = world.records(&world.logging, 1);
        let earned = observed(records.iter().map(|record| record.reward));
        let found = whole_slates(&records, 0.0).unwrap();
        // As far as its distribution is counted in replays twice.
        assert!(
            (found.snips.value - earned.value).abs() < 0.01,
            "{found:?} {earned:?}"
        );
        assert!(found.effective_samples > 0.85 * SLATES as f64, "{found:?}");
    }
}

#[test]
fn a_bandit_that_offers_nothing_of_the_kind_is_not_judged() {
    let world = World::new(Settings::logistic(), 200);
    let refused = whole_slates(&world.records(&world.judged, 1), 0.0);
    let error = refused.unwrap_err();
    assert!(
        matches!(error, OffPolicyError::TooFewEffective { .. }),
        "{error}"
    );
}

#[test]
fn the_order_of_what_was_offered_is_judged_by_the_pick() {
    let world = World::new(Settings::logistic(), 3);
    let mut slate = world.log(1).swap_remove(0);
    // The first signal decides nearly everything, so the order is that of it.
    let mut sure = Bandit::new(Settings::logistic(), 1).unwrap();
    let mut events = slates(3, 3_000, 4);
    for event in &mut events {
        let best = (0..4).max_by(|a, b| event.shown[*a][0].total_cmp(&event.shown[*b][0]));
        event.outcome = Outcome::OnePick(best);
    }
    sure.update_all(events).unwrap();
    let with = |first: f64| [first, 0.5, 0.5, 0.5, 0.5, 0.5];
    slate.draws = sure.draw_distribution(&slate.context);
    slate.weights = sure.draw(&slate.context, slate.seed).weights;
    slate.candidates = [0.9, 0.6, 0.3, 0.0].map(with).to_vec();
    slate.shown = vec![2, 0, 1];
    for (picked, own, served) in [(0, 1.0, 1.0 / 3.0_f64.log2()), (2, 0.5, 1.0)] {
        slate.picked = Some(picked);
        let judged = sure.judge(&slate, &sure, 200, 1).unwrap();
        assert!((judged.ndcg.unwrap() - own).abs() < 0.01, "{judged:?}");
        assert!((judged.served_ndcg.unwrap() - served).abs() < 1e-12);
        assert_eq!(judged.offered, [0, 1, 2]);
    }
    slate.picked = None;
    assert_eq!(sure.judge(&slate, &sure, 1, 1).unwrap().ndcg, None);
}

#[test]
fn a_log_that_cannot_be_is_refused() {
    let world = World::new(Settings::logistic(), 3);
    let good = world.log(1).swap_remove(0);
    let refused = |change: fn(&mut LoggedSlate)| {
        let mut slate = good.clone();
        change(&mut slate);
        world.judged.judge(&slate, &world.judged, 1, 1).unwrap_err()
    };
    assert_eq!(refused(|slate| slate.shown[0] = 30), BanditError::Log);
    assert_eq!(refused(|slate| slate.picked = Some(99)), BanditError::Log);
    assert_eq!(
        refused(|slate| slate.draws.sampler = Sampler::Softmax),
        BanditError::OtherSampler
    );
    assert_eq!(
        refused(|slate| slate.weights[0] += 0.1),
        BanditError::OtherSampler
    );
    assert!(matches!(
        refused(|slate| slate.candidates[0][3] = 1.5),
        BanditError::Signal { at: 0, .. }
    ));
    assert_eq!(
        world.judged.judge(&good, &world.judged, 0, 1).unwrap_err(),
        BanditError::Log
    );
}
