//! The gates of the samplers. Reference values are computed here by other means.

mod artifact;
mod channels;
mod draws;
mod evaluation;
mod judging;
mod off_policy;
mod posterior;
mod protocol;
mod simulation;

use super::random::Normals;
use super::*;
use rand::RngExt;

/// A seeded stream of slates in contexts that vary.
pub(super) fn slates(seed: u64, count: usize, length: usize) -> Vec<SlateFeedback> {
    let mut random = Normals::new(seed);
    (0..count)
        .map(|at| {
            let shown: Vec<Signals> = (0..length)
                .map(|_| [(); SIGNALS].map(|()| random.uniform.random()))
                .collect();
            let pick = random.uniform.random_range(0..=length);
            SlateFeedback {
                event: at as u128,
                context: context(&mut random),
                shown,
                outcome: Outcome::OnePick((pick < length).then_some(pick)),
                ticked: Vec::new(),
            }
        })
        .collect()
}

pub(super) fn context(random: &mut Normals) -> SlateContext {
    let hour = random.uniform.random_range(0..24);
    let weekday = random.uniform.random_range(0..7);
    SlateContext::new(hour, weekday, random.uniform.random_range(1..=12), 0).unwrap()
}

pub(super) fn both() -> [Settings; 2] {
    [Settings::softmax(), Settings::logistic()]
}
