//! Confirmation and blending: what was explored is trained as it would be served, beside the
//! reference recipe and popularity, and weighed.

use super::super::collaborative::{CollaborativeError, Kind, Part, Recipe, Trained};
use super::super::symmetric::{Observer, Stopped};
use super::blending::{Blending, GRID, Weights};
use super::cost::Size;
use super::explore::Explored;
use super::family::{Family, Scale, WIDTH, width_at};
use super::fold::Fold;
use super::lattice::Position;
use super::{Choice, EXPLORED_WIDTH, Effort, Meter, Plan, Stage, Trial, limited, mean};

/// The share of the search that is kept for blending.
const BLENDING: f64 = 0.15;

/// What confirmation needs to know.
pub(super) struct Confirming<'a, 'b, 'c> {
    pub folds: &'a [Fold],
    pub effort: &'a Effort,
    /// How large the data is that the choice will be trained on.
    pub dense: Size,
    pub scale: Scale,
    pub plan: &'a Plan,
    pub explored: Vec<Explored>,
    /// How much of the search is kept for a part that comes later.
    pub kept: f64,
    pub meter: Meter<'b, 'c>,
    pub trials: Vec<Trial>,
}

/// One part that may get a weight.
struct Member {
    /// As it would be trained in the end.
    kind: Kind,
    /// The family whose leader it is.
    leads: Option<usize>,
    /// As trained on each fold.
    trained: Vec<Trained>,
    quality: f64,
}

/// Confirms, blends and chooses.
///
/// # Errors
/// As [`super::choose`].
pub(super) fn confirm(mut all: Confirming) -> Result<Choice, CollaborativeError> {
    let mut members: Vec<Member> = Vec::new();
    // Popularity is always there: it decides where no other part says anything.
    let popular = all.member(Kind::Popular, &mut members)?;
    let mut reference: Option<Vec<(usize, f32)>> = None;
    if all.plan.compare {
        let mut parts = Vec::new();
        for part in &all.plan.reference.parts {
            let member = all.member(part.kind.clone(), &mut members)?;
            parts.push((member, part.weight));
        }
        reference = Some(parts);
    }
    let explored = std::mem::take(&mut all.explored);
    // Factors come last, since they take what time is left to become wider; until then the time
    // for their first width is kept.
    let last = |at: &usize| explored[*at].family == Family::Ials;
    let mut order: Vec<usize> = (0..explored.len()).collect();
    order.sort_by_key(last);
    if let Some(position) = order
        .last()
        .filter(|at| last(at))
        .and_then(|at| explored[*at].best())
    {
        let mut position = position.clone();
        position[WIDTH] = width_at(FIRST_WIDTH);
        let (plan, scale) = (all.plan, all.scale);
        let kind = scale.kind(Family::Ials, &position, &plan.given, plan.seed);
        all.kept = all.cost(&kind);
    }
    for family in order {
        if explored[family].family == Family::Ials {
            all.kept = 0.0;
        }
        if let Some(leader) = all.leader(&explored[family], &mut members)? {
            members[leader].leads = Some(family);
        }
        if explored[family].family == Family::Slim {
            all.sparse(&mut members)?;
        }
    }
    all.weigh(members, popular, reference)
}

