//! What is known after events.

use super::super::fit::objective;
use super::super::model::Order;
use super::super::*;
use super::{both, context, slates};

/// `Θ φ(c)` and what an item is worth there, written down once more from the formulas.
struct Reference {
    settings: Settings,
    features: usize,
}

impl Reference {
    fn of(settings: &Settings) -> Self {
        let features = match settings.sampler {
            Sampler::Softmax => 18,
            Sampler::Logistic => 8,
        };
        Self {
            settings: settings.clone(),
            features,
        }
    }

    fn prior(&self) -> (Vec<f64>, Vec<f64>) {
        let s = &self.settings;
        let mut mean = vec![0.0; 7 * self.features];
        let mut precision = vec![1.0 / s.context_deviation.powi(2); 7 * self.features];
        mean[0] = s.intercept;
        precision[0] = 1.0 / s.intercept_deviation.powi(2);
        let total: f64 = s.wanted.iter().sum();
        let logit = |w: f64| {
            let q = (w / total - s.uniform_share / 6.0) / (1.0 - s.uniform_share);
            s.temperature * q.ln()
        };
        let average = s.wanted.iter().map(|w| logit(*w)).sum::<f64>() / 6.0;
        for k in 0..6 {
            mean[(k + 1) * self.features] = match s.sampler {
                Sampler::Softmax => logit(s.wanted[k]) - average,
                Sampler::Logistic => s.scale * s.wanted[k] / total,
            };
            precision[(k + 1) * self.features] = 1.0 / s.weight_deviation.powi(2);
        }
        (mean, precision)
    }

    fn phi(&self, context: &SlateContext) -> Vec<f64> {
        let mut out = vec![1.0];
        out.extend(match self.settings.sampler {
            Sampler::Softmax => context.one_hot(1),
            Sampler::Logistic => context.cyclic(1),
        });
        out
    }

    /// The utility of each item, and its gradient in all parameters.
    fn utilities(&self, theta: &[f64], event: &SlateFeedback) -> Vec<(f64, Vec<f64>)> {
        let s = &self.settings;
        let phi = self.phi(&event.context);
        let x: Vec<f64> = theta
            .chunks(self.features)
            .map(|row| row.iter().zip(&phi).map(|(a, b)| a * b).sum())
            .collect();
        let q: Vec<f64> = {
            let e: Vec<f64> = x[1..].iter().map(|z| (z / s.temperature).exp()).collect();
            let total: f64 = e.iter().sum();
            e.iter().map(|e| e / total).collect()
        };
        let of = |item: &Signals| {
            let mut utility = x[0];
            let mut slope = vec![1.0];
            for k in 0..6 {
                let centred = item[k] - 0.5;
                match s.sampler {
                    Sampler::Logistic => {
                        utility += x[k + 1] * centred;
                        slope.push(centred);
                    }
                    Sampler::Softmax => {
                        let share = s.uniform_share;
                        utility += s.scale * ((1.0 - share) * q[k] + share / 6.0) * centred;
                        let average: f64 = (0..6).map(|j| q[j] * (item[j] - 0.5)).sum();
                        slope.push(
                            s.scale * (1.0 - share) / s.temperature * q[k] * (centred - average),
                        );
                    }
                }
            }
            let gradient = slope
                .iter()
                .flat_map(|slope| phi.iter().map(move |f| slope * f))
                .collect();
            (utility, gradient)
        };
        event.shown.iter().map(of).collect()
    }

    /// The probability of each item, by the kind of outcome.
    fn probabilities(&self, event: &SlateFeedback, utilities: &[(f64, Vec<f64>)]) -> Vec<f64> {
        let powers: Vec<f64> = utilities.iter().map(|(u, _)| u.exp()).collect();
        let none = match event.outcome {
            Outcome::PastPick(_) => 0.0,
            _ => 1.0,
        };
        let total = none + powers.iter().sum::<f64>();
        match event.outcome {
            Outcome::Clicks(_) => powers.iter().map(|power| power / (1.0 + power)).collect(),
            _ => powers.iter().map(|power| power / total).collect(),
        }
    }

    fn taken(event: &SlateFeedback, at: usize) -> f64 {
        let taken = match &event.outcome {
            Outcome::OnePick(pick) => *pick == Some(at),
            Outcome::PastPick(pick) => *pick == at,
            Outcome::Clicks(clicks) => clicks[at],
        };
        f64::from(u8::from(taken))
    }

