//! The lists of users that a training stores.

use rayon::prelude::*;
use uuid::Uuid;

use super::data::TrainingData;
use super::{ENOUGH, explain};
use crate::foundation::Result;
use crate::platform::db::copy::Rows;
use ranking::collaborative::{Model, Scored, TOGETHER};
use ranking::{Entry, top};

/// The rows of these users in `batch_recommendations`, and how many of them have enough.
pub(super) fn lists(
    data: &TrainingData,
    collaborative: &Model,
    users: &[u32],
    keep: usize,
    model: Uuid,
) -> Result<(Rows, usize)> {
    let offered = data.offered.iter().filter(|offered| **offered).count();
    let item = |user: &u32| -> Vec<Entry> { data.positive.entries(*user as usize).collect() };
    let of_user = |(user, item, mut scored): (u32, Vec<Entry>, Scored)| {
        for (score, offered) in scored.scores.iter_mut().zip(&data.offered) {
            if !offered {
                *score = f32::NAN; // no place in a list
            }
        }
        let out = data.out.row(user as usize).0;
        let best = top::best(&scored.scores, keep, out);
        let wanted: Vec<u32> = best.iter().map(|(item, _)| *item).collect();
        let reasons = collaborative
            .explain(&item, &scored, &wanted, |_| true)
            .map_err(explain)?;
        let enough = best.len() >= ENOUGH.min(keep) || best.len() + out.len() >= offered;
        Ok((user, best, reasons, enough))
    };
    let of_some = |users: &[u32]| {
        let histories: Vec<_> = users.iter().map(item).collect();
        let scored = collaborative.scores_of_each(&histories).map_err(explain)?;
        let all = users.iter().copied().zip(histories).zip(scored);
        all.map(|((user, item), scored)| of_user((user, item, scored)))
            .collect::<Result<Vec<_>>>()
    };
    let scored = users.par_chunks(TOGETHER).map(of_some);
    let scored: Vec<_> = scored.collect::<Result<_>>()?;
    let mut rows = Rows::new();
    let mut served = 0;
    for (user, best, reasons, enough) in scored.into_iter().flatten() {
        served += usize::from(enough);
        rows.plain(model)
            .plain(data.users[user as usize])
            .plains(best.iter().map(|(item, _)| data.items[*item as usize]))
            .plains(best.iter().map(|(_, score)| *score))
            .plains(reasons.iter().map(|reason| {
                if reason.contribution > 0.0 {
                    data.items[reason.because as usize]
                } else {
                    Uuid::nil()
                }
            }));
        rows.end();
    }
    Ok((rows, served))
}