impl Confirming<'_, '_, '_> {
    /// The place of a part among the members; trains and judges it if it is new.
    fn member(
        &mut self,
        kind: Kind,
        members: &mut Vec<Member>,
    ) -> Result<usize, CollaborativeError> {
        if let Some(known) = members.iter().position(|member| member.kind == kind) {
            return Ok(known);
        }
        members.push(self.attempt(kind)?);
        Ok(members.len() - 1)
    }

    fn attempt(&mut self, kind: Kind) -> Result<Member, CollaborativeError> {
        Recipe::of(kind.clone()).check()?;
        let cheap = limited(kind.clone(), self.effort.confirming_items);
        let cost = self.cost(&kind);
        let folds = self.folds.len() as f32;
        let mut trained = Vec::with_capacity(self.folds.len());
        let mut sum = 0.0;
        for (at, fold) in self.folds.iter().enumerate() {
            let meter = &mut self.meter;
            let within: &mut Observer =
                &mut |done| meter.within(cost * f64::from((at as f32 + done) / folds));
            let part = fold.train(&cheap, within)?;
            sum += mean(&fold.judge(&part, within)?);
            trained.push(part);
        }
        self.meter.spend(cost);
        let quality = sum / self.folds.len() as f64;
        self.trials.push(Trial {
            recipe: Recipe::of(kind.clone()),
            quality,
            stage: Stage::Confirmation,
        });
        Ok(Member {
            kind,
            leads: None,
            trained,
            quality,
        })
    }

    fn cost(&self, kind: &Kind) -> f64 {
        let size = self.dense.share(self.effort.confirming_users);
        let judged = self.folds.iter().map(|fold| fold.users().len() as f64);
        let training = size.of_kind(&limited(kind.clone(), self.effort.confirming_items));
        training * self.folds.len() as f64 + size.of_ranking(judged.sum())
    }

    /// Whether there is time to try a kind, and to train it if it is chosen.
    fn affords(&self, kind: &Kind) -> bool {
        let left = (1.0 - BLENDING) * self.effort.search - self.meter.spent() - self.kept;
        self.cost(kind) <= left && self.dense.of_kind(kind) <= self.effort.training
    }

    /// The sparse linear model with few weights. Alone it is better with many, as those of the dense
    /// models; beside those it is the few that add something.
    fn sparse(&mut self, members: &mut Vec<Member>) -> Result<(), CollaborativeError> {
        let (plan, scale) = (self.plan, self.scale);
        let axes = scale.axes(Family::Slim, &plan.given);
        let start: Position = axes.iter().map(|axis| axis.start).collect();
        let kind = scale.kind(Family::Slim, &start, &plan.given, plan.seed);
        if plan.compare && self.affords(&kind) {
            self.member(kind, members)?;
        }
        Ok(())
    }

    /// The best of a family as it would be served, factors as wide as it pays; nothing if there is
    /// no time for it.
    fn leader(
        &mut self,
        explored: &Explored,
        members: &mut Vec<Member>,
    ) -> Result<Option<usize>, CollaborativeError> {
        let Some(best) = explored.best().cloned() else {
            return Ok(None);
        };
        let (plan, scale) = (self.plan, self.scale);
        let kind =
            |position: &Position| scale.kind(explored.family, position, &plan.given, plan.seed);
        if explored.family != Family::Ials || plan.given.factors.is_some() {
            let kind = kind(&best);
            // Without anything to compare with, there must be a leader at any cost.
            if plan.compare && !self.affords(&kind) {
                return Ok(None);
            }
            return self.member(kind, members).map(Some);
        }
        let wide = |width: usize| {
            let mut position = best.clone();
            position[WIDTH] = width_at(width);
            kind(&position)
        };
        let mut width = FIRST_WIDTH;
        while width > NARROWEST && !self.affords(&wide(width)) {
            width /= 2;
        }
        if plan.compare && !self.affords(&wide(width)) {
            return Ok(None);
        }
        let first = width;
        let mut leader = self.attempt(wide(width))?;
        for up in [true, false] {
            loop {
                let next = if up { width * 2 } else { width / 2 };
                if !(NARROWEST..=WIDEST).contains(&next) || !self.affords(&wide(next)) {
                    break;
                }
                let other = self.attempt(wide(next))?;
                if other.quality <= leader.quality {
                    break;
                }
                (leader, width) = (other, next);
            }
            if width != first {
                break;
            }
        }
        if let Some(known) = members.iter().position(|member| member.kind == leader.kind) {
            return Ok(Some(known));
        }
        members.push(leader);
        Ok(Some(members.len() - 1))
    }

    /// Finds the weights of the members and chooses.
    fn weigh(
        mut self,
        members: Vec<Member>,
        popular: usize,
        reference: Option<Vec<(usize, f32)>>,
    ) -> Result<Choice, CollaborativeError> {
        let alone = |part: usize| -> Weights {
            let mut weights = vec![0; members.len()];
            weights[part] = GRID;
            weights
        };
        let mut kinds = Vec::with_capacity(members.len());
        let mut trained: Vec<(&Fold, Vec<Trained>)> =
            self.folds.iter().map(|fold| (fold, Vec::new())).collect();
        let leaders: Vec<Trial> = {
            let mut leading: Vec<&Member> = members
                .iter()
                .filter(|member| member.leads.is_some())
                .collect();
            leading.sort_by_key(|member| member.leads);
            let shown = leading.iter().map(|member| Trial {
                recipe: Recipe::of(member.kind.clone()),
                quality: member.quality,
                stage: Stage::Confirmation,
            });
            shown.collect()
        };
        let mut starts: Vec<Weights> = Vec::new();
        let mut eligible = vec![false; members.len()];
        for (at, member) in members.iter().enumerate() {
            eligible[at] = self.plan.compare || member.leads.is_some();
            if eligible[at] {
                starts.push(alone(at));
            }
        }
        for member in members {
            for ((_, parts), part) in trained.iter_mut().zip(member.trained) {
                parts.push(part);
            }
            kinds.push(member.kind);
        }
        let budget = self.effort.training;
        let dense = self.dense;
        let reference = reference.and_then(|parts| on_grid(&parts, kinds.len()));
        let costs: Vec<f64> = kinds.iter().map(|kind| dense.of_kind(kind)).collect();
        let usual = reference.clone();
        let allowed = move |weights: &Weights| {
            let used = || {
                weights
                    .iter()
                    .enumerate()
                    .filter(|(_, tenths)| **tenths > 0)
            };
            let cost: f64 = used().map(|(at, _)| costs[at]).sum();
            used().all(|(at, _)| eligible[at])
                && (cost <= budget || Some(weights) == usual.as_ref())
        };
        let meter = &mut self.meter;
        let left = (meter.all - meter.spent).max(0.0);
        let mut blending = Blending::new(&trained, popular, &mut |done| {
            meter.within(0.5 * left * f64::from(done))
        })?;
        drop(trained);
        starts.retain(&allowed);
        let mut best_first = starts.clone();
        best_first.sort_by(|a, b| blending.quality(b).total_cmp(&blending.quality(a)));
        let mut visited: Vec<Weights> = Vec::new();
        let from = reference.iter().chain(best_first.first()).cloned();
        for start in from.collect::<Vec<_>>() {
            visited.extend(blending.climb(start, &allowed, &mut |_| meter.within(0.5 * left))?);
        }
        let popular = self.plan.compare.then(|| alone_of(popular, kinds.len()));
        // Never worse than what needs no search.
        let floor = reference
            .iter()
            .chain(&popular)
            .map(|weights| blending.quality(weights))
            .fold(0.0, f64::max);
        visited.extend(popular.clone());
        let mut chosen: Option<&Weights> = None;
        for weights in &visited {
            let good = blending.quality(weights) >= floor;
            let better = chosen.is_none_or(|best| blending.smooth(weights) > blending.smooth(best));
            if good && better {
                chosen = Some(weights);
            }
        }
        let Some(chosen) = chosen.or(best_first.first()).cloned() else {
            return Err(CollaborativeError::NoInteractions);
        };
        let chosen = blending.evened(&chosen, &allowed, floor);
        let each = blending.each(&chosen);
        let users = each.len() as f64 / self.folds.len() as f64;
        let centre = mean(&each);
        let squares = each.iter().map(|quality| (quality - centre).powi(2));
        let error = (squares.sum::<f64>() / each.len().max(1) as f64 / users.max(1.0)).sqrt();
        let recipe = Recipe {
            parts: kinds
                .into_iter()
                .zip(&chosen)
                .filter(|(_, tenths)| **tenths > 0)
                .map(|(kind, tenths)| Part {
                    weight: *tenths as f32 / GRID as f32,
                    kind,
                })
                .collect(),
        };
        let quality = blending.quality(&chosen);
        self.trials.push(Trial {
            recipe: recipe.clone(),
            quality,
            stage: Stage::Confirmation,
        });
        if self.meter.finish().is_break() {
            return Err(Stopped.into());
        }
        Ok(Choice {
            recipe,
            quality,
            error,
            leaders,
            reference: reference.map(|weights| blending.quality(&weights)),
            popularity: popular.map(|weights| blending.quality(&weights)),
            trials: self.trials,
        })
    }
}

/// The widths of factors between which is chosen, and the first that is tried.
const NARROWEST: usize = 16;
const FIRST_WIDTH: usize = 2 * EXPLORED_WIDTH;
const WIDEST: usize = 512;

fn alone_of(part: usize, parts: usize) -> Weights {
    let mut weights = vec![0; parts];
    weights[part] = GRID;
    weights
}

/// The weights of a recipe as tenths; nothing if they do not add up to something.
fn on_grid(parts: &[(usize, f32)], members: usize) -> Option<Weights> {
    let sum: f32 = parts.iter().map(|(_, weight)| weight).sum();
    let mut weights = vec![0; members];
    let mut given = 0;
    for (at, weight) in parts {
        let tenths = (GRID as f32 * weight / sum).round() as usize;
        let tenths = tenths.min(GRID - given);
        weights[*at] += tenths;
        given += tenths;
    }
    // What rounding leaves over goes to the first.
    weights[parts.first()?.0] += GRID - given;
    Some(weights)
}