    fn gradient(&self, theta: &[f64], events: &[SlateFeedback]) -> Vec<f64> {
        let (mean, precision) = self.prior();
        let mut out: Vec<f64> = (0..theta.len())
            .map(|at| precision[at] * (theta[at] - mean[at]))
            .collect();
        for event in events {
            let utilities = self.utilities(theta, event);
            let probabilities = self.probabilities(event, &utilities);
            for (at, (p, (_, slope))) in probabilities.iter().zip(&utilities).enumerate() {
                for (out, slope) in out.iter_mut().zip(slope) {
                    *out += (p - Self::taken(event, at)) * slope;
                }
            }
        }
        out
    }

    /// `A0 + Σ` of the covariance of what is taken times the gradients of utilities.
    fn information(&self, theta: &[f64], events: &[SlateFeedback]) -> Vec<Vec<f64>> {
        let size = theta.len();
        let (_, precision) = self.prior();
        let mut out = vec![vec![0.0; size]; size];
        for at in 0..size {
            out[at][at] = precision[at];
        }
        for event in events {
            let utilities = self.utilities(theta, event);
            let p = self.probabilities(event, &utilities);
            for (i, (_, a)) in utilities.iter().enumerate() {
                for (j, (_, b)) in utilities.iter().enumerate() {
                    let together = match (&event.outcome, i == j) {
                        (Outcome::Clicks(_), true) => p[i] * (1.0 - p[i]),
                        (Outcome::Clicks(_), false) => 0.0,
                        (_, true) => p[i] - p[i] * p[i],
                        (_, false) => -p[i] * p[j],
                    };
                    for (row, a) in out.iter_mut().zip(a) {
                        for (entry, b) in row.iter_mut().zip(b) {
                            *entry += together * a * b;
                        }
                    }
                }
            }
        }
        out
    }

    /// The mode, by scoring from the prior with Gaussian elimination.
    fn mode(&self, events: &[SlateFeedback]) -> Vec<f64> {
        let (mut theta, _) = self.prior();
        for _ in 0..400 {
            let gradient = self.gradient(&theta, events);
            let step = eliminate(self.information(&theta, events), gradient);
            let damping = if self.settings.sampler == Sampler::Softmax {
                0.7
            } else {
                1.0
            };
            for (theta, step) in theta.iter_mut().zip(&step) {
                *theta -= damping * step;
            }
            if step.iter().all(|step| step.abs() < 1e-12) {
                break;
            }
        }
        theta
    }
}

/// The solution of `a x = b`, by Gaussian elimination with pivots.
fn eliminate(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let size = b.len();
    for at in 0..size {
        let pivot = (at..size)
            .max_by(|i, j| a[*i][at].abs().total_cmp(&a[*j][at].abs()))
            .unwrap();
        a.swap(at, pivot);
        b.swap(at, pivot);
        for row in at + 1..size {
            let factor = a[row][at] / a[at][at];
            let (above, below) = a.split_at_mut(row);
            for (entry, known) in below[0].iter_mut().zip(&above[at]).skip(at) {
                *entry -= factor * known;
            }
            b[row] -= factor * b[at];
        }
    }
    for at in (0..size).rev() {
        let known: f64 = (at + 1..size).map(|column| a[at][column] * b[column]).sum();
        b[at] = (b[at] - known) / a[at][at];
    }
    b
}

fn assert_near(a: &[f64], b: &[f64], most: f64) {
    assert_eq!(a.len(), b.len());
    for (at, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= most, "number {at}: {a} and {b}");
    }
}

/// Slates of which each third has clicks and each third is a past pick.
fn mixed(seed: u64, count: usize) -> Vec<SlateFeedback> {
    let mut events = slates(seed, count, 4);
    for (at, event) in events.iter_mut().enumerate() {
        event.outcome = match at % 3 {
            0 => Outcome::Clicks(vec![at % 2 == 0, at % 5 == 0, false, at % 7 == 0]),
            1 => Outcome::PastPick(at % 4),
            _ => continue,
        };
    }
    events
}

