//! The lists of users that a training stores.

use rayon::prelude::*;
use uuid::Uuid;

use super::data::Data;
use super::{ENOUGH, explain};
use crate::foundation::{Error, Result};
use crate::platform::db::copy::Rows;
use crate::ranking::collaborative::Model;
use crate::ranking::top;

/// The rows of these users in `batch_recommendations`, and how many of them have enough.
pub(super) fn lists(
    data: &Data,
    maths: &Model,
    users: &[u32],
    keep: usize,
    model: Uuid,
) -> Result<(Rows, usize)> {
    let offered = data.offered.iter().filter(|offered| **offered).count();
    let of_user = |user: &u32| {
        let row = *user as usize;
        let (items, weights) = data.positive.row(row);
        let past: Vec<(u32, f32)> = items.iter().copied().zip(weights.iter().copied()).collect();
        let mut scores = Vec::new();
        maths.scores(&past, &mut scores).map_err(explain)?;
        for (score, offered) in scores.iter_mut().zip(&data.offered) {
            if !offered {
                *score = f32::NAN; // no place in a list
            }
        }
        let met = data.met.row(row).0;
        let best = top::best(&scores, keep, met);
        let wanted: Vec<u32> = best.iter().map(|(item, _)| *item).collect();
        let reasons = maths.explain(&past, &wanted).map_err(explain)?;
        let enough = best.len() >= ENOUGH.min(keep) || best.len() + met.len() >= offered;
        Ok::<_, Error>((*user, best, reasons, enough))
    };
    let drawn: Vec<_> = users.par_iter().map(of_user).collect::<Result<_>>()?;
    let mut rows = Rows::new();
    let mut served = 0;
    for (user, best, reasons, enough) in drawn {
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
