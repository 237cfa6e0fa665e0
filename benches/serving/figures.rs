//! The figures of push and of jobs, for people and for programs.

use serde::Serialize;

use crate::process;

/// What a run has found out.
#[derive(Serialize)]
pub struct Figures {
    what: &'static str,
    machine: String,
    load_before: f64,
    notes: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    unit: &'static str,
    spread: Spread,
}

/// The same figure of several rounds.
#[derive(Clone, Copy, Serialize)]
pub struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

impl Spread {
    /// Of these, of which there should be at least one.
    pub fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut all: Vec<f64> = figures.collect();
        all.sort_unstable_by(f64::total_cmp);
        let at = |index: usize| all.get(index).copied().unwrap_or(f64::NAN);
        Self {
            min: at(0),
            median: at(all.len().saturating_sub(1) / 2),
            max: at(all.len().saturating_sub(1)),
        }
    }
}

impl Figures {
    /// None yet.
    pub fn new(what: &'static str) -> Self {
        Self {
            what,
            machine: process::machine(),
            load_before: process::load(),
            notes: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// What was set, or is to be known beside the figures.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// A figure that was taken once.
    pub fn one(&mut self, name: &str, unit: &'static str, figure: f64) {
        self.spread(name, unit, Spread::of(std::iter::once(figure)));
    }

    /// A figure of several rounds.
    pub fn spread(&mut self, name: &str, unit: &'static str, spread: Spread) {
        let name = name.to_owned();
        self.rows.push(Row { name, unit, spread });
    }

    /// As a table.
    pub fn text(&self) -> String {
        let mut text = format!("\n{}; load before: {:.2}\n", self.machine, self.load_before);
        for note in &self.notes {
            text.push_str(&format!("{note}\n"));
        }
        text.push_str(&format!(
            "\n{:<48} {:>10} {:>10} {:>10}\n",
            self.what, "min", "median", "max"
        ));
        for Row { name, unit, spread } in &self.rows {
            let Spread { min, median, max } = *spread;
            let once = min.total_cmp(&max).is_eq();
            let figure = |figure: f64| format!("{figure:.2}");
            let (min, max) = if once {
                (String::new(), String::new())
            } else {
                (figure(min), figure(max))
            };
            text.push_str(&format!(
                "{name:<48} {min:>10} {:>10} {max:>10} {unit}\n",
                figure(median)
            ));
        }
        text
    }
}
