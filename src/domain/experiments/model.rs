//! What an experiment is.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::engine::source::Context;
use crate::foundation::page::Cursor;
use crate::foundation::{Findings, Id, Refusal, Result, id, text_enum};
use crate::platform::config::Blend;

/// The most experiments of a schema.
pub const MAX_EXPERIMENTS: u64 = 1_000;
/// The most variants of an experiment, the control among them.
pub const MAX_VARIANTS: usize = 10;
/// The longest name of an experiment or a variant, in characters.
pub const MAX_NAME: usize = 100;
/// The largest weight of a variant.
pub const MAX_WEIGHT: i32 = 1_000;

text_enum! {
    /// State of an experiment.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum ExperimentState {
        /// Created, and not started yet.
        Draft = "DRAFT",
        /// Users get the lists of their variants.
        Running = "RUNNING",
        /// Ended for good: all users get the usual lists again. The results remain.
        Stopped = "STOPPED",
    }
}

/// An experiment with recommendation lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// The id.
    pub id: Id<id::Experiment>,
    /// The unique name, 1 to 100 characters.
    pub name: String,
    /// Whether it runs.
    pub state: ExperimentState,
    /// The contexts of the lists that take part; empty for all.
    pub contexts: Vec<Context>,
    /// What it compares, the control first: 2 to 10.
    pub variants: Vec<Variant>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was stopped.
    pub stopped_at: Option<DateTime<Utc>>,
}

/// What an experiment compares: settings of lists, and a share of the users.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// The id, which lists keep.
    pub id: Id<id::Variant>,
    /// The name, 1 to 100 characters, unique within the experiment.
    pub name: String,
    /// The share of the users, relative to the other variants: 1 to 1,000.
    pub weight: i32,
    /// What differs from the configured settings; nothing for the control.
    pub overrides: Overrides,
}

/// Settings of lists in place of the configured ones; `None` leaves a setting as it is configured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Overrides {
    /// Whether the learned ranker is used where there is one: `blend.learned`.
    pub learned: Option<bool>,
    /// The setting `blend.batch`, 0 to 1.
    pub batch: Option<f32>,
    /// The setting `blend.long_term`, 0 to 1.
    pub long_term: Option<f32>,
    /// The setting `blend.query`, 0 to 1.
    pub query: Option<f32>,
    /// The setting `blend.similar`, 0 to 1.
    pub similar: Option<f32>,
    /// The setting `blend.meaning`, 0 to 1.
    pub meaning: Option<f32>,
    /// The diversity of lists whose request asks for none, 0 to 1.
    pub diversity: Option<f32>,
}

/// An experiment that is to be created.
#[derive(Clone, Debug, PartialEq)]
pub struct NewExperiment {
    /// The unique name.
    pub name: String,
    /// The contexts of the lists that take part; empty for all.
    pub contexts: Vec<Context>,
    /// Names, weights and overrides of the variants, the control first.
    pub variants: Vec<(String, i32, Overrides)>,
}

/// A variant together with its experiment.
#[derive(Clone, Debug)]
pub struct ExperimentVariant {
    /// The experiment.
    pub experiment: Arc<Experiment>,
    /// The place of the variant among those of the experiment, from 0, which is the control.
    pub index: usize,
}

impl ExperimentVariant {
    /// The variant itself; `None` for a place that the experiment does not have.
    pub fn variant(&self) -> Option<&Variant> {
        self.experiment.variants.get(self.index)
    }
}

impl Experiment {
    /// The place of the experiment in the list of all, the newest first.
    pub fn cursor(&self) -> Cursor {
        Cursor::new("id", false, Value::Null, self.id.uuid())
    }

    /// Whether lists of this context take part.
    pub fn covers(&self, context: Context) -> bool {
        self.contexts.is_empty() || self.contexts.contains(&context)
    }

    /// Whether a list could take part in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        Context::ALL
            .iter()
            .any(|context| self.covers(*context) && other.covers(*context))
    }

    /// The weights of the variants, in their order.
    pub fn weights(&self) -> Vec<f64> {
        let weights = self.variants.iter();
        weights.map(|variant| f64::from(variant.weight)).collect()
    }
}

impl Overrides {
    /// The blend with these settings.
    pub fn blend(&self, configured: &Blend) -> Blend {
        Blend {
            learned: self.learned.unwrap_or(configured.learned),
            batch: self.batch.unwrap_or(configured.batch),
            long_term: self.long_term.unwrap_or(configured.long_term),
            query: self.query.unwrap_or(configured.query),
            similar: self.similar.unwrap_or(configured.similar),
            meaning: self.meaning.unwrap_or(configured.meaning),
        }
    }

