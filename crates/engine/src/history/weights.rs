//! What each kind of interaction says of taste, how fast that fades, and for how long the item
//! stays out of lists afterwards.

use chrono::{DateTime, TimeDelta, Utc};

use super::kind::InteractionKind;
use foundation::{Findings, Refusal};

/// The weights of all kinds, in one version. A version never changes: lists name the one they used.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightTable {
    /// Which version, from 1.
    pub version: i32,
    /// When this version was written.
    pub created_at: DateTime<Utc>,
    /// One row a kind, in the order of [`InteractionKind::ALL`].
    rows: Vec<WeightRow>,
}

/// What one kind of interaction says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightRow {
    /// Which kind.
    pub kind: InteractionKind,
    /// How much it says, from -1 (against) to 1 (for).
    pub weight: f32,
    /// After how long it says half as much; at least a second.
    pub half_life: TimeDelta,
    /// For how long the item stays out of the user's lists: zero is not at all, `None` for good.
    pub exclude_for: Option<TimeDelta>,
}

/// A change of one row: what is `None` stays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightChange {
    /// Of which kind.
    pub kind: InteractionKind,
    /// How much it says, from -1 to 1.
    pub weight: Option<f32>,
    /// After how many seconds it says half as much, at least 1.
    pub half_life_seconds: Option<i32>,
    /// For how many seconds the item stays out: zero is not at all, the inner `None` for good.
    pub exclude_for_seconds: Option<Option<i32>>,
}

/// The middle of the stars: a rating above it speaks for the item, one below it against.
pub const NEUTRAL_STARS: f32 = 2.5;

impl WeightTable {
    /// The table of these rows.
    ///
    /// # Errors
    /// When a kind is missing or there twice.
    pub fn new(
        version: i32,
        created_at: DateTime<Utc>,
        mut rows: Vec<WeightRow>,
    ) -> anyhow::Result<Self> {
        rows.sort_by_key(|row| row.kind);
        anyhow::ensure!(
            rows.iter()
                .map(|row| row.kind)
                .eq(InteractionKind::ALL.iter().copied()),
            "version {version} of the interaction weights does not hold each kind once"
        );
        Ok(Self {
            version,
            created_at,
            rows,
        })
    }

    /// One row a kind, in the order of [`InteractionKind::ALL`].
    pub fn rows(&self) -> &[WeightRow] {
        &self.rows
    }

    /// The row of `kind`.
    pub fn row(&self, kind: InteractionKind) -> &WeightRow {
        // `new` checked that the rows are in this order and complete.
        &self.rows[kind as usize]
    }

    /// How much an interaction says of taste when it is fresh: its kind's weight, and for a rating
    /// that times `(stars − 2.5) / 2.5`, which is 1 for five stars, 0.2 for three and −0.8 for a
    /// half. A rating without stars says nothing.
    pub fn weight(&self, kind: InteractionKind, value: Option<f32>) -> f32 {
        let weight = self.row(kind).weight;
        match (kind, value) {
            (InteractionKind::Rating, Some(stars)) => {
                weight * (stars - NEUTRAL_STARS) / NEUTRAL_STARS
            }
            (InteractionKind::Rating, None) => 0.0,
            _ => weight,
        }
    }

    /// How much of that is left after `age`, 0 to 1.
    pub fn decay(&self, kind: InteractionKind, age: TimeDelta) -> f32 {
        self.row(kind).decay(age)
    }

    /// The rows of the next version.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for a value out of range or a kind that is changed twice.
    pub fn changed(&self, changes: &[WeightChange]) -> Result<Vec<WeightRow>, Refusal> {
        let mut rows = self.rows.clone();
        let mut findings = Findings::default();
        for (index, change) in changes.iter().enumerate() {
            let outer = || ["weights".to_owned(), index.to_string()];
            if changes[..index].iter().any(|seen| seen.kind == change.kind) {
                let message = "each kind once";
                findings.note(Refusal::invalid("kind", message).under(outer()));
            }
            let row = &mut rows[change.kind as usize];
            findings.take(change.apply(row).map_err(|refusal| refusal.under(outer())));
        }
        findings.finish().map(|()| rows)
    }
}

impl WeightRow {
    /// How much is left of the weight after `age`: half after one half-life, a quarter after two.
    /// What is yet to come counts whole.
    pub fn decay(&self, age: TimeDelta) -> f32 {
        let seconds = |span: TimeDelta| span.as_seconds_f64();
        let halvings = seconds(age).max(0.0) / seconds(self.half_life).max(1.0);
        0.5_f64.powf(halvings) as f32
    }
}

impl WeightChange {
    fn apply(&self, row: &mut WeightRow) -> Result<(), Refusal> {
        let mut findings = Findings::default();
        if let Some(weight) = self.weight {
            let good = (-1.0..=1.0).contains(&weight);
            findings.require(good, "weight", "a weight is between -1 and 1");
            row.weight = weight;
        }
        if let Some(seconds) = self.half_life_seconds {
            let message = "a half-life is at least 1 second";
            findings.require(seconds >= 1, "halfLifeSeconds", message);
            row.half_life = TimeDelta::seconds(seconds.into());
        }
        if let Some(seconds) = self.exclude_for_seconds {
            let message = "0 for not at all, null for good, or a number of seconds";
            let good = seconds.is_none_or(|seconds| seconds >= 0);
            findings.require(good, "excludeForSeconds", message);
            row.exclude_for = seconds.map(|seconds| TimeDelta::seconds(seconds.into()));
        }
        findings.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> WeightTable {
        let rows = InteractionKind::ALL.iter().map(|kind| WeightRow {
            kind: *kind,
            weight: 0.5,
            half_life: TimeDelta::seconds(600),
            exclude_for: Some(TimeDelta::seconds(60)),
        });
        WeightTable::new(1, DateTime::UNIX_EPOCH, rows.rev().collect()).unwrap()
    }

    #[test]
    fn a_rating_weighs_by_its_stars() {
        let table = table();
        let stars = |stars| table.weight(InteractionKind::Rating, Some(stars));
        assert!((stars(5.0) - 0.5).abs() < 1e-6);
        assert!(stars(2.5).abs() < 1e-6);
        assert!((stars(0.5) + 0.4).abs() < 1e-6);
        assert!((table.weight(InteractionKind::View, None) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn what_was_said_fades_by_half_each_half_life_and_never_grows() {
        let row = *table().row(InteractionKind::View);
        assert!((row.decay(TimeDelta::seconds(600)) - 0.5).abs() < 1e-6);
        assert!((row.decay(TimeDelta::seconds(1200)) - 0.25).abs() < 1e-6);
        assert!((row.decay(TimeDelta::seconds(-5)) - 1.0).abs() < 1e-6);
        assert!(row.decay(TimeDelta::MAX).abs() < 1e-6);
    }

    #[test]
    fn a_table_holds_each_kind_once() {
        let rows = table().rows;
        assert!(WeightTable::new(1, DateTime::UNIX_EPOCH, rows[1..].to_vec()).is_err());
        let twice = [rows.clone(), rows[..1].to_vec()].concat();
        assert!(WeightTable::new(1, DateTime::UNIX_EPOCH, twice).is_err());
    }
}
