//! A seeded simulator that compares policies in invented worlds by their cumulative regret: the
//! expected number of items taken from the best slates, less that of the slates shown.

mod original;
mod policies;
mod report;
mod world;

use rayon::prelude::*;

use super::SlateFeedback;
use super::random::nth_seed;

pub use policies::Policy;
pub use report::{Cell, Table};
pub use world::{Choice, Round, Scenario, Taste, World};

impl Scenario {
    /// The scenarios of the table in `docs/slates.md`.
    pub fn all() -> Vec<Self> {
        let one_pick = Self {
            name: "one pick",
            choice: Choice::OnePick,
            taste: Taste::Shares,
            candidates: 40,
            fixed: false,
            length: 5,
            misspecified: 0.0,
            batch: 1,
            past_picks: 0,
            rounds: 2000,
        };
        vec![
            one_pick.clone(),
            Self {
                name: "independent",
                choice: Choice::Independent,
                ..one_pick.clone()
            },
            Self {
                name: "late batches",
                batch: 100,
                ..one_pick.clone()
            },
            Self {
                name: "misspecified",
                misspecified: 0.7,
                ..one_pick.clone()
            },
            Self {
                name: "warm start",
                past_picks: 300,
                ..one_pick.clone()
            },
            Self {
                name: "small library",
                candidates: 12,
                fixed: true,
                length: 3,
                ..one_pick.clone()
            },
            Self {
                name: "large library",
                candidates: 500,
                length: 10,
                ..one_pick.clone()
            },
            Self {
                name: "smooth context",
                taste: Taste::Smooth,
                ..one_pick.clone()
            },
            Self {
                name: "any sign",
                taste: Taste::Signed,
                ..one_pick.clone()
            },
            Self {
                name: "any sign, independent",
                taste: Taste::Signed,
                choice: Choice::Independent,
                ..one_pick
            },
        ]
    }
}

/// Plays a policy in the world of a seed; answers the regret of each round. The seed of the world
/// does not depend on the policy.
pub fn regrets(scenario: &Scenario, policy: &Policy, seed: u64) -> Vec<f64> {
    let mut world = World::new(scenario, nth_seed(seed, 0));
    let mut player = policy.player(nth_seed(seed, 1));
    let past = world.past_picks();
    if !past.is_empty() {
        player.learn(past, true);
    }
    let mut waiting: Vec<SlateFeedback> = Vec::new();
    let mut out = Vec::with_capacity(scenario.rounds);
    for at in 0..scenario.rounds {
        let round = world.round();
        let slate = player.choose(&round.context, &round.candidates, scenario.length);
        let best = round.best(scenario.length);
        out.push(round.value(scenario.choice, &best) - round.value(scenario.choice, &slate));
        waiting.push(SlateFeedback {
            event: at as u128,
            context: round.context,
            outcome: world.choose(&round, &slate),
            shown: slate.iter().map(|at| round.candidates[*at]).collect(),
            ticked: Vec::new(),
        });
        if waiting.len() >= scenario.batch {
            player.learn(std::mem::take(&mut waiting), false);
        }
    }
    out
}

/// Plays each policy in each scenario with the seeds `0..seeds`, on all threads.
pub fn compare(scenarios: &[Scenario], policies: &[Policy], seeds: u64) -> Table {
    let cell = |scenario: &Scenario, policy: &Policy| {
        let totals: Vec<f64> = (0..seeds)
            .into_par_iter()
            .map(|seed| regrets(scenario, policy, seed).iter().sum())
            .collect();
        Cell::of(&totals)
    };
    Table {
        scenarios: scenarios.iter().map(|one| one.name).collect(),
        rows: policies
            .iter()
            .map(|policy| {
                let cells = scenarios.iter().map(|one| cell(one, policy)).collect();
                (policy.name(), cells)
            })
            .collect(),
    }
}