#[test]
fn the_posterior_is_that_of_an_independent_solution_of_the_same_events() {
    for settings in both() {
        let events = mixed(1, 150);
        let reference = Reference::of(&settings);
        let mut bandit = Bandit::new(settings, 1).unwrap();
        for event in &events {
            assert!(bandit.update(event.clone()).unwrap());
        }
        assert_near(&bandit.posterior.mean, &reference.mode(&events), 1e-9);
        let (prior, _) = reference.prior();
        let information = reference.information(&prior, &events).concat();
        assert_near(&bandit.posterior.precision, &information, 1e-9);
    }
}

#[test]
fn order_batches_and_repeated_delivery_of_events_change_nothing() {
    for settings in both() {
        let events = mixed(2, 200);
        let mut straight = Bandit::new(settings.clone(), 1).unwrap();
        for event in &events {
            straight.update(event.clone()).unwrap();
        }
        let mut backwards = Bandit::new(settings, 1).unwrap();
        for batch in events.rchunks(37) {
            let twice = batch.iter().rev().chain(batch).cloned();
            assert_eq!(backwards.update_all(twice).unwrap(), batch.len());
            assert_eq!(backwards.update_all(batch.to_vec()).unwrap(), 0);
        }
        let (a, b) = (&straight.posterior, &backwards.posterior);
        assert_near(&a.mean, &b.mean, 1e-9);
        assert_near(&a.precision, &b.precision, 1e-9);
    }
}

#[test]
fn derivatives_agree_with_differences() {
    for settings in both() {
        let mut events = mixed(3, 12);
        events[0].ticked = vec![Signal::Audience, Signal::Rights];
        let mut bandit = Bandit::new(settings, 1).unwrap();
        bandit.update_all(events).unwrap();
        let at = |theta: &[f64], order| {
            objective(
                &bandit.model,
                &bandit.log,
                &bandit.groups,
                None,
                theta,
                order,
            )
        };
        // Not at the mode, where the gradient is 0.
        let mut random = random::Normals::new(4);
        let mean = bandit.posterior.mean.iter();
        let theta: Vec<f64> = mean.map(|m| m + 0.3 * random.one()).collect();
        let here = at(&theta, Order::Second);
        let size = theta.len();
        for parameter in 0..size {
            let moved = |by: f64| {
                let mut moved = theta.clone();
                moved[parameter] += by;
                at(&moved, Order::First)
            };
            let (up, down) = (moved(1e-5), moved(-1e-5));
            let slope = (up.value - down.value) / 2e-5;
            assert!((slope - here.gradient[parameter]).abs() < 1e-6);
            for other in 0..size {
                let curvature = (up.gradient[other] - down.gradient[other]) / 2e-5;
                let analytic = here.curvature[parameter * size + other];
                assert!(
                    (curvature - analytic).abs() < 1e-6,
                    "{curvature} {analytic}"
                );
            }
        }
    }
}

/// Feedback of somebody who always picks the film with the largest curator signal.
fn consistent(seed: u64, count: usize) -> Vec<SlateFeedback> {
    let mut events = slates(seed, count, 5);
    for event in &mut events {
        let best = (0..5).max_by(|a, b| event.shown[*a][0].total_cmp(&event.shown[*b][0]));
        event.outcome = Outcome::OnePick(best);
    }
    events
}

fn variances(bandit: &Bandit) -> Vec<f64> {
    let size = bandit.posterior.mean.len();
    let precision: Vec<Vec<f64>> = bandit
        .posterior
        .precision
        .chunks(size)
        .map(<[f64]>::to_vec)
        .collect();
    match bandit.settings().sampler {
        Sampler::Softmax => (0..size).map(|at| 1.0 / precision[at][at]).collect(),
        Sampler::Logistic => (0..size)
            .map(|at| {
                let mut unit = vec![0.0; size];
                unit[at] = 1.0;
                eliminate(precision.clone(), unit)[at]
            })
            .collect(),
    }
}

#[test]
fn the_deviation_of_no_parameter_rises_under_consistent_feedback() {
    for settings in both() {
        let mut bandit = Bandit::new(settings, 1).unwrap();
        let mut before = variances(&bandit);
        for event in consistent(5, 60) {
            bandit.update(event).unwrap();
            let after = variances(&bandit);
            for (after, before) in after.iter().zip(&before) {
                assert!(*after <= before * (1.0 + 1e-12));
            }
            before = after;
        }
        assert!(
            before[bandit.model.features]
                < 0.9
                    * variances(&Bandit::new(bandit.settings().clone(), 1).unwrap())
                        [bandit.model.features]
        );
    }
}

