//! How the served figure is printed.

use std::fmt::Write;

use crate::domain::recommendations::replay_evaluation::{ListQuality, ReplayReport};

/// The figure as lines for people, each ended.
pub(super) fn lines(figure: &ReplayReport) -> String {
    let mut lines = format!(
        "Lists as they are served, for {} users whose latest likes were held out (± standard error):\n\
         {:<16} {:>15} {:>15} {:>9} {:>13} {:>15}\n",
        figure.users, "", "NDCG@10", "recall@20", "coverage", "novelty, bits", "miscalibration",
    );
    let mut row = |name: &str, of: &ListQuality| {
        let estimate = |value: ranking::evaluation::Estimate| {
            format!("{:.4} ± {:.4}", value.mean, value.error)
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            lines,
            "{name:<16} {:>15} {:>15} {:>9.4} {:>13.2} {:>15}",
            estimate(of.ndcg_at_10),
            estimate(of.recall_at_20),
            of.coverage_at_10,
            of.novelty_at_10.mean,
            estimate(of.miscalibration_at_10),
        );
    };
    row("served", &figure.served);
    if figure.learned {
        row("configured", &figure.configured);
    }
    row("popularity", &figure.popularity);
    for (source, measures) in &figure.by_source {
        row(&source.to_lowercase(), measures);
    }
    let verdict = match (figure.ranker_gain, figure.learned) {
        (Some(gain), true) => format!(
            "The learned ranker serves: NDCG@10 {:+.4} ± {:.4} on users that it did not learn from.\n",
            gain.mean, gain.error
        ),
        (Some(gain), false) => format!(
            "The configured weights serve; learned ones would change NDCG@10 by {:+.4} ± {:.4}.\n",
            gain.mean, gain.error
        ),
        (None, _) => {
            "The configured weights serve: too few users to learn others from.\n".to_owned()
        }
    };
    lines + &verdict
}
