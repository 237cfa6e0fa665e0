//! `marquee import factors`

use std::path::PathBuf;

use clap::Args;

use super::Report;
use crate::app::commands::replay_report;
use crate::app::terminal::ProgressBar;
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::imports::{ImportEvent, Limits};
use crate::domain::recommendations::training::{FactorOptions, ItemFactors, TrainingResult};
use crate::foundation::Result;

/// Factors of items that were trained elsewhere, as a version of the collaborative model.
#[derive(Clone, Debug, Args)]
pub struct FactorArgs {
    /// Vectors of items: Parquet with `id` and `features` (as Spark's ALS saves its `itemFactors`) or with a
    /// column for each number, an NPZ with `ids` and `factors`, or CSV or TSV `id,f0,f1,…`, plain or gzipped.
    /// Vectors of users are not imported: users are folded in from their interactions in this schema.
    #[arg(long, value_name = "PATH")]
    pub items: PathBuf,
    /// Source of the ids, for example `movielens` [default: they are ids of this schema].
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// Keep the version as a candidate; activate it later with `marquee model activate`.
    #[arg(long)]
    pub candidate: bool,
    /// Activate the version even if it is worse than the active one.
    #[arg(long)]
    pub force: bool,
    /// Regularisation with which users are folded in [default: `training.regularisation`].
    #[arg(long, value_name = "NUMBER")]
    pub regularisation: Option<f32>,
    /// Weight of the items that a user did not take, when users are folded in [default:
    /// `training.unobserved_weight`].
    #[arg(long, value_name = "NUMBER")]
    pub unobserved_weight: Option<f32>,
}

/// Reads the vectors, and tells `report` of each that belongs to no item.
pub(super) async fn read(
    args: &FactorArgs,
    limits: Limits,
    services: &Services,
    report: &mut Report,
) -> Result<ItemFactors> {
    let (path, source) = (args.items.clone(), args.source.as_deref());
    let on_event = |event: ImportEvent| report.record(event);
    let imports = &services.imports;
    imports
        .read_item_factors(&Viewer::Command, path, source, limits, on_event)
        .await
}

/// Makes a version of the vectors and says what came of it.
pub(super) async fn serve(
    args: &FactorArgs,
    factors: ItemFactors,
    services: &Services,
) -> anyhow::Result<()> {
    let how = FactorOptions {
        force: args.force,
        candidate: args.candidate,
        unobserved_weight: args.unobserved_weight,
        regularisation: args.regularisation,
    };
    let width = factors.vectors.columns();
    let service = &services.recommendations;
    let bar = ProgressBar::new();
    let made = service
        .import_factors(&Viewer::Command, factors, how, bar)
        .await?;
    print!("{}", describe(&made, width, args.candidate));
    Ok(())
}

fn describe(made: &TrainingResult, width: usize, candidate: bool) -> String {
    let state = if candidate {
        "kept as a candidate"
    } else {
        "active"
    };
    let mut text = format!(
        "Model {} ({}, {}) is {state}: {} items with {width} factors, lists for {} users, {:.1} s.\n",
        made.model.version,
        made.model.algorithm,
        made.model.id,
        made.items,
        made.users,
        made.seconds
    );
    match &made.figure {
        Some(figure) => {
            text += &replay_report::lines(figure);
            text += "The factors may have been trained on the held-out interactions; then these figures are \
                     too high.\n";
        }
        None => text += "No user has taken enough to judge it by.\n",
    }
    text
}