#[test]
fn with_forgetting_no_deviation_exceeds_the_prior() {
    for mut settings in both() {
        settings.forgetting = 0.9;
        let mut bandit = Bandit::new(settings, 1).unwrap();
        let prior = variances(&bandit);
        for (at, mut event) in consistent(6, 200).into_iter().enumerate() {
            if at >= 100 {
                // Items that say nothing: what was learned is forgotten.
                event.shown = vec![[0.5; SIGNALS]; 5];
            }
            bandit.update(event).unwrap();
            if at % 20 == 0 {
                for (now, prior) in variances(&bandit).iter().zip(&prior) {
                    assert!(*now <= prior * (1.0 + 1e-9));
                }
            }
        }
        let signals = bandit.model.features..;
        for (now, prior) in variances(&bandit)[signals.clone()]
            .iter()
            .zip(&prior[signals])
        {
            assert!(*now > 0.99 * prior);
        }
        let mean = &bandit.posterior.mean[bandit.model.features..];
        let prior_mean = &bandit.model.prior_mean[bandit.model.features..];
        assert_near(mean, prior_mean, 0.05);
    }
}

#[test]
fn forgetting_weighs_an_event_by_those_after_it() {
    for mut settings in both() {
        settings.forgetting = 0.8;
        let events = slates(7, 6, 3);
        let mut bandit = Bandit::new(settings.clone(), 1).unwrap();
        for event in &events {
            bandit.update(event.clone()).unwrap();
        }
        let reference = Reference::of(&settings);
        let (prior, precision) = reference.prior();
        let size = prior.len();
        let mut expected: Vec<f64> = vec![0.0; size * size];
        for at in 0..size {
            expected[at * size + at] = precision[at];
        }
        for (at, event) in events.iter().enumerate() {
            let weight = 0.8_f64.powi(5 - at as i32);
            let one = reference
                .information(&prior, std::slice::from_ref(event))
                .concat();
            for (place, (sum, entry)) in expected.iter_mut().zip(one).enumerate() {
                let h0 = if place % (size + 1) == 0 {
                    precision[place / size]
                } else {
                    0.0
                };
                *sum += weight * (entry - h0);
            }
        }
        assert_near(&bandit.posterior.precision, &expected, 1e-9);
    }
}

#[test]
fn rejections_are_learned() {
    for settings in both() {
        let mut bandit = Bandit::new(settings, 1).unwrap();
        let mut events = slates(8, 200, 4);
        for event in &mut events {
            event.outcome = Outcome::OnePick(None);
        }
        let (context, shown) = (events[0].context, events[0].shown.clone());
        bandit.update_all(events).unwrap();
        let picked: f64 = bandit.pick_probabilities(&context, &shown).iter().sum();
        assert!(picked < 0.1, "{picked}");
    }
}

#[test]
fn ticked_signals_weigh_more() {
    for settings in both() {
        let events = slates(9, 50, 4);
        let (mut plain, mut ticked) = (
            Bandit::new(settings.clone(), 1).unwrap(),
            Bandit::new(settings, 1).unwrap(),
        );
        plain.update_all(events.clone()).unwrap();
        let tick = |mut event: SlateFeedback| {
            event.ticked = vec![Signal::Rights];
            event
        };
        ticked.update_all(events.into_iter().map(tick)).unwrap();
        let mut random = random::Normals::new(1);
        let context = context(&mut random);
        let rights = Signal::Rights.index();
        let (with, without) = (ticked.weights(&context), plain.weights(&context));
        assert!(with[rights].mean > without[rights].mean);
    }
}

#[test]
fn many_events_are_folded_and_little_is_lost() {
    let settings = Settings::logistic();
    let events = consistent(10, MAX_EVENTS + 1);
    let mut folding = Bandit::new(settings.clone(), 1).unwrap();
    folding.update_all(events.clone()).unwrap();
    assert!(folding.folded.is_some());
    assert_eq!(folding.log.events.len(), MAX_EVENTS + 1 - MAX_EVENTS / 2);
    // The last event is known to both; what is folded holds the mode where it was.
    let mut exact = Bandit::new(settings, 1).unwrap();
    exact.update_all(events[..MAX_EVENTS].to_vec()).unwrap();
    assert_near(&folding.posterior.mean, &exact.posterior.mean, 0.02);
    assert!(
        !folding.update(events[0].clone()).unwrap(),
        "a folded event is known"
    );
}