    /// Refuses what is out of range, and weights that would have no effect.
    fn check(&self) -> Result<(), Refusal> {
        let mut findings = Findings::default();
        for (field, value) in [
            ("batch", self.batch),
            ("longTerm", self.long_term),
            ("query", self.query),
            ("similar", self.similar),
            ("meaning", self.meaning),
            ("diversity", self.diversity),
        ] {
            let good = value.is_none_or(|value| (0.0..=1.0).contains(&value));
            findings.require(good, field, "this is between 0 and 1");
        }
        let weighs = self.batch.is_some() || self.long_term.is_some();
        findings.require(
            !weighs || self.learned == Some(false),
            "learned",
            "`batch` and `longTerm` do not count where a learned ranker serves; set `learned` to false with them",
        );
        findings.finish()
    }
}

impl NewExperiment {
    /// Removes the blanks around names, and contexts that come up twice.
    pub(super) fn tidy(&mut self) {
        self.name = self.name.trim().to_owned();
        for (name, ..) in &mut self.variants {
            *name = name.trim().to_owned();
        }
        let all = std::mem::take(&mut self.contexts);
        let named = |context: &&Context| all.contains(context);
        self.contexts = Context::ALL.iter().filter(named).copied().collect();
    }

    /// Checks everything that the database would refuse, and names the field that is wrong.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`].
    pub fn check(&self) -> Result<()> {
        let good =
            |name: &str| !name.contains('\0') && (1..=MAX_NAME).contains(&name.chars().count());
        let mut findings = Findings::default();
        let message = format!("1 to {MAX_NAME} characters");
        findings.require(good(&self.name), "name", &message);
        let many = (2..=MAX_VARIANTS).contains(&self.variants.len());
        let all = format!("2 to {MAX_VARIANTS} variants, the control first");
        findings.require(many, "variants", &all);
        let mut names = BTreeSet::new();
        // What is more than allowed was refused already.
        let variants = self.variants.iter().take(MAX_VARIANTS).enumerate();
        for (index, (name, weight, overrides)) in variants {
            let mut own = Findings::default();
            own.require(good(name), "name", &message);
            let once = names.insert(name);
            own.require(once, "name", "another variant has this name");
            let weights = format!("1 to {MAX_WEIGHT}");
            own.require((1..=MAX_WEIGHT).contains(weight), "weight", &weights);
            let control = index == 0;
            own.require(
                !control || *overrides == Overrides::default(),
                "overrides",
                "the first variant is the control, which overrides nothing",
            );
            own.take(overrides.check().map_err(|refusal| refusal.at("overrides")));
            let place = ["variants".to_owned(), index.to_string()];
            findings.take(own.finish().map_err(|refusal| refusal.under(place)));
        }
        Ok(findings.finish()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new() -> NewExperiment {
        let other = Overrides {
            diversity: Some(0.3),
            ..Overrides::default()
        };
        NewExperiment {
            name: "More different".to_owned(),
            contexts: Vec::new(),
            variants: vec![
                ("control".to_owned(), 1, Overrides::default()),
                ("diverse".to_owned(), 1, other),
            ],
        }
    }

    #[test]
    fn a_field_that_is_wrong_is_named() {
        assert!(new().check().is_ok());
        type Change = fn(&mut NewExperiment);
        let wrong: [(&[&str], Change); 9] = [
            (&["name"], |new| new.name.clear()),
            (&["name"], |new| new.name = "x".repeat(101)),
            (&["variants"], |new| new.variants.truncate(1)),
            (&["variants", "1", "name"], |new| {
                new.variants[1].0 = "control".to_owned();
            }),
            (&["variants", "0", "weight"], |new| new.variants[0].1 = 0),
            (&["variants", "1", "weight"], |new| new.variants[1].1 = 1001),
            (&["variants", "0", "overrides"], |new| {
                new.variants[0].2.learned = Some(false);
            }),
            (&["variants", "1", "overrides", "diversity"], |new| {
                new.variants[1].2.diversity = Some(f32::NAN);
            }),
            (&["variants", "1", "overrides", "learned"], |new| {
                new.variants[1].2.batch = Some(0.5);
            }),
        ];
        for (path, change) in wrong {
            let mut new = new();
            change(&mut new);
            let foundation::Error::Refused(refusal) = new.check().unwrap_err() else {
                panic!("{path:?}");
            };
            assert_eq!(refusal.path(), path);
        }
    }

    #[test]
    fn experiments_overlap_where_a_list_could_take_part_in_both() {
        let of = |contexts: &[Context]| Experiment {
            id: uuid::Uuid::nil().into(),
            name: String::new(),
            state: ExperimentState::Draft,
            contexts: contexts.to_vec(),
            variants: Vec::new(),
            created_at: DateTime::UNIX_EPOCH,
            started_at: None,
            stopped_at: None,
        };
        let (feed, search, all) = (of(&[Context::Feed]), of(&[Context::Search]), of(&[]));
        assert!(!feed.overlaps(&search));
        assert!(feed.overlaps(&feed) && feed.overlaps(&all) && all.overlaps(&search));
    }
}
